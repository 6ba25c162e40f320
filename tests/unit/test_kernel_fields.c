/* kernel/compiler.h and kernel/endian.h: the arithmetic everything leans on. */
#include "kernel/compiler.h"
#include "kernel/endian.h"

#include "tests/host/test.h"

static void fields_round_trip(void **state)
{
    assert_int_equal(FIELD_GET(0x0ff0u, 0xabcdu), 0xbc);
    assert_int_equal(FIELD_PUT(0x0ff0u, 0xbcu), 0x0bc0);
    assert_int_equal(FIELD_PUT(0xfffffffffffff000ull, 0x123456789ull), 0x123456789000ull);
    assert_int_equal(ALIGN_UP(4097u, 4096u), 8192);
    assert_int_equal(ALIGN_DOWN(8191ull, 4096u), 4096);
}

static void network_order_at_odd_addresses(void **state)
{
    uint8_t b[9] = { 0, 0x12, 0x34, 0x56, 0x78 };
    assert_int_equal(load_be16(b + 1), 0x1234);
    assert_int_equal(load_be32(b + 1), 0x12345678);
    store_be32(b + 5, 0xcafebabe);
    assert_int_equal(b[5], 0xca);
    assert_int_equal(load_le32(b + 5), 0xbebafeca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_round_trip),
        cmocka_unit_test(network_order_at_odd_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
