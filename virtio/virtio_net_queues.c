/* virtio_net_queues.c - frames through the receive and transmit queues (virtio_net_port.h),
 * virtio 1.2 5.1.6.  The rings are virtqueue.h's; here is what lies in their buffers. */
#include "virtio/virtio_net_port.h"

#include "kernel/log.h"

#include <errno.h>
#include <string.h>

/* Receiving, virtio 1.2 5.1.6.3 and 5.1.6.4 ---------------------------------------------- */

/* With MRG_RXBUF the device puts buffers together itself. */
uint16_t virtio_net_buffer_packets(const struct virtio_net *net, uint16_t mtu)
{
    uint32_t bytes = net->header_length + FRAME_LIMIT(mtu);
    bool merged = virtio_net_has(net, VIRTIO_NET_F_MRG_RXBUF);
    return merged ? 1 : (uint16_t)((bytes + PACKET_ROOM - 1) / PACKET_ROOM);
}

/* A fresh packet is to be filled from its headroom on: where that is for the device. */
static inline uint64_t rx_fresh(struct packet *packet)
{
    packet->data = packet->buffer + PACKET_HEADROOM;
    return packet->buffer_iova + PACKET_HEADROOM;
}

/* Chains the packets of one buffer and offers it.  The header comes first, the frame behind it. */
static void rx_post(struct net_rx *rx, struct packet **packets)
{
    uint32_t header = rx->header_length;
    uint64_t start = rx_fresh(packets[0]);
    struct virtqueue_segment s[1 + FRAME_SEGMENTS_MAX];
    unsigned n = 0;

    if (rx->split_header) {
        s[n++] = (struct virtqueue_segment){ start, header };
        s[n++] = (struct virtqueue_segment){ start + header, PACKET_ROOM - header };
    } else {
        s[n++] = (struct virtqueue_segment){ start, PACKET_ROOM };
    }
    for (unsigned i = 1; i < rx->buffer_packets; i++) {
        packets[i - 1]->next = packets[i];
        s[n++] = (struct virtqueue_segment){ rx_fresh(packets[i]), PACKET_ROOM };
    }
    virtqueue_add(&rx->vq, s, 0, n, packets[0]); /* has room: see rx_start */
}

/* Buffers that are one packet each. */
static void rx_post_plain(struct net_rx *rx, struct packet **packets, unsigned n)
{
    struct virtqueue_segment s[PORT_BURST];
    for (unsigned i = 0; i < n; i++)
        s[i] = (struct virtqueue_segment){ rx_fresh(packets[i]), PACKET_ROOM };
    virtqueue_add_burst(&rx->vq, s, (void *const *)packets, n, true);
}

/* Posts up to n buffers; fewer when the pool runs dry.  Returns how many. */
static unsigned rx_post_burst(struct net_rx *rx, unsigned n)
{
    struct packet *packets[PORT_BURST];
    unsigned each = rx->buffer_packets;
    n = (unsigned)min_u64(n, PORT_BURST / each);
    while (n && !packet_take_burst(rx->queue.cache, packets, n * each))
        n /= 2;
    if (each == 1 && !rx->split_header)
        rx_post_plain(rx, packets, n);
    else
        for (unsigned i = 0; i < n; i++)
            rx_post(rx, packets + i * each);
    return n;
}

static inline bool rx_lacks_buffers(const struct net_rx *rx)
{
    return (unsigned)(rx->buffers - rx->vq.in_flight) >= rx->batch;
}

/* Brings the ring back to `buffers`.  True when the device has new ones. */
static bool rx_refill(struct net_rx *rx)
{
    bool added = false;
    while (rx_lacks_buffers(rx)) {
        if (!rx_post_burst(rx, rx->buffers - rx->vq.in_flight))
            break;
        added = true;
    }
    if (added)
        virtqueue_publish(&rx->vq);
    return added;
}

/* While it lacks buffers each call tries to get some. */
static inline void rx_watch(struct net_rx *rx)
{
    struct port_watch *watch = &rx->queue.watch;
    const uint32_t *word = virtqueue_watch(&rx->vq, &watch->mask, &watch->nothing);
    watch->word = likely(!rx_lacks_buffers(rx)) ? word : NULL;
}

/* Spreads `length` bytes over the packets of a buffer, the first of which has lost the header's;
 * frees those not needed.  Returns the last one used. */
static struct packet *rx_trim(struct net_rx *rx, struct packet *packet, uint32_t length)
{
    uint32_t room = PACKET_ROOM - rx->header_length;
    while (length > room && packet->next) {
        packet->length = (uint16_t)room;
        length -= room;
        room = PACKET_ROOM;
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
static struct packet *rx_finish(struct net_rx *rx, struct packet *frame)
{
    bool good = !rx->discard && frame->frame_length >= FRAME_MIN &&
                frame->frame_length <= rx->limit &&
                (!frame->next || frame->length >= PACKET_HEADER_MIN);
    rx->frame = NULL;
    if (likely(good))
        return frame;
    packet_free(rx->queue.cache, frame);
    counter_add(&rx->queue.errors, 1);
    return NULL;
}

/* How many buffers the frame fills; 0: its header makes no sense. */
static uint16_t rx_num_buffers(struct net_rx *rx, const struct virtio_net_hdr *hdr)
{
    if (!rx->merged)
        return 1;
    uint16_t n = load_relaxed(&hdr->num_buffers); /* once: the device could change it */
    if (likely(n <= rx->buffers))
        return n;
    virtqueue_break(&rx->vq, "num_buffers beyond the receive ring");
    counter_add(&rx->queue.errors, 1);
    return UINT16_MAX; /* where do frames begin now?  All that follows is this one's */
}

/* A checksum that somebody else was to finish, or a frame of several: nothing of that was
 * negotiated (5.1.6.4.1), and it would leave by another port as it is. */
static inline bool rx_unfinished(const struct virtio_net_hdr *hdr)
{
    uint16_t both = load_relaxed((const uint16_t *)&hdr->flags); /* and gso_type behind them */
    return both & (VIRTIO_NET_HDR_F_NEEDS_CSUM | 0xff00);
}

static inline void rx_take_hash(struct packet *packet, const struct virtio_net_hdr *hdr)
{
    packet->hash = load_relaxed(&hdr->hash_value);
    if (load_relaxed(&hdr->hash_report) != VIRTIO_NET_HASH_REPORT_NONE)
        packet->flags |= PACKET_HASH;
}

/* First buffer of a frame.  Returns the frame when that was all of it. */
static struct packet *rx_begin(struct net_rx *rx, struct packet *packet, uint32_t written)
{
    const struct virtio_net_hdr *hdr = (const void *)packet->data;
    uint32_t header = rx->header_length;
    uint16_t num_buffers = 0;

    packet->frame_length = 0;
    packet_arrived(packet, rx->number);
    if (likely(written >= header)) {
        packet->frame_length = written - header;
        num_buffers = rx_num_buffers(rx, hdr);
    }
    rx->discard = !num_buffers || num_buffers == UINT16_MAX || rx_unfinished(hdr);
    packet->data += header;
    if (rx->hashed)
        rx_take_hash(packet, hdr);
    rx->segments = 1;
    rx->frame = packet;
    rx->last = rx_trim(rx, packet, packet->frame_length);
    rx->missing = num_buffers ? (uint16_t)(num_buffers - 1) : 0;
    return rx->missing ? NULL : rx_finish(rx, packet);
}

/* A further buffer of the frame; these carry no header. */
static struct packet *rx_continue(struct net_rx *rx, struct packet *packet, uint32_t written)
{
    rx->missing--;
    rx->discard |= !written || ++rx->segments > FRAME_SEGMENTS_MAX;
    if (rx->discard) {
        packet_free(rx->queue.cache, packet);
    } else {
        packet->length = (uint16_t)written;
        rx->last->next = packet;
        rx->last = packet;
        rx->frame->frame_length += written;
    }
    return rx->missing ? NULL : rx_finish(rx, rx->frame);
}

/* Frames in one buffer each, as nearly all are, with nothing to be said against them: as many from
 * the front as there are go to `frames`, which may be where they are.  Returns how many. */
static unsigned rx_take_plain(const struct net_rx *rx, struct packet **frames,
                              struct packet *const *buffers, const uint32_t *written, unsigned n,
                              uint64_t *bytes)
{
    uint32_t header = rx->header_length, spread = rx->limit - FRAME_MIN;
    uint16_t number = rx->number;
    bool whole = !rx->merged, hashed = rx->hashed;
    uint64_t sum = 0;
    unsigned i;
    if (rx->missing || rx->buffer_packets > 1)
        return 0;
    for (i = 0; i < n; i++) {
        struct packet *packet = buffers[i];
        const struct virtio_net_hdr *hdr = (const void *)packet->data;
        uint32_t length = written[i] - header;
        if (unlikely(length - FRAME_MIN > spread || rx_unfinished(hdr) ||
                     !(whole || load_relaxed(&hdr->num_buffers) == 1)))
            break;
        packet_arrived(packet, number);
        if (hashed)
            rx_take_hash(packet, hdr);
        packet->data += header;
        packet->frame_length = length;
        packet->length = (uint16_t)length;
        frames[i] = packet;
        sum += length;
    }
    *bytes += sum;
    return i;
}

/* All the others: first and further buffers of a frame.  NULL: that was not all of it, or wrong. */
static NOINLINE struct packet *rx_take(struct net_rx *rx, struct packet *packet, uint32_t written)
{
    return rx->missing ? rx_continue(rx, packet, written) : rx_begin(rx, packet, written);
}

/* What the device returned, made into frames at `frames`: no more of these than of those, so that
 * both may begin in one place.  Returns how many. */
static unsigned rx_take_burst(struct net_rx *rx, struct packet **frames,
                              struct packet *const *buffers, const uint32_t *written, unsigned n,
                              uint64_t *bytes)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned plain = rx_take_plain(rx, frames + count, buffers + i, written + i, n - i, bytes);
        count += plain;
        i += plain;
        struct packet *frame = i < n ? rx_take(rx, buffers[i], written[i]) : NULL;
        if (frame) {
            *bytes += frame->frame_length;
            frames[count++] = frame;
        }
    }
    return count;
}

uint16_t virtio_net_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct net_rx *rx = container_of(queue, struct net_rx, queue);
    uint32_t written[PORT_BURST];
    uint64_t bytes = 0;
    unsigned count = 0, wanted, got;

    if (virtqueue_has_nothing(&rx->vq) && !rx_lacks_buffers(rx))
        return 0;
    rx->limit = port_frame_limit(queue->port);
    rx->number = queue->port->number;
    do {
        struct packet **taken = packets + count;
        wanted = (unsigned)min_u64(n - count, PORT_BURST);
        got = virtqueue_pop_burst(&rx->vq, (void **)taken, written, wanted);
        count += rx_take_burst(rx, taken, taken, written, got, &bytes);
    } while (got == wanted && count < n);
    counter_add(&queue->packets, count);
    counter_add(&queue->bytes, bytes);
    if (rx_lacks_buffers(rx) && rx_refill(rx))
        virtqueue_notify(&rx->vq);
    rx_watch(rx);
    return (uint16_t)count;
}

void virtio_net_arm(struct port_queue *queue, bool on)
{
    struct virtqueue *vq = &container_of(queue, struct net_rx, queue)->vq;
    if (on)
        virtqueue_enable_interrupts(vq);
    else
        virtqueue_disable_interrupts(vq);
}

static int rx_start(struct virtio_net *net, struct net_rx *rx)
{
    uint16_t index = VIRTIO_NET_QUEUE_RECEIVE(rx->queue.index);
    rx->header_length = net->header_length;
    rx->split_header = net->split_header;
    rx->merged = virtio_net_has(net, VIRTIO_NET_F_MRG_RXBUF);
    rx->hashed = virtio_net_has(net, VIRTIO_NET_F_HASH_REPORT);
    rx->buffer_packets = virtio_net_buffer_packets(net, net->port.mtu);
    uint16_t segments = (uint16_t)(rx->buffer_packets + net->split_header);
    int e = virtio_queue_start(net->dev, &rx->vq, index, rx->queue.size, segments);
    if (e)
        return e;
    if (net->ops.arm)
        net->dev->transport->queue_interrupt(net->dev, &rx->vq, rx->queue.index);
    unsigned each = segments <= rx->vq.indirect_max ? 1 : segments;
    rx->buffers = (uint16_t)min_u64(rx->queue.size, rx->vq.size / each);
    if (!rx->buffers) {
        log_error("%s: queue %u: size %u, expected %u or more", net->dev->name, index, rx->vq.size,
                  each);
        return -ENOTSUP;
    }
    rx->batch = (uint16_t)max_u64(min_u64(PORT_BURST / rx->buffer_packets, rx->buffers / 4u), 1);
    if (!rx_refill(rx)) {
        log_error("%s: no packets for the receive ring", net->dev->name);
        return -ENOMEM;
    }
    rx_watch(rx);
    return 0;
}

static void rx_stop(struct net_rx *rx)
{
    struct packet *packet;
    rx->queue.watch.word = NULL;
    while ((packet = virtqueue_detach(&rx->vq)))
        packet_free(rx->queue.cache, packet);
    if (rx->frame)
        packet_free(rx->queue.cache, rx->frame);
    rx->frame = NULL;
    rx->missing = 0;
    virtqueue_free(&rx->vq);
}

/* Sending, virtio 1.2 5.1.6.2 --------------------------------------------------------------- */

#define TX_PARKED_MOST 128u /* packets sent long ago, in a ring that nothing more comes to */

/* Frees what the device has sent; what it wrote means nothing here: 5.1.6.1. */
static void tx_reclaim(struct net_tx *tx)
{
    struct packet *packets[PORT_BURST];
    unsigned n;
    do {
        n = virtqueue_pop_burst(&tx->vq, (void **)packets, NULL, PORT_BURST);
        packet_free_burst(tx->queue.cache, packets, n);
    } while (n == PORT_BURST);
}

/* Frames more that it takes, a descriptor each. */
static unsigned tx_room(const struct net_tx *tx)
{
    return (unsigned)min_u64(tx->vq.free_count, (unsigned)(tx->queue.size - tx->vq.in_flight));
}

#define HEADER_ROOM ((int)sizeof(struct virtio_net_hdr))

/* Header and data are one piece where the framing is free and there is headroom. */
static inline bool tx_has_headroom(const struct packet *p)
{
    return p->data - p->buffer >= HEADER_ROOM;
}

/* A header of the longest kind: it ends where the data begins. */
static inline void tx_clear_header(const struct packet *p)
{
    memset(p->data - HEADER_ROOM, 0, sizeof(struct virtio_net_hdr));
}

/* The pieces of a frame, header first; 0: more than this port can send.  Empty segments are left
 * out: a descriptor of no bytes means nothing. */
static unsigned tx_segments(const struct net_tx *tx, const struct packet *frame,
                            struct virtqueue_segment s[1 + FRAME_SEGMENTS_MAX])
{
    const struct packet *p = frame;
    unsigned n = 0, packets = 0;

    if (!tx->split_header && p->length && tx_has_headroom(p)) {
        tx_clear_header(p);
        s[n++] = (struct virtqueue_segment){ packet_iova(p) - tx->header_length,
                                             p->length + tx->header_length };
        p = p->next;
        packets++;
    } else {
        s[n++] = (struct virtqueue_segment){ tx->zeros_iova, tx->header_length };
    }
    for (; p; p = p->next) {
        if (packets++ == FRAME_SEGMENTS_MAX)
            return 0;
        if (p->length)
            s[n++] = (struct virtqueue_segment){ packet_iova(p), p->length };
    }
    return n <= tx->vq.size ? n : 0;
}

static bool tx_has_room(struct net_tx *tx, unsigned n)
{
    return virtqueue_has_room(&tx->vq, n) && tx->vq.in_flight < tx->queue.size;
}

/* A frame of several segments, or one that cannot be sent.  False: there is no room for it. */
static NOINLINE bool tx_post(struct net_tx *tx, struct packet *frame, uint32_t limit)
{
    struct virtqueue_segment s[1 + FRAME_SEGMENTS_MAX];
    bool fits = frame->frame_length >= FRAME_MIN && frame->frame_length <= limit;
    unsigned n = fits ? tx_segments(tx, frame, s) : 0;
    if (!n) {
        counter_add(&tx->queue.errors, 1);
        packet_free(tx->queue.cache, frame);
        return true;
    }
    if (!tx_has_room(tx, n))
        tx_reclaim(tx);
    if (!tx_has_room(tx, n))
        return false;
    counter_add(&tx->queue.packets, 1);
    counter_add(&tx->queue.bytes, frame->frame_length);
    return virtqueue_add(&tx->vq, s, n, 0, frame);
}

/* Sends as many frames from the front as are one piece each and find room; returns how many. */
static ALWAYS_INLINE unsigned tx_post_plain(struct net_tx *tx, struct packet **packets, unsigned n,
                                            uint32_t limit)
{
    struct virtqueue_segment s[PORT_BURST];
    uint32_t header = tx->header_length;
    uint64_t bytes = 0;
    unsigned i;

    n = tx->split_header ? 0 : (unsigned)min_u64(min_u64(n, PORT_BURST), tx_room(tx));
    for (i = 0; i < n; i++) {
        const struct packet *p = packets[i];
        uint32_t length = p->frame_length;
        if (unlikely(p->next || length - FRAME_MIN > limit - FRAME_MIN || !tx_has_headroom(p)))
            break;
        tx_clear_header(p);
        s[i] = (struct virtqueue_segment){ packet_iova(p) - header, length + header };
        bytes += length;
    }
    virtqueue_add_burst(&tx->vq, s, (void *const *)packets, i, false);
    counter_add(&tx->queue.packets, i);
    counter_add(&tx->queue.bytes, bytes);
    return i;
}

uint16_t virtio_net_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct net_tx *tx = container_of(queue, struct net_tx, queue);
    uint32_t limit = port_frame_limit(queue->port);
    unsigned taken = 0;

    if (tx->vq.in_flight >= tx->reclaim_at || tx_room(tx) < n)
        tx_reclaim(tx);
    while (taken < n) {
        unsigned some = tx_post_plain(tx, packets + taken, n - taken, limit);
        if (!some && !tx_post(tx, packets[taken], limit))
            break;
        taken += some ? some : 1;
    }
    if (tx->vq.added) {
        virtqueue_publish(&tx->vq);
        virtqueue_notify(&tx->vq);
    }
    return (uint16_t)taken;
}

static int tx_start(struct virtio_net *net, struct net_tx *tx)
{
    tx->header_length = net->header_length;
    tx->split_header = net->split_header;
    tx->zeros_iova = net->out.iova;
    tx->reclaim_at = (uint16_t)max_u64(min_u64(tx->queue.size / 2u, TX_PARKED_MOST), 1);
    return virtio_queue_start(net->dev, &tx->vq, VIRTIO_NET_QUEUE_TRANSMIT(tx->queue.index),
                              tx->queue.size, 1 + FRAME_SEGMENTS_MAX);
}

static void tx_stop(struct net_tx *tx)
{
    struct packet *packet;
    while ((packet = virtqueue_detach(&tx->vq)))
        packet_free(tx->queue.cache, packet);
    virtqueue_free(&tx->vq);
}

/* Both ---------------------------------------------------------------------------------------- */

int virtio_net_pair_start(struct virtio_net *net, unsigned pair)
{
    int e = tx_start(net, &net->pairs[pair].tx);
    return e ? e : rx_start(net, &net->pairs[pair].rx);
}

void virtio_net_pair_stop(struct net_pair *pair)
{
    tx_stop(&pair->tx);
    rx_stop(&pair->rx);
}
