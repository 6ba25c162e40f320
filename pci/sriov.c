/* sriov.c - a PF's capability, and where its VFs are (PCIe 9.2.1.2, 9.3.3).
 *
 * The scan reads the capability with VF Enable off.  First VF Offset and VF Stride
 * depend on ARI Capable Hierarchy and NumVFs (9.3.3.9), so both are set before; the
 * sizes of VF BARs depend on System Page Size (9.3.3.13).
 *
 * A capability is the device's word: what cannot be is told in the log, and no VF of
 * that PF is ever enabled.
 * unread in this file: PCIe, but for 9.3.3.3.5. */
#include "pci/sriov.h"

#include "kernel/compiler.h"
#include "kernel/time.h"
#include "pci/pci_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_DEVICE 0xffffu
#define SMALLEST_PAGE 4096u

/* Arithmetic -------------------------------------------------------------------- */

bool pci_vf_bdf(uint32_t pf_bdf, uint16_t offset, uint16_t stride, unsigned index, uint32_t *bdf)
{
    uint64_t pf = pf_bdf & UINT16_MAX, vf = pf + offset + (uint64_t)stride * index;
    if (vf > UINT16_MAX || vf == pf)
        return false;
    *bdf = (pf_bdf & ~(uint32_t)UINT16_MAX) | (uint32_t)vf;
    return true;
}

unsigned pci_vfs_up_to(uint32_t pf_bdf, uint16_t offset, uint16_t stride, unsigned count,
                       unsigned last_bus)
{
    uint32_t bdf;
    unsigned n = 0;
    while (n < count && pci_vf_bdf(pf_bdf, offset, stride, n, &bdf) && PCI_BUS(bdf) <= last_bus)
        n++;
    return n;
}

/* Reading ----------------------------------------------------------------------- */

/* The lowest function of the device holds the bit for all of them (9.3.3.3.5). */
static struct pci_sriov *lowest_of_device(const struct pci_function *pf)
{
    struct pci_function *f = pci_first();
    while (f != pf && !(f->sriov && f->bdf >> 8 == pf->bdf >> 8 && f->parent == pf->parent &&
                        (pci_forwards_ari(f->parent) || f->bdf >> 3 == pf->bdf >> 3)))
        f = f->next;
    return f->sriov;
}

static void ari_set(struct pci_function *pf)
{
    struct pci_sriov *s = pf->sriov, *lowest = lowest_of_device(pf);
    uint16_t control = pci_forwards_ari(pf->parent) ? PCI_SRIOV_ARI : 0;
    if (lowest == s) {
        pci_write16(pf, s->at + PCI_SRIOV_CONTROL, control);
        control = pci_read16(pf, s->at + PCI_SRIOV_CONTROL);
        s->ari = control & PCI_SRIOV_ARI;
    } else {
        s->ari = lowest->ari;
    }
}

/* The smallest one: nobody maps parts of VFs apart.  4 KiB must be there (9.3.3.12). */
static void page_size_set(struct pci_function *pf)
{
    struct pci_sriov *s = pf->sriov;
    s->page_sizes = pci_read32(pf, s->at + PCI_SRIOV_PAGE_SIZES);
    s->page_size = s->page_sizes & -s->page_sizes;
    pci_write32(pf, s->at + PCI_SRIOV_PAGE_SIZE, s->page_size);
}

static const char *bars_problem(const struct pci_sriov *s)
{
    uint64_t page = (uint64_t)SMALLEST_PAGE * s->page_size;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (s->bar[i].io)
            return "a VF BAR is I/O";
        if (s->bar[i].size && s->bar[i].size < page)
            return "a VF BAR is smaller than a page";
    }
    return NULL;
}

/* 9.3.3.5, 9.3.3.9 to 9.3.3.13 */
static const char *problem_of(const struct pci_function *pf)
{
    const struct pci_sriov *s = pf->sriov;
    uint32_t bdf;
    if (pci_read16(pf, s->at + PCI_SRIOV_CONTROL) & PCI_SRIOV_VF_ENABLE)
        return "VF Enable stays set";
    if (!s->total_vfs)
        return "it has no VFs";
    if (s->initial_vfs > s->total_vfs)
        return "InitialVFs is above TotalVFs";
    if (!s->offset)
        return "First VF Offset is 0";
    if (!s->stride && s->total_vfs > 1)
        return "VF Stride is 0";
    if (!pci_vf_bdf(pf->bdf, s->offset, s->stride, s->total_vfs - 1u, &bdf))
        return "the last VF's routing ID is beyond bus 255";
    if (s->vf_device == NO_DEVICE || !s->vf_device)
        return "VF Device ID is none";
    if (!s->page_size || pci_read32(pf, s->at + PCI_SRIOV_PAGE_SIZE) != s->page_size)
        return "no page size is supported";
    return bars_problem(s);
}

/* What lies from a BAR on that firmware set, all VFs together; overflow is no place. */
static void rooms_read(struct pci_sriov *s)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        struct pci_bar *bar = &s->bar[i];
        if (bar->base && (UINT64_MAX - bar->base) / bar->size < s->total_vfs)
            bar->base = 0;
        s->room[i] = bar->base ? s->total_vfs : 0;
    }
}

static void capability_read(struct pci_function *pf)
{
    struct pci_sriov *s = pf->sriov;
    ari_set(pf);
    page_size_set(pf);
    s->initial_vfs = pci_read16(pf, s->at + PCI_SRIOV_INITIAL_VFS);
    s->total_vfs = pci_read16(pf, s->at + PCI_SRIOV_TOTAL_VFS);
    s->vf_device = pci_read16(pf, s->at + PCI_SRIOV_VF_DEVICE_ID);
    pci_write16(pf, s->at + PCI_SRIOV_NUM_VFS, s->total_vfs);
    s->offset = pci_read16(pf, s->at + PCI_SRIOV_VF_OFFSET);
    s->stride = pci_read16(pf, s->at + PCI_SRIOV_VF_STRIDE);
    pci_write16(pf, s->at + PCI_SRIOV_NUM_VFS, 0);
    pci_size_vf_bars(pf);
    s->problem = problem_of(pf);
    if (!s->problem) {
        rooms_read(s);
        return;
    }
    for (unsigned i = 0; i < PCI_BARS; i++)
        s->bar[i] = (struct pci_bar){ 0 };
    if (s->total_vfs)
        pci_log(LOG_WARNING, pf, "no VFs: %s", s->problem);
}

static bool has_room_for(const struct pci_function *f, uint16_t at)
{
    if (at + PCI_SRIOV_LENGTH <= f->config_size)
        return true;
    pci_log(LOG_WARNING, f, "no VFs: the SR-IOV capability at %x is cut off", at);
    return false;
}

/* Whoever had the machine before may have left VFs on.  True: they were. */
static bool left_over_off(const struct pci_function *pf)
{
    uint16_t control = pci_read16(pf, pf->sriov->at + PCI_SRIOV_CONTROL);
    if (!(control & (PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY)))
        return false;
    pci_write16(pf, pf->sriov->at + PCI_SRIOV_CONTROL,
                control & (uint16_t) ~(PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY));
    return control & PCI_SRIOV_VF_ENABLE;
}

bool pci_sriov_read_bus(struct pci_function *first)
{
    bool left_over = false;
    struct pci_function *f;
    for (f = first; f && f->bdf >> 8 == first->bdf >> 8; f = f->next) {
        uint16_t at = pci_find_extended_capability(f, PCI_EXT_SRIOV, 0);
        if (!at || f->header_type != PCI_HEADER_DEVICE || !has_room_for(f, at))
            continue;
        f->sriov = calloc(1, sizeof *f->sriov);
        if (!f->sriov)
            return false;
        f->sriov->at = at;
        left_over |= left_over_off(f);
    }
    if (left_over)
        time_delay_us(PCI_VF_DISABLE_US);
    for (f = first; f && f->bdf >> 8 == first->bdf >> 8; f = f->next)
        if (f->sriov)
            capability_read(f);
    return true;
}

unsigned pci_sriov_last_bus(const struct pci_function *pf)
{
    const struct pci_sriov *s = pf->sriov;
    uint32_t bdf = pf->bdf;
    if (!s->problem)
        pci_vf_bdf(pf->bdf, s->offset, s->stride, s->total_vfs - 1u, &bdf);
    return PCI_BUS(bdf);
}

void pci_sriov_placed(struct pci_function *pf)
{
    struct pci_sriov *s = pf->sriov;
    unsigned n =
        s->problem ? 0 : pci_vfs_up_to(pf->bdf, s->offset, s->stride, s->total_vfs, s->last_bus);
    if (!s->problem && n < s->total_vfs) {
        snprintf(s->short_of, sizeof s->short_of, "the bus range up to %02x is short", s->last_bus);
        pci_log(LOG_WARNING, pf, "%u of %u VFs can be reached: the last is on bus %02x, and %s", n,
                s->total_vfs, pci_sriov_last_bus(pf), s->short_of);
    }
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (s->bar[i].size)
            n = n < s->room[i] ? n : s->room[i];
    s->placed_vfs = (uint16_t)n;
}

void pci_sriov_forget(struct pci_function *pf)
{
    if (pf->sriov)
        free(pf->sriov->vf);
    free(pf->sriov);
}
