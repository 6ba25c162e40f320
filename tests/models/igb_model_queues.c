/* igb_model_queues.c - descriptor rings of the igb model: 82576 DS 7.1.5, 7.2.2, 8.10, 8.12.
 *
 * Advanced descriptors only.  A ring is read and written as the function whose queue it is. */
#include "tests/models/igb_model_internal.h"

#include "kernel/time.h"

#include <string.h>

#define DESCRIPTOR 16u
#define RING_BYTES_MAX (4096u * DESCRIPTOR)
#define DESCRIPTORS_MAX 40u /* of one frame, 82576 DS 7.2.2 */
#define WIRE_OVERHEAD 24u   /* preamble, FCS, gap */

/* Receive, written back: second quadword */
#define RX_DD 0x00000001u
#define RX_EOP 0x00000002u
#define RX_VP 0x00000008u
#define RX_LOCAL 0x00040000u

/* Transmit: lower dword of the second quadword, then the upper one */
#define TX_LENGTH 0x0000ffffu
#define TX_TYPE 0x00f00000u
#define TX_CONTEXT 2u
#define TX_DATA 3u
#define TX_EOP 0x01000000u
#define TX_IFCS 0x02000000u
#define TX_RS 0x08000000u
#define TX_DEXT 0x20000000u
#define TX_VLE 0x40000000u
#define TX_KNOWN (TX_LENGTH | TX_TYPE | TX_EOP | TX_IFCS | TX_RS | TX_DEXT | TX_VLE)
#define TX_DD 0x00000001u
#define TX_INDEX 0x00000070u
#define TX_CC 0x00000080u
#define TX_PAYLEN 0xffffc000u

struct descriptor {
    uint64_t low, high;
};

/* Registers -------------------------------------------------------------------- */

static const struct {
    uint32_t offset, writable;
    bool rx, tx;
} known[] = {
    { Q_BAL, 0xffffff80u, true, true }, { Q_BAH, UINT32_MAX, true, true },
    { Q_LEN, 0x000fff80u, true, true }, { Q_SRRCTL, 0xcff00f7fu, true, false },
    { Q_HEAD, 0xffff, true, true },     { Q_DCA, UINT32_MAX, true, true },
    { Q_TAIL, 0xffff, true, true },     { Q_CTL, 0x0e1f1f1fu, true, true },
    { Q_DROPPED, 0, true, false },      { Q_WBL, UINT32_MAX, true, true },
    { Q_WBH, UINT32_MAX, false, true },
};

static bool is_rx(uint32_t reg)
{
    return reg < R_TX(0);
}

static unsigned queue_of(uint32_t reg)
{
    return (reg - (is_rx(reg) ? R_RX(0) : R_TX(0))) / 0x40;
}

static int find_known(const struct igb_model *m, uint32_t reg)
{
    bool rx = reg >= R_RX(0) && reg < R_RX(igb_queues(m));
    bool tx = reg >= R_TX(0) && reg < R_TX(igb_queues(m));
    for (unsigned i = 0; (rx || tx) && i < ARRAY_SIZE(known); i++)
        if (known[i].offset == reg % 0x40 && ((rx && known[i].rx) || (tx && known[i].tx)))
            return rx && reg % 0x40 == Q_WBL && m->chip == IGB_MODEL_82576 ? -1 : (int)i;
    return -1;
}

bool igb_model_is_queue(const struct igb_model *m, uint32_t reg)
{
    return find_known(m, reg) >= 0;
}

static uint32_t base(bool rx, unsigned queue)
{
    return rx ? R_RX(queue) : R_TX(queue);
}

static struct igb_model_queue *state(struct igb_model *m, bool rx, unsigned queue)
{
    return rx ? &m->rx[queue] : &m->tx[queue];
}

/* The enable bit follows what was asked, in its time. */
bool igb_model_queue_on(const struct igb_model *m, bool rx, unsigned queue)
{
    const struct igb_model_queue *q = rx ? &m->rx[queue] : &m->tx[queue];
    if (m->pools_locked >> queue % IGB_MODEL_POOLS & 1)
        return false;
    bool settled = !m->queue_sticks && time_us() >= q->asked_us + m->queue_takes_us;
    return settled ? igb_get(m, base(rx, queue) + Q_CTL) & CTL_ENABLE : q->was_on;
}

/* 82576 DS 8.10.9, 8.12.15: off, but for queue 0. */
void igb_model_queue_reset(struct igb_model *m, unsigned queue)
{
    for (unsigned rx = 0; rx < 2; rx++) {
        uint32_t block = base(rx, queue);
        memset(igb_at(m, block), 0, 0x40);
        *igb_at(m, block + Q_CTL) = (queue == 0 ? CTL_ENABLE : 0) | (rx ? 0x10000 : 0);
        memset(state(m, rx, queue), 0, sizeof *state(m, rx, queue));
        state(m, rx, queue)->was_on = queue == 0;
    }
}

static uint32_t count(const struct igb_model *m, bool rx, unsigned queue)
{
    return igb_get(m, base(rx, queue) + Q_LEN) / DESCRIPTOR;
}

static bool unit_on(const struct igb_model *m, bool rx)
{
    return rx ? igb_get(m, R_RCTL) & RCTL_EN : igb_get(m, R_TCTL) & TCTL_EN;
}

bool igb_model_queue_busy(const struct igb_model *m, bool rx, unsigned queue)
{
    return igb_model_queue_on(m, rx, queue) && unit_on(m, rx) && count(m, rx, queue);
}

static void check_tail(struct igb_model *m, int by, uint32_t reg, uint32_t value)
{
    bool rx = is_rx(reg);
    unsigned queue = queue_of(reg);
    /* who was not told that its queues are gone cannot know better */
    bool excused = by >= 0 && m->vf[by].queues_lost && !m->vf[by].told;
    if (excused)
        return;
    if (value && value >= count(m, rx, queue))
        igb_model_violation(m, by, "tail past the ring", reg, value);
    if (value && !igb_model_queue_on(m, rx, queue))
        igb_model_violation(m, by, "tail moved before the queue is on", reg, value);
}

/* 82576 DS 4.5.9 and 4.5.10. */
static void check_enable(struct igb_model *m, int by, uint32_t reg, uint32_t value)
{
    bool rx = is_rx(reg);
    unsigned queue = queue_of(reg), pool = queue % IGB_MODEL_POOLS;
    uint32_t block = base(rx, queue), srrctl = igb_get(m, block + Q_SRRCTL);
    if (!(value & CTL_ENABLE) || (igb_get(m, reg) & CTL_ENABLE))
        return;
    if (!count(m, rx, queue) || !(igb_get(m, block + Q_BAL) | igb_get(m, block + Q_BAH)))
        igb_model_violation(m, by, "queue on without a ring", reg, value);
    if (rx && FIELD_GET(SRRCTL_TYPE, srrctl) != SRRCTL_ADVANCED)
        igb_model_violation(m, by, "queue on without advanced descriptors", reg, srrctl);
    if (rx && by >= 0 && !(srrctl & SRRCTL_SIZE))
        igb_model_violation(m, by, "buffer size of a VF left to the PF", reg, srrctl);
    if (by >= 0 && igb_is_vt(m) && !(igb_get(m, rx ? R_VFRE : R_VFTE) >> pool & 1))
        igb_model_violation(m, by, "queue on while the PF keeps the pool off", reg, value);
}

static void check_write(struct igb_model *m, int by, uint32_t reg, uint32_t value)
{
    bool rx = is_rx(reg);
    unsigned queue = queue_of(reg);
    uint32_t offset = reg % 0x40;
    bool fixed = offset <= Q_HEAD;
    if (by >= 0 && (m->mailbox[by] & V2P_RSTI) && m->vf[by].told)
        igb_model_violation(m, by, "queue touched while the PF resets", reg, value);
    if (fixed && igb_model_queue_busy(m, rx, queue))
        igb_model_violation(m, by, "ring register written while the queue is on", reg, value);
    if (offset == Q_HEAD && value)
        igb_model_violation(m, by, "head that is not 0", reg, value);
    if (offset == Q_LEN && value > RING_BYTES_MAX)
        igb_model_violation(m, by, "more than 4096 descriptors", reg, value);
    if (offset == Q_WBL && !rx && (value & 1))
        igb_model_violation(m, by, "head write-back, which is not modelled", reg, value);
    if (offset == Q_TAIL)
        check_tail(m, by, reg, value);
    if (offset == Q_CTL)
        check_enable(m, by, reg, value);
}

void igb_model_queue_write(struct igb_model *m, int by, uint32_t reg, uint32_t value)
{
    uint32_t writable = known[find_known(m, reg)].writable;
    unsigned queue = queue_of(reg);
    struct igb_model_queue *q = state(m, is_rx(reg), queue);
    if (value & ~writable)
        igb_model_violation(m, by, "reserved or read-only bits set", reg, value);
    check_write(m, by, reg, value);
    if (reg % 0x40 == Q_CTL) {
        q->was_on = igb_model_queue_on(m, is_rx(reg), queue);
        q->asked_us = time_us();
        if (by >= 0)
            m->vf[by].queues_lost = false;
        if (!is_rx(reg) && !(value & CTL_ENABLE))
            q->context_valid[0] = q->context_valid[1] = false;
    }
    /* 82575 SDM 14.3.59: a tail written to a queue that is off is ignored */
    if (reg % 0x40 != Q_TAIL || !value || igb_model_queue_on(m, is_rx(reg), queue))
        *igb_at(m, reg) = value & writable;
}

uint32_t igb_model_queue_read(struct igb_model *m, uint32_t reg)
{
    uint32_t value = igb_get(m, reg);
    if (reg % 0x40 == Q_CTL)
        return (value & ~CTL_ENABLE) |
               (igb_model_queue_on(m, is_rx(reg), queue_of(reg)) ? CTL_ENABLE : 0);
    if (reg % 0x40 == Q_DROPPED)
        *igb_at(m, reg) = 0;
    return value;
}

/* Rings ----------------------------------------------------------------------------- */

static struct pcispace_device *requester(struct igb_model *m, unsigned queue)
{
    struct igb_model_vf *vf = igb_owner(m, queue);
    return vf ? &vf->device : &m->device;
}

static int owner(struct igb_model *m, unsigned queue)
{
    return igb_owner(m, queue) ? (int)(queue % IGB_MODEL_POOLS) : BY_PF;
}

/* An access that failed, and not because bus mastering is off, went where it may not. */
static bool judge_dma(struct igb_model *m, unsigned queue, int err, unsigned refused_before,
                      uint64_t iova)
{
    if (err && requester(m, queue)->dma_refused == refused_before)
        igb_model_violation(m, owner(m, queue), "DMA outside of what the function was given",
                            R_RX(queue), iova);
    return !err;
}

static bool dma_read(struct igb_model *m, unsigned queue, uint64_t iova, void *to, size_t n)
{
    struct pcispace_device *d = requester(m, queue);
    unsigned before = d->dma_refused;
    return judge_dma(m, queue, pcispace_dma_read(d, iova, to, n), before, iova);
}

static bool dma_write(struct igb_model *m, unsigned queue, uint64_t iova, const void *from,
                      size_t n)
{
    struct pcispace_device *d = requester(m, queue);
    unsigned before = d->dma_refused;
    return judge_dma(m, queue, pcispace_dma_write(d, iova, from, n), before, iova);
}

static uint64_t at_head(const struct igb_model *m, bool rx, unsigned queue)
{
    uint32_t block = base(rx, queue);
    return ((uint64_t)igb_get(m, block + Q_BAH) << 32 | igb_get(m, block + Q_BAL)) +
           (uint64_t)DESCRIPTOR * igb_get(m, block + Q_HEAD);
}

static uint32_t waiting(const struct igb_model *m, bool rx, unsigned queue)
{
    uint32_t n = count(m, rx, queue), block = base(rx, queue);
    if (!n || !igb_model_queue_on(m, rx, queue) ||
        (igb_get(m, R_CTRL) & CTRL_MASTER_OFF && !m->lone))
        return 0;
    return (igb_get(m, block + Q_TAIL) + n - igb_get(m, block + Q_HEAD)) % n;
}

static void advance(struct igb_model *m, bool rx, unsigned queue)
{
    uint32_t *head = igb_at(m, base(rx, queue) + Q_HEAD);
    *head = (*head + 1) % count(m, rx, queue);
}

/* Receive ------------------------------------------------------------------------------ */

uint32_t igb_model_rx_held(struct igb_model *m, unsigned queue)
{
    return waiting(m, true, queue);
}

bool igb_model_rx_return(struct igb_model *m, unsigned queue, uint64_t low, uint64_t high)
{
    struct descriptor d = { low, high };
    if (!waiting(m, true, queue) || !dma_write(m, queue, at_head(m, true, queue), &d, sizeof d))
        return false;
    advance(m, true, queue);
    return true;
}

/* SRRCTL.BSIZEPACKET in KiB, or RCTL.BSIZE: 82576 DS 8.10.2. */
static uint32_t buffer_size(const struct igb_model *m, unsigned queue)
{
    uint32_t kib = igb_get(m, R_RX(queue) + Q_SRRCTL) & SRRCTL_SIZE;
    return kib ? kib << 10 : 2048u >> FIELD_GET(RCTL_BSIZE, igb_get(m, R_RCTL));
}

bool igb_model_rx_fits(struct igb_model *m, unsigned queue, uint32_t bytes)
{
    return (uint64_t)waiting(m, true, queue) * buffer_size(m, queue) >= bytes;
}

static bool rx_fill(struct igb_model *m, unsigned queue, const uint8_t *bytes, uint32_t n,
                    struct descriptor result)
{
    struct descriptor d;
    if (!dma_read(m, queue, at_head(m, true, queue), &d, sizeof d))
        return false;
    if (!d.low || (d.high & 1))
        igb_model_violation(m, owner(m, queue), "receive descriptor not ready", R_RX(queue),
                            d.high);
    return dma_write(m, queue, d.low, bytes, n) &&
           igb_model_rx_return(m, queue, result.low, result.high);
}

/* 82576 DS 7.1.5.2: what the last descriptor says; the others say DD and a length. */
static struct descriptor rx_result(const struct igb_rx_how *how, uint32_t n, bool end, uint16_t tag)
{
    struct descriptor d = { 0, (uint64_t)n << 32 | RX_DD };
    if (!end)
        return d;
    tag = how->hide_vlan ? 0 : tag;
    d.low = (uint64_t)how->hash << 32 | how->packet_type << 4 | how->hash_type;
    d.high |= (uint64_t)tag << 48 | how->status | RX_EOP;
    return d;
}

/* The tag as the descriptor shows it: the I350 gives those of local frames in network order. */
static uint16_t shown_tag(const struct igb_model *m, const struct igb_frame *f)
{
    uint16_t tag = igb_tag(f);
    bool swapped = m->chip == IGB_MODEL_I350 && f->from != ANY_POOL;
    return swapped ? (uint16_t)(tag << 8 | tag >> 8) : tag;
}

bool igb_model_rx_store(struct igb_model *m, unsigned queue, const struct igb_frame *f,
                        const struct igb_rx_how *how)
{
    static uint8_t bytes[IGB_MODEL_FRAME + VLAN_TAG];
    struct igb_rx_how h = *how;
    bool strip = h.strip_vlan && igb_is_tagged(f);
    uint32_t length = f->length - (strip ? VLAN_TAG : 0), size = buffer_size(m, queue);
    memcpy(bytes, f->bytes, f->length);
    if (strip)
        memmove(bytes + 12, bytes + 12 + VLAN_TAG, length - 12);
    memset(bytes + length, 0xfc, FCS);
    length += h.strip_crc ? 0 : FCS;
    h.status |= (strip && !h.hide_vlan ? RX_VP : 0) | (f->from != ANY_POOL ? RX_LOCAL : 0);
    for (uint32_t done = 0, n; done < length; done += n) {
        n = length - done < size ? length - done : size;
        bool end = done + n == length;
        struct descriptor d = rx_result(&h, n, end, strip ? shown_tag(m, f) : 0);
        if (!rx_fill(m, queue, bytes + done, n, d))
            return false;
    }
    return true;
}

/* Transmit --------------------------------------------------------------------------------- */

/* I350 DS 7.8.3: with DTXCTL.MDP_EN the queue stands still until the PF frees it by MDFB. */
void igb_model_malicious(struct igb_model *m, unsigned queue)
{
    if (m->chip != IGB_MODEL_I350 || !(igb_get(m, R_DTXCTL) & DTXCTL_MDP))
        return;
    m->tx[queue].held = true;
    *igb_at(m, R_MDFB) |= 1u << queue;
    *igb_at(m, R_LVMMC) = FIELD_PUT(LVMMC_QUEUE, queue) | LVMMC_LENGTH;
    *igb_at(m, R_ICR) |= ICR_MDDET;
}

static bool tx_wrong(struct igb_model *m, unsigned queue, const char *what, uint64_t value)
{
    igb_model_violation(m, owner(m, queue), what, R_TX(queue), value);
    igb_model_malicious(m, queue);
    return false;
}

/* A frame being put together. */
struct tx_frame {
    uint8_t bytes[IGB_MODEL_FRAME + VLAN_TAG];
    uint32_t length, payload, descriptors;
    uint16_t vlan;
    bool bad, last_has_fcs;
};

static void tx_context(struct igb_model *m, unsigned queue, const struct descriptor *d)
{
    unsigned index = d->high >> 36 & 1;
    uint32_t words[4] = { (uint32_t)d->low, (uint32_t)(d->low >> 32), (uint32_t)d->high,
                          (uint32_t)(d->high >> 32) };
    memcpy(m->tx[queue].context[index], words, sizeof words);
    m->tx[queue].context_valid[index] = true;
}

/* 82576 DS 7.2.2.3: what counts for the frame stands in its first descriptor. */
static bool tx_first(struct igb_model *m, unsigned queue, struct tx_frame *f, uint32_t command,
                     uint32_t info)
{
    unsigned index = FIELD_GET(TX_INDEX, info);
    f->payload = FIELD_GET(TX_PAYLEN, info);
    if (!(command & TX_IFCS))
        return tx_wrong(m, queue, "frame without FCS", command);
    if (!(command & TX_VLE))
        return true;
    if (index > 1 || !m->tx[queue].context_valid[index])
        return tx_wrong(m, queue, "VLAN of a context that is not there", info);
    f->vlan = (uint16_t)(m->tx[queue].context[index][0] >> 16);
    return true;
}

static bool tx_data(struct igb_model *m, unsigned queue, struct tx_frame *f,
                    const struct descriptor *d)
{
    uint32_t command = (uint32_t)d->high, info = (uint32_t)(d->high >> 32);
    uint32_t n = command & TX_LENGTH;
    if ((command & ~TX_KNOWN) || (info & ~(TX_PAYLEN | TX_INDEX | TX_CC)))
        return tx_wrong(m, queue, "descriptor with reserved or unknown bits", d->high);
    if (!f->descriptors++ && !tx_first(m, queue, f, command, info))
        return false;
    if (f->descriptors > DESCRIPTORS_MAX)
        return tx_wrong(m, queue, "frame of too many descriptors", f->descriptors);
    if (!d->low || !n || f->length + n + FCS > IGB_MODEL_FRAME)
        return tx_wrong(m, queue, "descriptor without data or with too much", d->high);
    f->last_has_fcs = command & TX_IFCS;
    if (!dma_read(m, queue, d->low, f->bytes + f->length, n))
        return false;
    f->length += n;
    return true;
}

/* One descriptor; true: the frame ends. */
static bool tx_one(struct igb_model *m, unsigned queue, struct tx_frame *f)
{
    uint64_t at = at_head(m, false, queue);
    struct descriptor d;
    if (!dma_read(m, queue, at, &d, sizeof d)) {
        f->bad = true;
        advance(m, false, queue);
        return true;
    }
    uint32_t command = (uint32_t)d.high, type = FIELD_GET(TX_TYPE, command);
    if (!(command & TX_DEXT) || (type != TX_CONTEXT && type != TX_DATA))
        f->bad |= !tx_wrong(m, queue, "descriptor that is not advanced", d.high);
    else if (type == TX_CONTEXT)
        tx_context(m, queue, &d);
    else if (!f->bad)
        f->bad = !tx_data(m, queue, f, &d);
    if (m->tx[queue].held)
        return true;
    if ((command & TX_RS) && !m->hide_writeback) {
        uint64_t done = d.high | (uint64_t)TX_DD << 32;
        dma_write(m, queue, at + 8, &done, sizeof done);
    }
    advance(m, false, queue);
    return type != TX_CONTEXT && (command & TX_EOP);
}

static void tx_check(struct igb_model *m, unsigned queue, struct tx_frame *f)
{
    if (f->length < TX_MIN)
        f->bad = !tx_wrong(m, queue, "frame shorter than the chip takes", f->length);
    else if (f->payload != f->length)
        f->bad = !tx_wrong(m, queue, "PAYLEN is not the frame's length", f->payload);
    else if (!f->last_has_fcs)
        f->bad = !tx_wrong(m, queue, "frame without FCS", 0);
}

static void tx_pad(struct igb_model *m, unsigned queue, struct tx_frame *f)
{
    if (f->length >= WIRE_MIN - FCS)
        return;
    if (!(igb_get(m, R_TCTL) & TCTL_PSP))
        igb_model_violation(m, owner(m, queue), "short frame without padding", R_TX(queue),
                            f->length);
    /* what PSP pads with is whatever is in the FIFO */
    memset(f->bytes + f->length, 0xee, WIRE_MIN - FCS - f->length);
    f->length = WIRE_MIN - FCS;
}

/* 82576 DS 7.2.? (rate scheduler): so long until the next one, at link speed / factor. */
static void tx_pace(struct igb_model *m, unsigned queue, uint32_t length)
{
    uint64_t now = time_us() * 1000, *next = &m->tx[queue].next_ns;
    uint32_t rate = m->rate[queue];
    if (!(rate & RTTBCNRC_ON))
        return;
    uint64_t at_speed = (length + WIRE_OVERHEAD) * 8ull; /* ns at 1 Gb/s */
    *next = max_u64(*next, now) + (at_speed * (rate & (RTTBCNRC_INT | RTTBCNRC_DEC)) >> 14);
}

static bool tx_ready(struct igb_model *m, unsigned queue)
{
    bool pool_on = !igb_is_vt(m) || (igb_get(m, R_VFTE) >> queue % IGB_MODEL_POOLS & 1);
    bool paced = (m->rate[queue] & RTTBCNRC_ON) && time_us() * 1000 < m->tx[queue].next_ns;
    return pool_on && !paced && !m->tx[queue].held && waiting(m, false, queue);
}

static void tx_frame(struct igb_model *m, unsigned queue)
{
    static struct tx_frame f;
    memset(&f.length, 0, sizeof f - offsetof(struct tx_frame, length)); /* the bytes need not be */
    while (!tx_one(m, queue, &f)) {
        if (waiting(m, false, queue))
            continue;
        if (f.descriptors || f.bad)
            igb_model_violation(m, owner(m, queue), "tail in the middle of a frame", R_TX(queue),
                                0);
        return;
    }
    if (!f.bad)
        tx_check(m, queue, &f);
    if (f.bad || m->tx[queue].held)
        return;
    tx_pad(m, queue, &f);
    tx_pace(m, queue, f.length);
    struct igb_frame frame = { f.bytes, f.length, queue % IGB_MODEL_POOLS };
    igb_model_switch_from_queue(m, queue, &frame, f.vlan);
}

bool igb_model_tx_next(struct igb_model *m)
{
    if (!unit_on(m, false) || !igb_link_up(m))
        return false;
    for (unsigned i = 0; i < igb_queues(m); i++) {
        unsigned queue = (m->next_queue + i) % igb_queues(m);
        if (!tx_ready(m, queue))
            continue;
        m->next_queue = queue + 1;
        tx_frame(m, queue);
        return true;
    }
    return false;
}
