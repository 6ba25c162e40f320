/* noisy.c - mode noisy: like io, with memory read and written at random places for every frame, as
 * a network function among noisy neighbors does (testpmd's mode of that name, with no buffer of its
 * own, as it begins). */
#include "apps/forward/forward.h"
#include "apps/modes/settings.h"

/* The next place; unread: Marsaglia, Xorshift RNGs. */
static uint64_t next(uint64_t *at)
{
    uint64_t x = *at ? *at : 0x9e3779b97f4a7c15ull;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *at = x;
}

/* Workers may meet in it: each word is read and written as a whole. */
static void disturb(const struct noise *noise, uint64_t *at)
{
    uint64_t *memory = (uint64_t *)(uintptr_t)noise->memory, mask = noise->words - 1, seen = 0;
    for (unsigned i = 0; i < noise->writes; i++)
        store_relaxed(&memory[next(at) & mask], i);
    for (unsigned i = 0; i < noise->reads; i++)
        seen += load_relaxed(&memory[next(at) & mask]);
    for (unsigned i = 0; i < noise->both; i++) {
        uint64_t *word = &memory[next(at) & mask];
        store_relaxed(word, load_relaxed(word) + seen);
    }
}

static void noisy_burst(struct worker *worker, struct port *in, struct packet **packets, uint16_t n)
{
    struct port *out = forward_peer(in);
    const struct noise *noise = mode_noise();
    uint64_t at = worker->packets + n;
    if (!out) {
        forward_drop_burst(worker, in->number, DROP_no_peer, packets, n);
        return;
    }
    for (uint16_t i = 0; noise && i < n; i++)
        disturb(noise, &at);
    forward_send_burst(worker, out, packets, n);
}

FORWARD_MODE(noisy_mode) = {
    .name = "noisy",
    .help = "pass frames as io does, and read and write memory for each (set noisy)",
    .burst = noisy_burst,
};
