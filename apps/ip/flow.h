/* flow.h - what packets of one flow have in common, as a number.
 *
 * Addresses and protocol, and the ports where there are some; of a fragment addresses and protocol
 * alone, so that all pieces of a datagram have one number.  Each boot has another secret in it:
 * two routers in a row do not sort their flows alike.  Symmetric: both directions of a flow have
 * one number.  Workers read, the control task sets. */
#pragma once

#include "apps/ip/ip_address.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/ipv6.h"
#include "kernel/compiler.h"
#include "kernel/random.h"

#include <stdbool.h>
#include <stdint.h>

extern struct flow_settings {
    uint64_t secret;
    bool symmetric;
} flow_settings;

void flow_init(void); /* once or more */
void flow_set_symmetric(bool symmetric);

/* One end of a flow, of either family. */
static inline uint64_t flow_end(struct ip_address address, uint16_t port)
{
    uint64_t number = ip_is_v4(address) ? ip_to_v4(address) : ip_hash(address);
    return number << 16 | port;
}

static inline uint32_t flow_hash(uint64_t source, uint64_t destination, uint8_t protocol)
{
    if (load_relaxed(&flow_settings.symmetric) && source > destination) {
        uint64_t other = source;
        source = destination;
        destination = other;
    }
    uint64_t both = source * 0x9e3779b97f4a7c15ull + destination * 0xc2b2ae3d27d4eb4full;
    return (uint32_t)random_mix(both + protocol + flow_settings.secret);
}

/* Protocols whose headers begin with two ports: TCP, UDP, DCCP, SCTP, UDP-Lite (IANA's protocol
 * numbers). */
static inline bool flow_has_ports(uint8_t protocol)
{
    return protocol == 6 || protocol == IPV4_PROTOCOL_UDP || protocol == 33 || protocol == 132 ||
           protocol == 136;
}

/* Of a whole header, and what follows it as far as it says. */
static inline uint32_t flow_hash_ipv4(const uint8_t *ip)
{
    uint64_t source = (uint64_t)load_be32(ip + IPV4_SOURCE) << 16;
    uint64_t destination = (uint64_t)load_be32(ip + IPV4_DESTINATION) << 16;
    uint8_t protocol = ip[IPV4_PROTOCOL];
    uint32_t header = ipv4_header_length(ip);
    bool whole = !(load_be16(ip + IPV4_FRAGMENT) & (IPV4_FRAGMENT_MF | IPV4_FRAGMENT_OFFSET));
    if (whole && flow_has_ports(protocol) && load_be16(ip + IPV4_TOTAL_LENGTH) >= header + 4) {
        source |= load_be16(ip + header);
        destination |= load_be16(ip + header + 2);
    }
    return flow_hash(source, destination, protocol);
}

/* The same of IPv6; ports where they come behind the header at once. */
static inline uint32_t flow_hash_ipv6(const uint8_t *ip)
{
    uint64_t source = ip_hash(ipv6_source(ip)) << 16;
    uint64_t destination = ip_hash(ipv6_destination(ip)) << 16;
    uint8_t next = ip[IPV6_NEXT_HEADER];
    if (flow_has_ports(next) && load_be16(ip + IPV6_PAYLOAD_LENGTH) >= 4) {
        source |= load_be16(ip + IPV6_HEADER);
        destination |= load_be16(ip + IPV6_HEADER + 2);
    }
    return flow_hash(source, destination, next);
}
