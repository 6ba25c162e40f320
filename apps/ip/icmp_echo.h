/* icmp_echo.h - echo requests of ours, and what comes back for them (RFC 792). */
#pragma once

#include "apps/forward/forward.h"
#include "apps/ip/ip_address.h"

#include <stdbool.h>
#include <stdint.h>

/* Sends one echo request; false: no way there, or no packet. */
bool icmp_echo_send(struct worker *control, struct ip_address destination, uint16_t id,
                    uint16_t sequence, uint16_t data_length);
/* Does a route lead there, from an address of ours? */
bool icmp_can_reach(struct ip_address destination);
/* What came back for an echo request of ours. */
struct icmp_answer {
    struct ip_address from;
    uint8_t type, code; /* ICMP_ECHO_REPLY, or the error's */
    uint8_t ttl;
    uint16_t id, sequence;
    uint32_t length; /* of the ICMP message */
};
/* Who is told of answers. */
void icmp_on_answer(void (*fn)(const struct icmp_answer *answer));
