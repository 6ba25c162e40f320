/* random.c - the bare half of random.h.  unread in this file: SDM. */
#include "kernel/random.h"

#include "kernel/cpu.h"

#include <stdbool.h>

#define RDRAND_TRIES 10u /* Intel SDM vol. 1, 7.3.17.1 */

static bool rdrand(uint64_t *value)
{
    for (unsigned i = 0; i < RDRAND_TRIES; i++) {
        bool good;
        __asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(good));
        if (good)
            return true;
    }
    return false;
}

uint64_t random_word(void)
{
    static uint64_t state;
    uint64_t hardware = 0;
    if (cpuid(CPUID_FEATURES, 0).ecx & CPUID_FEATURES_ECX_RDRAND)
        (void)rdrand(&hardware);
    state += 0x9e3779b97f4a7c15ull; /* two calls within one tick differ too */
    return random_mix(state ^ random_mix(rdtsc()) ^ hardware);
}
