/* kernel/fw_cfg.c against the device of QEMU's docs/specs/fw_cfg.rst, and against liars. */
#include "kernel/fw_cfg.h"

#include "kernel/compiler.h"
#include "kernel/endian.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FIRST 0x20u

static struct {
    const char *signature;
    const char *name[3], *text[3];
    uint32_t count, size_of_last; /* as the directory tells them; 0: the truth */
    uint16_t key;
    size_t offset;
    unsigned reads, selects;
} device;

static uint8_t directory[4 + 3 * 64];

static void make_directory(void)
{
    memset(directory, 0, sizeof directory);
    store_be32(directory, device.count);
    for (unsigned i = 0; i < ARRAY_SIZE(device.name) && device.name[i]; i++) {
        uint8_t *e = directory + 4 + 64 * i;
        store_be32(e, (uint32_t)strlen(device.text[i]));
        store_be16(e + 4, (uint16_t)(KEY_FIRST + i));
        strncpy((char *)e + 8, device.name[i], 56);
        if (device.size_of_last && (i + 1 == ARRAY_SIZE(device.name) || !device.name[i + 1]))
            store_be32(e, device.size_of_last);
    }
}

static uint64_t read_data(void *ctx, uint64_t offset, unsigned size)
{
    const char *bytes = "";
    size_t n = 0, at = device.offset++;

    assert_int_equal(offset, 1);
    assert_int_equal(size, 1);
    device.reads++;
    if (device.key == 0) {
        bytes = device.signature;
        n = 4;
    } else if (device.key == 0x19) {
        bytes = (const char *)directory;
        n = sizeof directory;
    } else if (device.key >= KEY_FIRST && device.key < KEY_FIRST + ARRAY_SIZE(device.text)) {
        bytes = device.text[device.key - KEY_FIRST];
        n = strlen(bytes);
    }
    return at < n ? (uint8_t)bytes[at] : 0; /* "any reads will return a data value of 0x00" */
}

static void write_selector(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    assert_int_equal(offset, 0);
    assert_int_equal(size, 2);
    device.key = (uint16_t)value;
    device.offset = 0;
    device.selects++;
}

static int setup(void **state)
{
    host_reset();
    memset(&device, 0, sizeof device);
    device.signature = "QEMU";
    device.name[0] = "etc/acpi/tables";
    device.text[0] = "unrelated";
    device.name[1] = "opt/millrace/conf";
    device.text[1] = "forward l2\n";
    device.count = 2;
    make_directory();
    host_add_pio(&(struct host_window){
        .base = 0x510, .size = 2, .read = read_data, .write = write_selector });
    return 0;
}

static int read_file(const char *name, size_t most, const char *wanted)
{
    size_t size = 4711;
    int error = 4711;
    char *bytes = fw_cfg_read(name, most, &size, &error);

    if (bytes) {
        assert_int_equal(error, 0);
        assert_int_equal(size, strlen(wanted));
        assert_memory_equal(bytes, wanted, size);
        free(bytes);
    } else {
        assert_in_range(-error, 1, 200);
    }
    return error;
}

static void a_file_is_found_by_its_name(void **state)
{
    assert_int_equal(read_file("opt/millrace/conf", 100, "forward l2\n"), 0);
    assert_int_equal(read_file("etc/acpi/tables", 100, "unrelated"), 0);
    assert_int_equal(read_file("opt/millrace/con", 100, NULL), -ENOENT);
    assert_int_equal(read_file("opt/millrace/conf2", 100, NULL), -ENOENT);
}

static void an_empty_file_is_a_file(void **state)
{
    device.text[1] = "";
    make_directory();
    assert_int_equal(read_file("opt/millrace/conf", 100, ""), 0);
}

static void nobody_there(void **state)
{
    static const char *const others[] = { "\xff\xff\xff\xff", "QEMV", "\0\0\0\0" };
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        setup(NULL);
        device.signature = others[i];
        assert_int_equal(read_file("opt/millrace/conf", 100, NULL), -ENOENT);
        assert_int_equal(device.reads, 4);
        assert_int_equal(device.selects, 1);
    }
}

static void a_file_that_is_too_long_is_not_read(void **state)
{
    assert_int_equal(read_file("opt/millrace/conf", 11, "forward l2\n"), 0);
    device.reads = 0;
    assert_int_equal(read_file("opt/millrace/conf", 10, NULL), -EFBIG);
    assert_int_equal(device.reads, 4 + 4 + 2 * 64);
    device.size_of_last = UINT32_MAX;
    make_directory();
    assert_int_equal(read_file("opt/millrace/conf", 1 << 20, NULL), -EFBIG);
}

/* Beyond the end everything reads as 0, so this is a directory of nameless files. */
static void a_directory_without_an_end_has_one(void **state)
{
    device.count = UINT32_MAX;
    make_directory();
    assert_int_equal(read_file("opt/nobody/has", 100, NULL), -ENOENT);
    assert_int_equal(device.reads, 4 + 4 + 0x3fe0 * 64);
}

static void a_name_without_an_end_has_one(void **state)
{
    device.name[0] = "0123456789012345678901234567890123456789012345678901234567890";
    make_directory();
    assert_int_equal(read_file(device.name[0], 100, NULL), -ENOENT);
    assert_int_equal(read_file("opt/millrace/conf", 100, "forward l2\n"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_file_is_found_by_its_name, setup),
        cmocka_unit_test_setup(an_empty_file_is_a_file, setup),
        cmocka_unit_test_setup(nobody_there, setup),
        cmocka_unit_test_setup(a_file_that_is_too_long_is_not_read, setup),
        cmocka_unit_test_setup(a_directory_without_an_end_has_one, setup),
        cmocka_unit_test_setup(a_name_without_an_end_has_one, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
