/* apps/bridge: what is set of a member: isolation, learning, flooding, limits, storms; and loops
 * that are told. */
#include "apps/bridge/fdb.h"
#include "apps/bridge/station.h"
#include "apps/bridge/storm.h"
#include "tests/models/bridge_bench.h"
#include "tests/models/must.h"

#define GROUP 0x030000000001ull
#define UNKNOWN 0x0200000000eeull

static struct bridge *br;

static int set_up_members(void **state)
{
    set_up(state);
    br = made_of_all("br1");
    return 0;
}

/* Isolation ------------------------------------------------------------------------- */

static void isolated_ports_do_not_reach_each_other(void **state)
{
    must_work("bridge br1 port 0 isolated on");
    must_work("bridge br1 port 1 isolated on");
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 1 << 2 | 1 << 3);
    send(1, LAN_BROADCAST, B, 2);
    assert_int_equal(sent_by(2), 1 << 2 | 1 << 3);
    send(2, LAN_BROADCAST, C, 3);
    assert_int_equal(sent_by(3), 1 << 0 | 1 << 1 | 1 << 3);
    send(0, B, A, 4); /* known, but there */
    assert_int_equal(sent_by(4), 0);
    assert_int_equal(lan_drops(0, DROP_isolated), 1);
    send(0, C, A, 5);
    assert_int_equal(sent_by(5), 1 << 2);
    send(2, A, C, 6);
    assert_int_equal(sent_by(6), 1 << 0);
    send(0, UNKNOWN, A, 7);
    assert_int_equal(sent_by(7), 1 << 2 | 1 << 3);
    must_work("bridge br1 port 1 isolated off");
    send(0, B, A, 8);
    assert_int_equal(sent_by(8), 1 << 1);
}

/* A burst for one isolated port and others: no frame goes another's way. */
static void isolation_within_a_burst(void **state)
{
    send(1, LAN_BROADCAST, B, 1);
    sent_by(1);
    send(2, LAN_BROADCAST, C, 1);
    sent_by(1);
    must_work("bridge br1 port 0 isolated on");
    must_work("bridge br1 port 1 isolated on");
    lan_send(0, C, A, 2);
    lan_send(0, B, A, 3);
    lan_send(0, C, A, 4);
    lan_run();
    assert_int_equal(lan_receive(2), 2);
    assert_int_equal(lan_receive(2), 4);
    assert_int_equal(lan_drops(0, DROP_isolated), 1);
    assert_int_equal(sent_by(3), 0);
}

/* Learning and flooding ---------------------------------------------------------------- */

static void learning_off(void **state)
{
    send(0, LAN_BROADCAST, A, 1);
    sent_by(1);
    must_work("bridge br1 port 0 learning off"); /* and what was learned is forgotten */
    send(1, A, B, 2);
    assert_int_equal(sent_by(2), 1 << 0 | 1 << 2 | 1 << 3);
    send(0, LAN_BROADCAST, A, 3);
    sent_by(3);
    send(1, A, B, 4);
    assert_int_equal(sent_by(4), 1 << 0 | 1 << 2 | 1 << 3);
    must_work("fdb add 02:00:00:00:00:01 port 0 bridge br1"); /* pinned it is known */
    send(1, A, B, 5);
    assert_int_equal(sent_by(5), 1 << 0);
}

static void flood_off(void **state)
{
    must_work("bridge br1 port 1 flood off");
    send(0, UNKNOWN, A, 1);
    assert_int_equal(sent_by(1), 1 << 2 | 1 << 3);
    send(0, LAN_BROADCAST, A, 2); /* broadcasts and groups do */
    assert_int_equal(sent_by(2), 1 << 1 | 1 << 2 | 1 << 3);
    send(0, GROUP, A, 3);
    assert_int_equal(sent_by(3), 1 << 1 | 1 << 2 | 1 << 3);
    send(1, LAN_BROADCAST, B, 4);
    sent_by(4);
    send(0, B, A, 5); /* and who is known is reached */
    assert_int_equal(sent_by(5), 1 << 1);
}

/* A limit ------------------------------------------------------------------------------- */

static void a_port_learns_so_many(void **state)
{
    must_work("bridge br1 port 0 limit 2");
    for (uint32_t i = 1; i <= 3; i++) {
        send(0, LAN_BROADCAST, 0x020000000100ull + i, i);
        sent_by(i);
    }
    assert_int_equal(fdb_learned_on(0), 2);
    assert_true(host_log_contains("port 0: 2 stations are learned"));
    send(1, 0x020000000102ull, B, 4);
    assert_int_equal(sent_by(4), 1 << 0);
    send(1, 0x020000000103ull, B, 5); /* over it: reached by flooding */
    assert_int_equal(sent_by(5), 1 << 0 | 1 << 2 | 1 << 3);
    must_show("show bridge br1", "2 of 2 stations (1 times refused)");
    send(2, LAN_BROADCAST, 0x020000000101ull, 6); /* one goes elsewhere: room for another */
    sent_by(6);
    assert_int_equal(fdb_learned_on(0), 1);
    send(0, LAN_BROADCAST, 0x020000000103ull, 7);
    sent_by(7);
    send(1, 0x020000000103ull, B, 8);
    assert_int_equal(sent_by(8), 1 << 0);
    seconds_pass(315); /* and when they age */
    assert_int_equal(fdb_learned_on(0), 0);
    must_work("bridge br1 port 0 limit 0");
    for (uint32_t i = 1; i <= 5; i++) {
        send(0, LAN_BROADCAST, 0x020000000200ull + i, i);
        sent_by(i);
    }
    assert_int_equal(fdb_learned_on(0), 5);
}

/* Storms --------------------------------------------------------------------------------- */

static unsigned burst_of(unsigned n, uint64_t destination)
{
    uint64_t before = lan_drops(0, DROP_storm);
    for (unsigned i = 0; i < n; i++)
        lan_send(0, destination, A, 1);
    lan_run();
    for (unsigned port = 1; port < PORTS; port++)
        while (lan_receive(port) >= 0)
            ;
    return n - (unsigned)(lan_drops(0, DROP_storm) - before);
}

static void storms_are_limited_by_kind(void **state)
{
    must_work("bridge br1 port 0 storm broadcast 100");
    must_work("bridge br1 port 0 storm unknown 50");
    assert_int_equal(burst_of(40, LAN_BROADCAST), 10); /* a tenth of a second's */
    assert_int_equal(burst_of(40, UNKNOWN), 5);
    assert_int_equal(burst_of(40, GROUP), 40); /* no limit */
    send(1, LAN_BROADCAST, B, 1);
    sent_by(1);
    assert_int_equal(burst_of(40, B), 40); /* known ones never */
    seconds_pass(1);
    assert_int_equal(burst_of(40, LAN_BROADCAST), 10);
    unsigned passed = 0;
    for (unsigned i = 0; i < 20; i++) { /* two seconds of more than enough */
        host_advance_us(S / 10);
        lan_run();
        passed += burst_of(40, LAN_BROADCAST);
    }
    assert_in_range(passed, 190, 210);
    must_work("bridge br1 port 0 storm multicast 10");
    assert_int_equal(burst_of(40, GROUP), 1);
    must_work("bridge br1 port 0 storm broadcast 0");
    assert_int_equal(burst_of(40, LAN_BROADCAST), 40);
    must_fail("bridge br1 port 0 storm broadcast 100000001", "out of range");
}

/* Fewer than ten a second, too. */
static void a_slow_limit(void **state)
{
    unsigned passed = 0;
    must_work("bridge br1 port 0 storm broadcast 3");
    for (unsigned i = 0; i < 100; i++) {
        host_advance_us(S / 10);
        lan_run();
        passed += burst_of(2, LAN_BROADCAST);
    }
    assert_in_range(passed, 30, 32);
}

/* Loops ---------------------------------------------------------------------------------- */

static void an_own_frame_that_comes_back_is_told(void **state)
{
    uint64_t own = 0;
    for (unsigned i = 0; i < MAC_LEN; i++)
        own = own << 8 | br->interface->mac[i];
    send(2, LAN_BROADCAST, own, 1);
    sent_by(1);
    assert_true(host_log_contains("bridge br1: a frame of its own came back by port 2"));
    must_show("show bridge br1", "1 frames of its own came back, last by port 2");
    struct fdb_counts counts;
    fdb_counts(&counts);
    assert_int_equal(counts.learned, 0);
}

static void stations_that_jump_are_told(void **state)
{
    for (unsigned i = 0; i < LOOP_MOVES - 1; i++) {
        lan_send(i & 1, LAN_BROADCAST, A, 1);
        lan_run();
    }
    seconds_pass(1);
    assert_false(host_log_contains("a loop in the wiring"));
    for (unsigned i = 0; i < LOOP_MOVES + 2; i++) {
        lan_send(i & 1, LAN_BROADCAST, A, 1);
        lan_run();
    }
    seconds_pass(1);
    assert_true(host_log_contains("a loop in the wiring?"));
    for (unsigned port = 0; port < PORTS; port++)
        while (lan_receive(port) >= 0)
            ;
}

/* Words ------------------------------------------------------------------------------------ */

static void it_is_configuration(void **state)
{
    must_work("bridge delete br1");
    must_work("bridge add br0");
    must_work("bridge br0 port 1 isolated on"); /* which mode l2 put there */
    assert_false(member_of(1)->automatic);
    must_work("bridge br0 port 1 learning off");
    must_work("bridge br0 port 1 flood off");
    must_work("bridge br0 port 1 limit 7");
    must_work("bridge br0 port 1 storm unknown 9");
    must_show("show config", "bridge br0 port 1\n"
                             "bridge br0 port 1 isolated on\n"
                             "bridge br0 port 1 learning off\n"
                             "bridge br0 port 1 flood off\n"
                             "bridge br0 port 1 limit 7\n"
                             "bridge br0 port 1 storm unknown 9\n");
    must_show("show bridge br0", "isolated, learning off, flood off, 0 of 7 stations");
    must_work("bridge br0 port 1 isolated off");
    must_work("bridge br0 port 1 learning on");
    must_work("bridge br0 port 1 flood on");
    must_work("bridge br0 port 1 limit 0");
    must_work("bridge br0 port 1 storm unknown 0");
    assert_int_equal(member_of(1)->traits, 0);
    must_not_show("show config", "bridge br0 port 1 ");
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up_members, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(isolated_ports_do_not_reach_each_other),
        test(isolation_within_a_burst),
        test(learning_off),
        test(flood_off),
        test(a_port_learns_so_many),
        test(storms_are_limited_by_kind),
        test(a_slow_limit),
        test(an_own_frame_that_comes_back_is_told),
        test(stations_that_jump_are_told),
        test(it_is_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
