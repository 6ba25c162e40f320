/* console.h - characters in and out, never lost and never in the way.
 *
 * Output goes into a ring and leaves in slices (console_poll) as fast as each
 * device takes it; input is fetched by the same call into a ring of its own.
 * Traffic goes on meanwhile.  A writer that finds the ring full waits, and lets
 * the rest of the machine run until there is room.
 *
 * A terminal is where one person sits: a device with keys, and the two rings.  Each such device
 * is a terminal of its own; devices that only show belong to the first one, each at its own
 * pace; the slowest holds back the writer.  A device that takes nothing for CONSOLE_STALL_US
 * while a writer waits is passed over until it takes bytes again, and the log tells
 * how many it missed: a dead terminal does not stop the appliance.
 *
 * The poll loop itself never waits here: CONSOLE_RESERVE bytes of a ring are for
 * its lines alone, and a device that has not even room for those is passed over.
 *
 * Text written before there is a device is kept, the last CONSOLE_OUTPUT_SIZE
 * bytes of it, and shown by every device that is added later.
 *
 * What is typed while nobody reads waits in the ring; when that is nearly full the device is
 * asked to pause.  While a command listens for Ctrl-C instead (console_break), a line that does
 * not fit is refused as a whole, with BEL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_OUTPUT_SIZE 32768u
#define CONSOLE_RESERVE 4096u
#define CONSOLE_INPUT_SIZE 4096u
#define CONSOLE_DEVICES_MAX 6u
#define CONSOLE_STALL_US 5000000u
#define CONSOLE_QUIET_US 50000u

struct console_terminal;

/* One device under the console.  All but name and write may be missing. */
struct console_device {
    const char *name; /* "ttyS0", "vga" */
    /* Takes up to n bytes without waiting; returns how many. */
    size_t (*write)(struct console_device *d, const char *text, size_t n);
    /* One byte, or -1 when there is none. */
    int (*read)(struct console_device *d);
    /* A piece of what it has taken but still has to show; called with each poll. */
    void (*draw)(struct console_device *d);
    /* Asks the other side to stop sending (true), or to go on. */
    void (*hold)(struct console_device *d, bool on);
    /* True when all that write() took has left. */
    bool (*idle)(struct console_device *d);
    uint64_t base; /* I/O port or register address */

    /* The console's own. */
    struct console_terminal *terminal;
    uint32_t sent;   /* up to here it has taken the output */
    uint32_t missed; /* bytes it was passed over for */
    bool stalled;
};

#define CONSOLE_OPTIONS \
    "ttyS0[,115200]|ttyS1|...|uart8250,io|mmio|mmio16|mmio32,ADDRESS[,BAUD]|vga|fb|debugcon|" \
    "hvc0|..."
/* Whether console_init() knows what is meant; looks at nothing but the text. */
bool console_option_is_valid(const char *option);
/* Opens what one `console=` option names: "ttyS0[,115200]", "vga", "fb", "debugcon", "hvc0";
 * called once for each.  0, or -EINVAL or -ENODEV after a log line. */
int console_init(const char *option);
/* After the options: where none could be honoured and none is for a device that turns up
 * later, the port that ACPI's SPCR names, or else ttyS0, and vga, fb and debugcon, as far as
 * they are there; and virtio consoles as they come. */
void console_init_default(void);
/* Whether a device that turns up later, as a driver finds it, shall be added: "hvc0" was
 * named by an option, or no option was given. */
bool console_is_wanted(const char *name);
/* All drivers have been asked: without any device by now, the default ones. */
void console_settle(void);
/* The device stays the caller's and must live on.  -ENOSPC: too many; -ENOMEM: for a terminal
 * beside the first. */
int console_add(struct console_device *d);
bool console_has(const char *name); /* NULL: any device at all */

/* From 0; NULL: no more.  The first is always there. */
struct console_terminal *console_terminal(unsigned n);

void console_write(const char *text, size_t n); /* to all of them */
void console_write_to(struct console_terminal *t, const char *text, size_t n);
int console_getc(struct console_terminal *t); /* next input byte or -1 */
/* For commands that run: true when Ctrl-C has been typed, which is taken out of the input; the
 * rest of it stays for who reads next. */
bool console_break(struct console_terminal *t);
void console_poll(void);  /* moves bytes; called from the poll loop */
/* Nothing has moved for CONSOLE_QUIET_US, and no key waits to be read: it may be polled seldom. */
bool console_is_quiet(void);
void console_flush(void); /* waits, bounded, until all output has left */

/* How to wait for room in the output ring: set once the poll loop runs (kernel/task.h);
 * before that, waiting polls the devices.  wait() lets the rest of the machine run, or
 * returns false: then its caller is the rest of the machine and must not wait. */
void console_set_wait(bool (*wait)(void));

void console_options_reset(void); /* part of the next */
/* No devices, empty rings, no wait: how it was at the first instruction. */
void console_reset(void);
