/* Clauses of IPv6's standards beside those that test_nd, test_advertise and test_router6 are about:
 * RFC 4861 6.2, 7.2 and 8, RFC 8200 4; unread: RFC 4862 5.4, RFC 4443 2.4, RFC 2710, RFC 3810. */
#include "apps/ip/address.h"
#include "apps/ip/neighbor.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench6.h"

#include <string.h>

static struct frame f, g;
static struct ip_address host_a, router_a;
static const struct ip_address none;

static int set_up(void **state)
{
    bench6_set_up(state);
    host_a = address6("2001:db8:0::a");
    router_a = address6("2001:db8:0::1");
    return 0;
}

static void silently_dropped(enum drop_reason why)
{
    uint64_t was = bench_drops(0, why);
    bench_is_quiet();
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, why), was + 1);
    assert_true(bench_is_quiet());
}

/* A problem with what is at that octet of f. */
static void refused(uint8_t code, uint32_t pointer)
{
    bench_is_quiet();
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_PROBLEM));
    assert_int_equal(frame6_icmp_of(&g)[ICMP6_CODE], code);
    assert_int_equal(load_be32(frame6_icmp_of(&g) + ICMP6_REST), pointer);
}

static uint8_t *nd_make(struct ip_address from, struct ip_address to, uint8_t type, unsigned length)
{
    uint8_t *icmp = frame6_icmp(&f, 0, 10, from, to, type, length);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 255;
    frame6_seal(&f);
    return icmp;
}

/* Neighbor discovery ----------------------------------------------------------------- */

/* unread: RFC 6980 5: nothing of it comes in pieces, not even in one. */
static void nothing_in_pieces_is_heard(void **state)
{
    static const uint8_t types[] = { ICMP6_ROUTER_SOLICITATION, ICMP6_NEIGHBOR_SOLICITATION,
                                     ICMP6_NEIGHBOR_ADVERTISEMENT };
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        unsigned length = types[i] == ICMP6_ROUTER_SOLICITATION ? 8 : ND_NEIGHBOR_LENGTH;
        uint8_t mac[MAC_LEN], *icmp = nd_make(host_a, router_a, types[i], length + 8);
        if (length == ND_NEIGHBOR_LENGTH)
            ip_store(icmp + ND_TARGET, types[i] == ICMP6_NEIGHBOR_SOLICITATION ? router_a : host_a);
        station_mac(0, 10, mac);
        nd_put_mac(icmp + length, ND_OPTION_SOURCE, mac);
        frame6_seal(&f);
        frame6_extend(&f, IPV6_FRAGMENT);
        silently_dropped(DROP_nd_invalid);
        assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_FREE);
    }
}

/* RFC 4861 7.2.5: who is asked for and answers without a MAC has not answered. */
static void an_answer_without_a_mac_resolves_nobody(void **state)
{
    station_meet6(1, 20, address6("2001:db8:1::b"));
    frame6(&f, 1, 20, address6("2001:db8:1::b"), host_a, 100);
    bench_send(1, &f);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_INCOMPLETE);
    ip_store(nd_make(host_a, router_a, ICMP6_NEIGHBOR_ADVERTISEMENT, ND_NEIGHBOR_LENGTH) +
                 ND_TARGET,
             host_a);
    frame6_icmp_of(&f)[ND_FLAGS] = ND_SOLICITED | ND_OVERRIDE;
    frame6_seal(&f);
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_INCOMPLETE);
}

/* RFC 4861 6.1.1, 6.2.6: a router solicitation teaches no MAC that it does not tell; who has no
 * address yet has none to tell. */
static void router_solicitations_without_a_mac(void **state)
{
    struct ip_address near = address6("fe80::a");
    uint8_t mac[MAC_LEN];
    nd_make(near, IPV6_ALL_ROUTERS, ICMP6_ROUTER_SOLICITATION, ICMP6_HEADER);
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(near), NEIGHBOR_FREE);
    station_mac(0, 10, mac);
    nd_put_mac(nd_make(none, IPV6_ALL_ROUTERS, ICMP6_ROUTER_SOLICITATION, 16) + 8, ND_OPTION_SOURCE,
               mac);
    frame6_seal(&f);
    silently_dropped(DROP_nd_invalid);
}

/* RFC 4861 6.2.7, 8.2: what other routers say changes nothing here. */
static void other_routers_change_nothing(void **state)
{
    char before[8192];
    station_meet6(0, 10, host_a);
    strcpy(before, bench_output("show routes"));
    uint8_t *icmp = nd_make(address6("fe80::a"), IPV6_ALL_NODES, ICMP6_ROUTER_ADVERTISEMENT, 48);
    icmp[4] = 17;               /* hops */
    store_be16(icmp + 6, 1800); /* lifetime */
    icmp[16] = ND_OPTION_PREFIX;
    icmp[17] = 4;
    icmp[18] = 64;
    icmp[19] = 0xc0;
    store_be32(icmp + 20, 86400);
    store_be32(icmp + 24, 86400);
    ip_store(icmp + 32, address6("2001:db8:99::"));
    frame6_seal(&f);
    bench_send(0, &f);
    icmp = nd_make(address6("fe80::a"), router_a, ICMP6_REDIRECT, 40);
    ip_store(icmp + 8, address6("fe80::b"));
    ip_store(icmp + 24, address6("2001:db8:77::1"));
    frame6_seal(&f);
    bench_send(0, &f);
    assert_string_equal(bench_output("show routes"), before);
    assert_int_equal(bench_neighbor_state(address6("fe80::b")), NEIGHBOR_FREE);
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 16);
    bench_is_quiet();
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_ECHO_REPLY));
    assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 64);
}

/* RFC 4861 8.2: redirects go to neighbors, and are about no group. */
static void nobody_else_is_redirected(void **state)
{
    bench_command("route add 2001:db8:f::/48 via fe80::99 interface 0");
    station_meet6(0, 10, host_a);
    station_meet6(0, 9, address6("fe80::99"));
    frame6(&f, 0, 10, address6("2001:db8:1::77"), address6("2001:db8:f::1"), 100);
    bench_is_quiet();
    bench_send(0, &f);
    bench_run_ms(20);
    assert_false(bench_take_icmp6(0, &g, ICMP6_REDIRECT));
    frame6(&f, 0, 10, host_a, address6("2001:db8:f::1"), 100);
    bench_send(0, &f);
    bench_run_ms(20);
    assert_true(bench_take_icmp6(0, &g, ICMP6_REDIRECT));
}

/* The next of router advertisements from the wire, its lifetime; -1: none came. */
static int advertised(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        if (bench_take_icmp6(0, &g, ICMP6_ROUTER_ADVERTISEMENT))
            return load_be16(frame6_icmp_of(&g) + 6);
        bench_run_ms(1);
    }
    return -1;
}

/* RFC 4861 6.2.8: hosts are told that the router of the old link-local address is none any more,
 * and which one it is now. */
static void a_new_link_local_address_is_told(void **state)
{
    struct ip_address old = link_local_of(0);
    bench_command("interface 0 advertise on");
    assert_int_equal(advertised(500), 1800);
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), old));
    bench_command("port 0 address fe80::77/64");
    assert_int_equal(advertised(10), 0);
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), old));
    assert_int_equal(advertised(6000), 1800);
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), address6("fe80::77")));
}

/* Duplicate addresses ---------------------------------------------------------------- */

/* RFC 4862 5.4.3 and its appendix A: what comes back to us was ours; nor is who asks from an
 * address of his own a rival. */
static void neither_an_echo_nor_a_question_makes_a_duplicate(void **state)
{
    struct ip_address target = address6("2001:db8:d::1");
    bench_command("port 0 address 2001:db8:d::1/64");
    for (unsigned i = 0; i < 100 && !bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION); i++)
        bench_run_ms(1);
    assert_true(ip_equal(ip_load(frame6_icmp_of(&g) + ND_TARGET), target));
    bench_send(0, &g);
    frame6_solicit(&f, 0, 10, host_a, target);
    bench_send(0, &f);
    bench_run_ms(1100);
    assert_null(strstr(bench_output("show interfaces"), "duplicate"));
    assert_null(strstr(bench_output("show interfaces"), "tentative"));
}

/* RFC 4862 5.4: anycast addresses are not looked for. */
static void nobody_is_asked_for_an_anycast_address(void **state)
{
    unsigned asked = 0;
    bench_command("port 0 address 2001:db8:d::1/64");
    for (unsigned i = 0; i < 1500; i++) {
        while (bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION)) {
            asked++;
            assert_true(
                ip_equal(ip_load(frame6_icmp_of(&g) + ND_TARGET), address6("2001:db8:d::1")));
        }
        bench_run_ms(1);
    }
    assert_int_equal(asked, 1);
}

/* An address in use stays in use, whoever claims it. */
static void a_late_claim_takes_no_address(void **state)
{
    frame6_advertise(&f, 0, 10, IPV6_ALL_NODES, router_a, ND_OVERRIDE);
    bench_send(0, &f);
    assert_null(strstr(bench_output("show interfaces"), "duplicate"));
    frame6_solicit(&f, 0, 11, host_a, router_a);
    bench_is_quiet();
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
}

/* ICMPv6 ------------------------------------------------------------------------------- */

/* RFC 4443 2.4 (a), (b): what nobody knows is not answered. */
static void unknown_messages_end_here(void **state)
{
    frame6_icmp(&f, 0, 10, host_a, router_a, 200, 40); /* an informational one */
    silently_dropped(DROP_protocol);
    frame6_icmp(&f, 0, 10, host_a, router_a, 99, 60); /* an error */
    silently_dropped(DROP_protocol);
}

/* RFC 4443 2.4 (e.3), RFC 8200 4.2: of what went to a group one kind of option is told, 10. */
static void options_to_a_group(void **state)
{
    static const struct {
        uint8_t option;
        bool told;
    } cases[] = { { 0x5e, false }, { 0x9e, true }, { 0xde, false } };
    station_meet6(0, 10, host_a);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        frame6_icmp(&f, 0, 10, host_a, IPV6_ALL_NODES, ICMP6_ECHO, 16);
        uint8_t *at = frame6_extend(&f, IPV6_OPTIONS);
        at[2] = cases[i].option;
        at[3] = 4;
        if (cases[i].told)
            refused(ICMP6_PROBLEM_OPTION, IPV6_HEADER + 2);
        else
            silently_dropped(DROP_ip_options);
    }
}

/* RFC 8200 4.2, 4.6: destination options are the destination's. */
static void options_to_us(void **state)
{
    static const struct {
        uint8_t option;
        bool passes, told;
    } cases[] = { { 0x01, true, false },
                  { 0x1e, true, false },
                  { 0x5e, false, false },
                  { 0x9e, false, true },
                  { 0xde, false, true } };
    station_meet6(0, 10, host_a);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_ECHO, 16);
        uint8_t *at = frame6_extend(&f, IPV6_OPTIONS);
        at[2] = cases[i].option;
        at[3] = 4;
        if (cases[i].told) {
            refused(ICMP6_PROBLEM_OPTION, IPV6_HEADER + 2);
        } else if (!cases[i].passes) {
            silently_dropped(DROP_ip_options);
        } else {
            bench_send(0, &f);
            assert_true(bench_take_icmp6(0, &g, ICMP6_ECHO_REPLY));
        }
    }
}

/* RFC 8200 4.7: behind "no next header" nothing is looked at, nor answered; on its way it passes
 * as it is. */
static void no_next_header(void **state)
{
    uint64_t was = bench_all_drops();
    frame6(&f, 0, 10, host_a, router_a, 100);
    frame_ip(&f)[IPV6_NEXT_HEADER] = IPV6_NO_NEXT;
    bench_is_quiet();
    bench_send(0, &f);
    assert_true(bench_is_quiet());
    assert_int_equal(bench_all_drops(), was);
    station_meet6(1, 20, address6("2001:db8:1::b"));
    bench_is_quiet();
    frame6(&f, 0, 10, host_a, address6("2001:db8:1::b"), 100);
    frame_ip(&f)[IPV6_NEXT_HEADER] = IPV6_NO_NEXT;
    bench_send(0, &f);
    assert_true(bench_take6(1, &g));
    assert_int_equal(g.length, f.length);
    assert_memory_equal(frame_ip(&g) + IPV6_HEADER, frame_ip(&f) + IPV6_HEADER, 60);
}

/* RFC 8200 4: a next header that is not known here, behind others too; its number's place. */
static void unknown_next_headers(void **state)
{
    station_meet6(0, 10, host_a);
    frame6(&f, 0, 10, host_a, router_a, 100);
    frame_ip(&f)[IPV6_NEXT_HEADER] = 253;
    refused(ICMP6_PROBLEM_NEXT_HEADER, IPV6_NEXT_HEADER);
    frame6(&f, 0, 10, host_a, router_a, 100);
    frame_ip(&f)[IPV6_NEXT_HEADER] = 253;
    frame6_extend(&f, IPV6_OPTIONS)[2] = 1; /* PadN */
    frame_ip(&f)[IPV6_HEADER + 3] = 4;
    refused(ICMP6_PROBLEM_NEXT_HEADER, IPV6_HEADER);
}

/* Listeners -------------------------------------------------------------------------- */

static const uint8_t *listener_message(unsigned ms, uint8_t type)
{
    for (unsigned i = 0; i <= ms; i++) {
        while (bench_take6(0, &g))
            if (frame_ip(&g)[IPV6_NEXT_HEADER] == IPV6_HOP_BY_HOP &&
                frame_ip(&g)[IPV6_HEADER + 8] == type)
                return frame_ip(&g) + IPV6_HEADER + 8;
        bench_run_ms(1);
    }
    return NULL;
}

static void query_make(struct ip_address from, unsigned length, struct ip_address group)
{
    uint8_t *icmp = frame6_icmp(&f, 0, 10, from, ip_is_zero(group) ? IPV6_ALL_NODES : group,
                                ICMP6_LISTENER_QUERY, length);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 1;
    store_be16(icmp + 4, 100);
    ip_store(icmp + 8, group);
    frame6_seal(&f);
    uint8_t *at = frame6_extend(&f, IPV6_HOP_BY_HOP);
    at[2] = 5;
    at[3] = 2;
    at[6] = 1;
}

/* RFC 2710 3, in a quotation: every message is from a link-local address. */
static void queries_come_from_the_link(void **state)
{
    query_make(host_a, 28, none);
    silently_dropped(DROP_icmp_invalid);
    query_make(none, 28, none);
    bench_send(0, &f);
    assert_null(listener_message(300, ICMP6_LISTENER_REPORT2));
}

/* RFC 3810 6.2: with a router's alert in front, of hop-by-hop options. */
static void queries_have_an_alert(void **state)
{
    query_make(address6("fe80::a"), 28, none);
    frame_ip(&f)[IPV6_HEADER + 2] = 1; /* PadN in its place */
    silently_dropped(DROP_icmp_invalid);
    query_make(address6("fe80::a"), 28, none);
    memmove(frame_ip(&f) + IPV6_HEADER, frame_ip(&f) + IPV6_HEADER + 8, 28);
    f.length -= 8;
    frame_ip(&f)[IPV6_NEXT_HEADER] = IPV6_ICMP;
    store_be16(frame_ip(&f) + IPV6_PAYLOAD_LENGTH, 28);
    silently_dropped(DROP_icmp_invalid);
}

/* RFC 3810 6: nobody reports the group of all nodes, or one of the node's own scope. */
static void all_nodes_are_not_reported(void **state)
{
    query_make(address6("fe80::a"), 28, none);
    bench_send(0, &f);
    const uint8_t *icmp = listener_message(300, ICMP6_LISTENER_REPORT2);
    assert_non_null(icmp);
    for (unsigned i = 0; i < load_be16(icmp + 6); i++) {
        struct ip_address group = ip_load(icmp + 8 + 20 * i + 4);
        assert_false(ip_equal(group, IPV6_ALL_NODES));
        assert_true((group.high >> 48 & 0xf) >= 2);
    }
}

/* RFC 2710 4: to an old querier's question about one group that group is reported; who leaves says
 * "done", to all routers. */
static void old_queriers_and_single_groups(void **state)
{
    struct ip_address target = address6("2001:db8:6::1234:5678"),
                      node = ipv6_solicited_node(target);
    bench_command("port 0 address 2001:db8:6::1234:5678/64");
    bench_run_ms(4000);
    bench_is_quiet();
    query_make(address6("fe80::a"), 24, node);
    bench_send(0, &f);
    const uint8_t *icmp = listener_message(300, ICMP6_LISTENER_REPORT);
    assert_non_null(icmp);
    assert_true(ip_equal(ip_load(icmp + 8), node));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), node));
    assert_null(listener_message(300, ICMP6_LISTENER_REPORT));
    bench_command("port 0 no address 2001:db8:6::1234:5678/64");
    icmp = listener_message(100, ICMP6_LISTENER_DONE);
    assert_non_null(icmp);
    assert_true(ip_equal(ip_load(icmp + 8), node));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), IPV6_ALL_ROUTERS));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_in_pieces_is_heard),
        TEST(an_answer_without_a_mac_resolves_nobody),
        TEST(router_solicitations_without_a_mac),
        TEST(other_routers_change_nothing),
        TEST(nobody_else_is_redirected),
        TEST(a_new_link_local_address_is_told),
        TEST(neither_an_echo_nor_a_question_makes_a_duplicate),
        TEST(nobody_is_asked_for_an_anycast_address),
        TEST(a_late_claim_takes_no_address),
        TEST(unknown_messages_end_here),
        TEST(options_to_a_group),
        TEST(options_to_us),
        TEST(no_next_header),
        TEST(unknown_next_headers),
        TEST(queries_come_from_the_link),
        TEST(queries_have_an_alert),
        TEST(all_nodes_are_not_reported),
        TEST(old_queriers_and_single_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
