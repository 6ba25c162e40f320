/* pcispace.c - a PCI tree for tests (pcispace.h). */
#include "tests/models/pcispace.h"

#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/models/pcispace_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES_MAX 1024u

static struct pcispace_device *devices[DEVICES_MAX];
static unsigned device_count;

/* Where the last access to a register went.  It goes there again while that still decodes and
 * nobody's configuration space was written, so that two who decode one address are found. */
static struct {
    struct pcispace_device *device; /* NULL: look for it */
    unsigned bar;
} last;

/* Configuration space --------------------------------------------------------- */

/* A VF's bus may lie beyond its PF's: the bridges above have to lead there as well. */
static bool vf_reached(const struct pcispace_device *pf, unsigned bus)
{
    for (const struct pcispace_device *b = pf->bridge; b; b = b->bridge)
        if (bus < b->config[PCI_SECONDARY_BUS] || bus > b->config[PCI_SUBORDINATE_BUS])
            return false;
    return true;
}

/* Routing ID of a function that another one made, PCIe 9.2.1.2; -1: not to be reached. */
static int vf_routing_id(const struct pcispace_device *d)
{
    int bus = pcispace_bus(d->pf);
    unsigned rid = (unsigned)bus * 256 + d->pf->devfn + d->routing_offset;
    return bus < 0 || rid > 0xffff || !vf_reached(d->pf, rid >> 8) ? -1 : (int)rid;
}

/* A bridge whose secondary bus it is turns the access into one on that bus; every
 * bridge above must pass it on (Bridge 3.1.2.1). */
static bool reached(const struct pcispace_device *d, unsigned bus)
{
    if (!d->bridge)
        return d->root_bus == bus;
    if (!bus || d->bridge->config[PCI_SECONDARY_BUS] != bus)
        return false;
    for (const struct pcispace_device *b = d->bridge; b; b = b->bridge) {
        bool passes_on = b == d->bridge || b->config[PCI_SECONDARY_BUS] < bus;
        if (!passes_on || bus > b->config[PCI_SUBORDINATE_BUS])
            return false;
    }
    return true;
}

int pcispace_bus(const struct pcispace_device *d)
{
    if (d->pf)
        return vf_routing_id(d) < 0 ? -1 : vf_routing_id(d) >> 8;
    unsigned bus = d->bridge ? d->bridge->config[PCI_SECONDARY_BUS] : d->root_bus;
    return reached(d, bus) ? (int)bus : -1;
}

static uint8_t devfn(const struct pcispace_device *d)
{
    return d->pf ? (uint8_t)vf_routing_id(d) : d->devfn;
}

static bool answers(const struct pcispace_device *d)
{
    return !d->answers || d->answers(d->ctx);
}

static bool is_at(const struct pcispace_device *d, uint32_t bdf)
{
    if (d->pf)
        return (uint8_t)(d->pf->devfn + d->routing_offset) == (uint8_t)bdf &&
               d->pf->segment == PCI_SEGMENT(bdf) && vf_routing_id(d) == (int)(bdf & 0xffff);
    return d->segment == PCI_SEGMENT(bdf) && d->devfn == (bdf & 0xff) && reached(d, PCI_BUS(bdf));
}

static struct pcispace_device *find(uint32_t bdf)
{
    for (unsigned i = 0; i < device_count; i++)
        if (is_at(devices[i], bdf) && answers(devices[i]))
            return devices[i];
    return NULL;
}

static unsigned reads, violations;

unsigned pcispace_reads(void)
{
    return reads;
}

unsigned pcispace_violations(void)
{
    return violations;
}

static uint64_t bar_base(const struct pcispace_device *d, unsigned i)
{
    if (d->bar_at)
        return d->bar_at(d->ctx, i);
    uint32_t low, high = 0; /* at once, not by octets: each access to a register comes here */
    memcpy(&low, d->config + PCI_BAR0 + 4 * i, sizeof low);
    if (d->bar[i].is64)
        memcpy(&high, d->config + PCI_BAR0 + 4 * (i + 1), sizeof high);
    return (uint64_t)high << 32 | (low & ~(d->bar[i].io ? PCI_BAR_IO_FLAGS : PCI_BAR_MEMORY_FLAGS));
}

static bool decodes(const struct pcispace_device *d, unsigned i)
{
    unsigned bit = d->bar[i].io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    if (d->bar_at)
        return d->bar[i].size && bar_base(d, i) && answers(d);
    return d->bar[i].size && (d->config[PCI_COMMAND] & bit);
}

static void violation(const struct pcispace_device *d, unsigned bar, const char *what)
{
    fprintf(stderr, "pcispace: %02x.%u BAR %u %s\n", d->devfn >> 3, d->devfn & 7, bar, what);
    violations++;
}

static void judge_write(const struct pcispace_device *d, uint16_t offset)
{
    if (d->bar_at)
        return;
    for (unsigned i = 0; i < 6; i++) {
        unsigned at = PCI_BAR0 + 4 * i, end = at + (d->bar[i].is64 ? 8 : 4);
        if (decodes(d, i) && offset >= at && offset < end)
            violation(d, i, "changed while it decodes");
        if (decodes(d, i) && offset == PCI_COMMAND && !bar_base(d, i))
            violation(d, i, "decodes at address 0");
    }
}

static uint32_t config_read(uint32_t bdf, uint16_t offset, unsigned size)
{
    const struct pcispace_device *d = find(bdf);
    reads++;
    if (!d || offset + size > d->config_size)
        return 0xffffffffu >> (32 - 8 * size);
    return (uint32_t)config_get(d->config + offset, size);
}

static void config_write(uint32_t bdf, uint16_t offset, unsigned size, uint32_t value)
{
    struct pcispace_device *d = find(bdf);
    if (!d || offset + size > d->config_size)
        return;
    last.device = NULL;
    config_write_masked(d, offset, size, value);
    judge_write(d, offset);
    if (d->config_written)
        d->config_written(d->ctx, offset, size);
}

#define SEGMENTS 4u

static const struct pci_bus_range ranges[SEGMENTS] = {
    { 0, 0, 255 }, { 1, 0, 255 }, { 2, 0, 255 }, { 3, 0, 255 }
};
static uint8_t root_buses[256 / 8]; /* one bit a bus that has a device */
static struct pci_access access = { .name = "test",
                                    .read = config_read,
                                    .write = config_write,
                                    .config_size = PCI_EXTENDED_SIZE,
                                    .ranges = ranges };

const struct pci_access *pcispace_access(void)
{
    return &access;
}

void pcispace_tell_root_buses(bool on)
{
    access.root_buses = on ? root_buses : NULL;
}

/* Registers --------------------------------------------------------------------- */

static bool in_window(const struct pcispace_device *b, uint64_t at, bool io)
{
    const uint8_t *c = b->config;
    if (io)
        return at >> 12 >= c[PCI_IO_BASE] >> 4 && at >> 12 <= c[PCI_IO_LIMIT] >> 4;
    uint64_t upper = config_get(c + PCI_PREFETCH_BASE_HIGH, 4) << 12,
             upper_last = config_get(c + PCI_PREFETCH_LIMIT_HIGH, 4) << 12;
    return (at >> 20 >= config_get(c + PCI_MEMORY_BASE, 2) >> 4 &&
            at >> 20 <= config_get(c + PCI_MEMORY_LIMIT, 2) >> 4) ||
           (at >> 20 >= (upper | config_get(c + PCI_PREFETCH_BASE, 2) >> 4) &&
            at >> 20 <= (upper_last | config_get(c + PCI_PREFETCH_LIMIT, 2) >> 4));
}

static bool forwarded(const struct pcispace_device *d, uint64_t at, bool io)
{
    unsigned bit = io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    for (const struct pcispace_device *b = d->pf ? d->pf->bridge : d->bridge; b; b = b->bridge)
        if (!(b->config[PCI_COMMAND] & bit) || !in_window(b, at, io))
            return false;
    return true;
}

/* *offset: in that BAR. */
static bool takes(const struct pcispace_device *d, unsigned i, uint64_t at, bool io,
                  uint64_t *offset)
{
    if (!d->bar[i].size || d->bar[i].io != io || !decodes(d, i))
        return false;
    *offset = at - bar_base(d, i);
    return *offset < d->bar[i].size && forwarded(d, at, io);
}

/* Two at once is a placing error. */
static void look_for_decoder(uint64_t at, bool io, uint64_t *offset)
{
    uint64_t here;
    last.device = NULL;
    for (unsigned n = 0; n < device_count; n++)
        for (unsigned i = 0; i < 6; i++) {
            if (!takes(devices[n], i, at, io, &here))
                continue;
            if (last.device) {
                fprintf(stderr, "pcispace: two devices decode %llx\n", (unsigned long long)at);
                abort();
            }
            last.device = devices[n];
            last.bar = i;
            *offset = here;
        }
}

/* Who decodes this address, NULL: nobody. */
static struct pcispace_device *decoder(uint64_t at, bool io, unsigned *bar, uint64_t *offset)
{
    if (!last.device || !takes(last.device, last.bar, at, io, offset))
        look_for_decoder(at, io, offset);
    *bar = last.bar;
    return last.device;
}

static uint64_t space_read(uint64_t at, bool io, unsigned size)
{
    unsigned bar;
    uint64_t offset;
    struct pcispace_device *d = decoder(at, io, &bar, &offset);
    return d && d->bar_read ? d->bar_read(d->ctx, bar, offset, size) : ~0ull >> (64 - 8 * size);
}

static void space_write(uint64_t at, bool io, unsigned size, uint64_t value)
{
    unsigned bar;
    uint64_t offset;
    struct pcispace_device *d = decoder(at, io, &bar, &offset);
    if (d && d->bar_write)
        d->bar_write(d->ctx, bar, offset, size, value);
}

/* ctx of a window is where it begins. */
static uint64_t window_read(void *ctx, uint64_t offset, unsigned size)
{
    return space_read((uintptr_t)ctx + offset, (uintptr_t)ctx < 0x10000, size);
}

static void window_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    space_write((uintptr_t)ctx + offset, (uintptr_t)ctx < 0x10000, size, value);
}

void pcispace_reset(void)
{
    const struct host_window low = { PCISPACE_MEMORY, PCISPACE_MEMORY_SIZE, window_read,
                                     window_write, (void *)(uintptr_t)PCISPACE_MEMORY };
    const struct host_window high = { PCISPACE_MEMORY64, PCISPACE_MEMORY64_SIZE, window_read,
                                      window_write, (void *)(uintptr_t)PCISPACE_MEMORY64 };
    const struct host_window ports = { 0x1000, 0xf000, window_read, window_write,
                                       (void *)(uintptr_t)0x1000 };
    device_count = reads = violations = 0;
    last.device = NULL;
    access.range_count = 1;
    access.root_buses = root_buses;
    memset(root_buses, 0, sizeof root_buses);
    pci_reset();
    host_add_mmio(&low);
    host_add_mmio(&high);
    host_add_pio(&ports);
    pci_window_add(PCISPACE_MEMORY, PCISPACE_MEMORY_SIZE);
    pci_window_add(PCISPACE_MEMORY64, PCISPACE_MEMORY64_SIZE);
    pci_set_access(&access);
}

/* Devices --------------------------------------------------------------------------- */

void pcispace_add(struct pcispace_device *d, struct pcispace_device *bridge, unsigned device,
                  unsigned function)
{
    if (device_count == DEVICES_MAX)
        abort();
    for (unsigned i = 0; i < 6; i++)
        if (d->bar[i].size && !d->bar_at)
            config_bar(d, i);
    d->bridge = bridge;
    d->devfn = (uint8_t)(device << 3 | function);
    devices[device_count++] = d;
    last.device = NULL;
    if (!bridge && !d->pf)
        root_buses[d->root_bus / 8] |= (uint8_t)(1u << d->root_bus % 8);
    if (d->segment >= SEGMENTS)
        abort();
    if (d->segment >= access.range_count)
        access.range_count = d->segment + 1u;
}

void pcispace_add_vf(struct pcispace_device *d, struct pcispace_device *pf, uint16_t routing_offset)
{
    d->pf = pf;
    d->routing_offset = routing_offset;
    pcispace_add(d, NULL, 0, 0);
}

/* DMA ----------------------------------------------------------------------------------- */

static const struct dma_device *master(struct pcispace_device *d)
{
    unsigned segment = d->pf ? d->pf->segment : d->segment, at = devfn(d);
    const struct pci_function *f = pci_find(PCI_BDF(segment, pcispace_bus(d), at >> 3, at & 7));
    if (f && answers(d) && (d->config[PCI_COMMAND] & PCI_COMMAND_MASTER))
        return &f->dma;
    d->dma_refused++;
    return NULL;
}

int pcispace_dma_read(struct pcispace_device *d, uint64_t iova, void *to, size_t n)
{
    const struct dma_device *dev = master(d);
    return dev ? host_dma_read(dev, iova, to, n) : -1;
}

int pcispace_dma_write(struct pcispace_device *d, uint64_t iova, const void *from, size_t n)
{
    const struct dma_device *dev = master(d);
    return dev ? host_dma_write(dev, iova, from, n) : -1;
}

/* Interrupts ------------------------------------------------------------------------------ */

/* Drivers poll here: what would have interrupted is counted. */
void pcispace_interrupt(struct pcispace_device *d, unsigned vector)
{
    d->interrupts[vector % PCISPACE_VECTORS]++;
}

void pcispace_pin(struct pcispace_device *d, bool level)
{
    d->pin = level;
}
