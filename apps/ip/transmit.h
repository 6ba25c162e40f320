/* transmit.h - the control task's way out, and its way to end a packet. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/forward/interface.h"

/* Sends a whole frame out of an interface; one that the appliance made has PORT_NONE in
 * packet->port and is counted as originated where it leaves.  Owns it. */
void ip_transmit(struct worker *control, struct interface *interface, struct packet *packet);
/* Drops a frame, counted where it came in; one that the appliance made never existed outside. */
void ip_drop(struct worker *control, enum drop_reason why, struct packet *packet);
