/* Function level reset: PCIe 6.6.2. */
#include "tests/host/test.h"

#include "kernel/time.h"
#include "pci/aer.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/models/made_pf.h"

#include <errno.h>
#include <string.h>

static struct pcispace_device port;
static struct made_pf pf;
static struct pci_function *f;

static int set_up(void **state)
{
    host_reset();
    pcispace_reset();
    memset(&port, 0, sizeof port);
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf, 0x10c9, 8, 16384);
    made_pf_add(&pf, &port, 0);
    host_set_time_us(5 * US_PER_S);
    pci_scan();
    f = pci_find(PCI_BDF(0, 1, 0, 0));
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(pcispace_violations(), 0);
    assert_int_equal(pf.violations, 0);
    pci_reset();
    pci_set_access(NULL);
    return 0;
}

static void reset_restores_what_it_cleared(void **state)
{
    assert_int_equal(pci_enable(f), 0);
    pci_bus_master(f, true);
    pci_write16(f, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL, 0x2830);
    uint16_t command = pci_read16(f, PCI_COMMAND);
    uint64_t bar = f->bar[0].base;
    assert_int_equal(pci_function_reset(f), 0);
    assert_int_equal(pf.resets, 1);
    assert_int_equal(pci_read16(f, PCI_COMMAND), command);
    assert_int_equal(pci_read16(f, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL), 0x2830);
    assert_int_equal(made_get(&pf.device, PCI_BAR0, 4), bar);
    assert_int_equal(pci_read16(f, MADE_PF_SRIOV + PCI_SRIOV_CONTROL), PCI_SRIOV_ARI);
}

/* 6.6.2: 100 ms in which nobody asks (the model counts who does), and little more. */
static void reset_waits_100_ms(void **state)
{
    uint64_t before = time_us();
    assert_int_equal(pci_function_reset(f), 0);
    assert_in_range(time_us() - before, 100 * US_PER_MS, 150 * US_PER_MS);
}

/* The poll loop runs meanwhile, and does not ask for errors (the model counts who asks). */
static void ask_for_errors(void)
{
    pci_aer_poll(time_us());
}

static void nobody_asks_for_errors_meanwhile(void **state)
{
    const char *why;
    host_set_yield(ask_for_errors);
    assert_int_equal(pci_function_reset(f), 0);
    assert_int_equal(pci_sriov_enable(f, 2, false, &why), 0);
    assert_int_equal(pci_function_reset(f->sriov->vf[0]), 0);
    made_pf_error(&pf, 1u << 18, 0);
    for (unsigned i = 0; i < 300; i++) {
        host_advance_us(10 * US_PER_MS);
        pci_aer_poll(time_us());
    }
    assert_int_equal(f->aer->count[PCI_AER_FATAL], 1);
    host_set_yield(NULL);
}

/* Nothing new is sent, and what is under way comes back, before the reset. */
static void pending_transactions_are_waited_for(void **state)
{
    pci_bus_master(f, true);
    pf.pending_us = time_us() + 300 * US_PER_MS;
    assert_int_equal(pci_function_reset(f), 0);
    assert_true(pf.reset_us >= pf.pending_us);
    assert_false(host_log_contains("pending"));
}

static void pending_that_never_ends_does_not_stop_the_reset(void **state)
{
    pf.pending_us = UINT64_MAX;
    uint64_t before = time_us();
    assert_int_equal(pci_function_reset(f), 0);
    assert_in_range(time_us() - before, 1000 * US_PER_MS, 1200 * US_PER_MS);
    assert_true(host_log_contains("device status reads 0020 after 1000 ms, expected no "
                                  "transactions pending"));
}

static void function_that_does_not_come_back_is_told(void **state)
{
    pf.reset_kills = true;
    assert_int_equal(pci_function_reset(f), -ETIMEDOUT);
    assert_true(host_log_contains("vendor ID reads ffff and command ffff 1100 ms after its reset"));
    pf.reset_kills = false;
}

static void function_without_it_is_refused(void **state)
{
    assert_int_equal(pci_function_reset(pci_find(PCI_BDF(0, 0, 1, 0))), -ENOTSUP);
    memset(pf.device.config + MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CAP, 0, 4);
    assert_int_equal(pci_function_reset(f), -ENOTSUP);
    assert_int_equal(pf.resets, 0);
}

/* 9.2.2.3: VF Enable goes with a reset of the PF, so the VFs go first. */
static void pf_whose_vfs_are_in_force_is_refused(void **state)
{
    const char *why;
    assert_int_equal(pci_sriov_enable(f, 2, false, &why), 0);
    assert_int_equal(pci_function_reset(f), -EBUSY);
    assert_int_equal(pf.resets, 0);
    pci_sriov_disable(f);
    assert_int_equal(pci_function_reset(f), 0);
    assert_int_equal(pci_sriov_enable(f, 8, false, &why), 0);
    assert_int_equal(f->sriov->vf[7]->bdf, PCI_BDF(0, 1, 0x11, 6));
    assert_non_null(pci_map_bar(f->sriov->vf[7], 3, 16384));
}

/* 9.2.2.2: a VF's reset leaves its PF and its neighbours as they are. */
static void vf_is_reset_alone(void **state)
{
    const char *why;
    assert_int_equal(pci_sriov_enable(f, 2, false, &why), 0);
    struct pci_function *vf = f->sriov->vf[1];
    assert_int_equal(pci_enable(vf), 0);
    pci_bus_master(vf, true);
    assert_int_equal(pci_function_reset(vf), 0);
    assert_int_not_equal(pf.vf[1].reset_us, 0);
    assert_int_equal(pf.vf[0].reset_us, 0);
    assert_int_equal(pf.resets, 0);
    assert_int_equal(made_get(&pf.vf[1].device, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
    assert_int_equal(f->sriov->num_vfs, 2);
    assert_non_null(pci_map_bar(vf, 0, 16384));
}

/* A boot does not wait for resets that drivers do themselves. */
static void scan_resets_nothing(void **state)
{
    assert_int_equal(pf.resets, 0);
    assert_int_equal(time_us(), 5 * US_PER_S);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reset_restores_what_it_cleared),
        TEST(reset_waits_100_ms),
        TEST(nobody_asks_for_errors_meanwhile),
        TEST(pending_transactions_are_waited_for),
        TEST(pending_that_never_ends_does_not_stop_the_reset),
        TEST(function_that_does_not_come_back_is_told),
        TEST(function_without_it_is_refused),
        TEST(pf_whose_vfs_are_in_force_is_refused),
        TEST(vf_is_reset_alone),
        TEST(scan_resets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
