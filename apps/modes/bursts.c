/* bursts.c - counts bursts by their size, by a tap on every port (bursts.h). */
#include "apps/modes/bursts.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/forward/taps.h"
#include "kernel/numbered.h"

#include <errno.h>
#include <stdlib.h>

struct burst_counts {
    struct tap tap;
    unsigned rx_queues, queues;  /* that receive, and all: as many as the port can have */
    struct burst_spread queue[]; /* those that receive, then those that send */
};

static struct numbered counts; /* struct burst_counts, by the port's number */
static bool recording;

static void count(struct burst_spread *spread, uint16_t n)
{
    counter_add(&spread->of[n < PORT_BURST ? n : PORT_BURST], 1);
}

static uint16_t received(struct tap *tap, struct port_queue *queue, struct packet **packets,
                         uint16_t n)
{
    struct burst_counts *c = container_of(tap, struct burst_counts, tap);
    count(&c->queue[queue->index], n);
    return n;
}

static void sent(struct tap *tap, struct port_queue *queue, uint16_t n, uint16_t taken)
{
    struct burst_counts *c = container_of(tap, struct burst_counts, tap);
    count(&c->queue[c->rx_queues + queue->index], n);
}

static void end(unsigned number)
{
    struct burst_counts *c = numbered_get(&counts, number);
    if (!c)
        return;
    if (port_get(number))
        tap_remove(port_get(number), &c->tap);
    numbered_clear(&counts, number);
    free(c);
}

static int begin(struct port *port)
{
    const struct port_limits *l = &port->limits;
    unsigned queues = l->rx_queues_max + l->tx_queues_max;
    struct burst_counts *c = calloc(1, sizeof *c + queues * sizeof c->queue[0]);
    if (!c || numbered_set(&counts, port->number, c)) {
        free(c);
        return -ENOMEM;
    }
    c->rx_queues = l->rx_queues_max;
    c->queues = queues;
    c->tap = (struct tap){ .order = TAP_BURSTS, .received = received, .sent = sent };
    int e = tap_add(port, &c->tap);
    if (e)
        end(port->number);
    return e;
}

int bursts_record(bool on)
{
    int e = 0;
    recording = on;
    for (unsigned i = 0; i < port_count(); i++) {
        end(i);
        if (on && !e && port_get(i))
            e = begin(port_get(i));
    }
    return e ? bursts_record(false), e : 0;
}

bool bursts_are_recorded(void)
{
    return recording;
}

bool bursts_of(const struct port *port, bool tx, struct burst_spread *spread)
{
    const struct burst_counts *c = numbered_get(&counts, port->number);
    *spread = (struct burst_spread){ { 0 } };
    for (unsigned q = c && tx ? c->rx_queues : 0; c && q < (tx ? c->queues : c->rx_queues); q++)
        for (unsigned n = 0; n <= PORT_BURST; n++)
            spread->of[n] += load_relaxed(&c->queue[q].of[n]);
    return c;
}

static void heard(const struct event *event)
{
    const struct interface *interface = event->interface;
    if (!interface || interface->kind != INTERFACE_PORT)
        return;
    if (event->kind == EVENT_INTERFACE_GONE)
        end(interface->port_number);
    else if (event->kind == EVENT_INTERFACE_ADDED && recording)
        begin(interface->port);
}

/* Before the port's taps go. */
EVENT_LISTENER(bursts_listener) = { .order = EVENT_ORDER_FORWARD - 1, .heard = heard };

static void forget(void)
{
    recording = false;
    for (unsigned i = 0; i < counts.limit; i++)
        end(i);
    numbered_free(&counts);
}

CONTROL_JOB(bursts_job) = { .free = forget };
