/* framebuffer.c - a text screen drawn into a linear framebuffer.
 *
 * A pixel written may cost as much as forwarding a packet, so text only changes cells,
 * and each poll of the console draws a few of those that differ from what is shown:
 * drawing follows behind, and a screen that scrolled ten lines meanwhile is drawn once. */
#include "kernel/framebuffer.h"

#include "kernel/compiler.h"
#include "kernel/font.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/screen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CELL_WIDTH 8u
#define CELL_HEIGHT 16u /* each row of a glyph twice */
#define COLUMNS_MIN 40u
#define ROWS_MIN 10u
#define COLUMNS_MAX 256u
#define ROWS_MAX 100u
#define DRAW_SLICE 16u   /* cells drawn in one poll of the console */
#define LOOK_SLICE 2048u /* cells compared */
#define UNKNOWN 0x00     /* shown: whatever firmware left there */
#define CURSOR 0x80      /* shown with a cursor under it */

static struct {
    struct screen screen;
    struct boot_framebuffer told;
    volatile uint8_t *memory;
    uint8_t *shown;       /* by cell: a character, maybe with CURSOR, or UNKNOWN */
    unsigned next, to_do; /* cells from `next` on that may differ from what is shown */
    uint32_t ink, paper;
    unsigned cursor_cell;
} fb;

static unsigned cells(void)
{
    return fb.screen.rows * fb.screen.columns;
}

/* Everything may differ again; a look takes microseconds where nothing does. */
static void look_at_all(void)
{
    fb.to_do = cells();
}

static void fb_show(struct screen *s, unsigned row, unsigned from, unsigned to)
{
    look_at_all();
}

static void fb_scroll(struct screen *s)
{
    look_at_all();
}

static void fb_cursor(struct screen *s)
{
    fb.cursor_cell = s->row * s->columns + screen_cursor_column(s);
    look_at_all();
}

static const struct screen_ops fb_ops = { .show = fb_show,
                                          .scroll = fb_scroll,
                                          .cursor = fb_cursor };

/* Drawing ---------------------------------------------------------------------- */

static uint8_t wanted(unsigned cell)
{
    uint8_t c = (uint8_t)fb.screen.cells[cell];
    if (c < FONT_FIRST || c >= FONT_FIRST + FONT_GLYPHS)
        c = '?';
    return c | (cell == fb.cursor_cell ? CURSOR : 0);
}

/* Bit 7 is the leftmost pixel of a cell's line: one empty column, the glyph, two empty ones. */
static uint8_t cell_line(uint8_t what, unsigned line)
{
    if ((what & CURSOR) && line >= CELL_HEIGHT - 2)
        return 0xff;
    return (uint8_t)(font_rows[(what & ~CURSOR) - FONT_FIRST][line / 2] << 2);
}

static void put_pixel(volatile uint8_t *at, uint32_t color)
{
    if (fb.told.bits == 32) {
        mmio_write32(at, color);
        return;
    }
    for (unsigned i = 0; i < 3; i++)
        mmio_write8(at + i, (uint8_t)(color >> 8 * i));
}

static void draw(unsigned cell, uint8_t what)
{
    unsigned bytes = fb.told.bits / 8;
    volatile uint8_t *at = fb.memory + cell / fb.screen.columns * CELL_HEIGHT * fb.told.pitch +
                           cell % fb.screen.columns * CELL_WIDTH * bytes;
    for (unsigned line = 0; line < CELL_HEIGHT; line++, at += fb.told.pitch) {
        uint8_t bits = cell_line(what, line);
        for (unsigned x = 0; x < CELL_WIDTH; x++)
            put_pixel(at + x * bytes, bits << x & 0x80 ? fb.ink : fb.paper);
    }
    fb.shown[cell] = what;
}

static void fb_draw(struct console_device *d)
{
    unsigned drawn = 0;
    for (unsigned looked = 0; fb.to_do && looked < LOOK_SLICE && drawn < DRAW_SLICE; looked++) {
        uint8_t what = wanted(fb.next);
        if (fb.shown[fb.next] != what) {
            draw(fb.next, what);
            drawn++;
        }
        fb.next = fb.next + 1 < cells() ? fb.next + 1 : 0;
        fb.to_do--;
    }
}

static bool fb_idle(struct console_device *d)
{
    return !fb.to_do;
}

/* Set-up ------------------------------------------------------------------------- */

/* A mask's share of 170 in 255: light grey. */
static uint32_t grey(uint32_t mask)
{
    return mask & (uint32_t)(((uint64_t)mask * 170 / 255) & mask);
}

void framebuffer_set(const struct boot_framebuffer *framebuffer)
{
    fb.told = *framebuffer;
}

struct console_device *framebuffer_probe(void)
{
    struct screen *s = &fb.screen;
    if (!fb.told.base || fb.memory)
        return NULL;
    s->columns = (unsigned)min_u64(fb.told.width / CELL_WIDTH, COLUMNS_MAX);
    s->rows = (unsigned)min_u64(fb.told.height / CELL_HEIGHT, ROWS_MAX);
    if (s->columns < COLUMNS_MIN || s->rows < ROWS_MIN)
        return NULL;
    s->cells = malloc(cells());
    fb.shown = calloc(cells(), 1);
    fb.memory =
        s->cells && fb.shown ? mmio_map(fb.told.base, fb.told.pitch * fb.told.height) : NULL;
    if (!fb.memory) {
        log_error("framebuffer: no memory for %ux%u characters", s->columns, s->rows);
        free(s->cells);
        free(fb.shown);
        return NULL;
    }
    fb.ink = grey(fb.told.red) | grey(fb.told.green) | grey(fb.told.blue);
    fb.paper = 0;
    s->device = (struct console_device){
        .name = "fb", .draw = fb_draw, .idle = fb_idle, .base = fb.told.base
    };
    s->ops = &fb_ops;
    screen_init(s);
    log_info("fb: %" PRIu32 "x%" PRIu32 " pixels, %ux%u characters", fb.told.width, fb.told.height,
             s->columns, s->rows);
    return &s->device;
}
