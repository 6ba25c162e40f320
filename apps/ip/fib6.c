/* fib6.c - the forwarding table for IPv6 (fib6.h). */
#include "apps/ip/fib6.h"

#include "apps/ip/hosts6.h"
#include "apps/ip/shortcut6.h"
#include "apps/ip/trie_burst.h"
#include "kernel/cpu_features.h"
#include "kernel/endian.h"

#include <emmintrin.h>
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

static uint32_t four_of(const void *keys, unsigned i, unsigned k)
{
    return load_le32(key_at(keys, i) + k);
}

/* Bunches, all lanes at once -------------------------------------------------- */

/* The value of the lane that fits, or of none. */
static ALWAYS_INLINE uint32_t bunch_value(const struct bunch_line *line, uint32_t octets)
{
    __m128i masks = _mm_load_si128((const __m128i *)line->mask);
    __m128i keys = _mm_load_si128((const __m128i *)line->key);
    __m128i fits = _mm_cmpeq_epi16(_mm_and_si128(_mm_set1_epi16((short)octets), masks), keys);
    unsigned bits = (unsigned)_mm_movemask_epi8(fits) | 1u << 2 * BUNCH_LINE;
    size_t offset = sizeof line->value[0] / 2 * (unsigned)__builtin_ctz(bits);
    return load_acquire((const uint16_t *)((const char *)line->value + offset));
}
_Static_assert(BUNCH_LINE == 8, "a register");

static ALWAYS_INLINE __m128i far_fits(const struct bunch_far *far, unsigned lane, uint32_t octets)
{
    __m128i keys = _mm_load_si128((const __m128i *)&far->key[lane]);
    __m128i masks = _mm_load_si128((const __m128i *)&far->mask[lane]);
    return _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)octets), masks), keys);
}

static ALWAYS_INLINE uint32_t far_value(const struct bunch_far *far, uint32_t octets)
{
    __m128i eight = _mm_packs_epi32(far_fits(far, 0, octets), far_fits(far, 4, octets));
    __m128i more = _mm_packs_epi32(far_fits(far, 8, octets), far_fits(far, 12, octets));
    uint32_t fits = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(eight, more));
    return load_acquire(&far->value[__builtin_ctz(fits | 1u << BUNCH_MOST)]);
}

/* As bunch_says(). */
static ALWAYS_INLINE uint32_t bunch_find(const struct blocks *lines, uint32_t name, uint32_t octets)
{
    const struct bunch_line *line = bunch_at(lines, name);
    uint32_t value;
    if (name & BUNCH_FAR)
        value = far_value(bunch_at(lines, name), octets);
    else
        value = bunch_value(line, octets);
    if (name & BUNCH_TWO && !value)
        value = bunch_value(line + 1, octets);
    return value ? value : bunch_says(lines, name, octets);
}

static const struct trie_keys addresses_in_order = {
    .top = top_of, .octet = octet_of, .head = head_of, .four = four_of, .bunch = bunch_find
};

/* Bits of the keys that are not the same as the one before, as packets of one flow have it. */
static ALWAYS_INLINE uint32_t fresh_of(const void *keys, unsigned n)
{
    uint32_t alike = 0;
    uint64_t last = n ? load_le64(key_at(keys, 0) + 8) : 0;
    for (unsigned i = 1; i < n; i++) {
        uint64_t low = load_le64(key_at(keys, i) + 8);
        alike |= (uint32_t)(low == last) << i;
        last = low;
    }
    uint32_t fresh = (uint32_t)((1ull << n) - 1) & ~alike;
    for (; alike; alike &= alike - 1) {
        unsigned i = (unsigned)__builtin_ctz(alike);
        fresh |= (uint32_t)!is_same(keys, i, i - 1) << i;
    }
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

/* Shortcuts ------------------------------------------------------------------------
 *
 * Keys side by side, each by the same steps and without a branch: the line of its first four
 * octets, the word in it, the line of a bunch that this names, the value in it.  Who has something
 * else looks into a bunch that says nothing, and is seen to afterwards. */

struct short_way {
    union {
        const struct shortcut6_line *line;
        const struct bunch_line *bunch;
    } at[FIB6_BURST];
    uint32_t entry[FIB6_BURST];
};

static const struct bunch_line no_bunch = { .key = { 1, 1, 1, 1, 1, 1, 1, 1 } };

static ALWAYS_INLINE void short_begin(struct short_way *way, const struct shortcut6_table *table,
                                      const void *keys, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        way->at[i].line = shortcut6_line(table, load_le32(key_at(keys, i)));
        __builtin_prefetch(way->at[i].line);
    }
}

/* Two words, whichever they are just then: the one that is it is asked for again. */
static ALWAYS_INLINE __m128 two_words(const uint64_t *word)
{
    __m128 both;
    asm("movaps %1, %0" : "=x"(both) : "m"(*(const __m128 *)word));
    return both;
}

/* What the octets lead to, 0: nothing. */
static ALWAYS_INLINE uint32_t line_find(const struct shortcut6_line *line, uint32_t top)
{
    const __m128i wanted = _mm_set1_epi32((int)top);
    __m128i first = _mm_castps_si128(
        _mm_shuffle_ps(two_words(&line->word[0]), two_words(&line->word[2]), 0x88));
    __m128i second = _mm_castps_si128(
        _mm_shuffle_ps(two_words(&line->word[4]), two_words(&line->word[6]), 0x88));
    __m128i same = _mm_packs_epi32(_mm_cmpeq_epi32(first, wanted), _mm_cmpeq_epi32(second, wanted));
    unsigned bits = (unsigned)_mm_movemask_epi8(same) | 1u << 2 * (SHORTCUT6_LINE - 1);
    size_t offset = sizeof line->word[0] / 2 * (unsigned)__builtin_ctz(bits);
    uint64_t word = load_acquire((const uint64_t *)((const char *)line + offset));
    uint32_t is_it = -(uint32_t)((uint32_t)word == top);
    return (uint32_t)(word >> 32) & is_it;
}
_Static_assert(SHORTCUT6_LINE == 8, "two registers");

static ALWAYS_INLINE void short_find(struct short_way *way, const struct trie *trie,
                                     const void *keys, unsigned n)
{
    const uint32_t kind = TRIE_NODE | TRIE_WIDE | TRIE_DENSE | TRIE_BUNCH | BUNCH_FAR;
    const struct bunch_line *none = &no_bunch;
    for (unsigned i = 0; i < n; i++) {
        uint32_t entry = line_find(way->at[i].line, load_le32(key_at(keys, i)));
        const struct bunch_line *bunch = bunch_at(&trie->lines, entry);
        __builtin_prefetch(bunch);
        way->entry[i] = entry;
        bool is_one = (entry & kind) == (TRIE_NODE | TRIE_BUNCH);
        way->at[i].bunch = __builtin_expect_with_probability(is_one, 1, 0.5) ? bunch : none;
    }
}

/* Bits of the values that are 0. */
static ALWAYS_INLINE uint32_t zeros_of(const uint32_t *values, unsigned n)
{
    uint32_t zeros = 0;
    for (unsigned i = 0; i < FIB6_BURST; i += 4) {
        __m128i four = _mm_loadu_si128((const __m128i *)&values[i]);
        __m128i zero = _mm_cmpeq_epi32(four, _mm_setzero_si128());
        zeros |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(zero)) << i;
    }
    return zeros & (uint32_t)((1ull << n) - 1);
}

/* Values of those of whom the first line or a leaf says it; the others' bits. */
static ALWAYS_INLINE void short_say(const struct short_way *way, const void *keys, uint32_t *values,
                                    unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint32_t octets = load_le16(key_at(keys, i) + SHORTCUT6_OCTET + 1), entry = way->entry[i];
        uint32_t leaf = entry & TRIE_VALUE & ~(uint32_t)((int32_t)entry >> 31);
        values[i] = leaf | bunch_value(way->at[i].bunch, octets);
    }
}

/* Of those of whom the first line said nothing: who has a second one, or longer keys; the lines are
 * on their way. */
struct short_others {
    uint32_t two, far, rest;
};

static ALWAYS_INLINE void short_sort(const struct short_way *way, const struct trie *trie,
                                     uint32_t others, struct short_others *sorted)
{
    const uint32_t kinds = TRIE_NODE | TRIE_WIDE | TRIE_DENSE | TRIE_BUNCH | BUNCH_TWO | BUNCH_FAR;
    sorted->two = sorted->far = 0;
    for (uint32_t left = others; left; left &= left - 1) {
        uint32_t bit = left & -left, entry = way->entry[__builtin_ctz(left)];
        uintptr_t bunch = (uintptr_t)bunch_at(&trie->lines, entry); /* if it is one */
        uint32_t kind = entry & kinds;
        __builtin_prefetch((const void *)(bunch + CACHE_LINE));
        __builtin_prefetch((const void *)(bunch + (entry & BUNCH_FAR) * CACHE_LINE));
        sorted->two |= bit & -(uint32_t)(kind == (TRIE_NODE | TRIE_BUNCH | BUNCH_TWO));
        sorted->far |= bit & -(uint32_t)(kind == (TRIE_NODE | TRIE_BUNCH | BUNCH_FAR));
    }
    sorted->rest = others & ~(sorted->two | sorted->far);
}
_Static_assert(sizeof(struct bunch_far) == (BUNCH_FAR + 1) * CACHE_LINE, "its last line");

/* Values for n keys; the bits of those that found none.  In `below` those that go on from where
 * they were led, and are on their way. */
static NOINLINE uint32_t go_short(const struct trie *trie, const void *keys, uint32_t *result,
                                  unsigned n, struct trie_lanes *lanes, uint32_t *below)
{
    const struct shortcut6_table *table = load_acquire(&shortcut6.table);
    struct short_way way;
    struct short_others others;
    uint32_t from_root = 0, values[FIB6_BURST];
    if (!table)
        return (uint32_t)((1ull << n) - 1);
    short_begin(&way, table, keys, n);
    short_find(&way, trie, keys, n);
    short_say(&way, keys, values, n);
    short_sort(&way, trie, zeros_of(values, n), &others);
    for (uint32_t left = others.two; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        const uint8_t *octets = key_at(keys, i) + SHORTCUT6_OCTET + 1;
        values[i] = bunch_value(way.at[i].bunch + 1, load_le16(octets));
        from_root |= (uint32_t)!values[i] << i;
    }
    for (uint32_t left = others.far; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        const uint8_t *octets = key_at(keys, i) + SHORTCUT6_OCTET + 1;
        values[i] = far_value(bunch_at(&trie->lines, way.entry[i]), load_le32(octets));
        from_root |= (uint32_t)!values[i] << i;
    }
    memcpy(result, values, n * sizeof *values);
    for (uint32_t left = others.rest; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        bool leads = way.entry[i] & TRIE_NODE && !trie_is_bunch(way.entry[i]);
        *(leads ? below : &from_root) |= 1u << i;
        if (leads)
            trie_lanes_take(lanes, trie, way.entry[i], keys, i, SHORTCUT6_OCTET + 1, result,
                            &addresses_in_order);
    }
    return from_root;
}

/* All of n keys: those that are led somewhere from there on, then the others from the root. */
static ALWAYS_INLINE void find(const struct trie *trie, const void *keys, uint32_t *values,
                               unsigned n, unsigned (*count)(uint64_t))
{
    struct trie_lanes lanes;
    trie_lanes_empty(&lanes);
    uint32_t below = 0, others = go_short(trie, keys, values, n, &lanes, &below);
    for (unsigned octet = SHORTCUT6_OCTET + 1;; octet = TRIE_ROOT_OCTETS) {
        trie_lanes_run(&lanes, trie, keys, values, octet, &addresses_in_order, count);
        for (; below; below &= below - 1) /* nothing is said below */
            if (!values[__builtin_ctz(below)])
                others |= below & -below;
        if (!others)
            return;
        trie_lanes_begin(&lanes, trie, keys, values, others, &addresses_in_order);
        others = 0;
    }
}

static NOINLINE void find_plain(const struct trie *trie, const void *keys, uint32_t *values,
                                unsigned n)
{
    find(trie, keys, values, n, trie_count_plain);
}

static NOINLINE TRIE_COUNTS_BITS void find_fast(const struct trie *trie, const void *keys,
                                                uint32_t *values, unsigned n)
{
    find(trie, keys, values, n, trie_count_fast);
}

typedef void find_fn(const struct trie *trie, const void *keys, uint32_t *values, unsigned n);
static find_fn *const ways[FIB6_WAYS] = { find_plain, find_fast };
static find_fn *find_burst = find_plain;

/* Those of the keys that `wanted` has bits of. */
static NOINLINE void find_some(const struct trie *trie, const void *keys, uint32_t *values,
                               uint32_t wanted)
{
    uint8_t some[FIB6_BURST][FIB6_ADDRESS];
    uint32_t said[FIB6_BURST];
    unsigned n = 0;
    uint32_t left = wanted;
    do {
        memcpy(some[n++], key_at(keys, (unsigned)__builtin_ctz(left)), FIB6_ADDRESS);
    } while ((left &= left - 1));
    find_burst(trie, some, said, n);
    n = 0;
    for (left = wanted; left; left &= left - 1)
        values[__builtin_ctz(left)] = said[n++];
}

void fib6_lookup_burst(const uint8_t addresses[][FIB6_ADDRESS], uint32_t *values, unsigned n)
{
    const struct trie *trie = load_acquire(&fib6);
    uint32_t all = (uint32_t)((1ull << n) - 1), fresh = fresh_of(addresses, n);
    uint32_t wanted = find_hosts(trie, addresses, values, fresh);
    if (wanted == all)
        find_burst(trie, addresses, values, n);
    else if (wanted)
        find_some(trie, addresses, values, wanted);
    for (uint32_t again = all & ~fresh; again; again &= again - 1) {
        unsigned i = (unsigned)__builtin_ctz(again);
        values[i] = values[i - 1];
    }
}

unsigned fib6_ways(void)
{
    return cpu_has(CPU_POPCNT) ? 2 : 1;
}

void fib6_use_way(unsigned way)
{
    find_burst = ways[way];
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
    shortcut6_free();
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
    trie_hold(fib6);
    int e = trie_set(fib6, prefix, length, value);
    shortcut6_refresh(fib6, prefix, length);
    trie_release(fib6);
    return e;
}

void fib6_clear(const uint8_t prefix[FIB6_ADDRESS], unsigned length, unsigned cover_length,
                uint32_t cover)
{
    if (length == 8 * FIB6_ADDRESS) {
        hosts6_clear(&fib6->blocks, prefix);
        return;
    }
    trie_hold(fib6);
    trie_clear(fib6, prefix, length, cover_length, cover);
    shortcut6_refresh(fib6, prefix, length);
    trie_release(fib6);
}

uint64_t fib6_bytes(void)
{
    return trie_bytes(fib6) + hosts6_bytes() + shortcut6_bytes();
}
