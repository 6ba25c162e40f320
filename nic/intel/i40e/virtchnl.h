/* virtchnl.h - what a virtual function of Intel's 40 Gb/s chips and of those since says to its PF's
 * driver, and hears from it: versions 1.0 and 1.1 of the protocol.
 *
 * A message is a descriptor of the admin queue (i40e_adminq.h) with a buffer: the operation in
 * cookie_high, of an answer the status in cookie_low, 0: granted.  PFs give any other number as
 * their reason.  Every request but a reset is answered, under its own operation.
 *
 * Facts: Linux (i40e, ice, iavf) and DPDK (iavf) agree. */
#pragma once

#include "nic/ethernet.h"

#include <stddef.h>
#include <stdint.h>

/* Descriptors that carry messages: from a VF, and to it. */
#define VIRTCHNL_TO_PF 0x0801u
#define VIRTCHNL_TO_VF 0x0802u
#define VIRTCHNL_MESSAGE_MAX 4096u

/* Length of a message with a list: PFs take it for as long as it was when the structures had one
 * element in them already, so one too many (of a key or table: one byte); any other is refused. */
#define VIRTCHNL_LIST_LENGTH(message, list, count) \
    (sizeof(message) + ((count) + 1u) * sizeof(list))

enum virtchnl_op {
    VIRTCHNL_VERSION = 1,
    VIRTCHNL_RESET_VF = 2,
    VIRTCHNL_GET_RESOURCES = 3,
    VIRTCHNL_CONFIG_QUEUES = 6,
    VIRTCHNL_CONFIG_IRQ_MAP = 7,
    VIRTCHNL_ENABLE_QUEUES = 8,
    VIRTCHNL_DISABLE_QUEUES = 9,
    VIRTCHNL_ADD_MAC = 10,
    VIRTCHNL_DELETE_MAC = 11,
    VIRTCHNL_ADD_VLAN = 12,
    VIRTCHNL_DELETE_VLAN = 13,
    VIRTCHNL_PROMISCUOUS = 14,
    VIRTCHNL_GET_STATS = 15,
    VIRTCHNL_EVENT = 17,
    VIRTCHNL_RSS_KEY = 23,
    VIRTCHNL_RSS_LUT = 24,
    VIRTCHNL_GET_RSS_HENA = 25,
    VIRTCHNL_SET_RSS_HENA = 26,
    VIRTCHNL_STRIP_ON = 27,
    VIRTCHNL_STRIP_OFF = 28,
    VIRTCHNL_REQUEST_QUEUES = 29,
    VIRTCHNL_GET_RXDIDS = 44,
    VIRTCHNL_GET_VLAN_CAPS = 51,
    VIRTCHNL_ADD_VLAN_V2 = 52,
    VIRTCHNL_DELETE_VLAN_V2 = 53,
    VIRTCHNL_STRIP_ON_V2 = 54,
    VIRTCHNL_STRIP_OFF_V2 = 55,
    VIRTCHNL_INSERT_ON_V2 = 56,
    VIRTCHNL_INSERT_OFF_V2 = 57,
    VIRTCHNL_OPS = 64
};

/* Reasons that PFs agree on; Linux's i40e gives negative errno values as well. */
#define VIRTCHNL_ERR_PARAM (-5)
#define VIRTCHNL_ERR_NOT_SUPPORTED (-64)

struct virtchnl_version {
    uint32_t major, minor;
};

/* Capabilities, a bit each: asked for with GET_RESOURCES (1.1), granted in its answer. */
#define VIRTCHNL_CAP_L2 0x00000001u
#define VIRTCHNL_CAP_RSS_REG 0x00000010u /* key and table in the VF's registers */
#define VIRTCHNL_CAP_WB_ON_ITR 0x00000020u
#define VIRTCHNL_CAP_REQUEST_QUEUES 0x00000040u
#define VIRTCHNL_CAP_LINK_SPEED 0x00000080u /* link events say Mb/s */
#define VIRTCHNL_CAP_CRC 0x00000400u
#define VIRTCHNL_CAP_VLAN_V2 0x00008000u
#define VIRTCHNL_CAP_VLAN 0x00010000u
#define VIRTCHNL_CAP_RSS_KINDS 0x00040000u /* X722: more kinds of packets are told apart */
#define VIRTCHNL_CAP_RSS_PF 0x00080000u /* by message */
#define VIRTCHNL_CAP_USO 0x02000000u
#define VIRTCHNL_CAP_FLEX_RX 0x04000000u /* receive descriptors to choose from */

#define VIRTCHNL_VSI_SRIOV 6u

struct virtchnl_vsi {
    uint16_t id;
    uint16_t queue_pairs;
    uint32_t type; /* VIRTCHNL_VSI_SRIOV */
    uint16_t qset;
    uint8_t mac[MAC_LEN]; /* zeros: the VF has to choose */
};

struct virtchnl_resources {
    uint16_t vsis;
    uint16_t queue_pairs;
    uint16_t vectors;   /* the first is for messages */
    uint16_t max_frame; /* with FCS; 0: not told */
    uint32_t caps;
    uint32_t rss_key_size, rss_lut_size;
    struct virtchnl_vsi vsi[1];
};

struct virtchnl_txq {
    uint16_t vsi, queue;
    uint16_t length; /* descriptors, a multiple of 8 */
    uint16_t head_writeback;
    uint64_t ring;
    uint64_t head;
};

/* Receive descriptors by number (with CAP_FLEX_RX). */
#define VIRTCHNL_RXDID_LEGACY_32 1u
#define VIRTCHNL_RXDID_FLEX_NIC 2u

struct virtchnl_rxq {
    uint16_t vsi, queue;
    uint32_t length; /* descriptors, a multiple of 32 */
    uint16_t header_size, header_split;
    uint32_t buffer_size;
    uint32_t max_frame;
    uint8_t crc_kept; /* with CAP_CRC */
    uint8_t rxdid;
    uint8_t flags, reserved1;
    uint64_t ring;
    uint32_t split_at, reserved2;
};

struct virtchnl_queue_pair {
    struct virtchnl_txq tx;
    struct virtchnl_rxq rx;
};

struct virtchnl_queues {
    uint16_t vsi;
    uint16_t pairs;
    uint32_t reserved;
    struct virtchnl_queue_pair pair[];
};

struct virtchnl_vector {
    uint16_t vsi, vector;
    uint16_t rx_queues, tx_queues; /* a bit each */
    uint16_t rx_itr, tx_itr;
};

struct virtchnl_irq_map {
    uint16_t vectors;
    struct virtchnl_vector vector[];
};

struct virtchnl_queue_select {
    uint16_t vsi, reserved;
    uint32_t rx, tx; /* a bit each */
};

struct virtchnl_queue_request {
    uint16_t pairs;
};

#define VIRTCHNL_MAC_PRIMARY 1u
#define VIRTCHNL_MAC_EXTRA 2u

struct virtchnl_mac {
    uint8_t address[MAC_LEN];
    uint8_t type;
    uint8_t reserved;
};

struct virtchnl_mac_list {
    uint16_t vsi, count;
    struct virtchnl_mac mac[];
};

struct virtchnl_vlan_list {
    uint16_t vsi, count;
    uint16_t vid[];
};

/* What may be done to tags: TPIDs, and where the tag of a stripped or inserted one lies. */
#define VIRTCHNL_VLAN_8100 0x00000001u
#define VIRTCHNL_VLAN_88A8 0x00000002u
#define VIRTCHNL_VLAN_L2TAG1 0x00000100u
#define VIRTCHNL_VLAN_L2TAG2 0x00000200u
#define VIRTCHNL_VLAN_L2TAG2_2 0x00000400u
#define VIRTCHNL_VLAN_TOGGLE 0x80000000u /* it can be switched on and off */

struct virtchnl_vlan_support {
    uint32_t outer, inner;
};

struct virtchnl_vlan_caps {
    struct virtchnl_vlan_support filter;
    uint32_t filter_initially;
    uint16_t filters, reserved1;
    struct virtchnl_vlan_support strip, insert;
    uint32_t offload_initially;
    uint8_t match;
    uint8_t reserved2[3];
};

struct virtchnl_tag {
    uint16_t tci, mask, tpid, reserved;
};

struct virtchnl_vlan_filter {
    struct virtchnl_tag inner, outer;
    uint8_t reserved[16];
};

struct virtchnl_vlan_list_v2 {
    uint16_t vsi, count;
    uint32_t reserved;
    struct virtchnl_vlan_filter filter[];
};

struct virtchnl_vlan_setting {
    uint32_t outer, inner; /* VIRTCHNL_VLAN_8100 */
    uint16_t vsi;
    uint8_t reserved[6];
};

#define VIRTCHNL_PROMISC_UNICAST 0x1u
#define VIRTCHNL_PROMISC_MULTICAST 0x2u

struct virtchnl_promiscuous {
    uint16_t vsi, flags;
};

struct virtchnl_stats {
    uint64_t rx_octets, rx_unicast, rx_multicast, rx_broadcast, rx_discards, rx_unknown;
    uint64_t tx_octets, tx_unicast, tx_multicast, tx_broadcast, tx_discards, tx_errors;
};

struct virtchnl_rss_key {
    uint16_t vsi, length;
    uint8_t key[];
};

struct virtchnl_rss_lut {
    uint16_t vsi, entries;
    uint8_t queue[];
};

/* What is hashed, a bit each: kinds of packets as the chips number them. */
#define VIRTCHNL_HASH_UDP4 0x0000000080000000ull
#define VIRTCHNL_HASH_TCP4 0x0000000200000000ull
#define VIRTCHNL_HASH_IP4 0x0000000800000000ull
#define VIRTCHNL_HASH_UDP6 0x0000020000000000ull
#define VIRTCHNL_HASH_TCP6 0x0000080000000000ull
#define VIRTCHNL_HASH_IP6 0x0000200000000000ull
/* With CAP_RSS_KINDS: UDP to one and to many, and TCP's SYN, over IPv4 and IPv6 */
#define VIRTCHNL_HASH_MORE 0x0000058160000000ull

struct virtchnl_rss_hena {
    uint64_t kinds;
};

struct virtchnl_rxdids {
    uint64_t formats; /* a bit each */
};

enum virtchnl_event_code {
    VIRTCHNL_EVENT_LINK = 1,
    VIRTCHNL_EVENT_RESET_IMPENDING = 2,
    VIRTCHNL_EVENT_PF_CLOSES = 3,
};

/* Without CAP_LINK_SPEED a bit says the speed. */
#define VIRTCHNL_SPEED_2500 0x01u
#define VIRTCHNL_SPEED_100 0x02u
#define VIRTCHNL_SPEED_1000 0x04u
#define VIRTCHNL_SPEED_10000 0x08u
#define VIRTCHNL_SPEED_40000 0x10u
#define VIRTCHNL_SPEED_20000 0x20u
#define VIRTCHNL_SPEED_25000 0x40u
#define VIRTCHNL_SPEED_5000 0x80u

struct virtchnl_event {
    uint32_t code;
    uint32_t speed; /* of a link event */
    uint8_t up, reserved[3];
    uint32_t severity;
};

/* VFGEN_RSTAT: where the VF's reset is; while the chip itself resets registers read deadbeef. */
enum virtchnl_reset_state {
    VIRTCHNL_RESETTING = 0,
    VIRTCHNL_RESET_DONE = 1, /* the chip's part */
    VIRTCHNL_ACTIVE = 2,     /* the PF's driver listens again */
};

_Static_assert(sizeof(struct virtchnl_vsi) == 16, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_resources) == 36, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_txq) == 24, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_rxq) == 40, "virtchnl 1.1");
_Static_assert(offsetof(struct virtchnl_queues, pair) == 8, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_vector) == 12, "virtchnl 1.1");
_Static_assert(offsetof(struct virtchnl_irq_map, vector) == 2, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_queue_select) == 12, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_mac) == 8, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_vlan_caps) == 40, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_vlan_filter) == 32, "virtchnl 1.1");
_Static_assert(offsetof(struct virtchnl_vlan_list_v2, filter) == 8, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_vlan_setting) == 16, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_stats) == 96, "virtchnl 1.1");
_Static_assert(sizeof(struct virtchnl_event) == 16, "virtchnl 1.1");
