/* vmxnet3_regs.h - VMware's vmxnet3 as its drivers see it: registers, commands, the area shared
 * with the device, descriptors.
 *
 * VMware publishes no document.  Names and places are those of the interface header that VMware's
 * own people put into Linux (drivers/net/vmxnet3/vmxnet3_defs.h, upt1_defs.h) and into DPDK
 * (drivers/net/vmxnet3/base); QEMU's device (hw/net/vmxnet3.c) agrees with all of it that it
 * has.  Where less than these three tell a fact, its witnesses stand beside it.  Everything is
 * little-endian. */
#pragma once

#include "kernel/compiler.h"

#include <stddef.h>
#include <stdint.h>

/* Registers, 32 bits wide, 8 bytes apart ----------------------------------------------- */

#define VMXNET3_BAR_DOORBELLS 0u
#define VMXNET3_BAR_DEVICE 1u
#define VMXNET3_BAR_SIZE 4096u /* both */

/* BAR 0; one for each vector or queue */
#define VMXNET3_IMR(vector) (0x000u + 8u * (vector))    /* 1: masked */
#define VMXNET3_TXPROD(queue) (0x600u + 8u * (queue))   /* next to fill */
#define VMXNET3_RXPROD(queue) (0x800u + 8u * (queue))   /* of ring 0 */
#define VMXNET3_RXPROD2(queue) (0xa00u + 8u * (queue))  /* of ring 1 */

/* BAR 1 */
#define VMXNET3_VRRS 0x00u /* read: a bit for each revision; write: the one chosen */
#define VMXNET3_UVRS 0x08u /* the same of UPT versions */
#define VMXNET3_UVRS_1 0x1u
#define VMXNET3_DSAL 0x10u /* address of the shared area; the upper half is written last */
#define VMXNET3_DSAH 0x18u
#define VMXNET3_CMD 0x20u  /* write: a command; read: its answer */
#define VMXNET3_MACL 0x28u /* the address that frames are received for; the upper half last */
#define VMXNET3_MACH 0x30u
#define VMXNET3_ECR 0x40u  /* write: these events were seen */

/* Revisions: bit 0 is revision 1.  What is used here has its place since 1, SET_RSS_FIELDS since
 * 4 (Linux); 6 has its queues in another part of the shared area, 7 its doorbells elsewhere. */
#define VMXNET3_REVISION_MAX 4u
#define VMXNET3_REVISION_RSS_FIELDS 4u

/* Commands.  They are done when the answer is read; 0 is success of those that have no other
 * answer (iPXE and QEMU agree). */
#define VMXNET3_CMD_ACTIVATE_DEV 0xcafe0000u
#define VMXNET3_CMD_QUIESCE_DEV 0xcafe0001u
#define VMXNET3_CMD_RESET_DEV 0xcafe0002u
#define VMXNET3_CMD_UPDATE_RX_MODE 0xcafe0003u
#define VMXNET3_CMD_UPDATE_MAC_FILTERS 0xcafe0004u
#define VMXNET3_CMD_UPDATE_VLAN_FILTERS 0xcafe0005u
#define VMXNET3_CMD_UPDATE_FEATURE 0xcafe0009u
#define VMXNET3_CMD_SET_RSS_FIELDS 0xcafe0010u /* Linux */
#define VMXNET3_CMD_GET_QUEUE_STATUS 0xf00d0000u
#define VMXNET3_CMD_GET_STATS 0xf00d0001u
#define VMXNET3_CMD_GET_LINK 0xf00d0002u
#define VMXNET3_LINK_UP 0x00000001u
#define VMXNET3_LINK_SPEED 0xffff0000u /* Mb/s */
#define VMXNET3_CMD_GET_PERM_MAC_LO 0xf00d0003u
#define VMXNET3_CMD_GET_PERM_MAC_HI 0xf00d0004u

/* The shared area --------------------------------------------------------------------- */

#define VMXNET3_MAGIC 0xbabefee1u
#define VMXNET3_GUEST_64_BIT 2u /* its system unknown, as iPXE says it */
/* QEMU stops the machine for an MTU outside of 60 to 9000. */
#define VMXNET3_MTU_MAX 9000u

#define VMXNET3_F_RXCSUM 0x1u /* uptFeatures */
#define VMXNET3_F_RSS 0x2u
#define VMXNET3_F_RXVLAN 0x4u

#define VMXNET3_IC_DISABLE_ALL 0x1u /* intrCtrl */

#define VMXNET3_RXM_UCAST 0x01u /* rxMode */
#define VMXNET3_RXM_MCAST 0x02u /* those in the table */
#define VMXNET3_RXM_BCAST 0x04u
#define VMXNET3_RXM_ALL_MULTI 0x08u
#define VMXNET3_RXM_PROMISC 0x10u

#define VMXNET3_ECR_RQERR 0x01u /* ecr: a receive queue was stopped */
#define VMXNET3_ECR_TQERR 0x02u
#define VMXNET3_ECR_LINK 0x04u

#define VMXNET3_RSS_FIELDS_TCP_UDP 0x0fu /* cmdInfo: ports of both, over IPv4 and IPv6; Linux */

#define VMXNET3_VLAN_WORDS (4096u / 32u)
#define VMXNET3_VECTORS 25u
#define VMXNET3_TX_QUEUES_MAX 8u
#define VMXNET3_RX_QUEUES_MAX 16u

struct vmxnet3_table { /* Vmxnet3_VariableLenConfDesc */
    uint32_t version, length;
    uint64_t address;
};

struct vmxnet3_shared { /* Vmxnet3_DriverShared */
    uint32_t magic, pad;
    uint32_t driver_version, guest, revisions, upt_versions;
    uint64_t features;
    uint64_t driver_data, queues;
    uint32_t driver_data_length, queues_length;
    uint32_t mtu;
    uint16_t rx_segments_max; /* maxNumRxSG; 0 is 1 to QEMU */
    uint8_t tx_queues, rx_queues;
    uint32_t reserved1[4];
    uint8_t auto_mask, vectors, event_vector, moderation[VMXNET3_VECTORS];
    uint32_t interrupt_control, reserved2[2];
    uint32_t rx_mode;
    uint16_t multicast_length, pad2; /* in bytes */
    uint64_t multicast;
    uint32_t vlans[VMXNET3_VLAN_WORDS];
    struct vmxnet3_table rss, wake_up, plugin;
    uint32_t events, reserved3; /* the device writes them */
    uint32_t command_data[4];
};

_Static_assert(offsetof(struct vmxnet3_shared, features) == 24, "Vmxnet3_MiscConf");
_Static_assert(offsetof(struct vmxnet3_shared, mtu) == 56, "Vmxnet3_MiscConf");
_Static_assert(offsetof(struct vmxnet3_shared, auto_mask) == 80, "Vmxnet3_IntrConf");
_Static_assert(offsetof(struct vmxnet3_shared, rx_mode) == 120, "Vmxnet3_RxFilterConf");
_Static_assert(offsetof(struct vmxnet3_shared, rss) == 648, "Vmxnet3_DSDevRead");
_Static_assert(offsetof(struct vmxnet3_shared, events) == 696, "Vmxnet3_DriverShared");
_Static_assert(sizeof(struct vmxnet3_shared) == 720, "Vmxnet3_DriverShared");

/* UPT1_TxStats and UPT1_RxStats, in their order: since activation, written for GET_STATS. */
#define VMXNET3_TX_COUNTERS(X) \
    X(TSOPktsTxOK) X(TSOBytesTxOK) X(ucastPktsTxOK) X(ucastBytesTxOK) X(mcastPktsTxOK) \
    X(mcastBytesTxOK) X(bcastPktsTxOK) X(bcastBytesTxOK) X(pktsTxError) X(pktsTxDiscard)
#define VMXNET3_RX_COUNTERS(X) \
    X(LROPktsRxOK) X(LROBytesRxOK) X(ucastPktsRxOK) X(ucastBytesRxOK) X(mcastPktsRxOK) \
    X(mcastBytesRxOK) X(bcastPktsRxOK) X(bcastBytesRxOK) X(pktsRxOutOfBuf) X(pktsRxError)
#define VMXNET3_QUEUE_COUNTERS 10u

/* The place of a queue's completions in `address` and `size`; its rings are [0] and [1].  [1] of a
 * transmit queue is a ring for short frames: not used, as iPXE and FreeBSD do without it. */
#define VMXNET3_COMPLETIONS 2u

struct vmxnet3_queue { /* Vmxnet3_TxQueueDesc and Vmxnet3_RxQueueDesc */
    uint8_t rx_wants_doorbell; /* updateRxProd, the device's: RXPROD is to be written */
    uint8_t control[15];
    uint64_t address[3], unused[2];
    uint32_t size[3]; /* of rings, in descriptors */
    uint32_t driver_data_length;
    uint8_t vector, pad1[7];
    uint8_t stopped, pad2[3]; /* from here on the device's, for GET_QUEUE_STATUS */
    uint32_t error;
    uint64_t counters[VMXNET3_QUEUE_COUNTERS];
    uint8_t pad3[88];
};

_Static_assert(offsetof(struct vmxnet3_queue, address) == 16, "Vmxnet3_RxQueueDesc");
_Static_assert(offsetof(struct vmxnet3_queue, size) == 56, "Vmxnet3_RxQueueConf");
_Static_assert(offsetof(struct vmxnet3_queue, stopped) == 80, "Vmxnet3_RxQueueDesc");
_Static_assert(offsetof(struct vmxnet3_queue, counters) == 88, "Vmxnet3_RxQueueDesc");
_Static_assert(sizeof(struct vmxnet3_queue) == 256, "Vmxnet3_RxQueueDesc");

#define VMXNET3_RSS_TYPES 0x0fu /* IPv4, its TCP, IPv6, its TCP */
#define VMXNET3_RSS_TOEPLITZ 1u
#define VMXNET3_RSS_KEY 40u
#define VMXNET3_RSS_ENTRIES 128u

struct vmxnet3_rss { /* UPT1_RSSConf */
    uint16_t types, function, key_length, entries;
    uint8_t key[VMXNET3_RSS_KEY];
    uint8_t table[VMXNET3_RSS_ENTRIES];
};

_Static_assert(sizeof(struct vmxnet3_rss) == 176, "UPT1_RSSConf");

/* Descriptors and completions --------------------------------------------------------- */

#define VMXNET3_RING_MULTIPLE 32u
#define VMXNET3_RING_MAX 4096u

/* A generation bit says whose a slot is: 1 in the first round through a ring, 0 in the second,
 * and so on. */
struct vmxnet3_desc { /* Vmxnet3_TxDesc, Vmxnet3_RxDesc */
    uint64_t address;
    uint64_t control;
};

#define VMXNET3_TXD_LENGTH 0x0000000000003fffull /* 0: 16384 */
#define VMXNET3_TXD_GEN 0x0000000000004000ull
#define VMXNET3_TXD_EOP 0x0000100000000000ull
#define VMXNET3_TXD_CQ 0x0000200000000000ull /* a completion is wanted */
#define VMXNET3_TXD_TI 0x0000800000000000ull /* first descriptor: insert a tag */
#define VMXNET3_TXD_TCI 0xffff000000000000ull

#define VMXNET3_RXD_LENGTH 0x0000000000003fffull
#define VMXNET3_RXD_BODY 0x0000000000004000ull /* for all but a frame's first bytes */
#define VMXNET3_RXD_GEN 0x0000000080000000ull

struct vmxnet3_completion { /* Vmxnet3_TxCompDesc, Vmxnet3_RxCompDesc */
    uint64_t what;
    uint64_t result;
};

#define VMXNET3_COMPLETION_GEN 0x8000000000000000ull /* of result; written last or with the rest */
#define VMXNET3_TCD_INDEX 0x0000000000000fffull      /* of what: the frame's last descriptor */

#define VMXNET3_RCD_INDEX 0x0000000000000fffull /* of what */
#define VMXNET3_RCD_EOP 0x0000000000004000ull
#define VMXNET3_RCD_SOP 0x0000000000008000ull
#define VMXNET3_RCD_RING 0x0000000003ff0000ull /* queue, + receive queues for ring 1 */
#define VMXNET3_RCD_CNC 0x0000000040000000ull  /* checksum not calculated */
#define VMXNET3_RCD_LENGTH 0x0000000000003fffull /* of result */
#define VMXNET3_RCD_ERR 0x0000000000004000ull
#define VMXNET3_RCD_TS 0x0000000000008000ull /* a tag was taken off */
#define VMXNET3_RCD_TCI 0x00000000ffff0000ull
#define VMXNET3_RCD_IPC 0x0008000000000000ull /* IPv4 header checksum right */
#define VMXNET3_RCD_V4 0x0020000000000000ull

_Static_assert(sizeof(struct vmxnet3_desc) == 16, "Vmxnet3_TxDesc");
_Static_assert(sizeof(struct vmxnet3_completion) == 16, "Vmxnet3_RxCompDesc");
