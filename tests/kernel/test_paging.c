/* kernel/x86/paging.c: the tables as a CPU walks them (machine_walk). */
#include "kernel/paging.h"

#include "kernel/memory.h"
#include "kernel/mmio.h"
#include "tests/host/test.h"
#include "tests/kernel/machine.h"

#include <errno.h>
#include <string.h>

#define RAM_SIZE (8 * MIB)
#define NOWHERE 0x300000000000ull /* of no use in paging.h's map */

static struct boot_info info;

static void start_with(uint32_t address_bits, bool gib_pages)
{
    machine_reset();
    memset(&info, 0, sizeof info);
    machine_cpuid(0x80000000, address_bits ? 0x80000008 : 0x80000001, 0, 0, 0);
    machine_cpuid(0x80000001, 0, 0, 0, gib_pages ? 1u << 26 : 0);
    machine_cpuid(0x80000008, 0x3000 | address_bits, 0, 0, 0); /* linear bits beside it */
    machine_add_ram(&info, LOW_RAM, RAM_SIZE);
}

static void start(void)
{
    start_with(46, false);
    memory_init(&info);
}

static void assert_page(uint64_t va, uint64_t pa, bool writable, bool executable, bool uncached)
{
    struct walk w = machine_walk(va);
    assert_true(w.present);
    assert_int_equal(w.pa, pa);
    assert_int_equal(w.writable, writable);
    assert_int_equal(w.executable, executable);
    assert_int_equal(w.uncached, uncached);
}

static void the_image_is_mapped_as_what_it_is(void **state)
{
    start();
    for (uint8_t *p = image_start; p < text_end; p += PAGE_SIZE)
        assert_page((uintptr_t)p, (uintptr_t)p, false, true, false);
    for (uint8_t *p = text_end; p < rodata_end; p += PAGE_SIZE)
        assert_page((uintptr_t)p, (uintptr_t)p, false, false, false);
    for (uint8_t *p = rodata_end; p < stack_guard_boot; p += PAGE_SIZE)
        assert_page((uintptr_t)p, (uintptr_t)p, true, false, false);
    assert_page((uintptr_t)image_end - 1, (uintptr_t)image_end - 1, true, false, false);
    assert_false(machine_walk((uintptr_t)image_end).present);
    assert_false(machine_walk((uintptr_t)image_start - 1).present);
    assert_int_equal(machine_writable_code(), 0);
}

static void each_stack_has_a_guard_page_and_only_one(void **state)
{
    uint8_t *const guards[] = { stack_guard_boot, stack_guard_exception, stack_guard_double_fault,
                                stack_guard_end };
    start();
    for (unsigned i = 0; i < ARRAY_SIZE(guards); i++) {
        uint64_t guard = (uintptr_t)guards[i];
        assert_false(machine_walk(guard).present);
        assert_false(machine_walk(guard + PAGE_SIZE - 1).present);
        assert_page(guard - 1, guard - 1, true, false, false);
        assert_page(guard + PAGE_SIZE, guard + PAGE_SIZE, true, false, false);
    }
    assert_int_equal(machine_mapped((uintptr_t)image_start, (uintptr_t)image_end),
                     (uint64_t)(image_end - image_start) - ARRAY_SIZE(guards) * PAGE_SIZE);
}

static void ram_is_one_to_one_without_page_0_and_nothing_else(void **state)
{
    start_with(46, false);
    info.memory[1] = info.memory[0];
    info.memory[0] = (struct boot_memory){ 0, 0x9fc00 };
    info.memory_count = 2;
    memory_init(&info);
    assert_false(machine_walk(0).present);
    assert_page(PAGE_SIZE, PAGE_SIZE, true, false, false);
    assert_page(0x9efff, 0x9efff, true, false, false);
    assert_false(machine_walk(0x9f000).present); /* only a part of it is RAM */
    assert_page(LOW_RAM, LOW_RAM, true, false, false);
    assert_page(LOW_RAM + RAM_SIZE - 1, LOW_RAM + RAM_SIZE - 1, true, false, false);
    uint64_t image = (uint64_t)(image_end - image_start) - 4 * PAGE_SIZE;
    assert_int_equal(machine_mapped(0, 1ull << 48), 0x9f000 - PAGE_SIZE + RAM_SIZE + image);
}

static void ram_beyond_what_is_used_is_not_mapped(void **state)
{
    start_with(52, false);
    memory_init(&info);
    info.memory[info.memory_count++] = (struct boot_memory){ PHYSICAL_MAX - MIB, 4 * MIB };
    paging_init(&info); /* without giving the pages out: there is nothing at this address */
    assert_page(PHYSICAL_MAX - 1, PHYSICAL_MAX - 1, true, false, false);
    assert_false(machine_walk(PHYSICAL_MAX).present);
}

static void modules_are_mapped_read_only(void **state)
{
    start_with(46, false);
    info.module[info.module_count++] = (struct boot_module){ 0x8000f00, 0x200 };
    info.module[info.module_count++] = (struct boot_module){ PHYSICAL_MAX, 0x200 };
    memory_init(&info);
    assert_page(0x8000f00, 0x8000f00, false, false, false);
    assert_page(0x80010ff, 0x80010ff, false, false, false);
    assert_false(machine_walk(0x8002000).present);
    assert_false(machine_walk(PHYSICAL_MAX).present);
}

static void the_largest_page_that_fits_is_taken(void **state)
{
    start_with(46, true);
    memory_init(&info);
    assert_int_equal(paging_map(NOWHERE, GIB, 2 * GIB + 2 * MIB + PAGE_SIZE, PAGE_DEVICE), 0);
    assert_int_equal(machine_walk(NOWHERE).span, GIB);
    assert_int_equal(machine_walk(NOWHERE + GIB).span, GIB);
    assert_int_equal(machine_walk(NOWHERE + 2 * GIB).span, 2 * MIB);
    assert_int_equal(machine_walk(NOWHERE + 2 * GIB + 2 * MIB).span, PAGE_SIZE);
    assert_false(machine_walk(NOWHERE + 2 * GIB + 2 * MIB + PAGE_SIZE).present);
    assert_page(NOWHERE + GIB + 0x12345678, 2 * GIB + 0x12345678, true, false, true);
    /* Both addresses must be multiples. */
    assert_int_equal(paging_map(NOWHERE + 8 * GIB, MIB, 4 * MIB, PAGE_DATA), 0);
    assert_int_equal(machine_walk(NOWHERE + 8 * GIB).span, PAGE_SIZE);
    assert_page(NOWHERE + 8 * GIB + 3 * MIB + 5, 4 * MIB + 5, true, false, false);
    assert_int_equal(paging_map(NOWHERE + 9 * GIB + MIB, 4 * MIB, 4 * MIB, PAGE_DATA), 0);
    assert_page(NOWHERE + 9 * GIB + MIB, 4 * MIB, true, false, false);
    assert_false(machine_walk(NOWHERE + 9 * GIB).present);
}

static void a_cpu_without_1_gib_pages_gets_none(void **state)
{
    start();
    assert_int_equal(paging_map(NOWHERE, GIB, GIB, PAGE_DATA), 0);
    assert_int_equal(machine_walk(NOWHERE).span, 2 * MIB);
    assert_page(NOWHERE + GIB - 1, 2 * GIB - 1, true, false, false);
    start_with(46, true);
    machine_cpuid(0x80000000, 0x80000000, 0, 0, 0); /* what the next leaf says is not its word */
    memory_init(&info);
    assert_int_equal(paging_map(NOWHERE, GIB, GIB, PAGE_DATA), 0);
    assert_int_equal(machine_walk(NOWHERE).span, 2 * MIB);
}

static void what_is_mapped_stays_as_it_is(void **state)
{
    start();
    assert_int_equal(paging_map(NOWHERE + PAGE_SIZE, 0x5000, PAGE_SIZE, PAGE_RODATA), 0);
    assert_int_equal(paging_map(NOWHERE, 0x100000, 3 * PAGE_SIZE, PAGE_DATA), 0);
    assert_page(NOWHERE, 0x100000, true, false, false);
    assert_page(NOWHERE + PAGE_SIZE, 0x5000, false, false, false);
    assert_page(NOWHERE + 2 * PAGE_SIZE, 0x102000, true, false, false);
    /* Below a large page too, from its middle, and on behind it. */
    assert_int_equal(paging_map(NOWHERE + 2 * MIB, 2 * MIB, 2 * MIB, PAGE_RODATA), 0);
    assert_int_equal(paging_map(NOWHERE + 3 * MIB, 0, MIB + PAGE_SIZE, PAGE_DATA), 0);
    assert_page(NOWHERE + 3 * MIB, 3 * MIB, false, false, false);
    assert_page(NOWHERE + 4 * MIB, MIB, true, false, false);
    assert_false(machine_walk(NOWHERE + 4 * MIB + PAGE_SIZE).present);
}

static void a_row_ends_with_its_table(void **state)
{
    start();
    assert_int_equal(paging_map(NOWHERE + 2 * MIB - PAGE_SIZE, 7 * MIB, 3 * PAGE_SIZE, PAGE_DATA),
                     0);
    for (unsigned i = 0; i < 3; i++)
        assert_page(NOWHERE + 2 * MIB - PAGE_SIZE + i * PAGE_SIZE, 7 * MIB + i * PAGE_SIZE, true,
                    false, false);
    assert_int_equal(machine_mapped(NOWHERE, NOWHERE + GIB), 3 * PAGE_SIZE);
}

static void is_mapped_says_what_a_walk_says(void **state)
{
    start();
    assert_int_equal(paging_map(NOWHERE, 0, 2 * MIB, PAGE_DATA), 0);
    const uint64_t at[] = { 0,
                            LOW_RAM - 1,
                            LOW_RAM,
                            LOW_RAM + RAM_SIZE - 1,
                            LOW_RAM + RAM_SIZE,
                            (uintptr_t)stack_guard_boot,
                            (uintptr_t)image_start,
                            NOWHERE,
                            NOWHERE + 2 * MIB - 1,
                            NOWHERE + 2 * MIB };
    for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
        assert_int_equal(paging_is_mapped(at[i]), machine_walk(at[i]).present);
    assert_false(paging_is_mapped(1ull << 47 | LOW_RAM));
    assert_false(paging_is_mapped(0xffff000000000000ull | LOW_RAM)); /* not canonical */
}

/* Every number of pages that may be missing: told, nothing half-made is walked, and what could
 * not be mapped can be once there is memory. */
static void without_memory_for_tables_it_says_so(void **state)
{
    start();
    uint64_t *kept = NULL;
    for (uint64_t *p; (p = page_alloc(PAGE_SIZE, 0, 0)); kept = p)
        *p = (uintptr_t)kept;
    for (unsigned pages = 0; pages < 4; pages++) {
        int e = paging_map(NOWHERE + GIB - PAGE_SIZE, 0, 2 * PAGE_SIZE, PAGE_DATA);
        assert_int_equal(e, -ENOMEM);
        assert_false(machine_walk(NOWHERE + GIB).present);
        assert_null(mmio_map(0xfebc0000, PAGE_SIZE));
        uint64_t *given = kept;
        kept = (uint64_t *)(uintptr_t)*given;
        memset(given, 0xff, PAGE_SIZE);
        page_free(given, PAGE_SIZE);
    }
    while (paging_map(NOWHERE + GIB - PAGE_SIZE, 0, 2 * PAGE_SIZE, PAGE_DATA)) {
        assert_non_null(kept);
        uint64_t *given = kept;
        kept = (uint64_t *)(uintptr_t)*given;
        page_free(given, PAGE_SIZE);
    }
    assert_page(NOWHERE + GIB - PAGE_SIZE, 0, true, false, false);
    assert_page(NOWHERE + GIB, PAGE_SIZE, true, false, false);
}

static void a_machine_too_small_for_its_tables_panics(void **state)
{
    for (uint64_t pages = 1; pages < 5; pages++) {
        start_with(46, false);
        info.memory[0].size = pages * PAGE_SIZE;
        expect_assert_failure(memory_init(&info));
        assert_int_equal(machine_cr3, 0); /* the tables were not taken */
    }
}

/* Device registers ---------------------------------------------------------------- */

static void registers_are_uncached_writable_and_never_run(void **state)
{
    start();
    uint8_t *regs = mmio_map(0xfebc0010, 0x20);
    assert_ptr_equal(regs, (void *)(MMIO_BASE + 0xfebc0010));
    assert_page((uintptr_t)regs, 0xfebc0010, true, false, true);
    assert_int_equal(machine_mapped(MMIO_BASE, 1ull << 47), PAGE_SIZE);
    regs = mmio_map(0xfebcffff, 2); /* across pages */
    assert_page((uintptr_t)regs + 1, 0xfebd0000, true, false, true);
}

static void registers_in_ram_image_or_module_are_refused(void **state)
{
    start();
    info.module[info.module_count++] = (struct boot_module){ 0x8000000, 0x100 };
    const struct boot_memory ranges[] = {
        { LOW_RAM, PAGE_SIZE },      { LOW_RAM - 1, 2 }, { LOW_RAM + RAM_SIZE - 1, PAGE_SIZE },
        { LOW_RAM - MIB, 64 * MIB }, { 0x80000ff, 1 },   { (uintptr_t)rodata_end, 4 }
    };
    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        assert_null(mmio_map(ranges[i].start, ranges[i].size));
        assert_true(machine_logged("is ours: not taken for a device's registers"));
    }
    assert_int_equal(machine_mapped(MMIO_BASE, 1ull << 47), 0);
    assert_non_null(mmio_map(LOW_RAM + RAM_SIZE, PAGE_SIZE));
}

static void an_address_the_cpu_cannot_put_out_is_refused(void **state)
{
    static const struct {
        uint32_t bits;
        uint64_t end;
    } rows[] = { { 0, 1ull << 36 },    { 36, 1ull << 36 },   { 39, 1ull << 39 },
                 { 44, 1ull << 44 },   { 46, PHYSICAL_MAX }, { 52, PHYSICAL_MAX },
                 { 64, PHYSICAL_MAX }, { 255, PHYSICAL_MAX } };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        start_with(rows[i].bits, false);
        memory_init(&info);
        uint64_t end = rows[i].end;
        assert_int_equal(paging_physical_end(), end);
        assert_non_null(mmio_map(end - PAGE_SIZE, PAGE_SIZE));
        assert_null(mmio_map(end - PAGE_SIZE, PAGE_SIZE + 1));
        assert_null(mmio_map(end, 1));
        assert_null(mmio_map(end - 1, UINT64_MAX)); /* wraps */
        assert_null(memory_map_table(end, 1));
        assert_null(memory_map_table(UINT64_MAX, 1));
    }
}

static void an_empty_range_is_refused(void **state)
{
    start();
    assert_null(mmio_map(0xfebc0000, 0));
    assert_null(memory_map_table(0xe0000, 0));
}

static void tables_are_read_only_and_may_lie_in_ram(void **state)
{
    start();
    const uint8_t *table = memory_map_table(LOW_RAM + 0xff0, 0x20);
    assert_ptr_equal(table, (void *)(TABLE_BASE + LOW_RAM + 0xff0));
    assert_page((uintptr_t)table, LOW_RAM + 0xff0, false, false, false);
    assert_page((uintptr_t)table + 0x1f, LOW_RAM + 0x100f, false, false, false);
    assert_int_equal(machine_mapped(TABLE_BASE, MMIO_BASE), 2 * PAGE_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_image_is_mapped_as_what_it_is),
        cmocka_unit_test(each_stack_has_a_guard_page_and_only_one),
        cmocka_unit_test(ram_is_one_to_one_without_page_0_and_nothing_else),
        cmocka_unit_test(ram_beyond_what_is_used_is_not_mapped),
        cmocka_unit_test(modules_are_mapped_read_only),
        cmocka_unit_test(the_largest_page_that_fits_is_taken),
        cmocka_unit_test(a_cpu_without_1_gib_pages_gets_none),
        cmocka_unit_test(what_is_mapped_stays_as_it_is),
        cmocka_unit_test(a_row_ends_with_its_table),
        cmocka_unit_test(is_mapped_says_what_a_walk_says),
        cmocka_unit_test(without_memory_for_tables_it_says_so),
        cmocka_unit_test(a_machine_too_small_for_its_tables_panics),
        cmocka_unit_test(registers_are_uncached_writable_and_never_run),
        cmocka_unit_test(registers_in_ram_image_or_module_are_refused),
        cmocka_unit_test(an_address_the_cpu_cannot_put_out_is_refused),
        cmocka_unit_test(an_empty_range_is_refused),
        cmocka_unit_test(tables_are_read_only_and_may_lie_in_ram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
