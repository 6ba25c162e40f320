/* intel_mbx.h - the mailbox between an Intel PF and its VFs, and its messages.
 *
 * 64 bytes per VF that one side at a time owns.  A side takes the buffer (PFU, VFU),
 * writes a message, and tells the other (STS, REQ), which gives the buffer back
 * when it has read and acknowledged it.  The PF's answer is its own message: the VF's
 * type with ACK or NACK.  Both ends are in this house: vf_server.c serves, vf_client.c asks.
 *
 * Document: Intel 82576EB Datasheet, 320961, revision 2.63 ("82576 DS"), unread: 7.8.2.9 and
 * 8.14; the messages are those of Intel's drivers (Linux 6.1 igb and igbvf, ixgbe and ixgbevf,
 * DPDK).  The 82599 and the X540 have the same bits at other addresses, and messages of their own
 * behind API_NEGOTIATE. */
#pragma once

#include <stdint.h>

#define MBX_WORDS 16u

/* VF's view, V2PMAILBOX (VF 0C40h) */
#define MBX_V2P 0x0c40u
#define MBX_V2P_REQ 0x00000001u   /* WO, request: a message is there */
#define MBX_V2P_ACK 0x00000002u   /* WO, PF's message was read */
#define MBX_V2P_VFU 0x00000004u   /* RW, the VF owns the buffer; sticks only when PFU is clear */
#define MBX_V2P_PFU 0x00000008u   /* RO, the PF owns it */
#define MBX_V2P_PFSTS 0x00000010u /* RC, the PF wrote a message */
#define MBX_V2P_PFACK 0x00000020u /* RC, the PF read ours */
#define MBX_V2P_RSTI 0x00000040u  /* RO, PF reset in progress */
#define MBX_V2P_RSTD 0x00000080u  /* RC, PF reset done */
#define MBX_V2P_CLEARED (MBX_V2P_PFSTS | MBX_V2P_PFACK | MBX_V2P_RSTD) /* by reading */
#define MBX_VF_MEMORY(n) (0x0800u + 4 * (n)) /* VMBMEM of this VF, word n */

/* The same of an 82599's or X540's VF */
#define MBX_VFMAILBOX 0x02fcu
#define MBX_VFMBMEM 0x0200u

/* PF's view, P2VMAILBOX of each VF */
#define MBX_P2V_STRIDE 4u    /* from one VF's to the next's */
#define MBX_P2V_STS 0x00000001u  /* WO, a message is there */
#define MBX_P2V_ACK 0x00000002u  /* WO, VF's message was read */
#define MBX_P2V_PFU 0x00000008u  /* RW, the PF owns it; sticks only when VFU is clear */
#define MBX_P2V_RVFU 0x00000010u /* WO, takes it away from a VF that is stuck */
#define MBX_MEMORY_STRIDE 64u /* VMBMEM of one VF to that of the next */

/* First word of a message */
#define MBX_ACK 0x80000000u  /* the PF did it */
#define MBX_NACK 0x40000000u /* the PF refuses */
#define MBX_CTS 0x20000000u  /* clear to send: the PF listens to more than a reset */
#define MBX_INFO 0x00ff0000u
#define MBX_TYPE 0x0000ffffu
#define MBX_VF_RESET 0x0001u         /* answer: words 1 and 2 are the VF's MAC */
#define MBX_VF_SET_MAC 0x0002u       /* words 1 and 2: MAC; info: see MAC_FILTER */
#define   MBX_MAC_FILTER_CLEAR 0x01u /* of info: forget the further addresses */
#define   MBX_MAC_FILTER_ADD 0x02u   /* of info: a further address */
#define MBX_VF_SET_MULTICAST 0x0003u /* info: how many 16-bit hashes follow, two a word */
#define   MBX_MULTICAST_OVERFLOW 0x80u /* of info: all of them, please */
#define   MBX_MULTICAST_MAX 30u
#define MBX_VF_SET_VLAN 0x0004u      /* word 1: VID; info 1: add, 0: remove */
#define MBX_VF_SET_LPE 0x0005u       /* word 1: longest frame in bytes, FCS included */
#define MBX_VF_SET_PROMISC 0x0006u   /* info: which; none: off */
#define   MBX_PROMISC_UNICAST 0x01u
#define   MBX_PROMISC_MULTICAST 0x02u
/* The 10 Gb/s chips give 6 another meaning, and have more. */
#define MBX_VF_SET_MACVLAN 0x0006u   /* words 1 and 2: a further MAC; info 0: forget them all */
#define MBX_VF_API_NEGOTIATE 0x0008u /* word 1: enum mbx_api */
#define MBX_VF_GET_QUEUES 0x0009u    /* 1.1; answer: MBX_QUEUES_... */
#define   MBX_QUEUES_TX 1u           /* word: how many to send with */
#define   MBX_QUEUES_RX 2u           /* and to receive with */
#define   MBX_QUEUES_VLAN 3u         /* 0, or tags are the administrator's: strip them */
#define   MBX_QUEUES_DEFAULT 4u      /* the queue of frames without priority */
#define   MBX_QUEUES_WORDS 5u
#define MBX_VF_GET_RETA 0x000au      /* 1.2; answer: 128 entries, 2 bits each */
#define   MBX_RETA_WORDS 9u
#define MBX_VF_GET_RSS_KEY 0x000bu   /* 1.2; answer: 40 bytes */
#define   MBX_RSS_KEY_WORDS 11u
#define MBX_VF_UPDATE_XCAST 0x000cu  /* 1.2; word 1: enum mbx_xcast, the answer's: as granted */
#define MBX_VF_IPSEC_ADD 0x000du     /* 1.4 */
#define MBX_VF_IPSEC_DELETE 0x000eu  /* 1.4 */
#define MBX_VF_GET_LINK_STATE 0x0010u /* answer, word 1: 0, or it may have a link */
#define MBX_RESET_MULTICAST 3u       /* word of a reset's answer: which bits of a group's address */
#define MBX_RESET_WORDS 4u
#define MBX_PF_CONTROL 0x0100u       /* from the PF, unasked: look at CTS, link, and reset */

/* Versions of the protocol, in the order of their numbers; 2.0 is Solaris's alone. */
enum mbx_api {
    MBX_API_1_0,
    MBX_API_2_0,
    MBX_API_1_1, /* queues, long frames */
    MBX_API_1_2, /* receive side scaling, xcast modes but for promiscuous */
    MBX_API_1_3, /* promiscuous */
    MBX_API_1_4, /* IPsec */
    MBX_API_1_5, /* the VF keeps the buffer until the PF has acknowledged, and reads without it */
    MBX_APIS
};

/* What a VF receives besides its own and broadcasts, each more than the one before. */
enum mbx_xcast { MBX_XCAST_NONE, MBX_XCAST_MULTI, MBX_XCAST_ALL_MULTI, MBX_XCAST_PROMISCUOUS };
