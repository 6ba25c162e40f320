/* virtio: several pairs of queues, the hash that spreads frames over them, and what it says of
 * each; virtio 1.2 5.1.6.4.3, 5.1.6.4.4, 5.1.6.5.5 to 5.1.6.5.7. */
#include "nic/rss.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/igb_model.h"
#include "tests/models/virtio_net_rig.h"

#include <errno.h>
#include <string.h>

#define TCP 6u
#define UDP 17u

static struct virtio_net_model_config with(uint64_t features, uint16_t pairs)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    config.features |= features;
    config.pairs = pairs;
    return config;
}

static void up(const struct virtio_net_model_config *config, uint16_t queues)
{
    vnet_create(config, 8192);
    assert_int_equal(vnet_probe(), 0);
    assert_int_equal(port_set_queues(vnet.port, queues), 0);
    assert_int_equal(port_start(vnet.port), 0);
    assert_int_equal(vnet.model->pairs, queues);
}

/* An IPv4 frame of a flow, from and to numbers of stations. */
static void flow(uint8_t frame[60], uint8_t protocol, unsigned from, unsigned to)
{
    memset(frame, 0, 60);
    memcpy(frame, vnet.port->mac, MAC_LEN);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[17] = 46;
    frame[23] = protocol;
    frame[26] = frame[30] = 10;
    frame[29] = (uint8_t)from;
    frame[33] = (uint8_t)to;
    frame[35] = (uint8_t)(from * 7);
    frame[37] = (uint8_t)(to * 7);
    if (protocol == TCP)
        frame[46] = 0x50;
}

/* The queue on which it comes in; *packet: freed already, its fields are still there. */
static unsigned queue_of(const uint8_t frame[60], struct packet *fields)
{
    struct packet *p;
    unsigned found = 99;
    assert_true(virtio_net_model_receive(vnet.model, frame, 60));
    for (unsigned i = 0; i < vnet.port->rx_queues; i++)
        if (port_rx_burst(vnet.port->rxq[i], &p, 1)) {
            assert_int_equal(found, 99);
            assert_memory_equal(p->data, frame, 60);
            *fields = *p;
            packet_free(&vnet.cache, p);
            found = i;
        }
    assert_int_not_equal(found, 99);
    return found;
}

/* 5.1.6.5.6: frames of a flow come in by the pair on which it was sent. */
static void a_flow_comes_in_where_it_was_sent(void **state)
{
    struct virtio_net_model_config config = with(F_MQ, 4);
    struct packet fields;
    uint8_t frame[60];
    up(&config, 4);
    assert_int_equal(vnet.port->tx_queues, 4);
    for (unsigned pair = 0; pair < 4; pair++) {
        flow(frame, UDP, 1, 10 + pair);
        struct packet *p = vnet_make_frame(frame, 60, 60);
        assert_int_equal(port_tx_burst(vnet.port->txq[pair], &p, 1), 1);
        virtio_net_model_run(vnet.model);
        assert_int_equal(vnet.model->wire_queue, pair);
    }
    for (unsigned pair = 0; pair < 4; pair++) {
        flow(frame, UDP, 10 + pair, 1);
        assert_int_equal(queue_of(frame, &fields), pair);
    }
    vnet_down();
}

/* Every flow has one queue, in both directions; all queues have some; what is no IP has the first.
 */
static void the_hash_spreads_flows(void **state)
{
    struct virtio_net_model_config config = with(F_MQ | F_RSS, 3);
    struct packet fields;
    uint8_t frame[60];
    unsigned hits[3] = { 0 };
    up(&config, 3);
    for (unsigned from = 1; from <= 16; from++)
        for (unsigned to = 17; to <= 32; to++) {
            uint8_t protocol = from & 1 ? TCP : UDP;
            flow(frame, protocol, from, to);
            unsigned queue = queue_of(frame, &fields);
            hits[queue]++;
            flow(frame, protocol, to, from);
            assert_int_equal(queue_of(frame, &fields), queue);
            assert_false(fields.flags & PACKET_HASH);
        }
    for (unsigned i = 0; i < 3; i++) /* 256 flows; a fair share is 85 */
        assert_in_range(hits[i], 40, 150);
    memset(frame + 12, 0x88, 2);
    assert_int_equal(queue_of(frame, &fields), 0);
    vnet_down();
}

/* 5.1.6.4.4, with RSS and without, with one pair as well. */
static void the_hash_is_reported(void **state)
{
    static const uint64_t ways[] = { F_HASH_REPORT, F_HASH_REPORT | F_RSS,
                                     F_HASH_REPORT | F_RSS | F_MQ };
    for (unsigned i = 0; i < ARRAY_SIZE(ways); i++)
        for (uint16_t pairs = 1; pairs <= (ways[i] & F_RSS ? 2 : 1); pairs++) {
            struct virtio_net_model_config config = with(ways[i], 2);
            struct packet fields;
            uint8_t frame[60];
            unsigned type;
            up(&config, pairs);
            for (unsigned to = 1; to < 20; to++) {
                flow(frame, TCP, 100, to);
                queue_of(frame, &fields);
                assert_true(fields.flags & PACKET_HASH);
                uint32_t hash = igb_model_rss_hash(rss_key(), 0x00010000, frame, 60, &type);
                assert_int_equal(fields.hash, hash);
            }
            memset(frame + 12, 0x88, 2);
            queue_of(frame, &fields);
            assert_false(fields.flags & PACKET_HASH);
            vnet_down();
        }
}

/* nic/rss.h: the other key gives Microsoft's known answer ("Verifying the RSS hash calculation").
 */
static void the_key_is_chosen(void **state)
{
    static const uint8_t addresses_and_ports[12] = { 66,  9,  149,  187,  161,  142,
                                                     100, 80, 0x0a, 0xea, 0x06, 0xe6 };
    struct virtio_net_model_config config = with(F_HASH_REPORT, 0);
    struct packet fields;
    uint8_t frame[60];
    for (unsigned symmetric = 0; symmetric < 2; symmetric++) {
        rss_set_symmetric(symmetric);
        up(&config, 1);
        flow(frame, TCP, 0, 0);
        memcpy(frame + 26, addresses_and_ports, 12);
        queue_of(frame, &fields);
        assert_int_equal(fields.hash == 0x51ccc178, !symmetric);
        vnet_down();
    }
}

/* A device with one pair may offer all of it all the same. */
static void one_pair_may_offer_all_of_it(void **state)
{
    struct virtio_net_model_config config = with(F_MQ | F_RSS, 1);
    up(&config, 1);
    assert_int_equal(vnet.port->limits.rx_queues_max, 1);
    assert_int_equal(vnet.model->accepted & (F_MQ | F_RSS), F_MQ | F_RSS);
    assert_false(vnet.model->rss.on); /* nothing had to be said */
    vnet_traffic();
    vnet_down();
}

/* No more than it has now, whatever it had when it was found; and none that it refuses. */
static void pairs_that_are_not_to_be_had_fail_the_start(void **state)
{
    struct virtio_net_model_config config = with(F_MQ, 4);
    up(&config, 4);
    port_stop(vnet.port);
    vnet.model->config.pairs = 2;
    assert_int_equal(port_start(vnet.port), -EIO);
    assert_true(host_log_contains("2 pairs of queues, expected 4"));
    assert_int_equal(vnet_mapped(), 0);
    vnet.model->config.pairs = 4;
    vnet.model->control_answer = 1;
    assert_int_equal(port_start(vnet.port), -EIO);
    assert_true(host_log_contains("control command 4.0 refused"));
    assert_int_equal(vnet.port->state, PORT_STOPPED);
    assert_int_equal(vnet_mapped(), 0);
    vnet.model->control_answer = 0;
    assert_int_equal(port_set_queues(vnet.port, 1), 0);
    assert_int_equal(port_start(vnet.port), 0);
    vnet_traffic();
    vnet_down();
}

/* Fewer pairs after more, and a transmit queue for each worker that there is none for. */
static void pairs_come_and_go(void **state)
{
    static const uint16_t counts[] = { 1, 4, 2, 64, 1 };
    struct virtio_net_model_config config = with(F_MQ | F_RSS | F_RING_PACKED, 65);
    config.queue_size[0] = config.queue_size[1] = 64;
    up(&config, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
        port_stop(vnet.port);
        assert_int_equal(port_set_queues(vnet.port, counts[i]), 0);
        vnet.port->tx_queues = 64;
        assert_int_equal(port_start(vnet.port), 0);
        assert_int_equal(vnet.port->tx_queues, counts[i]);
        assert_int_equal(vnet.model->pairs, counts[i]);
        vnet_traffic();
    }
    assert_int_equal(port_set_queues(vnet.port, 65), -EBUSY);
    port_stop(vnet.port);
    assert_int_equal(port_set_queues(vnet.port, 65), -EINVAL);
    vnet_down();
}

static int tear_down(void **state)
{
    rss_set_symmetric(true);
    return 0;
}

#define T(f) cmocka_unit_test_teardown(f, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_flow_comes_in_where_it_was_sent),
        T(the_hash_spreads_flows),
        T(the_hash_is_reported),
        T(the_key_is_chosen),
        T(one_pair_may_offer_all_of_it),
        T(pairs_that_are_not_to_be_had_fail_the_start),
        T(pairs_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
