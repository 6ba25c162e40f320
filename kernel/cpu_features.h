/* cpu_features.h - instructions beyond those that every x86-64 has, chosen from at boot.
 *
 * The image is compiled for any x86-64.  Who has a use for more writes a function of its own with
 * the attribute that stands beside the feature, another one without, and takes one of the two by
 * what cpu_has() says.  It is asked when a path is chosen (a queue starts, a table is made), from
 * ports and configuration on, not for every burst: what it says holds from cpus_settle() on.
 *
 * Vector registers are nobody's across a call (System V ABI, unread: 3.2.1), and a task switches
 * by calling: task_switch() keeps none.  What wakes a CPU touches none, and there are no other
 * interrupts, nor exceptions that return (kernel/x86/exception_entry.S): none are ever saved.  The
 * control words, MXCSR and the x87's, are a task's across a call; all tasks and CPUs have those
 * that kernel/x86/extended.c sets, and nobody changes them.
 *
 * Hosted: what the host has and its system has on, less what a test hides (tests/host/host.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cpu_feature {
    CPU_POPCNT = 1 << 0, /* target("popcnt") */
    CPU_SSSE3 = 1 << 1,  /* target("ssse3"), and SSE3 */
    CPU_AVX2 = 1 << 2,   /* target("avx2"), and all that is above and between: SSE4.2, AVX */
    CPU_AVX512 = 1 << 3, /* target("avx512f,avx512bw,avx512dq,avx512vl"), and AVX2 */
};

/* Of CPU 0, and then of all CPUs that run: what one of them lacks, none has. */
uint32_t cpu_features(void);

static inline bool cpu_has(uint32_t features)
{
    return (cpu_features() & features) == features;
}

/* States in XCR0. */
#define XCR0_BASE 0x3u     /* the x87's and SSE's */
#define XCR0_AVX 0x4u      /* the upper halves of YMM */
#define XCR0_AVX512 0xe0u  /* masks, the upper halves of ZMM0 to 15, ZMM16 to 31 */

/* What a CPU has of them that answers so: CPUID 1 in ECX and 7 in EBX (0: it has no such leaf), and
 * the states that are on in XCR0 (0: there is none). */
uint32_t cpu_features_of(uint32_t leaf1_ecx, uint32_t leaf7_ebx, uint64_t xcr0);
/* "popcnt ssse3", "none" */
void cpu_features_text(uint32_t features, char *text, size_t size);

/* The image, on CPU 0 once exceptions are told, and on each other CPU before it runs anything. */
void cpu_features_begin(void);
void cpu_features_join(void);
