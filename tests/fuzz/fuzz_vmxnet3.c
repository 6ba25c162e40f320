/* A hostile vmxnet3 device: it completes what the input says, writes what it likes wherever it
 * may write, answers commands with anything and reports any event, while the port receives, sends,
 * changes its settings and restarts, with one queue and with several.  Frames handed up keep the
 * rules of nic/packet.h, and in the end every packet is back in the pool, once. */
#include "nic/port.h"
#include "tests/host/host.h"
#include "tests/models/conformance.h"
#include "tests/models/vmxnet3_model.h"

#include <stdlib.h>
#include <string.h>

#define POOL_PACKETS 2048u
#define RING 64u
#define QUEUES 3u /* asked for; two of them live */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t address[MAC_LEN] = { 0x00, 0x50, 0x56, 1, 2, 3 };
static struct vmxnet3_model model;
static struct packet_pool *pool;
static struct packet_cache cache;

struct input {
    const uint8_t *data;
    size_t size;
};

static uint64_t take_value(struct input *in, size_t n)
{
    uint64_t value = 0;
    n = n < in->size ? n : in->size;
    memcpy(&value, in->data, n);
    in->data += n;
    in->size -= n;
    return value;
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_frame(const struct port *port, const struct packet *first)
{
    uint32_t bytes = 0, segments = 0;
    for (const struct packet *p = first; p; p = p->next) {
        must(p->data >= p->buffer && p->data + p->length <= p->buffer + PACKET_BUFFER_SIZE);
        bytes += p->length;
        segments++;
    }
    must(bytes == first->frame_length && segments <= FRAME_SEGMENTS_MAX);
    must(bytes >= FRAME_MIN && bytes <= port_frame_limit(port));
    must(!first->next || first->length >= PACKET_HEADER_MIN);
    must((first->flags & ~PACKET_VLAN) <= PACKET_IP_CHECKSUM_BAD); /* one of them, or none */
    must(!(first->flags & PACKET_VLAN) || (port->offloads & PORT_OFFLOAD_VLAN_STRIP));
}

static void receive(struct port *port)
{
    struct packet *p[8];
    for (unsigned q = 0; q < port->rx_queues; q++) {
        uint16_t n = port_rx_burst(port->rxq[q], p, 8);
        for (uint16_t i = 0; i < n; i++)
            check_frame(port, p[i]);
        packet_free_burst(&cache, p, n);
    }
}

static void send(struct port *port, uint16_t shape)
{
    static const uint8_t bytes[1600];
    uint32_t length = shape % 1600u, segment = length > 300 ? PACKET_ROOM : 1 + shape % 251u;
    for (unsigned i = 0; i < 1u + shape % 16u; i++) {
        struct packet *p = conformance_packet(&cache, bytes, length, segment);
        if (p && !port_tx_burst(port->txq[i % port->tx_queues], &p, 1))
            packet_free(&cache, p);
    }
}

/* Half lies: believable often enough that frames get through. */
static void complete_receive(struct input *in)
{
    static const uint16_t lengths[] = { 0, 60, 127, 128, 1514, 1920, 1921, 16383 };
    uint8_t how = (uint8_t)take_value(in, 1), more = (uint8_t)take_value(in, 1);
    unsigned queue = more & 1, ring = more >> 1 & 1;
    struct vmxnet3_model_queue *q = &model.rx[queue];
    struct vmxnet3_model_ring *r = &q->ring[ring];
    uint32_t index = r->next;
    if (!model.active || queue >= model.rx_queues || !r->size)
        return;
    index += more & 0x80 ? (uint32_t)take_value(in, 1) : 0;
    uint64_t what = index % r->size |
                    FIELD_PUT(VMXNET3_RCD_RING, (uint64_t)queue + ring * model.rx_queues) |
                    (how & 1 ? VMXNET3_RCD_SOP : 0) | (how & 2 ? VMXNET3_RCD_EOP : 0) |
                    (how & 4 ? VMXNET3_RCD_CNC : 0);
    uint64_t result = lengths[how >> 3 & 7] | (how & 0x40 ? VMXNET3_RCD_V4 | VMXNET3_RCD_TS : 0) |
                      (how & 0x80 ? VMXNET3_RCD_IPC | 5u << 16 : 0) |
                      (more & 0x40 ? VMXNET3_RCD_ERR : 0);
    r->next = index + 1;
    vmxnet3_model_complete(&model, q, what, result);
}

static void complete_anything(struct input *in)
{
    uint8_t which = (uint8_t)take_value(in, 1);
    struct vmxnet3_model_queue *q =
        which & 1 ? &model.tx[which >> 1 & 1] : &model.rx[which >> 1 & 1];
    uint64_t what = take_value(in, 4);
    vmxnet3_model_complete(&model, q, what, take_value(in, 8));
}

static void finish_transmission(void)
{
    static uint8_t frame[2048];
    for (unsigned i = 0; i < RING && vmxnet3_model_take(&model, frame, sizeof frame); i++)
        ;
}

/* Where the device may write: its answers to questions, events, and rings of completions. */
static void scribble(struct input *in)
{
    uint8_t which = (uint8_t)take_value(in, 1);
    uint64_t offset = take_value(in, 2), value = take_value(in, 8), at = model.shared;
    const struct vmxnet3_model_queue *q = which & 4 ? &model.tx[0] : &model.rx[which >> 3 & 1];
    if (which % 3 == 0)
        at += offset % (sizeof(struct vmxnet3_shared) / 8) * 8;
    else if (which % 3 == 1)
        at = q->at + offset % (sizeof(struct vmxnet3_queue) / 8) * 8;
    else
        at = q->completions.at + offset % (2 * RING) * 8;
    if (model.active)
        host_dma_write(&model.function->dma, at, &value, sizeof value);
}

static void set(struct port *port, struct input *in)
{
    static const uint16_t mtus[] = { MTU_DEFAULT, 9000, 68, 2000 };
    static const uint8_t groups[2][MAC_LEN] = { { 1, 2, 3, 4, 5, 6 }, { 0x33, 0x33, 0, 0, 0, 1 } };
    uint8_t what = (uint8_t)take_value(in, 1);
    switch (what % 4) {
    case 0:
        port_set_mtu(port, mtus[what / 4 % 4]);
        break;
    case 1:
        port_set_offloads(port, what / 4 % 4);
        break;
    case 2:
        port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = what & 4,
                                                       .all_multicast = what & 8,
                                                       .multicast = groups,
                                                       .multicast_count = what >> 4 & 1 });
        break;
    default:
        port_vlan_filter(port, what / 4 + 1u, what & 4);
    }
}

static void restart(struct port *port, struct input *in)
{
    uint8_t how = (uint8_t)take_value(in, 1);
    port_stop(port);
    model.rx_queues_max = 1 + how % 4;
    model.tx_queues_max = 1 + how / 4 % 3; /* one is too few: refused */
    model.wants_doorbells = how & 0x10;
    if (how & 0x80)
        port_start(port);
    model.tx_queues_max = VMXNET3_TX_QUEUES_MAX;
    port_start(port);
}

static void watch(struct port *port)
{
    struct port_counter rows[64];
    struct port_device_stats stats;
    port_read_stats(port, &stats);
    port_read_counters(port, rows, ARRAY_SIZE(rows));
    port_poll(port, 1000);
    port_poll_link(port);
}

static void step(struct port *port, struct input *in)
{
    static uint8_t frame[2048];
    switch (take_value(in, 1) % 12) {
    case 0:
    case 1:
        complete_receive(in);
        break;
    case 2:
        receive(port);
        break;
    case 3:
        send(port, (uint16_t)take_value(in, 2));
        break;
    case 4:
        finish_transmission();
        break;
    case 5:
        complete_anything(in);
        break;
    case 6:
        scribble(in);
        break;
    case 7:
        set(port, in);
        break;
    case 8:
        restart(port, in);
        break;
    case 9:
        watch(port);
        break;
    case 10:
        model.skips = (unsigned)take_value(in, 1) % 32;
        memcpy(frame, take_value(in, 1) & 1 ? mac_broadcast : port->mac, MAC_LEN);
        vmxnet3_model_inject(&model, frame, 14 + (uint32_t)take_value(in, 2) % 2000);
        break;
    default:
        model.lie = (uint32_t)take_value(in, 4);
    }
}

static void probe(uint8_t how)
{
    vmxnet3_model_init(&model, address, 1 + how % VMXNET3_REVISION_MAX);
    model.strips_all = how & 0x10;
    model.quiet = true;
    must(pci_probe_drivers() == 1);
    struct port *port = port_get(0);
    port->rx_queues = how & 0x20 ? QUEUES : 1;
    port->tx_queues = 2;
    for (unsigned i = 0; i < QUEUES; i++) {
        port->rxq[i]->cache = port->txq[i]->cache = &cache;
        port->rxq[i]->size = port->txq[i]->size = RING;
    }
    must(port_start(port) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    host_reset();
    port_reset_registry();
    if (!pool) /* once: it is whole again after every input */
        pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    probe((uint8_t)take_value(&in, 1));
    struct port *port = port_get(0);
    while (in.size && port->state != PORT_FAILED)
        step(port, &in);
    model.lie = 0;
    model.function->driver->remove(model.function);
    packet_cache_flush(&cache);
    must(packet_pool_available(pool) == POOL_PACKETS);
    must(host_dma_mapped(&model.function->dma) == 0);
    return 0;
}
