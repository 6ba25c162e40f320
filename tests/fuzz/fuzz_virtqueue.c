/* A virtio device that answers whatever the input says: registers, used rings (of packed queues the
 * ring), and the bytes of every page it may write, with one pair of queues or several.  Whatever it
 * does, frames that come out obey nic/port.h, and after stop every packet and every page is back.
 */
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"

#include "apps/forward/access.h"
#include "kernel/time.h"
#include "nic/port.h"
#include "virtio/virtio.h"
#include "virtio/virtio_net.h"
#include "virtio/virtio_net_regs.h"

#include <stdlib.h>
#include <string.h>

#define POOL 160u
#define QUEUES (2 * PORT_QUEUES_MAX + 1)

static struct input input;

static uint8_t byte(void)
{
    return (uint8_t)take_value(&input, 1);
}
static uint16_t word(void)
{
    return (uint16_t)take_value(&input, 2);
}
static uint32_t dword(void)
{
    return (uint32_t)take_value(&input, 4);
}

/* The device ---------------------------------------------------------------------- */

static struct {
    struct dma_device dma;
    struct virtio_device dev;
    struct virtio_transport transport;
    uint8_t status;
    bool lies; /* registers answer from the input, not from what was written */
    struct queue {
        struct virtqueue *vq;
        uint16_t seen; /* as far as the device has looked; packed: a position */
    } queue[QUEUES];
    unsigned queues; /* set up so far; the control queue is the first */
    struct packet_cache cache;
} fake;

static uint64_t get_features(struct virtio_device *dev)
{
    uint64_t low = dword(), high = byte();
    return low | (high & 0x1f) << 32 | (high >> 5 & 1) << VIRTIO_NET_F_HASH_REPORT |
           (high >> 7) << VIRTIO_NET_F_RSS |
           (dev->transport->legacy ? 0 : VIRTIO_BIT(VIRTIO_F_VERSION_1));
}

static void set_features(struct virtio_device *dev, uint64_t features) {}
static uint8_t get_status(struct virtio_device *dev)
{
    return fake.lies ? byte() : fake.status;
}

static void set_status(struct virtio_device *dev, uint8_t status)
{
    fake.status = status;
    if (!status)
        fake.queues = 0;
}

static uint32_t get_generation(struct virtio_device *dev)
{
    return fake.lies ? byte() : 0;
}

static uint32_t config_read(struct virtio_device *dev, uint16_t offset, unsigned size)
{
    return dword() >> (32 - 8 * size);
}

static void config_write8(struct virtio_device *dev, uint16_t offset, uint8_t value) {}

static uint16_t queue_size(struct virtio_device *dev, uint16_t index)
{
    return fake.lies ? word() : (uint16_t)(1u << byte() % 8);
}

/* What the device does to memory ------------------------------------------------------ */

/* Where the driver looks next; scribble() writes elsewhere. */
static void put_packed(struct virtqueue *vq, uint32_t id, uint32_t len)
{
    struct pvirtq_desc desc = { .len = len,
                                .id = (uint16_t)id,
                                .flags = vq->used_flags | VIRTQ_DESC_F_WRITE };
    host_dma_write(&fake.dma, vq->desc_iova + 16ull * vq->next_used, &desc, sizeof desc);
}

static void put(struct queue *q, uint32_t id, uint32_t len)
{
    struct virtq_used_elem elem = { .id = id, .len = len };
    if (q->vq->packed) {
        put_packed(q->vq, id, len);
        return;
    }
    uint16_t idx = q->vq->used->idx;
    host_dma_write(&fake.dma, q->vq->used_iova + 4 + 8ull * (idx % q->vq->size), &elem,
                   sizeof elem);
    idx++;
    host_dma_write(&fake.dma, q->vq->used_iova + 2, &idx, sizeof idx);
}

/* Where the next buffer offered is described, and its number; false: there is none. */
static bool next_offered(struct queue *q, uint64_t *row, uint16_t *id)
{
    struct virtqueue *vq = q->vq;
    uint16_t idx;
    if (vq->packed) {
        *row = vq->desc_iova + 16ull * (q->seen++ % vq->size);
        return !host_dma_read(&fake.dma, *row + offsetof(struct pvirtq_desc, id), id, sizeof *id);
    }
    if (host_dma_read(&fake.dma, vq->avail_iova + 2, &idx, sizeof idx) || q->seen == idx)
        return false;
    uint64_t at = vq->avail_iova + 4 + 2ull * (q->seen++ % vq->size);
    if (host_dma_read(&fake.dma, at, id, sizeof *id))
        return false;
    *row = vq->desc_iova + 16ull * (*id % vq->size);
    return true;
}

static uint16_t flags_at(uint64_t row, bool packed)
{
    uint16_t flags = 0;
    host_dma_read(
        &fake.dma,
        row + (packed ? offsetof(struct pvirtq_desc, flags) : offsetof(struct virtq_desc, flags)),
        &flags, sizeof flags);
    return flags;
}

/* Like an honest device: the next buffer offered, and perhaps a header that
 * claims a few buffers.  The length is what the input says. */
static void use_next(struct queue *q)
{
    uint64_t row, addr;
    uint16_t id;
    if (!next_offered(q, &row, &id))
        return;
    if (!host_dma_read(&fake.dma, row, &addr, sizeof addr) &&
        (flags_at(row, q->vq->packed) & VIRTQ_DESC_F_WRITE)) {
        uint16_t num_buffers = byte() % 12;
        host_dma_write(&fake.dma, addr + 10, &num_buffers, sizeof num_buffers);
    }
    put(q, id, word() % 2048u);
}

/* Control commands are answered, mostly. */
static void notify(struct virtqueue *vq)
{
    bool control = fake.queues % 2 && fake.queue[0].vq == vq; /* it comes first */
    if (control && byte() != 7)
        use_next(&fake.queue[0]);
}

static int queue_enable(struct virtio_device *dev, struct virtqueue *vq)
{
    must(fake.queues < QUEUES);
    fake.queue[fake.queues++] = (struct queue){ .vq = vq };
    vq->notify = notify;
    return 0;
}

static bool queue_interrupt(struct virtio_device *dev, struct virtqueue *vq, unsigned entry)
{
    return true;
}

static bool set_dma(struct virtio_device *dev, bool on)
{
    return true;
}

static void scribble(struct virtqueue *vq)
{
    uint32_t value = dword();
    uint64_t at = vq->packed ? vq->desc_iova + word() % (16u * vq->size + 4)
                             : vq->used_iova + word() % (6u + 8u * vq->size);
    host_dma_write(&fake.dma, at, &value, 1 + byte() % 4);
}

/* Bytes into a buffer that the device was given, found as a device finds it. */
static void scribble_packet(struct virtqueue *vq)
{
    uint32_t value = dword();
    uint64_t row = vq->desc_iova + 16ull * (byte() % vq->size), addr;
    if (!host_dma_read(&fake.dma, row, &addr, sizeof addr) &&
        (flags_at(row, vq->packed) & VIRTQ_DESC_F_WRITE))
        host_dma_write(&fake.dma, addr + byte() % 13, &value, 4);
}

/* What the driver does meanwhile -------------------------------------------------------- */

static void receive(struct port *port)
{
    struct packet *packets[8];
    uint16_t n = port_rx_burst(port->rxq[byte() % port->rx_queues], packets, 1 + byte() % 8);
    for (uint16_t i = 0; i < n; i++) {
        check_frame(port, packets[i]);
        packet_free(&fake.cache, packets[i]);
    }
}

static void send(struct port *port)
{
    struct packet *first = NULL, **tail = &first;
    for (unsigned i = byte() % 10 + 1; i--; tail = &(*tail)->next) {
        *tail = packet_alloc(&fake.cache);
        if (!*tail)
            break;
        (*tail)->length = word() % (PACKET_ROOM + 1);
        first->frame_length += (*tail)->length;
    }
    if (first && !port_tx_burst(port->txq[byte() % port->tx_queues], &first, 1))
        packet_free(&fake.cache, first);
}

static void set_something(struct port *port)
{
    const struct port_rx_mode mode = { .promiscuous = true };
    const uint8_t mac[MAC_LEN] = { 2 };
    if (byte() == 1) {
        port_set_mtu(port, word());
        return;
    }
    switch (byte()) {
    case 1:
        port_set_rx_mode(port, &mode);
        break;
    case 2:
        port_set_mac(port, mac);
        break;
    case 3:
        access_set_vlan(port, word() & 0xfff);
        break;
    case 4:
        port->ops->arm(port->rxq[byte() % port->rx_queues], byte() & 1);
        break;
    }
}

static void turn(struct port *port)
{
    struct queue *q = &fake.queue[byte() % fake.queues];
    uint8_t what = byte() % 10;
    if (what < 3)
        use_next(q);
    else if (what == 3)
        put(q, byte(), word());
    else if (what == 4)
        scribble(q->vq);
    else if (what == 5)
        scribble_packet(q->vq);
    else if (what == 6)
        receive(port);
    else if (what == 7)
        send(port);
    else if (what == 8)
        port_poll_link(port);
    else
        set_something(port);
}

static void create(struct port **port)
{
    uint8_t kind = byte();
    fake.transport = (struct virtio_transport){
        .name = "fuzz",
        .legacy = kind & 1,
        .get_features = get_features,
        .set_features = set_features,
        .get_status = get_status,
        .set_status = set_status,
        .get_generation = kind & 2 ? get_generation : NULL,
        .config_read = config_read,
        .config_write8 = config_write8,
        .queue_size = queue_size,
        .queue_enable = queue_enable,
        .queue_interrupt = queue_interrupt,
        .set_dma = set_dma,
    };
    fake.lies = kind & 4;
    fake.status = 0;
    fake.dev = (struct virtio_device){ .transport = &fake.transport,
                                       .dma = &fake.dma,
                                       .name = "virtio fuzz" };
    virtio_net_create(&fake.dev, NULL, NULL, port);
    for (unsigned i = 0; i < (*port)->limits.rx_queues_max; i++)
        (*port)->rxq[i]->cache = (*port)->txq[i]->cache = &fake.cache;
    port_set_queues(*port, (uint16_t)(1 + (kind >> 4) % (*port)->limits.rx_queues_max));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct port *port;
    input = (struct input){ data, size };
    host_set_look_us(10 * US_PER_MS);
    struct packet_pool *pool = packet_pool_create(POOL);
    packet_cache_init(&fake.cache, pool);
    create(&port);
    for (unsigned starts = 0; starts < 3 && !port_start(port); starts++) {
        while (input.size && port->state == PORT_RUNNING && byte() != 0xff)
            turn(port);
        port_stop(port);
        must(host_dma_mapped(&fake.dma) == 0);
    }
    virtio_net_destroy(port);
    packet_cache_flush(&fake.cache);
    must(packet_pool_available(pool) == POOL);
    packet_pool_destroy(pool);
    harness_end();
    return 0;
}
