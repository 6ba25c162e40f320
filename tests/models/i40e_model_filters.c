/* i40e_model_filters.c - which VSIs of the i40e model want a frame, and which frames a VSI may
 * send.
 *
 * A VSI has pairs of address and VLAN, and modes in which it hears more.  What a VSI of a VEB sends
 * is looped back to others only with ALLOW_LB, and never to itself.  Linux i40e and DPDK agree on
 * the settings; that a VF's own tag is dropped where a port VLAN is inserted, and that an entry for
 * all VLANs satisfies the check of tags, is what fits both, and unverified. */
#include "tests/models/i40e_model_internal.h"

#include <string.h>

uint16_t i40e_type_of(const uint8_t *frame)
{
    return (uint16_t)(frame[12] << 8 | frame[13]);
}

bool i40e_is_tagged(const uint8_t *frame, uint32_t length)
{
    return length >= 18 && i40e_type_of(frame) == 0x8100;
}

static uint16_t vlan_of(const struct i40e_passing *f)
{
    return i40e_is_tagged(f->bytes, f->length)
               ? (uint16_t)((f->bytes[14] << 8 | f->bytes[15]) & 0xfff)
               : 0;
}

static bool has_filter(const struct i40e_model *m, const struct i40e_model_vsi *v,
                       const uint8_t *mac, uint16_t vlan)
{
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++) {
        const struct i40e_model_filter *f = &m->filter[i];
        if (f->used && f->vsi == v->number && (f->ignore_vlan || f->vlan == vlan) &&
            !memcmp(f->mac, mac, MAC_LEN))
            return true;
    }
    return false;
}

/* Promiscuous modes of the VSI as a whole hold for frames without a tag, and with PROMISC_VLAN, or
 * a VLAN of the VSI's own, for those with one; those of a VLAN hold there. */
static uint16_t modes_of(const struct i40e_model *m, const struct i40e_model_vsi *v,
                         const struct i40e_passing *f)
{
    uint16_t vlan = vlan_of(f), modes = 0;
    bool own = !i40e_is_tagged(f->bytes, f->length) || (v->promiscuous & PROMISC_VLAN);
    for (unsigned i = 0; i < I40E_MODEL_VLANS; i++) {
        const struct i40e_model_vlan *e = &m->vlan[i];
        if (!e->used || e->vsi != v->number || e->vlan != vlan)
            continue;
        own |= !e->promiscuous;
        modes |= e->promiscuous;
    }
    return own ? modes | v->promiscuous : modes;
}

static bool hears(const struct i40e_model *m, const struct i40e_model_vsi *v,
                  const struct i40e_passing *f)
{
    const uint8_t *mac = f->bytes;
    uint16_t modes = modes_of(m, v, f);
    if (i40e_is_broadcast(mac))
        return modes & PROMISC_BROADCAST;
    if (i40e_is_multicast(mac))
        return modes & PROMISC_MULTICAST;
    return (modes & PROMISC_UNICAST) && !(f->from && (modes & PROMISC_RX_ONLY));
}

/* From the wire all is heard; from inside what is looped back in the same VEB. */
static bool reaches(const struct i40e_model *m, const struct i40e_model_vsi *v,
                    const struct i40e_passing *f)
{
    if (!f->from)
        return true;
    return v != f->from && m->veb && v->uplink == m->veb && f->from->uplink == m->veb &&
           (i40e_le16(f->from->properties + VSI_SWITCH) & VSI_ALLOW_LOOPBACK);
}

bool i40e_model_filtered(const struct i40e_model *m, const struct i40e_model_vsi *v,
                         const struct i40e_passing *f)
{
    return reaches(m, v, f) && has_filter(m, v, f->bytes, vlan_of(f));
}

bool i40e_model_wants(const struct i40e_model *m, const struct i40e_model_vsi *v,
                      const struct i40e_passing *f)
{
    return reaches(m, v, f) && (has_filter(m, v, f->bytes, vlan_of(f)) || hears(m, v, f));
}

/* Sending ------------------------------------------------------------------------------- */

static bool has_vlan(const struct i40e_model *m, const struct i40e_model_vsi *v, uint16_t vlan)
{
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++)
        if (m->filter[i].used && m->filter[i].vsi == v->number &&
            (m->filter[i].ignore_vlan || m->filter[i].vlan == vlan))
            return true;
    return false;
}

static bool has_address(const struct i40e_model *m, const struct i40e_model_vsi *v,
                        const uint8_t *mac)
{
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++)
        if (m->filter[i].used && m->filter[i].vsi == v->number &&
            !memcmp(m->filter[i].mac, mac, MAC_LEN))
            return true;
    return false;
}

bool i40e_model_may_send(const struct i40e_model *m, const struct i40e_passing *f)
{
    const uint8_t *p = f->from->properties;
    bool tagged = i40e_is_tagged(f->bytes, f->length);
    if ((p[VSI_SECURITY] & VSI_CHECK_MAC) && !has_address(m, f->from, f->bytes + MAC_LEN))
        return false;
    if ((p[VSI_SECURITY] & VSI_CHECK_VLAN) && tagged && !has_vlan(m, f->from, vlan_of(f)))
        return false;
    return p[VSI_PORT_VLAN] & (tagged ? VSI_TAGGED : VSI_UNTAGGED);
}
