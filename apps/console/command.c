/* command.c - finds the command that a line means, and runs it (command.h).
 *
 * All rows of the table start as candidates; each typed word keeps the rows
 * whose word at that place it fits best: an exact keyword before an abbreviated
 * one, an abbreviated keyword before a value.  One row must be left, with no
 * words over.  Patterns are read as they stand: a row falls at its first
 * letter, so ten thousand lines need no index. */
#include "apps/console/command.h"

#include "apps/forward/forward.h"
#include "kernel/console.h"
#include "kernel/task.h"
#include "pci/pci.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

TABLE_DECLARE(forward_modes, struct forward_mode);

#define ECHO_MAX 48u /* of a word or line in an error */
#define EXPECTED_MAX 200u
#define CONTROL_C 3

/* Words ------------------------------------------------------------------- */

/* A piece of a pattern. */
struct slice {
    const char *text;
    size_t length;
};

/* A typed line, cut into words; the last place holds all that is left over. */
struct words {
    char line[COMMAND_LINE_MAX];
    size_t length;
    char *word[COMMAND_WORDS + 1];
    unsigned count;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void words_split(struct words *w, const char *text, size_t n)
{
    memcpy(w->line, text, n);
    w->line[n] = 0;
    w->length = n;
    w->count = 0;
    for (char *p = w->line;;) {
        while (is_blank(*p))
            *p++ = 0;
        if (!*p)
            return;
        w->word[w->count++] = p;
        if (w->count == ARRAY_SIZE(w->word))
            return;
        while (*p && !is_blank(*p))
            p++;
    }
}

/* The line from its first word to the end of word `last`, as it was typed. */
static void words_echo(const struct words *w, unsigned last, char echo[ECHO_MAX])
{
    const char *end = w->word[last] + strlen(w->word[last]);
    char text[ECHO_MAX];
    size_t n = 0;

    for (const char *p = w->word[0]; p < end && n < sizeof text; p++)
        text[n++] = *p ? *p : ' ';
    command_printable(echo, ECHO_MAX, text, n);
}

void command_printable(char *to, size_t size, const char *from, size_t n)
{
    bool cut = n >= size;

    if (cut)
        n = size - 4;
    for (size_t i = 0; i < n; i++)
        to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
    strcpy(to + n, cut ? "..." : "");
}

static bool slice_is(const struct slice *s, const char *word)
{
    return !strncmp(s->text, word, s->length) && !word[s->length];
}

/* Word i of a pattern. */
static bool pattern_word(const char *pattern, unsigned i, struct slice *word)
{
    while (i--) {
        pattern = strchr(pattern, ' ');
        if (!pattern)
            return false;
        pattern++;
    }
    word->text = pattern;
    word->length = strcspn(pattern, " ");
    return true;
}

/* Cuts the next of a|b|c off the front. */
static bool next_alternative(struct slice *rest, struct slice *alternative)
{
    if (!rest->length)
        return false;
    const char *bar = memchr(rest->text, '|', rest->length);
    size_t n = bar ? (size_t)(bar - rest->text) : rest->length;

    *alternative = (struct slice){ rest->text, n };
    n += bar != NULL;
    rest->text += n;
    rest->length -= n;
    return true;
}

/* Values ------------------------------------------------------------------- */

static bool value_number(const char *word, struct command_arg *arg)
{
    return parse_number(word, &arg->number);
}

static bool value_prefix(const char *word, struct command_arg *arg)
{
    return parse_prefix(word, &arg->prefix, true);
}

static bool value_address(const char *word, struct command_arg *arg)
{
    return parse_prefix(word, &arg->prefix, false);
}

static bool value_mac(const char *word, struct command_arg *arg)
{
    return parse_mac(word, arg->mac);
}

static bool value_bdf(const char *word, struct command_arg *arg)
{
    uint32_t bdf;

    if (!pci_bdf_parse(word, &bdf))
        return false;
    arg->number = bdf;
    return true;
}

static bool value_port(const char *word, struct command_arg *arg)
{
    uint64_t number;
    uint32_t bdf;

    if (parse_number(word, &number)) {
        arg->port = number < PORT_MAX ? port_get((unsigned)number) : NULL;
        return arg->port;
    }
    if (!pci_bdf_parse(word, &bdf))
        return false;
    for (unsigned i = 0; i < port_count(); i++) {
        arg->port = port_get(i);
        if (arg->port && arg->port->pci && arg->port->pci->bdf == bdf)
            return true;
    }
    return false;
}

static bool value_mode(const char *word, struct command_arg *arg)
{
    unsigned found = 0;

    arg->mode = forward_find_mode(word);
    if (arg->mode)
        return true;
    TABLE_FOR_EACH (forward_modes, struct forward_mode, mode)
        if (!strncmp(mode->name, word, strlen(word))) {
            arg->mode = mode;
            found++;
        }
    return found == 1;
}

static bool value_word(const char *word, struct command_arg *arg)
{
    return true;
}

static const struct value_type {
    const char *name, *example;
    bool (*parse)(const char *word, struct command_arg *arg);
} value_types[] = {
    { "PORT", "0 or 0000:01:00.0", value_port },
    { "NUMBER", "1500", value_number },
    { "PREFIX", "192.0.2.0/24", value_prefix },
    { "ADDRESS", "192.0.2.1", value_address },
    { "MAC", "02:00:00:00:00:01", value_mac },
    { "BDF", "0000:01:00.0", value_bdf },
    { "MODE", "l2", value_mode },
    { "WORD", "any text", value_word },
    { "LINE", "any text", value_word },
};

/* NULL: a keyword. */
static const struct value_type *value_type(const struct slice *word)
{
    if (word->text[0] < 'A' || word->text[0] > 'Z')
        return NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(value_types); i++)
        if (slice_is(word, value_types[i].name))
            return &value_types[i];
    return NULL;
}

/* Matching ----------------------------------------------------------------- */

enum fit { FIT_NONE, FIT_VALUE, FIT_ABBREVIATED, FIT_EXACT };

struct candidates {
    uint8_t row[COMMAND_ROWS_MAX];
    unsigned count;
    unsigned at;    /* words consumed */
    bool any_value; /* help: a value's place takes any text */
    bool ambiguous; /* the last word abbreviates more than one keyword */
};

static const struct command *command_row(unsigned i)
{
    return &__start_table_commands[i];
}

static void candidates_init(struct candidates *c)
{
    size_t n = (size_t)(__stop_table_commands - __start_table_commands);

    c->count = n < COMMAND_ROWS_MAX ? (unsigned)n : COMMAND_ROWS_MAX;
    for (unsigned i = 0; i < c->count; i++)
        c->row[i] = (uint8_t)i;
    c->at = 0;
    c->any_value = c->ambiguous = false;
}

/* How well `word` fits; `keyword` is the one it stands for, and stays as it
 * was for a value.  *choice: which alternative. */
static enum fit fit_word(const struct slice *pattern, const char *word, bool any_value,
                         struct slice *keyword, unsigned *choice, bool *ambiguous)
{
    const struct value_type *type = value_type(pattern);
    struct slice rest = *pattern, k;
    size_t n = strlen(word);
    enum fit fit = FIT_NONE;

    if (type) {
        struct command_arg arg;
        return any_value || type->parse(word, &arg) ? FIT_VALUE : FIT_NONE;
    }
    for (unsigned i = 0; next_alternative(&rest, &k); i++) {
        if (k.length < n || k.text[0] != word[0] || memcmp(k.text, word, n))
            continue;
        *ambiguous = fit == FIT_ABBREVIATED && k.length != n;
        *keyword = k;
        *choice = i;
        fit = k.length == n ? FIT_EXACT : FIT_ABBREVIATED;
        if (fit == FIT_EXACT)
            break;
    }
    return fit;
}

/* Keeps the rows that the next word fits best.  When it fits none they all
 * stay, for "expected ...", and the answer is false. */
static bool candidates_narrow(struct candidates *c, const char *word)
{
    struct slice first = { 0 };
    enum fit best = FIT_NONE;
    unsigned kept = 0;

    c->ambiguous = false;
    for (unsigned i = 0; i < c->count; i++) {
        struct slice pattern, keyword = { 0 };
        unsigned choice;
        bool two = false;
        const char *row = command_row(c->row[i])->pattern;
        if ((!c->at && row[0] != word[0]) || !pattern_word(row, c->at, &pattern))
            continue; /* most rows fall at their first letter: patterns begin with a keyword */
        enum fit fit = fit_word(&pattern, word, c->any_value, &keyword, &choice, &two);
        if (fit == FIT_NONE || fit < best)
            continue;
        if (fit > best) {
            best = fit;
            kept = 0;
            first = keyword;
            c->ambiguous = false;
        }
        if (fit == FIT_ABBREVIATED)
            c->ambiguous |= two || keyword.length != first.length ||
                            memcmp(keyword.text, first.text, first.length);
        c->row[kept++] = c->row[i];
    }
    if (!kept)
        return false;
    c->count = kept;
    c->at++;
    return true;
}

/* The row that ends here, or NULL.  LINE at the end takes whatever follows. */
static const struct command *candidates_final(const struct candidates *c)
{
    struct slice word;

    for (unsigned i = 0; i < c->count; i++)
        if (!pattern_word(command_row(c->row[i])->pattern, c->at, &word))
            return command_row(c->row[i]);
    return NULL;
}

/* The smallest keyword (or value type) after `last` that may come next and
 * begins with `partial`; false when there is none. */
static bool candidates_next_word(const struct candidates *c, const char *partial, bool values,
                                 char last[ECHO_MAX])
{
    struct slice best = { 0 }, rest, k;

    for (unsigned i = 0; i < c->count; i++) {
        if (!pattern_word(command_row(c->row[i])->pattern, c->at, &rest) ||
            (value_type(&rest) != NULL) != values)
            continue;
        while (next_alternative(&rest, &k)) {
            char word[ECHO_MAX];
            command_printable(word, sizeof word, k.text, k.length);
            if (strncmp(word, partial, strlen(partial)) || strcmp(word, last) <= 0)
                continue;
            size_t n = k.length < best.length ? k.length : best.length;
            int order = memcmp(k.text, best.length ? best.text : k.text, n);
            if (!best.length || order < 0 || (!order && k.length < best.length))
                best = k;
        }
    }
    if (best.length)
        command_printable(last, ECHO_MAX, best.text, best.length);
    return best.length;
}

/* Errors ------------------------------------------------------------------- */

int command_error(struct command_call *call, const char *fmt, ...)
{
    char text[EXPECTED_MAX + 3 * ECHO_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (call->line)
        out_printf(call->out, "error: %s line %u: %s\n", call->source, call->line, text);
    else if (strcmp(call->source, "console"))
        out_printf(call->out, "error: %s: %s\n", call->source, text);
    else
        out_printf(call->out, "error: %s\n", text);
    return -EINVAL;
}

/* A configuration runs before the poll loop does.  Only the console has a keyboard. */
bool command_wait(const struct command_call *call)
{
    bool at_console = !strcmp(call->source, "console");
    if (at_console && console_getc() == CONTROL_C)
        return false;
    if (!at_console)
        forward_turn();
    task_yield();
    return true;
}

static void append(char *text, size_t size, const char *separator, const char *more)
{
    size_t n = strlen(text), room = size - n;

    if (strlen(separator) + strlen(more) + sizeof ", ..." < room)
        snprintf(text + n, room, "%s%s", n ? separator : "", more);
    else if (n < 3 || strcmp(text + n - 3, "..."))
        snprintf(text + n, room, "%s...", separator);
}

/* "PREFIX such as 192.0.2.0/24", or which there are where they can be told. */
static void expected_value(const char *name, char *text, size_t size)
{
    const struct value_type *type = value_type(&(struct slice){ name, strlen(name) });

    if (type->parse == value_mode) {
        text[0] = 0;
        TABLE_FOR_EACH (forward_modes, struct forward_mode, mode)
            append(text, size, "|", mode->name);
    } else if (type->parse != value_port) {
        snprintf(text, size, "%s such as %s", name, type->example);
    } else if (port_count()) {
        snprintf(text, size, "PORT 0 to %u or its PCI address", port_count() - 1);
    } else {
        snprintf(text, size, "PORT (there are none)");
    }
}

/* What may stand next: "config, cpu, PORT 0 to 3 or its PCI address". */
static void expected_words(const struct candidates *c, char text[EXPECTED_MAX])
{
    char word[ECHO_MAX] = "", value[2 * ECHO_MAX];

    text[0] = 0;
    while (candidates_next_word(c, "", false, word))
        append(text, EXPECTED_MAX, ", ", word);
    for (word[0] = 0; candidates_next_word(c, "", true, word);) {
        expected_value(word, value, sizeof value);
        append(text, EXPECTED_MAX, ", ", value);
    }
    if (candidates_final(c))
        append(text, EXPECTED_MAX, ", ", "end of line");
}

/* Word `at` fits nothing, or there should have been one. */
static int error_expected(struct command_call *call, const struct words *w,
                          const struct candidates *c)
{
    char expected[EXPECTED_MAX], after[ECHO_MAX], word[ECHO_MAX];

    if (c->at < w->count)
        command_printable(word, sizeof word, w->word[c->at], strlen(w->word[c->at]));
    if (!c->at)
        return command_error(call, "unknown command '%s', expected one that 'help' lists", word);
    expected_words(c, expected);
    words_echo(w, c->at - 1, after);
    if (c->at == w->count)
        return command_error(call, "'%s' is incomplete, expected %s", after, expected);
    return command_error(call, "wrong '%s' after '%s', expected %s", word, after, expected);
}

static int error_ambiguous(struct command_call *call, const struct words *w, struct candidates *c)
{
    char keywords[EXPECTED_MAX] = "", keyword[ECHO_MAX] = "", echo[ECHO_MAX];

    c->at--;
    words_echo(w, c->at, echo);
    while (candidates_next_word(c, w->word[c->at], false, keyword))
        append(keywords, sizeof keywords, ", ", keyword);
    return command_error(call, "'%s' is ambiguous: %s", echo, keywords);
}

/* Running ------------------------------------------------------------------ */

/* The rest of the line as one text: the cuts between its words undone. */
static void words_join(struct words *w, unsigned from)
{
    for (char *p = w->word[from]; p < w->line + w->length; p++)
        if (!*p)
            *p = ' ';
}

static int fill_arguments(struct command_call *call, const struct command *row, struct words *w)
{
    bool show = !strncmp(row->pattern, "show ", 5);

    for (unsigned i = 0; i < w->count; i++) {
        struct command_arg *arg = &call->arg[call->args];
        struct slice pattern, keyword;
        bool two;
        pattern_word(row->pattern, i, &pattern);
        const struct value_type *type = value_type(&pattern);
        if (!type && !memchr(pattern.text, '|', pattern.length))
            continue;
        if (type && !strcmp(type->name, "LINE"))
            words_join(w, i);
        arg->word = w->word[i];
        call->args++;
        if (!type)
            fit_word(&pattern, arg->word, false, &keyword, &arg->choice, &two);
        else if (!type->parse(arg->word, arg))
            return command_error(call, "wrong '%s'", arg->word);
        else if (type->parse == value_port && arg->port->state == PORT_FAILED && !show)
            return command_error(call, "port %u has failed: %s", arg->port->number,
                                 arg->port->failure ? arg->port->failure : "no reason given");
        if (type && !strcmp(type->name, "LINE"))
            break;
    }
    return 0;
}

static bool takes_line(const struct command *row)
{
    size_t n = strlen(row->pattern);
    return n > 5 && !strcmp(row->pattern + n - 5, " LINE");
}

/* A line that holds printable text only. */
static int run_words(struct command_call *call, struct words *w)
{
    const struct command *row = NULL;
    struct candidates c;

    candidates_init(&c);
    while (c.at < w->count) {
        row = c.at ? candidates_final(&c) : NULL;
        if (row && takes_line(row))
            break;
        if (!candidates_narrow(&c, w->word[c.at]))
            return error_expected(call, w, &c);
        if (c.ambiguous)
            return error_ambiguous(call, w, &c);
    }
    row = candidates_final(&c);
    if (!row)
        return error_expected(call, w, &c);
    int e = fill_arguments(call, row, w);
    return e ? e : row->run(call);
}

static int run_line(struct command_call *call, const char *text, size_t n)
{
    struct words w;
    char echo[ECHO_MAX];
    const char *comment;

    while (n && text[n - 1] == '\r')
        n--;
    if (n >= COMMAND_LINE_MAX)
        return command_error(call, "line is too long, expected at most %u characters",
                             COMMAND_LINE_MAX - 1);
    comment = memchr(text, '#', n);
    if (comment)
        n = (size_t)(comment - text);
    while (n && is_blank(text[n - 1]))
        n--;
    for (size_t i = 0; i < n; i++)
        if (!is_blank(text[i]) && (text[i] < ' ' || text[i] > '~')) {
            command_printable(echo, sizeof echo, text, n);
            return command_error(call, "unprintable bytes in '%s', expected plain text", echo);
        }
    words_split(&w, text, n);
    return w.count ? run_words(call, &w) : 0;
}

int command_run(const char *line, struct out *out, const char *source, unsigned line_number)
{
    struct command_call call = { .out = out, .source = source, .line = line_number };

    return run_line(&call, line, strlen(line));
}

/* One pair of quotes around the whole, as a boot loader's shell may want them. */
static void strip_quotes(const char **text, size_t *n)
{
    while (*n && is_blank(**text)) {
        ++*text;
        --*n;
    }
    while (*n && is_blank((*text)[*n - 1]))
        --*n;
    char quote = *n >= 2 ? **text : 0;
    if ((quote == '"' || quote == '\'') && (*text)[*n - 1] == quote) {
        ++*text;
        *n -= 2;
    }
}

unsigned command_run_text(const char *text, size_t length, char separator, struct out *out,
                          const char *source)
{
    unsigned errors = 0, line = 0;

    if (separator == ';')
        strip_quotes(&text, &length);
    while (length) {
        struct command_call call = { .out = out, .source = source };
        const char *end = memchr(text, separator, length);
        size_t n = end ? (size_t)(end - text) : length, taken = n + (end != NULL);
        if (separator == '\n')
            call.line = ++line;
        else if (end && n && text[n - 1] == '\\')
            n--;
        errors += run_line(&call, text, n) < 0;
        text += taken;
        length -= taken;
    }
    return errors;
}

/* Completion and help -------------------------------------------------------- */

typedef void complete_fn(void *ctx, const char *word, const char *help);

/* What stands for a value: the ports and modes there are, else its name. */
static void complete_value(const char *type, const char *partial, complete_fn *fn, void *ctx)
{
    if (!strcmp(type, "MODE")) {
        TABLE_FOR_EACH (forward_modes, struct forward_mode, mode)
            if (!strncmp(mode->name, partial, strlen(partial)))
                fn(ctx, mode->name, mode->help);
    } else if (!strcmp(type, "PORT") && port_count()) {
        for (unsigned i = 0; i < port_count(); i++) {
            char number[12];
            snprintf(number, sizeof number, "%u", i);
            if (port_get(i) && !strncmp(number, partial, strlen(partial)))
                fn(ctx, number, NULL);
        }
    } else if (!*partial) {
        fn(ctx, type, NULL);
    }
}

/* True when the words so far may be followed by LINE: a line itself. */
static bool candidates_take_line(const struct candidates *c)
{
    struct slice word;

    for (unsigned i = 0; i < c->count; i++)
        if (pattern_word(command_row(c->row[i])->pattern, c->at, &word) && slice_is(&word, "LINE"))
            return true;
    return false;
}

void command_complete(const char *line, complete_fn *fn, void *ctx)
{
    size_t n = strlen(line);
    const char *partial = "";
    struct candidates c;
    struct words w;
    char word[ECHO_MAX] = "";

    if (n >= COMMAND_LINE_MAX)
        return;
    words_split(&w, line, n);
    if (w.count && !is_blank(line[n - 1]))
        partial = w.word[--w.count];
    candidates_init(&c);
    for (unsigned begin = 0; begin + c.at < w.count;) {
        if (!candidates_narrow(&c, w.word[begin + c.at]) || c.ambiguous)
            return;
        if (candidates_take_line(&c)) { /* a line begins here */
            begin += c.at;
            candidates_init(&c);
        }
    }
    while (candidates_next_word(&c, partial, false, word)) {
        struct candidates after = c;
        candidates_narrow(&after, word);
        const struct command *row = candidates_final(&after);
        fn(ctx, word, row ? row->help : NULL);
    }
    for (word[0] = 0; candidates_next_word(&c, "", true, word);)
        complete_value(word, partial, fn, ctx);
}

static void help_modes(struct out *out)
{
    TABLE_FOR_EACH (forward_modes, struct forward_mode, mode)
        out_printf(out, "    MODE %-16s %s\n", mode->name, mode->help ? mode->help : "");
}

/* The row whose pattern comes next after that of `last`; NULL: none. */
static const struct command *candidates_next_row(const struct candidates *c,
                                                 const struct command *last)
{
    const struct command *next = NULL;

    for (unsigned i = 0; i < c->count; i++) {
        const struct command *row = command_row(c->row[i]);
        if ((!last || strcmp(row->pattern, last->pattern) > 0) &&
            (!next || strcmp(row->pattern, next->pattern) < 0))
            next = row;
    }
    return next;
}

int command_help(struct command_call *call, const char *line)
{
    const struct command *row = NULL;
    char echo[ECHO_MAX];
    struct candidates c;
    struct words w;
    bool modes = false;

    words_split(&w, line, strlen(line));
    candidates_init(&c);
    c.any_value = true;
    while (c.at < w.count)
        if (!candidates_narrow(&c, w.word[c.at])) {
            command_printable(echo, sizeof echo, line, strlen(line));
            return command_error(
                call, "no command begins with '%s', expected one that 'help' lists", echo);
        }
    while ((row = candidates_next_row(&c, row))) {
        out_printf(call->out, "%-46s %s\n", row->pattern, row->help);
        modes |= strstr(row->pattern, " MODE") != NULL;
    }
    if (modes && w.count)
        help_modes(call->out);
    return 0;
}
