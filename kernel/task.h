/* task.h - stacks for what waits: console sessions, slow control work.
 *
 * There is no scheduler.  The poll loop runs on the boot stack, and in each control slice it
 * gives one task a turn, round robin.  A task is written straight down: where it would wait
 * (output ring full, no key pressed, a ping outstanding, a device in reset) it yields, the loop
 * goes on with traffic and the other tasks, and only the task that waits is held up.
 *
 * What follows for commands: anything may have changed after a print or a wait.  Hold numbers
 * and keys across them, not pointers into tables.
 *
 * Only the control task creates tasks, gives turns and yields. */
#pragma once

#include "kernel/time.h"

#include <stdbool.h>

#define TASKS_MAX 12u /* console sessions, housekeeping, and some */

struct task;

/* entry(arg) runs from the first turn on, on a stack of its own above an unmapped page.  When it
 * returns the task is over, and its place and stack serve the next one.  NULL: no memory or
 * no place left. */
struct task *task_create(void (*entry)(void *arg), void *arg);
struct task *task_current(void); /* NULL: the poll loop, or the set-up before it */

/* Poll loop: the next task runs until it yields or ends. */
void task_turn(void);
/* Task -> poll loop, and true once the loop has had a turn.  Outside a task the console's
 * bytes move and the answer is false: what the others wait for is the caller. */
bool task_yield(void);
/* The same, of a task that waits for nothing but a key or for being asked to do something. */
void task_rest(void);
bool tasks_rest(void); /* all of them do, and nothing was asked for */
void task_reset(void); /* tests: as if none had ever been created */

/* Drivers' waits for their devices: deadline_passed() and time_delay_us(), but inside a task the
 * loop has a turn at each of them.  So others run in between, and whoever waits holds what they
 * must not touch (port_hold() in nic/port.h).  After the turn there is always one more look
 * before the time is up: it may be us who were away, not the device. */
bool task_deadline_passed(const struct deadline *d);
void task_delay_us(uint64_t us); /* at least; some tens of microseconds are not worth a turn */

/* Housekeeping: one task that does what has to be done and may have to wait, piece by piece in
 * the order in which it was asked for.  The piece is its owner's and must live on; to ask for
 * one that already stands in the queue changes nothing, one that runs is run once more. */
struct work {
    void (*run)(struct work *w);
    struct work *next; /* the queue's own */
    bool asked;
};

void work_ask(struct work *w);
bool work_is_pending(const struct work *w); /* stands in the queue or runs */
/* The next piece, here and now; false: there is none.  For the task and for tests. */
bool work_run_next(void);
int work_start(void); /* creates the task; 0 or -ENOMEM */
bool work_has_task(void);
/* Asks for it; where no task keeps house (before the loop begins) it is done here and now. */
void work_do(struct work *w);
