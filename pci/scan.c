/* scan.c - every function of every bus.
 *
 * Bus 0 and what bridges lead to are scanned function by function; buses that
 * no bridge leads to may be further root buses (several host bridges), where a
 * device answers at function 0.  Bridges that firmware left without bus numbers
 * get free ones.  Each bus is scanned once, whatever bridges claim. */
#include "pci/pci_internal.h"

#include "kernel/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES 32u
#define FUNCTIONS 8u
#define BUSES 256u
#define BRIDGE_DEPTH_MAX 32u
#define SEGMENTS_MAX 16u

static struct pci_function *functions;
static bool scanned[BUSES]; /* of the segment at hand */
static unsigned depth;

static int scan_bus(uint16_t segment, unsigned bus, struct pci_function *parent, unsigned last);

struct pci_function *pci_first(void)
{
    return functions;
}

struct pci_function *pci_find(uint32_t bdf)
{
    struct pci_function *f = functions;
    while (f && f->bdf != bdf)
        f = f->next;
    return f;
}

void pci_reset(void)
{
    while (functions) {
        struct pci_function *next = functions->next;
        free(functions);
        functions = next;
    }
    memset(scanned, 0, sizeof scanned);
    pci_forget_windows();
}

static void insert_sorted(struct pci_function *f)
{
    struct pci_function **p = &functions;
    while (*p && (*p)->bdf < f->bdf)
        p = &(*p)->next;
    f->next = *p;
    *p = f;
}

/* PCI 6.1: vendor FFFFh is what nobody answers; 0 is what broken bridges do. */
static bool answers(uint32_t bdf)
{
    uint32_t id = pci_get_access()->read(bdf, PCI_VENDOR_ID, 4);
    return (id & 0xffff) != 0xffff && id != 0;
}

/* Extended space repeats the first 256 bytes, or reads ones, where it is missing
 * (PCIe 7.6.1: every PCI Express function has it). */
static uint16_t config_size(const struct pci_function *f)
{
    uint16_t whole = pci_get_access()->config_size;
    uint32_t first;
    if (whole < PCI_EXTENDED_SIZE || !f->express)
        return PCI_CONFIG_SIZE;
    first = pci_get_access()->read(f->bdf, PCI_EXT_FIRST, 4);
    return first == ~0u ? PCI_CONFIG_SIZE : whole;
}

static void read_header(struct pci_function *f)
{
    uint32_t class_revision = pci_read32(f, PCI_REVISION);
    f->vendor = pci_read16(f, PCI_VENDOR_ID);
    f->device = pci_read16(f, PCI_DEVICE_ID);
    f->revision = (uint8_t)class_revision;
    f->class_code = class_revision >> 8;
    f->header_type = pci_read8(f, PCI_HEADER_TYPE) & PCI_HEADER_LAYOUT;
    if (f->header_type == PCI_HEADER_DEVICE) {
        f->subsystem_vendor = pci_read16(f, PCI_SUBSYSTEM_VENDOR);
        f->subsystem = pci_read16(f, PCI_SUBSYSTEM);
    }
    f->express = pci_find_capability(f, PCI_CAP_EXPRESS, 0);
    f->config_size = config_size(f);
}

/* Adds the function; endpoints lose bus mastering until a driver takes them. */
static struct pci_function *add_function(uint32_t bdf, struct pci_function *parent)
{
    struct pci_function *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->bdf = bdf;
    f->parent = parent;
    f->dma.requester_id = bdf;
    f->config_size = PCI_CONFIG_SIZE;
    read_header(f);
    if (f->header_type != PCI_HEADER_BRIDGE)
        pci_bus_master(f, false);
    pci_size_bars(f);
    insert_sorted(f);
    return f;
}

/* A run of bus numbers nobody has, behind `from` and up to `last`; 0: none. */
static unsigned free_bus(unsigned from, unsigned last, unsigned *end)
{
    unsigned bus = from + 1;
    while (bus <= last && scanned[bus])
        bus++;
    if (bus > last)
        return 0;
    for (*end = bus; *end < last && !scanned[*end + 1];)
        ++*end;
    return bus;
}

static void set_buses(struct pci_function *f, unsigned secondary, unsigned subordinate)
{
    pci_write8(f, PCI_PRIMARY_BUS, PCI_BUS(f->bdf));
    pci_write8(f, PCI_SECONDARY_BUS, (uint8_t)secondary);
    pci_write8(f, PCI_SUBORDINATE_BUS, (uint8_t)subordinate);
    f->secondary = (uint8_t)secondary;
    f->subordinate = (uint8_t)subordinate;
}

static unsigned highest_below(const struct pci_function *bridge)
{
    unsigned highest = bridge->secondary;
    for (const struct pci_function *f = functions; f; f = f->next)
        if (f->parent == bridge && f->header_type == PCI_HEADER_BRIDGE && f->subordinate > highest)
            highest = f->subordinate;
    return highest;
}

static int scan_unnumbered(struct pci_function *f, unsigned last)
{
    char text[PCI_BDF_LEN];
    unsigned end, bus = free_bus(PCI_BUS(f->bdf), last, &end);
    if (!bus) {
        pci_bdf_format(f->bdf, text);
        log_warning("pci %s: no bus number left for what is behind this bridge", text);
        return 0;
    }
    set_buses(f, bus, end);
    int e = scan_bus(PCI_SEGMENT(f->bdf), bus, f, end);
    set_buses(f, bus, highest_below(f));
    return e;
}

static int scan_bridge(struct pci_function *f, unsigned last)
{
    unsigned secondary = pci_read8(f, PCI_SECONDARY_BUS);
    unsigned subordinate = pci_read8(f, PCI_SUBORDINATE_BUS);
    if (depth == BRIDGE_DEPTH_MAX)
        return 0;
    if (!secondary || secondary > subordinate || secondary <= PCI_BUS(f->bdf) || scanned[secondary])
        return scan_unnumbered(f, last);
    f->secondary = (uint8_t)secondary;
    f->subordinate = (uint8_t)subordinate;
    return scan_bus(PCI_SEGMENT(f->bdf), secondary, f, subordinate);
}

static int scan_function(uint32_t bdf, struct pci_function *parent)
{
    if (!answers(bdf))
        return 0;
    return add_function(bdf, parent) ? 1 : -ENOMEM;
}

/* PCI 3.2.2.3.4: only devices that say multi-function in function 0 have more.
 * Where function 0 is missing (a hypervisor that passes function 1 alone), the
 * others are asked as well. */
static int scan_device(uint32_t bdf, struct pci_function *parent)
{
    int e = scan_function(bdf, parent);
    if (e > 0 && !(pci_get_access()->read(bdf, PCI_HEADER_TYPE, 1) & PCI_HEADER_MULTIFUNCTION))
        return e;
    for (unsigned i = 1; e >= 0 && i < FUNCTIONS; i++)
        e = scan_function(bdf | i, parent);
    return e;
}

/* Numbered bridges first, so that what they lead to is not given away. */
static int scan_bridges(uint16_t segment, unsigned bus, unsigned last, bool numbered)
{
    int e = 0;
    for (struct pci_function *f = functions; e >= 0 && f; f = f->next) {
        if (f->bdf >> 8 != ((uint32_t)segment << 8 | bus) || f->header_type != PCI_HEADER_BRIDGE ||
            f->secondary)
            continue;
        bool has =
            pci_read8(f, PCI_SECONDARY_BUS) > bus && !scanned[pci_read8(f, PCI_SECONDARY_BUS)];
        if (has == numbered)
            e = scan_bridge(f, last);
    }
    return e;
}

static int scan_bus(uint16_t segment, unsigned bus, struct pci_function *parent, unsigned last)
{
    int e = 0;
    scanned[bus] = true;
    depth++;
    for (unsigned device = 0; e >= 0 && device < DEVICES; device++)
        e = scan_device(PCI_BDF(segment, bus, device, 0), parent);
    if (e >= 0)
        e = scan_bridges(segment, bus, last, true);
    if (e >= 0)
        e = scan_bridges(segment, bus, last, false);
    depth--;
    return e < 0 ? e : 0;
}

static bool root_bus_answers(uint16_t segment, unsigned bus)
{
    for (unsigned device = 0; device < DEVICES; device++)
        if (answers(PCI_BDF(segment, bus, device, 0)))
            return true;
    return false;
}

static int scan_segment(uint16_t segment)
{
    memset(scanned, 0, sizeof scanned);
    depth = 0;
    int e = scan_bus(segment, 0, NULL, BUSES - 1);
    for (unsigned bus = 1; e >= 0 && bus < BUSES; bus++)
        if (!scanned[bus] && pci_bus_reachable(PCI_BDF(segment, bus, 0, 0)) &&
            root_bus_answers(segment, bus))
            e = scan_bus(segment, bus, NULL, BUSES - 1);
    return e;
}

int pci_scan(void)
{
    uint16_t segments[SEGMENTS_MAX];
    unsigned count = pci_segments(segments, SEGMENTS_MAX);
    int e = 0, found = 0;
    for (unsigned i = 0; e >= 0 && i < count; i++)
        e = scan_segment(segments[i]);
    if (e < 0)
        return e;
    pci_place_all();
    for (const struct pci_function *f = functions; f; f = f->next)
        found++;
    return found;
}
