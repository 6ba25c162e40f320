/* match.h - typed words against the patterns of the command table; for apps/console/ alone.
 *
 * All rows start as candidates.  Each typed word keeps the places that it fits best: an exact
 * keyword before an abbreviated one, an abbreviated keyword before a value.  Patterns are read
 * as they stand: a row falls at its first letter, so ten thousand lines need no index. */
#pragma once

#include "apps/console/grammar.h"
#include "apps/console/out.h"

#define CANDIDATES_MAX (COMMAND_ROWS_MAX + 64u) /* a row with groups may be there more than once */
#define ECHO_MAX 48u                            /* of a word or line in an error */

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

struct candidates {
    struct candidate {
        uint8_t row;
        uint8_t end; /* of its pattern, behind the last word that was matched */
    } list[CANDIDATES_MAX];
    unsigned count;
    unsigned at;    /* words consumed */
    bool any_value; /* help: a value's place takes any text */
    bool rest;      /* the last word was LINE: it takes what follows as well */
};

enum step {
    STEP_NONE,      /* the word fits nothing */
    STEP_AMBIGUOUS, /* it abbreviates more than one keyword */
    STEP_GOOD,
};

bool is_blank(char c);
void words_split(struct words *w, const char *text, size_t n);
/* The rest of the line from word `from` on as one text: the cuts between its words undone. */
void words_join(struct words *w, unsigned from);
/* The line from its first word to the end of word `last`, as it was typed. */
void words_echo(const struct words *w, unsigned last, char echo[ECHO_MAX]);

void candidates_init(struct candidates *c);
/* *to: what is left of *from with one word more, also when it is ambiguous. */
enum step candidates_narrow(const struct candidates *from, const char *word, struct candidates *to);
/* A row that may end here, or NULL. */
const struct command *candidates_final(const struct candidates *c);
/* The smallest keyword (or name of a kind of value) after `last` that may come next and begins
 * with `partial`; false when there is none. */
bool candidates_next_word(const struct candidates *c, const char *partial, bool values,
                          char last[ECHO_MAX]);
/* True when a whole line may follow: LINE. */
bool candidates_take_line(const struct candidates *c);
const struct command *candidates_row(const struct candidates *c, unsigned i);
/* By pattern, each once. */
void candidates_sort(struct candidates *c);

const struct command_word *command_word_find(const struct slice *word); /* NULL: a keyword */

/* Two halves of command_run(), for who runs one line often: the row that it means; then its
 * values, as they are now, and the row with them.  0, or as command_error(). */
int command_understand(struct command_call *call, struct words *w);
int command_run_row(struct command_call *call, struct words *w);

/* One row alone: where `word` stands that comes behind `end`, and which alternative it is.
 * NULL: nowhere. */
const char *match_place(const struct command *row, const char *end, const char *word,
                        struct slice *pattern, unsigned *choice);
/* How many of the words in front of `place` are no keywords. */
unsigned match_argument(const char *pattern, const char *place);
/* The group that `place` is in, -1: none. */
int match_group(const char *pattern, const char *place);
