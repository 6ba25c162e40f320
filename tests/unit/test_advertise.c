/* Router advertisements (RFC 4861 6.2; unread: RFC 8106) and listener reports (unread: RFC 3810).
 */
#include "apps/forward/interface.h"
#include "apps/ip/advertise.h"
#include "apps/ip/mld.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench6.h"

#include <stdio.h>

static struct frame f, g;
static const struct ip_address none;

static uint32_t payload(void)
{
    return load_be16(frame_ip(&g) + IPV6_PAYLOAD_LENGTH);
}

/* The n-th option of that type in g, NULL: none. */
static const uint8_t *option(uint8_t type, unsigned n)
{
    const uint8_t *icmp = frame6_icmp_of(&g), *end = icmp + payload();
    for (const uint8_t *at = icmp + 16; at < end; at += 8 * at[1]) {
        assert_int_not_equal(at[1], 0);
        if (at[0] == type && !n--)
            return at;
    }
    return NULL;
}

/* The next one within so long; how long it took, -1: none. */
static int next_in(unsigned ms)
{
    for (unsigned i = 0; i <= ms; i++) {
        if (bench_take_icmp6(0, &g, ICMP6_ROUTER_ADVERTISEMENT))
            return (int)i;
        bench_run_ms(1);
    }
    return -1;
}

static unsigned lifetime(void)
{
    return load_be16(frame6_icmp_of(&g) + 6);
}

/* RFC 4861 6.2.1: nothing unless it is told to. */
static void nobody_is_told_unasked(void **state)
{
    frame6_icmp(&f, 0, 10, none, IPV6_ALL_ROUTERS, ICMP6_ROUTER_SOLICITATION, 8);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 255;
    frame6_seal(&f);
    bench_send(0, &f);
    assert_int_equal(next_in(5000), -1);
}

/* RFC 4861 6.2.3, 4.2, 4.6 */
static void content(void **state)
{
    bench_command("port 0 address 2001:db8:5::1/56");
    bench_run_ms(1200);
    bench_set_mtu(0, 1400);
    bench_command("interface 0 advertise on");
    assert_true(next_in(200) >= 0);
    const uint8_t *icmp = frame6_icmp_of(&g), *at;
    assert_true(frame6_is_sealed(&g));
    assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 255);
    assert_true(ip_equal(ipv6_source(frame_ip(&g)), link_local_of(0)));
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), IPV6_ALL_NODES));
    assert_int_equal(icmp[4], 64); /* hops */
    assert_int_equal(icmp[5], 0);  /* neither managed nor other */
    assert_int_equal(lifetime(), 1800);
    assert_non_null(at = option(ND_OPTION_SOURCE, 0));
    assert_memory_equal(at + 2, bench.port[0]->mac, MAC_LEN);
    assert_non_null(at = option(ND_OPTION_MTU, 0));
    assert_int_equal(load_be32(at + 4), 1400);
    assert_non_null(at = option(ND_OPTION_PREFIX, 0));
    assert_int_equal(at[2], 64);
    assert_int_equal(at[3], 0xc0); /* on the link, and for autoconfiguration */
    assert_int_equal(load_be32(at + 4), 2592000);
    assert_int_equal(load_be32(at + 8), 604800);
    assert_true(ip_equal(ip_load(at + 16), address6("2001:db8::")));
    assert_non_null(at = option(ND_OPTION_PREFIX, 1));
    assert_int_equal(at[2], 56);
    assert_int_equal(at[3], 0x80);
    assert_null(option(ND_OPTION_PREFIX, 2));
    assert_null(option(ND_OPTION_DNS, 0));
}

static void prefixes_and_servers_that_are_set(void **state)
{
    const uint8_t *at;
    bench_command("interface 0 advertise prefix 2001:db8:77::/64");
    bench_command("interface 0 advertise prefix 2001:db8:78::/64");
    bench_command("interface 0 advertise prefix 2001:db8:77::/64"); /* it is there */
    bench_command("interface 0 advertise dns 2001:db8::53");
    bench_command("interface 0 advertise dns 2001:db8::54");
    bench_command("interface 0 advertise lifetime 0");
    bench_command("interface 0 advertise on");
    assert_true(next_in(200) >= 0);
    assert_int_equal(lifetime(), 0);
    assert_non_null(at = option(ND_OPTION_PREFIX, 1));
    assert_true(ip_equal(ip_load(at + 16), address6("2001:db8:78::")));
    assert_null(option(ND_OPTION_PREFIX, 2));
    assert_non_null(at = option(ND_OPTION_DNS, 0));
    assert_int_equal(at[1], 5);
    assert_int_equal(load_be32(at + 4), 1800);
    assert_true(ip_equal(ip_load(at + 24), address6("2001:db8::54")));
    const char *config = bench_output("show config");
    assert_non_null(strstr(config, "interface 0 advertise prefix 2001:db8:77::/64\n"
                                   "interface 0 advertise prefix 2001:db8:78::/64\n"
                                   "interface 0 advertise dns 2001:db8::53\n"
                                   "interface 0 advertise dns 2001:db8::54\n"
                                   "interface 0 advertise lifetime 0\n"
                                   "interface 0 advertise on\n"));
    bench_command("interface 0 no advertise prefix 2001:db8:77::/64");
    bench_command("interface 0 no advertise dns 2001:db8::53");
    bench_command("interface 0 advertise lifetime 9000");
    assert_true(next_in(3500) >= 2500); /* RFC 4861 6.2.6: three seconds apart */
    assert_int_equal(lifetime(), 9000);
    assert_null(option(ND_OPTION_PREFIX, 1));
    bench_command_fails("interface 0 advertise prefix fe80::/64", "cannot be advertised");
    bench_command_fails("interface 0 advertise prefix 10.0.0.0/8", "cannot be advertised");
    bench_command_fails("interface 0 advertise prefix 2001:db8::1/64", "host bits set");
    bench_command_fails("interface 0 advertise dns 192.0.2.53", "expected an IPv6 host");
    bench_command_fails("interface 0 advertise lifetime 30", "expected 0, or 600 to 9000");
    bench_command_fails("interface 0 no advertise dns 2001:db8::99", "is not advertised");
}

/* RFC 4861 6.2.4: the first three at most 16 s apart, the others 200 to 600 s. */
static void intervals(void **state)
{
    bench_command("interface 0 advertise on");
    assert_true(next_in(200) >= 0);
    assert_in_range(next_in(17000), 15000, 16200);
    assert_in_range(next_in(17000), 15000, 16200);
    for (unsigned i = 0; i < 2; i++)
        assert_in_range(next_in(601000), 199000, 600100);
}

/* RFC 4861 6.2.6: within half a second, to all, and never two within three seconds. */
static void solicitations_are_answered(void **state)
{
    bench_command("interface 0 advertise on");
    assert_true(next_in(200) >= 0);
    for (unsigned i = 0; i < 3; i++)
        next_in(20000);
    bench_run_ms(4000);
    frame6_icmp(&f, 0, 10, none, IPV6_ALL_ROUTERS, ICMP6_ROUTER_SOLICITATION, 8);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 255;
    frame6_seal(&f);
    bench_send(0, &f);
    bench_send(0, &f);
    assert_in_range(next_in(1000), 0, 560);
    assert_true(ip_equal(ipv6_destination(frame_ip(&g)), IPV6_ALL_NODES));
    bench_send(0, &f);
    assert_in_range(next_in(5000), 2900, 3600);
    assert_int_equal(next_in(5000), -1);
}

/* RFC 4861 6.2.6: the solicitation's source is learned, as stale. */
static void solicitation_teaches_its_source(void **state)
{
    uint8_t mac[MAC_LEN];
    station_mac(0, 10, mac);
    uint8_t *icmp = frame6_icmp(&f, 0, 10, address6("fe80::a"), IPV6_ALL_ROUTERS,
                                ICMP6_ROUTER_SOLICITATION, 16);
    nd_put_mac(icmp + 8, ND_OPTION_SOURCE, mac);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 255;
    frame6_seal(&f);
    bench_send(0, &f);
    assert_non_null(strstr(bench_output("show neighbors"), "fe80::a"));
    assert_non_null(strstr(bench_output("show neighbors"), "stale"));
}

/* RFC 4861 6.2.5: who stops says so. */
static void last_word(void **state)
{
    bench_command("interface 0 advertise on");
    assert_true(next_in(200) >= 0);
    bench_command("interface 0 advertise off");
    assert_true(next_in(10) >= 0);
    assert_int_equal(lifetime(), 0);
    assert_int_equal(next_in(20000), -1);
    assert_null(strstr(bench_output("show config"), "advertise o"));
}

/* RFC 4861 6.2.5: so does one that does not route any more. */
static void host_takes_its_word_back(void **state)
{
    bench_command("port 0 no address 2001:db8:0::1/64");
    bench_command("bridge add lan");
    bench_command("bridge lan port 0");
    bench_command("interface lan address 2001:db8:0::1/64");
    bench_command("interface lan advertise on");
    assert_true(next_in(2000) >= 0);
    assert_int_equal(lifetime(), 1800);
    bench_command("forward l2");
    assert_true(next_in(200) >= 0);
    assert_int_equal(lifetime(), 0);
    assert_int_equal(next_in(20000), -1);
    bench_command("forward l3");
    assert_true(next_in(3500) >= 0);
    assert_int_equal(lifetime(), 1800);
}

/* Listeners -------------------------------------------------------------------- */

/* The next report of version 2 within so long; its records' type, 0: none. */
static unsigned report_in(unsigned ms)
{
    for (unsigned i = 0; i <= ms; i++) {
        while (bench_take6(0, &g))
            if (frame_ip(&g)[IPV6_NEXT_HEADER] == IPV6_HOP_BY_HOP &&
                frame_ip(&g)[IPV6_HEADER + 8] == ICMP6_LISTENER_REPORT2)
                return frame_ip(&g)[IPV6_HEADER + 16];
        bench_run_ms(1);
    }
    return 0;
}

static bool reports(struct ip_address group)
{
    const uint8_t *icmp = frame_ip(&g) + IPV6_HEADER + 8;
    for (unsigned i = 0; i < load_be16(icmp + 6); i++)
        if (ip_equal(ip_load(icmp + 8 + 20 * i + 4), group))
            return true;
    return false;
}

static void query_make(unsigned length, unsigned delay_ms, struct ip_address group)
{
    uint8_t *icmp =
        frame6_icmp(&f, 0, 10, address6("fe80::a"), ip_is_zero(group) ? IPV6_ALL_NODES : group,
                    ICMP6_LISTENER_QUERY, length);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 1;
    store_be16(icmp + 4, (uint16_t)delay_ms);
    ip_store(icmp + 8, group);
    frame6_seal(&f);
    uint8_t *at = frame6_extend(&f, IPV6_HOP_BY_HOP);
    at[2] = 5;
    at[3] = 2;
    at[6] = 1;
}

/* unread: RFC 3810 6.1: a change is told twice; RFC 4861 7.2.1: of all groups. */
static void joins_are_reported(void **state)
{
    struct ip_address node = ipv6_solicited_node(address6("2001:db8:6::1234:5678"));
    bench_command("port 0 address 2001:db8:6::1234:5678/64");
    assert_int_equal(report_in(200), 4); /* to exclude: joined */
    const uint8_t *ip = frame_ip(&g);
    assert_int_equal(ip[IPV6_HOP_LIMIT], 1);
    assert_true(ip_equal(ipv6_destination(ip), address6("ff02::16")));
    assert_true(ip_equal(ipv6_source(ip), link_local_of(0)));
    const uint8_t alert[8] = { IPV6_ICMP, 0, 5, 2, 0, 0, 1, 0 };
    assert_memory_equal(ip + IPV6_HEADER, alert, 8);
    assert_true(reports(node) && reports(IPV6_ALL_ROUTERS));
    assert_true(reports(ipv6_solicited_node(link_local_of(0))));
    assert_true(reports(ipv6_solicited_node(address6("2001:db8:6::")))); /* the anycast one's */
    assert_int_equal(report_in(1100), 4);
    assert_int_equal(report_in(5000), 0);
    bench_command("port 0 no address 2001:db8:6::1234:5678/64");
    assert_int_equal(report_in(10), 3); /* to include nothing: left */
    assert_true(reports(node));
}

/* More groups than a report of the least MTU holds, asked for as one and as all. */
static void many_groups_take_several_reports(void **state)
{
    char line[80];
    bool heard[100] = { false };
    for (unsigned i = 0; i < ARRAY_SIZE(heard); i++) {
        snprintf(line, sizeof line, "port 0 address 2001:db8:6::7:%x/64", 0x100 + i);
        bench_command(line);
    }
    while (report_in(5000))
        continue;
    query_make(28, 100, none);
    bench_send(0, &f);
    while (report_in(200)) {
        assert_in_range(g.length, 1, ETHERNET_HEADER + 1280);
        for (unsigned i = 0; i < ARRAY_SIZE(heard); i++) {
            snprintf(line, sizeof line, "2001:db8:6::7:%x", 0x100 + i);
            heard[i] |= reports(ipv6_solicited_node(address6(line)));
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(heard); i++)
        assert_true(heard[i]);
    query_make(28, 100, ipv6_solicited_node(address6("2001:db8:6::7:163")));
    bench_send(0, &f);
    assert_int_equal(report_in(200), 2);
    assert_int_equal(load_be16(frame_ip(&g) + IPV6_HEADER + 14), 1);
    assert_int_equal(report_in(200), 0);
    bench_command("port 0 no address 2001:db8:6::7:163/64");
    assert_int_equal(report_in(10), 3);
}

static void queries_are_answered(void **state)
{
    struct ip_address node = ipv6_solicited_node(address6("2001:db8::1"));
    query_make(28, 1000, none);
    bench_send(0, &f);
    assert_int_equal(report_in(1100), 2); /* is exclude: listens */
    assert_true(reports(node) && reports(IPV6_ALL_ROUTERS));
    query_make(28, 100, node);
    bench_send(0, &f);
    assert_int_equal(report_in(200), 2);
    assert_int_equal(load_be16(frame_ip(&g) + IPV6_HEADER + 14), 1);
    assert_true(reports(node));
    query_make(28, 100, ipv6_solicited_node(address6("2001:db8::77:7777")));
    bench_send(0, &f);
    assert_int_equal(report_in(200), 0);
    query_make(26, 100, none);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_icmp_invalid), 1);
    query_make(28, 100, none);
    frame_ip(&f)[IPV6_HOP_LIMIT] = 2;
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_icmp_invalid), 2);
}

/* unread: RFC 3810 8.2: a querier of version 1 is answered as it asks. */
static void old_queriers_get_old_reports(void **state)
{
    query_make(24, 100, none);
    bench_send(0, &f);
    bench_run_ms(200);
    unsigned n = 0;
    while (bench_take6(0, &g)) {
        const uint8_t *ip = frame_ip(&g), *icmp = ip + IPV6_HEADER + 8;
        if (ip[IPV6_NEXT_HEADER] != IPV6_HOP_BY_HOP)
            continue;
        assert_int_equal(icmp[0], ICMP6_LISTENER_REPORT);
        assert_true(ip_equal(ip_load(icmp + 8), ipv6_destination(ip)));
        n++;
    }
    assert_int_equal(n, 4); /* all routers, the address, the anycast one, the link-local one */
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, bench6_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_told_unasked),
        TEST(content),
        TEST(prefixes_and_servers_that_are_set),
        TEST(intervals),
        TEST(solicitations_are_answered),
        TEST(solicitation_teaches_its_source),
        TEST(last_word),
        TEST(host_takes_its_word_back),
        TEST(joins_are_reported),
        TEST(many_groups_take_several_reports),
        TEST(queries_are_answered),
        TEST(old_queriers_get_old_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
