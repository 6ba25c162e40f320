/* IPv6 in mode l3, rule by rule: what is forwarded, what is refused, and what is dropped in
 * silence. */
#include "apps/forward/interface.h"
#include "apps/ip/fib6.h"
#include "apps/ip/icmp_limit.h"
#include "apps/ip/udp.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench6.h"

#include <stdio.h>

static struct frame f, g;
static struct ip_address host_a, host_b, router_a, router_b, far;

static int set_up(void **state)
{
    bench6_set_up(state);
    host_a = address6("2001:db8:0::a");
    host_b = address6("2001:db8:1::b");
    router_a = address6("2001:db8:0::1");
    router_b = address6("2001:db8:1::1");
    far = address6("2001:db8:f::1");
    station_meet6(0, 10, host_a);
    station_meet6(1, 20, host_b);
    return 0;
}

static void from_a_to_b(unsigned length)
{
    frame6(&f, 0, 10, host_a, host_b, length);
}

static void silently_dropped(enum drop_reason why)
{
    uint64_t was = bench_drops(0, why), all = bench_all_drops();
    bench_send(0, &f);
    for (unsigned i = 0; bench_drops(0, why) != was + 1 && i < DROP_REASON_COUNT; i++)
        if (bench_drops(0, (enum drop_reason)i))
            print_message("dropped: %s\n", drop_names[i]);
    assert_int_equal(bench_drops(0, why), was + 1);
    assert_int_equal(bench_all_drops(), all + 1);
    assert_true(bench_is_quiet());
}

/* Dropped, and its source told so: the error is in g. */
static void refused(enum drop_reason why, uint8_t type, uint8_t code, uint32_t rest)
{
    uint64_t was = bench_drops(0, why);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, why), was + 1);
    assert_true(bench_take6(0, &g));
    const uint8_t *icmp = frame6_icmp_of(&g);
    assert_true(frame6_is_sealed(&g));
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), router_a));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), host_a));
    assert_int_equal(icmp[ICMP6_TYPE], type);
    assert_int_equal(icmp[ICMP6_CODE], code);
    assert_int_equal(load_be32(icmp + ICMP6_REST), rest);
    uint32_t quoted = g.length - ETHERNET_HEADER - IPV6_HEADER - ICMP6_HEADER;
    assert_true(quoted <= f.length - ETHERNET_HEADER && g.length <= ETHERNET_HEADER + 1280);
    assert_memory_equal(icmp + ICMP6_HEADER, f.bytes + ETHERNET_HEADER, quoted);
    assert_true(bench_is_quiet());
}

/* Forwarding -------------------------------------------------------------- */

/* RFC 8200 3: the hop limit is one less, and nothing else changes behind the MACs. */
static void forwards_and_changes_nothing_else(void **state)
{
    uint8_t mac[MAC_LEN];
    for (unsigned length = 48; length <= 1500; length += 121) {
        from_a_to_b(length);
        frame_ip(&f)[1] = 0xb5; /* class and flow label pass */
        frame_ip(&f)[3] = 0x77;
        bench_send(0, &f);
        assert_true(bench_take(1, &g));
        assert_int_equal(g.length, f.length);
        station_mac(1, 20, mac);
        assert_memory_equal(g.bytes, mac, MAC_LEN);
        assert_memory_equal(g.bytes + MAC_LEN, bench.port[1]->mac, MAC_LEN);
        assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 63);
        memcpy(g.bytes, f.bytes, 12);
        frame_ip(&g)[IPV6_HOP_LIMIT] = 64;
        assert_memory_equal(g.bytes, f.bytes, f.length);
    }
    assert_int_equal(bench_all_drops(), 0);
}

static void what_ethernet_padded_is_cut(void **state)
{
    from_a_to_b(100);
    memset(f.bytes + f.length, 0xee, 300);
    f.length += 300;
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_int_equal(g.length, ETHERNET_HEADER + 100);
}

static void longest_match_and_default_route(void **state)
{
    station_meet6(2, 30, address6("2001:db8:2::c"));
    bench_command("route add ::/0 via 2001:db8:1::b");
    bench_command("route add 2001:db8:f::/48 via 2001:db8:2::c");
    frame6(&f, 0, 10, host_a, far, 100);
    bench_send(0, &f);
    assert_true(bench_take(2, &g));
    frame6(&f, 0, 10, host_a, address6("2001:db8:e::1"), 100);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    bench_command("route delete 2001:db8:f::/48");
    frame6(&f, 0, 10, host_a, far, 100);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_non_null(strstr(bench_output("show config"), "route add ::/0 via 2001:db8:1::b\n"));
    assert_non_null(strstr(bench_output("show route 2001:db8:f::1"), "::/0"));
    assert_non_null(strstr(bench_output("show route 2001:db8:1::b"), "neighbor"));
    assert_non_null(strstr(bench_output("show route 2001:db8::/32"), "2001:db8:1::/64"));
}

/* A burst of both families: each goes its way, in its order. */
static void families_share_a_burst(void **state)
{
    struct frame four;
    station_meet(0, 10, IP(192, 0, 2, 10));
    station_meet(1, 20, IP(198, 51, 100, 20));
    for (unsigned i = 0; i < 24; i++) {
        from_a_to_b(100 + i);
        frame_ipv4(&four, 0, 10, IP(192, 0, 2, 10), IP(198, 51, 100, 20), 200 + i);
        bench_put(0, i % 3 ? &f : &four);
    }
    bench_run_ms(1);
    unsigned v6 = 0, v4 = 0;
    while (bench_take(1, &g)) {
        bool is_four = load_be16(g.bytes + 12) == ETHERTYPE_IPV4;
        unsigned expected = is_four ? 200 + 3 * v4++ : 100 + v6 / 2 * 3 + 1 + v6 % 2;
        v6 += !is_four;
        assert_int_equal(g.length, ETHERNET_HEADER + expected);
    }
    assert_int_equal(v4, 8);
    assert_int_equal(v6, 16);
}

/* unread: RFC 6164: both addresses of a /127 are hosts; a /128 is a host alone. */
static void ends_of_a_127_are_hosts(void **state)
{
    bench_command("port 4 address 2001:db8:7::/127");
    bench_command("port 4 address 2001:db8:8::5/128");
    bench_run_ms(1500);
    bench_is_quiet();
    frame6_solicit(&f, 2, 31, address6("2001:db8:7::1"), address6("2001:db8:7::"));
    bench_send(2, &f);
    assert_true(bench_take_icmp6(2, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    frame6_advertise(&f, 2, 31, address6("2001:db8:7::"), address6("2001:db8:7::1"), ND_SOLICITED);
    bench_send(2, &f);
    frame6(&f, 0, 10, host_a, address6("2001:db8:7::1"), 100);
    bench_send(0, &f);
    assert_true(bench_take6(2, &g));
    frame6_icmp(&f, 0, 10, host_a, address6("2001:db8:8::5"), ICMP6_ECHO, 16);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_ECHO_REPLY));
}

/* Silence ------------------------------------------------------------------- */

static void malformed_headers(void **state)
{
    from_a_to_b(100);
    f.length -= 10;
    silently_dropped(DROP_ip_short);
    from_a_to_b(100);
    frame_ip(&f)[0] = 0x40;
    silently_dropped(DROP_ip_version);
    from_a_to_b(100);
    f.length = ETHERNET_HEADER + 39;
    silently_dropped(DROP_ip_short);
    from_a_to_b(100);
    f.bytes[MAC_LEN] |= 1;
    silently_dropped(DROP_group_source);
    from_a_to_b(100);
    f.bytes[5] ^= 1;
    silently_dropped(DROP_not_for_us);
}

/* RFC 4291 2.5.2, 2.5.3, 2.7: addresses that no packet may have. */
static void martians(void **state)
{
    static const char *const sources[] = { "::", "::1", "ff02::1", "::ffff:0:1", "ff0e::1" };
    static const char *const destinations[] = { "::", "::1", "::192.0.2.1" };
    for (unsigned i = 0; i < ARRAY_SIZE(sources); i++) {
        frame6(&f, 0, 10, address6(sources[i]), host_b, 100);
        silently_dropped(DROP_martian_source);
    }
    frame6(&f, 0, 10, router_b, host_b, 100); /* our own */
    silently_dropped(DROP_martian_source);
    for (unsigned i = 0; i < ARRAY_SIZE(destinations); i++) {
        frame6(&f, 0, 10, host_a, address6(destinations[i]), 100);
        silently_dropped(DROP_martian_destination);
    }
    from_a_to_b(100);
    memset(f.bytes, 0xff, MAC_LEN);
    silently_dropped(DROP_link_broadcast);
}

/* RFC 4291 2.7, 2.5.6: groups are not forwarded, whatever their scope; link-local destinations
 * that are not ours are nobody's elsewhere. */
static void groups_and_the_link_stay(void **state)
{
    static const char *const groups[] = { "ff01::1", "ff02::3", "ff05::1", "ff0e::1234",
                                          "ff02::1:ff99:9999" };
    bench_command("route add ::/0 via 2001:db8:1::b");
    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
        frame6(&f, 0, 10, host_a, address6(groups[i]), 100);
        silently_dropped(DROP_multicast);
    }
    frame6(&f, 0, 10, host_a, address6("fe80::99"), 100);
    silently_dropped(DROP_martian_destination);
    frame6(&f, 0, 10, host_a, link_local_of(1), 100); /* ours, on another link */
    silently_dropped(DROP_martian_destination);
}

static void interface_without_ipv6_takes_none(void **state)
{
    from_a_to_b(100);
    silently_dropped(DROP_ipv6);
    bench_command("port 0 no address 192.0.2.1/24");
    silently_dropped(DROP_no_address);
}

/* Errors -------------------------------------------------------------------- */

/* unread: RFC 4443 3.1 */
static void unreachable_codes(void **state)
{
    frame6(&f, 0, 10, host_a, far, 100);
    refused(DROP_no_route, ICMP6_UNREACHABLE, ICMP6_NO_ROUTE, 0);
    frame6(&f, 0, 10, host_a, router_b, 100);
    refused(DROP_protocol, ICMP6_UNREACHABLE, ICMP6_PORT_UNREACHABLE, 0);
    frame6(&f, 0, 10, host_a, router_a, 100);
    frame_ip(&f)[IPV6_NEXT_HEADER] = 6; /* TCP */
    refused(DROP_protocol, ICMP6_PROBLEM, ICMP6_PROBLEM_NEXT_HEADER, IPV6_NEXT_HEADER);
}

/* RFC 8200 8.1: with no checksum, or a wrong one, whether anybody listens there or not. */
static void spoilt_datagrams_are_not_answered(void **state)
{
    frame6(&f, 0, 10, host_a, router_a, 100);
    memset(frame_ip(&f) + IPV6_HEADER + UDP_CHECKSUM, 0, 2);
    silently_dropped(DROP_udp_invalid);
    frame6(&f, 0, 10, host_a, router_a, 100);
    frame_ip(&f)[99] ^= 1;
    silently_dropped(DROP_udp_invalid);
}

/* A link-local source stays on its link (unread: RFC 4007 9, RFC 4443 3.1). */
static void beyond_the_scope_of_its_source(void **state)
{
    struct ip_address near = address6("fe80::a");
    frame6_solicit(&f, 0, 10, near, router_a);
    bench_send(0, &f);
    bench_is_quiet();
    frame6(&f, 0, 10, near, host_b, 100);
    uint64_t was = bench_drops(0, DROP_martian_source);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_martian_source), was + 1);
    assert_true(bench_take_icmp6(0, &g, ICMP6_UNREACHABLE));
    assert_int_equal(frame6_icmp_of(&g)[ICMP6_CODE], ICMP6_BEYOND_SCOPE);
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), link_local_of(0)));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), near));
}

/* RFC 8200 3 */
static void hop_limit_ends(void **state)
{
    for (uint8_t hops = 0; hops < 2; hops++) {
        from_a_to_b(100);
        frame_ip(&f)[IPV6_HOP_LIMIT] = hops;
        refused(DROP_ttl_expired, ICMP6_TIME_EXCEEDED, ICMP6_HOP_LIMIT_EXCEEDED, 0);
    }
    from_a_to_b(100);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 2;
    bench_send(0, &f);
    assert_true(bench_take6(1, &g));
    assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 1);
}

/* RFC 8200 5: routers do not fragment; unread: RFC 4443 3.2: the MTU is told. */
static void too_big_is_told_the_mtu(void **state)
{
    bench_set_mtu(1, 1400);
    from_a_to_b(1400);
    bench_send(0, &f);
    assert_true(bench_take6(1, &g));
    from_a_to_b(1401);
    refused(DROP_too_big, ICMP6_TOO_BIG, 0, 1400);
    assert_int_equal(g.length, ETHERNET_HEADER + 1280);
}

/* unread: RFC 4443 2.4 (e): errors, redirects, groups and what has no source are not answered. */
static void errors_are_not_answered(void **state)
{
    frame6_icmp(&f, 0, 10, host_a, far, ICMP6_UNREACHABLE, 60);
    silently_dropped(DROP_no_route);
    frame6_icmp(&f, 0, 10, host_a, far, ICMP6_REDIRECT, 60);
    silently_dropped(DROP_no_route);
    frame6_icmp(&f, 0, 10, host_a, far, ICMP6_UNREACHABLE, 60);
    frame6_extend(&f, IPV6_OPTIONS)[2] = 1; /* PadN */
    frame_ip(&f)[IPV6_HEADER + 3] = 4;
    silently_dropped(DROP_no_route);
    frame6_icmp(&f, 0, 10, host_a, far, ICMP6_ECHO, 60);
    refused(DROP_no_route, ICMP6_UNREACHABLE, ICMP6_NO_ROUTE, 0);
    frame6(&f, 0, 10, host_a, IPV6_ALL_NODES, 100);
    silently_dropped(DROP_protocol);
}

/* unread: RFC 4443 2.4 (f) */
static void errors_are_limited(void **state)
{
    unsigned told = 0;
    bench_run_ms(2000);
    bench_is_quiet();
    for (unsigned i = 0; i < 500; i++) {
        frame6(&f, 0, 10, host_a, far, 100);
        bench_send(0, &f);
        while (bench_take6(0, &g))
            told++;
    }
    assert_in_range(told, ICMP_SOURCE_RATE / 4, ICMP_SOURCE_RATE + ICMP_SOURCE_BURST);
}

/* RFC 4861 7.2.2: who does not answer is unreachable, and all that waited is told. */
static void silent_neighbor_is_unreachable(void **state)
{
    frame6(&f, 0, 10, host_a, address6("2001:db8:1::99"), 100);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(1, &g, ICMP6_NEIGHBOR_SOLICITATION));
    bench_run_ms(3500);
    assert_true(bench_take_icmp6(0, &g, ICMP6_UNREACHABLE));
    assert_int_equal(frame6_icmp_of(&g)[ICMP6_CODE], ICMP6_ADDRESS_UNREACHABLE);
    assert_int_equal(bench_drops(0, DROP_host_unreachable), 1);
}

/* Extension headers ---------------------------------------------------------- */

/* RFC 8200 4: a router passes all but hop-by-hop options unseen. */
static void extension_headers_pass(void **state)
{
    static const uint8_t types[] = { IPV6_OPTIONS, IPV6_ROUTING, IPV6_FRAGMENT, 51, 135, 253 };
    for (unsigned i = 0; i < sizeof types; i++) {
        from_a_to_b(100);
        uint8_t *at = frame6_extend(&f, types[i]);
        at[2] = at[3] = 0xc9; /* an unknown option, a routing type with segments left */
        bench_send(0, &f);
        assert_true(bench_take6(1, &g));
    }
    assert_int_equal(bench_all_drops(), 0);
}

/* RFC 8200 4.2: what the type's upper bits say is done with an option that is not known. */
static void hop_by_hop_options_are_looked_at(void **state)
{
    static const struct {
        uint8_t option;
        bool passes, told;
    } cases[] = { { 0x01, true, false },  { 0x05, true, false }, { 0x1e, true, false },
                  { 0x5e, false, false }, { 0x9e, false, true }, { 0xde, false, true } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        from_a_to_b(100);
        uint8_t *at = frame6_extend(&f, IPV6_HOP_BY_HOP);
        at[2] = cases[i].option;
        at[3] = 4;
        if (cases[i].told) {
            refused(DROP_ip_options, ICMP6_PROBLEM, ICMP6_PROBLEM_OPTION, IPV6_HEADER + 2);
        } else if (!cases[i].passes) {
            silently_dropped(DROP_ip_options);
        } else {
            bench_send(0, &f);
            assert_true(bench_take6(1, &g));
            assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 63);
        }
    }
    from_a_to_b(100);
    frame6_extend(&f, IPV6_HOP_BY_HOP)[1] = 200; /* longer than the packet */
    silently_dropped(DROP_ip_options);
    from_a_to_b(100);
    frame6_extend(&f, IPV6_HOP_BY_HOP)[3] = 1;
    frame_ip(&f)[IPV6_HEADER + 2] = 1;
    frame_ip(&f)[IPV6_HEADER + 5] = 0x1e;
    frame_ip(&f)[IPV6_HEADER + 6] = 9; /* beyond its header */
    silently_dropped(DROP_ip_options);
}

/* To us: RFC 8200 4.4, and unread: RFC 5095: routing headers with segments left are refused. */
static void routing_headers_to_us_are_refused(void **state)
{
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 16);
    frame6_extend(&f, IPV6_ROUTING)[3] = 1;
    refused(DROP_ip_options, ICMP6_PROBLEM, ICMP6_PROBLEM_FIELD, IPV6_HEADER + 2);
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 16);
    frame6_extend(&f, IPV6_ROUTING);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_ECHO_REPLY));
}

/* RFC 8200 4: hop-by-hop options behind another header are not known there. */
static void hop_by_hop_comes_first(void **state)
{
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 16);
    frame6_extend(&f, IPV6_HOP_BY_HOP);
    frame6_extend(&f, IPV6_OPTIONS);
    refused(DROP_ip_options, ICMP6_PROBLEM, ICMP6_PROBLEM_NEXT_HEADER, IPV6_HEADER);
}

/* unread: RFC 8883 */
static void headers_and_options_have_limits(void **state)
{
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 16);
    for (unsigned i = 0; i < IPV6_HEADERS_MAX; i++)
        frame6_extend(&f, IPV6_OPTIONS);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_ECHO_REPLY));
    frame6_extend(&f, IPV6_OPTIONS);
    refused(DROP_ip_options, ICMP6_PROBLEM, ICMP6_PROBLEM_MANY_HEADERS,
            IPV6_HEADER + 8 * (IPV6_HEADERS_MAX + 1));
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 16);
    frame6_extend(&f, IPV6_OPTIONS);
    frame6_extend(&f, IPV6_OPTIONS);
    frame6_extend(&f, IPV6_OPTIONS)[1] = 2; /* one of 24 octets */
    for (unsigned i = 0; i < 11; i++)
        frame_ip(&f)[IPV6_HEADER + 2 + 2 * i] = 0x1e;
    for (unsigned i = 0; i < 11; i++)
        frame_ip(&f)[IPV6_HEADER + 3 + 2 * i] = 0;
    frame_ip(&f)[IPV6_HEADER] = IPV6_ICMP;
    refused(DROP_ip_options, ICMP6_PROBLEM, ICMP6_PROBLEM_MANY_OPTIONS,
            IPV6_HEADER + 2 + 2 * IPV6_OPTIONS_MAX);
}

/* To us --------------------------------------------------------------------- */

static void echo_expected(struct ip_address from, struct ip_address to)
{
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_ECHO_REPLY));
    assert_true(frame6_is_sealed(&g));
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), from));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), to));
    assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 64);
    assert_memory_equal(frame6_icmp_of(&g) + ICMP6_ID,
                        f.bytes + f.length - (g.length - ETHERNET_HEADER - IPV6_HEADER) + 4,
                        g.length - ETHERNET_HEADER - IPV6_HEADER - 4);
}

/* unread: RFC 4443 4.2; RFC 4291 2.6.1: the anycast address of a prefix is ours, too. */
static void echo_is_answered(void **state)
{
    struct ip_address near = address6("fe80::a");
    for (unsigned length = 8; length < 1200; length += 333) {
        uint8_t *icmp = frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, length);
        for (unsigned i = 4; i < length; i++)
            icmp[i] = (uint8_t)i;
        frame6_seal(&f);
        echo_expected(router_a, host_a);
    }
    frame6_icmp(&f, 0, 10, host_a, router_b, ICMP6_ECHO, 20);
    echo_expected(router_b, host_a);
    frame6_icmp(&f, 0, 10, host_a, address6("2001:db8::"), ICMP6_ECHO, 20);
    echo_expected(router_a, host_a);
    frame6_icmp(&f, 0, 10, host_a, IPV6_ALL_NODES, ICMP6_ECHO, 20);
    echo_expected(router_a, host_a);
    frame6_solicit(&f, 0, 10, near, link_local_of(0));
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    frame6_icmp(&f, 0, 10, near, link_local_of(0), ICMP6_ECHO, 20);
    echo_expected(link_local_of(0), near);
    frame6_icmp(&f, 0, 10, near, IPV6_ALL_ROUTERS, ICMP6_ECHO, 20);
    echo_expected(link_local_of(0), near);
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 20);
    frame6_icmp_of(&f)[2] ^= 1;
    silently_dropped(DROP_icmp_invalid);
}

/* Piece number `piece` of an echo request of `length` octets, cut every 64. */
static void fragment(unsigned length, unsigned begin, unsigned end, uint32_t id)
{
    static struct frame whole;
    uint8_t *icmp = frame6_icmp(&whole, 0, 10, host_a, router_a, ICMP6_ECHO, length);
    for (unsigned i = 4; i < length; i++)
        icmp[i] = (uint8_t)(i * 7 + i / 256);
    frame6_seal(&whole);
    memcpy(f.bytes, whole.bytes, ETHERNET_HEADER + IPV6_HEADER);
    memcpy(f.bytes + ETHERNET_HEADER + IPV6_HEADER, icmp + begin, end - begin);
    f.length = ETHERNET_HEADER + IPV6_HEADER + end - begin;
    store_be16(frame_ip(&f) + IPV6_PAYLOAD_LENGTH, (uint16_t)(end - begin));
    uint8_t *at = frame6_extend(&f, IPV6_FRAGMENT);
    store_be16(at + 2, (uint16_t)(begin | (end < length)));
    store_be32(at + 4, id);
}

/* RFC 8200 4.5: joined in any order; what we send is no longer than 1280 octets, in pieces. */
static void fragments_to_us_are_joined(void **state)
{
    static uint8_t got[3000];
    unsigned n = 0;
    fragment(3000, 1200, 2400, 1);
    bench_send(0, &f);
    fragment(3000, 2400, 3000, 1);
    bench_send(0, &f);
    fragment(3000, 0, 1200, 1);
    bench_send(0, &f);
    while (bench_take6(0, &g)) {
        const uint8_t *at = frame_ip(&g) + IPV6_HEADER;
        unsigned length = load_be16(frame_ip(&g) + IPV6_PAYLOAD_LENGTH) - 8u;
        assert_int_equal(frame_ip(&g)[IPV6_NEXT_HEADER], IPV6_FRAGMENT);
        assert_int_equal(at[0], IPV6_ICMP);
        assert_true(g.length <= ETHERNET_HEADER + 1280);
        unsigned begin = load_be16(at + 2) & ~7u;
        assert_int_equal(load_be16(at + 2) & 1, begin + length < 3000);
        memcpy(got + begin, at + 8, length);
        n += length;
    }
    assert_int_equal(n, 3000);
    assert_int_equal(got[0], ICMP6_ECHO_REPLY);
    for (unsigned i = 4; i < 3000; i++)
        assert_int_equal(got[i], (uint8_t)(i * 7 + i / 256));
}

/* RFC 8200 4.5's error conditions, RFC 5722's overlaps (unread). */
static void bad_fragments(void **state)
{
    fragment(200, 0, 100, 2); /* not a multiple of eight */
    refused(DROP_fragment, ICMP6_PROBLEM, ICMP6_PROBLEM_FIELD, IPV6_PAYLOAD_LENGTH);
    fragment(200, 0, 104, 3);
    store_be16(frame_ip(&f) + IPV6_HEADER + 2, 0xfff8);
    refused(DROP_fragment, ICMP6_PROBLEM, ICMP6_PROBLEM_FIELD, IPV6_HEADER + 2);
    fragment(200, 0, 8, 4);
    frame_ip(&f)[IPV6_HEADER] = IPV6_OPTIONS; /* and then nothing */
    refused(DROP_fragment, ICMP6_PROBLEM, ICMP6_PROBLEM_INCOMPLETE, 0);

    uint64_t was = bench_drops(0, DROP_fragment);
    fragment(200, 0, 104, 5);
    bench_send(0, &f);
    fragment(200, 0, 104, 5); /* again: not an overlap */
    silently_dropped(DROP_fragment);
    fragment(200, 96, 200, 5);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_fragment), was + 3);
    fragment(200, 104, 200, 5);
    bench_send(0, &f);
    assert_true(bench_is_quiet());
    bench_run_ms(61000); /* its last piece is alone */
    assert_int_equal(bench_drops(0, DROP_fragment), was + 4);
}

/* RFC 8200 4.5: a whole datagram in one piece waits for nobody. */
static void atomic_fragments_are_whole(void **state)
{
    fragment(200, 0, 104, 9);
    bench_send(0, &f);
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 40);
    store_be32(frame6_extend(&f, IPV6_FRAGMENT) + 4, 9);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_ECHO_REPLY));
    fragment(200, 104, 200, 9);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_ECHO_REPLY));
}

/* RFC 8200 4.5: after a minute, if the first piece is there. */
static void reassembly_time_is_told(void **state)
{
    fragment(200, 0, 104, 6);
    bench_send(0, &f);
    bench_run_ms(61000);
    assert_true(bench_take_icmp6(0, &g, ICMP6_TIME_EXCEEDED) ||
                bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION));
    assert_int_equal(bench_drops(0, DROP_fragment), 1);
}

/* Redirects (RFC 4861 8.2) -------------------------------------------------- */

static void redirect_to_a_neighbor(void **state)
{
    struct ip_address other = address6("2001:db8:0::d");
    uint8_t mac[MAC_LEN];
    station_meet6(0, 13, other);
    bench_run_ms(20);
    bench_is_quiet();
    frame6(&f, 0, 10, host_a, other, 100);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_REDIRECT) || bench_take_icmp6(0, &g, ICMP6_REDIRECT));
    const uint8_t *icmp = frame6_icmp_of(&g);
    assert_true(frame6_is_sealed(&g));
    assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 255);
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), link_local_of(0)));
    assert_true(ip_equal(ip_load(icmp + 8), other));
    assert_true(ip_equal(ip_load(icmp + 24), other));
    station_mac(0, 13, mac);
    assert_int_equal(icmp[40], ND_OPTION_TARGET);
    assert_memory_equal(icmp + 42, mac, MAC_LEN);
    assert_int_equal(icmp[48], ND_OPTION_REDIRECTED);
    assert_memory_equal(icmp + 56, frame_ip(&f), 40);
}

/* To a router only where its link-local address is known. */
static void redirect_to_a_router_needs_its_link_local_address(void **state)
{
    station_meet6(0, 13, address6("2001:db8:0::d"));
    bench_command("route add 2001:db8:f::/48 via 2001:db8:0::d");
    bench_run_ms(20);
    bench_is_quiet();
    frame6(&f, 0, 10, host_a, far, 100);
    bench_send(0, &f);
    assert_true(bench_take6(0, &g));
    assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 63);
    assert_true(bench_is_quiet());
}

/* unread: RFC 3704 2: as for IPv4; who has no route at all, as link-local sources, is not asked. */
static void reverse_path(void **state)
{
    bench_command("port 0 reverse-path strict");
    from_a_to_b(100);
    bench_send(0, &f);
    assert_true(bench_take6(1, &g));
    frame6(&f, 0, 10, address6("2001:db8:1::77"), address6("2001:db8:2::c"), 100);
    silently_dropped(DROP_reverse_path);
    frame6(&f, 0, 10, far, host_b, 100);
    silently_dropped(DROP_reverse_path);
    frame6_solicit(&f, 0, 10, address6("fe80::a"), router_a);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    frame6_solicit(&f, 0, 10, (struct ip_address){ 0 }, router_a);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    bench_command("port 0 reverse-path loose");
    frame6(&f, 0, 10, address6("2001:db8:1::77"), host_b, 100);
    bench_send(0, &f);
    assert_true(bench_take6(1, &g));
    frame6(&f, 0, 10, far, host_b, 100);
    silently_dropped(DROP_reverse_path);
}

/* unread: RFC 4443 3.1: what routes that refuse say. */
static void routes_that_refuse(void **state)
{
    bench_command("route add 2001:db8:f::/48 prohibit");
    frame6(&f, 0, 10, host_a, far, 100);
    refused(DROP_prohibited, ICMP6_UNREACHABLE, ICMP6_PROHIBITED, 0);
    bench_command("route delete 2001:db8:f::/48");
    bench_command("route add 2001:db8:f::/48 unreachable");
    refused(DROP_unreachable, ICMP6_UNREACHABLE, ICMP6_REJECTED, 0);
    bench_command("route delete 2001:db8:f::/48");
    bench_command("route add 2001:db8:f::/48 blackhole");
    silently_dropped(DROP_blackhole);
}

/* Several next hops: each flow keeps to one, and all are taken. */
static void several_next_hops(void **state)
{
    unsigned by[2] = { 0 };
    station_meet6(1, 20, host_b);
    station_meet6(2, 30, address6("2001:db8:2::c"));
    bench_command("route add 2001:db8:f::/48 via 2001:db8:1::b via 2001:db8:2::c");
    for (unsigned i = 0; i < 64; i++) {
        frame6(&f, 0, 10, host_a, far, 100);
        store_be16(frame_ip(&f) + IPV6_HEADER, (uint16_t)(1000 + i));
        unsigned first = 0;
        for (unsigned again = 0; again < 2; again++) {
            bench_send(0, &f);
            bool one = bench_take6(1, &g), two = bench_take6(2, &g);
            assert_true(one != two);
            assert_true(!again || first == two);
            first = two;
        }
        by[first]++;
    }
    assert_in_range(by[0], 10, 54);
}

/* Mode l2 routes nothing, and answers. */
static void in_l2_only_what_is_for_us(void **state)
{
    bench_command("port 0 no address 2001:db8:0::1/64");
    bench_command("bridge add lan");
    bench_command("bridge lan port 0");
    bench_command("interface lan address 2001:db8:0::1/64");
    bench_command("forward l2");
    bench_run_ms(2500);
    bench_is_quiet();
    frame6_solicit(&f, 0, 10, host_a, router_a);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    assert_int_equal(frame6_icmp_of(&g)[ND_FLAGS], ND_SOLICITED | ND_OVERRIDE); /* no router */
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 20);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_ECHO_REPLY));
    from_a_to_b(100);
    silently_dropped(DROP_not_routed);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(forwards_and_changes_nothing_else),
        TEST(what_ethernet_padded_is_cut),
        TEST(longest_match_and_default_route),
        TEST(families_share_a_burst),
        TEST(ends_of_a_127_are_hosts),
        TEST(malformed_headers),
        TEST(martians),
        TEST(groups_and_the_link_stay),
        cmocka_unit_test_setup_teardown(interface_without_ipv6_takes_none, bench6_bare_set_up,
                                        bench_tear_down),
        TEST(unreachable_codes),
        TEST(spoilt_datagrams_are_not_answered),
        TEST(beyond_the_scope_of_its_source),
        TEST(hop_limit_ends),
        TEST(too_big_is_told_the_mtu),
        TEST(errors_are_not_answered),
        TEST(errors_are_limited),
        TEST(silent_neighbor_is_unreachable),
        TEST(extension_headers_pass),
        TEST(hop_by_hop_options_are_looked_at),
        TEST(routing_headers_to_us_are_refused),
        TEST(hop_by_hop_comes_first),
        TEST(headers_and_options_have_limits),
        TEST(echo_is_answered),
        TEST(fragments_to_us_are_joined),
        TEST(bad_fragments),
        TEST(atomic_fragments_are_whole),
        TEST(reassembly_time_is_told),
        TEST(redirect_to_a_neighbor),
        TEST(redirect_to_a_router_needs_its_link_local_address),
        TEST(reverse_path),
        TEST(routes_that_refuse),
        TEST(several_next_hops),
        TEST(in_l2_only_what_is_for_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
