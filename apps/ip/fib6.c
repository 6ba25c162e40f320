/* fib6.c - the forwarding table for IPv6 (fib6.h). */
#include "apps/ip/fib6.h"

#include "apps/ip/hosts6.h"
#include "apps/ip/trie_burst.h"
#include "kernel/cpu_features.h"
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

static const struct trie_keys addresses_in_order = { .top = top_of,
                                                     .octet = octet_of,
                                                     .head = head_of };

/* Bits of the keys that are not the same as the one before, as packets of one flow have it. */
static ALWAYS_INLINE uint32_t fresh_of(const void *keys, unsigned n)
{
    uint32_t fresh = n > 0;
    for (unsigned i = 1; i < n; i++)
        fresh |= (uint32_t)!is_same(keys, i, i - 1) << i;
    return fresh;
}

/* Values of those that are hosts; the bits of the others. */
static ALWAYS_INLINE uint32_t find_hosts(const struct trie *trie, const void *keys,
                                         uint32_t *values, uint32_t wanted)
{
    const struct hosts6_table *table = load_acquire(&hosts6.table);
    const struct blocks *blocks = &trie->blocks;
    uint32_t other = 0;
    if (!table)
        return wanted;
    for (uint32_t left = wanted; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        const uint8_t *key = key_at(keys, i);
        values[i] = hosts6_first(table, load_le64(key), load_le64(key + 8));
        __builtin_prefetch(blocks_at(blocks, values[i]));
    }
    for (uint32_t left = wanted; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        const uint8_t *key = key_at(keys, i);
        values[i] = hosts6_follow(blocks, table, values[i], load_le64(key), load_le64(key + 8));
        other |= (uint32_t)!values[i] << i;
    }
    return other;
}

static ALWAYS_INLINE void look_up(const void *keys, uint32_t *values, unsigned n,
                                  unsigned (*count)(uint64_t))
{
    const struct trie *trie = load_acquire(&fib6);
    uint32_t fresh = fresh_of(keys, n), others = find_hosts(trie, keys, values, fresh);
    if (others)
        trie_burst_deep(trie, keys, values, others, &addresses_in_order, count);
    for (unsigned i = 1; i < n; i++)
        if (!(fresh >> i & 1))
            values[i] = values[i - 1];
}

static void burst_plain(const uint8_t addresses[][FIB6_ADDRESS], uint32_t *values, unsigned n)
{
    look_up(addresses, values, n, trie_count_plain);
}

static TRIE_COUNTS_BITS void burst_fast(const uint8_t addresses[][FIB6_ADDRESS], uint32_t *values,
                                        unsigned n)
{
    look_up(addresses, values, n, trie_count_fast);
}

typedef void burst_fn(const uint8_t addresses[][FIB6_ADDRESS], uint32_t *values, unsigned n);
static burst_fn *const ways[FIB6_WAYS] = { burst_plain, burst_fast };
static burst_fn *burst = burst_plain;

unsigned fib6_ways(void)
{
    return cpu_has(CPU_POPCNT) ? 2 : 1;
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
    hosts6_free();
}

uint32_t fib6_lookup(const uint8_t address[FIB6_ADDRESS])
{
    const struct trie *trie = load_acquire(&fib6);
    uint32_t value = hosts6_lookup(&trie->blocks, address);
    return value ? value : trie_lookup(trie, address);
}

int fib6_set(const uint8_t prefix[FIB6_ADDRESS], unsigned length, uint32_t value)
{
    if (length == 8 * FIB6_ADDRESS)
        return hosts6_set(&fib6->blocks, prefix, value);
    return trie_set(fib6, prefix, length, value);
}

void fib6_clear(const uint8_t prefix[FIB6_ADDRESS], unsigned length, unsigned cover_length,
                uint32_t cover)
{
    if (length == 8 * FIB6_ADDRESS)
        hosts6_clear(&fib6->blocks, prefix);
    else
        trie_clear(fib6, prefix, length, cover_length, cover);
}

uint64_t fib6_bytes(void)
{
    return trie_bytes(fib6) + hosts6_bytes();
}
