/* kernel/vga.c against a small model of the CRT controller and its memory. */
#include "kernel/vga.h"

#include "kernel/compiler.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdio.h>
#include <string.h>

static struct {
    uint8_t memory[0x8000];
    uint8_t crtc[256], graphics[256], crtc_index, graphics_index;
    unsigned writes;
} model;

static uint64_t port_read(void *ctx, uint64_t offset, unsigned size)
{
    assert_int_equal(size, 1);
    switch (0x3c0 + offset) {
    case 0x3cf:
        return model.graphics[model.graphics_index];
    case 0x3d5:
        return model.crtc[model.crtc_index];
    default:
        return 0xff;
    }
}

static void port_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    assert_int_equal(size, 1);
    switch (0x3c0 + offset) {
    case 0x3ce:
        model.graphics_index = (uint8_t)value;
        break;
    case 0x3cf:
        model.graphics[model.graphics_index] = (uint8_t)value;
        break;
    case 0x3d4:
        model.crtc_index = (uint8_t)value;
        break;
    case 0x3d5:
        model.crtc[model.crtc_index] = (uint8_t)value;
        break;
    }
}

static uint64_t memory_read(void *ctx, uint64_t offset, unsigned size)
{
    fail_msg("the screen is not to be read back");
    return 0;
}

static void memory_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    memcpy(model.memory + offset, &value, size);
    model.writes++;
}

static int setup(void **state)
{
    host_reset();
    memset(&model, 0, sizeof model);
    memset(model.memory, 'j', sizeof model.memory);
    model.graphics[6] = 0x0e; /* text, odd/even, 32 KiB at B8000: mode 3 */
    host_add_pio(&(struct host_window){ 0x3c0, 0x20, port_read, port_write, NULL });
    host_add_mmio(&(struct host_window){ 0xb8000, 0x8000, memory_read, memory_write, NULL });
    return 0;
}

static struct console_device *probe(void)
{
    struct console_device *d = vga_probe();
    assert_non_null(d);
    return d;
}

static void send(struct console_device *d, const char *text)
{
    size_t n = strlen(text);
    while (n) {
        size_t taken = d->write(d, text, n);
        assert_true(taken && taken <= n);
        text += taken;
        n -= taken;
    }
}

static unsigned start(void)
{
    return model.crtc[0x0c] << 8 | model.crtc[0x0d];
}
static unsigned cursor(void)
{
    return (model.crtc[0x0e] << 8 | model.crtc[0x0f]) - start();
}

/* A row as it is shown, without the blanks at its end. */
static const char *row(unsigned n)
{
    static char text[81];
    unsigned length = 0;
    for (unsigned i = 0; i < 80; i++) {
        const uint8_t *cell = model.memory + 2 * (start() + n * 80 + i);
        assert_int_equal(cell[1], 0x07);
        text[i] = (char)cell[0];
        if (cell[0] != ' ')
            length = i + 1;
    }
    text[length] = 0;
    return text;
}

static void starts_clear(void **state)
{
    probe();
    for (unsigned i = 0; i < 25; i++)
        assert_string_equal(row(i), "");
    assert_int_equal(start(), 0);
}

static void only_where_text_shows(void **state)
{
    static const uint8_t other[] = { 0x05, 0x0f, 0x0a, 0x02, 0x06 };
    for (unsigned i = 0; i < ARRAY_SIZE(other); i++) {
        setup(NULL);
        model.graphics[6] = other[i];
        assert_null(vga_probe());
        assert_int_equal(model.writes, 0);
    }
}

static uint64_t ones(void *ctx, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}
static void ignore(void *ctx, uint64_t offset, unsigned size, uint64_t value) {}

static void no_vga(void **state)
{
    host_reset();
    host_add_pio(&(struct host_window){ 0x3c0, 0x20, ones, ignore, NULL });
    assert_null(vga_probe());
}

static void text_and_cursor(void **state)
{
    struct console_device *d = probe();
    send(d, "one\r\ntwo\nthree");
    assert_string_equal(row(0), "one");
    assert_string_equal(row(1), "two");
    assert_string_equal(row(2), "three");
    assert_int_equal(cursor(), 2 * 80 + 5);
    send(d, "\b\b\bX\r>\tTAB");
    assert_string_equal(row(2), ">hXee   TAB");
    assert_int_equal(cursor(), 2 * 80 + 11);
    send(d, "\r\b\b");
    assert_int_equal(cursor(), 2 * 80);
    send(d, "\a\x01");
    assert_string_equal(row(2), ">hXee   TAB");
}

/* A full line wraps only when a character follows: "80 characters, newline" is
 * one row. */
static void long_lines_wrap(void **state)
{
    struct console_device *d = probe();
    char line[82];
    memset(line, 'x', 80);
    line[80] = 0;
    send(d, line);
    assert_int_equal(cursor(), 79);
    send(d, "\ny");
    assert_string_equal(row(1), "y");
    send(d, line);
    assert_string_equal(row(2), "x");
}

/* Many times round the 32 KiB: what is shown is always the last 25 rows. */
static void scrolling(void **state)
{
    struct console_device *d = probe();
    for (unsigned i = 0; i < 1000; i++) {
        char text[16], expected[16];
        snprintf(text, sizeof text, "\nline %u", i);
        send(d, text);
        snprintf(expected, sizeof expected, "line %u", i);
        assert_string_equal(row(i < 23 ? i + 1 : 24), expected);
        assert_true(start() + 25 * 80 <= 16384);
        if (i >= 24) {
            snprintf(expected, sizeof expected, "line %u", i - 24);
            assert_string_equal(row(0), expected);
        }
    }
}

/* A new line costs the writes of one row, mostly. */
static void a_new_line_is_cheap(void **state)
{
    struct console_device *d = probe();
    for (unsigned i = 0; i < 24; i++)
        send(d, "\n");
    model.writes = 0;
    for (unsigned i = 0; i < 100; i++)
        send(d, "\n");
    assert_int_equal(model.writes, 100 * 20);
}

/* One call takes a bounded piece, and ends at a line's end. */
static void slices(void **state)
{
    struct console_device *d = probe();
    char text[200];
    memset(text, 'x', sizeof text);
    assert_int_equal(d->write(d, text, sizeof text), 64);
    assert_int_equal(d->write(d, "ab\ncd", 5), 3);
    assert_int_equal(d->write(d, "", 0), 0);
    assert_null(d->read); /* output only */
}

/* What line editors send (ECMA-48), and what they do not. */
static void control_sequences(void **state)
{
    struct console_device *d = probe();
    send(d, "hello world\r\x1b[5C\x1b[K");
    assert_string_equal(row(0), "hello");
    send(d, "\x1b[2DLO\x1b[1GH");
    assert_string_equal(row(0), "HelLO");
    send(d, "\x1b[999C\x1b[0m\x1b[1;31m\x1b[?25h");
    assert_int_equal(cursor(), 79);
    send(d, "\x1b[999D");
    assert_int_equal(cursor(), 0);
    assert_string_equal(row(0), "HelLO");
    send(d, "\nbelow\x1b[H\x1b[J");
    assert_string_equal(row(1), "");
    send(d, "\x1b[2J");
    assert_string_equal(row(0), "");
    assert_int_equal(cursor(), 0);
    send(d, "\x1b[99999999999999999999Cz");
    send(d, "\x1b[");
    send(d, "Hq");
    assert_memory_equal(row(0), "q", 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        T(starts_clear),
        T(only_where_text_shows),
        T(no_vga),
        T(text_and_cursor),
        T(long_lines_wrap),
        T(scrolling),
        T(a_new_line_is_cheap),
        T(slices),
        T(control_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
