/* What IP does on an interface as it is told: reverse path (RFC 3704), proxy ARP (RFC 1027),
 * redirects (RFC 1812 5.2.7.2). */
#include "apps/forward/interface.h"
#include "apps/ip/icmp.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench.h"

#include <string.h>

#define A IP(192, 0, 2, 9)
#define B IP(198, 51, 100, 9)

static int set_up(void **state)
{
    int e = bench_set_up(state);
    station_meet(0, 9, A);
    station_meet(1, 9, B);
    station_meet(2, 2, IP(203, 0, 113, 2));
    return e;
}

/* Whether a packet that comes in on wire 0 from that source arrives at B. */
static bool comes_through(uint32_t source)
{
    struct frame f;
    frame_ipv4(&f, 0, 9, source, B, 60);
    bench_send(0, &f);
    return bench_take_ipv4(1, &f);
}

/* Dropped for that reason, and silently. */
static void is_refused(uint32_t source)
{
    struct frame f;
    uint64_t before = bench_drops(0, DROP_reverse_path), all = bench_all_drops();
    assert_false(comes_through(source));
    assert_int_equal(bench_drops(0, DROP_reverse_path), before + 1);
    assert_int_equal(bench_all_drops(), all + 1);
    assert_false(bench_take_ipv4(0, &f));
}

static void off_every_source_comes_in(void **state)
{
    assert_true(comes_through(A));
    assert_true(comes_through(IP(203, 0, 113, 7)));
    assert_true(comes_through(IP(8, 8, 8, 8)));
}

/* RFC 3704 2.4: any route will do, a default route, too. */
static void loose_wants_some_route(void **state)
{
    bench_command("port 0 reverse-path loose");
    assert_true(comes_through(A));
    assert_true(comes_through(IP(203, 0, 113, 7)));
    is_refused(IP(8, 8, 8, 8));
    bench_command("route add 8.0.0.0/8 blackhole");
    is_refused(IP(8, 8, 8, 8));
    bench_command("route add 8.8.0.0/16 via 203.0.113.2");
    assert_true(comes_through(IP(8, 8, 8, 8)));
    bench_command("route add 0.0.0.0/0 via 203.0.113.2");
    assert_true(comes_through(IP(9, 9, 9, 9)));
    is_refused(IP(8, 1, 1, 1));
    bench_command("port 0 reverse-path off");
    assert_true(comes_through(IP(8, 1, 1, 1)));
}

/* RFC 3704 2.2: the best route leads out where it came in. */
static void strict_wants_the_route_back(void **state)
{
    bench_command("port 0 reverse-path strict");
    assert_true(comes_through(A));
    is_refused(IP(203, 0, 113, 7));
    is_refused(IP(8, 8, 8, 8));
    bench_command("route add 8.0.0.0/8 via 192.0.2.77");
    assert_true(comes_through(IP(8, 8, 8, 8)));
    bench_command("route add 8.8.0.0/16 via 203.0.113.2");
    is_refused(IP(8, 8, 8, 8));
    bench_command("route delete 8.8.0.0/16");
    bench_command("route add 8.8.0.0/16 via 203.0.113.2 via 192.0.2.77"); /* one way is enough */
    assert_true(comes_through(IP(8, 8, 8, 8)));
    bench_command("route add 7.0.0.0/8 interface 0");
    assert_true(comes_through(IP(7, 8, 8, 8)));
}

/* Only there; and what is for ourselves is looked at, too, but no neighbor's question. */
static void it_is_the_interfaces_own(void **state)
{
    struct frame f;
    bench_command("port 0 reverse-path strict");
    frame_ipv4(&f, 1, 9, IP(8, 8, 8, 8), A, 60);
    bench_send(1, &f);
    assert_true(bench_take_ipv4(0, &f));
    frame_echo(&f, 0, 9, IP(203, 0, 113, 7), IP(192, 0, 2, 1), 60);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_reverse_path), 1);
    frame_echo(&f, 0, 9, A, IP(192, 0, 2, 1), 60);
    bench_send(0, &f);
    assert_true(bench_take_ipv4(0, &f));
    frame_arp(&f, 0, 8, 1, IP(192, 0, 2, 8), IP(192, 0, 2, 1));
    bench_send(0, &f);
    assert_true(bench_take_arp(0, &f));
}

/* Martians keep their own reason; one bad packet takes none of its burst along. */
static void others_of_a_burst_pass(void **state)
{
    struct frame f;
    bench_command("port 0 reverse-path strict");
    for (unsigned i = 0; i < 12; i++) {
        uint32_t source = i % 3 == 0 ? A : i % 3 == 1 ? IP(8, 8, 8, 8) : IP(127, 0, 0, 1);
        frame_ipv4(&f, 0, 9, source, B, 60);
        store_be16(frame_ip(&f) + IPV4_ID, (uint16_t)i);
        frame_seal(&f);
        bench_put(0, &f);
    }
    bench_run_ms(2);
    assert_int_equal(bench_drops(0, DROP_reverse_path), 4);
    assert_int_equal(bench_drops(0, DROP_martian_source), 4);
    for (unsigned i = 0; i < 12; i += 3) {
        assert_true(bench_take_ipv4(1, &f));
        assert_int_equal(load_be16(frame_ip(&f) + IPV4_ID), i);
    }
}

/* Proxy ARP ------------------------------------------------------------------ */

static bool is_answered(uint32_t sender, uint32_t target)
{
    struct frame f;
    bench_is_quiet();
    frame_arp(&f, 0, 9, 1, sender, target);
    bench_send(0, &f);
    do
        if (!bench_take_arp(0, &f))
            return false;
    while (f.bytes[21] != 2); /* it may tell its address */
    assert_int_equal(load_be32(f.bytes + 28), target);
    assert_memory_equal(f.bytes + 22, bench.port[0]->mac, MAC_LEN);
    return true;
}

static void proxy_arp_answers_for_hosts_of_other_links(void **state)
{
    bench_command("route add 10.0.0.0/8 via 203.0.113.2 via 198.51.100.9");
    bench_command("route add 11.0.0.0/8 via 203.0.113.2 via 192.0.2.77");
    bench_command("route add 12.0.0.0/8 blackhole");
    assert_false(is_answered(A, B));
    bench_command("port 0 proxy-arp on");
    assert_true(is_answered(A, B));
    assert_true(is_answered(A, IP(198, 51, 100, 77))); /* whether it is there or not */
    assert_true(is_answered(A, IP(10, 1, 1, 1)));
    assert_false(is_answered(A, IP(11, 1, 1, 1)));  /* it may be on this link */
    assert_false(is_answered(A, IP(12, 1, 1, 1)));  /* nobody gets there */
    assert_false(is_answered(A, IP(13, 1, 1, 1)));  /* no route */
    assert_false(is_answered(A, IP(192, 0, 2, 8))); /* on this link */
    assert_false(is_answered(A, IP(198, 51, 100, 255)));
    assert_false(is_answered(A, IP(224, 0, 0, 1)));
    assert_false(is_answered(0, B)); /* a probe (RFC 5227): it wants the address itself */
    bench_command("port 0 proxy-arp off");
    assert_false(is_answered(A, B));
}

/* Redirects ------------------------------------------------------------------ */

static bool is_redirected(void)
{
    struct frame f, g;
    bool redirected = false;
    bench_is_quiet();
    bench_run_ms(1000);
    frame_ipv4(&f, 0, 9, A, IP(10, 1, 1, 1), 60);
    bench_send(0, &f);
    while (bench_take_ipv4(0, &g))
        redirected |= load_be32(frame_ip(&g) + IPV4_SOURCE) == IP(192, 0, 2, 1) &&
                      frame_ip(&g)[20] == ICMP_REDIRECT;
    return redirected;
}

static void redirects_can_be_had_without(void **state)
{
    station_meet(0, 77, IP(192, 0, 2, 77));
    bench_command("route add 10.0.0.0/8 via 192.0.2.77");
    assert_true(is_redirected());
    bench_command("port 0 redirects off");
    assert_false(is_redirected());
    bench_command("port 0 redirects on");
    assert_true(is_redirected());
}

static void configuration(void **state)
{
    bench_command("bridge add lan");
    bench_command("interface lan reverse-path loose");
    bench_command("interface lan redirects off");
    bench_command("interface 2 proxy-arp on");
    bench_command("port 0 reverse-path strict");
    const char *said = bench_output("show config");
    assert_non_null(strstr(said, "\nport 0 reverse-path strict\n"));
    assert_non_null(strstr(said, "\nport 2 proxy-arp on\n"));
    assert_non_null(
        strstr(said, "\ninterface lan reverse-path loose\ninterface lan redirects off\n"));
    assert_non_null(strstr(bench_output("show interface 0"), "reverse-path   strict"));
    bench_command_fails("port 0 reverse-path tight", "expected loose, off, strict");
    bench_command("bridge delete lan");
    bench_command("bridge add lan"); /* with the settings that one begins with */
    assert_null(strstr(bench_output("show config"), "interface lan"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(off_every_source_comes_in),    TEST(loose_wants_some_route),
        TEST(strict_wants_the_route_back),  TEST(it_is_the_interfaces_own),
        TEST(others_of_a_burst_pass),       TEST(proxy_arp_answers_for_hosts_of_other_links),
        TEST(redirects_can_be_had_without), TEST(configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
