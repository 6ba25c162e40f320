/* i40e_virt_regs.h - registers and admin commands by which the PF of an X710 or XL710 masters VFs.
 *
 * Document and witnesses: those of i40e_regs.h.  `vf` is the VF's number within its PF; VFLRSTAT,
 * CIAA, QTX_CTL and firmware count all of the chip's.  VSIs go by the number that firmware gave. */
#pragma once

#include "nic/intel/i40e/i40e_regs.h"

/* Resets */
#define I40E_VPGEN_VFRTRIG(vf) (0x91800u + 4 * (vf))
#define   I40E_VFRTRIG_VFSWR 0x00000001u  /* RW, in reset while it is set */
#define I40E_VPGEN_VFRSTAT(vf) (0x91c00u + 4 * (vf))
#define   I40E_VFRSTAT_VFRD 0x00000001u   /* RO, the reset is done */
#define I40E_VFGEN_RSTAT1(vf) (0x74400u + 4 * (vf)) /* RW, what the VF reads: virtchnl.h */
#define I40E_GLGEN_VFLRSTAT(i) (0x92600u + 4 * (i)) /* W1C, functions that were reset, 32 each */
#define I40E_PF_PCI_CIAA 0x9c080u         /* RW, a place in a VF's configuration space */
#define   I40E_CIAA_VF 0x0007f000u
#define I40E_PF_PCI_CIAD 0x9c100u         /* RW, what is there */
#define   I40E_CIAA_DEVICE_STATUS 0xaau   /* of the PCI Express capability, at a0 here */
#define   I40E_CIAD_PENDING 0x00000020u   /* Transactions Pending */

/* Queues: which of the PF's are the VF's */
#define I40E_VPLAN_QTABLE(i, vf) (0x70000u + 0x400 * (i) + 4 * (vf))
#define   I40E_QTABLE_NONE 0x000007ffu
#define I40E_VPLAN_MAPENA(vf) (0x74000u + 4 * (vf))
#define   I40E_MAPENA_TXRX 0x00000001u
#define I40E_VSILAN_QTABLE(i, vsi) (0x200000u + 0x800 * (i) + 4 * (vsi)) /* two each; by firmware */
#define   I40E_VSILAN_QTABLE_REGS 8u
#define I40E_VSILAN_QBASE(vsi) (0x20c800u + 4 * (vsi)) /* by firmware */
#define   I40E_QBASE_TABLE 0x00000800u    /* the table holds, for VFs always */
#define I40E_QTX_CTL_KIND_VF 0u
#define   I40E_QTX_CTL_VF 0x0000ff80u
#define I40E_TXC_HEAD_WRITEBACK (128u + 32u), 1u /* never on: its address would be the VF's word */

/* Interrupts.  Vectors behind the first: so many less one for each VF, in a row. */
#define I40E_VFINT_DYN_CTLN(n) (0x24800u + 4 * (n))
#define I40E_VPINT_LNKLSTN(n) (0x25000u + 4 * (n))
#define I40E_VFINT_DYN_CTL0(vf) (0x2a400u + 4 * (vf))
#define I40E_VPINT_LNKLST0(vf) (0x2a800u + 4 * (vf))
#define   I40E_LNKLST_END 0x00001fffu     /* no queue, of no type */
#define   I40E_LNKLST_TX 0x00000800u      /* the first one is a transmit queue */
#define I40E_QINT_TQCTL(q) (0x3c000u + 4 * (q)) /* as QINT_RQCTL */
#define   I40E_QINT_NEXT_TX 0x08000000u

/* Spreading of a VF's own */
#define I40E_VFQF_HLUT1(vf) (0x220000u + 4 * (vf)) /* the first of 16, of an X722 by firmware */
#define I40E_VFQF_HKEY1(vf) (0x228000u + 4 * (vf)) /* of 13, likewise */
#define   I40E_VFQF_STRIDE 0x400u
#define I40E_VFQF_HENA1(i, vf) (0x230800u + 0x400 * (i) + 4 * (vf)) /* by firmware */

/* Malicious-driver detection */
#define   I40E_GL_MDET_VALID 0x80000000u
#define I40E_VP_MDET_TX(vf) (0xe6000u + 4 * (vf)) /* W1C, it was this VF */
#define I40E_VP_MDET_RX(vf) (0x12a000u + 4 * (vf))
#define   I40E_VP_MDET_VALID 0x00000001u

/* Admin commands */
#define   I40E_CAP_SRIOV 0x0012u
#define   I40E_CAP_VF 0x0013u        /* so many, from this one on, are the PF's */
#define   I40E_CAP_VF_VECTORS 0x0044u
#define I40E_OP_ADD_VSI 0x0210u
#define   I40E_VSI_NORMAL 0x00010000u /* how it is connected */
#define   I40E_VSI_OF_VF 0u
#define I40E_OP_ADD_VEB 0x0230u
#define   I40E_VEB_DATA 0x0004u
#define   I40E_VEB_NO_STATS 0x0010u
#define   I40E_VEB_TC0 0x00010000u
#define I40E_OP_DELETE_ELEMENT 0x0243u
#define   I40E_PROMISC_VLAN_VALID 0x80000000u /* that mode in the VLAN beside it only */
#define I40E_OP_BW_LIMIT 0x0400u
#define   I40E_BW_UNIT_MBPS 50u
#define I40E_OP_MESSAGE_FROM_VF 0x0801u
#define I40E_OP_MESSAGE_TO_VF 0x0802u
