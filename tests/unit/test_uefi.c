/* The UEFI front door: what boot/efi/ hands over becomes a boot_info.  UEFI 2.10 7.2. */
#include "boot/boot_info.h"
#include "boot/uefi.h"
#include "tests/models/loader_memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#define HANDOVER 0x7000000u
#define MAP 0x7100000u
#define ROW 48u /* firmware's rows are longer than ours: UEFI 2.10 7.2.3, DescriptorSize */

static struct boot_info info;
static struct uefi_handover handover;
static uint8_t map[16 * ROW];
static unsigned rows;

static void row_add(uint32_t type, uint64_t start, uint64_t pages, uint64_t attribute)
{
    const struct uefi_memory m = {
        .type = type, .physical_start = start, .pages = pages, .attribute = attribute
    };
    memcpy(map + rows++ * ROW, &m, sizeof m);
}

static int set_up(void **state)
{
    loader_memory_reset();
    memset(&info, 0xee, sizeof info);
    memset(map, 0xee, sizeof map);
    rows = 0;
    handover = (struct uefi_handover){ .magic = UEFI_HANDOVER_MAGIC,
                                       .start_tsc = 4711,
                                       .memory_map = MAP,
                                       .descriptor_size = ROW,
                                       .acpi_rsdp = 0x7f00014 };
    return 0;
}

static int parse(void)
{
    handover.memory_map_size = rows * ROW;
    loader_memory_add(HANDOVER, &handover, sizeof handover);
    loader_memory_add(MAP, map, rows * ROW);
    return boot_parse_uefi(&info, &loader_memory_reader, HANDOVER);
}

/* Table 7.10: loader and boot services memory is the operating system's afterwards. */
static void what_firmware_gives_up_is_ram(void **state)
{
    static const bool ours[] = { false, true,  true,  true,  true,  false, false, true,
                                 false, false, false, false, false, false, false, false };
    for (uint32_t type = 0; type < 16; type++) {
        set_up(state);
        row_add(7, 0x100000, 16, 0xf);
        row_add(type, 0x200000, 16, 0xf);
        assert_int_equal(parse(), 0);
        assert_int_equal(info.memory_count, ours[type] ? 2 : 1);
    }
    assert_string_equal(info.protocol, "UEFI");
    assert_int_equal(info.start_tsc, 4711);
    assert_int_equal(info.acpi_rsdp, 0x7f00014);
}

/* Rows that cannot be cached are no ordinary RAM, and what another row claims is not given away. */
static void overlaps_and_odd_memory_are_not_ram(void **state)
{
    row_add(7, 0x100000, 256, 0xf);
    row_add(6, 0x180000, 1, 0x800000000000000full);
    row_add(7, 0x4000000, 16, 0x1);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[0].size, 0x80000);
    assert_int_equal(info.memory[1].start, 0x181000);
    assert_int_equal(info.memory[1].size, 0x7f000);
}

/* The files that the application read are kept out of the RAM that is given out. */
static void configuration_and_command_line_arrive(void **state)
{
    static const char line[] = "loglevel=debug -- forward l2", text[] = "forward io\n";
    row_add(2, 0x300000, 16, 0xf);
    handover.command_line = 0x300000;
    handover.configuration = 0x301000;
    handover.configuration_size = sizeof text - 1;
    loader_memory_add(0x300000, line, sizeof line);
    loader_memory_add(0x301000, text, sizeof text);
    assert_int_equal(parse(), 0);
    assert_string_equal(info.command_line, line);
    assert_int_equal(info.module_count, 1);
    assert_int_equal(info.module[0].size, sizeof text - 1);
    assert_int_equal(info.memory[0].size, 0x1000);
}

static void lies_are_named(void **state)
{
    row_add(7, 0x100000, UINT64_MAX, 0xf); /* wraps: nobody's */
    row_add(7, 0x200000, 16, 0xf);
    handover.descriptor_size = 39;
    assert_int_equal(parse(), -EINVAL);
    assert_non_null(strstr(info.problem, "rows too short"));
    set_up(state);
    row_add(7, 0x200000, 16, 0xf);
    handover.framebuffer = (struct uefi_framebuffer){ .base = 0x80000000,
                                                      .size = 1024,
                                                      .width = 640,
                                                      .height = 480,
                                                      .stride = 640,
                                                      .red = 0xff0000,
                                                      .green = 0xff00,
                                                      .blue = 0xff };
    assert_int_equal(parse(), -EINVAL);
    assert_non_null(strstr(info.problem, "framebuffer"));
    assert_int_equal(info.framebuffer.base, 0);
    assert_int_equal(info.memory_count, 1);
    set_up(state);
    handover.magic = 0;
    assert_int_equal(parse(), -EINVAL);
}

static void a_framebuffer_is_described(void **state)
{
    row_add(7, 0x200000, 16, 0xf);
    handover.framebuffer = (struct uefi_framebuffer){ .base = 0x80000000,
                                                      .size = 0x400000,
                                                      .width = 800,
                                                      .height = 600,
                                                      .stride = 1024,
                                                      .red = 0xff0000,
                                                      .green = 0xff00,
                                                      .blue = 0xff,
                                                      .bits = 32 };
    assert_int_equal(parse(), 0);
    assert_int_equal(info.framebuffer.pitch, 4096);
    assert_int_equal(info.framebuffer.bits, 32);
    handover.framebuffer.bits = 24;
    loader_memory_reset();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.framebuffer.pitch, 3072);
    assert_int_equal(info.framebuffer.bits, 24);
}

static void a_configuration_that_cannot_be_read_is_told(void **state)
{
    row_add(7, 0x200000, 16, 0xf);
    handover.configuration_lost = UEFI_LOST_UNREADABLE;
    assert_int_equal(parse(), 0);
    assert_non_null(strstr(info.configuration_lost, "firmware could not read the file"));
    handover.configuration_lost = UEFI_LOST_TOO_LONG;
    loader_memory_reset();
    assert_int_equal(parse(), 0);
    assert_non_null(strstr(info.configuration_lost, "expected at most 1 MiB"));
    handover.configuration_lost = UEFI_LOST_NOTHING;
    loader_memory_reset();
    assert_int_equal(parse(), 0);
    assert_null(info.configuration_lost);
    assert_int_equal(info.module_count, 0);
    assert_int_equal(info.memory_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_firmware_gives_up_is_ram, set_up),
        cmocka_unit_test_setup(overlaps_and_odd_memory_are_not_ram, set_up),
        cmocka_unit_test_setup(configuration_and_command_line_arrive, set_up),
        cmocka_unit_test_setup(lies_are_named, set_up),
        cmocka_unit_test_setup(a_framebuffer_is_described, set_up),
        cmocka_unit_test_setup(a_configuration_that_cannot_be_read_is_told, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
