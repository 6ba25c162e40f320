/* paging.c - four-level tables, W^X.  Source: Intel SDM vol. 3, 4.5.
 * unread in this file: SDM. */
#include "kernel/paging.h"

#include "boot/boot_info.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/mmio.h"

#include <errno.h>
#include <string.h>

/* SDM vol. 3, tables 4-15 to 4-20. */
#define PTE_PRESENT 0x001ull
#define PTE_WRITABLE 0x002ull
#define PTE_UNCACHED 0x018ull /* PCD | PWT: PAT entry 3, UC after reset (11.12.4) */
#define PTE_LARGE 0x080ull
#define PTE_NO_EXECUTE 0x8000000000000000ull
#define PTE_ADDRESS 0x000ffffffffff000ull

#define LEVELS 4u
#define ENTRIES 512u /* of a table */

extern uint8_t image_start[], text_end[], rodata_end[], image_end[];
extern uint8_t stack_guard_boot[], stack_guard_exception[], stack_guard_double_fault[],
    stack_guard_end[];

static uint64_t *root;
static unsigned large_level; /* the highest whose entries may map a page: 2 MiB or 1 GiB */

static const uint64_t kind_flags[] = {
    [PAGE_TEXT] = PTE_PRESENT,
    [PAGE_RODATA] = PTE_PRESENT | PTE_NO_EXECUTE,
    [PAGE_DATA] = PTE_PRESENT | PTE_WRITABLE | PTE_NO_EXECUTE,
    [PAGE_TABLES] = PTE_PRESENT | PTE_NO_EXECUTE,
    [PAGE_DEVICE] = PTE_PRESENT | PTE_WRITABLE | PTE_UNCACHED | PTE_NO_EXECUTE,
};

/* Bytes one entry of a level covers: 4 KiB, 2 MiB, 1 GiB, 512 GiB. */
static uint64_t level_span(unsigned level)
{
    return 1ull << (12 + 9 * level);
}

static uint64_t *entry_of(uint64_t *table, unsigned level, uint64_t va)
{
    return &table[va >> (12 + 9 * level) & (ENTRIES - 1)];
}

static uint64_t *table_new(void)
{
    uint64_t *table = page_alloc(PAGE_SIZE, PAGE_SIZE, 0);
    if (table)
        memset(table, 0, PAGE_SIZE);
    return table;
}

/* The table below *entry, made when missing; NULL when out of memory. */
static uint64_t *table_below(uint64_t *entry)
{
    if (*entry & PTE_PRESENT)
        return (uint64_t *)(uintptr_t)(*entry & PTE_ADDRESS);
    uint64_t *table = table_new();
    if (table)
        *entry = (uintptr_t)table | PTE_PRESENT | PTE_WRITABLE;
    return table;
}

static bool fits(uint64_t va, uint64_t pa, uint64_t size, unsigned level)
{
    uint64_t span = level_span(level);
    return level <= large_level && size >= span && !((va | pa) & (span - 1));
}

/* Empty entries of one table, from this one on; returns the size that they map. */
static uint64_t map_row(uint64_t *entry, unsigned level, uint64_t pa, uint64_t size, uint64_t flags)
{
    uint64_t span = level_span(level), at = (uintptr_t)entry % PAGE_SIZE / sizeof *entry, done = 0;
    uint64_t *end = entry + min_u64(size / span, ENTRIES - at);
    flags |= level ? PTE_LARGE : 0;
    for (; entry < end && !(*entry & PTE_PRESENT); done += span)
        *entry++ = (pa + done) | flags;
    return done;
}

/* Maps pages of the largest size that fits; returns their size, 0: no memory.
 * What is mapped already stays as it is. */
static uint64_t map_some(uint64_t va, uint64_t pa, uint64_t size, uint64_t flags)
{
    uint64_t *table = root;
    for (unsigned level = LEVELS - 1;; level--) {
        uint64_t *entry = entry_of(table, level, va);
        bool leaf = level == 0 || (*entry & PTE_LARGE);
        if ((*entry & PTE_PRESENT) && leaf)
            return min_u64(size, level_span(level) - (va & (level_span(level) - 1)));
        if (!(*entry & PTE_PRESENT) && fits(va, pa, size, level))
            return map_row(entry, level, pa, size, flags);
        table = table_below(entry);
        if (!table)
            return 0;
    }
}

int paging_map(uint64_t va, uint64_t pa, uint64_t size, enum page_kind kind)
{
    while (size) {
        uint64_t done = map_some(va, pa, size, kind_flags[kind]);
        if (!done)
            return -ENOMEM;
        va += done;
        pa += done;
        size -= done;
    }
    return 0;
}

bool paging_is_mapped(uint64_t va)
{
    const uint64_t *table = root;
    if (va >> 47)
        return false;
    for (unsigned level = LEVELS - 1;; level--) {
        uint64_t entry = *entry_of((uint64_t *)table, level, va);
        if (!(entry & PTE_PRESENT))
            return false;
        if (level == 0 || (entry & PTE_LARGE))
            return true;
        table = (const uint64_t *)(uintptr_t)(entry & PTE_ADDRESS);
    }
}

static void map_image(void)
{
    const uint8_t *const guards[] = { stack_guard_boot, stack_guard_exception,
                                      stack_guard_double_fault, stack_guard_end };
    uint64_t text = (uintptr_t)image_start, rodata = (uintptr_t)text_end,
             data = (uintptr_t)rodata_end;
    int e = paging_map(text, text, rodata - text, PAGE_TEXT);
    e |= paging_map(rodata, rodata, data - rodata, PAGE_RODATA);
    for (unsigned i = 0; i < ARRAY_SIZE(guards); i++) {
        uint64_t guard = (uintptr_t)guards[i];
        e |= paging_map(data, data, guard - data, PAGE_DATA);
        data = guard + PAGE_SIZE;
    }
    e |= paging_map(data, data, (uintptr_t)image_end - data, PAGE_DATA);
    if (e)
        panic("no memory to map the image");
}

/* RAM rows of the map exclude the image, so nothing here touches it. */
static void map_ram(const struct boot_info *info)
{
    for (unsigned i = 0; i < info->memory_count; i++) {
        uint64_t start = max_u64(ALIGN_UP(info->memory[i].start, PAGE_SIZE), PAGE_SIZE);
        uint64_t end = min_u64(ALIGN_DOWN(info->memory[i].start + info->memory[i].size, PAGE_SIZE),
                               PHYSICAL_MAX);
        if (start < end && paging_map(start, start, end - start, PAGE_DATA))
            panic("no memory to map RAM at %lx", (unsigned long)start);
    }
    for (unsigned i = 0; i < info->module_count; i++) {
        uint64_t start = ALIGN_DOWN(info->module[i].start, PAGE_SIZE);
        uint64_t end = ALIGN_UP(info->module[i].start + info->module[i].size, PAGE_SIZE);
        if (start && end <= PHYSICAL_MAX)
            paging_map(start, start, end - start, PAGE_TABLES);
    }
}

static bool cpu_has_1g_pages(void)
{
    return cpuid(0x80000000, 0).eax >= 0x80000001 && (cpuid(0x80000001, 0).edx >> 26 & 1);
}

void paging_init(const struct boot_info *info)
{
    root = table_new();
    if (!root)
        panic("no memory for page tables");
    /* Asked once: in a VMX guest every CPUID is an exit (SDM vol. 3, "Instructions
     * That Cause VM Exits Unconditionally"; its number differs by revision). */
    large_level = cpu_has_1g_pages() ? 2 : 1;
    map_image();
    map_ram(info);
    write_cr3((uintptr_t)root);
}

/* An address the CPU cannot put out would fault on a reserved bit, and it comes
 * from firmware's tables or a device's BAR (SDM vol. 2A, CPUID leaf 80000008h). */
uint64_t paging_physical_end(void)
{
    uint32_t bits = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
    return min_u64(1ull << min_u64(bits, 52), PHYSICAL_MAX);
}

static void *map_window(uint64_t base, uint64_t pa, uint64_t size, enum page_kind kind)
{
    uint64_t limit = paging_physical_end();
    if (!root || !size || pa >= limit || size > limit - pa)
        return NULL;
    uint64_t start = ALIGN_DOWN(pa, PAGE_SIZE), end = ALIGN_UP(pa + size, PAGE_SIZE);
    if (paging_map(base + start, start, end - start, kind))
        return NULL;
    return (void *)(uintptr_t)(base + pa);
}

/* Where registers are is a device's or a table's word.  In RAM they would be a second way into
 * it, writable and past every IOMMU. */
void *mmio_map(uint64_t pa, uint64_t size)
{
    if (root && memory_is_ours(pa, size)) {
        log_error("memory: %lx to %lx is ours: not taken for a device's registers",
                  (unsigned long)pa, (unsigned long)(pa + size - 1));
        return NULL;
    }
    return map_window(MMIO_BASE, pa, size, PAGE_DEVICE);
}

const void *memory_map_table(uint64_t pa, uint64_t size)
{
    return map_window(TABLE_BASE, pa, size, PAGE_TABLES);
}
