/* host.h - the machine layer as a Linux program: what tests set up and look at.
 *
 * Registers (mmio.h), ports, DMA memory, time and the console are the narrow
 * interface below everything that is built twice; this is its hosted half.
 * Single-threaded and deterministic: time moves only when it is told to, or by
 * 1 us for every look at a deadline. */
#pragma once

#include "kernel/dma.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Register windows ------------------------------------------------------- */

/* What answers accesses in [base, base+size) of physical (or port) address
 * space.  Accesses outside any window fail the test. */
struct host_window {
    uint64_t base, size;
    uint64_t (*read)(void *ctx, uint64_t offset, unsigned size);
    void (*write)(void *ctx, uint64_t offset, unsigned size, uint64_t value);
    void *ctx;
};
void host_add_mmio(const struct host_window *window);
void host_add_pio(const struct host_window *window);

/* Time --------------------------------------------------------------------- */

void host_set_time_us(uint64_t us);
void host_advance_us(uint64_t us);
/* How long a look at a deadline takes, 1 us unless set: a device that never answers is given up
 * after fewer of them. */
void host_set_look_us(uint64_t us);
void host_use_real_time(bool on);       /* benchmarks */

/* What random_word() says from now on follows from this alone. */
void host_set_random(uint64_t seed);

/* DMA: what a device model uses to reach memory ----------------------------- */

/* 0, or -1 when [iova, iova+n) is not wholly mapped for this device in that
 * direction: the check an IOMMU would make.  Refusals are counted. */
int host_dma_read(const struct dma_device *dev, uint64_t iova, void *to, size_t n);
int host_dma_write(const struct dma_device *dev, uint64_t iova, const void *from, size_t n);
unsigned host_dma_refused(void);
size_t host_dma_mapped(const struct dma_device *dev);  /* bytes; 0 after a clean stop and remove */
/* The n-th allocation from now fails with -ENOMEM (1: the next); 0: never. */
void host_dma_fail_after(unsigned n);

/* The mapper that was set with dma_set_mapper(), NULL: none.  Hosted memory has
 * IOVAs of its own, so only tests of the mapper call it. */
const struct dma_mapper *host_dma_mapper(void);

/* Pages (kernel/memory.h): a physical address is a pointer. ------------------ */

/* The n-th page_alloc() from now returns NULL (1: the next); 0: never. */
void host_page_fail_after(unsigned n);
/* The n-th malloc(), calloc() or aligned_alloc() from now returns NULL (1: the next); 0: never. */
void host_heap_fail_after(unsigned n);
/* So many bytes more for tables, then their allocations return NULL; SIZE_MAX: no bound. */
void host_set_table_room(size_t bytes);
void host_set_reserve(size_t bytes); /* and so much while they draw on it */
size_t host_pages(void);                        /* bytes not given back */
void host_set_ram(uint64_t pa, uint64_t size);  /* what memory_is_ram() says yes to */

/* Firmware tables ----------------------------------------------------------- */

/* memory_map_table() finds bytes here and nowhere else. */
void host_add_memory(uint64_t pa, const void *bytes, size_t size);

/* Log and console ----------------------------------------------------------- */

bool host_log_contains(const char *text);
void host_console_type(const char *text);       /* input for console_getc() */
const char *host_console_output(void);          /* all text since host_reset() */

/* Tasks ------------------------------------------------------------------------ */

/* What kernel/task.c has of them works here too: a test gives them turns with task_turn().
 * Outside of them task_yield() answers as if the test were one.  Either way time passes. */
#define HOST_YIELD_US 100u
/* Called whenever the program would wait outside a task (task_yield): lets a
 * test run the rest of the world. */
void host_set_yield(void (*fn)(void));

/* CPUs ------------------------------------------------------------------------ */

/* kernel/cpus.h has so many; each but the first becomes a thread by cpu_run(). */
void host_set_cpus(unsigned n);
extern bool host_rest_for_ever; /* cpu_rest() ends when it is woken and not before */
extern bool host_interrupts; /* devices can interrupt CPUs: cpu_message() */
void host_join_cpus(void);      /* waits until all of them have ended */
/* As if the host had none of those (kernel/cpu_features.h); 0: all that it has. */
void host_hide_cpu_features(uint32_t features);

/* machine_poweroff() and machine_reboot() only note that they were called. */
extern unsigned host_poweroffs, host_reboots;
extern unsigned host_crashes;               /* 1 << kind of the last machine_crash() */

/* Everything back to the beginning: windows, time 0, memory, log, hooks. */
void host_reset(void);
