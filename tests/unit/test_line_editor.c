/* apps/console/line_editor.c: the keys of docs/console.md, and bytes that are none. */
#include "apps/console/line_editor.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROMPT "> "

COMMAND(run_one, "yalpha one", "One");
static int run_one(struct command_call *call)
{
    return 0;
}

COMMAND(run_only, "yalpha only NUMBER", "Only");
static int run_only(struct command_call *call)
{
    return 0;
}

static char shown[1 << 20];
static size_t shown_length;

static void write_shown(struct out *out, const char *text, size_t n)
{
    assert_true(shown_length + n < sizeof shown);
    memcpy(shown + shown_length, text, n);
    shown_length += n;
    shown[shown_length] = 0;
}

static struct out out = { .write = write_shown };
static struct line_editor *editor;

static int setup(void **state)
{
    host_reset();
    editor = malloc(sizeof *editor); /* overruns are seen */
    line_editor_init(editor, &out, PROMPT);
    line_editor_start(editor);
    shown_length = 0;
    shown[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    free(editor);
    return 0;
}

static enum line_event type(const char *text)
{
    enum line_event event = LINE_EDITING;
    while (*text && event == LINE_EDITING)
        event = line_editor_feed(editor, (uint8_t)*text++);
    assert_int_equal(*text, 0);
    return event;
}

/* What a terminal without width or height shows of it: the last row. */
static const char *screen(void)
{
    static char row[4096];
    size_t column = 0, length = 0;

    for (size_t i = 0; i < shown_length; i++) {
        char c = shown[i];
        if (c == '\b') {
            assert_true(column);
            column--;
        } else if (c == '\n') {
            column = length = 0;
        } else if (c >= ' ' && c <= '~') {
            row[column++] = c;
            length = column > length ? column : length;
        } else {
            assert_int_equal(c, '\a');
        }
    }
    while (length && row[length - 1] == ' ')
        length--;
    row[length] = 0;
    return row;
}

static void gives(const char *keys, const char *line)
{
    teardown(NULL);
    setup(NULL);
    type(keys);
    editor->line[editor->length] = 0;
    assert_string_equal(editor->line, line);
    assert_memory_equal(screen(), line, strlen(screen()));
    assert_int_equal(strspn(line + strlen(screen()), " "), strlen(line) - strlen(screen()));
    assert_int_equal(type("\r"), LINE_DONE);
    assert_string_equal(editor->line, line);
}

static void moving_and_deleting(void **state)
{
    gives("abc", "abc");
    gives("abd\x1b[Dc", "abcd"); /* left */
    gives("bc\x01"
          "a\x05"
          "d",
          "abcd");                       /* Ctrl-A, Ctrl-E */
    gives("bc\x1b[Ha\x1b[Fd", "abcd");   /* Home, End: xterm */
    gives("bc\x1b[1~a\x1b[4~d", "abcd"); /* VT220 */
    gives("bc\x1bOHa\x1bOFd", "abcd");   /* application mode */
    gives("acd\x02\x02"
          "b\x06\x06"
          "e",
          "abcde"); /* Ctrl-B, Ctrl-F */
    gives("abx\x7f"
          "c",
          "abc");
    gives("abx\bc", "abc");
    gives("axbc\x1b[D\x1b[D\x7f", "abc");
    gives("abxc\x1b[D\x1b[D\x1b[3~", "abc"); /* Delete */
    gives("xabc\x01\x04", "abc");            /* Ctrl-D */
    gives("abcxyz\x02\x02\x02\x0b", "abc");  /* Ctrl-K */
    gives("xyz\x15"
          "abc",
          "abc");                   /* Ctrl-U */
    gives("abc two  \x17", "abc "); /* Ctrl-W */
}

static void edges_do_nothing(void **state)
{
    gives("\x1b[D\x7f\x04\x1b[3~\x1b[C\x0b\x15\x17\x1b[A\x1b[Ba\x1b[C\x04", "a");
    gives("\x1b[12;5Xa\x1b[?25hb\x1bxc\x1b[200~d", "abcd"); /* sequences it does not know */
}

static void control_c_forgets_the_line(void **state)
{
    assert_int_equal(type("abc\x03"), LINE_CANCELLED);
    line_editor_start(editor);
    assert_int_equal(type("d\r"), LINE_DONE);
    assert_string_equal(editor->line, "d");
}

static void control_l_shows_the_line_again(void **state)
{
    type("abc\x1b[D\x0c");
    assert_string_equal(shown + shown_length - strlen("\x1b[H\x1b[2J> abc\b"),
                        "\x1b[H\x1b[2J> abc\b");
}

static void every_kind_of_enter_is_one(void **state)
{
    static const char *const enters[] = { "\r", "\n", "\r\n" };

    for (unsigned i = 0; i < ARRAY_SIZE(enters); i++) {
        char text[8] = "a";
        unsigned done = 0;
        strcat(text, enters[i]);
        strcat(text, "b\r");
        line_editor_start(editor);
        for (const char *p = text; *p; p++)
            if (line_editor_feed(editor, (uint8_t)*p) == LINE_DONE) {
                assert_string_equal(editor->line, done++ ? "b" : "a");
                line_editor_start(editor);
            }
        assert_int_equal(done, 2);
    }
}

static void old_line(const char *line)
{
    type(line);
    assert_int_equal(type("\r"), LINE_DONE);
    line_editor_start(editor);
}

static void history(void **state)
{
    old_line("one");
    old_line("two");
    old_line("two"); /* once is enough */
    old_line("  ");  /* nothing to remember */
    type("thr\x1b[A");
    assert_string_equal(screen(), "> two");
    type("\x10");
    assert_string_equal(screen(), "> one");
    type("\x1b[A");
    assert_string_equal(screen(), "> one");
    type("\x1b[B\x0e");
    assert_string_equal(screen(), "> thr");
    type("\x1b[Bee\r");
    assert_string_equal(editor->line, "three");
    line_editor_start(editor);
    type("\x1b[A\x1b[A\x1b[A!\r");
    assert_string_equal(editor->line, "one!");
}

static void history_forgets_the_oldest(void **state)
{
    char line[512];

    for (unsigned i = 0; i < 100; i++) {
        memset(line, 'a' + (int)(i % 26), sizeof line);
        line[sizeof line - 1] = 0;
        old_line(line);
    }
    for (unsigned i = 0; i < 8; i++)
        type("\x1b[A");
    type("\r");
    assert_int_equal(editor->line[0], 'a' + 92 % 26);
    assert_int_equal(strlen(editor->line), 511);
    assert_true(editor->history_length <= LINE_HISTORY_SIZE);
}

static void too_long_is_told_not_cut(void **state)
{
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(line_editor_feed(editor, 'x'), LINE_EDITING);
    assert_int_equal(type("\x7f\x7f\r"), LINE_TOO_LONG);
    line_editor_start(editor);
    assert_int_equal(type("\x1b[A\r"), LINE_DONE);
    assert_string_equal(editor->line, ""); /* not remembered */
    line_editor_start(editor);
    for (unsigned i = 0; i < COMMAND_LINE_MAX - 1; i++)
        type("x");
    assert_int_equal(type("\r"), LINE_DONE);
    assert_int_equal(strlen(editor->line), COMMAND_LINE_MAX - 1);
    line_editor_start(editor);
    for (unsigned i = 0; i < 2000; i++)
        type("x");
    assert_int_equal(type("\x15ok\r"), LINE_DONE); /* Ctrl-U begins anew */
    assert_string_equal(editor->line, "ok");
}

/* Junk is kept, so that it is not run as something else, and shown as '?'. */
static void junk_is_kept_and_shown_printable(void **state)
{
    assert_int_equal(type("a\xc3\xa9\x0f"
                          "b\x02\x7f\x0e\r"),
                     LINE_DONE);
    assert_string_equal(editor->line, "a\xc3\xa9"
                                      "b");
    for (size_t i = 0; i < shown_length; i++)
        assert_true(shown[i] == '\b' || shown[i] == '\n' || (shown[i] >= ' ' && shown[i] <= '~'));
}

static void random_bytes_keep_it_sound(void **state)
{
    uint32_t seed = 7;

    for (unsigned i = 0; i < 200000; i++) {
        seed = seed * 1664525 + 1013904223;
        uint8_t byte =
            seed >> 31 ? (uint8_t)(seed >> 20) : "\x1b[ABCD3~\t ay\x01"[(seed >> 20) % 13];
        shown_length = 0;
        if (line_editor_feed(editor, byte) != LINE_EDITING)
            line_editor_start(editor);
        assert_true(editor->cursor <= editor->length && editor->length < COMMAND_LINE_MAX);
        assert_true(editor->history_at <= editor->history_length);
    }
}

static void tab_completes(void **state)
{
    gives("yal\t\t", "yalpha on"); /* one and only share "on" */
    gives("yal\tonl\t7", "yalpha only 7");
    gives("yal\tone\t", "yalpha one ");
    gives("yal one\x1b[D\x1b[D\x1b[D\x1b[D\t", "yalpha one");
    gives("nothing\t", "nothing");
}

static void second_tab_lists(void **state)
{
    type("yalpha on\t");
    assert_null(strchr(shown, '\n'));
    type("\t");
    assert_non_null(strstr(shown, "\none  only\n> yalpha on"));
    type("ly \t\t");
    assert_non_null(strstr(shown, "\nNUMBER\n> yalpha only "));
    assert_int_equal(type("5\r"), LINE_DONE);
    assert_string_equal(editor->line, "yalpha only 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(moving_and_deleting, setup, teardown),
        cmocka_unit_test_setup_teardown(edges_do_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(control_c_forgets_the_line, setup, teardown),
        cmocka_unit_test_setup_teardown(control_l_shows_the_line_again, setup, teardown),
        cmocka_unit_test_setup_teardown(every_kind_of_enter_is_one, setup, teardown),
        cmocka_unit_test_setup_teardown(history, setup, teardown),
        cmocka_unit_test_setup_teardown(history_forgets_the_oldest, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long_is_told_not_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(junk_is_kept_and_shown_printable, setup, teardown),
        cmocka_unit_test_setup_teardown(random_bytes_keep_it_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(tab_completes, setup, teardown),
        cmocka_unit_test_setup_teardown(second_tab_lists, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
