/* i40e_model_pci.c - the i40e model as a PCI function, and in the tree of a test: below a root
 * port.
 *
 * PCIe 7.5.3 (Express); what an X710 shows in lspci. */
#include "tests/models/i40e_model_internal.h"

#include "pci/pci_regs.h"

#define AER 0x100u
#define BAR_SIZE 0x800000u
#define MSIX_BAR 3u
#define MSIX_AT 0x70u
#define EXPRESS_AT 0xa0u
#define LINK_X8_8GT 0x83u

static bool flr_asked(const struct pcispace_device *d, unsigned offset, unsigned size)
{
    unsigned at = config_find_express(d) + PCI_EXPRESS_DEVICE_CTL;
    return offset <= at + 1 && offset + size > at && (config_get(d->config + at, 2) & CONFIG_FLR);
}

static void written(void *ctx, uint16_t offset, unsigned size)
{
    struct i40e_model *m = ctx;
    struct pcispace_device *d = &m->device;
    if (!flr_asked(d, offset, size))
        return;
    config_put(d->config + config_find_express(d) + PCI_EXPRESS_DEVICE_CTL, 0, 2);
    config_put(d->config + PCI_COMMAND, 0, 2);
    i40e_model_reset(m, I40E_RESET_PF);
}

static uint16_t device_id(const struct i40e_model *m)
{
    static const uint16_t ids[] = {
        [I40E_MODEL_X710] = 0x1572, [I40E_MODEL_XL710] = 0x1583, [I40E_MODEL_XXV710] = 0x158b
    };
    return ids[m->chip];
}

void i40e_model_config(struct i40e_model *m)
{
    struct pcispace_device *d = &m->device;
    pcispace_device_init(d, 0x8086, device_id(m), 0x020000);
    d->config_size = PCI_EXTENDED_SIZE;
    d->config[PCI_REVISION] = 2;
    config_put(d->config + PCI_SUBSYSTEM_VENDOR, 0x8086, 2);
    config_put(d->config + PCI_SUBSYSTEM, 0x0001, 2);
    d->config[CONFIG_INTERRUPT_PIN] = 1;
    d->capability_end = MSIX_AT;
    config_add_msix(d, I40E_MODEL_VECTORS, MSIX_BAR);
    d->capability_end = EXPRESS_AT;
    unsigned at = config_add_express(d, PCI_EXPRESS_ENDPOINT, true, false);
    config_put(d->config + at + PCI_EXPRESS_LINK_CAP, LINK_X8_8GT, 4);
    config_put(d->config + at + PCI_EXPRESS_LINK_STA, LINK_X8_8GT, 2);
    config_add_aer(d, AER, 0);
    d->bar[0] = (struct pcispace_bar){ BAR_SIZE, .is64 = true, .prefetchable = true };
    d->bar[MSIX_BAR] = (struct pcispace_bar){ 0x8000, .is64 = true, .prefetchable = true };
    d->bar_read = i40e_model_bar_read;
    d->bar_write = i40e_model_bar_write;
    d->config_written = written;
    d->ctx = m;
}
