/* stp.c - see stp.h.  unread in this file: 802.1D, 802.2. */
#include "apps/bridge/stp.h"

#include "apps/bridge/fdb.h"
#include "apps/bridge/snoop.h"
#include "apps/forward/event.h"
#include "apps/forward/forward.h"
#include "apps/forward/job.h"
#include "kernel/time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LLC 3u /* octets: both SAPs 42h, and unnumbered information */

static const uint8_t bpdu_address[MAC_LEN] = { 0x01, 0x80, 0xc2, 0, 0, 0 };
static const uint8_t bpdu_llc[LLC] = { 0x42, 0x42, 0x03 };

struct stp {
    struct rstp tree;
};

struct stp_member {
    struct rstp_port port; /* first: what rstp.h hands over is this */
    struct member *member;
};

const struct rstp *stp_tree(const struct bridge *bridge)
{
    return bridge->stp ? &bridge->stp->tree : NULL;
}

const struct rstp_port *stp_port(const struct member *member)
{
    return member->stp ? &member->stp->port : NULL;
}

/* What follows from the machines ------------------------------------------------------- */

static struct member *member_behind(struct rstp_port *port)
{
    return ((struct stp_member *)port)->member;
}

static void set_state(struct rstp_port *port, enum rstp_state state)
{
    static const uint32_t traits[] = {
        [RSTP_DISCARDING] = TRAIT_DISCARDING, [RSTP_LEARNING] = TRAIT_LEARNING
    };
    struct member *member = member_behind(port);
    uint32_t others = member->traits & ~(uint32_t)TRAITS_CLOSED;
    store_relaxed(&member->traits, others | (state == RSTP_FORWARDING ? 0 : traits[state]));
}

static void flush(struct rstp_port *port)
{
    struct member *member = member_behind(port);
    fdb_flush_port(member->interface->port_number);
    snoop_forget(member->bridge, NULL); /* who wants what may be behind another port */
}

/* IEEE 802.3: a length instead of a type. */
static void transmit(struct rstp_port *port, const uint8_t *bpdu, unsigned length)
{
    struct member *member = member_behind(port);
    struct worker *control = control_worker();
    struct packet *p = packet_alloc(&control->cache);
    if (!p)
        return;
    memset(p->data, 0, FRAME_PADDED);
    memcpy(p->data, bpdu_address, MAC_LEN);
    memcpy(p->data + ETHERNET_SOURCE, member->interface->mac, MAC_LEN);
    store_be16(p->data + ETHERNET_TYPE, (uint16_t)(LLC + length));
    memcpy(p->data + ETHERNET_HEADER, bpdu_llc, LLC);
    memcpy(p->data + ETHERNET_HEADER + LLC, bpdu, length);
    p->length = FRAME_PADDED;
    p->frame_length = FRAME_PADDED;
    p->port = member->interface->port_number;
    control_originate(control, member->port, p);
}

static const struct rstp_ops ops = { .set_state = set_state, .flush = flush, .transmit = transmit };

/* Frames -------------------------------------------------------------------------------------- */

static bool is_ours(const struct packet *p)
{
    return p->length >= ETHERNET_HEADER + LLC + RSTP_BPDU_MAX - 1 &&
           !memcmp(p->data + ETHERNET_HEADER, bpdu_llc, LLC);
}

static void take(struct worker *control, const struct note *note)
{
    struct member *member = member_of(note->port);
    struct packet *p = note->packet;
    unsigned length = ethernet_type(p->data);
    if (member && member->stp && member->interface->up && is_ours(p) && length > LLC &&
        ETHERNET_HEADER + length <= p->length)
        rstp_receive(&member->stp->port, p->data + ETHERNET_HEADER + LLC, length - LLC);
    forward_consume(control, p);
}

/* Trees ---------------------------------------------------------------------------- */

static uint64_t identifier_of(const struct bridge *bridge)
{
    return rstp_identifier(RSTP_PRIORITY, bridge->interface->mac);
}

static struct member *next_of(const struct bridge *bridge, unsigned *cursor)
{
    while (*cursor < members.limit) {
        struct member *member = member_of((*cursor)++);
        if (member && member->bridge == bridge)
            return member;
    }
    return NULL;
}

static void enable(struct member *member)
{
    rstp_port_enable(&member->stp->port, member->interface->up,
                     rstp_path_cost(member->port->link.speed_mbps));
}

int stp_join(struct member *member)
{
    struct stp *stp = member->bridge->stp;
    if (!stp)
        return 0;
    member->stp = calloc(1, sizeof *member->stp);
    if (!member->stp)
        return -ENOMEM;
    member->stp->member = member;
    rstp_port_add(&stp->tree, &member->stp->port, member->interface->port_number, member->edge);
    enable(member);
    return 0;
}

void stp_leave(struct member *member)
{
    if (!member->stp)
        return;
    rstp_port_remove(&member->bridge->stp->tree, &member->stp->port);
    free(member->stp);
    member->stp = NULL;
    store_relaxed(&member->traits, member->traits & ~(uint32_t)TRAITS_CLOSED);
}

int stp_start(struct bridge *bridge)
{
    struct stp *stp = calloc(1, sizeof *stp);
    unsigned cursor = 0;
    int e = stp ? 0 : -ENOMEM;
    if (e)
        return e;
    rstp_begin(&stp->tree, identifier_of(bridge), &ops);
    bridge->stp = stp;
    store_release(&bridge->stp_take, take);
    for (struct member *m; !e && (m = next_of(bridge, &cursor));)
        e = stp_join(m);
    if (e)
        stp_stop(bridge);
    return e;
}

void stp_stop(struct bridge *bridge)
{
    struct stp *stp = bridge->stp;
    unsigned cursor = 0;
    for (struct member *m; stp && (m = next_of(bridge, &cursor));)
        stp_leave(m);
    store_release(&bridge->stp_take, NULL);
    bridge->stp = NULL;
    free(stp);
}

static void begin_anew(struct bridge *bridge)
{
    unsigned cursor = 0;
    rstp_begin(&bridge->stp->tree, identifier_of(bridge), &ops);
    for (struct member *m; (m = next_of(bridge, &cursor));)
        if (m->stp)
            enable(m);
}

void stp_follow(struct bridge *bridge)
{
    unsigned cursor = 0;
    if (!bridge->stp)
        return;
    if (bridge->stp->tree.bridge != identifier_of(bridge))
        begin_anew(bridge);
    for (struct member *m; (m = next_of(bridge, &cursor));)
        if (m->stp)
            enable(m);
}

void stp_set_edge(struct member *member, bool edge)
{
    member->edge = edge;
    if (member->stp)
        rstp_port_set_edge(&member->stp->port, edge);
}

/* Time ----------------------------------------------------------------------------- */

static bool has_frames(void)
{
    return forward_running() && !forward_get_mode()->burst;
}

static void for_each_tree(void (*fn)(struct bridge *bridge))
{
    for (unsigned i = 0; i < interface_limit(); i++) {
        const struct interface *b = interface_get(i);
        if (b && b->kind == INTERFACE_BRIDGE && b->bridge && b->bridge->stp)
            fn(b->bridge);
    }
}

static void tick(struct bridge *bridge)
{
    rstp_tick(&bridge->stp->tree);
}

static void tick_all(struct worker *control, uint64_t now_us)
{
    if (has_frames())
        for_each_tree(tick);
}

CONTROL_JOB(stp_job) = { .every_us = US_PER_S, .run = tick_all };

/* What was heard before nobody listened is out of date. */
static void heard(const struct event *event)
{
    static bool had_frames;
    if (event->kind != EVENT_MODE_CHANGED)
        return;
    if (has_frames() && !had_frames)
        for_each_tree(begin_anew);
    had_frames = has_frames();
}

EVENT_LISTENER(stp_listener) = { .order = EVENT_ORDER_BRIDGE + 1, .heard = heard };
