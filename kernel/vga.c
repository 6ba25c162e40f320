/* vga.c - the VGA's 80x25 text screen.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference - Video Subsystem
 * (October 1990), "VS" below.  The screen is a window of 25 rows into 32 KiB of
 * cells, moved down by the CRT controller's start address: a new line costs one
 * row of writes, not a screen of them, each of which leaves a virtual machine.
 * What is shown is also kept here, since reading it back costs as much. */
#include "kernel/vga.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/mmio.h"

#include <string.h>

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
#define BLANK 0x0720u /* a space, light grey on black */
#define ATTRIBUTE 0x0700u
#define TAB 8u
/* One write() takes no more than this, so that traffic goes on in between. */
#define SLICE 64u

enum escape { ESCAPE_NONE, ESCAPE_SEEN, ESCAPE_CSI };

static struct vga {
    struct console_device device;
    volatile uint8_t *memory;
    uint16_t cells[ROWS][COLUMNS]; /* what the screen shows */
    unsigned start;                /* first cell shown */
    unsigned row, column;          /* of the cursor; column COLUMNS: wraps at the next */
    enum escape escape;
    unsigned parameter; /* of a control sequence, its last one */
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

static void show_cell(unsigned row, unsigned column)
{
    unsigned cell = vga.start + row * COLUMNS + column;
    mmio_write16(vga.memory + 2 * cell, vga.cells[row][column]);
}

/* Four cells a write; a row starts at a multiple of 8 bytes. */
static void show_row(unsigned row)
{
    for (unsigned column = 0; column < COLUMNS; column += 4) {
        uint64_t four;
        memcpy(&four, &vga.cells[row][column], sizeof four);
        mmio_write64(vga.memory + 2 * (vga.start + row * COLUMNS + column), four);
    }
}

static void blank(unsigned row, unsigned from)
{
    for (unsigned column = from; column < COLUMNS; column++)
        vga.cells[row][column] = BLANK;
    show_row(row);
}

static void scroll(void)
{
    memmove(vga.cells[0], vga.cells[1], sizeof vga.cells - sizeof vga.cells[0]);
    vga.start += COLUMNS;
    if (vga.start + ROWS * COLUMNS > CELLS) { /* the window's end: back to the top */
        vga.start = 0;
        for (unsigned row = 0; row < ROWS - 1; row++)
            show_row(row);
    }
    blank(ROWS - 1, 0);
    crtc_write16(VGA_CRTC_START_HIGH, vga.start);
}

static void new_line(void)
{
    vga.column = 0;
    if (vga.row < ROWS - 1)
        vga.row++;
    else
        scroll();
}

static void put(char c)
{
    if (vga.column == COLUMNS)
        new_line();
    vga.cells[vga.row][vga.column] = (uint16_t)(ATTRIBUTE | (unsigned char)c);
    show_cell(vga.row, vga.column++);
}

static void clear_below(void)
{
    for (unsigned row = vga.row + 1; row < ROWS; row++)
        blank(row, 0);
}

/* The few sequences of ECMA-48 that a line editor uses; others do nothing. */
static void control_sequence(char final, unsigned n)
{
    unsigned distance = n ? n : 1;
    switch (final) {
    case 'C': /* 8.3.20 CUF */
        vga.column = (unsigned)min_u64(COLUMNS - 1, (uint64_t)vga.column + distance);
        break;
    case 'D': /* 8.3.18 CUB */
        vga.column -= distance < vga.column ? distance : vga.column;
        break;
    case 'G': /* 8.3.9 CHA */
        vga.column = (unsigned)min_u64(COLUMNS, distance) - 1;
        break;
    case 'H': /* 8.3.21 CUP, home only */
        vga.row = vga.column = 0;
        break;
    case 'J': /* 8.3.39 ED */
        if (n == 2)
            for (unsigned row = 0; row < ROWS; row++)
                blank(row, 0);
        else
            clear_below();
        break;
    case 'K': /* 8.3.41 EL, to the end */
        blank(vga.row, (unsigned)min_u64(vga.column, COLUMNS));
        break;
    }
}

/* True while c belongs to an escape sequence. */
static bool escape(char c)
{
    if (vga.escape == ESCAPE_NONE)
        return false;
    if (vga.escape == ESCAPE_SEEN) {
        vga.escape = c == '[' ? ESCAPE_CSI : ESCAPE_NONE;
        vga.parameter = 0;
    } else if (c >= '0' && c <= '9') {
        vga.parameter = vga.parameter * 10 + (unsigned)(c - '0');
    } else if (c >= 0x40 && c <= 0x7e) {
        vga.escape = ESCAPE_NONE;
        control_sequence(c, vga.parameter);
    } else {
        vga.parameter = 0;
    }
    return true;
}

static void print(char c)
{
    if (escape(c))
        return;
    switch (c) {
    case '\n':
        new_line();
        break;
    case '\r':
        vga.column = 0;
        break;
    case '\b':
        vga.column -= vga.column ? 1 : 0;
        break;
    case '\t':
        vga.column = (unsigned)min_u64(COLUMNS - 1, (vga.column / TAB + 1) * TAB);
        break;
    case 0x1b:
        vga.escape = ESCAPE_SEEN;
        break;
    default:
        if ((unsigned char)c >= ' ')
            put(c);
    }
}

static void show_cursor(void)
{
    unsigned column = vga.column < COLUMNS ? vga.column : COLUMNS - 1;
    crtc_write16(VGA_CRTC_CURSOR_HIGH, vga.start + vga.row * COLUMNS + column);
}

static size_t vga_write(struct console_device *d, const char *text, size_t n)
{
    n = min_u64(n, SLICE);
    for (size_t i = 0; i < n; i++) {
        print(text[i]);
        if (text[i] == '\n')
            n = i + 1; /* a scroll is a slice of its own */
    }
    if (n)
        show_cursor();
    return n;
}

static int vga_read(struct console_device *d)
{
    return -1;
}

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
    vga = (struct vga){
        .device = { .name = "vga", .write = vga_write, .read = vga_read, .base = VGA_TEXT_PA },
        .memory = mmio_map(VGA_TEXT_PA, VGA_TEXT_SIZE)
    };
    if (!vga.memory)
        return NULL;
    for (unsigned row = 0; row < ROWS; row++)
        blank(row, 0);
    crtc_write16(VGA_CRTC_START_HIGH, 0);
    log_info("vga: 80x25 text");
    return &vga.device;
}
