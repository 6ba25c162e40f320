/* virtio_net_rig.c - a virtio-net port over the model, and frames through it
 * (virtio_net_rig.h). */
#include "tests/models/virtio_net_rig.h"

#include "tests/host/host.h"
#include "tests/host/test.h"

#include "pci/pci_regs.h"

#include <errno.h>
#include <string.h>

struct virtio_net_rig vnet;
const uint8_t vnet_mac[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

void vnet_on_wire(void *ctx, const uint8_t *frame, size_t n)
{
    memcpy(vnet.wire, frame, n);
    vnet.wire_length = n;
}

struct virtio_net_model_config vnet_usual(enum virtio_model_kind kind)
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
        c.features |= F_VERSION_1;
    memcpy(c.mac, vnet_mac, 6);
    return c;
}

int vnet_probe(void)
{
    virtio_net_model_scan(vnet.model);
    int taken = pci_probe_drivers();
    vnet.port = port_get(0);
    for (unsigned i = 0; vnet.port && i < vnet.port->limits.rx_queues_max; i++)
        vnet.port->rxq[i]->cache = vnet.port->txq[i]->cache = &vnet.cache;
    return taken == 1 ? 0 : -EIO;
}

void vnet_take_away(void)
{
    if (vnet.port)
        vnet.model->function->driver->remove(vnet.model->function);
    vnet.port = NULL;
}

bool vnet_bus_master(void)
{
    return vnet.model->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

size_t vnet_mapped(void)
{
    return host_dma_mapped(&vnet.model->function->dma);
}

void vnet_create(const struct virtio_net_model_config *config, uint32_t packets)
{
    host_reset();
    port_reset_registry();
    vnet.wire_length = 0;
    vnet.pool = packet_pool_create(packets);
    packet_cache_init(&vnet.cache, vnet.pool);
    vnet.model = virtio_net_model_create(config);
    vnet.model->wire = vnet_on_wire;
}

void vnet_destroy(void)
{
    const char *what;
    vnet_take_away();
    unsigned violations = virtio_net_model_violations(vnet.model, &what);
    if (violations)
        fail_msg("%u violations, first: %s", violations, what);
    assert_false(vnet_bus_master());
    assert_int_equal(vnet.model->pci.dma_refused, 0);
    assert_int_equal(vnet_mapped(), 0);
    packet_cache_flush(&vnet.cache);
    assert_int_equal(packet_pool_available(vnet.pool), packet_pool_count(vnet.pool));
    virtio_net_model_destroy(vnet.model);
    packet_pool_destroy(vnet.pool);
}

void vnet_up(const struct virtio_net_model_config *config)
{
    vnet_create(config, 8192);
    assert_int_equal(vnet_probe(), 0);
    assert_int_equal(port_start(vnet.port), 0);
}

void vnet_down(void)
{
    port_stop(vnet.port);
    assert_int_equal(host_dma_refused(), 0);
    vnet_destroy();
}

/* Frames ------------------------------------------------------------------------- */

void vnet_fill(uint8_t *frame, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        frame[i] = (uint8_t)(seed + i * 7 + (i >> 8));
    if (n >= 6)
        memcpy(frame, vnet.model->mac, 6);
}

/* A frame in pieces of at most `piece` bytes. */
struct packet *vnet_make_frame(const uint8_t *bytes, size_t n, size_t piece)
{
    struct packet *first = NULL, **tail = &first;
    for (size_t at = 0; at < n || !first; at += piece) {
        struct packet *p = packet_alloc(&vnet.cache);
        p->length = (uint16_t)(n - at < piece ? n - at : piece);
        memcpy(p->data, bytes + at, p->length);
        *tail = p;
        tail = &p->next;
    }
    first->frame_length = (uint32_t)n;
    return first;
}

void vnet_assert_received(const uint8_t *bytes, size_t n)
{
    static uint8_t copy[MODEL_FRAME_MAX];
    struct packet *p = NULL;
    assert_int_equal(port_rx_burst(vnet.port->rxq[0], &p, 1), 1);
    assert_int_equal(p->frame_length, n);
    assert_int_equal(p->port, vnet.port->number);
    assert_true(packet_read(p, 0, copy, (uint32_t)n));
    assert_false(packet_read(p, (uint32_t)n, copy, 1));
    assert_memory_equal(copy, bytes, n);
    packet_free(&vnet.cache, p);
}

void vnet_carry_in(size_t n)
{
    uint8_t frame[FRAME_MAX + 1];
    vnet_fill(frame, n, (unsigned)n);
    assert_true(virtio_net_model_receive(vnet.model, frame, n));
    vnet_assert_received(frame, n);
}

void vnet_carry_out(size_t n, size_t piece)
{
    uint8_t frame[FRAME_MAX + 1];
    vnet_fill(frame, n, (unsigned)n + 1);
    struct packet *p = vnet_make_frame(frame, n, piece);
    assert_int_equal(port_tx_burst(vnet.port->txq[0], &p, 1), 1);
    virtio_net_model_run(vnet.model);
    assert_int_equal(vnet.wire_length, n);
    assert_memory_equal(vnet.wire, frame, n);
}

/* Receives one frame that must be dropped and counted. */
void vnet_assert_refused(const uint8_t *frame, size_t n)
{
    struct packet *p;
    uint64_t errors = vnet.port->rxq[0]->errors, packets = vnet.port->rxq[0]->packets;
    assert_true(virtio_net_model_receive(vnet.model, frame, n));
    assert_int_equal(port_rx_burst(vnet.port->rxq[0], &p, 1), 0);
    assert_int_equal(vnet.port->rxq[0]->errors, errors + 1);
    assert_int_equal(vnet.port->rxq[0]->packets, packets);
}

void vnet_traffic(void)
{
    for (size_t n = FRAME_MIN; n <= 1522; n += n < 200 ? 1 : 61)
        vnet_carry_in(n);
    vnet_carry_in(1522);
    for (size_t n = FRAME_MIN; n <= 1522; n += n < 80 ? 1 : 61)
        vnet_carry_out(n, 2000);
    vnet_carry_out(1522, 2000);
    if (vnet.model->config.queue_size[1] >= 1 + FRAME_SEGMENTS_MAX)
        vnet_carry_out(1522, 190); /* 8 pieces */
}

void vnet_assert_failed(const char *log)
{
    assert_non_null(vnet.port);
    assert_int_equal(vnet.port->state, PORT_FAILED);
    assert_non_null(vnet.port->failure);
    assert_true(host_log_contains(log));
    assert_int_equal(port_start(vnet.port), -EIO);
    vnet_destroy();
}

/* Every interface, with each feature there and not, rings of several sizes. */
bool vnet_next_variant(unsigned n, struct virtio_net_model_config *config)
{
    static const uint64_t optional[] = { F_MRG_RXBUF, F_INDIRECT_DESC, F_CONTROL, F_EVENT_IDX,
                                         F_ANY_LAYOUT };
    static const uint16_t sizes[][3] = {
        { 256, 256, 64 }, { 8, 8, 4 }, { 1024, 512, 64 }, { 32, 4096, 8 }, { 4, 2, 64 }
    };
    static const uint32_t multipliers[] = { 4, 0, 2, 4096 };
    static const uint64_t rings[] = { 0, F_RING_PACKED, F_IN_ORDER, F_RING_PACKED | F_IN_ORDER };
    unsigned features = n % 32, size = n / 32 % 5, kind = n / 160;
    unsigned ring = kind > MODEL_MODERN ? kind - MODEL_MODERN : 0;
    if (ring >= 4)
        return false;
    *config = vnet_usual(ring ? MODEL_MODERN : (enum virtio_model_kind)kind);
    config->features |= rings[ring];
    for (unsigned i = 0; i < 5; i++)
        if (features & (1u << i))
            config->features &= ~optional[i];
    memcpy(config->queue_size, sizes[size], sizeof config->queue_size);
    config->notify_off_multiplier = multipliers[n % 4];
    if (config->features & F_RING_PACKED) /* not only powers of two */
        for (unsigned i = 0; i < 2; i++)
            config->queue_size[i] = (uint16_t)(config->queue_size[i] + n % 3);
    return true;
}
