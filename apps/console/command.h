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
 *   NUMBER          decimal or 0x...; the command checks bounds .number
 *   PREFIX          192.0.2.0/24 (host bits allowed) or IPv6    .prefix
 *   ADDRESS         192.0.2.1 or IPv6                           .prefix (length 32/128)
 *   MAC             02:00:00:00:00:01                           .mac
 *   BDF             0000:01:00.0 or 01:00.0                     .number
 *   NAME            a letter and up to 14 of a-z0-9_-           .word
 *   WORD            anything without blanks                     .word
 *   LINE            the rest of the line, at the end only       .word
 *   [count NUMBER]  a group that may be left out: at its place, once; none within another
 * Other words in capitals (PORT, MODE) come from the rooms that know them: COMMAND_WORD.
 *
 * Arguments are numbered in the order of the pattern's words that are not keywords; the .word of
 * one whose group was left out is NULL.  An exact keyword goes before an abbreviated one, and
 * that before a value; beside a NAME keywords are not abbreviated.
 *
 * A command validates everything first and then changes everything or nothing.
 * It returns 0, or the value of command_error(), which prints the one line. */
#pragma once

#include "apps/console/grammar.h"
#include "apps/console/out.h"

/* Prints `error: [SOURCE [line N]: ]text` and returns
 * a negative value.  One line, without its newline. */
int command_error(struct command_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Whether the group that begins with this keyword was given; and its first value, NULL: not. */
bool command_given(const struct command_call *call, const char *keyword);
const struct command_arg *command_option(const struct command_call *call, const char *keyword);

/* For who gives names: whether `word` is a keyword behind the words of `before`. */
bool command_is_keyword(const char *before, const char *word);

/* Who turns the poll loop while a configuration waits, which runs before the loop does. */
struct command_turn {
    unsigned (*turn)(void);
};
TABLE_DECLARE(command_turns, struct command_turn);

/* A command that waits: one turn of the poll loop, wherever the command runs; false: whose
 * session it is pressed Ctrl-C. */
bool command_wait(const struct command_call *call);

/* Runs one line, in a task of the session, or of some source.  0, or negative after its one
 * error line.  Blank lines and comments are 0. */
int command_run_in(struct session *session, const char *line);
int command_run(const char *line, struct out *out, const char *source, unsigned line_number);
void command_reset(void); /* tests, whose sessions end in the middle of a command */
/* Runs a whole text: lines (numbered from 1), or commands separated by ';' or
 * '\\;', with one pair of quotes around the whole stripped.  Returns the number
 * of errors. */
unsigned command_run_text(const char *text, size_t length, char separator, struct out *out,
                          const char *source);
/* Completion: the words that may stand at the end of `line`, sorted, one a call
 * of fn; help is what a value's kind says of it, or NULL.  A word in capitals
 * is a hint (PREFIX), not something to insert. */
void command_complete(const char *line, void (*fn)(void *ctx, const char *word, const char *help),
                      void *ctx);

/* `help` and `help LINE`: the rows that the words of `line` may mean. */
int command_help(struct command_call *call, const char *line);

/* Parsers, also for other text: whole string or false. */
bool parse_number(const char *text, uint64_t *value);
bool parse_mac(const char *text, uint8_t mac[MAC_LEN]);
bool parse_prefix(const char *text, struct prefix *prefix, bool need_length);
bool parse_name(const char *text);

/* `show config`: each subject prints its part as commands that can be fed back. */
enum config_order {
    CONFIG_CONSOLE = 5,
    CONFIG_ADDED_PORT = 7,  /* with its number */
    CONFIG_IOMMU = 8,
    CONFIG_VF = 9,          /* makes ports */
    CONFIG_PORT = 10,
    CONFIG_BRIDGE = 12,     /* and its members */
    CONFIG_INTERFACE = 15,  /* those that are no ports' */
    CONFIG_FDB = 20,
    CONFIG_NEIGHBOR = 30,
    CONFIG_ROUTE = 40,
    CONFIG_GATEWAY = 41,    /* neighbors that are some only by a route */
    CONFIG_FORWARD = 90
};

struct config_printer {
    int order;
    void (*print)(struct out *out);
};
TABLE_DECLARE(config_printers, struct config_printer);
#define CONFIG_PRINTER(symbol) TABLE_ENTRY(config_printers, struct config_printer, symbol)
