/* uart_model.h - a 16550 (PC16550D data sheet) as a register window. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uart_model {
    /* Set before use. */
    bool no_fifo;               /* a 16450: one byte, IIR bits 7:6 stay clear */
    unsigned stride, access;    /* of the registers; accesses of any other size abort */
    bool stuck;                 /* what is written never leaves */

    /* Registers. */
    uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;

    /* The line. */
    char sent[65536];           /* what has left, or would have */
    size_t sent_count;
    unsigned in_fifo;           /* bytes that have not left */
    unsigned overruns;          /* bytes written without room: a driver's mistake */
    struct {
        uint8_t byte, errors;   /* errors: LSR bits that go with the byte */
    } received[4096];
    size_t received_head, received_tail;
    unsigned reads, writes;     /* register accesses so far */
};

void uart_model_init(struct uart_model *m);
void uart_model_add_pio(struct uart_model *m, uint16_t port);
void uart_model_add_mmio(struct uart_model *m, uint64_t pa);
void uart_model_type(struct uart_model *m, const char *text);
void uart_model_type_error(struct uart_model *m, uint8_t byte, uint8_t lsr_errors);
/* Everything written so far has left: THRE and TEMT. */
void uart_model_drain(struct uart_model *m);
const char *uart_model_sent(struct uart_model *m);
/* A window that nobody drives: all reads are ones. */
void uart_model_add_nothing(uint16_t port);
