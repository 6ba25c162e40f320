/* boot/pvh.c: Xen start_info.h, versions 0 and 1. */
#include "boot/boot_info.h"

#include "tests/models/loader_memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define INFO_PA 0x9000u
#define MAP_PA 0x8000u
#define MODULES_PA 0x7000u
#define TEXT_PA 0x6000u

/* Offsets as start_info.h draws them. */
#define MAGIC 0
#define VERSION 4
#define NR_MODULES 12
#define MODLIST_PADDR 16
#define CMDLINE_PADDR 24
#define RSDP_PADDR 32
#define MEMMAP_PADDR 40
#define MEMMAP_ENTRIES 48

static struct boot_info info;
static uint8_t start[56];

static void put(unsigned at, uint64_t value, size_t size)
{
    memcpy(start + at, &value, size);
}

static int setup(void **state)
{
    static const uint64_t map[][3] = {
        { 0, 0x9fc00, 1 },
        { 0x9fc00, 0x400, 2 },
        { 0x100000, 0x7ee0000, 1 },
        { 0x7fe0000, 0x20000, 2 },
    };
    loader_memory_reset();
    memset(&info, 0xa5, sizeof info);
    memset(start, 0, sizeof start);
    put(MAGIC, 0x336ec578, 4);
    put(VERSION, 1, 4);
    put(MEMMAP_PADDR, MAP_PA, 8);
    put(MEMMAP_ENTRIES, 4, 4);
    loader_memory_add(MAP_PA, map, sizeof map);
    return 0;
}

static int teardown(void **state)
{
    loader_memory_reset();
    return 0;
}

static int parse(size_t size)
{
    loader_memory_add(INFO_PA, start, size);
    return boot_parse_pvh(&info, &loader_memory_reader, INFO_PA);
}

static void memory_map_of_version_1(void **state)
{
    assert_int_equal(parse(56), 0);
    assert_string_equal(info.protocol, "PVH");
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[0].size, 0x9fc00);
    assert_int_equal(info.memory[1].start, 0x100000);
    assert_int_equal(info.memory[1].size, 0x7ee0000);
    assert_int_equal(info.module_count, 0);
    assert_string_equal(info.command_line, "");
}

/* A row of another type wins over RAM that overlaps it, wherever it stands. */
static void reserved_wins_over_ram(void **state)
{
    static const uint64_t map[][3] = { { 0x1000, 0x1000, 2 }, { 0, 0x10000, 1 } };
    loader_memory_add(0xa000, map, sizeof map);
    put(MEMMAP_PADDR, 0xa000, 8);
    put(MEMMAP_ENTRIES, 2, 4);
    assert_int_equal(parse(56), 0);
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[0].size, 0x1000);
    assert_int_equal(info.memory[1].start, 0x2000);
}

static void command_line_modules_and_rsdp(void **state)
{
    static const uint64_t modules[][4] = { { 0x200000, 0x123, TEXT_PA, 0 }, { 0x300000, 0, 0, 0 } };
    uint8_t body[0x123] = { 'p' };
    loader_memory_add(TEXT_PA, "console=ttyS0 -- show version", 30);
    loader_memory_add(MODULES_PA, modules, sizeof modules);
    loader_memory_add(0x200000, body, sizeof body);
    put(CMDLINE_PADDR, TEXT_PA, 8);
    put(MODLIST_PADDR, MODULES_PA, 8);
    put(NR_MODULES, 2, 4);
    put(RSDP_PADDR, 0xf5a40, 8);
    assert_int_equal(parse(56), 0);
    assert_string_equal(info.command_line, "console=ttyS0 -- show version");
    assert_int_equal(info.acpi_rsdp, 0xf5a40);
    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.module[0].start, 0x200000);
    assert_int_equal(info.module[0].size, 0x123);
    assert_int_equal(info.module[1].size, 0);
    /* The module is not usable RAM. */
    assert_int_equal(info.memory_count, 3);
    assert_int_equal(info.memory[1].size, 0x100000);
    assert_int_equal(info.memory[2].start, 0x200123);
}

static void rsdp_in_ram_is_kept(void **state)
{
    put(RSDP_PADDR, 0x200000, 8);
    assert_int_equal(parse(56), 0);
    assert_int_equal(info.memory_count, 3);
    assert_int_equal(info.memory[2].start, 0x200024);
}

/* Version 0 ends before the memory map, whatever lies behind it. */
static void version_0_has_no_memory_map(void **state)
{
    put(VERSION, 0, 4);
    put(RSDP_PADDR, 0xe0000, 8);
    assert_int_equal(parse(40), -EINVAL);
    assert_int_equal(info.memory_count, 0);
    assert_int_equal(info.acpi_rsdp, 0xe0000);
    assert_non_null(info.problem);

    setup(NULL);
    put(VERSION, 0, 4);
    assert_int_equal(parse(56), -EINVAL);
    assert_int_equal(info.memory_count, 0);
}

static void truncated_start_info(void **state)
{
    assert_int_equal(parse(55), -EINVAL);
    assert_non_null(info.problem);
    assert_int_equal(info.memory_count, 0);
}

static void wrong_magic_or_absent(void **state)
{
    put(MAGIC, 0x336ec579, 4);
    assert_int_equal(parse(56), -EINVAL);
    assert_non_null(info.problem);
    assert_int_equal(info.memory_count, 0);
    assert_int_equal(boot_parse_pvh(&info, &loader_memory_reader, 0x123456), -EINVAL);
    assert_non_null(info.problem);
}

static void memory_map_out_of_reach(void **state)
{
    put(MEMMAP_ENTRIES, 5, 4);
    assert_int_equal(parse(56), -EINVAL);
    assert_non_null(info.problem);
    setup(NULL);
    put(MEMMAP_ENTRIES, UINT32_MAX, 4);
    assert_int_equal(parse(56), -EINVAL);
    setup(NULL);
    put(MEMMAP_PADDR, UINT64_MAX - 3, 8);
    assert_int_equal(parse(56), -EINVAL);
}

static void bad_modules_are_refused_and_the_rest_kept(void **state)
{
    static const uint64_t modules[][4] = {
        { 0x200000, UINT64_MAX, 0, 0 },
        { 0x400000, 16, 0, 0 },
        { UINT64_MAX, 2, 0, 0 },
    };
    loader_memory_add(MODULES_PA, modules, sizeof modules);
    loader_memory_add(0x400000, start, 16);
    put(MODLIST_PADDR, MODULES_PA, 8);
    put(NR_MODULES, 3, 4);
    assert_int_equal(parse(56), -EINVAL);
    assert_int_equal(info.module_count, 1);
    assert_int_equal(info.module[0].start, 0x400000);
    assert_int_equal(info.memory_count, 3);
}

static void module_count_is_bounded(void **state)
{
    static uint64_t modules[BOOT_MODULES_MAX + 1][4];
    loader_memory_add(MODULES_PA, modules, sizeof modules);
    put(MODLIST_PADDR, MODULES_PA, 8);
    put(NR_MODULES, UINT32_MAX, 4);
    assert_int_equal(parse(56), -EINVAL);
    assert_int_equal(info.module_count, BOOT_MODULES_MAX);
    assert_non_null(info.problem);
}

static void command_line_is_cut_and_terminated(void **state)
{
    static char text[BOOT_COMMAND_LINE_MAX + 1];
    memset(text, 'x', sizeof text);
    loader_memory_add(0x500000, text, sizeof text);
    put(CMDLINE_PADDR, 0x500000, 8);
    assert_int_equal(parse(56), -EINVAL);
    assert_int_equal(strlen(info.command_line), BOOT_COMMAND_LINE_MAX - 1);
    assert_int_equal(info.memory_count, 2);

    setup(NULL);
    loader_memory_add(0x500000, "abc", 3); /* no zero within reach */
    put(CMDLINE_PADDR, 0x500000, 8);
    assert_int_equal(parse(56), -EINVAL);
    assert_string_equal(info.command_line, "abc");

    setup(NULL);
    text[BOOT_COMMAND_LINE_MAX - 1] = 0; /* the longest that fits */
    loader_memory_add(0x500000, text, sizeof text);
    put(CMDLINE_PADDR, 0x500000, 8);
    assert_int_equal(parse(56), 0);
    assert_int_equal(strlen(info.command_line), BOOT_COMMAND_LINE_MAX - 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(memory_map_of_version_1),
        T(reserved_wins_over_ram),
        T(command_line_modules_and_rsdp),
        T(rsdp_in_ram_is_kept),
        T(version_0_has_no_memory_map),
        T(truncated_start_info),
        T(wrong_magic_or_absent),
        T(memory_map_out_of_reach),
        T(bad_modules_are_refused_and_the_rest_kept),
        T(module_count_is_bounded),
        T(command_line_is_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
