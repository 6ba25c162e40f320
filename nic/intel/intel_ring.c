/* intel_ring.c - what the queues of Intel's NICs have in common (intel_ring.h), and is not
 * done for each packet. */
#include "nic/intel/intel_ring.h"

#include "nic/intel/intel_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RX_REFILL_BATCH 16u /* buffers given at once: one allocation, one tail write */

/* Memory --------------------------------------------------------------------- */

void intel_rxq_init(struct intel_rxq *rx, struct port *port, uint16_t index, port_burst_fn *burst)
{
    *rx = (struct intel_rxq){
        .queue = { .burst = burst, .port = port, .index = index, .size = INTEL_RING_SIZE_DEFAULT }
    };
    port->rxq[index] = &rx->queue;
}

void intel_txq_init(struct intel_txq *tx, struct port *port, uint16_t index, port_burst_fn *burst)
{
    *tx = (struct intel_txq){
        .queue = { .burst = burst, .port = port, .index = index, .size = INTEL_RING_SIZE_DEFAULT }
    };
    port->txq[index] = &tx->queue;
}

int intel_rxq_create(struct intel_rxq *rx, struct dma_device *dma)
{
    uint32_t size = rx->queue.size;
    rx->packets = calloc(size, sizeof *rx->packets);
    if (!rx->packets || dma_alloc(dma, (size * sizeof *rx->ring) << rx->wide, PAGE_SIZE,
                                  DMA_BIDIRECTIONAL, &rx->memory))
        return -ENOMEM;
    rx->ring = rx->memory.va;
    rx->mask = size - 1;
    return 0;
}

int intel_txq_create(struct intel_txq *tx, struct dma_device *dma)
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

void intel_rxq_drop(struct intel_rxq *rx)
{
    packet_free(rx->queue.cache, packet_gathered(&rx->frame));
    for (; rx->head != rx->tail; rx->head++)
        packet_free(rx->queue.cache, rx->packets[rx->head & rx->mask]);
    rx->head = rx->tail = 0;
}

void intel_txq_drop(struct intel_txq *tx)
{
    for (; tx->head != tx->tail; tx->head = tx->ends[tx->head & tx->mask] + 1)
        packet_free(tx->queue.cache, tx->packets[tx->head & tx->mask]);
    tx->head = tx->tail = 0;
}

void intel_rxq_destroy(struct intel_rxq *rx, struct dma_device *dma)
{
    intel_rxq_drop(rx);
    dma_free(dma, &rx->memory);
    free(rx->packets);
    rx->packets = NULL;
    rx->ring = NULL;
}

void intel_txq_destroy(struct intel_txq *tx, struct dma_device *dma)
{
    intel_txq_drop(tx);
    dma_free(dma, &tx->memory);
    free(tx->packets);
    free(tx->ends);
    tx->packets = NULL;
    tx->ends = NULL;
    tx->ring = NULL;
}

void intel_queue_program(uint8_t *block, const struct dma_memory *ring, uint32_t descriptors)
{
    mmio_write32(block + INTEL_Q_BAL, (uint32_t)ring->iova);
    mmio_write32(block + INTEL_Q_BAH, (uint32_t)(ring->iova >> 32));
    mmio_write32(block + INTEL_Q_LEN, descriptors * (uint32_t)sizeof(struct intel_rx_desc));
    mmio_write32(block + INTEL_Q_HEAD, 0);
    mmio_write32(block + INTEL_Q_TAIL, 0);
}

/* Receive -------------------------------------------------------------------- */

/* The device writes to the buffer's end: what it may not write is headroom. */
static void rx_give(struct intel_rxq *rx, struct packet *p)
{
    struct intel_rx_desc *desc = &rx->ring[(rx->tail & rx->mask) << rx->wide];
    p->data = p->buffer + (PACKET_BUFFER_SIZE - rx->room);
    rx->packets[rx->tail & rx->mask] = p;
    desc->address = packet_iova(p);
    desc->result = 0;
    rx->tail++;
}

void intel_rx_refill(struct intel_rxq *rx)
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
    mmio_write32(rx->tail_register, rx->tail & rx->mask);
}

struct packet *intel_rx_drop(struct intel_rxq *rx, uint64_t *counter)
{
    packet_free(rx->queue.cache, packet_gathered(&rx->frame));
    counter_add(counter, 1);
    return NULL;
}

bool intel_rx_untag(struct intel_rxq *rx)
{
    return !packet_push_vlan(rx->queue.cache, &rx->frame.first);
}

/* Transmit ------------------------------------------------------------------- */

void intel_tx_pad(struct packet *first)
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
    first->frame_length = FRAME_PADDED;
}
