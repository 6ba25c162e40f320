/* i40e_ring.c - descriptor rings of Intel's 40 Gb/s chips and of VFs since (i40e_ring.h).
 *
 * Used: one buffer a descriptor, several descriptors a frame, one tag taken off or put in, the
 * verdict on IPv4 header checksums, the hash.  Not used: header split, segmentation, checksum
 * insertion, time stamps, head write-back, contexts. */
#include "nic/intel/i40e/i40e_ring.h"

#include "nic/intel/intel_burst.h"

/* Receive -------------------------------------------------------------------- */

/* Of a tunnel the checksum would be the inner header's, which is not what packet.h promises. */
static const struct intel_rx_format format_base = {
    .wide = true,
    .done = I40E_RXD_DD,
    .end = I40E_RXD_EOP,
    .tagged = I40E_RXD_L2TAG1P,
    .error = I40E_RXD_RXE,
    .checked = I40E_RXD_L3L4P,
    .looked = I40E_RXD_L3L4P,
    .ip_error = I40E_RXD_IPE,
    .kind = { true, I40E_RXD_PTYPE },
    .kind_first = I40E_PTYPE_IP4,
    .kind_last = I40E_PTYPE_IP4_LAST,
    .hashed = I40E_RXD_FLTSTAT,
    .length = { true, I40E_RXD_LENGTH },
    .tag = { false, I40E_RXD_TAG },
    .hash = { false, I40E_RXD_HASH },
};

static const struct intel_rx_format format_flex = {
    .wide = true,
    .done = I40E_RXD_DD,
    .end = I40E_RXD_EOP,
    .tagged = I40E_RXF_L2TAG1P,
    .error = I40E_RXF_RXE,
    .checked = I40E_RXF_L3L4P,
    .looked = I40E_RXF_L3L4P,
    .ip_error = I40E_RXF_IPE,
    .kind = { false, I40E_RXF_PTYPE },
    .kind_first = I40E_PTYPE_IP4,
    .kind_last = I40E_PTYPE_IP4_LAST,
    .hashed = I40E_RXF_HASH_VALID,
    .length = { false, I40E_RXF_LENGTH },
    .tag = { true, I40E_RXF_TAG },
    .hash = { true, I40E_RXF_HASH },
};

static ALWAYS_INLINE struct packet *rx_complete(struct intel_rxq *q,
                                                const struct intel_rx_format *f, uint64_t info,
                                                uint64_t result, uint64_t in_second)
{
    const struct i40e_rxq *rx = container_of(q, struct i40e_rxq, q);
    if (likely(!load_relaxed(&rx->second)))
        return intel_rx_complete(q, f, info, result);
    uint64_t more = load_relaxed(&q->ring[2 * ((q->head - 1) & q->mask) + 1].address);
    bool tagged = (more & in_second) && !q->frame.bad;
    if (tagged)
        intel_rx_tag(q, (uint16_t)FIELD_GET(I40E_RX2_TAG, more));
    return intel_rx_finish(q, f, info, result, tagged);
}

static struct packet *rx_complete_base(struct intel_rxq *q, uint64_t info, uint64_t result)
{
    return rx_complete(q, &format_base, info, result, I40E_RXD2_L2TAG2P);
}

static struct packet *rx_complete_flex(struct intel_rxq *q, uint64_t info, uint64_t result)
{
    return rx_complete(q, &format_flex, info, result, I40E_RXF2_L2TAG2P);
}

static uint16_t rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct i40e_rxq *rx = container_of(queue, struct i40e_rxq, q.queue);
    bool plain = !load_relaxed(&rx->second); /* whose loops do not look there */
    if (!load_relaxed(&rx->live))
        return 0;
    switch (load_relaxed(&rx->format)) {
    case I40E_RX_16:
    case I40E_RX_32:
        return intel_rx_burst(&rx->q, packets, n, &format_base, rx_complete_base, plain);
    case I40E_RX_FLEX:
        return intel_rx_burst(&rx->q, packets, n, &format_flex, rx_complete_flex, plain);
    }
    return 0;
}

void i40e_rxq_init(struct i40e_rxq *rx, struct port *port, uint16_t index,
                   enum i40e_rx_format format)
{
    *rx = (struct i40e_rxq){ .format = format };
    intel_rxq_init(&rx->q, port, index, rx_burst);
    rx->q.wide = format != I40E_RX_16;
}

void i40e_rxq_live(struct i40e_rxq *rx, uint8_t *tail_register)
{
    rx->q.tail_register = tail_register;
    rx->q.room = PACKET_BUFFER_SIZE;
    store_relaxed(&rx->live, true);
    intel_rx_refill(&rx->q);
}

void i40e_rxq_still(struct i40e_rxq *rx)
{
    store_relaxed(&rx->live, false);
}

const char *i40e_path(const struct port_queue *queue)
{
    bool receives = queue->port->rxq[queue->index] == queue;
    return receives && load_relaxed(&container_of(queue, struct i40e_rxq, q.queue)->second)
               ? "one descriptor at a time: tags are taken off, or were since it is on"
               : intel_path(queue);
}

/* Transmit ------------------------------------------------------------------- */

static const struct intel_tx_format tx_format = {
    .done = I40E_TXD_DTYPE,
    .report = I40E_TXD_RS,
    .length = I40E_TXD_LENGTH,
    .whole = I40E_TXD_LENGTH,
};

static bool tx_send(struct intel_txq *q, struct packet *p)
{
    struct i40e_txq *tx = container_of(q, struct i40e_txq, q);
    if (!intel_tx_check(q, p))
        return true;
    bool tagged = intel_tx_tagged(q, p), push = tagged && tx->push;
    if (!intel_tx_fits(q, p, push)) /* a tag may take a segment more */
        return false;
    if (push && packet_push_vlan(q->queue.cache, &p)) { /* there is no packet for it */
        counter_add(&q->queue.errors, 1);
        packet_free(q->queue.cache, p);
        return true;
    }
    uint64_t every = I40E_TXD_ICRC;
    if (tagged && !push)
        every |= I40E_TXD_IL2TAG1 | FIELD_PUT(I40E_TXD_TAG, (uint64_t)p->vlan);
    intel_tx_take(q, p);
    intel_tx_put(q, q->tail, p, &tx_format, every, I40E_TXD_EOP);
    return true;
}

static uint16_t tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct i40e_txq *tx = container_of(queue, struct i40e_txq, q.queue);
    if (!load_relaxed(&tx->live))
        return 0;
    return intel_tx_burst(&tx->q, packets, n, &tx_format, I40E_TXD_ICRC | I40E_TXD_EOP, tx_send,
                          true);
}

void i40e_txq_init(struct i40e_txq *tx, struct port *port, uint16_t index)
{
    *tx = (struct i40e_txq){ 0 };
    intel_txq_init(&tx->q, port, index, tx_burst);
}

void i40e_txq_live(struct i40e_txq *tx, uint8_t *tail_register)
{
    tx->q.tail_register = tail_register;
    store_relaxed(&tx->live, true);
}

void i40e_txq_still(struct i40e_txq *tx)
{
    store_relaxed(&tx->live, false);
}
