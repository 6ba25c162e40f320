/* iavf.c over the model of a VF with a played PF, of i40e's kind and of ice's: what is asked for,
 * and what comes of it. */
#include "nic/intel/intel_ring.h"
#include "tests/models/iavf_bench.h"

#include "apps/forward/access.h"

#include <errno.h>

/* Conformance --------------------------------------------------------------------------- */

static uint16_t queues = 1, ring_size;
static uint32_t caps_withheld;
static bool double_vlan;

static struct port *create(struct packet_cache *c)
{
    host_reset();
    make_vf();
    model.pf.trusted = true;
    model.pf.queues = queues > 4 ? 4 : queues; /* more are asked for */
    model.pf.caps &= ~caps_withheld;
    model.pf.double_vlan = double_vlan;
    probe();
    assert_int_equal(port_set_queues(port, queues), 0);
    for (unsigned i = 0; i < queues; i++) {
        port->rxq[i]->cache = port->txq[i]->cache = c;
        if (ring_size)
            port->rxq[i]->size = port->txq[i]->size = ring_size;
    }
    settle();
    return port;
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return iavf_model_inject(&model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return iavf_model_take(&model, frame, size);
}

static void set_link(bool up)
{
    iavf_model_set_link(&model, up);
    poll_once();
}

static unsigned violations(void)
{
    return iavf_model_violations(&model);
}

/* Until what is wanted is in force; a port that runs has its queues on, too. */
static void settle_all(void)
{
    for (unsigned i = 0; i < 300; i++) {
        poll_once();
        if (!port->pending && (port->state != PORT_RUNNING || port_get(0)->link.up || i > 20))
            break;
    }
}

static int conformance(const char *name, enum iavf_model_kind which, uint16_t n, uint16_t size,
                       uint32_t withheld)
{
    kind = which;
    queues = n;
    ring_size = size;
    caps_withheld = withheld;
    return conformance_run(&(struct conformance_subject){
        .name = name,
        .flags = CONFORMANCE_FILTERS | CONFORMANCE_PADS | CONFORMANCE_COUNTED_ELSEWHERE,
        .create = create,
        .destroy = destroy_port,
        .inject = inject,
        .take = take,
        .set_link = set_link,
        .settle = settle_all,
        .violations = violations });
}

/* Beginning ------------------------------------------------------------------------------- */

static void the_address_and_the_link_are_the_pfs(void **state)
{
    start(1);
    traffic_rests(); /* the PF is not waited for */
    assert_in_range(link_comes_within(100), 1, 60);
    settle();
    assert_memory_equal(port->mac, given, MAC_LEN);
    assert_int_equal(port->link.speed_mbps, kind == IAVF_BEHIND_ICE ? 25000 : 40000);
    assert_int_equal(model.pf.seen[VIRTCHNL_RESET_VF], 1);
    assert_int_equal(model.pf.seen[VIRTCHNL_VERSION], 1);
    assert_int_equal(model.pf.seen[VIRTCHNL_ADD_MAC], 1);
    assert_true(host_log_contains("the PF answers: MAC 02:82:59:90:00:01, MTU 1500"));
    traffic_flows();
}

/* A PF of version 1.0 takes no wishes, and says speeds as bits. */
static void version_1_0_is_spoken(void **state)
{
    static const uint32_t mbps[] = { 100, 1000, 10000, 25000, 40000 };
    model.pf.minor = 0;
    start_and_link();
    assert_int_equal(counter("virtchnl 1."), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(mbps); i++) {
        model.pf.speed_mbps = mbps[i];
        iavf_model_say_link(&model);
        turn();
        assert_int_equal(port->link.speed_mbps, mbps[i]);
    }
    traffic_flows();
}

static void another_major_version_is_told_of(void **state)
{
    const struct virtchnl_version two = { 2, 0 };
    model.pf.serves = false;
    start(1);
    run_ms(3);
    assert_int_equal(model.pf.seen[VIRTCHNL_RESET_VF], 1);
    iavf_model_pf_resets_vf(&model);
    for (unsigned i = 0; i < 100 && !model.pf.seen[VIRTCHNL_VERSION]; i++)
        turn();
    iavf_model_tell(&model, VIRTCHNL_VERSION, 0, &two, sizeof two);
    run_ms(3);
    assert_true(host_log_contains("the PF speaks version 2.0"));
    traffic_rests();
}

/* Queues -------------------------------------------------------------------------------------- */

static unsigned queues_on(void)
{
    unsigned on = 0;
    for (unsigned i = 0; i < IAVF_MODEL_QUEUES; i++)
        on += model.rx[i].on && model.tx[i].on;
    return on;
}

static void more_queues_are_asked_for(void **state)
{
    static const struct {
        uint16_t wanted, first, most, used;
    } cases[] = { { 1, 4, 16, 1 }, { 4, 4, 16, 4 }, { 16, 4, 16, 16 },
                  { 8, 4, 6, 6 },  { 16, 4, 4, 4 }, { 2, 1, 1, 1 } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        destroy_port();
        make_vf();
        model.pf.queues = cases[i].first;
        model.pf.queues_max = cases[i].most;
        start(cases[i].wanted);
        assert_in_range(link_comes_within(300), 0, 200);
        settle();
        assert_int_equal(queues_on(), cases[i].used);
        assert_int_equal(port->tx_queues, cases[i].used);
        traffic_flows();
    }
    assert_true(host_log_contains("the PF grants 6 queues: 6 of 8 are used"));
}

static void a_pf_that_offers_no_more_is_not_asked(void **state)
{
    model.pf.caps &= ~VIRTCHNL_CAP_REQUEST_QUEUES;
    start(16);
    assert_in_range(link_comes_within(300), 0, 200);
    assert_int_equal(model.pf.seen[VIRTCHNL_REQUEST_QUEUES], 0);
    assert_int_equal(queues_on(), 4);
}

/* Flows are spread by a table that the VF has set, by message or in its registers. */
static void flows_are_spread(void **state)
{
    for (unsigned by_register = 0; by_register < 2; by_register++) {
        unsigned used = 0;
        destroy_port();
        make_vf();
        model.pf.caps &= ~(by_register ? VIRTCHNL_CAP_RSS_PF : 0);
        start(4);
        assert_in_range(link_comes_within(300), 0, 200);
        settle();
        for (unsigned flow = 0; flow < 64; flow++) {
            uint8_t frame[60] = { 0 };
            memcpy(frame, port->mac, MAC_LEN);
            const uint8_t ip[] = { 8, 0, 0x45, 0, 0, 28, 0,  0, 0, 0, 64, 17,
                                   0, 0, 10,   0, 0, 1,  10, 0, 0, 2, 0,  (uint8_t)flow,
                                   0, 9, 0,    8, 0, 0 };
            memcpy(frame + 12, ip, sizeof ip);
            assert_true(iavf_model_inject(&model, frame, sizeof frame));
        }
        for (unsigned q = 0; q < 4; q++) {
            struct packet *p[64];
            uint16_t n = port_rx_burst(port->rxq[q], p, 64);
            used += n > 0;
            packet_free_burst(&cache, p, n);
        }
        assert_int_equal(used, 4);
    }
}

/* Receive descriptors are the flexible ones where the PF has them. */
static void formats_are_the_pfs(void **state)
{
    start_and_link();
    assert_int_equal(counter("flexible descriptors"), kind == IAVF_BEHIND_ICE);
    assert_int_equal(model.rx[0].context.format,
                     kind == IAVF_BEHIND_ICE ? I40E_ENGINE_FLEX : I40E_ENGINE_32);
    traffic_flows();
}

/* A worker that rests is woken by its queue's own vector. */
static void a_queue_interrupts_who_rests(void **state)
{
    start_and_link();
    run_ms(5);
    unsigned before = model.device.interrupts[1];
    port->ops->arm(port->rxq[0], true);
    assert_true(reaches(port->mac));
    assert_int_equal(model.device.interrupts[1], before + 1);
    assert_true(reaches(port->mac)); /* once: it is off until it is armed again */
    assert_int_equal(model.device.interrupts[1], before + 1);
    port->ops->arm(port->rxq[0], false);
}

/* Address -------------------------------------------------------------------------- */

static void an_address_of_our_own_is_granted(void **state)
{
    static const uint8_t wish[MAC_LEN] = { 0x02, 7, 7, 7, 7, 7 };
    start_and_link();
    assert_int_equal(port_set_mac(port, wish), 0);
    settle();
    assert_memory_equal(port->mac, wish, MAC_LEN);
    assert_null(port->refusal);
    assert_memory_equal(model.pf.mac, wish, MAC_LEN);
    traffic_flows();
}

/* Pain: a VF that insists on another address than its administrator's is muted. */
static void the_administrators_address_is_kept(void **state)
{
    static const uint8_t wish[MAC_LEN] = { 0x02, 7, 7, 7, 7, 7 };
    model.pf.mac_set = true;
    start_and_link();
    assert_int_equal(port_set_mac(port, wish), 0);
    settle();
    assert_memory_equal(port->mac, given, MAC_LEN);
    assert_non_null(strstr(port->refusal, "its administrator set another"));
    traffic_flows();
}

/* Linux's i40e gives zeros where nobody has set an address. */
static void no_address_is_made_one(void **state)
{
    memset(model.pf.mac, 0, MAC_LEN);
    start_and_link();
    assert_true(mac_is_station(port->mac));
    assert_memory_equal(model.pf.macs[0], port->mac, MAC_LEN);
    assert_true(host_log_contains("the PF gives no MAC address; asking for"));
    traffic_flows();
}

/* What is received ----------------------------------------------------------------- */

/* Where the chip writes descriptors back with interrupts alone: who looks himself is not
 * interrupted, and of a queue that never is its vector fires behind a masked entry. */
static void queues_that_are_not_armed_interrupt_no_more(void **state)
{
    uint8_t frame[60] = { 0 };
    struct packet *p[4];
    model.pf.caps &= ~VIRTCHNL_CAP_WB_ON_ITR;
    start_and_link();
    memcpy(frame, port->mac, MAC_LEN);
    port->rxq[0]->interrupts = true;
    port->ops->arm(port->rxq[0], true);
    assert_true(inject(frame, sizeof frame));
    unsigned count = model.device.interrupts[1];
    assert_true(count > 0);
    port->ops->arm(port->rxq[0], false);
    poll_once();
    assert_true(inject(frame, sizeof frame));
    assert_int_equal(model.device.interrupts[1], count);
    port->rxq[0]->interrupts = false;
    for (unsigned i = 0; i < 2; i++) { /* the second after it has fired */
        poll_once();
        assert_true(model.device.interrupts[1] > count);
        count = model.device.interrupts[1];
        assert_true(inject(frame, sizeof frame));
    }
    packet_free_burst(port->rxq[0]->cache, p, port_rx_burst(port->rxq[0], p, ARRAY_SIZE(p)));
}

/* An X722's PF tells more kinds of packets apart, and has to be asked for them. */
static void more_kinds_are_hashed_where_there_are_more(void **state)
{
    model.pf.caps |= VIRTCHNL_CAP_RSS_PF | VIRTCHNL_CAP_RSS_KINDS;
    start_and_link();
    assert_true((model.pf.kinds & VIRTCHNL_HASH_MORE) == VIRTCHNL_HASH_MORE);
    assert_true(model.pf.kinds & VIRTCHNL_HASH_UDP4);
    traffic_flows();
}

static void vlans_are_joined_and_left(void **state)
{
    start_and_link();
    assert_int_equal(access_set_vlan(port, 100), 0);
    settle();
    assert_int_equal(model.pf.vlans[100 / 8] >> 100 % 8 & 1, 1);
    assert_int_equal(
        model.pf.seen[kind == IAVF_BEHIND_ICE ? VIRTCHNL_ADD_VLAN_V2 : VIRTCHNL_ADD_VLAN], 1);
    assert_int_equal(access_set_vlan(port, 0), 0);
    settle();
    assert_int_equal(model.pf.vlan_count, 0);
}

static void make_tagged(uint8_t frame[104], uint16_t vid)
{
    memset(frame, 0, 104);
    memcpy(frame, port->mac, MAC_LEN);
    memcpy(frame + 2 * MAC_LEN, (uint8_t[]){ 0x81, 0, 0, (uint8_t)vid }, 4);
}

/* ice with two VLANs: a tag is the outer one.  It is filtered by the PF, and stays in frames when
 * it is not wanted beside them; those to be sent get it here. */
static void the_outer_vlan_is_ours_where_there_are_two(void **state)
{
    const uint32_t offloads = PORT_OFFLOAD_VLAN_INSERT;
    uint8_t frame[104];
    struct packet *p;
    if (kind != IAVF_BEHIND_ICE)
        return;
    model.pf.double_vlan = model.pf.strip = true;
    start_and_link();
    assert_false(model.pf.strip);
    assert_int_equal(port_vlan_filter(port, 100, true), 0);
    assert_int_equal(port_set_offloads(port, offloads), 0);
    settle();
    assert_int_equal(model.pf.vlan_count, 1);
    for (uint16_t vid = 99; vid < 102; vid++) {
        make_tagged(frame, vid);
        assert_true(iavf_model_inject(&model, frame, sizeof frame));
        assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), vid == 100);
    }
    assert_false(p->flags & PACKET_VLAN);
    assert_int_equal(p->frame_length, sizeof frame);
    make_tagged(frame, 100);
    assert_memory_equal(p->data, frame, sizeof frame);
    packet_free(&cache, p);
    p = conformance_packet(&cache, frame, 60, PACKET_ROOM);
    p->flags |= PACKET_VLAN;
    p->vlan = 7;
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    assert_int_equal(iavf_model_take(&model, frame, sizeof frame), 64);
    assert_memory_equal(frame + 2 * MAC_LEN, ((uint8_t[]){ 0x81, 0, 0, 7, 0x81, 0, 0, 100 }), 8);
    assert_false(model.pf.insert || model.pf.strip);
    assert_int_equal(port_vlan_filter(port, 100, false), 0);
    settle();
    assert_int_equal(model.pf.vlan_count, 0);
}

/* The administrator's VLAN: the PF offers none, and we say why. */
static void a_port_vlan_allows_no_others(void **state)
{
    model.pf.port_vlan = 7;
    start_and_link();
    assert_int_equal(port_vlan_filter(port, 100, true), 0);
    settle();
    assert_non_null(strstr(port->refusal, "the PF refused the VLAN"));
    traffic_flows();
}

static bool is_beside(const struct packet *p, uint16_t tci)
{
    return p && p->flags & PACKET_VLAN && p->vlan == tci;
}

static struct packet *received(const uint8_t *frame, uint32_t length)
{
    struct packet *p = NULL;
    assert_true(iavf_model_inject(&model, frame, length));
    return port_rx_burst(port->rxq[0], &p, 1) ? p : NULL;
}

static const uint8_t outer[] = { 0x81, 0x00, 0xa1, 0x23 }, inner[] = { 0x81, 0x00, 0x00, 0x07 };

/* With the tag that it has on the wire, again or still. */
static void is_whole(struct packet *p, const uint8_t *frame, uint32_t length)
{
    assert_true(p && !(p->flags & PACKET_VLAN) && p->frame_length == length);
    assert_memory_equal(p->data, frame, length);
    packet_free(port->rxq[0]->cache, p);
}

/* ice in its mode of two VLANs: the outer tag lies in the second place for one in either kind of
 * descriptor, the inner one stays; what is in the ring when they are not wanted any more has its
 * tag again; and one that is to be sent goes in here. */
static void tags_lie_in_the_second_place(void)
{
    uint8_t wire[100], frame[100] = { 0 };
    model.pf.double_vlan = true;
    start_and_link();
    assert_string_equal(port->ops->path(port->rxq[0]), "four descriptors at a time");
    memcpy(frame, port->mac, MAC_LEN);
    memcpy(frame + 12, outer, 4);
    memcpy(frame + 16, inner, 4);
    assert_int_equal(port_vlan_filter(port, 0x123, true), 0);
    assert_int_equal(port_set_offloads(port, PORT_OFFLOAD_VLAN_STRIP | PORT_OFFLOAD_VLAN_INSERT),
                     0);
    settle();
    assert_non_null(strstr(port->ops->path(port->rxq[0]), "tags are taken off"));
    struct packet *p = received(frame, sizeof frame);
    assert_true(is_beside(p, 0xa123));
    assert_int_equal(p->frame_length, sizeof frame - 4);
    assert_memory_equal(p->data + 12, inner, 4);
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    assert_int_equal(iavf_model_take(&model, wire, sizeof wire), sizeof wire);
    assert_memory_equal(wire, frame, sizeof frame);
    assert_true(iavf_model_inject(&model, frame, sizeof frame)); /* and stays in the ring */
    assert_int_equal(port_set_offloads(port, 0), 0);
    settle();
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 1);
    is_whole(p, frame, sizeof frame);
    is_whole(received(frame, sizeof frame), frame, sizeof frame);
}

static void tags_lie_in_the_second_place_of_flexible_descriptors(void **state)
{
    if (kind == IAVF_BEHIND_ICE)
        tags_lie_in_the_second_place();
}

static void tags_lie_in_the_second_place_of_others(void **state)
{
    model.pf.caps &= ~VIRTCHNL_CAP_FLEX_RX;
    if (kind == IAVF_BEHIND_ICE)
        tags_lie_in_the_second_place();
}

static void groups_are_heard_one_by_one_or_all(void **state)
{
    static uint8_t list[40][MAC_LEN];
    struct port_rx_mode mode = { .multicast = list, .multicast_count = 3 };
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
        memcpy(list[i], (uint8_t[]){ 0x01, 0, 0x5e, 0, 0, (uint8_t)i }, MAC_LEN);
    model.pf.trusted = true;
    start_and_link();
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_true(reaches(list[2]));
    assert_false(reaches(list[3]));
    mode.multicast = list + 1; /* one goes, one comes */
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_true(reaches(list[3]));
    assert_false(reaches(list[0]));
    assert_int_equal(model.pf.promiscuous, 0);
    mode = (struct port_rx_mode){ .multicast = list, .multicast_count = 40 };
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_true(reaches(list[39]));
    assert_int_equal(model.pf.promiscuous, VIRTCHNL_PROMISC_MULTICAST);
    mode = (struct port_rx_mode){ 0 };
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_false(reaches(list[0]));
}

/* Pain: "VF is not trusted, cannot add more MAC addresses": told, and all groups asked for. */
static void refused_groups_are_told_of(void **state)
{
    static const uint8_t group[1][MAC_LEN] = { { 0x01, 0, 0x5e, 1, 2, 3 } };
    model.pf.trusted = true;
    model.pf.macs_max = 1;
    start_and_link();
    assert_int_equal(
        port_set_rx_mode(port, &(struct port_rx_mode){ .multicast = group, .multicast_count = 1 }),
        0);
    settle();
    assert_non_null(strstr(port->refusal, "group addresses"));
    assert_int_equal(counter("message refusals"), 1);
    assert_true(reaches(group[0])); /* as one of all */
}

static void promiscuous_is_granted_or_refused_in_plain_words(void **state)
{
    static const uint8_t other[MAC_LEN] = { 0x02, 9, 9, 9, 9, 9 };
    model.pf.honest = true;
    start_and_link();
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    settle();
    assert_false(port->rx_mode.promiscuous);
    assert_non_null(strstr(port->refusal, "trust on"));
    assert_non_null(strstr(port->refusal, "routing does not"));
    model.pf.trusted = true;
    iavf_model_say_link(&model); /* something changed: it is asked again */
    run_ms(10);
    settle();
    assert_true(port->rx_mode.promiscuous);
    assert_true(reaches(other));
}

/* Linux's PFs say yes without trust: that cannot be seen, but said. */
static void a_yes_that_may_be_none_is_told_of(void **state)
{
    start_and_link();
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    settle();
    assert_true(host_log_contains("Linux's does so to VFs without `trust on` as well"));
}

/* Longest frame -------------------------------------------------------------------- */

/* Pain: the PF's MTU caps the VF's. */
static void an_mtu_beyond_the_pfs_is_refused(void **state)
{
    model.pf.max_frame = 1600;
    start_and_link();
    assert_int_equal(port_set_mtu(port, 9000), 0);
    settle();
    assert_int_equal(port->mtu, MTU_DEFAULT);
    assert_non_null(strstr(port->refusal, "the PF refused frames that long"));
    assert_true(host_log_contains("the PF refused frames of 9026 bytes (MTU 9000)"));
    assert_int_equal(port_set_mtu(port, 1570), 0);
    settle();
    assert_int_equal(port->mtu, 1570);
    assert_null(port->refusal);
    traffic_flows();
}

/* With two tags and the FCS they are as long as the chips' longest, in five buffers. */
static void the_longest_frames_pass(void **state)
{
    static uint8_t frame[9724];
    struct packet *p;
    start_and_link();
    assert_int_equal(port_set_mtu(port, 9703), -EINVAL);
    assert_int_equal(port_set_mtu(port, 9702), 0);
    settle();
    assert_int_equal(port->mtu, 9702);
    memcpy(frame, port->mac, MAC_LEN);
    assert_true(iavf_model_inject(&model, frame, sizeof frame));
    turn();
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 1);
    assert_int_equal(p->frame_length, sizeof frame);
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    turn();
    assert_int_equal(iavf_model_take(&model, frame, sizeof frame), sizeof frame);
}

/* Statistics ----------------------------------------------------------------------- */

/* Pain: counters that begin anew make no enormous rates. */
static void the_pfs_discards_are_summed_up(void **state)
{
    struct port_device_stats s;
    start_and_link();
    model.pf.stats.rx_discards = 5;
    run_ms(10050);
    port->ops->stats(port, &s);
    assert_int_equal(s.rx_missed, 5);
    model.pf.stats.rx_discards = 2; /* as after a reset */
    run_ms(10050);
    port->ops->stats(port, &s);
    assert_int_equal(s.rx_missed, 7);
}

static void all_devices_are_known(void **state)
{
    static const uint16_t devices[] = { 0x154c, 0x1571, 0x37cd, 0x1889 };
    probe();
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        bool found = false;
        TABLE_FOR_EACH (pci_drivers, struct pci_driver, d)
            for (const struct pci_id *id = d->ids; id->vendor; id++)
                found |= !strcmp(d->name, "iavf") && id->device == devices[i];
        assert_true(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_address_and_the_link_are_the_pfs),
        TEST(version_1_0_is_spoken),
        TEST(another_major_version_is_told_of),
        TEST(more_queues_are_asked_for),
        TEST(a_pf_that_offers_no_more_is_not_asked),
        TEST(flows_are_spread),
        TEST(formats_are_the_pfs),
        TEST(a_queue_interrupts_who_rests),
        TEST(an_address_of_our_own_is_granted),
        TEST(the_administrators_address_is_kept),
        TEST(no_address_is_made_one),
        TEST(queues_that_are_not_armed_interrupt_no_more),
        TEST(more_kinds_are_hashed_where_there_are_more),
        TEST(vlans_are_joined_and_left),
        TEST(the_outer_vlan_is_ours_where_there_are_two),
        TEST(a_port_vlan_allows_no_others),
        TEST(tags_lie_in_the_second_place_of_flexible_descriptors),
        TEST(tags_lie_in_the_second_place_of_others),
        TEST(groups_are_heard_one_by_one_or_all),
        TEST(refused_groups_are_told_of),
        TEST(promiscuous_is_granted_or_refused_in_plain_words),
        TEST(a_yes_that_may_be_none_is_told_of),
        TEST(an_mtu_beyond_the_pfs_is_refused),
        TEST(the_longest_frames_pass),
        TEST(the_pfs_discards_are_summed_up),
        TEST(all_devices_are_known),
    };
    int failed = conformance("iavf_i40e", IAVF_BEHIND_I40E, 1, 0, 0);
    failed += conformance("iavf_i40e_ring_64", IAVF_BEHIND_I40E, 1, 64, 0);
    failed += conformance("iavf_i40e_2_queues", IAVF_BEHIND_I40E, 2, 0, VIRTCHNL_CAP_RSS_PF);
    failed += conformance("iavf_ice_4_queues", IAVF_BEHIND_ICE, 4, 0, 0);
    failed += conformance("iavf_ice_16_queues", IAVF_BEHIND_ICE, 16, 0, 0);
    double_vlan = true;
    failed += conformance("iavf_ice_double_vlan", IAVF_BEHIND_ICE, 2, 64, 0);
    failed +=
        conformance("iavf_ice_double_vlan_base", IAVF_BEHIND_ICE, 1, 64, VIRTCHNL_CAP_FLEX_RX);
    double_vlan = false;
    intel_set_alone(true);
    failed += conformance("iavf_i40e_alone", IAVF_BEHIND_I40E, 2, 64, 0);
    failed += conformance("iavf_ice_alone", IAVF_BEHIND_ICE, 2, 64, 0);
    intel_set_alone(false);
    kind = IAVF_BEHIND_I40E;
    failed += cmocka_run_group_tests_name("i40e", tests, NULL, NULL);
    kind = IAVF_BEHIND_ICE;
    return failed + cmocka_run_group_tests_name("ice", tests, NULL, NULL);
}
