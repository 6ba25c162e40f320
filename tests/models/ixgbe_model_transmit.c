/* ixgbe_model_transmit.c - transmit queues of the ixgbe model: descriptors, contexts, checksums,
 * segmentation, rates.  Witnesses: Linux ixgbe and DPDK agree; unread: 82599 DS 7.2. */
#include "tests/models/ixgbe_model_internal.h"

#include "kernel/time.h"
#include "tests/models/intel_sent.h"

#include <string.h>

#define DESCRIPTORS_MAX 40u /* of one frame */
#define SEGMENTED_MAX (256u << 10)
#define WIRE_OVERHEAD 24u /* preamble, FCS, gap */

/* Lower dword of the second quadword, then the upper one */
#define TX_LENGTH 0x0000ffffu
#define TX_TYPE 0x00f00000u
#define TX_CONTEXT 2u
#define TX_DATA 3u
#define TX_EOP 0x01000000u
#define TX_IFCS 0x02000000u
#define TX_RS 0x08000000u
#define TX_DEXT 0x20000000u
#define TX_VLE 0x40000000u
#define TX_TSE 0x80000000u
#define TX_KNOWN (TX_LENGTH | TX_TYPE | TX_EOP | TX_IFCS | TX_RS | TX_DEXT | TX_VLE | TX_TSE)
#define TX_DD 0x00000001u
#define TX_INDEX 0x00000010u
#define TX_CC 0x00000080u
#define TX_IXSM 0x00000100u
#define TX_TXSM 0x00000200u
#define TX_PAYLEN 0xffffc000u

/* A context: dword 0 lengths and tag, dword 2 kinds, dword 3 for segmentation */
#define CTX_IPLEN 0x000001ffu
#define CTX_MACLEN 0x0000fe00u
#define CTX_IPV4 0x00000400u
#define CTX_L4 0x00001800u
#define CTX_L4_TCP 1u
#define CTX_L4LEN 0x0000ff00u
#define CTX_MSS 0xffff0000u

struct descriptor {
    uint64_t low, high;
};

/* A frame being put together, or what is to be cut into several. */
struct tx_frame {
    uint8_t bytes[SEGMENTED_MAX];
    uint32_t length, payload, descriptors, info, command;
    const uint32_t *context;
    uint16_t vlan;
    bool bad;
};

static int owner(struct ixgbe_model *m, unsigned queue)
{
    struct ixgbe_model_vf *vf = ixgbe_model_owner(m, queue);
    return vf ? (int)vf->index : BY_PF;
}

/* With DMATXCTL.MDP_EN (X540) the queue stands still until it is set up again. */
void ixgbe_model_malicious(struct ixgbe_model *m, unsigned queue)
{
    unsigned pool = queue / ixgbe_model_queues_per_pool(m);
    if (!(ixgbe_get(m, R_DMATXCTL) & DMATXCTL_MDP))
        return;
    m->tx[queue].held = true;
    *ixgbe_at(m, R_WVBR + 4 * (pool / 32 % 2)) |= 1u << pool % 32;
    *ixgbe_at(m, R_LVMMC_TX) = queue << 12 | 1;
    ixgbe_model_irq_cause(m, EICR_DETECTED);
}

static bool tx_wrong(struct ixgbe_model *m, unsigned queue, const char *what, uint64_t value)
{
    ixgbe_model_violation(m, owner(m, queue), what, R_TX(queue), value);
    ixgbe_model_malicious(m, queue);
    return false;
}

static void tx_context(struct ixgbe_model *m, unsigned queue, const struct descriptor *d)
{
    unsigned index = d->high >> 36 & 1;
    uint32_t words[4] = { (uint32_t)d->low, (uint32_t)(d->low >> 32), (uint32_t)d->high,
                          (uint32_t)(d->high >> 32) };
    if (!(words[0] & CTX_MACLEN))
        tx_wrong(m, queue, "context without the length of the Ethernet header", words[0]);
    memcpy(m->tx[queue].context[index], words, sizeof words);
    m->tx[queue].context_valid[index] = true;
}

/* What counts for the frame stands in its first descriptor. */
static bool tx_first(struct ixgbe_model *m, unsigned queue, struct tx_frame *f, uint32_t command,
                     uint32_t info)
{
    unsigned index = FIELD_GET(TX_INDEX, info);
    bool wants = (command & (TX_VLE | TX_TSE)) || (info & (TX_IXSM | TX_TXSM | TX_CC));
    f->payload = FIELD_GET(TX_PAYLEN, info);
    f->info = info;
    f->command = command;
    if (!(command & TX_IFCS))
        return tx_wrong(m, queue, "frame without FCS", command);
    /* the switch looks at the frame by the lengths in its context */
    if ((ixgbe_get(m, R_PFDTXGSWC) & SWC_LOOPBACK) && ixgbe_is_vt(m) && !(info & TX_CC))
        return tx_wrong(m, queue, "frame without CC while the switch is on", info);
    if (!wants)
        return true;
    if (!m->tx[queue].context_valid[index])
        return tx_wrong(m, queue, "a context that is not there", info);
    f->context = m->tx[queue].context[index];
    if (command & TX_VLE)
        f->vlan = (uint16_t)(f->context[0] >> 16);
    return true;
}

static bool tx_data(struct ixgbe_model *m, unsigned queue, struct tx_frame *f,
                    const struct descriptor *d)
{
    uint32_t command = (uint32_t)d->high, info = (uint32_t)(d->high >> 32);
    uint32_t n = command & TX_LENGTH;
    uint32_t most = f->command & TX_TSE ? sizeof f->bytes : IXGBE_MODEL_FRAME - FCS;
    if ((command & ~TX_KNOWN) || (info & ~(TX_PAYLEN | TX_INDEX | TX_CC | TX_IXSM | TX_TXSM)))
        return tx_wrong(m, queue, "descriptor with reserved or unknown bits", d->high);
    if (!f->descriptors++ && !tx_first(m, queue, f, command, info))
        return false;
    if (f->command & TX_TSE)
        most = sizeof f->bytes;
    if (f->descriptors > DESCRIPTORS_MAX)
        return tx_wrong(m, queue, "frame of too many descriptors", f->descriptors);
    if (!d->low || !n || f->length + n > most)
        return tx_wrong(m, queue, "descriptor without data or with too much", d->high);
    if (!ixgbe_model_dma_read(m, queue, d->low, f->bytes + f->length, n))
        return false;
    f->length += n;
    return true;
}

/* One descriptor; true: the frame ends. */
static bool tx_one(struct ixgbe_model *m, unsigned queue, struct tx_frame *f, bool *done)
{
    uint64_t at = ixgbe_model_at_head(m, false, queue);
    struct descriptor d;
    if (!ixgbe_model_dma_read(m, queue, at, &d, sizeof d)) {
        f->bad = true;
        ixgbe_model_advance(m, false, queue);
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
        uint64_t result = d.high | (uint64_t)TX_DD << 32;
        ixgbe_model_dma_write(m, queue, at + 8, &result, sizeof result);
        *done = true;
    }
    ixgbe_model_advance(m, false, queue);
    return type != TX_CONTEXT && (command & TX_EOP);
}

/* Checksums and segmentation ------------------------------------------------------------ */

static struct intel_sent asked(const struct tx_frame *f)
{
    const uint32_t *context = f->context;
    return (struct intel_sent){ .mac = FIELD_GET(CTX_MACLEN, context[0]),
                                .ip = context[0] & CTX_IPLEN,
                                .l4 = FIELD_GET(CTX_L4LEN, context[3]),
                                .mss = FIELD_GET(CTX_MSS, context[3]),
                                .ip4 = context[2] & CTX_IPV4,
                                .tcp = FIELD_GET(CTX_L4, context[2]) == CTX_L4_TCP,
                                .ip_sum = f->info & TX_IXSM,
                                .l4_sum = f->info & TX_TXSM };
}

static bool insert_sums(struct ixgbe_model *m, unsigned queue, const struct tx_frame *f,
                        uint8_t *bytes, uint32_t length)
{
    struct intel_sent s = asked(f);
    const char *wrong = s.l4_sum && FIELD_GET(CTX_L4, f->context[2]) > CTX_L4_TCP
                            ? "transport checksum of an unknown transport"
                            : intel_sent_sums(&s, bytes, length);
    return !wrong || tx_wrong(m, queue, wrong, f->context[0]);
}

struct emission {
    struct ixgbe_model *m;
    unsigned queue;
    const struct tx_frame *frame;
};

static void emit(struct ixgbe_model *m, unsigned queue, const struct tx_frame *f,
                 const uint8_t *bytes, uint32_t length);

static void emit_piece(void *to, const uint8_t *bytes, uint32_t length)
{
    const struct emission *e = to;
    emit(e->m, e->queue, e->frame, bytes, length);
}

static void segment(struct ixgbe_model *m, unsigned queue, const struct tx_frame *f)
{
    struct intel_sent s = asked(f);
    uint32_t head = s.mac + s.ip + s.l4;
    const char *wrong = "segmentation with wrong lengths";
    if (head + s.mss <= IXGBE_MODEL_FRAME && f->payload == f->length - head)
        wrong =
            intel_sent_cut(&s, f->bytes, f->length, emit_piece, &(struct emission){ m, queue, f });
    if (wrong)
        tx_wrong(m, queue, wrong, f->payload);
}

/* Frames ---------------------------------------------------------------------------------- */

/* So long until the next one, at link speed / factor. */
static void pace(struct ixgbe_model *m, unsigned queue, uint32_t length)
{
    uint64_t now = time_us() * 1000, *next = &m->tx[queue].next_ns;
    uint32_t rate = m->rate[queue];
    if (!(rate & RTTBCNRC_ON))
        return;
    uint64_t bits = (length + WIRE_OVERHEAD) * 8ull; /* a tenth of a nanosecond each at 10 Gb/s */
    *next = max_u64(*next, now) + (bits * (rate & (RTTBCNRC_INT | RTTBCNRC_DEC)) / 10 >> 14);
}

static void emit(struct ixgbe_model *m, unsigned queue, const struct tx_frame *f,
                 const uint8_t *bytes, uint32_t length)
{
    static uint8_t out[IXGBE_MODEL_FRAME + VLAN_TAG];
    memcpy(out, bytes, length);
    if (f->context && !insert_sums(m, queue, f, out, length))
        return;
    if (length < WIRE_MIN - FCS) {
        if (!(ixgbe_get(m, R_HLREG0) & HLREG0_TXPAD))
            ixgbe_model_violation(m, owner(m, queue), "short frame without padding", R_TX(queue),
                                  length);
        memset(out + length, 0, WIRE_MIN - FCS - length);
        length = WIRE_MIN - FCS;
    }
    pace(m, queue, length);
    unsigned pool = queue / ixgbe_model_queues_per_pool(m);
    struct ixgbe_frame frame = { out, length, pool };
    unsigned n = ixgbe_model_counter_of(m, R_TQSM(0), queue);
    ixgbe_model_count(m, R_QPTC(n), 1);
    ixgbe_model_count_octets(m, R_QBTC(n), length + FCS);
    ixgbe_model_switch_from_pool(m, &frame, f->vlan);
}

static void send_frame(struct ixgbe_model *m, unsigned queue, const struct tx_frame *f)
{
    if (f->command & TX_TSE) {
        segment(m, queue, f);
        return;
    }
    if (f->length < TX_MIN)
        tx_wrong(m, queue, "frame shorter than the chip takes", f->length);
    else if (f->payload != f->length)
        tx_wrong(m, queue, "PAYLEN is not the frame's length", f->payload);
    else
        emit(m, queue, f, f->bytes, f->length);
}

static void tx_frame(struct ixgbe_model *m, unsigned queue)
{
    static struct tx_frame f;
    bool done = false;
    /* the bytes need not be cleared */
    memset(&f.length, 0, sizeof f - offsetof(struct tx_frame, length));
    while (!tx_one(m, queue, &f, &done)) {
        if (ixgbe_model_waiting(m, false, queue))
            continue;
        if (f.descriptors || f.bad)
            ixgbe_model_violation(m, owner(m, queue), "tail in the middle of a frame", R_TX(queue),
                                  0);
        if (done)
            ixgbe_model_irq_queue(m, false, queue);
        return;
    }
    if (!f.bad && !m->tx[queue].held)
        send_frame(m, queue, &f);
    if (done)
        ixgbe_model_irq_queue(m, false, queue);
}

static bool tx_ready(struct ixgbe_model *m, unsigned queue)
{
    unsigned pool = queue / ixgbe_model_queues_per_pool(m);
    bool pool_on = !ixgbe_is_vt(m) || (pool < 64 && ixgbe_bit(m, R_VFTE(0), pool));
    bool paced = (m->rate[queue] & RTTBCNRC_ON) && time_us() * 1000 < m->tx[queue].next_ns;
    return pool_on && !paced && !m->tx[queue].held && ixgbe_model_waiting(m, false, queue);
}

/* What is cut into pieces wants room for all of them. */
static bool wire_has_room(const struct ixgbe_model *m)
{
    return m->wire.used + 2 * SEGMENTED_MAX < m->wire.size;
}

bool ixgbe_model_tx_next(struct ixgbe_model *m)
{
    if (!(ixgbe_get(m, R_DMATXCTL) & DMATXCTL_TE) || !ixgbe_link_up(m) || !wire_has_room(m))
        return false;
    for (unsigned i = 0; i < IXGBE_MODEL_QUEUES; i++) {
        unsigned queue = (m->next_queue + i) % IXGBE_MODEL_QUEUES;
        if (!tx_ready(m, queue))
            continue;
        m->next_queue = queue + 1;
        tx_frame(m, queue);
        return true;
    }
    return false;
}
