/* igb_model_pci.c - configuration space of the igb model: the port above, the PF, its VFs.
 *
 * PCIe 7.5.3 (Express), 7.8.7 (ARI), 9.3 (SR-IOV); 82576 DS chapter 9. */
#include "tests/models/igb_model_internal.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"
#include "tests/models/pcispace_config.h"

#include <string.h>

#define VF_ENABLE_US 100000u /* PCIe 9.3.3.3.1: so long VFs need not answer */
#define AER 0x100u
#define ARI 0x150u
#define SRIOV 0x160u
#define ACS 0x148u
#define VF_PAGE_SIZES 0x553u /* 4 KiB, 8 KiB, 64 KiB, ... */
#define SRIOV_BAR0 0x24u
#define MSIX_BAR 3u

/* The port above --------------------------------------------------------------- */

static void bridge_init(struct igb_model *m, unsigned slot)
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

static bool ari_forwarding(const struct igb_model *m)
{
    unsigned at = config_find_express(&m->bridge) + PCI_EXPRESS_DEVICE_CTL2;
    return config_get(m->bridge.config + at, 2) & PCI_EXPRESS_ARI_FORWARDING;
}

/* SR-IOV ---------------------------------------------------------------------------- */

static uint64_t sriov(const struct igb_model *m, unsigned offset, unsigned size)
{
    return config_get(m->device.config + SRIOV + offset, size);
}

unsigned igb_model_vfs_present(const struct igb_model *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < IGB_MODEL_VFS; i++)
        n += m->vf[i].present;
    return n;
}

bool igb_model_pci_master(const struct igb_model *m)
{
    return m->device.config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* 82576 DS 9.6.4.6 as far as known: where VFs are depends on ARI Capable Hierarchy. */
static void place_vfs(struct igb_model *m)
{
    bool ari = sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_ARI;
    uint16_t offset = ari ? 0x80 : 0x180;
    config_put(m->device.config + SRIOV + PCI_SRIOV_VF_OFFSET, offset, 2);
    config_put(m->device.config + SRIOV + PCI_SRIOV_VF_STRIDE, 2, 2);
    for (unsigned i = 0; i < IGB_MODEL_VFS; i++)
        m->vf[i].device.routing_offset = (uint16_t)(offset + 2 * i);
}

/* A downstream port forwards to devices other than 0 only with ARI (PCIe 6.13). */
static bool vf_answers(void *ctx)
{
    const struct igb_model_vf *vf = ctx;
    const struct igb_model *m = vf->model;
    bool same_bus = (sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_ARI) != 0;
    return vf->present && time_us() >= m->vf_enabled_us + VF_ENABLE_US &&
           (!same_bus || ari_forwarding(m));
}

/* PCIe 9.2.1.1.1: VF n's part of a VF BAR; the page size can widen it. */
static uint64_t vf_bar_at(void *ctx, unsigned bar)
{
    const struct igb_model_vf *vf = ctx;
    const struct igb_model *m = vf->model;
    uint64_t size = 4096ull << __builtin_ctz((unsigned)sriov(m, PCI_SRIOV_PAGE_SIZE, 4) | 1u << 31);
    if (!(sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_VF_MEMORY) || !vf->present)
        return 0;
    size = max_u64(size, IGB_MODEL_VF_BAR_SIZE);
    uint64_t base = sriov(m, SRIOV_BAR0 + 4 * bar, 8) & ~(uint64_t)PCI_BAR_MEMORY_FLAGS;
    return base ? base + vf->index * size : 0;
}

static void vf_written(void *ctx, uint16_t offset, unsigned size)
{
    struct igb_model_vf *vf = ctx;
    unsigned at = config_find_express(&vf->device) + PCI_EXPRESS_DEVICE_CTL;
    if (offset > at + 1 || offset + size <= at ||
        !(config_get(vf->device.config + at, 2) & CONFIG_FLR))
        return;
    config_put(vf->device.config + at, 0, 2);
    config_put(vf->device.config + PCI_COMMAND, 0, 2);
    igb_model_vf_reset(vf->model, vf->index);
}

/* Its header as it reads: no IDs of its own, no BARs, memory decoding by the PF
 * (PCIe 9.3.4.1). */
static void vf_config(struct igb_model_vf *vf, bool lone)
{
    struct pcispace_device *d = &vf->device;
    bool i350 = vf->model->chip == IGB_MODEL_I350;
    uint16_t device = i350 ? 0x1520 : 0x10ca;
    pcispace_device_init(d, lone ? 0x8086 : 0xffff, lone ? device : 0xffff, 0x020000);
    if (!lone)
        config_put(d->writable + PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    d->config_size = PCI_EXTENDED_SIZE;
    config_put(d->config + PCI_SUBSYSTEM_VENDOR, 0x8086, 2);
    config_add_express(d, PCI_EXPRESS_ENDPOINT, true, false);
    config_add_msix(d, 3, MSIX_BAR);
    config_add_aer(d, AER, ARI);
    config_extended(d, ARI, PCI_EXT_ARI, 1, 0);
    d->bar[0] = (struct pcispace_bar){ IGB_MODEL_VF_BAR_SIZE, .is64 = true, .prefetchable = true };
    d->bar[MSIX_BAR] = d->bar[0];
    d->bar_read = igb_model_vf_bar_read;
    d->bar_write = igb_model_vf_bar_write;
    d->config_written = vf_written;
    d->ctx = vf;
}

static void set_vfs(struct igb_model *m, unsigned count)
{
    for (unsigned i = 0; i < IGB_MODEL_VFS; i++) {
        struct igb_model_vf *vf = &m->vf[i];
        bool was = vf->present;
        vf->present = i < count;
        if (vf->present && !was) {
            config_put(vf->device.config + PCI_COMMAND, 0, 2);
            vf->told = vf->queues_lost = false;
        }
        if (was && !vf->present) {
            m->pools_locked |= m->chip == IGB_MODEL_82576 ? 1u << i : 0;
            vf->played = false;
            igb_model_queue_reset(m, i);
            igb_model_queue_reset(m, i + IGB_MODEL_POOLS);
        }
    }
    igb_model_set_status(m);
}

/* PCIe 9.3.3.3 and 9.3.3.7. */
static void sriov_written(struct igb_model *m, uint16_t offset)
{
    bool on = sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_VF_ENABLE, was = igb_model_vfs_present(m);
    unsigned count = (unsigned)sriov(m, PCI_SRIOV_NUM_VFS, 2);
    uint32_t pages = (uint32_t)sriov(m, PCI_SRIOV_PAGE_SIZE, 4);
    if (on && was && offset != SRIOV + PCI_SRIOV_CONTROL)
        igb_model_violation(m, BY_PF, "SR-IOV changed while VF Enable is set", offset, count);
    if (on && (!count || count > IGB_MODEL_VFS))
        igb_model_violation(m, BY_PF, "VF Enable with a wrong number of VFs", offset, count);
    if (on && (!(pages & VF_PAGE_SIZES) || (pages & (pages - 1))))
        igb_model_violation(m, BY_PF, "page size that is not supported", offset, pages);
    place_vfs(m);
    if (on && !was)
        m->vf_enabled_us = time_us();
    if (on != was)
        set_vfs(m, on ? count : 0);
}

static void sriov_init(struct igb_model *m)
{
    struct pcispace_device *d = &m->device;
    uint8_t *at = d->config + SRIOV, *mask = d->writable + SRIOV;
    config_extended(d, SRIOV, PCI_EXT_SRIOV, 1, 0);
    config_put(at + PCI_SRIOV_INITIAL_VFS, IGB_MODEL_VFS, 2);
    config_put(at + PCI_SRIOV_TOTAL_VFS, IGB_MODEL_VFS, 2);
    config_put(at + PCI_SRIOV_VF_DEVICE_ID, m->chip == IGB_MODEL_I350 ? 0x1520 : 0x10ca, 2);
    config_put(at + PCI_SRIOV_PAGE_SIZES, VF_PAGE_SIZES, 4);
    config_put(at + PCI_SRIOV_PAGE_SIZE, 1, 4);
    config_put(mask + PCI_SRIOV_CONTROL, PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY | PCI_SRIOV_ARI,
               2);
    config_put(mask + PCI_SRIOV_NUM_VFS, 0xffff, 2);
    config_put(mask + PCI_SRIOV_PAGE_SIZE, VF_PAGE_SIZES, 4);
    for (unsigned bar = 0; bar <= MSIX_BAR; bar += MSIX_BAR) {
        config_put(at + SRIOV_BAR0 + 4 * bar, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 8);
        config_put(mask + SRIOV_BAR0 + 4 * bar, ~(IGB_MODEL_VF_BAR_SIZE - 1ull), 8);
    }
    m->sriov = SRIOV;
    place_vfs(m);
}

/* The PF ------------------------------------------------------------------------------------ */

/* Function level reset of the PF: its VFs go, PCIe 9.2.2.3. */
static void pf_reset(struct igb_model *m)
{
    struct pcispace_device *d = &m->device;
    config_put(d->config + config_find_express(d) + PCI_EXPRESS_DEVICE_CTL, 0, 2);
    config_put(d->config + PCI_COMMAND, 0, 2);
    config_put(d->config + SRIOV + PCI_SRIOV_CONTROL, 0, 2);
    config_put(d->config + SRIOV + PCI_SRIOV_NUM_VFS, 0, 2);
    place_vfs(m);
    set_vfs(m, 0);
    igb_model_reset_registers(m);
    igb_model_mailbox_reset(m);
    m->resets++;
}

static void pf_written(void *ctx, uint16_t offset, unsigned size)
{
    struct igb_model *m = ctx;
    unsigned at = config_find_express(&m->device) + PCI_EXPRESS_DEVICE_CTL;
    if (offset >= SRIOV)
        sriov_written(m, offset);
    if (offset <= at + 1 && offset + size > at &&
        (config_get(m->device.config + at, 2) & CONFIG_FLR))
        pf_reset(m);
}

static void pf_config(struct igb_model *m)
{
    struct pcispace_device *d = &m->device;
    pcispace_device_init(d, 0x8086, m->chip == IGB_MODEL_I350 ? 0x1521 : 0x10c9, 0x020000);
    d->config_size = PCI_EXTENDED_SIZE;
    config_put(d->config + PCI_SUBSYSTEM_VENDOR, 0x8086, 2);
    config_put(d->config + PCI_SUBSYSTEM, 0xa03c, 2);
    config_add_express(d, PCI_EXPRESS_ENDPOINT, true, false);
    config_add_msix(d, 10, MSIX_BAR);
    config_add_aer(d, AER, ARI);
    config_extended(d, ARI, PCI_EXT_ARI, 1, SRIOV);
    d->bar[0] = (struct pcispace_bar){ .size = IGB_MODEL_BAR_SIZE };
    d->bar[2] = (struct pcispace_bar){ .size = 32, .io = true };
    d->bar[MSIX_BAR] = (struct pcispace_bar){ .size = 0x4000 };
    d->bar_read = igb_model_pf_read;
    d->bar_write = igb_model_pf_write;
    d->config_written = pf_written;
    d->ctx = m;
}

void igb_model_pci_init(struct igb_model *m, unsigned slot)
{
    bridge_init(m, slot);
    pf_config(m);
    sriov_init(m);
    pcispace_add(&m->device, &m->bridge, 0, 0);
    for (unsigned i = 0; i < IGB_MODEL_VFS; i++) {
        struct igb_model_vf *vf = &m->vf[i];
        vf_config(vf, false);
        vf->device.answers = vf_answers;
        vf->device.bar_at = vf_bar_at;
        pcispace_add_vf(&vf->device, &m->device, (uint16_t)(0x180 + 2 * i));
    }
}

void igb_model_pci_init_vf(struct igb_model *m, unsigned slot)
{
    vf_config(&m->vf[0], true);
    m->vf[0].present = true;
    pcispace_add(&m->vf[0].device, NULL, slot, 0);
}

void igb_model_found(struct igb_model *m)
{
    const struct pcispace_device *d = m->lone ? &m->vf[0].device : &m->device;
    int bus = pcispace_bus(d);
    m->function = bus < 0 ? NULL : pci_find(PCI_BDF(0, bus, d->devfn >> 3, d->devfn & 7));
}
