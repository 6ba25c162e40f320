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
    bool rests; /* it waits for what the poll loop finds */
};

static struct task tasks[TASKS_MAX];
static struct task *current;
static unsigned last; /* had the last turn */

static struct {
    struct work *first, *last;
    const struct work *running;
    bool started;
} queue;

#define WORTH_A_TURN_US 50u

void task_reset(void)
{
    memset(tasks, 0, sizeof tasks);
    for (struct work *w = queue.first; w; w = w->next)
        w->asked = false;
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
        current->rests = false;
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

void task_rest(void)
{
    if (current)
        current->rests = true;
    task_yield();
}

bool tasks_rest(void)
{
    for (unsigned i = 0; i < TASKS_MAX; i++)
        if (tasks[i].entry && !tasks[i].rests)
            return false;
    return !queue.first;
}

bool task_deadline_passed(const struct deadline *d)
{
    bool passed = deadline_passed(d);
    if (current && !passed)
        task_yield();
    return passed;
}

void task_delay_us(uint64_t us)
{
    struct deadline d = deadline_us(us + 1); /* the microsecond that runs is not whole */
    if (!current || us < WORTH_A_TURN_US) {
        time_delay_us(us);
        return;
    }
    while (!task_deadline_passed(&d))
        continue;
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

static void run(struct work *w)
{
    const struct work *outer = queue.running;
    queue.running = w;
    w->run(w);
    queue.running = outer;
}

bool work_run_next(void)
{
    struct work *w = queue.first;
    if (!w)
        return false;
    queue.first = w->next;
    w->asked = false;
    run(w);
    return true;
}

static void keep_house(void *arg)
{
    for (;;) {
        if (work_run_next())
            task_yield();
        else
            task_rest();
    }
}

int work_start(void)
{
    queue.started = task_create(keep_house, NULL);
    return queue.started ? 0 : -ENOMEM;
}

bool work_has_task(void)
{
    return queue.started;
}

void work_do(struct work *w)
{
    if (queue.started)
        work_ask(w);
    else
        run(w);
}
