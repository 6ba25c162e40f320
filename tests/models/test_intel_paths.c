/* intel_advanced.c's ways to receive and to send: by fours and in batches, and one at a time.  On
 * the same random rings, from a device that tells whatever it likes, both give the same frames,
 * counters and drops; so do bursts that look for echoes, of which there are none. */
#include "kernel/mmio.h"
#include "kernel/random.h"
#include "nic/intel/intel_advanced.h"
#include "nic/intel/intel_regs.h"
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
    struct adv_rxq rx;
    struct adv_txq tx;
    struct adv_echo echo;
    uint32_t regs[2 * BLOCK / 4];
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

/* Two sides ------------------------------------------------------------------- */

static void side_begin(struct side *s, unsigned i, const struct adv_format *format, bool check)
{
    const struct host_window window = { .base = BLOCKS + i * 0x1000u,
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
    adv_rxq_init(&s->rx, &s->port, 0, format);
    adv_txq_init(&s->tx, &s->port, 0, format);
    s->tx.check = check;
    s->rx.q.queue.cache = s->tx.q.queue.cache = &s->cache;
    s->rx.q.queue.size = s->tx.q.queue.size = RING;
    s->rx.block = mmio_map(window.base, sizeof s->regs);
    s->tx.block = s->rx.block + BLOCK;
    assert_int_equal(intel_rxq_create(&s->rx.q, &s->device), 0);
    assert_int_equal(intel_txq_create(&s->tx.q, &s->device), 0);
}

static void side_on(struct side *s, bool alone, bool long_frames)
{
    adv_set_alone(alone);
    assert_int_equal(adv_rxq_enable(&s->rx, "side", long_frames, true), 0);
    assert_int_equal(adv_txq_enable(&s->tx, "side"), 0);
    adv_set_alone(false);
    s->returned = s->done = 0;
}

static void side_off(struct side *s)
{
    adv_rxq_disable(&s->rx, "side");
    adv_txq_disable(&s->tx, "side");
    intel_rxq_drop(&s->rx.q);
    intel_txq_drop(&s->tx.q);
}

static void side_end(struct side *s)
{
    packet_free_burst(&s->cache, s->kept, s->kept_count);
    side_off(s);
    intel_rxq_destroy(&s->rx.q, &s->device);
    intel_txq_destroy(&s->tx.q, &s->device);
    dma_unshare(&s->device, packet_pool_memory(s->pool));
    packet_cache_flush(&s->cache);
    assert_int_equal(packet_pool_available(s->pool), POOL_PACKETS); /* each once */
    packet_pool_destroy(s->pool);
}

static void begin(uint64_t of_seed, bool long_frames)
{
    const struct adv_format *format;
    bool check;
    host_reset();
    seed = of_seed;
    format = one_in(2) ? &adv_format_ixgbe : &adv_format_igb;
    check = one_in(3);
    for (unsigned i = 0; i < 2; i++) {
        side_begin(&sides[i], i, format, check);
        if (i && of_seed % 7 == 0 && format == &adv_format_igb) /* of which none ever comes back */
            sides[i].rx.echo = sides[i].tx.echo = &sides[i].echo;
        side_on(&sides[i], i, long_frames);
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
    return &s->rx.q.ring[i & s->rx.q.mask];
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
    uint64_t info = (uint64_t)below(256) | (one_in(4) ? (uint64_t)below(1u << 30) << 32 : 0);
    uint64_t result = ADV_RXD_DD | ADV_RXD_EOP | (one_in(3) ? 0 : ADV_RXD_IPCS);
    uint32_t length = 60 + below(64);
    if (one_in(6)) {
        length = any_length();
        result ^= one_in(4) ? ADV_RXD_EOP : 0;
        result |= one_in(4) ? ADV_RXD_VP : 0;
        result |= one_in(4) ? below(1u << 30) << 2 : 0;
        result |= (uint64_t)below(1u << 16) << 48;
    }
    result |= one_in(8) ? 0xc0000000u : 0; /* checksums that are wrong; with igb, or bad frames */
    uint8_t with = (uint8_t)below(256);
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &sides[i];
        if (s->returned == s->rx.q.tail)
            continue;
        fill(s, s->returned, length, with);
        given(s, s->returned)->address = info;
        given(s, s->returned++)->result = result | (uint64_t)length << 32;
    }
}

/* Any word anywhere, done or not, given or not.  What bytes a frame has that was told so is
 * nobody's business. */
static bool hostile;

static void scribble(void)
{
    uint32_t slot = below(RING);
    uint64_t word = (uint64_t)below(1u << 31) << 33 | below(1u << 31) * 3ull;
    bool result = one_in(2);
    if (result && one_in(2)) /* believable */
        word = ADV_RXD_DD | ADV_RXD_EOP | (uint64_t)(60 + below(1500)) << 32;
    for (unsigned i = 0; i < 2; i++)
        *(result ? &sides[i].rx.q.ring[slot].result : &sides[i].rx.q.ring[slot].address) = word;
}

/* What a side sent: until the tail that it told. */
static void take_sent(unsigned n)
{
    for (; n; n--)
        for (unsigned i = 0; i < 2; i++) {
            struct side *s = &sides[i];
            if (s->done != s->tx.q.tail)
                s->tx.q.ring[s->done++ & s->tx.q.mask].command |= ADV_TXD_DD;
        }
}

/* Both do, and are alike --------------------------------------------------------- */

static void frames_alike(const struct packet *a, const struct packet *b)
{
    assert_int_equal(a->frame_length, b->frame_length);
    assert_int_equal(a->flags, b->flags);
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

static unsigned received, by_fours;

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
    for (unsigned k = 0; k < count[0]; k++)
        frames_alike(got[0][k], got[1][k]);
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
        assert_int_equal(x->command & ~ADV_TXD_RS, y->command & ~ADV_TXD_RS);
        if ((x->command & ADV_TXD_DATA) == ADV_TXD_CONTEXT)
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
    assert_int_equal(sides[0].regs[(BLOCK + INTEL_Q_TAIL) / 4],
                     sides[1].regs[(BLOCK + INTEL_Q_TAIL) / 4]);
    counters_alike(&sides[0].tx.q.queue, &sides[1].tx.q.queue);
    rings_alike(tail);
    sent += taken[0];
    left_over += n - taken[0];
}

/* Rings ------------------------------------------------------------------------ */

static void receiving(uint64_t of_seed, bool long_frames)
{
    begin(of_seed, long_frames);
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
    received = by_fours = 0;
    for (uint64_t s = 1; s <= SEEDS; s++)
        receiving(s, s % 3 == 0);
    print_message("%u frames, %u bursts of four and more\n", received, by_fours);
    assert_true(by_fours > SEEDS);
}

/* The device is done with all that one side knows of: what the ring holds is the same then. */
static void sending(uint64_t of_seed)
{
    begin(of_seed, false);
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
    sent = left_over = 0;
    for (uint64_t s = 1; s <= SEEDS; s++)
        sending(s);
    print_message("%u frames, %u for which there was no room\n", sent, left_over);
    assert_true(sent > 100 * SEEDS && left_over > SEEDS);
}

/* Of a batch that the chip is not wholly done with nothing is given back, and all of it then. */
static void a_batch_is_given_back_as_a_whole(void **state)
{
    struct side *s = &sides[0];
    struct packet *p[12];
    begin(1, false);
    s->tx.check = false;
    for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
        p[i] = frame_to_send(s, 60, 1900, false);
    assert_int_equal(port_tx_burst(&s->tx.q.queue, p, 5), 5);
    assert_int_equal(port_tx_burst(&s->tx.q.queue, p + 5, 5), 5);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(!!(s->tx.q.ring[i].command & ADV_TXD_RS), i == 4 || i == 9);
    for (unsigned i = 0; i < 9; i++)
        s->tx.q.ring[i].command |= i == 4 ? 0 : ADV_TXD_DD;
    assert_int_equal(port_tx_burst(&s->tx.q.queue, p + 10, 1), 1);
    assert_int_equal(s->tx.q.head, 0);
    s->tx.q.ring[4].command |= ADV_TXD_DD;
    assert_int_equal(port_tx_burst(&s->tx.q.queue, p + 11, 1), 1);
    assert_int_equal(s->tx.q.head, 5);
    end();
}

/* Four by four up to the ring's end and round it, whatever was taken one at a time before. */
static void fours_go_round_the_ring(void **state)
{
    hostile = false;
    for (unsigned first = 0; first < 8; first++) {
        begin(first + 1, false);
        for (unsigned turn = 0; turn < 3 * RING; turn++) {
            unsigned n = turn ? 1 + turn % 13 : first;
            for (unsigned i = 0; i < n; i++)
                return_one();
            receive_both(32);
        }
        end();
    }
}

static void the_way_is_told(void **state)
{
    struct side *s = &sides[0];
    begin(2, false);
    s->tx.check = false;
    assert_string_equal(adv_path(&s->rx.q.queue), "four descriptors at a time");
    assert_string_equal(adv_path(&s->tx.q.queue), "batches of up to 32 frames");
    intel_rx_set_tags(&s->rx.q, true, true);
    assert_string_equal(adv_path(&s->rx.q.queue), "one descriptor at a time: tags are taken off");
    s->rx.echo = s->tx.echo = &s->echo;
    assert_non_null(strstr(adv_path(&s->rx.q.queue), "looks for frames it sent itself"));
    assert_non_null(strstr(adv_path(&s->tx.q.queue), "one frame at a time: notes what it sends"));
    s->rx.echo = s->tx.echo = NULL;
    intel_rx_set_tags(&s->rx.q, false, false);
    assert_non_null(strstr(adv_path(&sides[1].rx.q.queue), "one descriptor at a time"));
    assert_non_null(strstr(adv_path(&sides[1].tx.q.queue), "one frame at a time"));
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
