/* access.c - the two ways to configuration space on a PC.
 *
 * ECAM (PCIe 7.2.2): memory-mapped, 4096 bytes a function, the windows named by
 * ACPI's MCFG table.  CF8/CFC (PCI 3.2.2.3.2): two I/O ports, 256 bytes,
 * segment 0.  A bus that no window covers is reached through the ports. */
#include "pci/pci_internal.h"

#include "kernel/acpi.h"
#include "kernel/log.h"
#include "kernel/mmio.h"

#include <errno.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE 0x80000000u
#define WINDOWS_MAX 16u
#define BUS_SHIFT 20 /* PCIe 7.2.2: one MiB a bus */

struct window {
    uint8_t *registers; /* of first_bus */
    uint16_t segment;
    uint8_t first_bus, last_bus;
};

static struct window windows[WINDOWS_MAX];
static unsigned window_count;

/* The registers of a function; NULL: not behind a window. */
static uint8_t *ecam_function(uint32_t bdf)
{
    for (unsigned i = 0; i < window_count; i++) {
        const struct window *w = &windows[i];
        if (w->segment == PCI_SEGMENT(bdf) && PCI_BUS(bdf) >= w->first_bus &&
            PCI_BUS(bdf) <= w->last_bus)
            return w->registers + (((bdf & 0xffff) - (w->first_bus << 8)) << 12);
    }
    return NULL;
}

static bool ports_reach(uint32_t bdf, uint16_t offset)
{
    return !PCI_SEGMENT(bdf) && offset < PCI_CONFIG_SIZE;
}

static uint16_t ports_select(uint32_t bdf, uint16_t offset)
{
    pio_write32(CONFIG_ADDRESS, CONFIG_ENABLE | (bdf & 0xffff) << 8 | (offset & 0xfcu));
    return (uint16_t)(CONFIG_DATA + (offset & 3));
}

static uint32_t ports_read(uint32_t bdf, uint16_t offset, unsigned size)
{
    if (!ports_reach(bdf, offset))
        return ~0u;
    uint16_t port = ports_select(bdf, offset);
    return size == 4 ? pio_read32(port) : size == 2 ? pio_read16(port) : pio_read8(port);
}

static void ports_write(uint32_t bdf, uint16_t offset, unsigned size, uint32_t value)
{
    if (!ports_reach(bdf, offset))
        return;
    uint16_t port = ports_select(bdf, offset);
    if (size == 4)
        pio_write32(port, value);
    else if (size == 2)
        pio_write16(port, (uint16_t)value);
    else
        pio_write8(port, (uint8_t)value);
}

static uint32_t ecam_read(uint32_t bdf, uint16_t offset, unsigned size)
{
    const uint8_t *f = ecam_function(bdf);
    if (!f)
        return ports_read(bdf, offset, size);
    f += offset;
    return size == 4 ? mmio_read32(f) : size == 2 ? mmio_read16(f) : mmio_read8(f);
}

static void ecam_write(uint32_t bdf, uint16_t offset, unsigned size, uint32_t value)
{
    uint8_t *f = ecam_function(bdf);
    if (!f)
        ports_write(bdf, offset, size, value);
    else if (size == 4)
        mmio_write32(f + offset, value);
    else if (size == 2)
        mmio_write16(f + offset, (uint16_t)value);
    else
        mmio_write8(f + offset, (uint8_t)value);
}

static const struct pci_access ecam_access = {
    .name = "ECAM", .read = ecam_read, .write = ecam_write, .config_size = PCI_EXTENDED_SIZE
};
static const struct pci_access ports_access = {
    .name = "CF8/CFC", .read = ports_read, .write = ports_write, .config_size = PCI_CONFIG_SIZE
};

static void window_open(const struct acpi_mcfg_window *from)
{
    unsigned buses = from->last_bus - from->first_bus + 1u;
    uint64_t base = from->base + ((uint64_t)from->first_bus << BUS_SHIFT);
    if (from->last_bus < from->first_bus || !from->base)
        return;
    uint8_t *registers = mmio_map(base, (uint64_t)buses << BUS_SHIFT);
    if (!registers) {
        log_warning("pci: no room to map configuration space of segment %u", from->segment);
        return;
    }
    windows[window_count++] = (struct window){ .registers = registers,
                                               .segment = from->segment,
                                               .first_bus = from->first_bus,
                                               .last_bus = from->last_bus };
}

/* The address register holds what is written to it (PCI 3.2.2.3.2): if not,
 * nobody decodes the ports. */
static bool ports_answer(void)
{
    uint32_t before = pio_read32(CONFIG_ADDRESS);
    pio_write32(CONFIG_ADDRESS, CONFIG_ENABLE);
    bool held = pio_read32(CONFIG_ADDRESS) == CONFIG_ENABLE;
    pio_write32(CONFIG_ADDRESS, before);
    return held;
}

int pci_init(void)
{
    struct acpi_mcfg_window mcfg[WINDOWS_MAX];
    unsigned n = acpi_mcfg(mcfg, WINDOWS_MAX);
    window_count = 0;
    for (unsigned i = 0; i < n && i < WINDOWS_MAX; i++)
        window_open(&mcfg[i]);
    if (!window_count && !ports_answer()) {
        log_error("pci: neither MCFG nor the CF8/CFC ports: no devices");
        return -ENODEV;
    }
    pci_set_access(window_count ? &ecam_access : &ports_access);
    return 0;
}

/* Which buses may be root buses: all that a window covers, or all 256. */
bool pci_bus_reachable(uint32_t bdf)
{
    return !PCI_SEGMENT(bdf) || ecam_function(bdf);
}

unsigned pci_segments(uint16_t *segments, unsigned n)
{
    unsigned count = 1;
    segments[0] = 0;
    for (unsigned i = 0; i < window_count; i++) {
        bool known = false;
        for (unsigned s = 0; s < count; s++)
            known |= segments[s] == windows[i].segment;
        if (!known && count < n)
            segments[count++] = windows[i].segment;
    }
    return count;
}
