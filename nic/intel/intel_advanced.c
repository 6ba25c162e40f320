/* intel_advanced.c - advanced descriptor rings of the 82576, I350, 82599 and X540, PF and VF
 * (intel_advanced.h).
 *
 * Documents: named in igb_regs.h and ixgbe_regs.h; receive unread: 82576 DS 7.1, 82599 DS 7.1;
 * transmit 7.2 of both.  Compared with QEMU's model of the 82576.
 *
 * Used: one buffer a descriptor, several descriptors a frame, frames received by fours and sent
 * by batches, VLAN insertion through a context, the verdict on IPv4 header checksums.  Not used:
 * header split, segmentation, checksum insertion, time stamps, head write-back. */
#include "nic/intel/intel_advanced.h"

#include "kernel/endian.h"
#include "kernel/mmio.h"
#include "kernel/random.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/intel_burst.h"
#include "nic/intel/intel_device.h"
#include "nic/intel/ixgbe/ixgbe_regs.h"

#include <errno.h>
#include <string.h>

#define ENABLE_US (10 * US_PER_MS)
#define DISABLE_US (10 * US_PER_MS)
#define SETTLE_US 100u /* what a disabled receive queue had begun lands: a few microseconds */

/* Registers ----------------------------------------------------------------- */

/* Waits until the queue says that it is on, or off; 0 or -ETIMEDOUT. */
static int queue_wait(uint8_t *block, const char *name, const char *reg, uint32_t wanted,
                      uint64_t limit_us)
{
    return intel_wait_at(LOG_ERROR, name, reg, block + ADV_Q_CTL, ADV_Q_CTL_ENABLE, wanted,
                         limit_us);
}

/* A queue is programmed while it is off, and after a reset the first is on (I210 DS 4.5.10, 8.10).
 * 0 or -ETIMEDOUT. */
static int queue_program(uint8_t *block, const char *name, const char *reg,
                         const struct dma_memory *ring, uint32_t descriptors)
{
    mmio_write32(block + ADV_Q_CTL, 0);
    int err = queue_wait(block, name, reg, 0, DISABLE_US);
    if (err)
        return err;
    intel_queue_program(block, ring, descriptors);
    return 0;
}

/* Echoes --------------------------------------------------------------------- */

/* Of the first 60 bytes on the wire, as if padded: that is all that padding changes. */
static uint64_t echo_hash(const struct packet *p)
{
    uint8_t head[FRAME_PADDED + VLAN_TAG] = { 0 };
    uint32_t n = p->frame_length < FRAME_PADDED ? p->frame_length : FRAME_PADDED;
    uint64_t hash = 0, word;
    packet_read(p, 0, head, n);
    if (p->flags & PACKET_VLAN) {
        memmove(head + ETHERNET_TYPE + VLAN_TAG, head + ETHERNET_TYPE, n - ETHERNET_TYPE);
        store_be16(head + ETHERNET_TYPE, ETHERTYPE_VLAN);
        store_be16(head + VLAN_TCI, p->vlan);
        memset(head + FRAME_PADDED, 0, VLAN_TAG);
    }
    for (unsigned i = 0; i < sizeof head; i += sizeof word) {
        memcpy(&word, head + i, sizeof word);
        hash = random_mix(hash ^ word);
    }
    return hash ? hash : 1;
}

static void echo_note(struct adv_echo *echo, const struct packet *p)
{
    uint64_t hash = echo_hash(p);
    store_relaxed(&echo->sent[hash % ADV_ECHO_SLOTS], hash);
}

/* Each once.  Whoever sends may be another worker: a slot that is taken between the two is one that
 * two frames shared. */
static bool echo_is(struct adv_echo *echo, const struct packet *p)
{
    uint64_t hash = echo_hash(p), *slot = &echo->sent[hash % ADV_ECHO_SLOTS];
    if (load_relaxed(slot) != hash)
        return false;
    store_relaxed(slot, 0);
    return true;
}

/* Paths ---------------------------------------------------------------------- */

const char *adv_path(const struct port_queue *queue)
{
    if (queue->port->rxq[queue->index] == queue)
        return container_of(queue, struct adv_rxq, q.queue)->echo
                   ? "one descriptor at a time: looks for frames it sent itself"
                   : intel_path(queue);
    return container_of(queue, struct adv_txq, q.queue)->echo
               ? "one frame at a time: notes what it sends, which may come back"
               : intel_path(queue);
}

void adv_rxq_init(struct adv_rxq *rx, struct port *port, uint16_t index,
                  const struct adv_format *format)
{
    *rx = (struct adv_rxq){ .format = format };
    intel_rxq_init(&rx->q, port, index, format->rx_burst[0]);
}

void adv_txq_init(struct adv_txq *tx, struct port *port, uint16_t index,
                  const struct adv_format *format)
{
    *tx = (struct adv_txq){ .format = format };
    intel_txq_init(&tx->q, port, index, format->tx_burst[0]);
}

/* Receive -------------------------------------------------------------------- */

/* The tag that was taken off.  The I350 swaps its bytes on what comes through its switch (as
 * Intel's drivers know). */
static uint16_t rx_tci(const struct adv_rxq *rx, uint64_t result)
{
    uint16_t tci = (uint16_t)FIELD_GET(ADV_RXD_TAG, result);
    return rx->swaps && (result & ADV_RXD_LB) ? __builtin_bswap16(tci) : tci;
}

/* Whether it is one that this function may see: what a VF did not join is its PF's secret, the
 * port VLAN that the administrator put it into. */
static bool rx_joined(const struct adv_rxq *rx, uint16_t tci)
{
    unsigned vid = tci & VLAN_TCI_VID;
    return !rx->joined || (load_relaxed(&rx->joined[vid / 32]) & 1u << vid % 32);
}

static bool rx_tagged(const struct adv_rxq *rx, uint64_t result)
{
    return unlikely(load_relaxed(&rx->q.tags)) && (result & ADV_RXD_VP) && !rx->q.frame.bad &&
           rx_joined(rx, rx_tci(rx, result));
}

static ALWAYS_INLINE struct packet *rx_complete(struct intel_rxq *q, uint64_t info, uint64_t result,
                                                const struct intel_rx_format *f)
{
    struct adv_rxq *rx = container_of(q, struct adv_rxq, q);
    bool tagged = rx_tagged(rx, result);
    if (tagged)
        intel_rx_tag(q, rx_tci(rx, result));
    if (rx->echo && intel_rx_is_good(q, f, result) && echo_is(rx->echo, q->frame.first))
        return intel_rx_drop(q, &rx->echo->dropped);
    return intel_rx_finish(q, f, info, result, tagged);
}

static struct packet *igb_rx_complete(struct intel_rxq *q, uint64_t info, uint64_t result)
{
    return rx_complete(q, info, result, &adv_format_igb.rx);
}

static struct packet *ixgbe_rx_complete(struct intel_rxq *q, uint64_t info, uint64_t result)
{
    return rx_complete(q, info, result, &adv_format_ixgbe.rx);
}

/* Format and `echoes` are known when it is compiled, once for each: who has no echoes pays nothing
 * for them. */
static ALWAYS_INLINE uint16_t rx_burst(
    struct port_queue *queue, struct packet **packets, uint16_t n, const struct intel_rx_format *f,
    struct packet *complete(struct intel_rxq *, uint64_t, uint64_t), bool echoes)
{
    struct adv_rxq *rx = container_of(queue, struct adv_rxq, q.queue);
    return load_relaxed(&rx->live) ? intel_rx_burst(&rx->q, packets, n, f, complete, !echoes) : 0;
}

static uint16_t igb_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return rx_burst(queue, packets, n, &adv_format_igb.rx, igb_rx_complete, false);
}

static uint16_t igb_rx_burst_echoes(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return rx_burst(queue, packets, n, &adv_format_igb.rx, igb_rx_complete, true);
}

static uint16_t ixgbe_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return rx_burst(queue, packets, n, &adv_format_ixgbe.rx, ixgbe_rx_complete, false);
}

void adv_rxq_set_ctl(struct adv_rxq *rx, uint32_t ctl)
{
    rx->ctl = ctl;
    if (rx->live)
        mmio_write32(rx->block + ADV_Q_CTL, rx->format->rx_ctl | ctl | ADV_Q_CTL_ENABLE);
}

/* The chip writes up to 2 KiB where frames may be that long; else there is room for headroom.
 * unread: 82576 DS 4.5.9 (I210 DS 4.5.9): memory first, the queue on, then the tail: writes of it
 * before are ignored (82575 SDM 14.3.59). */
int adv_rxq_enable(struct adv_rxq *rx, const char *name, bool long_frames, bool drop)
{
    const struct adv_format *format = rx->format;
    rx->q.queue.burst = format->rx_burst[rx->echo && format->rx_burst[1]];
    rx->q.tail_register = rx->block + INTEL_Q_TAIL;
    rx->q.room = long_frames ? PACKET_BUFFER_SIZE : PACKET_ROOM;
    int err = queue_program(rx->block, name, "RXDCTL", &rx->q.memory, rx->q.mask + 1);
    if (err)
        return err;
    mmio_write32(rx->block + format->srrctl,
                 FIELD_PUT(ADV_SRRCTL_BSIZE, PACKET_BUFFER_SIZE / 1024) |
                     FIELD_PUT(ADV_SRRCTL_TYPE, 1u) | (drop ? format->srrctl_drop : 0));
    mmio_write32(rx->block + ADV_Q_CTL, format->rx_ctl | rx->ctl | ADV_Q_CTL_ENABLE);
    err = queue_wait(rx->block, name, "RXDCTL", ADV_Q_CTL_ENABLE, ENABLE_US);
    if (err)
        return err;
    store_relaxed(&rx->live, true);
    intel_rx_refill(&rx->q);
    return 0;
}

int adv_rxq_disable(struct adv_rxq *rx, const char *name)
{
    store_relaxed(&rx->live, false);
    mmio_write32(rx->block + ADV_Q_CTL, rx->format->rx_ctl | rx->ctl);
    int err = queue_wait(rx->block, name, "RXDCTL", 0, DISABLE_US);
    task_delay_us(SETTLE_US);
    return err;
}

/* Transmit ------------------------------------------------------------------- */

static bool tx_needs_context(const struct adv_txq *tx, const struct packet *p)
{
    if (intel_tx_tagged(&tx->q, p))
        return p->vlan != tx->context;
    return unlikely(tx->check) && tx->context == ADV_NO_CONTEXT;
}

/* The tag is in a context that the chip keeps for the queue until there is another (82575 SDM
 * 5.6.2; unread: 82576 DS 7.2.2.2): told once, and again when it changes. */
static void tx_put_context(struct adv_txq *tx, uint16_t tci)
{
    struct intel_tx_desc *desc = intel_tx_next(&tx->q);
    desc->address = FIELD_PUT(ADV_TXC_VLAN, (uint64_t)tci) |
                    FIELD_PUT(ADV_TXC_MACLEN, (uint64_t)ETHERNET_HEADER);
    desc->command = ADV_TXD_CONTEXT | ADV_TXD_DEXT;
    tx->context = tci;
}

static const struct intel_tx_format tx_format = {
    .done = ADV_TXD_DD,
    .report = ADV_TXD_RS,
    .length = ADV_TXD_LENGTH,
    .whole = ADV_TXD_PAYLEN,
};

static uint64_t tx_every(const struct adv_txq *tx)
{
    return ADV_TXD_DATA | ADV_TXD_DEXT | ADV_TXD_IFCS | (unlikely(tx->check) ? ADV_TXD_CC : 0);
}

static bool tx_send(struct intel_txq *q, struct packet *p)
{
    struct adv_txq *tx = container_of(q, struct adv_txq, q);
    uint32_t start = q->tail;
    if (!intel_tx_check(q, p))
        return true;
    bool context = tx_needs_context(tx, p), tagged = intel_tx_tagged(q, p);
    if (!intel_tx_fits(q, p, context))
        return false;
    intel_tx_take(q, p);
    if (tx->echo)
        echo_note(tx->echo, p);
    if (context)
        tx_put_context(tx, tagged ? p->vlan : 0);
    intel_tx_put(q, start, p, &tx_format, tx_every(tx) | (tagged ? ADV_TXD_VLE : 0), ADV_TXD_EOP);
    return true;
}

/* Nothing is sent before a context that it needs. */
static ALWAYS_INLINE uint16_t tx_burst(struct port_queue *queue, struct packet **packets,
                                       uint16_t n, bool echoes)
{
    struct adv_txq *tx = container_of(queue, struct adv_txq, q.queue);
    bool plain = !echoes && !(tx->check && tx->context == ADV_NO_CONTEXT);
    if (!load_relaxed(&tx->live))
        return 0;
    return intel_tx_burst(&tx->q, packets, n, &tx_format, tx_every(tx) | ADV_TXD_EOP, tx_send,
                          plain);
}

static uint16_t adv_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return tx_burst(queue, packets, n, false);
}

static uint16_t adv_tx_burst_echoes(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return tx_burst(queue, packets, n, true);
}

int adv_txq_enable(struct adv_txq *tx, const char *name)
{
    tx->q.queue.burst = tx->format->tx_burst[tx->echo && tx->format->tx_burst[1]];
    tx->context = ADV_NO_CONTEXT;
    tx->q.tail_register = tx->block + INTEL_Q_TAIL;
    int err = queue_program(tx->block, name, "TXDCTL", &tx->q.memory, tx->q.mask + 1);
    if (err)
        return err;
    mmio_write32(tx->block + ADV_Q_CTL, tx->format->tx_ctl | ADV_Q_CTL_ENABLE);
    err = queue_wait(tx->block, name, "TXDCTL", ADV_Q_CTL_ENABLE, ENABLE_US);
    store_relaxed(&tx->live, !err);
    return err;
}

int adv_txq_disable(struct adv_txq *tx, const char *name)
{
    store_relaxed(&tx->live, false);
    mmio_write32(tx->block + ADV_Q_CTL, tx->format->tx_ctl);
    return queue_wait(tx->block, name, "TXDCTL", 0, DISABLE_US);
}

/* Families ------------------------------------------------------------------- */

/* unread: 82576 DS 7.1.11: IPE means something only together with IPCS.  Fragments, options and
 * tags do not matter (82575 SDM 5.5.1); of IPv4 in IPv6 it would be the inner header, which is not
 * what packet.h promises: of the kind's bits IPv4's are set, one or both, and IPv6's are not. */
#define RX_FORMAT \
    .done = ADV_RXD_DD, .end = ADV_RXD_EOP, .tagged = ADV_RXD_VP, .checked = ADV_RXD_IPCS, \
    .looked = ADV_RXD_IPCS, .kind = { false, ADV_RXD_INFO_IPV4 | ADV_RXD_INFO_IPV6 }, \
    .kind_first = 1, .kind_last = 3, .length = { true, ADV_RXD_LENGTH }, \
    .tag = { true, ADV_RXD_TAG }

/* Descriptors are fetched and written back as they come: we poll, and would wait for what the
 * chip gathers.  One at a time is the most that the 82576 may gather (its specification update). */
const struct adv_format adv_format_igb = {
    .rx = { RX_FORMAT, .error = IGB_RXD_RXE, .ip_error = IGB_RXD_IPE },
    .srrctl = IGB_Q_SRRCTL,
    .srrctl_drop = IGB_SRRCTL_DROP,
    .rx_ctl = FIELD_PUT(IGB_Q_CTL_PTHRESH, 8u) | FIELD_PUT(IGB_Q_CTL_HTHRESH, 8u) |
              FIELD_PUT(IGB_Q_CTL_WTHRESH, 1u),
    .tx_ctl = FIELD_PUT(IGB_Q_CTL_PTHRESH, 8u) | FIELD_PUT(IGB_Q_CTL_HTHRESH, 1u),
    .rx_burst = { igb_rx_burst, igb_rx_burst_echoes },
    .tx_burst = { adv_tx_burst, adv_tx_burst_echoes },
};

/* RXDCTL has no thresholds; HTHRESH of TXDCTL is not to be 0 with PTHRESH (unread: 82599 DS
 * 7.2.3.4.1; Linux's ixgbe has the same two). */
const struct adv_format adv_format_ixgbe = {
    .rx = { RX_FORMAT, .error = IXGBE_RXD_RXE, .ip_error = IXGBE_RXD_IPE },
    .srrctl = IXGBE_Q_SRRCTL,
    .srrctl_drop = IXGBE_SRRCTL_DROP,
    .tx_ctl = FIELD_PUT(IXGBE_TXDCTL_PTHRESH, 32u) | FIELD_PUT(IXGBE_TXDCTL_HTHRESH, 1u),
    .rx_burst = { ixgbe_rx_burst },
    .tx_burst = { adv_tx_burst },
};
