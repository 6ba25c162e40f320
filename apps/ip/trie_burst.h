/* trie_burst.h - look-ups of whole bursts, so that their cache misses overlap.
 *
 * Each kind of key makes these loops anew in its own file, and each of them twice: for any x86-64,
 * and for CPUs that can count bits.  (With 512-bit registers and their gathers a table in the
 * nearest caches was a quarter faster, one of a million prefixes took twice as long: what is
 * gathered is not fetched ahead.) */
#pragma once

#include "apps/ip/trie.h"

#define TRIE_COUNTS_BITS __attribute__((target("popcnt")))

/* head: the first eight octets, where the trie has tails. */
struct trie_keys {
    uint32_t (*top)(const void *keys, unsigned i);              /* the first two octets */
    uint32_t (*octet)(const void *keys, unsigned i, unsigned k); /* octet k */
    bool (*same)(const void *keys, unsigned i, unsigned j);      /* whether two are one */
    uint64_t (*head)(const void *keys, unsigned i);
};

/* The lines of a node that its slot is looked up in are on their way. */
static ALWAYS_INLINE void trie_fetch(const struct trie *trie, uint32_t entry, unsigned slot)
{
    const struct trie_node *node = blocks_at(&trie->blocks, entry & TRIE_PLACE);
    __builtin_prefetch(node);
    __builtin_prefetch(&node->begins[slot / 64]);
}

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

/* Up to TRIE_BURST keys whose way down is short. */
static ALWAYS_INLINE void trie_burst(const struct trie *trie, const void *keys, uint32_t *values,
                                     unsigned n, const struct trie_keys *kind,
                                     unsigned (*count)(uint64_t))
{
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(&trie->root[kind->top(keys, i)]);
    for (unsigned i = 0; i < n; i++) {
        values[i] = load_acquire(&trie->root[kind->top(keys, i)]);
        if (values[i] & TRIE_NODE)
            trie_fetch(trie, values[i], kind->octet(keys, i, 2));
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

/* Keys that are on their way down, and where each is; and those that have come to tails. */
struct trie_lanes {
    unsigned n, tails;
    const struct trie_tail *tail[TRIE_BURST];
    uint8_t tail_key[TRIE_BURST];
    uint32_t entry[TRIE_BURST];
    const void *at[TRIE_BURST];
    uint8_t key[TRIE_BURST];
};

/* What the entry for octet k says of key i: to be gone on with, or the end of its way. */
static ALWAYS_INLINE void trie_lanes_take(struct trie_lanes *lanes, const struct trie *trie,
                                          uint32_t entry, const void *keys, unsigned i, unsigned k,
                                          uint32_t *values, const struct trie_keys *kind)
{
    if (!(entry & TRIE_NODE)) {
        values[i] = trie_better(entry, values[i]) & TRIE_VALUE;
        return;
    }
    if (trie_is_tail(entry)) {
        const struct trie_tail *tail = blocks_at(&trie->blocks, entry & TRIE_PLACE);
        __builtin_prefetch(tail);
        lanes->tail[lanes->tails] = tail;
        lanes->tail_key[lanes->tails++] = (uint8_t)i;
        return;
    }
    trie_fetch(trie, entry, kind->octet(keys, i, k + 1));
    lanes->entry[lanes->n] = entry;
    lanes->key[lanes->n++] = (uint8_t)i;
}

/* Those of up to TRIE_BURST keys that `wanted` has bits of, and whose way down is long: all of them
 * level by level, and no line is waited for that was not asked for a round before. */
static ALWAYS_INLINE void trie_burst_deep(const struct trie *trie, const void *keys,
                                          uint32_t *values, uint32_t wanted,
                                          const struct trie_keys *kind,
                                          unsigned (*count)(uint64_t))
{
    struct trie_lanes lanes;
    lanes.n = lanes.tails = 0;
    for (uint32_t left = wanted; left; left &= left - 1)
        __builtin_prefetch(&trie->root[kind->top(keys, (unsigned)__builtin_ctz(left))]);
    for (uint32_t left = wanted; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        uint32_t top = kind->top(keys, i);
        values[i] = load_acquire(&trie->cover[top >> 8]);
        trie_lanes_take(&lanes, trie, load_acquire(&trie->root[top]), keys, i, 1, values, kind);
    }
    for (unsigned k = 2; lanes.n; k++) {
        unsigned deep = lanes.n;
        for (unsigned j = 0; j < deep; j++) {
            unsigned i = lanes.key[j], slot = kind->octet(keys, i, k);
            const struct trie_node *node = blocks_at(&trie->blocks, lanes.entry[j] & TRIE_PLACE);
            lanes.at[j] = trie_entry_at(node, lanes.entry[j], slot, count);
            __builtin_prefetch(lanes.at[j]);
            values[i] = trie_better(load_acquire(&node->cover), values[i]);
        }
        lanes.n = 0;
        for (unsigned j = 0; j < deep; j++)
            trie_lanes_take(&lanes, trie, trie_entry_load(lanes.at[j], lanes.entry[j]), keys,
                            lanes.key[j], k, values, kind);
    }
    for (unsigned j = 0; j < lanes.tails; j++) {
        unsigned i = lanes.tail_key[j];
        uint32_t leaf = trie_tail_says(lanes.tail[j], kind->head(keys, i));
        values[i] = trie_better(leaf, values[i]) & TRIE_VALUE;
    }
}
