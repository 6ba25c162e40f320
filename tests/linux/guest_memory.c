/* guest_memory.c - memory of a guest as one device may reach it (guest_memory.h). */
#include "tests/linux/guest_memory.h"

#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
#define DESCRIPTOR_MAX 64u

bool guest_memory_map(struct guest_memory *g, uint64_t iova, uint64_t size, int fd, uint64_t offset,
                      bool writable)
{
    uint64_t base = offset & ~(uint64_t)(PAGE - 1), before = offset - base;
    if (g->count == GUEST_REGIONS)
        return false;
    void *mapped = mmap(NULL, size + before, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED,
                        fd, (off_t)base);
    if (mapped == MAP_FAILED)
        return false;
    g->region[g->count++] = (struct guest_region){ .iova = iova,
                                                   .size = size,
                                                   .bytes = (uint8_t *)mapped + before,
                                                   .mapped = mapped,
                                                   .mapped_size = size + before,
                                                   .writable = writable };
    return true;
}

void guest_memory_unmap(struct guest_memory *g, uint64_t iova, uint64_t size)
{
    for (unsigned i = 0; i < g->count;) {
        struct guest_region *r = &g->region[i];
        if (r->iova < iova || r->iova + r->size > iova + size) {
            i++;
            continue;
        }
        munmap(r->mapped, r->mapped_size);
        *r = g->region[--g->count];
    }
}

void guest_memory_clear(struct guest_memory *g)
{
    while (g->count) {
        g->count--;
        munmap(g->region[g->count].mapped, g->region[g->count].mapped_size);
    }
}

static const struct guest_region *find(const struct guest_memory *g, uint64_t iova)
{
    for (unsigned i = 0; i < g->count; i++)
        if (iova - g->region[i].iova < g->region[i].size)
            return &g->region[i];
    return NULL;
}

bool guest_memory_read(const struct guest_memory *g, uint64_t iova, void *to, size_t n)
{
    for (size_t done = 0, k; done < n; done += k) {
        const struct guest_region *r = find(g, iova + done);
        if (!r)
            return false;
        uint64_t at = iova + done - r->iova;
        k = r->size - at < n - done ? (size_t)(r->size - at) : n - done;
        memcpy((uint8_t *)to + done, r->bytes + at, k);
    }
    return true;
}

/* A descriptor: the guest polls it on another CPU, so its quadwords appear whole and in order,
 * the one with the status last. */
static void store_descriptor(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word;
        memcpy(&word, from + i, 8);
        __atomic_store_n((uint64_t *)(void *)(to + i), word, __ATOMIC_RELEASE);
    }
}

bool guest_memory_write(const struct guest_memory *g, uint64_t iova, const void *from, size_t n)
{
    for (size_t done = 0, k; done < n; done += k) {
        const struct guest_region *r = find(g, iova + done);
        if (!r || !r->writable)
            return false;
        uint64_t at = iova + done - r->iova;
        k = r->size - at < n - done ? (size_t)(r->size - at) : n - done;
        const uint8_t *bytes = (const uint8_t *)from + done;
        if (k <= DESCRIPTOR_MAX && !((at | k) & 7))
            store_descriptor(r->bytes + at, bytes, k);
        else
            memcpy(r->bytes + at, bytes, k);
    }
    return true;
}
