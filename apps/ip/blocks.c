/* blocks.c - memory in blocks of many sizes (blocks.h). */
#include "apps/ip/blocks.h"

#include "apps/forward/quiesce.h"
#include "kernel/compiler.h"
#include "kernel/memory.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SPAN (64u << 10)               /* a chunk is aligned to it */
#define CHUNK_SIZE (CHUNK_SPAN - BLOCK_UNIT) /* with malloc()'s own word the next one is too */
#define CHUNK_UNITS (CHUNK_SPAN / BLOCK_UNIT)
#define LARGER (BLOCK_UNITS_MAX + 1)
#define REST_ROOM 64u
/* How far from the first chunk one may lie: what a signed place reaches. */
#define REACH ((intptr_t)(BLOCK_PLACE / 2) * (intptr_t)BLOCK_UNIT)

/* How a chunk begins.  A mark is on the first and on the last unit of every free block, and on
 * nothing else. */
struct block_chunk {
    uint64_t marks[CHUNK_UNITS / 64];
    struct block_chunk *next, *previous;
} CACHE_ALIGNED;
#define HEAD_UNITS (sizeof(struct block_chunk) / BLOCK_UNIT)
#define CHUNK_ROOM ((uint32_t)(CHUNK_SIZE / BLOCK_UNIT - HEAD_UNITS))
_Static_assert(sizeof(struct block_chunk) % BLOCK_UNIT == 0, "blocks follow it");

/* A free block: this at its beginning, and its units again in its last word. */
struct free_block {
    uint32_t units;
    uint32_t next, previous; /* in its list; 0: none */
};

static uint32_t units_for(uint32_t size)
{
    return (size + BLOCK_UNIT - 1) / BLOCK_UNIT;
}

/* Places wrap round within their bits. */
static uint32_t place_of(const struct blocks *b, const void *at)
{
    intptr_t units = (intptr_t)((uintptr_t)at - b->base) / (intptr_t)BLOCK_UNIT;
    return (uint32_t)units & BLOCK_PLACE;
}

static uint32_t place_add(uint32_t place, uint32_t units)
{
    return (place + units) & BLOCK_PLACE;
}

/* Free blocks -------------------------------------------------------------- */

static uint64_t *mark_of(const struct blocks *b, uint32_t place, uint64_t *bit)
{
    uintptr_t at = (uintptr_t)blocks_at(b, place);
    struct block_chunk *chunk = (struct block_chunk *)ALIGN_DOWN(at, (uintptr_t)CHUNK_SPAN);
    unsigned unit = (unsigned)((at - (uintptr_t)chunk) / BLOCK_UNIT);
    *bit = 1ull << (unit % 64);
    return &chunk->marks[unit / 64];
}

static bool is_marked(const struct blocks *b, uint32_t place)
{
    uint64_t bit, *mark = mark_of(b, place, &bit);
    return *mark & bit;
}

/* A chunk's last unit is malloc()'s: no block is behind the last one. */
static bool has_free(const struct blocks *b, uint32_t place)
{
    uintptr_t at = (uintptr_t)blocks_at(b, place);
    return at % CHUNK_SPAN != CHUNK_SIZE && is_marked(b, place);
}

static void set_marks(const struct blocks *b, uint32_t place, uint32_t units, bool marked)
{
    const uint32_t ends[2] = { place, place_add(place, units - 1) };
    for (unsigned i = 0; i < 2; i++) {
        uint64_t bit, *mark = mark_of(b, ends[i], &bit);
        *mark = marked ? *mark | bit : *mark & ~bit;
    }
}

/* The last word of the block that ends before `place`. */
static uint32_t *end_before(const struct blocks *b, uint32_t place)
{
    return (uint32_t *)blocks_at(b, place) - 1;
}

static uint32_t list_for(uint32_t units)
{
    return units < LARGER ? units : LARGER;
}

static void free_insert(struct blocks *b, uint32_t place, uint32_t units)
{
    struct free_block *f = blocks_at(b, place);
    uint32_t list = list_for(units), next = b->list[list];
    *f = (struct free_block){ .units = units, .next = next };
    *end_before(b, place_add(place, units)) = units;
    if (next)
        ((struct free_block *)blocks_at(b, next))->previous = place;
    b->list[list] = place;
    b->filled[list / 64] |= 1ull << (list % 64);
    set_marks(b, place, units, true);
}

static void free_remove(struct blocks *b, uint32_t place)
{
    const struct free_block *f = blocks_at(b, place);
    uint32_t list = list_for(f->units);
    set_marks(b, place, f->units, false);
    if (f->next)
        ((struct free_block *)blocks_at(b, f->next))->previous = f->previous;
    if (f->previous)
        ((struct free_block *)blocks_at(b, f->previous))->next = f->next;
    else
        b->list[list] = f->next;
    if (!b->list[list])
        b->filled[list / 64] &= ~(1ull << (list % 64));
}

/* The smallest that is large enough; 0: none. */
static uint32_t free_find(const struct blocks *b, uint32_t units)
{
    for (uint32_t word = units / 64, from = units % 64; word < ARRAY_SIZE(b->filled);
         word++, from = 0) {
        uint64_t filled = b->filled[word] >> from << from;
        if (filled)
            return b->list[word * 64 + (uint32_t)__builtin_ctzll(filled)];
    }
    return 0;
}

/* Chunks --------------------------------------------------------------------- */

static bool chunk_make(struct blocks *b)
{
    struct block_chunk *chunk = table_alloc(CHUNK_SPAN, CHUNK_SIZE);
    if (!chunk)
        return false;
    if (!b->base)
        store_release(&b->base, (uintptr_t)chunk);
    intptr_t from = (intptr_t)((uintptr_t)chunk - b->base);
    if (from < -REACH || from > REACH - (intptr_t)CHUNK_SPAN) {
        free(chunk);
        return false;
    }
    *chunk = (struct block_chunk){ .next = b->chunk };
    if (b->chunk)
        b->chunk->previous = chunk;
    b->chunk = chunk;
    b->bytes += CHUNK_SPAN;
    free_insert(b, place_add(place_of(b, chunk), HEAD_UNITS), CHUNK_ROOM);
    return true;
}

static void chunk_drop(struct blocks *b, struct block_chunk *chunk)
{
    if (chunk->next)
        chunk->next->previous = chunk->previous;
    if (chunk->previous)
        chunk->previous->next = chunk->next;
    else
        b->chunk = chunk->next;
    free(chunk);
    b->bytes -= CHUNK_SPAN;
}

uint32_t blocks_take(struct blocks *b, uint32_t size)
{
    uint32_t units = units_for(size), place = free_find(b, units);
    if (!place && !chunk_make(b))
        return 0;
    place = place ? place : free_find(b, units);
    uint32_t more = ((struct free_block *)blocks_at(b, place))->units - units;
    free_remove(b, place);
    if (more)
        free_insert(b, place_add(place, units), more);
    b->used += (uint64_t)units * BLOCK_UNIT;
    return place;
}

void blocks_give(struct blocks *b, uint32_t place, uint32_t size)
{
    uint32_t units = units_for(size), behind = place_add(place, units);
    b->used -= (uint64_t)units * BLOCK_UNIT;
    if (has_free(b, behind)) {
        units += ((struct free_block *)blocks_at(b, behind))->units;
        free_remove(b, behind);
    }
    if (is_marked(b, place_add(place, BLOCK_PLACE))) {
        uint32_t more = *end_before(b, place);
        place = place_add(place, BLOCK_PLACE + 1 - more);
        free_remove(b, place);
        units += more;
    }
    if (units == CHUNK_ROOM)
        chunk_drop(b, (struct block_chunk *)((char *)blocks_at(b, place)) - 1);
    else
        free_insert(b, place, units);
}

/* Rest ------------------------------------------------------------------------- */

static void begin_rest(struct blocks *b);

static void rested(void *arg)
{
    struct blocks *b = arg;
    uint32_t asked = b->asked;
    for (uint32_t i = 0; i < asked; i++)
        blocks_give(b, b->resting[i].place, b->resting[i].units * BLOCK_UNIT);
    b->rests -= asked;
    memmove(b->resting, b->resting + asked, b->rests * sizeof *b->resting);
    b->asked = 0;
    begin_rest(b);
}

/* One retire() at a time: those that come meanwhile wait for the next. */
static void begin_rest(struct blocks *b)
{
    if (b->asked || !b->rests || b->held)
        return;
    b->asked = b->rests;
    retire(rested, b);
}

bool blocks_rest_ready(struct blocks *b)
{
    if (b->rests < b->rest_room)
        return true;
    uint32_t room = b->rest_room ? 2 * b->rest_room : REST_ROOM;
    struct block_rest *more = realloc(b->resting, room * sizeof *more);
    if (!more)
        return false;
    b->resting = more;
    b->rest_room = room;
    return true;
}

void blocks_rest(struct blocks *b, uint32_t place, uint32_t size)
{
    b->resting[b->rests++] = (struct block_rest){ place, units_for(size) };
    begin_rest(b);
}

void blocks_hold(struct blocks *b)
{
    b->held = true;
}

void blocks_release(struct blocks *b)
{
    b->held = false;
    begin_rest(b);
}

uint64_t blocks_bytes(const struct blocks *b)
{
    return b->bytes + sizeof *b + b->rest_room * sizeof *b->resting;
}

void blocks_free(struct blocks *b)
{
    while (b->chunk)
        chunk_drop(b, b->chunk);
    free(b->resting);
    memset(b, 0, sizeof *b);
}
