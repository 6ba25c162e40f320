/* apps/bridge/stp.c: a bridge's spanning tree between its members, BPDUs and the frames that its
 * states keep out (IEEE 802.1D-2004; unread). */
#include "apps/bridge/stp.h"

#include "apps/bridge/fdb.h"
#include "tests/models/bridge_bench.h"
#include "tests/models/must.h"

#define BPDU_ADDRESS 0x0180c2000000ull

static struct bridge *br;

static int set_up_tree(void **state)
{
    set_up(state);
    br = made_of_all("br1");
    return 0;
}

static void throw_away(void)
{
    forward_turn(); /* what the control task has sent */
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0 || lan_last.length)
            ;
}

static bool is_bpdu(const struct lan_frame *f)
{
    static const uint8_t begin[] = { 0x01, 0x80, 0xc2, 0, 0, 0 };
    return f->length == 60 && !memcmp(f->bytes, begin, sizeof begin);
}

/* A better bridge's BPDU: it is the root, and designated there. */
static void put_superior(unsigned port, uint16_t number)
{
    struct lan_frame f = { .length = 60 };
    static const uint8_t head[] = { 0x01, 0x80, 0xc2, 0,    0,    0, 2, 0, 0, 0, 0x10,
                                    1,    0,    39,   0x42, 0x42, 3, 0, 0, 2, 2, 0x7c };
    memcpy(f.bytes, head, sizeof head);
    store_be32(f.bytes + 22, 0x10000200u);
    store_be32(f.bytes + 26, 0x1001);
    store_be32(f.bytes + 34, 0x10000200u);
    store_be32(f.bytes + 38, 0x1001);
    store_be16(f.bytes + 42, number);
    store_be16(f.bytes + 46, 20 << 8);
    store_be16(f.bytes + 48, 2 << 8);
    store_be16(f.bytes + 50, 15 << 8);
    wire_put(lan[port], f.bytes, f.length);
    lan_run();
}

/* What came in by one of a pair of ports goes out by the other: a loop in the wiring. */
static unsigned pass_round(unsigned a, unsigned b)
{
    unsigned moved = 0;
    for (unsigned i = 0; i < 2; i++) {
        unsigned from = i ? b : a, to = i ? a : b;
        while (lan_receive(from) >= 0 || lan_last.length) {
            wire_put(lan[to], lan_last.bytes, lan_last.length);
            moved++;
        }
    }
    lan_run();
    return moved;
}

/* -------------------------------------------------------------------------------------- */

static void off_it_is_as_it_was(void **state)
{
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 1 << 1 | 1 << 2 | 1 << 3);
    send(0, BPDU_ADDRESS, A, 2);
    assert_int_equal(sent_by(2), 0);
    assert_int_equal(lan_drops(0, DROP_reserved_address), 1);
    seconds_pass(5);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(lan_receive(i), -1);
}

static void hosts_are_let_in_after_three_seconds(void **state)
{
    must_work("bridge br1 port 0 edge on");
    must_work("bridge br1 spanning-tree on");
    assert_int_equal(member_of(0)->traits, 0); /* an edge at once */
    assert_int_equal(member_of(1)->traits, TRAIT_DISCARDING);
    throw_away();
    send(1, LAN_BROADCAST, B, 1);
    assert_int_equal(sent_by(1), 0);
    assert_int_equal(lan_drops(1, DROP_spanning_tree), 1);
    send(0, LAN_BROADCAST, A, 2); /* nobody else is open yet */
    assert_int_equal(sent_by(2), 0);
    struct fdb_counts counts;
    fdb_counts(&counts);
    assert_int_equal(counts.learned, 1); /* A */
    seconds_pass(4);
    assert_int_equal(member_of(1)->traits, 0);
    throw_away();
    send(1, LAN_BROADCAST, B, 3);
    assert_int_equal(sent_by(3), 1 << 0 | 1 << 2 | 1 << 3);
    must_show("show bridge br1", "this bridge");
    must_show("show bridge br1", "port 1         up, designated forwarding, edge");
}

/* BPDUs are the bridge's own: sent every two seconds, and never forwarded. */
static void bpdus_end_here(void **state)
{
    must_work("bridge br1 spanning-tree on");
    seconds_pass(10);
    for (unsigned i = 0; i < PORTS; i++) {
        unsigned n = 0;
        for (; lan_receive(i) >= 0 || lan_last.length; n++) {
            assert_true(is_bpdu(&lan_last));
            assert_memory_equal(lan_last.bytes + MAC_LEN, lan[i]->port.mac, MAC_LEN);
        }
        assert_in_range(n, 5, 8);
    }
    put_superior(2, 0x8001);
    assert_int_equal(lan_drops(2, DROP_reserved_address), 0);
    struct port_totals t;
    stats_port_totals(&lan[2]->port, &t);
    assert_int_equal(t.counters.consumed, 1);
    must_show("show bridge br1", "root 1000.02:00:00:00:10:01, cost ");
    must_show("show bridge br1", "port 2         up, root ");
    throw_away();
    /* others of the reserved addresses are dropped as ever, and so is what is no BPDU */
    send(2, BPDU_ADDRESS + 2, A, 1);
    assert_int_equal(lan_drops(2, DROP_reserved_address), 1);
    send(2, BPDU_ADDRESS, A, 1);
    stats_port_totals(&lan[2]->port, &t);
    assert_int_equal(t.counters.consumed, 2);
    throw_away();
}

/* The worse of two ways to a better root is closed, and opened when the other goes. */
static void a_second_way_is_closed(void **state)
{
    must_work("bridge br1 spanning-tree on");
    for (unsigned i = 0; i < 3; i++) {
        put_superior(1, 0x8001);
        put_superior(2, 0x8002);
        seconds_pass(1);
    }
    assert_int_equal(member_of(1)->traits, 0);
    assert_int_equal(member_of(2)->traits, TRAIT_DISCARDING);
    throw_away();
    send(1, LAN_BROADCAST, B, 1);
    send(2, LAN_BROADCAST, C, 2);
    assert_int_equal(lan_drops(2, DROP_spanning_tree), 1);
    throw_away();
    uint16_t port;
    const uint8_t b[MAC_LEN] = { 2, 0, 0, 0, 0, 2 };
    uint64_t key = fdb_key(br->fid, b);
    assert_true(fdb_lookup(key, fdb_prefetch(key), &port));
    lan[1]->link_up = false;
    seconds_pass(1);
    put_superior(2, 0x8002);
    seconds_pass(1);
    assert_int_equal(member_of(2)->traits, 0);
    assert_false(fdb_lookup(key, fdb_prefetch(key), &port));
    throw_away();
}

/* A wire between two ports of this bridge: no frame goes round, and no more than once before that
 * is found out. */
static void a_loop_is_no_end(void **state)
{
    must_work("bridge br1 port 0 edge on");
    must_work("bridge br1 spanning-tree on");
    for (unsigned i = 0; i < 50; i++) {
        seconds_pass(1);
        pass_round(1, 2);
    }
    assert_true((member_of(1)->traits | member_of(2)->traits) & TRAIT_DISCARDING);
    throw_away();
    send(0, LAN_BROADCAST, A, 1);
    unsigned rounds = 0;
    while (pass_round(1, 2))
        assert_true(++rounds < 3);
    throw_away();
    must_show("show bridge br1", "backup discarding");
}

static void it_can_be_turned_off(void **state)
{
    must_work("bridge br1 spanning-tree on");
    assert_int_equal(member_of(3)->traits, TRAIT_DISCARDING);
    must_work("bridge br1 no port 2");
    must_work("bridge br1 port 2"); /* joins the tree */
    assert_non_null(member_of(2)->stp);
    must_show("show config", "bridge add br1\nbridge br1 spanning-tree on\nbridge br1 port 0\n");
    must_work("bridge br1 spanning-tree off");
    assert_int_equal(member_of(3)->traits, 0);
    throw_away();
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 1 << 1 | 1 << 2 | 1 << 3);
    must_work("bridge br1 spanning-tree on");
    must_work("bridge delete br1");
    seconds_pass(2);
    throw_away();
}

/* Where a whole-port mode has the frames nobody hears BPDUs: none are sent, and it begins anew. */
static void it_stands_still_with_the_bridge(void **state)
{
    must_work("bridge br1 spanning-tree on");
    seconds_pass(5);
    throw_away();
    must_work("forward io");
    seconds_pass(5);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(lan_receive(i), -1);
    must_work("forward l3");
    assert_int_equal(member_of(3)->traits, TRAIT_DISCARDING);
    seconds_pass(5);
    assert_int_equal(member_of(3)->traits, 0);
    throw_away();
}

/* Its identifier is its MAC. */
static void a_new_mac_is_a_new_bridge(void **state)
{
    must_work("bridge br1 spanning-tree on");
    seconds_pass(5);
    must_work("interface br1 mac 02:00:00:00:00:99");
    must_show("show bridge br1", "root 8000.02:00:00:00:00:99, this bridge");
    seconds_pass(5);
    assert_int_equal(member_of(3)->traits, 0);
    throw_away();
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up_tree, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(off_it_is_as_it_was),
        test(hosts_are_let_in_after_three_seconds),
        test(bpdus_end_here),
        test(a_second_way_is_closed),
        test(a_loop_is_no_end),
        test(it_can_be_turned_off),
        test(it_stands_still_with_the_bridge),
        test(a_new_mac_is_a_new_bridge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
