/* guest_memory.h - memory of a guest as one device may reach it: what QEMU has mapped for it, by
 * descriptors of shared memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_REGIONS 512u

struct guest_region {
    uint64_t iova, size;
    uint8_t *bytes; /* at iova */
    void *mapped;
    size_t mapped_size;
    bool writable;
};

struct guest_memory {
    struct guest_region region[GUEST_REGIONS];
    unsigned count;
};

bool guest_memory_map(struct guest_memory *g, uint64_t iova, uint64_t size, int fd, uint64_t offset,
                      bool writable);
void guest_memory_unmap(struct guest_memory *g, uint64_t iova, uint64_t size);
void guest_memory_clear(struct guest_memory *g);
/* False: not all of it is mapped (for writing). */
bool guest_memory_read(const struct guest_memory *g, uint64_t iova, void *to, size_t n);
bool guest_memory_write(const struct guest_memory *g, uint64_t iova, const void *from, size_t n);
