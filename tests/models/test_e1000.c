/* e1000.c over the model: the conformance suite, then what is its own: address,
 * reset, link, filters, statistics, and a device that lies.  Sections: 8254x SDM. */
#include "nic/intel/intel_ring.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/e1000_model.h"
#include "tests/models/nic_rig.h"

#include <errno.h>
#include <string.h>

#define NUMBERS 64u /* as if there were no more */

static const uint8_t address[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct e1000_model model;
static uint16_t ring_size;
static bool like_qemu;
static enum e1000_model_kind kind;

static struct pci_function *function(void)
{
    return model.function;
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    return e1000_model_inject(&model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return e1000_model_take(&model, frame, size);
}

static void set_link(bool up)
{
    e1000_model_set_link(&model, up);
}

static unsigned violations(void)
{
    return e1000_model_violations(&model);
}

static const struct nic_model e1000 = { .driver = "e1000",
                                        .function = function,
                                        .inject = inject,
                                        .take = take,
                                        .violations = violations };

static struct port *create(struct packet_cache *packets)
{
    nic.model = &e1000;
    e1000_model_init_as(&model, address, kind);
    model.reset_does_nothing = like_qemu;
    return nic_create(packets, 1, 1, ring_size);
}

static int conformance(const char *name, uint16_t size, bool qemu)
{
    ring_size = size;
    like_qemu = qemu;
    return conformance_run(
        &(struct conformance_subject){ .name = name,
                                       .flags = CONFORMANCE_FILTERS | CONFORMANCE_PADS,
                                       .create = create,
                                       .destroy = nic_remove,
                                       .inject = inject,
                                       .take = take,
                                       .set_link = set_link,
                                       .violations = violations });
}

/* What the rest stands on ---------------------------------------------------- */

static int set_up(void **state)
{
    nic_set_up(&e1000);
    e1000_model_init(&model, address);
    return 0;
}

static int tear_down(void **state)
{
    nic_tear_down();
    return 0;
}

static uint32_t reg(uint32_t offset)
{
    return model.regs[offset / 4];
}

/* Probe ---------------------------------------------------------------------- */

static void devices_are_listed(void **state)
{
    static const uint16_t devices[] = { 0x100c, 0x100e, 0x100f };
    const struct pci_id *ids = nic_driver()->ids;
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
        assert_true(ids[i].vendor == 0x8086 && ids[i].device == devices[i]);
    assert_int_equal(ids[ARRAY_SIZE(devices)].vendor, 0);
}

/* 5.6.1: words 0 to 2, low byte first. */
static void address_comes_from_the_eeprom(void **state)
{
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, address, MAC_LEN);
    assert_memory_equal(nic.port->permanent_mac, address, MAC_LEN);
    assert_string_equal(nic.port->driver, "e1000");
    assert_ptr_equal(nic.port->pci, model.function);
}

static void address_falls_back_to_the_registers(void **state)
{
    for (unsigned how = 0; how < 3; how++) {
        host_reset();
        port_reset_registry();
        e1000_model_init(&model, address);
        model.reset_does_nothing = true; /* keeps RAL0 and RAH0 */
        model.eeprom_dead = how == 0;
        if (how)
            memset(model.eeprom, how == 1 ? 0xff : 0, MAC_LEN);
        assert_true(nic_probe());
        assert_memory_equal(nic.port->mac, address, MAC_LEN);
        assert_true(host_log_contains("e1000 0000:00:03.0: no address in the EEPROM"));
        assert_true(how || host_log_contains("EERD is 00000"));
        nic_driver()->remove(model.function);
    }
    nic.port = NULL;
}

/* Without EERD, and where the reset loses it: the other place has it. */
static void every_kind_has_its_address(void **state)
{
    for (kind = 0; kind < E1000_82574L; kind++) {
        port_reset_registry();
        e1000_model_init_as(&model, address, kind);
        assert_true(nic_probe());
        assert_memory_equal(nic.port->mac, address, MAC_LEN);
        assert_int_equal(e1000_model_violations(&model), 0);
        nic_driver()->remove(model.function);
    }
    nic.port = NULL;
    kind = E1000_82540EM;
}

/* One of our own, so that the port works. */
static void without_any_address_the_port_has_one_of_ours(void **state)
{
    static const uint8_t none[MAC_LEN];
    e1000_model_init(&model, none);
    nic_run(1);
    assert_int_equal(nic.port->mac[0] & 3, 2);
    assert_memory_equal(nic.port->mac, nic.port->permanent_mac, MAC_LEN);
    assert_true(
        host_log_contains("the device's address is 00:00:00:00:00:00, which is no station's"));
}

/* 13.5.3: RAL0 and RAH0 mean nothing without AV. */
static void invalid_address_registers_are_not_believed(void **state)
{
    model.eeprom_dead = model.reset_does_nothing = true;
    model.regs[E1000_RAH(0) / 4] &= ~INTEL_RAH_AV;
    assert_true(nic_probe());
    assert_int_equal(nic.port->mac[0] & 3, 2);
}

static void reset_that_never_ends_is_told_and_fails_the_port(void **state)
{
    model.reset_sticks = true;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_true(host_log_contains("e1000 0000:00:03.0: CTRL is 04000241 after 10000 us, "
                                  "expected 00000000 under mask 04000000"));
    assert_false(nic_is_master());
}

static void slow_devices_are_waited_for(void **state)
{
    model.reset_takes_us = model.eeprom_takes_us = 5000;
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, address, MAC_LEN);
    assert_false(host_log_contains("no address in the EEPROM"));
}

static void too_slow_devices_are_not(void **state)
{
    model.reset_takes_us = 20000;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
}

static void all_ones_at_probe_fail_the_port(void **state)
{
    model.gone = true;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_true(host_log_contains("STATUS is ffffffff"));
    assert_int_equal(nic_stats().rx_errors, 0);
}

static void missing_registers_fail_the_port(void **state)
{
    model.function->bar[0].size = 0x1000;
    assert_false(nic_probe());
    assert_string_equal(nic.port->failure, "no registers");
    nic_stats();
}

static void function_that_does_not_answer_fails_the_port(void **state)
{
    memset(model.device.config + PCI_COMMAND, 0xff, 2);
    assert_false(nic_probe());
    assert_string_equal(nic.port->failure, "its function does not answer");
    nic_stats();
    memset(model.device.config + PCI_COMMAND, 0, 2);
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
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
}

static void device_left_running_by_others_is_reset(void **state)
{
    model.regs[INTEL_RCTL / 4] = INTEL_RCTL_EN;
    model.regs[INTEL_TCTL / 4] = INTEL_TCTL_EN;
    model.reset_does_nothing = true;
    assert_true(nic_probe());
    assert_int_equal(reg(INTEL_RCTL) | reg(INTEL_TCTL), 0);
}

/* 14.3 to 14.5. */
static void start_programs_what_the_document_recommends(void **state)
{
    nic_run(1);
    assert_int_equal(reg(INTEL_RCTL),
                     INTEL_RCTL_EN | INTEL_RCTL_BAM | INTEL_RCTL_VFE | INTEL_RCTL_LPE);
    assert_int_equal(reg(INTEL_TCTL), INTEL_TCTL_EN | INTEL_TCTL_PSP | 0x0f0 | 0x40000);
    assert_int_equal(reg(E1000_TIPG), 6 << 20 | 8 << 10 | 10);
    assert_int_equal(reg(INTEL_CTRL) & (INTEL_CTRL_VME | INTEL_CTRL_RFCE | INTEL_CTRL_TFCE), 0);
    assert_true(reg(INTEL_CTRL) & INTEL_CTRL_SLU);
    assert_int_equal(reg(E1000_RDLEN), 256 * 16);
    /* one slot stays empty, and buffers go out in batches of 16 */
    assert_int_equal(e1000_model_rx_held(&model), 240);
}

/* Link ----------------------------------------------------------------------- */

/* 13.4.2 */
static void link_tells_speed_and_duplex(void **state)
{
    static const struct {
        uint32_t status, mbps;
        bool up, full;
    } cases[] = { { 0x00000002, 10, true, false },
                  { 0x00000043, 100, true, true },
                  { 0x00000083, 1000, true, true },
                  { 0x000000c3, 1000, true, true },
                  { 0x00000081, 0, false, false } };
    nic_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        model.regs[INTEL_STATUS / 4] = cases[i].status;
        port_poll_link(nic.port);
        assert_int_equal(nic.port->link.up, cases[i].up);
        assert_int_equal(nic.port->link.full_duplex, cases[i].full);
        assert_int_equal(nic.port->link.speed_mbps, cases[i].mbps);
    }
}

static void device_that_leaves_the_bus_is_told_once_and_harms_nobody(void **state)
{
    struct packet *p;
    nic_run(1);
    port_poll_link(nic.port);
    e1000_model_count(&model, 0x4010, 5);
    assert_int_equal(nic_stats().rx_missed, 5);
    model.gone = true;
    assert_true(port_poll_link(nic.port));
    assert_false(nic.port->link.up);
    assert_true(host_log_contains("the device does not answer any more"));
    assert_int_equal(nic_stats().rx_missed, 5);
    assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 0);
    port_stop(nic.port);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, "reset did not complete");
    assert_false(nic_is_master());
}

/* Filters -------------------------------------------------------------------- */

/* 13.5.1, the document's own example: xx:xx:xx:xx:9x:BC is bit 9 of row 94. */
static void multicast_hash_is_the_documents(void **state)
{
    static const uint8_t list[1][MAC_LEN] = { { 0x01, 0x02, 0x03, 0x04, 0x9a, 0xbc } };
    nic_run(1);
    assert_int_equal(port_set_rx_mode(nic.port, &(struct port_rx_mode){ .multicast = list,
                                                                        .multicast_count = 1 }),
                     0);
    for (uint32_t i = 0; i < INTEL_MTA_REGS; i++)
        assert_int_equal(reg(INTEL_MTA(i)), i == 94 ? 1u << 9 : 0);
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ 0 });
    assert_int_equal(reg(INTEL_MTA(94)), 0);
}

/* Each write of RCTL stops reception for a second in QEMU. */
static void unchanged_modes_do_not_touch_rctl(void **state)
{
    nic_run(1);
    unsigned before = model.rctl_writes;
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ 0 });
    assert_int_equal(model.rctl_writes, before);
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ .promiscuous = true });
    port_set_rx_mode(nic.port, &(struct port_rx_mode){ .promiscuous = true });
    assert_int_equal(model.rctl_writes, before + 1);
    assert_int_equal(port_set_mtu(nic.port, 1400), 0);
    assert_int_equal(model.rctl_writes, before + 1);
}

static void addresses_left_by_others_are_not_ours(void **state)
{
    static const uint8_t left[MAC_LEN] = { 0x02, 9, 9, 9, 9, 9 };
    uint8_t frame[60] = { 0 };
    struct packet *p;
    assert_true(nic_probe());
    memcpy(&model.regs[E1000_RAL(5) / 4], left, 4);
    model.regs[E1000_RAH(5) / 4] = INTEL_RAH_AV | 0x0909;
    nic.port->rxq[0]->cache = nic.port->txq[0]->cache = &nic.cache;
    assert_int_equal(port_start(nic.port), 0);
    memcpy(frame, left, MAC_LEN);
    assert_true(inject(frame, sizeof frame));
    assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 0);
    for (uint32_t i = 1; i < E1000_RA_REGS; i++)
        assert_int_equal(reg(E1000_RAL(i)) | reg(E1000_RAH(i)), 0);
}

/* Statistics (13.7) ---------------------------------------------------------- */

static void what_was_before_the_probe_is_not_counted(void **state)
{
    model.reset_does_nothing = true;
    e1000_model_count(&model, 0x4010, 1000);
    nic_run(1);
    assert_int_equal(nic_stats().rx_missed, 0);
}

static void counters_accumulate_what_reading_clears(void **state)
{
    nic_run(1);
    for (unsigned i = 0; i < 3; i++) {
        e1000_model_count(&model, 0x4010, 7);
        assert_int_equal(nic_stats().rx_missed, 7 * (i + 1));
        assert_int_equal(nic_stats().rx_missed, 7 * (i + 1));
    }
    e1000_model_count(&model, 0x4010, UINT32_MAX);
    assert_int_equal(nic_stats().rx_missed, 21ull + UINT32_MAX);
    e1000_model_count(&model, 0x4010, 1);
    port_stop(nic.port); /* the reset clears the register, not what we know */
    assert_int_equal(nic_stats().rx_missed, 22ull + UINT32_MAX);
    assert_int_equal(port_start(nic.port), 0);
    assert_int_equal(nic_stats().rx_missed, 22ull + UINT32_MAX);
}

static void each_refused_frame_is_one_error(void **state)
{
    static const uint32_t errors[] = { 0x4000, 0x40a4, 0x40a8, 0x40ac };
    static const uint32_t overlaps[] = { 0x4004, 0x400c, 0x4040, 0x40b0 };
    nic_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        e1000_model_count(&model, errors[i], 1);
        e1000_model_count(&model, overlaps[i], 1);
    }
    assert_int_equal(nic_stats().rx_errors, 4);
    assert_int_equal(nic_counter("RLEC"), 1);
    e1000_model_count(&model, 0x4018, 2);
    e1000_model_count(&model, 0x4020, 3);
    assert_int_equal(nic_stats().tx_errors, 5);
}

/* 13.7.31: 64 bits in two registers. */
static void octets_are_64_bits_wide(void **state)
{
    nic_run(1);
    model.regs[0x4088 / 4] = 0xfffffff0;
    model.regs[0x408c / 4] = 3;
    assert_true(nic_counter("GORC") == 0x3fffffff0ull);
    assert_true(nic_exchange());
    assert_true(nic_counter("GORC") == 0x3fffffff0ull + 104);
    assert_true(nic_counter("GOTC") == 104);
    assert_int_equal(nic_counter("GPRC"), 1);
    assert_int_equal(nic_counter("GPTC"), 1);
}

/* Padding ------------------------------------------------------------------- */

/* 3.3.3 asks for 48 bytes; there is no room behind this frame, and what lies
 * behind its buffer is not its. */
static void padding_stays_inside_the_buffer(void **state)
{
    static uint8_t untouched[PACKET_BUFFER_STRIDE - PACKET_BUFFER_SIZE];
    uint8_t frame[64];
    nic_run(1);
    struct packet *p = packet_alloc(&nic.cache);
    uint8_t *behind = p->buffer + PACKET_BUFFER_SIZE;
    memset(untouched, 0xaa, sizeof untouched);
    memcpy(behind, untouched, sizeof untouched);
    p->length = FRAME_MIN;
    p->frame_length = FRAME_MIN;
    p->data = behind - FRAME_MIN;
    assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
    assert_int_equal(take(frame, sizeof frame), 60);
    assert_memory_equal(behind, untouched, sizeof untouched);
}

/* A device that lies --------------------------------------------------------- */

#define DONE E1000_RXD_DD
#define END (E1000_RXD_DD | E1000_RXD_EOP)

static void lie_is_one_error(const uint64_t *results, unsigned n)
{
    uint64_t before = nic.port->rxq[0]->errors;
    for (unsigned i = 0; i < n; i++)
        assert_true(e1000_model_rx_return(&model, results[i]));
    assert_int_equal(nic_poll(0), 0);
    assert_int_equal(nic.port->rxq[0]->errors, before + 1);
    assert_true(nic_exchange());
}

static void absurd_lengths_are_errors(void **state)
{
    static const uint32_t lengths[] = { 0, 1, 4, 17, 1527, 1925, 2048, 2049, 2052, 0xffff };
    nic_run(1);
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
        lie_is_one_error(&(uint64_t){ END | lengths[i] }, 1);
}

/* 3.2.3.2: the errors byte; checksum bits (IPE, TCPE) are no reason to drop. */
static void descriptor_errors_are_errors(void **state)
{
    nic_run(1);
    for (unsigned bit = 40; bit < 48; bit++) {
        uint64_t result = END | 100 | 1ull << bit;
        if (bit == 43)
            continue; /* reserved */
        if (bit == 45 || bit == 46) {
            assert_true(e1000_model_rx_return(&model, result));
            assert_int_equal(nic_poll(0), 1);
        } else {
            lie_is_one_error(&result, 1);
        }
    }
}

static void chains_that_break_the_rules_are_errors(void **state)
{
    uint64_t nine[9], endless[200], tiny_first[2] = { DONE | 100, END | 500 };
    nic_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    for (unsigned i = 0; i < 9; i++)
        nine[i] = (i == 8 ? END : DONE) | 300;
    for (unsigned i = 0; i < 200; i++)
        endless[i] = (i == 199 ? END : DONE) | 2048;
    lie_is_one_error(nine, 9);
    lie_is_one_error(endless, 200);
    lie_is_one_error(tiny_first, 2);
    lie_is_one_error((uint64_t[]){ DONE | 2048, DONE | 0, END | 10 }, 3);
    lie_is_one_error((uint64_t[]){ DONE | 2048, END | 2049 }, 2);
    lie_is_one_error((uint64_t[]){ DONE | 0, END | 100 }, 2);
}

/* A last buffer that holds nothing but the FCS, or its end, holds nothing. */
static void the_fcs_is_cut_off_across_buffers(void **state)
{
    nic_run(1);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    for (uint32_t last = 0; last <= 5; last++) {
        struct packet *p;
        assert_true(e1000_model_rx_return(&model, DONE | 2048));
        assert_true(e1000_model_rx_return(&model, END | last));
        assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
        assert_int_equal(p->frame_length, 2044 + last);
        assert_int_equal(p->length, last < 4 ? 2044 + last : 2048);
        assert_int_equal(p->next ? p->next->length : 0, last < 4 ? 0 : last - 4);
        packet_free(&nic.cache, p);
    }
    assert_int_equal(nic.port->rxq[0]->errors, 0);
    for (uint32_t last = 0; last < 4; last++)
        lie_is_one_error((uint64_t[]){ DONE | (4 - last), END | last }, 2);
    lie_is_one_error((uint64_t[]){ DONE | (PACKET_HEADER_MIN - 1), DONE | 2048, END | 2 }, 3);
}

/* A restart is a reset, after which the chip takes its address from the EEPROM once more. */
static void address_survives_a_restart(void **state)
{
    static const uint8_t mine[MAC_LEN] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };
    struct port_device_stats stats;
    nic_run(1);
    assert_int_equal(port_set_mac(nic.port, mine), 0);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    host_advance_us(10000);
    nic.port->ops->stats(nic.port, &stats); /* any access: the model looks at the time */
    assert_int_equal(reg(E1000_RAL(0)), 0xccbbaa02u);
}

static void frame_that_never_ends_is_given_back_by_stop(void **state)
{
    nic_run(1);
    for (unsigned i = 0; i < 30; i++)
        assert_true(e1000_model_rx_return(&model, DONE | 200));
    assert_int_equal(nic_poll(0), 0);
    port_stop(nic.port);
    packet_cache_flush(&nic.cache);
    assert_int_equal(packet_pool_available(nic.pool), NIC_PACKETS);
    assert_int_equal(port_start(nic.port), 0);
    assert_true(nic_exchange());
}

/* Nothing that the device writes into the transmit ring decides what is freed. */
static void scribbled_transmit_rings_free_each_frame_once(void **state)
{
    nic_run(1);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 40; i++) {
            uint8_t bytes[300] = { 0 };
            struct packet *p = conformance_packet(&nic.cache, bytes, sizeof bytes, 100);
            if (!port_tx_burst(nic.port->txq[0], &p, 1))
                packet_free(&nic.cache, p);
        }
        uint64_t at = (uint64_t)reg(E1000_TDBAH) << 32 | reg(E1000_TDBAL);
        uint64_t junk = 0x9e3779b97f4a7c15ull * (round + 1);
        for (unsigned i = 0; i < 512; i++, junk = junk * 6364136223846793005ull + 1)
            host_dma_write(&model.function->dma, at + 8ull * i, &junk, sizeof junk);
    }
    port_stop(nic.port);
    packet_cache_flush(&nic.cache);
    assert_int_equal(packet_pool_available(nic.pool), NIC_PACKETS);
}

static void removal_stops_a_running_port(void **state)
{
    nic_run(1);
    assert_true(nic_exchange());
    nic_driver()->remove(model.function);
    nic.port = NULL;
    assert_null(port_get(0));
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
}

static void no_number_left_leaves_nothing(void **state)
{
    port_limit_numbers(NUMBERS);
    for (unsigned i = 0; i < NUMBERS; i++)
        assert_int_equal(null_port_create(&nic.port), 0);
    nic.port = NULL;
    assert_int_equal(pci_probe_drivers(), 0);
    assert_true(host_log_contains("no number left"));
    assert_null(model.function->driver_data);
    nic_driver()->remove(model.function);
    for (unsigned i = 0; i < NUMBERS; i++)
        null_port_destroy(port_get(i));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(devices_are_listed),
        TEST(address_comes_from_the_eeprom),
        TEST(address_falls_back_to_the_registers),
        TEST(every_kind_has_its_address),
        TEST(without_any_address_the_port_has_one_of_ours),
        TEST(invalid_address_registers_are_not_believed),
        TEST(reset_that_never_ends_is_told_and_fails_the_port),
        TEST(slow_devices_are_waited_for),
        TEST(too_slow_devices_are_not),
        TEST(all_ones_at_probe_fail_the_port),
        TEST(missing_registers_fail_the_port),
        TEST(function_that_does_not_answer_fails_the_port),
        TEST(bus_mastering_is_on_only_while_running),
        TEST(device_left_running_by_others_is_reset),
        TEST(start_programs_what_the_document_recommends),
        TEST(link_tells_speed_and_duplex),
        TEST(device_that_leaves_the_bus_is_told_once_and_harms_nobody),
        TEST(multicast_hash_is_the_documents),
        TEST(unchanged_modes_do_not_touch_rctl),
        TEST(addresses_left_by_others_are_not_ours),
        TEST(what_was_before_the_probe_is_not_counted),
        TEST(counters_accumulate_what_reading_clears),
        TEST(each_refused_frame_is_one_error),
        TEST(octets_are_64_bits_wide),
        TEST(padding_stays_inside_the_buffer),
        TEST(absurd_lengths_are_errors),
        TEST(descriptor_errors_are_errors),
        TEST(chains_that_break_the_rules_are_errors),
        TEST(the_fcs_is_cut_off_across_buffers),
        TEST(address_survives_a_restart),
        TEST(frame_that_never_ends_is_given_back_by_stop),
        TEST(scribbled_transmit_rings_free_each_frame_once),
        TEST(removal_stops_a_running_port),
        TEST(no_number_left_leaves_nothing),
    };
    int failed = conformance("e1000", 0, false);
    failed += conformance("e1000_in_qemu", 0, true);
    failed += conformance("e1000_small_rings", 64, false);
    intel_set_alone(true);
    failed += conformance("e1000_alone", 64, false);
    intel_set_alone(false);
    kind = E1000_82544GC;
    failed += conformance("e1000_82544gc", 0, false);
    kind = E1000_82545EM_VMWARE;
    failed += conformance("e1000_82545em_vmware", 0, false);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
