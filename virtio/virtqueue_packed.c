/* virtqueue_packed.c - the ring of a packed virtqueue, virtio 1.2 2.8 (virtqueue_rings.h). */
#include "virtio/virtqueue_rings.h"

#define WRAP (VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED)

/* Supplying buffers, virtio 1.2 2.8.21 -------------------------------------- */

/* One descriptor with its flags but for the wrap counter's.  The first since the last
 * publishing keeps its old flags until then: the device reads in order and stops there. */
static inline void place(struct virtqueue *vq, uint64_t iova, uint32_t length, uint16_t id,
                         uint16_t flags)
{
    struct pvirtq_desc *d = &vq->ring[vq->next_avail];
    flags |= vq->avail_flags;
    d->addr = iova;
    d->len = length;
    d->id = id;
    if (likely(vq->held)) {
        d->flags = flags;
    } else {
        vq->held = true;
        vq->held_at = vq->next_avail;
        vq->held_flags = flags;
    }
    if (unlikely(++vq->next_avail == vq->size)) {
        vq->next_avail = 0;
        vq->avail_flags ^= WRAP;
    }
}

/* 2.8.7: of the flags only WRITE counts in a table. */
static void add_indirect(struct virtqueue *vq, uint16_t id,
                         const struct virtqueue_segment *segments, unsigned readable, unsigned n)
{
    size_t at = (size_t)vq->indirect_max * id;
    struct pvirtq_desc *table = (struct pvirtq_desc *)vq->tables + at;
    for (unsigned i = 0; i < n; i++)
        table[i] = (struct pvirtq_desc){ .addr = segments[i].iova,
                                         .len = segments[i].length,
                                         .flags = i >= readable ? VIRTQ_DESC_F_WRITE : 0 };
    place(vq, vq->tables_iova + at * sizeof *table, (uint32_t)(n * sizeof *table), id,
          VIRTQ_DESC_F_INDIRECT);
}

void virtqueue_packed_add(struct virtqueue *vq, const struct virtqueue_segment *segments,
                          unsigned readable, unsigned n, void *token)
{
    bool indirect = n > 1 && n <= vq->indirect_max;
    uint16_t id = vq->free_head;
    uint32_t writable = 0;

    if (indirect)
        add_indirect(vq, id, segments, readable, n);
    for (unsigned i = 0; i < n && !indirect; i++)
        place(vq, segments[i].iova, segments[i].length, id,
              (uint16_t)((i >= readable ? VIRTQ_DESC_F_WRITE : 0) |
                         (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0)));
    for (unsigned i = readable; i < n; i++)
        writable += segments[i].length;
    uint16_t count = indirect ? 1 : (uint16_t)n;
    virtqueue_note(vq, id, id, count, writable, token);
    vq->added = (uint16_t)(vq->added + count);
}

void virtqueue_packed_add_burst(struct virtqueue *vq, const struct virtqueue_segment *segments,
                                void *const *tokens, unsigned n, uint16_t write)
{
    struct virtqueue_chain *chains = vq->chain;
    uint16_t id = vq->free_head, writable = write ? UINT16_MAX : 0;
    for (unsigned i = 0; i < n; i++) {
        struct virtqueue_chain *chain = &chains[id];
        uint32_t length = segments[i].length;
        place(vq, segments[i].iova, length, id, write);
        chain->token = tokens[i];
        chain->writable = (uint16_t)(length & writable);
        id = chain->next;
    }
    vq->free_head = id;
    vq->free_count = (uint16_t)(vq->free_count - n);
    vq->in_flight = (uint16_t)(vq->in_flight + n);
    vq->added = (uint16_t)(vq->added + n);
}

void virtqueue_packed_publish(struct virtqueue *vq)
{
    if (!vq->held)
        return;
    dma_wmb(); /* all that follows it before the first one's flags: 2.8.21.1 */
    store_relaxed(&vq->ring[vq->held_at].flags, vq->held_flags);
    vq->held = false;
}

/* 2.8.10 */
bool virtqueue_packed_wants_notify(struct virtqueue *vq)
{
    uint16_t flags = load_relaxed(&vq->device_event->flags) & RING_EVENT_FLAGS;
    if (flags != RING_EVENT_FLAGS_DESC || !vq->event_idx)
        return flags != RING_EVENT_FLAGS_DISABLE;
    uint16_t desc = load_relaxed(&vq->device_event->desc), event = desc & RING_EVENT_OFF;
    if (!(desc & RING_EVENT_WRAP) != !(vq->avail_flags & VIRTQ_DESC_F_AVAIL))
        event = (uint16_t)(event - vq->size); /* of the round before ours */
    return virtqueue_passed(event, vq->next_avail, vq->added);
}

/* Receiving used buffers, virtio 1.2 2.8.22 ---------------------------------- */

/* 2.8.4 gives a length a meaning only with WRITE, but QEMU 10.0 never sets that (seen): what a
 * buffer has no room for is passed over in any case. */
static inline bool next_is_used(const struct virtqueue *vq)
{
    return (load_relaxed(&vq->ring[vq->next_used].flags) & WRAP) == vq->used_flags;
}

/* The device writes its next used descriptor behind as many as this buffer had. */
static inline void step(struct virtqueue *vq, uint16_t descriptors)
{
    unsigned next = (unsigned)vq->next_used + descriptors;
    if (unlikely(next >= vq->size)) {
        next -= vq->size;
        vq->used_flags ^= WRAP;
    }
    vq->next_used = (uint16_t)next;
}

static unsigned pop_in_order(struct virtqueue *vq, void **tokens, uint32_t *written, unsigned n)
{
    unsigned count = 0;
    while (count < n) {
        if (!vq->in_batch) {
            const struct pvirtq_desc *d = &vq->ring[vq->next_used];
            if (!next_is_used(vq))
                break;
            dma_rmb(); /* the flags before the rest of it */
            uint16_t last = load_relaxed(&d->id);
            if (!virtqueue_is_out(vq, last))
                break;
            virtqueue_begin_batch(vq, last, load_relaxed(&d->len));
        }
        uint16_t id = virtqueue_next_of_batch(vq, written ? &written[count] : NULL);
        step(vq, vq->chain[id].count);
        tokens[count++] = virtqueue_release(vq, id);
    }
    return count;
}

/* In any order; written is NULL where nobody asks. */
static ALWAYS_INLINE unsigned pop(struct virtqueue *vq, void **tokens, uint32_t *written,
                                  unsigned n)
{
    struct virtqueue_chain *chains = vq->chain;
    struct virtqueue_returned returned = { .head = vq->free_head };
    unsigned count;
    for (count = 0; count < n && next_is_used(vq); count++) {
        dma_rmb(); /* the flags before the rest of it */
        const struct pvirtq_desc *d = &vq->ring[vq->next_used];
        uint32_t id = load_relaxed(&d->id);
        if (unlikely(id >= vq->size || !chains[id].token)) {
            virtqueue_break_unknown(vq);
            break;
        }
        if (written)
            written[count] = virtqueue_written(&chains[id], load_relaxed(&d->len));
        step(vq, chains[id].count);
        tokens[count] = virtqueue_return(chains, (uint16_t)id, &returned);
    }
    virtqueue_take_back(vq, &returned, count);
    return count;
}

unsigned virtqueue_packed_pop(struct virtqueue *vq, void **tokens, uint32_t *written, unsigned n)
{
    if (unlikely(vq->broken))
        return 0;
    if (vq->in_order)
        return pop_in_order(vq, tokens, written, n);
    return written ? pop(vq, tokens, written, n) : pop(vq, tokens, NULL, n);
}

/* Interrupts, virtio 1.2 2.8.10 ------------------------------------------------- */

bool virtqueue_packed_enable_interrupts(struct virtqueue *vq)
{
    store_relaxed(&vq->driver_event->flags, RING_EVENT_FLAGS_ENABLE);
    dma_mb(); /* what we want before the look whether it is there already */
    return !vq->in_batch && !next_is_used(vq);
}

void virtqueue_packed_disable_interrupts(struct virtqueue *vq)
{
    store_relaxed(&vq->driver_event->flags, RING_EVENT_FLAGS_DISABLE);
}
