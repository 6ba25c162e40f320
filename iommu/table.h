/* table.h - translation tables: what one device may reach.
 *
 * Two formats with one shape, 512 entries of 8 bytes a level: second-stage
 * (VT-d 3.7, 9.8) and first-stage (VT-d 3.6, 9.7), whose entries are those of the
 * CPU's own paging.  Pure memory: the unit is told by whoever changes a table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IOMMU_READ 0x1u  /* the device may read */
#define IOMMU_WRITE 0x2u /* the device may write */

/* How an entry says what it says. */
struct iommu_format {
    const char *name;
    uint64_t present;     /* any of these bits: the entry is not empty */
    uint64_t table;       /* bits of an entry that points to a table */
    uint64_t leaf[4];     /* bits of an entry that maps memory, by IOMMU_READ | IOMMU_WRITE */
    uint64_t read, write; /* what tells the permissions of a leaf */
    uint8_t sign_bits;    /* top bits of the reach that must be 0 for us */
};
extern const struct iommu_format iommu_second_stage;
/* There is no write without read: what asks for it gets both. */
extern const struct iommu_format iommu_first_stage;

struct iommu_shape {
    const struct iommu_format *format;
    uint8_t levels;     /* 3, 4 or 5 */
    uint8_t width;      /* addresses are narrower than this many bits; 0: what the levels reach */
    bool large_2m;      /* pages a leaf may have */
    bool large_1g;
    bool coherent;      /* the unit snoops the CPU's caches while it walks */
};

struct iommu_table {
    struct iommu_shape shape;
    uint64_t *root;  /* NULL: not made yet */
    size_t pages;    /* tables in use, for `show iommu` */
    uint64_t mapped; /* bytes a device can reach through it */
};

/* An empty table: nothing is reachable.  0 or -ENOMEM. */
int iommu_table_init(struct iommu_table *t, const struct iommu_shape *shape);
void iommu_table_destroy(struct iommu_table *t);

/* Whole pages, in the largest page sizes that fit.  0; -EINVAL: not whole pages,
 * out of the table's reach, no permission named; -EEXIST: part of the range is
 * mapped already; -ENOMEM.  On failure the table maps what it did before. */
int iommu_table_map(struct iommu_table *t, uint64_t iova, uint64_t pa, uint64_t size,
                    unsigned access);
/* Takes away exactly what one iommu_table_map() gave.  The caller invalidates
 * the unit's caches afterwards, and only then reuses the memory.  Empty tables
 * stay until iommu_table_destroy(): the unit may still be walking them. */
void iommu_table_unmap(struct iommu_table *t, uint64_t iova, uint64_t size);
/* Where a device's access to iova ends up: 0 and *pa, *access; -EFAULT: nowhere. */
int iommu_table_lookup(const struct iommu_table *t, uint64_t iova, uint64_t *pa, unsigned *access);

/* Writes what the CPU has cached of [p, p+size) to memory, for a unit that does
 * not snoop. */
void iommu_write_back(const void *p, size_t size);
