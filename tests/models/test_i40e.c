/* i40e.c over the model, X710, XL710, XXV710 and X722: the conformance suite, then what is its own:
 * probe, firmware, private memory, filters, spreading, statistics, resets of the chip, and firmware
 * that lies. */
#include "kernel/time.h"
#include "nic/intel/i40e/i40e.h"
#include "nic/intel/intel_ring.h"
#include "nic/rss.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/i40e_rig.h"

#include <errno.h>
#include <string.h>

static struct i40e_rig *const rig = &i40e_rig;

/* Conformance -------------------------------------------------------------------- */

static enum i40e_model_chip chip;
static uint16_t ring_size, queues;
static unsigned pf;

static struct port *create(struct packet_cache *cache)
{
    i40e_model_init(&rig->model, chip, pf, i40e_rig_mac);
    return nic_create(cache, queues, queues, ring_size);
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return i40e_model_inject(&rig->model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return i40e_model_take(&rig->model, frame, size);
}

/* The driver hears of it by an event. */
static void set_link(bool up)
{
    i40e_model_set_link(&rig->model, up);
    host_advance_us(20 * US_PER_MS);
    port_poll(nic.port, time_us());
}

static int conformance(const char *name, enum i40e_model_chip which, unsigned function, uint16_t n,
                       uint16_t size)
{
    chip = which;
    pf = function;
    queues = n;
    ring_size = size;
    return conformance_run(
        &(struct conformance_subject){ .name = name,
                                       .flags = CONFORMANCE_FILTERS | CONFORMANCE_PADS,
                                       .create = create,
                                       .destroy = i40e_rig_remove,
                                       .inject = inject,
                                       .take = take,
                                       .set_link = set_link,
                                       .violations = i40e_rig_model.violations });
}

/* Probe ---------------------------------------------------------------------- */

static void devices_are_listed_once(void **state)
{
    const struct pci_id *ids = nic_driver()->ids;
    bool ten = false, forty = false;
    for (unsigned i = 0; ids[i].vendor; i++) {
        assert_int_equal(ids[i].vendor, 0x8086);
        ten |= ids[i].device == 0x1572;
        forty |= ids[i].device == 0x1583;
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(ids[i].device, ids[k].device);
    }
    assert_true(ten && forty);
}

static void address_is_what_firmware_says(void **state)
{
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, i40e_rig_mac, MAC_LEN);
    assert_memory_equal(nic.port->permanent_mac, i40e_rig_mac, MAC_LEN);
    assert_string_equal(nic.port->driver, "i40e");
}

static void without_an_address_the_port_has_one_of_ours(void **state)
{
    static const uint8_t none[MAC_LEN];
    i40e_model_init(&rig->model, I40E_MODEL_X710, 0, none);
    assert_true(nic_probe());
    assert_int_equal(nic.port->mac[0] & 3, 2);
}

static void firmware_and_nvm_are_shown(void **state)
{
    assert_true(nic_probe());
    assert_true(host_log_contains("i40e 0000:01:00.0: firmware 9.120, interface 1.15, NVM 9.20 "
                                  "(8000b5a0), 768 queues; LLDP is firmware's"));
    assert_false(rig->model.nvm_owned);
}

static void nothing_of_the_probe_is_left(void **state)
{
    assert_true(nic_probe());
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
    assert_false(i40e_aq_device_is_open(&rig->model.aq));
    assert_false(rig->model.sd[0].valid);
}

/* The chip's first probe fails with these words. */
static void fails(const char *failure)
{
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, failure);
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
    nic_stats();
}

static void interface_of_another_kind_fails_the_port(void **state)
{
    rig->model.api_major = 2;
    fails("its firmware's interface is another");
    assert_true(host_log_contains("firmware 9.120 has interface 2.15, expected 1"));
}

static void deaf_firmware_fails_the_port(void **state)
{
    uint64_t before = time_us();
    rig->model.aq.deaf = true;
    fails("firmware does not answer");
    assert_true(host_log_contains("command 0001 is not done after 1000000 us (head 00000000"));
    assert_in_range(time_us() - before, US_PER_S, 3 * US_PER_S);
}

static void firmware_in_recovery_mode_fails_the_port(void **state)
{
    rig->model.recovery = true;
    fails("its firmware is in recovery mode: its NVM has to be written anew");
}

/* After somebody has begun to write its NVM, say. */
static void recovery_mode_is_found_by_the_next_start(void **state)
{
    i40e_rig_run(1);
    rig->model.recovery = true;
    port_stop(nic.port);
    assert_true(port_start(nic.port) < 0);
    assert_true(host_log_contains("recovery mode"));
    rig->model.recovery = false;
    assert_int_equal(port_start(nic.port), 0);
    assert_true(nic_exchange());
}

/* An X722's words go by command, and its recovery mode has another code. */
static void an_x722_is_asked_in_its_own_way(void **state)
{
    i40e_rig_make(I40E_MODEL_X722, 0);
    i40e_rig_run(2);
    assert_true(host_log_contains("NVM 9.20 (8000b5a0)"));
    for (unsigned i = 0; i < 2; i++) /* written back on a timer, without an interrupt */
        assert_int_equal(i40e_rig_reg(i ? 0x34800 : 0x38480), 0x40000020);
    nic.port->ops->arm(nic.port->rxq[1], true);
    nic.port->ops->arm(nic.port->rxq[1], false);
    i40e_rig_turn(2 * US_PER_MS);
    assert_int_equal(i40e_rig_reg(0x34800), 0x40000020);
    i40e_rig_make(I40E_MODEL_X722, 0);
    rig->model.recovery = true;
    fails("its firmware is in recovery mode: its NVM has to be written anew");
}

static void refusals_are_told_with_their_code(void **state)
{
    rig->model.refused_opcode = 0x0107;
    rig->model.refusal = 14;
    fails("firmware does not say its address");
    assert_true(host_log_contains("command 0107: result 14"));
}

static void give_nothing(struct i40e_model *m, uint16_t opcode, struct i40e_aq_desc *desc,
                         uint8_t *buffer)
{
    if (opcode == 0x000a)
        memset(buffer, 0, 4096);
}

static void give_absurdly_many(struct i40e_model *m, uint16_t opcode, struct i40e_aq_desc *desc,
                               uint8_t *buffer)
{
    if (opcode == 0x000a)
        desc->param[1] = UINT32_MAX;
}

/* Which of the chip's queues are the PF's: a register's place follows from that. */
static void give_queues_beyond_the_last(struct i40e_model *m, uint16_t opcode,
                                        struct i40e_aq_desc *desc, uint8_t *buffer)
{
    struct i40e_capability *list = (struct i40e_capability *)buffer;
    for (unsigned i = 0; opcode == 0x000a && i < desc->param[1]; i++)
        if (list[i].id == I40E_CAP_TXQ)
            list[i].physical = I40E_CHIP_QUEUES - list[i].number + 1;
}

static void queues_that_the_chip_has_not_fail_the_port(void **state)
{
    rig->model.lie = give_queues_beyond_the_last;
    fails("firmware gives it queues that the chip has not");
}

static void without_queues_the_port_fails(void **state)
{
    rig->model.lie = give_nothing;
    fails("firmware gives it no queues");
}

static void absurd_lists_of_capabilities_end(void **state)
{
    rig->model.lie = give_absurdly_many;
    i40e_rig_run(1);
    assert_true(nic_exchange());
}

static void reset_that_never_ends_fails_the_port(void **state)
{
    rig->model.pf_reset_sticks = true;
    fails("reset did not complete");
    assert_true(host_log_contains("i40e 0000:01:00.0: PFGEN_CTRL is 00000001"));
}

static void nvm_that_is_never_loaded_fails_the_port(void **state)
{
    rig->model.never_loaded = true;
    fails("reset did not complete");
    assert_true(host_log_contains("GLNVM_ULD is"));
}

/* What it would have shown is no reason not to work. */
static void nvm_that_is_silent_or_taken_is_told(void **state)
{
    rig->model.nvm_dead = true;
    i40e_rig_run(1);
    assert_true(host_log_contains("GLNVM_SRCTL is"));
    assert_true(nic_exchange());
    i40e_rig_make(I40E_MODEL_X710, 0);
    rig->model.nvm_taken = true;
    i40e_rig_run(1);
    assert_true(host_log_contains("command 0008: result 12"));
    assert_true(nic_exchange());
}

static void all_ones_at_probe_fail_the_port(void **state)
{
    rig->model.gone = true;
    fails("reset did not complete");
    assert_true(host_log_contains("GLGEN_RSTAT is ffffffff"));
}

static void missing_registers_fail_the_port(void **state)
{
    rig->model.function->bar[0].size = 0x1000;
    fails("no registers");
}

static void slow_devices_are_waited_for(void **state)
{
    rig->model.pf_reset_takes_us = 100 * US_PER_MS;
    rig->model.queue_takes_us = 5 * US_PER_MS;
    i40e_rig_run(4);
    assert_false(host_log_contains("expected"));
    assert_true(nic_exchange());
}

/* Start and stop ------------------------------------------------------------- */

static void start_and_stop_leave_nothing(void **state)
{
    i40e_rig_run(2);
    assert_true(nic_is_master());
    assert_true(rig->model.sd[0].valid && !rig->model.sd[0].direct);
    port_stop(nic.port);
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
    assert_false(rig->model.sd[0].valid);
    assert_int_equal(port_start(nic.port), 0);
    assert_true(nic_exchange());
}

static void queue_that_does_not_start_is_told(void **state)
{
    assert_true(nic_probe());
    nic.port->rxq[0]->cache = nic.port->txq[0]->cache = &nic.cache;
    rig->model.queue_sticks = true;
    assert_int_equal(port_start(nic.port), -ETIMEDOUT);
    assert_true(host_log_contains("QTX_ENA is 00000001"));
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
    i40e_rig_run(1);
    rig->model.queue_sticks = true;
    port_stop(nic.port);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
}

static void refused_settings_of_the_start_are_errors(void **state)
{
    static const uint16_t opcodes[] = { 0x0200, 0x0211, 0x0212, 0x0207,
                                        0x0250, 0x0254, 0x0607, 0x0613 };
    assert_true(nic_probe());
    nic.port->rxq[0]->cache = nic.port->txq[0]->cache = &nic.cache;
    for (unsigned i = 0; i < ARRAY_SIZE(opcodes); i++) {
        rig->model.refused_opcode = opcodes[i];
        rig->model.refusal = 14;
        rig->model.refusals = 1;
        int err = port_start(nic.port);
        if (opcodes[i] == 0x0250) { /* the default filter is there: nothing was added */
            port_stop(nic.port);
            continue;
        }
        assert_int_equal(err, -EIO);
        assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
    }
    rig->model.refused_opcode = 0;
    assert_int_equal(port_start(nic.port), 0);
    assert_true(nic_exchange());
}

/* Resets of the chip ----------------------------------------------------------- */

static bool survives(enum i40e_model_reset kind)
{
    uint64_t before = nic_counter("resets");
    i40e_model_reset_begin(&rig->model, kind);
    i40e_rig_turn(200 * US_PER_MS);
    assert_int_equal(nic.port->state, PORT_RUNNING);
    assert_int_equal(nic_counter("resets"), before + 1);
    return nic_exchange();
}

static void resets_of_the_chip_are_survived(void **state)
{
    static const uint8_t list[1][MAC_LEN] = { { 0x01, 0, 0x5e, 1, 2, 3 } };
    uint8_t frame[60] = { 0x01, 0, 0x5e, 1, 2, 3 };
    i40e_rig_run(2);
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ .multicast = list, .multicast_count = 1 });
    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = nic_counter("UPRC");
        rig->model.counters_stay = i & 2;
        assert_true(survives(i & 1 ? I40E_RESET_CORE : I40E_RESET_GLOBAL));
        assert_true(inject(frame, sizeof frame));
        assert_int_equal(nic_poll(0), 1);
        assert_int_equal(nic_counter("UPRC"),
                         before + 1); /* whether the chip cleared them or not */
        assert_int_equal(nic_counter("MPRC"), i + 1);
    }
    assert_true(host_log_contains("starts over: the chip was reset"));
}

/* Between two looks nothing may be seen of it but that the admin queue is gone. */
static void reset_that_nobody_saw_is_found(void **state)
{
    i40e_rig_run(1);
    i40e_model_reset_begin(&rig->model, I40E_RESET_CORE);
    host_advance_us(100 * US_PER_MS);
    rig->model.device.bar_read(&rig->model, 0, 0xb612c, 4); /* by anybody */
    i40e_rig_turn(50 * US_PER_MS);
    assert_int_equal(nic_counter("resets"), 1);
    assert_true(nic_exchange());
}

static void reset_that_lasts_fails_the_port(void **state)
{
    i40e_rig_run(1);
    rig->model.reset_takes_us = 60 * US_PER_S;
    i40e_model_reset_begin(&rig->model, I40E_RESET_GLOBAL);
    i40e_rig_turn(100 * US_PER_MS);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_true(host_log_contains("GLGEN_RSTAT is 0000000a"));
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
}

static void accusations_are_counted_and_survived_but_not_for_ever(void **state)
{
    i40e_rig_run(1);
    for (unsigned i = 0; i < 5; i++) {
        i40e_model_malicious(&rig->model, 0);
        i40e_rig_turn(30 * US_PER_MS);
        assert_int_equal(nic.port->state, PORT_RUNNING);
        assert_int_equal(nic_counter("malicious"), i + 1);
        assert_true(nic_exchange());
    }
    assert_true(host_log_contains("malicious-driver detection: GL_MDET_TX 80000000"));
    i40e_model_malicious(&rig->model, 0);
    i40e_rig_turn(30 * US_PER_MS);
    assert_int_equal(nic.port->state, PORT_FAILED);
}

static void wrong_private_memory_is_told_and_given_anew(void **state)
{
    i40e_rig_run(1);
    for (unsigned i = 0; i < 5; i++) {
        i40e_model_hmc_error(&rig->model, 0x00000302, 0x1234 + i);
        i40e_rig_turn(30 * US_PER_MS);
        assert_int_equal(nic.port->state, PORT_RUNNING);
        assert_int_equal(i40e_rig_reg(0xc0400), 0);
        assert_true(nic_exchange());
    }
    assert_true(host_log_contains("private memory is wrong: PFHMC_ERRORINFO 80000302, "
                                  "PFHMC_ERRORDATA 00001238"));
    i40e_model_hmc_error(&rig->model, 0, 0);
    i40e_rig_turn(30 * US_PER_MS);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, "the chip found its private memory wrong");
}

static void device_that_leaves_the_bus_is_told_once_and_harms_nobody(void **state)
{
    i40e_rig_run(1);
    rig->model.gone = true;
    i40e_rig_turn(30 * US_PER_MS);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, "the device does not answer any more");
    nic_stats();
    assert_int_equal(host_dma_mapped(&rig->model.function->dma), 0);
}

static void firmware_that_dies_is_found_by_the_next_command(void **state)
{
    static const uint8_t other[MAC_LEN] = { 2, 0, 0, 0, 0, 9 };
    i40e_rig_run(1);
    rig->model.aq.deaf = true;
    assert_int_equal(port_set_mac(nic.port, other), -EIO);
    assert_memory_equal(nic.port->mac, i40e_rig_mac, MAC_LEN);
    rig->model.aq.deaf = false;
    i40e_rig_turn(30 * US_PER_MS);
    assert_int_equal(nic.port->state, PORT_RUNNING);
    assert_true(host_log_contains("starts over: its admin queue broke down"));
    assert_true(nic_exchange());
}

/* Link --------------------------------------------------------------------------- */

static void speeds_media_and_fec_are_told(void **state)
{
    static const struct {
        enum i40e_model_chip chip;
        uint32_t speed;
        const char *told;
    } chips[] = {
        { I40E_MODEL_X710, 10000, "10GBASE-SR, FEC: none, pause frames: none" },
        { I40E_MODEL_XL710, 40000, "40GBASE-SR4, FEC: none" },
        { I40E_MODEL_XXV710, 25000, "25GBASE-SR, FEC: RS" },
        { I40E_MODEL_X722, 10000, "10GBASE-SR, FEC: none, pause frames: none" },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(chips); i++) {
        i40e_rig_make(chips[i].chip, 0);
        i40e_rig_run(1);
        i40e_rig_turn(20 * US_PER_MS);
        assert_true(nic.port->link.up && nic.port->link.full_duplex);
        assert_int_equal(nic.port->link.speed_mbps, chips[i].speed);
        assert_true(host_log_contains(chips[i].told));
    }
}

static void unplug(struct i40e_model *m, uint16_t opcode, struct i40e_aq_desc *desc,
                   uint8_t *buffer)
{
    if (opcode == 0x0607)
        desc->param[1] = 0;
}

static void unqualify(struct i40e_model *m, uint16_t opcode, struct i40e_aq_desc *desc,
                      uint8_t *buffer)
{
    if (opcode == 0x0607)
        desc->param[1] = 0x40;
}

static void links_say_why_they_are_down(void **state)
{
    rig->model.lie = unplug;
    i40e_rig_run(1);
    i40e_rig_turn(20 * US_PER_MS);
    assert_false(nic.port->link.up);
    assert_string_equal(nic.port->link.why, "no module");
    i40e_rig_make(I40E_MODEL_X710, 0);
    rig->model.lie = unqualify;
    i40e_rig_run(1);
    i40e_rig_turn(20 * US_PER_MS);
    assert_string_equal(nic.port->link.why, "firmware does not take this module");
}

static void events_go_on_for_ever(void **state)
{
    i40e_rig_run(1);
    for (unsigned i = 0; i < 200; i++) {
        i40e_model_set_link(&rig->model, i & 1);
        i40e_rig_turn(20 * US_PER_MS);
        assert_int_equal(nic.port->link.up, i & 1);
    }
    assert_int_equal(rig->model.aq.lost, 0);
}

/* Filters ------------------------------------------------------------------------------ */

static void many_groups_make_it_hear_all(void **state)
{
    static uint8_t list[I40E_GROUPS + 1][MAC_LEN];
    uint8_t frame[60] = { 0x01, 0, 0x5e, 1, 2, 3 };
    for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
        memcpy(list[i], &(uint8_t[MAC_LEN]){ 0x01, 0, 0x5e, 0x11, 0, (uint8_t)i }, MAC_LEN);
    i40e_rig_run(1);
    struct port_rx_mode mode = { .multicast = list, .multicast_count = I40E_GROUPS };
    assert_int_equal(port_set_rx_mode(nic.port, &mode), 0);
    inject(frame, sizeof frame);
    assert_int_equal(nic_poll(0), 0);
    memcpy(frame, list[I40E_GROUPS - 1], MAC_LEN);
    inject(frame, sizeof frame);
    assert_int_equal(nic_poll(0), 1);
    mode.multicast_count = ARRAY_SIZE(list);
    assert_int_equal(port_set_rx_mode(nic.port, &mode), 0);
    memcpy(frame, &(uint8_t[MAC_LEN]){ 0x01, 0, 0x5e, 1, 2, 3 }, MAC_LEN);
    inject(frame, sizeof frame);
    assert_int_equal(nic_poll(0), 1);
}

static void without_filters_left_it_hears_all(void **state)
{
    static const uint8_t list[1][MAC_LEN] = { { 2, 0, 0, 0, 0, 7 } };
    uint8_t frame[60] = { 2, 0, 0, 0, 0, 8 };
    i40e_rig_run(1);
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++)
        rig->model.filter[i].used = true;
    struct port_rx_mode mode = { .unicast = list, .unicast_count = 1 };
    assert_int_equal(port_set_rx_mode(nic.port, &mode), 0);
    inject(frame, sizeof frame);
    assert_int_equal(nic_poll(0), 1);
}

static void tags_are_stripped_as_is_wished(void **state)
{
    uint8_t frame[68] = { 0 };
    memcpy(frame, i40e_rig_mac, MAC_LEN);
    memcpy(frame + 12, &(uint8_t[]){ 0x81, 0, 0x20, 5, 0x08, 0 }, 6);
    i40e_rig_run(1);
    for (unsigned i = 0; i < 4; i++) {
        bool wish = i & 1;
        assert_int_equal(port_set_offloads(nic.port, wish ? PORT_OFFLOAD_VLAN_STRIP : 0), 0);
        assert_true(inject(frame, sizeof frame));
        struct packet *p = nic_receive();
        assert_non_null(p);
        assert_int_equal(p->frame_length, wish ? 64 : 68);
        assert_int_equal(p->flags & PACKET_VLAN, wish ? PACKET_VLAN : 0);
        if (wish)
            assert_int_equal(p->vlan, 0x2005);
        packet_free(&nic.cache, p);
    }
}

/* Spreading ----------------------------------------------------------------------- */

/* Rings that the rig's packets fill, however many there are. */
static void run_short(uint16_t n)
{
    nic_create(&nic.cache, n, n, 64);
    assert_int_equal(port_start(nic.port), 0);
}

static void flows_are_spread_over_all_queues(void **state)
{
    static const uint16_t counts[] = { 3, 16, 64 };
    for (unsigned c = 0; c < 2 * ARRAY_SIZE(counts); c++) {
        unsigned hits[64] = { 0 }, n = counts[c / 2];
        i40e_rig_make(c % 2 ? I40E_MODEL_X722 : I40E_MODEL_X710, 1);
        run_short(counts[c / 2]);
        for (uint32_t from = 1; from <= 16; from++)
            for (uint32_t to = 17; to <= 48; to++) {
                uint8_t protocol = from & 1 ? 6 : 17;
                unsigned queue = nic_queue_of(protocol, from, to);
                hits[queue]++;
                assert_int_equal(nic_queue_of(protocol, to, from), queue); /* both ways */
            }
        for (unsigned i = 0; i < n; i++) /* 512 flows */
            assert_in_range(hits[i], 512 / n / 8, 512 / n * 3);
    }
}

static void all_queues_send(void **state)
{
    uint8_t frame[60] = { 2 };
    run_short(I40E_QUEUES_MAX);
    for (unsigned i = 0; i < I40E_QUEUES_MAX; i++) {
        struct packet *p = conformance_packet(&nic.cache, frame, sizeof frame, sizeof frame);
        assert_int_equal(port_tx_burst(nic.port->txq[i], &p, 1), 1);
        assert_int_equal(take(frame, sizeof frame), 60);
    }
}

/* Interrupts ------------------------------------------------------------------------- */

static void armed_queues_interrupt_once(void **state)
{
    uint8_t frame[60] = { 0 };
    i40e_rig_run(2);
    memcpy(frame, i40e_rig_mac, MAC_LEN);
    for (unsigned round = 1; round <= 3; round++) {
        nic.port->ops->arm(nic.port->rxq[0], true);
        inject(frame, sizeof frame);
        inject(frame, sizeof frame);
        assert_int_equal(rig->model.device.interrupts[0], round);
    }
    nic.port->ops->arm(nic.port->rxq[0], true);
    nic.port->ops->arm(nic.port->rxq[0], false);
    inject(frame, sizeof frame);
    assert_int_equal(rig->model.device.interrupts[0], 3);
    uint8_t other[80];
    uint32_t to = 17;
    nic_poll(0);
    while (nic_queue_of(6, 1, to) != 1)
        to++;
    nic.port->ops->arm(nic.port->rxq[1], true);
    inject(other, nic_flow(other, 6, 1, to));
    assert_int_equal(rig->model.device.interrupts[1], 1);
    nic_poll(0);
    nic_poll(1);
}

/* Statistics ----------------------------------------------------------------------------- */

/* They outlive the PF's reset, and begin shortly before they wrap. */
static void what_was_before_is_not_counted_and_wraps_are_none(void **state)
{
    i40e_rig_run(1);
    assert_int_equal(nic_counter("GORC"), 0);
    for (unsigned i = 0; i < 100; i++)
        assert_true(nic_exchange());
    assert_int_equal(nic_counter("GORC"), 100 * 104);
    assert_int_equal(nic_counter("GOTC"), 100 * 104);
    assert_int_equal(nic_counter("UPRC"), 100);
    assert_int_equal(nic_counter("PRC127"), 100);
    port_stop(nic.port);
    assert_int_equal(port_start(nic.port), 0);
    assert_true(nic_exchange());
    assert_int_equal(nic_counter("UPRC"), 101);
}

/* A counter of 48 bits that moves on between the reads of its halves is read as what it was, or is:
 * at whichever read that is. */
static void counters_that_move_while_they_are_read_make_no_steps(void **state)
{
    i40e_rig_run(1);
    nic_counter("GORC");
    for (unsigned at = 1; at <= 4; at++) {
        uint64_t before = nic_counter("GORC"), now;
        rig->model.counter_moves = at;
        now = nic_counter("GORC");
        assert_true(now == before || now == before + UINT32_MAX);
        now = nic_counter("GORC");
        assert_true(now == before || now == before + UINT32_MAX); /* the fourth is another's */
    }
}

/* Of a queue that is polled its vector fires all the time, behind a masked entry: then descriptors
 * are written back. */
static void descriptors_of_polled_queues_are_pushed(void **state)
{
    const uint32_t enabled = 1;
    uint8_t frame[60] = { 0 };
    i40e_rig_run(2);
    memcpy(frame, i40e_rig_mac, MAC_LEN);
    for (unsigned i = 0; i < 2; i++)
        nic.port->rxq[i]->interrupts = false;
    i40e_rig_turn(2 * US_PER_MS);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t fired = rig->model.fired[0];
        inject(frame, sizeof frame);
        inject(frame, sizeof frame); /* it has fired by then */
        i40e_rig_turn(2 * US_PER_MS);
        assert_int_equal(rig->model.fired[0], fired + 2);
    }
    nic.port->rxq[1]->interrupts = true;
    nic.port->ops->arm(nic.port->rxq[1], false);
    i40e_rig_turn(2 * US_PER_MS);
    assert_false(i40e_rig_reg(0x34800) &
                 enabled); /* an entry that is not masked: only when armed */
    nic_poll(0);
}

static void frames_without_a_descriptor_are_missed(void **state)
{
    uint8_t frame[60] = { 0 };
    unsigned sent = 0;
    i40e_rig_run(1);
    memcpy(frame, i40e_rig_mac, MAC_LEN);
    while (inject(frame, sizeof frame))
        assert_in_range(++sent, 1, 5000);
    assert_int_equal(nic_stats().rx_missed, 1);
    assert_int_equal(nic_poll(0), sent);
    assert_true(nic_exchange());
}

/* A chip that lies -------------------------------------------------------------------- */

#define DONE 0x1ull
#define END 0x3ull
#define BYTES(n) ((uint64_t)(n) << 38)

static void lie_is_one_error(const uint64_t *results, unsigned n)
{
    uint64_t before = nic.port->rxq[0]->errors;
    for (unsigned i = 0; i < n; i++)
        assert_true(i40e_engine_return(&rig->model.engine, &rig->model.rx[0].ring,
                                       (uint64_t[4]){ 0xfeedfacecafebeefull, results[i] }));
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(nic.port->rxq[0]->errors, before + 1);
    assert_true(nic_exchange());
}

static void absurd_lengths_are_errors(void **state)
{
    static const uint32_t lengths[] = { 0, 1, 13, 1523, 2048, 2049, 0x3fff };
    i40e_rig_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
        lie_is_one_error(&(uint64_t){ END | BYTES(lengths[i]) }, 1);
}

static void chains_that_break_the_rules_are_errors(void **state)
{
    uint64_t endless[100];
    i40e_rig_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    for (unsigned i = 0; i < 100; i++)
        endless[i] = (i == 99 ? END : DONE) | BYTES(2048);
    lie_is_one_error(endless, 100);
    lie_is_one_error((uint64_t[]){ DONE, END | BYTES(100) }, 2);
}

static void heads_that_lie_harm_nobody(void **state)
{
    i40e_rig_run(1);
    rig->model.aq.receive[3] = 0x3ff; /* an event that is none, far beyond the ring */
    i40e_rig_turn(30 * US_PER_MS);
    rig->model.aq.receive[3] = 5; /* events that were never written */
    i40e_rig_turn(30 * US_PER_MS);
    assert_true(nic_exchange());
}

static void frames_never_reported_are_given_back_by_stop(void **state)
{
    uint8_t frame[60] = { 2 };
    i40e_rig_run(1);
    rig->model.engine.hide_writeback = true;
    for (unsigned i = 0; i < 20; i++) {
        struct packet *p = conformance_packet(&nic.cache, frame, sizeof frame, sizeof frame);
        assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
        take(frame, sizeof frame);
    }
    port_stop(nic.port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, i40e_rig_set_up, i40e_rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(devices_are_listed_once),
        TEST(address_is_what_firmware_says),
        TEST(without_an_address_the_port_has_one_of_ours),
        TEST(firmware_and_nvm_are_shown),
        TEST(nothing_of_the_probe_is_left),
        TEST(interface_of_another_kind_fails_the_port),
        TEST(deaf_firmware_fails_the_port),
        TEST(firmware_in_recovery_mode_fails_the_port),
        TEST(recovery_mode_is_found_by_the_next_start),
        TEST(an_x722_is_asked_in_its_own_way),
        TEST(refusals_are_told_with_their_code),
        TEST(without_queues_the_port_fails),
        TEST(absurd_lists_of_capabilities_end),
        TEST(queues_that_the_chip_has_not_fail_the_port),
        TEST(reset_that_never_ends_fails_the_port),
        TEST(nvm_that_is_never_loaded_fails_the_port),
        TEST(nvm_that_is_silent_or_taken_is_told),
        TEST(all_ones_at_probe_fail_the_port),
        TEST(missing_registers_fail_the_port),
        TEST(slow_devices_are_waited_for),
        TEST(start_and_stop_leave_nothing),
        TEST(queue_that_does_not_start_is_told),
        TEST(queue_that_does_not_stop_fails_the_port),
        TEST(refused_settings_of_the_start_are_errors),
        TEST(resets_of_the_chip_are_survived),
        TEST(reset_that_nobody_saw_is_found),
        TEST(reset_that_lasts_fails_the_port),
        TEST(accusations_are_counted_and_survived_but_not_for_ever),
        TEST(wrong_private_memory_is_told_and_given_anew),
        TEST(device_that_leaves_the_bus_is_told_once_and_harms_nobody),
        TEST(firmware_that_dies_is_found_by_the_next_command),
        TEST(speeds_media_and_fec_are_told),
        TEST(links_say_why_they_are_down),
        TEST(events_go_on_for_ever),
        TEST(many_groups_make_it_hear_all),
        TEST(without_filters_left_it_hears_all),
        TEST(tags_are_stripped_as_is_wished),
        TEST(flows_are_spread_over_all_queues),
        TEST(all_queues_send),
        TEST(armed_queues_interrupt_once),
        TEST(what_was_before_is_not_counted_and_wraps_are_none),
        TEST(counters_that_move_while_they_are_read_make_no_steps),
        TEST(descriptors_of_polled_queues_are_pushed),
        TEST(frames_without_a_descriptor_are_missed),
        TEST(absurd_lengths_are_errors),
        TEST(chains_that_break_the_rules_are_errors),
        TEST(heads_that_lie_harm_nobody),
        TEST(frames_never_reported_are_given_back_by_stop),
    };
    nic.model = &i40e_rig_model;
    int failed = conformance("i40e_x710", I40E_MODEL_X710, 0, 1, 0);
    failed += conformance("i40e_x710_2_queues", I40E_MODEL_X710, 0, 2, 64);
    failed += conformance("i40e_x710_second_pf_4_queues", I40E_MODEL_X710, 1, 4, 128);
    failed += conformance("i40e_xl710_16_queues", I40E_MODEL_XL710, 0, 16, 64);
    failed += conformance("i40e_xl710_64_queues", I40E_MODEL_XL710, 1, 64, 64);
    failed += conformance("i40e_xxv710", I40E_MODEL_XXV710, 1, 1, 1024);
    failed += conformance("i40e_x722", I40E_MODEL_X722, 0, 1, 0);
    failed += conformance("i40e_x722_8_queues", I40E_MODEL_X722, 1, 8, 256);
    intel_set_alone(true);
    failed += conformance("i40e_x710_alone", I40E_MODEL_X710, 0, 2, 64);
    intel_set_alone(false);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
