/* pool.h - records of one size by a 32-bit number, for the control task alone.
 *
 * Numbers begin with 1.  Records lie in chunks that are made when they are needed and freed when
 * no record is left; a record keeps its place. */
#pragma once

#include "kernel/compiler.h"

#include <stdint.h>

#define POOL_CHUNK 256u /* records */

struct pool {
    uint32_t size; /* of a record; set by who owns the pool, at least 4 */
    uint32_t made, used;
    uint32_t free; /* list through the records' first words; 0: the end */
    uint32_t room; /* of the list of chunks */
    char **chunk;
};

/* A zeroed record's number; 0: no memory. */
uint32_t pool_take(struct pool *pool);
void pool_give(struct pool *pool, uint32_t number);
void pool_free(struct pool *pool); /* everything; the size stays */

static ALWAYS_INLINE void *pool_at(const struct pool *pool, uint32_t number)
{
    return pool->chunk[number / POOL_CHUNK] + (uint64_t)(number % POOL_CHUNK) * pool->size;
}
