/* port_table.h - what the forwarding core knows of each port besides the driver's own.
 *
 * Control task only. */
#pragma once

#include "apps/forward/interface.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Who polls its receive queues (assign.h). */
struct assignment {
    bool attached;                     /* its queues are polled */
    uint8_t worker[PORT_QUEUES_MAX];   /* who polls queue i */
    uint16_t pinned;                   /* bit i: the user said so */
};

struct forward_port {
    struct port *port;
    struct interface *interface; /* its untagged traffic */
    bool promiscuous;            /* the user's wish */
    bool all_multicast;          /* likewise */
    bool more_macs;              /* it has addresses besides its own */
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
