/* ipv6.h - the IPv6 header and its extension headers: where the fields are, what addresses mean.
 *
 * Sources: RFC 8200 (IPv6), RFC 4291 (addresses); unread in this file: RFC 2464, RFC 4007. */
#pragma once

#include "apps/ip/ip_address.h"
#include "nic/ethernet.h"
#include "nic/packet.h"

#include <stdbool.h>
#include <stdint.h>

/* Offsets, RFC 8200 3 */
#define IPV6_VERSION_CLASS 0u
#define IPV6_PAYLOAD_LENGTH 4u
#define IPV6_NEXT_HEADER 6u
#define IPV6_HOP_LIMIT 7u
#define IPV6_SOURCE 8u
#define IPV6_DESTINATION 24u
#define IPV6_HEADER 40u

#define IPV6_HOP_LIMIT_DEFAULT 64u
#define IPV6_MTU_MIN 1280u /* RFC 8200 5: every link carries as much */

/* Next headers, RFC 8200 4 */
#define IPV6_HOP_BY_HOP 0u
#define IPV6_UDP 17u
#define IPV6_ROUTING 43u
#define IPV6_FRAGMENT 44u
#define IPV6_ICMP 58u
#define IPV6_NO_NEXT 59u
#define IPV6_OPTIONS 60u

/* The fragment header, RFC 8200 4.5 */
#define IPV6_FRAGMENT_HEADER 8u
#define IPV6_FRAGMENT_OFFSET 2u /* in units of 8 octets, in the upper 13 bits */
#define IPV6_FRAGMENT_MORE 1u
#define IPV6_FRAGMENT_ID 4u

/* RFC 4291 2.7.1 */
#define IPV6_ALL_NODES ((struct ip_address){ 0xff02ull << 48, 1 })
#define IPV6_LINK ((struct ip_address){ 0xfe80ull << 48, 0 }) /* 2.5.6: what one is on any link */
#define IPV6_ALL_ROUTERS ((struct ip_address){ 0xff02ull << 48, 2 })

static inline struct ip_address ipv6_source(const uint8_t *ip)
{
    return ip_load(ip + IPV6_SOURCE);
}
static inline struct ip_address ipv6_destination(const uint8_t *ip)
{
    return ip_load(ip + IPV6_DESTINATION);
}
static inline bool ipv6_is_multicast(struct ip_address a)
{
    return a.high >> 56 == 0xff;
}
static inline bool ipv6_is_link_local(struct ip_address a)
{
    return a.high >> 54 == 0xfe80 >> 6; /* RFC 4291 2.4 */
}
/* No packet on a wire has it as its destination, and as its source only the unspecified one
 * (RFC 4291 2.5.2, 2.5.3, 2.5.5). */
static inline bool ipv6_is_martian(struct ip_address a)
{
    return !a.high && (a.low >> 32 == 0 || a.low >> 32 == 0xffff);
}
/* RFC 4291 2.7.1 */
static inline struct ip_address ipv6_solicited_node(struct ip_address a)
{
    return (struct ip_address){ 0xff02ull << 48, 0x1ff000000 | (a.low & 0xffffff) };
}
static inline bool ipv6_is_solicited_node(struct ip_address a)
{
    return a.high == 0xff02ull << 48 && a.low >> 24 == 0x1ff;
}

/* The Ethernet address of a group (unread: RFC 2464 7). */
void ipv6_group_mac(struct ip_address group, uint8_t mac[MAC_LEN]);
/* fe80:: and the modified EUI-64 of a MAC (RFC 4291 2.5.6; unread: appendix A). */
struct ip_address ipv6_link_local(const uint8_t mac[MAC_LEN]);

/* A header of 40 octets. */
void ipv6_make(uint8_t *ip, struct ip_address source, struct ip_address destination, uint8_t next,
               uint16_t payload, uint8_t hop_limit);
/* A packet of ours that has one, and the Ethernet header's space in front, around `length` octets
 * that the caller fills.  NULL: no packet. */
struct packet *ipv6_make_packet(struct packet_cache *cache, struct ip_address source,
                                struct ip_address destination, uint8_t next, uint32_t length);
/* Over the pseudo-header (RFC 8200 8.1) and `length` octets at `offset` of the frame; 0 when what
 * it covers holds its right checksum. */
uint16_t ipv6_checksum(const struct packet *packet, uint8_t next, uint32_t offset,
                       uint32_t length);

/* Extension headers ------------------------------------------------------------ */

/* Of limits that RFC 8883 (unread) lets a node have: so many headers, options in one, octets in
 * all.  All of them lie in the first segment. */
#define IPV6_HEADERS_MAX 8u
#define IPV6_OPTIONS_MAX 8u

enum ipv6_verdict {
    IPV6_FINE,
    IPV6_DISCARD, /* in silence */
    IPV6_PROBLEM, /* ICMPv6 parameter problem, `code` at `pointer` */
};

/* The way through the headers of one packet. */
struct ipv6_walk {
    const struct packet *packet;
    uint32_t at;      /* of the header that `next` names, from the IPv6 header's first octet */
    uint32_t next_at; /* where its number stands */
    uint8_t next;
    uint8_t headers;
    bool alert; /* a router's alert was among the options (unread: RFC 2711) */
    uint8_t code;
    uint32_t pointer;
};

void ipv6_walk_begin(struct ipv6_walk *walk, const struct packet *packet);
/* Over a header with options (hop-by-hop, destination), all of which are looked at. */
enum ipv6_verdict ipv6_walk_options(struct ipv6_walk *walk);
/* Over what a destination finds in front of a fragment header or of the upper layer. */
enum ipv6_verdict ipv6_walk_headers(struct ipv6_walk *walk);
