/* bench_vmxnet3.c - what a vmxnet3 port's bursts cost per frame, on the host.
 *
 * The device is a few lines here that complete each transmitted frame and each receive buffer: what
 * is left is the driver's own work.  Under callgrind the counts of receive() and send(), divided by
 * the frames printed, are instructions a frame (docs/performance.md). */
#include "kernel/mmio.h"
#include "nic/vmxnet3/vmxnet3.h"
#include "tests/host/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PACKETS 2048u
#define TURNS 20000u
#define FRAME_LENGTH 60u
#define RING 256u
#define DOORBELLS 0x10000000u

static struct packet_cache cache;
static struct dma_device device;
static struct port port = { .mtu = MTU_DEFAULT,
                            .number = 1,
                            .limits = { .rx_size_default = RING, .tx_size_default = RING } };
static struct vmxnet3_rxq rx;
static struct vmxnet3_txq tx;
static struct vmxnet3_queue shared;
static uint32_t received, completed, sent; /* by the device: buffers, completions, frames */

static uint64_t doorbell_read(void *ctx, uint64_t offset, unsigned size)
{
    return 0;
}

static void doorbell_write(void *ctx, uint64_t offset, unsigned size, uint64_t value) {}

static const struct host_window window = {
    .base = DOORBELLS, .size = 0x1000, .read = doorbell_read, .write = doorbell_write
};

static void come_in(unsigned n)
{
    for (; n-- && received != rx.ring[0].tail; received++, completed++) {
        struct vmxnet3_completion *c = &rx.completions[completed & (2 * RING - 1)];
        c->what = (received & rx.mask) | VMXNET3_RCD_EOP | VMXNET3_RCD_SOP;
        c->result = FRAME_LENGTH | VMXNET3_RCD_IPC | VMXNET3_RCD_V4 |
                    (completed & 2 * RING ? 0 : VMXNET3_COMPLETION_GEN);
    }
}

static void go_out(void)
{
    for (; sent != tx.tail; sent++) {
        tx.completions[sent & tx.mask].what = sent & tx.mask;
        tx.completions[sent & tx.mask].result = sent & RING ? 0 : VMXNET3_COMPLETION_GEN;
    }
}

static NOINLINE uint16_t receive(struct packet **packets)
{
    return port_rx_burst(&rx.queue, packets, PORT_BURST);
}

static NOINLINE uint16_t send(struct packet **packets, uint16_t n)
{
    return port_tx_burst(&tx.queue, packets, n);
}

static uint64_t carry(void)
{
    uint64_t frames = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct packet *packets[PORT_BURST];
        come_in(PORT_BURST);
        uint16_t n = receive(packets);
        if (n != PORT_BURST || !(packets[n - 1]->flags & PACKET_IP_CHECKSUM_GOOD) ||
            send(packets, n) != n)
            abort();
        go_out();
        frames += n;
    }
    return frames;
}

int main(void)
{
    struct timespec a, b;
    host_reset();
    struct packet_pool *pool = packet_pool_create(PACKETS);
    packet_cache_init(&cache, pool);
    host_add_mmio(&window);
    dma_share(&device, packet_pool_memory(pool), DMA_BIDIRECTIONAL);
    vmxnet3_rxq_init(&rx, &port, 0);
    vmxnet3_txq_init(&tx, &port, 0);
    rx.queue.cache = tx.queue.cache = &cache;
    if (vmxnet3_rxq_create(&rx, &device) || vmxnet3_txq_create(&tx, &device))
        return 1;
    uint8_t *doorbells = mmio_map(DOORBELLS, window.size);
    vmxnet3_rxq_enable(&rx, doorbells, &shared, 1);
    vmxnet3_txq_enable(&tx, doorbells);
    clock_gettime(CLOCK_MONOTONIC, &a);
    uint64_t frames = carry();
    clock_gettime(CLOCK_MONOTONIC, &b);
    double ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
    printf("%llu frames, %.1f ns received and sent\n", (unsigned long long)frames,
           ns / (double)frames);
    return 0;
}
