/* apps/console/parse.c: numbers and addresses, the whole string or nothing. */
#include "apps/console/command.h"
#include "tests/host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        { "0", 0 },
        { "007", 7 },
        { "1500", 1500 },
        { "0x10", 16 },
        { "0XfF", 255 },
        { "18446744073709551615", UINT64_MAX },
        { "0xffffffffffffffff", UINT64_MAX },
    };
    static const char *const bad[] = { "",
                                       "-1",
                                       "+1",
                                       "1 ",
                                       " 1",
                                       "0x",
                                       "0xg",
                                       "1a",
                                       "1.0",
                                       "18446744073709551616",
                                       "0x10000000000000000" };
    uint64_t value;

    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(parse_number(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        value = 42;
        assert_false(parse_number(bad[i], &value));
        assert_int_equal(value, 42);
    }
}

static void macs(void **state)
{
    static const uint8_t expected[MAC_LEN] = { 0x02, 0xab, 0xCD, 0, 0, 0x01 };
    static const char *const bad[] = { "",
                                       "02:ab:cd:00:00",
                                       "02:ab:cd:00:00:01:02",
                                       "02:ab:cd:00:00:1",
                                       "02:ab:cd:00:00:0g",
                                       "02:ab-cd:00:00:01",
                                       "02.ab.cd.00.00.01",
                                       "02:ab:cd:00:00:01 " };
    uint8_t mac[MAC_LEN];

    assert_true(parse_mac("02:ab:CD:00:00:01", mac));
    assert_memory_equal(mac, expected, MAC_LEN);
    assert_true(parse_mac("02-ab-cd-00-00-01", mac));
    assert_memory_equal(mac, expected, MAC_LEN);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(parse_mac(bad[i], mac));
    assert_memory_equal(mac, expected, MAC_LEN);
}

static void ipv4(void **state)
{
    static const char *const bad[] = { "192.0.2/24",
                                       "192.0.2.0",
                                       "192.0.2.0/",
                                       "192.0.2.0/33",
                                       "192.0.2.256/24",
                                       "192.0.2.0/024",
                                       "192.0.2.010/24",
                                       "192.0.2.0.0/24",
                                       "192.0.2.0/24x",
                                       "192..2.0/24",
                                       ".192.0.2.0/24",
                                       "192.0.2.0/-1",
                                       "192.0.2.0/2 4",
                                       "",
                                       "/24",
                                       "4294967296.0.0.0/0" };
    struct prefix p, before;

    assert_true(parse_prefix("192.0.2.129/25", &p, true));
    assert_false(p.ipv6);
    assert_int_equal(p.length, 25);
    assert_memory_equal(p.bytes, "\xc0\x00\x02\x81", 4); /* host bits stay */
    assert_true(parse_prefix("0.0.0.0/0", &p, true));
    assert_int_equal(p.length, 0);
    assert_true(parse_prefix("255.255.255.255", &p, false));
    assert_int_equal(p.length, 32);
    before = p;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(parse_prefix(bad[i], &p, true));
    assert_false(parse_prefix("192.0.2.1/32", &p, false));
    assert_memory_equal(&before, &p, sizeof p);
}

/* RFC 4291 2.2, all three forms. */
static void ipv6(void **state)
{
    static const struct {
        const char *text;
        uint8_t bytes[16];
    } good[] = {
        { "::", { 0 } },
        { "::1", { [15] = 1 } },
        { "1::", { [1] = 1 } },
        { "2001:db8::8:800:200C:417A",
          { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 8, 8, 0, 0x20, 0x0c, 0x41, 0x7a } },
        { "1:2:3:4:5:6:7:8", { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8 } },
        { "1:2:3:4:5:6:7::", { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7 } },
        { "::2:3:4:5:6:7:8", { 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8 } },
        { "::ffff:192.0.2.1", { [10] = 0xff, 0xff, 192, 0, 2, 1 } },
        { "0:0:0:0:0:0:13.1.68.3", { [12] = 13, 1, 68, 3 } },
    };
    static const char *const bad[] = { ":",
                                       ":::",
                                       "1:",
                                       ":1",
                                       "1::2::3",
                                       "1:2:3:4:5:6:7",
                                       "1:2:3:4:5:6:7:8:9",
                                       "::1:2:3:4:5:6:7:8",
                                       "1:2:3:4:5:6:7:8::",
                                       "12345::",
                                       "::g",
                                       "1:2:3:4:5:6:7:1.2.3.4",
                                       "::1.2.3",
                                       "::1.2.3.4:5",
                                       "::1%1",
                                       "::1/128" };
    struct prefix p;

    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(parse_prefix(good[i].text, &p, false));
        assert_true(p.ipv6);
        assert_int_equal(p.length, 128);
        assert_memory_equal(p.bytes, good[i].bytes, 16);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(parse_prefix(bad[i], &p, false));
    assert_true(parse_prefix("2001:db8::1/64", &p, true));
    assert_int_equal(p.length, 64);
    assert_false(parse_prefix("2001:db8::1/129", &p, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(macs),
        cmocka_unit_test(ipv4),
        cmocka_unit_test(ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
