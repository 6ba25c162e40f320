/* Capability lists: PCI 6.7, PCIe 7.6.3, and what a device may have made of them. */
#include "tests/host/test.h"

#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/models/q35_recording.h"

#include <string.h>

static struct pcispace_device device;
static struct pci_function *f;

static int set_up(void **state)
{
    host_reset();
    pcispace_reset();
    memset(&device, 0, sizeof device);
    pcispace_device_init(&device, 0x1234, 1, 0x020000);
    device.config_size = PCI_EXTENDED_SIZE;
    device.config[PCI_STATUS] = PCI_STATUS_CAPABILITIES;
    pcispace_add(&device, NULL, 0, 0);
    return 0;
}

static int tear_down(void **state)
{
    pci_reset();
    pci_set_access(NULL);
    return 0;
}

static void capability(uint16_t at, uint8_t id, uint8_t next)
{
    device.config[at] = id;
    device.config[at + 1] = next;
}

static void extended(uint16_t at, uint16_t id, uint16_t next)
{
    uint32_t head = (uint32_t)next << 20 | 1u << 16 | id;
    for (unsigned i = 0; i < 4; i++)
        device.config[at + i] = (uint8_t)(head >> 8 * i);
}

static void scan(void)
{
    pci_scan();
    f = pci_first();
    f->config_size = PCI_EXTENDED_SIZE; /* whether it says PCI Express or not */
}

static unsigned walk(bool in_extended)
{
    struct pci_walk w = { .f = f, .extended = in_extended };
    unsigned n = 0;
    while (pci_walk_next(&w)) {
        assert_true(w.offset >= (in_extended ? 0x100 : 0x40));
        assert_int_equal(w.offset & 3, 0);
        n++;
    }
    return n;
}

static void recorded_lists_are_walked(void **state)
{
    pcispace_reset();
    q35_load();
    pci_scan();
    f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_int_equal(walk(false), 4);
    assert_int_equal(walk(true), 3);
    assert_int_equal(pci_find_capability(f, PCI_CAP_MSIX, 0), 0x70);
    assert_int_equal(f->msix, 0x70);
    assert_int_equal(f->express, 0xa0);
    assert_int_equal(f->power, pci_find_capability(f, PCI_CAP_POWER, 0));
    assert_int_equal(f->msi, pci_find_capability(f, PCI_CAP_MSI, 0));
    assert_int_equal(pci_find_extended_capability(f, PCI_EXT_SRIOV, 0), 0x160);
    assert_int_equal(pci_find_extended_capability(f, PCI_EXT_DSN, 0), 0);
}

/* Five of the same kind, as virtio has them. */
static void next_of_the_same_kind_is_found(void **state)
{
    pcispace_reset();
    q35_load();
    pci_scan();
    f = pci_find(PCI_BDF(0, 0, 0x11, 0));
    const uint16_t at[] = { 0x84, 0x70, 0x60, 0x50, 0x40, 0 };
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(pci_find_capability(f, PCI_CAP_VENDOR, i ? at[i - 1] : 0), at[i]);
}

/* PCI 6.2.3: without bit 4 of the status register there is no list. */
static void list_needs_its_status_bit(void **state)
{
    device.config[PCI_STATUS] = 0;
    device.config[PCI_CAPABILITIES] = 0x40;
    capability(0x40, PCI_CAP_MSI, 0);
    scan();
    assert_int_equal(walk(false), 0);
    assert_int_equal(pci_find_capability(f, PCI_CAP_MSI, 0), 0);
}

static void loops_end(void **state)
{
    device.config[PCI_CAPABILITIES] = 0x40;
    capability(0x40, PCI_CAP_MSI, 0x50);
    capability(0x50, PCI_CAP_VENDOR, 0x60);
    capability(0x60, PCI_CAP_VENDOR, 0x40);
    extended(0x100, PCI_EXT_AER, 0x200);
    extended(0x200, PCI_EXT_ACS, 0x100);
    scan();
    assert_int_equal(walk(false), 3);
    assert_int_equal(walk(true), 2);
    assert_int_equal(pci_find_capability(f, PCI_CAP_VENDOR, 0), 0x50);
    assert_int_equal(pci_find_capability(f, PCI_CAP_VENDOR, 0x50), 0x60);
    assert_int_equal(pci_find_capability(f, PCI_CAP_VENDOR, 0x60), 0);
    assert_int_equal(pci_find_extended_capability(f, PCI_EXT_AER, 0x200), 0);
}

static void capability_that_is_its_own_next_ends_the_list(void **state)
{
    device.config[PCI_CAPABILITIES] = 0x40;
    capability(0x40, PCI_CAP_MSI, 0x40);
    extended(0x100, PCI_EXT_AER, 0x100);
    scan();
    assert_int_equal(walk(false), 1);
    assert_int_equal(walk(true), 1);
    assert_int_equal(pci_find_capability(f, PCI_CAP_MSI, 0x40), 0);
}

/* PCI 6.7: the low two bits are reserved and masked. */
static void unaligned_pointers_are_masked(void **state)
{
    device.config[PCI_CAPABILITIES] = 0x43;
    capability(0x40, PCI_CAP_MSI, 0x52);
    capability(0x50, PCI_CAP_VENDOR, 0);
    extended(0x100, PCI_EXT_AER, 0x203);
    extended(0x200, PCI_EXT_ACS, 0);
    scan();
    assert_int_equal(pci_find_capability(f, PCI_CAP_VENDOR, 0), 0x50);
    assert_int_equal(pci_find_extended_capability(f, PCI_EXT_ACS, 0), 0x200);
}

/* Below 40h and 100h lies what is no capability. */
static void pointers_into_the_header_end_the_list(void **state)
{
    device.config[PCI_CAPABILITIES] = 0x40;
    capability(0x40, PCI_CAP_MSI, 0x3c);
    device.config[0x3c] = PCI_CAP_VENDOR;
    extended(0x100, PCI_EXT_AER, 0x40);
    scan();
    assert_int_equal(walk(false), 1);
    assert_int_equal(walk(true), 1);
    device.config[PCI_CAPABILITIES] = 0x10;
    assert_int_equal(walk(false), 0);
}

/* What was pulled out reads as ones. */
static void all_ones_end_the_list(void **state)
{
    device.config[PCI_CAPABILITIES] = 0x40;
    capability(0x40, PCI_CAP_MSI, 0x50);
    capability(0x50, 0xff, 0xff);
    extended(0x100, PCI_EXT_AER, 0x200);
    memset(device.config + 0x200, 0xff, 4);
    scan();
    assert_int_equal(walk(false), 1);
    assert_int_equal(walk(true), 1);
    memset(device.config, 0xff, sizeof device.config);
    assert_int_equal(walk(false), 0);
    assert_int_equal(walk(true), 0);
    assert_int_equal(pci_find_capability(f, 0xff, 0), 0);
}

/* A list of all 48 and all 960 places there are. */
static void longest_lists_are_walked_whole(void **state)
{
    device.config[PCI_CAPABILITIES] = 0x40;
    for (unsigned at = 0x40; at < 0x100; at += 4)
        capability((uint16_t)at, PCI_CAP_VENDOR, (uint8_t)(at + 4));
    for (unsigned at = 0x100; at < 0x1000; at += 4)
        extended((uint16_t)at, PCI_EXT_ACS, (at + 4) & 0xfff);
    scan();
    assert_int_equal(walk(false), 48);
    assert_int_equal(walk(true), 960);
}

/* PCIe 7.6.2: ID and next of 0 at 100h say that there is none. */
static void empty_extended_list_is_empty(void **state)
{
    scan();
    assert_int_equal(walk(true), 0);
}

static void extended_list_needs_extended_space(void **state)
{
    extended(0x100, PCI_EXT_AER, 0);
    scan();
    f->config_size = PCI_CONFIG_SIZE;
    assert_int_equal(walk(true), 0);
}

/* Config space ends where it ends, for the widest read at its last byte too. */
static void reads_beyond_the_space_are_ones(void **state)
{
    scan();
    f->config_size = PCI_CONFIG_SIZE;
    assert_int_equal(pci_read32(f, 0xfc), 0);
    assert_int_equal(pci_read32(f, 0xfe), UINT32_MAX);
    assert_int_equal(pci_read16(f, 0x100), UINT16_MAX);
    assert_int_equal(pci_read8(f, UINT16_MAX), UINT8_MAX);
    device.writable[0x100] = 0xff;
    pci_write8(f, 0x100, 0x55);
    assert_int_equal(device.config[0x100], 0);
}

/* Text ----------------------------------------------------------------------------- */

static void bdf_texts_are_parsed_whole_or_not(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint32_t bdf;
    } rows[] = {
        { "0000:01:00.0", true, 0x100 },
        { "01:00.0", true, 0x100 },
        { "ffff:FF:1f.7", true, ~0u },
        { "00:1F.3", true, 0xfb },
        { "00:20.0", false, 0 },
        { "00:00.8", false, 0 },
        { "00:00.", false, 0 },
        { "00:00", false, 0 },
        { "00.00.0", false, 0 },
        { "00000:00:00.0", false, 0 },
        { "000:00.0", false, 0 },
        { "00:00.0 ", false, 0 },
        { " 00:00.0", false, 0 },
        { "00:00.0x", false, 0 },
        { "", false, 0 },
        { ":", false, 0 },
        { "0000:00:00:0", false, 0 },
        { "0000:00:00.00", false, 0 },
        { "-1:00.0", false, 0 },
        { "zz:00.0", false, 0 },
        { "0000:0000:01:00.0", false, 0 },
        { "::", false, 0 },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t bdf = 0;
        assert_int_equal(pci_bdf_parse(rows[i].text, &bdf), rows[i].good);
        if (rows[i].good)
            assert_int_equal(bdf, rows[i].bdf);
    }
}

static void bdf_is_printed_as_it_is_parsed(void **state)
{
    char text[PCI_BDF_LEN];
    uint32_t bdf;
    pci_bdf_format(0xabcd12fb, text);
    assert_string_equal(text, "abcd:12:1f.3");
    assert_true(pci_bdf_parse(text, &bdf));
    assert_int_equal(bdf, 0xabcd12fb);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(recorded_lists_are_walked),
        TEST(next_of_the_same_kind_is_found),
        TEST(list_needs_its_status_bit),
        TEST(loops_end),
        TEST(capability_that_is_its_own_next_ends_the_list),
        TEST(unaligned_pointers_are_masked),
        TEST(pointers_into_the_header_end_the_list),
        TEST(all_ones_end_the_list),
        TEST(longest_lists_are_walked_whole),
        TEST(empty_extended_list_is_empty),
        TEST(extended_list_needs_extended_space),
        TEST(reads_beyond_the_space_are_ones),
        TEST(bdf_texts_are_parsed_whole_or_not),
        TEST(bdf_is_printed_as_it_is_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
