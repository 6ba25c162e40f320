/* kernel/console.c: the rings, and devices of every speed under them. */
#include "kernel/console.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <string.h>

/* A terminal that takes `budget` bytes in all and `slice` at a time. */
struct terminal {
    struct console_device device;
    size_t budget, slice;
    char text[262144];
    size_t count;
    const char *typed;
    unsigned calls, holds, releases;
    bool busy;
};

static struct terminal one, two;

static size_t terminal_write(struct console_device *d, const char *text, size_t n)
{
    struct terminal *t = container_of(d, struct terminal, device);
    n = min_u64(min_u64(n, t->slice), t->budget);
    assert_true(t->count + n < sizeof t->text);
    memcpy(t->text + t->count, text, n);
    t->count += n;
    t->text[t->count] = 0;
    t->budget -= n;
    t->calls++;
    return n;
}

static int terminal_read(struct console_device *d)
{
    struct terminal *t = container_of(d, struct terminal, device);
    return t->typed && *t->typed ? (unsigned char)*t->typed++ : -1;
}

static void terminal_hold(struct console_device *d, bool on)
{
    struct terminal *t = container_of(d, struct terminal, device);
    *(on ? &t->holds : &t->releases) += 1;
}

static bool terminal_idle(struct console_device *d)
{
    return !container_of(d, struct terminal, device)->busy;
}

static void terminal_init(struct terminal *t, const char *name)
{
    memset(t, 0, sizeof *t);
    t->device.name = name;
    t->device.write = terminal_write;
    t->device.read = terminal_read;
    t->budget = t->slice = SIZE_MAX;
}

static int setup(void **state)
{
    host_reset();
    console_reset();
    terminal_init(&one, "one");
    terminal_init(&two, "two");
    return 0;
}

static void put(const char *text)
{
    console_write(text, strlen(text));
}

/* n bytes that differ from their neighbours at any distance below 64 KiB. */
static void fill(char *text, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (char)('!' + (seed >> 24) % 90);
    }
}

static char big[200000];

static void text_before_any_device_is_kept(void **state)
{
    put("early ");
    assert_int_equal(console_add(&one.device), 0);
    put("late");
    assert_int_equal(one.count, 0); /* nothing leaves by itself */
    console_poll();
    assert_string_equal(one.text, "early late");
}

static void the_last_of_much_early_text_is_kept(void **state)
{
    fill(big, 100000, 1);
    console_write(big, 100000);
    console_add(&one.device);
    console_flush();
    assert_int_equal(one.count, CONSOLE_OUTPUT_SIZE);
    assert_memory_equal(one.text, big + 100000 - CONSOLE_OUTPUT_SIZE, CONSOLE_OUTPUT_SIZE);
}

static void one_slice_for_each_poll(void **state)
{
    console_add(&one.device);
    one.slice = 16;
    put("0123456789abcdef0123456789");
    console_poll();
    assert_int_equal(one.count, 16);
    assert_int_equal(one.calls, 1);
    console_poll();
    assert_int_equal(one.count, 26);
    console_poll();
    assert_int_equal(one.calls, 2); /* nothing left: not called */
}

static unsigned turns;

static bool take_a_turn(void)
{
    turns++;
    console_poll();
    host_advance_us(100);
    return true;
}

/* As in the poll loop. */
static bool must_not_wait(void)
{
    turns++;
    return false;
}

/* More text than the ring: the writer waits, the machine runs, nothing is lost. */
static void nothing_is_lost_when_the_ring_is_full(void **state)
{
    console_set_wait(take_a_turn);
    console_add(&one.device);
    console_add(&two.device);
    one.slice = 16;
    two.slice = 23; /* never in step with the ring's end */
    turns = 0;
    fill(big, sizeof big, 2);
    console_write(big, sizeof big);
    assert_true(turns > (sizeof big - CONSOLE_OUTPUT_SIZE) / 32 / 2);
    console_flush();
    assert_int_equal(one.count, sizeof big);
    assert_memory_equal(one.text, big, sizeof big);
    assert_int_equal(two.count, sizeof big);
    assert_memory_equal(two.text, big, sizeof big);
}

static void without_a_hook_waiting_polls(void **state)
{
    console_add(&one.device);
    one.slice = 16;
    fill(big, 70000, 3);
    console_write(big, 70000);
    console_flush();
    assert_memory_equal(one.text, big, 70000);
    assert_int_equal(one.count, 70000);
}

/* A dead terminal holds up nobody for ever, and is told when it comes back. */
static void a_stalled_device_is_passed_over(void **state)
{
    console_set_wait(take_a_turn);
    console_add(&one.device);
    console_add(&two.device);
    one.budget = 100;
    fill(big, 100000, 4);
    console_write(big, 100000);
    console_flush();
    assert_int_equal(one.count, 100);
    assert_int_equal(two.count, 100000);
    assert_memory_equal(two.text, big, 100000);

    turns = 0;
    console_write(big, 100000); /* not waited for again */
    assert_true(turns < 100);
    one.budget = SIZE_MAX;
    console_poll();
    console_flush();
    assert_true(host_log_contains("console: one missed"));
    put("again");
    console_flush();
    assert_memory_equal(one.text + one.count - 5, "again", 5);
    assert_memory_equal(two.text + 100000, big, 100000);
}

static void fill_up(void)
{
    console_set_wait(take_a_turn);
    one.budget = 0;
    fill(big, CONSOLE_OUTPUT_SIZE - CONSOLE_RESERVE, 7);
    console_write(big, CONSOLE_OUTPUT_SIZE - CONSOLE_RESERVE);
    console_set_wait(must_not_wait);
    turns = 0;
}

/* A command waits for a full terminal: the loop's turn, in which a link goes down. */
static bool a_turn_with_news(void)
{
    if (one.budget)
        return true;
    console_set_wait(must_not_wait);
    put("port 0: link down\n");
    console_set_wait(a_turn_with_news);
    one.budget = SIZE_MAX;
    return true;
}

/* However much a command prints, there is room left for what the loop has to say. */
static void the_loop_has_room_of_its_own(void **state)
{
    console_add(&one.device);
    one.budget = turns = 0;
    console_set_wait(a_turn_with_news);
    fill(big, CONSOLE_OUTPUT_SIZE, 7);
    console_write(big, CONSOLE_OUTPUT_SIZE);
    console_flush();
    assert_int_equal(one.count, CONSOLE_OUTPUT_SIZE + 18);
    assert_non_null(strstr(one.text, "port 0: link down\n"));
    assert_false(host_log_contains("missed"));
}

/* Nor does it wait when that is full too; terminals that keep up miss nothing. */
static void the_loop_waits_for_nobody(void **state)
{
    console_add(&one.device);
    console_add(&two.device);
    fill_up();
    uint64_t before = time_us();
    for (unsigned i = 0; i < 2 * CONSOLE_RESERVE / 18; i++)
        put("port 0: link down\n");
    assert_true(time_us() - before < US_PER_MS); /* the clock itself takes its time here */
    assert_true(turns <= 2 * CONSOLE_RESERVE / 18);
    console_flush();
    assert_int_equal(two.count,
                     CONSOLE_OUTPUT_SIZE - CONSOLE_RESERVE + 2 * CONSOLE_RESERVE / 18 * 18);
    one.budget = SIZE_MAX;
    console_poll();
    console_flush();
    assert_true(host_log_contains("console: one missed"));
    assert_string_equal(one.text + one.count - 18, "port 0: link down\n");
}

/* Slow is not dead: a byte now and then is enough. */
static void a_slow_device_loses_nothing(void **state)
{
    console_set_wait(take_a_turn);
    console_add(&one.device);
    one.slice = 1;
    fill(big, 40000, 5);
    console_write(big, 40000);
    console_flush();
    assert_int_equal(one.count, 40000);
    assert_memory_equal(one.text, big, 40000);
}

static void flush_is_bounded(void **state)
{
    console_add(&one.device);
    one.budget = 3;
    put("stuck");
    console_flush(); /* comes back */
    assert_string_equal(one.text, "stu");
    one.budget = SIZE_MAX;
    console_flush();
    assert_string_equal(one.text, "stuck");
    one.device.idle = terminal_idle;
    one.busy = true;
    put("!");
    console_flush();
    assert_string_equal(one.text, "stuck!");
}

/* Two with keys: what is typed at one is not seen at the other, nor what is said to it. */
static void each_keyboard_is_a_terminal_of_its_own(void **state)
{
    put("early ");
    console_add(&one.device);
    console_add(&two.device);
    struct console_terminal *first = console_terminal(0), *second = console_terminal(1);
    assert_non_null(second);
    assert_null(console_terminal(2));
    assert_int_equal(console_getc(first), -1);
    one.typed = "ab";
    two.typed = "\xff";
    console_poll();
    assert_int_equal(console_getc(first), 'a');
    assert_int_equal(console_getc(second), 0xff);
    assert_int_equal(console_getc(second), -1);
    assert_int_equal(console_getc(first), 'b');
    assert_int_equal(console_getc(first), -1);
    console_write_to(first, "first ", 6);
    console_write_to(second, "second ", 7);
    put("all");
    console_flush();
    assert_string_equal(one.text, "early first all");
    assert_string_equal(two.text, "early second all");
}

/* What only shows goes with the first, whichever came before the other. */
static void screens_show_the_first_terminal(void **state)
{
    static struct terminal screen, late;
    terminal_init(&screen, "screen");
    terminal_init(&late, "late");
    screen.device.read = late.device.read = NULL;
    console_add(&screen.device);
    console_add(&one.device);
    console_add(&two.device);
    console_add(&late.device);
    console_write_to(console_terminal(0), "first ", 6);
    console_write_to(console_terminal(1), "second ", 7);
    put("all");
    console_flush();
    assert_string_equal(screen.text, "first all");
    assert_string_equal(one.text, "first all");
    assert_string_equal(two.text, "second all");
    assert_string_equal(late.text, "first all");
}

/* A terminal that takes nothing keeps nobody waiting at another. */
static void terminals_do_not_wait_for_each_other(void **state)
{
    console_set_wait(take_a_turn);
    console_add(&one.device);
    console_add(&two.device);
    two.budget = 0;
    fill(big, 100000, 9);
    uint64_t before = time_us();
    console_write_to(console_terminal(0), big, 100000);
    assert_true(time_us() - before < CONSOLE_STALL_US);
    console_flush();
    assert_memory_equal(one.text, big, 100000);
    assert_int_equal(two.count, 0);
}

static void read_all(struct console_terminal *t, char *text)
{
    int c;
    while ((c = console_getc(t)) >= 0)
        *text++ = (char)c;
    *text = 0;
}

/* Ctrl-C alone interrupts; what else was typed stays, in order. */
static void a_break_is_taken_out_of_what_was_typed(void **state)
{
    char text[64];
    console_add(&one.device);
    struct console_terminal *t = console_terminal(0);
    one.typed = "show version\r";
    console_poll();
    assert_false(console_break(t));
    one.typed = "st\003op\003\r";
    console_poll();
    assert_true(console_break(t));
    assert_true(console_break(t));
    assert_false(console_break(t));
    read_all(t, text);
    assert_string_equal(text, "show version\rstop\r");
    one.typed = "a\003"; /* who reads gets it as a key */
    console_poll();
    read_all(t, text);
    assert_string_equal(text, "a\003");
    assert_false(console_break(t));
}

static void poll_all(void)
{
    while (*one.typed)
        console_poll();
}

/* While a command listens the device is not asked to pause, for then Ctrl-C could not come:
 * lines that do not fit are refused as a whole. */
static void what_does_not_fit_beside_a_command_is_refused(void **state)
{
    static char text[CONSOLE_INPUT_SIZE + 1];
    console_add(&one.device);
    one.device.hold = terminal_hold;
    struct console_terminal *t = console_terminal(0);
    assert_false(console_break(t));
    memset(big, 'x', CONSOLE_INPUT_SIZE);
    memcpy(big + CONSOLE_INPUT_SIZE - 6, "\rport ", 6);
    strcpy(big + CONSOLE_INPUT_SIZE, "0 down\rstop\r");
    one.typed = big;
    poll_all();
    assert_int_equal(one.holds, 0);
    console_flush();
    assert_string_equal(one.text, "\a\a\a\a\a\a\a"); /* "0 down" and Enter */
    assert_false(console_break(t));
    one.typed = "longer\003 than room\r"; /* and the break comes through */
    poll_all();
    assert_true(console_break(t));
    assert_false(console_break(t));
    read_all(t, text);
    assert_int_equal(strlen(text), CONSOLE_INPUT_SIZE);
    assert_string_equal(text + CONSOLE_INPUT_SIZE - 7, "x\rstop\r"); /* which fitted again */
}

/* Input that does not fit stays in the device, which is asked to pause; all of
 * it arrives. */
static void input_is_held_not_lost(void **state)
{
    fill(big, 20000, 6);
    big[20000] = 0;
    one.typed = big;
    one.device.hold = terminal_hold;
    console_add(&one.device);
    console_add(&two.device);
    for (unsigned i = 0; i < 10000; i++)
        console_poll();
    assert_int_equal(one.typed - big, CONSOLE_INPUT_SIZE);
    assert_int_equal(one.holds, 1);
    assert_int_equal(one.releases, 0);
    for (unsigned i = 0; i < 20000; i++) {
        assert_int_equal(console_getc(console_terminal(0)), (unsigned char)big[i]);
        if (i % 3 == 0)
            console_poll();
    }
    assert_int_equal(console_getc(console_terminal(0)), -1);
    console_poll();
    assert_int_equal(one.holds, one.releases);
}

static unsigned drawn;

static void count_drawing(struct console_device *d)
{
    drawn++;
}

/* Input that nobody takes stops no screen. */
static void a_screen_is_drawn_while_input_waits(void **state)
{
    fill(big, 2 * CONSOLE_INPUT_SIZE, 6);
    big[2 * CONSOLE_INPUT_SIZE] = 0;
    one.typed = big;
    console_add(&one.device);
    two.device.read = NULL;
    two.device.draw = count_drawing;
    console_add(&two.device);
    for (unsigned i = 0; i < 2 * CONSOLE_INPUT_SIZE; i++)
        console_poll();
    drawn = 0;
    console_poll();
    assert_int_equal(drawn, 1);
}

/* A key or a byte that leaves keeps it awake for a while; a key that nobody takes and a screen that
 * is still drawing keep it awake for longer, a device that takes nothing does not. */
static void it_is_quiet_when_nothing_moves(void **state)
{
    one.device.idle = terminal_idle;
    console_add(&one.device);
    assert_true(console_is_quiet());
    one.typed = "a";
    console_poll();
    host_advance_us(CONSOLE_QUIET_US);
    assert_false(console_is_quiet());
    assert_int_equal(console_getc(console_terminal(0)), 'a');
    assert_true(console_is_quiet());
    put("b");
    console_poll();
    assert_false(console_is_quiet());
    host_advance_us(CONSOLE_QUIET_US);
    one.busy = true;
    assert_false(console_is_quiet());
    one.busy = false;
    assert_true(console_is_quiet());
    one.budget = 0;
    put("c");
    console_poll();
    assert_true(console_is_quiet());
    one.budget = 1;
    console_poll();
    assert_false(console_is_quiet());
}

static void too_many_devices(void **state)
{
    struct console_device d[CONSOLE_DEVICES_MAX + 1] = { 0 };
    assert_false(console_has(NULL));
    for (unsigned i = 0; i < CONSOLE_DEVICES_MAX; i++) {
        d[i] = one.device;
        assert_int_equal(console_add(&d[i]), 0);
    }
    assert_int_equal(console_add(&d[CONSOLE_DEVICES_MAX]), -ENOSPC);
    assert_true(console_has("one"));
    assert_true(console_has(NULL));
    assert_false(console_has("two"));
    console_reset();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        T(text_before_any_device_is_kept),
        T(the_last_of_much_early_text_is_kept),
        T(one_slice_for_each_poll),
        T(nothing_is_lost_when_the_ring_is_full),
        T(without_a_hook_waiting_polls),
        T(a_stalled_device_is_passed_over),
        T(the_loop_has_room_of_its_own),
        T(the_loop_waits_for_nobody),
        T(a_slow_device_loses_nothing),
        T(flush_is_bounded),
        T(each_keyboard_is_a_terminal_of_its_own),
        T(screens_show_the_first_terminal),
        T(terminals_do_not_wait_for_each_other),
        T(a_break_is_taken_out_of_what_was_typed),
        T(what_does_not_fit_beside_a_command_is_refused),
        T(input_is_held_not_lost),
        T(a_screen_is_drawn_while_input_waits),
        T(it_is_quiet_when_nothing_moves),
        T(too_many_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
