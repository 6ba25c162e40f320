/* igb.c over the model while the appliance runs: each frame is received on the queue that its
 * hash names, and leaves by the other port.  The hash is Microsoft's, by the known answers of
 * "Verifying the RSS hash calculation"; 82576 DS 7.1.1.7 (queue of a hash). */
#include "apps/forward/forward.h"
#include "apps/forward/stats.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/igb_rig.h"
#include "tests/models/wire_port.h"

#include <string.h>

#define PACKETS 8192u
#define RETA_ENTRIES 128u
#define TCP 6u
#define ICMP 1u

static const uint8_t microsoft_key[40] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
                                           0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
                                           0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
                                           0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
                                           0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa };

static const struct known {
    uint8_t to[4];
    uint16_t to_port;
    uint8_t from[4];
    uint16_t from_port;
    uint32_t ip, tcp; /* the hashes */
} known[] = {
    { { 161, 142, 100, 80 }, 1766, { 66, 9, 149, 187 }, 2794, 0x323e8fc2, 0x51ccc178 },
    { { 65, 69, 140, 83 }, 4739, { 199, 92, 111, 2 }, 14230, 0xd718262a, 0xc626b0ea },
    { { 12, 22, 207, 184 }, 38024, { 24, 19, 198, 95 }, 12898, 0xd2d0a5de, 0x5c2b394a },
    { { 209, 142, 163, 6 }, 2217, { 38, 27, 205, 30 }, 48228, 0x82989176, 0xafc7327f },
    { { 202, 188, 127, 2 }, 1303, { 153, 39, 163, 191 }, 44251, 0x5d1809c5, 0x10e828a2 },
};

static struct wire_port *wire;

static void appliance_start(uint16_t queues)
{
    assert_int_equal(forward_init(PACKETS), 0);
    assert_true(nic_probe());
    wire = wire_port_create();
    assert_int_equal(forward_set_queues(nic.port, queues), 0);
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    forward_ports_up();
    forward_start();
    for (unsigned i = 0; i < 100; i++)
        forward_turn();
    assert_int_equal(nic.port->state, PORT_RUNNING);
}

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    nic.model = &rig_igb;
    igb_model_init(&rig.model, IGB_MODEL_82576, rig_mac);
    return 0;
}

static int tear_down(void **state)
{
    forward_shutdown();
    assert_false(host_log_contains("packets are missing"));
    nic_remove();
    wire_port_destroy(wire);
    assert_int_equal(igb_model_violations(&rig.model), 0);
    return 0;
}

static uint64_t queue_packets(unsigned queue)
{
    struct queue_totals t;
    stats_rx_queue(nic.port, queue, &t);
    return t.packets;
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint8_t frame[64];

/* One frame through the appliance: the queue it was received on, and it came out as it was. */
static unsigned queue_of(uint8_t protocol, const uint8_t *from, uint16_t from_port,
                         const uint8_t *to, uint16_t to_port)
{
    uint8_t out[sizeof frame];
    uint64_t before[8];
    unsigned found = 99;
    memcpy(frame, nic.port->mac, MAC_LEN);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[17] = sizeof frame - 14;
    frame[23] = protocol;
    memcpy(frame + 26, from, 4);
    memcpy(frame + 30, to, 4);
    put16(frame + 34, from_port);
    put16(frame + 36, to_port);
    for (unsigned i = 0; i < nic.port->rx_queues; i++)
        before[i] = queue_packets(i);
    assert_true(rig_inject(frame, sizeof frame));
    for (unsigned turns = 0; !wire_count(wire) && turns < 100; turns++)
        forward_turn();
    assert_int_equal(wire_take(wire, out, sizeof out), sizeof frame);
    assert_memory_equal(out, frame, sizeof frame);
    for (unsigned i = 0; i < nic.port->rx_queues; i++)
        if (queue_packets(i) != before[i]) {
            assert_int_equal(queue_packets(i), before[i] + 1);
            assert_int_equal(found, 99);
            found = i;
        }
    return found;
}

static void known_answers_name_the_queues(void **state)
{
    static const uint16_t counts[] = { 2, 3, 8 };
    unsigned used = 0;
    appliance_start(1);
    for (unsigned n = 0; n < ARRAY_SIZE(counts); n++) {
        assert_int_equal(forward_set_queues(nic.port, counts[n]), 0);
        for (unsigned i = 0; i < 100; i++)
            forward_turn();
        for (unsigned i = 0; i < sizeof microsoft_key; i++) {
            uint32_t *word = igb_at(&rig.model, R_RSSRK(i / 4)), shift = i % 4 * 8;
            *word = (*word & ~(0xffu << shift)) | (uint32_t)microsoft_key[i] << shift;
        }
        for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
            const struct known *k = &known[i];
            unsigned queue = queue_of(TCP, k->from, k->from_port, k->to, k->to_port);
            assert_int_equal(queue, k->tcp % RETA_ENTRIES % counts[n]);
            assert_int_equal(queue_of(ICMP, k->from, 0, k->to, 0),
                             k->ip % RETA_ENTRIES % counts[n]);
            used |= 1u << queue;
        }
    }
    assert_true(used & (used - 1)); /* else all of it would be true of one queue */
}

/* By the model's hash, which gives the known answers too (test_igb_model.c). */
static void every_entry_of_the_table_names_its_queue(void **state)
{
    bool seen[RETA_ENTRIES] = { false };
    unsigned left = RETA_ENTRIES, type;
    uint8_t key[40];
    appliance_start(3);
    igb_model_rss_key(&rig.model, key);
    for (uint16_t port = 1; left && port < 5000; port++) {
        unsigned queue = queue_of(TCP, known[0].from, port, known[0].to, 80);
        uint32_t mrqc = rig_reg(R_MRQC);
        uint32_t entry = igb_model_rss_hash(key, mrqc, frame, sizeof frame, &type) % RETA_ENTRIES;
        assert_int_equal(queue, entry % 3);
        left -= !seen[entry];
        seen[entry] = true;
    }
    assert_int_equal(left, 0);
}

/* The driver's own key, by which swapped addresses and ports change nothing. */
static void both_directions_share_a_queue(void **state)
{
    unsigned used = 0;
    appliance_start(4);
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        const struct known *k = &known[i];
        unsigned queue = queue_of(TCP, k->from, k->from_port, k->to, k->to_port);
        assert_int_equal(queue_of(TCP, k->to, k->to_port, k->from, k->from_port), queue);
        queue = queue_of(ICMP, k->from, 0, k->to, 0);
        assert_int_equal(queue_of(ICMP, k->to, 0, k->from, 0), queue);
        used |= 1u << queue;
    }
    assert_true(used & (used - 1));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(known_answers_name_the_queues),
        TEST(every_entry_of_the_table_names_its_queue),
        TEST(both_directions_share_a_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
