/* e1000_ring.c - legacy descriptor rings (e1000_ring.h).
 *
 * Document: 8254x SDM (named in e1000_regs.h), chapter 3; the 82574's legacy format is
 * the same (82574 DS 7.1.3, 7.2.3). */
#include "nic/e1000_ring.h"

#include "nic/e1000_regs.h"

#include "kernel/mmio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RX_REFILL_BATCH 16u  /* buffers given at once: one allocation, one tail write */
#define RX_BUFFER_SIZE 2048u /* what RCTL.BSIZE 0 means, whatever the frame */
#define FRAME_PADDED 60u     /* IEEE 802.3 4.2.3.3, without FCS */

/* Memory -------------------------------------------------------------- */

int e1000_rxq_create(struct e1000_rxq *rx, struct dma_device *dma)
{
    uint32_t size = rx->queue.size;
    rx->packets = calloc(size, sizeof *rx->packets);
    if (!rx->packets ||
        dma_alloc(dma, size * sizeof *rx->ring, PAGE_SIZE, DMA_BIDIRECTIONAL, &rx->memory))
        return -ENOMEM;
    rx->ring = rx->memory.va;
    rx->mask = size - 1;
    return 0;
}

static void rx_drop_partial(struct e1000_rxq *rx)
{
    packet_free(rx->queue.cache, rx->first);
    rx->first = rx->last = NULL;
    rx->segments = 0;
    rx->bad = false;
}

void e1000_rxq_drop(struct e1000_rxq *rx)
{
    rx_drop_partial(rx);
    for (; rx->head != rx->tail; rx->head++)
        packet_free(rx->queue.cache, rx->packets[rx->head & rx->mask]);
    rx->head = rx->tail = 0;
}

void e1000_rxq_destroy(struct e1000_rxq *rx, struct dma_device *dma)
{
    e1000_rxq_drop(rx);
    dma_free(dma, &rx->memory);
    free(rx->packets);
    rx->packets = NULL;
}

int e1000_txq_create(struct e1000_txq *tx, struct dma_device *dma)
{
    uint32_t size = tx->queue.size;
    tx->packets = calloc(size, sizeof *tx->packets);
    tx->ends = calloc(size, sizeof *tx->ends);
    if (!tx->packets || !tx->ends ||
        dma_alloc(dma, size * sizeof *tx->ring, PAGE_SIZE, DMA_BIDIRECTIONAL, &tx->memory))
        return -ENOMEM;
    tx->ring = tx->memory.va;
    tx->mask = size - 1;
    return 0;
}

void e1000_txq_drop(struct e1000_txq *tx)
{
    for (; tx->head != tx->tail; tx->head = tx->ends[tx->head & tx->mask] + 1)
        packet_free(tx->queue.cache, tx->packets[tx->head & tx->mask]);
    tx->head = tx->tail = 0;
}

void e1000_txq_destroy(struct e1000_txq *tx, struct dma_device *dma)
{
    e1000_txq_drop(tx);
    dma_free(dma, &tx->memory);
    free(tx->packets);
    free(tx->ends);
    tx->packets = NULL;
    tx->ends = NULL;
}

/* Receive -------------------------------------------------------------------- */

/* The device writes RX_BUFFER_SIZE bytes where frames may be that long.  With
 * RCTL.LPE clear they end at 1522, and there is room for headroom. */
static void rx_give(struct e1000_rxq *rx, struct packet *p)
{
    struct e1000_rx_desc *desc = &rx->ring[rx->tail & rx->mask];
    p->data = p->buffer + (PACKET_BUFFER_SIZE - rx->room);
    rx->packets[rx->tail & rx->mask] = p;
    desc->address = packet_iova(p);
    desc->result = 0;
    rx->tail++;
}

/* Gives the device whole batches of buffers; without any in the pool, another time. */
static void rx_refill(struct e1000_rxq *rx)
{
    struct packet *batch[RX_REFILL_BATCH];
    uint32_t before = rx->tail;
    while (rx->mask - (rx->tail - rx->head) >= RX_REFILL_BATCH) {
        if (!packet_alloc_burst(rx->queue.cache, batch, RX_REFILL_BATCH))
            break;
        for (unsigned i = 0; i < RX_REFILL_BATCH; i++)
            rx_give(rx, batch[i]);
    }
    if (rx->tail == before)
        return;
    dma_wmb(); /* descriptors before the tail that hands them over */
    mmio_write32(rx->regs + E1000_RDT, rx->tail & rx->mask);
}

/* Adds one returned buffer to the frame under way.  Of `result`, which the
 * device wrote, there is only this copy. */
static void rx_append(struct e1000_rxq *rx, struct packet *p, uint64_t result)
{
    uint32_t length = FIELD_GET(E1000_RXD_LENGTH, result);
    bool end = result & E1000_RXD_EOP;
    if (length > rx->room || (!length && !(end && rx->first)) ||
        rx->segments == FRAME_SEGMENTS_MAX || (end && (result & E1000_RXD_ERRORS)))
        rx->bad = true;
    if (rx->bad || !length) { /* an end without data held nothing but the stripped CRC */
        packet_free(rx->queue.cache, p);
        return;
    }
    p->length = (uint16_t)length;
    if (rx->last)
        rx->last->next = p;
    else
        rx->first = p;
    rx->last = p;
    rx->segments++;
    rx->first->frame_length += length;
}

/* port.h: what rx_burst returns holds to these rules, or it is freed and counted. */
static bool rx_frame_good(const struct e1000_rxq *rx)
{
    const struct packet *p = rx->first;
    return !rx->bad && p->frame_length >= FRAME_MIN &&
           p->frame_length <= port_frame_limit(rx->queue.port) &&
           (!p->next || p->length >= PACKET_HEADER_MIN);
}

/* The device filters tags only (RCTL.VFE): untagged frames are left to us. */
static bool rx_vlan_ours(const struct e1000_rxq *rx, uint64_t result)
{
    return !rx->vlan || ((result & E1000_RXD_VP) && FIELD_GET(E1000_RXD_VID, result) == rx->vlan);
}

/* 8254x SDM 3.2.3.1: IPE means something when IPCS is set and IXSM is not. */
static uint8_t rx_checksum(uint64_t result)
{
    if ((result & (E1000_RXD_IXSM | E1000_RXD_IPCS)) != E1000_RXD_IPCS)
        return 0;
    return result & E1000_RXD_IPE ? PACKET_IP_CHECKSUM_BAD : PACKET_IP_CHECKSUM_GOOD;
}

/* The frame that is now complete, or NULL; `result` is its last descriptor's. */
static struct packet *rx_complete(struct e1000_rxq *rx, uint64_t result)
{
    struct packet *p = rx->first;
    bool good = rx_frame_good(rx);
    if (!good || !rx_vlan_ours(rx, result)) {
        rx_drop_partial(rx);
        *(good ? &rx->filtered : &rx->queue.errors) += 1;
        return NULL;
    }
    rx->first = rx->last = NULL;
    rx->segments = 0;
    p->port = rx->queue.port->number;
    p->flags |= rx_checksum(result);
    rx->queue.packets++;
    rx->queue.bytes += p->frame_length;
    return p;
}

static uint16_t e1000_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct e1000_rxq *rx = container_of(queue, struct e1000_rxq, queue);
    uint16_t got = 0;
    while (got < n && rx->head != rx->tail) {
        uint32_t slot = rx->head & rx->mask;
        uint64_t result = load_relaxed(&rx->ring[slot].result);
        if (!(result & E1000_RXD_DD))
            break;
        dma_rmb(); /* done, before the data it tells of */
        rx->head++;
        rx_append(rx, rx->packets[slot], result);
        if (!(result & E1000_RXD_EOP))
            continue;
        struct packet *p = rx_complete(rx, result);
        if (p)
            packets[got++] = p;
    }
    rx_refill(rx);
    return got;
}

/* Transmit ------------------------------------------------------------------- */

/* Frees what the device is done with: the last descriptor of a frame asks for
 * its status, and which one that is we know without asking the device. */
static void tx_reclaim(struct e1000_txq *tx)
{
    while (tx->head != tx->tail) {
        uint32_t slot = tx->head & tx->mask, end = tx->ends[slot];
        if (!(load_relaxed(&tx->ring[end & tx->mask].command) & E1000_TXD_DD))
            return;
        packet_free(tx->queue.cache, tx->packets[slot]);
        tx->head = end + 1;
    }
}

/* The device wants 48 bytes at least (8254x SDM 3.3.3), the wire 60, and neither
 * is to see what an earlier frame left behind: zeros, from us. */
static void tx_pad(struct packet *first)
{
    uint32_t missing = FRAME_PADDED - first->frame_length;
    struct packet *last = first;
    while (last->next)
        last = last->next;
    if (packet_tailroom(last) < missing) {
        memmove(last->buffer, last->data, last->length);
        last->data = last->buffer;
    }
    memset(last->data + last->length, 0, missing);
    last->length = (uint16_t)(last->length + missing);
}

static uint32_t tx_descriptors(const struct packet *p)
{
    uint32_t count = 0;
    for (; p; p = p->next)
        count++;
    return count;
}

static void tx_put(struct e1000_txq *tx, struct packet *first)
{
    uint32_t start = tx->tail & tx->mask;
    uint64_t tag = tx->vlan ? E1000_TXD_VLE | FIELD_PUT(E1000_TXD_TAG, (uint64_t)tx->vlan) : 0;
    for (const struct packet *p = first; p; p = p->next) {
        struct e1000_tx_desc *desc = &tx->ring[tx->tail & tx->mask];
        desc->address = packet_iova(p);
        desc->command = FIELD_PUT(E1000_TXD_LENGTH, (uint64_t)p->length) | tag |
                        (p->next ? 0 : E1000_TXD_EOP | E1000_TXD_IFCS | E1000_TXD_RS);
        tx->tail++;
    }
    tx->packets[start] = first;
    tx->ends[start] = tx->tail - 1;
}

static uint16_t e1000_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct e1000_txq *tx = container_of(queue, struct e1000_txq, queue);
    uint32_t before = tx->tail;
    uint16_t taken = 0;
    tx_reclaim(tx);
    for (; taken < n; taken++) {
        struct packet *p = packets[taken];
        if (!port_can_send(queue->port, p)) {
            queue->errors++;
            packet_free(queue->cache, p);
            continue;
        }
        if (tx_descriptors(p) > tx->mask - (tx->tail - tx->head))
            break;
        queue->packets++;
        queue->bytes += p->frame_length;
        if (p->frame_length < FRAME_PADDED)
            tx_pad(p);
        tx_put(tx, p);
    }
    if (tx->tail != before) {
        dma_wmb(); /* descriptors before the tail that hands them over */
        mmio_write32(tx->regs + E1000_TDT, tx->tail & tx->mask);
    }
    return taken;
}

/* Life ----------------------------------------------------------------------- */

void e1000_rxq_init(struct e1000_rxq *rx, struct port *port)
{
    rx->queue = (struct port_queue){ .burst = e1000_rx_burst,
                                     .port = port,
                                     .size = E1000_RING_SIZE_DEFAULT };
    port->rxq[0] = &rx->queue;
}

void e1000_txq_init(struct e1000_txq *tx, struct port *port)
{
    tx->queue = (struct port_queue){ .burst = e1000_tx_burst,
                                     .port = port,
                                     .size = E1000_RING_SIZE_DEFAULT };
    port->txq[0] = &tx->queue;
}

/* 8254x SDM 14.4. */
void e1000_rxq_enable(struct e1000_rxq *rx, uint8_t *regs, bool long_frames, uint16_t vlan)
{
    rx->regs = regs;
    rx->vlan = vlan;
    rx->room = long_frames ? RX_BUFFER_SIZE : PACKET_ROOM;
    mmio_write32(regs + E1000_RDBAL, (uint32_t)rx->memory.iova);
    mmio_write32(regs + E1000_RDBAH, (uint32_t)(rx->memory.iova >> 32));
    mmio_write32(regs + E1000_RDLEN, (uint32_t)((rx->mask + 1) * sizeof *rx->ring));
    mmio_write32(regs + E1000_RDH, 0);
    mmio_write32(regs + E1000_RDT, 0);
    rx_refill(rx);
}

/* 8254x SDM 14.5. */
void e1000_txq_enable(struct e1000_txq *tx, uint8_t *regs, uint16_t vlan)
{
    tx->regs = regs;
    tx->vlan = vlan;
    mmio_write32(regs + E1000_TDBAL, (uint32_t)tx->memory.iova);
    mmio_write32(regs + E1000_TDBAH, (uint32_t)(tx->memory.iova >> 32));
    mmio_write32(regs + E1000_TDLEN, (uint32_t)((tx->mask + 1) * sizeof *tx->ring));
    mmio_write32(regs + E1000_TDH, 0);
    mmio_write32(regs + E1000_TDT, 0);
}
