/* spread.c - when frames are spread over workers without queues (spread.h). */
#include "apps/forward/spread.h"

#include "apps/forward/assign.h"
#include "apps/forward/job.h"
#include "apps/forward/mode.h"
#include "apps/forward/worker.h"
#include "kernel/task.h"
#include "kernel/time.h"

#include <string.h>

#define LOOK_US (100 * US_PER_MS)
#define BUSY_PERCENT 75u
#define FRAME_NS 100u /* passing one on costs some 20 (tests/bench/bench_spread.c) */
#define IDLE_PERCENT 20u
#define IDLE_LOOKS 20u /* so many in a row */

static struct {
    enum spread wanted;
    bool now;      /* SPREAD_AUTO: as the load says */
    unsigned idle; /* looks that found all idle */
    uint64_t busy_cycles[WORKERS_MAX], idle_cycles[WORKERS_MAX], frames[WORKERS_MAX];
} spread;

static bool is_wanted(void)
{
    return spread.wanted == SPREAD_ON || (spread.wanted == SPREAD_AUTO && spread.now);
}

int spread_set(enum spread wanted)
{
    spread.wanted = wanted;
    spread.now = false;
    spread.idle = 0;
    return assign_set_spread(is_wanted());
}

enum spread spread_get(void)
{
    return spread.wanted;
}

/* What a worker did since the last look. */
struct load {
    unsigned percent;  /* of its time it was busy, */
    uint64_t frame_ns; /* and for each frame so long */
};

static struct load load_of(unsigned i)
{
    const struct worker *worker = worker_get(i);
    uint64_t busy = load_relaxed(&worker->busy_cycles), idle = load_relaxed(&worker->idle_cycles);
    uint64_t frames = load_relaxed(&worker->packets) + load_relaxed(&worker->taken);
    uint64_t more = busy - spread.busy_cycles[i], both = more + idle - spread.idle_cycles[i];
    uint64_t count = frames - spread.frames[i];
    spread.busy_cycles[i] = busy;
    spread.idle_cycles[i] = idle;
    spread.frames[i] = frames;
    return (struct load){ .percent = both ? (unsigned)(more * 100 / both) : 0,
                          .frame_ns = count ? more * 1000 / time_cycles_per_us() / count : 0 };
}

/* Of the workers that are spread over: how busy the busiest is, and whether one has enough to do
 * with each frame. */
static unsigned look_at_loads(bool *pays)
{
    unsigned most = 0;
    *pays = false;
    for (unsigned i = workers_first(); i < worker_count(); i++) {
        struct load load = load_of(i);
        most = load.percent > most ? load.percent : most;
        *pays |= load.percent >= BUSY_PERCENT && load.frame_ns >= FRAME_NS;
    }
    return most;
}

/* Modes that take ports whole do less with a frame than passing it on would cost. */
static bool mode_pays(void)
{
    return forward_running() && !forward_get_mode()->burst;
}

static void change(struct work *w)
{
    assign_set_spread(is_wanted());
}

static struct work changing = { .run = change };

static void look(struct worker *control, uint64_t now_us)
{
    if (spread.wanted != SPREAD_AUTO || worker_count() < 2)
        return;
    bool before = spread.now, pays;
    unsigned percent = look_at_loads(&pays);
    spread.idle = percent < IDLE_PERCENT ? spread.idle + 1 : 0;
    spread.now |= pays;
    if (!mode_pays() || spread.idle >= IDLE_LOOKS)
        spread.now = false;
    if (spread.now != before)
        work_do(&changing);
}

static int reset(uint32_t packets)
{
    memset(&spread, 0, sizeof spread);
    return assign_set_spread(false);
}

CONTROL_JOB(spread_job) = { .every_us = LOOK_US, .run = look, .init = reset };
