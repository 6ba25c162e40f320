/* igb_ring.c - advanced descriptor rings of the 82576 and I350, PF and VF (igb_ring.h).
 *
 * Documents: named in igb_regs.h; receive unread: 82576 DS 7.1, transmit 7.2.  Compared with QEMU's
 * model of the 82576.
 *
 * Used: one buffer a descriptor, several descriptors a frame, VLAN insertion through a
 * context, the verdict on IPv4 header checksums.  Not used: header split, segmentation,
 * checksum insertion, time stamps, head write-back. */
#include "nic/intel/igb/igb_ring.h"

#include "kernel/endian.h"
#include "kernel/mmio.h"
#include "kernel/random.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/intel_port.h"
#include "pci/pci.h"

#include <errno.h>
#include <string.h>

#define ENABLE_US (10 * US_PER_MS)
#define DISABLE_US (10 * US_PER_MS)
#define SETTLE_US 100u /* what a disabled receive queue had begun lands: a few microseconds */

/* Descriptors are fetched and written back as they come: we poll, and would wait for what the
 * chip gathers.  One at a time is the most that the 82576 may gather (its specification update). */
#define RX_CTL \
    (FIELD_PUT(IGB_Q_CTL_PTHRESH, 8u) | FIELD_PUT(IGB_Q_CTL_HTHRESH, 8u) | \
     FIELD_PUT(IGB_Q_CTL_WTHRESH, 1u))
#define TX_CTL (FIELD_PUT(IGB_Q_CTL_PTHRESH, 8u) | FIELD_PUT(IGB_Q_CTL_HTHRESH, 1u))

/* Registers ----------------------------------------------------------------- */

/* Waits until the queue says that it is on, or off; 0 or -ETIMEDOUT. */
static int queue_wait(uint8_t *block, const char *name, const char *reg, uint32_t wanted,
                      uint64_t limit_us)
{
    return intel_wait_at(LOG_ERROR, name, reg, block + IGB_Q_CTL, IGB_Q_CTL_ENABLE, wanted,
                         limit_us);
}

/* A queue is programmed while it is off, and after a reset the first is on (I210 DS 4.5.10, 8.10).
 * 0 or -ETIMEDOUT. */
static int queue_program(uint8_t *block, const char *name, const char *reg,
                         const struct dma_memory *ring, uint32_t descriptors)
{
    mmio_write32(block + IGB_Q_CTL, 0);
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

static void echo_note(struct igb_echo *echo, const struct packet *p)
{
    uint64_t hash = echo_hash(p);
    store_relaxed(&echo->sent[hash % IGB_ECHO_SLOTS], hash);
}

/* Each once.  Whoever sends may be another worker: a slot that is taken between the two is one that
 * two frames shared. */
static bool echo_is(struct igb_echo *echo, const struct packet *p)
{
    uint64_t hash = echo_hash(p), *slot = &echo->sent[hash % IGB_ECHO_SLOTS];
    if (load_relaxed(slot) != hash)
        return false;
    store_relaxed(slot, 0);
    return true;
}

void igb_rxq_init(struct igb_rxq *rx, struct port *port, uint16_t index)
{
    *rx = (struct igb_rxq){ 0 };
    intel_rxq_init(&rx->q, port, index, igb_rx_burst);
}

void igb_txq_init(struct igb_txq *tx, struct port *port, uint16_t index)
{
    *tx = (struct igb_txq){ 0 };
    intel_txq_init(&tx->q, port, index, igb_tx_burst);
}

/* Receive -------------------------------------------------------------------- */

/* unread: 82576 DS 7.1.11: IPE means something only together with IPCS.  Fragments, options and
 * tags do not matter (82575 SDM 5.5.1); of IPv4 in IPv6 it would be the inner header, which is not
 * what packet.h promises. */
static uint8_t rx_checksum_flags(uint64_t info, uint64_t result)
{
    if (!(result & IGB_RXD_IPCS) || !(info & IGB_RXD_INFO_IPV4) || (info & IGB_RXD_INFO_IPV6))
        return 0;
    return result & IGB_RXD_IPE ? PACKET_IP_CHECKSUM_BAD : PACKET_IP_CHECKSUM_GOOD;
}

/* The tag that was taken off.  The I350 swaps its bytes on what comes through its switch (as
 * Intel's drivers know). */
static uint16_t rx_tci(const struct igb_rxq *rx, uint64_t result)
{
    uint16_t tci = (uint16_t)FIELD_GET(IGB_RXD_TAG, result);
    return rx->swaps && (result & IGB_RXD_LB) ? __builtin_bswap16(tci) : tci;
}

/* Whether it is one that this function may see: what a VF did not join is its PF's secret, the
 * port VLAN that the administrator put it into. */
static bool rx_joined(const struct igb_rxq *rx, uint16_t tci)
{
    unsigned vid = tci & VLAN_TCI_VID;
    return !rx->joined || (load_relaxed(&rx->joined[vid / 32]) & 1u << vid % 32);
}

static bool rx_tagged(const struct igb_rxq *rx, uint64_t result)
{
    return unlikely(load_relaxed(&rx->q.tags)) && (result & IGB_RXD_VP) && !rx->q.frame.bad &&
           rx_joined(rx, rx_tci(rx, result));
}

/* The frame that is now complete, or NULL. */
static ALWAYS_INLINE struct packet *rx_complete(struct igb_rxq *rx, uint64_t info, uint64_t result,
                                                bool echoes)
{
    struct intel_rxq *q = &rx->q;
    bool tagged = rx_tagged(rx, result);
    if (tagged)
        intel_rx_tag(q, rx_tci(rx, result));
    if ((result & IGB_RXD_RXE) || !port_frame_good(q->queue.port, &q->frame))
        return intel_rx_drop(q, &q->queue.errors);
    if (echoes && echo_is(rx->echo, q->frame.first))
        return intel_rx_drop(q, &rx->echo->dropped);
    if (tagged && !load_relaxed(&q->strip) && !intel_rx_untag(q))
        return intel_rx_drop(q, &q->queue.errors);
    return intel_rx_accept(q, rx_checksum_flags(info, result));
}

/* `echoes` is known when it is compiled, twice: who has none pays nothing for them. */
static ALWAYS_INLINE uint16_t rx_burst(struct port_queue *queue, struct packet **packets,
                                       uint16_t n, bool echoes)
{
    struct igb_rxq *rx = container_of(queue, struct igb_rxq, q.queue);
    struct intel_rxq *q = &rx->q;
    uint64_t result;
    uint32_t slot;
    uint16_t got = 0;
    if (!load_relaxed(&rx->live))
        return 0;
    while (got < n && intel_rx_next(q, IGB_RXD_DD, &slot, &result)) {
        uint64_t info = load_relaxed(&q->ring[slot].address);
        bool end = result & IGB_RXD_EOP;
        intel_rx_append(q, slot, FIELD_GET(IGB_RXD_LENGTH, result), end);
        if (!end)
            continue;
        struct packet *p = rx_complete(rx, info, result, echoes);
        if (p)
            packets[got++] = p;
    }
    intel_rx_refill(q);
    return got;
}

uint16_t igb_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return rx_burst(queue, packets, n, false);
}

static uint16_t rx_burst_echoes(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return rx_burst(queue, packets, n, true);
}

/* The chip writes up to 2 KiB where frames may be that long; else there is room for headroom.
 * unread: 82576 DS 4.5.9 (I210 DS 4.5.9): memory first, the queue on, then the tail: writes of it
 * before are ignored (82575 SDM 14.3.59). */
int igb_rxq_enable(struct igb_rxq *rx, const char *name, bool long_frames, bool drop)
{
    rx->q.queue.burst = rx->echo ? rx_burst_echoes : igb_rx_burst;
    rx->q.tail_register = rx->block + INTEL_Q_TAIL;
    rx->q.room = long_frames ? PACKET_BUFFER_SIZE : PACKET_ROOM;
    int err = queue_program(rx->block, name, "RXDCTL", &rx->q.memory, rx->q.mask + 1);
    if (err)
        return err;
    mmio_write32(rx->block + IGB_Q_SRRCTL, FIELD_PUT(IGB_SRRCTL_BSIZE, PACKET_BUFFER_SIZE / 1024) |
                                               FIELD_PUT(IGB_SRRCTL_TYPE, 1u) |
                                               (drop ? IGB_SRRCTL_DROP : 0));
    mmio_write32(rx->block + IGB_Q_CTL, RX_CTL | IGB_Q_CTL_ENABLE);
    err = queue_wait(rx->block, name, "RXDCTL", IGB_Q_CTL_ENABLE, ENABLE_US);
    if (err)
        return err;
    store_relaxed(&rx->live, true);
    intel_rx_refill(&rx->q);
    return 0;
}

int igb_rxq_disable(struct igb_rxq *rx, const char *name)
{
    store_relaxed(&rx->live, false);
    mmio_write32(rx->block + IGB_Q_CTL, RX_CTL);
    int err = queue_wait(rx->block, name, "RXDCTL", 0, DISABLE_US);
    task_delay_us(SETTLE_US);
    return err;
}

/* Transmit ------------------------------------------------------------------- */

static bool tx_needs_context(const struct igb_txq *tx, const struct packet *p)
{
    return intel_tx_tagged(&tx->q, p) && p->vlan != tx->context;
}

/* The tag is in a context that the chip keeps for the queue until there is another (82575 SDM
 * 5.6.2; unread: 82576 DS 7.2.2.2): told once, and again when it changes. */
static void tx_put_context(struct igb_txq *tx, uint16_t tci)
{
    struct intel_tx_desc *desc = intel_tx_next(&tx->q);
    desc->address = FIELD_PUT(IGB_TXC_VLAN, (uint64_t)tci) |
                    FIELD_PUT(IGB_TXC_MACLEN, (uint64_t)ETHERNET_HEADER);
    desc->command = IGB_TXD_CONTEXT | IGB_TXD_DEXT;
    tx->context = tci;
}

static void tx_put(struct igb_txq *tx, struct packet *first)
{
    uint32_t start = tx->q.tail & tx->q.mask;
    uint64_t every = IGB_TXD_DATA | IGB_TXD_DEXT | IGB_TXD_IFCS |
                     (intel_tx_tagged(&tx->q, first) ? IGB_TXD_VLE : 0) |
                     FIELD_PUT(IGB_TXD_PAYLEN, (uint64_t)first->frame_length);
    if (tx_needs_context(tx, first))
        tx_put_context(tx, first->vlan);
    for (const struct packet *p = first; p; p = p->next) {
        struct intel_tx_desc *desc = intel_tx_next(&tx->q);
        desc->address = packet_iova(p);
        desc->command = every | FIELD_PUT(IGB_TXD_LENGTH, (uint64_t)p->length) |
                        (p->next ? 0 : IGB_TXD_EOP | IGB_TXD_RS);
    }
    intel_tx_note(&tx->q, start, first);
}

static ALWAYS_INLINE uint16_t tx_burst(struct port_queue *queue, struct packet **packets,
                                       uint16_t n, bool echoes)
{
    struct igb_txq *tx = container_of(queue, struct igb_txq, q.queue);
    uint32_t before = tx->q.tail;
    uint16_t taken = 0;
    if (!load_relaxed(&tx->live))
        return 0;
    intel_tx_reclaim(&tx->q, IGB_TXD_DD);
    for (; taken < n; taken++) {
        struct packet *p = packets[taken];
        if (!intel_tx_check(&tx->q, p))
            continue;
        if (!intel_tx_fits(&tx->q, p, tx_needs_context(tx, p)))
            break;
        intel_tx_take(&tx->q, p);
        if (echoes)
            echo_note(tx->echo, p);
        tx_put(tx, p);
    }
    intel_tx_tell(&tx->q, before);
    return taken;
}

uint16_t igb_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return tx_burst(queue, packets, n, false);
}

static uint16_t tx_burst_echoes(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return tx_burst(queue, packets, n, true);
}

int igb_txq_enable(struct igb_txq *tx, const char *name)
{
    tx->q.queue.burst = tx->echo ? tx_burst_echoes : igb_tx_burst;
    tx->context = IGB_NO_CONTEXT;
    tx->q.tail_register = tx->block + INTEL_Q_TAIL;
    int err = queue_program(tx->block, name, "TXDCTL", &tx->q.memory, tx->q.mask + 1);
    if (err)
        return err;
    mmio_write32(tx->block + IGB_Q_CTL, TX_CTL | IGB_Q_CTL_ENABLE);
    err = queue_wait(tx->block, name, "TXDCTL", IGB_Q_CTL_ENABLE, ENABLE_US);
    store_relaxed(&tx->live, !err);
    return err;
}

int igb_txq_disable(struct igb_txq *tx, const char *name)
{
    store_relaxed(&tx->live, false);
    mmio_write32(tx->block + IGB_Q_CTL, TX_CTL);
    return queue_wait(tx->block, name, "TXDCTL", 0, DISABLE_US);
}
