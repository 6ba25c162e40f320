/* virtio_net.c - the virtio network device as a port.
 *
 * Document: virtio 1.2 (OASIS CS01) 5.1.  Devices: anything with virtio device
 * ID 1, legacy, transitional or modern, through any transport.
 *
 * Not supported: checksum and segmentation offloads. */
#include "virtio/virtio_net.h"

#include "kernel/log.h"
#include "kernel/time.h"
#include "nic/rss.h"
#include "virtio/virtio_net_port.h"

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
     VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | FEATURES_ON_CTRL_VQ | FEATURES_ON_HASH | \
     VIRTIO_BIT(VIRTIO_NET_F_SPEED_DUPLEX) | VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | \
     VIRTIO_BIT(VIRTIO_F_EVENT_IDX) | VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | \
     VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_IN_ORDER) | \
     VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM))
#define FEATURES_WANTED_LEGACY VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT)
/* 5.1.3.1: not without CTRL_VQ */
#define FEATURES_ON_CTRL_VQ \
    (VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) | \
     VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | \
     FEATURES_ON_PAIRS)
/* These stand on max_virtqueue_pairs, and these on the hash (5.1.4). */
#define FEATURES_ON_PAIRS (VIRTIO_BIT(VIRTIO_NET_F_MQ) | VIRTIO_BIT(VIRTIO_NET_F_RSS))
#define FEATURES_ON_HASH (VIRTIO_BIT(VIRTIO_NET_F_RSS) | VIRTIO_BIT(VIRTIO_NET_F_HASH_REPORT))

static const struct virtio_feature feature_names[] = {
    { VIRTIO_NET_F_MTU, "MTU" },
    { VIRTIO_NET_F_MAC, "MAC" },
    { VIRTIO_NET_F_MRG_RXBUF, "MRG_RXBUF" },
    { VIRTIO_NET_F_STATUS, "STATUS" },
    { VIRTIO_NET_F_CTRL_VQ, "CTRL_VQ" },
    { VIRTIO_NET_F_CTRL_RX, "CTRL_RX" },
    { VIRTIO_NET_F_CTRL_VLAN, "CTRL_VLAN" },
    { VIRTIO_NET_F_GUEST_ANNOUNCE, "GUEST_ANNOUNCE" },
    { VIRTIO_NET_F_CTRL_MAC_ADDR, "CTRL_MAC_ADDR" },
    { VIRTIO_NET_F_MQ, "MQ" },
    { VIRTIO_NET_F_HASH_REPORT, "HASH_REPORT" },
    { VIRTIO_NET_F_RSS, "RSS" },
    { VIRTIO_NET_F_SPEED_DUPLEX, "SPEED_DUPLEX" },
    { VIRTIO_F_ANY_LAYOUT, "ANY_LAYOUT" },
    { VIRTIO_F_INDIRECT_DESC, "INDIRECT_DESC" },
    { VIRTIO_F_EVENT_IDX, "EVENT_IDX" },
    { VIRTIO_F_VERSION_1, "VERSION_1" },
    { VIRTIO_F_ACCESS_PLATFORM, "ACCESS_PLATFORM" },
    { VIRTIO_F_RING_PACKED, "RING_PACKED" },
    { VIRTIO_F_IN_ORDER, "IN_ORDER" },
    { VIRTIO_F_ORDER_PLATFORM, "ORDER_PLATFORM" },
    { 0, NULL },
};

#define QUEUE_SIZE_DEFAULT 256u
/* As many as the device has, up to so many of a port: the pool holds packets for all of them. */
#define QUEUE_SIZES_MOST 1024u
#define DESCRIPTOR_BYTES (64u + FRAME_SEGMENTS_MAX * 16u) /* with its indirect table */

static struct virtio_net *to_net(struct port *port)
{
    return port->priv;
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

static uint16_t read_pairs(struct virtio_device *dev)
{
    return virtio_config_read16(dev, VIRTIO_NET_CONFIG_MAX_VIRTQUEUE_PAIRS);
}

/* 5.1.4.1, but for the last one allowed: the control queue would have no number in 16 bits. */
static bool pairs_make_sense(struct virtio_device *dev)
{
    uint16_t pairs = read_pairs(dev);
    if (pairs && pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX)
        return true;
    log_warning("%s: %u pairs of queues ignored, expected 1 to %u", dev->name, pairs,
                VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX - 1);
    return false;
}

/* 5.1.4.1: a key of 40 bytes, a table of 128 entries. */
static bool hash_makes_sense(struct virtio_device *dev, uint64_t offered)
{
    uint32_t key = dev->transport->config_read(dev, VIRTIO_NET_CONFIG_RSS_MAX_KEY_SIZE, 1);
    uint16_t table = VIRTIO_NET_RSS_TABLE;
    if (offered & VIRTIO_BIT(VIRTIO_NET_F_RSS))
        table = virtio_config_read16(dev, VIRTIO_NET_CONFIG_RSS_MAX_TABLE);
    if (key >= RSS_KEY_LENGTH && table >= VIRTIO_NET_RSS_TABLE)
        return true;
    log_warning(
        "%s: hash ignored: key of %u bytes, table of %u entries, expected %u and %u or more",
        dev->name, (unsigned)key, table, RSS_KEY_LENGTH, VIRTIO_NET_RSS_TABLE);
    return false;
}

/* What we would like of that which is offered, and makes sense. */
static uint64_t wanted_of(struct virtio_device *dev, uint64_t offered)
{
    uint64_t wanted = FEATURES_WANTED | (dev->transport->legacy ? FEATURES_WANTED_LEGACY : 0);
    if (!(offered & VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ)))
        wanted &= ~(FEATURES_ON_CTRL_VQ | FEATURES_ON_HASH); /* 2.2.1 */
    if (!(offered & VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX))) /* a bridge's port must hear every VLAN */
        wanted &= ~VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN);
    if (!(offered & VIRTIO_BIT(VIRTIO_NET_F_STATUS)))
        wanted &= ~VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE);
    if ((offered & VIRTIO_BIT(VIRTIO_NET_F_MTU)) && !mtu_makes_sense(dev))
        wanted &= ~VIRTIO_BIT(VIRTIO_NET_F_MTU);
    if ((offered & wanted & FEATURES_ON_PAIRS) && !pairs_make_sense(dev))
        wanted &= ~FEATURES_ON_PAIRS;
    if ((offered & wanted & FEATURES_ON_HASH) && !hash_makes_sense(dev, offered))
        wanted &= ~FEATURES_ON_HASH;
    return wanted;
}

static uint8_t header_length(const struct virtio_net *net)
{
    if (virtio_net_has(net, VIRTIO_NET_F_HASH_REPORT))
        return sizeof(struct virtio_net_hdr);
    bool short_one = net->dev->transport->legacy && !virtio_net_has(net, VIRTIO_NET_F_MRG_RXBUF);
    return short_one ? VIRTIO_NET_HDR_LEGACY_LENGTH : VIRTIO_NET_HDR_LENGTH;
}

static int negotiate(struct virtio_net *net)
{
    struct virtio_device *dev = net->dev;
    bool legacy = dev->transport->legacy;
    uint64_t wanted = wanted_of(dev, dev->transport->get_features(dev));
    int e = virtio_negotiate(dev, legacy ? 0 : FEATURES_REQUIRED_MODERN, wanted, feature_names);
    if (e)
        return e;
    net->split_header = legacy && !virtio_net_has(net, VIRTIO_F_ANY_LAYOUT);
    net->header_length = header_length(net);
    net->device_pairs = 1;
    if (dev->features & FEATURES_ON_PAIRS) /* it made sense a moment ago, but is read again */
        net->device_pairs =
            (uint16_t)min_u64(max_u64(read_pairs(dev), 1), VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX - 1);
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
    if (virtio_net_has(net, VIRTIO_NET_F_MAC))
        return virtio_config_read(net->dev, VIRTIO_NET_CONFIG_MAC, mac, MAC_LEN);
    make_mac(net, mac);
    return 0;
}

static uint16_t read_mtu_max(struct virtio_net *net)
{
    uint64_t max = FRAME_MAX - FRAME_LIMIT(0);
    if (!virtio_net_has(net, VIRTIO_NET_F_MTU))
        return (uint16_t)max;
    /* It made sense a moment ago, but is read again. */
    uint64_t mtu = virtio_config_read16(net->dev, VIRTIO_NET_CONFIG_MTU);
    return (uint16_t)min_u64(max, max_u64(mtu, MTU_MIN));
}

/* Settings ----------------------------------------------------------------------------- */

static int apply_mac(struct virtio_net *net, const uint8_t mac[MAC_LEN])
{
    if (virtio_net_has(net, VIRTIO_NET_F_CTRL_MAC_ADDR))
        return virtio_net_tell_mac(net, mac);
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
    return net->live ? virtio_net_tell_rx_mode(net, mode) : 0;
}

static void mark_vlan(struct virtio_net *net, uint16_t vid, bool on)
{
    uint64_t bit = 1ull << vid % 64;
    net->vlans[vid / 64] = (net->vlans[vid / 64] & ~bit) | (on ? bit : 0);
}

static int virtio_net_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    struct virtio_net *net = to_net(port);
    bool was = net->vlans[vid / 64] >> vid % 64 & 1;
    mark_vlan(net, vid, on);
    int e = net->live && !net->told_promiscuous ? virtio_net_tell_vlans(net) : 0;
    if (e)
        mark_vlan(net, vid, was);
    return e;
}

/* What was set while the device could not be told. */
static void apply_settings(struct virtio_net *net)
{
    struct port *port = &net->port;
    uint8_t mac[MAC_LEN];
    bool knows = virtio_net_has(net, VIRTIO_NET_F_MAC) &&
                 !virtio_config_read(net->dev, VIRTIO_NET_CONFIG_MAC, mac, MAC_LEN) &&
                 !memcmp(mac, port->mac, MAC_LEN);
    if (!knows && port->ops->set_mac)
        apply_mac(net, port->mac);
    if (port->ops->set_rx_mode)
        virtio_net_tell_rx_mode(net, &port->rx_mode);
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
    const char *broken = NULL;
    for (unsigned i = 0; i < net->port.rx_queues && !broken; i++) {
        broken = load_relaxed(&net->pairs[i].rx.vq.broken);
        if (!broken)
            broken = load_relaxed(&net->pairs[i].tx.vq.broken);
    }
    return broken;
}

static void read_speed(struct virtio_net *net, struct port_link *link)
{
    uint32_t speed = virtio_config_read32(net->dev, VIRTIO_NET_CONFIG_SPEED);
    link->speed_mbps = speed <= VIRTIO_NET_CONFIG_SPEED_KNOWN_MAX ? speed : 0;
    link->full_duplex = net->dev->transport->config_read(net->dev, VIRTIO_NET_CONFIG_DUPLEX, 1) ==
                        VIRTIO_NET_CONFIG_DUPLEX_FULL;
}

/* A vhost-user back end that went away and came again does not know where in a packed ring its
 * predecessor was, and nobody can tell it; of a split ring the indices say. */
static const char back_again[] = "link back: a new back end would not know its place in the ring";

static void ask_to_start_over(struct virtio_net *net, const char *trouble)
{
    net->trouble = trouble;
    port_ask_service(&net->port);
}

static uint16_t read_status(struct virtio_net *net)
{
    return virtio_net_has(net, VIRTIO_NET_F_STATUS)
               ? virtio_config_read16(net->dev, VIRTIO_NET_CONFIG_STATUS)
               : VIRTIO_NET_S_LINK_UP;
}

static const char *link_trouble(struct virtio_net *net)
{
    if (!virtio_net_has(net, VIRTIO_F_RING_PACKED))
        return NULL;
    bool up = read_status(net) & VIRTIO_NET_S_LINK_UP;
    bool back = up && net->was_down;
    net->was_down = !up;
    return back ? back_again : NULL;
}

static bool wants_announcement(const struct virtio_net *net, uint16_t status)
{
    return (status & VIRTIO_NET_S_ANNOUNCE) && !net->announce_refused &&
           virtio_net_has(net, VIRTIO_NET_F_GUEST_ANNOUNCE);
}

/* True: it can be relied on.  Starting over takes its time in the poll loop, else it is done now.
 */
static bool look_after(struct virtio_net *net)
{
    const char *trouble = net->live && !net->trouble ? device_trouble(net) : NULL;
    if (net->live && !net->trouble && !trouble)
        trouble = link_trouble(net);
    if (trouble)
        ask_to_start_over(net, trouble);
    return net->live && !net->trouble;
}

/* While it has to start over its link is down. */
static void virtio_net_link(struct port *port, struct port_link *link)
{
    struct virtio_net *net = to_net(port);
    *link = (struct port_link){ 0 };
    if (!look_after(net))
        return;
    uint16_t status = read_status(net);
    net->announce_due = wants_announcement(net, status);
    if (net->announce_due)
        port_ask_service(port);
    link->full_duplex = true;
    if (virtio_net_has(net, VIRTIO_NET_F_SPEED_DUPLEX))
        read_speed(net, link);
    link->up = status & VIRTIO_NET_S_LINK_UP;
}

/* Start and stop ------------------------------------------------------------------------------ */

static int share_memory(struct virtio_net *net)
{
    struct dma_device *dma = net->dev->dma;
    const struct dma_memory *pool = packet_pool_memory(net->pairs->rx.queue.cache->pool);
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

/* Also of pairs that an earlier start had. */
static void release(struct virtio_net *net)
{
    for (unsigned i = 0; i < net->port.limits.rx_queues_max; i++)
        virtio_net_pair_stop(&net->pairs[i]);
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
    e = virtio_net_control_start(net);
    for (unsigned i = 0; i < net->port.rx_queues && !e; i++)
        e = virtio_net_pair_start(net, i);
    return e;
}

/* Each transmit queue goes with a receive queue: whoever asked for more is told how many there
 * are. */
static int choose_pairs(struct virtio_net *net)
{
    struct port *port = &net->port;
    if (port->rx_queues > net->device_pairs) {
        log_error("%s: %u pairs of queues, expected %u", net->dev->name, net->device_pairs,
                  port->rx_queues);
        return -EIO;
    }
    port->tx_queues = port->rx_queues;
    return 0;
}

/* Step 8, and what the device can be told only afterwards. */
static int go_live(struct virtio_net *net)
{
    virtio_driver_ok(net->dev);
    net->live = true;
    net->was_down = net->announce_due = net->announce_refused = false;
    net->trouble = NULL;
    for (unsigned i = 0; i < net->port.rx_queues; i++)
        virtqueue_notify(&net->pairs[i].rx.vq);
    int e = virtio_net_tell_pairs(net, net->port.rx_queues);
    if (!e)
        apply_settings(net);
    return e;
}

static int virtio_net_start(struct port *port)
{
    struct virtio_net *net = to_net(port);
    int e = handshake(net);
    if (!e) {
        release(net); /* what it kept where it did not reset when it was stopped */
        e = choose_pairs(net);
    }
    if (!e)
        e = start_queues(net);
    if (!e)
        e = go_live(net);
    if (e)
        virtio_net_stop(port);
    return e;
}

static int start_again(struct port *port)
{
    port_detach(port);
    virtio_net_stop(port);
    return virtio_net_start(port);
}

/* Without MRG_RXBUF the posted buffers bound the frame: a larger MTU means
 * larger buffers, and those come with a fresh start. */
static int virtio_net_set_mtu(struct port *port, uint16_t mtu)
{
    struct virtio_net *net = to_net(port);
    uint16_t old = port->mtu;
    if (mtu < MTU_MIN || mtu > net->mtu_max)
        return -EINVAL;
    if (!net->live || virtio_net_buffer_packets(net, mtu) <= net->pairs->rx.buffer_packets)
        return 0;
    store_relaxed(&port->mtu, mtu);
    int e = start_again(port);
    if (e) {
        store_relaxed(&port->mtu, old);
        port_fail(port, "did not start again with larger buffers");
    }
    port_attach(port);
    return e;
}

/* virtio 1.2 2.1.2: after DEVICE_NEEDS_RESET, and as well where a ring makes no sense any more,
 * a reset is what helps. */
static void start_over(struct virtio_net *net)
{
    const char *trouble = net->trouble;
    net->trouble = NULL;
    if (net->live)
        port_start_over(&net->port, &net->overs, trouble, trouble != back_again);
}

/* 5.1.6.5.4: whoever has addresses here is told, and so is the device. */
static void announce(struct virtio_net *net)
{
    net->announce_due = false;
    if (!net->live)
        return;
    net->announce_refused = virtio_net_tell_announced(net);
    net->port.moves++;
}

static void virtio_net_service(struct port *port)
{
    struct virtio_net *net = to_net(port);
    if (net->trouble)
        start_over(net);
    if (net->announce_due)
        announce(net);
}

static const char *virtio_net_path(const struct port_queue *queue)
{
    const struct virtqueue *vq = queue->port->rxq[queue->index] == queue
                                     ? &container_of(queue, struct net_rx, queue)->vq
                                     : &container_of(queue, struct net_tx, queue)->vq;
    return !vq->packed ? "split ring" : vq->in_order ? "packed ring, in order" : "packed ring";
}

static unsigned virtio_net_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    const struct virtio_net *net = to_net(port);
    if (n)
        rows[0] = (struct port_counter){ .name = "starts over", .value = net->overs.total };
    return n ? 1 : 0;
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
    .vlan_filter = virtio_net_vlan_filter,
    .path = virtio_net_path,
    .counters = virtio_net_counters,
    .service = virtio_net_service,
};

/* Probe and remove ----------------------------------------------------------------- */

/* Without MRG_RXBUF a buffer may be several packets. */
static uint16_t default_size(const struct virtio_net *net, uint16_t most)
{
    bool single = virtio_net_has(net, VIRTIO_NET_F_MRG_RXBUF);
    unsigned size = single ? QUEUE_SIZES_MOST : QUEUE_SIZE_DEFAULT;
    while (size > QUEUE_SIZE_DEFAULT && size * net->port.limits.rx_queues_max > QUEUE_SIZES_MOST)
        size /= 2;
    return (uint16_t)min_u64(size, most);
}

static const char *learn_queues(struct virtio_net *net)
{
    struct port_limits *l = &net->port.limits;
    uint16_t rx_max = virtio_queue_size(net->dev, VIRTIO_NET_QUEUE_RECEIVE(0));
    uint16_t tx_max = virtio_queue_size(net->dev, VIRTIO_NET_QUEUE_TRANSMIT(0));
    if (!rx_max || !tx_max)
        return "no usable receive or transmit queue";
    l->rx_size_max = rx_max;
    l->tx_size_max = tx_max;
    l->size_power_of_two = !virtio_net_has(net, VIRTIO_F_RING_PACKED);
    l->rx_queues_max = (uint16_t)min_u64(net->device_pairs, PORT_QUEUES_MAX);
    l->rx_size_default = default_size(net, rx_max);
    l->tx_size_default = default_size(net, tx_max);
    return NULL;
}

/* Of the port's operations those go for which the device has nothing. */
static void learn_operations(struct virtio_net *net)
{
    if (!virtio_net_has(net, VIRTIO_NET_F_CTRL_MAC_ADDR) && !net->dev->transport->legacy)
        net->ops.set_mac = NULL;
    if (virtio_net_has(net, VIRTIO_NET_F_CTRL_RX))
        net->port.limits.unicast_max = VIRTIO_NET_UNICAST_MAX;
    else
        net->ops.set_rx_mode = NULL;
    if (net->dev->transport->queue_interrupt)
        net->ops.arm = virtio_net_arm;
    if (!virtio_net_has(net, VIRTIO_NET_F_CTRL_VLAN))
        net->ops.vlan_filter = NULL;
}

/* What a negotiated device is and can do.  Static text when it is unusable. */
static const char *learn(struct virtio_net *net)
{
    uint8_t mac[MAC_LEN];
    const char *trouble = learn_queues(net);
    if (trouble)
        return trouble;
    if (read_mac(net, mac))
        return "configuration cannot be read";
    port_take_mac(&net->port, net->dev->name, mac);
    net->mtu_max = read_mtu_max(net);
    net->mtu_told = virtio_net_has(net, VIRTIO_NET_F_MTU);
    learn_operations(net);
    /* Its DMA goes round an IOMMU that is there: virtio 1.2 6. */
    net->port.unfenced = net->dev->dma->domain && !virtio_net_has(net, VIRTIO_F_ACCESS_PLATFORM);
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
                       unsigned index, uint16_t size)
{
    queue->port = port;
    queue->burst = burst;
    queue->index = (uint16_t)index;
    queue->size = size;
}

/* False: there is no memory for its queues. */
static bool init_pairs(struct virtio_net *net)
{
    struct port *port = &net->port;
    const struct port_limits *l = &port->limits;
    net->pairs = port_alloc("virtio", l->rx_queues_max * sizeof *net->pairs);
    if (!net->pairs)
        return false;
    for (unsigned i = 0; i < l->rx_queues_max; i++) {
        struct net_pair *pair = &net->pairs[i];
        init_queue(port, &pair->rx.queue, virtio_net_rx_burst, i, l->rx_size_default);
        init_queue(port, &pair->tx.queue, virtio_net_tx_burst, i, l->tx_size_default);
        port->rxq[i] = &pair->rx.queue;
        port->txq[i] = &pair->tx.queue;
    }
    port->rx_queues = port->tx_queues = QUEUES_DEFAULT;
    return true;
}

static bool init_port(struct virtio_net *net)
{
    struct port_limits *l = &net->port.limits;
    net->port.mtu = net->mtu_told ? net->mtu_max : MTU_DEFAULT;
    l->tx_queues_max = l->rx_queues_max;
    l->rx_size_min = (uint16_t)min_u64(QUEUE_SIZE_MIN, l->rx_size_max);
    l->tx_size_min = (uint16_t)min_u64(QUEUE_SIZE_MIN, l->tx_size_max);
    l->size_multiple = 1;
    l->max_frame = FRAME_LIMIT(net->mtu_max);
    l->descriptor_bytes = DESCRIPTOR_BYTES;
    return init_pairs(net);
}

static void destroy(struct virtio_net *net)
{
    free(net->pairs);
    free(net);
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
    mark_vlan(net, 0, true); /* a tag for the priority alone: no VLAN of anybody's */
    net->port = (struct port){
        .ops = &net->ops,
        .driver = "virtio",
        .limits = { .rx_queues_max = 1,
                    .rx_size_max = QUEUE_SIZE_DEFAULT,
                    .rx_size_default = QUEUE_SIZE_DEFAULT,
                    .tx_size_max = QUEUE_SIZE_DEFAULT,
                    .tx_size_default = QUEUE_SIZE_DEFAULT,
                    .size_power_of_two = true },
        .dma = dev->dma,
        .pci = pci,
        .priv = net,
    };
    if (!failure)
        failure = explore(net);
    int e = init_port(net) ? port_register(&net->port) : -ENOMEM;
    if (e) {
        destroy(net);
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
    destroy(net);
    return dev;
}
