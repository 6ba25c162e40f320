/* compiler.h - the few words C lacks.  No dependencies, hosted and bare. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PACKED __attribute__((packed))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define CACHE_LINE 64
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE)))
#define PAGE_SIZE 4096u

/* n must be a power of two; the result wraps to 0 when v is within n of the
 * type's end, so callers with a value from outside check before they align. */
#define ALIGN_UP(v, n) (((v) + (n)-1) & ~((__typeof__(v))(n)-1))
#define ALIGN_DOWN(v, n) ((v) & ~((__typeof__(v))(n)-1))

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Register fields are masks only; the shift is derived, so there is no second
 * constant to get wrong: FIELD_GET(PCI_CAP_NEXT, v), FIELD_PUT(MASK, value). */
#define FIELD_GET(mask, reg) (((reg) & (mask)) / ((mask) & -(mask)))
#define FIELD_PUT(mask, val) (((val) * ((mask) & -(mask))) & (mask))

/* Order between memory the CPU wrote and memory a device reads, and back.
 * x86 keeps stores in order and loads in order (unread: Intel SDM vol. 3, 8.2.2), so a
 * compiler barrier is enough for both; a store followed by a load of another
 * place (publish, then look whether the device sleeps) needs the full fence. */
#define dma_wmb() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define dma_rmb() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define dma_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED) /* what it was before */

/* A counter that one CPU writes and others read: whole at any moment, ordered with nothing. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
    store_relaxed(counter, load_relaxed(counter) + n);
}
