/* Bursts of packets that fare differently: those that pass keep their order, nothing is lost
 * between them, and each of the others is dropped for its own reason. */
#include "apps/ip/ipv4.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench.h"

#include <stdlib.h>
#include <string.h>

#define HOST_A IP(192, 0, 2, 10)    /* station 10 of wire 0 */
#define HOST_B IP(198, 51, 100, 20) /* station 20 of wire 1 */
#define HOST_C IP(203, 0, 113, 30)  /* station 30 of wire 2 */
#define BROADCAST_B IP(198, 51, 100, 255)
#define MTU_B 576u

enum kind { TO_B, TO_C, TRAILING, SPOILED, EXPIRED, TOO_BIG, BROADCAST, KINDS };

static const int reason[KINDS] = { [SPOILED] = DROP_ip_checksum,
                                   [EXPIRED] = DROP_ttl_expired,
                                   [TOO_BIG] = DROP_too_big,
                                   [BROADCAST] = DROP_broadcast };

/* What has to come out of wires 1 and 2, in this order, by the packets' identifications. */
static uint16_t expected[BENCH_WIRES][PORT_BURST];
static unsigned expected_count[BENCH_WIRES];
static uint64_t drops[KINDS];

static int set_up(void **state)
{
    bench_set_up(state);
    station_meet(0, 10, HOST_A);
    station_meet(1, 20, HOST_B);
    station_meet(2, 30, HOST_C);
    bench_set_mtu(1, MTU_B);
    bench_run_ms(1);
    return 0;
}

static uint32_t destination_of(enum kind kind)
{
    if (kind == BROADCAST)
        return BROADCAST_B;
    return kind == TO_C ? HOST_C : HOST_B;
}

static void put(enum kind kind, uint16_t id)
{
    static struct frame f;
    unsigned wire = kind == TO_C ? 2 : 1;
    frame_ipv4(&f, 0, 10, HOST_A, destination_of(kind), kind == TOO_BIG ? MTU_B + 1 : MTU_B);
    store_be16(frame_ip(&f) + IPV4_ID, id);
    store_be16(frame_ip(&f) + IPV4_FRAGMENT, IPV4_FRAGMENT_DF);
    if (kind == EXPIRED)
        frame_ip(&f)[IPV4_TTL] = 1;
    frame_seal(&f);
    if (kind == SPOILED)
        frame_ip(&f)[IPV4_CHECKSUM] ^= 1;
    if (kind == TRAILING)
        f.length += 7;
    bench_put(0, &f);
    if (reason[kind])
        drops[kind]++;
    else
        expected[wire][expected_count[wire]++] = id;
}

static void came_out(unsigned wire)
{
    static struct frame f;
    uint8_t mac[MAC_LEN];
    station_mac(wire, wire == 1 ? 20 : 30, mac);
    for (unsigned i = 0; i < expected_count[wire]; i++) {
        assert_true(bench_take_ipv4(wire, &f));
        assert_int_equal(load_be16(frame_ip(&f) + IPV4_ID), expected[wire][i]);
        assert_int_equal(frame_ip(&f)[IPV4_TTL], IPV4_TTL_DEFAULT - 1);
        assert_true(ipv4_checksum_ok(frame_ip(&f), IPV4_HEADER_MIN));
        assert_memory_equal(f.bytes, mac, MAC_LEN);
        assert_int_equal(f.length, ETHERNET_HEADER + MTU_B);
    }
    assert_false(bench_take(wire, &f));
}

static void burst(const enum kind *kinds, unsigned n, uint16_t first_id)
{
    memset(expected_count, 0, sizeof expected_count);
    for (unsigned i = 0; i < n; i++)
        put(kinds[i], (uint16_t)(first_id + i));
    forward_turn();
    came_out(1);
    came_out(2);
}

static void nothing_else_was_dropped(void)
{
    uint64_t all = 0;
    bench_run_ms(1);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (reason[kind])
            assert_int_equal(bench_drops(0, (enum drop_reason)reason[kind]), drops[kind]);
        all += drops[kind];
    }
    assert_int_equal(bench_all_drops(), all);
    assert_true(all != 0);
}

static void bursts_of_all_kinds(void **state)
{
    static struct frame error;
    enum kind kinds[PORT_BURST];
    srandom(5);
    memset(drops, 0, sizeof drops);
    for (unsigned round = 0; round < 2000; round++) {
        unsigned n = 1 + (unsigned)random() % PORT_BURST;
        unsigned most = 1 + (unsigned)random() % KINDS; /* a burst of one kind, too */
        for (unsigned i = 0; i < n; i++)
            kinds[i] = (enum kind)((unsigned)random() % most);
        burst(kinds, n, (uint16_t)(round * PORT_BURST));
        bench_run_ms(1);
        while (bench_take(0, &error)) {
        }
    }
    nothing_else_was_dropped();
}

/* One packet that goes its own way, at every place of a full burst. */
static void one_packet_is_different(void **state)
{
    enum kind kinds[PORT_BURST];
    memset(drops, 0, sizeof drops);
    for (unsigned kind = 0; kind < KINDS; kind++)
        for (unsigned place = 0; place < PORT_BURST; place++) {
            memset(kinds, 0, sizeof kinds);
            kinds[place] = (enum kind)kind;
            burst(kinds, PORT_BURST, 1);
        }
    nothing_else_was_dropped();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bursts_of_all_kinds),
        TEST(one_packet_is_different),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
