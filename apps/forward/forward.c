/* forward.c - the poll loop: who polls what, who sends, and who does the rest.
 *
 * A turn is: receive from every queue and let the mode deal with each burst;
 * do a bounded piece of the control task's work; send what has gathered. */
#include "apps/forward/forward.h"

#include "apps/forward/access.h"
#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/modes/test_frame.h"
#include "kernel/log.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CORES 1u            /* one CPU so far: control and worker in one */
#define NOTES 1024u         /* ring from a worker to the control task */
#define NOTES_PER_TURN 128u /* so that a flood of them does not stop the queues */
#define SENDS 2048u         /* ring from the control task: a burst for every port */

/* A 16550 takes 16 characters, 1.4 ms at 115200 baud: the console must be
 * looked at that often.  A look costs about as much as forwarding a burst (on
 * a VM a register read leaves the guest), so a busy loop looks no oftener than needed. */
#define HOOK_BUSY_US 500u
#define HOOK_IDLE_US 50u
#define TICK_US 10000u
#define LINK_US 100000u
#define PORTS_US 1000u /* mailboxes: an answer within a millisecond, however many ask */

#define JOBS_MAX 16u

TABLE_DECLARE(forward_modes, struct forward_mode);

static struct {
    struct packet_pool *pool;
    struct worker *worker[WORKERS_MAX];
    unsigned cores; /* 0 before forward_init() */
    const struct forward_mode *mode;
    bool running;
    bool in_control; /* a command may run turns while it waits */
    unsigned ports_begun;
    bool promiscuous[PORT_MAX];
    void (*hook)(void);
    uint64_t hook_at, tick_at, link_at, ports_at;
    uint64_t job_at[JOBS_MAX];
} forward;

/* Data path ---------------------------------------------------------------- */

struct port_counters *forward_counters(struct worker *worker, uint16_t port)
{
    static struct port_counters nowhere;
    return likely(port < PORT_MAX) ? &worker->counters[port] : &nowhere;
}

void forward_drop(struct worker *worker, uint16_t port, enum drop_reason why, struct packet *packet)
{
    counter_add(&worker->counters[port].drops[why], 1);
    packet_free(&worker->cache, packet);
}

void forward_drop_burst(struct worker *worker, uint16_t port, enum drop_reason why,
                        struct packet **packets, uint16_t n)
{
    counter_add(&worker->counters[port].drops[why], n);
    packet_free_burst(&worker->cache, packets, n);
}

void forward_consume(struct worker *worker, struct packet *packet)
{
    counter_add(&forward_counters(worker, packet->port)->consumed, 1);
    packet_free(&worker->cache, packet);
}

bool forward_note(struct worker *worker, const struct note *note)
{
    return spsc_push(&worker->to_control, note);
}

static bool can_send(const struct port *out)
{
    return out->state == PORT_RUNNING && out->link.up;
}

/* out: NULL when the port is gone; then the frames have nowhere to go. */
static void tx_flush(struct worker *worker, uint16_t number, struct port *out)
{
    struct tx_buffer *buffer = &worker->tx[number];
    uint16_t n = buffer->count, sent = 0;
    bool up = out && can_send(out);
    if (up && unlikely(load_relaxed(&out->vlan)))
        n = access_transmit(worker, out, buffer->packets, n);
    if (likely(up))
        sent = port_tx_burst(out->txq[worker->number], buffer->packets, n);
    if (unlikely(sent < n))
        forward_drop_burst(worker, number, up ? DROP_tx_full : DROP_tx_down, buffer->packets + sent,
                           n - sent);
    buffer->count = 0;
    worker->tx_pending &= ~(1ull << number);
}

void forward_send(struct worker *worker, struct port *out, struct packet *packet)
{
    struct tx_buffer *buffer = &worker->tx[out->number];
    if (unlikely(packet->frame_length > port_frame_limit(out))) {
        forward_drop(worker, out->number, DROP_tx_too_long, packet);
        return;
    }
    buffer->packets[buffer->count++] = packet;
    worker->tx_pending |= 1ull << out->number;
    if (buffer->count == PORT_BURST)
        tx_flush(worker, out->number, out);
}

void forward_send_burst(struct worker *worker, struct port *out, struct packet **packets,
                        uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        forward_send(worker, out, packets[i]);
}

void forward_flush(struct worker *worker)
{
    while (worker->tx_pending) {
        uint16_t number = (uint16_t)__builtin_ctzll(worker->tx_pending);
        tx_flush(worker, number, port_get(number));
    }
}

void forward_offer(struct worker *worker, struct port *out, struct packet **packets, uint16_t n)
{
    uint16_t sent = 0, made = n;
    if (can_send(out) && unlikely(load_relaxed(&out->vlan)))
        n = access_transmit(worker, out, packets, n);
    if (can_send(out))
        sent = port_tx_burst(out->txq[worker->number], packets, n);
    counter_add(&forward_counters(worker, out->number)->originated, made - n + sent);
    packet_free_burst(&worker->cache, packets + sent, n - sent);
}

static unsigned poll_queue(struct worker *worker, struct port_queue *queue)
{
    struct packet *packets[PORT_BURST];
    uint16_t received = port_rx_burst(queue, packets, PORT_BURST), n = received;
    if (n && unlikely(load_relaxed(&queue->port->vlan)))
        n = access_receive(worker, queue->port, packets, n);
    if (!n)
        return received;
    if (unlikely(!forward.running)) {
        forward_drop_burst(worker, queue->port->number, DROP_stopped, packets, n);
    } else if (forward.mode->burst) {
        forward.mode->burst(worker, queue->port, packets, n);
    } else {
        struct interface *interface = interface_of_port(queue->port);
        interface->input(worker, interface, packets, n);
    }
    return received;
}

/* Queue q of every port belongs to core q modulo their number. */
static unsigned poll_ports(struct worker *worker)
{
    unsigned received = 0;
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        if (!port || port->state != PORT_RUNNING)
            continue;
        for (unsigned q = worker->number; q < port->rx_queues; q += forward.cores)
            received += poll_queue(worker, port->rxq[q]);
    }
    return received;
}

static void take_sends(struct worker *worker)
{
    struct send_request request;
    while (spsc_pop(&worker->from_control, &request)) {
        struct port *out = port_get(request.port);
        if (out)
            forward_send(worker, out, request.packet);
        else
            forward_drop(worker, request.port, DROP_tx_down, request.packet);
    }
}

/* Control core: frames ------------------------------------------------------ */

struct worker *control_worker(void)
{
    return forward.worker[0];
}

unsigned worker_count(void)
{
    return forward.cores;
}

struct worker *worker_get(unsigned number)
{
    return number < forward.cores ? forward.worker[number] : NULL;
}

void control_forward(struct worker *control, struct port *out, struct packet *packet)
{
    const struct send_request request = { .packet = packet, .port = out->number };
    if (!spsc_push(&control->from_control, &request))
        forward_drop(control, out->number, DROP_tx_full, packet);
}

void control_originate(struct worker *control, struct port *out, struct packet *packet)
{
    counter_add(&forward_counters(control, out->number)->originated, 1);
    control_forward(control, out, packet);
}

static void take_note(struct worker *control, const struct note *note)
{
    note->handle(control, note);
}

static void take_notes(struct worker *control, unsigned most)
{
    struct note note;
    for (unsigned i = 0; i < forward.cores; i++)
        for (unsigned n = 0; n < most && spsc_pop(&forward.worker[i]->to_control, &note); n++)
            take_note(control, &note);
}

static uint64_t jobs_held(void)
{
    uint64_t held = 0;
    TABLE_FOR_EACH (control_jobs, struct control_job, job)
        held += job->held ? job->held() : 0;
    return held;
}

/* Only the control task takes notes out, so it may also look at those inside. */
static uint64_t notes_held(const struct spsc *ring)
{
    const struct note *notes = ring->slots;
    uint32_t tail = load_acquire(&ring->tail);
    uint64_t held = 0;
    for (uint32_t i = ring->head; i != tail; i++)
        held += notes[i & ring->mask].packet != NULL;
    return held;
}

uint64_t forward_held(void)
{
    uint64_t held = jobs_held() + (forward_get_mode()->held ? forward_get_mode()->held() : 0);
    for (unsigned i = 0; i < forward.cores; i++) {
        const struct worker *worker = forward.worker[i];
        held += notes_held(&worker->to_control);
        held += load_acquire(&worker->from_control.tail) - load_acquire(&worker->from_control.head);
        for (unsigned port = 0; port < PORT_MAX; port++)
            held += worker->tx[port].count;
    }
    return held;
}

/* Control core: ports ------------------------------------------------------- */

static const struct bridge *bridge_of(struct port *port)
{
    const struct interface *interface = interface_of_port(port);
    return interface ? interface->bridge : NULL;
}

/* A member of a bridge must hear all stations, but not a VF beside its PF's port, which hears
 * them for it. */
static bool wants_promiscuous(struct port *port)
{
    if (forward.promiscuous[port->number])
        return true;
    if (forward.mode->burst)
        return !forward.mode->no_promiscuous;
    const struct bridge *bridge = bridge_of(port);
    return bridge && !(port->uplink && bridge_of(port->uplink) == bridge);
}

static int tell_rx_mode(struct port *port, bool promiscuous)
{
    struct port_rx_mode mode = port->rx_mode;
    mode.promiscuous = mode.all_multicast = promiscuous;
    return port_set_rx_mode(port, &mode);
}

static int apply_rx_mode(struct port *port)
{
    bool wanted = wants_promiscuous(port);
    int e = tell_rx_mode(port, wanted);
    if (e && wanted)
        log_warning("port %u: cannot receive what is meant for other stations: %s", port->number,
                    strerror(-e));
    return wanted ? e : 0;
}

void forward_refresh_rx_mode(struct port *port)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *p = port_get(i);
        if (p && (p == port || p->uplink == port) && p->state == PORT_RUNNING &&
            wants_promiscuous(p) != p->rx_mode.promiscuous)
            apply_rx_mode(p);
    }
}

static void say_link(const struct port *port)
{
    const char *duplex = port->link.full_duplex ? "full" : "half";
    if (!port->link.up)
        log_info("port %u: link down", port->number);
    else if (port->link.speed_mbps)
        log_info("port %u: link up, %" PRIu32 " Mb/s %s duplex", port->number,
                 port->link.speed_mbps, duplex);
    else
        log_info("port %u: link up", port->number);
}

static void poll_link(struct port *port)
{
    bool changed = port_poll_link(port);
    if (changed)
        say_link(port);
    if (changed && forward.mode->link_changed)
        forward.mode->link_changed(port);
    interface_follow_port(port);
}

static void poll_links(void)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        if (port)
            poll_link(port);
    }
}

static void poll_drivers(uint64_t now)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        if (port && port_poll(port, now))
            poll_link(port);
    }
}

/* 0, or why it did not start; then it is stopped, or failed by its own doing. */
static int try_up(struct port *port)
{
    if (port->state == PORT_FAILED)
        return -EIO;
    port->admin_up = true;
    if (port->state == PORT_RUNNING)
        return 0;
    for (unsigned i = 0; i < port->rx_queues; i++)
        port->rxq[i]->cache = &forward.worker[i % forward.cores]->cache;
    for (unsigned i = 0; i < port->tx_queues; i++)
        port->txq[i]->cache = &forward.worker[i % forward.cores]->cache;
    tell_rx_mode(port, wants_promiscuous(port)); /* the driver starts with that, not another */
    int e = port_start(port);
    if (e)
        return e;
    apply_rx_mode(port);
    poll_link(port);
    return 0;
}

int forward_port_up(struct port *port)
{
    int e = try_up(port);
    if (e && port->state != PORT_FAILED && e != -EPERM)
        port_fail(port, e == -ENOMEM ? "no memory to start" : "did not start");
    return e;
}

void forward_port_down(struct port *port)
{
    port->admin_up = false;
    for (unsigned i = 0; i < forward.cores; i++)
        tx_flush(forward.worker[i], port->number, port);
    port_stop(port);
    poll_link(port);
}

/* The mode reads its notes while it still knows the port, and what it sends then is dropped at
 * a port that is down. */
void forward_port_remove(struct port *port)
{
    forward_port_down(port);
    take_notes(control_worker(), NOTES);
    for (unsigned i = 0; i < forward.cores; i++) {
        take_sends(forward.worker[i]);
        tx_flush(forward.worker[i], port->number, port);
    }
    interface_destroy(interface_of_port(port));
    forward.promiscuous[port->number] = false;
}

/* Where there is no memory for so many, it goes on with those it had. */
int forward_set_queues(struct port *port, uint16_t queues)
{
    bool running = port->state == PORT_RUNNING;
    uint16_t rx = port->rx_queues, tx = port->tx_queues;
    if (queues == port->rx_queues && queues == port->tx_queues)
        return 0;
    if (running)
        forward_port_down(port);
    int e = port_set_queues(port, queues);
    if (!running)
        return e;
    if (!e)
        e = try_up(port);
    if (e == -ENOMEM) {
        port->rx_queues = rx;
        port->tx_queues = tx;
    }
    if (port->state != PORT_RUNNING) {
        int up = forward_port_up(port);
        e = e ? e : up;
    }
    return e;
}

void forward_ports_up(void)
{
    while (forward.ports_begun < port_count()) {
        struct port *port = port_get(forward.ports_begun++);
        if (port)
            interface_of_port(port);
        if (port && port->admin_up && port->state == PORT_STOPPED)
            forward_port_up(port);
    }
}

int forward_set_promiscuous(struct port *port, bool on)
{
    bool before = forward.promiscuous[port->number];
    forward.promiscuous[port->number] = on;
    int e = apply_rx_mode(port);
    if (e)
        forward.promiscuous[port->number] = before;
    return e;
}

bool forward_promiscuous(const struct port *port)
{
    return forward.promiscuous[port->number];
}

struct port *forward_peer(const struct port *port)
{
    return port_get(port->number ^ 1u);
}

/* Control core: modes ------------------------------------------------------- */

const struct forward_mode *forward_find_mode(const char *name)
{
    TABLE_FOR_EACH (forward_modes, struct forward_mode, mode)
        if (!strcmp(mode->name, name))
            return mode;
    return NULL;
}

const struct forward_mode *forward_get_mode(void)
{
    return forward.mode ? forward.mode : forward_find_mode("l2");
}

bool forward_running(void)
{
    return forward.running;
}

static void say_mode_changed(void)
{
    const struct event event = { .kind = EVENT_MODE_CHANGED };
    event_post(&event);
}

/* With one core this runs between bursts, so nobody is inside the old mode.
 * Notes are in the language of the mode that was in force when they were
 * written, and are read before it goes. */
int forward_set_mode(const struct forward_mode *mode)
{
    const struct forward_mode *old = forward.mode;
    if (mode == old)
        return 0;
    int e = mode->start ? mode->start() : 0;
    if (e)
        return e;
    take_notes(control_worker(), NOTES);
    forward.mode = mode;
    if (old->stop)
        old->stop();
    say_mode_changed();
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i) && port_get(i)->state == PORT_RUNNING)
            apply_rx_mode(port_get(i));
    return 0;
}

void forward_start(void)
{
    forward_ports_up();
    forward.running = true;
    say_mode_changed();
}

void forward_stop(void)
{
    forward.running = false;
    say_mode_changed();
}

int forward_start_tx_first(void)
{
    struct worker *control = control_worker();
    forward_ports_up();
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *out = port_get(i);
        struct packet *packets[PORT_BURST];
        if (!out || !can_send(out))
            continue;
        if (!packet_alloc_burst(&control->cache, packets, PORT_BURST))
            return -ENOMEM;
        for (unsigned k = 0; k < PORT_BURST; k++) {
            test_frame_build(out, packets[k]);
            control_originate(control, out, packets[k]);
        }
    }
    forward_start();
    return 0;
}

/* The loop ------------------------------------------------------------------- */

static bool due(uint64_t *at, uint64_t now, uint64_t every)
{
    if (now < *at)
        return false;
    *at = now + every;
    return true;
}

static void run_jobs(struct worker *control, uint64_t now)
{
    unsigned i = 0;
    TABLE_FOR_EACH (control_jobs, struct control_job, job)
        if (i < JOBS_MAX && due(&forward.job_at[i++], now, job->every_us) && job->run)
            job->run(control, now);
}

static void control_slice(struct worker *control, bool busy)
{
    uint64_t now = time_us();
    if (forward.in_control)
        return;
    forward.in_control = true;
    forward_ports_up();
    if (due(&forward.tick_at, now, TICK_US)) {
        stats_tick(now);
        if (forward.mode->tick)
            forward.mode->tick(control, now);
    }
    run_jobs(control, now);
    if (due(&forward.ports_at, now, PORTS_US))
        poll_drivers(now);
    if (due(&forward.link_at, now, LINK_US))
        poll_links();
    if (forward.hook && due(&forward.hook_at, now, busy ? HOOK_BUSY_US : HOOK_IDLE_US))
        forward.hook();
    forward.in_control = false;
}

unsigned forward_turn(void)
{
    struct worker *worker = control_worker();
    uint64_t begin = time_cycles();
    bool makes_frames = forward.running && forward.mode->turn;
    unsigned received = poll_ports(worker);
    bool busy = received || makes_frames;
    if (makes_frames)
        forward.mode->turn(worker);
    take_notes(worker, NOTES_PER_TURN);
    take_sends(worker);
    forward_flush(worker);
    control_slice(worker, busy);
    counter_add(&worker->packets, received);
    if (busy)
        counter_add(&worker->busy_cycles, time_cycles() - begin);
    else
        counter_add(&worker->idle_cycles, time_cycles() - begin);
    return received;
}

void forward_set_control_hook(void (*hook)(void))
{
    forward.hook = hook;
}

/* Set-up --------------------------------------------------------------------- */

static struct worker *worker_create(unsigned number)
{
    struct worker *worker = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof *worker, (size_t)CACHE_LINE));
    if (!worker)
        return NULL;
    memset(worker, 0, sizeof *worker);
    worker->number = number;
    packet_cache_init(&worker->cache, forward.pool);
    if (spsc_init(&worker->to_control, NOTES, sizeof(struct note)))
        goto fail;
    if (spsc_init(&worker->from_control, SENDS, sizeof(struct send_request)))
        goto fail_to_control;
    return worker;
fail_to_control:
    spsc_free(&worker->to_control);
fail:
    free(worker);
    return NULL;
}

static void worker_destroy(struct worker *worker)
{
    struct send_request request;
    while (spsc_pop(&worker->from_control, &request))
        packet_free(&worker->cache, request.packet);
    packet_cache_flush(&worker->cache);
    spsc_free(&worker->from_control);
    spsc_free(&worker->to_control);
    free(worker);
}

static void workers_destroy(void)
{
    while (forward.cores)
        worker_destroy(forward.worker[--forward.cores]);
}

static void jobs_free(void)
{
    TABLE_FOR_EACH (control_jobs, struct control_job, job)
        if (job->free)
            job->free();
}

static int jobs_init(uint32_t packets)
{
    int e = 0;
    TABLE_FOR_EACH (control_jobs, struct control_job, job)
        if (!e && job->init)
            e = job->init(packets);
    return e;
}

int forward_init(uint32_t packets)
{
    memset(&forward, 0, sizeof forward);
    stats_reset();
    forward.pool = packet_pool_create(packets);
    if (!forward.pool)
        return -ENOMEM;
    for (; forward.cores < CORES; forward.cores++)
        if (!(forward.worker[forward.cores] = worker_create(forward.cores)))
            goto fail;
    forward.mode = forward_find_mode("l2");
    if (jobs_init(packets))
        goto fail;
    if (!forward.mode->start || !forward.mode->start())
        return 0;
fail:
    jobs_free();
    workers_destroy();
    packet_pool_destroy(forward.pool);
    return -ENOMEM;
}

void forward_shutdown(void)
{
    uint32_t missing;
    forward_stop();
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i))
            forward_port_down(port_get(i));
    interfaces_destroy();
    take_notes(control_worker(), NOTES);
    forward_flush(control_worker());
    if (forward.mode->stop)
        forward.mode->stop();
    jobs_free();
    workers_destroy();
    missing = packet_pool_count(forward.pool) - packet_pool_available(forward.pool);
    if (missing)
        log_error("forward: %" PRIu32 " packets are missing", missing);
    packet_pool_destroy(forward.pool);
    memset(&forward, 0, sizeof forward);
}
