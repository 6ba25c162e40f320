/* blocks.h - memory in blocks of many sizes by a 28-bit place, for one writer and readers without
 * locks.
 *
 * Blocks are cut from chunks of 64 KiB that are made when they are first needed and freed when
 * nothing of them is in use.  Neighbours that are free become one; of the free ones the smallest
 * that is large enough is taken.  A place counts units from the first chunk there was, either way,
 * so a block is found without another look.  A block that readers may still hold rests
 * (apps/forward/quiesce.h) before it is free, untouched meanwhile.  Where all sizes are multiples
 * of a cache line, no block lies in more lines than it must. */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_UNIT 16u /* sizes are multiples of it */
#define BLOCK_UNITS_MAX 67u
#define BLOCK_PLACE 0x0fffffffu /* signed; what stands above is the user's */

struct block_rest {
    uint32_t place, units;
};

struct blocks {
    uintptr_t base; /* place 0, where no block is; never changes once it is set */
    /* the control task's */
    struct block_chunk *chunk;          /* all there are */
    uint32_t list[BLOCK_UNITS_MAX + 2]; /* free blocks by units; the last: all larger ones */
    uint64_t filled[2];                 /* which lists are not empty */
    uint64_t bytes, used;               /* of chunks; in blocks, resting ones included */
    struct block_rest *resting;         /* taken out; the first `asked` were so at retire() */
    uint32_t rests, rest_room, asked;
    bool held;
};

static ALWAYS_INLINE void *blocks_at(const struct blocks *blocks, uint32_t place)
{
    return (void *)(blocks->base + (uintptr_t)(intptr_t)(int32_t)(place * BLOCK_UNIT));
}

/* A block of `size` bytes, not cleared, aligned to BLOCK_UNIT; 0: no memory. */
uint32_t blocks_take(struct blocks *blocks, uint32_t size);
void blocks_give(struct blocks *blocks, uint32_t place, uint32_t size); /* no reader knows it */
/* Whether one more can be put to rest: asked before it is taken out. */
bool blocks_rest_ready(struct blocks *blocks);
void blocks_rest(struct blocks *blocks, uint32_t place, uint32_t size);
/* Between these nothing begins to rest: who keeps a place elsewhere too takes it out there. */
void blocks_hold(struct blocks *blocks);
void blocks_release(struct blocks *blocks);
/* Bytes of all chunks, and of what keeps them in order. */
uint64_t blocks_bytes(const struct blocks *blocks);
void blocks_free(struct blocks *blocks); /* everything */
