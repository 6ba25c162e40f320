/* igb_ring.h - receive and transmit queues of the 82575/82576/I350 family, for the
 * PF's driver (igb.c) and the VF's (igbvf.c): advanced descriptors.
 *
 * A queue's registers are one block with the same offsets everywhere: in the PF's BAR at
 * IGB_RX_BLOCK(q) and IGB_TX_BLOCK(q), in a VF's at IGBVF_RX_BLOCK(q) and IGBVF_TX_BLOCK(q).
 *
 * They are intel_ring.h's queues, `q`, and live as those do; between create() and drop() come
 * enable(), with the device out of reset and bus mastering on, and disable().  The driver sets
 * `block` before enable(); a ring that is enabled again was dropped before.  A queue that is
 * not `live` receives and takes nothing and touches neither ring nor registers: a VF's queues
 * while its PF is away. */
#pragma once

#include "nic/intel/intel_ring.h"

#include <stdbool.h>
#include <stdint.h>

#define IGB_RX_BLOCK(q) (0xc000u + 0x40 * (q))
#define IGB_TX_BLOCK(q) (0xe000u + 0x40 * (q))
#define IGBVF_RX_BLOCK(q) (0x2800u + 0x100 * (q))
#define IGBVF_TX_BLOCK(q) (0x3800u + 0x100 * (q))

/* What was sent last, to know it when it comes back: QEMU's igb, its pools once on, gives a
 * frame for many, or for nobody it knows, to the pool that sent it too.  The chips do not
 * (unread: 82576 DS 7.10.3.6). */
#define IGB_ECHO_SLOTS 256u

struct igb_echo {
    uint64_t sent[IGB_ECHO_SLOTS]; /* by its low bits: a hash, 0: none */
    uint64_t dropped;
};

/* Of ID rows: this function is QEMU's, by its subsystem.  With it the queues get `echo`, and
 * enable() gives them bursts that look for echoes. */
#define IGB_QUIRK_ECHOES 0x100u
#define IGB_SUBSYSTEM_QEMU 0x1af4u

struct igb_rxq {
    struct intel_rxq q;
    uint8_t *block; /* its registers */
    bool live;
    bool swaps;            /* tags of what came through the switch have their bytes swapped */
    const uint32_t *joined; /* a bit each: VLANs whose tags are ours to see; NULL: all */
    struct igb_echo *echo; /* NULL: what is sent does not come back */
};

struct igb_txq {
    struct intel_txq q;
    uint8_t *block;
    uint32_t context; /* the tag that the chip holds for this queue, or IGB_NO_CONTEXT */
    bool live;
    struct igb_echo *echo;
};

#define IGB_NO_CONTEXT UINT32_MAX

void igb_rxq_init(struct igb_rxq *rx, struct port *port, uint16_t index);
void igb_txq_init(struct igb_txq *tx, struct port *port, uint16_t index);
/* Programs the block and switches the queue on: 0, or -ETIMEDOUT with a log line.  long_frames:
 * buffers are used from the first byte; drop: without buffers frames are dropped, not held. */
int igb_rxq_enable(struct igb_rxq *rx, const char *name, bool long_frames, bool drop);
int igb_txq_enable(struct igb_txq *tx, const char *name);
/* Not live any more, then off, bounded; afterwards no DMA of this queue lands.  -ETIMEDOUT: it
 * did not obey. */
int igb_rxq_disable(struct igb_rxq *rx, const char *name);
int igb_txq_disable(struct igb_txq *tx, const char *name);
port_burst_fn igb_rx_burst, igb_tx_burst;
