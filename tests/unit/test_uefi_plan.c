/* The UEFI application's own decisions: boot/efi/plan/elf.c and words.c. */
#include "boot/efi/plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Load options ---------------------------------------------------------------------- */

static char line[64];

static bool read_wide(const char *text)
{
    uint8_t bytes[256] = { 0 };
    for (size_t i = 0; text[i]; i++)
        bytes[2 * i] = (uint8_t)text[i];
    return options_read(bytes, (uint32_t)(2 * strlen(text) + 2), line, sizeof line);
}

/* UEFI 2.10 9.1: whoever starts an application decides what its load options are. */
static void the_name_in_front_is_dropped(void **state)
{
    static const struct {
        const char *options, *line;
    } rows[] = {
        { "", "" },
        { "millrace", "" },
        { "quiet loglevel=debug", "quiet loglevel=debug" },
        { "CONSOLE=ttyS0 -- stop", "CONSOLE=ttyS0 -- stop" },
        { "--forward l2", "--forward l2" },
        { "millrace.efi loglevel=debug", "loglevel=debug" },
        { "FS0:\\EFI\\a=b\\millrace.efi -- forward l2", "-- forward l2" },
        { "\"fs0:\\my files\\millrace.efi\" -- stop", "-- stop" },
        { "\"unterminated -- stop", "-- stop" },
        { "loglevel=debug -- forward l2", "loglevel=debug -- forward l2" },
        { "-- forward l2", "-- forward l2" },
        { "--", "--" },
        { "  \t iommu=off", "iommu=off" },
        { "virtio_mmio.device=512@0xfeb00e00:12", "virtio_mmio.device=512@0xfeb00e00:12" },
        { "iommu=off\r\n", "iommu=off  " },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(read_wide(rows[i].options));
        assert_string_equal(line, rows[i].line);
    }
}

static void options_may_be_bytes(void **state)
{
    assert_true(options_read("iommu=off", 9, line, sizeof line)); /* without an end */
    assert_string_equal(line, "iommu=off");
    assert_true(options_read("x: iommu=off\0junk", 17, line, sizeof line));
    assert_string_equal(line, "iommu=off");
}

static void what_is_no_text_is_refused(void **state)
{
    static const uint8_t binary[] = { 'B', 'O', 1, 0 }, chinese[] = { 'a', 0, 0x2d, 0x4e };
    assert_false(options_read(binary, sizeof binary, line, sizeof line));
    assert_string_equal(line, "");
    assert_false(options_read(chinese, sizeof chinese, line, sizeof line));
    assert_string_equal(line, "");
    assert_true(options_read(NULL, 0, line, sizeof line));
    assert_string_equal(line, "");
    assert_true(options_read("a", 1, line, sizeof line));
}

static void long_options_are_cut(void **state)
{
    char text[200];
    memset(text, 'a', sizeof text);
    memcpy(text, "key=", 4);
    assert_true(options_read(text, sizeof text, line, sizeof line));
    assert_int_equal(strlen(line), sizeof line - 1);
}

/* Names --------------------------------------------------------------------------- */

static void a_configuration_is_called_after_a_mac_address(void **state)
{
    static const uint8_t mac[] = { 0x02, 0x00, 0xab, 0xcd, 0xef, 0x01 };
    char name[CONFIGURATION_NAME_MAX];
    configuration_name(mac, name);
    assert_string_equal(name, "millrace-02-00-ab-cd-ef-01.conf");
    configuration_name(NULL, name);
    assert_string_equal(name, "millrace.conf");
}

static void a_file_lies_beside_another(void **state)
{
    char to[32];
    assert_true(path_beside("http://h:8/a/millrace.efi?x=/y", "c", to, sizeof to));
    assert_string_equal(to, "http://h:8/a/c");
    assert_true(path_beside("millrace.efi", "c", to, sizeof to));
    assert_string_equal(to, "c");
    assert_true(path_beside("boot\\x64\\millrace.efi", "c", to, sizeof to));
    assert_string_equal(to, "boot\\x64\\c");
    assert_true(path_beside("/", "123456789012345678901234567890", to, sizeof to));
    assert_false(path_beside("/", "1234567890123456789012345678901", to, sizeof to));
}

static const uint16_t *wide(const char *text)
{
    static uint16_t out[64];
    unsigned n = 0;
    do
        out[n] = (uint8_t)text[n];
    while (text[n++]);
    return out;
}

/* UEFI 2.10 10.3.5.4: GRUB has the folder in one node and the file in the next. */
static void nodes_of_a_path_are_joined(void **state)
{
    static const char *const rows[][3] = {
        { "\\EFI\\a\\b.efi", "", "\\EFI\\a\\b.efi\\" },
        { "\\EFI\\a", "b.efi", "\\EFI\\a\\b.efi" },
        { "\\EFI\\a\\", "b.efi", "\\EFI\\a\\b.efi" },
        { "EFI\\a\\", "\\b.efi", "\\EFI\\a\\b.efi" },
    };
    uint16_t path[64];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned n = path_append(path, 0, 1, NULL, 0);
        for (unsigned node = 0; node < 2; node++)
            n = path_append(path, n, 64, (const uint8_t *)wide(rows[i][node]),
                            (unsigned)strlen(rows[i][node]) + 1);
        assert_int_equal(n, strlen(rows[i][2]));
        assert_memory_equal(path, wide(rows[i][2]), 2 * n);
    }
    assert_int_equal(path_append(path, 5, 8, (const uint8_t *)wide("abcdef"), 6), 8);
    assert_int_equal(path_append(path, 8, 8, (const uint8_t *)wide("abcdef"), 6), 8);
}

/* Boot offers (RFC 2131 2, RFC 2132 9) --------------------------------------------------- */

static uint8_t packet[548];

static void offer_begin(void)
{
    memset(packet, 0, sizeof packet);
    memcpy(packet + 236, "\x63\x82\x53\x63", 4);
}

static struct boot_offer offer;

static bool offer_read(const char *options, unsigned n)
{
    memcpy(packet + 240, options, n);
    return boot_offer_read(packet, sizeof packet, &offer);
}

static void an_offer_names_file_and_server(void **state)
{
    static const uint8_t next[] = { 10, 0, 2, 4 }, server[] = { 10, 0, 2, 3 };
    offer_begin();
    memcpy(packet + 108, "dir/millrace.efi", 16);
    memcpy(packet + 20, next, 4);
    assert_true(offer_read("\x36\x04\x0a\x00\x02\x03\xff", 7));
    assert_string_equal(offer.file, "dir/millrace.efi");
    assert_memory_equal(offer.server, next, 4);
    memset(packet + 20, 0, 4);
    assert_true(offer_read("\x00\x43\x03x/y\x36\x04\x0a\x00\x02\x03\xff", 13));
    assert_string_equal(offer.file, "x/y");
    assert_memory_equal(offer.server, server, 4);
}

/* RFC 2132 9.3: with option 52 the field `file` holds options instead. */
static void options_may_go_on_in_the_header(void **state)
{
    offer_begin();
    memcpy(packet + 108, "\x43\x02hi\xff", 5);
    assert_true(offer_read("\x34\x01\x01\x36\x04\x0a\x00\x02\x03\xff", 10));
    assert_string_equal(offer.file, "hi");
    memcpy(packet + 108, "\xff", 1);
    assert_false(boot_offer_read(packet, sizeof packet, &offer));
}

static void an_offer_without_file_server_or_cookie_is_none(void **state)
{
    offer_begin();
    assert_false(offer_read("\x36\x04\x0a\x00\x02\x03\xff", 7));
    memcpy(packet + 108, "f", 1);
    assert_true(offer_read("\x36\x04\x0a\x00\x02\x03\xff", 7));
    assert_false(offer_read("\x36\x03\x0a\x00\x02\x03\xff", 7));
    assert_false(boot_offer_read(packet, 239, &offer));
    assert_true(offer_read("\x36\x04\x0a\x00\x02\x03\xff", 7));
    packet[236] = 0;
    assert_false(boot_offer_read(packet, sizeof packet, &offer));
}

/* The carried image ------------------------------------------------------------------- */

static struct {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, unused[3];
    struct {
        uint32_t type, flags;
        uint64_t offset, vaddr, paddr, filesz, memsz, align;
    } segment[2];
} elf;

static struct departure plan;
static struct image_place place;

static bool segments(void)
{
    return image_segments((const uint8_t *)&elf, sizeof elf, &plan, &place);
}

static void elf_begin(void)
{
    memset(&elf, 0, sizeof elf);
    memcpy(elf.ident,
           "\x7f"
           "ELF",
           4);
    elf.entry = 0x100010;
    elf.phoff = 64;
    elf.phentsize = 56;
    elf.phnum = 2;
    elf.segment[0].type = elf.segment[1].type = 1;
    elf.segment[0].paddr = 0x100000, elf.segment[1].paddr = 0x102000;
    elf.segment[0].filesz = 64, elf.segment[0].memsz = 0x1800;
    elf.segment[1].offset = 64, elf.segment[1].filesz = 112, elf.segment[1].memsz = 112;
}

static void segments_go_where_they_say(void **state)
{
    elf_begin();
    assert_true(segments());
    assert_int_equal(plan.segments, 2);
    assert_int_equal(plan.entry, 0x100010);
    assert_int_equal(plan.segment[0].to, 0x100000);
    assert_int_equal(plan.segment[0].bytes, 64);
    assert_int_equal(plan.segment[0].zeros, 0x17c0);
    assert_int_equal(plan.segment[1].from, 64);
    assert_int_equal(place.start, 0x100000);
    assert_int_equal(place.end, 0x102070);
    elf.segment[0].type = 4; /* a note */
    elf.entry = 0x102000;
    assert_true(segments());
    assert_int_equal(plan.segments, 1);
}

static void a_broken_image_is_none(void **state)
{
    elf_begin();
    elf.segment[1].filesz = UINT64_MAX - 63; /* ends at 0 */
    elf.segment[1].memsz = UINT64_MAX;
    assert_false(segments());
    elf_begin();
    elf.segment[1].memsz = 111;
    assert_false(segments());
    elf_begin();
    elf.segment[1].paddr = FOUR_GIB - 64;
    assert_false(segments());
    elf_begin();
    elf.phoff = UINT64_MAX - 7;
    assert_false(segments());
    elf_begin();
    elf.phnum = 3;
    assert_false(segments());
    elf_begin();
    elf.entry = 0x102070;
    assert_false(segments());
    elf_begin();
    elf.ident[1] = 'e';
    assert_false(segments());
}

/* Where it goes ----------------------------------------------------------------------- */

static struct uefi_memory map[4];

static const struct uefi_memory *in_the_way(unsigned rows)
{
    const struct image_place wanted = { .start = 0x100000, .end = 0x1ad001 };
    return memory_in_the_way((const uint8_t *)map, rows * sizeof map[0], sizeof map[0], wanted);
}

/* UEFI 2.10 table 7.10: whatever ends with boot services may be overwritten after them. */
static void the_place_may_be_what_firmware_gives_up(void **state)
{
    map[0] =
        (struct uefi_memory){ .type = 7, .physical_start = 0, .pages = 0x180, .attribute = 0xf };
    map[1] = (struct uefi_memory){
        .type = 4, .physical_start = 0x180000, .pages = 0x2d, .attribute = 0xf
    };
    map[2] =
        (struct uefi_memory){ .type = 2, .physical_start = 0x1ad000, .pages = 1, .attribute = 0xf };
    map[3] = (struct uefi_memory){
        .type = 6, .physical_start = 0x1ae000, .pages = 0x100, .attribute = 0xf
    };
    assert_null(in_the_way(4));
    assert_non_null(in_the_way(2)); /* the last page is not told of */
    map[1].type = 6;
    assert_ptr_equal(in_the_way(4), &map[1]);
    map[1].type = 4;
    map[3].physical_start = 0x1ad000;
    assert_ptr_equal(in_the_way(4), &map[3]);
    map[3].pages = UINT64_MAX;
    assert_ptr_equal(in_the_way(4), &map[3]);
}

static void a_map_of_short_rows_says_nothing(void **state)
{
    const struct image_place wanted = { .start = 0x100000, .end = 0x101000 };
    assert_non_null(memory_in_the_way((const uint8_t *)map, sizeof map, 32, wanted));
    assert_non_null(memory_in_the_way((const uint8_t *)map, sizeof map, 0, wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_in_front_is_dropped),
        cmocka_unit_test(options_may_be_bytes),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(long_options_are_cut),
        cmocka_unit_test(a_configuration_is_called_after_a_mac_address),
        cmocka_unit_test(a_file_lies_beside_another),
        cmocka_unit_test(nodes_of_a_path_are_joined),
        cmocka_unit_test(an_offer_names_file_and_server),
        cmocka_unit_test(options_may_go_on_in_the_header),
        cmocka_unit_test(an_offer_without_file_server_or_cookie_is_none),
        cmocka_unit_test(segments_go_where_they_say),
        cmocka_unit_test(a_broken_image_is_none),
        cmocka_unit_test(the_place_may_be_what_firmware_gives_up),
        cmocka_unit_test(a_map_of_short_rows_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
