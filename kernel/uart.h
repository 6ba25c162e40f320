/* uart.h - 16550 serial ports as console devices. */
#pragma once

#include "kernel/acpi.h"
#include "kernel/console.h"

#define UART_BAUD_MAX 115200u
/* Whether a 16550 can be set to that speed, not 0, to within what a line forgives. */
bool uart_can_do(uint32_t baud);

struct uart {
    struct console_device device;
    volatile uint8_t *registers; /* NULL: in I/O space at device.base */
    uint8_t stride, access_size;
    uint8_t fifo_size;
    int early;                  /* a byte that came before set-up, or -1 */
    char last;                  /* last byte sent, for CR before LF */
    uint8_t errors;             /* of the oldest byte received, as a look for something else saw */
    uint64_t next_look_us;      /* for input */
    uint64_t next_full_look_us; /* for room to send */
};

/* Looks for a 16550 (or its elders) there and sets it up: 8 data bits, no
 * parity, one stop bit, FIFO on, RTS and DTR on.  where->baud 0 leaves the
 * speed that firmware chose.  0, or -ENODEV after a log line when nothing
 * answers.  u and name must live on; u->device is for console_add(). */
int uart_probe(struct uart *u, const char *name, const struct acpi_serial *where);
