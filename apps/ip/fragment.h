/* fragment.h - IPv4 packets in pieces, and back (RFC 791 3.2, RFC 815). */
#pragma once

#include "apps/forward/forward.h"
#include "kernel/time.h"

#include <stdint.h>

#define FRAGMENTS_MAX 256u /* the longest frame through the narrowest MTU */

/* Cuts the packet of a frame (Ethernet header first, DF clear) into frames whose
 * packets are at most mtu long, copies all; the original is left alone.
 * The number of fragments; -ENOBUFS (pool empty), -E2BIG, or -EOVERFLOW (itself a
 * fragment, and one that ends beyond the longest datagram), and none made. */
int fragment_packet(struct packet_cache *cache, const struct packet *whole, uint16_t mtu,
                    struct packet *fragments[FRAGMENTS_MAX]);

/* Joining, for packets to ourselves (RFC 1812 4.2.2.7 MUST).  Bounded in
 * datagrams, in pieces, and by the longest frame; when all places are taken the
 * oldest gives way.  Pieces that overlap spoil their datagram: no sender makes
 * them (RFC 1858).  Control core only. */
#define FRAGMENT_JOINS 16u
#define FRAGMENT_PIECES 16u
#define FRAGMENT_TIMEOUT_US (60 * US_PER_S) /* RFC 1122 3.3.2 */

/* Takes one fragment, checked, as it came in; gives the whole packet once the
 * last one is there, else NULL.  Owns the fragment. */
struct packet *fragment_join(struct worker *control, struct packet *piece);
void fragment_tick(struct worker *control, uint64_t now_us); /* Time Exceeded, code 1 */
uint64_t fragment_held(void);
void fragment_stop(struct worker *control); /* drops what waits */
void fragment_reset(void);                /* tests: forgets it */
