/* vtd_model.c - a remapping unit (vtd_model.h).  Numbers of VT-d rev. 5.10, not
 * the names of iommu/vtd_regs.h. */
#include "tests/models/vtd_model.h"

#include "tests/host/host.h"

#include <string.h>

#define WINDOW 0x4000u
#define TE (1u << 31)
#define RTP (1u << 30)
#define WBF (1u << 27)
#define QIE (1u << 26)
#define IRE (1u << 25)
#define IRTP (1u << 24)
#define CFI (1u << 23)
#define PERSISTENT (TE | QIE | IRE | CFI)
#define IQE (1u << 4)
#define ITE (1u << 6)

static void complain(struct vtd_model *m, const char *what)
{
    m->complaint = m->complaint ? m->complaint : what;
}

static uint64_t bits(uint64_t v, unsigned high, unsigned low)
{
    return v >> low & (~0ull >> (63 - (high - low)));
}

static bool scalable(const struct vtd_model *m)
{
    return bits(m->root, 11, 10) == 1;
}

/* Caches ---------------------------------------------------------------------- */

static void forget_contexts(struct vtd_model *m)
{
    for (unsigned i = 0; i < VTD_MODEL_CACHE; i++)
        m->context[i].used = false;
    m->context_flushes++;
    m->pages_owed = true;
}

static void forget_pasids(struct vtd_model *m)
{
    for (unsigned i = 0; i < VTD_MODEL_CACHE; i++)
        m->context[i].pasid_used = false;
    m->pasid_flushes++;
    m->pages_owed = true;
}

/* 6.5.2.3, 6.5.2.4: first-stage entries have invalidations of their own. */
static void forget_pages(struct vtd_model *m, bool global, uint16_t domain, bool first_stage)
{
    for (unsigned i = 0; i < VTD_MODEL_CACHE; i++)
        if (global ||
            (m->page[i].context.domain == domain && m->page[i].context.first_stage == first_stage))
            m->page[i].used = false;
    m->iotlb_flushes++;
    m->pages_owed = m->pages_owed && !global;
}

/* 6.2.2: what is absent is cached in caching mode only. */
static uint8_t cached_context(struct vtd_model *m, uint16_t requester, struct walk_context *c)
{
    for (unsigned i = 0; i < VTD_MODEL_CACHE; i++)
        if ((m->context[i].used || m->context[i].pasid_used) &&
            m->context[i].requester == requester) {
            *c = m->context[i].context;
            return m->context[i].reason;
        }
    uint8_t reason = walk_requester(m->root, m->cap, requester, c);
    if (!reason || (m->cap & VTD_MODEL_CM)) {
        unsigned i = m->context_next++ % VTD_MODEL_CACHE;
        m->context[i].used = true;
        m->context[i].pasid_used = scalable(m);
        m->context[i].requester = requester;
        m->context[i].reason = reason;
        m->context[i].context = *c;
    }
    return reason;
}

static bool same_table(const struct walk_context *a, const struct walk_context *b)
{
    return a->domain == b->domain && a->first_stage == b->first_stage;
}

static uint8_t cached_page(struct vtd_model *m, const struct walk_context *c, uint64_t iova,
                           struct walk_page *page)
{
    for (unsigned i = 0; i < VTD_MODEL_CACHE; i++)
        if (m->page[i].used && same_table(&m->page[i].context, c) &&
            m->page[i].iova == (iova & ~(m->page[i].page.size - 1))) {
            *page = m->page[i].page;
            return m->page[i].reason;
        }
    uint8_t reason = walk_table(c, m->cap, iova, page);
    bool absent = reason || (!page->read && !page->write);
    if (absent)
        page->size = 0x1000;
    if (!absent || (m->cap & VTD_MODEL_CM)) {
        unsigned i = m->page_next++ % VTD_MODEL_CACHE;
        m->page[i].used = true;
        m->page[i].context = *c;
        m->page[i].iova = iova & ~(page->size - 1);
        m->page[i].reason = reason;
        m->page[i].page = *page;
    }
    return reason;
}

/* Faults, 7.2.1 ------------------------------------------------------------------ */

static unsigned fault_records(const struct vtd_model *m)
{
    return (unsigned)bits(m->cap, 47, 40) + 1;
}

/* FRI and PPF tell of the oldest record. */
static void fault_status(struct vtd_model *m)
{
    m->fsts &= ~0xff02u;
    for (unsigned n = 0; n < fault_records(m); n++) {
        unsigned i = (m->fault_next + n) % fault_records(m);
        if (bits(m->fault[i].high, 63, 63)) {
            m->fsts |= i << 8 | 2u;
            return;
        }
    }
}

void vtd_model_fault(struct vtd_model *m, uint8_t reason, uint16_t requester, uint64_t low,
                     bool write)
{
    unsigned i = m->fault_next;
    if (m->fsts & 1)
        return; /* 11.4.7.1: nothing is recorded while PFO is set */
    if (bits(m->fault[i].high, 63, 63)) {
        m->fsts |= 1;
        return;
    }
    m->fault[i].low = low;
    m->fault[i].high = 1ull << 63 | (write ? 0 : 1ull << 62) | (uint64_t)reason << 32 | requester;
    m->fault_next = (i + 1) % fault_records(m);
    fault_status(m);
}

uint8_t vtd_model_dma(struct vtd_model *m, uint16_t requester, uint64_t iova, bool write,
                      uint64_t *pa)
{
    struct walk_context c = { 0 };
    struct walk_page page = { 0 };
    *pa = iova;
    if (!(m->gsts & TE))
        return 0; /* not fenced */
    /* Both are global here, and so is what has to follow them (6.5.2.1, 6.5.2.2). */
    if (m->pages_owed)
        complain(m, "contexts forgotten without a global IOTLB invalidation behind");
    uint8_t reason = cached_context(m, requester, &c);
    reason = reason ? reason : cached_page(m, &c, iova, &page);
    if (!reason && write && !page.write)
        reason = c.scalable ? WALK_SM_NO_WRITE : WALK_NO_WRITE;
    if (!reason && !write && !page.read)
        reason = c.scalable ? WALK_SM_NO_READ : WALK_NO_READ;
    if (reason)
        vtd_model_fault(m, reason, requester, iova & ~0xfffull, write);
    *pa = page.pa + (iova & (page.size - 1));
    return reason;
}

/* 5.1.4.1 */
uint8_t vtd_model_interrupt(struct vtd_model *m, uint16_t requester, uint16_t index)
{
    if (!(m->gsts & IRE))
        return 0;
    const uint64_t *table = (const uint64_t *)(uintptr_t)(m->interrupt_table & ~0xfffull);
    uint8_t reason = 0;
    if (index >> (bits(m->interrupt_table, 3, 0) + 1))
        reason = 0x21;
    else if (!bits(table[index * 2], 0, 0))
        reason = 0x22;
    else if (bits(table[index * 2], 15, 2) || bits(table[index * 2], 31, 24) ||
             bits(table[index * 2 + 1], 63, 20)) /* reserved, or not a plain edge of ours */
        reason = 0x24;
    else if (bits(table[index * 2 + 1], 19, 18) != 1 || bits(table[index * 2 + 1], 17, 16) ||
             bits(table[index * 2 + 1], 15, 0) != requester)
        reason = 0x26;
    m->delivered_vector = reason ? 0 : (uint8_t)bits(table[index * 2], 23, 16);
    m->delivered_to = reason                             ? 0
                      : bits(m->interrupt_table, 11, 11) ? (uint32_t)bits(table[index * 2], 63, 32)
                                                         : (uint32_t)bits(table[index * 2], 47, 40);
    if (reason)
        vtd_model_fault(m, reason, requester, (uint64_t)index << 48, true);
    return reason;
}

uint8_t vtd_model_compatibility(struct vtd_model *m, uint16_t requester)
{
    bool x2apic = bits(m->interrupt_table, 11, 11);
    if (!(m->gsts & IRE) || ((m->gsts & CFI) && !x2apic))
        return 0;
    vtd_model_fault(m, 0x25, requester, 0, true);
    return 0x25;
}

/* Invalidation queue, 6.5.2 ------------------------------------------------------------ */

static unsigned descriptor_size(const struct vtd_model *m)
{
    return bits(m->iqa, 11, 11) ? 32 : 16;
}

static uint64_t queue_size(const struct vtd_model *m)
{
    return 0x1000ull << bits(m->iqa, 2, 0);
}

/* False: the unit does not understand it. */
static bool execute(struct vtd_model *m, const uint64_t *d)
{
    unsigned type = (unsigned)(bits(d[0], 3, 0) | bits(d[0], 11, 9) << 4);
    unsigned granularity = (unsigned)bits(d[0], 5, 4);
    uint16_t domain = (uint16_t)bits(d[0], 31, 16);
    if (m->refuse_type && type == m->refuse_type) {
        m->refused = m->iqh + 1;
        return false;
    }
    if (m->refused == m->iqh + 1)
        m->refuse_type = 0;
    if ((scalable(m) && descriptor_size(m) != 32) || (descriptor_size(m) == 32 && (d[2] || d[3])))
        return false; /* 11.4.9.9: descriptor width */
    switch (type) {
    case 1:
        forget_contexts(m);
        return granularity && !d[1] && !bits(d[0], 8, 6);
    case 2:
        if (granularity == 3 || d[1] || bits(d[0], 15, 8) || bits(d[0], 63, 32))
            return false;
        forget_pages(m, granularity == 1, domain, false);
        return granularity;
    case 3:
        m->device_flushes++;
        m->flushed_device = (uint16_t)bits(d[0], 47, 32);
        m->flushed_physical = (uint16_t)(bits(d[0], 15, 12) | bits(d[0], 63, 52) << 4);
        if (m->device_silent) {
            m->device_silent = false;
            m->aborted = true;
            m->fsts |= ITE;
        }
        return bits(m->ecap, 2, 2) && !bits(d[1], 11, 1) &&
               (bits(m->ecap, 41, 41) || !m->flushed_physical);
    case 4:
        m->interrupt_flushes++;
        return !d[1] && !bits(d[0], 26, 5);
    case 5:
        if (bits(d[0], 31, 9) || bits(d[1], 1, 0) || !bits(d[0], 5, 4))
            return false;
        if (bits(d[0], 5, 5) && !m->aborted)
            *(uint32_t *)(uintptr_t)d[1] = (uint32_t)bits(d[0], 63, 32);
        return true;
    case 6:
        if (!scalable(m) || granularity != 2)
            return false;
        forget_pages(m, false, domain, true);
        return true;
    case 7:
        forget_pasids(m);
        return scalable(m) && (granularity == 3 || granularity < 2);
    default:
        return false;
    }
}

static void run_queue(struct vtd_model *m)
{
    if (m->queue_stuck || !(m->gsts & QIE))
        return;
    while (m->iqh != m->iqt && !(m->fsts & (IQE | ITE))) {
        if (m->iqt >= queue_size(m) || m->iqt % descriptor_size(m)) {
            m->fsts |= IQE;
            return;
        }
        if (!execute(m, (const uint64_t *)(uintptr_t)((m->iqa & ~0xfffull) + m->iqh))) {
            m->fsts |= IQE;
            return;
        }
        m->iqh = (m->iqh + descriptor_size(m)) % queue_size(m);
    }
    /* 6.5.2.11: the waits behind a silent device are dropped. */
    if (m->fsts & ITE)
        m->iqh = m->iqt;
}

/* Registers, 11.4 -------------------------------------------------------------------------- */

/* Whatever was commanded is done now. */
static void settle(struct vtd_model *m)
{
    if (m->wait && --m->wait)
        return;
    m->gsts = (m->gsts & m->stuck) | (m->gsts_next & ~m->stuck);
    if (!m->register_refuses && bits(m->ccmd, 63, 63)) {
        forget_contexts(m);
        m->ccmd = (m->ccmd & ~(3ull << 59)) | bits(m->ccmd, 62, 61) << 59;
    }
    m->ccmd &= ~(1ull << 63);
    if (!m->register_refuses && bits(m->iotlb, 63, 63)) {
        forget_pages(m, bits(m->iotlb, 61, 60) == 1, (uint16_t)bits(m->iotlb, 47, 32), false);
        m->iotlb = (m->iotlb & ~(3ull << 57)) | bits(m->iotlb, 61, 60) << 57;
    }
    m->iotlb &= ~(1ull << 63);
    run_queue(m);
}

static void pend(struct vtd_model *m)
{
    m->wait = m->delay;
    if (!m->delay)
        settle(m);
}

static void command_one_shots(struct vtd_model *m, uint32_t v)
{
    if (v & WBF) {
        m->write_buffer_flushes++;
        if (!(m->cap & VTD_MODEL_RWBF))
            complain(m, "WBF on a unit without RWBF");
    }
    if (v & RTP) {
        if ((m->gsts & TE) && bits(m->rtaddr, 11, 10) != bits(m->root, 11, 10))
            complain(m, "table mode changed while translating (11.4.5)");
        m->root = m->rtaddr;
        m->gsts &= ~RTP;
        m->gsts_next |= RTP;
    }
    if (v & IRTP) {
        m->interrupt_table = m->irta;
        m->gsts &= ~IRTP;
        m->gsts_next |= IRTP;
    }
}

/* 11.4.4: one change a write. */
static void command(struct vtd_model *m, uint32_t v)
{
    uint32_t changed = (v ^ m->gsts) & PERSISTENT, shots = v & (RTP | WBF | IRTP);
    if (m->wait)
        complain(m, "a command before the last one was done (11.4.4)");
    if (__builtin_popcount(changed) + __builtin_popcount(shots) > 1)
        complain(m, "two changes in one command (11.4.4)");
    if (v & ~(PERSISTENT | RTP | WBF | IRTP))
        complain(m, "a command we have no business with");
    if ((changed & TE) && (v & TE) && !(m->gsts & RTP))
        complain(m, "translation on without a root table");
    if ((changed & IRE) && (v & IRE) && !(m->gsts & IRTP))
        complain(m, "interrupt remapping on without a table");
    if ((changed & QIE) && !(v & QIE) && m->iqh != m->iqt && !m->queue_stuck)
        complain(m, "queue off while it is not empty (6.5.2)");
    m->was_off |= (changed & TE) && !(v & TE);
    m->gsts_next = (m->gsts_next & ~PERSISTENT) | (v & PERSISTENT);
    if ((changed & QIE) && (v & QIE))
        m->iqh = 0;
    command_one_shots(m, v);
    pend(m);
}

static void write_fault_status(struct vtd_model *m, uint32_t v)
{
    m->fsts &= ~(v & 0x71u);
    if (v & ITE)
        m->aborted = false;
    run_queue(m);
}

static void write_queue(struct vtd_model *m, uint64_t offset, uint64_t v)
{
    if (offset == 0x88) {
        m->iqt = v;
        if (m->gsts & QIE)
            pend(m);
        return;
    }
    if (m->gsts & QIE)
        complain(m, "IQA changed while the queue is on");
    m->iqa = v;
}

static void write_invalidation(struct vtd_model *m, uint64_t offset, uint64_t v)
{
    if (m->gsts & QIE)
        complain(m, "register invalidation while the queue is on (6.5)");
    if (bits(offset == 0x28 ? m->ccmd : m->iotlb, 63, 63))
        complain(m, "invalidation before the last one was done");
    *(offset == 0x28 ? &m->ccmd : &m->iotlb) = v;
    pend(m);
}

static uint64_t fault_offset(const struct vtd_model *m)
{
    return bits(m->cap, 33, 24) * 16;
}

static bool is_fault_record(const struct vtd_model *m, uint64_t offset)
{
    return offset >= fault_offset(m) && offset < fault_offset(m) + 16 * fault_records(m);
}

static void write_fault_record(struct vtd_model *m, uint64_t offset, unsigned size, uint64_t v)
{
    unsigned at = (unsigned)(offset - fault_offset(m));
    bool clear = (at % 16 == 12 && size == 4 && bits(v, 31, 31)) ||
                 (at % 16 == 8 && size == 8 && bits(v, 63, 63));
    if (clear)
        m->fault[at / 16].high &= ~(1ull << 63);
    fault_status(m);
}

static void model_write(void *ctx, uint64_t offset, unsigned size, uint64_t v)
{
    struct vtd_model *m = ctx;
    uint64_t iotlb = bits(m->ecap, 17, 8) * 16 + 8;
    if (size != 8 && (offset == 0x20 || offset == 0x28 || offset == 0x90 || offset == 0xb8))
        complain(m, "half of a 64-bit register written");
    if (offset == 0x18)
        command(m, (uint32_t)v);
    else if (offset == 0x20)
        m->rtaddr = v;
    else if (offset == 0x28 || offset == iotlb)
        write_invalidation(m, offset, v);
    else if (offset == 0x34)
        write_fault_status(m, (uint32_t)v);
    else if (offset == 0x38)
        m->fectl = (uint32_t)v;
    else if (offset == 0x64)
        m->pmen = (uint32_t)(v & (1u << 31)) | (uint32_t)bits(v, 31, 31);
    else if (offset == 0x88 || offset == 0x90)
        write_queue(m, offset, v);
    else if (offset == 0xb8)
        m->irta = v;
    else if (is_fault_record(m, offset))
        write_fault_record(m, offset, size, v);
    else
        complain(m, "a register we have no business with");
}

static uint64_t read_fault_record(const struct vtd_model *m, uint64_t offset, unsigned size)
{
    unsigned at = (unsigned)(offset - fault_offset(m));
    uint64_t v = at % 16 < 8 ? m->fault[at / 16].low : m->fault[at / 16].high;
    return at % 8 ? v >> 32 : size == 4 ? (uint32_t)v : v;
}

static uint64_t model_read(void *ctx, uint64_t offset, unsigned size)
{
    struct vtd_model *m = ctx;
    uint64_t iotlb = bits(m->ecap, 17, 8) * 16 + 8;
    if (m->wait)
        settle(m);
    if (is_fault_record(m, offset))
        return read_fault_record(m, offset, size);
    if (offset == iotlb)
        return m->iotlb;
    switch (offset) {
    case 0x00:
        return m->version;
    case 0x08:
        return m->cap;
    case 0x10:
        return m->ecap;
    case 0x1c:
        return m->gsts & ~WBF;
    case 0x20:
        return m->rtaddr;
    case 0x28:
        return m->ccmd;
    case 0x34:
        return m->fsts;
    case 0x64:
        return m->pmen;
    case 0x80:
        return m->iqh;
    case 0x88:
        return m->iqt;
    case 0x90:
        return m->iqa;
    default:
        complain(m, "a register we have no business reading");
        return 0;
    }
}

void vtd_model_init(struct vtd_model *m, uint64_t base)
{
    *m = (struct vtd_model){
        .cap = VTD_MODEL_CAP, .ecap = VTD_MODEL_ECAP, .version = 0x10, .base = base
    };
    host_add_mmio(&(struct host_window){
        .base = base, .size = WINDOW, .read = model_read, .write = model_write, .ctx = m });
}

void vtd_model_leave_on(struct vtd_model *m, uint64_t root)
{
    m->root = m->rtaddr = root;
    m->gsts = m->gsts_next = TE | RTP | QIE | IRE | IRTP | CFI;
    m->pmen = 1u << 31 | 1u;
    m->iqa = 0;
    m->iqh = m->iqt = 0x40;
}
