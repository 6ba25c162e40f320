/* passage.h - a burst on its way through IP input, in the stages that both families have.
 *
 * Each family makes these functions anew in its own file (input.c), where the compiler sees
 * through them: they are its fast path. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/forward/vlan.h"
#include "apps/ip/adjacency.h"
#include "apps/ip/group.h"
#include "apps/ip/nexthop.h"
#include "kernel/compiler.h"

#include <string.h>

#define FINE (-1)                                     /* beside the drop reasons */
#define TYPE_OCTETS (ETHERNET_HEADER - ETHERNET_TYPE) /* in front of an IP header */

_Static_assert(PORT_BURST <= 32, "a burst's packets are bits of a word");

/* Those that stay move up in the burst's own array. */
struct passage {
    struct worker *worker;
    struct interface *in;
    struct packet **packet;
    unsigned count;        /* packets that are still here */
    struct packet **other; /* those that turn out to be the other family's */
    unsigned others;
    unsigned lead; /* octets in front of a packet's IP header: its tag stays, if it is a VLAN's */
    uint32_t bare; /* bits of those whose tag has been taken off: it is ETHERNET_HEADER */
    uint32_t odd;  /* bits: something else than its route needs a thought */
    uint32_t refused; /* bits of those: its source may not come in here */
    const struct nexthop *nexthop[PORT_BURST];
    struct adjacency *adjacency[PORT_BURST];
    struct interface *out; /* for it are packet[first] to packet[end - 1] */
    unsigned first, end;
};

static inline void passage_begin(struct passage *way, struct worker *worker, struct interface *in,
                                 struct packet **packets)
{
    way->worker = worker;
    way->in = in;
    way->packet = packets;
    way->lead = ETHERNET_HEADER + (in->vid ? VLAN_TAG : 0u);
    way->bare = way->odd = way->refused = 0;
}

static inline unsigned passage_lead(const struct passage *way, unsigned i)
{
    return way->bare >> i & 1 ? ETHERNET_HEADER : way->lead;
}

static inline uint8_t *passage_ip(const struct passage *way, unsigned i)
{
    return way->packet[i]->data + passage_lead(way, i);
}

/* For whoever knows of no tags. */
static inline void passage_untag(const struct passage *way, struct packet *p)
{
    if (way->lead != ETHERNET_HEADER)
        vlan_take_tag(p);
}

static inline void passage_bare(struct passage *way, unsigned i)
{
    if (!(way->bare >> i & 1))
        passage_untag(way, way->packet[i]);
    way->bare |= 1u << i;
}

/* To the control task ------------------------------------------------------ */

/* Why a packet goes there: struct note's code. */
enum { IP_SLOW_PACKET, IP_SLOW_RESOLVE, IP_SLOW_REDIRECT };

typedef void note_fn(struct worker *control, const struct note *note);

extern bool passage_routing;      /* workers' copy of ip_routing() */
extern bool passage_redirect_due; /* a redirect may be thought about again */

/* With its code to `slow`; what resolves addresses (ARP) may take the last quarter of the ring:
 * without it an interface goes deaf when others are flooded. */
void passage_punt(struct passage *way, struct packet *packet, note_fn *slow, uint16_t code);
/* The packet leaves by the interface it came in on: its source might have had a shorter way.  The
 * control task gets a copy to think about, so that the flow keeps its order. */
void passage_redirect(struct passage *way, unsigned i, note_fn *slow);
/* What Ethernet says against a frame without its VLAN's tag, whatever it carries; a priority's tag
 * is taken off. */
int passage_ethernet_fault(const struct passage *way, struct packet *packet);
void passage_reset(void); /* tests */

/* Look-ups ------------------------------------------------------------------- */

/* Refuses packets by what the forwarding table says of their sources, where the interface is to
 * look at that. */
void passage_check_sources(struct passage *way, const uint32_t *value);

/* choose: what to do where some route has several next hops. */
static ALWAYS_INLINE void passage_resolve(struct passage *way, const uint32_t *value,
                                          void (*choose)(struct passage *way))
{
    unsigned count = way->count;
    for (unsigned i = 0; i < count; i++) {
        way->nexthop[i] = nexthop_at(value[i]);
        __builtin_prefetch(way->nexthop[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        way->adjacency[i] = way->nexthop[i]->adjacency;
        __builtin_prefetch(way->adjacency[i]);
    }
    if (unlikely(load_relaxed(&group_count)))
        choose(way);
}

#define TAGGED_HEADER (ETHERNET_HEADER + VLAN_TAG)

/* Output --------------------------------------------------------------------- */

static inline void passage_run_end(struct passage *way)
{
    unsigned first = way->first;
    way->first = way->end;
    if (way->end != first)
        way->out->output(way->worker, way->out, way->packet + first, (uint16_t)(way->end - first));
}

/* What is asked once of the next hop of packets in a row: it is resolved, known to be in use, and
 * not on the interface where they came in.  False: it is not resolved. */
static ALWAYS_INLINE bool passage_turn_to(struct passage *way, unsigned i, struct adjacency *a,
                                          note_fn *slow)
{
    if (!load_acquire(&a->valid))
        return false;
    if (unlikely(a->interface == way->in))
        passage_redirect(way, i, slow);
    if (unlikely(!load_relaxed(&a->used)))
        store_relaxed(&a->used, 1);
    if (unlikely(a->interface != way->out))
        passage_run_end(way);
    way->out = a->interface;
    return true;
}

/* Makes `lead` octets in front of a packet `header`, which are not as many; false: there is no
 * room for them.  A call, so that nothing is reckoned for packets that it is not made for. */
bool passage_move(struct packet *p, unsigned lead, unsigned header);

/* The ordinary packets from number i to `end`, exclusive, as far as they have one next hop, it is
 * resolved and they fit: the header bytes go in front of the IP header.  How many: of the one
 * after them nothing is changed. */
static ALWAYS_INLINE unsigned passage_pass_on(struct passage *way, unsigned i, unsigned end,
                                              unsigned lead, void (*decrement)(uint8_t *ip),
                                              note_fn *slow)
{
    struct packet **packet = way->packet;
    struct adjacency *a = way->adjacency[i];
    unsigned first = i, passed = way->end;
    if (i == end || !passage_turn_to(way, i, a, slow))
        return 0;
    uint32_t limit = lead + a->mtu, header = a->header_length;
    for (; i < end && way->adjacency[i] == a; i++) {
        struct packet *p = packet[i];
        uint8_t *ip = p->data + lead;
        if (p->frame_length > limit || (unlikely(header != lead) && !passage_move(p, lead, header)))
            break;
        if (likely(header == ETHERNET_HEADER))
            memcpy(p->data, a->header, ETHERNET_HEADER);
        else if (likely(header == TAGGED_HEADER))
            memcpy(p->data, a->header, TAGGED_HEADER);
        else
            memcpy(p->data, a->header, header);
        decrement(ip);
        packet[passed++] = p;
    }
    way->end = passed;
    return i - first;
}

/* The ordinary ones pass on, run by run; the others are for decide(), without their tag, and in a
 * mode that does not route that is all. */
static ALWAYS_INLINE void passage_put_out(struct passage *way, unsigned lead,
                                          void (*decrement)(uint8_t *ip),
                                          void (*decide)(struct passage *way, unsigned i),
                                          note_fn *slow)
{
    unsigned count = way->count;
    uint64_t odd = load_relaxed(&passage_routing) ? way->odd : UINT32_MAX;
    odd |= 1ull << count; /* the end is one too */
    way->out = NULL;
    way->first = way->end = 0;
    for (unsigned i = 0; i < count;) {
        unsigned end = i + (unsigned)__builtin_ctzll(odd >> i);
        unsigned passed = passage_pass_on(way, i, end, lead, decrement, slow);
        if (unlikely(!passed)) {
            passage_bare(way, i);
            decide(way, i++);
        }
        i += passed;
    }
    passage_run_end(way);
}

/* Most have no tag: theirs are ways of their own, in which what is known need not be asked. */
static ALWAYS_INLINE void passage_output(struct passage *way, void (*decrement)(uint8_t *ip),
                                         void (*decide)(struct passage *way, unsigned i),
                                         note_fn *slow)
{
    if (likely(way->lead == ETHERNET_HEADER))
        passage_put_out(way, ETHERNET_HEADER, decrement, decide, slow);
    else
        passage_put_out(way, TAGGED_HEADER, decrement, decide, slow);
}
