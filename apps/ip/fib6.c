/* fib6.c - the forwarding table for IPv6 (fib6.h). */
#include "apps/ip/fib6.h"

#include "apps/ip/trie_burst.h"
#include "kernel/cpu.h"
#include "kernel/endian.h"

#include <errno.h>
#include <stdlib.h>

struct trie *fib6;

static const uint8_t *key_at(const void *keys, unsigned i)
{
    return (const uint8_t *)keys + (size_t)i * FIB6_ADDRESS;
}

static uint32_t top_of(const void *keys, unsigned i)
{
    return load_be16(key_at(keys, i));
}

static uint32_t octet_of(const void *keys, unsigned i, unsigned k)
{
    return key_at(keys, i)[k];
}

static bool is_same(const void *keys, unsigned i, unsigned j)
{
    const uint8_t *a = key_at(keys, i), *b = key_at(keys, j);
    return load_le64(a + 8) == load_le64(b + 8) && load_le64(a) == load_le64(b);
}

static uint64_t head_of(const void *keys, unsigned i)
{
    return load_be64(key_at(keys, i));
}

static const struct trie_keys addresses_in_order = {
    .top = top_of, .octet = octet_of, .same = is_same, .head = head_of
};

static void burst_plain(const uint8_t addresses[][FIB6_ADDRESS], uint32_t *values, unsigned n)
{
    trie_burst_deep(load_acquire(&fib6), addresses, values, n, &addresses_in_order,
                    trie_count_plain);
}

static TRIE_COUNTS_BITS void burst_fast(const uint8_t addresses[][FIB6_ADDRESS], uint32_t *values,
                                        unsigned n)
{
    trie_burst_deep(load_acquire(&fib6), addresses, values, n, &addresses_in_order,
                    trie_count_fast);
}

typedef void burst_fn(const uint8_t addresses[][FIB6_ADDRESS], uint32_t *values, unsigned n);
static burst_fn *const ways[FIB6_WAYS] = { burst_plain, burst_fast };
static burst_fn *burst = burst_plain;

unsigned fib6_ways(void)
{
    return cpu_counts_bits() ? 2 : 1;
}

void fib6_use_way(unsigned way)
{
    burst = ways[way];
}

void fib6_lookup_burst(const uint8_t addresses[][FIB6_ADDRESS], uint32_t *values, unsigned n)
{
    burst(addresses, values, n);
}

int fib6_init(void)
{
    if (fib6)
        return 0;
    struct trie *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    t->tails = true;
    fib6_use_way(fib6_ways() - 1);
    store_release(&fib6, t);
    return 0;
}

void fib6_shutdown(void)
{
    if (fib6)
        trie_free(fib6);
    free(fib6);
    fib6 = NULL;
}

int fib6_set(const uint8_t prefix[FIB6_ADDRESS], unsigned length, uint32_t value)
{
    return trie_set(fib6, prefix, length, value);
}

void fib6_clear(const uint8_t prefix[FIB6_ADDRESS], unsigned length, unsigned cover_length,
                uint32_t cover)
{
    trie_clear(fib6, prefix, length, cover_length, cover);
}

uint64_t fib6_bytes(void)
{
    return trie_bytes(fib6);
}
