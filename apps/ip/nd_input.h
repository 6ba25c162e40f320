/* nd_input.h - what neighbor discovery says to us. */
#pragma once

#include "apps/ip/nd.h"

/* A valid solicitation's source, with the MAC that it says, may be worth an entry (RFC 4861 7.2.3,
 * 6.2.6). */
void nd_hear_source(struct worker *control, const struct icmp6_message *message, uint32_t header);
