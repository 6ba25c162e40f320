/* bench_virtio.c - what a virtio port's bursts cost per frame, on the host.
 *
 * The device is a few lines here that hand each transmitted buffer back as sent and fill each
 * receive buffer with nothing but its header: what is left is the driver's own work.  Under
 * callgrind the counts of virtio_net_rx_burst and virtio_net_tx_burst, divided by the frames
 * printed, are instructions a frame (docs/performance.md).  An argument names the rings: split
 * (the usual), event, packed, inorder (packed and in order). */
#include "nic/port.h"
#include "tests/host/host.h"
#include "virtio/virtio.h"
#include "virtio/virtio_net.h"
#include "virtio/virtio_net_regs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PACKETS 2048u
#define TURNS 20000u
#define FRAME_LENGTH 60u

static struct dma_device dma = { .requester_id = 0x10 };
static struct packet_cache cache;
static const struct dma_memory *pool_memory;
static uint64_t features;
static uint8_t status;
static struct {
    struct virtqueue *vq;
    uint16_t seen, used; /* packed: positions */
    uint16_t wrap;       /* packed: flags of a used descriptor in this round */
} device[2];

static uint64_t get_features(struct virtio_device *dev)
{
    return features;
}
static void set_features(struct virtio_device *dev, uint64_t accepted) {}
static uint8_t get_status(struct virtio_device *dev)
{
    return status;
}
static void set_status(struct virtio_device *dev, uint8_t value)
{
    status = value;
}
static uint32_t config_read(struct virtio_device *dev, uint16_t offset, unsigned size)
{
    return 2;
}
static void config_write8(struct virtio_device *dev, uint16_t offset, uint8_t value) {}
static uint16_t queue_size(struct virtio_device *dev, uint16_t index)
{
    return index < 2 ? 256 : 0;
}
static void notify(struct virtqueue *vq) {}
static int queue_enable(struct virtio_device *dev, struct virtqueue *vq)
{
    device[vq->index].vq = vq;
    device[vq->index].wrap = VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
    vq->notify = notify;
    return 0;
}
static bool set_dma(struct virtio_device *dev, bool on)
{
    return true;
}

static const struct virtio_transport transport = { .name = "bench",
                                                   .get_features = get_features,
                                                   .set_features = set_features,
                                                   .get_status = get_status,
                                                   .set_status = set_status,
                                                   .config_read = config_read,
                                                   .config_write8 = config_write8,
                                                   .queue_size = queue_size,
                                                   .queue_enable = queue_enable,
                                                   .set_dma = set_dma };

static struct virtio_device dev = { .transport = &transport, .dma = &dma, .name = "virtio bench" };

/* The header of a frame that fills one buffer. */
static void fill(uint64_t iova)
{
    uint8_t *header = (uint8_t *)pool_memory->va + (iova - pool_memory->iova);
    memset(header, 0, sizeof(struct virtio_net_hdr));
    header[offsetof(struct virtio_net_hdr, num_buffers)] = 1;
}

static void use_split(unsigned q, unsigned n)
{
    struct virtqueue *vq = device[q].vq;
    uint16_t idx = vq->used->idx;
    for (; n-- && device[q].seen != vq->avail->idx; idx++) {
        uint16_t head = vq->avail->ring[device[q].seen++ % vq->size];
        if (q == 0)
            fill(vq->desc[head].addr);
        vq->used->ring[idx % vq->size] =
            (struct virtq_used_elem){ .id = head,
                                      .len = FRAME_LENGTH + sizeof(struct virtio_net_hdr) };
    }
    vq->used->idx = idx;
}

/* Every buffer is one descriptor here, used in order; in batches where that was settled. */
static void use_packed(unsigned q, unsigned n)
{
    struct virtqueue *vq = device[q].vq;
    bool batches = vq->in_order && q == 1;
    struct pvirtq_desc *first = &vq->ring[device[q].used], *d = first;
    uint16_t wrap = device[q].wrap;
    for (; n-- && (d = &vq->ring[device[q].used])->flags != device[q].wrap;) {
        uint16_t id = d->id;
        if (q == 0)
            fill(d->addr);
        (batches ? first : d)->id = id;
        d->len = FRAME_LENGTH + sizeof(struct virtio_net_hdr);
        if (!batches)
            d->flags = device[q].wrap;
        if (++device[q].used == vq->size) {
            device[q].used = 0;
            device[q].wrap ^= VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
        }
    }
    if (batches)
        first->flags = wrap;
}

static void use(unsigned q, unsigned n)
{
    if (device[q].vq->packed)
        use_packed(q, n);
    else
        use_split(q, n);
}

static uint64_t carry(struct port *port)
{
    uint64_t frames = 0;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct packet *packets[PORT_BURST];
        use(0, PORT_BURST);
        uint16_t n = port_rx_burst(port->rxq[0], packets, PORT_BURST);
        if (port_tx_burst(port->txq[0], packets, n) != n)
            abort();
        use(1, PORT_BURST);
        frames += n;
    }
    return frames;
}

static const struct {
    const char *name;
    uint64_t features;
} kinds[] = {
    { "event", VIRTIO_BIT(VIRTIO_F_EVENT_IDX) },
    { "packed", VIRTIO_BIT(VIRTIO_F_RING_PACKED) },
    { "inorder", VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_IN_ORDER) },
};

int main(int argc, char **argv)
{
    struct port *port;
    struct timespec a, b;
    host_reset();
    features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) |
               VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        if (argc > 1 && !strcmp(argv[1], kinds[i].name))
            features |= kinds[i].features;
    struct packet_pool *pool = packet_pool_create(PACKETS);
    packet_cache_init(&cache, pool);
    pool_memory = packet_pool_memory(pool);
    if (virtio_net_create(&dev, NULL, NULL, &port))
        return 1;
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    if (port_start(port))
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &a);
    uint64_t frames = carry(port);
    clock_gettime(CLOCK_MONOTONIC, &b);
    double ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
    printf("%llu frames, %.1f ns each way\n", (unsigned long long)frames, ns / (double)frames / 2);
    return 0;
}
