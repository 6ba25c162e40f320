/* grammar.h - what the table of commands is made of: rows, kinds of values, calls (command.h tells
 * how they are written). */
#pragma once

#include "apps/console/out.h"
#include "kernel/table.h"
#include "nic/ethernet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_ARGS 8u
#define COMMAND_LINE_MAX 1024u      /* with its NUL; longer input is an error, never cut */
#define COMMAND_WORDS 16u           /* in a pattern */
#define COMMAND_PATTERN_MAX 200u    /* and its length */
#define COMMAND_ROWS_MAX 256u       /* tests/unit/test_command.c sees to these */
#define COMMAND_NAME_MAX 16u        /* a NAME with its NUL */

struct session;
struct port;
struct interface;
struct forward_mode;
struct command_call;

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
        struct interface *interface;
        struct prefix prefix;
        uint8_t mac[MAC_LEN];
        const struct forward_mode *mode;
    };
    const char *word;       /* as typed; NULL: its group was left out */
};

/* A kind of value. */
struct command_word {
    const char *name;       /* in patterns: capitals */
    const char *example;
    bool is_name;           /* the user's own words: keywords beside it are not abbreviated */
    bool rest;              /* takes the rest of the line */
    bool (*parse)(const char *word, struct command_arg *arg);
    /* optional: what there is of it, each word that begins with `partial`; false: unknown, the
     * name stands for it */
    bool (*complete)(const char *partial,
                     void (*fn)(void *ctx, const char *word, const char *help), void *ctx);
    /* optional: what is expected, for errors, instead of the example */
    void (*expected)(char *text, size_t size);
    /* optional: refuses a value for commands that do not only `show`: 0 or command_error() */
    int (*check)(struct command_call *call, const struct command_arg *arg);
};

TABLE_DECLARE(command_words, struct command_word);
#define COMMAND_WORD(symbol) TABLE_ENTRY(command_words, struct command_word, symbol)

struct command_call {
    struct out *out;
    struct session *session; /* whose keyboard it is; NULL: a configuration's, a test's */
    const char *source;     /* for errors: "command line", "configuration"; NULL: whoever reads */
    unsigned line;          /* 0: no line numbers */
    const struct command *row;
    struct command_arg arg[COMMAND_ARGS];
    uint32_t groups;        /* a bit for each that was given, in the pattern's order */
};

struct command {
    const char *pattern;
    const char *help;
    int (*run)(struct command_call *call);
    bool at_once;
};

TABLE_DECLARE(commands, struct command);
#define COMMAND_ROW(fn, ...) \
    static int fn(struct command_call *call); \
    TABLE_ENTRY(commands, struct command, fn##_row) = { .run = fn, __VA_ARGS__ }
/* Of several consoles one at a time runs a command that changes something: what such a command
 * has checked stays so while it waits.  `show` and these run beside it. */
#define COMMAND(fn, pattern_, help_) COMMAND_ROW(fn, .pattern = pattern_, .help = help_)
#define COMMAND_AT_ONCE(fn, pattern_, help_) \
    COMMAND_ROW(fn, .pattern = pattern_, .help = help_, .at_once = true)
