/* fib6.h - the forwarding table for IPv6: longest match in compressed form, no locks (trie.h).
 *
 * Addresses are 16 octets as on the wire; a prefix leads to a value, the number of a route object.
 * Single addresses lie beside the trie (hosts6.h). */
#pragma once

#include "apps/ip/trie.h"

#define FIB6_BURST TRIE_BURST
#define FIB6_ADDRESS TRIE_KEY

extern struct trie *fib6; /* NULL before fib6_init() */

/* The value of the longest prefix that covers address, 0: none. */
uint32_t fib6_lookup(const uint8_t address[FIB6_ADDRESS]);

/* The same for up to FIB6_BURST addresses, level by level, so that their cache misses overlap. */
void fib6_lookup_burst(const uint8_t addresses[][FIB6_ADDRESS], uint32_t *values, unsigned n);
/* How many ways this CPU has to do so, the fastest last; it is used unless somebody says else. */
#define FIB6_WAYS 2u
unsigned fib6_ways(void);
void fib6_use_way(unsigned way);

int fib6_init(void);      /* once or more; 0 or -ENOMEM */
void fib6_shutdown(void); /* tests: everything freed */
/* Adds or replaces; 0, or -ENOMEM with the table as it was.  No host bits. */
int fib6_set(const uint8_t prefix[FIB6_ADDRESS], unsigned length, uint32_t value);
/* Removes; what it covered falls to the next shorter prefix, which the caller
 * knows: value 0 and length 0 for none. */
void fib6_clear(const uint8_t prefix[FIB6_ADDRESS], unsigned length, unsigned cover_length,
                uint32_t cover);
uint64_t fib6_bytes(void); /* all that the table takes */
