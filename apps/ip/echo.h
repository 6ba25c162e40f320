/* echo.h - echo requests of ours, of either family, and what comes back for them. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/ip/ip_address.h"

#include <stdbool.h>
#include <stdint.h>

struct echo_request {
    struct ip_address to;
    uint16_t interface; /* number: whose address it comes from, and of link-local addresses the
                         * way; INTERFACE_NONE: as the routes say */
    uint16_t id, sequence;
    uint16_t size; /* of the data */
    uint8_t hops;  /* it may take; 0: as usual */
};

enum echo_outcome { ECHO_REPLY, ECHO_EXCEEDED, ECHO_UNREACHABLE, ECHO_REFUSED };

struct echo_answer {
    struct ip_address from;
    enum echo_outcome outcome;
    uint8_t ttl;
    uint16_t id, sequence;
    uint32_t length; /* of the ICMP message */
};

/* Who waits for answers, to one request at a time. */
struct echo {
    struct echo *next;
    struct echo_request request;
    bool answered;
    uint64_t answered_us;
    struct echo_answer answer;
};

void echo_begin(struct echo *echo); /* gives it an id; until echo_end() it is to stay */
void echo_end(struct echo *echo);
void echo_answered(const struct echo_answer *answer);
