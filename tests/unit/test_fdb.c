/* apps/bridge/fdb.c: the filtering database of IEEE 802.1Q 8.7 and 8.8. */
#include "apps/bridge/fdb.h"
#include "apps/forward/quiesce.h"
#include "kernel/log.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <stdlib.h>

#define STATIONS 1024u
#define S 1000000ull
#define NOWHERE 0xffffu

static int set_up(void **state)
{
    host_reset();
    host_set_time_us(12345);
    return fdb_init(STATIONS);
}

static int tear_down(void **state)
{
    retire_all();
    fdb_free();
    return 0;
}

static uint64_t station(uint32_t number)
{
    const uint8_t mac[MAC_LEN] = { 2,
                                   0,
                                   (uint8_t)(number >> 24),
                                   (uint8_t)(number >> 16),
                                   (uint8_t)(number >> 8),
                                   (uint8_t)number };
    return fdb_key(0, mac);
}

static uint16_t where(uint64_t key)
{
    uint16_t port;
    return fdb_lookup(key, fdb_prefetch(key), &port) ? port : NOWHERE;
}

static bool refresh(uint64_t key, uint16_t port)
{
    struct fdb_station station = { .key = key, .hash = fdb_prefetch(key) };
    return !fdb_refresh_burst(&station, port, 1);
}

/* Lets the sweeper walk the whole table once. */
static void sweep(uint64_t now_us)
{
    for (unsigned i = 0; i < 100; i++)
        fdb_tick(now_us);
}

static uint32_t learned(void)
{
    struct fdb_counts c;
    fdb_counts(&c);
    return c.learned;
}

static void a_key_is_vlan_and_address(void **state)
{
    const uint8_t mac[MAC_LEN] = { 1, 0x80, 0xc2, 0, 0, 0x0e };
    assert_int_equal(fdb_key(0, mac), 0x0e0000c28001ull);
    assert_int_equal(fdb_key(4094, mac), 0x0ffe0e0000c28001ull);
    assert_true(fdb_key(0, mac) & FDB_KEY_GROUP);
}

static void learned_stations_are_found(void **state)
{
    assert_int_equal(where(station(1)), NOWHERE);
    fdb_learn(station(1), 3);
    assert_int_equal(where(station(1)), 3);
    assert_int_equal(where(station(2)), NOWHERE);
}

/* Learning is per (VID, MAC). */
static void vlans_are_apart(void **state)
{
    const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 1 };
    fdb_learn(fdb_key(10, mac), 1);
    fdb_learn(fdb_key(20, mac), 2);
    assert_int_equal(where(fdb_key(10, mac)), 1);
    assert_int_equal(where(fdb_key(20, mac)), 2);
    assert_int_equal(where(fdb_key(0, mac)), NOWHERE);
}

/* An empty entry's key is 0 and must not answer for the address 0.  Who sends as it is dropped
 * before (relay.c). */
static void the_address_zero_is_nobody(void **state)
{
    assert_int_equal(where(0), NOWHERE);
}

static void moves_replace_the_port(void **state)
{
    fdb_learn(station(1), 3);
    assert_true(refresh(station(1), 3));
    assert_false(refresh(station(1), 4)); /* tells the worker to post a note */
    fdb_learn(station(1), 4);
    assert_int_equal(where(station(1)), 4);
    assert_int_equal(learned(), 1);
}

/* 802.1Q 8.8.3: 300 s after the station was last seen, to the tick. */
static void ages_at_exactly_300_s(void **state)
{
    fdb_tick(10 * S);
    fdb_learn(station(1), 3);
    fdb_tick(310 * S - 1000);
    assert_int_equal(where(station(1)), 3);
    fdb_tick(310 * S);
    assert_int_equal(where(station(1)), NOWHERE);
    assert_false(refresh(station(1), 3));
    sweep(310 * S);
    assert_int_equal(learned(), 0);
}

static void traffic_keeps_a_station_young(void **state)
{
    fdb_learn(station(1), 3);
    for (uint64_t t = 200; t <= 2000; t += 200) {
        fdb_tick(t * S);
        assert_true(refresh(station(1), 3));
    }
    assert_int_equal(where(station(1)), 3);
    fdb_tick(2299 * S);
    assert_int_equal(where(station(1)), 3);
    fdb_tick(2300 * S);
    assert_int_equal(where(station(1)), NOWHERE);
}

/* The clock of `seen` wraps after 49.7 days. */
static void ages_across_the_wrap_of_the_clock(void **state)
{
    uint64_t wrap = (1ull << 32) * 1000;
    fdb_tick(wrap - 100 * S);
    fdb_learn(station(1), 3);
    fdb_tick(wrap + 199 * S);
    assert_int_equal(where(station(1)), 3);
    fdb_tick(wrap + 200 * S);
    assert_int_equal(where(station(1)), NOWHERE);
}

/* 802.1Q 8.8.1: static entries override what is learned, and stay. */
static void static_entries_stay(void **state)
{
    fdb_learn(station(1), 3);
    assert_int_equal(fdb_add_static(station(1), 5), 0);
    assert_int_equal(where(station(1)), 5);
    assert_true(refresh(station(1), 3)); /* nothing to learn */
    fdb_learn(station(1), 3);
    assert_int_equal(where(station(1)), 5);
    fdb_flush_port(5);
    sweep(1000000 * S);
    assert_int_equal(where(station(1)), 5);
    assert_int_equal(fdb_add_static(station(1), 6), 0); /* said again: moved */
    assert_int_equal(where(station(1)), 6);
    assert_int_equal(fdb_delete(station(1)), 0);
    assert_int_equal(where(station(1)), NOWHERE);
    assert_int_equal(fdb_delete(station(1)), -ENOENT);
}

static void counts_are_right(void **state)
{
    struct fdb_counts c;
    fdb_learn(station(1), 3);
    fdb_learn(station(2), 3);
    fdb_add_static(station(2), 3);
    fdb_add_static(station(3), 3);
    fdb_add_static(station(3), 4);
    fdb_counts(&c);
    assert_int_equal(c.learned, 1);
    assert_int_equal(c.fixed, 2);
    fdb_delete(station(3));
    fdb_delete(station(1));
    fdb_counts(&c);
    assert_int_equal(c.learned, 0);
    assert_int_equal(c.fixed, 1);
}

static unsigned fixed(void)
{
    struct fdb_counts c;
    fdb_counts(&c);
    return c.fixed;
}

/* Whoever goes on with a walk that nobody began changes nothing. */
static void nothing_is_forgotten_unasked(void **state)
{
    assert_int_equal(fdb_add_static(station(1), 0), 0);
    for (unsigned i = 0; i < 2 * STATIONS / FDB_ENTRIES_PER_SLICE; i++)
        assert_false(fdb_forget_slice());
    assert_int_equal(where(station(1)), 0);
}

/* However many there are, one piece looks at a bounded number of them; a second walk begins when
 * the first is through. */
static void static_entries_are_forgotten_in_slices(void **state)
{
    unsigned slices = 1, added = 0;
    for (uint32_t i = 0; i < STATIONS; i++)
        added += !fdb_add_static(station(i * 7919), (uint16_t)(1 + i % 2));
    assert_int_equal(fixed(), added);
    fdb_forget_begin(FDB_ANY, 1);
    while (fdb_forget_slice())
        slices++;
    assert_int_equal(fdb_slice_most, FDB_ENTRIES_PER_SLICE);
    assert_int_equal(slices, 2 * STATIONS / FDB_ENTRIES_PER_SLICE);
    assert_in_range(fixed(), 1, added / 2);
    fdb_add_static(station(7919), 1);
    fdb_forget_begin(FDB_ANY, 1);
    fdb_forget_begin(0, 2);
    assert_int_equal(fdb_add_static(station(9), 3), 0); /* before, and not asked for */
    while (fdb_forget_slice())
        ;
    assert_int_equal(fixed(), 1);
    assert_int_equal(where(station(9)), 3);
}

static void a_flush_forgets_one_port(void **state)
{
    fdb_learn(station(1), 3);
    fdb_learn(station(2), 4);
    fdb_add_static(station(3), 3);
    fdb_flush_port(3);
    assert_int_equal(where(station(1)), NOWHERE);
    assert_int_equal(where(station(2)), 4);
    assert_int_equal(where(station(3)), 3);
    fdb_learn(station(1), 3);
    assert_int_equal(where(station(1)), 3);
}

/* The generation has 15 bits; the one that comes round finds nothing of old. */
static void flushes_may_come_round(void **state)
{
    fdb_learn(station(1), 3);
    for (unsigned i = 0; i < 32768; i++) {
        fdb_flush_port(3);
        if (i == 100)
            sweep(2 * S);
    }
    assert_int_equal(where(station(1)), NOWHERE);
    fdb_learn(station(2), 3);
    assert_int_equal(where(station(2)), 3);
}

static void learns_as_many_as_it_promises(void **state)
{
    struct fdb_counts c;
    for (uint32_t i = 0; i < STATIONS; i++)
        fdb_learn(station(i * 7919), (uint16_t)(i % 60));
    for (uint32_t i = 0; i < STATIONS; i++)
        assert_int_equal(where(station(i * 7919)), i % 60);
    fdb_counts(&c);
    assert_int_equal(c.learned, STATIONS);
    assert_int_equal(c.refused, 0);
    assert_false(host_log_contains("fdb: full"));
}

static unsigned lines_full;

static void count_full(void *ctx, const char *line)
{
    const char *at = line;
    for (; *at; at++)
        if (at[0] == 'f' && at[1] == 'd' && at[2] == 'b')
            lines_full++;
}

static void full_is_told_once_and_counted(void **state)
{
    struct fdb_counts c;
    for (uint32_t i = 0; i < STATIONS + 500; i++)
        fdb_learn(station(i), 1);
    fdb_counts(&c);
    assert_int_equal(c.learned, STATIONS);
    assert_int_equal(c.refused, 500);
    assert_int_equal(where(station(STATIONS + 499)), NOWHERE);
    lines_full = 0;
    log_for_each(count_full, NULL);
    assert_int_equal(lines_full, 1);
    fdb_learn(station(5), 2); /* moves still work */
    assert_int_equal(where(station(5)), 2);
    assert_int_equal(fdb_add_static(station(99999), 7), 0); /* and so does the operator */
    assert_int_equal(where(station(99999)), 7);
}

/* When stations went, there is room again, and a second time full is news. */
static void room_comes_back(void **state)
{
    for (uint32_t i = 0; i < STATIONS + 1; i++)
        fdb_learn(station(i), 1);
    sweep(400 * S);
    assert_int_equal(learned(), 0);
    for (uint32_t i = 0; i < STATIONS + 1; i++)
        fdb_learn(station(i + 50000), 1);
    lines_full = 0;
    log_for_each(count_full, NULL);
    assert_int_equal(lines_full, 2);
}

/* Learned stations make room; then the buckets' eight places bound what can be added. */
static void static_entries_are_bounded(void **state)
{
    unsigned added = 0;
    for (uint32_t i = 0; i < STATIONS; i++)
        fdb_learn(station(i + 100000), 1);
    for (uint32_t i = 0; i < 2 * STATIONS + 1; i++)
        added += fdb_add_static(station(i), 1) == 0;
    assert_in_range(added, STATIONS + STATIONS / 2, 2 * STATIONS);
    assert_int_equal(fdb_add_static(station(0), 2), 0);
}

static void rows_are_walked_while_the_table_changes(void **state)
{
    struct fdb_row row;
    unsigned rows = 0;
    uint32_t cursor = 0;
    fdb_tick(7 * S);
    fdb_add_static(station(0x010203), 9);
    for (uint32_t i = 1000; i < 1100; i++)
        fdb_learn(station(i), 2);
    fdb_tick(12 * S);
    while (fdb_next(&cursor, &row)) {
        if (row.fixed) {
            assert_int_equal(row.mac[0], 2);
            assert_int_equal(row.mac[5], 3);
            assert_int_equal(row.port, 9);
        } else if (row.port == 2) {
            assert_int_equal(row.age_s, 5);
        }
        fdb_learn(station(5000 + rows), 1);
        rows++;
    }
    assert_true(rows >= 101);
}

/* Against a plain array, everything at random. */
static void agrees_with_a_plain_table(void **state)
{
    uint16_t model[256];
    memset(model, 0xff, sizeof model);
    srand(1);
    for (unsigned i = 0; i < 200000; i++) {
        unsigned s = (unsigned)rand() % 256;
        uint16_t port = (uint16_t)(rand() % 4);
        switch (rand() % 8) {
        case 0:
            assert_int_equal(fdb_delete(station(s)), model[s] == NOWHERE ? -ENOENT : 0);
            model[s] = NOWHERE;
            break;
        case 1:
            if (i % 16 == 0) {
                fdb_flush_port(port);
                for (unsigned k = 0; k < 256; k++)
                    model[k] = model[k] == port ? NOWHERE : model[k];
            }
            fdb_tick(i);
            break;
        default:
            fdb_learn(station(s), port);
            model[s] = port;
        }
        s = (unsigned)rand() % 256;
        assert_int_equal(where(station(s)), model[s]);
    }
}

/* Nine tenths of all entries: many are in their second bucket, and some have moved there. */
static void a_crowded_table_finds_everybody(void **state)
{
    static uint16_t model[STATIONS * 9 / 5];
    memset(model, 0xff, sizeof model);
    srand(2);
    for (unsigned i = 0; i < 40000; i++) {
        unsigned s = (unsigned)rand() % ARRAY_SIZE(model);
        uint16_t port = (uint16_t)(rand() % 4);
        if (i >= 10000 && rand() % 2) {
            assert_int_equal(fdb_delete(station(s)), model[s] == NOWHERE ? -ENOENT : 0);
            model[s] = NOWHERE;
        } else if (!fdb_add_static(station(s), port)) {
            model[s] = port;
        }
        s = (unsigned)rand() % ARRAY_SIZE(model);
        assert_int_equal(where(station(s)), model[s]);
    }
}

static void another_size_keeps_static_entries(void **state)
{
    struct fdb_counts c;
    fdb_learn(station(9999), 3);
    for (uint32_t i = 0; i < STATIONS; i++)
        assert_int_equal(fdb_add_static(station(i), (uint16_t)(i % 7)), 0);
    assert_false(fdb_is_resized());
    assert_int_equal(fdb_resize(8 * STATIONS - 5), 0);
    assert_true(fdb_is_resized());
    for (uint32_t i = 0; i < STATIONS; i++)
        assert_int_equal(where(station(i)), i % 7);
    assert_int_equal(where(station(9999)), NOWHERE);
    fdb_counts(&c);
    assert_int_equal(c.limit, 8 * STATIONS);
    assert_int_equal(c.fixed, STATIONS);
    assert_int_equal(c.learned, 0);
    for (uint32_t i = 0; i < 7 * STATIONS; i++)
        fdb_learn(station(100000 + i), 1);
    assert_int_equal(learned(), 7 * STATIONS);
}

static void a_size_that_cannot_be_changes_nothing(void **state)
{
    struct fdb_counts c;
    assert_int_equal(fdb_resize(4 * STATIONS), 0);
    fdb_learn(station(9999), 3);
    for (uint32_t i = 0; i < 3 * STATIONS; i++)
        assert_int_equal(fdb_add_static(station(i), 1), 0);
    assert_int_equal(fdb_resize(STATIONS), -ENOSPC);
    host_set_table_room(0);
    assert_int_equal(fdb_resize(16 * STATIONS), -ENOMEM);
    host_set_table_room(SIZE_MAX);
    fdb_counts(&c);
    assert_int_equal(c.limit, 4 * STATIONS);
    assert_int_equal(c.fixed, 3 * STATIONS);
    assert_int_equal(where(station(9999)), 3);
    assert_int_equal(where(station(3 * STATIONS - 1)), 1);
}

static unsigned yields;

/* In the middle of the copying a port goes. */
static void forget_port_1(void)
{
    if (++yields == 5)
        fdb_forget_begin(FDB_ANY, 1);
    else if (yields > 5)
        fdb_forget_slice();
}

static void what_is_forgotten_meanwhile_does_not_come_back(void **state)
{
    for (uint32_t i = 0; i < STATIONS; i++)
        assert_int_equal(fdb_add_static(station(i), (uint16_t)(i % 2)), 0);
    yields = 0;
    host_set_yield(forget_port_1);
    assert_int_equal(fdb_resize(4 * STATIONS), 0);
    host_set_yield(NULL);
    assert_true(yields > 5);
    for (uint32_t i = 0; i < STATIONS; i++)
        assert_int_equal(where(station(i)), i % 2 ? NOWHERE : 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_vlan_and_address),
        TEST(learned_stations_are_found),
        TEST(vlans_are_apart),
        TEST(the_address_zero_is_nobody),
        TEST(moves_replace_the_port),
        TEST(ages_at_exactly_300_s),
        TEST(traffic_keeps_a_station_young),
        TEST(ages_across_the_wrap_of_the_clock),
        TEST(static_entries_stay),
        TEST(counts_are_right),
        TEST(a_flush_forgets_one_port),
        TEST(nothing_is_forgotten_unasked),
        TEST(static_entries_are_forgotten_in_slices),
        TEST(flushes_may_come_round),
        TEST(learns_as_many_as_it_promises),
        TEST(full_is_told_once_and_counted),
        TEST(room_comes_back),
        TEST(static_entries_are_bounded),
        TEST(rows_are_walked_while_the_table_changes),
        TEST(agrees_with_a_plain_table),
        TEST(a_crowded_table_finds_everybody),
        TEST(another_size_keeps_static_entries),
        TEST(a_size_that_cannot_be_changes_nothing),
        TEST(what_is_forgotten_meanwhile_does_not_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
