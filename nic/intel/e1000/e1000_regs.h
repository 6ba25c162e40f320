/* e1000_regs.h - registers and descriptors of the 8254x family that e1000.c and
 * e1000_ring.c touch, besides those of intel_regs.h.  The 82574 has the same ones; what it has
 * besides, or in another place, is in e1000e_regs.h.
 *
 * Document: Intel "PCI/PCI-X Family of Gigabit Ethernet Controllers Software
 * Developer's Manual", 317453 revision 4.0, called "8254x SDM" here and in both.
 * unread in this file: 13.2, 13.4.1 to 13.4.22, 13.5.2 and 13.5.3 of it; 802.1Q.
 * Every register is 32 bits wide and is accessed as such (8254x SDM 13.2).
 *
 * Modes: RW read and write, RO read only, WO write only, RC cleared by reading,
 * SC clears itself. */
#pragma once

#include "kernel/compiler.h"
#include "nic/intel/intel_regs.h"

#include <stdint.h>

#define E1000_BAR 0u            /* memory-mapped registers, 8254x SDM 13.2.1 */
#define E1000_BAR_SIZE 0x20000u /* 128 KiB, 8254x SDM 13.2.1 */

/* General, 8254x SDM 13.4 -------------------------------------------------- */

#define E1000_CTRL_LRST 0x00000008u  /* RW, of CTRL: Link Reset */
#define E1000_CTRL_ASDE 0x00000020u  /* RW, of CTRL: Auto-Speed Detection Enable */
#define E1000_EERD 0x0014u           /* RW, EEPROM Read, 13.4.4 */
#define E1000_EERD_START 0x00000001u /* RW SC, Start Read */
#define E1000_EERD_DONE 0x00000010u  /* RO, Read Done */
#define E1000_EERD_ADDR 0x0000ff00u  /* RW, word address */
#define E1000_VET 0x0038u            /* RW, VLAN EtherType, 13.4.11 */
#define E1000_VET_8021Q 0x00008100u  /* IEEE 802.1Q 9.4 */
#define E1000_IMC 0x00d8u            /* WO, Interrupt Mask Clear, 13.4.21 */

/* Receive, 8254x SDM 13.4.22 to 13.4.29 --------------------------------------- */

#define E1000_RCTL_BSIZE 0x00030000u /* RW, Receive Buffer Size, 0 with BSEX 0: 2048 bytes */
#define E1000_RDBAL 0x2800u          /* RW, Receive Descriptor Base Address Low, 13.4.25 */
#define E1000_RDBAH 0x2804u          /* RW, Receive Descriptor Base Address High, 13.4.26 */
#define E1000_RDLEN 0x2808u          /* RW, bytes, a multiple of 128, 13.4.27 */
#define E1000_RDH 0x2810u            /* RW, Receive Descriptor Head, 13.4.28 */
#define E1000_RDT 0x2818u            /* RW, Receive Descriptor Tail, 13.4.29 */

/* Transmit, 8254x SDM 13.4.33 to 13.4.40 -------------------------------------- */

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

#define E1000_RAL(n) (0x5400u + 8 * (n)) /* RW, Receive Address Low, 13.5.2 */
#define E1000_RAH(n) (0x5404u + 8 * (n)) /* RW, Receive Address High, 13.5.3 */
#define E1000_RA_REGS 16u
/* Besides the port's own: Linux and DPDK leave the last one alone. */
#define E1000_RA_MORE (E1000_RA_REGS - 2)

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
