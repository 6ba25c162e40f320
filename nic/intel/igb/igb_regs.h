/* igb_regs.h - registers and descriptors of the 82576 and I350 that igb.c and igb_ring.c touch.
 *
 * Documents: Intel 82576EB Datasheet, 320961, revision 2.63 ("82576 DS"), Intel I350 Datasheet,
 * 333171 ("I350 DS"), and of chips before and after them the 82575EB Software Developer's Manual,
 * 324632, revision 2.1 ("82575 SDM"), and Intel I210 Datasheet, 333016 ("I210 DS").  Chapters are
 * the 82576's unless told otherwise.  Every register is 32 bits wide.  The PF's own mailboxes,
 * pools and policies are in igb_virt_regs.h.
 *
 * Modes: RW read and write, RO read only, WO write only, RC cleared by reading,
 * SC clears itself. */
#pragma once

#include "kernel/compiler.h"

#include <stdint.h>

#define IGB_BAR 0u            /* memory-mapped registers */
#define IGB_BAR_SIZE 0x20000u /* 128 KiB */

/* General, unread: 82576 DS 8.2 ------------------------------------------------------- */

#define IGB_CTRL 0x0000u                    /* RW, Device Control */
#define IGB_CTRL_FD 0x00000001u             /* RW, Full Duplex, when forced */
#define IGB_CTRL_MASTER_DISABLE 0x00000004u /* RW, no new requests on PCIe */
#define IGB_CTRL_SLU 0x00000040u            /* RW, Set Link Up */
#define IGB_CTRL_ILOS 0x00000080u           /* RW, Invert Loss-of-Signal */
#define IGB_CTRL_SPEED 0x00000300u          /* RW, when forced; 2: 1000 Mb/s */
#define IGB_CTRL_FRCSPD 0x00000800u         /* RW, Force Speed */
#define IGB_CTRL_FRCDPX 0x00001000u         /* RW, Force Duplex */
#define IGB_CTRL_RST 0x04000000u            /* RW SC, port software reset */
#define IGB_CTRL_RFCE 0x08000000u           /* RW, Receive Flow Control Enable */
#define IGB_CTRL_TFCE 0x10000000u           /* RW, Transmit Flow Control Enable */
#define IGB_CTRL_VME 0x40000000u            /* RW, VLAN Mode Enable: strip tags */
#define IGB_CTRL_PHY_RST 0x80000000u        /* RW, PHY Reset */
#define IGB_STATUS 0x0008u                  /* RO, Device Status */
#define IGB_STATUS_FD 0x00000001u           /* RO, Full Duplex */
#define IGB_STATUS_LU 0x00000002u           /* RO, Link Up */
#define IGB_STATUS_LAN_ID 0x0000000cu       /* RO, which port of the device this is */
#define IGB_STATUS_SPEED 0x000000c0u        /* RO, 0: 10, 1: 100, 2 and 3: 1000 Mb/s */
#define IGB_STATUS_MASTER 0x00080000u       /* RO, requests are allowed or still under way */
#define IGB_CTRL_EXT 0x0018u                /* RW, Extended Device Control */
#define IGB_CTRL_EXT_DOUBLE_VLAN 0x04000000u /* RW, all packets have an outer tag; NVM may set it */
#define IGB_CTRL_EXT_LINK_MODE 0x00c00000u  /* RW, 0: internal PHY; 1000BASE-KX, SGMII, SerDes */
#define IGB_LINK_MODE_SGMII 2u
#define IGB_MDIC 0x0020u                    /* RW, PHY access */
#define IGB_MDIC_DATA 0x0000ffffu
#define IGB_MDIC_REG 0x001f0000u
#define IGB_MDIC_PHY 0x03e00000u            /* address of the internal PHY: 1; unused by the I350 */
#define IGB_MDIC_OP 0x0c000000u             /* 1: write, 2: read */
#define IGB_MDIC_READY 0x10000000u          /* RO, done */
#define IGB_MDIC_ERROR 0x40000000u          /* RO, the PHY did not answer */
#define IGB_FCAL 0x0028u                    /* RW, Flow Control Address Low */
#define IGB_FCAH 0x002cu                    /* RW, Flow Control Address High */
#define IGB_FCT 0x0030u                     /* RW, Flow Control Type */
#define IGB_FCTTV 0x0170u                   /* RW, Flow Control Transmit Timer Value */

/* NVM, semaphores and management, unread: 82576 DS 8.4, 8.6 --------------------------------- */

#define IGB_EEC 0x0010u               /* RW, EEPROM Control */
#define IGB_EEC_AUTO_RD 0x00000200u   /* RO, the chip has read its settings */
#define IGB_EERD 0x0014u              /* RW, EEPROM Read */
#define IGB_EERD_START 0x00000001u    /* RW SC */
#define IGB_EERD_DONE 0x00000002u     /* RO */
#define IGB_EERD_ADDR 0x0000fffcu     /* RW, word address */
#define IGB_NVM_ADDRESS 0u            /* words 0 to 2: address of port 0, low byte first */
#define IGB_EEMNGCTL 0x1010u          /* RO, management's side of the NVM */
#define IGB_EEMNGCTL_CFG_DONE 0x00040000u /* RO, port 0's PHY is configured; next bits: others */
#define IGB_SWSM 0x5b50u              /* RW, software semaphore */
#define IGB_SWSM_SMBI 0x00000001u     /* set by reading: who read 0 owns it */
#define IGB_SWSM_SWESMBI 0x00000002u  /* RW, sticks unless firmware is at SW_FW_SYNC */
#define IGB_SW_FW_SYNC 0x5b5cu        /* RW, who uses what: low half software, high firmware */
#define IGB_SYNC_NVM 0x0001u
#define IGB_SYNC_PHY(lan) ((lan) < 2 ? 0x0002u << (lan) : 0x0008u << (lan))
#define IGB_SYNC_FIRMWARE(mask) ((mask) << 16)

/* PHY, unread: IEEE 802.3 22.2.4 ----------------------------------------------- */

#define IGB_PHY_CONTROL 0u
#define IGB_PHY_CONTROL_RESTART 0x0200u /* SC, restart auto-negotiation */
#define IGB_PHY_CONTROL_ISOLATE 0x0400u
#define IGB_PHY_CONTROL_POWER_DOWN 0x0800u
#define IGB_PHY_CONTROL_AUTO 0x1000u    /* auto-negotiation */
#define IGB_PHY_STATUS 1u
#define IGB_PHY_STATUS_AUTO_DONE 0x0020u /* auto-negotiation complete */

/* SerDes and SGMII, unread: 82576 DS 8.17 -------------------------------------------------- */

#define IGB_PCS_CFG 0x4200u               /* RW, PCS Configuration */
#define IGB_PCS_CFG_ENABLE 0x00000008u    /* RW */
#define IGB_PCS_LCTL 0x4208u              /* RW, PCS Link Control */
#define IGB_PCS_LCTL_FORCED 0x00000031u   /* RW, force link up, speed, and link */
#define IGB_PCS_LCTL_AN 0x00010000u       /* RW, auto-negotiation */
#define IGB_PCS_LCTL_RESTART 0x00020000u  /* RW SC, again */
#define IGB_PCS_LCTL_TIMEOUT 0x00040000u  /* RW, link without an answer */
#define IGB_PCS_LSTS 0x420cu              /* RO, PCS Link Status */
#define IGB_PCS_LSTS_LINK 0x00000001u
#define IGB_PCS_LSTS_SPEED 0x00000006u    /* 0: 10, 1: 100, 2: 1000 Mb/s */
#define IGB_PCS_LSTS_FD 0x00000008u
#define IGB_PCS_LSTS_SYNC 0x00000010u

/* Interrupts, unread: 82576 DS 8.8: all stay masked, and nobody looks at causes ------------- */

#define IGB_IMC 0x150cu      /* WO, Interrupt Mask Clear */
#define IGB_EIMC 0x1528u     /* WO, Extended Interrupt Mask Clear */
#define IGB_INTERRUPTS 0xffffffffu

/* Receive, unread: 82576 DS 8.10 --------------------------------------------------------- */

#define IGB_RCTL 0x0100u          /* RW, Receive Control */
#define IGB_RCTL_EN 0x00000002u   /* RW, Receiver Enable */
#define IGB_RCTL_UPE 0x00000008u  /* RW, Unicast Promiscuous Enabled */
#define IGB_RCTL_MPE 0x00000010u  /* RW, Multicast Promiscuous Enabled */
#define IGB_RCTL_LPE 0x00000020u  /* RW, Long Packets: as long as RLPML says */
#define IGB_RCTL_MO 0x00003000u   /* RW, Multicast Offset, 0: address bits 47:36 */
#define IGB_RCTL_BAM 0x00008000u  /* RW, Broadcast Accept Mode */
#define IGB_RCTL_VFE 0x00040000u  /* RW, VLAN Filter Enable, of tagged packets; 82575 SDM 10.3 */
#define IGB_RCTL_SECRC 0x04000000u /* RW, Strip Ethernet CRC */
#define IGB_RXCSUM 0x5000u        /* RW, Receive Checksum Control */
#define IGB_RXCSUM_IPOFL 0x00000100u /* RW, check IPv4 headers */
#define IGB_RXCSUM_TUOFL 0x00000200u /* RW, check TCP and UDP; RSS needs it, 82575 SDM 5.4.2 */
#define IGB_RXCSUM_PCSD 0x00002000u  /* RW, descriptors tell the RSS hash; RSS needs it */
#define IGB_RLPML 0x5004u         /* RW, longest packet, FCS and tag included, up to 9.5 KiB */
#define IGB_FRAME_MAX 9728u       /* the longest there is, FCS and tag included, 82576 DS 1.3 */
#define IGB_MTA(n) (0x5200u + 4 * (n)) /* RW, Multicast Table Array */
#define IGB_MTA_REGS 128u
/* RW, Receive Address Low and High; from the 17th on elsewhere */
#define IGB_RAL(n) (((n) < 16 ? 0x5400u : 0x5460u) + 8 * (n))
#define IGB_RAH(n) (IGB_RAL(n) + 4)
#define IGB_RAH_POOL 0x03fc0000u  /* RW, one bit a pool, where there are pools */
#define IGB_RAH_AV 0x80000000u    /* RW, Address Valid */
#define IGB_VFTA(n) (0x5600u + 4 * (n)) /* RW, VLAN Filter Table Array, one bit a VLAN */
#define IGB_VFTA_REGS 128u
#define IGB_UTA(n) (0xa000u + 4 * (n)) /* WO, Unicast Table Array, only with pools */
#define IGB_UTA_REGS 128u
#define IGB_RETA(n) (0x5c00u + 4 * (n)) /* RW, Redirection Table, one queue a byte */
#define IGB_RETA_REGS 32u
#define IGB_RSSRK(n) (0x5c80u + 4 * (n)) /* RW, RSS Random Key, first byte lowest */
#define IGB_RSSRK_REGS 10u
#define IGB_MRQC 0x5818u          /* RW, Multiple Receive Queues Command */
#define IGB_MRQC_MODE 0x00000007u
#define IGB_MRQC_MODE_ONE 0u      /* the first queue */
#define IGB_MRQC_MODE_RSS 2u      /* all queues by hash */
#define IGB_MRQC_MODE_VMDQ 3u     /* pools by address and VLAN */
#define IGB_MRQC_MODE_VMDQ_RSS 5u /* and two queues a pool by hash; 82576 only */
#define IGB_MRQC_TCP_IPV4 0x00010000u
#define IGB_MRQC_IPV4 0x00020000u
#define IGB_MRQC_TCP_IPV6_EX 0x00040000u /* with extension headers */
#define IGB_MRQC_IPV6 0x00100000u
#define IGB_MRQC_TCP_IPV6 0x00200000u
#define IGB_MRQC_UDP_IPV4 0x00400000u
#define IGB_MRQC_UDP_IPV6 0x00800000u
#define IGB_MRQC_FIELDS \
    (IGB_MRQC_TCP_IPV4 | IGB_MRQC_IPV4 | IGB_MRQC_UDP_IPV4 | IGB_MRQC_TCP_IPV6_EX | \
     IGB_MRQC_IPV6 | IGB_MRQC_TCP_IPV6 | IGB_MRQC_UDP_IPV6)

/* Transmit, unread: 82576 DS 8.12 -------------------------------------------------------- */

#define IGB_TCTL 0x0400u          /* RW, Transmit Control */
#define IGB_TCTL_EN 0x00000002u   /* RW, Transmit Enable */
#define IGB_TCTL_PSP 0x00000008u  /* RW, Pad Short Packets */
#define IGB_TCTL_CT 0x00000ff0u   /* RW, Collision Threshold */

/* A queue's block, unread: 82576 DS 8.10 and 8.12; where it begins: igb_ring.h --------------- */

#define IGB_Q_BAL 0x00u           /* RW, Descriptor Base Address Low */
#define IGB_Q_BAH 0x04u           /* RW, Descriptor Base Address High */
#define IGB_Q_LEN 0x08u           /* RW, bytes, a multiple of 128 */
#define IGB_Q_SRRCTL 0x0cu        /* RW, receive only: buffers */
#define IGB_SRRCTL_BSIZE 0x0000007fu   /* RW, KiB of a buffer */
#define IGB_SRRCTL_TYPE 0x0e000000u    /* RW, 1: advanced, one buffer */
#define IGB_SRRCTL_DROP 0x80000000u    /* RW, without descriptors frames are dropped */
#define IGB_Q_HEAD 0x10u          /* RW, Descriptor Head, the chip's */
#define IGB_Q_TAIL 0x18u          /* RW, Descriptor Tail, ours */
#define IGB_Q_CTL 0x28u           /* RW, RXDCTL, TXDCTL */
#define IGB_Q_CTL_PTHRESH 0x0000001fu  /* RW, fetch ahead below so many */
#define IGB_Q_CTL_HTHRESH 0x00001f00u  /* RW, if so many are there */
#define IGB_Q_CTL_WTHRESH 0x001f0000u  /* RW, write back so many at once */
#define IGB_Q_CTL_ENABLE 0x02000000u   /* RW, the queue is on */
#define IGB_Q_DROPPED 0x30u       /* RC, receive only, RQDPC: dropped for want of descriptors */
#define IGB_Q_DROPPED_COUNT 0x00000fffu

/* Statistics, unread: 82576 DS 8.19: cleared by reading, stuck at all ones when full.
 * X(name, offset).  Of the 64-bit pairs the upper half, which clears both, is read last. */
#define IGB_COUNTERS(X) \
    X(CRCERRS, 0x4000)  /* 64 bytes or more with a bad CRC */ \
    X(ALGNERRC, 0x4004) /* no whole number of bytes; also CRC errors */ \
    X(RXERRC, 0x400c)   /* the PHY signalled an error */ \
    X(MPC, 0x4010)      /* missed: the receive FIFO was full */ \
    X(SCC, 0x4014)      /* sent after one collision */ \
    X(ECOL, 0x4018)     /* given up after 16 collisions */ \
    X(MCC, 0x401c)      /* sent after several collisions */ \
    X(LATECOL, 0x4020)  /* collision after 64 byte times */ \
    X(COLC, 0x4028)     /* collisions */ \
    X(DC, 0x4030)       /* deferred */ \
    X(TNCRS, 0x4034)    /* sent without carrier */ \
    X(RLEC, 0x4040)     /* length and type field disagree with the length */ \
    X(XONRXC, 0x4048)   /* XON received */ \
    X(XONTXC, 0x404c)   /* XON sent */ \
    X(XOFFRXC, 0x4050)  /* XOFF received */ \
    X(XOFFTXC, 0x4054)  /* XOFF sent */ \
    X(PRC64, 0x405c)    /* good packets received, by length: 64 */ \
    X(PRC127, 0x4060)   /* to 127 */ \
    X(PRC255, 0x4064)   /* to 255 */ \
    X(PRC511, 0x4068)   /* to 511 */ \
    X(PRC1023, 0x406c)  /* to 1023 */ \
    X(PRC1522, 0x4070)  /* longer */ \
    X(GPRC, 0x4074)     /* good packets received */ \
    X(BPRC, 0x4078)     /* of these, broadcast */ \
    X(MPRC, 0x407c)     /* of these, multicast */ \
    X(GPTC, 0x4080)     /* good packets transmitted */ \
    X(RNBC, 0x40a0)     /* there was no buffer; the FIFO may still have held the packet */ \
    X(RUC, 0x40a4)      /* undersized, good CRC */ \
    X(RFC, 0x40a8)      /* undersized, bad CRC */ \
    X(ROC, 0x40ac)      /* oversized, good CRC */ \
    X(RJC, 0x40b0)      /* oversized, bad CRC */ \
    X(MGTPRC, 0x40b4)   /* management's: received */ \
    X(MGTPDC, 0x40b8)   /* dropped */ \
    X(MGTPTC, 0x40bc)   /* transmitted */ \
    X(TPR, 0x40d0)      /* packets received, good or bad, ours or not */ \
    X(TPT, 0x40d4)      /* packets transmitted */ \
    X(PTC64, 0x40d8)    /* packets transmitted, by length: 64 */ \
    X(PTC127, 0x40dc)   /* to 127 */ \
    X(PTC255, 0x40e0)   /* to 255 */ \
    X(PTC511, 0x40e4)   /* to 511 */ \
    X(PTC1023, 0x40e8)  /* to 1023 */ \
    X(PTC1522, 0x40ec)  /* longer */ \
    X(MPTC, 0x40f0)     /* transmitted, multicast */ \
    X(BPTC, 0x40f4)     /* transmitted, broadcast */
#define IGB_COUNTERS_WIDE(X) \
    X(GORC, 0x4088) /* good octets received, FCS included */ \
    X(GOTC, 0x4090) /* good octets transmitted, FCS included */ \
    X(TOR, 0x40c0)  /* octets received */ \
    X(TOT, 0x40c8)  /* octets transmitted */

#define X(name, offset) IGB_COUNTER_##name,
enum { IGB_COUNTERS(X) IGB_COUNTERS_NARROW };
enum { IGB_COUNTERS_BEFORE_WIDE = IGB_COUNTERS_NARROW - 1, IGB_COUNTERS_WIDE(X) IGB_COUNTERS_ALL };
#undef X

/* Receive descriptor, advanced, one buffer, unread: 82576 DS 7.1.5: struct intel_rx_desc, whose
 * second word is given as 0 (no header buffer).  The chip writes both words back, INFO into the
 * first; of each we read one copy. */
#define IGB_RXD_INFO_IPV4 0x0000000000000030ull /* packet type: IPv4, or IPv4 with options */
#define IGB_RXD_INFO_IPV6 0x00000000000000c0ull /* IPv6, or IPv6 with extensions */
#define IGB_RXD_DD 0x0000000000000001ull        /* status: Descriptor Done */
#define IGB_RXD_EOP 0x0000000000000002ull       /* status: End of Packet */
#define IGB_RXD_VP 0x0000000000000008ull        /* status: had a tag, which is stripped */
#define IGB_RXD_IPCS 0x0000000000000040ull      /* status: IPv4 header checksum was looked at */
#define IGB_RXD_IPE 0x0000000040000000ull       /* error: and is wrong; only with IPCS */
#define IGB_RXD_RXE 0x0000000080000000ull       /* error: bad CRC, symbol or length */
#define IGB_RXD_LB 0x0000000000040000ull        /* status: came through the chip's own switch */
#define IGB_RXD_LENGTH 0x0000ffff00000000ull
#define IGB_RXD_TAG 0xffff000000000000ull       /* that was stripped: priority, DEI, VLAN */

/* Transmit descriptor, advanced, unread: 82576 DS 7.2.2: struct intel_tx_desc.  Data, whose address
 * and command it has, or a context, with IGB_TXC_* in place of the address; the chip sets DD when
 * RS asked for it. */
#define IGB_TXD_LENGTH 0x000000000000ffffull
#define IGB_TXD_CONTEXT 0x0000000000200000ull /* DTYP 2 */
#define IGB_TXD_DATA 0x0000000000300000ull    /* DTYP 3 */
#define IGB_TXD_EOP 0x0000000001000000ull     /* DCMD: End Of Packet */
#define IGB_TXD_IFCS 0x0000000002000000ull    /* DCMD: Insert FCS */
#define IGB_TXD_RS 0x0000000008000000ull      /* DCMD: Report Status */
#define IGB_TXD_DEXT 0x0000000020000000ull    /* DCMD: advanced format */
#define IGB_TXD_VLE 0x0000000040000000ull     /* DCMD: insert the context's VLAN tag */
#define IGB_TXD_DD 0x0000000100000000ull      /* STA: Descriptor Done */
#define IGB_TXD_PAYLEN 0xffffc00000000000ull  /* bytes of the whole frame */

#define IGB_TXC_MACLEN 0x000000000000fe00ull  /* bytes of the MAC header */
#define IGB_TXC_VLAN 0x00000000ffff0000ull    /* the tag: priority, DEI, VLAN */
