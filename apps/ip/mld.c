/* mld.c - multicast listener discovery (mld.h; unread in this file: RFC 3810, RFC 2710, RFC 2711).
 */
#include "apps/ip/mld.h"

#include "apps/forward/event.h"
#include "apps/forward/job.h"
#include "apps/ip/address.h"
#include "apps/ip/icmp6_message.h"
#include "apps/ip/running.h"
#include "apps/ip/transmit.h"
#include "kernel/numbered.h"
#include "kernel/random.h"
#include "kernel/time.h"

#include <stdlib.h>

#define TICK_US 50000u
#define GROUPS_MAX 56u /* records in one report of IPV6_MTU_MIN octets */
#define ALL_LISTENERS2 ((struct ip_address){ 0xff02ull << 48, 0x16 })
#define RECORD_LENGTH 20u
#define RECORD_IS_EXCLUDE 2u
#define RECORD_TO_INCLUDE 3u
#define RECORD_TO_EXCLUDE 4u
#define QUERY_DELAY 4u
#define QUERY_GROUP 8u
#define QUERY1_LENGTH 24u
#define QUERY2_LENGTH 28u
#define ALERT_HEADER 8u

/* What an interface has to say. */
struct listener {
    uint64_t due_us;      /* 0: nothing */
    uint64_t old_us;      /* version 1 until then */
    unsigned left;        /* reports of a change */
    bool asked;           /* by a query */
    struct ip_address of; /* the group that was asked for; zero: all */
};

static struct numbered listeners;

static struct listener *listener_of(const struct interface *interface)
{
    struct listener *l = numbered_get(&listeners, interface->number);
    if (l)
        return l;
    l = calloc(1, sizeof *l);
    if (l && numbered_set(&listeners, interface->number, l)) {
        free(l);
        l = NULL;
    }
    return l;
}

static void forget(unsigned interface)
{
    free(numbered_get(&listeners, interface));
    numbered_clear(&listeners, interface);
}

void mld_reset(void)
{
    for (unsigned i = 0; i < listeners.limit; i++)
        forget(i);
    numbered_free(&listeners);
}

/* Groups ------------------------------------------------------------------------- */

struct groups {
    unsigned count;
    struct ip_address group[GROUPS_MAX];
};

static void group_add(struct groups *g, struct ip_address group)
{
    for (unsigned i = 0; i < g->count; i++)
        if (ip_equal(g->group[i], group))
            return;
    if (g->count < GROUPS_MAX)
        g->group[g->count++] = group;
}

/* RFC 4291 2.8.  As many as one report holds, from where *at stands, 0 in the beginning; false:
 * there are no more.  One of two addresses that are far apart may come twice. */
static bool groups_next(const struct interface *interface, unsigned *at, struct groups *g)
{
    const struct address *a;
    g->count = 0;
    if (!*at) {
        group_add(g, IPV6_ALL_ROUTERS);
        *at = 1;
    }
    for (; g->count + 2 <= GROUPS_MAX && (a = address_at(*at - 1)); ++*at) {
        struct ip_address first = ip_network(a->address, a->length);
        if (a->interface != interface->number || ip_is_v4(a->address) || !address_in_effect(a))
            continue;
        group_add(g, ipv6_solicited_node(a->address));
        if (!address_is_host(a, first))
            group_add(g, ipv6_solicited_node(first));
    }
    return g->count;
}

static bool listens(const struct interface *interface, struct ip_address group)
{
    struct groups g;
    for (unsigned at = 0; groups_next(interface, &at, &g);)
        for (unsigned i = 0; i < g.count; i++)
            if (ip_equal(g.group[i], group))
                return true;
    return false;
}

/* Reports ------------------------------------------------------------------------ */

/* With the router's alert in front; hop limit 1. */
static struct packet *message_make(struct worker *control, const struct interface *out,
                                   struct ip_address to, uint8_t type, uint32_t length)
{
    static const uint8_t alert[ALERT_HEADER] = { IPV6_ICMP, 0, 5, 2, 0, 0, 1, 0 };
    const struct address *us = address_source(out, IPV6_LINK);
    struct ip_address from = { 0 };
    struct packet *p = packet_alloc(&control->cache);
    if (!p)
        return NULL;
    if (us && ipv6_is_link_local(us->address))
        from = us->address;
    uint8_t *ip = p->data + ETHERNET_HEADER;
    memset(p->data, 0, ETHERNET_HEADER + IPV6_HEADER + ALERT_HEADER + length);
    store_be16(p->data + ETHERNET_TYPE, ETHERTYPE_IPV6);
    ipv6_make(ip, from, to, IPV6_HOP_BY_HOP, (uint16_t)(ALERT_HEADER + length), 1);
    memcpy(ip + IPV6_HEADER, alert, sizeof alert);
    ip[IPV6_HEADER + ALERT_HEADER + ICMP6_TYPE] = type;
    p->length = (uint16_t)(ETHERNET_HEADER + IPV6_HEADER + ALERT_HEADER + length);
    p->frame_length = p->length;
    p->port = PORT_NONE;
    return p;
}

static void message_send(struct worker *control, struct interface *out, struct packet *p)
{
    uint8_t *ip = p->data + ETHERNET_HEADER, *icmp = ip + IPV6_HEADER + ALERT_HEADER;
    uint32_t offset = (uint32_t)(icmp - p->data);
    uint16_t sum = ipv6_checksum(p, IPV6_ICMP, offset, p->frame_length - offset);
    memcpy(icmp + ICMP6_CHECKSUM, &sum, sizeof sum);
    ipv6_group_mac(ipv6_destination(ip), p->data);
    memcpy(p->data + ETHERNET_SOURCE, out->mac, MAC_LEN);
    ip_transmit(control, out, p);
}

static void report2(struct worker *control, struct interface *out, const struct groups *g,
                    uint8_t record)
{
    struct packet *p = message_make(control, out, ALL_LISTENERS2, ICMP6_LISTENER_REPORT2,
                                    ICMP6_HEADER + g->count * RECORD_LENGTH);
    if (!p)
        return;
    uint8_t *icmp = p->data + ETHERNET_HEADER + IPV6_HEADER + ALERT_HEADER;
    store_be16(icmp + 6, (uint16_t)g->count);
    for (unsigned i = 0; i < g->count; i++) {
        uint8_t *at = icmp + ICMP6_HEADER + i * RECORD_LENGTH;
        at[0] = record;
        ip_store(at + 4, g->group[i]);
    }
    message_send(control, out, p);
}

/* Of version 1: one message for each group, to the group itself; "done" to all routers. */
static void report1(struct worker *control, struct interface *out, const struct groups *g,
                    uint8_t type)
{
    for (unsigned i = 0; i < g->count; i++) {
        struct ip_address to = type == ICMP6_LISTENER_DONE ? IPV6_ALL_ROUTERS : g->group[i];
        struct packet *p = message_make(control, out, to, type, QUERY1_LENGTH);
        if (!p)
            return;
        ip_store(p->data + ETHERNET_HEADER + IPV6_HEADER + ALERT_HEADER + QUERY_GROUP, g->group[i]);
        message_send(control, out, p);
    }
}

static bool can_speak(const struct interface *interface)
{
    return ip_running() && interface->up && interface->ipv6;
}

static void report(struct worker *control, struct interface *out, const struct listener *l,
                   const struct groups *g, uint8_t record)
{
    bool old = l && time_us() < l->old_us;
    if (old)
        report1(control, out, g,
                record == RECORD_TO_INCLUDE ? ICMP6_LISTENER_DONE : ICMP6_LISTENER_REPORT);
    else
        report2(control, out, g, record);
}

/* All of its groups, or the one that was asked for, if it is one of ours. */
static void speak(struct worker *control, struct interface *out, struct listener *l,
                  uint64_t now_us)
{
    bool change = l->left, all = change || ip_is_zero(l->of);
    struct groups g = { .count = 1, .group[0] = l->of };
    l->asked = false;
    l->left -= change;
    l->due_us = l->left ? now_us + 1 + random_word() % MLD_REPORT_US : 0;
    for (unsigned at = 0; all && groups_next(out, &at, &g);)
        report(control, out, l, &g, change ? RECORD_TO_EXCLUDE : RECORD_IS_EXCLUDE);
    if (!all && listens(out, l->of))
        report(control, out, l, &g, RECORD_IS_EXCLUDE);
}

static void tick(struct worker *control, uint64_t now_us)
{
    for (unsigned i = 0; i < listeners.limit; i++) {
        struct listener *l = numbered_get(&listeners, i);
        struct interface *out = interface_get(i);
        if (l && out && l->due_us && now_us >= l->due_us && can_speak(out))
            speak(control, out, l, now_us);
    }
}

CONTROL_JOB(mld_job) = { .every_us = TICK_US, .run = tick };

/* Queries ------------------------------------------------------------------------ */

/* Answered within the time that it says.  One that asks for all goes before one for a group.  It
 * has a router's alert (RFC 3810 6.2), or is none. */
static void query(struct worker *control, const struct icmp6_message *m)
{
    struct listener *l = listener_of(m->in);
    uint64_t now_us = time_us();
    if (m->hop_limit != 1 || !m->alert || !ipv6_is_link_local(m->source) || !icmp6_is_flat(m) ||
        m->length < QUERY1_LENGTH || (m->length > QUERY1_LENGTH && m->length < QUERY2_LENGTH)) {
        forward_drop(control, m->packet->port, DROP_icmp_invalid, m->packet);
        return;
    }
    if (l) {
        uint64_t most_us = load_be16(m->icmp + QUERY_DELAY) * (uint64_t)US_PER_MS + 1;
        uint64_t due_us = now_us + random_word() % most_us;
        struct ip_address group = ip_load(m->icmp + QUERY_GROUP);
        if (m->length == QUERY1_LENGTH)
            l->old_us = now_us + MLD_OLD_QUERIER_US;
        l->of = l->asked && !ip_equal(l->of, group) ? (struct ip_address){ 0 } : group;
        l->asked = true;
        l->due_us = l->due_us && l->due_us < due_us ? l->due_us : due_us;
    }
    forward_consume(control, m->packet);
}

ICMP6_TAKER(mld_queries) = { .type = ICMP6_LISTENER_QUERY, .receive = query };

/* Changes ------------------------------------------------------------------------ */

static void changed(const struct interface *interface)
{
    struct listener *l = interface->ipv6 ? listener_of(interface) : NULL;
    if (!l)
        return;
    l->left = MLD_REPORTS;
    l->due_us = 1; /* with the next tick, before duplicates are looked for */
}

/* The groups of an address that has gone, as far as no other has them. */
static void leave(struct interface *interface, const struct address *a)
{
    struct groups gone = { .count = 1, .group[0] = ipv6_solicited_node(a->address) };
    if (ip_running() && interface->up && !interface->gone && !listens(interface, gone.group[0]))
        report(control_worker(), interface, numbered_get(&listeners, interface->number), &gone,
               RECORD_TO_INCLUDE);
}

static void heard(const struct event *event)
{
    const struct address *a = event->subject;
    switch (event->kind) {
    case EVENT_ADDRESS_ADDED:
        if (!ip_is_v4(a->address))
            changed(event->interface);
        break;
    case EVENT_ADDRESS_GONE:
        if (!ip_is_v4(a->address))
            leave(event->interface, a);
        break;
    case EVENT_INTERFACE_UP:
        changed(event->interface);
        break;
    case EVENT_INTERFACE_GONE:
        forget(event->interface->number);
        break;
    default:
        break;
    }
}

EVENT_LISTENER(mld_listener) = { .order = EVENT_ORDER_IP, .heard = heard };
