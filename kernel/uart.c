/* uart.c - 16550 serial ports by polling.
 *
 * Source: PC16550D data sheet (National Semiconductor, June 1995), "DS" below.
 * Registers may lie in I/O or in memory space, some bytes apart.  Not used:
 * interrupts, hardware flow control of what we send.  unread in this file: DS. */
#include "kernel/uart.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/time.h"

#include <errno.h>

/* clang-format off: bits are indented beneath their register. */
/* DS 8.0, table II: register numbers. */
#define UART_RBR 0         /* RO: Receiver Buffer */
#define UART_THR 0         /* WO: Transmitter Holding */
#define UART_DLL 0         /* RW with DLAB: Divisor Latch, low */
#define UART_DLM 1         /* RW with DLAB: Divisor Latch, high */
#define UART_IER 1         /* RW: Interrupt Enable */
#define UART_IIR 2         /* RO: Interrupt Identification */
#define UART_IIR_FIFO 0xc0 /* both bits: FIFOs work (DS 8.6) */
#define UART_FCR 2         /* WO: FIFO Control */
#define UART_FCR_ENABLE 0x01
#define UART_LCR 3 /* RW: Line Control */
#define UART_LCR_8N1 0x03
#define UART_LCR_DLAB 0x80 /* registers 0 and 1 are the divisor latch */
#define UART_MCR 4         /* RW: Modem Control */
#define UART_MCR_DTR 0x01
#define UART_MCR_RTS 0x02
#define UART_MCR_OUT2 0x08
#define UART_MCR_LOOP 0x10
#define UART_LSR 5           /* RO: Line Status */
#define UART_LSR_DR 0x01     /* Data Ready */
#define UART_LSR_ERRORS 0x1c /* Parity, Framing, Break Interrupt: a read resets them (DS 8.4) */
#define UART_LSR_THRE 0x20   /* THR (with FIFO: all of it) empty */
#define UART_LSR_TEMT 0x40   /* nothing left to shift out either */
#define UART_LSR_ABSENT 0xff /* nobody drives the bus */
#define UART_MSR 6           /* RO: Modem Status */
#define UART_MSR_CTS 0x10
#define UART_MSR_DSR 0x20
#define UART_MSR_RI 0x40
#define UART_MSR_DCD 0x80
/* clang-format on */

#define UART_REGISTERS 8u
#define UART_FIFO_SIZE 16u

/* Looking costs an exit to the hypervisor.  16 characters at 115200 baud take
 * 1389 us, so a FIFO looked at this often does not run over; output that has
 * not left yet will not leave at once either. */
#define UART_LOOK_US 500u
#define UART_FULL_LOOK_US 100u
/* What firmware may still be sending: 16 characters at 2400 baud. */
#define UART_DRAIN_US 70000u

static uint8_t uart_read(const struct uart *u, unsigned n)
{
    if (!u->registers)
        return pio_read8((uint16_t)(u->device.base + n * u->stride));
    volatile uint8_t *reg = u->registers + n * u->stride;
    if (u->access_size == 4)
        return (uint8_t)mmio_read32(reg);
    if (u->access_size == 2)
        return (uint8_t)mmio_read16(reg);
    return mmio_read8(reg);
}

static void uart_write(const struct uart *u, unsigned n, uint8_t value)
{
    if (!u->registers) {
        pio_write8((uint16_t)(u->device.base + n * u->stride), value);
        return;
    }
    volatile uint8_t *reg = u->registers + n * u->stride;
    if (u->access_size == 4)
        mmio_write32(reg, value);
    else if (u->access_size == 2)
        mmio_write16(reg, value);
    else
        mmio_write8(reg, value);
}

/* A look at LSR takes the errors of the oldest byte away: they are kept until it is fetched. */
static uint8_t uart_status(struct uart *u)
{
    uint8_t lsr = uart_read(u, UART_LSR);
    u->errors |= lsr & UART_LSR_ERRORS;
    return lsr;
}

static struct uart *uart_of(struct console_device *d)
{
    return container_of(d, struct uart, device);
}

/* A line feed goes out as CR LF, unless the writer did that himself; the two
 * may fall into different FIFO fills. */
static size_t uart_send(struct console_device *d, const char *text, size_t n)
{
    struct uart *u = uart_of(d);
    uint64_t now = time_us();
    size_t taken = 0;

    if (now < u->next_full_look_us)
        return 0;
    uint8_t lsr = uart_status(u);
    if (!(lsr & UART_LSR_THRE) || lsr == UART_LSR_ABSENT) {
        u->next_full_look_us = now + UART_FULL_LOOK_US;
        return 0;
    }
    for (unsigned room = u->fifo_size; room && taken < n; room--) {
        char c = text[taken];
        if (c == '\n' && u->last != '\r')
            c = '\r';
        else
            taken++;
        uart_write(u, UART_THR, (uint8_t)c);
        u->last = c;
    }
    return taken;
}

/* Bytes with a line error are noise, and so is the zero that stands for a
 * break; a port that has gone reads all ones, errors included. */
static int uart_receive(struct console_device *d)
{
    struct uart *u = uart_of(d);
    uint64_t now = time_us();
    int early = u->early;

    if (early >= 0) {
        u->early = -1;
        return early;
    }
    if (now < u->next_look_us)
        return -1;
    for (unsigned i = 0; i < UART_FIFO_SIZE; i++) {
        if (!(uart_status(u) & UART_LSR_DR))
            break;
        uint8_t c = uart_read(u, UART_RBR), errors = u->errors;
        u->errors = 0;
        if (!errors)
            return c;
    }
    u->next_look_us = now + UART_LOOK_US;
    return -1;
}

static void uart_hold(struct console_device *d, bool on)
{
    uart_write(uart_of(d), UART_MCR, UART_MCR_DTR | UART_MCR_OUT2 | (on ? 0 : UART_MCR_RTS));
}

static bool uart_idle(struct console_device *d)
{
    return uart_status(uart_of(d)) & UART_LSR_TEMT;
}

/* Loopback (DS 8.7): the modem outputs come back as the modem inputs, DTR as
 * DSR, RTS as CTS, OUT2 as DCD. */
static bool uart_answers(const struct uart *u)
{
    const uint8_t inputs = UART_MSR_CTS | UART_MSR_DSR | UART_MSR_RI | UART_MSR_DCD;
    struct deadline d = deadline_us(UART_DRAIN_US);
    uint8_t mcr = uart_read(u, UART_MCR), lsr = uart_read(u, UART_LSR);

    while (!(lsr & UART_LSR_TEMT) && !deadline_passed(&d))
        lsr = uart_read(u, UART_LSR);
    if (!(lsr & UART_LSR_TEMT))
        log_warning("%s: still sending after %u us: LSR %02x, expected bit %02x", u->device.name,
                    UART_DRAIN_US, lsr, UART_LSR_TEMT);
    uart_write(u, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
    uint8_t some = uart_read(u, UART_MSR) & inputs;
    uart_write(u, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR);
    uint8_t other = uart_read(u, UART_MSR) & inputs;
    uart_write(u, UART_MCR, mcr);
    return some == (UART_MSR_DCD | UART_MSR_CTS) && other == UART_MSR_DSR;
}

/* DS 8.3: of a 1.8432 MHz clock. */
static uint16_t divisor_of(uint32_t baud)
{
    return (uint16_t)((UART_BAUD_MAX + baud / 2) / baud);
}

/* Sender and receiver may differ by half a bit in the ten of a character, less the sixteenth
 * that the receiver is late in noticing: 3 % is safe. */
bool uart_can_do(uint32_t baud)
{
    uint32_t is = UART_BAUD_MAX / divisor_of(baud);
    return (is > baud ? is - baud : baud - is) <= baud * 3 / 100;
}

static void uart_set_baud(const struct uart *u, uint32_t baud)
{
    uint16_t divisor = divisor_of(baud);
    uart_write(u, UART_LCR, UART_LCR_8N1 | UART_LCR_DLAB);
    uart_write(u, UART_DLL, divisor & 0xff);
    uart_write(u, UART_DLM, (uint8_t)(divisor >> 8));
    uart_write(u, UART_LCR, UART_LCR_8N1);
}

static void uart_set_up(struct uart *u, uint32_t baud)
{
    uart_write(u, UART_LCR, UART_LCR_8N1);
    if (baud)
        uart_set_baud(u, baud);
    uart_write(u, UART_IER, 0);
    /* A key pressed before now stays: turning the FIFO on clears both (DS 8.5). */
    u->early = uart_read(u, UART_LSR) & UART_LSR_DR ? uart_read(u, UART_RBR) : -1;
    uart_write(u, UART_FCR, UART_FCR_ENABLE);
    u->fifo_size = (uart_read(u, UART_IIR) & UART_IIR_FIFO) == UART_IIR_FIFO ? UART_FIFO_SIZE : 1;
    uart_hold(&u->device, false);
}

static bool uart_place(struct uart *u, const struct acpi_serial *where)
{
    uint64_t size = UART_REGISTERS * (uint64_t)where->register_stride;
    u->stride = where->register_stride;
    u->access_size = where->access_size;
    if (!where->mmio)
        return u->stride && where->address && where->address + size <= 0x10000;
    u->registers = u->stride ? mmio_map(where->address, size) : NULL;
    return u->registers;
}

int uart_probe(struct uart *u, const char *name, const struct acpi_serial *where)
{
    const char *space = where->mmio ? "address" : "I/O port";
    *u = (struct uart){ .device = { .name = name,
                                    .write = uart_send,
                                    .read = uart_receive,
                                    .hold = uart_hold,
                                    .idle = uart_idle,
                                    .base = where->address } };
    if (!uart_place(u, where) || !uart_answers(u)) {
        log_info("%s: no 16550 at %s %lx", name, space, (unsigned long)where->address);
        return -ENODEV;
    }
    uart_set_up(u, where->baud > UART_BAUD_MAX ? UART_BAUD_MAX : where->baud);
    log_info("%s: 16550 at %s %lx, FIFO of %u", name, space, (unsigned long)where->address,
             u->fifo_size);
    return 0;
}
