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
#define VIRTIO_NET_F_CTRL_VLAN 19
#define VIRTIO_NET_F_GUEST_ANNOUNCE 21
#define VIRTIO_NET_F_MQ 22
#define VIRTIO_NET_F_CTRL_MAC_ADDR 23
#define VIRTIO_NET_F_HASH_REPORT 57
#define VIRTIO_NET_F_RSS 60
#define VIRTIO_NET_F_SPEED_DUPLEX 63

/* Device configuration, virtio 1.2 5.1.4; RO except mac through the legacy interface */
#define VIRTIO_NET_CONFIG_MAC 0    /* 6 bytes */
#define VIRTIO_NET_CONFIG_STATUS 6 /* 16 bits, with STATUS */
#define VIRTIO_NET_S_LINK_UP 1
#define VIRTIO_NET_S_ANNOUNCE 2
#define VIRTIO_NET_CONFIG_MAX_VIRTQUEUE_PAIRS 8 /* 16 bits, with MQ or RSS */
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX 0x8000u
#define VIRTIO_NET_CONFIG_MTU 10   /* 16 bits, with MTU */
#define VIRTIO_NET_CONFIG_SPEED 12 /* 32 bits, with SPEED_DUPLEX; above 0x7fffffff: unknown */
#define VIRTIO_NET_CONFIG_SPEED_KNOWN_MAX 0x7fffffffu
#define VIRTIO_NET_CONFIG_DUPLEX 16 /* 8 bits, with SPEED_DUPLEX */
/* 5.1.4; the requirement in 5.1.4.1 says 0, devices (QEMU) follow 5.1.4 */
#define VIRTIO_NET_CONFIG_DUPLEX_FULL 1

#define VIRTIO_NET_CONFIG_RSS_MAX_KEY_SIZE 17 /* 8 bits, with RSS or HASH_REPORT; 40 or more */
#define VIRTIO_NET_CONFIG_RSS_MAX_TABLE 18    /* 16 bits, with RSS; 128 or more */
#define VIRTIO_NET_CONFIG_HASH_TYPES 20 /* 32 bits, with RSS or HASH_REPORT */
/* 5.1.6.4.3.1, those that know no extension headers: the same fields for every frame of a flow */
#define VIRTIO_NET_HASH_TYPE_IPv4 0x01u
#define VIRTIO_NET_HASH_TYPE_TCPv4 0x02u
#define VIRTIO_NET_HASH_TYPE_UDPv4 0x04u
#define VIRTIO_NET_HASH_TYPE_IPv6 0x08u
#define VIRTIO_NET_HASH_TYPE_TCPv6 0x10u
#define VIRTIO_NET_HASH_TYPE_UDPv6 0x20u

/* Virtqueues, virtio 1.2 5.1.2; N pairs, which is 1 without MQ and RSS */
#define VIRTIO_NET_QUEUE_RECEIVE(pair) (2 * (pair))
#define VIRTIO_NET_QUEUE_TRANSMIT(pair) (2 * (pair) + 1)
#define VIRTIO_NET_QUEUE_CONTROL(pairs) (2 * (pairs))

/* In front of every frame, virtio 1.2 5.1.6.  Ours is all zeros: no offloads. */
struct virtio_net_hdr {
    uint8_t flags;
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
    uint8_t gso_type;
#define VIRTIO_NET_HDR_GSO_NONE 0 /* all the others ask for something */
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers; /* legacy: only with MRG_RXBUF (5.1.6.1) */
    uint32_t hash_value;  /* this and the following: only with HASH_REPORT */
    uint16_t hash_report;
#define VIRTIO_NET_HASH_REPORT_NONE 0
    uint16_t padding_reserved;
};

_Static_assert(sizeof(struct virtio_net_hdr) == 20, "virtio 1.2 5.1.6");
#define VIRTIO_NET_HDR_LENGTH offsetof(struct virtio_net_hdr, hash_value)
#define VIRTIO_NET_HDR_LEGACY_LENGTH offsetof(struct virtio_net_hdr, num_buffers)

/* Control commands, virtio 1.2 5.1.6.5 */
#define VIRTIO_NET_CTRL_RX 0
#define VIRTIO_NET_CTRL_RX_PROMISC 0
#define VIRTIO_NET_CTRL_RX_ALLMULTI 1
#define VIRTIO_NET_CTRL_MAC 1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET 0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET 1
#define VIRTIO_NET_CTRL_VLAN 2
#define VIRTIO_NET_CTRL_VLAN_ADD 0
#define VIRTIO_NET_CTRL_VLAN_DEL 1
#define VIRTIO_NET_CTRL_ANNOUNCE 3
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK 0
#define VIRTIO_NET_CTRL_MQ 4
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET 0
#define VIRTIO_NET_CTRL_MQ_RSS_CONFIG 1
#define VIRTIO_NET_CTRL_MQ_HASH_CONFIG 2
#define VIRTIO_NET_OK 0
#define VIRTIO_NET_CTRL_MAC_HEAD 4u /* le32 entries, 5.1.6.5.2 */

/* 5.1.6.5.7.1; the key follows.  With RSS_TABLE entries. */
#define VIRTIO_NET_RSS_TABLE 128u
struct virtio_net_rss_config {
    uint32_t hash_types;
    uint16_t indirection_table_mask;
    uint16_t unclassified_queue;
    uint16_t indirection_table[VIRTIO_NET_RSS_TABLE];
    uint16_t max_tx_vq;
    uint8_t hash_key_length;
    uint8_t hash_key_data[40];
    uint8_t end; /* not part of it */
};

/* 5.1.6.5.6.4 */
struct virtio_net_hash_config {
    uint32_t hash_types;
    uint16_t reserved[4];
    uint8_t hash_key_length;
    uint8_t hash_key_data[40];
    uint8_t end; /* not part of it */
};

_Static_assert(offsetof(struct virtio_net_rss_config, max_tx_vq) == 264, "virtio 1.2 5.1.6.5.7.1");
_Static_assert(offsetof(struct virtio_net_hash_config, hash_key_length) == 12,
               "virtio 1.2 5.1.6.5.6.4");
