/* apps/bridge: groups' frames go to who wants them (RFC 4541, and IGMP and MLD of all versions;
 * unread). */
#include "apps/bridge/snoop.h"

#include "apps/bridge/snoop_parse.h"
#include "apps/ip/ipv4.h"
#include "tests/models/bridge_bench.h"
#include "tests/models/must.h"

#define GROUP_MAC 0x01005e010203ull /* of 239.1.2.3, and of 31 more */
#define OTHER_MAC 0x01005e010204ull
#define GROUP6_MAC 0x333300010203ull /* of ff05::1:203 */

static const uint8_t group4[4] = { 239, 1, 2, 3 };
static const uint8_t group6[16] = { 0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3 };
static struct bridge *br;

static int set_up_snooping(void **state)
{
    set_up(state);
    br = made_of_all("br1");
    must_work("bridge br1 snooping on");
    seconds_pass(2);
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0 || lan_last.length)
            ;
    return 0;
}

/* Messages --------------------------------------------------------------------------- */

static struct lan_frame f;

static void seal4(const uint8_t *source, unsigned length)
{
    uint8_t *ip = f.bytes + ETHERNET_HEADER, *igmp = ip + 24;
    static const uint8_t head[] = { 1, 0, 0x5e, 0, 0, 22, 2, 0, 0, 0, 0, 9, 8, 0, 0x46, 0xc0 };
    memcpy(f.bytes, head, sizeof head);
    store_be16(ip + 2, (uint16_t)(24 + length));
    ip[8] = 1;
    ip[9] = 2;
    if (source)
        memcpy(ip + 12, source, 4);
    ip[16] = 224;
    ip[20] = 0x94;
    ip[21] = 4;
    uint16_t sum = checksum_finish(checksum_add(0, igmp, length));
    memcpy(igmp + 2, &sum, 2);
    ipv4_checksum_set(ip);
    f.length = ETHERNET_HEADER + 24 + length;
    f.length = f.length < 60 ? 60 : f.length;
}

static void igmp(uint8_t type, const uint8_t *group, const uint8_t *source)
{
    memset(&f, 0, sizeof f);
    f.bytes[38] = type;
    if (group)
        memcpy(f.bytes + 42, group, 4);
    seal4(source, 8);
}

/* One record, and as many sources. */
static void igmp3(uint8_t record, unsigned sources)
{
    memset(&f, 0, sizeof f);
    uint8_t *m = f.bytes + 38;
    m[0] = 0x22;
    m[7] = 1;
    m[8] = record;
    m[11] = (uint8_t)sources;
    memcpy(m + 12, group4, 4);
    seal4(NULL, 16 + 4 * sources);
}

static void seal6(unsigned length, bool source)
{
    uint8_t *ip = f.bytes + ETHERNET_HEADER, *icmp = ip + 48;
    static const uint8_t head[] = { 0x33, 0x33, 0, 0, 0, 22, 2, 0, 0, 0, 0, 9, 0x86, 0xdd, 0x60 };
    static const uint8_t alert[] = { 58, 0, 5, 2, 0, 0, 1, 0 };
    memcpy(f.bytes, head, sizeof head);
    store_be16(ip + 4, (uint16_t)(8 + length));
    ip[7] = 1;
    if (source) {
        ip[8] = 0xfe;
        ip[9] = 0x80;
        ip[23] = 9;
    }
    ip[24] = 0xff;
    ip[25] = 2;
    ip[39] = 22;
    memcpy(ip + 40, alert, sizeof alert);
    const uint8_t rest[8] = { 0, 0, (uint8_t)(length >> 8), (uint8_t)length, 0, 0, 0, 58 };
    uint64_t sum = checksum_add(checksum_add(0, ip + 8, 32), rest, 8);
    uint16_t finished = checksum_finish(checksum_add(sum, icmp, length));
    memcpy(icmp + 2, &finished, 2);
    f.length = ETHERNET_HEADER + 48 + length;
}

static void mld(uint8_t type, const uint8_t *group, bool source)
{
    memset(&f, 0, sizeof f);
    f.bytes[62] = type;
    if (group)
        memcpy(f.bytes + 70, group, 16);
    seal6(24, source);
}

static void mld2(uint8_t record, unsigned sources)
{
    memset(&f, 0, sizeof f);
    uint8_t *m = f.bytes + 62;
    m[0] = 143;
    m[7] = 1;
    m[8] = record;
    m[11] = (uint8_t)sources;
    memcpy(m + 12, group6, 16);
    seal6(28 + 16 * sources, true);
}

/* The ports that sent the message on, a bit each. */
static unsigned passed(unsigned port)
{
    unsigned ports = 0;
    wire_put(lan[port], f.bytes, f.length);
    lan_run();
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0 || lan_last.length)
            ports |= lan_last.length == f.length && !memcmp(lan_last.bytes, f.bytes, f.length)
                         ? 1u << i
                         : 0;
    return ports;
}

static unsigned reached(unsigned port, uint64_t group, uint32_t number)
{
    send(port, group, A + port, number);
    return sent_by(number);
}

#define ALL_BUT_0 0xeu

/* As long as others have time to speak up; and what is sent meanwhile. */
static void leaving_passes(void)
{
    seconds_pass(5);
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0 || lan_last.length)
            ;
}

/* IGMP ------------------------------------------------------------------------------------- */

static void who_reports_gets(void **state)
{
    assert_int_equal(reached(0, GROUP_MAC, 1), ALL_BUT_0); /* nobody has spoken: to all */
    igmp(0x16, group4, NULL);
    assert_int_equal(passed(2), 0); /* there is no router to tell */
    assert_int_equal(reached(0, GROUP_MAC, 2), 1 << 2);
    assert_int_equal(reached(0, OTHER_MAC, 3), ALL_BUT_0);
    igmp(0x12, group4, NULL); /* IGMPv1 */
    passed(3);
    assert_int_equal(reached(0, GROUP_MAC, 4), 1 << 2 | 1 << 3);
    assert_int_equal(reached(2, GROUP_MAC, 5), 1 << 3);
    must_show("show bridge br1", "group          01:00:5e:01:02:03, ports 2 3\n");
    must_show("show bridge br1", "snooping       1 groups, 0 ports with a router, asks itself");
}

static void who_leaves_gets_no_more(void **state)
{
    igmp(0x16, group4, NULL);
    passed(2);
    passed(3);
    igmp(0x17, group4, NULL);
    passed(3);
    assert_int_equal(reached(0, GROUP_MAC, 1), 1 << 2 | 1 << 3); /* others there may object */
    leaving_passes();
    assert_int_equal(reached(0, GROUP_MAC, 2), 1 << 2);
    igmp(0x17, group4, NULL);
    passed(2);
    igmp(0x16, group4, NULL); /* one objects */
    passed(2);
    leaving_passes();
    assert_int_equal(reached(0, GROUP_MAC, 3), 1 << 2);
}

/* How many of the frames that a port sent are the query. */
static unsigned queries_like(unsigned port, const uint8_t *query, unsigned length)
{
    unsigned n = 0;
    while (lan_receive(port) >= 0 || lan_last.length)
        n += lan_last.length == length && !memcmp(lan_last.bytes, query, length);
    return n;
}

/* RFC 2236 3, RFC 2710 4: the querier asks twice whether somebody else wants what one left; not
 * where another asks. */
static void who_is_left_is_asked(void **state)
{
    static const uint8_t router[4] = { 192, 0, 2, 1 };
    uint8_t query[SNOOP_QUERY_MAX], six[SNOOP_QUERY_MAX];
    unsigned length = snoop_make_query(query, SNOOP_IPV4, group4, lan[0]->port.mac);
    unsigned length6 = snoop_make_query(six, SNOOP_IPV6, group6, lan[0]->port.mac);
    assert_memory_equal(query + ETHERNET_HEADER + IPV4_DESTINATION, group4, 4);
    assert_memory_equal(query, ((const uint8_t[]){ 1, 0, 0x5e, 1, 2, 3 }), MAC_LEN);
    assert_int_equal(query[38 + 1], 10); /* a second */
    assert_memory_equal(six, ((const uint8_t[]){ 0x33, 0x33, 0, 1, 2, 3 }), MAC_LEN);
    assert_int_equal(load_be16(six + 62 + 4), 1000);
    igmp(0x16, group4, NULL);
    passed(2);
    igmp(0x17, group4, NULL);
    passed(2);
    passed(2); /* again: nothing new */
    seconds_pass(3);
    assert_int_equal(queries_like(2, query, length), 2);
    igmp(0x16, group4, NULL); /* another one answers, late */
    passed(2);
    mld(131, group6, true);
    passed(3);
    mld2(3, 0);
    passed(3);
    seconds_pass(5);
    assert_int_equal(queries_like(2, query, length), 0);
    assert_int_equal(queries_like(3, six, length6), 2);
    for (unsigned i = 0; i < PORTS; i++)
        queries_like(i, query, length);
    assert_int_equal(reached(0, GROUP_MAC, 1), 1 << 2);
    assert_int_equal(snoop_counts(br).groups, 1);
    igmp(0x11, NULL, router);
    passed(1);
    igmp(0x17, group4, NULL);
    passed(2);
    seconds_pass(5);
    assert_int_equal(queries_like(2, query, length), 0);
    assert_int_equal(snoop_counts(br).groups, 0);
    for (unsigned i = 0; i < PORTS; i++)
        queries_like(i, query, length);
}

static void silence_ends_it(void **state)
{
    igmp(0x16, group4, NULL);
    passed(2);
    for (unsigned i = 0; i < 256; i++)
        seconds_pass(1);
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0 || lan_last.length)
            ;
    assert_int_equal(reached(0, GROUP_MAC, 1), 1 << 2);
    seconds_pass(6);
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0 || lan_last.length)
            ;
    assert_int_equal(reached(0, GROUP_MAC, 2), ALL_BUT_0);
}

static void version_three(void **state)
{
    static const struct {
        uint8_t record;
        unsigned sources;
        bool joins;
    } cases[] = { { 1, 0, false }, { 1, 2, true }, { 2, 0, true }, { 3, 1, true },
                  { 4, 0, true },  { 4, 3, true }, { 5, 1, true }, { 6, 1, false } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        igmp3(cases[i].record, cases[i].sources);
        passed(2);
        assert_int_equal(snoop_counts(br).groups, cases[i].joins);
        igmp3(3, 0); /* to include of nobody: leaves */
        passed(2);
        leaving_passes();
        assert_int_equal(snoop_counts(br).groups, 0);
    }
}

/* A port where somebody asks gets all groups, and all reports. */
static void routers_get_everything(void **state)
{
    static const uint8_t router[4] = { 192, 0, 2, 1 };
    igmp(0x11, NULL, router);
    assert_int_equal(passed(1), 0xdu); /* a query goes to all */
    igmp(0x16, group4, NULL);
    assert_int_equal(passed(2), 1 << 1);
    assert_int_equal(reached(0, GROUP_MAC, 1), 1 << 1 | 1 << 2);
    igmp(0x17, group4, NULL);
    assert_int_equal(passed(2), 1 << 1);
    igmp(0x11, NULL, NULL); /* from nobody's address: a switch, no router */
    assert_int_equal(passed(3), 0x7u);
    igmp(0x16, group4, NULL);
    assert_int_equal(passed(2), 1 << 1);
    seconds_pass(250);
    assert_int_equal(snoop_counts(br).routers, 1);
    seconds_pass(7);
    assert_int_equal(snoop_counts(br).routers, 0);
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0 || lan_last.length)
            ;
}

/* What all hosts listen to goes to all, whoever reports it. */
static void link_local_groups_go_to_all(void **state)
{
    static const uint8_t mdns[4] = { 224, 0, 0, 251 }, alike[4] = { 225, 0, 0, 251 };
    static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
    igmp(0x16, mdns, NULL);
    passed(2);
    igmp(0x16, alike, NULL); /* it has that MAC, too */
    passed(2);
    mld(131, all_nodes, true);
    passed(2);
    assert_int_equal(snoop_counts(br).groups, 0);
    assert_int_equal(reached(0, 0x01005e0000fbull, 1), ALL_BUT_0);
}

/* MLD ---------------------------------------------------------------------------------------- */

static void mld_of_both_versions(void **state)
{
    mld(131, group6, true);
    assert_int_equal(passed(2), 0);
    assert_int_equal(reached(0, GROUP6_MAC, 1), 1 << 2);
    mld2(4, 0);
    passed(3);
    assert_int_equal(reached(0, GROUP6_MAC, 2), 1 << 2 | 1 << 3);
    mld(132, group6, true);
    passed(2);
    mld2(3, 0);
    passed(3);
    leaving_passes();
    assert_int_equal(snoop_counts(br).groups, 0);
    mld2(1, 2);
    passed(3);
    assert_int_equal(reached(0, GROUP6_MAC, 3), 1 << 3);
    mld(130, NULL, false); /* from the unspecified address */
    assert_int_equal(passed(1), 0xdu);
    mld(130, NULL, true);
    f.bytes[22] = 0x20; /* from one that is not link-local */
    f.bytes[23] = 0x01;
    seal6(24, false);
    assert_int_equal(passed(1), 0xdu);
    assert_int_equal(snoop_counts(br).routers, 0);
    mld(130, NULL, true);
    assert_int_equal(passed(1), 0xdu);
    assert_int_equal(reached(0, GROUP6_MAC, 4), 1 << 1 | 1 << 3);
}

/* What is wrong is no message: it is bridged, and nobody is put anywhere. */
static void what_is_wrong(void **state)
{
    igmp(0x16, group4, NULL);
    f.bytes[45] ^= 1; /* its checksum */
    assert_int_equal(passed(0), ALL_BUT_0);
    igmp3(4, 0);
    f.bytes[38 + 7] = 2; /* more records than there are */
    seal4(NULL, 16);
    passed(0);
    igmp3(4, 0);
    f.bytes[38 + 10] = 0xff; /* more sources than there are */
    f.bytes[40] = f.bytes[41] = 0;
    seal4(NULL, 16);
    passed(0);
    mld(131, group6, true);
    f.bytes[80] ^= 1;
    assert_int_equal(passed(0), ALL_BUT_0);
    assert_int_equal(snoop_counts(br).groups, 0);
    for (unsigned cut = 14; cut < 60; cut++) {
        igmp(0x16, group4, NULL);
        f.length = cut;
        wire_put(lan[0], f.bytes, f.length);
        lan_run();
        for (unsigned i = 0; i < PORTS; i++)
            while (lan_receive(i) >= 0 || lan_last.length)
                ;
        assert_int_equal(snoop_counts(br).groups, cut >= 46);
    }
}

/* Asking --------------------------------------------------------------------------- */

static unsigned queries(unsigned port, unsigned *mld_queries)
{
    unsigned n = 0;
    *mld_queries = 0;
    for (; lan_receive(port) >= 0 || lan_last.length;) {
        struct snoop_message m = snoop_parse(lan_last.bytes, lan_last.length, NULL, NULL);
        n += m.kind == SNOOP_QUERY && m.family == SNOOP_IPV4 && m.general;
        *mld_queries += m.kind == SNOOP_QUERY && m.family == SNOOP_IPV6 && m.general;
    }
    return n;
}

/* RFC 2710 3 and 5 (unread): from a link-local address to all nodes, with a right checksum. */
static void its_query_for_ipv6_is_whole(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 0x5a };
    static const uint8_t from[16] = {
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 0x5a
    };
    static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
    uint8_t frame[SNOOP_QUERY_MAX] = { 0 };
    uint32_t length = snoop_make_query(frame, SNOOP_IPV6, NULL, mac);
    const uint8_t *ip = frame + ETHERNET_HEADER, *icmp = ip + 40 + 8;
    const uint8_t pseudo[8] = { 0, 0, 0, 24, 0, 0, 0, 58 };
    assert_true(length >= ETHERNET_HEADER + 40 + 8 + 24);
    assert_memory_equal(ip + 8, from, 16);
    assert_memory_equal(ip + 24, all_nodes, 16);
    uint64_t sum = checksum_add(checksum_add(0, ip + 8, 32), pseudo, sizeof pseudo);
    assert_int_equal(checksum_finish(checksum_add(sum, icmp, 24)), 0);
}

static void it_asks_where_nobody_does(void **state)
{
    static const uint8_t router[4] = { 192, 0, 2, 1 };
    unsigned six;
    seconds_pass(32);
    assert_int_equal(queries(0, &six), 1); /* the second; the first was before */
    assert_int_equal(six, 1);
    seconds_pass(126);
    assert_int_equal(queries(0, &six), 1);
    assert_int_equal(six, 1);
    igmp(0x11, NULL, router); /* now a router does */
    passed(1);
    seconds_pass(250);
    assert_int_equal(queries(0, &six), 0);
    assert_int_equal(six, 2); /* it spoke of IPv4 */
    seconds_pass(10);
    assert_int_equal(queries(0, &six), 1); /* and is silent */
    for (unsigned i = 1; i < PORTS; i++)
        queries(i, &six);
}

/* VLANs, and what else there is ---------------------------------------------------- */

static void each_vlan_has_its_own(void **state)
{
    must_work("bridge br1 vlan-aware on");
    must_work("bridge br1 port 0 vlan 10 untagged");
    must_work("bridge br1 port 1 vlan 10 tagged");
    must_work("bridge br1 port 1 vlan 20 tagged");
    must_work("bridge br1 port 2 vlan 10 untagged");
    must_work("bridge br1 port 3 vlan 20 untagged");
    igmp(0x16, group4, NULL);
    passed(2);
    assert_int_equal(reached(0, GROUP_MAC, 1), 1 << 2);
    must_show("show bridge br1", "group          01:00:5e:01:02:03 in VLAN 10, ports 2\n");
    send(3, GROUP_MAC, B, 2); /* another VLAN */
    assert_true(lan_receive(1) >= -1 && lan_last.length == 64);
    /* a report with a tag, and one more port */
    igmp(0x16, group4, NULL);
    memmove(f.bytes + 16, f.bytes + 12, f.length - 12);
    store_be16(f.bytes + 12, ETHERTYPE_VLAN);
    store_be16(f.bytes + 14, 10);
    f.length += 4;
    passed(1);
    send(0, GROUP_MAC, A, 3);
    assert_true(lan_receive(1) >= -1 && lan_last.length == 64);
    assert_int_equal(lan_receive(2), 3);
    must_work("bridge br1 port 2 no vlan 10");
    must_work("bridge br1 port 1 no vlan 10");
    must_work("bridge br1 port 0 no vlan 10");
    seconds_pass(2);
    assert_int_equal(snoop_counts(br).groups, 0);
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0 || lan_last.length)
            ;
}

static void a_port_that_goes_is_forgotten(void **state)
{
    igmp(0x16, group4, NULL);
    passed(2);
    passed(3);
    must_work("bridge br1 no port 2");
    assert_int_equal(reached(0, GROUP_MAC, 1), 1 << 3);
    lan[3]->link_up = false;
    seconds_pass(1);
    assert_int_equal(reached(0, GROUP_MAC, 2) & ~(1u << 1), 0);
    must_work("bridge br1 snooping off");
    assert_int_equal(reached(0, GROUP_MAC, 3), 1 << 1);
    must_not_show("show config", "snooping");
    must_work("bridge br1 snooping on");
    must_show("show config", "bridge br1 snooping on\n");
    must_work("bridge delete br1");
}

/* A flood of reports fills no more than its table. */
static void there_are_so_many(void **state)
{
    for (unsigned i = 0; i < SNOOP_GROUPS_MAX + 100; i++) {
        const uint8_t group[4] = { 239, 7, (uint8_t)(i >> 8), (uint8_t)i };
        igmp(0x16, group, NULL);
        passed(2);
    }
    assert_int_equal(snoop_counts(br).groups, SNOOP_GROUPS_MAX);
    assert_int_equal(reached(0, 0x01005e070000ull + SNOOP_GROUPS_MAX + 50, 1), ALL_BUT_0);
    assert_int_equal(reached(0, 0x01005e070001ull, 2), 1 << 2);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up_snooping, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(who_reports_gets),
        test(who_leaves_gets_no_more),
        test(who_is_left_is_asked),
        test(silence_ends_it),
        test(version_three),
        test(routers_get_everything),
        test(link_local_groups_go_to_all),
        test(mld_of_both_versions),
        test(what_is_wrong),
        test(its_query_for_ipv6_is_whole),
        test(it_asks_where_nobody_does),
        test(each_vlan_has_its_own),
        test(a_port_that_goes_is_forgotten),
        test(there_are_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
