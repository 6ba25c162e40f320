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
#define ICMP_FRAGMENTATION_NEEDED 4u /* rest: the next hop's MTU (RFC 1191 4) */
#define ICMP_SOURCE_ROUTE_FAILED 5u
#define ICMP_SOURCE_QUENCH 4u
#define ICMP_REDIRECT 5u
#define ICMP_REDIRECT_HOST 1u /* rest: the better gateway */
#define ICMP_ECHO 8u
#define ICMP_TIME_EXCEEDED 11u
#define ICMP_TTL_EXCEEDED 0u
#define ICMP_REASSEMBLY_EXCEEDED 1u
#define ICMP_PARAMETER_PROBLEM 12u /* rest: the pointer, in the first octet */

#define ICMP_HEADER 8u

/* RFC 1812 4.3.2.8: how many errors a second, in all and per port the bad
 * packets came in on. */
#define ICMP_ERROR_RATE 1000u
#define ICMP_ERROR_BURST 200u
#define ICMP_ERROR_PORT_RATE 250u
#define ICMP_ERROR_PORT_BURST 100u

/* Tells the source of `about`, a received frame that the caller keeps, unless
 * RFC 1812 4.3.2.7 forbids it or there were too many. */
void icmp_error(struct worker *control, const struct packet *about, uint8_t type, uint8_t code,
                uint32_t rest);
/* An ICMP message to an address of ours, header checked, whole.  Owns it. */
void icmp_receive(struct worker *control, struct packet *packet);
void icmp_reset(void); /* tests: full token buckets */

/* Ping (ping.c) ----------------------------------------------------------- */

/* Sends one echo request; false: no way there, or no packet. */
bool icmp_echo_send(struct worker *control, uint32_t destination, uint16_t id, uint16_t sequence,
                    uint16_t data_length);
/* Does a route lead there, from an address of ours? */
bool icmp_can_reach(uint32_t destination);
/* What came back for an echo request of ours. */
struct icmp_answer {
    uint32_t from;
    uint8_t type, code; /* ICMP_ECHO_REPLY, or the error's */
    uint8_t ttl;
    uint16_t id, sequence;
    uint32_t length; /* of the ICMP message */
};
/* Called by icmp_receive. */
void ping_answered(const struct icmp_answer *answer);
