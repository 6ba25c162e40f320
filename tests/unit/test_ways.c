/* Routes with several next hops, to interfaces, to gateways outside every prefix, and routes that
 * refuse (apps/ip/target.h), on the bench. */
#include "apps/forward/interface.h"
#include "apps/ip/fib.h"
#include "apps/ip/group.h"
#include "apps/ip/icmp.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/route.h"
#include "apps/ip/route_static.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench.h"

#include <stdio.h>
#include <string.h>

#define A IP(192, 0, 2, 9)
#define FAR(n) (IP(10, 1, 0, 0) + (n))
#define FLOWS 200u

/* Two routers on wire 1, one on wire 2; they are known. */
static int set_up(void **state)
{
    int e = bench_set_up(state);
    station_meet(0, 9, A);
    station_meet(1, 2, IP(198, 51, 100, 2));
    station_meet(1, 3, IP(198, 51, 100, 3));
    station_meet(2, 2, IP(203, 0, 113, 2));
    return e;
}

/* Flow n, a packet of UDP whose source port is its number. */
static void put_flow(struct frame *f, unsigned n)
{
    frame_ipv4(f, 0, 9, A, FAR(1), 60);
    store_be16(frame_ip(f) + IPV4_HEADER_MIN, (uint16_t)(1000 + n));
    frame_seal(f);
}

/* By whom it goes: wire * 16 + station; 0: by nobody. */
static unsigned way_of(const struct frame *f)
{
    struct frame g;
    unsigned way = 0;
    bench_send(0, f);
    for (unsigned wire = 0; wire < BENCH_WIRES; wire++)
        while (bench_take_ipv4(wire, &g)) {
            if (load_be32(frame_ip(&g) + IPV4_SOURCE) == IP(192, 0, 2, 1))
                continue; /* a redirect */
            assert_int_equal(way, 0);
            way = wire * 16 + g.bytes[5];
        }
    return way;
}

static unsigned way_of_flow(unsigned n)
{
    struct frame f;
    put_flow(&f, n);
    return way_of(&f);
}

static void ways_of_flows(uint8_t way[FLOWS])
{
    for (unsigned n = 0; n < FLOWS; n++)
        way[n] = (uint8_t)way_of_flow(n);
}

static unsigned count_of(const uint8_t way[FLOWS], unsigned which)
{
    unsigned count = 0;
    for (unsigned n = 0; n < FLOWS; n++)
        count += way[n] == which;
    return count;
}

static void expect(const char *command, const char *text)
{
    const char *said = bench_output(command);
    if (!strstr(said, text))
        fail_msg("%s:\n%snot\n%s", command, said, text);
}

#define VIA_2 0x12u /* wire 1, station 2 */
#define VIA_3 0x13u
#define VIA_WIRE_2 0x22u
#define THREE "route add 10.0.0.0/8 via 198.51.100.2 via 198.51.100.3 via 203.0.113.2"

static void flows_are_spread_and_stay_where_they_are(void **state)
{
    uint8_t way[FLOWS], again[FLOWS];
    bench_command(THREE);
    ways_of_flows(way);
    ways_of_flows(again);
    assert_memory_equal(way, again, FLOWS);
    assert_in_range(count_of(way, VIA_2), FLOWS / 5, FLOWS / 2);
    assert_in_range(count_of(way, VIA_3), FLOWS / 5, FLOWS / 2);
    assert_int_equal(count_of(way, VIA_2) + count_of(way, VIA_3) + count_of(way, VIA_WIRE_2),
                     FLOWS);
    assert_int_equal(bench_all_drops(), 0);
}

static void weights_are_shares(void **state)
{
    uint8_t way[FLOWS];
    bench_command("route add 10.0.0.0/8 via 198.51.100.2 weight 7 via 203.0.113.2");
    ways_of_flows(way);
    assert_in_range(count_of(way, VIA_WIRE_2), 8, 50);
    assert_int_equal(count_of(way, VIA_2) + count_of(way, VIA_WIRE_2), FLOWS);
    expect("show routes", "port 2 via 198.51.100.2 weight 7  224 of 256 flows");
    expect("show routes", "port 4 via 203.0.113.2 weight 1  32 of 256 flows");
}

static void only_flows_of_a_way_that_goes_move_and_they_come_back(void **state)
{
    uint8_t was[FLOWS], way[FLOWS];
    bench_command(THREE);
    ways_of_flows(was);
    ring_port_set_link(bench.port[2], false);
    bench_run_ms(150);
    ways_of_flows(way);
    for (unsigned n = 0; n < FLOWS; n++)
        assert_true(was[n] == VIA_WIRE_2 ? way[n] == VIA_2 || way[n] == VIA_3 : way[n] == was[n]);
    expect("show routes", "via 203.0.113.2 weight 1  inactive, port 4 is down");
    ring_port_set_link(bench.port[2], true);
    bench_run_ms(150);
    station_meet(2, 2, IP(203, 0, 113, 2));
    ways_of_flows(way);
    assert_memory_equal(way, was, FLOWS);
}

/* Its link is up; it does not answer.  It is asked for though nothing goes there. */
static void a_silent_way_is_left_out_until_it_answers(void **state)
{
    uint8_t was[FLOWS], way[FLOWS];
    struct frame f;
    bench_command(THREE);
    ways_of_flows(was);
    bench_command("neighbor delete 198.51.100.3");
    ways_of_flows(way);
    for (unsigned n = 0; n < FLOWS; n++)
        assert_true(was[n] == VIA_3 ? way[n] == VIA_2 || way[n] == VIA_WIRE_2 : way[n] == was[n]);
    expect("show routes", "via 198.51.100.3 weight 1  left out, it does not answer");
    bench_run_ms(10000);
    unsigned asked = 0;
    while (bench_take_arp(1, &f))
        asked += load_be32(f.bytes + 38) == IP(198, 51, 100, 3);
    assert_in_range(asked, 3, 10);
    station_meet(1, 3, IP(198, 51, 100, 3));
    ways_of_flows(way);
    assert_memory_equal(way, was, FLOWS);
    assert_int_equal(bench_all_drops(), 0);
}

/* The first packets ask. */
static void ways_nobody_knows_yet_are_asked_for(void **state)
{
    struct frame f, g;
    bench_command("neighbor delete 198.51.100.2");
    bench_command("neighbor delete 203.0.113.2");
    bench_command("route add 10.0.0.0/8 via 198.51.100.2 via 203.0.113.2");
    put_flow(&f, 1);
    bench_put(0, &f);
    bench_run_ms(30);
    bool on_1 = bench_take_arp(1, &g), on_2 = bench_take_arp(2, &g);
    assert_true(on_1 && on_2);
    frame_arp(&f, 1, 2, 2, IP(198, 51, 100, 2), IP(198, 51, 100, 1));
    bench_put(1, &f);
    frame_arp(&f, 2, 2, 2, IP(203, 0, 113, 2), IP(203, 0, 113, 1));
    bench_put(2, &f);
    bench_run_ms(3);
    assert_int_equal(bench_take_ipv4(1, &g) + bench_take_ipv4(2, &g), 1);
}

static void when_all_ways_are_gone_a_shorter_prefix_leads_on(void **state)
{
    bench_command("route add 0.0.0.0/0 via 192.0.2.77");
    station_meet(0, 77, IP(192, 0, 2, 77));
    bench_command(THREE);
    ring_port_set_link(bench.port[1], false);
    bench_run_ms(150);
    assert_int_equal(way_of_flow(1), VIA_WIRE_2);
    ring_port_set_link(bench.port[2], false);
    bench_run_ms(150);
    assert_int_equal(way_of_flow(1), 77);
    expect("show route 10.1.0.1", "0.0.0.0/0 is the longest prefix in use that covers 10.1.0.1");
    expect("show routes summary", "static     2, 1 inactive");
    ring_port_set_link(bench.port[2], true);
    bench_run_ms(150);
    station_meet(2, 2, IP(203, 0, 113, 2));
    assert_int_equal(way_of_flow(1), VIA_WIRE_2);
}

/* RFC 791: pieces have no ports, but the first, and all go one way; so do those that a worker
 * does not forward itself, for their options. */
static void all_pieces_go_one_way_by_whoever_forwards_them(void **state)
{
    struct frame f;
    bench_command(THREE);
    for (unsigned n = 0; n < 30; n++) {
        unsigned way[4];
        for (unsigned i = 0; i < 4; i++) {
            frame_ipv4(&f, 0, 9, A, FAR(n), 68);
            frame_ip(&f)[IPV4_HEADER_MIN] = (uint8_t)i;
            store_be16(frame_ip(&f) + IPV4_FRAGMENT, i < 3 ? IPV4_FRAGMENT_MF | i * 8 : 24);
            if (i % 2) { /* no operation, four times */
                frame_ip(&f)[0] = 0x46;
                memset(frame_ip(&f) + IPV4_HEADER_MIN, 1, 4);
            }
            frame_seal(&f);
            way[i] = way_of(&f);
            assert_int_equal(way[i], way[0]);
        }
    }
}

static void the_console_knows_which_way_a_flow_takes(void **state)
{
    bench_command(THREE);
    for (unsigned n = 0; n < 40; n++) {
        char command[96], text[64];
        unsigned way = way_of_flow(n);
        snprintf(command, sizeof command,
                 "show route 10.1.0.1 from 192.0.2.9 protocol 17 ports %u 0", 1000 + n);
        snprintf(text, sizeof text, "port %u via %s.%u", way / 16 * 2,
                 way / 16 == 1 ? "198.51.100" : "203.0.113", way % 16);
        expect(command, text);
    }
    bench_command_fails("show route 10.1.0.1 from 192.0.2.9 protocol 256", "0 to 255");
    bench_command_fails("show route 10.1.0.1 from 192.0.2.9 ports 1 65536", "0 to 65535");
}

/* Both directions, each with a route of three ways, take the same one. */
static void symmetric_flows_come_back_the_way_they_went(void **state)
{
    struct frame f, back;
    bench_command(THREE);
    bench_command("route add 172.16.0.0/12 via 198.51.100.2 via 198.51.100.3 via 203.0.113.2");
    bench_command("route hash symmetric on");
    for (unsigned n = 0; n < 60; n++) {
        frame_ipv4(&f, 0, 9, IP(172, 16, 0, 1), FAR(n), 60);
        frame_ipv4(&back, 0, 9, FAR(n), IP(172, 16, 0, 1), 60);
        store_be16(frame_ip(&f) + IPV4_HEADER_MIN, 4711);
        store_be16(frame_ip(&back) + IPV4_HEADER_MIN + 2, 4711);
        frame_seal(&f);
        frame_seal(&back);
        assert_int_equal(way_of(&f), way_of(&back));
    }
    expect("show config", "route hash symmetric on\n");
    bench_command("route hash symmetric off");
    assert_null(strstr(bench_output("show config"), "hash"));
}

static void as_many_ways_as_there_may_be(void **state)
{
    char line[1024] = "route add 10.0.0.0/8";
    for (unsigned i = 0; i < GROUP_WAYS; i++)
        sprintf(line + strlen(line), " via 198.51.100.%u", 2 + i);
    bench_command(line);
    for (unsigned i = 2; i < 18; i++) {
        char neighbor[96];
        snprintf(neighbor, sizeof neighbor, "neighbor add 198.51.100.%u 02:00:00:00:01:%02x port 2",
                 2 + i, 2 + i);
        bench_command(neighbor);
    }
    uint8_t way[FLOWS];
    ways_of_flows(way);
    for (unsigned i = 0; i < 18; i++)
        assert_in_range(count_of(way, 16 + 2 + i), 1, 40);
    bench_command("route delete 10.0.0.0/8");
    strcat(line, " via 203.0.113.2");
    bench_command_fails(line, "too many next hops, expected at most 32");
    assert_int_equal(group_count, 0);
}

/* Interfaces -------------------------------------------------------------------- */

/* What clouds hand out: an address of /32, and a gateway that no prefix leads to. */
static void a_gateway_outside_every_prefix(void **state)
{
    struct frame f, g;
    bench_command("port 2 no address 198.51.100.1/24");
    bench_command("port 2 address 198.51.100.1/32");
    bench_command_fails("route add 0.0.0.0/0 via 100.64.0.1",
                        "100.64.0.1 is on no connected prefix");
    bench_command("route add 0.0.0.0/0 via 100.64.0.1 interface 2");
    bench_is_quiet();
    frame_ipv4(&f, 0, 9, A, IP(8, 8, 8, 8), 60);
    bench_send(0, &f);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(load_be32(g.bytes + 38), IP(100, 64, 0, 1));
    assert_int_equal(load_be32(g.bytes + 28), IP(198, 51, 100, 1));
    frame_arp(&f, 1, 5, 2, IP(100, 64, 0, 1), IP(198, 51, 100, 1));
    bench_send(1, &f);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(g.bytes[5], 5);
    frame_arp(&f, 1, 5, 1, IP(100, 64, 0, 1), IP(198, 51, 100, 1)); /* and it asks us */
    bench_send(1, &f);
    assert_true(bench_take_arp(1, &g));
    frame_arp(&f, 1, 6, 1, IP(100, 64, 0, 2), IP(198, 51, 100, 1)); /* others do not belong there */
    bench_send(1, &f);
    assert_false(bench_take_arp(1, &g));
    assert_int_equal(bench_drops(1, DROP_arp_invalid), 1);
    expect("show config", "route add 0.0.0.0/0 via 100.64.0.1 interface 2\n");
    bench_command("route delete 0.0.0.0/0");
    bench_run_ms(1);
    assert_null(strstr(bench_output("show neighbors"), "100.64.0.1"));
}

/* A static neighbor may be such a gateway, and is told as one while the port is down. */
static void a_static_neighbor_for_such_a_gateway(void **state)
{
    bench_command_fails("neighbor add 100.64.0.1 02:00:00:00:01:05 port 2", "no host on port 2");
    bench_command("route add 10.0.0.0/8 via 100.64.0.1 interface 2");
    bench_command("neighbor add 100.64.0.1 02:00:00:00:01:05 port 2");
    assert_int_equal(way_of_flow(1), 0x15);
    ring_port_set_link(bench.port[1], false);
    bench_run_ms(150);
    expect("show routes", "inactive, port 2 is down");
    expect("show config", "\nneighbor add 100.64.0.1 02:00:00:00:01:05 port 2\n");
    ring_port_set_link(bench.port[1], true);
    bench_run_ms(150);
    assert_int_equal(way_of_flow(1), 0x15);
    bench_command("route delete 10.0.0.0/8");
    expect("show config", "# not in use: neighbor add 100.64.0.1");
}

/* Neighbors come before routes, but those that only a route makes neighbors. */
static void the_order_of_a_configuration_can_be_fed_back(void **state)
{
    bench_command("route add 10.0.0.0/8 via 100.64.0.1 interface 2");
    bench_command("neighbor add 100.64.0.1 02:00:00:00:01:05 port 2");
    bench_command("neighbor add 198.51.100.9 02:00:00:00:01:09 port 2");
    expect("show config", "\nneighbor add 198.51.100.9 02:00:00:00:01:09 port 2\n"
                          "route add 10.0.0.0/8 via 100.64.0.1 interface 2\n"
                          "neighbor add 100.64.0.1 02:00:00:00:01:05 port 2\n");
}

/* One gateway on two links is two next hops. */
static void the_same_gateway_on_two_links(void **state)
{
    uint8_t way[FLOWS];
    bench_command("route add 10.0.0.0/8 via 169.254.0.1 interface 2 via 169.254.0.1 interface 4");
    bench_command("neighbor add 169.254.0.1 02:00:00:00:01:05 port 2");
    bench_command("neighbor add 169.254.0.1 02:00:00:00:02:06 port 4");
    ways_of_flows(way);
    assert_in_range(count_of(way, 0x15), FLOWS / 4, FLOWS);
    assert_in_range(count_of(way, 0x26), FLOWS / 4, FLOWS);
    assert_int_equal(count_of(way, 0x15) + count_of(way, 0x26), FLOWS);
}

/* Its hosts are neighbors: asked for, heard, and forgotten with the route. */
static void a_route_to_an_interface(void **state)
{
    struct frame f, g;
    bench_command("route add 10.1.0.0/16 interface 2");
    expect("show routes", "10.1.0.0/16         static     port 2\n");
    put_flow(&f, 1);
    bench_send(0, &f);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(load_be32(g.bytes + 38), FAR(1));
    frame_arp(&f, 1, 7, 2, FAR(1), IP(198, 51, 100, 1));
    bench_send(1, &f);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(way_of_flow(2), 0x17);
    assert_int_equal(nexthop_at(fib_lookup(FAR(1)))->kind, NEXTHOP_VIA); /* without the slow path */
    frame_arp(&f, 2, 7, 1, FAR(2), IP(203, 0, 113, 1));                  /* not there */
    bench_send(2, &f);
    assert_int_equal(bench_drops(2, DROP_arp_invalid), 1);
    bench_command("port 2 no address 198.51.100.1/24");
    expect("show routes", "10.1.0.0/16         static     inactive, port 2 has no address");
    bench_command("port 2 address 198.51.100.1/24");
    bench_command("route delete 10.1.0.0/16");
    bench_run_ms(2);
    assert_null(strstr(bench_output("show neighbors"), "10.1.0.1"));
    assert_int_equal(fib_lookup(FAR(1)), NEXTHOP_NONE);
}

static void routes_go_with_the_interface_that_they_name(void **state)
{
    bench_command("bridge add lan");
    bench_command("interface lan address 10.9.0.1/24");
    bench_command("route add 10.1.0.0/16 interface lan");
    bench_command("route add 10.2.0.0/16 via 10.9.0.9 interface lan");
    bench_command("route add 10.3.0.0/16 via 198.51.100.2 via 100.64.0.1 interface lan");
    bench_command("route add 10.4.0.0/16 via 10.9.0.9");
    expect("show config", "route add 10.1.0.0/16 interface lan\n"
                          "route add 10.2.0.0/16 via 10.9.0.9 interface lan\n"
                          "route add 10.3.0.0/16 via 198.51.100.2 via 100.64.0.1 interface lan\n");
    bench_command("bridge delete lan");
    const char *said = bench_output("show config");
    assert_null(strstr(said, "lan"));
    assert_null(strstr(said, "10.3.0.0"));
    assert_non_null(strstr(said, "# not in use: route add 10.4.0.0/16 via 10.9.0.9 (no prefix"));
}

/* A way that cannot be typed again is told, and the others are typed without it. */
static void show_config_leaves_out_ways_that_would_be_refused(void **state)
{
    bench_command("route add 10.0.0.0/8 via 198.51.100.2 weight 3 via 203.0.113.2");
    bench_command("port 4 no address 203.0.113.1/24");
    expect("show config", "\nroute add 10.0.0.0/8 via 198.51.100.2 weight 3\n"
                          "# not in use: route add 10.0.0.0/8 via 203.0.113.2 (no prefix leads to "
                          "203.0.113.2)\n");
    assert_int_equal(way_of_flow(1), VIA_2);
}

/* Refusing ------------------------------------------------------------------------ */

static void refused_with(const char *command, enum drop_reason why, int code)
{
    struct frame f, g;
    uint64_t before = bench_drops(0, why);
    bench_command(command);
    put_flow(&f, 1);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, why), before + 1);
    assert_int_equal(bench_take_ipv4(0, &g), code >= 0);
    if (code >= 0) {
        assert_int_equal(frame_ip(&g)[20], ICMP_UNREACHABLE);
        assert_int_equal(frame_ip(&g)[21], code);
    }
    bench_command("route delete 10.0.0.0/8");
}

/* RFC 1812 5.2.7.1. */
static void routes_that_refuse(void **state)
{
    bench_command("route add 0.0.0.0/0 via 198.51.100.2");
    refused_with("route add 10.0.0.0/8 blackhole", DROP_blackhole, -1);
    refused_with("route add 10.0.0.0/8 unreachable", DROP_unreachable, ICMP_HOST_UNREACHABLE);
    refused_with("route add 10.0.0.0/8 prohibit", DROP_prohibited, ICMP_PROHIBITED);
    assert_int_equal(way_of_flow(1), VIA_2);
    bench_command("route add 10.0.0.0/8 blackhole");
    bench_command("route add 10.1.0.0/24 via 203.0.113.2");
    assert_int_equal(way_of_flow(1), VIA_WIRE_2); /* a longer one leads through */
    expect("show routes", "10.0.0.0/8          static     blackhole\n");
    expect("show config", "\nroute add 10.0.0.0/8 blackhole\nroute add 10.1.0.0/24 via");
    bench_command_fails("ping 10.2.0.1", "no route");
}

/* What is wrong ---------------------------------------------------------------------- */

static void what_is_wrong_is_said_and_nothing_is_done(void **state)
{
    static const char *const lines[][2] = {
        { "via 198.51.100.2 via", "incomplete" },
        { "via 198.51.100.2 via foo", "wrong 'foo'" },
        { "via 198.51.100.2 via 198.51.100.0/24", "wrong '198.51.100.0/24'" },
        { "via 198.51.100.2 weight 0", "weight '0' is out of range, expected 1 to 255" },
        { "via 198.51.100.2 weight 256", "expected 1 to 255" },
        { "via 198.51.100.2 via 203.0.113.2 weight 256", "expected 1 to 255" },
        { "via 198.51.100.2 via 203.0.113.2 weight", "weight '' is out of range" },
        { "via 198.51.100.2 via 203.0.113.2 interface 77", "wrong '77' after 'interface'" },
        { "via 198.51.100.2 via 203.0.113.2 wait 3", "wrong 'wait' after 'via 203.0.113.2'" },
        { "via 198.51.100.2 via 203.0.113.2 weight 3 weight 4", "is there twice" },
        { "via 198.51.100.2 via 203.0.113.2 via", "incomplete" },
        { "via 198.51.100.2 via 198.51.100.2", "is named twice" },
        { "via 198.51.100.2 via 198.51.100.1", "198.51.100.1 is ours or a broadcast address" },
        { "via 198.51.100.2 via 10.0.0.1", "10.0.0.1 is on no connected prefix" },
        { "via 198.51.100.255 interface 2", "is ours or a broadcast address" },
        { "via 224.0.0.1 interface 2", "224.0.0.1 is no host's address" },
        { "via 127.0.0.1 interface 2", "127.0.0.1 is no host's address" },
        { "interface 77", "wrong '77'" },
        { "wormhole", "wrong 'wormhole'" },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        char line[128];
        snprintf(line, sizeof line, "route add 10.0.0.0/8 %s", lines[i][0]);
        bench_command_fails(line, lines[i][1]);
    }
    assert_null(strstr(bench_output("show config"), "route add"));
    assert_int_equal(group_count, 0);
    bench_command(
        "route add 10.0.0.0/8 v 198.51.100.2 i 2 w 3 via 203.0.113.2 i 4 w 2"); /* in short */
    bench_command_fails("route add 10.0.0.0/8 blackhole", "has a route already");
}

static void there_may_be_no_memory(void **state)
{
    host_set_table_room(0);
    bench_command_fails(THREE, "no memory for another route");
    bench_command_fails("route add 10.0.0.0/8 via 100.64.0.1 interface 2",
                        "no memory for another route");
    for (size_t room = 64; room < 40000;
         room += 64) { /* nothing is left behind, wherever it ends */
        host_set_table_room(room);
        struct route r;
        struct target_words words = { .kind = TARGET_VIA, .count = 2 };
        words.way[0] = (struct target_way){ ip_from_v4(IP(100, 64, 0, 1)), 1, 1 };
        words.way[1] = (struct target_way){ ip_from_v4(IP(203, 0, 113, 77)), INTERFACE_NONE, 1 };
        unsigned wrong;
        if (!route_add_static(ip_from_v4(IP(10, 0, 0, 0)), 8, &words, &wrong))
            assert_int_equal(route_delete_static(ip_from_v4(IP(10, 0, 0, 0)), 8), 0);
        assert_false(route_get(ip_from_v4(IP(10, 0, 0, 0)), 8, &r));
        assert_int_equal(group_count, 0);
    }
    host_set_table_room(SIZE_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flows_are_spread_and_stay_where_they_are),
        TEST(weights_are_shares),
        TEST(only_flows_of_a_way_that_goes_move_and_they_come_back),
        TEST(a_silent_way_is_left_out_until_it_answers),
        TEST(ways_nobody_knows_yet_are_asked_for),
        TEST(when_all_ways_are_gone_a_shorter_prefix_leads_on),
        TEST(all_pieces_go_one_way_by_whoever_forwards_them),
        TEST(the_console_knows_which_way_a_flow_takes),
        TEST(symmetric_flows_come_back_the_way_they_went),
        TEST(as_many_ways_as_there_may_be),
        TEST(a_gateway_outside_every_prefix),
        TEST(a_static_neighbor_for_such_a_gateway),
        TEST(the_order_of_a_configuration_can_be_fed_back),
        TEST(the_same_gateway_on_two_links),
        TEST(a_route_to_an_interface),
        TEST(routes_go_with_the_interface_that_they_name),
        TEST(show_config_leaves_out_ways_that_would_be_refused),
        TEST(routes_that_refuse),
        TEST(what_is_wrong_is_said_and_nothing_is_done),
        TEST(there_may_be_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
