/* vf_server.c - the PF's end of the mailboxes (vf_server.h): what VFs ask for, and what they are
 * told; what their administrator wants of them.
 *
 * Documents: unread: 82576 DS 7.8.2.9 and 8.14 (the buffers), 4.6.11 (resets); the messages are
 * those of intel_mbx.h.  Compared with Linux's and DPDK's drivers of either side.
 *
 * With version 1.5 of the protocol a VF keeps the buffer while it waits for the PF to read (Linux's
 * ixgbevf; in Linux's words the mailbox of ESX): its message is read and acknowledged where it
 * lies, and answered when it has let go of the buffer.
 *
 * Every message is hostile: it is copied once, its type, length and values are judged, and it
 * is answered with ACK or, the reason noted (`show vfs`), with NACK.  Nothing is waited for:
 * a poll serves at most one message a VF, a VF has so many a second and no more, and a
 * buffer that a VF does not give back is taken away.
 *
 * Clear to send: a VF begins with RESET; before it everything else is refused, and so it is
 * after a reset of the PF, or a policy that the VF has to learn.  Then a message without CTS
 * tells the VF's driver to start anew. */
#include "nic/intel/vf_server.h"

#include "kernel/log.h"
#include "kernel/mmio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A driver that comes up sends some ten messages, and one for each of its VLANs. */
#define MESSAGES_PER_S 200u
#define MESSAGES_BURST 64u
#define STUCK_US (10 * US_PER_MS)   /* a VF copies 64 bytes in some us */
#define INSIST_US (1 * US_PER_S)    /* between two words that it must reset */
#define UNREAD_US (100 * US_PER_MS) /* our message is overwritten after that, read or not */
#define KEPT_US (100 * US_PER_MS)   /* a VF that was acknowledged lets go, when its CPU runs */
#define FIXED_MAC "the administrator set its address, and it is not trusted"
#define HELD_DOWN "the administrator holds its link down"
#define STRIKES_MAX 4u        /* malicious-driver events until a VF is muted */
#define LOG_US (2 * US_PER_S) /* between two log lines about one VF */

static struct vf_state *vf_of(struct vf_server *s, unsigned vf)
{
    return &s->vf[vf];
}

static bool may_log(struct vf_state *v, uint64_t now_us)
{
    if (now_us < v->log_us) {
        v->unlogged++;
        return false;
    }
    v->log_us = now_us + LOG_US;
    return true;
}

/* What is granted ------------------------------------------------------------------------- */

static void forget(struct vf_server *s, unsigned vf)
{
    struct vf_state *v = vf_of(s, vf);
    v->cts = v->promiscuous = v->all_multicast = v->overflow = v->no_groups = false;
    v->mac_count = v->vlan_count = v->hash_count = 0;
    v->frame = s->limits.frame;
    v->api = MBX_API_1_0;
    v->answer_words = 0;
    memcpy(v->mac, v->policy.mac, MAC_LEN);
}

bool vf_may_speak(const struct vf_state *v)
{
    return v->policy.link != VF_LINK_DOWN && !v->muted;
}

bool vf_all_multicast(const struct vf_state *v)
{
    return v->all_multicast || v->overflow;
}

static bool vf_has_mac(const struct vf_state *v, const uint8_t mac[MAC_LEN])
{
    if (mac_equal(v->policy.mac, mac) || mac_equal(v->mac, mac))
        return true;
    for (unsigned k = 0; k < v->mac_count; k++)
        if (mac_equal(v->macs[k], mac))
            return true;
    return false;
}

bool vf_server_has_mac(const struct vf_server *s, const uint8_t mac[MAC_LEN])
{
    for (unsigned i = 0; i < s->count; i++)
        if (vf_has_mac(&s->vf[i], mac))
            return true;
    return false;
}

/* NULL, or why the VF cannot have that address. */
static const char *mac_trouble(const struct vf_server *s, unsigned vf, const uint8_t mac[MAC_LEN])
{
    if (!mac_is_station(mac))
        return "that is no station's address";
    if (mac_equal(mac, s->port->mac))
        return "that address is the PF's";
    for (unsigned i = 0; i < s->count; i++)
        if (i != vf && vf_has_mac(&s->vf[i], mac))
            return "another VF has that address";
    return NULL;
}

static unsigned filters_free(const struct vf_server *s)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < s->count; i++)
        taken += s->vf[i].mac_count;
    return s->limits.macs - taken;
}

bool vf_vlans_add(struct vf_vlans *vlans, uint16_t vlan, uint64_t pools)
{
    unsigned i = 0;
    while (i < vlans->count && vlans->vlan[i] != vlan)
        i++;
    if (i == vlans->room)
        return false;
    if (i == vlans->count) {
        vlans->vlan[vlans->count++] = vlan;
        vlans->pools[i] = 0;
    }
    vlans->pools[i] |= pools;
    return true;
}

void vf_server_vlans(const struct vf_server *s, struct vf_vlans *vlans)
{
    vlans->count = 0;
    vlans->room = s->limits.vlans;
    vf_vlans_add(vlans, 0, 0);
    for (unsigned i = 0; i < s->count; i++) {
        const struct vf_state *v = &s->vf[i];
        vf_vlans_add(vlans, v->policy.vlan, 1ull << i);
        for (unsigned k = 0; k < v->vlan_count; k++)
            vf_vlans_add(vlans, v->vlans[k], 1ull << i);
    }
}

/* False: all VLAN filters are taken, but for the one that is left for the PF's. */
static bool vlan_fits(const struct vf_server *s, uint16_t vlan)
{
    struct vf_vlans vlans;
    vf_server_vlans(s, &vlans);
    unsigned pf = s->pf_vlans ? s->pf_vlans : 1;
    return vf_vlans_add(&vlans, vlan, 0) && vlans.count + pf <= vlans.room;
}

/* The buffer --------------------------------------------------------------------------- */

static uint32_t mailbox_read(const struct vf_server *s, unsigned vf)
{
    return mmio_read32(s->mailboxes + MBX_P2V_STRIDE * vf);
}

static void mailbox_write(const struct vf_server *s, unsigned vf, uint32_t value)
{
    mmio_write32(s->mailboxes + MBX_P2V_STRIDE * vf, value);
}

static uint8_t *memory_of(const struct vf_server *s, unsigned vf, unsigned word)
{
    return s->memory + MBX_MEMORY_STRIDE * vf + 4 * word;
}

static bool take_buffer(struct vf_server *s, unsigned vf)
{
    mailbox_write(s, vf, MBX_P2V_PFU);
    return mailbox_read(s, vf) & MBX_P2V_PFU;
}

/* The VF keeps it for too long.  What it may have written is half a message at best. */
static void seize_buffer(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    mailbox_write(s, vf, MBX_P2V_RVFU);
    s->ops->clear_request(s->chip, vf);
    v->held_us = now_us;
    if (!v->stuck && may_log(v, now_us))
        log_warning("%s VF %u: holds the mailbox and says nothing, it is taken back", s->name, vf);
    v->stuck = true;
}

/* The PF owns the buffer afterwards; false: try again, it is not for ever. */
static bool own_buffer(struct vf_server *s, unsigned vf, uint64_t patience_us, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    if (take_buffer(s, vf)) {
        v->held_us = 0;
        return true;
    }
    if (!v->held_us)
        v->held_us = now_us;
    else if (now_us - v->held_us >= patience_us)
        seize_buffer(s, vf, now_us);
    return false;
}

/* Gives the buffer to the VF with a message in it. */
static void tell(struct vf_server *s, unsigned vf, const uint32_t *words, unsigned n,
                 uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    for (unsigned i = 0; i < n; i++)
        mmio_write32(memory_of(s, vf, i), words[i]);
    /* while the buffer was ours no message can have come: such a request is void */
    s->ops->clear_request(s->chip, vf);
    mailbox_write(s, vf, MBX_P2V_STS);
    v->unread = true;
    v->unread_us = now_us;
}

/* The answer that waits, as soon as the VF has let go of the buffer. */
static void deliver(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    if (!own_buffer(s, vf, KEPT_US, now_us))
        return;
    tell(s, vf, v->answer, v->answer_words, now_us);
    v->answer_words = 0;
}

static void answer(struct vf_server *s, unsigned vf, const uint32_t *words, unsigned n,
                   uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    memcpy(v->answer, words, n * sizeof *words);
    v->answer_words = n;
    deliver(s, vf, now_us);
}

/* Messages ------------------------------------------------------------------------------ */

static uint32_t info_of(const uint32_t *message)
{
    return FIELD_GET(MBX_INFO, message[0]);
}

void vf_message_mac(const uint32_t *message, uint8_t mac[MAC_LEN])
{
    memcpy(mac, &message[1], 4);
    memcpy(mac + 4, &message[2], 2);
}

const char *vf_server_add_mac(struct vf_server *s, unsigned vf, const uint8_t mac[MAC_LEN])
{
    struct vf_state *v = vf_of(s, vf);
    const char *trouble = mac_trouble(s, vf, mac);
    if (v->policy.mac_set && !v->policy.trust)
        return FIXED_MAC;
    if (trouble)
        return trouble;
    for (unsigned k = 0; k < v->mac_count; k++)
        if (mac_equal(v->macs[k], mac))
            return NULL;
    if (mac_equal(v->mac, mac))
        return NULL;
    if (v->mac_count == VF_MACS)
        return "a VF has at most 3 further addresses";
    if (!filters_free(s))
        return "all address filters are taken";
    memcpy(v->macs[v->mac_count++], mac, MAC_LEN);
    return NULL;
}

const char *vf_request_mac(struct vf_server *s, unsigned vf, const uint32_t *message,
                           struct vf_answer *answer)
{
    struct vf_state *v = vf_of(s, vf);
    bool fixed = v->policy.mac_set && !v->policy.trust;
    uint8_t mac[MAC_LEN];
    vf_message_mac(message, mac);
    if (info_of(message) == MBX_MAC_FILTER_CLEAR) {
        v->mac_count = 0;
        return NULL;
    }
    if (info_of(message) && info_of(message) != MBX_MAC_FILTER_ADD)
        return "unknown kind of address";
    if (info_of(message) == MBX_MAC_FILTER_ADD)
        return vf_server_add_mac(s, vf, mac);
    if (fixed && !mac_equal(mac, v->mac))
        return FIXED_MAC;
    const char *trouble = mac_trouble(s, vf, mac);
    if (!trouble)
        memcpy(v->mac, mac, MAC_LEN);
    return trouble;
}

const char *vf_request_multicast(struct vf_server *s, unsigned vf, const uint32_t *message,
                                 struct vf_answer *answer)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t n = info_of(message) & ~MBX_MULTICAST_OVERFLOW;
    v->overflow = n > MBX_MULTICAST_MAX || (info_of(message) & MBX_MULTICAST_OVERFLOW);
    v->hash_count = (uint8_t)(n < MBX_MULTICAST_MAX ? n : MBX_MULTICAST_MAX);
    for (unsigned i = 0; i < v->hash_count; i++)
        v->hashes[i] = (uint16_t)(message[1 + i / 2] >> (i & 1 ? 16 : 0)) & 0xfff;
    return NULL;
}

static void remove_vlan(struct vf_state *v, uint32_t vlan)
{
    unsigned kept = 0;
    for (unsigned k = 0; k < v->vlan_count; k++)
        if (v->vlans[k] != vlan)
            v->vlans[kept++] = v->vlans[k];
    v->vlan_count = (uint8_t)kept;
}

/* VLAN 0, priority tags, is everybody's and stays. */
const char *vf_request_vlan(struct vf_server *s, unsigned vf, const uint32_t *message,
                            struct vf_answer *answer)
{
    struct vf_state *v = vf_of(s, vf);
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
    if (v->vlan_count == s->limits.vlans || !vlan_fits(s, (uint16_t)vlan))
        return "all VLAN filters are taken";
    v->vlans[v->vlan_count++] = (uint16_t)vlan;
    return NULL;
}

const char *vf_request_frame(struct vf_server *s, unsigned vf, const uint32_t *message,
                             struct vf_answer *answer)
{
    if (message[1] < VF_FRAME_MIN || message[1] > VF_FRAME_MAX)
        return "frames are 64 to 9728 bytes";
    vf_of(s, vf)->frame = (uint16_t)message[1];
    return NULL;
}

const char *vf_request_promiscuous(struct vf_server *s, unsigned vf, const uint32_t *message,
                                   struct vf_answer *answer)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t which = info_of(message);
    if (which & ~(MBX_PROMISC_UNICAST | MBX_PROMISC_MULTICAST))
        return "unknown kind of promiscuity";
    if (which && !v->policy.trust)
        return "only a trusted VF may be promiscuous";
    v->promiscuous = which & MBX_PROMISC_UNICAST;
    v->all_multicast = which & MBX_PROMISC_MULTICAST;
    return NULL;
}

/* Answers ------------------------------------------------------------------------------- */

static void refuse(struct vf_server *s, unsigned vf, const char *why, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    bool again = v->last_refusal == why; /* asked for ever, said once */
    v->refused++;
    v->unlogged += again;
    v->last_refusal = why;
    if (again || !may_log(v, now_us))
        return;
    if (v->unlogged)
        log_warning("%s VF %u: refused: %s (%u lines not shown)", s->name, vf, why, v->unlogged);
    else
        log_warning("%s VF %u: refused: %s", s->name, vf, why);
    v->unlogged = 0;
}

/* A reset forgets all that was granted.  The answer has no CTS: drivers compare it as a whole. */
static void answer_reset(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t words[MBX_RESET_WORDS] = { MBX_VF_RESET | MBX_NACK };
    forget(s, vf);
    v->cts = vf_may_speak(v);
    v->resets++;
    if (v->cts) {
        words[0] = MBX_VF_RESET | MBX_ACK;
        memcpy(&words[1], v->mac, 4);
        memcpy(&words[2], v->mac + 4, 2);
    } else {
        refuse(s, vf, HELD_DOWN, now_us);
    }
    s->ops->program(s->chip);
    answer(s, vf, words, v->cts ? s->ops->reset_words : 1, now_us);
}

/* NULL, or why not. */
static const char *do_request(struct vf_server *s, unsigned vf, const uint32_t *message,
                              struct vf_answer *answer)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t type = message[0] & MBX_TYPE;
    vf_request_fn *request = type < s->ops->request_types ? s->ops->requests[type] : NULL;
    if (!v->cts)
        return vf_may_speak(v) ? "it has to reset first" : HELD_DOWN;
    if (request)
        return request(s, vf, message, answer);
    v->invalid++;
    return "unknown message";
}

/* The type comes back, and of some messages the info too: Linux's VF drivers compare both. */
static void answer_request(struct vf_server *s, unsigned vf, const uint32_t *message,
                           uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t type = message[0] & MBX_TYPE;
    bool echoed = type < 32 && s->ops->echoed & 1u << type;
    struct vf_answer given = { .count = 1 };
    const char *why = do_request(s, vf, message, &given);
    if (why || given.less)
        refuse(s, vf, why ? why : given.less, now_us);
    if (!why)
        s->ops->program(s->chip);
    given.words[0] = (echoed ? message[0] & (MBX_TYPE | MBX_INFO) : type) | (v->cts ? MBX_CTS : 0) |
                     (why ? MBX_NACK : MBX_ACK);
    answer(s, vf, given.words, why ? 1 : given.count, now_us);
}

/* Serving ------------------------------------------------------------------------------- */

/* An answer of ours that comes back, or a request without a message, is nothing to answer.
 * `kept`: the VF has the buffer, and keeps it until it sees the acknowledgement. */
static void serve_message(struct vf_server *s, unsigned vf, bool kept, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t message[MBX_WORDS];
    s->ops->clear_request(s->chip, vf);
    for (unsigned i = 0; i < MBX_WORDS; i++)
        message[i] = mmio_read32(memory_of(s, vf, i));
    mailbox_write(s, vf, MBX_P2V_ACK | (kept ? 0 : MBX_P2V_PFU));
    limit_take(&v->tokens, now_us, MESSAGES_PER_S);
    v->messages++;
    v->stuck = v->waiting = v->unread = false;
    v->answer_words = 0;
    if (message[0] & (MBX_ACK | MBX_NACK)) {
        v->invalid++;
        mailbox_write(s, vf, 0);
    } else if (message[0] == MBX_VF_RESET) {
        answer_reset(s, vf, now_us);
    } else {
        answer_request(s, vf, message, now_us);
    }
}

/* Without a token the message lies where it is: its sender waits, nobody else. */
static void serve(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    if (v->muted) {
        s->ops->clear_request(s->chip, vf);
        v->invalid++;
        return;
    }
    if (!limit_allows(&v->tokens, now_us, MESSAGES_PER_S, MESSAGES_BURST)) {
        v->deferred += !v->waiting;
        v->waiting = true;
        return;
    }
    bool kept = v->api == MBX_API_1_5 && !take_buffer(s, vf);
    if (kept || own_buffer(s, vf, STUCK_US, now_us))
        serve_message(s, vf, kept, now_us);
}

/* The buffer is ours, but a message came between the look at the causes and that: it goes first.
 * Written over, it would never be answered, and Linux's VF then sends nothing more until it resets.
 */
static bool spoke_meanwhile(struct vf_server *s, unsigned vf)
{
    if (!s->ops->has_request(s->chip, vf))
        return false;
    mailbox_write(s, vf, 0);
    return true;
}

/* A VF without clear-to-send has read something.  Linux's VF drivers look into the mailbox every
 * two seconds, acknowledge whatever lies there, and reset when that is a NACK: a missing CTS says
 * nothing to them, nor a NACK within ten seconds of their last reset.  So it is told again.  One
 * that already says something gets its answer instead. */
static void insist(struct vf_server *s, unsigned vf, bool asks, uint64_t now_us)
{
    static const uint32_t nack = MBX_NACK;
    struct vf_state *v = vf_of(s, vf);
    v->nack &= !v->cts;
    if (!v->nack || asks || v->ping || v->unread || v->answer_words || now_us < v->nack_us ||
        !take_buffer(s, vf) || spoke_meanwhile(s, vf))
        return;
    v->nack_us = now_us + INSIST_US;
    tell(s, vf, &nack, 1, now_us);
}

/* Not over a message that the VF may still have to read, nor over one of its own. */
static void ping(struct vf_server *s, unsigned vf, bool asks, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t message = MBX_PF_CONTROL | (v->cts ? MBX_CTS : 0);
    if (asks || v->answer_words || (v->unread && now_us - v->unread_us < UNREAD_US) ||
        !own_buffer(s, vf, STUCK_US, now_us) || spoke_meanwhile(s, vf))
        return;
    v->ping = false;
    v->nack_us = now_us;
    tell(s, vf, &message, 1, now_us);
}

/* The function was reset, by FLR or by its driver: whoever has it now begins anew. */
static void vf_was_reset(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    forget(s, vf);
    s->ops->clear_queues(s->chip, vf);
    v->stuck = v->unread = v->ping = v->nack = false;
    v->held_us = 0;
    if (v->muted && now_us - v->muted_us >= VF_MUTED_US) {
        v->muted = false;
        v->strikes = 0;
    }
}

static void take_resets(struct vf_server *s, uint64_t resets, uint64_t now_us)
{
    if (!resets)
        return;
    for (unsigned i = 0; i < s->count; i++)
        if (resets & 1ull << i)
            vf_was_reset(s, i, now_us);
    s->ops->program(s->chip);
}

bool vf_server_poll(struct vf_server *s, uint64_t now_us)
{
    struct vf_events events;
    if (!s->ops->take_events(s->chip, &events))
        return false;
    take_resets(s, events.resets, now_us);
    for (unsigned i = 0; i < s->count; i++) {
        bool asks = events.requests & 1ull << i;
        if (events.acks & 1ull << i) {
            vf_of(s, i)->unread = false;
            vf_of(s, i)->nack = true;
        }
        insist(s, i, asks, now_us);
        if (asks)
            serve(s, i, now_us);
        else if (vf_of(s, i)->answer_words)
            deliver(s, i, now_us);
        if (vf_of(s, i)->ping)
            ping(s, i, asks, now_us);
    }
    return true;
}

/* Events ---------------------------------------------------------------------------------- */

/* Its driver must start anew: not served, not switched on, and told so when it can be. */
static void revoke(struct vf_server *s, unsigned vf)
{
    forget(s, vf);
    vf_of(s, vf)->ping = true;
}

void vf_server_spoofed(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    v->spoofed++;
    if (may_log(v, now_us))
        log_warning("%s VF %u: sent with a source address or VLAN that is not its own, dropped",
                    s->name, vf);
}

void vf_server_malicious(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    v->malicious++;
    if (!v->muted && ++v->strikes >= STRIKES_MAX) {
        v->muted = true;
        v->muted_us = now_us;
    }
    log_warning("%s VF %u: malicious-driver detection stopped its queue%s", s->name, vf,
                v->muted ? "; it is served no more until a function reset, in 10 s at the earliest"
                         : ", it must reset");
    revoke(s, vf);
}

void vf_server_link_changed(struct vf_server *s)
{
    for (unsigned i = 0; i < s->count; i++)
        s->vf[i].ping |= s->vf[i].cts;
}

/* Policies ------------------------------------------------------------------------------ */

static const char *chip_cannot(const struct vf_server *s, const char *what)
{
    static char text[96];
    snprintf(text, sizeof text, "the %s %s", s->limits.chip, what);
    return text;
}

static int check_rate(const struct vf_server *s, const struct vf_policy *p,
                      const struct vf_policy *old, const char **why)
{
    char limits[48];
    *why = chip_cannot(s, "has no rate limiter");
    if (p->rate_mbps != old->rate_mbps && p->rate_mbps && !s->limits.rate_mbps)
        return -ENOTSUP;
    snprintf(limits, sizeof limits, "limits to %" PRIu32 " to %" PRIu32 " Mb/s",
             s->limits.rate_min_mbps, s->limits.rate_mbps);
    *why = chip_cannot(s, limits);
    if (!s->limits.rate_mbps || !p->rate_mbps || p->rate_mbps == old->rate_mbps)
        return 0;
    return p->rate_mbps > s->limits.rate_mbps || p->rate_mbps < s->limits.rate_min_mbps ? -EINVAL
                                                                                        : 0;
}

static int check_policy(const struct vf_server *s, unsigned vf, const struct vf_policy *p,
                        const char **why)
{
    const struct vf_policy *old = &s->vf[vf].policy;
    char filters[48];
    if (p->mac_set && (*why = mac_trouble(s, vf, p->mac)))
        return -EINVAL;
    *why = "VLANs are 1 to 4094";
    if (p->vlan > VLAN_MAX)
        return -EINVAL;
    snprintf(filters, sizeof filters, "has %u VLAN filters, and all are taken", s->limits.vlans);
    *why = chip_cannot(s, filters);
    if (p->vlan && p->vlan != old->vlan && !vlan_fits(s, p->vlan))
        return -ENOSPC;
    int err = check_rate(s, p, old, why);
    if (err)
        return err;
    *why = chip_cannot(s, "cannot force a link up while the wire is down");
    return p->link != old->link && p->link == VF_LINK_UP ? -ENOTSUP : 0;
}

/* Whether the VF holds what it could not get under the new policy, or has to learn something. */
static bool must_restart(const struct vf_state *v, const struct vf_policy *old)
{
    const struct vf_policy *p = &v->policy;
    if (p->link != old->link || !mac_equal(p->mac, old->mac))
        return true;
    if (p->vlan && v->vlan_count)
        return true;
    if (p->trust)
        return false;
    return v->promiscuous || v->all_multicast ||
           (p->mac_set && (v->mac_count || !mac_equal(v->mac, p->mac)));
}

int vf_server_set(struct vf_server *s, unsigned vf, const struct vf_policy *policy,
                  const char **why)
{
    int err = check_policy(s, vf, policy, why);
    if (err)
        return err;
    struct vf_state *v = vf_of(s, vf);
    struct vf_policy old = v->policy;
    v->policy = *policy;
    if (must_restart(v, &old))
        revoke(s, vf);
    else if (policy->trust && !old.trust)
        v->ping |= v->cts; /* it may ask for more now */
    return 0;
}

static enum vf_mailbox mailbox_state(const struct vf_state *v)
{
    if (v->muted)
        return VF_MAILBOX_MUTED;
    if (v->stuck)
        return VF_MAILBOX_STUCK;
    return v->cts ? VF_MAILBOX_OPEN : VF_MAILBOX_CLOSED;
}

void vf_server_info(const struct vf_server *s, unsigned vf, struct vf_info *info)
{
    const struct vf_state *v = &s->vf[vf];
    *info = (struct vf_info){
        .policy = v->policy,
        .mailbox = mailbox_state(v),
        .promiscuous = v->promiscuous,
        .all_multicast = vf_all_multicast(v),
        .frame = v->frame,
        .macs = v->mac_count,
        .vlans = v->vlan_count,
        .multicast = v->hash_count,
        .spoofed = v->spoofed,
        .malicious = v->malicious,
        .messages = v->messages,
        .refused = v->refused,
        .invalid = v->invalid,
        .deferred = v->deferred,
        .resets = v->resets,
        .last_refusal = v->last_refusal,
    };
    memcpy(info->mac, v->mac, MAC_LEN);
}

/* Beginning and end ---------------------------------------------------------------------- */

/* Who has been here before is told that the PF is back: with version 1.5 Linux's ixgbevf looks
 * into its mailbox only when it is told something, and learns then that it has to reset. */
void vf_server_open(struct vf_server *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct vf_state *v = vf_of(s, i);
        v->stuck = v->unread = v->nack = v->waiting = false;
        v->ping = v->resets > 0;
        v->held_us = 0;
        v->answer_words = 0;
    }
}

void vf_server_forget_all(struct vf_server *s)
{
    for (unsigned i = 0; i < s->count; i++)
        forget(s, i);
}

void vf_server_close(struct vf_server *s)
{
    static const uint32_t message = MBX_PF_CONTROL;
    vf_server_forget_all(s);
    for (unsigned i = 0; i < s->count; i++)
        if (take_buffer(s, i))
            tell(s, i, &message, 1, 0);
}

/* Locally administered (unread: IEEE 802-2014 8.4), and nobody else's here. */
static void choose_mac(struct vf_server *s, unsigned vf)
{
    uint8_t *mac = s->vf[vf].policy.mac;
    do {
        mac_invent(mac);
    } while (mac_trouble(s, vf, mac));
    memcpy(s->vf[vf].mac, mac, MAC_LEN);
}

int vf_server_create(struct vf_server *s, unsigned count)
{
    s->vf = calloc(count, sizeof *s->vf);
    if (!s->vf)
        return -ENOMEM;
    s->count = count;
    for (unsigned i = 0; i < count; i++)
        s->vf[i] = (struct vf_state){ .policy = { .spoofcheck = true, .link = VF_LINK_AUTO },
                                      .frame = s->limits.frame };
    for (unsigned i = 0; i < count; i++)
        choose_mac(s, i);
    return 0;
}

void vf_server_destroy(struct vf_server *s)
{
    free(s->vf);
    s->vf = NULL;
    s->count = 0;
}
