/* vf_server.c - the PF's end of the mailboxes (vf_server.h): what VFs ask for, and what they are
 * told.  What they may have, and what their administrator wants of them, is vf_policy.c's.
 *
 * Documents: unread: 82576 DS 7.8.2.9 and 8.14 (the buffers), 4.6.11 (resets); the messages are
 * those of intel_mbx.h.  Compared with Linux's and DPDK's drivers of either side.
 *
 * With version 1.5 of the protocol a VF keeps the buffer while it waits for the PF to read (Linux's
 * ixgbevf; in Linux's words the mailbox of ESX): its message is read and acknowledged where it
 * lies, and answered when it has let go of the buffer.  What the PF knows is not always what the VF
 * does: after a reset of the PF it still speaks 1.5, and Linux's, having spoken it once, keeps the
 * buffer with every version that it takes later.  So who rings and keeps it is read, whatever its
 * version.
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
#include <string.h>

#define STUCK_US (10 * US_PER_MS)   /* a VF copies 64 bytes in some us */
#define INSIST_US (1 * US_PER_S)    /* between two words that it must reset */
#define UNREAD_US (100 * US_PER_MS) /* our message is overwritten after that, read or not */
#define KEPT_US (100 * US_PER_MS)   /* a VF that was acknowledged lets go, when its CPU runs */
#define SILENT_US (2 * US_PER_S)    /* longer than drivers wait for an answer */

static struct vf_state *vf_of(struct vf_server *s, unsigned vf)
{
    return &s->vf[vf];
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
    v->greeted_us = 0;
    memcpy(v->mac, v->policy.mac, MAC_LEN);
}

bool vf_all_multicast(const struct vf_state *v)
{
    return v->all_multicast || v->overflow;
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
    bool ours = mailbox_read(s, vf) & MBX_P2V_PFU;
    if (ours)
        vf_of(s, vf)->held_us = 0;
    return ours;
}

/* The VF has had it for so long. */
static bool held_for(struct vf_state *v, uint64_t limit_us, uint64_t now_us)
{
    if (!v->held_us)
        v->held_us = now_us;
    return now_us - v->held_us >= limit_us;
}

/* The VF keeps it for too long, and did not ring.  What it may have written is half a message at
 * best, and is where ours was. */
static void seize_buffer(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    mailbox_write(s, vf, MBX_P2V_RVFU);
    s->ops->clear_request(s->chip, vf);
    v->held_us = 0;
    v->unread = false;
    if (!v->stuck && vf_may_log(v, now_us))
        log_warning("%s VF %u: holds the mailbox and says nothing, it is taken back", s->name, vf);
    v->stuck = true;
}

/* The PF owns the buffer afterwards; false: try again, it is not for ever. */
static bool own_buffer(struct vf_server *s, unsigned vf, uint64_t patience_us, uint64_t now_us)
{
    if (take_buffer(s, vf))
        return true;
    if (held_for(vf_of(s, vf), patience_us, now_us))
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
        return VF_FIXED_MAC;
    const char *trouble = vf_mac_trouble(s, vf, mac);
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

/* A reset forgets all that was granted.  The answer has no CTS: drivers compare it as a whole. */
static void answer_reset(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t words[MBX_RESET_WORDS] = { MBX_VF_RESET | MBX_NACK };
    forget(s, vf);
    v->cts = vf_may_speak(v);
    v->resets++;
    if (v->cts) {
        v->greeted_us = now_us;
        words[0] = MBX_VF_RESET | MBX_ACK;
        memcpy(&words[1], v->mac, 4);
        memcpy(&words[2], v->mac + 4, 2);
    } else {
        vf_refused(s, vf, VF_HELD_DOWN, now_us);
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
        return vf_may_speak(v) ? "it has to reset first" : VF_HELD_DOWN;
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
    if (!why && type == MBX_VF_API_NEGOTIATE)
        v->greeted_us = now_us;
    if (why || given.less)
        vf_refused(s, vf, why ? why : given.less, now_us);
    if (!why)
        s->ops->program(s->chip);
    given.words[0] = (echoed ? message[0] & (MBX_TYPE | MBX_INFO) : type) | (v->cts ? MBX_CTS : 0) |
                     (why ? MBX_NACK : MBX_ACK);
    answer(s, vf, given.words, why ? 1 : given.count, now_us);
}

/* Serving ------------------------------------------------------------------------------- */

/* It did not take the answer to its reset, or to its choice of a version: its driver stopped
 * waiting, and does not know what is in force.  Linux's ixgbevf goes on with version 1.0 then, with
 * which it gets no long frames. */
static void begin_anew(struct vf_server *s, unsigned vf)
{
    forget(s, vf);
    s->ops->program(s->chip);
}

/* An answer of ours that comes back, or a request without a message, is nothing to answer.
 * `kept`: the VF has the buffer, and keeps it until it sees the acknowledgement. */
static void serve_message(struct vf_server *s, unsigned vf, bool kept, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t message[MBX_WORDS];
    if (v->greeted_us && (v->unread || v->answer_words))
        begin_anew(s, vf);
    s->ops->clear_request(s->chip, vf);
    for (unsigned i = 0; i < MBX_WORDS; i++)
        message[i] = mmio_read32(memory_of(s, vf, i));
    mailbox_write(s, vf, MBX_P2V_ACK | (kept ? 0 : MBX_P2V_PFU));
    vf_asked(v, now_us, 1);
    v->stuck = v->waiting = v->unread = false;
    v->answer_words = 0;
    v->greeted_us = v->held_us = 0;
    if (message[0] & (MBX_ACK | MBX_NACK)) {
        v->invalid++;
        mailbox_write(s, vf, 0);
    } else if (message[0] == MBX_VF_RESET) {
        answer_reset(s, vf, now_us);
    } else {
        answer_request(s, vf, message, now_us);
    }
}

/* Without a token the message lies where it is: its sender waits, nobody else.
 *
 * Who rang and has the buffer keeps it, or stopped waiting and writes anew: then half of either may
 * be read, and it rings again.  So one that is not known to keep it gets some time, but not before
 * its reset, which is one word and all that is done then. */
static void serve(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    if (v->muted) {
        s->ops->clear_request(s->chip, vf);
        v->invalid++;
        return;
    }
    if (!vf_may_ask(v, now_us)) {
        v->deferred += !v->waiting;
        v->waiting = true;
        return;
    }
    bool kept = !take_buffer(s, vf);
    if (!kept || !v->cts || v->api == MBX_API_1_5 || held_for(v, STUCK_US, now_us))
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
    if (!v->nack || asks || v->ping || v->answer_words || now_us < v->nack_us ||
        (v->unread && now_us - v->unread_us < INSIST_US) || !take_buffer(s, vf) ||
        spoke_meanwhile(s, vf))
        return;
    v->nack_us = now_us + INSIST_US;
    tell(s, vf, &nack, 1, now_us);
}

/* Not over a message that the VF may still have to read, nor over one of its own. */
static void ping(struct vf_server *s, unsigned vf, bool asks, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    uint32_t message = MBX_PF_CONTROL | (v->cts ? MBX_CTS : 0);
    bool unread = v->unread && (v->greeted_us || now_us - v->unread_us < UNREAD_US);
    if (asks || v->answer_words || unread || !own_buffer(s, vf, KEPT_US, now_us) ||
        spoke_meanwhile(s, vf))
        return;
    v->ping = false;
    v->greeted_us = 0;
    v->nack_us = now_us;
    tell(s, vf, &message, 1, now_us);
}

/* It took the answer to its reset, and says nothing.  Linux's igbvf (and ixgbevf before it spoke
 * 1.5), when it stopped waiting, sends nothing more until it reads that it may, and then resets;
 * the answer to a reset does not say so. */
static void greet_again(struct vf_state *v, uint64_t now_us)
{
    v->ping |= v->greeted_us && !v->unread && now_us - v->greeted_us >= SILENT_US;
}

/* The function was reset, by FLR or by its driver: whoever has it now begins anew. */
static void vf_was_reset(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = vf_of(s, vf);
    forget(s, vf);
    s->ops->clear_queues(s->chip, vf);
    v->stuck = v->unread = v->ping = v->nack = false;
    v->held_us = 0;
    vf_forgiven(v, now_us);
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
        greet_again(vf_of(s, i), now_us);
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

void vf_server_malicious(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    vf_accused(s, vf, now_us);
    revoke(s, vf);
}

void vf_server_link_changed(struct vf_server *s)
{
    for (unsigned i = 0; i < s->count; i++)
        s->vf[i].ping |= s->vf[i].cts;
}

/* Policies ------------------------------------------------------------------------------ */

int vf_server_set(struct vf_server *s, unsigned vf, const struct vf_policy *policy,
                  const char **why)
{
    struct vf_state *v = vf_of(s, vf);
    struct vf_policy old = v->policy;
    int err = vf_policy_check(s, vf, policy, why);
    if (err)
        return err;
    if (policy->vlan && policy->vlan != old.vlan && !vlan_fits(s, policy->vlan)) {
        *why = vf_no_vlan_left(s);
        return -ENOSPC;
    }
    v->policy = *policy;
    if (vf_must_restart(v, &old))
        revoke(s, vf);
    else if (policy->trust && !old.trust)
        v->ping |= v->cts; /* it may ask for more now */
    return 0;
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
