/* screen.h - a grid of characters that behaves like a terminal; output only.
 *
 * What is shown is kept here, since reading it back from a device costs as much as writing:
 * a backend shows cells where it is told to, and scrolls as cheaply as it can. */
#pragma once

#include "kernel/console.h"

#include <stdbool.h>
#include <stddef.h>

struct screen;

struct screen_ops {
    /* The cells [from, to) of a row have changed. */
    void (*show)(struct screen *s, unsigned row, unsigned from, unsigned to);
    /* Every row has moved up by one (row 0 is gone); the last row is shown afterwards. */
    void (*scroll)(struct screen *s);
    void (*cursor)(struct screen *s); /* row and column have settled */
};

struct screen {
    struct console_device device; /* the backend sets name, read and base */
    const struct screen_ops *ops;
    unsigned rows, columns;
    char *cells;          /* rows * columns, the backend's memory */
    unsigned row, column; /* of the cursor; column == columns: wraps at the next */
    bool escape, sequence;
    unsigned parameter; /* of a control sequence, its last one */
};

/* After the backend has set ops, rows, columns and cells: an empty screen, and device.write. */
void screen_init(struct screen *s);

static inline char *screen_row(const struct screen *s, unsigned row)
{
    return s->cells + (size_t)row * s->columns;
}

/* Where a visible cursor stands. */
static inline unsigned screen_cursor_column(const struct screen *s)
{
    return s->column < s->columns ? s->column : s->columns - 1;
}
