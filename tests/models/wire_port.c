/* wire_port.c - a port whose other end is in the test's hands (wire_port.h). */
#include "tests/models/wire_port.h"

#include <stdlib.h>
#include <string.h>

/* A chain of packets that holds the frame; the cache has enough. */
static struct packet *packet_of(struct packet_cache *cache, const struct wire_frame *frame)
{
    struct packet *first = NULL, **tail = &first;
    for (uint32_t at = 0; at < frame->length || !first;) {
        struct packet *p = packet_alloc(cache);
        if (!p) {
            packet_free(cache, first);
            return NULL;
        }
        uint32_t n = frame->length - at < PACKET_ROOM ? frame->length - at : PACKET_ROOM;
        memcpy(p->data, frame->bytes + at, n);
        p->length = (uint16_t)n;
        at += n;
        *tail = p;
        tail = &p->next;
    }
    first->frame_length = frame->length;
    return first;
}

static bool rx_wanted(const struct port *port, const struct wire_frame *frame)
{
    return frame->length >= FRAME_MIN && frame->length <= port_frame_limit(port);
}

/* What cannot be given to a packet stays on the wire. */
static uint16_t wire_rx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    struct wire_port *wire = q->port->priv;
    uint16_t got = 0;
    while (got < n && wire->in.head != wire->in.tail) {
        struct wire_frame *frame = &wire->in.frame[wire->in.head % WIRE_FRAMES];
        if (!rx_wanted(q->port, frame)) {
            counter_add(&q->errors, 1);
        } else {
            struct packet *p = packet_of(q->cache, frame);
            if (!p)
                break;
            p->port = q->port->number;
            counter_add(&q->packets, 1);
            counter_add(&q->bytes, frame->length);
            packets[got++] = p;
        }
        free(frame->bytes);
        wire->in.head++;
    }
    return got;
}

static void way_add(struct wire_way *way, struct wire_frame frame)
{
    if (way->tail - way->head == WIRE_FRAMES)
        abort();
    way->frame[way->tail++ % WIRE_FRAMES] = frame;
}

static uint16_t wire_tx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    struct wire_port *wire = q->port->priv;
    uint16_t taken = 0;
    wire->bursts++;
    for (; taken < n && wire->room; taken++) {
        struct packet *p = packets[taken];
        if (!port_can_send(q->port, p)) {
            counter_add(&q->errors, 1);
        } else {
            struct wire_frame frame = { .length = p->frame_length,
                                        .bytes = malloc(p->frame_length) };
            if (!packet_read(p, 0, frame.bytes, frame.length))
                abort();
            way_add(&wire->out, frame);
            counter_add(&q->packets, 1);
            counter_add(&q->bytes, frame.length);
            wire->room -= wire->room != WIRE_ROOM_ALL;
        }
        packet_free(q->cache, p);
    }
    return taken;
}

static int wire_start(struct port *port)
{
    return ((struct wire_port *)port->priv)->start_fails;
}

static void wire_stop(struct port *port) {}

static void wire_link(struct port *port, struct port_link *link)
{
    struct wire_port *wire = port->priv;
    *link = (struct port_link){ 0 };
    if (wire->dies)
        port_fail(port, "device is gone");
    else
        *link = (struct port_link){ .up = wire->link_up, .full_duplex = true, .speed_mbps = 1000 };
}

static void wire_stats(struct port *port, struct port_device_stats *stats)
{
    *stats = (struct port_device_stats){ 0 };
}

static int wire_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    return ((struct wire_port *)port->priv)->rx_mode_fails;
}

static const struct port_ops wire_ops = {
    .start = wire_start,
    .stop = wire_stop,
    .link = wire_link,
    .stats = wire_stats,
    .set_rx_mode = wire_set_rx_mode,
};

struct wire_port *wire_port_create(void)
{
    struct wire_port *wire = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof *wire, CACHE_LINE));
    memset(wire, 0, sizeof *wire);
    wire->link_up = true;
    wire->room = WIRE_ROOM_ALL;
    wire->rx =
        (struct port_queue){ .burst = wire_rx_burst, .port = &wire->port, .size = WIRE_FRAMES };
    wire->tx =
        (struct port_queue){ .burst = wire_tx_burst, .port = &wire->port, .size = WIRE_FRAMES };
    wire->port = (struct port){ .ops = &wire_ops,
                                .driver = "wire",
                                .rxq = { &wire->rx },
                                .txq = { &wire->tx },
                                .rx_queues = 1,
                                .tx_queues = 1,
                                .priv = wire,
                                .limits = { .rx_queues_max = 1,
                                            .tx_queues_max = 1,
                                            .rx_size_min = WIRE_FRAMES,
                                            .rx_size_max = WIRE_FRAMES,
                                            .rx_size_default = WIRE_FRAMES,
                                            .tx_size_min = WIRE_FRAMES,
                                            .tx_size_max = WIRE_FRAMES,
                                            .tx_size_default = WIRE_FRAMES,
                                            .size_multiple = 1,
                                            .max_frame = FRAME_MAX } };
    if (port_register(&wire->port))
        abort();
    const uint8_t mac[MAC_LEN] = { 0x02, 0x77, 0x69, 0x72, 0x65, (uint8_t)wire->port.number };
    memcpy(wire->port.mac, mac, MAC_LEN);
    memcpy(wire->port.permanent_mac, mac, MAC_LEN);
    return wire;
}

static void way_empty(struct wire_way *way)
{
    for (; way->head != way->tail; way->head++)
        free(way->frame[way->head % WIRE_FRAMES].bytes);
}

void wire_port_destroy(struct wire_port *wire)
{
    port_stop(&wire->port);
    port_unregister(&wire->port);
    way_empty(&wire->in);
    way_empty(&wire->out);
    free(wire);
}

void wire_put(struct wire_port *wire, const void *bytes, uint32_t length)
{
    struct wire_frame frame = { .length = length, .bytes = malloc(length ? length : 1) };
    memcpy(frame.bytes, bytes, length);
    way_add(&wire->in, frame);
}

uint32_t wire_take(struct wire_port *wire, void *bytes, uint32_t size)
{
    if (wire->out.head == wire->out.tail)
        return 0;
    struct wire_frame *frame = &wire->out.frame[wire->out.head++ % WIRE_FRAMES];
    uint32_t n = frame->length;
    memcpy(bytes, frame->bytes, n < size ? n : size);
    free(frame->bytes);
    return n;
}

uint32_t wire_count(const struct wire_port *wire)
{
    return wire->out.tail - wire->out.head;
}
