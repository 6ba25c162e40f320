/* igb_regs.h - registers of the 82576 and I350 that igb.c touches, besides those of intel_regs.h
 * and a queue's (intel_advanced.h).
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
#include "nic/intel/intel_regs.h"

#include <stdint.h>

#define IGB_BAR 0u            /* memory-mapped registers */
#define IGB_BAR_SIZE 0x20000u /* 128 KiB */

/* General, unread: 82576 DS 8.2 ------------------------------------------------------- */

#define IGB_CTRL_FD 0x00000001u             /* RW, of CTRL: Full Duplex, when forced */
#define IGB_CTRL_SPEED 0x00000300u          /* RW, of CTRL: when forced; 2: 1000 Mb/s */
#define IGB_STATUS_LAN_ID 0x0000000cu       /* RO, of STATUS: which port of the device this is */
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

/* NVM, semaphores and management, unread: 82576 DS 8.4, 8.6 --------------------------------- */

#define IGB_EEC 0x0010u               /* RW, EEPROM Control */
#define IGB_EEC_AUTO_RD 0x00000200u   /* RO, the chip has read its settings */
#define IGB_EERD 0x0014u              /* RW, EEPROM Read */
#define IGB_EERD_DONE 0x00000002u     /* RO */
#define IGB_EERD_ADDR 0x0000fffcu     /* RW, word address */
#define IGB_EEMNGCTL 0x1010u          /* RO, management's side of the NVM */
#define IGB_EEMNGCTL_CFG_DONE 0x00040000u /* RO, port 0's PHY is configured; next bits: others */
#define IGB_SWSM 0x5b50u              /* RW, software semaphore */
#define IGB_SW_FW_SYNC 0x5b5cu        /* RW, who uses what: low half software, high firmware */
#define IGB_SYNC_NVM 0x0001u
#define IGB_SYNC_PHY(lan) ((lan) < 2 ? 0x0002u << (lan) : 0x0008u << (lan))
#define IGB_SYNC_FIRMWARE 16u         /* firmware's bits lie so much higher */

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

/* Interrupts, unread: 82576 DS 7.3 and 8.8; Linux's igb and QEMU agree.  With MSI-X vector n is
 * bit n of the extended ones: receive queue n of the port has it. ------------------------- */

#define IGB_IMC 0x150cu      /* WO, Interrupt Mask Clear */
#define IGB_GPIE 0x1514u     /* RW, General Purpose Interrupt Enable */
#define IGB_GPIE_NSICR 0x00000001u  /* reading ICR clears it whatever the masks */
#define IGB_GPIE_MSIX 0x00000010u   /* several vectors */
#define IGB_GPIE_PBA 0x80000000u    /* MSI-X pending bits are cleared */
#define IGB_EIMS 0x1524u     /* RW, Extended Interrupt Mask Set: what is pending is sent as well */
#define IGB_EIMC 0x1528u     /* WO, Extended Interrupt Mask Clear */
#define IGB_EIAC 0x152cu     /* RW, vectors that clear their cause when they are sent */
#define IGB_IVAR(n) (0x1700u + 4 * (n)) /* RW, vectors of queues, a byte each */
#define IGB_IVAR_VALID 0x80u

/* Receive, unread: 82576 DS 8.10 --------------------------------------------------------- */

#define IGB_RXCSUM_TUOFL 0x00000200u /* RW, check TCP and UDP; RSS needs it, 82575 SDM 5.4.2 */
#define IGB_RXCSUM_PCSD 0x00002000u  /* RW, descriptors tell the RSS hash; RSS needs it */
#define IGB_RLPML 0x5004u         /* RW, longest packet, FCS and tag included, up to 9.5 KiB */
#define IGB_FRAME_MAX 9728u       /* the longest there is, FCS and tag included, 82576 DS 1.3 */
/* RW, Receive Address Low and High; from the 17th on elsewhere */
#define IGB_RAL(n) (((n) < 16 ? 0x5400u : 0x5460u) + 8 * (n))
#define IGB_RAH(n) (IGB_RAL(n) + 4)
#define IGB_RAH_POOL 0x03fc0000u  /* RW, one bit a pool, where there are pools */
#define IGB_UTA(n) (0xa000u + 4 * (n)) /* WO, Unicast Table Array, only with pools */
#define IGB_UTA_REGS 128u
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

/* A queue's block, unread: 82576 DS 8.10 and 8.12, besides INTEL_Q_* and ADV_Q_* ------------- */

#define IGB_Q_SRRCTL 0x0cu        /* RW, receive only: buffers */
#define IGB_SRRCTL_DROP 0x80000000u    /* RW, without descriptors frames are dropped */
#define IGB_Q_CTL_PTHRESH 0x0000001fu  /* RW, fetch ahead below so many */
#define IGB_Q_CTL_HTHRESH 0x00001f00u  /* RW, if so many are there */
#define IGB_Q_CTL_WTHRESH 0x001f0000u  /* RW, write back so many at once */
#define IGB_Q_DROPPED 0x30u       /* RC, receive only, RQDPC: dropped for want of descriptors */
#define IGB_Q_DROPPED_COUNT 0x00000fffu

#define IGB_RX_BLOCK(q) (0xc000u + 0x40 * (q))
#define IGB_TX_BLOCK(q) (0xe000u + 0x40 * (q))

/* Of receive descriptors (intel_advanced.h) */
#define IGB_RXD_IPE 0x0000000040000000ull /* error: IPv4 header checksum; only with IPCS */
#define IGB_RXD_RXE 0x0000000080000000ull /* error: bad CRC, symbol or length */
