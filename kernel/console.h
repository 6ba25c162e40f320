/* console.h - characters in and out, never lost and never in the way.
 *
 * Output goes into a ring and leaves in slices (console_poll) as fast as the
 * device takes it; input is fetched by the same call into a ring of its own.
 * Traffic goes on meanwhile.  A writer that finds the ring full waits in
 * console_wait(), which runs the rest of the machine until there is room. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One device under the console. */
struct console_device {
    const char *name;                       /* "ttyS0", "vga" */
    /* Takes up to n bytes without waiting; returns how many. */
    size_t (*write)(struct console_device *d, const char *text, size_t n);
    /* One byte, or -1 when there is none. */
    int (*read)(struct console_device *d);
    uint64_t base;                          /* I/O port or register address */
};

void console_write(const char *text, size_t n);
int console_getc(void);                     /* next input byte or -1 */
void console_poll(void);                    /* moves bytes; called from the poll loop */
void console_flush(void);                   /* waits, bounded, until all output has left */

/* Replaces the way a full output ring or `console_getc_wait` waits: set once
 * the poll loop runs (kernel/task.h); before that, waiting polls the device. */
void console_set_wait(void (*wait)(void));
void console_wait(void);
