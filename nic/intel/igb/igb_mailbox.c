/* igb_mailbox.c - the PF's end of the mailboxes: what VFs ask for, and what they are told.
 *
 * Documents: 82576 DS 7.8.2.9 and 8.14 (the buffers), 4.6.11 (resets); the messages are those of
 * intel_mbx.h.  Compared with Linux's and DPDK's drivers of either side.
 *
 * Every message is hostile: it is copied once, its type, length and values are judged, and it
 * is answered with ACK or, the reason noted (`show vfs`), with NACK.  Nothing is waited for:
 * a poll serves at most one message a VF, a VF has so many a second and no more, and a
 * buffer that a VF does not give back is taken away.
 *
 * Clear to send: a VF begins with RESET; before it everything else is refused, and so it is
 * after a reset of the PF, or a policy that the VF has to learn.  Then a message without CTS
 * tells the VF's driver to start anew. */
#include "nic/intel/igb/igb_pf.h"

#include "kernel/log.h"
#include "kernel/time.h"

#include <inttypes.h>
#include <string.h>

/* A driver that comes up sends some ten messages, and one for each of its VLANs. */
#define MESSAGES_PER_S 200u
#define MESSAGES_BURST 64u
#define STUCK_US (10 * US_PER_MS)   /* a VF copies 64 bytes in some us */
#define UNREAD_US (100 * US_PER_MS) /* our message is overwritten after that, read or not */
#define HELD_DOWN "the administrator holds its link down"
#define LOG_US (2 * US_PER_S) /* between two log lines about one VF */

static struct igb_vf *vf_of(struct igb *e, unsigned vf)
{
    return &e->pf->vf[vf];
}

static uint32_t request_bit(unsigned vf)
{
    return FIELD_PUT(IGB_MBVFICR_VFREQ, 1u << vf);
}

bool igb_vf_may_log(struct igb_vf *v, uint64_t now_us)
{
    if (now_us < v->log_us) {
        v->unlogged++;
        return false;
    }
    v->log_us = now_us + LOG_US;
    return true;
}

/* The buffer --------------------------------------------------------------------------- */

static bool take_buffer(struct igb *e, unsigned vf)
{
    igb_write(e, MBX_P2V(vf), MBX_P2V_PFU);
    return igb_read(e, MBX_P2V(vf)) & MBX_P2V_PFU;
}

/* The VF keeps it for too long.  What it may have written is half a message at best. */
static void seize_buffer(struct igb *e, unsigned vf, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    igb_write(e, MBX_P2V(vf), MBX_P2V_RVFU);
    igb_write(e, IGB_MBVFICR, request_bit(vf));
    v->held_us = now_us;
    if (!v->stuck && igb_vf_may_log(v, now_us))
        log_warning("%s VF %u: holds the mailbox and says nothing, it is taken back", e->name, vf);
    v->stuck = true;
}

/* The PF owns the buffer afterwards; false: try again, it is not for ever. */
static bool own_buffer(struct igb *e, unsigned vf, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    if (take_buffer(e, vf)) {
        v->held_us = 0;
        return true;
    }
    if (!v->held_us)
        v->held_us = now_us;
    else if (now_us - v->held_us >= STUCK_US)
        seize_buffer(e, vf, now_us);
    return false;
}

/* Gives the buffer to the VF with a message in it. */
static void tell(struct igb *e, unsigned vf, const uint32_t *words, unsigned n, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    for (unsigned i = 0; i < n; i++)
        igb_write(e, MBX_PF_MEMORY(vf, i), words[i]);
    /* while the buffer was ours no message can have come: such a request is void */
    igb_write(e, IGB_MBVFICR, request_bit(vf));
    igb_write(e, MBX_P2V(vf), MBX_P2V_STS);
    v->unread = true;
    v->unread_us = now_us;
}

/* Messages ------------------------------------------------------------------------------ */

/* Each answers NULL, or why not: static text for `show vfs`. */
typedef const char *request_fn(struct igb *e, unsigned vf, const uint32_t *message);

static uint32_t info_of(const uint32_t *message)
{
    return FIELD_GET(MBX_INFO, message[0]);
}

/* Words 1 and 2, first octet lowest. */
static void mac_of(const uint32_t *message, uint8_t mac[MAC_LEN])
{
    memcpy(mac, &message[1], 4);
    memcpy(mac + 4, &message[2], 2);
}

static const char *add_filter(struct igb *e, unsigned vf, const uint8_t mac[MAC_LEN])
{
    struct igb_vf *v = vf_of(e, vf);
    const char *trouble = igb_vf_mac_trouble(e, vf, mac);
    if (trouble)
        return trouble;
    for (unsigned k = 0; k < v->mac_count; k++)
        if (!memcmp(v->macs[k], mac, MAC_LEN))
            return NULL;
    if (!memcmp(v->mac, mac, MAC_LEN))
        return NULL;
    if (v->mac_count == IGB_VF_MACS)
        return "a VF has at most 3 further addresses";
    if (!igb_vf_filters_free(e))
        return "all address filters are taken";
    memcpy(v->macs[v->mac_count++], mac, MAC_LEN);
    return NULL;
}

static const char *set_mac(struct igb *e, unsigned vf, const uint32_t *message)
{
    struct igb_vf *v = vf_of(e, vf);
    bool fixed = v->policy.mac_set && !v->policy.trust;
    uint8_t mac[MAC_LEN];
    mac_of(message, mac);
    if (info_of(message) == MBX_MAC_FILTER_CLEAR) {
        v->mac_count = 0;
        return NULL;
    }
    if (info_of(message) && info_of(message) != MBX_MAC_FILTER_ADD)
        return "unknown kind of address";
    if (fixed && (info_of(message) || memcmp(mac, v->mac, MAC_LEN)))
        return "the administrator set its address, and it is not trusted";
    if (info_of(message) == MBX_MAC_FILTER_ADD)
        return add_filter(e, vf, mac);
    const char *trouble = igb_vf_mac_trouble(e, vf, mac);
    if (!trouble)
        memcpy(v->mac, mac, MAC_LEN);
    return trouble;
}

static const char *set_multicast(struct igb *e, unsigned vf, const uint32_t *message)
{
    struct igb_vf *v = vf_of(e, vf);
    uint32_t n = info_of(message) & ~MBX_MULTICAST_OVERFLOW;
    v->overflow = n > MBX_MULTICAST_MAX || (info_of(message) & MBX_MULTICAST_OVERFLOW);
    v->hash_count = (uint8_t)(n < MBX_MULTICAST_MAX ? n : MBX_MULTICAST_MAX);
    for (unsigned i = 0; i < v->hash_count; i++)
        v->hashes[i] = (uint16_t)(message[1 + i / 2] >> (i & 1 ? 16 : 0)) & 0xfff;
    return NULL;
}

static void remove_vlan(struct igb_vf *v, uint32_t vlan)
{
    unsigned kept = 0;
    for (unsigned k = 0; k < v->vlan_count; k++)
        if (v->vlans[k] != vlan)
            v->vlans[kept++] = v->vlans[k];
    v->vlan_count = (uint8_t)kept;
}

/* VLAN 0, priority tags, is everybody's and stays. */
static const char *set_vlan(struct igb *e, unsigned vf, const uint32_t *message)
{
    struct igb_vf *v = vf_of(e, vf);
    uint32_t vlan = message[1];
    if (v->policy.vlan)
        return "the administrator set its VLAN";
    if (vlan > VLAN_MAX || info_of(message) > 1)
        return "that is no VLAN";
    if (!vlan)
        return NULL;
    remove_vlan(v, vlan);
    if (!info_of(message))
        return NULL;
    if (v->vlan_count == IGB_VLVF_REGS || !igb_vf_vlan_fits(e, (uint16_t)vlan))
        return "all VLAN filters are taken";
    v->vlans[v->vlan_count++] = (uint16_t)vlan;
    return NULL;
}

static const char *set_frame(struct igb *e, unsigned vf, const uint32_t *message)
{
    if (message[1] < IGB_VF_FRAME_MIN || message[1] > IGB_FRAME_MAX)
        return "frames are 64 to 9728 bytes";
    vf_of(e, vf)->frame = (uint16_t)message[1];
    return NULL;
}

static const char *set_promiscuous(struct igb *e, unsigned vf, const uint32_t *message)
{
    struct igb_vf *v = vf_of(e, vf);
    uint32_t which = info_of(message);
    if (which & ~(MBX_PROMISC_UNICAST | MBX_PROMISC_MULTICAST))
        return "unknown kind of promiscuity";
    if (which && !v->policy.trust)
        return "only a trusted VF may be promiscuous";
    v->promiscuous = which & MBX_PROMISC_UNICAST;
    v->all_multicast = which & MBX_PROMISC_MULTICAST;
    return NULL;
}

static request_fn *const requests[] = {
    [MBX_VF_SET_MAC] = set_mac,
    [MBX_VF_SET_MULTICAST] = set_multicast,
    [MBX_VF_SET_VLAN] = set_vlan,
    [MBX_VF_SET_LPE] = set_frame,
    [MBX_VF_SET_PROMISC] = set_promiscuous,
};

/* Answers ------------------------------------------------------------------------------- */

static void refuse(struct igb *e, unsigned vf, const char *why, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    bool again = v->last_refusal == why; /* asked for ever, said once */
    v->refused++;
    v->unlogged += again;
    v->last_refusal = why;
    if (again || !igb_vf_may_log(v, now_us))
        return;
    if (v->unlogged)
        log_warning("%s VF %u: refused: %s (%u lines not shown)", e->name, vf, why, v->unlogged);
    else
        log_warning("%s VF %u: refused: %s", e->name, vf, why);
    v->unlogged = 0;
}

/* A reset forgets all that was granted.  The answer has no CTS: drivers compare it as a whole. */
static void answer_reset(struct igb *e, unsigned vf, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    uint32_t answer[3] = { MBX_VF_RESET | MBX_NACK };
    igb_vf_forget(e, vf);
    v->cts = igb_vf_may_speak(v);
    v->resets++;
    if (v->cts) {
        answer[0] = MBX_VF_RESET | MBX_ACK;
        memcpy(&answer[1], v->mac, 4);
        memcpy(&answer[2], v->mac + 4, 2);
    } else {
        refuse(e, vf, HELD_DOWN, now_us);
    }
    igb_pf_program(e);
    tell(e, vf, answer, v->cts ? 3 : 1, now_us);
}

/* The type comes back, and of an address filter the info too: Linux's igbvf compares both. */
static void answer_request(struct igb *e, unsigned vf, const uint32_t *message, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    uint32_t type = message[0] & MBX_TYPE;
    uint32_t answer = type == MBX_VF_SET_MAC ? message[0] & (MBX_TYPE | MBX_INFO) : type;
    request_fn *request = type < ARRAY_SIZE(requests) ? requests[type] : NULL;
    const char *why = !v->cts    ? (igb_vf_may_speak(v) ? "it has to reset first" : HELD_DOWN)
                      : !request ? "unknown message"
                                 : request(e, vf, message);
    v->invalid += v->cts && !request;
    if (why)
        refuse(e, vf, why, now_us);
    else
        igb_pf_program(e);
    answer |= (v->cts ? MBX_CTS : 0) | (why ? MBX_NACK : MBX_ACK);
    tell(e, vf, &answer, 1, now_us);
}

/* Serving ------------------------------------------------------------------------------- */

/* An answer of ours that comes back, or a request without a message, is nothing to answer. */
static void serve_message(struct igb *e, unsigned vf, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    uint32_t message[MBX_WORDS];
    igb_write(e, IGB_MBVFICR, request_bit(vf));
    for (unsigned i = 0; i < MBX_WORDS; i++)
        message[i] = igb_read(e, MBX_PF_MEMORY(vf, i));
    igb_write(e, MBX_P2V(vf), MBX_P2V_ACK | MBX_P2V_PFU);
    limit_take(&v->tokens, now_us, MESSAGES_PER_S);
    v->messages++;
    v->stuck = v->waiting = v->unread = false;
    if (message[0] & (MBX_ACK | MBX_NACK)) {
        v->invalid++;
        igb_write(e, MBX_P2V(vf), 0);
    } else if (message[0] == MBX_VF_RESET) {
        answer_reset(e, vf, now_us);
    } else {
        answer_request(e, vf, message, now_us);
    }
}

/* Without a token the message lies where it is: its sender waits, nobody else. */
static void serve(struct igb *e, unsigned vf, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    if (v->muted) {
        igb_write(e, IGB_MBVFICR, request_bit(vf));
        v->invalid++;
        return;
    }
    if (!limit_allows(&v->tokens, now_us, MESSAGES_PER_S, MESSAGES_BURST)) {
        v->deferred += !v->waiting;
        v->waiting = true;
        return;
    }
    if (own_buffer(e, vf, now_us))
        serve_message(e, vf, now_us);
}

/* The buffer is ours, but a message came between the look at MBVFICR and that: it goes first.
 * Written over, it would never be answered, and Linux's VF then sends nothing more until it resets.
 */
static bool spoke_meanwhile(struct igb *e, unsigned vf)
{
    if (!(igb_read(e, IGB_MBVFICR) & request_bit(vf)))
        return false;
    igb_write(e, MBX_P2V(vf), 0);
    return true;
}

/* The VF has read.  Linux's VF driver resets when it is told so by a NACK, not by a missing CTS;
 * one that already says something gets its answer instead. */
static void acknowledged(struct igb *e, unsigned vf, bool asks, uint64_t now_us)
{
    static const uint32_t nack = MBX_NACK;
    struct igb_vf *v = vf_of(e, vf);
    bool wanted = v->nack && !v->cts && !asks;
    v->unread = v->nack = false;
    if (wanted && take_buffer(e, vf) && !spoke_meanwhile(e, vf))
        tell(e, vf, &nack, 1, now_us);
}

/* Not over a message that the VF may still have to read, nor over one of its own. */
static void ping(struct igb *e, unsigned vf, bool asks, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    uint32_t message = MBX_PF_CONTROL | (v->cts ? MBX_CTS : 0);
    if (asks || (v->unread && now_us - v->unread_us < UNREAD_US) || !own_buffer(e, vf, now_us) ||
        spoke_meanwhile(e, vf))
        return;
    v->ping = false;
    v->nack = !v->cts;
    tell(e, vf, &message, 1, now_us);
}

/* The function was reset, by FLR or by its driver: whoever has it now begins anew. */
static void vf_was_reset(struct igb *e, unsigned vf, uint64_t now_us)
{
    struct igb_vf *v = vf_of(e, vf);
    igb_vf_forget(e, vf);
    igb_vf_clear_queues(e, vf);
    v->stuck = v->unread = v->ping = v->nack = false;
    v->held_us = 0;
    if (v->muted && now_us - v->muted_us >= IGB_VF_MUTED_US) {
        v->muted = false;
        v->strikes = 0;
    }
}

static void take_resets(struct igb *e, uint64_t now_us)
{
    uint32_t resets = igb_read(e, IGB_VFLRE) & ((1u << e->pf->count) - 1);
    if (!resets)
        return;
    igb_write(e, IGB_VFLRE, resets);
    for (unsigned i = 0; i < e->pf->count; i++)
        if (resets & 1u << i)
            vf_was_reset(e, i, now_us);
    igb_pf_program(e);
}

bool igb_mbx_poll(struct igb *e, uint64_t now_us)
{
    uint32_t causes = igb_read(e, IGB_MBVFICR);
    if (causes == UINT32_MAX)
        return false;
    take_resets(e, now_us);
    if (causes & IGB_MBVFICR_VFACK)
        igb_write(e, IGB_MBVFICR, causes & IGB_MBVFICR_VFACK);
    for (unsigned i = 0; i < e->pf->count; i++) {
        bool asks = causes & request_bit(i);
        if (FIELD_GET(IGB_MBVFICR_VFACK, causes) & 1u << i)
            acknowledged(e, i, asks, now_us);
        if (asks)
            serve(e, i, now_us);
        if (vf_of(e, i)->ping)
            ping(e, i, asks, now_us);
    }
    return true;
}

/* Beginning and end ---------------------------------------------------------------------- */

void igb_mbx_revoke(struct igb *e, unsigned vf)
{
    igb_vf_forget(e, vf);
    vf_of(e, vf)->ping = true;
}

void igb_mbx_open(struct igb *e)
{
    igb_write(e, IGB_MBVFICR, IGB_MBVFICR_VFREQ | IGB_MBVFICR_VFACK);
    igb_write(e, IGB_VFLRE, (1u << IGB_POOLS) - 1);
    for (unsigned i = 0; i < e->pf->count; i++) {
        struct igb_vf *v = vf_of(e, i);
        v->stuck = v->unread = v->ping = v->nack = v->waiting = v->blocked = false;
        v->held_us = 0;
    }
}

void igb_mbx_close(struct igb *e)
{
    static const uint32_t message = MBX_PF_CONTROL;
    for (unsigned i = 0; i < e->pf->count; i++)
        if (take_buffer(e, i))
            tell(e, i, &message, 1, 0);
}
