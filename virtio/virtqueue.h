/* virtqueue.h - the split virtqueue, virtio 1.2 2.7, driver's side.
 *
 * What the device reads (descriptor table, available ring, indirect tables)
 * and what it writes (used ring) lie on separate pages.  The tables are
 * written and never read back: what we believe about a chain is kept in
 * `chain`, which no device can reach.  Of the used ring each word is read once
 * and checked before it is used.  A device that returns what it was never
 * given breaks the queue: `broken` says how, and nothing more comes out.
 *
 * One worker, or the control task, owns a queue.  Adding does not show anything to the device;
 * virtqueue_publish() does, and virtqueue_notify() wakes it if it sleeps. */
#pragma once

#include "kernel/compiler.h"
#include "kernel/dma.h"

#include <stdbool.h>
#include <stdint.h>

#define VIRTQ_SIZE_MAX 32768u    /* virtio 1.2 2.7 */
#define VIRTQ_LEGACY_ALIGN 4096u /* "Queue Align", virtio 1.2 4.1.5.1.3.1 */

struct virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
#define VIRTQ_DESC_F_NEXT 1
#define VIRTQ_DESC_F_WRITE 2
#define VIRTQ_DESC_F_INDIRECT 4
    uint16_t next;
};

struct virtq_avail {
    uint16_t flags;
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1
    uint16_t idx;
    uint16_t ring[];
};

struct virtq_used_elem {
    uint32_t id;
    uint32_t len;
};

struct virtq_used {
    uint16_t flags;
#define VIRTQ_USED_F_NO_NOTIFY 1
    uint16_t idx;
    struct virtq_used_elem ring[];
};

_Static_assert(sizeof(struct virtq_desc) == 16, "virtio 1.2 2.7.5");
_Static_assert(offsetof(struct virtq_avail, ring) == 4, "virtio 1.2 2.7.6");
_Static_assert(sizeof(struct virtq_used_elem) == 8, "virtio 1.2 2.7.8");
_Static_assert(offsetof(struct virtq_used, ring) == 4, "virtio 1.2 2.7.8");

/* A piece of memory that the device reads or writes. */
struct virtqueue_segment {
    uint64_t iova;
    uint32_t length;
};

/* What we believe about one descriptor; indexed like the table. */
struct virtqueue_chain {
    void *token;       /* whose chain starts here; NULL: no chain in flight starts here */
    uint32_t writable; /* bytes the device may write into it */
    uint16_t next;     /* next descriptor of the chain, or of the free list */
    uint16_t last;     /* last descriptor of the chain */
    uint16_t count;    /* descriptors in it */
};

struct virtqueue {
    struct virtq_desc *desc;       /* device reads */
    struct virtq_avail *avail;     /* device reads */
    struct virtq_used *used;       /* device writes */
    struct virtqueue_chain *chain; /* ours alone */
    struct virtq_desc *tables;     /* device reads; NULL: no indirect descriptors */
    uint64_t tables_iova;
    uint16_t size;                  /* power of two */
    uint16_t indirect_max;          /* descriptors in each table */
    uint16_t free_head, free_count; /* descriptors */
    uint16_t in_flight;             /* chains the device has */
    uint16_t avail_idx;             /* free-running; ahead of avail->idx until published */
    uint16_t used_idx;              /* free-running; next used entry to read */
    uint16_t used_end;              /* free-running; used->idx as last looked at */
    const char *broken;             /* NULL: sound */

    /* Set by the transport */
    void (*notify)(struct virtqueue *vq);
    void *notify_register;
    uint16_t notify_port; /* legacy: I/O port */
    uint16_t index;

    uint64_t desc_iova, avail_iova, used_iova;
    struct dma_device *dma;
    struct dma_memory read_memory, written_memory, tables_memory;
};

/* Rings for `size` (a power of two) entries.  legacy: contiguous, in the layout
 * of virtio 1.2 2.7.2.  indirect_max: 0, or descriptors in each indirect table
 * (VIRTIO_F_INDIRECT_DESC negotiated).  0 or -ENOMEM, -EINVAL. */
int virtqueue_alloc(struct virtqueue *vq, struct dma_device *dma, uint16_t index, uint16_t size,
                    bool legacy, uint16_t indirect_max);
/* Only after the device was reset and everything detached. */
void virtqueue_free(struct virtqueue *vq);

/* Offers a buffer: first `readable` segments that the device reads, then
 * `writable` ones that it writes (virtio 1.2 2.7.4.2).  token, not NULL, comes
 * back from virtqueue_pop.  False when there is no room; nothing happened. */
bool virtqueue_add(struct virtqueue *vq, const struct virtqueue_segment *segments,
                   unsigned readable, unsigned writable, void *token);
/* Shows everything added so far to the device. */
void virtqueue_publish(struct virtqueue *vq);
/* Tells the device to look, unless it said that it looks anyhow.  Not before DRIVER_OK. */
void virtqueue_notify(struct virtqueue *vq);

/* The token of the next buffer the device has finished with, or NULL.
 * *written: bytes it says it wrote; 0 when it claims more than the buffer
 * holds, which legacy devices do for buffers they only read (5.1.6.1). */
void *virtqueue_pop(struct virtqueue *vq, uint32_t *written);
/* Declares the queue unusable, for a reason that only its owner can see. */
void virtqueue_break(struct virtqueue *vq, const char *why);
/* After a reset: takes back one buffer that was still out, or NULL. */
void *virtqueue_detach(struct virtqueue *vq);

/* Whether a chain of n segments fits now. */
static inline bool virtqueue_has_room(const struct virtqueue *vq, unsigned n)
{
    return vq->free_count >= (n > 1 && n <= vq->indirect_max ? 1 : n);
}
