/* dad.h - whether our IPv6 addresses are nobody else's (RFC 4861 7.2; unread: RFC 4862 5.4), and
 * telling neighbors that we have them. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/ip/address.h"

/* RetransTimer, RFC 4861 10; after one solicitation (unread: RFC 4862 5.1) */
#define DAD_WAIT_US US_PER_S

/* Somebody else has it, by that MAC, or looks whether somebody has it. */
void dad_conflict(const struct address *address, const uint8_t mac[MAC_LEN]);
/* Says to all nodes that we have it (RFC 4861 7.2.6). */
void dad_advertise(struct worker *control, const struct address *address);
void dad_reset(void); /* tests */
