/* virtqueue_rings.h - between virtqueue.c and the two kinds of rings: each fills in its own
 * descriptors and finds out what the device has used; what we believe about buffers is kept
 * alike. */
#pragma once

#include "virtio/virtqueue.h"

/* As virtqueue_add() and so on; there is room, and n is not 0. */
void virtqueue_split_add(struct virtqueue *vq, const struct virtqueue_segment *segments,
                         unsigned readable, unsigned n, void *token);
bool virtqueue_split_wants_notify(struct virtqueue *vq);
bool virtqueue_split_enable_interrupts(struct virtqueue *vq);
void virtqueue_split_disable_interrupts(struct virtqueue *vq);

void virtqueue_packed_add(struct virtqueue *vq, const struct virtqueue_segment *segments,
                          unsigned readable, unsigned n, void *token);
bool virtqueue_packed_wants_notify(struct virtqueue *vq);
bool virtqueue_packed_enable_interrupts(struct virtqueue *vq);
void virtqueue_packed_disable_interrupts(struct virtqueue *vq);

/* The device asks to be told when index or position `event` is passed: was it, by the `added`
 * that lead up to `now`?  (2.7.10.1, 2.8.10; all free-running) */
static inline bool virtqueue_passed(uint16_t event, uint16_t now, uint16_t added)
{
    return (uint16_t)(now - event - 1) < added;
}

/* What the device says that it wrote into a buffer, as far as it is possible. */
static inline uint32_t virtqueue_written(const struct virtqueue_chain *chain, uint32_t length)
{
    return length <= chain->writable ? length : 0;
}

static inline uint16_t virtqueue_countable(uint32_t bytes)
{
    return bytes < UINT16_MAX ? (uint16_t)bytes : UINT16_MAX;
}

/* Notes buffer `id`, whose chain ends with descriptor `last`. */
static inline void virtqueue_note(struct virtqueue *vq, uint16_t id, uint16_t last, uint16_t count,
                                  uint32_t writable, void *token)
{
    struct virtqueue_chain *chain = &vq->chain[id];
    vq->free_head = vq->chain[last].next;
    chain->token = token;
    chain->last = last;
    chain->count = count;
    chain->writable = virtqueue_countable(writable);
    vq->free_count = (uint16_t)(vq->free_count - count);
    vq->in_flight++;
}

/* A buffer's descriptors are free again: of a single one nothing has to be changed. */
static inline uint16_t virtqueue_part(struct virtqueue_chain *chain, uint16_t id)
{
    uint16_t count = chain->count;
    chain->last = id;
    chain->count = 1;
    return count;
}

/* Forgets buffer `id`.  Its descriptors are the next to be used, but for a queue in order: there
 * all go round in the order of the table (2.7.5.2). */
static inline void *virtqueue_release(struct virtqueue *vq, uint16_t id)
{
    struct virtqueue_chain *chain = &vq->chain[id];
    void *token = chain->token;
    chain->token = NULL;
    if (!vq->in_order) {
        vq->chain[chain->last].next = vq->free_head;
        vq->free_head = id;
    }
    vq->free_count = (uint16_t)(vq->free_count + virtqueue_part(chain, id));
    vq->in_flight--;
    return token;
}

static inline void virtqueue_break_unknown(struct virtqueue *vq)
{
    virtqueue_break(vq, "used entry names a buffer that the device does not have");
}

/* The device names buffer `id`.  False: it does not have one of that number; the queue breaks. */
static inline bool virtqueue_is_out(struct virtqueue *vq, uint32_t id)
{
    if (likely(id < vq->size && vq->chain[id].token))
        return true;
    virtqueue_break_unknown(vq);
    return false;
}

/* What a burst of buffers gives back, put down at its end: the free list's head, and descriptors
 * beyond one for each buffer. */
struct virtqueue_returned {
    uint16_t head, more;
};

/* As virtqueue_release(), of a queue in any order, within a burst. */
static inline void *virtqueue_return(struct virtqueue_chain *chains, uint16_t id,
                                     struct virtqueue_returned *returned)
{
    struct virtqueue_chain *chain = &chains[id];
    void *token = chain->token;
    uint16_t head = returned->head;
    chain->token = NULL;
    returned->head = id;
    if (likely(chain->count == 1)) {
        chain->next = head;
        return token;
    }
    chains[chain->last].next = head;
    returned->more = (uint16_t)(returned->more + virtqueue_part(chain, id) - 1);
    return token;
}

static inline void virtqueue_take_back(struct virtqueue *vq,
                                       const struct virtqueue_returned *returned, unsigned buffers)
{
    vq->free_head = returned->head;
    vq->free_count = (uint16_t)(vq->free_count + buffers + returned->more);
    vq->in_flight = (uint16_t)(vq->in_flight - buffers);
}

/* In order: buffer `id` is used, and all that were offered before it. */
static inline void virtqueue_begin_batch(struct virtqueue *vq, uint16_t id, uint32_t length)
{
    vq->in_batch = true;
    vq->batch = id;
    vq->batch_written = virtqueue_written(&vq->chain[id], length);
}

/* In order: the number of the batch's next buffer; those that the device skipped were used
 * completely. */
static inline uint16_t virtqueue_next_of_batch(struct virtqueue *vq, uint32_t *written)
{
    uint16_t id = vq->oldest;
    vq->in_batch = id != vq->batch;
    vq->oldest = vq->chain[vq->chain[id].last].next;
    if (written)
        *written = vq->in_batch ? vq->chain[id].writable : vq->batch_written;
    return id;
}
