/* i40e_model_tree.c - the i40e model in the PCI tree of a test: below a root port. */
#include "tests/models/i40e_model_internal.h"

#include "pci/pci_regs.h"

#define AER 0x100u
#define ACS 0x148u

static void bridge_init(struct i40e_model *m, unsigned slot)
{
    struct pcispace_device *d = &m->bridge;
    pcispace_bridge_init(d, 0x1b36, 0x000c);
    d->config_size = PCI_EXTENDED_SIZE;
    config_add_express(d, PCI_EXPRESS_ROOT_PORT, false, true);
    config_extended(d, AER, PCI_EXT_AER, 2, ACS);
    config_extended(d, ACS, PCI_EXT_ACS, 1, 0);
    config_put(d->config + ACS + PCI_ACS_CAPABILITY, 0x1f, 2);
    config_put(d->writable + ACS + PCI_ACS_CONTROL, 0x1f, 2);
    pcispace_add(d, NULL, slot, 0);
}

void i40e_model_attach(struct i40e_model *m, enum i40e_model_chip chip, unsigned pf,
                       const uint8_t mac[MAC_LEN], unsigned slot)
{
    i40e_model_power_on(m, chip, pf, mac);
    bridge_init(m, slot);
    pcispace_add(&m->device, &m->bridge, 0, 0);
}

void i40e_model_init(struct i40e_model *m, enum i40e_model_chip chip, unsigned pf,
                     const uint8_t mac[MAC_LEN])
{
    pcispace_reset();
    i40e_model_attach(m, chip, pf, mac, 4);
    pci_scan();
    i40e_model_found(m);
}

void i40e_model_found(struct i40e_model *m)
{
    int bus = pcispace_bus(&m->device);
    m->function = bus < 0 ? NULL : pci_find(PCI_BDF(0, bus, 0, 0));
}
