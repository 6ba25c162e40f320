/* virtio_net_port.h - between the files of the virtio network port: virtio_net.c (the port),
 * virtio_net_queues.c (frames), virtio_net_control.c (what the device is told). */
#pragma once

#include "nic/port.h"
#include "virtio/virtio.h"
#include "virtio/virtio_net_regs.h"

#define QUEUE_SIZE_MIN 8u
#define VIRTIO_NET_UNICAST_MAX 32u /* the document has no limit; QEMU takes 64 with the groups */

/* A page that the device only reads. */
struct net_out {
    uint8_t header[CACHE_LINE]; /* zeros for ever: what transmitted frames start with */
    uint8_t class;
    uint8_t command;
    uint8_t data[PAGE_SIZE - CACHE_LINE - 2];
};

_Static_assert(sizeof(struct net_out) == PAGE_SIZE, "one page");
_Static_assert(sizeof(struct virtio_net_hdr) <= PACKET_HEADROOM, "header goes in front");
_Static_assert(sizeof(struct virtio_net_hdr) <= CACHE_LINE, "header is all of it zeros");

struct net_rx {
    struct port_queue queue;
    struct virtqueue vq;
    uint32_t limit;  /* longest frame, looked at once a burst */
    uint16_t number; /* the port's; likewise */
    uint8_t header_length;
    bool merged;             /* MRG_RXBUF: a frame may fill several buffers */
    bool hashed;             /* HASH_REPORT */
    bool split_header;       /* in a descriptor of its own: 5.1.6.6 */
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
    uint64_t zeros_iova; /* a header of zeros, for frames without room in front */
    uint8_t header_length;
    bool split_header;
    uint16_t reclaim_at; /* buffers in flight that make us look for finished ones */
};

#define VLAN_WORDS ((VLAN_MAX + 1 + 63) / 64) /* a bit a VLAN */

struct net_pair {
    struct net_rx rx;
    struct net_tx tx;
};

struct virtio_net {
    struct port port;
    struct net_pair *pairs; /* as many as the port may use */
    struct virtqueue control;
    struct virtio_device *dev;
    struct port_ops ops;   /* without what this device cannot do */
    uint16_t device_pairs; /* that the device has; 1 without MQ and RSS */
    uint16_t mtu_max;
    bool mtu_told; /* by the device: then it is where the port begins (5.1.4.2) */
    uint8_t header_length;
    bool split_header;     /* header in a descriptor of its own: 5.1.6.6 */
    bool live;             /* between DRIVER_OK and reset */
    bool told_promiscuous; /* since the last reset */
    bool was_down;         /* the link, since the device was started */
    bool announce_due;     /* the device asks to tell where we are */
    bool announce_refused; /* it is not asked again: it said no to the answer */
    const char *trouble;   /* why it has to start over; NULL: it has not */
    struct port_overs overs;
    uint64_t vlans[VLAN_WORDS], told_vlans[VLAN_WORDS]; /* wanted; since the last reset */
    bool control_dead;             /* a command was never answered; its memory is the device's */
    struct dma_memory out, in;     /* struct net_out; the ack byte */
    const struct dma_memory *pool; /* the packet pool, while the device can reach it */
};

static inline bool virtio_net_has(const struct virtio_net *net, unsigned feature)
{
    return virtio_has(net->dev, feature);
}

/* Queues, virtio_net_queues.c ---------------------------------------------------------- */

port_burst_fn virtio_net_rx_burst, virtio_net_tx_burst;
/* port_ops.arm, of devices whose transport has interrupts. */
void virtio_net_arm(struct port_queue *queue, bool on);
/* How many packets make a buffer that holds the longest frame at this MTU. */
uint16_t virtio_net_buffer_packets(const struct virtio_net *net, uint16_t mtu);
/* 0 or -E... with a log line.  The first filling is published and announced after DRIVER_OK. */
int virtio_net_pair_start(struct virtio_net *net, unsigned pair);
/* After a reset. */
void virtio_net_pair_stop(struct net_pair *pair);

/* Control queue, virtio_net_control.c; each returns 0, or -EIO with a log line ------------- */

int virtio_net_control_start(struct virtio_net *net); /* or -ENOMEM; 0 where there is none */
int virtio_net_tell_rx_mode(struct virtio_net *net, const struct port_rx_mode *mode);
/* What differs between what is wanted and what was told. */
int virtio_net_tell_vlans(struct virtio_net *net);
int virtio_net_tell_announced(struct virtio_net *net);
int virtio_net_tell_mac(struct virtio_net *net, const uint8_t mac[MAC_LEN]);
/* How many pairs there are, and how frames are spread over them. */
int virtio_net_tell_pairs(struct virtio_net *net, unsigned pairs);
