/* virtio: transports, negotiation and the network port against a device that
 * was written from virtio 1.2 and forgives nothing (virtio_net_model.h). */
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/virtio_net_model.h"

#include "nic/port.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "virtio/virtio.h"
#include "virtio/virtio_net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n) (1ull << (n))
#define F_MTU BIT(3)
#define F_MAC BIT(5)
#define F_MRG_RXBUF BIT(15)
#define F_STATUS BIT(16)
#define F_CTRL_VQ BIT(17)
#define F_CTRL_RX BIT(18)
#define F_CTRL_MAC_ADDR BIT(23)
#define F_ANY_LAYOUT BIT(27)
#define F_INDIRECT_DESC BIT(28)
#define F_EVENT_IDX BIT(29)
#define F_VERSION_1 BIT(32)
#define F_ACCESS_PLATFORM BIT(33)
#define F_RING_PACKED BIT(34)
#define F_SPEED_DUPLEX BIT(63)
#define F_CONTROL (F_CTRL_VQ | F_CTRL_RX | F_CTRL_MAC_ADDR)

static struct virtio_net_model *model;
static struct packet_pool *pool;
static struct packet_cache cache;
static struct port *port;

/* The last frame the driver sent. */
static uint8_t wire[MODEL_FRAME_MAX];
static size_t wire_length;

static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static void on_wire(void *ctx, const uint8_t *frame, size_t n)
{
    memcpy(wire, frame, n);
    wire_length = n;
}

static struct virtio_net_model_config usual(enum virtio_model_kind kind)
{
    struct virtio_net_model_config c = {
        .kind = kind,
        .features = F_MAC | F_STATUS | F_MRG_RXBUF | F_CONTROL | F_ANY_LAYOUT | F_INDIRECT_DESC |
                    F_EVENT_IDX,
        .queue_size = { 256, 256, 64 },
        .mtu = 1500,
        .notify_off_multiplier = 4,
    };
    if (kind != MODEL_LEGACY)
        c.features |= F_VERSION_1 | F_RING_PACKED;
    memcpy(c.mac, mac, 6);
    return c;
}

static int probe(void)
{
    virtio_net_model_scan(model);
    int taken = pci_probe_drivers();
    port = port_get(0);
    if (port) {
        port->rxq[0]->cache = &cache;
        port->txq[0]->cache = &cache;
    }
    return taken == 1 ? 0 : -EIO;
}

static void take_away(void)
{
    if (port)
        model->function->driver->remove(model->function);
    port = NULL;
}

static bool bus_master(void)
{
    return model->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

static size_t mapped(void)
{
    return host_dma_mapped(&model->function->dma);
}

static void create(const struct virtio_net_model_config *config, uint32_t packets)
{
    host_reset();
    port_reset_registry();
    wire_length = 0;
    pool = packet_pool_create(packets);
    packet_cache_init(&cache, pool);
    model = virtio_net_model_create(config);
    model->wire = on_wire;
}

static void destroy(void)
{
    const char *what;
    take_away();
    unsigned violations = virtio_net_model_violations(model, &what);
    if (violations)
        fail_msg("%u violations, first: %s", violations, what);
    assert_false(bus_master());
    assert_int_equal(model->pci.dma_refused, 0);
    assert_int_equal(mapped(), 0);
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), packet_pool_count(pool));
    virtio_net_model_destroy(model);
    packet_pool_destroy(pool);
}

static void up(const struct virtio_net_model_config *config)
{
    create(config, 2048);
    assert_int_equal(probe(), 0);
    assert_int_equal(port_start(port), 0);
}

static void down(void)
{
    port_stop(port);
    assert_int_equal(host_dma_refused(), 0);
    destroy();
}

/* Frames ------------------------------------------------------------------------- */

static void fill(uint8_t *frame, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        frame[i] = (uint8_t)(seed + i * 7 + (i >> 8));
    if (n >= 6)
        memcpy(frame, model->mac, 6);
}

/* A frame in pieces of at most `piece` bytes. */
static struct packet *make_frame(const uint8_t *bytes, size_t n, size_t piece)
{
    struct packet *first = NULL, **tail = &first;
    for (size_t at = 0; at < n || !first; at += piece) {
        struct packet *p = packet_alloc(&cache);
        p->length = (uint16_t)(n - at < piece ? n - at : piece);
        memcpy(p->data, bytes + at, p->length);
        *tail = p;
        tail = &p->next;
    }
    first->frame_length = (uint32_t)n;
    return first;
}

static void assert_received(const uint8_t *bytes, size_t n)
{
    static uint8_t copy[MODEL_FRAME_MAX];
    struct packet *p = NULL;
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 1);
    assert_int_equal(p->frame_length, n);
    assert_int_equal(p->port, port->number);
    assert_true(packet_read(p, 0, copy, (uint32_t)n));
    assert_false(packet_read(p, (uint32_t)n, copy, 1));
    assert_memory_equal(copy, bytes, n);
    packet_free(&cache, p);
}

static void carry_in(size_t n)
{
    uint8_t frame[FRAME_MAX + 1];
    fill(frame, n, (unsigned)n);
    assert_true(virtio_net_model_receive(model, frame, n));
    assert_received(frame, n);
}

static void carry_out(size_t n, size_t piece)
{
    uint8_t frame[FRAME_MAX + 1];
    fill(frame, n, (unsigned)n + 1);
    struct packet *p = make_frame(frame, n, piece);
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
    virtio_net_model_run(model);
    assert_int_equal(wire_length, n);
    assert_memory_equal(wire, frame, n);
}

/* Receives one frame that must be dropped and counted. */
static void assert_refused(const uint8_t *frame, size_t n)
{
    struct packet *p;
    uint64_t errors = port->rxq[0]->errors, packets = port->rxq[0]->packets;
    assert_true(virtio_net_model_receive(model, frame, n));
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 0);
    assert_int_equal(port->rxq[0]->errors, errors + 1);
    assert_int_equal(port->rxq[0]->packets, packets);
}

static void traffic(void)
{
    for (size_t n = FRAME_MIN; n <= 1518; n += n < 200 ? 1 : 61)
        carry_in(n);
    carry_in(1518);
    for (size_t n = FRAME_MIN; n <= 1518; n += n < 80 ? 1 : 61)
        carry_out(n, 2000);
    carry_out(1518, 2000);
    if (model->config.queue_size[1] >= 1 + FRAME_SEGMENTS_MAX)
        carry_out(1518, 190); /* 8 pieces */
}

/* Variants ------------------------------------------------------------------------- */

struct variant {
    struct virtio_net_model_config config;
};

/* Every interface, with each feature there and not, rings of several sizes. */
static bool next_variant(unsigned n, struct virtio_net_model_config *config)
{
    static const uint64_t optional[] = { F_MRG_RXBUF, F_INDIRECT_DESC, F_CONTROL, F_STATUS,
                                         F_ANY_LAYOUT };
    static const uint16_t sizes[][MODEL_QUEUES] = {
        { 256, 256, 64 }, { 8, 8, 4 }, { 1024, 512, 64 }, { 32, 4096, 8 }, { 4, 2, 64 }
    };
    static const uint32_t multipliers[] = { 4, 0, 2, 4096 };
    unsigned features = n % 32, size = n / 32 % 5, kind = n / 160;
    if (kind > MODEL_MODERN)
        return false;
    *config = usual((enum virtio_model_kind)kind);
    for (unsigned i = 0; i < 5; i++)
        if (features & (1u << i))
            config->features &= ~optional[i];
    memcpy(config->queue_size, sizes[size], sizeof config->queue_size);
    config->notify_off_multiplier = multipliers[n % 4];
    return true;
}

/* Whatever the device offers, frames pass unchanged, and a stopped port leaves
 * no memory with the device. */
static void every_variant_carries_traffic(void **state)
{
    struct virtio_net_model_config config;
    for (unsigned n = 0; next_variant(n, &config); n++) {
        up(&config);
        for (unsigned round = 0; round < 3; round++) {
            if (round)
                assert_int_equal(port_start(port), 0);
            traffic();
            port_stop(port);
            assert_int_equal(mapped(), 0);
        }
        down();
    }
}

/* 2.2.3: VERSION_1 is what tells the two interfaces apart. */
static void transitional_without_version_1_is_legacy(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_TRANSITIONAL);
    config.features &= ~F_VERSION_1;
    up(&config);
    traffic();
    down();
}

static void transitional_with_version_1_is_modern(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_TRANSITIONAL);
    up(&config);
    assert_true(model->accepted & F_VERSION_1);
    down();
}

/* Negotiation ------------------------------------------------------------------------ */

static void assert_failed(const char *log)
{
    assert_non_null(port);
    assert_int_equal(port->state, PORT_FAILED);
    assert_non_null(port->failure);
    assert_true(host_log_contains(log));
    assert_int_equal(port_start(port), -EIO);
    destroy();
}

/* 6.1: a modern device without VERSION_1 is refused, by name. */
static void required_feature_missing_is_refused(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    config.features &= ~F_VERSION_1;
    create(&config, 64);
    assert_int_equal(probe(), -EIO);
    assert_true(model->status & VIRTIO_STATUS_FAILED);
    assert_failed("VERSION_1");
}

/* A device that offers nothing at all is a port (5.1.5: a minimal driver). */
static void no_wanted_feature_is_needed(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    config.features = F_VERSION_1;
    up(&config);
    traffic();
    assert_int_equal(port->mac[0] & 3, 2); /* unicast, locally administered */
    down();
    config = usual(MODEL_LEGACY);
    config.features = 0;
    up(&config);
    traffic();
    down();
}

/* 3.1.1 step 6: the device may say no. */
static void features_ok_not_sticking_is_refused(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    create(&config, 64);
    model->reject_features = true;
    assert_int_equal(probe(), -EIO);
    assert_true(model->status & VIRTIO_STATUS_FAILED);
    assert_failed("features rejected: device_status 03");
}

/* 2.2.1: not what nobody offered, not what depends on it, not what we do not do. */
static void accepts_only_what_it_understands(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    config.features = ~0ull;
    up(&config);
    assert_int_equal(model->accepted & (F_EVENT_IDX | F_RING_PACKED | BIT(0) | BIT(1)), 0);
    assert_true(model->accepted & F_ACCESS_PLATFORM);
    assert_true(model->accepted & F_MRG_RXBUF);
    traffic();
    down();
    config.features = usual(MODEL_MODERN).features & ~F_CTRL_VQ;
    up(&config);
    assert_int_equal(model->accepted & F_CONTROL, 0);
    down();
}

/* 4.1.4.3.2: the driver waits for the reset, but not for ever. */
static void slow_reset_is_waited_for(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    create(&config, 2048);
    model->reset_reads = 500;
    assert_int_equal(probe(), 0);
    assert_int_equal(port_start(port), 0);
    traffic();
    down();
}

static void reset_never_completing_is_refused(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = usual((enum virtio_model_kind)kind);
        create(&config, 64);
        model->status = 1; /* as firmware left it */
        model->reset_reads = ~0u;
        assert_int_equal(probe(), -EIO);
        assert_failed("reset not done: device_status 01, expected 00");
    }
}

/* A device that will not stop loses the bus before its memory is freed. */
static void reset_failing_on_stop_cuts_the_bus(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    up(&config);
    model->reset_reads = ~0u;
    port_stop(port);
    assert_false(bus_master());
    assert_int_equal(mapped(), 0);
    assert_int_not_equal(port_start(port), 0);
    assert_int_equal(mapped(), 0);
    model->violations = 0; /* our own goes-on-before-reset would show here */
    destroy();
}

/* 2.5.1: a MAC that changes under the reader is read again, whole. */
static void changing_configuration_is_read_again(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++)
        for (unsigned after = 1; after <= 6; after++) {
            struct virtio_net_model_config config = usual((enum virtio_model_kind)kind);
            create(&config, 2048);
            model->restless = after;
            assert_int_equal(probe(), 0);
            assert_memory_equal(port->mac, model->mac, 6);
            destroy();
        }
}

/* Queue sizes a split queue cannot have (2.7). */
static void impossible_queue_size_is_refused(void **state)
{
    const uint16_t bad[] = { 0, 3, 255, 48 };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct virtio_net_model_config config = usual(i & 1 ? MODEL_LEGACY : MODEL_MODERN);
        config.queue_size[i / 2] = bad[i];
        create(&config, 64);
        assert_int_equal(probe(), -EIO);
        assert_true(model->status & VIRTIO_STATUS_FAILED);
        assert_failed("no usable receive or transmit queue");
    }
}

/* Configuration ---------------------------------------------------------------------- */

static void mac_is_the_devices(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    up(&config);
    assert_memory_equal(port->mac, mac, 6);
    assert_memory_equal(port->permanent_mac, mac, 6);
    down();
}

/* 5.1.6.5.2 and, for legacy devices, 5.1.6.5.2.3; also while stopped. */
static void mac_can_be_set(void **state)
{
    const uint8_t other[6] = { 0x02, 1, 2, 3, 4, 5 }, third[6] = { 0x02, 9, 8, 7, 6, 5 };
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++)
        for (unsigned control = 0; control < 2; control++) {
            struct virtio_net_model_config config = usual((enum virtio_model_kind)kind);
            config.features &= control ? ~0ull : ~F_CONTROL;
            up(&config);
            bool can = control || kind == MODEL_LEGACY;
            assert_int_equal(port_set_mac(port, other), can ? 0 : -ENOTSUP);
            assert_memory_equal(model->mac, can ? other : mac, 6);
            port_stop(port);
            assert_int_equal(port_set_mac(port, third), can ? 0 : -ENOTSUP);
            assert_int_equal(port_start(port), 0);
            assert_memory_equal(model->mac, can ? third : mac, 6);
            assert_memory_equal(port->mac, can ? third : mac, 6);
            down();
        }
}

static void assert_filters(bool promiscuous, bool all, unsigned count)
{
    assert_int_equal(model->promiscuous, promiscuous);
    assert_int_equal(model->all_multicast, all);
    assert_int_equal(model->multicast_count, count);
}

/* 5.1.6.5.1, 5.1.6.5.2 */
static void receive_filters_follow_the_mode(void **state)
{
    static const uint8_t groups[2][6] = { { 0x33, 0x33, 0, 0, 0, 1 }, { 1, 0, 0x5e, 0, 0, 9 } };
    static const uint8_t stranger[60] = { 0x02, 0x77, 1, 2, 3, 4 };
    uint8_t multicast[60] = { 1, 0, 0x5e, 0, 0, 9 };
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = usual((enum virtio_model_kind)kind);
        config.features &= kind == MODEL_LEGACY ? ~F_ANY_LAYOUT : ~0ull;
        up(&config);
        assert_filters(false, false, 0);
        assert_false(virtio_net_model_receive(model, stranger, 60));
        assert_false(virtio_net_model_receive(model, multicast, 60));
        struct port_rx_mode mode = { .multicast = groups, .multicast_count = 2 };
        assert_int_equal(port_set_rx_mode(port, &mode), 0);
        assert_filters(false, false, 2);
        assert_memory_equal(model->multicast[1], groups[1], 6);
        assert_true(virtio_net_model_receive(model, multicast, 60));
        assert_received(multicast, 60);
        mode = (struct port_rx_mode){ .promiscuous = true };
        assert_int_equal(port_set_rx_mode(port, &mode), 0);
        assert_filters(true, false, 0);
        assert_true(virtio_net_model_receive(model, stranger, 60));
        assert_received(stranger, 60);
        /* Kept over stop and start, and settable while stopped. */
        port_stop(port);
        assert_int_equal(port_start(port), 0);
        assert_filters(true, false, 0);
        port_stop(port);
        mode = (struct port_rx_mode){ .all_multicast = true };
        assert_int_equal(port_set_rx_mode(port, &mode), 0);
        assert_int_equal(port_start(port), 0);
        assert_filters(false, true, 0);
        down();
    }
}

/* More groups than a command holds: all of them, rather than too few. */
static void too_many_groups_become_all(void **state)
{
    static uint8_t groups[700][6];
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    for (unsigned i = 0; i < 700; i++)
        memcpy(groups[i], (uint8_t[]){ 1, 0, 0x5e, 0, (uint8_t)(i >> 8), (uint8_t)i }, 6);
    up(&config);
    struct port_rx_mode mode = { .multicast = (const uint8_t(*)[6])groups, .multicast_count = 700 };
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    assert_filters(false, true, 0);
    down();
}

static void filters_without_control_queue_are_refused(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    config.features &= ~F_CONTROL;
    up(&config);
    struct port_rx_mode mode = { .promiscuous = true };
    assert_int_equal(port_set_rx_mode(port, &mode), -ENOTSUP);
    down();
}

/* A command that is refused, and one that is never answered. */
static void control_trouble_is_told(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    struct port_rx_mode mode = { .promiscuous = true };
    up(&config);
    model->control_answer = 1;
    assert_int_equal(port_set_rx_mode(port, &mode), -EIO);
    assert_true(host_log_contains("control command 0.0 refused: ack 1, expected 0"));
    assert_false(port->rx_mode.promiscuous);
    model->control_answer = 0;
    model->deaf_control = true;
    assert_int_equal(port_set_rx_mode(port, &mode), -EIO);
    assert_true(host_log_contains("control queue: used idx"));
    model->deaf_control = false;
    assert_int_equal(port_set_rx_mode(port, &mode), -EIO); /* its memory is still out */
    port_stop(port);
    assert_int_equal(port_start(port), 0);
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    down();
}

/* 5.1.4.2: without STATUS the link is up, with it the bottom bit says. */
static void link_follows_status(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = usual((enum virtio_model_kind)kind);
        up(&config);
        assert_true(port_poll_link(port));
        assert_true(port->link.up);
        virtio_net_model_set_link(model, false);
        assert_true(port_poll_link(port));
        assert_false(port->link.up);
        assert_false(port_poll_link(port));
        virtio_net_model_set_link(model, true);
        assert_true(port_poll_link(port));
        down();
        config.features &= ~F_STATUS;
        up(&config);
        virtio_net_model_set_link(model, false);
        port_poll_link(port);
        assert_true(port->link.up);
        down();
    }
}

/* 5.1.4.2: what is not a known speed or duplex is unknown. */
static void speed_and_duplex_are_reported(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    config.features |= F_SPEED_DUPLEX;
    up(&config);
    port_poll_link(port);
    assert_int_equal(port->link.speed_mbps, 0);
    model->speed = 25000;
    model->duplex = 1;
    assert_true(port_poll_link(port));
    assert_int_equal(port->link.speed_mbps, 25000);
    assert_true(port->link.full_duplex);
    model->speed = 0x80000000;
    port_poll_link(port);
    assert_int_equal(port->link.speed_mbps, 0);
    down();
}

/* MTU -------------------------------------------------------------------------------- */

/* 5.1.4.2: the device's mtu bounds ours, below 1500 as well. */
static void device_mtu_bounds_ours(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    config.features |= F_MTU;
    config.mtu = 1400;
    up(&config);
    assert_int_equal(port->mtu, 1400);
    assert_int_equal(port_set_mtu(port, 1401), -EINVAL);
    assert_int_equal(port_set_mtu(port, 68), 0);
    assert_int_equal(port_set_mtu(port, 1400), 0);
    carry_in(1418);
    carry_out(1418, 2000);
    down();
    config.mtu = 65535;
    up(&config);
    assert_int_equal(port->limits.max_frame, FRAME_MAX);
    down();
}

/* 5.1.4.1: below 68 it is no mtu. */
static void nonsense_mtu_is_ignored(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    config.features |= F_MTU;
    config.mtu = 67;
    up(&config);
    assert_int_equal(model->accepted & F_MTU, 0);
    assert_int_equal(port->mtu, 1500);
    assert_true(host_log_contains("MTU 67 ignored"));
    config.mtu = 1500;
    down();
}

/* Jumbo frames: by merging buffers, or by larger ones after a fresh start. */
static void jumbo_frames_pass(void **state)
{
    struct virtio_net_model_config config;
    for (unsigned n = 0; next_variant(n, &config); n += 3) {
        if (config.queue_size[0] < 32)
            continue;
        up(&config);
        assert_int_equal(port_set_mtu(port, 9198), 0);
        for (size_t size = FRAME_MIN; size <= FRAME_MAX; size += 383)
            carry_in(size);
        carry_in(PACKET_ROOM);
        carry_in(PACKET_ROOM + 1);
        carry_in(FRAME_MAX);
        if (model->config.queue_size[1] > FRAME_SEGMENTS_MAX)
            carry_out(FRAME_MAX, 1900);
        assert_int_equal(port_set_mtu(port, 1500), 0);
        traffic();
        down();
    }
}

/* Receiving what breaks the rules of nic/port.h ------------------------------------------- */

static void runts_and_giants_are_counted(void **state)
{
    for (unsigned mrg = 0; mrg < 2; mrg++) {
        struct virtio_net_model_config config = usual(MODEL_MODERN);
        uint8_t frame[4000];
        config.features &= mrg ? ~0ull : ~F_MRG_RXBUF;
        up(&config);
        fill(frame, sizeof frame, 1);
        assert_refused(frame, 13);
        assert_refused(frame, 0);
        assert_refused(frame, 1519);
        if (mrg)
            assert_refused(frame, 4000);
        carry_in(1518);
        carry_in(14);
        down();
    }
}

/* A used length beyond the buffer is no length (virtqueue.h), one below the
 * header no frame. */
static void length_lies_are_counted(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    uint8_t frame[100];
    up(&config);
    fill(frame, sizeof frame, 1);
    model->length_lie = 5000;
    assert_refused(frame, 100);
    model->length_lie = 0xffffffff - 100 - 12 + 1; /* used length 0 */
    assert_refused(frame, 100);
    model->length_lie = 0xffffffff - 100; /* used length 11 */
    assert_refused(frame, 100);
    model->length_lie = 0;
    carry_in(100);
    down();
}

static void break_receiver(void)
{
    struct packet *p;
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 0);
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 0);
    port_poll_link(port);
    assert_int_equal(port->state, PORT_FAILED);
    assert_non_null(port->failure);
}

/* 5.1.6.4: num_buffers counts buffers, so it is at least 1 and no more than
 * the ring has. */
static void num_buffers_lies_harm_nobody(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    uint8_t frame[100];
    struct packet *p;
    up(&config);
    fill(frame, sizeof frame, 1);
    struct virtq_device *q = &model->queue[0];
    struct virtq_buffer b;
    uint8_t header[12] = { 0 }; /* num_buffers 0 */
    assert_true(virtq_device_take(q, &b));
    virtq_device_write(q, &b, 0, header, 12);
    virtq_device_put(q, b.head, 112);
    virtq_device_publish(q);
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 0);
    assert_int_equal(port->rxq[0]->errors, 1);
    carry_in(100);

    /* Ten buffers of a frame make too many segments: all ten go, one error. */
    model->num_buffers_lie = 10;
    for (unsigned i = 0; i < 10; i++) {
        assert_true(virtio_net_model_receive(model, frame, 100));
        assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 0);
    }
    assert_int_equal(port->rxq[0]->errors, 2);
    model->num_buffers_lie = 0;
    carry_in(100);

    model->num_buffers_lie = 257;
    assert_true(virtio_net_model_receive(model, frame, 100));
    break_receiver();
    destroy();
}

/* The buffers of one frame may become visible one by one. */
static void frame_arriving_in_parts_is_put_together(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    struct virtq_buffer b;
    struct packet *p;
    uint8_t bytes[12 + 300] = { [10] = 3 };
    up(&config);
    struct virtq_device *q = &model->queue[0];
    fill(bytes + 12, 300, 5);
    for (unsigned i = 0, at = 0; i < 3; i++) {
        unsigned part = i ? 50 : 212;
        assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 0);
        assert_true(virtq_device_take(q, &b));
        virtq_device_write(q, &b, 0, bytes + at, part);
        virtq_device_put(q, b.head, part);
        virtq_device_publish(q);
        at += part;
    }
    assert_received(bytes + 12, 300);
    /* One that never ends is freed by stop. */
    assert_true(virtq_device_take(q, &b));
    virtq_device_write(q, &b, 0, bytes, 212);
    virtq_device_put(q, b.head, 212);
    virtq_device_publish(q);
    assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), 0);
    down();
}

/* nic/packet.h: the first segment holds PACKET_HEADER_MIN bytes or everything. */
static void short_first_segment_is_counted(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    struct virtq_buffer b;
    struct packet *p;
    uint8_t bytes[12 + 200] = { [10] = 2 };
    for (unsigned first = 0; first <= 128; first += 64) {
        up(&config);
        struct virtq_device *q = &model->queue[0];
        for (unsigned i = 0; i < 2; i++) {
            unsigned part = i ? 50 : 12 + first;
            assert_true(virtq_device_take(q, &b));
            virtq_device_write(q, &b, 0, bytes, part);
            virtq_device_put(q, b.head, part);
        }
        virtq_device_publish(q);
        assert_int_equal(port_rx_burst(port->rxq[0], &p, 1), first == 128);
        assert_int_equal(port->rxq[0]->errors, first != 128);
        if (first == 128)
            packet_free(&cache, p);
        down();
    }
}

/* Devices that cannot be relied on ---------------------------------------------------------- */

static void used_id_out_of_range_fails_the_port(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    up(&config);
    virtq_device_put(&model->queue[0], 0x12345678, 100);
    virtq_device_publish(&model->queue[0]);
    break_receiver();
    destroy();
}

static void duplicate_used_id_fails_the_port(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_LEGACY);
    struct virtq_buffer b;
    struct packet *p;
    up(&config);
    struct virtq_device *q = &model->queue[0];
    assert_true(virtq_device_take(q, &b));
    virtq_device_put(q, b.head, 100);
    virtq_device_put(q, b.head, 100);
    virtq_device_publish(q);
    port_rx_burst(port->rxq[0], &p, 1);
    break_receiver();
    destroy();
}

static void broken_transmitter_fails_the_port(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    uint8_t frame[60];
    up(&config);
    fill(frame, 60, 0);
    virtq_device_put(&model->queue[1], 255, 0);
    virtq_device_publish(&model->queue[1]);
    unsigned taken = 0;
    for (unsigned i = 0; i < 300; i++) {
        struct packet *p = make_frame(frame, 60, 60);
        unsigned one = port_tx_burst(port->txq[0], &p, 1);
        if (!one)
            packet_free(&cache, p);
        taken += one;
    }
    assert_true(taken <= 256);
    port_poll_link(port);
    assert_int_equal(port->state, PORT_FAILED);
    destroy();
}

/* 2.1.1: after DEVICE_NEEDS_RESET nothing can be relied on. */
static void needs_reset_fails_the_port(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    up(&config);
    virtio_net_model_set_needs_reset(model);
    port_poll_link(port);
    assert_int_equal(port->state, PORT_FAILED);
    assert_non_null(strstr(port->failure, "DEVICE_NEEDS_RESET"));
    assert_int_equal(mapped(), 0);
    destroy();
}

/* Sending ------------------------------------------------------------------------------------ */

static void assert_unsendable(struct packet *p)
{
    uint64_t errors = port->txq[0]->errors, sent = model->sent;
    uint8_t good[60];
    fill(good, 60, 3);
    struct packet *both[2] = { p, make_frame(good, 60, 60) };
    assert_int_equal(port_tx_burst(port->txq[0], both, 2), 2);
    virtio_net_model_run(model);
    assert_int_equal(port->txq[0]->errors, errors + 1);
    assert_int_equal(model->sent, sent + 1);
}

/* nic/port.h: what can never be sent is taken, freed and counted. */
static void unsendable_frames_do_not_stop_the_others(void **state)
{
    static uint8_t bytes[4000];
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    up(&config);
    assert_unsendable(make_frame(bytes, 13, 100));
    assert_unsendable(make_frame(bytes, 1519, 1000));
    assert_unsendable(make_frame(bytes, 90, 10)); /* 9 segments */
    assert_int_equal(port->txq[0]->packets, 3);
    assert_int_equal(port->txq[0]->bytes, 180);
    down();
}

/* 2.7.5.3.1: no chain is longer than the queue, so some frames never fit. */
static void chains_longer_than_the_queue_are_unsendable(void **state)
{
    for (unsigned indirect = 0; indirect < 2; indirect++) {
        static uint8_t bytes[400];
        struct virtio_net_model_config config = usual(MODEL_MODERN);
        config.queue_size[1] = 4;
        config.features &= indirect ? ~0ull : ~F_INDIRECT_DESC;
        up(&config);
        assert_unsendable(make_frame(bytes, 400, 80));
        carry_out(400, 100);
        down();
    }
}

/* Empty segments, and data at the very start of its buffer. */
static void odd_shapes_are_sent(void **state)
{
    for (unsigned any = 0; any < 2; any++) {
        struct virtio_net_model_config config = usual(MODEL_LEGACY);
        uint8_t bytes[300];
        config.features &= any ? ~0ull : ~F_ANY_LAYOUT;
        up(&config);
        fill(bytes, 300, 9);
        struct packet *p = make_frame(bytes, 300, 100);
        struct packet *empty = packet_alloc(&cache);
        empty->next = p->next;
        p->next = empty;
        assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
        virtio_net_model_run(model);
        assert_int_equal(wire_length, 300);
        assert_memory_equal(wire, bytes, 300);

        p = packet_alloc(&cache);
        p->data = p->buffer + (any ? 3 : 0);
        p->length = 200;
        p->frame_length = 200;
        memcpy(p->data, bytes, 200);
        assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
        virtio_net_model_run(model);
        assert_int_equal(wire_length, 200);
        assert_memory_equal(wire, bytes, 200);

        empty = packet_alloc(&cache); /* an empty first segment */
        empty->frame_length = 60;
        empty->next = make_frame(bytes, 60, 60);
        assert_int_equal(port_tx_burst(port->txq[0], &empty, 1), 1);
        virtio_net_model_run(model);
        assert_int_equal(wire_length, 60);
        down();
    }
}

/* A full ring takes no more; the caller keeps the rest; room comes back. */
static void full_ring_leaves_the_rest_to_the_caller(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    struct packet *p[300];
    uint8_t frame[60];
    up(&config);
    fill(frame, 60, 0);
    for (unsigned i = 0; i < 300; i++)
        p[i] = make_frame(frame, 60, 60);
    assert_int_equal(port_tx_burst(port->txq[0], p, 300), 256);
    assert_int_equal(port_tx_burst(port->txq[0], p + 256, 44), 0);
    virtio_net_model_run(model);
    assert_int_equal(model->sent, 256);
    assert_int_equal(port_tx_burst(port->txq[0], p + 256, 44), 44);
    virtio_net_model_run(model);
    assert_int_equal(model->sent, 300);
    assert_int_equal(port->txq[0]->packets, 300);
    down();
}

/* 2.7.10.1: one notification a burst, none when the device asks for none. */
static void one_notification_a_burst(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    struct packet *p[32];
    uint8_t frame[60];
    up(&config);
    fill(frame, 60, 0);
    for (unsigned i = 0; i < 32; i++)
        p[i] = make_frame(frame, 60, 60);
    assert_int_equal(port_tx_burst(port->txq[0], p, 16), 16);
    assert_int_equal(model->notified[1], 1);
    virtq_device_set_no_notify(&model->queue[1], true);
    assert_int_equal(port_tx_burst(port->txq[0], p + 16, 16), 16);
    assert_int_equal(model->notified[1], 1);
    virtq_device_set_no_notify(&model->queue[1], false);
    assert_int_equal(port_tx_burst(port->txq[0], p, 0), 0);
    assert_int_equal(model->notified[1], 1);
    down();
}

/* Resources ------------------------------------------------------------------------------------ */

/* A pool that runs dry costs frames, not the port; it recovers. */
static void empty_pool_is_survived(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    uint8_t frame[60];
    struct packet *held[100];
    create(&config, 100);
    assert_int_equal(probe(), 0);
    assert_int_equal(port_start(port), 0);
    fill(frame, 60, 0);
    unsigned n = 0;
    while (virtio_net_model_receive(model, frame, 60))
        n += port_rx_burst(port->rxq[0], held + n, 1);
    assert_true(n > 60);
    while (n)
        packet_free(&cache, held[--n]);
    assert_int_equal(port_rx_burst(port->rxq[0], held, 1), 0); /* refills */
    carry_in(60);
    down();
}

/* Whatever allocation fails, start says so and leaves what stop leaves. */
static void failed_start_leaves_nothing(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = usual((enum virtio_model_kind)kind);
        create(&config, 2048);
        assert_int_equal(probe(), 0);
        unsigned n = 0;
        do {
            host_dma_fail_after(++n);
            int e = port_start(port);
            host_dma_fail_after(0);
            if (!e)
                break;
            assert_int_equal(e, -ENOMEM);
            assert_int_equal(mapped(), 0);
            assert_false(bus_master());
            assert_int_equal(model->status, 0);
        } while (n < 50);
        assert_true(n > 5 && n < 50);
        traffic();
        down();
    }
}

/* Fewer packets than a batch are better than none. */
static void few_packets_suffice(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    struct packet *most[59];
    create(&config, 64);
    assert_int_equal(probe(), 0);
    assert_true(packet_alloc_burst(&cache, most, 59));
    assert_int_equal(port_start(port), 0);
    carry_in(60);
    packet_free_burst(&cache, most, 59);
    down();
}

static void no_packets_at_all_is_told(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    struct packet *all[64];
    create(&config, 64);
    assert_int_equal(probe(), 0);
    assert_true(packet_alloc_burst(&cache, all, 64));
    assert_int_equal(port_start(port), -ENOMEM);
    assert_true(host_log_contains("no packets for the receive ring"));
    packet_free_burst(&cache, all, 64);
    assert_int_equal(port_start(port), 0);
    down();
}

/* On the bus --------------------------------------------------------------------------------------
 */

/* 4.1.4.1 and 4.1.4.4: structures outside their BAR are not structures. */
static void bad_capabilities_are_refused(void **state)
{
    static const struct {
        uint8_t offset; /* in configuration space */
        uint32_t value;
    } damage[] = {
        { 0x40 + 16 + 4, 6 },                                /* common: reserved BAR */
        { 0x40 + 16 + 4, 2 },                                /* common: BAR that is not there */
        { 0x40 + 16 + 8, 0x7fd0 },                           /* common: runs out of its BAR */
        { 0x40 + 16 + 8, 0xffffffff }, { 0x40 + 16 + 8, 2 }, /* common: not aligned */
        { 0x40 + 16 + 12, 0x37 },                            /* common: too short */
        { 0x40 + 64 + 8, 0xfffffffe },                       /* notify: runs out of its BAR */
        { 0x40 + 64 + 12, 1 },                               /* notify: too short */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(damage); i++) {
        struct virtio_net_model_config config = usual(MODEL_MODERN);
        create(&config, 64);
        memcpy(model->pci.config + damage[i].offset, &damage[i].value, 4);
        assert_int_equal(probe(), -EIO);
        assert_failed("neither modern nor transitional");
    }
}

/* A capability list that bites its tail has an end for us. */
static void looped_capability_list_ends(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_MODERN);
    create(&config, 64);
    model->pci.config[0x40 + 16 + 3] = 77;   /* the common structure is something else */
    model->pci.config[0x40 + 84 + 1] = 0x40; /* and the last capability leads to the first */
    assert_int_equal(probe(), -EIO);
    assert_failed("neither modern nor transitional");
}

/* A notification that would fall outside its structure. */
static void far_notification_is_refused(void **state)
{
    const uint32_t multipliers[] = { 0x4000, 0x80000000, 0xffffffff, 1 };
    for (unsigned i = 0; i < ARRAY_SIZE(multipliers); i++) {
        struct virtio_net_model_config config = usual(MODEL_MODERN);
        config.notify_off_multiplier = multipliers[i];
        create(&config, 64);
        assert_int_equal(probe(), 0);
        assert_int_equal(port_start(port), -EIO);
        assert_true(host_log_contains("notification at"));
        destroy();
    }
}

static void legacy_without_its_bar_is_refused(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_LEGACY);
    create(&config, 64);
    model->pci.bar[0].size = 0;
    assert_int_equal(probe(), -EIO);
    assert_failed("no legacy interface in BAR 0");
}

/* Firmware may have left MSI-X on; then the legacy registers would move (4.1.4.10). */
static void msix_is_switched_off(void **state)
{
    struct virtio_net_model_config config = usual(MODEL_LEGACY);
    create(&config, 64);
    pcispace_capability(&model->pci, (uint8_t[12]){ 0x11, 0, 0x02, 0x80 }, 12);
    model->pci.writable[0x43] = 0xc0;
    assert_int_equal(probe(), 0);
    assert_int_equal(model->msix_writes, 1);
    assert_int_equal(model->pci.config[0x43] & 0x80, 0);
    destroy();
}

/* The conformance suite (conformance.h)
 * ------------------------------------------------------------ */

static struct virtio_net_model_config conforming;
static unsigned offences;

static struct port *conformance_create(struct packet_cache *packets)
{
    model = virtio_net_model_create(&conforming);
    model->wire = on_wire;
    if (probe())
        return NULL;
    port->rxq[0]->cache = port->txq[0]->cache = packets;
    return port;
}

static void conformance_destroy(void)
{
    const char *what;
    take_away();
    offences = virtio_net_model_violations(model, &what);
    if (offences)
        print_error("%s\n", what);
    virtio_net_model_destroy(model);
}

static bool conformance_inject(const uint8_t *frame, uint32_t length)
{
    uint64_t filtered = model->filtered;
    return virtio_net_model_receive(model, frame, length) || model->filtered != filtered;
}

static uint32_t conformance_take(uint8_t *frame, uint32_t size)
{
    if (!virtio_net_model_send_one(model) || wire_length > size)
        return 0;
    memcpy(frame, wire, wire_length);
    return (uint32_t)wire_length;
}

static void conformance_set_link(bool up_)
{
    virtio_net_model_set_link(model, up_);
}

/* Asked for after the end, so that what stop does is seen as well. */
static unsigned conformance_violations(void)
{
    return offences;
}

static int conformance(const char *name, enum virtio_model_kind kind, uint64_t without,
                       uint16_t rx_size, uint16_t tx_size)
{
    struct conformance_subject subject = {
        .name = name,
        .create = conformance_create,
        .destroy = conformance_destroy,
        .inject = conformance_inject,
        .take = conformance_take,
        .violations = conformance_violations,
    };
    conforming = usual(kind);
    conforming.features &= ~without;
    conforming.queue_size[0] = rx_size;
    conforming.queue_size[1] = tx_size;
    if (conforming.features & F_CTRL_RX)
        subject.flags |= CONFORMANCE_FILTERS;
    if (!(conforming.features & F_MRG_RXBUF))
        subject.flags |= CONFORMANCE_DROPS_GIANTS;
    if (conforming.features & F_STATUS)
        subject.set_link = conformance_set_link;
    return conformance_run(&subject);
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
           conformance("legacy_framing", MODEL_LEGACY, F_ANY_LAYOUT, 256, 1024) +
           conformance("legacy_no_mrg", MODEL_LEGACY, F_MRG_RXBUF, 1024, 256) +
           conformance("legacy_bare", MODEL_LEGACY, ~0ull, 4096, 256);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_variant_carries_traffic),
        T(transitional_without_version_1_is_legacy),
        T(transitional_with_version_1_is_modern),
        T(required_feature_missing_is_refused),
        T(no_wanted_feature_is_needed),
        T(features_ok_not_sticking_is_refused),
        T(accepts_only_what_it_understands),
        T(slow_reset_is_waited_for),
        T(reset_never_completing_is_refused),
        T(reset_failing_on_stop_cuts_the_bus),
        T(changing_configuration_is_read_again),
        T(impossible_queue_size_is_refused),
        T(mac_is_the_devices),
        T(mac_can_be_set),
        T(receive_filters_follow_the_mode),
        T(too_many_groups_become_all),
        T(filters_without_control_queue_are_refused),
        T(control_trouble_is_told),
        T(link_follows_status),
        T(speed_and_duplex_are_reported),
        T(device_mtu_bounds_ours),
        T(nonsense_mtu_is_ignored),
        T(jumbo_frames_pass),
        T(runts_and_giants_are_counted),
        T(length_lies_are_counted),
        T(num_buffers_lies_harm_nobody),
        T(frame_arriving_in_parts_is_put_together),
        T(short_first_segment_is_counted),
        T(used_id_out_of_range_fails_the_port),
        T(duplicate_used_id_fails_the_port),
        T(broken_transmitter_fails_the_port),
        T(needs_reset_fails_the_port),
        T(unsendable_frames_do_not_stop_the_others),
        T(chains_longer_than_the_queue_are_unsendable),
        T(odd_shapes_are_sent),
        T(full_ring_leaves_the_rest_to_the_caller),
        T(one_notification_a_burst),
        T(empty_pool_is_survived),
        T(failed_start_leaves_nothing),
        T(few_packets_suffice),
        T(no_packets_at_all_is_told),
        T(bad_capabilities_are_refused),
        T(looped_capability_list_ends),
        T(far_notification_is_refused),
        T(legacy_without_its_bar_is_refused),
        T(msix_is_switched_off),
    };
    return conformance_everywhere() + cmocka_run_group_tests(tests, NULL, NULL);
}
