/* icmp6.h - ICMPv6's errors about others' packets (unread: RFC 4443). */
#pragma once

#include "apps/forward/forward.h"
#include "apps/ip/icmp6_types.h"
#include "apps/ip/ip_address.h"

/* Tells the source of `about`, a received frame that the caller keeps, unless RFC 4443 2.4 (e)
 * forbids it or there were too many (icmp_limit.h). */
void icmp6_error(struct worker *control, const struct packet *about, uint8_t type, uint8_t code,
                 uint32_t rest);
/* Drops a frame, and tells its source if it was received.  Owns it. */
void icmp6_refuse(struct worker *control, struct packet *packet, enum drop_reason why,
                  uint8_t type, uint8_t code, uint32_t rest);
/* "There is a better way to its destination, by `target`" (RFC 4861 8.2), about a packet that was
 * passed on by the interface where it came in. */
void icmp6_redirect(struct worker *control, const struct packet *about,
                    struct ip_address target);
