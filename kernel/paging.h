/* paging.h - the one address space.
 *
 *     0x0000_0000_0000  page 0: never mapped
 *     physical address  RAM, one to one, RW, no execute; the image W^X within
 *     0x1000_0000_0000  stacks of tasks and CPUs, each above a page that is never mapped
 *     0x1000_0100_0000  heap of malloc(), grown page by page
 *     0x2000_0000_0000  + physical address: firmware tables, read only
 *     0x4000_0000_0000  + physical address: device registers, uncached
 *
 * Only CPU 0 maps, at set-up and from control work.  What is mapped stays mapped, as it is: an
 * entry changes from not present only, which no CPU remembers (unread: SDM vol. 3, 4.10), so the
 * others need not be told. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STACKS_BASE 0x100000000000ull
#define STACK_STRIDE 0x11000ull /* an unmapped page and up to 64 KiB */
#define HEAP_BASE 0x100001000000ull
#define STACK_PLACES_TASKS 12u /* the first: one page table maps them all */
#define CPU_STACK_PLACES 3u    /* each CPU's but ours */
#define STACK_PLACES_MAX ((HEAP_BASE - STACKS_BASE) / STACK_STRIDE)
#define TABLE_BASE 0x200000000000ull
#define MMIO_BASE 0x400000000000ull
#define PHYSICAL_MAX 0x100000000000ull /* RAM and tables above 16 TiB are not used */

static inline uint64_t stack_place_top(unsigned place)
{
    return STACKS_BASE + (place + 1) * STACK_STRIDE;
}

enum page_kind { PAGE_TEXT, PAGE_RODATA, PAGE_DATA, PAGE_TABLES, PAGE_DEVICE };

struct boot_info;

void paging_init(const struct boot_info *info);
/* Maps [pa, pa+size) at va, page by page where not mapped yet.  0 or -ENOMEM. */
int paging_map(uint64_t va, uint64_t pa, uint64_t size, enum page_kind kind);
bool paging_is_mapped(uint64_t va);
/* Behind the last physical address that can be mapped. */
uint64_t paging_physical_end(void);
