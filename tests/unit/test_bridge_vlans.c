/* apps/bridge: VLAN-aware bridges (IEEE 802.1Q clauses 6 and 8; unread). */
#include "apps/bridge/fdb.h"
#include "apps/bridge/fid.h"
#include "apps/bridge/vlans.h"
#include "apps/console/command.h"
#include "apps/forward/vlan.h"
#include "tests/models/bridge_bench.h"
#include "tests/models/must.h"

#include <stdio.h>

#define GROUP 0x030000000001ull
#define UNTAGGED (-1)
#define NOTHING (-2)

static struct bridge *br;

/* Port 0: untagged 10.  Port 1: trunk of 10, 20.  Port 2: untagged 20, tagged 10.  Port 3:
 * untagged 20. */
static int set_up_vlans(void **state)
{
    set_up(state);
    must_work("bridge add br1");
    must_work("bridge br1 vlan-aware on");
    for (unsigned i = 0; i < PORTS; i++) {
        char line[64];
        snprintf(line, sizeof line, "bridge br1 port %u", i);
        must_work(line);
    }
    must_work("bridge br1 port 0 vlan 10 untagged");
    must_work("bridge br1 port 1 vlan 10 tagged");
    must_work("bridge br1 port 1 vlan 20 tagged");
    must_work("bridge br1 port 2 vlan 20 untagged");
    must_work("bridge br1 port 2 vlan 10 tagged");
    must_work("bridge br1 port 3 vlan 20 untagged");
    br = bridge_find("br1");
    return 0;
}

static void put_tag(struct lan_frame *f, unsigned tpid, int tci)
{
    memmove(f->bytes + 16, f->bytes + 12, f->length - 12);
    store_be16(f->bytes + 12, (uint16_t)tpid);
    store_be16(f->bytes + 14, (uint16_t)tci);
    f->length += VLAN_TAG;
}

static void send_tagged(unsigned port, uint64_t destination, uint64_t source, int tci)
{
    struct lan_frame f;
    lan_frame(&f, destination, source, 7);
    if (tci != UNTAGGED)
        put_tag(&f, ETHERTYPE_VLAN, tci);
    wire_put(lan[port], f.bytes, f.length);
    lan_run();
}

/* The TCI of the frame that the port sent; UNTAGGED, or NOTHING. */
static int sent(unsigned port)
{
    if (lan_receive(port) < 0 && !lan_last.length)
        return NOTHING;
    const uint8_t *type = lan_last.bytes + ETHERNET_TYPE;
    int tci = load_be16(type) == ETHERTYPE_VLAN ? load_be16(type + 2) : UNTAGGED;
    uint32_t number;
    memcpy(&number, lan_last.bytes + 20 + (tci == UNTAGGED ? 0 : VLAN_TAG), sizeof number);
    assert_int_equal(number, 7);
    assert_int_equal(lan_last.length, tci == UNTAGGED ? 60 : 64);
    struct lan_frame one = lan_last;
    assert_int_equal(lan_receive(port), -1);
    lan_last = one;
    return tci;
}

static void sent_are(int a, int b, int c, int d)
{
    assert_int_equal(sent(0), a);
    assert_int_equal(sent(1), b);
    assert_int_equal(sent(2), c);
    assert_int_equal(sent(3), d);
}

/* Ways through ------------------------------------------------------------------------ */

/* Each wire has the tag or not, as the member is in the VLAN. */
static void a_flood_stays_in_its_vlan(void **state)
{
    send_tagged(0, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, 10, 10, NOTHING);
    send_tagged(1, LAN_BROADCAST, B, 20);
    sent_are(NOTHING, NOTHING, UNTAGGED, UNTAGGED);
    send_tagged(1, GROUP, B, 10);
    sent_are(UNTAGGED, NOTHING, 10, NOTHING);
    send_tagged(2, C, B, 10); /* an unknown station */
    sent_are(UNTAGGED, 10, NOTHING, NOTHING);
}

static void a_station_is_reached_in_its_vlan(void **state)
{
    send_tagged(0, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, 10, 10, NOTHING);
    send_tagged(1, A, B, 10);
    sent_are(UNTAGGED, NOTHING, NOTHING, NOTHING);
    send_tagged(2, B, C, 10);
    sent_are(NOTHING, 10, NOTHING, NOTHING);
    send_tagged(0, B, A, UNTAGGED);
    sent_are(NOTHING, 10, NOTHING, NOTHING);
    /* many in a row, to and fro between forms */
    for (unsigned i = 0; i < 3; i++) {
        struct lan_frame f;
        lan_frame(&f, B, A, 7);
        wire_put(lan[0], f.bytes, f.length);
    }
    lan_run();
    for (unsigned i = 0; i < 3; i++) {
        assert_true(lan_receive(1) >= 0);
        assert_int_equal(load_be16(lan_last.bytes + 14), 10);
    }
}

/* 802.1Q: independent learning.  The same address in two VLANs is two stations. */
static void vlans_learn_apart(void **state)
{
    send_tagged(0, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, 10, 10, NOTHING);
    send_tagged(3, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, 20, UNTAGGED, NOTHING);
    send_tagged(1, A, B, 10);
    sent_are(UNTAGGED, NOTHING, NOTHING, NOTHING);
    send_tagged(1, A, B, 20);
    sent_are(NOTHING, NOTHING, NOTHING, UNTAGGED);
}

/* A burst of many VLANs: none follows another's way. */
static void a_mixed_burst(void **state)
{
    static const int tcis[] = { 10, 20, 10, UNTAGGED, 20, 99, 10, 2 << 13 | 20 };
    send_tagged(0, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, 10, 10, NOTHING);
    send_tagged(3, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, 20, UNTAGGED, NOTHING);
    for (uint32_t i = 0; i < ARRAY_SIZE(tcis); i++) {
        struct lan_frame f;
        lan_frame(&f, A, B, i);
        if (tcis[i] != UNTAGGED)
            put_tag(&f, ETHERTYPE_VLAN, tcis[i]);
        wire_put(lan[2], f.bytes, f.length);
    }
    lan_run();
    for (uint32_t i = 0; i < ARRAY_SIZE(tcis); i++)
        if (tcis[i] == 10)
            assert_int_equal(lan_receive(0), i);
    for (uint32_t i = 0; i < ARRAY_SIZE(tcis); i++)
        if (tcis[i] == UNTAGGED || (tcis[i] & 0xfff) == 20)
            assert_int_equal(lan_receive(3), i);
    sent_are(NOTHING, NOTHING, NOTHING, NOTHING);
    assert_int_equal(lan_drops(2, DROP_vlan), 1); /* 99 */
}

static void ingress_is_filtered(void **state)
{
    uint64_t vlan = lan_drops(1, DROP_vlan);
    send_tagged(1, LAN_BROADCAST, A, UNTAGGED); /* no PVID */
    send_tagged(1, LAN_BROADCAST, A, 3 << 13);  /* a priority alone */
    send_tagged(1, LAN_BROADCAST, A, 30);
    send_tagged(1, LAN_BROADCAST, A, 4095);
    assert_int_equal(lan_drops(1, DROP_vlan), vlan + 4);
    vlan = lan_drops(3, DROP_vlan);
    send_tagged(3, LAN_BROADCAST, A, 10); /* a VLAN, but not of that port */
    assert_int_equal(lan_drops(3, DROP_vlan), vlan + 1);
    struct lan_frame f;
    lan_frame(&f, LAN_BROADCAST, A, 7);
    put_tag(&f, ETHERTYPE_VLAN, 10);
    wire_put(lan[1], f.bytes, 16); /* ends within the tag */
    lan_run();
    assert_int_equal(lan_drops(1, DROP_vlan), 5);
    sent_are(NOTHING, NOTHING, NOTHING, NOTHING);
    struct fdb_counts counts;
    fdb_counts(&counts);
    assert_int_equal(counts.learned, 0); /* and nobody was learned */
}

/* Priorities go on with a tag, VID 0 becomes the PVID; what we tag has priority 0. */
static void priorities_are_kept(void **state)
{
    send_tagged(1, LAN_BROADCAST, A, 5 << 13 | 1 << 12 | 10);
    sent_are(UNTAGGED, NOTHING, 5 << 13 | 1 << 12 | 10, NOTHING);
    send_tagged(0, LAN_BROADCAST, B, 6 << 13);
    sent_are(NOTHING, 6 << 13 | 10, 6 << 13 | 10, NOTHING);
    send_tagged(3, LAN_BROADCAST, C, 7 << 13);
    sent_are(NOTHING, 7 << 13 | 20, UNTAGGED, NOTHING);
    for (uint32_t i = 0; i < 3; i++) { /* each of a burst */
        struct lan_frame f;
        lan_frame(&f, B, C, 7);
        put_tag(&f, ETHERTYPE_VLAN, 7 << 13);
        wire_put(lan[3], f.bytes, f.length);
    }
    lan_run();
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(lan_receive(1) >= 0);
        assert_int_equal(load_be16(lan_last.bytes + VLAN_TCI), 7 << 13 | 20);
        lan_receive(2);
    }
}

/* 802.1ad: a provider's tag is payload, and so is a second customer's. */
static void further_tags_are_payload(void **state)
{
    struct lan_frame f;
    lan_frame(&f, LAN_BROADCAST, A, 7);
    put_tag(&f, ETHERTYPE_SERVICE_VLAN, 10);
    wire_put(lan[0], f.bytes, f.length);
    lan_run();
    assert_true(lan_receive(1) >= 0);
    assert_int_equal(lan_last.length, 68);
    assert_int_equal(load_be16(lan_last.bytes + 14), 10);
    assert_memory_equal(lan_last.bytes + 16, f.bytes + 12, f.length - 12);
    lan_receive(2);
    lan_frame(&f, LAN_BROADCAST, A, 7);
    put_tag(&f, ETHERTYPE_VLAN, 77);
    put_tag(&f, ETHERTYPE_VLAN, 10);
    wire_put(lan[1], f.bytes, f.length);
    lan_run();
    assert_true(lan_receive(0) >= 0);
    assert_int_equal(lan_last.length, 64);
    assert_int_equal(load_be16(lan_last.bytes + 14), 77);
    assert_true(lan_receive(2) >= 0);
    assert_memory_equal(lan_last.bytes, f.bytes, f.length);
}

/* Members --------------------------------------------------------------------------------- */

static void untagged_means_pvid(void **state)
{
    must_work("bridge br1 port 0 vlan 20 untagged"); /* instead of 10 */
    assert_int_equal(member_of(0)->vlans->pvid, 20);
    assert_false(vlan_set_has(member_of(0)->vlans, 10));
    send_tagged(0, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, 20, UNTAGGED, UNTAGGED);
    must_work("bridge br1 port 0 vlan 20 tagged");
    assert_int_equal(member_of(0)->vlans->pvid, 0);
    send_tagged(0, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, NOTHING, NOTHING, NOTHING);
    send_tagged(1, LAN_BROADCAST, B, 20);
    sent_are(20, NOTHING, UNTAGGED, UNTAGGED);
    assert_int_equal(lan_drops(0, DROP_vlan), 1);
}

/* A station behind a port that left the VLAN is not sent to there. */
static void leaving_a_vlan(void **state)
{
    uint16_t fid = bridge_vlan_of(br, 10)->fid;
    send_tagged(0, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, 10, 10, NOTHING);
    must_work("fdb add 02:00:00:00:00:02 port 0 vlan 10");
    must_work("bridge br1 port 0 no vlan 10");
    send_tagged(1, A, B, 10);
    sent_are(NOTHING, NOTHING, 10, NOTHING);
    must_not_show("show fdb", "static\n");
    must_work("bridge br1 port 1 no vlan 10");
    must_work("bridge br1 port 2 no vlan 10");
    assert_null(bridge_vlan_of(br, 10)); /* nobody is in it */
    assert_null(fid_get(fid).bridge);
    must_fail("bridge br1 port 2 no vlan 10", "port 2 is not in VLAN 10");
    must_work("bridge br1 no port 3");
    assert_false(member_of(3) && member_of(3)->vlans);
    assert_int_equal(bridge_vlan_of(br, 20)->members, 2);
    must_work("interface add 3.30"); /* its tags are its own again */
    must_work("interface delete 3.30");
}

/* All of 1 to 4094, each apart. */
static void as_many_as_there_are(void **state)
{
    char line[64];
    for (unsigned vid = 1; vid <= VLAN_MAX; vid++) {
        snprintf(line, sizeof line, "bridge br1 port 1 vlan %u tagged", vid);
        must_work(line);
    }
    must_work("bridge br1 port 3 vlan 4094 untagged");
    send_tagged(1, LAN_BROADCAST, A, 4094);
    sent_are(NOTHING, NOTHING, NOTHING, UNTAGGED);
    must_show("show bridge br1", "port 1         up, tagged 1-4094\n");
    must_work("bridge br1 vlan-aware off");
    assert_null(br->vlans);
    for (unsigned i = 0; i < fid_limit(); i++)
        assert_int_equal(fid_get((uint16_t)i).vid, 0);
}

/* Off means: tags are carried like any other bytes. */
static void off_again(void **state)
{
    must_work("fdb add 02:00:00:00:00:02 port 0 vlan 10");
    must_work("bridge br1 vlan-aware off");
    send_tagged(1, LAN_BROADCAST, A, 99);
    sent_are(99, NOTHING, 99, 99);
    must_not_show("show fdb", "static\n");
    must_fail("bridge br1 port 0 vlan 10 tagged", "bridge br1 is not VLAN-aware");
    must_fail("fdb add 02:00:00:00:00:02 port 0 vlan 10", "is in no VLAN-aware bridge");
}

/* Static and sticky ------------------------------------------------------------------------- */

static void stations_are_pinned_in_a_vlan(void **state)
{
    must_fail("fdb add 02:00:00:00:00:03 port 2", "bridge br1 is VLAN-aware");
    must_fail("fdb add 02:00:00:00:00:03 port 0 vlan 20", "port 0 is not in VLAN 20");
    must_work("fdb add 02:00:00:00:00:03 port 2 vlan 10");
    send_tagged(0, C, A, UNTAGGED);
    sent_are(NOTHING, NOTHING, 10, NOTHING);
    send_tagged(1, C, A, 20);
    sent_are(NOTHING, NOTHING, UNTAGGED, UNTAGGED);
    must_show("show fdb", "02:00:00:00:00:03  2     br1              10    static\n");
    must_show("show config", "fdb add 02:00:00:00:00:03 port 2 bridge br1 vlan 10\n");
    must_fail("fdb delete 02:00:00:00:00:03 vlan 20", "is not in the table");
    must_work("fdb delete 02:00:00:00:00:03 vlan 10");
}

/* What a sticky station sends by another port is dropped, each frame, and moves nothing. */
static void a_sticky_station_stays(void **state)
{
    must_work("fdb add 02:00:00:00:00:01 port 0 vlan 10 sticky");
    send_tagged(0, LAN_BROADCAST, A, UNTAGGED);
    sent_are(NOTHING, 10, 10, NOTHING);
    for (unsigned i = 0; i < 3; i++) {
        struct lan_frame f;
        lan_frame(&f, LAN_BROADCAST, A, 7);
        put_tag(&f, ETHERTYPE_VLAN, 10);
        wire_put(lan[1], f.bytes, f.length);
    }
    lan_run();
    assert_int_equal(lan_drops(1, DROP_station_elsewhere), 3);
    sent_are(NOTHING, NOTHING, NOTHING, NOTHING);
    send_tagged(2, A, B, 10);
    sent_are(UNTAGGED, NOTHING, NOTHING, NOTHING);
    send_tagged(1, LAN_BROADCAST, A, 20); /* another VLAN's is another station */
    sent_are(NOTHING, NOTHING, UNTAGGED, UNTAGGED);
    must_show("show config", "vlan 10 sticky\n");
}

/* From above ---------------------------------------------------------------------------------- */

static void a_vlan_is_an_interface(void **state)
{
    must_work("interface add br1.10");
    must_work("interface br1.10 address 192.0.2.1/24");
    must_work("interface br1 address 198.51.100.1/24"); /* kept, but not in effect */
    lan_run();
    struct interface *vlan = interface_find("br1.10");
    while (lan_receive(0) >= 0 || lan_last.length || lan_receive(1) >= 0 || lan_last.length ||
           lan_receive(2) >= 0 || lan_last.length)
        ;
    assert_true(vlan->up);
    assert_int_equal(vlan->addresses, 1);
    assert_int_equal(br->interface->addresses, 0);
    must_show("show interface br1", "198.51.100.1/24  (not in use)");

    struct packet *p = frame_of(LAN_BROADCAST, A, 7);
    p->port = PORT_NONE;
    memcpy(p->data + ETHERNET_SOURCE, vlan->mac, MAC_LEN);
    p->vlan = 10;
    assert_int_equal(packet_push_vlan(&control_worker()->cache, &p), 0);
    vlan->output(control_worker(), vlan, &p, 1);
    lan_run();
    sent_are(UNTAGGED, 10, 10, NOTHING);
    p = frame_of(LAN_BROADCAST, A, 7); /* untagged: of no VLAN */
    p->port = PORT_NONE;
    br->interface->output(control_worker(), br->interface, &p, 1);
    lan_run();
    sent_are(NOTHING, NOTHING, NOTHING, NOTHING);

    uint64_t own = 0;
    for (unsigned i = 0; i < MAC_LEN; i++)
        own = own << 8 | vlan->mac[i];
    uint64_t before = vlan->shares[0].counters.rx_packets;
    send_tagged(0, own, A, UNTAGGED); /* for us, whatever is in it */
    assert_int_equal(vlan->shares[0].counters.rx_packets, before + 1);
    send_tagged(3, own, B, UNTAGGED); /* VLAN 20 has no interface: nobody here has it */
    assert_int_equal(vlan->shares[0].counters.rx_packets, before + 1);
    sent_are(NOTHING, 20, UNTAGGED, NOTHING);
    send_tagged(1, LAN_BROADCAST, C, 10);
    sent_are(UNTAGGED, NOTHING, 10, NOTHING);
    assert_int_equal(vlan->shares[0].counters.rx_packets, before + 2);
}

/* Words ---------------------------------------------------------------------------- */

static void what_is_refused(void **state)
{
    must_fail("interface add 0.10", "port 0 is in a VLAN-aware bridge");
    must_fail("port 0 vlan 10", "port 0 is in a VLAN-aware bridge");
    must_fail("bridge br1 port 0 vlan 4095 tagged", "out of range");
    must_fail("bridge br1 port 0 vlan 0 untagged", "out of range");
    must_work("bridge add br2");
    must_fail("bridge br2 port 0 vlan 10 tagged", "port 0 is not in bridge br2");
    must_work("bridge br1 no port 3");
    must_work("port 3 vlan 5");
    must_fail("bridge br1 port 3", "port 3 has VLANs of its own");
    must_work("bridge br2 port 3");
    must_fail("bridge br2 vlan-aware on", "port 3 has VLANs of its own");
    must_work("port 3 vlan 0");
    must_work("bridge br2 no port 3");
    must_work("interface add 3.5");
    must_fail("bridge br1 port 3", "port 3 has VLANs of its own");
    must_work("interface delete 3.5");
}

/* Mode l2's bridge can be VLAN-aware; a port that has VLANs of its own stays out of it. */
static void the_default_bridge(void **state)
{
    must_work("bridge delete br1");
    must_work("forward l3");
    must_work("interface add 3.5");
    must_work("forward l2");
    assert_non_null(member_of(3));
    must_work("bridge br0 vlan-aware on");
    assert_null(member_of(3));
    assert_false(bridge_find("br0")->automatic);
    must_work("port 2 vlan 6"); /* so does one whose tags become its own */
    assert_null(member_of(2));
    must_work("port 2 vlan 0");
    seconds_pass(1);
    assert_non_null(member_of(2));
    must_work("interface add 2.5");
    assert_null(member_of(2));
    must_work("interface delete 2.5");
    seconds_pass(1);
    assert_non_null(member_of(2));
    must_work("interface delete 3.5");
    must_work("bridge br0 port 1 vlan 10 untagged"); /* the port is the user's from now on */
    assert_false(member_of(1)->automatic);
    assert_true(member_of(2)->automatic);
    must_work("forward l3");
    assert_non_null(member_of(1));
    assert_null(member_of(3));
    must_work("interface add 3.5");
    must_work("forward l2");
    assert_non_null(member_of(2));
    assert_null(member_of(3));
    must_fail("bridge add br0",
              "there is an interface 'br0' already"); /* and nothing has changed */
    must_fail("fdb add 02:00:00:00:00:09 port 3", "port 3 is in no bridge");
    must_fail("bridge br0 port 3", "port 3 has VLANs of its own");
    must_fail("interface add 1.5", "port 1 is in a VLAN-aware bridge");
}

static void the_configuration_comes_back(void **state)
{
    static char before[1 << 16];
    strcpy(before, typed_good("show config"));
    assert_non_null(strstr(before, "bridge add br1\n"
                                   "bridge br1 vlan-aware on\n"
                                   "bridge br1 port 0\n"
                                   "bridge br1 port 0 vlan 10 untagged\n"
                                   "bridge br1 port 1\n"
                                   "bridge br1 port 1 vlan 10 tagged\n"
                                   "bridge br1 port 1 vlan 20 tagged\n"
                                   "bridge br1 port 2\n"
                                   "bridge br1 port 2 vlan 20 untagged\n"
                                   "bridge br1 port 2 vlan 10 tagged\n"));
    must_work("bridge delete br1");
    assert_int_equal(command_run_text(before, strlen(before), '\n', &typed_out, "configuration"),
                     0);
    assert_string_equal(typed_good("show config"), before);
    must_show("show bridge br1", "bridge br1: up, VLAN-aware\n");
    must_show("show bridge br1", "port 2         up, untagged 20, tagged 10\n");
}

/* Its stations' identifier stays its own. */
static void a_second_default_bridge_is_refused(void **state)
{
    must_work("bridge add br0");
    must_fail("bridge add br0", "there is an interface 'br0' already");
    assert_ptr_equal(fid_get(BRIDGE_DEFAULT_FID).bridge, bridge_find("br0"));
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up_vlans, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_flood_stays_in_its_vlan),
        test(a_station_is_reached_in_its_vlan),
        test(vlans_learn_apart),
        test(a_mixed_burst),
        test(ingress_is_filtered),
        test(priorities_are_kept),
        test(further_tags_are_payload),
        test(untagged_means_pvid),
        test(leaving_a_vlan),
        test(as_many_as_there_are),
        test(off_again),
        test(stations_are_pinned_in_a_vlan),
        test(a_sticky_station_stays),
        test(a_vlan_is_an_interface),
        test(what_is_refused),
        test(the_default_bridge),
        test(a_second_default_bridge_is_refused),
        test(the_configuration_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
