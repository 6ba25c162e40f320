/* fence.c - a function and the IOMMU: where it sits, under which requester IDs
 * its transactions travel, and its domain for as long as a driver has it.
 *
 * Sources: VT-d 3.12.1 and 3.12.2 (source-ids behind bridges); unread: PCI Express to
 * PCI/PCI-X Bridge 1.0 2.3 (requester IDs that a bridge makes up). */
#include "pci/pci_internal.h"

#include "iommu/iommu.h"

#include <errno.h>
#include <string.h>

/* An ID that is there already, or the function's own, is not an alias. */
static bool add_alias(struct iommu_place *p, const struct pci_function *f, uint16_t id)
{
    if (id == (uint16_t)f->bdf)
        return true;
    for (unsigned i = 0; i < p->aliases; i++)
        if (p->alias[i] == id)
            return true;
    if (p->aliases == IOMMU_ALIASES_MAX)
        return false;
    p->alias[p->aliases++] = id;
    return true;
}

/* A bridge from PCI Express speaks for what is behind it as device 0, function 0
 * of its secondary bus (VT-d 3.12.1); a conventional bridge on a
 * conventional bus as itself (VT-d 3.12.2).  PCI Express bridges pass IDs on. */
static bool add_aliases_of(struct iommu_place *p, const struct pci_function *f,
                           const struct pci_function *bridge)
{
    switch (pci_express_type(bridge)) {
    case PCI_EXPRESS_TO_PCI_BRIDGE:
        return add_alias(p, f, (uint16_t)(bridge->secondary << 8));
    case PCI_EXPRESS_NONE:
    case PCI_EXPRESS_FROM_PCI_BRIDGE:
        return add_alias(p, f, (uint16_t)bridge->bdf);
    default:
        return true;
    }
}

/* A VF goes the way of its PF, under its own ID. */
int pci_place_of(const struct pci_function *f, struct iommu_place *p)
{
    const struct pci_function *end = f->pf ? f->pf : f;
    memset(p, 0, sizeof *p);
    p->segment = PCI_SEGMENT(f->bdf);
    for (const struct pci_function *b = end; b; b = b->parent)
        if (++p->depth > IOMMU_DEPTH_MAX)
            return -E2BIG;
    unsigned at = p->depth;
    for (const struct pci_function *b = end; b; b = b->parent) {
        p->way[--at].bus = PCI_BUS(b->bdf);
        p->way[at].devfn = (uint8_t)b->bdf;
        if (b != end && !add_aliases_of(p, f, b))
            return -E2BIG;
    }
    return 0;
}

bool pci_has_alias(const struct pci_function *f, uint32_t requester_id)
{
    struct iommu_place place;
    if (pci_place_of(f, &place) || requester_id >> 16 != place.segment)
        return false;
    for (unsigned i = 0; i < place.aliases; i++)
        if (place.alias[i] == (uint16_t)requester_id)
            return true;
    return false;
}

int pci_fence(struct pci_function *f)
{
    struct iommu_place place;
    if (!iommu_present())
        return 0;
    int e = pci_place_of(f, &place);
    place.trusted = pci_ats_wanted(f);
    e = e ? e : iommu_attach(&f->dma, &place);
    if (!e)
        pci_ats_set(f, iommu_device_tlb(&f->dma));
    if (!e || e == -ENODEV)
        return 0;
    pci_log(LOG_ERROR, f, "not fenced: %s", strerror(-e));
    return e;
}

void pci_unfence(struct pci_function *f)
{
    pci_bus_master(f, false);
    pci_ats_set(f, false);
    iommu_detach(&f->dma);
}
