/* fib.c - the forwarding table for IPv4 (fib.h). */
#include "apps/ip/fib.h"

#include "apps/ip/trie_burst.h"
#include "kernel/cpu_features.h"

#include <errno.h>
#include <stdlib.h>

struct trie *fib;

static uint32_t top_of(const void *keys, unsigned i)
{
    return load_le16((const uint8_t *)keys + 4 * i + 2);
}

static uint32_t octet_of(const void *keys, unsigned i, unsigned k)
{
    return ((const uint8_t *)keys)[4 * i + (~k & 3)];
}

static bool is_same(const void *keys, unsigned i, unsigned j)
{
    return ((const uint32_t *)keys)[i] == ((const uint32_t *)keys)[j];
}

static const struct trie_keys addresses_in_order = { .top = top_of,
                                                     .octet = octet_of,
                                                     .same = is_same };

static ALWAYS_INLINE void look_up(const uint32_t *addresses, uint32_t *values, unsigned n,
                                  unsigned (*count)(uint64_t))
{
    const struct trie *trie = load_acquire(&fib);
    bool many = n == TRIE_BURST && trie_has_many(trie);
    if (many)
        trie_burst_many(trie, addresses, values, &addresses_in_order, count);
    if (!many || !trie_has_many(trie))
        trie_burst(trie, addresses, values, n, &addresses_in_order, count);
}

static void burst_plain(const uint32_t *addresses, uint32_t *values, unsigned n)
{
    look_up(addresses, values, n, trie_count_plain);
}

static TRIE_COUNTS_BITS void burst_fast(const uint32_t *addresses, uint32_t *values, unsigned n)
{
    look_up(addresses, values, n, trie_count_fast);
}

typedef void burst_fn(const uint32_t *addresses, uint32_t *values, unsigned n);
static burst_fn *const ways[FIB_WAYS] = { burst_plain, burst_fast };
static burst_fn *burst = burst_plain;

unsigned fib_ways(void)
{
    return cpu_has(CPU_POPCNT) ? 2 : 1;
}

void fib_use_way(unsigned way)
{
    burst = ways[way];
}

void fib_lookup_burst(const uint32_t *addresses, uint32_t *values, unsigned n)
{
    burst(addresses, values, n);
}

int fib_init(void)
{
    if (fib)
        return 0;
    struct trie *t = calloc(1, sizeof *t);
    if (!t)
        return -ENOMEM;
    fib_use_way(fib_ways() - 1);
    store_release(&fib, t);
    return 0;
}

void fib_shutdown(void)
{
    if (fib)
        trie_free(fib);
    free(fib);
    fib = NULL;
}

int fib_set(uint32_t prefix, unsigned length, uint32_t value)
{
    uint8_t key[4];
    store_be32(key, prefix);
    return trie_set(fib, key, length, value);
}

void fib_clear(uint32_t prefix, unsigned length, unsigned cover_length, uint32_t cover)
{
    uint8_t key[4];
    store_be32(key, prefix);
    trie_clear(fib, key, length, cover_length, cover);
}

unsigned fib_nodes(void)
{
    return fib->nodes;
}

uint64_t fib_bytes(void)
{
    return trie_bytes(fib);
}
