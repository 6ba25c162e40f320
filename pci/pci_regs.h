/* pci_regs.h - configuration space, as far as we touch it.
 *
 * Sources: PCI Local Bus 3.0 chapter 6 (PCI), PCI-to-PCI Bridge 1.2 chapter 3
 * (Bridge), PCI Express Base 5.0 chapter 7 (PCIe). */
#pragma once

#define PCI_VENDOR_ID 0x00 /* RO 16 */
#define PCI_DEVICE_ID 0x02 /* RO 16 */
#define PCI_COMMAND 0x04   /* RW 16 */
#define PCI_COMMAND_IO 0x0001u
#define PCI_COMMAND_MEMORY 0x0002u
#define PCI_COMMAND_MASTER 0x0004u
#define PCI_COMMAND_INTX_OFF 0x0400u
#define PCI_STATUS 0x06 /* RO, RW1C 16 */
#define PCI_STATUS_CAPABILITIES 0x0010u
#define PCI_REVISION 0x08    /* RO 8; class code above it */
#define PCI_HEADER_TYPE 0x0e /* RO 8 */
#define PCI_HEADER_LAYOUT 0x7fu
#define PCI_HEADER_MULTIFUNCTION 0x80u
#define PCI_HEADER_DEVICE 0u
#define PCI_HEADER_BRIDGE 1u
#define PCI_BAR0 0x10 /* RW 32, six of them (bridges: two) */
#define PCI_BAR_IO 0x1u
#define PCI_BAR_TYPE 0x6u
#define PCI_BAR_TYPE_64 0x4u
#define PCI_BAR_PREFETCH 0x8u
#define PCI_BAR_IO_FLAGS 0x3u
#define PCI_BAR_MEMORY_FLAGS 0xfu
#define PCI_SUBSYSTEM_VENDOR 0x2c /* RO 16 */
#define PCI_SUBSYSTEM 0x2e        /* RO 16 */
#define PCI_CAPABILITIES 0x34     /* RO 8 */

#define PCI_PRIMARY_BUS 0x18         /* RW 8, Bridge 3.2.5.2 */
#define PCI_SECONDARY_BUS 0x19       /* RW 8 */
#define PCI_SUBORDINATE_BUS 0x1a     /* RW 8 */
#define PCI_IO_BASE 0x1c             /* RW 8; limit behind it; 4 KiB steps in bits 7:4 */
#define PCI_MEMORY_BASE 0x20         /* RW 16; limit behind it; 1 MiB steps in bits 15:4 */
#define PCI_PREFETCH_BASE 0x24       /* RW 16; limit behind it; bits 3:0 = 1: 64-bit */
#define PCI_PREFETCH_BASE_HIGH 0x28  /* RW 32 */
#define PCI_PREFETCH_LIMIT_HIGH 0x2c /* RW 32 */
#define PCI_IO_BASE_HIGH 0x30        /* RW 16; limit behind it */

#define PCI_CAP_FIRST 0x40u /* PCI 6.7: behind the header */
#define PCI_CAP_POWER 0x01u
#define PCI_CAP_MSI 0x05u
#define PCI_CAP_VENDOR 0x09u
#define PCI_CAP_EXPRESS 0x10u
#define PCI_CAP_MSIX 0x11u
#define PCI_CAP_AF 0x13u

#define PCI_EXT_FIRST 0x100u /* PCIe 7.6.3: version 19:16, next 31:20 */
#define PCI_EXT_ID 0x0000ffffu
#define PCI_EXT_VERSION 0x000f0000u
#define PCI_EXT_NEXT 0xfff00000u
#define PCI_EXT_AER 0x0001u
#define PCI_EXT_DSN 0x0003u
#define PCI_EXT_ACS 0x000du
#define PCI_EXT_ARI 0x000eu
#define PCI_EXT_ATS 0x000fu
#define PCI_EXT_SRIOV 0x0010u

#define PCI_CONFIG_SIZE 256u
#define PCI_EXTENDED_SIZE 4096u
