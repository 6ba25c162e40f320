/* iavf_regs.h - registers of a VF of Intel's 40 Gb/s chips and of those since that iavf.c touches,
 * besides its admin queue's (i40e_adminq.h).
 *
 * What stands here is what Linux's iavf and DPDK's agree on; unread: XL710 DS 10.3, E810 DS 13.3.
 *
 * Modes: RW read and write, RO read only. */
#pragma once

#define IAVF_BAR 0u
#define IAVF_BAR_SIZE 0x10000u
#define IAVF_QUEUES 16u

#define IAVF_QTX_TAIL(q) (0x0000u + 4 * (q)) /* RW */
#define IAVF_QRX_TAIL(q) (0x2000u + 4 * (q)) /* RW */
#define IAVF_VFGEN_RSTAT 0x8800u             /* RO, enum virtchnl_reset_state */
#define IAVF_RSTAT_STATE 0x00000003u
#define IAVF_RESETTING 0xdeadbeefu           /* what any register reads while the chip resets */

/* Vectors: 0 is for messages, n + 1 for receive queue n. */
#define IAVF_DYN_CTL(n) (0x3800u + 4 * (n))  /* RW, of vector n + 1 */
#define IAVF_DYN_ENABLE 0x00000001u          /* cleared when it is sent */
#define IAVF_DYN_INDEX 0x00000018u           /* whose interval; 3: none */
#define IAVF_DYN_INTERVAL 0x0001ffe0u        /* 2 us each */
#define IAVF_DYN_WB_ON_ITR 0x40000000u       /* descriptors are written back then all the same */

/* Receive side scaling, where the PF leaves it to the VF. */
#define IAVF_HENA(i) (0xc400u + 4 * (i)) /* RW, kinds of packets, a bit each: 2 registers */
#define IAVF_HKEY(i) (0xcc00u + 4 * (i)) /* RW, 13 registers */
#define IAVF_HLUT(i) (0xd000u + 4 * (i)) /* RW, a queue each byte: 16 registers */
#define IAVF_HKEY_BYTES 52u
#define IAVF_HLUT_BYTES 64u
