/* Neighbor discovery (RFC 4861), duplicate addresses (unread: RFC 4862), link-local addresses. */
#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/ip/address.h"
#include "apps/ip/neighbor.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench6.h"

#include <stdio.h>

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

static bool has_mac(struct ip_address address, unsigned wire, unsigned station)
{
    uint8_t mac[MAC_LEN], is[MAC_LEN];
    station_mac(wire, station, mac);
    return neighbor_mac(interface_of_port(bench.port[wire]), address, is) && mac_equal(mac, is);
}

static void send_to(struct ip_address to)
{
    frame6(&f, 1, 20, address6("2001:db8:1::b"), to, 100);
    bench_send(1, &f);
}

/* Solicitations -------------------------------------------------------------- */

/* RFC 4861 7.2.3, 7.2.4 */
static void solicitation_is_answered_and_learned(void **state)
{
    frame6_solicit(&f, 0, 10, host_a, router_a);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    const uint8_t *icmp = frame6_icmp_of(&g);
    assert_true(frame6_is_sealed(&g));
    assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 255);
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), router_a));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), host_a));
    assert_memory_equal(g.bytes, f.bytes + MAC_LEN, MAC_LEN);
    assert_int_equal(icmp[ND_FLAGS], ND_ROUTER | ND_SOLICITED | ND_OVERRIDE);
    assert_true(ip_equal(ip_load(icmp + ND_TARGET), router_a));
    assert_int_equal(icmp[ND_NEIGHBOR_LENGTH], ND_OPTION_TARGET);
    assert_memory_equal(icmp + ND_NEIGHBOR_LENGTH + 2, bench.port[0]->mac, MAC_LEN);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_STALE);
    assert_true(has_mac(host_a, 0, 10));
    frame6_solicit(&f, 0, 11, host_a, router_a); /* another MAC */
    bench_send(0, &f);
    assert_true(has_mac(host_a, 0, 11));
}

/* RFC 4861 7.2.4: who looks for duplicates gets its answer by the group, and no entry. */
static void search_for_duplicates_is_answered_to_all(void **state)
{
    frame6_solicit(&f, 0, 10, none, router_a);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), IPV6_ALL_NODES));
    assert_int_equal(frame6_icmp_of(&g)[ND_FLAGS], ND_ROUTER | ND_OVERRIDE);
    assert_int_equal(bench_neighbor_state(none), NEIGHBOR_FREE);
}

/* RFC 4861 7.2.7: of an anycast address without the override flag. */
static void anycast_address_does_not_override(void **state)
{
    frame6_solicit(&f, 0, 10, host_a, address6("2001:db8::"));
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    assert_int_equal(frame6_icmp_of(&g)[ND_FLAGS], ND_ROUTER | ND_SOLICITED);
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), router_a));
}

/* A foreign target is nobody's business; a source from elsewhere is not learned. */
static void others_targets_and_sources(void **state)
{
    frame6_solicit(&f, 0, 10, host_a, address6("2001:db8:0::2"));
    ip_store(frame_ip(&f) + IPV6_DESTINATION, ipv6_solicited_node(router_a));
    frame6_seal(&f);
    bench_send(0, &f);
    assert_true(bench_is_quiet());
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_FREE);
    frame6_solicit(&f, 0, 10, address6("2001:db8:77::5"), router_a);
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(address6("2001:db8:77::5")), NEIGHBOR_FREE);
}

static void invalid(const char *why)
{
    uint64_t was = bench_drops(0, DROP_nd_invalid);
    bench_is_quiet();
    frame6_seal(&f);
    bench_send(0, &f);
    if (bench_drops(0, DROP_nd_invalid) != was + 1 || !bench_is_quiet())
        fail_msg("not refused: %s", why);
}

/* RFC 4861 7.1.1, 7.1.2, 6.1.1 */
static void messages_are_validated(void **state)
{
    frame6_solicit(&f, 0, 10, host_a, router_a);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 254;
    invalid("a hop limit that a router has been at");
    frame6_solicit(&f, 0, 10, host_a, router_a);
    frame6_icmp_of(&f)[ICMP6_CODE] = 1;
    invalid("code 1");
    frame6_icmp(&f, 0, 10, host_a, router_a, ICMP6_NEIGHBOR_SOLICITATION, 20);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 255;
    invalid("20 octets");
    frame6_solicit(&f, 0, 10, host_a, router_a);
    ip_store(frame6_icmp_of(&f) + ND_TARGET, IPV6_ALL_NODES);
    invalid("a group for a target");
    frame6_solicit(&f, 0, 10, host_a, router_a);
    frame6_icmp_of(&f)[ND_NEIGHBOR_LENGTH + 1] = 0;
    invalid("an option of no length");
    frame6_solicit(&f, 0, 10, host_a, router_a);
    frame6_icmp_of(&f)[ND_NEIGHBOR_LENGTH + 1] = 2;
    invalid("an option beyond the message");
    frame6_solicit(&f, 0, 10, host_a, router_a);
    ip_store(frame_ip(&f) + IPV6_SOURCE, none);
    invalid("a MAC of the unspecified address");
    frame6_solicit(&f, 0, 10, none, router_a);
    ip_store(frame_ip(&f) + IPV6_DESTINATION, IPV6_ALL_NODES);
    ipv6_group_mac(IPV6_ALL_NODES, f.bytes);
    invalid("the unspecified address, not to a solicited node");
    frame6_advertise(&f, 0, 10, IPV6_ALL_NODES, host_a, ND_SOLICITED);
    invalid("an advertisement to a group that was asked for");
    frame6_advertise(&f, 0, 10, router_a, host_a, ND_SOLICITED);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 1;
    invalid("an advertisement from afar");
    frame6_advertise(&f, 0, 10, router_a, host_a, ND_SOLICITED);
    frame6_icmp_of(&f)[ND_NEIGHBOR_LENGTH + 1] = 0;
    invalid("an advertisement with an option of no length");
    frame6_icmp(&f, 0, 10, host_a, IPV6_ALL_ROUTERS, ICMP6_ROUTER_SOLICITATION, 8);
    invalid("a router solicitation from afar");
    uint64_t was = bench_drops(0, DROP_icmp_invalid);
    frame6_solicit(&f, 0, 10, host_a, router_a);
    frame6_icmp_of(&f)[ICMP6_CHECKSUM] ^= 0x10;
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_icmp_invalid), was + 1);
}

/* Resolution ----------------------------------------------------------------- */

/* RFC 4861 7.2.2: a second apart, three times; the packets wait, the oldest gives way. */
static void resolution_waits_and_then_sends(void **state)
{
    station_meet6(1, 20, address6("2001:db8:1::b"));
    send_to(host_a);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION));
    uint8_t mac[MAC_LEN];
    ipv6_group_mac(ipv6_solicited_node(host_a), mac);
    assert_memory_equal(g.bytes, mac, MAC_LEN);
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), ipv6_solicited_node(host_a)));
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), router_a));
    assert_true(frame6_is_sealed(&g));
    const uint8_t *icmp = frame6_icmp_of(&g);
    assert_int_equal(icmp[ND_NEIGHBOR_LENGTH], ND_OPTION_SOURCE);
    assert_memory_equal(icmp + ND_NEIGHBOR_LENGTH + 2, bench.port[0]->mac, MAC_LEN);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_INCOMPLETE);
    for (unsigned i = 0; i < NEIGHBOR_QUEUE_MAX + 3; i++)
        send_to(host_a);
    assert_int_equal(bench_drops(1, DROP_neighbor_queue), 4);
    assert_true(bench_is_quiet());
    bench_run_ms(1050);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION));
    frame6_advertise(&f, 0, 10, router_a, host_a, ND_SOLICITED);
    bench_send(0, &f);
    unsigned n = 0;
    while (bench_take6(0, &g))
        n += frame_ip(&g)[IPV6_NEXT_HEADER] == IPV6_UDP;
    assert_int_equal(n, NEIGHBOR_QUEUE_MAX);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_REACHABLE);
}

/* RFC 4861 7.2.5, every case. */
static void advertisements_and_their_flags(void **state)
{
    frame6_advertise(&f, 0, 10, router_a, host_a, ND_SOLICITED | ND_OVERRIDE);
    bench_send(0, &f); /* nobody asked: no entry */
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_FREE);
    station_meet6(0, 10, host_a);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_REACHABLE);
    frame6_advertise(&f, 0, 11, router_a, host_a, ND_SOLICITED); /* no override: doubted */
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_STALE);
    assert_true(has_mac(host_a, 0, 10));
    bench_send(0, &f); /* in another state: ignored */
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_STALE);
    assert_true(has_mac(host_a, 0, 10));
    frame6_advertise(&f, 0, 10, router_a, host_a, 0); /* unsolicited, nothing new */
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_STALE);
    frame6_advertise(&f, 0, 10, router_a, host_a, ND_SOLICITED); /* the same MAC: confirmed */
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_REACHABLE);
    frame6_advertise(&f, 0, 11, IPV6_ALL_NODES, host_a, ND_OVERRIDE); /* unsolicited and new */
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_STALE);
    assert_true(has_mac(host_a, 0, 11));
    frame6_advertise(&f, 0, 12, router_a, host_a, ND_SOLICITED | ND_OVERRIDE);
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_REACHABLE);
    assert_true(has_mac(host_a, 0, 12));
    frame6_advertise(&f, 0, 12, router_a, host_a, ND_SOLICITED); /* without the option */
    f.length -= ND_OPTION_MAC_LENGTH;
    store_be16(frame_ip(&f) + IPV6_PAYLOAD_LENGTH, ND_NEIGHBOR_LENGTH);
    frame6_seal(&f);
    bench_run_ms(50000);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_STALE);
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_REACHABLE);
}

/* RFC 4861 7.3.3: reachable, stale, delay, probe; then unread RFC 7048's multicasts; the end. */
static void unreachability_is_detected(void **state)
{
    station_meet6(1, 20, address6("2001:db8:1::b"));
    station_meet6(0, 10, host_a);
    bench_run_ms(46000);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_STALE);
    assert_true(bench_is_quiet()); /* no traffic, no probes */
    send_to(host_a);
    assert_true(bench_take6(0, &g));
    bench_run_ms(300);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_DELAY);
    bench_is_quiet();
    bench_run_ms(4500);
    assert_false(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION));
    bench_run_ms(800);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_PROBE);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), host_a)); /* by unicast */
    frame6_advertise(&f, 0, 10, router_a, host_a, ND_SOLICITED);
    bench_send(0, &f);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_REACHABLE);
    bench_run_ms(46000);
    bench_is_quiet();
    send_to(host_a);
    unsigned asked = 0;
    for (unsigned i = 0; i < 13000 && bench_neighbor_state(host_a) != NEIGHBOR_FREE; i++) {
        bench_run_ms(1);
        while (bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION))
            asked += ip_equal(ipv6_destination(frame_ip(&g)), host_a) ? 1 : 100;
    }
    assert_int_equal(asked, 303);
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_FREE);
}

static void static_neighbors(void **state)
{
    bench_command("neighbor add 2001:db8::a 02:00:00:00:00:0a port 0");
    bench_command("neighbor add fe80::77 02:00:00:00:00:07 port 0");
    station_meet6(1, 20, address6("2001:db8:1::b"));
    send_to(host_a);
    assert_true(bench_take6(0, &g));
    assert_int_equal(frame_ip(&g)[IPV6_NEXT_HEADER], IPV6_UDP);
    frame6_advertise(&f, 0, 11, router_a, host_a, ND_SOLICITED | ND_OVERRIDE);
    bench_send(0, &f);
    assert_true(has_mac(host_a, 0, 10));
    const char *config = bench_output("show config");
    assert_non_null(strstr(config, "neighbor add 2001:db8::a 02:00:00:00:00:0a port 0\n"));
    assert_non_null(strstr(config, "neighbor add fe80::77 02:00:00:00:00:07 port 0\n"));
    bench_command_fails("neighbor add 2001:db8:0::1 02:00:00:00:00:0a port 0", "cannot be");
    bench_command_fails("neighbor add 2001:db8:9::1 02:00:00:00:00:0a port 0", "no host on port 0");
    bench_command_fails("neighbor add 2001:db8:: 02:00:00:00:00:0a port 0", "no host on port 0");
    bench_command("neighbor delete 2001:db8::a");
    assert_int_equal(bench_neighbor_state(host_a), NEIGHBOR_FREE);
    bench_command("port 0 address fe80::77/64"); /* who becomes ourselves is no neighbor */
    assert_non_null(strstr(bench_output("show config"), "# not in use: neighbor add fe80::77 "));
    bench_command("neighbor delete fe80::77 interface 0");
    bench_command_fails("neighbor add fe80::77 02:00:00:00:00:07 port 0", "that is not us");
    bench_command_fails("neighbor delete fe80::77", "not in the table");
}

/* unread: RFC 6583: a scan of a prefix, or a flood of solicitations, ends nobody who is known and
 * in use, of either family. */
static void floods_do_not_starve_known_neighbors(void **state)
{
    struct ip_address scanned = address6("2001:db8:0::1:0"), liar = address6("2001:db8:0::9:0");
    station_meet6(1, 20, address6("2001:db8:1::b"));
    station_meet6(0, 10, host_a);
    station_meet(0, 12, IP(192, 0, 2, 12));
    for (unsigned i = 0; i < 3 * NEIGHBORS_MAX; i++) {
        scanned.low++;
        frame6(&f, 1, 20, address6("2001:db8:1::b"), scanned, 60);
        bench_put(1, &f);
        liar.low++;
        frame6_solicit(&g, 0, 13, liar, router_a);
        bench_put(0, &g);
        if (i % 16 == 0)
            bench_run_ms(4);
        if (i % 512 == 0) {
            bench_is_quiet();
            send_to(host_a);
            assert_true(bench_take6(0, &g));
        }
        if (i % 64 == 0)
            bench_is_quiet();
    }
    bench_is_quiet();
    assert_true(has_mac(host_a, 0, 10));
    frame_ipv4(&f, 0, 10, IP(192, 0, 2, 10), IP(198, 51, 100, 30), 60);
    bench_send(0, &f); /* and others are still asked for */
    assert_true(bench_take_arp(1, &g));
    frame6(&f, 0, 10, host_a, address6("2001:db8:2::5"), 60);
    bench_send(0, &f);
    bool v6_asked = false;
    for (unsigned i = 0; i < 2000 && !v6_asked; i++) {
        bench_run_ms(1);
        v6_asked = bench_take_icmp6(2, &g, ICMP6_NEIGHBOR_SOLICITATION);
        if (i % 100 == 0)
            bench_send(0, &f);
    }
    assert_true(v6_asked);
}

/* Duplicates ----------------------------------------------------------------- */

static void add_address(void)
{
    bench_command("port 0 address 2001:db8:d::1/64");
    for (unsigned i = 0; i < 100 && !bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION); i++)
        bench_run_ms(1);
}

/* unread: RFC 4862 5.4.2: from the unspecified address, to the target's group, without a MAC; for
 * a second nobody is answered, and then all are told. */
static void address_is_tentative_first(void **state)
{
    struct ip_address target = address6("2001:db8:d::1");
    add_address();
    assert_true(ip_is_zero(ipv6_source(frame_ip(&g))));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), ipv6_solicited_node(target)));
    assert_int_equal(load_be16(frame_ip(&g) + IPV6_PAYLOAD_LENGTH), ND_NEIGHBOR_LENGTH);
    assert_true(ip_equal(ip_load(frame6_icmp_of(&g) + ND_TARGET), target));
    assert_non_null(strstr(bench_output("show interfaces"), "2001:db8:d::1/64 (tentative)"));
    frame6_solicit(&f, 0, 10, host_a, target);
    bench_send(0, &f);
    assert_false(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    bench_run_ms(1100);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), IPV6_ALL_NODES));
    assert_null(strstr(bench_output("show interfaces"), "tentative"));
    frame6_solicit(&f, 0, 10, host_a, target);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
}

static void is_a_duplicate(struct ip_address target)
{
    bench_send(0, &f);
    bench_run_ms(1500);
    assert_false(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    assert_non_null(strstr(bench_output("show interfaces"), "2001:db8:d::1/64 (duplicate)"));
    frame6_solicit(&f, 0, 10, host_a, target);
    bench_send(0, &f);
    assert_false(bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT));
    assert_non_null(strstr(bench_output("show config"), "port 0 address 2001:db8:d::1/64\n"));
}

/* unread: RFC 4862 5.4.3, 5.4.4 */
static void who_has_it_already_keeps_it(void **state)
{
    struct ip_address target = address6("2001:db8:d::1");
    add_address();
    frame6_advertise(&f, 0, 10, IPV6_ALL_NODES, target, ND_OVERRIDE);
    is_a_duplicate(target);
}

static void who_looks_for_it_too_gets_it(void **state)
{
    struct ip_address target = address6("2001:db8:d::1");
    add_address();
    frame6_solicit(&f, 0, 10, none, target);
    is_a_duplicate(target);
}

/* When the link was away the search begins anew. */
static void link_that_comes_back_is_searched_again(void **state)
{
    bench_run_ms(10);
    bench_is_quiet();
    ring_port_set_link(bench.far[0], false);
    bench_run_ms(300);
    ring_port_set_link(bench.far[0], true);
    bool asked = false;
    for (unsigned i = 0; i < 500 && !asked; i++) {
        bench_run_ms(1);
        asked = bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_SOLICITATION) &&
                ip_is_zero(ipv6_source(frame_ip(&g)));
    }
    assert_true(asked);
}

static unsigned changes;

static void heard(const struct event *event)
{
    changes += event->kind == EVENT_INTERFACE_CHANGED;
}

EVENT_LISTENER(changes_listener) = { .order = EVENT_ORDER_IP, .heard = heard };

/* Hundreds of addresses stop nothing: who looks at all of them when one changes is called for
 * many at once, and so many are asked for in one go. */
static void many_addresses_come_back_together(void **state)
{
    char line[64];
    unsigned asked = 0, most = 0;
    for (unsigned i = 0; i < 300; i++) {
        snprintf(line, sizeof line, "port 0 address 2001:db8:%x::1/64", 0x1000 + i);
        bench_command(line);
    }
    bench_run_ms(3000);
    assert_null(strstr(bench_output("show interfaces"), "tentative"));
    ring_port_set_link(bench.far[0], false);
    bench_run_ms(300);
    bench_is_quiet();
    changes = 0;
    ring_port_set_link(bench.far[0], true);
    for (unsigned i = 0; i < 3000; i++) {
        unsigned before = asked;
        bench_run_ms(1);
        while (bench_take6(0, &g))
            asked += frame_ip(&g)[IPV6_NEXT_HEADER] == IPV6_ICMP &&
                     frame6_icmp_of(&g)[ICMP6_TYPE] == ICMP6_NEIGHBOR_SOLICITATION;
        most = asked - before > most ? asked - before : most;
    }
    assert_int_equal(asked, 302);
    assert_in_range(most, 1, 64);
    assert_in_range(changes, 2, 30);
    assert_null(strstr(bench_output("show interfaces"), "tentative"));
}

/* Link-local addresses --------------------------------------------------------- */

static void one_is_made_of_the_mac(void **state)
{
    char text[IP_TEXT], expected[64];
    ip_format(link_local_of(0), text);
    snprintf(expected, sizeof expected, "%s/64", text);
    assert_non_null(strstr(bench_output("show interfaces"), expected));
    assert_null(strstr(bench_output("show config"), "fe80"));
    bench_command("port 0 address fe80::1/64");
    assert_null(strstr(bench_output("show interfaces"), expected));
    assert_non_null(strstr(bench_output("show config"), "port 0 address fe80::1/64\n"));
    bench_command("port 2 address fe80::1/64"); /* on each link its own */
    bench_command("port 0 no address fe80::1/64");
    assert_non_null(strstr(bench_output("show interfaces"), expected));
    bench_command("port 0 no address 2001:db8::1/64");
    assert_null(strstr(bench_output("show interfaces"), expected));
}

static void it_follows_the_mac(void **state)
{
    struct ip_address was = link_local_of(0);
    bench_command("port 0 mac 02:00:00:00:77:01");
    bench_run_ms(1500);
    assert_false(ip_equal(link_local_of(0), was));
    assert_non_null(address_on(interface_of_port(bench.port[0]), link_local_of(0)));
    assert_null(address_on(interface_of_port(bench.port[0]), was));
    bool told = false; /* RFC 4861 7.2.6: those that stay are told of, too */
    while (bench_take_icmp6(0, &g, ICMP6_NEIGHBOR_ADVERTISEMENT))
        told |= ip_equal(ip_load(frame6_icmp_of(&g) + ND_TARGET), router_a);
    assert_true(told);
}

static void addresses_that_no_host_can_have(void **state)
{
    bench_command_fails("port 0 address ff02::1/64", "a multicast address");
    bench_command_fails("port 0 address ::1/128", "reserved");
    bench_command_fails("port 0 address 2001:db8:5::/64", "every router's");
    bench_command_fails("port 0 address 2001:db8:5::1/0", "no network");
    bench_command_fails("port 0 address fe80::1/10", "expected fe80::something/64");
    bench_command_fails("port 0 address fe80:1::1/64", "expected fe80::something/64");
    bench_command_fails("port 0 address ::ffff:192.0.2.9/120", "IPv4-mapped");
    bench_command_fails("port 0 address 2001:db8:1::5/64", "overlaps");
    bench_command_fails("port 2 address 2001:db8::1/64", "taken by");
    bench_command("port 0 address 2001:db8::5/64");
    bench_command("port 0 address 2001:db8::6/128");
}

/* Our own pings ---------------------------------------------------------------- */

/* Station 20 of wire 1, at `host`, answers what is for it; one hop before there is another router,
 * and requests with a size in two pieces are left unanswered. */
static struct ip_address host;

static void answer(void)
{
    static struct frame in;
    while (bench_take6(1, &in)) {
        const uint8_t *icmp = frame6_icmp_of(&in), *ip = frame_ip(&in);
        struct ip_address asker = ipv6_source(ip);
        if (icmp[0] == ICMP6_NEIGHBOR_SOLICITATION && !ip_is_zero(asker)) {
            frame6_advertise(&f, 1, 20, asker, ip_load(icmp + ND_TARGET), ND_SOLICITED);
        } else if (icmp[0] == ICMP6_ECHO && ip[IPV6_HOP_LIMIT] == 1) {
            unsigned quoted = load_be16(ip + IPV6_PAYLOAD_LENGTH) + IPV6_HEADER;
            memcpy(frame6_icmp(&f, 1, 20, address6("2001:db8:1::99"), asker, ICMP6_TIME_EXCEEDED,
                               8 + quoted) +
                       8,
                   ip, quoted);
            frame6_seal(&f);
        } else if (icmp[0] == ICMP6_ECHO) {
            unsigned length = load_be16(ip + IPV6_PAYLOAD_LENGTH);
            memcpy(frame6_icmp(&f, 1, 20, host, asker, ICMP6_ECHO_REPLY, length) + 4, icmp + 4,
                   length - 4);
            frame6_seal(&f);
        } else {
            continue;
        }
        bench_send(1, &f);
    }
}

static void live(void)
{
    bench_run_ms(1);
    answer();
}

static void pings_are_answered(void **state)
{
    host = address6("2001:db8:1::b");
    host_set_yield(live);
    const char *text = bench_output("ping 2001:db8:1::b count 2");
    assert_non_null(strstr(text, "64 bytes from 2001:db8:1::b: sequence 1, ttl 64, "));
    assert_non_null(strstr(text, "2 sent, 2 received, least "));
    text = bench_output("ping 2001:db8:1::b interface 0 count 1 size 9");
    assert_non_null(strstr(text, "17 bytes from 2001:db8:1::b"));
    host = address6("fe80::b");
    assert_non_null(strstr(bench_output("ping fe80::b interface 2 count 1"), "1 received"));
    host_set_yield(NULL);
}

static void traceroute_shows_the_way(void **state)
{
    host = address6("2001:db8:f::5");
    bench_command("route add 2001:db8:f::/48 via 2001:db8:1::b");
    host_set_yield(live);
    const char *text = bench_output("traceroute 2001:db8:f::5");
    assert_non_null(strstr(text, " 1  2001:db8:1::99  "));
    assert_non_null(strstr(text, " 2  2001:db8:f::5  "));
    assert_null(strstr(text, " 3  "));
    host_set_yield(NULL);
}

/* RFC 4861 8: routers are known by their link-local addresses; which link is said. */
static void gateways_may_be_link_local(void **state)
{
    struct ip_address gateway = address6("fe80::b");
    bench_command("route add 2001:db8:f::/48 via fe80::b interface 2");
    bench_command_fails("route add 2001:db8:e::/48 via fe80::b", "`interface INTERFACE` behind it");
    char text[IP_TEXT], line[100];
    snprintf(line, sizeof line, "route add 2001:db8:e::/48 via %s interface 2",
             ip_format(link_local_of(1), text));
    bench_command_fails(line, "ours");
    frame6(&f, 0, 10, host_a, address6("2001:db8:f::1"), 100);
    bench_send(0, &f);
    assert_true(bench_take_icmp6(1, &g, ICMP6_NEIGHBOR_SOLICITATION));
    assert_true(ip_equal(ip_load(frame6_icmp_of(&g) + ND_TARGET), gateway));
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), link_local_of(1)));
    frame6_advertise(&f, 1, 20, link_local_of(1), gateway, ND_SOLICITED | ND_OVERRIDE);
    bench_send(1, &f);
    assert_true(bench_take6(1, &g));
    assert_int_equal(frame_ip(&g)[IPV6_NEXT_HEADER], IPV6_UDP);
    frame6(&f, 0, 10, host_a, address6("2001:db8:f::1"), 100);
    bench_send(0, &f); /* by the worker now */
    assert_true(bench_take6(1, &g));
    assert_non_null(strstr(bench_output("show routes"), "via fe80::b"));
    assert_non_null(
        strstr(bench_output("show config"), "route add 2001:db8:f::/48 via fe80::b interface 2\n"));
    bench_command("port 2 mac 02:00:00:00:55:02"); /* our own link-local address changes */
    bench_run_ms(1500);
    bench_is_quiet();
    memcpy(f.bytes, bench.port[0]->mac, MAC_LEN);
    bench_send(0, &f);
    bench_run_ms(5);
    bool asked = false, sent = false;
    while (bench_take6(1, &g)) {
        asked |= frame6_icmp_of(&g)[0] == ICMP6_NEIGHBOR_SOLICITATION;
        sent |= frame_ip(&g)[IPV6_NEXT_HEADER] == IPV6_UDP;
    }
    assert_true(asked || sent);
}

/* Neighbors are asked for by multicast: the port has to hear that. */
static void port_listens_to_groups(void **state)
{
    assert_true(bench.port[0]->rx_mode.all_multicast && !bench.port[0]->rx_mode.promiscuous);
    bench_command("port 0 no address 2001:db8::1/64");
    bench_run_ms(2);
    assert_false(bench.port[0]->rx_mode.all_multicast);
    bench_command("interface add 0.7");
    bench_command("interface 0.7 address 2001:db8:7::1/64");
    bench_run_ms(2);
    assert_true(bench.port[0]->rx_mode.all_multicast);
    bench_command("interface delete 0.7");
    bench_run_ms(2);
    assert_false(bench.port[0]->rx_mode.all_multicast);
}

static void ping_needs_a_way(void **state)
{
    bench_command_fails("ping 2001:db8:f::1", "no route");
    bench_command_fails("ping 2001:db8::1", "our own address");
    bench_command_fails("ping fe80::1", "expected `interface INTERFACE`");
    bench_command_fails("ping ff02::1", "is a group, expected `interface INTERFACE`");
    bench_command_fails("traceroute 2001:db8:f::1", "no route");
    ring_port_set_link(bench.far[0], false);
    bench_run_ms(150);
    ring_port_set_link(bench.far[0], true);
    bench_run_ms(150);
    bench_command_fails("ping fe80::9 interface 0", "is tentative, expected another try");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(solicitation_is_answered_and_learned),
        TEST(search_for_duplicates_is_answered_to_all),
        TEST(anycast_address_does_not_override),
        TEST(others_targets_and_sources),
        TEST(messages_are_validated),
        TEST(resolution_waits_and_then_sends),
        TEST(advertisements_and_their_flags),
        TEST(unreachability_is_detected),
        TEST(static_neighbors),
        TEST(floods_do_not_starve_known_neighbors),
        TEST(address_is_tentative_first),
        TEST(who_has_it_already_keeps_it),
        TEST(who_looks_for_it_too_gets_it),
        TEST(link_that_comes_back_is_searched_again),
        TEST(many_addresses_come_back_together),
        TEST(one_is_made_of_the_mac),
        TEST(it_follows_the_mac),
        TEST(addresses_that_no_host_can_have),
        TEST(gateways_may_be_link_local),
        TEST(port_listens_to_groups),
        TEST(pings_are_answered),
        TEST(traceroute_shows_the_way),
        TEST(ping_needs_a_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
