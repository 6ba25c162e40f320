/* rest.h - what a worker does that finds nothing: it looks again for a while, then halts.
 *
 * What ends a rest: a device's interrupt, where the receive queues can raise one (nic/port.h,
 * `arm`); else the time, after which the worker looks at its queues by itself; whoever puts
 * something into its lanes or gives it other queues (workers_wake()).  A worker that rests counts
 * as quiescent (apps/forward/quiesce.h).
 *
 * Nothing is lost at the edge: rest_step() arms the queues first; in the turn after that they are
 * looked at once more, and what they raise from then on ends the halt, even if it comes before. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct worker;

/* So long nothing is found before a rest: about what a halt's end takes, so that neither a frame
 * that comes sooner waits for that, nor, for much longer than if we halted at once, whoever wants
 * this CPU to take away what we sent (a hypervisor's thread). */
#define REST_AFTER_US 100u
/* So long where a queue raises no interrupt: the next frame waits for the time then, not for a
 * halt's end. */
#define REST_AFTER_LOOKER_US 1000u
/* So often a worker looks at queues that raise no interrupt if no other worker has such, else half
 * as often: 200 times a second for up to two workers together, 100 times for each further one. */
#define REST_LOOK_US 5000u
#define REST_LOOK_MOST_US 10000u
/* So long before a frame whose time is known (port_queue.due_us) a rest ends: a halt may take
 * longer than was asked for. */
#define REST_EARLY_US 200u
/* A device may have had no buffers to interrupt with. */
#define REST_MOST_US 500000u

/* Control task.  False, as it is at first: workers look again at once, for ever (`poll=busy`). */
void rest_want(bool wanted);
/* Asked again while not: whether the machine's CPUs can (kernel/cpus.h), and so workers do. */
bool rest_is_ready(void);
/* So many workers have queues that raise no interrupt. */
void rest_set_lookers(unsigned workers);
/* How long such a queue may wait for its worker; 0: it never rests. */
uint64_t rest_look_us(void);

/* Any worker, after a turn that found nothing, and cheap: whether that has lasted long enough.  One
 * that could find nothing at all rests at once. */
bool rest_is_due(const struct worker *worker);
/* Likewise, and a rest if it is; most_us: something else is to be done then (0:
 * no limit).  True: it has rested. */
bool rest_step(struct worker *worker, uint64_t most_us);
