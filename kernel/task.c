/* task.c - who gets the next turn, and what housekeeping has to do (task.h). */
#include "kernel/task.h"

#include "kernel/context.h"
#include "kernel/machine.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct task {
    void (*entry)(void *arg); /* NULL: the place is free */
    void *arg;
};

static struct task tasks[TASKS_MAX];
static struct task *current;
static unsigned last; /* had the last turn */

static struct {
    struct work *first, *last;
    const struct work *running;
} queue;

void task_reset(void)
{
    memset(tasks, 0, sizeof tasks);
    memset(&queue, 0, sizeof queue);
    current = NULL;
    last = 0;
}

struct task *task_current(void)
{
    return current;
}

static unsigned number_of(const struct task *t)
{
    return (unsigned)(t - tasks);
}

/* Where a context begins. */
static void run_current(void)
{
    current->entry(current->arg);
    current->entry = NULL;
    context_leave(number_of(current));
    panic("a task that is over got a turn");
}

struct task *task_create(void (*entry)(void *arg), void *arg)
{
    for (unsigned i = 0; i < TASKS_MAX; i++) {
        if (tasks[i].entry || &tasks[i] == current)
            continue;
        if (context_create(i, run_current))
            return NULL;
        tasks[i] = (struct task){ .entry = entry, .arg = arg };
        return &tasks[i];
    }
    return NULL;
}

void task_turn(void)
{
    if (current)
        return;
    for (unsigned i = 1; i <= TASKS_MAX; i++) {
        unsigned n = (last + i) % TASKS_MAX;
        if (!tasks[n].entry)
            continue;
        last = n;
        current = &tasks[n];
        context_enter(n);
        current = NULL;
        return;
    }
}

bool task_yield(void)
{
    struct task *self = current;
    if (!self)
        return context_wait_outside();
    context_leave(number_of(self));
    return true;
}

/* Housekeeping ------------------------------------------------------------- */

void work_ask(struct work *w)
{
    if (w->asked)
        return;
    w->asked = true;
    w->next = NULL;
    if (queue.first)
        queue.last->next = w;
    else
        queue.first = w;
    queue.last = w;
}

bool work_is_pending(const struct work *w)
{
    return w->asked || queue.running == w;
}

bool work_run_next(void)
{
    struct work *w = queue.first;
    if (!w)
        return false;
    queue.first = w->next;
    w->asked = false;
    queue.running = w;
    w->run(w);
    queue.running = NULL;
    return true;
}

static void keep_house(void *arg)
{
    for (;;) {
        work_run_next();
        task_yield();
    }
}

int work_start(void)
{
    return task_create(keep_house, NULL) ? 0 : -ENOMEM;
}
