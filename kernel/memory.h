/* memory.h - physical pages and the one address space.
 *
 * RAM is mapped one to one (virtual address = physical address), writable and
 * not executable; the image is mapped W^X; page 0 is never mapped.  malloc()'s
 * heap has addresses of its own and grows page by page. */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct boot_info;

void memory_init(const struct boot_info *info);

/* Contiguous pages, not zeroed.  align: power of two, at least PAGE_SIZE.
 * below: the last byte lies under this physical address (0: anywhere).
 * NULL when there is none. */
void *page_alloc(size_t bytes, size_t align, uint64_t below);
void page_free(void *pages, size_t bytes);

/* The physical address of a page of RAM below 1 MiB that nobody else uses, for code that other
 * CPUs start in; 0: there is none.  Always the same. */
uint64_t memory_low_page(void);

/* What ports need is set aside: tables that grow by what is configured or heard (routes,
 * neighbors, bridges) ask for their memory here and are refused, NULL, where less than the
 * reserve would be left.  Ports, consoles and what is made once use malloc(), calloc() and
 * dma_alloc(), and find it.  free() takes it back.  Control task only.
 * `bytes` says how much that is now: what runs has its memory. */
void memory_reserve(uint64_t (*bytes)(void));
void *table_alloc(size_t align, size_t size);
void *table_calloc(size_t n, size_t size);
/* While it is on they draw on the reserve: what is little, and nothing is forwarded without. */
void tables_draw(bool on);
/* Whether so much can be had besides the reserve. */
bool memory_spare(uint64_t bytes);

struct memory_stats {
    uint64_t total, free; /* bytes of RAM under our control */
    uint64_t heap;        /* of it given to malloc() */
    uint64_t image;       /* bytes of the image, its bss and stacks */
    uint64_t reserve;     /* of what is free, so much is not for tables */
};
void memory_stats(struct memory_stats *s);

/* True when [pa, pa+size) is RAM by the boot memory map. */
bool memory_is_ram(uint64_t pa, uint64_t size);
/* True when a file that the loader brought lies at pa. */
bool memory_is_module(uint64_t pa);
/* True when any of it is RAM, the image or a module; false of a range that wraps. */
bool memory_is_ours(uint64_t pa, uint64_t size);

/* Firmware's tables, read only: a pointer to size bytes at pa, or NULL when the
 * range is empty, wraps, or cannot be mapped. */
const void *memory_map_table(uint64_t pa, uint64_t size);
