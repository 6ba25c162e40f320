/* e1000_ring.h - the receive and the transmit queue of Intel's 8254x family and of its
 * heir, the 82574 (nic/e1000.h): legacy descriptors, nic/e1000_regs.h.
 *
 * Life of a queue: init() once; create() memory, enable() with the device out of reset
 * and bus mastering on, destroy() when the device has let go.  The driver owns the
 * order, and switches the units themselves on and off (RCTL, TCTL). */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

#define E1000_RING_SIZE_MIN 64u
#define E1000_RING_SIZE_MAX 4096u
#define E1000_RING_SIZE_DEFAULT 256u

struct e1000_rx_desc;
struct e1000_tx_desc;

/* Indices run freely and are reduced at use.  One slot always stays empty: with
 * head equal to tail the device takes the ring for empty (8254x SDM 3.2.6, 3.4). */
struct e1000_rxq {
    struct port_queue queue;
    uint8_t *regs; /* the device's BAR, from enable() on */
    struct e1000_rx_desc *ring;
    struct packet **packets; /* by slot: what the device fills */
    uint32_t head, tail;     /* next to come back, next to give */
    uint32_t mask;
    uint32_t room;               /* bytes the device may write per buffer */
    struct packet *first, *last; /* segments of a frame whose end is still to come */
    uint32_t segments;
    bool bad;          /* that frame broke a rule: gone when its end comes */
    uint16_t vlan;     /* the only one whose frames are ours; 0: tags are not looked at */
    uint64_t filtered; /* frames of no VLAN, or of another, that the device let through */
    struct dma_memory memory;
};

struct e1000_txq {
    struct port_queue queue;
    uint8_t *regs;
    struct e1000_tx_desc *ring;
    struct packet **packets; /* by slot: the frame that starts here */
    uint32_t *ends;          /* by slot: index of the last descriptor of that frame */
    uint32_t head, tail;     /* oldest not yet reclaimed, next to fill */
    uint32_t mask;
    uint16_t vlan; /* tag that the device inserts into every frame; 0: none */
    struct dma_memory memory;
};

void e1000_rxq_init(struct e1000_rxq *rx, struct port *port);
void e1000_txq_init(struct e1000_txq *tx, struct port *port);
/* 0 or -ENOMEM; destroy() undoes what there is. */
int e1000_rxq_create(struct e1000_rxq *rx, struct dma_device *dma);
int e1000_txq_create(struct e1000_txq *tx, struct dma_device *dma);
void e1000_rxq_destroy(struct e1000_rxq *rx, struct dma_device *dma);
void e1000_txq_destroy(struct e1000_txq *tx, struct dma_device *dma);
/* Gives back every packet the ring holds; the device must have let go of them. */
void e1000_rxq_drop(struct e1000_rxq *rx);
void e1000_txq_drop(struct e1000_txq *tx);
/* Program the ring's registers, while the unit is off; the receive ring gets its first
 * buffers.  long_frames: the device may fill them from the first byte to the last. */
void e1000_rxq_enable(struct e1000_rxq *rx, uint8_t *regs, bool long_frames, uint16_t vlan);
void e1000_txq_enable(struct e1000_txq *tx, uint8_t *regs, uint16_t vlan);
