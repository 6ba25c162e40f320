/* bar.c - base address registers: how large, of which kind, where. */
#include "pci/pci_internal.h"

static unsigned bar_count(const struct pci_function *f)
{
    return f->header_type == PCI_HEADER_DEVICE ? 6 : f->header_type == PCI_HEADER_BRIDGE ? 2 : 0;
}

static uint16_t bar_register(unsigned bar)
{
    return (uint16_t)(PCI_BAR0 + 4 * bar);
}

/* PCI 6.2.5.1: the bits that stay 0 after writing ones give the size. */
static uint32_t probe_register(const struct pci_function *f, uint16_t reg, uint32_t *value)
{
    *value = pci_read32(f, reg);
    pci_write32(f, reg, ~0u);
    uint32_t mask = pci_read32(f, reg);
    pci_write32(f, reg, *value);
    return mask;
}

/* A size is a power of two; a device that answers anything else has no BAR. */
static uint64_t size_of_mask(uint64_t mask)
{
    uint64_t size = ~mask + 1;
    return mask && !(size & (size - 1)) ? size : 0;
}

static void size_io(struct pci_bar *b, uint32_t value, uint32_t mask)
{
    b->io = true;
    b->base = value & ~PCI_BAR_IO_FLAGS & 0xffff;
    /* The upper 16 bits may be hardwired to 0 (PCI 6.2.5.1). */
    b->size = size_of_mask(0xffffffffffff0000ull | (mask & 0xffff & ~PCI_BAR_IO_FLAGS));
}

/* Returns the registers used: a 64-bit BAR takes two. */
static unsigned size_bar(struct pci_function *f, unsigned i, unsigned count)
{
    struct pci_bar *b = &f->bar[i];
    uint32_t value, high = 0;
    uint32_t mask = probe_register(f, bar_register(i), &value);
    if (!mask || mask == ~0u)
        return 1;
    if (mask & PCI_BAR_IO) {
        size_io(b, value, mask);
        return 1;
    }
    uint64_t high_mask = 0xffffffff;
    b->is64 = (mask & PCI_BAR_TYPE) == PCI_BAR_TYPE_64 && i + 1 < count;
    b->prefetchable = mask & PCI_BAR_PREFETCH;
    if (b->is64)
        high_mask = probe_register(f, bar_register(i + 1), &high);
    b->base = (uint64_t)high << 32 | (value & ~PCI_BAR_MEMORY_FLAGS);
    b->size = size_of_mask(high_mask << 32 | (mask & ~PCI_BAR_MEMORY_FLAGS));
    return b->is64 ? 2 : 1;
}

void pci_size_bars(struct pci_function *f)
{
    uint16_t command = pci_read16(f, PCI_COMMAND);
    pci_write16(f, PCI_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    for (unsigned i = 0; i < bar_count(f);)
        i += size_bar(f, i, bar_count(f));
    pci_write16(f, PCI_COMMAND, command);
}

/* Decoding goes off while the two halves disagree. */
void pci_set_bar(struct pci_function *f, unsigned bar, uint64_t base)
{
    uint16_t command = pci_read16(f, PCI_COMMAND);
    pci_write16(f, PCI_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    pci_write32(f, bar_register(bar), (uint32_t)base);
    if (f->bar[bar].is64)
        pci_write32(f, bar_register(bar + 1), (uint32_t)(base >> 32));
    pci_write16(f, PCI_COMMAND, command);
    f->bar[bar].base = base;
}
