/* virtchnl_requests.c - what VFs ask for by virtchnl, one function a message: it judges all of it,
 * then does all of it, or says why not (virtchnl_server.h).
 *
 * Facts: virtchnl.h's witnesses.  Where Linux's i40e says yes and does nothing (promiscuous modes
 * and VLANs that only trust allows) this PF says no. */
#include "nic/intel/i40e/virtchnl_server.h"

#include "nic/ethernet.h"

#include <errno.h>
#include <string.h>

#define LENGTH_TX 8u /* what rings' lengths are multiples of */
#define LENGTH_RX 32u
#define LENGTH_MOST 8160u /* the chip has 13 bits; Linux's and DPDK's limit for an XL710 */
#define RING_ALIGNED 128u
#define DESC_TX 16u
#define DESC_RX 32u
#define BUFFER_MOST (16u * 1024 - 128)
#define BUFFERS_A_FRAME 5u
#define ITR_MOST 3u /* two bits: three of moderation, and none */

/* Nonsense is no driver's: it is counted apart from what is only not allowed. */
static const char *nonsense(struct virtchnl_request *r, const char *why)
{
    r->v->invalid++;
    return why;
}

static const char *wrong_length(struct virtchnl_request *r)
{
    return nonsense(r, "a message of a wrong length");
}

/* As long as a list of so many is, or as long as PFs once wanted it: one element more. */
static bool list_fits(const struct virtchnl_request *r, size_t head, size_t element, uint32_t count)
{
    size_t exact = head + count * element;
    return r->n == exact || r->n == exact + element;
}

static const char *check_vsi(struct virtchnl_request *r, uint16_t vsi)
{
    return vsi == r->c->vsi ? NULL : nonsense(r, "another VSI than the VF's");
}

static uint32_t all_queues(const struct virtchnl_request *r)
{
    return (1u << r->c->queues) - 1;
}

static void give(struct virtchnl_request *r, const void *bytes, size_t n)
{
    memcpy(r->answer, bytes, n);
    r->answered = (uint16_t)n;
}

/* Begin ------------------------------------------------------------------------------------- */

/* A driver that speaks 1.0 takes 1.0 only. */
static const char *version(struct virtchnl_request *r)
{
    struct virtchnl_version v;
    memcpy(&v, r->bytes, sizeof v);
    r->c->minor = v.major == 1 && !v.minor ? 0 : 1;
    v = (struct virtchnl_version){ 1, r->c->minor };
    give(r, &v, sizeof v);
    return NULL;
}

/* Of several ways to do one thing the one that is wanted most. */
static uint32_t grant(const struct virtchnl_request *r, uint32_t wanted)
{
    uint32_t caps = (wanted & r->s->offered) | VIRTCHNL_CAP_L2;
    if (!(caps & VIRTCHNL_CAP_RSS_PF))
        caps |= VIRTCHNL_CAP_RSS_REG;
    else
        caps &= ~VIRTCHNL_CAP_RSS_REG;
    if (caps & VIRTCHNL_CAP_VLAN_V2)
        caps &= ~VIRTCHNL_CAP_VLAN;
    if (r->v->policy.vlan)
        caps &= ~(VIRTCHNL_CAP_VLAN | VIRTCHNL_CAP_VLAN_V2);
    return caps;
}

static const char *resources(struct virtchnl_request *r)
{
    uint32_t wanted = VIRTCHNL_CAP_RSS_REG | VIRTCHNL_CAP_VLAN;
    if (r->n != (r->c->minor ? sizeof wanted : 0))
        return wrong_length(r);
    if (r->n)
        memcpy(&wanted, r->bytes, sizeof wanted);
    r->c->caps = grant(r, wanted);
    r->v->frame = VIRTCHNL_FRAME - (r->v->policy.vlan ? VLAN_TAG : 0);
    struct virtchnl_resources res = {
        .vsis = 1,
        .queue_pairs = r->c->queues,
        .vectors = r->s->vectors,
        .max_frame = r->v->frame,
        .caps = r->c->caps,
        .rss_key_size = VIRTCHNL_KEY,
        .rss_lut_size = VIRTCHNL_LUT,
        .vsi[0] = { .id = r->c->vsi, .queue_pairs = r->c->queues, .type = VIRTCHNL_VSI_SRIOV }
    };
    memcpy(res.vsi[0].mac, r->v->mac, MAC_LEN);
    r->c->state = VIRTCHNL_VF_ACTIVE;
    r->tells_link = true;
    give(r, &res, sizeof res);
    return NULL;
}

/* When it can be, the reset is the answer; else how many there are. */
static const char *request_queues(struct virtchnl_request *r)
{
    struct virtchnl_queue_request q;
    memcpy(&q, r->bytes, sizeof q);
    uint16_t most = (uint16_t)r->s->ops->queues_for(r->s->chip, r->number);
    if (!q.pairs || q.pairs > most) {
        q.pairs = most;
        give(r, &q, sizeof q);
        return NULL;
    }
    r->c->queues_wanted = q.pairs;
    r->silent = true;
    return NULL;
}

/* Queues ------------------------------------------------------------------------------------ */

static bool ring_good(uint64_t ring, uint32_t length, uint32_t unit, uint32_t desc)
{
    return length && length <= LENGTH_MOST && !(length % unit) && !(ring % RING_ALIGNED) &&
           ring <= UINT64_MAX - length * desc;
}

static const char *check_pair(struct virtchnl_request *r, const struct virtchnl_queue_pair *p,
                              uint32_t seen)
{
    const struct virtchnl_vf *c = r->c;
    if (check_vsi(r, p->tx.vsi) || p->rx.vsi != p->tx.vsi)
        return "another VSI than the VF's";
    if (p->tx.queue != p->rx.queue || p->tx.queue >= c->queues || seen >> p->tx.queue & 1)
        return nonsense(r, "a queue that the VF does not have, or twice");
    if ((c->rx_on | c->tx_on) >> p->tx.queue & 1)
        return nonsense(r, "a queue that is on is described anew");
    if (!ring_good(p->tx.ring, p->tx.length, LENGTH_TX, DESC_TX) ||
        !ring_good(p->rx.ring, p->rx.length, LENGTH_RX, DESC_RX))
        return nonsense(r, "a ring that the chip cannot have");
    if (p->rx.buffer_size < RING_ALIGNED || p->rx.buffer_size > BUFFER_MOST ||
        p->rx.max_frame < VIRTCHNL_FRAME_MIN || p->rx.max_frame > r->v->frame)
        return nonsense(r, "buffers or frames that the chip cannot have");
    if (p->tx.head_writeback || p->rx.header_split || p->rx.crc_kept ||
        p->rx.rxdid > VIRTCHNL_RXDID_LEGACY_32)
        return "write-back of heads, split headers, FCS and other descriptors are not offered";
    return NULL;
}

/* A frame has five buffers at most; the tag of the administrator's VLAN comes on top. */
static void take_pair(struct virtchnl_request *r, const struct virtchnl_queue_pair *p)
{
    uint32_t buffer = p->rx.buffer_size / RING_ALIGNED * RING_ALIGNED;
    uint32_t frame = p->rx.max_frame + (r->v->policy.vlan ? VLAN_TAG : 0);
    r->c->queue[p->tx.queue] = (struct virtchnl_queue){
        .rx_ring = p->rx.ring,
        .tx_ring = p->tx.ring,
        .rx_length = (uint16_t)p->rx.length,
        .tx_length = p->tx.length,
        .buffer = (uint16_t)buffer,
        .frame = (uint16_t)(frame < BUFFERS_A_FRAME * buffer ? frame : BUFFERS_A_FRAME * buffer)
    };
}

static const char *config_queues(struct virtchnl_request *r)
{
    struct virtchnl_queues head;
    struct virtchnl_queue_pair pair;
    const char *why = NULL;
    uint32_t seen = 0;
    memcpy(&head, r->bytes, sizeof head);
    if (!head.pairs || head.pairs > VIRTCHNL_QUEUES_MAX ||
        !list_fits(r, sizeof head, sizeof pair, head.pairs))
        return wrong_length(r);
    why = check_vsi(r, head.vsi);
    for (unsigned i = 0; i < head.pairs && !why; i++) {
        memcpy(&pair, r->bytes + sizeof head + i * sizeof pair, sizeof pair);
        why = check_pair(r, &pair, seen);
        seen |= why ? 0 : 1u << pair.tx.queue;
    }
    for (unsigned i = 0; i < head.pairs && !why; i++) {
        memcpy(&pair, r->bytes + sizeof head + i * sizeof pair, sizeof pair);
        take_pair(r, &pair);
        r->c->configured &= ~(1u << pair.tx.queue);
        if (r->s->ops->configure(r->s->chip, r->number, pair.tx.queue))
            return "the chip did not take the queue";
        r->c->configured |= 1u << pair.tx.queue;
    }
    return why;
}

static const char *map_irqs(struct virtchnl_request *r)
{
    struct virtchnl_vector v;
    const char *why = NULL;
    uint16_t count;
    memcpy(&count, r->bytes, sizeof count);
    if (!count || count > r->s->vectors || !list_fits(r, sizeof count, sizeof v, count))
        return wrong_length(r);
    for (unsigned i = 0; i < count && !why; i++) {
        memcpy(&v, r->bytes + sizeof count + i * sizeof v, sizeof v);
        why = check_vsi(r, v.vsi);
        if (!why && (v.vector >= r->s->vectors || v.rx_itr > ITR_MOST || v.tx_itr > ITR_MOST ||
                     ((v.rx_queues | v.tx_queues) & ~all_queues(r))))
            why = nonsense(r, "a vector or queue that the VF does not have");
    }
    for (unsigned i = 0; i < count && !why; i++) {
        memcpy(&v, r->bytes + sizeof count + i * sizeof v, sizeof v);
        r->s->ops->map(r->s->chip, r->number, &v);
    }
    return why;
}

static const char *select_queues(struct virtchnl_request *r)
{
    struct virtchnl_queue_select q;
    bool on = r->op == VIRTCHNL_ENABLE_QUEUES;
    memcpy(&q, r->bytes, sizeof q);
    const char *why = check_vsi(r, q.vsi);
    if (why)
        return why;
    if (!(q.rx | q.tx) || ((q.rx | q.tx) & ~all_queues(r)))
        return nonsense(r, "queues that the VF does not have");
    if (on && ((q.rx | q.tx) & ~r->c->configured))
        return nonsense(r, "a queue that was not described goes on");
    uint32_t rx = on ? q.rx & ~r->c->rx_on : q.rx & r->c->rx_on;
    uint32_t tx = on ? q.tx & ~r->c->tx_on : q.tx & r->c->tx_on;
    if ((rx | tx) && r->s->ops->enable(r->s->chip, r->number, rx, tx, on))
        return "the queues did not follow";
    r->c->rx_on ^= rx;
    r->c->tx_on ^= tx;
    r->tells_link = on;
    return NULL;
}

/* Filters ------------------------------------------------------------------------------------ */

/* Each address takes a filter for each VLAN. */
static bool has_room(const struct virtchnl_request *r)
{
    unsigned addresses = 1u + r->v->mac_count + r->c->group_count;
    unsigned vlans = r->v->vlan_count ? r->v->vlan_count + 1u : 1;
    return addresses * vlans <= r->s->pairs_max;
}

/* What was changed in the lists comes into force, or is as before. */
static const char *settle(struct virtchnl_request *r, const struct vf_state *v,
                          const struct virtchnl_vf *c, const char *why)
{
    if (!why && !has_room(r))
        why = "all filters that are its part of the chip's are taken";
    int err = why ? 0 : r->s->ops->filters(r->s->chip, r->number);
    uint64_t invalid = r->v->invalid;
    if (why || err) {
        *r->v = *v;
        *r->c = *c;
        r->v->invalid = invalid;
    }
    if (err)
        r->s->ops->filters(r->s->chip, r->number);
    r->v->hash_count = r->c->group_count;
    return why              ? why
           : !err           ? NULL
           : err == -ENOSPC ? "the chip has no filter left"
                            : "the chip did not take the filter";
}

static int find_group(const struct virtchnl_vf *c, const uint8_t mac[MAC_LEN])
{
    for (unsigned i = 0; i < c->group_count; i++)
        if (mac_equal(c->groups[i], mac))
            return (int)i;
    return -1;
}

static const char *add_group(struct virtchnl_request *r, const uint8_t mac[MAC_LEN])
{
    static const uint8_t broadcast[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    unsigned most = r->v->policy.trust ? VIRTCHNL_GROUPS_MAX : VIRTCHNL_FEW;
    if (mac_equal(mac, broadcast) || find_group(r->c, mac) >= 0)
        return NULL; /* everybody hears broadcasts */
    if (r->c->group_count >= most)
        return r->v->policy.trust ? "a VF has at most 64 groups"
                                  : "only a trusted VF may have more than 16 groups";
    memcpy(r->c->groups[r->c->group_count++], mac, MAC_LEN);
    return NULL;
}

/* Its one own address is changed: by a driver that says so, or when the last one was given up. */
static const char *set_own(struct virtchnl_request *r, const uint8_t mac[MAC_LEN])
{
    struct vf_state *v = r->v;
    const char *trouble = vf_mac_trouble(&r->s->base, r->number, mac);
    if (v->policy.mac_set && !v->policy.trust)
        return VF_FIXED_MAC;
    if (trouble)
        return trouble;
    unsigned kept = 0;
    for (unsigned k = 0; k < v->mac_count; k++)
        if (!mac_equal(v->macs[k], mac))
            memmove(v->macs[kept++], v->macs[k], MAC_LEN);
    v->mac_count = (uint8_t)kept;
    /* the old one stays until it is deleted, where there is room */
    if (!r->c->given_up && v->mac_count < r->s->base.limits.vf_macs && vf_macs_left(&r->s->base))
        memcpy(v->macs[v->mac_count++], v->mac, MAC_LEN);
    memcpy(v->mac, mac, MAC_LEN);
    r->c->given_up = false;
    return NULL;
}

static const char *add_mac(struct virtchnl_request *r, const struct virtchnl_mac *m)
{
    if (m->address[0] & 1)
        return add_group(r, m->address);
    if (!mac_is_station(m->address))
        return nonsense(r, "that is no station's address");
    if (mac_equal(m->address, r->v->mac)) {
        r->c->given_up = false;
        return NULL;
    }
    if (m->type == VIRTCHNL_MAC_PRIMARY || r->c->given_up)
        return set_own(r, m->address);
    return vf_server_add_mac(&r->s->base, r->number, m->address);
}

static bool remove_from(uint8_t (*list)[MAC_LEN], uint8_t *count, const uint8_t mac[MAC_LEN])
{
    for (unsigned i = 0; i < *count; i++) {
        if (!mac_equal(list[i], mac))
            continue;
        memmove(list[i], list[--*count], MAC_LEN);
        return true;
    }
    return false;
}

/* Its own address stays in force until another one is there. */
static void give_up(struct virtchnl_request *r)
{
    struct vf_state *v = r->v;
    r->c->given_up = !v->policy.mac_set || v->policy.trust;
    if (!r->c->given_up || !v->mac_count)
        return;
    memcpy(v->mac, v->macs[--v->mac_count], MAC_LEN);
    r->c->given_up = false;
}

static const char *delete_mac(struct virtchnl_request *r, const struct virtchnl_mac *m)
{
    if (mac_equal(m->address, r->v->mac)) {
        give_up(r);
        return NULL;
    }
    if (remove_from(r->v->macs, &r->v->mac_count, m->address) ||
        remove_from(r->c->groups, &r->c->group_count, m->address))
        return NULL;
    return nonsense(r, "an address goes that it does not have");
}

/* A list of addresses or VLANs: all of its elements come into force, or none does. */
static const char *change(struct virtchnl_request *r, size_t head, size_t element,
                          const char *(*one)(struct virtchnl_request *r, const uint8_t *bytes))
{
    struct vf_state v = *r->v;
    struct virtchnl_vf c = *r->c;
    struct virtchnl_mac_list list; /* all heads begin so */
    memcpy(&list, r->bytes, sizeof list);
    if (!list.count || !list_fits(r, head, element, list.count))
        return wrong_length(r);
    const char *why = check_vsi(r, list.vsi);
    for (unsigned i = 0; i < list.count && !why; i++)
        why = one(r, r->bytes + head + i * element);
    return settle(r, &v, &c, why);
}

static const char *change_mac(struct virtchnl_request *r, const uint8_t *bytes)
{
    struct virtchnl_mac mac;
    memcpy(&mac, bytes, sizeof mac);
    return r->op == VIRTCHNL_ADD_MAC ? add_mac(r, &mac) : delete_mac(r, &mac);
}

static const char *macs(struct virtchnl_request *r)
{
    return change(r, sizeof(struct virtchnl_mac_list), sizeof(struct virtchnl_mac), change_mac);
}

/* VLAN 0, priority tags, is everybody's. */
static const char *set_vlan(struct virtchnl_request *r, uint16_t vid, bool on)
{
    struct vf_state *v = r->v;
    unsigned most = v->policy.trust ? VF_VLANS_MAX : VIRTCHNL_FEW, i = 0;
    if (v->policy.vlan)
        return "the administrator set its VLAN";
    if (vid > VLAN_MAX)
        return nonsense(r, "that is no VLAN");
    while (i < v->vlan_count && v->vlans[i] != vid)
        i++;
    if (!vid || on == (i < v->vlan_count))
        return NULL;
    if (!on) {
        v->vlans[i] = v->vlans[--v->vlan_count];
        return NULL;
    }
    if (v->vlan_count >= most)
        return v->policy.trust ? "a VF is in at most 64 VLANs"
                               : "only a trusted VF may be in more than 16 VLANs";
    v->vlans[v->vlan_count++] = vid;
    return NULL;
}

static const char *change_vlan(struct virtchnl_request *r, const uint8_t *bytes)
{
    uint16_t vid;
    memcpy(&vid, bytes, sizeof vid);
    return set_vlan(r, vid, r->op == VIRTCHNL_ADD_VLAN);
}

static const char *vlans(struct virtchnl_request *r)
{
    return change(r, sizeof(struct virtchnl_vlan_list), sizeof(uint16_t), change_vlan);
}

static const char *promiscuous(struct virtchnl_request *r)
{
    struct vf_state v = *r->v;
    struct virtchnl_vf c = *r->c;
    struct virtchnl_promiscuous p;
    memcpy(&p, r->bytes, sizeof p);
    const char *why = check_vsi(r, p.vsi);
    if (why)
        return why;
    if (p.flags & ~(VIRTCHNL_PROMISC_UNICAST | VIRTCHNL_PROMISC_MULTICAST))
        return nonsense(r, "unknown kind of promiscuity");
    if (p.flags && !r->v->policy.trust)
        return "only a trusted VF may be promiscuous";
    r->v->promiscuous = p.flags & VIRTCHNL_PROMISC_UNICAST;
    r->v->all_multicast = p.flags & VIRTCHNL_PROMISC_MULTICAST;
    return settle(r, &v, &c, NULL);
}

/* Tags ----------------------------------------------------------------------------------------- */

static const char *set_strip(struct virtchnl_request *r, bool on)
{
    bool old = r->c->strip;
    r->c->strip = on;
    if (!r->s->ops->properties(r->s->chip, r->number))
        return NULL;
    r->c->strip = old;
    return "the chip did not take it";
}

static const char *strip(struct virtchnl_request *r)
{
    return set_strip(r, r->op == VIRTCHNL_STRIP_ON);
}

/* One tag, of 802.1Q, in a descriptor's first place. */
#define TAGS (VIRTCHNL_VLAN_8100 | VIRTCHNL_VLAN_TOGGLE | VIRTCHNL_VLAN_L2TAG1)

static const char *vlan_caps(struct virtchnl_request *r)
{
    const struct virtchnl_vlan_caps caps = { .filter.inner = VIRTCHNL_VLAN_8100,
                                             .filter_initially = VIRTCHNL_VLAN_8100,
                                             .filters =
                                                 r->v->policy.trust ? VF_VLANS_MAX : VIRTCHNL_FEW,
                                             .strip.inner = TAGS,
                                             .insert.inner = TAGS,
                                             .offload_initially = VIRTCHNL_VLAN_8100 };
    give(r, &caps, sizeof caps);
    return NULL;
}

static const char *change_vlan_v2(struct virtchnl_request *r, const uint8_t *bytes)
{
    struct virtchnl_vlan_filter f;
    memcpy(&f, bytes, sizeof f);
    if (f.inner.tpid != ETHERTYPE_VLAN || f.outer.tpid || f.outer.tci)
        return nonsense(r, "a VLAN filter that was not offered");
    return set_vlan(r, f.inner.tci, r->op == VIRTCHNL_ADD_VLAN_V2);
}

static const char *vlans_v2(struct virtchnl_request *r)
{
    return change(r, sizeof(struct virtchnl_vlan_list_v2), sizeof(struct virtchnl_vlan_filter),
                  change_vlan_v2);
}

/* Tags are inserted where a descriptor has one: there is nothing to switch. */
static const char *set_tags(struct virtchnl_request *r)
{
    struct virtchnl_vlan_setting t;
    memcpy(&t, r->bytes, sizeof t);
    const char *why = check_vsi(r, t.vsi);
    if (why)
        return why;
    if (t.outer || t.inner != VIRTCHNL_VLAN_8100)
        return nonsense(r, "tags that were not offered");
    if (r->op == VIRTCHNL_STRIP_ON_V2 || r->op == VIRTCHNL_STRIP_OFF_V2)
        return set_strip(r, r->op == VIRTCHNL_STRIP_ON_V2);
    r->c->insert = r->op == VIRTCHNL_INSERT_ON_V2;
    return NULL;
}

/* Spreading ------------------------------------------------------------------------------------ */

static const char *spread(struct virtchnl_request *r)
{
    return r->s->ops->spread(r->s->chip, r->number) ? "the chip did not take it" : NULL;
}

static const char *rss_key(struct virtchnl_request *r)
{
    struct virtchnl_rss_key head;
    memcpy(&head, r->bytes, sizeof head);
    if (head.length != VIRTCHNL_KEY || !list_fits(r, sizeof head, 1, head.length))
        return wrong_length(r);
    const char *why = check_vsi(r, head.vsi);
    if (why)
        return why;
    memcpy(r->c->key, r->bytes + sizeof head, VIRTCHNL_KEY);
    return spread(r);
}

static const char *rss_lut(struct virtchnl_request *r)
{
    struct virtchnl_rss_lut head;
    memcpy(&head, r->bytes, sizeof head);
    if (head.entries != VIRTCHNL_LUT || !list_fits(r, sizeof head, 1, head.entries))
        return wrong_length(r);
    const char *why = check_vsi(r, head.vsi);
    for (unsigned i = 0; i < VIRTCHNL_LUT && !why; i++)
        if (r->bytes[sizeof head + i] >= r->c->queues)
            why = nonsense(r, "a table that names a queue that the VF does not have");
    if (why)
        return why;
    memcpy(r->c->lut, r->bytes + sizeof head, VIRTCHNL_LUT);
    return spread(r);
}

static const char *get_hena(struct virtchnl_request *r)
{
    const struct virtchnl_rss_hena h = { r->s->kinds };
    give(r, &h, sizeof h);
    return NULL;
}

static const char *set_hena(struct virtchnl_request *r)
{
    struct virtchnl_rss_hena h;
    memcpy(&h, r->bytes, sizeof h);
    r->c->kinds = h.kinds & r->s->kinds;
    return spread(r);
}

/* Statistics ------------------------------------------------------------------------------- */

static const char *get_stats(struct virtchnl_request *r)
{
    struct virtchnl_queue_select q;
    struct virtchnl_stats stats = { 0 };
    memcpy(&q, r->bytes, sizeof q);
    const char *why = check_vsi(r, q.vsi);
    if (why)
        return why;
    r->s->ops->stats(r->s->chip, r->number, &stats);
    give(r, &stats, sizeof stats);
    return NULL;
}

/* The table ---------------------------------------------------------------------------------- */

struct row {
    const char *(*serve)(struct virtchnl_request *r);
    uint16_t least;
    bool more;     /* and more than that: a list, or one of two lengths */
    uint32_t caps; /* one of which it takes */
};

/* A message of a fixed length, with nothing, and with a list behind its head. */
#define FIXED(serve, type, caps) \
    { \
        serve, sizeof(type), false, caps \
    }
#define EMPTY(serve, more, caps) \
    { \
        serve, 0, more, caps \
    }
#define LIST(serve, type, caps) \
    { \
        serve, sizeof(type), true, caps \
    }

static const struct row rows[VIRTCHNL_OPS] = {
    [VIRTCHNL_VERSION] = FIXED(version, struct virtchnl_version, 0),
    [VIRTCHNL_GET_RESOURCES] = EMPTY(resources, true, 0),
    [VIRTCHNL_CONFIG_QUEUES] = LIST(config_queues, struct virtchnl_queues, 0),
    [VIRTCHNL_CONFIG_IRQ_MAP] = LIST(map_irqs, uint16_t, 0),
    [VIRTCHNL_ENABLE_QUEUES] = FIXED(select_queues, struct virtchnl_queue_select, 0),
    [VIRTCHNL_DISABLE_QUEUES] = FIXED(select_queues, struct virtchnl_queue_select, 0),
    [VIRTCHNL_ADD_MAC] = LIST(macs, struct virtchnl_mac_list, 0),
    [VIRTCHNL_DELETE_MAC] = LIST(macs, struct virtchnl_mac_list, 0),
    [VIRTCHNL_ADD_VLAN] = LIST(vlans, struct virtchnl_vlan_list, VIRTCHNL_CAP_VLAN),
    [VIRTCHNL_DELETE_VLAN] = LIST(vlans, struct virtchnl_vlan_list, VIRTCHNL_CAP_VLAN),
    [VIRTCHNL_PROMISCUOUS] = FIXED(promiscuous, struct virtchnl_promiscuous, 0),
    [VIRTCHNL_GET_STATS] = FIXED(get_stats, struct virtchnl_queue_select, 0),
    [VIRTCHNL_RSS_KEY] = LIST(rss_key, struct virtchnl_rss_key, VIRTCHNL_CAP_RSS_PF),
    [VIRTCHNL_RSS_LUT] = LIST(rss_lut, struct virtchnl_rss_lut, VIRTCHNL_CAP_RSS_PF),
    [VIRTCHNL_GET_RSS_HENA] = EMPTY(get_hena, false, VIRTCHNL_CAP_RSS_PF),
    [VIRTCHNL_SET_RSS_HENA] = FIXED(set_hena, struct virtchnl_rss_hena, VIRTCHNL_CAP_RSS_PF),
    [VIRTCHNL_STRIP_ON] = EMPTY(strip, false, VIRTCHNL_CAP_VLAN),
    [VIRTCHNL_STRIP_OFF] = EMPTY(strip, false, VIRTCHNL_CAP_VLAN),
    [VIRTCHNL_REQUEST_QUEUES] =
        FIXED(request_queues, struct virtchnl_queue_request, VIRTCHNL_CAP_REQUEST_QUEUES),
    [VIRTCHNL_GET_VLAN_CAPS] = EMPTY(vlan_caps, false, VIRTCHNL_CAP_VLAN_V2),
    [VIRTCHNL_ADD_VLAN_V2] = LIST(vlans_v2, struct virtchnl_vlan_list_v2, VIRTCHNL_CAP_VLAN_V2),
    [VIRTCHNL_DELETE_VLAN_V2] = LIST(vlans_v2, struct virtchnl_vlan_list_v2, VIRTCHNL_CAP_VLAN_V2),
    [VIRTCHNL_STRIP_ON_V2] = FIXED(set_tags, struct virtchnl_vlan_setting, VIRTCHNL_CAP_VLAN_V2),
    [VIRTCHNL_STRIP_OFF_V2] = FIXED(set_tags, struct virtchnl_vlan_setting, VIRTCHNL_CAP_VLAN_V2),
    [VIRTCHNL_INSERT_ON_V2] = FIXED(set_tags, struct virtchnl_vlan_setting, VIRTCHNL_CAP_VLAN_V2),
    [VIRTCHNL_INSERT_OFF_V2] = FIXED(set_tags, struct virtchnl_vlan_setting, VIRTCHNL_CAP_VLAN_V2),
};

const char *virtchnl_serve(struct virtchnl_request *r)
{
    if (r->op >= VIRTCHNL_OPS || !rows[r->op].serve)
        return nonsense(r, VIRTCHNL_UNKNOWN_MESSAGE);
    if (r->n < rows[r->op].least || (r->n > rows[r->op].least && !rows[r->op].more))
        return wrong_length(r);
    if (r->op > VIRTCHNL_GET_RESOURCES && r->c->state != VIRTCHNL_VF_ACTIVE)
        return nonsense(r, "it has to ask what it has first");
    if (rows[r->op].caps && !(r->c->caps & rows[r->op].caps))
        return "it did not ask for what this takes, or was not given it";
    return rows[r->op].serve(r);
}
