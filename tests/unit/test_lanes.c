/* apps/forward/worker.c and assign.c: frames that one worker receives and another sends.  Four
 * workers, whose turns the test takes by hand; the control task has none of the queues. */
#include "apps/forward/assign.h"
#include "apps/forward/forward.h"
#include "apps/forward/spread.h"
#include "kernel/time.h"
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
    assert_int_equal(forward_init_workers(4096, WORKERS), 0);
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

/* UDP over IPv4, one flow each `flow`. */
static void send_flow(uint16_t flow)
{
    uint8_t f[60] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45, 0, 0, 46 };
    f[23] = 17;
    f[34] = (uint8_t)(flow >> 8);
    f[35] = (uint8_t)flow;
    wire_put(lan[0], f, sizeof f);
}

/* Worker 3 has no queue: it takes flows, none of which is lost when it is slow, but for what no
 * ring holds; and those are counted. */
static void flows_go_to_who_has_no_queue(void **state)
{
    assert_int_equal(spread_set(SPREAD_ON), 0);
    assert_true(worker_has_duties(worker_get(3)));
    for (uint16_t i = 0; i < 64; i++)
        send_flow(i);
    turn(1);
    turn(1);
    uint64_t passed = forward_held();
    assert_in_range(passed, 10, 54);
    turn(3);
    assert_int_equal(worker_get(3)->taken, passed);
    assert_int_equal(worker_get(3)->packets, 0);
    turn(1);
    turn(2);
    assert_int_equal(forward_held(), 0);
    assert_int_equal(wire_count(lan[1]), 64);
    lan_check_conservation();
}

static void a_full_ring_drops_and_counts(void **state)
{
    uint8_t bytes[64];
    assert_int_equal(spread_set(SPREAD_ON), 0);
    for (unsigned i = 0; i < 4000; i++) {
        send_flow((uint16_t)i);
        if (i % 16 == 0)
            turn(1);
        while (wire_take(lan[1], bytes, sizeof bytes))
            continue;
    }
    assert_int_equal(forward_held(), 1024);
    assert_true(lan_drops(0, DROP_flows_full) > 100);
    turn(1);
    turn(3);
    turn(1);
    turn(2);
    lan_check_conservation();
}

/* What was passed on has been dealt with before another worker may have a flow. */
static void spreading_ends_when_all_is_out(void **state)
{
    assert_int_equal(spread_set(SPREAD_ON), 0);
    for (uint16_t i = 0; i < 30; i++)
        send_flow(i);
    turn(1);
    assert_true(forward_held());
    assert_int_equal(spread_set(SPREAD_OFF), 0); /* the others have their turns meanwhile */
    assert_int_equal(forward_held(), 0);
    assert_false(assign_takes_flows(3));
    for (uint16_t i = 0; i < 30; i++)
        send_flow(i);
    turn(1);
    assert_int_equal(forward_held(), 0);
    assert_int_equal(wire_count(lan[1]), 60);
}

/* A tenth of a second of a worker's life, so much of it busy, and the control task's look at it. */
static void live(unsigned percent, uint64_t frames)
{
    struct worker *worker = worker_get(1);
    uint64_t cycles = 1000 * time_cycles_per_us();
    counter_add(&worker->busy_cycles, percent * cycles);
    counter_add(&worker->idle_cycles, (100 - percent) * cycles);
    counter_add(&worker->packets, frames);
    host_advance_us(100 * US_PER_MS);
    forward_turn();
}

static void it_begins_and_ends_by_the_load(void **state)
{
    live(90, 100); /* io takes ports whole */
    assert_false(assign_takes_flows(3));
    assert_int_equal(forward_set_mode(forward_find_mode("l2")), 0);
    live(30, 100); /* and what the others did while they were waited for */
    live(60, 100); /* not busy enough */
    assert_false(assign_takes_flows(3));
    live(90, 9000000); /* 10 ns a frame: passing one on costs more */
    assert_false(assign_takes_flows(3));
    live(90, 100000);
    assert_true(assign_takes_flows(3));
    live(30, 100);
    for (unsigned i = 0; i < 19; i++)
        live(10, 100);
    live(30, 100); /* not idle long enough */
    for (unsigned i = 0; i < 19; i++)
        live(10, 100);
    assert_true(assign_takes_flows(3));
    live(10, 100);
    assert_false(assign_takes_flows(3));
    assert_int_equal(spread_set(SPREAD_OFF), 0);
    live(90, 100000);
    assert_false(assign_takes_flows(3));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(between_two_ports_no_frame_needs_a_lane),
        TEST(a_lane_leads_to_the_worker_that_sends),
        TEST(a_queue_that_moves_keeps_its_flows_in_order),
        TEST(who_has_duties),
        TEST(flows_go_to_who_has_no_queue),
        TEST(a_full_ring_drops_and_counts),
        TEST(spreading_ends_when_all_is_out),
        TEST(it_begins_and_ends_by_the_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
