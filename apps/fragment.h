/* fragment.h - IPv4 packets in pieces, and back (RFC 791 3.2, RFC 815). */
#pragma once

#include "nic/packet.h"

#include <stdint.h>

#define FRAGMENTS_MAX 256u /* the longest frame through the narrowest MTU */

/* Cuts the packet of a frame (Ethernet header first, DF clear) into frames whose
 * packets are at most mtu long, copies all; the original is left alone.
 * The number of fragments; -ENOBUFS (pool empty) or -E2BIG, and none made. */
int fragment_packet(struct packet_cache *cache, const struct packet *whole, uint16_t mtu,
                    struct packet *fragments[FRAGMENTS_MAX]);
