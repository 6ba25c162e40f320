/* apps/forward/assign.c: which worker polls which queue. */
#include "apps/forward/assign.h"
#include "apps/forward/forward.h"
#include "apps/forward/port_table.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>

#define WORKERS 2u
#define PORTS 4u

static struct port *port[PORTS];

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    assert_int_equal(forward_init_workers(1024, WORKERS), 0);
    for (unsigned i = 0; i < PORTS; i++)
        assert_int_equal(null_port_create(&port[i]), 0);
    forward_ports_up();
    return 0;
}

static int tear_down(void **state)
{
    forward_shutdown();
    for (unsigned i = 0; i < PORTS; i++)
        null_port_destroy(port[i]);
    return 0;
}

/* Who polls queue 0 of each port, as the table says and as the lists do. */
static void assert_polled_by(const unsigned worker[PORTS])
{
    for (unsigned p = 0; p < PORTS; p++) {
        assert_int_equal(forward_port_get(port[p]->number)->assignment.worker[0], worker[p]);
        for (unsigned w = 0; w < WORKERS; w++) {
            const struct poll_list *list = worker_get(w)->polls;
            unsigned found = 0;
            for (unsigned i = 0; i < list->count; i++)
                found += list->entry[i].queue == port[p]->rxq[0];
            assert_int_equal(found, w == worker[p]);
        }
    }
}

static void queues_are_spread_and_pinned(void **state)
{
    assert_polled_by((const unsigned[]){ 0, 1, 0, 1 });
    assert_int_equal(assign_pin(port[0], 0, 1), 0);
    assert_polled_by((const unsigned[]){ 1, 0, 0, 1 });
    assert_int_equal(assign_pin(port[0], 1, 1), -EINVAL);
    assert_int_equal(assign_pin(port[0], 0, WORKERS), -EINVAL);
    assert_polled_by((const unsigned[]){ 1, 0, 0, 1 });
}

static void the_last_queue_of_many_is_pinned_like_the_first(void **state)
{
    static struct port_queue more[PORT_QUEUES_MAX];
    const uint8_t *worker = forward_port_get(port[0]->number)->assignment.worker;
    forward_port_down(port[0]);
    for (uint16_t q = port[0]->limits.rx_queues_max; q < PORT_QUEUES_MAX; q++) {
        more[q] =
            (struct port_queue){ .port = port[0], .index = q, .burst = port[0]->rxq[0]->burst };
        port[0]->rxq[q] = &more[q];
    }
    port[0]->limits.rx_queues_max = PORT_QUEUES_MAX;
    assert_int_equal(port_set_queues(port[0], PORT_QUEUES_MAX), 0);
    assert_int_equal(forward_port_up(port[0]), 0);
    for (unsigned to = 0; to < WORKERS; to++) {
        assert_int_equal(assign_pin(port[0], PORT_QUEUES_MAX - 1, to), 0);
        assert_int_equal(worker[PORT_QUEUES_MAX - 1], to);
        assert_int_equal(forward_port_get(port[0]->number)->assignment.pinned,
                         1ull << (PORT_QUEUES_MAX - 1));
    }
}

/* Wherever memory ends: the table says what is polled, and the pin is not kept. */
static void without_memory_nothing_is_pinned(void **state)
{
    for (unsigned i = 1; i <= WORKERS; i++) {
        host_heap_fail_after(i);
        assert_int_equal(assign_pin(port[0], 0, 1), -ENOMEM);
        assert_int_equal(forward_port_get(port[0]->number)->assignment.pinned, 0);
        assert_polled_by((const unsigned[]){ 0, 1, 0, 1 });
    }
    host_heap_fail_after(0);
    assert_int_equal(assign_spread(), 0);
    assert_polled_by((const unsigned[]){ 0, 1, 0, 1 });
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(queues_are_spread_and_pinned),
        TEST(the_last_queue_of_many_is_pinned_like_the_first),
        TEST(without_memory_nothing_is_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
