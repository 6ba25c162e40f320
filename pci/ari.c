/* ari.c - alternative routing IDs: up to 256 functions in the device below a port.
 *
 * A port that forwards ARI takes the device number for more of the function number
 * (PCIe 6.13).  That is right for a device with the capability and wrong for any
 * other, so the port is set by what lies below it, whatever firmware left.
 *
 * Sources: PCIe 6.13 (rules), 7.5.3.15 and 7.5.3.16 (port), 7.8.7 (capability).
 * unread in this file: PCIe. */
#include "pci/pci_internal.h"

#include "kernel/compiler.h"

#define VERSION_WITH_ARI 2u /* of the PCI Express capability, 7.5.3.2 */

static bool has_second_registers(const struct pci_function *port)
{
    return port && port->express && port->express + PCI_EXPRESS_LENGTH2 <= PCI_CONFIG_SIZE &&
           FIELD_GET(PCI_EXPRESS_VERSION,
                     pci_read16(port, port->express + PCI_EXPRESS_CAPABILITIES)) >=
               VERSION_WITH_ARI;
}

static bool can_forward(const struct pci_function *port)
{
    unsigned type = port ? pci_express_type(port) : PCI_EXPRESS_NONE;
    return has_second_registers(port) &&
           (type == PCI_EXPRESS_ROOT_PORT || type == PCI_EXPRESS_DOWNSTREAM_PORT) &&
           pci_read32(port, port->express + PCI_EXPRESS_DEVICE_CAP2) & PCI_EXPRESS_ARI_CAPABLE;
}

bool pci_forwards_ari(const struct pci_function *port)
{
    return can_forward(port) &&
           pci_read16(port, port->express + PCI_EXPRESS_DEVICE_CTL2) & PCI_EXPRESS_ARI_FORWARDING;
}

bool pci_ari_set(struct pci_function *port, const struct pci_function *first)
{
    if (!can_forward(port) || !first)
        return false;
    uint16_t at = port->express + PCI_EXPRESS_DEVICE_CTL2, was = pci_read16(port, at);
    uint16_t wanted = pci_find_extended_capability(first, PCI_EXT_ARI, 0)
                          ? was | PCI_EXPRESS_ARI_FORWARDING
                          : was & (uint16_t)~PCI_EXPRESS_ARI_FORWARDING;
    if (was != wanted)
        pci_write16(port, at, wanted);
    return pci_forwards_ari(port);
}

unsigned pci_ari_next(const struct pci_function *f)
{
    uint16_t at = f ? pci_find_extended_capability(f, PCI_EXT_ARI, 0) : 0;
    return at ? FIELD_GET(PCI_ARI_NEXT, pci_read16(f, at + PCI_ARI_CAPABILITY)) : 0;
}
