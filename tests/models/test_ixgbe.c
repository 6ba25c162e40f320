/* ixgbe.c over the model, 82599 and X540: the conformance suite, then what is its own: probe, NVM,
 * reset, filters, spreading, statistics, and a chip that lies.  Link and modules:
 * test_ixgbe_link.c. */
#include "kernel/time.h"
#include "nic/intel/intel_advanced.h"
#include "nic/intel/ixgbe/ixgbe.h"
#include "nic/rss.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/ixgbe_rig.h"

#include <errno.h>
#include <string.h>

static struct ixgbe_rig *const rig = &ixgbe_rig;

/* Conformance -------------------------------------------------------------------- */

static enum ixgbe_model_chip chip;
static uint16_t ring_size, queues;

static struct port *create(struct packet_cache *cache)
{
    ixgbe_model_init(&rig->model, chip, ixgbe_rig_mac);
    return nic_create(cache, queues, queues, ring_size);
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return ixgbe_model_inject(&rig->model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return ixgbe_model_take(&rig->model, frame, size);
}

static void set_link(bool up)
{
    ixgbe_model_set_link(&rig->model, up);
}

static int conformance(const char *name, enum ixgbe_model_chip which, uint16_t n, uint16_t size)
{
    chip = which;
    queues = n;
    ring_size = size;
    return conformance_run(
        &(struct conformance_subject){ .name = name,
                                       .flags = CONFORMANCE_FILTERS | CONFORMANCE_PADS,
                                       .create = create,
                                       .destroy = ixgbe_rig_remove,
                                       .inject = inject,
                                       .take = take,
                                       .set_link = set_link,
                                       .violations = ixgbe_rig_model.violations });
}

/* Probe ---------------------------------------------------------------------- */

static void devices_are_listed_once(void **state)
{
    const struct pci_id *ids = nic_driver()->ids;
    bool sfp = false, x540 = false;
    for (unsigned i = 0; ids[i].vendor; i++) {
        assert_int_equal(ids[i].vendor, 0x8086);
        sfp |= ids[i].device == 0x10fb;
        x540 |= ids[i].device == 0x1528;
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(ids[i].device, ids[k].device);
    }
    assert_true(sfp && x540);
}

static void address_is_what_the_chip_loaded(void **state)
{
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, ixgbe_rig_mac, MAC_LEN);
    assert_memory_equal(nic.port->permanent_mac, ixgbe_rig_mac, MAC_LEN);
    assert_string_equal(nic.port->driver, "ixgbe");
    assert_ptr_equal(nic.port->pci, rig->model.function);
}

static void without_an_address_the_port_has_one_of_ours(void **state)
{
    static const uint8_t none[MAC_LEN];
    ixgbe_model_init(&rig->model, IXGBE_MODEL_82599, none);
    assert_true(nic_probe());
    assert_int_equal(nic.port->mac[0] & 3, 2);
}

/* The chip's first probe fails with these words. */
static void fails(const char *failure)
{
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, failure);
    assert_false(nic_is_master());
    nic_stats();
}

static void wrong_checksum_fails_the_port(void **state)
{
    rig->model.nvm[0x201]++; /* in a section */
    fails("its NVM has a wrong checksum");
    assert_true(host_log_contains("expected baba"));
    ixgbe_rig_make(IXGBE_MODEL_X540);
    rig->model.nvm[0x20]++;
    fails("its NVM has a wrong checksum");
}

/* The firmware's section is not in the sum; of the X540, the PHY's is not either. */
static void sections_outside_the_sum_do_not_matter(void **state)
{
    rig->model.nvm[0x282]++;
    assert_true(nic_probe());
    ixgbe_rig_make(IXGBE_MODEL_X540);
    rig->model.nvm[0x282]++;
    rig->model.nvm[0x101]++;
    assert_true(nic_probe());
}

/* However long the NVM says that its sections are. */
static void absurd_sections_end(void **state)
{
    rig->model.quiet = rig->model.vfs_are_hostile = true;
    for (unsigned i = 3; i < 15; i++)
        rig->model.nvm[i] = (uint16_t)(0x400 + i);
    for (unsigned i = 0x403; i < 0x40f; i++)
        rig->model.nvm[i] = 0x3000;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    ixgbe_rig_make(IXGBE_MODEL_82599); /* words that are not there were read: the test's wish */
}

static void silent_nvm_fails_the_port(void **state)
{
    rig->model.nvm_dead = true;
    fails("its NVM does not answer");
    assert_true(host_log_contains("EERD is"));
}

static void firmware_that_keeps_the_nvm_fails_the_port(void **state)
{
    rig->model.reset_does_nothing = true;
    ixgbe_model_set_reg(&rig->model, IXGBE_SW_FW_SYNC, IXGBE_SYNC_NVM << IXGBE_SYNC_FIRMWARE);
    fails("its NVM is held by firmware");
    assert_true(host_log_contains("SW_FW_SYNC is 00000020"));
}

static void semaphore_that_is_never_free_is_told(void **state)
{
    rig->model.semaphore_stuck = true;
    fails("its NVM is held by firmware");
    assert_true(host_log_contains("SWSM"));
}

static void reset_that_never_ends_fails_the_port(void **state)
{
    rig->model.reset_sticks = true;
    fails("reset did not complete");
    assert_true(host_log_contains("ixgbe 0000:01:00.0: CTRL is 04"));
    assert_true(host_log_contains("expected 00000000 under mask 04000000"));
}

static void nvm_that_is_never_loaded_fails_the_port(void **state)
{
    rig->model.no_auto_read = true;
    fails("reset did not complete");
    assert_true(host_log_contains("EEC is"));
}

static void dma_that_never_initializes_fails_the_port(void **state)
{
    rig->model.dma_never_ready = true;
    fails("reset did not complete");
    assert_true(host_log_contains("RDRXCTL is"));
    assert_true(host_log_contains("expected 00000008 under mask 00000008"));
}

static void slow_devices_are_waited_for(void **state)
{
    rig->model.reset_takes_us = 9000;
    rig->model.nvm_takes_us = rig->model.mdi_takes_us = 500;
    rig->model.queue_takes_us = rig->model.master_takes_us = 5000;
    ixgbe_rig_run(4);
    assert_false(host_log_contains("expected"));
    assert_true(nic_exchange());
}

static void all_ones_at_probe_fail_the_port(void **state)
{
    rig->model.gone = true;
    fails("reset did not complete");
    assert_true(host_log_contains("STATUS is ffffffff"));
}

static void missing_registers_fail_the_port(void **state)
{
    rig->model.function->bar[0].size = 0x1000;
    fails("no registers");
}

static void device_left_running_by_others_is_reset(void **state)
{
    ixgbe_model_set_reg(&rig->model, IXGBE_RXCTRL, IXGBE_RXCTRL_RXEN);
    ixgbe_model_set_reg(&rig->model, IXGBE_DMATXCTL, IXGBE_DMATXCTL_TE);
    assert_true(nic_probe());
    assert_true(rig->model.resets);
    assert_int_equal(ixgbe_rig_reg(IXGBE_RXCTRL) & IXGBE_RXCTRL_RXEN, 0);
    assert_int_equal(ixgbe_rig_reg(IXGBE_DMATXCTL) & IXGBE_DMATXCTL_TE, 0);
    assert_false(nic_is_master());
}

/* Start and stop ------------------------------------------------------------- */

static void bus_mastering_is_on_only_while_running(void **state)
{
    ixgbe_rig_run(1);
    assert_true(nic_is_master());
    port_stop(nic.port);
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
}

static void queue_that_does_not_start_is_told(void **state)
{
    assert_true(nic_probe());
    nic.port->rxq[0]->cache = nic.port->txq[0]->cache = &nic.cache;
    rig->model.queue_sticks = true;
    assert_int_equal(port_start(nic.port), -ETIMEDOUT);
    assert_int_not_equal(nic.port->state, PORT_RUNNING);
    assert_true(host_log_contains("TXDCTL is"));
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
    rig->model.queue_sticks = false;
    if (nic.port->state == PORT_STOPPED) {
        assert_int_equal(port_start(nic.port), 0);
        assert_true(nic_exchange());
    }
}

static void queue_that_does_not_stop_fails_the_port(void **state)
{
    ixgbe_rig_run(1);
    rig->model.queue_sticks = true;
    rig->model.rx[0].was_on = rig->model.tx[0].was_on = true;
    port_stop(nic.port);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
    rig->model.violations = 0; /* its transmitter went off while that queue was on */
}

/* 82599 SU, clarification 9: then there are two resets. */
static void requests_that_never_end_take_two_resets(void **state)
{
    ixgbe_rig_run(1);
    unsigned before = rig->model.resets;
    port_stop(nic.port);
    assert_int_equal(rig->model.resets, before + 1);
    assert_int_equal(port_start(nic.port), 0);
    rig->model.master_sticks = true;
    port_stop(nic.port);
    assert_true(host_log_contains("under mask 00080000"));
    assert_int_equal(rig->model.resets, before + 3);
    assert_false(nic_is_master());
}

/* The receiver goes on all the same. */
static void security_engine_that_is_never_ready_is_told(void **state)
{
    rig->model.security_sticks = true;
    ixgbe_rig_run(1);
    assert_true(host_log_contains("SECRXSTAT is"));
}

static void start_fails_clean_with_all_queues(void **state)
{
    assert_true(nic_probe());
    assert_int_equal(port_set_queues(nic.port, 16), 0);
    for (unsigned i = 0; i < 16; i++)
        nic.port->rxq[i]->cache = nic.port->txq[i]->cache = &nic.cache;
    for (unsigned n = 1;; n++) {
        assert_in_range(n, 1, 64);
        host_dma_fail_after(n);
        int e = port_start(nic.port);
        host_dma_fail_after(0);
        if (!e)
            break;
        assert_int_equal(e, -ENOMEM);
        assert_int_equal(nic.port->state, PORT_STOPPED);
        assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
    }
    assert_true(nic_exchange());
}

static void restart_that_fails_fails_the_port(void **state)
{
    ixgbe_rig_run(1);
    rig->model.reset_sticks = true;
    assert_int_equal(port_set_mtu(nic.port, 9000), -EIO);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_int_equal(nic.port->mtu, MTU_DEFAULT);
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
}

/* Whatever of a hundred: the port comes back as it was. */
static void resets_take_no_setting_away(void **state)
{
    static const uint8_t list[1][MAC_LEN] = { { 0x01, 0, 0x5e, 1, 2, 3 } };
    uint8_t frame[60] = { 0x01, 0, 0x5e, 1, 2, 3 };
    ixgbe_rig_run(2);
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ .multicast = list, .multicast_count = 1 });
    assert_int_equal(port_set_offloads(nic.port, PORT_OFFLOAD_VLAN_STRIP), 0);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(port_set_mtu(nic.port, i & 1 ? MTU_DEFAULT : 9000), 0);
        assert_true(inject(frame, sizeof frame));
        assert_int_equal(nic_poll(0), 1);
        assert_true(nic_exchange());
        assert_true(ixgbe_rig_reg(IXGBE_RX_BLOCK(1) + ADV_Q_CTL) & IXGBE_RXDCTL_VME);
    }
}

static void removal_stops_a_running_port(void **state)
{
    ixgbe_rig_run(16);
    assert_true(nic_exchange());
    ixgbe_rig_remove();
    assert_null(port_get(0));
}

static void device_that_leaves_the_bus_is_told_once_and_harms_nobody(void **state)
{
    ixgbe_rig_run(1);
    ixgbe_rig_turn(20000);
    assert_true(nic.port->link.up);
    rig->model.gone = true;
    ixgbe_rig_turn(20000);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_true(host_log_contains("the device does not answer any more"));
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
}

/* Filters and frames --------------------------------------------------------------- */

static void addresses_left_by_others_are_not_ours(void **state)
{
    static const uint8_t left[MAC_LEN] = { 0x02, 9, 9, 9, 9, 9 };
    uint8_t frame[60] = { 0 };
    assert_true(nic_probe());
    rig->model.reset_does_nothing = true;
    ixgbe_model_set_reg(&rig->model, IXGBE_RAL(127), 0x09090902);
    ixgbe_model_set_reg(&rig->model, IXGBE_RAL(127) + 4, INTEL_RAH_AV | 0x0909);
    ixgbe_rig_run(1);
    memcpy(frame, left, MAC_LEN);
    assert_true(inject(frame, sizeof frame));
    assert_int_equal(nic_poll(0), 0);
}

/* MCSTCTRL.MO 0: bits 47:36; xx:xx:xx:xx:9x:BC is bit 9 of row 94. */
static void multicast_hash_is_by_the_upper_bits(void **state)
{
    static const uint8_t list[1][MAC_LEN] = { { 0x01, 0x02, 0x03, 0x04, 0x9a, 0xbc } };
    ixgbe_rig_run(1);
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ .multicast = list, .multicast_count = 1 });
    for (uint32_t i = 0; i < INTEL_MTA_REGS; i++)
        assert_int_equal(ixgbe_rig_reg(INTEL_MTA(i)), i == 94 ? 1u << 9 : 0);
}

static void long_frames_take_several_buffers(void **state)
{
    static uint8_t frame[FRAME_LONGEST];
    struct packet *p;
    ixgbe_rig_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9711), -EINVAL);
    assert_int_equal(port_set_mtu(nic.port, 9710), 0);
    assert_int_equal(ixgbe_rig_reg(IXGBE_MAXFRS) >> 16, 9728 + 2 * VLAN_TAG);
    assert_int_equal(port_frame_limit(nic.port), 2040 + 1923 * 4);
    for (uint32_t length = 2040; length <= port_frame_limit(nic.port); length += 1923) {
        for (uint32_t i = 0; i < length; i++)
            frame[i] = (uint8_t)(i * 31);
        memcpy(frame, nic.port->mac, MAC_LEN);
        assert_true(inject(frame, length));
        assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
        assert_int_equal(p->frame_length, length);
        assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
        assert_int_equal(take(frame, sizeof frame), length);
        assert_int_equal(frame[length - 1], (uint8_t)((length - 1) * 31));
    }
    assert_true(inject(frame, port_frame_limit(nic.port) + 1)); /* refused by the chip */
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(nic_stats().rx_errors, 1);
}

static void vlan_stripping_comes_and_goes_with_the_wish(void **state)
{
    ixgbe_rig_run(2);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t wanted = i & 1 ? PORT_OFFLOAD_VLAN_STRIP | PORT_OFFLOAD_VLAN_INSERT : 0;
        assert_int_equal(port_set_offloads(nic.port, wanted), 0);
        for (unsigned q = 0; q < 2; q++)
            assert_int_equal(ixgbe_rig_reg(IXGBE_RX_BLOCK(q) + ADV_Q_CTL) & IXGBE_RXDCTL_VME,
                             i & 1 ? IXGBE_RXDCTL_VME : 0);
    }
}

/* Spreading ----------------------------------------------------------------------- */

static void flows_are_spread_over_sixteen_queues(void **state)
{
    unsigned hits[16] = { 0 };
    ixgbe_rig_run(16);
    for (uint32_t from = 1; from <= 16; from++)
        for (uint32_t to = 17; to <= 48; to++) {
            uint8_t protocol = from & 1 ? 6 : 17;
            unsigned queue = nic_queue_of(protocol, from, to);
            hits[queue]++;
            assert_int_equal(nic_queue_of(protocol, to, from), queue); /* both ways */
        }
    for (unsigned i = 0; i < 16; i++) /* 512 flows; a fair share is 32 */
        assert_in_range(hits[i], 8, 96);
}

static void keys_that_are_not_symmetric_part_both_ways(void **state)
{
    unsigned apart = 0;
    rss_set_symmetric(false);
    ixgbe_rig_run(16);
    for (uint32_t from = 1; from <= 16; from++)
        apart += nic_queue_of(6, from, from + 40) != nic_queue_of(6, from + 40, from);
    rss_set_symmetric(true);
    assert_in_range(apart, 8, 16);
}

/* With several queues a full one drops, counted once, and the others go on. */
static void full_queue_does_not_hold_up_the_others(void **state)
{
    uint8_t frame[80];
    unsigned sent = 0, full = 0, other = 0;
    ixgbe_rig_run(2);
    for (uint32_t to = 17; to < 200 && (!full || !other); to++) {
        full = nic_queue_of(6, 1, to) == 0 ? to : full;
        other = nic_queue_of(6, 1, to) == 1 ? to : other;
    }
    while (inject(frame, nic_flow(frame, 6, 1, full)))
        assert_in_range(++sent, 1, 300);
    for (unsigned i = 0; i < 4; i++)
        inject(frame, nic_flow(frame, 6, 1, full));
    assert_true(inject(frame, nic_flow(frame, 6, 1, other)));
    assert_int_equal(nic_poll(1), 1);
    assert_int_equal(nic_poll(0), sent);
    assert_int_equal(nic_stats().rx_missed, 5);
    assert_int_equal(nic_counter("QPRDC0"), 5);
    assert_int_equal(nic_counter("MPC0"), 0);
}

static void all_queues_send(void **state)
{
    uint8_t frame[100] = { 0 };
    ixgbe_rig_run(16);
    for (unsigned i = 0; i < 16; i++) {
        frame[20] = (uint8_t)i;
        struct packet *p = conformance_packet(&nic.cache, frame, sizeof frame, 100);
        assert_int_equal(port_tx_burst(nic.port->txq[i], &p, 1), 1);
    }
    for (unsigned seen = 0, i = 0; i < 16; i++) {
        assert_int_equal(take(frame, sizeof frame), 100);
        assert_false(seen & 1u << frame[20]);
        seen |= 1u << frame[20];
    }
}

/* Statistics ------------------------------------------------------------------- */

static void what_was_before_the_probe_is_not_counted(void **state)
{
    rig->model.reset_does_nothing = true;
    ixgbe_model_count(&rig->model, 0x3fa0, 1000);
    ixgbe_rig_run(1);
    assert_int_equal(nic_stats().rx_missed, 0);
}

static void counters_accumulate_what_reading_clears(void **state)
{
    ixgbe_rig_run(1);
    for (unsigned i = 0; i < 3; i++) {
        ixgbe_model_count(&rig->model, 0x3fa0, 7);
        assert_int_equal(nic_stats().rx_missed, 7 * (i + 1));
        assert_int_equal(nic_stats().rx_missed, 7 * (i + 1));
    }
    ixgbe_model_count(&rig->model, 0x3fa0, UINT32_MAX);
    assert_int_equal(nic_stats().rx_missed, 21ull + UINT32_MAX);
    ixgbe_model_count(&rig->model, 0x3fa0, 1);
    port_stop(nic.port); /* the reset clears the register, not what we know */
    assert_int_equal(nic_stats().rx_missed, 22ull + UINT32_MAX);
    assert_int_equal(port_start(nic.port), 0);
    assert_int_equal(nic_stats().rx_missed, 22ull + UINT32_MAX);
}

static void each_refused_frame_is_one_error(void **state)
{
    static const uint32_t errors[] = { 0x4000, 0x40a4, 0x40a8, 0x40ac };
    static const uint32_t overlaps[] = { 0x4004, 0x4008, 0x4040, 0x40b0 };
    ixgbe_rig_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        ixgbe_model_count(&rig->model, errors[i], 1);
        ixgbe_model_count(&rig->model, overlaps[i], 1);
    }
    assert_int_equal(nic_stats().rx_errors, 4);
    assert_int_equal(nic_counter("RLEC"), 1);
}

static void octets_are_36_bits_wide(void **state)
{
    ixgbe_rig_run(1);
    ixgbe_model_set_reg(&rig->model, 0x4088, 0xfffffff0);
    ixgbe_model_set_reg(&rig->model, 0x408c, 3);
    assert_true(nic_counter("GORC") == 0x3fffffff0ull);
    assert_true(nic_exchange());
    assert_true(nic_counter("GORC") == 0x3fffffff0ull + 100);
    assert_true(nic_counter("GOTC") == 104);
    assert_int_equal(nic_counter("GPRC"), 1);
    assert_int_equal(nic_counter("GPTC"), 1);
}

/* A chip that lies -------------------------------------------------------------------- */

#define DONE 1ull
#define END 3ull
#define BYTES(n) ((uint64_t)(n) << 32)

static void lie_is_one_error(const uint64_t *results, unsigned n)
{
    uint64_t before = nic.port->rxq[0]->errors;
    for (unsigned i = 0; i < n; i++)
        assert_true(ixgbe_model_rx_return(&rig->model, 0, 0xfeedfacecafebeefull, results[i]));
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(nic.port->rxq[0]->errors, before + 1);
    assert_true(nic_exchange());
}

static void absurd_lengths_are_errors(void **state)
{
    static const uint32_t lengths[] = { 0, 1, 13, 1523, 1921, 2048, 2049, 0xffff };
    ixgbe_rig_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
        lie_is_one_error(&(uint64_t){ END | BYTES(lengths[i]) }, 1);
}

static void chains_that_break_the_rules_are_errors(void **state)
{
    uint64_t nine[9], endless[200];
    ixgbe_rig_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    for (unsigned i = 0; i < 9; i++)
        nine[i] = (i == 8 ? END : DONE) | BYTES(300);
    for (unsigned i = 0; i < 200; i++)
        endless[i] = (i == 199 ? END : DONE) | BYTES(2048);
    lie_is_one_error(nine, 9);
    lie_is_one_error(endless, 200);
    lie_is_one_error((uint64_t[]){ DONE | BYTES(100), END | BYTES(500) }, 2);
    lie_is_one_error((uint64_t[]){ DONE, END | BYTES(100) }, 2);
}

/* RXE is bit 29 of the upper half; the checksums' bits are no reason to drop. */
static void descriptor_errors_are_errors(void **state)
{
    ixgbe_rig_run(1);
    lie_is_one_error(&(uint64_t){ END | BYTES(100) | 1ull << 29 }, 1);
    assert_true(ixgbe_model_rx_return(&rig->model, 0, 0, END | BYTES(100) | 3ull << 30));
    assert_int_equal(nic_poll(0), 1);
}

static unsigned verdict(uint64_t info, uint64_t status)
{
    struct packet *p = NULL;
    assert_true(ixgbe_model_rx_return(&rig->model, 0, info, END | BYTES(100) | status));
    assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
    unsigned flags = p->flags;
    packet_free(&nic.cache, p);
    return flags;
}

/* IPE is bit 31, and means something with IPCS only. */
static void verdict_on_ipv4_headers_is_passed_on(void **state)
{
    const uint64_t ipcs = 1u << 6, ipe = 1u << 31, ipv4 = 0x10, ipv6 = 0x40;
    ixgbe_rig_run(1);
    assert_int_equal(verdict(ipv4, ipcs), PACKET_IP_CHECKSUM_GOOD);
    assert_int_equal(verdict(ipv4, ipcs | ipe), PACKET_IP_CHECKSUM_BAD);
    assert_int_equal(verdict(ipv4, ipe), 0);
    assert_int_equal(verdict(ipv4 | ipv6, ipcs), 0);
    assert_int_equal(verdict(0, ipcs), 0);
}

static void frame_that_never_ends_is_given_back_by_stop(void **state)
{
    ixgbe_rig_run(1);
    for (unsigned i = 0; i < 30; i++)
        assert_true(ixgbe_model_rx_return(&rig->model, 0, 0, DONE | BYTES(200)));
    assert_int_equal(nic_poll(0), 0);
    port_stop(nic.port);
    packet_cache_flush(&nic.cache);
    assert_int_equal(packet_pool_available(nic.pool), NIC_PACKETS);
    assert_int_equal(port_start(nic.port), 0);
    assert_true(nic_exchange());
}

/* A chip that sends and never says so fills the ring, and no more. */
static void frames_never_reported_are_given_back_by_stop(void **state)
{
    uint8_t frame[300] = { 0 };
    ixgbe_rig_run(1);
    rig->model.hide_writeback = true;
    for (unsigned i = 0; i < 600; i++) {
        struct packet *p = conformance_packet(&nic.cache, frame, sizeof frame, 300);
        if (!port_tx_burst(nic.port->txq[0], &p, 1))
            packet_free(&nic.cache, p);
        take(frame, sizeof frame);
    }
    assert_in_range(nic.port->txq[0]->packets, 1, nic.port->txq[0]->size);
    port_stop(nic.port);
    packet_cache_flush(&nic.cache);
    assert_int_equal(packet_pool_available(nic.pool), NIC_PACKETS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, ixgbe_rig_set_up, ixgbe_rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(devices_are_listed_once),
        TEST(address_is_what_the_chip_loaded),
        TEST(without_an_address_the_port_has_one_of_ours),
        TEST(wrong_checksum_fails_the_port),
        TEST(sections_outside_the_sum_do_not_matter),
        TEST(absurd_sections_end),
        TEST(silent_nvm_fails_the_port),
        TEST(firmware_that_keeps_the_nvm_fails_the_port),
        TEST(semaphore_that_is_never_free_is_told),
        TEST(reset_that_never_ends_fails_the_port),
        TEST(nvm_that_is_never_loaded_fails_the_port),
        TEST(dma_that_never_initializes_fails_the_port),
        TEST(slow_devices_are_waited_for),
        TEST(all_ones_at_probe_fail_the_port),
        TEST(missing_registers_fail_the_port),
        TEST(device_left_running_by_others_is_reset),
        TEST(bus_mastering_is_on_only_while_running),
        TEST(queue_that_does_not_start_is_told),
        TEST(queue_that_does_not_stop_fails_the_port),
        TEST(requests_that_never_end_take_two_resets),
        TEST(security_engine_that_is_never_ready_is_told),
        TEST(start_fails_clean_with_all_queues),
        TEST(restart_that_fails_fails_the_port),
        TEST(resets_take_no_setting_away),
        TEST(removal_stops_a_running_port),
        TEST(device_that_leaves_the_bus_is_told_once_and_harms_nobody),
        TEST(addresses_left_by_others_are_not_ours),
        TEST(multicast_hash_is_by_the_upper_bits),
        TEST(long_frames_take_several_buffers),
        TEST(vlan_stripping_comes_and_goes_with_the_wish),
        TEST(flows_are_spread_over_sixteen_queues),
        TEST(keys_that_are_not_symmetric_part_both_ways),
        TEST(full_queue_does_not_hold_up_the_others),
        TEST(all_queues_send),
        TEST(what_was_before_the_probe_is_not_counted),
        TEST(counters_accumulate_what_reading_clears),
        TEST(each_refused_frame_is_one_error),
        TEST(octets_are_36_bits_wide),
        TEST(absurd_lengths_are_errors),
        TEST(chains_that_break_the_rules_are_errors),
        TEST(descriptor_errors_are_errors),
        TEST(verdict_on_ipv4_headers_is_passed_on),
        TEST(frame_that_never_ends_is_given_back_by_stop),
        TEST(frames_never_reported_are_given_back_by_stop),
    };
    nic.model = &ixgbe_rig_model;
    int failed = conformance("ixgbe_82599", IXGBE_MODEL_82599, 1, 0);
    failed += conformance("ixgbe_82599_2_queues", IXGBE_MODEL_82599, 2, 64);
    failed += conformance("ixgbe_82599_4_queues", IXGBE_MODEL_82599, 4, 128);
    failed += conformance("ixgbe_82599_16_queues", IXGBE_MODEL_82599, 16, 64);
    failed += conformance("ixgbe_82599_kx4", IXGBE_MODEL_82599_KX4, 1, 1024);
    failed += conformance("ixgbe_x540", IXGBE_MODEL_X540, 1, 0);
    failed += conformance("ixgbe_x540_16_queues", IXGBE_MODEL_X540, 16, 128);
    intel_set_alone(true);
    failed += conformance("ixgbe_82599_alone", IXGBE_MODEL_82599, 2, 64);
    intel_set_alone(false);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
