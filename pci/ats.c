/* ats.c - functions that may keep translations in a TLB of their own.
 *
 * A request that a function has translated itself passes the IOMMU unchecked
 * (VT-d 4.1.3, 9.4 DTE), so only functions that the user trusts may do it; elsewhere Address
 * Translation Services stay off, and access control blocks such requests.
 *
 * Source: PCIe Base 5.0 10.5.1 (registers), 6.12.1.1 (translation blocking).
 * unread in this file: PCIe. */
#include "pci/pci_internal.h"

#include <string.h>

static struct pci_trusted trusted;

/* One element up to the comma; false: no BDF, or one too many. */
static bool parse_one(struct pci_trusted *t, const char *text, size_t n)
{
    char word[PCI_BDF_LEN];
    if (n >= sizeof word || t->count == PCI_TRUSTED_MAX)
        return false;
    memcpy(word, text, n);
    word[n] = '\0';
    return pci_bdf_parse(word, &t->bdf[t->count++]);
}

bool pci_trusted_parse(const char *list, struct pci_trusted *t)
{
    struct pci_trusted parsed = { .all = !strcmp(list, "all") };
    while (!parsed.all) {
        size_t n = strcspn(list, ",");
        if (!parse_one(&parsed, list, n))
            return false;
        if (!list[n])
            break;
        list += n + 1;
    }
    *t = parsed;
    return true;
}

void pci_trust(const struct pci_trusted *t)
{
    trusted = *t;
}

static bool is_trusted(const struct pci_function *f)
{
    for (unsigned i = 0; i < trusted.count; i++)
        if (trusted.bdf[i] == f->bdf)
            return true;
    return trusted.all;
}

static uint16_t ats_of(const struct pci_function *f)
{
    return pci_find_extended_capability(f, PCI_EXT_ATS, 0);
}

bool pci_ats_wanted(const struct pci_function *f)
{
    return is_trusted(f) && ats_of(f);
}

void pci_ats_set(const struct pci_function *f, bool on)
{
    uint16_t ats = ats_of(f);
    if (!ats)
        return;
    for (const struct pci_function *b = f->parent; on && b; b = b->parent)
        pci_acs_pass_translated(b);
    uint16_t control = pci_read16(f, ats + PCI_ATS_CONTROL) & (uint16_t)~PCI_ATS_STU;
    pci_write16(f, ats + PCI_ATS_CONTROL,
                on ? control | PCI_ATS_ENABLE : control & (uint16_t)~PCI_ATS_ENABLE);
}
