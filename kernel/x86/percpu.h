/* percpu.h - what each CPU has of its own; GS points to it.  unread in this file: SDM. */
#pragma once

#include "kernel/compiler.h"
#include "kernel/cpu.h"
#include "kernel/cpus.h"

#include <stdbool.h>
#include <stdint.h>

struct tss { /* SDM vol. 3, figure 8-11 */
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map;
} PACKED;
_Static_assert(sizeof(struct tss) == 104, "SDM vol. 3, figure 8-11");

#define GDT_ENTRIES 5u

/* The CPU itself makes CALLED into UP, CPU 0 makes it LEFT_OUT: whoever is first. */
enum cpu_state { CPU_ABSENT, CPU_CALLED, CPU_UP, CPU_LEFT_OUT };

struct cpu {
    struct cpu *self;      /* at %gs:0 */
    uint32_t number;       /* for good once cpus_settle() has returned */
    uint32_t apic_id;
    uint32_t state;        /* enum cpu_state */
    bool resting, woken;   /* cpu_rest(), cpu_wake() */
    bool timer_ready;      /* its APIC's timer is set up */
    bool stopped;          /* for good: another CPU tells of a panic */
    uint64_t tsc;          /* when it came, by its own clock */
    uint64_t tsc_behind;   /* CPU 0's clock, read before, less that; 0: it is not behind */
    void (*run)(unsigned number);
    uint64_t gdt[GDT_ENTRIES];
    struct tss tss;
} CACHE_ALIGNED;

extern struct cpu cpus[CPUS_MAX]; /* in the order in which they were found, ours first */

static inline struct cpu *this_cpu(void)
{
    return cpu_local();
}

/* exception.c: this CPU's own GDT and TSS, whose stacks are set, the IDT, and GS. */
void exception_load(struct cpu *cpu);
/* Vectors from 32 on return at once: they only wake. */
void exception_add_interrupts(void);

bool cpus_begin_apic(void); /* cpus.c: false: there is no local APIC that we can use */
void cpu_rest_reset(void);  /* rest.c, tests: nothing has been measured */

/* cpus.c: stops all others for good, as far as they can be reached; for panics. */
void cpus_stop_others(void);
void cpus_reset(void); /* tests: as if none had been looked for */

/* cpu_begin.c: what every CPU is to have as this one has it. */
void cpu_settings_note(void);
