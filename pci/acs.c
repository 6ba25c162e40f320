/* acs.c - which functions could reach one another without passing the IOMMU.
 *
 * Between two functions below one switch, or of one device, a request may be
 * routed directly unless Access Control Services send it up to the root
 * (PCIe 6.12).  We switch them on wherever they are; where they are missing,
 * functions keep domains of their own and are shown as one isolation group.
 *
 * Source: PCIe Base 5.0 6.12 (rules), 7.7.8 (registers).
 * unread in this file: PCIe. */
#include "pci/pci_internal.h"

#include <errno.h>
#include <stdio.h>

/* What keeps neighbors apart: at a port leading down (6.12.1.1), and between the
 * functions of one device (6.12.1.2). */
#define ACS_PORT (PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)
#define ACS_DEVICE (PCI_ACS_RR | PCI_ACS_CR)

/* Multi-function chips without the capability of which the vendor says that no
 * function's requests are routed to another.  The statements for Intel's NICs
 * are kept in Linux 4.4, drivers/pci/quirks.c ("verified by the vendor"); the
 * names of the device IDs are those of the data sheets. */
static const struct pci_id isolated_chips[] = {
    PCI_ID(0x8086, 0x10a7, 0), /* 82575 */
    PCI_ID(0x8086, 0x10a9, 0), /* 82575, backplane */
    PCI_ID(0x8086, 0x10d6, 0), /* 82575, quad */
    PCI_ID(0x8086, 0x10c9, 0), /* 82576 */
    PCI_ID(0x8086, 0x10e6, 0), /* 82576, fibre */
    PCI_ID(0x8086, 0x10e7, 0), /* 82576, SerDes */
    PCI_ID(0x8086, 0x10e8, 0), /* 82576, quad */
    PCI_ID(0x8086, 0x150a, 0), /* 82576NS */
    PCI_ID(0x8086, 0x150d, 0), /* 82576, SerDes quad */
    PCI_ID(0x8086, 0x1518, 0), /* 82576NS, SerDes */
    PCI_ID(0x8086, 0x1526, 0), /* 82576, quad ET2 */
    PCI_ID(0x8086, 0x1521, 0), /* I350 */
    PCI_ID(0x8086, 0x1522, 0), /* I350, fibre */
    PCI_ID(0x8086, 0x1523, 0), /* I350, SerDes */
    PCI_ID(0x8086, 0x1524, 0), /* I350, SGMII */
    PCI_ID(0x8086, 0x10f7, 0), /* 82599, KX4 */
    PCI_ID(0x8086, 0x10f8, 0), /* 82599, backplane */
    PCI_ID(0x8086, 0x10f9, 0), /* 82599, CX4 */
    PCI_ID(0x8086, 0x10fb, 0), /* 82599, SFP+ */
    PCI_ID(0x8086, 0x10fc, 0), /* 82599, XAUI */
    PCI_ID(0x8086, 0x1507, 0), /* 82599, SFP+ EM */
    PCI_ID(0x8086, 0x1514, 0), /* 82599, KX4 mezzanine */
    PCI_ID(0x8086, 0x151c, 0), /* 82599, 10GBASE-T */
    PCI_ID(0x8086, 0x1529, 0), /* 82599, SFP+ FCoE */
    PCI_ID(0x8086, 0x152a, 0), /* 82599, backplane FCoE */
    PCI_ID(0x8086, 0x154d, 0), /* 82599, SFP+ SF2 */
    { 0 },
};

static bool chip_isolates(const struct pci_function *f)
{
    f = f->pf ? f->pf : f;
    for (const struct pci_id *id = isolated_chips; id->vendor; id++)
        if (f->vendor == id->vendor && f->device == id->device)
            return true;
    return false;
}

static uint16_t acs_of(const struct pci_function *f)
{
    return pci_find_extended_capability(f, PCI_EXT_ACS, 0);
}

/* A control that the capability does not name has nothing to control: the
 * function does not route that way (6.12.1.1, "must be implemented by ... that
 * support peer-to-peer traffic"). */
static bool acs_in_force(const struct pci_function *f, uint16_t wanted)
{
    uint16_t acs = acs_of(f);
    if (!acs)
        return false;
    uint16_t needed = wanted & pci_read16(f, acs + PCI_ACS_CAPABILITY);
    return (pci_read16(f, acs + PCI_ACS_CONTROL) & needed) == needed;
}

/* Translation blocking as well, until somebody is trusted (ats.c). */
void pci_acs_enable(const struct pci_function *f)
{
    uint16_t acs = acs_of(f);
    if (!acs)
        return;
    uint16_t can = pci_read16(f, acs + PCI_ACS_CAPABILITY);
    uint16_t control = pci_read16(f, acs + PCI_ACS_CONTROL) & (uint16_t)~PCI_ACS_DT;
    pci_write16(f, acs + PCI_ACS_CONTROL, control | (can & (ACS_PORT | PCI_ACS_TB)));
}

void pci_acs_pass_translated(const struct pci_function *bridge)
{
    uint16_t acs = acs_of(bridge);
    if (acs)
        pci_write16(bridge, acs + PCI_ACS_CONTROL,
                    pci_read16(bridge, acs + PCI_ACS_CONTROL) & (uint16_t)~PCI_ACS_TB);
}

void pci_acs_enable_all(void)
{
    for (const struct pci_function *f = pci_first(); f; f = f->next)
        pci_acs_enable(f);
}

/* Whether what is below this bridge stays apart from what is beside it. */
static bool bridge_isolates(const struct pci_function *bridge)
{
    switch (pci_express_type(bridge)) {
    case PCI_EXPRESS_ROOT_PORT:
    case PCI_EXPRESS_DOWNSTREAM_PORT:
        return acs_in_force(bridge, ACS_PORT);
    case PCI_EXPRESS_UPSTREAM_PORT: /* one way up; its peers are the ports below (6.12.1.1) */
        return true;
    default: /* conventional buses are shared (6.12.1.3) */
        return false;
    }
}

static bool function_isolates(const struct pci_function *f)
{
    return acs_in_force(f, ACS_DEVICE) || chip_isolates(f);
}

/* A link has one device, whose functions are all of its bus and its VFs' buses. */
static bool are_of_one_device(const struct pci_function *a, const struct pci_function *b)
{
    a = a->pf ? a->pf : a;
    b = b->pf ? b->pf : b;
    return a->bdf >> 3 == b->bdf >> 3 ||
           (a->bdf >> 8 == b->bdf >> 8 && pci_forwards_ari(a->parent));
}

/* A request is controlled where it comes in (6.12.1.1): one port without control opens the
 * whole switch, and so does a function beside its upstream port (6.12.1.2). */
static bool switch_isolates(const struct pci_function *up)
{
    for (const struct pci_function *f = pci_first(); f; f = f->next) {
        bool port = f->parent == up && pci_express_type(f) == PCI_EXPRESS_DOWNSTREAM_PORT;
        bool beside = f != up && f->parent == up->parent && are_of_one_device(f, up);
        if ((port && !acs_in_force(f, ACS_PORT)) || (beside && !function_isolates(up)))
            return false;
    }
    return true;
}

static bool keeps_apart(const struct pci_function *bridge)
{
    return bridge_isolates(bridge) &&
           (pci_express_type(bridge) != PCI_EXPRESS_UPSTREAM_PORT || switch_isolates(bridge));
}

/* The highest bridge that does not isolate what is below it, else the function. */
static const struct pci_function *anchor_of(const struct pci_function *f)
{
    const struct pci_function *anchor = f;
    for (const struct pci_function *b = f->parent; b; b = b->parent)
        if (!keeps_apart(b))
            anchor = b;
    return anchor;
}

uint32_t pci_isolation_group(const struct pci_function *f)
{
    const struct pci_function *anchor = anchor_of(f);
    if (function_isolates(anchor))
        return anchor->bdf;
    for (const struct pci_function *o = pci_first(); o; o = o->next)
        if (are_of_one_device(o, anchor) && !function_isolates(o))
            return o->bdf;
    return anchor->bdf;
}

/* VFs ------------------------------------------------------------------------------ */

/* The VFs of a PF are asked for, and are not there yet: the PF speaks for them. */
int pci_acs_check_vfs(const struct pci_function *pf, bool unisolated, const char **why)
{
    static char text[128];
    char bdf[PCI_BDF_LEN];
    *why = text;
    for (const struct pci_function *b = pf->parent; b; b = b->parent) {
        unsigned type = pci_express_type(b);
        pci_bdf_format(b->bdf, bdf);
        if (type == PCI_EXPRESS_NONE || type == PCI_EXPRESS_TO_PCI_BRIDGE) {
            snprintf(text, sizeof text, "conventional bridge %s on the way hides requester IDs",
                     bdf);
            return -EPERM;
        }
        if (!bridge_isolates(b))
            pci_acs_enable(b);
        if (!unisolated && !bridge_isolates(b)) {
            snprintf(text, sizeof text,
                     "%s on the way has no access control (ACS): VFs could reach what is beside it",
                     bdf);
            return -EPERM;
        }
    }
    if (!function_isolates(pf))
        pci_acs_enable(pf);
    if (unisolated || function_isolates(pf))
        return 0;
    *why = "the chip has no access control (ACS): its VFs could reach each other";
    return -EPERM;
}
