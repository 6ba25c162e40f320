/* reassembly.h - joining fragments for packets to ourselves (RFC 8200 4.5; unread: RFC 1812
 * 4.2.2.7, RFC 815).
 *
 * Bounded in datagrams, in pieces, and by the longest frame; when all places are taken the
 * oldest gives way.  Pieces that overlap, or that disagree about where the datagram ends,
 * spoil it: no sender makes them (RFC 1858; unread: RFC 5722).  Control task only. */
#pragma once

#include "apps/forward/forward.h"
#include "kernel/time.h"

#include <stdint.h>

#define FRAGMENT_JOINS 16u
#define FRAGMENT_PIECES 16u
#define FRAGMENT_TIMEOUT_US (60 * US_PER_S) /* RFC 8200 4.5; unread: RFC 1122 3.3.2 */

struct ipv6_walk;

/* Takes one fragment, checked, as it came in; gives the whole packet once the
 * last one is there, else NULL.  Owns the fragment. */
struct packet *reassembly_join(struct worker *control, struct packet *piece);
/* The same of IPv6, with the way to its fragment header.  One that is a whole datagram alone
 * comes back as that. */
struct packet *reassembly6_join(struct worker *control, struct packet *piece,
                                const struct ipv6_walk *walk);
uint64_t reassembly_held(void);
void reassembly_reset(void); /* tests: forgets it */
