/* kernel/uart.c against a 16550 model; section numbers are the PC16550D's. */
#include "kernel/uart.h"

#include "kernel/compiler.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/uart_model.h"

#include <errno.h>
#include <string.h>

static struct uart_model model;
static struct uart uart;

static const struct acpi_serial com1 = { .address = 0x3f8, .register_stride = 1, .access_size = 1 };

static int setup(void **state)
{
    host_reset();
    uart_model_init(&model);
    return 0;
}

static struct console_device *probe(void)
{
    uart_model_add_pio(&model, 0x3f8);
    assert_int_equal(uart_probe(&uart, "ttyS0", &com1), 0);
    return &uart.device;
}

static size_t send(struct console_device *d, const char *text)
{
    return d->write(d, text, strlen(text));
}

static void set_up_as_promised(void **state)
{
    struct console_device *d = probe();
    assert_string_equal(d->name, "ttyS0");
    assert_int_equal(model.lcr, 0x03); /* 8 data bits, 1 stop bit, no parity */
    assert_int_equal(model.ier, 0);    /* polling */
    assert_int_equal(model.fcr & 1, 1);
    assert_int_equal(model.mcr, 0x0b); /* DTR, RTS, OUT2; loopback off */
    assert_int_equal(model.dll, 12);   /* the speed is as it was */
    assert_int_equal(model.sent_count, 0);
}

/* 8.3: 1.8432 MHz / 16 / divisor. */
static void baud_is_set_when_given(void **state)
{
    static const struct {
        uint32_t baud;
        uint16_t divisor;
    } rows[] = { { 115200, 1 }, { 57600, 2 }, { 9600, 12 }, { 300, 384 }, { 50, 2304 } };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct acpi_serial where = com1;
        setup(NULL);
        uart_model_add_pio(&model, 0x3f8);
        where.baud = rows[i].baud;
        assert_int_equal(uart_probe(&uart, "ttyS0", &where), 0);
        assert_int_equal(model.dlm << 8 | model.dll, rows[i].divisor);
        assert_int_equal(model.lcr, 0x03);
    }
}

static void nothing_there(void **state)
{
    uart_model_add_nothing(0x3f8);
    assert_int_equal(uart_probe(&uart, "ttyS0", &com1), -ENODEV);
    assert_true(host_log_contains("ttyS0: no 16550 at I/O port 3f8"));
}

static uint64_t zeros(void *ctx, uint64_t offset, unsigned size)
{
    return 0x60;
}
static void ignore(void *ctx, uint64_t offset, unsigned size, uint64_t value) {}

/* Something that reads as an idle UART but does not loop back. */
static void something_else_there(void **state)
{
    host_add_pio(&(struct host_window){ 0x3f8, 8, zeros, ignore, NULL });
    assert_int_equal(uart_probe(&uart, "ttyS0", &com1), -ENODEV);
}

/* A wait for firmware's last characters ends, and says what it saw. */
static void still_sending_at_probe(void **state)
{
    model.in_fifo = 1;
    model.stuck = true;
    probe();
    assert_true(host_log_contains("LSR 00, expected bit 40"));
}

static void places_that_cannot_be(void **state)
{
    struct acpi_serial where = com1;
    where.address = 0;
    assert_int_equal(uart_probe(&uart, "x", &where), -ENODEV);
    where.address = 0xfffc;
    assert_int_equal(uart_probe(&uart, "x", &where), -ENODEV);
    where = com1;
    where.register_stride = 0;
    assert_int_equal(uart_probe(&uart, "x", &where), -ENODEV);
    where.mmio = true;
    assert_int_equal(uart_probe(&uart, "x", &where), -ENODEV);
}

/* 8.4: THRE means that all 16 places of the transmit FIFO are free. */
static void sixteen_bytes_when_empty_and_none_before(void **state)
{
    struct console_device *d = probe();
    assert_int_equal(send(d, "0123456789abcdefXYZ"), 16);
    assert_string_equal(uart_model_sent(&model), "0123456789abcdef");
    assert_int_equal(send(d, "XYZ"), 0);
    assert_false(d->idle(d));
    uart_model_drain(&model);
    assert_true(d->idle(d));
    assert_int_equal(send(d, "XYZ"), 0); /* it was full: not looked at yet */
    host_advance_us(100);
    assert_int_equal(send(d, "XYZ"), 3);
    assert_string_equal(uart_model_sent(&model), "0123456789abcdefXYZ");
    assert_int_equal(model.overruns, 0);
}

static void one_byte_without_a_fifo(void **state)
{
    model.no_fifo = true;
    struct console_device *d = probe();
    assert_int_equal(send(d, "ab"), 1);
    uart_model_drain(&model);
    assert_int_equal(send(d, "b"), 1);
    assert_string_equal(uart_model_sent(&model), "ab");
    assert_int_equal(model.overruns, 0);
}

/* A line feed goes out as CR LF, also when the two fall into different fills. */
static void carriage_return_before_line_feed(void **state)
{
    struct console_device *d = probe();
    assert_int_equal(send(d, "a\nb\r\n\n"), 6);
    assert_string_equal(uart_model_sent(&model), "a\r\nb\r\n\r\n");

    setup(NULL);
    d = probe();
    assert_int_equal(send(d, "0123456789abcde\nZ"), 15);
    uart_model_drain(&model);
    assert_int_equal(send(d, "\nZ"), 2);
    assert_string_equal(uart_model_sent(&model), "0123456789abcde\r\nZ");
    assert_int_equal(model.overruns, 0);
}

static void input_byte_by_byte(void **state)
{
    struct console_device *d = probe();
    uart_model_type(&model, "hi\xff");
    assert_int_equal(d->read(d), 'h');
    assert_int_equal(d->read(d), 'i');
    assert_int_equal(d->read(d), 0xff);
    assert_int_equal(d->read(d), -1);
}

/* What was typed before we came is not thrown away. */
static void early_keys_are_kept(void **state)
{
    uart_model_type(&model, "e"); /* all that fits without a FIFO */
    struct console_device *d = probe();
    uart_model_type(&model, "x");
    assert_int_equal(d->read(d), 'e');
    assert_int_equal(d->read(d), 'x');
    assert_int_equal(d->read(d), -1);

    setup(NULL);
    model.fcr = 1; /* firmware has turned it on */
    uart_model_type(&model, "early");
    d = probe();
    for (const char *c = "early"; *c; c++)
        assert_int_equal(d->read(d), *c);
    assert_int_equal(d->read(d), -1);
}

/* An empty FIFO is looked at again after 500 us: sixteen characters at 115200
 * baud take 1389. */
static void an_idle_line_costs_little(void **state)
{
    struct console_device *d = probe();
    assert_int_equal(d->read(d), -1);
    unsigned reads = model.reads;
    uart_model_type(&model, "x");
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(d->read(d), -1);
    assert_int_equal(model.reads, reads);
    host_advance_us(500);
    assert_int_equal(d->read(d), 'x');
}

/* 8.4: parity, framing errors and breaks belong to the byte on top. */
static void bytes_with_errors_are_dropped(void **state)
{
    struct console_device *d = probe();
    uart_model_type(&model, "a");
    uart_model_type_error(&model, 'P', 0x04);
    uart_model_type_error(&model, 'F', 0x08);
    uart_model_type_error(&model, 0, 0x10);
    uart_model_type_error(&model, 'O', 0x02); /* overrun: this byte is good */
    assert_int_equal(d->read(d), 'a');
    assert_int_equal(d->read(d), 'O');
    assert_int_equal(d->read(d), -1);
}

/* All ones is a device that has gone, not an endless stream of ff. */
static void a_uart_that_goes_away(void **state)
{
    struct console_device *d = probe();
    host_reset();
    uart_model_add_nothing(0x3f8);
    host_advance_us(1000);
    assert_int_equal(d->read(d), -1);
    assert_int_equal(send(d, "x"), 0);
}

static void hold_takes_rts_away(void **state)
{
    struct console_device *d = probe();
    d->hold(d, true);
    assert_int_equal(model.mcr, 0x09);
    d->hold(d, false);
    assert_int_equal(model.mcr, 0x0b);
}

static void memory_mapped(unsigned stride, unsigned access)
{
    const struct acpi_serial where = { .mmio = true,
                                       .address = 0xfedc9000,
                                       .register_stride = (uint8_t)stride,
                                       .access_size = (uint8_t)access,
                                       .baud = 9600 };
    setup(NULL);
    model.stride = stride;
    model.access = access;
    uart_model_add_mmio(&model, where.address);
    assert_int_equal(uart_probe(&uart, "spcr", &where), 0);
    assert_int_equal(model.dll, 12);
    struct console_device *d = &uart.device;
    assert_int_equal(send(d, "memory\n"), 7);
    assert_string_equal(uart_model_sent(&model), "memory\r\n");
    uart_model_type(&model, "k");
    assert_int_equal(d->read(d), 'k');
}

/* The look for room to send is what takes the error bits away. */
static void errors_seen_while_sending_count_later(void **state)
{
    struct console_device *d = probe();
    host_advance_us(1000);
    uart_model_type_error(&model, 'F', 0x08);
    send(d, "x");
    host_advance_us(1000);
    assert_int_equal(d->read(d), -1);
    uart_model_type(&model, "k");
    host_advance_us(1000);
    assert_int_equal(d->read(d), 'k');
}

static void registers_in_memory_with_any_stride(void **state)
{
    memory_mapped(1, 1);
    memory_mapped(4, 1);
    memory_mapped(4, 4);
    memory_mapped(2, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        T(set_up_as_promised),
        T(baud_is_set_when_given),
        T(nothing_there),
        T(something_else_there),
        T(still_sending_at_probe),
        T(places_that_cannot_be),
        T(sixteen_bytes_when_empty_and_none_before),
        T(one_byte_without_a_fifo),
        T(carriage_return_before_line_feed),
        T(input_byte_by_byte),
        T(early_keys_are_kept),
        T(an_idle_line_costs_little),
        T(bytes_with_errors_are_dropped),
        T(errors_seen_while_sending_count_later),
        T(a_uart_that_goes_away),
        T(hold_takes_rts_away),
        T(registers_in_memory_with_any_stride),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
