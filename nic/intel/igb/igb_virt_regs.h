/* igb_virt_regs.h - what the 82576 and the I350 have for virtualization: pools, the switch
 * between them, mailboxes, per-VF limits and counters.
 *
 * Documents: Intel 82576EB Datasheet 320961 r2.63 ("82576 DS") 7.10.3 and 8.14, I350 Datasheet
 * 333171 ("I350 DS") 7.8.3 and 8.14; unread in this file: both.  A pool is a VF's, or the PF's
 * own; a pool has one queue (I350) or two, n and n + 8 (82576 DS 7.10.3.1).
 *
 * Modes: RW read and write, RO read only, WO write only, RC cleared by reading, W1C cleared by
 * writing ones. */
#pragma once

#include "nic/intel/intel_mbx.h"

#define IGB_POOL_QUEUE_STRIDE 8u /* 82576: the second queue of a pool */

/* Pools, 82576 DS 8.14 -------------------------------------------------------------------- */

#define IGB_VT_CTL 0x581cu                    /* RW, VMDq Control */
#define IGB_VT_CTL_DEF_PL 0x00000380u         /* RW, default pool */
#define IGB_VT_CTL_DIS_DEF_PL 0x20000000u     /* RW, there is none */
#define IGB_VT_CTL_REP_EN 0x40000000u         /* RW, group frames go to each pool that asks */
#define IGB_VFRE 0x0c8cu                      /* RW, VF Receive Enable, a bit a pool */
#define IGB_VFTE 0x0c90u                      /* RW, VF Transmit Enable, a bit a pool */
#define IGB_CTRL_EXT_PFRSTD 0x00004000u       /* RW, PF Reset Done: VFs are told */
#define IGB_QDE 0x2408u                       /* RW, Queue Drop Enable, a bit a queue */
#define IGB_QDE_ALL 0x0000ffffu
#define IGB_VMOLR(pool) (0x5ad0u + 4 * (pool)) /* RW, VM Offload */
#define IGB_VMOLR_RLPML 0x00003fffu           /* RW, longest frame, FCS included */
#define IGB_VMOLR_LPE 0x00010000u             /* RW, RLPML is in force */
#define IGB_VMOLR_RSSE 0x00020000u            /* RW, RSS within the pool */
#define IGB_VMOLR_VPE 0x00800000u             /* RW, I350: any VLAN */
#define IGB_VMOLR_AUPE 0x01000000u            /* RW, untagged frames */
#define IGB_VMOLR_ROMPE 0x02000000u           /* RW, what the MTA hits */
#define IGB_VMOLR_ROPE 0x04000000u            /* RW, 82576: what the UTA hits */
#define IGB_VMOLR_BAM 0x08000000u             /* RW, broadcast */
#define IGB_VMOLR_MPME 0x10000000u            /* RW, any multicast */
#define IGB_VMOLR_UPE 0x20000000u             /* RW, I350: any unicast */
#define IGB_VMOLR_STRVLAN 0x40000000u         /* RW, 82576: tags are stripped */
#define IGB_VMOLR_STRCRC 0x80000000u          /* RW, 82576: must be 1 */
#define IGB_RPLOLR 0x5af0u                    /* RW, 82576: the same for replicated frames */
#define IGB_RPLOLR_STRVLAN 0x40000000u
#define IGB_RPLOLR_STRCRC 0x80000000u
#define IGB_DVMOLR(queue) (0xc038u + 0x40 * (queue)) /* RW, I350: DMA VM Offload */
#define IGB_DVMOLR_HIDEVLAN 0x20000000u       /* RW, the tag is not told either */
#define IGB_DVMOLR_STRVLAN 0x40000000u
#define IGB_DVMOLR_STRCRC 0x80000000u
#define IGB_IOVCTL 0x5bbcu                    /* RW, 82576: IOV Control */
#define IGB_IOVCTL_REUSE_VFQ 0x00000001u      /* RW, the PF may use the queues VFs had */

/* Filters -------------------------------------------------------------------------- */

#define IGB_VLVF(n) (0x5d00u + 4 * (n))       /* RW, VLAN VM Filter */
#define IGB_VLVF_REGS 32u
#define IGB_VLVF_VLAN 0x00000fffu
#define IGB_VLVF_POOLSEL 0x000ff000u
#define IGB_VLVF_VI_EN 0x80000000u

/* Transmit ------------------------------------------------------------------------- */

#define IGB_VMVIR(pool) (0x3700u + 4 * (pool)) /* RW, VM VLAN Insert */
#define IGB_VMVIR_VLANA_DEFAULT 0x40000000u   /* RW, this tag, whatever the descriptor says */
#define IGB_DTXCTL 0x3590u                    /* RW, DMA Tx Control */
#define IGB_DTXCTL_SPOOF_QUEUE 0x00000004u    /* RW, I350: a spoof blocks no queue */
#define IGB_DTXCTL_VLAN_ADDED 0x00000008u     /* RW, 82576: room for the tag that is added */
#define IGB_DTXCTL_MDP_EN 0x00000020u         /* RW, I350: Malicious Driver Protection */
#define IGB_DTXCTL_SPOOF_INT 0x00000040u      /* RW, a spoofed frame is an event */
#define IGB_DTXSWC 0x3500u                    /* RW, 82576: DMA Tx Switch Control */
#define IGB_TXSWC 0x5accu                     /* RW, I350: the same fields */
#define IGB_TXSWC_MACAS 0x000000ffu           /* RW, MAC anti-spoof, a bit a pool */
#define IGB_TXSWC_VLANAS 0x0000ff00u          /* RW, VLAN anti-spoof */
#define IGB_TXSWC_LOOPBACK 0x80000000u        /* RW, pools reach each other inside */
#define IGB_TDWBAL(queue) (IGB_TX_BLOCK(queue) + 0x38) /* RW, head write-back address, 8.12.18 */
#define IGB_TDWBAH(queue) (IGB_TX_BLOCK(queue) + 0x3c)
#define IGB_RTTDQSEL 0x3604u                  /* WO, 82576: the queue that the next two mean */
#define IGB_RTTBCNRM 0x3690u                  /* RW, 82576: rate scheduler's window */
#define IGB_RTTBCNRM_JUMBO 0x00000014u        /* for frames of up to 9728 bytes */
#define IGB_RTTBCNRC 0x36b0u                  /* WO, 82576: Rate-Scheduler Config */
#define IGB_RTTBCNRC_RF_ENA 0x80000000u
#define IGB_RTTBCNRC_RF 0x0fffffffu           /* link speed / rate, 14 bits a fraction */
#define IGB_RTTBCNRC_RF_ONE 0x00004000u

/* Mailboxes (intel_mbx.h) ------------------------------------------------------------ */

#define IGB_P2VMAILBOX(vf) (0x0c00u + MBX_P2V_STRIDE * (vf)) /* RW, the PF's view: MBX_P2V_... */
#define IGB_VMBMEM(vf, n) (0x0800u + MBX_MEMORY_STRIDE * (vf) + 4 * (n)) /* RW, word n */

/* Events --------------------------------------------------------------------------- */

#define IGB_MBVFICR 0x0c80u                   /* W1C, Mailbox VF Interrupt Causes */
#define IGB_MBVFICR_VFREQ 0x000000ffu         /* W1C, a message, a bit a VF */
#define IGB_MBVFICR_VFACK 0x00ff0000u         /* W1C, ours was read */
#define IGB_VFLRE 0x0c88u                     /* W1C, VF was reset, a bit a VF */
#define IGB_WVBR 0x3554u                      /* RC, VM Wrong Behavior: a spoof, a bit a queue */
#define IGB_LVMMC 0x3548u                     /* RC, I350: Last VM Misbehavior Cause */
#define IGB_LVMMC_SPOOF 0x02000000u           /* RC, MAC or VLAN spoofed */
#define IGB_LVMMC_LAST_Q 0xe0000000u          /* RC, by this queue */
#define IGB_MDFB 0x3558u                      /* W1C, I350: Malicious Driver Free Block, by queue */

/* Counters of VFs, 82576 DS 8.28 (PF's view): wrap, and are not cleared by reading. */

#define IGB_VF_COUNTER_BLOCK(vf) (0x10000u + 0x100 * (vf))
#define IGB_VFGPRC 0x10u /* RO, good packets received */
#define IGB_VFGPTC 0x14u /* RO, good packets transmitted */
#define IGB_VFGORC 0x18u /* RO, good octets received, FCS included */
#define IGB_VFGOTC 0x34u /* RO, good octets transmitted, FCS included */
#define IGB_VFMPRC 0x3cu /* RO, of the packets received, multicast */
