/* virtio over MMIO: the conformance suite over both versions, and what is their own: which
 * windows hold a port, and what the command line may say.  virtio 1.2 4.2. */
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/virtio_net_model.h"

#include "nic/packet.h"
#include "nic/port.h"
#include "virtio/virtio_mmio.h"

#include <errno.h>
#include <string.h>

#define BIT(n) (1ull << (n))
#define FEATURES (BIT(5) | BIT(15) | BIT(16) | BIT(17) | BIT(18) | BIT(23) | BIT(28))
#define F_VERSION_1 BIT(32)

static const uint8_t mac[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static enum virtio_model_kind kind;
static struct virtio_net_model *model;
static struct port *port;
static uint8_t wire[64][MODEL_FRAME_MAX / 4];
static uint32_t lengths[64];
static unsigned first, last;

static void on_wire(void *ctx, const uint8_t *frame, size_t n)
{
    memcpy(wire[last % 64], frame, n);
    lengths[last++ % 64] = (uint32_t)n;
}

/* The suite asks for violations after destroy(): a model lives until the next one. */
static void model_free(void)
{
    if (model)
        virtio_net_model_destroy(model);
    model = NULL;
}

static void model_create(void)
{
    model_free();
    struct virtio_net_model_config c = {
        .kind = kind, .features = FEATURES, .queue_size = { 256, 256, 64 }, .mtu = 1500
    };
    if (kind == MODEL_MMIO)
        c.features |= F_VERSION_1;
    memcpy(c.mac, mac, sizeof mac);
    model = virtio_net_model_create(&c);
    model->wire = on_wire;
    first = last = 0;
}

static unsigned probe(void)
{
    struct virtio_mmio_slot slot = { MODEL_MMIO_BASE, MODEL_MMIO_SIZE };
    unsigned taken = virtio_mmio_probe(&slot, 1);
    port = port_get(0);
    if (port)
        model->dma = port->dma;
    return taken;
}

static struct port *create(struct packet_cache *cache)
{
    model_create();
    if (probe() != 1)
        return NULL;
    port->rxq[0]->cache = port->txq[0]->cache = cache;
    return port;
}

static void destroy(void)
{
    const struct dma_device *dma = port->dma;
    port_stop(port);
    assert_int_equal(host_dma_mapped(dma), 0);
    virtio_mmio_remove_all();
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    uint64_t filtered = model->filtered;
    return virtio_net_model_receive(model, frame, length) || model->filtered != filtered;
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    if (first == last)
        virtio_net_model_send_one(model);
    if (first == last)
        return 0;
    uint32_t n = lengths[first % 64];
    memcpy(frame, wire[first++ % 64], n < size ? n : size);
    return n;
}

static void set_link(bool up)
{
    virtio_net_model_set_link(model, up);
}

static unsigned violations(void)
{
    const char *what;
    unsigned n = virtio_net_model_violations(model, &what);
    if (n)
        print_error("%s\n", what);
    return n;
}

static int conformance(const char *name, enum virtio_model_kind of)
{
    kind = of;
    return conformance_run(&(struct conformance_subject){ .name = name,
                                                          .flags = CONFORMANCE_FILTERS,
                                                          .create = create,
                                                          .destroy = destroy,
                                                          .inject = inject,
                                                          .take = take,
                                                          .set_link = set_link,
                                                          .violations = violations });
}

/* Its own ---------------------------------------------------------------------------- */

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    kind = MODEL_MMIO;
    model_create();
    port = NULL;
    return 0;
}

static int tear_down(void **state)
{
    virtio_mmio_remove_all();
    assert_int_equal(violations(), 0);
    return 0;
}

static void a_port_has_its_address(void **state)
{
    assert_int_equal(probe(), 1);
    assert_int_equal(port->mmio_address, MODEL_MMIO_BASE);
    assert_null(port->pci);
    assert_memory_equal(port->mac, mac, MAC_LEN);
}

/* 4.2.2: DeviceID 0 is a slot without a device, and no reason to say anything. */
static void an_empty_slot_is_no_port(void **state)
{
    model->device_id = 0;
    assert_int_equal(probe(), 0);
    assert_int_equal(port_count(), 0);
    assert_false(host_log_contains("expected"));
}

static void other_devices_are_no_port(void **state)
{
    model->device_id = 2; /* a disk */
    assert_int_equal(probe(), 0);
    assert_int_equal(port_count(), 0);
}

static void a_window_without_magic_is_told(void **state)
{
    model->magic = 0xffffffff;
    assert_int_equal(probe(), 0);
    assert_true(host_log_contains("MagicValue ffffffff, expected 74726976"));
}

static void a_window_that_is_too_small_is_told(void **state)
{
    struct virtio_mmio_slot slot = { MODEL_MMIO_BASE, 0xff };
    assert_int_equal(virtio_mmio_probe(&slot, 1), 0);
    assert_true(host_log_contains(": 255 bytes, expected at least 256"));
    assert_int_equal(port_count(), 0);
}

static void a_version_from_the_future_is_told(void **state)
{
    model->version = 3;
    assert_int_equal(probe(), 0);
    assert_true(host_log_contains("Version 3, expected 1 or 2"));
}

/* A device that does not reset keeps its number as a failed port. */
static void a_broken_device_is_a_failed_port(void **state)
{
    model->reset_reads = ~0u;
    model->status = 1;
    assert_int_equal(probe(), 0);
    assert_int_equal(port_count(), 1);
    assert_int_equal(port_get(0)->state, PORT_FAILED);
}

/* No bus cuts it off: a device that is still live keeps what it can write, until it resets. */
static void a_device_that_does_not_reset_keeps_its_memory(void **state)
{
    static struct packet_cache cache;
    struct packet_pool *pool = packet_pool_create(1024);
    packet_cache_init(&cache, pool);
    assert_int_equal(probe(), 1);
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    assert_int_equal(port_start(port), 0);
    size_t mapped = host_dma_mapped(port->dma);

    model->reset_reads = ~0u;
    port_stop(port);
    assert_true(host_log_contains("reset not done: device_status 0f, expected 00; it keeps the "
                                  "memory it has"));
    assert_int_equal(host_dma_mapped(port->dma), mapped);
    assert_int_equal(port_start(port), -EIO);
    assert_int_equal(host_dma_mapped(port->dma), mapped);

    model->reset_reads = 0;
    model->resetting = 0;
    assert_int_equal(port_start(port), 0);
    assert_int_equal(host_dma_mapped(port->dma), mapped);
    port_stop(port);
    assert_int_equal(host_dma_mapped(port->dma), 0);
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), 1024);
    packet_pool_destroy(pool);
}

static void the_same_slot_twice_is_one_port(void **state)
{
    struct virtio_mmio_slot slots[] = { { MODEL_MMIO_BASE, MODEL_MMIO_SIZE },
                                        { MODEL_MMIO_BASE, MODEL_MMIO_SIZE } };
    assert_int_equal(virtio_mmio_probe(slots, 2), 1);
    assert_int_equal(port_count(), 1);
}

/* Linux, Documentation/admin-guide/kernel-parameters: virtio_mmio.device. */
static void the_command_line_names_slots(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t base, size;
    } rows[] = {
        { "512@0xfeb00000:5", true, 0xfeb00000, 512 },
        { "4K@0xd0000000:5", true, 0xd0000000, 4096 },
        { "0x200@0xfeb00200:12:3", true, 0xfeb00200, 512 },
        { "512@0xfeb00000", false, 0, 0 },
        { "512@:5", false, 0, 0 },
        { "@0xfeb00000:5", false, 0, 0 },
        { "128@0xfeb00000:5", false, 0, 0 },
        { "512@0:5", false, 0, 0 },
        { "512@0xfeb00d01:5", false, 0, 0 },
        { "512@0xfffffffffffffff0:5", false, 0, 0 },
        { "99999999999999999999@0xfeb00000:5", false, 0, 0 },
        { "99999999999999M@0xfeb00000:5", false, 0, 0 },
        { "512@0xfeb00000:5x", false, 0, 0 },
        { "-1@0xfeb00000:5", false, 0, 0 },
        { "", false, 0, 0 },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct virtio_mmio_slot slot = { 0 };
        assert_int_equal(virtio_mmio_parse(rows[i].text, &slot), rows[i].good);
        if (rows[i].good) {
            assert_int_equal(slot.base, rows[i].base);
            assert_int_equal(slot.size, rows[i].size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_port_has_its_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_slot_is_no_port, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_devices_are_no_port, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_window_without_magic_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_window_that_is_too_small_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_version_from_the_future_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_device_is_a_failed_port, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_device_that_does_not_reset_keeps_its_memory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_same_slot_twice_is_one_port, set_up, tear_down),
        cmocka_unit_test(the_command_line_names_slots),
    };
    int failed = conformance("virtio_mmio", MODEL_MMIO);
    failed += conformance("virtio_mmio_legacy", MODEL_MMIO_LEGACY);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    model_free();
    return failed;
}
