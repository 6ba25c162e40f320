/* e1000.h - Intel's 8254x family and its PCI Express heir, the 82574, as one port.
 *
 * The registers that carry frames, filters, statistics and link are the same; what a
 * member does its own way - reset, EEPROM, bits that are to be set before the rings -
 * is in its struct e1000_chip.  e1000.c has the port and the 8254x's chip,
 * e1000e.c the 82574's. */
#pragma once

#include "nic/intel/e1000/e1000_regs.h"
#include "nic/intel/e1000/e1000_ring.h"
#include "nic/intel/intel_port.h"
#include "kernel/mmio.h"
#include "pci/pci.h"

#include <stdbool.h>
#include <stdint.h>

struct e1000;

struct e1000_chip {
    const char *driver;
    struct intel_chip intel;
    uint32_t max_frame;  /* without FCS */
    uint32_t ctrl_clear; /* bits of CTRL that are 0 while it works, its own ones */
    uint32_t rctl;       /* bits of RCTL; without SECRC frames come with their FCS */
    uint32_t tctl;       /* bits of TCTL that it has and the others have not */
    uint32_t tipg;
    /* With all at rest: resets it and waits until it has read its EEPROM.  0 or -EIO, logged. */
    int (*reset)(struct e1000 *e);
    /* Optional, at probe, after the first reset: what is needed once. */
    void (*settle)(struct e1000 *e);
    bool (*mac)(struct e1000 *e, uint8_t mac[MAC_LEN]); /* of the EEPROM; false: none there */
    /* Optional, after the resets that begin work: before link, filters and rings. */
    void (*prepare)(struct e1000 *e);
    void (*arm)(struct e1000 *e, bool on); /* of those with MSI-X: port_ops.arm */
};

struct e1000 {
    struct intel_rxq rx;
    struct intel_txq tx;
    struct port port;
    const struct e1000_chip *chip;
    struct intel_device device;
    uint32_t vlans[INTEL_VFTA_REGS]; /* wanted, a bit each */
};

/* For PCI_DRIVER rows: a port over this chip, and its end. */
int e1000_probe_chip(struct pci_function *f, const struct e1000_chip *chip);
void e1000_remove(struct pci_function *f);
