/* bar.c - base address registers: how large, where.  PCI 6.2.5.1.
 * unread in this file: PCI, PCIe. */
#include "kernel/compiler.h"
#include "pci/pci_internal.h"
#include "pci/sriov.h"

#include <inttypes.h>

#define IO_SPACE 0x10000u
#define BARS_OF_BRIDGE 2u
#define DECODING (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

/* Host bridges may decode the very memory that we run from through a BAR, and
 * stop doing so while it is sized: they are left alone. */
static unsigned bars_of(const struct pci_function *f)
{
    if (f->class_code >> 8 == PCI_CLASS_HOST_BRIDGE)
        return 0;
    if (f->header_type == PCI_HEADER_DEVICE)
        return PCI_BARS;
    return f->header_type == PCI_HEADER_BRIDGE ? BARS_OF_BRIDGE : 0;
}

/* A row of registers and what is known of them: a function's own, or those of its
 * VFs (PCIe 9.3.3.14), which work alike but have no I/O. */
struct bars {
    struct pci_function *f;
    uint16_t at;
    struct pci_bar *bar;
    unsigned count;
};

static struct bars bars_own(struct pci_function *f)
{
    return (struct bars){ f, PCI_BAR0, f->bar, bars_of(f) };
}

static struct bars bars_of_vfs(struct pci_function *f)
{
    return (struct bars){ f, f->sriov->at + PCI_SRIOV_BAR0, f->sriov->bar, PCI_BARS };
}

static uint16_t bar_register(const struct bars *b, unsigned index)
{
    return (uint16_t)(b->at + 4 * index);
}

/* Turns decoding off; returns what the command register was. */
static uint16_t decoding_stop(struct pci_function *f)
{
    uint16_t command = pci_read16(f, PCI_COMMAND);
    if (command & DECODING)
        pci_write16(f, PCI_COMMAND, command & (uint16_t)~DECODING);
    return command;
}

static void decoding_restore(struct pci_function *f, uint16_t command)
{
    if (command & DECODING)
        pci_write16(f, PCI_COMMAND, command);
}

/* Which bits can be set; the register keeps its value. */
static uint32_t writable_bits(const struct bars *b, unsigned index, uint32_t was)
{
    pci_write32(b->f, bar_register(b, index), UINT32_MAX);
    uint32_t mask = pci_read32(b->f, bar_register(b, index));
    pci_write32(b->f, bar_register(b, index), was);
    return mask;
}

/* The lowest address bit that can be set is the size; the base is a multiple of it,
 * so its end never wraps. */
static void bar_fill(struct pci_bar *bar, uint64_t was, uint64_t mask)
{
    bar->size = mask & -mask;
    bar->base = bar->size ? was & mask & ~(bar->size - 1) : 0;
}

static void bar_read_io(const struct bars *b, unsigned index, uint32_t was)
{
    struct pci_bar *bar = &b->bar[index];
    uint32_t mask = writable_bits(b, index, was) & ~PCI_BAR_IO_FLAGS;
    bar->io = true;
    bar_fill(bar, was, mask);
    if (bar->size > IO_SPACE || bar->base > IO_SPACE - bar->size)
        bar->base = 0;
}

/* Returns how many registers the BAR takes. */
static unsigned bar_read_memory(const struct bars *b, unsigned index, uint32_t was)
{
    struct pci_bar *bar = &b->bar[index];
    uint32_t type = was & PCI_BAR_TYPE;
    uint64_t mask = writable_bits(b, index, was) & ~PCI_BAR_MEMORY_FLAGS;
    uint64_t address = was & ~PCI_BAR_MEMORY_FLAGS;

    if (type != PCI_BAR_TYPE_64) {
        if (type == PCI_BAR_TYPE_32)
            bar_fill(bar, address, mask);
        bar->prefetchable = was & PCI_BAR_PREFETCH;
        return 1;
    }
    if (index + 1 >= b->count)
        return 1;
    uint32_t upper = pci_read32(b->f, bar_register(b, index + 1));
    mask |= (uint64_t)writable_bits(b, index + 1, upper) << 32;
    address |= (uint64_t)upper << 32;
    bar_fill(bar, address, mask);
    bar->is64 = true;
    bar->prefetchable = was & PCI_BAR_PREFETCH;
    return 2;
}

/* PCI 6.2.5.2: the ROM may share its decoder with the other BARs, and nobody reads it. */
static void rom_off(struct pci_function *f)
{
    uint16_t at = f->header_type == PCI_HEADER_BRIDGE ? PCI_ROM_BAR_BRIDGE : PCI_ROM_BAR;
    uint32_t rom = pci_read32(f, at);
    if (rom & PCI_ROM_ENABLE)
        pci_write32(f, at, rom & ~PCI_ROM_ENABLE);
}

static void bars_read(const struct bars *b)
{
    for (unsigned i = 0; i < b->count;) {
        uint32_t was = pci_read32(b->f, bar_register(b, i));
        if (was & PCI_BAR_IO) {
            bar_read_io(b, i, was);
            i++;
        } else {
            i += bar_read_memory(b, i, was);
        }
    }
}

void pci_look(struct pci_function *f)
{
    struct bars own = bars_own(f);
    if (f->looked || f->pf || !own.count)
        return;
    f->looked = true;
    uint16_t command = decoding_stop(f);
    bars_read(&own);
    rom_off(f);
    decoding_restore(f, command);
}

void pci_size_vf_bars(struct pci_function *pf)
{
    struct bars vfs = bars_of_vfs(pf);
    bars_read(&vfs);
}

/* Returns what the registers hold then. */
static uint64_t address_write(const struct bars *b, unsigned index, uint64_t base)
{
    const struct pci_bar *bar = &b->bar[index];
    uint32_t flags = bar->io ? PCI_BAR_IO_FLAGS : PCI_BAR_MEMORY_FLAGS;
    pci_write32(b->f, bar_register(b, index), (uint32_t)base);
    uint64_t now = pci_read32(b->f, bar_register(b, index)) & ~flags;
    if (bar->is64) {
        pci_write32(b->f, bar_register(b, index + 1), (uint32_t)(base >> 32));
        now |= (uint64_t)pci_read32(b->f, bar_register(b, index + 1)) << 32;
    }
    return now;
}

static bool bar_write(const struct bars *b, unsigned index, uint64_t base, const char *name)
{
    uint64_t now = address_write(b, index, base);
    b->bar[index].base = now == base ? base : 0;
    if (now != base)
        pci_log(LOG_ERROR, b->f, "%s %u reads %" PRIx64 " after %" PRIx64 " was written", name,
                index, now, base);
    return now == base;
}

bool pci_bar_write(struct pci_function *f, unsigned index, uint64_t base)
{
    struct bars own = bars_own(f);
    uint16_t command = decoding_stop(f);
    bool stuck = bar_write(&own, index, base, "BAR");
    decoding_restore(f, command);
    return stuck;
}

void pci_bars_restore(struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_BARS && !f->pf; i++)
        if (f->bar[i].base)
            pci_bar_write(f, i, f->bar[i].base);
}

bool pci_vf_bar_write(struct pci_function *pf, unsigned index, uint64_t base)
{
    struct bars vfs = bars_of_vfs(pf);
    return bar_write(&vfs, index, base, "VF BAR");
}
