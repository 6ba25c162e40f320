/* pcispace_config.c - configuration space of a made-up device (pcispace_config.h).
 *
 * PCI 6.1 (header), PCIe 7.5.3 (Express), 7.7.2 (MSI-X), 7.8.4 (AER). */
#include "tests/models/pcispace_config.h"

#include "pci/pci_regs.h"

#include <string.h>

void config_write_masked(struct pcispace_device *d, unsigned offset, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size; i++) {
        uint8_t mask = d->writable[offset + i];
        uint8_t byte = (uint8_t)(value >> 8 * i);
        d->config[offset + i] = (uint8_t)((d->config[offset + i] & ~mask) | (byte & mask));
    }
}

static void header_init(struct pcispace_device *d, uint16_t vendor, uint16_t device,
                        uint32_t class_code, unsigned layout)
{
    memset(d->config, 0, sizeof d->config);
    memset(d->writable, 0, sizeof d->writable);
    d->config_size = PCI_CONFIG_SIZE;
    config_put(d->config + PCI_VENDOR_ID, vendor, 2);
    config_put(d->config + PCI_DEVICE_ID, device, 2);
    config_put(d->config + PCI_REVISION + 1, class_code, 3);
    d->config[PCI_HEADER_TYPE] = (uint8_t)layout;
    config_put(d->writable + PCI_COMMAND, 0x0547, 2);
    d->capability_end = PCI_CAP_FIRST;
    d->capability_last = 0;
}

void pcispace_device_init(struct pcispace_device *d, uint16_t vendor, uint16_t device,
                          uint32_t class_code)
{
    header_init(d, vendor, device, class_code, PCI_HEADER_DEVICE);
}

/* All windows there, the prefetchable one 64 bits wide. */
void pcispace_bridge_init(struct pcispace_device *d, uint16_t vendor, uint16_t device)
{
    header_init(d, vendor, device, 0x060400, PCI_HEADER_BRIDGE);
    config_put(d->writable + PCI_PRIMARY_BUS, 0xffffff, 3);
    config_put(d->writable + PCI_IO_BASE, 0xf0f0, 2);
    config_put(d->writable + PCI_MEMORY_BASE, 0xfff0fff0, 4);
    config_put(d->writable + PCI_PREFETCH_BASE, 0xfff0fff0, 4);
    config_put(d->config + PCI_PREFETCH_BASE, 0x00010001, 4);
    config_put(d->writable + PCI_PREFETCH_BASE_HIGH, ~0ull, 8);
}

void pcispace_device_load(struct pcispace_device *d, const void *bytes, size_t size)
{
    header_init(d, 0, 0, 0, 0);
    memcpy(d->config, bytes, size);
    d->config_size = (uint16_t)size;
    if ((d->config[PCI_HEADER_TYPE] & PCI_HEADER_LAYOUT) == PCI_HEADER_BRIDGE) {
        config_put(d->writable + PCI_PRIMARY_BUS, 0xffffff, 3);
        config_put(d->writable + PCI_IO_BASE, 0xf0f0, 2);
        config_put(d->writable + PCI_MEMORY_BASE, 0xfff0fff0, 4);
        config_put(d->writable + PCI_PREFETCH_BASE, 0xfff0fff0, 4);
        config_put(d->writable + PCI_PREFETCH_BASE_HIGH, ~0ull, 8);
    }
}

uint16_t pcispace_capability(struct pcispace_device *d, const void *bytes, size_t size)
{
    uint16_t at = d->capability_end;
    memcpy(d->config + at, bytes, size);
    d->config[at + 1] = 0;
    d->config[d->capability_last ? d->capability_last + 1u : PCI_CAPABILITIES] = (uint8_t)at;
    d->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
    d->capability_last = at;
    d->capability_end = (uint16_t)(at + ((size + 3) & ~3ull));
    return at;
}

void config_bar(struct pcispace_device *d, unsigned i)
{
    const struct pcispace_bar *b = &d->bar[i];
    uint8_t *at = d->config + PCI_BAR0 + 4 * i, *mask = d->writable + PCI_BAR0 + 4 * i;
    uint64_t flags =
        b->io ? PCI_BAR_IO
              : (b->is64 ? PCI_BAR_TYPE_64 : 0) | (b->prefetchable ? PCI_BAR_PREFETCH : 0);
    config_put(mask, ~(b->size - 1) & ~(uint64_t)PCI_BAR_MEMORY_FLAGS, b->is64 ? 8 : 4);
    if (b->io)
        config_put(mask, ~(b->size - 1) & 0xfffc, 4);
    at[0] = (uint8_t)((at[0] & 0xf0) | flags);
}

/* Capabilities ------------------------------------------------------------------- */

void config_extended(struct pcispace_device *d, unsigned at, unsigned id, unsigned version,
                     unsigned next)
{
    config_put(d->config + at, id | version << 16 | next << 20, 4);
}

/* Express version 2, PCIe 7.5.3; returns where. */
uint16_t config_add_express(struct pcispace_device *d, unsigned type, bool flr, bool ari)
{
    uint8_t bytes[60] = { PCI_CAP_EXPRESS };
    config_put(bytes + PCI_EXPRESS_CAPABILITIES, 2 | type << 4, 2);
    config_put(bytes + PCI_EXPRESS_DEVICE_CAP, 0x8020u | (flr ? PCI_EXPRESS_FLR : 0), 4);
    config_put(bytes + PCI_EXPRESS_LINK_CAP, 0x00000411, 4);
    config_put(bytes + PCI_EXPRESS_LINK_STA, 0x0011, 2);
    config_put(bytes + PCI_EXPRESS_DEVICE_CAP2, ari ? PCI_EXPRESS_ARI_CAPABLE : 0, 4);
    uint16_t at = pcispace_capability(d, bytes, sizeof bytes);
    config_put(d->writable + at + PCI_EXPRESS_DEVICE_CTL, 0xffff, 2);
    config_put(d->writable + at + PCI_EXPRESS_DEVICE_CTL2, ari ? PCI_EXPRESS_ARI_FORWARDING : 0, 2);
    return at;
}

void config_add_msix(struct pcispace_device *d, unsigned vectors, unsigned bar)
{
    uint8_t bytes[12] = { PCI_CAP_MSIX };
    config_put(bytes + PCI_MSIX_CONTROL, vectors - 1, 2);
    config_put(bytes + PCI_MSIX_TABLE, bar, 4);
    config_put(bytes + PCI_MSIX_PBA, 0x2000 | bar, 4);
    uint16_t at = pcispace_capability(d, bytes, sizeof bytes);
    config_put(d->writable + at + PCI_MSIX_CONTROL, PCI_MSIX_ENABLE | PCI_MSIX_MASK, 2);
}

void config_add_aer(struct pcispace_device *d, unsigned at, unsigned next)
{
    config_extended(d, at, PCI_EXT_AER, 1, next);
    config_put(d->writable + at + 8, ~0ull, 8);    /* uncorrectable: mask, severity */
    config_put(d->writable + at + 0x14, ~0ull, 4); /* correctable: mask */
}

uint16_t config_find_express(const struct pcispace_device *d)
{
    uint8_t at = d->config[PCI_CAPABILITIES];
    while (at && d->config[at] != PCI_CAP_EXPRESS)
        at = d->config[at + PCI_CAP_NEXT];
    return at;
}
