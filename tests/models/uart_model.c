/* uart_model.c - see uart_model.h.  Written from the PC16550D data sheet alone,
 * with numbers of its own. */
#include "tests/models/uart_model.h"

#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

void uart_model_init(struct uart_model *m)
{
    memset(m, 0, sizeof *m);
    m->stride = m->access = 1;
    m->dll = 12; /* some speed that firmware chose */
}

/* DS 8.4: a read resets the error bits. */
static uint8_t lsr(struct uart_model *m)
{
    uint8_t v = 0;
    if (m->received_head != m->received_tail) {
        v |= 1 | m->received[m->received_tail % 4096].errors;
        m->received[m->received_tail % 4096].errors = 0;
    }
    if (!m->in_fifo)
        v |= 0x60;
    return v;
}

/* 8.7: in loopback DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD. */
static uint8_t msr(const struct uart_model *m)
{
    if (!(m->mcr & 0x10))
        return 0xb0;
    return (uint8_t)((m->mcr & 1) << 5 | (m->mcr & 2) << 3 | (m->mcr & 4) << 4 | (m->mcr & 8) << 4);
}

static unsigned register_of(const struct uart_model *m, uint64_t offset, unsigned size)
{
    if (size != m->access || offset % m->stride)
        abort();
    return (unsigned)(offset / m->stride);
}

static uint64_t model_read(void *ctx, uint64_t offset, unsigned size)
{
    struct uart_model *m = ctx;
    bool dlab = m->lcr & 0x80;
    m->reads++;
    switch (register_of(m, offset, size)) {
    case 0:
        if (dlab)
            return m->dll;
        return m->received_head == m->received_tail ? 0
                                                    : m->received[m->received_tail++ % 4096].byte;
    case 1:
        return dlab ? m->dlm : m->ier;
    case 2:
        return (m->fcr & 1) && !m->no_fifo ? 0xc1 : 0x01;
    case 3:
        return m->lcr;
    case 4:
        return m->mcr;
    case 5:
        return lsr(m);
    case 6:
        return msr(m);
    default:
        return m->scr;
    }
}

static void transmit(struct uart_model *m, uint8_t c)
{
    unsigned room = (m->fcr & 1) && !m->no_fifo ? 16 : 1;
    if (m->mcr & 0x10)
        return; /* loopback: nothing leaves */
    if (m->in_fifo >= room || m->sent_count == sizeof m->sent - 1) {
        m->overruns++;
        return;
    }
    m->in_fifo++;
    m->sent[m->sent_count++] = (char)c;
}

static void model_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    struct uart_model *m = ctx;
    bool dlab = m->lcr & 0x80;
    uint8_t v = (uint8_t)value;
    m->writes++;
    switch (register_of(m, offset, size)) {
    case 0:
        if (dlab)
            m->dll = v;
        else
            transmit(m, v);
        break;
    case 1:
        *(dlab ? &m->dlm : &m->ier) = v;
        break;
    case 2:
        if ((v ^ m->fcr) & 1)
            v |= 6; /* 8.5: a change of bit 0 clears both FIFOs */
        m->fcr = v & 0xc9;
        if (v & 2)
            m->received_tail = m->received_head;
        break;
    case 3:
        m->lcr = v;
        break;
    case 4:
        m->mcr = v & 0x1f;
        break;
    case 7:
        m->scr = v;
        break;
    default:
        break; /* LSR and MSR are read only here */
    }
}

void uart_model_add_pio(struct uart_model *m, uint16_t port)
{
    host_add_pio(&(struct host_window){ port, 8 * m->stride, model_read, model_write, m });
}

void uart_model_add_mmio(struct uart_model *m, uint64_t pa)
{
    host_add_mmio(&(struct host_window){ pa, 8 * m->stride, model_read, model_write, m });
}

void uart_model_type(struct uart_model *m, const char *text)
{
    for (; *text; text++)
        uart_model_type_error(m, (uint8_t)*text, 0);
}

void uart_model_type_error(struct uart_model *m, uint8_t byte, uint8_t lsr_errors)
{
    if (m->received_head - m->received_tail == 4096)
        abort();
    m->received[m->received_head % 4096].byte = byte;
    m->received[m->received_head++ % 4096].errors = lsr_errors;
}

void uart_model_drain(struct uart_model *m)
{
    if (!m->stuck)
        m->in_fifo = 0;
}

const char *uart_model_sent(struct uart_model *m)
{
    m->sent[m->sent_count] = 0;
    return m->sent;
}

static uint64_t nothing_read(void *ctx, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}
static void nothing_write(void *ctx, uint64_t offset, unsigned size, uint64_t value) {}

void uart_model_add_nothing(uint16_t port)
{
    host_add_pio(&(struct host_window){ port, 8, nothing_read, nothing_write, NULL });
}
