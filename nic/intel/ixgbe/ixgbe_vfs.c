/* ixgbe_vfs.c - what VFs of the 82599 and X540 ask their PF for, besides what all VFs do
 * (vf_server.c): versions of the protocol, queues, the hash table, what they receive.
 *
 * Messages: intel_mbx.h; what Linux's ixgbevf and DPDK's expect as an answer, and what Linux's
 * ixgbe grants, where nothing else is said. */
#include "nic/intel/ixgbe/ixgbe_sriov.h"

#include "nic/rss.h"

#include <string.h>

#define LONG_FRAMES_API "frames longer than 1518 bytes need version 1.1 of the protocol"
#define NOT_TRUSTED "only a trusted VF may hear all groups or be promiscuous"
#define TOO_OLD "it did not negotiate a version of the protocol that has this message"

static uint32_t info_of(const uint32_t *message)
{
    return FIELD_GET(MBX_INFO, message[0]);
}

/* Info 0: none any more; 1: the first of a new list. */
static const char *request_macvlan(struct vf_server *s, unsigned vf, const uint32_t *message,
                                   struct vf_answer *answer)
{
    uint8_t mac[MAC_LEN];
    if (info_of(message) <= 1)
        s->vf[vf].mac_count = 0;
    if (!info_of(message))
        return NULL;
    vf_message_mac(message, mac);
    return vf_server_add_mac(s, vf, mac);
}

/* 1.6 is of chips whose VFs cannot see the link, 1.7 of a PF that does IPsec or keeps a mailbox as
 * ESX does with it (Linux). */
static const char *request_api(struct vf_server *s, unsigned vf, const uint32_t *message,
                               struct vf_answer *answer)
{
    if (message[1] > MBX_API_1_5 || message[1] == MBX_API_2_0)
        return "versions of the protocol are 1.0 to 1.5";
    s->vf[vf].api = message[1];
    return NULL;
}

static const char *request_queues(struct vf_server *s, unsigned vf, const uint32_t *message,
                                  struct vf_answer *answer)
{
    const struct vf_state *v = &s->vf[vf];
    if (v->api < MBX_API_1_1)
        return TOO_OLD;
    answer->words[MBX_QUEUES_TX] = answer->words[MBX_QUEUES_RX] = s->limits.queues;
    answer->words[MBX_QUEUES_VLAN] = v->policy.vlan ? 1 : 0;
    answer->count = MBX_QUEUES_WORDS;
    return NULL;
}

/* Whoever knows key and table can aim at one queue of anybody here: that takes trust. */
static const char *may_see_hash(const struct vf_state *v)
{
    if (v->api < MBX_API_1_2)
        return TOO_OLD;
    return v->policy.trust ? NULL : "only a trusted VF may read the hash key and table";
}

/* 128 entries of two bits: entry i names queue i mod the queues of a pool. */
static const char *request_reta(struct vf_server *s, unsigned vf, const uint32_t *message,
                                struct vf_answer *answer)
{
    for (unsigned i = 1; i < MBX_RETA_WORDS; i++)
        answer->words[i] = s->limits.queues == 4 ? 0xe4e4e4e4u : 0x44444444u;
    answer->count = MBX_RETA_WORDS;
    return may_see_hash(&s->vf[vf]);
}

static const char *request_rss_key(struct vf_server *s, unsigned vf, const uint32_t *message,
                                   struct vf_answer *answer)
{
    memcpy(&answer->words[1], rss_key(), RSS_KEY_LENGTH);
    answer->count = MBX_RSS_KEY_WORDS;
    return may_see_hash(&s->vf[vf]);
}

/* Without trust some groups are the most there is, and the answer says so. */
static const char *request_xcast(struct vf_server *s, unsigned vf, const uint32_t *message,
                                 struct vf_answer *answer)
{
    struct vf_state *v = &s->vf[vf];
    uint32_t mode = message[1];
    if (v->api < (mode == MBX_XCAST_PROMISCUOUS ? MBX_API_1_3 : MBX_API_1_2))
        return TOO_OLD;
    if (mode > MBX_XCAST_PROMISCUOUS)
        return "unknown mode of receiving";
    if (mode > MBX_XCAST_MULTI && !v->policy.trust) {
        mode = MBX_XCAST_MULTI;
        answer->less = NOT_TRUSTED;
    }
    v->no_groups = mode == MBX_XCAST_NONE;
    v->all_multicast = mode >= MBX_XCAST_ALL_MULTI;
    v->promiscuous = mode == MBX_XCAST_PROMISCUOUS;
    answer->words[1] = mode;
    answer->count = 2;
    return NULL;
}

/* The 82599 has one limit of length for all pools, and a driver that speaks 1.0 has buffers for
 * short frames only. */
bool ixgbe_vf_may_receive(const struct ixgbe *e, const struct vf_state *v)
{
    bool longer = e->f.mtu > MTU_DEFAULT;
    return e->quirks & IXGBE_X540 || !longer || v->api >= MBX_API_1_1;
}

static const char *request_frame(struct vf_server *s, unsigned vf, const uint32_t *message,
                                 struct vf_answer *answer)
{
    const struct ixgbe *e = s->chip;
    const struct vf_state *v = &s->vf[vf];
    if (message[1] > VF_FRAME_UNTAGGED && v->api < MBX_API_1_1)
        return LONG_FRAMES_API;
    if (message[1] > FRAME_LIMIT(MTU_DEFAULT) + ETHERNET_FCS && !(e->quirks & IXGBE_X540) &&
        e->f.mtu <= MTU_DEFAULT)
        return "the 82599 passes long frames to VFs only when its PF takes them: raise its MTU";
    if (!ixgbe_vf_may_receive(e, v))
        return "the PF takes long frames, and a VF that speaks 1.0 cannot";
    return vf_request_frame(s, vf, message, answer);
}

/* One that is held down is not served. */
static const char *request_link_state(struct vf_server *s, unsigned vf, const uint32_t *message,
                                      struct vf_answer *answer)
{
    answer->words[1] = 1;
    answer->count = 2;
    return NULL;
}

static const char *request_ipsec(struct vf_server *s, unsigned vf, const uint32_t *message,
                                 struct vf_answer *answer)
{
    return "IPsec is not offloaded here";
}

vf_request_fn *const ixgbe_requests[IXGBE_REQUESTS] = {
    [MBX_VF_SET_MAC] = vf_request_mac,
    [MBX_VF_SET_MULTICAST] = vf_request_multicast,
    [MBX_VF_SET_VLAN] = vf_request_vlan,
    [MBX_VF_SET_LPE] = request_frame,
    [MBX_VF_SET_MACVLAN] = request_macvlan,
    [MBX_VF_API_NEGOTIATE] = request_api,
    [MBX_VF_GET_QUEUES] = request_queues,
    [MBX_VF_GET_RETA] = request_reta,
    [MBX_VF_GET_RSS_KEY] = request_rss_key,
    [MBX_VF_UPDATE_XCAST] = request_xcast,
    [MBX_VF_IPSEC_ADD] = request_ipsec,
    [MBX_VF_IPSEC_DELETE] = request_ipsec,
    [MBX_VF_GET_LINK_STATE] = request_link_state,
};
