/* Packets for the appliance itself: RFC 792, RFC 1812 4.3 and 4.2.2.7, and `ping`. */
#include "apps/console/command.h"
#include "apps/console/console.h"
#include "apps/ip/icmp.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/reassembly.h"
#include "apps/ip/udp.h"
#include "kernel/console.h"
#include "kernel/task.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench.h"

#include <string.h>

#define HOST_A IP(192, 0, 2, 10)
#define HOST_B IP(198, 51, 100, 20)
#define ROUTER_A IP(192, 0, 2, 1)
#define ROUTER_B IP(198, 51, 100, 1)

static struct frame f, g, whole;

static int set_up(void **state)
{
    bench_set_up(state);
    station_meet(0, 10, HOST_A);
    return 0;
}

static bool icmp_sum_ok(const struct frame *frame)
{
    const uint8_t *ip = frame->bytes + ETHERNET_HEADER;
    unsigned header = ipv4_header_length(ip);
    return ipv4_checksum_ok(ip, header) &&
           !checksum_finish(checksum_add(0, ip + header, load_be16(ip + 2) - header));
}

static void dropped_silently(enum drop_reason why)
{
    uint64_t was = bench_drops(0, why);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, why), was + 1);
    assert_true(bench_is_quiet());
}

/* Echo -------------------------------------------------------------------- */

/* RFC 1812 4.3.3.6: all data comes back, from the address that was asked, also
 * when that is another port's; 4.3.2.2: with a TTL of our own */
static void echo_comes_back(void **state)
{
    static const uint32_t ours[] = { ROUTER_A, ROUTER_B };
    for (unsigned i = 0; i < 2; i++) {
        frame_echo(&f, 0, 10, HOST_A, ours[i], 500);
        frame_ip(&f)[IPV4_TOS] = 0x10;
        frame_ip(&f)[IPV4_TTL] = 1; /* 4.2.2.9: for us, it does not matter */
        frame_seal(&f);
        bench_send(0, &f);
        assert_true(bench_take(0, &g));
        const uint8_t *ip = frame_ip(&g);
        assert_int_equal(g.length, f.length);
        assert_int_equal(load_be32(ip + IPV4_SOURCE), ours[i]);
        assert_int_equal(load_be32(ip + IPV4_DESTINATION), HOST_A);
        assert_int_equal(ip[IPV4_TTL], 64);
        assert_int_equal(ip[IPV4_TOS], 0x10); /* 4.3.2.5 */
        assert_int_equal(ip[20], ICMP_ECHO_REPLY);
        assert_memory_equal(ip + 24, frame_ip(&f) + 24, 476);
        assert_true(icmp_sum_ok(&g));
    }
    assert_int_equal(bench_all_drops(), 0);
}

static void echo_of_odd_length(void **state)
{
    frame_echo(&f, 0, 10, HOST_A, ROUTER_A, 61);
    bench_send(0, &f);
    assert_true(bench_take(0, &g));
    assert_true(icmp_sum_ok(&g));
}

static void echo_in_a_chain(void **state)
{
    bench_set_mtu(0, 9000);
    for (unsigned segment = 128; segment < 1500; segment += 331) {
        if (5001 / segment >= FRAME_SEGMENTS_MAX)
            continue;
        frame_echo(&f, 0, 10, HOST_A, ROUTER_A, 5001);
        bench_send_chain(0, &f, segment);
        assert_true(bench_take(0, &g));
        assert_int_equal(g.length, f.length);
        assert_true(icmp_sum_ok(&g));
    }
}

/* RFC 1812 4.3.3.6: Record Route comes back with us in it */
static void echo_records_its_route(void **state)
{
    static const uint8_t options[] = { 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    frame_echo(&f, 0, 10, HOST_A, ROUTER_A, 60);
    uint8_t *ip = frame_ip(&f);
    memmove(ip + 32, ip + 20, 40);
    memcpy(ip + 20, options, sizeof options);
    ip[0] = 0x48;
    store_be16(ip + 2, 72);
    f.length += 12;
    frame_seal(&f);
    bench_send(0, &f);
    assert_true(bench_take(0, &g));
    assert_int_equal(ipv4_header_length(frame_ip(&g)), 32);
    assert_int_equal(load_be32(frame_ip(&g) + 23), ROUTER_A);
    assert_true(icmp_sum_ok(&g));
}

/* The reply goes where the routes lead, not where the request came from; it
 * waits for ARP like anything else and does not count as held. */
static void reply_waits_for_arp(void **state)
{
    frame_echo(&f, 0, 10, HOST_B, ROUTER_A, 100);
    bench_send(0, &f);
    assert_false(bench_take(0, &g));
    assert_int_equal(neighbor_held(), 0);
    assert_true(bench_is_conserved());
    frame_arp(&f, 1, 20, 2, HOST_B, ROUTER_B);
    bench_send(1, &f);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(load_be32(frame_ip(&g) + IPV4_DESTINATION), HOST_B);
}

/* RFC 1812 4.3.3.6: an echo to a broadcast address may be discarded, and is */
static void echo_to_broadcast_is_discarded(void **state)
{
    frame_echo(&f, 0, 10, HOST_A, IP(192, 0, 2, 255), 100);
    memset(f.bytes, 0xff, MAC_LEN);
    dropped_silently(DROP_broadcast);
}

static void malformed_icmp_is_dropped(void **state)
{
    frame_echo(&f, 0, 10, HOST_A, ROUTER_A, 100);
    f.bytes[ETHERNET_HEADER + 22] ^= 1;
    dropped_silently(DROP_icmp_invalid);
    frame_echo(&f, 0, 10, HOST_A, ROUTER_A, 27);
    dropped_silently(DROP_icmp_invalid);
}

/* RFC 1812 4.3.2.1 */
static void unknown_icmp_is_discarded(void **state)
{
    frame_echo(&f, 0, 10, HOST_A, ROUTER_A, 100);
    frame_ip(&f)[20] = 42;
    memset(frame_ip(&f) + 22, 0, 2);
    uint16_t sum = checksum_finish(checksum_add(0, frame_ip(&f) + 20, 80));
    memcpy(frame_ip(&f) + 22, &sum, 2);
    dropped_silently(DROP_protocol);
}

/* RFC 1812 4.3.3.1: code 3 for ports, code 2 for protocols */
static void services_that_are_not_there(void **state)
{
    static const struct {
        uint8_t protocol, code;
    } row[] = { { 17, ICMP_PORT_UNREACHABLE },
                { 6, ICMP_PROTOCOL_UNREACHABLE },
                { 89, ICMP_PROTOCOL_UNREACHABLE } };
    for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
        frame_ipv4(&f, 0, 10, HOST_A, ROUTER_B, 100);
        frame_ip(&f)[IPV4_PROTOCOL] = row[i].protocol;
        frame_seal(&f);
        bench_send(0, &f);
        assert_true(bench_take(0, &g));
        assert_int_equal(frame_ip(&g)[20], ICMP_UNREACHABLE);
        assert_int_equal(frame_ip(&g)[21], row[i].code);
        assert_int_equal(bench_drops(0, DROP_protocol), i + 1);
    }
}

/* unread: RFC 1122 4.1.3.4: whether anybody listens there or not */
static void datagrams_that_are_spoilt(void **state)
{
    static const uint8_t spoilt[][2] = { { UDP_LENGTH + 1, 7 },    /* shorter than its header */
                                         { UDP_LENGTH, 1 },        /* longer than the packet */
                                         { UDP_CHECKSUM, 0x55 } }; /* 0: there is none */
    for (unsigned i = 0; i < ARRAY_SIZE(spoilt); i++) {
        frame_ipv4(&f, 0, 10, HOST_A, ROUTER_A, 100);
        frame_ip(&f)[20 + spoilt[i][0]] = spoilt[i][1];
        dropped_silently(DROP_udp_invalid);
    }
    frame_ipv4(&f, 0, 10, HOST_A, ROUTER_A, 27);
    dropped_silently(DROP_udp_invalid);
}

/* RFC 1812 4.3.2.7: an error to us, even a wrong one, makes no error */
static void errors_to_us_are_not_answered(void **state)
{
    for (unsigned type = 3; type <= 12; type++) {
        frame_echo(&f, 0, 10, HOST_A, ROUTER_A, 100);
        frame_ip(&f)[20] = (uint8_t)type;
        bench_send(0, &f);
        frame_ip(&f)[22] = (uint8_t)(frame_ip(&f)[22] + 8 - type); /* the sum, right again */
        if (type != 8)
            bench_send(0, &f);
        if (type != 8)
            assert_true(bench_is_quiet());
        bench_is_quiet();
    }
}

/* Joining (RFC 1812 4.2.2.7) ---------------------------------------------- */

/* Octets [begin, end) of the payload of `whole` as a fragment in f. */
static void fragment_of_whole(unsigned begin, unsigned end)
{
    unsigned total = load_be16(frame_ip(&whole) + IPV4_TOTAL_LENGTH) - 20u;
    memcpy(f.bytes, whole.bytes, ETHERNET_HEADER + 20);
    memcpy(f.bytes + ETHERNET_HEADER + 20, whole.bytes + ETHERNET_HEADER + 20 + begin, end - begin);
    store_be16(frame_ip(&f) + IPV4_TOTAL_LENGTH, (uint16_t)(20 + end - begin));
    store_be16(frame_ip(&f) + IPV4_FRAGMENT,
               (uint16_t)((end < total ? IPV4_FRAGMENT_MF : 0) | begin / 8));
    f.length = ETHERNET_HEADER + 20 + end - begin;
    if (f.length < 60) {
        memset(f.bytes + f.length, 0x5a, 60 - f.length);
        f.length = 60;
    }
    frame_seal(&f);
}

static void piece(unsigned begin, unsigned end)
{
    fragment_of_whole(begin, end);
    bench_send(0, &f);
    assert_true(bench_is_conserved());
}

static void whole_echo_is_answered(void)
{
    unsigned total = load_be16(frame_ip(&whole) + IPV4_TOTAL_LENGTH) - 20u, at = 0;
    while (bench_take(0, &g)) {
        const uint8_t *ip = frame_ip(&g);
        unsigned length = load_be16(ip + IPV4_TOTAL_LENGTH) - 20u;
        assert_int_equal(8u * (load_be16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET), at);
        unsigned skip = at ? 0 : 4; /* type and checksum differ */
        assert_memory_equal(ip + 20 + skip, frame_ip(&whole) + 20 + at + skip, length - skip);
        at += length;
    }
    assert_int_equal(at, total);
    assert_int_equal(reassembly_held(), 0);
}

static void pieces_in_any_order_make_the_whole(void **state)
{
    frame_echo(&whole, 0, 10, HOST_A, ROUTER_A, 4020);
    piece(0, 1480);
    assert_int_equal(reassembly_held(), 1);
    piece(1480, 2960);
    piece(2960, 4000);
    whole_echo_is_answered();
    store_be16(frame_ip(&whole) + IPV4_ID, 2);
    piece(2960, 4000);
    piece(8, 1480);
    piece(1480, 2960);
    assert_int_equal(reassembly_held(), 3);
    piece(0, 8); /* the smallest, padded by Ethernet */
    whole_echo_is_answered();
    assert_int_equal(bench_all_drops(), 0);
}

static void overlapping_pieces_spoil_the_datagram(void **state)
{
    frame_echo(&whole, 0, 10, HOST_A, ROUTER_A, 2020);
    piece(0, 800);
    piece(792, 1600);
    assert_int_equal(reassembly_held(), 0);
    assert_int_equal(bench_drops(0, DROP_fragment), 2);
    piece(800, 1600);
    piece(1600, 2000);
    assert_true(bench_is_quiet());
}

/* RFC 791 3.2: a datagram has one last fragment, and nothing behind it. */
static void pieces_that_disagree_about_the_end_spoil_the_datagram(void **state)
{
    static const struct {
        unsigned begin, end;
        bool last;
    } row[][3] = {
        { { 128, 192, true }, { 0, 64, false }, { 64, 128, true } },
        { { 64, 128, true }, { 128, 192, false }, { 0, 64, false } },
        { { 128, 192, false }, { 0, 64, false }, { 64, 128, true } },
        { { 64, 128, true }, { 128, 192, true }, { 0, 64, false } },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
        frame_echo(&whole, 0, 10, HOST_A, ROUTER_A, 20 + 192);
        store_be16(frame_ip(&whole) + IPV4_ID, (uint16_t)(100 + i));
        for (unsigned k = 0; k < 3; k++) {
            fragment_of_whole(row[i][k].begin, row[i][k].end);
            store_be16(frame_ip(&f) + IPV4_FRAGMENT,
                       (uint16_t)((row[i][k].last ? 0 : IPV4_FRAGMENT_MF) | row[i][k].begin / 8));
            frame_seal(&f);
            bench_send(0, &f);
        }
        assert_true(bench_is_quiet());
        assert_true(bench_is_conserved());
        assert_true(bench_drops(0, DROP_fragment) >= 2 * (i + 1));
    }
}

static void impossible_pieces_are_dropped(void **state)
{
    frame_echo(&whole, 0, 10, HOST_A, ROUTER_A, 2020);
    piece(0, 804); /* not a multiple of 8, and more to come */
    assert_int_equal(bench_drops(0, DROP_fragment), 1);
    fragment_of_whole(1600, 2000);
    store_be16(frame_ip(&f) + IPV4_FRAGMENT, 8191); /* beyond 65535 */
    frame_seal(&f);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_fragment), 2);
    fragment_of_whole(0, 0);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_fragment), 3);
}

/* RFC 792, RFC 1122 3.3.2: Time Exceeded, code 1, if the first piece is there */
static void incomplete_datagrams_time_out(void **state)
{
    frame_echo(&whole, 0, 10, HOST_A, ROUTER_A, 4020);
    frame_ip(&whole)[IPV4_PROTOCOL] = 17;
    piece(0, 1480);
    piece(2960, 4000);
    store_be16(frame_ip(&whole) + IPV4_ID, 2);
    piece(1480, 2960);
    bench_is_quiet();
    host_advance_us(FRAGMENT_TIMEOUT_US);
    bench_run_ms(20);
    assert_int_equal(reassembly_held(), 0);
    assert_int_equal(bench_drops(0, DROP_fragment), 3);
    assert_true(bench_take_ipv4(0, &g));
    assert_int_equal(frame_ip(&g)[20], ICMP_TIME_EXCEEDED);
    assert_int_equal(frame_ip(&g)[21], ICMP_REASSEMBLY_EXCEEDED);
    assert_false(bench_take_ipv4(0, &g));
}

static void fragments_for_ever_are_bounded(void **state)
{
    frame_echo(&whole, 0, 10, HOST_A, ROUTER_A, 4020);
    for (unsigned i = 0; i < 500; i++) {
        store_be16(frame_ip(&whole) + IPV4_ID, (uint16_t)(i / 5));
        piece(8 * (i % 5), 8 * (i % 5) + 8);
        assert_in_range(reassembly_held(), 1, FRAGMENT_JOINS * FRAGMENT_PIECES);
    }
    for (unsigned i = 0; i < 40; i++)
        piece(8 * i + 800, 8 * i + 808);
    assert_in_range(reassembly_held(), 0, FRAGMENT_JOINS * FRAGMENT_PIECES);
}

/* Ping -------------------------------------------------------------------- */

static bool deaf;

/* Station 20 of wire 1 answers ARP and echo requests. */
static void answer(void)
{
    static struct frame in, out;
    while (!deaf && bench_take(1, &in)) {
        uint8_t mac[MAC_LEN];
        station_mac(1, 20, mac);
        out = in;
        memcpy(out.bytes, bench.port[1]->mac, MAC_LEN);
        memcpy(out.bytes + MAC_LEN, mac, MAC_LEN);
        if (load_be16(in.bytes + 12) == ETHERTYPE_ARP) {
            frame_arp(&out, 1, 20, 2, HOST_B, ROUTER_B);
        } else {
            uint8_t *ip = frame_ip(&out);
            memcpy(ip + 12, frame_ip(&in) + 16, 4);
            memcpy(ip + 16, frame_ip(&in) + 12, 4);
            ip[20] = 0;
            ip[22] = (uint8_t)(ip[22] + 8); /* the sum, after type 8 became 0 */
            if (ip[22] < 8 && ++ip[23] == 0)
                ip[22]++;
            frame_seal(&out);
        }
        bench_send(1, &out);
    }
}

static void live(void)
{
    bench_run_ms(1);
    answer();
}

static void ping_counts_answers(void **state)
{
    deaf = false;
    host_set_yield(live);
    const char *text = bench_output("ping 198.51.100.20 count 3");
    assert_non_null(strstr(text, "64 bytes from 198.51.100.20: sequence 1, ttl 64, "));
    assert_non_null(strstr(text, "sequence 3"));
    assert_non_null(strstr(text, "3 sent, 3 received, least "));
}

static void ping_sends_what_was_asked_for(void **state)
{
    deaf = false;
    host_set_yield(live);
    assert_non_null(strstr(bench_output("ping 198.51.100.20 count 1 size 100"),
                           "108 bytes from 198.51.100.20: sequence 1"));
    assert_non_null(strstr(bench_output("ping 198.51.100.20 count 1 size 0"), "8 bytes from "));
    assert_non_null(strstr(bench_output("ping 198.51.100.20 count 1 size 1472"), "1480 bytes"));
    assert_non_null(strstr(bench_output("ping 198.51.100.20 size 9"), "5 sent, 5 received"));
    bench_command_fails("ping 198.51.100.20 size 1473", "size is 1473, expected 0 to 1472");
}

static void ping_tells_of_silence(void **state)
{
    deaf = true;
    host_set_yield(live);
    const char *text = bench_output("ping 198.51.100.20 count 2");
    assert_non_null(strstr(text, "no answer to 1\n"));
    assert_non_null(strstr(text, "2 sent, 0 received\n"));
    assert_null(strstr(text, "least"));
}

static void run_consoles(unsigned ms)
{
    while (ms--) {
        console_poll();
        task_turn();
        live();
    }
    console_flush();
}

static void control_c_stops_ping(void **state)
{
    deaf = false;
    console_start();
    host_console_type("ping 198.51.100.20 count 100\rshow version\r");
    run_consoles(1500);
    assert_null(strstr(host_console_output(), " sent, "));
    host_console_type("\003");
    run_consoles(10);
    assert_non_null(strstr(host_console_output(), "2 sent, 2 received, "));
    assert_non_null(strstr(host_console_output(), "\ncommit ")); /* typed ahead */
    console_stop();
}

static char other_text[8192];

static size_t other_write(struct console_device *d, const char *text, size_t n)
{
    strncat(other_text, text, n);
    return n;
}

static int other_read(struct console_device *d)
{
    static const char *typed = "ping 198.51.100.20 count 3\r";
    return *typed ? (unsigned char)*typed++ : -1;
}

/* Each waits for its own answers. */
static void two_consoles_ping_at_once(void **state)
{
    static struct console_device other = { .name = "other",
                                           .write = other_write,
                                           .read = other_read };
    deaf = false;
    console_add(&other);
    console_start();
    host_console_type("ping 198.51.100.20 count 2\r");
    run_consoles(3500);
    assert_non_null(strstr(host_console_output(), "2 sent, 2 received, "));
    assert_non_null(strstr(other_text, "3 sent, 3 received, "));
    console_stop();
}

/* A configuration runs before the poll loop does: nobody else turns it. */
static void ping_in_a_configuration_is_answered(void **state)
{
    deaf = false;
    host_set_yield(answer);
    assert_int_equal(command_run("ping 198.51.100.20 count 2", &out_console, "configuration", 1),
                     0);
    assert_non_null(strstr(host_console_output(), "2 sent, 2 received, least "));
}

static void ping_needs_a_way(void **state)
{
    bench_command_fails("ping 10.0.0.1", "no route to 10.0.0.1");
    bench_command_fails("ping 192.0.2.1", "our own address");
    bench_command_fails("ping 198.51.100.20 count 0", "expected 1 to");
    forward_stop();
    bench_command_fails("ping 198.51.100.20", "ping needs mode l2 or l3");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(echo_comes_back),
        TEST(echo_of_odd_length),
        TEST(echo_in_a_chain),
        TEST(echo_records_its_route),
        TEST(reply_waits_for_arp),
        TEST(echo_to_broadcast_is_discarded),
        TEST(malformed_icmp_is_dropped),
        TEST(unknown_icmp_is_discarded),
        TEST(services_that_are_not_there),
        TEST(datagrams_that_are_spoilt),
        TEST(errors_to_us_are_not_answered),
        TEST(pieces_in_any_order_make_the_whole),
        TEST(overlapping_pieces_spoil_the_datagram),
        TEST(pieces_that_disagree_about_the_end_spoil_the_datagram),
        TEST(impossible_pieces_are_dropped),
        TEST(incomplete_datagrams_time_out),
        TEST(fragments_for_ever_are_bounded),
        TEST(ping_counts_answers),
        TEST(ping_sends_what_was_asked_for),
        TEST(ping_tells_of_silence),
        TEST(control_c_stops_ping),
        TEST(two_consoles_ping_at_once),
        TEST(ping_in_a_configuration_is_answered),
        TEST(ping_needs_a_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
