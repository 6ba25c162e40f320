/* numbered.h - objects by a 16-bit number, for one writer and readers without locks.
 *
 * Chunks of pointers are made when a number of theirs is first used and stay until
 * numbered_free(): a reader never finds memory that went away under it.  What an
 * entry points to is its owner's: who takes an object out sees to it that no
 * reader still holds it before it is freed or its number used again. */
#pragma once

#include "kernel/compiler.h"

#include <stdint.h>
#include <stdlib.h>

#define NUMBERED_MAX 65535u /* numbers 0 to 65534; the last one stands for none everywhere */
#define NUMBERED_CHUNK 256u

struct numbered {
    void **chunk[(NUMBERED_MAX + NUMBERED_CHUNK) / NUMBERED_CHUNK];
    unsigned limit;  /* every number in use is below it */
    unsigned lowest; /* every number below it is in use */
};

static inline void *numbered_get(const struct numbered *table, unsigned number)
{
    void **chunk = NULL;
    if (number < NUMBERED_MAX)
        chunk = load_acquire(&table->chunk[number / NUMBERED_CHUNK]);
    return chunk ? load_acquire(&chunk[number % NUMBERED_CHUNK]) : NULL;
}

static inline unsigned numbered_limit(const struct numbered *table)
{
    return load_relaxed(&table->limit);
}

/* 0, or -ENOMEM with nothing changed. */
int numbered_set(struct numbered *table, unsigned number, void *object);
void numbered_clear(struct numbered *table, unsigned number); /* that entry is NULL now */
/* The lowest number without an object; NUMBERED_MAX: there is none. */
unsigned numbered_lowest(struct numbered *table);
void numbered_free(struct numbered *table); /* the chunks, not the objects */
