/* iavf_settings.c - what an adaptive VF asks of its PF, in virtchnl's words (virtchnl.h).
 *
 * First what there is: resources, formats of descriptors, what may be done to tags; then what is
 * wanted, as of all VFs (vf_settings.c: its requests, put into these words); then the queues, which
 * every reset of the function takes away.  What is refused here with nothing to fall back on is a
 * PF that has another picture of this VF than we: a reset gives both the same. */
#include "nic/intel/iavf/iavf.h"

#include "kernel/log.h"
#include "nic/rss.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WANTED \
    (VIRTCHNL_CAP_L2 | VIRTCHNL_CAP_RSS_PF | VIRTCHNL_CAP_RSS_REG | VIRTCHNL_CAP_RSS_KINDS | \
     VIRTCHNL_CAP_WB_ON_ITR | VIRTCHNL_CAP_REQUEST_QUEUES | VIRTCHNL_CAP_LINK_SPEED | \
     VIRTCHNL_CAP_VLAN_V2 | VIRTCHNL_CAP_VLAN | VIRTCHNL_CAP_FLEX_RX)
#define HASHED \
    (VIRTCHNL_HASH_UDP4 | VIRTCHNL_HASH_TCP4 | VIRTCHNL_HASH_IP4 | VIRTCHNL_HASH_UDP6 | \
     VIRTCHNL_HASH_TCP6 | VIRTCHNL_HASH_IP6)
#define KEY_MAX 128u
#define LUT_MAX 2048u

static struct iavf *of(const struct vf_client *c)
{
    return c->owner;
}

static bool has(const struct iavf *e, uint32_t cap)
{
    return e->given.caps & cap;
}

static uint16_t vsi_of(const struct iavf *e)
{
    return e->given.vsi[0].id;
}

static void nothing(struct vf_client *c) {}

static void taken(struct vf_client *c, const uint32_t *answer) {}

/* The PF's picture of this VF is another than ours. */
static void pictures_differ(struct vf_client *c)
{
    struct iavf *e = of(c);
    if (vf_client_lost(c, IAVF_NEWS_QUEUES))
        log_warning("%s: the PF refused operation %u (status %d): it sees this VF otherwise; "
                    "resetting in %u ms",
                    c->name, (unsigned)e->op, (int)e->status, vf_client_pause_ms(c));
}

/* What there is ----------------------------------------------------------- */

/* 1.0 has no choice of capabilities, and grants these. */
static unsigned resources_ask(struct vf_client *c)
{
    const uint32_t wanted = WANTED;
    bool choice = of(c)->version.minor >= 1;
    return iavf_say(of(c), VIRTCHNL_GET_RESOURCES, &wanted, choice ? sizeof wanted : 0);
}

static bool resources_good(const struct virtchnl_resources *r)
{
    return r->vsis && r->vsi[0].type == VIRTCHNL_VSI_SRIOV && r->queue_pairs &&
           r->vsi[0].queue_pairs;
}

static void resources_given(struct vf_client *c, const uint32_t *answer)
{
    struct iavf *e = of(c);
    struct virtchnl_resources told;
    memcpy(&told, answer, sizeof told);
    if (e->answered < sizeof told || !resources_good(&told)) {
        c->nonsense++;
        pictures_differ(c);
        return;
    }
    e->given = told;
    if (e->given.queue_pairs > IAVF_QUEUES)
        e->given.queue_pairs = IAVF_QUEUES;
    if (!e->given.max_frame || e->given.max_frame > IAVF_FRAME_MAX)
        e->given.max_frame = IAVF_FRAME_MAX;
    c->rx_granted = c->tx_granted = e->given.queue_pairs;
    e->format = I40E_RX_32;
    memset(&e->vlan, 0, sizeof e->vlan);
    e->group_count = 0;
    e->settled_tags = e->second = false;
    memset(e->own_mac, 0, MAC_LEN);
    memset(e->old_mac, 0, MAC_LEN);
    vf_settings_address(c, e->given.vsi[0].mac);
    c->mac_check = true; /* it is ours when we have said so */
}

static unsigned formats_ask(struct vf_client *c)
{
    return has(of(c), VIRTCHNL_CAP_FLEX_RX) ? iavf_say(of(c), VIRTCHNL_GET_RXDIDS, NULL, 0) : 0;
}

static void formats_given(struct vf_client *c, const uint32_t *answer)
{
    of(c)->format = answer[0] & 1u << VIRTCHNL_RXDID_FLEX_NIC ? I40E_RX_FLEX : I40E_RX_32;
}

static unsigned vlan_caps_ask(struct vf_client *c)
{
    return has(of(c), VIRTCHNL_CAP_VLAN_V2) ? iavf_say(of(c), VIRTCHNL_GET_VLAN_CAPS, NULL, 0) : 0;
}

static void vlan_caps_given(struct vf_client *c, const uint32_t *answer)
{
    memcpy(&of(c)->vlan, answer, sizeof of(c)->vlan);
}

/* Queues ------------------------------------------------------------------ */

static uint16_t queues_wanted(const struct iavf *e)
{
    uint16_t n = e->queues ? e->queues : e->pf.port.rx_queues;
    return e->request_limit && n > e->request_limit ? e->request_limit : n;
}

/* The PF resets the function when it grants more. */
static unsigned queues_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    const struct virtchnl_queue_request q = { queues_wanted(e) };
    if (!has(e, VIRTCHNL_CAP_REQUEST_QUEUES) || q.pairs <= e->given.queue_pairs ||
        e->requested == q.pairs)
        return 0;
    return iavf_say(e, VIRTCHNL_REQUEST_QUEUES, &q, sizeof q);
}

/* Asked once: a PF that resets and gives no more is not asked again. */
static void queues_given(struct vf_client *c, const uint32_t *answer)
{
    struct iavf *e = of(c);
    uint16_t pairs = (uint16_t)answer[0];
    e->requested = queues_wanted(e);
    if (e->answered >= sizeof pairs && pairs && pairs < e->requested) {
        e->request_limit = pairs;
        c->due |= 1u << SETTING_QUEUES;
    }
}

static void queues_refused(struct vf_client *c)
{
    of(c)->requested = queues_wanted(of(c));
}

uint16_t iavf_queues_to_use(const struct iavf *e)
{
    return e->queues < e->given.queue_pairs ? e->queues : e->given.queue_pairs;
}

static bool rings_due(const struct iavf *e)
{
    return e->queues && !e->live && !e->enabled;
}

static void describe(const struct iavf *e, uint16_t q, struct virtchnl_queue_pair *pair)
{
    *pair = (struct virtchnl_queue_pair){
        .tx = { .vsi = vsi_of(e),
                .queue = q,
                .length = (uint16_t)(e->tx[q].q.mask + 1),
                .ring = e->tx[q].q.memory.iova },
        .rx = { .vsi = vsi_of(e),
                .queue = q,
                .length = e->rx[q].q.mask + 1,
                .buffer_size = PACKET_BUFFER_SIZE,
                .max_frame = e->given.max_frame,
                .rxdid = has(e, VIRTCHNL_CAP_FLEX_RX) ? e->format == I40E_RX_FLEX
                                                            ? VIRTCHNL_RXDID_FLEX_NIC
                                                            : VIRTCHNL_RXDID_LEGACY_32
                                                      : 0,
                .ring = e->rx[q].q.memory.iova },
    };
}

/* Every frame that the PF lets pass: the port's own limit is held to when it arrives. */
static unsigned configure_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    struct virtchnl_queues head = { .vsi = vsi_of(e), .pairs = iavf_queues_to_use(e) };
    if (!rings_due(e))
        return 0;
    e->dma = true;
    memset(e->message, 0, sizeof e->message);
    memcpy(e->message, &head, sizeof head);
    for (uint16_t q = 0; q < head.pairs; q++) {
        struct virtchnl_queue_pair pair;
        describe(e, q, &pair);
        memcpy(e->message + sizeof head + q * sizeof pair, &pair, sizeof pair);
        intel_write(&e->device, IAVF_QRX_TAIL(q), 0);
        intel_write(&e->device, IAVF_QTX_TAIL(q), 0);
    }
    return iavf_say(e, VIRTCHNL_CONFIG_QUEUES, NULL,
                    VIRTCHNL_LIST_LENGTH(head, struct virtchnl_queue_pair, head.pairs));
}

static void configured(struct vf_client *c, const uint32_t *answer)
{
    of(c)->configured = true;
}

/* Receive queue q has vector q + 1, as far as there are any; who has none shares the first. */
static unsigned vectors_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    uint16_t n = iavf_queues_to_use(e), all = (uint16_t)((1u << n) - 1);
    uint16_t own = e->given.vectors > n ? n : 1;
    struct virtchnl_vector v[IAVF_QUEUES + 1] = { 0 };
    if (!rings_due(e) || !e->configured || e->given.vectors < 2)
        return 0;
    for (uint16_t q = 0; q < own; q++) {
        uint16_t queues = own == n ? (uint16_t)(1u << q) : all;
        v[q] = (struct virtchnl_vector){
            .vsi = vsi_of(e), .vector = q + 1, .rx_queues = queues, .tx_queues = queues
        };
    }
    memcpy(e->message, &own, sizeof own);
    memcpy(e->message + sizeof own, v, (own + 1u) * sizeof v[0]);
    return iavf_say(e, VIRTCHNL_CONFIG_IRQ_MAP, NULL, VIRTCHNL_LIST_LENGTH(own, v[0], own));
}

static void mapped(struct vf_client *c, const uint32_t *answer)
{
    of(c)->mapped = true;
}

static unsigned enable_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    uint32_t all = (1u << iavf_queues_to_use(e)) - 1;
    const struct virtchnl_queue_select s = { .vsi = vsi_of(e), .rx = all, .tx = all };
    if (!rings_due(e) || !e->configured)
        return 0;
    return iavf_say(e, VIRTCHNL_ENABLE_QUEUES, &s, sizeof s);
}

static void enabled(struct vf_client *c, const uint32_t *answer)
{
    of(c)->enabled = true;
}

static unsigned never_ask(struct vf_client *c)
{
    return 0;
}

static void disabled(struct vf_client *c, const uint32_t *answer)
{
    struct iavf *e = of(c);
    e->enabled = e->configured = e->mapped = e->dma = false;
}

/* Addresses --------------------------------------------------------------- */

static unsigned say_macs(struct iavf *e, enum virtchnl_op op, const uint8_t (*macs)[MAC_LEN],
                         uint16_t n, uint8_t type)
{
    const struct virtchnl_mac_list head = { .vsi = vsi_of(e), .count = n };
    memset(e->message, 0, VIRTCHNL_LIST_LENGTH(head, struct virtchnl_mac, n));
    memcpy(e->message, &head, sizeof head);
    for (uint16_t i = 0; i < n; i++) {
        struct virtchnl_mac mac = { .type = type };
        memcpy(mac.address, macs[i], MAC_LEN);
        memcpy(e->message + sizeof head + i * sizeof mac, &mac, sizeof mac);
    }
    return iavf_say(e, op, NULL, VIRTCHNL_LIST_LENGTH(head, struct virtchnl_mac, n));
}

/* One that was ours before goes when the new one is granted. */
static unsigned mac_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    uint8_t mac[1][MAC_LEN];
    memcpy(mac[0], e->old_mac, MAC_LEN);
    if (mac_is_station(e->old_mac))
        return say_macs(e, VIRTCHNL_DELETE_MAC, mac, 1, VIRTCHNL_MAC_EXTRA);
    if (!vf_setting_mac.ask(c))
        return 0;
    memcpy(mac[0], &c->mail.words[1], MAC_LEN);
    return say_macs(e, VIRTCHNL_ADD_MAC, mac, 1, VIRTCHNL_MAC_PRIMARY);
}

static void mac_granted(struct vf_client *c, const uint32_t *answer)
{
    struct iavf *e = of(c);
    uint8_t mac[MAC_LEN];
    memset(e->old_mac, 0, MAC_LEN);
    if (e->op != VIRTCHNL_ADD_MAC)
        return;
    memcpy(mac, &c->mail.words[1], MAC_LEN);
    if (!mac_equal(e->own_mac, mac))
        memcpy(e->old_mac, e->own_mac, MAC_LEN);
    memcpy(e->own_mac, mac, MAC_LEN);
    c->due |= 1u << SETTING_MAC;
    vf_setting_mac.granted(c, answer);
}

static void mac_refused(struct vf_client *c)
{
    if (of(c)->op == VIRTCHNL_ADD_MAC)
        vf_setting_mac.refused(c);
    else
        memset(of(c)->old_mac, 0, MAC_LEN);
}

/* Longest frame: the PF has said what it passes. */
static unsigned mtu_ask(struct vf_client *c)
{
    if (!vf_setting_mtu.ask(c))
        return 0;
    if (c->mail.words[1] <= of(c)->given.max_frame)
        vf_setting_mtu.granted(c, NULL);
    else
        vf_setting_mtu.refused(c);
    return 0;
}

/* VLANs ------------------------------------------------------------------- */

/* Which tag filters are for: the outer one, where the PF has two. */
static bool filters_outer(const struct iavf *e)
{
    return e->vlan.filter.outer & VIRTCHNL_VLAN_8100;
}

static unsigned say_vlan_v2(struct iavf *e, bool add, uint16_t vid)
{
    const struct virtchnl_vlan_list_v2 head = { .vsi = vsi_of(e), .count = 1 };
    const struct virtchnl_tag tag = { .tci = vid, .tpid = 0x8100 };
    struct virtchnl_vlan_filter filter = { 0 };
    if (filters_outer(e))
        filter.outer = tag;
    else
        filter.inner = tag;
    memcpy(e->message, &head, sizeof head);
    memcpy(e->message + sizeof head, &filter, sizeof filter);
    return iavf_say(e, add ? VIRTCHNL_ADD_VLAN_V2 : VIRTCHNL_DELETE_VLAN_V2, NULL,
                    sizeof head + sizeof filter);
}

static unsigned say_vlan(struct iavf *e, bool add, uint16_t vid)
{
    const struct virtchnl_vlan_list head = { .vsi = vsi_of(e), .count = 1 };
    memcpy(e->message, &head, sizeof head);
    memcpy(e->message + sizeof head, &vid, sizeof vid);
    memset(e->message + sizeof head + sizeof vid, 0, sizeof vid);
    return iavf_say(e, add ? VIRTCHNL_ADD_VLAN : VIRTCHNL_DELETE_VLAN, NULL,
                    VIRTCHNL_LIST_LENGTH(head, vid, 1u));
}

/* A PF that has set a VLAN for this VF grants neither. */
static unsigned vlan_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    bool add = vf_setting_vlan.ask(c) && c->mail.words[0] & MBX_INFO;
    uint16_t vid = (uint16_t)c->mail.words[1];
    if (!vid)
        return 0;
    if (has(e, VIRTCHNL_CAP_VLAN_V2))
        return say_vlan_v2(e, add, vid);
    if (has(e, VIRTCHNL_CAP_VLAN))
        return say_vlan(e, add, vid);
    vf_setting_vlan.refused(c);
    return 0;
}

/* Of a frame's first tag, which is the outer one where the PF has two. */
static uint32_t first_tag(const struct virtchnl_vlan_support *s)
{
    return s->outer ? s->outer : s->inner;
}

static bool has_all(uint32_t can, uint32_t needed)
{
    return (can & needed) == needed;
}

static bool can_switch(const struct iavf *e, const struct virtchnl_vlan_support *s)
{
    return has(e, VIRTCHNL_CAP_VLAN_V2) &&
           has_all(first_tag(s), VIRTCHNL_VLAN_8100 | VIRTCHNL_VLAN_TOGGLE);
}

static bool in_l2tag1(const struct iavf *e, const struct virtchnl_vlan_support *s)
{
    return can_switch(e, s) && first_tag(s) & VIRTCHNL_VLAN_L2TAG1;
}

static unsigned say_tags(struct iavf *e, enum virtchnl_op op, const struct virtchnl_vlan_support *s)
{
    struct virtchnl_vlan_setting setting = { .vsi = vsi_of(e) };
    *(s->outer ? &setting.outer : &setting.inner) = VIRTCHNL_VLAN_8100;
    return iavf_say(e, op, &setting, sizeof setting);
}

static bool in_second(const struct iavf *e, const struct virtchnl_vlan_support *s)
{
    return can_switch(e, s) && first_tag(s) & VIRTCHNL_VLAN_L2TAG2_2 && !in_l2tag1(e, s);
}

/* Before the first tag lies there; when the last one did nobody says. */
static void look_at_second(struct iavf *e)
{
    for (unsigned i = 0; i < IAVF_QUEUES; i++)
        store_relaxed(&e->rx[i].second, true);
}

/* Only where the tag then lies in a place that is known; else frames come with theirs, which is as
 * good.  PFs begin with it on or off, so it is said once. */
static unsigned strip_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    const struct virtchnl_vlan_support *can = &e->vlan.strip;
    bool on = e->offloads & PORT_OFFLOAD_VLAN_STRIP;
    if (has(e, VIRTCHNL_CAP_VLAN_V2))
        on = on && (in_l2tag1(e, can) || in_second(e, can));
    if (e->settled_tags && e->stripped == on)
        return 0;
    e->stripped = on;
    if (on && in_second(e, can))
        look_at_second(e);
    if (can_switch(e, can))
        return say_tags(e, on ? VIRTCHNL_STRIP_ON_V2 : VIRTCHNL_STRIP_OFF_V2, can);
    if (has(e, VIRTCHNL_CAP_VLAN))
        return iavf_say(e, on ? VIRTCHNL_STRIP_ON : VIRTCHNL_STRIP_OFF, NULL, 0);
    return 0;
}

static void strip_granted(struct vf_client *c, const uint32_t *answer)
{
    of(c)->second = of(c)->stripped && in_second(of(c), &of(c)->vlan.strip);
}

/* Whichever it does now. */
static void strip_refused(struct vf_client *c)
{
    struct iavf *e = of(c);
    e->second = in_second(e, &e->vlan.strip);
    if (e->second)
        look_at_second(e);
}

/* Version 1 needs no leave; who cannot have it, or would want a context with each, puts tags in
 * himself. */
static unsigned insert_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    const struct virtchnl_vlan_support *can = &e->vlan.insert;
    bool on = e->offloads & PORT_OFFLOAD_VLAN_INSERT, v2 = in_l2tag1(e, can);
    for (unsigned i = 0; i < IAVF_QUEUES; i++)
        store_relaxed(&e->tx[i].push, !v2 && !has(e, VIRTCHNL_CAP_VLAN));
    bool told = e->settled_tags && e->inserted == on;
    e->settled_tags = true;
    e->inserted = on;
    return v2 && !told ? say_tags(e, on ? VIRTCHNL_INSERT_ON_V2 : VIRTCHNL_INSERT_OFF_V2, can) : 0;
}

static void insert_refused(struct vf_client *c)
{
    for (unsigned i = 0; i < IAVF_QUEUES; i++)
        store_relaxed(&of(c)->tx[i].push, true);
}

/* What is received -------------------------------------------------------- */

static bool is_in(const uint8_t (*list)[MAC_LEN], unsigned n, const uint8_t mac[MAC_LEN])
{
    for (unsigned i = 0; i < n; i++)
        if (mac_equal(list[i], mac))
            return true;
    return false;
}

/* New ones first, one message each way; more than a VF may have are asked for as all. */
static unsigned groups_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    const struct port_rx_mode *mode = &c->rx_wanted;
    uint8_t list[IAVF_GROUPS_MAX][MAC_LEN];
    uint16_t wanted = mode->multicast_count, n = 0;
    if (wanted > IAVF_GROUPS_MAX) {
        c->groups_as_all = true;
        wanted = 0;
    }
    for (uint16_t i = 0; i < wanted && e->group_count + n < (int)IAVF_GROUPS_MAX; i++)
        if (!is_in(e->groups, e->group_count, mode->multicast[i]))
            memcpy(list[n++], mode->multicast[i], MAC_LEN);
    if (n && !c->groups_as_all)
        return say_macs(e, VIRTCHNL_ADD_MAC, list, n, VIRTCHNL_MAC_EXTRA);
    n = 0;
    for (uint16_t i = 0; i < e->group_count; i++)
        if (!is_in(mode->multicast, wanted, e->groups[i]))
            memcpy(list[n++], e->groups[i], MAC_LEN);
    return n ? say_macs(e, VIRTCHNL_DELETE_MAC, list, n, VIRTCHNL_MAC_EXTRA) : 0;
}

/* What was said is what the message has. */
static void groups_granted(struct vf_client *c, const uint32_t *answer)
{
    struct iavf *e = of(c);
    struct virtchnl_mac_list head;
    struct virtchnl_mac mac;
    uint16_t kept = 0;
    memcpy(&head, e->message, sizeof head);
    for (uint16_t i = 0; i < head.count; i++) {
        memcpy(&mac, e->message + sizeof head + i * sizeof mac, sizeof mac);
        if (e->op == VIRTCHNL_ADD_MAC && e->group_count < IAVF_GROUPS_MAX)
            memcpy(e->groups[e->group_count++], mac.address, MAC_LEN);
        for (uint16_t k = kept = 0; e->op == VIRTCHNL_DELETE_MAC && k < e->group_count; k++)
            if (!mac_equal(e->groups[k], mac.address))
                memmove(e->groups[kept++], e->groups[k], MAC_LEN);
        e->group_count = e->op == VIRTCHNL_DELETE_MAC ? kept : e->group_count;
    }
    c->due |= 1u << SETTING_MULTICAST;
}

/* All of them, then: promiscuous for groups, which wants no filters. */
static void groups_refused(struct vf_client *c)
{
    struct iavf *e = of(c);
    vf_setting_multicast.refused(c);
    if (e->op == VIRTCHNL_ADD_MAC)
        c->groups_as_all = true;
    else
        e->group_count = 0;
}

static unsigned promiscuous_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    if (!vf_setting_promiscuous.ask(c))
        return 0;
    uint32_t bits = FIELD_GET(MBX_INFO, c->mail.words[0]);
    const struct virtchnl_promiscuous p = {
        .vsi = vsi_of(e),
        .flags = (bits & MBX_PROMISC_UNICAST ? VIRTCHNL_PROMISC_UNICAST : 0) |
                 (bits & MBX_PROMISC_MULTICAST ? VIRTCHNL_PROMISC_MULTICAST : 0)
    };
    return iavf_say(e, VIRTCHNL_PROMISCUOUS, &p, sizeof p);
}

/* Linux's PFs say yes to a VF without trust, and do nothing: nobody can tell from here. */
static void promiscuous_granted(struct vf_client *c, const uint32_t *answer)
{
    vf_setting_promiscuous.granted(c, answer);
    if (c->promiscuous_granted & MBX_PROMISC_UNICAST && vf_client_tells(c, IAVF_NEWS_TRUST))
        log_info("%s: the PF says yes to promiscuous mode; Linux's does so to VFs without `trust "
                 "on` as well, and then frames for stations behind this appliance do not arrive",
                 c->name);
}

/* Receive side scaling ---------------------------------------------------- */

static void fill_key(uint8_t *key, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        key[i] = rss_key()[i % RSS_KEY_LENGTH];
}

static void fill_lut(const struct iavf *e, uint8_t *lut, uint32_t entries)
{
    uint16_t n = iavf_queues_to_use(e);
    for (uint32_t i = 0; i < entries; i++)
        lut[i] = (uint8_t)(n ? i % n : 0);
}

static void write_bytes(const struct iavf *e, uint32_t reg, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 4) {
        uint32_t four;
        memcpy(&four, bytes + i, sizeof four);
        intel_write(&e->device, reg + i, four);
    }
}

static bool by_register(const struct iavf *e)
{
    return !has(e, VIRTCHNL_CAP_RSS_PF) && has(e, VIRTCHNL_CAP_RSS_REG);
}

static unsigned say_rss(struct iavf *e, enum virtchnl_op op, uint32_t length)
{
    const uint16_t head[2] = { vsi_of(e), (uint16_t)length };
    memcpy(e->message, head, sizeof head);
    e->message[sizeof head + length] = 0;
    return iavf_say(e, op, NULL, (uint16_t)VIRTCHNL_LIST_LENGTH(head, uint8_t, length));
}

static unsigned lut_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    uint8_t lut[IAVF_HLUT_BYTES];
    if (!e->queues)
        return 0;
    if (by_register(e)) {
        fill_lut(e, lut, sizeof lut);
        write_bytes(e, IAVF_HLUT(0), lut, sizeof lut);
        return 0;
    }
    if (!has(e, VIRTCHNL_CAP_RSS_PF) || !e->given.rss_lut_size || e->given.rss_lut_size > LUT_MAX)
        return 0;
    fill_lut(e, e->message + 4, e->given.rss_lut_size);
    return say_rss(e, VIRTCHNL_RSS_LUT, e->given.rss_lut_size);
}

static unsigned key_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    uint8_t key[IAVF_HKEY_BYTES];
    if (!e->queues)
        return 0;
    if (by_register(e)) {
        fill_key(key, sizeof key);
        write_bytes(e, IAVF_HKEY(0), key, sizeof key);
        return 0;
    }
    if (!has(e, VIRTCHNL_CAP_RSS_PF) || !e->given.rss_key_size || e->given.rss_key_size > KEY_MAX)
        return 0;
    fill_key(e->message + 4, e->given.rss_key_size);
    return say_rss(e, VIRTCHNL_RSS_KEY, e->given.rss_key_size);
}

static unsigned hash_ask(struct vf_client *c)
{
    struct iavf *e = of(c);
    const struct virtchnl_rss_hena h = {
        HASHED | (has(e, VIRTCHNL_CAP_RSS_KINDS) ? VIRTCHNL_HASH_MORE : 0)
    };
    if (!e->queues)
        return 0;
    if (by_register(e)) {
        intel_write(&e->device, IAVF_HENA(0), (uint32_t)h.kinds);
        intel_write(&e->device, IAVF_HENA(1), (uint32_t)(h.kinds >> 32));
        return 0;
    }
    return has(e, VIRTCHNL_CAP_RSS_PF) ? iavf_say(e, VIRTCHNL_SET_RSS_HENA, &h, sizeof h) : 0;
}

/* Statistics -------------------------------------------------------------- */

static unsigned stats_ask(struct vf_client *c)
{
    const struct virtchnl_queue_select s = { .vsi = vsi_of(of(c)) };
    return iavf_say(of(c), VIRTCHNL_GET_STATS, &s, sizeof s);
}

/* They begin anew with every reset; the PF may say anything. */
static void add_up(uint64_t *sum, uint64_t now, uint64_t before)
{
    uint64_t more = now - (now < before ? 0 : before);
    *sum = more > UINT64_MAX - *sum ? UINT64_MAX : *sum + more;
}

static void stats_given(struct vf_client *c, const uint32_t *answer)
{
    struct iavf *e = of(c);
    struct virtchnl_stats now;
    if (e->answered < sizeof now)
        return;
    memcpy(&now, answer, sizeof now);
    add_up(&e->missed, now.rx_discards, e->stats.rx_discards);
    uint64_t before = e->dropped;
    add_up(&e->dropped, now.tx_errors, e->stats.tx_errors);
    e->stats = now;
    if (e->dropped != before && vf_client_tells(c, IAVF_NEWS_SPOOFED))
        log_warning(
            "%s: the PF's chip dropped %" PRIu64
            " frames that were sent here: their source address or VLAN is not this VF's "
            "(a bridge or VRRP: `spoofcheck off`, `trust on` there), or they broke its rules",
            c->name, e->dropped - before);
}

/* The table --------------------------------------------------------------- */

static const struct vf_setting_ops resources = { resources_ask, resources_given, pictures_differ };
static const struct vf_setting_ops formats = { formats_ask, formats_given, nothing };
static const struct vf_setting_ops vlan_caps = { vlan_caps_ask, vlan_caps_given, nothing };
static const struct vf_setting_ops queues = { queues_ask, queues_given, queues_refused };
static const struct vf_setting_ops mac = { mac_ask, mac_granted, mac_refused };
static const struct vf_setting_ops mtu = { .ask = mtu_ask };
static const struct vf_setting_ops vlan = { .ask = vlan_ask };
static const struct vf_setting_ops groups = { groups_ask, groups_granted, groups_refused };
static const struct vf_setting_ops promiscuous = { .ask = promiscuous_ask,
                                                   .granted = promiscuous_granted };
static const struct vf_setting_ops lut = { lut_ask, taken, nothing };
static const struct vf_setting_ops key = { key_ask, taken, nothing };
static const struct vf_setting_ops hash = { hash_ask, taken, nothing };
static const struct vf_setting_ops strip = { strip_ask, strip_granted, strip_refused };
static const struct vf_setting_ops insert = { insert_ask, taken, insert_refused };
static const struct vf_setting_ops configure = { configure_ask, configured, pictures_differ };
static const struct vf_setting_ops vectors = { vectors_ask, mapped, nothing };
static const struct vf_setting_ops enable = { enable_ask, enabled, pictures_differ };
static const struct vf_setting_ops disable = { never_ask, disabled, nothing };
static const struct vf_setting_ops statistics = { stats_ask, stats_given, nothing };

const struct vf_family vf_family_iavf = {
    .settings = { [SETTING_API] = &resources,
                  [SETTING_FORMATS] = &formats,
                  [SETTING_VLAN_CAPS] = &vlan_caps,
                  [SETTING_QUEUES] = &queues,
                  [SETTING_MAC] = &mac,
                  [SETTING_MTU] = &mtu,
                  [SETTING_VLAN] = &vlan,
                  [SETTING_MULTICAST] = &groups,
                  [SETTING_PROMISCUOUS] = &promiscuous,
                  [SETTING_RETA] = &lut,
                  [SETTING_RSS_KEY] = &key,
                  [SETTING_HASH] = &hash,
                  [SETTING_STRIP] = &strip,
                  [SETTING_INSERT] = &insert,
                  [SETTING_CONFIGURE] = &configure,
                  [SETTING_VECTORS] = &vectors,
                  [SETTING_ENABLE] = &enable,
                  [SETTING_DISABLE] = &disable,
                  [SETTING_STATS] = &statistics },
    .translated = { [SETTING_VLAN] = &vf_setting_vlan,
                    [SETTING_PROMISCUOUS] = &vf_setting_promiscuous },
    .frame_extra = FRAME_LIMIT(0) + ETHERNET_FCS,
    .trusted = MBX_PROMISC_UNICAST | MBX_PROMISC_MULTICAST,
    .no_promiscuous = "the PF does not let this VF see other stations' frames (promiscuous): "
                      "bridging needs `trust on` there, routing does not",
    .no_bridge = "`trust on` at the PF",
};

void iavf_settings_due(struct iavf *e, bool rings)
{
    e->pf.due |= 1u << SETTING_STRIP | 1u << SETTING_INSERT;
    if (rings)
        e->pf.due |= 1u << SETTING_QUEUES | 1u << SETTING_RETA | 1u << SETTING_RSS_KEY |
                     1u << SETTING_HASH | 1u << SETTING_CONFIGURE | 1u << SETTING_VECTORS |
                     1u << SETTING_ENABLE;
}
