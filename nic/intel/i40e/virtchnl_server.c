/* virtchnl_server.c - VFs that speak virtchnl, as their PF sees them (virtchnl_server.h): who is
 * heard, what is told, resets, policies.  What they ask for is in virtchnl_requests.c.
 *
 * Facts: Linux (i40e_virtchnl_pf.c, iavf) and DPDK (i40e_pf.c, iavf) agree on who waits for what:
 * an answer to every request, but for a reset, and for more queues, after which the reset is the
 * answer; and an event with the link behind the resources, and behind queues that go on. */
#include "nic/intel/i40e/virtchnl_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RESET_COST 8u        /* messages' worth of tokens */
#define DOOM 255u            /* severity of an announced reset */
#define SPEED_UNKNOWN 40000u /* of a link that is forced up while the wire is down */

/* Telling --------------------------------------------------------------------------------- */

static uint32_t speed_bit(uint32_t mbps)
{
    static const uint16_t bits[] = { 2500, 100, 1000, 10000, 40000, 20000, 25000, 5000 };
    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
        if (bits[i] == mbps)
            return 1u << i;
    return 0;
}

static bool link_of(const struct virtchnl_server *s, unsigned vf)
{
    enum vf_link link = s->base.vf[vf].policy.link;
    return link == VF_LINK_UP || (link == VF_LINK_AUTO && s->link_up);
}

static void tell_link(struct virtchnl_server *s, unsigned vf)
{
    bool up = link_of(s, vf);
    uint32_t mbps = up ? s->link_up ? s->link_mbps : SPEED_UNKNOWN : 0;
    struct virtchnl_event e = { .code = VIRTCHNL_EVENT_LINK, .up = up };
    e.speed = s->vf[vf].caps & VIRTCHNL_CAP_LINK_SPEED ? mbps : speed_bit(mbps);
    s->ops->send(s->chip, vf, VIRTCHNL_EVENT, 0, &e, sizeof e);
}

void virtchnl_server_link(struct virtchnl_server *s, bool up, uint32_t mbps)
{
    bool news = up != s->link_up || mbps != s->link_mbps;
    s->link_up = up;
    s->link_mbps = mbps;
    for (unsigned i = 0; news && i < s->base.count; i++)
        if (s->vf[i].state == VIRTCHNL_VF_ACTIVE)
            tell_link(s, i);
}

void virtchnl_server_announce(struct virtchnl_server *s, unsigned vf)
{
    const struct virtchnl_event e = { .code = VIRTCHNL_EVENT_RESET_IMPENDING, .severity = DOOM };
    if (s->vf[vf].state != VIRTCHNL_VF_RESETTING)
        s->ops->send(s->chip, vf, VIRTCHNL_EVENT, 0, &e, sizeof e);
}

/* Resets ------------------------------------------------------------------------------------ */

static void forget(struct virtchnl_server *s, unsigned vf)
{
    struct vf_state *v = &s->base.vf[vf];
    struct virtchnl_vf *c = &s->vf[vf];
    free(c->waiting);
    *c = (struct virtchnl_vf){ .state = VIRTCHNL_VF_RESETTING,
                               .minor = c->minor,
                               .known = c->known,
                               .queues_wanted = c->queues_wanted };
    v->cts = v->promiscuous = v->all_multicast = false;
    v->mac_count = v->vlan_count = v->hash_count = 0;
    v->frame = VIRTCHNL_FRAME;
    memcpy(v->mac, v->policy.mac, MAC_LEN);
}

void virtchnl_server_resets(struct virtchnl_server *s, unsigned vf)
{
    forget(s, vf);
}

void virtchnl_server_ready(struct virtchnl_server *s, unsigned vf, uint16_t vsi, uint16_t queues)
{
    struct virtchnl_vf *c = &s->vf[vf];
    forget(s, vf);
    c->state = VIRTCHNL_VF_READY;
    c->vsi = vsi;
    c->queues = queues;
    c->kinds = s->kinds;
    s->base.vf[vf].resets += c->known;
    c->known = true;
}

static void reset(struct virtchnl_server *s, unsigned vf, bool told)
{
    forget(s, vf);
    s->ops->reset(s->chip, vf, told);
}

static void reset_announced(struct virtchnl_server *s, unsigned vf)
{
    bool listens = s->vf[vf].state == VIRTCHNL_VF_ACTIVE;
    virtchnl_server_announce(s, vf);
    reset(s, vf, listens);
}

void virtchnl_server_malicious(struct virtchnl_server *s, unsigned vf, uint64_t now_us)
{
    vf_accused(&s->base, vf, now_us);
    virtchnl_server_announce(s, vf);
    reset(s, vf, false);
}

/* Messages ---------------------------------------------------------------------------------- */

static void answer(struct virtchnl_request *r, const char *why)
{
    int32_t status = !why                                     ? 0
                     : !strcmp(why, VIRTCHNL_UNKNOWN_MESSAGE) ? VIRTCHNL_ERR_NOT_SUPPORTED
                                                              : VIRTCHNL_ERR_PARAM;
    r->s->ops->send(r->s->chip, r->number, r->op, status, r->answer, why ? 0 : r->answered);
    if (r->tells_link && !why)
        tell_link(r->s, r->number);
}

static void serve(struct virtchnl_server *s, unsigned vf, uint32_t op, const uint8_t *bytes,
                  uint16_t n, uint64_t now_us)
{
    struct virtchnl_request r = { .s = s,
                                  .number = vf,
                                  .v = &s->base.vf[vf],
                                  .c = &s->vf[vf],
                                  .op = op,
                                  .bytes = bytes,
                                  .n = n };
    const char *why = virtchnl_serve(&r);
    if (why)
        vf_refused(&s->base, vf, why, now_us);
    if (why || !r.silent)
        answer(&r, why);
    else
        reset_announced(s, vf);
}

static void hear(struct virtchnl_server *s, unsigned vf, uint32_t op, const uint8_t *bytes,
                 uint16_t n, uint64_t now_us)
{
    vf_asked(&s->base.vf[vf], now_us, op == VIRTCHNL_RESET_VF ? RESET_COST : 1);
    if (op == VIRTCHNL_RESET_VF)
        reset(s, vf, false);
    else
        serve(s, vf, op, bytes, n, now_us);
}

/* Drivers wait for an answer before they ask again, but with a reset. */
static void wait(struct virtchnl_server *s, unsigned vf, uint32_t op, const uint8_t *bytes,
                 uint16_t n)
{
    struct virtchnl_vf *c = &s->vf[vf];
    s->base.vf[vf].deferred++;
    if (c->waiting && op != VIRTCHNL_RESET_VF)
        return;
    free(c->waiting);
    c->waiting = malloc(n + 1u);
    if (!c->waiting)
        return;
    if (n)
        memcpy(c->waiting, bytes, n);
    c->waiting_op = op;
    c->waiting_n = n;
}

void virtchnl_server_message(struct virtchnl_server *s, unsigned vf, uint32_t op,
                             const uint8_t *bytes, uint16_t n, uint64_t now_us)
{
    if (vf >= s->base.count) {
        s->strays++;
        return;
    }
    struct vf_state *v = &s->base.vf[vf];
    if (v->muted || s->vf[vf].state == VIRTCHNL_VF_RESETTING) {
        v->invalid += v->muted;
        return;
    }
    if (s->vf[vf].waiting || !vf_may_ask(v, now_us))
        wait(s, vf, op, bytes, n);
    else
        hear(s, vf, op, bytes, n, now_us);
}

static bool has_waited(const struct virtchnl_server *s, unsigned vf, uint64_t now_us)
{
    return s->vf[vf].waiting && vf_may_ask(&s->base.vf[vf], now_us);
}

bool virtchnl_server_has_waited(const struct virtchnl_server *s, uint64_t now_us)
{
    for (unsigned i = 0; i < s->base.count; i++)
        if (has_waited(s, i, now_us))
            return true;
    return false;
}

void virtchnl_server_poll(struct virtchnl_server *s, uint64_t now_us)
{
    for (unsigned i = 0; i < s->base.count; i++) {
        if (!has_waited(s, i, now_us))
            continue;
        uint8_t *bytes = s->vf[i].waiting;
        s->vf[i].waiting = NULL;
        hear(s, i, s->vf[i].waiting_op, bytes, s->vf[i].waiting_n, now_us);
        free(bytes);
    }
}

/* Policies ------------------------------------------------------------------------------ */

/* A VF learns of most changes only by beginning anew: what it is offered depends on them. */
static bool must_restart(const struct vf_state *v, const struct vf_policy *old)
{
    return vf_must_restart(v, old) || v->policy.vlan != old->vlan || v->policy.trust != old->trust;
}

int virtchnl_server_set(struct virtchnl_server *s, unsigned vf, const struct vf_policy *policy,
                        const char **why)
{
    struct vf_state *v = &s->base.vf[vf];
    struct vf_policy old = v->policy;
    int err = vf_policy_check(&s->base, vf, policy, why);
    if (err)
        return err;
    v->policy = *policy;
    if (must_restart(v, &old)) {
        if (s->vf[vf].state == VIRTCHNL_VF_RESETTING)
            forget(s, vf); /* the address is to be the new one */
        else
            reset_announced(s, vf);
        return 0;
    }
    if (s->vf[vf].state == VIRTCHNL_VF_RESETTING || !s->ops->properties(s->chip, vf))
        return 0;
    v->policy = old;
    *why = "the chip did not take it";
    return -EIO;
}

void virtchnl_server_info(const struct virtchnl_server *s, unsigned vf, struct vf_info *info)
{
    vf_server_info(&s->base, vf, info);
    if (!s->base.vf[vf].muted)
        info->mailbox = s->vf[vf].state == VIRTCHNL_VF_ACTIVE ? VF_MAILBOX_OPEN : VF_MAILBOX_CLOSED;
}

/* Beginning and end ------------------------------------------------------------------------ */

int virtchnl_server_create(struct virtchnl_server *s, unsigned count)
{
    s->vf = calloc(count, sizeof *s->vf);
    if (!s->vf)
        return -ENOMEM;
    if (!vf_server_create(&s->base, count))
        return 0;
    free(s->vf);
    s->vf = NULL;
    return -ENOMEM;
}

void virtchnl_server_destroy(struct virtchnl_server *s)
{
    for (unsigned i = 0; i < s->base.count; i++)
        free(s->vf[i].waiting);
    vf_server_destroy(&s->base);
    free(s->vf);
    s->vf = NULL;
}
