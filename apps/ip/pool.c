/* pool.c - records of one size by number (pool.h). */
#include "apps/ip/pool.h"

#include "kernel/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 64u

static bool list_grow(struct pool *pool)
{
    uint32_t room = pool->room ? 2 * pool->room : ROOM_FIRST;
    char **list = table_calloc(room, sizeof *list);
    if (!list)
        return false;
    if (pool->room)
        memcpy(list, pool->chunk, pool->room * sizeof *list);
    free(pool->chunk);
    pool->chunk = list;
    pool->room = room;
    return true;
}

/* Memory for one number more. */
static bool chunk_ready(struct pool *pool, uint32_t number)
{
    uint32_t at = number / POOL_CHUNK;
    if (at == pool->room && !list_grow(pool))
        return false;
    if (!pool->chunk[at])
        pool->chunk[at] = table_alloc(CACHE_LINE, (size_t)POOL_CHUNK * pool->size);
    return pool->chunk[at];
}

uint32_t pool_take(struct pool *pool)
{
    uint32_t number = pool->free;
    if (number)
        memcpy(&pool->free, pool_at(pool, number), sizeof pool->free);
    else if (pool->made < UINT32_MAX - 1 && chunk_ready(pool, pool->made + 1))
        number = ++pool->made;
    else
        return 0;
    memset(pool_at(pool, number), 0, pool->size);
    pool->used++;
    return number;
}

void pool_give(struct pool *pool, uint32_t number)
{
    memcpy(pool_at(pool, number), &pool->free, sizeof pool->free);
    pool->free = number;
    if (!--pool->used)
        pool_free(pool);
}

void pool_free(struct pool *pool)
{
    for (uint32_t i = 0; i < pool->room; i++)
        free(pool->chunk[i]);
    free(pool->chunk);
    *pool = (struct pool){ .size = pool->size };
}
