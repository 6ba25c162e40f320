/* igb_ring.h - receive and transmit queues of the 82575/82576/I350 family, for the
 * PF's driver (nic/igb.c) and the VF's (nic/igbvf.c): advanced descriptors.
 *
 * A queue's registers are one block with the same offsets everywhere: in the PF's BAR at
 * IGB_RX_BLOCK(q) and IGB_TX_BLOCK(q), in a VF's at IGBVF_RX_BLOCK(q) and IGBVF_TX_BLOCK(q).
 *
 * Life of a queue: igb_rxq_init() once; create() memory, enable() with the device out of
 * reset and bus mastering on, disable(), drop(), destroy().  The driver owns the order, and
 * sets `block` before enable(); a ring that is enabled again was dropped before.  A queue
 * that is not `live` receives and takes nothing and touches neither ring nor registers:
 * a VF's queues while its PF is away. */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

#define IGB_RX_BLOCK(q) (0xc000u + 0x40 * (q))
#define IGB_TX_BLOCK(q) (0xe000u + 0x40 * (q))
#define IGBVF_RX_BLOCK(q) (0x2800u + 0x100 * (q))
#define IGBVF_TX_BLOCK(q) (0x3800u + 0x100 * (q))

#define IGB_RING_SIZE_MIN 64u
#define IGB_RING_SIZE_MAX 4096u
#define IGB_RING_SIZE_DEFAULT 256u

struct igb_rx_desc;
struct igb_tx_desc;

/* What was sent last, to know it when it comes back: QEMU's igb, its pools once on, gives a
 * frame for many, or for nobody it knows, to the pool that sent it too.  The chips do not (82576 DS
 * 7.10.3.6). */
#define IGB_ECHO_SLOTS 256u

struct igb_echo {
    uint64_t sent[IGB_ECHO_SLOTS]; /* by its low bits: a hash, 0: none */
    uint64_t dropped;
};

/* Whether this function is QEMU's. */
bool igb_echoes(const struct pci_function *f);

/* Indices run freely and are reduced at use; one slot always stays empty. */
struct igb_rxq {
    struct port_queue queue;
    uint8_t *block; /* its registers */
    struct igb_rx_desc *ring;
    struct packet **packets; /* by slot: what the device fills */
    uint32_t head, tail, mask;
    uint32_t room;               /* bytes the device may write per buffer */
    struct packet *first, *last; /* segments of a frame whose end is still to come */
    uint32_t segments;
    bool bad;
    bool live;
    uint16_t vlan;     /* only frames whose tag of it the chip stripped; 0: all */
    uint64_t filtered; /* frames that had not */
    bool tags;         /* what the chip strips for others (RPLOLR) is put back */
    struct igb_echo *echo; /* NULL: what is sent does not come back */
    struct dma_memory memory;
};

struct igb_txq {
    struct port_queue queue;
    uint8_t *block;
    struct igb_tx_desc *ring;
    struct packet **packets; /* by slot: the frame that starts here */
    uint32_t *ends;          /* by slot: index of the last descriptor of that frame */
    uint32_t head, tail, mask;
    uint16_t vlan;    /* inserted into every frame; 0: none */
    uint16_t context; /* the tag that the chip holds for this queue; 0: none yet */
    struct igb_echo *echo;
    bool live;
    struct dma_memory memory;
};

void igb_rxq_init(struct igb_rxq *rx, struct port *port, uint16_t index);
void igb_txq_init(struct igb_txq *tx, struct port *port, uint16_t index);
/* 0 or -ENOMEM; destroy() undoes what there is. */
int igb_rxq_create(struct igb_rxq *rx, struct dma_device *dma);
int igb_txq_create(struct igb_txq *tx, struct dma_device *dma);
void igb_rxq_destroy(struct igb_rxq *rx, struct dma_device *dma);
void igb_txq_destroy(struct igb_txq *tx, struct dma_device *dma);
/* Gives back every packet the ring holds; the device must have let go of them. */
void igb_rxq_drop(struct igb_rxq *rx);
void igb_txq_drop(struct igb_txq *tx);
/* Programs the block and switches the queue on: 0, or -ETIMEDOUT with a log line.  long_frames:
 * buffers are used from the first byte; drop: without buffers frames are dropped, not held. */
int igb_rxq_enable(struct igb_rxq *rx, const char *name, bool long_frames, bool drop);
int igb_txq_enable(struct igb_txq *tx, const char *name);
/* Not live any more, then off, bounded; afterwards no DMA of this queue lands.  -ETIMEDOUT: it
 * did not obey. */
int igb_rxq_disable(struct igb_rxq *rx, const char *name);
int igb_txq_disable(struct igb_txq *tx, const char *name);
port_burst_fn igb_rx_burst, igb_tx_burst;
