/* trie_burst.h - look-ups of whole bursts, so that their cache misses overlap.
 *
 * Each kind of key makes these loops anew in its own file, and each of them twice: for any x86-64,
 * and for CPUs that can count bits.  (With 512-bit registers and their gathers a table in the
 * nearest caches was a quarter faster, one of a million prefixes took twice as long: what is
 * gathered is not fetched ahead.) */
#pragma once

#include "apps/ip/trie.h"

#define TRIE_COUNTS_BITS __attribute__((target("popcnt")))

struct trie_keys {
    uint32_t (*top)(const void *keys, unsigned i);              /* the first two octets */
    uint32_t (*octet)(const void *keys, unsigned i, unsigned k); /* octet k */
    bool (*same)(const void *keys, unsigned i, unsigned j);      /* whether two are one */
};

/* One level down; what the node's cover says is known then. */
static ALWAYS_INLINE uint32_t trie_step(const struct trie *trie, uint32_t entry, unsigned slot,
                                        uint32_t *known, unsigned (*count)(uint64_t))
{
    const struct trie_node *node = blocks_at(&trie->blocks, entry & TRIE_PLACE);
    *known = trie_better(load_acquire(&node->cover), *known);
    return trie_entry(node, entry, slot, count);
}

/* The way down from the root's entry; the first node's lines are on their way.  Those of the entry
 * and of nodes below wait for each other, key beside key. */
static ALWAYS_INLINE uint32_t trie_descend(const struct trie *trie, const void *keys, unsigned i,
                                           uint32_t entry, uint32_t known,
                                           const struct trie_keys *kind,
                                           unsigned (*count)(uint64_t))
{
    if (entry & TRIE_NODE)
        entry = trie_step(trie, entry, kind->octet(keys, i, 2), &known, count);
    if (entry & TRIE_NODE)
        entry = trie_step(trie, entry, kind->octet(keys, i, 3), &known, count);
    for (unsigned k = 4; entry & TRIE_NODE; k++)
        entry = trie_step(trie, entry, kind->octet(keys, i, k), &known, count);
    return trie_better(entry, known) & TRIE_VALUE;
}

/* Up to TRIE_BURST keys. */
static ALWAYS_INLINE void trie_burst(const struct trie *trie, const void *keys, uint32_t *values,
                                     unsigned n, const struct trie_keys *kind,
                                     unsigned (*count)(uint64_t))
{
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(&trie->root[kind->top(keys, i)]);
    for (unsigned i = 0; i < n; i++) {
        values[i] = load_acquire(&trie->root[kind->top(keys, i)]);
        if (values[i] & TRIE_NODE) {
            const struct trie_node *node = blocks_at(&trie->blocks, values[i] & TRIE_PLACE);
            __builtin_prefetch(node);
            __builtin_prefetch(&node->begins[kind->octet(keys, i, 2) / 64]);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        uint32_t known = load_acquire(&trie->cover[kind->top(keys, i) >> 8]);
        if (i && kind->same(keys, i, i - 1)) /* packets of one flow */
            values[i] = values[i - 1];
        else
            values[i] = trie_descend(trie, keys, i, values[i], known, kind, count);
    }
}

static ALWAYS_INLINE unsigned trie_count_fast(uint64_t v)
{
    return (unsigned)__builtin_popcountll(v);
}
