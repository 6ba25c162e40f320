/* icmp_limit.h - how many errors a second, of both families together. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* unread: RFC 1812 4.3.2.8: how many errors a second, in all, per interface that the bad packets
 * came in on, and per source of theirs; RFC 4443 2.4 (f), unread, asks for the same. */
#define ICMP_ERROR_RATE 1000u
#define ICMP_ERROR_BURST 200u
#define ICMP_INTERFACE_RATE 250u
#define ICMP_INTERFACE_BURST 100u
#define ICMP_SOURCE_RATE 50u
#define ICMP_SOURCE_BURST 25u

/* Whether one more may be sent about a packet that came in there, from a source with that hash;
 * then it counts. */
bool icmp_limit_take(uint16_t interface, uint64_t source);
void icmp_limit_reset(void); /* tests: full token buckets */
