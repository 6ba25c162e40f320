/* i40e_model_tree.c - the i40e model in the PCI tree of a test: below a root port. */
#include "tests/models/i40e_model_internal.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"

#define VF_ENABLE_US 100000u /* PCIe 9.3.3.3.1: so long VFs need not answer */
#define AER 0x100u
#define ACS 0x148u

static bool ari_forwarding(const struct i40e_model *m)
{
    unsigned at = config_find_express(&m->bridge) + PCI_EXPRESS_DEVICE_CTL2;
    return config_get(m->bridge.config + at, 2) & PCI_EXPRESS_ARI_FORWARDING;
}

/* A downstream port forwards to devices other than 0 only with ARI (PCIe 6.13). */
static bool vf_answers(void *ctx)
{
    const struct iavf_model *vf = ctx;
    const struct i40e_model *m = vf->owner;
    bool same_bus = i40e_model_sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_ARI;
    return m->vf_state[i40e_vf_index(m, vf)].present &&
           time_us() >= m->vfs_enabled_us + VF_ENABLE_US && (!same_bus || ari_forwarding(m));
}

/* PCIe 9.2.1.1.1: VF n's part of a VF BAR; the page size can widen it. */
static uint64_t vf_bar_at(void *ctx, unsigned bar)
{
    const struct iavf_model *vf = ctx;
    const struct i40e_model *m = vf->owner;
    unsigned n = i40e_vf_index(m, vf);
    uint64_t page =
        4096ull << __builtin_ctz((unsigned)i40e_model_sriov(m, PCI_SRIOV_PAGE_SIZE, 4) | 1u << 31);
    uint64_t base =
        i40e_model_sriov(m, PCI_SRIOV_BAR0 + 4 * bar, 8) & ~(uint64_t)PCI_BAR_MEMORY_FLAGS;
    if (!(i40e_model_sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_VF_MEMORY) ||
        !m->vf_state[n].present || !base)
        return 0;
    return base + n * max_u64(page, vf->device.bar[bar].size);
}

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
    for (unsigned n = 0; n < m->vfs; n++) {
        struct pcispace_device *d = &m->vf[n].device;
        d->answers = vf_answers;
        d->bar_at = vf_bar_at;
        pcispace_add_vf(d, &m->device, d->routing_offset);
    }
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

void i40e_model_found_vfs(struct i40e_model *m)
{
    for (unsigned n = 0; n < m->vfs; n++)
        m->vf[n].function = n < m->function->sriov->num_vfs ? m->function->sriov->vf[n] : NULL;
}
