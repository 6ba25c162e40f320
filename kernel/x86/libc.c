/* libc.c - what newlib asks of a system: a heap, and nowhere to read or write.
 *
 * The image formats into buffers (vsnprintf) and prints through the console;
 * file descriptors exist only because the library links against them. */
#include "kernel/machine.h"
#include "kernel/memory.h"
#include "kernel/paging.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

#define HEAP_STEP (64u * 1024u)
#define HEAP_LARGE_STEP (2u * 1024u * 1024u)

extern uint64_t memory_heap_bytes;

void *sbrk(ptrdiff_t increment);
int write(int fd, const char *text, int n);
int read(int fd, char *text, int n);
int close(int fd);
int fstat(int fd, struct stat *st);
int isatty(int fd);
off_t lseek(int fd, off_t offset, int whence);
int kill(int pid, int signal);
int getpid(void);
int posix_memalign(void **out, size_t align, size_t size);
NORETURN void _exit(int status);

static uint64_t heap_end = HEAP_BASE, heap_mapped = HEAP_BASE;
static bool for_table; /* what is asked for now may not touch the reserve */

/* Adds one piece of memory to the heap's end; large pieces are large pages.  A
 * piece is aligned to its size, so its pages share their tables: it is mapped
 * whole or, without memory for those, not at all. */
static int heap_grow(uint64_t need)
{
    static const size_t steps[] = { HEAP_LARGE_STEP, HEAP_STEP, PAGE_SIZE };
    void *pages = NULL;
    size_t step = 0;
    for (unsigned i = need < HEAP_LARGE_STEP; !pages && i < ARRAY_SIZE(steps); i++) {
        step = steps[i];
        if (!(heap_mapped & (step - 1)))
            pages = for_table && !memory_spare(step) ? NULL : page_alloc(step, step, 0);
    }
    if (!pages)
        return -ENOMEM;
    if (paging_map(heap_mapped, (uintptr_t)pages, step, PAGE_DATA)) {
        page_free(pages, step);
        return -ENOMEM;
    }
    heap_mapped += step;
    memory_heap_bytes += step;
    return 0;
}

void *sbrk(ptrdiff_t increment)
{
    uint64_t old = heap_end;
    if (increment < 0 && (uint64_t)-increment > heap_end - HEAP_BASE) {
        errno = EINVAL;
        return (void *)-1;
    }
    while (increment > 0 && heap_mapped - heap_end < (uint64_t)increment)
        if (heap_grow((uint64_t)increment - (heap_mapped - heap_end))) {
            errno = ENOMEM;
            return (void *)-1;
        }
    heap_end += (uint64_t)increment;
    return (void *)(uintptr_t)old;
}

void *table_alloc(size_t align, size_t size)
{
    for_table = true;
    void *memory = memalign(align, size);
    for_table = false;
    return memory;
}

void *table_calloc(size_t n, size_t size)
{
    for_table = true;
    void *memory = calloc(n, size);
    for_table = false;
    return memory;
}

static int no_such(void)
{
    errno = ENOSYS;
    return -1;
}

int write(int fd, const char *text, int n)
{
    return no_such();
}
int read(int fd, char *text, int n)
{
    return no_such();
}
int close(int fd)
{
    return no_such();
}
int fstat(int fd, struct stat *st)
{
    return no_such();
}
int isatty(int fd)
{
    return 0;
}
off_t lseek(int fd, off_t offset, int whence)
{
    return no_such();
}
int kill(int pid, int signal)
{
    return no_such();
}
int getpid(void)
{
    return 1;
}

void _exit(int status)
{
    panic("the C library gave up with status %d", status);
}

/* newlib's small malloc has memalign() but not what aligned_alloc() calls. */
int posix_memalign(void **out, size_t align, size_t size)
{
    void *p = memalign(align, size);
    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}
