/* intel_advanced.c by itself: two register blocks, and what is written where and when. */
#include "kernel/endian.h"
#include "kernel/mmio.h"
#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/intel_advanced.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"

#include <errno.h>
#include <string.h>

#define POOL_PACKETS 256u
#define RING 64u
#define BLOCKS 0x10000000u
#define BLOCK 0x40u
#define WRITES 64u

static struct packet_pool *pool;
static struct packet_cache cache;
static struct dma_device device;
static struct port port;
static struct adv_rxq rx;
static struct adv_txq tx;
static uint32_t regs[2 * BLOCK / 4];
static bool deaf; /* ENABLE does not stick, and does not go */
static unsigned accesses, writes;
static struct {
    uint32_t reg, value;
} written[WRITES];

static uint64_t block_read(void *ctx, uint64_t offset, unsigned size)
{
    accesses++;
    return regs[offset / 4] ^ (deaf && offset % BLOCK == ADV_Q_CTL ? ADV_Q_CTL_ENABLE : 0);
}

static void block_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    accesses++;
    regs[offset / 4] = (uint32_t)value;
    if (writes < WRITES) {
        written[writes].reg = (uint32_t)offset;
        written[writes].value = (uint32_t)value;
    }
    writes++;
}

static const struct host_window window = {
    .base = BLOCKS, .size = sizeof regs, .read = block_read, .write = block_write
};

static int set_up(void **state)
{
    host_reset();
    host_add_mmio(&window);
    memset(regs, 0, sizeof regs);
    deaf = false;
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    assert_int_equal(dma_share(&device, packet_pool_memory(pool), DMA_BIDIRECTIONAL), 0);
    port = (struct port){ .mtu = MTU_DEFAULT, .number = 5 };
    adv_rxq_init(&rx, &port, 0, &adv_format_igb);
    adv_txq_init(&tx, &port, 0, &adv_format_igb);
    rx.q.queue.cache = tx.q.queue.cache = &cache;
    rx.q.queue.size = tx.q.queue.size = RING;
    rx.block = mmio_map(BLOCKS, sizeof regs);
    tx.block = rx.block + BLOCK;
    assert_int_equal(intel_rxq_create(&rx.q, &device) | intel_txq_create(&tx.q, &device), 0);
    accesses = writes = 0;
    return 0;
}

static int tear_down(void **state)
{
    intel_rxq_destroy(&rx.q, &device);
    intel_txq_destroy(&tx.q, &device);
    dma_unshare(&device, packet_pool_memory(pool));
    assert_int_equal(host_dma_mapped(&device), 0);
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), POOL_PACKETS);
    packet_pool_destroy(pool);
    return 0;
}

static void enable(void)
{
    assert_int_equal(adv_rxq_enable(&rx, "ring", false, false), 0);
    assert_int_equal(adv_txq_enable(&tx, "ring"), 0);
}

static unsigned index_of_write(uint32_t reg, uint32_t value)
{
    for (unsigned i = 0; i < writes && i < WRITES; i++)
        if (written[i].reg == reg && written[i].value == value)
            return i;
    fail_msg("%x was not written to %x", value, reg);
    return 0;
}

/* Switching on and off ------------------------------------------------------ */

/* 82575 SDM 14.3.59: a tail that is written before the queue is on is ignored. */
static void a_tail_comes_after_enable(void **state)
{
    enable();
    unsigned on = index_of_write(ADV_Q_CTL, regs[ADV_Q_CTL / 4]);
    assert_true(regs[ADV_Q_CTL / 4] & ADV_Q_CTL_ENABLE);
    assert_true(index_of_write(INTEL_Q_BAL, (uint32_t)rx.q.memory.iova) < on);
    assert_true(index_of_write(ADV_Q_CTL, 0) <
                index_of_write(INTEL_Q_BAL, (uint32_t)rx.q.memory.iova));
    assert_true(index_of_write(BLOCK + ADV_Q_CTL, 0) <
                index_of_write(BLOCK + INTEL_Q_BAL, (uint32_t)tx.q.memory.iova));
    assert_true(index_of_write(INTEL_Q_LEN, RING * 16) < on);
    assert_true(index_of_write(INTEL_Q_HEAD, 0) < on);
    assert_true(index_of_write(INTEL_Q_TAIL, 48) > on); /* three batches of 16 */
    assert_int_equal(regs[INTEL_Q_TAIL / 4], 48);
    assert_true(index_of_write(BLOCK + INTEL_Q_BAL, (uint32_t)tx.q.memory.iova) <
                index_of_write(BLOCK + ADV_Q_CTL, regs[(BLOCK + ADV_Q_CTL) / 4]));
}

static void buffers_are_told(void **state)
{
    assert_int_equal(adv_rxq_enable(&rx, "ring", false, false), 0);
    assert_int_equal(regs[IGB_Q_SRRCTL / 4], 0x02000002); /* one buffer, 2 KiB */
    assert_int_equal(rx.q.packets[0]->data - rx.q.packets[0]->buffer, PACKET_HEADROOM);
    adv_rxq_disable(&rx, "ring");
    intel_rxq_drop(&rx.q);
    assert_int_equal(adv_rxq_enable(&rx, "ring", true, true), 0);
    assert_int_equal(regs[IGB_Q_SRRCTL / 4], 0x82000002); /* and without any, frames go */
    assert_ptr_equal(rx.q.packets[0]->data, rx.q.packets[0]->buffer);
    assert_true(rx.q.ring[0].address == rx.q.packets[0]->buffer_iova && rx.q.ring[0].result == 0);
}

/* Within bounds, and nothing is left as if it worked. */
static void deaf_queues_are_given_up(void **state)
{
    deaf = true;
    assert_int_equal(adv_rxq_enable(&rx, "ring", false, false), -ETIMEDOUT);
    assert_true(host_log_contains("ring: RXDCTL is "));
    assert_int_equal(adv_txq_enable(&tx, "ring"), -ETIMEDOUT);
    assert_true(host_log_contains("ring: TXDCTL is "));
    assert_false(rx.live || tx.live);
    assert_int_equal(rx.q.tail, 0); /* it was given no buffers */
    deaf = false;
    enable();
    assert_true(rx.live && tx.live);
    deaf = true;
    assert_int_equal(adv_rxq_disable(&rx, "ring"), -ETIMEDOUT);
    assert_int_equal(adv_txq_disable(&tx, "ring"), -ETIMEDOUT);
    assert_false(rx.live || tx.live);
}

/* intel_advanced.h: neither ring nor registers, whatever lies there. */
static void what_is_not_live_is_left_alone(void **state)
{
    struct packet *p = conformance_packet(&cache, (uint8_t[60]){ 0 }, 60, 60), *got;
    enable();
    adv_rxq_disable(&rx, "ring");
    adv_txq_disable(&tx, "ring");
    rx.q.ring[0].result = 60ull << 32 | ADV_RXD_DD | ADV_RXD_EOP;
    accesses = 0;
    assert_int_equal(port_rx_burst(&rx.q.queue, &got, 1), 0);
    assert_int_equal(port_tx_burst(&tx.q.queue, &p, 1), 0);
    assert_int_equal(accesses, 0);
    packet_free(&cache, p);
}

/* Receiving ------------------------------------------------------------------ */

/* The chip returns the next buffer as a whole frame: what the port makes of it, or NULL. */
static struct packet *returned(uint64_t info, uint64_t status)
{
    struct packet *p = NULL;
    struct intel_rx_desc *desc = &rx.q.ring[rx.q.head & rx.q.mask];
    desc->address = info;
    desc->result = 100ull << 32 | status | ADV_RXD_DD | ADV_RXD_EOP;
    port_rx_burst(&rx.q.queue, &p, 1);
    return p;
}

static uint8_t flags_of(uint64_t info, uint64_t status)
{
    struct packet *p = returned(info, status);
    assert_non_null(p);
    assert_int_equal(p->port, 5);
    uint8_t flags = p->flags;
    packet_free(&cache, p);
    return flags;
}

/* 82576 DS 7.1.11: IPE without IPCS says nothing; packet.h: of the outermost header only. */
static void verdicts_on_checksums(void **state)
{
    const uint64_t ipv4 = 0x10, options = 0x20, ipv6 = 0x40, extended = 0x80;
    enable();
    assert_int_equal(flags_of(ipv4, ADV_RXD_IPCS), PACKET_IP_CHECKSUM_GOOD);
    assert_int_equal(flags_of(options, ADV_RXD_IPCS), PACKET_IP_CHECKSUM_GOOD);
    assert_int_equal(flags_of(ipv4, ADV_RXD_IPCS | IGB_RXD_IPE), PACKET_IP_CHECKSUM_BAD);
    assert_int_equal(flags_of(options, ADV_RXD_IPCS | IGB_RXD_IPE), PACKET_IP_CHECKSUM_BAD);
    assert_int_equal(flags_of(ipv4, 0), 0);
    assert_int_equal(flags_of(ipv4, IGB_RXD_IPE), 0);
    assert_int_equal(flags_of(0, ADV_RXD_IPCS), 0);
    assert_int_equal(flags_of(ipv6, ADV_RXD_IPCS), 0);
    assert_int_equal(flags_of(ipv4 | ipv6, ADV_RXD_IPCS), 0);
    assert_int_equal(flags_of(ipv4 | extended, ADV_RXD_IPCS | IGB_RXD_IPE), 0);
}

#define NO_TAG 0x10000u

/* The tag that comes beside the frame. */
static uint32_t tag_of(uint64_t status, uint16_t tag)
{
    struct packet *p = returned(0, status | (uint64_t)tag << 48);
    uint32_t tci = p->flags & PACKET_VLAN ? p->vlan : NO_TAG;
    assert_int_equal(p->frame_length, 100);
    packet_free(&cache, p);
    return tci;
}

/* port.h: with its priority, and only where the chip says that it took one off. */
static void tags_come_beside_the_frame(void **state)
{
    static uint32_t joined[128];
    enable();
    assert_int_equal(tag_of(ADV_RXD_VP, 0x123), NO_TAG); /* nobody asked */
    intel_rx_set_tags(&rx.q, true, true);
    assert_int_equal(tag_of(ADV_RXD_VP, 0x123), 0x123);
    assert_int_equal(tag_of(ADV_RXD_VP, 0xf123), 0xf123);
    assert_int_equal(tag_of(0, 0x123), NO_TAG);
    assert_int_equal(tag_of(ADV_RXD_VP | ADV_RXD_LB, 0x0123), 0x0123);
    rx.swaps = true; /* the I350's switch */
    assert_int_equal(tag_of(ADV_RXD_VP | ADV_RXD_LB, 0x2301), 0x0123);
    assert_int_equal(tag_of(ADV_RXD_VP, 0x2301), 0x2301);
    rx.joined = joined; /* a VF: what it did not join is its PF's secret */
    assert_int_equal(tag_of(ADV_RXD_VP, 0x123), NO_TAG);
    joined[0x123 / 32] = 1u << 0x123 % 32;
    assert_int_equal(tag_of(ADV_RXD_VP, 0xe123), 0xe123);
    assert_int_equal(rx.q.queue.errors, 0);
}

/* Where nobody wants it beside the frame it is put back; and without a buffer for it the frame
 * is gone, and counted. */
static void tags_go_back_into_the_frame(void **state)
{
    struct packet *p;
    enable();
    intel_rx_set_tags(&rx.q, true, false);
    p = returned(0, ADV_RXD_VP | 0xf123ull << 48);
    assert_int_equal(p->flags, 0);
    assert_int_equal(p->frame_length, 104);
    assert_int_equal(load_be32(p->data + 12), 0x8100f123);
    packet_free(&cache, p);
}

static void errors_are_the_frame_s_end(void **state)
{
    enable();
    assert_null(returned(0, IGB_RXD_RXE));
    assert_int_equal(rx.q.queue.errors, 1);
    packet_free(&cache, returned(0, 0x20000000)); /* TCP checksum: none of ours */
    assert_int_equal(rx.q.queue.packets, 1);
}

/* Sending -------------------------------------------------------------------- */

static uint32_t tag; /* of what is sent; 0: none */

static void send(uint32_t length, uint32_t segment)
{
    static const uint8_t bytes[2000];
    struct packet *p = conformance_packet(&cache, bytes, length, segment);
    p->flags = tag ? PACKET_VLAN : 0;
    p->vlan = (uint16_t)tag;
    assert_int_equal(port_tx_burst(&tx.q.queue, &p, 1), 1);
}

static void expect_data(uint32_t slot, uint32_t length, uint32_t all, uint64_t extra)
{
    assert_true(tx.q.ring[slot].command == (0x22300000ull | length | (uint64_t)all << 46 | extra));
}

/* 82576 DS 7.2.2: what each descriptor of a frame says. */
static void descriptors_of_a_chain(void **state)
{
    enable();
    send(1000, 400);
    expect_data(0, 400, 1000, 0);
    expect_data(1, 400, 1000, 0);
    expect_data(2, 200, 1000, ADV_TXD_EOP | ADV_TXD_RS);
    assert_true(tx.q.ring[0].address == packet_iova(tx.q.packets[0]));
    assert_int_equal(regs[(BLOCK + INTEL_Q_TAIL) / 4], 3);
    send(20, 20); /* padded */
    expect_data(3, 60, 60, ADV_TXD_EOP | ADV_TXD_RS);
}

/* 82575 SDM 5.6.2: a context stays until there is another. */
static void the_tag_is_told_when_it_changes(void **state)
{
    const uint64_t end = ADV_TXD_EOP | ADV_TXD_RS;
    enable();
    tx.q.insert = true;
    tag = 0x0abc;
    send(60, 60);
    assert_true(tx.q.ring[0].address == (0x0abc0000 | 14 << 9));
    assert_true(tx.q.ring[0].command == 0x20200000);
    expect_data(1, 60, 60, end | ADV_TXD_VLE);
    send(60, 60);
    expect_data(2, 60, 60, end | ADV_TXD_VLE);
    tag = 0;
    send(60, 60);
    expect_data(3, 60, 60, end);
    tag = 0x0abc;
    send(60, 60);
    expect_data(4, 60, 60, end | ADV_TXD_VLE);
    tag = 7;
    send(60, 60);
    assert_true(tx.q.ring[5].address == (7 << 16 | 14 << 9));
    expect_data(6, 60, 60, end | ADV_TXD_VLE);
    adv_txq_disable(&tx, "ring");
    intel_txq_drop(&tx.q);
    assert_int_equal(adv_txq_enable(&tx, "ring"), 0);
    send(60, 60); /* the chip may have forgotten */
    assert_true(tx.q.ring[0].command == 0x20200000);
}

/* A frame and its context fit together or not at all; the frame's end gives both back. */
static void a_context_takes_room(void **state)
{
    struct packet *p = conformance_packet(&cache, (uint8_t[60]){ 0 }, 60, 60);
    enable();
    tag = 0;
    for (unsigned i = 0; i < RING - 2; i++)
        send(60, 60);
    tx.q.insert = true;
    p->flags = PACKET_VLAN;
    p->vlan = 9;
    assert_int_equal(port_tx_burst(&tx.q.queue, &p, 1), 0);
    tx.q.ring[0].command |= ADV_TXD_DD;
    assert_int_equal(port_tx_burst(&tx.q.queue, &p, 1), 1);
    assert_int_equal(tx.q.tail - tx.q.head, RING - 1);
    for (unsigned i = 1; i < RING; i++)
        if (tx.q.ring[i].command & ADV_TXD_RS)
            tx.q.ring[i].command |= ADV_TXD_DD;
    tx.q.ring[0].command |= ADV_TXD_DD;
    tag = 9;
    send(60, 60);
    assert_int_equal(tx.q.tail - tx.q.head, 1);
}

/* Who has no echoes has bursts that know nothing of them. */
static void bursts_follow_the_quirk(void **state)
{
    struct adv_echo echo = { .dropped = 0 };
    enable();
    assert_ptr_equal(rx.q.queue.burst, adv_format_igb.rx_burst[0]);
    assert_ptr_equal(tx.q.queue.burst, adv_format_igb.tx_burst[0]);
    intel_rxq_drop(&rx.q);
    rx.echo = tx.echo = &echo;
    enable();
    assert_ptr_not_equal(rx.q.queue.burst, adv_format_igb.rx_burst[0]);
    assert_ptr_not_equal(tx.q.queue.burst, adv_format_igb.tx_burst[0]);
    intel_rxq_drop(&rx.q);
    rx.echo = tx.echo = NULL;
    enable();
    assert_ptr_equal(rx.q.queue.burst, adv_format_igb.rx_burst[0]);
    assert_ptr_equal(tx.q.queue.burst, adv_format_igb.tx_burst[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_tail_comes_after_enable),   TEST(buffers_are_told),
        TEST(deaf_queues_are_given_up),    TEST(what_is_not_live_is_left_alone),
        TEST(verdicts_on_checksums),       TEST(tags_come_beside_the_frame),
        TEST(tags_go_back_into_the_frame), TEST(errors_are_the_frame_s_end),
        TEST(descriptors_of_a_chain),      TEST(the_tag_is_told_when_it_changes),
        TEST(a_context_takes_room),        TEST(bursts_follow_the_quirk),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
