/* cpu.h - kernel/cpu.h where the CPU is made of numbers (tests/kernel/machine.h).
 *
 * Found before the real one when kernel/x86/ is built for its tests: what is one instruction
 * there is a call here. */
#pragma once

#include <stdint.h>

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t rdtsc(void);
void cpu_relax(void);
void cpu_halt_once(void);
uint64_t read_cr3(void);
void write_cr3(uint64_t v);
uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t v);
uint64_t read_cr4(void);
void write_cr4(uint64_t v);
void write_xcr0(uint64_t v);
void fpu_reset(uint32_t mxcsr);
void *cpu_local(void);
