/* window.c - what a bridge forwards downwards.  Bridge 3.2.5.6 to 3.2.5.10.
 *
 * Base and limit are inclusive, in units of 4 KiB (I/O) or 1 MiB (memory); a
 * base above its limit closes the window.
 * unread in this file: Bridge. */
#include "kernel/compiler.h"
#include "pci/pci_internal.h"

#include <inttypes.h>

#define IO_UNIT 0x1000u
#define MEMORY_UNIT 0x100000u

struct range {
    uint64_t base, last;
    bool wide; /* the upper halves are there */
};

static struct range io_read(const struct pci_function *b)
{
    uint8_t base = pci_read8(b, PCI_IO_BASE), limit = pci_read8(b, PCI_IO_LIMIT);
    struct range r = { .base = (base & PCI_IO_WINDOW) << 8,
                       .last = (limit & PCI_IO_WINDOW) << 8 | (IO_UNIT - 1),
                       .wide = (base & PCI_IO_WINDOW_TYPE) == PCI_IO_WINDOW_32 };
    if (r.wide) {
        r.base |= (uint64_t)pci_read16(b, PCI_IO_BASE_HIGH) << 16;
        r.last |= (uint64_t)pci_read16(b, PCI_IO_LIMIT_HIGH) << 16;
    }
    return r;
}

static void io_write(struct pci_function *b, const struct range *r)
{
    if (r->wide) {
        pci_write16(b, PCI_IO_BASE_HIGH, (uint16_t)(r->base >> 16));
        pci_write16(b, PCI_IO_LIMIT_HIGH, (uint16_t)(r->last >> 16));
    }
    pci_write8(b, PCI_IO_BASE, r->base >> 8 & PCI_IO_WINDOW);
    pci_write8(b, PCI_IO_LIMIT, r->last >> 8 & PCI_IO_WINDOW);
}

static struct range memory_read(const struct pci_function *b)
{
    return (struct range){
        .base = (uint64_t)(pci_read16(b, PCI_MEMORY_BASE) & PCI_MEMORY_WINDOW) << 16,
        .last = (uint64_t)(pci_read16(b, PCI_MEMORY_LIMIT) & PCI_MEMORY_WINDOW) << 16 |
                (MEMORY_UNIT - 1),
    };
}

static void memory_write(struct pci_function *b, const struct range *r)
{
    pci_write16(b, PCI_MEMORY_BASE, r->base >> 16 & PCI_MEMORY_WINDOW);
    pci_write16(b, PCI_MEMORY_LIMIT, r->last >> 16 & PCI_MEMORY_WINDOW);
}

static struct range prefetchable_read(const struct pci_function *b)
{
    uint16_t base = pci_read16(b, PCI_PREFETCH_BASE);
    uint16_t limit = pci_read16(b, PCI_PREFETCH_LIMIT);
    struct range r = { .base = (uint64_t)(base & PCI_MEMORY_WINDOW) << 16,
                       .last = (uint64_t)(limit & PCI_MEMORY_WINDOW) << 16 | (MEMORY_UNIT - 1),
                       .wide = (base & PCI_MEMORY_WINDOW_TYPE) == PCI_MEMORY_WINDOW_64 };
    if (r.wide) {
        r.base |= (uint64_t)pci_read32(b, PCI_PREFETCH_BASE_HIGH) << 32;
        r.last |= (uint64_t)pci_read32(b, PCI_PREFETCH_LIMIT_HIGH) << 32;
    }
    return r;
}

static void prefetchable_write(struct pci_function *b, const struct range *r)
{
    if (r->wide) {
        pci_write32(b, PCI_PREFETCH_BASE_HIGH, (uint32_t)(r->base >> 32));
        pci_write32(b, PCI_PREFETCH_LIMIT_HIGH, (uint32_t)(r->last >> 32));
    }
    pci_write16(b, PCI_PREFETCH_BASE, r->base >> 16 & PCI_MEMORY_WINDOW);
    pci_write16(b, PCI_PREFETCH_LIMIT, r->last >> 16 & PCI_MEMORY_WINDOW);
}

static const struct {
    struct range (*read)(const struct pci_function *b);
    void (*write)(struct pci_function *b, const struct range *r);
    const char *name;
    struct range closed;
} windows[PCI_WINDOWS] = {
    [PCI_WINDOW_IO] = { io_read, io_write, "I/O", { .base = 0xf000, .last = IO_UNIT - 1 } },
    [PCI_WINDOW_MEMORY] = { memory_read,
                            memory_write,
                            "memory",
                            { .base = 0xfff00000, .last = MEMORY_UNIT - 1 } },
    [PCI_WINDOW_PREFETCHABLE] = { prefetchable_read,
                                  prefetchable_write,
                                  "prefetchable",
                                  { .base = 0xfff00000, .last = MEMORY_UNIT - 1 } },
};

const char *pci_window_name(enum pci_window_kind kind)
{
    return windows[kind].name;
}

uint64_t pci_window_unit(enum pci_window_kind kind)
{
    return kind == PCI_WINDOW_IO ? IO_UNIT : MEMORY_UNIT;
}

/* After reset the registers may hold anything (Bridge 3.2.5.6), and usually 0,
 * which would forward the lowest addresses.  Those of a window that is not
 * implemented read 0 whatever is written; in QEMU's root ports they read as
 * closed.  So two closed states are tried, and the window is there if both stick. */
static void window_close(struct pci_function *b, enum pci_window_kind kind, bool wide)
{
    struct range closed = windows[kind].closed;
    closed.wide = wide;
    closed.base -= pci_window_unit(kind);
    windows[kind].write(b, &closed);
    bool first = windows[kind].read(b).base == closed.base;
    closed.base += pci_window_unit(kind);
    windows[kind].write(b, &closed);
    b->window[kind].implemented = first && windows[kind].read(b).base == closed.base;
    b->window[kind].base = b->window[kind].size = 0;
}

void pci_windows_read(struct pci_function *b)
{
    for (unsigned kind = 0; kind < PCI_WINDOWS; kind++) {
        struct pci_window *w = &b->window[kind];
        struct range r = windows[kind].read(b);
        w->is64 = r.wide;
        if (r.base && r.base < r.last) {
            w->implemented = w->given = true;
            w->base = r.base;
            w->size = r.last - r.base + 1;
        } else {
            window_close(b, kind, r.wide);
        }
    }
}

void pci_window_close(struct pci_function *b, enum pci_window_kind kind)
{
    struct range closed = windows[kind].closed;
    closed.wide = b->window[kind].is64;
    windows[kind].write(b, &closed);
    b->window[kind].base = b->window[kind].size = 0;
}

bool pci_window_write(struct pci_function *b, enum pci_window_kind kind, uint64_t base,
                      uint64_t size)
{
    struct pci_window *w = &b->window[kind];
    struct range r = { .base = base, .last = base + (size - 1), .wide = w->is64 };
    struct range was = { .base = w->base, .last = w->base + (w->size - 1), .wide = w->is64 };

    windows[kind].write(b, &r);
    struct range now = windows[kind].read(b);
    if (now.base == r.base && now.last == r.last) {
        w->base = base;
        w->size = size;
        return true;
    }
    pci_log(LOG_ERROR, b, "%s window reads %" PRIx64 "-%" PRIx64 " after %" PRIx64 "-%" PRIx64,
            windows[kind].name, now.base, now.last, r.base, r.last);
    if (w->size)
        windows[kind].write(b, &was);
    else
        pci_window_close(b, kind);
    return false;
}
