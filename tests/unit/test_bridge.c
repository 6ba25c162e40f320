/* apps/bridge: what a bridge does with frames, by the rules of IEEE 802.1Q clause 8. */
#include "apps/bridge/fdb.h"
#include "tests/models/bridge_bench.h"

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
    send(1, VF_MAC, A, 1);
    assert_int_equal(sent_by(1), 0x8);
    send(2, VF_MAC, A, 2); /* VF 2's address is another one */
    assert_int_equal(sent_by(2), 0);
    send(3, A, B, 3); /* and A is not behind VF 1, but behind the PF or nowhere */
    assert_int_equal(sent_by(3), 0x1);
}

/* What we send to a VF's address through the PF comes back in by the VF. */
static void what_comes_back_through_a_vf_ends_there(void **state)
{
    share();
    send(3, VF_MAC, B, 1);
    assert_int_equal(sent_by(1), 0x1);
    send(1, VF_MAC, B, 1);
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
    send(1, VF_MAC, A, 2);
    sent_by(2);
    send(0, A, B, 3);
    assert_int_equal(sent_by(3), 0);
    assert_int_equal(lan_drops(0, DROP_same_port), 1);
}

static void what_a_pf_hears_of_its_vfs_is_theirs(void **state)
{
    send(0, VF_MAC, A, 1); /* before there are VFs nobody knows that address */
    assert_int_equal(sent_by(1), 0xe);
    share();
    send(0, VF_MAC, A, 2);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
