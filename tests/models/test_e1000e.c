/* e1000e.c over the 82574's model: the conformance suite, then what that chip does
 * its own way.  What it shares with the 8254x is in test_e1000.c and test_e1000_ring.c.
 * Sections: 82574 DS. */
#include "nic/intel/e1000/e1000e_regs.h"
#include "nic/intel/intel_ring.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/e1000_model.h"
#include "tests/models/nic_rig.h"

#include <errno.h>
#include <string.h>

static const uint8_t address[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct e1000_model model;
static uint16_t ring_size;
static enum e1000_model_kind kind = E1000_82574L;

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

static const struct nic_model e1000e = { .driver = "e1000e",
                                         .function = function,
                                         .inject = inject,
                                         .take = take,
                                         .violations = violations };

static struct port *create(struct packet_cache *packets)
{
    nic.model = &e1000e;
    e1000_model_init_as(&model, address, kind);
    return nic_create(packets, 1, 1, ring_size);
}

static int conformance(const char *name, uint16_t size)
{
    ring_size = size;
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

static uint32_t reg(uint32_t offset)
{
    return model.regs[offset / 4];
}

static int set_up(void **state)
{
    nic_set_up(&e1000e);
    e1000e_model_init(&model, address);
    return 0;
}

static int tear_down(void **state)
{
    nic_tear_down();
    assert_int_equal(reg(E1000E_EXTCNF_CTRL) & E1000E_EXTCNF_CTRL_SW, 0); /* given back */
    return 0;
}

/* Probe ---------------------------------------------------------------------- */

static void the_device_is_listed(void **state)
{
    assert_true(nic_probe());
    const struct pci_id *ids = model.function->driver->ids;
    assert_true(ids[0].vendor == 0x8086 && ids[0].device == 0x10d3);
    assert_int_equal(ids[1].vendor, 0);
    assert_string_equal(nic.port->driver, "e1000e");
    assert_ptr_equal(nic.port->pci, model.function);
}

/* 6.1: words 0 to 2, low byte first; EERD with its own layout. */
static void address_comes_from_the_nvm(void **state)
{
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, address, MAC_LEN);
    assert_memory_equal(nic.port->permanent_mac, address, MAC_LEN);
    assert_false(host_log_contains("no address in the EEPROM"));
}

static void slow_devices_and_firmware_are_waited_for(void **state)
{
    model.reset_takes_us = model.eeprom_takes_us = model.auto_read_takes_us = 5000;
    model.master_takes_us = 40000;
    model.owner_takes_us = 30000;
    assert_true(nic_probe());
    assert_memory_equal(nic.port->mac, address, MAC_LEN);
    assert_false(host_log_contains("after"));
}

/* The NVM stays firmware's: the registers that the device loaded itself are left. */
static void firmware_that_keeps_the_nvm_is_told(void **state)
{
    model.owner_sticks = true;
    assert_true(nic_probe());
    assert_true(host_log_contains("e1000e 0000:01:00.0: EXTCNF_CTRL is 00000008 after 50000 us, "
                                  "expected 00000020 under mask 00000020"));
    assert_true(host_log_contains("no address in the EEPROM, looking at RAL0 and RAH0"));
    assert_memory_equal(nic.port->mac, address, MAC_LEN);
    assert_int_equal(model.phy_resets, 0);
    nic.port->rxq[0]->cache = nic.port->txq[0]->cache = &nic.cache;
    assert_int_equal(port_start(nic.port), 0);
    assert_true(nic_exchange());
}

static void requests_that_never_end_are_told_and_reset_away(void **state)
{
    model.master_sticks = true;
    assert_true(nic_probe());
    assert_true(host_log_contains("STATUS is 00080083 after 100000 us, expected 00000000 under "
                                  "mask 00080000"));
}

static void reset_that_never_ends_fails_the_port(void **state)
{
    model.reset_sticks = true;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_string_equal(nic.port->failure, "reset did not complete");
    assert_true(host_log_contains("expected 00000000 under mask 04000000"));
}

static void nvm_that_is_never_read_fails_the_port(void **state)
{
    model.auto_read_never = true;
    assert_false(nic_probe());
    assert_string_equal(nic.port->failure, "reset did not complete");
    assert_true(host_log_contains("EECD is 00000000 after 10000 us"));
}

/* At once: no wait of the reset can end. */
static void all_ones_at_probe_fail_the_port(void **state)
{
    model.gone = true;
    assert_false(nic_probe());
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_true(host_log_contains("STATUS is ffffffff"));
    assert_false(host_log_contains(" us, expected"));
    assert_int_equal(nic_stats().rx_errors, 0);
}

/* Erratum: no L0s and no L1, at neither end; the rest of the register stays. */
static void aspm_is_off_at_both_ends(void **state)
{
    const struct pci_function *f = model.function;
    assert_int_equal(pci_read16(f, (uint16_t)(f->express + PCI_EXPRESS_LINK_CTL)), 0x43);
    assert_true(nic_probe());
    assert_int_equal(pci_read16(f, (uint16_t)(f->express + PCI_EXPRESS_LINK_CTL)), 0x40);
    f = f->parent;
    assert_int_equal(pci_read16(f, (uint16_t)(f->express + PCI_EXPRESS_LINK_CTL)), 0x40);
}

static void message_interrupts_are_off(void **state)
{
    const struct pci_function *f = model.function;
    uint16_t msi = pci_find_capability(f, PCI_CAP_MSI, 0);
    uint16_t msix = pci_find_capability(f, PCI_CAP_MSIX, 0);
    assert_true(pci_read16(f, msi + PCI_MSI_CONTROL) & PCI_MSI_ENABLE);
    assert_true(pci_read16(f, msix + PCI_MSIX_CONTROL) & PCI_MSIX_ENABLE);
    assert_true(nic_probe());
    assert_int_equal(pci_read16(f, msi + PCI_MSI_CONTROL) & PCI_MSI_ENABLE, 0);
    assert_int_equal(pci_read16(f, msix + PCI_MSIX_CONTROL) & PCI_MSIX_ENABLE, 0);
}

/* While it is armed a frame interrupts, once; what came in before that does so at once. */
static void a_frame_interrupts_who_rests(void **state)
{
    static uint8_t frame[64] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };
    struct packet *p;
    host_interrupts = true;
    nic_run(1);
    memcpy(frame, nic.port->mac, MAC_LEN);
    port_give_queue(nic.port, 0, 0);
    assert_true(nic.port->rxq[0]->interrupts);
    assert_true(inject(frame, sizeof frame));
    assert_int_equal(model.interrupts[0], 0);
    nic.port->ops->arm(nic.port->rxq[0], true);
    assert_int_equal(model.interrupts[0], 1);
    assert_true(inject(frame, sizeof frame)); /* its mask cleared itself */
    assert_int_equal(model.interrupts[0], 1);
    nic.port->ops->arm(nic.port->rxq[0], true);
    nic.port->ops->arm(nic.port->rxq[0], false);
    assert_int_equal(model.interrupts[0], 2);
    assert_true(inject(frame, sizeof frame));
    assert_int_equal(model.interrupts[0], 2);
    while (port_rx_burst(nic.port->rxq[0], &p, 1))
        packet_free(nic.port->rxq[0]->cache, p);
    host_interrupts = false;
}

/* A PHY that somebody switched off comes back; links are not dropped by every start. */
static void the_phy_is_reset_once(void **state)
{
    nic_run(1);
    assert_int_equal(model.phy_resets, 1);
    port_stop(nic.port);
    assert_int_equal(port_start(nic.port), 0);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    assert_int_equal(model.phy_resets, 1);
    assert_int_equal(reg(INTEL_CTRL) & INTEL_CTRL_PHY_RST, 0);
}

static void firmware_may_forbid_that(void **state)
{
    model.phy_is_firmwares = true;
    nic_run(1);
    assert_int_equal(model.phy_resets, 0);
    assert_true(host_log_contains("management firmware uses the PHY"));
    assert_true(nic_exchange());
}

/* Start and stop --------------------------------------------------------------- */

/* 4.6.5, 4.6.6.  The model asks for these while it is switched on as well. */
static void start_programs_what_the_document_recommends(void **state)
{
    nic_run(1);
    assert_int_equal(reg(INTEL_RCTL), INTEL_RCTL_EN | INTEL_RCTL_BAM | INTEL_RCTL_SECRC |
                                          INTEL_RCTL_LPE | INTEL_RCTL_VFE);
    assert_int_equal(reg(INTEL_TCTL), 0x30000000 | INTEL_TCTL_EN | INTEL_TCTL_PSP | 0x400f0);
    assert_int_equal(reg(E1000_TIPG), 6 << 20 | 8 << 10 | 8);
    assert_int_equal(reg(E1000E_TXDCTL), 0x01410000);
    assert_int_equal(reg(E1000E_RXDCTL), 0x01010000);
    assert_int_equal(reg(E1000E_TARC0), 0x04000403);
    assert_int_equal(reg(INTEL_RXCSUM), INTEL_RXCSUM_IPOFL);
    assert_int_equal(e1000_model_rx_held(&model), 240);
    assert_true(nic_is_master());
}

/* CTRL_EXT.DRV_LOAD: management firmware has the device to itself after a stop. */
static void firmware_learns_of_start_and_stop(void **state)
{
    nic_run(1);
    assert_true(reg(E1000E_CTRL_EXT) & E1000E_CTRL_EXT_DRV_LOAD);
    port_stop(nic.port);
    assert_false(reg(E1000E_CTRL_EXT) & E1000E_CTRL_EXT_DRV_LOAD);
    assert_false(nic_is_master());
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
}

static void there_is_one_queue(void **state)
{
    nic_run(1);
    assert_int_equal(port_queues_limit(nic.port), 1);
    port_stop(nic.port);
    assert_int_equal(port_set_queues(nic.port, 2), -EINVAL);
}

static void device_that_leaves_the_bus_harms_nobody(void **state)
{
    nic_run(1);
    port_poll_link(nic.port);
    assert_true(nic.port->link.up);
    assert_int_equal(nic.port->link.speed_mbps, 1000);
    e1000_model_count(&model, 0x4010, 5);
    assert_int_equal(nic_stats().rx_missed, 5);
    model.gone = true;
    assert_true(port_poll_link(nic.port));
    assert_false(nic.port->link.up);
    assert_int_equal(nic_stats().rx_missed, 5);
    port_stop(nic.port);
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_false(host_log_contains(" us, expected")); /* no wait in vain */
    assert_false(nic_is_master());
}

/* What the chip's reset clears is not lost. */
static void counters_outlive_resets(void **state)
{
    nic_run(1);
    assert_true(nic_exchange());
    e1000_model_count(&model, 0x4010, 7);
    e1000_model_count(&model, 0x4000, 2);
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    port_stop(nic.port);
    assert_int_equal(port_start(nic.port), 0);
    assert_int_equal(nic_stats().rx_missed, 7);
    assert_int_equal(nic_stats().rx_errors, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_device_is_listed),
        TEST(address_comes_from_the_nvm),
        TEST(slow_devices_and_firmware_are_waited_for),
        TEST(firmware_that_keeps_the_nvm_is_told),
        TEST(requests_that_never_end_are_told_and_reset_away),
        TEST(reset_that_never_ends_fails_the_port),
        TEST(nvm_that_is_never_read_fails_the_port),
        TEST(all_ones_at_probe_fail_the_port),
        TEST(aspm_is_off_at_both_ends),
        TEST(message_interrupts_are_off),
        TEST(a_frame_interrupts_who_rests),
        TEST(the_phy_is_reset_once),
        TEST(firmware_may_forbid_that),
        TEST(start_programs_what_the_document_recommends),
        TEST(firmware_learns_of_start_and_stop),
        TEST(there_is_one_queue),
        TEST(device_that_leaves_the_bus_harms_nobody),
        TEST(counters_outlive_resets),
    };
    int failed = conformance("e1000e", 0);
    failed += conformance("e1000e_small_rings", 64);
    intel_set_alone(true);
    failed += conformance("e1000e_alone", 64);
    intel_set_alone(false);
    kind = E1000_82574L_VMWARE;
    failed += conformance("e1000e_vmware", 0);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
