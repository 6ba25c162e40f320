/* pci/quiesce.c: what was left running keeps still, found through the ports alone. */
#include "tests/host/test.h"

#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"

#include <string.h>

#define FUNCTIONS 8u

static struct function {
    uint32_t bdf;
    uint8_t registers[64];
} functions[FUNCTIONS];
static unsigned count;
static uint32_t address;

static struct function *function_at(uint32_t bdf)
{
    for (unsigned i = 0; i < count; i++)
        if (functions[i].bdf == bdf)
            return &functions[i];
    return NULL;
}

static uint64_t port_read(void *ctx, uint64_t offset, unsigned size)
{
    uint32_t value = UINT32_MAX;
    if (offset < 4)
        return ctx ? address : UINT32_MAX;
    const struct function *f = function_at(address >> 8 & 0xffff);
    if (f && (address & 0x80000000))
        memcpy(&value, &f->registers[(address & 0x3c) + (offset & 3)], size);
    return value & UINT32_MAX >> (32 - 8 * size);
}

static void port_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    if (offset < 4) {
        address = (uint32_t)value;
        return;
    }
    struct function *f = function_at(address >> 8 & 0xffff);
    assert_non_null(f);
    memcpy(&f->registers[(address & 0x3c) + (offset & 3)], &value, size);
}

static void ports(bool answer)
{
    host_add_pio(
        &(struct host_window){ 0xcf8, 8, port_read, port_write, answer ? &address : NULL });
}

/* A function whose bus mastering and decoding are on. */
static struct function *add(unsigned bus, unsigned device, unsigned function, uint16_t class_code,
                            uint8_t header_type)
{
    struct function *f = &functions[count++];
    *f = (struct function){ .bdf = PCI_BDF(0, bus, device, function) };
    memcpy(f->registers, &(uint16_t){ 0x8086 }, 2);
    f->registers[PCI_COMMAND] = 0x07;
    memcpy(&f->registers[PCI_REVISION + 2], &class_code, 2);
    f->registers[PCI_HEADER_TYPE] = header_type;
    return f;
}

static bool is_still(const struct function *f)
{
    return f->registers[PCI_COMMAND] == 0x03;
}

static int set_up(void **state)
{
    host_reset();
    count = address = 0;
    ports(true);
    return 0;
}

static void endpoints_keep_still_and_bridges_go_on(void **state)
{
    const struct function *host = add(0, 0, 0, 0x0600, 0x80);
    const struct function *nic = add(0, 2, 0, 0x0200, 0);
    const struct function *second = add(0, 0, 3, 0x0c03, 0); /* function 0 says there are more */
    const struct function *hidden = add(0, 2, 1, 0x0200, 0); /* and this one's does not */
    assert_int_equal(pci_quiesce(), 2);
    assert_true(is_still(nic));
    assert_true(is_still(second));
    assert_false(is_still(host));
    assert_false(is_still(hidden));
    assert_int_equal(pci_quiesce(), 0);
}

/* Bridge 1.2 3.2.5.3: the bus behind it is the one that firmware wrote there. */
static void buses_behind_bridges_are_reached(void **state)
{
    struct function *bridge = add(0, 1, 0, 0x0604, 1), *deeper = add(4, 31, 0, 0x0604, 1);
    bridge->registers[PCI_SECONDARY_BUS] = 4;
    deeper->registers[PCI_SECONDARY_BUS] = 255;
    const struct function *near = add(4, 0, 0, 0x0200, 0), *far = add(255, 31, 0, 0x0200, 0);
    const struct function *elsewhere = add(7, 0, 0, 0x0200, 0);
    assert_int_equal(pci_quiesce(), 2);
    assert_true(is_still(near));
    assert_true(is_still(far));
    assert_false(is_still(elsewhere));
    assert_false(is_still(bridge));
}

/* A bridge that firmware did not number leads to its own bus, or to itself: no end of it. */
static void bridges_without_a_number_end_the_walk(void **state)
{
    add(0, 1, 0, 0x0604, 1);
    struct function *bridge = add(0, 2, 0, 0x0604, 1), *back = add(3, 0, 0, 0x0604, 1);
    bridge->registers[PCI_SECONDARY_BUS] = 3;
    back->registers[PCI_SECONDARY_BUS] = 3;
    assert_int_equal(pci_quiesce(), 0);
}

static void without_the_ports_nothing_is_touched(void **state)
{
    const struct function *nic = add(0, 2, 0, 0x0200, 0);
    host_reset();
    ports(false);
    assert_int_equal(pci_quiesce(), 0);
    assert_false(is_still(nic));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(endpoints_keep_still_and_bridges_go_on, set_up),
        cmocka_unit_test_setup(buses_behind_bridges_are_reached, set_up),
        cmocka_unit_test_setup(bridges_without_a_number_end_the_walk, set_up),
        cmocka_unit_test_setup(without_the_ports_nothing_is_touched, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
