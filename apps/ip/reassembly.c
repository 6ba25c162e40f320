/* reassembly.c - joining fragments (reassembly.h). */
#include "apps/ip/reassembly.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/ip/fragment.h"
#include "apps/ip/icmp.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/running.h"

#include <string.h>

#define TICK_US 10000u

struct join {
    uint32_t source, destination;
    uint16_t id;
    uint8_t protocol;
    unsigned count;                        /* 0: a free place */
    uint32_t end;                          /* of the datagram, once its last piece is there */
    struct packet *piece[FRAGMENT_PIECES]; /* by offset */
    uint64_t expires_us;
};

static struct join joins[FRAGMENT_JOINS];

static const uint8_t *ip_of(const struct packet *p)
{
    return p->data + ETHERNET_HEADER;
}

static uint32_t piece_begin(const struct packet *p)
{
    return 8u * (load_be16(ip_of(p) + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET);
}

static uint32_t piece_length(const struct packet *p)
{
    return load_be16(ip_of(p) + IPV4_TOTAL_LENGTH) - ipv4_header_length(ip_of(p));
}

static uint32_t piece_end(const struct packet *p)
{
    return piece_begin(p) + piece_length(p);
}

static bool piece_is_last(const struct packet *p)
{
    return !(load_be16(ip_of(p) + IPV4_FRAGMENT) & IPV4_FRAGMENT_MF);
}

static void join_drop(struct worker *control, struct join *j, enum drop_reason why)
{
    while (j->count) {
        struct packet *p = j->piece[--j->count];
        forward_drop(control, p->port, why, p);
    }
}

/* RFC 791 3.2: the four fields that say which datagram it is. */
static bool join_is_of(const struct join *j, const uint8_t *ip)
{
    return j->count && j->source == load_be32(ip + IPV4_SOURCE) &&
           j->destination == load_be32(ip + IPV4_DESTINATION) && j->id == load_be16(ip + IPV4_ID) &&
           j->protocol == ip[IPV4_PROTOCOL];
}

static struct join *join_find(struct worker *control, const uint8_t *ip)
{
    struct join *oldest = &joins[0];
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++) {
        if (join_is_of(&joins[i], ip))
            return &joins[i];
        if (oldest->count && (!joins[i].count || joins[i].expires_us < oldest->expires_us))
            oldest = &joins[i];
    }
    join_drop(control, oldest, DROP_fragment);
    *oldest = (struct join){ .source = load_be32(ip + IPV4_SOURCE),
                             .destination = load_be32(ip + IPV4_DESTINATION),
                             .id = load_be16(ip + IPV4_ID),
                             .protocol = ip[IPV4_PROTOCOL],
                             .expires_us = time_us() + FRAGMENT_TIMEOUT_US };
    return oldest;
}

/* The network may deliver a fragment twice (RFC 791 3.2): the second one is nothing new. */
static bool join_has(const struct join *j, const struct packet *p)
{
    for (unsigned i = 0; i < j->count; i++)
        if (piece_begin(j->piece[i]) == piece_begin(p) && piece_end(j->piece[i]) == piece_end(p) &&
            piece_is_last(j->piece[i]) == piece_is_last(p))
            return true;
    return false;
}

/* Whether a piece says of the datagram's end what no other piece does: any piece beyond a
 * known end, any second end (RFC 791 3.2 has one last fragment). */
static bool join_disagrees(const struct join *j, const struct packet *p)
{
    uint32_t furthest = j->count ? piece_end(j->piece[j->count - 1]) : 0;
    if (piece_is_last(p))
        return j->end || furthest > piece_end(p);
    return j->end && piece_end(p) >= j->end;
}

/* Into its place; false when it overlaps a neighbor or there is no room. */
static bool join_insert(struct join *j, struct packet *p)
{
    unsigned at = j->count;
    while (at && piece_begin(j->piece[at - 1]) > piece_begin(p))
        at--;
    if (j->count == FRAGMENT_PIECES || (at && piece_end(j->piece[at - 1]) > piece_begin(p)) ||
        (at < j->count && piece_end(p) > piece_begin(j->piece[at])))
        return false;
    memmove(&j->piece[at + 1], &j->piece[at], (j->count - at) * sizeof j->piece[0]);
    j->piece[at] = p;
    j->count++;
    if (piece_is_last(p))
        j->end = piece_end(p);
    return true;
}

static bool join_is_whole(const struct join *j)
{
    uint32_t at = 0;
    for (unsigned i = 0; i < j->count; i++) {
        if (piece_begin(j->piece[i]) != at)
            return false;
        at = piece_end(j->piece[i]);
    }
    return at == j->end;
}

/* The packet that the pieces make: one stands for it, the others are consumed. */
static struct packet *join_finish(struct worker *control, struct join *j)
{
    const struct packet *first = j->piece[0];
    struct packet_cache *cache = &control->cache;
    struct packet *whole =
        fragment_begin(cache, first, ip_of(first), ipv4_header_length(ip_of(first)));
    bool done = whole;
    for (unsigned i = 0; done && i < j->count; i++)
        done = fragment_append(cache, whole, j->piece[i], fragment_payload(j->piece[i]),
                               piece_length(j->piece[i]));
    if (!done) {
        if (whole)
            packet_free(cache, whole);
        join_drop(control, j, DROP_no_buffer);
        return NULL;
    }
    uint8_t *ip = whole->data + ETHERNET_HEADER;
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(whole->frame_length - ETHERNET_HEADER));
    store_be16(ip + IPV4_FRAGMENT, 0);
    ipv4_checksum_set(ip);
    while (j->count > 1)
        forward_consume(control, j->piece[--j->count]);
    packet_free(cache, j->piece[--j->count]);
    return whole;
}

struct packet *reassembly_join(struct worker *control, struct packet *piece)
{
    uint32_t room = FRAME_MAX - ETHERNET_HEADER - IPV4_HEADER_MAX;
    bool sane = piece_length(piece) && piece_end(piece) <= room &&
                (piece_is_last(piece) || piece_length(piece) % 8 == 0);
    if (!sane) {
        forward_drop(control, piece->port, DROP_fragment, piece);
        return NULL;
    }
    struct join *j = join_find(control, ip_of(piece));
    if (join_has(j, piece)) {
        forward_drop(control, piece->port, DROP_fragment, piece);
        return NULL;
    }
    if (join_disagrees(j, piece) || !join_insert(j, piece)) {
        forward_drop(control, piece->port, DROP_fragment, piece);
        join_drop(control, j, DROP_fragment);
        return NULL;
    }
    return join_is_whole(j) ? join_finish(control, j) : NULL;
}

static void tick(struct worker *control, uint64_t now_us)
{
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++) {
        struct join *j = &joins[i];
        if (!j->count || now_us < j->expires_us)
            continue;
        icmp_error(control, j->piece[0], ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY_EXCEEDED, 0);
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
            const struct packet *p = joins[i].piece[k];
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
