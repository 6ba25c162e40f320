/* ixgbe_model_tree.c - the ixgbe model in the PCI tree of a test: below a root port, or a lone VF.
 */
#include "tests/models/ixgbe_model_internal.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"
#include "tests/models/pcispace_config.h"

#define VF_ENABLE_US 100000u /* PCIe 9.3.3.3.1: so long VFs need not answer */
#define AER 0x100u
#define ACS 0x148u

static bool ari_forwarding(const struct ixgbe_model *m)
{
    unsigned at = config_find_express(&m->bridge) + PCI_EXPRESS_DEVICE_CTL2;
    return config_get(m->bridge.config + at, 2) & PCI_EXPRESS_ARI_FORWARDING;
}

/* A downstream port forwards to devices other than 0 only with ARI (PCIe 6.13). */
static bool vf_answers(void *ctx)
{
    const struct ixgbe_model_vf *vf = ctx;
    const struct ixgbe_model *m = vf->model;
    bool same_bus = (ixgbe_model_sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_ARI) != 0;
    return vf->present && time_us() >= m->vf_enabled_us + VF_ENABLE_US &&
           (!same_bus || ari_forwarding(m));
}

/* PCIe 9.2.1.1.1: VF n's part of a VF BAR; the page size can widen it. */
static uint64_t vf_bar_at(void *ctx, unsigned bar)
{
    const struct ixgbe_model_vf *vf = ctx;
    const struct ixgbe_model *m = vf->model;
    uint64_t size =
        4096ull << __builtin_ctz((unsigned)ixgbe_model_sriov(m, PCI_SRIOV_PAGE_SIZE, 4) | 1u << 31);
    if (!(ixgbe_model_sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_VF_MEMORY) || !vf->present)
        return 0;
    size = max_u64(size, IXGBE_MODEL_VF_BAR_SIZE);
    uint64_t base =
        ixgbe_model_sriov(m, IXGBE_MODEL_SRIOV_BAR0 + 4 * bar, 8) & ~(uint64_t)PCI_BAR_MEMORY_FLAGS;
    return base ? base + vf->index * size : 0;
}

static void bridge_init(struct ixgbe_model *m, unsigned slot)
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

void ixgbe_model_attach(struct ixgbe_model *m, enum ixgbe_model_chip chip,
                        const uint8_t mac[MAC_LEN], unsigned slot)
{
    ixgbe_model_power_on(m, chip, mac);
    bridge_init(m, slot);
    pcispace_add(&m->device, &m->bridge, 0, 0);
    ixgbe_model_config_vfs(m);
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++) {
        struct ixgbe_model_vf *vf = &m->vf[i];
        vf->device.answers = vf_answers;
        vf->device.bar_at = vf_bar_at;
        pcispace_add_vf(&vf->device, &m->device, (uint16_t)(0x180 + 2 * i));
    }
}

void ixgbe_model_init(struct ixgbe_model *m, enum ixgbe_model_chip chip, const uint8_t mac[MAC_LEN])
{
    pcispace_reset();
    ixgbe_model_attach(m, chip, mac, 4);
    pci_scan();
    ixgbe_model_found(m);
}

void ixgbe_model_attach_vf(struct ixgbe_model *m, enum ixgbe_model_chip chip, unsigned slot)
{
    ixgbe_model_power_on_vf(m, chip);
    pcispace_add(&m->vf[0].device, NULL, slot, 0);
}

void ixgbe_model_init_vf(struct ixgbe_model *m, enum ixgbe_model_chip chip)
{
    pcispace_reset();
    ixgbe_model_attach_vf(m, chip, 5);
    pci_scan();
    ixgbe_model_found(m);
}

void ixgbe_model_found(struct ixgbe_model *m)
{
    const struct pcispace_device *d = m->lone ? &m->vf[0].device : &m->device;
    int bus = pcispace_bus(d);
    m->function = bus < 0 ? NULL : pci_find(PCI_BDF(0, bus, d->devfn >> 3, d->devfn & 7));
}
