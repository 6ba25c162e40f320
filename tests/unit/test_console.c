/* apps/console/console.c: the prompt, as a person at a terminal sees it. */
#include "apps/console/console.h"

#include "apps/console/command.h"
#include "kernel/log.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

#define PROMPT "millrace> "

static unsigned runs;

COMMAND(run_lines, "wlines NUMBER", "Lines");
static int run_lines(struct command_call *call)
{
    for (uint64_t i = 1; i <= call->arg[0].number; i++)
        out_printf(call->out, "line %u\n", (unsigned)i);
    runs++;
    return 0;
}

COMMAND(run_log, "wlog", "Log");
static int run_log(struct command_call *call)
{
    log_info("from within");
    return 0;
}

static jmp_buf nothing_typed;
static size_t seen;

/* The console waits for a key that will not come: the test goes on. */
static void yielded(void)
{
    size_t n = strlen(host_console_output());
    bool idle = n == seen;

    seen = n;
    if (idle)
        longjmp(nothing_typed, 1);
}

static int setup(void **state)
{
    host_reset();
    console_task_reset();
    runs = 0;
    seen = 0;
    return 0;
}

/* All that is on the screen when `keys` have been typed. */
static const char *type(const char *keys)
{
    setup(NULL);
    host_set_yield(yielded);
    host_console_type(keys);
    if (!setjmp(nothing_typed))
        console_task(NULL);
    host_set_yield(NULL);
    return host_console_output();
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (text = strstr(text, what); text; text = strstr(text + 1, what))
        n++;
    return n;
}

static void prompt_echo_answer_prompt(void **state)
{
    assert_string_equal(type(""), PROMPT);
    assert_string_equal(type("wlines 2\r"), PROMPT "wlines 2\nline 1\nline 2\n" PROMPT);
    assert_string_equal(type("\r# x\r"), PROMPT "\n" PROMPT "# x\n" PROMPT);
    assert_string_equal(type("wlines 2\x03"), PROMPT "wlines 2^C\n" PROMPT);
}

/* As a port's poll() does between two keys. */
static void yielded_to_the_log(void)
{
    static const char *what = "eth: link up";
    if (strlen(host_console_output()) == seen && what) {
        log_info("%s", what);
        what = NULL;
    }
    yielded();
}

static void the_log_does_not_tear_what_is_typed(void **state)
{
    host_set_yield(yielded_to_the_log);
    host_console_type("wlinez 2\b\b\b");
    if (!setjmp(nothing_typed))
        console_task(NULL);
    assert_string_equal(host_console_output(),
                        PROMPT "wlinez 2\b \b\b \b\b \b\r\x1b[Keth: link up\n" PROMPT "wline");
}

static void the_log_of_a_command_is_left_alone(void **state)
{
    assert_string_equal(type("wlog\r"), PROMPT "wlog\nfrom within\n" PROMPT);
}

static void type_ahead_is_kept(void **state)
{
    type("wlines 1\rwlines 2\rwlines 3\rwli");
    assert_int_equal(runs, 3);
}

/* "a 5,000-character line ...: each gets its one-line error" */
static void a_five_thousand_character_line_is_one_error(void **state)
{
    char *line = malloc(5100);

    memset(line, 'x', 5000);
    strcpy(line + 5000, "\rwlines 1\r");
    const char *text = type(line);
    free(line);
    assert_int_equal(count(text, "error: "), 1);
    assert_non_null(strstr(text, "\nerror: line is too long, expected at most 1023 characters\n"));
    assert_int_equal(runs, 1);
}

/* "binary junk on the serial line" */
static void junk_is_one_error_and_printable(void **state)
{
    const char *text = type("\xff\xfe\x0f\x1b[999~\xc3(\x80junk\x1bx\rwlines 1\r");

    assert_int_equal(count(text, "error: "), 1);
    assert_int_equal(runs, 1);
    for (; *text; text++)
        assert_true(*text == '\n' || (*text >= ' ' && *text <= '~'));
}

static void pager_stops_after_each_page(void **state)
{
    const char *text = type("page 5\rwlines 10\r");
    assert_non_null(strstr(text, "line 4\n--more--"));
    assert_null(strstr(text, "line 5"));

    text = type("page 5\rwlines 10\r "); /* space: the next page */
    assert_non_null(strstr(text, "line 8\n--more--"));
    assert_null(strstr(text, "line 9"));

    text = type("page 5\rwlines 10\r\r"); /* Enter: the next line */
    assert_non_null(strstr(text, "line 5\n--more--"));
    assert_null(strstr(text, "line 6"));

    text = type("page 5\rwlines 10\rx  "); /* x: nothing */
    assert_non_null(strstr(text, "line 10\n" PROMPT));
    assert_int_equal(count(text, "--more--"), 2);
}

static void pager_can_be_left(void **state)
{
    const char *text = type("page 5\rwlines 10\rqwlines 2\r");
    assert_null(strstr(text, "line 5"));
    assert_int_equal(count(text, "line 2\n"), 2);
    assert_int_equal(runs, 2);
    text = type("page 5\rwlines 10\r\x03wlines 2\r");
    assert_null(strstr(text, "line 5"));
    assert_int_equal(runs, 2);
}

static void pager_on_and_off(void **state)
{
    assert_int_equal(count(type("wlines 100\r"), "--more--"), 0);
    assert_int_equal(count(type("page on\rwlines 24\r"), "line 23\n--more--"), 1);
    assert_int_equal(count(type("page on\rwlines 23\r"), "--more--"), 0);
    assert_int_equal(count(type("page 3\rpage off\rwlines 100\r"), "--more--"), 0);
    assert_int_equal(count(type("page 1\rwlines 9\r"), "error: '1' lines are no page, "
                                                       "expected 2 to 1000\n"),
                     1);
    assert_int_equal(count(type("page 1001\r"), "error: "), 1);
    assert_non_null(strstr(type("page 40\rshow config\r"), "\npage 40\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(prompt_echo_answer_prompt, setup),
        cmocka_unit_test_setup(the_log_does_not_tear_what_is_typed, setup),
        cmocka_unit_test_setup(the_log_of_a_command_is_left_alone, setup),
        cmocka_unit_test_setup(type_ahead_is_kept, setup),
        cmocka_unit_test_setup(a_five_thousand_character_line_is_one_error, setup),
        cmocka_unit_test_setup(junk_is_one_error_and_printable, setup),
        cmocka_unit_test_setup(pager_stops_after_each_page, setup),
        cmocka_unit_test_setup(pager_can_be_left, setup),
        cmocka_unit_test_setup(pager_on_and_off, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
