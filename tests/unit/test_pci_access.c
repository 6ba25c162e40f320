/* ECAM (PCIe 7.2.2) and ports CF8/CFC (PCI 3.2.2.3.2): who reaches what, and where. */
#include "tests/host/test.h"

#include "kernel/acpi.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RSDP 0xf0000u
#define RSDT 0x10000u
#define MCFG 0x11000u
#define ECAM 0xb0000000ull
#define BUS 0x100000ull

static uint64_t last_at, last_value;
static unsigned last_size, port_uses;
static uint32_t address, by_port, by_ecam;

static uint64_t ecam_read(void *ctx, uint64_t offset, unsigned size)
{
    last_at = (uintptr_t)ctx + offset;
    last_size = size;
    return by_ecam & UINT32_MAX >> (32 - 8 * size);
}

static void ecam_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    last_at = (uintptr_t)ctx + offset;
    last_size = size;
    last_value = value;
}

static uint64_t port_read(void *ctx, uint64_t offset, unsigned size)
{
    if (offset < 4)
        return ctx ? address : UINT32_MAX;
    port_uses++;
    last_at = (address & 0xffff00) | (address & 0xfc) | (offset & 3);
    last_size = size;
    return (address & 0x80000000 ? by_port : UINT32_MAX) & UINT32_MAX >> (32 - 8 * size);
}

static void port_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    if (offset < 4) {
        assert_int_equal(size, 4);
        address = (uint32_t)value;
        return;
    }
    port_read(ctx, offset, size);
    last_value = value;
}

static void ports(bool answer)
{
    host_add_pio(
        &(struct host_window){ 0xcf8, 8, port_read, port_write, answer ? &address : NULL });
}

static void ecam(uint64_t base, uint64_t size)
{
    host_add_mmio(
        &(struct host_window){ base, size, ecam_read, ecam_write, (void *)(uintptr_t)base });
}

/* Tables ------------------------------------------------------------------------------- */

static void table(uint32_t pa, uint8_t *bytes, size_t size, size_t sum_at, size_t sum_size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < sum_size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[sum_at] = (uint8_t)-sum;
    host_add_memory(pa, bytes, size);
}

struct row {
    uint64_t base;
    uint16_t segment;
    uint8_t first, last;
};

static void mcfg(const struct row *rows, unsigned n)
{
    uint8_t rsdp[20] = "RSD PTR ", rsdt[40] = "RSDT", t[256] = "MCFG";
    rsdt[4] = sizeof rsdt;
    memcpy(rsdp + 16, &(uint32_t){ RSDT }, 4);
    memcpy(rsdt + 36, &(uint32_t){ MCFG }, 4);
    t[4] = (uint8_t)(44 + 16 * n);
    for (unsigned i = 0; i < n; i++) {
        memcpy(t + 44 + 16 * i, &rows[i].base, 8);
        memcpy(t + 52 + 16 * i, &rows[i].segment, 2);
        t[54 + 16 * i] = rows[i].first;
        t[55 + 16 * i] = rows[i].last;
    }
    table(RSDP, rsdp, sizeof rsdp, 8, 20);
    table(RSDT, rsdt, sizeof rsdt, 9, sizeof rsdt);
    table(MCFG, t, 44 + 16 * n, 9, 44 + 16 * n);
    assert_int_equal(acpi_init(RSDP), 0);
}

static int set_up(void **state)
{
    host_reset();
    acpi_init(0); /* no tables */
    address = port_uses = 0;
    by_port = by_ecam = 0x12348086;
    return 0;
}

static int tear_down(void **state)
{
    pci_reset();
    pci_set_access(NULL);
    return 0;
}

static struct pci_function function(uint32_t bdf)
{
    return (struct pci_function){ .bdf = bdf, .config_size = 4096 };
}

/* Ports ---------------------------------------------------------------------------------- */

static void without_mcfg_the_ports_are_used(void **state)
{
    ports(true);
    assert_int_equal(pci_init(), 0);
    struct pci_function f = function(PCI_BDF(0, 3, 5, 2));
    assert_int_equal(pci_read32(&f, 0x48), by_port);
    assert_int_equal(address, 0x80000000 | 3 << 16 | 5 << 11 | 2 << 8 | 0x48);
    assert_int_equal(pci_read16(&f, 0x4a), by_port & 0xffff);
    assert_int_equal(last_at & 0xff, 0x4a);
    assert_int_equal(last_size, 2);
    pci_write8(&f, 0x4b, 0x77);
    assert_int_equal(last_at & 0xff, 0x4b);
    assert_int_equal(last_size, 1);
    assert_int_equal(last_value, 0x77);
}

/* 256 bytes of segment 0 is all that they reach. */
static void ports_reach_no_further(void **state)
{
    ports(true);
    pci_init();
    struct pci_function f = function(PCI_BDF(0, 0, 0, 0)), other = function(PCI_BDF(1, 0, 0, 0));
    port_uses = 0;
    assert_int_equal(pci_read32(&f, 0x100), UINT32_MAX);
    assert_int_equal(pci_read32(&other, 0), UINT32_MAX);
    pci_write32(&f, 0x100, 1);
    pci_write32(&other, 0, 1);
    assert_int_equal(port_uses, 0);
}

static void without_ports_and_mcfg_there_is_no_pci(void **state)
{
    ports(false);
    assert_int_equal(pci_init(), -ENODEV);
    assert_true(host_log_contains("no way to configuration space"));
    assert_int_equal(pci_scan(), -ENODEV);
}

/* ECAM ----------------------------------------------------------------------------------- */

static void ecam_address_has_bus_device_function_register(void **state)
{
    const struct row row = { ECAM, 0, 0, 255 };
    mcfg(&row, 1);
    ports(true);
    ecam(ECAM, 256 * BUS);
    assert_int_equal(pci_init(), 0);
    struct pci_function f = function(PCI_BDF(0, 0x12, 0x1f, 7));
    port_uses = 0;
    assert_int_equal(pci_read32(&f, 0xffc), by_ecam);
    assert_int_equal(last_at, ECAM + (0x12 << 20 | 0x1f << 15 | 7 << 12 | 0xffc));
    assert_int_equal(last_size, 4);
    pci_write16(&f, 0x104, 0xabcd);
    assert_int_equal(last_at & 0xfff, 0x104);
    assert_int_equal(last_size, 2);
    assert_int_equal(last_value, 0xabcd);
    assert_int_equal(port_uses, 0);
}

/* PCI Firmware 3.3 4.1.2: base is where bus 0 would be, whatever the first bus is. */
static void window_covers_its_buses_and_the_ports_the_rest(void **state)
{
    const struct row row = { ECAM, 0, 0x20, 0x2f };
    mcfg(&row, 1);
    ports(true);
    ecam(ECAM + 0x20 * BUS, 0x10 * BUS);
    assert_int_equal(pci_init(), 0);
    struct pci_function in = function(PCI_BDF(0, 0x2f, 0, 0)),
                        below = function(PCI_BDF(0, 0x1f, 0, 0)),
                        above = function(PCI_BDF(0, 0x30, 0, 0));
    pci_read32(&in, 0x200);
    assert_int_equal(last_at, ECAM + 0x2f * BUS + 0x200);
    port_uses = 0;
    assert_int_equal(pci_read32(&below, 0x10), by_port);
    assert_int_equal(pci_read32(&above, 0x10), by_port);
    assert_int_equal(port_uses, 2);
    assert_int_equal(pci_read32(&below, 0x200), UINT32_MAX);
}

static void segments_have_windows_of_their_own(void **state)
{
    const struct row rows[] = { { ECAM, 0, 0, 3 }, { 2 * ECAM, 1, 0, 3 }, { 4 * ECAM, 7, 0, 0 } };
    mcfg(rows, 3);
    ports(true);
    ecam(ECAM, 4 * BUS);
    ecam(2 * ECAM, 4 * BUS);
    ecam(4 * ECAM, BUS);
    assert_int_equal(pci_init(), 0);
    struct pci_function f = function(PCI_BDF(7, 0, 1, 0)), no = function(PCI_BDF(7, 1, 0, 0));
    pci_read8(&f, 3);
    assert_int_equal(last_at, 4 * ECAM + 0x8003);
    assert_int_equal(pci_read32(&no, 0), UINT32_MAX);
}

/* A machine without the ports, as microvm is: only what the table covers is there. */
static void ecam_alone_is_enough(void **state)
{
    const struct row row = { ECAM, 0, 0, 1 };
    mcfg(&row, 1);
    ports(false);
    ecam(ECAM, 2 * BUS);
    assert_int_equal(pci_init(), 0);
    struct pci_function f = function(PCI_BDF(0, 1, 0, 0)), no = function(PCI_BDF(0, 2, 0, 0));
    assert_int_equal(pci_read32(&f, 0), by_ecam);
    assert_int_equal(pci_read32(&no, 0), UINT32_MAX);
}

/* PCI Firmware 3.3 4.1.3: microvm has a _CBA in its DSDT instead of the table. */
static void cba_takes_the_place_of_a_table(void **state)
{
    static uint8_t dsdt[4096];
    uint8_t rsdp[20] = "RSD PTR ", rsdt[40] = "RSDT", fadt[116] = "FACP";
    FILE *file = fopen("tests/data/acpi/microvm-DSDT.aml", "rb");
    assert_non_null(file);
    size_t n = fread(dsdt, 1, sizeof dsdt, file);
    fclose(file);
    rsdt[4] = sizeof rsdt;
    fadt[4] = sizeof fadt;
    memcpy(rsdp + 16, &(uint32_t){ RSDT }, 4);
    memcpy(rsdt + 36, &(uint32_t){ MCFG }, 4);
    memcpy(fadt + 40, &(uint32_t){ 0x20000 }, 4);
    table(RSDP, rsdp, sizeof rsdp, 8, 20);
    table(RSDT, rsdt, sizeof rsdt, 9, sizeof rsdt);
    table(MCFG, fadt, sizeof fadt, 9, sizeof fadt);
    host_add_memory(0x20000, dsdt, n);
    assert_int_equal(acpi_init(RSDP), 0);
    ports(false);
    ecam(0xe0000000, 256 * BUS);
    assert_int_equal(pci_init(), 0);
    struct pci_function f = function(PCI_BDF(0, 0xff, 0, 0));
    assert_int_equal(pci_read32(&f, 0x10), by_ecam);
    assert_int_equal(last_at, 0xe0000000 + 0xff * BUS + 0x10);
}

/* Firmware describes a window that the chipset does not decode. */
static void window_that_shows_something_else_is_not_used(void **state)
{
    const struct row row = { ECAM, 0, 0, 255 };
    mcfg(&row, 1);
    ports(true);
    ecam(ECAM, 256 * BUS);
    by_ecam = UINT32_MAX;
    assert_int_equal(pci_init(), 0);
    struct pci_function f = function(PCI_BDF(0, 0, 0, 0));
    assert_int_equal(pci_read32(&f, 0), by_port);
    assert_true(host_log_contains("does not show what the ports show"));
}

/* Registers of configuration space are no place for a BAR: one function with one
 * BAR of a MiB, whose only way out is behind ECAM's own MiB. */
static uint32_t bar;

static uint64_t one_read(void *ctx, uint64_t offset, unsigned size)
{
    uint32_t value = offset == PCI_BAR0 ? bar : offset == PCI_VENDOR_ID ? by_ecam : 0;
    return (offset >> 12 ? UINT32_MAX : value) & UINT32_MAX >> (32 - 8 * size);
}

static void one_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    if (offset == PCI_BAR0)
        bar = (uint32_t)value & 0xfff00000;
}

static void ecam_is_kept_free_of_bars(void **state)
{
    const struct row row = { ECAM, 0, 0, 0 };
    mcfg(&row, 1);
    ports(false);
    host_add_mmio(&(struct host_window){ ECAM, BUS, one_read, one_write, NULL });
    assert_int_equal(pci_init(), 0);
    assert_int_equal(pci_window_add(ECAM, 2 * BUS), 0);
    assert_int_equal(pci_scan(), 1);
    assert_int_equal(pci_first()->bar[0].base, ECAM + BUS);
    assert_int_equal(bar, ECAM + BUS);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_mcfg_the_ports_are_used),
        TEST(ports_reach_no_further),
        TEST(without_ports_and_mcfg_there_is_no_pci),
        TEST(ecam_address_has_bus_device_function_register),
        TEST(window_covers_its_buses_and_the_ports_the_rest),
        TEST(segments_have_windows_of_their_own),
        TEST(ecam_alone_is_enough),
        TEST(cba_takes_the_place_of_a_table),
        TEST(window_that_shows_something_else_is_not_used),
        TEST(ecam_is_kept_free_of_bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
