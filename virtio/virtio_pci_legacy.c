/* virtio_pci_legacy.c - the legacy interface: registers behind I/O BAR 0,
 * virtio 1.2 4.1.4.10, queues as 2.7.2 lays them out. */
#include "virtio/virtio_pci.h"

#include "kernel/log.h"
#include "kernel/mmio.h"

#include <errno.h>
#include <inttypes.h>

/* virtio 1.2 4.1.4.10; offsets from BAR 0.  The queue registers show the queue
 * that queue_select names. */
#define LEGACY_DEVICE_FEATURES 0x00 /* RO 32 */
#define LEGACY_DRIVER_FEATURES 0x04 /* RW 32 */
#define LEGACY_QUEUE_ADDRESS 0x08   /* RW 32, in pages of 4096 bytes */
#define LEGACY_QUEUE_SIZE 0x0c      /* RO 16 */
#define LEGACY_QUEUE_SELECT 0x0e    /* RW 16 */
#define LEGACY_QUEUE_NOTIFY 0x10    /* RW 16 */
#define LEGACY_DEVICE_STATUS 0x12   /* RW 8 */
#define LEGACY_CONFIG 0x14          /* here, because MSI-X is off (4.1.4.10) */

static struct virtio_pci_device *to_pci(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_pci_device, dev);
}

static uint64_t legacy_get_features(struct virtio_device *dev)
{
    return pio_read32(to_pci(dev)->port + LEGACY_DEVICE_FEATURES);
}

static void legacy_set_features(struct virtio_device *dev, uint64_t features)
{
    pio_write32(to_pci(dev)->port + LEGACY_DRIVER_FEATURES, (uint32_t)features);
}

static uint8_t legacy_get_status(struct virtio_device *dev)
{
    return pio_read8(to_pci(dev)->port + LEGACY_DEVICE_STATUS);
}

static void legacy_set_status(struct virtio_device *dev, uint8_t status)
{
    pio_write8(to_pci(dev)->port + LEGACY_DEVICE_STATUS, status);
}

static uint32_t legacy_config_read(struct virtio_device *dev, uint16_t offset, unsigned size)
{
    const struct virtio_pci_device *v = to_pci(dev);
    uint16_t port = (uint16_t)(v->config_port + offset);
    if (offset + size > v->config_length)
        return 0;
    return size == 1 ? pio_read8(port) : size == 2 ? pio_read16(port) : pio_read32(port);
}

static void legacy_config_write8(struct virtio_device *dev, uint16_t offset, uint8_t value)
{
    const struct virtio_pci_device *v = to_pci(dev);
    if (offset < v->config_length)
        pio_write8((uint16_t)(v->config_port + offset), value);
}

static uint16_t legacy_queue_size(struct virtio_device *dev, uint16_t index)
{
    pio_write16(to_pci(dev)->port + LEGACY_QUEUE_SELECT, index);
    return pio_read16(to_pci(dev)->port + LEGACY_QUEUE_SIZE);
}

static void legacy_notify(struct virtqueue *vq)
{
    pio_write16(vq->notify_port, vq->index);
}

static int legacy_queue_enable(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtio_pci_device *v = to_pci(dev);
    uint64_t page = vq->desc_iova / VIRTQ_LEGACY_ALIGN;
    if (page > UINT32_MAX) {
        log_error("%s: queue %u: %#" PRIx64 " is beyond what a 32-bit page number reaches",
                  dev->name, vq->index, vq->desc_iova);
        return -ENOMEM;
    }
    pio_write16(v->port + LEGACY_QUEUE_SELECT, vq->index);
    pio_write32(v->port + LEGACY_QUEUE_ADDRESS, (uint32_t)page);
    vq->notify = legacy_notify;
    vq->notify_port = (uint16_t)(v->port + LEGACY_QUEUE_NOTIFY);
    return 0;
}

static const struct virtio_transport virtio_pci_legacy = {
    .name = "PCI legacy",
    .legacy = true,
    .get_features = legacy_get_features,
    .set_features = legacy_set_features,
    .get_status = legacy_get_status,
    .set_status = legacy_set_status,
    .config_read = legacy_config_read,
    .config_write8 = legacy_config_write8,
    .queue_size = legacy_queue_size,
    .queue_enable = legacy_queue_enable,
    .set_dma = virtio_pci_set_dma,
};

int virtio_pci_legacy_attach(struct virtio_pci_device *v)
{
    const struct pci_bar *bar = &v->function->bar[0];
    if (!bar->size || !bar->io)
        return -ENODEV;
    if (!bar->base || bar->size < LEGACY_CONFIG || bar->base + bar->size > 0x10000) {
        log_error("%s: BAR 0: %" PRIu64 " I/O ports at %#" PRIx64
                  ", expected %u or more in 16 bits",
                  v->dev.name, bar->size, bar->base, LEGACY_CONFIG);
        return -EIO;
    }
    v->port = (uint16_t)bar->base;
    v->config_port = (uint16_t)(bar->base + LEGACY_CONFIG);
    v->config_length = (uint16_t)(bar->size - LEGACY_CONFIG);
    v->dev.transport = &virtio_pci_legacy;
    return 0;
}
