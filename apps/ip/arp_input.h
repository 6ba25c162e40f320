/* arp_input.h - what ARP says to us, and what we say unasked (RFC 826, RFC 5227). */
#pragma once

#include "apps/forward/forward.h"
#include "apps/forward/interface.h"

/* An ARP frame that came in.  Owns it. */
void arp_receive(struct worker *control, struct interface *in, struct packet *packet);
void arp_reset(void); /* tests */
