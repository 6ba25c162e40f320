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

static const struct trie_keys addresses_in_order = {
    .top = top_of, .octet = octet_of, .head = head_of, .four = four_of
};

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

/* Shortcuts ------------------------------------------------------------------------
 *
 * Keys side by side, each by the same steps and without a branch: the line of its first four
 * octets, the word in it, the line of a bunch that this names, the value in it.  Who has something
 * else looks into a bunch that says nothing, and is seen to afterwards. */

struct short_way {
    unsigned n;
    uint8_t index[FIB6_BURST]; /* of the key */
    const uint8_t *key[FIB6_BURST];
    union {
        const struct shortcut6_line *line;
        const struct bunch_line *bunch;
    } at[FIB6_BURST];
    uint32_t entry[FIB6_BURST];
};

static const struct bunch_line no_bunch = { .key = { 1, 1, 1, 1, 1, 1, 1, 1 } };

static ALWAYS_INLINE void short_begin(struct short_way *way, const struct shortcut6_table *table,
                                      const void *keys, uint32_t wanted)
{
    unsigned n = 0;
    for (uint32_t left = wanted; left; left &= left - 1, n++) {
        unsigned i = (unsigned)__builtin_ctz(left);
        way->index[n] = (uint8_t)i;
        way->key[n] = key_at(keys, i);
        way->at[n].line = shortcut6_line(table, load_le32(way->key[n]));
        __builtin_prefetch(way->at[n].line);
    }
    way->n = n;
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
    uint64_t word = load_acquire(&line->word[(unsigned)__builtin_ctz(bits) / 2]);
    uint32_t is_it = -(uint32_t)((uint32_t)word == top);
    return (uint32_t)(word >> 32) & is_it;
}
_Static_assert(SHORTCUT6_LINE == 8, "two registers");

static ALWAYS_INLINE void short_find(struct short_way *way, const struct trie *trie)
{
    const uint32_t kind = TRIE_NODE | TRIE_WIDE | TRIE_DENSE | TRIE_BUNCH | BUNCH_FAR;
    for (unsigned j = 0; j < way->n; j++) {
        uint32_t entry = line_find(way->at[j].line, load_le32(way->key[j]));
        const void *bunch = bunch_at(&trie->lines, entry);
        __builtin_prefetch(bunch);
        way->entry[j] = entry;
        way->at[j].bunch = (const struct bunch_line *)trie_choose(
            (entry & kind) == (TRIE_NODE | TRIE_BUNCH), (uintptr_t)bunch, (uintptr_t)&no_bunch);
    }
}

/* The value of the lane that fits, or of none. */
static ALWAYS_INLINE uint32_t bunch_value(const struct bunch_line *line, uint32_t octets)
{
    __m128i masks = _mm_load_si128((const __m128i *)line->mask);
    __m128i keys = _mm_load_si128((const __m128i *)line->key);
    __m128i fits = _mm_cmpeq_epi16(_mm_and_si128(_mm_set1_epi16((short)octets), masks), keys);
    unsigned bits = (unsigned)_mm_movemask_epi8(fits) | 1u << 2 * BUNCH_LINE;
    return load_acquire(&line->value[(unsigned)__builtin_ctz(bits) / 2]);
}
_Static_assert(BUNCH_LINE == 8, "a register");

/* Values of those of whom the first line or a leaf says it; the others' bits. */
static ALWAYS_INLINE uint32_t short_say(const struct short_way *way, uint32_t *values)
{
    uint32_t others = 0;
    for (unsigned j = 0; j < way->n; j++) {
        uint32_t octets = load_le16(way->key[j] + SHORTCUT6_OCTET + 1), entry = way->entry[j];
        uint32_t leaf = entry & TRIE_VALUE & ~(uint32_t)((int32_t)entry >> 31);
        uint32_t value = leaf | bunch_value(way->at[j].bunch, octets);
        values[way->index[j]] = value;
        others |= (uint32_t)!value << j;
    }
    return others;
}

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

/* Where those look next of whom the first line said nothing. */
static ALWAYS_INLINE void short_fetch(const struct short_way *way, const struct trie *trie,
                                      uint32_t others)
{
    for (; others; others &= others - 1) {
        uint32_t entry = way->entry[__builtin_ctz(others)];
        const struct bunch_line *bunch = bunch_at(&trie->lines, entry);
        if (!trie_is_bunch(entry))
            continue;
        __builtin_prefetch(bunch + 1);
        __builtin_prefetch(bunch + (entry & BUNCH_FAR));
    }
}
_Static_assert(sizeof(struct bunch_far) == (BUNCH_FAR + 1) * CACHE_LINE, "its last line");

/* The second line, or longer keys. */
static ALWAYS_INLINE uint32_t short_say_more(const struct trie *trie, uint32_t entry,
                                             const uint8_t *key)
{
    const uint8_t *octets = key + SHORTCUT6_OCTET + 1;
    if (entry & BUNCH_FAR)
        return far_value(bunch_at(&trie->lines, entry), load_le32(octets));
    if (entry & BUNCH_TWO)
        return bunch_value((const struct bunch_line *)bunch_at(&trie->lines, entry) + 1,
                           load_le16(octets));
    return 0;
}

/* The bits of those that found nothing; in `below` those that go on from where they were led, and
 * are on their way. */
static NOINLINE uint32_t go_short(const struct trie *trie, const void *keys, uint32_t *values,
                                  uint32_t wanted, struct trie_lanes *lanes, uint32_t *below)
{
    const struct shortcut6_table *table = load_acquire(&shortcut6.table);
    struct short_way way;
    uint32_t from_root = 0;
    if (!table)
        return wanted;
    short_begin(&way, table, keys, wanted);
    short_find(&way, trie);
    uint32_t others = short_say(&way, values);
    short_fetch(&way, trie, others);
    for (; others; others &= others - 1) {
        unsigned j = (unsigned)__builtin_ctz(others), i = way.index[j];
        uint32_t entry = way.entry[j];
        if (trie_is_bunch(entry)) {
            values[i] = short_say_more(trie, entry, way.key[j]);
            from_root |= (uint32_t)!values[i] << i;
        } else if (entry & TRIE_NODE) {
            *below |= 1u << i;
            trie_lanes_take(lanes, trie, entry, keys, i, SHORTCUT6_OCTET + 1, values,
                            &addresses_in_order);
        } else {
            from_root |= 1u << i;
        }
    }
    return from_root;
}

static ALWAYS_INLINE void look_up(const void *keys, uint32_t *values, unsigned n,
                                  unsigned (*count)(uint64_t))
{
    const struct trie *trie = load_acquire(&fib6);
    uint32_t fresh = fresh_of(keys, n), others = find_hosts(trie, keys, values, fresh), below = 0;
    struct trie_lanes lanes;
    lanes.n = lanes.ends = 0;
    others = go_short(trie, keys, values, others, &lanes, &below);
    while (others | below) {
        trie_lanes_begin(&lanes, trie, keys, values, others, &addresses_in_order);
        trie_lanes_run(&lanes, trie, keys, values, &addresses_in_order, count);
        for (others = 0; below; below &= below - 1) /* nothing is said below: from the root */
            if (!values[__builtin_ctz(below)])
                others |= below & -below;
    }
    for (uint32_t again = ~fresh & (uint32_t)((1ull << n) - 1); again; again &= again - 1) {
        unsigned i = (unsigned)__builtin_ctz(again);
        values[i] = values[i - 1];
    }
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
