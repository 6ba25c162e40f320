/* vtd_walk.h - what a remapping unit does with a request, by its specification
 * alone: an independent reading of the tables that iommu/ builds.
 *
 * Source: VT-d rev. 5.10, chapters 3, 7 and 9. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Fault reasons that the walker tells (VT-d 7.1.3). */
enum {
    WALK_OK = 0,
    WALK_ROOT_ABSENT = 0x1,
    WALK_CONTEXT_ABSENT = 0x2,
    WALK_CONTEXT_INVALID = 0x3,
    WALK_BEYOND = 0x4,
    WALK_NO_WRITE = 0x5,
    WALK_NO_READ = 0x6,
    WALK_ROOT_RESERVED = 0xa,
    WALK_CONTEXT_RESERVED = 0xb,
    WALK_PAGE_RESERVED = 0xc,
    WALK_BLOCKED = 0xd,
    WALK_SM_ROOT_ABSENT = 0x39,
    WALK_SM_ROOT_RESERVED = 0x3a,
    WALK_SM_CONTEXT_ABSENT = 0x41,
    WALK_SM_CONTEXT_RESERVED = 0x42,
    WALK_SM_DIRECTORY_ABSENT = 0x51,
    WALK_SM_DIRECTORY_RESERVED = 0x52,
    WALK_SM_PASID_ABSENT = 0x59,
    WALK_SM_PASID_RESERVED = 0x5a,
    WALK_SM_PASID_INVALID = 0x5b,
    WALK_SM_FS_ABSENT = 0x71,
    WALK_SM_FS_RESERVED = 0x72,
    WALK_SM_SS_RESERVED = 0x7a,
    WALK_SM_NOT_CANONICAL = 0x80,
    WALK_SM_SUPERVISOR = 0x81,
    WALK_SM_BEYOND = 0x83,
    WALK_SM_NO_WRITE = 0x85,
    WALK_SM_NO_READ = 0x86,
};

/* Where a requester's translations come from. */
struct walk_context {
    uint16_t domain;
    bool scalable, first_stage, device_tlb;
    uint8_t levels;
    uint64_t table;
};

struct walk_page {
    uint64_t pa; /* of the page */
    uint64_t size;
    bool read, write;
};

/* The root and context tables (and PASID tables, for requests without PASID)
 * under a root table address as RTADDR has it: WALK_OK or the fault's reason. */
uint8_t walk_requester(uint64_t rtaddr, uint64_t cap, uint16_t requester,
                       struct walk_context *context);
/* The page tables of one: WALK_OK, or the reason; permissions are the caller's to judge. */
uint8_t walk_table(const struct walk_context *context, uint64_t cap, uint64_t iova,
                   struct walk_page *page);
