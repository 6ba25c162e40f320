/* place.c - addresses for the BARs and bridge windows that firmware left unset.
 *
 * What firmware set stays where it is.  First, from the bottom up, each bridge
 * whose window is closed sums what is needed behind it; then, from the top down,
 * everything gets the lowest free place: on root buses in the windows that the
 * machine allows, behind a bridge in its window.  Bus numbers grow downwards, so
 * BDF order is top down and its reverse bottom up.
 *
 * A BAR lies at a multiple of its size (PCI 6.2.5.1); windows in units of 4 KiB
 * or 1 MiB (Bridge 3.2.5.6 and 3.2.5.8).  Only 64-bit prefetchable BARs go into
 * a prefetchable window: it may lie above 4 GiB, where no other can follow. */
#include "kernel/compiler.h"
#include "pci/pci_internal.h"
#include "pci/sriov.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_MAX 32u
#define FOUR_GIB 0x100000000ull

struct range {
    uint64_t base, last;
};

/* Of I/O space, what lies below is where chipsets put what is not PCI. */
static const struct range root_io = { 0xc000, 0xffff };

struct rows {
    struct range row[ROWS_MAX];
    unsigned count;
};

static struct rows roots, reserved;

static int row_add(struct rows *rows, uint64_t base, uint64_t size)
{
    if (!size || size - 1 > UINT64_MAX - base)
        return -EINVAL;
    if (rows->count == ROWS_MAX)
        return -ENOSPC;
    rows->row[rows->count++] = (struct range){ base, base + (size - 1) };
    return 0;
}

int pci_window_add(uint64_t base, uint64_t size)
{
    return row_add(&roots, base, size);
}

int pci_window_reserve(uint64_t base, uint64_t size)
{
    return row_add(&reserved, base, size);
}

void pci_windows_reset(void)
{
    roots.count = reserved.count = 0;
}

/* What devices ask for is theirs to say: sums stop at the end. */
static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t multiply_saturating(uint64_t a, uint64_t b)
{
    return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t align_saturating(uint64_t v, uint64_t align)
{
    return v > UINT64_MAX - (align - 1) ? UINT64_MAX : ALIGN_UP(v, align);
}

/* A PC keeps its registers (IOAPIC, HPET, local APIC, flash) from fec00000 on, and
 * firmware keeps memory for chipset and graphics directly above RAM: so the
 * window begins at 3 GiB at the lowest, and a good way above RAM.  microvm's
 * window begins at 3 GiB too; its 64-bit one is the topmost quarter of the address
 * space, which q35 and pc forward as well.  AMD's I/O virtualization (48882,
 * 2.1.2) takes fd00000000-ffffffffff for itself. */
#define PC_LOWEST 0xc0000000ull
#define PC_END 0xfec00000ull
#define PC_ABOVE_RAM 0x10000000ull
#define HYPERTRANSPORT 0xfd00000000ull
#define HYPERTRANSPORT_SIZE 0x300000000ull

void pci_windows_of_pc(uint64_t low_end, uint64_t ram_end, uint64_t address_end)
{
    uint64_t low = PC_LOWEST, high = max_u64(address_end / 4 * 3, FOUR_GIB);
    if (low_end > PC_LOWEST)
        low = ALIGN_UP(min_u64(low_end, PC_END), PC_ABOVE_RAM);
    if (low < PC_END)
        pci_window_add(low, PC_END - low);
    if (ram_end > high)
        high = align_saturating(ram_end, PC_ABOVE_RAM);
    if (high < address_end)
        pci_window_add(high, address_end - high);
    pci_window_reserve(HYPERTRANSPORT, HYPERTRANSPORT_SIZE);
}

/* What is to be placed -------------------------------------------------------- */

/* A BAR, one BAR of all VFs of a PF, or the window of a bridge. */
struct request {
    struct pci_function *f;
    unsigned index; /* which BAR, or which window */
    bool is_window;
    unsigned vfs;              /* so many VFs' BAR; 0: the function's own, or a window */
    enum pci_window_kind kind; /* it comes through this window of the bridge above */
    uint64_t size, align;
    bool low; /* must lie below 4 GiB */
};

#define REQUESTS_PER_FUNCTION (2 * PCI_BARS + PCI_WINDOWS)

/* Which window of the bridge above (NULL: a root bus) leads there. */
static enum pci_window_kind kind_through(const struct pci_function *parent,
                                         enum pci_window_kind kind)
{
    if (kind == PCI_WINDOW_PREFETCHABLE && !(parent && parent->window[kind].implemented))
        return PCI_WINDOW_MEMORY;
    return kind;
}

static enum pci_window_kind kind_of_bar(const struct pci_bar *bar)
{
    if (bar->io)
        return PCI_WINDOW_IO;
    return bar->is64 && bar->prefetchable ? PCI_WINDOW_PREFETCHABLE : PCI_WINDOW_MEMORY;
}

/* False: the BAR is absent, or has its place. */
static bool request_bar(struct pci_function *f, unsigned index, struct request *r)
{
    const struct pci_bar *bar = &f->bar[index];
    if (!bar->size || bar->base)
        return false;
    *r = (struct request){ .f = f,
                           .index = index,
                           .kind = kind_through(f->parent, kind_of_bar(bar)),
                           .size = bar->size,
                           .align = bar->size,
                           .low = !bar->is64 };
    return true;
}

/* VFs' BARs lie one behind the other, each at a multiple of its size (PCIe 9.3.3.14). */
static bool request_vf_bars(struct pci_function *f, unsigned index, struct request *r)
{
    const struct pci_bar *bar = f->sriov ? &f->sriov->bar[index] : NULL;
    if (!bar || !bar->size || bar->base)
        return false;
    *r = (struct request){ .f = f,
                           .index = index,
                           .vfs = f->sriov->total_vfs,
                           .kind = kind_through(f->parent, kind_of_bar(bar)),
                           .size = multiply_saturating(bar->size, f->sriov->total_vfs),
                           .align = bar->size,
                           .low = !bar->is64 };
    return true;
}

/* False: the window is open, or nothing behind it needs it. */
static bool request_window(struct pci_function *f, unsigned index, struct request *r)
{
    const struct pci_window *w = &f->window[index];
    if (w->size || !w->needed)
        return false;
    *r = (struct request){ .f = f,
                           .index = index,
                           .is_window = true,
                           .kind = kind_through(f->parent, index),
                           .size = align_saturating(w->needed, pci_window_unit(index)),
                           .align = w->needed_align,
                           .low = w->needed_low };
    return true;
}

static unsigned requests_of(struct pci_function *f, struct request rows[REQUESTS_PER_FUNCTION])
{
    unsigned n = 0;
    for (unsigned i = 0; i < PCI_BARS; i++)
        n += request_bar(f, i, &rows[n]);
    for (unsigned i = 0; i < PCI_BARS; i++)
        n += request_vf_bars(f, i, &rows[n]);
    for (unsigned i = 0; i < PCI_WINDOWS; i++)
        n += request_window(f, i, &rows[n]);
    return n;
}

/* Needs, from the bottom up ------------------------------------------------------ */

/* False: no root bus has that much in one piece.  Such a BAR goes without a place,
 * but does not take those beside it along. */
static bool can_be_had(const struct request *r)
{
    if (r->kind == PCI_WINDOW_IO)
        return r->size - 1 <= root_io.last - root_io.base;
    for (unsigned i = 0; i < roots.count; i++) {
        uint64_t last = r->low ? min_u64(roots.row[i].last, FOUR_GIB - 1) : roots.row[i].last;
        if (last >= roots.row[i].base && r->size - 1 <= last - roots.row[i].base)
            return true;
    }
    return false;
}

/* Rounded up each to its alignment, requests fit without a gap in any order that
 * begins with the largest alignment. */
static void need_add(struct pci_function *bridge, const struct request *r)
{
    struct pci_window *w = &bridge->window[r->kind];
    if (w->size || !w->implemented || !can_be_had(r))
        return;
    w->needed = add_saturating(w->needed, align_saturating(r->size, r->align));
    w->needed_align = max_u64(max_u64(w->needed_align, pci_window_unit(r->kind)), r->align);
    w->needed_low |= r->kind == PCI_WINDOW_MEMORY || !w->is64 || r->low;
}

/* Places, from the top down ------------------------------------------------------ */

static struct range range_of(uint64_t base, uint64_t size)
{
    return (struct range){ base, base + (size - 1) };
}

static bool overlap(struct range a, struct range b)
{
    return a.base <= b.last && b.base <= a.last;
}

static bool is_above(const struct pci_function *bridge, const struct pci_function *f)
{
    for (f = f->parent; f; f = f->parent)
        if (f == bridge)
            return true;
    return false;
}

/* The last address of something of f's that lies in r, or 0. */
static uint64_t taken_by(const struct pci_function *f, const struct request *q, struct range r)
{
    bool io = q->kind == PCI_WINDOW_IO;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        struct range bar = range_of(f->bar[i].base, f->bar[i].size);
        if (f->bar[i].base && f->bar[i].io == io && overlap(r, bar))
            return bar.last;
    }
    for (unsigned i = 0; i < PCI_BARS && f->sriov && !io; i++) {
        const struct pci_bar *bar = &f->sriov->bar[i];
        struct range vfs = range_of(bar->base, bar->size * f->sriov->room[i]);
        if (bar->base && overlap(r, vfs))
            return vfs.last;
    }
    for (unsigned i = 0; i < PCI_WINDOWS; i++) {
        struct range window = range_of(f->window[i].base, f->window[i].size);
        if (f->window[i].size && (i == PCI_WINDOW_IO) == io && overlap(r, window) &&
            !is_above(f, q->f))
            return window.last;
    }
    return 0;
}

static uint64_t taken(const struct request *q, struct range r)
{
    uint64_t last = 0;
    for (unsigned i = 0; i < reserved.count && q->kind != PCI_WINDOW_IO; i++)
        if (overlap(r, reserved.row[i]))
            return reserved.row[i].last;
    for (struct pci_function *f = pci_first(); f && !last; f = f->next)
        last = taken_by(f, q, r);
    return last;
}

/* The lowest free place in `space`, or 0, which is none (PCI 6.2.5.1). */
static uint64_t place_within(const struct request *q, struct range space)
{
    uint64_t base = max_u64(space.base, 1),
             last = q->low ? min_u64(space.last, FOUR_GIB - 1) : space.last;
    for (;;) {
        base = align_saturating(base, q->align);
        if (base > last || q->size - 1 > last - base)
            return 0;
        uint64_t after = taken(q, range_of(base, q->size));
        if (!after)
            return base;
        if (after >= last)
            return 0;
        base = after + 1;
    }
}

static uint64_t place_find(const struct request *q)
{
    const struct pci_window *w = q->f->parent ? &q->f->parent->window[q->kind] : NULL;
    uint64_t base = 0;
    if (w)
        return w->size ? place_within(q, range_of(w->base, w->size)) : 0;
    if (q->kind == PCI_WINDOW_IO)
        return place_within(q, root_io);
    for (unsigned i = 0; i < roots.count && !base; i++)
        base = place_within(q, roots.row[i]);
    return base;
}

/* Names the window that is short.  One that could not be opened was told before,
 * as what it needs itself.  Few devices that have I/O need it. */
static void tell_short(const struct request *q)
{
    const struct pci_function *parent = q->f->parent;
    const struct pci_window *w = parent ? &parent->window[q->kind] : NULL;
    char what[32], where[64], bdf[16] = "the root buses";

    if (w && !w->size && w->needed)
        return;
    if (q->is_window)
        snprintf(what, sizeof what, "its %s window", pci_window_name(q->index));
    else
        snprintf(what, sizeof what, "%sBAR %u", q->vfs ? "VF " : "", q->index);
    if (parent)
        pci_bdf_format(parent->bdf, bdf);
    snprintf(where, sizeof where, "the %s %s of %s is %s", pci_window_name(q->kind),
             parent ? "window" : "space", bdf, w && !w->implemented ? "not there" : "short");
    if (q->vfs)
        snprintf(q->f->sriov->short_of, sizeof q->f->sriov->short_of, "%s", where);
    pci_log(q->kind == PCI_WINDOW_IO ? LOG_INFO
            : q->vfs                 ? LOG_WARNING
                                     : LOG_ERROR,
            q->f, "%s has no place: it needs %" PRIx64 " bytes, and %s", what, q->size, where);
}

/* As many VFs as fit. */
static void place_vf_bars(struct request q)
{
    struct pci_sriov *s = q.f->sriov;
    uint64_t base = place_find(&q);
    if (!base)
        tell_short(&q);
    while (!base && q.vfs > 1) {
        q.vfs /= 2;
        q.size = multiply_saturating(q.align, q.vfs);
        base = place_find(&q);
    }
    if (base && pci_vf_bar_write(q.f, q.index, base))
        s->room[q.index] = (uint16_t)q.vfs;
}

static void place(const struct request *q)
{
    uint64_t base = q->vfs ? 0 : place_find(q);
    if (q->vfs)
        place_vf_bars(*q);
    else if (!base)
        tell_short(q);
    else if (q->is_window)
        pci_window_write(q->f, q->index, base, q->size);
    else
        pci_bar_write(q->f, q->index, base);
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static uint64_t depth_key(const struct request *q)
{
    return q->f->parent ? (uint64_t)q->f->parent->bdf + 1 : 0;
}

/* Root buses first, then what lies behind each bridge; there first what cannot
 * lie elsewhere, then the largest. */
static int compare_requests(const void *a, const void *b)
{
    const struct request *x = a, *y = b;
    int order = compare_u64(depth_key(x), depth_key(y));
    order = order ? order : compare_u64(y->low, x->low);
    order = order ? order : compare_u64(y->align, x->align);
    order = order ? order : compare_u64(x->f->bdf, y->f->bdf);
    return order ? order : compare_u64(x->index, y->index);
}

/* All ---------------------------------------------------------------------------- */

static bool lies_in(const struct pci_bar *bar, const struct pci_window *w)
{
    return w->size && bar->base >= w->base && bar->size <= w->size &&
           bar->base - w->base <= w->size - bar->size;
}

/* A BAR outside its bridge's windows cannot be reached: that is no place.  A
 * bridge with subtractive decoding forwards what nobody else claims. */
static void forget_unreachable(struct pci_function *f)
{
    const struct pci_function *parent = f->parent;
    if (!parent || parent->class_code == PCI_CLASS_SUBTRACTIVE_BRIDGE)
        return;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        struct pci_bar *bar = &f->bar[i];
        bool reachable = bar->io ? lies_in(bar, &parent->window[PCI_WINDOW_IO])
                                 : lies_in(bar, &parent->window[PCI_WINDOW_MEMORY]) ||
                                       lies_in(bar, &parent->window[PCI_WINDOW_PREFETCHABLE]);
        if (bar->base && !reachable) {
            pci_log(LOG_WARNING, f, "BAR %u at %" PRIx64 " lies outside its bridge's windows", i,
                    bar->base);
            bar->base = 0;
        }
    }
}

static void needs_gather(struct pci_function **functions, unsigned count)
{
    struct request rows[REQUESTS_PER_FUNCTION];
    while (count--) {
        struct pci_function *f = functions[count];
        unsigned n = f->parent ? requests_of(f, rows) : 0;
        while (n--)
            need_add(f->parent, &rows[n]);
    }
}

static void place_requests(struct pci_function **functions, unsigned count, struct request *rows)
{
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++)
        n += requests_of(functions[i], rows + n);
    qsort(rows, n, sizeof *rows, compare_requests);
    for (unsigned i = 0; i < n; i++)
        place(&rows[i]);
}

void pci_place_all(void)
{
    unsigned count = 0, n = 0;
    for (struct pci_function *f = pci_first(); f; f = f->next)
        count++;
    struct pci_function **functions = calloc(count + 1, sizeof *functions);
    struct request *rows = calloc((size_t)count * REQUESTS_PER_FUNCTION + 1, sizeof *rows);
    if (functions && rows) {
        for (struct pci_function *f = pci_first(); f; f = f->next) {
            forget_unreachable(f);
            functions[n++] = f;
        }
        needs_gather(functions, count);
        place_requests(functions, count, rows);
        for (unsigned i = 0; i < count; i++)
            if (functions[i]->sriov)
                pci_sriov_placed(functions[i]);
    } else {
        log_error("pci: no memory to place %u functions", count);
    }
    free(rows);
    free(functions);
}
