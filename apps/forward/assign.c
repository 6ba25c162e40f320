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
    if (rxq->cache != cache_of(worker)) /* else its worker is at it */
        rxq->cache = cache_of(worker);
}

/* The workers' lists ------------------------------------------------------------- */

struct lists {
    unsigned count[WORKERS_MAX];
    struct poll_list *list[WORKERS_MAX];
};

static bool spreads; /* assign_set_spread() */

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

/* Who has queues passes flows on to all who have none. */
static void add_targets(const struct lists *lists, unsigned self)
{
    struct poll_list *list = lists->list[self];
    list->target[list->targets++] = (uint8_t)self;
    for (unsigned i = workers_first(); i < worker_count(); i++)
        if (!lists->count[i] && !workers_connect_flows(self, i))
            list->target[list->targets++] = (uint8_t)i;
    if (list->targets == 1)
        list->targets = 0;
}

static void lists_spread(const struct lists *lists)
{
    for (unsigned i = 0; spreads && i < worker_count(); i++)
        if (lists->count[i])
            add_targets(lists, i);
}

static bool same_targets(const struct poll_list *a, const struct poll_list *b)
{
    return a->targets == b->targets && !memcmp(a->target, b->target, a->targets);
}

/* Flows that other workers are to have from now on: their queues are polled by nobody meanwhile. */
static bool take_respread(const struct lists *lists)
{
    bool taken = false;
    for (unsigned i = 0; i < worker_count(); i++) {
        struct poll_list *list = worker_get(i)->polls;
        if (!list || same_targets(list, lists->list[i]))
            continue;
        for (unsigned k = 0; k < list->count; k++)
            if (list->entry[k].queue)
                taken |= queue_take(list->entry[k].queue);
    }
    return taken;
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
    lists_spread(&lists);
    for_each_queue(take_moved, &moves);
    moves |= take_respread(&lists);
    if (moves) {
        workers_quiesce();
        workers_settle();
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
    if (spreads)
        workers_settle();
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
    fp->assignment.pinned |= 1ull << queue;
    int e = assign_spread();
    if (!e)
        return 0;
    fp->assignment = before;
    table_fill();
    return e;
}

int assign_set_spread(bool on)
{
    if (on == spreads)
        return 0;
    spreads = on;
    int e = assign_spread();
    if (e)
        spreads = !on;
    return e;
}

bool assign_takes_flows(unsigned worker)
{
    for (unsigned i = 0; i < worker_count(); i++) {
        const struct poll_list *list = worker_get(i)->polls;
        for (unsigned k = 1; list && k < list->targets; k++)
            if (list->target[k] == worker)
                return true;
    }
    return false;
}
