/* ring.c - two ports back to back, without hardware: what one sends the other
 * receives.  Ownership travels with the pointer, so nothing is copied.  Each
 * wire has one producer and one consumer, who may be different workers. */
#include "nic/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Indices run freely and are reduced at use. */
struct wire {
    struct packet **slots;
    uint32_t mask;
    uint32_t head CACHE_ALIGNED; /* receiver */
    uint32_t tail CACHE_ALIGNED; /* sender */
};

struct ring_pair;

struct ring_end {
    struct port port;
    struct port_queue rx, tx;
    struct wire *in, *out;
    struct ring_pair *pair;
    bool running; /* control task writes, the sender at the other end reads */
    bool destroyed;
};

struct ring_pair {
    struct ring_end end[2];
    struct wire wire[2];
    bool cut; /* control task writes, senders read */
};

/* Only what somebody will receive is accepted. */
static bool pair_connected(const struct ring_pair *pair)
{
    return !load_relaxed(&pair->cut) && load_relaxed(&pair->end[0].running) &&
           load_relaxed(&pair->end[1].running);
}

static struct ring_end *end_of(const struct port_queue *q)
{
    return q->port->priv;
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

static uint16_t ring_rx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    struct wire *w = end_of(q)->in;
    struct packet **slots = w->slots;
    uint32_t tail = load_acquire(&w->tail), head = w->head, mask = w->mask, got = 0;
    uint32_t limit = port_frame_limit(q->port);
    uint16_t number = q->port->number;
    uint64_t bytes = 0;
    while (got < n && head != tail) {
        struct packet *p = slots[head++ & mask];
        if (unlikely(p->frame_length > limit)) {
            refuse(q, p);
            continue;
        }
        p->port = number;
        p->interface = PACKET_INTERFACE_NONE;
        p->flags = 0; /* what was said of it elsewhere; it may have been rewritten since */
        bytes += p->frame_length;
        packets[got++] = p;
    }
    store_release(&w->head, head);
    count(q, got, bytes);
    return (uint16_t)got;
}

static uint16_t ring_tx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    struct ring_end *end = end_of(q);
    struct wire *w = end->out;
    if (!pair_connected(end->pair)) /* first: ring_stop() may be emptying it */
        return 0;
    struct packet **slots = w->slots;
    uint32_t first = w->tail, tail = first, mask = w->mask, taken = 0;
    uint32_t full = load_acquire(&w->head) + mask + 1, limit = port_frame_limit(q->port);
    uint64_t bytes = 0;
    for (; taken < n; taken++) {
        struct packet *p = packets[taken];
        if (unlikely(!port_frame_fits(limit, p))) {
            refuse(q, p);
            continue;
        }
        if (tail == full)
            break;
        slots[tail++ & mask] = p;
        bytes += p->frame_length;
    }
    store_release(&w->tail, tail);
    count(q, tail - first, bytes);
    return (uint16_t)taken;
}

static int ring_start(struct port *port)
{
    struct ring_end *end = port->priv;
    store_relaxed(&end->running, true);
    return 0;
}

static struct port *peer_of(struct ring_end *end)
{
    return &end->pair->end[end == &end->pair->end[0]].port;
}

/* What nobody will receive any more goes back to the pool, once nobody at the other end is in the
 * middle of sending. */
static void ring_stop(struct port *port)
{
    struct ring_end *end = port->priv;
    struct port *peer = peer_of(end);
    store_relaxed(&end->running, false);
    if (peer->state == PORT_RUNNING) {
        port_detach(peer);
        port_attach(peer);
    }
    for (; end->in->head != end->in->tail; end->in->head++)
        packet_free(end->rx.cache, end->in->slots[end->in->head & end->in->mask]);
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

static void end_init(struct ring_pair *pair, unsigned side, uint16_t size)
{
    struct ring_end *end = &pair->end[side];
    struct port *port = &end->port;
    end->pair = pair;
    end->out = &pair->wire[side];
    end->in = &pair->wire[!side];
    end->rx = (struct port_queue){ .burst = ring_rx_burst, .port = port, .size = size };
    end->tx = (struct port_queue){ .burst = ring_tx_burst, .port = port, .size = size };
    *port = (struct port){ .ops = &ring_ops,
                           .driver = "ring",
                           .rxq = { &end->rx },
                           .txq = { &end->tx },
                           .rx_queues = 1,
                           .tx_queues = 1,
                           .priv = end,
                           .limits = { .rx_queues_max = 1,
                                       .tx_queues_max = 1,
                                       .rx_size_min = size,
                                       .rx_size_max = size,
                                       .rx_size_default = size,
                                       .tx_size_min = size,
                                       .tx_size_max = size,
                                       .tx_size_default = size,
                                       .size_multiple = 1,
                                       .max_frame = FRAME_MAX } };
}

/* A locally administered address that tells the port's number. */
static void end_set_mac(struct port *port)
{
    const uint8_t mac[MAC_LEN] = { 0x02, 0x72, 0x69, 0x6e, 0x67, (uint8_t)port->number };
    memcpy(port->mac, mac, MAC_LEN);
    memcpy(port->permanent_mac, mac, MAC_LEN);
}

static void pair_free(struct ring_pair *pair)
{
    free(pair->wire[0].slots);
    free(pair->wire[1].slots);
    free(pair);
}

int ring_port_pair_create(uint16_t size, struct port **a, struct port **b)
{
    struct ring_pair *pair;
    int e = -ENOMEM;
    if (!size || (size & (size - 1)))
        return -EINVAL;
    pair = port_alloc("ring", sizeof *pair);
    if (!pair)
        return e;
    for (unsigned i = 0; i < 2; i++) {
        pair->wire[i].mask = size - 1u;
        pair->wire[i].slots = calloc(size, sizeof *pair->wire[i].slots);
        if (!pair->wire[i].slots)
            goto fail;
        end_init(pair, i, size);
    }
    e = port_register(&pair->end[0].port);
    if (e)
        goto fail;
    e = port_register(&pair->end[1].port);
    if (e)
        goto fail_registered;
    end_set_mac(*a = &pair->end[0].port);
    end_set_mac(*b = &pair->end[1].port);
    return 0;
fail_registered:
    port_unregister(&pair->end[0].port);
fail:
    pair_free(pair);
    return e;
}

void ring_port_destroy(struct port *port)
{
    struct ring_end *end = port->priv;
    struct ring_pair *pair = end->pair;
    port_stop(port);
    port_unregister(port);
    end->destroyed = true;
    if (pair->end[0].destroyed && pair->end[1].destroyed)
        pair_free(pair);
}

void ring_port_set_link(struct port *port, bool up)
{
    struct ring_end *end = port->priv;
    store_relaxed(&end->pair->cut, !up);
}
