/* conformance.c - the rules of nic/port.h and nic/packet.h, asked of any port (conformance.h): a
 * port's life, sending, receiving and counting. */
#include "tests/models/conformance.h"

#include "tests/host/host.h"
#include "tests/models/conformance_trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BURST_ODD 37u

/* Life --------------------------------------------------------------------- */

static void is_registered_with_sane_facts(void **state)
{
    static const uint8_t zero[MAC_LEN];
    const struct port *port = trial.port;
    assert_ptr_equal(port_get(port->number), port);
    assert_int_equal(port->state, PORT_STOPPED);
    assert_true(port->admin_up);
    assert_int_equal(port->mac[0] & 1, 0);
    assert_memory_not_equal(port->mac, zero, MAC_LEN);
    assert_memory_equal(port->mac, port->permanent_mac, MAC_LEN);
    assert_int_equal(port->mtu, MTU_DEFAULT);
    assert_in_range(port->rx_queues, 1, port->limits.rx_queues_max);
    assert_in_range(port->tx_queues, 1, port->limits.tx_queues_max);
    for (unsigned i = 0; i < port->rx_queues; i++) {
        assert_ptr_equal(port->rxq[i]->port, port);
        assert_int_equal(port->rxq[i]->index, i);
        assert_in_range(port->rxq[i]->size, port->limits.rx_size_min, port->limits.rx_size_max);
    }
    for (unsigned i = 0; i < port->tx_queues; i++)
        assert_int_equal(port->txq[i]->size % port->limits.size_multiple, 0);
}

static void starts_and_stops_a_hundred_times(void **state)
{
    for (uint32_t i = 0; i < 100; i++) {
        trial_start();
        trial_start();
        assert_int_equal(trial.port->state, PORT_RUNNING);
        if (trial_wired())
            trial_exchange(i);
        port_stop(trial.port);
        port_stop(trial.port);
        assert_int_equal(trial.port->state, PORT_STOPPED);
        assert_false(trial.attached);
        trial_holds_nothing();
    }
}

/* port.h: stop frees what it held, and no DMA lands afterwards. */
static void stops_with_frames_in_flight(void **state)
{
    trial_start();
    for (uint32_t i = 0; i < 20; i++) {
        assert_true(trial_send(trial_packet(100, i, PACKET_ROOM)));
        assert_true(!trial_wired() || trial_inject(100, i));
    }
    port_stop(trial.port);
    assert_true(!trial_wired() || !trial_inject(100, 99));
    trial_drain();
    trial_holds_nothing();
    trial_start();
    assert_null(trial_receive_one());
    if (trial_wired())
        trial_exchange(100);
}

/* port.h: start() that fails leaves exactly what stop() leaves. */
static void start_fails_clean_wherever_memory_runs_out(void **state)
{
    for (unsigned n = 1;; n++) {
        assert_in_range(n, 1, 160);
        host_dma_fail_after(n);
        int e = port_start(trial.port);
        host_dma_fail_after(0);
        if (!e)
            break;
        assert_int_equal(e, -ENOMEM);
        assert_int_equal(trial.port->state, PORT_STOPPED);
        trial_holds_nothing();
        assert_true(!trial_wired() || !trial_inject(100, n));
    }
    port_attach(trial.port);
    trial_settle();
    if (trial_wired())
        trial_exchange(1);
    port_stop(trial.port);
    trial_holds_nothing();
}

static void start_survives_an_empty_pool(void **state)
{
    static struct packet *all[TRIAL_POOL_PACKETS];
    assert_true(packet_alloc_burst(&trial.cache, all, TRIAL_POOL_PACKETS));
    int e = port_start(trial.port);
    assert_true(e == 0 || e == -ENOMEM);
    assert_int_equal(trial.port->state, e ? PORT_STOPPED : PORT_RUNNING);
    port_stop(trial.port);
    packet_free_burst(&trial.cache, all, TRIAL_POOL_PACKETS);
    trial_holds_nothing();
    trial_start();
    if (trial_wired())
        trial_exchange(1);
}

static void failed_port_refuses_everything(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 0x02, 1, 2, 3, 4, 5 };
    trial_start();
    port_fail(trial.port, "the test says so");
    trial_drain();
    trial_holds_nothing();
    assert_int_equal(trial.port->state, PORT_FAILED);
    assert_string_equal(trial.port->failure, "the test says so");
    assert_ptr_equal(port_get(trial.port->number), trial.port);
    assert_int_equal(port_start(trial.port), -EIO);
    assert_int_equal(port_set_mac(trial.port, mac), -EIO);
    assert_int_equal(port_set_mtu(trial.port, 1400), -EIO);
    assert_int_equal(port_set_rx_mode(trial.port, &(struct port_rx_mode){ 0 }), -EIO);
    port_poll_link(trial.port);
    assert_false(trial.port->link.up);
}

/* Sending ------------------------------------------------------------------ */

/* port.h: tx_burst takes from the front; the caller still owns the rest.  There is room again for
 * bursts that went out as a whole. */
static void refuses_when_full_and_drains_in_order(void **state)
{
    uint32_t sent = 0, taken = 0;
    trial_start();
    for (bool full = false; !full;) {
        struct packet *burst[PORT_BURST];
        for (uint32_t i = 0; i < PORT_BURST; i++)
            burst[i] = trial_packet(64, sent + i, PACKET_ROOM);
        uint16_t n = port_tx_burst(trial.port->txq[0], burst, PORT_BURST);
        assert_in_range(n, 0, PORT_BURST);
        packet_free_burst(&trial.cache, burst + n, PORT_BURST - n);
        sent += n;
        full = n < PORT_BURST;
    }
    assert_in_range(sent, 1, trial.port->txq[0]->size);
    assert_int_equal(trial.port->txq[0]->packets, sent);
    uint32_t again = ALIGN_UP(sent / 2, PORT_BURST);
    again = again < sent ? again : sent;
    for (; taken < again; taken++)
        trial_taken_is(64, taken);
    for (uint32_t i = 0; i < again; i++)
        assert_true(trial_send(trial_packet(64, sent + i, PACKET_ROOM)));
    for (; taken < sent + again; taken++)
        trial_taken_is(64, taken);
    assert_int_equal(trial.subject->take((uint8_t[64]){ 0 }, 64), 0);
    trial_exchange(7);
}

static void sends_every_length_and_shape_intact(void **state)
{
    static const uint32_t segments[] = { PACKET_ROOM, 1000, 200, 14 };
    trial_start();
    for (uint32_t length = FRAME_MIN; length <= TRIAL_FRAME_LIMIT; length++)
        for (unsigned s = 0; s < ARRAY_SIZE(segments); s++) {
            if ((length + segments[s] - 1) / segments[s] > FRAME_SEGMENTS_MAX)
                continue;
            assert_true(trial_send(trial_packet(length, length, segments[s])));
            trial_taken_is(length, length);
        }
}

/* port.h: frames may come without headroom; packet.h: data may be anywhere in its buffer. */
static void sends_from_anywhere_in_the_buffer(void **state)
{
    static const uint32_t offsets[] = { 0, 1, 3, 127, 129, 1001 };
    trial_start();
    for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
        for (uint32_t length = 14; length <= 1000; length += 493) {
            struct packet *p = trial_packet(length, i, PACKET_ROOM);
            memmove(p->buffer + offsets[i], p->data, length);
            p->data = p->buffer + offsets[i];
            assert_true(trial_send(p));
            trial_taken_is(length, i);
        }
        struct packet *end = trial_packet(14, i, PACKET_ROOM);
        memmove(end->buffer + PACKET_BUFFER_SIZE - 14, end->data, 14);
        end->data = end->buffer + PACKET_BUFFER_SIZE - 14;
        assert_true(trial_send(end));
        trial_taken_is(14, i);
    }
}

/* port.h: what can never be sent is taken, freed, counted, and stops nothing behind it. */
static void drops_and_counts_what_can_never_be_sent(void **state)
{
    const uint32_t good = 100, limit = port_frame_limit(trial.port);
    struct packet *burst[7] = {
        trial_packet(good, 0, PACKET_ROOM),  trial_packet(FRAME_MIN - 1, 1, PACKET_ROOM),
        trial_packet(good, 2, PACKET_ROOM),  trial_packet(limit + 1, 3, PACKET_ROOM),
        trial_packet(limit, 4, PACKET_ROOM), trial_packet(FRAME_SEGMENTS_MAX + 60, 5, 7),
        trial_packet(good, 6, PACKET_ROOM),
    };
    const struct port_queue *q = trial.port->txq[0];
    trial_start();
    assert_int_equal(port_tx_burst(trial.port->txq[0], burst, 7), 7);
    assert_int_equal(q->errors, 3);
    assert_int_equal(q->packets, 4);
    assert_int_equal(q->bytes, 3 * good + limit);
    if (!trial_wired())
        return;
    trial_taken_is(good, 0);
    trial_taken_is(good, 2);
    trial_taken_is(limit, 4);
    trial_taken_is(good, 6);
    assert_int_equal(trial.subject->take((uint8_t[64]){ 0 }, 64), 0);
}

static uint32_t enough_to_wrap(const struct port_queue *q)
{
    return 0x10000 + 3u * q->size;
}

static void sends_past_every_index_wrap(void **state)
{
    uint32_t total = enough_to_wrap(trial.port->txq[0]), most = trial.port->txq[0]->size / 2u;
    trial_start();
    for (uint32_t sent = 0, n; sent < total; sent += n) {
        struct packet *burst[BURST_ODD];
        n = 1 + sent % BURST_ODD;
        n = n < most ? n : most;
        for (uint32_t i = 0; i < n; i++)
            burst[i] = trial_packet(60 + (sent + i) % 50, sent + i, PACKET_ROOM);
        assert_int_equal(port_tx_burst(trial.port->txq[0], burst, (uint16_t)n), n);
        for (uint32_t i = 0; i < n; i++)
            trial_taken_is(60 + (sent + i) % 50, sent + i);
    }
    assert_int_equal(trial.port->txq[0]->packets >= total, 1);
}

/* A chain that the ring has no room for any more is refused whole. */
static void long_chains_are_all_or_nothing(void **state)
{
    uint32_t sent = 0;
    trial_start();
    while (trial_send(trial_packet(8 * 100, sent, 100)))
        assert_in_range(sent++, 0, trial.port->txq[0]->size);
    assert_int_not_equal(sent, 0);
    for (uint32_t i = 0; i < sent; i++)
        trial_taken_is(8 * 100, i);
    assert_int_equal(trial.subject->take((uint8_t[64]){ 0 }, 64), 0);
    trial_exchange(1);
}

/* Receiving ---------------------------------------------------------------- */

static void receives_every_length_intact(void **state)
{
    trial_start();
    for (uint32_t length = TRIAL_WIRE_MIN; length <= TRIAL_FRAME_LIMIT; length++) {
        assert_true(trial_inject(length, length));
        trial_received_is(trial_receive_one(), length, length);
    }
    assert_null(trial_receive_one());
    assert_int_equal(trial_troubles(), 0);
}

static void receives_past_every_index_wrap(void **state)
{
    uint32_t total = enough_to_wrap(trial.port->rxq[0]), most = trial.port->rxq[0]->size / 2u;
    trial_start();
    for (uint32_t got = 0, n; got < total; got += n) {
        struct packet *burst[BURST_ODD];
        n = 1 + got % BURST_ODD;
        n = n < most ? n : most;
        for (uint32_t i = 0; i < n; i++)
            assert_true(trial_inject(60 + (got + i) % 50, got + i));
        for (uint32_t i = 0, k; i < n; i += k) {
            k = trial_receive(burst, (uint16_t)(1 + (got + i) % 5));
            assert_in_range(k, 1, 1 + (got + i) % 5);
            for (uint32_t j = 0; j < k; j++)
                trial_received_is(burst[j], 60 + (got + i + j) % 50, got + i + j);
        }
    }
    assert_int_equal(trial_troubles(), 0);
}

/* port.h: an oversize frame is never handed up, and is counted once, wherever. */
static void never_hands_up_oversize_frames(void **state)
{
    const uint32_t limit = port_frame_limit(trial.port);
    unsigned arrived = 0;
    trial_start();
    for (uint32_t i = 0; i < 8; i++)
        arrived += trial_inject(limit + 1 + i * 100, i);
    assert_true(arrived == 8 || (arrived && (trial.subject->flags & CONFORMANCE_DROPS_GIANTS)));
    assert_true(trial_inject(limit, 9));
    struct packet *p = NULL;
    for (unsigned polls = 0; !p && polls < 16; polls++)
        p = trial_receive_one();
    trial_received_is(p, limit, 9);
    assert_null(trial_receive_one());
    trial_troubles_are(0, arrived);
}

static void runts_arrive_or_are_counted(void **state)
{
    static const uint32_t lengths[] = { FRAME_MIN, 20, TRIAL_WIRE_MIN - 1 };
    struct packet *p;
    uint32_t received = 0;
    trial_start();
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        assert_true(trial_inject(lengths[i], i));
        p = trial_receive_one();
        received += p != NULL;
        if (p)
            trial_chain_is_good(p);
        packet_free(&trial.cache, p);
    }
    trial_troubles_are(0, ARRAY_SIZE(lengths) - received);
    trial_exchange(1);
}

/* Every buffer is in our hands and the pool is empty: nothing is lost that the
 * port had a buffer for, and it goes on as soon as there are buffers again. */
static void recovers_from_an_empty_pool(void **state)
{
    static struct packet *held[TRIAL_POOL_PACKETS];
    uint32_t injected = 0, count = 0;
    trial_start();
    for (unsigned idle = 0; idle < 3;) {
        idle++;
        while (trial_inject(64, injected)) {
            assert_in_range(++injected, 1, 4 * TRIAL_POOL_PACKETS); /* else nobody receives them */
            idle = 0;
        }
        for (uint16_t n; (n = trial_receive(held + count, PORT_BURST));)
            count += n;
    }
    assert_int_equal(count, injected);
    for (uint32_t i = 0; i < count; i++)
        trial_received_is(held[i], 64, i);
    for (unsigned i = 0; i < 4; i++)
        assert_null(trial_receive_one());
    for (uint32_t i = 0; i < 10; i++)
        trial_exchange(i);
}

static bool receives_nothing(void)
{
    for (unsigned i = 0; i < trial.port->rx_queues; i++)
        if (!port_queue_has_nothing(trial.port->rxq[i]))
            return false;
    return true;
}

/* port.h: of a device's empty queue a look at one word tells, wherever in its ring it is, and when
 * a frame comes; a queue that stopped has no word. */
static void an_empty_queue_is_seen_by_its_word(void **state)
{
    uint32_t round = 0;
    for (unsigned starts = 0; starts < 2; starts++) {
        trial_start();
        for (unsigned i = 0; i < 3u * trial.port->rxq[0]->size; i++, round++) {
            assert_null(trial_receive_one());
            assert_true(receives_nothing() == (trial.dma != NULL));
            assert_true(trial_inject(64, round));
            assert_false(receives_nothing());
            trial_received_is(trial_receive_one(), 64, round);
        }
        port_stop(trial.port);
        for (unsigned i = 0; i < trial.port->rx_queues; i++)
            assert_null(trial.port->rxq[i]->watch.word);
    }
}

static void empty_bursts_do_nothing(void **state)
{
    struct packet *none = NULL;
    trial_start();
    assert_int_equal(port_tx_burst(trial.port->txq[0], &none, 0), 0);
    assert_int_equal(port_rx_burst(trial.port->rxq[0], &none, 0), 0);
    assert_int_equal(port_rx_burst(trial.port->rxq[0], &none, 1), 0);
    if (trial_wired()) {
        assert_true(trial_inject(64, 0));
        assert_int_equal(port_rx_burst(trial.port->rxq[0], &none, 0), 0);
        trial_received_is(trial_receive_one(), 64, 0);
    }
}

/* Counters ----------------------------------------------------------------- */

static void counters_add_up_exactly(void **state)
{
    uint64_t bytes = 0, frames = 0;
    for (unsigned round = 0; round < 3; round++) {
        trial_start();
        for (uint32_t length = TRIAL_WIRE_MIN; length < 1500; length += 7) {
            assert_true(trial_send(trial_packet(length, length, PACKET_ROOM)));
            if (trial_wired()) {
                trial_taken_is(length, length);
                assert_true(trial_inject(length, length));
                trial_received_is(trial_receive_one(), length, length);
            }
            frames++;
            bytes += length;
        }
        assert_int_equal(trial.port->txq[0]->packets, frames);
        assert_int_equal(trial.port->txq[0]->bytes, bytes);
        assert_int_equal(trial.port->txq[0]->errors, 0);
        assert_int_equal(trial.port->rxq[0]->packets, trial_wired() ? frames : 0);
        assert_int_equal(trial.port->rxq[0]->bytes, trial_wired() ? bytes : 0);
        assert_int_equal(trial_troubles(), 0);
        port_stop(trial.port);
    }
}

static void counter_rows_are_named_and_bounded(void **state)
{
    struct port_counter rows[65];
    if (!trial.port->ops->counters)
        return;
    trial_start();
    memset(rows, 0, sizeof rows);
    unsigned n = trial.port->ops->counters(trial.port, rows, 64);
    assert_in_range(n, 1, 160);
    for (unsigned i = 0; i < n; i++)
        assert_true(rows[i].name && rows[i].name[0]);
    memset(rows, 0, sizeof rows);
    assert_int_equal(trial.port->ops->counters(trial.port, rows, 1), 1);
    assert_null(rows[1].name);
}

/* The list ------------------------------------------------------------------ */

static const struct conformance_rule conformance_frames[] = {
    RULE(is_registered_with_sane_facts),
    RULE(starts_and_stops_a_hundred_times),
    RULE(stops_with_frames_in_flight),
    RULE(start_fails_clean_wherever_memory_runs_out),
    RULE(start_survives_an_empty_pool),
    RULE(failed_port_refuses_everything),
    RULE_ON_WIRE(refuses_when_full_and_drains_in_order),
    RULE_ON_WIRE(sends_every_length_and_shape_intact),
    RULE_ON_WIRE(sends_from_anywhere_in_the_buffer),
    RULE(drops_and_counts_what_can_never_be_sent),
    RULE_ON_WIRE(sends_past_every_index_wrap),
    RULE_ON_WIRE(long_chains_are_all_or_nothing),
    RULE_ON_WIRE(receives_every_length_intact),
    RULE_ON_WIRE(receives_past_every_index_wrap),
    RULE_ON_WIRE(never_hands_up_oversize_frames),
    RULE_ON_WIRE(runts_arrive_or_are_counted),
    RULE_ON_WIRE(recovers_from_an_empty_pool),
    RULE_ON_WIRE(an_empty_queue_is_seen_by_its_word),
    RULE(empty_bursts_do_nothing),
    RULE(counters_add_up_exactly),
    RULE(counter_rows_are_named_and_bounded),
    { 0 },
};

#define TESTS_MAX 64u

/* The rules of one list that apply, behind those that are there. */
static size_t add_rules(const struct conformance_subject *subject, struct CMUnitTest *tests,
                        size_t count, const struct conformance_rule *rule)
{
    static char names[TESTS_MAX][96];
    for (; rule->name; rule++) {
        if (rule->needs_wire && (!subject->inject || !subject->take))
            continue;
        assert_in_range(count, 0, TESTS_MAX - 1);
        snprintf(names[count], sizeof names[count], "%s_%s", subject->name, rule->name);
        tests[count] = (struct CMUnitTest){ names[count], rule->test, trial_set_up, trial_tear_down,
                                            (void *)(uintptr_t)subject };
        count++;
    }
    return count;
}

int conformance_run(const struct conformance_subject *subject)
{
    struct CMUnitTest tests[TESTS_MAX];
    size_t count = add_rules(subject, tests, 0, conformance_frames);
    count = add_rules(subject, tests, count, conformance_settings);
    count = add_rules(subject, tests, count, conformance_tags);
    return _cmocka_run_group_tests(subject->name, tests, count, NULL, NULL);
}
