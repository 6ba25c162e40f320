/* cpu_features.c - what CPUID and XCR0 say together (cpu_features.h).
 *
 * Bits: Linux's asm/cpufeatures.h; of XCR0 its XFEATURE_MASKs.  A hypervisor may hide any of them:
 * each feature asks for all that its target() makes the compiler use. */
#include "kernel/cpu_features.h"

#include "kernel/compiler.h"

#include <stdio.h>

/* CPUID 1, ECX */
#define SSE3 (1u << 0)
#define SSSE3 (1u << 9)
#define SSE41 (1u << 19)
#define SSE42 (1u << 20)
#define POPCNT (1u << 23)
#define AVX (1u << 28)
/* CPUID 7, EBX */
#define AVX2 (1u << 5)
#define AVX512F (1u << 16)
#define AVX512DQ (1u << 17)
#define AVX512BW (1u << 30)
#define AVX512VL (1u << 31)

#define BEFORE_AVX2 (SSE3 | SSSE3 | SSE41 | SSE42 | POPCNT | AVX)

static const struct {
    const char *name;
    uint32_t leaf1_ecx, leaf7_ebx, xcr0;
} rows[] = {
    { "popcnt", POPCNT, 0, 0 },
    { "ssse3", SSE3 | SSSE3, 0, 0 },
    { "avx2", BEFORE_AVX2, AVX2, XCR0_AVX },
    { "avx512", BEFORE_AVX2, AVX2 | AVX512F | AVX512DQ | AVX512BW | AVX512VL,
      XCR0_AVX | XCR0_AVX512 },
};

uint32_t cpu_features_of(uint32_t leaf1_ecx, uint32_t leaf7_ebx, uint64_t xcr0)
{
    uint32_t features = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if ((leaf1_ecx & rows[i].leaf1_ecx) == rows[i].leaf1_ecx &&
            (leaf7_ebx & rows[i].leaf7_ebx) == rows[i].leaf7_ebx &&
            (xcr0 & rows[i].xcr0) == rows[i].xcr0)
            features |= 1u << i;
    return features;
}

void cpu_features_text(uint32_t features, char *text, size_t size)
{
    size_t at = 0;
    snprintf(text, size, "none");
    for (unsigned i = 0; i < ARRAY_SIZE(rows) && at < size; i++)
        if (features & 1u << i)
            at += (size_t)snprintf(text + at, size - at, "%s%s", at ? " " : "", rows[i].name);
}
