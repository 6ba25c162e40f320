/* apps/bridge: bridges by the rules of IEEE 802.1Q clause 8, and mode l2's own. */
#include "apps/bridge/bridge.h"
#include "apps/bridge/fdb.h"
#include "apps/ip/address.h"
#include "apps/ip/router.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define A 0x020000000001ull
#define B 0x020000000002ull
#define C 0x020000000003ull
#define PORTS 4u
#define S 1000000ull

static int set_up(void **state)
{
    lan_start(PORTS, "l2");
    return 0;
}

static int tear_down(void **state)
{
    lan_check_conservation();
    lan_stop();
    router_reset();
    return 0;
}

static void send(unsigned port, uint64_t destination, uint64_t source, uint32_t number)
{
    lan_send(port, destination, source, number);
    lan_run();
}

/* The ports that sent this frame, a bit each; every other frame is an error. */
static unsigned sent_by(uint32_t number)
{
    unsigned ports = 0;
    for (unsigned i = 0; i < PORTS; i++) {
        int64_t got = lan_receive(i);
        if (got >= 0) {
            assert_int_equal(got, number);
            ports |= 1u << i;
        }
        assert_int_equal(lan_receive(i), -1); /* no duplicate */
    }
    return ports;
}

static void seconds_pass(uint64_t s)
{
    for (uint64_t i = 0; i < s * 10; i++) {
        host_advance_us(S / 10);
        forward_turn();
    }
}

/* 802.1Q 8.6.1: not back out of the port of reception; 8.8: unknown is flooded. */
static void unknown_stations_are_flooded(void **state)
{
    send(1, A, B, 1);
    assert_int_equal(sent_by(1), 0xd);
}

static void broadcast_and_multicast_are_flooded(void **state)
{
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 0xe);
    send(3, 0x01005e000001, B, 2);
    assert_int_equal(sent_by(2), 0x7);
    send(3, 0x0180c2000020, B, 3); /* GARP/MRP range: not ours, so passed on */
    assert_int_equal(sent_by(3), 0x7);
}

static void known_stations_get_it_alone(void **state)
{
    send(2, B, A, 1);
    sent_by(1);
    send(0, A, B, 2);
    assert_int_equal(sent_by(2), 0x4);
    send(2, B, A, 3);
    assert_int_equal(sent_by(3), 0x1);
}

static void copies_are_whole_and_equal(void **state)
{
    struct lan_frame frame;
    lan_frame(&frame, LAN_BROADCAST, A, 7);
    frame.length = 1514;
    for (unsigned i = 60; i < frame.length; i++)
        frame.bytes[i] = (uint8_t)(i * 31);
    wire_put(lan[0], frame.bytes, frame.length);
    lan_run();
    for (unsigned i = 1; i < PORTS; i++) {
        assert_int_equal(lan_receive(i), 7);
        assert_int_equal(lan_last.length, frame.length);
        assert_memory_equal(lan_last.bytes, frame.bytes, frame.length);
    }
}

/* A frame longer than one buffer is a chain; its copies are chains too. */
static void jumbo_frames_are_flooded_whole(void **state)
{
    struct lan_frame frame;
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(port_set_mtu(&lan[i]->port, 1500), 0);
    lan[0]->port.mtu = lan[1]->port.mtu = lan[2]->port.mtu = 9000;
    lan_frame(&frame, LAN_BROADCAST, A, 7);
    frame.length = 9014;
    for (unsigned i = 60; i < frame.length; i++)
        frame.bytes[i] = (uint8_t)(i * 31);
    wire_put(lan[0], frame.bytes, frame.length);
    lan_run();
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(lan_receive(i), 7);
        assert_int_equal(lan_last.length, frame.length);
        assert_memory_equal(lan_last.bytes, frame.bytes, frame.length);
    }
    assert_int_equal(lan_drops(3, DROP_tx_too_long), 1);
}

/* 802.1Q 8.6.3, table 8-1: each of the sixteen. */
static void reserved_addresses_are_never_forwarded(void **state)
{
    for (uint32_t i = 0; i < 16; i++)
        send(0, 0x0180c2000000 + i, A, i);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(wire_count(lan[i]), 0);
    assert_int_equal(lan_drops(0, DROP_reserved_address), 16);
    send(0, 0x0180c2000010, A, 16);
    assert_int_equal(sent_by(16), 0xe);
    send(0, 0x0180c2000100, A, 17);
    assert_int_equal(sent_by(17), 0xe);
}

/* 802.1Q 8.7: a group source is not learned; such a frame is not forwarded. */
static void group_sources_are_dropped_and_not_learned(void **state)
{
    struct fdb_counts c;
    send(0, B, 0x030000000001, 1);
    send(0, B, LAN_BROADCAST, 2);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(wire_count(lan[i]), 0);
    assert_int_equal(lan_drops(0, DROP_group_source), 2);
    fdb_counts(&c);
    assert_int_equal(c.learned, 0);
}

/* It is no station's: a device that has not got its address yet sends with it. */
static void frames_from_the_source_zero_are_dropped_and_not_learned(void **state)
{
    struct fdb_counts c;
    lan_send(0, B, A, 1);
    send(0, B, 0, 2);
    assert_int_equal(sent_by(1), 0xe);
    assert_int_equal(lan_drops(0, DROP_zero_source), 1);
    fdb_counts(&c);
    assert_int_equal(c.learned, 1);
    send(1, 0, B, 3); /* to it is another matter: unknown */
    assert_int_equal(sent_by(3), 0xd);
}

static void frames_for_the_same_port_are_filtered(void **state)
{
    send(0, B, A, 1);
    sent_by(1);
    send(0, A, B, 2);
    assert_int_equal(sent_by(2), 0);
    assert_int_equal(lan_drops(0, DROP_same_port), 1);
}

/* VFs beside their PF ----------------------------------------------------------- */

/* Port 0 is a PF's, 1 and 2 its VFs': one LAN, connected by the switch in the NIC.  Port 3 is
 * another NIC.  VF 1 has address `vf_mac`. */
static const uint64_t vf_mac = 0x020000000077;

static void share(void)
{
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 0x77 };
    lan[1]->port.uplink = lan[2]->port.uplink = &lan[0]->port;
    memcpy(lan[1]->port.mac, mac, MAC_LEN);
    interface_follow_port(&lan[1]->port);
}

/* What the chip does with a broadcast on its wire: a copy for each pool. */
static void a_pf_floods_for_its_vfs_and_once(void **state)
{
    share();
    for (unsigned port = 0; port < 3; port++)
        lan_send(port, LAN_BROADCAST, A, 1);
    lan_run();
    assert_int_equal(lan_receive(3), 1);
    assert_int_equal(lan_receive(3), -1);
    assert_int_equal(sent_by(1), 0);
    assert_int_equal(lan_drops(1, DROP_shared_wire), 1);
    assert_int_equal(lan_drops(2, DROP_shared_wire), 1);
    send(3, LAN_BROADCAST, B, 2);
    assert_int_equal(sent_by(2), 0x1);
}

static void what_a_vf_alone_gets_is_forwarded(void **state)
{
    share();
    send(1, vf_mac, A, 1);
    assert_int_equal(sent_by(1), 0x8);
    send(2, vf_mac, A, 2); /* VF 2's address is another one */
    assert_int_equal(sent_by(2), 0);
    send(3, A, B, 3); /* and A is not behind VF 1, but behind the PF or nowhere */
    assert_int_equal(sent_by(3), 0x1);
}

/* What we send to a VF's address through the PF comes back in by the VF. */
static void what_comes_back_through_a_vf_ends_there(void **state)
{
    share();
    send(3, vf_mac, B, 1);
    assert_int_equal(sent_by(1), 0x1);
    send(1, vf_mac, B, 1);
    assert_int_equal(sent_by(1), 0);
    assert_int_equal(lan_drops(1, DROP_shared_wire), 1);
    send(0, B, A, 2); /* B is still where it was */
    assert_int_equal(sent_by(2), 0x8);
}

static void stations_of_one_wire_are_filtered_among_its_ports(void **state)
{
    share();
    send(0, B, A, 1);
    sent_by(1);
    send(1, vf_mac, A, 2);
    sent_by(2);
    send(0, A, B, 3);
    assert_int_equal(sent_by(3), 0);
    assert_int_equal(lan_drops(0, DROP_same_port), 1);
}

static void what_a_pf_hears_of_its_vfs_is_theirs(void **state)
{
    send(0, vf_mac, A, 1); /* before there are VFs nobody knows that address */
    assert_int_equal(sent_by(1), 0xe);
    share();
    send(0, vf_mac, A, 2);
    assert_int_equal(sent_by(2), 0);
    assert_int_equal(lan_drops(0, DROP_shared_wire), 1);
}

static void a_vf_beside_its_pf_need_not_listen_to_all(void **state)
{
    share();
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    assert_true(lan[1]->port.rx_mode.promiscuous);
    assert_int_equal(forward_set_mode(forward_find_mode("l2")), 0);
    assert_true(lan[0]->port.rx_mode.promiscuous);
    assert_false(lan[1]->port.rx_mode.promiscuous);
    assert_int_equal(forward_set_promiscuous(&lan[1]->port, true), 0);
    assert_true(lan[1]->port.rx_mode.promiscuous);
}

static void without_its_pf_a_vf_is_a_port_like_any(void **state)
{
    share();
    forward_port_down(&lan[0]->port);
    send(1, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 0xc);
}

static void a_station_that_moves_is_followed_at_once(void **state)
{
    send(0, B, A, 1);
    sent_by(1);
    send(3, B, A, 2);
    sent_by(2);
    send(1, A, B, 3);
    assert_int_equal(sent_by(3), 0x8);
}

static void stations_age_after_300_s_of_silence(void **state)
{
    send(0, B, A, 1);
    sent_by(1);
    seconds_pass(299);
    send(1, A, B, 2);
    assert_int_equal(sent_by(2), 0x1);
    seconds_pass(1);
    send(1, A, B, 3);
    assert_int_equal(sent_by(3), 0xd);
}

static void static_entries_override_what_is_learned(void **state)
{
    const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
    assert_int_equal(fdb_add_static(fdb_key(0, mac), 3), 0);
    send(0, B, A, 1); /* A speaks elsewhere */
    sent_by(1);
    send(1, A, B, 2);
    assert_int_equal(sent_by(2), 0x8);
    seconds_pass(301);
    send(1, A, B, 3);
    assert_int_equal(sent_by(3), 0x8);
}

static void link_down_flushes_and_flooding_goes_round_it(void **state)
{
    send(0, C, A, 1);
    sent_by(1);
    send(2, A, C, 2);
    sent_by(2);
    lan[0]->link_up = false;
    seconds_pass(1);
    send(1, A, B, 3);
    assert_int_equal(sent_by(3), 0xc); /* flooded, but not to port 0 */
    assert_int_equal(lan_drops(0, DROP_tx_down), 0);
    send(1, C, B, 4);
    assert_int_equal(sent_by(4), 0x4); /* other ports' stations stay */
    lan[0]->link_up = true;
    seconds_pass(1);
    send(1, A, B, 5);
    assert_int_equal(sent_by(5), 0xd);
}

static void port_down_flushes(void **state)
{
    send(0, C, A, 1);
    sent_by(1);
    forward_port_down(&lan[0]->port);
    send(1, A, B, 2);
    assert_int_equal(sent_by(2), 0xc);
}

/* A note that was under way when the link went must not bring a station back. */
static void notes_of_a_port_that_went_down_teach_nothing(void **state)
{
    const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
    struct packet *packet = packet_alloc(&control_worker()->cache);
    struct lan_frame frame;
    uint16_t port;
    lan_frame(&frame, B, A, 1);
    memcpy(packet->data, frame.bytes, frame.length);
    packet->length = (uint16_t)frame.length;
    packet->frame_length = frame.length;
    packet->port = 0;
    forward_counters(control_worker(), 0)->originated++; /* comes from nowhere */
    struct interface *interface = interface_of_port(&lan[0]->port);
    interface->input(control_worker(), interface, &packet, 1);
    assert_int_equal(spsc_fill(&control_worker()->to_control), 1);
    forward_port_down(&lan[0]->port);
    lan_run();
    assert_false(fdb_lookup(fdb_key(0, mac), fdb_prefetch(fdb_key(0, mac)), &port));
}

/* Stations may have moved while nobody learned. */
static void another_mode_in_between_forgets(void **state)
{
    send(0, C, A, 1);
    sent_by(1);
    assert_int_equal(forward_set_mode(forward_find_mode("rxonly")), 0);
    assert_int_equal(forward_set_mode(forward_find_mode("l2")), 0);
    send(1, A, B, 2);
    assert_int_equal(sent_by(2), 0xd);
}

static void alone_on_the_bridge_is_a_drop(void **state)
{
    for (unsigned i = 1; i < PORTS; i++)
        forward_port_down(&lan[i]->port);
    send(0, B, A, 1);
    assert_int_equal(lan_drops(0, DROP_no_peer), 1);
}

/* Tagged frames pass as they are. */
static void tagged_frames_are_carried_unchanged(void **state)
{
    struct lan_frame frame;
    lan_frame(&frame, B, A, 1);
    frame.length = 1518;
    memcpy(frame.bytes + 12, "\x81\x00\x20\x0a", 4);
    wire_put(lan[0], frame.bytes, frame.length);
    lan_run();
    lan_receive(1);
    assert_int_equal(lan_last.length, 1518);
    assert_memory_equal(lan_last.bytes, frame.bytes, frame.length);
}

/* Flooding when the pool is empty: what cannot be copied is counted. */
static void copies_that_cannot_be_made_are_counted(void **state)
{
    static struct packet *all[LAN_PACKETS];
    struct worker *worker = control_worker();
    unsigned n = 0;
    while (n < LAN_PACKETS && (all[n] = packet_alloc(&worker->cache)))
        n++;
    packet_free(&worker->cache, all[--n]);
    send(0, B, A, 1);
    assert_int_equal(sent_by(1), 0x8); /* the original, on the last port */
    assert_int_equal(lan_drops(0, DROP_no_buffer), 2);
    lan_check_conservation();
    packet_free_burst(&worker->cache, all, n);
}

static void a_full_table_floods(void **state)
{
    struct fdb_counts c;
    fdb_free();
    assert_int_equal(fdb_init(16), 0);
    for (uint32_t i = 0; i < 64; i++) {
        send(0, B, A + 256 * i, i);
        sent_by(i);
    }
    assert_true(host_log_contains("fdb: full"));
    fdb_counts(&c);
    assert_in_range(c.refused, 48, 64);
    send(1, A + 256 * 63, C, 100);
    assert_int_equal(sent_by(100), 0xd);
}

/* 802.1Q 8.6.6: order within a (source, destination) stays; nothing twice. */
static void no_reorder_no_duplicate(void **state)
{
    int64_t last[PORTS][PORTS] = { 0 };
    for (uint32_t i = 1; i <= 4000; i++)
        lan_send(i % PORTS, A + (i * 7 / PORTS) % PORTS, A + i % PORTS, i);
    lan_run();
    for (unsigned port = 0; port < PORTS; port++) {
        for (int64_t number; (number = lan_receive(port)) >= 0;) {
            unsigned from = (unsigned)number % PORTS;
            unsigned to = lan_last.bytes[5] - 1u;
            assert_true(to < PORTS);
            assert_int_not_equal(from, port);
            if (to != port)
                continue; /* flooded while nobody knew */
            assert_true(number > last[from][to]);
            last[from][to] = number;
        }
    }
}

/* stats.h's law, with everything that can happen to a frame at random. */
static void nothing_is_lost_uncounted(void **state)
{
    srand(4);
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < 20; i++)
            lan_send((unsigned)rand() % PORTS,
                     rand() % 9 ? A + (unsigned)rand() % 40 : LAN_BROADCAST,
                     A + (unsigned)rand() % 40 + (rand() % 30 ? 0 : 1ull << 40), i);
        lan[rand() % PORTS]->room = rand() % 3 ? WIRE_ROOM_ALL : (uint32_t)(rand() % 16);
        lan[rand() % PORTS]->link_up = rand() % 4 != 0;
        host_advance_us((unsigned)rand() % 200000);
        if (rand() % 10 == 0)
            forward_port_down(&lan[rand() % PORTS]->port);
        for (unsigned i = 0; i < PORTS; i++)
            if (rand() % 3 == 0)
                assert_int_equal(forward_port_up(&lan[i]->port), 0);
        forward_turn();
        lan_check_conservation();
        for (unsigned i = 0; i < PORTS; i++)
            while (lan_receive(i) >= 0)
                ;
    }
    lan_run();
}

/* Several bridges --------------------------------------------------------------- */

static struct bridge *made(const char *name, unsigned a, unsigned b)
{
    assert_int_equal(bridge_add(name), 0);
    struct bridge *bridge = bridge_find(name);
    assert_non_null(bridge);
    assert_int_equal(bridge_add_port(bridge, &lan[a]->port), 0);
    assert_int_equal(bridge_add_port(bridge, &lan[b]->port), 0);
    return bridge;
}

/* The members, a bit each. */
static unsigned members_in(const char *name)
{
    const struct bridge *bridge = bridge_find(name);
    unsigned ports = 0, cursor = 0;
    assert_non_null(bridge);
    for (struct member *m; (m = bridge_next_member(bridge, &cursor));)
        ports |= 1u << m->port->number;
    return ports;
}

static struct packet *frame_of(uint64_t destination, uint64_t source, uint32_t number)
{
    struct packet *packet = packet_alloc(&control_worker()->cache);
    struct lan_frame frame;
    lan_frame(&frame, destination, source, number);
    memcpy(packet->data, frame.bytes, frame.length);
    packet->length = (uint16_t)frame.length;
    packet->frame_length = frame.length;
    return packet;
}

static void bridges_are_apart(void **state)
{
    made("br1", 0, 2);
    assert_int_equal(members_in("br1"), 0x5);
    assert_int_equal(members_in("br0"), 0xa);
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 0x4);
    send(1, LAN_BROADCAST, B, 2);
    assert_int_equal(sent_by(2), 0x8);
    send(2, B, C, 3); /* B is known in the other one only */
    assert_int_equal(sent_by(3), 0x1);
}

/* The same address may be behind a port of each (a router's, say). */
static void a_station_may_be_in_two_bridges(void **state)
{
    made("br1", 0, 2);
    send(0, LAN_BROADCAST, A, 1);
    sent_by(1);
    send(1, LAN_BROADCAST, A, 2);
    sent_by(2);
    send(2, A, B, 3);
    assert_int_equal(sent_by(3), 0x1);
    send(3, A, B, 4);
    assert_int_equal(sent_by(4), 0x2);
}

static void a_port_that_changes_its_bridge_is_forgotten_and_heard_there(void **state)
{
    struct bridge *br1 = made("br1", 0, 2);
    send(0, LAN_BROADCAST, A, 1);
    sent_by(1);
    assert_int_equal(bridge_add_port(br1, &lan[1]->port), 0);
    assert_int_equal(members_in("br1"), 0x7);
    send(1, A, B, 2); /* still where it was */
    assert_int_equal(sent_by(2), 0x1);
    bridge_remove_port(&lan[0]->port);
    assert_int_equal(members_in("br0"), 0x9);
    send(1, A, B, 3); /* and here no longer */
    assert_int_equal(sent_by(3), 0x4);
    send(0, LAN_BROADCAST, A, 4);
    assert_int_equal(sent_by(4), 0x8);
}

static void a_port_that_comes_back_is_a_new_one(void **state)
{
    made("br1", 1, 2);
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 0x8);
    assert_int_equal(bridge_add_port(bridge_find("br1"), &lan[0]->port), 0);
    assert_int_equal(bridge_add_port(bridge_find("br0"), &lan[0]->port), 0);
    assert_int_equal(bridge_add_port(bridge_find("br0"), &lan[1]->port), 0);
    send(3, A, B, 2);
    assert_int_equal(sent_by(2), 0x3);
}

/* An entry that is for a moment older than its port's membership. */
static void a_station_behind_another_bridges_port_is_unknown(void **state)
{
    const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
    struct bridge *br1 = made("br1", 1, 2);
    assert_int_equal(fdb_add_static(fdb_key(br1->fid, mac), 0), 0);
    send(1, A, B, 1);
    assert_int_equal(sent_by(1), 0x4);
}

static void a_note_of_another_bridge_teaches_nothing(void **state)
{
    struct fdb_counts c;
    struct bridge *br1 = made("br1", 1, 2);
    struct packet *packet = frame_of(A, B, 1);
    struct interface *interface = interface_of_port(&lan[0]->port);
    packet->port = 0;
    forward_counters(control_worker(), 0)->originated++; /* comes from nowhere */
    interface->input(control_worker(), interface, &packet, 1);
    assert_int_equal(bridge_add_port(br1, &lan[0]->port), 0);
    lan_run();
    fdb_counts(&c);
    assert_int_equal(c.learned, 0);
    sent_by(1);
}

static void a_pinned_station_does_not_move_with_its_port(void **state)
{
    const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 1 }, other[MAC_LEN] = { 2, 0, 0, 0, 0, 2 };
    struct fdb_counts c;
    struct bridge *br1 = made("br1", 1, 2);
    assert_int_equal(fdb_add_static(fdb_key(br1->fid, mac), 1), 0);
    assert_int_equal(fdb_add_static(fdb_key(BRIDGE_DEFAULT_FID, other), 0), 0);
    assert_int_equal(bridge_add_port(bridge_find("br0"), &lan[1]->port), 0);
    fdb_counts(&c);
    assert_int_equal(c.fixed, 1);
    bridge_delete(br1);
    fdb_counts(&c);
    assert_int_equal(c.fixed, 1);
}

static unsigned notes_read;

static void is_nobodys(struct worker *control, const struct note *note)
{
    notes_read++;
    assert_null(interface_get(note->interface));
}

/* What a worker has posted for it is read before its interface's number is another's. */
static void notes_do_not_outlive_their_bridge(void **state)
{
    struct bridge *br1 = made("br1", 0, 2);
    const struct note note = { .handle = is_nobodys,
                               .port = 0,
                               .interface = br1->interface->number };
    notes_read = 0;
    assert_true(forward_note(control_worker(), &note));
    bridge_delete(br1);
    assert_int_equal(notes_read, 1);
}

static void members_of_a_bridge_that_goes_are_free(void **state)
{
    struct bridge *br1 = made("br1", 0, 2);
    bridge_delete(br1);
    assert_null(bridge_find("br1"));
    assert_int_equal(members_in("br0"), 0xf);
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 0xe);
    made("br1", 0, 1); /* its identifier is used again, and knows nobody */
    send(1, A, B, 2);
    assert_int_equal(sent_by(2), 0x1);
}

/* Frames that are under way when their port leaves. */
static void membership_changes_between_bursts(void **state)
{
    made("br1", 0, 2);
    for (uint32_t i = 0; i < 200; i++) {
        struct bridge *to = bridge_find(i % 2 ? "br1" : "br0");
        for (unsigned port = 0; port < PORTS; port++)
            lan_send(port, i % 3 ? A + (i + port) % PORTS : LAN_BROADCAST, A + port, i);
        assert_int_equal(bridge_add_port(to, &lan[i % PORTS]->port), 0);
        forward_turn();
        lan_check_conservation();
        for (unsigned port = 0; port < PORTS; port++)
            while (lan_receive(port) >= 0)
                ;
    }
}

/* Mode l2's own -------------------------------------------------------------------- */

static void mode_l2_puts_every_port_into_br0_and_takes_it_out(void **state)
{
    assert_int_equal(members_in("br0"), 0xf);
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    assert_null(bridge_find("br0"));
    for (unsigned i = 0; i < PORTS; i++)
        assert_null(interface_of_port(&lan[i]->port)->bridge);
    assert_int_equal(forward_set_mode(forward_find_mode("l2")), 0);
    assert_int_equal(members_in("br0"), 0xf);
}

static void own_bridges_outlive_the_mode(void **state)
{
    made("br1", 0, 2);
    send(0, LAN_BROADCAST, A, 1);
    sent_by(1);
    assert_int_equal(forward_set_mode(forward_find_mode("mac")), 0);
    assert_int_equal(members_in("br1"), 0x5);
    assert_null(bridge_find("br0"));
    assert_null(interface_of_port(&lan[1]->port)->bridge);
    assert_int_equal(forward_set_mode(forward_find_mode("l2")), 0);
    assert_int_equal(members_in("br0"), 0xa);
    assert_int_equal(bridge_add_port(bridge_find("br1"), &lan[1]->port), 0);
    send(2, A, B, 2); /* stations may have moved meanwhile */
    assert_int_equal(sent_by(2), 0x3);
}

static void an_own_br0_takes_the_rest_in_l2_only(void **state)
{
    assert_int_equal(bridge_add("br0"), 0);
    assert_int_equal(bridge_add("br0"), -EEXIST);
    assert_int_equal(bridge_add_port(bridge_find("br0"), &lan[1]->port), 0);
    assert_int_equal(members_in("br0"), 0xf);
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    assert_int_equal(members_in("br0"), 0x2);
    assert_int_equal(forward_set_mode(forward_find_mode("l2")), 0);
    assert_int_equal(members_in("br0"), 0xf);
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    bridge_remove_port(&lan[1]->port);
    assert_int_equal(members_in("br0"), 0); /* it is the user's, and stays */
    assert_int_equal(forward_set_mode(forward_find_mode("l2")), 0);
    bridge_delete(bridge_find("br0")); /* the mode needs one */
    assert_int_equal(members_in("br0"), 0xf);
}

static void an_empty_br0_with_an_address_is_configuration(void **state)
{
    struct interface *br0 = bridge_find("br0")->interface;
    struct address conflict;
    assert_int_equal(address_add(br0, 0xc0000201, 24, &conflict), 0);
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    assert_ptr_equal(bridge_find("br0")->interface, br0);
    assert_int_equal(members_in("br0"), 0);
    assert_false(br0->up);
    assert_int_equal(address_delete(br0, 0xc0000201, 24), 0);
    seconds_pass(1);
    assert_null(bridge_find("br0"));
}

static void ports_that_come_later_join(void **state)
{
    struct port *late;
    assert_int_equal(null_port_create(&late), 0);
    forward_turn();
    assert_int_equal(members_in("br0"), 0x1f);
    forward_port_remove(late);
    assert_int_equal(members_in("br0"), 0xf);
    null_port_destroy(late);
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 0xe);
}

/* The interface of a bridge ---------------------------------------------------------- */

static void set_mac(struct bridge *bridge, const uint8_t mac[MAC_LEN])
{
    assert_int_equal(bridge->interface->ops->set_mac(bridge->interface, mac), 0);
}

static void a_bridge_follows_its_members(void **state)
{
    struct interface *br1 = made("br1", 2, 1)->interface;
    assert_true(br1->up);
    assert_int_equal(br1->mtu, 1500);
    assert_memory_equal(br1->mac, lan[2]->port.mac, MAC_LEN); /* the first one's */
    lan[1]->port.mtu = 1400;
    forward_port_down(&lan[2]->port);
    assert_true(br1->up);
    seconds_pass(1);
    assert_int_equal(br1->mtu, 1400);
    forward_port_down(&lan[1]->port);
    assert_false(br1->up);
    assert_int_equal(forward_port_up(&lan[2]->port), 0);
    assert_true(br1->up);
    bridge_remove_port(&lan[1]->port);
    assert_int_equal(br1->mtu, 1500);
    bridge_remove_port(&lan[2]->port);
    assert_false(br1->up);
    assert_memory_equal(br1->mac, lan[2]->port.mac, MAC_LEN); /* and stays */
    uint64_t before = br1->mac_word; /* whatever has that port's number later */
    lan[2]->port.mac[5] ^= 0x40;
    interface_follow_port(&lan[2]->port);
    assert_int_equal(bridge_add_port(br1->bridge, &lan[2]->port), 0);
    assert_true(br1->mac_word == before);
}

/* What mode l2 put there gives it only where the user put nothing. */
static void an_own_member_gives_the_mac_before_others(void **state)
{
    struct interface *br0 = bridge_find("br0")->interface;
    assert_memory_equal(br0->mac, lan[0]->port.mac, MAC_LEN);
    assert_int_equal(bridge_add_port(br0->bridge, &lan[2]->port), 0);
    assert_memory_equal(br0->mac, lan[2]->port.mac, MAC_LEN);
    assert_int_equal(bridge_add_port(br0->bridge, &lan[1]->port), 0);
    assert_memory_equal(br0->mac, lan[2]->port.mac, MAC_LEN);
    bridge_delete(br0->bridge);
    made("br1", 3, 1);
    br0 = bridge_find("br0")->interface;
    assert_memory_equal(br0->mac, lan[0]->port.mac, MAC_LEN);
    assert_int_equal(bridge_add_port(br0->bridge, &lan[3]->port), 0); /* from elsewhere */
    assert_memory_equal(br0->mac, lan[3]->port.mac, MAC_LEN);
}

static void what_the_user_sets_goes_before(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0xb, 1 };
    struct bridge *br1 = made("br1", 2, 1);
    set_mac(br1, mac);
    assert_memory_equal(br1->interface->mac, mac, MAC_LEN);
    assert_int_equal(br1->interface->ops->set_mtu(br1->interface, 1300), 0);
    assert_int_equal(br1->interface->mtu, 1300);
    lan[1]->port.mtu = 1200;
    interface_follow_port(&lan[1]->port);
    assert_int_equal(br1->interface->mtu, 1200);
    assert_memory_equal(br1->interface->mac, mac, MAC_LEN);
}

/* Local delivery ---------------------------------------------------------------------- */

#define OWN 0x02000000bb01ull /* a bridge's own address */

/* What came up, as IP would get it. */
static struct {
    unsigned count;
    uint32_t number;
    uint16_t port, interface;
} up;

static void hear(struct worker *worker, struct interface *interface, struct packet **packets,
                 uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        up.count++;
        up.port = packets[i]->port;
        up.interface = packets[i]->interface;
        memcpy(&up.number, packets[i]->data + 20, sizeof up.number);
        forward_consume(worker, packets[i]);
    }
}

/* Bridge br1 of ports 0, 1 and 2. */
static struct interface *addressed(void)
{
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0xbb, 1 };
    struct bridge *br1 = made("br1", 0, 1);
    assert_int_equal(bridge_add_port(br1, &lan[2]->port), 0);
    set_mac(br1, mac);
    interface_set_input(br1->interface, hear);
    br1->interface->addresses = 1;
    memset(&up, 0, sizeof up);
    return br1->interface;
}

static void frames_for_the_bridge_go_up_and_nowhere_else(void **state)
{
    struct interface *br1 = addressed();
    send(1, OWN, A, 1);
    assert_int_equal(sent_by(1), 0);
    assert_int_equal(up.count, 1);
    assert_int_equal(up.number, 1);
    assert_int_equal(up.port, 1);
    assert_int_equal(up.interface, br1->number);
    send(0, A, B, 2); /* and their source is learned */
    assert_int_equal(sent_by(2), 0x2);
    assert_int_equal(up.count, 1);
}

static void group_frames_go_up_as_copies(void **state)
{
    addressed();
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 0x6);
    assert_int_equal(up.count, 1);
    assert_int_equal(up.number, 1);
    send(0, 0x01005e000001, A, 2);
    assert_int_equal(sent_by(2), 0x6);
    assert_int_equal(up.count, 2);
    send(0, B, A, 3); /* unknown, but not ours */
    assert_int_equal(sent_by(3), 0x6);
    send(0, 0x0180c2000000, A, 4); /* never above a bridge (802.1Q 8.6.3) */
    assert_int_equal(sent_by(4), 0);
    assert_int_equal(up.count, 2);
}

static void a_group_frame_without_another_way_goes_up_itself(void **state)
{
    addressed();
    forward_port_down(&lan[1]->port);
    forward_port_down(&lan[2]->port);
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(up.count, 1);
    assert_int_equal(lan_drops(0, DROP_no_peer), 0);
}

static void a_copy_up_that_cannot_be_made_is_counted(void **state)
{
    static struct packet *all[LAN_PACKETS];
    struct worker *worker = control_worker();
    unsigned n = 0;
    addressed();
    while (n < LAN_PACKETS && (all[n] = packet_alloc(&worker->cache)))
        n++;
    packet_free(&worker->cache, all[--n]);
    send(0, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 0x4);
    assert_int_equal(up.count, 0);
    assert_int_equal(lan_drops(0, DROP_no_buffer), 2);
    packet_free_burst(&worker->cache, all, n);
}

/* Then the bridge is no station, and its MAC is an address like any. */
static void without_an_address_nothing_goes_up(void **state)
{
    addressed()->addresses = 0;
    send(1, OWN, A, 1);
    assert_int_equal(sent_by(1), 0x5);
    send(1, LAN_BROADCAST, A, 2);
    assert_int_equal(sent_by(2), 0x5);
    assert_int_equal(up.count, 0);
}

static void send_down(struct interface *bridge, uint64_t destination, uint16_t port,
                      uint32_t number)
{
    struct packet *packet = frame_of(destination, OWN, number);
    packet->port = port;
    if (port != PORT_NONE) /* as if it had come in there */
        forward_counters(control_worker(), port)->originated++;
    bridge->output(control_worker(), bridge, &packet, 1);
    lan_run();
}

static void what_ip_sends_goes_to_the_station_or_to_all(void **state)
{
    struct interface *br1 = addressed();
    for (unsigned i = 0; i < 2; i++) { /* our own; routed from port 3 */
        uint16_t port = i ? 3 : PORT_NONE;
        send_down(br1, A, port, 1);
        assert_int_equal(sent_by(1), 0x7);
        send_down(br1, LAN_BROADCAST, port, 2);
        assert_int_equal(sent_by(2), 0x7);
        send(2, OWN, A, 3);
        send_down(br1, A, port, 4);
        assert_int_equal(sent_by(4), 0x4);
        fdb_flush_port(2);
    }
    assert_int_equal(up.count, 2); /* never what went down */
    send_down(br1, OWN, PORT_NONE, 5);
    assert_int_equal(sent_by(5), 0x7);
    assert_int_equal(up.count, 2);
}

static void a_bridge_that_is_down_lets_nothing_through(void **state)
{
    struct bridge *br1 = made("br1", 2, 1);
    br1->interface->ops->set_up(br1->interface, false);
    assert_false(br1->interface->up);
    send(1, LAN_BROADCAST, A, 1);
    assert_int_equal(sent_by(1), 0);
    assert_int_equal(lan_drops(1, DROP_stopped), 1);
    send_down(br1->interface, A, PORT_NONE, 3);
    assert_int_equal(sent_by(3), 0);
    br1->interface->ops->set_up(br1->interface, true);
    send(1, LAN_BROADCAST, A, 2);
    assert_int_equal(sent_by(2), 0x4);
}

static void without_members_what_ip_sends_ends_there(void **state)
{
    struct interface *br1 = addressed();
    for (unsigned i = 0; i < 3; i++)
        forward_port_down(&lan[i]->port);
    send_down(br1, LAN_BROADCAST, PORT_NONE, 1);
    send_down(br1, LAN_BROADCAST, 3, 2);
    assert_int_equal(lan_drops(3, DROP_no_peer), 1);
}

/* Of a wire with several of our ports on it only the speaker sends. */
static void what_ip_sends_is_on_each_wire_once(void **state)
{
    struct interface *br1 = addressed();
    share();
    send_down(br1, LAN_BROADCAST, PORT_NONE, 1);
    assert_int_equal(sent_by(1), 0x1);
}

/* What a port hears: all stations as a member, its own frames in a mode that reads them. */
static void members_listen_to_all(void **state)
{
    made("br1", 2, 1);
    assert_true(lan[0]->port.rx_mode.promiscuous); /* br0's */
    assert_true(lan[1]->port.rx_mode.promiscuous);
    share(); /* 1 and 2 are VFs of 0 */
    assert_int_equal(bridge_add_port(bridge_find("br1"), &lan[0]->port), 0);
    assert_true(lan[0]->port.rx_mode.promiscuous);
    assert_false(lan[1]->port.rx_mode.promiscuous);
    assert_false(lan[2]->port.rx_mode.promiscuous);
    bridge_remove_port(&lan[0]->port);
    assert_true(lan[1]->port.rx_mode.promiscuous);
    assert_true(lan[2]->port.rx_mode.promiscuous);
}

/* Without their PF's port in the bridge the first VF speaks for the wire. */
static void of_vfs_alone_the_first_speaks(void **state)
{
    share();
    made("br1", 1, 2);
    assert_int_equal(bridge_add_port(bridge_find("br1"), &lan[3]->port), 0);
    send(3, LAN_BROADCAST, B, 1);
    assert_int_equal(sent_by(1), 0x2);
    for (unsigned port = 1; port < 3; port++) /* what the chip does with a broadcast */
        lan_send(port, LAN_BROADCAST, A, 2);
    lan_run();
    assert_int_equal(sent_by(2), 0x8);
    assert_int_equal(lan_drops(2, DROP_shared_wire), 1);
    send(3, A, B, 3);
    assert_int_equal(sent_by(3), 0x2);
    forward_port_down(&lan[1]->port);
    send(3, LAN_BROADCAST, B, 4); /* and when it is down the second */
    assert_int_equal(sent_by(4), 0x4);
}

/* Its address is anybody's again. */
static void a_vf_that_goes_is_no_reason_to_drop(void **state)
{
    share();
    send(0, vf_mac, A, 1);
    assert_int_equal(sent_by(1), 0);
    forward_port_remove(&lan[1]->port);
    send(0, vf_mac, A, 2);
    assert_int_equal(sent_by(2), 0x8);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unknown_stations_are_flooded),
        TEST(broadcast_and_multicast_are_flooded),
        TEST(known_stations_get_it_alone),
        TEST(copies_are_whole_and_equal),
        TEST(jumbo_frames_are_flooded_whole),
        TEST(reserved_addresses_are_never_forwarded),
        TEST(group_sources_are_dropped_and_not_learned),
        TEST(frames_from_the_source_zero_are_dropped_and_not_learned),
        TEST(frames_for_the_same_port_are_filtered),
        TEST(a_pf_floods_for_its_vfs_and_once),
        TEST(what_a_vf_alone_gets_is_forwarded),
        TEST(what_comes_back_through_a_vf_ends_there),
        TEST(stations_of_one_wire_are_filtered_among_its_ports),
        TEST(what_a_pf_hears_of_its_vfs_is_theirs),
        TEST(a_vf_beside_its_pf_need_not_listen_to_all),
        TEST(without_its_pf_a_vf_is_a_port_like_any),
        TEST(a_station_that_moves_is_followed_at_once),
        TEST(stations_age_after_300_s_of_silence),
        TEST(static_entries_override_what_is_learned),
        TEST(link_down_flushes_and_flooding_goes_round_it),
        TEST(port_down_flushes),
        TEST(notes_of_a_port_that_went_down_teach_nothing),
        TEST(another_mode_in_between_forgets),
        TEST(alone_on_the_bridge_is_a_drop),
        TEST(tagged_frames_are_carried_unchanged),
        TEST(copies_that_cannot_be_made_are_counted),
        TEST(a_full_table_floods),
        TEST(no_reorder_no_duplicate),
        TEST(nothing_is_lost_uncounted),
        TEST(bridges_are_apart),
        TEST(a_station_may_be_in_two_bridges),
        TEST(a_port_that_changes_its_bridge_is_forgotten_and_heard_there),
        TEST(notes_do_not_outlive_their_bridge),
        TEST(members_of_a_bridge_that_goes_are_free),
        TEST(membership_changes_between_bursts),
        TEST(mode_l2_puts_every_port_into_br0_and_takes_it_out),
        TEST(own_bridges_outlive_the_mode),
        TEST(an_own_br0_takes_the_rest_in_l2_only),
        TEST(an_empty_br0_with_an_address_is_configuration),
        TEST(ports_that_come_later_join),
        TEST(a_bridge_follows_its_members),
        TEST(what_the_user_sets_goes_before),
        TEST(a_bridge_that_is_down_lets_nothing_through),
        TEST(members_listen_to_all),
        TEST(of_vfs_alone_the_first_speaks),
        TEST(frames_for_the_bridge_go_up_and_nowhere_else),
        TEST(group_frames_go_up_as_copies),
        TEST(a_group_frame_without_another_way_goes_up_itself),
        TEST(a_copy_up_that_cannot_be_made_is_counted),
        TEST(without_an_address_nothing_goes_up),
        TEST(what_ip_sends_goes_to_the_station_or_to_all),
        TEST(without_members_what_ip_sends_ends_there),
        TEST(what_ip_sends_is_on_each_wire_once),
        TEST(a_port_that_comes_back_is_a_new_one),
        TEST(a_station_behind_another_bridges_port_is_unknown),
        TEST(a_note_of_another_bridge_teaches_nothing),
        TEST(a_pinned_station_does_not_move_with_its_port),
        TEST(an_own_member_gives_the_mac_before_others),
        TEST(a_vf_that_goes_is_no_reason_to_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
