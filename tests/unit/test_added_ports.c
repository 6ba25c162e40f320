/* apps/forward/added_ports.c: ports that come and go by command; testpmd's loop over two rings. */
#include "apps/forward/forward.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/typed.h"

#include <string.h>

#define PACKETS 2048u

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    return forward_init(PACKETS);
}

static int tear_down(void **state)
{
    while (port_count() && port_get(port_count() - 1))
        port_get(port_count() - 1)->remove(port_get(port_count() - 1));
    forward_shutdown();
    assert_false(host_log_contains("packets are missing"));
    return 0;
}

static void turns(unsigned n)
{
    while (n--)
        forward_turn();
}

static struct port_totals totals(unsigned port)
{
    struct port_totals t;
    stats_port_totals(port_get(port), &t);
    return t;
}

/* testpmd's guide, "start tx_first": a burst from every port, and io passes them round and round.
 */
static void frames_go_round_two_rings(void **state)
{
    assert_string_equal(typed("port add ring"), "port 0: ring\n");
    assert_string_equal(typed("port add ring"), "port 1: ring\n");
    typed_good("forward io");
    typed_good("stop");
    typed_good("start tx_first");
    turns(100);
    struct port_totals a = totals(0), b = totals(1);
    assert_true(a.rx_packets >= 90 * PORT_BURST && b.rx_packets >= 90 * PORT_BURST);
    assert_in_range(a.tx_packets + b.tx_packets - a.rx_packets - b.rx_packets, 0, 2 * PORT_BURST);
    assert_int_equal(a.tx_dropped + b.tx_dropped + a.rx_dropped + b.rx_dropped, 0);
}

static void a_deleted_port_is_gone_with_what_it_held(void **state)
{
    typed_good("port add ring");
    typed_good("port add ring");
    typed_good("forward io");
    typed_good("start tx_first");
    turns(10);
    typed_good("port delete 0");
    assert_null(port_get(0));
    turns(10);
    assert_true(totals(1).counters.drops[DROP_no_peer]);
    assert_string_equal(typed("port add null"), "port 0: null\n"); /* the number is free again */
}

/* net_null of DPDK: frames without end. */
static void null_ports_make_frames_when_told(void **state)
{
    typed_good("port add null size 100");
    typed_good("port add null");
    typed_good("forward io");
    turns(20);
    struct port_totals a = totals(0), b = totals(1);
    assert_true(a.rx_packets >= 10 * PORT_BURST);
    assert_int_equal(a.rx_bytes, 100 * a.rx_packets);
    assert_int_equal(a.rx_packets, b.tx_packets);
    assert_int_equal(b.rx_packets, 0);
}

static void bad_words_change_nothing(void **state)
{
    typed_fails("port add null size 59", "size '59' is out of range, expected 60 to 1920");
    typed_fails("port add null size 1921", "out of range");
    typed_fails("port add ring number 65535", "number '65535' is out of range");
    typed_fails("port delete 0", "expected");
    assert_int_equal(port_count(), 0);
    typed_good("port add ring number 3");
    typed_fails("port add null number 3", "there is a port 3 already");
}

static void config_brings_the_same_ports_back(void **state)
{
    typed_good("port add ring number 2");
    typed_good("port add null size 64 number 5");
    typed_good("port add null");
    static char before[4096];
    strcpy(before, typed("show config"));
    assert_non_null(strstr(before, "port add null number 0\nport add ring number 2\n"
                                   "port add null size 64 number 5\n"));
    for (unsigned i = 0; i < 3; i++)
        typed_good((const char *const[]){ "port delete 0", "port delete 2", "port delete 5" }[i]);
    char *rest = before, *line;
    static char again[4096];
    strcpy(again, before);
    rest = again;
    while ((line = strsep(&rest, "\n")))
        typed_good(line);
    assert_string_equal(typed("show config"), before);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(frames_go_round_two_rings),         WITH(a_deleted_port_is_gone_with_what_it_held),
        WITH(null_ports_make_frames_when_told),  WITH(bad_words_change_nothing),
        WITH(config_brings_the_same_ports_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
