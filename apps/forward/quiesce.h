/* quiesce.h - knowing that no worker still holds what was taken out.
 *
 * The control task first takes something out of every place where a worker can find
 * it.  A worker holds nothing across its turns; one that rests or is parked holds
 * nothing either.  What lies in notes and lanes holds numbers, not what they name.
 * Control task only. */
#pragma once

/* Waits until every worker has ended the turn it is in.  Inside a task it yields
 * meanwhile, so that the poll loop of this CPU goes on. */
void workers_quiesce(void);

/* Calls fn(arg) once that is so, and never waits for it: batched, from the control slice;
 * at once when no worker runs beside the control task. */
void retire(void (*fn)(void *arg), void *arg);

void retire_poll(void); /* part of the control slice */
void retire_all(void);  /* waits for all that is retired */
