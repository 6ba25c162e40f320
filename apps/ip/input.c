/* input.c - IP input on workers, in stages over the burst (input.h). */
#include "apps/ip/input.h"

#include "apps/forward/access.h"
#include "apps/forward/event.h"
#include "apps/forward/forward.h"
#include "apps/forward/job.h"
#include "apps/ip/address.h"
#include "apps/ip/adjacency.h"
#include "apps/ip/fib.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/running.h"
#include "apps/ip/slow.h"
#include "kernel/time.h"

#include <string.h>

#define FINE (-1) /* beside the drop reasons */
#define REDIRECT_US 10000u

_Static_assert(FIB_BURST >= PORT_BURST, "a burst is looked up at once");

/* Set by a job when a redirect may be thought about again, cleared by the worker that does:
 * hairpin traffic stays on the fast path. */
static bool redirect_due;
static bool routing; /* workers' copy of ip_routing() */

/* One burst on its way through the stages. */
struct passage {
    struct worker *worker;
    struct interface *in;
    uint64_t mac;
    unsigned count; /* packets that are still here */
    struct packet *packet[PORT_BURST];
    uint32_t destination[PORT_BURST];
    uint32_t nexthop[PORT_BURST];
    uint16_t total[PORT_BURST]; /* length by its header */
    bool plain[PORT_BURST];     /* nothing about it but its route needs a thought */
    /* a run of packets for one interface */
    struct interface *out;
    uint16_t run_length;
    struct packet *run[PORT_BURST];
};

/* To the control task ------------------------------------------------------ */

/* The last quarter of the ring is for ARP: without it an interface goes deaf when others are
 * flooded. */
static void punt(struct passage *way, struct packet *p, uint16_t code)
{
    struct worker *worker = way->worker;
    const struct note note = {
        .handle = ip_slow, .packet = p, .port = p->port, .interface = way->in->number, .code = code
    };
    bool room =
        code == IP_SLOW_ARP || spsc_fill(&worker->to_control) <= worker->to_control.mask / 4 * 3;
    p->interface = way->in->number;
    if (!room || !forward_note(worker, &note))
        forward_drop(worker, p->port, DROP_control_full, p);
}

/* The packet leaves by the interface it came in on: its source might have had a shorter way.
 * The control task gets a copy to think about, so that the flow keeps its order. */
static void redirect_suggest(struct passage *way, const struct packet *p)
{
    if (!load_relaxed(&redirect_due))
        return;
    store_relaxed(&redirect_due, false);
    struct packet *copy = packet_copy(&way->worker->cache, p);
    if (!copy)
        return;
    counter_add(&forward_counters(way->worker, p->port)->copied, 1);
    punt(way, copy, IP_SLOW_REDIRECT);
}

/* Checks ------------------------------------------------------------------ */

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
    case ETHERTYPE_ARP:
        return FINE;
    case ETHERTYPE_VLAN:
    case ETHERTYPE_SERVICE_VLAN:
        return DROP_vlan;
    case ETHERTYPE_IPV6:
        return DROP_ipv6;
    default:
        return DROP_ethertype;
    }
}

static int ethernet_fault(const struct passage *way, struct packet *p)
{
    const uint8_t *frame = p->data;
    if (!(frame[0] & 1) && (mac_load(frame) ^ way->mac))
        return DROP_not_for_us;
    if (frame[ETHERNET_SOURCE] & 1)
        return DROP_group_source;
    if (!untag_priority(p))
        return DROP_vlan;
    int fault = type_fault(p);
    return fault != FINE || load_relaxed(&way->in->addresses) ? fault : DROP_no_address;
}

/* What the device that received the packet says of its checksum counts; one that says nothing
 * leaves it to us.  Whoever rewrites the header later makes its checksum, and nobody asks again. */
static bool checksum_good(const struct packet *p, const uint8_t *ip, unsigned header)
{
    if (p->flags & PACKET_IP_CHECKSUM_BAD)
        return false;
    return (p->flags & PACKET_IP_CHECKSUM_GOOD) || ipv4_checksum_ok(ip, header);
}

/* RFC 1812 5.2.2: discarded silently.  The first segment holds the header. */
static int header_fault(const struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t length = p->frame_length - ETHERNET_HEADER;
    if (length < IPV4_HEADER_MIN)
        return DROP_ip_short;
    if (ip[IPV4_VERSION_IHL] >> 4 != 4)
        return DROP_ip_version;
    unsigned header = ipv4_header_length(ip);
    if (header < IPV4_HEADER_MIN)
        return DROP_ip_header_length;
    unsigned total = load_be16(ip + IPV4_TOTAL_LENGTH);
    if (total < header || total > length)
        return DROP_ip_short;
    return checksum_good(p, ip, header) ? FINE : DROP_ip_checksum;
}

static bool is_ours_or_broadcast(uint32_t address)
{
    if (!address_may_be_ours(address))
        return false;
    uint32_t nexthop = fib_lookup(address);
    return nexthop == NEXTHOP_LOCAL || nexthop == NEXTHOP_BROADCAST;
}

/* Addresses no packet may have (RFC 1812 4.2.2.11, 5.3.7), and those that are
 * never forwarded (5.3.4, 5.3.5; unread: RFC 3927 7).  The FIB knows our own addresses
 * and the broadcast addresses of connected prefixes. */
static int address_fault(const uint8_t *frame, uint32_t nexthop)
{
    const uint8_t *ip = frame + ETHERNET_HEADER;
    uint32_t source = load_be32(ip + IPV4_SOURCE), destination = load_be32(ip + IPV4_DESTINATION);
    if (ipv4_is_martian(source) || is_ours_or_broadcast(source))
        return DROP_martian_source;
    if (destination == IPV4_LIMITED_BROADCAST || nexthop == NEXTHOP_BROADCAST)
        return DROP_broadcast;
    if (ipv4_is_multicast(destination))
        return DROP_multicast;
    if (ipv4_is_martian(destination))
        return DROP_martian_destination;
    if (frame[0] & 1)
        return DROP_link_broadcast;
    if (nexthop == NEXTHOP_LOCAL)
        return FINE;
    if (ipv4_is_link_local(source))
        return DROP_martian_source;
    return ipv4_is_link_local(destination) ? DROP_martian_destination : FINE;
}

/* Stage 1: headers --------------------------------------------------------- */

#define FIRST_SOURCE_GROUP (1ull << 48) /* of a frame's first eight octets */
#define TYPE_IPV4 0x0008u               /* as it lies in memory */
#define VERSION_4_LENGTH_5 0x45u

/* First octets that need a thought: RFC 1812 5.3.7's, and 169 for RFC 3927's. */
static inline bool is_special(uint32_t address)
{
    uint32_t net = address >> 24;
    return net == 0 || net == 127 || net == 169 || net >= 224;
}

/* The sum over a header of 20 octets, which lie in three words. */
static inline bool sum_is_right(uint64_t first, uint64_t second, uint32_t third)
{
    uint64_t sum = (first & UINT32_MAX) + (first >> 32) + (second & UINT32_MAX) + (second >> 32);
    return checksum_finish(sum + third) == 0;
}

/* An ordinary packet to be passed on, and that is most of them: untagged, to our MAC, from a
 * station, without options, long enough and no longer than it says, its checksum right, no
 * address that means something special.  Every field is loaded once.  False: not taken. */
static inline bool take_plain(struct passage *way, struct packet *p)
{
    const uint8_t *frame = p->data, *ip = frame + ETHERNET_HEADER;
    uint64_t begin = load_le64(frame), first = load_le64(ip), second = load_le64(ip + 8);
    uint32_t third = load_le32(ip + IPV4_DESTINATION);
    uint32_t source = __builtin_bswap32((uint32_t)(second >> 32));
    uint32_t destination = __builtin_bswap32(third);
    uint32_t total = __builtin_bswap16((uint16_t)(first >> 16));
    uint32_t length = p->frame_length - ETHERNET_HEADER;
    bool usual = !((begin ^ way->mac) & (MAC_WORD | FIRST_SOURCE_GROUP)) &&
                 load_le16(frame + ETHERNET_TYPE) == TYPE_IPV4 &&
                 (first & 0xff) == VERSION_4_LENGTH_5 && (second & 0xff) > 1;
    if (!usual || total < IPV4_HEADER_MIN || total > length ||
        (length != total && p->frame_length > FRAME_PADDED))
        return false;
    if (p->flags != PACKET_IP_CHECKSUM_GOOD && (p->flags || !sum_is_right(first, second, third)))
        return false;
    if (is_special(source) || is_special(destination) || address_may_be_ours(source))
        return false;
    way->packet[way->count] = p;
    way->destination[way->count] = destination;
    way->total[way->count] = (uint16_t)total;
    way->plain[way->count++] = true;
    return true;
}

/* What Ethernet padded stays padded; anything longer is not the packet's. */
static void trim(struct passage *way, struct packet *p)
{
    uint32_t length = ETHERNET_HEADER + load_be16(p->data + ETHERNET_HEADER + IPV4_TOTAL_LENGTH);
    length = length > FRAME_PADDED ? length : FRAME_PADDED;
    if (unlikely(p->frame_length > length))
        ipv4_packet_trim(&way->worker->cache, p, length);
}

/* Everything else: why it is dropped, or that it goes on. */
static void check(struct passage *way, struct packet *p)
{
    int fault = ethernet_fault(way, p);
    if (fault == FINE && ethernet_type(p->data) == ETHERTYPE_ARP) {
        punt(way, p, IP_SLOW_ARP);
        return;
    }
    if (fault == FINE)
        fault = header_fault(p);
    if (fault != FINE) {
        forward_drop(way->worker, p->port, (enum drop_reason)fault, p);
        return;
    }
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    trim(way, p);
    way->packet[way->count] = p;
    way->destination[way->count] = load_be32(ip + IPV4_DESTINATION);
    way->total[way->count] = load_be16(ip + IPV4_TOTAL_LENGTH);
    way->plain[way->count++] = false;
}

/* Stage 3: output ----------------------------------------------------------- */

static void run_end(struct passage *way)
{
    if (way->run_length)
        way->out->output(way->worker, way->out, way->run, way->run_length);
    way->run_length = 0;
}

/* The header bytes go in front of the IP header; one that is longer than what came needs the
 * room for it. */
static bool put_header(struct packet *p, const struct adjacency *a)
{
    if (likely(a->header_length == ETHERNET_HEADER)) {
        memcpy(p->data, a->header, ETHERNET_HEADER);
        return true;
    }
    unsigned longer = a->header_length - ETHERNET_HEADER;
    if ((size_t)(p->data - p->buffer) < longer)
        return false;
    p->data -= longer;
    p->length = (uint16_t)(p->length + longer);
    p->frame_length += longer;
    memcpy(p->data, a->header, a->header_length);
    return true;
}

/* The ordinary packet to a resolved next hop; false: nothing done. */
static inline __attribute__((always_inline)) bool pass_on(struct passage *way, unsigned i,
                                                          struct adjacency *a)
{
    struct packet *p = way->packet[i];
    uint8_t *ip = p->data + ETHERNET_HEADER;
    if (!load_acquire(&a->valid) || way->total[i] > a->mtu)
        return false;
    if (unlikely(a->interface == way->in))
        redirect_suggest(way, p);
    if (unlikely(!put_header(p, a)))
        return false;
    if (unlikely(!load_relaxed(&a->used)))
        store_relaxed(&a->used, 1);
    ipv4_decrement_ttl(ip);
    if (unlikely(a->interface != way->out)) {
        run_end(way);
        way->out = a->interface;
    }
    way->run[way->run_length++] = p;
    return true;
}

/* Whatever is not plain, and in a mode that does not route everything. */
static __attribute__((noinline)) void decide(struct passage *way, unsigned i, struct adjacency *a)
{
    struct packet *p = way->packet[i];
    uint32_t nexthop = way->nexthop[i];
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    int fault = address_fault(p->data, nexthop);
    if (fault == FINE && nexthop != NEXTHOP_LOCAL && !load_relaxed(&routing))
        fault = DROP_not_routed;
    if (fault != FINE)
        forward_drop(way->worker, p->port, (enum drop_reason)fault, p);
    else if (ip[IPV4_VERSION_IHL] != 0x45 || ip[IPV4_TTL] <= 1 || !pass_on(way, i, a))
        punt(way, p, IP_SLOW_PACKET);
}

static void output(struct passage *way, struct adjacency *const *adjacency)
{
    bool may_pass = load_relaxed(&routing);
    for (unsigned i = 0; i < way->count; i++)
        if (!likely(may_pass && way->plain[i]) || !pass_on(way, i, adjacency[i]))
            decide(way, i, adjacency[i]);
    run_end(way);
}

/* Stage 2: look-ups ---------------------------------------------------------- */

static void resolve(struct passage *way, struct adjacency **adjacency)
{
    fib_lookup_burst(way->destination, way->nexthop, way->count);
    for (unsigned i = 0; i < way->count; i++)
        __builtin_prefetch(nexthop_at(way->nexthop[i]));
    for (unsigned i = 0; i < way->count; i++) {
        adjacency[i] = adjacency_at(nexthop_at(way->nexthop[i])->way[0].adjacency);
        __builtin_prefetch(adjacency[i]);
    }
}

void ip_input(struct worker *worker, struct interface *interface, struct packet **packets,
              uint16_t n)
{
    struct passage way;
    struct adjacency *adjacency[PORT_BURST];
    way.worker = worker;
    way.in = interface;
    way.mac = load_relaxed(&interface->mac_word);
    way.count = 0;
    way.out = NULL;
    way.run_length = 0;
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(packets[i]->data);
    bool takes = load_relaxed(&interface->addresses);
    for (unsigned i = 0; i < n; i++)
        if (unlikely(!takes) || !take_plain(&way, packets[i]))
            check(&way, packets[i]);
    if (!way.count)
        return;
    resolve(&way, adjacency);
    output(&way, adjacency);
}

/* Control ------------------------------------------------------------------ */

void ip_input_reset(void)
{
    redirect_due = false;
}

static void allow_redirect(struct worker *control, uint64_t now_us)
{
    store_relaxed(&redirect_due, true);
}

CONTROL_JOB(redirect_job) = { .every_us = REDIRECT_US, .run = allow_redirect };

static void heard(const struct event *event)
{
    if (event->kind == EVENT_INTERFACE_ADDED) {
        event->interface->ip_input = ip_input;
        interface_set_input(event->interface, ip_input);
    }
    if (event->kind == EVENT_MODE_CHANGED)
        store_relaxed(&routing, ip_routing());
}

EVENT_LISTENER(ip_input_listener) = { .order = EVENT_ORDER_IP, .heard = heard };
