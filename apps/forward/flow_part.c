/* flow_part.c - a frame's flow as a number (flow_part.h).
 *
 * unread in this file: IEEE 802.1Q, RFC 8200; RFC 791 was read in quotations (docs/sources.md). */
#include "apps/forward/flow_part.h"

#include "kernel/compiler.h"
#include "kernel/endian.h"
#include "nic/packet.h"
#include "nic/rss.h"

#include <stdbool.h>
#include <stdint.h>

#define TAGS_MAX 2u
#define TYPE_AT 12u
#define PORTS 4u /* bytes that TCP and UDP begin with */
#define TCP 6u
#define UDP 17u

#define V4_HEADER 20u
#define V4_FRAGMENT 6u /* flags and offset */
#define V4_FRAGMENTED 0x3fffu
#define V4_PROTOCOL 9u
#define V4_ADDRESSES 12u
#define V6_HEADER 40u
#define V6_NEXT_HEADER 6u
#define V6_ADDRESSES 8u

struct ends {
    uint64_t source, destination;
    uint32_t protocol;
};

static uint64_t load64(const uint8_t *p)
{
    return (uint64_t)load_be32(p) << 32 | load_be32(p + 4);
}

/* `rest`: bytes behind the header that surely are the frame's. */
static void add_ports(struct ends *ends, const uint8_t *p, uint32_t rest)
{
    if ((ends->protocol != TCP && ends->protocol != UDP) || rest < PORTS)
        return;
    ends->source += load_be16(p);
    ends->destination += load_be16(p + 2);
}

/* Of fragments the addresses alone: only the first has ports. */
static bool ends_v4(struct ends *ends, const uint8_t *ip, uint32_t length)
{
    uint32_t header = (ip[0] & 15u) * 4;
    if (length < V4_HEADER || header < V4_HEADER || header > length)
        return false;
    ends->source = (uint64_t)load_be32(ip + V4_ADDRESSES) << 16;
    ends->destination = (uint64_t)load_be32(ip + V4_ADDRESSES + 4) << 16;
    if (load_be16(ip + V4_FRAGMENT) & V4_FRAGMENTED)
        return true;
    ends->protocol = ip[V4_PROTOCOL];
    add_ports(ends, ip + header, length - header);
    return true;
}

/* Likewise of those with extension headers, a fragment's among them. */
static bool ends_v6(struct ends *ends, const uint8_t *ip, uint32_t length)
{
    if (length < V6_HEADER)
        return false;
    const uint8_t *a = ip + V6_ADDRESSES, *b = a + 16;
    ends->source = (load64(a) * 0x9e3779b97f4a7c15ull ^ load64(a + 8)) << 16;
    ends->destination = (load64(b) * 0x9e3779b97f4a7c15ull ^ load64(b + 8)) << 16;
    uint32_t next = ip[V6_NEXT_HEADER];
    ends->protocol = next == TCP || next == UDP ? next : 0;
    add_ports(ends, ip + V6_HEADER, length - V6_HEADER);
    return true;
}

static bool ends_of(const struct packet *packet, struct ends *ends)
{
    const uint8_t *d = packet->data;
    uint32_t at = TYPE_AT, length = packet->length;
    if (length < TYPE_AT + 2)
        return false;
    uint16_t type = load_be16(d + at);
    for (unsigned i = 0; i < TAGS_MAX && at + VLAN_TAG + 2 <= length &&
                         (type == ETHERTYPE_VLAN || type == ETHERTYPE_SERVICE_VLAN);
         i++) {
        at += VLAN_TAG;
        type = load_be16(d + at);
    }
    at += 2;
    *ends = (struct ends){ 0 };
    if (type == ETHERTYPE_IPV4 && at < length)
        return ends_v4(ends, d + at, length - at);
    return type == ETHERTYPE_IPV6 && at < length && ends_v6(ends, d + at, length - at);
}

/* Its upper half is well mixed, and that is what counts. */
static uint64_t mix(uint64_t v)
{
    return (v ^ v >> 32) * 0xbf58476d1ce4e5b9ull;
}

static uint64_t mix_ends(const struct ends *ends)
{
    uint64_t a = ends->source, b = ends->destination;
    if (rss_is_symmetric() && a > b) {
        a = ends->destination;
        b = ends->source;
    }
    return mix(a * 0x9e3779b97f4a7c15ull + b * 0xc2b2ae3d27d4eb4full + ends->protocol);
}

unsigned flow_part(const struct packet *packet, unsigned parts)
{
    struct ends ends;
    uint64_t hash;
    if (packet->flags & PACKET_HASH)
        hash = mix(packet->hash);
    else if (ends_of(packet, &ends))
        hash = mix_ends(&ends);
    else
        return 0;
    return (unsigned)((hash >> 32) * parts >> 32);
}
