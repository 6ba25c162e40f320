/* ixgbevf_regs.h - registers of an 82599 or X540 virtual function that ixgbevf.c touches, besides
 * its mailbox (intel_mbx.h) and what its queues' blocks have in common with the PF's
 * (ixgbe_regs.h).
 *
 * Documents: those of ixgbe_regs.h, chapters on the VF's registers (82599 DS 8.3), unread.  What
 * stands here is what Linux's ixgbevf and DPDK's agree on.
 *
 * Modes: RW read and write, RO read only, WO write only, RC cleared by reading.  Counters wrap. */
#pragma once

#include "nic/intel/ixgbe/ixgbe_regs.h"

/* What Hyper-V shows in place of a mailbox, in configuration space: the address, a byte each;
 * reading it resets the function (Linux's ixgbevf and FreeBSD's agree). */
#define IXGBEVF_HYPERV_MAC 0x201u

/* Linux's ixgbe grants a VF frames of 9728 bytes with FCS; room for two tags is among them. */
#define IXGBEVF_MTU_MAX 9702u

#define IXGBEVF_BAR 0u
#define IXGBEVF_BAR_SIZE 0x4000u /* 16 KiB */

/* VFCTRL and VFSTATUS are INTEL_CTRL and INTEL_STATUS: of the one RST alone, which resets this
 * function's queues and is told to the PF; the other is read to push writes out. */
#define IXGBEVF_VFLINKS 0x0010u /* RO, fields as IXGBE_LINKS_* */

/* Vectors: bit n is vector n, which is receive queue n's. */
#define IXGBEVF_VTEIMS 0x0108u /* RW, Interrupt Mask Set: what is pending is sent as well */
#define IXGBEVF_VTEIMC 0x010cu /* WO, Interrupt Mask Clear */
#define IXGBEVF_VTEIAC 0x0110u /* RW, vectors that clear their cause when they are sent */
#define IXGBEVF_VTIVAR(n) \
    (0x0120u + 4 * (n))    /* RW, of two queues: receive, transmit, a byte each */
#define IXGBEVF_VECTORS 3u /* of a function */

#define IXGBEVF_VFPSRTYPE 0x0300u /* RW, as IXGBE_PSRTYPE: RQPL */
#define IXGBEVF_RX_BLOCK(q) (0x1000u + 0x40 * (q))
#define IXGBEVF_TX_BLOCK(q) (0x2000u + 0x40 * (q))
#define IXGBEVF_QUEUES 8u /* there are registers for, each way */

#define IXGBEVF_VFGPRC 0x101cu /* RO, good packets received */
#define IXGBEVF_VFGORC 0x1020u /* RO, good octets received: low 32 of 36 bits */
#define IXGBEVF_VFMPRC 0x1034u /* RO, multicast packets received */
#define IXGBEVF_VFGPTC 0x201cu /* RO, good packets transmitted */
#define IXGBEVF_VFGOTC 0x2020u /* RO, good octets transmitted: low 32 of 36 bits */
