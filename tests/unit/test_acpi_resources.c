/* kernel/acpi_resources.c: devices and what they occupy, from recorded and made-up AML.
 * ACPI 6.6 6.4 (descriptors), 20.2 (grammar), unread. */
#include "kernel/acpi_tables.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t file_bytes[65536];
static struct acpi_device device;

static size_t load(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "tests/data/acpi/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(file_bytes, 1, sizeof file_bytes, file);
    fclose(file);
    return n;
}

/* Over a copy of exactly n bytes: a look beyond them is seen. */
static bool find(const void *aml, size_t n, const char *hid, unsigned index)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, aml, n);
    bool found = acpi_find_device(copy, n, hid, &index, &device);
    free(copy);
    return found;
}

static bool find_in_file(const char *name, const char *hid, unsigned index)
{
    size_t n = load(name);
    return find(file_bytes + 36, n - 36, hid, index);
}

static bool has(enum acpi_resource_kind kind, bool consumed, uint64_t base, uint64_t size)
{
    for (unsigned i = 0; i < device.count; i++) {
        const struct acpi_resource *r = &device.resource[i];
        if (r->kind == kind && r->consumed == consumed && r->base == base && r->size == size)
            return true;
    }
    return false;
}

/* As iasl decodes it: two slots are in use, described from the last one down. */
static void microvm_has_its_virtio_slots(void **state)
{
    assert_true(find_in_file("microvm-mmio-DSDT.aml", "LNRO0005", 0));
    assert_int_equal(device.count, 1);
    assert_true(has(ACPI_RESOURCE_MEMORY, true, 0xfeb02e00, 0x200));
    assert_true(find_in_file("microvm-mmio-DSDT.aml", "LNRO0005", 1));
    assert_true(has(ACPI_RESOURCE_MEMORY, true, 0xfeb02c00, 0x200));
    assert_false(find_in_file("microvm-mmio-DSDT.aml", "LNRO0005", 2));
}

static void microvm_has_its_windows(void **state)
{
    assert_true(find_in_file("microvm-mmio-DSDT.aml", "PNP0A08", 0));
    assert_true(has(ACPI_RESOURCE_BUS, false, 0, 256));
    assert_true(has(ACPI_RESOURCE_MEMORY, false, 0xc0000000, 0x20000000));
    assert_true(has(ACPI_RESOURCE_MEMORY, false, 0xc000000000, 0x4000000000));
    assert_false(find_in_file("microvm-mmio-DSDT.aml", "PNP0A08", 1));
}

/* q35 puts _CRS into a Scope (\\_SB.PCI0) of its own. */
static void q35_has_its_windows(void **state)
{
    assert_true(find_in_file("q35-DSDT.aml", "PNP0A08", 0));
    assert_true(has(ACPI_RESOURCE_IO, false, 0x0d00, 0xf300));
    assert_true(has(ACPI_RESOURCE_IO, true, 0xcf8, 8));
    assert_true(has(ACPI_RESOURCE_MEMORY, false, 0xa0000, 0x20000));
    unsigned above = 0;
    for (unsigned i = 0; i < device.count; i++)
        above +=
            device.resource[i].kind == ACPI_RESOURCE_MEMORY && device.resource[i].base >= 0x8000000;
    assert_true(above >= 1);
}

static void two_root_buses_are_two_devices(void **state)
{
    assert_true(find_in_file("pc-pxb-DSDT.aml", "PNP0A03", 1));
    assert_true(device.count > 0);
    assert_false(find_in_file("pc-pxb-DSDT.aml", "PNP0A03", 2));
}

/* Device (X) { Name (_HID, "LNRO0005") Name (_CRS, Buffer) } around these descriptors. */
static size_t build(uint8_t *to, const uint8_t *descriptors, size_t n)
{
    static const uint8_t hid[] = { 0x08, '_', 'H', 'I', 'D', 0x0d, 'L', 'N',
                                   'R',  'O', '0', '0', '0', '5',  0 };
    uint8_t body[256], *at = body;
    memcpy(at, "XXXX", 4);
    at += 4;
    memcpy(at, hid, sizeof hid);
    at += sizeof hid;
    memcpy(at, "\x08_CRS\x11", 6);
    at += 6;
    *at++ = (uint8_t)(n + 3); /* length of length, size and bytes */
    *at++ = 0x0a;
    *at++ = (uint8_t)n;
    memcpy(at, descriptors, n);
    at += n;
    size_t size = (size_t)(at - body);
    to[0] = 0x5b;
    to[1] = 0x82;
    size_t length = size + 2;
    to[2] = (uint8_t)(0x40 | (length & 0x0f));
    to[3] = (uint8_t)(length >> 4);
    memcpy(to + 4, body, size);
    return size + 4;
}

static void descriptors_are_bounded(void **state)
{
    static const struct {
        uint8_t bytes[24];
        size_t n;
        unsigned count;
    } rows[] = {
        { { 0x86, 9, 0, 1, 0, 0, 0, 0xfe, 0, 2, 0, 0, 0x79, 0 }, 14, 1 },
        { { 0x86, 9, 0, 1, 0, 0, 0, 0xfe, 0, 0, 0, 0, 0x79, 0 }, 14, 0 }, /* empty */
        { { 0x86, 8, 0, 1, 0, 0, 0, 0xfe, 0, 2, 0, 0, 0x79, 0 }, 14, 0 }, /* too short */
        { { 0x86, 0xff, 0xff, 1, 0, 0, 0, 0xfe }, 8, 0 },                 /* reaches beyond */
        { { 0x86, 9, 0, 1 }, 4, 0 },
        { { 0x79, 0, 0x86, 9, 0, 1, 0, 0, 0, 0xfe, 0, 2, 0, 0 }, 14, 0 }, /* behind the end */
        { { 0x47, 1, 0x60, 0, 0x60, 0, 1, 4 }, 8, 1 },                    /* I/O */
        { { 0x47, 1, 0x60, 0, 0x64, 0, 1, 4 }, 8, 0 },                    /* not fixed */
        { { 0x87 }, 1, 0 },
        { { 0 }, 0, 0 },
    };
    uint8_t aml[300];
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = build(aml, rows[i].bytes, rows[i].n);
        assert_true(find(aml, n, "LNRO0005", 0));
        assert_int_equal(device.count, rows[i].count);
        for (size_t cut = 0; cut < n; cut++)
            find(aml, cut, "LNRO0005", 0);
    }
}

/* An inner device's objects are not the outer one's. */
static void a_child_does_not_speak_for_its_parent(void **state)
{
    static const uint8_t fixed[] = { 0x86, 9, 0, 1, 0, 0, 0, 0xfe, 0, 2, 0, 0, 0x79, 0 };
    uint8_t inner[300], outer[400];
    size_t n = build(inner, fixed, sizeof fixed), length = n + 4 + 2;
    outer[0] = 0x5b;
    outer[1] = 0x82;
    outer[2] = (uint8_t)(0x40 | (length & 0x0f));
    outer[3] = (uint8_t)(length >> 4);
    memcpy(outer + 4, "OUTE", 4);
    memcpy(outer + 8, inner, n);
    assert_true(find(outer, n + 8, "LNRO0005", 0));
    assert_false(find(outer, n + 8, "LNRO0005", 1));
}

/* Whatever the bytes are, nothing outside them is looked at. */
static void damaged_tables_are_survived(void **state)
{
    size_t n = load("microvm-mmio-DSDT.aml");
    uint32_t seed = 1;
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < 8; i++) {
            seed = seed * 1664525 + 1013904223;
            file_bytes[36 + seed % (n - 36)] = (uint8_t)(seed >> 24);
        }
        for (unsigned index = 0; index < 4; index++)
            find(file_bytes + 36, n - 36, "LNRO0005", index);
        find(file_bytes + 36, n - 36, "PNP0A08", 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(microvm_has_its_virtio_slots),
        cmocka_unit_test(microvm_has_its_windows),
        cmocka_unit_test(q35_has_its_windows),
        cmocka_unit_test(two_root_buses_are_two_devices),
        cmocka_unit_test(descriptors_are_bounded),
        cmocka_unit_test(a_child_does_not_speak_for_its_parent),
        cmocka_unit_test(damaged_tables_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
