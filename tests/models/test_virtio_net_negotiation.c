/* virtio: what the driver and a device agree on, and devices that are refused
 * (virtio 1.2 2.2, 3.1, 4.1). */
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/virtio_net_rig.h"

#include "pci/pci_regs.h"

#include <errno.h>
#include <string.h>

/* 2.2.3: VERSION_1 is what tells the two interfaces apart. */
static void transitional_without_version_1_is_legacy(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_TRANSITIONAL);
    config.features &= ~F_VERSION_1;
    vnet_up(&config);
    vnet_traffic();
    vnet_down();
}

static void transitional_with_version_1_is_modern(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_TRANSITIONAL);
    vnet_up(&config);
    assert_true(vnet.model->accepted & F_VERSION_1);
    vnet_down();
}

/* Negotiation ------------------------------------------------------------------------ */

/* 6.1: a modern device without VERSION_1 is refused, by name. */
static void required_feature_missing_is_refused(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    config.features &= ~F_VERSION_1;
    vnet_create(&config, 64);
    assert_int_equal(vnet_probe(), -EIO);
    assert_true(vnet.model->status & VIRTIO_STATUS_FAILED);
    vnet_assert_failed("VERSION_1");
}

/* A device that offers nothing at all is a port (5.1.5: a minimal driver). */
static void no_wanted_feature_is_needed(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    config.features = F_VERSION_1;
    vnet_up(&config);
    vnet_traffic();
    assert_int_equal(vnet.port->mac[0] & 3, 2); /* unicast, locally administered */
    vnet_down();
    config = vnet_usual(MODEL_LEGACY);
    config.features = 0;
    vnet_up(&config);
    vnet_traffic();
    vnet_down();
}

/* 3.1.1 step 6: the device may say no. */
static void features_ok_not_sticking_is_refused(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_create(&config, 64);
    vnet.model->reject_features = true;
    assert_int_equal(vnet_probe(), -EIO);
    assert_true(vnet.model->status & VIRTIO_STATUS_FAILED);
    vnet_assert_failed("features rejected: device_status 03");
}

/* 2.2.1: not what nobody offered, not what depends on it, not what we do not do. */
static void accepts_only_what_it_understands(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    config.features = ~0ull;
    config.pairs = 1;
    vnet_up(&config);
    assert_int_equal(vnet.model->accepted & (BIT(0) | BIT(1) | BIT(7) | BIT(11) | BIT(41)), 0);
    assert_true(vnet.model->accepted & F_RING_PACKED);
    assert_true(vnet.model->accepted & F_IN_ORDER);
    assert_true(vnet.model->accepted & F_ACCESS_PLATFORM);
    assert_true(vnet.model->accepted & F_MRG_RXBUF);
    vnet_traffic();
    vnet_down();
    config.features = vnet_usual(MODEL_MODERN).features & ~F_CTRL_VQ;
    vnet_up(&config);
    assert_int_equal(vnet.model->accepted & F_CONTROL, 0);
    vnet_down();
}

/* 4.1.4.3.2: the driver waits for the reset, but not for ever. */
static void slow_reset_is_waited_for(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_create(&config, 2048);
    vnet.model->reset_reads = 500;
    assert_int_equal(vnet_probe(), 0);
    assert_int_equal(port_start(vnet.port), 0);
    vnet_traffic();
    vnet_down();
}

static void reset_never_completing_is_refused(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++) {
        struct virtio_net_model_config config = vnet_usual((enum virtio_model_kind)kind);
        vnet_create(&config, 64);
        vnet.model->status = 1; /* as firmware left it */
        vnet.model->reset_reads = ~0u;
        assert_int_equal(vnet_probe(), -EIO);
        vnet_assert_failed("reset not done: device_status 01, expected 00");
    }
}

/* A device that will not stop loses the bus before its memory is freed. */
static void reset_failing_on_stop_cuts_the_bus(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_up(&config);
    vnet.model->reset_reads = ~0u;
    port_stop(vnet.port);
    assert_false(vnet_bus_master());
    assert_int_equal(vnet_mapped(), 0);
    assert_int_not_equal(port_start(vnet.port), 0);
    assert_int_equal(vnet_mapped(), 0);
    vnet.model->violations = 0; /* our own goes-on-before-reset would show here */
    vnet_destroy();
}

/* 2.5.1: a MAC that changes under the reader is read again, whole. */
static void changing_configuration_is_read_again(void **state)
{
    for (unsigned kind = MODEL_LEGACY; kind <= MODEL_MODERN; kind++)
        for (unsigned after = 1; after <= 6; after++) {
            struct virtio_net_model_config config = vnet_usual((enum virtio_model_kind)kind);
            vnet_create(&config, 2048);
            vnet.model->restless = after;
            assert_int_equal(vnet_probe(), 0);
            assert_memory_equal(vnet.port->mac, vnet.model->mac, 6);
            vnet_destroy();
        }
}

/* 5.1.4.1: no pair at all, a key or a table too short: the device is better off without. */
static void nonsense_about_pairs_and_hash_is_ignored(void **state)
{
    static const struct {
        uint16_t pairs, table;
        uint8_t key;
        uint64_t gone;
        const char *log;
    } wrong[] = {
        { 0, 128, 40, F_MQ | F_RSS, "0 pairs of queues ignored, expected 1 to 32767" },
        { 0x8000, 128, 40, F_MQ | F_RSS, "32768 pairs of queues ignored" },
        { 2, 64, 40, F_RSS | F_HASH_REPORT, "table of 64 entries" },
        { 2, 128, 39, F_RSS | F_HASH_REPORT, "key of 39 bytes" },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        config.features |= F_MQ | F_RSS | F_HASH_REPORT;
        config.pairs = 2;
        vnet_create(&config, 2048);
        vnet.model->config.pairs = wrong[i].pairs;
        vnet.model->config.rss_table = wrong[i].table;
        vnet.model->config.rss_key = wrong[i].key;
        assert_int_equal(vnet_probe(), 0);
        assert_int_equal(port_start(vnet.port), 0);
        assert_int_equal(vnet.model->accepted & wrong[i].gone, 0);
        assert_true(host_log_contains(wrong[i].log));
        vnet_traffic();
        vnet.model->config.pairs = 2;
        vnet_down();
    }
}

/* Queue sizes a split queue cannot have (2.7). */
static void impossible_queue_size_is_refused(void **state)
{
    const uint16_t bad[] = { 0, 3, 255, 48 };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct virtio_net_model_config config = vnet_usual(i & 1 ? MODEL_LEGACY : MODEL_MODERN);
        config.queue_size[i / 2] = bad[i];
        vnet_create(&config, 64);
        assert_int_equal(vnet_probe(), -EIO);
        assert_true(vnet.model->status & VIRTIO_STATUS_FAILED);
        vnet_assert_failed("no usable receive or transmit queue");
    }
}

/* On the bus ------------------------------------------------------------------ */

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
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        vnet_create(&config, 64);
        memcpy(vnet.model->pci.config + damage[i].offset, &damage[i].value, 4);
        assert_int_equal(vnet_probe(), -EIO);
        vnet_assert_failed("neither modern nor transitional");
    }
}

/* Of a device without a structure for its configuration (4.1.4.6) all of that reads as 0. */
static void configuration_that_is_nowhere_reads_as_zero(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_create(&config, 64);
    vnet.model->pci.config[0x40 + 48 + 3] = 77; /* the structure is something else */
    assert_int_equal(vnet_probe(), 0);
    assert_true(mac_is_station(vnet.port->mac));
    assert_true(host_log_contains("00:00:00:00:00:00, which is no station's"));
    vnet_destroy();
}

/* A capability list that bites its tail has an end for us. */
static void looped_capability_list_ends(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
    vnet_create(&config, 64);
    vnet.model->pci.config[0x40 + 16 + 3] = 77;   /* the common structure is something else */
    vnet.model->pci.config[0x40 + 84 + 1] = 0x40; /* and the last capability leads to the first */
    assert_int_equal(vnet_probe(), -EIO);
    vnet_assert_failed("neither modern nor transitional");
}

/* A notification that would fall outside its structure. */
static void far_notification_is_refused(void **state)
{
    const uint32_t multipliers[] = { 0x4000, 0x80000000, 0xffffffff, 1 };
    for (unsigned i = 0; i < ARRAY_SIZE(multipliers); i++) {
        struct virtio_net_model_config config = vnet_usual(MODEL_MODERN);
        config.notify_off_multiplier = multipliers[i];
        vnet_create(&config, 64);
        assert_int_equal(vnet_probe(), 0);
        assert_int_equal(port_start(vnet.port), -EIO);
        assert_true(host_log_contains("notification at"));
        vnet_destroy();
    }
}

static void legacy_without_its_bar_is_refused(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_LEGACY);
    vnet_create(&config, 64);
    vnet.model->pci.bar[0].size = 0;
    assert_int_equal(vnet_probe(), -EIO);
    vnet_assert_failed("no legacy interface in BAR 0");
}

/* Firmware may have left MSI-X on; then the legacy registers would move (4.1.4.10). */
static void msix_is_switched_off(void **state)
{
    struct virtio_net_model_config config = vnet_usual(MODEL_LEGACY);
    vnet_create(&config, 64);
    pcispace_capability(&vnet.model->pci, (uint8_t[12]){ 0x11, 0, 0x02, 0x80 }, 12);
    vnet.model->pci.writable[0x43] = 0xc0;
    assert_int_equal(vnet_probe(), 0);
    assert_int_equal(vnet.model->msix_writes, 1);
    assert_int_equal(vnet.model->pci.config[0x43] & 0x80, 0);
    vnet_destroy();
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        T(nonsense_about_pairs_and_hash_is_ignored),
        T(impossible_queue_size_is_refused),
        T(bad_capabilities_are_refused),
        T(configuration_that_is_nowhere_reads_as_zero),
        T(looped_capability_list_ends),
        T(far_notification_is_refused),
        T(legacy_without_its_bar_is_refused),
        T(msix_is_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
