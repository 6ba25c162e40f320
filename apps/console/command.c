/* command.c - runs the command that a line means; errors, completion, help (command.h). */
#include "apps/console/command.h"

#include "apps/console/match.h"
#include "apps/console/session.h"
#include "kernel/task.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EXPECTED_MAX 200u

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
    else if (call->source)
        out_printf(call->out, "error: %s: %s\n", call->source, text);
    else
        out_printf(call->out, "error: %s\n", text);
    return -EINVAL;
}

/* A configuration runs before the poll loop does. */
bool command_wait(const struct command_call *call)
{
    if (call->session && session_interrupted(call->session))
        return false;
    if (!call->session)
        TABLE_FOR_EACH (command_turns, struct command_turn, row)
            row->turn();
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
    const struct command_word *type = command_word_find(&(struct slice){ name, strlen(name) });

    if (type->expected)
        type->expected(text, size);
    else
        snprintf(text, size, "%s such as %s", name, type->example);
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
        text_printable(word, sizeof word, w->word[c->at], strlen(w->word[c->at]));
    if (!c->at)
        return command_error(call, "unknown command '%s', expected one that 'help' lists", word);
    expected_words(c, expected);
    words_echo(w, c->at - 1, after);
    if (c->at == w->count)
        return command_error(call, "'%s' is incomplete, expected %s", after, expected);
    return command_error(call, "wrong '%s' after '%s', expected %s", word, after, expected);
}

static int error_ambiguous(struct command_call *call, const struct words *w,
                           const struct candidates *c)
{
    char keywords[EXPECTED_MAX] = "", keyword[ECHO_MAX] = "", echo[ECHO_MAX];

    words_echo(w, c->at, echo);
    while (candidates_next_word(c, w->word[c->at], false, keyword))
        append(keywords, sizeof keywords, ", ", keyword);
    return command_error(call, "'%s' is ambiguous, expected %s", echo, keywords);
}

/* Running ------------------------------------------------------------------ */

/* Where the pattern has the group that begins with this keyword; NULL: the line left it out. */
static const char *given_group(const struct command_call *call, const char *keyword)
{
    size_t n = strlen(keyword);
    const char *p = call->row->pattern;

    for (unsigned group = 0; (p = strchr(p, '[')); group++)
        if (!strncmp(++p, keyword, n) && (p[n] == ' ' || p[n] == ']'))
            return call->groups >> group & 1 ? p : NULL;
    return NULL;
}

bool command_given(const struct command_call *call, const char *keyword)
{
    return given_group(call, keyword);
}

const struct command_arg *command_option(const struct command_call *call, const char *keyword)
{
    const char *p = given_group(call, keyword);
    if (!p || p[strlen(keyword)] == ']')
        return NULL;
    return &call->arg[match_argument(call->row->pattern, p)];
}

static bool only_shows(const struct command *row)
{
    return !strncmp(row->pattern, "show ", 5);
}

/* A word that is no keyword becomes the argument that its place is. */
static int fill_argument(struct command_call *call, struct command_arg *arg,
                         const struct command_word *type, const char *word)
{
    arg->word = word;
    if (!type)
        return 0;
    if (!type->parse(word, arg))
        return command_error(call, "wrong '%s'", word);
    return type->check && !only_shows(call->row) ? type->check(call, arg) : 0;
}

static int fill_arguments(struct command_call *call, struct words *w)
{
    const char *pattern = call->row->pattern, *end = pattern;

    for (unsigned i = 0; i < w->count; i++) {
        struct slice here;
        unsigned choice;
        const char *place = match_place(call->row, end, w->word[i], &here, &choice);
        if (!place) /* it went since the line was understood */
            return command_error(call, "wrong '%s'", w->word[i]);
        const struct command_word *type = command_word_find(&here);
        struct command_arg *arg = &call->arg[match_argument(pattern, place)];
        int group = match_group(pattern, place);
        call->groups |= group < 0 ? 0 : 1u << group;
        end = place + here.length;
        if (!type && !memchr(here.text, '|', here.length))
            continue;
        if (type && type->rest)
            words_join(w, i);
        arg->choice = choice;
        int e = fill_argument(call, arg, type, w->word[i]);
        if (e || (type && type->rest))
            return e;
    }
    return 0;
}

/* The arguments are looked up when it is its turn: until then they may go. */
int command_run_row(struct command_call *call, struct words *w)
{
    int e = fill_arguments(call, w);
    return e ? e : call->row->run(call);
}

static bool busy; /* with a command that changes something */

void command_reset(void)
{
    busy = false;
}

static int run_alone(struct command_call *call, struct words *w)
{
    while (busy)
        if (!call->session || !command_wait(call))
            return command_error(call, "the command of another console still runs");
    busy = true;
    int e = command_run_row(call, w);
    busy = false;
    return e;
}

int command_understand(struct command_call *call, struct words *w)
{
    struct candidates c, next;

    candidates_init(&c);
    while (c.at < w->count && !c.rest) {
        enum step step = candidates_narrow(&c, w->word[c.at], &next);
        if (step == STEP_NONE)
            return error_expected(call, w, &c);
        if (step == STEP_AMBIGUOUS)
            return error_ambiguous(call, w, &c);
        c = next;
    }
    call->row = candidates_final(&c);
    return call->row ? 0 : error_expected(call, w, &c);
}

/* A line that holds printable text only. */
static int run_words(struct command_call *call, struct words *w)
{
    int e = command_understand(call, w);
    if (e)
        return e;
    return call->row->at_once || only_shows(call->row) ? command_run_row(call, w)
                                                       : run_alone(call, w);
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
            text_printable(echo, sizeof echo, text, n);
            return command_error(call, "unprintable bytes in '%s', expected plain text", echo);
        }
    words_split(&w, text, n);
    return w.count ? run_words(call, &w) : 0;
}

int command_run_in(struct session *session, const char *line)
{
    struct command_call call = { .out = &session->out, .session = session };

    return run_line(&call, line, strlen(line));
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

/* What stands for a value: what there is of it, else its name. */
static void complete_value(const char *name, const char *partial, complete_fn *fn, void *ctx)
{
    const struct command_word *type = command_word_find(&(struct slice){ name, strlen(name) });

    if (type->complete && type->complete(partial, fn, ctx))
        return;
    if (!*partial)
        fn(ctx, name, NULL);
}

/* What may follow the first `count` words; where LINE stands a line begins anew. */
static bool candidates_behind(struct candidates *c, const struct words *w, unsigned count)
{
    struct candidates next;

    candidates_init(c);
    for (unsigned i = 0; i < count; i++) {
        if (candidates_narrow(c, w->word[i], &next) != STEP_GOOD)
            return false;
        *c = next;
        if (candidates_take_line(c))
            candidates_init(c);
    }
    return true;
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
    if (!candidates_behind(&c, &w, w.count))
        return;
    while (candidates_next_word(&c, partial, false, word))
        fn(ctx, word, NULL);
    for (word[0] = 0; candidates_next_word(&c, "", true, word);)
        complete_value(word, partial, fn, ctx);
}

bool command_is_keyword(const char *before, const char *word)
{
    struct candidates c;
    struct words w;
    char keyword[ECHO_MAX] = "";

    words_split(&w, before, strlen(before));
    if (!candidates_behind(&c, &w, w.count))
        return false;
    while (candidates_next_word(&c, word, false, keyword))
        if (!strcmp(keyword, word))
            return true;
    return false;
}

struct value_help {
    struct out *out;
    const char *name;
};

static void help_value(void *ctx, const char *word, const char *help)
{
    const struct value_help *h = ctx;
    if (help)
        out_printf(h->out, "    %s %-16s %s\n", h->name, word, help);
}

/* The words of a kind of value that say what they are. */
static void help_values(const struct candidates *c, struct out *out)
{
    TABLE_FOR_EACH (command_words, struct command_word, type)
        for (unsigned i = 0; type->complete && i < c->count; i++)
            if (strstr(candidates_row(c, i)->pattern, type->name)) {
                type->complete("", help_value, &(struct value_help){ out, type->name });
                break;
            }
}

int command_help(struct command_call *call, const char *line)
{
    char echo[ECHO_MAX];
    struct candidates c, next;
    struct words w;

    words_split(&w, line, strlen(line));
    candidates_init(&c);
    c.any_value = true;
    while (c.at < w.count && !c.rest) {
        if (candidates_narrow(&c, w.word[c.at], &next) == STEP_NONE) {
            text_printable(echo, sizeof echo, line, strlen(line));
            return command_error(
                call, "no command begins with '%s', expected one that 'help' lists", echo);
        }
        c = next;
    }
    candidates_sort(&c);
    for (unsigned i = 0; i < c.count; i++) {
        const struct command *row = candidates_row(&c, i);
        out_printf(call->out, "%-46s %s\n", row->pattern, row->help);
    }
    if (w.count)
        help_values(&c, call->out);
    return 0;
}
