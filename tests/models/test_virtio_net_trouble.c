/* virtio: the network port and devices that cannot be relied on, or ask for something. */
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/virtio_net_rig.h"

#include <string.h>

static uint64_t starts_over(void)
{
    struct port_counter row;
    assert_int_equal(port_read_counters(vnet.port, &row, 1), 1);
    assert_string_equal(row.name, "starts over");
    return row.value;
}

/* It comes back by itself, with the rings as at the beginning, and says so. */
static void assert_starts_over(const char *why)
{
    uint64_t before = starts_over();
    port_poll_link(vnet.port);
    assert_int_equal(vnet.port->state, PORT_RUNNING);
    assert_int_equal(starts_over(), before + 1);
    assert_true(host_log_contains("starts over"));
    assert_true(host_log_contains(why));
    port_poll_link(vnet.port);
    assert_true(vnet.port->link.up);
    assert_int_equal(starts_over(), before + 1);
    vnet_traffic();
}

static void broken_receiver_starts_over(const char *why)
{
    struct packet *p;
    assert_int_equal(port_rx_burst(vnet.port->rxq[0], &p, 1), 0);
    assert_int_equal(port_rx_burst(vnet.port->rxq[0], &p, 1), 0);
    vnet.model->num_buffers_lie = 0;
    assert_starts_over(why);
}

/* 5.1.6.4: num_buffers counts buffers, so it is at least 1 and no more than
 * the ring has. */
static void num_buffers_lies_harm_nobody(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    uint8_t frame[100];
    struct packet *p;
    vnet_up(&config);
    vnet_fill(frame, sizeof frame, 1);
    struct virtq_device *q = &vnet.model->queue[0];
    struct virtq_buffer b;
    uint8_t header[12] = { 0 }; /* num_buffers 0 */
    assert_true(virtq_device_take(q, &b));
    virtq_device_write(q, &b, 0, header, 12);
    virtq_device_put(q, b.head, 112);
    virtq_device_publish(q);
    assert_int_equal(port_rx_burst(vnet.port->rxq[0], &p, 1), 0);
    assert_int_equal(vnet.port->rxq[0]->errors, 1);
    vnet_carry_in(100);

    /* Ten buffers of a frame make too many segments: all ten go, one error. */
    vnet.model->num_buffers_lie = 10;
    for (unsigned i = 0; i < 10; i++) {
        assert_true(virtio_net_model_receive(vnet.model, frame, 100));
        assert_int_equal(port_rx_burst(vnet.port->rxq[0], &p, 1), 0);
    }
    assert_int_equal(vnet.port->rxq[0]->errors, 2);
    vnet.model->num_buffers_lie = 0;
    vnet_carry_in(100);

    vnet.model->num_buffers_lie = 257;
    assert_true(virtio_net_model_receive(vnet.model, frame, 100));
    assert_true(virtio_net_model_receive(vnet.model, frame, 100));
    broken_receiver_starts_over("num_buffers beyond the receive ring");
    assert_int_equal(vnet.port->rxq[0]->errors, 3);
    vnet_down();
}

static void used_id_out_of_range_starts_over(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_up(&config);
    virtq_device_put(&vnet.model->queue[0], 0x12345678, 100);
    virtq_device_publish(&vnet.model->queue[0]);
    broken_receiver_starts_over("names a buffer that the device does not have");
    vnet_down();
}

static void duplicate_used_id_starts_over(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_LEGACY);
    struct virtq_buffer b;
    struct packet *p;
    vnet_up(&config);
    struct virtq_device *q = &vnet.model->queue[0];
    assert_true(virtq_device_take(q, &b));
    virtq_device_put(q, b.head, 100);
    virtq_device_put(q, b.head, 100);
    virtq_device_publish(q);
    port_rx_burst(vnet.port->rxq[0], &p, 1);
    broken_receiver_starts_over("used entry names");
    vnet_down();
}

static void broken_transmitter_starts_over(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    uint8_t frame[60];
    vnet_up(&config);
    vnet_fill(frame, 60, 0);
    virtq_device_put(&vnet.model->queue[1], 255, 0);
    virtq_device_publish(&vnet.model->queue[1]);
    unsigned taken = 0;
    for (unsigned i = 0; i < 300; i++) {
        struct packet *p = vnet_make_frame(frame, 60, 60);
        unsigned one = port_tx_burst(vnet.port->txq[0], &p, 1);
        if (!one)
            packet_free(&vnet.cache, p);
        taken += one;
    }
    assert_true(taken <= 256);
    assert_starts_over("used entry names");
    vnet_down();
}

/* 2.1.2: after DEVICE_NEEDS_RESET nothing can be relied on, and a reset helps; for every ring. */
static void needs_reset_starts_over(void **state)
{
    static const uint64_t rings[] = { 0, F_RING_PACKED, F_IN_ORDER, F_RING_PACKED | F_IN_ORDER };
    for (unsigned i = 0; i < ARRAY_SIZE(rings); i++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        struct port_rx_mode mode = { .promiscuous = true };
        config.features |= rings[i];
        vnet_up(&config);
        assert_int_equal(port_set_rx_mode(vnet.port, &mode), 0);
        for (unsigned n = 0; n < 3; n++) {
            virtio_net_model_set_needs_reset(vnet.model);
            assert_starts_over("DEVICE_NEEDS_RESET");
            assert_true(vnet.model->promiscuous); /* what was set holds */
        }
        vnet_down();
    }
}

/* Six times in a minute is a device that is none; six in two minutes are not. */
static void a_device_that_never_recovers_fails_the_port(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_up(&config);
    for (unsigned minute = 0; minute < 2; minute++) {
        for (unsigned n = 0; n < 5; n++) {
            virtio_net_model_set_needs_reset(vnet.model);
            assert_starts_over("DEVICE_NEEDS_RESET");
        }
        if (!minute)
            host_advance_us(61 * US_PER_S);
    }
    virtio_net_model_set_needs_reset(vnet.model);
    port_poll_link(vnet.port);
    assert_int_equal(vnet.port->state, PORT_FAILED);
    assert_non_null(strstr(vnet.port->failure, "DEVICE_NEEDS_RESET"));
    assert_int_equal(vnet_mapped(), 0);
    vnet_destroy();
}

/* One that does not come up again is failed, and holds nothing. */
static void a_device_that_does_not_start_again_fails_the_port(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_up(&config);
    virtio_net_model_set_needs_reset(vnet.model);
    vnet.model->reject_features = true;
    port_poll_link(vnet.port);
    assert_int_equal(vnet.port->state, PORT_FAILED);
    assert_int_equal(vnet_mapped(), 0);
    vnet_destroy();
}

/* A packed ring's place is known to nobody but the two that use it: when the link was down, what is
 * behind it may be another back end. */
static void packed_rings_begin_again_with_the_link(void **state)
{
    for (unsigned packed = 0; packed < 2; packed++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        config.features |= packed ? F_RING_PACKED : 0;
        vnet_up(&config);
        for (unsigned n = 1; n <= 20; n++) { /* however often */
            virtio_net_model_set_link(vnet.model, false);
            port_poll_link(vnet.port);
            assert_false(vnet.port->link.up);
            virtio_net_model_set_link(vnet.model, true);
            port_poll_link(vnet.port);
            port_poll_link(vnet.port);
            assert_true(vnet.port->link.up);
            assert_int_equal(starts_over(), packed ? n : 0);
            vnet_carry_in(100);
            vnet_carry_out(100, 100);
        }
        vnet_down();
    }
}

/* 5.1.6.5.4 */
static void announcements_are_passed_on(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = vnet_usual((enum virtio_model_kind)kind);
        config.features &= kind == MODEL_LEGACY ? ~F_ANY_LAYOUT : ~0ull;
        vnet_up(&config);
        port_poll_link(vnet.port);
        assert_int_equal(vnet.port->moves, 0);
        for (unsigned n = 1; n < 4; n++) {
            virtio_net_model_ask_to_announce(vnet.model);
            port_poll_link(vnet.port);
            assert_int_equal(vnet.port->moves, n);
            assert_int_equal(vnet.model->announced, n);
            port_poll_link(vnet.port);
            assert_int_equal(vnet.port->moves, n);
            assert_true(vnet.port->link.up);
        }
        vnet_down();
    }
}

/* A device that takes no for an answer is not told for ever. */
static void an_announcement_refused_is_told_once(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_up(&config);
    vnet.model->control_answer = 1;
    for (unsigned n = 0; n < 5; n++) {
        virtio_net_model_ask_to_announce(vnet.model);
        port_poll_link(vnet.port);
    }
    assert_int_equal(vnet.port->moves, 1);
    vnet.model->control_answer = 0;
    vnet_down();
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(num_buffers_lies_harm_nobody),
        T(used_id_out_of_range_starts_over),
        T(duplicate_used_id_starts_over),
        T(broken_transmitter_starts_over),
        T(needs_reset_starts_over),
        T(a_device_that_never_recovers_fails_the_port),
        T(a_device_that_does_not_start_again_fails_the_port),
        T(packed_rings_begin_again_with_the_link),
        T(announcements_are_passed_on),
        T(an_announcement_refused_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
