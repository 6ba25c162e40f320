/* apps/capture/bpf.c: programs as `tcpdump -ddd` prints them, and what is refused. */
#include "apps/capture/bpf.h"

#include "kernel/endian.h"
#include "nic/ethernet.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"

#include <string.h>

static struct packet_pool *pool;
static struct packet_cache cache;

static int set_up(void **state)
{
    pool = packet_pool_create(64);
    packet_cache_init(&cache, pool);
    return 0;
}

static int tear_down(void **state)
{
    packet_cache_flush(&cache);
    packet_pool_destroy(pool);
    return 0;
}

static uint32_t result(const char *text, const uint8_t *frame, uint32_t length)
{
    struct bpf_program program;
    const char *wrong = bpf_parse(text, &program);
    if (wrong)
        fail_msg("'%s': %s", text, wrong);
    uint32_t wanted[2];
    for (unsigned i = 0; i < 2; i++) { /* in one piece, and cut behind the headers */
        struct packet *p = conformance_packet(&cache, frame, length, i ? 128 : PACKET_ROOM);
        wanted[i] = bpf_run(&program, p);
        packet_free(&cache, p);
    }
    assert_int_equal(wanted[0], wanted[1]);
    return wanted[0];
}

static void refuses(const char *text, const char *why)
{
    struct bpf_program program;
    const char *wrong = bpf_parse(text, &program);
    if (!wrong || !strstr(wrong, why))
        fail_msg("'%s' is %s, not '%s'", text, wrong ? wrong : "taken", why);
}

static void udp(uint8_t *frame, uint16_t port)
{
    memset(frame, 0, 200);
    store_be16(frame + 12, ETHERTYPE_IPV4);
    frame[14] = 0x45;
    frame[23] = 17;
    store_be16(frame + 34, 1000);
    store_be16(frame + 36, port);
}

/* `tcpdump -ddd ip`, `arp`, `udp port 53`, `greater 100` */
static void programs_of_tcpdump_match_what_they_say(void **state)
{
    static const char ip[] = "4,40:0:0:12,21:0:1:2048,6:0:0:262144,6:0:0:0";
    static const char port53[] =
        "20,40:0:0:12,21:0:6:34525,48:0:0:20,21:0:15:17,40:0:0:54,21:12:0:53,40:0:0:56,"
        "21:10:11:53,21:0:10:2048,48:0:0:23,21:0:8:17,40:0:0:20,69:6:0:8191,177:0:0:14,72:0:0:14,"
        "21:2:0:53,72:0:0:16,21:0:1:53,6:0:0:262144,6:0:0:0";
    static const char greater[] = "4,128:0:0:0,53:0:1:100,6:0:0:262144,6:0:0:0";
    uint8_t frame[200];
    udp(frame, 53);
    assert_int_equal(result(ip, frame, 60), 262144);
    assert_int_equal(result(port53, frame, 60), 262144);
    assert_int_equal(result(greater, frame, 100), 262144);
    assert_int_equal(result(greater, frame, 99), 0);
    udp(frame, 54);
    assert_int_equal(result(port53, frame, 60), 0);
    store_be16(frame + 12, ETHERTYPE_ARP);
    assert_int_equal(result(ip, frame, 60), 0);
}

static void a_load_behind_the_end_does_not_match(void **state)
{
    uint8_t frame[200] = { 0 };
    assert_int_equal(result("2,32:0:0:56,6:0:0:7", frame, 60), 7);
    assert_int_equal(result("2,32:0:0:57,6:0:0:7", frame, 60), 0);
    assert_int_equal(result("2,48:0:0:150,6:0:0:7", frame, 151), 7);
    assert_int_equal(result("3,1:0:0:4294967295,64:0:0:10,6:0:0:7", frame, 60), 0);
}

/* ld, add, store, load, mul, shift, and, or, xor, neg, mod, tax, txa, ret a */
static void arithmetic(void **state)
{
    uint8_t frame[60] = { 0 };
    assert_int_equal(result("3,0:0:0:40,4:0:0:2,22:0:0:0", frame, 60), 42);
    assert_int_equal(result("5,0:0:0:6,2:0:0:15,97:0:0:15,44:0:0:0,22:0:0:0", frame, 60), 36);
    assert_int_equal(result("4,0:0:0:255,84:0:0:60,116:0:0:2,22:0:0:0", frame, 60), 15);
    assert_int_equal(result("3,0:0:0:1,132:0:0:0,22:0:0:0", frame, 60), UINT32_MAX);
    assert_int_equal(result("4,0:0:0:17,148:0:0:5,164:0:0:8,22:0:0:0", frame, 60), 10);
    assert_int_equal(result("4,0:0:0:9,7:0:0:0,135:0:0:0,22:0:0:0", frame, 60), 9);
    assert_int_equal(result("4,0:0:0:9,1:0:0:0,60:0:0:0,22:0:0:0", frame, 60), 0); /* by X: 0 */
}

static void bad_programs_are_refused(void **state)
{
    refuses("", "not as");
    refuses("0,", "not as");
    refuses("1,6:0:0:0,", "not as");
    refuses("2,6:0:0:0", "not as");
    refuses("1,6:0:0:4294967296", "not as");
    refuses("1,6:256:0:0", "not as");
    refuses("257,6:0:0:0", "not as");
    refuses("1,0:0:0:1", "no return at the end");
    refuses("2,21:1:0:0,6:0:0:0", "a jump behind the end");
    refuses("2,5:0:0:1,6:0:0:0", "a jump behind the end");
    refuses("2,5:0:0:4294967295,6:0:0:0", "a jump behind the end");
    refuses("2,52:0:0:0,6:0:0:0", "a division by zero");
    refuses("2,100:0:0:32,6:0:0:0", "a shift");
    refuses("2,2:0:0:16,6:0:0:0", "memory");
    refuses("2,96:0:0:16,6:0:0:0", "memory");
    refuses("2,40:0:0:4294963200,6:0:0:0", "only Linux");
    refuses("2,65535:0:0:0,6:0:0:0", "no known instruction");
    refuses("2,15:0:0:0,6:0:0:0", "no known instruction");
    refuses("1,14:0:0:0", "no known return");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_of_tcpdump_match_what_they_say),
        cmocka_unit_test(a_load_behind_the_end_does_not_match),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(bad_programs_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
