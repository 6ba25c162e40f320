/* vmxnet3_ring.c - the rings of a vmxnet3 device (vmxnet3.h; sources in vmxnet3_regs.h).
 *
 * Receive: ring 0 has buffers for the first bytes of frames, ring 1 for what does not fit into
 * one, as DPDK has them.  Both share a ring of completions, which name ring and slot.  Transmit: a
 * descriptor for each segment, a completion for each frame.
 *
 * Not used: data rings, segmentation and checksum insertion, LRO, the hash. */
#include "nic/vmxnet3/vmxnet3.h"

#include "kernel/mmio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REFILL_BATCH 16u /* buffers given at once: one allocation */

_Static_assert(PACKET_ROOM <= VMXNET3_RXD_LENGTH, "a buffer fits into a descriptor");
_Static_assert(PACKET_BUFFER_SIZE <= VMXNET3_TXD_LENGTH, "a segment fits into a descriptor");

/* The device's answer to slot `next` of so many, a power of two.  False: there is none yet.  What
 * is copied here is the only copy. */
static bool completion_get(const struct vmxnet3_completion *ring, uint32_t next, uint32_t size,
                           struct vmxnet3_completion *copy)
{
    const struct vmxnet3_completion *c = &ring[next & (size - 1)];
    uint64_t gen = next & size ? 0 : VMXNET3_COMPLETION_GEN;
    if ((load_relaxed(&c->result) & VMXNET3_COMPLETION_GEN) != gen)
        return false;
    dma_rmb(); /* that it is there, before what it says */
    copy->what = load_relaxed(&c->what);
    copy->result = load_relaxed(&c->result);
    return true;
}

/* The device may have it as soon as it sees the generation. */
static void desc_give(struct vmxnet3_desc *desc, uint64_t address, uint64_t control)
{
    desc->address = address;
    dma_wmb();
    store_relaxed(&desc->control, control);
}

/* Receive -------------------------------------------------------------------- */

static void rx_give(struct vmxnet3_rxq *rx, struct vmxnet3_rx_ring *ring, struct packet *p)
{
    uint32_t slot = ring->tail & rx->mask;
    uint64_t gen = ring->tail & (rx->mask + 1) ? 0 : VMXNET3_RXD_GEN;
    ring->packets[slot] = p;
    p->data = p->buffer + PACKET_HEADROOM;
    desc_give(&ring->descs[slot], p->buffer_iova + PACKET_HEADROOM, PACKET_ROOM | ring->type | gen);
    ring->tail++;
}

static bool rx_lacks_buffers(const struct vmxnet3_rx_ring *ring, uint32_t most)
{
    return ring->tail - ring->head + REFILL_BATCH <= most;
}

/* Whole batches, up to so many; false: the pool has too few, another time. */
static bool rx_refill(struct vmxnet3_rxq *rx, struct vmxnet3_rx_ring *ring, uint32_t most)
{
    struct packet *batch[REFILL_BATCH];
    uint32_t before = ring->tail;
    while (rx_lacks_buffers(ring, most)) {
        if (!packet_take_burst(rx->queue.cache, batch, REFILL_BATCH))
            break;
        for (unsigned i = 0; i < REFILL_BATCH; i++)
            rx_give(rx, ring, batch[i]);
    }
    if (ring->tail != before && unlikely(load_relaxed(rx->wants_doorbell))) {
        dma_wmb();
        mmio_write32(ring->doorbell, ring->tail & rx->mask);
    }
    return !rx_lacks_buffers(ring, most);
}

/* Where no frame is longer than a buffer a few of ring 1 are enough to see those that are too
 * long, and for the first ones when that changes. */
static bool rx_refill_all(struct vmxnet3_rxq *rx)
{
    bool heads = rx_refill(rx, &rx->ring[0], rx->mask);
    return rx_refill(rx, &rx->ring[1], load_relaxed(&rx->bodies) ? rx->mask : REFILL_BATCH) &&
           heads;
}

/* The next completion comes with the other generation.  While buffers lack each call tries to get
 * some. */
static void rx_watch(struct vmxnet3_rxq *rx, bool filled)
{
    const uint32_t gen = VMXNET3_COMPLETION_GEN >> 32;
    uint32_t size = 2 * (rx->mask + 1);
    const uint32_t *halves = (const uint32_t *)&rx->completions[rx->next & (size - 1)].result;
    rx->queue.watch = (struct port_watch){ .word = filled ? &halves[1] : NULL,
                                           .mask = gen,
                                           .nothing = rx->next & size ? gen : 0 };
}

/* Nothing more of the frame under way. */
static void rx_forget(struct vmxnet3_rxq *rx)
{
    packet_free(rx->queue.cache, packet_gathered(&rx->frame));
    rx->open = false;
}

static struct packet *rx_drop(struct vmxnet3_rxq *rx, uint64_t *counter)
{
    rx_forget(rx);
    counter_add(counter, 1);
    return NULL;
}

/* The buffer that a completion is about; NULL: one that the device does not have, after which
 * nothing that it says means anything.  It passes over buffers as it likes (Linux), and those are
 * ours again. */
static struct packet *rx_buffer(struct vmxnet3_rxq *rx, uint64_t what)
{
    uint32_t id = (uint32_t)FIELD_GET(VMXNET3_RCD_RING, what);
    uint32_t index = (uint32_t)FIELD_GET(VMXNET3_RCD_INDEX, what);
    struct vmxnet3_rx_ring *ring = &rx->ring[id != rx->queue.index];
    uint32_t skipped = (index - ring->head) & rx->mask;
    if (id != rx->queue.index && id != rx->queue.index + rx->queues)
        return NULL;
    if (index > rx->mask || skipped >= ring->tail - ring->head)
        return NULL;
    for (; skipped; skipped--)
        packet_free(rx->queue.cache, ring->packets[ring->head++ & rx->mask]);
    struct packet *p = ring->packets[ring->head++ & rx->mask];
    __builtin_prefetch(p->data); /* read by whoever gets the burst */
    p->frame_length = 0;
    packet_arrived(p, rx->queue.port->number);
    return p;
}

/* A frame begins, or not, with the buffer that comes next. */
static void rx_begin(struct vmxnet3_rxq *rx, bool first)
{
    if (first && rx->open) /* the one before it has no end */
        rx_drop(rx, &rx->queue.errors);
    rx->frame.bad |= !first && !rx->open;
    rx->open = true;
}

/* What DPDK and FreeBSD make of it. */
static uint8_t rx_checksum_flags(const struct vmxnet3_completion *c)
{
    if ((c->what & VMXNET3_RCD_CNC) || !(c->result & VMXNET3_RCD_V4))
        return 0;
    return c->result & VMXNET3_RCD_IPC ? PACKET_IP_CHECKSUM_GOOD : PACKET_IP_CHECKSUM_BAD;
}

/* The tag that the device took off, beside the frame; or in it again, for those who do not want
 * it beside.  False: there is no packet for it. */
static bool rx_settle_tag(struct vmxnet3_rxq *rx)
{
    if (likely(!(rx->frame.first->flags & PACKET_VLAN)) || load_relaxed(&rx->strip))
        return true;
    return !packet_push_vlan(rx->queue.cache, &rx->frame.first);
}

/* The frame that is now complete, or NULL.  What the device marks as bad it has counted (QEMU:
 * pktsRxError or pktsRxOutOfBuf). */
static struct packet *rx_complete(struct vmxnet3_rxq *rx, const struct vmxnet3_completion *c)
{
    struct packet *p = rx->frame.first;
    if (c->result & VMXNET3_RCD_ERR)
        return rx_drop(rx, &rx->refused);
    if (!p)
        return rx_drop(rx, &rx->queue.errors);
    if (c->result & VMXNET3_RCD_TS) {
        p->vlan = (uint16_t)FIELD_GET(VMXNET3_RCD_TCI, c->result);
        p->flags = PACKET_VLAN;
    }
    if (!port_frame_good(rx->queue.port, &rx->frame) || !rx_settle_tag(rx))
        return rx_drop(rx, &rx->queue.errors);
    p = packet_gathered(&rx->frame);
    rx->open = false;
    p->flags |= rx_checksum_flags(c);
    counter_add(&rx->queue.packets, 1);
    counter_add(&rx->queue.bytes, p->frame_length);
    return p;
}

/* A buffer that holds a whole frame of no bytes was only passed over (Linux). */
static bool rx_is_empty(const struct vmxnet3_completion *c)
{
    const uint64_t whole = VMXNET3_RCD_SOP | VMXNET3_RCD_EOP;
    return (c->what & whole) == whole && !FIELD_GET(VMXNET3_RCD_LENGTH, c->result) &&
           !(c->result & VMXNET3_RCD_ERR);
}

/* What most frames are: whole in the buffer of ring 0 that is next, without a tag, not bad.  Up to
 * the first that is otherwise, or is not there yet. */
static uint16_t rx_plain(struct vmxnet3_rxq *rx, struct packet **packets, uint16_t n)
{
    const uint64_t whole = VMXNET3_RCD_SOP | VMXNET3_RCD_EOP;
    const uint64_t about = VMXNET3_RCD_RING | VMXNET3_RCD_INDEX | whole;
    const uint64_t ring = FIELD_PUT(VMXNET3_RCD_RING, (uint64_t)rx->queue.index) | whole;
    const uint32_t mask = rx->mask, size = 2 * (mask + 1),
                   held = rx->ring[0].tail - rx->ring[0].head;
    struct packet *const *given = rx->ring[0].packets;
    uint32_t most = port_frame_limit(rx->queue.port), head = rx->ring[0].head, next = rx->next;
    uint64_t bytes = 0;
    uint16_t got = 0, number = rx->queue.port->number;
    if (rx->open || rx->frame.bad)
        return 0;
    most = most < PACKET_ROOM ? most : PACKET_ROOM;
    for (n = held < n ? (uint16_t)held : n; got < n; head++, next++) {
        struct vmxnet3_completion c;
        if (!completion_get(rx->completions, next, size, &c) ||
            (c.what & about) != (ring | (head & mask)))
            break;
        uint32_t length =
            (uint32_t)(c.result & (VMXNET3_RCD_LENGTH | VMXNET3_RCD_ERR | VMXNET3_RCD_TS));
        if (length - FRAME_MIN > most - FRAME_MIN) /* and a tag, or bad: longer than any */
            break;
        struct packet *p = packets[got++] = given[head & mask];
        __builtin_prefetch(p->data); /* read by whoever gets the burst */
        __builtin_prefetch(given[(head + 1) & mask]);
        p->length = (uint16_t)length;
        p->frame_length = length;
        packet_arrived(p, number);
        p->flags = rx_checksum_flags(&c);
        bytes += length;
    }
    rx->ring[0].head = head;
    rx->next = next;
    counter_add(&rx->queue.packets, got);
    counter_add(&rx->queue.bytes, bytes);
    return got;
}

_Static_assert(PACKET_ROOM < VMXNET3_RCD_ERR, "a bad frame is longer than any");

static uint16_t vmxnet3_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct vmxnet3_rxq *rx = container_of(queue, struct vmxnet3_rxq, queue);
    struct vmxnet3_completion c;
    uint16_t got = 0;
    if (!load_relaxed(&rx->live) || unlikely(rx->broken))
        return 0;
    for (;;) {
        got += rx_plain(rx, packets + got, n - got);
        if (got == n || !completion_get(rx->completions, rx->next, 2 * (rx->mask + 1), &c))
            break;
        struct packet *p = rx_buffer(rx, c.what);
        if (unlikely(!p)) {
            store_relaxed(&rx->broken, "device received into a buffer that it does not have");
            return got;
        }
        rx->next++;
        if (unlikely(rx_is_empty(&c))) {
            packet_free(queue->cache, p);
            continue;
        }
        rx_begin(rx, c.what & VMXNET3_RCD_SOP);
        packet_gather(&rx->frame, queue->cache, p,
                      (uint32_t)FIELD_GET(VMXNET3_RCD_LENGTH, c.result), PACKET_ROOM);
        if ((c.what & VMXNET3_RCD_EOP) && (p = rx_complete(rx, &c)))
            packets[got++] = p;
    }
    rx_watch(rx, rx_refill_all(rx));
    return got;
}

const char *vmxnet3_path(const struct port_queue *queue)
{
    return queue->port->rxq[queue->index] == queue
               ? "whole frames in a loop of their own, others a buffer at a time"
               : "frames of one segment in a loop of their own, others one at a time";
}

void vmxnet3_rxq_init(struct vmxnet3_rxq *rx, struct port *port, uint16_t index)
{
    *rx = (struct vmxnet3_rxq){ .queue = { .burst = vmxnet3_rx_burst,
                                           .port = port,
                                           .index = index,
                                           .size = port->limits.rx_size_default } };
    port->rxq[index] = &rx->queue;
}

int vmxnet3_rxq_create(struct vmxnet3_rxq *rx, struct dma_device *dma)
{
    uint32_t size = rx->queue.size;
    size_t bytes = VMXNET3_RINGS * size * sizeof(struct vmxnet3_desc);
    struct packet **packets = calloc(VMXNET3_RINGS * size, sizeof(struct packet *));
    rx->ring[0] = (struct vmxnet3_rx_ring){ .packets = packets };
    if (!packets || dma_alloc(dma, bytes, PAGE_SIZE, DMA_TO_DEVICE, &rx->descs_memory) ||
        dma_alloc(dma, bytes, PAGE_SIZE, DMA_BIDIRECTIONAL, &rx->completions_memory))
        return -ENOMEM;
    rx->ring[0].descs = rx->descs_memory.va;
    rx->ring[1] = (struct vmxnet3_rx_ring){ .packets = packets + size,
                                            .descs = rx->ring[0].descs + size,
                                            .type = VMXNET3_RXD_BODY };
    rx->completions = rx->completions_memory.va;
    rx->mask = size - 1;
    rx->next = 0;
    rx->broken = NULL;
    return 0;
}

void vmxnet3_rxq_destroy(struct vmxnet3_rxq *rx, struct dma_device *dma)
{
    store_relaxed(&rx->live, false);
    rx->queue.watch.word = NULL;
    rx_forget(rx);
    for (unsigned r = 0; r < VMXNET3_RINGS; r++)
        for (struct vmxnet3_rx_ring *ring = &rx->ring[r]; ring->head != ring->tail; ring->head++)
            packet_free(rx->queue.cache, ring->packets[ring->head & rx->mask]);
    dma_free(dma, &rx->descs_memory);
    dma_free(dma, &rx->completions_memory);
    free(rx->ring[0].packets);
    memset(rx->ring, 0, sizeof rx->ring);
}

void vmxnet3_rxq_describe(const struct vmxnet3_rxq *rx, struct vmxnet3_queue *to)
{
    uint32_t size = rx->mask + 1;
    for (unsigned r = 0; r < VMXNET3_RINGS; r++) {
        to->address[r] = rx->descs_memory.iova + r * size * sizeof(struct vmxnet3_desc);
        to->size[r] = size;
    }
    to->address[VMXNET3_COMPLETIONS] = rx->completions_memory.iova;
    to->size[VMXNET3_COMPLETIONS] = VMXNET3_RINGS * size;
}

void vmxnet3_rxq_enable(struct vmxnet3_rxq *rx, uint8_t *doorbells,
                        const struct vmxnet3_queue *shared, unsigned queues)
{
    rx->queues = queues;
    rx->wants_doorbell = &shared->rx_wants_doorbell;
    rx->ring[0].doorbell = doorbells + VMXNET3_RXPROD(rx->queue.index);
    rx->ring[1].doorbell = doorbells + VMXNET3_RXPROD2(rx->queue.index);
    rx_refill_all(rx);
    for (unsigned r = 0; r < VMXNET3_RINGS; r++) /* whether it is wanted or not, as Linux */
        mmio_write32(rx->ring[r].doorbell, rx->ring[r].tail & rx->mask);
    store_relaxed(&rx->live, true);
}

/* Transmit ------------------------------------------------------------------- */

/* Frees the last `n` frames before the head, of a descriptor each and in a row. */
static void tx_free_row(struct vmxnet3_txq *tx, uint32_t n)
{
    packet_free_burst(tx->queue.cache, &tx->packets[(tx->head - n) & tx->mask], n);
}

/* Frees what the device has sent, which it does in order. */
static void tx_reclaim(struct vmxnet3_txq *tx)
{
    struct vmxnet3_completion c;
    uint32_t row = 0;
    while (tx->head != tx->tail && completion_get(tx->completions, tx->next, tx->mask + 1, &c)) {
        uint32_t slot = tx->head & tx->mask, end = tx->ends[slot];
        bool one = end == tx->head;
        if (unlikely((c.what & VMXNET3_TCD_INDEX) != (end & tx->mask))) {
            store_relaxed(&tx->broken, "device sent another frame than the one that was next");
            break;
        }
        if (row && (!one || !slot)) {
            tx_free_row(tx, row);
            row = 0;
        }
        if (one)
            row++;
        else
            packet_free(tx->queue.cache, tx->packets[slot]);
        tx->head = end + 1;
        tx->next++;
    }
    tx_free_row(tx, row);
}

/* One for each segment that is not empty: a length of 0 would be 16384. */
static uint32_t tx_descs(const struct packet *p)
{
    uint32_t n = 0;
    for (; p; p = p->next)
        n += p->length != 0;
    return n;
}

static uint64_t tx_tag(const struct vmxnet3_txq *tx, const struct packet *first)
{
    if (likely(!load_relaxed(&tx->insert)) || !(first->flags & PACKET_VLAN))
        return 0;
    return VMXNET3_TXD_TI | FIELD_PUT(VMXNET3_TXD_TCI, (uint64_t)first->vlan);
}

/* The first descriptor gets its generation when all are there: the device may look at any time. */
static void tx_put(struct vmxnet3_txq *tx, struct packet *first, uint32_t descs)
{
    uint32_t start = tx->tail & tx->mask, end = tx->tail + descs - 1;
    uint64_t control = 0, first_control = 0, more = tx_tag(tx, first);
    for (const struct packet *p = first; p; p = p->next) {
        if (!p->length)
            continue;
        bool is_first = (tx->tail & tx->mask) == start;
        control = p->length | more | (tx->tail & (tx->mask + 1) ? 0 : VMXNET3_TXD_GEN) |
                  (tx->tail == end ? VMXNET3_TXD_EOP | VMXNET3_TXD_CQ : 0);
        if (is_first)
            first_control = control;
        desc_give(&tx->descs[tx->tail++ & tx->mask], packet_iova(p),
                  is_first ? control ^ VMXNET3_TXD_GEN : control);
        more = 0;
    }
    tx->packets[start] = first;
    tx->ends[start] = end;
    dma_wmb();
    store_relaxed(&tx->descs[start].control, first_control);
}

/* What most frames are: one segment, not too long, with no tag beside it.  Up to the first that is
 * otherwise, or has no room.  The device may look at any time, and takes each as it is there. */
static uint16_t tx_plain(struct vmxnet3_txq *tx, struct packet **packets, uint16_t n)
{
    uint32_t most = port_frame_limit(tx->queue.port) - FRAME_MIN, tail = tx->tail;
    const uint32_t mask = tx->mask, room = mask - (tail - tx->head);
    uint64_t bytes = 0;
    uint16_t taken = 0;
    for (n = room < n ? (uint16_t)room : n; taken < n; tail++) {
        struct packet *p = packets[taken];
        uint32_t slot = tail & mask;
        if (p->next || (p->flags & PACKET_VLAN) || p->frame_length - FRAME_MIN > most)
            break;
        tx->packets[slot] = p;
        tx->ends[slot] = tail;
        desc_give(&tx->descs[slot], packet_iova(p),
                  p->frame_length | VMXNET3_TXD_EOP | VMXNET3_TXD_CQ |
                      (tail & (mask + 1) ? 0 : VMXNET3_TXD_GEN));
        bytes += p->frame_length;
        taken++;
    }
    tx->tail = tail;
    counter_add(&tx->queue.packets, taken);
    counter_add(&tx->queue.bytes, bytes);
    return taken;
}

static uint16_t vmxnet3_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct vmxnet3_txq *tx = container_of(queue, struct vmxnet3_txq, queue);
    uint32_t before = tx->tail;
    uint16_t taken = 0;
    if (!load_relaxed(&tx->live) || unlikely(tx->broken))
        return 0;
    tx_reclaim(tx);
    for (;; taken++) {
        taken += tx_plain(tx, packets + taken, n - taken);
        if (taken == n)
            break;
        struct packet *p = packets[taken];
        uint32_t descs = tx_descs(p);
        if (unlikely(!port_can_send(queue->port, p))) {
            counter_add(&queue->errors, 1);
            packet_free(queue->cache, p);
            continue;
        }
        if (descs > tx->mask - (tx->tail - tx->head))
            break;
        counter_add(&queue->packets, 1);
        counter_add(&queue->bytes, p->frame_length);
        tx_put(tx, p, descs);
    }
    if (tx->tail != before) {
        dma_wmb(); /* descriptors before the doorbell */
        mmio_write32(tx->doorbell, tx->tail & tx->mask);
    }
    return taken;
}

void vmxnet3_txq_init(struct vmxnet3_txq *tx, struct port *port, uint16_t index)
{
    *tx = (struct vmxnet3_txq){ .queue = { .burst = vmxnet3_tx_burst,
                                           .port = port,
                                           .index = index,
                                           .size = port->limits.tx_size_default } };
    port->txq[index] = &tx->queue;
}

int vmxnet3_txq_create(struct vmxnet3_txq *tx, struct dma_device *dma)
{
    uint32_t size = tx->queue.size;
    size_t bytes = size * sizeof(struct vmxnet3_desc);
    tx->packets = calloc(size, sizeof(struct packet *));
    tx->ends = calloc(size, sizeof *tx->ends);
    if (!tx->packets || !tx->ends ||
        dma_alloc(dma, bytes, PAGE_SIZE, DMA_TO_DEVICE, &tx->descs_memory) ||
        dma_alloc(dma, bytes, PAGE_SIZE, DMA_BIDIRECTIONAL, &tx->completions_memory))
        return -ENOMEM;
    tx->descs = tx->descs_memory.va;
    tx->completions = tx->completions_memory.va;
    tx->mask = size - 1;
    tx->head = tx->tail = tx->next = 0;
    tx->broken = NULL;
    return 0;
}

void vmxnet3_txq_destroy(struct vmxnet3_txq *tx, struct dma_device *dma)
{
    store_relaxed(&tx->live, false);
    for (; tx->head != tx->tail; tx->head = tx->ends[tx->head & tx->mask] + 1)
        packet_free(tx->queue.cache, tx->packets[tx->head & tx->mask]);
    dma_free(dma, &tx->descs_memory);
    dma_free(dma, &tx->completions_memory);
    free(tx->packets);
    free(tx->ends);
    tx->packets = NULL;
    tx->ends = NULL;
}

void vmxnet3_txq_describe(const struct vmxnet3_txq *tx, struct vmxnet3_queue *to)
{
    to->address[0] = tx->descs_memory.iova;
    to->address[VMXNET3_COMPLETIONS] = tx->completions_memory.iova;
    to->size[0] = to->size[VMXNET3_COMPLETIONS] = tx->mask + 1;
}

void vmxnet3_txq_enable(struct vmxnet3_txq *tx, uint8_t *doorbells)
{
    tx->doorbell = doorbells + VMXNET3_TXPROD(tx->queue.index);
    store_relaxed(&tx->live, true);
}
