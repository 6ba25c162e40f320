/* igb.c over the model, 82576 and I350: the conformance suite, then what is its own:
 * address, reset, link, filters, statistics, and a chip that lies.  Queues and VLANs:
 * test_igb_queues.c.  Sections: 82576 DS. */
#include "kernel/time.h"
#include "nic/intel/intel_advanced.h"
#include "nic/vf.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/igb_rig.h"

#include <errno.h>
#include <string.h>

#define NUMBERS 64u /* as if there were no more */

static enum igb_model_chip chip;
static uint16_t ring_size, queues;
static unsigned vfs; /* in force beside the PF */
static bool upe_gates;

static struct port *create(struct packet_cache *cache)
{
    nic.model = &rig_igb;
    igb_model_init(&rig.model, chip, rig_mac);
    if (!nic_create(cache, queues, queues, ring_size))
        return NULL;
    rig.model.upe_gates = upe_gates;
    const char *why = NULL;
    if (vfs && nic.port->vf->enable(nic.port, vfs, false, &why))
        fail_msg("%s", why);
    return nic.port;
}

static void destroy(void)
{
    if (vfs)
        nic.port->vf->disable(nic.port);
    nic_remove();
}

static void set_link(bool up)
{
    igb_model_set_link(&rig.model, up);
}

static unsigned violations(void)
{
    return igb_model_violations(&rig.model);
}

static int conformance(const char *name, enum igb_model_chip which, uint16_t n, uint16_t size)
{
    chip = which;
    queues = n;
    ring_size = size;
    return conformance_run(
        &(struct conformance_subject){ .name = name,
                                       .flags = CONFORMANCE_FILTERS | CONFORMANCE_PADS,
                                       .create = create,
                                       .destroy = destroy,
                                       .inject = rig_inject,
                                       .take = rig_take,
                                       .set_link = set_link,
                                       .violations = violations });
}

/* Probe ---------------------------------------------------------------------- */

/* A row of one subsystem stands before the device's own. */
static void devices_are_listed_once(void **state)
{
    const struct pci_id *ids = nic_driver()->ids;
    bool pf = false, i350 = false;
    for (unsigned i = 0; ids[i].vendor; i++) {
        assert_int_equal(ids[i].vendor, 0x8086);
        pf |= ids[i].device == 0x10c9;
        i350 |= ids[i].device == 0x1521;
        for (unsigned k = 0; k < i; k++)
            assert_true(ids[i].device != ids[k].device ||
                        (!ids[i].subsystem_vendor && ids[k].subsystem_vendor));
    }
    assert_true(pf && i350);
}

/* 6.2.1: words 0 to 2, low byte first. */
static void address_comes_from_the_nvm(void **state)
{
    igb_model_set_reg(&rig.model, R_RAL(0), 0x01010101); /* whatever stands there */
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, rig_mac, MAC_LEN);
    assert_memory_equal(nic.port->permanent_mac, rig_mac, MAC_LEN);
    assert_string_equal(nic.port->driver, "igb");
    assert_ptr_equal(nic.port->pci, rig.model.function);
}

static void address_falls_back_to_the_registers(void **state)
{
    for (unsigned how = 0; how < 3; how++) {
        host_reset();
        port_reset_registry();
        igb_model_init(&rig.model, IGB_MODEL_82576, rig_mac);
        rig.model.reset_does_nothing = true; /* keeps RAL0 and RAH0 */
        rig.model.nvm_dead = how == 0;
        if (how)
            memset(rig.model.nvm, how == 1 ? 0xff : 0, MAC_LEN);
        assert_true(nic_probe());
        assert_memory_equal(nic.port->mac, rig_mac, MAC_LEN);
        assert_true(how || host_log_contains("EERD is 00000"));
        nic_driver()->remove(rig.model.function);
    }
    nic.port = NULL;
}

/* One of our own, so that the port works. */
static void without_any_address_the_port_has_one_of_ours(void **state)
{
    static const uint8_t none[MAC_LEN];
    igb_model_init(&rig.model, IGB_MODEL_82576, none);
    assert_true(nic_probe());
    assert_int_equal(nic.port->mac[0] & 3, 2);
    assert_memory_equal(nic.port->mac, nic.port->permanent_mac, MAC_LEN);
    assert_true(
        host_log_contains("the device's address is 00:00:00:00:00:00, which is no station's"));
}

static void invalid_address_registers_are_not_believed(void **state)
{
    rig.model.nvm_dead = rig.model.reset_does_nothing = true;
    igb_model_set_reg(&rig.model, R_RAH(0), rig_reg(R_RAH(0)) & ~RAH_AV);
    assert_true(nic_probe());
    assert_int_equal(nic.port->mac[0] & 3, 2);
}

/* A semaphore that died with its owner does not keep the port away. */
static void semaphore_left_behind_is_taken_over(void **state)
{
    igb_model_set_reg(&rig.model, R_SWSM, SWSM_SMBI);
    rig.model.reset_does_nothing = true;
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, rig_mac, MAC_LEN);
    assert_true(host_log_contains("taking over a semaphore"));
}

static void semaphore_that_is_never_free_is_told(void **state)
{
    rig.model.semaphore_stuck = true;
    assert_true(nic_probe()); /* the address comes from the registers */
    assert_true(host_log_contains("SWSM"));
    nic.port->rxq[0]->cache = nic.port->txq[0]->cache = &nic.cache;
    assert_int_equal(port_start(nic.port), 0); /* the PHY is left as it is */
    assert_true(nic_exchange());
}

/* Firmware holds the PHY or the NVM for a while (4.7). */
static void firmware_at_the_nvm_is_waited_for(void **state)
{
    rig.model.reset_does_nothing = true;
    igb_model_set_reg(&rig.model, R_SW_FW_SYNC, SYNC_NVM << 16);
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, rig_mac, MAC_LEN);
    assert_true(host_log_contains("SW_FW_SYNC is 00010000"));
}

static void phy_that_is_silent_is_told(void **state)
{
    rig.model.mdic_dead = true;
    rig_run(1);
    assert_true(host_log_contains("MDIC is"));
    assert_true(host_log_contains("the PHY does not answer"));
    assert_true(nic_exchange());
}

static void reset_that_never_ends_is_told_and_fails_the_port(void **state)
{
    rig.model.reset_sticks = true;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, "reset did not complete");
    assert_true(host_log_contains("igb 0000:01:00.0: CTRL is 04"));
    assert_true(host_log_contains("expected 00000000 under mask 04000000"));
    assert_false(nic_is_master());
}

static void slow_devices_are_waited_for(void **state)
{
    rig.model.reset_takes_us = rig.model.nvm_takes_us = rig.model.mdic_takes_us = 5000;
    rig.model.queue_takes_us = rig.model.master_takes_us = 5000;
    rig_run(4);
    assert_memory_equal(nic.port->mac, rig_mac, MAC_LEN);
    assert_false(host_log_contains("expected"));
    assert_true(nic_exchange());
}

/* QEMU's igb never tells that it has read its NVM: a start of the port does not stop the poll loop
 * for that each time. */
static void auto_read_that_never_comes_is_waited_for_once(void **state)
{
    rig.model.no_auto_read = true;
    rig_run(1);
    port_stop(nic.port);
    uint64_t before = time_us();
    assert_int_equal(port_start(nic.port), 0);
    port_stop(nic.port);
    assert_true(time_us() - before < 10 * US_PER_MS);
}

static void too_slow_devices_are_not(void **state)
{
    rig.model.reset_takes_us = 200000;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
}

static void all_ones_at_probe_fail_the_port(void **state)
{
    rig.model.gone = true;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_true(host_log_contains("STATUS is ffffffff"));
    assert_int_equal(nic_stats().rx_errors, 0);
}

static void missing_registers_fail_the_port(void **state)
{
    rig.model.function->bar[0].size = 0x1000;
    assert_false(nic_probe());
    assert_string_equal(nic.port->failure, "no registers");
    nic_stats();
}

/* A chip that somebody left running does nothing after the probe. */
static void device_left_running_by_others_is_reset(void **state)
{
    igb_model_set_reg(&rig.model, R_RCTL, RCTL_EN);
    igb_model_set_reg(&rig.model, R_TCTL, TCTL_EN);
    assert_true(nic_probe());
    assert_true(rig.model.resets);
    assert_int_equal((rig_reg(R_RCTL) & RCTL_EN) | (rig_reg(R_TCTL) & TCTL_EN), 0);
    assert_false(nic_is_master());
}

/* design.md, decision 3: nothing is reachable before a start and after a stop. */
static void bus_mastering_is_on_only_while_running(void **state)
{
    assert_true(nic_probe());
    assert_false(nic_is_master());
    nic.port->rxq[0]->cache = nic.port->txq[0]->cache = &nic.cache;
    assert_int_equal(port_start(nic.port), 0);
    assert_true(nic_is_master());
    port_stop(nic.port);
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig.model.function->dma), 0);
}

/* Start ---------------------------------------------------------------------- */

static void queue_that_does_not_start_is_told(void **state)
{
    assert_true(nic_probe());
    nic.port->rxq[0]->cache = nic.port->txq[0]->cache = &nic.cache;
    rig.model.queue_sticks = true;
    rig.model.tx[0].was_on = false;
    assert_int_equal(port_start(nic.port), -ETIMEDOUT);
    assert_int_not_equal(nic.port->state, PORT_RUNNING);
    assert_true(host_log_contains("TXDCTL is"));
    assert_true(host_log_contains("expected 02000000 under mask 02000000"));
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig.model.function->dma), 0);
    rig.model.queue_sticks = false;
    if (nic.port->state == PORT_STOPPED) {
        assert_int_equal(port_start(nic.port), 0);
        assert_true(nic_exchange());
    }
}

static void queue_that_does_not_stop_fails_the_port(void **state)
{
    rig_run(1);
    rig.model.queue_sticks = true;
    rig.model.rx[0].was_on = rig.model.tx[0].was_on = true;
    port_stop(nic.port);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_true(host_log_contains("DCTL is"));
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig.model.function->dma), 0);
}

/* 5.2.3.3; the reset is done all the same. */
static void requests_that_never_end_are_told(void **state)
{
    rig_run(1);
    rig.model.master_sticks = true;
    port_stop(nic.port);
    assert_true(host_log_contains("STATUS is 000"));
    assert_true(host_log_contains("under mask 00080000"));
    assert_false(nic_is_master());
}

/* Wherever memory runs out, and with all queues. */
static void start_fails_clean_with_many_queues(void **state)
{
    assert_true(nic_probe());
    assert_int_equal(port_set_queues(nic.port, nic.port->limits.rx_queues_max), 0);
    for (unsigned i = 0; i < nic.port->rx_queues; i++)
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
        assert_int_equal(host_dma_mapped(&rig.model.function->dma), 0);
        assert_false(nic_is_master());
    }
    assert_true(nic_exchange());
}

static void addresses_left_by_others_are_not_ours(void **state)
{
    static const uint8_t left[MAC_LEN] = { 0x02, 9, 9, 9, 9, 9 };
    uint8_t frame[60] = { 0 };
    assert_true(nic_probe());
    rig.model.reset_does_nothing = true;
    for (unsigned i = 5; i < 24; i += 18) {
        memcpy(&rig.model.regs[R_RAL(i) / 4], left, 4);
        igb_model_set_reg(&rig.model, R_RAH(i), RAH_AV | 0x0909);
    }
    nic.port->rxq[0]->cache = nic.port->txq[0]->cache = &nic.cache;
    assert_int_equal(port_start(nic.port), 0);
    memcpy(frame, left, MAC_LEN);
    assert_true(rig_inject(frame, sizeof frame));
    assert_int_equal(nic_poll(0), 0);
    for (unsigned i = 1; i < 24; i++)
        assert_int_equal(rig_reg(R_RAL(i)) | rig_reg(R_RAH(i)), 0);
}

/* The NVM may ask for two tags a packet; we know one. */
static void double_vlan_mode_is_off(void **state)
{
    rig.model.double_vlan = true;
    rig_run(1);
    assert_int_equal(rig_reg(R_CTRL_EXT) & CTRL_EXT_DOUBLE_VLAN, 0);
}

/* Link and presence ------------------------------------------------------------ */

static void link_is_told_with_speed(void **state)
{
    rig_run(1);
    assert_true(port_poll_link(nic.port));
    assert_true(nic.port->link.up && nic.port->link.full_duplex);
    assert_int_equal(nic.port->link.speed_mbps, 1000);
    set_link(false);
    assert_true(port_poll_link(nic.port));
    assert_false(nic.port->link.up);
}

static void device_that_leaves_the_bus_is_told_once_and_harms_nobody(void **state)
{
    rig_run(1);
    port_poll_link(nic.port);
    igb_model_count(&rig.model, R_MPC, 5);
    assert_int_equal(nic_stats().rx_missed, 5);
    rig.model.gone = true;
    port_poll_link(nic.port);
    assert_false(nic.port->link.up);
    assert_true(host_log_contains("the device does not answer any more"));
    assert_int_equal(nic_stats().rx_missed, 5);
    assert_int_equal(nic_poll(0), 0);
    port_stop(nic.port);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_false(nic_is_master());
}

/* Filters and frames -------------------------------------------------------------------- */

/* 8.10.14, RCTL.MO 0: bits 47:36; xx:xx:xx:xx:9x:BC is bit 9 of row 94. */
static void multicast_hash_is_the_documents(void **state)
{
    static const uint8_t list[1][MAC_LEN] = { { 0x01, 0x02, 0x03, 0x04, 0x9a, 0xbc } };
    rig_run(1);
    assert_int_equal(port_set_rx_mode(nic.port, &(struct port_rx_mode){ .multicast = list,
                                                                        .multicast_count = 1 }),
                     0);
    for (uint32_t i = 0; i < TABLE_REGS; i++)
        assert_int_equal(rig_reg(R_MTA(i)), i == 94 ? 1u << 9 : 0);
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ 0 });
    assert_int_equal(rig_reg(R_MTA(94)), 0);
}

static void long_frames_take_several_buffers(void **state)
{
    static uint8_t frame[FRAME_MAX];
    struct packet *p;
    rig_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    for (uint32_t length = 2040; length <= port_frame_limit(nic.port); length += 997) {
        for (uint32_t i = 0; i < length; i++)
            frame[i] = (uint8_t)(i * 31);
        memcpy(frame, nic.port->mac, MAC_LEN);
        assert_true(rig_inject(frame, length));
        assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
        assert_int_equal(p->frame_length, length);
        assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
        memset(frame, 0, sizeof frame);
        assert_int_equal(rig_take(frame, sizeof frame), length);
        assert_int_equal(frame[length - 1], (uint8_t)((length - 1) * 31));
    }
    assert_true(rig_inject(frame, port_frame_limit(nic.port) + 1)); /* refused by the chip */
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(nic_stats().rx_errors, 1);
    assert_int_equal(nic_counter("ROC"), 1);
}

/* Statistics (8.19) ------------------------------------------------------------------- */

static void what_was_before_the_probe_is_not_counted(void **state)
{
    rig.model.reset_does_nothing = true;
    igb_model_count(&rig.model, R_MPC, 1000);
    rig_run(1);
    assert_int_equal(nic_stats().rx_missed, 0);
}

static void counters_accumulate_what_reading_clears(void **state)
{
    rig_run(1);
    for (unsigned i = 0; i < 3; i++) {
        igb_model_count(&rig.model, R_MPC, 7);
        assert_int_equal(nic_stats().rx_missed, 7 * (i + 1));
        assert_int_equal(nic_stats().rx_missed, 7 * (i + 1));
    }
    igb_model_count(&rig.model, R_MPC, UINT32_MAX);
    assert_int_equal(nic_stats().rx_missed, 21ull + UINT32_MAX);
    igb_model_count(&rig.model, R_MPC, 1);
    port_stop(nic.port); /* the reset clears the register, not what we know */
    assert_int_equal(nic_stats().rx_missed, 22ull + UINT32_MAX);
    assert_int_equal(port_start(nic.port), 0);
    assert_int_equal(nic_stats().rx_missed, 22ull + UINT32_MAX);
}

static void each_refused_frame_is_one_error(void **state)
{
    static const uint32_t errors[] = { 0x4000, 0x40a4, 0x40a8, 0x40ac };
    static const uint32_t overlaps[] = { 0x4004, 0x400c, 0x4040, 0x40b0 };
    rig_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        igb_model_count(&rig.model, errors[i], 1);
        igb_model_count(&rig.model, overlaps[i], 1);
    }
    assert_int_equal(nic_stats().rx_errors, 4);
    assert_int_equal(nic_counter("RLEC"), 1);
    igb_model_count(&rig.model, 0x4018, 2);
    igb_model_count(&rig.model, 0x4020, 3);
    assert_int_equal(nic_stats().tx_errors, 5);
}

static void octets_are_64_bits_wide(void **state)
{
    rig_run(1);
    igb_model_set_reg(&rig.model, R_GORCL, 0xfffffff0);
    igb_model_set_reg(&rig.model, R_GORCL + 4, 3);
    assert_true(nic_counter("GORC") == 0x3fffffff0ull);
    assert_true(nic_exchange());
    assert_true(nic_counter("GORC") == 0x3fffffff0ull + 104);
    assert_true(nic_counter("GOTC") == 104);
    assert_int_equal(nic_counter("GPRC"), 1);
    assert_int_equal(nic_counter("GPTC"), 1);
}

/* RQDPC counts to 4095 and stays there: poll() looks often enough. */
static void drops_are_collected_before_their_counter_is_full(void **state)
{
    rig_run(2);
    for (unsigned i = 1; i <= 20; i++) {
        igb_model_count(&rig.model, R_RX(1) + Q_DROPPED, 4000);
        host_advance_us(20000);
        port_poll(nic.port, 20000ull * i);
    }
    assert_int_equal(nic_stats().rx_missed, 80000);
}

/* Padding ------------------------------------------------------------------- */

/* The wire asks for 60 bytes; there is no room behind this frame, and what lies behind its
 * buffer is not its. */
static void padding_stays_inside_the_buffer(void **state)
{
    static uint8_t untouched[PACKET_BUFFER_STRIDE - PACKET_BUFFER_SIZE];
    uint8_t frame[64];
    rig_run(1);
    struct packet *p = packet_alloc(&nic.cache);
    uint8_t *behind = p->buffer + PACKET_BUFFER_SIZE;
    memset(untouched, 0xaa, sizeof untouched);
    memcpy(behind, untouched, sizeof untouched);
    p->length = FRAME_MIN;
    p->frame_length = FRAME_MIN;
    p->data = behind - FRAME_MIN;
    assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
    assert_int_equal(rig_take(frame, sizeof frame), 60);
    assert_memory_equal(behind, untouched, sizeof untouched);
}

/* A chip that lies ------------------------------------------------------------------------- */

#define DONE 1ull
#define END 3ull
#define BYTES(n) ((uint64_t)(n) << 32)

static void lie_is_one_error(const uint64_t *results, unsigned n)
{
    uint64_t before = nic.port->rxq[0]->errors;
    for (unsigned i = 0; i < n; i++)
        assert_true(igb_model_rx_return(&rig.model, 0, 0xfeedfacecafebeefull, results[i]));
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(nic.port->rxq[0]->errors, before + 1);
    assert_true(nic_exchange());
}

static void absurd_lengths_are_errors(void **state)
{
    static const uint32_t lengths[] = { 0, 1, 13, 1523, 1921, 2048, 2049, 0xffff };
    rig_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
        lie_is_one_error(&(uint64_t){ END | BYTES(lengths[i]) }, 1);
}

static void chains_that_break_the_rules_are_errors(void **state)
{
    uint64_t nine[9], endless[200], tiny_first[2] = { DONE | BYTES(100), END | BYTES(500) };
    rig_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    for (unsigned i = 0; i < 9; i++)
        nine[i] = (i == 8 ? END : DONE) | BYTES(300);
    for (unsigned i = 0; i < 200; i++)
        endless[i] = (i == 199 ? END : DONE) | BYTES(2048);
    lie_is_one_error(nine, 9);
    lie_is_one_error(endless, 200);
    lie_is_one_error(tiny_first, 2);
    lie_is_one_error((uint64_t[]){ DONE | BYTES(2048), DONE, END | BYTES(10) }, 3);
    lie_is_one_error((uint64_t[]){ DONE | BYTES(2048), END | BYTES(2049) }, 2);
    lie_is_one_error((uint64_t[]){ DONE, END | BYTES(100) }, 2);
}

/* 7.1.5.2: RXE is bit 31 of the status; checksum errors are no reason to drop. */
static void descriptor_errors_are_errors(void **state)
{
    rig_run(1);
    lie_is_one_error(&(uint64_t){ END | BYTES(100) | 1ull << 31 }, 1);
    assert_true(igb_model_rx_return(&rig.model, 0, 0, END | BYTES(100) | 3ull << 29));
    assert_int_equal(nic_poll(0), 1);
}

/* A last buffer that held nothing but the CRC, which is stripped, holds nothing. */
static void end_without_data_is_no_error(void **state)
{
    struct packet *p;
    rig_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    assert_true(igb_model_rx_return(&rig.model, 0, 0, DONE | BYTES(2048)));
    assert_true(igb_model_rx_return(&rig.model, 0, 0, END));
    assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
    assert_int_equal(p->frame_length, 2048);
    assert_null(p->next);
    packet_free(&nic.cache, p);
    assert_int_equal(nic.port->rxq[0]->errors, 0);
}

static void frame_that_never_ends_is_given_back_by_stop(void **state)
{
    rig_run(1);
    for (unsigned i = 0; i < 30; i++)
        assert_true(igb_model_rx_return(&rig.model, 0, 0, DONE | BYTES(200)));
    assert_int_equal(nic_poll(0), 0);
    port_stop(nic.port);
    packet_cache_flush(&nic.cache);
    assert_int_equal(packet_pool_available(nic.pool), NIC_PACKETS);
    assert_int_equal(port_start(nic.port), 0);
    assert_true(nic_exchange());
}

static void fill_transmit_ring(void)
{
    uint8_t bytes[300] = { 0 };
    for (unsigned i = 0; i < 120; i++) {
        struct packet *p = conformance_packet(&nic.cache, bytes, sizeof bytes, 100);
        if (!port_tx_burst(nic.port->txq[0], &p, 1))
            packet_free(&nic.cache, p);
    }
}

/* Nothing that the chip writes into the transmit ring decides what is freed. */
static void scribbled_transmit_rings_free_each_frame_once(void **state)
{
    rig_run(1);
    for (unsigned round = 0; round < 20; round++) {
        fill_transmit_ring();
        uint64_t at = (uint64_t)rig_reg(R_TX(0) + Q_BAH) << 32 | rig_reg(R_TX(0) + Q_BAL);
        uint64_t junk = 0x9e3779b97f4a7c15ull * (round + 1);
        for (unsigned i = 0; i < 512; i++, junk = junk * 6364136223846793005ull + 1)
            host_dma_write(&rig.model.function->dma, at + 8ull * i, &junk, sizeof junk);
    }
    port_stop(nic.port);
    packet_cache_flush(&nic.cache);
    assert_int_equal(packet_pool_available(nic.pool), NIC_PACKETS);
}

/* A chip that sends and never says so fills the ring, and no more. */
static void frames_never_reported_are_given_back_by_stop(void **state)
{
    uint8_t frame[300];
    rig_run(1);
    rig.model.hide_writeback = true;
    fill_transmit_ring();
    while (rig_take(frame, sizeof frame))
        ;
    fill_transmit_ring();
    uint64_t sent = nic.port->txq[0]->packets;
    assert_in_range(sent, 1, nic.port->txq[0]->size);
    port_stop(nic.port);
    packet_cache_flush(&nic.cache);
    assert_int_equal(packet_pool_available(nic.pool), NIC_PACKETS);
}

static void restart_that_fails_fails_the_port(void **state)
{
    rig_run(1);
    rig.model.reset_sticks = true;
    assert_int_equal(port_set_mtu(nic.port, 9000), -EIO);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_int_equal(nic.port->mtu, MTU_DEFAULT);
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig.model.function->dma), 0);
}

static void removal_stops_a_running_port(void **state)
{
    rig_run(4);
    assert_true(nic_exchange());
    nic_driver()->remove(rig.model.function);
    nic.port = NULL;
    assert_null(port_get(0));
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig.model.function->dma), 0);
}

static void no_number_left_leaves_nothing(void **state)
{
    port_limit_numbers(NUMBERS);
    for (unsigned i = 0; i < NUMBERS; i++)
        assert_int_equal(null_port_create(&nic.port), 0);
    nic.port = NULL;
    assert_int_equal(pci_probe_drivers(), 0);
    assert_true(host_log_contains("no number left"));
    assert_null(rig.model.function->driver_data);
    nic_driver()->remove(rig.model.function);
    for (unsigned i = 0; i < NUMBERS; i++)
        null_port_destroy(port_get(i));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(devices_are_listed_once),
        TEST(address_comes_from_the_nvm),
        TEST(address_falls_back_to_the_registers),
        TEST(without_any_address_the_port_has_one_of_ours),
        TEST(invalid_address_registers_are_not_believed),
        TEST(semaphore_left_behind_is_taken_over),
        TEST(semaphore_that_is_never_free_is_told),
        TEST(firmware_at_the_nvm_is_waited_for),
        TEST(phy_that_is_silent_is_told),
        TEST(reset_that_never_ends_is_told_and_fails_the_port),
        TEST(slow_devices_are_waited_for),
        TEST(auto_read_that_never_comes_is_waited_for_once),
        TEST(too_slow_devices_are_not),
        TEST(all_ones_at_probe_fail_the_port),
        TEST(missing_registers_fail_the_port),
        TEST(device_left_running_by_others_is_reset),
        TEST(bus_mastering_is_on_only_while_running),
        TEST(queue_that_does_not_start_is_told),
        TEST(queue_that_does_not_stop_fails_the_port),
        TEST(requests_that_never_end_are_told),
        TEST(start_fails_clean_with_many_queues),
        TEST(addresses_left_by_others_are_not_ours),
        TEST(double_vlan_mode_is_off),
        TEST(link_is_told_with_speed),
        TEST(device_that_leaves_the_bus_is_told_once_and_harms_nobody),
        TEST(multicast_hash_is_the_documents),
        TEST(long_frames_take_several_buffers),
        TEST(what_was_before_the_probe_is_not_counted),
        TEST(counters_accumulate_what_reading_clears),
        TEST(each_refused_frame_is_one_error),
        TEST(octets_are_64_bits_wide),
        TEST(drops_are_collected_before_their_counter_is_full),
        TEST(padding_stays_inside_the_buffer),
        TEST(absurd_lengths_are_errors),
        TEST(chains_that_break_the_rules_are_errors),
        TEST(descriptor_errors_are_errors),
        TEST(end_without_data_is_no_error),
        TEST(frame_that_never_ends_is_given_back_by_stop),
        TEST(scribbled_transmit_rings_free_each_frame_once),
        TEST(frames_never_reported_are_given_back_by_stop),
        TEST(restart_that_fails_fails_the_port),
        TEST(removal_stops_a_running_port),
        TEST(no_number_left_leaves_nothing),
    };
    int failed = conformance("igb_82576", IGB_MODEL_82576, 1, 0);
    failed += conformance("igb_82576_4_queues", IGB_MODEL_82576, 4, 0);
    failed += conformance("igb_82576_small_rings", IGB_MODEL_82576, 2, 64);
    failed += conformance("igb_i350", IGB_MODEL_I350, 1, 1024);
    failed += conformance("igb_i350_4_queues", IGB_MODEL_I350, 4, 128);
    intel_set_alone(true);
    failed += conformance("igb_82576_alone", IGB_MODEL_82576, 2, 64);
    intel_set_alone(false);
    vfs = 1;
    failed += conformance("igb_82576_with_a_vf", IGB_MODEL_82576, 1, 0);
    vfs = 7;
    failed += conformance("igb_82576_with_7_vfs", IGB_MODEL_82576, 2, 64);
    upe_gates = true;
    failed += conformance("igb_82576_with_vfs_and_gate", IGB_MODEL_82576, 1, 0);
    failed += conformance("igb_i350_with_7_vfs", IGB_MODEL_I350, 1, 0);
    vfs = 0;
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
