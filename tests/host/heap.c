/* heap.c - a heap that has no memory when a test wants it so (host.h), and none for workers: the
 * image's belongs to the control task.
 *
 * Programs that are linked with --wrap for these three have their calls here. */
#include "kernel/cpus.h"
#include "tests/host/host.h"

#include <stdlib.h>

void *__real_malloc(size_t size) __attribute__((weak));
void *__real_calloc(size_t n, size_t size) __attribute__((weak));
void *__real_aligned_alloc(size_t align, size_t size) __attribute__((weak));
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

static unsigned countdown;

void host_heap_fail_after(unsigned n)
{
    countdown = n;
}

static bool fails(void)
{
    if (cpu_number())
        abort();
    return countdown && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(align, size);
}
