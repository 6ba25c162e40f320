/* The registry and the state machine around every driver (nic/port.h). */
#include "nic/port.h"
#include "pci/pci.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <string.h>

#define NUMBERS 64u /* as if there were no more */

static int start_result;
static unsigned starts, stops;
static struct port_link wire;

static int fake_start(struct port *port)
{
    starts++;
    return start_result;
}

static void fake_stop(struct port *port)
{
    stops++;
}

static void fake_link(struct port *port, struct port_link *link)
{
    *link = wire;
}

static void fake_stats(struct port *port, struct port_device_stats *stats)
{
    *stats = (struct port_device_stats){ 0 };
}

static unsigned calls, result;

static int fake_set_offloads(struct port *port, uint32_t offloads)
{
    calls++;
    return -(int)result;
}

static int fake_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    calls++;
    return -(int)result;
}

static int fake_refuse_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    return -EIO;
}

static const struct port_ops least = {
    .start = fake_start, .stop = fake_stop, .link = fake_link, .stats = fake_stats
};
static const struct port_limits limits = { .rx_queues_max = 1,
                                           .tx_queues_max = 1,
                                           .rx_size_min = 8,
                                           .rx_size_max = 64,
                                           .rx_size_default = 32,
                                           .tx_size_min = 8,
                                           .tx_size_max = 64,
                                           .tx_size_default = 32,
                                           .size_multiple = 8,
                                           .size_power_of_two = true,
                                           .max_frame = 1522 };
static struct packet_cache cache;
static struct port_queue rxq, txq;
static struct port port;

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    start_result = 0;
    starts = stops = 0;
    wire = (struct port_link){ .up = true, .full_duplex = true, .speed_mbps = 1000 };
    rxq = txq = (struct port_queue){ .cache = &cache, .port = &port };
    port = (struct port){ .driver = "fake",
                          .ops = &least,
                          .limits = limits,
                          .rxq = { &rxq },
                          .txq = { &txq },
                          .rx_queues = 1,
                          .tx_queues = 1 };
    return 0;
}

static void every_mandatory_operation_is_asked_for(void **state)
{
    for (unsigned missing = 0; missing < 5; missing++) {
        struct port_ops ops = least;
        ops.start = missing == 0 ? NULL : ops.start;
        ops.stop = missing == 1 ? NULL : ops.stop;
        ops.link = missing == 2 ? NULL : ops.link;
        ops.stats = missing == 3 ? NULL : ops.stats;
        port.ops = missing == 4 ? NULL : &ops;
        assert_int_equal(port_register(&port), -EINVAL);
        assert_true(host_log_contains("driver fake does not offer"));
        assert_int_equal(port_count(), 0);
    }
}

static void limits_that_contradict_themselves_are_refused(void **state)
{
    struct port_limits bad[12];
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        bad[i] = limits;
    bad[0].rx_queues_max = 0;
    bad[1].tx_queues_max = PORT_QUEUES_MAX + 1;
    bad[2].rx_size_min = 0;
    bad[3].rx_size_default = 72;
    bad[4].tx_size_max = 4;
    bad[5].tx_size_default = 0;
    bad[6].size_multiple = 0;
    bad[7].rx_size_default = 24; /* no power of two */
    bad[8].size_multiple = 5;
    bad[9].max_frame = FRAME_LIMIT(MTU_MIN) - 1;
    bad[10].max_frame = FRAME_LONGEST + 1;
    bad[11].tx_size_default = 40;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        port.limits = bad[i];
        assert_int_equal(port_register(&port), -EINVAL);
    }
    assert_true(host_log_contains("limits that contradict themselves"));
    port.limits = limits;
    assert_int_equal(port_register(&port), 0);
}

static void the_lowest_free_number_is_given(void **state)
{
    static struct port ports[NUMBERS + 1];
    unsigned before = port_registrations();
    for (unsigned i = 0; i <= NUMBERS; i++)
        ports[i] = port;
    port_limit_numbers(NUMBERS);
    for (unsigned i = 0; i < NUMBERS; i++) {
        assert_int_equal(port_register(&ports[i]), 0);
        assert_int_equal(ports[i].number, i);
    }
    assert_int_equal(port_register(&ports[NUMBERS]), -ENOSPC);
    assert_int_equal(port_numbers_left(), 0);
    assert_ptr_equal(port_get(NUMBERS - 1), &ports[NUMBERS - 1]);
    assert_null(port_get(NUMBERS));
    assert_null(port_get(PORT_NONE));
    port_unregister(&ports[7]);
    port_unregister(&ports[3]);
    port_unregister(&ports[3]);
    assert_null(port_get(3));
    assert_int_equal(port_numbers_left(), 2);
    assert_int_equal(port_count(), NUMBERS);
    assert_int_equal(port_register(&ports[NUMBERS]), 0);
    assert_int_equal(ports[NUMBERS].number, 3);
    port_unregister(&ports[3]); /* its number is another's now */
    assert_ptr_equal(port_get(3), &ports[NUMBERS]);
    assert_int_equal(port_registrations() - before, NUMBERS + 1);
    port_unregister(&ports[NUMBERS - 1]);
    port_unregister(&ports[NUMBERS - 2]);
    assert_int_equal(port_count(), NUMBERS - 2);
}

static char order[64];

static void note_detach(struct port *p)
{
    strcat(order, stops ? "late " : "detach ");
}

static void note_attach(struct port *p)
{
    strcat(order, p->state == PORT_RUNNING ? "attach " : "early ");
}

static void note_removal(struct port *p)
{
    strcat(order, port_get(p->number) == p ? "removal " : "late ");
}

static void note_quiesce(void)
{
    strcat(order, port_get(port.number) ? "early " : "quiesce ");
}

static const struct port_pollers pollers = {
    .detach = note_detach, .attach = note_attach, .removal = note_removal, .quiesce = note_quiesce
};

/* No poller is in a port's bursts when its rings come or go. */
static void pollers_are_out_before_the_driver_stops(void **state)
{
    assert_int_equal(port_register(&port), 0);
    port_set_pollers(&pollers);
    order[0] = 0;
    assert_int_equal(port_start(&port), 0);
    port_attach(&port);
    port_stop(&port);
    port_stop(&port);
    port_attach(&port); /* it does not run */
    assert_string_equal(order, "attach detach ");
    stops = 0;
    assert_int_equal(port_start(&port), 0);
    port_fail(&port, "gone");
    assert_string_equal(order, "attach detach detach ");
    order[0] = 0;
    port_unregister(&port); /* known while all let go of it, and then nobody can find it */
    assert_string_equal(order, "removal quiesce ");
    port_set_pollers(NULL);
}

static void start_that_fails_leaves_the_port_stopped(void **state)
{
    assert_int_equal(port_register(&port), 0);
    start_result = -ENOMEM;
    assert_int_equal(port_start(&port), -ENOMEM);
    assert_int_equal(port.state, PORT_STOPPED);
    port_stop(&port);
    assert_int_equal(stops, 0);
    start_result = 0;
    assert_int_equal(port_start(&port), 0);
    assert_int_equal(port_start(&port), 0);
    assert_int_equal(starts, 2);
    port_stop(&port);
    port_stop(&port);
    assert_int_equal(stops, 1);
}

/* Packet caches belong to cores: a driver must find one when it starts. */
static void queues_need_a_core_before_start(void **state)
{
    assert_int_equal(port_register(&port), 0);
    rxq.cache = NULL;
    assert_int_equal(port_start(&port), -EINVAL);
    rxq.cache = &cache;
    txq.cache = NULL;
    assert_int_equal(port_start(&port), -EINVAL);
    assert_int_equal(starts, 0);
    assert_true(host_log_contains("before its queues belong to cores"));
}

/* iommu=strict: refused, told, and still there to be asked again. */
static void a_required_fence_keeps_unfenced_ports_stopped(void **state)
{
    int something;
    struct dma_device dma = { 0 };
    assert_int_equal(port_register(&port), 0);
    port_require_fence(true);
    port.dma = &dma; /* in no domain */
    assert_int_equal(port_start(&port), -EPERM);
    dma.domain = &something;
    port.unfenced = true; /* in one, and past it */
    assert_int_equal(port_start(&port), -EPERM);
    assert_int_equal(starts, 0);
    assert_int_equal(port.state, PORT_STOPPED);
    assert_true(host_log_contains("port 0 (fake): not started: no IOMMU fences it"));
    port.unfenced = false;
    assert_int_equal(port_start(&port), 0);
    port_stop(&port);
    port.dma = NULL; /* no device, nothing to fence */
    assert_int_equal(port_start(&port), 0);
    port_stop(&port);
}

static void without_that_unfenced_ports_start(void **state)
{
    struct dma_device dma = { 0 };
    port.dma = &dma;
    assert_int_equal(port_register(&port), 0);
    assert_false(port.unfenced); /* there is nothing that it could go round */
    assert_false(port_is_fenced(&port));
    assert_int_equal(port_start(&port), 0);
    port_stop(&port);
}

static void failure_stops_once_and_keeps_the_number(void **state)
{
    assert_int_equal(port_register(&port), 0);
    assert_int_equal(port_start(&port), 0);
    port_fail(&port, "first");
    assert_int_equal(stops, 1);
    assert_true(host_log_contains("port 0 (fake): failed: first"));
    port_fail(&port, "second");
    assert_int_equal(stops, 1);
    assert_string_equal(port.failure, "second");
    assert_ptr_equal(port_get(0), &port);
    assert_int_equal(port_start(&port), -EIO);
}

static void optional_operations_may_be_absent(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 0x02, 0, 0, 0, 0, 9 };
    assert_int_equal(port_register(&port), 0);
    assert_int_equal(port_set_mac(&port, mac), -ENOTSUP);
    assert_int_equal(port_set_rx_mode(&port, &(struct port_rx_mode){ 0 }), -ENOTSUP);
    port.limits.max_frame = 9022;
    assert_int_equal(port_set_mtu(&port, 1400), 0);
    assert_int_equal(port_set_mtu(&port, 1501), -ENOTSUP);
    assert_int_equal(port.mtu, 1400);
}

static void refused_settings_change_nothing(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 0x02, 0, 0, 0, 0, 9 }, zero[MAC_LEN];
    struct port_ops ops = least;
    ops.set_mac = fake_refuse_mac;
    port.ops = &ops;
    assert_int_equal(port_register(&port), 0);
    assert_int_equal(port_set_mac(&port, mac), -EIO);
    assert_memory_equal(port.mac, zero, MAC_LEN);
}

static void offloads_are_declared_before_they_are_asked_for(void **state)
{
    struct port_ops ops = least;
    port.limits.offloads = PORT_OFFLOAD_VLAN_STRIP;
    assert_int_equal(port_register(&port), -EINVAL); /* who declares some can switch them */
    ops.set_offloads = fake_set_offloads;
    port.ops = &ops;
    calls = result = 0;
    assert_int_equal(port_register(&port), 0);
    assert_int_equal(port_set_offloads(&port, PORT_OFFLOAD_VLAN_INSERT), -ENOTSUP);
    assert_int_equal(port_set_offloads(&port, 0), 0);
    assert_int_equal(calls, 0);
    assert_int_equal(port_set_offloads(&port, PORT_OFFLOAD_VLAN_STRIP), 0);
    assert_int_equal(port.offloads, PORT_OFFLOAD_VLAN_STRIP);
    result = EIO;
    assert_int_equal(port_set_offloads(&port, 0), -EIO);
    assert_int_equal(port.offloads, PORT_OFFLOAD_VLAN_STRIP);
    port_fail(&port, "gone");
    result = 0;
    assert_int_equal(port_set_offloads(&port, 0), -EIO);
}

/* IEEE 802.1Q 9.6: 4095 is reserved, 0 is no VLAN. */
static void vlan_filters_are_for_devices_that_filter(void **state)
{
    struct port_ops ops = least;
    assert_int_equal(port_register(&port), 0);
    assert_int_equal(port_vlan_filter(&port, 5, true), 0);
    ops.vlan_filter = fake_vlan_filter;
    port.ops = &ops;
    calls = 0;
    result = ENOSPC;
    assert_int_equal(port_vlan_filter(&port, 0, true), -EINVAL);
    assert_int_equal(port_vlan_filter(&port, VLAN_MAX + 1, true), -EINVAL);
    assert_int_equal(calls, 0);
    assert_int_equal(port_vlan_filter(&port, VLAN_MAX, true), -ENOSPC);
    port_fail(&port, "gone");
    assert_int_equal(port_vlan_filter(&port, 5, true), -EIO);
    assert_int_equal(calls, 1);
}

/* A device that states a smaller one than the usual begins with it. */
static void the_first_mtu_is_within_the_limit(void **state)
{
    port.limits.max_frame = FRAME_LIMIT(1400);
    assert_int_equal(port_register(&port), 0);
    assert_int_equal(port.mtu, 1400);
}

static void queues_change_within_limits_while_stopped(void **state)
{
    static struct port_queue more[3] = { { .cache = &cache },
                                         { .cache = &cache },
                                         { .cache = &cache } };
    port.rxq[1] = &more[0];
    port.rxq[2] = &more[1];
    port.txq[1] = &more[2];
    port.limits.rx_queues_max = 4;
    port.limits.tx_queues_max = 2;
    assert_int_equal(port_register(&port), 0);
    assert_int_equal(port_queues_limit(&port), 4);
    assert_int_equal(port_set_queues(&port, 0), -EINVAL);
    assert_int_equal(port_set_queues(&port, 5), -EINVAL);
    assert_int_equal(port.rx_queues, 1);
    assert_int_equal(port_set_queues(&port, 2), 0);
    assert_int_equal(port.rx_queues, 2);
    assert_int_equal(port.tx_queues, 2);
    assert_int_equal(port_set_queues(&port, 3), 0); /* it has no more to send with than two */
    assert_int_equal(port.rx_queues, 3);
    assert_int_equal(port.tx_queues, 2);
    assert_int_equal(port_set_queues(&port, 2), 0);
    assert_int_equal(port_start(&port), 0);
    assert_int_equal(port_set_queues(&port, 1), -EBUSY);
    assert_int_equal(port.rx_queues, 2);
    port_fail(&port, "gone");
    assert_int_equal(port_set_queues(&port, 1), -EIO);
}

static void long_rings_are_halved_down_to_usual_ones(void **state)
{
    port.limits.rx_size_max = port.limits.tx_size_max = 1024;
    port.limits.rx_size_default = 1024;
    port.limits.tx_size_default = 512;
    rxq.size = 1024;
    txq.size = 512;
    assert_int_equal(port_register(&port), 0);
    uint64_t memory = port_memory(&port, 1, 1);
    assert_true(ports_shorten_rings());
    assert_int_equal(rxq.size, 512);
    assert_int_equal(txq.size, RING_SIZE_USUAL);
    assert_true(ports_shorten_rings());
    assert_false(ports_shorten_rings());
    assert_int_equal(rxq.size, RING_SIZE_USUAL);
    assert_int_equal(txq.size, RING_SIZE_USUAL);
    assert_int_equal(port.limits.rx_size_default, RING_SIZE_USUAL);
    assert_true(port_memory(&port, 1, 1) < memory);
}

/* What is set aside on a small machine does not depend on how many queues a device could have. */
static void memory_is_kept_for_sixteen_queues_or_one_a_cpu(void **state)
{
    assert_int_equal(port_queues_kept(1, 1), 1);
    assert_int_equal(port_queues_kept(16, 1), 16);
    assert_int_equal(port_queues_kept(64, 1), 16);
    assert_int_equal(port_queues_kept(64, 24), 24);
    assert_int_equal(port_queues_kept(8, 24), 8);
}

static void link_changes_are_told_once(void **state)
{
    assert_int_equal(port_register(&port), 0);
    assert_false(port_poll_link(&port));
    assert_int_equal(port_start(&port), 0);
    assert_true(port_poll_link(&port));
    assert_false(port_poll_link(&port));
    wire.speed_mbps = 100;
    assert_true(port_poll_link(&port));
    wire.full_duplex = false;
    assert_true(port_poll_link(&port));
    port_stop(&port);
    assert_true(port_poll_link(&port)); /* the stop took the link down */
    assert_false(port_poll_link(&port));
    assert_false(port.link.up);
}

/* The PF is registered before its VFs; without it here a VF stands for itself. */
static void a_vf_knows_its_pfs_port(void **state)
{
    static struct pci_function pf, vf = { .pf = &pf };
    struct port above = port, below = port, alone = port;
    above.pci = &pf;
    below.pci = alone.pci = &vf;
    assert_int_equal(port_register(&alone), 0);
    assert_int_equal(port_register(&above), 0);
    assert_int_equal(port_register(&below), 0);
    assert_ptr_equal(below.uplink, &above);
    assert_null(alone.uplink);
    assert_null(above.uplink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_mandatory_operation_is_asked_for, set_up),
        cmocka_unit_test_setup(limits_that_contradict_themselves_are_refused, set_up),
        cmocka_unit_test_setup(the_lowest_free_number_is_given, set_up),
        cmocka_unit_test_setup(pollers_are_out_before_the_driver_stops, set_up),
        cmocka_unit_test_setup(start_that_fails_leaves_the_port_stopped, set_up),
        cmocka_unit_test_setup(queues_need_a_core_before_start, set_up),
        cmocka_unit_test_setup(a_required_fence_keeps_unfenced_ports_stopped, set_up),
        cmocka_unit_test_setup(without_that_unfenced_ports_start, set_up),
        cmocka_unit_test_setup(failure_stops_once_and_keeps_the_number, set_up),
        cmocka_unit_test_setup(optional_operations_may_be_absent, set_up),
        cmocka_unit_test_setup(refused_settings_change_nothing, set_up),
        cmocka_unit_test_setup(offloads_are_declared_before_they_are_asked_for, set_up),
        cmocka_unit_test_setup(vlan_filters_are_for_devices_that_filter, set_up),
        cmocka_unit_test_setup(the_first_mtu_is_within_the_limit, set_up),
        cmocka_unit_test_setup(queues_change_within_limits_while_stopped, set_up),
        cmocka_unit_test_setup(long_rings_are_halved_down_to_usual_ones, set_up),
        cmocka_unit_test(memory_is_kept_for_sixteen_queues_or_one_a_cpu),
        cmocka_unit_test_setup(link_changes_are_told_once, set_up),
        cmocka_unit_test_setup(a_vf_knows_its_pfs_port, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
