/* kernel/x86/memory.c: who gets which page, and that nobody gets one twice. */
#include "kernel/memory.h"

#include "kernel/paging.h"
#include "tests/host/test.h"
#include "tests/kernel/machine.h"

#include <string.h>

#define ISLAND_A LOW_RAM
#define ISLAND_B (LOW_RAM + 64 * MIB)

static struct boot_info info;

static void start(uint64_t a, uint64_t b, uint64_t high)
{
    machine_reset();
    memset(&info, 0, sizeof info);
    if (a)
        machine_add_ram(&info, ISLAND_A, a);
    if (b)
        machine_add_ram(&info, ISLAND_B, b);
    if (high)
        machine_add_ram(&info, HIGH_RAM, high);
    memory_init(&info);
}

static uint64_t free_bytes(void)
{
    struct memory_stats s;
    memory_stats(&s);
    return s.free;
}

static bool within(const void *p, size_t size, uint64_t start, uint64_t bytes)
{
    uint64_t at = (uintptr_t)p;
    return at >= start && at + size <= start + bytes;
}

static void rows_are_rounded_inwards_and_low_memory_is_left_alone(void **state)
{
    struct memory_stats s;
    machine_reset();
    memset(&info, 0, sizeof info);
    /* The first megabyte has the start-up code of other CPUs: not even looked at here. */
    info.memory[info.memory_count++] = (struct boot_memory){ 0x1000, 0x9e000 };
    machine_add_ram(&info, ISLAND_A + 1, 4 * MIB);
    info.memory[info.memory_count++] = (struct boot_memory){ ISLAND_B + 0x800, 0x1000 };
    memory_init(&info);
    memory_stats(&s);
    assert_int_equal(s.total, 4 * MIB - PAGE_SIZE); /* neither end's part of a page, nor row 3 */
    for (void *p; (p = page_alloc(PAGE_SIZE, 0, 0));)
        assert_true(within(p, PAGE_SIZE, ISLAND_A + PAGE_SIZE, 4 * MIB - PAGE_SIZE));
    assert_int_equal(free_bytes(), 0);
}

/* Below the page that outlives a reset (90000h), the highest that is whole; never page 0. */
static void other_cpus_start_in_a_low_page(void **state)
{
    const struct {
        uint64_t start, size, page;
    } rows[] = {
        { 0, 0xa0000, 0x8f000 },
        { 0x1000, 0x8f7ff, 0x8f000 },
        { 0x1000, 0x8e800, 0x8e000 },
        { 0x1001, 0x2000, 0x2000 },
        { 0, 0x1000, 0 },
        { 0, 0x2000, 0x1000 },
        { 0x90000, 0x10000, 0 },
        { 0x8f001, 0x1fff, 0 },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        machine_reset();
        memset(&info, 0, sizeof info);
        info.memory[info.memory_count++] = (struct boot_memory){ rows[i].start, rows[i].size };
        machine_add_ram(&info, ISLAND_A, 4 * MIB);
        memory_init(&info);
        assert_int_equal(memory_low_page(), rows[i].page);
    }
}

static void a_row_across_one_mib_begins_there(void **state)
{
    machine_reset();
    memset(&info, 0, sizeof info);
    machine_add_ram(&info, 0xff000, 3 * MIB);
    memory_init(&info);
    struct memory_stats s;
    memory_stats(&s);
    assert_int_equal(s.total, 3 * MIB - PAGE_SIZE);
    for (void *p; (p = page_alloc(PAGE_SIZE, 0, 0));)
        assert_true((uintptr_t)p >= 0x100000);
}

static void the_end_of_the_highest_island_below_4_gib_goes_first(void **state)
{
    start(2 * MIB, 2 * MIB, 4 * MIB);
    uint64_t *a = page_alloc(PAGE_SIZE, 0, 0), *b = page_alloc(3 * PAGE_SIZE, 0, 0);
    assert_true(within(a, PAGE_SIZE, ISLAND_B, 2 * MIB));
    assert_int_equal((uintptr_t)a - (uintptr_t)b, 3 * PAGE_SIZE);
    /* What no island below has is taken from above, and comes back there. */
    void *high = page_alloc(3 * MIB, 0, 0);
    assert_int_equal((uintptr_t)high, HIGH_RAM + MIB);
    page_free(high, 3 * MIB);
    assert_ptr_equal(page_alloc(4 * MIB, 0, 0), (void *)HIGH_RAM);
}

static void alignment_is_kept_and_costs_nothing_for_good(void **state)
{
    start(16 * MIB, 0, 0);
    uint64_t before = free_bytes();
    void *small = page_alloc(1, 0, 0);
    assert_int_equal(before - free_bytes(), PAGE_SIZE); /* whole pages */
    for (size_t align = PAGE_SIZE; align <= 4 * MIB; align *= 2) {
        void *p = page_alloc(PAGE_SIZE, align, 0);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % align, 0);
        page_free(p, PAGE_SIZE);
    }
    /* Aligned memory from the middle leaves both sides to others. */
    void *large = page_alloc(2 * MIB, 2 * MIB, 0), *beside = page_alloc(PAGE_SIZE, 0, 0);
    assert_true((uintptr_t)beside > (uintptr_t)large);
    page_free(small, 1);
    page_free(large, 2 * MIB);
    page_free(beside, PAGE_SIZE);
    assert_int_equal(free_bytes(), before);
}

static void below_is_a_bound_for_the_last_byte(void **state)
{
    start(2 * MIB, 2 * MIB, 0);
    void *p = page_alloc(2 * PAGE_SIZE, 0, ISLAND_A + 3 * PAGE_SIZE);
    assert_int_equal((uintptr_t)p, ISLAND_A + PAGE_SIZE);
    p = page_alloc(PAGE_SIZE, 0, ISLAND_A + PAGE_SIZE);
    assert_int_equal((uintptr_t)p, ISLAND_A);
    assert_null(page_alloc(PAGE_SIZE, 0, ISLAND_A + 3 * PAGE_SIZE));
    assert_null(page_alloc(PAGE_SIZE, 0, ISLAND_A));
    assert_null(page_alloc(PAGE_SIZE, 0, 1));
    p = page_alloc(PAGE_SIZE, 0, ISLAND_A + 4 * PAGE_SIZE - 1); /* one byte too few */
    assert_null(p);
    assert_non_null(page_alloc(PAGE_SIZE, 0, ISLAND_A + 4 * PAGE_SIZE));
}

static void exhaustion_is_told_and_harms_nobody(void **state)
{
    start(2 * MIB, 2 * MIB, 0);
    uint64_t all = free_bytes();
    assert_null(page_alloc(2 * MIB + PAGE_SIZE, 0, 0)); /* not across islands */
    assert_int_equal(free_bytes(), all);
    size_t count = 0;
    for (uint64_t **p; (p = page_alloc(PAGE_SIZE, 0, 0)); count++)
        *p = NULL;
    assert_int_equal(count, all / PAGE_SIZE);
    assert_int_equal(free_bytes(), 0);
    page_free((void *)ISLAND_A, PAGE_SIZE);
    assert_ptr_equal(page_alloc(PAGE_SIZE, 0, 0), (void *)ISLAND_A);
    assert_null(page_alloc(PAGE_SIZE, 0, 0));
}

static void absurd_sizes_are_refused(void **state)
{
    start(2 * MIB, 0, 0);
    uint64_t all = free_bytes();
    assert_null(page_alloc(0, 0, 0));
    assert_null(page_alloc(SIZE_MAX, 0, 0));
    assert_null(page_alloc(SIZE_MAX - PAGE_SIZE + 2, 0, 0)); /* rounds up to 0 */
    assert_null(page_alloc(PHYSICAL_MAX + 1, 0, 0));
    assert_null(page_alloc(PAGE_SIZE, 1ull << 63, 0));
    page_free(NULL, PAGE_SIZE);
    page_free((void *)ISLAND_A, 0);
    assert_int_equal(free_bytes(), all);
}

/* The neighbors of what is freed: none, before, behind, both. */
static void pieces_join_in_every_order(void **state)
{
    static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                          { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (unsigned i = 0; i < ARRAY_SIZE(orders); i++) {
        start(2 * MIB, 0, 0);
        uint64_t all = free_bytes();
        uint8_t *p = page_alloc(all, 0, 0);
        assert_non_null(p);
        for (unsigned k = 0; k < 3; k++)
            page_free(p + orders[i][k] * (size_t)PAGE_SIZE, PAGE_SIZE);
        assert_ptr_equal(page_alloc(3 * PAGE_SIZE, 0, 0), p);
        page_free(p, all);
        assert_ptr_equal(page_alloc(all, 0, 0), p);
    }
}

/* Many owners at random, each writing its name into every page it was given. */
#define OWNERS 64u

static struct owner {
    uint64_t *pages;
    size_t size;
} owners[OWNERS];

static void owner_take(unsigned n, uint32_t random)
{
    struct owner *o = &owners[n];
    size_t align = (size_t)PAGE_SIZE << (random >> 8) % 8;
    o->size = (random % 40 + 1) * PAGE_SIZE;
    o->pages = page_alloc(o->size, align, 0);
    assert_true((uintptr_t)o->pages % align == 0);
    for (size_t at = 0; o->pages && at < o->size; at += PAGE_SIZE)
        o->pages[at / 8] = o->pages[at / 8 + 1] = n;
}

static void owner_give_back(unsigned n)
{
    struct owner *o = &owners[n];
    for (size_t at = 0; o->pages && at < o->size; at += PAGE_SIZE)
        assert_true(o->pages[at / 8] == n && o->pages[at / 8 + 1] == n);
    page_free(o->pages, o->size);
    o->pages = NULL;
}

static void nobody_is_given_what_another_has(void **state)
{
    start(3 * MIB, 3 * MIB, 0);
    uint64_t all = free_bytes();
    uint32_t random = 1;
    for (unsigned i = 0; i < 20000; i++) {
        random = random * 1664525u + 1013904223u;
        unsigned n = (random >> 16) % OWNERS;
        if (owners[n].pages)
            owner_give_back(n);
        else
            owner_take(n, random);
    }
    for (unsigned n = 0; n < OWNERS; n++)
        owner_give_back(n);
    assert_int_equal(free_bytes(), all);
    assert_non_null(page_alloc(3 * MIB, 0, ISLAND_A + 3 * MIB)); /* in one piece again */
}

static void what_is_ram_and_what_is_ours(void **state)
{
    start(2 * MIB, 2 * MIB, 0);
    info.module[info.module_count++] = (struct boot_module){ 0x8000100, 0x50 };
    assert_true(memory_is_ram(ISLAND_A, 2 * MIB));
    assert_false(memory_is_ram(ISLAND_A, 2 * MIB + 1));
    assert_false(memory_is_ram(ISLAND_A - 1, 2));
    assert_false(memory_is_ram(ISLAND_A + 2 * MIB, 1));
    assert_false(memory_is_ram(ISLAND_A + MIB, UINT64_MAX)); /* wraps */
    assert_true(memory_is_ours(ISLAND_A + 2 * MIB - 1, 1));
    assert_false(memory_is_ours(ISLAND_A + 2 * MIB, PAGE_SIZE));
    assert_true(memory_is_ours(ISLAND_A - 1, 64 * MIB)); /* begins and ends outside */
    assert_true(memory_is_ours((uintptr_t)image_start, 1));
    assert_true(memory_is_ours((uintptr_t)image_end - 1, 1));
    assert_false(memory_is_ours((uintptr_t)image_end, 1));
    assert_false(memory_is_ours((uintptr_t)image_start - 1, 1));
    assert_true(memory_is_module(0x8000100) && memory_is_module(0x800014f));
    assert_false(memory_is_module(0x80000ff) || memory_is_module(0x8000150));
    assert_true(memory_is_ours(0x8000000, 0x101));
    assert_false(memory_is_ours(0x8000000, 0x100));
}

static void the_image_and_the_heap_are_told(void **state)
{
    extern uint64_t memory_heap_bytes; /* kept by libc.c */
    struct memory_stats s;
    start(2 * MIB, 0, 4 * MIB);
    memory_heap_bytes = 12345;
    memory_stats(&s);
    memory_heap_bytes = 0;
    assert_int_equal(s.total, 6 * MIB);
    assert_int_equal(s.heap, 12345);
    assert_int_equal(s.image, image_end - image_start);
    assert_true(s.free < s.total); /* the page tables are somewhere */
}

static uint64_t aside;

static uint64_t what_is_aside(void)
{
    return aside;
}

/* What is set aside is not spare: tables ask first, ports just take it. */
static void the_reserve_is_not_spare(void **state)
{
    struct memory_stats s;
    start(2 * MIB, 0, 0);
    aside = free_bytes() - 3 * PAGE_SIZE;
    memory_reserve(what_is_aside);
    assert_true(memory_spare(3 * PAGE_SIZE));
    assert_false(memory_spare(3 * PAGE_SIZE + 1));
    void *p = page_alloc(4 * PAGE_SIZE, 0, 0);
    assert_non_null(p);
    assert_false(memory_spare(0));
    page_free(p, 4 * PAGE_SIZE);
    assert_true(memory_spare(3 * PAGE_SIZE));
    memory_stats(&s);
    assert_int_equal(s.reserve, s.free - 3 * PAGE_SIZE);
    tables_draw(true);
    assert_true(memory_spare(s.free));
    assert_false(memory_spare(s.free + 1));
    tables_draw(false);
    aside = 0; /* those that it was for have it */
    assert_true(memory_spare(s.free));
    aside = s.free;
    assert_false(memory_spare(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_rounded_inwards_and_low_memory_is_left_alone),
        cmocka_unit_test(other_cpus_start_in_a_low_page),
        cmocka_unit_test(a_row_across_one_mib_begins_there),
        cmocka_unit_test(the_end_of_the_highest_island_below_4_gib_goes_first),
        cmocka_unit_test(alignment_is_kept_and_costs_nothing_for_good),
        cmocka_unit_test(below_is_a_bound_for_the_last_byte),
        cmocka_unit_test(exhaustion_is_told_and_harms_nobody),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(pieces_join_in_every_order),
        cmocka_unit_test(nobody_is_given_what_another_has),
        cmocka_unit_test(what_is_ram_and_what_is_ours),
        cmocka_unit_test(the_image_and_the_heap_are_told),
        cmocka_unit_test(the_reserve_is_not_spare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
