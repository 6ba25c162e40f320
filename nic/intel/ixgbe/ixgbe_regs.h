/* ixgbe_regs.h - registers and descriptors of the 82599 and X540 that the driver of their physical
 * function touches, besides those of intel_regs.h that these chips have too: CTRL's reset and
 * master disable, STATUS, MTA, RAH.AV, a queue's block.
 *
 * Documents: Intel 82599 10 GbE Controller Datasheet, 331520, revision 3.4 ("82599 DS"), and Intel
 * Ethernet Controller X540 Datasheet, 321042 ("X540 DS"): section numbers are remembered, nobody
 * here had those pages.  What stands here is what Linux's and DPDK's ixgbe agree on.  Read: of
 * Intel's 82599 Specification Update ("82599 SU") clarifications 1, 2, 6, 7 and 9 to 12.
 *
 * Every register is 32 bits wide.  The PF's mailboxes, pools and policies of virtual functions are
 * in ixgbe_virt_regs.h.
 *
 * Modes: RW read and write, RO read only, WO write only, RC cleared by reading,
 * SC clears itself. */
#pragma once

#include "nic/intel/intel_regs.h"

#include <stdint.h>

#define IXGBE_BAR 0u            /* memory-mapped registers */
#define IXGBE_BAR_SIZE 0x20000u /* 128 KiB */

/* General, unread: 82599 DS 8.2.3.1 ----------------------------------------------------- */

#define IXGBE_STATUS_LAN_ID 0x0000000cu     /* RO, of STATUS: which port of the device this is */
#define IXGBE_CTRL_EXT 0x0018u              /* RW, Extended Device Control */
#define IXGBE_CTRL_EXT_NS_DIS 0x00010000u   /* RW, no request says No Snoop */
#define IXGBE_CTRL_EXT_DRV_LOAD 0x10000000u /* RW, firmware is told that a driver is there */
#define IXGBE_ESDP 0x0020u                  /* RW, pins, as boards with SFP+ have them */
#define IXGBE_ESDP_TX_DISABLE 0x00000008u   /* RW, SDP3: the laser is off */
#define IXGBE_ESDP_RATE 0x00000020u         /* RW, SDP5: a module of two rates has the higher one */
#define IXGBE_ESDP_RATE_OUT 0x00002000u     /* RW, SDP5 is an output */
#define IXGBE_I2CCTL 0x0028u                /* RW, the module's two-wire bus */
#define IXGBE_I2CCTL_CLK_IN 0x00000001u     /* RO */
#define IXGBE_I2CCTL_CLK_OUT 0x00000002u    /* RW, 0 pulls the wire down */
#define IXGBE_I2CCTL_DATA_IN 0x00000004u    /* RO */
#define IXGBE_I2CCTL_DATA_OUT 0x00000008u   /* RW */
#define IXGBE_CORECTL 0x14f00u              /* WO, the serial interface's settings */

/* NVM and semaphores, unread: 82599 DS 8.2.3.2 and 8.2.3.4 --------------------------------- */

#define IXGBE_EEC 0x10010u          /* RW, EEPROM Control */
#define IXGBE_EEC_ARD 0x00000200u   /* RO, Auto Read Done: the chip has its settings */
#define IXGBE_EERD 0x10014u         /* RW, EEPROM Read */
#define IXGBE_EERD_DONE 0x00000002u /* RO */
#define IXGBE_EERD_ADDR 0x0000fffcu /* RW, word address */
#define IXGBE_SWSM 0x10140u         /* RW, software semaphore */
#define IXGBE_SW_FW_SYNC 0x10160u   /* RW, who uses what: software's bits, then firmware's */
#define IXGBE_SYNC_NVM 0x0001u
#define IXGBE_SYNC_PHY(lan) (0x0002u << (lan)) /* MDIO, and the module's bus */
#define IXGBE_SYNC_MAC 0x0008u                 /* AUTOC and CORECTL */
#define IXGBE_SYNC_FIRMWARE 5u                 /* firmware's bits lie so much higher */
#define IXGBE_SYNC_REGSMP 0x80000000u          /* X540, set by reading: in place of SWSM.SWESMBI */

/* Words of the NVM, unread: 82599 DS 6 */
#define IXGBE_NVM_POINTERS 0x03u /* the first word that names a section */
#define IXGBE_NVM_FIRMWARE 0x0fu /* the first behind them; its section is not in the sum */
#define IXGBE_NVM_MODULES 0x2bu  /* where the settings for modules are */
#define IXGBE_NVM_CAPABILITIES 0x2cu
#define IXGBE_NVM_ANY_MODULE 0x0001u /* of them: modules of any vendor */
#define IXGBE_NVM_CHECKSUM 0x3fu     /* makes the sum IXGBE_NVM_SUM */
#define IXGBE_NVM_SUM 0xbabau
#define IXGBE_NVM_NONE 0xffffu /* an empty word; also the end of the list of modules */

/* Link, unread: 82599 DS 8.2.3.22 --------------------------------------------------------- */

#define IXGBE_AUTOC 0x42a0u                /* RW, Auto-Negotiation Control; the NVM sets it */
#define IXGBE_AUTOC_RESTART 0x00001000u    /* RW SC, negotiate anew */
#define IXGBE_AUTOC_LMS 0x0000e000u        /* RW, Link Mode Select */
#define IXGBE_LMS_10G_SERIAL 3u            /* SFI or KR, without negotiation */
#define IXGBE_LMS_1G_AN 2u                 /* one gigabit, negotiated (clause 37) */
#define IXGBE_AUTOC_LMS_TOGGLE 0x00008000u /* the mode's upper bit */
#define IXGBE_AUTOC2 0x42a8u               /* RW */
#define IXGBE_AUTOC2_LINK_OFF 0x70000000u  /* RW, the NVM keeps the link down */
#define IXGBE_LINKS 0x42a4u                /* RO, Link Status */
#define IXGBE_LINKS_UP 0x40000000u
#define IXGBE_LINKS_SPEED 0x30000000u /* 1: 100, 2: 1000, 3: 10000 Mb/s */
#define IXGBE_ANLP1 0x42b0u           /* RO */
#define IXGBE_ANLP1_STATE 0x000f0000u /* 0: the negotiator is where a reset puts it */
#define IXGBE_MSCA 0x425cu            /* RW, MDIO command, clause 45 */
#define IXGBE_MSCA_REG 0x0000ffffu
#define IXGBE_MSCA_DEVICE 0x001f0000u
#define IXGBE_MSCA_PHY 0x03e00000u
#define IXGBE_MSCA_OP 0x0c000000u      /* 0: address, 1: write, 3: read */
#define IXGBE_MSCA_COMMAND 0x40000000u /* RW SC, do it */
#define IXGBE_MSRWD 0x4260u            /* RW, MDIO data */
#define IXGBE_MSRWD_WRITE 0x0000ffffu
#define IXGBE_MSRWD_READ 0xffff0000u

/* MDIO devices and registers, unread: IEEE 802.3 45.2 */
#define IXGBE_MDIO_PMA 1u
#define IXGBE_MDIO_AN 7u
#define IXGBE_MDIO_VENDOR 30u
#define IXGBE_MDIO_CONTROL 0u
#define IXGBE_MDIO_ID 2u              /* upper half */
#define IXGBE_MDIO_AN_RESTART 0x0200u /* SC, of CONTROL of AN */
#define IXGBE_MDIO_AN_ENABLE 0x1000u
#define IXGBE_MDIO_VENDOR_LOW_POWER 0x0800u /* of CONTROL of VENDOR */

/* MAC, unread: 82599 DS 8.2.3.22 ---------------------------------------------------------- */

#define IXGBE_HLREG0 0x4240u                  /* RW, Highlander Control */
#define IXGBE_HLREG0_TXCRCEN 0x00000001u      /* RW, append the FCS */
#define IXGBE_HLREG0_RXCRCSTRP 0x00000002u    /* RW, as RDRXCTL.CRCSTRIP */
#define IXGBE_HLREG0_JUMBOEN 0x00000004u      /* RW, MAXFRS counts, else 1518 bytes */
#define IXGBE_HLREG0_TXPADEN 0x00000400u      /* RW, pad short frames */
#define IXGBE_HLREG0_LPBK 0x00008000u         /* RW, nothing leaves the MAC */
#define IXGBE_HLREG0_RXLNGTHERREN 0x08000000u /* RW, a wrong length field is an error */
#define IXGBE_MAXFRS 0x4268u                  /* RW, longest frame */
#define IXGBE_MAXFRS_MFS 0xffff0000u          /* RW, bytes with FCS; a tag comes on top */
/* 9728 bytes with FCS, as Linux and DPDK's VFs have it; two tags fit on top: the chip takes 15.5 KB
 * (82599 DS 3.4, Product Features). */
#define IXGBE_MTU_MAX 9710u
#define IXGBE_MFLCN 0x4294u                   /* RW, flow control, received: RFCE and RPFCE */
#define IXGBE_MFLCN_DPF 0x00000002u           /* RW, pause frames end in the MAC */
#define IXGBE_FCCFG 0x3d00u                   /* RW, flow control, sent; 0: none */

/* Interrupts, unread: 82599 DS 8.2.3.5.  With MSI-X vector n, below 16, is bit n. ------------ */

#define IXGBE_EIAC 0x0810u /* RW, vectors that clear their cause when they are sent */
#define IXGBE_EIMS 0x0880u /* RW, mask set: what is pending is sent as well */
#define IXGBE_EIMC 0x0888u /* WO, mask clear */
#define IXGBE_EIMC_EX(n) (0x0ab0u + 4 * (n)) /* WO, of 64 vectors */
#define IXGBE_GPIE 0x0898u                   /* RW, General Purpose Interrupt Enable */
#define IXGBE_GPIE_MSIX 0x00000010u          /* several vectors */
#define IXGBE_GPIE_OCD 0x00000020u           /* reading EICR clears the other causes only */
#define IXGBE_GPIE_VT 0x0000c000u            /* pools: 2 of 32, 3 of 64; as GCR_EXT.VT_MODE */
#define IXGBE_GPIE_PBA 0x80000000u           /* MSI-X pending bits are cleared */
#define IXGBE_IVAR(n) (0x0900u + 4 * (n))    /* RW, of two queues: receive, transmit, each a byte */
#define IXGBE_IVAR_VALID 0x80u

/* Receive, unread: 82599 DS 8.2.3.7 and 8.2.3.8 ------------------------------------------------ */

#define IXGBE_RXCTRL 0x3000u                  /* RW */
#define IXGBE_RXCTRL_RXEN 0x00000001u         /* RW, the receiver is on; last of all */
#define IXGBE_RDRXCTL 0x2f00u                 /* RW, receive DMA control */
#define IXGBE_RDRXCTL_CRCSTRIP 0x00000002u    /* RW */
#define IXGBE_RDRXCTL_DMAIDONE 0x00000008u    /* RO, DMA has initialized after a reset */
#define IXGBE_RDRXCTL_RSCFRSTSIZE 0x003e0000u /* RW, to be 0 */
#define IXGBE_RDRXCTL_ONES 0x06000000u        /* RW, RSCACKC and FCOE_WRFIX, to be 1 */
#define IXGBE_RXPBSIZE(n) (0x3c00u + 4 * (n)) /* RW, receive packet buffer, one a traffic class */
#define IXGBE_RXPBSIZE_SIZE 0x000ffc00u       /* KiB */
#define IXGBE_PACKET_BUFFERS 8u
#define IXGBE_SECRXCTRL 0x8d00u            /* RW, security engine */
#define IXGBE_SECRXCTRL_RX_DIS 0x00000002u /* RW, it lets nothing pass */
#define IXGBE_SECRXSTAT 0x8d04u            /* RO */
#define IXGBE_SECRXSTAT_RDY 0x00000001u    /* and nothing is in it */
#define IXGBE_FCTRL 0x5080u                /* RW, Filter Control */
#define IXGBE_FCTRL_MPE 0x00000100u        /* RW, Multicast Promiscuous Enable */
#define IXGBE_FCTRL_UPE 0x00000200u        /* RW, Unicast Promiscuous Enable */
#define IXGBE_FCTRL_BAM 0x00000400u        /* RW, Broadcast Accept Mode */
#define IXGBE_VLNCTRL 0x5088u              /* RW, VLAN Control */
#define IXGBE_VLNCTRL_VET 0x0000ffffu      /* RW, EtherType of tags */
#define IXGBE_VLNCTRL_CFIEN 0x20000000u    /* RW, filter by the CFI bit too */
#define IXGBE_VLNCTRL_VFE 0x40000000u      /* RW, VLAN Filter Enable */
#define IXGBE_MCSTCTRL 0x5090u             /* RW */
#define IXGBE_MCSTCTRL_MFE 0x00000004u     /* RW, MTA counts; offset 0: address bits 47:36 */
#define IXGBE_RXCSUM 0x5000u               /* RW */
#define IXGBE_RXCSUM_PCSD 0x00002000u      /* RW, descriptors tell the RSS hash */
#define IXGBE_RAL(n) (0xa200u + 8 * (n))   /* RW, Receive Address; High behind Low */
#define IXGBE_RAR_REGS 128u
#define IXGBE_RAR_STATIONS 112u /* from here on the PF's further stations; below VFs' */
#define IXGBE_STATIONS (IXGBE_RAR_REGS - IXGBE_RAR_STATIONS)
#define IXGBE_MPSAR(n) (0xa600u + 4 * (n)) /* RW, pools of an address: words 2n and 2n + 1 */
#define IXGBE_VFTA(n) (0xa000u + 4 * (n))  /* RW, VLAN Filter Table Array, one bit a VLAN */
#define IXGBE_VFTA_REGS 128u
#define IXGBE_UTA(n) (0xf400u + 4 * (n)) /* RW, Unicast Table Array, only with pools */
#define IXGBE_UTA_REGS 128u
#define IXGBE_PSRTYPE(n) (0xea00u + 4 * (n)) /* RW, of a pool, without pools the first */
#define IXGBE_PSRTYPE_RQPL 0xe0000000u       /* RW, log2 of a pool's receive queues */
#define IXGBE_MRQC 0x5818u                   /* RW, Multiple Receive Queues Command */
#define IXGBE_MRQC_MODE 0x0000000fu
#define IXGBE_MRQC_MODE_ONE 0u         /* the first queue */
#define IXGBE_MRQC_MODE_RSS 1u         /* sixteen queues by hash */
#define IXGBE_MRQC_MODE_VMDQ 8u        /* 64 pools by address and VLAN */
#define IXGBE_MRQC_MODE_VMDQ_RSS32 10u /* 32 pools, four queues each by hash */
#define IXGBE_MRQC_MODE_VMDQ_RSS64 11u /* 64 pools, two queues each by hash */
#define IXGBE_MRQC_FIELDS 0x00f30000u  /* of what the hash is made: IPv4, IPv6, with TCP or UDP */
#define IXGBE_RQSMR(n) (0x2300u + 4 * (n)) /* RW, which counters a queue has, a byte a queue */
#define IXGBE_RQSMR_REGS 32u

/* Transmit, unread: 82599 DS 8.2.3.9 ---------------------------------------------------------- */

#define IXGBE_DMATXCTL 0x4a80u          /* RW */
#define IXGBE_DMATXCTL_TE 0x00000001u   /* RW, the transmitter is on; before its queues */
#define IXGBE_DMATXCTL_GDV 0x00000008u  /* RW, all frames have an outer tag: off */
#define IXGBE_RTTDCS 0x4900u            /* RW, transmit arbiter */
#define IXGBE_RTTDCS_ARBDIS 0x00000040u /* RW, it rests: MTQC may be written */
#define IXGBE_MTQC 0x8120u              /* RW, pools and traffic classes; 0: 64 queues, neither */
#define IXGBE_DTXMXSZRQ 0x8100u         /* RW, bytes that may be asked for at once, in 256 */
#define IXGBE_DTXMXSZRQ_MAX 0x00000fffu
#define IXGBE_TXPBSIZE(n) (0xcc00u + 4 * (n)) /* RW, transmit packet buffer, KiB at bit 10 */
#define IXGBE_TXPBSIZE_SIZE 0x000ffc00u
#define IXGBE_TXPBTHRESH(n) (0x4950u + 4 * (n)) /* RW, KiB; above it no frame is fetched */
#define IXGBE_DCA_CTRL 0x11074u                 /* RW */
#define IXGBE_DCA_CTRL_OFF 0x00000001u          /* RW, no direct cache access */
#define IXGBE_GCR_EXT 0x11050u                  /* RW, PCI Express Control Extended */
#define IXGBE_GCR_EXT_CLEAR 0x40000000u         /* RW, buffers are emptied (82599 SU 9) */
#define IXGBE_GCR_EXT_VT_MODE 0x00000003u

/* A queue's block, unread: 82599 DS 8.2.3.8, 8.2.3.9, besides INTEL_Q_* ------------------------ */

#define IXGBE_RX_BLOCK(q) (((q) < 64 ? 0x1000u : 0xc000u) + 0x40 * (q))
#define IXGBE_TX_BLOCK(q) (0x6000u + 0x40 * (q))
#define IXGBE_Q_DCA_RX 0x0cu             /* RW, receive: what may be cached, snooped, reordered */
#define IXGBE_Q_DCA_RX_ZERO 0x00001000u  /* RW, to be 0 */
#define IXGBE_Q_SRRCTL 0x14u             /* RW, receive only: buffers */
#define IXGBE_SRRCTL_DROP 0x10000000u    /* RW, without descriptors frames are dropped */
#define IXGBE_TXDCTL_PTHRESH 0x0000007fu /* RW, fetch ahead below so many */
#define IXGBE_TXDCTL_HTHRESH 0x00007f00u /* RW, if so many are there; not 0 */
#define IXGBE_TXDCTL_WTHRESH 0x007f0000u /* RW, write back so many at once; 0: each as asked */
#define ADV_Q_CTL_ENABLE 0x02000000u     /* RW, the queue is on */
#define IXGBE_RXDCTL_VME 0x40000000u     /* RW, tags are stripped */

/* Statistics that are no part of intel_counter tables, unread: 82599 DS 8.2.3.23 */
#define IXGBE_QPRDC(n) (0x1430u + 0x40 * (n)) /* RC, dropped for want of descriptors */
#define IXGBE_QUEUE_COUNTERS 16u

/* Descriptors are those of igb_regs.h but for these errors, unread: 82599 DS 7.1.6.2; and a
 * transmit data descriptor tells with CC that a context goes with it (unread: 82599 DS 7.2.3.2). */
#define IXGBE_RXD_RXE 0x0000000020000000ull /* error: any of the MAC's */
#define IXGBE_RXD_IPE 0x0000000080000000ull /* error: IPv4 header checksum; only with IPCS */
