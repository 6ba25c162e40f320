/* stats.c - adds up what workers, queues and devices count (stats.h). */
#include "apps/forward/stats.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/forward/worker.h"
#include "kernel/numbered.h"
#include "kernel/time.h"

#include <stdlib.h>
#include <string.h>

/* What is remembered of a port from its first day to its last. */
struct history {
    struct port_totals cleared;   /* where everything stood at `clear stats` */
    struct port_rates then, rate; /* absolute at the last look; a second */
    unsigned rx_queues;           /* that the port can have, */
    struct queue_totals queue[];  /* and what they had at `clear stats`, then those that send */
};

static struct numbered histories; /* by the port's number */

static struct {
    uint64_t sampled_us;
    struct worker_totals cleared[WORKERS_MAX], then[WORKERS_MAX];
    unsigned busy_percent[WORKERS_MAX];
} all;

/* Of a port that was never taken in: all zero. */
static const struct history *history_of(const struct port *port)
{
    static const struct history none;
    const struct history *h = numbered_get(&histories, port->number);
    return h ? h : &none;
}

static void history_begin(const struct port *port)
{
    const struct port_limits *l = &port->limits;
    size_t queues = (size_t)l->rx_queues_max + l->tx_queues_max;
    struct history *h = calloc(1, sizeof *h + queues * sizeof h->queue[0]);
    if (!h)
        return;
    h->rx_queues = l->rx_queues_max;
    if (numbered_set(&histories, port->number, h))
        free(h);
}

static void history_end(unsigned number)
{
    struct history *h = numbered_get(&histories, number);
    numbered_clear(&histories, number);
    free(h);
}

static void heard(const struct event *event)
{
    const struct interface *interface = event->interface;
    if (!interface || interface->kind != INTERFACE_PORT)
        return;
    if (event->kind == EVENT_INTERFACE_ADDED)
        history_begin(interface->port);
    else if (event->kind == EVENT_INTERFACE_GONE)
        history_end(interface->port_number);
}

EVENT_LISTENER(stats_listener) = { .order = EVENT_ORDER_FORWARD, .heard = heard };

/* A counter that fell (a device was reset behind its driver's back) shows 0,
 * never a number with twenty digits. */
static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

/* Queues ------------------------------------------------------------------- */

static void queue_read(const struct port_queue *queue, struct queue_totals *t)
{
    *t = (struct queue_totals){ 0 };
    if (!queue)
        return;
    t->packets = load_relaxed(&queue->packets);
    t->bytes = load_relaxed(&queue->bytes);
    t->errors = load_relaxed(&queue->errors);
}

static void queue_since(const struct port_queue *queue, const struct queue_totals *then,
                        struct queue_totals *t)
{
    queue_read(queue, t);
    if (!then)
        return;
    t->packets = since(t->packets, then->packets);
    t->bytes = since(t->bytes, then->bytes);
    t->errors = since(t->errors, then->errors);
}

/* NULL: of a port that was never taken in. */
static struct queue_totals *cleared_queue(const struct port *port, bool tx, unsigned queue)
{
    struct history *h = numbered_get(&histories, port->number);
    return h ? &h->queue[tx ? h->rx_queues + queue : queue] : NULL;
}

void stats_rx_queue(const struct port *port, unsigned queue, struct queue_totals *totals)
{
    queue_since(port->rxq[queue], cleared_queue(port, false, queue), totals);
}

void stats_tx_queue(const struct port *port, unsigned queue, struct queue_totals *totals)
{
    queue_since(port->txq[queue], cleared_queue(port, true, queue), totals);
}

/* Ports -------------------------------------------------------------------- */

static void add_queues(const struct port *port, struct port_totals *t)
{
    struct queue_totals q;
    for (unsigned i = 0; i < PORT_QUEUES_MAX; i++) {
        queue_read(port->rxq[i], &q);
        t->rx_packets += q.packets;
        t->rx_bytes += q.bytes;
        t->rx_errors += q.errors;
        queue_read(port->txq[i], &q);
        t->tx_packets += q.packets;
        t->tx_bytes += q.bytes;
        t->counters.drops[DROP_tx_refused] += q.errors;
    }
}

static void add_cores(const struct port *port, struct port_totals *t)
{
    for (unsigned i = 0; i < worker_count(); i++) {
        const struct worker_port *share = numbered_get(&worker_get(i)->ports, port->number);
        if (!share)
            continue;
        const struct port_counters *c = &share->counters;
        for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
            t->counters.drops[why] += load_relaxed(&c->drops[why]);
        t->counters.consumed += load_relaxed(&c->consumed);
        t->counters.originated += load_relaxed(&c->originated);
        t->counters.copied += load_relaxed(&c->copied);
    }
}

static void add_device(const struct port *port, struct port_totals *t)
{
    struct port_device_stats device;
    port_read_stats((struct port *)(uintptr_t)port, &device);
    t->rx_missed = device.rx_missed;
    t->rx_errors += device.rx_errors;
    t->tx_errors = device.tx_errors;
}

void stats_port_all(const struct port *port, struct port_totals *t)
{
    memset(t, 0, sizeof *t);
    add_queues(port, t);
    add_cores(port, t);
    add_device(port, t);
}

static void counters_since(struct port_counters *c, const struct port_counters *then)
{
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
        c->drops[why] = since(c->drops[why], then->drops[why]);
    c->consumed = since(c->consumed, then->consumed);
    c->originated = since(c->originated, then->originated);
    c->copied = since(c->copied, then->copied);
}

void stats_port_totals(const struct port *port, struct port_totals *t)
{
    const struct port_totals *then = &history_of(port)->cleared;
    stats_port_all(port, t);
    t->rx_packets = since(t->rx_packets, then->rx_packets);
    t->rx_bytes = since(t->rx_bytes, then->rx_bytes);
    t->tx_packets = since(t->tx_packets, then->tx_packets);
    t->tx_bytes = since(t->tx_bytes, then->tx_bytes);
    t->rx_errors = since(t->rx_errors, then->rx_errors);
    t->rx_missed = since(t->rx_missed, then->rx_missed);
    t->tx_errors = since(t->tx_errors, then->tx_errors);
    counters_since(&t->counters, &then->counters);
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
        *(drop_is_tx[why] ? &t->tx_dropped : &t->rx_dropped) += t->counters.drops[why];
}

/* Cores -------------------------------------------------------------------- */

/* Of one that rests, up to now.  Its clock may be ahead of ours. */
static uint64_t idle_cycles(const struct worker *worker)
{
    uint64_t since, idle, now = time_cycles();
    do {
        since = load_acquire(&worker->counted_cycles);
        idle = load_acquire(&worker->idle_cycles);
    } while (since != load_relaxed(&worker->counted_cycles));
    return idle + (load_relaxed(&worker->turns.resting) && now > since ? now - since : 0);
}

static void worker_read(unsigned number, struct worker_totals *t)
{
    const struct worker *worker = worker_get(number);
    *t = (struct worker_totals){ .packets = load_relaxed(&worker->packets),
                                 .busy_cycles = load_relaxed(&worker->busy_cycles),
                                 .taken = load_relaxed(&worker->taken),
                                 .idle_cycles = idle_cycles(worker),
                                 .wakeups = load_relaxed(&worker->wakeups),
                                 .resting = load_relaxed(&worker->turns.resting) };
}

void stats_worker_totals(unsigned number, struct worker_totals *t)
{
    const struct worker_totals *then = &all.cleared[number];
    worker_read(number, t);
    t->packets = since(t->packets, then->packets);
    t->busy_cycles = since(t->busy_cycles, then->busy_cycles);
    t->idle_cycles = since(t->idle_cycles, then->idle_cycles);
    t->wakeups = since(t->wakeups, then->wakeups);
    t->taken = since(t->taken, then->taken);
    t->busy_percent = all.busy_percent[number];
}

/* Clearing ----------------------------------------------------------------- */

void stats_clear(void)
{
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        struct history *h = numbered_get(&histories, i);
        if (!port || !h)
            continue;
        stats_port_all(port, &h->cleared);
        for (unsigned q = 0; q < port->limits.rx_queues_max; q++)
            queue_read(port->rxq[q], cleared_queue(port, false, q));
        for (unsigned q = 0; q < port->limits.tx_queues_max; q++)
            queue_read(port->txq[q], cleared_queue(port, true, q));
    }
    for (unsigned i = 0; i < worker_count(); i++)
        worker_read(i, &all.cleared[i]);
}

static int reset(uint32_t packets)
{
    memset(&all, 0, sizeof all);
    return 0;
}

static void forget(void)
{
    for (unsigned i = 0; i < histories.limit; i++)
        free(numbered_get(&histories, i));
    numbered_free(&histories);
}

/* Rates -------------------------------------------------------------------- */

static uint64_t per_second(uint64_t now, uint64_t then, uint64_t us)
{
    return since(now, then) * US_PER_S / us;
}

static void sample_port(const struct port *port, struct history *h, uint64_t us)
{
    struct port_rates *then = &h->then, *rate = &h->rate, now = { 0 };
    for (unsigned i = 0; i < PORT_QUEUES_MAX; i++) {
        struct queue_totals q;
        queue_read(port->rxq[i], &q);
        now.rx_packets += q.packets;
        now.rx_bytes += q.bytes;
        queue_read(port->txq[i], &q);
        now.tx_packets += q.packets;
        now.tx_bytes += q.bytes;
    }
    rate->rx_packets = per_second(now.rx_packets, then->rx_packets, us);
    rate->rx_bytes = per_second(now.rx_bytes, then->rx_bytes, us);
    rate->tx_packets = per_second(now.tx_packets, then->tx_packets, us);
    rate->tx_bytes = per_second(now.tx_bytes, then->tx_bytes, us);
    *then = now;
}

static void sample_core(unsigned number)
{
    struct worker_totals now, *then = &all.then[number];
    worker_read(number, &now);
    uint64_t busy = now.busy_cycles - then->busy_cycles;
    uint64_t both = busy + now.idle_cycles - then->idle_cycles;
    all.busy_percent[number] = both ? (unsigned)(busy * 100 / both) : 0;
    *then = now;
}

static void sample(struct worker *control, uint64_t now_us)
{
    uint64_t us = now_us - all.sampled_us;
    if (us < US_PER_S)
        return;
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i) && numbered_get(&histories, i))
            sample_port(port_get(i), numbered_get(&histories, i), us);
    for (unsigned i = 0; i < worker_count(); i++)
        sample_core(i);
    all.sampled_us = now_us;
}

void stats_port_rates(const struct port *port, struct port_rates *rates)
{
    *rates = history_of(port)->rate;
}

CONTROL_JOB(stats_job) = {
    .every_us = 10 * US_PER_MS, .run = sample, .init = reset, .free = forget
};
