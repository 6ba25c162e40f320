/* icmp.h - ICMP (RFC 792) as a router speaks it (RFC 1812 4.3). */
#pragma once

#include "apps/forward/forward.h"

#include <stdbool.h>
#include <stdint.h>

#define ICMP_ECHO_REPLY 0u
#define ICMP_UNREACHABLE 3u
#define ICMP_NET_UNREACHABLE 0u
#define ICMP_HOST_UNREACHABLE 1u
#define ICMP_PROTOCOL_UNREACHABLE 2u
#define ICMP_PORT_UNREACHABLE 3u
#define ICMP_FRAGMENTATION_NEEDED 4u /* rest: the next hop's MTU (unread: RFC 1191 4) */
#define ICMP_SOURCE_ROUTE_FAILED 5u
#define ICMP_PROHIBITED 13u /* RFC 1812 5.2.7.1 */
#define ICMP_SOURCE_QUENCH 4u
#define ICMP_REDIRECT 5u
#define ICMP_REDIRECT_HOST 1u /* rest: the better gateway */
#define ICMP_ECHO 8u
#define ICMP_TIME_EXCEEDED 11u
#define ICMP_TTL_EXCEEDED 0u
#define ICMP_REASSEMBLY_EXCEEDED 1u
#define ICMP_PARAMETER_PROBLEM 12u /* rest: the pointer, in the first octet */

#define ICMP_HEADER 8u

/* Offsets from the ICMP header's first byte (RFC 792). */
#define ICMP_TYPE 0u
#define ICMP_CODE 1u
#define ICMP_CHECKSUM 2u
#define ICMP_REST 4u
#define ICMP_ID 4u
#define ICMP_SEQUENCE 6u

/* Tells the source of `about`, a received frame that the caller keeps, unless
 * RFC 1812 4.3.2.7 forbids it or there were too many. */
void icmp_error(struct worker *control, const struct packet *about, uint8_t type, uint8_t code,
                uint32_t rest);
/* Drops a frame, and tells its source if it was received.  Owns it. */
void icmp_refuse(struct worker *control, struct packet *packet, enum drop_reason why, uint8_t type,
                 uint8_t code, uint32_t rest);
bool icmp_is_error(uint8_t type);
/* An IPv4 header of 20 octets around an ICMP message of `length` octets; the
 * caller fills the message behind it.  NULL: no packet. */
struct packet *icmp_make(struct worker *control, uint32_t source, uint32_t destination, uint8_t tos,
                         uint32_t length);
void icmp_seal(uint8_t *icmp, uint32_t length); /* its checksum */
