/* apps/forward/rest.c: when a worker rests and for how long.  What wakes it is in
 * tests/threads/test_rest.c. */
#include "apps/forward/assign.h"
#include "apps/forward/forward.h"
#include "apps/forward/rest.h"
#include "kernel/cpus.h"
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#define WORKERS 4u

static bool quiet;
static unsigned asked;

static bool is_quiet(void)
{
    asked++;
    return quiet;
}

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    quiet = true;
    assert_int_equal(forward_init_workers(1024, WORKERS), 0);
    for (unsigned i = 0; i < 3; i++)
        lan[i] = wire_port_create();
    forward_set_control_hook(NULL, is_quiet);
    forward_turn();
    rest_want(true);
    assert_true(rest_is_ready());
    return 0;
}

static int tear_down(void **state)
{
    rest_want(false);
    forward_shutdown();
    for (unsigned i = 0; i < 3; i++)
        wire_port_destroy(lan[i]);
    return 0;
}

/* A turn that finds nothing, and what follows it. */
static bool idle_turn(struct worker *worker)
{
    assert_int_equal(worker_poll(worker), 0);
    worker_end_turn(worker, false);
    return rest_step(worker, 0);
}

static void a_worker_rests_when_it_has_found_nothing_for_a_while(void **state)
{
    struct worker *worker = worker_get(1);
    worker_end_turn(worker, true);
    assert_false(idle_turn(worker));
    assert_null(worker->disarm);
    host_advance_us(REST_AFTER_LOOKER_US);
    assert_false(idle_turn(worker)); /* the queues are armed, */
    assert_non_null(worker->disarm);
    assert_true(idle_turn(worker)); /* and looked at once more */
    assert_null(worker->disarm);
    assert_int_equal(worker->wakeups, 1);
    assert_false(worker->turns.resting);
}

static void arm(struct port_queue *queue, bool on) {}

/* Where the next frame raises an interrupt it waits for no more than a halt's end. */
static void it_looks_on_longer_where_nothing_would_wake_it(void **state)
{
    struct worker *worker = worker_get(1);
    struct port_queue *queue = lan[0]->port.rxq[0];
    const struct port_ops *before = lan[0]->port.ops;
    static struct port_ops ops; /* a test that fails leaves it there */
    assert_int_equal(assign_pin(&lan[0]->port, 0, 1), 0);
    ops = *before;
    ops.arm = arm;
    lan[0]->port.ops = &ops;
    for (unsigned interrupts = 0; interrupts < 2; interrupts++) {
        queue->interrupts = interrupts;
        worker_end_turn(worker, true);
        host_advance_us(REST_AFTER_US);
        assert_false(idle_turn(worker));
        assert_int_equal(idle_turn(worker), interrupts);
    }
    lan[0]->port.ops = before;
}

static void one_that_found_something_does_not(void **state)
{
    struct worker *worker = worker_get(1);
    host_advance_us(REST_AFTER_LOOKER_US);
    idle_turn(worker);
    worker_end_turn(worker, true);
    assert_false(rest_step(worker, 0));
    assert_int_equal(worker->wakeups, 0);
}

/* The three queues are worker 1's; one of them knows when its next frame comes. */
static void a_frame_whose_time_is_known_is_not_slept_through(void **state)
{
    struct worker *worker = worker_get(1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(assign_pin(&lan[i]->port, 0, 1), 0);
    worker_end_turn(worker, true);
    host_advance_us(REST_AFTER_LOOKER_US);
    lan[1]->port.rxq[0]->due_us = time_us() + REST_EARLY_US / 2;
    for (unsigned i = 0; i < 4; i++)
        assert_false(idle_turn(worker));
    assert_null(worker->disarm);
    host_advance_us(US_PER_S); /* late already */
    assert_false(idle_turn(worker));
    lan[1]->port.rxq[0]->due_us = time_us() + 10 * REST_EARLY_US;
    assert_false(idle_turn(worker));
    assert_true(idle_turn(worker)); /* there is time for a short one */
    assert_int_equal(worker->wakeups, 1);
    assert_false(idle_turn(worker));
    assert_non_null(worker->disarm);
    lan[1]->port.rxq[0]->due_us = time_us() + 1; /* between the look and the halt */
    assert_false(idle_turn(worker));
    assert_null(worker->disarm);
    lan[1]->port.rxq[0]->due_us = 0;
    assert_false(idle_turn(worker));
    assert_true(idle_turn(worker));
}

static void nobody_rests_who_is_not_to(void **state)
{
    struct worker *worker = worker_get(1);
    rest_want(false);
    host_advance_us(US_PER_S);
    for (unsigned i = 0; i < 4; i++)
        assert_false(idle_turn(worker));
    assert_int_equal(rest_look_us(), 0);
}

static void the_more_workers_look_the_less_often_each_does(void **state)
{
    assert_int_equal(rest_look_us(), REST_LOOK_MOST_US);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(assign_pin(&lan[i]->port, 0, 1), 0);
    assert_int_equal(rest_look_us(), REST_LOOK_US);
}

static void control_turns(void)
{
    for (unsigned i = 0; i < 8; i++) {
        forward_turn();
        forward_rest();
    }
}

static void the_control_task_rests_when_it_has_nothing_to_do(void **state)
{
    struct worker *control = control_worker();
    host_advance_us(REST_AFTER_LOOKER_US);
    quiet = false;
    control_turns();
    assert_int_equal(control->wakeups, 0);
    quiet = true;
    control_turns();
    assert_true(control->wakeups >= 3);
    assert_int_equal(forward_set_mode(forward_find_mode("txonly")), 0);
    forward_start();
    uint64_t before = control->wakeups;
    control_turns(); /* frames are to be made */
    assert_int_equal(control->wakeups, before);
}

/* Every turn between two frames would ask all rooms otherwise. */
static void nobody_is_asked_before_it_is_time(void **state)
{
    assert_int_equal(assign_pin(&lan[0]->port, 0, 0), 0);
    worker_end_turn(control_worker(), true);
    asked = 0;
    control_turns();
    assert_int_equal(asked, 0);
    host_advance_us(REST_AFTER_LOOKER_US);
    control_turns();
    assert_true(asked > 0);
}

/* Of one that rests the statistics tell what it has rested so far. */
static void time_at_rest_is_idle(void **state)
{
    struct worker *worker = worker_get(1);
    struct worker_totals before, after;
    stats_worker_totals(1, &before);
    turns_rest(&worker->turns, true);
    host_advance_us(1000);
    stats_worker_totals(1, &after);
    assert_true(after.resting);
    assert_true(after.idle_cycles - before.idle_cycles >= 1000 * time_cycles_per_us());
    turns_rest(&worker->turns, false);
    worker_count_idle(worker);
    stats_worker_totals(1, &before);
    assert_true(before.idle_cycles >= after.idle_cycles);
    assert_int_equal(before.busy_cycles, after.busy_cycles);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_worker_rests_when_it_has_found_nothing_for_a_while),
        TEST(it_looks_on_longer_where_nothing_would_wake_it),
        TEST(one_that_found_something_does_not),
        TEST(a_frame_whose_time_is_known_is_not_slept_through),
        TEST(nobody_rests_who_is_not_to),
        TEST(the_more_workers_look_the_less_often_each_does),
        TEST(the_control_task_rests_when_it_has_nothing_to_do),
        TEST(nobody_is_asked_before_it_is_time),
        TEST(time_at_rest_is_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
