/* How large BARs are, and who is asked (PCI 6.2.5.1). */
#include "tests/host/test.h"

#include "kernel/compiler.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/models/pci_tree.h"

#include <string.h>

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static void kinds_and_sizes_are_read(void **state)
{
    struct pcispace_device *d = pci_tree_device(0);
    pcispace_device_init(d, 0x1234, 1, 0x020000);
    d->bar[0] = (struct pcispace_bar){ .size = 4, .io = true };
    d->bar[1] = (struct pcispace_bar){ .size = 16 };
    d->bar[2] = (struct pcispace_bar){ .size = 8 * GIB, .is64 = true, .prefetchable = true };
    d->bar[4] = (struct pcispace_bar){ .size = MIB, .prefetchable = true };
    pcispace_add(d, NULL, 0, 0);
    pci_scan();
    const struct pci_bar *bar = pci_first()->bar;
    assert_true(bar[0].io && !bar[1].io);
    assert_int_equal(bar[0].size, 4);
    assert_int_equal(bar[1].size, 16);
    assert_false(bar[1].is64 || bar[1].prefetchable);
    assert_int_equal(bar[2].size, 8 * GIB);
    assert_true(bar[2].is64 && bar[2].prefetchable);
    assert_int_equal(bar[3].size, 0);
    assert_true(bar[4].prefetchable && !bar[4].is64);
    assert_int_equal(bar[5].size, 0);
}

/* The upper 16 bits of an I/O BAR may be hardwired to 0 (PCI 6.2.5.1). */
static void io_bar_of_16_bits_is_sized(void **state)
{
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_io32);
    pci_tree_put(d, PCI_BAR0 + 2, 0, 2);
    memset(d->writable + PCI_BAR0 + 2, 0, 2);
    pci_scan();
    assert_int_equal(pci_first()->bar[0].size, 32);
    assert_int_not_equal(pci_first()->bar[0].base, 0);
}

/* There are 64 KiB of I/O ports: beyond them is no place. */
static void io_bar_beyond_the_ports_is_unplaced(void **state)
{
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_io32);
    memset(d->writable + PCI_BAR0, 0, 2);
    pci_tree_put(d, PCI_BAR0, 0x00100001, 4);
    d->writable[PCI_BAR0 + 2] = 0xf0;
    d->writable[PCI_BAR0 + 3] = 0xff;
    pci_scan();
    assert_true(pci_first()->bar[0].io);
    assert_int_equal(pci_first()->bar[0].size, MIB);
    assert_int_equal(pci_first()->bar[0].base, 0);
}

/* A 64-bit BAR needs a second register; the last one has none. */
static void bar_of_64_bits_in_the_last_register_is_ignored(void **state)
{
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    pci_tree_put(d, PCI_BAR0 + 20, PCI_BAR_TYPE_64, 4);
    pci_tree_put(d, PCI_CAPABILITIES, 0, 4);
    memset(d->writable + PCI_BAR0 + 21, 0xff, 3);
    pci_scan();
    assert_int_equal(pci_first()->bar[5].size, 0);
}

static void reserved_memory_types_are_ignored(void **state)
{
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    d->config[PCI_BAR0] = 6;
    pci_scan();
    assert_int_equal(pci_first()->bar[0].size, 0);
}

/* Sizing must not make a BAR decode anywhere meanwhile (judged by tear_down). */
static void decoding_is_off_while_sizing_and_on_afterwards(void **state)
{
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    pci_tree_put(d, PCI_BAR0, 0xfebf0000, 4);
    d->config[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
    pci_scan();
    pci_look(pci_first());
    assert_int_equal(d->config[PCI_COMMAND], PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
    assert_int_equal(pci_first()->bar[0].base, 0xfebf0000);
}

static void count_write(void *ctx, uint16_t offset, unsigned size)
{
    ++*(unsigned *)ctx;
}

/* Each change of what a function decodes makes a hypervisor build its memory map anew. */
static void what_is_on_and_no_driver_wants_is_left_alone(void **state)
{
    unsigned writes = 0;
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    pci_tree_put(d, PCI_BAR0, 0xfebf0000, 4);
    d->config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
    d->config_written = count_write;
    d->ctx = &writes;
    pci_scan();
    assert_int_equal(writes, 0);
    pci_look(pci_first());
    assert_int_equal(pci_first()->bar[0].size, 4 * KIB);
    assert_int_equal(pci_first()->bar[0].base, 0xfebf0000);
    unsigned look = writes;
    pci_look(pci_first());
    assert_true(look && writes == look);
}

static void nothing_is_placed_over_what_was_left_alone(void **state)
{
    struct pcispace_device *on = pci_tree_endpoint(NULL, 0, pci_tree_mem4k),
                           *off = pci_tree_endpoint(NULL, 1, pci_tree_mem4k);
    pci_tree_put(on, PCI_BAR0, PCISPACE_MEMORY, 4);
    on->config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
    pci_scan();
    assert_int_equal(pci_tree_function(on)->bar[0].size, 4 * KIB);
    assert_int_equal(pci_tree_function(off)->bar[0].base, PCISPACE_MEMORY + 4 * KIB);
}

static unsigned asked;

static void add_window(void)
{
    asked++;
    pci_window_add(PCISPACE_MEMORY, PCISPACE_MEMORY_SIZE);
}

static void windows_are_asked_for_when_something_has_no_place(void **state)
{
    struct pcispace_device *on = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    pci_tree_put(on, PCI_BAR0, 0xfebf0000, 4);
    on->config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
    pci_reset();
    asked = 0;
    pci_windows_from(add_window);
    pci_scan();
    assert_int_equal(asked, 0);
    struct pcispace_device *off = pci_tree_endpoint(NULL, 1, pci_tree_mem4k);
    pci_scan();
    assert_int_equal(asked, 1);
    assert_int_equal(pci_tree_function(off)->bar[0].base, PCISPACE_MEMORY);
    pci_scan();
    assert_int_equal(asked, 1);
}

/* Whoever enables what lies behind turns on the bridge's other kind as well. */
static void bridge_that_is_half_on_is_looked_at(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        pcispace_bridge_init(pci_tree_device(i), 0x1234, 1);
        pci_tree_device(i)->bar[0] = pci_tree_mem4k;
        pci_tree_put(pci_tree_device(i), PCI_BAR0, PCISPACE_MEMORY + i * MIB, 4);
        pcispace_add(pci_tree_device(i), NULL, i, 0);
    }
    pci_tree_device(0)->config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
    pci_tree_device(1)->config[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
    pci_scan();
    assert_int_equal(pci_tree_function(pci_tree_device(0))->bar[0].size, 4 * KIB);
    assert_int_equal(pci_tree_function(pci_tree_device(1))->bar[0].size, 0);
}

/* PCI 6.2.5.2: an enabled ROM may share the decoder. */
static void rom_is_switched_off(void **state)
{
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    pci_tree_put(d, PCI_ROM_BAR, 0xfeb00001, 4);
    memset(d->writable + PCI_ROM_BAR, 0xff, 4);
    pci_scan();
    assert_int_equal(d->config[PCI_ROM_BAR] & PCI_ROM_ENABLE, 0);
    assert_int_equal(d->config[PCI_ROM_BAR + 3], 0xfe);
}

static void host_bridges_are_left_alone(void **state)
{
    struct pcispace_device *d = pci_tree_device(0);
    pcispace_device_init(d, 0x8086, 1, 0x060000);
    d->bar[0] = pci_tree_mem4k;
    pcispace_add(d, NULL, 0, 0);
    pci_scan();
    assert_int_equal(pci_first()->bar[0].size, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, pci_tree_set_up, pci_tree_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(kinds_and_sizes_are_read),
        TEST(io_bar_of_16_bits_is_sized),
        TEST(io_bar_beyond_the_ports_is_unplaced),
        TEST(bar_of_64_bits_in_the_last_register_is_ignored),
        TEST(reserved_memory_types_are_ignored),
        TEST(decoding_is_off_while_sizing_and_on_afterwards),
        TEST(what_is_on_and_no_driver_wants_is_left_alone),
        TEST(nothing_is_placed_over_what_was_left_alone),
        TEST(windows_are_asked_for_when_something_has_no_place),
        TEST(bridge_that_is_half_on_is_looked_at),
        TEST(rom_is_switched_off),
        TEST(host_bridges_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
