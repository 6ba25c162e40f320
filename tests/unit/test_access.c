/* apps/forward/access.c: a port of one VLAN, on the wire tagged, here not; the law of stats.h. */
#include "apps/forward/access.h"
#include "kernel/endian.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <errno.h>
#include <string.h>

#define A 0x020000000001ull
#define B 0x020000000002ull
#define VLAN 100u

/* Port 0 is the access port, port 1 has no VLAN. */
static int set_up(void **state)
{
    lan_start(2, "io");
    assert_int_equal(access_set_vlan(&lan[0]->port, VLAN), 0);
    return 0;
}

static int tear_down(void **state)
{
    lan_check_conservation();
    lan_stop();
    return 0;
}

/* A frame of `length` octets with that word in front of its type; 0: none. */
static void frame_make(struct lan_frame *f, uint32_t length, uint32_t tag, uint32_t number)
{
    lan_frame(f, A, B, number);
    memset(f->bytes + f->length, 0x5a, sizeof f->bytes - f->length);
    f->length = length;
    if (!tag)
        return;
    memmove(f->bytes + ETHERNET_TYPE + VLAN_TAG, f->bytes + ETHERNET_TYPE, length - ETHERNET_TYPE);
    store_be32(f->bytes + ETHERNET_TYPE, tag);
    f->length += VLAN_TAG;
}

static void put(unsigned port, uint32_t length, uint32_t tag, uint32_t number)
{
    struct lan_frame f;
    frame_make(&f, length, tag, number);
    wire_put(lan[port], f.bytes, f.length);
    lan_run();
}

static void taken_is(unsigned port, uint32_t length, uint32_t tag, uint32_t number)
{
    struct lan_frame f;
    uint8_t got[FRAME_MAX];
    frame_make(&f, length, tag, number);
    assert_int_equal(wire_take(lan[port], got, sizeof got), f.length);
    assert_memory_equal(got, f.bytes, f.length);
}

/* Whatever the tag's priority; the other port's frames go out tagged. */
static void the_tag_is_on_one_side_only(void **state)
{
    for (uint32_t length = 60; length <= 1514; length += 200) {
        put(0, length, 0x8100e000 | VLAN, length);
        taken_is(1, length, 0, length);
        put(1, length, 0, length);
        taken_is(0, length, 0x81000000 | VLAN, length);
    }
    /* an inner tag is none of its business */
    put(0, 100, 0x81000000 | VLAN, 1);
    taken_is(1, 100, 0, 1);
    put(1, 100, 0x81000007, 2);
    uint8_t got[200];
    assert_int_equal(wire_take(lan[0], got, sizeof got), 108);
    assert_int_equal(load_be32(got + 12), 0x81000000 | VLAN);
    assert_int_equal(load_be32(got + 16), 0x81000007);
}

/* One of two frames of a burst is not the VLAN's: the worker received both. */
static void a_worker_counts_what_it_drops(void **state)
{
    struct worker_totals before, after;
    struct lan_frame f;
    stats_worker_totals(0, &before);
    for (uint32_t i = 0; i < 2; i++) {
        frame_make(&f, 100, i ? 0x81000000 | VLAN : 0, i);
        wire_put(lan[0], f.bytes, f.length);
    }
    lan_run();
    stats_worker_totals(0, &after);
    assert_int_equal(lan_drops(0, DROP_vlan), 1);
    assert_int_equal(after.packets - before.packets, 2);
}

/* Another's tag, a provider's, a priority alone, none: not in the VLAN, counted once. */
static void other_frames_are_dropped_and_counted(void **state)
{
    static const uint32_t tags[] = { 0,          0x81000000,        0x8100e000,
                                     0x81000065, 0x88a80000 | VLAN, 0x81000000 | VLAN | 0x800 };
    for (unsigned i = 0; i < ARRAY_SIZE(tags); i++) {
        put(0, 100, tags[i], i);
        assert_int_equal(wire_count(lan[1]), 0);
        assert_int_equal(lan_drops(0, DROP_vlan), i + 1);
    }
    lan_check_conservation();
    assert_int_equal(lan[0]->rx.packets, ARRAY_SIZE(tags));
    assert_int_equal(lan[0]->rx.errors, 0);
}

static void vlans_change_and_end(void **state)
{
    struct port *port = &lan[0]->port;
    assert_int_equal(access_set_vlan(port, VLAN_MAX + 1), -EINVAL);
    assert_int_equal(port->vlan, VLAN);
    assert_int_equal(access_set_vlan(port, 7), 0);
    put(0, 100, 0x81000000 | VLAN, 1);
    assert_int_equal(lan_drops(0, DROP_vlan), 1);
    put(0, 100, 0x81000007, 2);
    taken_is(1, 100, 0, 2);
    assert_int_equal(access_set_vlan(port, 0), 0);
    put(0, 100, 0x81000007, 3);
    taken_is(1, 100, 0x81000007, 3);
    put(1, 100, 0, 4);
    taken_is(0, 100, 0, 4);
    port_fail(port, "the test says so");
    assert_int_equal(access_set_vlan(port, 5), -EIO);
}

/* port.h: two tags on top of the MTU, and the port's own is one of them. */
static void a_frame_that_the_tag_makes_too_long_is_dropped(void **state)
{
    put(1, 1514, 0x81000007, 1);
    assert_int_equal(wire_count(lan[0]), 1);
    put(1, 1518, 0x81000007, 2);
    assert_int_equal(wire_count(lan[0]), 1);
    assert_int_equal(lan_drops(0, DROP_tx_too_long), 1);
}

static void fill_pool(struct packet **all, uint32_t *n)
{
    struct packet *p;
    for (*n = 0; (p = packet_alloc(&control_worker()->cache)); (*n)++)
        all[*n] = p;
}

/* A buffer full from end to end wants a packet for the tag; there is none. */
static void without_a_packet_for_the_tag_the_frame_is_dropped(void **state)
{
    static struct packet *all[LAN_PACKETS];
    struct worker *worker = control_worker();
    struct packet *p = packet_alloc(&worker->cache);
    uint32_t n;
    lan[0]->port.mtu = 9000;
    memset(p->buffer, 0, PACKET_BUFFER_SIZE);
    p->data = p->buffer;
    p->length = PACKET_BUFFER_SIZE;
    p->frame_length = PACKET_BUFFER_SIZE;
    fill_pool(all, &n);
    control_originate(worker, &lan[0]->port, p);
    lan_run();
    assert_int_equal(lan_drops(0, DROP_tx_no_buffer), 1);
    packet_free_burst(&worker->cache, all, n);
}

/* Frames the appliance makes itself count as originated even when the tag does not fit. */
static void offered_frames_keep_the_law(void **state)
{
    struct worker *worker = control_worker();
    struct packet *two[2];
    assert_true(packet_alloc_burst(&worker->cache, two, 2));
    for (unsigned i = 0; i < 2; i++) {
        two[i]->length = (uint16_t)(i ? FRAME_LIMIT(1500) : 60);
        two[i]->frame_length = two[i]->length;
        memset(two[i]->data, 0, two[i]->length);
    }
    forward_offer(worker, &lan[0]->port, two, 2);
    assert_int_equal(wire_count(lan[0]), 1);
    assert_int_equal(lan_drops(0, DROP_tx_too_long), 1);
}

/* What the device does is not done again. */
static void offloads_save_the_work(void **state)
{
    struct worker *worker = control_worker();
    struct port *port = &lan[0]->port;
    struct packet *p = packet_alloc(&worker->cache);
    memset(p->data, 0, 60);
    p->length = 60;
    p->frame_length = 60;
    p->flags = PACKET_VLAN;
    p->vlan = 0xe000 | VLAN;
    assert_int_equal(
        access_receive(&worker->cache, forward_counters(worker, port->number), port, &p, 1), 1);
    assert_int_equal(p->flags, 0);
    assert_int_equal(p->frame_length, 60);
    port->offloads = PORT_OFFLOAD_VLAN_INSERT;
    assert_int_equal(
        access_transmit(&worker->cache, forward_counters(worker, port->number), port, &p, 1), 1);
    assert_int_equal(p->flags, PACKET_VLAN);
    assert_int_equal(p->vlan, VLAN);
    assert_int_equal(p->frame_length, 60);
    p->vlan = 7; /* beside the frame already: an inner one from now on */
    assert_int_equal(
        access_transmit(&worker->cache, forward_counters(worker, port->number), port, &p, 1), 1);
    assert_int_equal(p->vlan, VLAN);
    assert_int_equal(p->frame_length, 64);
    assert_int_equal(load_be32(p->data + 12), 0x81000007);
    port->offloads = 0;
    packet_free(&worker->cache, p);
}

/* A second worker, which ends its turn whenever it is waited for; what it finds then. */
static struct {
    uint32_t device; /* offloads that the device does */
    struct worker_turns turns;
    unsigned waits;
    struct found {
        uint32_t device;
        uint16_t vlan;
    } found[4];
} other;

static int device_set_offloads(struct port *port, uint32_t offloads)
{
    other.device = offloads;
    return 0;
}

static void other_ends_its_turn(void)
{
    assert_in_range(other.waits, 0, ARRAY_SIZE(other.found) - 1);
    other.found[other.waits++] =
        (struct found){ .device = other.device, .vlan = lan[0]->port.vlan };
    turns_end(&other.turns);
}

static void other_found(unsigned wait, uint32_t device, uint16_t vlan)
{
    assert_int_equal(other.found[wait].device, device);
    assert_int_equal(other.found[wait].vlan, vlan);
}

/* Whoever has a burst of which the device took the tags off finds the port in its VLAN, and who
 * left a tag to the device finds the device putting it in, whatever happens meanwhile. */
static void a_vlan_comes_and_goes_under_a_worker(void **state)
{
    const uint32_t both = PORT_OFFLOAD_VLAN_STRIP | PORT_OFFLOAD_VLAN_INSERT;
    struct port *port = &lan[0]->port;
    struct port_ops ops = *port->ops;
    const struct port_ops *before = port->ops;
    assert_int_equal(access_set_vlan(port, 0), 0);
    ops.set_offloads = device_set_offloads;
    port->ops = &ops;
    port->limits.offloads = both;
    memset(&other, 0, sizeof other);
    quiesce_add(&other.turns);
    turns_park(&other.turns, false);
    host_set_yield(other_ends_its_turn);

    assert_int_equal(access_set_vlan(port, VLAN), 0);
    assert_int_equal(other.waits, 1);
    other_found(0, 0, VLAN);
    assert_int_equal(other.device, both);

    other.waits = 0;
    assert_int_equal(access_set_vlan(port, 0), 0);
    assert_int_equal(other.waits, 2);
    other_found(0, PORT_OFFLOAD_VLAN_INSERT, VLAN);
    other_found(1, PORT_OFFLOAD_VLAN_INSERT, 0);
    assert_int_equal(other.device, 0);
    turns_park(&other.turns, true);
    port->ops = before;
}

/* IEEE 802.1Q 9.6: VID 0 is a priority and no VLAN. */
static void a_priority_is_no_vlan(void **state)
{
    struct packet *p = packet_alloc(&control_worker()->cache);
    memset(p->data, 0x11, 100);
    store_be32(p->data + 12, 0x8100e000);
    p->length = 100;
    p->frame_length = 100;
    assert_true(access_take_priority(p));
    assert_int_equal(p->frame_length, 96);
    assert_int_equal(p->flags, 0);
    assert_false(access_take_priority(p));
    store_be32(p->data + 12, 0x8100e001);
    assert_false(access_take_priority(p));
    assert_int_equal(p->frame_length, 96);
    p->flags = PACKET_VLAN;
    p->vlan = 0x2000;
    assert_true(access_take_priority(p));
    assert_int_equal(p->flags, 0);
    assert_int_equal(p->frame_length, 96);
    p->flags = PACKET_VLAN;
    p->vlan = 0x2001;
    assert_false(access_take_priority(p));
    assert_int_equal(p->flags, PACKET_VLAN);
    packet_free(&control_worker()->cache, p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(the_tag_is_on_one_side_only),
        TEST(other_frames_are_dropped_and_counted),
        TEST(a_worker_counts_what_it_drops),
        TEST(vlans_change_and_end),
        TEST(a_frame_that_the_tag_makes_too_long_is_dropped),
        TEST(without_a_packet_for_the_tag_the_frame_is_dropped),
        TEST(offered_frames_keep_the_law),
        TEST(offloads_save_the_work),
        TEST(a_vlan_comes_and_goes_under_a_worker),
        TEST(a_priority_is_no_vlan),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
