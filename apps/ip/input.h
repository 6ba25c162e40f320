/* input.h - IP input: what every interface gives its frames to, a burst at a time.
 *
 * Workers check all headers of a burst, look all destinations up level by level, rewrite, and
 * hand runs of packets for one interface on together.  What needs more than that goes to the
 * control task (slow.h).  An interface without an address in effect takes nothing; in a mode
 * that does not route (l2) what is not for us is dropped. */
#pragma once

#include "apps/forward/interface.h"

interface_burst_fn ip_input;
