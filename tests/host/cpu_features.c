/* cpu_features.c - the hosted half of kernel/cpu_features.h: what the host has. */
#include "kernel/cpu_features.h"

#include "kernel/cpu.h"
#include "tests/host/host.h"

#define CPUID_ONE_ECX_OSXSAVE (1u << 27)

static uint32_t hidden;

void host_hide_cpu_features(uint32_t features)
{
    hidden = features;
}

uint32_t cpu_features(void)
{
    uint32_t ecx = cpuid(1, 0).ecx, ebx = cpuid(0, 0).eax >= 7 ? cpuid(7, 0).ebx : 0;
    return cpu_features_of(ecx, ebx, ecx & CPUID_ONE_ECX_OSXSAVE ? read_xcr0() : 0) & ~hidden;
}
