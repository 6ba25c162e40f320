/* context.h - what a task is to the machine: a stack, and the place where it stopped.
 *
 * Contexts are numbered from 0 to TASKS_MAX - 1.  kernel/x86/context.c and tests/host/ have it
 * each in its way; kernel/task.c knows which is whose. */
#pragma once

#include <stdbool.h>

/* Its next entry begins at start(), which must never return.  The stack is made when the number
 * is used first, and kept.  0 or -ENOMEM. */
int context_create(unsigned number, void (*start)(void));
void context_enter(unsigned number); /* from the loop; comes back when it leaves */
void context_leave(unsigned number); /* from within, back to the loop */
/* A wait where there is no task: true once the rest of the machine had a turn. */
bool context_wait_outside(void);
