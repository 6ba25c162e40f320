/* Mode l3, rule by rule: what is forwarded, and what is dropped in silence. */
#include "apps/forward/event.h"
#include "apps/ip/neighbor.h"
#include "tests/host/host.h"
#include "tests/models/router_bench.h"

#include <errno.h>
#include <stdio.h>

/* Forwarding -------------------------------------------------------------- */

/* RFC 1812 5.2.1.2, 5.3.1; RFC 1624: the frame changes in its MACs, TTL and
 * header checksum, and in nothing else. */
static void forwards_and_changes_nothing_else(void **state)
{
    from_a_to_b(1400);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_int_equal(g.length, f.length);
    uint8_t mac[MAC_LEN];
    station_mac(1, 20, mac);
    assert_memory_equal(g.bytes, mac, MAC_LEN);
    assert_memory_equal(g.bytes + MAC_LEN, bench.port[1]->mac, MAC_LEN);
    assert_int_equal(frame_ip(&g)[IPV4_TTL], 63);
    assert_true(ipv4_checksum_ok(frame_ip(&g), IPV4_HEADER_MIN));
    memcpy(g.bytes, f.bytes, 12);
    frame_ip(&g)[IPV4_TTL] = 64;
    frame_seal(&g);
    assert_memory_equal(g.bytes, f.bytes, f.length);
    assert_int_equal(bench_all_drops(), 0);
}

/* RFC 1624 3: the incremental checksum is right for every TTL and checksum. */
static void incremental_checksum_is_exact(void **state)
{
    uint8_t ip[IPV4_HEADER_MIN] = { 0x45 };
    for (uint32_t i = 0; i < 0x30000; i++) {
        store_be16(ip + IPV4_ID, (uint16_t)i);
        ip[IPV4_TTL] = (uint8_t)(1 + i / 255 % 255);
        ip[IPV4_PROTOCOL] = (uint8_t)i;
        ipv4_checksum_set(ip);
        ipv4_decrement_ttl(ip);
        assert_true(ipv4_checksum_ok(ip, IPV4_HEADER_MIN));
    }
}

/* What Ethernet padded is not the packet's: it is not forwarded beyond the
 * least frame, and does not count against the MTU. */
static void trailing_octets_are_cut(void **state)
{
    from_a_to_b(100);
    memset(f.bytes + f.length, 0xee, 300);
    f.length += 300;
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_int_equal(g.length, ETHERNET_HEADER + 100);
    from_a_to_b(28);
    f.length = 60;
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_int_equal(g.length, 60);
}

/* RFC 1812 5.2.4.3: the longest match; the default route where nothing else. */
static void longest_match_and_default_route(void **state)
{
    station_meet(2, 30, HOST_C);
    bench_command("route add 0.0.0.0/0 via 198.51.100.20");
    bench_command("route add 10.1.0.0/16 via 203.0.113.30");
    frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
    bench_send(0, &f);
    assert_true(bench_take(2, &g));
    frame_ipv4(&f, 0, 10, HOST_A, IP(10, 2, 0, 1), 100);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    bench_command("route delete 10.1.0.0/16");
    frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
}

/* RFC 1812 5.3.2, 5.3.3: precedence and TOS pass unchanged. */
static void type_of_service_passes(void **state)
{
    from_a_to_b(100);
    frame_ip(&f)[IPV4_TOS] = 0xb8;
    frame_seal(&f);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_int_equal(frame_ip(&g)[IPV4_TOS], 0xb8);
}

/* RFC 3021 2.1: both addresses of a /31 are hosts. */
static void both_ends_of_a_31_are_hosts(void **state)
{
    bench_command("port 4 address 10.9.9.0/31");
    station_meet(2, 31, HOST_C);
    frame_arp(&f, 2, 31, 1, IP(10, 9, 9, 1), IP(10, 9, 9, 0));
    bench_send(2, &f);
    bench_is_quiet();
    frame_ipv4(&f, 0, 10, HOST_A, IP(10, 9, 9, 1), 100);
    bench_send(0, &f);
    assert_true(bench_take(2, &g));
    frame_echo(&f, 0, 10, HOST_A, IP(10, 9, 9, 0), 100);
    bench_send(0, &f);
    assert_true(bench_take_ipv4(0, &g));
}

/* RFC 1812 5.2.2 ---------------------------------------------------------- */

static void shorter_than_a_header(void **state)
{
    from_a_to_b(100);
    f.length = ETHERNET_HEADER + 19;
    silently_dropped(DROP_ip_short);
}

static void shorter_than_it_says(void **state)
{
    from_a_to_b(100);
    f.length--;
    silently_dropped(DROP_ip_short);
}

static void total_length_below_header_length(void **state)
{
    from_a_to_b(100);
    store_be16(frame_ip(&f) + IPV4_TOTAL_LENGTH, 19);
    frame_seal(&f);
    silently_dropped(DROP_ip_short);
}

static void header_length_beyond_the_packet(void **state)
{
    from_a_to_b(40);
    frame_ip(&f)[IPV4_VERSION_IHL] = 0x4f;
    silently_dropped(DROP_ip_short);
}

static void version_is_not_4(void **state)
{
    from_a_to_b(100);
    frame_ip(&f)[IPV4_VERSION_IHL] = 0x65;
    frame_seal(&f);
    silently_dropped(DROP_ip_version);
}

static void header_length_below_5(void **state)
{
    from_a_to_b(100);
    frame_ip(&f)[IPV4_VERSION_IHL] = 0x44;
    frame_seal(&f);
    silently_dropped(DROP_ip_header_length);
}

/* A port's receive queue as one whose device says something of each checksum. */
static port_burst_fn *silent_burst;
static uint8_t device_says;

static uint16_t talking_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    n = silent_burst(queue, packets, n);
    for (uint16_t i = 0; i < n; i++)
        packets[i]->flags = device_says;
    return n;
}

static void device_talks(uint8_t flags)
{
    device_says = flags;
    if (!silent_burst)
        silent_burst = bench.port[0]->rxq[0]->burst;
    bench.port[0]->rxq[0]->burst = talking_burst;
}

/* packet.h: what the device found is not looked at again, whatever the header holds. */
static void checksum_verdict_of_the_device(void **state)
{
    from_a_to_b(100);
    device_talks(PACKET_IP_CHECKSUM_BAD);
    silently_dropped(DROP_ip_checksum);
    device_talks(PACKET_IP_CHECKSUM_GOOD | PACKET_IP_CHECKSUM_BAD);
    silently_dropped(DROP_ip_checksum);
    device_talks(PACKET_IP_CHECKSUM_GOOD);
    frame_ip(&f)[IPV4_CHECKSUM] ^= 0x10;
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    device_talks(0);
    silently_dropped(DROP_ip_checksum);
}

/* The other checks do not depend on what the device says. */
static void checksum_verdict_saves_nothing_else(void **state)
{
    device_talks(PACKET_IP_CHECKSUM_GOOD);
    from_a_to_b(100);
    frame_ip(&f)[IPV4_VERSION_IHL] = 0x44;
    silently_dropped(DROP_ip_header_length);
    from_a_to_b(100);
    store_be16(frame_ip(&f) + IPV4_TOTAL_LENGTH, 101);
    silently_dropped(DROP_ip_short);
}

/* Pieces and answers carry checksums of their own, right ones. */
static void checksum_verdict_does_not_travel(void **state)
{
    device_talks(PACKET_IP_CHECKSUM_GOOD);
    bench_set_mtu(1, 576);
    from_a_to_b(1000);
    bench_send(0, &f);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(bench_take(1, &g));
        assert_true(ipv4_checksum_ok(frame_ip(&g), IPV4_HEADER_MIN));
    }
    from_a_to_b(100);
    frame_ip(&f)[IPV4_TTL] = 1;
    frame_seal(&f);
    refused(DROP_ttl_expired, ICMP_TIME_EXCEEDED, ICMP_TTL_EXCEEDED);
}

static void checksum_is_wrong(void **state)
{
    from_a_to_b(100);
    frame_ip(&f)[IPV4_CHECKSUM] ^= 1;
    silently_dropped(DROP_ip_checksum);
}

/* Addresses --------------------------------------------------------------- */

/* RFC 1812 5.3.7, 4.2.2.11 */
static void martian_sources(void **state)
{
    static const uint32_t bad[] = {
        IP(0, 0, 0, 0),
        IP(0, 1, 2, 3),
        IP(127, 0, 0, 1),
        IP(224, 0, 0, 5),
        IP(239, 255, 255, 255),
        IP(240, 0, 0, 1),
        0xffffffff,
        IP(198, 51, 100, 255),
        IP(192, 0, 2, 255), /* directed broadcast */
        ROUTER_A,
        ROUTER_B,           /* we did not send it */
        IP(169, 254, 7, 7), /* RFC 3927 7 */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        frame_ipv4(&f, 0, 10, bad[i], HOST_B, 100);
        silently_dropped(DROP_martian_source);
    }
}

/* RFC 1812 5.3.7; RFC 3927 7, whatever the routes say */
static void martian_destinations(void **state)
{
    static const uint32_t bad[] = { IP(0, 0, 0, 0),   IP(0, 9, 9, 9),         IP(127, 0, 0, 1),
                                    IP(240, 0, 0, 1), IP(255, 255, 255, 254), IP(169, 254, 7, 7) };
    bench_command("route add 0.0.0.0/0 via 198.51.100.20");
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        frame_ipv4(&f, 0, 10, HOST_A, bad[i], 100);
        silently_dropped(DROP_martian_destination);
    }
}

/* RFC 1812 5.3.5.1 */
static void limited_broadcast_is_not_forwarded(void **state)
{
    bench_command("route add 0.0.0.0/0 via 198.51.100.20");
    frame_ipv4(&f, 0, 10, HOST_A, 0xffffffff, 100);
    memset(f.bytes, 0xff, MAC_LEN);
    silently_dropped(DROP_broadcast);
}

/* RFC 1812 5.3.5.2 with the default of RFC 2644; also the all-zeros form
 * (4.2.3.1), also our own link's. */
static void directed_broadcast_is_not_forwarded(void **state)
{
    static const uint32_t bad[] = { IP(198, 51, 100, 255), IP(198, 51, 100, 0), IP(192, 0, 2, 255),
                                    IP(192, 0, 2, 0) };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        frame_ipv4(&f, 0, 10, HOST_A, bad[i], 100);
        silently_dropped(DROP_broadcast);
        memset(f.bytes, 0xff, MAC_LEN);
        silently_dropped(DROP_broadcast);
    }
}

static void multicast_is_not_forwarded(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 0x01, 0x00, 0x5e, 0, 0, 5 };
    bench_command("route add 0.0.0.0/0 via 198.51.100.20");
    frame_ipv4(&f, 0, 10, HOST_A, IP(224, 0, 0, 5), 100);
    memcpy(f.bytes, mac, MAC_LEN);
    silently_dropped(DROP_multicast);
    frame_ipv4(&f, 0, 10, HOST_A, IP(239, 1, 1, 1), 100);
    frame_ip(&f)[IPV4_TTL] = 1; /* RFC 1812 5.3.1: no Time Exceeded */
    frame_seal(&f);
    silently_dropped(DROP_multicast);
}

/* RFC 1812 5.3.4: also when it is for us */
static void link_broadcast_of_a_unicast_packet(void **state)
{
    from_a_to_b(100);
    memset(f.bytes, 0xff, MAC_LEN);
    silently_dropped(DROP_link_broadcast);
    frame_echo(&f, 0, 10, HOST_A, ROUTER_A, 100);
    memset(f.bytes, 0xff, MAC_LEN);
    silently_dropped(DROP_link_broadcast);
    f.bytes[0] = 0x01; /* link-layer multicast */
    silently_dropped(DROP_link_broadcast);
}

static void frames_that_are_not_for_a_router(void **state)
{
    from_a_to_b(100);
    f.bytes[5] ^= 0x40;
    silently_dropped(DROP_not_for_us);
    from_a_to_b(100);
    f.bytes[MAC_LEN] |= 1;
    silently_dropped(DROP_group_source);
    from_a_to_b(100);
    store_be16(f.bytes + 12, 0x8100);
    silently_dropped(DROP_vlan);
    store_be16(f.bytes + 12, 0x88a8);
    silently_dropped(DROP_vlan);
    store_be16(f.bytes + 12, 0x86dd);
    silently_dropped(DROP_ipv6);
    store_be16(f.bytes + 12, 0x88cc);
    silently_dropped(DROP_ethertype);
    store_be16(f.bytes + 12, 46); /* IEEE 802.3 length */
    silently_dropped(DROP_ethertype);
}

/* IEEE 802.1Q 9.6: VID 0 is no VLAN, only a priority; in the frame, or taken off it. */
static void priority_tagged_frames_are_untagged_ones(void **state)
{
    static struct frame plain;
    from_a_to_b(100);
    plain = f;
    memmove(f.bytes + 16, plain.bytes + 12, plain.length - 12);
    store_be16(f.bytes + 12, 0x8100);
    store_be16(f.bytes + 14, 0xa000);
    f.length += 4;
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_int_equal(g.length, plain.length);
    assert_memory_equal(g.bytes + 34, plain.bytes + 34, plain.length - 34);
    store_be16(f.bytes + 14, 0xa001);
    silently_dropped(DROP_vlan);
    frame_arp(&f, 0, 10, 1, HOST_A, ROUTER_A);
    memmove(f.bytes + 16, f.bytes + 12, 48);
    store_be16(f.bytes + 12, 0x8100);
    store_be16(f.bytes + 14, 0xe000);
    f.length = 64;
    bench_send(0, &f);
    assert_true(bench_take_arp(0, &g));
    assert_int_equal(g.bytes[21], 2);
}

static void port_without_an_address(void **state)
{
    bench_command("port 0 no address 192.0.2.1/24");
    from_a_to_b(100);
    silently_dropped(DROP_no_address);
}

/* Interfaces that cannot be used ------------------------------------------ */

/* A route whose interface is dead is out of the forwarding table, and back with it: what lies
 * above it leads on meanwhile. */
static void routes_of_a_dead_interface_are_out_of_use(void **state)
{
    station_meet(2, 30, HOST_C);
    bench_command("route add 10.0.0.0/8 via 198.51.100.20");
    bench_command("route add 10.1.0.0/16 via 203.0.113.30");
    frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
    for (unsigned way = 0; way < 2; way++) { /* both ways in which it can be unusable */
        if (way)
            ring_port_set_link(bench.port[2], false), bench_run_ms(150);
        else
            bench_command("port 4 down");
        bench_is_quiet();
        bench_send(0, &f);
        assert_true(bench_take_ipv4(1, &g));
        assert_non_null(strstr(bench_output("show routes"),
                               "10.1.0.0/16         static     inactive, port 4 is down"));
        assert_non_null(strstr(bench_output("show routes"),
                               "203.0.113.0/24      connected  inactive, port 4 is down"));
        assert_non_null(strstr(bench_output("show route 10.1.2.3"), "via 198.51.100.20"));
        assert_non_null(
            strstr(bench_output("show config"), "\nroute add 10.1.0.0/16 via 203.0.113.30\n"));
        frame_ipv4(&f, 0, 10, HOST_A, HOST_C, 100); /* the connected prefix too */
        refused(DROP_no_route, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE);
        if (way)
            ring_port_set_link(bench.port[2], true), bench_run_ms(150);
        else
            bench_command("port 4 up");
        station_meet(2, 30, HOST_C);
        frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
        bench_send(0, &f);
        assert_true(bench_take_ipv4(2, &g));
        assert_false(bench_take_ipv4(1, &g));
    }
}

/* Who could not be asked while the link was down is asked as soon as it is up. */
static void a_neighbor_is_asked_anew_when_its_link_returns(void **state)
{
    bench_command("route add 10.0.0.0/8 via 198.51.100.20");
    frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
    bench_send(0, &f);
    ring_port_set_link(bench.port[1], false);
    for (unsigned i = 0; i < 31; i++) {
        bench_run_ms(100);
        bench_send(0, &f);
    }
    ring_port_set_link(bench.port[1], true);
    bench_run_ms(150);
    bench_is_quiet();
    bench_send(0, &f);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(load_be32(g.bytes + 38), HOST_B);
    frame_arp(&f, 1, 20, 2, HOST_B, ROUTER_B);
    bench_send(1, &f);
    assert_true(bench_take_ipv4(1, &g));
}

/* Whatever waits and came in by an interface that goes, or is for it, goes with it. */
static void an_interface_that_goes_takes_along_what_waits(void **state)
{
    static struct frame piece;
    bench_command("neighbor add 192.0.2.77 02:00:00:00:00:77 port 0");
    frame_ipv4(&f, 0, 10, HOST_A, IP(203, 0, 113, 99), 100);
    bench_send(0, &f);
    frame_echo(&piece, 0, 10, HOST_A, ROUTER_B, 20 + 64);
    store_be16(frame_ip(&piece) + IPV4_FRAGMENT, IPV4_FRAGMENT_MF);
    frame_seal(&piece);
    bench_send(0, &piece);
    assert_int_equal(forward_held(), 2);
    const struct event gone = { .kind = EVENT_INTERFACE_GONE,
                                .interface = interface_of_port(bench.port[0]) };
    gone.interface->gone = true;
    event_post(&gone); /* the port's counters stay, for the law */
    event_settle();
    assert_int_equal(forward_held(), 0);
    assert_non_null(strstr(bench_output("show neighbors"), "203.0.113.99"));
    assert_null(strstr(bench_output("show neighbors"), "192.0.2.77"));
    assert_null(strstr(bench_output("show routes"), "192.0.2."));
}

/* The mode ---------------------------------------------------------------- */

static void held_frames_are_dropped_when_the_mode_ends(void **state)
{
    frame_ipv4(&f, 0, 10, HOST_A, IP(203, 0, 113, 99), 100);
    bench_send(0, &f);
    assert_int_equal(neighbor_held(), 1);
    assert_true(bench_is_conserved());
    assert_int_equal(forward_set_mode(forward_find_mode("l2")), 0);
    assert_int_equal(neighbor_held(), 0);
    assert_int_equal(bench_drops(0, DROP_stopped), 1);
}

static void addresses_are_announced_when_the_link_comes(void **state)
{
    ring_port_set_link(bench.port[1], false);
    bench_run_ms(2000);
    bench_is_quiet();
    ring_port_set_link(bench.port[1], true);
    bench_run_ms(2000);
    assert_true(bench_take_arp(1, &g));
    assert_int_equal(load_be32(g.bytes + 28), ROUTER_B);
    assert_int_equal(load_be32(g.bytes + 38), ROUTER_B);
    assert_int_equal(g.bytes[0], 0xff);
}

static void new_mac_is_announced(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 2, 9, 9, 9, 9, 9 };
    assert_int_equal(port_set_mac(bench.port[0], mac), 0);
    bench_run_ms(150);
    assert_true(bench_take_arp(0, &g));
    assert_memory_equal(g.bytes + 22, mac, MAC_LEN);
}

static const struct port_ops *real_ops;

static int start_one_queue(struct port *port)
{
    return port->rx_queues > 1 ? -ENOMEM : real_ops->start(port);
}

/* A port that worked goes on working when it cannot have more queues. */
static void more_queues_than_there_is_memory_for(void **state)
{
    struct port *p = bench.port[0];
    struct port_ops ops = *p->ops;
    real_ops = p->ops;
    ops.start = start_one_queue;
    p->ops = &ops;
    p->limits.rx_queues_max = p->limits.tx_queues_max = 2;
    p->rxq[1] = p->rxq[0];
    p->txq[1] = p->txq[0];
    bench_command_fails("port 0 queues 2", "no memory");
    assert_int_equal(p->state, PORT_RUNNING);
    assert_int_equal(p->rx_queues, 1);
    assert_int_equal(p->tx_queues, 1);
    p->rxq[1] = p->txq[1] = NULL;
    p->limits.rx_queues_max = p->limits.tx_queues_max = 1;
    p->ops = real_ops;
}

/* Its last octet would be beyond what 16 bits count, and the offset wrap into the front. */
static void a_fragment_beyond_the_longest_datagram_is_not_cut(void **state)
{
    bench_set_mtu(1, 500);
    frame_ipv4(&f, 0, 10, HOST_A, HOST_B, 1400);
    store_be16(frame_ip(&f) + IPV4_FRAGMENT, 0x1ffe);
    frame_seal(&f);
    bench_send(0, &f);
    assert_false(bench_take_ipv4(1, &g));
    assert_int_equal(bench_drops(0, DROP_fragment), 1);
}

/* RFC 791 3.2: a fragment may come twice. */
static void a_fragment_that_comes_twice_spoils_nothing(void **state)
{
    static struct frame a, b;
    frame_echo(&a, 0, 10, HOST_A, IP(192, 0, 2, 1), 20 + 1000);
    b = a;
    store_be16(frame_ip(&a) + IPV4_TOTAL_LENGTH, 20 + 504);
    store_be16(frame_ip(&a) + IPV4_FRAGMENT, IPV4_FRAGMENT_MF);
    a.length = ETHERNET_HEADER + 20 + 504;
    frame_seal(&a);
    memmove(frame_ip(&b) + 20, frame_ip(&b) + 20 + 504, 1000 - 504);
    store_be16(frame_ip(&b) + IPV4_TOTAL_LENGTH, 20 + 496);
    store_be16(frame_ip(&b) + IPV4_FRAGMENT, 504 / 8);
    b.length = ETHERNET_HEADER + 20 + 496;
    frame_seal(&b);
    bench_send(0, &a);
    bench_send(0, &a);
    bench_send(0, &b);
    assert_true(bench_take_ipv4(0, &g));
    assert_int_equal(bench_drops(0, DROP_fragment), 1);
}

/* Five queues that fill the ring to the control task each turn leave ARP of the sixth its place. */
#define FLOODED 5u

static struct port *far[FLOODED + 1], *near[FLOODED + 1];

static void wire_add(unsigned i)
{
    char line[64];
    assert_int_equal(ring_port_pair_create(1024, &near[i], &far[i]), 0);
    assert_int_equal(forward_port_up(near[i]), 0);
    far[i]->rxq[0]->cache = far[i]->txq[0]->cache = &control_worker()->cache;
    assert_int_equal(port_start(far[i]), 0);
    far[i]->rx_queues = 0; /* the test reads it, the appliance does not */
    snprintf(line, sizeof line, "port %u address 10.%u.0.1/24", near[i]->number, i);
    bench_command(line);
}

static void put_on(unsigned i, const struct frame *frame)
{
    struct packet *p = packet_alloc(&control_worker()->cache);
    memcpy(p->data, frame->bytes, frame->length);
    p->length = (uint16_t)frame->length;
    p->frame_length = frame->length;
    assert_int_equal(port_tx_burst(far[i]->txq[0], &p, 1), 1);
}

/* What came out there; how much of it was ARP replies. */
static unsigned replies(unsigned i)
{
    struct packet *p;
    unsigned count = 0;
    while (port_rx_burst(far[i]->rxq[0], &p, 1)) {
        count += load_be16(p->data + 12) == 0x0806 && p->data[ETHERNET_HEADER + 7] == 2;
        packet_free(&control_worker()->cache, p);
    }
    return count;
}

static void wire_remove(unsigned i)
{
    char line[64];
    snprintf(line, sizeof line, "port %u no address 10.%u.0.1/24", near[i]->number, i);
    bench_command(line);
    forward_port_remove(near[i]);
    replies(i);
    forward_port_remove(far[i]);
    ring_port_destroy(near[i]);
    ring_port_destroy(far[i]);
}

static void arp_has_its_place_in_a_flood(void **state)
{
    static struct frame expired[FLOODED], ask;
    unsigned answered = 0;
    for (unsigned i = 0; i <= FLOODED; i++)
        wire_add(i);
    for (unsigned i = 0; i < FLOODED; i++) {
        frame_ipv4(&expired[i], 0, 10, HOST_A, HOST_B, 60);
        memcpy(expired[i].bytes, near[i]->mac, MAC_LEN);
        frame_ip(&expired[i])[IPV4_TTL] = 1;
        frame_seal(&expired[i]);
    }
    frame_arp(&ask, 2, 50, 1, IP(10, FLOODED, 0, 50), IP(10, FLOODED, 0, 1));
    for (unsigned turn = 0; turn < 1000; turn++) {
        for (unsigned i = 0; i < FLOODED; i++)
            for (unsigned k = 0; k < PORT_BURST; k++)
                put_on(i, &expired[i]);
        if (turn >= 500 && turn % 10 == 0)
            put_on(FLOODED, &ask);
        forward_turn();
        host_advance_us(250);
        for (unsigned i = 0; i <= FLOODED; i++)
            answered += replies(i);
    }
    bench_run_ms(40);
    assert_int_equal(answered, 50);
    for (unsigned i = 0; i <= FLOODED; i++)
        wire_remove(i);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(forwards_and_changes_nothing_else),
        TEST(incremental_checksum_is_exact),
        TEST(trailing_octets_are_cut),
        TEST(longest_match_and_default_route),
        TEST(type_of_service_passes),
        TEST(both_ends_of_a_31_are_hosts),
        TEST(shorter_than_a_header),
        TEST(shorter_than_it_says),
        TEST(total_length_below_header_length),
        TEST(header_length_beyond_the_packet),
        TEST(version_is_not_4),
        TEST(header_length_below_5),
        TEST(checksum_is_wrong),
        TEST(checksum_verdict_of_the_device),
        TEST(checksum_verdict_saves_nothing_else),
        TEST(checksum_verdict_does_not_travel),
        TEST(martian_sources),
        TEST(martian_destinations),
        TEST(limited_broadcast_is_not_forwarded),
        TEST(directed_broadcast_is_not_forwarded),
        TEST(multicast_is_not_forwarded),
        TEST(link_broadcast_of_a_unicast_packet),
        TEST(frames_that_are_not_for_a_router),
        TEST(priority_tagged_frames_are_untagged_ones),
        TEST(port_without_an_address),
        TEST(routes_of_a_dead_interface_are_out_of_use),
        TEST(a_neighbor_is_asked_anew_when_its_link_returns),
        TEST(an_interface_that_goes_takes_along_what_waits),
        TEST(more_queues_than_there_is_memory_for),
        TEST(a_fragment_beyond_the_longest_datagram_is_not_cut),
        TEST(a_fragment_that_comes_twice_spoils_nothing),
        TEST(arp_has_its_place_in_a_flood),
        TEST(held_frames_are_dropped_when_the_mode_ends),
        TEST(addresses_are_announced_when_the_link_comes),
        TEST(new_mac_is_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
