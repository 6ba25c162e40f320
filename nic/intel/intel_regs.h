/* intel_regs.h - registers that are the same in the 8254x, the 82574, the 82576 and the I350, and
 * that their drivers touch.  What one family has alone, or elsewhere, is in its own header.
 *
 * Document: 8254x SDM (e1000_regs.h).  That the later chips have them as well is unread: 82574
 * DS 10.2, 82576 DS 8.2 and 8.10; Intel's own drivers and QEMU agree.
 * unread in this file: 8254x SDM 13.2, 13.4.2 to 13.4.22, 13.4.47, 13.5.3, 13.5.4.
 *
 * Modes: RW read and write, RO read only, SC clears itself. */
#pragma once

#include <stdint.h>

/* General, 8254x SDM 13.4 -------------------------------------------------- */

#define INTEL_CTRL 0x0000u             /* RW, Device Control, 13.4.1 */
#define INTEL_CTRL_MASTER_DISABLE 0x00000004u /* RW, PCI Express: no new requests */
#define INTEL_CTRL_SLU 0x00000040u     /* RW, Set Link Up */
#define INTEL_CTRL_ILOS 0x00000080u    /* RW, Invert Loss-of-Signal */
#define INTEL_CTRL_FRCSPD 0x00000800u  /* RW, Force Speed */
#define INTEL_CTRL_FRCDPLX 0x00001000u /* RW, Force Duplex */
#define INTEL_CTRL_RST 0x04000000u     /* RW SC, Device Reset */
#define INTEL_CTRL_RFCE 0x08000000u    /* RW, Receive Flow Control Enable */
#define INTEL_CTRL_TFCE 0x10000000u    /* RW, Transmit Flow Control Enable */
#define INTEL_CTRL_VME 0x40000000u     /* RW, VLAN Mode Enable: strip and insert tags */
#define INTEL_CTRL_PHY_RST 0x80000000u /* RW, PHY Reset */
/* What somebody may have left behind of a link that is forced, held or throttled. */
#define INTEL_CTRL_LINK_FORCED \
    (INTEL_CTRL_ILOS | INTEL_CTRL_FRCSPD | INTEL_CTRL_FRCDPLX | INTEL_CTRL_RFCE | \
     INTEL_CTRL_TFCE | INTEL_CTRL_PHY_RST)
#define INTEL_STATUS 0x0008u             /* RO, Device Status, 13.4.2 */
#define INTEL_STATUS_FD 0x00000001u      /* RO, Full Duplex */
#define INTEL_STATUS_LU 0x00000002u      /* RO, Link Up */
#define INTEL_STATUS_SPEED 0x000000c0u   /* RO, 0: 10, 1: 100, 2 and 3: 1000 Mb/s */
#define INTEL_STATUS_MASTER 0x00080000u  /* RO, PCI Express: requests are allowed or under way */
#define INTEL_FCAL 0x0028u               /* RW, Flow Control Address Low, 13.4.8 */
#define INTEL_FCAH 0x002cu               /* RW, Flow Control Address High, 13.4.9 */
#define INTEL_FCT 0x0030u                /* RW, Flow Control Type, 13.4.10 */
#define INTEL_FCTTV 0x0170u              /* RW, Flow Control Transmit Timer Value, 13.4.12 */

/* Receive and transmit, 8254x SDM 13.4.22 to 13.4.47 ------------------------- */

#define INTEL_RCTL 0x0100u              /* RW, Receive Control, 13.4.22 */
#define INTEL_RCTL_EN 0x00000002u       /* RW, Receiver Enable */
#define INTEL_RCTL_UPE 0x00000008u      /* RW, Unicast Promiscuous Enabled */
#define INTEL_RCTL_MPE 0x00000010u      /* RW, Multicast Promiscuous Enabled */
#define INTEL_RCTL_LPE 0x00000020u      /* RW, Long Packet Reception Enable: beyond 1522 bytes */
#define INTEL_RCTL_MO 0x00003000u       /* RW, Multicast Offset, 0: address bits 47:36 */
#define INTEL_RCTL_BAM 0x00008000u      /* RW, Broadcast Accept Mode */
#define INTEL_RCTL_VFE 0x00040000u      /* RW, VLAN Filter Enable, of tagged packets */
#define INTEL_RCTL_SECRC 0x04000000u    /* RW, Strip Ethernet CRC */
#define INTEL_RXCSUM 0x5000u            /* RW, Receive Checksum Control, 13.4.47 */
#define INTEL_RXCSUM_IPOFL 0x00000100u  /* RW, IP Checksum Offload: check received IPv4 headers */
#define INTEL_TCTL 0x0400u              /* RW, Transmit Control, 13.4.33 */
#define INTEL_TCTL_EN 0x00000002u       /* RW, Transmit Enable */
#define INTEL_TCTL_PSP 0x00000008u      /* RW, Pad Short Packets */
#define INTEL_TCTL_CT 0x00000ff0u       /* RW, Collision Threshold */

/* Filters, 8254x SDM 13.5 ---------------------------------------------------- */

#define INTEL_MTA(n) (0x5200u + 4 * (n)) /* RW, Multicast Table Array, 13.5.1 */
#define INTEL_MTA_REGS 128u
#define INTEL_VFTA(n) (0x5600u + 4 * (n)) /* RW, VLAN Filter Table Array, a bit a VLAN, 13.5.4 */
#define INTEL_VFTA_REGS 128u
#define INTEL_RAH 4u                     /* Receive Address High lies behind Low, 13.5.3 */
#define INTEL_RAH_AV 0x80000000u         /* RW, of RAH: Address Valid */

/* Semaphores of what software and firmware share; where they are differs, unread: 82576 DS 8.6 - */

#define INTEL_SWSM_SMBI 0x00000001u    /* set by reading: who read 0 owns it */
#define INTEL_SWSM_SWESMBI 0x00000002u /* RW, sticks unless firmware is at SW_FW_SYNC */

/* Receive side scaling, unread: 82576 DS 8.10, 82599 DS 8.2.3.7 ------------------------------- */

#define INTEL_RETA(n) (0x5c00u + 4 * (n)) /* RW, Redirection Table, one queue a byte */
#define INTEL_RETA_REGS 32u
#define INTEL_RSSRK(n) (0x5c80u + 4 * (n)) /* RW, RSS Random Key, first byte lowest */
#define INTEL_RSSRK_REGS 10u

/* A queue's registers from its base address on, 8254x SDM 13.4.25 to 13.4.40 ---- */

#define INTEL_Q_BAL 0x00u  /* RW, Descriptor Base Address Low */
#define INTEL_Q_BAH 0x04u  /* RW, Descriptor Base Address High */
#define INTEL_Q_LEN 0x08u  /* RW, bytes, a multiple of 128 */
#define INTEL_Q_HEAD 0x10u /* RW, Descriptor Head, the device's */
#define INTEL_Q_TAIL 0x18u /* RW, Descriptor Tail, ours */
