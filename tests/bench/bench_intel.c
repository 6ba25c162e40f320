/* bench_intel.c - what a port over an Intel NIC's rings costs per frame, on the host.
 *
 * The device is a few lines here that mark what was sent as sent and what was given as received:
 * what is left is the driver's own work.  Under callgrind the counts of receive() and send(),
 * divided by the frames printed, are instructions a frame (docs/performance.md); packets are taken
 * from the pool and given back to it in them.  Arguments: whose descriptors (e1000, igb, ixgbe;
 * i40e with 16 octets, iavf with 32, flex), alone (one at a time). */
#include "kernel/mmio.h"
#include "nic/intel/e1000/e1000_regs.h"
#include "nic/intel/e1000/e1000_ring.h"
#include "nic/intel/i40e/i40e_ring.h"
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

static struct packet_cache cache;
static struct dma_device device;
static struct port port = { .mtu = MTU_DEFAULT, .number = 1 };
static union {
    struct intel_rxq q;
    struct adv_rxq adv;
    struct i40e_rxq i40e;
} rx;
static union {
    struct intel_txq q;
    struct adv_txq adv;
    struct i40e_txq i40e;
} tx;
static uint32_t regs[0x4000 / 4];
static uint32_t returned, done;

/* What comes back in a descriptor of a good frame, and what marks one that was sent. */
struct kind {
    const char *name;
    uint64_t info, result, sent;
    const struct adv_format *advanced; /* or */
    enum i40e_rx_format format;
};

#define ADV_RESULT \
    (ADV_RXD_DD | ADV_RXD_EOP | ADV_RXD_IPCS | FIELD_PUT(ADV_RXD_LENGTH, FRAME_LENGTH + 0ull))
#define BASE_RESULT \
    (I40E_RXD_DD | I40E_RXD_EOP | I40E_RXD_L3L4P | I40E_RXD_FLTSTAT | \
     FIELD_PUT(I40E_RXD_PTYPE, 24ull) | FIELD_PUT(I40E_RXD_LENGTH, FRAME_LENGTH + 0ull))
static const struct kind kinds[] = {
    { "ixgbe", ADV_RXD_INFO_IPV4 & -ADV_RXD_INFO_IPV4, ADV_RESULT, ADV_TXD_DD, &adv_format_ixgbe,
      I40E_RX_16 },
    { "igb", ADV_RXD_INFO_IPV4 & -ADV_RXD_INFO_IPV4, ADV_RESULT, ADV_TXD_DD, &adv_format_igb,
      I40E_RX_16 },
    { "i40e", 0x123456789abcull, BASE_RESULT, I40E_TXD_DTYPE, NULL, I40E_RX_16 },
    { "iavf", 0x123456789abcull, BASE_RESULT, I40E_TXD_DTYPE, NULL, I40E_RX_32 },
    { "flex",
      FIELD_PUT(I40E_RXF_PTYPE, 24ull) | FIELD_PUT(I40E_RXF_LENGTH, FRAME_LENGTH + 0ull) | 2,
      I40E_RXD_DD | I40E_RXD_EOP | I40E_RXF_L3L4P | I40E_RXF_HASH_VALID | 0x1234ull << 32,
      I40E_TXD_DTYPE, NULL, I40E_RX_FLEX },
    { "e1000", 0,
      E1000_RXD_DD | E1000_RXD_EOP | E1000_RXD_IPCS |
          FIELD_PUT(E1000_RXD_LENGTH, FRAME_LENGTH + 0ull),
      E1000_TXD_DD, NULL, I40E_RX_16 },
};

static const struct kind *kind = &kinds[0];

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
        struct intel_rx_desc *desc = &rx.q.ring[(returned & rx.q.mask) << rx.q.wide];
        desc->address = kind->info;
        desc->result = kind->result;
    }
}

static void go_out(void)
{
    for (; done != tx.q.tail; done++)
        tx.q.ring[done & tx.q.mask].command |= kind->sent;
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
        if (n != PORT_BURST || !(packets[n - 1]->flags & PACKET_IP_CHECKSUM_GOOD) ||
            send(packets, n) != n)
            abort();
        go_out();
        frames += n;
    }
    return frames;
}

static void init(void)
{
    if (kind->advanced) {
        adv_rxq_init(&rx.adv, &port, 0, kind->advanced);
        adv_txq_init(&tx.adv, &port, 0, kind->advanced);
    } else if (kind->sent == I40E_TXD_DTYPE) {
        i40e_rxq_init(&rx.i40e, &port, 0, kind->format);
        i40e_txq_init(&tx.i40e, &port, 0);
    } else {
        intel_rxq_init(&rx.q, &port, 0, e1000_rx_burst);
        intel_txq_init(&tx.q, &port, 0, e1000_tx_burst);
    }
}

static int enable(uint8_t *block)
{
    if (kind->advanced) {
        rx.adv.block = block;
        tx.adv.block = block + BLOCK;
        return adv_rxq_enable(&rx.adv, "bench", false, false) || adv_txq_enable(&tx.adv, "bench");
    }
    if (kind->sent == I40E_TXD_DTYPE) {
        i40e_rxq_live(&rx.i40e, block);
        i40e_txq_live(&tx.i40e, block + BLOCK);
    } else {
        e1000_rxq_enable(&rx.q, block);
        e1000_txq_enable(&tx.q, block);
    }
    return 0;
}

static int set_up(void)
{
    struct packet_pool *pool = packet_pool_create(PACKETS);
    packet_cache_init(&cache, pool);
    host_add_mmio(&window);
    dma_share(&device, packet_pool_memory(pool), DMA_BIDIRECTIONAL);
    init();
    rx.q.queue.cache = tx.q.queue.cache = &cache;
    rx.q.queue.size = tx.q.queue.size = RING;
    return intel_rxq_create(&rx.q, &device) || intel_txq_create(&tx.q, &device) ||
           enable(mmio_map(BLOCKS, sizeof regs));
}

int main(int argc, char **argv)
{
    struct timespec a, b;
    host_reset();
    for (int i = 1; i < argc; i++) {
        for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++)
            if (!strcmp(argv[i], kinds[k].name))
                kind = &kinds[k];
        if (!strcmp(argv[i], "alone"))
            intel_set_alone(true);
    }
    if (set_up())
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &a);
    uint64_t frames = carry();
    clock_gettime(CLOCK_MONOTONIC, &b);
    double ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
    printf("%llu frames, %.1f ns received and sent\n", (unsigned long long)frames,
           ns / (double)frames);
    return 0;
}
