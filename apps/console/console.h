/* console.h - the person at the terminal: prompt, editing, pager. */
#pragma once

/* The console's task (kernel/task.h): reads lines for ever and runs them. */
void console_task(void *arg);
/* `page off`, and an empty history (tests). */
void console_task_reset(void);
