/* quiesce.h - knowing that no worker still holds what was taken out.
 *
 * The control task first takes something out of every place where a worker can find
 * it.  A worker holds nothing across its turns; one that rests or is parked holds
 * nothing either.  What lies in notes and lanes holds numbers, not what they name.
 * Control task only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WORKERS_MAX 64u

/* Of one worker, written by it alone.  Worker 0 runs on the control task's CPU and is between its
 * turns whenever control work runs, so only the others are waited for. */
struct worker_turns {
    bool parked;    /* it does not run: holds nothing */
    bool resting;   /* it halts between two turns (apps/forward/rest.h): likewise */
    uint64_t ended; /* turns; only ever grows */
};

void quiesce_add(struct worker_turns *turns); /* the next worker's, parked unless it is the first */
void quiesce_reset(void);
unsigned quiesce_workers(void); /* how many there are */

/* For the worker itself. */
void turns_end(struct worker_turns *turns);
void turns_park(struct worker_turns *turns, bool parked);
/* From here on it is to be woken by whoever puts something where it looks; so it looks once more
 * afterwards. */
void turns_rest(struct worker_turns *turns, bool resting);

/* Waits until every worker has ended the turn it is in.  Inside a task it yields
 * meanwhile, so that the poll loop of this CPU goes on. */
void workers_quiesce(void);

/* Calls fn(arg) once that is so, and never waits for it: batched, from the control slice;
 * at once when no worker runs beside the control task. */
void retire(void (*fn)(void *arg), void *arg);

void retire_poll(void); /* part of the control slice */
bool retire_is_over(void); /* nothing waits to be called */
void retire_all(void);  /* waits for all that is retired */
