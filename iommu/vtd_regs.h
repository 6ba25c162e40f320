/* vtd_regs.h - the registers and memory structures of a VT-d remapping unit.
 *
 * Source: Intel Virtualization Technology for Directed I/O, Architecture
 * Specification, rev. 5.10 (VT-d); registers 11.4, structures chapter 9,
 * invalidation descriptors 6.5.2.  Only what we touch; access mode behind each. */
#pragma once

#include <stdint.h>

/* Registers, VT-d 11.4 ------------------------------------------------------ */

#define VTD_VER 0x00                     /* RO: version; 3:0 minor, 7:4 major */
#define VTD_CAP 0x08                     /* RO, 64: capability */
#define VTD_CAP_ND 0x7ull                /* domains: 2^(4 + 2 ND) */
#define VTD_CAP_RWBF (1ull << 4)         /* write buffers want flushing */
#define VTD_CAP_PLMR (1ull << 5)         /* protected low memory */
#define VTD_CAP_PHMR (1ull << 6)         /* protected high memory */
#define VTD_CAP_CM (1ull << 7)           /* caching mode: absent entries are cached */
#define VTD_CAP_SAGAW 0x1f00ull          /* bit 1: 3 levels, 2: 4, 3: 5 */
#define VTD_CAP_MGAW 0x3f0000ull         /* widest address, minus one */
#define VTD_CAP_FRO 0x3ff000000ull       /* fault recording registers, in 16 bytes */
#define VTD_CAP_SSLPS_2M (1ull << 34)    /* second stage: 2 MiB pages */
#define VTD_CAP_SSLPS_1G (1ull << 35)    /* second stage: 1 GiB pages */
#define VTD_CAP_NFR 0xff0000000000ull    /* fault recording registers, minus one */
#define VTD_CAP_DWD (1ull << 54)         /* write draining */
#define VTD_CAP_DRD (1ull << 55)         /* read draining */
#define VTD_CAP_FS1GP (1ull << 56)       /* first stage: 1 GiB pages */
#define VTD_CAP_FS5LP (1ull << 60)       /* first stage: 5 levels */
#define VTD_ECAP 0x10                    /* RO, 64: extended capability */
#define VTD_ECAP_C (1ull << 0)           /* the unit snoops while it reads its tables */
#define VTD_ECAP_QI (1ull << 1)          /* queued invalidation */
#define VTD_ECAP_DT (1ull << 2)          /* device TLBs */
#define VTD_ECAP_IR (1ull << 3)          /* interrupt remapping */
#define VTD_ECAP_EIM (1ull << 4)         /* x2APIC mode */
#define VTD_ECAP_IRO 0x3ff00ull          /* IOTLB registers, in 16 bytes */
#define VTD_ECAP_DIT (1ull << 41)        /* device TLB invalidations name the physical function */
#define VTD_ECAP_SMTS (1ull << 43)       /* scalable mode */
#define VTD_ECAP_SSTS (1ull << 46)       /* scalable mode: second stage */
#define VTD_ECAP_FSTS (1ull << 47)       /* scalable mode: first stage */
#define VTD_ECAP_SMPWC (1ull << 48)      /* scalable mode: snoops page tables */
#define VTD_GCMD 0x18                    /* WO: global command; one change a write */
#define VTD_GSTS 0x1c                    /* RO: global status */
#define VTD_G_TE (1u << 31)              /* translation enabled */
#define VTD_G_SRTP (1u << 30)            /* one-shot: set root table pointer */
#define VTD_G_WBF (1u << 27)             /* one-shot: flush write buffers */
#define VTD_G_QIE (1u << 26)             /* queued invalidation enabled */
#define VTD_G_IRE (1u << 25)             /* interrupt remapping enabled */
#define VTD_G_SIRTP (1u << 24)           /* one-shot: set interrupt table pointer */
#define VTD_G_CFI (1u << 23)             /* compatibility-format interrupts pass */
/* 11.4.4: what a command write must repeat from the status; the rest is one-shot. */
#define VTD_G_PERSISTENT (VTD_G_TE | VTD_G_QIE | VTD_G_IRE | VTD_G_CFI)
#define VTD_RTADDR 0x20                  /* RW, 64: root table address */
#define VTD_RTADDR_TTM 0xc00ull          /* translation table mode */
#define VTD_TTM_LEGACY 0ull
#define VTD_TTM_SCALABLE 1ull
#define VTD_CCMD 0x28                    /* RW, 64: context command (no queue) */
#define VTD_CCMD_ICC (1ull << 63)        /* set: start; cleared by the unit: done */
#define VTD_CCMD_GLOBAL (1ull << 61)     /* CIRG = 01 */
#define VTD_CCMD_CAIG (3ull << 59)       /* what was done; 0: nothing */
#define VTD_FSTS 0x34                    /* fault status */
#define VTD_FSTS_PFO (1u << 0)           /* RW1C: faults were lost */
#define VTD_FSTS_PPF (1u << 1)           /* RO: a fault record is pending */
#define VTD_FSTS_IQE (1u << 4)           /* RW1C: invalidation queue error */
#define VTD_FSTS_ICE (1u << 5)           /* RW1C: device TLB completion error */
#define VTD_FSTS_ITE (1u << 6)           /* RW1C: device TLB time-out */
#define VTD_FSTS_QUEUE (VTD_FSTS_IQE | VTD_FSTS_ICE | VTD_FSTS_ITE)
#define VTD_FSTS_FRI 0xff00u             /* RO: first pending record */
#define VTD_FECTL 0x38                   /* RW: fault event control */
#define VTD_FECTL_IM (1u << 31)          /* masked: we poll */
#define VTD_PMEN 0x64                    /* RW: protected memory */
#define VTD_PMEN_EPM (1u << 31)
#define VTD_PMEN_PRS (1u << 0)           /* RO: status */
#define VTD_IQH 0x80                     /* RO, 64: queue head, in bytes */
#define VTD_IQT 0x88                     /* RW, 64: queue tail, in bytes */
#define VTD_IQA 0x90                     /* RW, 64: queue address */
#define VTD_IQA_DW (1ull << 11)          /* descriptors of 256 bits */
#define VTD_IRTA 0xb8                    /* RW, 64: interrupt remapping table address */
#define VTD_IRTA_EIME (1ull << 11)       /* x2APIC mode */
#define VTD_IRTA_SIZE 0xfull             /* entries: 2^(S + 1) */
/* At ECAP.IRO * 16 */
#define VTD_IOTLB 0x08                   /* RW, 64: IOTLB invalidate (no queue) */
#define VTD_IOTLB_IVT (1ull << 63)       /* set: start; cleared by the unit: done */
#define VTD_IOTLB_GLOBAL (1ull << 60)    /* IIRG = 01 */
#define VTD_IOTLB_DOMAIN (2ull << 60)    /* IIRG = 10 */
#define VTD_IOTLB_IAIG (3ull << 57)      /* what was done; 0: nothing */
#define VTD_IOTLB_DR (1ull << 49)        /* drain reads */
#define VTD_IOTLB_DW (1ull << 48)        /* drain writes */
#define VTD_IOTLB_DID 0xffff00000000ull
/* At CAP.FRO * 16, 16 bytes each */
#define VTD_FRCD_SIZE 16u
#define VTD_FRCD_LOW 0x00                /* RO, 64: page address, or 63:48 interrupt index */
#define VTD_FRCD_HIGH 0x08               /* 64 */
#define VTD_FRCD_TOP 0x0c                /* its upper half, for clearing */
#define VTD_FRCD_TOP_F (1u << 31)        /* RW1C: this record is valid */
#define VTD_FRCD_F (1ull << 63)
#define VTD_FRCD_T1 (1ull << 62)         /* RO: a read or an atomic, not a write */
#define VTD_FRCD_REASON 0xff00000000ull  /* RO */
#define VTD_FRCD_SOURCE 0xffffull        /* RO: requester ID */
#define VTD_FRCD_INDEX 0xffff000000000000ull

/* Structures in memory, VT-d chapter 9 ---------------------------------------- */

#define VTD_PRESENT 1ull
#define VTD_ADDRESS 0x000ffffffffff000ull

/* Interrupt remapping entries (unread: 9.10; QEMU's model and Linux agree): 16 bytes, one page of
 * them (5.1.3).  The rest of the lower word is 0: physical destination, edge, fixed. */
#define VTD_INTERRUPTS 256u
#define VTD_IRTE_VECTOR 0x0000000000ff0000ull
#define VTD_IRTE_DESTINATION 0xffffffff00000000ull  /* x2APIC mode, VTD_IRTA_EIME */
#define VTD_IRTE_DESTINATION_8 0x0000ff0000000000ull /* else */
#define VTD_IRTE_SOURCE 0x000000000000ffffull       /* upper word: requester ID, */
#define VTD_IRTE_VERIFY_ALL 0x0000000000040000ull   /* all bits of which must be so */

/* Root entries, 9.1 and 9.2: 16 bytes; in scalable mode the lower half leads to
 * the contexts of devfn 0 to 127, the upper half to those of 128 to 255. */
#define VTD_ROOT_WORDS 2u
/* Context entries, 9.3: 16 bytes. */
#define VTD_CONTEXT_WORDS 2u
#define VTD_CONTEXT_DEVICE_TLB (1ull << 2) /* TT = 01: device TLB allowed */
#define VTD_CONTEXT_AW 0x7ull              /* word 1: levels - 2 */
#define VTD_CONTEXT_DID 0xffff00ull        /* word 1 */
/* Context entries of scalable mode, 9.4: 32 bytes; word 0 leads to the PASID
 * directory, 20 bits of word 1 are the PASID of requests without one: 0 for us. */
#define VTD_SM_CONTEXT_WORDS 4u
#define VTD_SM_CONTEXT_DTE (1ull << 2) /* device TLB allowed */
/* PASID directory entries, 9.5: 8 bytes.  PASID table entries, 9.6: 64 bytes. */
#define VTD_PASID_WORDS 8u
#define VTD_PASID_AW 0x1cull             /* word 0: levels - 2, second stage */
#define VTD_PASID_PGTT 0x1c0ull          /* word 0 */
#define VTD_PGTT_FIRST 1ull
#define VTD_PGTT_SECOND 2ull
#define VTD_PASID_DID 0xffffull          /* word 1 */
#define VTD_PASID_PWSNP (1ull << 23)     /* word 1: page walks snoop (with ECAP.SMPWC) */
#define VTD_PASID_FSPM 0xcull            /* word 2: levels - 4, first stage */

/* Second-stage (9.8) and first-stage (9.7) paging entries: 8 bytes. */
#define VTD_LARGE (1ull << 7) /* above the lowest level: maps memory */
#define VTD_SS_READ (1ull << 0)
#define VTD_SS_WRITE (1ull << 1)
#define VTD_FS_PRESENT (1ull << 0)
#define VTD_FS_WRITE (1ull << 1)
#define VTD_FS_USER (1ull << 2)
#define VTD_FS_ACCESSED (1ull << 5)
#define VTD_FS_DIRTY (1ull << 6)

/* Invalidation descriptors, VT-d 6.5.2: 16 bytes, or 32 with IQA.DW (the rest 0). */
#define VTD_INV_CONTEXT_GLOBAL 0x11ull /* 6.5.2.1 */
#define VTD_INV_PASID_GLOBAL 0x37ull   /* 6.5.2.2 */
#define VTD_INV_IOTLB_GLOBAL 0x12ull   /* 6.5.2.3 */
#define VTD_INV_IOTLB_DOMAIN 0x22ull
#define VTD_INV_IOTLB_DW (1ull << 6)
#define VTD_INV_IOTLB_DR (1ull << 7)
#define VTD_INV_PIOTLB_PASID 0x26ull   /* 6.5.2.4: all pages of PASID 0 (51:32) */
#define VTD_INV_DID 0xffff0000ull      /* of the four above */
#define VTD_INV_DEVICE_TLB 0x03ull     /* 6.5.2.5; size and address in the high word */
#define VTD_INV_DEVICE_TLB_PFSID_LOW 0xf000ull
#define VTD_INV_DEVICE_TLB_PFSID_HIGH 0xfff0000000000000ull
#define VTD_INV_DEVICE_TLB_SID 0xffff00000000ull
#define VTD_INV_DEVICE_TLB_ALL 0x7ffffffffffff001ull /* S = 1, address all ones but the top */
#define VTD_INV_IEC_GLOBAL 0x04ull     /* 6.5.2.8 */
#define VTD_INV_WAIT 0x05ull           /* 6.5.2.9 */
#define VTD_INV_WAIT_SW (1ull << 5)    /* write 63:32 to the address in the high word */
#define VTD_INV_WAIT_DATA 0xffffffff00000000ull
