/* kernel/task.c: turns, ends, and housekeeping; the contexts are the host's. */
#include "kernel/task.h"

#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <string.h>

static char trace[256];

static void note(char c)
{
    size_t n = strlen(trace);
    assert_true(n + 1 < sizeof trace);
    trace[n] = c;
    trace[n + 1] = 0;
}

static int setup(void **state)
{
    host_reset();
    trace[0] = 0;
    return 0;
}

static void turns(unsigned n)
{
    while (n--)
        task_turn();
}

/* arg: what it notes in each turn, to the text's end. */
static void spell(void *arg)
{
    for (const char *p = arg; *p; p++) {
        note(*p);
        if (p[1])
            assert_true(task_yield());
    }
}

static void turns_go_round(void **state)
{
    assert_non_null(task_create(spell, "abcd"));
    assert_non_null(task_create(spell, "123"));
    assert_non_null(task_create(spell, "xyz"));
    assert_string_equal(trace, ""); /* the first turn is the loop's to give */
    turns(3);
    assert_int_equal(strlen(trace), 3);
    turns(20);
    char in_order[4][8] = { "" };
    for (const char *p = trace; *p; p++) {
        char *line = in_order[*p >= 'x' ? 2 : *p >= 'a' ? 0 : 1];
        strncat(line, p, 1);
    }
    assert_string_equal(in_order[0], "abcd");
    assert_string_equal(in_order[1], "123");
    assert_string_equal(in_order[2], "xyz");
    for (unsigned i = 0; i < 9; i++) /* while all three live, each has one turn of three */
        for (unsigned k = i + 1; k < i + 3 && k < 9; k++)
            assert_true(!strchr(in_order[0], trace[i]) || !strchr(in_order[0], trace[k]));
}

static void without_tasks_a_turn_is_nothing(void **state)
{
    task_turn();
    assert_null(task_current());
}

static struct task *seen;

static void look(void *arg)
{
    seen = task_current();
    note('l');
    task_turn(); /* nobody gets a turn within a turn */
    note('m');
    task_yield();
    assert_ptr_equal(task_current(), seen);
    note('n');
}

static void a_task_knows_itself(void **state)
{
    struct task *t = task_create(look, NULL);
    task_create(spell, "!");
    for (unsigned i = 0; i < 8 && !strchr(trace, 'l'); i++)
        task_turn();
    assert_ptr_equal(seen, t);
    assert_null(task_current());
    assert_non_null(strstr(trace, "lm"));
    turns(4);
    assert_int_equal(trace[strlen(trace) - 1], 'n');
}

static void a_place_serves_the_next_task(void **state)
{
    for (unsigned i = 0; i < 3 * TASKS_MAX; i++) {
        assert_non_null(task_create(spell, "ab"));
        turns(2);
    }
    assert_int_equal(strlen(trace), 6 * TASKS_MAX);
}

static void places_are_limited(void **state)
{
    for (unsigned i = 0; i < TASKS_MAX; i++)
        assert_non_null(task_create(spell, "a"));
    assert_null(task_create(spell, "b"));
    task_turn();
    assert_non_null(task_create(spell, "c"));
    assert_null(task_create(spell, "d"));
    turns(2 * TASKS_MAX);
    assert_int_equal(strlen(trace), TASKS_MAX + 1);
}

static void create_another(void *arg)
{
    assert_non_null(task_create(spell, "xy"));
    note('p');
}

static void a_task_creates_another(void **state)
{
    task_create(create_another, NULL);
    turns(6);
    assert_string_equal(trace, "pxy");
}

static void deep(unsigned n)
{
    volatile char here[1024];
    memset((char *)here, (int)n, sizeof here);
    if (n)
        deep(n - 1);
    else
        task_yield();
    for (unsigned i = 0; i < sizeof here; i++)
        assert_int_equal(here[i], (char)n);
}

static void go_deep(void *arg)
{
    deep(20);
    note(*(const char *)arg);
}

static void each_has_a_stack_of_its_own(void **state)
{
    task_create(go_deep, "a");
    task_create(go_deep, "b");
    turns(8);
    assert_int_equal(strlen(trace), 2);
}

static void a_yield_takes_time(void **state)
{
    task_create(spell, "ab");
    uint64_t before = time_us();
    task_turn();
    assert_true(time_us() >= before + HOST_YIELD_US);
}

/* Housekeeping --------------------------------------------------------------- */

struct piece {
    struct work work;
    const char *text;
    unsigned again;
};

static void do_piece(struct work *w)
{
    struct piece *p = (struct piece *)w;
    assert_true(work_is_pending(w));
    if (p->again && p->again--)
        work_ask(w);
    spell((void *)p->text);
}

static void pieces_are_done_in_order_one_at_a_time(void **state)
{
    struct piece a = { { .run = do_piece }, "abc", 0 }, b = { { .run = do_piece }, "xy", 0 };
    assert_int_equal(work_start(), 0);
    work_ask(&a.work);
    work_ask(&b.work);
    work_ask(&a.work); /* stands there already */
    assert_string_equal(trace, "");
    task_turn();
    assert_string_equal(trace, "a");
    assert_true(work_is_pending(&a.work));
    turns(10);
    assert_string_equal(trace, "abcxy");
    assert_false(work_is_pending(&a.work));
    assert_false(work_is_pending(&b.work));
    work_ask(&b.work);
    turns(3);
    assert_string_equal(trace, "abcxyxy");
}

/* News while it runs: it runs once more. */
static void a_piece_asked_for_while_it_runs_is_run_again(void **state)
{
    struct piece a = { { .run = do_piece }, "ab", 1 };
    work_start();
    work_ask(&a.work);
    turns(10);
    assert_string_equal(trace, "abab");
    assert_false(work_is_pending(&a.work));
}

static void without_the_task_the_queue_can_be_run(void **state)
{
    struct piece a = { { .run = do_piece }, "ab", 0 };
    assert_false(work_run_next());
    work_ask(&a.work);
    assert_true(work_run_next());
    assert_false(work_run_next());
    assert_string_equal(trace, "ab");
}

static void work_to_do_is_done_at_once_where_nobody_keeps_house(void **state)
{
    struct piece a = { { .run = do_piece }, "ab", 0 };
    assert_false(work_has_task());
    work_do(&a.work);
    assert_string_equal(trace, "ab");
    assert_int_equal(work_start(), 0);
    assert_true(work_has_task());
    work_do(&a.work);
    assert_string_equal(trace, "ab");
    turns(3);
    assert_string_equal(trace, "abab");
}

/* A test's end: what stood in the queue can be asked for again. */
static void a_reset_empties_the_queue(void **state)
{
    struct piece a = { { .run = do_piece }, "ab", 0 };
    work_ask(&a.work);
    task_reset();
    assert_false(work_is_pending(&a.work));
    assert_false(work_run_next());
}

/* Devices' waits ------------------------------------------------------------------ */

static unsigned looks;

static void wait_for_a_device(void *arg)
{
    struct deadline d = deadline_us(*(const uint64_t *)arg);
    looks = 1;
    while (!task_deadline_passed(&d))
        looks++;
    note('!');
}

static void a_wait_in_a_task_gives_a_turn_at_each_look(void **state)
{
    uint64_t us = 5 * HOST_YIELD_US;
    task_create(wait_for_a_device, &us);
    task_create(spell, "abcdefghijkl");
    turns(2);
    assert_int_equal(looks, 1);
    turns(2);
    assert_int_equal(looks, 2);
    turns(20);
    assert_non_null(strchr(trace, '!'));
}

/* We were away for longer than the device is given. */
static void there_is_one_more_look_before_the_time_is_up(void **state)
{
    uint64_t us = HOST_YIELD_US;
    task_create(wait_for_a_device, &us);
    task_turn();
    host_advance_us(US_PER_S);
    assert_string_equal(trace, "");
    task_turn();
    assert_int_equal(looks, 2);
    assert_string_equal(trace, "!");
}

static uint64_t delay_us, delayed_us;

static void delay(void *arg)
{
    uint64_t before = time_us();
    task_delay_us(delay_us);
    delayed_us = time_us() - before;
    note('!');
}

static void a_long_delay_gives_turns_and_a_short_one_does_not(void **state)
{
    delay_us = 10 * HOST_YIELD_US;
    task_create(delay, NULL);
    task_turn();
    assert_string_equal(trace, "");
    turns(20);
    assert_string_equal(trace, "!");
    assert_true(delayed_us >= delay_us);
    delay_us = 20;
    task_create(delay, NULL);
    task_turn();
    assert_string_equal(trace, "!!");
    assert_true(delayed_us >= delay_us);
}

static void the_loop_waits_by_itself(void **state)
{
    struct deadline d = deadline_us(100);
    uint64_t before = time_us();
    task_create(spell, "a");
    while (!task_deadline_passed(&d))
        continue;
    task_delay_us(1000);
    assert_true(time_us() >= before + 1100);
    assert_string_equal(trace, "");
}

/* Resting ------------------------------------------------------------------------- */

static bool asked;

/* Waits for being asked once, then for the clock. */
static void rest_and_wait(void *arg)
{
    struct deadline d;
    while (!asked)
        task_rest();
    d = deadline_us(5 * HOST_YIELD_US);
    while (!task_deadline_passed(&d))
        continue;
}

static void all_tasks_rest_when_none_waits_for_the_clock(void **state)
{
    struct piece a = { { .run = do_piece }, "a", 0 };
    asked = false;
    assert_true(tasks_rest()); /* there are none */
    assert_int_equal(work_start(), 0);
    assert_non_null(task_create(rest_and_wait, NULL));
    assert_false(tasks_rest()); /* they have not had a turn yet */
    turns(2);
    assert_true(tasks_rest());
    work_ask(&a.work);
    assert_false(tasks_rest());
    turns(4);
    assert_true(tasks_rest());
    asked = true;
    turns(2);
    assert_false(tasks_rest());
    turns(20);
    assert_true(tasks_rest()); /* it is over */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        T(turns_go_round),
        T(without_tasks_a_turn_is_nothing),
        T(a_task_knows_itself),
        T(a_place_serves_the_next_task),
        T(places_are_limited),
        T(a_task_creates_another),
        T(each_has_a_stack_of_its_own),
        T(a_yield_takes_time),
        T(all_tasks_rest_when_none_waits_for_the_clock),
        T(pieces_are_done_in_order_one_at_a_time),
        T(a_piece_asked_for_while_it_runs_is_run_again),
        T(without_the_task_the_queue_can_be_run),
        T(work_to_do_is_done_at_once_where_nobody_keeps_house),
        T(a_reset_empties_the_queue),
        T(a_wait_in_a_task_gives_a_turn_at_each_look),
        T(there_is_one_more_look_before_the_time_is_up),
        T(a_long_delay_gives_turns_and_a_short_one_does_not),
        T(the_loop_waits_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
