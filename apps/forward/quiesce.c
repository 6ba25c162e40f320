/* quiesce.c - waiting until every worker has ended its turn (quiesce.h).
 */
#include "apps/forward/quiesce.h"

#include "kernel/compiler.h"
#include "kernel/task.h"

#include <stdlib.h>
#include <string.h>

struct retired {
    void (*fn)(void *arg);
    void *arg;
    struct retired *next;
};

static struct {
    struct worker_turns *turns[WORKERS_MAX];
    unsigned count;
} workers;

static struct {
    struct retired *fresh, *waiting; /* the oldest first */
    struct retired *last;            /* of the fresh ones */
    uint64_t seen[WORKERS_MAX];      /* turns when `waiting` began to wait */
} queue;

void quiesce_add(struct worker_turns *turns)
{
    turns->parked = workers.count != 0;
    workers.turns[workers.count++] = turns;
}

void quiesce_reset(void)
{
    memset(&workers, 0, sizeof workers);
}

unsigned quiesce_workers(void)
{
    return workers.count;
}

/* A full barrier: were the count still on its way out while the next turn reads, who takes
 * something out could read the count of the turn before, and take this one's end for the end of
 * the turn that has found it. */
void turns_end(struct worker_turns *turns)
{
    __atomic_fetch_add(&turns->ended, 1, __ATOMIC_SEQ_CST);
}

/* Sequentially consistent: whoever takes something out and then reads `parked` as true can be
 * sure that this worker finds it gone when it runs again. */
void turns_park(struct worker_turns *turns, bool parked)
{
    __atomic_store_n(&turns->parked, parked, __ATOMIC_SEQ_CST);
}

/* Likewise. */
void turns_rest(struct worker_turns *turns, bool resting)
{
    __atomic_store_n(&turns->resting, resting, __ATOMIC_SEQ_CST);
}

static void look(uint64_t seen[WORKERS_MAX])
{
    static unsigned looks;
    /* A full barrier: what was taken out is out before anything is read here. */
    __atomic_fetch_add(&looks, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 1; i < workers.count; i++)
        seen[i] = load_acquire(&workers.turns[i]->ended);
}

static bool has_passed(unsigned i, const uint64_t seen[WORKERS_MAX])
{
    const struct worker_turns *turns = workers.turns[i];
    return __atomic_load_n(&turns->parked, __ATOMIC_SEQ_CST) ||
           __atomic_load_n(&turns->resting, __ATOMIC_SEQ_CST) ||
           load_acquire(&turns->ended) != seen[i];
}

void workers_quiesce(void)
{
    uint64_t seen[WORKERS_MAX];
    look(seen);
    for (unsigned i = 1; i < workers.count; i++)
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
    struct retired *r = workers.count > 1 ? malloc(sizeof *r) : NULL;
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
    for (unsigned i = 1; i < workers.count; i++)
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

bool retire_is_over(void)
{
    return !queue.waiting && !queue.fresh;
}

void retire_all(void)
{
    while (queue.waiting || queue.fresh) {
        workers_quiesce();
        retire_poll();
    }
}
