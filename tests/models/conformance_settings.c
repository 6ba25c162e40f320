/* conformance_settings.c - link, address, receive mode and MTU (conformance.h). */
#include "tests/models/conformance_trial.h"

#include <errno.h>

static int set_mac(const uint8_t mac[MAC_LEN])
{
    int e = port_set_mac(trial.port, mac);
    trial_settle();
    return e;
}

static int set_rx_mode(const struct port_rx_mode *mode)
{
    int e = port_set_rx_mode(trial.port, mode);
    trial_settle();
    return e;
}

static void link_follows_the_wire_and_the_state(void **state)
{
    assert_false(trial.port->link.up);
    trial_start();
    assert_true(port_poll_link(trial.port));
    assert_true(trial.port->link.up);
    assert_false(port_poll_link(trial.port));
    if (trial.subject->set_link) {
        trial.subject->set_link(false);
        assert_true(port_poll_link(trial.port));
        assert_false(trial.port->link.up);
        assert_false(port_poll_link(trial.port));
        for (uint32_t i = 0; i < 10; i++)
            trial_send(trial_packet(100, i, PACKET_ROOM));
        trial.subject->set_link(true);
        assert_true(port_poll_link(trial.port));
        assert_true(trial.port->link.up);
        trial_drain();
        trial_exchange(1);
    }
    port_stop(trial.port);
    assert_true(port_poll_link(trial.port));
    assert_false(trial.port->link.up);
}

static bool reaches(const uint8_t mac[MAC_LEN])
{
    static uint32_t number;
    assert_true(trial_inject_to(mac, 100, ++number));
    struct packet *p = trial_receive_one();
    packet_free(&trial.cache, p);
    return p;
}

static void set_mac_is_checked_and_kept(void **state)
{
    static const uint8_t zero[MAC_LEN], group[MAC_LEN] = { 0x03, 0, 0, 0, 0, 1 },
                                        first[MAC_LEN] = { 0x02, 0xaa, 1, 2, 3, 4 },
                                        second[MAC_LEN] = { 0x02, 0xbb, 5, 6, 7, 8 };
    bool filters = trial_wired() && (trial.subject->flags & CONFORMANCE_FILTERS);
    if (!trial.port->ops->set_mac)
        return;
    assert_int_equal(set_mac(group), -EINVAL);
    assert_int_equal(set_mac(zero), -EINVAL);
    assert_memory_equal(trial.port->mac, trial.port->permanent_mac, MAC_LEN);
    assert_int_equal(set_mac(first), 0);
    assert_memory_equal(trial.port->mac, first, MAC_LEN);
    trial_start();
    assert_true(!filters || (reaches(first) && !reaches(trial.port->permanent_mac)));
    assert_int_equal(set_mac(second), 0);
    assert_true(!filters || (reaches(second) && !reaches(first)));
    port_stop(trial.port);
    trial_start();
    assert_true(!filters || (reaches(second) && !reaches(first)));
    if (trial_wired())
        trial_exchange(1);
}

static void rx_mode_filters(void **state)
{
    static const uint8_t broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 },
                         other[MAC_LEN] = { 0x02, 0x77, 0x77, 0, 0, 1 },
                         wanted[2][MAC_LEN] = { { 0x01, 0, 0x5e, 0, 0, 5 },
                                                { 0x33, 0x33, 0, 0, 0, 1 } },
                         unwanted[MAC_LEN] = { 0x01, 0, 0x5e, 0x7f, 0xff, 0xfa };
    const struct port_rx_mode list = { .multicast = wanted, .multicast_count = 2 },
                              wrong = { .multicast = &other, .multicast_count = 1 },
                              group = { .all_multicast = true }, all = { .promiscuous = true };
    if (!trial.port->ops->set_rx_mode)
        return;
    assert_int_equal(set_rx_mode(&wrong), -EINVAL);
    assert_int_equal(set_rx_mode(&all), 0);
    trial_start();
    if (!(trial.subject->flags & CONFORMANCE_FILTERS))
        return;
    assert_true(reaches(other) && reaches(unwanted) && reaches(broadcast));
    assert_int_equal(set_rx_mode(&(struct port_rx_mode){ 0 }), 0);
    assert_true(reaches(trial.port->mac) && reaches(broadcast));
    assert_true(!reaches(other) && !reaches(wanted[0]) && !reaches(unwanted));
    assert_int_equal(set_rx_mode(&list), 0);
    assert_true(reaches(wanted[0]) && reaches(wanted[1]) && reaches(broadcast));
    assert_true(!reaches(other) && !reaches(unwanted));
    port_stop(trial.port);
    trial_start();
    assert_true(reaches(wanted[0]) && !reaches(unwanted) && !reaches(other));
    assert_int_equal(set_rx_mode(&group), 0);
    assert_true(reaches(wanted[1]) && reaches(unwanted) && !reaches(other));
    assert_int_equal(set_rx_mode(&all), 0);
    assert_true(reaches(other) && reaches(unwanted));
}

/* As many as the port says, one more is refused and changes nothing. */
static void further_stations_are_heard(void **state)
{
    static uint8_t more[65][MAC_LEN];
    static const uint8_t group[MAC_LEN] = { 0x03, 0, 0, 0, 0, 1 };
    const uint16_t most = trial.port->limits.unicast_max;
    struct port_rx_mode mode = { .unicast = (const uint8_t(*)[MAC_LEN])more };
    if (!trial.port->ops->set_rx_mode)
        return;
    assert_in_range(most, 0, ARRAY_SIZE(more) - 1);
    for (unsigned i = 0; i < ARRAY_SIZE(more); i++)
        memcpy(more[i], (uint8_t[]){ 0x02, 0x5e, 0, 0, 1, (uint8_t)i }, MAC_LEN);
    mode.unicast_count = (uint16_t)(most + 1);
    assert_int_equal(set_rx_mode(&mode), -ENOSPC);
    mode = (struct port_rx_mode){ .unicast = &group, .unicast_count = 1 };
    assert_int_equal(set_rx_mode(&mode), -EINVAL);
    if (!most || !trial_wired())
        return;
    mode =
        (struct port_rx_mode){ .unicast = (const uint8_t(*)[MAC_LEN])more, .unicast_count = most };
    assert_int_equal(set_rx_mode(&mode), 0);
    trial_start();
    for (unsigned i = 0; i < most; i++)
        assert_true(reaches(more[i]));
    assert_true(reaches(trial.port->mac) && !reaches(more[most]));
    mode.unicast_count = 1;
    assert_int_equal(set_rx_mode(&mode), 0);
    assert_true(reaches(more[0]) && !reaches(more[1]) && !reaches(more[most - 1]));
    port_stop(trial.port);
    trial_start();
    assert_true(reaches(more[0]) && !reaches(more[1]));
    assert_int_equal(set_rx_mode(&(struct port_rx_mode){ 0 }), 0);
    assert_true(reaches(trial.port->mac) && !reaches(more[0]));
}

static void set_mtu_is_checked(void **state)
{
    uint32_t most = trial.port->limits.max_frame - FRAME_LIMIT(0);
    assert_int_equal(trial_set_mtu(MTU_MIN - 1), -EINVAL);
    assert_int_equal(trial_set_mtu(most + 1), -EINVAL);
    assert_int_equal(trial.port->mtu, MTU_DEFAULT);
    assert_int_equal(trial_set_mtu(576), 0);
    trial_start();
    assert_int_equal(trial_set_mtu(MTU_MIN), 0);
    if (!trial_wired())
        return;
    assert_true(trial_send(trial_packet(FRAME_LIMIT(MTU_MIN), 1, PACKET_ROOM)));
    trial_taken_is(FRAME_LIMIT(MTU_MIN), 1);
    assert_true(trial_inject(FRAME_LIMIT(MTU_MIN), 2));
    trial_received_is(trial_receive_one(), FRAME_LIMIT(MTU_MIN), 2);
    uint64_t before = trial_troubles();
    assert_true(trial_inject(FRAME_LIMIT(MTU_MIN) + 1, 3));
    assert_null(trial_receive_one());
    trial_troubles_are(before, 1);
}

/* Lengths around the seams of every buffer size in use, up to the longest frame. */
static void jumbo_both_ways(void)
{
    static const uint32_t seams[] = { 1518, 1920, 2048, 3840,  4096,  5760, 6144,
                                      7680, 8192, 9220, 10240, 15360, 16000 };
    const uint32_t limit = port_frame_limit(trial.port);
    const uint32_t room = PACKET_ROOM * FRAME_SEGMENTS_MAX;
    const uint32_t segment = limit > room ? PACKET_BUFFER_SIZE : PACKET_ROOM;
    for (uint32_t i = 0, number = 0; i <= ARRAY_SIZE(seams); i++) {
        uint32_t around = i < ARRAY_SIZE(seams) ? seams[i] : limit - 4;
        for (uint32_t length = around - 14; length <= around + 4; length++, number++) {
            if (length > limit)
                continue;
            assert_true(trial_send(trial_packet(length, number, segment)));
            trial_taken_is(length, number);
            assert_true(trial_inject(length, number));
            trial_received_is(trial_receive_one(), length, number);
        }
    }
}

static void jumbo_frames_travel_in_chains(void **state)
{
    const uint16_t most = (uint16_t)(trial.port->limits.max_frame - FRAME_LIMIT(0));
    if (most <= MTU_DEFAULT || !trial.port->ops->set_mtu)
        return;
    assert_int_equal(trial_set_mtu(most), 0);
    trial_start();
    jumbo_both_ways();
    assert_int_equal(trial_troubles(), 0);
    assert_true(trial_send(trial_packet(port_frame_limit(trial.port) + 1, 1, PACKET_ROOM)));
    assert_int_equal(trial.port->txq[0]->errors, 1);
    assert_int_equal(trial_set_mtu(MTU_DEFAULT), 0);
    trial_exchange(1);
    assert_true(trial_inject(TRIAL_FRAME_LIMIT + 1, 2));
    assert_null(trial_receive_one());
    trial_troubles_are(0, 1);
    assert_int_equal(trial_set_mtu(most), 0);
    jumbo_both_ways();
    trial_troubles_are(0, 1);
    port_stop(trial.port);
    trial_holds_nothing();
}

const struct conformance_rule conformance_settings[] = {
    RULE(link_follows_the_wire_and_the_state),
    RULE(set_mac_is_checked_and_kept),
    RULE(rx_mode_filters),
    RULE(further_stations_are_heard),
    RULE(set_mtu_is_checked),
    RULE_ON_WIRE(jumbo_frames_travel_in_chains),
    { 0 },
};
