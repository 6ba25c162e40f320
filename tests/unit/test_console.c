/* apps/console/console.c: the prompt, as a person at a terminal sees it. */
#include "apps/console/console.h"

#include "apps/console/command.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

#define PROMPT "millrace> "

static unsigned runs;

COMMAND_AT_ONCE(run_lines, "wlines NUMBER", "Lines");
static int run_lines(struct command_call *call)
{
    for (uint64_t i = 1; i <= call->arg[0].number; i++)
        out_printf(call->out, "line %u\n", (unsigned)i);
    runs++;
    return 0;
}

static bool waiting;

COMMAND_AT_ONCE(run_wait, "wwait", "Wait");
static int run_wait(struct command_call *call)
{
    out_text(call->out, "waiting\n");
    while (waiting)
        if (!command_wait(call)) {
            out_text(call->out, "interrupted\n");
            return 0;
        }
    out_text(call->out, "done\n");
    return 0;
}

COMMAND(run_change, "wchange", "Change");
static int run_change(struct command_call *call)
{
    return run_wait(call);
}

COMMAND(run_log, "wlog", "Log");
static int run_log(struct command_call *call)
{
    log_info("from within");
    return 0;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (text = strstr(text, what); text; text = strstr(text + 1, what))
        n++;
    return n;
}

/* A second person, beside the host's terminal. */
static struct {
    struct console_device device;
    char text[1 << 16];
    size_t length;
    const char *typed;
} other;

static size_t other_write(struct console_device *d, const char *text, size_t n)
{
    assert_true(other.length + n < sizeof other.text);
    memcpy(other.text + other.length, text, n);
    other.length += n;
    other.text[other.length] = 0;
    return n;
}

static int other_read(struct console_device *d)
{
    return other.typed && *other.typed ? (unsigned char)*other.typed++ : -1;
}

static int setup(void **state)
{
    host_reset();
    console_stop();
    memset(&other, 0, sizeof other);
    other.device =
        (struct console_device){ .name = "other", .write = other_write, .read = other_read };
    runs = 0;
    waiting = true;
    return 0;
}

/* The poll loop, until nothing is said any more. */
static void run_loop(void)
{
    for (unsigned quiet = 0; quiet < 10; quiet++) {
        size_t before = strlen(host_console_output()) + other.length;
        for (unsigned i = 0; i < 200; i++) {
            console_poll();
            task_turn();
        }
        console_flush();
        if (strlen(host_console_output()) + other.length != before)
            quiet = 0;
    }
}

/* All that is on the screen when `keys` have been typed. */
static const char *type(const char *keys)
{
    setup(NULL);
    assert_int_equal(console_start(), 0);
    host_console_type(keys);
    run_loop();
    return host_console_output();
}

/* The same of two. */
static void start_two(void)
{
    setup(NULL);
    assert_int_equal(console_add(&other.device), 0);
    assert_int_equal(console_start(), 0);
}

static void type_at_both(const char *keys, const char *other_keys)
{
    host_console_type(keys);
    other.typed = other_keys;
    run_loop();
}

static void prompt_echo_answer_prompt(void **state)
{
    assert_string_equal(type(""), PROMPT);
    assert_string_equal(type("wlines 2\r"), PROMPT "wlines 2\nline 1\nline 2\n" PROMPT);
    assert_string_equal(type("\r# x\r"), PROMPT "\n" PROMPT "# x\n" PROMPT);
    assert_string_equal(type("wlines 2\x03"), PROMPT "wlines 2^C\n" PROMPT);
}

static void the_log_does_not_tear_what_is_typed(void **state)
{
    type("wlinez 2\b\b\b");
    log_info("eth: link up"); /* as a port's poll() does between two keys */
    assert_string_equal(host_console_output(),
                        PROMPT "wlinez 2\b \b\b \b\b \b\r\x1b[Keth: link up\n" PROMPT "wline");
}

/* Two people at once ----------------------------------------------------------- */

static void two_people_do_not_see_each_other(void **state)
{
    start_two();
    type_at_both("wlines 2\rwlin", "wlines 1\rwl");
    assert_string_equal(host_console_output(), PROMPT "wlines 2\nline 1\nline 2\n" PROMPT "wlin");
    assert_string_equal(other.text, PROMPT "wlines 1\nline 1\n" PROMPT "wl");
    type_at_both("es 3\x10\x10\r", "\t\x10\r"); /* each has a history of its own */
    assert_int_equal(runs, 4);
    assert_non_null(strstr(other.text, "line 1\n" PROMPT "wl"));
    assert_null(strstr(other.text, "line 2"));
}

static void both_see_the_log(void **state)
{
    start_two();
    type_at_both("one", "two");
    log_info("eth: link up");
    console_flush();
    assert_string_equal(host_console_output(), PROMPT "one\r\x1b[Keth: link up\n" PROMPT "one");
    assert_string_equal(other.text, PROMPT "two\r\x1b[Keth: link up\n" PROMPT "two");
}

static void one_waits_the_other_goes_on(void **state)
{
    start_two();
    type_at_both("wwait\r", "wlines 1\r");
    assert_string_equal(host_console_output(), PROMPT "wwait\nwaiting\n");
    assert_string_equal(other.text, PROMPT "wlines 1\nline 1\n" PROMPT);
    type_at_both("", "wwait\r\003");
    assert_non_null(strstr(other.text, "waiting\ninterrupted\n" PROMPT));
    assert_null(strstr(host_console_output(), "interrupted"));
    waiting = false;
    run_loop();
    assert_string_equal(host_console_output(), PROMPT "wwait\nwaiting\ndone\n" PROMPT);
}

/* A page of one's own, and a `--more--` that holds up nobody else. */
static void each_has_a_page_of_its_own(void **state)
{
    start_two();
    type_at_both("page 3\rwlines 9\r", "wlines 9\r");
    assert_non_null(strstr(host_console_output(), "line 2\n--more--"));
    assert_null(strstr(host_console_output(), "line 3"));
    assert_non_null(strstr(other.text, "line 9\n" PROMPT));
    type_at_both("qshow config\r", "show config\r");
    assert_non_null(strstr(host_console_output(), "\npage 3\n"));
    assert_null(strstr(other.text, "\npage "));
}

static void a_configuration_says_what_all_begin_with(void **state)
{
    assert_int_equal(command_run("page 3", &out_console, "configuration", 1), 0);
    assert_int_equal(console_add(&other.device), 0);
    assert_int_equal(console_start(), 0);
    type_at_both("wlines 9\r", "wlines 9\r");
    assert_non_null(strstr(host_console_output(), "line 2\n--more--"));
    assert_non_null(strstr(other.text, "line 2\n--more--"));
}

/* What one has checked does not change under it while it waits. */
static void changes_are_made_one_after_the_other(void **state)
{
    start_two();
    type_at_both("wchange\r", "");
    type_at_both("", "wchange\r");
    assert_string_equal(host_console_output(), PROMPT "wchange\nwaiting\n");
    assert_string_equal(other.text, PROMPT "wchange\n");
    type_at_both("", "\003"); /* who does not want to wait */
    assert_non_null(strstr(other.text, "wchange\nerror: the command of another console "
                                       "still runs\n" PROMPT));
    type_at_both("", "wlines 1\rshow version\rwchange\r"); /* the first two need not */
    assert_non_null(strstr(other.text, "line 1\n" PROMPT "show version\n"));
    assert_non_null(strstr(other.text, "\ncommit"));
    assert_null(strstr(other.text, "waiting"));
    waiting = false;
    run_loop();
    assert_int_equal(count(host_console_output(), "done"), 1);
    assert_int_equal(count(other.text, "done"), 1);
}

/* Typing while a command runs ---------------------------------------------------- */

static void what_is_typed_meanwhile_runs_afterwards(void **state)
{
    const char *text = type("wwait\rwlines 1\rwlines 2\rwl");
    assert_string_equal(text, PROMPT "wwait\nwaiting\n");
    waiting = false;
    run_loop();
    assert_string_equal(host_console_output(),
                        PROMPT "wwait\nwaiting\ndone\n" PROMPT "wlines 1\nline 1\n" PROMPT
                               "wlines 2\nline 1\nline 2\n" PROMPT "wl");
}

static void control_c_alone_interrupts(void **state)
{
    const char *text = type("wwait\rwlines 1\rwl\003");
    assert_string_equal(text, PROMPT "wwait\nwaiting\ninterrupted\n" PROMPT
                                     "wlines 1\nline 1\n" PROMPT "wl");
}

static void too_much_is_refused_line_by_line(void **state)
{
    static char keys[8192];
    strcpy(keys, "wwait\r");
    for (unsigned i = 0; i < 500; i++)
        strcat(keys, "wlines 1\r");
    const char *text = type(keys);
    /* A bell for each key that is refused; the first of a line has room yet. */
    assert_int_equal(count(text, "\a"), 8 * (500 - CONSOLE_INPUT_SIZE / 9));
    waiting = false;
    run_loop();
    assert_int_equal(runs, CONSOLE_INPUT_SIZE / 9); /* whole lines */
    assert_int_equal(count(host_console_output(), "error: "), 0);
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
        cmocka_unit_test_setup(two_people_do_not_see_each_other, setup),
        cmocka_unit_test_setup(both_see_the_log, setup),
        cmocka_unit_test_setup(one_waits_the_other_goes_on, setup),
        cmocka_unit_test_setup(each_has_a_page_of_its_own, setup),
        cmocka_unit_test_setup(a_configuration_says_what_all_begin_with, setup),
        cmocka_unit_test_setup(changes_are_made_one_after_the_other, setup),
        cmocka_unit_test_setup(what_is_typed_meanwhile_runs_afterwards, setup),
        cmocka_unit_test_setup(control_c_alone_interrupts, setup),
        cmocka_unit_test_setup(too_much_is_refused_line_by_line, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
