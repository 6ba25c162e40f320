/* sriov.h - virtual functions: where they are, what they need, on and off.
 *
 * Order of life: the scan reads every PF's capability, clears what somebody left
 * enabled, and places VF BARs and bus numbers for as many VFs as the PF can have.  The
 * PF's driver calls pci_sriov_enable() when its chip is ready for them; then every
 * VF is a struct pci_function in the list, fenced and offered to drivers like any
 * other by pci_probe_function().  VFs go before their PF: pci_remove_function() for
 * each, then pci_sriov_disable().
 *
 * Source: PCI Express Base 5.0 (PCIe) chapter 9; ARI: 6.13 and 7.8.7.
 * unread in this file: PCIe, but for 9.3.3.3.1. */
#pragma once

#include "pci/pci.h"

/* Of a PF, as read by the scan; pf->sriov. */
struct pci_sriov {
    uint16_t at;             /* offset of the capability */
    uint16_t initial_vfs, total_vfs;
    uint16_t offset, stride; /* as the registers read with the hierarchy's ARI setting */
    uint16_t vf_device;
    uint32_t page_sizes;     /* bit n: pages of 4 KiB << n */
    uint32_t page_size;      /* the bit in force; 0: none fits */
    struct pci_bar bar[PCI_BARS]; /* of one VF: size; base: of the first VF's */
    uint16_t room[PCI_BARS]; /* so many VFs' BARs lie from there on */
    uint8_t last_bus;        /* up to here bus numbers lead to the PF's bridge and no further */
    uint16_t placed_vfs;     /* so many have BARs and a bus number */
    uint16_t num_vfs;        /* in force */
    bool ari;                /* ARI Capable Hierarchy is set in the device */
    const char *problem;     /* why the capability is not believed; NULL: it is */
    char short_of[96];       /* which window or bus range keeps placed_vfs below total_vfs */
    uint64_t settled_us;     /* the registers are not to be read before (9.3.3.3.1) */
    struct pci_function **vf; /* num_vfs of them */
};

/* Routing ID of VF `index` (0: the first): PCIe 9.2.1.2.  False: it would leave the segment,
 * or equals the PF's. */
bool pci_vf_bdf(uint32_t pf_bdf, uint16_t offset, uint16_t stride, unsigned index, uint32_t *bdf);
/* How many of `count` VFs, from the first on, have a routing ID on bus `last_bus` or below. */
unsigned pci_vfs_up_to(uint32_t pf_bdf, uint16_t offset, uint16_t stride, unsigned count,
                       unsigned last_bus);

/* Enables `count` VFs: System Page Size, NumVFs, BARs, VF MSE, VF Enable and its waiting
 * time, then one pci_function each, behind the PF's in time, in BDF order in the list; none has a
 * driver yet.  unisolated: allowed although access control is missing on the way.  0, or
 * -E... with *why (static text or pci's own buffer, valid until the next call) and nothing
 * left enabled. */
int pci_sriov_enable(struct pci_function *pf, unsigned count, bool unisolated, const char **why);
/* No driver may have a VF any more. */
void pci_sriov_disable(struct pci_function *pf);

/* Offers one function to the drivers, as pci_probe_drivers() does for all; true: taken. */
bool pci_probe_function(struct pci_function *f);
/* Its driver gives it back; then bus mastering goes off and the domain goes. */
void pci_remove_function(struct pci_function *f);

/* Function level reset (PCIe 6.6.2): waits for pending transactions, resets, waits until the
 * function answers, restores BARs, command and other control registers.  At least 100 ms, in
 * which the poll loop runs when the console's task asks for it.  0; -ENOTSUP: it has none;
 * -EBUSY: a PF whose VFs are in force, and would go; -ETIMEDOUT: it does not come back. */
int pci_function_reset(struct pci_function *f);
