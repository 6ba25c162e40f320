/* apps/capture, `port add pcap`, `file ...`: what is captured is what passed, and nothing is lost
 * unsaid. */
#include "apps/capture/capture.h"

#include "apps/console/command.h"
#include "kernel/files.h"
#include "nic/pcap_file.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/capture_file.h"
#include "tests/models/lan.h"
#include "tests/models/typed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A 0x020000000001ull
#define B 0x020000000002ull
#define PORTS 4u
#define NUMBER_AT 20u

static int set_up(void **state)
{
    lan_start(PORTS, "io");
    return 0;
}

static int tear_down(void **state)
{
    lan_check_conservation();
    lan_stop();
    files_forget();
    return 0;
}

/* What a file holds, as numbers of lan frames; lengths and comments of them. */
static struct {
    uint64_t frames;
    uint32_t number[4096], length[4096];
} held;

static void read_file(const char *name)
{
    char why[PCAP_WHY_SIZE];
    struct pcap_reader r;
    struct pcap_frame f;
    int e;
    const struct file *file = files_find(name);
    assert_non_null(file);
    assert_true(pcap_begin(&r, file->bytes, files_size(file), why));
    held.frames = 0;
    while ((e = pcap_next(&r, &f, why)) == 1) {
        assert_true(held.frames < ARRAY_SIZE(held.number));
        held.number[held.frames] = 0;
        if (f.length >= NUMBER_AT + 4)
            memcpy(&held.number[held.frames], f.bytes + NUMBER_AT, 4);
        held.length[held.frames++] = f.length;
    }
    if (e)
        fail_msg("%s", why);
}

static void send(unsigned port, uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        lan_send(port, A, B, first + i);
    lan_run();
}

static struct capture_state seen(void)
{
    struct capture_state s;
    capture_read(&s);
    return s;
}

/* Both ways of a port, in order; others' frames not. */
static void a_port_is_captured_both_ways(void **state)
{
    send(0, 1, 3);
    typed_good("capture start 0");
    send(0, 10, 40);
    send(1, 100, 5);
    send(2, 1000, 5);
    assert_non_null(strstr(typed("capture stop"), "capture of port 0 into capture.pcapng: stopped, "
                                                  "45 frames, 0 lost, 0 filtered out"));
    send(0, 50, 3);
    read_file("capture.pcapng");
    assert_int_equal(held.frames, 45);
    for (unsigned i = 0; i < 45; i++)
        assert_int_equal(held.number[i], i < 40 ? 10 + i : 60 + i);
    assert_true(lan[0]->port.rxq[0]->burst != NULL);
}

/* What the queue refused was not sent, and is not in the file. */
static void what_was_not_sent_is_not_captured(void **state)
{
    typed_good("capture start 1");
    lan[1]->room = 7;
    for (uint32_t i = 0; i < 20; i++)
        lan_send(0, A, B, i);
    lan_run();
    lan[1]->room = WIRE_ROOM_ALL;
    send(0, 50, 2);
    typed_good("capture stop");
    read_file("capture.pcapng");
    assert_int_equal(held.frames, 9);
    assert_int_equal(held.number[6], 6);
    assert_int_equal(held.number[7], 50);
    assert_int_equal(seen().frames, 9);
    assert_int_equal(lan_drops(1, DROP_tx_full), 13);
}

static void filter_and_snaplen(void **state)
{
    /* the number's first octet is even: ldb [20]; and 1; jeq 0; ret 30 or 0 */
    typed_good("capture start 0 filter 5,48:0:0:20,84:0:0:1,21:0:1:0,6:0:0:262144,6:0:0:0 "
               "snaplen 30");
    send(0, 0, 10);
    typed_good("capture stop");
    read_file("capture.pcapng");
    assert_int_equal(held.frames, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(held.number[i], 2 * i);
        assert_int_equal(held.length[i], 30);
    }
    assert_int_equal(seen().passed, 5);
    typed_fails("capture start 0 filter ip", "the filter is refused");
    typed_fails("capture start 0 filter 1,0:0:0:0", "no return at the end");
}

static void a_full_file_counts_what_it_lost(void **state)
{
    typed_fails("capture start 0 limit 100", "limit '100' is out of range");
    typed_good("capture start 0 limit 4096");
    for (unsigned i = 0; i < 100; i++)
        send(0, i, 1);
    typed_good("capture stop");
    read_file("capture.pcapng");
    assert_int_equal(held.frames, seen().frames);
    assert_int_equal(seen().frames + seen().lost, 100);
    assert_true(seen().lost > 0 && seen().frames > 20);
}

static bool file_holds(const char *name, const char *text)
{
    const struct file *f = files_find(name);
    return memmem(f->bytes, files_size(f), text, strlen(text));
}

static void drops_say_why(void **state)
{
    typed_good("set portlist 0,1");
    typed_good("capture start drops");
    send(2, 7, 3);
    lan[1]->room = 0;
    send(0, 20, 2);
    typed_good("stop");
    send(0, 30, 1);
    typed_good("capture stop");
    read_file("capture.pcapng");
    assert_int_equal(held.frames, 6);
    assert_int_equal(held.number[0], 7);
    assert_true(file_holds("capture.pcapng", "no_peer: no other port to send to, port 2"));
    assert_true(file_holds("capture.pcapng", "tx_full: transmit queue full, port 1"));
    assert_true(file_holds("capture.pcapng", "stopped: forwarding is stopped, port 0"));
    typed_good("set portlist all");
}

static void an_interface_is_captured_also_when_it_moves(void **state)
{
    typed_good("forward l3");
    typed_good("capture start interface 0");
    send(0, 1, 2);
    typed_good("bridge add b");
    typed_good("bridge b port 0");
    host_advance_us(200000);
    forward_turn();
    send(0, 3, 2);
    typed_good("capture stop");
    read_file("capture.pcapng");
    assert_int_equal(held.frames, 4);
    assert_int_equal(held.number[3], 4);
}

/* Both ways, as the VLAN has them; and what is captured goes on as it came. */
static void a_vlan_is_captured_without_its_tag(void **state)
{
    struct lan_frame frame;
    typed_good("forward l3");
    typed_good("interface add 0.10");
    typed_good("interface 0.10 address 192.0.2.1/24");
    typed_good("capture start interface 0.10");
    lan_frame(&frame, 0x0200000000aaull, B, 77);
    memmove(frame.bytes + 16, frame.bytes + 12, frame.length - 12);
    memcpy(frame.bytes + 12, (const uint8_t[]){ 0x81, 0, 0, 10 }, 4);
    wire_put(lan[0], frame.bytes, frame.length + 4);
    lan_run();
    typed_good("capture stop");
    read_file("capture.pcapng");
    assert_int_equal(held.frames, 1);
    assert_int_equal(held.number[0], 77);
    assert_int_equal(held.length[0], frame.length);
    typed_good("interface delete 0.10");
}

static void one_at_a_time_and_files_are_kept(void **state)
{
    typed_good("capture start 0");
    typed_fails("capture start 1", "a capture runs already");
    typed_fails("file delete capture.pcapng", "is read or written");
    assert_non_null(strstr(typed("show files"), "capture.pcapng  (grows)"));
    typed_good("capture stop");
    typed_fails("capture stop", "no capture runs");
    typed_good("capture start 0 file other");
    typed_good("capture stop");
    assert_int_equal(files_count(), 2);
    typed_good("capture start 0 file other"); /* its own of before makes room */
    typed_good("capture stop");
    typed_fails("capture start 0 file capture.pcapng", "is in use");
    typed_good("file delete capture.pcapng");
    typed_fails("file delete capture.pcapng", "there is no file");
    assert_int_equal(files_count(), 1);
}

static void a_port_that_goes_ends_its_capture(void **state)
{
    typed_good("port add ring number 9");
    forward_ports_up();
    typed_good("capture start 9");
    typed_good("port delete 9");
    assert_false(seen().running);
    read_file("capture.pcapng");
}

/* `port add pcap` ------------------------------------------------------------------- */

static void make(const char *name, uint32_t frames)
{
    struct capture_file f = { 0 };
    struct lan_frame frame;
    capture_pcap(&f, false);
    for (uint32_t i = 0; i < frames; i++) {
        lan_frame(&frame, A, B, i);
        capture_record(&f, i, 0, frame.bytes, frame.length);
    }
    static size_t size;
    size = f.size;
    assert_int_equal(files_make(name, f.bytes, &size), 0);
    files_settle(name);
}

static void what_is_replayed_is_written(void **state)
{
    make("in", 1000);
    assert_string_equal(typed("port add pcap rx in number 4"), "port 4: pcap\n");
    assert_string_equal(typed("port add pcap tx out number 5"), "port 5: pcap\n");
    assert_non_null(strstr(typed("show config"), "port add pcap rx in number 4\n"
                                                 "port add pcap tx out number 5\n"));
    for (unsigned i = 0; i < 100; i++)
        forward_turn();
    typed_fails("file delete in", "is read or written");
    typed_good("port delete 5");
    read_file("out");
    assert_int_equal(held.frames, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(held.number[i], i);
    typed_good("port delete 4");
    typed_good("file delete in");
    typed_good("file delete out");
}

static void words_of_a_pcap_port_come_back(void **state)
{
    make("in", 3);
    typed_good("port add pcap rx in loop rate 100 tx out limit 8192 number 4");
    assert_non_null(strstr(typed("show config"),
                           "port add pcap rx in loop rate 100 tx out limit 8192 number 4\n"));
    typed_good("port delete 4");
    typed_good("file delete out");
    typed_good("port add pcap rx in rate original number 4");
    assert_non_null(strstr(typed("show config"), "port add pcap rx in rate original number 4\n"));
    typed_good("port delete 4");
}

static void bad_words_of_a_pcap_port_change_nothing(void **state)
{
    static size_t size = 30;
    make("in", 3);
    assert_int_equal(files_make("bad", calloc(1, 30), &size), 0);
    files_settle("bad");
    typed_fails("port add pcap rx none", "there is no file 'none'");
    typed_fails("port add pcap rx bad", "'bad' is refused: neither pcap nor pcapng");
    typed_fails("port add pcap rx in rate 0", "RATE 1 to 100000000");
    typed_fails("port add pcap rx in tx in", "there is a file 'in' already");
    typed_fails("port add pcap rx in tx o;", "cannot be a file's name");
    typed_fails("port add pcap tx out limit 5", "limit '5' is out of range");
    typed_fails("port add pcap tx out number 0", "there is a port 0 already");
    assert_int_equal(files_count(), 2);
    assert_int_equal(port_count(), PORTS);
}

/* `file send` ------------------------------------------------------------------------- */

static unsigned digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return (unsigned)(strchr(digits, c) - digits);
}

/* Line by line into its place; the bytes that came. */
static size_t receive(const char *text, uint8_t *bytes)
{
    unsigned long at, n, size = 0;
    size_t came = 0;
    char data[300];
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        if (sscanf(line, "file in %lu %lu %*x %299s", &at, &n, data) != 3) {
            assert_int_equal(sscanf(line, "file in end %lu", &size), 1);
            continue;
        }
        for (unsigned long i = 0; i < n; i++) {
            unsigned high = digit(data[i / 3 * 4 + i % 3]),
                     low = digit(data[i / 3 * 4 + i % 3 + 1]);
            bytes[at + i] = (uint8_t)(high << (2 + 2 * (i % 3)) | low >> (4 - 2 * (i % 3)));
        }
        came += n;
    }
    assert_int_equal(size, files_size(files_find("in")));
    return came;
}

static void files_are_sent_whole_or_from_somewhere(void **state)
{
    static uint8_t bytes[1 << 16];
    make("in", 100);
    const struct file *f = files_find("in");
    assert_int_equal(receive(typed("file send in"), bytes), f->size);
    assert_memory_equal(bytes, f->bytes, f->size);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(receive(typed("file send in from 1000 bytes 500"), bytes), 500);
    assert_memory_equal(bytes + 1000, (const uint8_t *)f->bytes + 1000, 500);
    assert_non_null(strstr(typed("file send in from 0 bytes 3"), "file in 0 3 "));
    typed_fails("file send in from 99999", "is behind the file, expected 0 to");
    typed_fails("file send none", "there is no file");
}

static bool somebody_deletes_it;

static unsigned delete_it(void)
{
    if (somebody_deletes_it)
        files_remove("in");
    return 0;
}

TABLE_ENTRY(command_turns, struct command_turn, deleter) = { .turn = delete_it };

static void a_file_that_goes_while_it_is_sent_ends_there(void **state)
{
    make("in", 100);
    somebody_deletes_it = true;
    const char *text = typed("file send in");
    somebody_deletes_it = false;
    assert_null(files_find("in"));
    assert_int_equal(strncmp(text, "file in 0 ", 10), 0);
    assert_ptr_equal(strchr(text, '\n') + 1, text + strlen(text));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_port_is_captured_both_ways),
        WITH(what_was_not_sent_is_not_captured),
        WITH(filter_and_snaplen),
        WITH(a_full_file_counts_what_it_lost),
        WITH(drops_say_why),
        WITH(an_interface_is_captured_also_when_it_moves),
        WITH(a_vlan_is_captured_without_its_tag),
        WITH(one_at_a_time_and_files_are_kept),
        WITH(a_port_that_goes_ends_its_capture),
        WITH(what_is_replayed_is_written),
        WITH(words_of_a_pcap_port_come_back),
        WITH(bad_words_of_a_pcap_port_change_nothing),
        WITH(files_are_sent_whole_or_from_somewhere),
        WITH(a_file_that_goes_while_it_is_sent_ends_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
