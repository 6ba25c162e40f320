/* vtd.h - one VT-d remapping unit.  Only iommu/ includes this.
 *
 * vtd.c starts it (or takes it over), invalidate.c makes it forget what it
 * cached, context.c says which device translates through which table,
 * interrupt.c which may interrupt whom, and fault.c collects what it refused. */
#pragma once

#include "iommu/table.h"
#include "iommu/vtd_regs.h"
#include "kernel/mmio.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vtd_unit {
    /* From the DMAR table, before vtd_start(). */
    uint64_t base; /* registers, physical */
    uint64_t size; /* of their window */
    uint16_t segment;
    uint8_t address_width; /* of the platform's memory, in bits */
    bool may_remap_interrupts;

    uint8_t *regs;
    uint32_t version;
    uint64_t cap, ecap;
    struct iommu_shape shape; /* of every device's table */
    bool queued, caching, write_flush;
    bool coherent; /* the unit snoops what we write for it, page tables apart */
    bool scalable;
    bool translating, remapping_interrupts;
    bool failed;          /* did not obey once: nothing is attached to it any more */
    uint64_t *root;       /* one page: an entry a bus */
    uint64_t *interrupts; /* one page: interrupt remapping entries */

    uint64_t *queue;         /* one page of invalidation descriptors */
    uint32_t tail;           /* next free one, reduced */
    volatile uint32_t *done; /* one page: wait descriptors write here */
    uint32_t done_next;      /* what they write next */
    uint64_t queue_errors;

    uint64_t faults, overflows; /* fault.c */
};

static inline uint32_t vtd_read32(const struct vtd_unit *u, uint32_t reg)
{
    return mmio_read32(u->regs + reg);
}

static inline void vtd_write32(const struct vtd_unit *u, uint32_t reg, uint32_t value)
{
    mmio_write32(u->regs + reg, value);
}

static inline uint64_t vtd_read64(const struct vtd_unit *u, uint32_t reg)
{
    return mmio_read64(u->regs + reg);
}

static inline void vtd_write64(const struct vtd_unit *u, uint32_t reg, uint64_t value)
{
    mmio_write64(u->regs + reg, value);
}

/* vtd.c ----------------------------------------------------------------------- */

/* Reads capabilities, sets an empty root table and turns translation on: nothing
 * is reachable by anybody.  A unit that was left translating stays so throughout.
 * 0; -ENOTSUP: a unit we cannot use; -ENOMEM; -EIO: it did not obey (and
 * u->failed).  On failure nothing is undone that would open what is closed. */
int vtd_start(struct vtd_unit *u);
/* Translation off and memory given back: tests, and nobody else. */
void vtd_stop(struct vtd_unit *u);
/* One command bit on or off, seen in the status.  0 or -EIO. */
int vtd_command(struct vtd_unit *u, uint32_t bit, bool on);
/* Before the unit may look at changed structures (VT-d 6.8).  0 or -EIO. */
int vtd_flush_write_buffer(struct vtd_unit *u);
/* A zeroed page that the unit can read; NULL: no memory. */
void *vtd_page_new(const struct vtd_unit *u);
void vtd_write_back(const struct vtd_unit *u, const void *p, size_t size);

/* context.c ------------------------------------------------------------------- */

/* Makes requester (bus << 8 | devfn) translate through table as `domain`, with
 * the invalidations that follow.  0, -ENOMEM, -EIO. */
int vtd_set_context(struct vtd_unit *u, uint16_t requester, const struct iommu_table *table,
                    uint16_t domain, bool device_tlb);
/* The requester reaches nothing any more.  -EIO: the unit did not confirm it,
 * and may use the old tables for ever. */
int vtd_clear_context(struct vtd_unit *u, uint16_t requester);
void vtd_free_contexts(struct vtd_unit *u); /* vtd_stop() */

/* interrupt.c ------------------------------------------------------------------ */

struct cpu_message;
/* An entry of the unit's interrupt table that nobody has; 0: there is none. */
uint16_t vtd_free_interrupt(const struct vtd_unit *u);
/* A request that names the entry interrupts that CPU, if it is this requester's; nobody else's
 * does.  0, -ENOTSUP (the CPU cannot be named), -EIO. */
int vtd_set_interrupt(struct vtd_unit *u, uint16_t index, uint16_t requester,
                      const struct cpu_message *cpu);
void vtd_clear_interrupt(struct vtd_unit *u, uint16_t index);
unsigned vtd_count_interrupts(const struct vtd_unit *u); /* entries that are present */

/* invalidate.c ------------------------------------------------------------------ */

/* All: 0; -EIO: not confirmed within its limit, or refused. */
int vtd_queue_start(struct vtd_unit *u); /* no effect on a unit without a queue */
int vtd_queue_stop(struct vtd_unit *u);
int vtd_flush_contexts(struct vtd_unit *u); /* and PASID tables */
int vtd_flush_all(struct vtd_unit *u);
/* After entries of a domain's table were taken away. */
int vtd_flush_domain(struct vtd_unit *u, uint16_t domain);
/* After entries were given: only caching mode and write buffers want anything. */
int vtd_flush_new(struct vtd_unit *u, uint16_t domain);
int vtd_flush_interrupts(struct vtd_unit *u);
/* The device's own copies of translations, after vtd_flush_domain(); physical is
 * the requester, or the physical function of a virtual one.  -ETIMEDOUT: the
 * device did not answer the unit in time. */
int vtd_flush_device(struct vtd_unit *u, uint16_t requester, uint16_t physical);

/* fault.c ------------------------------------------------------------------------ */

/* Takes the records the unit has; each is counted, logged within limits, told. */
void vtd_take_faults(struct vtd_unit *u, uint64_t now_us);
void vtd_drop_faults(struct vtd_unit *u); /* those of whoever was here before us */
void iommu_forget_faults(void);           /* iommu_reset() */
