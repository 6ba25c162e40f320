/* Alternative routing IDs: PCIe 6.13 (rules), 7.8.7 (capability). */
#include "tests/host/test.h"

#include "apps/console/command.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/models/made_pf.h"

#include <string.h>

#define FUNCTIONS 8u

static struct pcispace_device port, function[FUNCTIONS];
static unsigned functions;

static int set_up(void **state)
{
    host_reset();
    pcispace_reset();
    memset(&port, 0, sizeof port);
    memset(function, 0, sizeof function);
    functions = 0;
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(pcispace_violations(), 0);
    pci_reset();
    pci_set_access(NULL);
    return 0;
}

/* Function `number` of the device on the bus of `port`; the number that it names as next. */
static struct pcispace_device *add(unsigned number, int next)
{
    static uint8_t express[PCI_EXPRESS_LENGTH2] = { PCI_CAP_EXPRESS, 0, 2 };
    struct pcispace_device *d = &function[functions++];
    pcispace_device_init(d, 0x1234, (uint16_t)functions, 0x020000);
    pcispace_capability(d, express, sizeof express);
    d->config_size = PCI_EXTENDED_SIZE;
    if (next >= 0) {
        d->config[PCI_EXT_FIRST] = PCI_EXT_ARI;
        d->config[PCI_EXT_FIRST + 2] = 1;
        d->config[PCI_EXT_FIRST + PCI_ARI_CAPABILITY + 1] = (uint8_t)next;
    }
    pcispace_add(d, &port, number >> 3, number & 7);
    return d;
}

static void add_port(unsigned type, bool ari)
{
    made_port_init(&port, type, ari, true);
    pcispace_add(&port, NULL, 1, 0);
}

static uint16_t forwarding(void)
{
    return (uint16_t)made_get(&port, MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL2, 2);
}

static unsigned found_behind_port(void)
{
    unsigned n = 0;
    for (struct pci_function *f = pci_first(); f; f = f->next)
        n += f->parent != NULL;
    return n;
}

static void functions_up_to_255_are_found(void **state)
{
    add_port(PCI_EXPRESS_ROOT_PORT, true);
    add(0, 1);
    add(1, 8);
    add(8, 255);
    add(255, 0);
    pci_scan();
    assert_int_equal(forwarding(), PCI_EXPRESS_ARI_FORWARDING);
    assert_int_equal(found_behind_port(), 4);
    assert_non_null(pci_find(PCI_BDF(0, 1, 31, 7)));
}

/* As Linux shows it: function 130 of bus 1 is 01:10.2. */
static void text_stays_bus_device_function(void **state)
{
    char text[PCI_BDF_LEN];
    uint32_t bdf;
    add_port(PCI_EXPRESS_ROOT_PORT, true);
    add(0, 130);
    add(130, 0);
    pci_scan();
    const struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0))->next;
    pci_bdf_format(f->bdf, text);
    assert_string_equal(text, "0000:01:10.2");
    assert_true(pci_bdf_parse("01:10.2", &bdf));
    assert_int_equal(bdf, f->bdf);
}

static void downstream_port_of_a_switch_forwards_too(void **state)
{
    add_port(PCI_EXPRESS_DOWNSTREAM_PORT, true);
    add(0, 64);
    add(64, 0);
    pci_scan();
    assert_int_equal(found_behind_port(), 2);
}

/* A device without the capability has 8 functions, and would answer for others' numbers. */
static void forwarding_that_firmware_left_on_goes_off(void **state)
{
    add_port(PCI_EXPRESS_ROOT_PORT, true);
    port.config[MADE_PF_EXPRESS + PCI_EXPRESS_DEVICE_CTL2] = PCI_EXPRESS_ARI_FORWARDING;
    add(0, -1);
    add(64, -1);
    pci_scan();
    assert_int_equal(forwarding(), 0);
    assert_int_equal(found_behind_port(), 1);
}

static void port_that_cannot_forward_is_left_alone(void **state)
{
    add_port(PCI_EXPRESS_ROOT_PORT, false);
    add(0, 64);
    add(64, 0);
    pci_scan();
    assert_int_equal(forwarding(), 0);
    assert_int_equal(found_behind_port(), 1);
}

/* Only ports that lead to a link forward (7.5.3.15); an upstream port's bit means nothing. */
static void upstream_port_does_not_forward(void **state)
{
    add_port(PCI_EXPRESS_UPSTREAM_PORT, true);
    add(0, 64);
    pci_scan();
    assert_int_equal(forwarding(), 0);
}

static void capability_of_version_1_has_no_control(void **state)
{
    add_port(PCI_EXPRESS_ROOT_PORT, true);
    port.config[MADE_PF_EXPRESS + PCI_EXPRESS_CAPABILITIES] = PCI_EXPRESS_ROOT_PORT << 4 | 1;
    add(0, 64);
    add(64, 0);
    pci_scan();
    assert_int_equal(forwarding(), 0);
    assert_int_equal(found_behind_port(), 1);
}

/* A capability whose control lies beyond the end of its space: what is there is another's. */
static void capability_at_the_end_of_the_space_is_not_believed(void **state)
{
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    memcpy(port.config + 0xe8, port.config + MADE_PF_EXPRESS, 0x18);
    memset(port.config + 0xe8 + PCI_EXPRESS_DEVICE_CAP2, 0xff, 8);
    port.config[PCI_CAPABILITIES] = 0xe8;
    pcispace_add(&port, NULL, 1, 0);
    add(0, 64);
    add(64, 0);
    pci_scan();
    assert_int_equal(found_behind_port(), 1);
}

/* Lists that lead nowhere, back, or to themselves end. */
static void lists_that_lie_end(void **state)
{
    static const int lists[][3] = { { 5, 0, -1 },   /* back to the first */
                                    { 5, 5, -1 },   /* to itself */
                                    { 5, 3, -1 },   /* down */
                                    { 5, 200, -1 }, /* to nobody */
                                    { 255, 255, -1 } };
    for (unsigned i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        set_up(state);
        add_port(PCI_EXPRESS_ROOT_PORT, true);
        add(0, lists[i][0]);
        add((unsigned)lists[i][0], lists[i][1]);
        pci_scan();
        assert_int_equal(found_behind_port(), 2);
    }
}

/* QEMU's igb names no next function although it has one: the old way finds it. */
static void functions_that_the_list_leaves_out_are_found(void **state)
{
    add_port(PCI_EXPRESS_ROOT_PORT, true);
    add(0, 0)->config[PCI_HEADER_TYPE] = PCI_HEADER_MULTIFUNCTION;
    add(1, 0);
    pci_scan();
    assert_int_equal(found_behind_port(), 2);
}

/* VFs are not looked for: neither on a port's own bus nor on further ones. */
static void scan_does_not_look_for_vfs(void **state)
{
    static struct made_pf pf;
    add_port(PCI_EXPRESS_ROOT_PORT, true);
    pci_scan();
    unsigned without = pcispace_reads();
    set_up(state);
    add_port(PCI_EXPRESS_ROOT_PORT, true);
    made_pf_init(&pf, 0x10c9, 256, 16384);
    made_pf_add(&pf, &port, 0);
    pci_scan();
    assert_in_range(pcispace_reads() - without, 1, 300);
}

static char shown[16384];

static void collect(struct out *out, const char *text, size_t n)
{
    strncat(shown, text, n);
}

static void forwarding_is_shown(void **state)
{
    struct out out = { .write = collect };
    add_port(PCI_EXPRESS_ROOT_PORT, true);
    add(0, 130);
    add(130, 0);
    pci_scan();
    shown[0] = '\0';
    assert_int_equal(command_run("show pci 00:01.0", &out, "test", 0), 0);
    assert_non_null(strstr(shown, "ARI forwarding on"));
    shown[0] = '\0';
    assert_int_equal(command_run("show pci 01:00.0", &out, "test", 0), 0);
    assert_non_null(strstr(shown, "alternative routing ID: next function 130"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(functions_up_to_255_are_found),
        TEST(text_stays_bus_device_function),
        TEST(downstream_port_of_a_switch_forwards_too),
        TEST(forwarding_that_firmware_left_on_goes_off),
        TEST(port_that_cannot_forward_is_left_alone),
        TEST(upstream_port_does_not_forward),
        TEST(capability_of_version_1_has_no_control),
        TEST(capability_at_the_end_of_the_space_is_not_believed),
        TEST(lists_that_lie_end),
        TEST(functions_that_the_list_leaves_out_are_found),
        TEST(scan_does_not_look_for_vfs),
        TEST(forwarding_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
