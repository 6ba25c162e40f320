/* spsc.h - a ring between two workers, or from a worker to the control task: one
 * producer, one consumer, no locks.
 *
 * Elements are copied in and out.  Head and tail run freely and are reduced at
 * use; the slots are published by the store-release of an index. */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct spsc {
    void *slots;
    uint32_t mask, element_size;
    uint32_t head CACHE_ALIGNED;    /* consumer */
    uint32_t tail CACHE_ALIGNED;    /* producer */
};

/* count: power of two.  0 or -ENOMEM; slots come from malloc. */
int spsc_init(struct spsc *ring, uint32_t count, uint32_t element_size);
void spsc_free(struct spsc *ring);

/* How many are in it, by the producer's word. */
static inline uint32_t spsc_fill(const struct spsc *ring)
{
    return ring->tail - load_acquire(&ring->head);
}

static inline bool spsc_push(struct spsc *ring, const void *element)
{
    uint32_t tail = ring->tail;
    if (tail - load_acquire(&ring->head) > ring->mask)
        return false;
    memcpy((char *)ring->slots + (size_t)(tail & ring->mask) * ring->element_size, element,
           ring->element_size);
    store_release(&ring->tail, tail + 1);
    return true;
}

/* Several at once, the other side's index looked at once and ours told once: how many there was
 * room for, from the front. */
static inline uint32_t spsc_push_burst(struct spsc *ring, const void *elements, uint32_t n)
{
    uint32_t tail = ring->tail, room = ring->mask + 1 - (tail - load_acquire(&ring->head));
    uint32_t size = ring->element_size;
    n = n < room ? n : room;
    for (uint32_t i = 0; i < n; i++)
        memcpy((char *)ring->slots + (size_t)((tail + i) & ring->mask) * size,
               (const char *)elements + (size_t)i * size, size);
    store_release(&ring->tail, tail + n);
    return n;
}

static inline uint32_t spsc_pop_burst(struct spsc *ring, void *elements, uint32_t n)
{
    uint32_t head = ring->head, fill = load_acquire(&ring->tail) - head;
    uint32_t size = ring->element_size;
    n = n < fill ? n : fill;
    for (uint32_t i = 0; i < n; i++)
        memcpy((char *)elements + (size_t)i * size,
               (const char *)ring->slots + (size_t)((head + i) & ring->mask) * size, size);
    store_release(&ring->head, head + n);
    return n;
}

static inline bool spsc_pop(struct spsc *ring, void *element)
{
    uint32_t head = ring->head;
    if (head == load_acquire(&ring->tail))
        return false;
    memcpy(element, (char *)ring->slots + (size_t)(head & ring->mask) * ring->element_size,
           ring->element_size);
    store_release(&ring->head, head + 1);
    return true;
}
