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

#define IGBVF_CTRL 0x0000u             /* RW, VTCTRL, VF Control */
#define IGBVF_CTRL_RST 0x04000000u     /* RW SC, resets this function's queues; the PF is told */
#define IGBVF_STATUS 0x0008u           /* RO, VTStatus: the PF's STATUS */
#define IGBVF_STATUS_FD 0x00000001u    /* Full Duplex */
#define IGBVF_STATUS_LU 0x00000002u    /* Link Up */
#define IGBVF_STATUS_SPEED 0x000000c0u /* 0: 10, 1: 100, 2 and 3: 1000 Mb/s */

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
