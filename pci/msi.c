/* msi.c - message-signaled interrupts: off, but for MSI-X where a driver's receive queues wake who
 * rests (unread: PCI 6.8). */
#include "pci/pci_internal.h"

#include "iommu/iommu.h"
#include "kernel/cpus.h"
#include "kernel/mmio.h"

#include <errno.h>

static void clear(struct pci_function *f, uint16_t at, uint16_t control, uint16_t bit)
{
    uint16_t was = at ? pci_read16(f, at + control) : 0;
    if (was & bit)
        pci_write16(f, at + control, was & (uint16_t)~bit);
}

void pci_msi_off(struct pci_function *f)
{
    f->msix_entries = 0;
    clear(f, f->msi, PCI_MSI_CONTROL, PCI_MSI_ENABLE);
    clear(f, f->msix, PCI_MSIX_CONTROL, PCI_MSIX_ENABLE);
}

static uint8_t *entry_at(const struct pci_function *f, unsigned entry)
{
    return f->msix_table + (size_t)entry * PCI_MSIX_ENTRY_SIZE;
}

static void entry_mask(const struct pci_function *f, unsigned entry, bool mask)
{
    mmio_write32(entry_at(f, entry) + PCI_MSIX_ENTRY_CONTROL, mask ? PCI_MSIX_ENTRY_MASK : 0);
}

/* The table's other entries stay as a reset leaves them, masked. */
unsigned pci_msix_on(struct pci_function *f, unsigned most)
{
    if (f->msix_entries || !f->msix)
        return f->msix_entries;
    uint16_t control = pci_read16(f, f->msix + PCI_MSIX_CONTROL);
    unsigned size = FIELD_GET(PCI_MSIX_SIZE, control) + 1u, count = size < most ? size : most;
    uint32_t table = pci_read32(f, f->msix + PCI_MSIX_TABLE), at = table & PCI_MSIX_OFFSET;
    uint8_t *bar = pci_map_bar(f, table & PCI_MSIX_BIR, at + (uint64_t)count * PCI_MSIX_ENTRY_SIZE);
    if (!bar)
        return 0;
    f->msix_table = bar + at;
    for (unsigned i = 0; i < count; i++)
        entry_mask(f, i, true);
    pci_write16(f, f->msix + PCI_MSIX_CONTROL,
                (control & (uint16_t)~PCI_MSIX_MASK) | PCI_MSIX_ENABLE);
    f->msix_entries = (uint16_t)count;
    return count;
}

void pci_msix_off(struct pci_function *f)
{
    if (f->msix_entries)
        clear(f, f->msix, PCI_MSIX_CONTROL, PCI_MSIX_ENABLE);
    f->msix_entries = 0;
}

/* An entry changes while it is masked only. */
int pci_msix_route(struct pci_function *f, unsigned entry, unsigned cpu)
{
    struct cpu_message to;
    struct iommu_message message;
    if (entry >= f->msix_entries || !cpu_message(cpu, &to))
        return -ENOTSUP;
    entry_mask(f, entry, true);
    int e = iommu_interrupt(&f->dma, entry, &to, &message);
    if (e)
        return e;
    mmio_write32(entry_at(f, entry) + PCI_MSIX_ENTRY_ADDRESS, (uint32_t)message.address);
    mmio_write32(entry_at(f, entry) + PCI_MSIX_ENTRY_ADDRESS_HIGH,
                 (uint32_t)(message.address >> 32));
    mmio_write32(entry_at(f, entry) + PCI_MSIX_ENTRY_DATA, message.data);
    entry_mask(f, entry, false);
    return 0;
}
