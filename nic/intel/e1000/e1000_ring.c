/* e1000_ring.c - legacy descriptor rings (e1000_ring.h).
 *
 * Document: 8254x SDM (named in e1000_regs.h), chapter 3; the 82574's legacy format is
 * the same (unread: 82574 DS 7.1.3, 7.2.3).  unread in this file: chapter 14. */
#include "nic/intel/e1000/e1000_ring.h"

#include "nic/intel/e1000/e1000_regs.h"

#include "kernel/mmio.h"

#define RX_BUFFER_SIZE 2048u /* what RCTL.BSIZE 0 means, whatever the frame */

/* Receive -------------------------------------------------------------------- */

/* 8254x SDM 3.2.3.1: IPE means something when IPCS is set and IXSM is not. */
static uint8_t rx_checksum(uint64_t result)
{
    if ((result & (E1000_RXD_IXSM | E1000_RXD_IPCS)) != E1000_RXD_IPCS)
        return 0;
    return result & E1000_RXD_IPE ? PACKET_IP_CHECKSUM_BAD : PACKET_IP_CHECKSUM_GOOD;
}

/* How much of the frame is in its last buffer, the FCS, which may begin in the one before, cut
 * off. */
static uint32_t rx_cut_fcs(struct intel_rxq *rx, uint32_t length)
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

/* The frame that is now complete, or NULL; `result` is its last descriptor's. */
static struct packet *rx_complete(struct intel_rxq *rx, uint64_t result)
{
    bool tagged = unlikely(load_relaxed(&rx->tags)) && (result & E1000_RXD_VP) && !rx->frame.bad;
    if (tagged)
        intel_rx_tag(rx, (uint16_t)FIELD_GET(E1000_RXD_TAG, result));
    if ((result & E1000_RXD_ERRORS) || !port_frame_good(rx->queue.port, &rx->frame) ||
        (tagged && !load_relaxed(&rx->strip) && !intel_rx_untag(rx)))
        return intel_rx_drop(rx, &rx->queue.errors);
    return intel_rx_accept(rx, rx_checksum(result));
}

uint16_t e1000_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct intel_rxq *rx = container_of(queue, struct intel_rxq, queue);
    uint64_t result;
    uint32_t slot;
    uint16_t got = 0;
    while (got < n && intel_rx_next(rx, E1000_RXD_DD, &slot, &result)) {
        bool end = result & E1000_RXD_EOP;
        uint32_t length = FIELD_GET(E1000_RXD_LENGTH, result);
        intel_rx_append(rx, slot, end && rx->keeps_fcs ? rx_cut_fcs(rx, length) : length, end);
        if (!end)
            continue;
        struct packet *p = rx_complete(rx, result);
        if (p)
            packets[got++] = p;
    }
    intel_rx_refill(rx);
    return got;
}

/* 8254x SDM 14.4.  Any frame may be as long as RX_BUFFER_SIZE (RCTL.LPE), and the device fills
 * that much of a buffer: there is no room for headroom. */
void e1000_rxq_enable(struct intel_rxq *rx, uint8_t *regs)
{
    rx->tail_register = regs + E1000_RDT;
    rx->room = RX_BUFFER_SIZE;
    intel_queue_program(regs + E1000_RDBAL, &rx->memory, rx->mask + 1);
    intel_rx_refill(rx);
}

/* Transmit ------------------------------------------------------------------- */

static void tx_put(struct intel_txq *tx, struct packet *first)
{
    uint32_t start = tx->tail & tx->mask;
    uint64_t tag = intel_tx_tagged(tx, first)
                       ? E1000_TXD_VLE | FIELD_PUT(E1000_TXD_TAG, (uint64_t)first->vlan)
                       : 0;
    for (const struct packet *p = first; p; p = p->next) {
        struct intel_tx_desc *desc = intel_tx_next(tx);
        desc->address = packet_iova(p);
        desc->command = FIELD_PUT(E1000_TXD_LENGTH, (uint64_t)p->length) | tag |
                        (p->next ? 0 : E1000_TXD_EOP | E1000_TXD_IFCS | E1000_TXD_RS);
    }
    intel_tx_note(tx, start, first);
}

/* The device wants 48 bytes at least (8254x SDM 3.3.3): frames are padded beyond that. */
uint16_t e1000_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct intel_txq *tx = container_of(queue, struct intel_txq, queue);
    uint32_t before = tx->tail;
    uint16_t taken = 0;
    intel_tx_reclaim(tx, E1000_TXD_DD);
    for (; taken < n; taken++) {
        struct packet *p = packets[taken];
        if (!intel_tx_check(tx, p))
            continue;
        if (!intel_tx_fits(tx, p, 0))
            break;
        intel_tx_take(tx, p);
        tx_put(tx, p);
    }
    intel_tx_tell(tx, before);
    return taken;
}

/* 8254x SDM 14.5. */
void e1000_txq_enable(struct intel_txq *tx, uint8_t *regs)
{
    tx->tail_register = regs + E1000_TDT;
    intel_queue_program(regs + E1000_TDBAL, &tx->memory, tx->mask + 1);
}
