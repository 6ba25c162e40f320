/* mmio.h - device registers in memory space and in I/O space.
 *
 * The one place where bare metal and the hosted build differ inside a header:
 * on the machine an access is one instruction; hosted, it is a call into the
 * device model that owns the address (tests/host/host.h).
 *
 * Register windows come from mmio_map() and are uncached.  Accesses are
 * exactly as wide as the name says, in program order, never merged. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Maps size bytes of physical address pa, uncached, not executable.  The
 * pointer is only for the accessors below.  NULL when pa..pa+size is empty,
 * wraps, or there is no memory for page tables; and, after a log line, when any of
 * it is RAM that is ours.  Mappings are never undone. */
void *mmio_map(uint64_t pa, uint64_t size);

#ifdef MILLRACE_HOSTED

uint64_t host_mmio_read(const volatile void *reg, unsigned size);
void host_mmio_write(volatile void *reg, unsigned size, uint64_t value);
uint32_t host_pio_read(uint16_t port, unsigned size);
void host_pio_write(uint16_t port, unsigned size, uint32_t value);

/* n reads of a byte. */
static inline void pio_read_bytes(uint16_t port, void *to, size_t n)
{
    for (uint8_t *at = to; n; n--)
        *at++ = (uint8_t)host_pio_read(port, 1);
}

#define MMIO_ACCESSORS(bits) \
    static inline uint##bits##_t mmio_read##bits(const volatile void *reg) \
    { \
        return (uint##bits##_t)host_mmio_read(reg, bits / 8); \
    } \
    static inline void mmio_write##bits(volatile void *reg, uint##bits##_t value) \
    { \
        host_mmio_write(reg, bits / 8, value); \
    }
#define PIO_ACCESSORS(bits, suffix) \
    static inline uint##bits##_t pio_read##bits(uint16_t port) \
    { \
        return (uint##bits##_t)host_pio_read(port, bits / 8); \
    } \
    static inline void pio_write##bits(uint16_t port, uint##bits##_t value) \
    { \
        host_pio_write(port, bits / 8, value); \
    }

#else

/* One exit to a hypervisor for many of them. */
static inline void pio_read_bytes(uint16_t port, void *to, size_t n)
{
    __asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"(port) : "memory");
}

#define MMIO_ACCESSORS(bits) \
    static inline uint##bits##_t mmio_read##bits(const volatile void *reg) \
    { \
        return *(const volatile uint##bits##_t *)reg; \
    } \
    static inline void mmio_write##bits(volatile void *reg, uint##bits##_t value) \
    { \
        *(volatile uint##bits##_t *)reg = value; \
    }
#define PIO_ACCESSORS(bits, suffix) \
    static inline uint##bits##_t pio_read##bits(uint16_t port) \
    { \
        uint##bits##_t value; \
        __asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port) : "memory"); \
        return value; \
    } \
    static inline void pio_write##bits(uint16_t port, uint##bits##_t value) \
    { \
        __asm__ volatile("out" suffix " %0, %1" : : "a"(value), "Nd"(port) : "memory"); \
    }

#endif

MMIO_ACCESSORS(8)
MMIO_ACCESSORS(16)
MMIO_ACCESSORS(32)
MMIO_ACCESSORS(64)
PIO_ACCESSORS(8, "b")
PIO_ACCESSORS(16, "w")
PIO_ACCESSORS(32, "l")
