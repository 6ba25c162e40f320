/* capability.c - the two capability lists, walked as if the device lied. */
#include "pci/pci_internal.h"

/* No list is longer than the space it lies in: 192 / 4 and 3840 / 8 entries. */
#define CAPABILITIES_MAX 48u
#define EXTENDED_MAX 480u

/* PCI 6.7: pointers lie behind the header; the two lowest bits are reserved. */
static uint16_t capability_next(const struct pci_function *f, uint16_t at)
{
    uint16_t next = pci_read8(f, at) & 0xfcu;
    return next >= PCI_CAP_FIRST ? next : 0;
}

static bool has_capabilities(const struct pci_function *f)
{
    uint16_t status = pci_read16(f, PCI_STATUS);
    return status != 0xffff && (status & PCI_STATUS_CAPABILITIES);
}

uint16_t pci_find_capability(const struct pci_function *f, uint8_t id, uint16_t after)
{
    if (!has_capabilities(f))
        return 0;
    uint16_t at = capability_next(f, after ? (uint16_t)(after + 1) : PCI_CAPABILITIES);
    for (unsigned i = 0; at && i < CAPABILITIES_MAX; i++) {
        uint8_t found = pci_read8(f, at);
        if (found == 0xff)
            return 0;
        if (found == id || id == PCI_CAPABILITY_ANY)
            return at;
        at = capability_next(f, (uint16_t)(at + 1));
    }
    return 0;
}

/* PCIe 7.6.3: the list starts at 100h; ID 0 with version 0 there is no list. */
static uint16_t extended_next(const struct pci_function *f, uint16_t at)
{
    uint16_t next = (pci_read32(f, at) & PCI_EXT_NEXT) >> 20 & 0xffcu;
    return next >= PCI_EXT_FIRST ? next : 0;
}

uint16_t pci_find_extended_capability(const struct pci_function *f, uint16_t id, uint16_t after)
{
    if (f->config_size < PCI_EXTENDED_SIZE)
        return 0;
    uint16_t at = after ? extended_next(f, after) : PCI_EXT_FIRST;
    for (unsigned i = 0; at && i < EXTENDED_MAX; i++) {
        uint32_t header = pci_read32(f, at);
        if (header == 0 || header == ~0u)
            return 0;
        if ((header & PCI_EXT_ID) == id || id == PCI_EXTENDED_ANY)
            return at;
        at = extended_next(f, at);
    }
    return 0;
}
