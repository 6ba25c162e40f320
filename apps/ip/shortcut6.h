/* shortcut6.h - from the first four octets of an IPv6 address to what is below them in the trie.
 *
 * A hash table beside the trie, which holds what the trie's slots for the fourth octet say: what
 * hangs from them, and the leaves of prefixes of 29 to 32 bits.  Three levels that wait for each
 * other are one look at a cache line then.  It may lack any of them (its line was full, there was
 * no memory): who finds nothing there goes the trie's way, and so does who finds nothing below.
 *
 * One writer, the control task, and readers without locks.  An octet quartet and its entry are one
 * word, so they are replaced and read together.  The table is made anew when it has become too
 * small, a few lines with each change. */
#pragma once

#include "apps/ip/trie.h"

#define SHORTCUT6_LINE 8u
#define SHORTCUT6_OCTET 3u /* the last of those that lead there */

/* The octets as they lie in an address, and the entry.  Empty: 0, which is as good as an entry that
 * says nothing. */
#define SHORTCUT6_TOP 0x00000000ffffffffull
#define SHORTCUT6_ENTRY 0xffffffff00000000ull

struct shortcut6_line {
    uint64_t word[SHORTCUT6_LINE];
} CACHE_ALIGNED;

struct shortcut6_table {
    unsigned shift; /* of a hash: 64 less the bits that count lines */
    uint32_t count; /* the control task's */
    struct shortcut6_line line[];
};

struct shortcut6 {
    struct shortcut6_table *table; /* replaced as a whole; NULL: there never was one */
    uint64_t seed;                 /* odd; nobody knows which octets share a line */
    /* the control task's */
    struct shortcut6_table *next; /* being made, NULL: none is */
    uint32_t moved;               /* lines of `table` that are in it */
    bool resting; /* readers may hold the table before this one */
};

extern struct shortcut6 shortcut6;

static ALWAYS_INLINE const struct shortcut6_line *
shortcut6_line(const struct shortcut6_table *table, uint32_t top)
{
    return &table->line[top * shortcut6.seed >> table->shift];
}

/* The trie has changed by a prefix of that length, and what it took out does not rest yet. */
void shortcut6_refresh(const struct trie *trie, const uint8_t *prefix, unsigned length);
uint64_t shortcut6_bytes(void);
void shortcut6_free(void); /* tests */
