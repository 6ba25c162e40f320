/* screen.c - text to cells: lines, tabs, and the few sequences of ECMA-48 that a line
 * editor uses. */
#include "kernel/screen.h"

#include "kernel/compiler.h"

#include <string.h>

#define TAB 8u
#define ESCAPE 0x1b
/* One write() takes no more than this, so that traffic goes on in between. */
#define SLICE 64u

static void blank(struct screen *s, unsigned row, unsigned from)
{
    memset(screen_row(s, row) + from, ' ', s->columns - from);
    s->ops->show(s, row, from, s->columns);
}

static void new_line(struct screen *s)
{
    s->column = 0;
    if (s->row < s->rows - 1) {
        s->row++;
        return;
    }
    memmove(s->cells, screen_row(s, 1), (size_t)(s->rows - 1) * s->columns);
    s->ops->scroll(s);
    blank(s, s->rows - 1, 0);
}

static void put(struct screen *s, char c)
{
    if (s->column == s->columns)
        new_line(s);
    screen_row(s, s->row)[s->column++] = c;
    s->ops->show(s, s->row, s->column - 1, s->column);
}

static void erase(struct screen *s, unsigned first_row)
{
    for (unsigned row = first_row; row < s->rows; row++)
        blank(s, row, 0);
}

static void control_sequence(struct screen *s, char final, unsigned n)
{
    unsigned distance = n ? n : 1;
    switch (final) {
    case 'C': /* 8.3.20 CUF */
        s->column = (unsigned)min_u64(s->columns - 1, (uint64_t)s->column + distance);
        break;
    case 'D': /* 8.3.18 CUB */
        s->column -= distance < s->column ? distance : s->column;
        break;
    case 'G': /* unread: 8.3.9 CHA */
        s->column = (unsigned)min_u64(s->columns, distance) - 1;
        break;
    case 'H': /* 8.3.21 CUP, home only */
        s->row = s->column = 0;
        break;
    case 'J': /* unread: 8.3.39 ED */
        erase(s, n == 2 ? 0 : s->row + 1);
        break;
    case 'K': /* unread: 8.3.41 EL, to the end */
        blank(s, s->row, (unsigned)min_u64(s->column, s->columns));
        break;
    }
}

/* True while c belongs to an escape sequence. */
static bool escape(struct screen *s, char c)
{
    if (!s->escape)
        return false;
    if (!s->sequence) {
        s->escape = s->sequence = c == '[';
        s->parameter = 0;
    } else if (c >= '0' && c <= '9') {
        s->parameter = s->parameter * 10 + (unsigned)(c - '0');
    } else if (c >= 0x40 && c <= 0x7e) {
        s->escape = s->sequence = false;
        control_sequence(s, c, s->parameter);
    } else {
        s->parameter = 0;
    }
    return true;
}

static void print(struct screen *s, char c)
{
    if (escape(s, c))
        return;
    switch (c) {
    case '\n':
        new_line(s);
        break;
    case '\r':
        s->column = 0;
        break;
    case '\b':
        s->column -= s->column ? 1 : 0;
        break;
    case '\t':
        s->column = (unsigned)min_u64(s->columns - 1, (s->column / TAB + 1) * TAB);
        break;
    case ESCAPE:
        s->escape = true;
        break;
    default:
        if ((unsigned char)c >= ' ')
            put(s, c);
    }
}

static size_t screen_write(struct console_device *d, const char *text, size_t n)
{
    struct screen *s = container_of(d, struct screen, device);
    n = min_u64(n, SLICE);
    for (size_t i = 0; i < n; i++) {
        print(s, text[i]);
        if (text[i] == '\n')
            n = i + 1; /* a scroll is a slice of its own */
    }
    if (n)
        s->ops->cursor(s);
    return n;
}

void screen_init(struct screen *s)
{
    s->device.write = screen_write;
    s->row = s->column = 0;
    s->escape = s->sequence = false;
    erase(s, 0);
    s->ops->cursor(s);
}
