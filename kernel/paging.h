/* paging.h - the one address space.
 *
 *     0x0000_0000_0000  page 0: never mapped
 *     physical address  RAM, one to one, RW, no execute; the image W^X within
 *     0x1000_0000_0000  stacks of tasks, each above a page that is never mapped
 *     0x1000_0020_0000  heap of malloc(), grown page by page
 *     0x2000_0000_0000  + physical address: firmware tables, read only
 *     0x4000_0000_0000  + physical address: device registers, uncached
 *
 * Only the boot CPU maps, at set-up and from control work. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STACKS_BASE 0x100000000000ull /* one page table maps them all */
#define STACK_STRIDE 0x11000ull       /* an unmapped page and 64 KiB */
#define HEAP_BASE 0x100000200000ull
#define TABLE_BASE 0x200000000000ull
#define MMIO_BASE 0x400000000000ull
#define PHYSICAL_MAX 0x100000000000ull /* RAM and tables above 16 TiB are not used */

enum page_kind { PAGE_TEXT, PAGE_RODATA, PAGE_DATA, PAGE_TABLES, PAGE_DEVICE };

struct boot_info;

void paging_init(const struct boot_info *info);
/* Maps [pa, pa+size) at va, page by page where not mapped yet.  0 or -ENOMEM. */
int paging_map(uint64_t va, uint64_t pa, uint64_t size, enum page_kind kind);
bool paging_is_mapped(uint64_t va);
/* Behind the last physical address that can be mapped. */
uint64_t paging_physical_end(void);
