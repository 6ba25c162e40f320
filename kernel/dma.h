/* dma.h - memory that a device may touch.  There is no other way to get it.
 *
 * Memory is asked for *for a device* (one struct dma_device per requester ID),
 * with the direction in which the device uses it, in whole pages of its own:
 * what a device reads and what it writes never share a page.  The device sees
 * it at an IOVA.  Without an IOMMU the IOVA is the physical address; with one
 * it is whatever the device's domain maps, and nothing else is reachable.
 *
 * The packet pool is one region that every device maps at the same IOVAs, so
 * a packet's IOVA is a property of the packet (nic/packet.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum dma_direction {
    DMA_TO_DEVICE,     /* the device only reads: transmit descriptors, headers */
    DMA_FROM_DEVICE,   /* the device only writes: used rings, write-back areas */
    DMA_BIDIRECTIONAL, /* both: descriptor rings with write-back, the packet pool */
};

struct dma_device {
    uint32_t requester_id; /* segment << 16 | bus << 8 | devfn */
    void *domain;          /* IOMMU domain; NULL: not behind one */
};

struct dma_memory {
    void *va;
    uint64_t iova;
    size_t size; /* whole pages */
};

/* Zeroed, physically contiguous, aligned to max(4096, align) (a power of two).
 * 0 or -ENOMEM, -EINVAL; *mem is untouched on failure.  The caller owns the
 * memory and gives it back with dma_free once the device has stopped using it. */
int dma_alloc(struct dma_device *dev, size_t size, size_t align, enum dma_direction dir,
              struct dma_memory *mem);
void dma_free(struct dma_device *dev, struct dma_memory *mem);

/* Lets the device reach a region that was allocated with dma_alloc_shared(),
 * at the IOVA it has in every domain. */
int dma_share(struct dma_device *dev, const struct dma_memory *mem, enum dma_direction dir);
void dma_unshare(struct dma_device *dev, const struct dma_memory *mem);
/* Like dma_alloc, for no device yet, and not zeroed: clearing many MiB would be
 * most of the boot.  Freed with dma_free(NULL, mem). */
int dma_alloc_shared(size_t size, size_t align, struct dma_memory *mem);

/* The IOMMU's part (iommu/iommu.c), once there is one: called for devices that
 * have a domain.  unmap returns 0 only when no access can land any more; else
 * the memory is never used again. */
struct dma_mapper {
    int (*map)(struct dma_device *dev, uint64_t pa, size_t size, enum dma_direction dir);
    int (*unmap)(struct dma_device *dev, uint64_t pa, size_t size);
};
void dma_set_mapper(const struct dma_mapper *mapper);
