/* virtio_net_control.c - what the device is told through its control queue (virtio_net_port.h),
 * virtio 1.2 5.1.6.5. */
#include "virtio/virtio_net_port.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/rss.h"

#include <errno.h>
#include <string.h>

#define CONTROL_US (500 * US_PER_MS) /* no limit in the document; devices answer at once */
#define CONTROL_SEGMENTS 4u          /* command, two tables, ack */

/* Of stations and of groups together, in one command. */
#define MACS_MAX ((sizeof(((struct net_out *)0)->data) - 2 * VIRTIO_NET_CTRL_MAC_HEAD) / MAC_LEN)

_Static_assert(MACS_MAX > VIRTIO_NET_UNICAST_MAX, "groups have a place as well");

/* Commands and answers ------------------------------------------------------------------ */

int virtio_net_control_start(struct virtio_net *net)
{
    net->control_dead = net->told_promiscuous = false;
    memset(net->told_vlans, 0, sizeof net->told_vlans);
    if (!virtio_net_has(net, VIRTIO_NET_F_CTRL_VQ))
        return 0;
    return virtio_queue_start(net->dev, &net->control, VIRTIO_NET_QUEUE_CONTROL(net->device_pairs),
                              QUEUE_SIZE_MIN, CONTROL_SEGMENTS);
}

static int wait_for_ack(struct virtio_net *net)
{
    struct deadline d = deadline_us(CONTROL_US);
    uint32_t written;
    while (!virtqueue_pop(&net->control, &written)) /* written: nonsense on legacy, 5.1.6.1 */
        if (net->control.broken || task_deadline_passed(&d)) {
            net->control_dead = true;
            log_error("%s: control queue: command %u.%u not answered%s%s", net->dev->name,
                      ((struct net_out *)net->out.va)->class,
                      ((struct net_out *)net->out.va)->command, net->control.broken ? ": " : "",
                      net->control.broken ? net->control.broken : "");
            return -EIO;
        }
    return 0;
}

/* The framing of 5.1.6.6, which every device understands: what is read of it, and last what the
 * device writes.  The number of segments that it reads. */
static unsigned command_segments(const struct virtio_net *net, size_t length1, size_t length2,
                                 struct virtqueue_segment s[CONTROL_SEGMENTS])
{
    uint64_t data = net->out.iova + offsetof(struct net_out, data);
    unsigned n = 0;
    s[n++] = (struct virtqueue_segment){ net->out.iova + offsetof(struct net_out, class), 2 };
    if (length1)
        s[n++] = (struct virtqueue_segment){ data, (uint32_t)length1 };
    if (length2)
        s[n++] = (struct virtqueue_segment){ data + length1, (uint32_t)length2 };
    s[n] = (struct virtqueue_segment){ net->in.iova, 1 };
    return n;
}

/* Sends a command whose data, length1 + length2 bytes of it or none, lie in net_out. */
static int send(struct virtio_net *net, uint8_t class, uint8_t command, size_t length1,
                size_t length2)
{
    struct net_out *out = net->out.va;
    uint8_t *ack = net->in.va;
    struct virtqueue_segment s[CONTROL_SEGMENTS];

    if (!net->control.size || net->control_dead)
        return -EIO;
    out->class = class;
    out->command = command;
    store_relaxed(ack, 0xff);
    if (!virtqueue_add(&net->control, s, command_segments(net, length1, length2, s), 1, out)) {
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

/* Receive filters, 5.1.6.5.1 to 5.1.6.5.3 ------------------------------------------------ */

static int tell_switch(struct virtio_net *net, uint8_t command, bool on)
{
    struct net_out *out = net->out.va;
    out->data[0] = on;
    return send(net, VIRTIO_NET_CTRL_RX, command, 1, 0);
}

/* How long it is. */
static size_t write_macs(uint8_t *table, const uint8_t (*macs)[MAC_LEN], uint32_t n)
{
    memcpy(table, &n, sizeof n);
    if (n)
        memcpy(table + VIRTIO_NET_CTRL_MAC_HEAD, macs, n * MAC_LEN);
    return VIRTIO_NET_CTRL_MAC_HEAD + n * MAC_LEN;
}

/* The unicast table, without the port's own address, then the multicast one. */
static int tell_mac_tables(struct virtio_net *net, const struct port_rx_mode *mode,
                           uint32_t multicast_count)
{
    uint8_t *data = ((struct net_out *)net->out.va)->data;
    size_t unicast = write_macs(data, mode->unicast, mode->unicast_count);
    size_t multicast = write_macs(data + unicast, mode->multicast, multicast_count);
    return send(net, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, unicast, multicast);
}

static int tell_vlan(struct virtio_net *net, uint16_t vid)
{
    uint64_t bit = 1ull << vid % 64;
    bool add = net->vlans[vid / 64] & bit;
    memcpy(((struct net_out *)net->out.va)->data, &vid, sizeof vid);
    int e = send(net, VIRTIO_NET_CTRL_VLAN,
                 add ? VIRTIO_NET_CTRL_VLAN_ADD : VIRTIO_NET_CTRL_VLAN_DEL, sizeof vid, 0);
    if (!e)
        net->told_vlans[vid / 64] ^= bit;
    return e;
}

int virtio_net_tell_vlans(struct virtio_net *net)
{
    int e = 0;
    if (!virtio_net_has(net, VIRTIO_NET_F_CTRL_VLAN))
        return 0;
    for (unsigned i = 0; i < VLAN_WORDS && !e; i++)
        for (unsigned bit = 0; net->vlans[i] != net->told_vlans[i] && bit < 64 && !e; bit++)
            if ((net->vlans[i] ^ net->told_vlans[i]) >> bit & 1)
                e = tell_vlan(net, (uint16_t)(64 * i + bit));
    return e;
}

/* A promiscuous device receives what the other commands would admit (5.1.6.5.1): they wait until it
 * is not.  It is, after a reset, until it hears something else (QEMU's; the document says nothing):
 * VLANs come first. */
int virtio_net_tell_rx_mode(struct virtio_net *net, const struct port_rx_mode *mode)
{
    bool all = mode->all_multicast || mode->multicast_count > MACS_MAX - mode->unicast_count;
    if (mode->promiscuous && net->told_promiscuous)
        return 0;
    int e = mode->promiscuous ? 0 : virtio_net_tell_vlans(net);
    if (!e)
        e = tell_switch(net, VIRTIO_NET_CTRL_RX_PROMISC, mode->promiscuous);
    net->told_promiscuous = !e && mode->promiscuous;
    if (mode->promiscuous)
        return e;
    if (!e)
        e = tell_switch(net, VIRTIO_NET_CTRL_RX_ALLMULTI, all);
    if (!e)
        e = tell_mac_tables(net, mode, all ? 0 : mode->multicast_count);
    return e;
}

int virtio_net_tell_mac(struct virtio_net *net, const uint8_t mac[MAC_LEN])
{
    struct net_out *out = net->out.va;
    memcpy(out->data, mac, MAC_LEN);
    return send(net, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, MAC_LEN, 0);
}

/* 5.1.6.5.4 */
int virtio_net_tell_announced(struct virtio_net *net)
{
    return send(net, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, 0, 0);
}

/* Several pairs, 5.1.6.5.5 to 5.1.6.5.7 ------------------------------------------------- */

static uint32_t hash_types(struct virtio_net *net)
{
    uint32_t liked = VIRTIO_NET_HASH_TYPE_IPv4 | VIRTIO_NET_HASH_TYPE_TCPv4 |
                     VIRTIO_NET_HASH_TYPE_UDPv4 | VIRTIO_NET_HASH_TYPE_IPv6 |
                     VIRTIO_NET_HASH_TYPE_TCPv6 | VIRTIO_NET_HASH_TYPE_UDPv6;
    return virtio_config_read32(net->dev, VIRTIO_NET_CONFIG_HASH_TYPES) & liked;
}

/* What is no IP goes to the first queue. */
static int tell_rss(struct virtio_net *net, unsigned pairs)
{
    struct virtio_net_rss_config c = { .hash_types = hash_types(net),
                                       .indirection_table_mask = VIRTIO_NET_RSS_TABLE - 1,
                                       .max_tx_vq = (uint16_t)pairs,
                                       .hash_key_length = RSS_KEY_LENGTH };
    for (unsigned i = 0; i < VIRTIO_NET_RSS_TABLE; i++)
        c.indirection_table[i] = (uint16_t)(i % pairs);
    memcpy(c.hash_key_data, rss_key(), RSS_KEY_LENGTH);
    memcpy(((struct net_out *)net->out.va)->data, &c, sizeof c);
    return send(net, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG,
                offsetof(__typeof__(c), end), 0);
}

static int tell_hash(struct virtio_net *net)
{
    struct virtio_net_hash_config c = { .hash_types = hash_types(net),
                                        .hash_key_length = RSS_KEY_LENGTH };
    memcpy(c.hash_key_data, rss_key(), RSS_KEY_LENGTH);
    memcpy(((struct net_out *)net->out.va)->data, &c, sizeof c);
    return send(net, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_HASH_CONFIG,
                offsetof(__typeof__(c), end), 0);
}

static int tell_count(struct virtio_net *net, unsigned pairs)
{
    uint16_t n = (uint16_t)pairs;
    memcpy(((struct net_out *)net->out.va)->data, &n, sizeof n);
    return send(net, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, sizeof n, 0);
}

/* By hash where it can be chosen, else as the device likes: it then follows the queue on which a
 * flow was sent.  A hash that is only to be reported is no reason not to start. */
int virtio_net_tell_pairs(struct virtio_net *net, unsigned pairs)
{
    bool rss = virtio_net_has(net, VIRTIO_NET_F_RSS);
    bool hash = virtio_net_has(net, VIRTIO_NET_F_HASH_REPORT);
    int e = rss && (pairs > 1 || hash) ? tell_rss(net, pairs) : 0;
    if (pairs > 1 && (e || !rss))
        e = virtio_net_has(net, VIRTIO_NET_F_MQ) ? tell_count(net, pairs) : -EIO;
    if (hash && !rss && tell_hash(net))
        log_warning("%s: frames come without their hash", net->dev->name);
    return pairs > 1 ? e : 0;
}
