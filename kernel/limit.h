/* limit.h - a token bucket in one word: so many a second, bursts of so many. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct limit {
    uint64_t full_us; /* when the bucket would be full again */
};

/* May another one pass?  limit_take() then takes the token. */
static inline bool limit_allows(const struct limit *l, uint64_t now_us, uint32_t rate,
                                uint32_t burst)
{
    uint64_t token_us = 1000000u / rate;
    return l->full_us <= now_us + (burst - 1) * token_us;
}

static inline void limit_take(struct limit *l, uint64_t now_us, uint32_t rate)
{
    l->full_us = (l->full_us > now_us ? l->full_us : now_us) + 1000000u / rate;
}
