/* ixgbe_virt_regs.h - what the 82599 and the X540 have for virtualization: pools, the switch
 * between them, mailboxes, per-VF limits and counters.
 *
 * Documents: those of ixgbe_regs.h, chapters on VMDq and on virtualization registers (82599 DS
 * 7.10.3 and 8.2.3.27), unread.  What stands here is what Linux's ixgbe and DPDK's agree on.
 *
 * A pool is a VF's, or the PF's own.  There are 32 of four queues, or 64 of two; queue k of pool p
 * is the chip's 4p + k, or 2p + k.
 *
 * Modes: RW read and write, RO read only, WO write only, RC cleared by reading, W1C cleared by
 * writing ones. */
#pragma once

#include "nic/intel/intel_mbx.h"

/* A bit a pool, in pairs of registers. */
#define IXGBE_POOL_WORDS 2u
#define IXGBE_VFRE(n) (0x051e0u + 4 * (n)) /* RW, VF Receive Enable */
#define IXGBE_VFTE(n) (0x08110u + 4 * (n)) /* RW, VF Transmit Enable */
#define IXGBE_VMECM(n) (0x08790u + 4 * (n)) /* RW, spoofed frames of it are counted in SSVPC */

/* Pools ----------------------------------------------------------------------------------- */

#define IXGBE_CTRL_EXT_PFRSTD 0x00004000u /* RW, of CTRL_EXT: PF Reset Done: VFs are told */
#define IXGBE_VT_MODE_32 2u               /* of GCR_EXT and GPIE: 32 pools */
#define IXGBE_VT_MODE_64 3u
#define IXGBE_MTQC_VT_ENA 0x00000002u     /* RW, of MTQC: pools */
#define IXGBE_MTQC_POOLS_64 0x00000004u   /* RW, 64 of two queues */
#define IXGBE_MTQC_POOLS_32 0x00000008u   /* RW, 32 of four queues */
#define IXGBE_VT_CTL 0x051b0u             /* RW, VMDq Control */
#define IXGBE_VT_CTL_ENA 0x00000001u      /* RW, pools are chosen by address and VLAN */
#define IXGBE_VT_CTL_DEF_PL 0x00001f80u   /* RW, default pool */
#define IXGBE_VT_CTL_DIS_DEF_PL 0x20000000u /* RW, there is none */
#define IXGBE_VT_CTL_REP_EN 0x40000000u   /* RW, group frames go to each pool that asks */
#define IXGBE_QDE 0x02f04u                /* RW, Queue Drop Enable, a queue at a time */
#define IXGBE_QDE_ENABLE 0x00000001u
#define IXGBE_QDE_INDEX 0x00007f00u
#define IXGBE_QDE_WRITE 0x00010000u
#define IXGBE_VMOLR(pool) (0x0f000u + 4 * (pool)) /* RW, VM Offload */
#define IXGBE_VMOLR_AUPE 0x01000000u      /* RW, untagged frames */
#define IXGBE_VMOLR_ROMPE 0x02000000u     /* RW, what the MTA hits */
#define IXGBE_VMOLR_ROPE 0x04000000u      /* RW, what the UTA hits */
#define IXGBE_VMOLR_BAM 0x08000000u       /* RW, broadcast */
#define IXGBE_VMOLR_MPE 0x10000000u       /* RW, any multicast */

/* Filters ----------------------------------------------------------------------------------- */

#define IXGBE_VLVF(n) (0x0f100u + 4 * (n)) /* RW, VLAN VM Filter */
#define IXGBE_VLVF_REGS 64u
#define IXGBE_VLVF_VLAN 0x00000fffu
#define IXGBE_VLVF_VI_EN 0x80000000u
#define IXGBE_VLVFB(n) (0x0f200u + 4 * (n)) /* RW, its pools: words 2n and 2n + 1 */

/* Transmit ---------------------------------------------------------------------------------- */

#define IXGBE_DTXGSWC 0x08220u            /* RW, DMA Tx General Switch Control */
#define IXGBE_DTXGSWC_LOOPBACK 0x00000001u /* RW, pools reach each other inside */
#define IXGBE_VFSPOOF(n) (0x08200u + 4 * (n)) /* RW, anti-spoofing, of eight pools */
#define IXGBE_VFSPOOF_REGS 8u
#define IXGBE_VFSPOOF_MAC 0x000000ffu
#define IXGBE_VFSPOOF_VLAN 0x0000ff00u
#define IXGBE_VMVIR(pool) (0x08000u + 4 * (pool)) /* RW, VM VLAN Insert */
#define IXGBE_VMVIR_VLANA_DEFAULT 0x40000000u /* RW, this tag, whatever the descriptor says */
#define IXGBE_SSVPC 0x08780u              /* RC, spoofed frames that were dropped, of all pools */
#define IXGBE_TDWBAL(queue) (0x06038u + 0x40 * (queue)) /* RW, head write-back address */
#define IXGBE_TDWBAH(queue) (0x0603cu + 0x40 * (queue))
#define IXGBE_RTTDQSEL 0x04904u           /* RW, the queue that the next two mean */
#define IXGBE_RTTBCNRM 0x04980u           /* RW, rate scheduler's window */
#define IXGBE_RTTBCNRM_JUMBO 0x00000014u  /* for frames of up to 9728 bytes */
#define IXGBE_RTTBCNRC 0x04984u           /* RW, Rate-Scheduler Config */
#define IXGBE_RTTBCNRC_RS_ENA 0x80000000u
#define IXGBE_RTTBCNRC_RF 0x00ffffffu     /* link speed / rate, 14 bits a fraction */
#define IXGBE_RTTBCNRC_RF_ONE 0x00004000u

/* Mailboxes (intel_mbx.h) and events --------------------------------------------------------- */

#define IXGBE_PFMAILBOX(vf) (0x04b00u + MBX_P2V_STRIDE * (vf)) /* RW, the PF's view: MBX_P2V_... */
#define IXGBE_PFMBMEM(vf) (0x13000u + MBX_MEMORY_STRIDE * (vf)) /* RW, 16 words */
#define IXGBE_PFMBICR(n) (0x00710u + 4 * (n)) /* W1C, Mailbox Interrupt Causes, of sixteen VFs */
#define IXGBE_PFMBICR_REGS 4u
#define IXGBE_PFMBICR_VFS 16u
#define IXGBE_PFMBICR_VFREQ 0x0000ffffu   /* W1C, a message, a bit a VF */
#define IXGBE_PFMBICR_VFACK 0xffff0000u   /* W1C, ours was read */
#define IXGBE_VFLRE(n) ((n) ? 0x001c0u : 0x00600u) /* RO, 82599: VF was reset, a bit a VF */
#define IXGBE_VFLREC(n) (0x00700u + 4 * (n)) /* W1C, the same; the X540 reads here too */

/* Counters of VFs, the PF's view: wrap, and are not cleared by reading. ----------------------- */

#define IXGBE_PVFGPRC(vf) (0x0101cu + 0x40 * (vf)) /* RO, good packets received */
#define IXGBE_PVFGORC(vf) (0x01020u + 0x40 * (vf)) /* RO, good octets received, low 32 of 36 bits */
#define IXGBE_PVFMPRC(vf) (0x0d01cu + 0x40 * (vf)) /* RO, of the packets received, multicast */
#define IXGBE_PVFGPTC(vf) (0x08300u + 4 * (vf))    /* RO, good packets transmitted */
#define IXGBE_PVFGOTC(vf) (0x08400u + 8 * (vf))    /* RO, good octets transmitted, low 32 of 36 */
