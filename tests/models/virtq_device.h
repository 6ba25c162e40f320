/* virtq_device.h - the device's side of a virtqueue, split (virtio 1.2 2.7) or packed (2.8).
 *
 * Written from the document, strict: whatever the driver must not do is counted
 * and named.  Memory is reached through the device's own DMA mappings only. */
#pragma once

#include "kernel/dma.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQ_BUFFER_SEGMENTS 64u

struct virtq_segment {
    uint64_t iova;
    uint32_t length;
};

/* A chain that the driver made available. */
struct virtq_buffer {
    uint16_t head;  /* packed: its buffer ID */
    uint16_t count; /* descriptors of the ring, or the table, that it takes */
    bool indirect;
    unsigned readable, writable; /* segments; the readable ones come first */
    uint32_t readable_bytes, writable_bytes;
    struct virtq_segment segment[VIRTQ_BUFFER_SEGMENTS];
};

struct pcispace_device;

struct virtq_device {
    const struct dma_device *dma;
    struct pcispace_device *pci; /* its bus mastering decides; NULL: none in between */
    uint64_t desc, avail, used;  /* where the driver said they are; packed: the three areas */
    uint16_t size;
    bool enabled;
    bool indirect; /* VIRTIO_F_INDIRECT_DESC negotiated */
    bool packed, event_idx, in_order;
    bool batches;                 /* in order: one used entry for all that were put */
    bool silent;                  /* it asks for no notifications */
    uint16_t avail_idx, used_idx; /* free-running; packed: positions */
    bool avail_wrap, used_wrap;   /* packed: wrap counters */
    uint16_t next_head;           /* in order: where the next chain has to begin */
    uint32_t out;                 /* descriptors that the device holds */
    struct {
        bool held;
        uint64_t at;    /* the entry to be published next, or the batch's */
        uint16_t flags; /* packed: written when published */
    } put;
    uint8_t taken[32768];  /* heads the device holds */
    uint16_t count[32768]; /* descriptors of each */
    unsigned violations;
    const char *violation; /* the first one */
};

/* A split one without any feature. */
void virtq_device_init(struct virtq_device *q, const struct dma_device *dma, uint16_t size);
/* The driver has set it up, with what was negotiated. */
void virtq_device_enable(struct virtq_device *q, bool packed, bool event_idx, bool in_order);
/* Whether the driver wants an interrupt for the next buffer used. */
bool virtq_device_interrupts_wanted(struct virtq_device *q);
void virtq_device_violation(struct virtq_device *q, const char *what);
/* The next chain; false: none. */
bool virtq_device_take(struct virtq_device *q, struct virtq_buffer *b);
/* Undoes the last one. */
void virtq_device_untake(struct virtq_device *q, const struct virtq_buffer *b);
/* Chains made available and not taken yet; packed: whether there is one. */
uint16_t virtq_device_pending(struct virtq_device *q);
/* Copies out of the readable part, or into the writable part, at an offset;
 * returns the bytes that fitted. */
size_t virtq_device_read(struct virtq_device *q, const struct virtq_buffer *b, size_t offset,
                         void *to, size_t n);
size_t virtq_device_write(struct virtq_device *q, const struct virtq_buffer *b, size_t offset,
                          const void *from, size_t n);
/* Writes one used element; the driver sees it after virtq_device_publish(). */
void virtq_device_put(struct virtq_device *q, uint32_t id, uint32_t len);
void virtq_device_publish(struct virtq_device *q);
void virtq_device_set_no_notify(struct virtq_device *q, bool on);
/* Lies: the used index as given. */
void virtq_device_set_used_idx(struct virtq_device *q, uint16_t idx);
