/* virtchnl_server.c over a chip that only takes notes: who is heard, what is judged, queues,
 * link and policies.  What an X710 does with it: tests/models/test_i40e_sriov.c. */
#include "tests/unit/virtchnl_bench.h"

/* Begin ---------------------------------------------------------------------------------------- */

static void every_vf_is_told_what_it_has(void **state)
{
    for (unsigned vf = 0; vf < VFS; vf++) {
        struct virtchnl_resources r = greet(vf, OLD_CAPS);
        assert_int_equal(r.vsi[0].id, VSI(vf));
        assert_int_equal(r.vsi[0].type, VIRTCHNL_VSI_SRIOV);
        assert_int_equal(r.queue_pairs, QUEUES);
        assert_int_equal(r.vectors, 5);
        assert_int_equal(r.max_frame, 9728);
        assert_int_equal(r.rss_key_size, 52);
        assert_int_equal(r.rss_lut_size, 64);
        assert_memory_equal(r.vsi[0].mac, info(vf).mac, MAC_LEN);
        assert_int_equal(info(vf).mailbox, VF_MAILBOX_OPEN);
    }
    assert_int_equal(chip.events, VFS); /* with the link */
}

static void the_better_of_two_ways_is_granted(void **state)
{
    assert_int_equal(greet(0, ALL_CAPS).caps,
                     VIRTCHNL_OFFERS & ~VIRTCHNL_CAP_RSS_REG & ~VIRTCHNL_CAP_VLAN);
    assert_int_equal(greet(0, VIRTCHNL_CAP_VLAN).caps,
                     VIRTCHNL_CAP_L2 | VIRTCHNL_CAP_VLAN | VIRTCHNL_CAP_RSS_REG);
    assert_int_equal(greet(0, 0).caps, VIRTCHNL_CAP_L2 | VIRTCHNL_CAP_RSS_REG);
}

/* unread: nothing; Linux's i40e: a driver of 1.0 gets 1.0, and does not say what it wants. */
static void a_driver_of_1_0_is_served(void **state)
{
    struct virtchnl_version v = { 1, 0 };
    struct virtchnl_resources r;
    uint32_t caps = 0;
    assert_int_equal(say(3, VIRTCHNL_VERSION, &v, sizeof v), 0);
    memcpy(&v, answer.bytes, sizeof v);
    assert_int_equal(v.minor, 0);
    assert_int_equal(say(3, VIRTCHNL_GET_RESOURCES, &caps, sizeof caps), VIRTCHNL_ERR_PARAM);
    assert_int_equal(say(3, VIRTCHNL_GET_RESOURCES, NULL, 0), 0);
    memcpy(&r, answer.bytes, sizeof r);
    assert_int_equal(r.caps, VIRTCHNL_CAP_L2 | VIRTCHNL_CAP_RSS_REG | VIRTCHNL_CAP_VLAN);
    memcpy(&v, event.bytes + 4, 4);
    assert_int_equal(v.major, VIRTCHNL_SPEED_10000);
    v = (struct virtchnl_version){ 7, 3 };
    assert_int_equal(say(3, VIRTCHNL_VERSION, &v, sizeof v), 0);
    memcpy(&v, answer.bytes, sizeof v);
    assert_int_equal(v.major, 1);
    assert_int_equal(v.minor, 1);
}

/* Linux's iavf does not say its version again after a reset. */
static void the_version_outlives_a_reset(void **state)
{
    uint32_t caps = OLD_CAPS;
    greet(0, OLD_CAPS);
    virtchnl_server_resets(&server, 0);
    virtchnl_server_ready(&server, 0, 99, 2);
    assert_int_equal(say(0, VIRTCHNL_GET_RESOURCES, &caps, sizeof caps), 0);
}

static void nothing_comes_before_the_resources(void **state)
{
    for (uint32_t op = 0; op < VIRTCHNL_OPS + 2; op++) {
        static const uint8_t zeros[64];
        if (op == VIRTCHNL_VERSION || op == VIRTCHNL_RESET_VF || op == VIRTCHNL_GET_RESOURCES ||
            op == VIRTCHNL_EVENT)
            continue;
        for (unsigned n = 0; n < sizeof zeros; n++)
            assert_int_not_equal(say(1, op, zeros, n), 0);
        now += 1000000;
    }
    assert_int_equal(chip.filters + chip.properties + chip.configured + chip.maps + chip.spreads,
                     0);
    assert_true(info(1).invalid > 0);
}

/* Lengths ------------------------------------------------------------------------------------- */

/* Shorter than its head, or longer than what it is. */
static void a_wrong_length_is_refused(void **state)
{
    static const struct {
        uint32_t op;
        unsigned n;
    } fixed[] = { { VIRTCHNL_VERSION, 8 },         { VIRTCHNL_ENABLE_QUEUES, 12 },
                  { VIRTCHNL_DISABLE_QUEUES, 12 }, { VIRTCHNL_PROMISCUOUS, 4 },
                  { VIRTCHNL_GET_STATS, 12 },      { VIRTCHNL_GET_RSS_HENA, 0 },
                  { VIRTCHNL_SET_RSS_HENA, 8 },    { VIRTCHNL_REQUEST_QUEUES, 2 },
                  { VIRTCHNL_STRIP_ON, 0 },        { VIRTCHNL_STRIP_OFF, 0 },
                  { VIRTCHNL_GET_RESOURCES, 4 } };
    static const uint8_t zeros[64];
    greet(0, OLD_CAPS);
    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        for (unsigned n = 0; n <= 40; n++)
            if (n != fixed[i].n)
                assert_int_equal(say(0, fixed[i].op, zeros, n), VIRTCHNL_ERR_PARAM);
        now += 1000000;
    }
    assert_int_equal(chip.filters + chip.properties + chip.configured + chip.spreads, 0);
    assert_int_equal(info(0).invalid, ARRAY_SIZE(fixed) * 40);
    assert_int_equal(info(0).refused, ARRAY_SIZE(fixed) * 40);
}

/* Both forms of a list, and no other: exactly as long, or one element more. */
static void a_list_has_one_of_two_lengths(void **state)
{
    static const struct {
        uint32_t op;
        unsigned head, element, count, at; /* where the count is */
    } lists[] = {
        { VIRTCHNL_CONFIG_QUEUES, 8, 64, 1, 2 }, { VIRTCHNL_CONFIG_IRQ_MAP, 2, 12, 1, 0 },
        { VIRTCHNL_ADD_MAC, 4, 8, 1, 2 },        { VIRTCHNL_ADD_VLAN, 4, 2, 3, 2 },
        { VIRTCHNL_RSS_KEY, 4, 1, 52, 2 },       { VIRTCHNL_RSS_LUT, 4, 1, 64, 2 },
    };
    greet(0, OLD_CAPS);
    for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
        unsigned exact = lists[i].head + lists[i].count * lists[i].element;
        struct virtchnl_queue_pair p = pair(0, 0);
        struct list l = { 0 };
        uint16_t vsi = VSI(0), count = (uint16_t)lists[i].count;
        if (lists[i].at)
            memcpy(l.bytes, &vsi, 2);
        else
            memcpy(l.bytes + 2, &vsi, 2);
        if (lists[i].op == VIRTCHNL_CONFIG_QUEUES)
            memcpy(l.bytes + 8, &p, sizeof p);
        if (lists[i].op == VIRTCHNL_ADD_MAC)
            memcpy(l.bytes + 4, other, MAC_LEN);
        memcpy(l.bytes + lists[i].at, &count, 2);
        for (unsigned n = 0; n <= exact + 3 * lists[i].element; n++)
            assert_int_equal(say(0, lists[i].op, &l, n) == 0,
                             n == exact || n == exact + lists[i].element);
        count = 0;
        memcpy(l.bytes + lists[i].at, &count, 2);
        assert_int_not_equal(say(0, lists[i].op, &l, lists[i].head), 0);
        count = 0xffff;
        memcpy(l.bytes + lists[i].at, &count, 2);
        assert_int_not_equal(say(0, lists[i].op, &l, VIRTCHNL_MESSAGE_MAX), 0);
        now += 10000000;
    }
}

static void another_vsi_is_nobodys(void **state)
{
    struct virtchnl_queue_select q = { .vsi = VSI(1), .rx = 1 };
    struct virtchnl_promiscuous p = { VSI(1), 0 };
    greet(0, OLD_CAPS);
    greet(1, OLD_CAPS);
    describe_all(1);
    assert_int_equal(say(0, VIRTCHNL_ENABLE_QUEUES, &q, sizeof q), VIRTCHNL_ERR_PARAM);
    assert_int_equal(say(0, VIRTCHNL_GET_STATS, &q, sizeof q), VIRTCHNL_ERR_PARAM);
    assert_int_equal(say(0, VIRTCHNL_PROMISCUOUS, &p, sizeof p), VIRTCHNL_ERR_PARAM);
    assert_int_equal(chip.rx, 0);
}

/* Queues -------------------------------------------------------------------------------------- */

static void queues_go_on_and_off(void **state)
{
    greet(0, OLD_CAPS);
    describe_all(0);
    assert_int_equal(server.vf[0].queue[2].rx_ring, 0x20000);
    assert_int_equal(server.vf[0].queue[2].frame, 9728);
    unsigned events = chip.events;
    assert_int_equal(switch_queues(0, true, 0xf, 0xf), 0);
    assert_int_equal(chip.events, events + 1);
    assert_int_equal(chip.rx & chip.tx, 0xf);
    assert_int_equal(switch_queues(0, true, 0xf, 0xf), 0); /* again: nothing to do */
    assert_int_equal(chip.enables, 1);
    assert_int_equal(switch_queues(0, false, 0x3, 0x1), 0);
    assert_int_equal(chip.rx, 0xc);
    assert_int_equal(chip.tx, 0xe);
    assert_int_equal(switch_queues(0, true, 0x10, 0), VIRTCHNL_ERR_PARAM);
    assert_int_equal(switch_queues(0, true, 0, 0), VIRTCHNL_ERR_PARAM);
    assert_int_equal(switch_queues(0, false, 0x80000000u, 0), VIRTCHNL_ERR_PARAM);
}

static void a_queue_on_is_not_described_anew(void **state)
{
    struct virtchnl_queue_pair p = pair(0, 1);
    greet(0, OLD_CAPS);
    assert_int_equal(switch_queues(0, true, 1, 0), VIRTCHNL_ERR_PARAM);
    describe_all(0);
    switch_queues(0, true, 2, 0);
    assert_int_equal(describe(0, &p, 1), VIRTCHNL_ERR_PARAM);
    switch_queues(0, false, 2, 0);
    assert_int_equal(describe(0, &p, 1), 0);
}

static void break_pair(struct virtchnl_queue_pair *p, unsigned how)
{
    switch (how) {
    case 0:
        p->tx.vsi++;
        break;
    case 1:
        p->rx.vsi++;
        break;
    case 2:
        p->tx.queue = p->rx.queue = QUEUES;
        break;
    case 3:
        p->rx.queue++;
        break;
    case 4:
        p->tx.queue = p->rx.queue = 0xffff;
        break;
    case 5:
        p->tx.length = 0;
        break;
    case 6:
        p->tx.length = 12;
        break;
    case 7:
        p->tx.length = 8168;
        break;
    case 8:
        p->rx.length = 0;
        break;
    case 9:
        p->rx.length = 40;
        break;
    case 10:
        p->rx.length = 0x10200;
        break;
    case 11:
        p->tx.ring += 64;
        break;
    case 12:
        p->rx.ring += 1;
        break;
    case 13:
        p->rx.ring = UINT64_MAX - 127;
        break;
    case 14:
        p->tx.ring = UINT64_MAX - 127;
        break;
    case 15:
        p->rx.buffer_size = 127;
        break;
    case 16:
        p->rx.buffer_size = 0x10800;
        break;
    case 17:
        p->rx.max_frame = 63;
        break;
    case 18:
        p->rx.max_frame = VIRTCHNL_FRAME + 1;
        break;
    case 19:
        p->tx.head_writeback = 1;
        break;
    case 20:
        p->rx.header_split = 1;
        break;
    case 21:
        p->rx.crc_kept = 1;
        break;
    default:
        p->rx.rxdid = VIRTCHNL_RXDID_FLEX_NIC;
        break;
    }
}

/* All of a message or nothing: the good pair in front of the bad one is not taken. */
static void what_the_chip_cannot_have_is_refused(void **state)
{
    greet(0, OLD_CAPS);
    for (unsigned how = 0; how <= 22; how++) {
        struct virtchnl_queue_pair pairs[2] = { pair(0, 0), pair(0, 1) };
        break_pair(&pairs[1], how);
        assert_int_equal(describe(0, pairs, 2), VIRTCHNL_ERR_PARAM);
        assert_int_equal(server.vf[0].configured, 0);
    }
    struct virtchnl_queue_pair twice[2] = { pair(0, 1), pair(0, 1) };
    assert_int_equal(describe(0, twice, 2), VIRTCHNL_ERR_PARAM);
    assert_int_equal(chip.configured, 0);
}

static void a_frame_ends_with_the_fifth_buffer(void **state)
{
    struct virtchnl_queue_pair p = pair(0, 0);
    greet(0, OLD_CAPS);
    p.rx.buffer_size = 1100;
    assert_int_equal(describe(0, &p, 1), 0);
    assert_int_equal(server.vf[0].queue[0].buffer, 1024);
    assert_int_equal(server.vf[0].queue[0].frame, 5 * 1024);
}

static void vectors_and_queues_are_the_vfs_own(void **state)
{
    struct virtchnl_vector v = { .vsi = VSI(0), .vector = 1, .rx_queues = 1, .tx_queues = 1 };
    greet(0, OLD_CAPS);
    assert_int_equal(map(0, v), 0);
    v.vector = 5;
    assert_int_equal(map(0, v), VIRTCHNL_ERR_PARAM);
    v.vector = 4;
    v.rx_queues = 0x10;
    assert_int_equal(map(0, v), VIRTCHNL_ERR_PARAM);
    v.rx_queues = 0;
    v.tx_queues = 0x8000;
    assert_int_equal(map(0, v), VIRTCHNL_ERR_PARAM);
    v.tx_queues = 8;
    v.rx_itr = 4;
    assert_int_equal(map(0, v), VIRTCHNL_ERR_PARAM);
    v.rx_itr = 3;
    v.vsi++;
    assert_int_equal(map(0, v), VIRTCHNL_ERR_PARAM);
    assert_int_equal(chip.maps, 1);
}

/* Granted, the reset is the answer; and the wish outlives it. */
static void more_queues_come_with_a_reset(void **state)
{
    struct virtchnl_queue_request q = { 9 };
    greet(0, OLD_CAPS);
    assert_int_equal(say(0, VIRTCHNL_REQUEST_QUEUES, &q, sizeof q), 0);
    memcpy(&q, answer.bytes, sizeof q);
    assert_int_equal(q.pairs, 8);
    assert_int_equal(chip.resets, 0);
    unsigned answers = chip.answers;
    virtchnl_server_message(&server, 0, VIRTCHNL_REQUEST_QUEUES, (uint8_t *)&q, sizeof q, now);
    assert_int_equal(chip.answers, answers);
    assert_int_equal(chip.resets, 1);
    assert_int_equal(event.bytes[0], VIRTCHNL_EVENT_RESET_IMPENDING);
    assert_true(chip.told);
    assert_int_equal(server.vf[0].queues_wanted, 8);
}

/* Link ----------------------------------------------------------------------------- */

static struct virtchnl_event told(void)
{
    struct virtchnl_event e;
    assert_int_equal(event.n, sizeof e);
    memcpy(&e, event.bytes, sizeof e);
    assert_int_equal(e.code, VIRTCHNL_EVENT_LINK);
    return e;
}

static void the_link_is_told_in_the_words_that_were_agreed(void **state)
{
    greet(0, VIRTCHNL_CAP_LINK_SPEED);
    assert_int_equal(told().speed, 10000);
    virtchnl_server_link(&server, true, 25000);
    assert_int_equal(told().speed, 25000);
    virtchnl_server_link(&server, false, 0);
    assert_false(told().up);
    unsigned events = chip.events;
    virtchnl_server_link(&server, false, 0); /* no news */
    assert_int_equal(chip.events, events);
    greet(1, 0);
    virtchnl_server_link(&server, true, 40000);
    assert_int_equal(event.vf, 1);
    assert_int_equal(told().speed, VIRTCHNL_SPEED_40000);
    assert_int_equal(chip.events, events + 3); /* VF 1's beginning, then both that listen */
}

static void a_link_is_forced_both_ways(void **state)
{
    struct vf_policy policy = info(0).policy;
    virtchnl_server_link(&server, false, 0);
    policy.link = VF_LINK_UP;
    set(0, &policy);
    greet(0, VIRTCHNL_CAP_LINK_SPEED);
    assert_true(told().up);
    policy.link = VF_LINK_DOWN;
    virtchnl_server_link(&server, true, 10000);
    set(0, &policy);
    greet(0, VIRTCHNL_CAP_LINK_SPEED);
    assert_false(told().up);
    describe_all(0);
    assert_int_equal(switch_queues(0, true, 0xf, 0xf), 0); /* the chip lets nothing through */
    assert_false(vf_may_speak(&server.base.vf[0]));
    policy.link = VF_LINK_AUTO;
    unsigned resets = chip.resets;
    set(0, &policy);
    assert_int_equal(chip.resets, resets + 1);
    greet(0, OLD_CAPS);
    describe_all(0);
    switch_queues(0, true, 0xf, 0xf);
    assert_int_equal(chip.rx, 0xf);
}

/* Policies ------------------------------------------------------------------------- */

static void what_a_vf_must_learn_resets_it(void **state)
{
    struct vf_policy policy = info(0).policy;
    const char *why = NULL;
    greet(0, OLD_CAPS);
    policy.spoofcheck = false;
    set(0, &policy);
    policy.rate_mbps = 150;
    set(0, &policy);
    assert_int_equal(chip.resets, 0);
    assert_int_equal(chip.properties, 2);
    policy.rate_mbps = 151;
    assert_int_equal(virtchnl_server_set(&server, 0, &policy, &why), -EINVAL);
    assert_string_equal(why, "the fake limits to 50 to 40000 Mb/s in steps of 50");
    policy.rate_mbps = 49;
    assert_int_equal(virtchnl_server_set(&server, 0, &policy, &why), -EINVAL);
    policy.rate_mbps = 200;
    chip.broken = -EIO;
    assert_int_equal(virtchnl_server_set(&server, 0, &policy, &why), -EIO);
    assert_int_equal(info(0).policy.rate_mbps, 150);
    chip.broken = 0;
    policy.rate_mbps = 0;
    policy.vlan = 12;
    set(0, &policy);
    assert_true(chip.told);
    policy.trust = true;
    set(0, &policy);
    assert_false(chip.told); /* who knows nothing yet has nothing to lose */
    policy.mac_set = true;
    memcpy(policy.mac, other, MAC_LEN);
    set(0, &policy);
    assert_int_equal(chip.resets, 3);
    assert_memory_equal(info(0).mac, other, MAC_LEN);
}

/* Hostile -------------------------------------------------------------------------- */

/* 64 in a row and 200 a second: one more waits, others are not heard; and another VF is. */
static void a_flood_waits_and_is_not_heard(void **state)
{
    greet(1, OLD_CAPS);
    unsigned answers = chip.answers;
    for (unsigned i = 0; i < 1000; i++)
        virtchnl_server_message(&server, 0, VIRTCHNL_GET_STATS, NULL, 0, now);
    assert_int_equal(chip.answers, answers + 64);
    assert_int_equal(info(0).deferred, 1000 - 64);
    assert_int_equal(info(0).messages, 64);
    assert_int_equal(promiscuous(1, 0), 0);
    assert_false(virtchnl_server_has_waited(&server, now - 10000));
    assert_true(virtchnl_server_has_waited(&server, now));
    answers = chip.answers;
    virtchnl_server_poll(&server, now);
    virtchnl_server_poll(&server, now + 1000000);
    assert_int_equal(chip.answers, answers + 1);
    now += 1000000;
    answers = chip.answers;
    for (unsigned i = 0; i < 1000; i++)
        virtchnl_server_message(&server, 0, VIRTCHNL_GET_STATS, NULL, 0, now);
    assert_int_equal(chip.answers, answers + 64);
}

/* A reset costs the chip much more than a message. */
static void resets_are_dear(void **state)
{
    for (unsigned i = 0; i < 100; i++) {
        virtchnl_server_message(&server, 0, VIRTCHNL_RESET_VF, NULL, 0, now);
        virtchnl_server_ready(&server, 0, VSI(0), QUEUES);
    }
    assert_int_equal(chip.resets, 8);
    virtchnl_server_poll(&server, now + 1000000); /* the one that waited */
    assert_int_equal(chip.resets, 8);             /* was forgotten with a reset of the PF's */
}

/* A reset does not wait behind a message that waits, but in its place. */
static void a_reset_takes_the_place_of_what_waits(void **state)
{
    for (unsigned i = 0; i < 65; i++)
        virtchnl_server_message(&server, 0, VIRTCHNL_GET_STATS, NULL, 0, now);
    unsigned answers = chip.answers;
    virtchnl_server_message(&server, 0, VIRTCHNL_RESET_VF, NULL, 0, now);
    virtchnl_server_poll(&server, now + 1000000);
    assert_int_equal(chip.answers, answers);
    assert_int_equal(chip.resets, 1);
}

static void who_is_resetting_is_not_heard(void **state)
{
    struct virtchnl_version v = { 1, 1 };
    virtchnl_server_resets(&server, 0);
    virtchnl_server_message(&server, 0, VIRTCHNL_VERSION, (uint8_t *)&v, sizeof v, now);
    virtchnl_server_message(&server, 0, VIRTCHNL_RESET_VF, NULL, 0, now);
    virtchnl_server_message(&server, VFS, VIRTCHNL_RESET_VF, NULL, 0, now);
    virtchnl_server_announce(&server, 0);
    assert_int_equal(chip.answers + chip.resets, 0);
    assert_int_equal(chip.events, 0);
    assert_int_equal(server.strays, 1);
    assert_int_equal(info(0).mailbox, VF_MAILBOX_CLOSED);
}

static void malice_is_forgiven_three_times(void **state)
{
    greet(0, OLD_CAPS);
    for (unsigned i = 0; i < 4; i++) {
        virtchnl_server_malicious(&server, 0, now);
        virtchnl_server_ready(&server, 0, VSI(0), QUEUES);
    }
    assert_int_equal(chip.resets, 4);
    assert_int_equal(info(0).mailbox, VF_MAILBOX_MUTED);
    assert_int_equal(info(0).malicious, 4);
    unsigned answers = chip.answers;
    virtchnl_server_message(&server, 0, VIRTCHNL_GET_STATS, NULL, 0, now);
    assert_int_equal(chip.answers, answers);
    vf_forgiven(&server.base.vf[0], now + VF_MUTED_US);
    greet(0, OLD_CAPS);
}

/* Whatever is said, and in whatever order: the lists hold to their limits, and what the chip is
 * told is within what the VF has (which the chip's functions look at). */
static void any_message_is_answered(void **state)
{
    uint32_t seed = 1;
    greet(0, OLD_CAPS);
    for (unsigned i = 0; i < 50000; i++) {
        struct list l;
        uint16_t vsi = VSI(0);
        for (unsigned k = 0; k < 160; k++)
            l.bytes[k] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 27);
        memcpy(l.bytes, &vsi, 2);
        uint32_t op = seed >> 8 & 63;
        if (op != VIRTCHNL_RESET_VF && op != VIRTCHNL_EVENT && op != VIRTCHNL_REQUEST_QUEUES)
            say(0, op, &l, seed >> 16 & 127);
        assert_true(server.base.vf[0].mac_count <= VF_MACS_MAX);
        assert_true(server.base.vf[0].vlan_count <= VIRTCHNL_FEW);
        assert_true(server.vf[0].group_count <= VIRTCHNL_FEW);
        assert_int_equal((server.vf[0].rx_on | server.vf[0].tx_on) & ~server.vf[0].configured, 0);
    }
    assert_int_equal(chip.resets, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_vf_is_told_what_it_has),
        T(the_better_of_two_ways_is_granted),
        T(a_driver_of_1_0_is_served),
        T(the_version_outlives_a_reset),
        T(nothing_comes_before_the_resources),
        T(a_wrong_length_is_refused),
        T(a_list_has_one_of_two_lengths),
        T(another_vsi_is_nobodys),
        T(queues_go_on_and_off),
        T(a_queue_on_is_not_described_anew),
        T(what_the_chip_cannot_have_is_refused),
        T(a_frame_ends_with_the_fifth_buffer),
        T(vectors_and_queues_are_the_vfs_own),
        T(more_queues_come_with_a_reset),
        T(the_link_is_told_in_the_words_that_were_agreed),
        T(a_link_is_forced_both_ways),
        T(what_a_vf_must_learn_resets_it),
        T(a_flood_waits_and_is_not_heard),
        T(resets_are_dear),
        T(a_reset_takes_the_place_of_what_waits),
        T(who_is_resetting_is_not_heard),
        T(malice_is_forgiven_three_times),
        T(any_message_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
