/* Several workers as threads, while the control task changes everything under their eyes: built
 * under ThreadSanitizer and under AddressSanitizer (apps/forward/worker.h, quiesce.h).
 *
 * Four ring pairs pass frames round for ever; null ports swallow some. */
#include "apps/console/command.h"
#include "apps/forward/assign.h"
#include "apps/forward/cores.h"
#include "apps/forward/forward.h"
#include "apps/forward/ports.h"
#include "apps/forward/quiesce.h"
#include "apps/forward/spread.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/router.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 4u
#define PAIRS 4u
#define RING 256u
#define PACKETS 8192u
#define ROUNDS 20000u

static struct port *ring[2 * PAIRS], *null_port;
static uint32_t dice_state;
static uint64_t held_before; /* when the counters were cleared last, every worker at rest */

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 1664525u + 1013904223u;
    return (dice_state >> 8) % sides;
}

/* The machine has fewer CPUs than there are threads. */
static void let_others_run(void)
{
    sched_yield();
}

static void workers_start(void)
{
    host_set_cpus(WORKERS);
    cores_start();
}

static void workers_stop(void)
{
    cores_stop();
    host_join_cpus();
}

static int set_up(void **state)
{
    host_reset();
    host_use_real_time(true);
    host_set_yield(let_others_run);
    port_reset_registry();
    dice_state = 1;
    held_before = 0;
    assert_int_equal(forward_init_workers(PACKETS, WORKERS), 0);
    for (unsigned i = 0; i < PAIRS; i++)
        assert_int_equal(ring_port_pair_create(RING, &ring[2 * i], &ring[2 * i + 1]), 0);
    assert_int_equal(null_port_create(&null_port), 0);
    forward_ports_up();
    return 0;
}

static int tear_down(void **state)
{
    forward_shutdown();
    router_reset();
    assert_false(host_log_contains("packets are missing"));
    for (unsigned i = 0; i < 2 * PAIRS; i++)
        ring_port_destroy(ring[i]);
    null_port_destroy(null_port);
    return 0;
}

/* What it prints, and whether it is refused just now, matters to nobody here. */
static void ignore(struct out *out, const char *text, size_t n) {}

static void command(const char *line)
{
    struct out out = { .write = ignore };
    command_run(line, &out, NULL, 0);
}

static const char *const commands[] = {
    "port 0 address 10.0.0.1/24",
    "port 0 no address 10.0.0.1/24",
    "port 2 address 10.0.2.1/24",
    "port 2 no address 10.0.2.1/24",
    "route add 10.9.0.0/16 via 10.0.0.9",
    "route delete 10.9.0.0/16",
    "route add 0.0.0.0/0 via 10.0.2.9",
    "route delete 0.0.0.0/0",
    "route add 10.8.0.0/16 via 10.0.0.9 weight 3 via 10.0.2.9",
    "route add 10.8.0.0/16 via 10.0.0.9 via 10.7.7.7 interface 2 via 10.0.2.9",
    "route delete 10.8.0.0/16",
    "route add 10.7.0.0/16 interface 2",
    "route add 10.7.0.0/16 blackhole",
    "route delete 10.7.0.0/16",
    "neighbor add 10.7.7.7 02:00:00:00:00:0b port 2",
    "neighbor delete 10.7.7.7",
    "route hash symmetric on",
    "route hash symmetric off",
    "port 0 reverse-path strict",
    "port 0 reverse-path loose",
    "port 0 reverse-path off",
    "port 0 address 2001:db8::1/64",
    "port 0 no address 2001:db8::1/64",
    "port 2 address 2001:db8:2::1/64",
    "port 2 no address 2001:db8:2::1/64",
    "interface 0.5 address 2001:db8:5::1/64",
    "neighbor add 2001:db8::9 02:00:00:00:00:09 port 0",
    "neighbor delete 2001:db8::9",
    "neighbor add 2001:db8:2::9 02:00:00:00:00:0a port 2",
    "route add ::/0 via 2001:db8:2::9",
    "route add 2001:db8:9::/48 via fe80::9 interface 0",
    "route add 2001:db8:8::/48 via 2001:db8::9 via 2001:db8:2::9",
    "route delete ::/0",
    "route delete 2001:db8:9::/48",
    "route delete 2001:db8:8::/48",
    "interface 2 advertise on",
    "interface 2 advertise off",
    "neighbor add 10.0.0.9 02:00:00:00:00:09 port 0",
    "neighbor delete 10.0.0.9",
    "neighbor add 10.0.2.9 02:00:00:00:00:0a port 2",
    "neighbor delete 10.0.2.9",
    "bridge add b1",
    "bridge b1 port 4",
    "bridge b1 port 5",
    "bridge b1 no port 4",
    "bridge delete b1",
    "bridge b1 vlan-aware on",
    "bridge b1 vlan-aware on",
    "bridge b1 vlan-aware off",
    "bridge b1 port 4 vlan 5 tagged",
    "bridge b1 port 5 vlan 5 untagged",
    "bridge b1 port 5 vlan 6 tagged",
    "bridge b1 port 4 no vlan 5",
    "bridge br0 vlan-aware on",
    "bridge br0 port 2 vlan 5 untagged",
    "bridge br0 port 3 vlan 5 tagged",
    "bridge delete br0",
    "bridge b1 snooping on",
    "bridge b1 snooping off",
    "bridge br0 snooping on",
    "bridge b1 spanning-tree on",
    "bridge b1 spanning-tree off",
    "bridge br0 spanning-tree on",
    "bridge br0 spanning-tree off",
    "bridge b1 port 4 isolated on",
    "bridge b1 port 4 isolated off",
    "bridge b1 port 5 learning off",
    "bridge br0 port 2 storm broadcast 1000",
    "bridge br0 port 2 storm broadcast 0",
    "bridge br0 port 3 limit 1",
    "interface add 0.5",
    "interface add 2.6",
    "interface add b1.5",
    "interface 0.5 address 10.0.5.1/24",
    "interface 0.5 mac 02:00:00:00:05:05",
    "interface b1.5 address 10.0.6.1/24",
    "interface delete 0.5",
    "interface delete 2.6",
    "interface delete b1.5",
    "fdb add 02:00:00:00:00:06 port 4 vlan 5 sticky",
    "fdb add 02:00:00:00:00:05 port 1",
    "fdb delete 02:00:00:00:00:05",
    "port 3 promiscuous on",
    "port 3 vlan 7",
    "port 3 vlan 0",
    "spread on",
    "spread auto",
    "spread off",
    "show stats json",
    "show fdb",
    "show routes",
    "show neighbors",
    "show interfaces",
};

/* IPv4 from 10.9.0.N to 10.x.y.z. */
static void put_packet(uint8_t *frame)
{
    uint8_t *ip = frame + ETHERNET_HEADER;
    store_be16(frame + ETHERNET_TYPE, ETHERTYPE_IPV4);
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, 46);
    ip[IPV4_TTL] = 64;
    ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_UDP;
    store_be32(ip + IPV4_SOURCE, 0x0a090000 + dice(256));
    store_be32(ip + IPV4_DESTINATION, 0x0a000000 + (dice(10) << 16) + (dice(3) << 8) + dice(16));
    ipv4_checksum_set(ip);
}

/* IPv6 from 2001:db8:9::N to 2001:db8:x::z, or to a group; some with hop-by-hop options. */
static void put_packet6(uint8_t *frame)
{
    struct ip_address net = { 0x20010db800000000ull, 0 }, source = net, destination = net;
    uint8_t *ip = frame + ETHERNET_HEADER;
    source.high |= 9u << 16;
    source.low = dice(256);
    destination.high |= dice(10) << 16;
    destination.low = dice(16);
    if (!dice(8))
        destination = ipv6_solicited_node(destination);
    store_be16(frame + ETHERNET_TYPE, ETHERTYPE_IPV6);
    ipv6_make(ip, source, destination, dice(8) ? IPV6_UDP : IPV6_HOP_BY_HOP, 6, 64);
    if (ipv6_is_multicast(destination))
        ipv6_group_mac(destination, frame);
}

/* A frame of the appliance's own, out of any port. */
static void inject(void)
{
    struct worker *control = control_worker();
    struct port *out = port_get(dice(port_count()));
    struct packet *p = out ? packet_alloc(&control->cache) : NULL;
    if (!p)
        return;
    memset(p->data, 0, 60);
    p->data[0] = 2;
    p->data[5] = (uint8_t)dice(16);
    p->data[6] = 2;
    p->data[11] = (uint8_t)(16 + dice(16));
    if (dice(3))
        put_packet(p->data);
    else
        put_packet6(p->data);
    if (!(p->data[0] & 1) && dice(2)) /* for the port at the other end of the wire */
        memcpy(p->data, port_get(out->number ^ 1) ? port_get(out->number ^ 1)->mac : out->mac,
               MAC_LEN);
    p->length = 60;
    p->frame_length = 60;
    p->port = PORT_NONE;
    p->vlan = (uint16_t)(dice(8) ? 5 + dice(3) : 0);
    if (dice(2) && packet_push_vlan(&control->cache, &p))
        packet_free(&control->cache, p);
    else
        control_originate(control, out, p);
}

static void turns(unsigned n)
{
    while (n--)
        forward_turn();
}

/* The law of stats.h over all ports there are; every worker at rest.  What was held when the
 * counters were cleared has come in before. */
static void check_law(void)
{
    uint64_t in = held_before, out = forward_held();
    for (unsigned i = 0; i < port_count(); i++) {
        struct port_totals t;
        if (!port_get(i))
            continue;
        stats_port_totals(port_get(i), &t);
        in += t.rx_packets + t.counters.originated + t.counters.copied;
        out += t.tx_packets + t.counters.consumed + t.rx_dropped + t.tx_dropped;
    }
    assert_int_equal(in, out);
}

static void read_everything(void)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port_totals t;
        if (port_get(i))
            stats_port_totals(port_get(i), &t);
    }
    forward_held();
}

static const char *const modes[] = { "io", "mac", "macswap", "rxonly", "l2", "l3" };

static void change_something(bool clear)
{
    struct port *port = port_get(dice(port_count()));
    if (dice(2)) {
        command(commands[dice(ARRAY_SIZE(commands))]);
        return;
    }
    switch (dice(9)) {
    case 0:
        forward_port_down(port);
        break;
    case 1:
        assert_int_equal(forward_port_up(port), 0);
        break;
    case 2:
        assert_int_equal(forward_set_mode(forward_find_mode(modes[dice(ARRAY_SIZE(modes))])), 0);
        break;
    case 3:
        if (dice(4))
            forward_start();
        else
            forward_stop();
        break;
    case 4:
        assert_int_equal(assign_pin(port, 0, dice(WORKERS)), 0);
        break;
    case 5:
        assert_int_equal(port_set_mtu(port, (uint16_t)(1000 + dice(1000))), 0);
        break;
    case 6:
        if (port != null_port)
            ring_port_set_link(port, dice(2));
        break;
    case 7:
        if (clear) /* under traffic: nobody knows what was on its way */
            stats_clear();
        break;
    default:
        read_everything();
    }
}

static void all_up(void)
{
    for (unsigned i = 0; i < port_count(); i++) {
        if (port_get(i) != null_port)
            ring_port_set_link(port_get(i), true);
        assert_int_equal(forward_port_up(port_get(i)), 0);
        while (!port_get(i)->link.up)
            forward_turn();
    }
}

/* Nothing that workers hold is freed or changed under them, and no frame is lost or counted
 * twice, whatever the control task does meanwhile. */
static void everything_changes_under_workers(void **state)
{
    forward_start();
    for (unsigned half = 0; half < 2; half++) {
        workers_start();
        for (unsigned i = 0; i < ROUNDS / 2; i++) {
            if (dice(4) == 0)
                change_something(half == 0);
            inject();
            turns(1 + dice(4));
        }
        workers_stop();
        turns(4);
        if (half == 0)
            stats_clear();
        held_before = half ? held_before : forward_held();
    }
    check_law();
}

/* The workers beside the control task's have frames, and what a worker cannot send itself arrives
 * by lanes; the control task has none to poll. */
static void queues_are_spread_and_lanes_carry(void **state)
{
    all_up();
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    forward_start();
    workers_start();
    for (bool all = false; !all;) {
        inject();
        turns(4);
        all = true;
        for (unsigned i = 1; i < WORKERS; i++)
            all = all && load_relaxed(&worker_get(i)->packets) > 1000;
    }
    workers_stop();
    turns(4);
    assert_int_equal(control_worker()->packets, 0);
    check_law();
}

/* Frames of one flow go round between ports 0 and 1 while the queue that receives them moves from
 * worker to worker; whoever receives them looks whether each follows the one before.  Workers that
 * have nothing else halt in between: were one not woken, the flow would stand still. */
#define FLOW 64u

static uint64_t next_of_flow, rounds;
static bool out_of_order;

static void ordered_burst(struct worker *worker, struct port *in, struct packet **packets,
                          uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        if (packets[i]->hash != next_of_flow % FLOW)
            store_relaxed(&out_of_order, true);
        next_of_flow = packets[i]->hash + 1u;
    }
    counter_add(&rounds, n);
    forward_send_burst(worker, forward_peer(in), packets, n);
}

FORWARD_MODE(ordered_mode) = { .name = "ordered", .help = "", .burst = ordered_burst };

static void put_flow(void)
{
    for (uint32_t i = 0; i < FLOW; i++) {
        struct packet *p = packet_alloc(&control_worker()->cache);
        assert_non_null(p);
        p->length = p->frame_length = 60;
        p->port = PORT_NONE;
        p->hash = i;
        control_originate(control_worker(), port_get(0), p);
    }
}

static void a_queue_that_moves_keeps_its_flows_in_order(void **state)
{
    next_of_flow = rounds = 0;
    out_of_order = false;
    all_up();
    for (unsigned i = 2; i < port_count(); i++)
        assert_int_equal(forward_port_down(port_get(i)), 0);
    assert_int_equal(forward_set_mode(&ordered_mode), 0);
    forward_start();
    workers_start();
    put_flow();
    for (unsigned i = 0; i < ROUNDS / 100; i++) {
        uint64_t before = load_relaxed(&rounds);
        assert_int_equal(assign_pin(port_get(1), 0, dice(WORKERS)), 0);
        while (load_relaxed(&rounds) < before + FLOW)
            forward_turn();
    }
    workers_stop();
    turns(4);
    assert_false(out_of_order);
    check_law();
}

/* Flows go round between ports 0 and 1 while they are spread over the workers and are not, the
 * queue that receives them moves; whoever has a frame looks whether it is the next of its flow.
 * All fit into a burst: of more, some would still lie in the wire of the worker that sent them
 * last when those before them come by the next one's. */
#define FLOWS 8u
#define IN_FLOW 4u
_Static_assert(FLOWS <= PORT_BURST / IN_FLOW, "one burst takes all that a wire holds");

static uint16_t next_in[FLOWS];
static uint64_t seen_by[WORKERS];

static void flows_burst(struct worker *worker, struct port *in, struct packet **packets, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        unsigned flow = load_be16(packets[i]->data + ETHERNET_HEADER + 20);
        if (packets[i]->hash != next_in[flow] % IN_FLOW)
            store_relaxed(&out_of_order, true);
        next_in[flow] = (uint16_t)(packets[i]->hash + 1);
    }
    counter_add(&seen_by[worker->number], n);
    forward_send_burst(worker, forward_peer(in), packets, n);
}

FORWARD_MODE(flows_mode) = { .name = "flows", .help = "", .burst = flows_burst };

static void put_flows(void)
{
    for (uint32_t i = 0; i < FLOWS * IN_FLOW; i++) {
        struct packet *p = packet_alloc(&control_worker()->cache);
        assert_non_null(p);
        memset(p->data, 0, 60);
        put_packet(p->data);
        store_be32(p->data + ETHERNET_HEADER + IPV4_SOURCE, 1);
        store_be32(p->data + ETHERNET_HEADER + IPV4_DESTINATION, 2);
        store_be16(p->data + ETHERNET_HEADER + 20, (uint16_t)(i % FLOWS));
        p->length = p->frame_length = 60;
        p->port = PORT_NONE;
        p->hash = i / FLOWS;
        control_originate(control_worker(), port_get(0), p);
    }
}

static uint64_t seen(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < WORKERS; i++)
        sum += load_relaxed(&seen_by[i]);
    return sum;
}

static void spread_flows_stay_in_order(void **state)
{
    static const enum spread ways[] = { SPREAD_ON, SPREAD_OFF, SPREAD_ON, SPREAD_AUTO };
    memset(next_in, 0, sizeof next_in);
    memset(seen_by, 0, sizeof seen_by);
    out_of_order = false;
    all_up();
    for (unsigned i = 2; i < port_count(); i++)
        assert_int_equal(forward_port_down(port_get(i)), 0);
    assert_int_equal(forward_set_mode(&flows_mode), 0);
    forward_start();
    workers_start();
    put_flows();
    for (unsigned i = 0; i < ROUNDS / 200; i++) {
        uint64_t before = seen();
        if (dice(2))
            assert_int_equal(spread_set(ways[dice(4)]), 0);
        else
            assert_int_equal(assign_pin(port_get(1), 0, 1 + dice(WORKERS - 1)), 0);
        while (seen() < before + FLOWS * IN_FLOW)
            forward_turn();
    }
    workers_stop();
    turns(4);
    assert_false(out_of_order);
    uint64_t taken = 0;
    for (unsigned i = 0; i < WORKERS; i++)
        taken += worker_get(i)->taken;
    assert_true(taken);
    check_law();
}

/* Ports come and go; their numbers are used again. */
static void ports_come_and_go_under_workers(void **state)
{
    struct port *a = NULL, *b = NULL;
    all_up();
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    forward_start();
    workers_start();
    for (unsigned i = 0; i < ROUNDS / 40; i++) {
        inject();
        turns(1 + dice(3));
        if (!a) {
            assert_int_equal(ring_port_pair_create(RING, &a, &b), 0);
            assert_int_equal(b->number, 2 * PAIRS + 2);
        } else if (dice(3) == 0) {
            ring_port_destroy(a);
            ring_port_destroy(b);
            a = b = NULL;
        }
    }
    if (a) {
        ring_port_destroy(a);
        ring_port_destroy(b);
    }
    workers_stop();
    turns(4);
}

static void count_call(void *arg)
{
    (*(unsigned *)arg)++;
}

/* What is retired is called once, in order, and not before every worker has ended its turn. */
static void retired_calls_come_once(void **state)
{
    unsigned called = 0;
    workers_start();
    for (unsigned i = 0; i < 1000; i++)
        retire(count_call, &called);
    while (called < 1000)
        forward_turn();
    turns(10);
    assert_int_equal(called, 1000);
    workers_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queues_are_spread_and_lanes_carry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_queue_that_moves_keeps_its_flows_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(spread_flows_stay_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(everything_changes_under_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ports_come_and_go_under_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(retired_calls_come_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
