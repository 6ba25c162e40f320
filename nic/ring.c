/* ring.c - ports without hardware.  A pair lies back to back: what one sends the other receives.
 * A ring alone receives what it sent itself, as DPDK's net_ring does.  Ownership travels with the
 * pointer, so nothing is copied.
 *
 * Each queue to send by has a wire of its own, with one producer and one consumer, who may be
 * different workers: of R receive queues in use, number q empties the wires q, q + R, q + 2R, ...
 */
#include "nic/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_SIZE 512u

/* Indices run freely and are reduced at use. */
struct wire {
    struct packet **slots;
    uint32_t mask;
    uint32_t head CACHE_ALIGNED; /* receiver */
    uint32_t tail CACHE_ALIGNED; /* sender */
};

struct ring_pair;

struct ring_receive {
    struct port_queue queue;
    uint16_t next; /* the wire whose turn it is, in steps of the receive queues */
};

struct ring_end {
    struct port port;
    struct ring_receive rx[RING_QUEUES_MAX];
    struct port_queue tx[RING_QUEUES_MAX];
    struct wire *in, *out; /* RING_QUEUES_MAX each */
    struct ring_pair *pair;
    uint16_t queues; /* that receive, since start(); 1 where there are none: a test's hands */
    uint16_t wires;  /* of `in`: as many as were ever sent by; its sender's start() writes */
    bool running;    /* control task writes, the sender at the other end reads */
    bool destroyed;
};

struct ring_pair {
    struct ring_end end[2];
    struct wire wire[2][RING_QUEUES_MAX];
    unsigned ends; /* 1: a ring alone */
    bool cut;      /* control task writes, senders read */
};

/* Only what somebody will receive is accepted. */
static bool pair_connected(const struct ring_pair *pair)
{
    return !load_relaxed(&pair->cut) && load_relaxed(&pair->end[0].running) &&
           (pair->ends == 1 || load_relaxed(&pair->end[1].running));
}

static struct ring_end *end_of(const struct port_queue *q)
{
    return q->port->priv;
}

static struct ring_end *peer_of(struct ring_end *end)
{
    struct ring_pair *pair = end->pair;
    return &pair->end[pair->ends == 2 && end == &pair->end[0]];
}

static void refuse(struct port_queue *q, struct packet *packet)
{
    counter_add(&q->errors, 1);
    packet_free(q->cache, packet);
}

static void count(struct port_queue *q, uint32_t packets, uint64_t bytes)
{
    counter_add(&q->packets, packets);
    counter_add(&q->bytes, bytes);
}

/* Slots in a row, without a look at the indices; what was seen of all of them. */
struct seen {
    uint64_t bytes;
    uint64_t most;  /* the longest; of those to be sent by how much it exceeds FRAME_MIN, and one
                     * that is shorter exceeds everything */
    uintptr_t next; /* not 0: one has more segments */
    uint8_t flags;
};

static ALWAYS_INLINE void slots_receive(struct packet *const *slots, struct packet **packets,
                                        uint32_t n, uint16_t port, struct seen *seen)
{
#pragma GCC unroll 4
    for (uint32_t i = 0; i < n; i++) {
        struct packet *p = slots[i];
        uint64_t length = p->frame_length;
        packets[i] = p;
        packet_arrived(p, port); /* it may have been rewritten since something was said of it */
        seen->bytes += length;
        seen->most = max_u64(seen->most, length);
    }
}

/* Takes those out that are too long; how many are left. */
static __attribute__((noinline)) uint32_t refuse_long(struct port_queue *q, struct packet **packets,
                                                      uint32_t n, uint32_t limit, uint64_t *bytes)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (packets[i]->frame_length <= limit) {
            packets[kept++] = packets[i];
            continue;
        }
        *bytes -= packets[i]->frame_length;
        refuse(q, packets[i]);
    }
    return kept;
}

static uint32_t until_end(const struct wire *w, uint32_t index, uint32_t n)
{
    uint32_t room = w->mask + 1 - (index & w->mask);
    return n < room ? n : room;
}

static uint32_t wire_receive(struct port_queue *q, struct wire *w, struct packet **packets,
                             uint32_t n)
{
    uint32_t head = w->head, got = load_acquire(&w->tail) - head, limit = port_frame_limit(q->port);
    struct seen seen = { 0 };
    got = got < n ? got : n;
    if (!got)
        return 0;
    uint32_t first = until_end(w, head, got);
    slots_receive(w->slots + (head & w->mask), packets, first, q->port->number, &seen);
    if (unlikely(first < got))
        slots_receive(w->slots, packets + first, got - first, q->port->number, &seen);
    store_release(&w->head, head + got);
    if (unlikely(seen.most > limit))
        got = refuse_long(q, packets, got, limit, &seen.bytes);
    count(q, got, seen.bytes);
    return got;
}

/* Each of its wires in turn comes first; mostly there is but one. */
static uint16_t ring_rx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    struct ring_receive *rx = container_of(q, struct ring_receive, queue);
    struct ring_end *end = end_of(q);
    uint32_t queues = end->queues, wires = load_relaxed(&end->wires), got = 0;
    if (wires <= q->index)
        return 0;
    if (likely(wires <= queues))
        return (uint16_t)wire_receive(q, &end->in[q->index], packets, n);
    uint32_t mine = (wires - q->index + queues - 1) / queues;
    for (uint32_t i = 0; i < mine && got < n; i++) {
        rx->next = (uint16_t)(rx->next + 1u < mine ? rx->next + 1u : 0);
        got += wire_receive(q, &end->in[q->index + rx->next * queues], packets + got, n - got);
    }
    return (uint16_t)got;
}

static ALWAYS_INLINE void slots_send(struct packet **slots, struct packet *const *packets,
                                     uint32_t n, struct seen *seen)
{
#pragma GCC unroll 4
    for (uint32_t i = 0; i < n; i++) {
        struct packet *p = packets[i];
        uint64_t length = p->frame_length;
        slots[i] = p;
        seen->bytes += length;
        seen->most = max_u64(seen->most, length - FRAME_MIN);
        seen->next |= (uintptr_t)p->next;
        seen->flags |= p->flags;
    }
}

/* One by one, for those among which some cannot be sent; how many were taken. */
static __attribute__((noinline)) uint16_t send_each(struct port_queue *q, struct wire *w,
                                                    struct packet **packets, uint16_t n,
                                                    uint32_t full)
{
    uint32_t tail = w->tail, first = tail, limit = port_frame_limit(q->port);
    uint64_t bytes = 0;
    uint16_t taken = 0;
    for (; taken < n; taken++) {
        struct packet *p = packets[taken];
        if (unlikely(!port_frame_fits(limit, p))) {
            refuse(q, p);
            continue;
        }
        if (tail == full)
            break;
        w->slots[tail++ & w->mask] = p;
        bytes += p->frame_length;
    }
    store_release(&w->tail, tail);
    count(q, tail - first, bytes);
    return taken;
}

static uint16_t ring_tx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    struct ring_end *end = end_of(q);
    struct wire *w = &end->out[q->index];
    if (!pair_connected(end->pair)) /* first: ring_stop() may be emptying it */
        return 0;
    uint32_t tail = w->tail, full = load_acquire(&w->head) + w->mask + 1, some = full - tail;
    uint32_t limit = port_frame_limit(q->port);
    struct seen seen = { 0 };
    some = some < n ? some : n;
    uint32_t first = until_end(w, tail, some);
    slots_send(w->slots + (tail & w->mask), packets, first, &seen);
    if (unlikely(first < some))
        slots_send(w->slots, packets + first, some - first, &seen);
    if (unlikely(seen.most > limit - FRAME_MIN || seen.next || seen.flags & PACKET_VLAN))
        return send_each(q, w, packets, n, full);
    store_release(&w->tail, tail + some);
    count(q, some, seen.bytes);
    return (uint16_t)some;
}

static int ring_start(struct port *port)
{
    struct ring_end *end = port->priv, *peer = peer_of(end);
    end->queues = port->rx_queues ? port->rx_queues : 1;
    if (peer->wires < port->tx_queues)
        store_relaxed(&peer->wires, port->tx_queues);
    store_relaxed(&end->running, true);
    return 0;
}

static void wire_empty(struct wire *w, struct packet_cache *cache)
{
    for (; w->head != w->tail; w->head++)
        packet_free(cache, w->slots[w->head & w->mask]);
}

/* What nobody will receive any more goes back to the pool, once nobody at the other end is in the
 * middle of sending. */
static void ring_stop(struct port *port)
{
    struct ring_end *end = port->priv;
    struct port *peer = &peer_of(end)->port;
    store_relaxed(&end->running, false);
    if (peer->state == PORT_RUNNING) {
        port_detach(peer);
        port_attach(peer);
    }
    for (unsigned i = 0; i < RING_QUEUES_MAX; i++)
        wire_empty(&end->in[i], end->rx[0].queue.cache);
}

static void ring_link(struct port *port, struct port_link *link)
{
    const struct ring_end *end = port->priv;
    *link = (struct port_link){ .up = pair_connected(end->pair), .full_duplex = true };
}

static void ring_stats(struct port *port, struct port_device_stats *stats)
{
    *stats = (struct port_device_stats){ 0 };
}

static int ring_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    return 0;
}

static int ring_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    return 0;
}

static int ring_set_mtu(struct port *port, uint16_t mtu)
{
    return 0;
}

static const struct port_ops ring_ops = { .start = ring_start,
                                          .stop = ring_stop,
                                          .link = ring_link,
                                          .stats = ring_stats,
                                          .set_mac = ring_set_mac,
                                          .set_rx_mode = ring_set_rx_mode,
                                          .set_mtu = ring_set_mtu };

static void queues_init(struct ring_end *end, uint16_t i, uint16_t size)
{
    struct port *port = &end->port;
    const struct port_queue queue = { .port = port, .index = i, .size = size };
    end->rx[i].queue = end->tx[i] = queue;
    end->rx[i].queue.burst = ring_rx_burst;
    end->tx[i].burst = ring_tx_burst;
    port->rxq[i] = &end->rx[i].queue;
    port->txq[i] = &end->tx[i];
}

static void end_init(struct ring_pair *pair, unsigned side, uint16_t size, uint16_t queues)
{
    struct ring_end *end = &pair->end[side];
    end->pair = pair;
    end->out = pair->wire[side];
    end->in = pair->wire[pair->ends == 2 ? !side : side];
    end->port = (struct port){ .ops = &ring_ops,
                               .driver = "ring",
                               .rx_queues = QUEUES_DEFAULT,
                               .tx_queues = QUEUES_DEFAULT,
                               .priv = end,
                               .limits = { .rx_queues_max = queues,
                                           .tx_queues_max = queues,
                                           .rx_size_min = size,
                                           .rx_size_max = size,
                                           .rx_size_default = size,
                                           .tx_size_min = size,
                                           .tx_size_max = size,
                                           .tx_size_default = size,
                                           .size_multiple = 1,
                                           .max_frame = FRAME_MAX } };
    for (uint16_t i = 0; i < queues; i++)
        queues_init(end, i, size);
}

/* A locally administered address that tells the port's number. */
static void end_set_mac(struct port *port)
{
    const uint8_t mac[MAC_LEN] = {
        0x02, 0x72, 0x69, 0x6e, (uint8_t)(port->number >> 8), (uint8_t)port->number
    };
    memcpy(port->mac, mac, MAC_LEN);
    memcpy(port->permanent_mac, mac, MAC_LEN);
}

static void pair_free(struct ring_pair *pair)
{
    free(pair->wire[0][0].slots);
    free(pair);
}

/* The wires' slots are one piece of memory. */
static struct ring_pair *pair_alloc(unsigned ends, uint16_t size, uint16_t queues)
{
    struct ring_pair *pair = port_alloc("ring", sizeof *pair);
    size_t wires = ends * RING_QUEUES_MAX;
    struct packet **slots = pair ? calloc(wires * size, sizeof *slots) : NULL;
    if (!slots) {
        free(pair);
        return NULL;
    }
    pair->ends = ends;
    for (unsigned i = 0; i < wires; i++) {
        struct wire *w = &pair->wire[i / RING_QUEUES_MAX][i % RING_QUEUES_MAX];
        *w = (struct wire){ .slots = slots + (size_t)i * size, .mask = size - 1u };
    }
    for (unsigned i = 0; i < ends; i++)
        end_init(pair, i, size, queues);
    return pair;
}

static int ends_register(struct ring_pair *pair, unsigned number)
{
    int e = port_register_at(&pair->end[0].port, number);
    if (e || pair->ends == 1)
        return e;
    e = port_register(&pair->end[1].port);
    if (e)
        port_unregister(&pair->end[0].port);
    return e;
}

static struct ring_pair *pair_create(unsigned ends, unsigned number, uint16_t size, uint16_t queues,
                                     int *error)
{
    bool bad = !size || (size & (size - 1)) || queues > RING_QUEUES_MAX;
    *error = bad ? -EINVAL : -ENOMEM;
    struct ring_pair *pair = bad ? NULL : pair_alloc(ends, size, queues);
    *error = pair ? ends_register(pair, number) : *error;
    if (pair && *error) {
        pair_free(pair);
        return NULL;
    }
    for (unsigned i = 0; pair && i < ends; i++)
        end_set_mac(&pair->end[i].port);
    return pair;
}

int ring_port_pair_create_wide(uint16_t size, uint16_t queues, struct port **a, struct port **b)
{
    int e;
    struct ring_pair *pair = pair_create(2, PORT_NONE, size, queues, &e);
    if (!pair)
        return e;
    *a = &pair->end[0].port;
    *b = &pair->end[1].port;
    return 0;
}

int ring_port_pair_create(uint16_t size, struct port **a, struct port **b)
{
    return ring_port_pair_create_wide(size, 1, a, b);
}

void ring_port_destroy(struct port *port)
{
    struct ring_end *end = port->priv;
    struct ring_pair *pair = end->pair;
    port_stop(port);
    port_unregister(port);
    end->destroyed = true;
    if (pair->end[0].destroyed && (pair->ends == 1 || pair->end[1].destroyed))
        pair_free(pair);
}

int ring_port_create(unsigned number, struct port **port)
{
    int e;
    struct ring_pair *pair = pair_create(1, number, RING_SIZE, RING_QUEUES_MAX, &e);
    if (!pair)
        return e;
    *port = &pair->end[0].port;
    (*port)->remove = ring_port_destroy;
    return 0;
}

void ring_port_set_link(struct port *port, bool up)
{
    struct ring_end *end = port->priv;
    store_relaxed(&end->pair->cut, !up);
}
