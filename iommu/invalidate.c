/* invalidate.c - making a unit forget (vtd.h).  Source: VT-d rev. 5.10, 6.5.
 *
 * Through the invalidation queue where there is one, else through registers.
 * The queue is used one batch at a time: descriptors, a wait descriptor, and
 * nothing more before its number is written. */
#include "iommu/vtd.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>

#define INVALIDATE_LIMIT_US \
    100000u                    /* no figure in the specification; devices answer ATS in 60 s \
                                */
#define DRAIN_LIMIT_US 100000u /* the queue of whoever was here before us */

static int timed_out(struct vtd_unit *u, const char *name, uint64_t seen, uint64_t expected)
{
    log_error("iommu %" PRIx64 ": %s is %016" PRIx64 ", expected %016" PRIx64 " within %u us",
              u->base, name, seen, expected, INVALIDATE_LIMIT_US);
    u->failed = true;
    return -EIO;
}

/* The queue, VT-d 6.5.2 ------------------------------------------------------------ */

/* Descriptors of 256 bits go with scalable mode (11.4.9.3 IQA.DW). */
static unsigned queue_words(const struct vtd_unit *u)
{
    return u->scalable ? 4 : 2;
}

static unsigned queue_entries(const struct vtd_unit *u)
{
    return PAGE_SIZE / 8 / queue_words(u);
}

static uint64_t *queue_at(const struct vtd_unit *u, uint32_t index)
{
    return u->queue + index * queue_words(u);
}

static void queue_write(struct vtd_unit *u, uint32_t index, uint64_t low, uint64_t high)
{
    uint64_t *d = queue_at(u, index);
    d[0] = low;
    d[1] = high;
    vtd_write_back(u, d, 8 * queue_words(u));
}

static void queue_put(struct vtd_unit *u, uint64_t low, uint64_t high)
{
    queue_write(u, u->tail, low, high);
    u->tail = (u->tail + 1) % queue_entries(u);
}

static uint64_t wait_descriptor(uint32_t number)
{
    return VTD_INV_WAIT | VTD_INV_WAIT_SW | FIELD_PUT(VTD_INV_WAIT_DATA, (uint64_t)number);
}

/* The batch ends here: a wait descriptor writes a number of its own. */
static uint32_t queue_submit(struct vtd_unit *u)
{
    uint32_t number = ++u->done_next;
    queue_put(u, wait_descriptor(number), (uintptr_t)u->done);
    vtd_write64(u, VTD_IQT, (uint64_t)u->tail * 8 * queue_words(u));
    return number;
}

/* VT-d 6.5.2.11: an error stops the queue until its bit is cleared.  A descriptor
 * the unit does not understand (IQE) is made a wait that tells nothing new,
 * so that the rest can run; after a device's silence (ITE, ICE) the waits behind it are
 * dropped, and a new one is due. */
static void queue_recover(struct vtd_unit *u, uint32_t fsts)
{
    uint32_t head = (uint32_t)(vtd_read64(u, VTD_IQH) / 8 / queue_words(u)) % queue_entries(u);
    const uint64_t *d = queue_at(u, head);
    log_error("iommu %" PRIx64 ": invalidation stopped at %016" PRIx64 " %016" PRIx64
              ": FSTS is %08" PRIx32 ", expected no bit of %08" PRIx32,
              u->base, d[0], d[1], fsts, VTD_FSTS_QUEUE);
    u->queue_errors++;
    if (fsts & VTD_FSTS_IQE)
        queue_write(u, head, wait_descriptor(*u->done), (uintptr_t)u->done);
    vtd_write32(u, VTD_FSTS, fsts & VTD_FSTS_QUEUE);
}

/* Runs what was put.  0; -EIO: a descriptor was refused, or the unit is silent;
 * -ETIMEDOUT: a device is. */
static int queue_run(struct vtd_unit *u)
{
    struct deadline d = deadline_us(INVALIDATE_LIMIT_US);
    int e = 0;
    if (u->failed)
        return -EIO;
    uint32_t number = queue_submit(u);
    while (load_acquire(u->done) != number) {
        uint32_t fsts = vtd_read32(u, VTD_FSTS);
        if (fsts & VTD_FSTS_QUEUE) {
            queue_recover(u, fsts);
            e = fsts & VTD_FSTS_IQE ? -EIO : e ? e : -ETIMEDOUT;
            if (fsts & (VTD_FSTS_ICE | VTD_FSTS_ITE))
                number = queue_submit(u);
        }
        if (deadline_passed(&d))
            return timed_out(u, "the number of the invalidation wait", *u->done, number);
    }
    return e;
}

/* VT-d 6.5.2: the queue is turned off only when it is empty. */
int vtd_queue_stop(struct vtd_unit *u)
{
    struct deadline d = deadline_us(DRAIN_LIMIT_US);
    if (!u->queued || !(vtd_read32(u, VTD_GSTS) & VTD_G_QIE))
        return 0;
    while (vtd_read64(u, VTD_IQH) != vtd_read64(u, VTD_IQT)) {
        uint32_t fsts = vtd_read32(u, VTD_FSTS);
        if ((fsts & VTD_FSTS_QUEUE) || deadline_passed(&d)) {
            log_warning("iommu %" PRIx64 ": IQH is %" PRIx64 ", expected IQT %" PRIx64
                        " (FSTS %08" PRIx32 "): the queue is turned off all the same",
                        u->base, vtd_read64(u, VTD_IQH), vtd_read64(u, VTD_IQT), fsts);
            break;
        }
    }
    return vtd_command(u, VTD_G_QIE, false);
}

/* VT-d 6.5.2: tail first, then the address, errors of the past cleared, then on. */
int vtd_queue_start(struct vtd_unit *u)
{
    if (!u->queued)
        return 0;
    u->tail = 0;
    vtd_write64(u, VTD_IQT, 0);
    vtd_write64(u, VTD_IQA, (uintptr_t)u->queue | (u->scalable ? VTD_IQA_DW : 0));
    vtd_write32(u, VTD_FSTS, VTD_FSTS_QUEUE);
    return vtd_command(u, VTD_G_QIE, true);
}

/* Registers, VT-d 6.5.1 -------------------------------------------------------------- */

/* Starts a command and waits for its end; the granularity that was done is told
 * in `actual`, none at all when the command was wrong (11.4.6.1, 11.4.6.3). */
static int register_run(struct vtd_unit *u, const char *name, uint32_t reg, uint64_t command,
                        uint64_t busy, uint64_t actual)
{
    struct deadline d = deadline_us(INVALIDATE_LIMIT_US);
    uint64_t seen;
    if (u->failed)
        return -EIO;
    vtd_write64(u, reg, command | busy);
    while ((seen = vtd_read64(u, reg)) & busy)
        if (deadline_passed(&d))
            return timed_out(u, name, seen, seen & ~busy);
    return seen & actual ? 0 : timed_out(u, name, seen, seen | actual);
}

static int iotlb_register(struct vtd_unit *u, uint64_t command)
{
    uint32_t reg = (uint32_t)FIELD_GET(VTD_ECAP_IRO, u->ecap) * 16 + VTD_IOTLB;
    command |= u->cap & VTD_CAP_DRD ? VTD_IOTLB_DR : 0;
    command |= u->cap & VTD_CAP_DWD ? VTD_IOTLB_DW : 0;
    return register_run(u, "IOTLB", reg, command, VTD_IOTLB_IVT, VTD_IOTLB_IAIG);
}

/* What is forgotten ---------------------------------------------------------------------- */

/* Reads and writes under way end before the invalidation does, where offered. */
static uint64_t drain(const struct vtd_unit *u)
{
    return (u->cap & VTD_CAP_DRD ? VTD_INV_IOTLB_DR : 0) |
           (u->cap & VTD_CAP_DWD ? VTD_INV_IOTLB_DW : 0);
}

int vtd_flush_contexts(struct vtd_unit *u)
{
    int e = vtd_flush_write_buffer(u);
    if (e)
        return e;
    if (!u->queued)
        return register_run(u, "CCMD", VTD_CCMD, VTD_CCMD_GLOBAL, VTD_CCMD_ICC, VTD_CCMD_CAIG);
    queue_put(u, VTD_INV_CONTEXT_GLOBAL, 0);
    if (u->scalable)
        queue_put(u, VTD_INV_PASID_GLOBAL, 0);
    return queue_run(u);
}

int vtd_flush_all(struct vtd_unit *u)
{
    int e = vtd_flush_write_buffer(u);
    if (e)
        return e;
    if (!u->queued)
        return iotlb_register(u, VTD_IOTLB_GLOBAL);
    queue_put(u, VTD_INV_IOTLB_GLOBAL | drain(u), 0);
    return queue_run(u);
}

/* First-stage translations are forgotten by PASID, 6.5.2.4. */
int vtd_flush_domain(struct vtd_unit *u, uint16_t domain)
{
    int e = vtd_flush_write_buffer(u);
    if (e)
        return e;
    if (!u->queued)
        return iotlb_register(u, VTD_IOTLB_DOMAIN | FIELD_PUT(VTD_IOTLB_DID, (uint64_t)domain));
    uint64_t did = FIELD_PUT(VTD_INV_DID, (uint64_t)domain);
    if (u->shape.format == &iommu_first_stage)
        queue_put(u, VTD_INV_PIOTLB_PASID | did, 0);
    else
        queue_put(u, VTD_INV_IOTLB_DOMAIN | drain(u) | did, 0);
    return queue_run(u);
}

/* VT-d 6.1: absent entries are cached by units in caching mode only. */
int vtd_flush_new(struct vtd_unit *u, uint16_t domain)
{
    return u->caching ? vtd_flush_domain(u, domain) : vtd_flush_write_buffer(u);
}

int vtd_flush_interrupts(struct vtd_unit *u)
{
    int e = vtd_flush_write_buffer(u);
    if (e)
        return e;
    queue_put(u, VTD_INV_IEC_GLOBAL, 0);
    return queue_run(u);
}

/* 6.5.2.5: units that throttle (ECAP.DIT) do so by physical function. */
int vtd_flush_device(struct vtd_unit *u, uint16_t requester, uint16_t physical)
{
    uint64_t d = VTD_INV_DEVICE_TLB | FIELD_PUT(VTD_INV_DEVICE_TLB_SID, (uint64_t)requester);
    if (u->ecap & VTD_ECAP_DIT)
        d |= FIELD_PUT(VTD_INV_DEVICE_TLB_PFSID_LOW, physical & 0xfull) |
             FIELD_PUT(VTD_INV_DEVICE_TLB_PFSID_HIGH, (uint64_t)physical >> 4);
    queue_put(u, d, VTD_INV_DEVICE_TLB_ALL);
    return queue_run(u);
}
