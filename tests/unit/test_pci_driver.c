/* Taking a function: decoding, bus mastering, power, registers; drivers and IDs. */
#include "tests/host/test.h"

#include "kernel/mmio.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/models/pcispace.h"

#include <errno.h>
#include <string.h>

#define KIB 1024u
#define VENDOR 0xfffe /* nobody's, so that only the drivers below match */

static struct pcispace_device device, port;
static struct pci_function *f;
static uint64_t last_offset, last_value;
static unsigned last_bar;

static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    last_bar = bar;
    return offset + 0x1000 * bar;
}

static void bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    last_bar = bar;
    last_offset = offset;
    last_value = value;
}

/* Drivers --------------------------------------------------------------------------- */

static int answer_first, answer_second;
static unsigned asked_first, asked_second, quirks_seen;

static int probe_first(struct pci_function *fn, const struct pci_id *id)
{
    asked_first++;
    quirks_seen = id->quirks;
    return answer_first;
}

static int probe_second(struct pci_function *fn, const struct pci_id *id)
{
    asked_second++;
    pci_bus_master(fn, true);
    return answer_second;
}

#define SUBSYSTEM_VENDOR 0xfffd
static const struct pci_id first_ids[] = {
    PCI_ID(VENDOR, 2, 7),
    PCI_ID_SUBSYSTEM(VENDOR, 1, SUBSYSTEM_VENDOR, 6),
    PCI_ID(VENDOR, 1, 5),
    { 0 },
};
static const struct pci_id second_ids[] = { PCI_ID(VENDOR, PCI_ANY, 0), { 0 } };

PCI_DRIVER(first) = { .name = "first", .ids = first_ids, .probe = probe_first };
PCI_DRIVER(second) = { .name = "second", .ids = second_ids, .probe = probe_second };

static int set_up(void **state)
{
    host_reset();
    pcispace_reset();
    memset(&device, 0, sizeof device);
    memset(&port, 0, sizeof port);
    answer_first = answer_second = 0;
    asked_first = asked_second = 0;
    pcispace_bridge_init(&port, VENDOR, 0x9999);
    pcispace_device_init(&device, VENDOR, 1, 0x020000);
    device.bar[0] = (struct pcispace_bar){ .size = 16 * KIB };
    device.bar[1] = (struct pcispace_bar){ .size = 64, .io = true };
    device.bar[2] = (struct pcispace_bar){ .size = 64 * KIB, .is64 = true, .prefetchable = true };
    device.bar_read = bar_read;
    device.bar_write = bar_write;
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(pcispace_violations(), 0);
    pci_reset();
    pci_set_access(NULL);
    return 0;
}

static void scan(void)
{
    pcispace_add(&port, NULL, 1, 0);
    pcispace_add(&device, &port, 0, 0);
    assert_int_equal(pci_scan(), 2);
    f = pci_find(PCI_BDF(0, 1, 0, 0));
}

static unsigned command_of(const struct pcispace_device *d)
{
    return d->config[PCI_COMMAND] | (unsigned)d->config[PCI_COMMAND + 1] << 8;
}

/* With firmware's decoding on as well. */
static void what_a_driver_wants_is_looked_at(void **state)
{
    struct pcispace_device *both[] = { &device, &port };
    memset(device.bar + 1, 0, sizeof device.bar - sizeof device.bar[0]);
    pcispace_device_init(&port, 0x4321, 1, 0x020000);
    port.bar[0] = device.bar[0];
    for (unsigned i = 0; i < 2; i++) {
        both[i]->config[PCI_BAR0 + 3] = (uint8_t)(0xe0 + i);
        both[i]->config[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
        pcispace_add(both[i], NULL, i, 0);
    }
    assert_int_equal(pci_scan(), 2);
    assert_int_equal(pci_first()->bar[0].size, 16 * KIB);
    assert_int_equal(pci_first()->bar[0].base, 0xe0000000);
    assert_int_equal(pci_first()->next->bar[0].size, 0);
}

/* Enable ----------------------------------------------------------------------------- */

static void enabled_function_is_reached_through_its_bridge(void **state)
{
    scan();
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(command_of(&device),
                     PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_OFF);
    assert_int_equal(command_of(&port), PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    uint8_t *registers = pci_map_bar(f, 0, 16 * KIB);
    assert_non_null(registers);
    assert_int_equal(mmio_read32(registers + 0x234), 0x234);
    mmio_write32(registers + 0x3ffc, 5);
    assert_int_equal(last_offset, 0x3ffc);
    assert_int_equal(last_value, 5);
    assert_int_equal(pio_read32((uint16_t)(f->bar[1].base + 4)), 0x1004);
    registers = pci_map_bar(f, 2, 1);
    assert_int_equal(mmio_read16(registers + 6), 0x2006);
    assert_int_equal(last_bar, 2);
}

static void function_that_does_not_answer_is_refused(void **state)
{
    scan();
    memset(device.config, 0xff, 64);
    assert_int_equal(pci_enable(f), -EIO);
    assert_true(host_log_contains("vendor ID reads ffff"));
}

/* A BAR without a place would decode at 0 (judged by tear_down). */
static void kind_with_an_unplaced_bar_is_not_decoded(void **state)
{
    device.bar[5] = (struct pcispace_bar){ .size = 1u << 30 };
    scan();
    assert_int_equal(f->bar[5].base, 0);
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(command_of(&device), PCI_COMMAND_IO | PCI_COMMAND_INTX_OFF);
    assert_null(pci_map_bar(f, 0, 4));
    assert_true(host_log_contains("BAR 0 is not decoded"));
}

/* One bit of a bridge serves its own BARs and what it forwards (Bridge 3.2.4.3). */
static void bridge_with_an_unplaced_bar_does_not_decode(void **state)
{
    port.bar[0] = (struct pcispace_bar){ .size = 2u << 30 };
    scan();
    assert_int_equal(pci_find(PCI_BDF(0, 0, 1, 0))->bar[0].base, 0);
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(command_of(&port), PCI_COMMAND_IO);
    assert_null(pci_map_bar(f, 0, 4));
}

/* PM 5.4.1: from D3hot a function may come back as after reset. */
static uint16_t power_at;

static void forgets_when_it_wakes(void *ctx, uint16_t offset, unsigned size)
{
    if (offset == power_at + PCI_POWER_CONTROL)
        memset(device.config + PCI_BAR0, 0, 4);
}

static void sleeping_function_is_woken_and_gets_its_bars_back(void **state)
{
    const uint8_t power[8] = { PCI_CAP_POWER, 0, 3, 0, 3 };
    power_at = pcispace_capability(&device, power, sizeof power);
    device.writable[power_at + PCI_POWER_CONTROL] = PCI_POWER_STATE;
    scan();
    uint64_t base = f->bar[0].base;
    device.config_written = forgets_when_it_wakes;
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(pci_read16(f, power_at + PCI_POWER_CONTROL) & PCI_POWER_STATE, 0);
    assert_int_equal(pci_read32(f, PCI_BAR0), base);
}

/* Bus mastering ----------------------------------------------------------------------- */

/* We poll: interrupts that firmware or a loader left on go off (PCI 6.8). */
static void message_interrupts_go_off(void **state)
{
    static const uint8_t msi[] = {
        PCI_CAP_MSI, 0, PCI_MSI_ENABLE | PCI_MSI_64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    };
    static const uint8_t msix[] = { PCI_CAP_MSIX, 0, 9, 0x80, 3, 0, 0, 0, 3, 0x20, 0, 0 };
    uint16_t at = pcispace_capability(&device, msi, sizeof msi);
    uint16_t atx = pcispace_capability(&device, msix, sizeof msix);
    memset(device.writable + at + PCI_MSI_CONTROL, 0x71, 1);
    memset(device.writable + atx + PCI_MSIX_CONTROL + 1, 0xc0, 1);
    scan();
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(device.config[at + PCI_MSI_CONTROL], PCI_MSI_64);
    assert_int_equal(device.config[atx + PCI_MSIX_CONTROL + 1], 0);
    assert_int_equal(device.config[atx + PCI_MSIX_CONTROL], 9);
}

static void bus_mastering_goes_through_the_bridges(void **state)
{
    struct dma_memory mem;
    uint32_t word = 1;
    scan();
    assert_int_equal(dma_alloc(&f->dma, 4096, 0, DMA_BIDIRECTIONAL, &mem), 0);
    assert_int_equal(pcispace_dma_write(&device, mem.iova, &word, 4), -1);
    assert_int_equal(device.dma_refused, 1);
    pci_bus_master(f, true);
    assert_true(command_of(&device) & PCI_COMMAND_MASTER);
    assert_true(command_of(&port) & PCI_COMMAND_MASTER);
    assert_int_equal(pcispace_dma_write(&device, mem.iova, &word, 4), 0);
    pci_bus_master(f, false);
    assert_false(command_of(&device) & PCI_COMMAND_MASTER);
    assert_true(command_of(&port) & PCI_COMMAND_MASTER);
    assert_int_equal(pcispace_dma_read(&device, mem.iova, &word, 4), -1);
    dma_free(&f->dma, &mem);
}

/* Registers ----------------------------------------------------------------------------- */

static void bars_that_cannot_be_mapped_say_why(void **state)
{
    scan();
    assert_null(pci_map_bar(f, 0, 4));
    assert_true(host_log_contains("0000:01:00.0: BAR 0 is not decoded"));
    pci_enable(f);
    assert_null(pci_map_bar(f, 1, 4));
    assert_true(host_log_contains("BAR 1 is I/O, expected memory"));
    assert_null(pci_map_bar(f, 3, 4));
    assert_true(host_log_contains("BAR 3 is not there"));
    assert_null(pci_map_bar(f, 77, 4));
    assert_true(host_log_contains("BAR 77 is not there"));
    assert_null(pci_map_bar(f, 0, 16 * KIB + 1));
    assert_true(host_log_contains("BAR 0 has 4000 bytes, expected 4001"));
    f->bar[0].base = 0;
    assert_null(pci_map_bar(f, 0, 4));
    assert_true(host_log_contains("BAR 0 has no place"));
}

/* Probe ---------------------------------------------------------------------------------- */

static void every_matching_driver_is_asked_until_one_knows(void **state)
{
    answer_first = answer_second = -ENODEV;
    scan();
    assert_int_equal(pci_probe_drivers(), 0);
    assert_int_equal(asked_first, 1);
    assert_int_equal(asked_second, 2); /* the bridge as well: any device of the vendor */
    assert_null(f->driver);
}

static void row_that_matches_is_handed_over(void **state)
{
    answer_second = -ENODEV;
    scan();
    assert_int_equal(pci_probe_drivers(), 1);
    assert_int_equal(quirks_seen, 5);
    assert_string_equal(f->driver->name, "first");
    assert_int_equal(f->probe_error, 0);
}

static void row_of_a_subsystem_is_for_that_alone(void **state)
{
    answer_second = -ENODEV;
    scan();
    f->subsystem_vendor = SUBSYSTEM_VENDOR;
    assert_int_equal(pci_probe_drivers(), 1);
    assert_int_equal(quirks_seen, 6);
}

static void taken_function_is_not_offered_again(void **state)
{
    answer_second = -ENODEV;
    scan();
    pci_probe_drivers();
    assert_int_equal(pci_probe_drivers(), 0);
    assert_int_equal(asked_first, 1);
}

/* Recognised, but failed: it keeps its driver's name, and reaches no memory. */
static void failed_function_stays_recognised(void **state)
{
    device.config[PCI_DEVICE_ID] = 3;
    answer_second = -EIO;
    scan();
    assert_int_equal(pci_probe_drivers(), 0);
    assert_string_equal(f->driver->name, "second");
    assert_int_equal(f->probe_error, -EIO);
    assert_false(command_of(&device) & PCI_COMMAND_MASTER);
}

/* MSI-X: entries of 16 bytes, the mask in the last word (unread: PCI 6.8.2).  The table is memory.
 */
static uint32_t table[16];

static uint64_t table_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    return bar == 2 && offset < sizeof table ? table[offset / 4] : 0;
}

/* What an entry says changes only while it is masked. */
static void table_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    assert_int_equal(bar, 2);
    assert_int_equal(size, 4);
    assert_true(offset < sizeof table);
    if (offset % 16 != 12)
        assert_true(table[offset / 16 * 4 + 3] & 1);
    table[offset / 4] = (uint32_t)value;
}

static void interrupts_go_where_they_are_routed(void **state)
{
    static const uint8_t msix[] = { PCI_CAP_MSIX, 0, 3, 0, 2, 0, 0, 0, 2, 0x10, 0, 0 };
    uint16_t at = pcispace_capability(&device, msix, sizeof msix);
    memset(device.writable + at + PCI_MSIX_CONTROL + 1, 0xc0, 1);
    device.bar_read = table_read;
    device.bar_write = table_write;
    memset(table, 0, sizeof table);
    scan();
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(pci_msix_route(f, 0, 0), -ENOTSUP); /* it is off */
    assert_int_equal(pci_msix_on(f, 2), 2);
    assert_int_equal(device.config[at + PCI_MSIX_CONTROL + 1], 0x80);
    assert_true((table[3] & 1) && (table[7] & 1));
    assert_int_equal(pci_msix_route(f, 0, 5), -ENOTSUP); /* the CPU takes none */
    assert_true(table[3] & 1);
    host_interrupts = true;
    assert_int_equal(pci_msix_route(f, 1, 5), 0);
    assert_int_equal(table[4], 0xfee05000);
    assert_int_equal(table[5], 0);
    assert_int_equal(table[6], 0x22);
    assert_int_equal(table[7], 0);
    assert_int_equal(pci_msix_route(f, 1, 6), 0); /* to another CPU */
    assert_int_equal(table[4], 0xfee06000);
    assert_int_equal(pci_msix_route(f, 2, 5), -ENOTSUP);
    assert_true(table[3] & 1);
    pci_msix_off(f);
    assert_int_equal(device.config[at + PCI_MSIX_CONTROL + 1], 0);
    assert_int_equal(pci_msix_on(f, 16), 4); /* as many as there are */
    assert_int_equal(pci_enable(f), 0);      /* and for the next driver none */
    assert_int_equal(pci_msix_route(f, 0, 5), -ENOTSUP);
    host_interrupts = false;
}

static void without_a_table_there_are_no_interrupts(void **state)
{
    static const uint8_t msix[] = { PCI_CAP_MSIX, 0, 3, 0, 1, 0, 0, 0, 1, 0x10, 0, 0 };
    scan();
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(pci_msix_on(f, 2), 0);
    tear_down(state);
    set_up(state);
    pcispace_capability(&device, msix, sizeof msix);
    scan();
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(pci_msix_on(f, 2), 0); /* BAR 1 is I/O */
    assert_true(host_log_contains("BAR 1 is I/O"));
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_a_driver_wants_is_looked_at),
        TEST(enabled_function_is_reached_through_its_bridge),
        TEST(function_that_does_not_answer_is_refused),
        TEST(kind_with_an_unplaced_bar_is_not_decoded),
        TEST(bridge_with_an_unplaced_bar_does_not_decode),
        TEST(sleeping_function_is_woken_and_gets_its_bars_back),
        TEST(message_interrupts_go_off),
        TEST(interrupts_go_where_they_are_routed),
        TEST(without_a_table_there_are_no_interrupts),
        TEST(bus_mastering_goes_through_the_bridges),
        TEST(bars_that_cannot_be_mapped_say_why),
        TEST(every_matching_driver_is_asked_until_one_knows),
        TEST(row_that_matches_is_handed_over),
        TEST(row_of_a_subsystem_is_for_that_alone),
        TEST(taken_function_is_not_offered_again),
        TEST(failed_function_stays_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
