/* trie_burst.h - look-ups of whole bursts, so that their cache misses overlap.
 *
 * Each kind of key makes these loops anew in its own file, and each of them twice: for any x86-64,
 * and for CPUs that can count bits.  (With 512-bit registers and their gathers a table in the
 * nearest caches was a quarter faster, one of a million prefixes took twice as long: what is
 * gathered is not fetched ahead.) */
#pragma once

#include "apps/ip/trie.h"

#include <emmintrin.h>
#include <string.h>

#define TRIE_ROOT_OCTETS 2u /* that pick a slot of the root */
#define TRIE_UNROLL_(x) _Pragma(#x)
#define TRIE_UNROLL(times) TRIE_UNROLL_(GCC unroll times)
#define TRIE_COUNTS_BITS __attribute__((target("popcnt")))

/* head: the first eight octets, where the trie has tails. */
struct trie_keys {
    uint32_t (*top)(const void *keys, unsigned i);              /* the first two octets */
    uint32_t (*octet)(const void *keys, unsigned i, unsigned k); /* octet k */
    bool (*same)(const void *keys, unsigned i, unsigned j);      /* whether two are one */
    uint64_t (*head)(const void *keys, unsigned i);
    uint32_t (*four)(const void *keys, unsigned i, unsigned k); /* octets from k on */
    uint32_t (*bunch)(const struct blocks *lines, uint32_t name, uint32_t octets);
};

static ALWAYS_INLINE unsigned trie_count_fast(uint64_t v)
{
    return (unsigned)__builtin_popcountll(v);
}

/* The lines of a node that its slot is looked up in are on their way. */
static ALWAYS_INLINE void trie_fetch_at(const struct trie_node *node, unsigned slot)
{
    __builtin_prefetch(node);
    __builtin_prefetch(&node->begins[slot / 64]);
}

static ALWAYS_INLINE void trie_fetch(const struct trie *trie, uint32_t entry, unsigned slot)
{
    trie_fetch_at(blocks_at(&trie->blocks, entry & TRIE_PLACE), slot);
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

/* Many nodes ------------------------------------------------------------------------

 * Where there are many nodes, hardly two keys of a burst take the same way, and what branches is
 * guessed wrong; a wrong guess at its end also keeps the next burst from being begun meanwhile.
 * Here all keys take the same steps: one whose slot of the root is no node, or one of a shape that
 * is rare among many (wide, dense), looks into a node that says nothing.  Those are looked at
 * afterwards, if nobody said anything of some key; wide and dense nodes key by key. */

/* Whether those steps are the shorter way; either way finds the same. */
static ALWAYS_INLINE bool trie_has_many(const struct trie *trie)
{
    return load_relaxed(&trie->nodes) > 2 * TRIE_DENSE_MAX && !load_relaxed(&trie->large);
}

typedef uint32_t trie_four __attribute__((vector_size(16), may_alias));
typedef uint16_t trie_eight __attribute__((vector_size(16), may_alias));
#define TRIE_FOURS (TRIE_BURST / 4)
#define TRIE_EIGHTS (TRIE_BURST / 8)

/* A burst half way. */
struct trie_many {
    const struct trie_node *node[TRIE_BURST];
    const uint16_t *at[TRIE_BURST]; /* the entry in it */
    trie_four root[TRIE_FOURS];
    trie_eight cover[TRIE_EIGHTS];
};

/* As good as random where it matters: chosen by, never jumped by. */
#define TRIE_EITHER(x) __builtin_expect_with_probability(x, 1, 0.5)

/* What is fetched serves once in a while, and is not to drive the root from the caches. */
static ALWAYS_INLINE void trie_fetch_once(const void *at)
{
    __builtin_prefetch(at, 0, 0);
}

/* Each key's node is found and fetched. */
static ALWAYS_INLINE void trie_many_begin(struct trie_many *many, const struct trie *trie,
                                          const void *keys, const struct trie_keys *kind)
{
    TRIE_UNROLL(4)
    for (unsigned i = 0; i < TRIE_BURST; i++) {
        uint32_t root = load_acquire(&trie->root[kind->top(keys, i)]);
        const struct trie_node *node = blocks_at(&trie->blocks, root & TRIE_PLACE);
        bool plain = root - TRIE_NODE <= TRIE_PLACE;
        ((uint32_t *)many->root)[i] = root;
        trie_fetch_once(node);
        trie_fetch_once(&node->begins[kind->octet(keys, i, 2) / 64]);
        many->node[i] = TRIE_EITHER(plain) ? node : &trie_says_nothing.node;
    }
}

/* The entries of eight keys are found and fetched. */
static ALWAYS_INLINE void trie_many_step(struct trie_many *many, const void *keys, unsigned eight,
                                         const struct trie_keys *kind,
                                         unsigned (*count)(uint64_t))
{
    trie_eight cover = { 0 };
    TRIE_UNROLL(8)
    for (unsigned k = 0; k < 8; k++) {
        unsigned i = 8 * eight + k;
        const struct trie_node *node = many->node[i];
        many->at[i] = (const uint16_t *)(node + 1) + trie_run(node, kind->octet(keys, i, 2), count);
        trie_fetch_once(many->at[i]);
        cover[k] = (uint16_t)load_acquire(&node->cover);
    }
    many->cover[eight] = cover;
}

/* What entry or cover say of eight keys; the keys, as bits, of which they say nothing. */
static ALWAYS_INLINE uint32_t trie_many_say(const struct trie_many *many, uint32_t *values,
                                            unsigned eight)
{
    trie_eight said = { 0 }, nothing;
    TRIE_UNROLL(8)
    for (unsigned k = 0; k < 8; k++)
        said[k] = load_acquire(many->at[8 * eight + k]);
    said |= (trie_eight)(said == 0) & many->cover[eight];
    nothing = (trie_eight)(said == 0);
    __m128i *to = (__m128i *)(values + 8 * eight), zero = _mm_setzero_si128();
    _mm_storeu_si128(to, _mm_unpacklo_epi16((__m128i)said, zero));
    _mm_storeu_si128(to + 1, _mm_unpackhi_epi16((__m128i)said, zero));
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16((__m128i)nothing, zero)) << 8 * eight;
}

/* Those that say nothing are told the values of others. */
static ALWAYS_INLINE trie_four trie_fours_better(trie_four said, trie_four others)
{
    return said | ((trie_four)(said == 0) & others & TRIE_VALUE);
}

/* What leaves of the root and short prefixes say of those keys of which no node did; the keys, as
 * bits, that have nodes of other shapes. */
static ALWAYS_INLINE uint32_t trie_many_rest(const struct trie_many *many, const struct trie *trie,
                                             const void *keys, uint32_t *values,
                                             const struct trie_keys *kind)
{
    uint32_t others = 0;
    for (unsigned j = 0; j < TRIE_FOURS; j++) {
        trie_four root = many->root[j], leaf = root & ((root >> 31) - 1), cover = { 0 }, said;
        TRIE_UNROLL(4)
        for (unsigned k = 0; k < 4; k++)
            cover[k] = load_acquire(&trie->cover[kind->top(keys, 4 * j + k) >> 8]);
        memcpy(&said, values + 4 * j, sizeof said);
        said = trie_fours_better(trie_fours_better(said, leaf), cover);
        memcpy(values + 4 * j, &said, sizeof said);
        root &= root << 1 | root << 2; /* TRIE_NODE with TRIE_WIDE or TRIE_DENSE */
        others |= (uint32_t)_mm_movemask_ps((__m128)root) << 4 * j;
    }
    return others;
}

/* TRIE_BURST keys.  Values of more than 16 bits are cut off: trie_has_many() is asked behind it
 * again, as well as before. */
static ALWAYS_INLINE void trie_burst_many(const struct trie *trie, const void *keys,
                                          uint32_t *values, const struct trie_keys *kind,
                                          unsigned (*count)(uint64_t))
{
    struct trie_many many;
    uint32_t left = 0;
    trie_many_begin(&many, trie, keys, kind);
    for (unsigned eight = 0; eight < TRIE_EIGHTS; eight++)
        trie_many_step(&many, keys, eight, kind, count);
    for (unsigned eight = 0; eight < TRIE_EIGHTS; eight++)
        left |= trie_many_say(&many, values, eight);
    if (left)
        left = trie_many_rest(&many, trie, keys, values, kind);
    for (; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        uint32_t known = load_acquire(&trie->cover[kind->top(keys, i) >> 8]);
        values[i] = trie_descend(trie, keys, i, ((const uint32_t *)many.root)[i], known, kind,
                                 count);
    }
}

/* Long ways --------------------------------------------------------------------------- */

/* Keys that are at some place. */
struct trie_stop {
    unsigned n;
    uint32_t entry[TRIE_BURST];
    uint8_t key[TRIE_BURST];
};

/* Keys that are on their way down, all at the same level, and those that have come to tails or
 * bunches. */
struct trie_lanes {
    struct trie_stop node, tail, bunch;
    uint8_t bunch_octet[TRIE_BURST]; /* the first of those that it compares */
    const void *at[TRIE_BURST];
};

static ALWAYS_INLINE void trie_lanes_empty(struct trie_lanes *lanes)
{
    lanes->node.n = lanes->tail.n = lanes->bunch.n = 0;
}

/* It stays if `is_here`; else the next one takes its place. */
static ALWAYS_INLINE void trie_stop_add(struct trie_stop *stop, uint32_t entry, unsigned i,
                                        bool is_here)
{
    stop->entry[stop->n] = entry;
    stop->key[stop->n] = (uint8_t)i;
    stop->n += is_here;
}

/* Where both have a bit, it is the first's: masks are all ones or zeros. */
static ALWAYS_INLINE uintptr_t trie_choose(bool first, uintptr_t a, uintptr_t b)
{
    uintptr_t mask = -(uintptr_t)first;
    return (a & mask) | (b & ~mask);
}

/* What the entry for the octet before `octet` says of key i: to be gone on with, or the end of its
 * way.  Whether that is a tail or a bunch nobody can guess, so it is no jump. */
static ALWAYS_INLINE void trie_lanes_take(struct trie_lanes *lanes, const struct trie *trie,
                                          uint32_t entry, const void *keys, unsigned i,
                                          unsigned octet, uint32_t *values,
                                          const struct trie_keys *kind)
{
    bool bunch = trie_is_bunch(entry);
    if (!(entry & TRIE_NODE)) {
        values[i] = trie_better(entry, values[i]) & TRIE_VALUE;
    } else if (bunch | trie_is_tail(entry)) {
        __builtin_prefetch((const void *)trie_choose(bunch,
                                                     (uintptr_t)bunch_at(&trie->lines, entry),
                                                     (uintptr_t)blocks_at(&trie->blocks, entry)));
        lanes->bunch_octet[lanes->bunch.n] = (uint8_t)octet;
        trie_stop_add(&lanes->tail, entry, i, !bunch);
        trie_stop_add(&lanes->bunch, entry, i, bunch);
    } else {
        trie_fetch(trie, entry, kind->octet(keys, i, octet));
        trie_stop_add(&lanes->node, entry, i, true);
    }
}

/* Keys that `wanted` has bits of come in at the root. */
static ALWAYS_INLINE void trie_lanes_begin(struct trie_lanes *lanes, const struct trie *trie,
                                           const void *keys, uint32_t *values, uint32_t wanted,
                                           const struct trie_keys *kind)
{
    for (uint32_t left = wanted; left; left &= left - 1)
        __builtin_prefetch(&trie->root[kind->top(keys, (unsigned)__builtin_ctz(left))]);
    for (uint32_t left = wanted; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        uint32_t top = kind->top(keys, i);
        values[i] = load_acquire(&trie->cover[top >> 8]);
        trie_lanes_take(lanes, trie, load_acquire(&trie->root[top]), keys, i,
                        TRIE_ROOT_OCTETS, values, kind);
    }
}

/* One level down for all of them, by that octet. */
static ALWAYS_INLINE void trie_lanes_step(struct trie_lanes *lanes, const struct trie *trie,
                                          const void *keys, uint32_t *values, unsigned octet,
                                          const struct trie_keys *kind,
                                          unsigned (*count)(uint64_t))
{
    struct trie_stop *stop = &lanes->node;
    unsigned deep = stop->n;
    for (unsigned j = 0; j < deep; j++) {
        unsigned i = stop->key[j], slot = kind->octet(keys, i, octet);
        const struct trie_node *node = blocks_at(&trie->blocks, stop->entry[j]);
        lanes->at[j] = trie_entry_at(node, stop->entry[j], slot, count);
        __builtin_prefetch(lanes->at[j]);
        values[i] = trie_better(load_acquire(&node->cover), values[i]);
    }
    stop->n = 0;
    for (unsigned j = 0; j < deep; j++)
        trie_lanes_take(lanes, trie, trie_entry_load(lanes->at[j], stop->entry[j]), keys,
                        stop->key[j], octet + 1, values, kind);
}

/* All of them to their ends, level by level from that octet on: no line is waited for that was not
 * asked for a round before.  What is known from above stands in `values`. */
static ALWAYS_INLINE void trie_lanes_run(struct trie_lanes *lanes, const struct trie *trie,
                                         const void *keys, uint32_t *values, unsigned octet,
                                         const struct trie_keys *kind,
                                         unsigned (*count)(uint64_t))
{
    for (; lanes->node.n; octet++)
        trie_lanes_step(lanes, trie, keys, values, octet, kind, count);
    for (unsigned j = 0; j < lanes->tail.n; j++) {
        unsigned i = lanes->tail.key[j];
        const struct trie_tail *tail = blocks_at(&trie->blocks, lanes->tail.entry[j]);
        uint32_t leaf = trie_tail_says(tail, kind->head(keys, i));
        values[i] = trie_better(leaf, values[i]) & TRIE_VALUE;
    }
    for (unsigned j = 0; j < lanes->bunch.n; j++) {
        unsigned i = lanes->bunch.key[j];
        uint32_t leaf = kind->bunch(&trie->lines, lanes->bunch.entry[j],
                                    kind->four(keys, i, lanes->bunch_octet[j]));
        values[i] = trie_better(leaf, values[i]) & TRIE_VALUE;
    }
    trie_lanes_empty(lanes);
}
