/* fib.h - the forwarding table: longest match in at most three loads, no locks.
 *
 * A trie of strides 16-8-8.  A slot is one 32-bit word: either a leaf (length of the prefix
 * that put it there, and a value, the number of a route object) or the place of a node of 256
 * further slots, counted in nodes from the first one: so a node is found without another
 * look.  The prefix of length 0 is a word of its own, where no leaf says anything.  Every
 * change becomes visible by single-word stores, a new node only once it is filled, so a
 * reader that runs meanwhile finds either the old route or the new one.  One writer: the
 * control task.
 *
 * A node that is no longer referenced may still be read by a worker in the middle of a
 * burst; it is reused only when none can hold it any more (apps/forward/quiesce.h). */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define FIB_NODE 0x80000000u   /* the slot names a node, its place in the other bits, signed */
#define FIB_LENGTH 0x7e000000u /* leaf: length of its prefix */
#define FIB_VALUE 0x01ffffffu  /* leaf: route object; 0: no route */
#define FIB_NODE_SLOTS 256u
#define FIB_NODE_SIZE 1024u
#define FIB_CHUNK_NODES 64u /* nodes are allocated by the 64 KiB */
#define FIB_BURST 32u

struct fib {
    uint32_t root[1u << 16];
    uint32_t fallback; /* of the prefix of length 0 */
    uintptr_t base;    /* the first node ever made */
};

extern struct fib *fib; /* NULL before fib_init() */

static inline uint32_t *fib_node(const struct fib *f, uint32_t slot)
{
    return (uint32_t *)(f->base +
                        (uintptr_t)((intptr_t)(int32_t)(slot << 1) * (FIB_NODE_SIZE / 2)));
}

/* What the root's slot for that address leads to. */
static inline uint32_t fib_value(const struct fib *f, uint32_t slot, uint32_t address)
{
    if (slot & FIB_NODE) {
        slot = load_acquire(fib_node(f, slot) + (address >> 8 & 0xff));
        if (slot & FIB_NODE)
            slot = load_acquire(fib_node(f, slot) + (address & 0xff));
    }
    slot &= FIB_VALUE;
    return slot ? slot : load_acquire(&f->fallback);
}

/* The value of the longest prefix that covers address, 0: none. */
static inline uint32_t fib_lookup(uint32_t address)
{
    const struct fib *f = load_acquire(&fib);
    return fib_value(f, load_acquire(&f->root[address >> 16]), address);
}

/* The same for up to FIB_BURST addresses, level by level, so that their cache misses overlap. */
void fib_lookup_burst(const uint32_t *addresses, uint32_t *values, unsigned n);

int fib_init(void);      /* once or more; 0 or -ENOMEM */
void fib_shutdown(void); /* tests: everything freed */
/* Adds or replaces; 0, or -ENOMEM with the table as it was.  No host bits. */
int fib_set(uint32_t prefix, unsigned length, uint32_t value);
/* Removes; what it covered falls to the next shorter prefix, which the caller
 * knows: value 0 and length 0 for none. */
void fib_clear(uint32_t prefix, unsigned length, unsigned cover_length, uint32_t cover);
unsigned fib_nodes(void); /* in use, resting ones included */
