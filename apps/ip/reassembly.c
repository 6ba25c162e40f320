/* reassembly.c - joining fragments (reassembly.h). */
#include "apps/ip/reassembly.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/ip/fragment.h"
#include "apps/ip/icmp.h"
#include "apps/ip/icmp6.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/running.h"

#include <string.h>

#define TICK_US 10000u

struct piece {
    struct packet *packet;
    uint32_t begin, end; /* of the datagram's octets */
    uint32_t payload;    /* where they are in the frame */
    bool last;
};

/* Which datagram: RFC 791 3.2, RFC 8200 4.5. */
struct datagram {
    struct ip_address source, destination;
    uint32_t id;
    uint8_t protocol; /* IPv4's */
};

struct join {
    struct datagram datagram;
    unsigned count;                      /* 0: a free place */
    uint32_t end;                        /* of the datagram, once its last piece is there */
    struct piece piece[FRAGMENT_PIECES]; /* by offset */
    uint64_t expires_us;
};

static struct join joins[FRAGMENT_JOINS];

static uint8_t *ip_of(const struct packet *p)
{
    return p->data + ETHERNET_HEADER;
}

static void join_drop(struct worker *control, struct join *j, enum drop_reason why)
{
    while (j->count) {
        struct packet *p = j->piece[--j->count].packet;
        forward_drop(control, p->port, why, p);
    }
}

static bool join_is_of(const struct join *j, const struct datagram *d)
{
    return j->count && j->datagram.id == d->id && j->datagram.protocol == d->protocol &&
           ip_equal(j->datagram.source, d->source) &&
           ip_equal(j->datagram.destination, d->destination);
}

static struct join *join_find(struct worker *control, const struct datagram *datagram)
{
    struct join *oldest = &joins[0];
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++) {
        if (join_is_of(&joins[i], datagram))
            return &joins[i];
        if (oldest->count && (!joins[i].count || joins[i].expires_us < oldest->expires_us))
            oldest = &joins[i];
    }
    join_drop(control, oldest, DROP_fragment);
    *oldest = (struct join){ .datagram = *datagram, .expires_us = time_us() + FRAGMENT_TIMEOUT_US };
    return oldest;
}

/* The network may deliver a fragment twice (RFC 791 3.2): the second one is nothing new. */
static bool join_has(const struct join *j, const struct piece *p)
{
    for (unsigned i = 0; i < j->count; i++)
        if (j->piece[i].begin == p->begin && j->piece[i].end == p->end &&
            j->piece[i].last == p->last)
            return true;
    return false;
}

/* Whether a piece says of the datagram's end what no other piece does: any piece beyond a
 * known end, any second end (RFC 791 3.2 has one last fragment). */
static bool join_disagrees(const struct join *j, const struct piece *p)
{
    uint32_t furthest = j->count ? j->piece[j->count - 1].end : 0;
    if (p->last)
        return j->end || furthest > p->end;
    return j->end && p->end >= j->end;
}

/* Into its place; false when it overlaps a neighbor or there is no room. */
static bool join_insert(struct join *j, const struct piece *p)
{
    unsigned at = j->count;
    while (at && j->piece[at - 1].begin > p->begin)
        at--;
    if (j->count == FRAGMENT_PIECES || (at && j->piece[at - 1].end > p->begin) ||
        (at < j->count && p->end > j->piece[at].begin))
        return false;
    memmove(&j->piece[at + 1], &j->piece[at], (j->count - at) * sizeof j->piece[0]);
    j->piece[at] = *p;
    j->count++;
    if (p->last)
        j->end = p->end;
    return true;
}

static bool join_is_whole(const struct join *j)
{
    uint32_t at = 0;
    for (unsigned i = 0; i < j->count; i++) {
        if (j->piece[i].begin != at)
            return false;
        at = j->piece[i].end;
    }
    return at == j->end;
}

/* The headers in front of the datagram's octets, as the first piece has them. */
static struct packet *begin_v4(struct packet_cache *cache, const struct join *j)
{
    const uint8_t *ip = ip_of(j->piece[0].packet);
    struct packet *p = fragment_begin(cache, j->piece[0].packet, ip, ipv4_header_length(ip));
    if (p) {
        store_be16(ip_of(p) + IPV4_TOTAL_LENGTH, (uint16_t)(ipv4_header_length(ip) + j->end));
        store_be16(ip_of(p) + IPV4_FRAGMENT, 0);
        ipv4_checksum_set(ip_of(p));
    }
    return p;
}

static struct packet *begin_v6(struct packet_cache *cache, const struct join *j)
{
    const struct packet *first = j->piece[0].packet;
    struct ipv6_walk walk;
    ipv6_walk_begin(&walk, first);
    ipv6_walk_headers(&walk); /* to the fragment header, as when it came */
    struct packet *p = fragment_begin(cache, first, ip_of(first), walk.at);
    if (p) {
        store_be16(ip_of(p) + IPV6_PAYLOAD_LENGTH, (uint16_t)(walk.at - IPV6_HEADER + j->end));
        ip_of(p)[walk.next_at] = ip_of(first)[walk.at];
    }
    return p;
}

/* The packet that the pieces make: one stands for it, the others are consumed. */
static struct packet *join_finish(struct worker *control, struct join *j)
{
    struct packet_cache *cache = &control->cache;
    struct packet *whole = ip_is_v4(j->datagram.source) ? begin_v4(cache, j) : begin_v6(cache, j);
    bool done = whole;
    for (unsigned i = 0; done && i < j->count; i++)
        done = fragment_append(cache, whole, j->piece[i].packet, j->piece[i].payload,
                               j->piece[i].end - j->piece[i].begin);
    if (!done) {
        if (whole)
            packet_free(cache, whole);
        join_drop(control, j, DROP_no_buffer);
        return NULL;
    }
    while (j->count > 1)
        forward_consume(control, j->piece[--j->count].packet);
    packet_free(cache, j->piece[--j->count].packet);
    return whole;
}

static struct packet *join(struct worker *control, const struct datagram *datagram,
                           const struct piece *piece)
{
    struct packet *p = piece->packet;
    struct join *j = join_find(control, datagram);
    if (join_has(j, piece)) {
        forward_drop(control, p->port, DROP_fragment, p);
        return NULL;
    }
    if (join_disagrees(j, piece) || !join_insert(j, piece)) {
        forward_drop(control, p->port, DROP_fragment, p);
        join_drop(control, j, DROP_fragment);
        return NULL;
    }
    return join_is_whole(j) ? join_finish(control, j) : NULL;
}

/* Pieces but the last are of multiples of 8 octets, and what they make is no longer than a frame,
 * with `headers` in front. */
static bool is_sane(const struct piece *piece, uint32_t headers)
{
    uint32_t length = piece->end - piece->begin;
    return length && piece->end <= FRAME_MAX - ETHERNET_HEADER - headers &&
           (piece->last || length % 8 == 0);
}

struct packet *reassembly_join(struct worker *control, struct packet *p)
{
    const uint8_t *ip = ip_of(p);
    unsigned header = ipv4_header_length(ip), fragment = load_be16(ip + IPV4_FRAGMENT);
    uint32_t begin = 8u * (fragment & IPV4_FRAGMENT_OFFSET);
    const struct datagram datagram = { .source = ip_from_v4(load_be32(ip + IPV4_SOURCE)),
                                       .destination = ip_from_v4(load_be32(ip + IPV4_DESTINATION)),
                                       .id = load_be16(ip + IPV4_ID),
                                       .protocol = ip[IPV4_PROTOCOL] };
    const struct piece piece = { .packet = p,
                                 .begin = begin,
                                 .end = begin + load_be16(ip + IPV4_TOTAL_LENGTH) - header,
                                 .payload = ETHERNET_HEADER + header,
                                 .last = !(fragment & IPV4_FRAGMENT_MF) };
    if (is_sane(&piece, IPV4_HEADER_MAX))
        return join(control, &datagram, &piece);
    forward_drop(control, p->port, DROP_fragment, p);
    return NULL;
}

/* IPv6 ------------------------------------------------------------------------- */

/* Whether the first piece shows all headers up to the upper layer's (RFC 8200 4.5). */
static bool is_complete(const struct ipv6_walk *walk, uint32_t end)
{
    struct ipv6_walk on = *walk;
    on.next = ip_of(walk->packet)[walk->at];
    on.next_at = walk->at;
    on.at += IPV6_FRAGMENT_HEADER;
    return ipv6_walk_headers(&on) == IPV6_FINE && (on.at + 8 <= end || on.next == IPV6_NO_NEXT);
}

/* RFC 8200 4.5's error conditions, in its order; true: refused, and its source told. */
static bool is_refused(struct worker *control, const struct piece *piece,
                       const struct ipv6_walk *walk)
{
    struct packet *p = piece->packet;
    uint32_t length = piece->end - piece->begin;
    if (!piece->last && length % 8)
        icmp6_refuse(control, p, DROP_fragment, ICMP6_PROBLEM, ICMP6_PROBLEM_FIELD,
                     IPV6_PAYLOAD_LENGTH);
    else if (walk->at - IPV6_HEADER + piece->end > UINT16_MAX)
        icmp6_refuse(control, p, DROP_fragment, ICMP6_PROBLEM, ICMP6_PROBLEM_FIELD,
                     walk->at + IPV6_FRAGMENT_OFFSET);
    else if (!piece->begin && !is_complete(walk, piece->payload - ETHERNET_HEADER + length))
        icmp6_refuse(control, p, DROP_fragment, ICMP6_PROBLEM, ICMP6_PROBLEM_INCOMPLETE, 0);
    else if (!is_sane(piece, walk->at))
        forward_drop(control, p->port, DROP_fragment, p);
    else
        return false;
    return true;
}

struct packet *reassembly6_join(struct worker *control, struct packet *p,
                                const struct ipv6_walk *walk)
{
    const uint8_t *ip = ip_of(p), *fragment = ip + walk->at;
    uint32_t length = IPV6_HEADER + load_be16(ip + IPV6_PAYLOAD_LENGTH);
    uint32_t payload = walk->at + IPV6_FRAGMENT_HEADER;
    if (payload > length || ETHERNET_HEADER + payload > p->length) {
        forward_drop(control, p->port, DROP_fragment, p);
        return NULL;
    }
    uint32_t offset = load_be16(fragment + IPV6_FRAGMENT_OFFSET), begin = offset & ~7u;
    const struct datagram datagram = { .source = ipv6_source(ip),
                                       .destination = ipv6_destination(ip),
                                       .id = load_be32(fragment + IPV6_FRAGMENT_ID) };
    const struct piece piece = { .packet = p,
                                 .begin = begin,
                                 .end = begin + length - payload,
                                 .payload = ETHERNET_HEADER + payload,
                                 .last = !(offset & IPV6_FRAGMENT_MORE) };
    if (is_refused(control, &piece, walk))
        return NULL;
    if (begin || !piece.last)
        return join(control, &datagram, &piece);
    struct join alone = { .datagram = datagram, .count = 1, .end = piece.end, .piece[0] = piece };
    return join_finish(control, &alone);
}

/* Time ------------------------------------------------------------------------- */

static void tell_of_time(struct worker *control, const struct join *j)
{
    const struct packet *p = j->piece[0].packet;
    if (ip_is_v4(j->datagram.source))
        icmp_error(control, p, ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY_EXCEEDED, 0);
    else if (!j->piece[0].begin)
        icmp6_error(control, p, ICMP6_TIME_EXCEEDED, ICMP6_REASSEMBLY_EXCEEDED, 0);
}

static void tick(struct worker *control, uint64_t now_us)
{
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++) {
        struct join *j = &joins[i];
        if (!j->count || now_us < j->expires_us)
            continue;
        tell_of_time(control, j);
        join_drop(control, j, DROP_fragment);
    }
}

uint64_t reassembly_held(void)
{
    uint64_t held = 0;
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++)
        held += joins[i].count;
    return held;
}

CONTROL_JOB(reassembly_job) = { .every_us = TICK_US, .run = tick, .held = reassembly_held };

/* What came in by an interface that goes away. */
static void purge(const struct interface *interface)
{
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++)
        for (unsigned k = 0; k < joins[i].count; k++) {
            const struct packet *p = joins[i].piece[k].packet;
            if (p->interface == interface->number || p->port == interface->port_number) {
                join_drop(control_worker(), &joins[i], DROP_fragment);
                break;
            }
        }
}

static void heard(const struct event *event)
{
    if (event->kind == EVENT_INTERFACE_GONE)
        purge(event->interface);
    if (event->kind != EVENT_MODE_CHANGED || ip_running() || !forward_running())
        return;
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++)
        join_drop(control_worker(), &joins[i], DROP_stopped);
}

EVENT_LISTENER(reassembly_listener) = { .order = EVENT_ORDER_IP, .heard = heard };

void reassembly_reset(void)
{
    memset(joins, 0, sizeof joins);
}
