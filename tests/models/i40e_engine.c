/* i40e_engine.c - queues of Intel's 40 Gb/s chips (i40e_engine.h). */
#include "tests/models/i40e_engine.h"

#include "kernel/compiler.h"
#include "kernel/mmio.h"
#include "nic/ethernet.h"
#include "tests/models/intel_seen.h"
#include "tests/models/intel_sent.h"

#include <string.h>

#define FCS 4u
#define SENT_MIN 17u /* shorter ones the chip does not send */
#define PADDED 60u
#define DESCRIPTORS_MAX 8u /* of one frame on the wire */
#define SEGMENTED_MAX (256u << 10)
#define RX_BUFFERS_MAX 5u /* chained for one frame */

/* Receive, base: word 1 */
#define RX_DD 0x1ull
#define RX_EOF 0x2ull
#define RX_L2TAG1P 0x4ull
#define RX_L3L4P 0x8ull
#define RX_CRCP 0x10ull
#define RX_FLTSTAT_RSS 0x3000ull
#define RX_IPE 0x400000ull
#define RX_L4E 0x800000ull
#define RX_PTYPE 0x0000003fc0000000ull
#define RX_LENGTH 0x000fffc000000000ull
/* flexible: word 0 and word 1 */
#define FLEX_RXDID 0xffull
#define FLEX_PTYPE 0x03ff0000ull
#define FLEX_LENGTH 0x00003fff00000000ull
#define FLEX_IPE 0x10ull
#define FLEX_L4E 0x20ull
#define FLEX_CRCP 0x800ull
#define FLEX_RSS 0x1000ull
#define FLEX_L2TAG1P 0x2000ull
/* word 2, its uppermost 16 bits L2TAG2 (2nd) */
#define RX_L2TAG2P 0x1ull
#define FLEX_L2TAG2P 0x800ull

/* Transmit, word 1 */
#define TX_DTYPE 0xfull
#define TX_DATA 0x0ull
#define TX_CONTEXT 0x1ull
#define TX_FILTER 0x8ull
#define TX_DONE 0xfull
#define TX_EOP 0x10ull
#define TX_RS 0x20ull
#define TX_ICRC 0x40ull
#define TX_IL2TAG1 0x80ull
#define TX_IIPT 0x600ull /* 1: IPv6, 2: IPv4, 3: with its checksum */
#define TX_L4T 0x3000ull /* 1: TCP, 2: SCTP, 3: UDP */
#define TX_MACLEN 0x00000000007f0000ull
#define TX_IPLEN 0x000000003f800000ull
#define TX_L4LEN 0x00000003c0000000ull
#define TX_LENGTH 0x0000fffc00000000ull
#define TX_TAG 0xffff000000000000ull
#define TX_RESERVED 0x000000000000c900ull
#define CTX_TSO 0x10ull
#define CTX_KNOWN 0xffffffffc00007ffull
#define CTX_TSO_LENGTH 0x0000ffffc0000000ull
#define CTX_MSS 0xfffc000000000000ull

struct words {
    uint64_t w[4];
};

/* Contexts ------------------------------------------------------------------------ */

const char *i40e_queue_context_wrong(const struct i40e_queue_context *c, bool rx)
{
    uint32_t multiple = rx ? 32 : 8;
    if (!c->base || c->base % 128)
        return "ring that does not begin at a multiple of 128";
    if (c->count < multiple || c->count > 8160 || c->count % multiple)
        return "ring of a length that no queue has";
    if (!rx)
        return NULL;
    if (c->buffer < 1024 || c->buffer > 16384 - 128 || c->buffer % 128)
        return "receive buffers of a size that no queue has";
    if (c->max_frame < 64 || c->max_frame > I40E_FRAME_MAX)
        return "longest frame that no queue has";
    return NULL;
}

void i40e_engine_start(struct i40e_engine_queue *q)
{
    q->head = 0;
    q->on = true;
}

static uint32_t width(const struct i40e_engine_queue *q)
{
    return q->context.format == I40E_ENGINE_16 ? 16 : 32;
}

static uint32_t held(const struct i40e_engine_queue *q)
{
    uint32_t count = q->context.count;
    return q->tail < count && q->head < count ? (q->tail + count - q->head) % count : 0;
}

static bool advance(struct i40e_engine_queue *q)
{
    q->head = (q->head + 1) % q->context.count;
    return true;
}

/* Receive --------------------------------------------------------------------------- */

/* Packet types: the outermost IP header and what is in it. */
static uint64_t ptype(const uint8_t *bytes, uint32_t length)
{
    unsigned type = intel_seen_type(bytes, length);
    uint64_t base = type & 0x1 ? 22 : type & 0x4 ? 88 : 0;
    if (!base)
        return 1; /* a MAC header, and nothing that is known behind it */
    return base + (type & 0x20 ? 2 : type & 0x10 ? 4 : 1);
}

static struct words seen(const struct i40e_engine_queue *q, const uint8_t *bytes, uint32_t length,
                         const uint32_t *hash, int32_t tag)
{
    uint32_t sums = intel_seen_checksums(bytes, length, true, true);
    bool looked = sums & 0x60, ip = sums & 0x40000000u, l4 = sums & 0x20000000u;
    uint64_t type = ptype(bytes, length), vlan = tag < 0 ? 0 : (uint64_t)(uint16_t)tag << 16;
    bool flex = q->context.format == I40E_ENGINE_FLEX;
    struct words d = { { 0 } };
    if (tag >= 0 && q->context.second) {
        d.w[2] = vlan << 32 | (flex ? FLEX_L2TAG2P : RX_L2TAG2P);
        vlan = 0;
        tag = -1;
    }
    if (flex) {
        d.w[0] = FIELD_PUT(FLEX_PTYPE, type);
        d.w[1] = (looked ? RX_L3L4P : 0) | (ip ? FLEX_IPE : 0) | (l4 ? FLEX_L4E : 0) | FLEX_CRCP |
                 (hash ? FLEX_RSS : 0) | (tag < 0 ? 0 : FLEX_L2TAG1P | vlan);
        if (hash && q->context.rxdid == I40E_ENGINE_RXDID_OVS)
            d.w[3] = *hash; /* a flow's number is in its place, and there is none */
        else if (hash)
            d.w[1] |= (uint64_t)*hash << 32;
        return d;
    }
    d.w[0] = vlan | (hash ? (uint64_t)*hash << 32 : 0);
    d.w[1] = (looked ? RX_L3L4P : 0) | (ip ? RX_IPE : 0) | (l4 ? RX_L4E : 0) | RX_CRCP |
             (hash ? RX_FLTSTAT_RSS : 0) | (tag < 0 ? 0 : RX_L2TAG1P) | FIELD_PUT(RX_PTYPE, type);
    return d;
}

/* What a descriptor that was given looks like, and whether it may. */
static bool fetch(struct i40e_engine *e, struct i40e_engine_queue *q, uint64_t *buffer)
{
    struct words d = { { 0 } };
    uint64_t at = q->context.base + (uint64_t)q->head * width(q);
    if (pcispace_dma_read(e->device, at, &d, width(q))) {
        e->wrong(e->owner, "receive ring outside of the function's memory", at);
        return false;
    }
    if (d.w[1] & 1)
        e->wrong(e->owner, "receive descriptor given with a header buffer or as done", d.w[1]);
    if (!d.w[0]) {
        e->wrong(e->owner, "receive descriptor without a buffer", q->head);
        return false;
    }
    *buffer = d.w[0];
    return true;
}

bool i40e_engine_return(struct i40e_engine *e, struct i40e_engine_queue *q, const uint64_t words[4])
{
    uint64_t at = q->context.base + (uint64_t)q->head * width(q);
    if (!q->on || !held(q))
        return false;
    /* the word with the status comes last */
    if (width(q) == 32)
        pcispace_dma_write(e->device, at + 16, words + 2, 16);
    pcispace_dma_write(e->device, at, words, 8);
    pcispace_dma_write(e->device, at + 8, words + 1, 8);
    q->done = true;
    return advance(q);
}

static void write_back(struct i40e_engine *e, struct i40e_engine_queue *q,
                       const struct words *about, uint32_t n, bool last)
{
    struct words d = { { 0 } };
    bool flex = q->context.format == I40E_ENGINE_FLEX;
    if (last)
        d = *about;
    d.w[1] |= RX_DD | (last ? RX_EOF : 0) | (flex ? 0 : FIELD_PUT(RX_LENGTH, (uint64_t)n));
    if (flex)
        d.w[0] |=
            FIELD_PUT(FLEX_LENGTH, (uint64_t)n) | FIELD_PUT(FLEX_RXDID, (uint64_t)q->context.rxdid);
    i40e_engine_return(e, q, d.w);
}

bool i40e_engine_receive(struct i40e_engine *e, struct i40e_engine_queue *q, const uint8_t *bytes,
                         uint32_t length, const uint32_t *hash)
{
    static uint8_t copy[I40E_FRAME_MAX + FCS];
    uint32_t extra = q->context.keeps_fcs ? FCS : 0, n = 0;
    int32_t tag = -1;
    if (!q->on || length > sizeof copy - FCS)
        return false;
    memcpy(copy, bytes, length);
    if (q->context.strip && length > 18 && bytes[12] == 0x81 && bytes[13] == 0) {
        tag = bytes[14] << 8 | bytes[15];
        memmove(copy + 12, copy + 16, length - 16);
        length -= VLAN_TAG;
    }
    struct words about = seen(q, copy, length, hash, tag);
    memset(copy + length, 0xfc, extra);
    length += extra;
    if (length + FCS - extra > q->context.max_frame ||
        (length + q->context.buffer - 1) / q->context.buffer > min_u64(held(q), RX_BUFFERS_MAX))
        return false;
    for (uint32_t done = 0; done < length; done += n) {
        uint64_t buffer;
        n = length - done < q->context.buffer ? length - done : q->context.buffer;
        if (!fetch(e, q, &buffer))
            return false;
        if (pcispace_dma_write(e->device, buffer, copy + done, n))
            e->wrong(e->owner, "receive buffer outside of the function's memory", buffer);
        write_back(e, q, &about, n, done + n == length);
    }
    q->frames++;
    return true;
}

/* Transmit ---------------------------------------------------------------------------- */

struct tx_frame {
    uint8_t bytes[SEGMENTED_MAX];
    uint32_t length, descriptors;
    uint64_t first; /* word 1 of the first descriptor */
    uint32_t mss, tso_length;
    bool bad;
};

struct emission {
    struct i40e_engine *e;
    struct i40e_engine_queue *q;
    const struct tx_frame *f;
};

static bool tx_wrong(struct i40e_engine *e, struct tx_frame *f, const char *what, uint64_t value)
{
    f->bad = true;
    e->wrong(e->owner, what, value);
    return false;
}

static void tx_context(struct i40e_engine *e, struct tx_frame *f, const struct words *d)
{
    if (d->w[1] & ~CTX_KNOWN)
        tx_wrong(e, f, "context with reserved or unknown bits", d->w[1]);
    if (f->descriptors)
        tx_wrong(e, f, "context in the middle of a frame", d->w[1]);
    if (!(d->w[1] & CTX_TSO))
        return;
    f->mss = (uint32_t)FIELD_GET(CTX_MSS, d->w[1]);
    f->tso_length = (uint32_t)FIELD_GET(CTX_TSO_LENGTH, d->w[1]);
    if (f->mss < 64 || f->mss > 9668 || !f->tso_length)
        tx_wrong(e, f, "segmentation into pieces of no valid size", d->w[1]);
}

static void tx_data(struct i40e_engine *e, struct tx_frame *f, const struct words *d)
{
    uint32_t n = (uint32_t)FIELD_GET(TX_LENGTH, d->w[1]);
    const uint64_t same = TX_ICRC | TX_IL2TAG1 | TX_IIPT | TX_L4T | TX_MACLEN | TX_IPLEN | TX_L4LEN;
    if (!f->descriptors++)
        f->first = d->w[1];
    if (d->w[1] & TX_RESERVED)
        tx_wrong(e, f, "descriptor with reserved or unknown bits", d->w[1]);
    else if (!(d->w[1] & TX_ICRC))
        tx_wrong(e, f, "frame without FCS", d->w[1]);
    else if (!(d->w[1] & TX_IL2TAG1) && (d->w[1] & TX_TAG))
        tx_wrong(e, f, "a tag that is not to be inserted", d->w[1]);
    else if ((d->w[1] ^ f->first) & same)
        tx_wrong(e, f, "descriptors of one frame that differ", d->w[1]);
    else if (!d->w[0] || !n || f->length + n > (f->mss ? sizeof f->bytes : I40E_FRAME_MAX - FCS))
        tx_wrong(e, f, "descriptor without data or with too much", d->w[1]);
    else if (!f->mss && f->descriptors > DESCRIPTORS_MAX)
        tx_wrong(e, f, "frame of too many descriptors", f->descriptors);
    else if (pcispace_dma_read(e->device, d->w[0], f->bytes + f->length, n))
        tx_wrong(e, f, "frame outside of the function's memory", d->w[0]);
    else
        f->length += n;
}

/* One descriptor; true: the frame ends. */
static bool tx_one(struct i40e_engine *e, struct i40e_engine_queue *q, struct tx_frame *f)
{
    uint64_t at = q->context.base + (uint64_t)q->head * 16, kind;
    struct words d;
    if (pcispace_dma_read(e->device, at, &d, 16)) {
        tx_wrong(e, f, "transmit ring outside of the function's memory", at);
        return advance(q);
    }
    kind = d.w[1] & TX_DTYPE;
    if (kind == TX_CONTEXT)
        tx_context(e, f, &d);
    else if (kind == TX_DATA)
        tx_data(e, f, &d);
    else if (kind != TX_FILTER)
        tx_wrong(e, f, "descriptor of an unknown kind", d.w[1]);
    advance(q);
    if ((d.w[1] & TX_RS) && kind != TX_CONTEXT && !e->hide_writeback) {
        uint64_t done = TX_DONE;
        if (q->context.head_writeback)
            pcispace_dma_write(e->device, q->context.head_address, &q->head, 4);
        else
            pcispace_dma_write(e->device, at + 8, &done, sizeof done);
        q->done = true;
    }
    return kind == TX_DATA && (d.w[1] & TX_EOP);
}

static struct intel_sent asked(const struct tx_frame *f)
{
    uint64_t ip = FIELD_GET(TX_IIPT, f->first), l4 = FIELD_GET(TX_L4T, f->first);
    return (struct intel_sent){ .mac = 2 * (uint32_t)FIELD_GET(TX_MACLEN, f->first),
                                .ip = 4 * (uint32_t)FIELD_GET(TX_IPLEN, f->first),
                                .l4 = 4 * (uint32_t)FIELD_GET(TX_L4LEN, f->first),
                                .mss = f->mss,
                                .ip4 = ip >= 2,
                                .tcp = l4 == 1,
                                .ip_sum = ip == 3,
                                .l4_sum = l4 == 1 || l4 == 3 };
}

static void emit(void *to, const uint8_t *bytes, uint32_t length)
{
    static uint8_t out[I40E_FRAME_MAX + VLAN_TAG];
    const struct emission *x = to;
    struct tx_frame *f = (struct tx_frame *)x->f;
    struct intel_sent s = asked(f);
    if (length > I40E_FRAME_MAX - FCS) {
        tx_wrong(x->e, f, "piece longer than a frame", length);
        return;
    }
    memcpy(out, bytes, length);
    const char *wrong = intel_sent_sums(&s, out, length);
    if (wrong) {
        tx_wrong(x->e, f, wrong, f->first);
        return;
    }
    if (length < PADDED) {
        memset(out + length, 0, PADDED - length);
        length = PADDED;
    }
    if (f->first & TX_IL2TAG1) {
        memmove(out + 16, out + 12, length - 12);
        memcpy(out + 12,
               (uint8_t[]){ 0x81, 0, (uint8_t)(f->first >> 56), (uint8_t)(f->first >> 48) },
               VLAN_TAG);
        length += VLAN_TAG;
    }
    x->q->frames++;
    x->e->sent(x->e->owner, x->q, out, length);
}

static void send_frame(struct i40e_engine *e, struct i40e_engine_queue *q, struct tx_frame *f)
{
    struct intel_sent s = asked(f);
    struct emission x = { e, q, f };
    uint32_t head = s.mac + s.ip + s.l4;
    const char *wrong = NULL;
    if (!f->mss)
        emit(&x, f->bytes, f->length);
    else if (f->tso_length != f->length - head)
        wrong = "segmentation of another length than there is";
    else
        wrong = intel_sent_cut(&s, f->bytes, f->length, emit, &x);
    if (wrong)
        tx_wrong(e, f, wrong, f->first);
}

bool i40e_engine_transmit(struct i40e_engine *e, struct i40e_engine_queue *q)
{
    static struct tx_frame f;
    if (!q->on || !held(q))
        return false;
    /* the bytes need not be cleared */
    memset(&f.length, 0, sizeof f - offsetof(struct tx_frame, length));
    while (!tx_one(e, q, &f))
        if (!held(q)) {
            if (f.descriptors || f.mss)
                tx_wrong(e, &f, "tail in the middle of a frame", q->tail);
            return true;
        }
    if (!f.bad && f.length < SENT_MIN)
        tx_wrong(e, &f, "frame shorter than the chip takes", f.length);
    if (!f.bad)
        send_frame(e, q, &f);
    return true;
}
