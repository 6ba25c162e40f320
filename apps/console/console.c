/* console.c - the console's task (console.h).
 *
 * Everything here runs on the console's own stack; where it waits for a key it
 * yields, so traffic goes on while somebody types or reads a page. */
#include "apps/console/console.h"

#include "apps/console/line_editor.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/task.h"

#include <inttypes.h>
#include <string.h>

#define CTRL_C 0x03
#define PAGE_ROWS 24u /* `page on`: a VT100's screen */
#define PAGE_ROWS_MIN 2u
#define PAGE_ROWS_MAX 1000u
#define MORE "--more--"

static struct line_editor editor;
static bool editing; /* a prompt is shown, and what was typed behind it */

/* Output of one command, a page at a time. */
static struct {
    uint64_t rows; /* of a page, the one with --more-- included; 0: not paged */
    uint64_t left; /* lines until the next --more-- */
    bool quit;     /* the rest of this command's output is not wanted */
} pager;

static uint8_t wait_for_key(void)
{
    int c;

    while ((c = console_getc()) < 0)
        task_yield();
    return (uint8_t)c;
}

static void ask_for_more(void)
{
    out_text(&out_console, MORE);
    for (bool asking = true; asking;) {
        asking = false;
        switch (wait_for_key()) {
        case ' ':
            pager.left = pager.rows - 1;
            break;
        case '\r':
        case '\n':
            pager.left = 1;
            break;
        case 'q':
        case CTRL_C:
            pager.quit = true;
            break;
        default:
            asking = true;
        }
    }
    out_text(&out_console, "\r        \r");
}

static void write_paged(struct out *out, const char *text, size_t n)
{
    while (n && !pager.quit) {
        const char *newline = memchr(text, '\n', n);
        size_t line = newline ? (size_t)(newline - text) + 1 : n;
        if (pager.rows && !pager.left)
            ask_for_more();
        if (pager.quit)
            return;
        console_write(text, line);
        if (newline && pager.left)
            pager.left--;
        text += line;
        n -= line;
    }
}

static struct out paged = { .write = write_paged };

static void run_line(enum line_event event)
{
    struct command_call call = { .out = &paged, .source = "console" };

    pager.left = pager.rows ? pager.rows - 1 : 0;
    pager.quit = false;
    if (event == LINE_TOO_LONG)
        command_error(&call, "line is too long, expected at most %u characters",
                      COMMAND_LINE_MAX - 1);
    else if (event == LINE_DONE)
        command_run(editor.line, &paged, "console", 0);
}

/* The log's lines do not tear the one that somebody is typing. */
static void write_log(const char *text, size_t n)
{
    if (editing)
        line_editor_hide(&editor);
    console_write(text, n);
    if (editing)
        line_editor_show(&editor);
}

void console_task_reset(void)
{
    editing = false;
    memset(&pager, 0, sizeof pager);
    memset(&editor, 0, sizeof editor);
}

void console_task(void *arg)
{
    line_editor_init(&editor, &out_console, "millrace> ");
    log_set_sink(write_log);
    for (;;) {
        enum line_event event = LINE_EDITING;
        line_editor_start(&editor);
        editing = true;
        while (event == LINE_EDITING)
            event = line_editor_feed(&editor, wait_for_key());
        editing = false;
        run_line(event);
    }
}

COMMAND(cmd_page, "page on|off", "Stop output after every screenful of 24 lines, or not");
static int cmd_page(struct command_call *call)
{
    pager.rows = call->arg[0].choice ? 0 : PAGE_ROWS;
    return 0;
}

COMMAND(cmd_page_rows, "page NUMBER", "Stop output after every screenful of NUMBER lines");
static int cmd_page_rows(struct command_call *call)
{
    uint64_t rows = call->arg[0].number;

    if (rows < PAGE_ROWS_MIN || rows > PAGE_ROWS_MAX)
        return command_error(call, "'%s' lines are no page, expected %u to %u", call->arg[0].word,
                             PAGE_ROWS_MIN, PAGE_ROWS_MAX);
    pager.rows = rows;
    return 0;
}

static void print_config(struct out *out)
{
    if (pager.rows)
        out_printf(out, "page %" PRIu64 "\n", pager.rows);
}

CONFIG_PRINTER(console_config) = { .order = CONFIG_CONSOLE, .print = print_config };
