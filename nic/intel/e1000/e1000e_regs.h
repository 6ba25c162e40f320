/* e1000e_regs.h - what the 82574 has besides the 8254x's registers (e1000_regs.h), or
 * has in another place, and e1000e.c touches.
 *
 * Document: Intel 82574 GbE Controller Family Datasheet, 317694 revision 3.4, called
 * "82574 DS" here and in e1000e.c.  Bits of which it says nothing but a value carry no
 * name of their own.  unread in this file: 82574 DS. */
#pragma once

#include "nic/intel/e1000/e1000_regs.h"

/* General, 82574 DS 10.2.2 ---------------------------------------------------- */

#define E1000E_CTRL_ZERO 0x20000000u           /* of CTRL: to be 0 */
#define E1000E_EECD 0x0010u                    /* EEPROM/Flash Control, called EEC there */
#define E1000E_EECD_AUTO_RD 0x00000200u        /* RO, the NVM was read after the reset */
#define E1000E_EERD_START 0x00000001u          /* RW SC, of EERD: Start Read */
#define E1000E_EERD_DONE 0x00000002u           /* RO, of EERD: Read Done, bit 4 in the 8254x */
#define E1000E_EERD_ADDR 0x0000fffcu           /* RW, of EERD: word address */
#define E1000E_CTRL_EXT 0x0018u                /* RW, Extended Device Control */
#define E1000E_CTRL_EXT_ONE 0x00400000u        /* to be 1 */
#define E1000E_CTRL_EXT_ZERO 0x00800000u       /* to be 0 */
#define E1000E_CTRL_EXT_DRV_LOAD 0x10000000u   /* RW, Driver Loaded, for management firmware */
#define E1000E_EXTCNF_CTRL 0x0f00u             /* RW, Extended Configuration Control */
#define E1000E_EXTCNF_CTRL_SW 0x00000020u      /* RW, software owns MDIO and NVM, once it reads 1 */

/* Receive and transmit, 82574 DS 10.2.5 and 10.2.6 ----------------------------- */

#define E1000E_RXDCTL 0x2828u           /* RW, Receive Descriptor Control, queue 0 */
#define E1000E_TXDCTL 0x3828u           /* RW, Transmit Descriptor Control, queue 0 */
#define E1000E_DCTL_WTHRESH 0x003f0000u /* RW, of both: written back by so many */
#define E1000E_DCTL_GRAN 0x01000000u    /* RW, of both: thresholds count descriptors */
#define E1000E_TXDCTL_ONE 0x00400000u   /* to be 1 */
#define E1000E_TARC0 0x3840u            /* RW, Transmit Arbitration Counter, queue 0 */
#define E1000E_TARC0_ONE 0x04000000u    /* to be 1 */
#define E1000E_TARC0_ZERO 0x78000000u   /* to be 0 */
#define E1000E_TCTL_MULR 0x10000000u    /* RW, of TCTL: several requests to memory at once */
#define E1000E_TCTL_RRTHRESH 0x60000000u /* RW, of TCTL: Read Request Threshold, 1 after a reset */

/* Interrupts, 82574 DS 7.4 and 10.2.4; Linux's e1000e and QEMU agree: with MSI-X each cause has a
 * vector, and is cleared when that is sent. --------------------------------------------- */

#define E1000E_IMS 0x00d0u         /* RW, Interrupt Mask Set: what is pending is sent as well */
#define E1000E_EIAC 0x00dcu        /* RW, causes that clear themselves */
#define E1000E_IVAR 0x00e4u        /* RW, vectors of causes; 0 to 3 bits and one: valid */
#define E1000E_IVAR_RXQ0 0x00000008u /* receive queue 0: vector 0 */
#define E1000E_CAUSE_RXQ0 0x00100000u
#define E1000E_CTRL_EXT_PBA_CLR 0x80000000u /* RW, of CTRL_EXT: MSI-X pending bits are cleared */

/* PCI Express and management, 82574 DS 10.2.3 and 10.2.8 ------------------------ */

#define E1000E_GCR 0x5b00u             /* RW, 3GIO Control */
#define E1000E_GCR_ERRATA 0x08400000u  /* L1 also without L0s; the other has no name */
#define E1000E_GCR2 0x5b64u            /* RW, 3GIO Control 2 */
#define E1000E_GCR2_ERRATUM 0x00000001u
#define E1000E_MANC 0x5820u            /* RW, Management Control */
#define E1000E_MANC_BLK_PHY_RST 0x00040000u /* the PHY is not to be reset: firmware uses it */
