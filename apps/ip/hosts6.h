/* hosts6.h - routes to single IPv6 addresses: neighbors, addresses of ours, static ones.
 *
 * The trie has a level for each octet, and hosts of one prefix differ in the last ones: they lie in
 * a hash table beside it, which is asked first.  It costs who is in neither a look at one word.
 *
 * One writer, the control task, and readers without locks.  A host is a record in a chain; what it
 * leads to is one word.  The table of chains grows by being made anew, a few chains with each
 * change: a host has two links, of which readers follow the one of the table that they found. */
#pragma once

#include "apps/ip/blocks.h"
#include "kernel/compiler.h"
#include "kernel/endian.h"

#include <stdbool.h>
#include <stdint.h>

struct host6 {
    uint64_t high, low;
    uint32_t value;   /* 0: it is none any more, and there was no memory to take it out */
    uint32_t link[2]; /* the next one's place (blocks.h), 0: the last */
};

/* Replaced as a whole. */
struct hosts6_table {
    uint32_t mask;
    unsigned link; /* which of a host's two */
    uint32_t first[];
};

struct hosts6 {
    struct hosts6_table *table; /* NULL: there never was a host */
    uint64_t seed[2];           /* nobody knows which addresses share a chain */
    /* the control task's */
    struct hosts6_table *next; /* being made, NULL: none is */
    uint32_t moved;            /* chains of `table` that are in it */
    uint32_t count;
    bool resting; /* readers may be following the other link still */
};

extern struct hosts6 hosts6;

/* Adds or replaces: 0 or -ENOMEM. */
int hosts6_set(struct blocks *blocks, const uint8_t *address, uint32_t value);
void hosts6_clear(struct blocks *blocks, const uint8_t *address);
uint64_t hosts6_bytes(void); /* what is not the blocks' */
void hosts6_free(void);      /* tests: all but the blocks */

/* Each bit of either half is worth one of the product's upper half. */
static ALWAYS_INLINE uint32_t hosts6_hash(uint64_t high, uint64_t low)
{
    unsigned __int128 product = (unsigned __int128)(high ^ hosts6.seed[0]) * (low ^ hosts6.seed[1]);
    return (uint32_t)(product >> 64) ^ (uint32_t)product;
}

static ALWAYS_INLINE uint32_t hosts6_first(const struct hosts6_table *table, uint64_t high,
                                           uint64_t low)
{
    return load_acquire(&table->first[hosts6_hash(high, low) & table->mask]);
}

/* What the host of that address leads to, looked for from `place` on; 0: there is none. */
static ALWAYS_INLINE uint32_t hosts6_follow(const struct blocks *blocks,
                                            const struct hosts6_table *table, uint32_t place,
                                            uint64_t high, uint64_t low)
{
    const struct host6 *host;
    for (; place; place = load_acquire(&host->link[table->link])) {
        host = blocks_at(blocks, place);
        if (host->low == low && host->high == high)
            return load_acquire(&host->value);
    }
    return 0;
}

static inline uint32_t hosts6_lookup(const struct blocks *blocks, const uint8_t *address)
{
    const struct hosts6_table *table = load_acquire(&hosts6.table);
    uint64_t high = load_le64(address), low = load_le64(address + 8);
    return table ? hosts6_follow(blocks, table, hosts6_first(table, high, low), high, low) : 0;
}
