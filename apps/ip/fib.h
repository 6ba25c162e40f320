/* fib.h - the forwarding table: longest match in at most three loads, no locks.
 *
 * A trie of strides 16-8-8.  A slot is one 32-bit word: either a leaf (length
 * of the prefix that put it there, adjacency) or the number of a node of 256
 * further slots.  Every change becomes visible by single-word stores, a new
 * node only once it is filled, so a reader that runs meanwhile finds either
 * the old route or the new one.  One writer: the control task.
 *
 * A node that is no longer referenced may still be read by a worker in the
 * middle of a burst; it is reused only after fib_quiescent() has been called
 * at a moment when every worker has finished the turn in which it could have
 * found it. */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define FIB_NODE 0x80000000u      /* the slot names a node */
#define FIB_LENGTH 0x7e000000u    /* leaf: length of its prefix */
#define FIB_ADJACENCY 0x01ffffffu /* leaf: adjacency; 0: no route */
#define FIB_NODE_SLOTS 256u
#define FIB_CHUNK_NODES 128u /* nodes are allocated by the 128 KiB */
#define FIB_CHUNKS 16384u    /* two million nodes */

struct fib {
    uint32_t root[1u << 16];
    uint32_t *chunk[FIB_CHUNKS];
};

extern struct fib *fib; /* NULL before fib_init() */

static inline uint32_t *fib_node(const struct fib *f, uint32_t slot)
{
    uint32_t node = slot & ~FIB_NODE;
    return f->chunk[node / FIB_CHUNK_NODES] + node % FIB_CHUNK_NODES * FIB_NODE_SLOTS;
}

/* The adjacency of the longest prefix that covers address, 0: none. */
static inline uint32_t fib_lookup(uint32_t address)
{
    const struct fib *f = fib;
    uint32_t slot = load_acquire(&f->root[address >> 16]);
    if (slot & FIB_NODE) {
        slot = load_acquire(fib_node(f, slot) + (address >> 8 & 0xff));
        if (slot & FIB_NODE)
            slot = load_acquire(fib_node(f, slot) + (address & 0xff));
    }
    return slot & FIB_ADJACENCY;
}

int fib_init(void);      /* once or more; 0 or -ENOMEM */
void fib_shutdown(void); /* tests: everything freed */
/* Adds or replaces; 0, or -ENOMEM with the table as it was.  No host bits. */
int fib_set(uint32_t prefix, unsigned length, uint32_t adjacency);
/* Removes; what it covered falls to the next shorter prefix, which the caller
 * knows: adjacency 0 and length 0 for none. */
void fib_clear(uint32_t prefix, unsigned length, unsigned cover_length, uint32_t cover);
void fib_quiescent(void);
unsigned fib_nodes(void); /* in use, retired ones included */
