/* bursts.h - how many frames each burst had, where somebody wants to know (`set
 * record-burst-stats`). */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

struct burst_spread {
    uint64_t of[PORT_BURST + 1]; /* bursts of so many frames; longer ones count as the longest */
};

/* Control task.  0 or -ENOMEM, with nothing on. */
int bursts_record(bool on);
bool bursts_are_recorded(void);
/* All of a port's queues added up; false: not recorded. */
bool bursts_of(const struct port *port, bool tx, struct burst_spread *spread);
