/* host.c - the hosted half of the machine layer (host.h). */
#include "tests/host/host.h"

#include "kernel/console.h"
#include "kernel/context.h"
#include "kernel/cpus.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/mmio.h"
#include "kernel/random.h"
#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* gcc 13 looks for uses after return by default, and puts variables that want 64-byte alignment
 * on its made-up stacks at multiples of 32 only: Ubuntu 24.04's 13.2 does, Debian 13's 14.2 does
 * not. */
const char *__asan_default_options(void) __attribute__((weak)); /* fuzzers have their own */

const char *__asan_default_options(void)
{
    return "detect_stack_use_after_return=0";
}

/* Register windows -------------------------------------------------------- */

#define WINDOWS_MAX 64

struct windows {
    struct host_window row[WINDOWS_MAX];
    unsigned count;
};

static struct windows mmio, pio;

static void window_add(struct windows *w, const struct host_window *row)
{
    if (w->count == WINDOWS_MAX)
        abort();
    w->row[w->count++] = *row;
}

void host_add_mmio(const struct host_window *window)
{
    window_add(&mmio, window);
}
void host_add_pio(const struct host_window *window)
{
    window_add(&pio, window);
}

static const struct host_window *window_find(const struct windows *w, uint64_t at, uint64_t size)
{
    for (unsigned i = 0; i < w->count; i++)
        if (at >= w->row[i].base && size <= w->row[i].size &&
            at - w->row[i].base <= w->row[i].size - size)
            return &w->row[i];
    return NULL;
}

/* A register pointer is its physical address in a range no allocation uses. */
#define MMIO_TAG 0x600000000000ull

void *mmio_map(uint64_t pa, uint64_t size)
{
    if (!size || pa + size < pa || pa + size > MMIO_TAG)
        return NULL;
    return (void *)(uintptr_t)(MMIO_TAG + pa);
}

static const struct host_window *owner(const struct windows *w, uint64_t at, unsigned size,
                                       const char *what)
{
    const struct host_window *row = window_find(w, at, size);
    if (!row) {
        fprintf(stderr, "host: %s at %llx, %u bytes: no device there\n", what,
                (unsigned long long)at, size);
        abort();
    }
    return row;
}

uint64_t host_mmio_read(const volatile void *reg, unsigned size)
{
    uint64_t at = (uint64_t)(uintptr_t)reg - MMIO_TAG;
    const struct host_window *w = owner(&mmio, at, size, "mmio read");
    return w->read(w->ctx, at - w->base, size);
}

void host_mmio_write(volatile void *reg, unsigned size, uint64_t value)
{
    uint64_t at = (uint64_t)(uintptr_t)reg - MMIO_TAG;
    const struct host_window *w = owner(&mmio, at, size, "mmio write");
    w->write(w->ctx, at - w->base, size, value);
}

uint32_t host_pio_read(uint16_t port, unsigned size)
{
    const struct host_window *w = owner(&pio, port, size, "port read");
    return (uint32_t)w->read(w->ctx, port - w->base, size);
}

void host_pio_write(uint16_t port, unsigned size, uint32_t value)
{
    const struct host_window *w = owner(&pio, port, size, "port write");
    w->write(w->ctx, port - w->base, size, value);
}

/* Time --------------------------------------------------------------------- */

static uint64_t now_us, look_us = 1;
static bool real_time;

static uint64_t real_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * US_PER_S + (uint64_t)t.tv_nsec / 1000;
}

void host_set_time_us(uint64_t us)
{
    now_us = us;
}
void host_advance_us(uint64_t us)
{
    now_us += us;
}
void host_set_look_us(uint64_t us)
{
    look_us = us;
}
void host_use_real_time(bool on)
{
    real_time = on;
}
uint64_t time_us(void)
{
    return real_time ? real_us() : now_us;
}
const char *time_source(void)
{
    return "the test";
}
uint64_t time_cycles_per_us(void)
{
    return 1;
}

/* The TSC, as on the bare machine (kernel/x86/time.c), so that a turn costs what it costs there.
 * How it runs beside the host's clock is looked at anew every so many cycles. */
#define CLOCK_LOOK_CYCLES 250000u

uint64_t time_cycles(void)
{
    return real_time ? __builtin_ia32_rdtsc() : now_us;
}

uint64_t time_us_at(uint64_t cycles)
{
    static uint64_t looked_at, us;
    if (!real_time)
        return cycles;
    if (cycles - looked_at > CLOCK_LOOK_CYCLES) {
        us = real_us();
        looked_at = cycles;
    }
    return us;
}

static uint64_t random_state;

void host_set_random(uint64_t seed)
{
    random_state = seed;
}

uint64_t random_word(void)
{
    return random_mix(random_state += 0x9e3779b97f4a7c15ull);
}

void time_delay_us(uint64_t us)
{
    if (!real_time)
        now_us += us;
}

bool deadline_passed(const struct deadline *d)
{
    if (!real_time)
        now_us += look_us;
    return time_us() >= d->end_us;
}

/* DMA ---------------------------------------------------------------------- */

/* IOVAs are handed out from here and never reused, so that a stale one, or a
 * pointer mistaken for one, is refused. */
#define IOVA_START 0x100000000ull

struct dma_row {
    struct dma_row *next;
    const struct dma_device *dev; /* NULL: the shared region itself */
    uint64_t iova;
    size_t size;
    uint8_t *va;
    bool readable, writable; /* by the device */
};

/* Blocks as large as packet pools are kept when they are freed, for the next that is as large: the
 * faults of fresh pages cost more than what is done with them. */
#define KEPT_MIN (64u * 1024u)
#define KEPT_BLOCKS 8u

static struct {
    void *va; /* nobody may touch it; NULL: none */
    size_t size;
} kept[KEPT_BLOCKS];
static unsigned kept_next;

/* sanitizer/asan_interface.h; programs without the sanitizer have none of them. */
void __asan_poison_memory_region(const volatile void *at, size_t size) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *at, size_t size) __attribute__((weak));

static void *block_alloc(size_t size, size_t align)
{
    for (unsigned i = 0; i < KEPT_BLOCKS; i++) {
        void *va = kept[i].va;
        if (!va || kept[i].size != size || (uintptr_t)va % align)
            continue;
        kept[i].va = NULL;
        if (__asan_unpoison_memory_region)
            __asan_unpoison_memory_region(va, size);
        return va;
    }
    return aligned_alloc(align, ALIGN_UP(size, align));
}

static void block_free(void *va, size_t size)
{
    if (size < KEPT_MIN) {
        free(va);
        return;
    }
    if (__asan_poison_memory_region)
        __asan_poison_memory_region(va, size);
    free(kept[kept_next].va);
    kept[kept_next].va = va;
    kept[kept_next].size = size;
    kept_next = (kept_next + 1) % KEPT_BLOCKS;
}

static struct dma_row *dma_rows, *rows_free;
static uint64_t iova_next = IOVA_START;
static unsigned dma_refused, dma_fail;

static void dma_row_add(const struct dma_device *dev, const struct dma_memory *mem,
                        enum dma_direction dir)
{
    struct dma_row *row = rows_free;
    if (row)
        rows_free = row->next;
    else
        row = malloc(sizeof *row);
    *row = (struct dma_row){ .next = dma_rows,
                             .dev = dev,
                             .iova = mem->iova,
                             .size = mem->size,
                             .va = mem->va,
                             .readable = dir != DMA_FROM_DEVICE,
                             .writable = dir != DMA_TO_DEVICE };
    dma_rows = row;
}

static void dma_row_free(struct dma_row **p)
{
    struct dma_row *row = *p;
    *p = row->next;
    row->next = rows_free;
    rows_free = row;
}

static void dma_row_remove(const struct dma_device *dev, const struct dma_memory *mem)
{
    for (struct dma_row **p = &dma_rows; *p; p = &(*p)->next)
        if ((*p)->dev == dev && (*p)->iova == mem->iova) {
            dma_row_free(p);
            return;
        }
    fprintf(stderr, "host: freeing DMA memory that is not mapped\n");
    abort();
}

static int dma_get(size_t size, size_t align, struct dma_memory *mem)
{
    if (!size || (align & (align - 1)))
        return -EINVAL;
    if (dma_fail && --dma_fail == 0)
        return -ENOMEM;
    align = align < PAGE_SIZE ? PAGE_SIZE : align;
    size = ALIGN_UP(size, PAGE_SIZE);
    void *va = block_alloc(size, align);
    if (!va)
        return -ENOMEM;
    memset(va, 0, size);
    iova_next = ALIGN_UP(iova_next, align);
    *mem = (struct dma_memory){ .va = va, .iova = iova_next, .size = size };
    iova_next += size + PAGE_SIZE; /* a gap, so that running over the end shows */
    return 0;
}

int dma_alloc(struct dma_device *dev, size_t size, size_t align, enum dma_direction dir,
              struct dma_memory *mem)
{
    int e = dma_get(size, align, mem);
    if (!e)
        dma_row_add(dev, mem, dir);
    return e;
}

void dma_free(struct dma_device *dev, struct dma_memory *mem)
{
    if (!mem->va)
        return;
    if (dev)
        dma_row_remove(dev, mem);
    block_free(mem->va, mem->size);
    *mem = (struct dma_memory){ 0 };
}

int dma_alloc_shared(size_t size, size_t align, struct dma_memory *mem)
{
    return dma_get(size, align, mem);
}

int dma_share(struct dma_device *dev, const struct dma_memory *mem, enum dma_direction dir)
{
    if (dma_fail && --dma_fail == 0)
        return -ENOMEM;
    dma_row_add(dev, mem, dir);
    return 0;
}

void dma_unshare(struct dma_device *dev, const struct dma_memory *mem)
{
    dma_row_remove(dev, mem);
}

static uint8_t *dma_reach(const struct dma_device *dev, uint64_t iova, size_t n, bool write)
{
    for (struct dma_row *row = dma_rows; row; row = row->next)
        if (row->dev == dev && (write ? row->writable : row->readable) && iova >= row->iova &&
            n <= row->size && iova - row->iova <= row->size - n)
            return row->va + (iova - row->iova);
    dma_refused++;
    return NULL;
}

int host_dma_read(const struct dma_device *dev, uint64_t iova, void *to, size_t n)
{
    const uint8_t *va = dma_reach(dev, iova, n, false);
    if (!va)
        return -1;
    memcpy(to, va, n);
    return 0;
}

int host_dma_write(const struct dma_device *dev, uint64_t iova, const void *from, size_t n)
{
    uint8_t *va = dma_reach(dev, iova, n, true);
    if (!va)
        return -1;
    memcpy(va, from, n);
    return 0;
}

unsigned host_dma_refused(void)
{
    return dma_refused;
}
void host_dma_fail_after(unsigned n)
{
    dma_fail = n;
}

size_t host_dma_mapped(const struct dma_device *dev)
{
    size_t bytes = 0;
    for (struct dma_row *row = dma_rows; row; row = row->next)
        bytes += row->dev == dev ? row->size : 0;
    return bytes;
}

static const struct dma_mapper *dma_mapper;

void dma_set_mapper(const struct dma_mapper *mapper)
{
    dma_mapper = mapper;
}

const struct dma_mapper *host_dma_mapper(void)
{
    return dma_mapper;
}

/* Pages -------------------------------------------------------------------- */

static unsigned page_fail;
static size_t pages_out;
static uint64_t ram_start, ram_size;

void *page_alloc(size_t bytes, size_t align, uint64_t below)
{
    (void)below;
    if (page_fail && --page_fail == 0)
        return NULL;
    void *pages = aligned_alloc(align, ALIGN_UP(bytes, align));
    if (pages) {
        memset(pages, 0xa5, bytes); /* pages are not zeroed */
        pages_out += bytes;
    }
    return pages;
}

void page_free(void *pages, size_t bytes)
{
    pages_out -= pages ? bytes : 0;
    free(pages);
}

void host_page_fail_after(unsigned n)
{
    page_fail = n;
}

static size_t table_room = SIZE_MAX;
static size_t table_reserve = SIZE_MAX; /* beside that, while tables draw on it */
static bool drawing;

/* malloc()'s memory is of one piece, as the bare machine's heap is: chunks lie within reach of
 * each other (apps/ip/blocks.h). */
static __attribute__((constructor)) void heap_of_one_piece(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
}

void tables_draw(bool on)
{
    drawing = on;
}

static bool room_for_table(size_t size)
{
    size_t *room = size > table_room && drawing ? &table_reserve : &table_room;
    if (size > *room)
        return false;
    *room -= *room == SIZE_MAX ? 0 : size;
    return true;
}

void *table_alloc(size_t align, size_t size)
{
    return room_for_table(size) ? memalign(align, size) : NULL;
}

void *table_calloc(size_t n, size_t size)
{
    return room_for_table(n * size) ? calloc(n, size) : NULL;
}

bool memory_spare(uint64_t bytes)
{
    return bytes <= table_room;
}

void host_set_table_room(size_t bytes)
{
    table_room = bytes;
}

void host_set_reserve(size_t bytes)
{
    table_reserve = bytes;
}

size_t host_pages(void)
{
    return pages_out;
}
void host_set_ram(uint64_t pa, uint64_t size)
{
    ram_start = pa;
    ram_size = size;
}
bool memory_is_ram(uint64_t pa, uint64_t size)
{
    return size && size <= ram_size && pa >= ram_start && pa - ram_start <= ram_size - size;
}

bool memory_is_module(uint64_t pa)
{
    return false;
}

/* Firmware tables ---------------------------------------------------------- */

#define MEMORY_MAX 64

static struct {
    uint64_t pa;
    uint8_t *bytes;
    size_t size;
} memories[MEMORY_MAX];
static unsigned memory_count;

void host_add_memory(uint64_t pa, const void *bytes, size_t size)
{
    if (memory_count == MEMORY_MAX)
        abort();
    uint8_t *copy = malloc(size ? size : 1); /* exact size: overruns are seen */
    memcpy(copy, bytes, size);
    memories[memory_count].pa = pa;
    memories[memory_count].bytes = copy;
    memories[memory_count++].size = size;
}

const void *memory_map_table(uint64_t pa, uint64_t size)
{
    for (unsigned i = 0; i < memory_count; i++)
        if (size && pa >= memories[i].pa && size <= memories[i].size &&
            pa - memories[i].pa <= memories[i].size - size)
            return memories[i].bytes + (pa - memories[i].pa);
    return NULL;
}

/* Log and console ---------------------------------------------------------- */

#define TEXT_MAX (1u << 20)

struct text {
    char bytes[TEXT_MAX];
    size_t length;
};

static struct text log_text, output, input;
static size_t input_read;
static void (*yield)(void);

static void text_add(struct text *t, const char *bytes, size_t n)
{
    if (n > TEXT_MAX - 1 - t->length)
        n = TEXT_MAX - 1 - t->length;
    memcpy(t->bytes + t->length, bytes, n);
    t->length += n;
    t->bytes[t->length] = 0;
}

static void log_sink(const char *line, size_t n)
{
    if (cpu_number()) /* workers say nothing */
        abort();
    text_add(&log_text, line, n);
    if (getenv("HOST_LOG"))
        fwrite(line, 1, n, stderr);
}

/* The terminal: takes everything at once, and types what a test told it to. */
static size_t terminal_write(struct console_device *d, const char *text, size_t n)
{
    text_add(&output, text, n);
    return n;
}

static int terminal_read(struct console_device *d)
{
    return input_read < input.length ? (unsigned char)input.bytes[input_read++] : -1;
}

static struct console_device terminal = { .name = "terminal",
                                          .write = terminal_write,
                                          .read = terminal_read };

bool host_log_contains(const char *text)
{
    return strstr(log_text.bytes, text);
}
void host_console_type(const char *text)
{
    text_add(&input, text, strlen(text));
}
void host_set_yield(void (*fn)(void))
{
    yield = fn;
}

const char *host_console_output(void)
{
    console_flush();
    return output.bytes;
}

/* A test is treated like a task, so that what waits can be called straight. */
bool context_wait_outside(void)
{
    now_us += HOST_YIELD_US;
    if (yield)
        yield();
    return true;
}

/* The machine --------------------------------------------------------------- */

unsigned host_poweroffs, host_reboots, host_crashes;

void machine_poweroff(void)
{
    host_poweroffs++;
}
void machine_reboot(void)
{
    host_reboots++;
}
void machine_crash(unsigned kind)
{
    host_crashes = 1u << kind;
}
const char *machine_cpu_name(void)
{
    return "hosted";
}
const char *machine_boot_protocol(void)
{
    return "hosted";
}
void memory_stats(struct memory_stats *s)
{
    *s = (struct memory_stats){ 0 };
}

void panic(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    abort();
}

void host_reset(void)
{
    host_heap_fail_after(0);
    mmio.count = pio.count = 0;
    now_us = 0;
    look_us = 1;
    random_state = 0;
    real_time = false;
    while (dma_rows)
        dma_row_free(&dma_rows);
    dma_refused = dma_fail = page_fail = 0;
    table_room = SIZE_MAX;
    dma_mapper = NULL;
    ram_start = ram_size = 0;
    while (memory_count)
        free(memories[--memory_count].bytes);
    log_text.length = output.length = input.length = input_read = 0;
    log_text.bytes[0] = output.bytes[0] = input.bytes[0] = 0;
    log_reset();
    log_set_level(LOG_DEBUG);
    log_set_sink(log_sink);
    console_reset();
    console_add(&terminal);
    console_set_wait(task_yield);
    yield = NULL;
    task_reset();
    host_poweroffs = host_reboots = 0;
}
