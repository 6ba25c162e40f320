/* intel_ring.c - what the queues of Intel's NICs have in common (intel_ring.h), and is not
 * done for each packet. */
#include "nic/intel/intel_ring.h"

#include "nic/intel/intel_regs.h"

#include <emmintrin.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RX_REFILL_BATCH 16u /* buffers given at once: one allocation, one tail write */

/* Paths ---------------------------------------------------------------------- */

static bool alone;

void intel_set_alone(bool on)
{
    alone = on;
}

static const char *rx_path(const struct intel_rxq *rx)
{
    return load_relaxed(&rx->strip) ? "one descriptor at a time: tags are taken off"
           : rx->alone              ? "one descriptor at a time: as a test wants it"
                                    : "four descriptors at a time";
}

const char *intel_path(const struct port_queue *queue)
{
    if (queue->port->rxq[queue->index] == queue)
        return rx_path(container_of(queue, struct intel_rxq, queue));
    return container_of(queue, struct intel_txq, queue)->alone
               ? "one frame at a time: as a test wants it"
               : "batches of up to 32 frames";
}

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
    rx->alone = alone;
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
    tx->alone = alone;
    return 0;
}

void intel_rxq_drop(struct intel_rxq *rx)
{
    rx->queue.watch.word = NULL;
    packet_free(rx->queue.cache, packet_gathered(&rx->frame));
    for (; rx->head != rx->tail; rx->head++)
        packet_free(rx->queue.cache, rx->packets[rx->head & rx->mask]);
    rx->head = rx->tail = 0;
}

void intel_txq_drop(struct intel_txq *tx)
{
    while (tx->head != tx->tail)
        intel_tx_free(tx, tx->ends[tx->head & tx->mask]);
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

_Static_assert(INTEL_RING_SIZE_MIN % RX_REFILL_BATCH == 0, "no batch goes round a ring's end");

/* Where its bytes are for us, and for the device; that word and a zero are the descriptor. */
static ALWAYS_INLINE void rx_give(struct intel_rx_desc *desc, struct packet *p, __m128i headroom)
{
    __m128i at = _mm_loadu_si128((const __m128i *)&p->buffer);
    at = _mm_add_epi64(at, headroom);
    _mm_storel_epi64((__m128i *)&p->data, at);
    _mm_store_si128((__m128i *)desc, _mm_unpackhi_epi64(at, _mm_setzero_si128()));
}

static bool rx_lacks_buffers(const struct intel_rxq *rx)
{
    return rx->mask - (rx->tail - rx->head) >= RX_REFILL_BATCH;
}

/* The device writes to the buffer's end: what it may not write is headroom. */
bool intel_rx_refill(struct intel_rxq *rx)
{
    const __m128i headroom = _mm_set1_epi64x(PACKET_BUFFER_SIZE - rx->room);
    const unsigned wide = rx->wide;
    uint32_t before = rx->tail;
    while (rx_lacks_buffers(rx)) {
        uint32_t slot = rx->tail & rx->mask;
        if (!packet_take_burst(rx->queue.cache, &rx->packets[slot], RX_REFILL_BATCH))
            break;
        for (unsigned i = slot; i < slot + RX_REFILL_BATCH; i++)
            rx_give(&rx->ring[i << wide], rx->packets[i], headroom);
        rx->tail += RX_REFILL_BATCH;
    }
    if (rx->tail != before) {
        dma_wmb(); /* descriptors before the tail that hands them over */
        mmio_write32(rx->tail_register, rx->tail & rx->mask);
    }
    return !rx_lacks_buffers(rx);
}

/* The FCS may begin in the buffer before. */
uint32_t intel_rx_cut_fcs(struct intel_rxq *rx, uint32_t length)
{
    if (likely(length > ETHERNET_FCS)) /* who filled more than there is stays wrong */
        return length > rx->room ? length : length - ETHERNET_FCS;
    struct packet *before = rx->frame.last;
    uint16_t cut = (uint16_t)(ETHERNET_FCS - length);
    if (before && before->length > cut) {
        before->length = (uint16_t)(before->length - cut);
        rx->frame.first->frame_length -= cut;
    } else {
        rx->frame.bad = true;
    }
    return 0;
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

void intel_tx_free(struct intel_txq *tx, uint32_t end)
{
    uint32_t slot = tx->head & tx->mask, n = end + 1 - tx->head, to_end = tx->mask + 1 - slot;
    tx->head = end + 1;
    if (!tx->packets[end & tx->mask]) { /* one frame, of several descriptors */
        packet_free(tx->queue.cache, tx->packets[slot]);
        return;
    }
    if (n > to_end) {
        packet_free_burst(tx->queue.cache, &tx->packets[slot], to_end);
        n -= to_end;
        slot = 0;
    }
    packet_free_burst(tx->queue.cache, &tx->packets[slot], n);
}

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
