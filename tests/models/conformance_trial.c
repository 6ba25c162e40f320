/* conformance_trial.c - the port under test, its frames and its wire (conformance_trial.h). */
#include "tests/models/conformance_trial.h"

#include "tests/host/host.h"

#include <string.h>

struct conformance_trial trial;

static void detach(struct port *port)
{
    trial.attached &= port != trial.port; /* the far end of a ring is a port as well */
}

static void attach(struct port *port)
{
    assert_int_equal(port->state, PORT_RUNNING);
    trial.attached |= port == trial.port;
}

static void remove_port(struct port *port) {}

static void quiesce(void) {}

static const struct port_pollers pollers = {
    .detach = detach, .attach = attach, .removal = remove_port, .quiesce = quiesce
};

/* Marks that a driver has to overwrite: who does not set a field is seen. */
static void spoil_packets(void)
{
    static struct packet *all[TRIAL_POOL_PACKETS];
    if (!packet_alloc_burst(&trial.cache, all, TRIAL_POOL_PACKETS))
        return;
    for (unsigned i = 0; i < TRIAL_POOL_PACKETS; i++)
        all[i]->port = 0xdead;
    packet_free_burst(&trial.cache, all, TRIAL_POOL_PACKETS);
    packet_cache_flush(&trial.cache);
}

int trial_set_up(void **state)
{
    memset(&trial, 0, sizeof trial);
    trial.subject = *state;
    host_reset();
    port_reset_registry();
    trial.pool = packet_pool_create(TRIAL_POOL_PACKETS);
    packet_cache_init(&trial.cache, trial.pool);
    spoil_packets();
    port_set_pollers(&pollers);
    trial.port = trial.subject->create(&trial.cache);
    if (!trial.port)
        return -1;
    trial.dma = trial.port->dma;
    trial.mapped = trial.dma ? host_dma_mapped(trial.dma) : 0;
    return 0;
}

void trial_holds_nothing(void)
{
    packet_cache_flush(&trial.cache);
    assert_int_equal(packet_pool_available(trial.pool), TRIAL_POOL_PACKETS);
    if (trial.dma)
        assert_int_equal(host_dma_mapped(trial.dma), trial.mapped);
}

int trial_tear_down(void **state)
{
    trial.subject->destroy();
    packet_cache_flush(&trial.cache);
    assert_int_equal(packet_pool_available(trial.pool), TRIAL_POOL_PACKETS);
    packet_pool_destroy(trial.pool);
    port_set_pollers(NULL);
    port_reset_registry();
    assert_int_equal(host_dma_refused(), 0);
    if (trial.subject->violations)
        assert_int_equal(trial.subject->violations(), 0);
    return 0;
}

/* Frames ------------------------------------------------------------------- */

/* Header, number, then bytes that differ from frame to frame and place to place. */
void trial_frame(uint8_t *frame, uint32_t length, uint32_t number)
{
    static const uint8_t source_and_type[8] = { 0x02, 0, 0x5e, 0x10, 0, 0x99, 0x88, 0xb5 };
    uint32_t x = number * 2654435761u + length;
    for (uint32_t i = 0; i < length; i++) {
        x = x * 1664525u + 1013904223u;
        frame[i] = (uint8_t)(x >> 24);
    }
    memcpy(frame, trial.port->mac, MAC_LEN);
    memcpy(frame + MAC_LEN, source_and_type, sizeof source_and_type);
    if (length >= FRAME_MIN + sizeof number)
        memcpy(frame + FRAME_MIN, &number, sizeof number);
}

/* A frame to be sent: to somebody on the wire, for a chip with a switch inside keeps what is
 * meant for one of its own. */
void trial_frame_out(uint8_t *frame, uint32_t length, uint32_t number)
{
    static const uint8_t far[MAC_LEN] = { 0x02, 0, 0x5e, 0x10, 0, 0x77 };
    trial_frame(frame, length, number);
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
        if (segment > PACKET_ROOM)
            p->data = p->buffer;
        memcpy(p->data, bytes + done, here);
        p->length = (uint16_t)here;
        *tail = p;
        tail = &p->next;
        done += here;
    } while (done < length);
    first->frame_length = length;
    return first;
}

struct packet *trial_packet(uint32_t length, uint32_t number, uint32_t segment)
{
    static uint8_t frame[TRIAL_FRAME_BYTES];
    trial_frame_out(frame, length, number);
    struct packet *p = conformance_packet(&trial.cache, frame, length, segment);
    assert_non_null(p);
    return p;
}

/* Sends one; false: the queue was full and the frame is gone. */
bool trial_send(struct packet *p)
{
    assert_true(trial.attached); /* whatever was set before: it is polled again */
    if (port_tx_burst(trial.port->txq[0], &p, 1))
        return true;
    packet_free(&trial.cache, p);
    return false;
}

void trial_taken_is(uint32_t length, uint32_t number)
{
    static uint8_t frame[TRIAL_FRAME_BYTES], expected[TRIAL_FRAME_BYTES];
    uint32_t got = trial.subject->take(frame, sizeof frame);
    trial_frame_out(expected, length, number);
    if ((trial.subject->flags & CONFORMANCE_PADS) && length < TRIAL_WIRE_MIN) {
        memset(expected + length, 0, TRIAL_WIRE_MIN - length);
        length = TRIAL_WIRE_MIN;
    }
    assert_int_equal(got, length);
    assert_memory_equal(frame, expected, length);
}

void trial_drain(void)
{
    static uint8_t frame[TRIAL_FRAME_BYTES];
    while (trial.subject->take && trial.subject->take(frame, sizeof frame))
        ;
}

bool trial_inject_to(const uint8_t mac[MAC_LEN], uint32_t length, uint32_t number)
{
    static uint8_t frame[TRIAL_FRAME_BYTES];
    trial_frame(frame, length, number);
    memcpy(frame, mac, MAC_LEN);
    return trial.subject->inject(frame, length);
}

bool trial_inject(uint32_t length, uint32_t number)
{
    return trial_inject_to(trial.port->mac, length, number);
}

uint16_t trial_receive(struct packet **packets, uint16_t n)
{
    uint16_t got = 0;
    for (unsigned i = 0; i < trial.port->rx_queues; i++)
        got =
            (uint16_t)(got + port_rx_burst(trial.port->rxq[i], packets + got, (uint16_t)(n - got)));
    return got;
}

struct packet *trial_receive_one(void)
{
    struct packet *p;
    return trial_receive(&p, 1) ? p : NULL;
}

/* packet.h: the first segment holds the frame or PACKET_HEADER_MIN bytes of it. */
void trial_chain_is_good(const struct packet *first)
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
    assert_int_equal(first->port, trial.port->number);
    assert_int_equal(first->interface, PACKET_INTERFACE_NONE);
}

void trial_received_is(struct packet *p, uint32_t length, uint32_t number)
{
    static uint8_t frame[TRIAL_FRAME_BYTES], expected[TRIAL_FRAME_BYTES];
    assert_non_null(p);
    trial_chain_is_good(p);
    assert_int_equal(p->frame_length, length);
    assert_true(packet_read(p, 0, frame, length));
    trial_frame(expected, length, number);
    assert_memory_equal(frame, expected, length);
    p->interface = 9; /* as whoever has it may leave it */
    packet_free(&trial.cache, p);
}

void trial_exchange(uint32_t number)
{
    assert_true(trial_send(trial_packet(100, number, PACKET_ROOM)));
    trial_taken_is(100, number);
    assert_true(trial_inject(200, number));
    trial_received_is(trial_receive_one(), 200, number);
}

void trial_settle(void)
{
    if (trial.subject->settle)
        trial.subject->settle();
}

void trial_start(void)
{
    assert_int_equal(port_start(trial.port), 0);
    port_attach(trial.port); /* as whoever polls it does */
    trial_settle();
    assert_true(trial.attached);
}

int trial_set_mtu(uint32_t mtu)
{
    int e = port_set_mtu(trial.port, (uint16_t)mtu);
    trial_settle();
    return e;
}

bool trial_wired(void)
{
    return trial.subject->inject && trial.subject->take;
}

/* What went wrong with received frames, wherever it was noticed. */
uint64_t trial_troubles(void)
{
    struct port_device_stats stats;
    trial.port->ops->stats(trial.port, &stats);
    uint64_t sum = stats.rx_missed + stats.rx_errors;
    for (unsigned i = 0; i < trial.port->rx_queues; i++)
        sum += trial.port->rxq[i]->errors;
    return sum;
}

/* So many more since `before` are counted, by this port or where it cannot see them. */
void trial_troubles_are(uint64_t before, uint64_t expected)
{
    uint64_t counted = trial_troubles() - before;
    if (counted || !(trial.subject->flags & CONFORMANCE_COUNTED_ELSEWHERE))
        assert_int_equal(counted, expected);
}
