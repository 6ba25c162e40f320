/* console.c - a task for each terminal (console.h).
 *
 * Everything here but the log runs on the task's own stack; where it waits for a key it
 * yields, so traffic goes on while somebody types or reads a page. */
#include "apps/console/console.h"

#include "apps/console/line_editor.h"
#include "apps/console/session.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/task.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS 24u /* `page on`: a VT100's screen */
#define PAGE_ROWS_MIN 2u
#define PAGE_ROWS_MAX 1000u

struct console {
    struct session session;
    struct line_editor editor;
    bool editing; /* a prompt is shown, and what was typed behind it */
};

static struct console *consoles[CONSOLE_DEVICES_MAX]; /* by number of the terminal */
static uint64_t page_rows;                            /* of sessions that begin */

static void run_line(struct console *c, enum line_event event)
{
    struct command_call call = { .out = &c->session.out };

    session_begin(&c->session);
    if (event == LINE_TOO_LONG)
        command_error(&call, "line is too long, expected at most %u characters",
                      COMMAND_LINE_MAX - 1);
    else if (event == LINE_DONE)
        command_run_in(&c->session, c->editor.line);
}

static void console_task(void *arg)
{
    struct console *c = arg;
    for (;;) {
        enum line_event event = LINE_EDITING;
        line_editor_start(&c->editor);
        c->editing = true;
        while (event == LINE_EDITING)
            event = line_editor_feed(&c->editor, session_key(&c->session));
        c->editing = false;
        run_line(c, event);
    }
}

/* The log's lines go to all, and do not tear the one that somebody is typing. */
static void write_log(const char *text, size_t n)
{
    struct console_terminal *t;
    for (unsigned i = 0; (t = console_terminal(i)); i++) {
        struct console *c = consoles[i];
        bool editing = c && c->editing;
        if (editing)
            line_editor_hide(&c->editor);
        console_write_to(t, text, n);
        if (editing)
            line_editor_show(&c->editor);
    }
}

static int start(unsigned number, struct console_terminal *terminal)
{
    struct console *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    session_init(&c->session, terminal);
    c->session.page_rows = page_rows;
    line_editor_init(&c->editor, &c->session.plain, "millrace> ");
    if (!task_create(console_task, c)) {
        free(c);
        return -ENOMEM;
    }
    consoles[number] = c;
    return 0;
}

int console_start(void)
{
    struct console_terminal *t;
    for (unsigned i = 0; (t = console_terminal(i)); i++) {
        int e = start(i, t);
        if (e && !i)
            return e;
        if (e)
            log_warning("console: no memory for one more session");
    }
    log_set_sink(write_log);
    return 0;
}

void console_stop(void)
{
    for (unsigned i = 0; i < CONSOLE_DEVICES_MAX; i++) {
        free(consoles[i]);
        consoles[i] = NULL;
    }
    page_rows = 0;
    command_reset();
}

/* page --------------------------------------------------------------------- */

/* Everybody's own; in a configuration it is what sessions begin with. */
static void set_page(struct command_call *call, uint64_t rows)
{
    *(call->session ? &call->session->page_rows : &page_rows) = rows;
}

COMMAND_AT_ONCE(cmd_page, "page on|off", "Stop output after every screenful of 24 lines, or not");
static int cmd_page(struct command_call *call)
{
    set_page(call, call->arg[0].choice ? 0 : PAGE_ROWS);
    return 0;
}

COMMAND_AT_ONCE(cmd_page_rows, "page NUMBER", "Stop output after every screenful of NUMBER lines");
static int cmd_page_rows(struct command_call *call)
{
    uint64_t rows = call->arg[0].number;

    if (rows < PAGE_ROWS_MIN || rows > PAGE_ROWS_MAX)
        return command_error(call, "'%s' lines are no page, expected %u to %u", call->arg[0].word,
                             PAGE_ROWS_MIN, PAGE_ROWS_MAX);
    set_page(call, rows);
    return 0;
}

/* As it is for who asks. */
static void print_config(struct out *out)
{
    uint64_t rows = page_rows;
    for (unsigned i = 0; i < CONSOLE_DEVICES_MAX; i++)
        if (consoles[i] && out == &consoles[i]->session.out)
            rows = consoles[i]->session.page_rows;
    if (rows)
        out_printf(out, "page %" PRIu64 "\n", rows);
}

CONFIG_PRINTER(console_config) = { .order = CONFIG_CONSOLE, .print = print_config };
