/* conformance_tags.c - tags beside frames and in them, and what is offloaded (conformance.h). */
#include "tests/models/conformance_trial.h"

#include "kernel/endian.h"

#include <errno.h>
#include <string.h>

#define STRIP PORT_OFFLOAD_VLAN_STRIP
#define INSERT PORT_OFFLOAD_VLAN_INSERT
#define VID 0x123u
#define TCI 0xa123u /* with a priority */
#define INNER 0x81000007u

static bool does(uint32_t offload)
{
    return trial.port->limits.offloads & offload;
}

static void offload(uint32_t offloads)
{
    assert_int_equal(port_set_offloads(trial.port, offloads & trial.port->limits.offloads), 0);
    trial_settle();
}

static void want_vlan(uint16_t vid, bool on)
{
    assert_int_equal(port_vlan_filter(trial.port, vid, on), 0);
    trial_settle();
}

/* trial_frame()'s frame with a word in front of its type; its length. */
static uint32_t tagged_make(uint8_t *frame, uint32_t length, uint32_t number, uint32_t tag)
{
    trial_frame(frame, length, number);
    memmove(frame + ETHERNET_TYPE + VLAN_TAG, frame + ETHERNET_TYPE, length - ETHERNET_TYPE);
    store_be32(frame + ETHERNET_TYPE, tag);
    return length + VLAN_TAG;
}

static bool inject_tagged(uint32_t length, uint32_t number, uint32_t tag)
{
    static uint8_t frame[TRIAL_FRAME_BYTES];
    return trial.subject->inject(frame, tagged_make(frame, length, number, tag));
}

/* trial_frame()'s frame, its tag beside it. */
static void received_beside(uint32_t length, uint32_t number, uint32_t tci)
{
    struct packet *p = trial_receive_one();
    assert_non_null(p);
    assert_int_equal(p->flags & PACKET_VLAN, PACKET_VLAN);
    assert_int_equal(p->vlan, tci);
    trial_received_is(p, length, number);
}

/* tagged_make()'s frame. */
static void received_tagged(uint32_t length, uint32_t number, uint32_t tag)
{
    static uint8_t frame[TRIAL_FRAME_BYTES], expected[TRIAL_FRAME_BYTES];
    struct packet *p = trial_receive_one();
    assert_non_null(p);
    trial_chain_is_good(p);
    assert_int_equal(p->flags & PACKET_VLAN, 0);
    assert_int_equal(p->frame_length, tagged_make(expected, length, number, tag));
    assert_true(packet_read(p, 0, frame, p->frame_length));
    assert_memory_equal(frame, expected, p->frame_length);
    packet_free(&trial.cache, p);
}

static void offloads_are_those_declared(void **state)
{
    assert_int_equal(trial.port->offloads, 0);
    assert_int_equal(port_set_offloads(trial.port, ~trial.port->limits.offloads), -ENOTSUP);
    for (unsigned on = 0; on < 2; on++) {
        for (uint32_t some = 0; some <= (STRIP | INSERT); some++)
            offload(some);
        trial_start();
    }
    assert_int_equal(port_set_offloads(trial.port, STRIP | INSERT | 0x80000000u), -ENOTSUP);
    if (trial_wired())
        trial_exchange(1);
}

/* port.h: with stripping off no tag comes beside a frame, and with it on the outermost does. */
static void tags_come_as_they_were_asked_for(void **state)
{
    static const uint32_t others[] = { 0x88a80123u, 0x91000123u };
    trial_start();
    want_vlan(VID, true);
    for (unsigned round = 0; round < 4; round++) {
        bool strips = round % 2 && does(STRIP);
        offload(round % 2 ? STRIP : 0);
        for (uint32_t length = TRIAL_WIRE_MIN; length <= MTU_DEFAULT + ETHERNET_HEADER;
             length += 97) {
            assert_true(inject_tagged(length, length, 0x81000000u | TCI));
            if (strips)
                received_beside(length, length, TCI);
            else
                received_tagged(length, length, 0x81000000u | TCI);
            assert_true(trial_inject(length, length));
            trial_received_is(trial_receive_one(), length, length);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
            assert_true(inject_tagged(100, i, others[i]));
            received_tagged(100, i, others[i]);
        }
    }
    assert_int_equal(trial_troubles(), 0);
}

/* No frame loses its tag when stripping comes or goes while it waits in the ring. */
static void no_tag_is_lost_between(void **state)
{
    trial_start();
    want_vlan(VID, true);
    for (uint32_t i = 0; i < 6; i++) {
        offload(i % 2 ? STRIP : 0);
        assert_true(inject_tagged(100, i, 0x81000000u | TCI));
    }
    offload(0);
    for (uint32_t i = 0; i < 6; i++)
        received_tagged(100, i, 0x81000000u | TCI);
}

/* IEEE 802.1Q and 802.1ad: a customer's and a provider's tag on top of the MTU. */
static void two_tags_fit_on_top_of_the_mtu(void **state)
{
    static uint8_t frame[TRIAL_FRAME_BYTES];
    trial_start();
    want_vlan(VID, true);
    for (unsigned strip = 0; strip <= does(STRIP); strip++) {
        uint32_t length = tagged_make(frame, MTU_DEFAULT + ETHERNET_HEADER, 1, INNER);
        memmove(frame + ETHERNET_TYPE + VLAN_TAG, frame + ETHERNET_TYPE, length - ETHERNET_TYPE);
        store_be32(frame + ETHERNET_TYPE, 0x81000000u | TCI);
        offload(strip ? STRIP : 0);
        assert_true(trial.subject->inject(frame, length + VLAN_TAG));
        struct packet *p = trial_receive_one();
        assert_non_null(p);
        assert_int_equal(p->frame_length, strip ? length : length + VLAN_TAG);
        packet_free(&trial.cache, p);
        memcpy(frame, "\x02\0\x5e\x10\0\x77", MAC_LEN); /* to somebody on the wire */
        p = conformance_packet(&trial.cache, frame, length + VLAN_TAG, PACKET_ROOM);
        assert_true(trial_send(p));
        assert_int_equal(trial.subject->take(frame, sizeof frame), length + VLAN_TAG);
        assert_int_equal(load_be32(frame + ETHERNET_TYPE), 0x81000000u | TCI);
        assert_int_equal(load_be32(frame + ETHERNET_TYPE + VLAN_TAG), INNER);
    }
    assert_int_equal(trial_troubles(), 0);
}

/* Buffers that a jumbo frame fills from end to end have no room for a tag that goes back. */
static void tags_of_jumbo_frames_go_back(void **state)
{
    uint32_t most = trial.port->limits.max_frame - VLAN_TAG;
    if (!does(STRIP) || !trial.port->ops->set_mtu)
        return;
    assert_int_equal(trial_set_mtu(trial.port->limits.max_frame - FRAME_LIMIT(0)), 0);
    trial_start();
    want_vlan(VID, true);
    for (uint32_t length = 1900; length <= most; length += 61) {
        offload(STRIP);
        assert_true(inject_tagged(length, length, 0x81000000u | TCI));
        offload(0);
        received_tagged(length, length, 0x81000000u | TCI);
        offload(STRIP);
        assert_true(inject_tagged(length, length, 0x81000000u | TCI));
        received_beside(length, length, TCI);
    }
}

/* The tag beside a frame goes out in it, frame by frame; lengths count it. */
static void tags_are_put_into_frames(void **state)
{
    static const uint16_t tags[] = { 5, 5, 0xe005, 0xeffe, 5, 0x2001 };
    static uint8_t frame[TRIAL_FRAME_BYTES], expected[TRIAL_FRAME_BYTES];
    if (!does(INSERT))
        return;
    offload(INSERT);
    trial_start();
    for (unsigned i = 0; i < ARRAY_SIZE(tags); i++)
        want_vlan(tags[i] & VLAN_TCI_VID, true);
    for (uint32_t i = 0; i < 200; i++) {
        uint16_t tci = tags[i % ARRAY_SIZE(tags)];
        uint32_t length = TRIAL_WIRE_MIN + 7 * i, got;
        struct packet *p = trial_packet(length, i, 300);
        p->flags = i % 4 == 3 ? 0 : PACKET_VLAN;
        p->vlan = tci;
        bool flagged = p->flags;
        assert_true(trial_send(p));
        got = trial.subject->take(frame, sizeof frame);
        assert_int_equal(got, length + (flagged ? VLAN_TAG : 0));
        if (flagged) {
            assert_int_equal(load_be32(frame + ETHERNET_TYPE), 0x81000000u | tci);
            memmove(frame + ETHERNET_TYPE, frame + ETHERNET_TYPE + VLAN_TAG, got - 16);
        }
        trial_frame_out(expected, length, i);
        assert_memory_equal(frame, expected, length);
    }
    struct packet *p = trial_packet(port_frame_limit(trial.port) - 3, 1, PACKET_ROOM);
    p->flags = PACKET_VLAN;
    assert_true(trial_send(p));
    assert_int_equal(trial.port->txq[0]->errors, 1);
}

static void vlans_that_are_wanted_are_heard(void **state)
{
    trial_start();
    assert_int_equal(port_vlan_filter(trial.port, 0, true), -EINVAL);
    assert_int_equal(port_vlan_filter(trial.port, VLAN_MAX + 1, true), -EINVAL);
    for (uint16_t vid = 1; vid <= VLAN_MAX; vid = (uint16_t)(vid * 3 + 5)) {
        want_vlan(vid, true);
        assert_true(inject_tagged(100, vid, 0x81000000u | vid));
        received_tagged(100, vid, 0x81000000u | vid);
        port_stop(trial.port);
        trial_start();
        assert_true(inject_tagged(100, vid, 0x81000000u | vid));
        received_tagged(100, vid, 0x81000000u | vid);
        want_vlan(vid, false);
    }
}

const struct conformance_rule conformance_tags[] = {
    RULE(offloads_are_those_declared),
    RULE_ON_WIRE(tags_come_as_they_were_asked_for),
    RULE_ON_WIRE(no_tag_is_lost_between),
    RULE_ON_WIRE(two_tags_fit_on_top_of_the_mtu),
    RULE_ON_WIRE(tags_of_jumbo_frames_go_back),
    RULE_ON_WIRE(tags_are_put_into_frames),
    RULE_ON_WIRE(vlans_that_are_wanted_are_heard),
    { 0 },
};
