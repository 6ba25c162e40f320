/* Hostile rings of advanced descriptors, those of the 82576 or the 82599, whoever drives them: the
 * device returns receive descriptors as the input says, writes what it likes into both rings, and
 * its queues come on and go off as they please, while the port receives, sends, changes its VLAN
 * and starts anew. Frames handed up keep the rules of nic/packet.h, and in the end every packet is
 * back in the pool, once. */
#include "kernel/mmio.h"
#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/intel_advanced.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/conformance.h"

#include <stdlib.h>
#include <string.h>

#define POOL_PACKETS 512u
#define RING 64u
#define BLOCKS 0x10000000u /* physical address of the two register blocks */
#define BLOCK 0x40u
#define LOOK_US 1000u /* a queue in a bad mood is given up after ten looks */

static struct packet_pool *pool;
static struct packet_cache cache;
static struct dma_device device;
static struct port port;
static struct adv_rxq rx;
static struct adv_txq tx;
static struct adv_echo echo;
static bool echoes; /* of the next switch_on() */
static uint32_t regs[2 * BLOCK / 4];
static uint32_t stuck;    /* one bit a block: its ENABLE says what it likes */
static uint32_t returned; /* receive descriptors, of those given */

/* A queue that is not live is left alone: nothing but its driver's enable and disable comes. */
static bool quiet;

static uint64_t block_read(void *ctx, uint64_t offset, unsigned size)
{
    uint32_t value = regs[offset / 4];
    must(size == 4 && !quiet);
    if (offset % BLOCK == ADV_Q_CTL && (stuck >> offset / BLOCK & 1))
        value ^= ADV_Q_CTL_ENABLE;
    return value;
}

static void block_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    must(size == 4 && !quiet);
    regs[offset / 4] = (uint32_t)value;
}

static const struct host_window window = {
    .base = BLOCKS, .size = sizeof regs, .read = block_read, .write = block_write
};

static void receive(void)
{
    struct packet *p[8];
    quiet = !rx.live;
    uint16_t n = port_rx_burst(&rx.q.queue, p, 8);
    must(rx.live || !n);
    quiet = false;
    for (uint16_t i = 0; i < n; i++)
        check_frame(&port, p[i]);
    packet_free_burst(&cache, p, n);
}

static void send(uint16_t shape)
{
    static const uint8_t bytes[1600];
    uint32_t length = shape % 1600u, segment = length > 300 ? PACKET_ROOM : 1 + shape % 251u;
    quiet = !tx.live;
    for (unsigned i = 0; i < 1u + shape % 16u; i++) {
        struct packet *p = conformance_packet(&cache, bytes, length, segment);
        uint16_t taken = p ? port_tx_burst(&tx.q.queue, &p, 1) : 0;
        must(tx.live || !taken);
        if (p && !taken)
            packet_free(&cache, p);
    }
    quiet = false;
}

static void ring_write(const struct dma_memory *ring, uint32_t slot, uint32_t word, uint64_t value)
{
    must(!host_dma_write(&device, ring->iova + 16ull * (slot % RING) + 8ull * word, &value,
                         sizeof value));
}

/* Half lies: believable often enough that frames get through. */
static void return_descriptor(struct input *in)
{
    static const uint16_t lengths[] = { 0, 60, 127, 128, 1514, 1518, 2048, 2049 };
    uint8_t flags = (uint8_t)take_value(in, 1);
    uint64_t length = flags & 2 ? take_value(in, 2) : lengths[flags >> 2 & 7];
    uint64_t status = flags & 0x80 ? take_value(in, 4) : 0;
    uint64_t result = length << 32 | ADV_RXD_DD | status;
    for (unsigned i = 0; i < (flags & 0x40 ? FRAME_SEGMENTS_MAX : 0u); i++)
        ring_write(&rx.q.memory, returned++, 1, result & ~ADV_RXD_EOP);
    ring_write(&rx.q.memory, returned, 0, flags & 0x80 ? take_value(in, 2) : 0);
    ring_write(&rx.q.memory, returned++, 1, result | (flags & 1 ? ADV_RXD_EOP : 0));
}

static void set_mtu(struct input *in)
{
    static const uint16_t usual[] = { MTU_DEFAULT, 9000, 9198, 2000 };
    port.mtu = usual[take_value(in, 1) % 4];
}

/* As a driver starts its queues, whether the device obeys or not. */
static void switch_on(void)
{
    bool long_frames = port_frame_limit(&port) > PACKET_ROOM;
    rx.echo = tx.echo = echoes ? &echo : NULL;
    must(!adv_rxq_enable(&rx, "fuzz", long_frames, true) == rx.live);
    must(!adv_txq_enable(&tx, "fuzz") == tx.live);
    returned = 0;
}

static void switch_off(void)
{
    adv_rxq_disable(&rx, "fuzz");
    adv_txq_disable(&tx, "fuzz");
    must(!rx.live && !tx.live);
    receive();
    send(200);
    intel_rxq_drop(&rx.q);
    intel_txq_drop(&tx.q);
}

static void step(struct input *in)
{
    uint32_t slot = (uint32_t)take_value(in, 1);
    switch (slot % 10) {
    case 0:
    case 1:
        return_descriptor(in);
        break;
    case 2:
        receive();
        break;
    case 3:
        send((uint16_t)take_value(in, 2));
        break;
    case 4: /* the device is done with everything there is to send, and with what there is not */
        for (uint32_t i = 0; i < RING; i++)
            ring_write(&tx.q.memory, i, 1, ADV_TXD_DD);
        break;
    case 5:
        slot = (uint32_t)take_value(in, 1);
        ring_write(&rx.q.memory, slot / 2, slot % 2, take_value(in, 8));
        break;
    case 6:
        slot = (uint32_t)take_value(in, 1);
        ring_write(&tx.q.memory, slot / 2, slot % 2, take_value(in, 8));
        break;
    case 7:
        slot = (uint32_t)take_value(in, 1);
        tx.q.insert = slot & 1;
        intel_rx_set_tags(&rx.q, slot & 2, slot & 4);
        echoes = slot & 8;
        adv_rxq_set_ctl(&rx, slot & 2 ? 0x40000000u : 0);
        break;
    case 8: /* a queue in a bad mood: on or off is the opposite of what it is told */
        stuck = (uint32_t)take_value(in, 1);
        break;
    default:
        switch_off();
        set_mtu(in);
        switch_on();
        break;
    }
}

/* The input's first byte says whose they are, whether a context goes with every frame, and whether
 * descriptors are taken one at a time. */
static void start(uint8_t how)
{
    const struct adv_format *format = how & 1 ? &adv_format_ixgbe : &adv_format_igb;
    host_set_look_us(LOOK_US);
    host_add_mmio(&window);
    memset(regs, 0, sizeof regs);
    stuck = returned = 0;
    echoes = false;
    memset(&echo, 0, sizeof echo);
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    must(!dma_share(&device, packet_pool_memory(pool), DMA_BIDIRECTIONAL));
    port = (struct port){ .mtu = MTU_DEFAULT };
    adv_rxq_init(&rx, &port, 0, format);
    adv_txq_init(&tx, &port, 0, format);
    tx.check = how & 2;
    intel_set_alone(how & 4);
    rx.q.queue.cache = tx.q.queue.cache = &cache;
    rx.q.queue.size = tx.q.queue.size = RING;
    rx.block = mmio_map(BLOCKS, sizeof regs);
    tx.block = rx.block + BLOCK;
    must(!intel_rxq_create(&rx.q, &device) && !intel_txq_create(&tx.q, &device));
    switch_on();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    start((uint8_t)take_value(&in, 1));
    while (in.size)
        step(&in);
    switch_off();
    intel_rxq_destroy(&rx.q, &device);
    intel_txq_destroy(&tx.q, &device);
    dma_unshare(&device, packet_pool_memory(pool));
    packet_cache_flush(&cache);
    must(packet_pool_available(pool) == POOL_PACKETS);
    packet_pool_destroy(pool);
    must(host_dma_mapped(&device) == 0);
    harness_end();
    return 0;
}
