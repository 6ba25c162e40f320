/* i40e_model_pci.c - configuration space of the i40e model: the PF, its VFs.
 *
 * PCIe 7.5.3 (Express), 7.8.7 (ARI), 9.3 (SR-IOV); what an X710 shows in lspci. */
#include "tests/models/i40e_model_internal.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"

#define AER 0x100u
#define ARI 0x150u
#define SRIOV 0x160u
#define ACS 0x1b0u /* with no bit: requests go to the root, and to no function beside it */
#define VF_ACS 0x1d0u
#define VF_ID 0x154cu
#define VF_PAGE_SIZES 0x553u /* 4 KiB, 8 KiB, 64 KiB, ... */
#define VF_MSIX_BAR 3u
#define VF_MSIX_SIZE 0x4000u
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

/* SR-IOV ---------------------------------------------------------------------------- */

uint64_t i40e_model_sriov(const struct i40e_model *m, unsigned offset, unsigned size)
{
    return config_get(m->device.config + SRIOV + offset, size);
}

/* Where VFs are depends on ARI Capable Hierarchy: behind 16 PFs, those of the PFs before, on this
 * bus or on the next. */
static void place_vfs(struct i40e_model *m)
{
    bool ari = i40e_model_sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_ARI;
    uint16_t offset = (uint16_t)((ari ? 16 : 0x110) + m->pf * (m->vfs - 1));
    config_put(m->device.config + SRIOV + PCI_SRIOV_VF_OFFSET, offset, 2);
    config_put(m->device.config + SRIOV + PCI_SRIOV_VF_STRIDE, 1, 2);
    for (unsigned n = 0; n < m->vfs; n++)
        m->vf[n].device.routing_offset = (uint16_t)(offset + n);
}

/* PCIe 9.3.3.3 and 9.3.3.7. */
static void sriov_written(struct i40e_model *m, uint16_t offset)
{
    bool on = i40e_model_sriov(m, PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_VF_ENABLE;
    bool was = m->vf_state[0].present;
    unsigned count = (unsigned)i40e_model_sriov(m, PCI_SRIOV_NUM_VFS, 2);
    uint32_t pages = (uint32_t)i40e_model_sriov(m, PCI_SRIOV_PAGE_SIZE, 4);
    if (on && was && offset != SRIOV + PCI_SRIOV_CONTROL)
        i40e_model_violation(m, "SR-IOV changed while VF Enable is set", offset, count);
    if (on && (!count || count > m->vfs))
        i40e_model_violation(m, "VF Enable with a wrong number of VFs", offset, count);
    if (on && (!(pages & VF_PAGE_SIZES) || (pages & (pages - 1))))
        i40e_model_violation(m, "page size that is not supported", offset, pages);
    place_vfs(m);
    if (on && !was)
        m->vfs_enabled_us = time_us();
    if (on != was)
        i40e_model_vfs_enable(m, on ? count : 0);
}

static void vf_bar(struct i40e_model *m, unsigned bar, uint64_t size)
{
    uint8_t *at = m->device.config + SRIOV, *mask = m->device.writable + SRIOV;
    config_put(at + PCI_SRIOV_BAR0 + 4 * bar, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 8);
    config_put(mask + PCI_SRIOV_BAR0 + 4 * bar, ~(size - 1), 8);
}

static void sriov_init(struct i40e_model *m)
{
    struct pcispace_device *d = &m->device;
    uint8_t *at = d->config + SRIOV, *mask = d->writable + SRIOV;
    config_extended(d, SRIOV, PCI_EXT_SRIOV, 1, ACS);
    config_extended(d, ACS, PCI_EXT_ACS, 1, 0);
    config_put(at + PCI_SRIOV_INITIAL_VFS, m->vfs, 2);
    config_put(at + PCI_SRIOV_TOTAL_VFS, m->vfs, 2);
    config_put(at + PCI_SRIOV_VF_DEVICE_ID, VF_ID, 2);
    config_put(at + PCI_SRIOV_PAGE_SIZES, VF_PAGE_SIZES, 4);
    config_put(at + PCI_SRIOV_PAGE_SIZE, 1, 4);
    config_put(mask + PCI_SRIOV_CONTROL, PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY | PCI_SRIOV_ARI,
               2);
    config_put(mask + PCI_SRIOV_NUM_VFS, 0xffff, 2);
    config_put(mask + PCI_SRIOV_PAGE_SIZE, VF_PAGE_SIZES, 4);
    vf_bar(m, 0, IAVF_MODEL_BAR_SIZE);
    vf_bar(m, VF_MSIX_BAR, VF_MSIX_SIZE);
    place_vfs(m);
}

/* A VF's header as it reads: no IDs of its own, no BARs, memory decoding by the PF (PCIe 9.3.4.1);
 * handed over alone it is an ordinary function. */
static void vf_header(struct pcispace_device *d, bool passed)
{
    config_put(d->config + PCI_VENDOR_ID, passed ? 0x8086 : 0xffff, 2);
    config_put(d->config + PCI_DEVICE_ID, passed ? VF_ID : 0xffff, 2);
    config_put(d->writable + PCI_COMMAND, PCI_COMMAND_MASTER | (passed ? PCI_COMMAND_MEMORY : 0),
               2);
    config_add_aer(d, AER, ARI);
    config_extended(d, ARI, PCI_EXT_ARI, 1, VF_ACS);
    config_extended(d, VF_ACS, PCI_EXT_ACS, 1, 0);
}

void i40e_model_pass_vf(struct i40e_model *m, unsigned n)
{
    vf_header(&m->vf[n].device, true);
}

/* The PF ---------------------------------------------------------------------------- */

/* Function level reset of the PF: its VFs go, PCIe 9.2.2.3. */
static void pf_reset(struct i40e_model *m)
{
    struct pcispace_device *d = &m->device;
    config_put(d->config + config_find_express(d) + PCI_EXPRESS_DEVICE_CTL, 0, 2);
    config_put(d->config + PCI_COMMAND, 0, 2);
    config_put(d->config + SRIOV + PCI_SRIOV_CONTROL, 0, 2);
    config_put(d->config + SRIOV + PCI_SRIOV_NUM_VFS, 0, 2);
    place_vfs(m);
    i40e_model_vfs_enable(m, 0);
    i40e_model_reset(m, I40E_RESET_PF);
}

static void written(void *ctx, uint16_t offset, unsigned size)
{
    struct i40e_model *m = ctx;
    if (offset >= SRIOV)
        sriov_written(m, offset);
    if (flr_asked(&m->device, offset, size))
        pf_reset(m);
}

static uint16_t device_id(const struct i40e_model *m)
{
    static const uint16_t ids[] = {
        [I40E_MODEL_X710] = 0x1572,      [I40E_MODEL_XL710] = 0x1583,
        [I40E_MODEL_XXV710] = 0x158b,    [I40E_MODEL_XL710_ONE] = 0x1584,
        [I40E_MODEL_X710_FOUR] = 0x1572, [I40E_MODEL_X722] = 0x37d0,
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
    config_add_aer(d, AER, ARI);
    config_extended(d, ARI, PCI_EXT_ARI, 1, SRIOV);
    d->bar[0] = (struct pcispace_bar){ BAR_SIZE, .is64 = true, .prefetchable = true };
    d->bar[MSIX_BAR] = (struct pcispace_bar){ 0x8000, .is64 = true, .prefetchable = true };
    d->bar_read = i40e_model_bar_read;
    d->bar_write = i40e_model_bar_write;
    d->config_written = written;
    d->ctx = m;
    sriov_init(m);
    for (unsigned n = 0; n < m->vfs; n++)
        vf_header(&m->vf[n].device, false);
}
