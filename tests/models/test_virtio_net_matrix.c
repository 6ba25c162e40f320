/* virtio: every kind of device with every feature there and not: traffic through all of
 * them, and the conformance suite. */
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/virtio_net_rig.h"

#include <string.h>

/* Variants ------------------------------------------------------------------ */

/* Once it was asked a queue says by a word of its ring that it has nothing, and a frame that comes
 * is seen there: port_rx_burst() looks first. */
static void an_empty_queue_says_so(void)
{
    struct port_queue *queue = vnet.port->rxq[0];
    struct packet *p;
    assert_int_equal(port_rx_burst(queue, &p, 1), 0);
    assert_true(port_queue_has_nothing(queue));
    vnet_carry_in(60);
    assert_true(port_queue_has_nothing(queue));
}

/* Whatever the device offers, frames pass unchanged, and a stopped port leaves
 * no memory with the device. */
static void every_variant_carries_traffic(void **state)
{
    struct virtio_net_model_config config;
    for (unsigned n = 0; vnet_next_variant(n, &config); n++) {
        vnet_up(&config);
        for (unsigned round = 0; round < 3; round++) {
            if (round)
                assert_int_equal(port_start(vnet.port), 0);
            vnet_traffic();
            an_empty_queue_says_so();
            port_stop(vnet.port);
            assert_false(port_queue_has_nothing(vnet.port->rxq[0])); /* its ring is gone */
            assert_int_equal(vnet_mapped(), 0);
        }
        vnet_down();
    }
}

/* The conformance suite (conformance.h) ------------------------------------ */

static struct virtio_net_model_config conforming;
static uint16_t queues; /* that it runs with */
static unsigned offences;

static struct port *conformance_create(struct packet_cache *packets)
{
    vnet.model = virtio_net_model_create(&conforming);
    vnet.model->wire = vnet_on_wire;
    if (vnet_probe())
        return NULL;
    for (unsigned i = 0; i < vnet.port->limits.rx_queues_max; i++)
        vnet.port->rxq[i]->cache = vnet.port->txq[i]->cache = packets;
    return port_set_queues(vnet.port, queues) ? NULL : vnet.port;
}

static void conformance_destroy(void)
{
    const char *what;
    vnet_take_away();
    offences = virtio_net_model_violations(vnet.model, &what);
    if (offences)
        print_error("%s\n", what);
    virtio_net_model_destroy(vnet.model);
}

static bool conformance_inject(const uint8_t *frame, uint32_t length)
{
    uint64_t filtered = vnet.model->filtered;
    return virtio_net_model_receive(vnet.model, frame, length) || vnet.model->filtered != filtered;
}

static uint32_t conformance_take(uint8_t *frame, uint32_t size)
{
    if (!virtio_net_model_send_one(vnet.model) || vnet.wire_length > size)
        return 0;
    memcpy(frame, vnet.wire, vnet.wire_length);
    return (uint32_t)vnet.wire_length;
}

static void conformance_set_link(bool up_)
{
    virtio_net_model_set_link(vnet.model, up_);
}

/* Asked for after the end, so that what stop does is seen as well. */
static unsigned conformance_violations(void)
{
    return offences;
}

static int run(const char *name, uint16_t run_queues)
{
    struct conformance_subject subject = {
        .name = name,
        .create = conformance_create,
        .destroy = conformance_destroy,
        .inject = conformance_inject,
        .take = conformance_take,
        .violations = conformance_violations,
    };
    queues = run_queues;
    if (conforming.features & F_CTRL_RX)
        subject.flags |= CONFORMANCE_FILTERS;
    if (!(conforming.features & F_MRG_RXBUF))
        subject.flags |= CONFORMANCE_DROPS_GIANTS;
    if (conforming.features & F_STATUS)
        subject.set_link = conformance_set_link;
    return conformance_run(&subject);
}

static int conformance(const char *name, enum virtio_model_kind kind, uint64_t without,
                       uint16_t rx_size, uint16_t tx_size)
{
    conforming = vnet_usual(kind);
    conforming.features &= ~without;
    conforming.queue_size[0] = rx_size;
    conforming.queue_size[1] = tx_size;
    return run(name, 1);
}

/* A modern device with something more, and several pairs. */
static int conformance_with(const char *name, uint64_t features, uint16_t size, uint16_t run_queues)
{
    conforming = vnet_usual(MODEL_MODERN);
    conforming.features |= features;
    conforming.queue_size[0] = conforming.queue_size[1] = size;
    conforming.pairs = 17; /* more than a port has queues */
    return run(name, run_queues);
}

static int conformance_everywhere(void)
{
    return conformance("modern", MODEL_MODERN, 0, 256, 256) +
           conformance("modern_no_mrg", MODEL_MODERN, F_MRG_RXBUF, 256, 256) +
           conformance("modern_no_indirect", MODEL_MODERN, F_INDIRECT_DESC, 64, 128) +
           conformance("modern_no_control", MODEL_MODERN, F_CONTROL | F_STATUS, 256, 64) +
           conformance("modern_bare", MODEL_MODERN, ~F_VERSION_1, 1024, 1024) +
           conformance("transitional", MODEL_TRANSITIONAL, 0, 128, 256) +
           conformance("legacy", MODEL_LEGACY, 0, 256, 256) +
           conformance("legacy_framing", MODEL_LEGACY, F_ANY_LAYOUT, 1024, 256) +
           conformance("legacy_no_mrg", MODEL_LEGACY, F_MRG_RXBUF, 1024, 256) +
           conformance("legacy_bare", MODEL_LEGACY, ~0ull, 4096, 256) +
           conformance_with("packed", F_RING_PACKED, 256, 1) +
           conformance_with("packed_odd", F_RING_PACKED, 200, 1) +
           conformance_with("packed_65", F_RING_PACKED, 65, 1) +
           conformance_with("split_64", 0, 64, 1) +
           conformance_with("in_order", F_IN_ORDER, 256, 1) +
           conformance_with("packed_in_order", F_RING_PACKED | F_IN_ORDER, 150, 1) +
           conformance_with("mq_2", F_MQ, 256, 2) + conformance_with("mq_16", F_MQ, 64, 16) +
           conformance_with("rss_1", F_RSS | F_HASH_REPORT, 256, 1) +
           conformance_with("rss_2", F_RSS | F_MQ, 256, 2) +
           conformance_with("rss_packed_16", F_RSS | F_HASH_REPORT | F_RING_PACKED, 64, 16);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_variant_carries_traffic),
    };
    return conformance_everywhere() + cmocka_run_group_tests(tests, NULL, NULL);
}
