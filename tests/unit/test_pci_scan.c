/* Bus scan: PCI 3.2.2.3 and 6.1, Bridge 3.2.5.3 to 3.2.5.5, PCIe 2.3.1 and 7.3. */
#include "tests/host/test.h"

#include "kernel/compiler.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/models/q35_recording.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MADE_UP 300u

static struct pcispace_device made[MADE_UP];
static unsigned made_count;

static int set_up(void **state)
{
    host_reset();
    pcispace_reset();
    pcispace_tell_root_buses(false); /* they are looked for */
    memset(made, 0, sizeof made);
    made_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(pcispace_violations(), 0);
    pci_reset();
    pci_set_access(NULL);
    return 0;
}

static struct pcispace_device *endpoint(struct pcispace_device *bridge, unsigned device,
                                        unsigned function)
{
    struct pcispace_device *d = &made[made_count++];
    pcispace_device_init(d, 0x1234, (uint16_t)made_count, 0x020000);
    pcispace_add(d, bridge, device, function);
    return d;
}

static struct pcispace_device *bridge(struct pcispace_device *above, unsigned device,
                                      unsigned secondary, unsigned subordinate)
{
    struct pcispace_device *d = &made[made_count++];
    pcispace_bridge_init(d, 0x1234, (uint16_t)made_count);
    d->config[PCI_SECONDARY_BUS] = (uint8_t)secondary;
    d->config[PCI_SUBORDINATE_BUS] = (uint8_t)subordinate;
    pcispace_add(d, above, device, 0);
    return d;
}

/* A PCI Express capability of this port type, version 2. */
static void express(struct pcispace_device *d, unsigned type)
{
    uint8_t capability[0x3c] = { PCI_CAP_EXPRESS, 0, (uint8_t)(type << 4 | 2) };
    pcispace_capability(d, capability, sizeof capability);
}

/* An endpoint with alternative routing ID (PCIe 7.8.7). */
static void ari(struct pcispace_device *d, unsigned next)
{
    express(d, PCI_EXPRESS_ENDPOINT);
    d->config_size = PCI_EXTENDED_SIZE;
    d->config[PCI_EXT_FIRST] = PCI_EXT_ARI;
    d->config[PCI_EXT_FIRST + 2] = 1;
    d->config[PCI_EXT_FIRST + PCI_ARI_CAPABILITY + 1] = (uint8_t)next;
}

static unsigned seen(void)
{
    unsigned n = 0;
    for (struct pci_function *f = pci_first(); f; f = f->next)
        n++;
    return n;
}

static void assert_bdf_order(void)
{
    for (struct pci_function *f = pci_first(); f && f->next; f = f->next)
        assert_true(f->bdf < f->next->bdf);
}

/* The recorded machine ----------------------------------------------------------- */

/* PCIe 9.3.4.1.1: VFs read as absent, so the one in the recording is not found. */
static void recorded_q35_is_found_whole(void **state)
{
    unsigned devices = q35_load();
    assert_int_equal(pci_scan(), devices - 1);
    assert_int_equal(seen(), devices - 1);
    assert_bdf_order();
    assert_null(pci_find(PCI_BDF(0, 1, 0x10, 0)));
    assert_null(pci_find(PCI_BDF(0, 0, 3, 0)));
}

static void header_fields_are_read(void **state)
{
    q35_load();
    pci_scan();
    struct pci_function *igb = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_int_equal(igb->vendor, 0x8086);
    assert_int_equal(igb->device, 0x10c9);
    assert_int_equal(igb->subsystem_vendor, 0x1af4);
    assert_int_equal(igb->subsystem, 0x1100);
    assert_int_equal(igb->class_code, 0x020000);
    assert_int_equal(igb->revision, 1);
    assert_int_equal(igb->header_type, 0);
    assert_int_equal(igb->express, 0xa0);
    assert_int_equal(igb->config_size, 4096);
    assert_int_equal(igb->dma.requester_id, PCI_BDF(0, 1, 0, 0));
    struct pci_function *port = pci_find(PCI_BDF(0, 0, 4, 0));
    assert_ptr_equal(igb->parent, port);
    assert_null(port->parent);
    assert_int_equal(port->header_type, 1);
    assert_int_equal(port->secondary, 1);
    assert_int_equal(port->subordinate, 1);
    assert_int_equal(pci_find(PCI_BDF(0, 0, 0x10, 0))->config_size, 256);
}

static void recorded_windows_and_bars_are_read(void **state)
{
    q35_load();
    pci_scan();
    struct pci_function *port = pci_find(PCI_BDF(0, 0, 4, 0));
    assert_int_equal(port->window[PCI_WINDOW_IO].base, 0xe000);
    assert_int_equal(port->window[PCI_WINDOW_IO].size, 0x1000);
    assert_int_equal(port->window[PCI_WINDOW_MEMORY].base, 0xfe800000);
    assert_int_equal(port->window[PCI_WINDOW_MEMORY].size, 0x200000);
    assert_int_equal(port->window[PCI_WINDOW_PREFETCHABLE].base, 0xfd400000);
    assert_int_equal(port->window[PCI_WINDOW_PREFETCHABLE].size, 0x200000);
    struct pci_function *igb = pci_find(PCI_BDF(0, 1, 0, 0));
    pci_look(igb);
    const struct pci_bar *bar = igb->bar;
    assert_int_equal(bar[0].base, 0xfe800000);
    assert_int_equal(bar[0].size, 0x20000);
    assert_true(bar[2].io);
    assert_int_equal(bar[2].base, 0xe000);
    assert_int_equal(bar[2].size, 32);
    assert_true(bar[3].is64);
    assert_false(bar[3].prefetchable);
    assert_int_equal(bar[3].base, 0xfe840000);
    assert_int_equal(bar[4].size, 0);
}

/* What firmware set is left as it was, to the byte, but for bus mastering. */
static void scan_leaves_what_firmware_set(void **state)
{
    q35_load();
    struct pcispace_device before = *q35_device(1, 0, 0), port = *q35_device(0, 4, 0);
    pci_scan();
    before.config[PCI_COMMAND] &= (uint8_t)~PCI_COMMAND_MASTER;
    assert_memory_equal(q35_device(1, 0, 0)->config, before.config, sizeof before.config);
    assert_memory_equal(q35_device(0, 4, 0)->config, port.config, sizeof port.config);
}

/* design.md, decision 3 */
static void no_endpoint_masters_the_bus_after_the_scan(void **state)
{
    q35_load();
    q35_device(0, 0, 0)->config[PCI_COMMAND] |= PCI_COMMAND_MASTER;
    pci_scan();
    for (struct pci_function *f = pci_first(); f; f = f->next) {
        bool exempt = f->header_type == PCI_HEADER_BRIDGE || f->class_code >> 8 == 0x0600;
        assert_int_equal(!!(pci_read16(f, PCI_COMMAND) & PCI_COMMAND_MASTER), exempt);
    }
}

static void second_scan_finds_the_same(void **state)
{
    int n = (int)q35_load() - 1;
    assert_int_equal(pci_scan(), n);
    assert_int_equal(pci_scan(), n);
    assert_int_equal(seen(), n);
}

static void without_access_there_is_no_device(void **state)
{
    pci_set_access(NULL);
    assert_int_equal(pci_scan(), -ENODEV);
    assert_null(pci_first());
}

/* Functions ----------------------------------------------------------------------- */

/* PCI 6.2.1: bit 7 of function 0's header type. */
static void functions_of_a_multi_function_device_are_found(void **state)
{
    endpoint(NULL, 3, 0)->config[PCI_HEADER_TYPE] = PCI_HEADER_MULTIFUNCTION;
    endpoint(NULL, 3, 2);
    endpoint(NULL, 3, 7);
    assert_int_equal(pci_scan(), 3);
    assert_non_null(pci_find(PCI_BDF(0, 0, 3, 7)));
    assert_int_equal(pci_first()->header_type, 0);
}

/* PCI 3.2.2.3.4: a single-function device may answer for all of its functions. */
static void single_function_device_has_one(void **state)
{
    endpoint(NULL, 3, 0);
    endpoint(NULL, 3, 2);
    assert_int_equal(pci_scan(), 1);
}

/* Hypervisors pass single functions through under their own number. */
static void functions_without_function_0_are_found(void **state)
{
    endpoint(NULL, 3, 1);
    endpoint(bridge(NULL, 4, 1, 1), 0, 5);
    assert_int_equal(pci_scan(), 3);
    assert_non_null(pci_find(PCI_BDF(0, 0, 3, 1)));
    assert_non_null(pci_find(PCI_BDF(0, 1, 0, 5)));
}

/* PCIe 2.3.1.1, 6.6.1: vendor ID 1 says not ready yet. */
static unsigned tries;

static uint32_t late_read(uint32_t bdf, uint16_t offset, unsigned size)
{
    if (bdf)
        return UINT32_MAX;
    if (offset == PCI_VENDOR_ID && tries) {
        tries--;
        return 1;
    }
    return offset == PCI_VENDOR_ID ? 0x8086 : 0;
}

static void no_write(uint32_t bdf, uint16_t offset, unsigned size, uint32_t value) {}

static const struct pci_access late = {
    .name = "late", .read = late_read, .write = no_write, .config_size = 256
};

static void function_that_is_not_ready_is_waited_for(void **state)
{
    tries = 100;
    pci_set_access(&late);
    assert_int_equal(pci_scan(), 1);
    assert_int_equal(pci_first()->vendor, 0x8086);
}

static void function_that_never_gets_ready_is_given_up(void **state)
{
    tries = UINT32_MAX;
    pci_set_access(&late);
    assert_int_equal(pci_scan(), 0);
    assert_true(host_log_contains("not ready"));
}

/* PCIe 7.3.1: one device at the other end of a link, number 0. */
static void behind_a_root_port_only_device_0_is_looked_for(void **state)
{
    struct pcispace_device *port = bridge(NULL, 1, 1, 1);
    express(port, PCI_EXPRESS_ROOT_PORT);
    endpoint(port, 0, 0);
    endpoint(port, 5, 0);
    assert_int_equal(pci_scan(), 2);
}

/* PCIe 6.13: with ARI the device number is part of the function number. */
static void ari_functions_above_7_are_found(void **state)
{
    struct pcispace_device *port = bridge(NULL, 1, 1, 1);
    express(port, PCI_EXPRESS_ROOT_PORT);
    port->config[PCI_CAP_FIRST + PCI_EXPRESS_DEVICE_CAP2] = PCI_EXPRESS_ARI_CAPABLE;
    port->writable[PCI_CAP_FIRST + PCI_EXPRESS_DEVICE_CTL2] = PCI_EXPRESS_ARI_FORWARDING;
    ari(endpoint(port, 0, 0), 9);
    ari(endpoint(port, 1, 1), 255);
    ari(endpoint(port, 31, 7), 0);
    assert_int_equal(pci_scan(), 4);
}

/* An upstream port's secondary bus is inside the switch: all 32 devices (PCIe 7.3.1). */
static void switch_with_ports_in_any_device_is_found(void **state)
{
    struct pcispace_device *root = bridge(NULL, 1, 1, 3);
    struct pcispace_device *up = bridge(root, 0, 2, 3), *down = bridge(up, 9, 3, 3);
    express(root, PCI_EXPRESS_ROOT_PORT);
    express(up, PCI_EXPRESS_UPSTREAM_PORT);
    express(down, PCI_EXPRESS_DOWNSTREAM_PORT);
    endpoint(down, 0, 0);
    assert_int_equal(pci_scan(), 4);
    assert_non_null(pci_find(PCI_BDF(0, 3, 0, 0)));
}

/* Extended space that reads as ones is not there: CF8/CFC, or behind plain PCI. */
static void extended_space_is_checked(void **state)
{
    struct pcispace_device *d = endpoint(NULL, 3, 0);
    express(d, PCI_EXPRESS_ENDPOINT);
    d->config_size = 4096;
    memset(d->config + PCI_EXT_FIRST, 0xff, 4);
    pci_scan();
    assert_int_equal(pci_first()->config_size, 256);
    memset(d->config + PCI_EXT_FIRST, 0, 4);
    pci_scan();
    assert_int_equal(pci_first()->config_size, 4096);
}

/* Buses --------------------------------------------------------------------------- */

static void nested_bridges_keep_their_numbers(void **state)
{
    struct pcispace_device *a = bridge(NULL, 1, 1, 5), *b = bridge(a, 2, 3, 5);
    endpoint(bridge(b, 0, 5, 5), 0, 0);
    endpoint(a, 1, 0);
    assert_int_equal(pci_scan(), 5);
    assert_non_null(pci_find(PCI_BDF(0, 5, 0, 0)));
    assert_int_equal(pci_find(PCI_BDF(0, 5, 0, 0))->parent->bdf, PCI_BDF(0, 3, 0, 0));
    assert_int_equal(b->config[PCI_SECONDARY_BUS], 3);
    assert_int_equal(b->config[PCI_SUBORDINATE_BUS], 5);
}

static void unnumbered_bridges_get_numbers(void **state)
{
    struct pcispace_device *a = bridge(NULL, 1, 0, 0), *b = bridge(a, 0, 0, 0);
    struct pcispace_device *c = bridge(NULL, 2, 0, 0);
    endpoint(b, 0, 0);
    endpoint(c, 0, 0);
    assert_int_equal(pci_scan(), 5);
    assert_int_equal(pcispace_bus(b), 1);
    assert_int_equal(a->config[PCI_SUBORDINATE_BUS], 2);
    assert_int_equal(b->config[PCI_PRIMARY_BUS], 1);
    assert_int_equal(b->config[PCI_SECONDARY_BUS], 2);
    assert_int_equal(b->config[PCI_SUBORDINATE_BUS], 2);
    assert_int_equal(c->config[PCI_SECONDARY_BUS], 3);
    assert_non_null(pci_find(PCI_BDF(0, 2, 0, 0)));
    assert_non_null(pci_find(PCI_BDF(0, 3, 0, 0)));
}

/* New numbers come from the gaps: none that firmware gave moves. */
static void numbers_of_others_are_kept_free(void **state)
{
    struct pcispace_device *fresh = bridge(NULL, 1, 0, 0), *set = bridge(NULL, 2, 1, 4);
    struct pcispace_device *inner = bridge(set, 1, 3, 3), *hot = bridge(set, 2, 0, 0);
    endpoint(fresh, 0, 0);
    endpoint(inner, 0, 0);
    assert_int_equal(pci_scan(), 6);
    assert_int_equal(set->config[PCI_SECONDARY_BUS], 1);
    assert_int_equal(set->config[PCI_SUBORDINATE_BUS], 4);
    assert_int_equal(inner->config[PCI_SECONDARY_BUS], 3);
    assert_int_equal(hot->config[PCI_SECONDARY_BUS], 2);
    assert_int_equal(fresh->config[PCI_SECONDARY_BUS], 5);
}

static void bridge_without_a_number_left_is_told(void **state)
{
    struct pcispace_device *full = bridge(NULL, 1, 1, 1);
    endpoint(bridge(full, 2, 0, 0), 0, 0);
    assert_int_equal(pci_scan(), 2);
    assert_true(host_log_contains("0000:01:02.0: no bus number is left"));
}

/* A bridge that leads to its own bus, upwards, or outside: numbered anew. */
static void loops_are_cut(void **state)
{
    const uint8_t numbers[][2] = { { 1, 1 }, { 0, 0xff }, { 2, 1 }, { 5, 6 }, { 0xff, 0 } };
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        set_up(state);
        struct pcispace_device *a = bridge(NULL, 1, 1, 4);
        struct pcispace_device *b = bridge(a, 0, numbers[i][0], numbers[i][1]);
        endpoint(b, 0, 0);
        assert_int_equal(pci_scan(), 3);
        assert_int_equal(b->config[PCI_SECONDARY_BUS], 2);
        assert_int_equal(b->config[PCI_SUBORDINATE_BUS], 2);
        assert_true(host_log_contains("make no sense"));
    }
}

static void numbers_of_root_buses_are_kept_free(void **state)
{
    struct pcispace_device *fresh = bridge(NULL, 1, 0, 0), *other = &made[made_count++];
    pcispace_device_init(other, 0x1234, 2, 0x020000);
    other->root_bus = 1;
    pcispace_add(other, NULL, 0, 0);
    endpoint(fresh, 0, 0);
    assert_int_equal(pci_scan(), 3);
    assert_int_equal(fresh->config[PCI_SECONDARY_BUS], 2);
}

/* What lies below a bridge without numbers may still have some from before. */
static void stale_numbers_below_a_new_bus_are_taken_away(void **state)
{
    struct pcispace_device *a = bridge(NULL, 1, 0, 0);
    struct pcispace_device *b = bridge(a, 0, 0, 0), *c = bridge(a, 1, 2, 2);
    endpoint(b, 3, 0);
    endpoint(c, 5, 0);
    assert_int_equal(pci_scan(), 5);
    assert_non_null(pci_find(PCI_BDF(0, 2, 3, 0)));
    assert_non_null(pci_find(PCI_BDF(0, 3, 5, 0)));
}

/* Downwards numbers only grow: a bridge that leads to a lower one that is free. */
static void lower_bus_is_no_way_down(void **state)
{
    struct pcispace_device *b = &made[made_count++];
    pcispace_bridge_init(b, 0x1234, 1);
    b->root_bus = 0x80;
    b->config[PCI_SECONDARY_BUS] = b->config[PCI_SUBORDINATE_BUS] = 0x10;
    pcispace_add(b, NULL, 0, 0);
    assert_int_equal(pci_scan(), 1);
    assert_int_equal(b->config[PCI_SECONDARY_BUS], 0x81);
}

/* Two bridges with the same number would both answer for that bus. */
static void bus_has_one_bridge(void **state)
{
    struct pcispace_device *a = bridge(NULL, 1, 1, 2), *b = bridge(NULL, 2, 2, 3);
    endpoint(a, 0, 0);
    endpoint(b, 0, 0);
    assert_int_equal(pci_scan(), 4);
    assert_int_equal(a->config[PCI_SECONDARY_BUS], 1);
    assert_int_equal(a->config[PCI_SUBORDINATE_BUS], 2);
    assert_int_equal(b->config[PCI_SECONDARY_BUS], 3);
    assert_int_equal(b->config[PCI_SUBORDINATE_BUS], 3);
}

static void further_root_buses_are_found(void **state)
{
    endpoint(NULL, 0, 0);
    struct pcispace_device *other = &made[made_count++], *last = &made[made_count++];
    pcispace_bridge_init(other, 0x1234, 1);
    other->root_bus = 0x80;
    pcispace_add(other, NULL, 0x1f, 0);
    pcispace_device_init(last, 0x1234, 2, 0x020000);
    last->root_bus = 0xff;
    pcispace_add(last, NULL, 3, 0);
    endpoint(other, 0, 0);
    struct pcispace_device *low = bridge(NULL, 1, 0, 0);
    assert_int_equal(pci_scan(), 5);
    assert_int_equal(low->config[PCI_SECONDARY_BUS], 1);
    assert_int_equal(other->config[PCI_SECONDARY_BUS], 0x81);
    assert_null(pci_find(PCI_BDF(0, 0xff, 3, 0))->parent);
}

/* What the machine says of its root buses spares a look at all the others. */
static void told_root_buses_are_believed(void **state)
{
    static const uint8_t told[32] = { [0x80 / 8] = 1, [0x90 / 8] = 1 };
    endpoint(NULL, 0, 0);
    for (unsigned i = 0; i < 2; i++) {
        struct pcispace_device *d = &made[made_count++];
        pcispace_device_init(d, 0x1234, 1, 0x020000);
        d->root_bus = i ? 0x40 : 0x80;
        pcispace_add(d, NULL, 9, 0);
    }
    struct pci_access access = *pcispace_access();
    access.root_buses = told;
    pci_set_access(&access);
    assert_int_equal(pci_scan(), 2);
    assert_non_null(pci_find(PCI_BDF(0, 0x80, 9, 0)));
    assert_true(pcispace_reads() < 1000);
    pci_set_access(NULL);
}

static void segments_are_apart(void **state)
{
    endpoint(NULL, 0, 0);
    struct pcispace_device *other = &made[made_count++];
    pcispace_device_init(other, 0x1234, 7, 0x020000);
    other->segment = 2;
    pcispace_add(other, NULL, 0, 0);
    assert_int_equal(pci_scan(), 2);
    assert_int_equal(pci_find(PCI_BDF(2, 0, 0, 0))->device, 7);
    assert_int_equal(pci_find(PCI_BDF(2, 0, 0, 0))->dma.requester_id, 0x20000);
    assert_bdf_order();
}

/* 255 bridges, each behind the one before: every bus number is used. */
static void all_256_buses_are_reached(void **state)
{
    struct pcispace_device *above = NULL;
    for (unsigned i = 0; i < 255; i++)
        above = bridge(above, 0, 0, 0);
    endpoint(above, 0, 0);
    endpoint(bridge(above, 1, 0, 0), 0, 0);
    assert_int_equal(pci_scan(), 257);
    assert_non_null(pci_find(PCI_BDF(0, 255, 0, 0)));
    assert_int_equal(made[0].config[PCI_SUBORDINATE_BUS], 255);
    assert_true(host_log_contains("0000:ff:01.0: no bus number is left"));
    assert_int_equal(pci_scan(), 257);
}

/* A space in which every function of every bus is a bridge that takes whatever
 * number it is given, and does not remember it. */
static uint32_t hall_of_mirrors(uint32_t bdf, uint16_t offset, unsigned size)
{
    uint32_t value =
        offset == PCI_HEADER_TYPE ? PCI_HEADER_MULTIFUNCTION | PCI_HEADER_BRIDGE : 0x5a5a5a5a;
    return value & UINT32_MAX >> (32 - 8 * size);
}

static void hostile_space_ends(void **state)
{
    static const struct pci_bus_range few = { .segment = 0, .first = 0, .last = 3 };
    static const struct pci_access mirrors = { .name = "mirrors",
                                               .read = hall_of_mirrors,
                                               .write = no_write,
                                               .config_size = 4096,
                                               .ranges = &few,
                                               .range_count = 1 };
    pci_set_access(&mirrors);
    assert_int_equal(pci_scan(), 4 * 256);
    for (struct pci_function *f = pci_first(); f; f = f->next)
        assert_int_equal(f->secondary, 0);
}

/* A machine of one bus is not paid for with a look at every device of 256. */
static void numbered_buses_are_not_looked_at_as_roots(void **state)
{
    bridge(NULL, 1, 1, 0xff);
    assert_int_equal(pci_scan(), 1);
    assert_true(pcispace_reads() < 1000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(recorded_q35_is_found_whole),
        TEST(header_fields_are_read),
        TEST(recorded_windows_and_bars_are_read),
        TEST(scan_leaves_what_firmware_set),
        TEST(no_endpoint_masters_the_bus_after_the_scan),
        TEST(second_scan_finds_the_same),
        TEST(without_access_there_is_no_device),
        TEST(functions_of_a_multi_function_device_are_found),
        TEST(single_function_device_has_one),
        TEST(functions_without_function_0_are_found),
        TEST(function_that_is_not_ready_is_waited_for),
        TEST(function_that_never_gets_ready_is_given_up),
        TEST(behind_a_root_port_only_device_0_is_looked_for),
        TEST(ari_functions_above_7_are_found),
        TEST(switch_with_ports_in_any_device_is_found),
        TEST(extended_space_is_checked),
        TEST(nested_bridges_keep_their_numbers),
        TEST(unnumbered_bridges_get_numbers),
        TEST(numbers_of_others_are_kept_free),
        TEST(bridge_without_a_number_left_is_told),
        TEST(loops_are_cut),
        TEST(numbers_of_root_buses_are_kept_free),
        TEST(stale_numbers_below_a_new_bus_are_taken_away),
        TEST(lower_bus_is_no_way_down),
        TEST(bus_has_one_bridge),
        TEST(further_root_buses_are_found),
        TEST(told_root_buses_are_believed),
        TEST(segments_are_apart),
        TEST(all_256_buses_are_reached),
        TEST(hostile_space_ends),
        TEST(numbered_buses_are_not_looked_at_as_roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
