/* ixgbe_model_transmit.c - transmit queues of the ixgbe model: descriptors, contexts, checksums,
 * segmentation, rates.  Witnesses: Linux ixgbe and DPDK agree; unread: 82599 DS 7.2. */
#include "tests/models/ixgbe_model_internal.h"

#include "kernel/time.h"

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

#define TCP_FLAGS_AT 13u
#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

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

/* Checksums ---------------------------------------------------------------------------- */

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t sum16(uint32_t sum, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i + 1 < n; i += 2)
        sum += get16(bytes + i);
    sum += n % 2 ? (uint32_t)bytes[n - 1] << 8 : 0;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static uint32_t mac_length(const struct tx_frame *f)
{
    return FIELD_GET(CTX_MACLEN, f->context[0]);
}

static uint32_t ip_length(const struct tx_frame *f)
{
    return f->context[0] & CTX_IPLEN;
}

/* The driver has put the pseudo header's sum where the checksum belongs. */
static bool insert_sums(struct ixgbe_model *m, unsigned queue, const struct tx_frame *f,
                        uint8_t *bytes, uint32_t length)
{
    uint32_t ip = mac_length(f), l4 = ip + ip_length(f);
    uint32_t kind = FIELD_GET(CTX_L4, f->context[2]), at = l4 + (kind == CTX_L4_TCP ? 16 : 6);
    if (f->info & TX_IXSM) {
        if (!(f->context[2] & CTX_IPV4) || ip_length(f) < 20 || l4 > length)
            return tx_wrong(m, queue, "IP checksum of no IPv4 header", f->context[0]);
        put16(bytes + ip + 10, 0);
        put16(bytes + ip + 10, ~sum16(0, bytes + ip, ip_length(f)) & 0xffff);
    }
    if (!(f->info & TX_TXSM))
        return true;
    if (kind > CTX_L4_TCP || at + 2 > length || !ip_length(f))
        return tx_wrong(m, queue, "transport checksum outside of the frame", f->context[0]);
    uint32_t sum = ~sum16(0, bytes + l4, length - l4) & 0xffff;
    put16(bytes + at, sum || kind == CTX_L4_TCP ? sum : 0xffff);
    return true;
}

/* Segmentation -------------------------------------------------------------------------- */

/* Headers of one piece: lengths, identification, sequence number, flags; the pseudo header's sum
 * that the driver left has no length in it. */
static void cut_headers(const struct tx_frame *f, uint8_t *bytes, uint32_t piece, uint32_t done,
                        uint32_t n, bool last)
{
    uint8_t *ip = bytes + mac_length(f), *tcp = ip + ip_length(f);
    bool tcp_kind = FIELD_GET(CTX_L4, f->context[2]) == CTX_L4_TCP;
    uint32_t l4 = FIELD_GET(CTX_L4LEN, f->context[3]) + n;
    uint32_t sum_at = tcp_kind ? 16 : 6;
    if (f->context[2] & CTX_IPV4) {
        put16(ip + 2, ip_length(f) + l4);
        put16(ip + 4, get16(ip + 4) + piece);
    } else {
        put16(ip + 4, ip_length(f) - 40 + l4);
    }
    if (tcp_kind) {
        uint32_t seq = get16(tcp + 4) << 16 | get16(tcp + 6);
        put16(tcp + 4, (seq + done) >> 16);
        put16(tcp + 6, seq + done);
        if (!last)
            tcp[TCP_FLAGS_AT] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        if (piece)
            tcp[TCP_FLAGS_AT] &= (uint8_t)~TCP_CWR;
    } else {
        put16(tcp + 4, l4);
    }
    uint8_t pseudo[4];
    put16(pseudo, get16(tcp + sum_at));
    put16(pseudo + 2, l4);
    put16(tcp + sum_at, sum16(0, pseudo, 4));
}

static void emit(struct ixgbe_model *m, unsigned queue, const struct tx_frame *f,
                 const uint8_t *bytes, uint32_t length);

static void segment(struct ixgbe_model *m, unsigned queue, const struct tx_frame *f)
{
    static uint8_t piece[IXGBE_MODEL_FRAME + VLAN_TAG];
    uint32_t head = mac_length(f) + ip_length(f) + FIELD_GET(CTX_L4LEN, f->context[3]);
    uint32_t mss = FIELD_GET(CTX_MSS, f->context[3]);
    if (!mss || head + mss > IXGBE_MODEL_FRAME || head >= f->length ||
        f->payload != f->length - head) {
        tx_wrong(m, queue, "segmentation with wrong lengths", f->payload);
        return;
    }
    for (uint32_t done = 0, number = 0, n; done < f->payload; done += n, number++) {
        n = f->payload - done < mss ? f->payload - done : mss;
        memcpy(piece, f->bytes, head);
        memcpy(piece + head, f->bytes + head + done, n);
        cut_headers(f, piece, number, done, n, done + n == f->payload);
        emit(m, queue, f, piece, head + n);
    }
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
    if (queue < 16) {
        ixgbe_model_count(m, R_QPTC(queue), 1);
        ixgbe_model_count_octets(m, R_QBTC(queue), length + FCS);
    }
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
