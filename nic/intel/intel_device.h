/* intel_device.h - a function of one of Intel's NICs, as its drivers have it alike: registers and
 * waits for them, reset, address, NVM, statistics.
 *
 * What a family does with other registers, in the same form, is told in its struct intel_chip.
 * Waits are bounded, and yield to the poll loop: for the operations of a port that may wait and
 * its service() (nic/port.h), never for poll() or link().
 *
 * Sections in nic/intel: "unread: 82576 DS 8.14" is remembered, nobody here had that page (which
 * pages somebody had: docs/sources.md); what it says of registers agrees with Intel's own drivers
 * and, of the 82576, with QEMU's model. */
#pragma once

#include "kernel/log.h"
#include "kernel/mmio.h"
#include "nic/intel/intel_regs.h"
#include "nic/port.h"
#include "pci/pci.h"

#include <stdbool.h>
#include <stdint.h>

/* Statistics: a register that reading clears, and that sticks at all ones when full. */
struct intel_counter {
    const char *name; /* NULL: the table ends */
    uint16_t offset;
    uint8_t chips; /* who has it and is asked for it, a bit each: intel_chip.counts */
    uint8_t adds;  /* enum intel_sum */
};

/* What of a port's device statistics a counter is part of; the first two of nothing.  WIDE: 64
 * bits, of which the upper half, which clears both, is read last (8254x SDM 13.7.31). */
enum intel_sum {
    INTEL_SHOWN,
    INTEL_WIDE,
    INTEL_RX_MISSED,
    INTEL_RX_ERRORS,
    INTEL_TX_ERRORS,
    INTEL_SUMS
};

#define INTEL_COUNTERS_MAX 64u

/* The statistics of the 1 Gb/s chips (intel_counters.c). */
extern const struct intel_counter intel_counters[];
#define INTEL_COUNTS_8254X 1u /* and the 82574 */
#define INTEL_COUNTS_82576 2u /* and the I350 */

/* What differs between families but has one form.  Lists of registers end with 0. */
struct intel_chip {
    uint32_t interrupts[4];  /* Interrupt Mask Clear: written with ones, nothing interrupts */
    uint32_t units[3];       /* written with 0, the receiver and the transmitter are off */
    bool express;            /* PCI Express: CTRL.MASTER_DISABLE, STATUS.MASTER */
    uint32_t reset_settle_us; /* from CTRL.RST to the first access */
    uint32_t eerd, eerd_done; /* NVM Read, and its bit: done */
    uint32_t eerd_address;    /* where the word's number goes; the start bit is bit 0 */
    uint32_t swsm, sync;      /* SWSM and SW_FW_SYNC */
    uint32_t sync_firmware;   /* of SW_FW_SYNC: how much higher firmware's bits are */
    uint32_t sync_semaphore;  /* and the bit that reading takes; 0: SWSM.SWESMBI does that */
    const struct intel_counter *counters;
    uint8_t counts; /* INTEL_COUNTS_... */
};

struct intel_device {
    uint8_t *regs; /* NULL: not mapped */
    struct pci_function *pci;
    const struct intel_chip *chip;
    bool gone;     /* told that registers read all ones */
    uint32_t rctl; /* as last written */
    uint64_t counters[INTEL_COUNTERS_MAX];
    char name[sizeof "e1000e " + PCI_BDF_LEN]; /* for the log */
};

/* chip NULL: a virtual function, which has none of what that tells. */
void intel_device_init(struct intel_device *d, const char *driver, struct pci_function *f,
                       const struct intel_chip *chip);
/* Enables the function and maps its registers: NULL, or what went wrong. */
const char *intel_device_map(struct intel_device *d, unsigned bar, size_t size);

/* Registers ------------------------------------------------------------------ */

static inline uint32_t intel_read(const struct intel_device *d, uint32_t reg)
{
    return mmio_read32(d->regs + reg);
}

static inline void intel_write(const struct intel_device *d, uint32_t reg, uint32_t value)
{
    mmio_write32(d->regs + reg, value);
}

static inline void intel_change(const struct intel_device *d, uint32_t reg, uint32_t clear,
                                uint32_t set)
{
    intel_write(d, reg, (intel_read(d, reg) & ~clear) | set);
}

/* Writes are posted (unread: PCI 3.0 3.2.5); a read of the same device pushes them out. */
static inline void intel_flush(const struct intel_device *d)
{
    (void)intel_read(d, INTEL_STATUS);
}

/* Waits until the masked register has the wanted value: 0, or -ETIMEDOUT with a log line of this
 * level.  `name`: for the line. */
int intel_wait(const struct intel_device *d, enum log_level level, const char *name, uint32_t reg,
               uint32_t mask, uint32_t wanted, uint64_t limit_us);
/* The same of a register somewhere, of the device that is called so. */
int intel_wait_at(enum log_level level, const char *device, const char *name, uint8_t *reg,
                  uint32_t mask, uint32_t wanted, uint64_t limit_us);

/* STATUS of a 1 Gb/s chip; 0, nothing up, of a device that left the bus: then `gone` is set, and
 * the log was told, once.  Such a one answers all ones, which STATUS never is: some of its bits
 * are reserved as 0. */
uint32_t intel_status(struct intel_device *d);
/* False, and told once, of a device that left the bus, or whose registers were never mapped. */
bool intel_answers(struct intel_device *d);

/* Reset ---------------------------------------------------------------------- */

#define INTEL_DRAIN_US 100u /* a 9 KiB frame under way takes 74 us at 1 Gb/s */

/* What a reset begins with: no interrupts, both units off, what was under way done, and no
 * requests on PCI Express.  What does not come to rest is told (false), and is no reason not to
 * reset. */
bool intel_quiesce(struct intel_device *d);
/* CTRL.RST, then the time in which nothing may be read, then its end: 0 or -EIO, logged.  The
 * NVM is being read still. */
int intel_pull_reset(struct intel_device *d);
/* What a reset ends with, and begins with. */
void intel_mask_interrupts(const struct intel_device *d);

/* Semaphores (intel_semaphore.c) ----------------------------------------------- */

/* What SW_FW_SYNC has these bits for, of software and firmware; 0 or -EBUSY, logged. */
int intel_lock(const struct intel_device *d, uint32_t what);
void intel_unlock(const struct intel_device *d, uint32_t what);

/* Address and NVM ------------------------------------------------------------ */

/* A word of the NVM: 0 or -ETIMEDOUT, logged. */
int intel_nvm_read(const struct intel_device *d, uint32_t word, uint32_t *value);

/* A receive address, RAL at `ral` and RAH behind it.  False: not valid, or no station's. */
bool intel_mac_read(const struct intel_device *d, uint32_t ral, uint8_t mac[MAC_LEN]);
/* Never valid with half an old address in it; `flags`: what else of RAH.  NULL: none. */
void intel_mac_write(const struct intel_device *d, uint32_t ral, const uint8_t *mac,
                     uint32_t flags);
/* The address of the NVM's words 0 to 2, low byte first (8254x SDM 5.6.1; unread: 82576 DS
 * 6.2.1).  False: it does not answer, which is logged, or that is no station's. */
bool intel_mac_of_nvm(const struct intel_device *d, uint8_t mac[MAC_LEN]);

/* Statistics ------------------------------------------------------------------- */

/* Adds what was counted since the last time; nothing of a device that left the bus. */
void intel_counters_collect(struct intel_device *d);
/* What was counted until now is none of ours. */
void intel_counters_forget(struct intel_device *d);
/* As collected last. */
void intel_counters_stats(const struct intel_device *d, struct port_device_stats *stats);
/* One row each, into rows[i] and on; how many there are then. */
unsigned intel_counters_rows(const struct intel_device *d, struct port_counter *rows, unsigned i,
                             unsigned n);

/* A register of 32 bits that wraps, as those of VFs do.  A step of more than half the range is no
 * wrap but a chip that began anew without our seeing it. */
struct intel_wrapping {
    uint32_t last;
    uint64_t total;
};

static inline void intel_wrapping_add(struct intel_wrapping *c, uint32_t now)
{
    uint32_t step = now - c->last;
    c->total += step > INT32_MAX ? now : step;
    c->last = now;
}
