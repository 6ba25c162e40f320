/* scan.c - every function on every bus, in BDF order.
 *
 * Two passes.  The first takes the bus numbers that firmware gave and goes
 * through them upwards: a bridge's secondary bus has a higher number than the
 * bus it sits on, so when a number is reached it is known whose it is, and
 * what is nobody's may be another root bus.  The second pass gives numbers to
 * the bridges that have none, or none that makes sense.  In between, and below the
 * bridges of the second pass, VFs get the numbers of the buses that they will be on;
 * VFs themselves are not looked for.
 *
 * Sources: PCI 3.2.2.3 and 6.1; Bridge 3.2.5.3 to 3.2.5.5; PCIe 2.3.1 (retry),
 * 7.3 (device numbers), 7.5.3 (port types).  unread in this file: all three. */
#include "kernel/compiler.h"
#include "kernel/time.h"
#include "pci/pci_internal.h"
#include "pci/sriov.h"

#include <errno.h>
#include <stdlib.h>

#define BUSES 256u
#define DEVICES 32u
#define FUNCTIONS 8u
#define NOBODY 0xffffu              /* vendor ID of what is not there, PCI 6.1 */
#define RETRY 0x0001u               /* and of what is not ready yet, PCIe 2.3.1.1 */
#define RETRY_US (1000 * US_PER_MS) /* a function has a second after reset, PCIe 6.6.1 */
#define RETRY_STEP_US US_PER_MS

static struct pci_function *functions; /* BDF order */

/* One segment's buses, while it is scanned. */
struct scan {
    struct pci_bus_range range;
    bool root[BUSES];
    struct pci_function *forwarder[BUSES]; /* the lowest bridge that forwards to it */
    bool vfs[BUSES];                       /* kept for VFs of a PF on a bus below it */
    int error;
};

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

void pci_function_free(struct pci_function *f)
{
    if (f)
        free(f->aer);
    free(f);
}

static void forget_functions(void)
{
    while (functions) {
        struct pci_function *next = functions->next;
        pci_sriov_forget(functions);
        pci_function_free(functions);
        functions = next;
    }
    pci_aer_reset();
}

void pci_reset(void)
{
    forget_functions();
    pci_windows_reset();
}

void pci_list_insert(struct pci_function *f)
{
    struct pci_function **at = &functions;
    while (*at && (*at)->bdf < f->bdf)
        at = &(*at)->next;
    f->next = *at;
    *at = f;
}

void pci_list_remove(struct pci_function *f)
{
    struct pci_function **at = &functions;
    while (*at && *at != f)
        at = &(*at)->next;
    if (*at)
        *at = f->next;
}

/* One function --------------------------------------------------------------- */

/* A function that is not ready answers with a vendor ID of 1, where software
 * has asked to see that; it is there, and it is waited for. */
static uint16_t vendor_read(const struct pci_function *f)
{
    uint16_t vendor = pci_read16(f, PCI_VENDOR_ID);
    if (vendor != RETRY)
        return vendor;
    struct deadline d = deadline_us(RETRY_US);
    while (vendor == RETRY && !deadline_passed(&d)) {
        time_delay_us(RETRY_STEP_US);
        vendor = pci_read16(f, PCI_VENDOR_ID);
    }
    if (vendor == RETRY)
        pci_log(LOG_ERROR, f, "vendor ID still 0001 (not ready) after %u ms, expected its own",
                (unsigned)(RETRY_US / US_PER_MS));
    return vendor == RETRY ? NOBODY : vendor;
}

static bool exists(uint32_t bdf)
{
    uint16_t vendor = (uint16_t)pci_get_access()->read(bdf, PCI_VENDOR_ID, 2);
    return vendor != NOBODY && vendor != 0;
}

/* Extended space reads as all ones where it is out of reach (CF8/CFC, or behind
 * a conventional bridge), and only PCI Express functions have it. */
void pci_config_size_find(struct pci_function *f)
{
    pci_capabilities_find(f);
    if (f->express && pci_get_access()->config_size == PCI_EXTENDED_SIZE &&
        pci_get_access()->read(f->bdf, PCI_EXT_FIRST, 4) != UINT32_MAX)
        f->config_size = PCI_EXTENDED_SIZE;
}

/* Host bridges speak for the CPU; every other endpoint may keep still until a
 * driver has given it memory of its own. */
static void bus_master_off(struct pci_function *f)
{
    uint16_t command = pci_read16(f, PCI_COMMAND);
    if (f->header_type == PCI_HEADER_BRIDGE || f->class_code >> 8 == PCI_CLASS_HOST_BRIDGE)
        return;
    if (command & PCI_COMMAND_MASTER)
        pci_write16(f, PCI_COMMAND, command & (uint16_t)~PCI_COMMAND_MASTER);
}

static void header_read(struct pci_function *f)
{
    uint32_t class_and_revision = pci_read32(f, PCI_REVISION);
    f->device = pci_read16(f, PCI_DEVICE_ID);
    f->class_code = FIELD_GET(PCI_CLASS_MASK, class_and_revision);
    f->revision = FIELD_GET(PCI_REVISION_MASK, class_and_revision);
    f->header_type = pci_read8(f, PCI_HEADER_TYPE) & PCI_HEADER_LAYOUT;
    if (f->header_type == PCI_HEADER_DEVICE) {
        f->subsystem_vendor = pci_read16(f, PCI_SUBSYSTEM_VENDOR);
        f->subsystem = pci_read16(f, PCI_SUBSYSTEM);
    }
}

/* What firmware has placed and turned on, and no driver wants, stays untouched: the look
 * turns its decoding off and on, which costs a hypervisor a new memory map each time.  Of a
 * bridge both kinds must be on, or enabling what lies behind would turn on the other. */
static bool needs_look(const struct pci_function *f)
{
    uint16_t on = PCI_COMMAND_MEMORY;
    if (f->header_type == PCI_HEADER_BRIDGE)
        on |= PCI_COMMAND_IO;
    return (pci_read16(f, PCI_COMMAND) & on) != on || pci_has_driver(f);
}

/* True when there is something at bdf: then it is in the list. */
static bool scan_function(struct scan *s, struct pci_function *parent, uint32_t bdf)
{
    if (!exists(bdf))
        return false;
    struct pci_function probe = { .bdf = bdf, .config_size = PCI_CONFIG_SIZE };
    uint16_t vendor = vendor_read(&probe);
    if (vendor == NOBODY)
        return false;
    struct pci_function *f = calloc(1, sizeof *f);
    if (!f) {
        s->error = -ENOMEM;
        return false;
    }
    f->bdf = bdf;
    f->config_size = PCI_CONFIG_SIZE;
    f->vendor = vendor;
    f->parent = parent;
    f->dma.requester_id = bdf;
    header_read(f);
    bus_master_off(f);
    pci_config_size_find(f);
    pci_aer_find(f);
    if (needs_look(f))
        pci_look(f);
    if (f->header_type == PCI_HEADER_BRIDGE)
        pci_windows_read(f);
    pci_list_insert(f);
    return true;
}

/* One bus --------------------------------------------------------------------- */

/* A link has one device at its other end, number 0 (PCIe 7.3.1). */
static bool has_link_below(const struct pci_function *parent)
{
    unsigned type = parent ? pci_express_type(parent) : PCI_EXPRESS_NONE;
    return type == PCI_EXPRESS_ROOT_PORT || type == PCI_EXPRESS_DOWNSTREAM_PORT ||
           type == PCI_EXPRESS_FROM_PCI_BRIDGE;
}

/* PCI 3.2.2.3.4 wants function 0 in every device, and no look at the others
 * when it is absent.  Hypervisors pass single functions through under their own
 * number all the same, so what lies on a bus that exists is looked for.  Present
 * and not multi-function, function 0 may answer for all eight (same section), so
 * then it is the only one. */
static void scan_device(struct scan *s, struct pci_function *parent, uint32_t bdf)
{
    bool first = scan_function(s, parent, bdf);
    if (first && !(pci_get_access()->read(bdf, PCI_HEADER_TYPE, 1) & PCI_HEADER_MULTIFUNCTION))
        return;
    for (unsigned n = 1; n < FUNCTIONS; n++)
        scan_function(s, parent, bdf + n);
}

/* With ARI the device number is more of the function number (PCIe 6.13), and each
 * function names the next one; a list that turns back ends there. */
static void scan_ari_functions(struct scan *s, struct pci_function *parent, uint32_t bdf)
{
    for (unsigned n = 0, next; (next = pci_ari_next(pci_find(bdf + n))) > n; n = next)
        if (!pci_find(bdf + next) && !scan_function(s, parent, bdf + next))
            return;
}

static void scan_functions(struct scan *s, struct pci_function *parent, unsigned bus)
{
    uint32_t bdf = PCI_BDF(s->range.segment, bus, 0, 0);
    unsigned devices = has_link_below(parent) ? 1 : DEVICES;
    for (unsigned n = 0; n < devices; n++)
        scan_device(s, parent, PCI_BDF(s->range.segment, bus, n, 0));
    if (pci_ari_set(parent, pci_find(bdf)))
        scan_ari_functions(s, parent, bdf);
}

/* First function of the bus; the others follow. */
static struct pci_function *bus_first(const struct scan *s, unsigned bus)
{
    struct pci_function *f = functions;
    while (f && f->bdf < PCI_BDF(s->range.segment, bus, 0, 0))
        f = f->next;
    return f;
}

static bool is_on_bus(const struct scan *s, const struct pci_function *f, unsigned bus)
{
    return f && f->bdf >> 8 == PCI_BDF(s->range.segment, bus, 0, 0) >> 8;
}

static void scan_bus(struct scan *s, struct pci_function *parent, unsigned bus)
{
    scan_functions(s, parent, bus);
    struct pci_function *first = bus_first(s, bus);
    if (is_on_bus(s, first, bus) && !pci_sriov_read_bus(first))
        s->error = -ENOMEM;
}

/* Bus numbers -------------------------------------------------------------- */

static unsigned last_bus_below(const struct scan *s, const struct pci_function *parent)
{
    return parent ? parent->subordinate : s->range.last;
}

/* Still to be had below parent (NULL: below a root bus), above its own bus. */
static bool bus_is_free(const struct scan *s, const struct pci_function *parent, unsigned bus)
{
    return s->forwarder[bus] == parent && !s->root[bus] && !s->vfs[bus];
}

static void numbers_write(struct pci_function *b, unsigned secondary, unsigned subordinate)
{
    pci_write8(b, PCI_PRIMARY_BUS, PCI_BUS(b->bdf));
    pci_write8(b, PCI_SECONDARY_BUS, (uint8_t)secondary);
    pci_write8(b, PCI_SUBORDINATE_BUS, (uint8_t)subordinate);
}

static void forward(struct scan *s, struct pci_function *b, unsigned secondary,
                    unsigned subordinate)
{
    b->secondary = (uint8_t)secondary;
    b->subordinate = (uint8_t)subordinate;
    for (unsigned bus = secondary; bus <= subordinate; bus++)
        s->forwarder[bus] = b;
}

/* First pass.  Numbers make sense when they lie above the bridge's own bus, in
 * what the bridge above forwards, and nobody else has them: then no loop is
 * possible.  Others are taken away at once, so that no bus has two bridges. */
static void numbers_take(struct scan *s, struct pci_function *b)
{
    unsigned secondary = pci_read8(b, PCI_SECONDARY_BUS);
    unsigned subordinate = pci_read8(b, PCI_SUBORDINATE_BUS);
    bool good = secondary > PCI_BUS(b->bdf) && subordinate >= secondary &&
                subordinate <= last_bus_below(s, b->parent);

    for (unsigned bus = secondary; good && bus <= subordinate; bus++)
        good = bus_is_free(s, b->parent, bus);
    if (good) {
        forward(s, b, secondary, subordinate);
        return;
    }
    if (secondary || subordinate) {
        pci_log(LOG_WARNING, b, "buses %u-%u make no sense below bus %u: numbered anew", secondary,
                subordinate, PCI_BUS(b->bdf));
        numbers_write(b, 0, 0);
    }
}

static void scan_numbered_bus(struct scan *s, struct pci_function *parent, unsigned bus)
{
    scan_bus(s, parent, bus);
    for (struct pci_function *f = bus_first(s, bus); is_on_bus(s, f, bus); f = f->next)
        if (f->header_type == PCI_HEADER_BRIDGE)
            numbers_take(s, f);
}

/* A host bridge's bus need not have a device 0: any device's function 0 gives it
 * away.  Looking at every device of every bus costs milliseconds on hardware and
 * more under a hypervisor, so what the machine tells of its root buses is used. */
static bool is_root_bus(const struct scan *s, unsigned bus)
{
    const uint8_t *told = pci_get_access()->root_buses;
    bool found = bus == s->range.first;
    if (told && !(told[bus / 8] >> bus % 8 & 1))
        return found;
    for (unsigned n = 0; n < DEVICES && !found; n++)
        found = exists(PCI_BDF(s->range.segment, bus, n, 0));
    return found;
}

static void scan_as_found(struct scan *s)
{
    for (unsigned bus = s->range.first; bus <= s->range.last; bus++) {
        struct pci_function *b = s->forwarder[bus];
        if (b && b->secondary == bus) {
            scan_numbered_bus(s, b, bus);
        } else if (!b && is_root_bus(s, bus)) {
            s->root[bus] = true;
            scan_numbered_bus(s, NULL, bus);
        }
    }
}

/* Further buses of VFs ---------------------------------------------------------- */

/* More than any device needs; what asks for more does not get other bridges' numbers. */
#define VF_BUSES_MAX 16u

static bool is_above(const struct pci_function *bridge, const struct pci_function *f)
{
    while (f && f != bridge)
        f = f->parent;
    return f;
}

/* Free for b: nobody has it, or only a bridge above b, which would pass it on. */
static bool can_grow_to(const struct scan *s, const struct pci_function *b, unsigned last)
{
    for (unsigned bus = b->subordinate + 1u; bus <= last; bus++)
        if (bus > s->range.last || s->root[bus] || s->vfs[bus] ||
            (s->forwarder[bus] && !is_above(s->forwarder[bus], b->parent)))
            return false;
    return true;
}

/* From the top down, so that none claims what the one above does not pass on. */
static void grow(struct scan *s, struct pci_function *b, unsigned last)
{
    if (b->parent && last > b->parent->subordinate)
        grow(s, b->parent, last);
    for (unsigned bus = b->subordinate + 1u; bus <= last; bus++)
        s->forwarder[bus] = b;
    pci_write8(b, PCI_SUBORDINATE_BUS, (uint8_t)last);
    b->subordinate = (uint8_t)last;
}

/* VFs' routing IDs may lie on buses behind the PF's (PCIe 9.2.1.2), which must lead to
 * the PF's bridge and to no other: its range is widened where the numbers are free. */
static void vf_buses_take(struct scan *s, const struct pci_function *pf)
{
    struct pci_function *b = pf->parent;
    unsigned bus = PCI_BUS(pf->bdf), last = pci_sriov_last_bus(pf);
    last = last - bus > VF_BUSES_MAX ? bus + VF_BUSES_MAX : last;
    while (b && last > b->subordinate && !can_grow_to(s, b, last))
        last--;
    if (b && last > b->subordinate)
        grow(s, b, last);
    while (b && bus < last && s->forwarder[bus + 1] == b)
        s->vfs[++bus] = true;
    pf->sriov->last_bus = (uint8_t)bus;
}

static void vf_buses_of_firmware(struct scan *s)
{
    for (struct pci_function *f = functions; f; f = f->next)
        if (f->sriov && PCI_SEGMENT(f->bdf) == s->range.segment &&
            PCI_BUS(f->bdf) >= s->range.first && PCI_BUS(f->bdf) <= s->range.last)
            vf_buses_take(s, f);
}

/* Second pass ---------------------------------------------------------------- */

/* The longest run of free numbers that begins with the first one; false: none. */
static bool free_run(const struct scan *s, const struct pci_function *b, unsigned *first,
                     unsigned *last)
{
    unsigned limit = last_bus_below(s, b->parent), bus = PCI_BUS(b->bdf) + 1u;
    while (bus <= limit && !bus_is_free(s, b->parent, bus))
        bus++;
    *first = *last = bus;
    while (*last < limit && bus_is_free(s, b->parent, *last + 1))
        ++*last;
    return bus <= limit;
}

static void number_below(struct scan *s, struct pci_function *b);

/* Gives the bridge the run, so that what lies below can be reached and numbered. */
static void number(struct scan *s, struct pci_function *b)
{
    unsigned first, last;
    if (!free_run(s, b, &first, &last)) {
        pci_log(LOG_ERROR, b, "no bus number is left for what is behind it, up to %u",
                last_bus_below(s, b->parent));
        return;
    }
    numbers_write(b, first, last);
    unsigned now = pci_read8(b, PCI_SECONDARY_BUS);
    if (now != first) {
        pci_log(LOG_ERROR, b, "secondary bus reads %u after %u was written", now, first);
        return;
    }
    forward(s, b, first, last);
    number_below(s, b);
}

/* All below is ours to number.  Then the bridge gives back what was not needed.
 * Each level takes a number, so this is at most as deep as there are buses. */
static void number_below(struct scan *s, struct pci_function *b)
{
    unsigned bus = b->secondary, top = bus;
    scan_bus(s, b, bus);
    struct pci_function *first = bus_first(s, bus);
    for (struct pci_function *f = first; is_on_bus(s, f, bus); f = f->next) {
        if (f->header_type == PCI_HEADER_BRIDGE)
            numbers_write(f, 0, 0);
        if (f->sriov) {
            vf_buses_take(s, f);
            top = f->sriov->last_bus > top ? f->sriov->last_bus : top;
        }
    }
    for (struct pci_function *f = first; is_on_bus(s, f, bus); f = f->next)
        if (f->header_type == PCI_HEADER_BRIDGE) {
            number(s, f);
            top = f->subordinate > top ? f->subordinate : top;
        }
    for (unsigned n = top + 1; n <= b->subordinate; n++)
        s->forwarder[n] = b->parent;
    numbers_write(b, bus, top);
    b->subordinate = (uint8_t)top;
}

static void scan_unnumbered(struct scan *s)
{
    for (struct pci_function *f = functions; f; f = f->next)
        if (f->header_type == PCI_HEADER_BRIDGE && !f->secondary &&
            PCI_SEGMENT(f->bdf) == s->range.segment && PCI_BUS(f->bdf) >= s->range.first &&
            PCI_BUS(f->bdf) <= s->range.last)
            number(s, f);
}

/* All ------------------------------------------------------------------------ */

static int scan_range(const struct pci_bus_range *range)
{
    struct scan *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->range = *range;
    scan_as_found(s);
    vf_buses_of_firmware(s);
    scan_unnumbered(s);
    int e = s->error;
    free(s);
    return e;
}

int pci_scan(void)
{
    static const struct pci_bus_range every_bus = { .first = 0, .last = BUSES - 1 };
    const struct pci_access *access = pci_get_access();
    int count = 0;

    if (!access)
        return -ENODEV;
    forget_functions();
    unsigned ranges = access->ranges ? access->range_count : 1;
    for (unsigned i = 0; i < ranges; i++) {
        int e = scan_range(access->ranges ? &access->ranges[i] : &every_bus);
        if (e) /* what was found so far stays */
            return e;
    }
    pci_place_all();
    for (struct pci_function *f = functions; f; f = f->next, count++)
        pci_aer_clear(f);
    return count;
}
