/* apps/bridge: a bridge as an interface: its state, and what goes up and comes down. */
#include "apps/bridge/fdb.h"
#include "tests/models/bridge_bench.h"

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
    send(0, VF_MAC, A, 1);
    assert_int_equal(sent_by(1), 0);
    forward_port_remove(&lan[1]->port);
    send(0, VF_MAC, A, 2);
    assert_int_equal(sent_by(2), 0x8);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(an_own_member_gives_the_mac_before_others),
        TEST(a_vf_that_goes_is_no_reason_to_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
