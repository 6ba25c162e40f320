/* kernel/framebuffer.c: text becomes pixels, a piece at a time, and only what changed. */
#include "kernel/framebuffer.h"

#include "kernel/compiler.h"
#include "kernel/font.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

#define BASE 0x80000000ull
#define WIDTH 640u
#define HEIGHT 176u
#define PITCH (704u * 4)
#define COLUMNS (WIDTH / 8)
#define ROWS (HEIGHT / 16)

static uint8_t memory[PITCH * HEIGHT];
static unsigned writes;

static uint64_t memory_read(void *ctx, uint64_t offset, unsigned size)
{
    fail_msg("the screen is not to be read back");
    return 0;
}

static void memory_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    assert_true(offset + size <= sizeof memory);
    assert_true(offset % PITCH + size <= WIDTH * 4);
    memcpy(memory + offset, &value, size);
    writes++;
}

/* One program run has one framebuffer: it is opened once, and cleared between tests. */
static struct console_device *device;

static void settle(void)
{
    for (unsigned i = 0; i < 2000 && !device->idle(device); i++)
        device->draw(device);
    assert_true(device->idle(device));
}

static void print(const char *text)
{
    size_t n = strlen(text);
    while (n) {
        size_t taken = device->write(device, text, n);
        assert_true(taken);
        text += taken;
        n -= taken;
    }
}

static int set_up(void **state)
{
    static const struct boot_framebuffer told = { .base = BASE,
                                                  .size = sizeof memory,
                                                  .pitch = PITCH,
                                                  .width = WIDTH,
                                                  .height = HEIGHT,
                                                  .bits = 32,
                                                  .red = 0xff0000,
                                                  .green = 0xff00,
                                                  .blue = 0xff };
    host_reset();
    host_add_mmio(&(struct host_window){
        .base = BASE, .size = sizeof memory, .read = memory_read, .write = memory_write });
    if (!device) {
        framebuffer_set(&told);
        device = framebuffer_probe();
    }
    assert_non_null(device);
    print("\x1b[H\x1b[2J");
    settle();
    writes = 0;
    return 0;
}

static bool ink(unsigned x, unsigned y)
{
    uint32_t pixel;
    memcpy(&pixel, memory + y * PITCH + x * 4, 4);
    assert_true(pixel == 0 || pixel == 0xaaaaaa);
    return pixel;
}

/* The glyph in a cell; its cursor line left out. */
static bool shows(unsigned row, unsigned column, char c)
{
    for (unsigned line = 0; line < 14; line++)
        for (unsigned x = 0; x < 8; x++) {
            bool want = x >= 1 && x <= 5 && font_rows[c - FONT_FIRST][line / 2] >> (5 - x) & 1;
            if (ink(column * 8 + x, row * 16 + line) != want)
                return false;
        }
    return true;
}

static void text_is_drawn(void **state)
{
    print("Ag\r\n~!");
    settle();
    assert_true(shows(0, 0, 'A') && shows(0, 1, 'g') && shows(0, 2, ' '));
    assert_true(shows(1, 0, '~') && shows(1, 1, '!'));
    assert_false(shows(0, 0, 'B'));
}

static void the_cursor_is_a_line_below(void **state)
{
    print("ab");
    settle();
    for (unsigned x = 0; x < 8; x++) {
        assert_true(ink(16 + x, 15));
        assert_false(ink(8 + x, 15));
    }
}

/* What a look at the console costs is bounded, whatever is to be drawn. */
static void a_look_draws_a_piece(void **state)
{
    for (unsigned i = 0; i < 60; i++)
        print("x");
    device->draw(device);
    assert_true(writes <= 16 * 8 * 16);
    assert_false(device->idle(device));
    settle();
    assert_true(shows(0, 59, 'x'));
}

static void only_what_changed_is_drawn(void **state)
{
    print("same line\r\n");
    settle();
    for (unsigned i = 0; i < ROWS; i++)
        print("same line\r\n");
    settle();
    writes = 0;
    print("same line\r\n"); /* scrolls: every row looks as before */
    settle();
    assert_true(writes <= (9 + 2) * 8 * 16);
    assert_true(shows(0, 0, 's') && shows(ROWS - 2, 0, 's') && shows(ROWS - 1, 0, ' '));
}

static void lines_wrap_and_scroll(void **state)
{
    for (unsigned i = 0; i < COLUMNS * ROWS + 1; i++)
        print(i == COLUMNS ? "Z" : "y");
    settle();
    assert_true(shows(0, 0, 'Z')); /* the first line is gone */
    assert_true(shows(ROWS - 1, 0, 'y') && shows(ROWS - 1, 1, ' '));
}

static void what_has_no_glyph_is_a_question_mark(void **state)
{
    print("\xe9\x7f");
    settle();
    assert_true(shows(0, 0, '?') && shows(0, 1, '?'));
}

static void there_is_one_framebuffer(void **state)
{
    assert_null(framebuffer_probe());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(text_is_drawn, set_up),
        cmocka_unit_test_setup(the_cursor_is_a_line_below, set_up),
        cmocka_unit_test_setup(a_look_draws_a_piece, set_up),
        cmocka_unit_test_setup(only_what_changed_is_drawn, set_up),
        cmocka_unit_test_setup(lines_wrap_and_scroll, set_up),
        cmocka_unit_test_setup(what_has_no_glyph_is_a_question_mark, set_up),
        cmocka_unit_test_setup(there_is_one_framebuffer, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
