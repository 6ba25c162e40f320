/* iommu.h - the fence: what each device may reach, and what happened when one tried more.
 *
 * Order of life: iommu_init() reads the DMAR table and takes over every unit,
 * with nothing reachable by anybody; a function that a driver wants is attached
 * (its own domain, its reserved regions), from then on dma_alloc() and
 * dma_share() for its struct dma_device map into that domain, and only then
 * does its bus mastering go on.  iommu_detach() after bus mastering is off.
 * Control task only.
 *
 * Source: Intel Virtualization Technology for Directed I/O, Architecture
 * Specification, rev. 5.10 (VT-d). */
#pragma once

#include "kernel/dma.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IOMMU_DEPTH_MAX 8u
#define IOMMU_ALIASES_MAX 4u

/* Where a function sits: the way from its root bus down to itself, and the
 * other requester IDs its transactions may carry (VT-d 3.12.1: behind a
 * PCIe-to-PCI bridge they carry the bridge's).  A virtual function has the way
 * of its physical function (VT-d 8.3.3), and its own requester ID in struct
 * dma_device.  pci/ fills it. */
struct iommu_place {
    uint16_t segment;
    uint8_t depth; /* elements below; the last is the function */
    struct {
        uint8_t bus, devfn;
    } way[IOMMU_DEPTH_MAX];
    uint8_t aliases;
    uint16_t alias[IOMMU_ALIASES_MAX]; /* bus << 8 | devfn, the function's own left out */
    bool trusted; /* may keep translations in a TLB of its own (ATS) */
};

/* Takes over every unit of the DMAR table, after the bus scan has switched bus
 * mastering off: 0; -ENODEV: there is no table, or it was refused (told in the
 * log): no device is fenced.  -EIO: a unit did not obey; the ones that did stay
 * in force, its devices cannot be attached. */
int iommu_init(void);
bool iommu_present(void); /* at least one unit translates */
void iommu_reset(void);   /* tests: translation off, everything forgotten */

/* Makes dev a domain of its own, or joins the domain of a device with which it
 * shares a requester ID.  0; -ENODEV: no unit covers it, it is unfenced; -EIO:
 * its unit failed, or does not obey; -ENOMEM; -ENOSPC: the unit has no domain
 * ID left; -EBUSY: its requester IDs belong to different domains already. */
int iommu_attach(struct dma_device *dev, const struct iommu_place *place);
/* What was mapped for dev goes; after it no access of dev lands. */
void iommu_detach(struct dma_device *dev);
/* True: the device may now be told to keep translations (ATS Enable).  The unit
 * asks it to forget them with every unmap; a device that does not answer in
 * time is told in the log, and the memory is not used again. */
bool iommu_device_tlb(const struct dma_device *dev);

/* Interrupts -------------------------------------------------------------------- */

#define IOMMU_INTERRUPTS_MAX 16u /* of a device */

struct cpu_message;
/* What a device is to write, and where, so that a CPU is interrupted. */
struct iommu_message {
    uint64_t address;
    uint32_t data;
};
/* For the device's interrupt `number`; again: from now on it goes there.  Where its unit remaps
 * interrupts, an entry of the table that no other device may use, until it is detached.  0;
 * -ENOSPC: no entry is left; -ENOTSUP: the CPU cannot be named, or the device's requests carry
 * others' IDs; -EIO. */
int iommu_interrupt(struct dma_device *dev, unsigned number, const struct cpu_message *cpu,
                    struct iommu_message *message);

/* Faults --------------------------------------------------------------------- */

struct iommu_fault {
    uint32_t requester_id; /* segment << 16 | bus << 8 | devfn */
    uint64_t address;      /* the page, or the interrupt index << 48 */
    uint8_t reason;
    bool write;     /* else a read */
    bool interrupt; /* an interrupt request, reasons 20h to 26h */
};

/* Collects what the units recorded; called from the control slice as often as it
 * likes, the units are asked once a millisecond.  Each fault is counted, at most
 * one line a second and device is logged, and the handler hears of it. */
void iommu_poll(uint64_t now_us);
void iommu_set_fault_handler(void (*handler)(const struct iommu_fault *fault));
const char *iommu_fault_text(uint8_t reason); /* with its section; never NULL */
uint64_t iommu_fault_count(uint32_t requester_id);

/* For `show iommu` -------------------------------------------------------------- */

struct iommu_unit_info {
    uint64_t base, capability, extended_capability;
    uint16_t segment;
    uint8_t version_major, version_minor, levels;
    bool include_all, translating, failed, scalable, first_stage, queued, interrupt_remapping,
        compatibility_blocked, pages_2m, pages_1g, coherent;
    unsigned domains, interrupts; /* entries of the interrupt table that are present */
    uint64_t faults, overflows, queue_errors;
};
bool iommu_unit_info(unsigned index, struct iommu_unit_info *info);

struct iommu_device_info {
    uint32_t requester_id;
    uint16_t domain;
    uint64_t mapped;           /* bytes reachable */
    size_t tables;             /* pages of translation tables */
    unsigned reserved_regions; /* RMRRs mapped for it */
    bool device_tlb;
    uint64_t faults;
};
bool iommu_device_info(unsigned index, struct iommu_device_info *info);
