/* fib.h - the forwarding table for IPv4: longest match in compressed form, no locks (trie.h).
 *
 * A prefix leads to a value, the number of a route object (nexthop.h). */
#pragma once

#include "apps/ip/trie.h"
#include "kernel/endian.h"

#define FIB_VALUE TRIE_VALUE
#define FIB_BURST TRIE_BURST

extern struct trie *fib; /* NULL before fib_init() */

/* The value of the longest prefix that covers address, 0: none. */
static inline uint32_t fib_lookup(uint32_t address)
{
    uint8_t key[4];
    store_be32(key, address);
    return trie_lookup(load_acquire(&fib), key);
}

/* The same for up to FIB_BURST addresses, level by level, so that their cache misses overlap. */
void fib_lookup_burst(const uint32_t *addresses, uint32_t *values, unsigned n);

/* How many ways this CPU has to do so, the fastest last; it is used unless somebody says else. */
#define FIB_WAYS 2u
unsigned fib_ways(void);
void fib_use_way(unsigned way);

int fib_init(void);      /* once or more; 0 or -ENOMEM */
void fib_shutdown(void); /* tests: everything freed */
/* Adds or replaces; 0, or -ENOMEM with the table as it was.  No host bits. */
int fib_set(uint32_t prefix, unsigned length, uint32_t value);
/* Removes; what it covered falls to the next shorter prefix, which the caller
 * knows: value 0 and length 0 for none. */
void fib_clear(uint32_t prefix, unsigned length, unsigned cover_length, uint32_t cover);
unsigned fib_nodes(void); /* in use */
uint64_t fib_bytes(void); /* all that the table takes */
