/* line_editor.c - keys and what they do (line_editor.h).
 *
 * Keys are those of GNU readline's Emacs mode; terminals send the named ones as
 * control sequences (ECMA-48 5.4; xterm's numbers for Home, Delete, End).
 * unread in this file: ECMA-48. */
#include "apps/console/line_editor.h"

#include <stdio.h>
#include <string.h>

#define CTRL(key) ((key)&0x1f)
#define KEY_ESCAPE 0x1b
#define KEY_DELETE 0x7f
#define BEL "\a"
#define WORD_MAX 64u

/* The screen ---------------------------------------------------------------- */

static void show_bytes(struct line_editor *e, const char *text, unsigned n)
{
    char piece[64];

    while (n) {
        unsigned k = 0;
        for (; n && k < sizeof piece; n--, text++)
            piece[k++] = *text >= ' ' && *text <= '~' ? *text : '?';
        e->out->write(e->out, piece, k);
    }
}

static void show_repeated(struct line_editor *e, char c, unsigned n)
{
    while (n--)
        e->out->write(e->out, &c, 1);
}

static void move_cursor(struct line_editor *e, unsigned to)
{
    if (to < e->cursor)
        show_repeated(e, '\b', e->cursor - to);
    else
        show_bytes(e, e->line + e->cursor, to - e->cursor);
    e->cursor = to;
}

/* Shows what is right of the cursor, and `gone` blanks where text was. */
static void show_tail(struct line_editor *e, unsigned gone)
{
    show_bytes(e, e->line + e->cursor, e->length - e->cursor);
    show_repeated(e, ' ', gone);
    show_repeated(e, '\b', e->length - e->cursor + gone);
}

static void show_line(struct line_editor *e)
{
    out_text(e->out, e->prompt);
    show_bytes(e, e->line, e->length);
    show_repeated(e, '\b', e->length - e->cursor);
}

/* The line ------------------------------------------------------------------ */

static void insert(struct line_editor *e, const char *text, unsigned n)
{
    if (e->too_long || n >= COMMAND_LINE_MAX - e->length) {
        if (!e->too_long)
            out_text(e->out, BEL);
        e->too_long = true;
        return;
    }
    memmove(e->line + e->cursor + n, e->line + e->cursor, e->length - e->cursor);
    memcpy(e->line + e->cursor, text, n);
    e->length += n;
    show_bytes(e, e->line + e->cursor, n);
    e->cursor += n;
    if (e->cursor < e->length)
        show_tail(e, 0);
}

/* Takes out [from, to); the cursor ends at from. */
static void cut(struct line_editor *e, unsigned from, unsigned to)
{
    move_cursor(e, from);
    memmove(e->line + from, e->line + to, e->length - to);
    e->length -= to - from;
    show_tail(e, to - from);
}

static void cut_all(struct line_editor *e)
{
    cut(e, 0, e->length);
    e->too_long = false;
}

static void cut_word(struct line_editor *e)
{
    unsigned from = e->cursor;

    while (from && e->line[from - 1] == ' ')
        from--;
    while (from && e->line[from - 1] != ' ')
        from--;
    cut(e, from, e->cursor);
}

static void replace(struct line_editor *e, const char *text)
{
    cut_all(e);
    insert(e, text, (unsigned)strlen(text));
}

/* History ------------------------------------------------------------------- */

static unsigned history_previous(const struct line_editor *e, unsigned at)
{
    if (!at)
        return at;
    for (at--; at && e->history[at - 1]; at--)
        ;
    return at;
}

static void history_add(struct line_editor *e)
{
    unsigned n = e->length + 1, last = history_previous(e, e->history_length), gone = 0;

    if (e->length == strspn(e->line, " ") ||
        (e->history_length && !strcmp(e->history + last, e->line)))
        return;
    while (e->history_length - gone + n > LINE_HISTORY_SIZE)
        gone += (unsigned)strlen(e->history + gone) + 1;
    e->history_length -= gone;
    memmove(e->history, e->history + gone, e->history_length);
    memcpy(e->history + e->history_length, e->line, n);
    e->history_length += n;
}

static void history_up(struct line_editor *e)
{
    if (!e->history_at || e->too_long)
        return;
    if (e->history_at == e->history_length) {
        memcpy(e->typed, e->line, e->length);
        e->typed[e->length] = 0;
    }
    e->history_at = history_previous(e, e->history_at);
    replace(e, e->history + e->history_at);
}

static void history_down(struct line_editor *e)
{
    if (e->history_at == e->history_length || e->too_long)
        return;
    e->history_at += (unsigned)strlen(e->history + e->history_at) + 1;
    replace(e, e->history_at == e->history_length ? e->typed : e->history + e->history_at);
}

/* Completion ---------------------------------------------------------------- */

struct completion {
    struct line_editor *editor;
    bool list; /* show the words; else find what they have in common */
    unsigned words, hints;
    char common[WORD_MAX]; /* a longer word is completed so far */
};

/* A hint is the name of a kind of value, in capitals. */
static bool is_hint(const char *word)
{
    return *word >= 'A' && *word <= 'Z';
}

static void complete_word(void *ctx, const char *word, const char *help)
{
    struct completion *c = ctx;
    unsigned n = 0;

    if (c->list)
        out_printf(c->editor->out, c->words + c->hints ? "  %s" : "%s", word);
    if (is_hint(word)) {
        c->hints++;
        return;
    }
    if (!c->words++)
        snprintf(c->common, sizeof c->common, "%s", word);
    while (word[n] && word[n] == c->common[n])
        n++;
    c->common[n] = 0;
}

static void complete_all(struct line_editor *e, struct completion *c, bool list)
{
    char after = e->line[e->cursor];

    *c = (struct completion){ .editor = e, .list = list };
    e->line[e->cursor] = 0;
    command_complete(e->line, complete_word, c);
    e->line[e->cursor] = after;
}

/* Bytes of the word that ends at the cursor. */
static unsigned partial_length(const struct line_editor *e)
{
    unsigned n = 0;

    while (n < e->cursor && e->line[e->cursor - n - 1] != ' ')
        n++;
    return n;
}

static void complete(struct line_editor *e)
{
    struct completion c;

    if (e->too_long)
        return;
    if (e->after_tab) {
        out_text(e->out, "\n");
        complete_all(e, &c, true);
        if (c.words + c.hints)
            out_text(e->out, "\n");
        show_line(e);
        return;
    }
    complete_all(e, &c, false);
    unsigned had = partial_length(e), n = (unsigned)strlen(c.common);
    bool whole = c.words == 1 && !c.hints;
    if (n >= COMMAND_LINE_MAX - 1 - e->length)
        return;
    if (n > had)
        insert(e, c.common + had, n - had);
    if (whole && (e->cursor == e->length || e->line[e->cursor] != ' '))
        insert(e, " ", 1);
    e->after_tab = !whole && n <= had;
    if (e->after_tab)
        out_text(e->out, BEL);
}

/* Keys ---------------------------------------------------------------------- */

static void key_left(struct line_editor *e)
{
    if (e->cursor)
        move_cursor(e, e->cursor - 1);
}

static void key_right(struct line_editor *e)
{
    if (e->cursor < e->length)
        move_cursor(e, e->cursor + 1);
}

static void key_delete(struct line_editor *e)
{
    if (e->cursor < e->length)
        cut(e, e->cursor, e->cursor + 1);
}

static void key_backspace(struct line_editor *e)
{
    if (e->cursor)
        cut(e, e->cursor - 1, e->cursor);
}

/* The final byte of a control sequence, and the number in front of it. */
static void key_sequence(struct line_editor *e, uint8_t final)
{
    if (final == '~')
        final = e->parameter == 3                        ? 'P'
                : e->parameter == 1 || e->parameter == 7 ? 'H'
                : e->parameter == 4 || e->parameter == 8 ? 'F'
                                                         : 0;
    switch (final) {
    case 'A':
        history_up(e);
        break;
    case 'B':
        history_down(e);
        break;
    case 'C':
        key_right(e);
        break;
    case 'D':
        key_left(e);
        break;
    case 'H':
        move_cursor(e, 0);
        break;
    case 'F':
        move_cursor(e, e->length);
        break;
    case 'P':
        key_delete(e);
        break;
    }
}

/* True when the byte belonged to a sequence.  ECMA-48 5.4: parameters are
 * 3/0-3/15, intermediate bytes 2/0-2/15, the final byte 4/0-7/14; anything
 * else breaks it off and counts by itself. */
static bool feed_escape(struct line_editor *e, uint8_t byte)
{
    switch (e->escape) {
    case ESCAPE_NONE:
        return false;
    case ESCAPE_SEEN:
        e->escape = byte == '[' ? ESCAPE_CSI : byte == 'O' ? ESCAPE_SS3 : ESCAPE_NONE;
        e->parameter = 0;
        return byte >= ' ' && byte != KEY_DELETE;
    case ESCAPE_CSI:
        if (byte >= '0' && byte <= '9' && e->parameter < 100)
            e->parameter = e->parameter * 10 + (byte - '0');
        if (byte >= 0x20 && byte <= 0x3f)
            return true;
        break;
    case ESCAPE_SS3:
        break;
    }
    e->escape = ESCAPE_NONE;
    if (byte < 0x40 || byte > 0x7e)
        return false;
    key_sequence(e, byte);
    return true;
}

static enum line_event enter(struct line_editor *e)
{
    move_cursor(e, e->length);
    out_text(e->out, "\n");
    e->line[e->length] = 0;
    if (e->too_long)
        return LINE_TOO_LONG;
    history_add(e);
    return LINE_DONE;
}

static enum line_event cancel(struct line_editor *e)
{
    move_cursor(e, e->length);
    out_text(e->out, "^C\n");
    return LINE_CANCELLED;
}

static void feed_key(struct line_editor *e, uint8_t byte)
{
    char text = (char)byte;

    switch (byte) {
    case KEY_ESCAPE:
        e->escape = ESCAPE_SEEN;
        break;
    case CTRL('A'):
        move_cursor(e, 0);
        break;
    case CTRL('B'):
        key_left(e);
        break;
    case CTRL('D'):
        key_delete(e);
        break;
    case CTRL('E'):
        move_cursor(e, e->length);
        break;
    case CTRL('F'):
        key_right(e);
        break;
    case CTRL('H'):
    case KEY_DELETE:
        key_backspace(e);
        break;
    case CTRL('K'):
        cut(e, e->cursor, e->length);
        break;
    case CTRL('L'):
        out_text(e->out, "\x1b[H\x1b[2J");
        show_line(e);
        break;
    case CTRL('N'):
        history_down(e);
        break;
    case CTRL('P'):
        history_up(e);
        break;
    case CTRL('U'):
        cut_all(e);
        break;
    case CTRL('W'):
        cut_word(e);
        break;
    default:
        insert(e, &text, 1);
    }
}

enum line_event line_editor_feed(struct line_editor *e, uint8_t byte)
{
    bool after_cr = e->after_cr;

    e->after_cr = false;
    if (!byte || (after_cr && byte == '\n')) /* line noise; CR LF is one Enter */
        return LINE_EDITING;
    if (feed_escape(e, byte))
        return LINE_EDITING;
    if (byte == '\r' || byte == '\n') {
        e->after_cr = byte == '\r';
        return enter(e);
    }
    if (byte == CTRL('C'))
        return cancel(e);
    if (byte == '\t') {
        complete(e);
        return LINE_EDITING;
    }
    e->after_tab = false;
    feed_key(e, byte);
    return LINE_EDITING;
}

void line_editor_start(struct line_editor *e)
{
    e->length = e->cursor = 0;
    e->too_long = e->after_tab = false;
    e->escape = ESCAPE_NONE;
    e->history_at = e->history_length;
    out_text(e->out, e->prompt);
}

/* The row the cursor is in; of a line that goes over several the others stay. */
void line_editor_hide(struct line_editor *e)
{
    out_text(e->out, "\r\x1b[K"); /* ECMA-48 8.3.41: erase to the end of the line */
}

void line_editor_show(struct line_editor *e)
{
    show_line(e);
}

void line_editor_init(struct line_editor *e, struct out *out, const char *prompt)
{
    memset(e, 0, sizeof *e);
    e->out = out;
    e->prompt = prompt;
}
