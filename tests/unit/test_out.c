/* apps/console/out.c: text of any length arrives whole, on the console as anywhere. */
#include "apps/console/out.h"
#include "kernel/task.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

static void text_of_every_length_arrives_whole(void **state)
{
    for (size_t n = 0; n < 600; n++) {
        char *text = malloc(n + 1);
        memset(text, 'x', n);
        text[n] = 0;
        host_reset();
        out_printf(&out_console, "<%s>", text);
        const char *shown = host_console_output();
        assert_int_equal(strlen(shown), n + 2);
        assert_memory_equal(shown + 1, text, n);
        assert_int_equal(shown[n + 1], '>');
        free(text);
    }
}

static void text_is_no_format(void **state)
{
    host_reset();
    out_text(&out_console, "100%s\n");
    assert_string_equal(host_console_output(), "100%s\n");
}

/* A long table is printed by a task, each row in two pieces. */
static void print_table(void *arg)
{
    for (unsigned i = 0; i < 200; i++) {
        out_printf(&out_console, "row %u", i);
        out_text(&out_console, " of many\n");
    }
    *(bool *)arg = true;
}

/* The loop has its turns meanwhile, and what it says then stands on a line of its own. */
static void a_long_table_gives_the_loop_turns_between_its_lines(void **state)
{
    unsigned turns = 0;
    bool done = false;
    host_reset();
    assert_non_null(task_create(print_table, &done));
    for (; !done; turns++) {
        task_turn();
        const char *shown = host_console_output();
        assert_int_equal(shown[strlen(shown) - 1], '\n');
    }
    assert_in_range(turns, 5, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_every_length_arrives_whole),
        cmocka_unit_test(text_is_no_format),
        cmocka_unit_test(a_long_table_gives_the_loop_turns_between_its_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
