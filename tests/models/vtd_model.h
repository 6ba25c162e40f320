/* vtd_model.h - a remapping unit that forgives nothing.
 *
 * Registers, invalidation queue, caches and fault recording as VT-d rev. 5.10
 * has them.  Its caches really cache: a missing invalidation shows as a stale
 * translation.  Rules that software must keep and a unit need not enforce are
 * watched; the first one that is broken is `complaint`. */
#pragma once

#include "tests/models/vtd_walk.h"

#include <stdbool.h>
#include <stdint.h>

#define VTD_MODEL_CACHE 64

/* CAP and ECAP as QEMU 10.0.2's intel-iommu shows them (intremap=on,caching-mode=off):
 * 3 and 4 levels, 48 bits, 2M and 1G pages, one fault record, queue, interrupts. */
#define VTD_MODEL_CAP 0x00d2008c222f0606ull
#define VTD_MODEL_ECAP 0x0000000000f00f4aull
#define VTD_MODEL_CM (1ull << 7)
#define VTD_MODEL_RWBF (1ull << 4)
#define VTD_MODEL_QI (1ull << 1) /* ECAP */
#define VTD_MODEL_DT (1ull << 2)
#define VTD_MODEL_DIT (1ull << 41)
#define VTD_MODEL_IR (1ull << 3)
#define VTD_MODEL_SCALABLE (1ull << 43 | 1ull << 46)
#define VTD_MODEL_FIRST (1ull << 43 | 1ull << 47)

struct vtd_model {
    /* Set by the test after vtd_model_init(). */
    uint64_t cap, ecap;
    uint32_t version;
    unsigned delay;          /* reads of a status until it follows */
    uint32_t stuck;          /* GSTS bits that never follow */
    bool queue_stuck;        /* descriptors are never fetched */
    unsigned refuse_type;    /* a descriptor of this type the unit does not understand, as
                              * long as it stands there */
    bool device_silent;      /* device TLB invalidations time out, once */
    bool register_refuses;   /* register invalidations do nothing and say so */

    /* What to look at. */
    const char *complaint;   /* NULL: no rule was broken */
    unsigned write_buffer_flushes, context_flushes, iotlb_flushes, device_flushes,
        interrupt_flushes, pasid_flushes;
    uint16_t flushed_device, flushed_physical; /* by the last device TLB invalidation */
    bool was_off;            /* translation was turned off */
    uint8_t delivered_vector; /* by the last interrupt, and to which APIC ID; 0: it was refused */
    uint32_t delivered_to;

    /* Registers. */
    uint64_t base;
    uint32_t gsts, gsts_next, fsts, fectl, pmen;
    uint64_t rtaddr, ccmd, iotlb, iqh, iqt, iqa, irta;
    struct {
        uint64_t low, high;
    } fault[256];
    unsigned fault_next;
    unsigned wait;           /* reads until a pending change is there */
    uint64_t refused;        /* where it stands, plus 1 */
    bool aborted;            /* waits are dropped until ITE is cleared */

    /* What is in force, and what was cached of it. */
    uint64_t root, interrupt_table;
    struct {
        bool used;           /* by the context cache */
        bool pasid_used;     /* by the PASID cache: both must forget (6.5.2.1, 6.5.2.2) */
        uint16_t requester;
        uint8_t reason;
        struct walk_context context;
    } context[VTD_MODEL_CACHE];
    struct {
        bool used;
        struct walk_context context;
        uint64_t iova;
        uint8_t reason;
        struct walk_page page;
    } page[VTD_MODEL_CACHE];
    unsigned context_next, page_next;
    bool pages_owed;         /* contexts were forgotten, translations not yet */
};

/* A unit at rest at `base`, with VTD_MODEL_CAP and VTD_MODEL_ECAP; its registers
 * answer at once.  After host_reset(). */
void vtd_model_init(struct vtd_model *m, uint64_t base);
/* As firmware might leave it: translating through `root` (as in RTADDR), its
 * queue on, interrupts remapped, memory protected. */
void vtd_model_leave_on(struct vtd_model *m, uint64_t root);

/* A request of a device.  0 and *pa, or the reason; a fault is recorded. */
uint8_t vtd_model_dma(struct vtd_model *m, uint16_t requester, uint64_t iova, bool write,
                      uint64_t *pa);
/* An interrupt request in remappable format (5.1.2.2); 0: it would be delivered. */
uint8_t vtd_model_interrupt(struct vtd_model *m, uint16_t requester, uint16_t index);
/* One in compatibility format. */
uint8_t vtd_model_compatibility(struct vtd_model *m, uint16_t requester);
/* Records a fault as it comes (7.2.1). */
void vtd_model_fault(struct vtd_model *m, uint8_t reason, uint16_t requester, uint64_t low,
                     bool write);
