/* forward.h - the appliance as a whole: modes, the control task, the loop.
 *
 * Workers (worker.h) poll; the control task owns the console, tables and timers.  They
 * speak through single-producer single-consumer rings: workers post notes, and what
 * the control task sends goes by worker 0's lanes.  With one CPU the control work runs
 * in slices between the turns of that worker. */
#pragma once

#include "apps/forward/mode.h"
#include "apps/forward/ports.h"
#include "apps/forward/stats.h"
#include "apps/forward/worker.h"
#include "nic/packet.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Sends a frame made by the control task (counted as originated on `out`) or
 * one that it received and passes on (forwarded: not counted again). */
void control_originate(struct worker *control, struct port *out, struct packet *packet);
void control_forward(struct worker *control, struct port *out, struct packet *packet);

int forward_init(uint32_t packets);     /* pool, one worker, tables; 0 or -ENOMEM */
/* The same with `count` workers: worker 0 is this CPU's (forward_turn()), the others
 * are parked until worker_run(). */
int forward_init_workers(uint32_t packets, unsigned count);
/* Tests: stops every port and frees everything; logs an error when packets are missing.
 * No other worker runs any more. */
void forward_shutdown(void);
/* 0, or -E... with the old mode still in force.  Live. */
int forward_set_mode(const struct forward_mode *mode);
void forward_start(void);
void forward_stop(void);
/* While forwarding is stopped, what came in stays in the ports' queues as far as it fits, instead
 * of being received and dropped. */
void forward_set_keep(bool keep);
bool forward_keeps(void);

/* Received frames on their way inside the appliance: in rings, buffers, rooms. */
uint64_t forward_held(void);

/* One turn of worker 0 and a slice of control work.  Returns the frames it took, 0: idle.
 * The poll loop is `for (;;) if (!forward_turn()) forward_rest();` */
unsigned forward_turn(void);
/* Hook for what else the control slice runs (tasks), called often; and whether that has nothing to
 * do but to look at the clock and for keys now and then.  NULL: nothing. */
void forward_set_control_hook(void (*hook)(void), bool (*quiet)(void));
/* After a turn that took nothing: this CPU halts where nothing is to be done for a while. */
void forward_rest(void);
