/* match.c - places in patterns, and the words that fit them (match.h). */
#include "apps/console/match.h"

#include <stdlib.h>
#include <string.h>

/* Typed words -------------------------------------------------------------- */

bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

void words_split(struct words *w, const char *text, size_t n)
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

void words_join(struct words *w, unsigned from)
{
    for (char *p = w->word[from]; p < w->line + w->length; p++)
        if (!*p)
            *p = ' ';
}

void words_echo(const struct words *w, unsigned last, char echo[ECHO_MAX])
{
    const char *end = w->word[last] + strlen(w->word[last]);
    char text[ECHO_MAX];
    size_t n = 0;

    for (const char *p = w->word[0]; p < end && n < sizeof text; p++)
        text[n++] = *p ? *p : ' ';
    text_printable(echo, ECHO_MAX, text, n);
}

/* Patterns ------------------------------------------------------------------- */

/* Most differ in their first letter. */
static bool slice_is(const struct slice *s, const char *word)
{
    return s->text[0] == word[0] && !strncmp(s->text, word, s->length) && !word[s->length];
}

static struct slice word_at(const char *place)
{
    const char *end = place;
    while (*end && *end != ' ' && *end != ']')
        end++;
    return (struct slice){ place, (size_t)(end - place) };
}

/* From the end of a word to what stands behind it. */
static const char *behind(const char *end)
{
    end += *end == ']';
    return end + (*end == ' ');
}

static const char *skip_group(const char *p)
{
    return behind(strchr(p, ']'));
}

/* Walks the places where the next word may stand: the first of each group that may be left
 * out, and the word behind them.  *p is where the walk goes on; NULL: it is over. */
static const char *next_place(const char **p)
{
    const char *place = *p;
    if (!*place)
        return NULL;
    *p = *place == '[' ? skip_group(place) : "";
    return place + (*place == '[');
}

#define FOR_EACH_PLACE(place, end) \
    for (const char *rest_ = behind(end), *place; (place = next_place(&rest_));)

static bool may_end(const char *end)
{
    const char *p = behind(end);
    while (*p == '[')
        p = skip_group(p);
    return !*p;
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

const struct command_word *command_word_find(const struct slice *word)
{
    if (word->text[0] < 'A' || word->text[0] > 'Z')
        return NULL;
    TABLE_FOR_EACH (command_words, struct command_word, type)
        if (slice_is(word, type->name))
            return type;
    return NULL;
}

unsigned match_argument(const char *pattern, const char *place)
{
    unsigned n = 0;
    for (const char *p = pattern; p < place;) {
        struct slice word = word_at(p);
        n += (word.text[0] >= 'A' && word.text[0] <= 'Z') || memchr(word.text, '|', word.length);
        p = behind(p + word.length);
        p += *p == '[';
    }
    return n;
}

int match_group(const char *pattern, const char *place)
{
    int groups = -1;
    bool inside = false;
    for (const char *p = pattern; p < place; p++) {
        groups += *p == '[';
        inside = *p == '[' || (inside && *p != ']');
    }
    return inside ? groups : -1;
}

/* Matching ----------------------------------------------------------------- */

enum fit { FIT_NONE, FIT_VALUE, FIT_ABBREVIATED, FIT_EXACT };

/* One typed word at one place. */
struct attempt {
    const char *word;
    bool any_value;
    bool in_full;         /* keywords are not abbreviated */
    struct slice keyword; /* the one it stands for; empty: a value */
    unsigned choice;      /* which alternative */
    bool ambiguous;       /* it abbreviates two alternatives of the place */
    bool rest;            /* the place is LINE's */
};

static enum fit fit_value(const struct command_word *type, struct attempt *a)
{
    struct command_arg arg;
    a->rest = type->rest;
    return a->any_value || type->parse(a->word, &arg) ? FIT_VALUE : FIT_NONE;
}

static enum fit fit_word(const struct slice *pattern, struct attempt *a)
{
    const struct command_word *type = command_word_find(pattern);
    struct slice rest = *pattern, k;
    size_t n = strlen(a->word);
    enum fit fit = FIT_NONE;

    a->keyword = (struct slice){ NULL, 0 };
    a->ambiguous = a->rest = false;
    if (type)
        return fit_value(type, a);
    for (unsigned i = 0; next_alternative(&rest, &k); i++) {
        bool exact = k.length == n;
        if (k.length < n || (a->in_full && !exact) || k.text[0] != a->word[0] ||
            memcmp(k.text, a->word, n))
            continue;
        a->ambiguous = fit == FIT_ABBREVIATED && !exact;
        a->keyword = k;
        a->choice = i;
        fit = exact ? FIT_EXACT : FIT_ABBREVIATED;
        if (exact)
            break;
    }
    return fit;
}

static const char *pattern_of(const struct candidate *c)
{
    return __start_table_commands[c->row].pattern;
}

void candidates_init(struct candidates *c)
{
    size_t n = (size_t)(__stop_table_commands - __start_table_commands);

    c->count = n < COMMAND_ROWS_MAX ? (unsigned)n : COMMAND_ROWS_MAX;
    for (unsigned i = 0; i < c->count; i++)
        c->list[i] = (struct candidate){ .row = (uint8_t)i };
    c->at = 0;
    c->any_value = c->rest = false;
}

/* A name may be anything that is no keyword, so none is abbreviated beside one. */
static bool takes_names(const struct candidates *c)
{
    for (unsigned i = 0; c->at && i < c->count; i++)
        FOR_EACH_PLACE(place, pattern_of(&c->list[i]) + c->list[i].end)
        {
            const struct slice word = word_at(place);
            const struct command_word *type = command_word_find(&word);
            if (type && type->is_name)
                return true;
        }
    return false;
}

/* What has been kept so far, and how well it fits. */
struct narrowing {
    struct candidates *to;
    enum fit best;
    struct slice keyword; /* of the first */
    bool ambiguous;
};

static void keep(struct narrowing *n, enum fit fit, const struct attempt *a, struct candidate c)
{
    if (fit == FIT_NONE || fit < n->best)
        return;
    if (fit > n->best) {
        n->best = fit;
        n->to->count = 0;
        n->keyword = a->keyword;
        n->ambiguous = n->to->rest = false;
    }
    if (fit == FIT_ABBREVIATED)
        n->ambiguous |= a->ambiguous || a->keyword.length != n->keyword.length ||
                        memcmp(a->keyword.text, n->keyword.text, n->keyword.length);
    n->to->rest |= a->rest;
    if (n->to->count < CANDIDATES_MAX)
        n->to->list[n->to->count++] = c;
}

enum step candidates_narrow(const struct candidates *from, const char *word, struct candidates *to)
{
    struct narrowing n = { .to = to };
    struct attempt a = { .word = word, .any_value = from->any_value, .in_full = takes_names(from) };

    to->count = 0;
    to->at = from->at + 1;
    to->any_value = from->any_value;
    to->rest = false;
    for (unsigned i = 0; i < from->count; i++) {
        const char *pattern = pattern_of(&from->list[i]);
        if (!from->at && pattern[0] != word[0])
            continue; /* most rows fall at their first letter: patterns begin with a keyword */
        FOR_EACH_PLACE(place, pattern + from->list[i].end)
        {
            const struct slice here = word_at(place);
            const uint8_t end = (uint8_t)(place + here.length - pattern);
            keep(&n, fit_word(&here, &a), &a, (struct candidate){ from->list[i].row, end });
        }
    }
    return !to->count ? STEP_NONE : n.ambiguous ? STEP_AMBIGUOUS : STEP_GOOD;
}

const struct command *candidates_final(const struct candidates *c)
{
    for (unsigned i = 0; i < c->count; i++)
        if (c->list[i].end && may_end(pattern_of(&c->list[i]) + c->list[i].end))
            return &__start_table_commands[c->list[i].row];
    return NULL;
}

/* Most differ in their first letter; an empty one's is 0. */
static int slice_order(const struct slice *a, const struct slice *b)
{
    if (*a->text != *b->text)
        return *a->text < *b->text ? -1 : 1;
    int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static struct slice slice_of(const char *word)
{
    return (struct slice){ word, strlen(word) };
}

/* The smaller of *best (empty: none yet) and one of the place's words that is asked for. */
static void consider(struct slice *best, struct slice rest, const struct slice *partial,
                     const struct slice *last)
{
    struct slice k;
    while (next_alternative(&rest, &k))
        if (slice_order(&k, last) > 0 && (!best->length || slice_order(&k, best) < 0) &&
            k.length >= partial->length && !memcmp(k.text, partial->text, partial->length))
            *best = k;
}

bool candidates_next_word(const struct candidates *c, const char *partial, bool values,
                          char last[ECHO_MAX])
{
    struct slice best = { NULL, 0 }, begin = slice_of(partial), before = slice_of(last);

    for (unsigned i = 0; i < c->count; i++) {
        const char *pattern = pattern_of(&c->list[i]);
        if (!c->at && (*pattern < *last || (best.length && *pattern > *best.text)))
            continue; /* as in candidates_narrow(), most rows fall at their first letter */
        FOR_EACH_PLACE(place, pattern + c->list[i].end)
        {
            const struct slice word = word_at(place);
            if ((command_word_find(&word) != NULL) == values)
                consider(&best, word, &begin, &before);
        }
    }
    if (best.length)
        text_printable(last, ECHO_MAX, best.text, best.length);
    return best.length;
}

bool candidates_take_line(const struct candidates *c)
{
    for (unsigned i = 0; i < c->count; i++)
        FOR_EACH_PLACE(place, pattern_of(&c->list[i]) + c->list[i].end)
        {
            const struct slice word = word_at(place);
            const struct command_word *type = command_word_find(&word);
            if (type && type->rest && slice_is(&word, "LINE"))
                return true;
        }
    return false;
}

const struct command *candidates_row(const struct candidates *c, unsigned i)
{
    return &__start_table_commands[c->list[i].row];
}

static int by_pattern(const void *a, const void *b)
{
    return strcmp(pattern_of(a), pattern_of(b));
}

void candidates_sort(struct candidates *c)
{
    unsigned kept = 0;
    qsort(c->list, c->count, sizeof c->list[0], by_pattern);
    for (unsigned i = 0; i < c->count; i++)
        if (!kept || by_pattern(&c->list[i], &c->list[kept - 1]))
            c->list[kept++] = c->list[i];
    c->count = kept;
}

const char *match_place(const struct command *row, const char *end, const char *word,
                        struct slice *pattern, unsigned *choice)
{
    struct attempt a = { .word = word };
    const char *found = NULL;
    enum fit best = FIT_NONE;

    FOR_EACH_PLACE(place, end)
    {
        const struct slice here = word_at(place);
        enum fit fit = fit_word(&here, &a);
        if (fit <= best)
            continue;
        best = fit;
        found = place;
        *pattern = here;
        *choice = a.choice;
    }
    return found;
}
