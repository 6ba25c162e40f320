/* Mode l3: errors that are told (RFC 792, RFC 1812 4.3), and options. */
#include "tests/models/router_bench.h"

/* Errors ------------------------------------------------------------------ */

/* RFC 1812 5.3.1 */
static void time_to_live_runs_out(void **state)
{
    for (uint8_t ttl = 0; ttl <= 1; ttl++) {
        from_a_to_b(100);
        frame_ip(&f)[IPV4_TTL] = ttl;
        frame_seal(&f);
        refused(DROP_ttl_expired, ICMP_TIME_EXCEEDED, 0);
        assert_int_equal(error_rest(), 0);
        /* 4.3.2.3: what comes back is what came */
        assert_memory_equal(frame_ip(&g) + 28, frame_ip(&f), 100);
    }
}

/* RFC 1812 4.3.3.1 */
static void no_route_at_all(void **state)
{
    frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
    refused(DROP_no_route, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE);
}

/* RFC 1191 4: with the next hop's MTU */
static void too_big_and_may_not_be_fragmented(void **state)
{
    bench_set_mtu(1, 900);
    from_a_to_b(901);
    store_be16(frame_ip(&f) + IPV4_FRAGMENT, IPV4_FRAGMENT_DF);
    frame_seal(&f);
    refused(DROP_too_big, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED);
    assert_int_equal(error_rest(), 900);
    from_a_to_b(900);
    store_be16(frame_ip(&f) + IPV4_FRAGMENT, IPV4_FRAGMENT_DF);
    frame_seal(&f);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
}

/* RFC 1812 5.2.6, 5.2.1.2 (9) */
static void too_big_and_fragmented(void **state)
{
    bench_set_mtu(1, 600);
    from_a_to_b(1400);
    bench_send(0, &f);
    unsigned payload = 0;
    while (bench_take(1, &g)) {
        const uint8_t *ip = frame_ip(&g);
        assert_true(load_be16(ip + IPV4_TOTAL_LENGTH) <= 600);
        assert_int_equal(ip[IPV4_TTL], 63);
        unsigned length = load_be16(ip + IPV4_TOTAL_LENGTH) - 20u;
        assert_memory_equal(ip + 20, frame_ip(&f) + 20 + payload, length);
        payload += length;
    }
    assert_int_equal(payload, 1380);
    assert_int_equal(bench_all_drops(), 0);
}

static void chain_is_fragmented_and_forwarded(void **state)
{
    for (unsigned i = 0; i < 2; i++)
        bench_set_mtu(i, 9000);
    from_a_to_b(8000);
    bench_send_chain(0, &f, 1500);
    assert_true(bench_take(1, &g));
    assert_int_equal(g.length, f.length);
    assert_memory_equal(g.bytes + 34, f.bytes + 34, f.length - 34);
    bench_set_mtu(1, 1500);
    bench_send_chain(0, &f, 1500);
    unsigned n = 0;
    while (bench_take(1, &g))
        n++;
    assert_int_equal(n, 6);
}

/* RFC 1812 4.3.2.3: no ICMP datagram longer than 576 octets */
static void error_quotes_up_to_576_octets(void **state)
{
    frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 1400);
    refused(DROP_no_route, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE);
    assert_int_equal(load_be16(frame_ip(&g) + IPV4_TOTAL_LENGTH), 576);
    assert_memory_equal(frame_ip(&g) + 28, frame_ip(&f), 548);
}

/* RFC 1812 4.3.2.7: the cases that the checks above have not dropped already */
static void never_an_error_about_an_error(void **state)
{
    static const uint8_t errors[] = { 3, 4, 5, 11, 12 };
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
        frame_ip(&f)[IPV4_PROTOCOL] = IPV4_PROTOCOL_ICMP;
        frame_ip(&f)[IPV4_HEADER_MIN] = errors[i];
        frame_seal(&f);
        silently_dropped(DROP_no_route);
    }
    frame_echo(&f, 0, 10, HOST_A, FAR_NET, 100); /* a query is no error */
    refused(DROP_no_route, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE);
}

static void never_an_error_about_a_later_fragment(void **state)
{
    frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
    store_be16(frame_ip(&f) + IPV4_FRAGMENT, 1);
    frame_seal(&f);
    silently_dropped(DROP_no_route);
    store_be16(frame_ip(&f) + IPV4_FRAGMENT, IPV4_FRAGMENT_MF);
    frame_seal(&f);
    refused(DROP_no_route, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE);
}

/* RFC 1812 4.3.2.8 */
static void errors_are_rate_limited(void **state)
{
    frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
    unsigned told = 0;
    for (unsigned i = 0; i < 1000; i++) {
        bench_send(0, &f); /* a millisecond each */
        while (bench_take(0, &g))
            told++;
    }
    assert_int_equal(bench_drops(0, DROP_no_route), 1000);
    assert_in_range(told, ICMP_SOURCE_RATE * 9 / 10, ICMP_SOURCE_RATE + ICMP_SOURCE_BURST);
}

/* One scanner does not take the errors of its whole LAN. */
static void one_source_does_not_silence_the_others(void **state)
{
    unsigned told = 0;
    station_meet(0, 11, IP(192, 0, 2, 11));
    for (unsigned i = 0; i < 1000; i++) {
        frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
        bench_send(0, &f);
        bench_is_quiet();
        if (i % 100 != 99)
            continue;
        frame_ipv4(&f, 0, 11, IP(192, 0, 2, 11), FAR_NET, 100);
        bench_send(0, &f);
        told += bench_take_ipv4(0, &g);
    }
    assert_int_equal(told, 10);
}

/* RFC 1812 4.3.2.4: the address on the way to the source, not the one near
 * the destination */
static void error_comes_from_the_outgoing_interface(void **state)
{
    station_meet(2, 30, HOST_C);
    bench_command("route add 10.0.0.0/8 via 203.0.113.30");
    frame_ipv4(&f, 0, 10, IP(10, 1, 1, 1), HOST_B, 100); /* asymmetric: comes by wire 0 */
    frame_ip(&f)[IPV4_TTL] = 1;
    frame_seal(&f);
    bench_send(0, &f);
    assert_true(bench_take_ipv4(2, &g));
    assert_int_equal(load_be32(frame_ip(&g) + IPV4_SOURCE), IP(203, 0, 113, 1));
    assert_int_equal(load_be32(frame_ip(&g) + IPV4_DESTINATION), IP(10, 1, 1, 1));
}

/* RFC 1812 5.2.7.2 */
static void redirect_when_the_way_leads_back(void **state)
{
    station_meet(0, 11, IP(192, 0, 2, 11));
    bench_command("route add 10.0.0.0/8 via 192.0.2.11");
    bench_run_ms(20);
    frame_ipv4(&f, 0, 10, HOST_A, FAR_NET, 100);
    bench_send(0, &f);
    bool forwarded = false, told = false;
    while (bench_take(0, &g)) {
        const uint8_t *ip = frame_ip(&g);
        forwarded |= load_be32(ip + IPV4_DESTINATION) == FAR_NET;
        if (load_be32(ip + IPV4_DESTINATION) == HOST_A) {
            told = true;
            assert_int_equal(ip[20], ICMP_REDIRECT);
            assert_int_equal(ip[21], ICMP_REDIRECT_HOST);
            assert_int_equal(error_rest(), IP(192, 0, 2, 11));
            assert_int_equal(load_be32(ip + IPV4_SOURCE), ROUTER_A);
        }
    }
    assert_true(forwarded && told);
    /* a source on another subnet is told nothing */
    bench_run_ms(20);
    frame_ipv4(&f, 0, 10, IP(10, 200, 0, 1), FAR_NET, 100);
    bench_send(0, &f);
    assert_true(bench_take(0, &g));
    assert_int_equal(load_be32(frame_ip(&g) + IPV4_DESTINATION), FAR_NET);
    assert_true(bench_is_quiet());
}

/* Options (RFC 1812 5.3.13, RFC 7126) ------------------------------------- */

static void with_options(const uint8_t *options, unsigned length)
{
    uint8_t *ip = frame_ip(&f);
    memmove(ip + 20 + length, ip + 20, 80);
    memcpy(ip + 20, options, length);
    ip[IPV4_VERSION_IHL] = (uint8_t)(0x45 + length / 4);
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(100 + length));
    f.length += length;
    frame_seal(&f);
}

static void source_routes_are_refused(void **state)
{
    static const uint8_t loose[] = { 131, 7, 4, 198, 51, 100, 20, 0 };
    static const uint8_t strict[] = { 137, 7, 4, 198, 51, 100, 20, 0 };
    from_a_to_b(100);
    with_options(loose, sizeof loose);
    refused(DROP_ip_options, ICMP_UNREACHABLE, ICMP_SOURCE_ROUTE_FAILED);
    frame_ipv4(&f, 0, 10, HOST_A, ROUTER_A, 100);
    with_options(strict, sizeof strict);
    refused(DROP_ip_options, ICMP_UNREACHABLE, ICMP_SOURCE_ROUTE_FAILED);
    /* RFC 1812 5.2.2: a strict one that is not for us points at its destination */
    from_a_to_b(100);
    with_options(strict, sizeof strict);
    refused(DROP_ip_options, ICMP_PARAMETER_PROBLEM, 0);
    assert_int_equal(error_rest() >> 24, IPV4_DESTINATION);
}

static void record_route_and_timestamp_are_written(void **state)
{
    static const uint8_t options[] = { 7,  11, 4, 0, 0, 0,
                                       0,  0,  0, 0, 0, 1, /* two addresses, NOP */
                                       68, 12, 5, 1, 0, 0,
                                       0,  0,  0, 0, 0, 0 };
    from_a_to_b(100);
    with_options(options, sizeof options);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    const uint8_t *ip = frame_ip(&g);
    assert_true(ipv4_checksum_ok(ip, 44));
    assert_int_equal(ip[IPV4_TTL], 63);
    assert_int_equal(ip[22], 8);
    assert_int_equal(load_be32(ip + 23), ROUTER_B);
    assert_int_equal(load_be32(ip + 27), 0);
    assert_int_equal(ip[34], 13);
    assert_int_equal(load_be32(ip + 36), ROUTER_B);
    assert_true(load_be32(ip + 40) & 0x80000000);
    assert_memory_equal(ip + 64, frame_ip(&f) + 64, 60);
}

static void full_options_pass_and_overflow_is_counted(void **state)
{
    static const uint8_t options[] = { 7, 7, 8, 1, 2, 3, 4, 68, 8, 9, 0x30, 0, 0, 0, 0, 0 };
    from_a_to_b(100);
    with_options(options, sizeof options);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    const uint8_t *ip = frame_ip(&g);
    assert_memory_equal(ip + 20, options, 10);
    assert_int_equal(ip[30], 0x40);
}

/* RFC 791 3.1, RFC 1812 4.3.3.5: Parameter Problem with a pointer */
static void bad_options_are_told(void **state)
{
    static const struct {
        uint8_t bytes[8], pointer;
    } bad[] = {
        { { 1, 1, 7, 1, 4 }, 22 },          /* length below 2 */
        { { 7, 9, 4 }, 20 },                /* beyond the header */
        { { 1, 1, 1, 1, 1, 1, 1, 7 }, 27 }, /* no room for a length */
        { { 7, 7, 3 }, 20 },                /* pointer before the first slot */
        { { 7, 7, 6 }, 20 },                /* room for half an address */
        { { 68, 8, 4, 0 }, 20 },
        { { 68, 8, 5, 2 }, 20 },    /* no such flag */
        { { 68, 8, 9, 0xf0 }, 20 }, /* overflow overflows */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        from_a_to_b(100);
        with_options(bad[i].bytes, 8);
        refused(DROP_ip_options, ICMP_PARAMETER_PROBLEM, 0);
        assert_int_equal(error_rest() >> 24, bad[i].pointer);
    }
}

static void unknown_options_pass_untouched(void **state)
{
    static const uint8_t options[] = { 0x94, 4, 0, 0, 25, 3, 9, 0 };
    from_a_to_b(100);
    with_options(options, sizeof options);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_memory_equal(frame_ip(&g) + 20, options, sizeof options);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(time_to_live_runs_out),
        TEST(no_route_at_all),
        TEST(too_big_and_may_not_be_fragmented),
        TEST(too_big_and_fragmented),
        TEST(chain_is_fragmented_and_forwarded),
        TEST(error_quotes_up_to_576_octets),
        TEST(never_an_error_about_an_error),
        TEST(never_an_error_about_a_later_fragment),
        TEST(errors_are_rate_limited),
        TEST(one_source_does_not_silence_the_others),
        TEST(error_comes_from_the_outgoing_interface),
        TEST(redirect_when_the_way_leads_back),
        TEST(source_routes_are_refused),
        TEST(record_route_and_timestamp_are_written),
        TEST(full_options_pass_and_overflow_is_counted),
        TEST(bad_options_are_told),
        TEST(unknown_options_pass_untouched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
