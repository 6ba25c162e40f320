/* slots.c - records of one size by a 32-bit number (slots.h). */
#include "apps/ip/slots.h"

#include "apps/forward/quiesce.h"
#include "kernel/compiler.h"
#include "kernel/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int slots_init(struct slots *slots, uint32_t size, uint32_t limit)
{
    if (slots->chunk)
        return 0;
    *slots = (struct slots){ .size = size, .limit = limit };
    slots->chunk = calloc((limit + SLOTS_CHUNK - 1) / SLOTS_CHUNK, sizeof *slots->chunk);
    return slots->chunk ? 0 : -ENOMEM;
}

void slots_free(struct slots *slots)
{
    for (uint32_t i = 0; i * SLOTS_CHUNK < slots->made; i++)
        free(slots->chunk[i]);
    free(slots->chunk);
    *slots = (struct slots){ 0 };
}

static uint32_t *link_of(const struct slots *slots, uint32_t number)
{
    return slots_at(slots, number);
}

static bool chunk_ready(struct slots *slots, uint32_t number)
{
    char **chunk = &slots->chunk[number / SLOTS_CHUNK];
    if (!*chunk)
        store_release(chunk, table_alloc(CACHE_LINE, (size_t)SLOTS_CHUNK * slots->size));
    return *chunk;
}

uint32_t slots_take(struct slots *slots)
{
    uint32_t number = slots->free - 1;
    if (slots->free)
        slots->free = *link_of(slots, number);
    else if (slots->made < slots->limit && chunk_ready(slots, slots->made))
        number = slots->made++;
    else
        return SLOTS_NONE;
    memset(slots_at(slots, number), 0, slots->size);
    slots->used++;
    return number;
}

static void rest(struct slots *slots);

static void rested(void *arg)
{
    struct slots *slots = arg;
    slots->asked = false;
    while (slots->resting) {
        uint32_t number = slots->resting - 1, *link = link_of(slots, number);
        slots->resting = *link;
        *link = slots->free;
        slots->free = number + 1;
        slots->used--;
    }
    rest(slots);
}

/* One retire() at a time: those that come meanwhile wait for the next. */
static void rest(struct slots *slots)
{
    if (slots->asked || !slots->waiting)
        return;
    slots->asked = true;
    slots->resting = slots->waiting;
    slots->waiting = 0;
    retire(rested, slots);
}

void slots_give(struct slots *slots, uint32_t number)
{
    *link_of(slots, number) = slots->waiting;
    slots->waiting = number + 1;
    rest(slots);
}
