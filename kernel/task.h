/* task.h - the console's own stack.
 *
 * There is no scheduler.  The poll loop runs on the boot stack and, in the
 * control slice, resumes one coroutine: the console, which reads a line, runs
 * the command and prints.  Wherever that would wait (output ring full, no
 * key pressed, a ping outstanding) it yields back to the poll loop, so
 * commands are written straight down and traffic never stops for them.
 *
 * What follows for commands: anything may have changed after a print.  Hold
 * numbers and keys across output, not pointers into tables. */
#pragma once

#include <stdbool.h>

/* entry runs at the first task_resume() and must never return. */
void task_init(void (*entry)(void));
void task_resume(void); /* poll loop -> console, until it yields */
/* Console -> poll loop, and true once the loop has had a turn.  Outside the task the console's
 * bytes move and the answer is false: what the others wait for is the caller. */
bool task_yield(void);
