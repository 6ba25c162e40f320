/* igbvf_regs.h - registers of an 82576 or I350 virtual function that igbvf.c touches,
 * besides its mailbox (intel_mbx.h) and its queues' blocks (igb_ring.h, igb_regs.h).
 *
 * Documents: Intel 82576EB Datasheet, 320961 revision 2.63 ("82576 DS"), 8.26;
 * Intel I350 Datasheet, 333171 ("I350 DS"), whose VF has the same registers here.
 * unread in this file: both.
 *
 * Modes: RW read and write, RO read only, RC cleared by reading, SC clears itself.  A VF's
 * own counters are 32 bits, wrap, and begin at 0 when the PF's chip resets. */
#pragma once

#include "nic/intel/igb/igb_regs.h"
#include "nic/intel/igb/igb_ring.h"

#define IGBVF_BAR 0u
#define IGBVF_BAR_SIZE 0x4000u /* 16 KiB */

/* VTCTRL and VTStatus are INTEL_CTRL and INTEL_STATUS: of the one RST alone, which resets this
 * function's queues and is told to the PF; the other is the PF's. */

#define IGBVF_COUNTERS(X) /* name, offset */ \
    X(VFGPRC, 0x0f10)     /* good packets received */ \
    X(VFGPTC, 0x0f14)     /* good packets transmitted */ \
    X(VFGORC, 0x0f18)     /* good octets received */ \
    X(VFGOTC, 0x0f34)     /* good octets transmitted */ \
    X(VFMPRC, 0x0f3c)     /* multicast packets received */ \
    X(VFGPRLBC, 0x0f40)   /* good packets received from the chip's own switch */ \
    X(VFGPTLBC, 0x0f44)   /* and given to it */ \
    X(VFGORLBC, 0x0f48) \
    X(VFGOTLBC, 0x0f50)
