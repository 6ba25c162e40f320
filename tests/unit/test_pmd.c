/* apps/modes: testpmd's modes that change frames, and its commands. */
#include "apps/ip/ipv4.h"
#include "apps/modes/layers.h"
#include "apps/modes/settings.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"
#include "tests/models/typed.h"

#include <stdio.h>
#include <string.h>

#define A 0x020000000001ull
#define B 0x020000000002ull
#define PORTS 4u
#define UDP_AT (ETHERNET_HEADER + IPV4_HEADER_MIN)

static int set_up(void **state)
{
    lan_start(PORTS, "io");
    return 0;
}

static int tear_down(void **state)
{
    lan_check_conservation();
    lan_stop();
    return 0;
}

static void frame_of(struct lan_frame *f, unsigned length, uint8_t protocol)
{
    lan_frame(f, A, B, 0);
    uint8_t *ip = f->bytes + ETHERNET_HEADER;
    memset(ip, 0, length);
    f->length = ETHERNET_HEADER + length;
    store_be16(f->bytes + ETHERNET_TYPE, ETHERTYPE_IPV4);
    ip[0] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)length);
    ip[IPV4_TTL] = 9;
    ip[IPV4_PROTOCOL] = protocol;
    store_be32(ip + IPV4_SOURCE, 0x0a000001);
    store_be32(ip + IPV4_DESTINATION, 0x0a000002);
    ipv4_checksum_set(ip);
    for (unsigned i = IPV4_HEADER_MIN; i < length; i++)
        ip[i] = (uint8_t)(i * 7);
}

static void put(unsigned port, const struct lan_frame *f)
{
    wire_put(lan[port], f->bytes, f->length);
    lan_run();
}

static struct lan_frame *get(unsigned port)
{
    lan_receive(port);
    return &lan_last;
}

static uint16_t sum_of(const uint8_t *ip, unsigned l4_length, uint8_t protocol)
{
    uint8_t pseudo[4] = { 0, protocol, (uint8_t)(l4_length >> 8), (uint8_t)l4_length };
    uint64_t sum = checksum_add(0, pseudo, 4);
    sum = checksum_add(sum, ip + IPV4_SOURCE, 8);
    return checksum_finish(checksum_add(sum, ip + IPV4_HEADER_MIN, l4_length));
}

/* testpmd's guide, "set fwd": source and destination of layers 2, 3 and 4. */
static void swap5_exchanges_all_three_layers(void **state)
{
    struct lan_frame f;
    typed_good("forward 5tswap");
    frame_of(&f, 100, LAYERS_UDP);
    put(0, &f);
    struct lan_frame *g = get(1);
    assert_int_equal(g->length, f.length);
    assert_memory_equal(g->bytes, f.bytes + 6, 6);
    assert_memory_equal(g->bytes + 6, f.bytes, 6);
    assert_int_equal(load_be32(g->bytes + 26), 0x0a000002);
    assert_int_equal(load_be32(g->bytes + 30), 0x0a000001);
    assert_memory_equal(g->bytes + UDP_AT, f.bytes + UDP_AT + 2, 2);
    assert_memory_equal(g->bytes + UDP_AT + 2, f.bytes + UDP_AT, 2);
    assert_memory_equal(g->bytes + UDP_AT + 4, f.bytes + UDP_AT + 4, 76);
    assert_true(ipv4_checksum_ok(g->bytes + ETHERNET_HEADER, IPV4_HEADER_MIN));
}

/* RFC 791 3.1: the rest of a datagram has no ports. */
static void swap5_leaves_a_fragments_data_alone(void **state)
{
    struct lan_frame f;
    typed_good("forward 5tswap");
    frame_of(&f, 60, LAYERS_UDP);
    store_be16(f.bytes + ETHERNET_HEADER + IPV4_FRAGMENT, 10);
    put(0, &f);
    assert_memory_equal(get(1)->bytes + UDP_AT, f.bytes + UDP_AT, 40);
}

static void swap5_takes_short_and_foreign_frames_as_macswap(void **state)
{
    struct lan_frame f;
    typed_good("forward 5tswap");
    for (unsigned length = 14; length < 60; length++) {
        frame_of(&f, 60, LAYERS_UDP);
        f.length = length;
        put(0, &f);
        assert_int_equal(get(1)->length, length);
        assert_memory_equal(lan_last.bytes, f.bytes + 6, 6);
    }
}

static void csum_makes_checksums_anew_and_counts_bad_ones(void **state)
{
    struct lan_frame f;
    typed_good("forward csum");
    for (unsigned i = 0; i < 2; i++) {
        uint8_t protocol = i ? LAYERS_TCP : LAYERS_UDP;
        frame_of(&f, 101, protocol);
        store_be16(f.bytes + ETHERNET_HEADER + IPV4_CHECKSUM, 0x1234);
        put(0, &f);
        get(1);
        assert_true(ipv4_checksum_ok(lan_last.bytes + ETHERNET_HEADER, IPV4_HEADER_MIN));
        assert_int_equal(sum_of(lan_last.bytes + ETHERNET_HEADER, 81, protocol), 0);
        assert_int_equal(lan_last.bytes[5], 1); /* as mode mac addresses frames */
        put(0, &lan_last);                      /* and what is right stays so, uncounted */
        lan_receive(1);
    }
    assert_non_null(
        strstr(typed("show fwd stats all"), "Bad-ipcsum: 2              Bad-l4csum: 2"));
    frame_of(&f, 60, LAYERS_UDP);
    memset(f.bytes + UDP_AT + 6, 0, 2); /* RFC 768: none */
    put(0, &f);
    assert_memory_equal(get(1)->bytes + UDP_AT, f.bytes + UDP_AT, 40);
}

static void icmpecho_answers_by_the_same_port(void **state)
{
    struct lan_frame f;
    struct port_totals t;
    typed_good("forward icmpecho");
    frame_of(&f, 64, LAYERS_ICMP);
    f.bytes[UDP_AT] = 8;
    put(2, &f);
    get(2);
    assert_int_equal(lan_last.length, f.length);
    assert_memory_equal(lan_last.bytes, f.bytes + 6, 6);
    assert_memory_equal(lan_last.bytes + 6, lan[2]->port.mac, 6);
    assert_int_equal(lan_last.bytes[UDP_AT], 0);
    assert_int_equal(checksum_finish(checksum_add(0, lan_last.bytes + UDP_AT, 44)), 0);
    assert_int_equal(load_be32(lan_last.bytes + 26), 0x0a000002);
    f.bytes[UDP_AT] = 0; /* an answer is no request */
    put(2, &f);
    assert_int_equal(wire_count(lan[2]), 0);
    stats_port_totals(&lan[2]->port, &t);
    assert_int_equal(t.counters.consumed, 1);
}

static void icmpecho_answers_arp_for_anybody(void **state)
{
    struct lan_frame f;
    const uint8_t arp[] = { 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 1 };
    typed_good("forward icmpecho");
    lan_frame(&f, LAN_BROADCAST, B, 0);
    store_be16(f.bytes + ETHERNET_TYPE, ETHERTYPE_ARP);
    memcpy(f.bytes + 14, arp, sizeof arp);
    store_be32(f.bytes + 38, 0x0a000002);
    put(0, &f);
    get(0);
    assert_int_equal(load_be16(lan_last.bytes + 20), 2);
    assert_memory_equal(lan_last.bytes + 22, lan[0]->port.mac, 6);
    assert_int_equal(load_be32(lan_last.bytes + 28), 0x0a000002);
    assert_memory_equal(lan_last.bytes + 32, f.bytes + 22, 10);
}

static void noisy_passes_frames_as_io(void **state)
{
    typed_fails("set noisy memory 3", "is no power of two, expected one");
    typed_good("set noisy memory 1 reads 10 writes 10 both 10");
    typed_good("forward noisy");
    lan_send(0, A, B, 77);
    lan_run();
    assert_int_equal(lan_receive(1), 77);
    typed_good("set noisy memory 0");
}

static void flowgen_makes_as_many_flows_as_it_is_told(void **state)
{
    bool seen[8] = { false };
    typed_good("set flowgen-flows 5");
    typed_good("forward flowgen");
    forward_turn();
    typed_good("stop");
    while (lan_receive(3) >= 0) {
        uint32_t flow = load_be32(lan_last.bytes + 30) - 0x0afd0000;
        assert_in_range(flow, 0, 4);
        seen[flow] = true;
        assert_true(ipv4_checksum_ok(lan_last.bytes + ETHERNET_HEADER, IPV4_HEADER_MIN));
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3] && seen[4]);
}

/* Lengths without FCS, as txonly's mbufs have them. */
static void txpkts_shapes_test_frames(void **state)
{
    typed_fails("set txpkts 41", "'41' is no frame");
    typed_fails("set txpkts 64,,1", "is no frame");
    typed_fails("set txpkts 60,1,1,1,1,1,1,1,1", "is no frame");
    typed_good("set txpkts 64,100,200");
    typed_good("forward txonly");
    forward_turn();
    assert_true(lan_receive(0) >= 0);
    assert_int_equal(lan_last.length, 364);
    assert_int_equal(load_be16(lan_last.bytes + 16), 350);
}

static void txrate_paces_frames(void **state)
{
    typed_good("set txrate 1000");
    typed_good("forward txonly");
    host_advance_us(1000000);
    forward_turn();
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0)
            continue;
    struct port_totals before, after;
    stats_port_totals(&lan[0]->port, &before);
    for (unsigned i = 0; i < 200; i++) {
        host_advance_us(500);
        forward_turn();
    }
    stats_port_totals(&lan[0]->port, &after);
    assert_in_range(after.tx_packets - before.tx_packets, 99, 102);
}

static void portlist_pairs_ports_in_its_order(void **state)
{
    typed_fails("set portlist 0,0", "is no list");
    typed_fails("set portlist 0,9", "there is no port 9, expected those of");
    typed_fails("set portlist 0,x", "is no list");
    typed_good("set portlist 0,2,3");
    lan_send(0, A, B, 1);
    lan_send(2, A, B, 2);
    lan_send(3, A, B, 3);
    lan_send(1, A, B, 4);
    lan_run();
    assert_int_equal(lan_receive(2), 1);
    assert_int_equal(lan_receive(0), 2);
    assert_int_equal(lan_drops(3, DROP_no_peer), 1); /* the odd one */
    assert_int_equal(lan_drops(1, DROP_no_peer), 1); /* not in the list */
    typed_good("set portlist all");
    lan_send(0, A, B, 5);
    lan_run();
    assert_int_equal(lan_receive(1), 5);
}

static void a_port_that_goes_leaves_the_list_with_its_partner(void **state)
{
    typed_good("port add ring number 6");
    typed_good("set portlist 0,6,1,2");
    typed_good("port delete 6");
    assert_non_null(strstr(typed("show config"), "set portlist 1,2\n"));
    lan_send(1, A, B, 1);
    lan_send(0, A, B, 2);
    lan_run();
    assert_int_equal(lan_receive(2), 1);
    assert_int_equal(lan_drops(0, DROP_no_peer), 1);
    typed_good("set portlist all");
}

static void eth_peer_is_who_mac_addresses(void **state)
{
    typed_good("set eth-peer 1 02:00:00:00:00:77");
    typed_good("forward mac");
    lan_send(0, A, B, 5);
    lan_run();
    lan_receive(1);
    assert_int_equal(lan_last.bytes[5], 0x77);
}

static void tags_come_off_and_on(void **state)
{
    struct lan_frame f;
    typed_good("vlan set strip on 0");
    typed_good("tx_vlan set 1 5");
    lan_frame(&f, A, B, 42);
    uint8_t tagged[64];
    memcpy(tagged, f.bytes, 12);
    memcpy(tagged + 12, (uint8_t[]){ 0x81, 0, 0, 9 }, 4);
    memcpy(tagged + 16, f.bytes + 12, 48);
    wire_put(lan[0], tagged, 64);
    lan_run();
    tagged[15] = 5;
    lan_receive(1);
    assert_int_equal(lan_last.length, 64);
    assert_memory_equal(lan_last.bytes, tagged, 64);
    typed_good("tx_vlan reset 1");
    tagged[15] = 9;
    wire_put(lan[0], tagged, 64);
    lan_run();
    lan_receive(1);
    assert_int_equal(lan_last.length, 60);
    assert_memory_equal(lan_last.bytes, f.bytes, 60);
    typed_good("vlan set strip off 0");
    wire_put(lan[0], tagged, 64);
    lan_run();
    lan_receive(1);
    assert_int_equal(lan_last.length, 64);
    typed_fails("tx_vlan set 1 4095", "out of range");
}

static void burst_is_the_most_that_is_taken_at_once(void **state)
{
    typed_fails("set burst 33", "'33' is out of range, expected 1 to 32");
    typed_fails("set burst 0", "out of range");
    typed_good("set burst 3");
    typed_good("forward io");
    unsigned bursts = lan[1]->bursts;
    for (uint32_t i = 0; i < 10; i++)
        lan_send(0, A, B, i);
    lan_run();
    assert_int_equal(lan[1]->bursts - bursts, 4); /* 3, 3, 3 and 1 */
    typed_good("set burst 32");
}

static void what_waits_stays_without_flush_rx(void **state)
{
    typed_good("set flush_rx off");
    typed_good("stop");
    lan_send(0, A, B, 8);
    forward_turn();
    typed_good("start");
    lan_run();
    assert_int_equal(lan_receive(1), 8);
    typed_good("set flush_rx on");
    typed_good("stop");
    lan_send(0, A, B, 9);
    forward_turn();
    assert_int_equal(lan_drops(0, DROP_stopped), 1);
}

static void tx_first_sends_so_many_bursts(void **state)
{
    typed_fails("start tx_first 0", "'0' is out of range");
    typed_good("set burst 10");
    typed_good("start tx_first 3");
    assert_int_equal(wire_count(lan[0]), 30);
    assert_int_equal(wire_count(lan[3]), 30);
    typed_good("set burst 32");
}

/* Since the start, whatever `clear stats` says, and by itself. */
static void forward_statistics_count_from_the_start(void **state)
{
    lan_send(0, A, B, 1);
    lan_run();
    typed_good("start");
    lan_send(0, A, B, 2);
    lan_send(0, A, B, 3);
    lan_run();
    typed_good("clear stats");
    const char *text = typed("show fwd stats all");
    assert_non_null(strstr(
        text, "\n  ---------------------- Forward statistics for port 0  ----------------------\n"
              "  RX-packets: 2              RX-dropped: 0             RX-total: 2\n"
              "  TX-packets: 0              TX-dropped: 0             TX-total: 0\n"
              "  ----------------------------------------------------------------------------\n"));
    assert_non_null(strstr(
        text, "\n  +++++++++++++++ Accumulated forward statistics for all ports+++++++++++++++\n"
              "  RX-packets: 2              RX-dropped: 0             RX-total: 2\n"
              "  TX-packets: 2              TX-dropped: 0             TX-total: 2\n"
              "  ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++\n"));
    lan[1]->room = 0;
    lan_send(0, A, B, 4);
    lan_run();
    assert_non_null(strstr(typed("stop"), "TX-packets: 2              TX-dropped: 1             "
                                          "TX-total: 3\n"));
    assert_string_equal(typed("stop"), "");
    typed_good("clear fwd stats all");
    assert_null(strstr(typed("show fwd stats all"), "RX-packets: 3"));
}

static void more_stations_than_the_device_has_room_for_are_all(void)
{
    static const uint8_t first[MAC_LEN] = { 2, 0, 0, 0, 0, 0x98 };
    const struct port_rx_mode *mode = &lan[1]->port.rx_mode;
    lan[1]->port.limits.unicast_max = 2;
    typed_good("mac_addr add 1 02:00:00:00:00:98");
    typed_good("mac_addr add 1 02:00:00:00:00:99");
    assert_true(mode->unicast_count == 2 && !mode->promiscuous);
    assert_memory_equal(mode->unicast[0], first, MAC_LEN);
    typed_good("mac_addr add 1 02:00:00:00:00:9a");
    assert_true(mode->unicast_count == 0 && mode->promiscuous);
    typed_good("mac_addr remove 1 02:00:00:00:00:98");
    assert_true(mode->unicast_count == 2 && !mode->promiscuous);
    assert_int_equal(mode->unicast[0][5], 0x99);
    typed_good("mac_addr remove 1 02:00:00:00:00:99");
    typed_good("mac_addr remove 1 02:00:00:00:00:9a");
    assert_true(mode->unicast_count == 0 && !mode->promiscuous);
    lan[1]->port.limits.unicast_max = 0;
}

static void port_words_apply_to_one_or_all(void **state)
{
    typed_good("port stop all");
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(lan[i]->port.state, PORT_STOPPED);
    typed_good("port start 2");
    assert_int_equal(lan[2]->port.state, PORT_RUNNING);
    assert_int_equal(lan[0]->port.state, PORT_STOPPED);
    typed_good("port start all");
    typed_good("forward l3");
    typed_good("set allmulti all on");
    assert_true(lan[1]->port.rx_mode.all_multicast && !lan[1]->port.rx_mode.promiscuous);
    typed_good("mac_addr add 1 02:00:00:00:00:99");
    assert_true(lan[1]->port.rx_mode.promiscuous);
    typed_fails("mac_addr add 1 02:00:00:00:00:99", "has 02:00:00:00:00:99 already");
    typed_good("mac_addr remove 1 02:00:00:00:00:99");
    assert_false(lan[1]->port.rx_mode.promiscuous);
    typed_fails("mac_addr remove 1 02:00:00:00:00:99", "no address");
    typed_fails("mac_addr set 1 02:00:00:00:00:43", "mac is not changed: its device cannot");
    typed_fails("mac_addr set 1 03:00:00:00:00:43", "no station's address");
    more_stations_than_the_device_has_room_for_are_all();
    typed_good("set promisc all on");
    assert_true(lan[3]->port.rx_mode.promiscuous);
    typed_fails("port start 9", "expected PORTS 0 to 3 or all");
}

static void record_burst_stats_counts_by_size(void **state)
{
    typed_good("set record-burst-stats on");
    typed_good("start");
    for (uint32_t i = 0; i < 7; i++)
        lan_send(0, A, B, i);
    forward_turn();
    assert_non_null(
        strstr(typed("show fwd stats all"), "  TX-bursts : 1 [0% of 0 pkts + 100% of 7 pkts]\n"));
    typed_good("set record-burst-stats off");
    assert_null(strstr(typed("show fwd stats all"), "bursts"));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(swap5_exchanges_all_three_layers),
        WITH(swap5_leaves_a_fragments_data_alone),
        WITH(swap5_takes_short_and_foreign_frames_as_macswap),
        WITH(csum_makes_checksums_anew_and_counts_bad_ones),
        WITH(icmpecho_answers_by_the_same_port),
        WITH(icmpecho_answers_arp_for_anybody),
        WITH(noisy_passes_frames_as_io),
        WITH(flowgen_makes_as_many_flows_as_it_is_told),
        WITH(txpkts_shapes_test_frames),
        WITH(txrate_paces_frames),
        WITH(portlist_pairs_ports_in_its_order),
        WITH(a_port_that_goes_leaves_the_list_with_its_partner),
        WITH(eth_peer_is_who_mac_addresses),
        WITH(tags_come_off_and_on),
        WITH(burst_is_the_most_that_is_taken_at_once),
        WITH(what_waits_stays_without_flush_rx),
        WITH(tx_first_sends_so_many_bursts),
        WITH(forward_statistics_count_from_the_start),
        WITH(port_words_apply_to_one_or_all),
        WITH(record_burst_stats_counts_by_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
