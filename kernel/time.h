/* time.h - one monotonic clock, counted from the image's first instruction.
 *
 * Bare metal: the TSC, its frequency from CPUID or calibrated (kernel/x86/time.c).
 * Hosted: a clock that only moves when the test moves it (tests/host/host.h),
 * or the host's own clock for benchmarks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define US_PER_MS 1000ull
#define US_PER_S 1000000ull

uint64_t time_us(void);
uint64_t time_cycles(void); /* raw counter */
uint64_t time_us_at(uint64_t cycles); /* time_us() when the counter, just now, said that */
uint64_t time_cycles_per_us(void);
const char *time_source(void); /* who told the counter's rate: "CPUID", ..., "a guess" */
void time_delay_us(uint64_t us); /* set-up paths only, never the data path */

/* Every wait for hardware goes through a deadline:
 *     struct deadline d = deadline_us(1000);
 *     while (!(read() & READY))
 *         if (deadline_passed(&d)) return trouble;
 * deadline_passed() also relaxes the CPU, and moves the hosted clock. */
struct deadline {
    uint64_t end_us;
};

static inline struct deadline deadline_us(uint64_t us)
{
    return (struct deadline){ .end_us = time_us() + us };
}

bool deadline_passed(const struct deadline *d);
