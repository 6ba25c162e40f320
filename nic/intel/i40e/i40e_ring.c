/* i40e_ring.c - descriptor rings of Intel's 40 Gb/s chips and of VFs since (i40e_ring.h).
 *
 * Used: one buffer a descriptor, several descriptors a frame, one tag taken off or put in, the
 * verdict on IPv4 header checksums, the hash.  Not used: header split, segmentation, checksum
 * insertion, time stamps, head write-back, contexts. */
#include "nic/intel/i40e/i40e_ring.h"

#include "kernel/mmio.h"

#define FLTSTAT_RSS FIELD_PUT(I40E_RXD_FLTSTAT, 3ull)

/* What a received descriptor says, whatever its format. */
struct seen {
    uint64_t info, result; /* words 0 and 1 */
};

/* Receive -------------------------------------------------------------------- */

static ALWAYS_INLINE uint32_t rx_length(enum i40e_rx_format format, const struct seen *s)
{
    return format == I40E_RX_FLEX ? (uint32_t)FIELD_GET(I40E_RXF_LENGTH, s->info)
                                  : (uint32_t)FIELD_GET(I40E_RXD_LENGTH, s->result);
}

/* Of a tunnel it would be the inner header, which is not what packet.h promises. */
static ALWAYS_INLINE uint8_t rx_flags(enum i40e_rx_format format, const struct seen *s)
{
    bool flex = format == I40E_RX_FLEX;
    uint64_t type =
        flex ? FIELD_GET(I40E_RXF_PTYPE, s->info) : FIELD_GET(I40E_RXD_PTYPE, s->result);
    uint8_t flags = 0;
    if ((s->result & (flex ? I40E_RXF_L3L4P : I40E_RXD_L3L4P)) &&
        type - I40E_PTYPE_IP4 <= I40E_PTYPE_IP4_LAST - I40E_PTYPE_IP4)
        flags = s->result & (flex ? I40E_RXF_IPE : I40E_RXD_IPE) ? PACKET_IP_CHECKSUM_BAD
                                                                 : PACKET_IP_CHECKSUM_GOOD;
    if (flex ? s->result & I40E_RXF_HASH_VALID : (s->result & FLTSTAT_RSS) == FLTSTAT_RSS)
        flags |= PACKET_HASH;
    return flags;
}

static ALWAYS_INLINE uint32_t rx_hash(enum i40e_rx_format format, const struct seen *s)
{
    return (uint32_t)(format == I40E_RX_FLEX ? FIELD_GET(I40E_RXF_HASH, s->result)
                                             : FIELD_GET(I40E_RXD_HASH, s->info));
}

static ALWAYS_INLINE uint16_t rx_tci(enum i40e_rx_format format, const struct seen *s)
{
    return (uint16_t)(format == I40E_RX_FLEX ? FIELD_GET(I40E_RXF_TAG, s->result)
                                             : FIELD_GET(I40E_RXD_TAG, s->info));
}

/* The frame that is now complete, or NULL. */
static ALWAYS_INLINE struct packet *rx_complete(struct intel_rxq *q, enum i40e_rx_format format,
                                                const struct seen *s)
{
    bool flex = format == I40E_RX_FLEX;
    bool tagged = (s->result & (flex ? I40E_RXF_L2TAG1P : I40E_RXD_L2TAG1P)) && !q->frame.bad;
    if (tagged)
        intel_rx_tag(q, rx_tci(format, s));
    if ((s->result & (flex ? I40E_RXF_RXE : I40E_RXD_RXE)) ||
        !port_frame_good(q->queue.port, &q->frame) ||
        (tagged && !load_relaxed(&q->strip) && !intel_rx_untag(q)))
        return intel_rx_drop(q, &q->queue.errors);
    struct packet *p = intel_rx_accept(q, rx_flags(format, s));
    p->hash = rx_hash(format, s);
    return p;
}

/* What most frames are: whole in one buffer, without a tag, not bad.  Up to the first that is
 * otherwise, or is not there yet. */
static ALWAYS_INLINE uint16_t rx_plain(struct intel_rxq *q, struct packet **packets, uint16_t n,
                                       enum i40e_rx_format format)
{
    const bool flex = format == I40E_RX_FLEX;
    const uint32_t step = format == I40E_RX_16 ? 1 : 2;
    const uint64_t good = I40E_RXD_DD | I40E_RXD_EOP;
    const uint64_t mask =
        good | (flex ? I40E_RXF_L2TAG1P | I40E_RXF_RXE : I40E_RXD_L2TAG1P | I40E_RXD_RXE);
    uint32_t limit = port_frame_limit(q->queue.port), most = limit < q->room ? limit : q->room;
    uint32_t head = q->head, left = q->tail - head;
    uint64_t bytes = 0;
    uint16_t got = 0, number = q->queue.port->number;
    if (q->frame.first || q->frame.bad)
        return 0;
    for (n = left < n ? (uint16_t)left : n; got < n; head++) {
        uint32_t slot = head & q->mask;
        struct seen s = { .result = load_relaxed(&q->ring[slot * step].result) };
        if ((s.result & mask) != good)
            break;
        dma_rmb(); /* done, before what it tells of */
        s.info = load_relaxed(&q->ring[slot * step].address);
        uint32_t length = rx_length(format, &s);
        if (length - FRAME_MIN > most - FRAME_MIN)
            break;
        struct packet *p = packets[got++] = q->packets[slot];
        __builtin_prefetch(p->data); /* read by whoever gets the burst */
        __builtin_prefetch(q->packets[(slot + 1) & q->mask]);
        p->length = (uint16_t)length;
        p->frame_length = length;
        packet_arrived(p, number);
        p->flags = rx_flags(format, &s);
        p->hash = rx_hash(format, &s);
        bytes += length;
    }
    q->head = head;
    counter_add(&q->queue.packets, got);
    counter_add(&q->queue.bytes, bytes);
    return got;
}

/* The format is known when it is compiled, once for each. */
static ALWAYS_INLINE uint16_t rx_burst(struct port_queue *queue, struct packet **packets,
                                       uint16_t n, enum i40e_rx_format format)
{
    struct i40e_rxq *rx = container_of(queue, struct i40e_rxq, q.queue);
    struct intel_rxq *q = &rx->q;
    const uint32_t step = format == I40E_RX_16 ? 1 : 2;
    struct seen s;
    uint32_t slot;
    uint16_t got = 0;
    if (!load_relaxed(&rx->live))
        return 0;
    for (;;) {
        got += rx_plain(q, packets + got, n - got, format);
        if (got == n || !intel_rx_next_of(q, step, I40E_RXD_DD, &slot, &s.result))
            break;
        s.info = load_relaxed(&q->ring[slot * step].address);
        bool end = s.result & I40E_RXD_EOP;
        intel_rx_append(q, slot, rx_length(format, &s), end);
        struct packet *p = end ? rx_complete(q, format, &s) : NULL;
        if (p)
            packets[got++] = p;
    }
    intel_rx_refill(q);
    return got;
}

static uint16_t rx_burst_any(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    const struct i40e_rxq *rx = container_of(queue, struct i40e_rxq, q.queue);
    switch (load_relaxed(&rx->format)) {
    case I40E_RX_16:
        return rx_burst(queue, packets, n, I40E_RX_16);
    case I40E_RX_32:
        return rx_burst(queue, packets, n, I40E_RX_32);
    case I40E_RX_FLEX:
        return rx_burst(queue, packets, n, I40E_RX_FLEX);
    }
    return 0;
}

void i40e_rxq_init(struct i40e_rxq *rx, struct port *port, uint16_t index,
                   enum i40e_rx_format format)
{
    *rx = (struct i40e_rxq){ .format = format };
    intel_rxq_init(&rx->q, port, index, rx_burst_any);
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

/* Transmit ------------------------------------------------------------------- */

static void tx_put(struct i40e_txq *tx, struct packet *first)
{
    uint32_t start = tx->q.tail & tx->q.mask;
    uint64_t every = I40E_TXD_ICRC;
    if (intel_tx_tagged(&tx->q, first))
        every |= I40E_TXD_IL2TAG1 | FIELD_PUT(I40E_TXD_TAG, (uint64_t)first->vlan);
    for (const struct packet *p = first; p; p = p->next) {
        struct intel_tx_desc *desc = intel_tx_next(&tx->q);
        desc->address = packet_iova(p);
        desc->command = every | FIELD_PUT(I40E_TXD_LENGTH, (uint64_t)p->length) |
                        (p->next ? 0 : I40E_TXD_EOP | I40E_TXD_RS);
    }
    intel_tx_note(&tx->q, start, first);
}

/* What most frames are: one segment, long enough and not too long, with no tag beside it.  Up to
 * the first that is otherwise, or has no room. */
static ALWAYS_INLINE uint16_t tx_plain(struct intel_txq *q, struct packet **packets, uint16_t n)
{
    const uint64_t every = I40E_TXD_ICRC | I40E_TXD_EOP | I40E_TXD_RS;
    uint32_t most = port_frame_limit(q->queue.port) - FRAME_PADDED;
    uint32_t tail = q->tail, room = q->mask - (tail - q->head);
    uint64_t bytes = 0;
    uint16_t taken = 0;
    for (n = room < n ? (uint16_t)room : n; taken < n; tail++) {
        struct packet *p = packets[taken];
        uint32_t slot = tail & q->mask;
        if (p->next || (p->flags & PACKET_VLAN) || p->frame_length - FRAME_PADDED > most)
            break;
        q->ring[slot].address = packet_iova(p);
        q->ring[slot].command = every | FIELD_PUT(I40E_TXD_LENGTH, (uint64_t)p->length);
        q->packets[slot] = p;
        q->ends[slot] = tail;
        bytes += p->frame_length;
        taken++;
    }
    q->tail = tail;
    counter_add(&q->queue.packets, taken);
    counter_add(&q->queue.bytes, bytes);
    return taken;
}

/* False: there is no packet for the tag, and the frame is gone. */
static bool tx_pushed(struct i40e_txq *tx, struct packet **p)
{
    if (!tx->push || !intel_tx_tagged(&tx->q, *p) || !packet_push_vlan(tx->q.queue.cache, p))
        return true;
    counter_add(&tx->q.queue.errors, 1);
    packet_free(tx->q.queue.cache, *p);
    return false;
}

static uint16_t tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct i40e_txq *tx = container_of(queue, struct i40e_txq, q.queue);
    uint32_t before = tx->q.tail;
    uint16_t taken = 0;
    if (!load_relaxed(&tx->live))
        return 0;
    intel_tx_reclaim(&tx->q, I40E_TXD_DTYPE);
    for (;; taken++) {
        taken += tx_plain(&tx->q, packets + taken, n - taken);
        if (taken == n)
            break;
        struct packet *p = packets[taken];
        if (!intel_tx_check(&tx->q, p))
            continue;
        if (!intel_tx_fits(&tx->q, p, tx->push)) /* a tag may take a segment more */
            break;
        if (!tx_pushed(tx, &p))
            continue;
        intel_tx_take(&tx->q, p);
        tx_put(tx, p);
    }
    intel_tx_tell(&tx->q, before);
    return taken;
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
