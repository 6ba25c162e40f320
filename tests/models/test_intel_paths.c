/* The ways of Intel's queues to receive and to send (intel_burst.h), whatever their descriptors: by
 * fours and in batches, and one at a time.  On the same random rings, from a device that tells
 * whatever it likes, both give the same frames, counters and drops; so do bursts that look for
 * echoes, of which there are none. */
#include "kernel/mmio.h"
#include "kernel/random.h"
#include "nic/intel/e1000/e1000_regs.h"
#include "nic/intel/e1000/e1000_ring.h"
#include "nic/intel/i40e/i40e_ring.h"
#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/intel_advanced.h"
#include "nic/intel/ixgbe/ixgbe_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"

#include <stdlib.h>
#include <string.h>

#define POOL_PACKETS 512u
#define RING 64u
#define BLOCKS 0x10000000u
#define BLOCK 0x40u
#define SEEDS 400u
#define STEPS 60u
#define BURST_MOST 70u

/* A port of its own on rings, registers, pool and cache of its own; two of them live side by side.
 */
struct side {
    struct packet_pool *pool;
    struct packet_cache cache;
    struct dma_device device;
    struct port port;
    union {
        struct intel_rxq q;
        struct adv_rxq adv;
        struct i40e_rxq i40e;
    } rx;
    union {
        struct intel_txq q;
        struct adv_txq adv;
        struct i40e_txq i40e;
    } tx;
    struct adv_echo echo;
    uint32_t regs[0x4000 / 4];
    uint32_t returned, done; /* by the device */
    struct packet *kept[BURST_MOST];
    unsigned kept_count;
};

static struct side sides[2];

static uint64_t block_read(void *ctx, uint64_t offset, unsigned size)
{
    return ((struct side *)ctx)->regs[offset / 4];
}

static void block_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    ((struct side *)ctx)->regs[offset / 4] = (uint32_t)value;
}

static uint64_t seed;

static uint32_t below(uint32_t n)
{
    seed = random_mix(seed + 0x9e3779b97f4a7c15ull);
    return (uint32_t)(seed >> 33) % n;
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

/* Descriptors ----------------------------------------------------------------- */

/* What a device tells of a buffer. */
struct told {
    bool end, tagged, error, looked, bad, hashed;
    uint16_t tci, length;
    uint32_t kind, hash;
};

/* Words 0 and 1 that tell it. */
typedef void say_fn(const struct told *t, uint64_t word[2]);

static uint64_t when(bool is, uint64_t bits)
{
    return is ? bits : 0;
}

static void say_advanced(const struct told *t, uint64_t word[2], uint64_t error, uint64_t bad)
{
    word[0] = (t->kind & 0xff) | (uint64_t)t->hash << 32;
    word[1] = ADV_RXD_DD | when(t->end, ADV_RXD_EOP) | when(t->tagged, ADV_RXD_VP) |
              when(t->error, error) | when(t->looked, ADV_RXD_IPCS) | when(t->bad, bad) |
              (uint64_t)t->length << 32 | (uint64_t)t->tci << 48;
}

static void say_igb(const struct told *t, uint64_t word[2])
{
    say_advanced(t, word, IGB_RXD_RXE, IGB_RXD_IPE);
}

static void say_ixgbe(const struct told *t, uint64_t word[2])
{
    say_advanced(t, word, IXGBE_RXD_RXE, IXGBE_RXD_IPE);
}

static void say_legacy(const struct told *t, uint64_t word[2])
{
    word[0] = t->hash;
    word[1] = E1000_RXD_DD | when(t->end, E1000_RXD_EOP) | when(t->tagged, E1000_RXD_VP) |
              when(t->error, E1000_RXD_ERRORS & (uint64_t)t->hash << 40) |
              when(t->looked, E1000_RXD_IPCS) | when(t->hashed, E1000_RXD_IXSM) |
              when(t->bad, E1000_RXD_IPE) | t->length | (uint64_t)t->tci << 48;
}

static void say_base(const struct told *t, uint64_t word[2])
{
    word[0] = (uint64_t)t->tci << 16 | (uint64_t)t->hash << 32;
    word[1] = I40E_RXD_DD | when(t->end, I40E_RXD_EOP) | when(t->tagged, I40E_RXD_L2TAG1P) |
              when(t->error, I40E_RXD_RXE) | when(t->looked, I40E_RXD_L3L4P) |
              when(t->bad, I40E_RXD_IPE) |
              FIELD_PUT(I40E_RXD_FLTSTAT, t->hashed ? 3ull : t->hash % 3ull) |
              FIELD_PUT(I40E_RXD_PTYPE, t->kind % 40 + 0ull) |
              FIELD_PUT(I40E_RXD_LENGTH, t->length + 0ull);
}

static void say_flexible(const struct told *t, uint64_t word[2])
{
    word[0] = 2 | FIELD_PUT(I40E_RXF_PTYPE, t->kind % 40 + 0ull) |
              FIELD_PUT(I40E_RXF_LENGTH, t->length + 0ull);
    word[1] = I40E_RXD_DD | when(t->end, I40E_RXD_EOP) | when(t->tagged, I40E_RXF_L2TAG1P) |
              when(t->error, I40E_RXF_RXE) | when(t->looked, I40E_RXF_L3L4P) |
              when(t->bad, I40E_RXF_IPE) | when(t->hashed, I40E_RXF_HASH_VALID) |
              (uint64_t)t->tci << 16 | (uint64_t)t->hash << 32;
}

/* Formats ----------------------------------------------------------------------- */

static void enable_advanced(struct side *s, uint8_t *regs, bool long_frames)
{
    s->rx.adv.block = regs;
    s->tx.adv.block = regs + BLOCK;
    assert_int_equal(adv_rxq_enable(&s->rx.adv, "side", long_frames, true), 0);
    assert_int_equal(adv_txq_enable(&s->tx.adv, "side"), 0);
}

static void init_igb(struct side *s)
{
    adv_rxq_init(&s->rx.adv, &s->port, 0, &adv_format_igb);
    adv_txq_init(&s->tx.adv, &s->port, 0, &adv_format_igb);
}

static void init_ixgbe(struct side *s)
{
    adv_rxq_init(&s->rx.adv, &s->port, 0, &adv_format_ixgbe);
    adv_txq_init(&s->tx.adv, &s->port, 0, &adv_format_ixgbe);
}

static void init_legacy(struct side *s)
{
    intel_rxq_init(&s->rx.q, &s->port, 0, e1000_rx_burst);
    intel_txq_init(&s->tx.q, &s->port, 0, e1000_tx_burst);
}

static void enable_legacy(struct side *s, uint8_t *regs, bool long_frames)
{
    s->rx.q.keeps_fcs = long_frames;
    e1000_rxq_enable(&s->rx.q, regs);
    e1000_txq_enable(&s->tx.q, regs);
}

static void init_16(struct side *s)
{
    i40e_rxq_init(&s->rx.i40e, &s->port, 0, I40E_RX_16);
    i40e_txq_init(&s->tx.i40e, &s->port, 0);
}

static void init_32(struct side *s)
{
    i40e_rxq_init(&s->rx.i40e, &s->port, 0, I40E_RX_32);
    i40e_txq_init(&s->tx.i40e, &s->port, 0);
}

static void init_flex(struct side *s)
{
    i40e_rxq_init(&s->rx.i40e, &s->port, 0, I40E_RX_FLEX);
    i40e_txq_init(&s->tx.i40e, &s->port, 0);
}

static void enable_i40e(struct side *s, uint8_t *regs, bool long_frames)
{
    i40e_rxq_live(&s->rx.i40e, regs);
    i40e_txq_live(&s->tx.i40e, regs + BLOCK);
}

static const struct format {
    const char *name;
    void (*init)(struct side *s);
    void (*enable)(struct side *s, uint8_t *regs, bool long_frames);
    say_fn *say;
    uint64_t report, sent; /* a sent descriptor's bits */
} formats[] = {
    { "igb", init_igb, enable_advanced, say_igb, ADV_TXD_RS, ADV_TXD_DD },
    { "ixgbe", init_ixgbe, enable_advanced, say_ixgbe, ADV_TXD_RS, ADV_TXD_DD },
    { "e1000", init_legacy, enable_legacy, say_legacy, E1000_TXD_RS, E1000_TXD_DD },
    { "i40e, 16 octets", init_16, enable_i40e, say_base, I40E_TXD_RS, I40E_TXD_DTYPE },
    { "i40e, 32 octets", init_32, enable_i40e, say_base, I40E_TXD_RS, I40E_TXD_DTYPE },
    { "i40e, flexible", init_flex, enable_i40e, say_flexible, I40E_TXD_RS, I40E_TXD_DTYPE },
};

static const struct format *format;

static bool is_advanced(void)
{
    return format->enable == enable_advanced;
}

/* Two sides ------------------------------------------------------------------- */

static uint64_t window_of(unsigned i)
{
    return BLOCKS + i * 0x10000u;
}

static void side_begin(struct side *s, unsigned i, bool check)
{
    const struct host_window window = { .base = window_of(i),
                                        .size = sizeof s->regs,
                                        .read = block_read,
                                        .write = block_write,
                                        .ctx = s };
    memset(s, 0, sizeof *s);
    host_add_mmio(&window);
    s->pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&s->cache, s->pool);
    assert_int_equal(dma_share(&s->device, packet_pool_memory(s->pool), DMA_BIDIRECTIONAL), 0);
    s->port = (struct port){ .mtu = MTU_DEFAULT, .number = 7 };
    format->init(s);
    if (is_advanced())
        s->tx.adv.check = check;
    else if (check && format->enable == enable_i40e)
        s->tx.i40e.push = true;
    s->rx.q.queue.cache = s->tx.q.queue.cache = &s->cache;
    s->rx.q.queue.size = s->tx.q.queue.size = RING;
    intel_set_alone(i);
    assert_int_equal(intel_rxq_create(&s->rx.q, &s->device), 0);
    assert_int_equal(intel_txq_create(&s->tx.q, &s->device), 0);
    intel_set_alone(false);
}

static void side_end(struct side *s)
{
    packet_free_burst(&s->cache, s->kept, s->kept_count);
    if (is_advanced()) {
        adv_rxq_disable(&s->rx.adv, "side");
        adv_txq_disable(&s->tx.adv, "side");
    }
    intel_rxq_destroy(&s->rx.q, &s->device);
    intel_txq_destroy(&s->tx.q, &s->device);
    dma_unshare(&s->device, packet_pool_memory(s->pool));
    packet_cache_flush(&s->cache);
    assert_int_equal(packet_pool_available(s->pool), POOL_PACKETS); /* each once */
    packet_pool_destroy(s->pool);
}

static void begin(const struct format *of, uint64_t of_seed, bool long_frames)
{
    host_reset();
    seed = of_seed;
    format = of;
    bool check = one_in(3);
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &sides[i];
        side_begin(s, i, check);
        if (i && of_seed % 7 == 0 && of == &formats[0]) /* of which none ever comes back */
            s->rx.adv.echo = s->tx.adv.echo = &s->echo;
        format->enable(s, mmio_map(window_of(i), sizeof s->regs), long_frames);
    }
}

static void end(void)
{
    side_end(&sides[0]);
    side_end(&sides[1]);
}

/* The device ------------------------------------------------------------------ */

static struct intel_rx_desc *given(struct side *s, uint32_t i)
{
    return &s->rx.q.ring[(i & s->rx.q.mask) << s->rx.q.wide];
}

/* A frame's bytes, as long as the buffer is. */
static void fill(struct side *s, uint32_t i, uint32_t length, uint8_t with)
{
    struct packet *p = s->rx.q.packets[i & s->rx.q.mask];
    memset(p->data, with, length < s->rx.q.room ? length : s->rx.q.room);
}

static uint32_t any_length(void)
{
    static const uint32_t edges[] = { 0,    1,    13,     14,     15,     59,    60,   61,
                                      127,  128,  1500,   1522,   1523,   1920,  1921, 2047,
                                      2048, 2049, 0x7fff, 0x8000, 0x803c, 0xffff };
    return one_in(3) ? edges[below(ARRAY_SIZE(edges))] : 60 + below(1400);
}

/* Most are plain; the others may say anything. */
static void return_one(void)
{
    struct told t = { .end = true,
                      .looked = !one_in(3),
                      .bad = one_in(8),
                      .hashed = one_in(2),
                      .length = (uint16_t)(64 + below(64)),
                      .kind = one_in(4) ? 0x10u + below(3) : below(256),
                      .hash = below(1u << 31) };
    uint64_t word[2], noise = one_in(24) ? (uint64_t)below(1u << 30) << 2 : 0;
    if (one_in(6)) {
        t.length = (uint16_t)any_length();
        t.end = !one_in(4);
        t.tagged = one_in(4);
        t.error = one_in(4);
        t.tci = (uint16_t)below(1u << 16);
    }
    format->say(&t, word);
    uint8_t with = (uint8_t)below(256);
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &sides[i];
        if (s->returned == s->rx.q.tail)
            continue;
        fill(s, s->returned, t.length, with);
        given(s, s->returned)->address = word[0];
        given(s, s->returned++)->result = word[1] | noise;
    }
}

/* Any word anywhere, done or not, given or not.  What bytes a frame has that was told so is
 * nobody's business. */
static bool hostile;

static void scribble(void)
{
    uint32_t slot = below(RING);
    uint64_t believable[2], word = (uint64_t)below(1u << 31) << 33 | below(1u << 31) * 3ull;
    const struct told t = { .end = true, .length = (uint16_t)(64 + below(1500)) };
    bool result = one_in(2);
    format->say(&t, believable);
    if (one_in(3))
        word = believable[result];
    for (unsigned i = 0; i < 2; i++)
        *(result ? &given(&sides[i], slot)->result : &given(&sides[i], slot)->address) = word;
}

/* What a side sent: until the tail that it told. */
static void take_sent(unsigned n)
{
    for (; n; n--)
        for (unsigned i = 0; i < 2; i++) {
            struct side *s = &sides[i];
            if (s->done != s->tx.q.tail)
                s->tx.q.ring[s->done++ & s->tx.q.mask].command |= format->sent;
        }
}

/* Both do, and are alike --------------------------------------------------------- */

static void frames_alike(const struct packet *a, const struct packet *b)
{
    assert_int_equal(a->frame_length, b->frame_length);
    assert_int_equal(a->flags, b->flags);
    if (a->flags & PACKET_HASH)
        assert_int_equal(a->hash, b->hash);
    assert_int_equal(a->port, b->port);
    assert_int_equal(a->interface, PACKET_INTERFACE_NONE);
    assert_int_equal(b->interface, PACKET_INTERFACE_NONE);
    if (a->flags & PACKET_VLAN)
        assert_int_equal(a->vlan, b->vlan);
    for (; a && b; a = a->next, b = b->next) {
        assert_int_equal(a->length, b->length);
        assert_int_equal(a->data - a->buffer, b->data - b->buffer);
        if (!hostile)
            assert_memory_equal(a->data, b->data, a->length);
    }
    assert_ptr_equal(a, b);
}

static void counters_alike(const struct port_queue *a, const struct port_queue *b)
{
    assert_int_equal(a->packets, b->packets);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->errors, b->errors);
}

static unsigned received, by_fours, hashes, verdicts[3], tags;

static void receive_both(uint16_t n)
{
    struct packet *got[2][BURST_MOST];
    uint16_t count[2];
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &sides[i];
        packet_free_burst(&s->cache, s->kept, s->kept_count);
        count[i] = port_rx_burst(&s->rx.q.queue, got[i], n);
        memcpy(s->kept, got[i], count[i] * sizeof got[i][0]);
        s->kept_count = count[i];
    }
    assert_int_equal(count[0], count[1]);
    for (unsigned k = 0; k < count[0]; k++) {
        frames_alike(got[0][k], got[1][k]);
        hashes += !!(got[0][k]->flags & PACKET_HASH);
        verdicts[got[0][k]->flags & (PACKET_IP_CHECKSUM_GOOD | PACKET_IP_CHECKSUM_BAD)]++;
        tags += !!(got[0][k]->flags & PACKET_VLAN);
    }
    counters_alike(&sides[0].rx.q.queue, &sides[1].rx.q.queue);
    assert_int_equal(sides[0].rx.q.head, sides[1].rx.q.head);
    assert_int_equal(sides[0].rx.q.tail, sides[1].rx.q.tail);
    received += count[0];
    by_fours += count[0] >= 4;
}

static struct packet *frame_to_send(struct side *s, uint32_t length, uint32_t segment, bool tagged)
{
    static const uint8_t bytes[4096] = { 1, 2, 3, 4 };
    struct packet *p = conformance_packet(&s->cache, bytes, length, segment);
    if (p && tagged) {
        p->flags |= PACKET_VLAN;
        p->vlan = (uint16_t)length;
    }
    return p;
}

/* All that the chip is told of what lies in the ring, but for who is asked about. */
static void rings_alike(uint32_t from)
{
    const struct intel_txq *a = &sides[0].tx.q, *b = &sides[1].tx.q;
    for (uint32_t i = from; i != a->tail; i++) {
        const struct intel_tx_desc *x = &a->ring[i & a->mask], *y = &b->ring[i & b->mask];
        assert_int_equal(x->command & ~format->report, y->command & ~format->report);
        if (is_advanced() && (x->command & ADV_TXD_DATA) == ADV_TXD_CONTEXT)
            assert_int_equal(x->address, y->address);
    }
}

static unsigned sent, left_over;

/* Where the two differ in what they take it is because they know of less that is sent. */
static void send_both(uint16_t n)
{
    struct packet *p[2][BURST_MOST];
    uint32_t tail = sides[0].tx.q.tail;
    for (unsigned k = 0; k < n; k++) {
        uint32_t length = one_in(8) ? below(1700) : 60 + below(200), segment = 20 + below(300);
        bool whole = !one_in(8), tagged = one_in(8);
        for (unsigned i = 0; i < 2; i++)
            p[i][k] = frame_to_send(&sides[i], length, whole ? 1900 : segment,
                                    tagged && sides[i].tx.q.insert);
        if (!p[0][k] || !p[1][k]) {
            for (unsigned i = 0; i < 2; i++)
                packet_free(&sides[i].cache, p[i][k]);
            n = (uint16_t)k;
        }
    }
    uint16_t taken[2];
    for (unsigned i = 0; i < 2; i++) {
        taken[i] = port_tx_burst(&sides[i].tx.q.queue, p[i], n);
        packet_free_burst(&sides[i].cache, &p[i][taken[i]], n - taken[i]);
    }
    assert_int_equal(taken[0], taken[1]);
    assert_int_equal(sides[0].tx.q.tail, sides[1].tx.q.tail);
    assert_int_equal(mmio_read32(sides[0].tx.q.tail_register),
                     mmio_read32(sides[1].tx.q.tail_register));
    counters_alike(&sides[0].tx.q.queue, &sides[1].tx.q.queue);
    rings_alike(tail);
    sent += taken[0];
    left_over += n - taken[0];
}

/* Rings ------------------------------------------------------------------------ */

static void receiving(const struct format *of, uint64_t of_seed, bool long_frames)
{
    begin(of, of_seed, long_frames);
    hostile = of_seed % 4 == 0;
    for (unsigned i = 0; i < 2; i++) {
        sides[i].port.mtu = long_frames ? 9000 : MTU_DEFAULT;
        intel_rx_set_tags(&sides[i].rx.q, of_seed % 5 == 0, false);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        for (unsigned n = below(one_in(4) ? RING + 1 : 12); n; n--)
            return_one();
        for (unsigned n = hostile ? below(6) : 0; n; n--)
            scribble();
        receive_both((uint16_t)(one_in(2) ? 32 : 1 + below(BURST_MOST - 1)));
        if (one_in(20)) {
            bool strip = one_in(2);
            for (unsigned i = 0; i < 2; i++)
                intel_rx_set_tags(&sides[i].rx.q, strip, strip && of_seed % 2);
        }
    }
    end();
}

static void both_ways_receive_the_same(void **state)
{
    for (const struct format *f = formats; f < formats + ARRAY_SIZE(formats); f++) {
        received = by_fours = hashes = tags = 0;
        memset(verdicts, 0, sizeof verdicts);
        for (uint64_t s = 1; s <= SEEDS; s++)
            receiving(f, s, s % 3 == 0);
        print_message("%s: %u frames, %u bursts of four and more; checksums good %u, bad %u; %u "
                      "hashes, %u tags\n",
                      f->name, received, by_fours, verdicts[PACKET_IP_CHECKSUM_GOOD],
                      verdicts[PACKET_IP_CHECKSUM_BAD], hashes, tags);
        assert_true(by_fours > SEEDS && tags > 10);
        assert_true(verdicts[PACKET_IP_CHECKSUM_GOOD] > SEEDS);
        assert_true(verdicts[PACKET_IP_CHECKSUM_BAD] > 10);
        assert_true(f->enable == enable_i40e ? hashes > SEEDS : !hashes);
    }
}

/* The device is done with all that one side knows of: what the ring holds is the same then. */
static void sending(const struct format *of, uint64_t of_seed)
{
    begin(of, of_seed, false);
    for (unsigned i = 0; i < 2; i++)
        sides[i].tx.q.insert = of_seed % 2;
    for (unsigned step = 0; step < STEPS; step++) {
        take_sent(one_in(3) ? 0 : RING);
        send_both((uint16_t)(one_in(2) ? 32 : 1 + below(BURST_MOST - 1)));
    }
    end();
}

static void both_ways_send_the_same(void **state)
{
    for (const struct format *f = formats; f < formats + ARRAY_SIZE(formats); f++) {
        sent = left_over = 0;
        for (uint64_t s = 1; s <= SEEDS; s++)
            sending(f, s);
        print_message("%s: %u frames, %u for which there was no room\n", f->name, sent, left_over);
        assert_true(sent > 100 * SEEDS && left_over > SEEDS);
    }
}

/* Of a batch that the chip is not wholly done with nothing is given back, and all of it then. */
static void a_batch_is_given_back_as_a_whole(void **state)
{
    for (const struct format *f = formats; f < formats + ARRAY_SIZE(formats); f++) {
        struct side *s = &sides[0];
        struct packet *p[12];
        begin(f, 1, false);
        if (is_advanced())
            s->tx.adv.check = false;
        for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
            p[i] = frame_to_send(s, 60, 1900, false);
        assert_int_equal(port_tx_burst(&s->tx.q.queue, p, 5), 5);
        assert_int_equal(port_tx_burst(&s->tx.q.queue, p + 5, 5), 5);
        for (unsigned i = 0; i < 10; i++)
            assert_int_equal(!!(s->tx.q.ring[i].command & f->report), i == 4 || i == 9);
        for (unsigned i = 0; i < 9; i++)
            s->tx.q.ring[i].command |= i == 4 ? 0 : f->sent;
        assert_int_equal(port_tx_burst(&s->tx.q.queue, p + 10, 1), 1);
        assert_int_equal(s->tx.q.head, 0);
        s->tx.q.ring[4].command |= f->sent;
        assert_int_equal(port_tx_burst(&s->tx.q.queue, p + 11, 1), 1);
        assert_int_equal(s->tx.q.head, 5);
        end();
    }
}

/* Four by four up to the ring's end and round it, whatever was taken one at a time before. */
static void fours_go_round_the_ring(void **state)
{
    hostile = false;
    for (unsigned first = 0; first < 8 * ARRAY_SIZE(formats); first++) {
        begin(&formats[first / 8], first + 1, false);
        for (unsigned turn = 0; turn < 3 * RING; turn++) {
            unsigned n = turn ? 1 + turn % 13 : first % 8;
            for (unsigned i = 0; i < n; i++)
                return_one();
            receive_both(32);
        }
        end();
    }
}

static void the_way_is_told(void **state)
{
    for (const struct format *f = formats; f < formats + ARRAY_SIZE(formats); f++) {
        struct side *s = &sides[0];
        begin(f, 2, false);
        assert_string_equal(intel_path(&s->rx.q.queue), "four descriptors at a time");
        assert_string_equal(intel_path(&s->tx.q.queue), "batches of up to 32 frames");
        intel_rx_set_tags(&s->rx.q, true, true);
        assert_string_equal(intel_path(&s->rx.q.queue),
                            "one descriptor at a time: tags are taken off");
        intel_rx_set_tags(&s->rx.q, false, false);
        assert_non_null(strstr(intel_path(&sides[1].rx.q.queue), "one descriptor at a time"));
        assert_non_null(strstr(intel_path(&sides[1].tx.q.queue), "one frame at a time"));
        end();
    }
}

static void echoes_are_looked_for_one_at_a_time(void **state)
{
    struct side *s = &sides[0];
    begin(&formats[0], 2, false);
    assert_string_equal(adv_path(&s->rx.q.queue), "four descriptors at a time");
    assert_string_equal(adv_path(&s->tx.q.queue), "batches of up to 32 frames");
    s->rx.adv.echo = s->tx.adv.echo = &s->echo;
    assert_non_null(strstr(adv_path(&s->rx.q.queue), "looks for frames it sent itself"));
    assert_non_null(strstr(adv_path(&s->tx.q.queue), "one frame at a time: notes what it sends"));
    s->rx.adv.echo = s->tx.adv.echo = NULL;
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_receive_the_same),
        cmocka_unit_test(both_ways_send_the_same),
        cmocka_unit_test(a_batch_is_given_back_as_a_whole),
        cmocka_unit_test(fours_go_round_the_ring),
        cmocka_unit_test(the_way_is_told),
        cmocka_unit_test(echoes_are_looked_for_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
