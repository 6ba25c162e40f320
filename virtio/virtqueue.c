/* virtqueue.c - the split virtqueue, virtio 1.2 2.7.  Contract: virtqueue.h. */
#include "virtio/virtqueue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Memory ------------------------------------------------------------------- */

static size_t desc_bytes(uint16_t size)
{
    return sizeof(struct virtq_desc) * size;
}

/* The rings carry one more word for VIRTIO_F_EVENT_IDX, which we never
 * negotiate, but the sizes of 2.7 and 2.7.2 count it. */
static size_t avail_bytes(uint16_t size)
{
    return sizeof(struct virtq_avail) + sizeof(uint16_t) * size + sizeof(uint16_t);
}

static size_t used_bytes(uint16_t size)
{
    return sizeof(struct virtq_used) + sizeof(struct virtq_used_elem) * size + sizeof(uint16_t);
}

static int alloc_rings(struct virtqueue *vq)
{
    size_t read_bytes = desc_bytes(vq->size) + avail_bytes(vq->size);
    int e = dma_alloc(vq->dma, read_bytes, PAGE_SIZE, DMA_TO_DEVICE, &vq->read_memory);
    if (e)
        return e;
    /* Devices read back the flags that they set there: QEMU's does (seen as faults). */
    e = dma_alloc(vq->dma, used_bytes(vq->size), PAGE_SIZE, DMA_BIDIRECTIONAL, &vq->written_memory);
    if (e)
        return e;
    vq->used = vq->written_memory.va;
    vq->used_iova = vq->written_memory.iova;
    return 0;
}

/* One contiguous piece; the alignment at least puts the used ring on pages of
 * its own.  That the device could also write its own descriptors harms nobody
 * else: we never read them. */
static int alloc_legacy_rings(struct virtqueue *vq)
{
    size_t read_bytes =
        ALIGN_UP(desc_bytes(vq->size) + avail_bytes(vq->size), (size_t)VIRTQ_LEGACY_ALIGN);
    int e = dma_alloc(vq->dma, read_bytes + used_bytes(vq->size), VIRTQ_LEGACY_ALIGN,
                      DMA_BIDIRECTIONAL, &vq->read_memory);
    if (e)
        return e;
    vq->used = (struct virtq_used *)((char *)vq->read_memory.va + read_bytes);
    vq->used_iova = vq->read_memory.iova + read_bytes;
    return 0;
}

static int alloc_tables(struct virtqueue *vq, uint16_t indirect_max)
{
    /* 2.7.5.3.1: no chain is longer than the queue, indirect ones included. */
    indirect_max = (uint16_t)min_u64(indirect_max, vq->size);
    if (indirect_max < 2)
        return 0;
    int e = dma_alloc(vq->dma, desc_bytes(indirect_max) * vq->size, PAGE_SIZE, DMA_TO_DEVICE,
                      &vq->tables_memory);
    if (e)
        return e;
    vq->tables = vq->tables_memory.va;
    vq->tables_iova = vq->tables_memory.iova;
    vq->indirect_max = indirect_max;
    return 0;
}

static void free_list_init(struct virtqueue *vq)
{
    for (uint16_t i = 0; i < vq->size; i++)
        vq->chain[i].next = (uint16_t)(i + 1);
    vq->free_head = 0;
    vq->free_count = vq->size;
}

int virtqueue_alloc(struct virtqueue *vq, struct dma_device *dma, uint16_t index, uint16_t size,
                    bool legacy, uint16_t indirect_max)
{
    *vq = (struct virtqueue){ .dma = dma, .index = index, .size = size };
    if (!size || (size & (size - 1)) || size > VIRTQ_SIZE_MAX)
        return -EINVAL;
    int e = legacy ? alloc_legacy_rings(vq) : alloc_rings(vq);
    if (e)
        goto free;
    e = alloc_tables(vq, indirect_max);
    if (e)
        goto free;
    e = -ENOMEM;
    vq->chain = calloc(size, sizeof *vq->chain);
    if (!vq->chain)
        goto free;

    vq->desc = vq->read_memory.va;
    vq->desc_iova = vq->read_memory.iova;
    vq->avail = (struct virtq_avail *)((char *)vq->read_memory.va + desc_bytes(size));
    vq->avail_iova = vq->desc_iova + desc_bytes(size);
    vq->avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT; /* we poll: 2.7.7.1 */
    free_list_init(vq);
    return 0;

free:
    virtqueue_free(vq);
    return e;
}

void virtqueue_free(struct virtqueue *vq)
{
    dma_free(vq->dma, &vq->tables_memory);
    dma_free(vq->dma, &vq->written_memory);
    dma_free(vq->dma, &vq->read_memory);
    free(vq->chain);
    *vq = (struct virtqueue){ 0 };
}

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
    size_t offset = desc_bytes(vq->indirect_max) * head;
    struct virtq_desc *table = vq->tables + (size_t)vq->indirect_max * head;
    for (unsigned i = 0; i < n; i++)
        fill_desc(&table[i], &segments[i], i >= readable, i + 1 < n, (uint16_t)(i + 1));
    vq->desc[head] = (struct virtq_desc){ .addr = vq->tables_iova + offset,
                                          .len = (uint32_t)desc_bytes((uint16_t)n),
                                          .flags = VIRTQ_DESC_F_INDIRECT };
}

bool virtqueue_add(struct virtqueue *vq, const struct virtqueue_segment *segments,
                   unsigned readable, unsigned writable, void *token)
{
    unsigned n = readable + writable;
    bool indirect = n > 1 && n <= vq->indirect_max;
    uint16_t head = vq->free_head, last = head;

    if (!n || !virtqueue_has_room(vq, n))
        return false;
    if (indirect)
        add_indirect(vq, head, segments, readable, n);
    else
        last = add_direct(vq, head, segments, readable, n);

    struct virtqueue_chain *chain = &vq->chain[head];
    vq->free_head = vq->chain[last].next;
    chain->token = token;
    chain->last = last;
    chain->count = indirect ? 1 : (uint16_t)n;
    chain->writable = 0;
    for (unsigned i = readable; i < n; i++)
        chain->writable += segments[i].length;
    vq->free_count = (uint16_t)(vq->free_count - chain->count);
    vq->in_flight++;
    vq->avail->ring[vq->avail_idx++ & (vq->size - 1)] = head;
    return true;
}

void virtqueue_publish(struct virtqueue *vq)
{
    dma_wmb(); /* descriptors and ring entries before the index: 2.7.13.3.1 */
    store_relaxed(&vq->avail->idx, vq->avail_idx);
}

void virtqueue_notify(struct virtqueue *vq)
{
    dma_mb(); /* the index before the look whether the device sleeps: 2.7.13.4.1 */
    if (!(load_relaxed(&vq->used->flags) & VIRTQ_USED_F_NO_NOTIFY))
        vq->notify(vq);
}

/* Receiving used buffers, virtio 1.2 2.7.14 ---------------------------------- */

void virtqueue_break(struct virtqueue *vq, const char *why)
{
    vq->used_end = vq->used_idx; /* nothing more comes out */
    store_relaxed(&vq->broken, why);
}

static bool used_available(struct virtqueue *vq)
{
    if (vq->used_idx != vq->used_end)
        return true;
    if (vq->broken)
        return false;
    vq->used_end = load_relaxed(&vq->used->idx);
    dma_rmb(); /* the index before the entries it covers */
    if ((uint16_t)(vq->used_end - vq->used_idx) <= vq->in_flight)
        return vq->used_idx != vq->used_end;
    virtqueue_break(vq, "used index ran ahead of what was offered");
    return false;
}

/* Forgets the chain and returns its descriptors to the free list. */
static void *release_chain(struct virtqueue *vq, uint16_t head)
{
    struct virtqueue_chain *chain = &vq->chain[head];
    void *token = chain->token;
    chain->token = NULL;
    vq->chain[chain->last].next = vq->free_head;
    vq->free_head = head;
    vq->free_count = (uint16_t)(vq->free_count + chain->count);
    vq->in_flight--;
    return token;
}

void *virtqueue_pop(struct virtqueue *vq, uint32_t *written)
{
    if (!used_available(vq))
        return NULL;
    const struct virtq_used_elem *elem = &vq->used->ring[vq->used_idx & (vq->size - 1)];
    uint32_t id = load_relaxed(&elem->id);
    uint32_t len = load_relaxed(&elem->len);
    if (unlikely(id >= vq->size || !vq->chain[id].token)) {
        virtqueue_break(vq, "used entry names a buffer that the device does not have");
        return NULL;
    }
    vq->used_idx++;
    *written = len <= vq->chain[id].writable ? len : 0;
    return release_chain(vq, (uint16_t)id);
}

void *virtqueue_detach(struct virtqueue *vq)
{
    for (uint32_t head = 0; vq->in_flight && head < vq->size; head++)
        if (vq->chain[head].token)
            return release_chain(vq, (uint16_t)head);
    return NULL;
}
