/* vf_policy.c - what the administrator wants of VFs and what a VF may have, in whichever way its
 * driver and the PF's talk (vf_server.h): addresses that nobody else has, limits, refusals and
 * their lines in the log, misbehaviour. */
#include "nic/intel/vf_server.h"

#include "kernel/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A driver that comes up sends some ten messages, and one for each of its VLANs. */
#define MESSAGES_PER_S 200u
#define MESSAGES_BURST 64u
#define STRIKES_MAX 4u        /* malicious-driver events until a VF is muted */
#define LOG_US (2 * US_PER_S) /* between two log lines about one VF */

bool vf_may_log(struct vf_state *v, uint64_t now_us)
{
    if (now_us < v->log_us) {
        v->unlogged++;
        return false;
    }
    v->log_us = now_us + LOG_US;
    return true;
}

bool vf_may_speak(const struct vf_state *v)
{
    return v->policy.link != VF_LINK_DOWN && !v->muted;
}

/* Addresses ------------------------------------------------------------------------------- */

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

const char *vf_mac_trouble(const struct vf_server *s, unsigned vf, const uint8_t mac[MAC_LEN])
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

unsigned vf_macs_left(const struct vf_server *s)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < s->count; i++)
        taken += s->vf[i].mac_count;
    return s->limits.macs - taken;
}

const char *vf_server_add_mac(struct vf_server *s, unsigned vf, const uint8_t mac[MAC_LEN])
{
    struct vf_state *v = &s->vf[vf];
    const char *trouble = vf_mac_trouble(s, vf, mac);
    if (v->policy.mac_set && !v->policy.trust)
        return VF_FIXED_MAC;
    if (trouble)
        return trouble;
    for (unsigned k = 0; k < v->mac_count; k++)
        if (mac_equal(v->macs[k], mac))
            return NULL;
    if (mac_equal(v->mac, mac))
        return NULL;
    if (v->mac_count == s->limits.vf_macs)
        return s->limits.vf_macs == VF_MACS ? "a VF has at most 3 further addresses"
                                            : "a VF has at most 16 further addresses";
    if (!vf_macs_left(s))
        return "all address filters are taken";
    memcpy(v->macs[v->mac_count++], mac, MAC_LEN);
    return NULL;
}

/* Messages -------------------------------------------------------------------------------- */

bool vf_may_ask(const struct vf_state *v, uint64_t now_us)
{
    return limit_allows(&v->tokens, now_us, MESSAGES_PER_S, MESSAGES_BURST);
}

void vf_asked(struct vf_state *v, uint64_t now_us, unsigned cost)
{
    v->messages++;
    while (cost--)
        limit_take(&v->tokens, now_us, MESSAGES_PER_S);
}

void vf_refused(struct vf_server *s, unsigned vf, const char *why, uint64_t now_us)
{
    struct vf_state *v = &s->vf[vf];
    bool again = v->last_refusal == why; /* asked for ever, said once */
    v->refused++;
    v->unlogged += again;
    v->last_refusal = why;
    if (again || !vf_may_log(v, now_us))
        return;
    if (v->unlogged)
        log_warning("%s VF %u: refused: %s (%u lines not shown)", s->name, vf, why, v->unlogged);
    else
        log_warning("%s VF %u: refused: %s", s->name, vf, why);
    v->unlogged = 0;
}

/* Misbehaviour ---------------------------------------------------------------------------- */

void vf_server_spoofed(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = &s->vf[vf];
    v->spoofed++;
    if (vf_may_log(v, now_us))
        log_warning("%s VF %u: sent with a source address or VLAN that is not its own, dropped",
                    s->name, vf);
}

void vf_accused(struct vf_server *s, unsigned vf, uint64_t now_us)
{
    struct vf_state *v = &s->vf[vf];
    v->malicious++;
    if (!v->muted && ++v->strikes >= STRIKES_MAX) {
        v->muted = true;
        v->muted_us = now_us;
    }
    log_warning("%s VF %u: malicious-driver detection stopped its queue%s", s->name, vf,
                v->muted ? "; it is served no more until a function reset, in 10 s at the earliest"
                         : ", it must reset");
}

void vf_forgiven(struct vf_state *v, uint64_t now_us)
{
    if (v->muted && now_us - v->muted_us >= VF_MUTED_US) {
        v->muted = false;
        v->strikes = 0;
    }
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
    char limits[64];
    uint32_t step = s->limits.rate_step_mbps;
    *why = chip_cannot(s, "has no rate limiter");
    if (p->rate_mbps != old->rate_mbps && p->rate_mbps && !s->limits.rate_mbps)
        return -ENOTSUP;
    int n = snprintf(limits, sizeof limits, "limits to %" PRIu32 " to %" PRIu32 " Mb/s",
                     s->limits.rate_min_mbps, s->limits.rate_mbps);
    if (step)
        snprintf(limits + n, sizeof limits - (size_t)n, " in steps of %" PRIu32, step);
    *why = chip_cannot(s, limits);
    if (!s->limits.rate_mbps || !p->rate_mbps || p->rate_mbps == old->rate_mbps)
        return 0;
    if (p->rate_mbps > s->limits.rate_mbps || p->rate_mbps < s->limits.rate_min_mbps)
        return -EINVAL;
    return step && p->rate_mbps % step ? -EINVAL : 0;
}

/* Nothing is changed.  VLAN filters that a chip shares out are looked at before (vf_server.c). */
int vf_policy_check(const struct vf_server *s, unsigned vf, const struct vf_policy *p,
                    const char **why)
{
    const struct vf_policy *old = &s->vf[vf].policy;
    if (p->mac_set && (*why = vf_mac_trouble(s, vf, p->mac)))
        return -EINVAL;
    *why = "VLANs are 1 to 4094";
    if (p->vlan > VLAN_MAX)
        return -EINVAL;
    int err = check_rate(s, p, old, why);
    if (err || s->limits.forces_link)
        return err;
    *why = chip_cannot(s, "cannot force a link up while the wire is down");
    return p->link != old->link && p->link == VF_LINK_UP ? -ENOTSUP : 0;
}

const char *vf_no_vlan_left(const struct vf_server *s)
{
    char filters[48];
    snprintf(filters, sizeof filters, "has %u VLAN filters, and all are taken", s->limits.vlans);
    return chip_cannot(s, filters);
}

bool vf_must_restart(const struct vf_state *v, const struct vf_policy *old)
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

uint64_t vf_bytes_of(uint64_t octets, uint64_t packets)
{
    return octets > ETHERNET_FCS * packets ? octets - ETHERNET_FCS * packets : 0;
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

/* Locally administered (unread: IEEE 802-2014 8.4), and nobody else's here. */
static void choose_mac(struct vf_server *s, unsigned vf)
{
    uint8_t *mac = s->vf[vf].policy.mac;
    do {
        mac_invent(mac);
    } while (vf_mac_trouble(s, vf, mac));
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
