/* i40e_vsis.c - the switch between an X710's PF and its VFs: a VEB, a VSI for each VF, what goes in
 * and out there, its spreading and its counters (i40e_sriov.h).
 *
 * Linux's i40e and DPDK's agree on commands, and on which filters make which VLANs: an address with
 * any VLAN while none was joined, else with each of them and without a tag. */
#include "nic/intel/i40e/i40e_sriov.h"

#include <errno.h>
#include <string.h>

#define FILTERS_AT_ONCE 64u
#define SPOOF_CHECK (I40E_VSI_CHECK_MAC | I40E_VSI_CHECK_VLAN)

static struct i40e_vf *vf_of(const struct i40e *e, unsigned vf)
{
    return &e->sriov->vf[vf];
}

static const struct vf_state *state_of(const struct i40e *e, unsigned vf)
{
    return &e->sriov->server.base.vf[vf];
}

static const struct virtchnl_vf *granted_to(const struct i40e *e, unsigned vf)
{
    return &e->sriov->server.vf[vf];
}

/* VEB ----------------------------------------------------------------------------- */

int i40e_veb_create(struct i40e *e)
{
    struct i40e_aq_desc d = { .opcode = I40E_OP_ADD_VEB,
                              .param = { e->uplink | (uint32_t)e->seid << 16,
                                         I40E_VEB_DATA | I40E_VEB_NO_STATS | I40E_VEB_TC0 } };
    int err = i40e_allow_loopback(e);
    if (!err)
        err = i40e_command(e, &d, NULL, 0, false, 0);
    e->sriov->veb = (uint16_t)d.address_high;
    return err;
}

/* VSIs ------------------------------------------------------------------------------ */

/* The tag of a VLAN that the administrator set is put in and taken off behind the VF's back. */
static void set_properties(const struct i40e *e, unsigned vf, struct i40e_vsi *vsi)
{
    const struct vf_policy *p = &state_of(e, vf)->policy;
    bool strips = granted_to(e, vf)->strip;
    vsi->sections |= I40E_VSI_SECURITY | I40E_VSI_VLAN;
    /* who is held down has no address: nothing that it sends is its own */
    vsi->security = p->spoofcheck || p->link == VF_LINK_DOWN ? SPOOF_CHECK : 0;
    vsi->pvid = p->vlan;
    vsi->port_vlan = p->vlan ? I40E_VSI_VLAN_TAGGED | I40E_VSI_VLAN_INSERT | I40E_VSI_VLAN_HIDE
                             : I40E_VSI_VLAN_ALL | (strips ? 0 : I40E_VSI_VLAN_KEEP);
}

static int set_rate(struct i40e *e, unsigned vf)
{
    struct i40e_vf *v = vf_of(e, vf);
    uint16_t credit = (uint16_t)(state_of(e, vf)->policy.rate_mbps / I40E_BW_UNIT_MBPS);
    struct i40e_aq_desc d = { .opcode = I40E_OP_BW_LIMIT, .param = { v->seid, credit } };
    if (credit == v->credit)
        return 0;
    int err = i40e_command(e, &d, NULL, 0, false, 0);
    v->credit = err ? v->credit : credit;
    return err;
}

int i40e_vf_properties(void *chip, unsigned vf)
{
    struct i40e *e = chip;
    struct i40e_vsi vsi = { 0 };
    struct i40e_aq_desc d = { .opcode = I40E_OP_UPDATE_VSI, .param = { vf_of(e, vf)->seid } };
    set_properties(e, vf, &vsi);
    int err = i40e_command(e, &d, &vsi, sizeof vsi, true, 0);
    return err ? err : set_rate(e, vf);
}

/* Linux: a VF's queues must be mapped one by one, even when they lie in a row. */
static int map_vsi(struct i40e *e, const struct i40e_vf *v)
{
    int err = i40e_rx_ctl_write(e, I40E_VSILAN_QBASE(v->number), I40E_QBASE_TABLE);
    for (unsigned i = 0; i < I40E_VSILAN_QTABLE_REGS && !err; i++) {
        uint32_t low = 2 * i < v->queues ? v->queue[2 * i] : I40E_QTABLE_NONE;
        uint32_t high = 2 * i + 1 < v->queues ? v->queue[2 * i + 1] : I40E_QTABLE_NONE;
        err = i40e_rx_ctl_write(e, I40E_VSILAN_QTABLE(i, v->number), low | high << 16);
    }
    return err;
}

int i40e_vf_vsi_create(struct i40e *e, unsigned vf)
{
    struct i40e_vf *v = vf_of(e, vf);
    struct i40e_vsi vsi = { .sections = I40E_VSI_SWITCH | I40E_VSI_QUEUES,
                            .switch_id = I40E_VSI_LOOPBACK,
                            .mapping = I40E_VSI_SCATTERED };
    struct i40e_aq_desc d = { .opcode = I40E_OP_ADD_VSI,
                              .param = { e->sriov->veb | I40E_VSI_NORMAL,
                                         i40e_vf_number(e, vf) | I40E_VSI_OF_VF << 16 } };
    for (unsigned i = 0; i < v->queues; i++)
        vsi.queue[i] = v->queue[i];
    vsi.class[0] = (uint16_t)FIELD_PUT(I40E_VSI_CLASS_POWER, i40e_power_of(v->queues));
    set_properties(e, vf, &vsi);
    int err = i40e_command(e, &d, &vsi, sizeof vsi, true, 0);
    if (err)
        return err;
    v->seid = (uint16_t)d.param[0];
    v->number = (uint16_t)(d.param[0] >> 16);
    v->queue_set = vsi.queue_set[0];
    v->counter = vsi.counter;
    v->credit = 0;
    v->filters = (struct i40e_vf_filters){ 0 };
    i40e_vf_collect(e, vf, true);
    err = set_rate(e, vf);
    if (!err)
        err = map_vsi(e, v);
    if (!err)
        err = i40e_vf_spread(e, vf);
    return err ? err : i40e_vf_filters(e, vf);
}

/* Its filters go with it. */
void i40e_vf_vsi_destroy(struct i40e *e, unsigned vf)
{
    struct i40e_vf *v = vf_of(e, vf);
    struct i40e_aq_desc d = { .opcode = I40E_OP_DELETE_ELEMENT, .param = { v->seid } };
    if (!v->seid)
        return;
    i40e_vf_collect(e, vf, false);
    i40e_command(e, &d, NULL, 0, false, 0);
    v->seid = 0;
}

/* Filters ------------------------------------------------------------------------------ */

static void wanted_vlans(const struct i40e *e, unsigned vf, struct i40e_vf_filters *f)
{
    const struct vf_state *v = state_of(e, vf);
    f->vlan[f->vlans++] = v->policy.vlan ? v->policy.vlan : v->vlan_count ? 0 : I40E_VLAN_ANY;
    for (unsigned i = 0; i < v->vlan_count && !v->policy.vlan; i++)
        f->vlan[f->vlans++] = v->vlans[i];
}

static void wanted(const struct i40e *e, unsigned vf, struct i40e_vf_filters *f)
{
    const struct vf_state *v = state_of(e, vf);
    const struct virtchnl_vf *c = granted_to(e, vf);
    *f = (struct i40e_vf_filters){ .modes = I40E_PROMISC_BROADCAST };
    if (!vf_may_speak(v))
        return;
    memcpy(f->mac[f->macs++], v->mac, MAC_LEN);
    for (unsigned i = 0; i < v->mac_count; i++)
        memcpy(f->mac[f->macs++], v->macs[i], MAC_LEN);
    for (unsigned i = 0; i < c->group_count; i++)
        memcpy(f->mac[f->macs++], c->groups[i], MAC_LEN);
    wanted_vlans(e, vf, f);
    f->modes |= v->promiscuous ? I40E_PROMISC_UNICAST | I40E_PROMISC_RX_ONLY : 0;
    f->modes |= v->all_multicast ? I40E_PROMISC_MULTICAST : 0;
}

static bool has_mac(const struct i40e_vf_filters *f, const uint8_t mac[MAC_LEN])
{
    for (unsigned i = 0; i < f->macs; i++)
        if (mac_equal(f->mac[i], mac))
            return true;
    return false;
}

static bool has_vlan(const struct i40e_vf_filters *f, uint16_t vlan)
{
    for (unsigned i = 0; i < f->vlans; i++)
        if (f->vlan[i] == vlan)
            return true;
    return false;
}

struct batch {
    struct i40e *e;
    uint16_t seid, n;
    bool add;
    int err;
    struct i40e_macvlan list[FILTERS_AT_ONCE];
};

static void flush(struct batch *b)
{
    struct i40e_aq_desc d = { .opcode = b->add ? I40E_OP_ADD_MACVLAN : I40E_OP_REMOVE_MACVLAN,
                              .param = { b->n | (I40E_MACVLAN_SEID_VALID | (uint32_t)b->seid)
                                                    << 16 } };
    uint32_t expected = 1u << (b->add ? I40E_RC_ENOSPC : I40E_RC_ENOENT);
    if (!b->n)
        return;
    int err = i40e_command(b->e, &d, b->list, (uint16_t)(b->n * sizeof *b->list), true, expected);
    if (err && b->add && d.result == I40E_RC_ENOSPC)
        err = -ENOSPC;
    if (err && !b->add && d.result == I40E_RC_ENOENT)
        err = 0;
    b->err = b->err ? b->err : err;
    b->n = 0;
}

static void change(struct batch *b, const uint8_t mac[MAC_LEN], uint16_t vlan)
{
    uint16_t any = b->add ? I40E_ADD_MACVLAN_ANY : I40E_REMOVE_MACVLAN_ANY;
    bool is_any = vlan == I40E_VLAN_ANY;
    struct i40e_macvlan *f = &b->list[b->n++];
    *f = (struct i40e_macvlan){ .vlan = is_any ? 0 : vlan,
                                .flags = I40E_MACVLAN_PERFECT | (is_any ? any : 0) };
    memcpy(f->mac, mac, MAC_LEN);
    if (b->n == FILTERS_AT_ONCE)
        flush(b);
}

/* Pairs that are in one and not in the other. */
static int change_pairs(struct i40e *e, uint16_t seid, bool add, const struct i40e_vf_filters *in,
                        const struct i40e_vf_filters *out)
{
    struct batch b = { .e = e, .seid = seid, .add = add };
    for (unsigned i = 0; i < in->macs; i++)
        for (unsigned k = 0; k < in->vlans; k++)
            if (!has_mac(out, in->mac[i]) || !has_vlan(out, in->vlan[k]))
                change(&b, in->mac[i], in->vlan[k]);
    flush(&b);
    return b.err;
}

static int set_modes(struct i40e *e, uint16_t seid, uint16_t vlan, uint32_t modes)
{
    const uint32_t valid = I40E_PROMISC_UNICAST | I40E_PROMISC_MULTICAST | I40E_PROMISC_BROADCAST |
                           I40E_PROMISC_RX_ONLY;
    struct i40e_aq_desc d = { .opcode = I40E_OP_PROMISCUOUS,
                              .param = { modes | valid << 16, seid } };
    if (vlan != I40E_VLAN_ANY)
        d.param[1] |= I40E_PROMISC_VLAN_VALID | (uint32_t)vlan << 16;
    return i40e_command(e, &d, NULL, 0, false, 0);
}

/* What is new first: an address or a VLAN that stays is heard all the time. */
int i40e_vf_filters(void *chip, unsigned vf)
{
    struct i40e *e = chip;
    struct i40e_vf *v = vf_of(e, vf);
    struct i40e_vf_filters new, *old = &v->filters;
    wanted(e, vf, &new);
    int err = change_pairs(e, v->seid, true, &new, old);
    for (unsigned i = 0; i < new.vlans && !err; i++)
        if (!has_vlan(old, new.vlan[i]) || old->modes != new.modes)
            err = set_modes(e, v->seid, new.vlan[i], new.modes);
    for (unsigned i = 0; i < old->vlans && !err; i++)
        if (!has_vlan(&new, old->vlan[i]))
            err = set_modes(e, v->seid, old->vlan[i], 0);
    if (!err)
        err = change_pairs(e, v->seid, false, old, &new);
    if (!err) {
        *old = new;
        return 0;
    }
    change_pairs(e, v->seid, false, &new, old); /* what came in of it goes */
    old->modes = UINT16_MAX;                    /* unknown */
    return err;
}

/* Spreading -------------------------------------------------------------------------------- */

int i40e_vf_spread(void *chip, unsigned vf)
{
    struct i40e *e = chip;
    const struct virtchnl_vf *c = granted_to(e, vf);
    uint64_t kinds = c->kinds | (e->x722 && c->kinds ? I40E_HENA_X722 : 0);
    const struct i40e_table key = { I40E_VFQF_HKEY1(vf), I40E_VFQF_STRIDE, I40E_OP_RSS_KEY,
                                    vf_of(e, vf)->number };
    const struct i40e_table table = { I40E_VFQF_HLUT1(vf), I40E_VFQF_STRIDE, I40E_OP_RSS_LUT,
                                      vf_of(e, vf)->number };
    int err = i40e_write_table(e, c->key, sizeof c->key, &key);
    if (!err)
        err = i40e_write_table(e, c->lut, sizeof c->lut, &table);
    if (!err)
        err = i40e_rx_ctl_write(e, I40E_VFQF_HENA1(0, vf), (uint32_t)kinds);
    return err ? err : i40e_rx_ctl_write(e, I40E_VFQF_HENA1(1, vf), (uint32_t)(kinds >> 32));
}

/* Counters --------------------------------------------------------------------------------- */

enum {
    RX_OCTETS,
    RX_UNI,
    RX_MULTI,
    RX_BROAD,
    RX_DISCARDS,
    RX_UNKNOWN,
    TX_OCTETS,
    TX_UNI,
    TX_MULTI,
    TX_BROAD,
    TX_ERRORS
};

static const struct {
    uint32_t at;
    bool wide;
} counters[] = {
    [RX_OCTETS] = { 0x358000, true },    [RX_UNI] = { 0x36c000, true },
    [RX_MULTI] = { 0x36cc00, true },     [RX_BROAD] = { 0x36d800, true },
    [RX_DISCARDS] = { 0x310000, false }, [RX_UNKNOWN] = { 0x36e400, false },
    [TX_OCTETS] = { 0x328000, true },    [TX_UNI] = { 0x33c000, true },
    [TX_MULTI] = { 0x33cc00, true },     [TX_BROAD] = { 0x33d800, true },
    [TX_ERRORS] = { 0x344000, false },
};

_Static_assert(ARRAY_SIZE(counters) <= I40E_VF_COUNTERS, "struct i40e_vf holds them");

void i40e_vf_collect(struct i40e *e, unsigned vf, bool base)
{
    struct i40e_vf *v = vf_of(e, vf);
    for (unsigned i = 0; i < ARRAY_SIZE(counters); i++) {
        uint32_t reg = counters[i].at + 8 * v->counter;
        uint64_t now = i40e_read(e, reg), mask = UINT32_MAX;
        if (counters[i].wide) {
            now |= (uint64_t)(i40e_read(e, reg + 4) & 0xffff) << 32;
            mask = 0xffffffffffffull;
        }
        if (base)
            v->base[i] = v->total[i];
        else
            v->total[i] += (now - v->last[i]) & mask;
        v->last[i] = now;
    }
}

/* Since its last reset. */
void i40e_vf_stats(void *chip, unsigned vf, struct virtchnl_stats *stats)
{
    struct i40e *e = chip;
    struct i40e_vf *v = vf_of(e, vf);
    uint64_t since[I40E_VF_COUNTERS];
    i40e_vf_collect(e, vf, false);
    for (unsigned i = 0; i < ARRAY_SIZE(counters); i++)
        since[i] = v->total[i] - v->base[i];
    *stats = (struct virtchnl_stats){ .rx_octets = since[RX_OCTETS],
                                      .rx_unicast = since[RX_UNI],
                                      .rx_multicast = since[RX_MULTI],
                                      .rx_broadcast = since[RX_BROAD],
                                      .rx_discards = since[RX_DISCARDS],
                                      .rx_unknown = since[RX_UNKNOWN],
                                      .tx_octets = since[TX_OCTETS],
                                      .tx_unicast = since[TX_UNI],
                                      .tx_multicast = since[TX_MULTI],
                                      .tx_broadcast = since[TX_BROAD],
                                      .tx_errors = since[TX_ERRORS] };
}

void i40e_vf_counts(const struct i40e_vf *v, struct vf_info *info)
{
    const uint64_t *t = v->total;
    info->rx_multicast = t[RX_MULTI];
    info->rx_packets = t[RX_UNI] + t[RX_MULTI] + t[RX_BROAD];
    info->tx_packets = t[TX_UNI] + t[TX_MULTI] + t[TX_BROAD];
    info->rx_bytes = vf_bytes_of(t[RX_OCTETS], info->rx_packets);
    info->tx_bytes = vf_bytes_of(t[TX_OCTETS], info->tx_packets);
}
