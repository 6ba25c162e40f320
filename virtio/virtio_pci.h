/* virtio_pci.h - the two PCI transports, virtio 1.2 4.1. */
#pragma once

#include "pci/pci.h"
#include "virtio/virtio.h"

#include <stdint.h>

/* A device structure somewhere in a BAR. */
struct virtio_pci_region {
    uint8_t *registers;
    uint32_t length;
};

struct virtio_pci_device {
    struct virtio_device dev;
    struct pci_function *function;
    /* modern: memory BARs */
    struct virtio_pci_region common, notify, config;
    uint32_t notify_off_multiplier;
    /* legacy: I/O BAR 0 */
    uint16_t port;        /* of the common configuration */
    uint16_t config_port; /* of the device-specific configuration */
    uint16_t config_length;
};

/* Finds and maps the registers.  0, -ENODEV when the function does not have
 * this interface at all, -EIO with a log line when it has a broken one. */
int virtio_pci_modern_attach(struct virtio_pci_device *v);
int virtio_pci_legacy_attach(struct virtio_pci_device *v);
/* Shared by both transports. */
bool virtio_pci_set_dma(struct virtio_device *dev, bool on);
