/* nic/pcap.c: the conformance suite, pace and loops, and a million frames from one file to another.
 */
#include "kernel/time.h"
#include "nic/pcap.h"
#include "nic/pcap_file.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/capture_file.h"
#include "tests/models/conformance.h"

#include <stdlib.h>
#include <string.h>

static struct port *port;
static uint8_t written[1 << 20];
static struct pcap_memory memory = { .bytes = written, .capacity = sizeof written };

static struct port *create(struct packet_cache *cache)
{
    const struct pcap_options o = { .memory = &memory };
    if (pcap_port_create(PORT_NONE, &o, &port))
        return NULL;
    port->rxq[0]->cache = port->txq[0]->cache = cache;
    return port;
}

static void destroy(void)
{
    port->remove(port);
}

/* A port over `file` alone, on a pool of its own. */
static struct capture_file file;
static struct packet_pool *pool;
static struct packet_cache cache;
static const uint8_t frame[1514] = { 2, 0, 0, 0, 0, 1 };

static void begin(struct pcap_options o)
{
    host_reset();
    port_reset_registry();
    pool = packet_pool_create(256);
    packet_cache_init(&cache, pool);
    o.file = file.bytes;
    o.size = file.size;
    assert_int_equal(pcap_port_create(PORT_NONE, &o, &port), 0);
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    assert_int_equal(port_start(port), 0);
}

static void end(void)
{
    port->remove(port);
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), 256);
    packet_pool_destroy(pool);
    capture_free(&file);
}

/* Frames that come now, thrown away; their lengths are added up. */
static unsigned take(uint32_t *bytes)
{
    struct packet *p[PORT_BURST];
    unsigned n = 0, got;
    while ((got = port_rx_burst(port->rxq[0], p, PORT_BURST))) {
        for (unsigned i = 0; i < got && bytes; i++)
            *bytes += p[i]->frame_length;
        packet_free_burst(&cache, p, got);
        n += got;
    }
    return n;
}

static void three_frames(void)
{
    capture_begin(&file, false);
    capture_pcap(&file, false);
    capture_record(&file, 100, 500000, frame, 60);
    capture_record(&file, 100, 500250, frame, 61);
    capture_record(&file, 103, 0, frame, 1514);
}

static void once_and_all_at_once(void **state)
{
    uint32_t bytes = 0;
    three_frames();
    begin((struct pcap_options){ 0 });
    assert_int_equal(take(&bytes), 3);
    assert_int_equal(bytes, 60 + 61 + 1514);
    assert_int_equal(take(NULL), 0);
    port_stop(port); /* a start begins the file anew */
    assert_int_equal(port_start(port), 0);
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    assert_int_equal(take(NULL), 3);
    end();
}

static void a_loop_goes_on_for_ever(void **state)
{
    struct packet *p[PORT_BURST];
    three_frames();
    begin((struct pcap_options){ .loop = true });
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(port_rx_burst(port->rxq[0], p, PORT_BURST), PORT_BURST);
        packet_free_burst(&cache, p, PORT_BURST);
    }
    assert_int_equal(port->rxq[0]->packets, 3200);
    end();
}

/* To the microsecond: a frame is there when it is due, and not before. */
static void as_recorded_to_the_microsecond(void **state)
{
    three_frames();
    begin((struct pcap_options){ .pace = PCAP_ORIGINAL, .loop = true });
    assert_int_equal(take(NULL), 1);
    host_advance_us(249);
    assert_int_equal(take(NULL), 0);
    host_advance_us(1);
    assert_int_equal(take(NULL), 1);
    host_advance_us(2499749);
    assert_int_equal(take(NULL), 0);
    host_advance_us(1);
    assert_int_equal(take(NULL), 1);
    host_advance_us(1249999); /* 2.5 s in two gaps: the next round after another of them */
    assert_int_equal(take(NULL), 0);
    host_advance_us(1);
    assert_int_equal(take(NULL), 1);
    host_advance_us(250);
    assert_int_equal(take(NULL), 1);
    end();
}

static void at_a_rate(void **state)
{
    three_frames();
    begin((struct pcap_options){ .pace = PCAP_RATE, .rate = 3, .loop = true });
    assert_int_equal(take(NULL), 1);
    host_advance_us(333333);
    assert_int_equal(take(NULL), 1);
    host_advance_us(333333);
    assert_int_equal(take(NULL), 1);
    host_advance_us(333333);
    assert_int_equal(take(NULL), 0);
    assert_int_equal(port->rxq[0]->due_us, time_us() + 1); /* who polls it knows */
    host_advance_us(1);
    assert_int_equal(take(NULL), 1);
    host_advance_us(1000000000);
    assert_int_equal(take(NULL), 3000);
    end();
}

static void time_that_runs_back_stands_still(void **state)
{
    capture_begin(&file, false);
    capture_pcap(&file, false);
    capture_record(&file, 100, 0, frame, 60);
    capture_record(&file, 90, 0, frame, 60);
    capture_record(&file, 101, 0, frame, 60);
    begin((struct pcap_options){ .pace = PCAP_ORIGINAL });
    assert_int_equal(take(NULL), 2);
    host_advance_us(1000000);
    assert_int_equal(take(NULL), 1);
    end();
}

static void frames_beyond_the_mtu_are_errors(void **state)
{
    three_frames();
    begin((struct pcap_options){ 0 });
    assert_int_equal(port_set_mtu(port, 1000), 0);
    assert_int_equal(take(NULL), 2);
    assert_int_equal(port->rxq[0]->errors, 1);
    end();
}

static void without_packets_frames_wait(void **state)
{
    struct packet *all[256];
    three_frames();
    begin((struct pcap_options){ 0 });
    assert_true(packet_alloc_burst(&cache, all, 256));
    assert_int_equal(take(NULL), 0);
    packet_free_burst(&cache, all, 256);
    assert_int_equal(take(NULL), 3);
    end();
}

static void a_full_file_refuses_and_stays_whole(void **state)
{
    uint8_t small[300];
    char why[PCAP_WHY_SIZE];
    struct pcap_memory m = { .bytes = small, .capacity = sizeof small };
    three_frames();
    begin((struct pcap_options){ .memory = &m });
    for (unsigned i = 0; i < 5; i++) {
        struct packet *p = conformance_packet(&cache, frame, 60, 60);
        assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    }
    assert_int_equal(port->txq[0]->packets, 3);
    assert_int_equal(port->txq[0]->errors, 2);
    assert_int_equal(pcap_check(small, m.size, why), 3);
    end();
}

static void bad_files_make_no_port(void **state)
{
    host_reset();
    port_reset_registry();
    const struct pcap_options o = { .file = frame, .size = sizeof frame };
    assert_true(pcap_port_create(PORT_NONE, &o, &port) < 0);
    assert_int_equal(port_count(), 0);
}

#define MILLION 1000000u

/* Each of its own length and bytes; what comes out is what went in. */
static void a_million_frames_come_out_as_they_went_in(void **state)
{
    static uint8_t bytes[128];
    char why[PCAP_WHY_SIZE];
    struct pcap_memory m = { .capacity = (size_t)MILLION * 128 };
    m.bytes = malloc(m.capacity);
    assert_non_null(m.bytes);
    capture_begin(&file, true);
    capture_pcap(&file, true);
    for (uint32_t i = 0; i < MILLION; i++) {
        memcpy(bytes + 20, &i, sizeof i);
        capture_record(&file, i, 0, bytes, 60 + i % 50);
    }
    begin((struct pcap_options){ .memory = &m });
    struct packet *p[PORT_BURST];
    for (uint16_t n; (n = port_rx_burst(port->rxq[0], p, PORT_BURST));)
        assert_int_equal(port_tx_burst(port->txq[0], p, n), n);
    assert_int_equal(port->txq[0]->packets, MILLION);
    struct pcap_reader in, out;
    struct pcap_frame a, b;
    assert_true(pcap_begin(&in, file.bytes, file.size, why));
    assert_true(pcap_begin(&out, m.bytes, m.size, why));
    for (uint32_t i = 0; i < MILLION; i++) {
        if (pcap_next(&in, &a, why) != 1 || pcap_next(&out, &b, why) != 1 || a.length != b.length ||
            memcmp(a.bytes, b.bytes, a.length))
            fail_msg("frame %u is another", i);
    }
    assert_int_equal(pcap_next(&out, &b, why), 0);
    end();
    free(m.bytes);
}

int main(void)
{
    const struct conformance_subject pcap = { .name = "pcap",
                                              .create = create,
                                              .destroy = destroy };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_and_all_at_once),
        cmocka_unit_test(a_loop_goes_on_for_ever),
        cmocka_unit_test(as_recorded_to_the_microsecond),
        cmocka_unit_test(at_a_rate),
        cmocka_unit_test(time_that_runs_back_stands_still),
        cmocka_unit_test(frames_beyond_the_mtu_are_errors),
        cmocka_unit_test(without_packets_frames_wait),
        cmocka_unit_test(a_full_file_refuses_and_stays_whole),
        cmocka_unit_test(bad_files_make_no_port),
        cmocka_unit_test(a_million_frames_come_out_as_they_went_in),
    };
    return conformance_run(&pcap) + cmocka_run_group_tests(tests, NULL, NULL);
}
