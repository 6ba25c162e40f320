/* apps/{io,mac,macswap,rxonly,txonly}.c: what testpmd's modes of those names do. */
#include "apps/ip/ipv4.h"
#include "apps/modes/test_frame.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <string.h>

#define A 0x020000000001ull
#define B 0x020000000002ull
#define PORTS 5u

static int start(void **state, const char *mode)
{
    lan_start(PORTS, mode);
    return 0;
}

static int start_io(void **state)
{
    return start(state, "io");
}

static int start_mac(void **state)
{
    return start(state, "mac");
}

static int start_macswap(void **state)
{
    return start(state, "macswap");
}

static int start_rxonly(void **state)
{
    return start(state, "rxonly");
}

static int start_txonly(void **state)
{
    return start(state, "txonly");
}

static int tear_down(void **state)
{
    lan_check_conservation();
    lan_stop();
    return 0;
}

/* Sends a frame of every length into `port` and checks what leaves by `out`:
 * the same, but for the addresses. */
static void check_addresses(unsigned port, unsigned out, const uint8_t addresses[2 * MAC_LEN])
{
    struct lan_frame frame;
    for (uint32_t length = FRAME_MIN; length <= 1518; length += 47) {
        lan_frame(&frame, A, B, length);
        frame.length = length;
        wire_put(lan[port], frame.bytes, length);
        lan_run();
        memcpy(frame.bytes, addresses, 2 * MAC_LEN);
        lan_receive(out);
        assert_int_equal(lan_last.length, length);
        assert_memory_equal(lan_last.bytes, frame.bytes, length);
        for (unsigned i = 0; i < PORTS; i++)
            assert_int_equal(wire_count(lan[i]), 0);
    }
}

/* contract.md: io and mac pair ports 0-1, 2-3, ... */
static void io_pairs_ports_and_changes_nothing(void **state)
{
    const uint8_t same[2 * MAC_LEN] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
    check_addresses(0, 1, same);
    check_addresses(1, 0, same);
    check_addresses(2, 3, same);
    check_addresses(3, 2, same);
}

static void a_port_without_a_partner_drops(void **state)
{
    lan_send(4, A, B, 1);
    lan_run();
    assert_int_equal(lan_drops(4, DROP_no_peer), 1);
}

/* Also what bridges must not pass: io is a wire. */
static void io_passes_reserved_addresses(void **state)
{
    lan_send(0, 0x0180c200000e, B, 1);
    lan_run();
    assert_int_equal(lan_receive(1), 1);
}

static void mac_writes_the_next_link_s_addresses(void **state)
{
    uint8_t addresses[2 * MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
    memcpy(addresses + MAC_LEN, lan[1]->port.mac, MAC_LEN);
    check_addresses(0, 1, addresses);
    addresses[5] = 2;
    memcpy(addresses + MAC_LEN, lan[2]->port.mac, MAC_LEN);
    check_addresses(3, 2, addresses);
}

static void macswap_exchanges_and_uses_the_partner(void **state)
{
    const uint8_t swapped[2 * MAC_LEN] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
    check_addresses(0, 1, swapped);
}

static void modes_without_a_partner_drop_all(void **state)
{
    lan_send(4, A, B, 1);
    lan_run();
    assert_int_equal(lan_drops(4, DROP_no_peer), 1);
}

static void rxonly_consumes(void **state)
{
    struct port_totals t;
    for (uint32_t i = 0; i < 100; i++)
        lan_send(0, A, B, i);
    lan_run();
    stats_port_totals(&lan[0]->port, &t);
    assert_int_equal(t.rx_packets, 100);
    assert_int_equal(t.counters.consumed, 100);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(wire_count(lan[i]), 0);
}

/* RFC 791 3.1, RFC 768: anybody may look at these frames. */
static void check_test_frame(const struct port *port)
{
    const uint8_t *ip = lan_last.bytes + ETHERNET_HEADER;
    uint8_t peer[MAC_LEN] = { 2, 0, 0, 0, 0, (uint8_t)port->number };
    assert_int_equal(lan_last.length, 60);
    assert_memory_equal(lan_last.bytes, peer, MAC_LEN);
    assert_memory_equal(lan_last.bytes + MAC_LEN, port->mac, MAC_LEN);
    assert_int_equal(load_be16(lan_last.bytes + 12), ETHERTYPE_IPV4);
    assert_true(ipv4_checksum_ok(ip, IPV4_HEADER_MIN));
    assert_int_equal(load_be16(ip + IPV4_TOTAL_LENGTH), 46);
    assert_int_equal(ip[IPV4_PROTOCOL], IPV4_PROTOCOL_UDP);
    assert_int_equal(load_be16(ip + IPV4_HEADER_MIN + 4), 26);
}

static void txonly_sends_valid_frames_out_of_every_port(void **state)
{
    forward_turn();
    for (unsigned i = 0; i < PORTS; i++) {
        assert_true(wire_count(lan[i]) >= PORT_BURST);
        lan_receive(i);
        check_test_frame(&lan[i]->port);
    }
}

static void txonly_counts_only_what_left(void **state)
{
    struct port_totals before, after;
    uint32_t sent = wire_count(lan[1]);
    stats_port_totals(&lan[1]->port, &before);
    lan[1]->room = 5;
    forward_turn();
    stats_port_totals(&lan[1]->port, &after);
    assert_int_equal(wire_count(lan[1]) - sent, 5);
    assert_int_equal(after.counters.originated - before.counters.originated, 5);
    assert_int_equal(after.tx_dropped, 0);
}

static void txonly_stops(void **state)
{
    forward_stop();
    uint32_t sent = wire_count(lan[0]);
    forward_turn();
    assert_int_equal(wire_count(lan[0]), sent);
}

static void txonly_consumes_what_comes_in(void **state)
{
    struct port_totals t;
    lan_send(0, A, B, 1);
    forward_turn();
    stats_port_totals(&lan[0]->port, &t);
    assert_int_equal(t.counters.consumed, 1);
}

#define WITH(set_up, test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(start_io, io_pairs_ports_and_changes_nothing),
        WITH(start_io, a_port_without_a_partner_drops),
        WITH(start_io, io_passes_reserved_addresses),
        WITH(start_mac, mac_writes_the_next_link_s_addresses),
        WITH(start_mac, modes_without_a_partner_drop_all),
        WITH(start_macswap, macswap_exchanges_and_uses_the_partner),
        WITH(start_macswap, modes_without_a_partner_drop_all),
        WITH(start_rxonly, rxonly_consumes),
        WITH(start_txonly, txonly_sends_valid_frames_out_of_every_port),
        WITH(start_txonly, txonly_counts_only_what_left),
        WITH(start_txonly, txonly_stops),
        WITH(start_txonly, txonly_consumes_what_comes_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
