/* ixgbe_model_queues.c - descriptor rings of the ixgbe model: registers, DMA, receiving.
 *
 * Advanced descriptors only.  A ring is read and written as the function whose queue it is.
 * Witnesses: Linux ixgbe and DPDK agree; unread: 82599 DS 7.1 and 8.2.3.8. */
#include "tests/models/ixgbe_model_internal.h"

#include "kernel/time.h"
#include "pci/pci_regs.h"

#include <string.h>

#define DESCRIPTOR 16u
#define RING_BYTES_MAX (8192u * DESCRIPTOR)

/* Receive, written back: second quadword */
#define RX_DD 0x00000001u
#define RX_EOP 0x00000002u
#define RX_VP 0x00000008u
#define RX_LOCAL 0x00040000u

struct descriptor {
    uint64_t low, high;
};

/* Registers -------------------------------------------------------------------- */

static const struct {
    uint32_t offset, writable;
    bool rx, tx;
} known[] = {
    { Q_BAL, 0xffffff80u, true, true },  { Q_BAH, UINT32_MAX, true, true },
    { Q_LEN, 0x000fff80u, true, true },  { Q_SRRCTL, 0x1fc03f1fu, true, false },
    { Q_HEAD, 0xffff, true, true },      { Q_DCA, 0xff00f7e0u, true, true },
    { Q_TAIL, 0xffff, true, true },      { Q_CTL, 0x467f7f7fu, true, true },
    { Q_RSC, 0x0000000fu, true, false }, { Q_WBL, UINT32_MAX, false, true },
    { Q_WBH, UINT32_MAX, false, true },
};

static bool is_tx(uint32_t reg)
{
    return reg >= R_TX(0) && reg < R_TX(IXGBE_MODEL_QUEUES);
}

static bool is_rx(uint32_t reg)
{
    return (reg >= 0x01000 && reg < 0x02000) || (reg >= 0x0d000 && reg < 0x0e000);
}

static unsigned queue_of(uint32_t reg)
{
    if (is_tx(reg))
        return (reg - R_TX(0)) / 0x40;
    return reg >= 0x0d000 ? 64 + (reg - 0x0d000) / 0x40 : (reg - 0x01000) / 0x40;
}

static int find_known(uint32_t reg)
{
    bool rx = is_rx(reg), tx = is_tx(reg);
    for (unsigned i = 0; (rx || tx) && i < ARRAY_SIZE(known); i++)
        if (known[i].offset == reg % 0x40 && ((rx && known[i].rx) || (tx && known[i].tx)))
            return (int)i;
    return -1;
}

bool ixgbe_model_is_queue(uint32_t reg)
{
    return find_known(reg) >= 0;
}

static uint32_t base(bool rx, unsigned queue)
{
    return rx ? R_RX(queue) : R_TX(queue);
}

static struct ixgbe_model_queue *state(struct ixgbe_model *m, bool rx, unsigned queue)
{
    return rx ? &m->rx[queue] : &m->tx[queue];
}

/* Pools -------------------------------------------------------------------------- */

/* What SR-IOV's registers say where VFs are; else what the transmitter is set to. */
unsigned ixgbe_model_queues_per_pool(const struct ixgbe_model *m)
{
    uint32_t mode = ixgbe_get(m, R_GCR_EXT) & GCR_EXT_VT_MODE;
    uint32_t mtqc = ixgbe_get(m, R_MTQC);
    if (mode)
        return 16u >> mode;
    if (mtqc & MTQC_VT)
        return FIELD_GET(MTQC_QUEUES, mtqc) == 2 ? 4 : 2;
    return ixgbe_model_vfs_present(m) ? 2 : IXGBE_MODEL_QUEUES;
}

/* The VF whose queue it is, NULL: the PF's. */
struct ixgbe_model_vf *ixgbe_model_owner(struct ixgbe_model *m, unsigned queue)
{
    unsigned pool = queue / ixgbe_model_queues_per_pool(m);
    return pool < IXGBE_MODEL_VFS && m->vf[pool].present ? &m->vf[pool] : NULL;
}

static int owner(struct ixgbe_model *m, unsigned queue)
{
    struct ixgbe_model_vf *vf = ixgbe_model_owner(m, queue);
    return vf ? (int)vf->index : BY_PF;
}

/* Enabling ----------------------------------------------------------------------- */

static bool unit_on(const struct ixgbe_model *m, bool rx)
{
    return rx ? ixgbe_get(m, R_RXCTRL) & RXCTRL_EN : ixgbe_get(m, R_DMATXCTL) & DMATXCTL_TE;
}

static bool pool_on(const struct ixgbe_model *m, bool rx, unsigned queue)
{
    unsigned pool = queue / ixgbe_model_queues_per_pool(m);
    return !ixgbe_is_vt(m) || ixgbe_bit(m, rx ? R_VFRE(0) : R_VFTE(0), pool % 64);
}

/* The enable bit follows what was asked, in its time. */
bool ixgbe_model_queue_on(const struct ixgbe_model *m, bool rx, unsigned queue)
{
    const struct ixgbe_model_queue *q = rx ? &m->rx[queue] : &m->tx[queue];
    bool settled = !m->queue_sticks && time_us() >= q->asked_us + m->queue_takes_us;
    return settled ? ixgbe_get(m, base(rx, queue) + Q_CTL) & CTL_ENABLE : q->was_on;
}

void ixgbe_model_queue_reset(struct ixgbe_model *m, unsigned queue)
{
    for (unsigned rx = 0; rx < 2; rx++) {
        uint32_t block = base(rx, queue);
        for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
            if (rx ? known[i].rx : known[i].tx)
                *ixgbe_at(m, block + known[i].offset) = 0;
        if (rx)
            *ixgbe_at(m, block + Q_SRRCTL) = 0x402;
        *ixgbe_at(m, block + Q_DCA) = rx ? 0xa200u : 0x2a00u; /* DPDK's */
        memset(state(m, rx, queue), 0, sizeof *state(m, rx, queue));
    }
}

static uint32_t count(const struct ixgbe_model *m, bool rx, unsigned queue)
{
    return ixgbe_get(m, base(rx, queue) + Q_LEN) / DESCRIPTOR;
}

bool ixgbe_model_queue_busy(const struct ixgbe_model *m, bool rx, unsigned queue)
{
    return ixgbe_model_queue_on(m, rx, queue) && unit_on(m, rx) && count(m, rx, queue);
}

static void check_tail(struct ixgbe_model *m, int by, uint32_t reg, uint32_t value)
{
    bool rx = is_rx(reg);
    unsigned queue = queue_of(reg);
    /* who was not told that its queues are gone cannot know better */
    bool excused = by >= 0 && m->vf[by].queues_lost && !m->vf[by].told;
    if (excused)
        return;
    if (value && value >= count(m, rx, queue))
        ixgbe_model_violation(m, by, "tail past the ring", reg, value);
    if (value && !ixgbe_model_queue_on(m, rx, queue))
        ixgbe_model_violation(m, by, "tail moved before the queue is on", reg, value);
    else if (value && !state(m, rx, queue)->waited && !(m->dpdk && !rx && ixgbe_is_x540(m)))
        ixgbe_model_violation(m, by, "tail moved without waiting for the enable bit", reg, value);
}

static void check_enable(struct ixgbe_model *m, int by, uint32_t reg, uint32_t value)
{
    bool rx = is_rx(reg);
    unsigned queue = queue_of(reg);
    uint32_t block = base(rx, queue), srrctl = ixgbe_get(m, block + Q_SRRCTL);
    uint32_t size = srrctl & SRRCTL_SIZE;
    if (!(value & CTL_ENABLE) || (ixgbe_get(m, reg) & CTL_ENABLE))
        return;
    if (!count(m, rx, queue) || !(ixgbe_get(m, block + Q_BAL) | ixgbe_get(m, block + Q_BAH)))
        ixgbe_model_violation(m, by, "queue on without a ring", reg, value);
    if (rx && FIELD_GET(SRRCTL_TYPE, srrctl) != SRRCTL_ADVANCED)
        ixgbe_model_violation(m, by, "queue on without advanced descriptors", reg, srrctl);
    if (rx && (size < 1 || size > 16))
        ixgbe_model_violation(m, by, "receive buffers of no valid size", reg, srrctl);
    if (!rx && !unit_on(m, false))
        ixgbe_model_violation(m, by, "transmit queue on before DMATXCTL.TE", reg, value);
    /* where the test plays the PF: a real one may answer a VF whose pool it keeps off */
    if (by >= 0 && m->lone && !pool_on(m, rx, queue))
        ixgbe_model_violation(m, by, "queue on while the PF keeps the pool off", reg, value);
}

static void check_write(struct ixgbe_model *m, int by, uint32_t reg, uint32_t value)
{
    bool rx = is_rx(reg);
    unsigned queue = queue_of(reg);
    uint32_t offset = reg % 0x40;
    bool fixed = offset <= Q_HEAD && offset != Q_DCA;
    if (by >= 0 && (m->vf[by].mailbox & VFMB_RSTI) && m->vf[by].told)
        ixgbe_model_violation(m, by, "queue touched while the PF resets", reg, value);
    if (fixed && ixgbe_model_queue_busy(m, rx, queue))
        ixgbe_model_violation(m, by, "ring register written while the queue is on", reg, value);
    if (offset == Q_HEAD && value)
        ixgbe_model_violation(m, by, "head that is not 0", reg, value);
    if (offset == Q_LEN && value > RING_BYTES_MAX)
        ixgbe_model_violation(m, by, "more descriptors than the chip takes", reg, value);
    if (offset == Q_WBL && (value & 1))
        ixgbe_model_violation(m, by, "head write-back, which is not modelled", reg, value);
    if (offset == Q_TAIL)
        check_tail(m, by, reg, value);
    if (offset == Q_CTL)
        check_enable(m, by, reg, value);
}

static void write_ctl(struct ixgbe_model *m, int by, uint32_t reg, uint32_t value)
{
    unsigned queue = queue_of(reg);
    struct ixgbe_model_queue *q = state(m, is_rx(reg), queue);
    bool was = ixgbe_get(m, reg) & CTL_ENABLE;
    q->was_on = ixgbe_model_queue_on(m, is_rx(reg), queue);
    q->asked_us = time_us();
    if (by >= 0)
        m->vf[by].queues_lost = false;
    if (was != !!(value & CTL_ENABLE))
        q->waited = false;
    if (!is_rx(reg) && !(value & CTL_ENABLE))
        q->context_valid[0] = q->context_valid[1] = false;
}

void ixgbe_model_queue_write(struct ixgbe_model *m, int by, uint32_t reg, uint32_t value)
{
    uint32_t writable = known[find_known(reg)].writable;
    unsigned queue = queue_of(reg);
    if (ixgbe_is_x540(m) && is_rx(reg) && reg % 0x40 == Q_CTL)
        writable |= CTL_LENGTH;
    if (value & ~writable & ~ixgbe_get(m, reg))
        ixgbe_model_violation(m, by, "reserved or read-only bits set", reg, value);
    check_write(m, by, reg, value);
    if (reg % 0x40 == Q_CTL) {
        write_ctl(m, by, reg, value);
        value &= ~CTL_FLUSH; /* clears itself */
    }
    /* a tail written to a queue that is off is ignored */
    if (reg % 0x40 != Q_TAIL || !value || ixgbe_model_queue_on(m, is_rx(reg), queue))
        *ixgbe_at(m, reg) = value & writable;
}

uint32_t ixgbe_model_queue_read(struct ixgbe_model *m, uint32_t reg)
{
    uint32_t value = ixgbe_get(m, reg);
    if (reg % 0x40 != Q_CTL)
        return value;
    bool on = ixgbe_model_queue_on(m, is_rx(reg), queue_of(reg));
    if (on)
        state(m, is_rx(reg), queue_of(reg))->waited = true;
    return (value & ~CTL_ENABLE) | (on ? CTL_ENABLE : 0);
}

/* Rings ----------------------------------------------------------------------------- */

static struct pcispace_device *requester(struct ixgbe_model *m, unsigned queue)
{
    struct ixgbe_model_vf *vf = ixgbe_model_owner(m, queue);
    return vf ? &vf->device : &m->device;
}

/* An access that failed, and not because bus mastering is off, went where it may not. */
static bool judge_dma(struct ixgbe_model *m, unsigned queue, int err, unsigned refused_before,
                      uint64_t iova)
{
    if (err && requester(m, queue)->dma_refused == refused_before)
        ixgbe_model_violation(m, owner(m, queue), "DMA outside of what the function was given",
                              R_RX(queue), iova);
    return !err;
}

bool ixgbe_model_dma_read(struct ixgbe_model *m, unsigned queue, uint64_t iova, void *to, size_t n)
{
    struct pcispace_device *d = requester(m, queue);
    unsigned before = d->dma_refused;
    return judge_dma(m, queue, pcispace_dma_read(d, iova, to, n), before, iova);
}

bool ixgbe_model_dma_write(struct ixgbe_model *m, unsigned queue, uint64_t iova, const void *from,
                           size_t n)
{
    struct pcispace_device *d = requester(m, queue);
    unsigned before = d->dma_refused;
    return judge_dma(m, queue, pcispace_dma_write(d, iova, from, n), before, iova);
}

uint64_t ixgbe_model_at_head(const struct ixgbe_model *m, bool rx, unsigned queue)
{
    uint32_t block = base(rx, queue);
    return ((uint64_t)ixgbe_get(m, block + Q_BAH) << 32 | ixgbe_get(m, block + Q_BAL)) +
           (uint64_t)DESCRIPTOR * ixgbe_get(m, block + Q_HEAD);
}

uint32_t ixgbe_model_waiting(const struct ixgbe_model *m, bool rx, unsigned queue)
{
    uint32_t n = count(m, rx, queue), block = base(rx, queue);
    uint32_t head = ixgbe_get(m, block + Q_HEAD), tail = ixgbe_get(m, block + Q_TAIL);
    if (!n || head >= n || tail >= n || !ixgbe_model_queue_on(m, rx, queue) ||
        (ixgbe_get(m, R_CTRL) & CTRL_MASTER_OFF && !m->lone))
        return 0;
    return (tail + n - head) % n;
}

void ixgbe_model_advance(struct ixgbe_model *m, bool rx, unsigned queue)
{
    uint32_t *head = ixgbe_at(m, base(rx, queue) + Q_HEAD);
    *head = (*head + 1) % count(m, rx, queue);
}

/* Receive ------------------------------------------------------------------------------ */

uint32_t ixgbe_model_rx_held(struct ixgbe_model *m, unsigned queue)
{
    return ixgbe_model_waiting(m, true, queue);
}

bool ixgbe_model_rx_return(struct ixgbe_model *m, unsigned queue, uint64_t low, uint64_t high)
{
    struct descriptor d = { low, high };
    if (!ixgbe_model_waiting(m, true, queue) ||
        !ixgbe_model_dma_write(m, queue, ixgbe_model_at_head(m, true, queue), &d, sizeof d))
        return false;
    ixgbe_model_advance(m, true, queue);
    return true;
}

static uint32_t buffer_size(const struct ixgbe_model *m, unsigned queue)
{
    return (ixgbe_get(m, R_RX(queue) + Q_SRRCTL) & SRRCTL_SIZE) << 10;
}

bool ixgbe_model_rx_fits(struct ixgbe_model *m, unsigned queue, uint32_t bytes)
{
    return (uint64_t)ixgbe_model_waiting(m, true, queue) * buffer_size(m, queue) >= bytes;
}

static bool rx_fill(struct ixgbe_model *m, unsigned queue, const uint8_t *bytes, uint32_t n,
                    struct descriptor result)
{
    struct descriptor d;
    if (!ixgbe_model_dma_read(m, queue, ixgbe_model_at_head(m, true, queue), &d, sizeof d))
        return false;
    if (!d.low)
        ixgbe_model_violation(m, owner(m, queue), "receive descriptor not ready", R_RX(queue),
                              d.high);
    return ixgbe_model_dma_write(m, queue, d.low, bytes, n) &&
           ixgbe_model_rx_return(m, queue, result.low, result.high);
}

/* What the last descriptor says; the others say DD and a length. */
static struct descriptor rx_result(const struct ixgbe_rx_how *how, uint32_t n, bool end,
                                   uint16_t tag)
{
    struct descriptor d = { 0, (uint64_t)n << 32 | RX_DD };
    if (!end)
        return d;
    d.low = (uint64_t)how->hash << 32 | how->packet_type << 4 | how->hash_type;
    d.high |= (uint64_t)tag << 48 | how->status | RX_EOP;
    return d;
}

bool ixgbe_model_rx_store(struct ixgbe_model *m, unsigned queue, const struct ixgbe_frame *f,
                          const struct ixgbe_rx_how *how)
{
    static uint8_t bytes[IXGBE_MODEL_FRAME + VLAN_TAG];
    struct ixgbe_rx_how h = *how;
    bool strip = (ixgbe_get(m, R_RX(queue) + Q_CTL) & CTL_VME) && ixgbe_is_tagged(f);
    uint32_t length = f->length - (strip ? VLAN_TAG : 0), size = buffer_size(m, queue);
    memcpy(bytes, f->bytes, f->length);
    if (strip)
        memmove(bytes + 12, bytes + 12 + VLAN_TAG, length - 12);
    memset(bytes + length, 0xfc, FCS);
    length += h.strip_crc ? 0 : FCS;
    h.status |= (strip ? RX_VP : 0) | (f->from != ANY_POOL ? RX_LOCAL : 0);
    for (uint32_t done = 0, n; done < length; done += n) {
        n = length - done < size ? length - done : size;
        bool end = done + n == length;
        struct descriptor d = rx_result(&h, n, end, strip ? ixgbe_tag(f) : 0);
        if (!rx_fill(m, queue, bytes + done, n, d))
            return false;
    }
    ixgbe_model_irq_queue(m, true, queue);
    return true;
}
