/* apps/bridge/rstp.c: bridges that are wired at random make a tree of their wires, at once and
 * again after each change (IEEE 802.1D-2004 clause 17; unread).  While wires are added there is at
 * no moment a loop; when some bridges are cut off from the root, what they know of it may go round
 * for a while, a known weakness of the protocol, and then there may be one. */
#include "apps/bridge/rstp.h"

#include "kernel/endian.h"
#include "tests/host/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRIDGES 8u
#define PORTS 6u
#define QUEUE 4096u

struct node {
    struct rstp tree;
    struct rstp_port port[PORTS];
};

/* One end of a wire. */
struct end {
    unsigned bridge, port;
    struct end *other; /* NULL: a host, or nothing */
    bool up;
};

static struct node nodes[BRIDGES];
static struct end ends[BRIDGES][PORTS];
static unsigned bridges, flushes, transmitted;

static struct message {
    struct end *to;
    unsigned length;
    uint8_t bpdu[RSTP_BPDU_MAX];
} queue[QUEUE];
static unsigned queue_head, queue_tail;

static struct end *end_of(const struct rstp_port *port)
{
    for (unsigned b = 0; b < bridges; b++)
        if (port->tree == &nodes[b].tree)
            return &ends[b][port - nodes[b].port];
    return NULL;
}

/* Loops --------------------------------------------------------------------------- */

static bool is_open(const struct end *end)
{
    return end->up && nodes[end->bridge].port[end->port].state == RSTP_FORWARDING;
}

static unsigned group[BRIDGES];

static unsigned group_of(unsigned b)
{
    while (group[b] != b)
        b = group[b];
    return b;
}

/* Joins what is connected by wires that are open at both ends; true: there is no loop. */
static bool join_open(bool every_wire)
{
    bool tree = true;
    for (unsigned b = 0; b < bridges; b++)
        group[b] = b;
    for (unsigned b = 0; b < bridges; b++)
        for (unsigned p = 0; p < PORTS; p++) {
            const struct end *end = &ends[b][p], *other = end->other;
            if (!other || end > other || !end->up ||
                (!every_wire && !(is_open(end) && is_open(other))))
                continue;
            if (group_of(b) == group_of(other->bridge))
                tree = false;
            group[group_of(b)] = group_of(other->bridge);
        }
    return tree;
}

static bool was_loop;

static void set_state(struct rstp_port *port, enum rstp_state state)
{
    was_loop |= !join_open(false);
}

static void flush(struct rstp_port *port)
{
    flushes++;
}

static void transmit(struct rstp_port *port, const uint8_t *bpdu, unsigned length)
{
    struct end *end = end_of(port);
    transmitted++;
    if (!end->other || !end->up)
        return;
    struct message *m = &queue[queue_tail++ % QUEUE];
    assert_true(queue_tail - queue_head < QUEUE);
    m->to = end->other;
    m->length = length;
    memcpy(m->bpdu, bpdu, length);
}

static const struct rstp_ops ops = { set_state, flush, transmit };

/* The network --------------------------------------------------------------------- */

static void begin(unsigned n)
{
    memset(nodes, 0, sizeof nodes);
    memset(ends, 0, sizeof ends);
    bridges = n;
    queue_head = queue_tail = flushes = transmitted = 0;
    was_loop = false;
    for (unsigned b = 0; b < n; b++) {
        const uint8_t mac[6] = { 2, 0, 0, 0, 0, (uint8_t)(b + 1) };
        rstp_begin(&nodes[b].tree, rstp_identifier(RSTP_PRIORITY, mac), &ops);
        for (unsigned p = 0; p < PORTS; p++) {
            ends[b][p] = (struct end){ .bridge = b, .port = p };
            rstp_port_add(&nodes[b].tree, &nodes[b].port[p], (uint16_t)p, false);
        }
    }
}

static struct rstp_port *port_at(const struct end *end)
{
    return &nodes[end->bridge].port[end->port];
}

static void deliver(void)
{
    while (queue_head != queue_tail) {
        const struct message m = queue[queue_head++ % QUEUE];
        if (m.to->up)
            rstp_receive(port_at(m.to), m.bpdu, m.length);
    }
}

static void set_wire(struct end *end, bool up)
{
    end->up = up;
    if (end->other)
        end->other->up = up;
    rstp_port_enable(port_at(end), up, rstp_path_cost(1000));
    if (end->other)
        rstp_port_enable(port_at(end->other), up, rstp_path_cost(1000));
    deliver();
}

static void wire(unsigned a, unsigned pa, unsigned b, unsigned pb)
{
    ends[a][pa].other = &ends[b][pb];
    ends[b][pb].other = &ends[a][pa];
    set_wire(&ends[a][pa], true);
}

static void seconds(unsigned n)
{
    for (; n; n--) {
        for (unsigned b = 0; b < bridges; b++)
            rstp_tick(&nodes[b].tree);
        deliver();
    }
}

/* Every bridge that a wire leads to is reached, by one way. */
static void check_tree(void)
{
    unsigned wired[BRIDGES];
    join_open(true);
    for (unsigned b = 0; b < bridges; b++)
        wired[b] = group_of(b);
    assert_true(join_open(false));
    for (unsigned a = 0; a < bridges; a++)
        for (unsigned b = 0; b < bridges; b++)
            assert_int_equal(wired[a] == wired[b], group_of(a) == group_of(b));
}

/* Few bridges --------------------------------------------------------------------- */

static const struct rstp_port *p(unsigned b, unsigned port)
{
    return &nodes[b].port[port];
}

/* Proposal and agreement: no waiting on a wire between two. */
static void two_bridges_agree_at_once(void **state)
{
    begin(2);
    wire(0, 0, 1, 0);
    assert_int_equal(p(0, 0)->role, RSTP_DESIGNATED);
    assert_int_equal(p(1, 0)->role, RSTP_ROOT);
    seconds(1);
    assert_int_equal(p(0, 0)->state, RSTP_FORWARDING);
    assert_int_equal(p(1, 0)->state, RSTP_FORWARDING);
    assert_true(nodes[1].tree.root.root == nodes[0].tree.bridge);
    assert_int_equal(nodes[1].tree.root.cost, 20000);
    seconds(60);
    assert_int_equal(p(1, 0)->state, RSTP_FORWARDING);
    assert_false(was_loop);
}

/* A second wire between the same two: an alternate port, that takes over at once. */
static void a_second_wire_stands_by(void **state)
{
    begin(2);
    wire(0, 0, 1, 0);
    wire(0, 1, 1, 1);
    seconds(5);
    assert_int_equal(p(1, 1)->role, RSTP_ALTERNATE);
    assert_int_equal(p(1, 1)->state, RSTP_DISCARDING);
    check_tree();
    unsigned before = flushes;
    set_wire(&ends[1][0], false);
    seconds(1);
    assert_int_equal(p(1, 1)->role, RSTP_ROOT);
    assert_int_equal(p(1, 1)->state, RSTP_FORWARDING);
    assert_true(flushes > before); /* stations have moved */
    check_tree();
    set_wire(&ends[1][0], true);
    seconds(5);
    assert_int_equal(p(1, 0)->role, RSTP_ROOT);
    check_tree();
    assert_false(was_loop);
}

/* Both ends of a wire on one bridge. */
static void a_wire_to_itself(void **state)
{
    begin(1);
    wire(0, 0, 0, 1);
    seconds(40);
    assert_int_equal(p(0, 0)->role, RSTP_DESIGNATED);
    assert_int_equal(p(0, 1)->role, RSTP_BACKUP);
    assert_int_equal(p(0, 1)->state, RSTP_DISCARDING);
}

static void a_ring_is_cut_once(void **state)
{
    begin(5);
    for (unsigned i = 0; i < 5; i++)
        wire(i, 0, (i + 1) % 5, 1);
    seconds(5);
    check_tree();
    for (unsigned i = 0; i < 5; i++) {
        set_wire(&ends[i][0], false);
        seconds(10);
        check_tree();
        set_wire(&ends[i][0], true);
        seconds(10);
        check_tree();
    }
    assert_false(was_loop);
}

/* The root goes; those that are left find another. */
static void the_root_goes(void **state)
{
    begin(4);
    for (unsigned a = 0; a < 4; a++)
        for (unsigned b = a + 1; b < 4; b++)
            wire(a, b, b, a);
    seconds(5);
    check_tree();
    for (unsigned b = 1; b < 4; b++)
        set_wire(&ends[0][b], false);
    seconds(10);
    for (unsigned b = 1; b < 4; b++)
        assert_true(nodes[b].tree.root.root == nodes[1].tree.bridge);
    check_tree();
    assert_false(was_loop);
}

/* Without a word from it for three hellos it is gone, though the wire is up. */
static void silence_ages_information(void **state)
{
    begin(2);
    wire(0, 0, 1, 0);
    seconds(5);
    for (unsigned i = 0; i < 8; i++) { /* bridge 0 stands still */
        rstp_tick(&nodes[1].tree);
        queue_head = queue_tail;
    }
    assert_null(nodes[1].tree.root_port);
    assert_int_equal(p(1, 0)->role, RSTP_DESIGNATED);
}

/* Hosts and edges ----------------------------------------------------------------- */

static void a_host_waits_three_seconds_and_an_edge_not_at_all(void **state)
{
    begin(1);
    rstp_port_set_edge(&nodes[0].port[0], true);
    set_wire(&ends[0][0], true);
    assert_int_equal(p(0, 0)->state, RSTP_FORWARDING);
    set_wire(&ends[0][1], true);
    assert_int_equal(p(0, 1)->state, RSTP_DISCARDING);
    seconds(3);
    assert_int_equal(p(0, 1)->state, RSTP_FORWARDING);
    assert_true(p(0, 1)->oper_edge);
    unsigned before = flushes;
    set_wire(&ends[0][1], false); /* no change of topology */
    set_wire(&ends[0][1], true);
    seconds(4);
    assert_true(flushes <= before + 1);
    assert_int_equal(nodes[0].tree.changes, 0);
}

/* A bridge behind what was said to be an edge: it is none any more. */
static void an_edge_that_hears_a_bridge_is_none(void **state)
{
    begin(2);
    for (unsigned i = 0; i < 2; i++) {
        rstp_port_set_edge(&nodes[0].port[i], true);
        rstp_port_set_edge(&nodes[1].port[i], true);
    }
    wire(0, 0, 1, 0);
    wire(0, 1, 1, 1);
    seconds(5);
    assert_false(p(1, 0)->oper_edge);
    check_tree();
}

/* STP ----------------------------------------------------------------------------- */

/* A neighbor that speaks STP is answered in STP, and waited for. */
static void an_old_neighbor(void **state)
{
    uint8_t config[35] = { 0 };
    begin(1);
    set_wire(&ends[0][0], true);
    seconds(4);
    store_be32(config + 5, 0x10000200u); /* a better root */
    store_be32(config + 9, 9);
    store_be32(config + 17, 0x10000200u);
    store_be32(config + 21, 9);
    store_be16(config + 25, 0x8001);
    store_be16(config + 29, 20 << 8);
    store_be16(config + 31, 2 << 8);
    store_be16(config + 33, 15 << 8);
    assert_true(rstp_receive(&nodes[0].port[0], config, sizeof config));
    assert_int_equal(p(0, 0)->role, RSTP_ROOT);
    for (unsigned i = 0; i < 8; i++) {
        seconds(1);
        rstp_receive(&nodes[0].port[0], config, sizeof config);
    }
    assert_false(p(0, 0)->send_rstp);
    assert_int_equal(p(0, 0)->role, RSTP_ROOT);
    for (unsigned i = 0; i < 32; i++) {
        seconds(1);
        rstp_receive(&nodes[0].port[0], config, sizeof config);
    }
    assert_int_equal(p(0, 0)->state, RSTP_FORWARDING);
    store_be16(config + 27, 20 << 8); /* as old as it may get: no news */
    assert_false(rstp_receive(&nodes[0].port[0], config, sizeof config));
}

/* Bytes --------------------------------------------------------------------------- */

static uint8_t last_bpdu[RSTP_BPDU_MAX];
static unsigned last_length;

static void keep(struct rstp_port *port, const uint8_t *bpdu, unsigned length)
{
    memcpy(last_bpdu, bpdu, length);
    last_length = length;
}

static const struct rstp_ops keeping = { set_state, flush, keep };

static void a_bpdu_as_it_is_on_the_wire(void **state)
{
    static const uint8_t expected[36] = { 0,    0, 2, 2, 0x0e, /* designated, a proposal */
                                          0x80, 0, 2, 0, 0,    0, 0, 1, 0,  0, 0, 0, 0x80, 0, 2, 0,
                                          0,    0, 0, 1, 0x80, 1, 0, 0, 20, 0, 2, 0, 15,   0, 0 };
    begin(1);
    nodes[0].tree.ops = &keeping;
    set_wire(&ends[0][0], true);
    assert_int_equal(last_length, sizeof expected);
    assert_memory_equal(last_bpdu, expected, sizeof expected);
}

static void what_is_no_bpdu(void **state)
{
    uint8_t bpdu[36] = { 0, 0, 2, 2, 0x0e };
    begin(1);
    assert_false(rstp_receive(&nodes[0].port[0], bpdu, sizeof bpdu)); /* the port is down */
    set_wire(&ends[0][0], true);
    assert_false(rstp_receive(&nodes[0].port[0], bpdu, 35));
    assert_false(rstp_receive(&nodes[0].port[0], bpdu, 0));
    bpdu[1] = 1; /* protocol */
    assert_false(rstp_receive(&nodes[0].port[0], bpdu, sizeof bpdu));
    bpdu[1] = 0;
    bpdu[3] = 3; /* type */
    assert_false(rstp_receive(&nodes[0].port[0], bpdu, sizeof bpdu));
    bpdu[3] = 2;
    bpdu[2] = 1; /* version */
    assert_false(rstp_receive(&nodes[0].port[0], bpdu, sizeof bpdu));
    bpdu[2] = 3; /* a later version is read as ours */
    assert_true(rstp_receive(&nodes[0].port[0], bpdu, sizeof bpdu));
}

/* No more than six at once, and one more each second, whatever comes. */
static void bpdus_are_held_back(void **state)
{
    uint8_t bpdu[36] = { 0, 0, 2, 2, 0x0e, 0xf0 };
    begin(1);
    set_wire(&ends[0][0], true);
    transmitted = 0;
    for (unsigned i = 0; i < 100; i++) {
        bpdu[10] = (uint8_t)i;
        rstp_receive(&nodes[0].port[0], bpdu, sizeof bpdu);
    }
    assert_true(transmitted <= 6);
}

/* Any wiring ---------------------------------------------------------------------- */

static unsigned below(unsigned n)
{
    return (unsigned)random() % n;
}

static void wire_at_random(unsigned n)
{
    for (; n; n--) {
        unsigned a = below(bridges), b = below(bridges), pa = below(PORTS), pb = below(PORTS);
        if (!ends[a][pa].other && !ends[b][pb].other && a != b)
            wire(a, pa, b, pb);
    }
}

static void any_wiring_becomes_a_tree(void **state)
{
    for (unsigned seed = 1; seed <= 150; seed++) {
        srandom(seed);
        begin(2 + below(BRIDGES - 1));
        wire_at_random(4 + below(16));
        seconds(20);
        check_tree();
        if (was_loop)
            fail_msg("seed %u: for a moment there was a loop", seed);
        for (unsigned i = 0; i < 12; i++) {
            struct end *end = &ends[below(bridges)][below(PORTS)];
            if (end->other)
                set_wire(end, !end->up);
            if (below(3))
                seconds(below(4));
        }
        seconds(60);
        check_tree();
    }
}

/* Lost and made-up BPDUs end nothing but the topology for a while. */
static void noise_passes(void **state)
{
    uint8_t noise[36];
    srandom(7);
    begin(4);
    for (unsigned a = 0; a < 4; a++)
        for (unsigned b = a + 1; b < 4; b++)
            wire(a, b, b, a);
    for (unsigned i = 0; i < 20000; i++) {
        for (unsigned k = 0; k < sizeof noise; k++)
            noise[k] = (uint8_t)random();
        noise[0] = noise[1] = 0;
        noise[2] = 2;
        noise[3] = (uint8_t[]){ 0, 2, 0x80, 2 }[below(4)];
        rstp_receive(&nodes[below(4)].port[below(PORTS)], noise, below(37));
        if (!below(8))
            queue_head = queue_tail; /* lost */
        if (!below(16))
            seconds(1);
        deliver();
    }
    seconds(200);
    check_tree();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_bridges_agree_at_once),
        cmocka_unit_test(a_second_wire_stands_by),
        cmocka_unit_test(a_wire_to_itself),
        cmocka_unit_test(a_ring_is_cut_once),
        cmocka_unit_test(the_root_goes),
        cmocka_unit_test(silence_ages_information),
        cmocka_unit_test(a_host_waits_three_seconds_and_an_edge_not_at_all),
        cmocka_unit_test(an_edge_that_hears_a_bridge_is_none),
        cmocka_unit_test(an_old_neighbor),
        cmocka_unit_test(a_bpdu_as_it_is_on_the_wire),
        cmocka_unit_test(what_is_no_bpdu),
        cmocka_unit_test(bpdus_are_held_back),
        cmocka_unit_test(any_wiring_becomes_a_tree),
        cmocka_unit_test(noise_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
