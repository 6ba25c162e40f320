/* pmd.h - what testpmd's commands have in common. */
#pragma once

#include "apps/console/command.h"
#include "nic/port.h"

/* A PORTS argument: a port, or all of them; calls once for each that has not failed and is there
 * when its turn comes.  Stops at the first that answers other than 0, and answers that; a port that
 * was named and has failed is an error. */
int pmd_for_each(struct command_call *call, const struct command_arg *ports,
                 int (*fn)(struct command_call *call, struct port *port, const void *arg),
                 const void *arg);
