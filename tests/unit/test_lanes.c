/* apps/forward/worker.c and assign.c: frames that one worker receives and another sends.  Four
 * workers, whose turns the test takes by hand; the control task has none of the queues. */
#include "apps/forward/assign.h"
#include "apps/forward/forward.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#define WORKERS 4u
#define A 0x020000000001ull
#define B 0x020000000002ull
#define SOME 20u /* fewer than a burst: they stay in the worker's buffer until its turn ends */

static bool in_turn; /* the last worker has polled and not yet sent */

static void end_turn(unsigned number)
{
    forward_flush(worker_get(number));
    worker_end_turn(worker_get(number), true);
}

static void turn(unsigned number)
{
    worker_poll(worker_get(number));
    end_turn(number);
}

/* While the control task waits: the last one is the last to end its turn. */
static void turns(void)
{
    for (unsigned i = 1; i < WORKERS - 1; i++)
        turn(i);
    if (in_turn)
        end_turn(WORKERS - 1);
    else
        turn(WORKERS - 1);
    in_turn = false;
}

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    host_set_yield(turns);
    in_turn = false;
    assert_int_equal(forward_init_workers(1024, WORKERS), 0);
    for (unsigned i = 1; i < WORKERS; i++)
        turns_park(&worker_get(i)->turns, false);
    for (unsigned i = 0; i < 2; i++)
        lan[i] = wire_port_create();
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    forward_start();
    forward_turn();
    return 0;
}

static int tear_down(void **state)
{
    for (unsigned i = 1; i < WORKERS; i++)
        turns_park(&worker_get(i)->turns, true);
    forward_shutdown();
    assert_false(host_log_contains("packets are missing"));
    for (unsigned i = 0; i < 2; i++)
        wire_port_destroy(lan[i]);
    return 0;
}

static void send(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        lan_send(0, A, B, i);
}

static void assert_received(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(lan_receive(1), i);
    assert_int_equal(lan_receive(1), -1);
}

static void between_two_ports_no_frame_needs_a_lane(void **state)
{
    send(0, SOME);
    turn(1);
    assert_received(SOME);
    assert_int_equal(control_worker()->packets, 0);
}

static void a_lane_leads_to_the_worker_that_sends(void **state)
{
    assert_int_equal(assign_pin(&lan[0]->port, 0, 3), 0);
    assert_int_equal(worker_of_tx_queue(&lan[1]->port, 0), 1);
    send(0, SOME);
    turn(3);
    assert_int_equal(forward_held(), SOME);
    assert_int_equal(lan_receive(1), -1);
    turn(1);
    assert_received(SOME);
}

/* The old worker has frames in its buffer when its queue is taken away, and passes them on last of
 * all; the new one's lane is looked into before its. */
static void a_queue_that_moves_keeps_its_flows_in_order(void **state)
{
    assert_int_equal(assign_pin(&lan[0]->port, 0, 3), 0);
    send(0, SOME);
    worker_poll(worker_get(3));
    in_turn = true;
    assert_int_equal(assign_pin(&lan[0]->port, 0, 2), 0);
    send(SOME, 2 * SOME);
    turn(2);
    turn(1);
    assert_received(2 * SOME);
}

/* A worker with a queue, with a lane to empty, or with frames to make and a queue to send them by
 * has duties; the control task's others have none. */
static void who_has_duties(void **state)
{
    assert_true(worker_has_duties(worker_get(1)) && worker_has_duties(worker_get(2)));
    assert_false(worker_has_duties(worker_get(3)));
    assert_int_equal(assign_pin(&lan[0]->port, 0, 3), 0);
    assert_true(worker_has_duties(worker_get(3)));
    assert_true(worker_has_duties(worker_get(1))); /* its lanes */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(between_two_ports_no_frame_needs_a_lane),
        TEST(a_lane_leads_to_the_worker_that_sends),
        TEST(a_queue_that_moves_keeps_its_flows_in_order),
        TEST(who_has_duties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
