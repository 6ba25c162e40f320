/* dma.c - DMA memory where no IOMMU stands in between: IOVA = physical address. */
#include "kernel/dma.h"

#include "kernel/compiler.h"
#include "kernel/memory.h"

#include <errno.h>
#include <string.h>

int dma_alloc_shared(size_t size, size_t align, struct dma_memory *mem)
{
    if (!size || (align & (align - 1)) || size > SIZE_MAX - PAGE_SIZE)
        return -EINVAL;
    size = ALIGN_UP(size, (size_t)PAGE_SIZE);
    void *va = page_alloc(size, align, 0);
    if (!va)
        return -ENOMEM;
    *mem = (struct dma_memory){ .va = va, .iova = (uintptr_t)va, .size = size };
    return 0;
}

int dma_alloc(struct dma_device *dev, size_t size, size_t align, enum dma_direction dir,
              struct dma_memory *mem)
{
    int e = dma_alloc_shared(size, align, mem);
    if (!e)
        memset(mem->va, 0, mem->size);
    return e;
}

void dma_free(struct dma_device *dev, struct dma_memory *mem)
{
    page_free(mem->va, mem->size);
    *mem = (struct dma_memory){ 0 };
}

int dma_share(struct dma_device *dev, const struct dma_memory *mem, enum dma_direction dir)
{
    return 0;
}

void dma_unshare(struct dma_device *dev, const struct dma_memory *mem) {}
