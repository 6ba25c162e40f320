/* e1000_ring.c - legacy descriptor rings (e1000_ring.h).
 *
 * Document: 8254x SDM (named in e1000_regs.h), chapter 3; the 82574's legacy format is
 * the same (unread: 82574 DS 7.1.3, 7.2.3).  unread in this file: chapter 14. */
#include "nic/intel/e1000/e1000_ring.h"

#include "nic/intel/e1000/e1000_regs.h"
#include "nic/intel/intel_burst.h"

#define RX_BUFFER_SIZE 2048u /* what RCTL.BSIZE 0 means, whatever the frame */

/* Receive -------------------------------------------------------------------- */

/* 8254x SDM 3.2.3.1: IPE means something when IPCS is set and IXSM is not. */
static const struct intel_rx_format format = {
    .fcs = true,
    .done = E1000_RXD_DD,
    .end = E1000_RXD_EOP,
    .tagged = E1000_RXD_VP,
    .error = E1000_RXD_ERRORS,
    .checked = E1000_RXD_IXSM | E1000_RXD_IPCS,
    .looked = E1000_RXD_IPCS,
    .ip_error = E1000_RXD_IPE,
    .length = { true, E1000_RXD_LENGTH },
    .tag = { true, E1000_RXD_TAG },
};

static struct packet *rx_complete(struct intel_rxq *rx, uint64_t info, uint64_t result)
{
    return intel_rx_complete(rx, &format, info, result);
}

uint16_t e1000_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct intel_rxq *rx = container_of(queue, struct intel_rxq, queue);
    return intel_rx_burst(rx, packets, n, &format, rx_complete, true);
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

/* A device reads and writes descriptors in the ring's order (unread: 8254x SDM 3.4; DPDK's em asks
 * of every 32nd). */
static const struct intel_tx_format tx_format = {
    .done = E1000_TXD_DD,
    .report = E1000_TXD_RS,
    .length = E1000_TXD_LENGTH,
    .whole = E1000_TXD_LENGTH,
};

#define TX_LAST (E1000_TXD_EOP | E1000_TXD_IFCS)

static bool tx_send(struct intel_txq *tx, struct packet *p)
{
    if (!intel_tx_check(tx, p))
        return true;
    if (!intel_tx_fits(tx, p, 0))
        return false;
    uint64_t tag =
        intel_tx_tagged(tx, p) ? E1000_TXD_VLE | FIELD_PUT(E1000_TXD_TAG, (uint64_t)p->vlan) : 0;
    intel_tx_take(tx, p);
    intel_tx_put(tx, tx->tail, p, &tx_format, tag, TX_LAST);
    return true;
}

/* The device wants 48 bytes at least (8254x SDM 3.3.3): frames are padded beyond that. */
uint16_t e1000_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct intel_txq *tx = container_of(queue, struct intel_txq, queue);
    return intel_tx_burst(tx, packets, n, &tx_format, TX_LAST, tx_send, true);
}

/* 8254x SDM 14.5. */
void e1000_txq_enable(struct intel_txq *tx, uint8_t *regs)
{
    tx->tail_register = regs + E1000_TDT;
    intel_queue_program(regs + E1000_TDBAL, &tx->memory, tx->mask + 1);
}
