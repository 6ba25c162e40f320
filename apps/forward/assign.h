/* assign.h - which worker polls which receive queue.
 *
 * The queues of all ports that run are spread evenly, in order of ports and queues,
 * and again when ports come and go, over all workers, or all but the control task's
 * (workers_first()); `port N queue Q core K` pins one to any.  A port's
 * queues are attached to their workers between start and stop (nic/port.h). */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Spreads the queues anew and gives them to their workers.  0, or -ENOMEM: what is polled
 * stays as it was. */
int assign_spread(void);
/* Takes all queues of the port away from their workers: none of them is in its bursts when
 * this returns, and its caches are the control worker's. */
void assign_take(struct port *port);
/* Whether workers without queues take part in what others receive (spread.h).  0, or with nothing
 * changed -ENOMEM. */
int assign_set_spread(bool on);
bool assign_takes_flows(unsigned worker);
/* 0, or with nothing changed -EINVAL (no such queue or worker), -ENOMEM. */
int assign_pin(struct port *port, unsigned queue, unsigned worker);
