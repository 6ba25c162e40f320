/* The forwarding table for IPv6: what test_trie.c does not see of it. */
#include "apps/ip/fib6.h"
#include "apps/ip/shortcut6.h"
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

/* Prefixes below some neighbours and above them, and what is looked for: everything that a shortcut
 * can lead to or lack. */
#define MODEL 500u
static struct model {
    uint8_t prefix[FIB6_ADDRESS];
    unsigned length;
    uint32_t value; /* 0: not there */
} model[MODEL];

static bool covers(const struct model *m, const uint8_t *address)
{
    unsigned octets = m->length / 8, bits = m->length % 8;
    return m->value && !memcmp(m->prefix, address, octets) &&
           (!bits || !((m->prefix[octets] ^ address[octets]) >> (8 - bits)));
}

static const struct model *longest(const uint8_t *address, unsigned shorter_than)
{
    const struct model *best = NULL;
    for (unsigned i = 0; i < MODEL; i++)
        if (model[i].length < shorter_than && covers(&model[i], address) &&
            (!best || model[i].length > best->length))
            best = &model[i];
    return best;
}

static void neighbour_address(uint8_t *address)
{
    memset(address, 0, FIB6_ADDRESS);
    address[0] = 0x20;
    address[1] = (uint8_t)(random() % 8 ? 1 : random() % 3);
    address[2] = (uint8_t)(random() % 3);
    address[3] = (uint8_t)(random() % 2 ? random() % 12 : random());
    for (unsigned i = 4; i < 9; i++)
        address[i] = (uint8_t)(random() % 2 ? random() % 4 << random() % 7 : 0);
    address[15] = (uint8_t)(random() % 2);
}

static unsigned neighbour_length(void)
{
    static const unsigned often[] = { 0,  12, 20, 24, 25, 28, 29, 30, 32, 32,
                                      36, 40, 44, 48, 48, 48, 48, 56, 64, 128 };
    return random() % 3 ? often[random() % ARRAY_SIZE(often)]
                        : (unsigned)random() % (8 * FIB6_ADDRESS + 1);
}

static bool is_there(const uint8_t *prefix, unsigned length)
{
    for (unsigned i = 0; i < MODEL; i++)
        if (model[i].value && model[i].length == length &&
            !memcmp(model[i].prefix, prefix, FIB6_ADDRESS))
            return true;
    return false;
}

/* Comes or goes.  Without memory it may be refused. */
static void model_step(struct model *m, bool large)
{
    if (m->value) {
        m->value = 0;
        const struct model *cover = longest(m->prefix, m->length);
        fib6_clear(m->prefix, m->length, cover ? cover->length : 0, cover ? cover->value : 0);
        return;
    }
    uint8_t prefix[FIB6_ADDRESS];
    unsigned length = neighbour_length();
    uint32_t value = 1 + (uint32_t)random() % (large && random() % 4 == 0 ? 200000 : 300);
    neighbour_address(prefix);
    cut(prefix, length);
    if (is_there(prefix, length) || fib6_set(prefix, length, value))
        return;
    memcpy(m->prefix, prefix, sizeof prefix);
    m->length = length;
    m->value = value;
}

/* In bursts of any number, some keys in a row the same. */
static void check_bursts(unsigned bursts)
{
    uint8_t address[FIB6_BURST][FIB6_ADDRESS];
    uint32_t value[FIB6_BURST];
    while (bursts--) {
        unsigned n = random() % 2 ? FIB6_BURST : (unsigned)random() % (FIB6_BURST + 1);
        fib6_use_way((unsigned)random() % fib6_ways());
        for (unsigned i = 0; i < n; i++) {
            const struct model *m = &model[random() % MODEL];
            neighbour_address(address[i]);
            if (i && random() % 8 == 0)
                memcpy(address[i], address[i - 1], FIB6_ADDRESS);
            else if (m->value && random() % 2)
                memcpy(address[i], m->prefix, FIB6_ADDRESS);
        }
        fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS])address, value, n);
        for (unsigned i = 0; i < n; i++) {
            const struct model *m = longest(address[i], 8 * FIB6_ADDRESS + 1);
            assert_int_equal(value[i], m ? m->value : 0);
            assert_int_equal(fib6_lookup(address[i]), value[i]);
        }
    }
}

static void bursts_find_what_a_list_finds(unsigned rounds, bool large, bool short_of_memory)
{
    memset(model, 0, sizeof model);
    for (unsigned i = 0; i < rounds; i++) {
        if (short_of_memory && random() % 3 == 0)
            host_set_table_room(0);
        for (unsigned j = 0; j < 8; j++)
            model_step(&model[random() % (i / 200 % 2 ? MODEL : MODEL / 8)], large);
        host_set_table_room(SIZE_MAX);
        check_bursts(2);
    }
    assert_non_null(shortcut6.table);
    assert_true(shortcut6.table->count > 20);
    for (unsigned i = 0; i < MODEL; i++)
        if (model[i].value)
            model_step(&model[i], false);
    assert_int_equal(shortcut6.table->count, 0);
    assert_int_equal(fib6->blocks.used, 0);
    assert_int_equal(fib6->lines.used, 0);
}

static void short_ways_find_the_longest(void **state)
{
    bursts_find_what_a_list_finds(3000, false, false);
}

static void large_values_have_short_ways_too(void **state)
{
    bursts_find_what_a_list_finds(1500, true, false);
}

static void short_ways_without_memory(void **state)
{
    bursts_find_what_a_list_finds(2000, false, true);
}

/* Each of them, whatever piece of the table has moved to a longer one, and when they went. */
static void shortcuts_are_there_while_their_table_grows(void **state)
{
    enum { COUNT = 6000 };
    static uint8_t address[COUNT + FIB6_BURST][FIB6_ADDRESS];
    uint32_t value[FIB6_BURST];
    for (uint32_t i = 0; i < COUNT; i++) {
        address[i][0] = 0x2a;
        address[i][2] = (uint8_t)(i >> 8);
        address[i][3] = (uint8_t)i;
        assert_int_equal(fib6_set(address[i], 32 + i % 3 * 8, 1 + i), 0);
        if (i % 50 && i + 1 < COUNT)
            continue;
        for (uint32_t j = 0; j <= i; j += FIB6_BURST) {
            fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS]) & address[j], value, FIB6_BURST);
            for (unsigned n = 0; n < FIB6_BURST && j + n <= i; n++)
                assert_int_equal(value[n], 1 + j + n);
        }
    }
    assert_in_range(shortcut6.table->count, COUNT * 95 / 100, COUNT); /* a full line is rare */
    assert_true(shortcut6_bytes() < COUNT * 40);
    for (uint32_t i = 0; i < COUNT; i++) {
        fib6_clear(address[i], 32 + i % 3 * 8, 0, 0);
        fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS]) & address[i], value, 1);
        assert_int_equal(value[0], 0);
    }
    assert_int_equal(shortcut6.table->count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_finds_what_one_look_up_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_in_a_row_are_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(default_route_and_host_route, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hosts_are_found_while_their_table_grows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hosts_go_while_their_table_grows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(short_ways_find_the_longest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_values_have_short_ways_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(short_ways_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shortcuts_are_there_while_their_table_grows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_hundred_thousand_prefixes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
