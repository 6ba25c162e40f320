/* rest.c - halting between two turns (rest.h). */
#include "apps/forward/rest.h"

#include "apps/forward/worker.h"
#include "kernel/cpus.h"
#include "kernel/time.h"

#define NOT_READY UINT64_MAX

static struct {
    bool wanted;
    uint64_t after_cycles; /* REST_AFTER_US, or NOT_READY */
    uint64_t look_us;
} rest = { .after_cycles = NOT_READY, .look_us = REST_LOOK_US };

void rest_want(bool wanted)
{
    rest.wanted = wanted;
    store_relaxed(&rest.after_cycles, NOT_READY);
}

bool rest_is_ready(void)
{
    if (rest.wanted && rest.after_cycles == NOT_READY && cpu_can_rest())
        store_relaxed(&rest.after_cycles, REST_AFTER_US * time_cycles_per_us());
    return rest.after_cycles != NOT_READY;
}

static uint64_t nothing_since(const struct worker *worker)
{
    return worker->counted_cycles - worker->busy_at;
}

bool rest_is_due(const struct worker *worker)
{
    return nothing_since(worker) >= load_relaxed(&rest.after_cycles) || !worker_has_duties(worker);
}

void rest_set_lookers(unsigned workers)
{
    store_relaxed(&rest.look_us, workers < 2 ? REST_LOOK_US : REST_LOOK_MOST_US);
}

uint64_t rest_look_us(void)
{
    return rest.wanted ? rest.look_us : 0;
}

static void arm_queues(struct worker *worker, bool on)
{
    const struct poll_list *list = load_acquire(&worker->polls);
    for (unsigned i = 0; list && i < list->count; i++) {
        struct port_queue *queue = load_acquire(&list->entry[i].queue);
        if (queue && load_relaxed(&queue->interrupts))
            queue->port->ops->arm(queue, on);
    }
}

static void disarm(struct worker *worker)
{
    arm_queues(worker, false);
    worker->disarm = NULL;
}

/* Until the next frame of a queue that knows when that comes; 0: too soon for a rest. */
static uint64_t due_in_us(const struct port_queue *queue)
{
    uint64_t due = load_relaxed(&queue->due_us), now = due ? time_us() : 0;
    return !due ? UINT64_MAX : due > now + REST_EARLY_US ? due - now - REST_EARLY_US : 0;
}

/* How long a queue that raises no interrupt may be left alone; 0: not yet. */
static uint64_t look_in_us(const struct worker *worker)
{
    uint64_t after = REST_AFTER_LOOKER_US / REST_AFTER_US * load_relaxed(&rest.after_cycles);
    return nothing_since(worker) >= after ? load_relaxed(&rest.look_us) : 0;
}

/* Until it looks by itself, and what else limits it.  False: it is not to rest at all; *us 0: as
 * long as nobody wakes it. */
static bool rest_us(const struct worker *worker, uint64_t most_us, uint64_t *us)
{
    const struct poll_list *list = load_acquire(&worker->polls);
    *us = most_us ? most_us : UINT64_MAX;
    for (unsigned i = 0; list && i < list->count && *us; i++) {
        const struct port_queue *queue = load_acquire(&list->entry[i].queue);
        if (queue)
            *us = min_u64(*us, min_u64(due_in_us(queue), load_relaxed(&queue->interrupts)
                                                             ? REST_MOST_US
                                                             : look_in_us(worker)));
    }
    if (!*us)
        return false;
    *us = *us == UINT64_MAX ? 0 : *us;
    return true;
}

static void halt(struct worker *worker, uint64_t us)
{
    turns_rest(&worker->turns, true);
    if (worker_finds_nothing(worker)) {
        cpu_rest(us);
        counter_add(&worker->wakeups, 1);
    }
    turns_rest(&worker->turns, false);
}

bool rest_step(struct worker *worker, uint64_t most_us)
{
    uint64_t us;
    if (!rest_is_due(worker))
        return false;
    if (!rest_us(worker, most_us, &us)) {
        if (worker->disarm)
            disarm(worker);
        return false;
    }
    if (!worker->disarm) {
        arm_queues(worker, true);
        worker->disarm = disarm;
        return false;
    }
    halt(worker, us);
    disarm(worker);
    return true;
}
