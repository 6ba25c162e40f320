/* boot/boot_info.c: the list of usable RAM. */
#include "boot/boot_info.h"

#include "boot/boot_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct boot_info info;

static int setup(void **state)
{
    memset(&info, 0xa5, sizeof info);
    info.start_tsc = 4711;
    boot_parse_begin(&info, "test");
    return 0;
}

static void assert_row(unsigned i, uint64_t start, uint64_t size)
{
    assert_true(i < info.memory_count);
    assert_int_equal(info.memory[i].start, start);
    assert_int_equal(info.memory[i].size, size);
}

static void begin_keeps_only_the_start_time(void **state)
{
    assert_int_equal(info.start_tsc, 4711);
    assert_int_equal(info.memory_count, 0);
    assert_int_equal(info.module_count, 0);
    assert_int_equal(info.acpi_rsdp, 0);
    assert_null(info.problem);
    assert_string_equal(info.command_line, "");
}

static void rows_are_sorted(void **state)
{
    boot_memory_add(&info, 0x3000, 0x1000);
    boot_memory_add(&info, 0x1000, 0x1000);
    boot_memory_add(&info, 0x5000, 0x1000);
    assert_int_equal(info.memory_count, 3);
    assert_row(0, 0x1000, 0x1000);
    assert_row(1, 0x3000, 0x1000);
    assert_row(2, 0x5000, 0x1000);
}

static void touching_and_overlapping_rows_become_one(void **state)
{
    boot_memory_add(&info, 0x1000, 0x1000);
    boot_memory_add(&info, 0x4000, 0x1000);
    boot_memory_add(&info, 0x2000, 0x800);
    assert_row(0, 0x1000, 0x1800);
    boot_memory_add(&info, 0x2000, 0x2800);
    assert_int_equal(info.memory_count, 1);
    assert_row(0, 0x1000, 0x4000);
    boot_memory_add(&info, 0x1800, 0x100);
    assert_int_equal(info.memory_count, 1);
    assert_row(0, 0x1000, 0x4000);
}

static void empty_and_wrapping_rows_are_ignored(void **state)
{
    boot_memory_add(&info, 0x1000, 0);
    boot_memory_add(&info, UINT64_MAX, 2);
    boot_memory_add(&info, 0x1000, UINT64_MAX);
    assert_int_equal(info.memory_count, 0);
    boot_memory_add(&info, 1, UINT64_MAX - 1);
    assert_row(0, 1, UINT64_MAX - 1);
}

static void a_full_list_forgets_ram_and_says_so(void **state)
{
    for (unsigned i = 0; i < BOOT_MEMORY_MAX; i++)
        boot_memory_add(&info, 0x10000 + i * 0x2000ull, 0x1000);
    assert_null(info.problem);
    boot_memory_add(&info, 0x1000, 0x1000);
    assert_non_null(info.problem);
    assert_int_equal(info.memory_count, BOOT_MEMORY_MAX);
    assert_row(0, 0x10000, 0x1000);
    /* What merges still fits. */
    boot_memory_add(&info, 0x11000, 0x1000);
    assert_int_equal(info.memory_count, BOOT_MEMORY_MAX - 1);
    assert_row(0, 0x10000, 0x3000);
}

static void remove_takes_ends_middles_and_whole_rows(void **state)
{
    boot_memory_add(&info, 0x1000, 0x9000);
    boot_memory_remove(&info, 0x0, 0x2000);
    assert_row(0, 0x2000, 0x8000);
    boot_memory_remove(&info, 0x9000, 0x10000);
    assert_row(0, 0x2000, 0x7000);
    boot_memory_remove(&info, 0x4000, 0x1000);
    assert_int_equal(info.memory_count, 2);
    assert_row(0, 0x2000, 0x2000);
    assert_row(1, 0x5000, 0x4000);
    boot_memory_remove(&info, 0x3000, 0x3000);
    assert_row(0, 0x2000, 0x1000);
    assert_row(1, 0x6000, 0x3000);
    boot_memory_remove(&info, 0x2000, 0x1000);
    assert_int_equal(info.memory_count, 1);
    assert_row(0, 0x6000, 0x3000);
    boot_memory_remove(&info, 0x9000, 0x1000);
    boot_memory_remove(&info, 0x5000, 0x1000);
    boot_memory_remove(&info, 0x7000, 0);
    assert_row(0, 0x6000, 0x3000);
}

static void remove_that_wraps_takes_everything_above(void **state)
{
    boot_memory_add(&info, 0x1000, 0x1000);
    boot_memory_add(&info, 1ull << 40, 1ull << 30);
    boot_memory_remove(&info, 0x1800, UINT64_MAX);
    assert_int_equal(info.memory_count, 1);
    assert_row(0, 0x1000, 0x800);
}

/* With no row left for the second half, the larger half stays and the removed
 * range never does. */
static void remove_from_a_full_list_never_keeps_what_was_removed(void **state)
{
    for (unsigned i = 0; i < BOOT_MEMORY_MAX; i++)
        boot_memory_add(&info, i * 0x20000ull, 0x10000);
    boot_memory_remove(&info, 0x1000, 0x1000);
    assert_non_null(info.problem);
    assert_row(0, 0x2000, 0xe000);
    boot_memory_remove(&info, 0x2e000, 0x1000);
    assert_row(1, 0x20000, 0xe000);
    assert_int_equal(info.memory_count, BOOT_MEMORY_MAX);
}

/* Against a map of one flag per byte: any sequence leaves the same bytes, rows
 * sorted and apart. */
static void random_sequences_agree_with_a_byte_map(void **state)
{
    enum { SPACE = 256 };
    srand(1);
    for (unsigned round = 0; round < 2000; round++) {
        bool map[SPACE] = { false };
        setup(NULL);
        for (unsigned step = 0; step < 24; step++) {
            unsigned start = (unsigned)rand() % SPACE;
            unsigned size = (unsigned)rand() % (SPACE - start);
            bool add = rand() % 3;
            if (add)
                boot_memory_add(&info, start, size);
            else
                boot_memory_remove(&info, start, size);
            memset(map + start, add, size);
        }
        uint64_t end = 0;
        unsigned bytes = 0;
        for (unsigned i = 0; i < info.memory_count; i++) {
            const struct boot_memory *row = &info.memory[i];
            assert_true(row->size && (!i || row->start > end));
            end = row->start + row->size;
            assert_true(end <= SPACE);
            for (uint64_t at = row->start; at < end; at++)
                assert_true(map[at]);
            bytes += (unsigned)row->size;
        }
        for (unsigned at = 0; at < SPACE; at++)
            bytes -= map[at];
        assert_int_equal(bytes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(begin_keeps_only_the_start_time, setup),
        cmocka_unit_test_setup(rows_are_sorted, setup),
        cmocka_unit_test_setup(touching_and_overlapping_rows_become_one, setup),
        cmocka_unit_test_setup(empty_and_wrapping_rows_are_ignored, setup),
        cmocka_unit_test_setup(a_full_list_forgets_ram_and_says_so, setup),
        cmocka_unit_test_setup(remove_takes_ends_middles_and_whole_rows, setup),
        cmocka_unit_test_setup(remove_that_wraps_takes_everything_above, setup),
        cmocka_unit_test_setup(remove_from_a_full_list_never_keeps_what_was_removed, setup),
        cmocka_unit_test_setup(random_sequences_agree_with_a_byte_map, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
