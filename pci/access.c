/* access.c - configuration space on the machine: ECAM and ports CF8/CFC.
 *
 * ECAM (PCIe 7.2.2) is memory; the MCFG table (PCI Firmware 3.3 4.1.2) says
 * where, for which buses of which segment.  What it does not cover is reached,
 * in segment 0 and with 256 bytes a function, through the ports (PCI 3.2.2.3.2).
 * unread in this file: PCIe, PCI, PCI Firmware. */
#include "kernel/acpi.h"
#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "pci/pci_internal.h"

#include <errno.h>
#include <inttypes.h>

#define WINDOWS_MAX 16u
#define BUS_SIZE 0x100000ull /* 32 devices, 8 functions, 4 KiB each */
#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_ENABLE 0x80000000u
#define CONFIG_REGISTER 0xfcu
#define CONFIG_DATA 0xcfcu
#define PORT_SPACE 256u

static struct {
    struct acpi_mcfg_window window;
    uint8_t *registers; /* of the window's first bus */
} ecams[WINDOWS_MAX];
static unsigned ecam_count;
static bool ports_answer;
static struct acpi_host_bridges host_bridges;

/* Ports ------------------------------------------------------------------------ */

static void port_select(uint32_t bdf, uint16_t offset)
{
    pio_write32(CONFIG_ADDRESS, CONFIG_ENABLE | (bdf & 0xffff) << 8 | (offset & CONFIG_REGISTER));
}

static uint32_t port_read(uint32_t bdf, uint16_t offset, unsigned size)
{
    uint16_t data = CONFIG_DATA + (offset & 3);
    if (!ports_answer || PCI_SEGMENT(bdf) || offset >= PORT_SPACE)
        return UINT32_MAX;
    port_select(bdf, offset);
    return size == 4 ? pio_read32(data) : size == 2 ? pio_read16(data) : pio_read8(data);
}

static void port_write(uint32_t bdf, uint16_t offset, unsigned size, uint32_t value)
{
    uint16_t data = CONFIG_DATA + (offset & 3);
    if (!ports_answer || PCI_SEGMENT(bdf) || offset >= PORT_SPACE)
        return;
    port_select(bdf, offset);
    if (size == 4)
        pio_write32(data, value);
    else if (size == 2)
        pio_write16(data, (uint16_t)value);
    else
        pio_write8(data, (uint8_t)value);
}

/* Configuration mechanism 1 is there when its address register keeps what is
 * written to it. */
static bool ports_are_there(void)
{
    uint32_t was = pio_read32(CONFIG_ADDRESS);
    pio_write32(CONFIG_ADDRESS, CONFIG_ENABLE);
    bool there = pio_read32(CONFIG_ADDRESS) == CONFIG_ENABLE;
    pio_write32(CONFIG_ADDRESS, was);
    return there;
}

/* ECAM ------------------------------------------------------------------------- */

static uint8_t *ecam_register(uint32_t bdf, uint16_t offset)
{
    for (unsigned i = 0; i < ecam_count; i++) {
        const struct acpi_mcfg_window *w = &ecams[i].window;
        if (PCI_SEGMENT(bdf) == w->segment && PCI_BUS(bdf) >= w->first_bus &&
            PCI_BUS(bdf) <= w->last_bus)
            return ecams[i].registers + (PCI_BUS(bdf) - w->first_bus) * BUS_SIZE +
                   ((bdf & 0xff) << 12) + offset;
    }
    return NULL;
}

static uint32_t ecam_read(uint32_t bdf, uint16_t offset, unsigned size)
{
    const uint8_t *reg = ecam_register(bdf, offset);
    if (!reg)
        return port_read(bdf, offset, size);
    return size == 4 ? mmio_read32(reg) : size == 2 ? mmio_read16(reg) : mmio_read8(reg);
}

static void ecam_write(uint32_t bdf, uint16_t offset, unsigned size, uint32_t value)
{
    uint8_t *reg = ecam_register(bdf, offset);
    if (!reg)
        port_write(bdf, offset, size, value);
    else if (size == 4)
        mmio_write32(reg, value);
    else if (size == 2)
        mmio_write16(reg, (uint16_t)value);
    else
        mmio_write8(reg, (uint8_t)value);
}

/* A table may describe a window that the chipset was never told of.  Where the
 * ports reach the same function, both ways must find it. */
static bool ecam_is_true(const struct acpi_mcfg_window *w, const uint8_t *registers)
{
    if (!ports_answer || w->segment)
        return true;
    uint32_t by_port = port_read(PCI_BDF(0, w->first_bus, 0, 0), PCI_VENDOR_ID, 4);
    return mmio_read32(registers) == by_port;
}

static void ecam_add(const struct acpi_mcfg_window *w)
{
    uint64_t base = w->base + w->first_bus * BUS_SIZE;
    uint64_t size = (w->last_bus - w->first_bus + 1u) * BUS_SIZE;
    uint8_t *registers = mmio_map(base, size);
    bool use = registers && ecam_is_true(w, registers);

    pci_window_reserve(base, size);
    if (use) {
        ecams[ecam_count].window = *w;
        ecams[ecam_count++].registers = registers;
    } else {
        log_warning("pci: ECAM of segment %u, buses %u-%u at %" PRIx64 " %s: not used", w->segment,
                    w->first_bus, w->last_bus, base,
                    registers ? "does not show what the ports show" : "cannot be mapped");
    }
}

/* Which way -------------------------------------------------------------------- */

static struct pci_bus_range ranges[WINDOWS_MAX + 1];
static struct pci_access access_of_machine = {
    .name = "CF8/CFC", .read = port_read, .write = port_write, .ranges = ranges
};

const struct pci_access *pci_ports(void)
{
    static const struct pci_access ports = { .name = "CF8/CFC",
                                             .read = port_read,
                                             .write = port_write };
    ports_answer = ports_are_there();
    return ports_answer ? &ports : NULL;
}

/* Segment 0 is one range wherever the ports reach: what ECAM leaves out of it is theirs. */
static unsigned ranges_fill(void)
{
    unsigned n = 0;
    if (ports_answer)
        ranges[n++] = (struct pci_bus_range){ .segment = 0, .first = 0, .last = 255 };
    for (unsigned i = 0; i < ecam_count; i++) {
        const struct acpi_mcfg_window *w = &ecams[i].window;
        if (w->segment || !ports_answer)
            ranges[n++] = (struct pci_bus_range){ w->segment, w->first_bus, w->last_bus };
    }
    return n;
}

/* microvm has neither the ports nor an MCFG table, but a _CBA. */
static void ecams_find(void)
{
    struct acpi_mcfg_window windows[WINDOWS_MAX];
    unsigned count = acpi_mcfg(windows, WINDOWS_MAX);

    if (!count && host_bridges.ecam && host_bridges.ecam % BUS_SIZE == 0) {
        windows[0] = (struct acpi_mcfg_window){ .base = host_bridges.ecam, .last_bus = 255 };
        count = 1;
    }
    ecam_count = 0;
    for (unsigned i = 0; i < count; i++)
        ecam_add(&windows[i]);
}

int pci_init(void)
{
    acpi_host_bridges(&host_bridges);
    ports_answer = ports_are_there();
    ecams_find();
    pci_set_access(NULL);
    access_of_machine.range_count = ranges_fill();
    if (!access_of_machine.range_count) {
        log_warning("pci: no way to configuration space: neither MCFG nor ports CF8/CFC");
        return -ENODEV;
    }
    if (ecam_count) {
        access_of_machine.name = ports_answer ? "ECAM and CF8/CFC" : "ECAM";
        access_of_machine.read = ecam_read;
        access_of_machine.write = ecam_write;
    } else {
        access_of_machine.name = "CF8/CFC";
        access_of_machine.read = port_read;
        access_of_machine.write = port_write;
    }
    access_of_machine.root_buses = host_bridges.all_known ? host_bridges.root_buses : NULL;
    access_of_machine.config_size = ecam_count ? 4096 : PORT_SPACE;
    pci_set_access(&access_of_machine);
    return 0;
}
