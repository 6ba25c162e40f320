/* random.h - numbers that nobody chose: seeds, and addresses that must differ.
 *
 * Not for secrets: RDRAND where the CPU has it, always mixed with the cycle
 * counter.  Hosted: the same row of numbers after each host_reset(). */
#pragma once

#include <stdint.h>

uint64_t random_word(void);

/* Every bit of the result depends on every bit of v (splitmix64's finisher). */
static inline uint64_t random_mix(uint64_t v)
{
    v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ull;
    v = (v ^ v >> 27) * 0x94d049bb133111ebull;
    return v ^ v >> 31;
}
