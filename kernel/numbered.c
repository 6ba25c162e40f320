/* numbered.c - the writer's side of numbered.h. */
#include "kernel/numbered.h"

#include <errno.h>
#include <string.h>

int numbered_set(struct numbered *table, unsigned number, void *object)
{
    void ***place = &table->chunk[number / NUMBERED_CHUNK];
    if (!*place) {
        void **chunk = calloc(NUMBERED_CHUNK, sizeof *chunk);
        if (!chunk)
            return -ENOMEM;
        store_release(place, chunk);
    }
    store_release(&(*place)[number % NUMBERED_CHUNK], object);
    if (number >= table->limit)
        store_relaxed(&table->limit, number + 1);
    return 0;
}

void numbered_clear(struct numbered *table, unsigned number)
{
    if (!numbered_get(table, number))
        return;
    store_release(&table->chunk[number / NUMBERED_CHUNK][number % NUMBERED_CHUNK], NULL);
    if (number < table->lowest)
        table->lowest = number;
    unsigned limit = table->limit;
    while (limit && !numbered_get(table, limit - 1))
        limit--;
    store_relaxed(&table->limit, limit);
}

unsigned numbered_lowest(struct numbered *table)
{
    while (table->lowest < NUMBERED_MAX && numbered_get(table, table->lowest))
        table->lowest++;
    return table->lowest;
}

void numbered_free(struct numbered *table)
{
    for (unsigned i = 0; i < ARRAY_SIZE(table->chunk); i++)
        free(table->chunk[i]);
    memset(table, 0, sizeof *table);
}
