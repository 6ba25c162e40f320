/* ring.c - ports without hardware.  A pair lies back to back: what one sends the other receives.
 * A ring alone receives what it sent itself, as DPDK's net_ring does.  Ownership travels with the
 * pointer, so nothing is copied.
 *
 * Each queue to send by has a wire of its own, with one producer and one consumer, who may be
 * different workers: of R receive queues in use, number q empties the wires q, q + R, q + 2R, ...
 */
#include "nic/port.h"

#include <emmintrin.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_SIZE 512u
#define STEP 8u /* slots that are gone through without a look at how many there are */

/* Indices run freely and are reduced at use. */
struct wire {
    struct packet **slots;
    uint32_t mask;
    uint32_t head CACHE_ALIGNED; /* receiver */
    uint32_t tail CACHE_ALIGNED; /* sender, as the next */
    uint32_t longest;            /* frame that it has sent since wire_empty() */
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
    struct ring_end *peer; /* itself where there is no other */
    uint16_t queues;       /* that receive, since start(); 1 where there are none: a test's hands */
    uint16_t wires;        /* of `in`: as many as were ever sent by; its sender's start() writes */
    bool running, destroyed;
};

struct ring_pair {
    struct ring_end end[2];
    struct wire wire[2][RING_QUEUES_MAX];
    unsigned ends; /* 1: a ring alone */
    bool cut;
    bool connected; /* control task writes, senders read */
};

/* Only what somebody will receive is accepted. */
static void pair_connect(struct ring_pair *pair)
{
    bool run = pair->end[0].running && pair->end[0].peer->running;
    store_relaxed(&pair->connected, run && !pair->cut);
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

/* How many of n slots from there on lie in a row. */
static uint32_t until_end(const struct wire *w, uint32_t index, uint32_t n)
{
    uint32_t room = w->mask + 1 - (index & w->mask);
    return n < room ? n : room;
}

/* Receive -------------------------------------------------------------------- */

/* Slots in a row; the frames' octets. */
static ALWAYS_INLINE uint64_t slots_receive(struct packet *const *slots, struct packet **packets,
                                            uint32_t n)
{
    uint64_t bytes = 0;
    for (; n >= STEP; n -= STEP, slots += STEP, packets += STEP)
#pragma GCC unroll 8
        for (unsigned i = 0; i < STEP; i++) {
            packets[i] = slots[i];
            bytes += packets[i]->frame_length;
        }
    for (; n; n--) {
        *packets = *slots++;
        bytes += (*packets++)->frame_length;
    }
    return bytes;
}

/* Takes those out that are too long, if any; how many are left. */
static __attribute__((noinline)) uint32_t refuse_long(struct port_queue *q, struct packet **packets,
                                                      uint32_t n, uint32_t limit)
{
    uint64_t bytes = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (packets[i]->frame_length > limit) {
            refuse(q, packets[i]);
            continue;
        }
        bytes += packets[i]->frame_length;
        packets[kept++] = packets[i];
    }
    count(q, kept, bytes);
    return kept;
}

/* What is about each frame its sender has written. */
static uint32_t wire_receive(struct port_queue *q, struct wire *w, struct packet **packets,
                             uint32_t n)
{
    uint32_t head = w->head, got = load_acquire(&w->tail) - head, limit = port_frame_limit(q->port);
    uint64_t bytes = 0;
    got = got < n ? got : n;
    if (!got)
        return 0;
    for (uint32_t done = 0, some; done < got; done += some) {
        some = until_end(w, head + done, got - done);
        bytes += slots_receive(w->slots + ((head + done) & w->mask), packets + done, some);
    }
    store_release(&w->head, head + got);
    if (unlikely(load_relaxed(&w->longest) > limit))
        return refuse_long(q, packets, got, limit);
    count(q, got, bytes);
    return got;
}

/* Of several wires each in turn comes first. */
static __attribute__((noinline)) uint16_t receive_in_turn(struct port_queue *q, uint32_t wires,
                                                          struct packet **packets, uint16_t n)
{
    struct ring_receive *rx = container_of(q, struct ring_receive, queue);
    const struct ring_end *end = end_of(q);
    uint32_t queues = end->queues, mine = (wires - q->index + queues - 1) / queues, got = 0;
    for (uint32_t i = 0; i < mine && got < n; i++) {
        rx->next = (uint16_t)(rx->next + 1u < mine ? rx->next + 1u : 0);
        got += wire_receive(q, &end->in[q->index + rx->next * queues], packets + got, n - got);
    }
    return (uint16_t)got;
}

static uint16_t ring_rx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    const struct ring_end *end = end_of(q);
    uint32_t wires = load_relaxed(&end->wires);
    if (wires <= q->index)
        return 0;
    if (unlikely(wires > end->queues))
        return receive_in_turn(q, wires, packets, n);
    return (uint16_t)wire_receive(q, &end->in[q->index], packets, n);
}

/* Send ----------------------------------------------------------------------- */

/* What was seen of the packets of a burst, each from `length` to `next` in one vector: sums of
 * 32 bits, all bits, the most and the least of 16 bits with a sign. */
struct seen {
    __m128i sum, any, most, least;
};

_Static_assert(offsetof(struct packet, frame_length) == offsetof(struct packet, length) + 4 &&
                   offsetof(struct packet, next) == offsetof(struct packet, length) + 8,
               "the frame's length is 32-bit word 1 and 16-bit word 2");

static ALWAYS_INLINE struct seen seen_nothing(void)
{
    return (struct seen){ .least = _mm_set1_epi16(INT16_MAX) };
}

static ALWAYS_INLINE uint32_t seen_bytes(const struct seen *seen)
{
    return (uint32_t)_mm_cvtsi128_si32(_mm_srli_epi64(seen->sum, 32));
}

static ALWAYS_INLINE uint32_t seen_most(const struct seen *seen)
{
    return (uint32_t)_mm_extract_epi16(seen->most, 2);
}

/* All are of one segment, and so no longer than 16 bits can say; beyond INT16_MAX they are less
 * than nothing here. */
static ALWAYS_INLINE bool seen_good(const struct seen *seen, uint32_t limit)
{
    return !_mm_cvtsi128_si64(_mm_unpackhi_epi64(seen->any, seen->any)) &&
           (int16_t)_mm_extract_epi16(seen->least, 2) >= (int16_t)FRAME_MIN &&
           seen_most(seen) <= limit;
}

/* Puts it in, and writes what the receiver would have to say of it, while it is at hand: that it
 * came in by `port`, and nothing else, for it may have been rewritten since something was said. */
static ALWAYS_INLINE void slot_send(struct packet **slot, struct packet *p, uint16_t port,
                                    struct seen *seen)
{
    __m128i lengths = _mm_loadu_si128((const __m128i *)&p->length);
    *slot = p;
    packet_arrived(p, port);
    seen->sum = _mm_add_epi32(seen->sum, lengths);
    seen->any = _mm_or_si128(seen->any, lengths);
    seen->most = _mm_max_epi16(seen->most, lengths);
    seen->least = _mm_min_epi16(seen->least, lengths);
}

static ALWAYS_INLINE void slots_send(struct packet **slots, struct packet *const *packets,
                                     uint32_t n, uint16_t port, struct seen *seen)
{
    for (; n >= STEP; n -= STEP, slots += STEP, packets += STEP)
#pragma GCC unroll 8
        for (unsigned i = 0; i < STEP; i++)
            slot_send(&slots[i], packets[i], port, seen);
    for (; n; n--)
        slot_send(slots++, *packets++, port, seen);
}

/* They are the receiver's from here on. */
static ALWAYS_INLINE void wire_publish(struct port_queue *q, struct wire *w, uint32_t n,
                                       const struct seen *seen)
{
    if (unlikely(seen_most(seen) > w->longest))
        store_relaxed(&w->longest, seen_most(seen));
    store_release(&w->tail, w->tail + n);
    count(q, n, seen_bytes(seen));
}

/* One by one, for those among which some cannot be sent; how many were taken. */
static __attribute__((noinline)) uint16_t send_each(struct port_queue *q, struct wire *w,
                                                    struct packet **packets, uint16_t n,
                                                    uint32_t room, uint16_t port)
{
    uint32_t limit = port_frame_limit(q->port), sent = 0;
    struct seen seen = seen_nothing();
    uint16_t taken = 0;
    for (; taken < n; taken++) {
        struct packet *p = packets[taken];
        if (unlikely(!port_frame_fits(limit, p))) {
            refuse(q, p);
            continue;
        }
        if (sent == room)
            break;
        slot_send(&w->slots[(w->tail + sent++) & w->mask], p, port, &seen);
    }
    wire_publish(q, w, sent, &seen);
    return taken;
}

static uint16_t ring_tx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    const struct ring_end *end = end_of(q);
    struct wire *w = &end->out[q->index];
    if (!load_relaxed(&end->pair->connected)) /* first: ring_stop() may be emptying it */
        return 0;
    uint32_t tail = w->tail, room = load_acquire(&w->head) + w->mask + 1 - tail;
    uint32_t limit = port_frame_limit(q->port), fit = room < n ? room : n;
    uint16_t port = end->peer->port.number;
    struct seen seen = seen_nothing();
    for (uint32_t done = 0, some; done < fit; done += some) {
        some = until_end(w, tail + done, fit - done);
        slots_send(w->slots + ((tail + done) & w->mask), packets + done, some, port, &seen);
    }
    if (unlikely(!seen_good(&seen, limit)))
        return send_each(q, w, packets, n, room, port);
    wire_publish(q, w, fit, &seen);
    return (uint16_t)fit;
}

/* Start and stop -------------------------------------------------------------- */

static int ring_start(struct port *port)
{
    struct ring_end *end = port->priv, *peer = end->peer;
    end->queues = port->rx_queues ? port->rx_queues : 1;
    if (peer->wires < port->tx_queues)
        store_relaxed(&peer->wires, port->tx_queues);
    end->running = true;
    pair_connect(end->pair);
    return 0;
}

static void wire_empty(struct wire *w, struct packet_cache *cache)
{
    for (; w->head != w->tail; w->head++)
        packet_free(cache, w->slots[w->head & w->mask]);
    w->longest = 0;
}

/* What nobody will receive any more goes back to the pool, once nobody at the other end is in the
 * middle of sending. */
static void ring_stop(struct port *port)
{
    struct ring_end *end = port->priv;
    struct port *peer = &end->peer->port;
    end->running = false;
    pair_connect(end->pair);
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
    *link = (struct port_link){ .up = end->pair->connected, .full_duplex = true };
}

static const struct port_ops ring_ops = { .start = ring_start,
                                          .stop = ring_stop,
                                          .link = ring_link,
                                          .stats = soft_stats,
                                          .set_mac = soft_set_mac,
                                          .set_rx_mode = soft_set_rx_mode,
                                          .set_mtu = soft_set_mtu };

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
    end->peer = &pair->end[pair->ends == 2 ? !side : side];
    end->out = pair->wire[side];
    end->in = pair->wire[end->peer - pair->end];
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
    end->pair->cut = !up;
    pair_connect(end->pair);
}
