/* vmxnet3.c over the model: the conformance suite, then what is its own: revisions, queues and the
 * hash that chooses among them, filters, tags, verdicts, events, counters, and a device that
 * lies. */
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/nic_rig.h"
#include "tests/models/vmxnet3_model.h"

#include <errno.h>
#include <string.h>

#define NEWEST VMXNET3_REVISION_MAX

static const uint8_t mac[MAC_LEN] = { 0x00, 0x50, 0x56, 0x12, 0x34, 0x56 };
static struct vmxnet3_model model;

static struct pci_function *function(void)
{
    return model.function;
}

static unsigned violations(void)
{
    return vmxnet3_model_violations(&model);
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return vmxnet3_model_inject(&model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return vmxnet3_model_take(&model, frame, size);
}

static void set_link(bool up)
{
    vmxnet3_model_set_link(&model, up);
}

static const struct nic_model vmxnet3 = { .driver = "vmxnet3",
                                          .function = function,
                                          .inject = inject,
                                          .take = take,
                                          .violations = violations };

/* Conformance ------------------------------------------------------------------ */

static struct {
    unsigned revision, rx_queues, tx_queues, skips;
    uint16_t size;
    bool doorbells;
} as;

static struct port *create(struct packet_cache *packets)
{
    nic.model = &vmxnet3;
    vmxnet3_model_init(&model, mac, as.revision);
    model.wants_doorbells = as.doorbells;
    model.skips = as.skips;
    return nic_create(packets, (uint16_t)as.rx_queues, (uint16_t)as.tx_queues, as.size);
}

static int conformance(const char *name, unsigned revision, unsigned rx, unsigned tx, uint16_t size)
{
    as.revision = revision;
    as.rx_queues = rx;
    as.tx_queues = tx;
    as.size = size;
    return conformance_run(&(struct conformance_subject){ .name = name,
                                                          .flags = CONFORMANCE_FILTERS,
                                                          .create = create,
                                                          .destroy = nic_remove,
                                                          .inject = inject,
                                                          .take = take,
                                                          .set_link = set_link,
                                                          .violations = violations });
}

static int conformance_everywhere(void)
{
    int failed = conformance("revision_1", 1, 1, 1, 256) + conformance("revision_2", 2, 1, 1, 64) +
                 conformance("revision_4", 4, 2, 2, 1024) +
                 conformance("most_queues", 4, 16, 8, 64);
    as.doorbells = true;
    failed += conformance("doorbells", 3, 1, 1, 128);
    as.skips = 2;
    failed += conformance("skips_buffers", 4, 1, 1, 256);
    as.doorbells = false;
    as.skips = 0;
    return failed;
}

/* A bench of one's own ----------------------------------------------------------- */

static int set_up(void **state)
{
    nic_set_up(&vmxnet3);
    vmxnet3_model_init(&model, mac, NEWEST);
    return 0;
}

static int tear_down(void **state)
{
    nic_tear_down();
    return 0;
}

static void begin_as(unsigned revision)
{
    vmxnet3_model_init(&model, mac, revision);
}

static uint32_t plain(uint8_t *frame)
{
    memset(frame, 0x77, 100);
    memcpy(frame, nic.port->mac, MAC_LEN);
    return 100;
}

static uint32_t tagged(uint8_t *frame, uint16_t type, uint16_t tci)
{
    plain(frame);
    store_be16(frame + ETHERNET_TYPE, type);
    store_be16(frame + VLAN_TCI, tci);
    return 100;
}

/* Probe ---------------------------------------------------------------------------- */

/* Of what the device offers, the newest that the driver knows. */
static void newest_common_revision_is_chosen(void **state)
{
    static const uint32_t offered[] = { 0x01, 0x03, 0x07, 0x0f, 0x1f, 0x7f, 0x71 },
                          wanted[] = { 0x01, 0x02, 0x04, 0x08, 0x08, 0x08, 0x01 };
    for (unsigned i = 0; i < ARRAY_SIZE(offered); i++) {
        port_reset_registry();
        begin_as(1);
        model.revisions = offered[i];
        assert_true(nic_probe());
        assert_int_equal(model.chosen, wanted[i]);
        assert_true(model.upt_chosen);
        nic_run(1);
        assert_true(nic_exchange());
        nic_remove();
        assert_int_equal(violations(), 0);
    }
    nic.port = NULL;
}

static void unknown_revisions_fail_the_port(void **state)
{
    model.revisions = 0x70;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, "no revision in common");
    assert_true(host_log_contains("vmxnet3 0000:00:03.0: VRRS is 00000070, UVRS 00000001"));
    assert_false(nic_is_master());
}

static void unknown_upt_version_fails_the_port(void **state)
{
    model.no_upt = true;
    assert_false(nic_probe());
    assert_string_equal(nic.port->failure, "no revision in common");
    assert_true(host_log_contains("UVRS 00000002"));
}

static void silent_device_fails_the_port(void **state)
{
    model.gone = true;
    assert_false(nic_probe());
    assert_string_equal(nic.port->failure, "the device does not answer");
}

static void refused_reset_is_told_and_fails_the_port(void **state)
{
    model.reset_refused = true;
    assert_false(nic_probe());
    assert_string_equal(nic.port->failure, "reset did not complete");
    assert_true(host_log_contains("CMD is 00000002 after RESET_DEV, expected 00000000"));
    assert_int_equal(port_start(nic.port), -EIO);
}

static void address_is_the_permanent_one(void **state)
{
    memset(model.mac, 0x02, MAC_LEN); /* somebody changed it before */
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, mac, MAC_LEN);
    assert_memory_equal(nic.port->permanent_mac, mac, MAC_LEN);
    assert_string_equal(nic.port->driver, "vmxnet3");
}

static void address_of_nobody_is_replaced(void **state)
{
    memset(model.permanent_mac, 0xff, MAC_LEN);
    assert_true(nic_probe());
    assert_int_equal(nic.port->mac[0] & 3, 2);
    nic_run(1);
    assert_true(nic_exchange()); /* the device was told */
}

/* Start and stop ---------------------------------------------------------------------- */

static void interrupts_are_masked(void **state)
{
    nic_run(1);
    assert_true(model.masked);
}

static void device_that_refuses_is_told(void **state)
{
    model.tx_queues_max = 1;
    assert_int_equal(nic_start(1, 2), -EIO);
    assert_int_equal(nic.port->state, PORT_STOPPED);
    assert_true(host_log_contains("ACTIVATE_DEV refused"));
    assert_false(nic_is_master());
    assert_int_equal(nic_start(1, 1), 0);
    assert_true(nic_exchange());
}

static void device_that_goes_fails_the_port(void **state)
{
    nic_run(1);
    model.gone = true;
    port_poll_link(nic.port);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, "the device does not answer any more");
    model.active = false;
}

static void stop_that_is_refused_fails_the_port(void **state)
{
    nic_run(1);
    model.reset_refused = true;
    port_stop(nic.port);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_false(nic_is_master()); /* so nothing it still does lands */
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
}

/* Nothing is lost by it, so nothing starts anew. */
static void mtu_changes_without_a_restart(void **state)
{
    static const uint16_t mtus[] = { 9000, 4000, 1500, 9000 };
    static uint8_t frame[FRAME_MAX];
    nic_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(mtus); i++) {
        assert_int_equal(port_set_mtu(nic.port, mtus[i]), 0);
        nic_poll(0); /* from then on there are buffers */
        memcpy(frame, nic.port->mac, MAC_LEN);
        assert_true(inject(frame, mtus[i] + ETHERNET_HEADER));
        assert_int_equal(nic_poll(0), 1);
    }
    assert_int_equal(model.activations, 1);
    assert_int_equal(port_set_mtu(nic.port, 9001), -EINVAL);
}

/* Queues -------------------------------------------------------------------------------- */

static uint32_t flow(uint8_t *frame, uint8_t protocol, uint32_t from, uint32_t to, uint16_t ports)
{
    uint8_t *ip = frame + ETHERNET_HEADER;
    memset(frame, 0, 80);
    memcpy(frame, nic.port->mac, MAC_LEN);
    frame[12] = 0x08;
    ip[0] = 0x45;
    ip[3] = 46;
    ip[9] = protocol;
    ip[12] = ip[16] = 10;
    ip[15] = (uint8_t)from;
    ip[19] = (uint8_t)to;
    store_be16(ip + 20, (uint16_t)(ports + from * 7));
    store_be16(ip + 22, (uint16_t)(ports + to * 7));
    return 60;
}

static unsigned queue_of(uint8_t protocol, uint32_t from, uint32_t to, uint16_t ports)
{
    uint8_t frame[80];
    unsigned found = 99;
    assert_true(inject(frame, flow(frame, protocol, from, to, ports)));
    for (unsigned i = 0; i < nic.port->rx_queues; i++)
        if (nic_poll(i)) {
            assert_int_equal(found, 99);
            found = i;
        }
    assert_int_not_equal(found, 99);
    return found;
}

/* Every number of queues up to the most; both directions of a flow in one. */
static void flows_are_spread_and_stay_together(void **state)
{
    assert_true(nic_probe());
    for (unsigned queues = 1; queues <= VMXNET3_RX_QUEUES_MAX; queues++) {
        unsigned hits[VMXNET3_RX_QUEUES_MAX] = { 0 }, live = 1;
        while (2 * live <= queues)
            live *= 2;
        nic_run(queues);
        for (uint32_t from = 1; from <= 16; from++)
            for (uint32_t to = 17; to <= 32; to++) {
                unsigned queue = queue_of(6, from, to, 1000);
                hits[queue]++;
                assert_int_equal(queue_of(6, to, from, 1000), queue);
            }
        for (unsigned i = 0; i < queues; i++)
            if (i < live)
                assert_in_range(hits[i], 256 / live / 4, 256 / live * 3);
            else
                assert_int_equal(hits[i], 0);
        port_stop(nic.port);
    }
}

static bool ports_matter(unsigned revision, uint8_t protocol)
{
    bool matter = false;
    port_reset_registry();
    nic.port = NULL;
    begin_as(revision);
    nic_run(8);
    unsigned first = queue_of(protocol, 1, 2, 0);
    for (uint16_t ports = 1; ports < 64; ports++)
        matter |= queue_of(protocol, 1, 2, ports) != first;
    nic_remove();
    nic.port = NULL;
    assert_int_equal(violations(), 0);
    return matter;
}

static void udp_is_spread_by_ports_since_revision_4(void **state)
{
    for (unsigned revision = 1; revision <= NEWEST; revision++) {
        assert_true(ports_matter(revision, 6));
        assert_int_equal(ports_matter(revision, 17), revision >= 4);
    }
}

static void what_is_no_ip_goes_to_the_first_queue(void **state)
{
    uint8_t frame[100];
    nic_run(16);
    for (unsigned i = 0; i < 8; i++) {
        plain(frame);
        frame[20] = (uint8_t)i;
        assert_true(inject(frame, sizeof frame));
    }
    assert_int_equal(nic_poll(0), 8);
}

static void all_queues_send(void **state)
{
    uint8_t frame[100] = { 0 };
    assert_int_equal(nic_start(16, 8), 0);
    for (unsigned i = 0; i < 8; i++) {
        struct packet *p = conformance_packet(&nic.cache, frame, sizeof frame, PACKET_ROOM);
        assert_int_equal(port_tx_burst(nic.port->txq[i], &p, 1), 1);
    }
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(take(frame, sizeof frame), 100);
}

static void device_with_fewer_queues_is_asked_for_less(void **state)
{
    static const unsigned has[] = { 15, 8, 3, 1 }, live[] = { 8, 8, 2, 1 };
    assert_true(nic_probe());
    for (unsigned i = 0; i < ARRAY_SIZE(has); i++) {
        unsigned used = 0;
        model.rx_queues_max = has[i];
        nic_run(16);
        assert_int_equal(model.rx_queues, live[i]);
        for (uint32_t to = 2; to < 40; to++)
            used |= 1u << queue_of(17, 1, to, 5);
        assert_int_equal(used, (1u << live[i]) - 1);
        port_stop(nic.port);
    }
    assert_true(host_log_contains("8 receive queues instead of 16"));
}

static void full_queue_does_not_hold_up_the_others(void **state)
{
    uint8_t frame[80];
    unsigned dropped = 0;
    nic_run(4);
    unsigned full = queue_of(17, 1, 2, 0), other = full;
    uint32_t to = 2;
    while (other == full && to < 100)
        other = queue_of(17, 1, ++to, 0);
    for (unsigned i = 0; i < 400; i++)
        dropped += !inject(frame, flow(frame, 17, 1, 2, 0));
    assert_in_range(dropped, 100, 400);
    assert_true(inject(frame, flow(frame, 17, 1, to, 0)));
    assert_int_equal(nic_poll(other), 1);
    assert_int_equal(nic_stats().rx_missed, dropped);
    nic_poll(full);
}

/* Filters, tags, verdicts --------------------------------------------------------------------- */

static bool hears(uint16_t type, uint16_t tci)
{
    uint8_t frame[100];
    assert_true(inject(frame, tagged(frame, type, tci)));
    return nic_poll(0);
}

static void vlans_are_filtered_but_for_the_promiscuous(void **state)
{
    nic_run(1);
    assert_true(hears(0x88b5, 5) && hears(0x8100, 0xe000)); /* none, and a priority alone */
    assert_false(hears(0x8100, 5) || hears(0x8100, 0xe001));
    assert_int_equal(port_vlan_filter(nic.port, 5, true), 0);
    assert_int_equal(port_vlan_filter(nic.port, VLAN_MAX, true), 0);
    assert_true(hears(0x8100, 5) && hears(0x8100, VLAN_MAX) && !hears(0x8100, 6));
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ .promiscuous = true });
    assert_true(hears(0x8100, 6));
    assert_int_equal(port_vlan_filter(nic.port, 5, false), 0);
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ 0 });
    assert_true(!hears(0x8100, 5) && !hears(0x8100, 6) && hears(0x8100, VLAN_MAX));
    port_stop(nic.port);
    nic_run(1);
    assert_true(!hears(0x8100, 5) && hears(0x8100, VLAN_MAX) && hears(0x88b5, 5));
}

/* The table is a page; who wants more hears all. */
static void groups_beyond_the_table_are_all_heard(void **state)
{
    static uint8_t groups[800][MAC_LEN], other[MAC_LEN] = { 0x01, 9, 9, 9, 9, 9 };
    uint8_t frame[100];
    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
        memset(groups[i], 1, MAC_LEN);
        store_be16(groups[i] + 4, (uint16_t)i);
    }
    nic_run(1);
    for (uint16_t n = 600; n <= 800; n = (uint16_t)(n + 200)) {
        const struct port_rx_mode mode = { .multicast = groups, .multicast_count = n };
        assert_int_equal(port_set_rx_mode(nic.port, &mode), 0);
        plain(frame);
        memcpy(frame, groups[n - 1], MAC_LEN);
        assert_true(inject(frame, sizeof frame) && nic_poll(0));
        memcpy(frame, other, MAC_LEN);
        assert_true(inject(frame, sizeof frame));
        assert_int_equal(nic_poll(0), n == 800);
    }
}

#define TAGS (PORT_OFFLOAD_VLAN_STRIP | PORT_OFFLOAD_VLAN_INSERT)

static void revision_1_is_not_asked_for_what_qemu_gets_wrong(void **state)
{
    uint8_t frame[100];
    begin_as(1);
    model.strips_all = true;
    assert_true(nic_probe());
    assert_int_equal(nic.port->limits.offloads, PORT_OFFLOAD_VLAN_INSERT);
    assert_int_equal(port_set_offloads(nic.port, TAGS), -ENOTSUP);
    nic_run(1);
    assert_int_equal(port_vlan_filter(nic.port, 5, true), 0);
    assert_true(inject(frame, tagged(frame, 0x88a8, 5)));
    struct packet *p = nic_receive();
    assert_int_equal(p->frame_length, 100);
    assert_int_equal(load_be16(p->data + ETHERNET_TYPE), 0x88a8);
    packet_free(&nic.cache, p);
    flow(frame, 17, 1, 2, 0); /* its header's checksum is 0, and wrong */
    assert_true(inject(frame, 60));
    p = nic_receive();
    assert_int_equal(p->flags, 0);
    packet_free(&nic.cache, p);
}

static void tags_are_put_on_and_taken_off(void **state)
{
    uint8_t frame[120];
    nic_run(1);
    port_vlan_filter(nic.port, 100, true);
    assert_int_equal(port_set_offloads(nic.port, TAGS), 0);
    assert_true(inject(frame, tagged(frame, 0x8100, 3u << 13 | 100)));
    struct packet *p = nic_receive();
    assert_int_equal(p->frame_length, 96);
    assert_int_equal(p->vlan, 3u << 13 | 100);
    p->vlan = 7u << 13 | 200;
    assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
    assert_int_equal(take(frame, sizeof frame), 100);
    assert_int_equal(load_be32(frame + ETHERNET_TYPE), 0x8100u << 16 | 7u << 13 | 200);
    assert_int_equal(frame[16], 0x77);
}

static void checksum_verdict_is_passed_on(void **state)
{
    static const uint8_t good[2] = { 0xa6, 0xbd }; /* of flow(17, 1, 2) */
    uint8_t frame[80];
    begin_as(2);
    nic_run(1);
    for (unsigned i = 0; i < 3; i++) {
        flow(frame, 17, 1, 2, 0);
        memcpy(frame + ETHERNET_HEADER + 10, good, 2);
        frame[ETHERNET_HEADER + 11] = (uint8_t)(frame[ETHERNET_HEADER + 11] + (i == 1));
        frame[13] = i == 2;
        assert_true(inject(frame, 60));
        struct packet *p = nic_receive();
        assert_int_equal(p->flags, i == 0   ? PACKET_IP_CHECKSUM_GOOD
                                   : i == 1 ? PACKET_IP_CHECKSUM_BAD
                                            : 0);
        packet_free(&nic.cache, p);
    }
}

/* Events and counters ---------------------------------------------------------------------- */

static void link_events_are_seen_in_memory(void **state)
{
    nic_run(1);
    unsigned commands = model.commands;
    assert_false(port_poll(nic.port, 1000));
    set_link(false);
    assert_int_equal(model.commands, commands); /* nobody asked the device */
    assert_true(port_poll(nic.port, 2000));
    assert_int_equal(model.acknowledged, 1);
    assert_false(port_poll(nic.port, 3000));
    set_link(true);
    assert_true(port_poll(nic.port, 4000));
    port_poll_link(nic.port);
    assert_true(nic.port->link.up);
    assert_int_equal(nic.port->link.speed_mbps, 10000);
}

static void starts_over(const char *why)
{
    uint64_t before = nic_counter("starts over");
    assert_true(port_poll(nic.port, 1000));
    assert_int_equal(nic.port->state, PORT_RUNNING);
    assert_true(host_log_contains(why));
    assert_int_equal(nic_counter("starts over"), before + 1);
    assert_false(port_poll(nic.port, 2000));
    assert_true(nic_exchange());
}

static void stopped_queue_starts_the_port_over(void **state)
{
    nic_run(2);
    vmxnet3_model_stop_queue(&model, &model.rx[1], 0x80000001);
    starts_over("starts over: the device stopped a queue");
    assert_true(host_log_contains("receive queue 1 was stopped, error 80000001"));
    vmxnet3_model_stop_queue(&model, &model.tx[0], 0x80000002);
    starts_over("transmit queue 0 was stopped, error 80000002");
}

/* Five times in a minute; a minute later it may again. */
static void device_that_never_recovers_fails_the_port(void **state)
{
    nic_run(1);
    for (unsigned minute = 0; minute < 2; minute++) {
        for (unsigned i = 0; i < 5; i++) {
            vmxnet3_model_stop_queue(&model, &model.rx[0], 1);
            starts_over("stopped a queue");
        }
        if (!minute)
            host_advance_us(61 * 1000000ull);
    }
    vmxnet3_model_stop_queue(&model, &model.rx[0], 1);
    port_poll(nic.port, 1000);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, "the device stopped a queue");
    assert_false(nic_is_master());
}

static void device_that_does_not_start_again_fails_the_port(void **state)
{
    nic_run(1);
    vmxnet3_model_stop_queue(&model, &model.rx[0], 1);
    model.tx_queues_max = 0;
    port_poll(nic.port, 1000);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_true(host_log_contains("ACTIVATE_DEV refused"));
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
}

/* The device begins anew with each start; the port does not, whether somebody asked before or not.
 */
static void counters_outlive_the_device(void **state)
{
    for (uint64_t round = 1; round <= 3; round++) {
        nic_run(2);
        assert_true(nic_exchange());
        model.rx[1].counters[9] = 5;
        model.tx[0].counters[8] = 2;
        model.tx[0].counters[9] = 1;
        if (round == 2)
            assert_int_equal(nic_stats().rx_errors, 10);
        port_stop(nic.port);
        assert_int_equal(nic_stats().rx_errors, 5 * round);
        assert_int_equal(nic_stats().tx_errors, 3 * round);
    }
    assert_int_equal(nic_counter("ucastPktsRxOK"), 3);
    assert_int_equal(nic_counter("ucastBytesTxOK"), 300);
}

static void counters_that_run_backwards_never_do_here(void **state)
{
    nic_run(1);
    model.rx[0].counters[8] = 1000;
    assert_int_equal(nic_stats().rx_missed, 1000);
    model.rx[0].counters[8] = 7;
    assert_int_equal(nic_stats().rx_missed, 1007);
    model.rx[0].counters[8] = 8;
    assert_int_equal(nic_stats().rx_missed, 1008);
}

/* A device that lies --------------------------------------------------------------- */

#define WHOLE (VMXNET3_RCD_SOP | VMXNET3_RCD_EOP)

/* A completion of the next buffer of ring 0, or of ring 1. */
static void complete(unsigned ring, uint64_t what, uint64_t result)
{
    struct vmxnet3_model_ring *r = &model.rx[0].ring[ring];
    what |= r->next++ % r->size | FIELD_PUT(VMXNET3_RCD_RING, (uint64_t)ring * model.rx_queues);
    assert_true(vmxnet3_model_complete(&model, &model.rx[0], what, result));
}

static void bad_frames_are_dropped_and_counted_once(void **state)
{
    nic_run(1);
    uint64_t *errors = &nic.port->rxq[0]->errors;
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    nic_poll(0);
    complete(0, WHOLE, PACKET_ROOM + 1); /* longer than its buffer */
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(*errors, 1);
    complete(0, VMXNET3_RCD_EOP, 100); /* an end without a beginning */
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(*errors, 2);
    complete(0, VMXNET3_RCD_SOP, 100); /* a beginning without an end */
    complete(0, WHOLE, 100);
    assert_int_equal(nic_poll(0), 1);
    assert_int_equal(*errors, 3);
    complete(0, VMXNET3_RCD_SOP, PACKET_HEADER_MIN - 1); /* headers across a seam */
    complete(1, VMXNET3_RCD_EOP, 100);
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(*errors, 4);
    for (unsigned i = 0; i <= FRAME_SEGMENTS_MAX; i++)
        complete(i != 0,
                 i == 0                    ? VMXNET3_RCD_SOP
                 : i == FRAME_SEGMENTS_MAX ? VMXNET3_RCD_EOP
                                           : 0,
                 PACKET_HEADER_MIN);
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(*errors, 5);
    complete(0, WHOLE, FRAME_MIN - 1);
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(*errors, 6);
    assert_true(nic_exchange());
}

/* What the device marks and counts itself is not counted a second time. */
static void frames_that_the_device_marks_are_its_own_errors(void **state)
{
    static uint8_t frame[FRAME_MAX];
    nic_run(1);
    memcpy(frame, nic.port->mac, MAC_LEN);
    for (unsigned i = 0; i < 10; i++) /* two of ring 1 each, which has 16 */
        assert_true(inject(frame, 5000));
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(nic.port->rxq[0]->errors, 8); /* too long for the MTU */
    assert_int_equal(nic_stats().rx_missed, 2);
    assert_int_equal(nic_counter("refused"), 2);
    assert_true(nic_exchange());
}

static void empty_buffers_are_passed_over(void **state)
{
    nic_run(1);
    for (unsigned i = 0; i < 600; i++) {
        complete(0, WHOLE, 0);
        assert_int_equal(nic_poll(0), 0);
    }
    assert_int_equal(nic.port->rxq[0]->errors, 0);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    nic_poll(0);
    complete(0, VMXNET3_RCD_SOP, 200);
    complete(1, 0, 0);
    complete(1, VMXNET3_RCD_EOP, 0);
    assert_int_equal(nic_poll(0), 1);
    assert_int_equal(nic.port->rxq[0]->errors, 0);
}

static void completion_of_no_buffer_starts_over(void **state)
{
    static const uint64_t lies[] = {
        255,                    /* not given */
        256,                    /* not there */
        0xfff,                  /* not there at all */
        0x00010010,             /* not given in ring 1 */
        0x00020000, 0x03ff0000, /* nobody's ring */
    };
    nic_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        host_advance_us(61 * 1000000ull);
        assert_true(vmxnet3_model_complete(&model, &model.rx[0], WHOLE | lies[i], 100));
        assert_int_equal(nic_poll(0), 0);
        starts_over("device received into a buffer that it does not have");
    }
}

static void same_buffer_twice_starts_over(void **state)
{
    nic_run(1);
    assert_true(nic_exchange());
    assert_true(vmxnet3_model_complete(&model, &model.rx[0], WHOLE | 0, 100));
    assert_int_equal(nic_poll(0), 0);
    starts_over("device received into a buffer that it does not have");
}

static void wrong_transmit_completion_starts_over(void **state)
{
    uint8_t frame[100] = { 0 };
    nic_run(1);
    for (unsigned i = 0; i < 3; i++) {
        struct packet *p = conformance_packet(&nic.cache, frame, sizeof frame, PACKET_ROOM);
        assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
        if (i == 1)
            assert_true(vmxnet3_model_complete(&model, &model.tx[0], 1, 0));
    }
    starts_over("device sent another frame than the one that was next");
}

/* A descriptor's length of 0 means 16384. */
static void empty_segments_are_not_sent(void **state)
{
    uint8_t bytes[100], frame[200];
    nic_run(1);
    memset(bytes, 0x5c, sizeof bytes);
    for (unsigned empty = 0; empty < 3; empty++) {
        struct packet *p = conformance_packet(&nic.cache, bytes, 90, 30), *s = p;
        for (unsigned i = 0; i < empty; i++)
            s = s->next;
        memmove(s->data, bytes, 30);
        p->frame_length -= s->length;
        s->length = 0;
        assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
        assert_int_equal(take(frame, sizeof frame), 60);
        assert_memory_equal(frame, bytes, 60);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(newest_common_revision_is_chosen),
        T(unknown_revisions_fail_the_port),
        T(unknown_upt_version_fails_the_port),
        T(silent_device_fails_the_port),
        T(refused_reset_is_told_and_fails_the_port),
        T(address_is_the_permanent_one),
        T(address_of_nobody_is_replaced),
        T(interrupts_are_masked),
        T(device_that_refuses_is_told),
        T(device_that_goes_fails_the_port),
        T(stop_that_is_refused_fails_the_port),
        T(mtu_changes_without_a_restart),
        T(flows_are_spread_and_stay_together),
        T(udp_is_spread_by_ports_since_revision_4),
        T(what_is_no_ip_goes_to_the_first_queue),
        T(all_queues_send),
        T(device_with_fewer_queues_is_asked_for_less),
        T(full_queue_does_not_hold_up_the_others),
        T(vlans_are_filtered_but_for_the_promiscuous),
        T(groups_beyond_the_table_are_all_heard),
        T(revision_1_is_not_asked_for_what_qemu_gets_wrong),
        T(tags_are_put_on_and_taken_off),
        T(checksum_verdict_is_passed_on),
        T(link_events_are_seen_in_memory),
        T(stopped_queue_starts_the_port_over),
        T(device_that_never_recovers_fails_the_port),
        T(device_that_does_not_start_again_fails_the_port),
        T(counters_outlive_the_device),
        T(counters_that_run_backwards_never_do_here),
        T(bad_frames_are_dropped_and_counted_once),
        T(frames_that_the_device_marks_are_its_own_errors),
        T(empty_buffers_are_passed_over),
        T(completion_of_no_buffer_starts_over),
        T(same_buffer_twice_starts_over),
        T(wrong_transmit_completion_starts_over),
        T(empty_segments_are_not_sent),
    };
    return conformance_everywhere() + cmocka_run_group_tests(tests, NULL, NULL);
}
