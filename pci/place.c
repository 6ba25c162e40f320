/* place.c - addresses for BARs and bridge windows that firmware left unset.
 *
 * What firmware placed never moves.  Sizes of BARs are powers of two; window
 * sizes are rounded up to one, so items placed largest first pack without gaps
 * and one walk a level is enough.  Memory on a root bus comes from the windows
 * that pci_window_add() named; behind a bridge, from the bridge's windows. */
#include "kernel/compiler.h"
#include "kernel/log.h"
#include "pci/pci_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define ROOT_WINDOWS_MAX 8u
#define ROOT_IO_START 0x1000u /* below lie the PC's own devices */
#define ROOT_IO_END 0x10000u
#define LARGEST (1ull << 46)
#define SMALLEST 4u             /* an I/O BAR of one register */
#define MEMORY_STEP 0x100000ull /* Bridge 3.2.5.8 */
#define IO_STEP 0x1000ull       /* Bridge 3.2.5.6 */
#define FOUR_GIB 0x100000000ull

enum kind { KIND_IO, KIND_MEMORY, KIND_PREFETCH, KINDS };

static const char *const kind_names[] = { "I/O", "memory", "prefetchable memory" };

struct range {
    uint64_t start, end; /* end is behind the last byte; empty: equal */
};

static struct range root_windows[ROOT_WINDOWS_MAX];
static unsigned root_window_count;

void pci_window_add(uint64_t base, uint64_t size)
{
    if (root_window_count < ROOT_WINDOWS_MAX && size && base + size > base)
        root_windows[root_window_count++] = (struct range){ base, base + size };
}

void pci_forget_windows(void)
{
    root_window_count = 0;
}

static bool overlap(struct range a, struct range b)
{
    return a.start < b.end && b.start < a.end;
}

/* Bridge windows -------------------------------------------------------------- */

static bool prefetch_is_64(const struct pci_function *f)
{
    return (pci_read16(f, PCI_PREFETCH_BASE) & 0xf) == 1;
}

static struct range window_of(const struct pci_function *f, enum kind kind)
{
    uint64_t start, last;
    if (kind == KIND_IO) {
        uint16_t v = pci_read16(f, PCI_IO_BASE);
        start = (v & 0xf0u) << 8;
        last = (v & 0xf000u) | 0xfff;
    } else {
        uint16_t reg = kind == KIND_MEMORY ? PCI_MEMORY_BASE : PCI_PREFETCH_BASE;
        uint32_t v = pci_read32(f, reg);
        start = (uint64_t)(v & 0xfff0u) << 16;
        last = (uint64_t)(v & 0xfff00000u) | 0xfffff;
        if (kind == KIND_PREFETCH && prefetch_is_64(f)) {
            start |= (uint64_t)pci_read32(f, PCI_PREFETCH_BASE_HIGH) << 32;
            last |= (uint64_t)pci_read32(f, PCI_PREFETCH_LIMIT_HIGH) << 32;
        }
    }
    return start && start < last ? (struct range){ start, last + 1 } : (struct range){ 0, 0 };
}

static void set_window(struct pci_function *f, enum kind kind, struct range r)
{
    uint64_t last = r.end - 1;
    if (kind == KIND_IO) {
        pci_write16(f, PCI_IO_BASE, (uint16_t)((r.start >> 8 & 0xf0) | (last & 0xf000)));
        return;
    }
    uint16_t reg = kind == KIND_MEMORY ? PCI_MEMORY_BASE : PCI_PREFETCH_BASE;
    pci_write32(f, reg, (uint32_t)((r.start >> 16 & 0xfff0) | (last & 0xfff00000)));
    if (kind == KIND_PREFETCH && prefetch_is_64(f)) {
        pci_write32(f, PCI_PREFETCH_BASE_HIGH, (uint32_t)(r.start >> 32));
        pci_write32(f, PCI_PREFETCH_LIMIT_HIGH, (uint32_t)(last >> 32));
    }
}

/* Bridge 3.2.5.6 and 3.2.5.9: I/O and prefetchable windows are optional; without
 * one the register is hardwired to 0. */
static bool window_exists(struct pci_function *f, enum kind kind)
{
    uint16_t reg = kind == KIND_IO ? PCI_IO_BASE : PCI_PREFETCH_BASE;
    uint16_t before = pci_read16(f, reg);
    if (kind == KIND_MEMORY)
        return true;
    pci_write16(f, reg, 0xf0f0);
    bool exists = pci_read16(f, reg) & 0xf0f0;
    pci_write16(f, reg, before);
    return exists;
}

/* BARs ----------------------------------------------------------------------------- */

/* Prefetchable windows are for what can live above 4 GiB; the rest goes where
 * every bridge can take it. */
static enum kind bar_kind(const struct pci_function *f, const struct pci_bar *b)
{
    if (b->io)
        return KIND_IO;
    bool prefetch = b->prefetchable && b->is64 && f->parent;
    return prefetch && window_exists(f->parent, KIND_PREFETCH) ? KIND_PREFETCH : KIND_MEMORY;
}

static struct range bar_range(const struct pci_bar *b)
{
    return b->base && b->size ? (struct range){ b->base, b->base + b->size }
                              : (struct range){ 0, 0 };
}

static uint64_t power_above(uint64_t v)
{
    uint64_t p = 1;
    while (p < v && p < LARGEST)
        p <<= 1;
    return p;
}

/* What a window of this kind must hold behind a bridge, as a power of two; 0: nothing. */
static uint64_t window_need(const struct pci_function *bridge, enum kind kind)
{
    uint64_t sum = 0;
    for (const struct pci_function *f = pci_first(); f; f = f->next) {
        if (f->parent != bridge)
            continue;
        for (unsigned i = 0; i < PCI_BARS; i++)
            if (f->bar[i].size && bar_kind(f, &f->bar[i]) == kind)
                sum += f->bar[i].size;
        if (f->header_type == PCI_HEADER_BRIDGE)
            sum += window_need(f, kind);
        if (sum > LARGEST)
            return LARGEST; /* more than any machine has: will be told short */
    }
    uint64_t step = kind == KIND_IO ? IO_STEP : MEMORY_STEP;
    return sum ? max_u64(power_above(sum), step) : 0;
}

/* Finding room --------------------------------------------------------------------------- */

/* The first thing on this level that lies in r; empty: r is free. */
static struct range in_the_way(const struct pci_function *parent, struct range r, bool io)
{
    for (const struct pci_function *f = pci_first(); f; f = f->next) {
        if (f->parent != parent)
            continue;
        for (unsigned i = 0; i < PCI_BARS; i++)
            if (f->bar[i].io == io && overlap(bar_range(&f->bar[i]), r))
                return bar_range(&f->bar[i]);
        for (unsigned k = 0; f->header_type == PCI_HEADER_BRIDGE && k < KINDS; k++)
            if ((k == KIND_IO) == io && overlap(window_of(f, k), r))
                return window_of(f, k);
    }
    return (struct range){ 0, 0 };
}

/* The lowest free place of this size in the window; 0: none. */
static uint64_t room_in(const struct pci_function *parent, struct range window, uint64_t size,
                        bool io)
{
    uint64_t at = max_u64(window.start, 1);
    while (at < window.end) {
        uint64_t aligned = ALIGN_UP(at, size);
        if (aligned < at || aligned >= window.end || size > window.end - aligned)
            return 0;
        struct range taken = in_the_way(parent, (struct range){ aligned, aligned + size }, io);
        if (taken.start == taken.end)
            return aligned;
        at = taken.end;
    }
    return 0;
}

static uint64_t room_on_root(uint64_t size, enum kind kind, bool above_4g)
{
    uint64_t at = 0;
    if (kind == KIND_IO)
        return room_in(NULL, (struct range){ ROOT_IO_START, ROOT_IO_END }, size, true);
    for (unsigned i = 0; !at && i < root_window_count; i++)
        if (above_4g || root_windows[i].end <= FOUR_GIB)
            at = room_in(NULL, root_windows[i], size, false);
    return at;
}

static uint64_t find_room(const struct pci_function *parent, uint64_t size, enum kind kind,
                          bool above_4g)
{
    if (!parent)
        return room_on_root(size, kind, above_4g);
    return room_in(parent, window_of(parent, kind), size, kind == KIND_IO);
}

static void say_short(const struct pci_function *f, const char *what, uint64_t size, enum kind kind)
{
    char text[PCI_BDF_LEN], above[PCI_BDF_LEN] = "the root bus";
    struct range w = { 0, 0 };
    pci_bdf_format(f->bdf, text);
    if (f->parent) {
        pci_bdf_format(f->parent->bdf, above);
        w = window_of(f->parent, kind);
    }
    log_warning(
        "pci %s: no room for %s of %" PRIu64 " KiB: the %s window of %s (%" PRIu64 " KiB) is short",
        text, what, (size + 1023) / 1024, kind_names[kind], above, (w.end - w.start) / 1024);
}

/* Placing ---------------------------------------------------------------------------------- */

static void place_bar(struct pci_function *f, unsigned i)
{
    struct pci_bar *b = &f->bar[i];
    enum kind kind = bar_kind(f, b);
    uint64_t at = find_room(f->parent, b->size, kind, b->is64);
    char what[8];
    snprintf(what, sizeof what, "BAR %u", i);
    if (at)
        pci_set_bar(f, i, at);
    else
        say_short(f, what, b->size, kind);
}

static void place_window(struct pci_function *f, enum kind kind, uint64_t size)
{
    bool above_4g = kind == KIND_PREFETCH && prefetch_is_64(f);
    uint64_t at = find_room(f->parent, size, kind, above_4g);
    if (at)
        set_window(f, kind, (struct range){ at, at + size });
    else
        say_short(f, "its window", size, kind);
}

static bool window_wanted(struct pci_function *f, enum kind kind, uint64_t size)
{
    struct range now = window_of(f, kind);
    return f->header_type == PCI_HEADER_BRIDGE && now.start == now.end &&
           window_need(f, kind) == size && window_exists(f, kind);
}

static void place_size(const struct pci_function *parent, uint64_t size)
{
    for (struct pci_function *f = pci_first(); f; f = f->next) {
        if (f->parent != parent)
            continue;
        for (unsigned i = 0; i < PCI_BARS; i++)
            if (f->bar[i].size == size && !f->bar[i].base)
                place_bar(f, i);
        for (unsigned k = 0; k < KINDS; k++)
            if (window_wanted(f, k, size))
                place_window(f, k, size);
    }
}

static bool anything_unplaced(void)
{
    for (const struct pci_function *f = pci_first(); f; f = f->next)
        for (unsigned i = 0; i < PCI_BARS; i++)
            if (f->bar[i].size && !f->bar[i].base)
                return true;
    return false;
}

static void place_level(struct pci_function *parent)
{
    for (uint64_t size = LARGEST; size >= SMALLEST; size >>= 1)
        place_size(parent, size);
    for (struct pci_function *f = pci_first(); f; f = f->next)
        if (f->parent == parent && f->header_type == PCI_HEADER_BRIDGE)
            place_level(f);
    if (parent)
        pci_write16(parent, PCI_COMMAND,
                    pci_read16(parent, PCI_COMMAND) | PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
                        PCI_COMMAND_MASTER);
}

/* Mostly there is nothing to do: firmware placed everything. */
void pci_place_all(void)
{
    if (anything_unplaced())
        place_level(NULL);
}
