/* vf_settings.h - tests of a VF's driver over the model of a lone VF: address, settings and their
 * refusals, counters, probe and remove; and the conformance suite.  How the PF is lost and found:
 * vf_recovery.h.  What a PF says is as Linux's says it.
 *
 * For programs that include a bench (vf_bench.h) before it; SETTINGS_TESTS are theirs to run. */
#pragma once

#include "apps/forward/access.h"
#include "tests/models/vf_bench.h"

static const uint8_t nothing[MAC_LEN];
static uint16_t ring_size, queues = 1;

static struct port *create(struct packet_cache *theirs)
{
    pf_is_deaf = false;
    make_vf();
    QUEUES_ARE(queues);
    if (!probe())
        return NULL;
    if (port_set_queues(port, queues))
        return NULL;
    for (unsigned i = 0; i < queues; i++) {
        port->rxq[i]->cache = port->txq[i]->cache = theirs;
        if (ring_size)
            port->rxq[i]->size = port->txq[i]->size = ring_size;
    }
    settle();
    return port;
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return MODEL(inject)(&model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return MODEL(take)(&model, frame, size);
}

static void set_link(bool up)
{
    MODEL(set_link)(&model, up);
}

static unsigned violations(void)
{
    return MODEL(violations)(&model);
}

static int conformance(const char *name, unsigned which, uint16_t n, uint16_t size, bool filters)
{
    chip = which;
    queues = n;
    ring_size = size;
    int failed = conformance_run(&(struct conformance_subject){
        .name = name,
        .flags = (filters ? CONFORMANCE_FILTERS : 0) | CONFORMANCE_PADS |
                 CONFORMANCE_COUNTED_ELSEWHERE,
        .create = create,
        .destroy = destroy,
        .inject = inject,
        .take = take,
        .set_link = set_link,
        .settle = settle,
        .violations = violations });
    chip = 0;
    queues = 1;
    ring_size = 0;
    return failed;
}

/* Address ---------------------------------------------------------------------- */

static void the_address_is_the_pfs(void **state)
{
    assert_true(probe());
    assert_memory_equal(port->mac, nothing, MAC_LEN);
    assert_true(port->pending);
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    assert_int_equal(port_start(port), 0); /* the PF is not waited for */
    traffic_rests();
    assert_in_range(link_comes_within(50), 1, 30);
    assert_memory_equal(port->mac, given, MAC_LEN);
    assert_memory_equal(port->permanent_mac, given, MAC_LEN);
    assert_int_equal(port->link.speed_mbps, LINK_MBPS);
    assert_true(port->link.full_duplex);
    assert_true(host_log_contains("the PF answers: MAC 02:00:00:00:10:01, MTU 1500"));
    assert_int_equal(model.pf.seen[MBX_VF_RESET], 1);
    assert_int_equal(model.pf.seen[MBX_VF_SET_MAC], ADDRESS_SAID);
    traffic_flows();
}

/* Linux's igb without an administrator's address: NACK to the reset, ACK to a choice. */
static void without_an_address_a_random_one_is_asked_for(void **state)
{
    uint8_t first[MAC_LEN];
    memset(model.pf.mac, 0, MAC_LEN);
    start_and_link();
    assert_int_equal(port->mac[0] & 3, 2); /* local, unicast */
    assert_memory_equal(port->mac, port->permanent_mac, MAC_LEN);
    assert_int_equal(model.pf.seen[MBX_VF_SET_MAC], 1);
    memcpy(first, port->mac, MAC_LEN);
    traffic_flows();
    memset(model.pf.mac, 0, MAC_LEN); /* it forgets with a reset; we do not */
    MODEL(pf_reset_begin)(&model);
    run_ms(5);
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_memory_equal(port->mac, first, MAC_LEN);
}

static void two_vfs_do_not_invent_the_same_address(void **state)
{
    uint8_t last[MAC_LEN] = { 0 };
    for (unsigned i = 0; i < 16; i++) {
        destroy_port();
        make_vf();
        memset(model.pf.mac, 0, MAC_LEN);
        start_and_link();
        assert_int_equal(port->mac[0] & 3, 2);
        assert_memory_not_equal(port->mac, last, MAC_LEN);
        memcpy(last, port->mac, MAC_LEN);
    }
}

static void no_address_at_all_is_told_and_tried_again(void **state)
{
    memset(model.pf.mac, 0, MAC_LEN);
    refuse(MBX_VF_SET_MAC, true);
    start();
    run_ms(15000);
    traffic_rests();
    assert_memory_equal(port->mac, nothing, MAC_LEN);
    assert_true(host_log_contains("the PF gives no MAC address and refused "));
    assert_in_range(model.pf.seen[MBX_VF_SET_MAC], 5, 20); /* a pause that doubles */
    refuse(MBX_VF_SET_MAC, false);
    assert_in_range(link_comes_within(6000), 0, 5100);
    traffic_flows();
}

static void a_group_address_is_none(void **state)
{
    memcpy(model.pf.mac, (uint8_t[MAC_LEN]){ 0x03, 0, 0, 0, 0, 1 }, MAC_LEN);
    start();
    uint32_t words[MESSAGE];
    assert_int_equal(asks(20, words), MBX_VF_RESET);
    MODEL(pf_pool)(&model, true);
    MODEL(pf_send)(&model, (uint32_t[]){ MBX_VF_RESET | MBX_ACK, 0x00000003, 0x0100 }, 3);
    model.pf.cts = true;
    assert_int_equal(asks_for_setting(20, words), MBX_VF_SET_MAC);
    assert_int_equal(words[1] & 3, 2);
    assert_true(host_log_contains("the PF gives MAC 03:00:00:00:00:01, which is no station's"));
}

static void a_wish_is_granted(void **state)
{
    static const uint8_t wish[MAC_LEN] = { 0x02, 7, 7, 7, 7, 7 };
    start_and_link();
    assert_int_equal(port_set_mac(port, wish), 0);
    assert_true(port->pending);
    settle();
    assert_null(port->refusal);
    assert_memory_equal(port->mac, wish, MAC_LEN);
    assert_true(reaches(wish));
    assert_false(reaches(given));
    memcpy(model.pf.mac, given, MAC_LEN);
    MODEL(pf_reset_begin)(&model); /* and again after a reset */
    run_ms(2);
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_memory_equal(port->mac, wish, MAC_LEN);
    assert_true(reaches(wish));
}

/* Pain: a VF that insists on an address of its own is mute. */
static void a_wish_is_refused(void **state)
{
    static const uint8_t wish[MAC_LEN] = { 0x02, 7, 7, 7, 7, 7 };
    start_and_link();
    refuse(MBX_VF_SET_MAC, true);
    assert_int_equal(port_set_mac(port, wish), 0);
    settle();
    assert_non_null(strstr(port->refusal, "its administrator set another"));
    assert_memory_equal(port->mac, given, MAC_LEN);
    assert_true(host_log_contains("the PF refused MAC 02:07:07:07:07:07: its administrator set "
                                  "another; keeping 02:00:00:00:10:01"));
    traffic_flows();
    unsigned asked = model.pf.seen[MBX_VF_SET_MAC];
    run_ms(3000); /* it is not asked for again and again */
    MODEL(pf_reset_begin)(&model);
    run_ms(2);
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_int_equal(model.pf.seen[MBX_VF_SET_MAC], asked + ADDRESS_SAID);
    MODEL(pf_reset_begin)(&model); /* nor is the one that was kept, when the PF gives another */
    run_ms(2);
    model.pf.mac[5] = 0x77;
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_int_equal(port->mac[5], 0x77);
    assert_int_equal(model.pf.seen[MBX_VF_SET_MAC], asked + 2 * ADDRESS_SAID);
}

/* The first is on its way when the second is wanted. */
static void the_last_wish_counts(void **state)
{
    static const uint8_t first[MAC_LEN] = { 0x02, 1, 1, 1, 1, 1 },
                         second[MAC_LEN] = { 0x02, 2, 2, 2, 2, 2 };
    uint32_t words[MESSAGE];
    start_and_link();
    assert_int_equal(port_set_mac(port, first), 0);
    assert_int_equal(asks(20, words), MBX_VF_SET_MAC);
    assert_int_equal(port_set_mac(port, second), 0);
    MODEL(pf_send)(&model, (uint32_t[]){ MBX_VF_SET_MAC | MBX_CTS | MBX_NACK }, 1);
    pf_is_deaf = false;
    settle();
    assert_memory_equal(port->mac, second, MAC_LEN);
    assert_true(reaches(second));
    assert_int_equal(port_set_mtu(port, 4000), 0);
    assert_int_equal(asks(20, words), MBX_VF_SET_LPE);
    assert_int_equal(port_set_mtu(port, 5000), 0);
    MODEL(pf_send)(&model, (uint32_t[]){ MBX_VF_SET_LPE | MBX_CTS | MBX_NACK }, 1);
    pf_is_deaf = false;
    settle();
    assert_int_equal(port->mtu, 5000);
    assert_int_equal(model.pf.last[1], 5000 + FRAME_LEAST);
}

/* What the user asked for last is told to him, not what else happened to be refused. */
static void a_refusal_belongs_to_what_was_asked(void **state)
{
    start_and_link();
    refuse(MODE_MESSAGE, true);
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    assert_int_equal(port_set_mtu(port, 4000), 0);
    settle();
    assert_null(port->refusal);
    assert_false(port->rx_mode.promiscuous);
    assert_int_equal(port->mtu, 4000);
}

static void a_wish_made_while_the_pf_is_away_is_kept(void **state)
{
    static const uint8_t wish[MAC_LEN] = { 0x02, 7, 7, 7, 7, 7 };
    start_and_link();
    MODEL(pf_reset_begin)(&model);
    run_ms(2);
    assert_int_equal(port_set_mac(port, wish), 0);
    assert_int_equal(port_set_mtu(port, 4000), 0);
    run_ms(10);
    assert_true(port->pending);
    MODEL(pf_reset_end)(&model);
    settle();
    assert_memory_equal(port->mac, wish, MAC_LEN);
    assert_int_equal(model.pf.last[0] & MBX_TYPE, MBX_VF_SET_LPE);
    assert_int_equal(model.pf.last[1], 4000 + FRAME_EXTRA);
}

/* Linux's igb tells nobody when its administrator gives an address. */
static void an_address_taken_away_in_silence_is_noticed(void **state)
{
    static const uint8_t other[MAC_LEN] = { 0x02, 9, 9, 9, 9, 9 };
    memset(model.pf.mac, 0, MAC_LEN);
    start_and_link();
    memcpy(model.pf.mac, other, MAC_LEN);
    refuse(MBX_VF_SET_MAC, true);
    run_ms(10500);
    assert_in_range(link_comes_within(200), 0, 199);
    assert_memory_equal(port->mac, other, MAC_LEN);
    assert_true(host_log_contains("away: its administrator set another"));
    traffic_flows();
    uint64_t resets = counter("resets");
    run_ms(25000); /* and then there is peace */
    assert_int_equal(counter("resets"), resets);
}

static void another_address_after_a_reset_is_adopted(void **state)
{
    static const uint8_t other[MAC_LEN] = { 0x02, 9, 9, 9, 9, 9 };
    start_and_link();
    MODEL(pf_reset_begin)(&model);
    run_ms(2);
    memcpy(model.pf.mac, other, MAC_LEN);
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_memory_equal(port->mac, other, MAC_LEN);
    assert_true(host_log_contains("the PF gives another MAC address: 02:09:09:09:09:09"));
    traffic_flows();
}

/* Longest frame, VLAN --------------------------------------------------------------- */

/* The PF refuses what it granted before, without a reset: then it is not granted any more. */
static void a_granted_mtu_may_be_taken_away(void **state)
{
    start_and_link();
    assert_int_equal(port_set_mtu(port, 4000), 0);
    settle();
    port_stop(port);
    refuse(MBX_VF_SET_LPE, true);
    assert_int_equal(port_start(port), 0);
    settle();
    assert_int_equal(port->mtu, MTU_DEFAULT);
}

/* After a reset nothing is granted; what was is asked for, then the default. */
static void a_pf_that_came_back_smaller_is_lived_with(void **state)
{
    start_and_link();
    assert_int_equal(port_set_mtu(port, 9000), 0);
    settle();
    MODEL(pf_reset_begin)(&model);
    run_ms(2);
    refuse(MBX_VF_SET_LPE, true);
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_int_equal(port->mtu, MTU_DEFAULT);
    traffic_flows();
}

static void vlan_is_asked_for_and_changed(void **state)
{
    start_and_link();
    assert_int_equal(access_set_vlan(port, 100), 0);
    settle();
    assert_int_equal(model.pf.last[0], MBX_VF_SET_VLAN | FIELD_PUT(MBX_INFO, 1u));
    assert_int_equal(model.pf.last[1], 100);
    assert_int_equal(access_set_vlan(port, 200), 0);
    settle();
    assert_int_equal(model.pf.seen[MBX_VF_SET_VLAN], 3); /* 200 in, then 100 out */
    assert_int_equal(model.pf.last[0], MBX_VF_SET_VLAN);
    assert_int_equal(model.pf.last[1], 100);
    refuse(MBX_VF_SET_VLAN, true);
    assert_int_equal(access_set_vlan(port, 300), 0);
    settle();
    assert_non_null(strstr(port->refusal, "VLAN"));
    refuse(MBX_VF_SET_VLAN, false);
    assert_int_equal(access_set_vlan(port, 200), 0);
    settle();
    assert_int_equal(model.pf.last[0], MBX_VF_SET_VLAN | FIELD_PUT(MBX_INFO, 1u));
    assert_int_equal(model.pf.last[1], 200);
    assert_int_equal(access_set_vlan(port, 0), 0);
    settle();
    assert_int_equal(model.pf.last[0], MBX_VF_SET_VLAN);
    assert_int_equal(model.pf.last[1], 200);
    traffic_flows();
}

static void tags_of_joined_vlans_come_beside_the_frame(void **state)
{
    uint8_t frame[128], tagged[104] = { 0 };
    struct packet *p;
    start_and_link();
    assert_int_equal(access_set_vlan(port, 100), 0);
    settle();
    memcpy(tagged, port->mac, MAC_LEN);
    memcpy(tagged + 12, (uint8_t[]){ 0x81, 0, 0, 100, 8, 0 }, 6);
    assert_true(MODEL(inject)(&model, tagged, sizeof tagged));
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 1);
    assert_int_equal(p->frame_length, 100);
    assert_int_equal(p->flags & PACKET_VLAN, PACKET_VLAN);
    assert_int_equal(p->vlan, 100);
    p->data[5] ^= 1; /* to somebody outside */
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    assert_int_equal(MODEL(take)(&model, frame, sizeof frame), 104);
    assert_memory_equal(frame + 12, ((uint8_t[]){ 0x81, 0, 0, 100 }), 4);
    tagged[15] = 101; /* the PF's filter */
    assert_true(MODEL(inject)(&model, tagged, sizeof tagged));
    assert_false(receive_one());
}

/* What waits in the ring when the VLAN is left keeps its tag. */
static void a_vlan_that_is_left_leaves_no_frame_untagged(void **state)
{
    uint8_t tagged[104] = { 0 };
    struct packet *p;
    start_and_link();
    assert_int_equal(access_set_vlan(port, 100), 0);
    settle();
    memcpy(tagged, port->mac, MAC_LEN);
    memcpy(tagged + 12, (uint8_t[]){ 0x81, 0, 0, 100, 8, 0 }, 6);
    assert_true(MODEL(inject)(&model, tagged, sizeof tagged));
    assert_int_equal(access_set_vlan(port, 0), 0);
    settle();
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 1);
    assert_int_equal(p->frame_length, 104);
    assert_memory_equal(p->data + 12, tagged + 12, 4);
    packet_free(&cache, p);
}

/* Counters ------------------------------------------------------------------------------- */

static void counters_wrap_and_do_not_fall(void **state)
{
    start_and_link();
    OCTETS_COME(0x70000000u);
    assert_int_equal(counter("VFGORC"), 0x70000000u);
    OCTETS_COME(0x70000000u);
    assert_int_equal(counter("VFGORC"), 0xe0000000u);
    OCTETS_COME(0x70000000u); /* past 2^32 */
    assert_int_equal(counter("VFGORC"), 0x150000000u);
    OCTETS_COME(0x70000000u);
    assert_int_equal(counter("VFGORC"), 0x1c0000000u);
    MODEL(pf_reset_begin)(&model); /* and from far up to 0: no wrap */
    run_ms(2);
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_int_equal(counter("VFGORC"), 0x1c0000000u);
    OCTETS_COME(5);
    assert_int_equal(counter("VFGORC"), 0x1c0000005u);
}

static void a_counter_that_began_anew_unseen_does_not_explode(void **state)
{
    start_and_link();
    PACKETS_ARE(1000);
    assert_int_equal(counter("VFGPRC"), 1000);
    PACKETS_ARE(3);
    assert_int_equal(counter("VFGPRC"), 1003);
}

/* Probe and remove -------------------------------------------------------------------------- */

static void the_next_owner_finds_it_at_rest(void **state)
{
    start_and_link();
    (void)MODEL(pf_saw_flr)(&model);
    destroy();
    assert_true(MODEL(pf_saw_flr)(&model));
    assert_null(model.function->driver_data);
    port_reset_registry();
    start_and_link();
    traffic_flows();
}

#define SETTINGS_TESTS \
    TEST(the_address_is_the_pfs), \
    TEST(without_an_address_a_random_one_is_asked_for), \
    TEST(two_vfs_do_not_invent_the_same_address), \
    TEST(no_address_at_all_is_told_and_tried_again), \
    TEST(a_group_address_is_none), \
    TEST(a_wish_is_granted), \
    TEST(a_wish_is_refused), \
    TEST(the_last_wish_counts), \
    TEST(a_refusal_belongs_to_what_was_asked), \
    TEST(a_wish_made_while_the_pf_is_away_is_kept), \
    TEST(an_address_taken_away_in_silence_is_noticed), \
    TEST(another_address_after_a_reset_is_adopted), \
    TEST(a_granted_mtu_may_be_taken_away), \
    TEST(a_pf_that_came_back_smaller_is_lived_with), \
    TEST(vlan_is_asked_for_and_changed), \
    TEST(tags_of_joined_vlans_come_beside_the_frame), \
    TEST(a_vlan_that_is_left_leaves_no_frame_untagged), \
    TEST(counters_wrap_and_do_not_fall), \
    TEST(a_counter_that_began_anew_unseen_does_not_explode), \
    TEST(the_next_owner_finds_it_at_rest)
