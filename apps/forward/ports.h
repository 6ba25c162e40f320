/* ports.h - what the forwarding core knows of each port besides the driver's own.
 *
 * Control task only. */
#pragma once

#include "apps/forward/assign.h"
#include "apps/forward/interface.h"
#include "nic/port.h"

#include <stdbool.h>

struct forward_port {
    struct port *port;
    struct interface *interface; /* its untagged traffic */
    bool promiscuous;            /* the user's wish */
    bool begun;                  /* it was started once, or was not to be */
    bool rx_mode_due;            /* what it must hear may have changed */
    struct assignment assignment;
};

/* NULL: no such port, or none that was taken in. */
struct forward_port *forward_port_get(unsigned number);
/* The same, taken in now if need be; NULL: failed, or no memory (then it is failed). */
struct forward_port *forward_port_of(struct port *port);
void ports_init(void);     /* from now on drivers tell when they stop or restart */
void ports_shutdown(void); /* all down and let go */
void ports_apply_rx_modes(void);  /* what a port listens to may have changed */
/* In each turn: ports that were registered since are taken in and started, by housekeeping. */
void ports_look_for_new(void);
