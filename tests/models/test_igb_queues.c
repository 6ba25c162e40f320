/* igb.c over the model: several queues and the hash that chooses among them, and an access
 * port of a VLAN.  Sections: 82576 DS. */
#include "nic/intel/intel_ring.h"
#include "nic/vf.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/igb_rig.h"

#include <errno.h>
#include <string.h>

/* Receive side scaling (7.1.1.7) --------------------------------------------------- */

static void flows_are_spread_and_stay_together(void **state)
{
    unsigned hits[4] = { 0 };
    rig_run(4);
    for (uint32_t from = 1; from <= 16; from++)
        for (uint32_t to = 17; to <= 32; to++) {
            unsigned queue = nic_queue_of(from & 1 ? 6 : 17, from, to);
            hits[queue]++;
            assert_int_equal(nic_queue_of(from & 1 ? 6 : 17, from, to), queue);
            assert_int_equal(nic_queue_of(from & 1 ? 6 : 17, to, from), queue); /* both ways */
        }
    for (unsigned i = 0; i < 4; i++) /* 256 flows; a fair share is 64 */
        assert_in_range(hits[i], 24, 128);
}

static void what_is_no_ip_goes_to_the_first_queue(void **state)
{
    uint8_t frame[60] = { 0 };
    rig_run(4);
    memcpy(frame, nic.port->mac, MAC_LEN);
    frame[12] = 0x88;
    for (unsigned i = 0; i < 8; i++) {
        frame[20] = (uint8_t)i;
        assert_true(rig_inject(frame, sizeof frame));
    }
    assert_int_equal(nic_poll(0), 8);
}

static void all_queues_send(void **state)
{
    uint8_t frame[100] = { 0 };
    assert_true(nic_probe());
    uint16_t n = nic.port->limits.tx_queues_max;
    rig_run(n);
    for (unsigned i = 0; i < n; i++) {
        struct packet *p = conformance_packet(&nic.cache, frame, sizeof frame, PACKET_ROOM);
        assert_int_equal(port_tx_burst(nic.port->txq[i], &p, 1), 1);
    }
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(rig_take(frame, sizeof frame), 100);
}

/* Each transmit queue goes with a receive queue: who asks for more is told how many there are, and
 * all of those send. */
static void transmit_queues_are_as_many_as_run(void **state)
{
    uint8_t frame[100] = { 0 };
    assert_true(nic_probe());
    rig_run(2);
    port_stop(nic.port);
    nic.port->tx_queues = nic.port->limits.tx_queues_max;
    for (unsigned i = 0; i < nic.port->tx_queues; i++)
        nic.port->txq[i]->cache = &nic.cache;
    assert_int_equal(port_start(nic.port), 0);
    assert_int_equal(nic.port->tx_queues, 2);
    for (unsigned i = 0; i < 2; i++) {
        struct packet *p = conformance_packet(&nic.cache, frame, sizeof frame, PACKET_ROOM);
        assert_int_equal(port_tx_burst(nic.port->txq[i], &p, 1), 1);
        assert_int_equal(rig_take(frame, sizeof frame), 100);
    }
}

/* 7.1.4: one that nobody empties is not to hold up the others; what it drops is missed. */
static void full_queue_does_not_hold_up_the_others(void **state)
{
    uint8_t frame[80];
    unsigned dropped = 0;
    rig_run(4);
    unsigned full = nic_queue_of(17, 1, 2), other = full;
    uint32_t to = 2;
    while (other == full && to < 100)
        other = nic_queue_of(17, 1, ++to);
    assert_int_not_equal(other, full);
    for (unsigned i = 0; i < 400; i++)
        dropped += !rig_inject(frame, nic_flow(frame, 17, 1, 2));
    assert_in_range(dropped, 100, 400);
    assert_true(rig_inject(frame, nic_flow(frame, 17, 1, to)));
    assert_int_equal(nic_poll(other), 1);
    assert_int_equal(nic_stats().rx_missed, dropped);
    assert_int_equal(nic_counter("MPC"), 0);
    nic_poll(full);
}

/* 7.1.11: IPCS, and IPE with it. */
static void checksum_verdict_is_passed_on(void **state)
{
    static const uint8_t good[2] = { 0xa6, 0xbd }; /* of nic_flow(17, 1, 2) */
    uint8_t frame[80];
    struct packet *p;
    rig_run(1);
    for (unsigned i = 0; i < 3; i++) {
        nic_flow(frame, 17, 1, 2);
        memcpy(frame + ETHERNET_HEADER + 10, good, 2);
        frame[ETHERNET_HEADER + 11] = (uint8_t)(frame[ETHERNET_HEADER + 11] + (i == 1));
        frame[13] = i == 2;
        assert_true(rig_inject(frame, 60));
        assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
        assert_int_equal(p->flags, i == 0   ? PACKET_IP_CHECKSUM_GOOD
                                   : i == 1 ? PACKET_IP_CHECKSUM_BAD
                                            : 0);
        packet_free(&nic.cache, p);
    }
}

/* An access port (8.2.1 VME, 8.10.18 VFTA, 7.2.2.3 VLE) -------------------------------- */

static uint32_t tagged(uint8_t *frame, uint16_t tci)
{
    memset(frame, 0x77, 100);
    memcpy(frame, nic.port->mac, MAC_LEN);
    frame[12] = 0x81;
    frame[13] = 0;
    frame[14] = (uint8_t)(tci >> 8);
    frame[15] = (uint8_t)tci;
    return 100;
}

#define TAGS (PORT_OFFLOAD_VLAN_STRIP | PORT_OFFLOAD_VLAN_INSERT)

static void tags_are_put_on_and_taken_off(void **state)
{
    uint8_t frame[120];
    struct packet *p;
    rig_run(1);
    assert_int_equal(port_set_offloads(nic.port, TAGS), 0);
    assert_true(rig_inject(frame, tagged(frame, 3u << 13 | 100)));
    assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
    assert_int_equal(p->frame_length, 96);
    assert_int_equal(p->data[12], 0x77);
    assert_int_equal(p->vlan, 3u << 13 | 100);
    p->vlan = 7u << 13 | 200;
    assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
    assert_int_equal(rig_take(frame, sizeof frame), 100);
    assert_int_equal(frame[12] << 8 | frame[13], 0x8100);
    assert_int_equal(frame[14] << 8 | frame[15], 7u << 13 | 200);
    assert_int_equal(frame[16], 0x77);
}

/* What the chip took off while it was asked for is put back where nobody asks any more. */
static void no_tag_is_lost_when_stripping_ends(void **state)
{
    uint8_t frame[120];
    struct packet *p;
    rig_run(1);
    assert_int_equal(port_set_offloads(nic.port, TAGS), 0);
    assert_true(rig_inject(frame, tagged(frame, 101)));
    assert_int_equal(port_set_offloads(nic.port, 0), 0);
    assert_true(rig_inject(frame, tagged(frame, 101)));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
        assert_int_equal(p->frame_length, 100);
        assert_int_equal(p->flags & PACKET_VLAN, 0);
        assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
        assert_int_equal(rig_take(frame, sizeof frame), 100);
        assert_int_equal(frame[12] << 8 | frame[13], 0x8100);
        assert_int_equal(frame[15], 101);
    }
    assert_true(nic_exchange());
}

/* RLPML is all that keeps a long frame in its buffer. */
static void no_frame_is_longer_than_its_buffer(void **state)
{
    static uint8_t frame[PACKET_ROOM + VLAN_TAG];
    rig_run(1);
    memset(frame, 0x77, sizeof frame);
    memcpy(frame, nic.port->mac, MAC_LEN);
    for (uint16_t mtu = 1890; mtu < 1910; mtu++) {
        assert_int_equal(port_set_mtu(nic.port, mtu), 0);
        struct intel_rxq *q = container_of(nic.port->rxq[0], struct intel_rxq, queue);
        for (uint32_t length = PACKET_ROOM - 8; length <= sizeof frame; length++) {
            uint8_t *behind = q->packets[q->head & q->mask]->buffer + PACKET_BUFFER_SIZE, was[8];
            struct packet *p;
            memcpy(was, behind, sizeof was);
            rig_inject(frame, length);
            assert_memory_equal(behind, was, sizeof was);
            while (port_rx_burst(nic.port->rxq[0], &p, 1))
                packet_free(&nic.cache, p);
        }
    }
}

/* The chip forgets contexts with the queue; so must we. */
static void tag_survives_stop_and_start(void **state)
{
    uint8_t frame[120];
    rig_run(1);
    assert_int_equal(port_set_offloads(nic.port, TAGS), 0);
    for (unsigned i = 0; i < 3; i++) {
        memset(frame, 0x77, sizeof frame);
        struct packet *p = conformance_packet(&nic.cache, frame, 96, PACKET_ROOM);
        p->flags = PACKET_VLAN;
        p->vlan = 7;
        assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
        assert_int_equal(rig_take(frame, sizeof frame), 100);
        assert_int_equal(frame[15], 7);
        port_stop(nic.port);
        assert_int_equal(port_start(nic.port), 0);
    }
}

/* Beside VFs, whose switch is on (7.10.3) -------------------------------------------------- */

static void run_beside_vfs(enum igb_model_chip chip)
{
    const char *why;
    port_reset_registry();
    igb_model_init(&rig.model, chip, rig_mac);
    assert_true(nic_probe());
    assert_int_equal(nic.port->vf->enable(nic.port, 2, false, &why), 0);
    rig_run(1);
}

static void stop_beside_vfs(void)
{
    nic.port->vf->disable(nic.port);
    nic_remove();
    assert_int_equal(igb_model_violations(&rig.model), 0);
    nic.port = NULL;
}

static void a_vlan_works_beside_vfs(void **state)
{
    uint8_t frame[120];
    struct packet *p;
    for (enum igb_model_chip chip = IGB_MODEL_82576; chip <= IGB_MODEL_I350; chip++) {
        run_beside_vfs(chip);
        assert_int_equal(port_vlan_filter(nic.port, 100, true), 0);
        assert_int_equal(port_set_offloads(nic.port, TAGS), 0);
        assert_true(rig_inject(frame, tagged(frame, 101)));
        assert_int_equal(nic_poll(0), 0);
        assert_true(rig_inject(frame, tagged(frame, 100)));
        assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
        assert_int_equal(p->frame_length, 96);
        p->data[5] ^= 1; /* to somebody outside */
        assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
        assert_int_equal(rig_take(frame, sizeof frame), 100);
        assert_int_equal(frame[12] << 8 | frame[13], 0x8100);
        assert_int_equal(frame[14] << 8 | frame[15], 100);
        stop_beside_vfs();
    }
}

/* A VF in a VLAN has tags taken off; the PF, which is in none, keeps them: of group frames
 * the 82576 takes them off for all or for none. */
static void tags_stay_beside_vfs_that_strip(void **state)
{
    uint8_t frame[120], want[120];
    const char *why;
    struct packet *p;
    for (enum igb_model_chip chip = IGB_MODEL_82576; chip <= IGB_MODEL_I350; chip++) {
        run_beside_vfs(chip);
        struct vf_info info;
        nic.port->vf->info(nic.port, 0, &info);
        info.policy.vlan = 5;
        assert_int_equal(nic.port->vf->set(nic.port, 0, &info.policy, &why), 0);
        port_set_rx_mode(nic.port, &(struct port_rx_mode){ .promiscuous = true });
        for (unsigned group = 0; group < 2; group++) {
            tagged(frame, 5u << 13 | 5);
            if (group)
                memset(frame, 0xff, MAC_LEN);
            memcpy(want, frame, 100);
            assert_true(rig_inject(frame, 100));
            assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
            assert_int_equal(p->frame_length, 100);
            assert_true(packet_read(p, 0, frame, 100));
            assert_memory_equal(frame, want, 100);
            packet_free(&nic.cache, p);
        }
        stop_beside_vfs();
    }
}

static void all_queues_of_the_i350_send(void **state)
{
    igb_model_init(&rig.model, IGB_MODEL_I350, rig_mac);
    all_queues_send(state);
}

/* QEMU's switch (igb_model.h) ----------------------------------------------------------- */

static bool send_bytes(const uint8_t *bytes, uint32_t length, uint32_t segment)
{
    struct packet *p = conformance_packet(&nic.cache, bytes, length, segment);
    return port_tx_burst(nic.port->txq[0], &p, 1) == 1;
}

/* What the port sent and its own pool gets back is dropped once; the same from outside is not. */
static void frames_that_come_back_end_in_the_driver(void **state)
{
    static const uint32_t segments[] = { PACKET_ROOM, 14, 40 };
    uint8_t frame[200];
    const char *why;
    rig.model.echoes = true;
    rig.model.function->subsystem_vendor = 0x1af4;
    assert_true(nic_probe());
    assert_int_equal(nic.port->vf->enable(nic.port, 2, false, &why), 0);
    rig_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
        memset(frame, (int)(0x30 + i), sizeof frame);
        memset(frame, 0xff, MAC_LEN);
        assert_true(send_bytes(frame, 100, segments[i]));
        assert_int_equal(rig_take(frame, sizeof frame), 100);
        assert_int_equal(nic_poll(0), 0);
        assert_true(rig_inject(frame, 100)); /* somebody repeats it */
        assert_int_equal(nic_poll(0), 1);
    }
    nic.port->vf->disable(nic.port);
}

/* With the chip's own subsystem nothing is suspected. */
static void without_qemu_frames_that_come_back_are_received(void **state)
{
    uint8_t frame[100];
    const char *why;
    assert_true(nic_probe());
    assert_int_equal(nic.port->vf->enable(nic.port, 2, false, &why), 0);
    rig_run(1);
    memset(frame, 0xff, sizeof frame);
    assert_true(send_bytes(frame, sizeof frame, PACKET_ROOM));
    assert_int_equal(rig_take(frame, sizeof frame), 100);
    assert_true(rig_inject(frame, 100)); /* a loop in the wiring, say */
    assert_int_equal(nic_poll(0), 1);
    nic.port->vf->disable(nic.port);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flows_are_spread_and_stay_together),
        TEST(what_is_no_ip_goes_to_the_first_queue),
        TEST(all_queues_send),
        TEST(transmit_queues_are_as_many_as_run),
        TEST(full_queue_does_not_hold_up_the_others),
        TEST(checksum_verdict_is_passed_on),
        TEST(tags_are_put_on_and_taken_off),
        TEST(no_tag_is_lost_when_stripping_ends),
        TEST(no_frame_is_longer_than_its_buffer),
        TEST(tag_survives_stop_and_start),
        TEST(a_vlan_works_beside_vfs),
        TEST(tags_stay_beside_vfs_that_strip),
        TEST(all_queues_of_the_i350_send),
        TEST(frames_that_come_back_end_in_the_driver),
        TEST(without_qemu_frames_that_come_back_are_received),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
