/* igbvf_regs.h - registers of an 82576 or I350 virtual function that igbvf.c touches,
 * besides its mailbox (intel_mbx.h) and its queues' blocks (intel_advanced.h).
 *
 * Documents: Intel 82576EB Datasheet, 320961 revision 2.63 ("82576 DS"), 8.26;
 * Intel I350 Datasheet, 333171 ("I350 DS"), whose VF has the same registers here.
 * unread in this file: both.
 *
 * Modes: RW read and write, RO read only, RC cleared by reading, SC clears itself.  A VF's
 * own counters are 32 bits, wrap, and begin at 0 when the PF's chip resets. */
#pragma once

#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/intel_advanced.h"

#define IGBVF_RX_BLOCK(q) (0x2800u + 0x100 * (q))
#define IGBVF_TX_BLOCK(q) (0x3800u + 0x100 * (q))

#define IGBVF_BAR 0u
#define IGBVF_BAR_SIZE 0x4000u /* 16 KiB */

/* VTCTRL and VTStatus are INTEL_CTRL and INTEL_STATUS: of the one RST alone, which resets this
 * function's queues and is told to the PF; the other is the PF's. */

/* Vector 0 is the receive queue's.  Linux's igbvf and QEMU agree. */
#define IGBVF_VTEIMS 0x1524u   /* RW, Interrupt Mask Set: what is pending is sent as well */
#define IGBVF_VTEIMC 0x1528u   /* WO, Interrupt Mask Clear */
#define IGBVF_VTEIAC 0x152cu   /* RW, vectors that clear their cause when they are sent */
#define IGBVF_VTIVAR 0x1700u   /* RW, vectors of queues: receive queue 0's is the first byte */

#define IGBVF_VFGPRC 0x0f10u   /* RO, good packets received */
#define IGBVF_VFGPTC 0x0f14u   /* RO, good packets transmitted */
#define IGBVF_VFGORC 0x0f18u   /* RO, good octets received */
#define IGBVF_VFGOTC 0x0f34u   /* RO, good octets transmitted */
#define IGBVF_VFMPRC 0x0f3cu   /* RO, multicast packets received */
#define IGBVF_VFGPRLBC 0x0f40u /* RO, good packets received from the chip's own switch */
#define IGBVF_VFGPTLBC 0x0f44u /* RO, and given to it */
#define IGBVF_VFGORLBC 0x0f48u /* RO, the same in octets */
#define IGBVF_VFGOTLBC 0x0f50u
