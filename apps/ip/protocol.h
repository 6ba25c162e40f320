/* protocol.h - who takes what is delivered to the appliance itself.
 *
 * A room registers beside its subject which IP protocol it takes.  Runs in the control task,
 * on a whole packet to an address of ours whose headers were checked. */
#pragma once

#include "apps/forward/forward.h"
#include "kernel/table.h"

#include <stdint.h>

struct ip_protocol {
    uint8_t number;
    /* Owns the packet; packet->interface is where it came in. */
    void (*receive)(struct worker *control, struct packet *packet);
};

/* IP_PROTOCOL(symbol) = { .number = ..., .receive = ... }; */
TABLE_DECLARE(ip_protocols, struct ip_protocol);
#define IP_PROTOCOL(symbol) TABLE_ENTRY(ip_protocols, struct ip_protocol, symbol)
