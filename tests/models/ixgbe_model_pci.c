/* ixgbe_model_pci.c - configuration space of the ixgbe model: the PF, its VFs.
 *
 * PCIe 7.5.3 (Express), 7.8.7 (ARI), 9.3 (SR-IOV); what an X520 shows in lspci. */
#include "tests/models/ixgbe_model_internal.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"
#include "tests/models/pcispace_config.h"

#include <string.h>

#define AER 0x100u
#define ARI 0x150u
#define SRIOV 0x160u
#define VF_PAGE_SIZES 0x553u /* 4 KiB, 8 KiB, 64 KiB, ... */
#define PF_MSIX_BAR 4u
#define VF_MSIX_BAR 3u
#define PF_VECTORS 64u
#define VF_VECTORS 3u
#define MSIX_AT 0x70u    /* where Linux looks for the number of vectors, */
#define EXPRESS_AT 0xa0u /* and for the link and for pending requests */
#define LINK_X8_5GT 0x82u

uint64_t ixgbe_model_sriov(const struct ixgbe_model *m, unsigned offset, unsigned size)
{
    return config_get(m->device.config + SRIOV + offset, size);
}

unsigned ixgbe_model_vfs_present(const struct ixgbe_model *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++)
        n += m->vf[i].present;
    return n;
}

bool ixgbe_model_pci_master(const struct ixgbe_model *m)
{
    return m->device.config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

static bool flr_asked(const struct pcispace_device *d, unsigned offset, unsigned size)
{
    unsigned at = config_find_express(d) + PCI_EXPRESS_DEVICE_CTL;
    return offset <= at + 1 && offset + size > at && (config_get(d->config + at, 2) & CONFIG_FLR);
}

static void flr_done(struct pcispace_device *d)
{
    config_put(d->config + config_find_express(d) + PCI_EXPRESS_DEVICE_CTL, 0, 2);
    config_put(d->config + PCI_COMMAND, 0, 2);
}

static void capabilities(struct pcispace_device *d, unsigned vectors, unsigned msix_bar)
{
    d->capability_end = MSIX_AT;
    config_add_msix(d, vectors, msix_bar);
    d->capability_end = EXPRESS_AT;
    unsigned at = config_add_express(d, PCI_EXPRESS_ENDPOINT, true, false);
    config_put(d->config + at + PCI_EXPRESS_LINK_CAP, LINK_X8_5GT, 4);
    config_put(d->config + at + PCI_EXPRESS_LINK_STA, LINK_X8_5GT, 2);
}

/* SR-IOV ---------------------------------------------------------------------------- */

/* Where VFs are depends on ARI Capable Hierarchy. */
static void place_vfs(struct ixgbe_model *m)
{
    bool ari = ixgbe_model_sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_ARI;
    uint16_t offset = ari ? 0x80 : 0x180;
    config_put(m->device.config + SRIOV + PCI_SRIOV_VF_OFFSET, offset, 2);
    config_put(m->device.config + SRIOV + PCI_SRIOV_VF_STRIDE, 2, 2);
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++)
        m->vf[i].device.routing_offset = (uint16_t)(offset + 2 * i);
}

/* A VF's header as it reads: no IDs of its own, no BARs, memory decoding by the PF (PCIe 9.3.4.1);
 * handed over alone it is an ordinary function. */
static void vf_written(void *ctx, uint16_t offset, unsigned size)
{
    struct ixgbe_model_vf *vf = ctx;
    if (!flr_asked(&vf->device, offset, size))
        return;
    flr_done(&vf->device);
    if (vf->present)
        ixgbe_model_vf_reset(vf->model, vf->index);
}

static void vf_config(struct ixgbe_model_vf *vf, bool passed)
{
    struct pcispace_device *d = &vf->device;
    uint16_t device = ixgbe_is_x540(vf->model) ? 0x1515 : 0x10ed;
    pcispace_device_init(d, passed ? 0x8086 : 0xffff, passed ? device : 0xffff, 0x020000);
    if (!passed)
        config_put(d->writable + PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    d->config_size = PCI_EXTENDED_SIZE;
    d->config[PCI_REVISION] = 1;
    config_put(d->config + PCI_SUBSYSTEM_VENDOR, 0x8086, 2);
    config_put(d->config + PCI_SUBSYSTEM, 0x0003, 2);
    capabilities(d, VF_VECTORS, VF_MSIX_BAR);
    config_add_aer(d, AER, ARI);
    config_extended(d, ARI, PCI_EXT_ARI, 1, 0);
    d->bar[0] =
        (struct pcispace_bar){ IXGBE_MODEL_VF_BAR_SIZE, .is64 = true, .prefetchable = true };
    d->bar[VF_MSIX_BAR] = d->bar[0];
    d->bar_read = ixgbe_model_vf_bar_read;
    d->bar_write = ixgbe_model_vf_bar_write;
    d->config_written = vf_written;
    d->ctx = vf;
}

static void set_vfs(struct ixgbe_model *m, unsigned count)
{
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++) {
        struct ixgbe_model_vf *vf = &m->vf[i];
        bool was = vf->present;
        vf->present = i < count;
        if (vf->present && !was) {
            config_put(vf->device.config + PCI_COMMAND, 0, 2);
            vf->told = vf->queues_lost = false;
        }
        if (was && !vf->present)
            vf->played = false;
    }
    ixgbe_model_set_status(m);
}

/* PCIe 9.3.3.3 and 9.3.3.7. */
static void sriov_written(struct ixgbe_model *m, uint16_t offset)
{
    bool on = ixgbe_model_sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_VF_ENABLE;
    bool was = ixgbe_model_vfs_present(m);
    unsigned count = (unsigned)ixgbe_model_sriov(m, PCI_SRIOV_NUM_VFS, 2);
    uint32_t pages = (uint32_t)ixgbe_model_sriov(m, PCI_SRIOV_PAGE_SIZE, 4);
    if (on && was && offset != SRIOV + PCI_SRIOV_CONTROL)
        ixgbe_model_violation(m, BY_PF, "SR-IOV changed while VF Enable is set", offset, count);
    if (on && (!count || count > IXGBE_MODEL_VFS))
        ixgbe_model_violation(m, BY_PF, "VF Enable with a wrong number of VFs", offset, count);
    if (on && (!(pages & VF_PAGE_SIZES) || (pages & (pages - 1))))
        ixgbe_model_violation(m, BY_PF, "page size that is not supported", offset, pages);
    place_vfs(m);
    if (on && !was)
        m->vf_enabled_us = time_us();
    if (on != was)
        set_vfs(m, on ? count : 0);
}

static void sriov_init(struct ixgbe_model *m)
{
    struct pcispace_device *d = &m->device;
    uint8_t *at = d->config + SRIOV, *mask = d->writable + SRIOV;
    config_extended(d, SRIOV, PCI_EXT_SRIOV, 1, 0);
    config_put(at + PCI_SRIOV_INITIAL_VFS, IXGBE_MODEL_VFS, 2);
    config_put(at + PCI_SRIOV_TOTAL_VFS, IXGBE_MODEL_VFS, 2);
    config_put(at + PCI_SRIOV_VF_DEVICE_ID, ixgbe_is_x540(m) ? 0x1515 : 0x10ed, 2);
    config_put(at + PCI_SRIOV_PAGE_SIZES, VF_PAGE_SIZES, 4);
    config_put(at + PCI_SRIOV_PAGE_SIZE, 1, 4);
    config_put(mask + PCI_SRIOV_CONTROL, PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY | PCI_SRIOV_ARI,
               2);
    config_put(mask + PCI_SRIOV_NUM_VFS, 0xffff, 2);
    config_put(mask + PCI_SRIOV_PAGE_SIZE, VF_PAGE_SIZES, 4);
    for (unsigned bar = 0; bar <= VF_MSIX_BAR; bar += VF_MSIX_BAR) {
        config_put(at + IXGBE_MODEL_SRIOV_BAR0 + 4 * bar, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 8);
        config_put(mask + IXGBE_MODEL_SRIOV_BAR0 + 4 * bar, ~(IXGBE_MODEL_VF_BAR_SIZE - 1ull), 8);
    }
    place_vfs(m);
}

/* The PF ------------------------------------------------------------------------------------ */

/* Function level reset of the PF: its VFs go, PCIe 9.2.2.3. */
static void pf_reset(struct ixgbe_model *m)
{
    flr_done(&m->device);
    config_put(m->device.config + SRIOV + PCI_SRIOV_CONTROL, 0, 2);
    config_put(m->device.config + SRIOV + PCI_SRIOV_NUM_VFS, 0, 2);
    place_vfs(m);
    set_vfs(m, 0);
    ixgbe_model_pf_reset(m);
}

static void pf_written(void *ctx, uint16_t offset, unsigned size)
{
    struct ixgbe_model *m = ctx;
    if (offset >= SRIOV)
        sriov_written(m, offset);
    if (flr_asked(&m->device, offset, size))
        pf_reset(m);
}

static uint16_t device_id(const struct ixgbe_model *m)
{
    return m->chip == IXGBE_MODEL_X540 ? 0x1528 : m->chip == IXGBE_MODEL_82599 ? 0x10fb : 0x10f7;
}

void ixgbe_model_config(struct ixgbe_model *m)
{
    struct pcispace_device *d = &m->device;
    pcispace_device_init(d, 0x8086, device_id(m), 0x020000);
    d->config_size = PCI_EXTENDED_SIZE;
    d->config[PCI_REVISION] = 1;
    config_put(d->config + PCI_SUBSYSTEM_VENDOR, 0x8086, 2);
    config_put(d->config + PCI_SUBSYSTEM, 0x0003, 2);
    d->config[CONFIG_INTERRUPT_PIN] = 1;
    capabilities(d, PF_VECTORS, PF_MSIX_BAR);
    config_add_aer(d, AER, ARI);
    config_extended(d, ARI, PCI_EXT_ARI, 1, SRIOV);
    d->bar[0] = (struct pcispace_bar){ IXGBE_MODEL_BAR_SIZE, .is64 = true, .prefetchable = true };
    d->bar[2] = (struct pcispace_bar){ .size = 32, .io = true };
    d->bar[PF_MSIX_BAR] = (struct pcispace_bar){ 0x4000, .is64 = true, .prefetchable = true };
    d->bar_read = ixgbe_model_pf_read;
    d->bar_write = ixgbe_model_pf_write;
    d->config_written = pf_written;
    d->ctx = m;
    sriov_init(m);
}

void ixgbe_model_pass_vf(struct ixgbe_model *m, unsigned vf)
{
    vf_config(&m->vf[vf], true);
}

void ixgbe_model_config_vf(struct ixgbe_model *m)
{
    ixgbe_model_pass_vf(m, 0);
    m->vf[0].present = true;
}

void ixgbe_model_config_vfs(struct ixgbe_model *m)
{
    for (unsigned i = 0; i < IXGBE_MODEL_VFS; i++)
        vf_config(&m->vf[i], false);
}
