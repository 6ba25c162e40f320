/* null.c - swallows everything it could have sent; receives nothing, or frames of zeros without
 * end, as DPDK's net_null does. */
#include "nic/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NULL_SIZE 256u
#define NULL_QUEUES 16u

struct null_port {
    struct port port;
    uint16_t frame; /* bytes of what it receives; 0: nothing */
    struct port_queue rx[NULL_QUEUES], tx[NULL_QUEUES];
};

/* As many as there are packets for; a frame longer than the port's MTU allows is nobody's. */
static uint16_t null_rx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    const struct null_port *null = q->port->priv;
    if (!null->frame || null->frame > port_frame_limit(q->port) ||
        !packet_alloc_burst(q->cache, packets, n))
        return 0;
    for (uint16_t i = 0; i < n; i++) {
        struct packet *p = packets[i];
        memset(p->data, 0, null->frame);
        p->length = null->frame;
        p->frame_length = null->frame;
        packet_arrived(p, q->port->number);
    }
    counter_add(&q->packets, n);
    counter_add(&q->bytes, (uint64_t)n * null->frame);
    return n;
}

static uint16_t null_tx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        if (port_can_send(q->port, packets[i])) {
            counter_add(&q->packets, 1);
            counter_add(&q->bytes, packets[i]->frame_length);
        } else {
            counter_add(&q->errors, 1);
        }
        packet_free(q->cache, packets[i]);
    }
    return n;
}

static int null_start(struct port *port)
{
    return 0;
}

static void null_stop(struct port *port) {}

static const struct port_ops null_ops = { .start = null_start,
                                          .stop = null_stop,
                                          .link = soft_link,
                                          .stats = soft_stats,
                                          .set_mac = soft_set_mac,
                                          .set_rx_mode = soft_set_rx_mode,
                                          .set_mtu = soft_set_mtu };

static void queues_init(struct null_port *n, uint16_t i)
{
    const struct port_queue queue = { .port = &n->port, .index = i, .size = NULL_SIZE };
    n->rx[i] = n->tx[i] = queue;
    n->rx[i].burst = null_rx_burst;
    n->tx[i].burst = null_tx_burst;
    n->port.rxq[i] = &n->rx[i];
    n->port.txq[i] = &n->tx[i];
}

bool null_frame_good(uint64_t frame)
{
    return frame >= FRAME_PADDED && frame <= PACKET_ROOM;
}

uint16_t null_port_frame(const struct port *port)
{
    const struct null_port *n = port->priv;
    return n->frame;
}

void null_port_destroy(struct port *port)
{
    port_stop(port);
    port_unregister(port);
    free(port->priv);
}

static void port_init(struct null_port *n)
{
    n->port = (struct port){ .ops = &null_ops,
                             .driver = "null",
                             .rx_queues = QUEUES_DEFAULT,
                             .tx_queues = QUEUES_DEFAULT,
                             .priv = n,
                             .remove = null_port_destroy,
                             .limits = { .rx_queues_max = NULL_QUEUES,
                                         .tx_queues_max = NULL_QUEUES,
                                         .rx_size_min = NULL_SIZE,
                                         .rx_size_max = NULL_SIZE,
                                         .rx_size_default = NULL_SIZE,
                                         .tx_size_min = NULL_SIZE,
                                         .tx_size_max = NULL_SIZE,
                                         .tx_size_default = NULL_SIZE,
                                         .size_multiple = 1,
                                         .max_frame = FRAME_MAX } };
    for (uint16_t i = 0; i < NULL_QUEUES; i++)
        queues_init(n, i);
}

int null_port_create_at(unsigned number, uint16_t frame, struct port **out)
{
    struct null_port *n = port_alloc("null", sizeof *n);
    if (!n)
        return -ENOMEM;
    port_init(n);
    n->frame = frame;
    int e = port_register_at(&n->port, number);
    if (e) {
        free(n);
        return e;
    }
    const uint8_t mac[MAC_LEN] = {
        0x02, 0x6e, 0x75, 0x6c, (uint8_t)(n->port.number >> 8), (uint8_t)n->port.number
    };
    memcpy(n->port.mac, mac, MAC_LEN);
    memcpy(n->port.permanent_mac, mac, MAC_LEN);
    *out = &n->port;
    return 0;
}

int null_port_create(struct port **out)
{
    return null_port_create_at(PORT_NONE, 0, out);
}
