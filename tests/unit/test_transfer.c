/* `file get` and `file put` over the wire: UDP of both families to the appliance itself, with a
 * server on wire 1 that loses, repeats and lies as told (unread: RFC 768, RFC 1350 4). */
#include "apps/console/command.h"
#include "apps/console/console.h"
#include "apps/ip/icmp.h"
#include "apps/ip/udp.h"
#include "kernel/console.h"
#include "kernel/files.h"
#include "kernel/task.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench6.h"

#include <stdlib.h>
#include <string.h>

#define STATION 20u
#define SERVER IP(198, 51, 100, 20)
#define ROUTER IP(198, 51, 100, 1)
#define SERVER6 "2001:db8:1::20"
#define TID 3456u
#define BLOCK 512u

static struct {
    uint8_t file[5000]; /* what is there, or what came */
    size_t size;
    unsigned seen;
    unsigned lose; /* every so many packets to it; 0: none */
    bool twice;    /* says all it says twice */
    bool spoils;   /* the checksum of the first answer is wrong */
    bool closed;   /* nobody listens: ICMP says so */
    bool deaf;
    unsigned stranger_errors; /* told to the stranger */
    uint8_t last_ack;
} server;

static struct frame in, out;

static bool is_v6(const struct frame *f)
{
    return load_be16(f->bytes + 12) == ETHERTYPE_IPV6;
}

static uint8_t *udp_of(struct frame *f)
{
    return frame_ip(f) + (is_v6(f) ? IPV6_HEADER : IPV4_HEADER_MIN);
}

/* The sum over a whole datagram of either family, by plain arithmetic of the test's own. */
static uint16_t udp_sum(struct frame *f)
{
    const uint8_t *ip = frame_ip(f), *udp = udp_of(f);
    const uint8_t *addresses = is_v6(f) ? ip + 8 : ip + 12;
    unsigned octets = is_v6(f) ? 32 : 8, length = load_be16(udp + UDP_LENGTH);
    uint32_t sum = 17 + length;
    for (unsigned i = 0; i < octets; i += 2)
        sum += load_be16(addresses + i);
    for (unsigned i = 0; i < length; i++)
        sum += i & 1 ? udp[i] : (uint32_t)udp[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* To the router's socket that `in` came from. */
static void reply(const uint8_t *data, size_t n, uint16_t from, bool spoilt)
{
    uint16_t to = load_be16(udp_of(&in) + UDP_SOURCE);
    if (is_v6(&in))
        frame6(&out, 1, STATION, address6(SERVER6), ipv6_source(frame_ip(&in)),
               (unsigned)(IPV6_HEADER + UDP_HEADER + n));
    else
        frame_ipv4(&out, 1, STATION, SERVER, ROUTER, (unsigned)(IPV4_HEADER_MIN + UDP_HEADER + n));
    uint8_t *udp = udp_of(&out);
    store_be16(udp + UDP_SOURCE, from);
    store_be16(udp + UDP_DESTINATION, to);
    store_be16(udp + UDP_LENGTH, (uint16_t)(UDP_HEADER + n));
    store_be16(udp + UDP_CHECKSUM, 0);
    memcpy(udp + UDP_HEADER, data, n);
    store_be16(udp + UDP_CHECKSUM, (uint16_t)(udp_sum(&out) + spoilt));
    bench_send(1, &out);
}

static void speak(const uint8_t *data, size_t n)
{
    reply(data, n, TID, server.spoils);
    server.spoils = false;
    if (server.twice)
        reply(data, n, TID, false);
}

static void say_data(unsigned block)
{
    uint8_t packet[4 + BLOCK] = { 0, 3, (uint8_t)(block >> 8), (uint8_t)block };
    size_t at = (block - 1) * BLOCK, left = server.size - at, n = left < BLOCK ? left : BLOCK;
    memcpy(packet + 4, server.file + at, n);
    speak(packet, 4 + n);
}

static void say_ack(unsigned block)
{
    uint8_t packet[4] = { 0, 4, (uint8_t)(block >> 8), (uint8_t)block };
    speak(packet, sizeof packet);
}

/* A server of 1981, that knows no options. */
static void serve(const uint8_t *tftp, size_t n, uint16_t to)
{
    unsigned opcode = load_be16(tftp), block = load_be16(tftp + 2);
    if (to != (opcode <= 2 ? 69 : TID)) {
        server.stranger_errors += opcode == 5 && block == 5;
    } else if (opcode == 1) {
        say_data(1);
    } else if (opcode == 2) {
        server.size = 0;
        say_ack(0);
    } else if (opcode == 4) {
        server.last_ack = (uint8_t)block;
        if (block * BLOCK <= server.size)
            say_data(block + 1);
    } else if (opcode == 3) {
        if ((block - 1) * BLOCK == server.size) {
            memcpy(server.file + server.size, tftp + 4, n - 4);
            server.size += n - 4;
        }
        say_ack(block);
    }
}

static void say_closed(void)
{
    uint32_t length = load_be16(frame_ip(&in) + IPV4_TOTAL_LENGTH);
    frame_ipv4(&out, 1, STATION, SERVER, ROUTER, IPV4_HEADER_MIN + ICMP_HEADER + length);
    uint8_t *icmp = frame_ip(&out) + IPV4_HEADER_MIN;
    memset(icmp, 0, ICMP_HEADER);
    icmp[ICMP_TYPE] = ICMP_UNREACHABLE;
    icmp[ICMP_CODE] = ICMP_PORT_UNREACHABLE;
    memcpy(icmp + ICMP_HEADER, frame_ip(&in), length);
    icmp_seal(icmp, ICMP_HEADER + length);
    frame_ip(&out)[IPV4_PROTOCOL] = IPV4_PROTOCOL_ICMP;
    frame_seal(&out);
    bench_send(1, &out);
}

static void say_closed6(void)
{
    unsigned length = IPV6_HEADER + load_be16(frame_ip(&in) + IPV6_PAYLOAD_LENGTH);
    uint8_t *icmp = frame6_icmp(&out, 1, STATION, address6(SERVER6), ipv6_source(frame_ip(&in)),
                                ICMP6_UNREACHABLE, ICMP6_HEADER + length);
    icmp[ICMP6_CODE] = ICMP6_PORT_UNREACHABLE;
    memcpy(icmp + ICMP6_HEADER, frame_ip(&in), length);
    frame6_seal(&out);
    bench_send(1, &out);
}

static void answer(void)
{
    while (bench_take(1, &in)) {
        bool v4 = load_be16(in.bytes + 12) == ETHERTYPE_IPV4;
        if (!(v4 || is_v6(&in)) || frame_ip(&in)[v4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER] != 17)
            continue;
        uint8_t *udp = udp_of(&in);
        assert_int_equal(udp_sum(&in), 0);
        assert_true(load_be16(udp + UDP_CHECKSUM) != 0);
        server.seen++;
        if (server.closed)
            v4 ? say_closed() : say_closed6();
        else if (!server.deaf && !(server.lose && server.seen % server.lose == 0))
            serve(udp + UDP_HEADER, load_be16(udp + UDP_LENGTH) - UDP_HEADER,
                  load_be16(udp + UDP_DESTINATION));
    }
}

static void live(void)
{
    bench_run_ms(1);
    answer();
}

static int set_up(void **state)
{
    bench6_set_up(state);
    memset(&server, 0, sizeof server);
    server.size = 3000;
    for (unsigned i = 0; i < sizeof server.file; i++)
        server.file[i] = (uint8_t)(i * 31 + i / 256);
    station_meet(1, STATION, SERVER);
    station_meet6(1, STATION, address6(SERVER6));
    host_set_yield(live);
    return 0;
}

static int tear_down(void **state)
{
    host_set_yield(NULL);
    files_forget();
    return bench_tear_down(state);
}

static void is_there(const char *name)
{
    const struct file *f = files_find(name);
    assert_non_null(f);
    assert_int_equal(files_size(f), server.size);
    assert_memory_equal(f->bytes, server.file, server.size);
}

/* Getting ----------------------------------------------------------------- */

static void a_file_comes_from_a_server(void **state)
{
    const char *text = bench_output("file get 198.51.100.20 dir/pool.pcap");
    assert_non_null(strstr(text, "pool.pcap: 3000 bytes from 198.51.100.20 in "));
    is_there("pool.pcap");
    assert_int_equal(server.last_ack, 6);
    server.size = 1024; /* a last, empty block */
    bench_command("file get 198.51.100.20 pool.pcap as other");
    is_there("other");
    server.size = 0;
    bench_command("file get 198.51.100.20 nothing");
    is_there("nothing");
}

static void and_by_ipv6(void **state)
{
    bench_command("file get 2001:db8:1::20 pool.pcap");
    is_there("pool.pcap");
    server.spoils = true;
    uint64_t was = bench_drops(1, DROP_udp_invalid);
    bench_command("file get 2001:db8:1::20 pool.pcap as again interface 2");
    is_there("again");
    assert_int_equal(bench_drops(1, DROP_udp_invalid), was + 1);
}

static void what_is_lost_is_asked_for_again(void **state)
{
    server.lose = 3;
    bench_command("file get 198.51.100.20 pool.pcap");
    is_there("pool.pcap");
    server.spoils = true;
    uint64_t was = bench_drops(1, DROP_udp_invalid);
    bench_command("file get 198.51.100.20 pool.pcap as again");
    is_there("again");
    assert_int_equal(bench_drops(1, DROP_udp_invalid), was + 1);
}

/* Each answer twice, and the last block once more when all is over: the last acknowledgement may
 * have been lost. */
static void what_comes_twice_does_no_harm(void **state)
{
    server.twice = true;
    bench_command("file get 198.51.100.20 pool.pcap");
    is_there("pool.pcap");
    server.twice = false;
    unsigned seen = server.seen;
    server.last_ack = 0;
    say_data(6);
    live();
    assert_int_equal(server.seen, seen + 1);
    assert_int_equal(server.last_ack, 6);
    bench_run_ms(12000); /* then nobody is there any more */
    seen = server.seen;
    say_data(6);
    live();
    assert_int_equal(server.seen, seen);
}

static void somebody_else_in_the_middle_is_refused(void **state)
{
    static const uint8_t lie[] = { 0, 3, 0, 2, 'l', 'i', 'e' };
    server.deaf = true;
    console_start();
    host_console_type("file get 198.51.100.20 pool.pcap\r");
    for (unsigned i = 0; i < 10; i++) {
        console_poll();
        task_turn();
        live();
    }
    assert_int_equal(load_be16(udp_of(&in) + UDP_DESTINATION), 69);
    server.deaf = false;
    say_data(1); /* the server has a port now */
    reply(lie, sizeof lie, TID + 1, false);
    for (unsigned i = 0; i < 3000 && !files_count(); i++) {
        console_poll();
        task_turn();
        live();
    }
    is_there("pool.pcap");
    assert_int_equal(server.stranger_errors, 1);
    console_stop();
}

static void silence_ends_it(void **state)
{
    server.deaf = true;
    bench_command_fails("file get 198.51.100.20 pool.pcap",
                        "get 'pool.pcap' from 198.51.100.20: no answer");
    assert_int_equal(server.seen, 6);
    assert_null(files_find("pool.pcap"));
    bench_command_fails("file get 2001:db8:1::20 pool.pcap", "no answer");
}

static void nobody_at_the_port_ends_it_at_once(void **state)
{
    server.closed = true;
    bench_command_fails("file get 198.51.100.20 pool.pcap", "nobody listens at its UDP port 69");
    assert_int_equal(server.seen, 1);
    bench_command_fails("file get 2001:db8:1::20 pool.pcap", "nobody listens at its UDP port 69");
    assert_int_equal(server.seen, 2);
}

static void control_c_ends_it(void **state)
{
    server.deaf = true;
    console_start();
    host_console_type("file get 198.51.100.20 pool.pcap\r\003");
    for (unsigned i = 0; i < 20; i++) {
        console_poll();
        task_turn();
        live();
    }
    console_flush();
    assert_non_null(strstr(host_console_output(), ": interrupted\n"));
    console_stop();
}

static void names_are_checked_before(void **state)
{
    bench_command("file get 198.51.100.20 pool.pcap");
    bench_command_fails("file get 198.51.100.20 pool.pcap", "there is a file 'pool.pcap' already");
    bench_command_fails("file get 198.51.100.20 folder/", "cannot be a file's name");
    bench_command_fails("file get 203.0.113.200.1 x", "expected ADDRESS");
    bench_command_fails("file get 198.51.100.1 x", "our own address");
    bench_command_fails("file get 8.8.8.8 x", "there is no route");
    bench_command_fails("file put 198.51.100.20 nope", "there is no file 'nope'");
    assert_true(command_run("file get 198.51.100.20 x", &out_console, "configuration", 1) < 0);
    assert_non_null(strstr(host_console_output(), "not moved by a configuration"));
}

/* Putting ------------------------------------------------------------------ */

static void file_make(const char *name, size_t size)
{
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(files_make(name, bytes, &size), 0);
    files_settle(name);
}

static void a_file_goes_to_a_server(void **state)
{
    file_make("mine", 4096); /* eight full blocks and an empty one */
    const char *text = bench_output("file put 198.51.100.20 mine");
    assert_non_null(strstr(text, "mine: 4096 bytes to 198.51.100.20 in "));
    is_there("mine");
    server.lose = 4;
    server.twice = true;
    bench_command("file put 198.51.100.20 mine as folder/name");
    is_there("mine");
    server.lose = 0;
    bench_command("file put 2001:db8:1::20 mine");
    is_there("mine");
    assert_int_equal(files_remove("mine"), 0); /* nobody holds it any more */
}

/* Others' datagrams ---------------------------------------------------------- */

static void other_ports_are_unreachable_as_before(void **state)
{
    uint64_t was = bench_drops(1, DROP_protocol);
    frame_ipv4(&out, 1, STATION, SERVER, ROUTER, 60);
    bench_send(1, &out);
    assert_true(bench_take_ipv4(1, &in));
    assert_int_equal(frame_ip(&in)[20], ICMP_UNREACHABLE);
    assert_int_equal(frame_ip(&in)[21], ICMP_PORT_UNREACHABLE);
    assert_int_equal(bench_drops(1, DROP_protocol), was + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_comes_from_a_server),
        TEST(and_by_ipv6),
        TEST(what_is_lost_is_asked_for_again),
        TEST(what_comes_twice_does_no_harm),
        TEST(somebody_else_in_the_middle_is_refused),
        TEST(silence_ends_it),
        TEST(nobody_at_the_port_ends_it_at_once),
        TEST(control_c_ends_it),
        TEST(names_are_checked_before),
        TEST(a_file_goes_to_a_server),
        TEST(other_ports_are_unreachable_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
