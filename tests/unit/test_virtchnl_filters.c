/* virtchnl_requests.c over a chip that only takes notes: addresses, VLANs, promiscuity, spreading,
 * statistics.  The rest: test_virtchnl_server.c. */
#include "tests/unit/virtchnl_bench.h"

/* Addresses ------------------------------------------------------------------------------------ */

static void an_address_is_changed_as_drivers_do(void **state)
{
    uint8_t first[MAC_LEN];
    greet(0, OLD_CAPS);
    memcpy(first, info(0).mac, MAC_LEN);
    assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, first, VIRTCHNL_MAC_PRIMARY), 0);
    assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, other, VIRTCHNL_MAC_PRIMARY), 0);
    assert_memory_equal(info(0).mac, other, MAC_LEN);
    assert_int_equal(info(0).macs, 1); /* the old one, until it is deleted */
    assert_int_equal(mac(0, VIRTCHNL_DELETE_MAC, first, 0), 0);
    assert_int_equal(info(0).macs, 0);
    assert_int_equal(mac(0, VIRTCHNL_DELETE_MAC, first, 0), VIRTCHNL_ERR_PARAM);
}

/* Drivers from before addresses had types: new one in, old one out, or the other way round. */
static void an_address_without_a_type_takes_the_place_of_the_last(void **state)
{
    uint8_t first[MAC_LEN];
    greet(0, OLD_CAPS);
    memcpy(first, info(0).mac, MAC_LEN);
    assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, other, 0), 0);
    assert_int_equal(mac(0, VIRTCHNL_DELETE_MAC, first, 0), 0);
    assert_memory_equal(info(0).mac, other, MAC_LEN);
    assert_int_equal(mac(0, VIRTCHNL_DELETE_MAC, other, 0), 0);
    assert_memory_equal(info(0).mac, other, MAC_LEN); /* in force until there is another */
    assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, first, 0), 0);
    assert_memory_equal(info(0).mac, first, MAC_LEN);
    assert_int_equal(info(0).macs, 0);
}

static void nobody_gets_the_address_of_another(void **state)
{
    static const uint8_t zero[MAC_LEN];
    greet(0, OLD_CAPS);
    for (uint8_t type = 0; type < 4; type++) {
        assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, info(77).mac, type), VIRTCHNL_ERR_PARAM);
        assert_string_equal(info(0).last_refusal, "another VF has that address");
        assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, port.mac, type), VIRTCHNL_ERR_PARAM);
        assert_string_equal(info(0).last_refusal, "that address is the PF's");
        assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, zero, type), VIRTCHNL_ERR_PARAM);
    }
    assert_int_equal(chip.filters, 0);
}

static void an_address_that_was_set_stays(void **state)
{
    struct vf_policy policy = info(0).policy;
    policy.mac_set = true;
    memcpy(policy.mac, other, MAC_LEN);
    set(0, &policy);
    greet(0, OLD_CAPS);
    assert_memory_equal(info(0).mac, other, MAC_LEN);
    assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, other, VIRTCHNL_MAC_PRIMARY), 0);
    assert_int_equal(mac(0, VIRTCHNL_DELETE_MAC, other, 0), 0); /* says yes: and it stays */
    uint8_t mine[MAC_LEN] = { 2, 9, 9, 9, 9, 9 };
    for (uint8_t type = 0; type < 3; type++)
        assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, mine, type), VIRTCHNL_ERR_PARAM);
    assert_string_equal(info(0).last_refusal, VF_FIXED_MAC);
    trust(0);
    assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, mine, VIRTCHNL_MAC_PRIMARY), 0);
    assert_memory_equal(info(0).mac, mine, MAC_LEN);
}

/* The old address of a VF that changes its own is one of those that all have together. */
static void filters_that_are_shared_are_counted(void **state)
{
    uint8_t first[MAC_LEN];
    server.base.limits.macs = 1;
    for (unsigned vf = 0; vf < 3; vf++) {
        greet(vf, OLD_CAPS);
        memcpy(first, info(vf).mac, MAC_LEN);
        const uint8_t own[MAC_LEN] = { 2, 8, 8, 8, 8, (uint8_t)vf };
        assert_int_equal(mac(vf, VIRTCHNL_ADD_MAC, own, VIRTCHNL_MAC_PRIMARY), 0);
        assert_memory_equal(info(vf).mac, own, MAC_LEN);
        assert_int_equal(info(vf).macs, !vf);
        assert_int_equal(mac(vf, VIRTCHNL_ADD_MAC, other, VIRTCHNL_MAC_EXTRA), VIRTCHNL_ERR_PARAM);
        assert_string_equal(info(vf).last_refusal, "all address filters are taken");
    }
}

/* As many as fit, one more is one too many; and a message goes as a whole. */
static void addresses_are_limited(void **state)
{
    uint8_t list[20][MAC_LEN];
    for (uint8_t i = 0; i < 20; i++)
        memcpy(list[i], (uint8_t[]){ 2, 1, 1, 1, 1, i }, MAC_LEN);
    greet(0, OLD_CAPS);
    assert_int_equal(macs(0, VIRTCHNL_ADD_MAC, list, 17, VIRTCHNL_MAC_EXTRA), VIRTCHNL_ERR_PARAM);
    assert_int_equal(info(0).macs, 0);
    assert_int_equal(macs(0, VIRTCHNL_ADD_MAC, list, 16, VIRTCHNL_MAC_EXTRA), 0);
    assert_int_equal(info(0).macs, 16);
    for (uint8_t i = 0; i < 20; i++)
        list[i][0] = 3;
    assert_int_equal(macs(0, VIRTCHNL_ADD_MAC, list, 17, VIRTCHNL_MAC_EXTRA), VIRTCHNL_ERR_PARAM);
    assert_string_equal(info(0).last_refusal, "only a trusted VF may have more than 16 groups");
    assert_int_equal(macs(0, VIRTCHNL_ADD_MAC, list, 16, VIRTCHNL_MAC_EXTRA), 0);
    assert_int_equal(info(0).multicast, 16);
    assert_int_equal(macs(0, VIRTCHNL_DELETE_MAC, list, 16, VIRTCHNL_MAC_EXTRA), 0);
    assert_int_equal(info(0).multicast, 0);
    trust(0);
    assert_int_equal(macs(0, VIRTCHNL_ADD_MAC, list, 20, VIRTCHNL_MAC_EXTRA), 0);
}

static void a_chip_without_room_changes_nothing(void **state)
{
    greet(0, OLD_CAPS);
    chip.fails = -ENOSPC;
    assert_int_equal(mac(0, VIRTCHNL_ADD_MAC, other, VIRTCHNL_MAC_EXTRA), VIRTCHNL_ERR_PARAM);
    assert_string_equal(info(0).last_refusal, "the chip has no filter left");
    assert_int_equal(info(0).macs, 0);
    assert_int_equal(chip.filters, 2);
    assert_int_equal(chip.macs, 0); /* as it was */
}

/* An address takes a filter for each VLAN: one VF has its part of the chip's and no more. */
static void filters_are_shared_out(void **state)
{
    uint8_t list[16][MAC_LEN];
    for (uint8_t i = 0; i < 16; i++)
        memcpy(list[i], (uint8_t[]){ 3, 1, 1, 1, 1, i }, MAC_LEN);
    server.pairs_max = 24;
    greet(0, OLD_CAPS);
    assert_int_equal(macs(0, VIRTCHNL_ADD_MAC, list, 7, VIRTCHNL_MAC_EXTRA), 0);
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 10, 3), VIRTCHNL_ERR_PARAM); /* 8 x 4 */
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 10, 2), 0);
    assert_int_equal(info(0).vlans, 2);
    assert_int_equal(macs(0, VIRTCHNL_ADD_MAC, list + 7, 1, VIRTCHNL_MAC_EXTRA),
                     VIRTCHNL_ERR_PARAM);
}

/* VLANs ---------------------------------------------------------------------------------------- */

static void vlans_are_joined_and_left(void **state)
{
    greet(0, OLD_CAPS);
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 0, 1), 0);
    assert_int_equal(info(0).vlans, 0);
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 100, 16), 0);
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 100, 16), 0);
    assert_int_equal(info(0).vlans, 16);
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 200, 1), VIRTCHNL_ERR_PARAM);
    assert_int_equal(vlans(0, VIRTCHNL_DELETE_VLAN, 100, 16), 0);
    assert_int_equal(info(0).vlans, 0);
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 4095, 1), VIRTCHNL_ERR_PARAM);
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 0xffff, 1), VIRTCHNL_ERR_PARAM);
    trust(0);
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 100, 65), VIRTCHNL_ERR_PARAM);
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 100, 64), 0);
}

static int32_t vlan_v2(uint32_t op, struct virtchnl_vlan_filter f)
{
    struct virtchnl_vlan_list_v2 head = { .vsi = VSI(0), .count = 1 };
    struct list l = { 0 };
    memcpy(l.bytes, &head, sizeof head);
    memcpy(l.bytes + sizeof head, &f, sizeof f);
    return say(0, op, &l, sizeof head + sizeof f);
}

static void version_2_has_one_tag(void **state)
{
    struct virtchnl_vlan_caps caps;
    struct virtchnl_vlan_setting t = { .vsi = VSI(0), .inner = VIRTCHNL_VLAN_8100 };
    struct virtchnl_vlan_filter f = { .inner = { .tci = 7, .tpid = ETHERTYPE_VLAN } };
    greet(0, ALL_CAPS);
    assert_int_equal(say(0, VIRTCHNL_GET_VLAN_CAPS, NULL, 0), 0);
    memcpy(&caps, answer.bytes, sizeof caps);
    assert_int_equal(caps.filters, 16);
    assert_int_equal(caps.filter.outer | caps.strip.outer | caps.insert.outer, 0);
    assert_int_equal(vlan_v2(VIRTCHNL_ADD_VLAN_V2, f), 0);
    assert_int_equal(info(0).vlans, 1);
    assert_int_equal(vlan_v2(VIRTCHNL_DELETE_VLAN_V2, f), 0);
    assert_int_equal(info(0).vlans, 0);
    f.inner.tpid = 0x88a8;
    assert_int_equal(vlan_v2(VIRTCHNL_ADD_VLAN_V2, f), VIRTCHNL_ERR_PARAM);
    f = (struct virtchnl_vlan_filter){ .outer = { .tci = 7, .tpid = ETHERTYPE_VLAN } };
    assert_int_equal(vlan_v2(VIRTCHNL_ADD_VLAN_V2, f), VIRTCHNL_ERR_PARAM);
    assert_int_equal(say(0, VIRTCHNL_STRIP_ON_V2, &t, sizeof t), 0);
    assert_true(server.vf[0].strip);
    assert_int_equal(say(0, VIRTCHNL_INSERT_OFF_V2, &t, sizeof t), 0);
    t.outer = VIRTCHNL_VLAN_8100;
    assert_int_equal(say(0, VIRTCHNL_STRIP_OFF_V2, &t, sizeof t), VIRTCHNL_ERR_PARAM);
    assert_true(server.vf[0].strip);
    assert_int_equal(say(0, VIRTCHNL_STRIP_OFF, NULL, 0), VIRTCHNL_ERR_PARAM); /* version 1 */
}

static void a_vlan_that_was_set_leaves_no_choice(void **state)
{
    struct vf_policy policy = info(0).policy;
    policy.vlan = 100;
    set(0, &policy);
    struct virtchnl_resources r = greet(0, ALL_CAPS);
    assert_int_equal(r.caps & (VIRTCHNL_CAP_VLAN | VIRTCHNL_CAP_VLAN_V2), 0);
    assert_int_equal(r.max_frame, 9724); /* the tag is on top */
    assert_int_equal(vlans(0, VIRTCHNL_ADD_VLAN, 5, 1), VIRTCHNL_ERR_PARAM);
    struct virtchnl_queue_pair p = pair(0, 0);
    assert_int_equal(describe(0, &p, 1), VIRTCHNL_ERR_PARAM);
    p.rx.max_frame = 9724;
    assert_int_equal(describe(0, &p, 1), 0);
    assert_int_equal(server.vf[0].queue[0].frame, 9728);
}

/* Trust, spreading, statistics ----------------------------------------------------- */

static void only_trust_makes_promiscuous(void **state)
{
    greet(0, OLD_CAPS);
    assert_int_equal(promiscuous(0, 0), 0);
    assert_int_equal(promiscuous(0, 1), VIRTCHNL_ERR_PARAM);
    assert_string_equal(info(0).last_refusal, "only a trusted VF may be promiscuous");
    trust(0);
    assert_int_equal(promiscuous(0, 3), 0);
    assert_true(info(0).promiscuous && info(0).all_multicast);
    assert_int_equal(promiscuous(0, 4), VIRTCHNL_ERR_PARAM);
    struct vf_policy policy = info(0).policy;
    policy.trust = false;
    set(0, &policy);
    assert_false(info(0).promiscuous || info(0).all_multicast);
}

static void spreading_stays_among_the_vfs_queues(void **state)
{
    struct list l = { 0 };
    struct virtchnl_rss_lut head = { .vsi = VSI(0), .entries = 64 };
    struct virtchnl_rss_hena hena = { ~0ull };
    greet(0, OLD_CAPS);
    memcpy(l.bytes, &head, sizeof head);
    memset(l.bytes + 4, 3, 64);
    assert_int_equal(say(0, VIRTCHNL_RSS_LUT, &l, 4 + 64 + 1), 0);
    assert_int_equal(server.vf[0].lut[63], 3);
    l.bytes[4 + 63] = 4;
    assert_int_equal(say(0, VIRTCHNL_RSS_LUT, &l, 4 + 64), VIRTCHNL_ERR_PARAM);
    l.bytes[2] = 63;
    assert_int_equal(say(0, VIRTCHNL_RSS_LUT, &l, 4 + 63), VIRTCHNL_ERR_PARAM);
    l.bytes[2] = 40;
    assert_int_equal(say(0, VIRTCHNL_RSS_KEY, &l, 4 + 40), VIRTCHNL_ERR_PARAM);
    assert_int_equal(say(0, VIRTCHNL_SET_RSS_HENA, &hena, sizeof hena), 0);
    assert_true(server.vf[0].kinds == KINDS);
    assert_int_equal(say(0, VIRTCHNL_GET_RSS_HENA, NULL, 0), 0);
    memcpy(&hena, answer.bytes, sizeof hena);
    assert_true(hena.kinds == KINDS);
    greet(0, 0); /* its registers are the VF's way now */
    assert_int_equal(say(0, VIRTCHNL_GET_RSS_HENA, NULL, 0), VIRTCHNL_ERR_PARAM);
}

static void statistics_are_the_vfs_own(void **state)
{
    struct virtchnl_queue_select q = { .vsi = VSI(5) };
    struct virtchnl_stats stats;
    greet(5, OLD_CAPS);
    assert_int_equal(say(5, VIRTCHNL_GET_STATS, &q, sizeof q), 0);
    assert_int_equal(answer.n, 96);
    memcpy(&stats, answer.bytes, sizeof stats);
    assert_int_equal(stats.rx_unicast, 105);
}

static void what_nobody_knows_is_not_supported(void **state)
{
    static const uint32_t unknown[] = { 0, 4, 5, 16, VIRTCHNL_GET_RXDIDS, 63, 64, 0xffffffffu };
    greet(0, ALL_CAPS);
    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++)
        assert_int_equal(say(0, unknown[i], NULL, 0), VIRTCHNL_ERR_NOT_SUPPORTED);
    assert_int_equal(info(0).invalid, ARRAY_SIZE(unknown));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_address_is_changed_as_drivers_do),
        T(an_address_without_a_type_takes_the_place_of_the_last),
        T(nobody_gets_the_address_of_another),
        T(an_address_that_was_set_stays),
        T(filters_that_are_shared_are_counted),
        T(addresses_are_limited),
        T(a_chip_without_room_changes_nothing),
        T(filters_are_shared_out),
        T(vlans_are_joined_and_left),
        T(version_2_has_one_tag),
        T(a_vlan_that_was_set_leaves_no_choice),
        T(only_trust_makes_promiscuous),
        T(spreading_stays_among_the_vfs_queues),
        T(statistics_are_the_vfs_own),
        T(what_nobody_knows_is_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
