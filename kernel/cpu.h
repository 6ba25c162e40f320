/* cpu.h - the instructions that C has no words for, and the CPU's set-up.
 * unread in this file: Intel SDM (325462-081), from knowledge. */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

#define CPUID_FEATURES 1u
#define CPUID_FEATURES_ECX_RDRAND (1u << 30) /* SDM vol. 2, CPUID, table 3-10 */

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline void cpu_relax(void)
{
    __asm__ volatile("pause");
}

static inline uint64_t read_cr2(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr2, %0" : "=r"(v));
    return v;
}

static inline uint64_t read_cr3(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr3, %0" : "=r"(v));
    return v;
}

static inline void write_cr3(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}

static inline uint64_t read_cr0(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}

static inline void write_cr0(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}

static inline uint64_t read_cr4(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}

static inline void write_cr4(uint64_t v)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

static inline uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static inline void write_xcr0(uint64_t v)
{
    __asm__ volatile("xsetbv" : : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(0));
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
                     : "memory");
}

static inline void wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

static inline void fpu_reset(uint32_t mxcsr)
{
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

/* What GS points to begins with a pointer to itself (kernel/x86/percpu.h). */
static inline void *cpu_local(void)
{
    void *self;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(self));
    return self;
}

static inline void invlpg(uint64_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* Halts until an interrupt.  One that came before ends it at once: sti holds interrupts off until
 * the instruction behind it. */
static inline void cpu_halt_once(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Interrupts stay off: nothing here is driven by them (a CPU that rests is woken by one). */
NORETURN static inline void cpu_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* On CPU 0: GDT, TSS with exception stacks, IDT, its place in GS, and the legacy interrupt
 * controllers masked (kernel/x86/exception.c). */
void exception_init(void);
/* Reset without any table: keyboard controller, port CF9, then a triple fault. */
NORETURN void cpu_reset(void);
