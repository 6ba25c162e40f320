/* IPv6 routes of every kind on the bench: several next hops, link-local gateways, interfaces,
 * refusals (RFC 4443 3.1), and reverse path (RFC 3704). */
#include "apps/ip/flow.h"
#include "apps/ip/group.h"
#include "apps/ip/icmp6_types.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench6.h"

#include <stdio.h>
#include <string.h>

#define FLOWS 120u
#define VIA_2 0x12u /* wire 1, station 2 */
#define VIA_WIRE_2 0x22u

static struct ip_address host, far;

static int set_up(void **state)
{
    int e = bench6_set_up(state);
    host = address6("2001:db8:0::a");
    far = address6("2001:db8:f::1");
    station_meet6(0, 9, host);
    station_meet6(1, 2, address6("2001:db8:1::2"));
    station_meet6(2, 2, address6("2001:db8:2::2"));
    return e;
}

static void put_flow(struct frame *f, unsigned n)
{
    frame6(f, 0, 9, host, far, 80);
    store_be16(frame_ip(f) + IPV6_HEADER, (uint16_t)(1000 + n));
}

/* By whom it goes: wire * 16 + station; 0: by nobody. */
static unsigned way_of(const struct frame *f)
{
    struct frame g;
    unsigned way = 0;
    bench_send(0, f);
    for (unsigned wire = 1; wire < BENCH_WIRES; wire++)
        while (bench_take6(wire, &g))
            if (frame_ip(&g)[IPV6_NEXT_HEADER] != IPV6_ICMP)
                way = wire * 16 + g.bytes[5];
    return way;
}

static void ways_of_flows(uint8_t way[FLOWS])
{
    struct frame f;
    for (unsigned n = 0; n < FLOWS; n++) {
        put_flow(&f, n);
        way[n] = (uint8_t)way_of(&f);
    }
}

static unsigned count_of(const uint8_t way[FLOWS], unsigned which)
{
    unsigned count = 0;
    for (unsigned n = 0; n < FLOWS; n++)
        count += way[n] == which;
    return count;
}

static void flows_are_spread_and_move_with_their_way(void **state)
{
    uint8_t was[FLOWS], way[FLOWS];
    bench_command("route add 2001:db8:f::/48 via 2001:db8:1::2 via 2001:db8:2::2");
    ways_of_flows(was);
    assert_in_range(count_of(was, VIA_2), FLOWS / 4, FLOWS);
    assert_in_range(count_of(was, VIA_WIRE_2), FLOWS / 4, FLOWS);
    assert_int_equal(count_of(was, VIA_2) + count_of(was, VIA_WIRE_2), FLOWS);
    ring_port_set_link(bench.port[2], false);
    bench_run_ms(150);
    ways_of_flows(way);
    assert_int_equal(count_of(way, VIA_2), FLOWS);
    ring_port_set_link(bench.port[2], true);
    bench_run_ms(3500); /* and its addresses are known to be nobody else's */
    station_meet6(2, 2, address6("2001:db8:2::2"));
    ways_of_flows(way);
    assert_memory_equal(way, was, FLOWS);
}

static void the_console_knows_which_way_a_flow_takes(void **state)
{
    bench_command("route add 2001:db8:f::/48 via 2001:db8:1::2 via 2001:db8:2::2");
    for (unsigned n = 0; n < 30; n++) {
        struct frame f;
        char command[128];
        put_flow(&f, n);
        unsigned way = way_of(&f);
        snprintf(command, sizeof command,
                 "show route 2001:db8:f::1 from 2001:db8::a protocol 17 ports %u 0", 1000 + n);
        assert_non_null(strstr(bench_output(command), way == VIA_2 ? "port 2 via 2001:db8:1::2"
                                                                   : "port 4 via 2001:db8:2::2"));
    }
    bench_command_fails("show route 2001:db8:f::1 from 192.0.2.9", "of two families");
}

/* The same link-local address is a router on each of two links. */
static void link_local_gateways_on_two_links(void **state)
{
    uint8_t way[FLOWS];
    bench_command("route add 2001:db8:f::/48 via fe80::1 interface 2 via fe80::1 interface 4");
    bench_command("neighbor add fe80::1 02:00:00:00:01:05 port 2");
    bench_command("neighbor add fe80::1 02:00:00:00:02:06 port 4");
    ways_of_flows(way);
    assert_in_range(count_of(way, 0x15), FLOWS / 4, FLOWS);
    assert_in_range(count_of(way, 0x26), FLOWS / 4, FLOWS);
    assert_int_equal(count_of(way, 0x15) + count_of(way, 0x26), FLOWS);
    assert_non_null(
        strstr(bench_output("show config"),
               "route add 2001:db8:f::/48 via fe80::1 interface 2 via fe80::1 interface 4\n"));
}

static void a_route_to_an_interface(void **state)
{
    struct frame f, g;
    bench_command("route add 2001:db8:f::/64 interface 2");
    put_flow(&f, 1);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(1, &g, ICMP6_NEIGHBOR_SOLICITATION));
    assert_true(ip_equal(ip_load(frame6_icmp_of(&g) + 8), far));
    frame6_advertise(&f, 1, 7, ipv6_source(frame_ip(&g)), far, 0x60);
    bench_send(1, &f);
    put_flow(&f, 2);
    assert_int_equal(way_of(&f), 0x17);
}

/* RFC 4443 3.1: code 6 of a reject route, 1 where it is prohibited. */
static void refused_with(const char *words, enum drop_reason why, int code)
{
    struct frame f, g;
    char command[96];
    uint64_t before = bench_drops(0, why);
    snprintf(command, sizeof command, "route add 2001:db8:f::/48 %s", words);
    bench_command(command);
    put_flow(&f, 1);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, why), before + 1);
    assert_int_equal(bench_take_icmp6(0, &g, 1), code >= 0);
    if (code >= 0)
        assert_int_equal(frame6_icmp_of(&g)[1], code);
    bench_command("route delete 2001:db8:f::/48");
}

static void routes_that_refuse(void **state)
{
    refused_with("blackhole", DROP_blackhole, -1);
    refused_with("unreachable", DROP_unreachable, 6);
    refused_with("prohibit", DROP_prohibited, 1);
}

static void reverse_path(void **state)
{
    struct frame f;
    bench_command("port 0 reverse-path strict");
    frame6(&f, 0, 9, host, address6("2001:db8:1::2"), 80);
    assert_int_equal(way_of(&f), VIA_2);
    frame6(&f, 0, 9, address6("2001:db8:2::77"), address6("2001:db8:1::2"), 80);
    assert_int_equal(way_of(&f), 0);
    assert_int_equal(bench_drops(0, DROP_reverse_path), 1);
    bench_command("port 0 reverse-path loose");
    assert_int_equal(way_of(&f), VIA_2);
    frame6(&f, 0, 9, address6("2001:db8:99::1"), address6("2001:db8:1::2"), 80);
    assert_int_equal(way_of(&f), 0);
    assert_int_equal(bench_drops(0, DROP_reverse_path), 2);
    bench_command(
        "port 0 reverse-path strict"); /* neighbors, and who looks for duplicates, are heard */
    station_meet6(0, 11, address6("fe80::77"));
    station_meet6(0, 12, address6("2001:db8::77"));
    assert_int_equal(bench_drops(0, DROP_reverse_path), 2);
}

static void gateways_that_cannot_be(void **state)
{
    static const char *const gateways[] = { "ff02::1", "::", "::1" };
    for (unsigned i = 0; i < ARRAY_SIZE(gateways); i++) {
        char command[96];
        snprintf(command, sizeof command, "route add 2001:db8:f::/48 via %s interface 2",
                 gateways[i]);
        bench_command_fails(command, "is no host's address");
    }
    bench_command_fails("route add 2001:db8:f::/48 via 192.0.2.9", "of another family");
    bench_command_fails("route add 10.0.0.0/8 via fe80::1 interface 2", "of another family");
    bench_command_fails("route add 10.0.0.0/8 via 224.0.0.1 interface 2", "is no host's address");
    bench_command_fails("route add 10.0.0.0/8 via 127.0.0.1 interface 2", "is no host's address");
}

/* The text from where a line begins with a prefix: "" when none does. */
static const char *line_of(const char *text, const char *prefix)
{
    for (; *text; text = strchr(text, '\n') + 1)
        if (!strncmp(text, prefix, strlen(prefix)) && text[strlen(prefix)] == ' ')
            return text;
    return "";
}

static bool line_says(const char *prefix, const char *words)
{
    const char *line = line_of(bench_output("show routes"), prefix);
    const char *found = strstr(line, words);
    return found && found < strchr(line, '\n');
}

/* Until nobody has answered for an address it is no reason to say that there is none. */
static void routes_tell_of_tentative_and_duplicate_addresses(void **state)
{
    struct frame f;
    bench_command("route add 2001:db8:f::/48 via 2001:db8:2::2");
    bench_command("route add 2001:db8:e::/48 interface 4");
    bench_command("route add 10.0.0.0/8 via 203.0.113.2");
    ring_port_set_link(bench.port[2], false);
    bench_run_ms(150);
    assert_true(line_says("2001:db8:f::/48", "inactive, port 4 is down"));
    ring_port_set_link(bench.port[2], true);
    bench_run_ms(150);
    assert_true(line_says("2001:db8:2::1/128", "inactive, port 4 has a tentative address"));
    assert_true(line_says("2001:db8:f::/48", "inactive, port 4 has a tentative address"));
    assert_true(line_says("2001:db8:e::/48", "inactive, port 4 has a tentative address"));
    assert_true(line_says("10.0.0.0/8", "port 4 via 203.0.113.2"));
    frame6_advertise(&f, 2, 9, IPV6_ALL_NODES, address6("2001:db8:2::1"), 0x20);
    bench_send(2, &f);
    assert_true(line_says("2001:db8:2::1/128", "inactive, port 4 has a duplicate address"));
    bench_command("port 4 no address 2001:db8:2::1/64");
    assert_true(line_says("2001:db8:e::/48", "inactive, port 4 has no address"));
}

/* Where the second column begins is the same for all prefixes of a family. */
static void columns_are_wide_enough(void **state)
{
    const char *text;
    bench_command("route add 2001:db8:1111:2222:3333:4444:5555:6666/128 blackhole");
    bench_command("route add 203.0.113.0/24 blackhole");
    text = bench_output("show routes");
    for (; strchr(text, '/'); text = strchr(text, '\n') + 1) {
        bool is_ipv6 = strchr(text, ':') && strchr(text, ':') < strchr(text, ' ');
        size_t at = is_ipv6 ? 45 : 20;
        assert_int_equal(text[at - 1], ' ');
        assert_int_not_equal(text[at], ' ');
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flows_are_spread_and_move_with_their_way),
        TEST(the_console_knows_which_way_a_flow_takes),
        TEST(link_local_gateways_on_two_links),
        TEST(a_route_to_an_interface),
        TEST(routes_that_refuse),
        TEST(routes_tell_of_tentative_and_duplicate_addresses),
        TEST(columns_are_wide_enough),
        TEST(reverse_path),
        TEST(gateways_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
