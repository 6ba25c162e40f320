/* cores.c - what a CPU does that is a worker, and what it does when there is nothing to do
 * (cores.h). */
#include "apps/forward/cores.h"

#include "apps/forward/rest.h"
#include "apps/forward/worker.h"
#include "kernel/cpus.h"

_Static_assert(CPUS_MAX == WORKERS_MAX, "every CPU can be a worker");

static bool stop;

/* Who gives it something to do ends its rest. */
static void idle(struct worker *worker)
{
    if (!rest_step(worker, 0))
        cpu_pause();
}

static void run(unsigned number)
{
    worker_run(worker_get(number), &stop, idle);
}

void cores_start(void)
{
    stop = false;
    workers_set_wake(cpu_wake);
    for (unsigned i = 1; i < worker_count(); i++)
        cpu_run(i, run);
}

void cores_stop(void)
{
    store_release(&stop, true);
    for (unsigned i = 1; i < worker_count(); i++)
        cpu_wake(i);
}
