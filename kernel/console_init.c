/* console_init.c - which terminals the appliance talks to. */
#include "kernel/acpi.h"
#include "kernel/compiler.h"
#include "kernel/console.h"
#include "kernel/debug_port.h"
#include "kernel/framebuffer.h"
#include "kernel/log.h"
#include "kernel/uart.h"
#include "kernel/vga.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where PCs have had their serial ports since the AT. */
static const struct {
    const char *name;
    uint16_t port;
} serial_ports[] = {
    { "ttyS0", 0x3f8 }, { "ttyS1", 0x2f8 }, { "ttyS2", 0x3e8 }, { "ttyS3", 0x2e8 }
};

static struct uart uarts[ARRAY_SIZE(serial_ports)], spcr_uart;

/* Once only: a device that is in use is not set up again. */
static int add_uart(struct uart *u, const char *name, const struct acpi_serial *where)
{
    if (console_has(name))
        return 0;
    int e = uart_probe(u, name, where);
    return e ? e : console_add(&u->device);
}

static int add_serial(unsigned n, uint32_t baud)
{
    const struct acpi_serial where = {
        .address = serial_ports[n].port, .register_stride = 1, .access_size = 1, .baud = baud
    };
    return add_uart(&uarts[n], serial_ports[n].name, &where);
}

/* What has a name of its own and is found by looking. */
static const struct {
    const char *name;
    struct console_device *(*probe)(void);
} screens[] = {
    { "vga", vga_probe },
    { "fb", framebuffer_probe },
    { "debugcon", debug_port_probe },
};

static int add_screen(unsigned n)
{
    if (console_has(screens[n].name))
        return 0;
    struct console_device *d = screens[n].probe();
    return d ? console_add(d) : -ENODEV;
}

/* Firmware has set the port up for its own console: the speed stays. */
static int add_spcr(void)
{
    struct acpi_serial where;
    if (!acpi_spcr(&where))
        return -ENODEV;
    for (unsigned i = 0; i < ARRAY_SIZE(serial_ports); i++)
        if (!where.mmio && where.address == serial_ports[i].port)
            return add_serial(i, 0);
    where.baud = 0;
    return add_uart(&spcr_uart, "spcr", &where);
}

static void add_default(void)
{
    if (add_spcr())
        add_serial(0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(screens); i++)
        add_screen(i);
}

/* "ttyS0" or "ttyS0,115200" (Linux's console= also allows a parity and bits
 * behind the speed: not known here). */
static int serial_option(const char *option)
{
    const char *comma = strchr(option, ',');
    size_t length = comma ? (size_t)(comma - option) : strlen(option);
    unsigned long baud = 0;
    char *end;

    if (comma) {
        baud = strtoul(comma + 1, &end, 10);
        if (comma[1] < '1' || comma[1] > '9' || *end || baud < 50 || baud > UART_BAUD_MAX)
            return -EINVAL;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(serial_ports); i++)
        if (strlen(serial_ports[i].name) == length && !memcmp(serial_ports[i].name, option, length))
            return add_serial(i, (uint32_t)baud);
    return -EINVAL;
}

/* A bit for each of hvc0 to hvc3 that was named, and whether anything was. */
#define LATE_PREFIX "hvc"
#define LATE_MAX 4u
static unsigned late_named;
static bool any_named;

static int late_number(const char *name)
{
    size_t n = strlen(LATE_PREFIX);
    if (strncmp(name, LATE_PREFIX, n) || name[n] < '0' || name[n] >= '0' + (int)LATE_MAX ||
        name[n + 1])
        return -1;
    return name[n] - '0';
}

bool console_is_wanted(const char *name)
{
    int n = late_number(name);
    return !any_named || (n >= 0 && late_named >> n & 1);
}

void console_settle(void)
{
    for (unsigned n = 0; n < LATE_MAX; n++) {
        char name[] = LATE_PREFIX "0";
        name[sizeof name - 2] = (char)('0' + n);
        if ((late_named >> n & 1) && !console_has(name))
            log_error("error: console=%s: no such device here", name);
    }
    if (!console_has(NULL))
        add_default();
}

void console_options_reset(void)
{
    late_named = 0;
    any_named = false;
}

static int named_option(const char *option)
{
    int late = late_number(option);
    any_named = true;
    if (late >= 0) {
        late_named |= 1u << late;
        return 0;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(screens); i++)
        if (!strcmp(option, screens[i].name))
            return add_screen(i);
    return serial_option(option);
}

int console_init(const char *option)
{
    int e = 0;
    if (option)
        e = named_option(option);
    if (e == -EINVAL)
        log_error("error: console=%s: expected ttyS0 to ttyS3, maybe ,50 to ,115200, or vga, fb, "
                  "debugcon, hvc0 to hvc3",
                  option);
    else if (e)
        log_error("error: console=%s: no such device here", option);
    if (!console_has(NULL) && !late_named)
        add_default();
    return e;
}
