/* intel_advanced.h - receive and transmit queues with advanced descriptors: those of the 82576,
 * I350, 82599 and X540, for the drivers of their PFs and VFs.
 *
 * A queue's registers are one block, with INTEL_Q_* and the same control register everywhere; what
 * else differs is in a struct adv_format, whose bursts are compiled for it.  Descriptors, unread:
 * 82576 DS 7.1.5 and 7.2.2, 82599 DS 7.1.6 and 7.2.3: Intel's drivers agree, and QEMU's 82576.
 *
 * They are intel_ring.h's queues, `q`, and live as those do; between create() and drop() come
 * enable(), with the device out of reset and bus mastering on, and disable().  The driver sets
 * `block` before enable(); a ring that is enabled again was dropped before.  A queue that is
 * not `live` receives and takes nothing and touches neither ring nor registers: a VF's queues
 * while its PF is away. */
#pragma once

#include "nic/intel/intel_burst.h"

#include <stdbool.h>
#include <stdint.h>

/* Of a queue's block, besides INTEL_Q_* */
#define ADV_Q_CTL 0x28u              /* RW, RXDCTL, TXDCTL */
#define ADV_Q_CTL_ENABLE 0x02000000u /* RW, the queue is on */
#define ADV_SRRCTL_BSIZE 0x0000001fu /* RW, KiB of a buffer */
#define ADV_SRRCTL_TYPE 0x0e000000u  /* RW, 1: advanced, one buffer */

/* Receive descriptor, one buffer: struct intel_rx_desc, whose second word is given as 0 (no header
 * buffer).  The chip writes both words back, INFO into the first; of each we read one copy. */
#define ADV_RXD_INFO_IPV4 0x0000000000000030ull /* packet type: IPv4, or IPv4 with options */
#define ADV_RXD_INFO_IPV6 0x00000000000000c0ull /* IPv6, or IPv6 with extensions */
#define ADV_RXD_DD 0x0000000000000001ull        /* status: Descriptor Done */
#define ADV_RXD_EOP 0x0000000000000002ull       /* status: End of Packet */
#define ADV_RXD_VP 0x0000000000000008ull        /* status: had a tag, which is stripped */
#define ADV_RXD_IPCS 0x0000000000000040ull      /* status: IPv4 header checksum was looked at */
#define ADV_RXD_LB 0x0000000000040000ull        /* status: came through the chip's own switch */
#define ADV_RXD_LENGTH 0x0000ffff00000000ull
#define ADV_RXD_TAG 0xffff000000000000ull       /* that was stripped: priority, DEI, VLAN */

/* Transmit descriptor: struct intel_tx_desc.  Data, whose address and command it has, or a context,
 * with ADV_TXC_* in place of the address; the chip sets DD when RS asked for it. */
#define ADV_TXD_LENGTH 0x000000000000ffffull
#define ADV_TXD_CONTEXT 0x0000000000200000ull /* DTYP 2 */
#define ADV_TXD_DATA 0x0000000000300000ull    /* DTYP 3 */
#define ADV_TXD_EOP 0x0000000001000000ull     /* DCMD: End Of Packet */
#define ADV_TXD_IFCS 0x0000000002000000ull    /* DCMD: Insert FCS */
#define ADV_TXD_RS 0x0000000008000000ull      /* DCMD: Report Status */
#define ADV_TXD_DEXT 0x0000000020000000ull    /* DCMD: advanced format */
#define ADV_TXD_VLE 0x0000000040000000ull     /* DCMD: insert the context's VLAN tag */
#define ADV_TXD_DD 0x0000000100000000ull      /* STA: Descriptor Done */
#define ADV_TXD_CC 0x0000008000000000ull      /* Check Context: 82599 and X540 */
#define ADV_TXD_PAYLEN 0xffffc00000000000ull  /* bytes of the whole frame */

#define ADV_TXC_MACLEN 0x000000000000fe00ull  /* bytes of the MAC header */
#define ADV_TXC_VLAN 0x00000000ffff0000ull    /* the tag: priority, DEI, VLAN */

/* What a family has otherwise.  The second pair of bursts is for queues with `echo`; without one
 * of its own a family has no echoes. */
struct adv_format {
    struct intel_rx_format rx;
    uint32_t srrctl;           /* in a queue's block: buffers */
    uint32_t srrctl_drop;      /* of it: without descriptors frames are dropped */
    uint32_t rx_ctl, tx_ctl;   /* RXDCTL, TXDCTL: how descriptors are fetched and written back */
    port_burst_fn *rx_burst[2], *tx_burst[2];
};

extern const struct adv_format adv_format_igb;   /* 82576, I350 */
extern const struct adv_format adv_format_ixgbe; /* 82599, X540 */

/* What was sent last, to know it when it comes back: QEMU's igb, its pools once on, gives a
 * frame for many, or for nobody it knows, to the pool that sent it too.  The chips do not
 * (unread: 82576 DS 7.10.3.6). */
#define ADV_ECHO_SLOTS 256u

struct adv_echo {
    uint64_t sent[ADV_ECHO_SLOTS]; /* by its low bits: a hash, 0: none */
    uint64_t dropped;
};

/* Of ID rows: this function is QEMU's, by its subsystem.  With it the queues get `echo`, and
 * enable() gives them bursts that look for echoes. */
#define IGB_QUIRK_ECHOES 0x100u
#define IGB_SUBSYSTEM_QEMU 0x1af4u

struct adv_rxq {
    struct intel_rxq q;
    uint8_t *block; /* its registers */
    const struct adv_format *format;
    uint32_t ctl; /* of RXDCTL, the driver's own: adv_rxq_set_ctl() */
    bool live;
    bool swaps;            /* tags of what came through the switch have their bytes swapped */
    const uint32_t *joined; /* a bit each: VLANs whose tags are ours to see; NULL: all */
    struct adv_echo *echo; /* NULL: what is sent does not come back */
};

struct adv_txq {
    struct intel_txq q;
    uint8_t *block;
    const struct adv_format *format;
    uint32_t context; /* the tag that the chip holds for this queue, or ADV_NO_CONTEXT */
    bool check; /* the chip's switch wants a context with every frame (ADV_TXD_CC) */
    bool live;
    struct adv_echo *echo;
};

#define ADV_NO_CONTEXT UINT32_MAX

void adv_rxq_init(struct adv_rxq *rx, struct port *port, uint16_t index,
                  const struct adv_format *format);
void adv_txq_init(struct adv_txq *tx, struct port *port, uint16_t index,
                  const struct adv_format *format);
/* Programs the block and switches the queue on: 0, or -ETIMEDOUT with a log line.  long_frames:
 * buffers are used from the first byte; drop: without buffers frames are dropped, not held. */
int adv_rxq_enable(struct adv_rxq *rx, const char *name, bool long_frames, bool drop);
int adv_txq_enable(struct adv_txq *tx, const char *name);
/* Not live any more, then off, bounded; afterwards no DMA of this queue lands.  -ETIMEDOUT: it
 * did not obey. */
int adv_rxq_disable(struct adv_rxq *rx, const char *name);
int adv_txq_disable(struct adv_txq *tx, const char *name);
/* intel_path() of such a queue, which may have echoes. */
const char *adv_path(const struct port_queue *queue);
/* What the driver wants of RXDCTL, from now on and whenever the queue is enabled. */
void adv_rxq_set_ctl(struct adv_rxq *rx, uint32_t ctl);
