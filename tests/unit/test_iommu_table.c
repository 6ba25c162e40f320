/* Translation tables, walked back by an independent reading of VT-d rev. 5.10
 * (tests/models/vtd_walk.c).  Addresses of memory are made up: nothing is read
 * there. */
#include "iommu/table.h"
#include "kernel/compiler.h"

#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/vtd_walk.h"
#include <errno.h>
#include <string.h>

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define RW (IOMMU_READ | IOMMU_WRITE)
/* CAP: SAGAW 3, 4 and 5 levels, MGAW 57, 2M and 1G in both stages, FS5LP. */
#define CAP_ALL (0xeull << 8 | 56ull << 16 | 3ull << 34 | 1ull << 56 | 1ull << 60)

static struct iommu_table t;
static struct walk_page page;

static const struct iommu_shape second = {
    .format = &iommu_second_stage, .levels = 4, .large_2m = true, .large_1g = true
};
static const struct iommu_shape first = {
    .format = &iommu_first_stage, .levels = 4, .large_2m = true, .large_1g = true
};

static int setup(void **state)
{
    host_reset();
    return 0;
}

static int teardown(void **state)
{
    iommu_table_destroy(&t);
    return host_pages() != 0;
}

static void begin(const struct iommu_shape *shape)
{
    assert_int_equal(iommu_table_init(&t, shape), 0);
    assert_int_equal(t.pages, 1);
}

static uint8_t walk(uint64_t iova)
{
    bool fs = t.shape.format == &iommu_first_stage;
    struct walk_context c = {
        .first_stage = fs, .scalable = fs, .levels = t.shape.levels, .table = (uintptr_t)t.root
    };
    memset(&page, 0, sizeof page);
    return walk_table(&c, CAP_ALL, iova, &page);
}

/* The walker and lookup agree on where iova leads, and by which page size. */
static void leads(uint64_t iova, uint64_t pa, uint64_t size, unsigned access)
{
    uint64_t found = 0;
    unsigned allowed = 0;
    assert_int_equal(walk(iova), WALK_OK);
    assert_int_equal(page.size, size);
    assert_int_equal(page.pa + (iova & (size - 1)), pa);
    assert_int_equal(page.read, !!(access & IOMMU_READ));
    assert_int_equal(page.write, !!(access & IOMMU_WRITE));
    assert_int_equal(iommu_table_lookup(&t, iova, &found, &allowed), 0);
    assert_int_equal(found, pa);
    assert_int_equal(allowed, access);
}

static void leads_nowhere(uint64_t iova)
{
    uint64_t pa;
    unsigned access;
    assert_true(walk(iova) != WALK_OK || (!page.read && !page.write));
    assert_int_equal(iommu_table_lookup(&t, iova, &pa, &access), -EFAULT);
}

/* 3.7: pages of 4K, 2M and 1G, as large as both addresses and the size allow. */
static void the_largest_pages_that_fit(void **state)
{
    const struct iommu_shape *shapes[] = { &second, &first };
    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
        begin(shapes[i]);
        uint64_t from = GIB - 2 * MIB - 4 * KIB;
        assert_int_equal(iommu_table_map(&t, from, from, 2 * GIB, RW), 0);
        leads(from, from, 4 * KIB, RW);
        leads(GIB - 1, GIB - 1, 2 * MIB, RW);
        leads(GIB + 12345, GIB + 12345, GIB, RW);
        leads(from + 2 * GIB - 1, from + 2 * GIB - 1, 4 * KIB, RW);
        leads_nowhere(from - 1);
        leads_nowhere(from + 2 * GIB);
        assert_int_equal(t.mapped, 2 * GIB);
        iommu_table_destroy(&t);
    }
}

/* An address that is aligned on one side only gets the smaller page. */
static void both_addresses_count_for_the_page_size(void **state)
{
    begin(&second);
    assert_int_equal(iommu_table_map(&t, 4 * GIB, GIB + 4 * KIB, 2 * MIB, RW), 0);
    leads(4 * GIB + 5, GIB + 4 * KIB + 5, 4 * KIB, RW);
    assert_int_equal(iommu_table_map(&t, 8 * GIB, 2 * MIB, GIB, RW), 0);
    leads(8 * GIB + MIB, 3 * MIB, 2 * MIB, RW);
}

/* CAP.SSLPS, CAP.FS1GP: only what the unit can walk. */
static void only_the_pages_the_unit_has(void **state)
{
    struct iommu_shape shape = second;
    shape.large_1g = false;
    begin(&shape);
    assert_int_equal(iommu_table_map(&t, 0, 0, GIB, RW), 0);
    leads(MIB, MIB, 2 * MIB, RW);
    iommu_table_destroy(&t);
    shape.large_2m = false;
    begin(&shape);
    assert_int_equal(iommu_table_map(&t, 0, 0, 4 * MIB, RW), 0);
    leads(MIB, MIB, 4 * KIB, RW);
}

/* 9.8: bits 0 and 1 are two rights; 9.7: bit 1 is write, and reading comes with presence. */
static void least_permission(void **state)
{
    begin(&second);
    assert_int_equal(iommu_table_map(&t, 0x1000, 0x1000, 0x1000, IOMMU_READ), 0);
    assert_int_equal(iommu_table_map(&t, 0x2000, 0x2000, 0x1000, IOMMU_WRITE), 0);
    leads(0x1000, 0x1000, 0x1000, IOMMU_READ);
    leads(0x2000, 0x2000, 0x1000, IOMMU_WRITE);
    iommu_table_destroy(&t);
    begin(&first);
    assert_int_equal(iommu_table_map(&t, 0x1000, 0x1000, 0x1000, IOMMU_READ), 0);
    assert_int_equal(iommu_table_map(&t, 0x2000, 0x2000, 0x1000, IOMMU_WRITE), 0);
    leads(0x1000, 0x1000, 0x1000, IOMMU_READ);
    leads(0x2000, 0x2000, 0x1000, RW);
}

/* 3.6: accessed (bit 5) and dirty (bit 6) are set where the unit would set them:
 * it has no reason to write to our tables. */
static void first_stage_entries_need_no_update(void **state)
{
    begin(&first);
    assert_int_equal(iommu_table_map(&t, 0, 0, 0x1000, RW), 0);
    const uint64_t *table = t.root;
    for (unsigned level = 4; level; level--) {
        assert_int_equal(table[0] >> 5 & 1, 1);
        if (level > 1)
            table = (const uint64_t *)(uintptr_t)(table[0] & ~0xfffull);
    }
    assert_int_equal(table[0] >> 6 & 1, 1);
}

static void three_four_and_five_levels(void **state)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        struct iommu_shape shape = second;
        shape.levels = (uint8_t)levels;
        begin(&shape);
        uint64_t reach = 1ull << (12 + 9 * levels), top = reach - 0x1000;
        assert_int_equal(iommu_table_map(&t, top, 0x5000, 0x1000, RW), 0);
        leads(top, 0x5000, 0x1000, RW);
        assert_int_equal(t.pages, levels);
        assert_int_equal(iommu_table_map(&t, reach, 0x5000, 0x1000, RW), -EINVAL);
        assert_int_equal(iommu_table_map(&t, top, 0x5000, 0x2000, RW), -EINVAL);
        iommu_table_destroy(&t);
    }
}

/* 3.6.1: first-stage addresses are canonical; the upper half is never ours. */
static void first_stage_reaches_the_lower_half(void **state)
{
    for (unsigned levels = 4; levels <= 5; levels++) {
        struct iommu_shape shape = first;
        shape.levels = (uint8_t)levels;
        begin(&shape);
        uint64_t half = 1ull << (11 + 9 * levels);
        assert_int_equal(iommu_table_map(&t, half - 0x1000, 0x5000, 0x1000, RW), 0);
        leads(half - 0x1000, 0x5000, 0x1000, RW);
        assert_int_equal(iommu_table_map(&t, half, 0x5000, 0x1000, RW), -EINVAL);
        assert_int_equal(walk(half), WALK_SM_NOT_CANONICAL);
        iommu_table_destroy(&t);
    }
}

/* 11.4.2 MGAW: narrower than the levels. */
static void the_width_of_the_unit_counts(void **state)
{
    struct iommu_shape shape = second;
    shape.width = 40;
    begin(&shape);
    assert_int_equal(iommu_table_map(&t, (1ull << 40) - 0x1000, 0, 0x1000, RW), 0);
    assert_int_equal(iommu_table_map(&t, 1ull << 40, 0, 0x1000, RW), -EINVAL);
}

static void what_cannot_be_mapped(void **state)
{
    begin(&second);
    assert_int_equal(iommu_table_map(&t, 0x1001, 0, 0x1000, RW), -EINVAL);
    assert_int_equal(iommu_table_map(&t, 0, 0x10, 0x1000, RW), -EINVAL);
    assert_int_equal(iommu_table_map(&t, 0, 0, 0x800, RW), -EINVAL);
    assert_int_equal(iommu_table_map(&t, 0, 0, 0, RW), -EINVAL);
    assert_int_equal(iommu_table_map(&t, 0, 0, 0x1000, 0), -EINVAL);
    assert_int_equal(iommu_table_map(&t, 0, 0, 0x1000, 4), -EINVAL);
    assert_int_equal(iommu_table_map(&t, 0, 1ull << 52, 0x1000, RW), -EINVAL);
    assert_int_equal(iommu_table_map(&t, 0, (1ull << 52) - 0x1000, 0x2000, RW), -EINVAL);
    assert_int_equal(iommu_table_map(&t, UINT64_MAX - 0xfff, 0, 0x1000, RW), -EINVAL);
    assert_int_equal(t.mapped, 0);
}

/* All or nothing: what a refused map had done is gone, what was there stays. */
static void a_taken_range_is_left_as_it_was(void **state)
{
    begin(&second);
    assert_int_equal(iommu_table_map(&t, 3 * MIB, 3 * MIB, 0x1000, IOMMU_READ), 0);
    assert_int_equal(iommu_table_map(&t, 0, 0, 4 * MIB, RW), -EEXIST);
    leads_nowhere(0);
    leads_nowhere(2 * MIB);
    leads(3 * MIB, 3 * MIB, 0x1000, IOMMU_READ);
    assert_int_equal(t.mapped, 0x1000);
    iommu_table_unmap(&t, 3 * MIB, 0x1000);
    assert_int_equal(iommu_table_map(&t, 0, 0, 2 * GIB, RW), 0);
    assert_int_equal(iommu_table_map(&t, GIB + 0x1000, 0, 0x1000, RW), -EEXIST);
}

static void a_map_without_memory_leaves_nothing(void **state)
{
    for (unsigned n = 1; n <= 3; n++) {
        begin(&second);
        host_page_fail_after(n);
        assert_int_equal(iommu_table_map(&t, 0x1000, 0x1000, 0x1000, RW), -ENOMEM);
        leads_nowhere(0x1000);
        assert_int_equal(iommu_table_map(&t, 0x1000, 0x1000, 0x1000, RW), 0);
        iommu_table_destroy(&t);
    }
    host_page_fail_after(1);
    assert_int_equal(iommu_table_init(&t, &second), -ENOMEM);
}

static void unmap_takes_exactly_that(void **state)
{
    begin(&second);
    assert_int_equal(iommu_table_map(&t, 2 * MIB - 0x1000, 2 * MIB - 0x1000, 4 * MIB, RW), 0);
    assert_int_equal(iommu_table_map(&t, 2 * MIB - 0x2000, 0x7000, 0x1000, RW), 0);
    assert_int_equal(iommu_table_map(&t, 6 * MIB - 0x1000, 0x9000, 0x1000, RW), 0);
    iommu_table_unmap(&t, 2 * MIB - 0x1000, 4 * MIB);
    leads_nowhere(2 * MIB - 0x1000);
    leads_nowhere(2 * MIB);
    leads_nowhere(6 * MIB - 0x2000);
    leads(2 * MIB - 0x2000, 0x7000, 0x1000, RW);
    leads(6 * MIB - 0x1000, 0x9000, 0x1000, RW);
    assert_int_equal(t.mapped, 0x2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_largest_pages_that_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(both_addresses_count_for_the_page_size, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_pages_the_unit_has, setup, teardown),
        cmocka_unit_test_setup_teardown(least_permission, setup, teardown),
        cmocka_unit_test_setup_teardown(first_stage_entries_need_no_update, setup, teardown),
        cmocka_unit_test_setup_teardown(three_four_and_five_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(first_stage_reaches_the_lower_half, setup, teardown),
        cmocka_unit_test_setup_teardown(the_width_of_the_unit_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_mapped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_taken_range_is_left_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(a_map_without_memory_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(unmap_takes_exactly_that, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
