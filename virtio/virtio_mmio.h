/* virtio_mmio.h - virtio devices that are a window of registers, virtio 1.2 4.2. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_MMIO_SIZE_MIN 0x100u /* what lies below the device's configuration */
#define VIRTIO_MMIO_SLOTS_MAX 64u

struct virtio_mmio_slot {
    uint64_t base, size;
};

/* Linux's `virtio_mmio.device=SIZE@BASE:IRQ[:ID]` without its name: "512@0xfeb00000:5", with K
 * or M behind the size.  False: anything else. */
bool virtio_mmio_parse(const char *text, struct virtio_mmio_slot *slot);
/* Makes ports of the network devices in these slots, in address order.  Slots may be empty,
 * or hold other devices.  Returns how many were taken. */
unsigned virtio_mmio_probe(struct virtio_mmio_slot *slots, unsigned count);
/* Tests: every port made above is gone again. */
void virtio_mmio_remove_all(void);
