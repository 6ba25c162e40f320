/* dmar.h - the firmware's DMA remapping table, parsed and checked.
 *
 * Source: Intel Virtualization Technology for Directed I/O, Architecture
 * Specification, rev. 5.10 (VT-d), chapter 8.  A pure function over bytes that
 * firmware wrote: lengths, loops and overlaps are refused as a whole, because a
 * table that is half believed protects half the devices. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DMAR_UNITS_MAX 32u
#define DMAR_REGIONS_MAX 32u
#define DMAR_SCOPES_MAX 256u
#define DMAR_PATH_MAX 8u /* bridges between a root bus and a device */

enum dmar_scope_type { /* VT-d 8.3.1 */
                       DMAR_SCOPE_ENDPOINT = 1,
                       DMAR_SCOPE_BRIDGE = 2, /* the bridge and all below it */
                       DMAR_SCOPE_IOAPIC = 3,
                       DMAR_SCOPE_HPET = 4,
                       DMAR_SCOPE_NAMESPACE = 5, /* named by an ANDD entry */
};

struct dmar_scope {
    uint8_t type, start_bus, path_length;
    struct {
        uint8_t device, function;
    } path[DMAR_PATH_MAX];
};

/* A run of dmar.scopes. */
struct dmar_scopes {
    uint16_t first, count;
};

struct dmar_unit { /* DRHD, VT-d 8.3 */
    uint64_t base; /* register window */
    uint64_t size;
    uint16_t segment;
    bool include_all; /* every function of the segment no other unit names */
    struct dmar_scopes scopes;
};

struct dmar_region {      /* RMRR, VT-d 8.4: memory a device keeps using */
    uint64_t base, limit; /* inclusive, page-aligned */
    uint16_t segment;
    struct dmar_scopes scopes;
};

struct dmar_ats { /* ATSR, VT-d 8.5, and SATC, VT-d 8.8 */
    uint16_t segment;
    bool all_ports;  /* ATSR only */
    bool integrated; /* this is a SATC row: scopes are endpoints */
    struct dmar_scopes scopes;
};

struct dmar {
    uint8_t address_width; /* bits of physical address DMA can reach */
    bool interrupt_remapping;
    unsigned units, regions, ats, scopes_used;
    struct dmar_unit unit[DMAR_UNITS_MAX];
    struct dmar_region region[DMAR_REGIONS_MAX];
    struct dmar_ats at[DMAR_REGIONS_MAX];
    struct dmar_scope scope[DMAR_SCOPES_MAX];
    unsigned names; /* ANDD rows, VT-d 8.7 */
};

/* 0, or -EINVAL with *why saying in one phrase what was refused. */
int dmar_parse(struct dmar *dmar, const void *table, size_t length, const char **why);
