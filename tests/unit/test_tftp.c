/* One transfer by TFTP, packet by packet, with a server that says what the test wants (RFC 1350,
 * RFC 1123 4.2.3.1, RFC 2347 to 2349; all but quotations unread). */
#include "apps/ip/tftp.h"
#include "kernel/compiler.h"
#include "kernel/endian.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

static struct tftp t;
static uint8_t head[TFTP_PACKET_MAX], packet[TFTP_PACKET_MAX + 100];
static const uint8_t *body;
static size_t head_length, body_length;

static void send(void)
{
    head_length = tftp_packet(&t, head, &body, &body_length);
}

static void begin(bool put, uint16_t wanted)
{
    t = (struct tftp){ .put = put, .name = "dir/file", .wanted = wanted };
    tftp_begin(&t);
    send();
}

static int tear_down(void **state)
{
    tftp_end(&t);
    host_set_table_room(SIZE_MAX);
    return 0;
}

/* What the server says; whether it is answered. */
static bool says(const void *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1); /* as long as it is: reading on is an error */
    memcpy(copy, bytes, n);
    bool answer = tftp_take(&t, copy, n);
    free(copy);
    if (answer)
        send();
    return answer;
}

#define SAYS(text) says(text, sizeof(text) - 1)

/* DATA: n bytes that tell the block. */
static bool data(uint16_t block, size_t n)
{
    store_be16(packet, 3);
    store_be16(packet + 2, block);
    memset(packet + 4, (uint8_t)(block * 7 + 1), n);
    return says(packet, n + 4);
}

static bool ack(uint16_t block)
{
    store_be16(packet, 4);
    store_be16(packet + 2, block);
    return says(packet, 4);
}

static void acknowledges(uint16_t block)
{
    assert_int_equal(head_length, 4);
    assert_int_equal(load_be16(head), 4);
    assert_int_equal(load_be16(head + 2), block);
    assert_int_equal(body_length, 0);
}

/* Getting ----------------------------------------------------------------- */

static void a_request_asks_for_block_size_and_length(void **state)
{
    static const char wanted[] = "\0\1dir/file\0octet\0blksize\0001428\0tsize\0000";
    begin(false, TFTP_BLOCK_MAX);
    assert_int_equal(head_length, sizeof wanted);
    assert_memory_equal(head, wanted, sizeof wanted);
}

static void a_file_comes_in_blocks(void **state)
{
    begin(false, 16);
    assert_true(SAYS("\0\6BLKSIZE\00016\0tsize\00040\0"));
    acknowledges(0);
    assert_true(data(1, 16));
    acknowledges(1);
    assert_true(data(2, 16));
    assert_int_equal(t.state, TFTP_MOVES);
    assert_true(data(3, 8));
    acknowledges(3);
    assert_int_equal(t.state, TFTP_DONE);
    assert_int_equal(t.size, 40);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(t.bytes[i], (i / 16 + 1) * 7 + 1);
}

/* RFC 2347: who knows no options answers as if there were none. */
static void a_server_without_options_sends_512(void **state)
{
    begin(false, TFTP_BLOCK_MAX);
    assert_true(data(1, 512));
    acknowledges(1);
    assert_true(data(2, 0));
    assert_int_equal(t.state, TFTP_DONE);
    assert_int_equal(t.size, 512);
}

static void what_comes_twice_or_late_is_kept_once(void **state)
{
    begin(false, 16);
    assert_true(SAYS("\0\6blksize\00016\0"));
    assert_true(SAYS("\0\6blksize\00016\0")); /* our answer was lost */
    acknowledges(0);
    assert_false(data(2, 16)); /* not yet */
    assert_true(data(1, 16));
    assert_true(data(1, 16)); /* and again */
    acknowledges(1);
    assert_true(data(2, 16));
    assert_false(data(1, 16)); /* very late: an answer would make the server repeat itself */
    assert_false(SAYS("\0\6blksize\00016\0"));
    assert_true(data(3, 1));
    assert_int_equal(t.state, TFTP_DONE);
    assert_true(data(3, 1)); /* the last answer was lost */
    acknowledges(3);
    assert_false(data(4, 16));
    assert_int_equal(t.size, 33);
}

static void block_numbers_begin_again_behind_65535(void **state)
{
    begin(false, 8);
    assert_true(SAYS("\0\6blksize\0008\0"));
    for (unsigned block = 1; block <= 70000; block++)
        assert_true(data((uint16_t)block, 8));
    assert_true(data((uint16_t)70001, 0));
    assert_int_equal(t.size, 70000 * 8);
    assert_int_equal(t.bytes[65536 * 8], (uint8_t)(65537 * 7 + 1));
}

static void fails_with(const char *text, uint8_t code)
{
    assert_int_equal(t.state, TFTP_FAILED);
    assert_non_null(strstr(t.why, text));
    send();
    assert_int_equal(load_be16(head), 5);
    assert_int_equal(load_be16(head + 2), code);
    assert_false(data(1, 8));
}

static void a_length_that_was_promised_is_held(void **state)
{
    begin(false, 16);
    assert_true(SAYS("\0\6blksize\00016\0tsize\00020\0"));
    assert_true(data(1, 16));
    assert_true(data(2, 3));
    fails_with("sent 19 bytes, and had said that they are 20", TFTP_UNDEFINED);
    tftp_end(&t);
    begin(false, 16);
    assert_true(SAYS("\0\6blksize\00016\0tsize\00020\0"));
    assert_true(data(1, 16));
    assert_true(data(2, 5));
    fails_with("more than the 20 bytes", TFTP_ILLEGAL);
}

static void options_nobody_asked_for_end_it(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } wrong[] = {
#define WRONG(text) { text, sizeof(text) - 1 }
        WRONG("\0\6blksize\00017\0"),
        WRONG("\0\6blksize\0007\0"),
        WRONG("\0\6blksize\0"),
        WRONG("\0\6blksize\00016"),
        WRONG("\0\6blksize\0-1\0"),
        WRONG("\0\6blksize\0\0"),
        WRONG("\0\6windowsize\0004\0"),
        WRONG("\0\6blksize\00016x\0"),
        WRONG("\0\6blksize\00018446744073709551632\0"),
    };
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        begin(false, 16);
        assert_true(says(wrong[i].bytes, wrong[i].n));
        fails_with("options", TFTP_OPTION_REFUSED);
    }
}

static void a_block_that_is_too_long_ends_it(void **state)
{
    begin(false, TFTP_BLOCK_MAX);
    assert_true(data(1, 513));
    fails_with("a block of 513 bytes, expected 512 at most", TFTP_ILLEGAL);
    begin(false, TFTP_BLOCK_MAX);
    assert_true(SAYS("\0\6blksize\0001428\0"));
    assert_true(data(1, TFTP_BLOCK_MAX + 1));
    fails_with("a block of 1429 bytes", TFTP_ILLEGAL);
}

static void memory_is_a_bound(void **state)
{
    host_set_table_room(1000);
    begin(false, 16);
    assert_true(SAYS("\0\6tsize\0001001\0"));
    fails_with("no memory for 1001 bytes", TFTP_DISK_FULL);
    begin(false, 16);
    assert_true(data(1, 512)); /* of unknown length: begins with more */
    fails_with("no memory for 65536 bytes", TFTP_DISK_FULL);
    host_set_table_room(SIZE_MAX);
    begin(false, 16);
    assert_true(SAYS("\0\6tsize\00099999999999\0"));
    fails_with("no memory for 99999999999 bytes", TFTP_DISK_FULL);
}

static void errors_are_told_in_the_servers_words(void **state)
{
    begin(false, 16);
    assert_false(SAYS("\0\5\0\2not \033[31myours\0"));
    assert_int_equal(t.state, TFTP_FAILED);
    assert_string_equal(t.why, "the server says: not ?[31myours (2)");
    assert_false(t.tells);
    begin(false, 16);
    assert_false(SAYS("\0\5\0\1"));
    assert_string_equal(t.why, "the server says: file not found (1)");
    begin(false, 16);
    assert_false(SAYS("\0\5\1\1"));
    assert_string_equal(t.why, "the server says: error (257)");
}

static void what_is_no_packet_is_passed_over(void **state)
{
    begin(false, 16);
    assert_false(says("", 0));
    assert_false(SAYS("\0\3\0"));
    assert_false(SAYS("\0\4\0\0")); /* ACK to one who reads */
    assert_false(SAYS("\0\1name\0octet\0"));
    assert_false(SAYS("\0\7\0\0"));
    assert_false(data(0, 8));
    assert_int_equal(t.state, TFTP_ASKS);
}

/* Putting ------------------------------------------------------------------ */

static uint8_t file[40];

static void put(size_t size)
{
    for (unsigned i = 0; i < sizeof file; i++)
        file[i] = (uint8_t)i;
    t = (struct tftp){ .put = true, .name = "f", .wanted = 16, .bytes = file, .size = size };
    tftp_begin(&t);
    send();
}

static void sends(uint16_t block, size_t from, size_t n)
{
    assert_int_equal(head_length, 4);
    assert_int_equal(load_be16(head), 3);
    assert_int_equal(load_be16(head + 2), block);
    assert_int_equal(body_length, n);
    assert_ptr_equal(body, file + from);
}

static void a_file_goes_in_blocks(void **state)
{
    static const char wanted[] = "\0\2f\0octet\0blksize\00016\0tsize\00040";
    put(40);
    assert_int_equal(head_length, sizeof wanted);
    assert_memory_equal(head, wanted, sizeof wanted);
    assert_true(SAYS("\0\6blksize\00016\0tsize\00040\0"));
    sends(1, 0, 16);
    assert_true(ack(1));
    sends(2, 16, 16);
    assert_true(ack(2));
    sends(3, 32, 8);
    assert_false(ack(3));
    assert_int_equal(t.state, TFTP_DONE);
}

static void a_last_full_block_is_followed_by_an_empty_one(void **state)
{
    put(32);
    assert_true(SAYS("\0\6blksize\00016\0"));
    assert_true(ack(1));
    assert_true(ack(2));
    sends(3, 32, 0);
    assert_int_equal(t.state, TFTP_MOVES);
    assert_false(ack(3));
    assert_int_equal(t.state, TFTP_DONE);
    put(0);
    assert_true(ack(0)); /* no options: 512 */
    sends(1, 0, 0);
    assert_false(ack(1));
    assert_int_equal(t.state, TFTP_DONE);
}

/* RFC 1123 4.2.3.1: else each delayed packet doubles all that follow, the Sorcerer's Apprentice
 * Syndrome. */
static void an_acknowledgement_that_comes_twice_sends_nothing_twice(void **state)
{
    put(40);
    assert_true(SAYS("\0\6blksize\00016\0"));
    assert_false(SAYS("\0\6blksize\00016\0"));
    assert_true(ack(1));
    assert_false(ack(1));
    assert_false(ack(0));
    assert_false(ack(3));
    assert_true(ack(2));
    assert_false(ack(1));
    assert_false(ack(2));
    sends(3, 32, 8);
    send(); /* the time was up: the same again */
    sends(3, 32, 8);
    assert_false(ack(3));
    assert_int_equal(t.state, TFTP_DONE);
}

static void the_server_may_refuse_in_the_middle(void **state)
{
    put(40);
    assert_true(ack(0));
    assert_false(SAYS("\0\5\0\3\0"));
    assert_string_equal(t.why, "the server says: disk full (3)");
    put(40);
    assert_false(data(1, 16)); /* DATA to one who writes */
    assert_int_equal(t.state, TFTP_ASKS);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_asks_for_block_size_and_length),
        TEST(a_file_comes_in_blocks),
        TEST(a_server_without_options_sends_512),
        TEST(what_comes_twice_or_late_is_kept_once),
        TEST(block_numbers_begin_again_behind_65535),
        TEST(a_length_that_was_promised_is_held),
        TEST(options_nobody_asked_for_end_it),
        TEST(a_block_that_is_too_long_ends_it),
        TEST(memory_is_a_bound),
        TEST(errors_are_told_in_the_servers_words),
        TEST(what_is_no_packet_is_passed_over),
        TEST(a_file_goes_in_blocks),
        TEST(a_last_full_block_is_followed_by_an_empty_one),
        TEST(an_acknowledgement_that_comes_twice_sends_nothing_twice),
        TEST(the_server_may_refuse_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
