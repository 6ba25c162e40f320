/* Bursts of frames that a bridge treats differently: out of each port they come in the order in
 * which they came in, and each that is dropped is for its own reason. */
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <stdlib.h>
#include <string.h>

#define A 0x020000000001ull /* behind port 0 */
#define D 0x020000000004ull /* the same */
#define B 0x020000000002ull /* behind port 1 */
#define C 0x020000000003ull /* behind port 2 */
#define UNKNOWN 0x020000000099ull
#define GROUP 0x01005e000001ull
#define PORTS 4u

enum kind { TO_B, TO_C, TO_UNKNOWN, TO_GROUP, TO_D, RESERVED, BAD_SOURCE, KINDS };

static const struct {
    uint64_t destination, source;
    unsigned ports; /* that send it, a bit each */
    int reason;     /* when none does */
} rows[KINDS] = {
    [TO_B] = { B, A, 0x2, 0 },
    [TO_C] = { C, A, 0x4, 0 },
    [TO_UNKNOWN] = { UNKNOWN, A, 0xe, 0 },
    [TO_GROUP] = { GROUP, D, 0xe, 0 },
    [TO_D] = { D, A, 0, DROP_same_port },
    [RESERVED] = { 0x0180c2000000ull, A, 0, DROP_reserved_address },
    [BAD_SOURCE] = { B, GROUP, 0, DROP_group_source },
};

static uint32_t expected[PORTS][PORT_BURST];
static unsigned expected_count[PORTS];
static uint64_t dropped[KINDS];

static int set_up(void **state)
{
    lan_start(PORTS, "l2");
    lan_send(0, LAN_BROADCAST, A, 0);
    lan_send(0, LAN_BROADCAST, D, 0);
    lan_send(1, LAN_BROADCAST, B, 0);
    lan_send(2, LAN_BROADCAST, C, 0);
    lan_run();
    for (unsigned i = 0; i < PORTS; i++)
        while (lan_receive(i) >= 0) {
        }
    memset(dropped, 0, sizeof dropped);
    return 0;
}

static int tear_down(void **state)
{
    lan_check_conservation();
    lan_stop();
    return 0;
}

static void burst(const enum kind *kinds, unsigned n)
{
    static uint32_t number;
    memset(expected_count, 0, sizeof expected_count);
    for (unsigned i = 0; i < n; i++) {
        enum kind kind = kinds[i];
        lan_send(0, rows[kind].destination, rows[kind].source, ++number);
        for (unsigned port = 0; port < PORTS; port++)
            if (rows[kind].ports >> port & 1)
                expected[port][expected_count[port]++] = number;
        dropped[kind] += !rows[kind].ports;
    }
    forward_turn();
    for (unsigned port = 0; port < PORTS; port++) {
        for (unsigned i = 0; i < expected_count[port]; i++)
            assert_int_equal(lan_receive(port), expected[port][i]);
        assert_int_equal(lan_receive(port), -1);
    }
}

static void drops_are_as_expected(void)
{
    for (unsigned kind = 0; kind < KINDS; kind++)
        if (!rows[kind].ports) {
            assert_true(dropped[kind] != 0);
            assert_int_equal(lan_drops(0, (enum drop_reason)rows[kind].reason), dropped[kind]);
        }
}

static void bursts_of_all_kinds(void **state)
{
    enum kind kinds[PORT_BURST];
    srandom(6);
    for (unsigned round = 0; round < 2000; round++) {
        unsigned n = 1 + (unsigned)random() % PORT_BURST;
        unsigned most = 1 + (unsigned)random() % KINDS; /* a burst of one kind, too */
        for (unsigned i = 0; i < n; i++)
            kinds[i] = (enum kind)((unsigned)random() % most);
        burst(kinds, n);
    }
    drops_are_as_expected();
}

/* One frame that goes its own way, at every place of a full burst. */
static void one_frame_is_different(void **state)
{
    enum kind kinds[PORT_BURST];
    for (unsigned kind = 0; kind < KINDS; kind++)
        for (unsigned place = 0; place < PORT_BURST; place++) {
            memset(kinds, 0, sizeof kinds);
            kinds[place] = (enum kind)kind;
            burst(kinds, PORT_BURST);
        }
    drops_are_as_expected();
}

/* What comes from two ports leaves by a third in one turn, however the two bursts fill its buffer.
 */
static void bursts_from_two_ports_for_a_third(void **state)
{
    for (unsigned first = 1; first <= PORT_BURST; first++)
        for (unsigned second = 1; second <= PORT_BURST; second += 3) {
            for (unsigned i = 0; i < first; i++)
                lan_send(0, B, A, i);
            for (unsigned i = 0; i < second; i++)
                lan_send(2, B, C, first + i);
            forward_turn();
            for (unsigned i = 0; i < first + second; i++)
                assert_int_equal(lan_receive(1), i);
            assert_int_equal(lan_receive(1), -1);
        }
}

/* Every source of a burst is learned, also when others stand between its frames. */
static void new_stations_in_one_burst_are_learned(void **state)
{
    const uint64_t first = 0x020000000100ull;
    for (unsigned i = 0; i < PORT_BURST; i++)
        lan_send(3, B, first + i / 2 % 5, i);
    lan_run();
    while (lan_receive(1) >= 0) {
    }
    for (unsigned i = 0; i < 5; i++) {
        lan_send(1, first + i, B, i);
        lan_run();
        assert_int_equal(lan_receive(3), i);
        assert_int_equal(lan_receive(0), -1);
        assert_int_equal(lan_receive(2), -1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bursts_of_all_kinds),
        TEST(one_frame_is_different),
        TEST(bursts_from_two_ports_for_a_third),
        TEST(new_stations_in_one_burst_are_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
