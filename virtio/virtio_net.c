/* virtio_net.c - the virtio network device as a port.
 *
 * Document: virtio 1.2 (OASIS CS01) 5.1.  Devices: anything with virtio device
 * ID 1, legacy, transitional or modern, through any transport.
 *
 * Not supported: more than one queue pair (MQ, RSS), checksum and segmentation
 * offloads, packed rings, VLAN filtering, gratuitous announcements on request,
 * and a fresh start by itself after DEVICE_NEEDS_RESET. */
#include "virtio/virtio_net.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "virtio/virtio_net_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Without it the modern interface is not the one of this document.  The legacy
 * interface needs nothing. */
#define FEATURES_REQUIRED_MODERN VIRTIO_BIT(VIRTIO_F_VERSION_1)
/* These make a better port, but a device without any of them is a port. */
#define FEATURES_WANTED \
    (VIRTIO_BIT(VIRTIO_NET_F_MTU) | VIRTIO_BIT(VIRTIO_NET_F_MAC) | \
     VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) | VIRTIO_BIT(VIRTIO_NET_F_STATUS) | \
     VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | FEATURES_ON_CTRL_VQ | \
     VIRTIO_BIT(VIRTIO_NET_F_SPEED_DUPLEX) | VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | \
     VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM))
#define FEATURES_WANTED_LEGACY VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT)
/* 5.1.3.1: not without CTRL_VQ */
#define FEATURES_ON_CTRL_VQ \
    (VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR))

static const struct virtio_feature feature_names[] = {
    { VIRTIO_NET_F_MTU, "MTU" },
    { VIRTIO_NET_F_MAC, "MAC" },
    { VIRTIO_NET_F_MRG_RXBUF, "MRG_RXBUF" },
    { VIRTIO_NET_F_STATUS, "STATUS" },
    { VIRTIO_NET_F_CTRL_VQ, "CTRL_VQ" },
    { VIRTIO_NET_F_CTRL_RX, "CTRL_RX" },
    { VIRTIO_NET_F_CTRL_MAC_ADDR, "CTRL_MAC_ADDR" },
    { VIRTIO_NET_F_SPEED_DUPLEX, "SPEED_DUPLEX" },
    { VIRTIO_F_ANY_LAYOUT, "ANY_LAYOUT" },
    { VIRTIO_F_INDIRECT_DESC, "INDIRECT_DESC" },
    { VIRTIO_F_VERSION_1, "VERSION_1" },
    { VIRTIO_F_ACCESS_PLATFORM, "ACCESS_PLATFORM" },
    { VIRTIO_F_ORDER_PLATFORM, "ORDER_PLATFORM" },
    { 0, NULL },
};

#define QUEUE_SIZE_DEFAULT 256u
#define QUEUE_SIZE_MIN 8u
#define DESCRIPTOR_BYTES (64u + FRAME_SEGMENTS_MAX * 16u) /* with its indirect table */
#define QUEUE_SIZE_MAX 1024u /* of what the device offers we take no more */

_Static_assert(sizeof(struct virtio_net_hdr) <= PACKET_HEADROOM, "header goes in front");

#define CONTROL_US (500 * US_PER_MS) /* no limit in the document; devices answer at once */
#define CONTROL_SEGMENTS 4u          /* command, two tables, ack */

/* A page that the device only reads. */
struct net_out {
    uint8_t header[CACHE_LINE]; /* zeros for ever: what transmitted frames start with */
    uint8_t class;
    uint8_t command;
    uint8_t data[PAGE_SIZE - CACHE_LINE - 2];
};

_Static_assert(sizeof(struct net_out) == PAGE_SIZE, "one page");

#define MULTICAST_MAX \
    ((sizeof(((struct net_out *)0)->data) - 2 * VIRTIO_NET_CTRL_MAC_HEAD) / MAC_LEN)

struct net_rx {
    struct port_queue queue;
    struct virtqueue vq;
    uint16_t buffers;        /* kept with the device */
    uint16_t batch;          /* refilled when that many are missing */
    uint16_t buffer_packets; /* packets chained into one buffer */
    /* The frame whose buffers are still coming in (MRG_RXBUF). */
    struct packet *frame, *last;
    uint16_t missing; /* buffers to come */
    uint16_t segments;
    bool discard; /* it broke a rule: freed when complete */
};

struct net_tx {
    struct port_queue queue;
    struct virtqueue vq;
    uint16_t reclaim_at; /* chains in flight that make us look for finished ones */
};

struct virtio_net {
    struct port port;
    struct net_rx rx;
    struct net_tx tx;
    struct virtqueue control;
    struct virtio_device *dev;
    struct port_ops ops; /* without what this device cannot do */
    uint16_t mtu_max;
    bool mtu_told; /* by the device: then it is where the port begins (5.1.4.2) */
    uint8_t header_length;
    bool split_header;             /* header in a descriptor of its own: 5.1.6.6 */
    bool live;                     /* between DRIVER_OK and reset */
    bool told_promiscuous;         /* since the last reset */
    bool control_dead;             /* a command was never answered; its memory is the device's */
    struct dma_memory out, in;     /* struct net_out; the ack byte */
    const struct dma_memory *pool; /* the packet pool, while the device can reach it */
};

static struct virtio_net *to_net(struct port *port)
{
    return port->priv;
}

static bool has(const struct virtio_net *net, unsigned feature)
{
    return virtio_has(net->dev, feature);
}

/* Features and configuration ------------------------------------------------------ */

/* 5.1.4.1: at least 68.  A device that breaks its promise is better off without. */
static bool mtu_makes_sense(struct virtio_device *dev)
{
    uint16_t mtu = virtio_config_read16(dev, VIRTIO_NET_CONFIG_MTU);
    if (mtu >= MTU_MIN)
        return true;
    log_warning("%s: MTU %u ignored, expected %u or more", dev->name, mtu, MTU_MIN);
    return false;
}

static int negotiate(struct virtio_net *net)
{
    struct virtio_device *dev = net->dev;
    bool legacy = dev->transport->legacy;
    uint64_t offered = dev->transport->get_features(dev);
    uint64_t required = legacy ? 0 : FEATURES_REQUIRED_MODERN;
    uint64_t wanted = FEATURES_WANTED | (legacy ? FEATURES_WANTED_LEGACY : 0);

    if (!(offered & VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ)))
        wanted &= ~FEATURES_ON_CTRL_VQ; /* 2.2.1 */
    if ((offered & VIRTIO_BIT(VIRTIO_NET_F_MTU)) && !mtu_makes_sense(dev))
        wanted &= ~VIRTIO_BIT(VIRTIO_NET_F_MTU);
    int e = virtio_negotiate(dev, required, wanted, feature_names);
    if (e)
        return e;
    net->split_header = legacy && !has(net, VIRTIO_F_ANY_LAYOUT);
    net->header_length = legacy && !has(net, VIRTIO_NET_F_MRG_RXBUF)
                             ? VIRTIO_NET_HDR_LEGACY_LENGTH
                             : sizeof(struct virtio_net_hdr);
    return 0;
}

/* Steps 1 to 6 of virtio 1.2 3.1.1. */
static int handshake(struct virtio_net *net)
{
    int e = virtio_begin(net->dev);
    return e ? e : negotiate(net);
}

/* Without MAC we choose one, locally administered (5.1.4.2): from where the
 * device sits and the clock, so that two appliances on a wire differ. */
static void make_mac(struct virtio_net *net, uint8_t mac[MAC_LEN])
{
    uint64_t seed = (time_cycles() + 1) * 0x9e3779b97f4a7c15ull;
    mac[0] = 0x02;
    for (unsigned i = 1; i < 4; i++)
        mac[i] = (uint8_t)(seed >> (64 - 8 * i));
    mac[4] = (uint8_t)(net->dev->dma->requester_id >> 8);
    mac[5] = (uint8_t)net->dev->dma->requester_id;
}

static int read_mac(struct virtio_net *net, uint8_t mac[MAC_LEN])
{
    if (has(net, VIRTIO_NET_F_MAC))
        return virtio_config_read(net->dev, VIRTIO_NET_CONFIG_MAC, mac, MAC_LEN);
    make_mac(net, mac);
    return 0;
}

static uint16_t read_mtu_max(struct virtio_net *net)
{
    uint64_t max = FRAME_MAX - FRAME_LIMIT(0);
    if (!has(net, VIRTIO_NET_F_MTU))
        return (uint16_t)max;
    /* It made sense a moment ago, but is read again. */
    uint64_t mtu = virtio_config_read16(net->dev, VIRTIO_NET_CONFIG_MTU);
    return (uint16_t)min_u64(max, max_u64(mtu, MTU_MIN));
}

/* The control queue, virtio 1.2 5.1.6.5 ---------------------------------------------- */

static int wait_for_ack(struct virtio_net *net)
{
    struct deadline d = deadline_us(CONTROL_US);
    uint32_t written;
    while (!virtqueue_pop(&net->control, &written)) /* written: nonsense on legacy, 5.1.6.1 */
        if (net->control.broken || task_deadline_passed(&d)) {
            net->control_dead = true;
            log_error("%s: control queue: used idx %u, expected %u%s%s", net->dev->name,
                      net->control.used_end, net->control.avail_idx,
                      net->control.broken ? ": " : "",
                      net->control.broken ? net->control.broken : "");
            return -EIO;
        }
    return 0;
}

/* Sends a command whose data, length1 + length2 bytes of it, lie in net_out.
 * The framing of 5.1.6.6, which every device understands. */
static int control_send(struct virtio_net *net, uint8_t class, uint8_t command, uint32_t length1,
                        uint32_t length2)
{
    struct net_out *out = net->out.va;
    uint8_t *ack = net->in.va;
    uint64_t data = net->out.iova + offsetof(struct net_out, data);
    struct virtqueue_segment s[CONTROL_SEGMENTS];
    unsigned n = 0;

    if (!net->control.size || net->control_dead)
        return -EIO;
    out->class = class;
    out->command = command;
    store_relaxed(ack, 0xff);
    s[n++] = (struct virtqueue_segment){ net->out.iova + offsetof(struct net_out, class), 2 };
    s[n++] = (struct virtqueue_segment){ data, length1 };
    if (length2)
        s[n++] = (struct virtqueue_segment){ data + length1, length2 };
    s[n] = (struct virtqueue_segment){ net->in.iova, 1 };
    if (!virtqueue_add(&net->control, s, n, 1, out)) {
        log_warning("%s: control queue of %u has no room for a command", net->dev->name,
                    net->control.size);
        return -EIO;
    }
    virtqueue_publish(&net->control);
    virtqueue_notify(&net->control);
    int e = wait_for_ack(net);
    if (e)
        return e;
    uint8_t answer = load_relaxed(ack);
    if (answer == VIRTIO_NET_OK)
        return 0;
    log_warning("%s: control command %u.%u refused: ack %u, expected %u", net->dev->name, class,
                command, answer, VIRTIO_NET_OK);
    return -EIO;
}

static int control_switch(struct virtio_net *net, uint8_t command, bool on)
{
    struct net_out *out = net->out.va;
    out->data[0] = on;
    return control_send(net, VIRTIO_NET_CTRL_RX, command, 1, 0);
}

/* An empty unicast table, then the multicast one. */
static int control_mac_table(struct virtio_net *net, const uint8_t (*macs)[MAC_LEN], uint32_t n)
{
    struct net_out *out = net->out.va;
    uint8_t *multicast = out->data + VIRTIO_NET_CTRL_MAC_HEAD;
    memset(out->data, 0, VIRTIO_NET_CTRL_MAC_HEAD);
    memcpy(multicast, &n, sizeof n);
    if (n)
        memcpy(multicast + VIRTIO_NET_CTRL_MAC_HEAD, macs, n * MAC_LEN);
    return control_send(net, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
                        VIRTIO_NET_CTRL_MAC_HEAD, VIRTIO_NET_CTRL_MAC_HEAD + n * MAC_LEN);
}

/* A promiscuous device receives what the other two commands would admit (5.1.6.5.1): they
 * wait until it is not. */
static int apply_rx_mode(struct virtio_net *net, const struct port_rx_mode *mode)
{
    bool all = mode->all_multicast || mode->multicast_count > MULTICAST_MAX;
    if (mode->promiscuous && net->told_promiscuous)
        return 0;
    int e = control_switch(net, VIRTIO_NET_CTRL_RX_PROMISC, mode->promiscuous);
    net->told_promiscuous = !e && mode->promiscuous;
    if (mode->promiscuous)
        return e;
    if (!e)
        e = control_switch(net, VIRTIO_NET_CTRL_RX_ALLMULTI, all);
    if (!e)
        e = control_mac_table(net, mode->multicast, all ? 0 : mode->multicast_count);
    return e;
}

static int apply_mac(struct virtio_net *net, const uint8_t mac[MAC_LEN])
{
    if (has(net, VIRTIO_NET_F_CTRL_MAC_ADDR)) {
        struct net_out *out = net->out.va;
        memcpy(out->data, mac, MAC_LEN);
        return control_send(net, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, MAC_LEN, 0);
    }
    for (unsigned i = 0; i < MAC_LEN; i++) /* legacy; first to last byte: 5.1.6.5.2.3 */
        net->dev->transport->config_write8(net->dev, (uint16_t)(VIRTIO_NET_CONFIG_MAC + i), mac[i]);
    return 0;
}

static int virtio_net_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    struct virtio_net *net = to_net(port);
    return net->live ? apply_mac(net, mac) : 0;
}

static int virtio_net_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    struct virtio_net *net = to_net(port);
    return net->live ? apply_rx_mode(net, mode) : 0;
}

/* What was set while the device could not be told. */
static void apply_settings(struct virtio_net *net)
{
    struct port *port = &net->port;
    uint8_t mac[MAC_LEN];
    bool knows = has(net, VIRTIO_NET_F_MAC) &&
                 !virtio_config_read(net->dev, VIRTIO_NET_CONFIG_MAC, mac, MAC_LEN) &&
                 !memcmp(mac, port->mac, MAC_LEN);
    if (!knows && port->ops->set_mac)
        apply_mac(net, port->mac);
    if (port->ops->set_rx_mode)
        apply_rx_mode(net, &port->rx_mode);
}

/* Link -------------------------------------------------------------------------------- */

/* Static text when the device can no longer be relied on, else NULL. */
static const char *device_trouble(struct virtio_net *net)
{
    uint8_t status = net->dev->transport->get_status(net->dev);
    if (status & VIRTIO_STATUS_DEVICE_NEEDS_RESET)
        return "device needs a reset (DEVICE_NEEDS_RESET)";
    if (!(status & VIRTIO_STATUS_DRIVER_OK))
        return "device was reset behind our back";
    const char *broken = load_relaxed(&net->rx.vq.broken);
    return broken ? broken : load_relaxed(&net->tx.vq.broken);
}

static void read_speed(struct virtio_net *net, struct port_link *link)
{
    uint32_t speed = virtio_config_read32(net->dev, VIRTIO_NET_CONFIG_SPEED);
    link->speed_mbps = speed <= VIRTIO_NET_CONFIG_SPEED_KNOWN_MAX ? speed : 0;
    link->full_duplex = net->dev->transport->config_read(net->dev, VIRTIO_NET_CONFIG_DUPLEX, 1) ==
                        VIRTIO_NET_CONFIG_DUPLEX_FULL;
}

static void virtio_net_link(struct port *port, struct port_link *link)
{
    struct virtio_net *net = to_net(port);
    *link = (struct port_link){ 0 };
    if (!net->live)
        return;
    const char *trouble = device_trouble(net);
    if (trouble) {
        port_fail(port, trouble);
        return;
    }
    link->full_duplex = true;
    if (has(net, VIRTIO_NET_F_SPEED_DUPLEX))
        read_speed(net, link);
    link->up = !has(net, VIRTIO_NET_F_STATUS) ||
               (virtio_config_read16(net->dev, VIRTIO_NET_CONFIG_STATUS) & VIRTIO_NET_S_LINK_UP);
}

/* Receiving, virtio 1.2 5.1.6.3 and 5.1.6.4 ---------------------------------------------- */

/* How many packets make a buffer that holds the longest frame at this MTU;
 * with MRG_RXBUF the device puts buffers together itself. */
static uint16_t packets_per_buffer(const struct virtio_net *net, uint16_t mtu)
{
    uint32_t frame = FRAME_LIMIT(mtu);
    return has(net, VIRTIO_NET_F_MRG_RXBUF) ? 1
                                            : (uint16_t)((frame + PACKET_ROOM - 1) / PACKET_ROOM);
}

/* Chains the packets of one buffer and gives it to the device.  The header
 * lands in front of where the frame's data starts. */
static void rx_post(struct virtio_net *net, struct packet **packets)
{
    struct net_rx *rx = &net->rx;
    uint32_t header = net->header_length;
    uint64_t start = packet_iova(packets[0]) - header;
    struct virtqueue_segment s[1 + FRAME_SEGMENTS_MAX];
    unsigned n = 0;

    if (net->split_header) {
        s[n++] = (struct virtqueue_segment){ start, header };
        s[n++] = (struct virtqueue_segment){ start + header, PACKET_ROOM };
    } else {
        s[n++] = (struct virtqueue_segment){ start, header + PACKET_ROOM };
    }
    for (unsigned i = 1; i < rx->buffer_packets; i++) {
        packets[i - 1]->next = packets[i];
        s[n++] = (struct virtqueue_segment){ packet_iova(packets[i]), PACKET_ROOM };
    }
    virtqueue_add(&rx->vq, s, 0, n, packets[0]); /* has room: see rx_start */
}

/* Posts up to n buffers; fewer when the pool runs dry.  Returns how many. */
static unsigned rx_post_burst(struct virtio_net *net, unsigned n)
{
    struct packet *packets[PORT_BURST];
    unsigned each = net->rx.buffer_packets;
    n = (unsigned)min_u64(n, PORT_BURST / each);
    while (n && !packet_alloc_burst(net->rx.queue.cache, packets, n * each))
        n /= 2;
    for (unsigned i = 0; i < n; i++)
        rx_post(net, packets + i * each);
    return n;
}

/* Brings the ring back to `buffers`.  True when the device has new ones. */
static bool rx_refill(struct virtio_net *net)
{
    struct net_rx *rx = &net->rx;
    bool added = false;
    while ((unsigned)(rx->buffers - rx->vq.in_flight) >= rx->batch) {
        if (!rx_post_burst(net, rx->buffers - rx->vq.in_flight))
            break;
        added = true;
    }
    if (added)
        virtqueue_publish(&rx->vq);
    return added;
}

/* Spreads `length` bytes over the packets of a buffer; frees those not needed.
 * Returns the last one used. */
static struct packet *rx_trim(struct net_rx *rx, struct packet *packet, uint32_t length)
{
    while (length > PACKET_ROOM && packet->next) {
        packet->length = PACKET_ROOM;
        length -= PACKET_ROOM;
        packet = packet->next;
        rx->segments++;
    }
    packet->length = (uint16_t)length;
    if (packet->next)
        packet_free(rx->queue.cache, packet->next);
    packet->next = NULL;
    return packet;
}

/* The frame is complete: the rules of nic/port.h, or NULL. */
static struct packet *rx_finish(struct net_rx *rx)
{
    struct packet *frame = rx->frame;
    const struct port *port = rx->queue.port;
    bool good = !rx->discard && frame->frame_length >= FRAME_MIN &&
                frame->frame_length <= port_frame_limit(port) &&
                (!frame->next || frame->length >= PACKET_HEADER_MIN);
    rx->frame = NULL;
    if (likely(good)) {
        frame->port = port->number;
        return frame;
    }
    packet_free(rx->queue.cache, frame);
    counter_add(&rx->queue.errors, 1);
    return NULL;
}

/* First buffer of a frame.  Returns the frame when that was all of it. */
static struct packet *rx_begin(struct virtio_net *net, struct packet *packet, uint32_t written)
{
    struct net_rx *rx = &net->rx;
    uint32_t header = net->header_length;
    uint16_t num_buffers = 1;

    rx->discard = written < header;
    if (has(net, VIRTIO_NET_F_MRG_RXBUF) && !rx->discard) {
        const struct virtio_net_hdr *hdr = (const void *)(packet->data - header);
        num_buffers = load_relaxed(&hdr->num_buffers); /* once: the device could change it */
    }
    if (num_buffers > rx->buffers) { /* more than it has: where do frames begin now? */
        virtqueue_break(&rx->vq, "num_buffers beyond the receive ring");
        num_buffers = 0;
    }
    if (!num_buffers) {
        rx->discard = true;
        num_buffers = 1;
    }
    rx->segments = 1;
    rx->frame = packet;
    packet->frame_length = rx->discard ? 0 : written - header;
    rx->last = rx_trim(rx, packet, packet->frame_length);
    rx->missing = (uint16_t)(num_buffers - 1);
    return rx->missing ? NULL : rx_finish(rx);
}

/* A further buffer of the frame; these carry no header. */
static struct packet *rx_continue(struct virtio_net *net, struct packet *packet, uint32_t written)
{
    struct net_rx *rx = &net->rx;
    rx->missing--;
    rx->discard |= !written || ++rx->segments > FRAME_SEGMENTS_MAX;
    if (rx->discard) {
        packet_free(rx->queue.cache, packet);
    } else {
        packet->data -= net->header_length;
        packet->length = (uint16_t)written;
        rx->last->next = packet;
        rx->last = packet;
        rx->frame->frame_length += written;
    }
    return rx->missing ? NULL : rx_finish(rx);
}

static uint16_t virtio_net_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct net_rx *rx = container_of(queue, struct net_rx, queue);
    struct virtio_net *net = container_of(rx, struct virtio_net, rx);
    uint16_t count = 0;
    uint32_t written;
    struct packet *packet;

    while (count < n && (packet = virtqueue_pop(&rx->vq, &written))) {
        struct packet *frame = unlikely(rx->missing) ? rx_continue(net, packet, written)
                                                     : rx_begin(net, packet, written);
        if (!frame)
            continue;
        counter_add(&queue->bytes, frame->frame_length);
        packets[count++] = frame;
    }
    counter_add(&queue->packets, count);
    if (rx_refill(net))
        virtqueue_notify(&rx->vq);
    return count;
}

/* The first filling is published here and announced after DRIVER_OK. */
static int rx_start(struct virtio_net *net)
{
    struct net_rx *rx = &net->rx;
    rx->buffer_packets = packets_per_buffer(net, net->port.mtu);
    uint16_t segments = (uint16_t)(rx->buffer_packets + net->split_header);
    int e =
        virtio_queue_start(net->dev, &rx->vq, VIRTIO_NET_QUEUE_RECEIVE, rx->queue.size, segments);
    if (e)
        return e;
    unsigned each = segments <= rx->vq.indirect_max ? 1 : segments;
    rx->buffers = (uint16_t)min_u64(rx->queue.size, rx->vq.size / each);
    if (!rx->buffers) {
        log_error("%s: queue %u: size %u, expected %u or more", net->dev->name,
                  VIRTIO_NET_QUEUE_RECEIVE, rx->vq.size, each);
        return -ENOTSUP;
    }
    rx->batch = (uint16_t)max_u64(min_u64(PORT_BURST / rx->buffer_packets, rx->buffers / 4u), 1);
    if (!rx_refill(net)) {
        log_error("%s: no packets for the receive ring", net->dev->name);
        return -ENOMEM;
    }
    return 0;
}

static void rx_stop(struct virtio_net *net)
{
    struct net_rx *rx = &net->rx;
    struct packet *packet;
    while ((packet = virtqueue_detach(&rx->vq)))
        packet_free(rx->queue.cache, packet);
    if (rx->frame)
        packet_free(rx->queue.cache, rx->frame);
    rx->frame = NULL;
    rx->missing = 0;
    virtqueue_free(&rx->vq);
}

/* Sending, virtio 1.2 5.1.6.2 --------------------------------------------------------------- */

/* Frees what the device has sent. */
static void tx_reclaim(struct net_tx *tx)
{
    struct packet *packets[PORT_BURST];
    uint32_t written; /* means nothing here: 5.1.6.1 */
    unsigned n;
    do {
        for (n = 0; n < PORT_BURST; n++)
            if (!(packets[n] = virtqueue_pop(&tx->vq, &written)))
                break;
        packet_free_burst(tx->queue.cache, packets, n);
    } while (n == PORT_BURST);
}

/* The pieces of a frame, header first; 0: a frame that this port cannot send.
 * Where the framing is free and there is headroom, header and data are one
 * piece.  Empty segments are left out: a descriptor of no bytes means nothing. */
static unsigned tx_segments(const struct virtio_net *net, const struct packet *frame,
                            struct virtqueue_segment s[1 + FRAME_SEGMENTS_MAX])
{
    const uint32_t header = net->header_length, room = sizeof(struct virtio_net_hdr);
    const struct packet *p = frame;
    unsigned n = 0, packets = 0;

    if (frame->frame_length < FRAME_MIN || frame->frame_length > port_frame_limit(&net->port))
        return 0;
    if (!net->split_header && p->length && p->data - p->buffer >= (int)room) {
        memset(p->data - room, 0, room);
        s[n++] = (struct virtqueue_segment){ packet_iova(p) - header, p->length + header };
        p = p->next;
        packets++;
    } else {
        s[n++] = (struct virtqueue_segment){ net->out.iova, header };
    }
    for (; p; p = p->next) {
        if (packets++ == FRAME_SEGMENTS_MAX)
            return 0;
        if (p->length)
            s[n++] = (struct virtqueue_segment){ packet_iova(p), p->length };
    }
    return n <= net->tx.vq.size ? n : 0;
}

static bool tx_post(struct net_tx *tx, const struct virtqueue_segment *s, unsigned n,
                    struct packet *frame)
{
    if (!virtqueue_has_room(&tx->vq, n) || tx->vq.in_flight >= tx->queue.size)
        tx_reclaim(tx);
    return tx->vq.in_flight < tx->queue.size && virtqueue_add(&tx->vq, s, n, 0, frame);
}

static uint16_t virtio_net_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct net_tx *tx = container_of(queue, struct net_tx, queue);
    struct virtio_net *net = container_of(tx, struct virtio_net, tx);
    struct virtqueue_segment s[1 + FRAME_SEGMENTS_MAX];
    uint64_t sent = queue->packets;
    uint16_t taken;

    if (tx->vq.in_flight >= tx->reclaim_at)
        tx_reclaim(tx);
    for (taken = 0; taken < n; taken++) {
        struct packet *frame = packets[taken];
        unsigned segments = tx_segments(net, frame, s);
        if (unlikely(!segments)) {
            counter_add(&queue->errors, 1);
            packet_free(queue->cache, frame);
            continue;
        }
        uint32_t length = frame->frame_length;
        if (!tx_post(tx, s, segments, frame))
            break;
        counter_add(&queue->packets, 1);
        counter_add(&queue->bytes, length);
    }
    if (queue->packets != sent) {
        virtqueue_publish(&tx->vq);
        virtqueue_notify(&tx->vq);
    }
    return taken;
}

static int tx_start(struct virtio_net *net)
{
    struct net_tx *tx = &net->tx;
    int e = virtio_queue_start(net->dev, &tx->vq, VIRTIO_NET_QUEUE_TRANSMIT, tx->queue.size,
                               1 + FRAME_SEGMENTS_MAX);
    tx->reclaim_at = (uint16_t)max_u64(tx->queue.size / 2u, 1);
    return e;
}

static void tx_stop(struct virtio_net *net)
{
    struct packet *packet;
    while ((packet = virtqueue_detach(&net->tx.vq)))
        packet_free(net->tx.queue.cache, packet);
    virtqueue_free(&net->tx.vq);
}

/* Start and stop ------------------------------------------------------------------------------ */

static int share_memory(struct virtio_net *net)
{
    struct dma_device *dma = net->dev->dma;
    const struct dma_memory *pool = packet_pool_memory(net->rx.queue.cache->pool);
    int e = dma_alloc(dma, sizeof(struct net_out), PAGE_SIZE, DMA_TO_DEVICE, &net->out);
    if (!e)
        e = dma_alloc(dma, 1, PAGE_SIZE, DMA_FROM_DEVICE, &net->in);
    if (!e)
        e = dma_share(dma, pool, DMA_BIDIRECTIONAL);
    if (!e)
        net->pool = pool;
    else
        log_error("%s: no DMA memory", net->dev->name);
    return e;
}

static void unshare_memory(struct virtio_net *net)
{
    struct dma_device *dma = net->dev->dma;
    if (net->pool)
        dma_unshare(dma, net->pool);
    net->pool = NULL;
    dma_free(dma, &net->in);
    dma_free(dma, &net->out);
}

static int control_start(struct virtio_net *net)
{
    net->control_dead = net->told_promiscuous = false;
    if (!has(net, VIRTIO_NET_F_CTRL_VQ))
        return 0;
    return virtio_queue_start(net->dev, &net->control, VIRTIO_NET_QUEUE_CONTROL, QUEUE_SIZE_MIN,
                              CONTROL_SEGMENTS);
}

static void release(struct virtio_net *net)
{
    tx_stop(net);
    rx_stop(net);
    virtqueue_free(&net->control);
    unshare_memory(net);
}

/* Whatever start() got to.  The reset comes first: only then nothing more is
 * written to memory that we are about to free (virtio 1.2 3.3.1). */
static void virtio_net_stop(struct port *port)
{
    struct virtio_net *net = to_net(port);
    net->live = false;
    if (virtio_reset(net->dev) != -EBUSY)
        release(net);
}

/* Step 7 of virtio 1.2 3.1.1, in the order of 5.1.5. */
static int start_queues(struct virtio_net *net)
{
    int e = share_memory(net);
    if (e)
        return e;
    /* Some devices look at the rings when they are told of them. */
    net->dev->transport->set_dma(net->dev, true);
    e = tx_start(net);
    if (!e)
        e = control_start(net);
    if (!e)
        e = rx_start(net);
    return e;
}

static int virtio_net_start(struct port *port)
{
    struct virtio_net *net = to_net(port);
    int e = handshake(net);
    if (!e) {
        release(net); /* what it kept where it did not reset when it was stopped */
        e = start_queues(net);
    }
    if (e) {
        virtio_net_stop(port);
        return e;
    }
    virtio_driver_ok(net->dev); /* step 8 */
    net->live = true;
    virtqueue_notify(&net->rx.vq);
    apply_settings(net);
    return 0;
}

/* Without MRG_RXBUF the posted buffers bound the frame: a larger MTU means
 * larger buffers, and those come with a fresh start. */
static int virtio_net_set_mtu(struct port *port, uint16_t mtu)
{
    struct virtio_net *net = to_net(port);
    uint16_t old = port->mtu;
    if (mtu < MTU_MIN || mtu > net->mtu_max)
        return -EINVAL;
    if (!net->live || packets_per_buffer(net, mtu) <= net->rx.buffer_packets)
        return 0;
    port_detach(port);
    virtio_net_stop(port);
    store_relaxed(&port->mtu, mtu);
    int e = virtio_net_start(port);
    if (e) {
        store_relaxed(&port->mtu, old);
        port_fail(port, "did not start again with larger buffers");
    }
    port_attach(port);
    return e;
}

/* Everything is counted in the queues; the device has no counters of its own. */
static void virtio_net_stats(struct port *port, struct port_device_stats *stats)
{
    *stats = (struct port_device_stats){ 0 };
}

static const struct port_ops virtio_net_ops = {
    .start = virtio_net_start,
    .stop = virtio_net_stop,
    .link = virtio_net_link,
    .stats = virtio_net_stats,
    .set_mac = virtio_net_set_mac,
    .set_rx_mode = virtio_net_set_rx_mode,
    .set_mtu = virtio_net_set_mtu,
};

/* Probe and remove ------------------------------------------------------------------------------
 */

/* What a negotiated device is and can do.  Static text when it is unusable. */
static const char *learn(struct virtio_net *net)
{
    struct port *port = &net->port;
    uint8_t mac[MAC_LEN];
    uint16_t rx_max = virtio_queue_size(net->dev, VIRTIO_NET_QUEUE_RECEIVE);
    uint16_t tx_max = virtio_queue_size(net->dev, VIRTIO_NET_QUEUE_TRANSMIT);
    if (!rx_max || !tx_max)
        return "no usable receive or transmit queue";
    port->limits.rx_size_max = (uint16_t)min_u64(rx_max, QUEUE_SIZE_MAX);
    port->limits.tx_size_max = (uint16_t)min_u64(tx_max, QUEUE_SIZE_MAX);
    if (read_mac(net, mac))
        return "configuration cannot be read";
    port_take_mac(port, net->dev->name, mac);
    net->mtu_max = read_mtu_max(net);
    net->mtu_told = has(net, VIRTIO_NET_F_MTU);
    if (!has(net, VIRTIO_NET_F_CTRL_MAC_ADDR) && !net->dev->transport->legacy)
        net->ops.set_mac = NULL;
    if (!has(net, VIRTIO_NET_F_CTRL_RX))
        net->ops.set_rx_mode = NULL;
    /* Its DMA goes round an IOMMU that is there: virtio 1.2 6. */
    port->unfenced = net->dev->dma->domain && !has(net, VIRTIO_F_ACCESS_PLATFORM);
    return NULL;
}

/* Leaves the device reset, or FAILED. */
static const char *explore(struct virtio_net *net)
{
    if (handshake(net))
        return "features or reset refused";
    const char *trouble = learn(net);
    if (trouble) {
        virtio_set_failed(net->dev);
        return trouble;
    }
    return virtio_reset(net->dev) ? "reset does not complete" : NULL;
}

static void init_queue(struct port *port, struct port_queue *queue, port_burst_fn *burst,
                       uint16_t size)
{
    queue->port = port;
    queue->burst = burst;
    queue->size = size;
}

static void init_port(struct virtio_net *net)
{
    struct port *port = &net->port;
    struct port_limits *l = &port->limits;
    port->mtu = net->mtu_told ? net->mtu_max : MTU_DEFAULT;
    l->rx_queues_max = l->tx_queues_max = 1;
    l->rx_size_min = (uint16_t)min_u64(QUEUE_SIZE_MIN, l->rx_size_max);
    l->tx_size_min = (uint16_t)min_u64(QUEUE_SIZE_MIN, l->tx_size_max);
    l->rx_size_default = (uint16_t)min_u64(QUEUE_SIZE_DEFAULT, l->rx_size_max);
    l->tx_size_default = (uint16_t)min_u64(QUEUE_SIZE_DEFAULT, l->tx_size_max);
    l->size_power_of_two = true;
    l->size_multiple = 1;
    l->max_frame = FRAME_LIMIT(net->mtu_max);
    l->descriptor_bytes = DESCRIPTOR_BYTES;
    init_queue(port, &net->rx.queue, virtio_net_rx_burst, l->rx_size_default);
    init_queue(port, &net->tx.queue, virtio_net_tx_burst, l->tx_size_default);
    port->rxq[0] = &net->rx.queue;
    port->txq[0] = &net->tx.queue;
    port->rx_queues = port->tx_queues = 1;
}

int virtio_net_create(struct virtio_device *dev, struct pci_function *pci, const char *failure,
                      struct port **port)
{
    struct virtio_net *net = port_alloc("virtio", sizeof *net);
    *port = NULL;
    if (!net)
        return -ENOMEM;
    net->dev = dev;
    net->ops = virtio_net_ops;
    net->mtu_max = MTU_DEFAULT;
    net->port = (struct port){
        .ops = &net->ops,
        .driver = "virtio",
        .limits = { .rx_size_max = QUEUE_SIZE_DEFAULT, .tx_size_max = QUEUE_SIZE_DEFAULT },
        .dma = dev->dma,
        .pci = pci,
        .priv = net,
    };
    if (!failure)
        failure = explore(net);
    init_port(net);
    int e = port_register(&net->port);
    if (e) {
        free(net);
        return e;
    }
    *port = &net->port;
    if (!failure)
        return 0;
    port_fail(&net->port, failure);
    return -EIO;
}

struct virtio_device *virtio_net_destroy(struct port *port)
{
    struct virtio_net *net = to_net(port);
    struct virtio_device *dev = net->dev;
    port_stop(port);
    port_unregister(port);
    free(net);
    return dev;
}
