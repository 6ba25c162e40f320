/* Hostile rings of Intel's 40 Gb/s chips and of VFs since, in each format that a driver may choose:
 * the device returns receive descriptors as the input says and writes what it likes into both
 * rings, while the port receives, sends, changes what it wants of tags and how long frames are, and
 * its queues rest, come back and start anew, as those of a VF do.  Frames handed up keep the rules
 * of nic/packet.h, what is told to the device is its own memory, each frame is counted once, and in
 * the end every packet is back in the pool, once. */
#include "kernel/mmio.h"
#include "nic/intel/i40e/i40e_ring.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/conformance.h"

#include <stdlib.h>
#include <string.h>

#define POOL_PACKETS 512u
#define RING 64u
#define TAILS 0x10000000u /* physical address of the two tail registers */

static struct packet_pool *pool;
static struct packet_cache cache;
static struct dma_device device;
static struct port port;
static struct i40e_rxq rx;
static struct i40e_txq tx;
static uint32_t returned; /* receive descriptors, of those given */
static uint64_t received, taken;

/* A queue that is not live is left alone. */
static bool quiet;

static uint64_t tail_read(void *ctx, uint64_t offset, unsigned size)
{
    must(false);
    return 0;
}

static void tail_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    must(size == 4 && !quiet && value < RING);
}

static const struct host_window window = {
    .base = TAILS, .size = 8, .read = tail_read, .write = tail_write
};

/* What the device is given it can reach: the first byte and the last. */
static void check_given(uint64_t at, uint64_t length)
{
    uint8_t byte;
    must(length && length <= PACKET_BUFFER_SIZE);
    must(!host_dma_read(&device, at, &byte, 1) &&
         !host_dma_read(&device, at + length - 1, &byte, 1));
}

static void check_receive(uint32_t from)
{
    for (; from != rx.q.tail; from++) {
        const struct intel_rx_desc *d = &rx.q.ring[(from & rx.q.mask) << rx.q.wide];
        must(!d->result);
        check_given(d->address, PACKET_BUFFER_SIZE);
    }
    must(rx.q.tail - rx.q.head < RING);
}

static void check_send(uint32_t from)
{
    for (; from != tx.q.tail; from++) {
        const struct intel_tx_desc *d = &tx.q.ring[from & tx.q.mask];
        must(!(d->command & I40E_TXD_DTYPE) && d->command & I40E_TXD_ICRC);
        check_given(d->address, FIELD_GET(I40E_TXD_LENGTH, d->command));
    }
    must(tx.q.tail - tx.q.head < RING);
}

static void receive(void)
{
    struct packet *p[8];
    uint32_t before = rx.q.tail;
    quiet = !rx.live;
    uint16_t n = port_rx_burst(&rx.q.queue, p, 8);
    must(rx.live || !n);
    quiet = false;
    check_receive(before);
    for (uint16_t i = 0; i < n; i++)
        check_frame(&port, p[i]);
    received += n;
    packet_free_burst(&cache, p, n);
}

static void send(uint16_t shape)
{
    static const uint8_t bytes[1600];
    uint32_t length = shape % 1600u, segment = length > 300 ? PACKET_ROOM : 1 + shape % 251u;
    uint32_t before = tx.q.tail;
    quiet = !tx.live;
    for (unsigned i = 0; i < 1u + shape % 16u; i++) {
        struct packet *p = conformance_packet(&cache, bytes, length, segment);
        if (p && shape & 0x4000) {
            p->flags |= PACKET_VLAN;
            p->vlan = shape;
        }
        uint16_t n = p ? port_tx_burst(&tx.q.queue, &p, 1) : 0;
        must(tx.live || !n);
        taken += n;
        if (p && !n)
            packet_free(&cache, p);
    }
    quiet = false;
    check_send(before);
}

static void rx_write(uint32_t slot, uint32_t word, uint64_t value)
{
    must(!host_dma_write(&device,
                         rx.q.memory.iova + (16ull * (slot % RING) << rx.q.wide) + 8ull * word,
                         &value, sizeof value));
}

static void tx_write(uint32_t slot, uint32_t word, uint64_t value)
{
    must(!host_dma_write(&device, tx.q.memory.iova + 16ull * (slot % RING) + 8ull * word, &value,
                         sizeof value));
}

/* Half lies: believable often enough that frames get through. */
static void return_descriptor(struct input *in)
{
    static const uint16_t lengths[] = { 0, 60, 127, 128, 1514, 1518, 2048, 2049 };
    uint8_t flags = (uint8_t)take_value(in, 1);
    uint64_t length = flags & 2 ? take_value(in, 2) : lengths[flags >> 2 & 7];
    uint64_t more = flags & 0x80 ? take_value(in, 8) : 0;
    bool flex = rx.format == I40E_RX_FLEX;
    uint64_t info =
        flex ? FIELD_PUT(I40E_RXF_LENGTH, length) | FIELD_PUT(I40E_RXF_PTYPE, more) : more << 16;
    uint64_t result =
        I40E_RXD_DD | (flags & 0x20 ? more : 0) | (flex ? 0 : FIELD_PUT(I40E_RXD_LENGTH, length));
    for (unsigned i = 0; i < (flags & 0x40 ? FRAME_SEGMENTS_MAX : 0u); i++) {
        rx_write(returned, 0, info);
        rx_write(returned++, 1, result & ~I40E_RXD_EOP);
    }
    rx_write(returned, 0, info);
    rx_write(returned++, 1, result | (flags & 1 ? I40E_RXD_EOP : 0));
}

static void set_tags(uint8_t how)
{
    store_relaxed(&tx.q.insert, how & 1);
    store_relaxed(&tx.push, how & 2);
    intel_rx_set_tags(&rx.q, how & 4, how & 8);
}

static void set_mtu(uint8_t which)
{
    static const uint16_t usual[] = { MTU_DEFAULT, 9000, 9198, 2000 };
    port.mtu = usual[which % 4];
}

static void live(void)
{
    uint32_t before = rx.q.tail;
    i40e_rxq_live(&rx, mmio_map(TAILS, 8));
    i40e_txq_live(&tx, mmio_map(TAILS + 4, 4));
    check_receive(before);
}

/* As when a reset is announced, which leaves what is in the rings. */
static void rest(void)
{
    i40e_rxq_still(&rx);
    i40e_txq_still(&tx);
    receive();
    send(200);
}

static void start_anew(uint8_t how)
{
    rest();
    intel_rxq_drop(&rx.q);
    intel_txq_drop(&tx.q);
    set_mtu(how);
    if (rx.q.wide)
        rx.format = how & 0x80 ? I40E_RX_FLEX : I40E_RX_32;
    live();
    returned = 0;
}

static void step(struct input *in)
{
    uint32_t slot = (uint32_t)take_value(in, 1);
    switch (slot % 9) {
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
            tx_write(i, 1, I40E_TXD_DTYPE);
        break;
    case 5:
        slot = (uint32_t)take_value(in, 1);
        rx_write(slot >> 2, slot & (rx.q.wide ? 3 : 1), take_value(in, 8));
        break;
    case 6:
        slot = (uint32_t)take_value(in, 1);
        tx_write(slot >> 1, slot & 1, take_value(in, 8));
        break;
    case 7:
        set_tags((uint8_t)take_value(in, 1));
        break;
    default:
        slot = (uint32_t)take_value(in, 1);
        if (slot & 0x40) {
            rest();
            live();
        } else {
            start_anew((uint8_t)slot);
        }
        break;
    }
}

/* The input's first byte says in which format. */
static void start(uint8_t how)
{
    static const enum i40e_rx_format formats[] = { I40E_RX_16, I40E_RX_32, I40E_RX_FLEX };
    host_add_mmio(&window);
    returned = 0;
    received = taken = 0;
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    must(!dma_share(&device, packet_pool_memory(pool), DMA_BIDIRECTIONAL));
    port = (struct port){ .mtu = MTU_DEFAULT };
    i40e_rxq_init(&rx, &port, 0, formats[how % 3]);
    i40e_txq_init(&tx, &port, 0);
    rx.q.queue.cache = tx.q.queue.cache = &cache;
    rx.q.queue.size = tx.q.queue.size = RING;
    must(!intel_rxq_create(&rx.q, &device) && !intel_txq_create(&tx.q, &device));
    live();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    start((uint8_t)take_value(&in, 1));
    while (in.size)
        step(&in);
    rest();
    must(rx.q.queue.packets == received && tx.q.queue.packets + tx.q.queue.errors == taken);
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
