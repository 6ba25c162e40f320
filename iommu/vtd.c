/* vtd.c - starting a remapping unit, or taking it over (vtd.h).
 * Source: VT-d rev. 5.10. */
#include "iommu/vtd.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define COMMAND_LIMIT_US 100000u /* GSTS follows GCMD "when done": no figure in 11.4.4 */
#define NEED_UNKNOWN 48u         /* bits of address, when the platform does not say */

/* Commands ------------------------------------------------------------------- */

static int wait32(struct vtd_unit *u, const char *name, uint32_t reg, uint32_t mask, uint32_t match)
{
    struct deadline d = deadline_us(COMMAND_LIMIT_US);
    uint32_t seen;
    while (((seen = vtd_read32(u, reg)) & mask) != match)
        if (deadline_passed(&d)) {
            log_error("iommu %" PRIx64 ": %s is %08" PRIx32 ", expected %08" PRIx32 " in %08" PRIx32
                      " within %u us",
                      u->base, name, seen, match, mask, COMMAND_LIMIT_US);
            u->failed = true;
            return -EIO;
        }
    return 0;
}

/* VT-d 11.4.4: a command repeats the persistent bits as the status shows them
 * and changes one; one-shot bits of earlier commands are left out. */
int vtd_command(struct vtd_unit *u, uint32_t bit, bool on)
{
    uint32_t value = vtd_read32(u, VTD_GSTS) & VTD_G_PERSISTENT;
    vtd_write32(u, VTD_GCMD, on ? value | bit : value & ~bit);
    return wait32(u, "GSTS", VTD_GSTS, bit, on ? bit : 0);
}

int vtd_flush_write_buffer(struct vtd_unit *u)
{
    if (!u->write_flush)
        return 0;
    vtd_write32(u, VTD_GCMD, (vtd_read32(u, VTD_GSTS) & VTD_G_PERSISTENT) | VTD_G_WBF);
    return wait32(u, "GSTS", VTD_GSTS, VTD_G_WBF, 0);
}

/* Memory ----------------------------------------------------------------------- */

void vtd_write_back(const struct vtd_unit *u, const void *p, size_t size)
{
    if (!u->coherent)
        iommu_write_back(p, size);
}

void *vtd_page_new(const struct vtd_unit *u)
{
    void *page = page_alloc(PAGE_SIZE, PAGE_SIZE, 0);
    if (page) {
        memset(page, 0, PAGE_SIZE);
        vtd_write_back(u, page, PAGE_SIZE);
    }
    return page;
}

static int allocate(struct vtd_unit *u)
{
    u->root = vtd_page_new(u);
    u->done = vtd_page_new(u);
    u->queue = u->queued ? vtd_page_new(u) : NULL;
    u->interrupts = u->may_remap_interrupts ? vtd_page_new(u) : NULL;
    return u->root && u->done && (u->queue || !u->queued) &&
                   (u->interrupts || !u->may_remap_interrupts)
               ? 0
               : -ENOMEM;
}

static void release(struct vtd_unit *u)
{
    page_free(u->root, PAGE_SIZE);
    page_free((void *)(uintptr_t)u->done, PAGE_SIZE);
    page_free(u->queue, PAGE_SIZE);
    page_free(u->interrupts, PAGE_SIZE);
    u->root = u->queue = u->interrupts = NULL;
    u->done = NULL;
}

/* What the unit can do ------------------------------------------------------------ */

/* Where the last register of ours ends: the table's window may be told too small. */
static uint64_t registers_end(const struct vtd_unit *u)
{
    uint64_t iotlb = FIELD_GET(VTD_ECAP_IRO, u->ecap) * 16 + VTD_IOTLB + 8;
    uint64_t faults =
        FIELD_GET(VTD_CAP_FRO, u->cap) * 16 + (FIELD_GET(VTD_CAP_NFR, u->cap) + 1) * VTD_FRCD_SIZE;
    return ALIGN_UP(max_u64(iotlb, faults), (uint64_t)PAGE_SIZE);
}

static int read_capabilities(struct vtd_unit *u)
{
    u->regs = mmio_map(u->base, max_u64(u->size, PAGE_SIZE));
    if (!u->regs)
        return -ENOMEM;
    u->version = vtd_read32(u, VTD_VER);
    u->cap = vtd_read64(u, VTD_CAP);
    u->ecap = vtd_read64(u, VTD_ECAP);
    if (!(u->version & 0xff) || u->version == UINT32_MAX) {
        log_error("iommu %" PRIx64 ": no unit answers (version %08" PRIx32 ")", u->base,
                  u->version);
        return -ENOTSUP;
    }
    if (registers_end(u) > u->size)
        u->regs = mmio_map(u->base, registers_end(u));
    u->queued = u->ecap & VTD_ECAP_QI;
    u->caching = u->cap & VTD_CAP_CM;
    u->write_flush = u->cap & VTD_CAP_RWBF;
    u->coherent = u->ecap & VTD_ECAP_C;
    u->may_remap_interrupts = u->may_remap_interrupts && u->queued && (u->ecap & VTD_ECAP_IR);
    return u->regs ? 0 : -ENOMEM;
}

static bool is_translating(const struct vtd_unit *u)
{
    return vtd_read32(u, VTD_GSTS) & VTD_G_TE;
}

static uint64_t table_mode(const struct vtd_unit *u)
{
    return FIELD_GET(VTD_RTADDR_TTM, vtd_read64(u, VTD_RTADDR));
}

/* Scalable mode where it is whole, except on a unit that already translates in
 * legacy mode: the mode changes only while translation is off (11.4.5; units with
 * CAP.ESRTPS would allow more), and that would be the window we do not open. */
static void choose_mode(struct vtd_unit *u)
{
    bool stages = u->ecap & (VTD_ECAP_SSTS | VTD_ECAP_FSTS);
    bool legacy = is_translating(u) && table_mode(u) == VTD_TTM_LEGACY && (u->cap & VTD_CAP_SAGAW);
    u->scalable = (u->ecap & VTD_ECAP_SMTS) && stages && u->queued && !legacy;
}

/* The fewest levels that reach what has to be reached, else the most there are. */
static unsigned second_stage_levels(const struct vtd_unit *u, unsigned need)
{
    uint64_t sagaw = FIELD_GET(VTD_CAP_SAGAW, u->cap);
    unsigned best = 0;
    for (unsigned levels = 3; levels <= 5; levels++)
        if ((sagaw & 1u << (levels - 2)) && (!best || 12 + 9 * best < need))
            best = levels;
    return best;
}

static int choose_shape(struct vtd_unit *u)
{
    unsigned need = u->address_width ? u->address_width : NEED_UNKNOWN;
    unsigned mgaw = (unsigned)FIELD_GET(VTD_CAP_MGAW, u->cap) + 1;
    bool coherent = u->ecap & (u->scalable ? VTD_ECAP_SMPWC : VTD_ECAP_C);
    if (u->scalable && !(u->ecap & VTD_ECAP_SSTS)) {
        bool five = need > 47 && (u->cap & VTD_CAP_FS5LP);
        u->shape = (struct iommu_shape){ .format = &iommu_first_stage,
                                         .levels = five ? 5 : 4,
                                         .large_2m = true,
                                         .large_1g = u->cap & VTD_CAP_FS1GP,
                                         .coherent = coherent };
        return 0;
    }
    u->shape = (struct iommu_shape){ .format = &iommu_second_stage,
                                     .levels = (uint8_t)second_stage_levels(u, need),
                                     .width = (uint8_t)mgaw,
                                     .large_2m = u->cap & VTD_CAP_SSLPS_2M,
                                     .large_1g = u->cap & VTD_CAP_SSLPS_1G,
                                     .coherent = coherent };
    if (u->shape.levels)
        return 0;
    log_error("iommu %" PRIx64 ": no table depth we know (CAP %016" PRIx64 ")", u->base, u->cap);
    return -ENOTSUP;
}

/* Start ----------------------------------------------------------------------------- */

/* VT-d 6.6, 11.4.5: in between modes translation must be off.  Endpoints do not
 * master the bus at this point; what firmware kept running could slip through. */
static int leave_other_mode(struct vtd_unit *u)
{
    uint64_t wanted = u->scalable ? VTD_TTM_SCALABLE : VTD_TTM_LEGACY;
    if (!is_translating(u) || table_mode(u) == wanted)
        return 0;
    log_warning("iommu %" PRIx64 ": left in table mode %" PRIu64 ", which we cannot keep: "
                "translation is off for a moment",
                u->base, table_mode(u));
    return vtd_command(u, VTD_G_TE, false);
}

/* VT-d 6.6: the root may be replaced while translation is on; what was cached of
 * the old one is forgotten before this counts. */
static int set_root(struct vtd_unit *u)
{
    uint64_t mode = u->scalable ? VTD_TTM_SCALABLE : VTD_TTM_LEGACY;
    int e = vtd_flush_write_buffer(u);
    if (e)
        return e;
    vtd_write64(u, VTD_RTADDR, (uintptr_t)u->root | FIELD_PUT(VTD_RTADDR_TTM, mode));
    e = vtd_command(u, VTD_G_SRTP, true);
    e = e ? e : vtd_flush_contexts(u);
    return e ? e : vtd_flush_all(u);
}

/* Firmware may have closed memory to DMA with these (VT-d 11.4.8.1); translation,
 * which is on by now, does that from here. */
static int protected_memory_off(struct vtd_unit *u)
{
    if (!(u->cap & (VTD_CAP_PLMR | VTD_CAP_PHMR)) || !(vtd_read32(u, VTD_PMEN) & VTD_PMEN_PRS))
        return 0;
    vtd_write32(u, VTD_PMEN, vtd_read32(u, VTD_PMEN) & ~VTD_PMEN_EPM);
    return wait32(u, "PMEN", VTD_PMEN, VTD_PMEN_PRS, 0);
}

/* VT-d 5.1: with every entry absent no device can raise an interrupt.  The order
 * is the one of 11.4.4.1 and 6.7: table, caches, compatibility format, on. */
static int remap_interrupts(struct vtd_unit *u)
{
    if (!u->may_remap_interrupts)
        return 0;
    uint64_t size = (uint64_t)__builtin_ctz(VTD_INTERRUPTS) - 1;
    vtd_write64(u, VTD_IRTA,
                (uintptr_t)u->interrupts | FIELD_PUT(VTD_IRTA_SIZE, size) |
                    (u->ecap & VTD_ECAP_EIM ? VTD_IRTA_EIME : 0));
    int e = vtd_command(u, VTD_G_SIRTP, true);
    e = e ? e : vtd_flush_interrupts(u);
    if (!e && (vtd_read32(u, VTD_GSTS) & VTD_G_CFI))
        e = vtd_command(u, VTD_G_CFI, false);
    e = e ? e : vtd_command(u, VTD_G_IRE, true);
    u->remapping_interrupts = !e;
    return e;
}

static int bring_up(struct vtd_unit *u)
{
    vtd_write32(u, VTD_FECTL, VTD_FECTL_IM);
    vtd_drop_faults(u);
    int e = vtd_queue_stop(u);
    e = e ? e : leave_other_mode(u);
    e = e ? e : vtd_queue_start(u);
    e = e ? e : set_root(u);
    e = e ? e : vtd_command(u, VTD_G_TE, true);
    e = e ? e : protected_memory_off(u);
    return e ? e : remap_interrupts(u);
}

int vtd_start(struct vtd_unit *u)
{
    int e = read_capabilities(u);
    if (e)
        return e;
    choose_mode(u);
    e = choose_shape(u);
    if (e)
        return e;
    e = allocate(u);
    if (e) {
        release(u);
        return e;
    }
    e = bring_up(u);
    u->translating = !e;
    u->failed = e;
    return e;
}

void vtd_stop(struct vtd_unit *u)
{
    if (u->remapping_interrupts)
        vtd_command(u, VTD_G_IRE, false);
    if (u->translating)
        vtd_command(u, VTD_G_TE, false);
    vtd_queue_stop(u);
    vtd_free_contexts(u);
    release(u);
    u->translating = u->remapping_interrupts = false;
}
