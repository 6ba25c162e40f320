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

#define X(name, offset, section) +1
enum {
    E1000_COUNTERS_NARROW_COUNT = E1000_COUNTERS(X),
    E1000_COUNTERS_WIDE_COUNT = E1000_COUNTERS_WIDE(X)
};
#undef X
#define E1000_COUNTERS_COUNT (E1000_COUNTERS_NARROW_COUNT + E1000_COUNTERS_WIDE_COUNT)

struct e1000;

struct e1000_chip {
    const char *driver;
    uint32_t ctrl_clear; /* bits of CTRL that are 0 while it works, its own ones */
    uint32_t tctl;       /* bits of TCTL that it has and the others have not */
    uint32_t tipg;
    /* All registers initial, no DMA afterwards, interrupts masked: 0 or -EIO, logged. */
    int (*reset)(struct e1000 *e);
    /* Optional, at probe, after the first reset: what is needed once. */
    void (*settle)(struct e1000 *e);
    int (*read_word)(struct e1000 *e, uint32_t word, uint16_t *value); /* of the EEPROM */
    /* Optional, after the resets that begin work: before link, filters and rings. */
    void (*prepare)(struct e1000 *e);
};

struct e1000 {
    struct intel_rxq rx;
    struct intel_txq tx;
    struct port port;
    const struct e1000_chip *chip;
    uint8_t *regs;
    struct pci_function *pci;
    uint32_t rctl; /* as last written */
    bool gone;   /* told that registers read all ones */
    uint64_t counters[E1000_COUNTERS_COUNT];
    char name[sizeof "e1000e " + PCI_BDF_LEN];
};

static inline uint32_t e1000_read(const struct e1000 *e, uint32_t reg)
{
    return mmio_read32(e->regs + reg);
}

static inline void e1000_write(const struct e1000 *e, uint32_t reg, uint32_t value)
{
    mmio_write32(e->regs + reg, value);
}

/* Writes are posted (unread: PCI 3.0 3.2.5); a read of the same device pushes them out. */
static inline void e1000_flush(const struct e1000 *e)
{
    (void)e1000_read(e, E1000_STATUS);
}

/* Waits until the masked register has the wanted value; 0, or -ETIMEDOUT with a log line. */
int e1000_wait(const struct e1000 *e, const char *name, uint32_t reg, uint32_t mask,
               uint32_t wanted, uint64_t limit_us);
/* False, and told once, of a device that left the bus. */
bool e1000_answers(struct e1000 *e);
/* What every reset begins with: no interrupts, both units off, what is under way done. */
void e1000_quiet(struct e1000 *e);
/* CTRL.RST, then the time in which nothing may be read, then its end: 0 or -EIO. */
int e1000_pull_reset(struct e1000 *e);

/* For PCI_DRIVER rows: a port over this chip, and its end. */
int e1000_probe_chip(struct pci_function *f, const struct e1000_chip *chip);
void e1000_remove(struct pci_function *f);
