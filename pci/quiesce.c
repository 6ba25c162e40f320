/* quiesce.c - devices that a boot loader left running keep still from here on, before anything
 * is put into memory that may be theirs.
 *
 * Whoever booted us through a network card may have left it receiving: GRUB and iPXE do on BIOS.
 * The bus scan switches every bus master off, but it needs tables and a heap, and the heap lies
 * in the very memory that such a card may write to.  The ports need neither; they reach what
 * firmware gave bus numbers to, behind host bridge 0 (PCI 3.0 3.2.2.3.2).
 * unread in this file: PCI, Bridge. */
#include "pci/pci_internal.h"

#define BUSES 256u
#define DEVICES 32u
#define FUNCTIONS 8u
#define NOBODY 0xffffu

struct walk {
    const struct pci_access *access;
    bool reached[BUSES];
    unsigned stopped;
};

static void master_off(struct walk *w, uint32_t bdf)
{
    uint32_t command = w->access->read(bdf, PCI_COMMAND, 2);
    if (!(command & PCI_COMMAND_MASTER))
        return;
    w->access->write(bdf, PCI_COMMAND, 2, command & ~PCI_COMMAND_MASTER);
    w->stopped++;
}

/* Buses behind a bridge have greater numbers than the one before it (Bridge 1.2 3.2.5.3), so a
 * walk in ascending order comes to all of them, and to an end.  Bridges and host bridges
 * speak for others: they stay on, as in the scan. */
static void function_visit(struct walk *w, uint32_t bdf, uint8_t layout)
{
    uint32_t class_code = w->access->read(bdf, PCI_REVISION, 4) >> 16;
    if (layout == PCI_HEADER_BRIDGE)
        w->reached[w->access->read(bdf, PCI_SECONDARY_BUS, 1) & (BUSES - 1)] = true;
    else if (class_code != PCI_CLASS_HOST_BRIDGE)
        master_off(w, bdf);
}

static void device_visit(struct walk *w, unsigned bus, unsigned device)
{
    unsigned functions = 1;
    for (unsigned function = 0; function < functions; function++) {
        uint32_t bdf = PCI_BDF(0, bus, device, function);
        if ((w->access->read(bdf, PCI_VENDOR_ID, 2) & NOBODY) == NOBODY)
            continue;
        uint8_t type = (uint8_t)w->access->read(bdf, PCI_HEADER_TYPE, 1);
        if (type & PCI_HEADER_MULTIFUNCTION)
            functions = FUNCTIONS;
        function_visit(w, bdf, type & PCI_HEADER_LAYOUT);
    }
}

unsigned pci_quiesce(void)
{
    struct walk w = { .access = pci_ports(), .reached = { true } };
    for (unsigned bus = 0; w.access && bus < BUSES; bus++)
        for (unsigned device = 0; w.reached[bus] && device < DEVICES; device++)
            device_visit(&w, bus, device);
    return w.stopped;
}
