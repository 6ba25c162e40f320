/* host_bridge.c - what a host bridge forwards, as firmware says it. */
#include "kernel/acpi.h"
#include "pci/pci.h"

#define ONE_MIB (1024u * 1024u)

static bool find(struct acpi_device *bridge)
{
    struct acpi_device other;
    bool express = acpi_device("PNP0A08", 0, bridge);
    if (!express && !acpi_device("PNP0A03", 0, bridge))
        return false;
    return !acpi_device(express ? "PNP0A08" : "PNP0A03", 1, &other) &&
           !(express && acpi_device("PNP0A03", 0, &other));
}

bool pci_windows_of_firmware(void)
{
    struct acpi_device bridge;
    bool found = false;
    if (!find(&bridge))
        return false;
    for (unsigned i = 0; i < bridge.count; i++) {
        const struct acpi_resource *r = &bridge.resource[i];
        if (r->kind == ACPI_RESOURCE_MEMORY && !r->consumed && r->base >= ONE_MIB)
            found |= !pci_window_add(r->base, r->size);
    }
    return found;
}
