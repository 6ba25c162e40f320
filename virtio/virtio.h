/* virtio.h - a virtio device, whatever bus it sits on.
 *
 * Document throughout: "Virtual I/O Device (VIRTIO) Version 1.2", OASIS
 * Committee Specification 01, cited as "virtio 1.2"; every section cited was read.
 *
 * Order of calls (virtio 1.2 3.1.1): virtio_begin() resets and says hello,
 * virtio_negotiate() settles the features, then come queues and device
 * configuration, then virtio_driver_ok() makes the device live.  virtio_reset()
 * ends all that: once it has returned 0 the device touches no memory. */
#pragma once

#include "kernel/compiler.h"
#include "kernel/dma.h"
#include "virtio/virtqueue.h"

#include <stdbool.h>
#include <stdint.h>

/* Device status, virtio 1.2 2.1 */
#define VIRTIO_STATUS_ACKNOWLEDGE 1
#define VIRTIO_STATUS_DRIVER 2
#define VIRTIO_STATUS_DRIVER_OK 4
#define VIRTIO_STATUS_FEATURES_OK 8
#define VIRTIO_STATUS_DEVICE_NEEDS_RESET 64
#define VIRTIO_STATUS_FAILED 128

/* Feature bits that belong to no device type, virtio 1.2 6 and 6.3 */
#define VIRTIO_F_ANY_LAYOUT 27 /* legacy interface only: no assumptions about framing */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_ACCESS_PLATFORM 33 /* addresses go through the IOMMU like anybody's */
#define VIRTIO_F_RING_PACKED 34
#define VIRTIO_F_IN_ORDER 35
#define VIRTIO_F_ORDER_PLATFORM 36 /* a hardware device: real barriers, which ours are on x86 */

#define VIRTIO_BIT(n) (1ull << (n))

#define VIRTIO_ID_NET 1 /* virtio 1.2 5 */
#define VIRTIO_ID_CONSOLE 3

struct virtio_device;

/* A transport: how the registers are reached.  Nothing in here waits. */
struct virtio_transport {
    const char *name;
    bool legacy; /* the legacy interface: no FEATURES_OK, fixed queue layout and size */
    uint64_t (*get_features)(struct virtio_device *dev);
    void (*set_features)(struct virtio_device *dev, uint64_t features);
    uint8_t (*get_status)(struct virtio_device *dev);
    void (*set_status)(struct virtio_device *dev, uint8_t status); /* 0: reset */
    /* Changes whenever the configuration does; NULL: this transport has none. */
    uint32_t (*get_generation)(struct virtio_device *dev);
    /* One field of the device-specific configuration: size 1, 2 or 4, aligned.
     * A field that lies outside the device's structure reads as zero. */
    uint32_t (*config_read)(struct virtio_device *dev, uint16_t offset, unsigned size);
    void (*config_write8)(struct virtio_device *dev, uint16_t offset, uint8_t value);
    /* The largest size of queue `index`; 0: there is no such queue. */
    uint16_t (*queue_size)(struct virtio_device *dev, uint16_t index);
    /* Tells the device where vq lies, sets vq->notify and what it needs, and
     * enables the queue.  0 or -E... with a log line. */
    int (*queue_enable)(struct virtio_device *dev, struct virtqueue *vq);
    /* The enabled queue interrupts by the bus's entry of that number; false: it cannot.  NULL: no
     * queue ever does. */
    bool (*queue_interrupt)(struct virtio_device *dev, struct virtqueue *vq, unsigned entry);
    /* Whether the device may reach memory at all; returns whether that is so now. */
    bool (*set_dma)(struct virtio_device *dev, bool on);
};

struct virtio_device {
    const struct virtio_transport *transport;
    struct dma_device *dma;
    uint64_t features; /* negotiated; later code tests this and nothing else */
    char name[32];     /* "virtio 0000:00:02.0", for the log */
};

static inline bool virtio_has(const struct virtio_device *dev, unsigned feature)
{
    return dev->features & VIRTIO_BIT(feature);
}

struct virtio_feature {
    uint8_t bit;
    const char *name; /* of the document, without its prefix */
};

/* Steps 1 to 3: reset, ACKNOWLEDGE, DRIVER.  0 or -EIO with a log line. */
int virtio_begin(struct virtio_device *dev);
/* Steps 4 to 6: accepts required | (wanted & offered).  names: a table for the
 * log, ended by a NULL name.  -ENOTSUP when a required feature is missing or
 * the device rejects the choice; the device is then FAILED. */
int virtio_negotiate(struct virtio_device *dev, uint64_t required, uint64_t wanted,
                     const struct virtio_feature *names);
/* Step 8. */
void virtio_driver_ok(struct virtio_device *dev);
/* Gives up: FAILED until the next reset. */
void virtio_set_failed(struct virtio_device *dev);
/* 0 once the device says that it is reset.  -EIO with a log line when it does
 * not; then its access to memory has been cut off at the bus.  -EBUSY likewise, where
 * there is no bus to do so: what it was given is its own until a reset succeeds. */
int virtio_reset(struct virtio_device *dev);

/* n consecutive bytes of configuration that belong together (virtio 1.2 2.5.1,
 * 2.5.4).  0, or -EIO with a log line when they never stand still. */
int virtio_config_read(struct virtio_device *dev, uint16_t offset, uint8_t *to, unsigned n);
/* One field, which cannot tear. */
uint16_t virtio_config_read16(struct virtio_device *dev, uint16_t offset);
uint32_t virtio_config_read32(struct virtio_device *dev, uint16_t offset);

/* The largest size of queue `index` that we can use, 0: there is no such queue,
 * or (with a log line) its size is not one that a virtqueue can have. */
uint16_t virtio_queue_size(struct virtio_device *dev, uint16_t index);
/* Allocates queue `index` with up to `size` entries (0: as many as the device
 * has) and hands it to the device.  indirect_max: longest chain that should go
 * through an indirect table, 0: none.  0 or -E... with a log line. */
int virtio_queue_start(struct virtio_device *dev, struct virtqueue *vq, uint16_t index,
                       uint16_t size, uint16_t indirect_max);
