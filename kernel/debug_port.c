/* debug_port.c - port E9h.  Bochs introduced it ("port_e9_hack"); QEMU's isa-debugcon is
 * compatible: a byte written is printed, and a read gives E9h, by which it is known. */
#include "kernel/debug_port.h"

#include "kernel/log.h"
#include "kernel/mmio.h"

#define DEBUG_PORT 0xe9
#define SLICE 64u

static size_t debug_write(struct console_device *d, const char *text, size_t n)
{
    n = n < SLICE ? n : SLICE;
    for (size_t i = 0; i < n; i++)
        pio_write8(DEBUG_PORT, (uint8_t)text[i]);
    return n;
}

struct console_device *debug_port_probe(void)
{
    static struct console_device device = { .name = "debugcon",
                                            .write = debug_write,
                                            .base = DEBUG_PORT };
    if (pio_read8(DEBUG_PORT) != DEBUG_PORT)
        return NULL;
    log_info("debugcon: port e9");
    return &device;
}
