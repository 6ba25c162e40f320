/* machine.h - a bare machine for the tests of kernel/x86/: a CPU made of numbers, RAM at chosen
 * addresses, and the two timers a TSC is measured against.
 *
 * The files under test are the image's own, unchanged.  Physical addresses are pointers there, so
 * RAM is host memory mapped at exactly these addresses. */
#pragma once

#include "boot/boot_info.h"
#include "kernel/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIB 0x100000ull
#define GIB 0x40000000ull

/* Where there may be RAM: the address sanitizer has the rest for itself. */
#define LOW_RAM 0x10000000ull        /* 256 MiB, up to 1 GiB */
#define HIGH_RAM 0x10000000000ull    /* 1 TiB: above 4 GiB, and not mapped when the image begins */

/* Everything back to power-on: no RAM, a CPU that tells nothing, the TSC at 0. */
void machine_reset(void);
/* RAM, filled with bytes that are not zero, and a row of the boot memory map. */
void machine_add_ram(struct boot_info *info, uint64_t start, uint64_t size);

/* What CPUID answers; leaves not named are 0. */
void machine_cpuid(uint32_t leaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx);
extern uint64_t machine_cr3, machine_cr4;
extern unsigned machine_cr3_writes;
extern uint64_t machine_xcr0;  /* writing it takes CR4.OSXSAVE, and what CPUID 0xd allows */
extern uint32_t machine_mxcsr; /* 0: as firmware left it */
extern unsigned machine_panics;

bool machine_logged(const char *text);

/* Model-specific registers and the registers of a device, where a test has some; each NULL:
 * touching them ends the test.  what: of MSRs the number, else the offset in the page. */
struct machine_registers {
    uint64_t (*read)(uint32_t what);
    void (*write)(uint32_t what, uint64_t value);
};
extern struct machine_registers machine_msrs, machine_mmio;
extern void (*machine_waits)(void); /* called whenever the CPU waits; NULL: nothing */
extern void (*machine_halts)(void); /* a halt, and what ends it; NULL: it ends the test */
/* What the MADT lists. */
struct acpi_cpu;
extern const struct acpi_cpu *machine_cpus;
extern unsigned machine_cpu_count;

/* The clock: every look at the TSC takes this many cycles, every access to a port another. */
extern uint64_t machine_tsc, machine_tsc_hz;
/* The n-th read of a timer from now is held up for so many cycles, once (0: never). */
void machine_hold_up(unsigned n, uint64_t cycles);

#define MACHINE_PM_PORT 0x608u
/* hz 0: the timer stands still; bits 0: firmware tells of none. */
void machine_pm_timer(uint32_t hz, unsigned bits, uint32_t at);
void machine_pit(uint32_t hz);
/* What the CPU asked of the 8254's command port first (mode), 0: nothing. */
extern uint8_t machine_pit_mode;

/* The image: bounds and guards (linker.ld, boot/entry.S), one page or more each. */
extern uint8_t image_start[], text_end[], rodata_end[], image_end[];
extern uint8_t stack_guard_boot[], stack_guard_exception[], stack_guard_double_fault[],
    stack_guard_end[];

/* A walk of the tables under machine_cr3, from what is known of the CPU, not from paging.c. */
struct walk {
    bool present, writable, executable, uncached;
    uint64_t pa, span;      /* where va leads, and how much one entry maps there */
};
struct walk machine_walk(uint64_t va);
/* How many entries anywhere in the tables map what is both writable and executable. */
unsigned machine_writable_code(void);
/* How many bytes are mapped in [from, to). */
uint64_t machine_mapped(uint64_t from, uint64_t to);
