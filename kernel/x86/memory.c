/* memory.c - physical pages: one sorted list of free extents.
 *
 * What is asked for lies as high as it fits below 4 GiB, beside what firmware left at the end
 * of RAM: a hypervisor finds and clears a large page for each that is touched first, so few are.
 * For that reason an extent is cut at its end: its node lies in its own first page.  Pages are
 * asked for at set-up, when a port starts and when the heap grows; the list is a handful of extents
 * long, so nothing cleverer is wanted. */
#include "kernel/memory.h"

#include "boot/boot_info.h"
#include "kernel/log.h"
#include "kernel/paging.h"

#define LOW_MEMORY_END 0x100000ull  /* BIOS data, start-up code of other CPUs */
#define LOW_PAGES_END 0x90000ull    /* machine.c keeps its record there */
#define EARLY_MAPPED 0x100000000ull /* by boot/entry.S */

struct extent {
    struct extent *next;
    uint64_t size;
};

extern uint8_t image_start[], image_end[];

static struct extent *free_list;
static struct memory_stats stats;
static uint64_t (*reserve_now)(void); /* NULL: nothing is set aside yet */
static bool drawing;
static const struct boot_info *map;
uint64_t memory_heap_bytes; /* kept by libc.c */

static uint64_t extent_end(const struct extent *e)
{
    return (uintptr_t)e + e->size;
}

void page_free(void *pages, size_t bytes)
{
    if (!pages || !bytes)
        return;
    struct extent **p = &free_list, *e = pages, *previous = NULL;
    while (*p && *p < e) {
        previous = *p;
        p = &(*p)->next;
    }
    e->next = *p;
    e->size = ALIGN_UP(bytes, PAGE_SIZE);
    stats.free += e->size;
    *p = e;
    if (e->next && extent_end(e) == (uintptr_t)e->next) {
        e->size += e->next->size;
        e->next = e->next->next;
    }
    if (previous && extent_end(previous) == (uintptr_t)e) {
        previous->size += e->size;
        previous->next = e->next;
    }
}

/* Cuts [start, start+size) out of the extent that *p points to. */
static void extent_cut(struct extent **p, uint64_t start, uint64_t size)
{
    struct extent *e = *p, *next = e->next;
    uint64_t end = extent_end(e);
    if (end > start + size) {
        struct extent *rest = (struct extent *)(uintptr_t)(start + size);
        rest->size = end - (start + size);
        rest->next = next;
        next = rest;
    }
    if (start > (uintptr_t)e) {
        e->size = start - (uintptr_t)e;
        e->next = next;
    } else {
        *p = next;
    }
    stats.free -= size;
}

/* Where at this extent's end; 0: it does not fit. */
static uint64_t fit(const struct extent *e, uint64_t size, uint64_t align, uint64_t below)
{
    uint64_t first = ALIGN_UP((uint64_t)(uintptr_t)e, align), end = extent_end(e);
    end = below ? min_u64(end, below) : end;
    return first < end && size <= end - first ? ALIGN_DOWN(end - size, align) : 0;
}

void *page_alloc(size_t bytes, size_t align, uint64_t below)
{
    if (!bytes || bytes > PHYSICAL_MAX || align > PHYSICAL_MAX)
        return NULL;
    uint64_t size = ALIGN_UP((uint64_t)bytes, PAGE_SIZE), start = 0;
    struct extent **at = NULL;
    align = align < PAGE_SIZE ? PAGE_SIZE : align;
    for (struct extent **p = &free_list; *p; p = &(*p)->next) {
        if (at && (uintptr_t)*p >= EARLY_MAPPED)
            break;
        uint64_t found = fit(*p, size, align, below);
        at = found ? p : at;
        start = found ? found : start;
    }
    if (at)
        extent_cut(at, start, size);
    return (void *)(uintptr_t)start;
}

void memory_reserve(uint64_t (*bytes)(void))
{
    reserve_now = bytes;
}

void tables_draw(bool on)
{
    drawing = on;
}

bool memory_spare(uint64_t bytes)
{
    uint64_t reserve = reserve_now && !drawing ? reserve_now() : 0;
    return stats.free > reserve && bytes <= stats.free - reserve;
}

/* Frees the RAM between two bounds; the node needs the pages to be mapped. */
static void add_ram(const struct boot_info *info, uint64_t from, uint64_t to)
{
    for (unsigned i = 0; i < info->memory_count; i++) {
        const struct boot_memory *row = &info->memory[i];
        uint64_t start = max_u64(ALIGN_UP(row->start, PAGE_SIZE), from);
        uint64_t end = min_u64(ALIGN_DOWN(row->start + row->size, PAGE_SIZE), to);
        if (start >= end)
            continue;
        stats.total += end - start;
        page_free((void *)(uintptr_t)start, end - start);
    }
}

void memory_init(const struct boot_info *info)
{
    map = info;
    free_list = NULL;
    stats = (struct memory_stats){ 0 };
    reserve_now = NULL;
    stats.image = (uint64_t)(image_end - image_start);
    add_ram(info, LOW_MEMORY_END, EARLY_MAPPED);
    paging_init(info);
    add_ram(info, EARLY_MAPPED, PHYSICAL_MAX);
}

void memory_stats(struct memory_stats *s)
{
    *s = stats;
    s->heap = memory_heap_bytes;
    s->reserve = reserve_now ? reserve_now() : 0;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static bool touches_module(uint64_t pa, uint64_t size)
{
    bool touches = false;
    for (unsigned i = 0; i < map->module_count; i++)
        touches |= overlap(pa, size, map->module[i].start, map->module[i].size);
    return touches;
}

bool memory_is_module(uint64_t pa)
{
    return touches_module(pa, 1);
}

bool memory_is_ours(uint64_t pa, uint64_t size)
{
    bool ours = overlap(pa, size, (uintptr_t)image_start, stats.image) || touches_module(pa, size);
    for (unsigned i = 0; i < map->memory_count; i++)
        ours |= overlap(pa, size, map->memory[i].start, map->memory[i].size);
    return ours;
}

/* Nothing below 1 MiB is ever given out.  Below what outlives a reset (machine.c), and as high as
 * it can be: BIOS and boot loaders leave things at the bottom. */
uint64_t memory_low_page(void)
{
    uint64_t pa = LOW_PAGES_END;
    while ((pa -= PAGE_SIZE) != 0)
        if (memory_is_ram(pa, PAGE_SIZE))
            return pa;
    return 0;
}

bool memory_is_ram(uint64_t pa, uint64_t size)
{
    for (unsigned i = 0; i < map->memory_count; i++) {
        const struct boot_memory *row = &map->memory[i];
        if (pa >= row->start && size <= row->size && pa - row->start <= row->size - size)
            return true;
    }
    return false;
}
