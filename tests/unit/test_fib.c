/* The forwarding trie against the plainest model of longest match: a list that
 * is searched from end to end (RFC 1812 5.2.4.3: the longest prefix wins). */
#include "apps/forward/forward.h"
#include "apps/forward/quiesce.h"
#include "apps/ip/adjacency.h"
#include "apps/ip/fib.h"
#include "apps/ip/ipv4.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

#define ROUTES 600u

struct entry {
    uint32_t prefix;
    unsigned length;
    uint32_t adjacency; /* 0: not there */
};

static struct entry model[ROUTES];

static const struct entry *model_cover(uint32_t address, unsigned shorter_than)
{
    const struct entry *best = NULL;
    for (unsigned i = 0; i < ROUTES; i++) {
        const struct entry *e = &model[i];
        if (e->adjacency && e->length < shorter_than &&
            !((address ^ e->prefix) & ipv4_mask(e->length)) && (!best || e->length > best->length))
            best = e;
    }
    return best;
}

static void model_check(uint32_t address)
{
    const struct entry *e = model_cover(address, 33);
    assert_int_equal(fib_lookup(address), e ? e->adjacency : 0);
}

static int set_up(void **state)
{
    host_reset();
    memset(model, 0, sizeof model);
    return fib_init();
}

static int tear_down(void **state)
{
    fib_shutdown();
    return 0;
}

static void clear(struct entry *e)
{
    e->adjacency = 0;
    const struct entry *cover = model_cover(e->prefix, e->length);
    fib_clear(e->prefix, e->length, cover ? cover->length : 0, cover ? cover->adjacency : 0);
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

static void random_tables_agree_with_the_model(void **state)
{
    srandom(1);
    for (unsigned step = 0; step < 6000; step++) {
        struct entry *e = &model[random() % ROUTES];
        if (e->adjacency) {
            clear(e);
        } else {
            unsigned length = (unsigned)random() % 33;
            uint32_t prefix = random_address() & ipv4_mask(length);
            bool known = false;
            for (unsigned i = 0; i < ROUTES; i++)
                known |=
                    model[i].adjacency && model[i].prefix == prefix && model[i].length == length;
            if (known)
                continue;
            *e = (struct entry){ prefix, length, 1 + (uint32_t)random() % FIB_VALUE };
            assert_int_equal(fib_set(prefix, length, e->adjacency), 0);
        }
        for (unsigned i = 0; i < 4; i++)
            model_check(random_address());
        model_check(e->prefix);
        model_check(e->prefix | ~ipv4_mask(e->length));
    }
    for (unsigned i = 0; i < ROUTES; i++)
        if (model[i].adjacency)
            clear(&model[i]);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(fib_lookup(random_address()), 0);
    assert_int_equal(fib_nodes(), 0);
}

static void replacing_a_route_changes_only_its_own_addresses(void **state)
{
    assert_int_equal(fib_set(0x0a000000, 8, 5), 0);
    assert_int_equal(fib_set(0x0a010000, 16, 6), 0);
    assert_int_equal(fib_set(0x0a000000, 8, 7), 0);
    assert_int_equal(fib_lookup(0x0a010203), 6);
    assert_int_equal(fib_lookup(0x0a020203), 7);
}

/* What was taken out is used again (after a rest, apps/forward/quiesce.h). */
static void nodes_come_and_go(void **state)
{
    assert_int_equal(fib_set(0xc0000200, 24, 3), 0);
    assert_int_equal(fib_nodes(), 1);
    uint32_t slot = fib->root[0xc000];
    assert_true(slot & FIB_NODE);
    fib_clear(0xc0000200, 24, 0, 0);
    assert_int_equal(fib->root[0xc000], 0);
    assert_int_equal(fib_nodes(), 0);
    assert_int_equal(fib_set(0xc6336401, 32, 4), 0);
    assert_int_equal(fib_nodes(), 2);
    assert_int_equal(fib_lookup(0xc6336401), 4);
    assert_int_equal(fib_lookup(0xc6336402), 0);
}

/* A worker in the middle of a look-up may hold a node that has just been taken out: until
 * none can, its contents stay and it is not used again. */
static void node_rests_while_a_worker_may_hold_it(void **state)
{
    assert_int_equal(forward_init_workers(64, 2), 0);
    assert_int_equal(fib_set(0xc0000200, 24, 3), 0);
    uint32_t *node = fib_node(fib, fib->root[0xc000]);
    fib_clear(0xc0000200, 24, 0, 0);
    assert_int_equal(fib->root[0xc000], 0);
    for (unsigned i = 0; i < FIB_NODE_SLOTS; i++)
        assert_int_equal(node[i] & FIB_VALUE, 0);
    assert_int_equal(fib_nodes(), 1);
    assert_int_equal(fib_set(0xc6336400, 24, 4), 0);
    assert_ptr_not_equal(fib_node(fib, fib->root[0xc633]), node);
    retire_all();
    assert_int_equal(fib_nodes(), 1);
    assert_int_equal(fib_set(0xc0000200, 24, 3), 0);
    assert_ptr_equal(fib_node(fib, fib->root[0xc000]), node);
    forward_shutdown();
}

/* A record that a worker may be reading is not rewritten under it. */
static void adjacency_rests_before_it_is_rewritten(void **state)
{
    static struct interface interface = { .mtu = 1500, .mac = { 2, 0, 0, 0, 0, 9 } };
    static const uint8_t first[MAC_LEN] = { 2, 1 }, second[MAC_LEN] = { 2, 2 };
    assert_int_equal(forward_init_workers(64, 2), 0);
    assert_int_equal(adjacency_init(), 0);
    uint32_t number = adjacency_make(&interface, 0);
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
    assert_int_not_equal(adjacency_make(&interface, 0), number);
    retire_all();
    retire_all();
    assert_int_equal(adjacency_make(&interface, 0), number);
    adjacency_shutdown();
    forward_shutdown();
}

/* The prefix of length 0 touches no leaf. */
static void default_route_is_one_word(void **state)
{
    assert_int_equal(fib_set(0x0a000000, 8, 5), 0);
    assert_int_equal(fib_set(0, 0, 9), 0);
    assert_int_equal(fib->root[0x0b00], 0);
    assert_int_equal(fib_lookup(0x0b000001), 9);
    assert_int_equal(fib_lookup(0x0a000001), 5);
    fib_clear(0x0a000000, 8, 0, 9);
    assert_int_equal(fib_lookup(0x0a000001), 9);
    fib_clear(0, 0, 0, 0);
    assert_int_equal(fib_lookup(0x0a000001), 0);
}

static void a_burst_finds_what_one_look_up_finds(void **state)
{
    uint32_t address[FIB_BURST], value[FIB_BURST];
    srandom(3);
    assert_int_equal(fib_set(0, 0, 77), 0);
    for (unsigned i = 0; i < 400; i++) {
        unsigned length = 1 + (unsigned)random() % 32;
        assert_int_equal(fib_set(random_address() & ipv4_mask(length), length, 100 + i), 0);
    }
    for (unsigned round = 0; round < 200; round++) {
        unsigned n = 1 + (unsigned)random() % FIB_BURST;
        for (unsigned i = 0; i < n; i++)
            address[i] = random_address();
        fib_lookup_burst(address, value, n);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(value[i], fib_lookup(address[i]));
    }
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
        cmocka_unit_test_setup_teardown(random_tables_agree_with_the_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replacing_a_route_changes_only_its_own_addresses, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nodes_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(node_rests_while_a_worker_may_hold_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(adjacency_rests_before_it_is_rewritten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(default_route_is_one_word, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_burst_finds_what_one_look_up_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hundred_thousand_routes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
