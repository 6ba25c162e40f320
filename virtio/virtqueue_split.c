/* virtqueue_split.c - the rings of a split virtqueue, virtio 1.2 2.7 (virtqueue_rings.h). */
#include "virtio/virtqueue_rings.h"

#include <string.h>

/* Supplying buffers, virtio 1.2 2.7.13 -------------------------------------- */

static inline void fill_desc(struct virtq_desc *d, const struct virtqueue_segment *segment,
                             bool writable, bool more, uint16_t next)
{
    d->addr = segment->iova;
    d->len = segment->length;
    d->flags = (uint16_t)((writable ? VIRTQ_DESC_F_WRITE : 0) | (more ? VIRTQ_DESC_F_NEXT : 0));
    d->next = more ? next : 0;
}

/* A chain in the table itself.  Returns its last descriptor. */
static inline uint16_t add_direct(struct virtqueue *vq, uint16_t head,
                                  const struct virtqueue_segment *segments, unsigned readable,
                                  unsigned n)
{
    uint16_t at = head;
    for (unsigned i = 0;; i++) {
        uint16_t next = vq->chain[at].next;
        fill_desc(&vq->desc[at], &segments[i], i >= readable, i + 1 < n, next);
        if (i + 1 == n)
            return at;
        at = next;
    }
}

/* A chain in the head's own indirect table: one descriptor, whatever n. */
static void add_indirect(struct virtqueue *vq, uint16_t head,
                         const struct virtqueue_segment *segments, unsigned readable, unsigned n)
{
    size_t at = (size_t)vq->indirect_max * head;
    for (unsigned i = 0; i < n; i++)
        fill_desc(&vq->tables[at + i], &segments[i], i >= readable, i + 1 < n, (uint16_t)(i + 1));
    vq->desc[head] = (struct virtq_desc){ .addr = vq->tables_iova + at * sizeof *vq->tables,
                                          .len = (uint32_t)(n * sizeof *vq->tables),
                                          .flags = VIRTQ_DESC_F_INDIRECT };
}

void virtqueue_split_add(struct virtqueue *vq, const struct virtqueue_segment *segments,
                         unsigned readable, unsigned n, void *token)
{
    bool indirect = n > 1 && n <= vq->indirect_max;
    uint16_t head = vq->free_head, last = head;
    uint32_t writable = 0;

    if (indirect)
        add_indirect(vq, head, segments, readable, n);
    else
        last = add_direct(vq, head, segments, readable, n);
    for (unsigned i = readable; i < n; i++)
        writable += segments[i].length;
    virtqueue_note(vq, head, last, indirect ? 1 : (uint16_t)n, writable, token);
    vq->avail->ring[vq->avail_idx++ & (vq->size - 1)] = head;
    vq->added++;
}

void virtqueue_split_add_burst(struct virtqueue *vq, const struct virtqueue_segment *segments,
                               void *const *tokens, unsigned n, uint16_t write)
{
    struct virtqueue_chain *chains = vq->chain;
    struct virtq_desc *desc = vq->desc;
    uint16_t writable = write ? UINT16_MAX : 0;
    uint16_t *ring = vq->avail->ring;
    uint16_t head = vq->free_head, at = vq->avail_idx, mask = (uint16_t)(vq->size - 1);
    for (unsigned i = 0; i < n; i++) {
        struct virtqueue_chain *chain = &chains[head];
        uint32_t length = segments[i].length;
        uint64_t rest = length | (uint64_t)write << 32; /* len, flags, next: one store */
        desc[head].addr = segments[i].iova;
        memcpy(&desc[head].len, &rest, sizeof rest);
        chain->token = tokens[i];
        chain->writable = (uint16_t)(length & writable);
        ring[at++ & mask] = head;
        head = chain->next;
    }
    vq->free_head = head;
    vq->avail_idx = at;
    vq->free_count = (uint16_t)(vq->free_count - n);
    vq->in_flight = (uint16_t)(vq->in_flight + n);
    vq->added = (uint16_t)(vq->added + n);
}

/* 2.7.10.1 */
bool virtqueue_split_wants_notify(struct virtqueue *vq)
{
    if (!vq->event_idx)
        return !(load_relaxed(&vq->used->flags) & VIRTQ_USED_F_NO_NOTIFY);
    uint16_t avail_event = load_relaxed((uint16_t *)&vq->used->ring[vq->size]);
    return virtqueue_passed(avail_event, vq->avail_idx, vq->added);
}

/* Receiving used buffers, virtio 1.2 2.7.14 ---------------------------------- */

/* True: there are some. */
static bool look(struct virtqueue *vq)
{
    if (vq->broken)
        return false;
    vq->used_end = load_relaxed(&vq->used->idx);
    dma_rmb(); /* the index before the entries it covers */
    if (likely((uint16_t)(vq->used_end - vq->used_idx) <= vq->in_flight))
        return vq->used_idx != vq->used_end;
    virtqueue_break(vq, "used index ran ahead of what was offered");
    return false;
}

static unsigned pop_in_order(struct virtqueue *vq, void **tokens, uint32_t *written, unsigned n)
{
    unsigned count = 0;
    while (count < n && vq->used_idx != vq->used_end) {
        if (!vq->in_batch) {
            const struct virtq_used_elem *elem = &vq->used->ring[vq->used_idx & (vq->size - 1)];
            uint32_t id = load_relaxed(&elem->id);
            if (!virtqueue_is_out(vq, id))
                break;
            virtqueue_begin_batch(vq, (uint16_t)id, load_relaxed(&elem->len));
        }
        vq->used_idx++;
        uint16_t id = virtqueue_next_of_batch(vq, written ? &written[count] : NULL);
        tokens[count++] = virtqueue_release(vq, id);
    }
    if (unlikely(vq->in_batch && vq->used_idx == vq->used_end))
        virtqueue_break(vq, "used index ends inside a batch");
    return count;
}

/* In any order; written is NULL where nobody asks. */
static ALWAYS_INLINE unsigned pop(struct virtqueue *vq, void **tokens, uint32_t *written,
                                  unsigned n)
{
    struct virtqueue_chain *chains = vq->chain;
    const struct virtq_used_elem *ring = vq->used->ring;
    struct virtqueue_returned returned = { .head = vq->free_head };
    uint16_t at = vq->used_idx, mask = (uint16_t)(vq->size - 1);
    unsigned ready = (uint16_t)(vq->used_end - at), count;
    n = n < ready ? n : ready;
    for (count = 0; count < n; count++, at++) {
        uint32_t id = load_relaxed(&ring[at & mask].id);
        if (unlikely(id > mask || !chains[id].token))
            break;
        if (written)
            written[count] = virtqueue_written(&chains[id], load_relaxed(&ring[at & mask].len));
        tokens[count] = virtqueue_return(chains, (uint16_t)id, &returned);
    }
    vq->used_idx = at;
    virtqueue_take_back(vq, &returned, count);
    if (unlikely(count < n))
        virtqueue_break_unknown(vq);
    return count;
}

unsigned virtqueue_split_pop(struct virtqueue *vq, void **tokens, uint32_t *written, unsigned n)
{
    if ((uint16_t)(vq->used_end - vq->used_idx) < n && !look(vq))
        return 0;
    if (vq->in_order)
        return pop_in_order(vq, tokens, written, n);
    return written ? pop(vq, tokens, written, n) : pop(vq, tokens, NULL, n);
}

/* Interrupts, virtio 1.2 2.7.7.1 ------------------------------------------------ */

static void set_used_event(struct virtqueue *vq, uint16_t index)
{
    store_relaxed(&vq->avail->ring[vq->size], index);
}

bool virtqueue_split_enable_interrupts(struct virtqueue *vq)
{
    if (vq->event_idx)
        set_used_event(vq, vq->used_idx);
    else
        store_relaxed(&vq->avail->flags, 0);
    dma_mb(); /* what we want before the look whether it is there already */
    return load_relaxed(&vq->used->idx) == vq->used_idx;
}

/* With EVENT_IDX the flags stay 0, and the event is as far away as it can be. */
void virtqueue_split_disable_interrupts(struct virtqueue *vq)
{
    if (vq->event_idx)
        set_used_event(vq, (uint16_t)(vq->used_idx - 1));
    else
        store_relaxed(&vq->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
}
