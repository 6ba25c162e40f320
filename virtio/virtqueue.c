/* virtqueue.c - what both kinds of virtqueues share: memory, and which of them it is.  Contract:
 * virtqueue.h; virtio 1.2 2.7 and 2.8. */
#include "virtio/virtqueue_rings.h"

#include <errno.h>
#include <stdlib.h>

/* Memory ------------------------------------------------------------------- */

static size_t desc_bytes(uint16_t size)
{
    return sizeof(struct virtq_desc) * size;
}

/* The rings carry one more word for VIRTIO_F_EVENT_IDX; the sizes of 2.7 and 2.7.2 count it
 * whatever was negotiated. */
static size_t avail_bytes(uint16_t size)
{
    return sizeof(struct virtq_avail) + sizeof(uint16_t) * size + sizeof(uint16_t);
}

static size_t used_bytes(uint16_t size)
{
    return sizeof(struct virtq_used) + sizeof(struct virtq_used_elem) * size + sizeof(uint16_t);
}

static int alloc_split(struct virtqueue *vq)
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

/* Descriptors and Device Event Suppression are the device's to write, Driver Event Suppression is
 * not (2.8.10.1). */
static int alloc_packed(struct virtqueue *vq)
{
    size_t ring = desc_bytes(vq->size);
    int e =
        dma_alloc(vq->dma, sizeof *vq->driver_event, PAGE_SIZE, DMA_TO_DEVICE, &vq->read_memory);
    if (e)
        return e;
    e = dma_alloc(vq->dma, ring + sizeof *vq->device_event, PAGE_SIZE, DMA_BIDIRECTIONAL,
                  &vq->written_memory);
    if (e)
        return e;
    vq->ring = vq->written_memory.va;
    vq->device_event = (struct pvirtq_event_suppress *)((char *)vq->written_memory.va + ring);
    vq->driver_event = vq->read_memory.va;
    vq->desc_iova = vq->written_memory.iova;
    vq->used_iova = vq->desc_iova + ring;
    vq->avail_iova = vq->read_memory.iova;
    vq->avail_flags = VIRTQ_DESC_F_AVAIL; /* both wrap counters begin with 1: 2.8.1 */
    vq->used_flags = VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
    return 0;
}

static void place_split(struct virtqueue *vq)
{
    vq->desc = vq->read_memory.va;
    vq->desc_iova = vq->read_memory.iova;
    vq->avail = (struct virtq_avail *)((char *)vq->read_memory.va + desc_bytes(vq->size));
    vq->avail_iova = vq->desc_iova + desc_bytes(vq->size);
}

static int alloc_rings(struct virtqueue *vq, unsigned how)
{
    if (vq->packed)
        return alloc_packed(vq);
    int e = how & VIRTQUEUE_LEGACY ? alloc_legacy_rings(vq) : alloc_split(vq);
    if (!e)
        place_split(vq);
    return e;
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

/* A circle, for queues in order; others never come to its end. */
static void free_list_init(struct virtqueue *vq)
{
    for (uint16_t i = 0; i < vq->size; i++)
        vq->chain[i] = (struct virtqueue_chain){ .next = (uint16_t)(i + 1 < vq->size ? i + 1 : 0),
                                                 .last = i,
                                                 .count = 1 };
    vq->free_head = 0;
    vq->free_count = vq->size;
}

static bool size_is_possible(uint16_t size, bool packed)
{
    return size && size <= VIRTQ_SIZE_MAX && (packed || !(size & (size - 1)));
}

int virtqueue_alloc(struct virtqueue *vq, struct dma_device *dma, uint16_t index, uint16_t size,
                    unsigned how, uint16_t indirect_max)
{
    *vq = (struct virtqueue){ .dma = dma,
                              .index = index,
                              .size = size,
                              .packed = how & VIRTQUEUE_PACKED,
                              .event_idx = how & VIRTQUEUE_EVENT_IDX,
                              .in_order = how & VIRTQUEUE_IN_ORDER };
    if (!size_is_possible(size, vq->packed))
        return -EINVAL;
    int e = alloc_rings(vq, how);
    if (e)
        goto free;
    e = alloc_tables(vq, indirect_max);
    if (e)
        goto free;
    e = -ENOMEM;
    vq->chain = calloc(size, sizeof *vq->chain);
    if (!vq->chain)
        goto free;
    free_list_init(vq);
    virtqueue_disable_interrupts(vq);
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

/* Supplying buffers --------------------------------------------------------- */

bool virtqueue_add(struct virtqueue *vq, const struct virtqueue_segment *segments,
                   unsigned readable, unsigned writable, void *token)
{
    unsigned n = readable + writable;
    if (!n || !virtqueue_has_room(vq, n))
        return false;
    if (vq->packed)
        virtqueue_packed_add(vq, segments, readable, n, token);
    else
        virtqueue_split_add(vq, segments, readable, n, token);
    return true;
}

void virtqueue_notify(struct virtqueue *vq)
{
    dma_mb(); /* what was published before the look whether the device sleeps: 2.7.13.4.1 */
    bool wanted = vq->packed ? virtqueue_packed_wants_notify(vq) : virtqueue_split_wants_notify(vq);
    vq->added = 0;
    if (wanted)
        vq->notify(vq);
}

/* Receiving used buffers ------------------------------------------------------ */

void virtqueue_break(struct virtqueue *vq, const char *why)
{
    vq->used_end = vq->used_idx; /* nothing more comes out */
    vq->in_batch = false;
    store_relaxed(&vq->broken, why);
}

void *virtqueue_pop(struct virtqueue *vq, uint32_t *written)
{
    void *token;
    return virtqueue_pop_burst(vq, &token, written, 1) ? token : NULL;
}

void *virtqueue_detach(struct virtqueue *vq)
{
    for (uint32_t head = 0; vq->in_flight && head < vq->size; head++)
        if (vq->chain[head].token)
            return virtqueue_release(vq, (uint16_t)head);
    return NULL;
}

/* Interrupts ------------------------------------------------------------------- */

bool virtqueue_enable_interrupts(struct virtqueue *vq)
{
    return vq->packed ? virtqueue_packed_enable_interrupts(vq)
                      : virtqueue_split_enable_interrupts(vq);
}

void virtqueue_disable_interrupts(struct virtqueue *vq)
{
    if (vq->packed)
        virtqueue_packed_disable_interrupts(vq);
    else
        virtqueue_split_disable_interrupts(vq);
}
