/* out.c - text on its way out of a command (out.h). */
#include "apps/console/out.h"

#include "kernel/console.h"
#include "kernel/task.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT_BUFFER 256u    /* nearly every line fits; the rest go through the heap */
#define LINES_PER_TURN 32u /* the loop goes on while a long table is printed */

/* Never within a line: what others say would come into it. */
static void put(struct out *out, const char *text, size_t n)
{
    out->write(out, text, n);
    if (n && text[n - 1] == '\n' && ++out->lines % LINES_PER_TURN == 0 && task_current())
        task_yield();
}

void out_text(struct out *out, const char *text)
{
    put(out, text, strlen(text));
}

void out_printf(struct out *out, const char *fmt, ...)
{
    char buffer[OUT_BUFFER], *text = buffer;
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(buffer, sizeof buffer, fmt, args);
    va_end(args);
    if (n >= (int)sizeof buffer && (text = malloc((size_t)n + 1))) {
        va_start(args, fmt);
        vsnprintf(text, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    if (!text) { /* no heap left: what there is, and a mark that it was cut */
        out->write(out, buffer, sizeof buffer - 1);
        out_text(out, "...\n");
    } else if (n > 0) {
        put(out, text, (size_t)n);
    }
    if (text != buffer)
        free(text);
}

static void write_console(struct out *out, const char *text, size_t n)
{
    console_write(text, n);
}

struct out out_console = { .write = write_console };

void text_printable(char *to, size_t size, const char *from, size_t n)
{
    bool cut = n >= size;

    if (cut)
        n = size - 4;
    for (size_t i = 0; i < n; i++)
        to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
    strcpy(to + n, cut ? "..." : "");
}
