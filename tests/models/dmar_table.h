/* dmar_table.h - a DMAR table of the test's own (VT-d rev. 5.10, chapter 8), and
 * the ACPI tables that lead to it. */
#pragma once

#include <stdint.h>

#define DMAR_TABLE_INTR_REMAP 1 /* 8.1 flags */
#define DMAR_TABLE_ALL 1        /* 8.3 INCLUDE_PCI_ALL, 8.5 ALL_PORTS */

void dmar_table_begin(uint8_t address_width, uint8_t flags);
void dmar_table_unit(uint64_t base, uint16_t segment, uint8_t flags);             /* DRHD */
void dmar_table_region(uint64_t base, uint64_t limit, uint16_t segment);          /* RMRR */
void dmar_table_ats(uint16_t segment, uint8_t flags);                             /* ATSR */
/* A device scope of the last row; path is device << 3 | function, outermost first. */
void dmar_table_scope(uint8_t type, uint8_t start_bus, const uint8_t *path, unsigned length);
/* Where acpi_find() finds it.  After host_reset(). */
void dmar_table_publish(void);
