/* output.h - the control task's IP output: which next hop, and in how many pieces. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/ip/address.h"

#include <stdint.h>

/* Sends an IPv4 packet that the appliance made: PORT_NONE in packet->port, the
 * Ethernet header's space in front of the IP header, all IP fields but the
 * checksum set.  Fragments it where the way is narrow.  Owns it. */
void ip_output(struct worker *control, struct packet *packet);
/* Sends a packet by a route object that leads somewhere, in pieces if it must.  Owns it. */
void ip_output_by(struct worker *control, struct packet *packet, uint32_t nexthop,
                  struct ip_address destination, uint16_t mtu);
/* What to call ourselves towards `destination` (RFC 1812 4.3.2.4), 0: no way. */
uint32_t ip_source_towards(uint32_t destination);
/* The same, of an interface's addresses unless it is INTERFACE_NONE; the way is the routes'. */
uint32_t ip_source_on(uint16_t interface, uint32_t destination);
/* An IPv4 header of 20 octets, and the Ethernet header's space in front, around `length` octets
 * that the caller fills; what a packet for ip_output() is.  NULL: no packet. */
struct packet *ip_make(struct worker *control, uint32_t source, uint32_t destination,
                       uint8_t protocol, uint32_t length);
uint16_t ip_new_id(void); /* another IP identification */
