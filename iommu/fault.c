/* fault.c - what the units refused (iommu.h).
 *
 * Primary fault logging, VT-d 7.2.1 and 11.4.7, polled: interrupts are masked.
 * A fault is counted for its source, told in a line, and handed on. */
#include "iommu/iommu.h"
#include "iommu/vtd.h"
#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/time.h"

#include <inttypes.h>
#include <stdio.h>

#define SOURCES_MAX 64u   /* requester IDs counted apart; the rest share a row */
#define QUIET_US US_PER_S /* between two lines about one source */

/* Reasons ------------------------------------------------------------------------ */

#define ADDRESS " (VT-d 7.1.3)"
#define SCALABLE " in scalable mode (VT-d 7.1.3)"
#define INTERRUPT " (VT-d 5.1.4.1)"

static const struct reason {
    uint8_t reason;
    const char *text;
} reasons[] = {
    { 0x01, "the device's bus has no root entry" ADDRESS },
    { 0x02, "the device has no context entry" ADDRESS },
    { 0x03, "the context entry is programmed wrongly" ADDRESS },
    { 0x04, "the address is wider than the unit's" ADDRESS },
    { 0x05, "not mapped for writing" ADDRESS },
    { 0x06, "not mapped for reading" ADDRESS },
    { 0x07, "a page table could not be read" ADDRESS },
    { 0x08, "the root table could not be read" ADDRESS },
    { 0x09, "the context table could not be read" ADDRESS },
    { 0x0a, "reserved bits are set in a root entry" ADDRESS },
    { 0x0b, "reserved bits are set in a context entry" ADDRESS },
    { 0x0c, "reserved bits are set in a page table" ADDRESS },
    { 0x0d, "the device may not keep translations" ADDRESS },
    { 0x20, "reserved bits are set in the request" INTERRUPT },
    { 0x21, "the index is beyond the table" INTERRUPT },
    { 0x22, "the entry is absent" INTERRUPT },
    { 0x23, "the table could not be read" INTERRUPT },
    { 0x24, "reserved bits are set in the entry" INTERRUPT },
    { 0x25, "compatibility format is blocked" INTERRUPT },
    { 0x26, "the entry is another device's" INTERRUPT },
    { 0x30, "the root table register is programmed wrongly" SCALABLE },
    { 0x31, "the table mode knows no PASID" SCALABLE },
    { 0x32, "the table mode knows no page requests" SCALABLE },
    { 0x38, "the root entry could not be read" SCALABLE },
    { 0x39, "the device's bus has no root entry" SCALABLE },
    { 0x3a, "reserved bits are set in a root entry" SCALABLE },
    { 0x40, "the context entry could not be read" SCALABLE },
    { 0x41, "the device has no context entry" SCALABLE },
    { 0x42, "reserved bits are set in a context entry" SCALABLE },
    { 0x43, "the context entry is programmed wrongly" SCALABLE },
    { 0x44, "the device may not keep translations" SCALABLE },
    { 0x45, "the device may not use PASIDs" SCALABLE },
    { 0x46, "the PASID is beyond the directory" SCALABLE },
    { 0x47, "the device may not make page requests" SCALABLE },
    { 0x48, "the request names the PASID of requests without one" SCALABLE },
    { 0x50, "the PASID directory could not be read" SCALABLE },
    { 0x51, "the PASID directory entry is absent" SCALABLE },
    { 0x52, "reserved bits are set in a PASID directory entry" SCALABLE },
    { 0x58, "the PASID table could not be read" SCALABLE },
    { 0x59, "the PASID entry is absent" SCALABLE },
    { 0x5a, "reserved bits are set in a PASID entry" SCALABLE },
    { 0x5b, "the PASID entry is programmed wrongly" SCALABLE },
    { 0x5c, "execute requests are off for the PASID" SCALABLE },
    { 0x5d, "supervisor requests are off for the PASID" SCALABLE },
    { 0x70, "a first-stage table could not be read" SCALABLE },
    { 0x71, "not mapped in the first stage" SCALABLE },
    { 0x72, "reserved bits are set in a first-stage entry" SCALABLE },
    { 0x73, "the first-stage root could not be read" SCALABLE },
    { 0x74, "a first-stage table lies beyond the second stage's reach" SCALABLE },
    { 0x75, "the first-stage root may not be read through the second stage" SCALABLE },
    { 0x76, "a first-stage table may not be read through the second stage" SCALABLE },
    { 0x77, "a first-stage table may not be written through the second stage" SCALABLE },
    { 0x78, "a second-stage table could not be read" SCALABLE },
    { 0x79, "not mapped in the second stage" SCALABLE },
    { 0x7a, "reserved bits are set in a second-stage entry" SCALABLE },
    { 0x7b, "the second-stage root could not be read" SCALABLE },
    { 0x7c, "second-stage accessed or dirty bits could not be set" SCALABLE },
    { 0x80, "the address is not canonical" SCALABLE },
    { 0x81, "a user request for a supervisor page" SCALABLE },
    { 0x82, "not mapped for executing" SCALABLE },
    { 0x83, "the address is wider than the unit's" SCALABLE },
    { 0x84, "the address is wider than the second stage's" SCALABLE },
    { 0x85, "not mapped for writing" SCALABLE },
    { 0x86, "not mapped for reading" SCALABLE },
    { 0x87, "the address is one of interrupt messages" SCALABLE },
    { 0x90, "first-stage accessed or dirty bits could not be set" SCALABLE },
};

const char *iommu_fault_text(uint8_t reason)
{
    for (unsigned i = 0; i < ARRAY_SIZE(reasons); i++)
        if (reasons[i].reason == reason)
            return reasons[i].text;
    return "a reason we do not know" ADDRESS;
}

/* Sources ------------------------------------------------------------------------- */

static struct source {
    uint32_t requester_id;
    uint64_t count;
    uint64_t quiet_until_us;
    uint64_t untold; /* since the last line */
} sources[SOURCES_MAX + 1];
static unsigned source_count;
static void (*handler)(const struct iommu_fault *fault);

static struct source *source_of(uint32_t requester_id)
{
    for (unsigned i = 0; i < source_count; i++)
        if (sources[i].requester_id == requester_id)
            return &sources[i];
    if (source_count == SOURCES_MAX)
        return &sources[SOURCES_MAX];
    sources[source_count].requester_id = requester_id;
    return &sources[source_count++];
}

static void say(const struct iommu_fault *f, uint64_t untold)
{
    char what[32], more[40] = "";
    if (f->interrupt)
        snprintf(what, sizeof what, "interrupt request %u", (unsigned)(f->address >> 48));
    else
        snprintf(what, sizeof what, "%s of %" PRIx64, f->write ? "write" : "read", f->address);
    if (untold)
        snprintf(more, sizeof more, "; %" PRIu64 " more before it", untold);
    log_warning("iommu: %04x:%02x:%02x.%x %s: %s%s", (unsigned)(f->requester_id >> 16),
                (unsigned)(f->requester_id >> 8 & 0xff), (unsigned)(f->requester_id >> 3 & 0x1f),
                (unsigned)(f->requester_id & 7), what, iommu_fault_text(f->reason), more);
}

static void tell(const struct iommu_fault *f, uint64_t now_us)
{
    struct source *s = source_of(f->requester_id);
    s->count++;
    if (now_us >= s->quiet_until_us) {
        say(f, s->untold);
        s->untold = 0;
        s->quiet_until_us = now_us + QUIET_US;
    } else {
        s->untold++;
    }
    if (handler)
        handler(f);
}

void iommu_set_fault_handler(void (*fn)(const struct iommu_fault *fault))
{
    handler = fn;
}

uint64_t iommu_fault_count(uint32_t requester_id)
{
    for (unsigned i = 0; i < source_count; i++)
        if (sources[i].requester_id == requester_id)
            return sources[i].count;
    return 0;
}

void iommu_forget_faults(void)
{
    source_count = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(sources); i++)
        sources[i] = (struct source){ 0 };
    handler = NULL;
}

/* Records, VT-d 11.4.7 -------------------------------------------------------------- */

static unsigned record_count(const struct vtd_unit *u)
{
    return (unsigned)FIELD_GET(VTD_CAP_NFR, u->cap) + 1;
}

/* False: the record is empty.  It is emptied by writing F back (RW1C). */
static bool record_take(struct vtd_unit *u, unsigned index, struct iommu_fault *f)
{
    uint32_t at = (uint32_t)FIELD_GET(VTD_CAP_FRO, u->cap) * 16 + index * VTD_FRCD_SIZE;
    uint64_t high = vtd_read64(u, at + VTD_FRCD_HIGH);
    if (!(high & VTD_FRCD_F))
        return false;
    uint64_t low = vtd_read64(u, at + VTD_FRCD_LOW);
    vtd_write32(u, at + VTD_FRCD_TOP, VTD_FRCD_TOP_F);
    uint8_t reason = (uint8_t)FIELD_GET(VTD_FRCD_REASON, high);
    bool interrupt = reason >= 0x20 && reason < 0x30;
    *f = (struct iommu_fault){ .requester_id =
                                   (uint32_t)u->segment << 16 | (uint32_t)(high & VTD_FRCD_SOURCE),
                               .address = low & (interrupt ? VTD_FRCD_INDEX : ~0xfffull),
                               .reason = reason,
                               .write = !(high & VTD_FRCD_T1),
                               .interrupt = interrupt };
    return true;
}

/* VT-d 7.2.1: while PFO is set nothing is recorded, so it is cleared last. */
static void clear_overflow(struct vtd_unit *u, uint32_t fsts)
{
    if (fsts & VTD_FSTS_PFO)
        vtd_write32(u, VTD_FSTS, VTD_FSTS_PFO);
}

/* Records are filled in a ring, FRI being the first; each is looked at once, so
 * that a device that faults faster than we read cannot keep us here. */
void vtd_take_faults(struct vtd_unit *u, uint64_t now_us)
{
    struct iommu_fault f;
    uint32_t fsts = vtd_read32(u, VTD_FSTS);
    if (!(fsts & (VTD_FSTS_PPF | VTD_FSTS_PFO)))
        return;
    unsigned first = FIELD_GET(VTD_FSTS_FRI, fsts);
    for (unsigned i = 0; i < record_count(u); i++)
        if (record_take(u, (first + i) % record_count(u), &f)) {
            u->faults++;
            tell(&f, now_us);
        }
    u->overflows += fsts & VTD_FSTS_PFO;
    clear_overflow(u, fsts);
}

void vtd_drop_faults(struct vtd_unit *u)
{
    struct iommu_fault f;
    for (unsigned i = 0; i < record_count(u); i++)
        record_take(u, i, &f);
    clear_overflow(u, vtd_read32(u, VTD_FSTS));
}
