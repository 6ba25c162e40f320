/* Where a function sits, under which requester IDs it speaks, and which functions
 * could reach one another past the IOMMU, over a made-up PCI tree. */
#include "iommu/iommu.h"
#include "pci/pci_internal.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/pcispace.h"

#include <errno.h>
#include <string.h>

#define DEVICES 16u

static struct pcispace_device devices[DEVICES];
static unsigned used;

static int setup(void **state)
{
    (void)state;
    host_reset();
    pcispace_reset();
    used = 0;
    return 0;
}

/* type: PCIe 7.5.3.2, or negative for a conventional function. */
static void express(struct pcispace_device *d, int type)
{
    uint8_t cap[0x3c] = { 0x10, 0, 0x02, 0 };
    if (type < 0)
        return;
    cap[2] |= (uint8_t)(type << 4);
    pcispace_capability(d, cap, sizeof cap);
}

static struct pcispace_device *device(struct pcispace_device *bridge, unsigned slot,
                                      unsigned function, int type)
{
    struct pcispace_device *d = &devices[used++];
    pcispace_device_init(d, 0x1234, 0x5678, 0x020000);
    express(d, type);
    d->config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
    pcispace_add(d, bridge, slot, function);
    return d;
}

static struct pcispace_device *bridge(struct pcispace_device *above, unsigned slot,
                                      unsigned function, int type)
{
    struct pcispace_device *d = &devices[used++];
    pcispace_bridge_init(d, 0x1234, 0x0b00);
    express(d, type);
    d->config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
    pcispace_add(d, above, slot, function);
    return d;
}

/* An ACS capability at 100h that can control what `can` says (PCIe 7.7.8). */
static void acs(struct pcispace_device *d, uint16_t can)
{
    static const uint8_t header[] = { 0x0d, 0x00, 0x01, 0x00 };
    memcpy(d->config + 0x100, header, sizeof header);
    d->config[0x104] = (uint8_t)can;
    d->writable[0x106] = (uint8_t)can;
    d->config_size = 4096;
}

static uint16_t acs_control(const struct pcispace_device *d)
{
    return d->config[0x106];
}

static struct pci_function *function(const struct pcispace_device *d)
{
    struct pci_function *f = pci_find((uint32_t)pcispace_bus(d) << 8 | d->devfn);
    assert_non_null(f);
    return f;
}

static void assert_together(const struct pcispace_device *a, const struct pcispace_device *b)
{
    assert_int_equal(pci_isolation_group(function(a)), pci_isolation_group(function(b)));
}

static void assert_apart(const struct pcispace_device *a, const struct pcispace_device *b)
{
    assert_int_not_equal(pci_isolation_group(function(a)), pci_isolation_group(function(b)));
}

/* Places --------------------------------------------------------------------- */

/* VT-d 8.3.1: paths begin on the root bus and name each bridge on the way. */
static void test_way_names_each_bridge(void **state)
{
    struct iommu_place p;
    struct pcispace_device *root = bridge(NULL, 3, 1, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *up = bridge(root, 0, 0, PCI_EXPRESS_UPSTREAM_PORT);
    struct pcispace_device *down = bridge(up, 5, 0, PCI_EXPRESS_DOWNSTREAM_PORT);
    struct pcispace_device *nic = device(down, 0, 2, PCI_EXPRESS_ENDPOINT);
    pci_scan();
    assert_int_equal(pci_place_of(function(nic), &p), 0);
    assert_int_equal(p.depth, 4);
    assert_int_equal(p.aliases, 0);
    const struct pcispace_device *way[] = { root, up, down, nic };
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(p.way[i].bus, pcispace_bus(way[i]));
        assert_int_equal(p.way[i].devfn, way[i]->devfn);
    }
}

/* PCIe-to-PCI Bridge 1.0 2.3: what is behind it speaks as its secondary bus, 00.0. */
static void test_bridge_to_pci_speaks_for_its_devices(void **state)
{
    struct iommu_place p;
    struct pcispace_device *root = bridge(NULL, 2, 0, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *topci = bridge(root, 0, 0, PCI_EXPRESS_TO_PCI_BRIDGE);
    struct pcispace_device *nic = device(topci, 4, 0, -1);
    struct pcispace_device *first = device(topci, 0, 0, -1);
    pci_scan();
    uint16_t alias = (uint16_t)(pcispace_bus(nic) << 8);
    assert_int_equal(pci_place_of(function(nic), &p), 0);
    assert_int_equal(p.aliases, 1);
    assert_int_equal(p.alias[0], alias);
    assert_true(pci_has_alias(function(nic), alias));
    assert_false(pci_has_alias(function(nic), 1u << 16 | alias)); /* of another segment */
    assert_false(pci_has_alias(function(nic), function(nic)->bdf));
    /* whose own ID that is has no alias */
    assert_int_equal(pci_place_of(function(first), &p), 0);
    assert_int_equal(p.aliases, 0);
    assert_int_equal((uint16_t)function(first)->bdf, alias);
}

/* VT-d 3.12.2: a conventional bridge speaks as itself; so does each of a chain. */
static void test_conventional_bridges_speak_as_themselves(void **state)
{
    struct iommu_place p;
    struct pcispace_device *outer = bridge(NULL, 0x1e, 0, -1);
    struct pcispace_device *inner = bridge(outer, 1, 0, -1);
    struct pcispace_device *nic = device(inner, 4, 0, -1);
    pci_scan();
    assert_int_equal(pci_place_of(function(nic), &p), 0);
    assert_int_equal(p.aliases, 2);
    assert_int_equal(p.alias[0], (uint16_t)function(inner)->bdf);
    assert_int_equal(p.alias[1], (uint16_t)function(outer)->bdf);
}

static void test_too_deep_is_refused(void **state)
{
    struct iommu_place p;
    struct pcispace_device *above = NULL;
    for (unsigned i = 0; i < IOMMU_DEPTH_MAX - 1; i++)
        above = bridge(above, 0, 1, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *fits = device(above, 0, 0, PCI_EXPRESS_ENDPOINT);
    above = bridge(above, 0, 1, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *deep = device(above, 0, 0, PCI_EXPRESS_ENDPOINT);
    pci_scan();
    assert_int_equal(pci_place_of(function(fits), &p), 0);
    assert_int_equal(p.depth, IOMMU_DEPTH_MAX);
    assert_int_equal(pci_place_of(function(deep), &p), -E2BIG);
}

static void test_too_many_aliases_are_refused(void **state)
{
    struct iommu_place p;
    struct pcispace_device *above = NULL;
    for (unsigned i = 0; i < IOMMU_ALIASES_MAX + 1; i++)
        above = bridge(above, 1, 0, -1);
    struct pcispace_device *nic = device(above, 3, 0, -1);
    pci_scan();
    assert_int_equal(pci_place_of(function(nic), &p), -E2BIG);
}

/* Isolation groups --------------------------------------------------------------- */

#define PORT_ACS (PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF | PCI_ACS_DT)

/* PCIe 6.12.1.1: redirection at both ports keeps what is below them apart; direct
 * translated requests stay off. */
static void test_ports_with_acs_keep_apart(void **state)
{
    struct pcispace_device *a = bridge(NULL, 2, 0, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *b = bridge(NULL, 2, 1, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *x = device(a, 0, 0, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *y = device(b, 0, 0, PCI_EXPRESS_ENDPOINT);
    acs(a, PORT_ACS);
    acs(b, PORT_ACS);
    a->config[0x106] = PCI_ACS_DT; /* as somebody before us may have left it */
    pci_scan();
    assert_together(x, y); /* nothing is in force yet */
    pci_acs_enable_all();
    assert_apart(x, y);
    assert_int_equal(acs_control(a), PORT_ACS & ~PCI_ACS_DT);
}

/* One port of a switch without ACS lets what is below it reach all the others. */
static void test_switch_port_without_acs_joins_what_is_below(void **state)
{
    struct pcispace_device *root = bridge(NULL, 2, 0, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *up = bridge(root, 0, 0, PCI_EXPRESS_UPSTREAM_PORT);
    struct pcispace_device *a = bridge(up, 0, 0, PCI_EXPRESS_DOWNSTREAM_PORT);
    struct pcispace_device *b = bridge(up, 1, 0, PCI_EXPRESS_DOWNSTREAM_PORT);
    struct pcispace_device *c = bridge(up, 2, 0, PCI_EXPRESS_DOWNSTREAM_PORT);
    struct pcispace_device *x = device(a, 0, 0, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *y = device(b, 0, 0, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *z = device(c, 0, 0, PCI_EXPRESS_ENDPOINT);
    acs(root, PORT_ACS);
    acs(c, PORT_ACS);
    pci_scan();
    pci_acs_enable_all();
    assert_together(x, y);
    assert_together(x, z);
    acs(a, PORT_ACS);
    acs(b, PORT_ACS);
    pci_scan();
    pci_acs_enable_all();
    assert_apart(x, y);
    assert_apart(x, z);
}

/* An endpoint that shares a device with the upstream port, neither with ACS. */
static void test_function_beside_an_upstream_port_is_joined(void **state)
{
    struct pcispace_device *root = bridge(NULL, 2, 0, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *up = bridge(root, 0, 0, PCI_EXPRESS_UPSTREAM_PORT);
    struct pcispace_device *beside = device(root, 0, 1, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *a = bridge(up, 0, 0, PCI_EXPRESS_DOWNSTREAM_PORT);
    struct pcispace_device *x = device(a, 0, 0, PCI_EXPRESS_ENDPOINT);
    acs(root, PORT_ACS);
    acs(a, PORT_ACS);
    pci_scan();
    pci_acs_enable_all();
    assert_together(x, beside);
}

/* A control that does not exist has nothing to control (6.12.1.1). */
static void test_missing_controls_are_not_waited_for(void **state)
{
    struct pcispace_device *a = bridge(NULL, 2, 0, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *b = bridge(NULL, 2, 1, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *x = device(a, 0, 0, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *y = device(b, 0, 0, PCI_EXPRESS_ENDPOINT);
    acs(a, PCI_ACS_SV);
    acs(b, PCI_ACS_SV);
    pci_scan();
    pci_acs_enable_all();
    assert_apart(x, y);
}

/* A control that does not take is not in force. */
static void test_control_that_stays_off_isolates_nothing(void **state)
{
    struct pcispace_device *a = bridge(NULL, 2, 0, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *b = bridge(NULL, 2, 1, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *x = device(a, 0, 0, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *y = device(b, 0, 0, PCI_EXPRESS_ENDPOINT);
    acs(a, PORT_ACS);
    acs(b, PORT_ACS);
    a->writable[0x106] = b->writable[0x106] = (uint8_t)~PCI_ACS_RR;
    pci_scan();
    pci_acs_enable_all();
    assert_together(x, y);
}

/* PCIe 6.12.1.2: functions of one device, with ACS and without, and the same
 * chip where the vendor vouches for it. */
static void test_functions_of_one_device(void **state)
{
    struct pcispace_device *with = device(NULL, 4, 0, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *plain0 = device(NULL, 4, 1, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *plain1 = device(NULL, 4, 2, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *igb0 = device(NULL, 5, 0, PCI_EXPRESS_ENDPOINT);
    struct pcispace_device *igb1 = device(NULL, 5, 1, PCI_EXPRESS_ENDPOINT);
    igb0->config[PCI_VENDOR_ID] = igb1->config[PCI_VENDOR_ID] = 0x86;
    igb0->config[PCI_VENDOR_ID + 1] = igb1->config[PCI_VENDOR_ID + 1] = 0x80;
    igb0->config[PCI_DEVICE_ID] = igb1->config[PCI_DEVICE_ID] = 0xc9;
    igb0->config[PCI_DEVICE_ID + 1] = igb1->config[PCI_DEVICE_ID + 1] = 0x10;
    acs(with, PCI_ACS_RR | PCI_ACS_CR);
    pci_scan();
    pci_acs_enable_all();
    assert_together(plain0, plain1);
    assert_apart(plain0, with);
    assert_apart(igb0, igb1);
    assert_apart(plain0, igb0);
}

/* PCIe 6.12.1.3: a conventional bus is shared by all on it and behind it. */
static void test_conventional_bus_is_one_group(void **state)
{
    struct pcispace_device *root = bridge(NULL, 2, 0, PCI_EXPRESS_ROOT_PORT);
    struct pcispace_device *topci = bridge(root, 0, 0, PCI_EXPRESS_TO_PCI_BRIDGE);
    struct pcispace_device *a = device(topci, 4, 0, -1);
    struct pcispace_device *inner = bridge(topci, 5, 0, -1);
    struct pcispace_device *b = device(inner, 1, 0, -1);
    acs(root, PORT_ACS);
    pci_scan();
    pci_acs_enable_all();
    assert_together(a, b);
    assert_together(a, topci);
}

/* Two devices on the root bus pass the IOMMU on the way to each other. */
static void test_root_bus_devices_are_apart(void **state)
{
    struct pcispace_device *a = device(NULL, 4, 0, -1);
    struct pcispace_device *b = device(NULL, 5, 0, -1);
    pci_scan();
    assert_apart(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_way_names_each_bridge, setup),
        cmocka_unit_test_setup(test_bridge_to_pci_speaks_for_its_devices, setup),
        cmocka_unit_test_setup(test_conventional_bridges_speak_as_themselves, setup),
        cmocka_unit_test_setup(test_too_deep_is_refused, setup),
        cmocka_unit_test_setup(test_too_many_aliases_are_refused, setup),
        cmocka_unit_test_setup(test_ports_with_acs_keep_apart, setup),
        cmocka_unit_test_setup(test_switch_port_without_acs_joins_what_is_below, setup),
        cmocka_unit_test_setup(test_function_beside_an_upstream_port_is_joined, setup),
        cmocka_unit_test_setup(test_missing_controls_are_not_waited_for, setup),
        cmocka_unit_test_setup(test_control_that_stays_off_isolates_nothing, setup),
        cmocka_unit_test_setup(test_functions_of_one_device, setup),
        cmocka_unit_test_setup(test_conventional_bus_is_one_group, setup),
        cmocka_unit_test_setup(test_root_bus_devices_are_apart, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
