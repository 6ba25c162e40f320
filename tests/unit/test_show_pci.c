/* show pci and show pci BDF over the recorded q35 and over hostile bytes. */
#include "tests/host/test.h"

#include "apps/console/command.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/models/made_pf.h"
#include "tests/models/q35_recording.h"

#include <string.h>

#define TEXT_MAX 65536u

static char text[TEXT_MAX];
static size_t length;

static void write_text(struct out *o, const char *more, size_t n)
{
    assert_true(length + n < TEXT_MAX);
    memcpy(text + length, more, n);
    length += n;
    text[length] = 0;
}

static struct out out = { .write = write_text };

static int set_up(void **state)
{
    host_reset();
    pcispace_reset();
    return 0;
}

static int tear_down(void **state)
{
    pci_reset();
    pci_set_access(NULL);
    return 0;
}

static int show(const char *line)
{
    length = 0;
    text[0] = 0;
    return command_run(line, &out, NULL, 0);
}

static void shows(const char *expected)
{
    if (!strstr(text, expected))
        fail_msg("\"%s\" is not in:\n%s", expected, text);
}

static void tree_shows_functions_below_their_bridge(void **state)
{
    q35_load();
    pci_scan();
    assert_int_equal(show("show pci"), 0);
    shows("\n0000:00:04.0 1b36:000c PCI bridge, buses 01-01, feae3000 4 KiB\n"
          "  0000:01:00.0 8086:10c9 Ethernet controller, fe800000 128 KiB, fe820000 128 KiB, "
          "I/O e000 32 bytes, fe840000 16 KiB\n"
          "0000:00:05.0 ");
    shows("\n0000:00:0a.0 1b36:000c PCI bridge, buses 07-07, feae9000 4 KiB\n0000:00:0b.0");
    shows("0000:00:1f.0 8086:2918 ISA bridge\n");
    assert_memory_equal(text, "0000:00:00.0 8086:29c0 host bridge\n", 35);
}

static void driver_and_failure_are_shown(void **state)
{
    static const struct pci_driver driver = { .name = "igb" };
    q35_load();
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    f->driver = &driver;
    show("show pci");
    shows("Ethernet controller, driver igb, fe800000");
    f->probe_error = -5;
    show("show pci");
    shows("driver igb (failed), fe800000");
    show("show pci 01:00.0");
    shows("  driver     igb (failed)\n");
}

static void vfs_are_shown_below_their_pf(void **state)
{
    static struct pcispace_device port;
    static struct made_pf pf;
    const char *why;
    memset(&port, 0, sizeof port);
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf, 0x10c9, 8, 16384);
    made_pf_add(&pf, &port, 0);
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_int_equal(pci_sriov_enable(f, 2, false, &why), 0);
    show("show pci");
    shows("\n  0000:01:00.0 8086:10c9 Ethernet controller, c0000000 128 KiB\n"
          "    0000:01:10.0 8086:10ca Ethernet controller, VF 0, c0100000 16 KiB, c0120000 16 KiB\n"
          "    0000:01:10.2 8086:10ca Ethernet controller, VF 1, c0104000 16 KiB, c0124000 16 "
          "KiB\n");
    show("show pci 01:10.2");
    shows("0000:01:10.2 8086:10ca Ethernet controller\n");
    shows("  VF         1 of 0000:01:00.0\n");
    show("show pci 01:00.0");
    shows("  VFs        2 in force, 8 of 8 have a place\n"
          "  VF BAR 0   memory c0100000 and on, 4000 for each\n"
          "  VF BAR 3   memory c0120000 and on, 4000 for each\n");
    shows("[160] SR-IOV: on, 2 of 8 VFs (initially 8), memory, ARI hierarchy\n");
    pci_sriov_disable(f);
    show("show pci 01:00.0");
    shows("[160] SR-IOV: off, its registers cannot be read within a second of that\n");
    show("show pci");
    assert_null(strstr(text, "VF 0"));
}

static void pf_whose_capability_lies_is_shown(void **state)
{
    static struct made_pf pf;
    made_pf_init(&pf, 0x10c9, 8, 16384);
    made_pf_set(&pf, PCI_SRIOV_INITIAL_VFS, 9, 2);
    made_pf_add(&pf, NULL, 0);
    pci_scan();
    show("show pci 00:00.0");
    shows("  VFs        none: InitialVFs is above TotalVFs\n");
}

static void without_functions_it_says_so(void **state)
{
    pci_scan();
    assert_int_equal(show("show pci"), 0);
    assert_string_equal(text, "no PCI functions\n");
}

static void function_that_is_not_there_is_an_error(void **state)
{
    q35_load();
    pci_scan();
    assert_true(show("show pci 00:03.0") < 0);
    shows("error: ");
    shows("no PCI function 00:03.0, expected one that `show pci` lists\n");
}

/* What lspci -vvv said of the same bytes. */
static void igb_is_decoded(void **state)
{
    q35_load();
    pci_scan();
    assert_int_equal(show("show pci 0000:01:00.0"), 0);
    shows("0000:01:00.0 8086:10c9 Ethernet controller\n  class      020000, revision 01\n"
          "  subsystem  1af4:1100\n  driver     none\n");
    shows("command    0503 I/O memory SERR INTx-off\n");
    shows("status     0010 capabilities\n");
    shows("BAR 0      memory fe800000-fe81ffff, 128 KiB\n");
    shows("BAR 2      I/O e000-e01f, 32 bytes\n");
    shows("BAR 3      memory fe840000-fe843fff, 16 KiB, 64-bit\n");
    shows("[40] power management: version 2, in D0\n");
    shows("[50] MSI: off, 1 of 1 vectors, 64-bit, maskable\n");
    shows("[70] MSI-X: on, 10 vectors, table BAR 3+0, pending BAR 3+2000\n");
    shows("[a0] PCI Express: endpoint, version 2, payload 128 of 128, read request 128, FLR, "
          "extended tags\n");
    shows("link 2.5 GT/s x1, at most 2.5 GT/s x1, port 0\n");
    shows("[100] advanced error reporting: uncorrectable none, correctable none\n");
    shows("[150] alternative routing ID: next function 0\n");
    shows("[160] SR-IOV: on, 7 of 8 VFs (initially 8), memory");
    shows("first VF offset 128, stride 2, device 10ca, page sizes 00000553, in use 00000001\n");
}

static void bridge_is_decoded(void **state)
{
    q35_load();
    pci_scan();
    show("show pci 00:04.0");
    shows("buses      primary 00, secondary 01, subordinate 01\n");
    shows("window     I/O e000-efff\n");
    shows("window     memory fe800000-fe9fffff\n");
    shows("window     prefetchable fd400000-fd5fffff\n");
    shows("[54] PCI Express: root port, version 2");
    shows("link 2.5 GT/s x1, at most 16 GT/s x32, port 0\n");
    shows("slot 1, hot-plug, empty\n");
    shows("ARI forwarding on\n");
    shows("[40] subsystem: 1b36:0000\n");
    shows("[148] access control services: can source-validation");
    shows("\n       does source-validation");
}

static void virtio_structures_are_decoded(void **state)
{
    q35_load();
    pci_scan();
    show("show pci 00:11.0");
    shows("[70] vendor-specific: 20 bytes, virtio notify (type 2), BAR 4+3000, size 1000\n");
    shows("BAR 4      memory fd60c000-fd60ffff, 16 KiB, 64-bit, prefetchable\n");
    show("show pci 05:00.0");
    shows("[148] address translation services: off, queue of 32");
    show("show pci 02:00.0");
    shows("[140] device serial number: 525400ffff123457\n");
}

/* PCIe 7.8.4: names of errors, and the header that goes with them. */
static void errors_are_named(void **state)
{
    q35_load();
    uint8_t *aer = q35_device(1, 0, 0)->config + 0x100;
    aer[PCI_AER_UNCORRECTABLE + 2] = 0x14;
    aer[PCI_AER_CORRECTABLE] = 0x41;
    aer[PCI_AER_HEADER_LOG + 3] = 0x4a;
    pci_scan();
    show("show pci 01:00.0");
    shows("uncorrectable malformed unsupported, correctable receiver bad-TLP\n"
          "       header 4a000000 00000000 00000000 00000000\n");
}

static void unplaced_bars_and_closed_windows_are_shown(void **state)
{
    q35_load();
    q35_unplace();
    pci_reset(); /* no windows */
    pci_scan();
    show("show pci");
    shows(", unplaced 4 KiB, unplaced 8 MiB\n");
    show("show pci 00:04.0");
    shows("BAR 0      memory unplaced, 4 KiB\n");
    shows("window     memory closed\n");
}

/* A function that was pulled out meanwhile. */
static void function_that_went_away_is_shown(void **state)
{
    q35_load();
    pci_scan();
    memset(q35_device(1, 0, 0)->config, 0xff, PCI_EXTENDED_SIZE);
    assert_int_equal(show("show pci 01:00.0"), 0);
    shows("command    ffff");
    assert_null(strstr(text, "[40]"));
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(tree_shows_functions_below_their_bridge),
        TEST(driver_and_failure_are_shown),
        TEST(vfs_are_shown_below_their_pf),
        TEST(pf_whose_capability_lies_is_shown),
        TEST(without_functions_it_says_so),
        TEST(function_that_is_not_there_is_an_error),
        TEST(igb_is_decoded),
        TEST(bridge_is_decoded),
        TEST(virtio_structures_are_decoded),
        TEST(errors_are_named),
        TEST(unplaced_bars_and_closed_windows_are_shown),
        TEST(function_that_went_away_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
