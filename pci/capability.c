/* capability.c - the two lists of capabilities, PCI 6.7 and PCIe 7.6.3.
 *
 * The lists are the device's: a pointer may lead anywhere, back, or to a place
 * that reads as all ones.  Each dword is visited once, so every walk ends.
 * unread in this file: PCI, PCIe. */
#include "pci/pci_internal.h"

#include "kernel/compiler.h"

static bool first_visit(struct pci_walk *w, uint16_t offset)
{
    uint8_t bit = (uint8_t)(1u << (offset / 4 % 8));
    uint8_t *seen = &w->seen[offset / 4 / 8];
    bool first = !(*seen & bit);
    *seen |= bit;
    return first;
}

static bool next_standard(struct pci_walk *w)
{
    uint16_t at;
    if (w->offset)
        at = pci_read8(w->f, w->offset + PCI_CAP_NEXT);
    else if (pci_read16(w->f, PCI_STATUS) & PCI_STATUS_CAPABILITIES)
        at = pci_read8(w->f, PCI_CAPABILITIES);
    else
        return false;
    at &= PCI_CAP_POINTER;
    if (at < PCI_CAP_FIRST || !first_visit(w, at))
        return false;
    uint16_t head = pci_read16(w->f, at);
    if (head == UINT16_MAX)
        return false;
    w->offset = at;
    w->id = head & 0xff;
    return true;
}

/* An ID of 0 with no next capability says that there is none (PCIe 7.6.2). */
static bool next_extended(struct pci_walk *w)
{
    uint16_t at = PCI_EXT_FIRST;
    if (w->offset)
        at = FIELD_GET(PCI_EXT_NEXT, pci_read32(w->f, w->offset)) & PCI_EXT_POINTER;
    if (at < PCI_EXT_FIRST || at >= w->f->config_size || !first_visit(w, at))
        return false;
    uint32_t head = pci_read32(w->f, at);
    if (head == UINT32_MAX || head == 0)
        return false;
    w->offset = at;
    w->id = FIELD_GET(PCI_EXT_ID, head);
    w->version = FIELD_GET(PCI_EXT_VERSION, head);
    return true;
}

bool pci_walk_next(struct pci_walk *w)
{
    return w->extended ? next_extended(w) : next_standard(w);
}

/* From the start each time: in a list with a loop, what follows `after` may lie before it. */
static uint16_t find(struct pci_walk *w, uint16_t id, uint16_t after)
{
    bool passed = !after;
    while (pci_walk_next(w)) {
        if (passed && w->id == id)
            return w->offset;
        passed |= w->offset == after;
    }
    return 0;
}

uint16_t pci_find_capability(const struct pci_function *f, uint8_t id, uint16_t after)
{
    struct pci_walk w = { .f = f };
    return find(&w, id, after);
}

uint16_t pci_find_extended_capability(const struct pci_function *f, uint16_t id, uint16_t after)
{
    struct pci_walk w = { .f = f, .extended = true };
    return find(&w, id, after);
}

static uint16_t *offset_of(struct pci_function *f, uint16_t id)
{
    switch (id) {
    case PCI_CAP_EXPRESS:
        return &f->express;
    case PCI_CAP_POWER:
        return &f->power;
    case PCI_CAP_MSI:
        return &f->msi;
    case PCI_CAP_MSIX:
        return &f->msix;
    default:
        return NULL;
    }
}

void pci_capabilities_find(struct pci_function *f)
{
    struct pci_walk w = { .f = f };
    f->express = f->power = f->msi = f->msix = 0;
    while (pci_walk_next(&w)) {
        uint16_t *offset = offset_of(f, w.id);
        if (offset && !*offset)
            *offset = w.offset;
    }
}

unsigned pci_express_type(const struct pci_function *f)
{
    if (!f->express)
        return PCI_EXPRESS_NONE;
    uint16_t flags = pci_read16(f, f->express + PCI_EXPRESS_CAPABILITIES);
    return FIELD_GET(PCI_EXPRESS_TYPE, flags);
}
