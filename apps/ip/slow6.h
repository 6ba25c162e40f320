/* slow6.h - the control task's half of IPv6 input, as slow.h is of IPv4's. */
#pragma once

#include "apps/forward/forward.h"

/* Handles a note of a worker (passage.h).  Owns the packet, whose header was checked. */
void ip6_slow(struct worker *control, const struct note *note);
