/* Addresses of both families: order, prefixes, text. */
#include "apps/console/command.h"
#include "apps/ip/ip_address.h"
#include "tests/host/test.h"

static struct ip_address parse(const char *text)
{
    struct prefix p;
    assert_true(parse_prefix(text, &p, false));
    return p.ipv6 ? ip_load(p.bytes) : ip_from_v4(load_be32(p.bytes));
}

static void written_as(const char *typed, const char *canonical)
{
    char text[IP_TEXT];
    assert_string_equal(ip_format(parse(typed), text), canonical);
}

/* unread: RFC 5952 4: no leading zeros, lower case, "::" for the longest run of zeros and the first
 * of equals, and not for one group alone. */
static void text_is_canonical(void **state)
{
    written_as("192.0.2.255", "192.0.2.255");
    written_as("2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1");
    written_as("2001:DB8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    written_as("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
    written_as("fe80:0:0:0:0:0:0:0", "fe80::");
    written_as("0:0:0:0:0:0:0:1", "::1");
    written_as("::", "::");
    written_as("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
    const char *ones = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    written_as(ones, ones);
    written_as("0:0:3::7:8", "0:0:3::7:8");
}

static void prefixes_hold_what_is_within(void **state)
{
    struct ip_address v6 = parse("2001:db8:1:2::"), v4 = parse("10.0.0.0"), zero = { 0 };
    assert_true(ip_within(v6, 64, parse("2001:db8:1:2:ffff::1")));
    assert_false(ip_within(v6, 64, parse("2001:db8:1:3::")));
    assert_true(ip_within(v6, 63, parse("2001:db8:1:3::")));
    assert_true(ip_within(v6, 65, parse("2001:db8:1:2:7fff::")));
    assert_false(ip_within(v6, 65, parse("2001:db8:1:2:8000::")));
    assert_false(ip_within(v6, 128, parse("2001:db8:1:2::1")));
    assert_true(ip_within(v4, 8, parse("10.255.255.255")));
    assert_false(ip_within(v4, 8, parse("11.0.0.0")));
    assert_true(ip_within(parse("0.0.0.0"), 0, v4));
    assert_true(ip_within(zero, 0, v6));
    assert_false(ip_within(zero, 0, v4)); /* another family */
    assert_false(ip_within(parse("0.0.0.0"), 0, v6));
    assert_true(ip_equal(ip_last(v4, 24), parse("10.0.0.255")));
    assert_true(ip_equal(ip_last(v6, 120), parse("2001:db8:1:2::ff")));
    assert_true(ip_equal(ip_network(parse("2001:db8:1:2:3:4:5:6"), 64), v6));
    assert_true(ip_equal(ip_network(parse("10.9.8.7"), 32), parse("10.9.8.7")));
}

static void ipv4_comes_first(void **state)
{
    assert_true(ip_compare(parse("255.0.0.0"), parse("::")) < 0);
    assert_true(ip_compare(parse("10.0.0.1"), parse("10.0.0.2")) < 0);
    assert_true(ip_compare(parse("2001:db8::"), parse("2001:db8::1")) < 0);
    assert_true(ip_compare(parse("2001:db8:1::"), parse("2001:db8::1")) > 0);
    assert_int_equal(ip_compare(parse("::1"), parse("::1")), 0);
    assert_int_equal(ip_same_bits(parse("2001:db8::"), parse("2001:db8::1")), 127);
    assert_int_equal(ip_same_bits(parse("2001:db8::"), parse("2001:db9::")), 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_canonical),
        cmocka_unit_test(prefixes_hold_what_is_within),
        cmocka_unit_test(ipv4_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
