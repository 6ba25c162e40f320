/* trie_burst.h - look-ups of whole bursts, level by level, so that their cache misses overlap.
 *
 * Each kind of key makes these loops anew in its own file, and each of them three times: for any
 * x86-64, for CPUs that can count bits, and for those with 512-bit registers. */
#pragma once

#include "apps/ip/trie.h"

#include <immintrin.h>

#define TRIE_COUNTS_BITS __attribute__((target("popcnt")))
#define TRIE_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")))

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

/* With 512-bit registers ---------------------------------------------------------
 *
 * Eight keys a register, in bits 63 on downwards; loads that overlap take the place of
 * prefetches. */

#define TRIE_GROUPS (TRIE_BURST / 8)

/* Bits of key k, 8 of them: the slot in the level of octet k. */
static ALWAYS_INLINE TRIE_AVX512 __m512i trie_slots512(__m512i key, unsigned k)
{
    return _mm512_and_si512(_mm512_srl_epi64(key, _mm_cvtsi32_si128(56 - 8 * (int)(k % 8))),
                            _mm512_set1_epi64(0xff));
}

/* The entries one level down, of the lanes in `deep`; what is known is brought up to date. */
static ALWAYS_INLINE TRIE_AVX512 __m256i trie_descend512(const struct trie *trie, __m256i entry,
                                                         __m512i slot, __mmask8 deep,
                                                         __m256i *known)
{
    const __m512i none = _mm512_setzero_si512();
    const __m256i says = _mm256_set1_epi32((int)TRIE_VALUE);
    __m512i node = _mm512_slli_epi64(_mm512_cvtepi32_epi64(_mm256_slli_epi32(entry, 3)), 1);
    node = _mm512_add_epi64(node, _mm512_set1_epi64((long long)trie->blocks.base));
    __m512i word = _mm512_srli_epi64(slot, 6);
    __m512i head = _mm512_mask_i64gather_epi64(none, deep, node, NULL, 1);
    __m512i begins = _mm512_mask_i64gather_epi64(
        none, deep, _mm512_add_epi64(node, _mm512_slli_epi64(word, 3)), (const void *)8, 1);
    __m256i cover = _mm512_cvtepi64_epi32(_mm512_srli_epi64(head, 32));
    *known = _mm256_mask_mov_epi32(*known, _mm256_test_epi32_mask(cover, says), cover);
    __m512i before = _mm512_srlv_epi64(head, _mm512_slli_epi64(word, 3));
    __m512i run = _mm512_popcnt_epi64(
        _mm512_sllv_epi64(begins, _mm512_andnot_si512(slot, _mm512_set1_epi64(63))));
    run = _mm512_add_epi64(run, _mm512_and_si512(before, _mm512_set1_epi64(0xff)));
    run = _mm512_mask_mov_epi64(
        run, _mm256_test_epi32_mask(entry, _mm256_set1_epi32((int)TRIE_DENSE)), slot);
    __mmask8 wide = _mm256_test_epi32_mask(entry, _mm256_set1_epi32((int)TRIE_WIDE));
    run = _mm512_slli_epi64(run, 1);
    run = _mm512_mask_slli_epi64(run, wide, run, 1);
    __m256i below = _mm512_mask_i64gather_epi32(
        _mm256_setzero_si256(), deep, _mm512_add_epi64(node, run),
        (const void *)sizeof(struct trie_node), 1);
    return _mm256_mask_and_epi32(below, (__mmask8)~wide, below, _mm256_set1_epi32(UINT16_MAX));
}

/* key[half]: the octets of each key, half 1 those behind the eighth. */
static ALWAYS_INLINE TRIE_AVX512 void trie_burst512(const struct trie *trie,
                                                    const __m512i key[][TRIE_GROUPS],
                                                    uint32_t *values, unsigned n)
{
    const __m256i says = _mm256_set1_epi32((int)TRIE_VALUE);
    __m256i entry[TRIE_GROUPS], known[TRIE_GROUPS];
    __mmask8 deep[TRIE_GROUPS], any = 0;
    unsigned groups = (n + 7) / 8;
    for (unsigned g = 0; g < groups; g++) {
        entry[g] = _mm512_i64gather_epi32(_mm512_srli_epi64(key[0][g], 48), trie->root, 4);
        known[g] = _mm256_setzero_si256();
        deep[g] = _mm256_movepi32_mask(entry[g]);
        any |= deep[g];
    }
    for (unsigned k = 2; any; k++) {
        any = 0;
        for (unsigned g = 0; g < groups; g++) {
            __m256i below = trie_descend512(trie, entry[g], trie_slots512(key[k / 8][g], k),
                                            deep[g], &known[g]);
            entry[g] = _mm256_mask_mov_epi32(entry[g], deep[g], below);
            deep[g] = _mm256_movepi32_mask(entry[g]);
            any |= deep[g];
        }
    }
    for (unsigned g = 0; g < groups; g++) {
        known[g] = _mm256_mask_mov_epi32(known[g], _mm256_test_epi32_mask(entry[g], says),
                                         entry[g]);
        __mmask8 silent = _mm256_testn_epi32_mask(known[g], says);
        if (silent)
            known[g] = _mm512_mask_i64gather_epi32(
                known[g], silent, _mm512_srli_epi64(key[0][g], 56), trie->cover, 4);
        __mmask8 kept = (__mmask8)(n - 8 * g < 8 ? (1u << (n - 8 * g)) - 1 : UINT8_MAX);
        _mm256_mask_storeu_epi32(values + 8 * g, kept, _mm256_and_si256(known[g], says));
    }
}
