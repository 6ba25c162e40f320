/* Several ways of one route (apps/ip/group.h), and flows' numbers (apps/ip/flow.h). */
#include "apps/ip/flow.h"
#include "apps/ip/group.h"
#include "apps/ip/nexthop.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

static struct interface interface = { .mtu = 1500, .up = true };
static struct group *group;
static uint32_t adjacency[GROUP_WAYS], nexthop[GROUP_WAYS];
static unsigned ways;
static uint8_t before[GROUP_BUCKETS];

static int set_up(void **state)
{
    host_reset();
    srandom(1);
    assert_int_equal(nexthop_init(), 0);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(group_count, 0);
    nexthop_shutdown();
    return 0;
}

static void make(const uint8_t *weights, unsigned count)
{
    ways = count;
    group = group_make(weights, count);
    assert_non_null(group);
    for (unsigned i = 0; i < count; i++) {
        adjacency[i] = adjacency_make(&interface, ETHERTYPE_IPV4, i);
        nexthop[i] = nexthop_via(0, adjacency[i]);
        group_set_way(group, i, nexthop[i], adjacency_at(adjacency[i]));
    }
}

static void unmake(void)
{
    uint32_t number = nexthop_group(group);
    nexthop_release(number); /* and the group with it */
    for (unsigned i = 0; i < ways; i++) {
        nexthop_release(nexthop[i]);
        adjacency_free(adjacency[i]);
    }
}

static void up(unsigned way)
{
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
    adjacency_resolve(adjacency[way], mac);
}

static void down(unsigned way)
{
    adjacency_unresolve(adjacency[way]);
}

static void all_up(void)
{
    for (unsigned i = 0; i < ways; i++)
        up(i);
}

static void remember(void)
{
    memcpy(before, group->bucket, sizeof before);
}

static unsigned moved(void)
{
    unsigned n = 0;
    for (unsigned b = 0; b < GROUP_BUCKETS; b++)
        n += before[b] != group->bucket[b];
    return n;
}

static void shares_follow_weights(void **state)
{
    make((const uint8_t[]){ 1, 2, 5 }, 3);
    all_up();
    assert_int_equal(group_buckets(group, 0), 32);
    assert_int_equal(group_buckets(group, 1), 64);
    assert_int_equal(group_buckets(group, 2), 160);
    unmake();
    make((const uint8_t[]){ 7, 7, 7 }, 3); /* what is left over goes to the first ones */
    all_up();
    assert_int_equal(group_buckets(group, 0), 86);
    assert_int_equal(group_buckets(group, 1), 85);
    assert_int_equal(group_buckets(group, 2), 85);
    unmake();
}

static void a_way_that_goes_takes_only_its_own_flows_and_gets_them_back(void **state)
{
    make((const uint8_t[]){ 1, 1, 1, 1 }, 4);
    all_up();
    remember();
    uint8_t first[GROUP_BUCKETS];
    memcpy(first, before, sizeof first);
    down(2);
    assert_int_equal(moved(), 64);
    for (unsigned b = 0; b < GROUP_BUCKETS; b++)
        assert_true(before[b] == group->bucket[b] || before[b] == 2);
    assert_int_equal(group_buckets(group, 2), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(group_buckets(group, i), i == 2 ? 0 : 85, i == 2 ? 0 : 86);
    remember();
    up(2);
    assert_int_equal(moved(), 64);
    assert_memory_equal(group->bucket, first, sizeof first);
    unmake();
}

/* The one that is back does not wait for the others to have its share. */
static void who_comes_back_first_gets_its_share(void **state)
{
    make((const uint8_t[]){ 1, 1, 1, 1, 1, 1, 1, 1 }, 8);
    all_up();
    for (unsigned i = 1; i < 8; i++)
        down(i);
    assert_int_equal(group_buckets(group, 0), GROUP_BUCKETS);
    up(3);
    assert_int_equal(group_buckets(group, 3), GROUP_BUCKETS / 2);
    all_up();
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(group_buckets(group, i), GROUP_BUCKETS / 8);
    unmake();
}

static void while_none_is_resolved_all_are_used(void **state)
{
    make((const uint8_t[]){ 1, 1 }, 2);
    assert_true(group_is_live(group, 0) && group_is_live(group, 1));
    up(1);
    assert_int_equal(group_buckets(group, 1), GROUP_BUCKETS);
    assert_false(group_is_live(group, 0));
    down(1);
    assert_int_equal(group_buckets(group, 1), GROUP_BUCKETS / 2);
    group_set_way(group, 0, 0, NULL); /* nor is there a way to ask it */
    assert_int_equal(group_buckets(group, 1), GROUP_BUCKETS);
    assert_true(group_leads(group));
    group_set_way(group, 1, 0, NULL);
    assert_false(group_leads(group));
    unmake();
}

/* Whatever comes and goes: a way that goes moves its own buckets, one that comes back those of
 * its share at most; nobody who is gone owns one. */
static void comings_and_goings(unsigned count)
{
    uint8_t weights[GROUP_WAYS];
    bool is_up[GROUP_WAYS];
    for (unsigned i = 0; i < count; i++) {
        weights[i] = (uint8_t)(1 + random() % (random() % 2 ? 3 : GROUP_WEIGHT_MAX));
        is_up[i] = true;
    }
    make(weights, count);
    all_up();
    unsigned homes[GROUP_WAYS], live = count;
    for (unsigned i = 0; i < count; i++)
        homes[i] = group_buckets(group, i);
    for (unsigned n = 0; n < 60; n++) {
        unsigned way = (unsigned)random() % count;
        if (is_up[way] && live == 1)
            continue;
        unsigned had = group_buckets(group, way);
        remember();
        is_up[way] = !is_up[way];
        live += is_up[way] ? 1u : -1u;
        is_up[way] ? up(way) : down(way);
        for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
            assert_true(is_up[group->bucket[b]]);
            if (before[b] != group->bucket[b])
                assert_int_equal(is_up[way] ? group->bucket[b] : before[b], way);
        }
        assert_int_equal(moved(), is_up[way] ? group_buckets(group, way) : had);
        assert_true(!is_up[way] || group_buckets(group, way) >= homes[way]);
    }
    all_up();
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(group_buckets(group, i), homes[i]);
    unmake();
}

static void at_random(void **state)
{
    for (unsigned n = 0; n < 200; n++)
        comings_and_goings(2 + (unsigned)random() % (GROUP_WAYS - 1));
}

/* More groups than are looked at in one slice. */
static void every_group_hears_of_it(void **state)
{
    struct group *many[3 * GROUPS_PER_SLICE];
    uint32_t one = adjacency_make(&interface, ETHERTYPE_IPV4, 0),
             two = adjacency_make(&interface, ETHERTYPE_IPV4, 1);
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
    adjacency_resolve(one, mac);
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
        many[i] = group_make((const uint8_t[]){ 1, 1 }, 2);
        group_set_way(many[i], 0, 77, adjacency_at(one));
        group_set_way(many[i], 1, 78, adjacency_at(two));
        assert_int_equal(group_buckets(many[i], 1), 0);
    }
    adjacency_resolve(two, mac);
    assert_true(group_refresh());
    while (group_refresh())
        ;
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
        assert_int_equal(group_buckets(many[i], 1), GROUP_BUCKETS / 2);
        group_free(many[i]);
    }
    adjacency_free(one);
    adjacency_free(two);
}

/* Flows ------------------------------------------------------------------------ */

static uint8_t ip[64];

static uint32_t flow(uint32_t source, uint32_t destination, uint8_t protocol, uint16_t from,
                     uint16_t to)
{
    memset(ip, 0, sizeof ip);
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, 40);
    ip[IPV4_PROTOCOL] = protocol;
    store_be32(ip + IPV4_SOURCE, source);
    store_be32(ip + IPV4_DESTINATION, destination);
    store_be16(ip + 20, from);
    store_be16(ip + 22, to);
    return flow_hash_ipv4(ip);
}

static void every_field_of_five_tells_flows_apart(void **state)
{
    uint32_t first = flow(1, 2, 6, 3, 4);
    flow_settings.secret++;
    assert_int_not_equal(flow(1, 2, 6, 3, 4), first);
    flow_settings.secret--;
    assert_int_equal(flow(1, 2, 6, 3, 4), first);
    assert_int_not_equal(flow(9, 2, 6, 3, 4), first);
    assert_int_not_equal(flow(1, 9, 6, 3, 4), first);
    assert_int_not_equal(flow(1, 2, 17, 3, 4), first);
    assert_int_not_equal(flow(1, 2, 6, 9, 4), first);
    assert_int_not_equal(flow(1, 2, 6, 3, 9), first);
    assert_int_not_equal(flow(2, 1, 6, 4, 3), first);
    assert_int_equal(flow(1, 2, 1, 3, 4), flow(1, 2, 1, 5, 6)); /* ICMP has no ports */
}

static void all_pieces_of_a_datagram_are_one_flow(void **state)
{
    static const uint16_t fields[] = { IPV4_FRAGMENT_MF, IPV4_FRAGMENT_MF | 3, 5 };
    uint32_t first = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        flow(1, 2, IPV4_PROTOCOL_UDP, (uint16_t)(7 * i), (uint16_t)i);
        store_be16(ip + IPV4_FRAGMENT, fields[i]);
        first = i ? first : flow_hash_ipv4(ip);
        assert_int_equal(flow_hash_ipv4(ip), first);
    }
}

static void ports_lie_behind_options_and_within_the_packet(void **state)
{
    uint32_t plain = flow(1, 2, IPV4_PROTOCOL_UDP, 3, 4);
    flow(1, 2, IPV4_PROTOCOL_UDP, 0x0101, 0x0100);
    ip[IPV4_VERSION_IHL] = 0x46;
    store_be16(ip + 24, 3);
    store_be16(ip + 26, 4);
    assert_int_equal(flow_hash_ipv4(ip), plain);
    uint32_t none = flow(1, 2, IPV4_PROTOCOL_UDP, 0, 0);
    flow(1, 2, IPV4_PROTOCOL_UDP, 3, 4);
    store_be16(ip + IPV4_TOTAL_LENGTH, 23);
    assert_int_equal(flow_hash_ipv4(ip), none);
}

static void symmetric_both_directions_are_one_flow(void **state)
{
    flow_set_symmetric(true);
    assert_int_equal(flow(1, 2, 6, 3, 4), flow(2, 1, 6, 4, 3));
    assert_int_equal(flow(5, 5, 6, 3, 4), flow(5, 5, 6, 4, 3));
    assert_int_not_equal(flow(1, 2, 6, 3, 4), flow(1, 2, 6, 4, 3));
    flow_set_symmetric(false);
    assert_int_not_equal(flow(1, 2, 6, 3, 4), flow(2, 1, 6, 4, 3));
}

/* No bucket of a hundredth part of flows that differ in one field alone is empty. */
static void flows_are_spread(void **state)
{
    for (unsigned field = 0; field < 4; field++) {
        unsigned hits[GROUP_BUCKETS] = { 0 };
        for (uint32_t i = 0; i < 64 * GROUP_BUCKETS; i++) {
            uint32_t v[4] = { 1, 2, 3, 4 };
            v[field] += i;
            hits[flow(v[0], v[1], 6, (uint16_t)v[2], (uint16_t)v[3]) % GROUP_BUCKETS]++;
        }
        for (unsigned b = 0; b < GROUP_BUCKETS; b++)
            assert_in_range(hits[b], 24, 120);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shares_follow_weights),
        TEST(a_way_that_goes_takes_only_its_own_flows_and_gets_them_back),
        TEST(who_comes_back_first_gets_its_share),
        TEST(while_none_is_resolved_all_are_used),
        TEST(at_random),
        TEST(every_group_hears_of_it),
        TEST(every_field_of_five_tells_flows_apart),
        TEST(all_pieces_of_a_datagram_are_one_flow),
        TEST(ports_lie_behind_options_and_within_the_packet),
        TEST(symmetric_both_directions_are_one_flow),
        TEST(flows_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
