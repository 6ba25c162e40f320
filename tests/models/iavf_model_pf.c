/* iavf_model_pf.c - a played PF behind the model of a VF: virtchnl as Linux's i40e, or its ice,
 * serves it (iavf_model.h).
 *
 * A message that no driver may send (a wrong length, a queue that it does not have, before its
 * time, for what was not granted) is a violation, and refused; what a PF's administrator or its
 * limits do not allow is only refused. */
#include "tests/models/iavf_model.h"

#include "kernel/compiler.h"
#include "tests/models/intel_seen.h"

#include <string.h>

#define KEY 52u
#define LUT 64u
#define FCS 4u
#define MRQC_TCP4 0x00010000u
#define MRQC_IP4 0x00020000u
#define MRQC_IP6 0x00100000u
#define MRQC_TCP6 0x00200000u
#define MRQC_UDP4 0x00400000u
#define MRQC_UDP6 0x00800000u
#define PF_REFUSES (-5)
#define RXDIDS \
    (1u << VIRTCHNL_RXDID_LEGACY_32 | 1u << I40E_ENGINE_RXDID_NIC | 1u << I40E_ENGINE_RXDID_OVS)
#define KINDS \
    (VIRTCHNL_HASH_UDP4 | VIRTCHNL_HASH_TCP4 | VIRTCHNL_HASH_IP4 | VIRTCHNL_HASH_UDP6 | \
     VIRTCHNL_HASH_TCP6 | VIRTCHNL_HASH_IP6)

/* A request being served. */
struct request {
    struct iavf_model *m;
    uint32_t op, n;
    const uint8_t *bytes;
};

static void answer(const struct request *r, int32_t status, const void *bytes, uint32_t n)
{
    if (!r->m->pf.deaf && !(r->m->pf.unanswered >> r->op & 1))
        iavf_model_tell(r->m, r->op, status, bytes, n);
}

static bool bad(const struct request *r, const char *what, uint64_t value)
{
    iavf_model_violation(r->m, what, (uint64_t)r->op << 48 | value);
    return false;
}

static int32_t refuse(const struct request *r, const char *what, uint64_t value)
{
    bad(r, what, value);
    return PF_REFUSES;
}

/* Begin ------------------------------------------------------------------------------- */

static int32_t version(const struct request *r)
{
    struct virtchnl_version v = { 1, r->m->pf.minor };
    if (r->n != sizeof v)
        bad(r, "version of a wrong length", r->n);
    r->m->pf.version_known = true;
    answer(r, 0, &v, sizeof v);
    return 1;
}

static int32_t resources(const struct request *r)
{
    struct iavf_played_pf *pf = &r->m->pf;
    uint32_t wanted = VIRTCHNL_CAP_L2 | VIRTCHNL_CAP_RSS_REG | VIRTCHNL_CAP_VLAN;
    if (!pf->version_known)
        bad(r, "resources asked for before the version", 0);
    if (r->n != (pf->minor ? sizeof wanted : 0))
        return refuse(r, "resources asked for with a wrong length", r->n);
    if (r->n)
        memcpy(&wanted, r->bytes, sizeof wanted);
    pf->granted = (wanted & pf->caps) | VIRTCHNL_CAP_L2;
    if (pf->granted & VIRTCHNL_CAP_VLAN_V2)
        pf->granted &= ~VIRTCHNL_CAP_VLAN;
    if (pf->granted & VIRTCHNL_CAP_RSS_PF)
        pf->granted &= ~VIRTCHNL_CAP_RSS_REG;
    if (pf->port_vlan)
        pf->granted &= ~(VIRTCHNL_CAP_VLAN | VIRTCHNL_CAP_VLAN_V2);
    struct virtchnl_resources res = {
        .vsis = 1,
        .queue_pairs = pf->queues,
        .vectors = pf->vectors,
        .max_frame = pf->max_frame,
        .caps = pf->granted,
        .rss_key_size = KEY,
        .rss_lut_size = LUT,
        .vsi[0] = { .id = pf->vsi, .queue_pairs = pf->queues, .type = VIRTCHNL_VSI_SRIOV }
    };
    memcpy(res.vsi[0].mac, pf->mac, MAC_LEN);
    pf->active = true;
    r->m->rstat = VIRTCHNL_ACTIVE;
    answer(r, 0, &res, sizeof res);
    return 1;
}

/* Best effort: granted, the VF is reset, and only that is said before; else it is told what there
 * is.  Linux's i40e and ice do it so, and DPDK's iavf takes an answer for a refusal. */
static int32_t request_queues(const struct request *r)
{
    struct iavf_played_pf *pf = &r->m->pf;
    struct virtchnl_queue_request q = { 0 };
    memcpy(&q, r->bytes, sizeof q);
    if (!(pf->granted & VIRTCHNL_CAP_REQUEST_QUEUES))
        return refuse(r, "queues requested that were not offered", q.pairs);
    if (!q.pairs || q.pairs > pf->queues_max) {
        q.pairs = pf->queues_max;
        answer(r, 0, &q, sizeof q);
        return 1;
    }
    pf->queues = q.pairs;
    iavf_model_impend(r->m);
    iavf_model_pf_resets_vf(r->m);
    return 1;
}

/* Queues ---------------------------------------------------------------------------------- */

static bool vsi_is(const struct request *r, uint16_t vsi)
{
    return vsi == r->m->pf.vsi || bad(r, "another VSI than the VF's", vsi);
}

static bool is_the_vfs(const struct request *r, uint64_t iova, uint32_t bytes)
{
    uint8_t byte;
    return (!pcispace_dma_read(&r->m->device, iova, &byte, 1) &&
            !pcispace_dma_read(&r->m->device, iova + bytes - 1, &byte, 1)) ||
           bad(r, "a ring outside of the function's memory", iova);
}

static bool configure(const struct request *r, const struct virtchnl_queue_pair *p)
{
    struct iavf_model *m = r->m;
    const char *what = NULL;
    bool flex = m->pf.granted & VIRTCHNL_CAP_FLEX_RX;
    if (!vsi_is(r, p->tx.vsi) || !vsi_is(r, p->rx.vsi))
        return false;
    if (p->tx.queue != p->rx.queue || p->tx.queue >= m->pf.queues)
        return bad(r, "a queue that the VF does not have", p->tx.queue);
    unsigned q = p->tx.queue;
    if (m->rx[q].on || m->tx[q].on)
        return bad(r, "a queue that is on is configured", q);
    if (p->rx.max_frame > m->pf.max_frame ||
        (p->rx.crc_kept && !(m->pf.granted & VIRTCHNL_CAP_CRC)))
        return bad(r, "longer frames, or frames with FCS, than were granted", p->rx.max_frame);
    if (p->rx.rxdid && (!flex || p->rx.rxdid > 31 || !(RXDIDS >> p->rx.rxdid & 1)))
        return bad(r, "receive descriptors that were not offered", p->rx.rxdid);
    m->rx[q].context = (struct i40e_queue_context){ .base = p->rx.ring,
                                                    .count = p->rx.length,
                                                    .buffer = p->rx.buffer_size,
                                                    .max_frame = p->rx.max_frame,
                                                    .format = p->rx.rxdid > VIRTCHNL_RXDID_LEGACY_32
                                                                  ? I40E_ENGINE_FLEX
                                                                  : I40E_ENGINE_32,
                                                    .rxdid = p->rx.rxdid,
                                                    .strip = m->pf.strip,
                                                    .second = m->pf.double_vlan,
                                                    .keeps_fcs = p->rx.crc_kept };
    m->tx[q].context = (struct i40e_queue_context){ .base = p->tx.ring, .count = p->tx.length };
    what = i40e_queue_context_wrong(&m->rx[q].context, true);
    if (!what)
        what = i40e_queue_context_wrong(&m->tx[q].context, false);
    m->pf.configured[q] = !what;
    if (what)
        return bad(r, what, q);
    return is_the_vfs(r, p->rx.ring, p->rx.length * 32) &&
           is_the_vfs(r, p->tx.ring, p->tx.length * 16u);
}

static int32_t config_queues(const struct request *r)
{
    struct virtchnl_queues head;
    struct virtchnl_queue_pair pair;
    memcpy(&head, r->bytes, sizeof head);
    if (!vsi_is(r, head.vsi) || r->n != VIRTCHNL_LIST_LENGTH(head, pair, head.pairs) || !head.pairs)
        return refuse(r, "queues configured with a wrong length", r->n);
    for (unsigned i = 0; i < head.pairs; i++) {
        memcpy(&pair, r->bytes + sizeof head + i * sizeof pair, sizeof pair);
        if (!configure(r, &pair))
            return PF_REFUSES;
    }
    return 0;
}

static int32_t irq_map(const struct request *r)
{
    struct iavf_model *m = r->m;
    struct virtchnl_vector v;
    uint16_t count;
    memcpy(&count, r->bytes, sizeof count);
    if (!count || count > m->pf.vectors || r->n != VIRTCHNL_LIST_LENGTH(count, v, count))
        return refuse(r, "vectors mapped with a wrong length", r->n);
    for (unsigned i = 0; i < count; i++) {
        memcpy(&v, r->bytes + sizeof count + i * sizeof v, sizeof v);
        uint32_t beyond = ~0u << m->pf.queues;
        if (!vsi_is(r, v.vsi) || v.vector >= m->pf.vectors ||
            ((v.rx_queues | v.tx_queues) & beyond))
            return refuse(r, "a vector or queue that the VF does not have", v.vector);
        for (unsigned q = 0; q < m->pf.queues; q++) {
            if (v.rx_queues >> q & 1)
                m->rx_vector[q] = (uint8_t)v.vector;
            if (v.tx_queues >> q & 1)
                m->tx_vector[q] = (uint8_t)v.vector;
        }
    }
    return 0;
}

static int32_t select_queues(const struct request *r)
{
    struct iavf_model *m = r->m;
    struct virtchnl_queue_select s;
    bool on = r->op == VIRTCHNL_ENABLE_QUEUES;
    memcpy(&s, r->bytes, sizeof s);
    if (!vsi_is(r, s.vsi) || !(s.rx | s.tx) || ((s.rx | s.tx) & ~0u << m->pf.queues))
        return refuse(r, "queues that the VF does not have", s.rx | s.tx);
    for (unsigned q = 0; q < m->pf.queues; q++) {
        if (on && ((s.rx | s.tx) >> q & 1) && !m->pf.configured[q])
            return refuse(r, "a queue that is not configured goes on", q);
        if (on && (s.rx >> q & 1) && m->rx[q].tail >= m->rx[q].context.count)
            bad(r, "receive tail past the ring that goes on", m->rx[q].tail);
        if (s.rx >> q & 1 && on)
            i40e_engine_start(&m->rx[q]);
        if (s.tx >> q & 1 && on)
            i40e_engine_start(&m->tx[q]);
        if (s.rx >> q & 1 && !on)
            m->rx[q].on = false;
        if (s.tx >> q & 1 && !on)
            m->tx[q].on = false;
        m->tx[q].tail = on && (s.tx >> q & 1) ? 0 : m->tx[q].tail;
    }
    answer(r, 0, NULL, 0);
    if (on)
        iavf_model_say_link(m);
    return 1;
}

/* Filters ------------------------------------------------------------------------------------ */

static int find_mac(const struct iavf_played_pf *pf, const uint8_t *mac)
{
    for (unsigned i = 0; i < pf->mac_count; i++)
        if (mac_equal(pf->macs[i], mac))
            return (int)i;
    return -1;
}

static int32_t add_mac(const struct request *r, const struct virtchnl_mac *mac)
{
    struct iavf_played_pf *pf = &r->m->pf;
    const uint8_t *a = mac->address;
    if (!mac_is_station(a) && !(a[0] & 1))
        return refuse(r, "an address that is none", 0);
    if (mac_is_station(a) && pf->mac_set && !pf->trusted && !mac_equal(a, pf->mac))
        return -1;
    if (find_mac(pf, a) >= 0)
        return 0;
    if (pf->mac_count == pf->macs_max)
        return -1;
    memcpy(pf->macs[pf->mac_count++], a, MAC_LEN);
    if (mac_is_station(a) && (mac->type == VIRTCHNL_MAC_PRIMARY || !mac_is_station(pf->mac)))
        memcpy(pf->mac, a, MAC_LEN);
    return 0;
}

static int32_t delete_mac(const struct request *r, const struct virtchnl_mac *mac)
{
    struct iavf_played_pf *pf = &r->m->pf;
    int i = find_mac(pf, mac->address);
    if (i < 0 && !mac_equal(mac->address, pf->mac))
        return refuse(r, "an address goes that was not there", 0);
    if (i >= 0)
        memcpy(pf->macs[i], pf->macs[--pf->mac_count], MAC_LEN);
    return 0;
}

static int32_t macs(const struct request *r)
{
    struct virtchnl_mac_list head;
    struct virtchnl_mac mac;
    int32_t status = 0;
    memcpy(&head, r->bytes, sizeof head);
    if (!vsi_is(r, head.vsi) || !head.count || r->n != VIRTCHNL_LIST_LENGTH(head, mac, head.count))
        return refuse(r, "addresses with a wrong length", r->n);
    for (unsigned i = 0; i < head.count && !status; i++) {
        memcpy(&mac, r->bytes + sizeof head + i * sizeof mac, sizeof mac);
        status = r->op == VIRTCHNL_ADD_MAC ? add_mac(r, &mac) : delete_mac(r, &mac);
    }
    return status;
}

static int32_t set_vlan(const struct request *r, uint16_t vid, bool on)
{
    struct iavf_played_pf *pf = &r->m->pf;
    uint8_t *at = &pf->vlans[vid % 4096 / 8], bit = (uint8_t)(1u << vid % 8);
    if (vid > VLAN_MAX)
        return refuse(r, "a VLAN that is none", vid);
    if (!on && !(*at & bit))
        return refuse(r, "a VLAN is left that was not joined", vid);
    if (on == !!(*at & bit))
        return 0;
    *at ^= bit;
    pf->vlan_count += on ? 1 : -1u;
    return 0;
}

static int32_t vlans(const struct request *r)
{
    struct virtchnl_vlan_list head;
    int32_t status = 0;
    memcpy(&head, r->bytes, sizeof head);
    if (!(r->m->pf.granted & VIRTCHNL_CAP_VLAN))
        return refuse(r, "VLANs that were not granted", head.count);
    if (!vsi_is(r, head.vsi) || !head.count ||
        r->n != VIRTCHNL_LIST_LENGTH(head, uint16_t, head.count))
        return refuse(r, "VLANs with a wrong length", r->n);
    for (unsigned i = 0; i < head.count && !status; i++) {
        uint16_t vid;
        memcpy(&vid, r->bytes + sizeof head + 2 * i, sizeof vid);
        status = set_vlan(r, vid, r->op == VIRTCHNL_ADD_VLAN);
    }
    return status;
}

/* Version 2 -------------------------------------------------------------------------------- */

#define V2_TAGS (VIRTCHNL_VLAN_8100 | VIRTCHNL_VLAN_TOGGLE | VIRTCHNL_VLAN_L2TAG1)
#define V2_OUTER (VIRTCHNL_VLAN_8100 | VIRTCHNL_VLAN_88A8 | VIRTCHNL_VLAN_TOGGLE)

/* Of ice in its mode of one VLAN, or of two. */
static int32_t vlan_caps(const struct request *r)
{
    const struct virtchnl_vlan_caps one = { .filter.inner = VIRTCHNL_VLAN_8100,
                                            .filter_initially = VIRTCHNL_VLAN_8100,
                                            .filters = 16,
                                            .strip.inner = V2_TAGS,
                                            .insert.inner = V2_TAGS,
                                            .offload_initially = VIRTCHNL_VLAN_8100 };
    const struct virtchnl_vlan_caps two = { .filter.outer = V2_OUTER,
                                            .filter_initially = VIRTCHNL_VLAN_8100,
                                            .filters = 16,
                                            .strip.inner = V2_TAGS,
                                            .strip.outer = V2_OUTER | VIRTCHNL_VLAN_L2TAG2_2,
                                            .insert.inner = V2_TAGS,
                                            .insert.outer = V2_OUTER | VIRTCHNL_VLAN_L2TAG2,
                                            .offload_initially = VIRTCHNL_VLAN_8100 };
    if (!(r->m->pf.granted & VIRTCHNL_CAP_VLAN_V2) || r->n)
        return refuse(r, "VLAN capabilities that were not granted", r->n);
    answer(r, 0, r->m->pf.double_vlan ? &two : &one, sizeof one);
    return 1;
}

/* The tag that filters are for, whole. */
static bool filter_known(const struct request *r, const struct virtchnl_vlan_filter *f)
{
    const struct virtchnl_tag *used = r->m->pf.double_vlan ? &f->outer : &f->inner;
    const struct virtchnl_tag *other = r->m->pf.double_vlan ? &f->inner : &f->outer;
    return used->tpid == 0x8100 && !other->tpid && !other->tci;
}

static int32_t vlans_v2(const struct request *r)
{
    struct virtchnl_vlan_list_v2 head;
    struct virtchnl_vlan_filter f;
    int32_t status = 0;
    memcpy(&head, r->bytes, sizeof head);
    if (!(r->m->pf.granted & VIRTCHNL_CAP_VLAN_V2) || !vsi_is(r, head.vsi) || !head.count ||
        r->n != sizeof head + head.count * sizeof f)
        return refuse(r, "VLANs with a wrong length, or not granted", r->n);
    for (unsigned i = 0; i < head.count && !status; i++) {
        memcpy(&f, r->bytes + sizeof head + i * sizeof f, sizeof f);
        if (!filter_known(r, &f))
            return refuse(r, "a VLAN filter that the PF does not have", f.outer.tpid);
        if (r->op == VIRTCHNL_ADD_VLAN_V2 && r->m->pf.vlan_count == 16)
            return -1;
        status = set_vlan(r, r->m->pf.double_vlan ? f.outer.tci : f.inner.tci,
                          r->op == VIRTCHNL_ADD_VLAN_V2);
    }
    return status;
}

static void set_strip(struct iavf_model *m, bool on)
{
    m->pf.strip = on;
    for (unsigned q = 0; q < IAVF_MODEL_QUEUES; q++)
        m->rx[q].context.strip = on;
}

static int32_t strip(const struct request *r)
{
    if (!(r->m->pf.granted & VIRTCHNL_CAP_VLAN) || r->n)
        return refuse(r, "stripping that was not granted", r->n);
    set_strip(r->m, r->op == VIRTCHNL_STRIP_ON);
    return 0;
}

/* With two VLANs a frame's only tag is the outer one, for which descriptors have other places than
 * L2TAG1. */
static int32_t setting_v2(const struct request *r)
{
    struct virtchnl_vlan_setting s;
    bool strip = r->op == VIRTCHNL_STRIP_ON_V2 || r->op == VIRTCHNL_STRIP_OFF_V2;
    bool on = r->op == VIRTCHNL_STRIP_ON_V2 || r->op == VIRTCHNL_INSERT_ON_V2;
    memcpy(&s, r->bytes, sizeof s);
    uint32_t set = r->m->pf.double_vlan ? s.outer : s.inner;
    uint32_t other = r->m->pf.double_vlan ? s.inner : s.outer;
    if (!(r->m->pf.granted & VIRTCHNL_CAP_VLAN_V2) || !vsi_is(r, s.vsi) || other ||
        set != VIRTCHNL_VLAN_8100)
        return refuse(r, "an offload of tags that was not granted", s.inner);
    if (on && !strip && r->m->pf.double_vlan)
        return refuse(r, "a tag where nobody here looks for it", r->op);
    if (strip)
        set_strip(r->m, on);
    else
        r->m->pf.insert = on;
    return 0;
}

/* Receiving ---------------------------------------------------------------------------------- */

static int32_t promiscuous(const struct request *r)
{
    struct virtchnl_promiscuous p;
    memcpy(&p, r->bytes, sizeof p);
    if (!vsi_is(r, p.vsi) || (p.flags & ~3u))
        return refuse(r, "promiscuous modes that there are not", p.flags);
    if (!r->m->pf.trusted && p.flags)
        return r->m->pf.honest ? -1 : 0; /* Linux's i40e and ice say yes and do nothing */
    r->m->pf.promiscuous = p.flags;
    return 0;
}

static int32_t stats(const struct request *r)
{
    struct virtchnl_queue_select s;
    memcpy(&s, r->bytes, sizeof s);
    if (!vsi_is(r, s.vsi))
        return PF_REFUSES;
    answer(r, 0, &r->m->pf.stats, sizeof r->m->pf.stats);
    return 1;
}

static int32_t rss(const struct request *r)
{
    struct iavf_played_pf *pf = &r->m->pf;
    bool is_key = r->op == VIRTCHNL_RSS_KEY;
    uint16_t head[2]; /* VSI and length, of either */
    memcpy(head, r->bytes, sizeof head);
    bool length = r->n == VIRTCHNL_LIST_LENGTH(head, uint8_t, head[1]);
    if (!(pf->granted & VIRTCHNL_CAP_RSS_PF) || !vsi_is(r, head[0]) || !length ||
        head[1] != (is_key ? KEY : LUT))
        return refuse(r, "RSS with a wrong length, or not granted", head[1]);
    memcpy(is_key ? pf->key : pf->lut, r->bytes + sizeof head, head[1]);
    for (unsigned i = 0; !is_key && i < LUT; i++)
        if (pf->lut[i] >= pf->queues)
            return refuse(r, "RSS to a queue that the VF does not have", pf->lut[i]);
    return 0;
}

static int32_t hena(const struct request *r)
{
    struct virtchnl_rss_hena h = { KINDS };
    if (r->op == VIRTCHNL_GET_RSS_HENA) {
        answer(r, 0, &h, sizeof h);
        return 1;
    }
    memcpy(&h, r->bytes, sizeof h);
    bool more = r->m->pf.granted & VIRTCHNL_CAP_RSS_KINDS;
    r->m->pf.kinds = h.kinds & (KINDS | (more ? VIRTCHNL_HASH_MORE : 0));
    return 0;
}

static int32_t rxdids(const struct request *r)
{
    const struct virtchnl_rxdids d = { RXDIDS };
    if (!(r->m->pf.granted & VIRTCHNL_CAP_FLEX_RX))
        return refuse(r, "descriptor formats that were not offered", 0);
    answer(r, 0, &d, sizeof d);
    return 1;
}

/* Serving -------------------------------------------------------------------------------------- */

/* Status of the answer; 1: it was given already.  `least`: bytes of a message. */
static const struct {
    int32_t (*serve)(const struct request *r);
    uint32_t least;
} served[VIRTCHNL_OPS] = {
    [VIRTCHNL_VERSION] = { version, 8 },
    [VIRTCHNL_GET_RESOURCES] = { resources, 0 },
    [VIRTCHNL_CONFIG_QUEUES] = { config_queues, 8 },
    [VIRTCHNL_CONFIG_IRQ_MAP] = { irq_map, 2 },
    [VIRTCHNL_ENABLE_QUEUES] = { select_queues, 12 },
    [VIRTCHNL_DISABLE_QUEUES] = { select_queues, 12 },
    [VIRTCHNL_ADD_MAC] = { macs, 4 },
    [VIRTCHNL_DELETE_MAC] = { macs, 4 },
    [VIRTCHNL_ADD_VLAN] = { vlans, 4 },
    [VIRTCHNL_DELETE_VLAN] = { vlans, 4 },
    [VIRTCHNL_PROMISCUOUS] = { promiscuous, 4 },
    [VIRTCHNL_GET_STATS] = { stats, 12 },
    [VIRTCHNL_RSS_KEY] = { rss, 4 },
    [VIRTCHNL_RSS_LUT] = { rss, 4 },
    [VIRTCHNL_GET_RSS_HENA] = { hena, 0 },
    [VIRTCHNL_SET_RSS_HENA] = { hena, 8 },
    [VIRTCHNL_STRIP_ON] = { strip, 0 },
    [VIRTCHNL_STRIP_OFF] = { strip, 0 },
    [VIRTCHNL_REQUEST_QUEUES] = { request_queues, 2 },
    [VIRTCHNL_GET_RXDIDS] = { rxdids, 0 },
    [VIRTCHNL_GET_VLAN_CAPS] = { vlan_caps, 0 },
    [VIRTCHNL_ADD_VLAN_V2] = { vlans_v2, 8 },
    [VIRTCHNL_DELETE_VLAN_V2] = { vlans_v2, 8 },
    [VIRTCHNL_STRIP_ON_V2] = { setting_v2, 16 },
    [VIRTCHNL_STRIP_OFF_V2] = { setting_v2, 16 },
    [VIRTCHNL_INSERT_ON_V2] = { setting_v2, 16 },
    [VIRTCHNL_INSERT_OFF_V2] = { setting_v2, 16 },
};

static int32_t serve(const struct request *r)
{
    const struct iavf_played_pf *pf = &r->m->pf;
    if (pf->refused >> r->op & 1)
        return pf->refusal;
    if (!served[r->op].serve)
        return refuse(r, "a request that the PF does not know", 0);
    if (r->n < served[r->op].least)
        return refuse(r, "a request that is too short", r->n);
    if (r->op > VIRTCHNL_GET_RESOURCES && !pf->active)
        return refuse(r, "a request before the resources are known", 0);
    return served[r->op].serve(r);
}

static void message(struct iavf_model *m, uint32_t op, const uint8_t *bytes, uint32_t n)
{
    const struct request r = { m, op, n, bytes };
    struct iavf_played_pf *pf = &m->pf;
    if (op >= VIRTCHNL_OPS) {
        bad(&r, "an operation that there is not", op);
        return;
    }
    pf->seen[op]++;
    pf->last_op = op;
    pf->last_length = n;
    memcpy(pf->last, bytes, n);
    if (!pf->serves)
        return;
    if (op == VIRTCHNL_RESET_VF) {
        iavf_model_pf_resets_vf(m);
        return;
    }
    int32_t status = serve(&r);
    if (status <= 0)
        answer(&r, status, NULL, 0);
}

/* Resets, link --------------------------------------------------------------------- */

/* What was granted is forgotten; what the administrator set is not. */
static void forget(struct iavf_model *m)
{
    struct iavf_played_pf *pf = &m->pf;
    pf->active = pf->insert = false; /* the version is not asked for again: Linux's iavf */
    pf->granted = 0;
    pf->mac_count = pf->vlan_count = 0;
    memset(pf->vlans, 0, sizeof pf->vlans);
    memset(pf->configured, 0, sizeof pf->configured);
    memset(pf->lut, 0, sizeof pf->lut);
    memset(pf->key, 0, sizeof pf->key);
    pf->promiscuous = 0;
    pf->kinds = KINDS;
    pf->strip = pf->double_vlan; /* who does not want it says so */
}

void iavf_model_pf_resets_vf(struct iavf_model *m)
{
    iavf_model_reset_begin(m);
    forget(m);
    iavf_model_reset_end(m, VIRTCHNL_ACTIVE);
}

static void function_was_reset(struct iavf_model *m)
{
    forget(m);
    iavf_model_reset_end(m, VIRTCHNL_ACTIVE);
}

static uint32_t speed_bit(uint32_t mbps)
{
    return mbps == 100     ? VIRTCHNL_SPEED_100
           : mbps == 1000  ? VIRTCHNL_SPEED_1000
           : mbps == 10000 ? VIRTCHNL_SPEED_10000
           : mbps == 25000 ? VIRTCHNL_SPEED_25000
           : mbps == 40000 ? VIRTCHNL_SPEED_40000
                           : 0;
}

void iavf_model_say_link(struct iavf_model *m)
{
    bool mbps = m->pf.granted & VIRTCHNL_CAP_LINK_SPEED;
    const struct virtchnl_event e = { .code = VIRTCHNL_EVENT_LINK,
                                      .speed = !m->link ? 0
                                               : mbps   ? m->pf.speed_mbps
                                                        : speed_bit(m->pf.speed_mbps),
                                      .up = m->link };
    iavf_model_tell(m, VIRTCHNL_EVENT, 0, &e, sizeof e);
}

void iavf_model_set_link(struct iavf_model *m, bool up)
{
    m->link = up;
    if (m->pf.active && i40e_aq_device_is_open(&m->aq))
        iavf_model_say_link(m);
}

void iavf_model_impend(struct iavf_model *m)
{
    const struct virtchnl_event e = { .code = VIRTCHNL_EVENT_RESET_IMPENDING, .severity = 255 };
    iavf_model_tell(m, VIRTCHNL_EVENT, 0, &e, sizeof e);
}

/* Frames --------------------------------------------------------------------------- */

static bool joined(const struct iavf_played_pf *pf, const uint8_t *bytes, uint32_t length)
{
    unsigned vid = (bytes[14] << 8 | bytes[15]) & 0xfff;
    if (length < 18 || bytes[12] != 0x81 || bytes[13] || !vid || !pf->vlan_count)
        return true; /* pruning begins with the first VLAN that is joined */
    return pf->vlans[vid / 8] >> vid % 8 & 1;
}

static bool is_broadcast(const uint8_t *mac)
{
    return !memcmp(mac, "\xff\xff\xff\xff\xff\xff", MAC_LEN);
}

static bool wanted(const struct iavf_played_pf *pf, const uint8_t *bytes)
{
    if (!(bytes[0] & 1))
        return (pf->promiscuous & VIRTCHNL_PROMISC_UNICAST) || mac_equal(bytes, pf->mac) ||
               find_mac(pf, bytes) >= 0;
    return (pf->promiscuous & VIRTCHNL_PROMISC_MULTICAST) || is_broadcast(bytes) ||
           find_mac(pf, bytes) >= 0;
}

static uint32_t mrqc(uint64_t kinds)
{
    return (kinds & VIRTCHNL_HASH_TCP4 ? MRQC_TCP4 : 0) |
           (kinds & VIRTCHNL_HASH_UDP4 ? MRQC_UDP4 : 0) |
           (kinds & VIRTCHNL_HASH_TCP6 ? MRQC_TCP6 : 0) |
           (kinds & VIRTCHNL_HASH_UDP6 ? MRQC_UDP6 : 0) |
           (kinds & VIRTCHNL_HASH_IP4 ? MRQC_IP4 : 0) | (kinds & VIRTCHNL_HASH_IP6 ? MRQC_IP6 : 0);
}

/* For its queue; a tag that is stripped does not count. */
static bool is_too_long(const struct iavf_model *m, unsigned q, const uint8_t *bytes,
                        uint32_t length)
{
    const struct i40e_queue_context *c = &m->rx[q].context;
    bool tag = c->strip && length > 18 && bytes[12] == 0x81 && !bytes[13];
    return m->rx[q].on && length + FCS > c->max_frame + (tag ? VLAN_TAG : 0u);
}

bool iavf_model_inject(struct iavf_model *m, const uint8_t *bytes, uint32_t length)
{
    struct iavf_played_pf *pf = &m->pf;
    bool regs = pf->granted & VIRTCHNL_CAP_RSS_REG;
    const uint8_t *key = regs ? (const uint8_t *)m->key : pf->key;
    const uint8_t *lut = regs ? (const uint8_t *)m->lut : pf->lut;
    uint64_t kinds = regs ? (uint64_t)m->hena[1] << 32 | m->hena[0] : pf->kinds;
    unsigned kind, q;
    if (!m->link)
        return false;
    if (!wanted(pf, bytes) || !joined(pf, bytes, length))
        return true; /* it was on the wire, and not for this VF */
    uint32_t hash = intel_seen_hash(key, mrqc(kinds), bytes, length, &kind);
    q = kind ? lut[hash % LUT] % IAVF_MODEL_QUEUES : 0;
    if (m->patient && is_too_long(m, q, bytes, length)) { /* it will not get shorter */
        pf->stats.rx_discards++;
        return true;
    }
    if (!iavf_model_deliver(m, q, bytes, length, kind ? &hash : NULL)) {
        pf->stats.rx_discards += !m->patient;
        return false;
    }
    pf->stats.rx_octets += length + FCS;
    pf->stats.rx_unicast += !(bytes[0] & 1);
    pf->stats.rx_multicast += (bytes[0] & 1) && !is_broadcast(bytes);
    pf->stats.rx_broadcast += is_broadcast(bytes);
    return true;
}

static bool may_send(struct iavf_model *m)
{
    return m->link && m->pf.wire_used + (512u << 10) < IAVF_MODEL_WIRE;
}

static void frame_sent(struct iavf_model *m, unsigned q, const uint8_t *bytes, uint32_t length)
{
    struct iavf_played_pf *pf = &m->pf;
    if (pf->wire_used + 4 + length > IAVF_MODEL_WIRE)
        return;
    if (pf->spoofcheck && !mac_equal(bytes + MAC_LEN, pf->mac) &&
        find_mac(pf, bytes + MAC_LEN) < 0) {
        pf->stats.tx_errors++;
        return;
    }
    memcpy(pf->wire + pf->wire_used, &length, 4);
    memcpy(pf->wire + pf->wire_used + 4, bytes, length);
    pf->wire_used += 4 + length;
    pf->stats.tx_octets += length + FCS;
    pf->stats.tx_unicast += !(bytes[0] & 1);
    pf->stats.tx_multicast += (bytes[0] & 1) && !is_broadcast(bytes);
    pf->stats.tx_broadcast += is_broadcast(bytes);
}

static bool run_any(struct iavf_model *m)
{
    for (unsigned i = 0; i < IAVF_MODEL_QUEUES; i++) {
        unsigned q = (m->pf.next_queue + i) % IAVF_MODEL_QUEUES;
        if (iavf_model_run(m, q)) {
            m->pf.next_queue = q + 1;
            return true;
        }
    }
    return false;
}

uint32_t iavf_model_take(struct iavf_model *m, uint8_t *bytes, uint32_t size)
{
    struct iavf_played_pf *pf = &m->pf;
    uint32_t length;
    while (!pf->wire_used && may_send(m) && run_any(m))
        ;
    if (!pf->wire_used)
        return 0;
    memcpy(&length, pf->wire, 4);
    memcpy(bytes, pf->wire + 4, length < size ? length : size);
    pf->wire_used -= 4 + length;
    memmove(pf->wire, pf->wire + 4 + length, pf->wire_used);
    return length;
}

/* -------------------------------------------------------------------------------------------------
 */

const struct iavf_behind iavf_played_behind = {
    .message = message, .reset = function_was_reset, .sent = frame_sent, .may_send = may_send
};

void iavf_model_play(struct iavf_model *m, enum iavf_model_kind kind)
{
    bool ice = kind == IAVF_BEHIND_ICE;
    uint32_t caps = VIRTCHNL_CAP_L2 | VIRTCHNL_CAP_RSS_PF | VIRTCHNL_CAP_RSS_REG |
                    VIRTCHNL_CAP_WB_ON_ITR | VIRTCHNL_CAP_REQUEST_QUEUES | VIRTCHNL_CAP_VLAN |
                    VIRTCHNL_CAP_LINK_SPEED;
    if (ice)
        caps |= VIRTCHNL_CAP_VLAN_V2 | VIRTCHNL_CAP_FLEX_RX | VIRTCHNL_CAP_CRC | VIRTCHNL_CAP_USO;
    m->pf.minor = 1;
    m->pf.caps = caps;
    m->pf.vsi = 7;
    m->pf.queues = 4;
    m->pf.queues_max = 16;
    m->pf.vectors = ice ? 17 : 5;
    m->pf.macs_max = 18;
    m->pf.max_frame = 9728;
    m->pf.speed_mbps = ice ? 25000 : 40000;
    m->pf.refusal = PF_REFUSES;
    m->pf.serves = true;
    memcpy(m->pf.mac, (uint8_t[]){ 0x02, 0x82, 0x59, 0x90, 0, 1 }, MAC_LEN);
    m->link = true;
    forget(m);
}
