/* kernel/acpi_pci.c: host bridges in AML, unread: ACPI 6.6 6.5.5, 20.2, PCI Firmware 3.3 4.1.3. */
#include "tests/host/test.h"

#include "kernel/acpi_tables.h"
#include "kernel/compiler.h"
#include "tests/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct acpi_host_bridges found;

static int set_up(void **state)
{
    host_reset();
    found = (struct acpi_host_bridges){ .all_known = true };
    return 0;
}

/* A copy of exactly n bytes: a look beyond them is seen. */
static void look(const void *aml, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, aml, n);
    acpi_find_host_bridges(copy, n, &found);
    free(copy);
}

static void look_at_file(const char *name)
{
    static uint8_t bytes[65536];
    char path[64];
    snprintf(path, sizeof path, "tests/data/acpi/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    look(bytes + 36, n - 36);
}

static bool is_root(unsigned bus)
{
    return found.root_buses[bus / 8] >> bus % 8 & 1;
}

static void q35_has_bus_0_alone(void **state)
{
    look_at_file("q35-DSDT.aml");
    assert_true(found.all_known);
    for (unsigned bus = 1; bus < 256; bus++)
        assert_false(is_root(bus));
    assert_int_equal(found.ecam, 0);
}

static void pxb_is_a_root_bus(void **state)
{
    look_at_file("pc-pxb-DSDT.aml");
    assert_true(found.all_known);
    assert_true(is_root(0x80));
    assert_false(is_root(0x81));
}

static void microvm_tells_its_ecam(void **state)
{
    look_at_file("microvm-DSDT.aml");
    assert_true(found.all_known);
    assert_true(is_root(0));
    assert_int_equal(found.ecam, 0xe0000000);
}

static void constants_of_every_width_are_read(void **state)
{
    look("\x08_BBN\x01", 6);
    look("\x08_BBN\x0b\x40\x00", 8);
    look("\x14\x09_BBN\x00\xa4\x0a\x20", 10);
    look("\x08_CBA\x0e\x00\x00\x00\x40\x05\x00\x00\x00", 14);
    assert_true(found.all_known);
    assert_true(is_root(1) && is_root(0x40) && is_root(0x20));
    assert_int_equal(found.ecam, 0x540000000);
}

/* Method (_CBA) with a length of two bytes (20.2.4). */
static void methods_with_longer_lengths_are_read(void **state)
{
    look("\x14\x4c\x00_CBA\x00\xa4\x0c\x00\x00\x00\xe0", 14);
    assert_int_equal(found.ecam, 0xe0000000);
}

/* Then any bus may be a root bus. */
static void bus_number_that_is_computed_leaves_all_open(void **state)
{
    static const struct {
        const char *aml;
        size_t n;
    } rows[] = {
        { "\x14\x0b_BBN\x00\x70\x0a\x20\x60\xa4\x60", 12 }, /* a store first */
        { "\x14\x07_BBN\x00\xa4\x60", 8 },                  /* Return (Local0) */
        { "\x08_BBN\x0b\x00\x01", 8 },                      /* 256 */
        { "\x08_BBN\x0a", 6 },                              /* cut off */
        { "\x08_BBN\x12\x03\x01\x00", 9 },                  /* a package */
        { "_BBN\x01", 5 },                                  /* a use, not a definition */
        { "\xff_BBN\x00\xa4\x01", 8 },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        set_up(state);
        look(rows[i].aml, rows[i].n);
        assert_false(found.all_known);
        for (unsigned bus = 0; bus < 256; bus++)
            assert_false(is_root(bus));
    }
}

static void cut_off_bytes_are_not_overrun(void **state)
{
    const char aml[] = "\x14\x0c_CBA\x00\xa4\x0c\x00\x00\x00\xe0";
    for (size_t n = 0; n < sizeof aml - 1; n++) {
        look(aml, n);
        assert_int_equal(found.ecam, 0);
    }
    look("_BBN", 4);
    assert_true(found.all_known);
}

/* Without a DSDT nothing is known, so every bus has to be looked at. */
static void without_tables_nothing_is_known(void **state)
{
    acpi_init(0);
    acpi_host_bridges(&found);
    assert_false(found.all_known);
    assert_true(is_root(0));
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup(t, set_up)
    const struct CMUnitTest tests[] = {
        TEST(q35_has_bus_0_alone),
        TEST(pxb_is_a_root_bus),
        TEST(microvm_tells_its_ecam),
        TEST(constants_of_every_width_are_read),
        TEST(methods_with_longer_lengths_are_read),
        TEST(bus_number_that_is_computed_leaves_all_open),
        TEST(cut_off_bytes_are_not_overrun),
        TEST(without_tables_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
