/* made_pf.c - a physical function with VFs (made_pf.h).  PCIe 9.2, 9.3, 6.6.2, 6.13. */
#include "tests/models/made_pf.h"

#include "kernel/compiler.h"
#include "kernel/time.h"
#include "pci/pci_regs.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SILENCE_US (100 * US_PER_MS)

static void put(struct pcispace_device *d, unsigned at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        d->config[at + i] = (uint8_t)(value >> 8 * i);
}

static void writable(struct pcispace_device *d, unsigned at, uint64_t mask, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        d->writable[at + i] = (uint8_t)(mask >> 8 * i);
}

uint32_t made_get(const struct pcispace_device *d, uint16_t at, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)d->config[at + i] << 8 * i;
    return value;
}

static void extended(struct pcispace_device *d, unsigned at, unsigned id, unsigned next)
{
    put(d, at, id | 1u << 16 | next << 20, 4);
}

static void express(struct pcispace_device *d, unsigned type)
{
    uint8_t capability[PCI_EXPRESS_LENGTH2] = { PCI_CAP_EXPRESS, 0, (uint8_t)(type << 4 | 2) };
    pcispace_capability(d, capability, sizeof capability);
    writable(d, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL, 0x7fff, 2);
    d->config_size = PCI_EXTENDED_SIZE;
}

static void access_control(struct pcispace_device *d, unsigned at, uint16_t can)
{
    extended(d, at, PCI_EXT_ACS, 0);
    put(d, at + PCI_ACS_CAPABILITY, can, 2);
    writable(d, at + PCI_ACS_CONTROL, can, 2);
}

void made_port_init(struct pcispace_device *d, unsigned type, bool ari, bool acs)
{
    pcispace_bridge_init(d, 0x1b36, 0x000c);
    express(d, type);
    if (ari) {
        put(d, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CAP2, PCI_EXPRESS_ARI_CAPABLE, 4);
        writable(d, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL2, PCI_EXPRESS_ARI_FORWARDING, 2);
    }
    if (acs)
        access_control(d, PCI_EXT_FIRST, 0x1f);
}

/* Requests and completions of one function to another (6.12.1.2). */
void made_pf_acs(struct made_pf *m)
{
    extended(&m->device, MADE_PF_SRIOV, PCI_EXT_SRIOV, MADE_PF_ACS);
    access_control(&m->device, MADE_PF_ACS, PCI_ACS_RR | PCI_ACS_CR);
    for (unsigned i = 0; i < m->vfs; i++)
        access_control(&m->vf[i].device, PCI_EXT_FIRST, PCI_ACS_RR | PCI_ACS_CR);
}

/* VFs ------------------------------------------------------------------------------- */

static void violation(struct made_pf *m, const char *what)
{
    fprintf(stderr, "made_pf: %s\n", what);
    m->violations++;
}

static uint16_t control(const struct made_pf *m)
{
    return (uint16_t)made_get(&m->device, MADE_PF_SRIOV + PCI_SRIOV_CONTROL, 2);
}

static bool vf_answers(void *ctx)
{
    struct made_vf *v = ctx;
    struct made_pf *m = v->pf;
    unsigned count = made_get(&m->device, MADE_PF_SRIOV + PCI_SRIOV_NUM_VFS, 2);
    if (!m->enabled || v->index >= count)
        return false;
    if (time_us() < m->enabled_us + SILENCE_US)
        violation(m, "a VF is asked within 100 ms of VF Enable");
    if (v->reset_us && time_us() < v->reset_us + SILENCE_US)
        violation(m, "a VF is asked within 100 ms of its reset");
    return !m->vf_dead && time_us() >= m->enabled_us + SILENCE_US + m->vf_late_us;
}

static uint64_t vf_bar_at(void *ctx, unsigned bar)
{
    const struct made_vf *v = ctx;
    const struct pcispace_device *d = &v->pf->device;
    unsigned at = MADE_PF_SRIOV + PCI_SRIOV_BAR0 + 4 * bar;
    uint64_t base = made_get(d, (uint16_t)at, 4) & ~(uint32_t)PCI_BAR_MEMORY_FLAGS;
    base |= (uint64_t)made_get(d, (uint16_t)(at + 4), 4) << 32;
    if (!v->pf->enabled || !(control(v->pf) & PCI_SRIOV_VF_MEMORY) || !base)
        return 0;
    return base + v->index * v->device.bar[bar].size;
}

static void vf_written(void *ctx, uint16_t offset, unsigned size)
{
    struct made_vf *v = ctx;
    uint16_t at = MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL;
    if (offset != at || !(made_get(&v->device, at, 2) & PCI_EXPRESS_RESET))
        return;
    put(&v->device, at, 0, 2);
    put(&v->device, PCI_COMMAND, 0, 2);
    v->reset_us = time_us();
}

/* IDs and BARs read as absent (9.3.4.1). */
static void vf_init(struct made_pf *m, unsigned index, uint64_t bar_size)
{
    struct made_vf *v = &m->vf[index];
    struct pcispace_device *d = &v->device;
    memset(v, 0, sizeof *v);
    pcispace_device_init(d, 0xffff, 0xffff, 0x020000);
    v->pf = m;
    v->index = index;
    express(d, PCI_EXPRESS_ENDPOINT);
    put(d, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CAP, PCI_EXPRESS_FLR, 4);
    writable(d, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL, 0xffff, 2);
    writable(d, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    put(d, PCI_SUBSYSTEM, 0x1234, 2);
    d->bar[0] = d->bar[3] =
        (struct pcispace_bar){ .size = bar_size, .is64 = true, .prefetchable = true };
    d->answers = vf_answers;
    d->bar_at = vf_bar_at;
    d->config_written = vf_written;
    d->ctx = v;
}

/* The PF ---------------------------------------------------------------------------- */

static void offsets_show(struct made_pf *m)
{
    bool ari = control(m) & PCI_SRIOV_ARI;
    put(&m->device, MADE_PF_SRIOV + PCI_SRIOV_VF_OFFSET, m->offset[ari], 2);
    put(&m->device, MADE_PF_SRIOV + PCI_SRIOV_VF_STRIDE, m->stride[ari], 2);
    for (unsigned i = 0; i < m->vfs; i++)
        m->vf[i].device.routing_offset = (uint16_t)(m->offset[ari] + m->stride[ari] * i);
}

static void pf_reset(struct made_pf *m)
{
    struct pcispace_device *d = &m->device;
    m->resets++;
    m->reset_us = time_us();
    m->enabled = false;
    put(d, PCI_COMMAND, 0, 2);
    put(d, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL, 0, 2);
    for (unsigned i = 0; i < 6; i++)
        put(d, PCI_BAR0 + 4 * i, made_get(d, (uint16_t)(PCI_BAR0 + 4 * i), 1) & 0xf, 4);
    put(d, MADE_PF_SRIOV + PCI_SRIOV_CONTROL, 0, 2);
    put(d, MADE_PF_SRIOV + PCI_SRIOV_PAGE_SIZE, 1, 4);
}

static void aer_show(struct made_pf *m)
{
    put(&m->device, MADE_PF_AER + PCI_AER_UNCORRECTABLE, m->uncorrectable, 4);
    put(&m->device, MADE_PF_AER + PCI_AER_CORRECTABLE, m->correctable, 4);
}

void made_pf_error(struct made_pf *m, uint32_t uncorrectable, uint32_t correctable)
{
    m->uncorrectable |= uncorrectable;
    m->correctable |= correctable;
    for (unsigned i = 0; i < 4 && uncorrectable; i++)
        put(&m->device, MADE_PF_AER + PCI_AER_HEADER_LOG + 4 * i, 0x11111111u * (i + 1), 4);
    aer_show(m);
}

static bool covers(uint16_t offset, unsigned size, unsigned at)
{
    return offset <= at && at < offset + size;
}

static void pf_written(void *ctx, uint16_t offset, unsigned size)
{
    struct made_pf *m = ctx;
    bool on = control(m) & PCI_SRIOV_VF_ENABLE;
    uint16_t at = MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL;
    if (m->enabled && offset >= MADE_PF_SRIOV + PCI_SRIOV_NUM_VFS &&
        offset < MADE_PF_SRIOV + PCI_SRIOV_LENGTH)
        violation(m, "NumVFs, page size or VF BARs are written while VF Enable is set");
    if (offset == at && made_get(&m->device, at, 2) & PCI_EXPRESS_RESET)
        pf_reset(m);
    if (covers(offset, size, MADE_PF_SRIOV + PCI_SRIOV_CONTROL) && on && !m->enabled)
        m->enabled_us = time_us();
    m->enabled = control(m) & PCI_SRIOV_VF_ENABLE;
    if (offset == MADE_PF_AER + PCI_AER_UNCORRECTABLE)
        m->uncorrectable &= ~made_get(&m->device, offset, 4);
    if (offset == MADE_PF_AER + PCI_AER_CORRECTABLE)
        m->correctable &= ~made_get(&m->device, offset, 4);
    aer_show(m);
    offsets_show(m);
}

/* Pending transactions come to an end, and nobody asks within 100 ms of a reset. */
static bool pf_answers(void *ctx)
{
    struct made_pf *m = ctx;
    if (m->reset_us && time_us() < m->reset_us + SILENCE_US)
        violation(m, "the PF is asked within 100 ms of its reset");
    put(&m->device, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_STA,
        time_us() < m->pending_us ? PCI_EXPRESS_PENDING : 0, 2);
    return !(m->resets && m->reset_kills);
}

static void sriov_init(struct pcispace_device *d, uint16_t total, uint64_t bar_size)
{
    unsigned at = MADE_PF_SRIOV;
    extended(d, at, PCI_EXT_SRIOV, 0);
    put(d, at + PCI_SRIOV_INITIAL_VFS, total, 2);
    put(d, at + PCI_SRIOV_TOTAL_VFS, total, 2);
    put(d, at + PCI_SRIOV_VF_DEVICE_ID, 0x10ca, 2);
    put(d, at + PCI_SRIOV_PAGE_SIZES, 0x553, 4);
    put(d, at + PCI_SRIOV_PAGE_SIZE, 1, 4);
    writable(d, at + PCI_SRIOV_CONTROL, PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY | PCI_SRIOV_ARI,
             2);
    writable(d, at + PCI_SRIOV_NUM_VFS, 0xffff, 2);
    writable(d, at + PCI_SRIOV_PAGE_SIZE, 0x553, 4);
    for (unsigned bar = 0; bar < 6; bar += 3) {
        unsigned reg = at + PCI_SRIOV_BAR0 + 4 * bar;
        put(d, reg, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 4);
        writable(d, reg, -bar_size & ~(uint64_t)PCI_BAR_MEMORY_FLAGS, 8);
    }
}

void made_pf_init(struct made_pf *m, uint16_t device_id, uint16_t total, uint64_t bar_size)
{
    struct pcispace_device *d = &m->device;
    memset(d, 0, sizeof *d);
    memset(&m->vfs, 0, sizeof *m - offsetof(struct made_pf, vfs)); /* its VFs: vf_init() */
    pcispace_device_init(d, 0x8086, device_id, 0x020000);
    express(d, PCI_EXPRESS_ENDPOINT);
    put(d, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CAP, PCI_EXPRESS_FLR, 4);
    writable(d, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL, 0xffff, 2);
    extended(d, MADE_PF_AER, PCI_EXT_AER, MADE_PF_ARI);
    put(d, MADE_PF_AER + PCI_AER_SEVERITY, 0x00462030, 4);           /* as after a reset, 7.8.4.4 */
    writable(d, MADE_PF_AER + PCI_AER_UNCORRECTABLE, UINT32_MAX, 4); /* RW1C, in pf_written() */
    writable(d, MADE_PF_AER + PCI_AER_CORRECTABLE, UINT32_MAX, 4);
    extended(d, MADE_PF_ARI, PCI_EXT_ARI, MADE_PF_SRIOV);
    sriov_init(d, total, bar_size);
    d->config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
    d->bar[0].size = 0x20000;
    m->offset[0] = 384; /* as an 82576 does: the next bus without ARI */
    m->offset[1] = 128;
    m->stride[0] = m->stride[1] = 2;
    m->vfs = total < MADE_VFS ? total : MADE_VFS;
    for (unsigned i = 0; i < m->vfs; i++)
        vf_init(m, i, bar_size);
    d->config_written = pf_written;
    d->answers = pf_answers;
    d->ctx = m;
    offsets_show(m);
}

/* Only the lowest function of the device has the ARI bit (9.3.3.3.5). */
void made_pf_add(struct made_pf *m, struct pcispace_device *bridge, unsigned function)
{
    if (function)
        writable(&m->device, MADE_PF_SRIOV + PCI_SRIOV_CONTROL,
                 PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY, 2);
    pcispace_add(&m->device, bridge, 0, function);
    for (unsigned i = 0; i < m->vfs; i++)
        pcispace_add_vf(&m->vf[i].device, &m->device, 0);
    offsets_show(m);
}

void made_pf_set(struct made_pf *m, uint16_t at, uint32_t value, unsigned size)
{
    put(&m->device, MADE_PF_SRIOV + at, value, size);
}
