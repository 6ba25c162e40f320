/* fragment.h - IPv4 packets in pieces (RFC 791 3.2). */
#pragma once

#include "apps/ip/ipv4.h"
#include "nic/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define FRAGMENTS_MAX 256u /* the longest frame through the narrowest MTU */

/* Cuts the packet of a frame (Ethernet header first, DF clear) into frames whose
 * packets are at most mtu long, copies all; the original is left alone.
 * The number of fragments; -ENOBUFS (pool empty), -E2BIG, or -EOVERFLOW (itself a
 * fragment, and one that ends beyond the longest datagram), and none made. */
int fragment_packet(struct packet_cache *cache, const struct packet *whole, uint16_t mtu,
                    struct packet *fragments[FRAGMENTS_MAX]);

/* What cutting and joining build a packet with: a frame that has the Ethernet header of `like`
 * and this IP header; NULL: none left. */
struct packet *fragment_begin(struct packet_cache *cache, const struct packet *like,
                              const uint8_t *ip, unsigned header_length);
/* Appends length octets at `offset` of another frame, buffer after buffer. */
bool fragment_append(struct packet_cache *cache, struct packet *frame, const struct packet *from,
                     uint32_t offset, uint32_t length);

static inline uint32_t fragment_payload(const struct packet *p)
{
    return ETHERNET_HEADER + ipv4_header_length(p->data + ETHERNET_HEADER);
}
