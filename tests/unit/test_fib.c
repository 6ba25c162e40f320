/* The forwarding table for IPv4: what test_trie.c does not see of it, and adjacencies. */
#include "apps/forward/forward.h"
#include "apps/forward/quiesce.h"
#include "apps/ip/adjacency.h"
#include "apps/ip/fib.h"
#include "apps/ip/ipv4.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    host_reset();
    return fib_init();
}

static int tear_down(void **state)
{
    fib_shutdown();
    return 0;
}

static void empty_table_has_no_route(void **state)
{
    assert_int_equal(fib_lookup(0), 0);
    assert_int_equal(fib_lookup(0xffffffff), 0);
}

static void longest_prefix_wins_at_every_length(void **state)
{
    uint32_t address = 0xc6336417;
    for (unsigned length = 0; length <= 32; length++)
        assert_int_equal(fib_set(address & ipv4_mask(length), length, 1000 + length), 0);
    assert_int_equal(fib_lookup(address), 1032);
    for (unsigned length = 32; length > 0; length--) {
        /* differs from the address in its last covered bit */
        uint32_t beside = address ^ (1u << (32 - length));
        assert_int_equal(fib_lookup(beside), 1000 + length - 1);
    }
}

/* Few distinct bits, so that prefixes nest and collide often. */
static uint32_t random_address(void)
{
    uint32_t r = (uint32_t)random();
    return (r & 0x3) << 30 | (r >> 2 & 0x3) << 16 | (r >> 4 & 0x3) << 15 | (r >> 6 & 0x7) << 7 |
           (r >> 9 & 0x3);
}

static void replacing_a_route_changes_only_its_own_addresses(void **state)
{
    assert_int_equal(fib_set(0x0a000000, 8, 5), 0);
    assert_int_equal(fib_set(0x0a010000, 16, 6), 0);
    assert_int_equal(fib_set(0x0a000000, 8, 7), 0);
    assert_int_equal(fib_lookup(0x0a010203), 6);
    assert_int_equal(fib_lookup(0x0a020203), 7);
}

/* A record that a worker may be reading is not rewritten under it. */
static void adjacency_rests_before_it_is_rewritten(void **state)
{
    static struct interface interface = { .mtu = 1500, .mac = { 2, 0, 0, 0, 0, 9 } };
    static const uint8_t first[MAC_LEN] = { 2, 1 }, second[MAC_LEN] = { 2, 2 };
    assert_int_equal(forward_init_workers(64, 2), 0);
    assert_int_equal(adjacency_init(), 0);
    uint32_t number = adjacency_make(&interface, ETHERTYPE_IPV4, 0);
    struct adjacency *a = adjacency_at(number);
    adjacency_resolve(number, first);
    assert_true(a->valid); /* nobody has seen it before */
    adjacency_resolve(number, second);
    assert_false(a->valid);
    assert_memory_equal(a->header, first, MAC_LEN);
    retire_all();
    assert_true(a->valid);
    assert_memory_equal(a->header, second, MAC_LEN);
    adjacency_free(number);
    assert_int_not_equal(adjacency_make(&interface, ETHERTYPE_IPV4, 0), number);
    retire_all();
    retire_all();
    assert_int_equal(adjacency_make(&interface, ETHERTYPE_IPV4, 0), number);
    adjacency_shutdown();
    forward_shutdown();
}

/* The shortest prefixes take no memory. */
static void default_route_takes_no_node(void **state)
{
    uint64_t empty = fib_bytes();
    assert_int_equal(fib_set(0, 0, 9), 0);
    assert_int_equal(fib_set(0x0a000000, 8, 5), 0);
    assert_int_equal(fib_lookup(0x0b000001), 9);
    assert_int_equal(fib_lookup(0x0a000001), 5);
    fib_clear(0x0a000000, 8, 0, 9);
    assert_int_equal(fib_lookup(0x0a000001), 9);
    fib_clear(0, 0, 0, 0);
    assert_int_equal(fib_lookup(0x0a000001), 0);
    assert_int_equal(fib_bytes(), empty);
}

/* In every way that this CPU has, of every number of addresses. */
static void a_burst_finds_what_one_look_up_finds(void **state)
{
    uint32_t address[FIB_BURST], value[FIB_BURST + 1];
    srandom(3);
    assert_int_equal(fib_set(0, 0, 77), 0);
    for (unsigned i = 0; i < 400; i++) {
        unsigned length = 1 + (unsigned)random() % 32;
        uint32_t to = i % 8 ? 100 + i : FIB_VALUE - i;
        assert_int_equal(fib_set(random_address() & ipv4_mask(length), length, to), 0);
    }
    assert_true(fib_nodes() > TRIE_DENSE_MAX);
    print_message("%u ways to look up a burst here\n", fib_ways());
    for (unsigned round = 0; round < 3000; round++) {
        unsigned n = round % (FIB_BURST + 1);
        fib_use_way(round / 100 % fib_ways());
        for (unsigned i = 0; i < n; i++)
            address[i] = random_address();
        value[n] = 0x5a5a5a5a;
        fib_lookup_burst(address, value, n);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(value[i], fib_lookup(address[i]));
        assert_int_equal(value[n], 0x5a5a5a5a);
    }
}

/* Near one of a prefix's ends, or anywhere. */
static uint32_t address_near(const uint32_t *prefix, const uint8_t *length, unsigned count)
{
    unsigned i = (unsigned)random() % count;
    uint32_t host = ~ipv4_mask(length[i]);
    switch (random() % 5) {
    case 0:
        return prefix[i] | (host & (uint32_t)random() << 1);
    case 1:
        return prefix[i] - 1;
    case 2:
        return (prefix[i] | host) + 1;
    case 3:
        return prefix[i] | host;
    default:
        return (uint32_t)random() << 1 ^ (uint32_t)random();
    }
}

static void check_bursts(const uint32_t *prefix, const uint8_t *length, unsigned count)
{
    uint32_t address[FIB_BURST], value[FIB_BURST + 1];
    for (unsigned round = 0; round < 4000; round++) {
        fib_use_way(round % fib_ways());
        for (unsigned i = 0; i < FIB_BURST; i++)
            address[i] = address_near(prefix, length, count);
        value[FIB_BURST] = 0x5a5a5a5a;
        fib_lookup_burst(address, value, FIB_BURST);
        for (unsigned i = 0; i < FIB_BURST; i++)
            assert_int_equal(value[i], fib_lookup(address[i]));
        assert_int_equal(value[FIB_BURST], 0x5a5a5a5a);
    }
}

/* A whole burst takes a way of its own where there are many nodes: through those that are as most
 * are, leaves of the root, wide nodes (of long prefixes) and dense ones (the first there were),
 * with and without something that covers them all. */
static void a_burst_among_many_nodes_finds_the_same(void **state)
{
    static uint32_t prefix[6000];
    static uint8_t length[ARRAY_SIZE(prefix)];
    unsigned n = ARRAY_SIZE(prefix), long_ones = 0;
    srandom(5);
    for (unsigned i = 0; i < n; i++) {
        uint32_t net = (uint32_t)random() << 1 & 0xc07ff000; /* in some slots of the root */
        if (i < 8)
            net = 0x0a000000 | i << 16; /* dense, and nobody changes them afterwards */
        length[i] = (uint8_t)(i % 100 ? 17 + random() % 8 : 9 + random() % 24);
        prefix[i] = (net | (uint32_t)random() % 4096) & ipv4_mask(length[i]);
        long_ones += length[i] > 24;
        assert_int_equal(fib_set(prefix[i], length[i], 1 + (uint32_t)random() % 60000), 0);
    }
    assert_true(fib_nodes() > 2 * TRIE_DENSE_MAX && !fib->large && fib->dense && long_ones);
    check_bursts(prefix, length, n);
    assert_int_equal(fib_set(0, 0, 77), 0);
    check_bursts(prefix, length, n);
    assert_int_equal(fib_set(0, 0, FIB_VALUE), 0); /* from here on the other way is taken */
    check_bursts(prefix, length, n);
}

static void hundred_thousand_routes(void **state)
{
    for (uint32_t i = 0; i < 100000; i++)
        assert_int_equal(fib_set(0x0b000000 + i * 256, 24, i + 1), 0);
    for (uint32_t i = 0; i < 100000; i += 997)
        assert_int_equal(fib_lookup(0x0b000000 + i * 256 + 255), i + 1);
    assert_int_equal(fib_lookup(0x0affffff), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_table_has_no_route, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longest_prefix_wins_at_every_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replacing_a_route_changes_only_its_own_addresses, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(adjacency_rests_before_it_is_rewritten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(default_route_takes_no_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_burst_finds_what_one_look_up_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_burst_among_many_nodes_finds_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hundred_thousand_routes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
