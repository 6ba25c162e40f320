/* mode.h - what the appliance does with frames: the mode that was chosen, and whether it runs. */
#pragma once

#include "apps/forward/worker.h"
#include "kernel/table.h"

#include <stdbool.h>
#include <stdint.h>

/* One forwarding mode a file; registered with FORWARD_MODE. */
struct forward_mode {
    const char *name;
    const char *help;           /* one phrase for `help forward` */
    /* optional, control task: called when the mode is chosen; 0, or -E... and it is not.
     * `start` and `stop` of the console only let frames through or not. */
    int (*start)(void);
    /* A whole-port mode owns all n packets (1 to PORT_BURST) afterwards, and ports listen to all
     * stations.  Data path: never prints, never waits.  NULL: frames go to the ports'
     * interfaces. */
    port_input_fn *burst;
    /* optional, data path: once a turn of every worker, for modes that make frames. */
    void (*turn)(struct worker *worker);
};

#define FORWARD_MODE(symbol) TABLE_ENTRY(forward_modes, struct forward_mode, symbol)

const struct forward_mode *forward_find_mode(const char *name);
const struct forward_mode *forward_get_mode(void);      /* never NULL: l2 from the start */
bool forward_running(void);
/* For forward.c alone: writes down what forward_set_mode(), start and stop decide. */
void mode_note(const struct forward_mode *mode, bool running);
