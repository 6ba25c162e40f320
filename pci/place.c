/* place.c - addresses for the BARs and bridge windows that firmware left unset.
 *
 * What firmware set stays where it is, but for windows: one that has nothing behind it
 * and is too small is placed anew, others are widened where their neighborhood is free;
 * and one that is too small for VFs moves with all that is in it, where those are network
 * functions, which nobody uses yet.
 * First, from the bottom up, each bridge whose window is closed sums what is needed
 * behind it; then, from the top down, everything gets the lowest free place: on root
 * buses in the windows that the machine allows, behind a bridge in its window.  Bus
 * numbers grow downwards, so BDF order is top down and its reverse bottom up.
 *
 * A BAR lies at a multiple of its size (PCI 6.2.5.1); windows in units of 4 KiB
 * or 1 MiB (Bridge 3.2.5.6 and 3.2.5.8).  Only 64-bit prefetchable BARs go into
 * a prefetchable window: it may lie above 4 GiB, where no other can follow.  When it is
 * full they go where the others are.
 *
 * VFs may never exist, so their BARs (PCIe 9.3.3.14) take nothing from others: it is
 * tried in memory with room for all VFs, half of them, a quarter and so on, and the
 * best trial that costs no BAR its place is written to the registers.
 * unread in this file: PCI, Bridge, PCIe. */
#include "pci/place.h"
#include "kernel/compiler.h"
#include "pci/sriov.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS_PER_FUNCTION (PCI_BARS + PCI_WINDOWS + 1)
#define SHARES 17u /* of 65535 VFs: all, a half, ..., none */

/* The places of one function. */
struct places {
    struct pci_bar bar[PCI_BARS], vf_bar[PCI_BARS];
    struct pci_window window[PCI_WINDOWS];
    uint16_t room[PCI_BARS];
};

struct placing {
    unsigned count;
    struct pci_function **functions; /* BDF order */
    struct places *firmware;         /* as the registers are, of each function */
    struct request *rows;
    unsigned shift; /* VFs of this trial: TotalVFs >> shift */
    bool move;      /* what is in the way of VFs may move in it */
};

static unsigned vfs_wanted(const struct placing *p, const struct pci_function *f)
{
    return f->sriov && !f->sriov->problem ? f->sriov->total_vfs >> p->shift : 0;
}

/* What is to be placed -------------------------------------------------------- */

static enum pci_window_kind kind_of_bar(const struct pci_bar *bar)
{
    if (bar->io)
        return PCI_WINDOW_IO;
    return bar->is64 && bar->prefetchable ? PCI_WINDOW_PREFETCHABLE : PCI_WINDOW_MEMORY;
}

static struct request request_for(struct pci_function *f, const struct pci_bar *bar, unsigned index,
                                  unsigned count)
{
    return (struct request){ .f = f,
                             .index = index,
                             .kind = kind_through(f->parent, kind_of_bar(bar)),
                             .size = multiply_saturating(bar->size, count),
                             .align = bar->size,
                             .low = !bar->is64 };
}

/* False: the BAR is absent, or has its place. */
static bool request_bar(struct pci_function *f, unsigned index, struct request *r)
{
    const struct pci_bar *bar = &f->bar[index];
    if (!bar->size || bar->base)
        return false;
    *r = request_for(f, bar, index, 1);
    return true;
}

/* VFs' BARs lie one behind the other, each at a multiple of its size (PCIe 9.3.3.14). */
static bool request_vf_bar(struct pci_function *f, unsigned index, unsigned vfs, struct request *r)
{
    const struct pci_bar *bar = &f->sriov->bar[index];
    if (!bar->size || bar->base || !vfs)
        return false;
    *r = request_for(f, bar, index, vfs);
    return true;
}

/* All VF BARs of a PF are one request, of the largest alignment: they fit together or
 * not at all. */
static bool request_vfs(struct pci_function *f, unsigned vfs, struct request *r)
{
    struct request one;
    *r = (struct request){ .f = f, .what = REQUEST_VFS };
    for (unsigned i = 0; i < PCI_BARS && vfs; i++)
        if (request_vf_bar(f, i, vfs, &one))
            r->align = max_u64(r->align, one.align);
    return r->align;
}

/* The VFs' part begins at a multiple of its alignment behind what is needed anyway. */
static uint64_t needed_behind(const struct pci_window *w, enum pci_window_kind kind)
{
    uint64_t all =
        add_saturating(align_saturating(w->needed, max_u64(w->vf_align, 1)), w->vf_needed);
    return align_saturating(all, pci_window_unit(kind));
}

/* False: the window is open, or nothing behind it needs it. */
static bool request_window(struct pci_function *f, unsigned index, struct request *r)
{
    const struct pci_window *w = &f->window[index];
    if (w->size || (!w->needed && !w->vf_needed))
        return false;
    *r = (struct request){ .f = f,
                           .what = REQUEST_WINDOW,
                           .index = index,
                           .kind = kind_through(f->parent, index),
                           .size = needed_behind(w, index),
                           .align = max_u64(w->needed_align, w->vf_align),
                           .low = w->needed_low };
    return true;
}

static unsigned requests_of(const struct placing *p, struct pci_function *f,
                            struct request rows[REQUESTS_PER_FUNCTION])
{
    unsigned n = 0;
    for (unsigned i = 0; i < PCI_BARS; i++)
        n += request_bar(f, i, &rows[n]);
    for (unsigned i = 0; i < PCI_WINDOWS; i++)
        n += request_window(f, i, &rows[n]);
    n += request_vfs(f, vfs_wanted(p, f), &rows[n]);
    return n;
}

/* Needs, from the bottom up ------------------------------------------------------ */

static void align_for(struct pci_window *w, const struct request *r)
{
    w->needed_align = max_u64(max_u64(w->needed_align, pci_window_unit(r->kind)), r->align);
    w->needed_low |= r->kind == PCI_WINDOW_MEMORY || !w->is64 || r->low;
}

/* Rounded up each to its alignment, requests fit without a gap in any order that
 * begins with the largest alignment.  What cannot be had goes without a place, but does
 * not take those beside it along. */
static void need_add(struct pci_function *bridge, const struct request *r)
{
    struct pci_window *w = &bridge->window[r->kind];
    if (!w->implemented || !space_can_hold(r))
        return;
    w->needed = add_saturating(w->needed, align_saturating(r->size, r->align));
    align_for(w, r);
}

static void needs_of_vfs(const struct placing *p, struct pci_function *f)
{
    unsigned vfs = vfs_wanted(p, f);
    uint64_t sum[PCI_WINDOWS] = { 0 }, align[PCI_WINDOWS] = { 0 };
    struct request r;
    for (unsigned i = 0; i < PCI_BARS && vfs; i++) {
        if (!request_vf_bar(f, i, vfs, &r) || !f->parent->window[r.kind].implemented)
            continue;
        sum[r.kind] = add_saturating(sum[r.kind], r.size);
        align[r.kind] = max_u64(align[r.kind], r.align);
        align_for(&f->parent->window[r.kind], &r);
    }
    for (unsigned i = 0; i < PCI_WINDOWS; i++) {
        struct pci_window *w = &f->parent->window[i];
        if (sum[i])
            w->vf_needed = add_saturating(w->vf_needed, align_saturating(sum[i], align[i]));
        w->vf_align = max_u64(w->vf_align, align[i]);
    }
}

static bool lies_in(uint64_t base, uint64_t size, const struct pci_window *w)
{
    return w->size && base >= w->base && size <= w->size && base - w->base <= w->size - size;
}

static bool is_empty(const struct placing *p, const struct pci_function *bridge,
                     enum pci_window_kind kind)
{
    const struct pci_window *w = &bridge->window[kind];
    for (unsigned n = 0; n < p->count; n++) {
        const struct pci_function *f = p->functions[n];
        if (f->parent != bridge)
            continue;
        for (unsigned i = 0; i < PCI_BARS; i++)
            if ((f->bar[i].base && lies_in(f->bar[i].base, 1, w)) ||
                (f->sriov && f->sriov->bar[i].base && lies_in(f->sriov->bar[i].base, 1, w)))
                return false;
        for (unsigned i = 0; i < PCI_WINDOWS; i++)
            if (f->window[i].size && lies_in(f->window[i].base, 1, w))
                return false;
    }
    return true;
}

/* A window that is open, too small and of no use to anybody yet. */
static void windows_reopen(const struct placing *p, struct pci_function *bridge)
{
    for (unsigned i = PCI_WINDOW_MEMORY; i < PCI_WINDOWS; i++) {
        struct pci_window *w = &bridge->window[i];
        if (w->size && (w->needed || w->vf_needed) && needed_behind(w, i) > w->size &&
            is_empty(p, bridge, i))
            w->base = w->size = 0;
    }
}

/* Nobody uses a network function before its driver does; of others, firmware's console
 * may be one. */
static bool is_ours_to_move(const struct pci_function *f)
{
    return f->header_type == PCI_HEADER_DEVICE && f->class_code >> 16 == PCI_CLASS_NETWORK;
}

static bool bar_is_in(const struct pci_bar *bar, const struct pci_window *w)
{
    return bar->base && !bar->io && lies_in(bar->base, 1, w);
}

/* All that is in this window can move, and VFs want to be there as well. */
static bool is_movable(const struct placing *p, const struct pci_function *bridge,
                       const struct pci_window *w)
{
    bool wanted = false;
    for (unsigned n = 0; n < p->count; n++) {
        const struct pci_function *f = p->functions[n];
        if (f->parent != bridge)
            continue;
        for (unsigned i = 0; i < PCI_BARS; i++)
            if (bar_is_in(&f->bar[i], w) && !is_ours_to_move(f))
                return false;
        for (unsigned i = 0; i < PCI_WINDOWS; i++)
            if (f->window[i].size && lies_in(f->window[i].base, 1, w))
                return false;
        wanted |= vfs_wanted(p, f) > 0;
    }
    return wanted;
}

static void move(const struct placing *p, const struct pci_function *bridge, struct pci_window *w)
{
    for (unsigned n = 0; n < p->count; n++) {
        struct pci_function *f = p->functions[n];
        for (unsigned i = 0; i < PCI_BARS && f->parent == bridge; i++) {
            if (bar_is_in(&f->bar[i], w))
                f->bar[i].base = 0;
            if (f->sriov && bar_is_in(&f->sriov->bar[i], w))
                f->sriov->bar[i].base = f->sriov->room[i] = 0;
        }
    }
    w->base = w->size = 0;
}

/* Windows with VFs' PFs behind them that may lie elsewhere as a whole. */
static void windows_move(struct placing *p)
{
    for (unsigned n = 0; n < p->count && p->move; n++) {
        struct pci_function *b = p->functions[n];
        for (unsigned i = PCI_WINDOW_MEMORY; i < PCI_WINDOWS; i++)
            if (b->window[i].size && is_movable(p, b, &b->window[i]))
                move(p, b, &b->window[i]);
    }
}

static void needs_gather(struct placing *p)
{
    struct request rows[REQUESTS_PER_FUNCTION];
    for (unsigned n = p->count; n--;) {
        struct pci_function *f = p->functions[n];
        windows_reopen(p, f);
        if (!f->parent)
            continue;
        unsigned requests = requests_of(p, f, rows);
        while (requests--)
            if (rows[requests].what != REQUEST_VFS)
                need_add(f->parent, &rows[requests]);
        needs_of_vfs(p, f);
    }
}

/* Places, from the top down ------------------------------------------------------ */

/* What may be prefetched need not be: where the prefetchable window is full, the other
 * one will do. */
static struct request through_memory(const struct request *q)
{
    struct request r = *q;
    r.kind = q->kind == PCI_WINDOW_PREFETCHABLE ? PCI_WINDOW_MEMORY : q->kind;
    return r;
}

/* A window is widened only where none has room as it is. */
static uint64_t find_or_grow(const struct request *q)
{
    struct request other = through_memory(q);
    uint64_t base = space_find(q);
    base = base ? base : space_find(&other);
    if (!base && space_grow(q))
        return space_find(q);
    if (!base && space_grow(&other))
        return space_find(&other);
    return base;
}

static void vf_bars_forget(struct pci_sriov *s, const struct pci_bar before[PCI_BARS])
{
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (!before[i].base)
            s->bar[i].base = s->room[i] = 0;
}

static struct request take_largest(struct request *rows, unsigned n)
{
    unsigned largest = 0;
    for (unsigned i = 1; i < n; i++)
        largest = rows[i].align > rows[largest].align ? i : largest;
    struct request r = rows[largest];
    rows[largest] = rows[n - 1];
    return r;
}

/* Largest alignment first; all of the PF's VF BARs, or false. */
static bool place_vf_bars(struct pci_function *f, unsigned vfs)
{
    struct request rows[PCI_BARS];
    unsigned n = 0;
    for (unsigned i = 0; i < PCI_BARS; i++)
        n += request_vf_bar(f, i, vfs, &rows[n]);
    for (; n; n--) {
        struct request r = take_largest(rows, n);
        f->sriov->bar[r.index].base = find_or_grow(&r);
        f->sriov->room[r.index] = (uint16_t)vfs;
        if (!f->sriov->bar[r.index].base)
            return false;
    }
    return true;
}

/* As many as fit, found by halving what has not been tried. */
static void place_vfs(struct pci_function *f, unsigned vfs)
{
    unsigned fit = 0, too_many = vfs + 1;
    struct pci_bar before[PCI_BARS];
    memcpy(before, f->sriov->bar, sizeof before);
    for (unsigned n = vfs; too_many - fit > 1; n = fit + (too_many - fit) / 2) {
        if (place_vf_bars(f, n))
            fit = n;
        else
            too_many = n;
        if (fit == vfs)
            return;
        vf_bars_forget(f->sriov, before);
    }
    if (fit)
        place_vf_bars(f, fit);
}

static void place(const struct placing *p, const struct request *q)
{
    if (q->what == REQUEST_VFS) {
        place_vfs(q->f, vfs_wanted(p, q->f));
    } else if (q->what == REQUEST_BAR) {
        q->f->bar[q->index].base = find_or_grow(q);
    } else {
        struct pci_window *w = &q->f->window[q->index];
        w->base = find_or_grow(q);
        w->size = w->base ? q->size : 0;
    }
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static uint64_t depth_key(const struct request *q)
{
    return q->f->parent ? (uint64_t)q->f->parent->bdf + 1 : 0;
}

/* Root buses first, then what lies behind each bridge; there VFs last, then the largest first,
 * as need_add() counts on.  On root buses what cannot lie elsewhere goes before that. */
static int compare_requests(const void *a, const void *b)
{
    const struct request *x = a, *y = b;
    int order = compare_u64(depth_key(x), depth_key(y));
    order = order ? order : compare_u64(x->what == REQUEST_VFS, y->what == REQUEST_VFS);
    order = order || x->f->parent ? order : compare_u64(y->low, x->low);
    order = order ? order : compare_u64(y->align, x->align);
    order = order ? order : compare_u64(x->f->bdf, y->f->bdf);
    return order ? order : compare_u64(x->index, y->index);
}

/* Trials -------------------------------------------------------------------------- */

static void places_save(const struct pci_function *f, struct places *to)
{
    memcpy(to->bar, f->bar, sizeof to->bar);
    memcpy(to->window, f->window, sizeof to->window);
    if (f->sriov) {
        memcpy(to->vf_bar, f->sriov->bar, sizeof to->vf_bar);
        memcpy(to->room, f->sriov->room, sizeof to->room);
    }
}

static void places_restore(struct pci_function *f, const struct places *from)
{
    memcpy(f->bar, from->bar, sizeof from->bar);
    memcpy(f->window, from->window, sizeof from->window);
    if (f->sriov) {
        memcpy(f->sriov->bar, from->vf_bar, sizeof from->vf_bar);
        memcpy(f->sriov->room, from->room, sizeof from->room);
    }
}

static unsigned rows_fill(struct placing *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->count; i++)
        n += requests_of(p, p->functions[i], p->rows + n);
    qsort(p->rows, n, sizeof *p->rows, compare_requests);
    return n;
}

static void try(struct placing *p, unsigned shift, bool move)
{
    p->shift = shift;
    p->move = move;
    for (unsigned i = 0; i < p->count; i++)
        places_restore(p->functions[i], &p->firmware[i]);
    windows_move(p);
    needs_gather(p);
    unsigned n = rows_fill(p);
    for (unsigned i = 0; i < n; i++)
        place(p, &p->rows[i]);
}

static unsigned bars_without_place(const struct placing *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->count; i++)
        for (unsigned k = 0; k < PCI_BARS; k++)
            n += p->functions[i]->bar[k].size && !p->functions[i]->bar[k].base;
    return n;
}

/* So many VFs of this PF have room. */
static unsigned room_of(const struct pci_sriov *s)
{
    unsigned room = s->total_vfs;
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (s->bar[i].size && s->room[i] < room)
            room = s->room[i];
    return room;
}

static unsigned vfs_with_place(const struct placing *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->count; i++)
        if (p->functions[i]->sriov && !p->functions[i]->sriov->problem)
            n += room_of(p->functions[i]->sriov);
    return n;
}

/* Leaves the best trial in memory: with as many VFs as can be, and nothing moved if
 * that gains nothing. */
static void try_all(struct placing *p)
{
    unsigned all = 0, best = SHARES - 1, most = 0;
    bool best_move = false;
    for (unsigned i = 0; i < p->count; i++) /* shift is 0 as yet */
        all += vfs_wanted(p, p->functions[i]);
    try(p, SHARES - 1, false);
    unsigned unplaced = bars_without_place(p);
    for (unsigned trial = 0; trial < 2 * (SHARES - 1) && most < all; trial++) {
        try(p, trial / 2, trial % 2);
        unsigned n = bars_without_place(p) <= unplaced ? vfs_with_place(p) : 0;
        if (n > most) {
            best = p->shift;
            best_move = p->move;
            most = n;
        }
    }
    if (p->shift != best || p->move != best_move)
        try(p, best, best_move);
}

/* What is short ------------------------------------------------------------------- */

/* The window that is short: firmware's own is what it is, one that we opened could not
 * be opened wider in the one above, and so on up to the root buses. */
static void name_short(const struct pci_function *parent, enum pci_window_kind kind, char *text,
                       size_t size)
{
    char bdf[16] = "the root buses";
    const struct pci_window *w = parent ? &parent->window[kind] : NULL;
    if (parent)
        pci_bdf_format(parent->bdf, bdf);
    snprintf(text, size, "the %s %s of %s is %s", pci_window_name(kind),
             parent ? "window" : "space", bdf, w && !w->implemented ? "not there" : "short");
}

/* One that could not be opened was told before, as what it needs itself.  Few devices
 * that have I/O need it. */
static void tell_short(const struct request *q)
{
    const struct pci_function *parent = q->f->parent;
    const struct pci_window *w = parent ? &parent->window[q->kind] : NULL;
    char what[32], where[64];

    if (w && !w->size && (w->needed || w->vf_needed))
        return;
    if (q->what == REQUEST_WINDOW)
        snprintf(what, sizeof what, "its %s window", pci_window_name(q->index));
    else
        snprintf(what, sizeof what, "BAR %u", q->index);
    name_short(parent, q->kind, where, sizeof where);
    pci_log(q->kind == PCI_WINDOW_IO ? LOG_INFO : LOG_ERROR, q->f,
            "%s has no place: it needs %" PRIx64 " bytes, and %s", what, q->size, where);
}

static void tell_short_vfs(struct pci_function *f)
{
    struct pci_sriov *s = f->sriov;
    unsigned room = room_of(s), i = 0;
    if (s->problem || room == s->total_vfs)
        return;
    while (!s->bar[i].size || s->room[i] > room)
        i++;
    struct pci_function *b = f->parent;
    enum pci_window_kind kind = kind_through(b, kind_of_bar(&s->bar[i]));
    while (b && b->window[kind].implemented && !b->window[kind].given) {
        b = b->parent;
        kind = kind_through(b, kind);
    }
    name_short(b, kind, s->short_of, sizeof s->short_of);
    pci_log(LOG_WARNING, f,
            "%u of %u VFs have a place: VF BAR %u needs %" PRIx64 " bytes for each, and %s", room,
            s->total_vfs, i, s->bar[i].size, s->short_of);
}

/* To the registers ------------------------------------------------------------------ */

/* False: what should lie there cannot be reached, for a window above was refused. */
static bool is_reachable(const struct pci_function *f, bool io, uint64_t base, uint64_t size)
{
    const struct pci_function *parent = f->parent;
    if (!parent || parent->class_code == PCI_CLASS_SUBTRACTIVE_BRIDGE)
        return true;
    if (io)
        return lies_in(base, size, &parent->window[PCI_WINDOW_IO]);
    return lies_in(base, size, &parent->window[PCI_WINDOW_MEMORY]) ||
           lies_in(base, size, &parent->window[PCI_WINDOW_PREFETCHABLE]);
}

static void windows_commit(struct pci_function *f, const struct pci_window before[PCI_WINDOWS])
{
    for (unsigned i = 0; i < PCI_WINDOWS; i++) {
        struct pci_window *w = &f->window[i];
        uint64_t base = w->base, size = w->size;
        if (base == before[i].base && size == before[i].size)
            continue;
        w->base = before[i].base;
        w->size = before[i].size;
        if (!size)
            pci_window_close(f, i);
        else if (is_reachable(f, i == PCI_WINDOW_IO, base, size))
            pci_window_write(f, i, base, size);
    }
}

static void bars_commit(struct pci_function *f, const struct places *before)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        struct pci_bar *bar = &f->bar[i];
        if (bar->base != before->bar[i].base) {
            if (bar->base && is_reachable(f, bar->io, bar->base, bar->size))
                pci_bar_write(f, i, bar->base);
            else
                bar->base = 0;
        }
        bar = f->sriov ? &f->sriov->bar[i] : NULL;
        if (bar && bar->base && bar->base != before->vf_bar[i].base &&
            !(is_reachable(f, false, bar->base, bar->size * f->sriov->room[i]) &&
              pci_vf_bar_write(f, i, bar->base)))
            bar->base = f->sriov->room[i] = 0;
    }
}

static void commit(struct placing *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        windows_commit(p->functions[i], p->firmware[i].window);
        bars_commit(p->functions[i], &p->firmware[i]);
    }
    unsigned n = rows_fill(p);
    for (unsigned i = 0; i < n; i++)
        if (p->rows[i].what != REQUEST_VFS)
            tell_short(&p->rows[i]);
    for (unsigned i = 0; i < p->count; i++)
        if (p->functions[i]->sriov)
            tell_short_vfs(p->functions[i]);
}

/* All ---------------------------------------------------------------------------- */

/* Bridges above were looked at before: what they do not forward, this one cannot. */
static void close_unreachable(struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_WINDOWS; i++) {
        struct pci_window *w = &f->window[i];
        if (!w->size || is_reachable(f, i == PCI_WINDOW_IO, w->base, w->size))
            continue;
        pci_log(LOG_WARNING, f, "its window at %" PRIx64 " lies outside those of the bridge above",
                w->base);
        w->given = false;
        pci_window_close(f, i);
    }
}

/* A BAR outside its bridge's windows cannot be reached: that is no place.  A
 * bridge with subtractive decoding forwards what nobody else claims. */
static void forget_unreachable(struct pci_function *f)
{
    close_unreachable(f);
    for (unsigned i = 0; i < PCI_BARS; i++) {
        struct pci_bar *bar = &f->bar[i];
        if (bar->base && !is_reachable(f, bar->io, bar->base, bar->size)) {
            pci_log(LOG_WARNING, f, "BAR %u at %" PRIx64 " lies outside its bridge's windows", i,
                    bar->base);
            bar->base = 0;
        }
        bar = f->sriov ? &f->sriov->bar[i] : NULL;
        if (bar && bar->base &&
            !is_reachable(f, false, bar->base, bar->size * f->sriov->total_vfs)) {
            pci_log(LOG_INFO, f, "VF BAR %u at %" PRIx64 " lies outside its bridge's windows", i,
                    bar->base);
            bar->base = f->sriov->room[i] = 0;
        }
    }
}

static bool is_complete(const struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_BARS; i++)
        if ((f->bar[i].size && !f->bar[i].base) ||
            (f->sriov && !f->sriov->problem && f->sriov->bar[i].size && !f->sriov->bar[i].base))
            return false;
    return true;
}

/* Of what has been looked at. */
static bool all_complete(void)
{
    bool complete = true;
    for (struct pci_function *f = pci_first(); f; f = f->next) {
        forget_unreachable(f);
        complete &= is_complete(f);
    }
    return complete;
}

static void placing_fill(struct placing *p)
{
    unsigned n = 0;
    for (struct pci_function *f = pci_first(); f; f = f->next, n++) {
        forget_unreachable(f);
        p->functions[n] = f;
        places_save(f, &p->firmware[n]);
    }
}

/* Where everything is must be known before anything finds a place beside it. */
static void place_incomplete(void)
{
    struct placing p = { 0 };
    pci_windows_ask();
    for (struct pci_function *f = pci_first(); f; f = f->next, p.count++)
        pci_look(f);
    p.functions = calloc(p.count + 1, sizeof *p.functions);
    p.firmware = calloc(p.count + 1, sizeof *p.firmware);
    p.rows = calloc((size_t)p.count * REQUESTS_PER_FUNCTION + 1, sizeof *p.rows);
    if (p.functions && p.firmware && p.rows) {
        placing_fill(&p);
        try_all(&p);
        commit(&p);
    } else {
        log_error("pci: no memory to place %u functions", p.count);
    }
    free(p.rows);
    free(p.firmware);
    free(p.functions);
}

void pci_place_all(void)
{
    if (!all_complete())
        place_incomplete();
    for (struct pci_function *f = pci_first(); f; f = f->next)
        if (f->sriov)
            pci_sriov_placed(f);
}
