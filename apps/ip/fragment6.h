/* fragment6.h - IPv6 packets of our own in pieces (RFC 8200 4.5). */
#pragma once

#include "apps/ip/ipv6.h"

#define FRAGMENTS6_MAX 8u /* the longest frame in pieces of IPV6_MTU_MIN */

/* Cuts a packet of ours, without extension headers, into pieces of at most IPV6_MTU_MIN octets,
 * copies all; the original is left alone.  How many; 0: too few packets, or too long. */
int fragment6_packet(struct packet_cache *cache, const struct packet *whole,
                     struct packet *pieces[FRAGMENTS6_MAX]);
