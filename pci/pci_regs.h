/* pci_regs.h - registers of configuration space, those that we touch.
 *
 * Sources: PCI Local Bus 3.0 (PCI), PCI-to-PCI Bridge 1.2 (Bridge), PCI Bus
 * Power Management 1.2 (PM), PCI Express Base 5.0 (PCIe).  unread in this file: all four. */
#pragma once

#define PCI_CONFIG_SIZE 256u
#define PCI_EXTENDED_SIZE 4096u         /* with PCI Express, PCIe 7.6 */

/* Header, PCI 6.1, PCIe 7.5.1 */
#define PCI_VENDOR_ID 0x00u             /* RO */
#define PCI_DEVICE_ID 0x02u             /* RO */
#define PCI_COMMAND 0x04u               /* RW, PCI 6.2.2 */
#define   PCI_COMMAND_IO 0x0001u
#define   PCI_COMMAND_MEMORY 0x0002u
#define   PCI_COMMAND_MASTER 0x0004u
#define   PCI_COMMAND_INTX_OFF 0x0400u
#define PCI_STATUS 0x06u                /* RO and RW1C, PCI 6.2.3 */
#define   PCI_STATUS_CAPABILITIES 0x0010u
#define PCI_REVISION 0x08u           /* RO; the class code in the three bytes above */
#define   PCI_REVISION_MASK 0x000000ffu
#define   PCI_CLASS_MASK 0xffffff00u
#define PCI_HEADER_TYPE 0x0eu           /* RO, PCI 6.2.1 */
#define   PCI_HEADER_LAYOUT 0x7fu
#define   PCI_HEADER_MULTIFUNCTION 0x80u
#define PCI_CAPABILITIES 0x34u  /* RO, PCI 6.7 */

#define PCI_HEADER_DEVICE 0u
#define PCI_HEADER_BRIDGE 1u

/* Base address registers, PCI 6.2.5.1 */
#define PCI_BAR0 0x10u                  /* RW; six of them, two in a bridge (Bridge 3.2.5.1) */
#define   PCI_BAR_IO 0x00000001u
#define   PCI_BAR_IO_FLAGS 0x00000003u
#define   PCI_BAR_TYPE 0x00000006u      /* of memory */
#define     PCI_BAR_TYPE_32 0x00000000u
#define     PCI_BAR_TYPE_64 0x00000004u
#define   PCI_BAR_PREFETCH 0x00000008u
#define   PCI_BAR_MEMORY_FLAGS 0x0000000fu

/* Layout 0, PCI 6.2.4 and 6.2.5.2 */
#define PCI_SUBSYSTEM_VENDOR 0x2cu   /* RO */
#define PCI_SUBSYSTEM 0x2eu          /* RO */
#define PCI_ROM_BAR 0x30u               /* RW */
#define PCI_ROM_BAR_BRIDGE 0x38u        /* RW, Bridge 3.2.5.14 */
#define   PCI_ROM_ENABLE 0x00000001u

/* Layout 1, Bridge 3.2.5 */
#define PCI_PRIMARY_BUS 0x18u           /* RW */
#define PCI_SECONDARY_BUS 0x19u         /* RW */
#define PCI_SUBORDINATE_BUS 0x1au       /* RW */
#define PCI_IO_BASE 0x1cu               /* RW, optional */
#define PCI_IO_LIMIT 0x1du
#define   PCI_IO_WINDOW 0xf0u           /* address bits 15:12 */
#define   PCI_IO_WINDOW_TYPE 0x0fu
#define     PCI_IO_WINDOW_32 1u
#define PCI_MEMORY_BASE 0x20u           /* RW */
#define PCI_MEMORY_LIMIT 0x22u
#define   PCI_MEMORY_WINDOW 0xfff0u     /* address bits 31:20 */
#define   PCI_MEMORY_WINDOW_TYPE 0x000fu
#define     PCI_MEMORY_WINDOW_64 1u
#define PCI_PREFETCH_BASE 0x24u     /* RW, optional */
#define PCI_PREFETCH_LIMIT 0x26u
#define PCI_PREFETCH_BASE_HIGH 0x28u
#define PCI_PREFETCH_LIMIT_HIGH 0x2cu
#define PCI_IO_BASE_HIGH 0x30u
#define PCI_IO_LIMIT_HIGH 0x32u

/* Class codes, PCI appendix D: base class and subclass */
#define PCI_CLASS_HOST_BRIDGE 0x0600u
#define PCI_CLASS_NETWORK 0x02u /* base class alone */
#define PCI_CLASS_SUBTRACTIVE_BRIDGE 0x060401u /* with its programming interface */

/* Capabilities, PCI 6.7 and appendix H, PCIe 7.5 and 7.7 */
#define PCI_CAP_NEXT 1u
#define PCI_CAP_FIRST 0x40u      /* below lies the header */
#define PCI_CAP_POINTER 0xfcu    /* the low two bits are reserved */
#define PCI_CAP_POWER 0x01u
#define PCI_CAP_MSI 0x05u
#define PCI_CAP_VENDOR 0x09u
#define PCI_CAP_SUBSYSTEM 0x0du
#define PCI_CAP_EXPRESS 0x10u
#define PCI_CAP_MSIX 0x11u

/* Power management, PM 3.2 */
#define PCI_POWER_CAPABILITIES 2u       /* RO */
#define   PCI_POWER_VERSION 0x0007u
#define   PCI_POWER_D1 0x0200u
#define   PCI_POWER_D2 0x0400u
#define   PCI_POWER_PME 0xf800u
#define PCI_POWER_CONTROL 4u            /* RW */
#define   PCI_POWER_STATE 0x0003u
#define   PCI_POWER_NO_SOFT_RESET 0x0008u
#define   PCI_POWER_PME_ENABLE 0x0100u
#define   PCI_POWER_PME_STATUS 0x8000u  /* RW1C */

/* MSI, PCI 6.8.1 */
#define PCI_MSI_CONTROL 2u              /* RW */
#define   PCI_MSI_ENABLE 0x0001u
#define   PCI_MSI_CAPABLE 0x000eu       /* log2 of vectors */
#define   PCI_MSI_ENABLED 0x0070u       /* log2 of vectors */
#define   PCI_MSI_64 0x0080u
#define   PCI_MSI_MASKABLE 0x0100u

/* MSI-X, PCI 6.8.2 */
#define PCI_MSIX_CONTROL 2u             /* RW */
#define   PCI_MSIX_SIZE 0x07ffu         /* vectors - 1 */
#define   PCI_MSIX_MASK 0x4000u
#define   PCI_MSIX_ENABLE 0x8000u
#define PCI_MSIX_TABLE 4u               /* RO */
#define PCI_MSIX_PBA 8u                 /* RO */
#define PCI_MSIX_ENTRY_SIZE 16u         /* of the table, in memory */
#define PCI_MSIX_ENTRY_ADDRESS 0u       /* RW */
#define PCI_MSIX_ENTRY_ADDRESS_HIGH 4u  /* RW */
#define PCI_MSIX_ENTRY_DATA 8u          /* RW */
#define PCI_MSIX_ENTRY_CONTROL 12u      /* RW */
#define   PCI_MSIX_ENTRY_MASK 0x00000001u
#define   PCI_MSIX_BIR 0x00000007u
#define   PCI_MSIX_OFFSET 0xfffffff8u

/* PCI Express, PCIe 7.5.3 */
#define PCI_EXPRESS_CAPABILITIES 0x02u  /* RO */
#define   PCI_EXPRESS_VERSION 0x000fu
#define   PCI_EXPRESS_TYPE 0x00f0u
#define     PCI_EXPRESS_ENDPOINT 0x0u
#define     PCI_EXPRESS_LEGACY_ENDPOINT 0x1u
#define     PCI_EXPRESS_ROOT_PORT 0x4u
#define     PCI_EXPRESS_UPSTREAM_PORT 0x5u
#define     PCI_EXPRESS_DOWNSTREAM_PORT 0x6u
#define     PCI_EXPRESS_TO_PCI_BRIDGE 0x7u
#define     PCI_EXPRESS_FROM_PCI_BRIDGE 0x8u
#define     PCI_EXPRESS_ROOT_ENDPOINT 0x9u
#define     PCI_EXPRESS_EVENT_COLLECTOR 0xau
#define   PCI_EXPRESS_SLOT 0x0100u
#define PCI_EXPRESS_DEVICE_CAP 0x04u    /* RO */
#define   PCI_EXPRESS_PAYLOAD_MAX 0x00000007u   /* 128 << n */
#define   PCI_EXPRESS_EXTENDED_TAG 0x00000020u
#define   PCI_EXPRESS_FLR 0x10000000u
#define PCI_EXPRESS_DEVICE_CTL 0x08u    /* RW */
#define   PCI_EXPRESS_RELAXED_ORDER 0x0010u
#define   PCI_EXPRESS_PAYLOAD 0x00e0u           /* 128 << n */
#define   PCI_EXPRESS_NO_SNOOP 0x0800u
#define   PCI_EXPRESS_READ_REQUEST 0x7000u      /* 128 << n */
#define   PCI_EXPRESS_RESET 0x8000u             /* function level reset; reads 0 */
#define PCI_EXPRESS_DEVICE_STA 0x0au    /* RO and RW1C */
#define   PCI_EXPRESS_CORRECTABLE 0x0001u
#define   PCI_EXPRESS_NON_FATAL 0x0002u
#define   PCI_EXPRESS_FATAL 0x0004u
#define   PCI_EXPRESS_UNSUPPORTED 0x0008u
#define   PCI_EXPRESS_PENDING 0x0020u
#define PCI_EXPRESS_LINK_CAP 0x0cu      /* RO */
#define   PCI_EXPRESS_LINK_CAP_SPEED 0x0000000fu
#define   PCI_EXPRESS_LINK_CAP_WIDTH 0x000003f0u
#define   PCI_EXPRESS_LINK_CAP_PORT 0xff000000u
#define PCI_EXPRESS_LINK_CTL 0x10u      /* RW */
#define   PCI_EXPRESS_LINK_ASPM 0x0003u         /* L0s, L1 */
#define PCI_EXPRESS_LINK_STA 0x12u      /* RO and RW1C */
#define   PCI_EXPRESS_LINK_SPEED 0x000fu
#define   PCI_EXPRESS_LINK_WIDTH 0x03f0u
#define   PCI_EXPRESS_LINK_TRAINING 0x0800u
#define   PCI_EXPRESS_LINK_ACTIVE 0x2000u
#define PCI_EXPRESS_SLOT_CAP 0x14u      /* RO */
#define   PCI_EXPRESS_SLOT_HOTPLUG 0x00000040u
#define   PCI_EXPRESS_SLOT_NUMBER 0xfff80000u
#define PCI_EXPRESS_SLOT_STA 0x1au      /* RO and RW1C */
#define   PCI_EXPRESS_SLOT_PRESENT 0x0040u
#define PCI_EXPRESS_DEVICE_CAP2 0x24u   /* RO, version 2 on */
#define   PCI_EXPRESS_ARI_CAPABLE 0x00000020u
#define PCI_EXPRESS_DEVICE_CTL2 0x28u   /* RW, version 2 on */
#define   PCI_EXPRESS_ARI_FORWARDING 0x0020u
#define PCI_EXPRESS_LENGTH2 0x3cu       /* of a capability of version 2 */

/* Subsystem of a bridge, Bridge 3.2.5.13 */
#define PCI_SUBSYSTEM_CAP_VENDOR 4u     /* RO */
#define PCI_SUBSYSTEM_CAP_ID 6u         /* RO */

/* Vendor-specific capability of virtio, virtio 1.2 4.1.4 */
#define PCI_VENDOR_VIRTIO 0x1af4u
#define PCI_VIRTIO_LENGTH 2u
#define PCI_VIRTIO_TYPE 3u
#define PCI_VIRTIO_BAR 4u
#define PCI_VIRTIO_OFFSET 8u
#define PCI_VIRTIO_SIZE 12u

/* Extended capabilities, PCIe 7.6.3 */
#define PCI_EXT_FIRST 0x100u
#define PCI_EXT_ID 0x0000ffffu
#define PCI_EXT_VERSION 0x000f0000u
#define PCI_EXT_NEXT 0xfff00000u
#define PCI_EXT_POINTER 0xffcu     /* the low two bits are reserved */
#define PCI_EXT_AER 0x0001u
#define PCI_EXT_DSN 0x0003u
#define PCI_EXT_ACS 0x000du
#define PCI_EXT_ARI 0x000eu
#define PCI_EXT_ATS 0x000fu
#define PCI_EXT_SRIOV 0x0010u

/* AER, PCIe 7.8.4 */
#define PCI_AER_UNCORRECTABLE 0x04u     /* RW1C */
#define PCI_AER_UNCORRECTABLE_MASK 0x08u /* RW */
#define PCI_AER_SEVERITY 0x0cu          /* RW; of uncorrectable errors: fatal */
#define PCI_AER_CORRECTABLE 0x10u       /* RW1C */
#define PCI_AER_CORRECTABLE_MASK 0x14u  /* RW */
#define PCI_AER_HEADER_LOG 0x1cu        /* RO, four dwords */
#define PCI_AER_LENGTH 0x2cu

/* Device serial number, PCIe 7.9.3 */
#define PCI_DSN_LOW 4u               /* RO */
#define PCI_DSN_HIGH 8u              /* RO */

/* ACS, PCIe 7.7.8 */
#define PCI_ACS_CAPABILITY 4u           /* RO */
#define PCI_ACS_CONTROL 6u              /* RW; the same bits */
#define   PCI_ACS_SV 0x0001u            /* source validation */
#define   PCI_ACS_TB 0x0002u            /* translation blocking */
#define   PCI_ACS_RR 0x0004u            /* peer-to-peer requests go up to the root */
#define   PCI_ACS_CR 0x0008u            /* and so do their completions */
#define   PCI_ACS_UF 0x0010u            /* upstream forwarding */
#define   PCI_ACS_DT 0x0040u            /* direct translated peer-to-peer */

/* ARI, PCIe 7.8.7 */
#define PCI_ARI_CAPABILITY 4u           /* RO */
#define   PCI_ARI_NEXT 0xff00u

/* ATS, PCIe 10.5.1 */
#define PCI_ATS_CAPABILITY 4u           /* RO */
#define   PCI_ATS_QUEUE_DEPTH 0x001fu   /* 0: 32 */
#define   PCI_ATS_PAGE_ALIGNED 0x0020u
#define PCI_ATS_CONTROL 6u              /* RW */
#define   PCI_ATS_STU 0x001fu           /* smallest translation unit: 4 KiB << n */
#define   PCI_ATS_ENABLE 0x8000u

/* SR-IOV, PCIe 9.3.3 */
#define PCI_SRIOV_CONTROL 0x08u         /* RW */
#define   PCI_SRIOV_VF_ENABLE 0x0001u
#define   PCI_SRIOV_VF_MEMORY 0x0008u
#define   PCI_SRIOV_ARI 0x0010u
#define PCI_SRIOV_INITIAL_VFS 0x0cu     /* RO */
#define PCI_SRIOV_TOTAL_VFS 0x0eu       /* RO */
#define PCI_SRIOV_NUM_VFS 0x10u         /* RW */
#define PCI_SRIOV_VF_OFFSET 0x14u       /* RO */
#define PCI_SRIOV_VF_STRIDE 0x16u       /* RO */
#define PCI_SRIOV_VF_DEVICE_ID 0x1au    /* RO */
#define PCI_SRIOV_PAGE_SIZES 0x1cu      /* RO */
#define PCI_SRIOV_PAGE_SIZE 0x20u       /* RW */
#define PCI_SRIOV_BAR0 0x24u            /* RW; six of them */
#define PCI_SRIOV_LENGTH 0x40u
