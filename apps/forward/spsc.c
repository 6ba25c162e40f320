/* spsc.c - memory for a ring with one producer and one consumer (spsc.h). */
#include "apps/forward/spsc.h"

#include <errno.h>
#include <stdlib.h>

int spsc_init(struct spsc *ring, uint32_t count, uint32_t element_size)
{
    void *slots = calloc(count, element_size);
    if (!slots)
        return -ENOMEM;
    *ring = (struct spsc){ .slots = slots, .mask = count - 1, .element_size = element_size };
    return 0;
}

void spsc_free(struct spsc *ring)
{
    free(ring->slots);
    *ring = (struct spsc){ 0 };
}
