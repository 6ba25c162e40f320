/* stats.c - adds up what cores, queues and devices count (stats.h). */
#include "apps/forward/stats.h"

#include "apps/forward/forward.h"
#include "kernel/time.h"

#include <string.h>

#define X(name, side, text) #name,
const char *const drop_names[DROP_REASON_COUNT] = { DROP_REASONS(X) };
#undef X
#define X(name, side, text) text,
const char *const drop_texts[DROP_REASON_COUNT] = { DROP_REASONS(X) };
#undef X
#define RX false,
#define TX true,
#define X(name, side, text) side
const bool drop_is_tx[DROP_REASON_COUNT] = { DROP_REASONS(X) };
#undef X
#undef RX
#undef TX

/* Where everything stood at `clear stats`. */
static struct {
    struct port_totals port[PORT_MAX];
    struct queue_totals rx[PORT_MAX][PORT_QUEUES_MAX], tx[PORT_MAX][PORT_QUEUES_MAX];
    struct worker_totals worker[WORKERS_MAX];
} cleared;

/* The last two looks of stats_tick(). */
static struct {
    uint64_t at_us;
    struct port_rates port[PORT_MAX]; /* absolute */
    struct port_rates rate[PORT_MAX];
    struct worker_totals worker[WORKERS_MAX];
    unsigned busy_percent[WORKERS_MAX];
} sample;

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
    t->packets = since(t->packets, then->packets);
    t->bytes = since(t->bytes, then->bytes);
    t->errors = since(t->errors, then->errors);
}

void stats_rx_queue(const struct port *port, unsigned queue, struct queue_totals *totals)
{
    queue_since(port->rxq[queue], &cleared.rx[port->number][queue], totals);
}

void stats_tx_queue(const struct port *port, unsigned queue, struct queue_totals *totals)
{
    queue_since(port->txq[queue], &cleared.tx[port->number][queue], totals);
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
        const struct port_counters *c = &worker_get(i)->counters[port->number];
        for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
            t->counters.drops[why] += load_relaxed(&c->drops[why]);
        t->counters.consumed += load_relaxed(&c->consumed);
        t->counters.originated += load_relaxed(&c->originated);
        t->counters.copied += load_relaxed(&c->copied);
    }
}

static void add_device(const struct port *port, struct port_totals *t)
{
    struct port_device_stats device = { 0 };
    if (port->state != PORT_FAILED)
        port->ops->stats((struct port *)(uintptr_t)port, &device);
    t->rx_missed = device.rx_missed;
    t->rx_errors += device.rx_errors;
    t->tx_errors = device.tx_errors;
}

/* Since the appliance started; rx_dropped and tx_dropped are left open. */
static void port_read(const struct port *port, struct port_totals *t)
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
    const struct port_totals *then = &cleared.port[port->number];
    port_read(port, t);
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

static void worker_read(unsigned number, struct worker_totals *t)
{
    const struct worker *worker = worker_get(number);
    *t = (struct worker_totals){ .packets = load_relaxed(&worker->packets),
                                 .busy_cycles = load_relaxed(&worker->busy_cycles),
                                 .idle_cycles = load_relaxed(&worker->idle_cycles) };
}

void stats_worker_totals(unsigned number, struct worker_totals *t)
{
    const struct worker_totals *then = &cleared.worker[number];
    worker_read(number, t);
    t->packets = since(t->packets, then->packets);
    t->busy_cycles = since(t->busy_cycles, then->busy_cycles);
    t->idle_cycles = since(t->idle_cycles, then->idle_cycles);
    t->busy_percent = sample.busy_percent[number];
}

/* Clearing ----------------------------------------------------------------- */

void stats_clear(void)
{
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        if (!port)
            continue;
        port_read(port, &cleared.port[i]);
        for (unsigned q = 0; q < PORT_QUEUES_MAX; q++) {
            queue_read(port->rxq[q], &cleared.rx[i][q]);
            queue_read(port->txq[q], &cleared.tx[i][q]);
        }
    }
    for (unsigned i = 0; i < worker_count(); i++)
        worker_read(i, &cleared.worker[i]);
}

void stats_reset(void)
{
    memset(&cleared, 0, sizeof cleared);
    memset(&sample, 0, sizeof sample);
}

/* Rates -------------------------------------------------------------------- */

static uint64_t per_second(uint64_t now, uint64_t then, uint64_t us)
{
    return since(now, then) * US_PER_S / us;
}

static void sample_port(const struct port *port, uint64_t us)
{
    struct port_rates *then = &sample.port[port->number], *rate = &sample.rate[port->number];
    struct port_rates now = { 0 };
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
    struct worker_totals now, *then = &sample.worker[number];
    worker_read(number, &now);
    uint64_t busy = now.busy_cycles - then->busy_cycles;
    uint64_t all = busy + now.idle_cycles - then->idle_cycles;
    sample.busy_percent[number] = all ? (unsigned)(busy * 100 / all) : 0;
    *then = now;
}

void stats_tick(uint64_t now_us)
{
    uint64_t us = now_us - sample.at_us;
    if (us < US_PER_S)
        return;
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i))
            sample_port(port_get(i), us);
    for (unsigned i = 0; i < worker_count(); i++)
        sample_core(i);
    sample.at_us = now_us;
}

void stats_port_rates(const struct port *port, struct port_rates *rates)
{
    *rates = sample.rate[port->number];
}
