/* Functions and ports behind a model of a unit: attaching, trust, faults that
 * stop a port, and what `show iommu` says of it all. */
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/machine/fence.h"
#include "iommu/iommu.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "pci/pci_internal.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/dmar_table.h"
#include "tests/models/lan.h"
#include "tests/models/pcispace.h"
#include "tests/models/vtd_model.h"

#include <errno.h>
#include <string.h>

#define BASE 0xfed90000ull
#define SOMEWHERE 0x5000ull

static struct vtd_model model;
static struct pcispace_device port_above[2], nic[2], to_pci;
static char text[8192];

static void write_text(struct out *out, const char *more, size_t n)
{
    assert_true(strlen(text) + n < sizeof text);
    strncat(text, more, n);
}

static struct out out = { .write = write_text };

static const char *answer(const char *line)
{
    text[0] = '\0';
    command_run(line, &out, NULL, 0);
    return text;
}

/* An endpoint with ATS (PCIe 10.5.1) below a root port with ACS (7.7.8). */
static void tree(unsigned i)
{
    static const uint8_t ats[] = { 0x0f, 0x00, 0x01, 0x00, 0x20, 0x00 },
                         acs[] = { 0x0d, 0x00, 0x01, 0x00, 0x1f, 0x00 };
    uint8_t express[0x3c] = { PCI_CAP_EXPRESS, 0, 0x42, 0 };
    pcispace_bridge_init(&port_above[i], 0x1234, 0x0b00);
    pcispace_capability(&port_above[i], express, sizeof express);
    memcpy(port_above[i].config + 0x100, acs, sizeof acs);
    port_above[i].writable[0x106] = 0x1f;
    port_above[i].config_size = PCI_EXTENDED_SIZE;
    pcispace_add(&port_above[i], NULL, 2 + i, 0);
    express[2] = 0x02;
    pcispace_device_init(&nic[i], 0x1234, 0x5678, 0x020000);
    pcispace_capability(&nic[i], express, sizeof express);
    memcpy(nic[i].config + 0x100, ats, sizeof ats);
    nic[i].writable[0x106] = 0x1f;
    nic[i].writable[0x107] = 0x80;
    nic[i].config_size = PCI_EXTENDED_SIZE;
    pcispace_add(&nic[i], &port_above[i], 0, 0);
}

static struct pci_function *function(unsigned i)
{
    struct pci_function *f = pci_find((uint32_t)pcispace_bus(&nic[i]) << 8 | nic[i].devfn);
    assert_non_null(f);
    return f;
}

static uint16_t control(const struct pcispace_device *d)
{
    return (uint16_t)(d->config[0x106] | d->config[0x107] << 8);
}

static int set_up(void **state)
{
    static const struct pci_trusted nobody;
    lan_start(2, "io");
    pcispace_reset();
    pci_trust(&nobody);
    fence_set_limit(3);
    tree(0);
    tree(1);
    vtd_model_init(&model, BASE);
    model.ecap |= VTD_MODEL_DT;
    dmar_table_begin(39, DMAR_TABLE_INTR_REMAP);
    return 0;
}

static void unit_begins(void)
{
    assert_true(pci_scan() >= 4);
    assert_int_equal(iommu_init(), 0);
    pci_acs_enable_all();
    fence_init();
}

static void begin(void)
{
    dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
    dmar_table_ats(0, DMAR_TABLE_ALL);
    dmar_table_publish();
    unit_begins();
}

/* LAN port i is in front of function i. */
static void take(unsigned i)
{
    assert_int_equal(pci_fence(function(i)), 0);
    lan[i]->port.pci = function(i);
    lan[i]->port.dma = &function(i)->dma;
}

static int tear_down(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        lan[i]->port.dma = NULL;
        lan[i]->port.pci = NULL;
    }
    for (struct pci_function *f = pci_first(); f; f = f->next)
        pci_unfence(f);
    iommu_reset();
    lan_stop();
    pcispace_reset();
    assert_null(model.complaint);
    return 0;
}

/* The device reaches for what it was not given; some time passes. */
static void misbehave(uint16_t requester)
{
    uint64_t pa;
    assert_int_not_equal(vtd_model_dma(&model, requester, SOMEWHERE, true, &pa), 0);
    host_advance_us(20 * US_PER_MS);
    fence_poll(time_us());
}

/* Functions ------------------------------------------------------------------------ */

static void without_a_unit_nothing_is_fenced(void **state)
{
    assert_true(pci_scan() >= 4);
    assert_int_equal(pci_fence(function(0)), 0);
    assert_null(function(0)->dma.domain);
    assert_string_equal(answer("show iommu"), "no IOMMU is in force: devices reach all memory\n");
}

static void each_function_has_its_domain(void **state)
{
    begin();
    take(0);
    take(1);
    assert_non_null(function(0)->dma.domain);
    assert_ptr_not_equal(function(0)->dma.domain, function(1)->dma.domain);
    pci_bus_master(function(0), true);
    pci_unfence(function(0));
    assert_null(function(0)->dma.domain);
    assert_false(pci_read16(function(0), PCI_COMMAND) & PCI_COMMAND_MASTER);
}

/* What no unit covers is unfenced, and no error. */
static void a_function_that_no_unit_covers(void **state)
{
    dmar_table_unit(BASE, 1, DMAR_TABLE_ALL);
    dmar_table_publish();
    unit_begins();
    assert_int_equal(pci_fence(function(0)), 0);
    assert_null(function(0)->dma.domain);
}

/* A unit that stopped obeying: the driver does not get the function to run. */
static void a_function_whose_fence_fails_stays_off(void **state)
{
    begin();
    model.queue_stuck = true;
    assert_int_not_equal(pci_fence(function(0)), 0);
    assert_true(host_log_contains("not fenced"));
    assert_non_null(strstr(answer("show iommu"), "translation    FAILED"));
    function(0)->fence_failed = true;
    assert_int_equal(pci_enable(function(0)), -EIO);
    model.queue_stuck = false;
}

/* Whose way cannot be told has no unit that could be trusted to know it. */
static void a_function_too_deep_is_not_fenced(void **state)
{
    static struct pcispace_device above[IOMMU_DEPTH_MAX];
    pcispace_reset();
    for (unsigned i = 0; i < IOMMU_DEPTH_MAX; i++) {
        pcispace_bridge_init(&above[i], 0x1234, 0x0b00);
        pcispace_add(&above[i], i ? &above[i - 1] : NULL, 0, 0);
    }
    pcispace_device_init(&nic[0], 0x1234, 0x5678, 0x020000);
    pcispace_add(&nic[0], &above[IOMMU_DEPTH_MAX - 1], 0, 0);
    begin();
    assert_int_equal(pci_fence(function(0)), -E2BIG);
    assert_null(function(0)->dma.domain);
}

/* PCIe 10.5.1.3, 6.12.1.1: translations of its own only for whom the operator
 * names; where they are, the ports above let them pass. */
static void only_the_trusted_keep_translations(void **state)
{
    struct pci_trusted one;
    char bdf[PCI_BDF_LEN];
    begin();
    pci_bdf_format(function(0)->bdf, bdf);
    assert_true(pci_trusted_parse(bdf, &one));
    pci_trust(&one);
    take(0);
    take(1);
    assert_int_equal(control(&nic[0]), PCI_ATS_ENABLE);
    assert_int_equal(control(&nic[1]), 0);
    assert_false(control(&port_above[0]) & PCI_ACS_TB);
    assert_true(control(&port_above[1]) & PCI_ACS_TB);
    assert_true(control(&port_above[0]) & PCI_ACS_RR);
    pci_unfence(function(0));
    assert_int_equal(control(&nic[0]), 0);
}

static void a_unit_without_device_tlbs_trusts_nobody(void **state)
{
    static const struct pci_trusted all = { .all = true };
    model.ecap &= ~VTD_MODEL_DT;
    begin();
    pci_trust(&all);
    take(0);
    assert_int_equal(control(&nic[0]), 0);
}

static void lists_of_the_trusted(void **state)
{
    struct pci_trusted t;
    assert_true(pci_trusted_parse("all", &t));
    assert_true(t.all);
    assert_true(pci_trusted_parse("01:00.0,0002:03:04.5", &t));
    assert_int_equal(t.count, 2);
    assert_int_equal(t.bdf[1], PCI_BDF(2, 3, 4, 5));
    static const char *const wrong[] = {
        "",
        ",",
        "01:00.0,",
        "none",
        "01:00.0,all",
        "1,2",
        "01:00.0 01:00.1",
        "00:01.0,00:02.0,00:03.0,00:04.0,00:05.0",
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(pci_trusted_parse(wrong[i], &t));
    assert_int_equal(t.count, 2); /* as it was */
}

/* Faults ------------------------------------------------------------------------------ */

static void too_many_faults_stop_the_port(void **state)
{
    begin();
    take(0);
    take(1);
    pci_bus_master(function(0), true);
    misbehave((uint16_t)function(0)->bdf);
    misbehave((uint16_t)function(0)->bdf);
    assert_int_equal(lan[0]->port.state, PORT_RUNNING);
    misbehave((uint16_t)function(0)->bdf);
    assert_int_equal(lan[0]->port.state, PORT_STOPPED);
    assert_false(lan[0]->port.admin_up);
    assert_int_equal(lan[1]->port.state, PORT_RUNNING);
    assert_false(pci_read16(function(0), PCI_COMMAND) & PCI_COMMAND_MASTER);
    assert_true(host_log_contains("stopped after 3 DMA faults"));
}

/* Its driver may wait for the device, so the loop leaves that to housekeeping. */
static void the_loop_does_not_stop_it_itself(void **state)
{
    begin();
    take(0);
    assert_int_equal(work_start(), 0);
    for (unsigned i = 0; i < 4; i++)
        misbehave((uint16_t)function(0)->bdf);
    assert_int_equal(lan[0]->port.state, PORT_RUNNING);
    task_turn();
    assert_int_equal(lan[0]->port.state, PORT_STOPPED);
    assert_true(host_log_contains("stopped after 4 DMA faults"));
    assert_false(work_run_next());
    task_reset();
}

/* It counts afresh, so it may fault as often again. */
static void a_stopped_port_starts_again(void **state)
{
    begin();
    take(0);
    for (unsigned i = 0; i < 3; i++)
        misbehave((uint16_t)function(0)->bdf);
    assert_string_equal(answer("port 0 up"), "");
    assert_int_equal(lan[0]->port.state, PORT_RUNNING);
    misbehave((uint16_t)function(0)->bdf);
    misbehave((uint16_t)function(0)->bdf);
    assert_int_equal(lan[0]->port.state, PORT_RUNNING);
    misbehave((uint16_t)function(0)->bdf);
    assert_int_equal(lan[0]->port.state, PORT_STOPPED);
}

static void no_limit_stops_nothing(void **state)
{
    begin();
    take(0);
    answer("iommu faults 0");
    for (unsigned i = 0; i < 200; i++)
        misbehave((uint16_t)function(0)->bdf);
    assert_int_equal(lan[0]->port.state, PORT_RUNNING);
    assert_int_equal(iommu_fault_count(function(0)->bdf), 200);
    assert_non_null(strstr(answer("show config"), "iommu faults 0\n"));
}

/* Of a function that is no port's, and of one that is not there. */
static void faults_of_others_stop_nobody(void **state)
{
    begin();
    take(0);
    for (unsigned i = 0; i < 5; i++) {
        misbehave((uint16_t)function(1)->bdf);
        misbehave(0x7f08);
    }
    assert_int_equal(lan[0]->port.state, PORT_RUNNING);
    assert_int_equal(lan[1]->port.state, PORT_RUNNING);
}

/* PCIe-to-PCI Bridge 1.0 2.3: who behind the bridge it was cannot be told. */
static void a_shared_requester_id_is_everybodys_fault(void **state)
{
    uint8_t express[0x3c] = { PCI_CAP_EXPRESS, 0, 0x72, 0 };
    pcispace_reset();
    pcispace_bridge_init(&to_pci, 0x1234, 0x0c00);
    pcispace_capability(&to_pci, express, sizeof express);
    pcispace_add(&to_pci, NULL, 5, 0);
    for (unsigned i = 0; i < 2; i++) {
        pcispace_device_init(&nic[i], 0x1234, 0x5678, 0x020000);
        pcispace_add(&nic[i], &to_pci, 3 + i, 0);
    }
    dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
    dmar_table_publish();
    assert_int_equal(pci_scan(), 3);
    assert_int_equal(iommu_init(), 0);
    fence_init();
    take(0);
    take(1);
    for (unsigned i = 0; i < 3; i++)
        misbehave((uint16_t)(pcispace_bus(&nic[0]) << 8));
    assert_int_equal(lan[0]->port.state, PORT_STOPPED);
    assert_int_equal(lan[1]->port.state, PORT_STOPPED);
}

/* show iommu ---------------------------------------------------------------------------- */

static bool row_begins(const char *all, const char *row)
{
    const char *at = strstr(all, row);
    return at && (at == all || at[-1] == '\n');
}

static void each_port_is_shown_for_what_it_is(void **state)
{
    static const struct pci_trusted all = { .all = true };
    begin();
    take(0);
    pci_trust(&all);
    take(1);
    lan[0]->port.unfenced = true;
    const char *shown = answer("show iommu");
    assert_true(row_begins(shown, "0     0000:01:00.0  unfenced     -       all "));
    assert_true(row_begins(shown, "1     0000:02:00.0  trusted "));
    assert_non_null(strstr(shown, "unit fed90000: segment 0"));
    assert_non_null(strstr(shown, "remapped, none can be raised"));
    assert_non_null(strstr(shown, "a port is stopped after 3 faults"));
    lan[0]->port.unfenced = false;
    misbehave((uint16_t)function(0)->bdf);
    shown = answer("show iommu");
    assert_true(row_begins(shown, "0     0000:01:00.0  fenced       1         0 "));
    assert_non_null(strstr(shown, "0000:01:00.0  1\n")); /* its group and its fault */
}

static void a_device_without_a_port_is_shown(void **state)
{
    begin();
    assert_int_equal(pci_fence(function(1)), 0);
    assert_true(row_begins(answer("show iommu"), "-     0000:02:00.0  fenced       1 "));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(without_a_unit_nothing_is_fenced),
        T(each_function_has_its_domain),
        T(a_function_that_no_unit_covers),
        T(a_function_whose_fence_fails_stays_off),
        T(a_function_too_deep_is_not_fenced),
        T(only_the_trusted_keep_translations),
        T(a_unit_without_device_tlbs_trusts_nobody),
        T(lists_of_the_trusted),
        T(too_many_faults_stop_the_port),
        T(the_loop_does_not_stop_it_itself),
        T(a_stopped_port_starts_again),
        T(no_limit_stops_nothing),
        T(faults_of_others_stop_nobody),
        T(a_shared_requester_id_is_everybodys_fault),
        T(each_port_is_shown_for_what_it_is),
        T(a_device_without_a_port_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
