/* Look-ups in the tables while they change, built under ThreadSanitizer and AddressSanitizer:
 * whatever a reader finds covers what it asked for, and is no shorter than what stays there all
 * the time (apps/ip/trie.h); and a host's own value (apps/ip/hosts6.h), and that of a prefix by a
 * shortcut (apps/ip/shortcut6.h). */
#include "apps/forward/quiesce.h"
#include "apps/ip/fib.h"
#include "apps/ip/fib6.h"
#include "apps/ip/ipv4.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define READERS 3u
#define CHANGES 6000u
#define STAYING 24u /* of the prefixes; the others come and go */
#define PREFIXES 160u

static struct prefix {
    uint32_t address;
    unsigned length;
    bool there;
} prefix[PREFIXES]; /* number n has the value n + 1 */
static struct worker_turns turns[READERS + 1];
static pthread_t thread[READERS];
static bool stop;
static uint64_t looked[READERS];

static uint32_t dice(uint32_t *state, uint32_t sides)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % sides;
}

/* All in a few nodes, and nested. */
static uint32_t random_address(uint32_t *state)
{
    return 0x0a000000 | dice(state, 2) << 16 | dice(state, 4) << 8 | dice(state, 256);
}

static bool covers(const struct prefix *p, uint32_t address)
{
    return !((p->address ^ address) & ipv4_mask(p->length));
}

static unsigned staying_length(uint32_t address)
{
    unsigned length = 0;
    for (unsigned i = 0; i < STAYING; i++)
        if (covers(&prefix[i], address) && prefix[i].length > length)
            length = prefix[i].length;
    return length;
}

static void check(uint32_t address, uint32_t value)
{
    if (value > PREFIXES || (!value && staying_length(address)) ||
        (value && (!covers(&prefix[value - 1], address) ||
                   prefix[value - 1].length < staying_length(address))))
        abort(); /* no assertion of cmocka's outside its own thread */
}

static void *read_fib(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    uint32_t state = me + 1, address[FIB_BURST], value[FIB_BURST];
    turns_park(&turns[me + 1], false);
    while (!load_acquire(&stop)) {
        for (unsigned i = 0; i < FIB_BURST; i++)
            address[i] = random_address(&state);
        fib_lookup_burst(address, value, FIB_BURST);
        for (unsigned i = 0; i < FIB_BURST; i++)
            check(address[i], value[i]);
        check(address[0], fib_lookup(address[0]));
        store_relaxed(&looked[me], looked[me] + 1);
        turns_end(&turns[me + 1]);
    }
    turns_park(&turns[me + 1], true);
    return NULL;
}

static const struct prefix *cover_of(const struct prefix *p)
{
    const struct prefix *best = NULL;
    for (unsigned i = 0; i < PREFIXES; i++)
        if (prefix[i].there && prefix[i].length < p->length && covers(&prefix[i], p->address) &&
            (!best || prefix[i].length > best->length))
            best = &prefix[i];
    return best;
}

static bool is_double(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (prefix[i].length == prefix[n].length && prefix[i].address == prefix[n].address)
            return true;
    return false;
}

static void prefixes_make(void)
{
    uint32_t state = 77;
    for (unsigned i = 0; i < PREFIXES; i++)
        do {
            unsigned length = i < 8 ? 8 + i : 17 + dice(&state, 16);
            prefix[i] =
                (struct prefix){ random_address(&state) & ipv4_mask(length), length, false };
        } while (is_double(i));
}

static void toggle(unsigned n)
{
    struct prefix *p = &prefix[n];
    p->there = !p->there;
    if (p->there) {
        assert_int_equal(fib_set(p->address, p->length, n + 1), 0);
        return;
    }
    const struct prefix *cover = cover_of(p);
    fib_clear(p->address, p->length, cover ? cover->length : 0,
              cover ? (uint32_t)(cover - prefix) + 1 : 0);
}

static void readers_start(void *(*read)(void *))
{
    store_release(&stop, false);
    quiesce_reset();
    for (unsigned i = 0; i <= READERS; i++) {
        turns[i] = (struct worker_turns){ 0 };
        quiesce_add(&turns[i]);
    }
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, read, (void *)(uintptr_t)i), 0);
}

static void readers_stop(void)
{
    store_release(&stop, true);
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    retire_all();
    quiesce_reset();
}

/* Every reader has looked once more: the machine has fewer CPUs than there are threads. */
static void let_readers_look(void)
{
    for (unsigned i = 0; i < READERS; i++)
        for (uint64_t was = load_relaxed(&looked[i]); load_relaxed(&looked[i]) == was;)
            sched_yield();
}

/* others: as if there were so many nodes beside those that come and go, which is what a way of
 * bursts is chosen by. */
static void look_ups_while_routes_change(unsigned way, uint32_t others)
{
    uint32_t state = 5;
    host_reset();
    host_set_yield((void (*)(void))sched_yield);
    assert_int_equal(fib_init(), 0);
    fib_use_way(way);
    fib->dense = TRIE_DENSE_MAX - 2; /* a few of its nodes only */
    fib->nodes = others;
    prefixes_make();
    for (unsigned i = 0; i < PREFIXES; i++)
        prefix[i].there = false;
    for (unsigned i = 0; i < STAYING; i++)
        toggle(i);
    readers_start(read_fib);
    for (unsigned i = 0; i < CHANGES; i++) {
        toggle(STAYING + dice(&state, PREFIXES - STAYING));
        retire_poll();
        if (i % 100 == 0)
            let_readers_look();
    }
    readers_stop();
    for (unsigned i = 0; i < PREFIXES; i++)
        if (prefix[i].there)
            toggle(i);
    assert_int_equal(fib_nodes(), others);
    assert_int_equal(fib->blocks.used, 0);
    fib_shutdown();
}

static void by_words(void **state)
{
    look_ups_while_routes_change(0, 0);
}

static void as_fast_as_this_cpu_can(void **state)
{
    look_ups_while_routes_change(fib_ways() - 1, 0);
}

static void whole_bursts_among_many_nodes(void **state)
{
    look_ups_while_routes_change(fib_ways() - 1, 2 * TRIE_DENSE_MAX + 1);
}

/* Hosts of one prefix, of which the first ones stay: number n has the value n + 1. */
#define HOSTS 3000u
#define HOSTS_STAYING 200u

static void host_address(uint8_t address[FIB6_ADDRESS], uint32_t n)
{
    const uint8_t host[FIB6_ADDRESS] = { 0x20,      0x01, 0x0d, 0xb8, [14] = (uint8_t)(n >> 8),
                                         (uint8_t)n };
    memcpy(address, host, sizeof host);
}

static void check_host(uint32_t n, uint32_t value)
{
    if (value != n + 1 && (value != HOSTS + 1 || n < HOSTS_STAYING))
        abort();
}

static void *read_hosts(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    uint32_t state = me + 1, n[FIB6_BURST], value[FIB6_BURST];
    uint8_t address[FIB6_BURST][FIB6_ADDRESS];
    turns_park(&turns[me + 1], false);
    while (!load_acquire(&stop)) {
        for (unsigned i = 0; i < FIB6_BURST; i++) {
            n[i] = dice(&state, i % 2 ? HOSTS : HOSTS_STAYING);
            host_address(address[i], n[i]);
        }
        fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS])address, value, FIB6_BURST);
        for (unsigned i = 0; i < FIB6_BURST; i++)
            check_host(n[i], value[i]);
        check_host(n[0], fib6_lookup(address[0]));
        store_relaxed(&looked[me], looked[me] + 1);
        turns_end(&turns[me + 1]);
    }
    turns_park(&turns[me + 1], true);
    return NULL;
}

static void toggle_host(uint32_t n)
{
    static bool there[HOSTS];
    uint8_t address[FIB6_ADDRESS];
    host_address(address, n);
    there[n] = !there[n];
    if (there[n])
        assert_int_equal(fib6_set(address, 128, n + 1), 0);
    else
        fib6_clear(address, 128, 64, HOSTS + 1);
}

/* Chains move to longer tables meanwhile. */
static void hosts_while_others_come_and_go(void **state)
{
    uint32_t dices = 5;
    uint8_t network[FIB6_ADDRESS];
    host_reset();
    host_set_yield((void (*)(void))sched_yield);
    assert_int_equal(fib6_init(), 0);
    host_address(network, 0);
    assert_int_equal(fib6_set(network, 64, HOSTS + 1), 0);
    for (unsigned i = 0; i < HOSTS_STAYING; i++)
        toggle_host(i);
    readers_start(read_hosts);
    for (unsigned i = 0; i < CHANGES; i++) {
        toggle_host(HOSTS_STAYING + dice(&dices, HOSTS - HOSTS_STAYING));
        retire_poll();
        if (i % 100 == 0)
            let_readers_look();
    }
    readers_stop();
    fib6_shutdown();
}

/* Prefixes of a few neighbours, which are bunches, tails and nodes by turns: number n, the value
 * n + 1, where prefix 0 covers all.  Of each neighbour the first few stay. */
#define NEAR 600u
#define NEIGHBOURS 5u

static const uint8_t near_length[] = { 48, 48, 40, 47, 48, 42, 48, 48, 56, 64, 44, 80 };

static unsigned near_length_of(uint32_t n)
{
    return n ? near_length[n / NEIGHBOURS % sizeof near_length] : 32;
}

/* Each has an octet of its own, so that none covers another but number 0. */
static void near_address(uint8_t address[FIB6_ADDRESS], uint32_t n)
{
    memset(address, 0, FIB6_ADDRESS);
    address[0] = 0x20;
    address[3] = (uint8_t)(n ? n % NEIGHBOURS : 0);
    if (n)
        address[4] = (uint8_t)(1 + n / NEIGHBOURS);
}

static bool near_stays(uint32_t n)
{
    return n < 4 * NEIGHBOURS;
}

static void *read_near(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    uint32_t state = me + 1, n[FIB6_BURST], value[FIB6_BURST];
    uint8_t address[FIB6_BURST][FIB6_ADDRESS];
    turns_park(&turns[me + 1], false);
    while (!load_acquire(&stop)) {
        for (unsigned i = 0; i < FIB6_BURST; i++) {
            n[i] = 1 + dice(&state, i % 2 ? NEAR - 1 : 4 * NEIGHBOURS - 1);
            near_address(address[i], n[i]);
            address[i][FIB6_ADDRESS - 1] = (uint8_t)i;
        }
        fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS])address, value, FIB6_BURST);
        for (unsigned i = 0; i < FIB6_BURST; i++) {
            uint32_t otherwise = n[i] % NEIGHBOURS ? 0 : 1;
            if (value[i] != n[i] + 1 && (near_stays(n[i]) || value[i] != otherwise))
                abort();
        }
        store_relaxed(&looked[me], looked[me] + 1);
        turns_end(&turns[me + 1]);
    }
    turns_park(&turns[me + 1], true);
    return NULL;
}

static void toggle_near(uint32_t n)
{
    static bool there[NEAR];
    uint8_t address[FIB6_ADDRESS];
    bool covered = n && n % NEIGHBOURS == 0;
    near_address(address, n);
    there[n] = !there[n];
    if (there[n])
        assert_int_equal(fib6_set(address, near_length_of(n), n + 1), 0);
    else
        fib6_clear(address, near_length_of(n), covered ? 32 : 0, covered ? 1 : 0);
}

/* Now few of them are there, now many. */
static void neighbours_while_prefixes_change(void **state)
{
    uint32_t dices = 5;
    host_reset();
    host_set_yield((void (*)(void))sched_yield);
    assert_int_equal(fib6_init(), 0);
    fib6->dense = TRIE_DENSE_MAX; /* as among many */
    for (unsigned i = 0; near_stays(i); i++)
        toggle_near(i);
    readers_start(read_near);
    for (unsigned i = 0; i < CHANGES; i++) {
        uint32_t span = i / 500 % 2 ? NEAR : 14 * NEIGHBOURS;
        toggle_near(4 * NEIGHBOURS + dice(&dices, span - 4 * NEIGHBOURS));
        retire_poll();
        if (i % 100 == 0)
            let_readers_look();
    }
    readers_stop();
    fib6_shutdown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_words),
        cmocka_unit_test(as_fast_as_this_cpu_can),
        cmocka_unit_test(whole_bursts_among_many_nodes),
        cmocka_unit_test(hosts_while_others_come_and_go),
        cmocka_unit_test(neighbours_while_prefixes_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
