/* Ring ports: the conformance suite over a pair, small and large. */
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"

#include <errno.h>

#define NUMBERS 64u /* as if there were no more */

static struct port *port, *peer;
static struct packet_cache *far_cache;
static uint16_t size = 256, queues = 1;

static struct port *create(struct packet_cache *cache)
{
    if (ring_port_pair_create_wide(size, queues, &port, &peer))
        return NULL;
    far_cache = cache;
    for (unsigned i = 0; i < queues; i++) {
        port->rxq[i]->cache = port->txq[i]->cache = cache;
        peer->rxq[i]->cache = peer->txq[i]->cache = cache;
    }
    port_set_queues(port, queues);
    port_set_queues(peer, queues);
    port_set_mtu(peer, (uint16_t)(FRAME_MAX - FRAME_LIMIT(0)));
    port_start(peer);
    return port;
}

static void destroy(void)
{
    ring_port_destroy(port);
    ring_port_destroy(peer);
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    struct packet *p = conformance_packet(far_cache, frame, length, PACKET_ROOM);
    if (!p)
        return false;
    if (port_tx_burst(peer->txq[0], &p, 1))
        return true;
    packet_free(far_cache, p);
    return false;
}

static uint32_t take(uint8_t *frame, uint32_t room)
{
    struct packet *p;
    if (!port_rx_burst(peer->rxq[0], &p, 1))
        return 0;
    uint32_t length = p->frame_length;
    if (length > room || !packet_read(p, 0, frame, length))
        length = 0;
    packet_free(far_cache, p);
    return length;
}

static void set_link(bool up)
{
    ring_port_set_link(port, up);
}

static const struct conformance_subject ring = { .name = "ring",
                                                 .create = create,
                                                 .destroy = destroy,
                                                 .inject = inject,
                                                 .take = take,
                                                 .set_link = set_link };

static void sizes_are_powers_of_two(void **state)
{
    host_reset();
    port_reset_registry();
    assert_int_equal(ring_port_pair_create(0, &port, &peer), -EINVAL);
    assert_int_equal(ring_port_pair_create(100, &port, &peer), -EINVAL);
    assert_int_equal(port_count(), 0);
}

/* The number given to the first of the pair stays used; nothing else remains. */
static void half_a_pair_is_none(void **state)
{
    host_reset();
    port_reset_registry();
    struct port *null;
    port_limit_numbers(NUMBERS);
    for (unsigned i = 0; i < NUMBERS - 1; i++) {
        assert_int_equal(null_port_create(&null), 0);
    }
    assert_int_equal(ring_port_pair_create(8, &port, &peer), -ENOSPC);
    assert_true(host_log_contains("no number left"));
    for (unsigned i = 0; i < NUMBERS - 1; i++)
        null_port_destroy(port_get(i));
    assert_null(port_get(NUMBERS - 1));
    port_reset_registry();
}

/* Frames go only where somebody receives them, and destruction gives all back. */
static void both_ends_must_run(void **state)
{
    struct packet_cache cache;
    struct packet *p;
    host_reset();
    port_reset_registry();
    struct packet_pool *pool = packet_pool_create(64);
    packet_cache_init(&cache, pool);
    size = 64;
    assert_non_null(create(&cache));
    struct port *ends[2] = { port, peer };
    for (unsigned stopped = 0; stopped < 2; stopped++) {
        assert_int_equal(port_start(ends[0]) | port_start(ends[1]), 0);
        port_poll_link(ends[!stopped]);
        assert_true(ends[!stopped]->link.up);
        port_stop(ends[stopped]);
        port_poll_link(ends[!stopped]);
        assert_false(ends[!stopped]->link.up);
        p = conformance_packet(&cache, (uint8_t[60]){ 0 }, 60, 60);
        assert_int_equal(port_tx_burst(ends[!stopped]->txq[0], &p, 1), 0);
        packet_free(&cache, p);
    }
    assert_int_equal(port_start(ends[1]), 0);
    p = conformance_packet(&cache, (uint8_t[60]){ 0 }, 60, 60);
    assert_int_equal(port_tx_burst(ends[0]->txq[0], &p, 1), 1);
    destroy(); /* running, with a frame under way */
    assert_null(port_get(0));
    assert_null(port_get(1));
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), 64);
    packet_pool_destroy(pool);
}

/* packet.h: flags are a receiver's word.  What the far port's device said does not pass. */
static void verdicts_do_not_cross(void **state)
{
    struct packet_cache cache;
    host_reset();
    port_reset_registry();
    struct packet_pool *pool = packet_pool_create(64);
    packet_cache_init(&cache, pool);
    size = 64;
    assert_non_null(create(&cache));
    assert_int_equal(port_start(port), 0);
    struct packet *p = conformance_packet(&cache, (uint8_t[60]){ 0 }, 60, 60);
    p->flags = PACKET_IP_CHECKSUM_GOOD;
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    assert_int_equal(port_rx_burst(peer->rxq[0], &p, 1), 1);
    assert_int_equal(p->flags, 0);
    packet_free(&cache, p);
    destroy();
    packet_cache_flush(&cache);
    packet_pool_destroy(pool);
}

/* A queue to receive with empties the wires of several to send with, and each frame comes once. */
static void fewer_queues_receive_what_more_send(void **state)
{
    struct packet_cache cache;
    struct packet *p;
    host_reset();
    port_reset_registry();
    struct packet_pool *pool = packet_pool_create(256);
    packet_cache_init(&cache, pool);
    assert_int_equal(ring_port_create(PORT_NONE, &port), 0);
    for (unsigned i = 0; i < RING_QUEUES_MAX; i++)
        port->rxq[i]->cache = port->txq[i]->cache = &cache;
    port->rx_queues = 3;
    port->tx_queues = RING_QUEUES_MAX;
    assert_int_equal(port_start(port), 0);
    for (unsigned round = 0; round < 3; round++) {
        unsigned got[3] = { 0 };
        for (unsigned i = 0; i < RING_QUEUES_MAX; i++) {
            p = conformance_packet(&cache, (uint8_t[60]){ (uint8_t)i }, 60, 60);
            assert_int_equal(port_tx_burst(port->txq[i], &p, 1), 1);
        }
        for (unsigned q = 0; q < 3; q++)
            while (port_rx_burst(port->rxq[q], &p, 1)) {
                assert_int_equal(p->data[0] % 3, q);
                got[q]++;
                packet_free(&cache, p);
            }
        assert_int_equal(got[0], 6); /* 0, 3, 6, 9, 12, 15 */
        assert_int_equal(got[1], 5);
        assert_int_equal(got[2], 5);
    }
    port->remove(port);
    assert_null(port_get(0));
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), 256);
    packet_pool_destroy(pool);
}

/* Sends a burst of frames of these lengths; how many were taken. */
static unsigned send_lengths(struct port_queue *q, const uint16_t *length, unsigned n)
{
    static const uint8_t bytes[PACKET_ROOM];
    struct packet *p[8];
    for (unsigned i = 0; i < n; i++)
        p[i] = conformance_packet(far_cache, bytes, length[i], PACKET_ROOM);
    unsigned taken = port_tx_burst(q, p, (uint16_t)n);
    packet_free_burst(far_cache, p + taken, n - taken);
    return taken;
}

static void receives_lengths(struct port_queue *q, const uint16_t *length, unsigned n)
{
    struct packet *p[8];
    assert_int_equal(port_rx_burst(q, p, 8), n);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(p[i]->frame_length, length[i]);
        assert_int_equal(p[i]->port, q->port->number);
        assert_int_equal(p[i]->interface, PACKET_INTERFACE_NONE);
    }
    packet_free_burst(far_cache, p, n);
}

/* Wherever in its ring a burst lies, those of it that break a rule go alone, and in either
 * direction: what one port may send is too long for the other. */
static void bad_frames_of_a_burst_go_alone(void **state)
{
    static const uint16_t sent[] = { 60, 13, 61, 1900, 62, 63 }, good[] = { 60, 61, 62, 63 },
                          long_ones[] = { 64, 1800, 65 }, short_ones[] = { 64, 65 };
    struct packet_cache cache;
    host_reset();
    port_reset_registry();
    struct packet_pool *pool = packet_pool_create(64);
    packet_cache_init(&cache, pool);
    size = 8;
    assert_non_null(create(&cache));
    assert_int_equal(port_start(port), 0);
    for (unsigned round = 0; round < 2 * size; round++) {
        assert_int_equal(send_lengths(port->txq[0], sent, 6), 6);
        receives_lengths(peer->rxq[0], good, 4);
        assert_int_equal(send_lengths(peer->txq[0], long_ones, 3), 3);
        receives_lengths(port->rxq[0], short_ones, 2);
        assert_int_equal(send_lengths(port->txq[0], good, 1), 1); /* on to another place */
        receives_lengths(peer->rxq[0], good, 1);
    }
    assert_int_equal(port->txq[0]->packets, 2 * size * 5);
    assert_int_equal(port->txq[0]->bytes, 2 * size * (60 + 61 + 62 + 63 + 60));
    assert_int_equal(port->txq[0]->errors, 2 * size * 2);
    assert_int_equal(port->rxq[0]->bytes, 2 * size * (64 + 65));
    assert_int_equal(port->rxq[0]->errors, 2 * size);
    assert_int_equal(send_lengths(port->txq[0], good, 4), 4);
    assert_int_equal(send_lengths(port->txq[0], sent, 3), 3); /* two and a bad one */
    assert_int_equal(send_lengths(port->txq[0], good, 4), 2); /* it is full then */
    destroy();
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), 64);
    packet_pool_destroy(pool);
}

/* What lies in the ring already is held to the limit of when it comes out. */
static void an_mtu_that_sank_meanwhile_holds(void **state)
{
    static const uint16_t sent[] = { 60, 1800, 61 }, good[] = { 60, 61 };
    struct packet_cache cache;
    host_reset();
    port_reset_registry();
    struct packet_pool *pool = packet_pool_create(64);
    packet_cache_init(&cache, pool);
    size = 8;
    assert_non_null(create(&cache));
    assert_int_equal(port_start(port), 0);
    assert_int_equal(port_set_mtu(port, 1800), 0);
    assert_int_equal(send_lengths(peer->txq[0], sent, 3), 3);
    receives_lengths(port->rxq[0], sent, 3);
    assert_int_equal(send_lengths(peer->txq[0], sent, 3), 3);
    assert_int_equal(port_set_mtu(port, 1500) | port_set_mtu(peer, 1500), 0);
    receives_lengths(port->rxq[0], good, 2);
    assert_int_equal(port->rxq[0]->errors, 1);
    assert_int_equal(port->rxq[0]->bytes, 60 + 1800 + 61 + 60 + 61);
    destroy();
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), 64);
    packet_pool_destroy(pool);
}

/* nic/port.h: the caller still owns the rest. */
static void what_is_not_taken_stays_as_it_is(void **state)
{
    struct packet_cache cache;
    struct packet *p[12];
    host_reset();
    port_reset_registry();
    struct packet_pool *pool = packet_pool_create(64);
    packet_cache_init(&cache, pool);
    size = 8;
    assert_non_null(create(&cache));
    assert_int_equal(port_start(port), 0);
    for (unsigned i = 0; i < 12; i++) {
        p[i] = conformance_packet(&cache, (uint8_t[60]){ 0 }, 60, 60);
        p[i]->port = 1234;
        p[i]->flags = PACKET_IP_CHECKSUM_GOOD;
    }
    assert_int_equal(port_tx_burst(port->txq[0], p, 12), 8);
    for (unsigned i = 8; i < 12; i++) {
        assert_int_equal(p[i]->port, 1234);
        assert_int_equal(p[i]->flags, PACKET_IP_CHECKSUM_GOOD);
    }
    packet_free_burst(&cache, p + 8, 4);
    destroy();
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), 64);
    packet_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_powers_of_two),
        cmocka_unit_test(half_a_pair_is_none),
        cmocka_unit_test(both_ends_must_run),
        cmocka_unit_test(verdicts_do_not_cross),
        cmocka_unit_test(fewer_queues_receive_what_more_send),
        cmocka_unit_test(bad_frames_of_a_burst_go_alone),
        cmocka_unit_test(an_mtu_that_sank_meanwhile_holds),
        cmocka_unit_test(what_is_not_taken_stays_as_it_is),
    };
    int failed = conformance_run(&ring);
    size = 64;
    failed += conformance_run(&ring);
    queues = 2;
    failed += conformance_run(&ring);
    queues = RING_QUEUES_MAX;
    failed += conformance_run(&ring);
    queues = 1;
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
