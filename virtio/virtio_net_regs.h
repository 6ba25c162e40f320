/* virtio_net_regs.h - what virtio 1.2 (OASIS CS01) 5.1 says about the network
 * device, as far as we use it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Feature bits, virtio 1.2 5.1.3 */
#define VIRTIO_NET_F_MTU 3
#define VIRTIO_NET_F_MAC 5
#define VIRTIO_NET_F_MRG_RXBUF 15
#define VIRTIO_NET_F_STATUS 16
#define VIRTIO_NET_F_CTRL_VQ 17
#define VIRTIO_NET_F_CTRL_RX 18
#define VIRTIO_NET_F_CTRL_MAC_ADDR 23
#define VIRTIO_NET_F_SPEED_DUPLEX 63

/* Device configuration, virtio 1.2 5.1.4; RO except mac through the legacy interface */
#define VIRTIO_NET_CONFIG_MAC 0    /* 6 bytes */
#define VIRTIO_NET_CONFIG_STATUS 6 /* 16 bits, with STATUS */
#define VIRTIO_NET_S_LINK_UP 1
#define VIRTIO_NET_CONFIG_MTU 10   /* 16 bits, with MTU */
#define VIRTIO_NET_CONFIG_SPEED 12 /* 32 bits, with SPEED_DUPLEX; above 0x7fffffff: unknown */
#define VIRTIO_NET_CONFIG_SPEED_KNOWN_MAX 0x7fffffffu
#define VIRTIO_NET_CONFIG_DUPLEX 16 /* 8 bits, with SPEED_DUPLEX */
/* 5.1.4; the requirement in 5.1.4.1 says 0, devices (QEMU) follow 5.1.4 */
#define VIRTIO_NET_CONFIG_DUPLEX_FULL 1

/* Virtqueues, virtio 1.2 5.1.2 (one pair) */
#define VIRTIO_NET_QUEUE_RECEIVE 0
#define VIRTIO_NET_QUEUE_TRANSMIT 1
#define VIRTIO_NET_QUEUE_CONTROL 2

/* In front of every frame, virtio 1.2 5.1.6.  Ours is all zeros: no offloads. */
struct virtio_net_hdr {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers; /* legacy: only with MRG_RXBUF (5.1.6.1) */
};

_Static_assert(sizeof(struct virtio_net_hdr) == 12, "virtio 1.2 5.1.6");
#define VIRTIO_NET_HDR_LEGACY_LENGTH offsetof(struct virtio_net_hdr, num_buffers)

/* Control commands, virtio 1.2 5.1.6.5 */
#define VIRTIO_NET_CTRL_RX 0
#define VIRTIO_NET_CTRL_RX_PROMISC 0
#define VIRTIO_NET_CTRL_RX_ALLMULTI 1
#define VIRTIO_NET_CTRL_MAC 1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET 0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET 1
#define VIRTIO_NET_OK 0
#define VIRTIO_NET_CTRL_MAC_HEAD 4u /* le32 entries, 5.1.6.5.2 */
