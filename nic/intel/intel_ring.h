/* intel_ring.h - what the queues of Intel's NICs have in common, whatever their descriptors
 * say and wherever their registers are: memory, packets by slot, indices, frames put
 * together from segments and the rules they keep, buffers given and taken back.
 *
 * A descriptor is two words.  A receive descriptor is given with a buffer's address and a
 * zero, and its second word comes back as what there is to say of the buffer (8254x SDM 3.2.3,
 * unread: 82576 DS 7.1.5).  A transmit descriptor has an address and a command, in which the device
 * marks what it is done with (8254x SDM 3.3.3, unread: 82576 DS 7.2.2).
 *
 * What the words say is the format's: e1000_ring.c has the legacy one, intel_advanced.c the
 * advanced one, i40e_ring.c those since.  Their bursts are intel_burst.h's loops over the steps
 * below; these are inline, and masks come as constants, so that a loop is compiled for its format
 * and calls nothing per descriptor.
 *
 * Life of a queue: init() once; create() memory; the driver programs the device, sets `room`
 * and `tail_register` and switches the queue on; drop(), destroy() when the device has let
 * go.  The driver owns the order. */
#pragma once

#include "kernel/mmio.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

#define INTEL_RING_SIZE_MIN 64u
#define INTEL_RING_SIZE_MAX 4096u
#define INTEL_RING_SIZE_DEFAULT 256u

struct intel_rx_desc {
    uint64_t address;
    uint64_t result; /* 0 when given to the device */
};

struct intel_tx_desc {
    uint64_t address;
    uint64_t command;
};

_Static_assert(sizeof(struct intel_rx_desc) == 16, "8254x SDM 3.2.3");
_Static_assert(offsetof(struct intel_rx_desc, result) == 8, "8254x SDM 3.2.3");
_Static_assert(sizeof(struct intel_tx_desc) == 16, "8254x SDM 3.3.3");
_Static_assert(offsetof(struct intel_tx_desc, command) == 8, "8254x SDM 3.3.3");

/* Indices run freely and are reduced at use.  One slot always stays empty: with head equal
 * to tail the device takes the ring for empty (8254x SDM 3.2.6, 3.4). */
struct intel_rxq {
    struct port_queue queue;
    uint8_t *tail_register;
    struct intel_rx_desc *ring;
    struct packet **packets; /* by slot: what the device fills */
    uint32_t head, tail;     /* next to come back, next to give */
    uint32_t mask;
    uint32_t room;               /* bytes the device may write per buffer */
    bool wide;                   /* a descriptor has four words, of which we give two */
    bool alone;                  /* descriptors are taken one at a time, as a test wants it */
    struct packet_gather frame;  /* whose end is still to come */
    bool keeps_fcs;    /* frames come with theirs, which is cut off here */
    bool tags;         /* the device takes tags off, or did since the ring is on, and says so */
    bool strip;        /* they are wanted beside the frame (PORT_OFFLOAD_VLAN_STRIP) */
    struct dma_memory memory;
};

struct intel_txq {
    struct port_queue queue;
    uint8_t *tail_register;
    struct intel_tx_desc *ring;
    /* Frames are told to the device, and given back by it, in batches: of frames with a descriptor
     * each, or of one that has several. */
    struct packet **packets; /* by slot: the frame that starts here; NULL: one goes on, and ends */
    uint32_t *ends; /* by slot: index of the last descriptor of the batch that starts here */
    uint32_t head, tail;     /* oldest not yet reclaimed, next to fill */
    uint32_t mask;
    bool alone;  /* every frame is a batch of its own, as a test wants it */
    bool insert; /* the tag beside a frame is wanted in it (PORT_OFFLOAD_VLAN_INSERT) */
    struct dma_memory memory;
};

/* The queue is the port's number `index` from now on. */
void intel_rxq_init(struct intel_rxq *rx, struct port *port, uint16_t index, port_burst_fn *burst);
void intel_txq_init(struct intel_txq *tx, struct port *port, uint16_t index, port_burst_fn *burst);
/* 0 or -ENOMEM; destroy() undoes what there is. */
int intel_rxq_create(struct intel_rxq *rx, struct dma_device *dma);
int intel_txq_create(struct intel_txq *tx, struct dma_device *dma);
void intel_rxq_destroy(struct intel_rxq *rx, struct dma_device *dma);
void intel_txq_destroy(struct intel_txq *tx, struct dma_device *dma);
/* Gives back every packet the ring holds; the device must have let go of them. */
void intel_rxq_drop(struct intel_rxq *rx);
void intel_txq_drop(struct intel_txq *tx);
/* Of a port of such queues: how this one takes descriptors, and what keeps it from taking several
 * at once (struct port_ops). */
const char *intel_path(const struct port_queue *queue);
/* Tests: queues that are created from now on take them one at a time, or as they would. */
void intel_set_alone(bool alone);
/* A queue whose registers are one block, and which is off: where its ring is, and nothing in it. */
void intel_queue_program(uint8_t *block, const struct dma_memory *ring, uint32_t descriptors);

/* Receive ---------------------------------------------------------------------- */

/* Gives the device whole batches of buffers; false: the pool has too few, another time. */
bool intel_rx_refill(struct intel_rxq *rx);
/* How much of the frame is in its last buffer, which has `length` bytes: its FCS is cut off. */
uint32_t intel_rx_cut_fcs(struct intel_rxq *rx, uint32_t length);
/* The frame under way is nobody's, and `counter` says so.  NULL. */
struct packet *intel_rx_drop(struct intel_rxq *rx, uint64_t *counter);

/* True when the next buffer came back, all bits of `done` set: from which slot, and of its
 * second word, which the device wrote, the only copy.  It is to be appended.  step: pairs of words
 * that a descriptor has. */
static inline bool intel_rx_next(struct intel_rxq *rx, uint32_t step, uint64_t done,
                                 uint32_t *slot, uint64_t *result)
{
    if (rx->head == rx->tail)
        return false;
    *slot = rx->head & rx->mask;
    *result = load_relaxed(&rx->ring[*slot * step].result);
    if ((*result & done) != done)
        return false;
    dma_rmb(); /* done, before what it tells of */
    rx->head++;
    return true;
}

/* Adds the slot's buffer to the frame under way; `end`: it is the frame's last. */
static inline void intel_rx_append(struct intel_rxq *rx, uint32_t slot, uint32_t length, bool end)
{
    struct packet *p = rx->packets[slot];
    p->frame_length = 0;
    packet_arrived(p, rx->queue.port->number);
    __builtin_prefetch(p->data); /* read by whoever gets the burst */
    __builtin_prefetch(rx->packets[(slot + 1) & rx->mask]);
    if (!length && !(end && rx->frame.first)) /* an end may have held only the stripped CRC */
        rx->frame.bad = true;
    packet_gather(&rx->frame, rx->queue.cache, p, length, rx->room);
}

/* What is wanted of tags from now on; `device_strips` before the device does, and what it
 * stripped before it did not any more may still be in the ring. */
static inline void intel_rx_set_tags(struct intel_rxq *rx, bool device_strips, bool strip)
{
    if (device_strips)
        store_relaxed(&rx->tags, true);
    store_relaxed(&rx->strip, strip);
}

/* The device took this tag off the frame under way. */
static inline void intel_rx_tag(struct intel_rxq *rx, uint16_t tci)
{
    rx->frame.first->vlan = tci;
    rx->frame.first->flags = PACKET_VLAN;
}

/* Who has not asked for tags beside frames gets it back into the frame, which is good so far;
 * false: there is no packet for it, and the frame cannot be as it was. */
bool intel_rx_untag(struct intel_rxq *rx);

/* The frame under way, complete and good, is the caller's.  `flags`: what else of PACKET_*. */
static inline struct packet *intel_rx_accept(struct intel_rxq *rx, uint8_t flags)
{
    struct packet *p = packet_gathered(&rx->frame);
    p->flags |= flags;
    counter_add(&rx->queue.packets, 1);
    counter_add(&rx->queue.bytes, p->frame_length);
    return p;
}

/* Transmit --------------------------------------------------------------------- */

/* Gives back the packets of the oldest batch, which ends there: any. */
void intel_tx_free(struct intel_txq *tx, uint32_t end);
/* Zeros up to FRAME_PADDED, from us: nobody is to see what an earlier frame left behind. */
void intel_tx_pad(struct packet *first);

/* Frees what the device is done with: the last descriptor of a batch asks for its status,
 * and which one that is we know without asking the device. */
static inline void intel_tx_reclaim(struct intel_txq *tx, uint64_t done)
{
    while (tx->head != tx->tail) {
        uint32_t end = tx->ends[tx->head & tx->mask];
        if ((load_relaxed(&tx->ring[end & tx->mask].command) & done) != done)
            return;
        if (end != tx->head) {
            intel_tx_free(tx, end);
            continue;
        }
        packet_free(tx->queue.cache, tx->packets[end & tx->mask]);
        tx->head++;
    }
}

/* Whether the frame can be sent at all: else it is freed and counted. */
static inline bool intel_tx_check(struct intel_txq *tx, struct packet *p)
{
    if (likely(port_can_send(tx->queue.port, p)))
        return true;
    counter_add(&tx->queue.errors, 1);
    packet_free(tx->queue.cache, p);
    return false;
}

/* Whether the frame goes out with the tag that lies beside it. */
static inline bool intel_tx_tagged(const struct intel_txq *tx, const struct packet *p)
{
    return unlikely(load_relaxed(&tx->insert)) && (p->flags & PACKET_VLAN);
}

/* Whether there is room for the frame, a descriptor each segment, and `more` descriptors. */
static inline bool intel_tx_fits(const struct intel_txq *tx, const struct packet *p, uint32_t more)
{
    uint32_t count = more;
    for (; p; p = p->next)
        count++;
    return count <= tx->mask - (tx->tail - tx->head);
}

/* The frame is ours, and is made ready to be put into the ring. */
static inline void intel_tx_take(struct intel_txq *tx, struct packet *p)
{
    counter_add(&tx->queue.packets, 1);
    counter_add(&tx->queue.bytes, p->frame_length);
    if (p->frame_length < FRAME_PADDED)
        intel_tx_pad(p);
}

/* The next descriptor, to be filled. */
static inline struct intel_tx_desc *intel_tx_next(struct intel_txq *tx)
{
    return &tx->ring[tx->tail++ & tx->mask];
}

/* What was filled from this slot on is the frame's: a batch. */
static inline void intel_tx_note(struct intel_txq *tx, uint32_t slot, struct packet *first)
{
    tx->packets[(tx->tail - 1) & tx->mask] = NULL;
    tx->packets[slot] = first;
    tx->ends[slot] = tx->tail - 1;
}

/* Hands over what was put into the ring since its tail was `before`. */
static inline void intel_tx_tell(const struct intel_txq *tx, uint32_t before)
{
    if (tx->tail == before)
        return;
    dma_wmb(); /* descriptors before the tail that hands them over */
    mmio_write32(tx->tail_register, tx->tail & tx->mask);
}
