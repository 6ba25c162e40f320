/* command.h - one grammar for the command line, the configuration and the console.
 *
 * A command is a row: a pattern, a help phrase, a function.  The matcher, TAB
 * completion, unique abbreviations, `help` and "expected ..." in errors all
 * read the same pattern, so a command is declared once:
 *
 *     COMMAND(cmd_route_add, "route add PREFIX via ADDRESS", "Add a static route");
 *     static int cmd_route_add(struct command_call *call) { ... call->arg[0].prefix ... }
 *
 * Pattern words
 *   lower case      a keyword; abbreviated when unique
 *   a|b|c           one of these; an argument whose value is .choice (0, 1, ...)
 *   PORT            number, or PCI address of a port            .port
 *   NUMBER          decimal or 0x...; the command checks bounds .number
 *   PREFIX          192.0.2.0/24 (host bits allowed) or IPv6    .prefix
 *   ADDRESS         192.0.2.1 or IPv6                           .prefix (length 32/128)
 *   MAC             02:00:00:00:00:01                           .mac
 *   BDF             0000:01:00.0 or 01:00.0                     .number
 *   MODE            a forwarding mode's name                    .mode
 *   WORD            anything without blanks                     .word
 *   LINE            the rest of the line, at the end only       .word
 * Arguments are numbered in the order of the words that are not keywords.  An
 * exact keyword goes before an abbreviated one, and that before a value.  A
 * failed PORT is refused here, unless the command begins with `show`.
 *
 * A command validates everything first and then changes everything or nothing.
 * It returns 0, or the value of command_error(), which prints the one line. */
#pragma once

#include "apps/console/out.h"
#include "kernel/table.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

#define COMMAND_ARGS 6u
#define COMMAND_LINE_MAX 1024u      /* with its NUL; longer input is an error, never cut */
#define COMMAND_WORDS 12u           /* in a pattern */
#define COMMAND_ROWS_MAX 256u       /* tests/unit/test_command.c sees to it */

struct prefix {
    bool ipv6;
    uint8_t length;
    uint8_t bytes[16];      /* network order; IPv4 in the first four */
};

struct command_arg {
    union {
        uint64_t number;
        unsigned choice;
        struct port *port;
        struct prefix prefix;
        uint8_t mac[MAC_LEN];
        const struct forward_mode *mode;
    };
    const char *word;       /* as typed */
};

struct command_call {
    struct out *out;
    const char *source;     /* "console", "command line", "configuration" */
    unsigned line;          /* 0: no line numbers */
    struct command_arg arg[COMMAND_ARGS];
    unsigned args;
};

struct command {
    const char *pattern;
    const char *help;
    int (*run)(struct command_call *call);
};

TABLE_DECLARE(commands, struct command);
#define COMMAND(fn, pattern_, help_) \
    static int fn(struct command_call *call); \
    TABLE_ENTRY(commands, struct command, fn##_row) = { \
        .pattern = pattern_, .help = help_, .run = fn \
    }

/* Prints `error: [SOURCE [line N]: ]text` (the console is not named) and returns
 * a negative value.  One line, without its newline. */
int command_error(struct command_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A command that waits: one turn of the poll loop, wherever the command runs; false: the user
 * at the console pressed Control-C. */
bool command_wait(const struct command_call *call);

/* Runs one line.  0, or negative after its one error line.  Blank lines and
 * comments are 0. */
int command_run(const char *line, struct out *out, const char *source, unsigned line_number);
/* Runs a whole text: lines (numbered from 1), or commands separated by ';' or
 * '\\;', with one pair of quotes around the whole stripped.  Returns the number
 * of errors. */
unsigned command_run_text(const char *text, size_t length, char separator, struct out *out,
                          const char *source);
/* Completion: the words that may stand at the end of `line`, sorted, one a call
 * of fn; help is NULL unless the word finishes a command.  A word in capitals
 * is a hint (PREFIX), not something to insert. */
void command_complete(const char *line, void (*fn)(void *ctx, const char *word, const char *help),
                      void *ctx);

/* `help` and `help LINE`: the rows that the words of `line` may mean. */
int command_help(struct command_call *call, const char *line);
/* Text for people: unprintable bytes as '?', cut with "..." when it does not fit. */
void command_printable(char *to, size_t size, const char *from, size_t n);

/* Parsers, also for other text: whole string or false. */
bool parse_number(const char *text, uint64_t *value);
bool parse_mac(const char *text, uint8_t mac[MAC_LEN]);
bool parse_prefix(const char *text, struct prefix *prefix, bool need_length);

/* What a configuration calls a port: its number or, of a VF, whose number depends on when it
 * was made, its PCI address. */
#define PORT_TEXT 16u
void port_format(unsigned number, char text[PORT_TEXT]);

/* `show config`: each subject prints its part as commands that can be fed back. */
enum config_order {
    CONFIG_CONSOLE = 5,
    CONFIG_IOMMU = 8,
    CONFIG_VF = 9,          /* makes ports */
    CONFIG_PORT = 10,
    CONFIG_FDB = 20,
    CONFIG_ROUTE = 30,
    CONFIG_NEIGHBOR = 40,
    CONFIG_FORWARD = 90
};

struct config_printer {
    int order;
    void (*print)(struct out *out);
};
TABLE_DECLARE(config_printers, struct config_printer);
#define CONFIG_PRINTER(symbol) TABLE_ENTRY(config_printers, struct config_printer, symbol)
