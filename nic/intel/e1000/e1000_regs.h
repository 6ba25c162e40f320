/* e1000_regs.h - registers and descriptors of the 8254x family that e1000.c and
 * e1000_ring.c touch.  The 82574 has the same ones; what it has besides, or in another
 * place, is in e1000e_regs.h.
 *
 * Document: Intel "PCI/PCI-X Family of Gigabit Ethernet Controllers Software
 * Developer's Manual", 317453 revision 4.0, called "8254x SDM" here and in both.
 * unread in this file: 13.2, 13.4.1 to 13.4.22, 13.4.47, 13.5.2, 13.5.3 and 5.6.1 of it; 802.1Q.
 * Every register is 32 bits wide and is accessed as such (8254x SDM 13.2).
 *
 * Modes: RW read and write, RO read only, WO write only, RC cleared by reading,
 * SC clears itself. */
#pragma once

#include "kernel/compiler.h"

#include <stdint.h>

#define E1000_BAR 0u            /* memory-mapped registers, 8254x SDM 13.2.1 */
#define E1000_BAR_SIZE 0x20000u /* 128 KiB, 8254x SDM 13.2.1 */

/* General, 8254x SDM 13.4 -------------------------------------------------- */

#define E1000_CTRL 0x0000u             /* RW, Device Control, 13.4.1 */
#define E1000_CTRL_LRST 0x00000008u    /* RW, Link Reset */
#define E1000_CTRL_ASDE 0x00000020u    /* RW, Auto-Speed Detection Enable */
#define E1000_CTRL_SLU 0x00000040u     /* RW, Set Link Up */
#define E1000_CTRL_ILOS 0x00000080u    /* RW, Invert Loss-of-Signal */
#define E1000_CTRL_FRCSPD 0x00000800u  /* RW, Force Speed */
#define E1000_CTRL_FRCDPLX 0x00001000u /* RW, Force Duplex */
#define E1000_CTRL_RST 0x04000000u     /* RW SC, Device Reset */
#define E1000_CTRL_RFCE 0x08000000u    /* RW, Receive Flow Control Enable */
#define E1000_CTRL_TFCE 0x10000000u    /* RW, Transmit Flow Control Enable */
#define E1000_CTRL_VME 0x40000000u     /* RW, VLAN Mode Enable: strip and insert tags */
#define E1000_CTRL_PHY_RST 0x80000000u /* RW, PHY Reset */
#define E1000_STATUS 0x0008u           /* RO, Device Status, 13.4.2 */
#define E1000_STATUS_FD 0x00000001u    /* RO, Full Duplex */
#define E1000_STATUS_LU 0x00000002u    /* RO, Link Up */
#define E1000_STATUS_SPEED 0x000000c0u /* RO, 0: 10, 1: 100, 2 and 3: 1000 Mb/s */
#define E1000_EERD 0x0014u             /* RW, EEPROM Read, 13.4.4 */
#define E1000_EERD_START 0x00000001u   /* RW SC, Start Read */
#define E1000_EERD_DONE 0x00000010u    /* RO, Read Done */
#define E1000_EERD_ADDR 0x0000ff00u    /* RW, word address */
#define E1000_FCAL 0x0028u             /* RW, Flow Control Address Low, 13.4.8 */
#define E1000_FCAH 0x002cu             /* RW, Flow Control Address High, 13.4.9 */
#define E1000_FCT 0x0030u              /* RW, Flow Control Type, 13.4.10 */
#define E1000_VET 0x0038u              /* RW, VLAN EtherType, 13.4.11 */
#define E1000_VET_8021Q 0x00008100u    /* IEEE 802.1Q 9.4 */
#define E1000_FCTTV 0x0170u            /* RW, Flow Control Transmit Timer Value, 13.4.12 */
#define E1000_IMC 0x00d8u              /* WO, Interrupt Mask Clear, 13.4.21 */
#define E1000_IMC_ALL 0xffffffffu      /* every cause there is */

/* Receive, 8254x SDM 13.4.22 to 13.4.29 --------------------------------------- */

#define E1000_RCTL 0x0100u           /* RW, Receive Control, 13.4.22 */
#define E1000_RCTL_EN 0x00000002u    /* RW, Receiver Enable */
#define E1000_RCTL_UPE 0x00000008u   /* RW, Unicast Promiscuous Enabled */
#define E1000_RCTL_MPE 0x00000010u   /* RW, Multicast Promiscuous Enabled */
#define E1000_RCTL_LPE 0x00000020u   /* RW, Long Packet Reception Enable: beyond 1522 bytes */
#define E1000_RCTL_MO 0x00003000u    /* RW, Multicast Offset, 0: address bits 47:36 */
#define E1000_RCTL_BAM 0x00008000u   /* RW, Broadcast Accept Mode */
#define E1000_RCTL_BSIZE 0x00030000u /* RW, Receive Buffer Size, 0 with BSEX 0: 2048 bytes */
#define E1000_RCTL_SECRC 0x04000000u /* RW, Strip Ethernet CRC */
#define E1000_RDBAL 0x2800u          /* RW, Receive Descriptor Base Address Low, 13.4.25 */
#define E1000_RDBAH 0x2804u          /* RW, Receive Descriptor Base Address High, 13.4.26 */
#define E1000_RDLEN 0x2808u          /* RW, bytes, a multiple of 128, 13.4.27 */
#define E1000_RDH 0x2810u            /* RW, Receive Descriptor Head, 13.4.28 */
#define E1000_RDT 0x2818u            /* RW, Receive Descriptor Tail, 13.4.29 */

#define E1000_RXCSUM 0x5000u         /* RW, Receive Checksum Control, 13.4.47 */
#define E1000_RXCSUM_IPOFL 0x00000100u /* RW, IP Checksum Offload: check received IPv4 headers */

/* Transmit, 8254x SDM 13.4.33 to 13.4.40 -------------------------------------- */

#define E1000_TCTL 0x0400u          /* RW, Transmit Control, 13.4.33 */
#define E1000_TCTL_EN 0x00000002u   /* RW, Transmit Enable */
#define E1000_TCTL_PSP 0x00000008u  /* RW, Pad Short Packets */
#define E1000_TCTL_CT 0x00000ff0u   /* RW, Collision Threshold */
#define E1000_TCTL_COLD 0x003ff000u /* RW, Collision Distance */
#define E1000_TIPG 0x0410u          /* RW, Transmit Inter Packet Gap, 13.4.34 */
#define E1000_TIPG_IPGT 0x000003ffu
#define E1000_TIPG_IPGR1 0x000ffc00u
#define E1000_TIPG_IPGR2 0x3ff00000u
#define E1000_TDBAL 0x3800u /* RW, Transmit Descriptor Base Address Low, 13.4.36 */
#define E1000_TDBAH 0x3804u /* RW, Transmit Descriptor Base Address High, 13.4.37 */
#define E1000_TDLEN 0x3808u /* RW, bytes, a multiple of 128, 13.4.38 */
#define E1000_TDH 0x3810u   /* RW, Transmit Descriptor Head, 13.4.39 */
#define E1000_TDT 0x3818u   /* RW, Transmit Descriptor Tail, 13.4.40 */

/* Filters, 8254x SDM 13.5 ---------------------------------------------------- */

#define E1000_MTA(n) (0x5200u + 4 * (n)) /* RW, Multicast Table Array, 13.5.1 */
#define E1000_MTA_REGS 128u
#define E1000_RAL(n) (0x5400u + 8 * (n)) /* RW, Receive Address Low, 13.5.2 */
#define E1000_RAH(n) (0x5404u + 8 * (n)) /* RW, Receive Address High, 13.5.3 */
#define E1000_RAH_AV 0x80000000u         /* RW, Address Valid */
#define E1000_RA_REGS 16u

/* Statistics, 8254x SDM 13.7: cleared by reading, stuck at all ones when full.
 * X(name, offset, section).  Of the 64-bit pairs the upper half, which clears
 * both, is read last (13.7.31). */
#define E1000_COUNTERS(X) \
    X(CRCERRS, 0x4000, "13.7.1")  /* 64 bytes or more with a bad CRC */ \
    X(ALGNERRC, 0x4004, "13.7.2") /* no whole number of bytes; also CRC errors */ \
    X(RXERRC, 0x400c, "13.7.4")   /* the PHY signalled an error */ \
    X(MPC, 0x4010, "13.7.5")      /* missed: the receive FIFO was full */ \
    X(ECOL, 0x4018, "13.7.7")     /* given up after 16 collisions */ \
    X(LATECOL, 0x4020, "13.7.9")  /* collision after 64 byte times */ \
    X(RLEC, 0x4040, "13.7.15")    /* undersized or oversized, whatever its CRC */ \
    X(GPRC, 0x4074, "13.7.27")    /* good packets received */ \
    X(BPRC, 0x4078, "13.7.28")    /* of these, broadcast */ \
    X(MPRC, 0x407c, "13.7.29")    /* of these, multicast */ \
    X(GPTC, 0x4080, "13.7.30")    /* good packets transmitted */ \
    X(RUC, 0x40a4, "13.7.34")     /* undersized, good CRC */ \
    X(RFC, 0x40a8, "13.7.35")     /* undersized, bad CRC */ \
    X(ROC, 0x40ac, "13.7.36")     /* oversized, good CRC */ \
    X(RJC, 0x40b0, "13.7.37")     /* oversized, bad CRC */
#define E1000_COUNTERS_WIDE(X) \
    X(GORC, 0x4088, "13.7.31") /* good octets received, FCS included */ \
    X(GOTC, 0x4090, "13.7.32") /* good octets transmitted, FCS included */

/* Receive descriptor, legacy, 8254x SDM 3.2.3: struct intel_rx_desc.  The device writes both
 * words back; of the second, the result, we read one copy and look at nothing else. */
#define E1000_RXD_LENGTH 0x000000000000ffffull
#define E1000_RXD_DD 0x0000000100000000ull     /* status: Descriptor Done */
#define E1000_RXD_EOP 0x0000000200000000ull    /* status: End of Packet */
#define E1000_RXD_IXSM 0x0000000400000000ull   /* status: Ignore Checksum Indication */
#define E1000_RXD_VP 0x0000000800000000ull     /* status: VLAN Packet, its tag was taken off */
#define E1000_RXD_IPCS 0x0000004000000000ull   /* status: IP Checksum Calculated */
#define E1000_RXD_IPE 0x0000400000000000ull    /* errors: IP Checksum Error */
#define E1000_RXD_TAG 0xffff000000000000ull    /* special: the tag's TCI, 3.2.3.3 */
#define E1000_RXD_ERRORS 0x0000970000000000ull /* RXE, CXE, SEQ, SE, CE; no checksum errors */

/* Transmit descriptor, legacy, 8254x SDM 3.3.3: struct intel_tx_desc.  In the command the
 * device sets DD when RS asked for it. */
#define E1000_TXD_LENGTH 0x000000000000ffffull
#define E1000_TXD_EOP 0x0000000001000000ull  /* CMD: End Of Packet */
#define E1000_TXD_IFCS 0x0000000002000000ull /* CMD: Insert FCS, counts in the last descriptor */
#define E1000_TXD_RS 0x0000000008000000ull   /* CMD: Report Status */
#define E1000_TXD_VLE 0x0000000040000000ull  /* CMD: VLAN Packet Enable, counts in the last one */
#define E1000_TXD_TAG 0xffff000000000000ull  /* special: the tag to insert, 3.3.3 */
#define E1000_TXD_DD 0x0000000100000000ull   /* STA: Descriptor Done */

/* EEPROM, 8254x SDM 5.6.1: words 0 to 2 are the address, low byte first. */
#define E1000_EEPROM_ADDRESS 0u
