/* extended.c - the states of wide registers switched on, CPU by CPU (kernel/cpu_features.h).
 *
 * XCR0 gets the x87's, SSE's and AVX's states, and AVX-512's three where all are there; no others,
 * whatever firmware left (entry.S switches all of them off, with CR4).  A CPU without XSAVE, or
 * whose hypervisor hides it, keeps to SSE.  unread in this file: SDM vol. 1, 13. */
#include "kernel/compiler.h"
#include "kernel/cpu.h"
#include "kernel/cpu_features.h"

#define CPUID_ONE_ECX_XSAVE (1u << 26)
#define CR4_OSXSAVE (1ull << 18)
#define MXCSR_DEFAULT 0x1f80u

static uint32_t common;

/* A leaf beyond the last would answer like another one. */
static struct cpuid leaf(uint32_t number, uint32_t last)
{
    return number <= last ? cpuid(number, 0) : (struct cpuid){ 0 };
}

/* AVX-512 without AVX, or a part of it, is refused by the CPU. */
static uint64_t states_of(uint32_t there)
{
    const uint64_t all = XCR0_BASE | XCR0_AVX | XCR0_AVX512;
    return (there & all) == all ? all : (there & XCR0_AVX) | XCR0_BASE;
}

/* Loaders, and an INIT, leave the control words as they were. */
static uint32_t extend(void)
{
    uint32_t last = cpuid(0, 0).eax, ecx = leaf(1, last).ecx;
    uint64_t states = 0;
    fpu_reset(MXCSR_DEFAULT);
    if (ecx & CPUID_ONE_ECX_XSAVE) {
        states = states_of(leaf(0xd, last).eax);
        write_cr4(read_cr4() | CR4_OSXSAVE);
        write_xcr0(states);
    }
    return cpu_features_of(ecx, leaf(7, last).ebx, states);
}

void cpu_features_begin(void)
{
    common = extend();
}

void cpu_features_join(void)
{
    __atomic_fetch_and(&common, extend(), __ATOMIC_RELAXED);
}

uint32_t cpu_features(void)
{
    return load_relaxed(&common);
}
