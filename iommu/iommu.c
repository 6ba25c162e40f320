/* iommu.c - which unit fences which device, and what each may reach (iommu.h).
 *
 * A device has one domain; devices that share a requester ID share it.  Memory
 * is mapped one to one: the IOVA is the physical address. */
#include "iommu/iommu.h"

#include "iommu/dmar.h"
#include "iommu/vtd.h"
#include "kernel/acpi.h"
#include "kernel/compiler.h"
#include "kernel/cpus.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define POLL_US US_PER_MS
#define REGION_MAX (1ull << 32) /* reserved regions are buffers: no honest one is larger */

/* What one dma_alloc() or dma_share() mapped; devices of one domain may share it. */
struct region {
    struct region *next;
    uint64_t pa;
    uint64_t size;
    unsigned access, users;
};

struct domain {
    struct domain *next;
    struct vtd_unit *unit;
    struct iommu_table table;
    struct region *regions;
    uint16_t id; /* unique within the unit; 0 is the unit's own (VT-d 9.3) */
};

/* An attached device; dma_device.domain points here. */
struct device {
    struct device *next;
    struct dma_device *dma;
    struct domain *domain;
    uint16_t requester[1 + IOMMU_ALIASES_MAX]; /* its own ID first */
    unsigned requesters;
    uint16_t physical; /* its own ID, or that of its physical function */
    unsigned reserved_regions;
    bool device_tlb;
    uint16_t interrupt[IOMMU_INTERRUPTS_MAX]; /* entries of its unit's table; 0: none */
};

static struct dmar dmar;
static struct vtd_unit units[DMAR_UNITS_MAX];
static struct domain *domains;
static struct device *devices;
static uint64_t poll_next_us;

/* Which unit ------------------------------------------------------------------ */

/* VT-d 8.3.1: the scope's path, walked from its start bus, is a piece of the
 * function's own way from the root; an endpoint scope ends at the function, a
 * bridge scope at it or anywhere above it. */
static bool scope_covers(const struct dmar_scope *s, const struct iommu_place *p)
{
    if (s->type != DMAR_SCOPE_ENDPOINT && s->type != DMAR_SCOPE_BRIDGE)
        return false;
    for (unsigned at = 0; at + s->path_length <= p->depth; at++) {
        unsigned i = 0;
        while (p->way[at].bus == s->start_bus && i < s->path_length &&
               p->way[at + i].devfn == (s->path[i].device << 3 | s->path[i].function))
            i++;
        if (i == s->path_length)
            return s->type == DMAR_SCOPE_BRIDGE || at + i == p->depth;
    }
    return false;
}

static bool scopes_cover(struct dmar_scopes run, const struct iommu_place *p)
{
    for (unsigned i = 0; i < run.count; i++)
        if (scope_covers(&dmar.scope[run.first + i], p))
            return true;
    return false;
}

/* The unit that names the function, else the one that takes the rest (VT-d 8.3). */
static struct vtd_unit *unit_of(const struct iommu_place *p)
{
    struct vtd_unit *rest = NULL;
    for (unsigned i = 0; i < dmar.units; i++) {
        if (dmar.unit[i].segment != p->segment)
            continue;
        if (scopes_cover(dmar.unit[i].scopes, p))
            return &units[i];
        if (dmar.unit[i].include_all)
            rest = &units[i];
    }
    return rest;
}

/* Device TLBs need the unit, the root port's word (VT-d 8.5 ATSR) or that of an
 * integrated device (8.8 SATC), and the operator's. */
static bool may_have_tlb(const struct vtd_unit *u, const struct iommu_place *p)
{
    if (!p->trusted || p->aliases || !(u->ecap & VTD_ECAP_DT) || !u->queued)
        return false;
    for (unsigned i = 0; i < dmar.ats; i++)
        if (dmar.at[i].segment == p->segment &&
            (dmar.at[i].all_ports || scopes_cover(dmar.at[i].scopes, p)))
            return true;
    return false;
}

/* Domains --------------------------------------------------------------------- */

static uint32_t domain_limit(const struct vtd_unit *u)
{
    unsigned bits = 4 + 2 * (unsigned)FIELD_GET(VTD_CAP_ND, u->cap);
    return bits >= 16 ? 0xffff : (1u << bits) - 1;
}

static bool id_used(const struct vtd_unit *u, uint32_t id)
{
    for (const struct domain *d = domains; d; d = d->next)
        if (d->unit == u && d->id == id)
            return true;
    return false;
}

static uint16_t id_free(const struct vtd_unit *u)
{
    for (uint32_t id = 1; id <= domain_limit(u); id++)
        if (!id_used(u, id))
            return (uint16_t)id;
    return 0;
}

static int domain_new(struct vtd_unit *u, struct domain **out)
{
    uint16_t id = id_free(u);
    if (!id)
        return -ENOSPC;
    struct domain *d = calloc(1, sizeof *d);
    if (!d || iommu_table_init(&d->table, &u->shape)) {
        free(d);
        return -ENOMEM;
    }
    d->unit = u;
    d->id = id;
    d->next = domains;
    domains = d;
    *out = d;
    return 0;
}

static void domain_free(struct domain *d)
{
    for (struct domain **p = &domains; *p; p = &(*p)->next)
        if (*p == d) {
            *p = d->next;
            break;
        }
    while (d->regions) {
        struct region *next = d->regions->next;
        free(d->regions);
        d->regions = next;
    }
    iommu_table_destroy(&d->table);
    free(d);
}

static bool domain_in_use(const struct domain *d)
{
    for (const struct device *v = devices; v; v = v->next)
        if (v->domain == d)
            return true;
    return false;
}

/* The device, `self` apart, whose requests may carry this ID. */
static struct device *carrier_of(const struct vtd_unit *u, uint16_t requester,
                                 const struct device *self)
{
    for (struct device *v = devices; v; v = v->next)
        for (unsigned i = 0; v != self && v->domain->unit == u && i < v->requesters; i++)
            if (v->requester[i] == requester)
                return v;
    return NULL;
}

/* Devices whose requests carry the same ID cannot be told apart. */
static int choose_domain(struct device *v, struct vtd_unit *u)
{
    for (unsigned i = 0; i < v->requesters; i++) {
        const struct device *other = carrier_of(u, v->requester[i], v);
        if (!other)
            continue;
        if (v->domain && v->domain != other->domain)
            return -EBUSY;
        v->domain = other->domain;
    }
    return v->domain ? 0 : domain_new(u, &v->domain);
}

/* Reserved regions, VT-d 8.4 ------------------------------------------------------ */

/* Firmware's word opens memory to a device, so what is ours it cannot open. */
static bool region_is_refused(const struct dmar_region *r)
{
    if (r->limit - r->base >= REGION_MAX || r->limit > (VTD_ADDRESS | (PAGE_SIZE - 1))) {
        log_error("iommu: reserved region %" PRIx64 " to %" PRIx64 " refused: too large", r->base,
                  r->limit);
        return true;
    }
    for (uint64_t pa = r->base; pa < r->limit; pa += PAGE_SIZE)
        if (memory_is_ram(pa, PAGE_SIZE)) {
            log_error("iommu: reserved region %" PRIx64 " to %" PRIx64 " refused: %" PRIx64
                      " is memory of ours",
                      r->base, r->limit, pa);
            return true;
        }
    return false;
}

/* Page by page: regions of devices in one domain may overlap. */
static int map_missing(struct domain *d, const struct dmar_region *r)
{
    uint64_t found;
    unsigned access;
    for (uint64_t pa = r->base; pa < r->limit; pa += PAGE_SIZE) {
        int e = iommu_table_lookup(&d->table, pa, &found, &access)
                    ? iommu_table_map(&d->table, pa, pa, PAGE_SIZE, IOMMU_READ | IOMMU_WRITE)
                    : 0;
        if (e)
            return e;
    }
    return 0;
}

/* Firmware uses a region through the physical function that it names (8.4), never through
 * a VF, which goes the same way. */
static bool is_virtual(const struct device *v)
{
    return (uint16_t)v->dma->requester_id != v->physical;
}

static int map_reserved_regions(struct device *v, const struct iommu_place *p)
{
    if (is_virtual(v))
        return 0;
    for (unsigned i = 0; i < dmar.regions; i++) {
        const struct dmar_region *r = &dmar.region[i];
        if (r->segment != p->segment || !scopes_cover(r->scopes, p) || region_is_refused(r))
            continue;
        int e = map_missing(v->domain, r);
        if (e)
            return e;
        v->reserved_regions++;
    }
    return v->reserved_regions ? vtd_flush_new(v->domain->unit, v->domain->id) : 0;
}

/* Attaching ---------------------------------------------------------------------- */

static int set_contexts(struct device *v)
{
    struct domain *d = v->domain;
    for (unsigned i = 0; i < v->requesters; i++) {
        if (carrier_of(d->unit, v->requester[i], v))
            continue;
        int e = vtd_set_context(d->unit, v->requester[i], &d->table, d->id, v->device_tlb);
        if (e)
            return e;
    }
    return 0;
}

static int clear_contexts(struct device *v)
{
    struct domain *d = v->domain;
    int e = 0;
    for (unsigned i = 0; i < v->requesters; i++)
        if (!carrier_of(d->unit, v->requester[i], v))
            e = vtd_clear_context(d->unit, v->requester[i]) ? -EIO : e;
    return e;
}

static void clear_interrupts(const struct device *v)
{
    for (unsigned i = 0; i < IOMMU_INTERRUPTS_MAX; i++)
        if (v->interrupt[i])
            vtd_clear_interrupt(v->domain->unit, v->interrupt[i]);
}

static void device_free(struct device *v)
{
    for (struct device **p = &devices; *p; p = &(*p)->next)
        if (*p == v) {
            *p = v->next;
            break;
        }
    free(v);
}

static struct device *device_new(struct dma_device *dev, const struct iommu_place *place)
{
    struct device *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->dma = dev;
    v->requester[v->requesters++] = (uint16_t)dev->requester_id;
    if (place->depth)
        v->physical =
            (uint16_t)(place->way[place->depth - 1].bus << 8 | place->way[place->depth - 1].devfn);
    for (unsigned i = 0; i < place->aliases && i < IOMMU_ALIASES_MAX; i++)
        v->requester[v->requesters++] = place->alias[i];
    return v;
}

int iommu_attach(struct dma_device *dev, const struct iommu_place *place)
{
    struct vtd_unit *u = unit_of(place);
    if (!u || (!u->translating && !u->failed))
        return -ENODEV;
    if (u->failed)
        return -EIO;
    struct device *v = device_new(dev, place);
    int e = v ? choose_domain(v, u) : -ENOMEM;
    if (e) {
        free(v);
        return e;
    }
    v->device_tlb = may_have_tlb(u, place);
    v->next = devices;
    devices = v;
    dev->domain = v;
    e = map_reserved_regions(v, place);
    e = e ? e : set_contexts(v);
    if (e)
        iommu_detach(dev);
    return e;
}

void iommu_detach(struct dma_device *dev)
{
    struct device *v = dev->domain;
    dev->domain = NULL;
    if (!v)
        return;
    struct domain *d = v->domain;
    int e = clear_contexts(v);
    clear_interrupts(v);
    device_free(v);
    if (domain_in_use(d))
        return;
    if (e)
        log_error("iommu %" PRIx64 ": domain %u is kept: its removal was not confirmed",
                  d->unit->base, (unsigned)d->id);
    else
        domain_free(d);
}

bool iommu_device_tlb(const struct dma_device *dev)
{
    const struct device *v = dev->domain;
    return v && v->device_tlb;
}

/* Interrupts -------------------------------------------------------------------- */

/* SDM vol. 3A 253668-032 10.11.1 and 10.11.2 (unread): physical destination, fixed, edge. */
#define MESSAGE_ADDRESS 0xfee00000u
#define MESSAGE_DESTINATION 0x000ff000u
#define MESSAGE_APIC_ID_MAX 254u
/* VT-d 5.1.2.2: an index instead of those. */
#define MESSAGE_REMAPPABLE 0x10u
#define MESSAGE_INDEX 0x000fffe0u

static int plain_message(const struct cpu_message *cpu, struct iommu_message *message)
{
    if (cpu->apic_id > MESSAGE_APIC_ID_MAX)
        return -ENOTSUP;
    message->address = MESSAGE_ADDRESS | FIELD_PUT(MESSAGE_DESTINATION, cpu->apic_id);
    message->data = cpu->vector;
    return 0;
}

int iommu_interrupt(struct dma_device *dev, unsigned number, const struct cpu_message *cpu,
                    struct iommu_message *message)
{
    struct device *v = dev->domain;
    if (!v || !v->domain->unit->remapping_interrupts)
        return plain_message(cpu, message);
    if (v->requesters > 1 || number >= IOMMU_INTERRUPTS_MAX)
        return -ENOTSUP;
    struct vtd_unit *u = v->domain->unit;
    uint16_t index = v->interrupt[number] ? v->interrupt[number] : vtd_free_interrupt(u);
    if (!index)
        return -ENOSPC;
    int e = vtd_set_interrupt(u, index, v->requester[0], cpu);
    if (e)
        return e;
    v->interrupt[number] = index;
    message->address = MESSAGE_ADDRESS | MESSAGE_REMAPPABLE | FIELD_PUT(MESSAGE_INDEX, index);
    message->data = 0;
    return 0;
}

/* What kernel/x86/dma.c asks ------------------------------------------------------------ */

static unsigned access_of(enum dma_direction dir)
{
    static const unsigned access[] = { [DMA_TO_DEVICE] = IOMMU_READ,
                                       [DMA_FROM_DEVICE] = IOMMU_WRITE,
                                       [DMA_BIDIRECTIONAL] = IOMMU_READ | IOMMU_WRITE };
    return access[dir];
}

/* The unit forgets, then every device TLB in the domain does (VT-d 6.5.2.5). */
static int forget(struct domain *d)
{
    int e = vtd_flush_domain(d->unit, d->id);
    for (const struct device *v = devices; v; v = v->next)
        if (v->domain == d && v->device_tlb &&
            vtd_flush_device(d->unit, v->requester[0], v->physical))
            e = -EIO;
    return e;
}

static struct region **region_find(struct domain *d, uint64_t pa, uint64_t size)
{
    struct region **p = &d->regions;
    while (*p && ((*p)->pa != pa || (*p)->size != size))
        p = &(*p)->next;
    return p;
}

static int region_add(struct domain *d, uint64_t pa, uint64_t size, unsigned access)
{
    struct region *r = malloc(sizeof *r);
    if (!r)
        return -ENOMEM;
    int e = iommu_table_map(&d->table, pa, pa, size, access);
    if (e) { /* what was there for a moment may have been looked at */
        free(r);
        return forget(d) ? -EIO : e;
    }
    *r = (struct region){ d->regions, pa, size, access, 1 };
    d->regions = r;
    return vtd_flush_new(d->unit, d->id);
}

static int region_remove(struct domain *d, struct region **p)
{
    struct region *r = *p;
    if (--r->users)
        return 0;
    iommu_table_unmap(&d->table, r->pa, r->size);
    *p = r->next;
    free(r);
    return forget(d);
}

static int map_for(struct dma_device *dev, uint64_t pa, size_t size, enum dma_direction dir)
{
    struct domain *d = ((struct device *)dev->domain)->domain;
    struct region *r = *region_find(d, pa, size);
    if (d->unit->failed)
        return -EIO;
    if (r) { /* another device of the domain has it already */
        r->users += r->access == access_of(dir);
        return r->access == access_of(dir) ? 0 : -EEXIST;
    }
    int e = region_add(d, pa, size, access_of(dir));
    if (e == -EIO)
        region_remove(d, region_find(d, pa, size));
    return e;
}

static int unmap_for(struct dma_device *dev, uint64_t pa, size_t size)
{
    struct domain *d = ((struct device *)dev->domain)->domain;
    struct region **p = region_find(d, pa, size);
    return *p ? region_remove(d, p) : -EINVAL;
}

static const struct dma_mapper mapper = { .map = map_for, .unmap = unmap_for };

/* Start ----------------------------------------------------------------------------- */

static const char *start_words(int e)
{
    return e == -ENOTSUP  ? "it has nothing that we can use"
           : e == -ENOMEM ? "there is no memory"
                          : "it does not do as it is told";
}

static int start_unit(unsigned i)
{
    struct vtd_unit *u = &units[i];
    *u = (struct vtd_unit){ .base = dmar.unit[i].base,
                            .size = dmar.unit[i].size,
                            .segment = dmar.unit[i].segment,
                            .address_width = dmar.address_width,
                            .may_remap_interrupts = dmar.interrupt_remapping };
    int e = vtd_start(u);
    if (e)
        log_error("iommu %" PRIx64 ": not in force, %s: its devices are %s", u->base,
                  start_words(e), u->failed ? "not used" : "unfenced");
    return e;
}

int iommu_init(void)
{
    const struct acpi_header *table = acpi_find("DMAR", 0);
    const char *why;
    int e = 0;
    if (!table)
        return -ENODEV;
    if (dmar_parse(&dmar, table, table->length, &why)) {
        log_error("iommu: DMAR table refused: %s", why);
        return -ENODEV;
    }
    for (unsigned i = 0; i < dmar.units; i++)
        e = start_unit(i) ? -EIO : e;
    if (iommu_present())
        dma_set_mapper(&mapper);
    return e;
}

bool iommu_present(void)
{
    for (unsigned i = 0; i < dmar.units; i++)
        if (units[i].translating)
            return true;
    return false;
}

void iommu_reset(void)
{
    while (devices)
        iommu_detach(devices->dma);
    while (domains)
        domain_free(domains);
    for (unsigned i = 0; i < dmar.units; i++)
        vtd_stop(&units[i]);
    memset(&dmar, 0, sizeof dmar);
    poll_next_us = 0;
    dma_set_mapper(NULL);
    iommu_forget_faults();
}

void iommu_poll(uint64_t now_us)
{
    if (now_us < poll_next_us)
        return;
    poll_next_us = now_us + POLL_US;
    for (unsigned i = 0; i < dmar.units; i++)
        if (units[i].translating)
            vtd_take_faults(&units[i], now_us);
}

/* What is shown ----------------------------------------------------------------------- */

static unsigned domain_count(const struct vtd_unit *u)
{
    unsigned n = 0;
    for (const struct domain *d = domains; d; d = d->next)
        n += d->unit == u;
    return n;
}

bool iommu_unit_info(unsigned index, struct iommu_unit_info *info)
{
    if (index >= dmar.units)
        return false;
    const struct vtd_unit *u = &units[index];
    uint32_t gsts = u->regs ? vtd_read32(u, VTD_GSTS) : 0;
    *info = (struct iommu_unit_info){
        .base = u->base,
        .capability = u->cap,
        .extended_capability = u->ecap,
        .segment = u->segment,
        .version_major = u->version >> 4 & 0xf,
        .version_minor = u->version & 0xf,
        .levels = u->shape.levels,
        .include_all = dmar.unit[index].include_all,
        .translating = u->translating,
        .failed = u->failed,
        .scalable = u->scalable,
        .first_stage = u->shape.format == &iommu_first_stage,
        .queued = u->queued,
        .interrupt_remapping = u->remapping_interrupts,
        .compatibility_blocked = u->remapping_interrupts && !(gsts & VTD_G_CFI),
        .pages_2m = u->shape.large_2m,
        .pages_1g = u->shape.large_1g,
        .coherent = u->shape.coherent,
        .domains = domain_count(u),
        .interrupts = u->remapping_interrupts ? vtd_count_interrupts(u) : 0,
        .faults = u->faults,
        .overflows = u->overflows,
        .queue_errors = u->queue_errors,
    };
    return true;
}

/* Those of bridges that speak for it are its own. */
static uint64_t faults_of(const struct device *v)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < v->requesters; i++)
        sum += iommu_fault_count((v->dma->requester_id & ~0xffffu) | v->requester[i]);
    return sum;
}

bool iommu_device_info(unsigned index, struct iommu_device_info *info)
{
    const struct device *v = devices;
    while (v && index--)
        v = v->next;
    if (!v)
        return false;
    *info = (struct iommu_device_info){ .requester_id = v->dma->requester_id,
                                        .domain = v->domain->id,
                                        .mapped = v->domain->table.mapped,
                                        .tables = v->domain->table.pages,
                                        .reserved_regions = v->reserved_regions,
                                        .device_tlb = v->device_tlb,
                                        .faults = faults_of(v) };
    return true;
}
