/* The forwarding table for IPv6: what test_trie.c does not see of it. */
#include "apps/ip/fib6.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    host_reset();
    srandom(4);
    return fib6_init();
}

static int tear_down(void **state)
{
    fib6_shutdown();
    return 0;
}

/* Nested, in all octets of an address. */
static void random_address(uint8_t *address)
{
    static const uint8_t top[4][2] = { { 0x20, 0x01 }, { 0x2a, 0x02 }, { 0x24, 0x00 }, { 0xfd } };
    memset(address, 0, FIB6_ADDRESS);
    memcpy(address, top[random() % 4], 2);
    for (unsigned i = 2; i < FIB6_ADDRESS; i++)
        address[i] = (uint8_t)(random() % (i % 5 ? 2 : 6));
}

static void cut(uint8_t *address, unsigned length)
{
    for (unsigned n = length; n < 8 * FIB6_ADDRESS; n++)
        address[n / 8] &= (uint8_t) ~(0x80 >> n % 8);
}

/* In every way that this CPU has, of every number of addresses. */
static void a_burst_finds_what_one_look_up_finds(void **state)
{
    uint8_t address[FIB6_BURST][FIB6_ADDRESS];
    uint32_t value[FIB6_BURST + 1];
    for (unsigned i = 0; i < 600; i++) {
        unsigned length = i % 129;
        random_address(address[0]);
        cut(address[0], length);
        assert_int_equal(fib6_set(address[0], length, i % 8 ? 1 + i : TRIE_VALUE - i), 0);
    }
    assert_true(fib6->nodes > TRIE_DENSE_MAX);
    for (unsigned round = 0; round < 3000; round++) {
        unsigned n = round % (FIB6_BURST + 1);
        fib6_use_way(round / 100 % fib6_ways());
        for (unsigned i = 0; i < n; i++)
            random_address(address[i]);
        value[n] = 0x5a5a5a5a;
        fib6_lookup_burst(address, value, n);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(value[i], fib6_lookup(address[i]));
        assert_int_equal(value[n], 0x5a5a5a5a);
    }
}

/* Packets of one flow, one behind the other: looked up once. */
static void keys_in_a_row_are_found_again(void **state)
{
    uint8_t host[FIB6_ADDRESS] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
    uint8_t keys[FIB6_BURST][FIB6_ADDRESS];
    uint32_t value[FIB6_BURST];
    assert_int_equal(fib6_set(host, 32, 5), 0);
    assert_int_equal(fib6_set(host, 128, 6), 0);
    for (unsigned way = 0; way < fib6_ways(); way++) {
        fib6_use_way(way);
        for (unsigned i = 0; i < FIB6_BURST; i++) {
            memcpy(keys[i], host, sizeof host);
            keys[i][15] = (uint8_t)(i / 5 & 1);
            keys[i][0] = i < 20 ? 0x20 : 0x30;
        }
        fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS])keys, value, FIB6_BURST);
        for (unsigned i = 0; i < FIB6_BURST; i++)
            assert_int_equal(value[i], i >= 20 ? 0 : i / 5 & 1 ? 6 : 5);
    }
}

static void default_route_and_host_route(void **state)
{
    uint8_t host[FIB6_ADDRESS] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, other[FIB6_ADDRESS];
    uint64_t empty = fib6_bytes();
    memset(other, 0xff, sizeof other);
    assert_int_equal(fib6_set((const uint8_t[FIB6_ADDRESS]){ 0 }, 0, 7), 0);
    assert_int_equal(fib6_bytes(), empty);
    assert_int_equal(fib6_set(host, 128, 8), 0);
    assert_int_equal(fib6_lookup(host), 8);
    assert_int_equal(fib6_lookup(other), 7);
    host[15] = 2;
    assert_int_equal(fib6_lookup(host), 7);
    host[15] = 1;
    fib6_clear(host, 128, 0, 7);
    assert_int_equal(fib6_lookup(host), 7);
    fib6_clear((const uint8_t[FIB6_ADDRESS]){ 0 }, 0, 0, 0);
    assert_int_equal(fib6_lookup(host), 0);
}

static void host_make(uint8_t host[FIB6_ADDRESS], uint32_t n)
{
    const uint8_t first[FIB6_ADDRESS] = { 0x20, 0x01, 0x0d, 0xb8, [8] = 0x12 };
    memcpy(host, first, FIB6_ADDRESS);
    host[n % 2 ? 15 : 9] = (uint8_t)n;
    host[14] = (uint8_t)(n >> 8);
}

/* All of them, in bursts: those below `gone` are the prefix's again. */
static void assert_hosts(uint32_t gone, uint32_t count)
{
    uint8_t host[FIB6_BURST][FIB6_ADDRESS];
    uint32_t value[FIB6_BURST];
    for (uint32_t n = 0; n < count; n += FIB6_BURST) {
        for (unsigned i = 0; i < FIB6_BURST; i++)
            host_make(host[i], n + i);
        fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS])host, value, FIB6_BURST);
        for (unsigned i = 0; i < FIB6_BURST && n + i < count; i++)
            assert_int_equal(value[i], n + i < gone ? 7 : 1000 + n + i);
    }
}

/* Whatever piece of its table has moved to a longer one. */
static void hosts_are_found_while_their_table_grows(void **state)
{
    uint8_t host[FIB6_ADDRESS];
    host_make(host, 0);
    assert_int_equal(fib6_set(host, 64, 7), 0);
    uint64_t before = fib6->blocks.used;
    for (uint32_t n = 0; n < 3000; n++) {
        host_make(host, n);
        assert_int_equal(fib6_set(host, 128, 1000 + n), 0);
        if (n % 16 == 0)
            assert_hosts(0, n + 1);
    }
    assert_true(fib6_bytes() < 256 * 1024 + 3000 * 48 + 64 * 1024 * 4);
    for (uint32_t n = 0; n < 3000; n++) {
        host_make(host, n);
        fib6_clear(host, 128, 64, 7);
        if (n % 64 == 0)
            assert_hosts(n + 1, 3000);
    }
    assert_int_equal(fib6->blocks.used, before);
}

/* One that goes while a part of the chains is in two tables has left both. */
static void hosts_go_while_their_table_grows(void **state)
{
    uint8_t host[FIB6_ADDRESS];
    for (uint32_t round = 0, n = 0; round < 600; round++) {
        for (unsigned i = 0; i < 3; i++, n++) {
            host_make(host, n);
            assert_int_equal(fib6_set(host, 128, 1000 + n), 0);
        }
        host_make(host, n - 2 - round);
        fib6_clear(host, 128, 0, 0);
        assert_int_equal(fib6_lookup(host), 0);
        assert_int_equal(fib6_set(host, 128, 1000 + n - 2 - round), 0);
        assert_hosts(0, n);
    }
}

static void two_hundred_thousand_prefixes(void **state)
{
    uint8_t prefix[FIB6_ADDRESS] = { 0x2a };
    for (uint32_t i = 0; i < 200000; i++) {
        prefix[1] = (uint8_t)(i >> 16);
        prefix[4] = (uint8_t)(i >> 8);
        prefix[5] = (uint8_t)i;
        assert_int_equal(fib6_set(prefix, 48, i + 1), 0);
    }
    prefix[15] = 9;
    for (uint32_t i = 0; i < 200000; i += 997) {
        prefix[1] = (uint8_t)(i >> 16);
        prefix[4] = (uint8_t)(i >> 8);
        prefix[5] = (uint8_t)i;
        assert_int_equal(fib6_lookup(prefix), i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_finds_what_one_look_up_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_in_a_row_are_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(default_route_and_host_route, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hosts_are_found_while_their_table_grows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hosts_go_while_their_table_grows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_hundred_thousand_prefixes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
