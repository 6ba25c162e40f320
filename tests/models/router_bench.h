/* router_bench.h - stations that are known, and frames between them, for the tests of mode l3. */
#pragma once

#include "apps/ip/icmp.h"
#include "apps/ip/icmp_limit.h"
#include "tests/host/test.h"
#include "tests/models/bench.h"

#define HOST_A IP(192, 0, 2, 10)    /* station 10 of wire 0 */
#define HOST_B IP(198, 51, 100, 20) /* station 20 of wire 1 */
#define HOST_C IP(203, 0, 113, 30)  /* station 30 of wire 2 */
#define ROUTER_A IP(192, 0, 2, 1)
#define ROUTER_B IP(198, 51, 100, 1)
#define FAR_NET IP(10, 1, 2, 3)

static struct frame f, g;

static inline int set_up(void **state)
{
    bench_set_up(state);
    station_meet(0, 10, HOST_A);
    station_meet(1, 20, HOST_B);
    return 0;
}

static inline void from_a_to_b(unsigned length)
{
    frame_ipv4(&f, 0, 10, HOST_A, HOST_B, length);
}

/* The frame is dropped for this reason, and nobody is told. */
static inline void silently_dropped(enum drop_reason why)
{
    uint64_t was = bench_drops(0, why), all = bench_all_drops();
    bench_send(0, &f);
    if (bench_drops(0, why) != was + 1)
        for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
            if (bench_drops(0, (enum drop_reason)i))
                print_message("dropped: %s\n", drop_names[i]);
    assert_int_equal(bench_drops(0, why), was + 1);
    assert_int_equal(bench_all_drops(), all + 1);
    assert_true(bench_is_quiet());
}

/* The frame in f is dropped for this reason and its source told so; the error
 * is in g afterwards. */
static inline void refused(enum drop_reason why, uint8_t type, uint8_t code)
{
    uint64_t was = bench_drops(0, why);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, why), was + 1);
    assert_true(bench_take_ipv4(0, &g));
    const uint8_t *ip = frame_ip(&g), *icmp = ip + IPV4_HEADER_MIN;
    assert_true(ipv4_checksum_ok(ip, IPV4_HEADER_MIN));
    assert_int_equal(load_be32(ip + IPV4_SOURCE), ROUTER_A);
    assert_int_equal(load_be32(ip + IPV4_DESTINATION), HOST_A);
    assert_int_equal(icmp[0], type);
    assert_int_equal(icmp[1], code);
    uint32_t length = load_be16(ip + IPV4_TOTAL_LENGTH) - IPV4_HEADER_MIN;
    assert_int_equal(checksum_finish(checksum_add(0, icmp, length)), 0);
    assert_true(bench_is_quiet());
}

static inline uint32_t error_rest(void)
{
    return load_be32(frame_ip(&g) + IPV4_HEADER_MIN + 4);
}
