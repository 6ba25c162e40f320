/* assign.c - the table of queues and workers, and how it changes under traffic (assign.h). */
#include "apps/forward/assign.h"

#include "apps/forward/port_table.h"
#include "apps/forward/quiesce.h"
#include "apps/forward/rest.h"
#include "apps/forward/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Calls once for each queue of each attached port, in order. */
typedef void queue_fn(struct forward_port *fp, unsigned queue, void *arg);

static void for_each_queue(queue_fn *fn, void *arg)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct forward_port *fp = forward_port_get(i);
        for (unsigned q = 0; fp && fp->assignment.attached && q < fp->port->rx_queues; q++)
            fn(fp, q, arg);
    }
}

/* Who shall poll what ---------------------------------------------------------- */

struct spread {
    unsigned load[WORKERS_MAX]; /* queues given so far */
};

static bool is_pinned(const struct forward_port *fp, unsigned queue)
{
    return fp->assignment.pinned >> queue & 1;
}

static void count_pinned(struct forward_port *fp, unsigned queue, void *arg)
{
    struct spread *spread = arg;
    if (is_pinned(fp, queue))
        spread->load[fp->assignment.worker[queue]]++;
}

static unsigned least_loaded(const struct spread *spread)
{
    unsigned best = workers_first();
    for (unsigned i = best + 1; i < worker_count(); i++)
        if (spread->load[i] < spread->load[best])
            best = i;
    return best;
}

static struct packet_cache *cache_of(unsigned worker)
{
    return &worker_get(worker)->cache;
}

/* The queue leaves its worker's list; who polls it now may still be in its burst.  False: nobody
 * polled it. */
static bool queue_take(struct port_queue *queue)
{
    bool taken = false;
    for (unsigned i = 0; i < worker_count(); i++) {
        struct poll_list *list = worker_get(i)->polls;
        for (unsigned k = 0; list && k < list->count; k++)
            if (list->entry[k].queue == queue) {
                store_release(&list->entry[k].queue, NULL);
                taken = true;
            }
    }
    return taken;
}

static void choose(struct forward_port *fp, unsigned queue, void *arg)
{
    struct spread *spread = arg;
    if (is_pinned(fp, queue))
        return;
    unsigned worker = least_loaded(spread);
    spread->load[worker]++;
    fp->assignment.worker[queue] = (uint8_t)worker;
}

/* The same table from the same ports and pins, whatever it said before. */
static void table_fill(void)
{
    struct spread spread = { .load = { 0 } };
    for_each_queue(count_pinned, &spread);
    for_each_queue(choose, &spread);
}

static void take_moved(struct forward_port *fp, unsigned queue, void *arg)
{
    bool *moves = arg;
    struct port_queue *rxq = fp->port->rxq[queue];
    if (rxq->cache != cache_of(fp->assignment.worker[queue]))
        *moves |= queue_take(rxq);
}

static void give_cache(struct forward_port *fp, unsigned queue, void *arg)
{
    unsigned worker = fp->assignment.worker[queue];
    struct port_queue *rxq = fp->port->rxq[queue];
    if (!rxq->interrupts || rxq->cpu != worker)
        port_give_queue(fp->port, queue, worker);
    rxq->cache = cache_of(worker);
}

/* The workers' lists ------------------------------------------------------------- */

struct lists {
    unsigned count[WORKERS_MAX];
    struct poll_list *list[WORKERS_MAX];
};

static void count_entry(struct forward_port *fp, unsigned queue, void *arg)
{
    struct lists *lists = arg;
    lists->count[fp->assignment.worker[queue]]++;
}

static void add_entry(struct forward_port *fp, unsigned queue, void *arg)
{
    struct lists *lists = arg;
    struct poll_list *list = lists->list[fp->assignment.worker[queue]];
    list->entry[list->count++] =
        (struct poll_entry){ .queue = fp->port->rxq[queue], .interface = fp->interface };
}

static int lists_alloc(struct lists *lists)
{
    for (unsigned i = 0; i < worker_count(); i++) {
        struct poll_list **list = &lists->list[i];
        *list = calloc(1, sizeof **list + lists->count[i] * sizeof(*list)->entry[0]);
        if (!*list) {
            while (i--)
                free(lists->list[i]);
            return -ENOMEM;
        }
    }
    return 0;
}

/* Whether the worker has to look by itself for what comes in (apps/forward/rest.h). */
static bool looks(const struct poll_list *list)
{
    bool looks = false;
    for (unsigned i = 0; i < list->count; i++)
        looks |= !list->entry[i].queue->interrupts;
    return looks;
}

static void count_lookers(const struct lists *lists)
{
    unsigned lookers = 0;
    for (unsigned i = 0; i < worker_count(); i++)
        lookers += looks(lists->list[i]);
    rest_set_lookers(lookers);
}

static void lists_publish(const struct lists *lists)
{
    count_lookers(lists);
    for (unsigned i = 0; i < worker_count(); i++) {
        struct poll_list *old = worker_get(i)->polls;
        store_release(&worker_get(i)->polls, lists->list[i]);
        if (lists->list[i]->count)
            workers_wake(i);
        if (old)
            retire(free, old);
    }
}

/* A queue that moves is polled by nobody until its old worker has left it and what that one passed
 * on is out: frames of a flow stay in order. */
int assign_spread(void)
{
    struct lists lists = { .count = { 0 } };
    bool moves = false;
    table_fill();
    for_each_queue(count_entry, &lists);
    int e = lists_alloc(&lists);
    if (e)
        return e;
    for_each_queue(take_moved, &moves);
    if (moves) {
        workers_quiesce();
        workers_settle_lanes();
    }
    for_each_queue(give_cache, NULL);
    for_each_queue(add_entry, &lists);
    lists_publish(&lists);
    return 0;
}

void assign_take(struct port *port)
{
    struct packet_cache *control = &control_worker()->cache;
    for (unsigned q = 0; q < PORT_QUEUES_MAX; q++)
        if (port->rxq[q])
            queue_take(port->rxq[q]);
    workers_quiesce();
    for (unsigned q = 0; q < PORT_QUEUES_MAX; q++) {
        if (port->rxq[q]) {
            port->rxq[q]->cache = control;
            port->rxq[q]->interrupts = false;
        }
        if (port->txq[q])
            port->txq[q]->cache = control;
    }
}

int assign_pin(struct port *port, unsigned queue, unsigned worker)
{
    struct forward_port *fp = forward_port_get(port->number);
    if (!fp || queue >= port->rx_queues || worker >= worker_count())
        return -EINVAL;
    struct assignment before = fp->assignment;
    fp->assignment.worker[queue] = (uint8_t)worker;
    fp->assignment.pinned |= (uint16_t)(1u << queue);
    int e = assign_spread();
    if (!e)
        return 0;
    fp->assignment = before;
    table_fill();
    return e;
}
