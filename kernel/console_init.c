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

#define BAUD_MIN 50u
#define LATE_MAX 4u /* hvc0 to hvc3 */

/* Where PCs have had their serial ports since the AT. */
static const struct {
    const char *name;
    uint16_t port;
} serial_ports[] = {
    { "ttyS0", 0x3f8 }, { "ttyS1", 0x2f8 }, { "ttyS2", 0x3e8 }, { "ttyS3", 0x2e8 }
};

/* Those at a place that an option gives, in the order of the options. */
static const char *const place_names[CONSOLE_DEVICES_MAX] = { "uart0", "uart1", "uart2",
                                                              "uart3", "uart4", "uart5" };

static struct uart uarts[CONSOLE_DEVICES_MAX];
static unsigned uart_count, place_count;

/* Once only, whatever it is called: a device that is in use is not set up again. */
static int add_uart(const char *name, const struct acpi_serial *where)
{
    for (unsigned i = 0; i < uart_count; i++)
        if (!uarts[i].registers == !where->mmio && uarts[i].device.base == where->address)
            return 0;
    if (uart_count == ARRAY_SIZE(uarts))
        return -ENOSPC;
    struct uart *u = &uarts[uart_count];
    int e = uart_probe(u, name, where);
    e = e ? e : console_add(&u->device);
    uart_count += !e;
    return e;
}

static int add_place(const struct acpi_serial *where)
{
    unsigned before = uart_count;
    int e = add_uart(place_names[place_count], where);
    place_count += uart_count - before;
    return e;
}

static int add_serial(unsigned n, uint32_t baud)
{
    const struct acpi_serial where = {
        .address = serial_ports[n].port, .register_stride = 1, .access_size = 1, .baud = baud
    };
    return add_uart(serial_ports[n].name, &where);
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
    return add_uart("spcr", &where);
}

static void add_default(void)
{
    if (add_spcr())
        add_serial(0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(screens); i++)
        add_screen(i);
}

/* What one `console=` means. */
struct wish {
    enum { WISH_SERIAL, WISH_PLACE, WISH_SCREEN, WISH_LATE } kind;
    unsigned number; /* of the serial port, the screen, the late one */
    struct acpi_serial where;
};

/* Behind the last comma: a speed, and maybe the parity and bits that Linux allows there, which
 * are always n8 here.  Nothing is 0, as it is. */
static bool parse_baud(const char *text, uint32_t *baud)
{
    char *end;
    *baud = 0;
    if (!*text)
        return true;
    unsigned long value =
        text[0] == ',' && text[1] >= '1' && text[1] <= '9' ? strtoul(text + 1, &end, 10) : 0;
    *baud = (uint32_t)value;
    return value >= BAUD_MIN && value <= UART_BAUD_MAX && uart_can_do(*baud) &&
           (!*end || !strcmp(end, "n8"));
}

static const char *skip(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) ? NULL : text + n;
}

/* Linux's "uart8250,io|mmio|mmio16|mmio32,ADDRESS[,BAUD]", or "uart,..." */
static bool parse_place(const char *text, struct acpi_serial *where)
{
    static const struct {
        const char *name;
        bool mmio;
        uint8_t width;
    } kinds[] = { { ",io,", false, 1 },
                  { ",mmio,", true, 1 },
                  { ",mmio16,", true, 2 },
                  { ",mmio32,", true, 4 } };
    const char *kind = skip(text, "uart8250");
    kind = kind ? kind : skip(text, "uart");
    for (unsigned i = 0; kind && i < ARRAY_SIZE(kinds); i++) {
        const char *address = skip(kind, kinds[i].name);
        char *end;
        if (!address || *address < '0' || *address > '9')
            continue;
        *where = (struct acpi_serial){ .mmio = kinds[i].mmio,
                                       .address = strtoull(address, &end, 0),
                                       .register_stride = kinds[i].width,
                                       .access_size = kinds[i].width };
        return where->address && parse_baud(end, &where->baud);
    }
    return false;
}

static bool parse_wish(const char *option, struct wish *w)
{
    const char *late = skip(option, "hvc");
    if (late) {
        w->kind = WISH_LATE;
        w->number = (unsigned)(late[0] - '0');
        return w->number < LATE_MAX && !late[1];
    }
    for (w->number = 0; w->number < ARRAY_SIZE(screens); w->number++) {
        w->kind = WISH_SCREEN;
        if (!strcmp(option, screens[w->number].name))
            return true;
    }
    for (w->number = 0; w->number < ARRAY_SIZE(serial_ports); w->number++) {
        const char *rest = skip(option, serial_ports[w->number].name);
        w->kind = WISH_SERIAL;
        if (rest)
            return parse_baud(rest, &w->where.baud);
    }
    w->kind = WISH_PLACE;
    return parse_place(option, &w->where);
}

bool console_option_is_valid(const char *option)
{
    struct wish w;
    return parse_wish(option, &w);
}

/* A bit for each of hvc0 to hvc3 that was named, and whether anything was. */
static unsigned late_named;
static bool any_named;

bool console_is_wanted(const char *name)
{
    struct wish w;
    return !any_named ||
           (parse_wish(name, &w) && w.kind == WISH_LATE && late_named >> w.number & 1);
}

void console_settle(void)
{
    for (unsigned n = 0; n < LATE_MAX; n++) {
        const char name[] = { 'h', 'v', 'c', (char)('0' + n), '\0' };
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
    uart_count = place_count = 0;
}

static int add_wish(const char *option)
{
    struct wish w;
    any_named = true;
    if (!parse_wish(option, &w))
        return -EINVAL;
    switch (w.kind) {
    case WISH_LATE:
        late_named |= 1u << w.number;
        return 0;
    case WISH_SCREEN:
        return add_screen(w.number);
    case WISH_SERIAL:
        return add_serial(w.number, w.where.baud);
    default:
        return add_place(&w.where);
    }
}

int console_init(const char *option)
{
    int e = add_wish(option);
    if (e == -EINVAL)
        log_error("error: console=%s: expected " CONSOLE_OPTIONS, option);
    else if (e)
        log_error("error: console=%s: no such device here", option);
    return e;
}

void console_init_default(void)
{
    if (console_has(NULL) || late_named)
        return;
    any_named = false; /* a virtio console will do as well */
    add_default();
}
