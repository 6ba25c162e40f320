/* passage.c - what of IP input on workers is seldom (passage.h). */
#include "apps/ip/passage.h"

#include "apps/forward/access.h"
#include "apps/forward/event.h"
#include "apps/forward/job.h"
#include "apps/ip/running.h"

#define REDIRECT_US 10000u

/* Set by a job, cleared by the worker that thinks about one: hairpin traffic stays on the fast
 * path. */
bool passage_redirect_due;
bool passage_routing;

void passage_reset(void)
{
    passage_redirect_due = false;
}

void passage_punt(struct passage *way, struct packet *p, note_fn *slow, uint16_t code)
{
    struct worker *worker = way->worker;
    const struct note note = {
        .handle = slow, .packet = p, .port = p->port, .interface = way->in->number, .code = code
    };
    bool room = code == IP_SLOW_RESOLVE ||
                spsc_fill(&worker->to_control) <= worker->to_control.mask / 4 * 3;
    p->interface = way->in->number;
    if (!room || !forward_note(worker, &note))
        forward_drop(worker, p->port, DROP_control_full, p);
}

void passage_redirect(struct passage *way, unsigned i, note_fn *slow)
{
    if (!load_relaxed(&passage_redirect_due) || load_relaxed(&way->in->no_redirects))
        return;
    store_relaxed(&passage_redirect_due, false);
    struct packet *copy = packet_copy(&way->worker->cache, way->packet[i]);
    if (!copy)
        return;
    if (passage_lead(way, i) != ETHERNET_HEADER)
        vlan_take_tag(copy);
    counter_add(&forward_counters(way->worker, copy->port)->copied, 1);
    passage_punt(way, copy, slow, IP_SLOW_REDIRECT);
}

bool passage_move(struct packet *p, unsigned lead, unsigned header)
{
    if (header > lead && (size_t)(p->data - p->buffer) < header - lead)
        return false;
    p->data += (int)(lead - header);
    packet_lengthen(p, (uint16_t)header);
    packet_shorten(p, (uint16_t)lead);
    return true;
}

/* A frame with a priority's tag is an untagged one.  False: it has a VLAN's, beside it or in
 * it. */
static bool untag_priority(struct packet *p)
{
    access_take_priority(p);
    return !(p->flags & PACKET_VLAN);
}

static int type_fault(const struct packet *p)
{
    switch (ethernet_type(p->data)) {
    case ETHERTYPE_IPV4:
    case ETHERTYPE_IPV6:
    case ETHERTYPE_ARP:
        return FINE;
    case ETHERTYPE_VLAN:
    case ETHERTYPE_SERVICE_VLAN:
        return DROP_vlan;
    default:
        return DROP_ethertype;
    }
}

int passage_ethernet_fault(const struct passage *way, struct packet *p)
{
    const uint8_t *frame = p->data;
    if (!(frame[0] & 1) && mac_load(frame) != load_relaxed(&way->in->mac_word))
        return DROP_not_for_us;
    if (frame[ETHERNET_SOURCE] & 1)
        return DROP_group_source;
    if (!untag_priority(p))
        return DROP_vlan;
    int fault = type_fault(p);
    return fault != FINE || load_relaxed(&way->in->addresses) ? fault : DROP_no_address;
}

/* Of several ways any will do. */
static bool leads_out_of(const struct nexthop *back, const struct interface *in)
{
    for (unsigned i = 0; back->group && i < back->group->count; i++)
        if (load_acquire(&back->group->way[i])->interface == in)
            return true;
    return !back->group && back->interface == in->number;
}

/* Our own and broadcast addresses are no sources anyway: the address checks say so. */
static bool source_may(const struct nexthop *back, const struct interface *in)
{
    switch (back->kind) {
    case NEXTHOP_NONE:
    case NEXTHOP_BLACKHOLE:
    case NEXTHOP_UNREACHABLE:
    case NEXTHOP_PROHIBIT:
        return false;
    case NEXTHOP_LOCAL:
    case NEXTHOP_BROADCAST:
        return true;
    default:
        return load_relaxed(&in->reverse_path) != REVERSE_PATH_STRICT || leads_out_of(back, in);
    }
}

void passage_check_sources(struct passage *way, const uint32_t *value)
{
    for (unsigned i = 0; i < way->count; i++)
        way->refused |= (uint32_t)!source_may(nexthop_at(value[i]), way->in) << i;
    way->odd |= way->refused;
}

static void allow_redirect(struct worker *control, uint64_t now_us)
{
    store_relaxed(&passage_redirect_due, true);
}

CONTROL_JOB(redirect_job) = { .every_us = REDIRECT_US, .run = allow_redirect };

static void heard(const struct event *event)
{
    if (event->kind == EVENT_MODE_CHANGED)
        store_relaxed(&passage_routing, ip_routing());
}

EVENT_LISTENER(passage_listener) = { .order = EVENT_ORDER_IP, .heard = heard };
