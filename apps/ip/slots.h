/* slots.h - records of one size by a 32-bit number, for one writer and readers without locks.
 *
 * They lie in chunks that are made when they are first needed and stay, so a reader never
 * finds memory that went away under it.  A number that is given back rests until no worker
 * can still hold it (apps/forward/quiesce.h), and is given out again only then.  The first
 * word of every record belongs to this file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SLOTS_CHUNK 256u
#define SLOTS_NONE UINT32_MAX

struct slots {
    uint32_t size;  /* of a record, in bytes */
    uint32_t limit; /* numbers are below it */
    uint32_t made;  /* numbers that have ever been in use */
    uint32_t used;  /* given out, resting ones included */
    /* lists through the records' first words, number + 1; 0: the end */
    uint32_t free, resting, waiting;
    bool asked; /* retire() is under way for those that rest */
    char **chunk;
};

/* 0, or -ENOMEM.  Once or more. */
int slots_init(struct slots *slots, uint32_t size, uint32_t limit);
void slots_free(struct slots *slots); /* everything; numbers begin anew */
/* A zeroed record's number, SLOTS_NONE: none is free, or no memory. */
uint32_t slots_take(struct slots *slots);
void slots_give(struct slots *slots, uint32_t number);

/* For a number that has been given out at least once. */
static inline void *slots_at(const struct slots *slots, uint32_t number)
{
    return slots->chunk[number / SLOTS_CHUNK] + (uint64_t)(number % SLOTS_CHUNK) * slots->size;
}
