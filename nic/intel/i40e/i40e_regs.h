/* i40e_regs.h - registers and admin commands of the X710, XL710, XXV710 and X722 that the driver of
 * their physical function touches.  The admin queue's own are in i40e_adminq.h, descriptors in
 * i40e_ring.h.
 *
 * Document: Intel Ethernet Controller X710/XXV710/XL710 Datasheet, 332464 ("XL710 DS"): nobody here
 * had its pages.  What stands here is what Linux's (6.12) and DPDK's i40e agree on.  A queue's
 * registers go by its number within the PF, but for GLLAN_TXPRE_QDIS.
 *
 * Modes: RW read and write, RO read only, WO write only, RC cleared by reading, W1C cleared by
 * writing ones, SC clears itself. */
#pragma once

#include <stdint.h>

#define I40E_BAR 0u            /* memory-mapped registers */
#define I40E_BAR_SIZE 0x3f0000u /* of which drivers touch so much; flash lies behind */

/* General ------------------------------------------------------------------------------- */

#define I40E_GL_FWSTS 0x83048u                   /* RO */
#define   I40E_GL_FWSTS_STATE 0x00ff0000u        /* what firmware is at */
#define   I40E_FWSTS_RECOVERY 0x30u              /* from here to */
#define   I40E_FWSTS_RECOVERY_LAST 0x33u         /* here: its recovery mode; */
#define   I40E_FWSTS_RECOVERY_X722 0x0bu         /* of an X722: this, or the next */
#define I40E_PFGEN_CTRL 0x92400u
#define   I40E_PFGEN_CTRL_PFSWR 0x00000001u      /* SC, resets the PF */
#define I40E_PF_FUNC_RID 0x9c000u                /* RO, requester ID */
#define   I40E_PF_FUNC_RID_FUNCTION 0x00000007u
#define   I40E_PF_FUNC_RID_ARI 0x000000ffu
#define I40E_GLNVM_ULD 0xb6008u                  /* RO, what of the NVM is loaded */
#define   I40E_GLNVM_ULD_DONE 0x00000018u        /* core and global */
#define I40E_GLGEN_STAT 0xb612cu                 /* RO, read to push writes out */
#define I40E_GLGEN_RSTAT 0xb8188u                /* RO */
#define   I40E_GLGEN_RSTAT_DEVSTATE 0x00000003u  /* 0: works; a reset is coming, or on */
#define I40E_GLPCI_CAPSUP 0xbe4a8u               /* RO */
#define   I40E_GLPCI_CAPSUP_ARI 0x00000010u
#define I40E_GLLAN_RCTL_0 0x12a500u
#define   I40E_GLLAN_RCTL_0_PXE_MODE 0x00000001u /* writing 1 ends it: one descriptor at a time */
#define I40E_PFGEN_PORTNUM 0x1c0480u             /* RO, which port of the chip */
#define   I40E_PFGEN_PORTNUM_PORT 0x00000003u

/* Shadow RAM: a word of the NVM */
#define I40E_GLNVM_SRCTL 0xb6110u
#define   I40E_GLNVM_SRCTL_ADDR 0x1fffc000u /* RW */
#define   I40E_GLNVM_SRCTL_START 0x40000000u
#define   I40E_GLNVM_SRCTL_DONE 0x80000000u /* RO */
#define I40E_GLNVM_SRDATA 0xb6114u
#define   I40E_GLNVM_SRDATA_READ 0xffff0000u
#define I40E_NVM_VERSION 0x18u
#define I40E_NVM_EETRACK_LOW 0x2du
#define I40E_NVM_EETRACK_HIGH 0x2eu

/* Private memory (HMC): where the chip keeps queues' contexts, in ours ----------------------- */

#define I40E_PFHMC_SDCMD 0xc0000u
#define   I40E_PFHMC_SDCMD_WRITE 0x80000000u
#define I40E_PFHMC_SDDATALOW 0xc0100u
#define   I40E_PFHMC_SD_VALID 0x00000001u
#define   I40E_PFHMC_SD_COUNT 0x00000ffcu /* pages */
#define I40E_PFHMC_SDDATAHIGH 0xc0200u
#define I40E_PFHMC_ERRORINFO 0xc0400u  /* RW, what was wrong with it; 0: nothing */
#define   I40E_PFHMC_ERROR 0x80000000u
#define I40E_PFHMC_ERRORDATA 0xc0500u
#define I40E_GLHMC_LANTXOBJSZ 0xc2004u /* RO, two to this power: bytes of a transmit context */
#define I40E_GLHMC_LANRXOBJSZ 0xc200cu
#define I40E_GLHMC_LANTXBASE(pf) (0xc6200u + 4 * (pf)) /* in 512 bytes */
#define I40E_GLHMC_LANTXCNT(pf) (0xc6300u + 4 * (pf))
#define I40E_GLHMC_LANRXBASE(pf) (0xc6400u + 4 * (pf))
#define I40E_GLHMC_LANRXCNT(pf) (0xc6500u + 4 * (pf))
#define I40E_HMC_BASE_UNIT 512u
#define I40E_HMC_PAGES 512u                /* of 4 KiB, in a segment */
#define I40E_HMC_PAGE_VALID 1u             /* of an address in the page of pages */

/* A context's fields: first bit, width */
#define I40E_TXC_NEW 30u, 1u
#define I40E_TXC_BASE 32u, 57u  /* in 128 bytes */
#define I40E_TXC_QLEN (128u + 33u), 13u
#define I40E_TXC_RDYLIST (7u * 128u + 84u), 10u /* the VSI's queue set */
#define I40E_RXC_BASE 32u, 57u
#define I40E_RXC_QLEN 89u, 13u
#define I40E_RXC_DBUFF 102u, 7u /* in 128 bytes */
#define I40E_RXC_DSIZE 116u, 1u /* descriptors of 32 bytes */
#define I40E_RXC_CRCSTRIP 117u, 1u
#define I40E_RXC_L2TSEL 119u, 1u /* the tag goes to the first place for one */
#define I40E_RXC_RXMAX 174u, 14u
#define I40E_RXC_LRXQTHRESH 198u, 3u
#define I40E_RXC_PREFENA 201u, 1u
#define I40E_RING_UNIT 128u
#define I40E_FRAME_LIMIT 9728u  /* RXMAX, FCS included */

/* Queues ---------------------------------------------------------------------------------- */

#define I40E_QTX_HEAD(q) (0xe4000u + 4 * (q))
#define I40E_GLLAN_TXPRE_QDIS(block) (0xe6500u + 4 * (block)) /* of 128 of the chip's queues */
#define   I40E_TXPRE_QINDX 0x000007ffu
#define   I40E_TXPRE_SET 0x40000000u   /* the queue is about to go off, */
#define   I40E_TXPRE_CLEAR 0x80000000u /* or on */
#define I40E_TXPRE_BLOCK 128u
#define I40E_CHIP_QUEUES 1536u /* Linux's map of registers: QTX_ENA has 0 to 1535 */
#define I40E_QTX_ENA(q) (0x100000u + 4 * (q))
#define   I40E_QENA_REQ 0x00000001u    /* RW, it is to be on */
#define   I40E_QENA_STAT 0x00000004u   /* RO, it is */
#define I40E_QTX_CTL(q) (0x104000u + 4 * (q))
#define   I40E_QTX_CTL_KIND 0x00000003u
#define   I40E_QTX_CTL_KIND_PF 2u
#define   I40E_QTX_CTL_PF 0x0000003cu
#define I40E_QTX_TAIL(q) (0x108000u + 4 * (q))
#define I40E_QRX_ENA(q) (0x120000u + 4 * (q))
#define I40E_QRX_TAIL(q) (0x128000u + 4 * (q))
#define I40E_GL_MDET_TX 0xe6480u       /* W1C, malicious driver detected: who, and what */
#define I40E_PF_MDET_TX 0xe6400u       /* W1C, it was this PF */
#define I40E_GL_MDET_RX 0x12a510u
#define I40E_PF_MDET_RX 0x12a400u

/* Interrupts -------------------------------------------------------------------------------- */

#define I40E_PFINT_ITR0_0 0x38000u                  /* moderation 0 of vector 0, 2 us each */
#define I40E_PFINT_ITRN_0(n) (0x30000u + 4 * (n))   /* of vector n + 1 */
#define I40E_PFINT_DYN_CTL0 0x38480u
#define I40E_PFINT_DYN_CTLN(n) (0x34800u + 4 * (n)) /* of vector n + 1 */
#define   I40E_DYN_CTL_INTENA 0x00000001u           /* cleared when it fires */
#define   I40E_DYN_CTL_CLEARPBA 0x00000002u
#define   I40E_DYN_CTL_TRIGGER 0x00000004u          /* as if something had happened */
#define   I40E_DYN_CTL_ITR 0x00000018u              /* which moderation a write is about, */
#define   I40E_DYN_CTL_ITR_NONE 3u                  /* here: about none */
#define   I40E_DYN_CTL_INTERVAL 0x0001ffe0u         /* of it, 2 us each */
#define   I40E_DYN_CTL_WB_ON_ITR 0x40000000u        /* X722: it writes descriptors back, no more */
#define I40E_PFINT_LNKLST0 0x38500u
#define I40E_PFINT_LNKLSTN(n) (0x35000u + 4 * (n))  /* the first queue of a vector's list */
#define   I40E_LNKLST_NONE 0x000007ffu
#define I40E_PFINT_ICR0 0x38780u                    /* RC, causes of vector 0 */
#define   I40E_PFINT_ICR0_QUEUE_0 0x00000002u
#define I40E_PFINT_ICR0_ENA 0x38800u
#define I40E_QINT_RQCTL(q) (0x3a000u + 4 * (q))
#define   I40E_QINT_VECTOR 0x000000ffu
#define   I40E_QINT_ITR 0x00001800u
#define   I40E_QINT_NEXT 0x07ff0000u
#define   I40E_QINT_CAUSE 0x40000000u
#define   I40E_QINT_ITR_0 0u                        /* moderation 0 */

/* Receive spreading ----------------------------------------------------------*/

#define I40E_PFQF_CTL_0 0x1c0ac0u           /* RW, by admin command */
#define   I40E_PFQF_CTL_0_LUT512 0x00010000u
#define   I40E_PFQF_CTL_0_ETYPE 0x00040000u
#define   I40E_PFQF_CTL_0_MACVLAN 0x00080000u
#define I40E_PFQF_HLUT 0x240000u  /* RW, four entries of the table each, */
#define I40E_PFQF_STRIDE 0x80u    /* so far apart */
#define I40E_PFQF_HKEY 0x244800u  /* RW, likewise */
#define I40E_PFQF_HENA(i) (0x245900u + 0x80 * (i)) /* RW, by admin command: hashed packet types */
/* IPv4 and IPv6: UDP, TCP, SCTP, others, fragments */
#define I40E_HENA 0x00007a1e80000000ull
/* X722: UDP to one and to many, and TCP's SYN, are types of their own */
#define I40E_HENA_X722 0x0000058160000000ull

/* Admin commands ----------------------------------------------------------------*/

#define I40E_OP_VERSION 0x0001u
#define I40E_OP_DRIVER_VERSION 0x0002u
#define I40E_OP_REQUEST_RESOURCE 0x0008u
#define I40E_OP_RELEASE_RESOURCE 0x0009u
#define   I40E_RESOURCE_NVM 1u
#define   I40E_RESOURCE_READ 0x00010000u
#define I40E_OP_CAPABILITIES 0x000au
#define   I40E_CAP_RXQ 0x0041u
#define   I40E_CAP_TXQ 0x0042u
#define I40E_OP_MAC_READ 0x0107u
#define   I40E_MAC_READ_VALID 0x10u
#define I40E_OP_CLEAR_PXE 0x0110u
#define I40E_OP_GET_SWITCH 0x0200u
#define   I40E_SWITCH_VSI 19u /* kind of element */
#define I40E_OP_RX_CTL_WRITE 0x0207u
#define I40E_OP_UPDATE_VSI 0x0211u
#define I40E_OP_GET_VSI 0x0212u
#define   I40E_VSI_NUMBER 0xffff0000u /* of the answer's first word */
#define I40E_OP_ADD_MACVLAN 0x0250u
#define I40E_OP_REMOVE_MACVLAN 0x0251u
#define   I40E_MACVLAN_SEID_VALID 0x8000u
#define   I40E_MACVLAN_PERFECT 0x0001u
#define   I40E_ADD_MACVLAN_ANY 0x0004u    /* whatever the VLAN */
#define   I40E_REMOVE_MACVLAN_ANY 0x0008u
#define I40E_OP_PROMISCUOUS 0x0254u
#define   I40E_PROMISC_UNICAST 0x0001u
#define   I40E_PROMISC_MULTICAST 0x0002u
#define   I40E_PROMISC_BROADCAST 0x0004u
#define   I40E_PROMISC_VLAN 0x0010u
#define   I40E_PROMISC_RX_ONLY 0x8000u    /* what the PF sends does not come back */
#define I40E_OP_RESTART_AN 0x0605u
#define   I40E_RESTART_AN 0x02u
#define   I40E_LINK_ENABLE 0x04u
#define I40E_OP_LINK_STATUS 0x0607u       /* and the event of it */
#define   I40E_LINK_EVENTS_ON 0x3u
#define I40E_OP_PHY_MASK 0x0613u
#define   I40E_PHY_EVENTS 0x0106u         /* link up or down, no media, module not qualified */
#define I40E_OP_NVM_READ 0x0701u
#define   I40E_NVM_LAST 0x00000001u      /* the only part of a reading; */
#define   I40E_NVM_LENGTH 0xffff0000u    /* so many octets from there on */
#define I40E_OP_LLDP_MIB 0x0a00u
#define I40E_OP_RSS_KEY 0x0b02u
#define   I40E_RSS_VSI_VALID 0x00008000u /* with the VSI's number */
#define   I40E_RSS_KEY_BYTES 52u
#define I40E_OP_RSS_LUT 0x0b03u
#define   I40E_RSS_LUT_PF 0x00010000u    /* the PF's table, not the VSI's own */
#define   I40E_RSS_LUT_BYTES 512u

/* Results */
#define I40E_RC_EPERM 1u
#define I40E_RC_ENOENT 2u
#define I40E_RC_EEXIST 13u
#define I40E_RC_ENOSPC 16u

/* What Get Link Status answers: word 0, */
#define I40E_LINK_PHY 0x00ff0000u
#define I40E_LINK_SPEED 0xff000000u
/* word 1, */
#define I40E_LINK_UP 0x00000001u
#define I40E_LINK_MEDIA 0x00000040u     /* something is in the cage */
#define I40E_LINK_QUALIFIED 0x00008000u /* and it is a module that firmware takes */
#define I40E_LINK_PAUSE 0x00006000u
/* word 2 */
#define I40E_LINK_FEC_KR 0x00010000u
#define I40E_LINK_FEC_RS 0x00020000u

struct i40e_capability {
    uint16_t id;
    uint8_t major, minor;
    uint32_t number, logical, physical;
    uint8_t reserved[16];
};

_Static_assert(sizeof(struct i40e_capability) == 32, "Linux's and DPDK's i40e agree");

struct i40e_switch_element {
    uint8_t kind, revision;
    uint16_t seid, uplink, downlink;
    uint8_t reserved[3], connection;
    uint16_t scheduler, info;
};

_Static_assert(sizeof(struct i40e_switch_element) == 16, "Linux's and DPDK's i40e agree");

/* A VSI's properties; `sections` says which of them a command sets. */
struct i40e_vsi {
    uint16_t sections;
#define I40E_VSI_SWITCH 0x0001u
#define I40E_VSI_SECURITY 0x0002u
#define I40E_VSI_VLAN 0x0004u
#define I40E_VSI_QUEUES 0x0040u
    uint16_t switch_id;
#define I40E_VSI_LOOPBACK 0x2000u /* what it sends reaches others on its switch */
    uint8_t reserved0[2], security, reserved1;
#define I40E_VSI_CHECK_VLAN 0x02u /* only its own may be sent */
#define I40E_VSI_CHECK_MAC 0x04u
    uint16_t pvid, fcoe_pvid;
    uint8_t port_vlan, reserved2[3];
#define I40E_VSI_VLAN_ALL 0x03u       /* frames with and without a tag may be sent */
#define I40E_VSI_VLAN_TAGGED 0x01u   /* only those with one, */
#define I40E_VSI_VLAN_INSERT 0x04u   /* which it gets here: pvid; */
#define I40E_VSI_VLAN_HIDE 0x10u     /* received ones lose theirs */
#define I40E_VSI_VLAN_KEEP 0x18u      /* received ones keep theirs; 0: it goes to the descriptor */
    uint32_t ingress, egress;
    uint16_t cascaded;
    uint8_t cascaded_flags, reserved3;
    uint16_t mapping, queue[16], class[8];
#define I40E_VSI_SCATTERED 0x0001u   /* each queue is named; else the first of a row */
#define I40E_VSI_CLASS_POWER 0x0e00u /* and two to this power they are */
    uint8_t queueing, reserved4[3], up_enable, reserved5;
    uint32_t outer;
    uint8_t reserved6[8];
    uint16_t queue_set[8], counter, scheduler;
    uint8_t reserved7[12];
} __attribute__((packed));

_Static_assert(sizeof(struct i40e_vsi) == 128, "Linux's and DPDK's i40e agree");

/* An entry of Add and Remove MAC-VLAN; `flags` of the latter are a byte. */
struct i40e_macvlan {
    uint8_t mac[6];
    uint16_t vlan, flags, queue;
    uint8_t result, reserved[3];
};

_Static_assert(sizeof(struct i40e_macvlan) == 16, "Linux's and DPDK's i40e agree");
