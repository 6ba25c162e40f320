/* virtqueue.h - a virtqueue, split (virtio 1.2 2.7) or packed (2.8), driver's side.
 *
 * Of a split queue, what the device reads (descriptor table, available ring, indirect tables) and
 * what it writes (used ring) lie on separate pages; a packed queue's one ring is both by its
 * nature.  Descriptors are written and never read back: what we believe about a buffer is kept in
 * `chain`, which no device can reach.  Of what the device says each word is read once and checked
 * before it is used.  A device that returns what it was never given breaks the queue: `broken`
 * says how, and nothing more comes out.
 *
 * One worker, or the control task, owns a queue.  Adding does not show anything to the device;
 * virtqueue_publish() does, and virtqueue_notify() wakes it if it sleeps.  The data path adds and
 * takes bursts; which kind of queue it is, is asked once for each. */
#pragma once

#include "kernel/compiler.h"
#include "kernel/dma.h"

#include <stdbool.h>
#include <stdint.h>

#define VIRTQ_SIZE_MAX 32768u    /* virtio 1.2 2.7, 2.8 */
#define VIRTQ_LEGACY_ALIGN 4096u /* "Queue Align", virtio 1.2 4.1.5.1.3.1 */

/* The split virtqueue, virtio 1.2 2.7.5 to 2.7.8 */
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
    uint16_t ring[]; /* behind its last entry: used_event, with EVENT_IDX */
};

struct virtq_used_elem {
    uint32_t id;
    uint32_t len;
};

struct virtq_used {
    uint16_t flags;
#define VIRTQ_USED_F_NO_NOTIFY 1
    uint16_t idx;
    struct virtq_used_elem ring[]; /* behind its last entry: avail_event, with EVENT_IDX */
};

_Static_assert(sizeof(struct virtq_desc) == 16, "virtio 1.2 2.7.5");
_Static_assert(offsetof(struct virtq_avail, ring) == 4, "virtio 1.2 2.7.6");
_Static_assert(sizeof(struct virtq_used_elem) == 8, "virtio 1.2 2.7.8");
_Static_assert(offsetof(struct virtq_used, ring) == 4, "virtio 1.2 2.7.8");

/* The packed virtqueue, virtio 1.2 2.8.13 and 2.8.14 */
struct pvirtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t id;
    uint16_t flags; /* VIRTQ_DESC_F_*, and: */
#define VIRTQ_DESC_F_AVAIL (1 << 7)
#define VIRTQ_DESC_F_USED (1 << 15)
};

struct pvirtq_event_suppress {
    uint16_t desc; /* with FLAGS_DESC: where in the ring */
#define RING_EVENT_OFF 0x7fff
#define RING_EVENT_WRAP 0x8000
    uint16_t flags;
#define RING_EVENT_FLAGS 0x3
#define RING_EVENT_FLAGS_ENABLE 0x0
#define RING_EVENT_FLAGS_DISABLE 0x1
#define RING_EVENT_FLAGS_DESC 0x2
};

_Static_assert(sizeof(struct pvirtq_desc) == 16, "virtio 1.2 2.8.13");
_Static_assert(sizeof(struct pvirtq_event_suppress) == 4, "virtio 1.2 2.8.14");

/* A piece of memory that the device reads or writes. */
struct virtqueue_segment {
    uint64_t iova;
    uint32_t length;
};

/* What we believe about one buffer.  Split: indexed like the table; packed: by buffer ID. */
struct virtqueue_chain {
    void *token;       /* whose buffer this is; NULL: none in flight has this number */
    uint16_t writable; /* bytes the device may write into it; no more than that counts */
    uint16_t next;     /* next descriptor of the chain, or of the free list */
    uint16_t last;     /* last descriptor of the chain; packed, and in the free list: itself */
    uint16_t count;    /* descriptors in it; in the free list 1 */
};

struct virtqueue {
    struct virtqueue_chain *chain; /* ours alone */
    bool packed, event_idx, in_order;
    uint16_t size;                  /* split: a power of two */
    uint16_t free_head, free_count; /* chains to use next; descriptors */
    uint16_t in_flight;             /* buffers the device has */
    uint16_t added;                 /* split: buffers, packed: descriptors; since the last look
                                     * whether the device wants to be notified */
    const char *broken;             /* NULL: sound */

    /* In order: the buffers from `oldest` to `batch` are used while `in_batch` (2.7.9, 2.8.8). */
    bool in_batch;
    uint16_t oldest, batch;
    uint32_t batch_written;

    /* Split */
    struct virtq_desc *desc;   /* device reads */
    struct virtq_avail *avail; /* device reads */
    struct virtq_used *used;   /* device writes */
    uint16_t avail_idx;        /* free-running; ahead of avail->idx until published */
    uint16_t used_idx;         /* free-running; next used entry to read */
    uint16_t used_end;         /* free-running; used->idx as last looked at */

    /* Packed */
    struct pvirtq_desc *ring;                   /* device reads and writes */
    struct pvirtq_event_suppress *driver_event; /* device reads */
    struct pvirtq_event_suppress *device_event; /* device writes */
    uint16_t next_avail, avail_flags;           /* where, and AVAIL or USED: the wrap counter */
    uint16_t next_used, used_flags;             /* likewise; AVAIL and USED, or none */
    bool held;                                  /* not published: */
    uint16_t held_at, held_flags;               /* the first descriptor's flags */

    struct virtq_desc *tables; /* device reads; NULL: no indirect descriptors */
    uint64_t tables_iova;
    uint16_t indirect_max; /* descriptors in each table */

    /* Set by the transport */
    void (*notify)(struct virtqueue *vq);
    void *notify_register;
    uint16_t notify_port; /* legacy: I/O port */
    uint16_t index;

    uint64_t desc_iova, avail_iova, used_iova; /* descriptor, driver and device area */
    struct dma_device *dma;
    struct dma_memory read_memory, written_memory, tables_memory;
};

/* What was negotiated about queues. */
#define VIRTQUEUE_LEGACY 1u /* contiguous, in the layout of virtio 1.2 2.7.2 */
#define VIRTQUEUE_PACKED 2u
#define VIRTQUEUE_EVENT_IDX 4u
#define VIRTQUEUE_IN_ORDER 8u

/* Rings for `size` entries, a power of two unless packed.  indirect_max: 0, or descriptors in each
 * indirect table (VIRTIO_F_INDIRECT_DESC negotiated).  0 or -ENOMEM, -EINVAL. */
int virtqueue_alloc(struct virtqueue *vq, struct dma_device *dma, uint16_t index, uint16_t size,
                    unsigned how, uint16_t indirect_max);
/* Only after the device was reset and everything detached. */
void virtqueue_free(struct virtqueue *vq);

/* Offers a buffer: first `readable` segments that the device reads, then
 * `writable` ones that it writes (virtio 1.2 2.7.4.2).  token, not NULL, comes
 * back from virtqueue_pop.  False when there is no room; nothing happened. */
bool virtqueue_add(struct virtqueue *vq, const struct virtqueue_segment *segments,
                   unsigned readable, unsigned writable, void *token);
/* Offers up to n buffers of one segment each, up to 65535 bytes, which the device writes or reads.
 * Returns how many there was room for, from the front. */
static inline unsigned virtqueue_add_burst(struct virtqueue *vq,
                                           const struct virtqueue_segment *segments,
                                           void *const *tokens, unsigned n, bool writable);
/* Shows everything added so far to the device. */
static inline void virtqueue_publish(struct virtqueue *vq);
/* Tells the device to look, unless it said that it looks anyhow.  Not before DRIVER_OK. */
void virtqueue_notify(struct virtqueue *vq);

/* Takes up to n buffers the device has finished with: their tokens, and what it says it wrote into
 * each in bytes; 0 when it claims more than the buffer holds (or 65535), which legacy devices do
 * for buffers they only read (5.1.6.1).  `written` is NULL where nobody asks.  Returns how many. */
static inline unsigned virtqueue_pop_burst(struct virtqueue *vq, void **tokens, uint32_t *written,
                                           unsigned n);
/* One of them, or NULL. */
void *virtqueue_pop(struct virtqueue *vq, uint32_t *written);
/* Declares the queue unusable, for a reason that only its owner can see. */
void virtqueue_break(struct virtqueue *vq, const char *why);
/* After a reset: takes back one buffer that was still out, or NULL. */
void *virtqueue_detach(struct virtqueue *vq);

/* Whether the device interrupts when it has used something; queues begin without.  Some may come
 * all the same (2.7.7.1).  True: it will for the next buffer, and none is used yet that was not
 * taken; false: look again before you rest. */
bool virtqueue_enable_interrupts(struct virtqueue *vq);
void virtqueue_disable_interrupts(struct virtqueue *vq);

/* Nothing to take, as most looks find.  False: look (a packed ring does not say before). */
static inline bool virtqueue_has_nothing(const struct virtqueue *vq)
{
    return !vq->packed && vq->used_idx == vq->used_end &&
           vq->used_end == load_relaxed(&vq->used->idx);
}

/* The word that shows the next used buffer: while (it & *mask) == *nothing, there is none.  NULL:
 * there may be some already.  What lies beside the used index are flags, and beside a descriptor's
 * flags its ID: both are little-endian. */
static inline const uint32_t *virtqueue_watch(const struct virtqueue *vq, uint32_t *mask,
                                              uint32_t *nothing)
{
    if (unlikely(vq->in_batch || vq->broken))
        return NULL;
    if (vq->packed) {
        *mask = (uint32_t)VIRTQ_DESC_F_USED << 16;
        *nothing = ~((uint32_t)vq->used_flags << 16) & *mask;
        return (const uint32_t *)&vq->ring[vq->next_used].id;
    }
    *mask = 0xffff0000;
    *nothing = (uint32_t)vq->used_idx << 16;
    return (const uint32_t *)&vq->used->flags;
}

/* Whether a chain of n segments fits now. */
static inline bool virtqueue_has_room(const struct virtqueue *vq, unsigned n)
{
    return vq->free_count >= (n > 1 && n <= vq->indirect_max ? 1 : n);
}

/* Which kind it is, asked where it is used: a burst of one frame costs no call for that. */
void virtqueue_split_add_burst(struct virtqueue *vq, const struct virtqueue_segment *segments,
                               void *const *tokens, unsigned n, uint16_t write);
void virtqueue_packed_add_burst(struct virtqueue *vq, const struct virtqueue_segment *segments,
                                void *const *tokens, unsigned n, uint16_t write);
void virtqueue_packed_publish(struct virtqueue *vq);
unsigned virtqueue_split_pop(struct virtqueue *vq, void **tokens, uint32_t *written, unsigned n);
unsigned virtqueue_packed_pop(struct virtqueue *vq, void **tokens, uint32_t *written, unsigned n);

static inline unsigned virtqueue_add_burst(struct virtqueue *vq,
                                           const struct virtqueue_segment *segments,
                                           void *const *tokens, unsigned n, bool writable)
{
    uint16_t write = writable ? VIRTQ_DESC_F_WRITE : 0;
    n = n < vq->free_count ? n : vq->free_count;
    if (vq->packed)
        virtqueue_packed_add_burst(vq, segments, tokens, n, write);
    else
        virtqueue_split_add_burst(vq, segments, tokens, n, write);
    return n;
}

static inline void virtqueue_publish(struct virtqueue *vq)
{
    if (vq->packed) {
        virtqueue_packed_publish(vq);
        return;
    }
    dma_wmb(); /* descriptors and ring entries before the index: 2.7.13.3.1 */
    store_relaxed(&vq->avail->idx, vq->avail_idx);
}

static inline unsigned virtqueue_pop_burst(struct virtqueue *vq, void **tokens, uint32_t *written,
                                           unsigned n)
{
    return vq->packed ? virtqueue_packed_pop(vq, tokens, written, n)
                      : virtqueue_split_pop(vq, tokens, written, n);
}
