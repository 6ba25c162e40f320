/* table.c - translation tables (table.h). */
#include "iommu/table.h"

#include "iommu/vtd_regs.h"
#include "kernel/compiler.h"
#include "kernel/memory.h"

#include <errno.h>
#include <string.h>

/* VT-d 9.8: bits 0 and 1 permit, and an entry without either is empty. */
const struct iommu_format iommu_second_stage = {
    .name = "second stage",
    .present = VTD_SS_READ | VTD_SS_WRITE,
    .table = VTD_SS_READ | VTD_SS_WRITE,
    .leaf = { [IOMMU_READ] = VTD_SS_READ,
              [IOMMU_WRITE] = VTD_SS_WRITE,
              [IOMMU_READ | IOMMU_WRITE] = VTD_SS_READ | VTD_SS_WRITE },
    .read = VTD_SS_READ,
    .write = VTD_SS_WRITE,
};

/* VT-d 9.7.  Requests without PASID are user requests (9.4, RID_PRIV = 0), so every
 * entry is a user entry (3.6.1); accessed and dirty are set from the start, so that
 * the unit never writes to the tables.  Addresses are canonical (3.6): ours stay in
 * the lower half. */
#define FS_COMMON (VTD_FS_PRESENT | VTD_FS_USER | VTD_FS_ACCESSED)
#define FS_WRITABLE (FS_COMMON | VTD_FS_WRITE | VTD_FS_DIRTY)
const struct iommu_format iommu_first_stage = {
    .name = "first stage",
    .present = VTD_FS_PRESENT,
    .table = FS_COMMON | VTD_FS_WRITE,
    .leaf = { [IOMMU_READ] = FS_COMMON,
              [IOMMU_WRITE] = FS_WRITABLE,
              [IOMMU_READ | IOMMU_WRITE] = FS_WRITABLE },
    .read = VTD_FS_PRESENT,
    .write = VTD_FS_WRITE,
    .sign_bits = 1,
};

static unsigned level_shift(unsigned level)
{
    return 12 + 9 * level;
}

static uint64_t level_span(unsigned level)
{
    return 1ull << level_shift(level);
}

void iommu_write_back(const void *p, size_t size)
{
    const char *line = (const char *)ALIGN_DOWN((uintptr_t)p, (uintptr_t)CACHE_LINE);
    for (; line < (const char *)p + size; line += CACHE_LINE)
        __builtin_ia32_clflush(line);
}

static void write_entry(const struct iommu_table *t, uint64_t *entry, uint64_t value)
{
    store_release(entry, value);
    if (!t->shape.coherent)
        iommu_write_back(entry, sizeof *entry);
}

static uint64_t *table_new(struct iommu_table *t)
{
    uint64_t *table = page_alloc(PAGE_SIZE, PAGE_SIZE, 0);
    if (!table)
        return NULL;
    memset(table, 0, PAGE_SIZE);
    if (!t->shape.coherent)
        iommu_write_back(table, PAGE_SIZE);
    t->pages++;
    return table;
}

static bool is_present(const struct iommu_table *t, uint64_t entry)
{
    return entry & t->shape.format->present;
}

/* Bit 7 of both formats (VT-d 9.7, 9.8), above the lowest level. */
static bool is_leaf(uint64_t entry, unsigned level)
{
    return level == 0 || (entry & VTD_LARGE);
}

static uint64_t *table_at(uint64_t entry)
{
    return (uint64_t *)(uintptr_t)(entry & VTD_ADDRESS);
}

static uint64_t *entry_of(uint64_t *table, unsigned level, uint64_t iova)
{
    return &table[iova >> level_shift(level) & 511];
}

int iommu_table_init(struct iommu_table *t, const struct iommu_shape *shape)
{
    *t = (struct iommu_table){ .shape = *shape };
    t->root = table_new(t);
    return t->root ? 0 : -ENOMEM;
}

static void destroy_level(const struct iommu_table *t, uint64_t *table, unsigned level)
{
    for (unsigned i = 0; level && i < 512; i++)
        if (is_present(t, table[i]) && !is_leaf(table[i], level))
            destroy_level(t, table_at(table[i]), level - 1);
    page_free(table, PAGE_SIZE);
}

void iommu_table_destroy(struct iommu_table *t)
{
    if (t->root)
        destroy_level(t, t->root, t->shape.levels - 1u);
    *t = (struct iommu_table){ 0 };
}

static bool leaf_fits(const struct iommu_table *t, unsigned level, uint64_t iova, uint64_t pa,
                      uint64_t size)
{
    if (level > 2 || (level == 2 && !t->shape.large_1g) || (level == 1 && !t->shape.large_2m))
        return false;
    return size >= level_span(level) && !((iova | pa) & (level_span(level) - 1));
}

/* Maps one leaf, as large as fits, and tells its size.  -ENOMEM, -EEXIST. */
static int map_leaf(struct iommu_table *t, uint64_t iova, uint64_t pa, uint64_t size,
                    unsigned access, uint64_t *mapped)
{
    const struct iommu_format *f = t->shape.format;
    uint64_t *table = t->root;
    for (unsigned level = t->shape.levels - 1u;; level--) {
        uint64_t *entry = entry_of(table, level, iova);
        bool present = is_present(t, *entry);
        if (present && is_leaf(*entry, level))
            return -EEXIST;
        if (!present && leaf_fits(t, level, iova, pa, size)) {
            write_entry(t, entry, pa | f->leaf[access] | (level ? VTD_LARGE : 0));
            *mapped = level_span(level);
            return 0;
        }
        if (!present) {
            uint64_t *below = table_new(t);
            if (!below)
                return -ENOMEM;
            write_entry(t, entry, (uintptr_t)below | f->table);
        }
        table = table_at(*entry);
    }
}

static bool in_reach(const struct iommu_table *t, uint64_t iova, uint64_t size)
{
    unsigned bits = 12u + 9u * t->shape.levels - t->shape.format->sign_bits;
    if (t->shape.width && t->shape.width < bits)
        bits = t->shape.width;
    return size && size <= 1ull << bits && iova <= (1ull << bits) - size;
}

int iommu_table_map(struct iommu_table *t, uint64_t iova, uint64_t pa, uint64_t size,
                    unsigned access)
{
    uint64_t done = 0, leaf = 0;
    if (((iova | pa | size) & (PAGE_SIZE - 1)) || !in_reach(t, iova, size) || !access ||
        (access & ~(IOMMU_READ | IOMMU_WRITE)) || (pa & ~VTD_ADDRESS) ||
        size - 1 > VTD_ADDRESS - pa)
        return -EINVAL;
    for (; done < size; done += leaf) {
        int e = map_leaf(t, iova + done, pa + done, size - done, access, &leaf);
        if (e) {
            t->mapped += done;
            iommu_table_unmap(t, iova, done);
            return e;
        }
    }
    t->mapped += size;
    return 0;
}

/* The entry that maps iova, and its level; NULL: none. */
static uint64_t *find_leaf(const struct iommu_table *t, uint64_t iova, unsigned *level)
{
    uint64_t *table = t->root;
    for (*level = t->shape.levels - 1u;; --*level) {
        uint64_t *entry = entry_of(table, *level, iova);
        if (!is_present(t, *entry))
            return NULL;
        if (is_leaf(*entry, *level))
            return entry;
        table = table_at(*entry);
    }
}

void iommu_table_unmap(struct iommu_table *t, uint64_t iova, uint64_t size)
{
    for (uint64_t end = iova + size; iova < end;) {
        unsigned level = 0;
        uint64_t *entry = find_leaf(t, iova, &level);
        if (entry) {
            write_entry(t, entry, 0);
            t->mapped -= level_span(level);
        }
        iova += entry ? level_span(level) : PAGE_SIZE;
    }
}

int iommu_table_lookup(const struct iommu_table *t, uint64_t iova, uint64_t *pa, unsigned *access)
{
    unsigned level;
    if (!in_reach(t, iova, 1))
        return -EFAULT;
    const uint64_t *entry = find_leaf(t, iova, &level);
    if (!entry)
        return -EFAULT;
    uint64_t inside = level_span(level) - 1;
    *pa = (*entry & VTD_ADDRESS & ~inside) | (iova & inside);
    *access = (*entry & t->shape.format->read ? IOMMU_READ : 0) |
              (*entry & t->shape.format->write ? IOMMU_WRITE : 0);
    return 0;
}
