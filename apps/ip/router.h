/* router.h - mode l3: IPv4 between the ports' addresses (RFC 1812).
 *
 * Workers validate, look up, rewrite and send.  What needs more than that --
 * ARP, packets for the appliance, errors to send, options, fragments, next
 * hops not resolved yet -- goes to the control task, which takes the same
 * decisions again with more time. */
#pragma once

#include "apps/forward/forward.h"

#include <stdbool.h>
#include <stdint.h>

bool router_running(void);

/* Sends an IPv4 packet that the appliance made: PORT_NONE in packet->port, the
 * Ethernet header's space in front of the IP header, all IP fields but the
 * checksum set.  Fragments it where the way is narrow.  Owns it. */
void router_output(struct worker *control, struct packet *packet);
/* Drops with one reason and tells the source by ICMP (icmp_error). Owns it. */
void router_refuse(struct worker *control, struct packet *packet, enum drop_reason why,
                   uint8_t type, uint8_t code, uint32_t rest);
/* Everything back to the beginning, all tables freed: tests. */
void router_reset(void);
