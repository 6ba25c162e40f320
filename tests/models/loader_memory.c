/* loader_memory.c - see loader_memory.h. */
#include "tests/models/loader_memory.h"

#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 32u

static struct {
    uint64_t pa;
    size_t size;
    uint8_t *bytes;
} pieces[PIECES_MAX];
static unsigned piece_count;

void loader_memory_reset(void)
{
    while (piece_count)
        free(pieces[--piece_count].bytes);
}

uint8_t *loader_memory_add(uint64_t pa, const void *bytes, size_t size)
{
    if (piece_count == PIECES_MAX)
        abort();
    uint8_t *copy = malloc(size ? size : 1);
    if (size)
        memcpy(copy, bytes, size);
    pieces[piece_count].pa = pa;
    pieces[piece_count].size = size;
    pieces[piece_count++].bytes = copy;
    return copy;
}

static const void *loader_memory_read(void *ctx, uint64_t pa, uint64_t size)
{
    for (unsigned i = 0; i < piece_count; i++)
        if (size && pa >= pieces[i].pa && size <= pieces[i].size &&
            pa - pieces[i].pa <= pieces[i].size - size)
            return pieces[i].bytes + (pa - pieces[i].pa);
    return NULL;
}

const struct boot_reader loader_memory_reader = { .read = loader_memory_read };
