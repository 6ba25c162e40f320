/* bench_intel.c - what a port with advanced descriptors costs per frame, on the host.
 *
 * The device is a few lines here that mark what was sent as sent and what was given as received:
 * what is left is the driver's own work.  Under callgrind the counts of receive() and send(),
 * divided by the frames printed, are instructions a frame (docs/performance.md); packets are taken
 * from the pool and given back to it in them.  Arguments: igb (the 82576's descriptors, else the
 * 82599's), alone (one at a time). */
#include "kernel/mmio.h"
#include "nic/intel/intel_advanced.h"
#include "tests/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PACKETS 2048u
#define TURNS 20000u
#define FRAME_LENGTH 60u
#define RING 256u
#define BLOCKS 0x10000000u
#define BLOCK 0x40u
#define IPV4_INFO 0x10u

static struct packet_cache cache;
static struct dma_device device;
static struct port port = { .mtu = MTU_DEFAULT, .number = 1 };
static struct adv_rxq rx;
static struct adv_txq tx;
static uint32_t regs[2 * BLOCK / 4];
static uint32_t returned, done;

static uint64_t block_read(void *ctx, uint64_t offset, unsigned size)
{
    return regs[offset / 4];
}

static void block_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    regs[offset / 4] = (uint32_t)value;
}

static const struct host_window window = {
    .base = BLOCKS, .size = sizeof regs, .read = block_read, .write = block_write
};

static void come_in(unsigned n)
{
    for (; n-- && returned != rx.q.tail; returned++) {
        rx.q.ring[returned & rx.q.mask].address = IPV4_INFO;
        rx.q.ring[returned & rx.q.mask].result =
            (uint64_t)FRAME_LENGTH << 32 | ADV_RXD_DD | ADV_RXD_EOP | ADV_RXD_IPCS;
    }
}

static void go_out(void)
{
    for (; done != tx.q.tail; done++)
        tx.q.ring[done & tx.q.mask].command |= ADV_TXD_DD;
}

static NOINLINE uint16_t receive(struct packet **packets)
{
    return port_rx_burst(&rx.q.queue, packets, PORT_BURST);
}

static NOINLINE uint16_t send(struct packet **packets, uint16_t n)
{
    return port_tx_burst(&tx.q.queue, packets, n);
}

static uint64_t carry(void)
{
    uint64_t frames = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct packet *packets[PORT_BURST];
        come_in(PORT_BURST);
        uint16_t n = receive(packets);
        if (n != PORT_BURST || packets[n - 1]->flags != PACKET_IP_CHECKSUM_GOOD ||
            send(packets, n) != n)
            abort();
        go_out();
        frames += n;
    }
    return frames;
}

static int set_up(const struct adv_format *format)
{
    struct packet_pool *pool = packet_pool_create(PACKETS);
    packet_cache_init(&cache, pool);
    host_add_mmio(&window);
    dma_share(&device, packet_pool_memory(pool), DMA_BIDIRECTIONAL);
    adv_rxq_init(&rx, &port, 0, format);
    adv_txq_init(&tx, &port, 0, format);
    rx.q.queue.cache = tx.q.queue.cache = &cache;
    rx.q.queue.size = tx.q.queue.size = RING;
    rx.block = mmio_map(BLOCKS, sizeof regs);
    tx.block = rx.block + BLOCK;
    return intel_rxq_create(&rx.q, &device) || intel_txq_create(&tx.q, &device) ||
           adv_rxq_enable(&rx, "bench", false, false) || adv_txq_enable(&tx, "bench");
}

int main(int argc, char **argv)
{
    const struct adv_format *format = &adv_format_ixgbe;
    struct timespec a, b;
    host_reset();
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "igb"))
            format = &adv_format_igb;
        if (!strcmp(argv[i], "alone"))
            adv_set_alone(true);
    }
    if (set_up(format))
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &a);
    uint64_t frames = carry();
    clock_gettime(CLOCK_MONOTONIC, &b);
    double ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
    printf("%llu frames, %.1f ns received and sent\n", (unsigned long long)frames,
           ns / (double)frames);
    return 0;
}
