/* trie.h - longest match over keys of up to 16 octets, in compressed nodes, without locks.
 *
 * A key's first octet picks a word of `cover`, its first two a slot of `root`, and each octet
 * more a slot of a node of 256.  A prefix says its value in the slots of its last octet: where
 * it ends, a word of `cover` for lengths to 8, a slot of `root` to 16, a node's beyond.  So a
 * change touches 256 slots at most.  What a slot does not say is said by the level above: a node
 * carries the leaf of the slot from which it hangs, its cover.
 *
 * A node keeps runs of slots that say the same: a bit for each slot at which one begins, bits
 * counted word by word, and an entry for each run, of 16 bits where all are leaves with values
 * that fit, else of 32 (a slot with a node below it is a run of its own).  A run belongs to one
 * prefix, or to none, so a prefix can always be taken out in place.  The first nodes of a trie,
 * which are all there are where routes are few, are dense: they have 256 runs, and no bits need
 * be counted.
 *
 * Where keys are long, what is few below a slot of the fourth octet or one behind it has no nodes.
 * A prefix that is alone there has a tail: its key, to be compared.  Some that end within the next
 * four octets are a bunch: keys and masks that are all compared at once.  What fits into neither
 * makes a node of it, an octet at a time.
 *
 * Counting bits to find an entry is Poptrie's idea (unread: Asai and Ohara, SIGCOMM 2015); runs
 * of more than one slot, covers in the node below and two widths are not from there.
 *
 * Every change becomes visible by single-word stores; other than that a node never changes once
 * it can be found: another takes its place, and the old one rests (blocks.h).  A reader that
 * runs meanwhile finds either the old route or the new one.  One writer: the control task. */
#pragma once

#include "apps/ip/blocks.h"
#include "apps/ip/bunch.h"
#include "kernel/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIE_NODE 0x80000000u   /* the entry names a node */
#define TRIE_WIDE 0x40000000u   /* of one with entries of 32 bits */
#define TRIE_DENSE 0x20000000u  /* and that has an entry for each slot */
#define TRIE_TAIL (TRIE_NODE | TRIE_DENSE) /* with TRIE_WIDE not set: a tail, no node */
#define TRIE_BUNCH 0x10000000u  /* with TRIE_NODE and neither of them: a bunch */
#define TRIE_PLACE 0x0fffffffu  /* where it lies (blocks.h), or a bunch's name */
#define TRIE_LENGTH 0x78000000u /* leaf: how many bits of this level its prefix has; 0: none */
#define TRIE_VALUE 0x07ffffffu  /* leaf; 0: says nothing */
#define TRIE_SLOTS 256u
#define TRIE_DENSE_MAX 64u /* nodes; those that change when there are twice as many become less */
#define TRIE_KEY 16u /* octets of the longest key */
#define TRIE_BURST 32u

struct trie_node {
    uint8_t before[TRIE_SLOTS / 64]; /* runs that begin in the words before each, but slot 0's */
    uint32_t cover;
    uint64_t begins[TRIE_SLOTS / 64]; /* not set for slot 0 */
    /* Then the entries; those of 16 bits are followed by the lengths, four bits each, which
     * readers need not know. */
};

/* A node of one run without a value, for keys that have none. */
struct trie_nothing {
    struct trie_node node;
    uint64_t entries;
};
extern const struct trie_nothing trie_says_nothing;

/* A prefix of up to TRIE_TAIL_LENGTH bits, alone below its slot. */
#define TRIE_TAIL_LENGTH 58u
#define TRIE_TAIL_FROM 3u /* tails and bunches hang from slots of this octet and later ones */
#define TRIE_TAIL_SHIFT 63u
struct trie_tail {
    uint32_t leaf;  /* says nothing: it went, and there was no memory to let the tail rest */
    uint32_t cover; /* where a node has it */
    uint64_t key;   /* its first eight octets; in the last six bits, how many are not its own */
};
_Static_assert(sizeof(struct trie_tail) == BLOCK_UNIT, "never in two lines");
_Static_assert(offsetof(struct trie_tail, cover) == offsetof(struct trie_node, cover),
               "told from above without looking at what it is");

struct trie {
    uint32_t cover[1u << 8];
    uint32_t root[1u << 16];
    struct blocks blocks;
    struct blocks lines;   /* bunches */
    uint32_t nodes, dense; /* in use, resting ones not included */
    bool large;            /* there has been a value of more than 16 bits */
    bool tails;            /* and bunches: keys are TRIE_KEY long.  Set before the first prefix */
};

/* Adds or replaces a prefix without host bits; 0, or -ENOMEM with the trie as it was. */
int trie_set(struct trie *trie, const uint8_t *key, unsigned length, uint32_t value);
/* Takes one out; what it covered falls to the next shorter prefix, which the caller knows (length
 * and value 0: there is none). */
void trie_clear(struct trie *trie, const uint8_t *key, unsigned length, unsigned cover_length,
                uint32_t cover);
/* Between these nothing that changes take out begins to rest (blocks.h). */
void trie_hold(struct trie *trie);
void trie_release(struct trie *trie);
/* The value of the longest prefix that covers the key, 0: none. */
uint32_t trie_lookup(const struct trie *trie, const uint8_t *key);
/* What a slot of the third or a later octet of that key has: a leaf with its length, or what names
 * what hangs from it; 0: nothing, or the slot has no node.  For the control task. */
uint32_t trie_slot(const struct trie *trie, const uint8_t *key, unsigned octet);
uint64_t trie_bytes(const struct trie *trie); /* all there is */
void trie_free(struct trie *trie);            /* all but the trie itself */

/* Reading ---------------------------------------------------------------------- */

static ALWAYS_INLINE unsigned trie_count_plain(uint64_t v)
{
    v -= v >> 1 & 0x5555555555555555;
    v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
    return (unsigned)(((v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56);
}

/* The number of the run in which a slot is. */
static ALWAYS_INLINE unsigned trie_run(const struct trie_node *node, unsigned slot,
                                       unsigned (*count)(uint64_t))
{
    return node->before[slot / 64] + count(node->begins[slot / 64] << (~slot & 63));
}

/* Where the entry of a slot lies in the node that `entry` names, and what it is. */
static ALWAYS_INLINE const void *trie_entry_at(const struct trie_node *node, uint32_t entry,
                                               unsigned slot, unsigned (*count)(uint64_t))
{
    const void *entries = node + 1;
    if (entry & TRIE_DENSE)
        return (const uint32_t *)entries + slot;
    unsigned run = trie_run(node, slot, count);
    return (const uint16_t *)entries + (entry & TRIE_WIDE ? 2 * run : run);
}

static ALWAYS_INLINE uint32_t trie_entry_load(const void *at, uint32_t entry)
{
    return entry & TRIE_WIDE ? load_acquire((const uint32_t *)at)
                             : load_acquire((const uint16_t *)at);
}

static ALWAYS_INLINE uint32_t trie_entry(const struct trie_node *node, uint32_t entry,
                                         unsigned slot, unsigned (*count)(uint64_t))
{
    return trie_entry_load(trie_entry_at(node, entry, slot, count), entry);
}

/* The leaf if it says something, or what is known from above. */
static ALWAYS_INLINE uint32_t trie_better(uint32_t leaf, uint32_t known)
{
    return leaf & TRIE_VALUE ? leaf : known;
}

static ALWAYS_INLINE bool trie_is_tail(uint32_t entry)
{
    return (entry & (TRIE_TAIL | TRIE_WIDE)) == TRIE_TAIL;
}

static ALWAYS_INLINE bool trie_is_bunch(uint32_t entry)
{
    return (entry & (TRIE_NODE | TRIE_WIDE | TRIE_DENSE | TRIE_BUNCH)) == (TRIE_NODE | TRIE_BUNCH);
}

/* What a tail says of a key that begins so. */
static ALWAYS_INLINE uint32_t trie_tail_says(const struct trie_tail *tail, uint64_t head)
{
    uint64_t key = tail->key;
    uint32_t leaf = load_acquire(&tail->leaf), cover = load_acquire(&tail->cover);
    return (head ^ key) >> (key & TRIE_TAIL_SHIFT) ? cover : trie_better(leaf, cover);
}
