/* output6.h - the control task's IPv6 output: which next hop, which source, in how many pieces. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/ip/ip_address.h"

/* Sends a packet that the appliance made, as ip_output() does; interface: where to, for
 * link-local addresses and groups, else NULL.  One that is longer than IPV6_MTU_MIN goes in pieces
 * of that size: we do not look for wider ways (RFC 8200 5).  Owns it. */
void ip6_output(struct worker *control, struct packet *packet, struct interface *interface);
/* What to call ourselves towards `destination`; zero: no way. */
struct ip_address ip6_source_towards(struct ip_address destination, struct interface *interface);
/* The same by an interface's number, INTERFACE_NONE: as the routes say. */
struct ip_address ip6_source_on(uint16_t interface, struct ip_address destination);
