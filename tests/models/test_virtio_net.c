/* virtio: the network port against a device that was written from virtio 1.2 and
 * forgives nothing (virtio_net_model.h).  Negotiation is in test_virtio_net_negotiation.c,
 * devices that cannot be relied on are in test_virtio_net_trouble.c, the conformance suite over
 * every kind of device is in test_virtio_net_matrix.c. */
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/virtio_net_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Configuration ---------------------------------------------------------------------- */

static void mac_is_the_devices(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_up(&config);
    assert_memory_equal(vnet.port->mac, vnet_mac, 6);
    assert_memory_equal(vnet.port->permanent_mac, vnet_mac, 6);
    vnet_down();
}

/* 5.1.6.5.2 and, for legacy devices, 5.1.6.5.2.3; also while stopped. */
static void mac_can_be_set(void **state)
{
    const uint8_t other[6] = { 0x02, 1, 2, 3, 4, 5 }, third[6] = { 0x02, 9, 8, 7, 6, 5 };
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++)
        for (unsigned control = 0; control < 2; control++) {
            struct virtio_net_model_config config = vnet_usual((enum virtio_model_kind)kind);
            config.features &= control ? ~0ull : ~F_CONTROL;
            vnet_up(&config);
            bool can = control || kind == MODEL_LEGACY;
            assert_int_equal(port_set_mac(vnet.port, other), can ? 0 : -ENOTSUP);
            assert_memory_equal(vnet.model->mac, can ? other : vnet_mac, 6);
            port_stop(vnet.port);
            assert_int_equal(port_set_mac(vnet.port, third), can ? 0 : -ENOTSUP);
            assert_int_equal(port_start(vnet.port), 0);
            assert_memory_equal(vnet.model->mac, can ? third : vnet_mac, 6);
            assert_memory_equal(vnet.port->mac, can ? third : vnet_mac, 6);
            vnet_down();
        }
}

static void assert_filters(bool promiscuous, bool all, unsigned count)
{
    assert_int_equal(vnet.model->promiscuous, promiscuous);
    assert_int_equal(vnet.model->all_multicast, all);
    assert_int_equal(vnet.model->multicast_count, count);
}

/* 5.1.6.5.1, 5.1.6.5.2 */
static void receive_filters_follow_the_mode(void **state)
{
    static const uint8_t groups[2][6] = { { 0x33, 0x33, 0, 0, 0, 1 }, { 1, 0, 0x5e, 0, 0, 9 } };
    static const uint8_t stranger[60] = { 0x02, 0x77, 1, 2, 3, 4 };
    uint8_t multicast[60] = { 1, 0, 0x5e, 0, 0, 9 };
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = vnet_usual((enum virtio_model_kind)kind);
        config.features &= kind == MODEL_LEGACY ? ~F_ANY_LAYOUT : ~0ull;
        vnet_up(&config);
        assert_filters(false, false, 0);
        assert_false(virtio_net_model_receive(vnet.model, stranger, 60));
        assert_false(virtio_net_model_receive(vnet.model, multicast, 60));
        struct port_rx_mode mode = { .multicast = groups, .multicast_count = 2 };
        assert_int_equal(port_set_rx_mode(vnet.port, &mode), 0);
        assert_filters(false, false, 2);
        assert_memory_equal(vnet.model->multicast[1], groups[1], 6);
        assert_true(virtio_net_model_receive(vnet.model, multicast, 60));
        vnet_assert_received(multicast, 60);
        mode = (struct port_rx_mode){ .promiscuous = true };
        assert_int_equal(port_set_rx_mode(vnet.port, &mode), 0);
        assert_true(vnet.model->promiscuous); /* it receives all, whatever the other filters */
        assert_true(virtio_net_model_receive(vnet.model, stranger, 60));
        vnet_assert_received(stranger, 60);
        unsigned commands = vnet.model->control_commands;
        assert_int_equal(port_set_rx_mode(vnet.port, &mode), 0);
        assert_int_equal(vnet.model->control_commands, commands);
        /* Kept over stop and start, and settable while stopped. */
        port_stop(vnet.port);
        assert_int_equal(port_start(vnet.port), 0);
        assert_true(vnet.model->promiscuous);
        assert_int_equal(vnet.model->control_commands, commands + 1);
        mode = (struct port_rx_mode){ .multicast = groups, .multicast_count = 1 };
        assert_int_equal(port_set_rx_mode(vnet.port, &mode), 0);
        assert_filters(false, false, 1);
        port_stop(vnet.port);
        mode = (struct port_rx_mode){ .all_multicast = true };
        assert_int_equal(port_set_rx_mode(vnet.port, &mode), 0);
        assert_int_equal(port_start(vnet.port), 0);
        assert_filters(false, true, 0);
        vnet_down();
    }
}

/* 5.1.6.5.2: the unicast table goes before the multicast one, and both are whole. */
static void further_stations_are_in_the_unicast_table(void **state)
{
    static const uint8_t stations[2][6] = { { 2, 0, 0x5e, 0, 1, 1 }, { 2, 0, 0x5e, 0, 1, 2 } };
    static const uint8_t groups[1][6] = { { 0x33, 0x33, 0, 0, 0, 1 } };
    const struct port_rx_mode mode = {
        .unicast = stations, .unicast_count = 2, .multicast = groups, .multicast_count = 1
    };
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_up(&config);
    assert_int_equal(port_set_rx_mode(vnet.port, &mode), 0);
    assert_filters(false, false, 1);
    assert_int_equal(vnet.model->unicast_count, 2);
    assert_memory_equal(vnet.model->unicast, stations, sizeof stations);
    assert_memory_equal(vnet.model->multicast, groups, sizeof groups);
    vnet_down();
    config.features &= ~F_CTRL_RX; /* it hears what it likes */
    vnet_up(&config);
    assert_int_equal(port_set_rx_mode(vnet.port, &mode), -ENOTSUP);
    vnet_down();
}

/* More groups than a command holds: all of them, rather than too few. */
static void too_many_groups_become_all(void **state)
{
    static uint8_t groups[700][6];
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    for (unsigned i = 0; i < 700; i++)
        memcpy(groups[i], (uint8_t[]){ 1, 0, 0x5e, 0, (uint8_t)(i >> 8), (uint8_t)i }, 6);
    vnet_up(&config);
    struct port_rx_mode mode = { .multicast = (const uint8_t(*)[6])groups, .multicast_count = 700 };
    assert_int_equal(port_set_rx_mode(vnet.port, &mode), 0);
    assert_filters(false, true, 0);
    vnet_down();
}

static bool hears_vlan(unsigned vid)
{
    uint8_t frame[64] = { [12] = 0x81, [14] = (uint8_t)(vid >> 8), [15] = (uint8_t)vid, [16] = 8 };
    memcpy(frame, vnet.port->mac, MAC_LEN);
    if (!virtio_net_model_receive(vnet.model, frame, sizeof frame))
        return false;
    vnet_assert_received(frame, sizeof frame);
    return true;
}

/* 5.1.6.5.3: only wanted VLANs, and those that are none; all of them while promiscuous; whatever
 * happened in between. */
static void vlans_are_filtered(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = vnet_usual((enum virtio_model_kind)kind);
        struct port_rx_mode all = { .promiscuous = true }, own = { 0 };
        vnet_up(&config);
        assert_true(hears_vlan(0));
        assert_false(hears_vlan(7));
        assert_int_equal(port_vlan_filter(vnet.port, 7, true), 0);
        assert_int_equal(port_vlan_filter(vnet.port, 4094, true), 0);
        assert_true(hears_vlan(7) && hears_vlan(4094) && !hears_vlan(8));
        assert_int_equal(port_set_rx_mode(vnet.port, &all), 0);
        assert_true(hears_vlan(8));
        unsigned commands = vnet.model->control_commands;
        assert_int_equal(port_vlan_filter(vnet.port, 7, false), 0);
        assert_int_equal(port_vlan_filter(vnet.port, 9, true), 0);
        assert_int_equal(vnet.model->control_commands, commands); /* it hears all of them */
        assert_int_equal(port_set_rx_mode(vnet.port, &own), 0);
        assert_true(!hears_vlan(7) && hears_vlan(9) && hears_vlan(4094) && hears_vlan(0));
        port_stop(vnet.port);
        assert_int_equal(port_vlan_filter(vnet.port, 9, false), 0);
        assert_int_equal(port_start(vnet.port), 0);
        assert_true(!hears_vlan(9) && hears_vlan(4094) && hears_vlan(0));
        vnet.model->control_answer = 1;
        assert_int_equal(port_vlan_filter(vnet.port, 10, true), -EIO);
        vnet.model->control_answer = 0;
        vnet.model->vlans[10] = false; /* it refused */
        assert_int_equal(port_vlan_filter(vnet.port, 11, true), 0);
        assert_true(!hears_vlan(10) && hears_vlan(11));
        vnet_down();
    }
}

static void filters_without_control_queue_are_refused(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    config.features &= ~F_CONTROL;
    vnet_up(&config);
    struct port_rx_mode mode = { .promiscuous = true };
    assert_int_equal(port_set_rx_mode(vnet.port, &mode), -ENOTSUP);
    vnet_down();
}

/* A command that is refused, and one that is never answered. */
static void control_trouble_is_told(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    struct port_rx_mode mode = { .promiscuous = true };
    vnet_up(&config);
    vnet.model->control_answer = 1;
    assert_int_equal(port_set_rx_mode(vnet.port, &mode), -EIO);
    assert_true(host_log_contains("control command 0.0 refused: ack 1, expected 0"));
    assert_false(vnet.port->rx_mode.promiscuous);
    vnet.model->control_answer = 0;
    vnet.model->deaf_control = true;
    assert_int_equal(port_set_rx_mode(vnet.port, &mode), -EIO);
    assert_true(host_log_contains("control queue: command 0.0 not answered"));
    vnet.model->deaf_control = false;
    assert_int_equal(port_set_rx_mode(vnet.port, &mode), -EIO); /* its memory is still out */
    port_stop(vnet.port);
    assert_int_equal(port_start(vnet.port), 0);
    assert_int_equal(port_set_rx_mode(vnet.port, &mode), 0);
    vnet_down();
}

/* 5.1.4.2: without STATUS the link is up, with it the bottom bit says. */
static void link_follows_status(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = vnet_usual((enum virtio_model_kind)kind);
        vnet_up(&config);
        assert_true(port_poll_link(vnet.port));
        assert_true(vnet.port->link.up);
        virtio_net_model_set_link(vnet.model, false);
        assert_true(port_poll_link(vnet.port));
        assert_false(vnet.port->link.up);
        assert_false(port_poll_link(vnet.port));
        virtio_net_model_set_link(vnet.model, true);
        assert_true(port_poll_link(vnet.port));
        vnet_down();
        config.features &= ~F_STATUS;
        vnet_up(&config);
        virtio_net_model_set_link(vnet.model, false);
        port_poll_link(vnet.port);
        assert_true(vnet.port->link.up);
        vnet_down();
    }
}

/* 5.1.4.2: what is not a known speed or duplex is unknown. */
static void speed_and_duplex_are_reported(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    config.features |= F_SPEED_DUPLEX;
    vnet_up(&config);
    port_poll_link(vnet.port);
    assert_int_equal(vnet.port->link.speed_mbps, 0);
    vnet.model->speed = 25000;
    vnet.model->duplex = 1;
    assert_true(port_poll_link(vnet.port));
    assert_int_equal(vnet.port->link.speed_mbps, 25000);
    assert_true(vnet.port->link.full_duplex);
    vnet.model->speed = 0x80000000;
    port_poll_link(vnet.port);
    assert_int_equal(vnet.port->link.speed_mbps, 0);
    vnet_down();
}

/* MTU -------------------------------------------------------------------------------- */

/* 5.1.4.2: the device's mtu bounds ours, below 1500 as well. */
static void device_mtu_bounds_ours(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    config.features |= F_MTU;
    config.mtu = 1400;
    vnet_up(&config);
    assert_int_equal(vnet.port->mtu, 1400);
    assert_int_equal(port_set_mtu(vnet.port, 1401), -EINVAL);
    assert_int_equal(port_set_mtu(vnet.port, 68), 0);
    assert_int_equal(port_set_mtu(vnet.port, 1400), 0);
    vnet_carry_in(1418);
    vnet_carry_out(1418, 2000);
    vnet_down();
    config.mtu = 65535;
    vnet_up(&config);
    assert_int_equal(vnet.port->limits.max_frame, FRAME_MAX);
    vnet_down();
}

/* 5.1.4.2: buffers are for the MTU negotiated, from the beginning, by merging them or by larger
 * ones. */
static void a_device_that_tells_an_mtu_begins_with_it(void **state)
{
    for (unsigned mrg = 0; mrg < 2; mrg++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        config.features |= F_MTU;
        config.features &= mrg ? ~0ull : ~F_MRG_RXBUF;
        config.mtu = 9000;
        vnet_up(&config);
        assert_int_equal(vnet.port->mtu, 9000);
        assert_int_equal(vnet.port->first_mtu, 9000);
        vnet_carry_in(9014);
        vnet_carry_out(9022, 1900);
        vnet_down();
    }
}

/* A device that says ff:ff:ff:ff:ff:ff, a group or nothing. */
static void an_address_that_is_no_stations_is_not_taken(void **state)
{
    static const uint8_t wrong[][MAC_LEN] = { { 255, 255, 255, 255, 255, 255 }, { 1 }, { 0 } };
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        memcpy(config.mac, wrong[i], MAC_LEN);
        vnet_up(&config);
        assert_int_equal(vnet.port->mac[0] & 3, 2);
        assert_memory_equal(vnet.port->mac, vnet.port->permanent_mac, MAC_LEN);
        assert_true(host_log_contains("which is no station's"));
        vnet_down();
    }
}

/* As long as the device's, within what the pool is made for. */
static void rings_are_as_long_as_the_device_s(void **state)
{
    static const struct {
        uint64_t with, without;
        uint16_t device, pairs, ring;
    } cases[] = {
        { 0, 0, 64, 1, 64 },        { 0, 0, 1024, 1, 1024 },
        { 0, 0, 32768, 1, 1024 },   { 0, F_MRG_RXBUF, 1024, 1, 256 },
        { F_MQ, 0, 1024, 2, 512 },  { F_MQ, 0, 1024, 3, 256 },
        { F_MQ, 0, 1024, 16, 256 }, { F_RING_PACKED, 0, 300, 1, 300 },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        config.features = (config.features | cases[i].with) & ~cases[i].without;
        config.queue_size[0] = config.queue_size[1] = cases[i].device;
        config.pairs = cases[i].pairs;
        vnet_up(&config);
        assert_int_equal(vnet.port->rxq[0]->size, cases[i].ring);
        assert_int_equal(vnet.model->queue[0].size, cases[i].ring);
        assert_int_equal(vnet.model->queue[1].size, cases[i].ring);
        vnet_traffic();
        vnet_down();
    }
}

/* 2.7, 2.8: past the end of the longest rings, and of the shortest; both ways. */
static void rings_of_every_length_go_round(void **state)
{
    static const struct {
        enum virtio_model_kind kind;
        uint64_t with;
        uint16_t size;
    } cases[] = { { MODEL_LEGACY, 0, 64 },
                  { MODEL_LEGACY, 0, 32768 },
                  { MODEL_MODERN, 0, 64 },
                  { MODEL_MODERN, 0, 32768 },
                  { MODEL_MODERN, F_RING_PACKED, 64 },
                  { MODEL_MODERN, F_RING_PACKED, 67 },
                  { MODEL_MODERN, F_RING_PACKED, 32767 },
                  { MODEL_MODERN, F_RING_PACKED, 32768 } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct virtio_net_model_config config = vnet_usual(cases[i].kind);
        config.features |= cases[i].with;
        config.queue_size[0] = config.queue_size[1] = cases[i].size;
        vnet_up(&config);
        port_stop(vnet.port);
        vnet.port->rxq[0]->size = vnet.port->txq[0]->size = cases[i].size;
        assert_int_equal(port_start(vnet.port), 0);
        assert_int_equal(vnet.model->queue[0].size, cases[i].size);
        assert_int_equal(vnet.model->queue[1].size, cases[i].size);
        for (unsigned n = 0; n < cases[i].size + 70u; n++) {
            vnet_carry_in(60 + n % 50);
            vnet_carry_out(60 + n % 50, 1900);
        }
        vnet_down();
    }
}

/* 5.1.4.1: below 68 it is no mtu. */
static void nonsense_mtu_is_ignored(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    config.features |= F_MTU;
    config.mtu = 67;
    vnet_up(&config);
    assert_int_equal(vnet.model->accepted & F_MTU, 0);
    assert_int_equal(vnet.port->mtu, 1500);
    assert_true(host_log_contains("MTU 67 ignored"));
    config.mtu = 1500;
    vnet_down();
}

/* Jumbo frames: by merging buffers, or by larger ones after a fresh start. */
static void jumbo_frames_pass(void **state)
{
    struct virtio_net_model_config config;
    for (unsigned n = 0; vnet_next_variant(n, &config); n += 3) {
        if (config.queue_size[0] < 32)
            continue;
        vnet_up(&config);
        assert_int_equal(port_set_mtu(vnet.port, 9198), 0);
        for (size_t size = FRAME_MIN; size <= FRAME_MAX; size += 383)
            vnet_carry_in(size);
        vnet_carry_in(PACKET_ROOM);
        vnet_carry_in(PACKET_ROOM + 1);
        vnet_carry_in(FRAME_MAX);
        if (vnet.model->config.queue_size[1] > FRAME_SEGMENTS_MAX)
            vnet_carry_out(FRAME_MAX, 1900);
        assert_int_equal(port_set_mtu(vnet.port, 1500), 0);
        vnet_traffic();
        vnet_down();
    }
}

/* Receiving what breaks the rules of nic/port.h ------------------------------------------- */

static void runts_and_giants_are_counted(void **state)
{
    for (unsigned mrg = 0; mrg < 2; mrg++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        uint8_t frame[4000];
        config.features &= mrg ? ~0ull : ~F_MRG_RXBUF;
        vnet_up(&config);
        vnet_fill(frame, sizeof frame, 1);
        vnet_assert_refused(frame, 13);
        vnet_assert_refused(frame, 0);
        vnet_assert_refused(frame, 1523);
        if (mrg)
            vnet_assert_refused(frame, 4000);
        vnet_carry_in(1522);
        vnet_carry_in(14);
        vnet_down();
    }
}

/* A used length beyond the buffer is no length (virtqueue.h), one below the
 * header no frame. */
static void length_lies_are_counted(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    uint8_t frame[100];
    vnet_up(&config);
    vnet_fill(frame, sizeof frame, 1);
    vnet.model->length_lie = 5000;
    vnet_assert_refused(frame, 100);
    vnet.model->length_lie = 0xffffffff - 100 - 12 + 1; /* used length 0 */
    vnet_assert_refused(frame, 100);
    vnet.model->length_lie = 0xffffffff - 100; /* used length 11 */
    vnet_assert_refused(frame, 100);
    vnet.model->length_lie = 0;
    vnet_carry_in(100);
    vnet_down();
}

/* The buffers of one frame may become visible one by one. */
static void frame_arriving_in_parts_is_put_together(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    struct virtq_buffer b;
    struct packet *p;
    uint8_t bytes[12 + 300] = { [10] = 3 };
    vnet_up(&config);
    struct virtq_device *q = &vnet.model->queue[0];
    vnet_fill(bytes + 12, 300, 5);
    for (unsigned i = 0, at = 0; i < 3; i++) {
        unsigned part = i ? 50 : 212;
        assert_int_equal(port_rx_burst(vnet.port->rxq[0], &p, 1), 0);
        assert_true(virtq_device_take(q, &b));
        virtq_device_write(q, &b, 0, bytes + at, part);
        virtq_device_put(q, b.head, part);
        virtq_device_publish(q);
        at += part;
    }
    vnet_assert_received(bytes + 12, 300);
    /* One that never ends is freed by stop. */
    assert_true(virtq_device_take(q, &b));
    virtq_device_write(q, &b, 0, bytes, 212);
    virtq_device_put(q, b.head, 212);
    virtq_device_publish(q);
    assert_int_equal(port_rx_burst(vnet.port->rxq[0], &p, 1), 0);
    vnet_down();
}

/* nic/packet.h: the first segment holds PACKET_HEADER_MIN bytes or everything. */
static void short_first_segment_is_counted(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    struct virtq_buffer b;
    struct packet *p;
    uint8_t bytes[12 + 200] = { [10] = 2 };
    for (unsigned first = 0; first <= 128; first += 64) {
        vnet_up(&config);
        struct virtq_device *q = &vnet.model->queue[0];
        for (unsigned i = 0; i < 2; i++) {
            unsigned part = i ? 50 : 12 + first;
            assert_true(virtq_device_take(q, &b));
            virtq_device_write(q, &b, 0, bytes, part);
            virtq_device_put(q, b.head, part);
        }
        virtq_device_publish(q);
        assert_int_equal(port_rx_burst(vnet.port->rxq[0], &p, 1), first == 128);
        assert_int_equal(vnet.port->rxq[0]->errors, first != 128);
        if (first == 128)
            packet_free(&vnet.cache, p);
        vnet_down();
    }
}

/* Sending ------------------------------------------------------------------------------------ */

static void assert_unsendable(struct packet *p)
{
    uint64_t errors = vnet.port->txq[0]->errors, sent = vnet.model->sent;
    uint8_t good[60];
    vnet_fill(good, 60, 3);
    struct packet *both[2] = { p, vnet_make_frame(good, 60, 60) };
    assert_int_equal(port_tx_burst(vnet.port->txq[0], both, 2), 2);
    virtio_net_model_run(vnet.model);
    assert_int_equal(vnet.port->txq[0]->errors, errors + 1);
    assert_int_equal(vnet.model->sent, sent + 1);
}

/* nic/port.h: what can never be sent is taken, freed and counted. */
static void unsendable_frames_do_not_stop_the_others(void **state)
{
    static uint8_t bytes[4000];
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_up(&config);
    assert_unsendable(vnet_make_frame(bytes, 13, 100));
    assert_unsendable(vnet_make_frame(bytes, 1523, 1000));
    assert_unsendable(vnet_make_frame(bytes, 90, 10)); /* 9 segments */
    assert_int_equal(vnet.port->txq[0]->packets, 3);
    assert_int_equal(vnet.port->txq[0]->bytes, 180);
    vnet_down();
}

/* 2.7.5.3.1: no chain is longer than the queue, so some frames never fit. */
static void chains_longer_than_the_queue_are_unsendable(void **state)
{
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        static uint8_t bytes[400];
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        config.queue_size[1] = 4;
        config.features &= indirect ? ~0ull : ~F_INDIRECT_DESC;
        vnet_up(&config);
        assert_unsendable(vnet_make_frame(bytes, 400, 80));
        vnet_carry_out(400, 100);
        vnet_down();
    }
}

/* Empty segments, and data at the very start of its buffer. */
static void odd_shapes_are_sent(void **state)
{
    for (unsigned any = 0; any < 2; any++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_LEGACY);
        uint8_t bytes[300];
        config.features &= any ? ~0ull : ~F_ANY_LAYOUT;
        vnet_up(&config);
        vnet_fill(bytes, 300, 9);
        struct packet *p = vnet_make_frame(bytes, 300, 100);
        struct packet *empty = packet_alloc(&vnet.cache);
        empty->next = p->next;
        p->next = empty;
        assert_int_equal(port_tx_burst(vnet.port->txq[0], &p, 1), 1);
        virtio_net_model_run(vnet.model);
        assert_int_equal(vnet.wire_length, 300);
        assert_memory_equal(vnet.wire, bytes, 300);

        p = packet_alloc(&vnet.cache);
        p->data = p->buffer + (any ? 3 : 0);
        p->length = 200;
        p->frame_length = 200;
        memcpy(p->data, bytes, 200);
        assert_int_equal(port_tx_burst(vnet.port->txq[0], &p, 1), 1);
        virtio_net_model_run(vnet.model);
        assert_int_equal(vnet.wire_length, 200);
        assert_memory_equal(vnet.wire, bytes, 200);

        empty = packet_alloc(&vnet.cache); /* an empty first segment */
        empty->frame_length = 60;
        empty->next = vnet_make_frame(bytes, 60, 60);
        assert_int_equal(port_tx_burst(vnet.port->txq[0], &empty, 1), 1);
        virtio_net_model_run(vnet.model);
        assert_int_equal(vnet.wire_length, 60);
        vnet_down();
    }
}

/* A full ring takes no more; the caller keeps the rest; room comes back. */
static void full_ring_leaves_the_rest_to_the_caller(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    struct packet *p[300];
    uint8_t frame[60];
    vnet_up(&config);
    vnet_fill(frame, 60, 0);
    for (unsigned i = 0; i < 300; i++)
        p[i] = vnet_make_frame(frame, 60, 60);
    assert_int_equal(port_tx_burst(vnet.port->txq[0], p, 300), 256);
    assert_int_equal(port_tx_burst(vnet.port->txq[0], p + 256, 44), 0);
    virtio_net_model_run(vnet.model);
    assert_int_equal(vnet.model->sent, 256);
    assert_int_equal(port_tx_burst(vnet.port->txq[0], p + 256, 44), 44);
    virtio_net_model_run(vnet.model);
    assert_int_equal(vnet.model->sent, 300);
    assert_int_equal(vnet.port->txq[0]->packets, 300);
    vnet_down();
}

/* 2.7.10.1, 2.8.10: one notification a burst, none when the device asks for none. */
static void one_notification_a_burst(void **state)
{
    static const uint64_t rings[] = { 0, F_EVENT_IDX, F_RING_PACKED, F_RING_PACKED | F_EVENT_IDX };
    for (unsigned kind = 0; kind < ARRAY_SIZE(rings); kind++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        struct packet *p[32];
        uint8_t frame[60];
        config.features = (config.features & ~F_EVENT_IDX) | rings[kind];
        vnet_up(&config);
        vnet_fill(frame, 60, 0);
        for (unsigned i = 0; i < 32; i++)
            p[i] = vnet_make_frame(frame, 60, 60);
        assert_int_equal(port_tx_burst(vnet.port->txq[0], p, 16), 16);
        assert_int_equal(vnet.model->notified[1], 1);
        virtio_net_model_run(vnet.model);
        virtq_device_set_no_notify(&vnet.model->queue[1], true);
        assert_int_equal(port_tx_burst(vnet.port->txq[0], p + 16, 16), 16);
        assert_int_equal(vnet.model->notified[1], 1);
        virtq_device_set_no_notify(&vnet.model->queue[1], false);
        assert_int_equal(port_tx_burst(vnet.port->txq[0], p, 0), 0);
        assert_int_equal(vnet.model->notified[1], 1);
        virtio_net_model_run(vnet.model);
        assert_int_equal(vnet.model->sent, 32);
        vnet_down();
    }
}

/* Neither was negotiated: a checksum that somebody else was to finish, or frames of several, do not
 * get any further (5.1.6.4.1); a checksum that is said to be good is a frame like any other. */
static void unfinished_frames_are_counted(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    static uint8_t jumbo[5000];
    uint8_t frame[100];
    vnet_up(&config);
    vnet_fill(frame, sizeof frame, 1);
    vnet.model->flags_lie = 1; /* NEEDS_CSUM */
    vnet_assert_refused(frame, sizeof frame);
    vnet.model->flags_lie = 0;
    vnet.model->gso_lie = 1; /* TCPV4 */
    vnet_assert_refused(frame, sizeof frame);
    vnet.model->gso_lie = 0;
    vnet.model->flags_lie = 2; /* DATA_VALID */
    vnet_carry_in(100);
    assert_int_equal(port_set_mtu(vnet.port, 9000), 0);
    vnet.model->flags_lie = 1;
    vnet_fill(jumbo, sizeof jumbo, 1);
    vnet_assert_refused(jumbo, sizeof jumbo); /* all of its buffers */
    vnet.model->flags_lie = 0;
    vnet_carry_in(sizeof jumbo);
    vnet_down();
}

/* Resources ------------------------------------------------------------------------------------ */

/* A pool that runs dry costs frames, not the port; it recovers. */
static void empty_pool_is_survived(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    uint8_t frame[60];
    struct packet *held[100];
    vnet_create(&config, 100);
    assert_int_equal(vnet_probe(), 0);
    assert_int_equal(port_start(vnet.port), 0);
    vnet_fill(frame, 60, 0);
    unsigned n = 0;
    while (virtio_net_model_receive(vnet.model, frame, 60))
        n += port_rx_burst(vnet.port->rxq[0], held + n, 1);
    assert_true(n > 60);
    while (n)
        packet_free(&vnet.cache, held[--n]);
    assert_int_equal(port_rx_burst(vnet.port->rxq[0], held, 1), 0); /* refills */
    vnet_carry_in(60);
    vnet_down();
}

/* Whatever allocation fails, start says so and leaves what stop leaves. */
static void failed_start_leaves_nothing(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = vnet_usual((enum virtio_model_kind)kind);
        vnet_create(&config, 2048);
        assert_int_equal(vnet_probe(), 0);
        unsigned n = 0;
        do {
            host_dma_fail_after(++n);
            int e = port_start(vnet.port);
            host_dma_fail_after(0);
            if (!e)
                break;
            assert_int_equal(e, -ENOMEM);
            assert_int_equal(vnet_mapped(), 0);
            assert_false(vnet_bus_master());
            assert_int_equal(vnet.model->status, 0);
        } while (n < 50);
        assert_true(n > 5 && n < 50);
        vnet_traffic();
        vnet_down();
    }
}

/* Fewer packets than a batch are better than none. */
static void few_packets_suffice(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    struct packet *most[59];
    vnet_create(&config, 64);
    assert_int_equal(vnet_probe(), 0);
    assert_true(packet_alloc_burst(&vnet.cache, most, 59));
    assert_int_equal(port_start(vnet.port), 0);
    vnet_carry_in(60);
    packet_free_burst(&vnet.cache, most, 59);
    vnet_down();
}

static void no_packets_at_all_is_told(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    struct packet *all[64];
    vnet_create(&config, 64);
    assert_int_equal(vnet_probe(), 0);
    assert_true(packet_alloc_burst(&vnet.cache, all, 64));
    assert_int_equal(port_start(vnet.port), -ENOMEM);
    assert_true(host_log_contains("no packets for the receive ring"));
    packet_free_burst(&vnet.cache, all, 64);
    assert_int_equal(port_start(vnet.port), 0);
    vnet_down();
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(mac_is_the_devices),
        T(mac_can_be_set),
        T(receive_filters_follow_the_mode),
        T(further_stations_are_in_the_unicast_table),
        T(too_many_groups_become_all),
        T(filters_without_control_queue_are_refused),
        T(control_trouble_is_told),
        T(link_follows_status),
        T(speed_and_duplex_are_reported),
        T(device_mtu_bounds_ours),
        T(a_device_that_tells_an_mtu_begins_with_it),
        T(an_address_that_is_no_stations_is_not_taken),
        T(rings_are_as_long_as_the_device_s),
        T(rings_of_every_length_go_round),
        T(nonsense_mtu_is_ignored),
        T(jumbo_frames_pass),
        T(runts_and_giants_are_counted),
        T(length_lies_are_counted),
        T(frame_arriving_in_parts_is_put_together),
        T(short_first_segment_is_counted),
        T(vlans_are_filtered),
        T(unsendable_frames_do_not_stop_the_others),
        T(chains_longer_than_the_queue_are_unsendable),
        T(odd_shapes_are_sent),
        T(full_ring_leaves_the_rest_to_the_caller),
        T(one_notification_a_burst),
        T(unfinished_frames_are_counted),
        T(empty_pool_is_survived),
        T(failed_start_leaves_nothing),
        T(few_packets_suffice),
        T(no_packets_at_all_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
