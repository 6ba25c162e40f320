/* out.h - where a command's text goes: the console, a test's buffer. */
#pragma once

#include "kernel/compiler.h"

#include <stdint.h>

struct out {
    void (*write)(struct out *out, const char *text, size_t n);
    void *ctx;
    unsigned lines; /* so far: out.c's */
};

/* May yield on the console (kernel/task.h): hold no pointers into tables across it. */
void out_printf(struct out *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
void out_text(struct out *out, const char *text);

extern struct out out_console;

/* Text for people: unprintable bytes as '?', cut with "..." when it does not fit. */
void text_printable(char *to, size_t size, const char *from, size_t n);
