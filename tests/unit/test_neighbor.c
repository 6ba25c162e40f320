/* ARP and the neighbor table: RFC 826, RFC 1122 2.3.2, RFC 1812 3.3.2, RFC 5227. */
#include "apps/forward/interface.h"
#include "apps/ip/adjacency.h"
#include "apps/ip/fib.h"
#include "apps/ip/icmp.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench.h"

#include <stdio.h>
#include <string.h>

#define HOST_A IP(192, 0, 2, 10)
#define HOST_B IP(198, 51, 100, 20)
#define ROUTER_A IP(192, 0, 2, 1)
#define ROUTER_B IP(198, 51, 100, 1)
#define REQUEST 1u
#define REPLY 2u

static struct frame f, g;

static int set_up(void **state)
{
    bench_set_up(state);
    station_meet(0, 10, HOST_A);
    return 0;
}

static enum neighbor_state state_of(uint32_t address)
{
    return bench_neighbor_state(ip_from_v4(address));
}

static unsigned mac_last(uint32_t address)
{
    struct neighbor_info n;
    for (unsigned place = 0; neighbor_next(&place, &n);)
        if (ip_equal(n.address, ip_from_v4(address)))
            return n.mac[5];
    return 0;
}

static unsigned kind_to(uint32_t address)
{
    return nexthop_at(fib_lookup(address))->kind;
}

static void send_to_b(uint8_t mark)
{
    frame_ipv4(&f, 0, 10, HOST_A, HOST_B, 100);
    f.bytes[ETHERNET_HEADER + 99] = mark;
    bench_send(0, &f);
}

/* Station n of wire 1 answers for HOST_B. */
static void answer_from(unsigned station)
{
    frame_arp(&f, 1, station, REPLY, HOST_B, ROUTER_B);
    memcpy(f.bytes, bench.port[1]->mac, MAC_LEN);
    bench_send(1, &f);
}

/* Resolution -------------------------------------------------------------- */

/* RFC 826: what a request looks like */
static void request_is_a_broadcast(void **state)
{
    send_to_b(0);
    assert_true(bench_take(1, &g));
    static const uint8_t begin[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    static const uint8_t fixed[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1 };
    assert_memory_equal(g.bytes, begin, 6);
    assert_memory_equal(g.bytes + 6, bench.port[1]->mac, MAC_LEN);
    assert_memory_equal(g.bytes + 12, fixed, sizeof fixed);
    assert_memory_equal(g.bytes + 22, bench.port[1]->mac, MAC_LEN);
    assert_int_equal(load_be32(g.bytes + 28), ROUTER_B);
    assert_int_equal(load_be32(g.bytes + 38), HOST_B);
    assert_int_equal(g.length, 60);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_INCOMPLETE);
}

/* RFC 1122 2.3.2.2: what came meanwhile is sent when the answer comes, in order */
static void frames_wait_for_the_answer(void **state)
{
    for (uint8_t i = 0; i < 5; i++)
        send_to_b(i);
    assert_int_equal(neighbor_held(), 5);
    assert_true(bench_is_conserved());
    assert_true(bench_take_arp(1, &g));
    assert_false(bench_take(1, &g)); /* 2.3.2.1: one request a second */
    answer_from(20);
    assert_int_equal(neighbor_held(), 0);
    for (uint8_t i = 0; i < 5; i++) {
        assert_true(bench_take(1, &g));
        assert_int_equal(g.bytes[5], 20);
        assert_int_equal(g.bytes[ETHERNET_HEADER + 99], i);
        assert_int_equal(frame_ip(&g)[IPV4_TTL], 63);
    }
    assert_int_equal(state_of(HOST_B), NEIGHBOR_REACHABLE);
    assert_int_equal(kind_to(HOST_B), NEXTHOP_VIA);
    assert_int_equal(bench_all_drops(), 0);
}

/* RFC 1122 2.3.2.2: the latest are kept */
static void full_queue_drops_the_oldest(void **state)
{
    for (uint8_t i = 0; i < NEIGHBOR_QUEUE_MAX + 3; i++)
        send_to_b(i);
    assert_int_equal(neighbor_held(), NEIGHBOR_QUEUE_MAX);
    assert_int_equal(bench_drops(0, DROP_neighbor_queue), 3);
    answer_from(20);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(g.bytes[ETHERNET_HEADER + 99], 3);
}

/* Not more than a quarter of the packets there are. */
static void all_queues_together_are_bounded(void **state)
{
    for (unsigned i = 0; i < 2000; i++) {
        frame_ipv4(&f, 0, 10, HOST_A, IP(198, 51, 100, 2 + i % 250), 100);
        bench_send(0, &f);
        assert_in_range(neighbor_held(), 1, BENCH_PACKETS / 4);
    }
    assert_int_equal(neighbor_held(), BENCH_PACKETS / 4);
    assert_true(bench_is_conserved());
    assert_int_equal(bench_drops(0, DROP_neighbor_queue), 2000 - BENCH_PACKETS / 4);
}

/* RFC 1122 2.3.2.1 (a second apart), RFC 1812 3.3.2, 4.3.3.1: three requests,
 * then and only then unreachable, every frame that waited */
static void silence_makes_the_host_unreachable(void **state)
{
    send_to_b(0);
    send_to_b(1);
    bench_run_ms(2900);
    unsigned asked = 0, told = 0;
    while (bench_take_arp(1, &g))
        asked++;
    assert_int_equal(asked, NEIGHBOR_TRIES);
    assert_int_equal(bench_drops(0, DROP_host_unreachable), 0);
    assert_false(bench_take_ipv4(0, &g));
    bench_run_ms(200);
    assert_int_equal(bench_drops(0, DROP_host_unreachable), 2);
    while (bench_take_ipv4(0, &g)) {
        told++;
        assert_int_equal(frame_ip(&g)[20], ICMP_UNREACHABLE);
        assert_int_equal(frame_ip(&g)[21], ICMP_HOST_UNREACHABLE);
        assert_int_equal(load_be32(frame_ip(&g) + IPV4_SOURCE), ROUTER_A);
    }
    assert_int_equal(told, 2);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_FAILED);
}

static void failed_neighbor_is_refused_at_once_and_asked_again_later(void **state)
{
    send_to_b(0);
    bench_run_ms(3100);
    bench_is_quiet();
    send_to_b(1);
    assert_int_equal(bench_drops(0, DROP_host_unreachable), 2);
    assert_true(bench_take_ipv4(0, &g));
    assert_false(bench_take(1, &g));
    bench_run_ms(NEIGHBOR_FAILED_US / US_PER_MS + 50);
    send_to_b(2);
    assert_true(bench_take_arp(1, &g));
    answer_from(20);
    assert_true(bench_take_ipv4(1, &g));
}

/* A gateway is asked for, not the destination behind it. */
static void gateway_is_resolved_for_a_route(void **state)
{
    bench_command("route add 10.0.0.0/8 via 198.51.100.20");
    assert_int_equal(state_of(HOST_B), NEIGHBOR_IDLE);
    frame_ipv4(&f, 0, 10, HOST_A, IP(10, 9, 8, 7), 100);
    bench_send(0, &f);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(load_be32(g.bytes + 38), HOST_B);
    answer_from(20);
    assert_true(bench_take(1, &g));
    assert_int_equal(load_be32(frame_ip(&g) + IPV4_DESTINATION), IP(10, 9, 8, 7));
    bench_command("route delete 10.0.0.0/8");
    assert_int_equal(state_of(HOST_B), NEIGHBOR_REACHABLE);
}

static void silent_gateway_is_unreachable_and_kept(void **state)
{
    bench_command("route add 10.0.0.0/8 via 198.51.100.20");
    frame_ipv4(&f, 0, 10, HOST_A, IP(10, 9, 8, 7), 100);
    bench_send(0, &f);
    bench_run_ms(3100);
    assert_int_equal(bench_drops(0, DROP_host_unreachable), 1);
    bench_run_ms(4000);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_IDLE);
    assert_int_equal(fib_lookup(IP(10, 9, 8, 7)), fib_lookup(IP(10, 0, 0, 1)));
}

/* Ageing ------------------------------------------------------------------ */

/* RFC 1122 2.3.2.1 (2): unicast poll; traffic goes on meanwhile */
static void used_neighbor_is_probed_and_confirmed(void **state)
{
    station_meet(1, 20, HOST_B);
    bench_run_ms(NEIGHBOR_REACHABLE_US / US_PER_MS + 100);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_STALE);
    bench_is_quiet();
    bench_run_ms(1000);
    assert_true(bench_is_quiet()); /* unused: nobody asks */
    send_to_b(0);
    assert_true(bench_take_ipv4(1, &g));
    bench_run_ms(50);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_PROBE);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(g.bytes[5], 20); /* by unicast */
    answer_from(20);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_REACHABLE);
}

/* First by unicast, then by broadcast: who answers only the latter is not given up. */
static void probe_without_answer_ends_the_entry(void **state)
{
    station_meet(1, 20, HOST_B);
    bench_run_ms(NEIGHBOR_REACHABLE_US / US_PER_MS + 100);
    send_to_b(0);
    bench_run_ms(5800);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_PROBE);
    bench_run_ms(400);
    unsigned probes = 0;
    for (; bench_take_arp(1, &g); probes++)
        assert_int_equal(g.bytes[0], probes < NEIGHBOR_TRIES ? 2 : 0xff);
    assert_int_equal(probes, 2 * NEIGHBOR_TRIES);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_FREE);
    assert_int_equal(kind_to(HOST_B), NEXTHOP_CONNECTED);
    send_to_b(1);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(g.bytes[0], 0xff);
}

/* Until the last try it is usable, and its own word is as good as an answer. */
static void neighbor_being_confirmed_stays_usable(void **state)
{
    station_meet(1, 20, HOST_B);
    bench_run_ms(NEIGHBOR_REACHABLE_US / US_PER_MS + 100);
    for (unsigned second = 0; second < 5; second++) {
        send_to_b((uint8_t)second);
        assert_true(bench_take_ipv4(1, &g));
        assert_int_equal(g.bytes[5], 20);
        bench_run_ms(1000);
    }
    assert_int_equal(state_of(HOST_B), NEIGHBOR_PROBE);
    frame_arp(&f, 1, 20, REQUEST, HOST_B, IP(198, 51, 100, 77)); /* it asks for somebody else */
    bench_send(1, &f);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_REACHABLE);
    assert_int_equal(bench_all_drops(), 0);
}

static void unused_neighbor_is_forgotten(void **state)
{
    station_meet(1, 20, HOST_B);
    host_advance_us(NEIGHBOR_UNUSED_US - US_PER_S);
    bench_run_ms(100);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_STALE);
    host_advance_us(2 * US_PER_S);
    bench_run_ms(100);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_FREE);
}

/* What is learned --------------------------------------------------------- */

/* RFC 826: the target learns the sender before it answers */
static void request_for_us_is_answered_and_learned(void **state)
{
    frame_arp(&f, 1, 20, REQUEST, HOST_B, ROUTER_B);
    bench_send(1, &f);
    assert_true(bench_take(1, &g));
    uint8_t mac[MAC_LEN];
    station_mac(1, 20, mac);
    assert_memory_equal(g.bytes, mac, MAC_LEN);
    assert_int_equal(g.bytes[21], REPLY);
    assert_memory_equal(g.bytes + 22, bench.port[1]->mac, MAC_LEN);
    assert_int_equal(load_be32(g.bytes + 28), ROUTER_B);
    assert_memory_equal(g.bytes + 32, mac, MAC_LEN);
    assert_int_equal(load_be32(g.bytes + 38), HOST_B);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_REACHABLE);
}

/* RFC 826: who was not asked learns nothing new, and no proxy answers
 * (RFC 1812 3.3.2: proxy ARP is optional) */
static void request_for_others_is_not_answered_nor_learned(void **state)
{
    static const uint32_t others[] = { IP(198, 51, 100, 99), ROUTER_A, IP(10, 0, 0, 1) };
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        frame_arp(&f, 1, 20, REQUEST, HOST_B, others[i]);
        bench_send(1, &f);
        assert_true(bench_is_quiet());
        assert_int_equal(state_of(HOST_B), NEIGHBOR_FREE);
    }
    assert_int_equal(bench_all_drops(), 0);
}

/* RFC 826 merge flag: a known pair follows the sender, whoever was asked */
static void known_neighbor_that_moves_is_followed(void **state)
{
    station_meet(1, 20, HOST_B);
    frame_arp(&f, 1, 21, REQUEST, HOST_B, HOST_B); /* gratuitous */
    bench_send(1, &f);
    assert_int_equal(mac_last(HOST_B), 21);
    send_to_b(0);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(g.bytes[5], 21);
}

/* RFC 5227 2.1.1: a probe has no sender address */
static void probe_is_answered_not_learned(void **state)
{
    frame_arp(&f, 1, 20, REQUEST, 0, ROUTER_B);
    bench_send(1, &f);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(load_be32(g.bytes + 38), 0);
    assert_int_equal(state_of(0), NEIGHBOR_FREE);
}

/* RFC 5227 2.4 (b) */
static void our_address_is_defended_but_not_for_ever(void **state)
{
    frame_arp(&f, 1, 66, REQUEST, ROUTER_B, HOST_B);
    bench_send(1, &f);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(load_be32(g.bytes + 28), ROUTER_B);
    assert_int_equal(g.bytes[0], 0xff);
    assert_true(host_log_contains("02:00:00:00:01:42 uses our address 198.51.100.1"));
    bench_send(1, &f);
    assert_true(bench_is_quiet());
    host_advance_us(10 * US_PER_S);
    bench_send(1, &f);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(state_of(ROUTER_B), NEIGHBOR_FREE);
}

/* Two ports on one LAN, as a PF and its VFs are: each hears what the other announces. */
static void our_own_word_from_another_port_is_no_conflict(void **state)
{
    frame_arp(&f, 1, 66, REQUEST, ROUTER_B, HOST_B);
    memcpy(f.bytes + 6, bench.port[1]->mac, MAC_LEN);
    memcpy(f.bytes + 22, bench.port[1]->mac, MAC_LEN);
    bench_send(0, &f);
    assert_true(bench_is_quiet());
    assert_false(host_log_contains("uses our address"));
    assert_int_equal(state_of(ROUTER_B), NEIGHBOR_FREE);
    f.bytes[27] ^= 1; /* somebody else, though */
    bench_send(0, &f);
    assert_true(host_log_contains("uses our address 198.51.100.1"));
}

/* Every field that RFC 826 lets a receiver check, and senders that cannot be */
static void malformed_and_foreign_arp_is_dropped(void **state)
{
    static const struct {
        uint8_t at, value;
    } bad[] = {
        { 15, 6 },                  /* hardware type */
        { 16, 0x86 },               /* protocol type */
        { 18, 8 },                  /* hardware address length */
        { 19, 16 },                 /* protocol address length */
        { 21, 3 },                  /* RARP */
        { 21, 0 },    { 22, 0x03 }, /* group sender */
        { 28, 10 },                 /* sender on no prefix of ours */
        { 30, 0 },                  /* on another port's prefix: 192.0.2.x */
        { 31, 255 },                /* the broadcast address */
        { 31, 0 },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        frame_arp(&f, 1, 20, REQUEST, HOST_B, ROUTER_B);
        f.bytes[bad[i].at] = bad[i].value;
        if (bad[i].at == 30)
            store_be32(f.bytes + 28, IP(192, 0, 2, 77));
        bench_send(1, &f);
        assert_int_equal(bench_drops(1, DROP_arp_invalid), i + 1);
        assert_true(bench_is_quiet());
    }
    frame_arp(&f, 1, 20, REQUEST, HOST_B, ROUTER_B);
    memset(f.bytes + 22, 0, MAC_LEN);
    bench_send(1, &f);
    frame_arp(&f, 1, 20, REQUEST, HOST_B, ROUTER_B);
    f.length = 41;
    bench_send(1, &f);
    assert_int_equal(bench_drops(1, DROP_arp_invalid), ARRAY_SIZE(bad) + 2);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_FREE);
}

/* Floods: the table stays bounded and the static entry stays in it. */
static void flood_of_claims_is_bounded(void **state)
{
    bench_command("port 4 address 10.8.0.1/13");
    uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 9, 9 };
    for (unsigned i = 2; i < 102; i++) /* more than eviction looks at in one go */
        assert_int_equal(
            neighbor_add_static(ip_from_v4(IP(10, 8, 0, i)), mac, interface_of_port(bench.port[2])),
            0);
    for (unsigned i = 0; i < NEIGHBORS_MAX + 500; i++) {
        frame_arp(&f, 2, 30, REQUEST, IP(10, 9, 1, 0) + i, IP(10, 8, 0, 1));
        bench_send(2, &f);
        bench_take(2, &g);
    }
    struct neighbor_info n;
    unsigned count = 0;
    for (unsigned place = 0; neighbor_next(&place, &n);)
        count++;
    assert_in_range(count, NEIGHBORS_MAX - 64, NEIGHBORS_MAX);
    for (unsigned i = 2; i < 102; i++)
        assert_int_equal(state_of(IP(10, 8, 0, i)), NEIGHBOR_STATIC);
}

/* Who asks for us is there, as far as we know; but nobody sends to thousands of them, and so they
 * give way before those that frames go to. */
static void who_is_in_use_outlives_a_flood_of_claims(void **state)
{
    bench_command("port 4 address 10.8.0.1/13");
    for (unsigned k = 2; k < 132; k++) /* more than eviction looks at in one go */
        station_meet(2, k, IP(10, 8, 0, k));
    bench_is_quiet();
    for (unsigned i = 0; i < 2 * NEIGHBORS_MAX; i++) {
        if (i % 2048 == 0) {
            for (unsigned k = 2; k < 132; k++) {
                frame_ipv4(&f, 0, 10, HOST_A, IP(10, 8, 0, k), 60);
                bench_send(0, &f);
                assert_true(bench_take_ipv4(2, &g));
            }
            bench_run_ms(200); /* until all that is in use has been looked at */
        }
        frame_arp(&f, 2, 30, REQUEST, IP(10, 9, 1, 0) + i, IP(10, 8, 0, 1));
        bench_send(2, &f);
        bench_take(2, &g);
    }
    for (unsigned k = 2; k < 132; k++)
        assert_int_equal(state_of(IP(10, 8, 0, k)), NEIGHBOR_REACHABLE);
}

/* Where frames go to everybody in the table, somebody gives way all the same. */
static void a_table_in_use_takes_others_in(void **state)
{
    bench_command("port 4 address 10.8.0.1/13");
    for (unsigned i = 0; i < NEIGHBORS_MAX; i++) {
        station_meet(2, i & 255, IP(10, 9, 0, 1) + i);
        bench_take(2, &g);
        frame_ipv4(&f, 0, 10, HOST_A, IP(10, 9, 0, 1) + i, 60);
        bench_send(0, &f);
        bench_take(2, &g);
    }
    bench_run_ms(200);
    send_to_b(0);
    unsigned tries = 1;
    for (; !bench_take_arp(1, &g) && tries < 2 * NEIGHBORS_MAX / 64; tries++)
        send_to_b(0);
    assert_in_range(tries, 2, 2 * NEIGHBORS_MAX / 64 - 1);
    answer_from(20);
    send_to_b(7);
    assert_true(bench_take_ipv4(1, &g));
    bench_command("route add 20.0.0.0/8 via 203.0.113.77"); /* who is named has a place at once */
}

static uint64_t told_refused(void)
{
    unsigned long long times = 0;
    const char *line = strstr(bench_output("show neighbors"), " times no room\n");
    assert_non_null(line);
    while (line[-1] != ' ')
        line--;
    assert_int_equal(sscanf(line, "%llu", &times), 1);
    return times;
}

/* Without memory for more entries they make room for each other; where none can, it is counted. */
static void claims_without_memory_for_them_are_bounded(void **state)
{
    bench_command("port 4 address 10.8.0.1/13");
    host_set_table_room(0);
    for (unsigned i = 0; i < 1000; i++) {
        frame_arp(&f, 2, 30, REQUEST, IP(10, 9, 1, 0) + i, IP(10, 8, 0, 1));
        bench_send(2, &f);
        assert_true(bench_take(2, &g)); /* answered all the same */
    }
    assert_int_equal(state_of(IP(10, 9, 1, 0) + 999), NEIGHBOR_REACHABLE);
    assert_int_equal(told_refused(), 0);
    struct neighbor_info n;
    unsigned count = 0;
    for (unsigned place = 0; neighbor_next(&place, &n);)
        count++;
    assert_in_range(count, 128, SLOTS_CHUNK);
    send_to_b(1); /* and others are asked for and found */
    answer_from(20);
    assert_true(bench_take_ipv4(1, &g));
}

static void neighbors_that_there_is_no_room_for_are_counted(void **state)
{
    uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 9, 9 };
    bench_command("port 4 address 10.8.0.1/13");
    host_set_table_room(0);
    unsigned made = 0;
    while (!neighbor_add_static(ip_from_v4(IP(10, 8, 0, 2) + made), mac,
                                interface_of_port(bench.port[2])))
        made++;
    assert_in_range(made, 1, 256);
    assert_int_equal(told_refused(), 1);
    bench_command_fails("neighbor add 10.9.0.1 02:00:00:00:09:09 port 4",
                        "no memory for another neighbor");
    bench_command_fails("route add 20.0.0.0/8 via 10.9.0.1", "no memory for another route");
    assert_int_equal(told_refused(), 2);
    assert_int_equal(state_of(IP(10, 8, 0, 2)), NEIGHBOR_STATIC);
    host_set_table_room(SIZE_MAX);
    bench_command("neighbor add 10.9.0.1 02:00:00:00:09:09 port 4");
}

/* A scan of a large prefix: requests are limited, the table bounded, and a
 * host that is there is still found. */
static void scan_of_a_prefix_is_bounded(void **state)
{
    bench_command("port 4 address 10.8.0.1/13");
    unsigned asked = 0;
    for (unsigned i = 0; i < 3000; i++) {
        frame_ipv4(&f, 0, 10, HOST_A, IP(10, 9, 0, 0) + 2 * i + 1, 100);
        for (unsigned k = 0; k < 2;
             k++, store_be32(frame_ip(&f) + IPV4_DESTINATION, 0x0a0a0000 + i))
            frame_seal(&f), bench_send(0, &f);
        while (bench_take(2, &g))
            asked++;
        bench_take(0, &g);
    }
    /* six seconds, at two new hosts a millisecond */
    assert_in_range(asked, 1000, 3 * (6 * NEIGHBOR_RESOLVE_RATE + NEIGHBOR_RESOLVE_BURST));
    bench_run_ms(10);
    send_to_b(0);
    answer_from(20);
    assert_true(bench_take_ipv4(1, &g));
}

/* What may not be asked for takes no place, and nothing is left when the scan is over. */
static void a_scan_leaves_nothing_behind(void **state)
{
    struct neighbor_info n;
    unsigned idle = 0, known = 0;
    bench_command("port 4 address 10.8.0.1/13");
    for (unsigned ms = 0; ms < 300; ms++) {
        for (unsigned k = 0; k < 20; k++) {
            struct packet *p = packet_alloc(&control_worker()->cache);
            frame_ipv4(&f, 0, 10, HOST_A, IP(10, 9, 0, 0) + 20 * ms + k, 60);
            memcpy(p->data, f.bytes, f.length);
            p->length = (uint16_t)f.length;
            p->frame_length = f.length;
            assert_int_equal(port_tx_burst(bench.far[0]->txq[0], &p, 1), 1);
        }
        bench_run_ms(1);
        while (!bench_is_quiet()) {
        }
    }
    assert_true(bench_drops(0, DROP_neighbor_queue) > 3000);
    for (unsigned place = 0; neighbor_next(&place, &n);)
        idle += n.state == NEIGHBOR_IDLE;
    assert_int_equal(idle, 0);
    for (unsigned i = 0; i < 2000; i++)
        station_meet(2, i & 255, IP(10, 11, 0, 0) + 1 + i);
    for (unsigned place = 0; neighbor_next(&place, &n);)
        known += n.interface == interface_of_port(bench.port[2])->number &&
                 n.state == NEIGHBOR_REACHABLE;
    assert_int_equal(known, 2000);
}

/* By hand ----------------------------------------------------------------- */

static void static_neighbor_never_changes(void **state)
{
    bench_command("neighbor add 198.51.100.20 02:00:00:00:01:63 port 2");
    send_to_b(0);
    assert_true(bench_take(1, &g));
    assert_int_equal(g.bytes[5], 0x63);
    answer_from(20);
    host_advance_us(2 * NEIGHBOR_UNUSED_US);
    bench_run_ms(100);
    assert_int_equal(mac_last(HOST_B), 0x63);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_STATIC);
    bench_command("neighbor delete 198.51.100.20");
    assert_int_equal(state_of(HOST_B), NEIGHBOR_FREE);
    bench_command_fails("neighbor delete 198.51.100.20", "not in the table");
}

static void static_neighbor_frees_what_waits(void **state)
{
    send_to_b(0);
    bench_command("neighbor add 198.51.100.20 02:00:00:00:01:14 port 2");
    bench_run_ms(1);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(neighbor_held(), 0);
}

static void static_neighbor_comes_and_goes_with_its_prefix(void **state)
{
    bench_command("neighbor add 198.51.100.20 02:00:00:00:01:14 port 2");
    bench_command("port 2 no address 198.51.100.1/24");
    assert_int_equal(fib_lookup(HOST_B), NEXTHOP_NONE);
    bench_command("port 2 address 198.51.100.1/24");
    bench_is_quiet();
    send_to_b(0);
    assert_true(bench_take_ipv4(1, &g));
}

/* A connected prefix leaves with its link, and so does what is pinned in it: the next shorter
 * prefix leads on (RFC 1812 5.2.4.3), or nothing does, and the source is told. */
static void static_neighbor_comes_and_goes_with_its_link(void **state)
{
    bench_command("neighbor add 198.51.100.20 02:00:00:00:01:14 port 2");
    ring_port_set_link(bench.port[1], false);
    bench_run_ms(100);
    bench_is_quiet();
    send_to_b(0);
    assert_true(bench_take_ipv4(0, &g));
    assert_int_equal(frame_ip(&g)[20], ICMP_UNREACHABLE);
    assert_int_equal(bench_drops(0, DROP_no_route), 1);
    station_meet(2, 30, IP(203, 0, 113, 30));
    bench_command("route add 0.0.0.0/0 via 203.0.113.30");
    send_to_b(0);
    assert_true(bench_take_ipv4(2, &g));
    ring_port_set_link(bench.port[1], true);
    bench_run_ms(100);
    bench_is_quiet();
    send_to_b(0);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(g.bytes[5], 0x14);
}

/* Its prefix is another port's now: nobody finds it by address and sends to the old port. */
static void static_neighbor_does_not_follow_a_prefix_that_moves(void **state)
{
    bench_command("neighbor add 198.51.100.77 02:00:00:00:00:77 port 2");
    bench_command("port 2 no address 198.51.100.1/24");
    assert_non_null(strstr(bench_output("show config"),
                           "# not in use: neighbor add 198.51.100.77 02:00:00:00:00:77 port 2"));
    bench_command("port 4 address 198.51.100.1/24");
    assert_true(host_log_contains("neighbor 198.51.100.77: removed"));
    assert_int_equal(state_of(IP(198, 51, 100, 77)), NEIGHBOR_FREE);
    bench_command("route add 10.0.0.0/8 via 198.51.100.77");
    bench_command("neighbor add 198.51.100.77 02:00:00:00:00:77 port 4");
    frame_ipv4(&f, 0, 10, HOST_A, IP(10, 1, 2, 3), 100);
    bench_send(0, &f);
    assert_true(bench_take_ipv4(2, &g));
    assert_int_equal(g.bytes[5], 0x77);
    assert_false(bench_take_ipv4(1, &g));
}

/* A longer route is the operator's word; an ARP frame is anybody's. */
static void a_longer_route_outdoes_a_neighbor(void **state)
{
    const uint32_t there = IP(192, 0, 2, 200);
    station_meet(1, 20, HOST_B);
    station_meet(2, 30, IP(203, 0, 113, 30));
    bench_command("route add 192.0.2.128/25 via 198.51.100.20");
    station_meet(0, 66, there);
    frame_ipv4(&f, 2, 30, IP(203, 0, 113, 30), there, 100);
    bench_send(2, &f);
    assert_true(bench_take_ipv4(1, &g));
    assert_false(bench_take_ipv4(0, &g));
    bench_command("route delete 192.0.2.128/25");
    bench_send(2, &f);
    assert_true(bench_take_ipv4(0, &g));
    assert_int_equal(g.bytes[5], 66);
    bench_command("route add 192.0.2.128/25 via 198.51.100.20");
    bench_send(2, &f);
    assert_true(bench_take_ipv4(1, &g));
    bench_command("port 2 no address 198.51.100.1/24"); /* the gateway's prefix goes */
    assert_non_null(
        strstr(bench_output("show config"), "# not in use: route add 192.0.2.128/25 via"));
    bench_send(2, &f);
    assert_true(bench_take_ipv4(0, &g));
    bench_command("port 2 address 198.51.100.1/24");
    station_meet(1, 20, HOST_B);
    bench_send(2, &f);
    assert_true(bench_take_ipv4(1, &g));
    assert_false(bench_take_ipv4(0, &g));
}

static void neighbor_commands_refuse_nonsense(void **state)
{
    bench_command_fails("neighbor add 10.0.0.1 02:00:00:00:00:01 port 0", "no host on port 0");
    bench_command_fails("neighbor add 198.51.100.20 02:00:00:00:00:01 port 0", "no host on port 0");
    bench_command_fails("neighbor add 192.0.2.255 02:00:00:00:00:01 port 0", "no host on port 0");
    bench_command_fails("neighbor add 192.0.2.1 02:00:00:00:00:01 port 0", "cannot be");
    bench_command_fails("neighbor add 192.0.2.9 03:00:00:00:00:01 port 0", "cannot be");
    bench_command_fails("neighbor add 192.0.2.9 00:00:00:00:00:00 port 0", "cannot be");
    bench_command_fails("neighbor add 2001:db8::9 02:00:00:00:00:01 port 0", "no host on port 0");
    bench_command_fails("neighbor delete 2001:db8::9", "not in the table");
    bench_command("neighbor add 192.0.2.9 02:00:00:00:00:09 port 0");
    bench_command_fails("neighbor add 192.0.2.9 02:00:00:00:00:08 port 0", "already");
}

static void link_down_forgets_what_was_learned(void **state)
{
    station_meet(1, 20, HOST_B);
    frame_ipv4(&f, 0, 10, HOST_A, IP(198, 51, 100, 77), 100);
    bench_send(0, &f);
    assert_int_equal(neighbor_held(), 1);
    ring_port_set_link(bench.port[1], false);
    bench_run_ms(2000);
    assert_int_equal(neighbor_held(), 0);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_FREE);
    assert_int_equal(bench_drops(0, DROP_host_unreachable), 1);
}

/* Back before anybody looked: who is there now is not known, and is told again. */
static void a_link_that_flaps_is_noticed(void **state)
{
    station_meet(1, 20, HOST_B);
    bench_run_ms(15);
    bench_is_quiet();
    forward_port_down(bench.port[1]);
    forward_port_up(bench.port[1]);
    bench_run_ms(30);
    assert_int_equal(state_of(HOST_B), NEIGHBOR_FREE);
    assert_true(bench_take_arp(1, &g));
}

/* In slices ---------------------------------------------------------------- */

#define MANY 4000u
#define MANY_NET IP(10, 1, 0, 0)

static void many_neighbors_make(void)
{
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 9, 9 };
    bench_command("bridge add b");
    bench_command("bridge b port 2");
    bench_command("interface b address 10.1.255.254/16");
    for (uint32_t i = 1; i <= MANY; i++)
        assert_int_equal(neighbor_add_static(ip_from_v4(MANY_NET + i), mac, interface_find("b")),
                         0);
    neighbor_slice_most = 0;
}

/* How many of them workers forward to. */
static unsigned many_usable(void)
{
    unsigned n = 0;
    for (uint32_t i = 1; i <= MANY; i++) {
        const struct nexthop *hop = nexthop_at(fib_lookup(MANY_NET + i));
        n += hop->kind == NEXTHOP_VIA && hop->adjacency->valid;
    }
    return n;
}

/* So many are looked at in the event itself, and as many in each slice after it, of which
 * bench_command() runs one. */
static void assert_follows_in_slices(unsigned from, unsigned to)
{
    unsigned slices = 0;
    assert_int_equal(many_usable() > from ? many_usable() - from : from - many_usable(),
                     2 * NEIGHBORS_PER_SLICE);
    for (; many_usable() != to; slices++) {
        assert_in_range(slices, 0, MANY);
        forward_turn();
    }
    assert_int_equal(slices, (MANY - 1) / NEIGHBORS_PER_SLICE - 1);
    assert_int_equal(neighbor_slice_most, NEIGHBORS_PER_SLICE);
}

static void all_neighbors_are_looked_at_in_slices(void **state)
{
    many_neighbors_make();
    assert_int_equal(many_usable(), MANY);
    bench_command("interface b no address 10.1.255.254/16");
    assert_follows_in_slices(MANY, 0);
    bench_command("interface b address 10.1.255.254/16");
    assert_follows_in_slices(0, MANY);
    bench_command("interface b down");
    assert_follows_in_slices(MANY, 0);
    bench_command("interface b up");
    assert_follows_in_slices(0, MANY);
    bench_command("interface b mac 02:00:00:00:00:55");
    for (unsigned i = 0; i < MANY / NEIGHBORS_PER_SLICE; i++)
        forward_turn();
    for (uint32_t i = 1; i <= MANY; i++) {
        const struct nexthop *hop = nexthop_at(fib_lookup(MANY_NET + i));
        assert_int_equal(hop->adjacency->header[11], 0x55);
    }
    assert_int_equal(neighbor_slice_most, NEIGHBORS_PER_SLICE);
}

/* Down and up again before the walk has come to them: what was learned is out of date all the
 * same. */
static void a_short_flap_is_noticed_by_all(void **state)
{
    struct interface *b;
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 9, 8 };
    many_neighbors_make();
    b = interface_find("b");
    neighbor_hear(control_worker(), b, ip_from_v4(MANY_NET + MANY + 1), mac,
                  NEIGHBOR_NEW | NEIGHBOR_OVERRIDE | NEIGHBOR_ALIVE | NEIGHBOR_CONFIRMED);
    for (unsigned i = 0; i < MANY / NEIGHBORS_PER_SLICE; i++)
        forward_turn();
    assert_int_equal(state_of(MANY_NET + MANY + 1), NEIGHBOR_REACHABLE);
    bench_command("interface b down");
    bench_command("interface b up");
    for (unsigned i = 0; i <= MANY / NEIGHBORS_PER_SLICE; i++)
        forward_turn();
    assert_int_equal(state_of(MANY_NET + MANY + 1), NEIGHBOR_FREE);
    assert_int_equal(many_usable(), MANY);
}

/* Nobody holds an interface that went, however many there were on it. */
static void an_interface_goes_when_all_have_let_go(void **state)
{
    many_neighbors_make();
    bench_command("bridge delete b");
    assert_int_equal(state_of(MANY_NET + 1), NEIGHBOR_FREE);
    assert_int_equal(state_of(MANY_NET + MANY), NEIGHBOR_FREE);
    assert_int_equal(neighbor_slice_most, NEIGHBORS_PER_SLICE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(claims_without_memory_for_them_are_bounded),
        TEST(neighbors_that_there_is_no_room_for_are_counted),
        TEST(request_is_a_broadcast),
        TEST(frames_wait_for_the_answer),
        TEST(full_queue_drops_the_oldest),
        TEST(all_queues_together_are_bounded),
        TEST(silence_makes_the_host_unreachable),
        TEST(failed_neighbor_is_refused_at_once_and_asked_again_later),
        TEST(gateway_is_resolved_for_a_route),
        TEST(silent_gateway_is_unreachable_and_kept),
        TEST(used_neighbor_is_probed_and_confirmed),
        TEST(probe_without_answer_ends_the_entry),
        TEST(neighbor_being_confirmed_stays_usable),
        TEST(unused_neighbor_is_forgotten),
        TEST(request_for_us_is_answered_and_learned),
        TEST(request_for_others_is_not_answered_nor_learned),
        TEST(known_neighbor_that_moves_is_followed),
        TEST(probe_is_answered_not_learned),
        TEST(our_address_is_defended_but_not_for_ever),
        TEST(our_own_word_from_another_port_is_no_conflict),
        TEST(malformed_and_foreign_arp_is_dropped),
        TEST(flood_of_claims_is_bounded),
        TEST(who_is_in_use_outlives_a_flood_of_claims),
        TEST(a_table_in_use_takes_others_in),
        TEST(scan_of_a_prefix_is_bounded),
        TEST(a_scan_leaves_nothing_behind),
        TEST(static_neighbor_does_not_follow_a_prefix_that_moves),
        TEST(a_longer_route_outdoes_a_neighbor),
        TEST(static_neighbor_never_changes),
        TEST(static_neighbor_frees_what_waits),
        TEST(static_neighbor_comes_and_goes_with_its_prefix),
        TEST(static_neighbor_comes_and_goes_with_its_link),
        TEST(neighbor_commands_refuse_nonsense),
        TEST(link_down_forgets_what_was_learned),
        TEST(a_link_that_flaps_is_noticed),
        TEST(all_neighbors_are_looked_at_in_slices),
        TEST(a_short_flap_is_noticed_by_all),
        TEST(an_interface_goes_when_all_have_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
