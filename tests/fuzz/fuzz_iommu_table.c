/* Translation tables against a list of pages: any order of maps and unmaps, in
 * both formats, leads where the list says, and leaves no page of tables behind. */
#include "iommu/table.h"
#include "kernel/compiler.h"

#include "tests/fuzz/harness.h"
#include "tests/host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 2048u                        /* 8 MiB of addresses: pages of 4K and of 2M */
#define BASE (0x40000000ull - 0x400000ull) /* across a boundary of 1 GiB */
#define MAPS 32u
#define STRIDE 31u

static struct {
    uint64_t pa;
    unsigned access; /* 0: nothing there */
} page[PAGES];
static struct {
    unsigned first, count;
} map[MAPS];
static unsigned maps;
static bool seam[PAGES + 1]; /* a map or unmap began or ended in front of this page */

static void look_at(const struct iommu_table *t, unsigned i, bool write_reads)
{
    uint64_t pa;
    unsigned access;
    int e = iommu_table_lookup(t, BASE + i * 0x1000ull + 5, &pa, &access);
    must(e == (page[i].access ? 0 : -EFAULT));
    unsigned want = page[i].access == IOMMU_WRITE && write_reads ? 3 : page[i].access;
    must(e || (pa == page[i].pa + 5 && access == want));
}

/* At every page it would take most of the time: so on both sides of each seam, and here and there.
 */
static void look(const struct iommu_table *t, bool write_reads)
{
    for (unsigned i = 0; i < PAGES; i++)
        if (seam[i] || seam[i + 1] || i % STRIDE == 0)
            look_at(t, i, write_reads);
}

static void add(struct iommu_table *t, unsigned first, unsigned count, uint64_t pa, unsigned access)
{
    bool taken = false;
    for (unsigned i = first; i < first + count; i++)
        taken |= page[i].access != 0;
    int e = iommu_table_map(t, BASE + first * 0x1000ull, pa, count * 0x1000ull, access);
    must(e == (taken ? -EEXIST : 0));
    seam[first] = seam[first + count] = true;
    if (e)
        return;
    map[maps].first = first;
    map[maps++].count = count;
    for (unsigned i = 0; i < count; i++) {
        page[first + i].pa = pa + i * 0x1000ull;
        page[first + i].access = access;
    }
}

static void take(struct iommu_table *t, unsigned index)
{
    iommu_table_unmap(t, BASE + map[index].first * 0x1000ull, map[index].count * 0x1000ull);
    memset(&page[map[index].first], 0, map[index].count * sizeof page[0]);
    map[index] = map[--maps];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iommu_table t;
    bool first = size && data[0] & 1;
    struct iommu_shape shape = { .format = first ? &iommu_first_stage : &iommu_second_stage,
                                 .levels = 4,
                                 .large_2m = !size || data[0] & 2,
                                 .coherent = true };
    maps = 0;
    must(!iommu_table_init(&t, &shape));
    for (size_t at = 1; at + 6 <= size && at < 600; at += 6) {
        const uint8_t *b = data + at;
        unsigned from = (b[0] | b[1] << 8) % PAGES, count = 1 + (b[2] | b[3] << 8) % 1024;
        if ((b[4] & 1) && maps)
            take(&t, b[5] % maps);
        else if (maps < MAPS && from + count <= PAGES)
            add(&t, from, count, (uint64_t)(b[5] & 7) << 21 | (b[4] & 8 ? 0 : from * 0x1000ull),
                1 + b[4] / 16 % 3);
    }
    look(&t, first);
    iommu_table_destroy(&t);
    memset(page, 0, sizeof page);
    memset(seam, 0, sizeof seam);
    harness_end();
    return 0;
}
