/* virtio.c - what every virtio device goes through, on any bus.
 * virtio 1.2 3.1 (initialization), 2.4 (reset), 2.5 (configuration). */
#include "virtio/virtio.h"

#include "kernel/log.h"
#include "kernel/task.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The document gives no limit.  Software devices answer at once; one that
 * first has to stop its hardware queues is given a second. */
#define VIRTIO_RESET_US US_PER_S
/* Reads of the configuration before we believe that it never stands still. */
#define VIRTIO_CONFIG_TRIES 16u

/* Status and reset ------------------------------------------------------------ */

/* Bits are only ever added (2.1.1). */
static void add_status(struct virtio_device *dev, uint8_t bits)
{
    dev->transport->set_status(dev, dev->transport->get_status(dev) | bits);
}

void virtio_set_failed(struct virtio_device *dev)
{
    add_status(dev, VIRTIO_STATUS_FAILED);
}

void virtio_driver_ok(struct virtio_device *dev)
{
    add_status(dev, VIRTIO_STATUS_DRIVER_OK);
}

int virtio_reset(struct virtio_device *dev)
{
    struct deadline d = deadline_us(VIRTIO_RESET_US);
    uint8_t status;

    dev->transport->set_status(dev, 0);
    while ((status = dev->transport->get_status(dev)) != 0)
        if (task_deadline_passed(&d))
            break;
    /* A device that says it is reset needs the bus no more; one that does not
     * say so must not have it any more. */
    bool cut_off = dev->transport->set_dma(dev, false);
    dev->features = 0;
    if (!status)
        return 0;
    log_error("%s: reset not done: device_status %02x, expected 00%s", dev->name, status,
              cut_off ? "" : "; it keeps the memory it has");
    return cut_off ? -EIO : -EBUSY;
}

/* Initialization, virtio 1.2 3.1.1 --------------------------------------------- */

int virtio_begin(struct virtio_device *dev)
{
    if (virtio_reset(dev)) /* step 1 */
        return -EIO;
    add_status(dev, VIRTIO_STATUS_ACKNOWLEDGE); /* step 2 */
    add_status(dev, VIRTIO_STATUS_DRIVER);      /* step 3 */
    return 0;
}

static void append(char *text, size_t size, const char *word)
{
    size_t used = strlen(text);
    if (used < size)
        snprintf(text + used, size - used, " %s", word);
}

static const char *feature_names(uint64_t features, const struct virtio_feature *names, char *text,
                                 size_t size)
{
    text[0] = '\0';
    for (; names->name; names++)
        if (features & VIRTIO_BIT(names->bit)) {
            append(text, size, names->name);
            features &= ~VIRTIO_BIT(names->bit);
        }
    if (features) {
        char rest[24];
        snprintf(rest, sizeof rest, "%#" PRIx64, features);
        append(text, size, rest);
    }
    return text;
}

/* Steps 5 and 6, which the legacy interface does not have (3.1.2). */
static int confirm_features(struct virtio_device *dev)
{
    if (dev->transport->legacy)
        return 0;
    add_status(dev, VIRTIO_STATUS_FEATURES_OK);
    uint8_t status = dev->transport->get_status(dev);
    if (status & VIRTIO_STATUS_FEATURES_OK)
        return 0;
    log_error("%s: features rejected: device_status %02x, expected FEATURES_OK (%02x)", dev->name,
              status, VIRTIO_STATUS_FEATURES_OK);
    return -ENOTSUP;
}

int virtio_negotiate(struct virtio_device *dev, uint64_t required, uint64_t wanted,
                     const struct virtio_feature *names)
{
    char text[320];
    uint64_t offered = dev->transport->get_features(dev);
    uint64_t missing = required & ~offered;
    int e = -ENOTSUP;

    if (missing) {
        log_error("%s: device lacks%s", dev->name,
                  feature_names(missing, names, text, sizeof text));
        goto failed;
    }
    dev->features = offered & (required | wanted);
    dev->transport->set_features(dev, dev->features); /* step 4 */
    e = confirm_features(dev);                        /* steps 5 and 6 */
    if (e)
        goto failed;
    log_debug("%s: %s, features%s", dev->name, dev->transport->name,
              feature_names(dev->features, names, text, sizeof text));
    return 0;

failed:
    virtio_set_failed(dev);
    return e;
}

/* Configuration, virtio 1.2 2.5.1 and 2.5.4 -------------------------------------- */

uint16_t virtio_config_read16(struct virtio_device *dev, uint16_t offset)
{
    return (uint16_t)dev->transport->config_read(dev, offset, 2);
}

uint32_t virtio_config_read32(struct virtio_device *dev, uint16_t offset)
{
    return dev->transport->config_read(dev, offset, 4);
}

static void config_copy(struct virtio_device *dev, uint16_t offset, uint8_t *to, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        to[i] = (uint8_t)dev->transport->config_read(dev, (uint16_t)(offset + i), 1);
}

/* Without a generation the only sign of a stable configuration is that two
 * readings agree. */
static bool config_copy_twice(struct virtio_device *dev, uint16_t offset, uint8_t *to, unsigned n)
{
    bool same = true;
    config_copy(dev, offset, to, n);
    for (unsigned i = 0; i < n; i++)
        same &= to[i] == (uint8_t)dev->transport->config_read(dev, (uint16_t)(offset + i), 1);
    return same;
}

int virtio_config_read(struct virtio_device *dev, uint16_t offset, uint8_t *to, unsigned n)
{
    uint32_t before = 0, after = 0;

    for (unsigned i = 0; i < VIRTIO_CONFIG_TRIES; i++) {
        if (!dev->transport->get_generation) {
            if (config_copy_twice(dev, offset, to, n))
                return 0;
            continue;
        }
        before = dev->transport->get_generation(dev);
        config_copy(dev, offset, to, n);
        after = dev->transport->get_generation(dev);
        if (before == after)
            return 0;
    }
    log_error("%s: configuration never stands still: generation %" PRIu32 ", expected %" PRIu32,
              dev->name, after, before);
    return -EIO;
}

/* Queues --------------------------------------------------------------------------- */

uint16_t virtio_queue_size(struct virtio_device *dev, uint16_t index)
{
    uint16_t size = dev->transport->queue_size(dev, index);
    bool packed = virtio_has(dev, VIRTIO_F_RING_PACKED);
    if (size <= VIRTQ_SIZE_MAX && (packed || !(size & (size - 1))))
        return size;
    log_error("%s: queue %u: size %u, expected %s up to %u", dev->name, index, size,
              packed ? "one" : "a power of 2", VIRTQ_SIZE_MAX);
    return 0;
}

static unsigned kind_of_queues(const struct virtio_device *dev)
{
    return (dev->transport->legacy ? VIRTQUEUE_LEGACY : 0) |
           (virtio_has(dev, VIRTIO_F_RING_PACKED) ? VIRTQUEUE_PACKED : 0) |
           (virtio_has(dev, VIRTIO_F_EVENT_IDX) ? VIRTQUEUE_EVENT_IDX : 0) |
           (virtio_has(dev, VIRTIO_F_IN_ORDER) ? VIRTQUEUE_IN_ORDER : 0);
}

int virtio_queue_start(struct virtio_device *dev, struct virtqueue *vq, uint16_t index,
                       uint16_t size, uint16_t indirect_max)
{
    uint16_t max = virtio_queue_size(dev, index);
    if (!max) {
        log_error("%s: queue %u: none there", dev->name, index);
        return -ENODEV;
    }
    /* The legacy interface cannot negotiate the size (4.1.5.1.3.1). */
    if (!size || size > max || dev->transport->legacy)
        size = max;
    if (!virtio_has(dev, VIRTIO_F_INDIRECT_DESC))
        indirect_max = 0;
    int e = virtqueue_alloc(vq, dev->dma, index, size, kind_of_queues(dev), indirect_max);
    if (e) {
        log_error("%s: queue %u: no memory for %u descriptors", dev->name, index, size);
        return e;
    }
    e = dev->transport->queue_enable(dev, vq);
    if (e)
        virtqueue_free(vq);
    return e;
}
