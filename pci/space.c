/* space.c - addresses: which may be given away, which are taken, and what a bridge's
 * window could be widened by.  unread in this file: PCI. */
#include "kernel/compiler.h"
#include "pci/place.h"
#include "pci/sriov.h"

#include <errno.h>

#define ROWS_MAX 32u

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

static void (*windows_source)(void);

void pci_windows_from(void (*source)(void))
{
    windows_source = source;
}

void pci_windows_ask(void)
{
    void (*source)(void) = windows_source;
    windows_source = NULL;
    if (source)
        source();
}

void pci_windows_reset(void)
{
    roots.count = reserved.count = 0;
    windows_source = NULL;
}

uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t multiply_saturating(uint64_t a, uint64_t b)
{
    return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

uint64_t align_saturating(uint64_t v, uint64_t align)
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

enum pci_window_kind kind_through(const struct pci_function *parent, enum pci_window_kind kind)
{
    if (kind == PCI_WINDOW_PREFETCHABLE && !(parent && parent->window[kind].implemented))
        return PCI_WINDOW_MEMORY;
    return kind;
}

bool space_can_hold(const struct request *q)
{
    if (q->kind == PCI_WINDOW_IO)
        return q->size - 1 <= root_io.last - root_io.base;
    for (unsigned i = 0; i < roots.count; i++) {
        uint64_t last = q->low ? min_u64(roots.row[i].last, FOUR_GIB - 1) : roots.row[i].last;
        if (last >= roots.row[i].base && q->size - 1 <= last - roots.row[i].base)
            return true;
    }
    return false;
}

/* What is taken ------------------------------------------------------------------ */

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

uint64_t space_find(const struct request *q)
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

/* Widening ----------------------------------------------------------------------- */

/* What may be added to a window: what a bridge further up forwards, or a root bus. */
static bool is_allowed(const struct request *q, struct range r)
{
    const struct pci_function *above = q->f->parent->parent;
    enum pci_window_kind kind = kind_through(above, q->kind);
    for (const struct pci_function *b = above; b; b = b->parent) {
        const struct pci_window *w = &b->window[kind];
        if (w->size && r.base >= w->base && r.last <= w->base + (w->size - 1))
            return true;
        kind = kind_through(b->parent, kind);
    }
    for (unsigned i = 0; i < roots.count; i++)
        if (r.base >= roots.row[i].base && r.last <= roots.row[i].last)
            return true;
    return false;
}

/* Memory windows end at 4 GiB, and so do prefetchable ones without upper halves. */
static uint64_t window_end(const struct request *q)
{
    uint64_t end = UINT64_MAX;
    enum pci_window_kind kind = q->kind;
    for (const struct pci_function *b = q->f->parent; b; b = b->parent) {
        if (kind == PCI_WINDOW_MEMORY || !b->window[kind].is64)
            end = FOUR_GIB - 1;
        kind = kind_through(b->parent, kind);
    }
    return q->low ? min_u64(end, FOUR_GIB - 1) : end;
}

static void widen(const struct request *q, struct range r)
{
    enum pci_window_kind kind = q->kind;
    for (struct pci_function *b = q->f->parent; b; b = b->parent) {
        struct pci_window *w = &b->window[kind];
        uint64_t last = max_u64(w->base + (w->size - 1), r.last);
        w->base = min_u64(w->base, r.base);
        w->size = last - w->base + 1;
        kind = kind_through(b->parent, kind);
    }
}

/* Closed ones are opened for all behind them at once, or not at all (place.c). */
static bool all_are_open(const struct request *q)
{
    enum pci_window_kind kind = q->kind;
    for (const struct pci_function *b = q->f->parent; b; b = b->parent) {
        if (!b->window[kind].size)
            return false;
        kind = kind_through(b->parent, kind);
    }
    return q->f->parent;
}

/* Addresses that are added must be nobody's at any level: then all levels can have them. */
static bool grow_to(const struct request *q, struct range added)
{
    if (added.last < added.base || added.last > window_end(q) || !is_allowed(q, added) ||
        taken(q, added))
        return false;
    widen(q, added);
    return true;
}

/* Upwards what is free at the window's end counts. */
static bool grow_up(const struct request *q, struct range w, uint64_t unit)
{
    uint64_t base = w.base, after;
    if (w.last == UINT64_MAX)
        return false;
    while (base <= w.last && (after = taken(q, (struct range){ base, w.last })))
        base = add_saturating(after, 1);
    base = align_saturating(base, q->align);
    uint64_t end = align_saturating(add_saturating(base, q->size), unit);
    return base != UINT64_MAX && end != UINT64_MAX && end > w.last + 1 &&
           grow_to(q, (struct range){ w.last + 1, end - 1 });
}

static bool grow_down(const struct request *q, struct range w, uint64_t unit)
{
    uint64_t align = max_u64(q->align, unit), size = align_saturating(q->size, unit);
    if (size >= w.base)
        return false;
    uint64_t base = ALIGN_DOWN(w.base - size, align);
    return base && grow_to(q, (struct range){ base, w.base - 1 });
}

bool space_grow(const struct request *q)
{
    if (q->kind == PCI_WINDOW_IO || !all_are_open(q))
        return false;
    const struct pci_window *w = &q->f->parent->window[q->kind];
    struct range is = range_of(w->base, w->size);
    uint64_t unit = pci_window_unit(q->kind);
    return grow_up(q, is, unit) || grow_down(q, is, unit);
}
