/* The table of prefixes and its commands. */
#include "apps/console/command.h"
#include "apps/ip/address.h"
#include "apps/ip/fib.h"
#include "apps/ip/fib6.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/route.h"
#include "apps/ip/route_static.h"
#include "apps/ip/router.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The table against a list ------------------------------------------------ */

#define ROUTES 500u

#define TARGETS 1000u

static struct route model[ROUTES]; /* nexthop[0] 0: not there */
static uint32_t target[TARGETS];   /* route objects */
static struct route_target called[3] = { { INTERFACE_NONE }, { INTERFACE_NONE }, { 7 } };

static int table_set_up(void **state)
{
    host_reset();
    router_reset();
    memset(model, 0, sizeof model);
    if (route_init())
        return -1;
    for (uint16_t i = 0; i < TARGETS; i++)
        target[i] = nexthop_connected(i);
    return 0;
}

static int table_tear_down(void **state)
{
    router_reset();
    return 0;
}

static unsigned kind_to(uint32_t address)
{
    return nexthop_at(fib_lookup(address))->kind;
}

/* Of either family, in which few bits differ. */
static struct ip_address random_address(void)
{
    uint32_t r = (uint32_t)random();
    if (r >> 11 & 1)
        return ip_from_v4((r & 3) << 30 | (r >> 2 & 3) << 16 | (r >> 4 & 3) << 15 |
                          (r >> 6 & 7) << 7 | (r >> 9 & 3));
    return (struct ip_address){ (uint64_t)(r & 3) << 61 | (r >> 2 & 7) << 31 | (r >> 5 & 1),
                                (uint64_t)(r >> 6 & 3) << 62 | (r >> 8 & 7) };
}

static uint32_t look_up(struct ip_address address)
{
    uint8_t key[FIB6_ADDRESS];
    ip_store(key, address);
    return ip_is_v4(address) ? fib_lookup(ip_to_v4(address)) : fib6 ? fib6_lookup(key) : 0;
}

static uint32_t model_lookup(struct ip_address address)
{
    const struct route *best = NULL;
    for (unsigned i = 0; i < ROUTES; i++)
        if (model[i].nexthop[0] && ip_within(model[i].prefix, model[i].length, address) &&
            (!best || model[i].length > best->length))
            best = &model[i];
    return best ? best->nexthop[0] : 0;
}

static int by_prefix(const void *a, const void *b)
{
    const struct route *x = a, *y = b;
    if (!ip_equal(x->prefix, y->prefix))
        return ip_compare(x->prefix, y->prefix);
    return (int)x->length - (int)y->length;
}

static void walk_check(void)
{
    struct route sorted[ROUTES], r, *after = NULL;
    unsigned n = 0;
    for (unsigned i = 0; i < ROUTES; i++)
        if (model[i].nexthop[0])
            sorted[n++] = model[i];
    qsort(sorted, n, sizeof sorted[0], by_prefix);
    assert_int_equal(route_count(), n);
    for (unsigned i = 0; i < n; i++, after = &r) {
        assert_true(route_next(after, &r));
        assert_true(ip_equal(r.prefix, sorted[i].prefix));
        assert_int_equal(r.length, sorted[i].length);
    }
    assert_false(route_next(after, &r));
}

/* RFC 1812 5.2.4.3, and that a deleted prefix leaves what covered it. */
static void random_changes_agree_with_the_model(void **state)
{
    srandom(2);
    for (unsigned step = 0; step < 5000; step++) {
        struct route *m = &model[random() % ROUTES];
        if (m->nexthop[0]) {
            m->nexthop[0] = 0;
            route_clear(m->prefix, m->length, ROUTE_STATIC);
        } else {
            struct ip_address host = random_address();
            unsigned length = (unsigned)random() % (ip_bits(host) + 1);
            struct ip_address prefix = ip_network(host, length);
            struct route r;
            if (route_get(prefix, length, &r))
                continue;
            *m = (struct route){ .prefix = prefix, .length = (uint8_t)length };
            m->nexthop[0] = target[random() % TARGETS];
            assert_int_equal(route_set(prefix, length, ROUTE_STATIC, m->nexthop[0]), 0);
        }
        for (unsigned i = 0; i < 4; i++) {
            struct ip_address address = random_address();
            assert_int_equal(look_up(address), model_lookup(address));
        }
        assert_int_equal(look_up(m->prefix), model_lookup(m->prefix));
        if (step % 100 == 0)
            walk_check();
    }
}

/* What the model says is in force at an address. */
static uint32_t model_in_force(struct ip_address address)
{
    const struct route *best = NULL;
    for (unsigned i = 0; i < ROUTES; i++)
        if (route_nexthop(&model[i]) && ip_within(model[i].prefix, model[i].length, address) &&
            (!best || model[i].length > best->length))
            best = &model[i];
    return best ? route_nexthop(best) : 0;
}

static void model_check(const struct route *m)
{
    struct route r;
    assert_int_equal(route_get(m->prefix, m->length, &r), m->present != 0);
    if (m->present) {
        assert_int_equal(r.present, m->present);
        assert_ptr_equal(r.target, m->target);
        assert_memory_equal(r.nexthop, m->nexthop, sizeof r.nexthop);
    }
    struct ip_address last = ip_last(m->prefix, m->length);
    assert_int_equal(look_up(m->prefix), model_in_force(m->prefix));
    assert_int_equal(look_up(last), model_in_force(last));
}

/* One source of one prefix comes, changes or goes; refused, the model stays as it was. */
static bool model_step(struct route *m)
{
    enum route_source source = (enum route_source)(random() % ROUTE_SOURCES);
    uint32_t to = random() % 4 ? target[random() % TARGETS] : NEXTHOP_NONE;
    bool is_called = source == ROUTE_STATIC;
    struct route_target *name = &called[random() % ARRAY_SIZE(called)];
    if (random() % 3 == 0) {
        route_clear(m->prefix, m->length, source);
        m->present &= (uint8_t) ~(1u << source);
        m->nexthop[source] = 0;
        m->target = is_called ? NULL : m->target;
        return true;
    }
    if (is_called ? route_set_static(m->prefix, m->length, name, to)
                  : route_set(m->prefix, m->length, source, to))
        return false;
    m->present |= (uint8_t)(1u << source);
    m->nexthop[source] = to;
    m->target = is_called ? name : m->target;
    return true;
}

static void model_clear(void)
{
    for (unsigned i = 0; i < ROUTES; i++) {
        for (unsigned source = 0; source < ROUTE_SOURCES; source++)
            route_clear(model[i].prefix, model[i].length, (enum route_source)source);
        memset(model[i].nexthop, 0, sizeof model[i].nexthop);
        model[i].present = 0;
        model[i].target = NULL;
    }
}

/* Sources of all kinds, with and without memory: nothing is half done, and what goes goes. */
static void sources_without_memory_stay_as_they_were(void **state)
{
    unsigned refused = 0;
    srandom(6);
    for (unsigned i = 0; i < ROUTES; i++) {
        struct ip_address host = random_address();
        unsigned length = (unsigned)random() % (ip_bits(host) + 1);
        model[i] = (struct route){ .prefix = ip_network(host, length), .length = (uint8_t)length };
        for (unsigned j = 0; j < i; j++) /* of one prefix one row */
            if (ip_equal(model[j].prefix, model[i].prefix) && model[j].length == model[i].length) {
                i--;
                break;
            }
    }
    for (unsigned step = 0; step < 8000; step++) {
        struct route *m = &model[random() % ROUTES];
        if (step % 400 == 0) {
            model_clear();
            host_set_table_room((size_t)(random() % 8) * 20000);
        }
        refused += !model_step(m);
        model_check(m);
    }
    host_set_table_room(SIZE_MAX);
    assert_true(refused > 100);
    model_clear();
    assert_int_equal(route_count(), 0);
    assert_int_equal(fib->blocks.used, 0);
    assert_int_equal(fib6->blocks.used, 0);
    memset(model, 0, sizeof model);
}

/* The walk goes on by key, also when the prefix it stands on has gone. */
static void walk_survives_deletion_of_where_it_stands(void **state)
{
    struct route r;
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(route_set(ip_from_v4(i << 24), 8, ROUTE_STATIC, target[5]), 0);
    unsigned seen = 0;
    for (bool more = route_next(NULL, &r); more; more = route_next(&r, &r)) {
        seen++;
        route_clear(r.prefix, 8, ROUTE_STATIC);
    }
    assert_int_equal(seen, 64);
    assert_int_equal(route_count(), 0);
    assert_int_equal(fib_lookup(0x05000000), 0);
}

static void best_source_is_in_force(void **state)
{
    uint32_t p = IP(192, 0, 2, 7);
    route_set(ip_from_v4(p), 32, ROUTE_NEIGHBOR, target[2]);
    assert_int_equal(fib_lookup(p), target[2]);
    route_set(ip_from_v4(p), 32, ROUTE_STATIC, target[3]);
    assert_int_equal(fib_lookup(p), target[3]);
    route_set(ip_from_v4(p), 32, ROUTE_LOCAL, NEXTHOP_LOCAL);
    assert_int_equal(fib_lookup(p), NEXTHOP_LOCAL);
    route_clear(ip_from_v4(p), 32, ROUTE_STATIC);
    assert_int_equal(fib_lookup(p), NEXTHOP_LOCAL);
    route_clear(ip_from_v4(p), 32, ROUTE_LOCAL);
    assert_int_equal(fib_lookup(p), target[2]);
}

/* A source that leads nowhere just now keeps its place, and forwards nothing. */
static void unusable_source_keeps_its_place(void **state)
{
    struct route r;
    route_set(ip_from_v4(IP(10, 0, 0, 0)), 8, ROUTE_STATIC, target[1]);
    route_set(ip_from_v4(IP(10, 6, 0, 0)), 16, ROUTE_STATIC, target[2]);
    route_set(ip_from_v4(IP(10, 6, 0, 0)), 16, ROUTE_STATIC, NEXTHOP_NONE);
    assert_int_equal(fib_lookup(IP(10, 6, 1, 1)), target[1]);
    assert_true(route_get(ip_from_v4(IP(10, 6, 0, 0)), 16, &r) && route_has(&r, ROUTE_STATIC));
    assert_int_equal(route_count(), 2);
    assert_int_equal(route_count_of(ROUTE_STATIC), 2);
    assert_int_equal(route_usable_of(ROUTE_STATIC), 1);
    route_set(ip_from_v4(IP(10, 6, 0, 0)), 16, ROUTE_STATIC, target[2]);
    assert_int_equal(fib_lookup(IP(10, 6, 1, 1)), target[2]);
}

/* Routes that lead to one place share an object, and it goes with the last of them. */
static void route_objects_are_shared_and_counted(void **state)
{
    unsigned before = nexthop_count();
    uint32_t via = nexthop_via(7, 77);
    assert_int_equal(nexthop_via(7, 77), via);
    assert_int_not_equal(nexthop_via(8, 77), via);
    assert_int_equal(nexthop_count(), before + 2);
    route_set(ip_from_v4(IP(10, 0, 0, 0)), 8, ROUTE_STATIC, via);
    route_set(ip_from_v4(IP(11, 0, 0, 0)), 8, ROUTE_STATIC, via);
    nexthop_release(via);
    nexthop_release(via);
    assert_int_equal(nexthop_at(fib_lookup(IP(10, 1, 1, 1)))->interface, 7);
    route_clear(ip_from_v4(IP(10, 0, 0, 0)), 8, ROUTE_STATIC);
    assert_int_equal(nexthop_at(fib_lookup(IP(11, 1, 1, 1)))->kind, NEXTHOP_VIA);
    route_clear(ip_from_v4(IP(11, 0, 0, 0)), 8, ROUTE_STATIC);
    assert_int_equal(nexthop_count(), before + 1);
}

/* A bound that only a wrong order of growth would break: the sanitizers slow
 * this down tenfold, and the machine is shared. */
static void ten_thousand_routes_in_no_time(void **state)
{
    clock_t start = clock();
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(
            route_set(ip_from_v4(0x0a000000 + i * 256), 24, ROUTE_STATIC, target[i % 7]), 0);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    print_message("10,000 routes: %.1f ms\n", seconds * 1000);
    assert_true(seconds < 1.0);
    assert_int_equal(route_count(), 10000);
}

/* Commands ---------------------------------------------------------------- */

static void addresses_that_no_host_can_have(void **state)
{
    bench_command_fails("port 0 address 10.0.0.0/24", "not the address of a host");
    bench_command_fails("port 0 address 10.0.0.255/24", "not the address of a host");
    bench_command_fails("port 0 address 127.0.0.1/8", "a loopback address");
    bench_command_fails("port 0 address 224.0.0.1/24", "a multicast address");
    bench_command_fails("port 0 address 0.0.0.1/8", "in network 0");
    bench_command_fails("port 0 address 10.0.0.1/0", "expected a length of 1 to 32");
    bench_command_fails("port 0 address 250.0.0.1/8", "a reserved address");
    bench_command("port 0 address 10.0.0.0/31"); /* RFC 3021 */
    bench_command("port 0 address 10.0.1.255/32");
}

static void overlapping_addresses_are_refused(void **state)
{
    bench_command_fails("port 0 address 192.0.2.1/24", "taken by 192.0.2.1/24 on port 0");
    bench_command_fails("port 2 address 192.0.2.1/24", "taken by 192.0.2.1/24 on port 0");
    bench_command_fails("port 2 address 192.0.2.7/24", "overlaps 192.0.2.1/24 on port 0");
    bench_command_fails("port 2 address 192.0.2.200/25", "overlaps 192.0.2.1/24 on port 0");
    bench_command_fails("port 2 address 192.0.3.1/16", "overlaps 192.0.2.1/24 on port 0");
    bench_command_fails("port 0 address 192.0.2.200/25", "overlaps 192.0.2.1/24 on port 0");
    bench_command("port 0 address 192.0.2.2/24");
}

static void second_address_keeps_the_prefix(void **state)
{
    bench_command("port 0 address 192.0.2.2/24");
    bench_command("port 0 no address 192.0.2.1/24");
    assert_int_equal(fib_lookup(IP(192, 0, 2, 2)), NEXTHOP_LOCAL);
    assert_int_equal(kind_to(IP(192, 0, 2, 1)), NEXTHOP_CONNECTED);
    assert_int_equal(fib_lookup(IP(192, 0, 2, 255)), NEXTHOP_BROADCAST);
    bench_command("port 0 no address 192.0.2.2/24");
    assert_int_equal(fib_lookup(IP(192, 0, 2, 1)), 0);
    assert_int_equal(fib_lookup(IP(192, 0, 2, 255)), 0);
    bench_command_fails("port 0 no address 192.0.2.2/24", "does not have");
}

static void route_commands_refuse_nonsense(void **state)
{
    bench_command_fails("route add 10.1.2.3/16 via 192.0.2.2",
                        "host bits set, expected 10.1.0.0/16");
    bench_command_fails("route add 10.0.0.0/8 via 10.0.0.1", "on no connected prefix");
    bench_command_fails("route add 10.0.0.0/8 via 192.0.2.1", "ours or a broadcast");
    bench_command_fails("route add 10.0.0.0/8 via 192.0.2.255", "ours or a broadcast");
    bench_command_fails("route delete 10.0.0.0/8", "no static route");
    bench_command_fails("route delete 192.0.2.0/24", "no static route");
    bench_command_fails("route add 2001:db8::/32 via 192.0.2.2", "expected an IPv6 gateway");
    bench_command_fails("route add 10.0.0.0/8 via 2001:db8::1", "expected an IPv4 gateway");
    bench_command_fails("route add fe80::/10 via 2001:db8::1", "is never routed");
    bench_command_fails("route add ff02::/16 blackhole", "is never routed");
    bench_command_fails("route add ::ffff:10.0.0.0/104 blackhole", "IPv4-mapped");
    bench_command_fails("route add 2001:db8::/32 via fe80::1", "`interface INTERFACE` behind it");
    bench_command("route add 10.0.0.0/8 via 192.0.2.2");
    bench_command_fails("route add 10.0.0.0/8 via 192.0.2.3", "has a route already");
    assert_int_equal(route_count(), 1 + 3 * 4); /* an address makes four */
}

static void connected_beats_static(void **state)
{
    bench_command("route add 192.0.2.0/24 via 198.51.100.2");
    assert_int_equal(kind_to(IP(192, 0, 2, 9)), NEXTHOP_CONNECTED);
    assert_non_null(strstr(bench_output("show routes"), "(not the best)"));
    bench_command("port 0 no address 192.0.2.1/24");
    assert_int_equal(kind_to(IP(192, 0, 2, 9)), NEXTHOP_VIA);
}

/* A static route goes and comes with the prefix of its gateway. */
static void route_without_its_prefix_is_inactive(void **state)
{
    bench_command("route add 10.0.0.0/8 via 198.51.100.2");
    bench_command("route add 0.0.0.0/0 via 192.0.2.2");
    uint32_t other = fib_lookup(IP(9, 9, 9, 9)), was = fib_lookup(IP(10, 1, 1, 1));
    assert_true(other >= NEXTHOP_FIXED && was >= NEXTHOP_FIXED && was != other);
    bench_command("port 2 no address 198.51.100.1/24");
    assert_int_equal(fib_lookup(IP(10, 1, 1, 1)), other);
    assert_non_null(
        strstr(bench_output("show routes"), "inactive, no prefix leads to 198.51.100.2"));
    assert_non_null(strstr(bench_output("show config"), "route add 10.0.0.0/8 via 198.51.100.2"));
    bench_command("port 4 address 198.51.100.1/24");
    struct next_hop hop;
    assert_true(neighbor_next_hop(fib_lookup(IP(10, 1, 1, 1)), ip_from_v4(0), &hop));
    assert_ptr_equal(hop.interface, interface_of_port(bench.port[2]));
    bench_command("route delete 10.0.0.0/8");
    assert_int_equal(fib_lookup(IP(10, 1, 1, 1)), other);
}

static void inactive_route_can_be_deleted(void **state)
{
    unsigned count = route_count();
    bench_command("route add 10.0.0.0/8 via 198.51.100.2");
    bench_command("port 2 no address 198.51.100.1/24");
    bench_command("route delete 10.0.0.0/8");
    bench_command_fails("route delete 10.0.0.0/8", "no static route");
    bench_command("port 2 address 198.51.100.1/24");
    assert_int_equal(route_count(), count);
}

/* An address of ours cannot be our own next hop. */
static void gateway_that_becomes_ours_is_no_gateway(void **state)
{
    bench_command("route add 10.0.0.0/8 via 192.0.2.2");
    bench_command("port 0 address 192.0.2.2/24");
    assert_int_equal(fib_lookup(IP(10, 1, 1, 1)), 0);
    bench_command("port 0 no address 192.0.2.2/24");
    assert_int_equal(kind_to(IP(10, 1, 1, 1)), NEXTHOP_VIA);
}

/* A service address: a host of its interface's own prefix, and of no other's. */
static void host_address_within_its_interfaces_prefix(void **state)
{
    bench_command("port 0 address 192.0.2.100/32");
    assert_int_equal(fib_lookup(IP(192, 0, 2, 100)), NEXTHOP_LOCAL);
    bench_command_fails("port 2 address 192.0.2.101/32", "overlaps 192.0.2.1/24 on port 0");
    bench_command_fails("port 0 address 192.0.2.255/32", "overlaps 192.0.2.1/24 on port 0");
    bench_command("port 0 no address 192.0.2.1/24");
    bench_command("port 0 address 192.0.2.1/24"); /* in the other order as well */
    bench_command("port 0 no address 192.0.2.100/32");
    assert_int_equal(kind_to(IP(192, 0, 2, 100)), NEXTHOP_CONNECTED);
}

/* What would be refused now is told with its reason, and not run. */
static void config_says_why_a_route_is_not_in_use(void **state)
{
    static char text[1u << 14];
    bench_command("route add 10.0.0.0/8 via 192.0.2.5");
    bench_command("route add 11.0.0.0/8 via 198.51.100.127");
    bench_command("port 0 address 192.0.2.5/24");
    bench_command("port 2 no address 198.51.100.1/24");
    bench_command("port 2 address 198.51.100.1/25");
    snprintf(text, sizeof text, "%s", bench_output("show config"));
    assert_non_null(strstr(text, "# not in use: route add 10.0.0.0/8 via 192.0.2.5 "
                                 "(192.0.2.5 is our own address)\n"));
    assert_non_null(strstr(text, "# not in use: route add 11.0.0.0/8 via 198.51.100.127 "
                                 "(198.51.100.127 is a broadcast address)\n"));
    bench_command("route delete 10.0.0.0/8");
    bench_command("route delete 11.0.0.0/8");
    bench_command("port 0 no address 192.0.2.1/24");
    bench_command("port 0 no address 192.0.2.5/24");
    bench_command("port 2 no address 198.51.100.1/25");
    bench_command("port 4 no address 203.0.113.1/24");
    assert_int_equal(command_run_text(text, strlen(text), '\n', &out_console, "configuration"), 0);
}

static void routes_are_summed_up_and_filtered(void **state)
{
    bench_command("route add 10.0.0.0/8 via 198.51.100.2");
    bench_command("route add 10.6.0.0/16 via 203.0.113.2");
    bench_command("port 4 down");
    const char *text = bench_output("show routes summary");
    assert_non_null(strstr(text, "static     2, 1 inactive\n"));
    assert_non_null(strstr(text, "connected  3, 1 inactive\n"));
    text = bench_output("show route 10.6.1.1");
    assert_non_null(strstr(text, "10.6.0.0/16         static     inactive, port 4 is down\n"));
    assert_non_null(strstr(text, "10.0.0.0/8          static     port 2 via 198.51.100.2\n"));
    text = bench_output("show route 10.0.0.0/8");
    assert_non_null(strstr(text, "10.6.0.0/16"));
    assert_non_null(strstr(text, "\n2 prefixes\n"));
    assert_null(strstr(text, "192.0.2.0/24"));
    bench_command_fails("show route 77.1.1.1", "no route to 77.1.1.1");
    bench_command_fails("show route 10.0.0.1/8", "host bits set");
}

static int add_via(uint32_t prefix, unsigned length, uint32_t gateway)
{
    struct target_words words = { .kind = TARGET_VIA, .count = 1 };
    unsigned wrong;
    words.way[0] = (struct target_way){ ip_from_v4(gateway), INTERFACE_NONE, 1 };
    return route_add_static(ip_from_v4(prefix), length, &words, &wrong);
}

/* However many routes there are, one slice touches a bounded number of them. */
#define MILLION 1000000u

static void a_million_routes_are_looked_at_in_slices(void **state)
{
    unsigned slices = 0;
    for (uint32_t i = 0; i < MILLION; i++)
        assert_int_equal(add_via(IP(16, 0, 0, 0) + i * 256, 24,
                                 i % 2 ? IP(198, 51, 100, 2) : IP(203, 0, 113, 2)),
                         0);
    bench_command("route add 0.0.0.0/0 via 192.0.2.2");
    uint32_t odd = IP(16, 0, 0, 0) + 999999 * 256 + 7, back = fib_lookup(IP(9, 9, 9, 9));
    route_slice_most = 0;
    ring_port_set_link(bench.port[1], false);
    bench_run_ms(150);
    for (; route_refresh_busy(); slices++)
        forward_turn();
    assert_int_equal(fib_lookup(odd), back);
    assert_int_equal(kind_to(odd - 256), NEXTHOP_VIA);
    bench_command("port 0 address 192.0.2.9/24"); /* one that changes nothing, half way through */
    ring_port_set_link(bench.port[1], true);
    bench_run_ms(150);
    while (route_refresh_busy())
        forward_turn();
    assert_int_not_equal(fib_lookup(odd), back);
    assert_in_range(route_slice_most, 1, ROUTES_PER_SLICE);
    assert_true(slices > MILLION / ROUTES_PER_SLICE / 2);
    print_message("a million routes: %u nodes, %.1f MiB\n", fib_nodes(),
                  (double)fib_bytes() / (1 << 20));
}

static void configuration_can_be_fed_back(void **state)
{
    static char text[1u << 14];
    bench_command("port 0 address 192.0.2.2/24");
    bench_command("route add 10.0.0.0/8 via 198.51.100.2");
    bench_command("neighbor add 192.0.2.9 02:00:00:00:00:09 port 0");
    snprintf(text, sizeof text, "%s", bench_output("show config"));
    bench_command("neighbor delete 192.0.2.9");
    bench_command("route delete 10.0.0.0/8");
    bench_command("port 0 no address 192.0.2.1/24");
    bench_command("port 0 no address 192.0.2.2/24");
    bench_command("port 2 no address 198.51.100.1/24");
    bench_command("port 4 no address 203.0.113.1/24");
    assert_int_equal(route_count(), 0);
    struct out *quiet = &out_console;
    assert_int_equal(command_run_text(text, strlen(text), '\n', quiet, "configuration"), 0);
    assert_string_equal(bench_output("show config"), text);
}

/* Refused whole, with one line: what was there stays, and there is room again when one goes. */
static void route_without_memory_is_refused(void **state)
{
    char line[80];
    bench_command("route add 30.0.0.0/17 via 192.0.2.2"); /* the gateway has its memory */
    unsigned before = route_count(), added = 0;
    host_set_table_room(1u << 10);
    do
        snprintf(line, sizeof line, "route add 20.%u.0.0/17 via 192.0.2.2", added);
    while (!command_run(line, &out_console, NULL, 0) && ++added < 256);
    assert_in_range(added, 1, 255);
    bench_command_fails(line, "no memory for another route");
    assert_int_equal(route_count(), before + added);
    assert_int_equal(kind_to(IP(20, 0, 0, 1)), NEXTHOP_VIA);
    assert_int_equal(fib_lookup(IP(20, added, 0, 1)), 0);
    forward_port_down(bench.port[0]);
    assert_int_equal(forward_port_up(bench.port[0]), 0);
    bench_run_ms(1000);
    assert_int_equal(kind_to(IP(20, 0, 0, 1)), NEXTHOP_VIA); /* with the port again */
    bench_command("route delete 20.0.0.0/17");
    host_set_table_room(1u << 10);
    bench_command(line);
    assert_int_equal(kind_to(IP(20, added, 0, 1)), NEXTHOP_VIA);
}

/* Static routes by wire 0 until there is no room for another; how many. */
static unsigned fill_table(void)
{
    unsigned n = 0;
    host_set_table_room(32u << 10); /* none for another chunk of the forwarding table */
    while (!add_via(IP(21, n / 256, n % 256, 128), 25, IP(192, 0, 2, 2)))
        n++;
    assert_in_range(n, 1, 4000);
    return n;
}

static void empty_table(unsigned n)
{
    while (n--)
        assert_int_equal(route_delete_static(ip_from_v4(IP(21, n / 256, n % 256, 128)), 25), 0);
}

/* Those that are out of use keep free what they take when they come into use. */
static void routes_that_are_out_of_use_keep_room_for_later(void **state)
{
    forward_port_down(bench.port[0]);
    host_set_table_room(120u << 10);
    bench_command_fails("route add 20.0.0.0/8 via 192.0.2.2", "no memory for another route");
    host_set_table_room(1u << 20);
    bench_command("route add 20.0.0.0/8 via 192.0.2.2");
    assert_int_equal(forward_port_up(bench.port[0]), 0);
    assert_int_equal(kind_to(IP(20, 0, 0, 1)), NEXTHOP_VIA);
    host_set_table_room(SIZE_MAX);
}

/* Whatever tables have taken, the routes of addresses come back with their interface. */
static void addresses_have_what_is_kept_from_tables(void **state)
{
    bench_command("bridge add b");
    bench_command("bridge b port 2");
    assert_int_equal(fib_lookup(IP(198, 51, 100, 77)), 0);
    unsigned n = fill_table();
    bench_command("bridge b no port 2");
    assert_int_equal(kind_to(IP(198, 51, 100, 77)), NEXTHOP_CONNECTED);
    empty_table(n);
    host_set_table_room(SIZE_MAX);
}

/* What was out of use and finds no memory when it could be used again gets it when there is some.
 */
static void addresses_without_memory_are_tried_again(void **state)
{
    bench_command("bridge add b");
    bench_command("bridge b port 2");
    assert_int_equal(fib_lookup(IP(198, 51, 100, 77)), 0);
    unsigned n = fill_table();
    host_set_reserve(0);
    bench_command("bridge b no port 2");
    assert_true(host_log_contains("interface 2: no memory for the routes of an address"));
    bench_run_ms(1100);
    assert_int_equal(fib_lookup(IP(198, 51, 100, 77)), 0);
    empty_table(n);
    bench_run_ms(1100);
    assert_int_equal(kind_to(IP(198, 51, 100, 77)), NEXTHOP_CONNECTED);
    host_set_reserve(SIZE_MAX);
    host_set_table_room(SIZE_MAX);
}

static void routes_without_memory_are_tried_again(void **state)
{
    bench_command("route add 20.0.0.0/17 via 198.51.100.2");
    ring_port_set_link(bench.port[1], false);
    bench_run_ms(150);
    assert_int_equal(fib_lookup(IP(20, 0, 0, 1)), 0);
    unsigned n = fill_table();
    ring_port_set_link(bench.port[1], true);
    bench_run_ms(150);
    assert_true(host_log_contains("routes: no memory for all of them: 1 of "));
    empty_table(n);
    bench_run_ms(ROUTES_RETRY_US / 1000 - 1000);
    assert_int_equal(kind_to(IP(198, 51, 100, 77)), NEXTHOP_CONNECTED);
    assert_int_equal(fib_lookup(IP(20, 0, 0, 1)), 0);
    bench_run_ms(1000);
    assert_int_equal(kind_to(IP(20, 0, 0, 1)), NEXTHOP_VIA);
    host_set_table_room(SIZE_MAX);
}

#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, table_set_up, table_tear_down)
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tables[] = {
        TABLE_TEST(random_changes_agree_with_the_model),
        TABLE_TEST(sources_without_memory_stay_as_they_were),
        TABLE_TEST(walk_survives_deletion_of_where_it_stands),
        TABLE_TEST(best_source_is_in_force),
        TABLE_TEST(unusable_source_keeps_its_place),
        TABLE_TEST(route_objects_are_shared_and_counted),
        TABLE_TEST(ten_thousand_routes_in_no_time),
    };
    const struct CMUnitTest commands[] = {
        TEST(addresses_that_no_host_can_have),
        TEST(overlapping_addresses_are_refused),
        TEST(second_address_keeps_the_prefix),
        TEST(route_commands_refuse_nonsense),
        TEST(connected_beats_static),
        TEST(route_without_its_prefix_is_inactive),
        TEST(inactive_route_can_be_deleted),
        TEST(gateway_that_becomes_ours_is_no_gateway),
        TEST(configuration_can_be_fed_back),
        TEST(host_address_within_its_interfaces_prefix),
        TEST(config_says_why_a_route_is_not_in_use),
        TEST(routes_are_summed_up_and_filtered),
        TEST(route_without_memory_is_refused),
        TEST(routes_that_are_out_of_use_keep_room_for_later),
        TEST(addresses_have_what_is_kept_from_tables),
        TEST(addresses_without_memory_are_tried_again),
        TEST(routes_without_memory_are_tried_again),
        TEST(a_million_routes_are_looked_at_in_slices),
    };
    return cmocka_run_group_tests(tables, NULL, NULL) +
           cmocka_run_group_tests(commands, NULL, NULL);
}
