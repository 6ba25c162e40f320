/* conformance.c - the rules of nic/port.h and nic/packet.h, asked of any port (conformance.h). */
#include "tests/models/conformance.h"

#include "kernel/endian.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_PACKETS 4096u
#define WIRE_MIN 60u /* IEEE 802.3 4.2.3.3: 64 octets with FCS */
#define FRAME_LIMIT_DEFAULT FRAME_LIMIT(MTU_DEFAULT)
#define FRAME_BYTES (FRAME_MAX + 1024u)
#define BURST_ODD 37u

/* One test's port and what it stands on. */
static struct {
    const struct conformance_subject *subject;
    struct packet_pool *pool;
    struct packet_cache cache;
    struct port *port;
    struct dma_device *dma;
    size_t mapped; /* before the first start */
    bool attached; /* pollers may be in its bursts */
} t;

static void detach(struct port *port)
{
    t.attached &= port != t.port; /* the far end of a ring is a port as well */
}

static void attach(struct port *port)
{
    assert_int_equal(port->state, PORT_RUNNING);
    t.attached |= port == t.port;
}

static void remove_port(struct port *port) {}

static void quiesce(void) {}

static const struct port_pollers pollers = {
    .detach = detach, .attach = attach, .removal = remove_port, .quiesce = quiesce
};

/* Marks that a driver has to overwrite: who does not set a field is seen. */
static void spoil_packets(void)
{
    static struct packet *all[POOL_PACKETS];
    if (!packet_alloc_burst(&t.cache, all, POOL_PACKETS))
        return;
    for (unsigned i = 0; i < POOL_PACKETS; i++)
        all[i]->port = 0xdead;
    packet_free_burst(&t.cache, all, POOL_PACKETS);
    packet_cache_flush(&t.cache);
}

static int set_up(void **state)
{
    memset(&t, 0, sizeof t);
    t.subject = *state;
    host_reset();
    port_reset_registry();
    t.pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&t.cache, t.pool);
    spoil_packets();
    port_set_pollers(&pollers);
    t.port = t.subject->create(&t.cache);
    if (!t.port)
        return -1;
    t.dma = t.port->dma;
    t.mapped = t.dma ? host_dma_mapped(t.dma) : 0;
    return 0;
}

static void nothing_is_held(void)
{
    packet_cache_flush(&t.cache);
    assert_int_equal(packet_pool_available(t.pool), POOL_PACKETS);
    if (t.dma)
        assert_int_equal(host_dma_mapped(t.dma), t.mapped);
}

static int tear_down(void **state)
{
    t.subject->destroy();
    packet_cache_flush(&t.cache);
    assert_int_equal(packet_pool_available(t.pool), POOL_PACKETS);
    packet_pool_destroy(t.pool);
    port_set_pollers(NULL);
    port_reset_registry();
    assert_int_equal(host_dma_refused(), 0);
    if (t.subject->violations)
        assert_int_equal(t.subject->violations(), 0);
    return 0;
}

/* Frames ------------------------------------------------------------------- */

/* Header, number, then bytes that differ from frame to frame and place to place. */
static void frame_make(uint8_t *frame, uint32_t length, uint32_t number)
{
    static const uint8_t source_and_type[8] = { 0x02, 0, 0x5e, 0x10, 0, 0x99, 0x88, 0xb5 };
    uint32_t x = number * 2654435761u + length;
    for (uint32_t i = 0; i < length; i++) {
        x = x * 1664525u + 1013904223u;
        frame[i] = (uint8_t)(x >> 24);
    }
    memcpy(frame, t.port->mac, MAC_LEN);
    memcpy(frame + MAC_LEN, source_and_type, sizeof source_and_type);
    if (length >= FRAME_MIN + sizeof number)
        memcpy(frame + FRAME_MIN, &number, sizeof number);
}

/* A frame to be sent: to somebody on the wire, for a chip with a switch inside keeps what is
 * meant for one of its own. */
static void frame_make_out(uint8_t *frame, uint32_t length, uint32_t number)
{
    static const uint8_t far[MAC_LEN] = { 0x02, 0, 0x5e, 0x10, 0, 0x77 };
    frame_make(frame, length, number);
    memcpy(frame, far, MAC_LEN);
}

struct packet *conformance_packet(struct packet_cache *cache, const uint8_t *bytes, uint32_t length,
                                  uint32_t segment)
{
    struct packet *first = NULL, **tail = &first;
    uint32_t done = 0;
    do {
        uint32_t here = length - done < segment ? length - done : segment;
        struct packet *p = packet_alloc(cache);
        if (!p) {
            packet_free(cache, first);
            return NULL;
        }
        memcpy(p->data, bytes + done, here);
        p->length = (uint16_t)here;
        *tail = p;
        tail = &p->next;
        done += here;
    } while (done < length);
    first->frame_length = length;
    return first;
}

static struct packet *packet_make(uint32_t length, uint32_t number, uint32_t segment)
{
    static uint8_t frame[FRAME_BYTES];
    frame_make_out(frame, length, number);
    struct packet *p = conformance_packet(&t.cache, frame, length, segment);
    assert_non_null(p);
    return p;
}

/* Sends one; false: the queue was full and the frame is gone. */
static bool send(struct packet *p)
{
    assert_true(t.attached); /* whatever was set before: it is polled again */
    if (port_tx_burst(t.port->txq[0], &p, 1))
        return true;
    packet_free(&t.cache, p);
    return false;
}

static void taken_is(uint32_t length, uint32_t number)
{
    static uint8_t frame[FRAME_BYTES], expected[FRAME_BYTES];
    uint32_t got = t.subject->take(frame, sizeof frame);
    frame_make_out(expected, length, number);
    if ((t.subject->flags & CONFORMANCE_PADS) && length < WIRE_MIN) {
        memset(expected + length, 0, WIRE_MIN - length);
        length = WIRE_MIN;
    }
    assert_int_equal(got, length);
    assert_memory_equal(frame, expected, length);
}

static void drain_wire(void)
{
    static uint8_t frame[FRAME_BYTES];
    while (t.subject->take && t.subject->take(frame, sizeof frame))
        ;
}

static bool inject_to(const uint8_t mac[MAC_LEN], uint32_t length, uint32_t number)
{
    static uint8_t frame[FRAME_BYTES];
    frame_make(frame, length, number);
    memcpy(frame, mac, MAC_LEN);
    return t.subject->inject(frame, length);
}

static bool inject(uint32_t length, uint32_t number)
{
    return inject_to(t.port->mac, length, number);
}

static uint16_t receive(struct packet **packets, uint16_t n)
{
    uint16_t got = 0;
    for (unsigned i = 0; i < t.port->rx_queues; i++)
        got = (uint16_t)(got + port_rx_burst(t.port->rxq[i], packets + got, (uint16_t)(n - got)));
    return got;
}

static struct packet *receive_one(void)
{
    struct packet *p;
    return receive(&p, 1) ? p : NULL;
}

/* packet.h: the first segment holds the frame or PACKET_HEADER_MIN bytes of it. */
static void chain_is_well_formed(const struct packet *first)
{
    uint32_t bytes = 0, segments = 0;
    for (const struct packet *p = first; p; p = p->next) {
        assert_in_range(p->data - p->buffer, 0, PACKET_BUFFER_SIZE);
        assert_in_range(p->data - p->buffer + p->length, 0, PACKET_BUFFER_SIZE);
        bytes += p->length;
        segments++;
    }
    assert_int_equal(bytes, first->frame_length);
    assert_in_range(segments, 1, FRAME_SEGMENTS_MAX);
    assert_true(first->length == first->frame_length || first->length >= PACKET_HEADER_MIN);
    assert_int_equal(first->port, t.port->number);
}

static void received_is(struct packet *p, uint32_t length, uint32_t number)
{
    static uint8_t frame[FRAME_BYTES], expected[FRAME_BYTES];
    assert_non_null(p);
    chain_is_well_formed(p);
    assert_int_equal(p->frame_length, length);
    assert_true(packet_read(p, 0, frame, length));
    frame_make(expected, length, number);
    assert_memory_equal(frame, expected, length);
    packet_free(&t.cache, p);
}

static void exchange(uint32_t number)
{
    assert_true(send(packet_make(100, number, PACKET_ROOM)));
    taken_is(100, number);
    assert_true(inject(200, number));
    received_is(receive_one(), 200, number);
}

static void settle(void)
{
    if (t.subject->settle)
        t.subject->settle();
}

static void start(void)
{
    assert_int_equal(port_start(t.port), 0);
    port_attach(t.port); /* as whoever polls it does */
    settle();
    assert_true(t.attached);
}

static int set_mac(const uint8_t mac[MAC_LEN])
{
    int e = port_set_mac(t.port, mac);
    settle();
    return e;
}

static int set_mtu(uint32_t mtu)
{
    int e = port_set_mtu(t.port, (uint16_t)mtu);
    settle();
    return e;
}

static int set_rx_mode(const struct port_rx_mode *mode)
{
    int e = port_set_rx_mode(t.port, mode);
    settle();
    return e;
}

static bool wired(void)
{
    return t.subject->inject && t.subject->take;
}

/* What went wrong with received frames, wherever it was noticed. */
static uint64_t receive_troubles(void)
{
    struct port_device_stats stats;
    t.port->ops->stats(t.port, &stats);
    uint64_t sum = stats.rx_missed + stats.rx_errors;
    for (unsigned i = 0; i < t.port->rx_queues; i++)
        sum += t.port->rxq[i]->errors;
    return sum;
}

/* So many more since `before` are counted, by this port or where it cannot see them. */
static void troubles_are(uint64_t before, uint64_t expected)
{
    uint64_t counted = receive_troubles() - before;
    if (counted || !(t.subject->flags & CONFORMANCE_COUNTED_ELSEWHERE))
        assert_int_equal(counted, expected);
}

/* Life --------------------------------------------------------------------- */

static void is_registered_with_sane_facts(void **state)
{
    static const uint8_t zero[MAC_LEN];
    const struct port *port = t.port;
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
        assert_int_equal(port->txq[i]->size % port->limits.size_multiple, 0);
    }
}

static void starts_and_stops_a_hundred_times(void **state)
{
    for (uint32_t i = 0; i < 100; i++) {
        start();
        start();
        assert_int_equal(t.port->state, PORT_RUNNING);
        if (wired())
            exchange(i);
        port_stop(t.port);
        port_stop(t.port);
        assert_int_equal(t.port->state, PORT_STOPPED);
        assert_false(t.attached);
        nothing_is_held();
    }
}

/* port.h: stop frees what it held, and no DMA lands afterwards. */
static void stops_with_frames_in_flight(void **state)
{
    start();
    for (uint32_t i = 0; i < 20; i++) {
        assert_true(send(packet_make(100, i, PACKET_ROOM)));
        assert_true(!wired() || inject(100, i));
    }
    port_stop(t.port);
    assert_true(!wired() || !inject(100, 99));
    drain_wire();
    nothing_is_held();
    start();
    assert_null(receive_one());
    if (wired())
        exchange(100);
}

/* port.h: start() that fails leaves exactly what stop() leaves. */
static void start_fails_clean_wherever_memory_runs_out(void **state)
{
    for (unsigned n = 1;; n++) {
        assert_in_range(n, 1, 64);
        host_dma_fail_after(n);
        int e = port_start(t.port);
        host_dma_fail_after(0);
        if (!e)
            break;
        assert_int_equal(e, -ENOMEM);
        assert_int_equal(t.port->state, PORT_STOPPED);
        nothing_is_held();
        assert_true(!wired() || !inject(100, n));
    }
    port_attach(t.port);
    settle();
    if (wired())
        exchange(1);
    port_stop(t.port);
    nothing_is_held();
}

static void start_survives_an_empty_pool(void **state)
{
    static struct packet *all[POOL_PACKETS];
    assert_true(packet_alloc_burst(&t.cache, all, POOL_PACKETS));
    int e = port_start(t.port);
    assert_true(e == 0 || e == -ENOMEM);
    assert_int_equal(t.port->state, e ? PORT_STOPPED : PORT_RUNNING);
    port_stop(t.port);
    packet_free_burst(&t.cache, all, POOL_PACKETS);
    nothing_is_held();
    start();
    if (wired())
        exchange(1);
}

static void failed_port_refuses_everything(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 0x02, 1, 2, 3, 4, 5 };
    start();
    port_fail(t.port, "the test says so");
    drain_wire();
    nothing_is_held();
    assert_int_equal(t.port->state, PORT_FAILED);
    assert_string_equal(t.port->failure, "the test says so");
    assert_ptr_equal(port_get(t.port->number), t.port);
    assert_int_equal(port_start(t.port), -EIO);
    assert_int_equal(port_set_mac(t.port, mac), -EIO);
    assert_int_equal(port_set_mtu(t.port, 1400), -EIO);
    assert_int_equal(port_set_rx_mode(t.port, &(struct port_rx_mode){ 0 }), -EIO);
    port_poll_link(t.port);
    assert_false(t.port->link.up);
}

/* Sending ------------------------------------------------------------------ */

/* port.h: tx_burst takes from the front; the caller still owns the rest. */
static void refuses_when_full_and_drains_in_order(void **state)
{
    uint32_t sent = 0, taken = 0;
    start();
    for (bool full = false; !full;) {
        struct packet *burst[PORT_BURST];
        for (uint32_t i = 0; i < PORT_BURST; i++)
            burst[i] = packet_make(64, sent + i, PACKET_ROOM);
        uint16_t n = port_tx_burst(t.port->txq[0], burst, PORT_BURST);
        assert_in_range(n, 0, PORT_BURST);
        packet_free_burst(&t.cache, burst + n, PORT_BURST - n);
        sent += n;
        full = n < PORT_BURST;
    }
    assert_in_range(sent, 1, t.port->txq[0]->size);
    assert_int_equal(t.port->txq[0]->packets, sent);
    for (; taken < sent / 2; taken++)
        taken_is(64, taken);
    for (uint32_t i = 0; i < sent / 2; i++)
        assert_true(send(packet_make(64, sent + i, PACKET_ROOM)));
    for (; taken < sent + sent / 2; taken++)
        taken_is(64, taken);
    assert_int_equal(t.subject->take((uint8_t[64]){ 0 }, 64), 0);
    exchange(7);
}

static void sends_every_length_and_shape_intact(void **state)
{
    static const uint32_t segments[] = { PACKET_ROOM, 1000, 200, 14 };
    start();
    for (uint32_t length = FRAME_MIN; length <= FRAME_LIMIT_DEFAULT; length++)
        for (unsigned s = 0; s < ARRAY_SIZE(segments); s++) {
            if ((length + segments[s] - 1) / segments[s] > FRAME_SEGMENTS_MAX)
                continue;
            assert_true(send(packet_make(length, length, segments[s])));
            taken_is(length, length);
        }
}

/* port.h: frames may come without headroom; packet.h: data may be anywhere in its buffer. */
static void sends_from_anywhere_in_the_buffer(void **state)
{
    static const uint32_t offsets[] = { 0, 1, 3, 127, 129, 1001 };
    start();
    for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
        for (uint32_t length = 14; length <= 1000; length += 493) {
            struct packet *p = packet_make(length, i, PACKET_ROOM);
            memmove(p->buffer + offsets[i], p->data, length);
            p->data = p->buffer + offsets[i];
            assert_true(send(p));
            taken_is(length, i);
        }
        struct packet *end = packet_make(14, i, PACKET_ROOM);
        memmove(end->buffer + PACKET_BUFFER_SIZE - 14, end->data, 14);
        end->data = end->buffer + PACKET_BUFFER_SIZE - 14;
        assert_true(send(end));
        taken_is(14, i);
    }
}

/* port.h: what can never be sent is taken, freed, counted, and stops nothing behind it. */
static void drops_and_counts_what_can_never_be_sent(void **state)
{
    const uint32_t good = 100, limit = port_frame_limit(t.port);
    struct packet *burst[7] = {
        packet_make(good, 0, PACKET_ROOM),  packet_make(FRAME_MIN - 1, 1, PACKET_ROOM),
        packet_make(good, 2, PACKET_ROOM),  packet_make(limit + 1, 3, PACKET_ROOM),
        packet_make(limit, 4, PACKET_ROOM), packet_make(FRAME_SEGMENTS_MAX + 60, 5, 7),
        packet_make(good, 6, PACKET_ROOM),
    };
    const struct port_queue *q = t.port->txq[0];
    start();
    assert_int_equal(port_tx_burst(t.port->txq[0], burst, 7), 7);
    assert_int_equal(q->errors, 3);
    assert_int_equal(q->packets, 4);
    assert_int_equal(q->bytes, 3 * good + limit);
    if (!wired())
        return;
    taken_is(good, 0);
    taken_is(good, 2);
    taken_is(limit, 4);
    taken_is(good, 6);
    assert_int_equal(t.subject->take((uint8_t[64]){ 0 }, 64), 0);
}

static uint32_t enough_to_wrap(const struct port_queue *q)
{
    return 0x10000 + 3u * q->size;
}

static void sends_past_every_index_wrap(void **state)
{
    uint32_t total = enough_to_wrap(t.port->txq[0]), most = t.port->txq[0]->size / 2u;
    start();
    for (uint32_t sent = 0, n; sent < total; sent += n) {
        struct packet *burst[BURST_ODD];
        n = 1 + sent % BURST_ODD;
        n = n < most ? n : most;
        for (uint32_t i = 0; i < n; i++)
            burst[i] = packet_make(60 + (sent + i) % 50, sent + i, PACKET_ROOM);
        assert_int_equal(port_tx_burst(t.port->txq[0], burst, (uint16_t)n), n);
        for (uint32_t i = 0; i < n; i++)
            taken_is(60 + (sent + i) % 50, sent + i);
    }
    assert_int_equal(t.port->txq[0]->packets >= total, 1);
}

/* Receiving ---------------------------------------------------------------- */

static void receives_every_length_intact(void **state)
{
    start();
    for (uint32_t length = WIRE_MIN; length <= FRAME_LIMIT_DEFAULT; length++) {
        assert_true(inject(length, length));
        received_is(receive_one(), length, length);
    }
    assert_null(receive_one());
    assert_int_equal(receive_troubles(), 0);
}

static void receives_past_every_index_wrap(void **state)
{
    uint32_t total = enough_to_wrap(t.port->rxq[0]), most = t.port->rxq[0]->size / 2u;
    start();
    for (uint32_t got = 0, n; got < total; got += n) {
        struct packet *burst[BURST_ODD];
        n = 1 + got % BURST_ODD;
        n = n < most ? n : most;
        for (uint32_t i = 0; i < n; i++)
            assert_true(inject(60 + (got + i) % 50, got + i));
        for (uint32_t i = 0, k; i < n; i += k) {
            k = receive(burst, (uint16_t)(1 + (got + i) % 5));
            assert_in_range(k, 1, 1 + (got + i) % 5);
            for (uint32_t j = 0; j < k; j++)
                received_is(burst[j], 60 + (got + i + j) % 50, got + i + j);
        }
    }
    assert_int_equal(receive_troubles(), 0);
}

/* port.h: an oversize frame is never handed up, and is counted once, wherever. */
static void never_hands_up_oversize_frames(void **state)
{
    const uint32_t limit = port_frame_limit(t.port);
    unsigned arrived = 0;
    start();
    for (uint32_t i = 0; i < 8; i++)
        arrived += inject(limit + 1 + i * 100, i);
    assert_true(arrived == 8 || (arrived && (t.subject->flags & CONFORMANCE_DROPS_GIANTS)));
    assert_true(inject(limit, 9));
    struct packet *p = NULL;
    for (unsigned polls = 0; !p && polls < 16; polls++)
        p = receive_one();
    received_is(p, limit, 9);
    assert_null(receive_one());
    troubles_are(0, arrived);
}

static void runts_arrive_or_are_counted(void **state)
{
    static const uint32_t lengths[] = { FRAME_MIN, 20, WIRE_MIN - 1 };
    struct packet *p;
    uint32_t received = 0;
    start();
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        assert_true(inject(lengths[i], i));
        p = receive_one();
        received += p != NULL;
        if (p)
            chain_is_well_formed(p);
        packet_free(&t.cache, p);
    }
    troubles_are(0, ARRAY_SIZE(lengths) - received);
    exchange(1);
}

/* Every buffer is in our hands and the pool is empty: nothing is lost that the
 * port had a buffer for, and it goes on as soon as there are buffers again. */
static void recovers_from_an_empty_pool(void **state)
{
    static struct packet *held[POOL_PACKETS];
    uint32_t injected = 0, count = 0;
    start();
    for (unsigned idle = 0; idle < 3;) {
        idle++;
        while (inject(64, injected)) {
            assert_in_range(++injected, 1, 4 * POOL_PACKETS); /* else nobody receives them */
            idle = 0;
        }
        for (uint16_t n; (n = receive(held + count, PORT_BURST));)
            count += n;
    }
    assert_int_equal(count, injected);
    for (uint32_t i = 0; i < count; i++)
        received_is(held[i], 64, i);
    for (unsigned i = 0; i < 4; i++)
        assert_null(receive_one());
    for (uint32_t i = 0; i < 10; i++)
        exchange(i);
}

static void empty_bursts_do_nothing(void **state)
{
    struct packet *none = NULL;
    start();
    assert_int_equal(port_tx_burst(t.port->txq[0], &none, 0), 0);
    assert_int_equal(port_rx_burst(t.port->rxq[0], &none, 0), 0);
    assert_int_equal(port_rx_burst(t.port->rxq[0], &none, 1), 0);
    if (wired()) {
        assert_true(inject(64, 0));
        assert_int_equal(port_rx_burst(t.port->rxq[0], &none, 0), 0);
        received_is(receive_one(), 64, 0);
    }
}

/* Counters ----------------------------------------------------------------- */

static void counters_add_up_exactly(void **state)
{
    uint64_t bytes = 0, frames = 0;
    for (unsigned round = 0; round < 3; round++) {
        start();
        for (uint32_t length = WIRE_MIN; length < 1500; length += 7) {
            assert_true(send(packet_make(length, length, PACKET_ROOM)));
            if (wired()) {
                taken_is(length, length);
                assert_true(inject(length, length));
                received_is(receive_one(), length, length);
            }
            frames++;
            bytes += length;
        }
        assert_int_equal(t.port->txq[0]->packets, frames);
        assert_int_equal(t.port->txq[0]->bytes, bytes);
        assert_int_equal(t.port->txq[0]->errors, 0);
        assert_int_equal(t.port->rxq[0]->packets, wired() ? frames : 0);
        assert_int_equal(t.port->rxq[0]->bytes, wired() ? bytes : 0);
        assert_int_equal(receive_troubles(), 0);
        port_stop(t.port);
    }
}

static void counter_rows_are_named_and_bounded(void **state)
{
    struct port_counter rows[65];
    if (!t.port->ops->counters)
        return;
    start();
    memset(rows, 0, sizeof rows);
    unsigned n = t.port->ops->counters(t.port, rows, 64);
    assert_in_range(n, 1, 64);
    for (unsigned i = 0; i < n; i++)
        assert_true(rows[i].name && rows[i].name[0]);
    memset(rows, 0, sizeof rows);
    assert_int_equal(t.port->ops->counters(t.port, rows, 1), 1);
    assert_null(rows[1].name);
}

/* Link and settings --------------------------------------------------------- */

static void link_follows_the_wire_and_the_state(void **state)
{
    assert_false(t.port->link.up);
    start();
    assert_true(port_poll_link(t.port));
    assert_true(t.port->link.up);
    assert_false(port_poll_link(t.port));
    if (t.subject->set_link) {
        t.subject->set_link(false);
        assert_true(port_poll_link(t.port));
        assert_false(t.port->link.up);
        assert_false(port_poll_link(t.port));
        for (uint32_t i = 0; i < 10; i++)
            send(packet_make(100, i, PACKET_ROOM));
        t.subject->set_link(true);
        assert_true(port_poll_link(t.port));
        assert_true(t.port->link.up);
        drain_wire();
        exchange(1);
    }
    port_stop(t.port);
    assert_true(port_poll_link(t.port));
    assert_false(t.port->link.up);
}

static bool reaches(const uint8_t mac[MAC_LEN])
{
    static uint32_t number;
    assert_true(inject_to(mac, 100, ++number));
    struct packet *p = receive_one();
    packet_free(&t.cache, p);
    return p;
}

static void set_mac_is_checked_and_kept(void **state)
{
    static const uint8_t zero[MAC_LEN], group[MAC_LEN] = { 0x03, 0, 0, 0, 0, 1 },
                                        first[MAC_LEN] = { 0x02, 0xaa, 1, 2, 3, 4 },
                                        second[MAC_LEN] = { 0x02, 0xbb, 5, 6, 7, 8 };
    bool filters = wired() && (t.subject->flags & CONFORMANCE_FILTERS);
    if (!t.port->ops->set_mac)
        return;
    assert_int_equal(set_mac(group), -EINVAL);
    assert_int_equal(set_mac(zero), -EINVAL);
    assert_memory_equal(t.port->mac, t.port->permanent_mac, MAC_LEN);
    assert_int_equal(set_mac(first), 0);
    assert_memory_equal(t.port->mac, first, MAC_LEN);
    start();
    assert_true(!filters || (reaches(first) && !reaches(t.port->permanent_mac)));
    assert_int_equal(set_mac(second), 0);
    assert_true(!filters || (reaches(second) && !reaches(first)));
    port_stop(t.port);
    start();
    assert_true(!filters || (reaches(second) && !reaches(first)));
    if (wired())
        exchange(1);
}

static void rx_mode_filters(void **state)
{
    static const uint8_t broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 },
                         other[MAC_LEN] = { 0x02, 0x77, 0x77, 0, 0, 1 },
                         wanted[2][MAC_LEN] = { { 0x01, 0, 0x5e, 0, 0, 5 },
                                                { 0x33, 0x33, 0, 0, 0, 1 } },
                         unwanted[MAC_LEN] = { 0x01, 0, 0x5e, 0x7f, 0xff, 0xfa };
    const struct port_rx_mode list = { .multicast = wanted, .multicast_count = 2 },
                              wrong = { .multicast = &other, .multicast_count = 1 },
                              group = { .all_multicast = true }, all = { .promiscuous = true };
    if (!t.port->ops->set_rx_mode)
        return;
    assert_int_equal(set_rx_mode(&wrong), -EINVAL);
    assert_int_equal(set_rx_mode(&all), 0);
    start();
    if (!(t.subject->flags & CONFORMANCE_FILTERS))
        return;
    assert_true(reaches(other) && reaches(unwanted) && reaches(broadcast));
    assert_int_equal(set_rx_mode(&(struct port_rx_mode){ 0 }), 0);
    assert_true(reaches(t.port->mac) && reaches(broadcast));
    assert_true(!reaches(other) && !reaches(wanted[0]) && !reaches(unwanted));
    assert_int_equal(set_rx_mode(&list), 0);
    assert_true(reaches(wanted[0]) && reaches(wanted[1]) && reaches(broadcast));
    assert_true(!reaches(other) && !reaches(unwanted));
    port_stop(t.port);
    start();
    assert_true(reaches(wanted[0]) && !reaches(unwanted) && !reaches(other));
    assert_int_equal(set_rx_mode(&group), 0);
    assert_true(reaches(wanted[1]) && reaches(unwanted) && !reaches(other));
    assert_int_equal(set_rx_mode(&all), 0);
    assert_true(reaches(other) && reaches(unwanted));
}

static void set_mtu_is_checked(void **state)
{
    uint32_t most = t.port->limits.max_frame - FRAME_LIMIT(0);
    assert_int_equal(set_mtu(MTU_MIN - 1), -EINVAL);
    assert_int_equal(set_mtu(most + 1), -EINVAL);
    assert_int_equal(t.port->mtu, MTU_DEFAULT);
    assert_int_equal(set_mtu(576), 0);
    start();
    assert_int_equal(set_mtu(MTU_MIN), 0);
    if (!wired())
        return;
    assert_true(send(packet_make(FRAME_LIMIT(MTU_MIN), 1, PACKET_ROOM)));
    taken_is(FRAME_LIMIT(MTU_MIN), 1);
    assert_true(inject(FRAME_LIMIT(MTU_MIN), 2));
    received_is(receive_one(), FRAME_LIMIT(MTU_MIN), 2);
    uint64_t before = receive_troubles();
    assert_true(inject(FRAME_LIMIT(MTU_MIN) + 1, 3));
    assert_null(receive_one());
    troubles_are(before, 1);
}

/* Lengths around the seams of every buffer size in use, up to the longest frame. */
static void jumbo_both_ways(void)
{
    static const uint32_t seams[] = { 1518, 1920, 2048, 3840, 4096, 5760, 6144, 7680, 8192 };
    const uint32_t limit = port_frame_limit(t.port);
    for (uint32_t i = 0, number = 0; i <= ARRAY_SIZE(seams); i++) {
        uint32_t around = i < ARRAY_SIZE(seams) ? seams[i] : limit - 4;
        for (uint32_t length = around - 14; length <= around + 4; length++, number++) {
            if (length > limit)
                continue;
            assert_true(send(packet_make(length, number, PACKET_ROOM)));
            taken_is(length, number);
            assert_true(inject(length, number));
            received_is(receive_one(), length, number);
        }
    }
}

static void jumbo_frames_travel_in_chains(void **state)
{
    const uint16_t most = (uint16_t)(t.port->limits.max_frame - FRAME_LIMIT(0));
    if (most <= MTU_DEFAULT || !t.port->ops->set_mtu)
        return;
    assert_int_equal(set_mtu(most), 0);
    start();
    jumbo_both_ways();
    assert_int_equal(receive_troubles(), 0);
    assert_true(send(packet_make(port_frame_limit(t.port) + 1, 1, PACKET_ROOM)));
    assert_int_equal(t.port->txq[0]->errors, 1);
    assert_int_equal(set_mtu(MTU_DEFAULT), 0);
    exchange(1);
    assert_true(inject(FRAME_LIMIT_DEFAULT + 1, 2));
    assert_null(receive_one());
    troubles_are(0, 1);
    assert_int_equal(set_mtu(most), 0);
    jumbo_both_ways();
    troubles_are(0, 1);
    port_stop(t.port);
    nothing_is_held();
}

/* A chain that the ring has no room for any more is refused whole. */
static void long_chains_are_all_or_nothing(void **state)
{
    uint32_t sent = 0;
    start();
    while (send(packet_make(8 * 100, sent, 100)))
        assert_in_range(sent++, 0, t.port->txq[0]->size);
    assert_int_not_equal(sent, 0);
    for (uint32_t i = 0; i < sent; i++)
        taken_is(8 * 100, i);
    assert_int_equal(t.subject->take((uint8_t[64]){ 0 }, 64), 0);
    exchange(1);
}

/* Tags ---------------------------------------------------------------------- */

#define STRIP PORT_OFFLOAD_VLAN_STRIP
#define INSERT PORT_OFFLOAD_VLAN_INSERT
#define VID 0x123u
#define TCI 0xa123u /* with a priority */
#define INNER 0x81000007u

static bool does(uint32_t offload)
{
    return t.port->limits.offloads & offload;
}

static void offload(uint32_t offloads)
{
    assert_int_equal(port_set_offloads(t.port, offloads & t.port->limits.offloads), 0);
}

static void want_vlan(uint16_t vid, bool on)
{
    assert_int_equal(port_vlan_filter(t.port, vid, on), 0);
    settle();
}

/* frame_make()'s frame with a word in front of its type; its length. */
static uint32_t tagged_make(uint8_t *frame, uint32_t length, uint32_t number, uint32_t tag)
{
    frame_make(frame, length, number);
    memmove(frame + ETHERNET_TYPE + VLAN_TAG, frame + ETHERNET_TYPE, length - ETHERNET_TYPE);
    store_be32(frame + ETHERNET_TYPE, tag);
    return length + VLAN_TAG;
}

static bool inject_tagged(uint32_t length, uint32_t number, uint32_t tag)
{
    static uint8_t frame[FRAME_BYTES];
    return t.subject->inject(frame, tagged_make(frame, length, number, tag));
}

/* frame_make()'s frame, its tag beside it. */
static void received_beside(uint32_t length, uint32_t number, uint32_t tci)
{
    struct packet *p = receive_one();
    assert_non_null(p);
    assert_int_equal(p->flags & PACKET_VLAN, PACKET_VLAN);
    assert_int_equal(p->vlan, tci);
    received_is(p, length, number);
}

/* tagged_make()'s frame. */
static void received_tagged(uint32_t length, uint32_t number, uint32_t tag)
{
    static uint8_t frame[FRAME_BYTES], expected[FRAME_BYTES];
    struct packet *p = receive_one();
    assert_non_null(p);
    chain_is_well_formed(p);
    assert_int_equal(p->flags & PACKET_VLAN, 0);
    assert_int_equal(p->frame_length, tagged_make(expected, length, number, tag));
    assert_true(packet_read(p, 0, frame, p->frame_length));
    assert_memory_equal(frame, expected, p->frame_length);
    packet_free(&t.cache, p);
}

static void offloads_are_those_declared(void **state)
{
    assert_int_equal(t.port->offloads, 0);
    assert_int_equal(port_set_offloads(t.port, ~t.port->limits.offloads), -ENOTSUP);
    for (unsigned on = 0; on < 2; on++) {
        for (uint32_t some = 0; some <= (STRIP | INSERT); some++)
            offload(some);
        start();
    }
    assert_int_equal(port_set_offloads(t.port, STRIP | INSERT | 0x80000000u), -ENOTSUP);
    if (wired())
        exchange(1);
}

/* port.h: with stripping off no tag comes beside a frame, and with it on the outermost does. */
static void tags_come_as_they_were_asked_for(void **state)
{
    static const uint32_t others[] = { 0x88a80123u, 0x91000123u };
    start();
    want_vlan(VID, true);
    for (unsigned round = 0; round < 4; round++) {
        bool strips = round % 2 && does(STRIP);
        offload(round % 2 ? STRIP : 0);
        for (uint32_t length = WIRE_MIN; length <= MTU_DEFAULT + ETHERNET_HEADER; length += 97) {
            assert_true(inject_tagged(length, length, 0x81000000u | TCI));
            if (strips)
                received_beside(length, length, TCI);
            else
                received_tagged(length, length, 0x81000000u | TCI);
            assert_true(inject(length, length));
            received_is(receive_one(), length, length);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
            assert_true(inject_tagged(100, i, others[i]));
            received_tagged(100, i, others[i]);
        }
    }
    assert_int_equal(receive_troubles(), 0);
}

/* No frame loses its tag when stripping comes or goes while it waits in the ring. */
static void no_tag_is_lost_between(void **state)
{
    start();
    want_vlan(VID, true);
    for (uint32_t i = 0; i < 6; i++) {
        offload(i % 2 ? STRIP : 0);
        assert_true(inject_tagged(100, i, 0x81000000u | TCI));
    }
    offload(0);
    for (uint32_t i = 0; i < 6; i++)
        received_tagged(100, i, 0x81000000u | TCI);
}

/* IEEE 802.1Q and 802.1ad: a customer's and a provider's tag on top of the MTU. */
static void two_tags_fit_on_top_of_the_mtu(void **state)
{
    static uint8_t frame[FRAME_BYTES];
    start();
    want_vlan(VID, true);
    for (unsigned strip = 0; strip <= does(STRIP); strip++) {
        uint32_t length = tagged_make(frame, MTU_DEFAULT + ETHERNET_HEADER, 1, INNER);
        memmove(frame + ETHERNET_TYPE + VLAN_TAG, frame + ETHERNET_TYPE, length - ETHERNET_TYPE);
        store_be32(frame + ETHERNET_TYPE, 0x81000000u | TCI);
        offload(strip ? STRIP : 0);
        assert_true(t.subject->inject(frame, length + VLAN_TAG));
        struct packet *p = receive_one();
        assert_non_null(p);
        assert_int_equal(p->frame_length, strip ? length : length + VLAN_TAG);
        packet_free(&t.cache, p);
        memcpy(frame, "\x02\0\x5e\x10\0\x77", MAC_LEN); /* to somebody on the wire */
        p = conformance_packet(&t.cache, frame, length + VLAN_TAG, PACKET_ROOM);
        assert_true(send(p));
        assert_int_equal(t.subject->take(frame, sizeof frame), length + VLAN_TAG);
        assert_int_equal(load_be32(frame + ETHERNET_TYPE), 0x81000000u | TCI);
        assert_int_equal(load_be32(frame + ETHERNET_TYPE + VLAN_TAG), INNER);
    }
    assert_int_equal(receive_troubles(), 0);
}

/* Buffers that a jumbo frame fills from end to end have no room for a tag that goes back. */
static void tags_of_jumbo_frames_go_back(void **state)
{
    uint32_t most = t.port->limits.max_frame - VLAN_TAG;
    if (!does(STRIP) || !t.port->ops->set_mtu)
        return;
    assert_int_equal(set_mtu(t.port->limits.max_frame - FRAME_LIMIT(0)), 0);
    start();
    want_vlan(VID, true);
    for (uint32_t length = 1900; length <= most; length += 61) {
        offload(STRIP);
        assert_true(inject_tagged(length, length, 0x81000000u | TCI));
        offload(0);
        received_tagged(length, length, 0x81000000u | TCI);
        offload(STRIP);
        assert_true(inject_tagged(length, length, 0x81000000u | TCI));
        received_beside(length, length, TCI);
    }
}

/* The tag beside a frame goes out in it, frame by frame; lengths count it. */
static void tags_are_put_into_frames(void **state)
{
    static const uint16_t tags[] = { 5, 5, 0xe005, 0xeffe, 5, 0x2001 };
    static uint8_t frame[FRAME_BYTES], expected[FRAME_BYTES];
    if (!does(INSERT))
        return;
    offload(INSERT);
    start();
    for (unsigned i = 0; i < ARRAY_SIZE(tags); i++)
        want_vlan(tags[i] & VLAN_TCI_VID, true);
    for (uint32_t i = 0; i < 200; i++) {
        uint16_t tci = tags[i % ARRAY_SIZE(tags)];
        uint32_t length = WIRE_MIN + 7 * i, got;
        struct packet *p = packet_make(length, i, 300);
        p->flags = i % 4 == 3 ? 0 : PACKET_VLAN;
        p->vlan = tci;
        bool flagged = p->flags;
        assert_true(send(p));
        got = t.subject->take(frame, sizeof frame);
        assert_int_equal(got, length + (flagged ? VLAN_TAG : 0));
        if (flagged) {
            assert_int_equal(load_be32(frame + ETHERNET_TYPE), 0x81000000u | tci);
            memmove(frame + ETHERNET_TYPE, frame + ETHERNET_TYPE + VLAN_TAG, got - 16);
        }
        frame_make_out(expected, length, i);
        assert_memory_equal(frame, expected, length);
    }
    struct packet *p = packet_make(port_frame_limit(t.port) - 3, 1, PACKET_ROOM);
    p->flags = PACKET_VLAN;
    assert_true(send(p));
    assert_int_equal(t.port->txq[0]->errors, 1);
}

static void vlans_that_are_wanted_are_heard(void **state)
{
    start();
    assert_int_equal(port_vlan_filter(t.port, 0, true), -EINVAL);
    assert_int_equal(port_vlan_filter(t.port, VLAN_MAX + 1, true), -EINVAL);
    for (uint16_t vid = 1; vid <= VLAN_MAX; vid = (uint16_t)(vid * 3 + 5)) {
        want_vlan(vid, true);
        assert_true(inject_tagged(100, vid, 0x81000000u | vid));
        received_tagged(100, vid, 0x81000000u | vid);
        port_stop(t.port);
        start();
        assert_true(inject_tagged(100, vid, 0x81000000u | vid));
        received_tagged(100, vid, 0x81000000u | vid);
        want_vlan(vid, false);
    }
}

/* The list ------------------------------------------------------------------ */

struct rule {
    const char *name;
    CMUnitTestFunction test;
    bool needs_wire;
};

#define RULE(test) \
    { \
#test, test, false \
    }
#define RULE_ON_WIRE(test) \
    { \
#test, test, true \
    }

static const struct rule rules[] = {
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
    RULE(empty_bursts_do_nothing),
    RULE(counters_add_up_exactly),
    RULE(counter_rows_are_named_and_bounded),
    RULE(link_follows_the_wire_and_the_state),
    RULE(set_mac_is_checked_and_kept),
    RULE(rx_mode_filters),
    RULE(set_mtu_is_checked),
    RULE_ON_WIRE(jumbo_frames_travel_in_chains),
    RULE(offloads_are_those_declared),
    RULE_ON_WIRE(tags_come_as_they_were_asked_for),
    RULE_ON_WIRE(no_tag_is_lost_between),
    RULE_ON_WIRE(two_tags_fit_on_top_of_the_mtu),
    RULE_ON_WIRE(tags_of_jumbo_frames_go_back),
    RULE_ON_WIRE(tags_are_put_into_frames),
    RULE_ON_WIRE(vlans_that_are_wanted_are_heard),
};

int conformance_run(const struct conformance_subject *subject)
{
    static char names[ARRAY_SIZE(rules)][96];
    struct CMUnitTest tests[ARRAY_SIZE(rules)];
    size_t count = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].needs_wire && (!subject->inject || !subject->take))
            continue;
        snprintf(names[count], sizeof names[count], "%s_%s", subject->name, rules[i].name);
        tests[count] = (struct CMUnitTest){ names[count], rules[i].test, set_up, tear_down,
                                            (void *)(uintptr_t)subject };
        count++;
    }
    return _cmocka_run_group_tests(subject->name, tests, count, NULL, NULL);
}
