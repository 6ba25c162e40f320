/* driver.c - taking a function: decoding, bus mastering, registers, probing. */
#include "pci/pci_internal.h"

#include "kernel/log.h"
#include "kernel/mmio.h"

#include <errno.h>
#include <inttypes.h>

TABLE_DECLARE(pci_drivers, struct pci_driver);

/* Decoding a kind of space whose BAR has no address would take address 0. */
static bool all_placed(const struct pci_function *f, bool io)
{
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (f->bar[i].size && f->bar[i].io == io && !f->bar[i].base)
            return false;
    return true;
}

int pci_enable(struct pci_function *f)
{
    uint16_t command = pci_read16(f, PCI_COMMAND);
    if (command == 0xffff)
        return -EIO;
    command |= PCI_COMMAND_INTX_OFF;
    command |= all_placed(f, true) ? PCI_COMMAND_IO : 0;
    command |= all_placed(f, false) ? PCI_COMMAND_MEMORY : 0;
    pci_write16(f, PCI_COMMAND, command);
    return pci_read16(f, PCI_COMMAND) == 0xffff ? -EIO : 0;
}

/* Every bridge above forwards what the function sends (Bridge 3.2.4.3). */
void pci_bus_master(struct pci_function *f, bool on)
{
    uint16_t command = pci_read16(f, PCI_COMMAND);
    for (struct pci_function *b = f->parent; on && b; b = b->parent)
        pci_write16(b, PCI_COMMAND, pci_read16(b, PCI_COMMAND) | PCI_COMMAND_MASTER);
    pci_write16(f, PCI_COMMAND,
                on ? command | PCI_COMMAND_MASTER : command & (uint16_t)~PCI_COMMAND_MASTER);
}

void *pci_map_bar(struct pci_function *f, unsigned bar, uint64_t min_size)
{
    const struct pci_bar *b = &f->bar[bar < PCI_BARS ? bar : 0];
    char text[PCI_BDF_LEN];
    const char *why = bar >= PCI_BARS || !b->size ? "is absent"
                      : b->io                     ? "is I/O"
                      : !b->base                  ? "has no address"
                      : b->size < min_size        ? "is too small"
                                                  : NULL;
    void *registers = why ? NULL : mmio_map(b->base, b->size);
    if (!registers) {
        pci_bdf_format(f->bdf, text);
        log_error("pci %s: BAR %u %s", text, bar, why ? why : "cannot be mapped");
    }
    return registers;
}

static const struct pci_id *match(const struct pci_driver *d, const struct pci_function *f)
{
    for (const struct pci_id *id = d->ids; id->vendor; id++)
        if ((id->vendor == PCI_ANY || id->vendor == f->vendor) &&
            (id->device == PCI_ANY || id->device == f->device))
            return id;
    return NULL;
}

/* The first driver that recognises the function keeps it, working or failed. */
static bool probe_one(struct pci_function *f)
{
    TABLE_FOR_EACH (pci_drivers, struct pci_driver, d) {
        const struct pci_id *id = match(d, f);
        int e = id ? d->probe(f, id) : -ENODEV;
        if (e == -ENODEV)
            continue;
        f->driver = d;
        if (e)
            pci_bus_master(f, false);
        return !e;
    }
    return false;
}

int pci_probe_drivers(void)
{
    int taken = 0;
    for (struct pci_function *f = pci_first(); f; f = f->next)
        if (!f->driver)
            taken += probe_one(f);
    return taken;
}
