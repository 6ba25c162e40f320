/* msi.c - message-signaled interrupts, kept off: we poll (unread: PCI 6.8). */
#include "pci/pci_internal.h"

static void clear(struct pci_function *f, uint16_t at, uint16_t control, uint16_t bit)
{
    uint16_t was = at ? pci_read16(f, at + control) : 0;
    if (was & bit)
        pci_write16(f, at + control, was & (uint16_t)~bit);
}

void pci_msi_off(struct pci_function *f)
{
    clear(f, f->msi, PCI_MSI_CONTROL, PCI_MSI_ENABLE);
    clear(f, f->msix, PCI_MSIX_CONTROL, PCI_MSIX_ENABLE);
}
