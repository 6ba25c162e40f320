/* boot/multiboot.c: Multiboot2 2.0 section 3.6 and Multiboot 0.6.96 section 3.3. */
#include "boot/boot_info.h"

#include "tests/models/loader_memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define INFO_PA 0x10000u

static struct boot_info info;
static uint8_t bytes[16384];
static uint32_t length;

static void put32(uint32_t at, uint32_t value)
{
    memcpy(bytes + at, &value, 4);
}

/* Appends one tag, padded, its size field as given. */
static void add_sized_tag(uint32_t type, uint32_t size, const void *body, size_t n)
{
    put32(length, type);
    put32(length + 4, size);
    memcpy(bytes + length + 8, body, n);
    length = (length + 8 + (uint32_t)n + 7) & ~7u;
}

static void add_tag(uint32_t type, const void *body, size_t n)
{
    add_sized_tag(type, 8 + (uint32_t)n, body, n);
}

struct map_row {
    uint64_t base, size;
    uint32_t type, zero;
};

static void add_map_tag(uint32_t entry_size, const struct map_row *rows, unsigned n)
{
    uint8_t body[512] = { 0 };
    memcpy(body, &entry_size, 4);
    for (unsigned i = 0; i < n; i++)
        memcpy(body + 8 + i * (size_t)entry_size, &rows[i], sizeof rows[i]);
    add_tag(6, body, 8 + n * (size_t)entry_size);
}

static const struct map_row two_rows[] = {
    { 0, 0x9fc00, 1, 0 },
    { 0x100000, 0x7f00000, 1, 0 },
};

static int setup(void **state)
{
    loader_memory_reset();
    memset(&info, 0xa5, sizeof info);
    memset(bytes, 0, sizeof bytes);
    length = 8;
    return 0;
}

static int teardown(void **state)
{
    loader_memory_reset();
    return 0;
}

static int parse_sized(uint32_t total, uint32_t present)
{
    put32(0, total);
    loader_memory_add(INFO_PA, bytes, present);
    return boot_parse_multiboot2(&info, &loader_memory_reader, INFO_PA);
}

static int parse(void)
{
    add_tag(0, "", 0);
    return parse_sized(length, length);
}

static void tags_are_taken_and_unknown_ones_skipped(void **state)
{
    struct {
        uint32_t start, end;
        char text[12];
    } module = { 0x200000, 0x200040, "config" };
    loader_memory_add(0x200000, bytes, 0x40);
    add_tag(1, "console=ttyS0 iommu=on", 23);
    add_tag(2, "GRUB 2.06", 10);
    add_tag(3, &module, sizeof module);
    add_map_tag(24, two_rows, 2);
    add_tag(0x1234, "future", 6);
    assert_int_equal(parse(), 0);
    assert_string_equal(info.protocol, "Multiboot2");
    assert_string_equal(info.command_line, "console=ttyS0 iommu=on");
    assert_int_equal(info.module_count, 1);
    assert_int_equal(info.module[0].start, 0x200000);
    assert_int_equal(info.module[0].size, 0x40);
    assert_int_equal(info.memory_count, 3);
    assert_int_equal(info.memory[1].start, 0x100000);
    assert_int_equal(info.memory[1].size, 0x100000);
    assert_int_equal(info.memory[2].start, 0x200040);
    assert_int_equal(info.acpi_rsdp, 0);
}

/* 3.6.12. */
static void add_framebuffer_tag(uint8_t type, uint8_t bits, uint32_t pitch)
{
    struct {
        uint64_t address;
        uint32_t pitch, width, height;
        uint8_t bits, type;
        uint16_t reserved;
        uint8_t color[6];
    } __attribute__((packed))
    body = { 0x80000000, pitch, 800, 600, bits, type, 0, { 16, 8, 8, 8, 0, 8 } };
    add_tag(8, &body, sizeof body);
}

static void a_framebuffer_is_described(void **state)
{
    add_map_tag(24, two_rows, 2);
    add_framebuffer_tag(1, 32, 3200);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.framebuffer.base, 0x80000000);
    assert_int_equal(info.framebuffer.size, 3200 * 600);
    assert_int_equal(info.framebuffer.width, 800);
    assert_int_equal(info.framebuffer.height, 600);
    assert_int_equal(info.framebuffer.bits, 32);
    assert_int_equal(info.framebuffer.red, 0xff0000);
    assert_int_equal(info.framebuffer.green, 0xff00);
    assert_int_equal(info.framebuffer.blue, 0xff);
}

static void text_and_palettes_are_no_framebuffer(void **state)
{
    add_map_tag(24, two_rows, 2);
    add_framebuffer_tag(2, 16, 160);
    add_framebuffer_tag(0, 8, 800);
    add_sized_tag(8, 37, bytes, 30); /* the last colour is missing */
    assert_int_equal(parse(), 0);
    assert_int_equal(info.framebuffer.base, 0);
}

static void a_framebuffer_that_lies_is_forgotten(void **state)
{
    add_map_tag(24, two_rows, 2);
    add_framebuffer_tag(1, 32, 3199);
    assert_int_equal(parse(), -EINVAL);
    assert_non_null(strstr(info.problem, "framebuffer"));
    assert_int_equal(info.framebuffer.base, 0);
}

/* 3.6.8: the OS steps by entry_size, which may grow. */
static void longer_map_entries_are_stepped_over(void **state)
{
    add_map_tag(40, two_rows, 2);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[1].size, 0x7f00000);
}

/* 3.6.8: type 3 is ACPI, 4 NVS, 5 defective; all but 1 belong to others. */
static void only_type_1_is_usable(void **state)
{
    static const struct map_row rows[] = {
        { 0x3000, 0x1000, 3, 0 }, { 0x5000, 0x1000, 4, 0 },  { 0x7000, 0x1000, 5, 0 },
        { 0, 0x10000, 1, 0 },     { 0x20000, 0x1000, 2, 0 },
    };
    add_map_tag(24, rows, 5);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.memory_count, 4);
    assert_int_equal(info.memory[0].size, 0x3000);
    assert_int_equal(info.memory[3].start, 0x8000);
}

/* The tag holds a copy of the RSDP: its address is handed on, newer first, and
 * the copy is not usable RAM. */
static void rsdp_is_the_copy_in_the_tag(void **state)
{
    uint8_t rsdp[36] = "RSD PTR ";
    uint32_t old, new;
    add_map_tag(24, two_rows, 2);
    new = length;
    add_tag(15, rsdp, 36);
    old = length;
    add_tag(14, rsdp, 20);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.acpi_rsdp, INFO_PA + new + 8);
    assert_int_equal(info.memory_count, 3);
    assert_int_equal(info.memory[0].size, INFO_PA + new + 8);
    assert_int_equal(info.memory[1].start, INFO_PA + new + 8 + 36);

    setup(NULL);
    add_map_tag(24, two_rows, 2);
    add_tag(14, rsdp, 20);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.acpi_rsdp, INFO_PA + old - 48 + 8);
}

static void tags_without_an_end(void **state)
{
    add_map_tag(24, two_rows, 2);
    assert_int_equal(parse_sized(length, length), -EINVAL);
    assert_non_null(info.problem);
    assert_int_equal(info.memory_count, 2); /* what was there is kept */
}

static void a_tag_may_not_be_shorter_than_its_header_nor_pass_the_end(void **state)
{
    static const uint32_t sizes[] = { 0, 7, 25, 0xfffffff9, 0xffffffff };
    for (unsigned i = 0; i < 5; i++) {
        setup(NULL);
        add_sized_tag(1, sizes[i], "x", 2);
        add_tag(0, "", 0);
        assert_int_equal(parse_sized(length, length), -EINVAL);
        assert_non_null(info.problem);
        assert_string_equal(info.command_line, "");
    }
}

static void short_module_and_map_tags(void **state)
{
    add_tag(3, "1234567", 7);
    add_map_tag(24, two_rows, 2);
    assert_int_equal(parse(), -EINVAL);
    assert_int_equal(info.module_count, 0);
    assert_int_equal(info.memory_count, 2);

    setup(NULL);
    add_tag(6, "1234567", 7);
    assert_int_equal(parse(), -EINVAL);
    assert_int_equal(info.memory_count, 0);

    setup(NULL);
    add_map_tag(24, two_rows, 2);
    put32(16, 0); /* entry_size 0 would never end */
    assert_int_equal(parse(), -EINVAL);
    assert_int_equal(info.memory_count, 0);
}

/* Nothing behind the header of the last tag may be looked at. */
static void empty_tags_at_the_very_end(void **state)
{
    static const uint32_t types[] = { 1, 3, 6, 14, 15 };
    for (unsigned i = 0; i < 5; i++) {
        setup(NULL);
        add_tag(types[i], "", 0);
        assert_int_equal(parse_sized(length, length), -EINVAL);
        assert_int_equal(info.memory_count, 0);
        assert_int_equal(info.module_count, 0);
    }
}

/* A map cut within a row gives the whole rows before it. */
static void half_a_map_row_is_ignored(void **state)
{
    add_map_tag(24, two_rows, 2);
    put32(12, 8 + 8 + 47);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.memory_count, 1);
}

static void command_line_without_a_zero(void **state)
{
    add_map_tag(24, two_rows, 2);
    add_tag(1, "abc", 3);
    assert_int_equal(parse(), -EINVAL);
    assert_string_equal(info.command_line, "abc");
}

static void long_command_line_is_cut(void **state)
{
    static char text[BOOT_COMMAND_LINE_MAX + 2];
    memset(text, 'y', sizeof text - 1);
    add_map_tag(24, two_rows, 2);
    add_tag(1, text, sizeof text);
    assert_int_equal(parse(), -EINVAL);
    assert_int_equal(strlen(info.command_line), BOOT_COMMAND_LINE_MAX - 1);
    assert_int_equal(info.memory_count, 2);
}

static void module_that_ends_before_it_starts_or_is_absent(void **state)
{
    uint32_t backwards[3] = { 0x2000, 0x1000, 0 }, absent[3] = { 0x900000, 0x900001, 0 };
    add_map_tag(24, two_rows, 2);
    add_tag(3, backwards, sizeof backwards);
    add_tag(3, absent, sizeof absent);
    assert_int_equal(parse(), -EINVAL);
    assert_string_equal(info.problem, "module: ends before it starts");
    assert_int_equal(info.module_count, 0);
    assert_int_equal(info.memory_count, 2);
}

static void total_size_is_checked(void **state)
{
    add_map_tag(24, two_rows, 2);
    add_tag(0, "", 0);
    assert_int_equal(parse_sized(length + 8, length), -EINVAL);
    assert_int_equal(info.memory_count, 0);
    setup(NULL);
    assert_int_equal(parse_sized(7, 64), -EINVAL);
    setup(NULL);
    assert_int_equal(parse_sized(0xffffffff, 64), -EINVAL);
    setup(NULL);
    assert_int_equal(parse_sized(8, 8), -EINVAL);
}

/* Multiboot1 ------------------------------------------------------------------ */

static uint8_t mb1[52];

static int mb1_setup(void **state)
{
    setup(state);
    memset(mb1, 0, sizeof mb1);
    return 0;
}

static void mb1_put(unsigned at, uint32_t value)
{
    memcpy(mb1 + at, &value, 4);
}

static void mb1_flag(uint32_t flag)
{
    mb1[0] |= (uint8_t)flag;
}

static int mb1_parse(void)
{
    loader_memory_add(INFO_PA, mb1, sizeof mb1);
    return boot_parse_multiboot1(&info, &loader_memory_reader, INFO_PA);
}

static void mb1_lower_and_upper_memory(void **state)
{
    mb1_flag(0x1);
    mb1_put(4, 639);
    mb1_put(8, 0xfffff000);
    assert_int_equal(mb1_parse(), 0);
    assert_string_equal(info.protocol, "Multiboot1");
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[0].size, 639 * 1024);
    assert_int_equal(info.memory[1].start, 0x100000);
    assert_int_equal(info.memory[1].size, 0xfffff000ull * 1024);
}

static void mb1_add_map(const uint8_t *rows, uint32_t size)
{
    loader_memory_add(0x20000, rows, size);
    mb1_flag(0x41);
    mb1_put(4, 1); /* the map, when there is one, is the better source */
    mb1_put(44, size);
    mb1_put(48, 0x20000);
}

static void mb1_memory_map_rows_carry_their_size(void **state)
{
    uint8_t rows[24 + 32] = { 20 };
    memcpy(rows + 4, &two_rows[0], 20);
    rows[24] = 28;
    memcpy(rows + 28, &two_rows[1], 20);
    mb1_add_map(rows, sizeof rows);
    assert_int_equal(mb1_parse(), 0);
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[0].size, 0x9fc00);
    assert_int_equal(info.memory[1].size, 0x7f00000);
}

static void mb1_memory_map_row_of_impossible_size(void **state)
{
    static const uint32_t sizes[] = { 0, 19, 21, 0xfffffffc, 0xffffffff };
    for (unsigned i = 0; i < 5; i++) {
        uint8_t rows[24] = { 0 };
        mb1_setup(NULL);
        memcpy(rows, &sizes[i], 4);
        memcpy(rows + 4, &two_rows[0], 20);
        mb1_add_map(rows, sizeof rows);
        assert_int_equal(mb1_parse(), -EINVAL);
        assert_int_equal(info.memory_count, 0);
    }
}

static void mb1_fields_without_their_flag_are_not_read(void **state)
{
    memset(mb1 + 4, 0xff, sizeof mb1 - 4);
    assert_int_equal(mb1_parse(), -EINVAL); /* no memory, nothing else */
    assert_int_equal(info.module_count, 0);
    assert_string_equal(info.command_line, "");

    uint8_t rows[24] = { 20 };
    mb1_setup(NULL);
    memcpy(rows + 4, &two_rows[1], 20);
    mb1_add_map(rows, sizeof rows);
    mb1[0] = 0x1; /* mem_lower and mem_upper alone */
    assert_int_equal(mb1_parse(), 0);
    assert_int_equal(info.memory_count, 1);
    assert_int_equal(info.memory[0].size, 1024);
}

static void mb1_modules(void **state)
{
    static const uint32_t modules[2][4] = { { 0x300000, 0x300010, 0, 0 },
                                            { 0x400000, 0x400020, 0, 0 } };
    loader_memory_add(0x30000, modules, sizeof modules);
    loader_memory_add(0x300000, bytes, 16);
    loader_memory_add(0x400000, bytes, 32);
    mb1_flag(0x9);
    mb1_put(8, 0x10000);
    mb1_put(20, 2);
    mb1_put(24, 0x30000);
    assert_int_equal(mb1_parse(), 0);
    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.module[1].start, 0x400000);
    assert_int_equal(info.module[1].size, 32);
    assert_int_equal(info.memory_count, 3);
    loader_memory_reset();
    mb1_put(20, 0xffffffff);
    assert_int_equal(mb1_parse(), -EINVAL);
    assert_int_equal(info.module_count, 0);
}

static void mb1_command_line(const char *text, const char *expected)
{
    mb1_setup(NULL);
    loader_memory_add(0x40000, text, strlen(text) + 1);
    mb1_flag(0x5);
    mb1_put(8, 1024);
    mb1_put(16, 0x40000);
    assert_int_equal(mb1_parse(), 0);
    assert_string_equal(info.command_line, expected);
}

/* Seen: iPXE hands over "URI arguments", QEMU "FILE arguments", GRUB 2 only the
 * arguments. */
static void mb1_image_name_is_dropped(void **state)
{
    mb1_command_line("tftp://10.0.2.2/millrace.elf?a=b console=ttyS0 -- start",
                     "console=ttyS0 -- start");
    mb1_command_line("build/millrace.elf  iommu=off", "iommu=off");
    mb1_command_line("millrace.elf", "");
    mb1_command_line("console=ttyS0 iommu=off", "console=ttyS0 iommu=off");
    mb1_command_line("virtio_mmio.device=512@0xfeb00e00:12 -- stop",
                     "virtio_mmio.device=512@0xfeb00e00:12 -- stop");
    mb1_command_line("-- forward l2", "-- forward l2");
    mb1_command_line("", "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T1(f) cmocka_unit_test_setup_teardown(f, mb1_setup, teardown)
    const struct CMUnitTest tests[] = {
        T(tags_are_taken_and_unknown_ones_skipped),
        T(a_framebuffer_is_described),
        T(text_and_palettes_are_no_framebuffer),
        T(a_framebuffer_that_lies_is_forgotten),
        T(longer_map_entries_are_stepped_over),
        T(only_type_1_is_usable),
        T(rsdp_is_the_copy_in_the_tag),
        T(tags_without_an_end),
        T(a_tag_may_not_be_shorter_than_its_header_nor_pass_the_end),
        T(short_module_and_map_tags),
        T(empty_tags_at_the_very_end),
        T(half_a_map_row_is_ignored),
        T(command_line_without_a_zero),
        T(long_command_line_is_cut),
        T(module_that_ends_before_it_starts_or_is_absent),
        T(total_size_is_checked),
        T1(mb1_lower_and_upper_memory),
        T1(mb1_memory_map_rows_carry_their_size),
        T1(mb1_memory_map_row_of_impossible_size),
        T1(mb1_fields_without_their_flag_are_not_read),
        T1(mb1_modules),
        T1(mb1_image_name_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
