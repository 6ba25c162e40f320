/* dma.c - DMA memory.  The IOVA is the physical address, with an IOMMU too: its
 * domains map one to one what the device was given, and nothing else. */
#include "kernel/dma.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct dma_mapper *mapper;

void dma_set_mapper(const struct dma_mapper *m)
{
    mapper = m;
}

static bool fenced(const struct dma_device *dev)
{
    return mapper && dev && dev->domain;
}

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
    struct dma_memory got;
    int e = dma_alloc_shared(size, align, &got);
    if (e)
        return e;
    memset(got.va, 0, got.size);
    e = dma_share(dev, &got, dir);
    if (!e)
        *mem = got;
    else if (e != -EIO) /* then a device may reach it still, and it is lost */
        page_free(got.va, got.size);
    return e;
}

/* Memory that a device may still reach is lost rather than used again. */
void dma_free(struct dma_device *dev, struct dma_memory *mem)
{
    if (!mem->va)
        return;
    if (fenced(dev) && mapper->unmap(dev, mem->iova, mem->size))
        log_error("dma: %" PRIu64 " bytes kept back, the IOMMU did not confirm their removal",
                  (uint64_t)mem->size);
    else
        page_free(mem->va, mem->size);
    *mem = (struct dma_memory){ 0 };
}

int dma_share(struct dma_device *dev, const struct dma_memory *mem, enum dma_direction dir)
{
    return fenced(dev) ? mapper->map(dev, mem->iova, mem->size, dir) : 0;
}

void dma_unshare(struct dma_device *dev, const struct dma_memory *mem)
{
    if (fenced(dev))
        mapper->unmap(dev, mem->iova, mem->size);
}
