/* session.c - keys, pages and Ctrl-C of one terminal (session.h). */
#include "apps/console/session.h"

#include "kernel/console.h"
#include "kernel/task.h"

#include <string.h>

#define CTRL_C 0x03
#define MORE "--more--"

uint8_t session_key(struct session *s)
{
    int c;

    while ((c = console_getc(s->terminal)) < 0)
        task_rest();
    return (uint8_t)c;
}

bool session_interrupted(struct session *s)
{
    return console_break(s->terminal);
}

static void ask_for_more(struct session *s)
{
    out_text(&s->plain, MORE);
    for (bool asking = true; asking;) {
        asking = false;
        switch (session_key(s)) {
        case ' ':
            s->page_left = s->page_rows - 1;
            break;
        case '\r':
        case '\n':
            s->page_left = 1;
            break;
        case 'q':
        case CTRL_C:
            s->quit = true;
            break;
        default:
            asking = true;
        }
    }
    out_text(&s->plain, "\r        \r");
}

static void write_paged(struct out *out, const char *text, size_t n)
{
    struct session *s = container_of(out, struct session, out);

    while (n && !s->quit) {
        const char *newline = memchr(text, '\n', n);
        size_t line = newline ? (size_t)(newline - text) + 1 : n;
        if (s->page_rows && !s->page_left)
            ask_for_more(s);
        if (s->quit)
            return;
        console_write_to(s->terminal, text, line);
        if (newline && s->page_left)
            s->page_left--;
        text += line;
        n -= line;
    }
}

static void write_plain(struct out *out, const char *text, size_t n)
{
    console_write_to(container_of(out, struct session, plain)->terminal, text, n);
}

void session_init(struct session *s, struct console_terminal *terminal)
{
    *s = (struct session){ .out = { .write = write_paged },
                           .plain = { .write = write_plain },
                           .terminal = terminal };
}

void session_begin(struct session *s)
{
    s->page_left = s->page_rows ? s->page_rows - 1 : 0;
    s->quit = false;
}
