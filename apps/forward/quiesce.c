/* quiesce.c - waiting until every worker has ended its turn (quiesce.h).
 *
 * Worker 0 runs on the control task's CPU and is between its turns whenever control
 * work runs, so only the others are waited for. */
#include "apps/forward/quiesce.h"

#include "apps/forward/worker.h"
#include "kernel/task.h"

#include <stdlib.h>
#include <string.h>

struct retired {
    void (*fn)(void *arg);
    void *arg;
    struct retired *next;
};

static struct {
    struct retired *fresh, *waiting; /* the oldest first */
    struct retired *last;            /* of the fresh ones */
    uint64_t seen[WORKERS_MAX];      /* turns when `waiting` began to wait */
} queue;

static void look(uint64_t seen[WORKERS_MAX])
{
    static unsigned looks;
    /* A full barrier: what was taken out is out before anything is read here. */
    __atomic_fetch_add(&looks, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 1; i < worker_count(); i++)
        seen[i] = load_acquire(&worker_get(i)->turns);
}

static bool has_passed(unsigned i, const uint64_t seen[WORKERS_MAX])
{
    const struct worker *worker = worker_get(i);
    return __atomic_load_n(&worker->parked, __ATOMIC_SEQ_CST) ||
           load_acquire(&worker->turns) != seen[i];
}

void workers_quiesce(void)
{
    uint64_t seen[WORKERS_MAX];
    look(seen);
    for (unsigned i = 1; i < worker_count(); i++)
        while (!has_passed(i, seen))
            if (!task_yield())
                __builtin_ia32_pause();
}

static void run_all(struct retired *list)
{
    while (list) {
        struct retired *next = list->next;
        list->fn(list->arg);
        free(list);
        list = next;
    }
}

void retire(void (*fn)(void *arg), void *arg)
{
    struct retired *r = worker_count() > 1 ? malloc(sizeof *r) : NULL;
    if (!r) { /* nobody to wait for, or no memory to do it later */
        workers_quiesce();
        fn(arg);
        return;
    }
    *r = (struct retired){ .fn = fn, .arg = arg };
    if (queue.fresh)
        queue.last->next = r;
    else
        queue.fresh = r;
    queue.last = r;
}

static bool all_have_passed(void)
{
    for (unsigned i = 1; i < worker_count(); i++)
        if (!has_passed(i, queue.seen))
            return false;
    return true;
}

void retire_poll(void)
{
    if (queue.waiting && all_have_passed()) {
        struct retired *list = queue.waiting;
        queue.waiting = NULL;
        run_all(list);
    }
    if (!queue.waiting && queue.fresh) {
        queue.waiting = queue.fresh;
        queue.fresh = NULL;
        look(queue.seen);
    }
}

void retire_all(void)
{
    while (queue.waiting || queue.fresh) {
        workers_quiesce();
        retire_poll();
    }
}
