/* A bridge with an address beside a routed port: bridging, routing and local delivery at once
 * (apps/bridge with apps/ip).  Bridge br1 is wires 0 and 1; wire 2 is a LAN of its own. */
#include "apps/forward/interface.h"
#include "apps/forward/interface_stats.h"
#include "apps/ip/icmp.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench.h"

#include <string.h>

#define US IP(10, 1, 0, 1)
#define ANN IP(10, 1, 0, 2)     /* station 2 of wire 0 */
#define BEN IP(10, 1, 0, 3)     /* station 3 of wire 1 */
#define CARL IP(203, 0, 113, 4) /* station 4 of wire 2 */

static int set_up(void **state)
{
    bench_set_up(state);
    bench_command("bridge add br1");
    bench_command("bridge br1 port 0");
    bench_command("bridge br1 port 2");
    bench_command("interface br1 address 10.1.0.1/24");
    bench_run_ms(20);
    while (!bench_is_quiet())
        bench_run_ms(1);
    return 0;
}

static const uint8_t *bridge_mac(void)
{
    return interface_find("br1")->mac;
}

static void to_bridge(struct frame *f)
{
    memcpy(f->bytes, bridge_mac(), MAC_LEN);
}

/* ARP from one station of br1: it is answered to where it came from. */
static void meet(unsigned wire, unsigned station, uint32_t address)
{
    struct frame f;
    frame_arp(&f, wire, station, 1, address, US);
    bench_send(wire, &f);
    assert_true(bench_take_arp(wire, &f));
    assert_memory_equal(f.bytes + ETHERNET_SOURCE, bridge_mac(), MAC_LEN);
    assert_int_equal(f.bytes[ETHERNET_HEADER + 7], 2);
}

static void arp_is_answered_and_bridged(void **state)
{
    struct frame f;
    meet(0, 2, ANN);
    assert_true(bench_take_arp(1, &f)); /* the question, to all others of its LAN */
    assert_int_equal(f.bytes[ETHERNET_HEADER + 7], 1);
    assert_false(bench_take(1, &f));
    assert_false(bench_take(2, &f));
    meet(1, 3, BEN);
    assert_memory_equal(bridge_mac(), bench.port[0]->mac, MAC_LEN);
}

static void ping_is_answered_on_each_member(void **state)
{
    struct frame f;
    meet(0, 2, ANN);
    bench_is_quiet();
    meet(1, 3, BEN);
    bench_is_quiet();
    for (unsigned wire = 0; wire < 2; wire++) {
        frame_echo(&f, wire, 2 + wire, wire ? BEN : ANN, US, 84);
        to_bridge(&f);
        bench_send(wire, &f);
        assert_true(bench_take_ipv4(wire, &f));
        assert_int_equal(load_be32(frame_ip(&f) + IPV4_SOURCE), US);
        assert_false(bench_take(!wire, &f));
    }
}

/* Between members nobody looks at IP. */
static void members_are_bridged_beside(void **state)
{
    struct frame f, got;
    meet(1, 3, BEN);
    bench_is_quiet();
    frame_ipv4(&f, 0, 2, IP(10, 9, 9, 9), IP(127, 0, 0, 1), 60);
    station_mac(1, 3, f.bytes);
    bench_send(0, &f);
    assert_true(bench_take(1, &got));
    assert_int_equal(got.length, f.length);
    assert_memory_equal(got.bytes, f.bytes, f.length);
}

/* A second view of the same drop: the port's and the interface's, on the worker's way as on the
 * control task's. */
static void what_the_bridge_drops_is_counted_on_its_interface_too(void **state)
{
    struct interface_counters c;
    struct frame f;
    meet(0, 2, ANN);
    bench_is_quiet();
    frame_ipv4(&f, 0, 2, ANN, US, 60);
    to_bridge(&f);
    frame_ip(&f)[IPV4_CHECKSUM] ^= 1;
    bench_send(0, &f); /* a worker's */
    frame_ipv4(&f, 0, 2, ANN, IP(192, 0, 2, 99), 60);
    to_bridge(&f);
    bench_send(0, &f); /* the control task's: no route leads there */
    bench_run_ms(2);
    interface_totals(interface_find("br1"), &c);
    assert_int_equal(c.drops[DROP_ip_checksum], 1);
    assert_int_equal(c.drops[DROP_no_route], 1);
    assert_int_equal(bench_drops(0, DROP_ip_checksum), 1);
    assert_int_equal(bench_drops(0, DROP_no_route), 1);
}

static void a_bridge_and_a_port_are_routed(void **state)
{
    struct frame f, got;
    meet(1, 3, BEN);
    station_meet(2, 4, CARL);
    bench_is_quiet();
    frame_ipv4(&f, 1, 3, BEN, CARL, 60);
    to_bridge(&f);
    bench_send(1, &f);
    assert_true(bench_take_ipv4(2, &got));
    assert_int_equal(frame_ip(&got)[IPV4_TTL], frame_ip(&f)[IPV4_TTL] - 1);
    frame_ipv4(&f, 2, 4, CARL, BEN, 60);
    bench_send(2, &f);
    assert_true(bench_take_ipv4(1, &got));
    assert_memory_equal(got.bytes + ETHERNET_SOURCE, bridge_mac(), MAC_LEN);
    assert_int_equal(frame_ip(&got)[IPV4_TTL], frame_ip(&f)[IPV4_TTL] - 1);
    assert_false(bench_take(0, &got)); /* BEN's place is known */
}

/* Who is not known is asked for on all members, and what waited goes to where the answer is from.
 */
static void neighbors_of_a_bridge_are_asked_for_everywhere(void **state)
{
    struct frame f, got;
    station_meet(2, 4, CARL);
    bench_is_quiet();
    frame_ipv4(&f, 2, 4, CARL, ANN, 60);
    bench_send(2, &f);
    assert_true(bench_take_arp(0, &got));
    assert_true(bench_take_arp(1, &got));
    assert_false(bench_take(2, &got));
    frame_arp(&f, 0, 2, 2, ANN, US);
    to_bridge(&f);
    bench_send(0, &f);
    assert_true(bench_take_ipv4(0, &got));
    assert_false(bench_take(1, &got));
}

/* A route needs no new ARP when its neighbor goes to another member. */
static void a_neighbor_that_moves_within_the_bridge_is_followed(void **state)
{
    struct frame f, got;
    meet(0, 2, ANN);
    station_meet(2, 4, CARL);
    frame_ipv4(&f, 0, 2, ANN, IP(10, 1, 0, 255), 60);
    memset(f.bytes, 0xff, MAC_LEN);
    bench_send(1, &f); /* ANN's MAC, on wire 1 */
    bench_is_quiet();
    frame_ipv4(&f, 2, 4, CARL, ANN, 60);
    bench_send(2, &f);
    assert_true(bench_take_ipv4(1, &got));
    assert_false(bench_take(0, &got));
}

static void a_members_own_addresses_wait(void **state)
{
    struct frame f, got;
    frame_arp(&f, 0, 2, 1, IP(192, 0, 2, 9), IP(192, 0, 2, 1));
    bench_send(0, &f);
    assert_false(bench_take_arp(0, &got));
    assert_non_null(strstr(bench_output("show config"), "port 0 address 192.0.2.1/24\n"));
    bench_command("bridge br1 no port 0");
    bench_run_ms(20);
    bench_is_quiet();
    bench_send(0, &f);
    assert_true(bench_take_arp(0, &got));
}

static void in_l2_it_answers_and_does_not_route(void **state)
{
    struct frame f;
    station_meet(2, 4, CARL);
    bench_command("forward l2");
    bench_run_ms(20);
    meet(1, 3, BEN);
    bench_is_quiet();
    frame_ipv4(&f, 1, 3, BEN, CARL, 60);
    to_bridge(&f);
    bench_send(1, &f);
    assert_true(bench_is_quiet());
    frame_echo(&f, 1, 3, BEN, US, 84);
    to_bridge(&f);
    bench_send(1, &f);
    assert_true(bench_take_ipv4(1, &f));
}

static void a_bridge_without_members_up_has_no_way_out(void **state)
{
    struct frame f;
    meet(1, 3, BEN);
    station_meet(2, 4, CARL);
    bench_command("port 0 down");
    bench_command("port 2 down");
    bench_is_quiet();
    assert_false(interface_find("br1")->up);
    frame_ipv4(&f, 2, 4, CARL, BEN, 60);
    bench_send(2, &f);
    assert_false(bench_take(0, &f));
    assert_false(bench_take(1, &f));
}

/* Bridges, members, interfaces, addresses: what needs what stands behind it. */
static void config_has_an_order_that_can_be_read_again(void **state)
{
    static const char *const lines[] = { "bridge add br1\n",
                                         "bridge br1 port 0\n",
                                         "bridge br1 port 2\n",
                                         "interface br1 mtu 1400\n",
                                         "interface br1 address 10.1.0.1/24\n",
                                         "forward l3\n" };
    bench_command("interface br1 mtu 1400");
    const char *at = bench_output("show config");
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        if (!(at = strstr(at, lines[i])))
            fail_msg("no %s at its place", lines[i]);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arp_is_answered_and_bridged),
        TEST(ping_is_answered_on_each_member),
        TEST(members_are_bridged_beside),
        TEST(what_the_bridge_drops_is_counted_on_its_interface_too),
        TEST(a_bridge_and_a_port_are_routed),
        TEST(neighbors_of_a_bridge_are_asked_for_everywhere),
        TEST(a_neighbor_that_moves_within_the_bridge_is_followed),
        TEST(a_members_own_addresses_wait),
        TEST(in_l2_it_answers_and_does_not_route),
        TEST(a_bridge_without_members_up_has_no_way_out),
        TEST(config_has_an_order_that_can_be_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
