/* console.h - the people at the terminals: prompt, editing, commands. */
#pragma once

/* A session for each terminal, each with a task of its own that reads lines for ever and runs
 * them (kernel/task.h).  0, or -ENOMEM: not even the first. */
int console_start(void);
void console_stop(void); /* tests, together with task_reset(): none, and no defaults set */
