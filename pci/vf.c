/* vf.c - virtual functions on and off (PCIe 9.2.1, 9.3.3.3).
 *
 * The waits are long: a VF may be asked for its configuration 100 ms after VF Enable
 * was set, and has a second until it answers for good; after VF Enable was cleared
 * the capability is not read for a second.  The first one lets the poll loop run
 * (task.h); the last one is only waited for by whoever enables VFs again so soon.
 * unread in this file: PCIe, but for 9.3.3.3.1. */
#include "kernel/compiler.h"
#include "kernel/time.h"
#include "pci/pci_internal.h"
#include "pci/sriov.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define VF_ENABLE_US (100 * US_PER_MS) /* 9.3.3.3.1 */
#define VF_READY_US (1000 * US_PER_MS) /* and as after a reset, 6.6.2 */

static char reason[160];

static const char *because(const char *fmt, ...) PRINTF_LIKE(1, 2);

static const char *because(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    return reason;
}

static uint16_t control_of(const struct pci_function *pf)
{
    return pci_read16(pf, pf->sriov->at + PCI_SRIOV_CONTROL);
}

static void control_set(const struct pci_function *pf, uint16_t value)
{
    pci_write16(pf, pf->sriov->at + PCI_SRIOV_CONTROL, value);
}

/* May it be ----------------------------------------------------------------------- */

static int may_enable(const struct pci_function *pf, unsigned count, bool unisolated,
                      const char **why)
{
    const struct pci_sriov *s = pf->sriov;
    *why = "it has no SR-IOV capability";
    if (!s)
        return -ENOTSUP;
    *why = s->problem;
    if (s->problem)
        return -ENOTSUP;
    *why = "VFs are in force already";
    if (s->num_vfs)
        return -EBUSY;
    unsigned most = s->initial_vfs;
    *why = because("%u VFs, expected 1 to %u", count, most);
    if (!count || count > most)
        return -EINVAL;
    *why = because("only %u VFs have a place: %s", s->placed_vfs, s->short_of);
    if (count > s->placed_vfs)
        return -ENOSPC;
    return pci_acs_check_vfs(pf, unisolated, why);
}

/* The registers may tell another offset for another NumVFs (9.3.3.9). */
static int addresses_check(const struct pci_function *pf, unsigned count, const char **why)
{
    const struct pci_sriov *s = pf->sriov;
    char bdf_text[PCI_BDF_LEN];
    *why = because("NumVFs reads %u after %u was written",
                   pci_read16(pf, s->at + PCI_SRIOV_NUM_VFS), count);
    if (pci_read16(pf, s->at + PCI_SRIOV_NUM_VFS) != count)
        return -EIO;
    *why = because("with %u VFs, offset %u and stride %u lead beyond bus %02x", count, s->offset,
                   s->stride, s->last_bus);
    if (!s->offset || (!s->stride && count > 1) ||
        pci_vfs_up_to(pf->bdf, s->offset, s->stride, count, s->last_bus) != count)
        return -ENOSPC;
    for (unsigned i = 0; i < count; i++) {
        uint32_t bdf = 0;
        pci_vf_bdf(pf->bdf, s->offset, s->stride, i, &bdf);
        pci_bdf_format(bdf, bdf_text);
        *why = because("VF %u would be %s, and that is there already", i, bdf_text);
        if (pci_find(bdf))
            return -EEXIST;
    }
    return 0;
}

static int count_set(const struct pci_function *pf, unsigned count, const char **why)
{
    struct pci_sriov *s = pf->sriov;
    pci_write16(pf, s->at + PCI_SRIOV_NUM_VFS, (uint16_t)count);
    s->offset = pci_read16(pf, s->at + PCI_SRIOV_VF_OFFSET);
    s->stride = pci_read16(pf, s->at + PCI_SRIOV_VF_STRIDE);
    return addresses_check(pf, count, why);
}

/* A reset of the PF forgets page size and BARs (9.2.2.3): they are written again. */
static int bars_set(struct pci_function *pf, const char **why)
{
    struct pci_sriov *s = pf->sriov;
    pci_write32(pf, s->at + PCI_SRIOV_PAGE_SIZE, s->page_size);
    for (unsigned i = 0; i < PCI_BARS; i++) {
        uint64_t base = s->bar[i].base;
        *why = because("VF BAR %u does not take its address", i);
        if (base && !pci_vf_bar_write(pf, i, base)) {
            s->bar[i].base = base; /* its place, all the same: the next time may be better */
            return -EIO;
        }
    }
    return 0;
}

/* Functions ----------------------------------------------------------------------- */

/* What a VF's registers do not tell is as in its PF (9.3.4.1). */
static struct pci_function *vf_new(struct pci_function *pf, unsigned index)
{
    const struct pci_sriov *s = pf->sriov;
    struct pci_function *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    pci_vf_bdf(pf->bdf, s->offset, s->stride, index, &f->bdf);
    f->vendor = pf->vendor;
    f->device = s->vf_device;
    f->subsystem_vendor = pf->subsystem_vendor;
    f->class_code = pf->class_code;
    f->header_type = PCI_HEADER_DEVICE;
    f->config_size = PCI_CONFIG_SIZE;
    f->parent = pf->parent;
    f->pf = pf;
    f->vf_index = (uint16_t)index;
    f->dma.requester_id = f->bdf;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        f->bar[i] = s->bar[i];
        f->bar[i].base += f->bar[i].base ? s->bar[i].size * index : 0;
    }
    return f;
}

/* Before the VFs are there, so that running out of memory costs nothing. */
static int vfs_new(struct pci_function *pf, unsigned count, const char **why)
{
    struct pci_sriov *s = pf->sriov;
    *why = "no memory";
    s->vf = calloc(count, sizeof(struct pci_function *));
    for (unsigned i = 0; s->vf && i < count; i++, s->num_vfs++)
        if (!(s->vf[i] = vf_new(pf, i)))
            return -ENOMEM;
    return s->vf ? 0 : -ENOMEM;
}

static void vfs_free(struct pci_sriov *s)
{
    for (unsigned i = 0; i < s->num_vfs; i++)
        pci_function_free(s->vf[i]);
    free(s->vf);
    s->vf = NULL;
    s->num_vfs = 0;
}

static int vf_wait(struct pci_function *f, uint64_t end_us, const char **why)
{
    if (!pci_answers_until(f, end_us)) {
        *why = because("VF %u does not answer: vendor ID %04x, command %04x", f->vf_index,
                       pci_read16(f, PCI_VENDOR_ID), pci_read16(f, PCI_COMMAND));
        pci_log(LOG_ERROR, f, "%s after %u ms", *why,
                (unsigned)((VF_ENABLE_US + VF_READY_US) / US_PER_MS));
        return -ETIMEDOUT;
    }
    f->subsystem = pci_read16(f, PCI_SUBSYSTEM);
    f->revision = pci_read8(f, PCI_REVISION);
    pci_config_size_find(f);
    pci_aer_find(f);
    pci_aer_clear(f);
    pci_acs_enable(f);
    return 0;
}

static int vfs_wait(struct pci_sriov *s, const char **why)
{
    int e = 0;
    uint64_t end_us = time_us() + VF_ENABLE_US;
    pci_wait_until(end_us);
    for (unsigned i = 0; i < s->num_vfs && !e; i++)
        e = vf_wait(s->vf[i], end_us + VF_READY_US, why);
    return e;
}

/* On and off ---------------------------------------------------------------------- */

static void vfs_off(struct pci_function *pf)
{
    struct pci_sriov *s = pf->sriov;
    uint16_t control = control_of(pf);
    control_set(pf, control & (uint16_t)~PCI_SRIOV_VF_MEMORY);
    control_set(pf, control & (uint16_t) ~(PCI_SRIOV_VF_MEMORY | PCI_SRIOV_VF_ENABLE));
    s->settled_us = time_us() + PCI_VF_DISABLE_US;
}

int pci_sriov_enable(struct pci_function *pf, unsigned count, bool unisolated, const char **why)
{
    struct pci_sriov *s = pf->sriov;
    int e = may_enable(pf, count, unisolated, why);
    if (e)
        return e;
    pci_wait_until(s->settled_us);
    if ((e = count_set(pf, count, why)) || (e = bars_set(pf, why)) || (e = vfs_new(pf, count, why)))
        goto forget;
    control_set(pf, control_of(pf) | PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY);
    e = vfs_wait(s, why);
    if (e)
        goto off;
    for (unsigned i = 0; i < count; i++)
        pci_list_insert(s->vf[i]);
    return 0;
off:
    vfs_off(pf);
forget:
    vfs_free(s);
    return e;
}

void pci_sriov_disable(struct pci_function *pf)
{
    struct pci_sriov *s = pf->sriov;
    if (!s || !s->num_vfs)
        return;
    for (unsigned i = 0; i < s->num_vfs; i++)
        pci_list_remove(s->vf[i]);
    vfs_off(pf);
    vfs_free(s);
}
