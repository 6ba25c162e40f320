/* session.h - one person at one terminal: keys, output a page at a time, Ctrl-C.
 *
 * Each session has a task of its own (apps/console/console.c), so what one person does holds
 * up nobody else.  What commands keep for themselves belongs here, to the call, or to a list. */
#pragma once

#include "apps/console/out.h"

#include <stdbool.h>
#include <stdint.h>

struct console_terminal;

struct session {
    struct out out;                    /* what commands print: paged */
    struct out plain;                  /* the prompt and the line behind it */
    struct console_terminal *terminal;
    uint64_t page_rows;                /* the one with --more-- included; 0: not paged */
    uint64_t page_left;                /* lines until the next --more-- */
    bool quit;                         /* the rest of this command's output is not wanted */
};

void session_init(struct session *s, struct console_terminal *terminal);
void session_begin(struct session *s);       /* before each command: a page of its own */
uint8_t session_key(struct session *s);      /* waits for it */
/* True when Ctrl-C was typed while a command runs; everything else waits for its turn. */
bool session_interrupted(struct session *s);
