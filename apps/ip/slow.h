/* slow.h - the control task's half of IP input: ARP, packets for the appliance, errors to
 * send, options, fragments, next hops not resolved yet.  It takes the decisions of the fast
 * half (input.h) again, with more time. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/ip/nexthop.h"

/* Handles a note of a worker (passage.h): note->interface and packet->interface are where it
 * came in.  Owns the packet, whose headers were checked. */
void ip_slow(struct worker *control, const struct note *note);

/* For both families: what a route says that leads nowhere, NEXTHOP_NONE unless it says more, and
 * what its packets are counted as. */
enum nexthop_kind slow_verdict(uint32_t nexthop, enum drop_reason *why);
