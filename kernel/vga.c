/* vga.c - the VGA's 80x25 text screen.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference - Video Subsystem
 * (October 1990), "VS" below.  The screen is a window of 25 rows into 32 KiB of
 * cells, moved down by the CRT controller's start address: a new line costs one
 * row of writes, not a screen of them, each of which leaves a virtual machine. */
#include "kernel/vga.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/screen.h"

#define VGA_TEXT_PA 0xb8000u
#define VGA_TEXT_SIZE 0x8000u

/* clang-format off: bits are indented beneath their register. */
/* Index ports, each with its data port behind it (VS 2-11). */
#define VGA_GRAPHICS 0x3ce
#define VGA_GRAPHICS_MISC 0x06      /* RW: Miscellaneous */
#define VGA_MISC_GRAPHICS_MODE 0x01 /* 0: alphanumeric */
#define VGA_MISC_MEMORY_MAP 0x0c    /* 3: 32 KiB at B8000 */
#define VGA_CRTC 0x3d4
#define VGA_CRTC_START_HIGH 0x0c  /* RW: Start Address in cells; low byte at +1 */
#define VGA_CRTC_CURSOR_HIGH 0x0e /* RW: Cursor Location in cells; low byte at +1 */
/* clang-format on */

#define COLUMNS 80u
#define ROWS 25u
#define CELLS (VGA_TEXT_SIZE / 2)
#define ATTRIBUTE 0x0700u /* light grey on black */

static struct vga {
    struct screen screen;
    volatile uint8_t *memory;
    unsigned start; /* first cell shown */
    char cells[ROWS * COLUMNS];
} vga;

static void indexed_write(uint16_t port, uint8_t index, uint8_t value)
{
    pio_write8(port, index);
    pio_write8(port + 1, value);
}

static uint8_t indexed_read(uint16_t port, uint8_t index)
{
    pio_write8(port, index);
    return pio_read8(port + 1);
}

static void crtc_write16(uint8_t high, unsigned value)
{
    indexed_write(VGA_CRTC, high, (uint8_t)(value >> 8));
    indexed_write(VGA_CRTC, high + 1, (uint8_t)value);
}

static uint64_t cell(char c)
{
    return ATTRIBUTE | (unsigned char)c;
}

/* Four cells a write where a row of them is to be shown; a row starts at a multiple of 8
 * bytes. */
static void vga_show(struct screen *s, unsigned row, unsigned from, unsigned to)
{
    const char *text = screen_row(s, row);
    volatile uint8_t *at = vga.memory + 2 * (vga.start + row * COLUMNS);
    while (from < to) {
        if (from % 4 || to - from < 4) {
            mmio_write16(at + 2 * from, (uint16_t)cell(text[from]));
            from++;
            continue;
        }
        mmio_write64(at + 2 * from, cell(text[from]) | cell(text[from + 1]) << 16 |
                                        cell(text[from + 2]) << 32 | cell(text[from + 3]) << 48);
        from += 4;
    }
}

static void vga_scroll(struct screen *s)
{
    vga.start += COLUMNS;
    if (vga.start + ROWS * COLUMNS > CELLS) { /* the window's end: back to the top */
        vga.start = 0;
        for (unsigned row = 0; row < ROWS - 1; row++)
            vga_show(s, row, 0, COLUMNS);
    }
    crtc_write16(VGA_CRTC_START_HIGH, vga.start);
}

static void vga_cursor(struct screen *s)
{
    crtc_write16(VGA_CRTC_CURSOR_HIGH, vga.start + s->row * COLUMNS + screen_cursor_column(s));
}

static const struct screen_ops vga_ops = { .show = vga_show,
                                           .scroll = vga_scroll,
                                           .cursor = vga_cursor };

/* The cursor's place keeps what is written to it, where there is a VGA; then
 * whether its memory is at B8000 and means text, which it does not after a
 * boot loader or UEFI has chosen a graphics mode. */
static bool vga_shows_text(void)
{
    uint8_t kept = indexed_read(VGA_CRTC, VGA_CRTC_CURSOR_HIGH);
    indexed_write(VGA_CRTC, VGA_CRTC_CURSOR_HIGH, 0x2a);
    bool answers = indexed_read(VGA_CRTC, VGA_CRTC_CURSOR_HIGH) == 0x2a;
    indexed_write(VGA_CRTC, VGA_CRTC_CURSOR_HIGH, 0x15);
    answers &= indexed_read(VGA_CRTC, VGA_CRTC_CURSOR_HIGH) == 0x15;
    indexed_write(VGA_CRTC, VGA_CRTC_CURSOR_HIGH, kept);
    uint8_t misc = indexed_read(VGA_GRAPHICS, VGA_GRAPHICS_MISC);
    return answers && !(misc & VGA_MISC_GRAPHICS_MODE) && FIELD_GET(VGA_MISC_MEMORY_MAP, misc) == 3;
}

struct console_device *vga_probe(void)
{
    if (!vga_shows_text())
        return NULL;
    vga = (struct vga){ .screen = { .device = { .name = "vga", .base = VGA_TEXT_PA },
                                    .ops = &vga_ops,
                                    .rows = ROWS,
                                    .columns = COLUMNS,
                                    .cells = vga.cells },
                        .memory = mmio_map(VGA_TEXT_PA, VGA_TEXT_SIZE) };
    if (!vga.memory)
        return NULL;
    crtc_write16(VGA_CRTC_START_HIGH, 0);
    screen_init(&vga.screen);
    log_info("vga: 80x25 text");
    return &vga.screen.device;
}
