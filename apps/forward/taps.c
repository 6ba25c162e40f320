/* taps.c - taps around the queues of ports (taps.h). */
#include "apps/forward/taps.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/quiesce.h"
#include "kernel/numbered.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAPS_MAX 4u

/* What a worker reads is replaced as a whole. */
struct tap_list {
    unsigned count;
    struct tap *tap[TAPS_MAX]; /* by their order */
};

struct tapped {
    struct tap_list *list;
    port_burst_fn *rx[PORT_QUEUES_MAX], *tx[PORT_QUEUES_MAX]; /* the driver's own */
};

static struct numbered tapped_ports; /* struct tapped, by the port's number */

static struct tapped *tapped_of(const struct port *port)
{
    return numbered_get(&tapped_ports, port->number);
}

/* Data path ------------------------------------------------------------------ */

static uint16_t tapped_rx(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    const struct tapped *t = tapped_of(queue->port);
    const struct tap_list *list = load_acquire(&t->list);
    uint16_t got = t->rx[queue->index](queue, packets, n);
    for (unsigned i = 0; i < list->count; i++)
        if (list->tap[i]->received)
            got = list->tap[i]->received(list->tap[i], queue, packets, got);
    return got;
}

/* What a tap dropped counts as taken: its owner has it no more.  The driver's own answer tells of
 * the packets in front. */
static uint16_t tapped_tx(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    const struct tapped *t = tapped_of(queue->port);
    const struct tap_list *list = load_acquire(&t->list);
    uint16_t left = n;
    for (unsigned i = list->count; i--;)
        if (list->tap[i]->sending)
            left = list->tap[i]->sending(list->tap[i], queue, packets, left);
    uint16_t taken = t->tx[queue->index](queue, packets, left);
    for (unsigned i = list->count; i--;)
        if (list->tap[i]->sent)
            list->tap[i]->sent(list->tap[i], queue, left, taken);
    if (unlikely(left < n)) /* what is left with the caller stands behind what is not */
        memmove(packets + taken + (n - left), packets + taken, (left - taken) * sizeof *packets);
    return (uint16_t)(taken + (n - left));
}

/* Control task --------------------------------------------------------------- */

static void lead(const struct port *port, const struct tapped *t, bool tapped)
{
    for (unsigned i = 0; i < PORT_QUEUES_MAX; i++) {
        if (port->rxq[i])
            store_release(&port->rxq[i]->burst, tapped ? tapped_rx : t->rx[i]);
        if (port->txq[i])
            store_release(&port->txq[i]->burst, tapped ? tapped_tx : t->tx[i]);
    }
}

static struct tapped *tapped_create(const struct port *port)
{
    struct tapped *t = calloc(1, sizeof *t);
    if (t && numbered_set(&tapped_ports, port->number, t)) {
        free(t);
        return NULL;
    }
    for (unsigned i = 0; t && i < PORT_QUEUES_MAX; i++) {
        t->rx[i] = port->rxq[i] ? port->rxq[i]->burst : NULL;
        t->tx[i] = port->txq[i] ? port->txq[i]->burst : NULL;
    }
    return t;
}

/* The list without one, and with another, in order; NULL: no memory. */
static struct tap_list *list_make(const struct tap_list *old, const struct tap *without,
                                  struct tap *with)
{
    struct tap_list *list = calloc(1, sizeof *list);
    for (unsigned i = 0; list && old && i < old->count; i++) {
        if (with && with->order < old->tap[i]->order) {
            list->tap[list->count++] = with;
            with = NULL;
        }
        if (old->tap[i] != without)
            list->tap[list->count++] = old->tap[i];
    }
    if (list && with)
        list->tap[list->count++] = with;
    return list;
}

bool tap_is_on(const struct port *port, const struct tap *tap)
{
    const struct tapped *t = tapped_of(port);
    for (unsigned i = 0; t && t->list && i < t->list->count; i++)
        if (t->list->tap[i] == tap)
            return true;
    return false;
}

int tap_add(struct port *port, struct tap *tap)
{
    struct tapped *t = tapped_of(port);
    if (tap_is_on(port, tap))
        return 0;
    if (!t)
        t = tapped_create(port);
    struct tap_list *old = t ? t->list : NULL;
    struct tap_list *list = t && (!old || old->count < TAPS_MAX) ? list_make(old, NULL, tap) : NULL;
    if (!list)
        return -ENOMEM;
    store_release(&t->list, list);
    lead(port, t, true);
    workers_quiesce();
    free(old);
    return 0;
}

/* The port's record stays: a worker may be between its burst and the list. */
void tap_remove(struct port *port, struct tap *tap)
{
    struct tapped *t = tapped_of(port);
    if (!tap_is_on(port, tap))
        return;
    struct tap_list *old = t->list, *list = list_make(old, tap, NULL);
    if (!list) { /* nothing is asked of the heap then: the list is changed where nobody reads it */
        lead(port, t, false);
        workers_quiesce();
        old->count = 0;
        return;
    }
    store_release(&t->list, list);
    if (!list->count)
        lead(port, t, false);
    workers_quiesce();
    free(old);
}

static void heard(const struct event *event)
{
    const struct interface *interface = event->interface;
    if (event->kind != EVENT_INTERFACE_GONE || interface->kind != INTERFACE_PORT)
        return;
    struct tapped *t = numbered_get(&tapped_ports, interface->port_number);
    if (!t)
        return;
    lead(interface->port, t, false);
    workers_quiesce();
    numbered_clear(&tapped_ports, interface->port_number);
    free(t->list);
    free(t);
}

EVENT_LISTENER(tap_listener) = { .order = EVENT_ORDER_FORWARD, .heard = heard };
