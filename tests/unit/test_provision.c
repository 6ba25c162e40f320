/* apps/forward/provision.c: what packets and ports need of the memory. */
#include "apps/forward/provision.h"

#include "apps/forward/forward.h"
#include "kernel/memory.h"
#include "nic/packet.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#define MIB (1024u * 1024u)
#define RING 256u     /* a null port's, each way */
#define BETWEEN 1024u /* frames that are in no ring */

static struct port *port[2];

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(null_port_create(&port[i]), 0);
        port[i]->limits.rx_queues_max = port[i]->limits.tx_queues_max = 1;
    }
    return 0;
}

static int tear_down(void **state)
{
    for (unsigned i = 0; i < 2; i++)
        null_port_destroy(port[i]);
    return 0;
}

static uint32_t packets_of(uint64_t total, uint64_t free)
{
    return provision_packets(&(struct memory_stats){ .total = total, .free = free });
}

static void packets_are_a_share_within_bounds(void **state)
{
    uint32_t in_mib = MIB / PACKET_BLOCK * PACKETS_IN_BLOCK, rings = 2 * 2 * RING;
    assert_int_equal(packets_of(64ull * MIB, 60ull * MIB), 8 * in_mib);
    assert_int_equal(packets_of(1024ull * MIB, 1000ull * MIB), 16384);
    assert_int_equal(packets_of(32ull * MIB, 30ull * MIB), rings + BETWEEN);
    assert_int_equal(packets_of(8ull * MIB, 2ull * MIB), in_mib);
}

static void rings_are_counted_by_queues_and_virtual_functions(void **state)
{
    uint32_t before = packets_of(32ull * MIB, 30ull * MIB);
    port[0]->limits.rx_queues_max = 3;
    assert_int_equal(packets_of(32ull * MIB, 30ull * MIB), before + 2 * RING);
    port[1]->vf_max = 2;
    assert_int_equal(packets_of(32ull * MIB, 30ull * MIB), before + 2 * RING + 2 * 2 * RING);
}

static void rings_become_shorter_where_there_is_no_memory(void **state)
{
    port[0]->limits.rx_size_default = port[0]->limits.rx_size_max = 1024;
    packets_of(64ull * MIB, 60ull * MIB);
    assert_int_equal(port[0]->limits.rx_size_default, 1024);
    packets_of(8ull * MIB, 2ull * MIB);
    assert_true(port[0]->limits.rx_size_default < 1024);
}

static void what_runs_needs_no_more(void **state)
{
    uint64_t idle = provision_ports(1024), one = port_memory(port[0], 1, 1);
    assert_true(one > 0);
    port[0]->state = PORT_RUNNING;
    assert_int_equal(provision_ports(1024), idle - one);
    port[0]->state = PORT_STOPPED;
    port[0]->vf_max = 3;
    port[0]->vf_count = 1;
    assert_int_equal(provision_ports(1024), idle + 2 * one);
    port[0]->vf_max = port[0]->vf_count = 0;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packets_are_a_share_within_bounds),
        TEST(rings_are_counted_by_queues_and_virtual_functions),
        TEST(rings_become_shorter_where_there_is_no_memory),
        TEST(what_runs_needs_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
