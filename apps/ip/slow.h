/* slow.h - the control task's half of IP input: ARP, packets for the appliance, errors to
 * send, options, fragments, next hops not resolved yet.  It takes the decisions of the fast
 * half (input.h) again, with more time. */
#pragma once

#include "apps/forward/forward.h"

/* Handles a note of a worker (passage.h): note->interface and packet->interface are where it
 * came in.  Owns the packet, whose headers were checked. */
void ip_slow(struct worker *control, const struct note *note);
