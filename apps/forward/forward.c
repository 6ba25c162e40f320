/* forward.c - the control task: modes, notes, jobs, and the loop that ties them to worker 0.
 *
 * A turn is: receive from every queue and let the interfaces or the mode deal with each
 * burst; send what has gathered; read the workers' notes; do a bounded piece of control
 * work. */
#include "apps/forward/forward.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/forward/ports.h"
#include "apps/forward/quiesce.h"
#include "apps/forward/rest.h"
#include "kernel/log.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NOTES_PER_TURN 128u /* so that a flood of them does not stop the queues */

/* A 16550 takes 16 characters, 1.4 ms at 115200 baud: the console must be
 * looked at that often.  A look costs about as much as forwarding a burst (on
 * a VM a register read leaves the guest), so a busy loop looks no oftener than needed. */
#define HOOK_BUSY_US 500u
#define HOOK_IDLE_US 50u
#define JOBS_MAX 32u
/* Timers and keys wait so long where nothing else is to be done. */
#define CONTROL_REST_US 12000u
#define CONTROL_REST_VFS_US 4000u

static struct {
    struct packet_pool *pool;
    bool in_control; /* a command may run turns while it waits */
    void (*hook)(void);
    bool (*quiet)(void);
    uint64_t hook_at, job_at[JOBS_MAX];
    bool makes_frames; /* the mode does, in every turn */
    bool keep;         /* what waits at ports while forwarding is stopped */
    uint64_t jobs_at;  /* the earliest of them */
    const struct control_job *always[JOBS_MAX]; /* those that run in every slice */
    unsigned always_count;
} forward;

/* Frames -------------------------------------------------------------------- */

void control_forward(struct worker *control, struct port *out, struct packet *packet)
{
    forward_send(control, out, packet);
}

void control_originate(struct worker *control, struct port *out, struct packet *packet)
{
    counter_add(&forward_counters(control, out->number)->originated, 1);
    forward_send(control, out, packet);
}

static uint64_t jobs_held(void)
{
    uint64_t held = 0;
    TABLE_FOR_EACH (control_jobs, struct control_job, job)
        held += job->held ? job->held() : 0;
    return held;
}

uint64_t forward_held(void)
{
    return workers_held() + jobs_held();
}

/* Modes --------------------------------------------------------------------- */

static void drop_stopped(struct worker *worker, struct port *in, struct packet **packets,
                         uint16_t n)
{
    forward_drop_burst(worker, in->number, DROP_stopped, packets, n);
}

/* From the next burst on every worker does what mode and state say now. */
static void publish(const struct forward_mode *mode, bool running)
{
    mode_note(mode, running);
    forward.makes_frames = running && mode->turn;
    workers_set_port_input(running ? mode->burst : drop_stopped);
    workers_set_turn(running ? mode->turn : NULL);
    workers_pause(forward.keep && !running);
}

void forward_set_keep(bool keep)
{
    forward.keep = keep;
    publish(forward_get_mode(), forward_running());
}

bool forward_keeps(void)
{
    return forward.keep;
}

static void say_mode_changed(void)
{
    const struct event event = { .kind = EVENT_MODE_CHANGED };
    event_post(&event);
}

/* Who hears of it can be sure that nobody is inside the old mode any more, and that its notes
 * are read. */
int forward_set_mode(const struct forward_mode *mode)
{
    if (mode == forward_get_mode())
        return 0;
    int e = mode->start ? mode->start() : 0;
    if (e)
        return e;
    publish(mode, forward_running());
    workers_quiesce();
    workers_take_notes(UINT32_MAX);
    say_mode_changed();
    ports_apply_rx_modes();
    return 0;
}

void forward_start(void)
{
    forward_ports_up();
    publish(forward_get_mode(), true);
    say_mode_changed();
}

void forward_stop(void)
{
    publish(forward_get_mode(), false);
    say_mode_changed();
}

/* The loop ------------------------------------------------------------------- */

static bool due(uint64_t *at, uint64_t now, uint64_t every)
{
    if (now < *at)
        return false;
    *at = now + every;
    return true;
}

/* Most slices have nothing to do: one comparison tells. */
static void run_jobs(struct worker *control, uint64_t now)
{
    unsigned i = 0;
    for (unsigned k = 0; k < forward.always_count; k++)
        forward.always[k]->run(control, now);
    if (now < forward.jobs_at)
        return;
    forward.jobs_at = UINT64_MAX;
    TABLE_FOR_EACH (control_jobs, struct control_job, job) {
        if (!job->run || !job->every_us || i == JOBS_MAX)
            continue;
        if (due(&forward.job_at[i], now, job->every_us))
            job->run(control, now);
        forward.jobs_at = min_u64(forward.jobs_at, forward.job_at[i++]);
    }
}

static void control_slice(struct worker *control, bool busy, uint64_t now)
{
    if (forward.in_control)
        return;
    forward.in_control = true;
    retire_poll();
    ports_look_for_new();
    run_jobs(control, now);
    if (forward.hook && due(&forward.hook_at, now, busy ? HOOK_BUSY_US : HOOK_IDLE_US))
        forward.hook();
    forward.in_control = false;
}

unsigned forward_turn(void)
{
    struct worker *worker = control_worker();
    unsigned taken = worker_poll(worker);
    bool busy = taken || forward.makes_frames;
    forward_flush(worker);
    workers_take_notes(NOTES_PER_TURN);
    if (unlikely(worker->pending)) /* the notes' own */
        forward_flush(worker);
    if (unlikely(busy && worker->disarm))
        worker->disarm(worker);
    uint64_t now = worker_end_turn(worker, busy);
    control_slice(worker, busy, time_us_at(now));
    return taken;
}

void forward_set_control_hook(void (*hook)(void), bool (*quiet)(void))
{
    forward.hook = hook;
    forward.quiet = quiet;
}

/* Rest ----------------------------------------------------------------------- */

static bool jobs_are_over(void)
{
    TABLE_FOR_EACH (control_jobs, struct control_job, job)
        if (job->busy && job->busy())
            return false;
    return true;
}

/* A PF's driver answers its VFs, which wait. */
static uint64_t control_rest_us(void)
{
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i) && port_get(i)->vf_count)
            return CONTROL_REST_VFS_US;
    return CONTROL_REST_US;
}

void forward_rest(void)
{
    struct worker *worker = control_worker();
    if (!rest_is_ready() || !rest_is_due(worker) || forward.makes_frames || !retire_is_over() ||
        !jobs_are_over() || (forward.quiet && !forward.quiet()))
        return;
    if (rest_step(worker, control_rest_us())) {
        worker_count_idle(worker);
        forward.hook_at = 0;
    }
}

/* Set-up --------------------------------------------------------------------- */

static void jobs_free(void)
{
    TABLE_FOR_EACH (control_jobs, struct control_job, job)
        if (job->free)
            job->free();
}

static int jobs_init(uint32_t packets)
{
    int e = 0;
    unsigned jobs = 0;
    TABLE_FOR_EACH (control_jobs, struct control_job, job) {
        if (++jobs > JOBS_MAX)
            return -ENOSPC;
        if (!e && job->init)
            e = job->init(packets);
        if (job->run && !job->every_us && forward.always_count < JOBS_MAX)
            forward.always[forward.always_count++] = job;
    }
    return e;
}

int forward_init_workers(uint32_t packets, unsigned count)
{
    memset(&forward, 0, sizeof forward);
    forward.pool = packet_pool_create(packets);
    if (!forward.pool)
        return -ENOMEM;
    if (workers_create(count, forward.pool))
        goto fail_pool;
    if (jobs_init(packets))
        goto fail;
    ports_init();
    publish(forward_find_mode("l2"), false);
    return 0;
fail:
    jobs_free();
    workers_destroy();
fail_pool:
    packet_pool_destroy(forward.pool);
    return -ENOMEM;
}

int forward_init(uint32_t packets)
{
    return forward_init_workers(packets, 1);
}

void forward_shutdown(void)
{
    uint32_t missing;
    forward_stop();
    workers_quiesce();
    workers_take_notes(UINT32_MAX);
    ports_shutdown();
    interfaces_destroy();
    forward_flush(control_worker());
    retire_all();
    workers_destroy();
    jobs_free();
    missing = packet_pool_count(forward.pool) - packet_pool_available(forward.pool);
    if (missing)
        log_error("forward: %" PRIu32 " packets are missing", missing);
    packet_pool_destroy(forward.pool);
    mode_note(NULL, false);
    memset(&forward, 0, sizeof forward);
}
