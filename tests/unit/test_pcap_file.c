/* nic/pcap_file.c: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. */
#include "nic/pcap_file.h"

#include "kernel/endian.h"
#include "tests/host/test.h"
#include "tests/models/capture_file.h"

#include <stdio.h>
#include <string.h>

static struct capture_file file;
static uint8_t frame[2000];
static char why[PCAP_WHY_SIZE];

static void reads(uint64_t frames, const uint64_t *times, const uint32_t *lengths)
{
    struct pcap_reader r;
    struct pcap_frame f = { 0 };
    assert_int_equal(pcap_check(file.bytes, file.size, why), frames);
    assert_true(pcap_begin(&r, file.bytes, file.size, why));
    for (uint64_t i = 0; i < frames; i++) {
        assert_int_equal(pcap_next(&r, &f, why), 1);
        assert_int_equal(f.time_ns, times[i]);
        assert_int_equal(f.length, lengths[i]);
        assert_memory_equal(f.bytes, frame, f.length);
    }
    assert_int_equal(pcap_next(&r, &f, why), 0);
}

static void refuses(const char *text)
{
    assert_true(pcap_check(file.bytes, file.size, why) < 0);
    if (!strstr(why, text))
        fail_msg("'%s' instead of '%s'", why, text);
}

static int set_up(void **state)
{
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 3 + 1);
    return 0;
}

static int tear_down(void **state)
{
    capture_free(&file);
    return 0;
}

static void micro_and_nanoseconds_in_both_byte_orders(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        bool nanoseconds = i & 1;
        uint64_t unit = nanoseconds ? 1 : 1000;
        capture_begin(&file, i & 2);
        capture_pcap(&file, nanoseconds);
        capture_record(&file, 7, 999999, frame, 60);
        capture_record(&file, 4000000000u, 0, frame, 1514);
        capture_record(&file, 8, 1, frame, 61); /* not padded */
        reads(3,
              (uint64_t[]){ 7000000000ull + 999999 * unit, 4000000000000000000ull,
                            8000000000ull + unit },
              (uint32_t[]){ 60, 1514, 61 });
    }
}

static void blocks_in_both_byte_orders(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        capture_begin(&file, i);
        capture_section(&file);
        capture_interface(&file, 1, 0, 0);
        capture_interface(&file, 1, 0, 9);
        capture_interface(&file, 1, 0, 0x80 | 10); /* 1/1024 s */
        capture_block(&file, 5, frame, 30);        /* others are passed over */
        capture_packet(&file, 0, 5000001, frame, 62);
        capture_packet(&file, 1, 5000001, frame, 63);
        capture_packet(&file, 2, 1024 + 512, frame, 64);
        capture_simple(&file, frame, 65);
        capture_block(&file, 0x80000005, NULL, 0);
        file.big_endian = !file.big_endian; /* a second section, in the other order */
        capture_section(&file);
        capture_interface(&file, 1, 0, 6);
        capture_packet(&file, 0, 9, frame, 70);
        reads(5, (uint64_t[]){ 5000001000, 5000001, 1500000000, 1500000000, 9000 },
              (uint32_t[]){ 62, 63, 64, 65, 70 });
    }
}

static void simple_blocks_end_at_the_snap_length(void **state)
{
    capture_begin(&file, false);
    capture_section(&file);
    capture_interface(&file, 1, 100, 0);
    uint8_t body[104];
    store_le32(body, 1500);
    memcpy(body + 4, frame, 100);
    capture_block(&file, 3, body, sizeof body);
    reads(1, (uint64_t[]){ 0 }, (uint32_t[]){ 100 });
}

/* Cut anywhere, a file is refused with the number of the frame that is not whole, unless it ends
 * with one. */
static void cut_files_are_refused_with_the_frames_number(void **state)
{
    capture_begin(&file, false);
    capture_pcap(&file, false);
    for (unsigned i = 0; i < 3; i++)
        capture_record(&file, i, 0, frame, 60);
    size_t whole = file.size;
    for (size_t n = 24; n < whole; n++) {
        char text[48];
        size_t frames = (n - 24) / 76, rest = (n - 24) % 76;
        int64_t found = pcap_check(file.bytes, n, why);
        snprintf(text, sizeof text, "frame %zu: cut", frames + 1);
        if (rest)
            assert_true(found < 0 && strstr(why, text));
        else
            assert_int_equal(found, frames);
    }
    for (file.size = 0; file.size < 24; file.size++)
        assert_true(pcap_check(file.bytes, file.size, why) < 0);
}

static void cut_blocks_are_refused(void **state)
{
    capture_begin(&file, true);
    capture_section(&file);
    capture_interface(&file, 1, 0, 0);
    size_t begin = file.size;
    capture_packet(&file, 0, 0, frame, 60);
    size_t whole = file.size;
    for (size_t n = begin + 1; n < whole; n++) {
        assert_true(pcap_check(file.bytes, n, why) < 0);
        assert_non_null(strstr(why, "frame 1: a block"));
    }
    assert_int_equal(pcap_check(file.bytes, begin, why), 0);
}

static void broken_files_say_what_is_wrong(void **state)
{
    capture_begin(&file, false);
    capture_put(&file, "GIF89a, which is long enough to be one", 30);
    refuses("neither pcap nor pcapng");
    capture_begin(&file, false);
    capture_pcap(&file, false);
    capture_record(&file, 0, 0, frame, 60);
    capture_record(&file, 0, 0, frame, 13);
    refuses("frame 2: 13 bytes, expected an Ethernet frame of 14 or more");
    capture_begin(&file, false);
    capture_pcap(&file, false);
    capture_record(&file, 0, 1000000, frame, 60);
    refuses("frame 1: a time");
    capture_begin(&file, false);
    capture_pcap(&file, false);
    file.bytes[20] = 113;
    refuses("link type 113");
    capture_begin(&file, false);
    capture_section(&file);
    capture_packet(&file, 0, 0, frame, 60);
    refuses("frame 1: from interface 0, which was not described");
    capture_begin(&file, false);
    capture_section(&file);
    capture_interface(&file, 127, 0, 0);
    capture_packet(&file, 0, 0, frame, 60);
    refuses("no Ethernet");
    capture_begin(&file, false);
    capture_section(&file);
    file.bytes[4] = 27;
    refuses("a block of 27 bytes");
    capture_begin(&file, false);
    capture_section(&file);
    file.bytes[file.size - 4]++;
    refuses("two lengths differ");
}

/* What we write we read, and so does the other format's reader. */
static void what_is_written_is_read(void **state)
{
    uint8_t out[4096];
    struct pcap_frame f;
    struct pcap_reader r;
    size_t n = pcap_write_header(out);
    pcap_write_record(out + n, 3000000007ull, 61, 61);
    memcpy(out + n + PCAP_RECORD_HEADER, frame, 61);
    assert_int_equal(pcap_check(out, n + PCAP_RECORD_HEADER + 61, why), 1);
    pcap_begin(&r, out, n + PCAP_RECORD_HEADER + 61, why);
    pcap_next(&r, &f, why);
    assert_int_equal(f.time_ns, 3000000007ull);

    n = pcapng_write_headers(out, "port 0", 96);
    const char *const comments[] = { NULL, "no_route", "a" };
    for (unsigned i = 0; i < 3; i++) {
        memcpy(pcapng_write_block(out + n, 77, 61, 100, PCAPNG_INBOUND, comments[i]), frame, 61);
        n += pcapng_block_size(61, comments[i]);
        pcapng_write_filler(out + n, 12);
        n += 12;
    }
    assert_int_equal(pcap_check(out, n, why), 3);
    pcap_begin(&r, out, n, why);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pcap_next(&r, &f, why), 1);
        assert_int_equal(f.time_ns, 77000);
        assert_int_equal(f.length, 61);
        assert_memory_equal(f.bytes, frame, 61);
    }
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(micro_and_nanoseconds_in_both_byte_orders),
        WITH(blocks_in_both_byte_orders),
        WITH(simple_blocks_end_at_the_snap_length),
        WITH(cut_files_are_refused_with_the_frames_number),
        WITH(cut_blocks_are_refused),
        WITH(broken_files_say_what_is_wrong),
        WITH(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
