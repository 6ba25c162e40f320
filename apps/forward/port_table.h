/* port_table.h - what the forwarding core knows of each port besides the driver's own.
 *
 * Control task only. */
#pragma once

#include "apps/forward/interface.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

#define FORWARD_MACS_MAX 32u /* who listens for more stations listens for all */

/* Who polls its receive queues (assign.h). */
struct assignment {
    bool attached;                     /* its queues are polled */
    uint8_t worker[PORT_QUEUES_MAX];   /* who polls queue i */
    uint64_t pinned;                   /* bit i: the user said so */
};

struct forward_port {
    struct port *port;
    struct interface *interface; /* its untagged traffic */
    bool promiscuous;            /* the user's wish */
    bool all_multicast;          /* likewise */
    /* Stations that it is to hear besides itself: the user's wish; and as its driver was told,
     * with those of its VLANs. */
    unsigned more_mac_count;
    uint8_t more_macs[FORWARD_MACS_MAX][MAC_LEN], macs[FORWARD_MACS_MAX][MAC_LEN];
    bool begun;                  /* it was started once, or was not to be */
    unsigned moves;              /* the port's, as last seen */
    bool rx_mode_due;            /* what it must hear may have changed */
    char lack[64];               /* what it has no memory for, its port's `failure`; else "" */
    struct assignment assignment;
};

struct forward_port *forward_port_get(unsigned number); /* NULL: no port that was taken in */
unsigned port_table_limit(void);                        /* every number in it is below */
int port_table_set(unsigned number, struct forward_port *fp); /* NULL: no more; 0 or -ENOMEM */
void port_table_free(void);                             /* the table, not what is in it */
