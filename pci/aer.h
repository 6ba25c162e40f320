/* aer.h - errors that functions report: decoded, counted, cleared (PCIe 6.2, 7.8.4).
 *
 * Nobody is interrupted: the control slice asks one function a turn, and all of them
 * once a second.  An error ends nothing by itself; a device that is really broken
 * shows it to its driver.  unread in this file: PCIe. */
#pragma once

#include "pci/pci.h"

#define PCI_AER_BITS 32u

enum pci_aer_kind { PCI_AER_CORRECTED, PCI_AER_NON_FATAL, PCI_AER_FATAL, PCI_AER_KINDS };

/* Of a function with the capability; function->aer.  A register tells that an error
 * happened since it was last asked, not how often. */
struct pci_aer {
    uint16_t at;                     /* offset of the capability */
    uint64_t count[PCI_AER_KINDS];
    uint32_t correctable[PCI_AER_BITS], uncorrectable[PCI_AER_BITS]; /* by status bit */
    uint32_t header[4];              /* of the last uncorrectable error's packet */
    uint64_t tell_us;                /* no line in the log before */
    unsigned untold;                 /* errors since the last line */
    bool resting;                    /* not asked: the function is being reset */
};

/* Of a status bit, as in "bad-TLP"; never NULL. */
const char *pci_aer_name(bool correctable, unsigned bit);
/* Called from the control slice as often as it likes. */
void pci_aer_poll(uint64_t now_us);
