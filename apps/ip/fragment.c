/* fragment.c - cutting packets and joining fragments (fragment.h). */
#include "apps/ip/fragment.h"

#include "apps/ip/icmp.h"
#include "apps/ip/ipv4.h"
#include "nic/port.h"

#include <errno.h>

#define OPTION_NOP 1u
#define OPTION_COPIED 0x80u /* RFC 791 3.1: into every fragment */

struct cut {
    const struct packet *whole;
    uint8_t header[IPV4_HEADER_MAX];
    unsigned header_length;
    uint32_t offset, left; /* payload: bytes done, bytes to go */
    uint16_t fragment;     /* the original's flags and offset */
};

/* From the second fragment on, only options with the copied flag. */
static void header_reduce(struct cut *cut)
{
    unsigned end = cut->header_length, to = IPV4_OPTIONS, length;
    for (unsigned at = IPV4_OPTIONS; at < end && cut->header[at]; at += length) {
        length = cut->header[at] == OPTION_NOP ? 1 : at + 1 < end ? cut->header[at + 1] : 0;
        if (!length || length > end - at)
            break; /* the receiver of options checks them; this only stays in bounds */
        if (!(cut->header[at] & OPTION_COPIED))
            continue;
        memmove(cut->header + to, cut->header + at, length);
        to += length;
    }
    cut->header_length = ALIGN_UP(to, 4u);
    memset(cut->header + to, 0, cut->header_length - to);
    cut->header[IPV4_VERSION_IHL] = (uint8_t)(0x40 | cut->header_length / 4);
}

/* Appends length octets at `offset` of another frame, buffer after buffer. */
static bool payload_append(struct packet_cache *cache, struct packet *frame,
                           const struct packet *from, uint32_t offset, uint32_t length)
{
    struct packet *last = frame;
    while (last->next)
        last = last->next;
    while (length) {
        if (!packet_tailroom(last)) {
            last->next = packet_alloc(cache);
            last = last->next;
            if (!last)
                return false;
        }
        uint32_t room = packet_tailroom(last), n = length < room ? length : room;
        if (!packet_read(from, offset, last->data + last->length, n))
            return false;
        last->length = (uint16_t)(last->length + n);
        frame->frame_length += n;
        offset += n;
        length -= n;
    }
    return true;
}

/* A frame that has the Ethernet header of `like` and this IP header. */
static struct packet *header_make(struct packet_cache *cache, const struct packet *like,
                                  const uint8_t *ip, unsigned header_length)
{
    struct packet *p = packet_alloc(cache);
    if (!p)
        return NULL;
    memcpy(p->data, like->data, ETHERNET_HEADER);
    memcpy(p->data + ETHERNET_HEADER, ip, header_length);
    p->length = (uint16_t)(ETHERNET_HEADER + header_length);
    p->frame_length = p->length;
    p->port = like->port;
    return p;
}

static uint32_t payload_offset(const struct packet *p)
{
    return ETHERNET_HEADER + ipv4_header_length(p->data + ETHERNET_HEADER);
}

static struct packet *cut_next(struct packet_cache *cache, struct cut *cut, uint16_t mtu)
{
    uint32_t room = mtu - cut->header_length;
    uint32_t length = cut->left <= room ? cut->left : ALIGN_DOWN(room, 8u);
    bool more = length < cut->left || (cut->fragment & IPV4_FRAGMENT_MF);
    struct packet *p = header_make(cache, cut->whole, cut->header, cut->header_length);
    if (!p)
        return NULL;
    uint8_t *ip = p->data + ETHERNET_HEADER;
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(cut->header_length + length));
    store_be16(ip + IPV4_FRAGMENT,
               (uint16_t)((more ? IPV4_FRAGMENT_MF : 0) |
                          ((cut->fragment & IPV4_FRAGMENT_OFFSET) + cut->offset / 8)));
    ipv4_checksum_set(ip);
    if (!payload_append(cache, p, cut->whole, payload_offset(cut->whole) + cut->offset, length)) {
        packet_free(cache, p);
        return NULL;
    }
    cut->offset += length;
    cut->left -= length;
    return p;
}

int fragment_packet(struct packet_cache *cache, const struct packet *whole, uint16_t mtu,
                    struct packet *fragments[FRAGMENTS_MAX])
{
    const uint8_t *ip = whole->data + ETHERNET_HEADER;
    struct cut cut = { .whole = whole, .header_length = ipv4_header_length(ip) };
    memcpy(cut.header, ip, cut.header_length);
    cut.fragment = load_be16(ip + IPV4_FRAGMENT);
    cut.left = load_be16(ip + IPV4_TOTAL_LENGTH) - cut.header_length;
    if ((cut.fragment & IPV4_FRAGMENT_OFFSET) * 8u + cut.left > UINT16_MAX)
        return -EOVERFLOW;

    unsigned n = 0;
    int e = 0;
    while (cut.left && !e) {
        e = n == FRAGMENTS_MAX ? -E2BIG : 0;
        if (!e && !(fragments[n] = cut_next(cache, &cut, mtu)))
            e = -ENOBUFS;
        if (!e && n++ == 0)
            header_reduce(&cut);
    }
    if (!e)
        return (int)n;
    while (n)
        packet_free(cache, fragments[--n]);
    return e;
}

/* Joining ----------------------------------------------------------------- */

struct join {
    uint32_t source, destination;
    uint16_t id;
    uint8_t protocol;
    unsigned count;                        /* 0: a free place */
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
    return piece_is_last(j->piece[j->count - 1]);
}

/* The packet that the pieces make: one stands for it, the others are consumed. */
static struct packet *join_finish(struct worker *control, struct join *j)
{
    const struct packet *first = j->piece[0];
    struct packet_cache *cache = &control->cache;
    struct packet *whole =
        header_make(cache, first, ip_of(first), ipv4_header_length(ip_of(first)));
    bool done = whole;
    for (unsigned i = 0; done && i < j->count; i++)
        done = payload_append(cache, whole, j->piece[i], payload_offset(j->piece[i]),
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

struct packet *fragment_join(struct worker *control, struct packet *piece)
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
    if (!join_insert(j, piece)) {
        forward_drop(control, piece->port, DROP_fragment, piece);
        join_drop(control, j, DROP_fragment);
        return NULL;
    }
    return join_is_whole(j) ? join_finish(control, j) : NULL;
}

void fragment_tick(struct worker *control, uint64_t now_us)
{
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++) {
        struct join *j = &joins[i];
        if (!j->count || now_us < j->expires_us)
            continue;
        icmp_error(control, j->piece[0], ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY_EXCEEDED, 0);
        join_drop(control, j, DROP_fragment);
    }
}

uint64_t fragment_held(void)
{
    uint64_t held = 0;
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++)
        held += joins[i].count;
    return held;
}

void fragment_stop(struct worker *control)
{
    for (unsigned i = 0; i < FRAGMENT_JOINS; i++)
        join_drop(control, &joins[i], DROP_stopped);
}

void fragment_reset(void)
{
    memset(joins, 0, sizeof joins);
}
