/* kernel/log.c: levels, the ring, and what firmware's bytes look like in it. */
#include "kernel/log.h"

#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdio.h>
#include <string.h>

static char shown[4096];
static char walked[65536];
static unsigned walked_lines;

static void show(const char *text, size_t n)
{
    strncat(shown, text, n);
}

static void walk(void *ctx, const char *line)
{
    strcat(walked, line);
    strcat(walked, "\n");
    walked_lines++;
}

static void walk_all(void)
{
    walked[0] = 0;
    walked_lines = 0;
    log_for_each(walk, NULL);
}

static int setup(void **state)
{
    host_reset();
    log_reset();
    log_set_sink(show);
    shown[0] = 0;
    return 0;
}

static void levels_filter_the_console_not_the_ring(void **state)
{
    log_debug("d");
    log_info("i");
    log_set_level(LOG_ERROR);
    log_warning("w");
    log_error("e");
    log_set_level(LOG_DEBUG);
    log_debug("d2");
    assert_string_equal(shown, "i\ne\nd2\n");
    walk_all();
    assert_int_equal(walked_lines, 5);
}

static void lines_in_the_ring_carry_the_time(void **state)
{
    host_set_time_us(1234);
    log_info("port %u: up", 1);
    host_set_time_us(4294967295ull * 1000000 + 999999);
    log_info("late");
    walk_all();
    assert_string_equal(walked, "[    0.001234] port 1: up\n[4294967295.999999] late\n");
    assert_string_equal(shown, "port 1: up\nlate\n");
}

static void level_words(void **state)
{
    enum log_level level = LOG_INFO;
    assert_true(log_level_parse("error", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_level_parse("Debug", &level));
    assert_false(log_level_parse("", &level));
    assert_int_equal(level, LOG_DEBUG);
}

/* One event, one line: terminals and `show log` see nothing that moves a cursor. */
static void what_is_not_printable(void **state)
{
    log_info("a\nb\tc\x1b[2J\x7f"
             "d\n");
    assert_string_equal(shown, "a?b?c?[2J?d\n");
    walk_all();
    assert_int_equal(walked_lines, 1);
    log_info("%s", "");
    log_info("\n\n");
    walk_all();
    assert_int_equal(walked_lines, 3);
}

static void long_lines_are_cut_and_say_so(void **state)
{
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    log_info("%s", text);
    assert_int_equal(strlen(shown), 240);
    assert_string_equal(shown + 230, "xxxxxx...\n");
    shown[0] = 0;
    text[239] = 0;
    log_info("%s", text);
    assert_int_equal(strlen(shown), 240);
    assert_string_equal(shown + 230, "xxxxxxxxx\n");
}

static void the_ring_keeps_whole_last_lines(void **state)
{
    char expected[64];
    log_set_level(LOG_ERROR);
    for (unsigned i = 0; i < 5000; i++)
        log_info("line %u of many, with some text behind", i);
    walk_all();
    assert_true(walked_lines > 250 && walked_lines < 350);
    assert_true(strlen(walked) <= 16384);
    unsigned first = 5000 - walked_lines;
    snprintf(expected, sizeof expected, "[    0.000000] line %u of many", first);
    assert_memory_equal(walked, expected, strlen(expected));
    assert_non_null(strstr(walked, "line 4999 of"));
}

/* A walk may yield, and the log goes on under it: it ends, and shows whole
 * lines only. */
static void walk_and_log(void *ctx, const char *line)
{
    assert_memory_equal(line, "[    0.000000] line ", 20);
    walked_lines++;
    for (unsigned i = 0; i < 50; i++)
        log_info("line %u meanwhile", i);
}

static void a_walk_while_lines_are_added(void **state)
{
    log_set_level(LOG_ERROR);
    for (unsigned i = 0; i < 300; i++)
        log_info("line %u before", i);
    walked_lines = 0;
    log_for_each(walk_and_log, NULL);
    assert_true(walked_lines > 3 && walked_lines <= 300);
}

static void an_empty_log(void **state)
{
    walk_all();
    assert_int_equal(walked_lines, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        T(levels_filter_the_console_not_the_ring),
        T(lines_in_the_ring_carry_the_time),
        T(level_words),
        T(what_is_not_printable),
        T(long_lines_are_cut_and_say_so),
        T(the_ring_keeps_whole_last_lines),
        T(a_walk_while_lines_are_added),
        T(an_empty_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
