/* apps/bridge: several bridges beside each other, and mode l2's own. */
#include "apps/bridge/fdb.h"
#include "apps/ip/address.h"
#include "tests/models/bridge_bench.h"

#include <errno.h>

/* Several bridges --------------------------------------------------------------- */

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
    assert_int_equal(address_add(br0, ip_from_v4(0xc0000201), 24, &conflict), 0);
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    assert_ptr_equal(bridge_find("br0")->interface, br0);
    assert_int_equal(members_in("br0"), 0);
    assert_false(br0->up);
    assert_int_equal(address_delete(br0, ip_from_v4(0xc0000201), 24), 0);
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

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(a_port_that_comes_back_is_a_new_one),
        TEST(a_station_behind_another_bridges_port_is_unknown),
        TEST(a_note_of_another_bridge_teaches_nothing),
        TEST(a_pinned_station_does_not_move_with_its_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
