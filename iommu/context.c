/* context.c - which device translates through which table (vtd.h).
 *
 * Root table, context tables and, in scalable mode, one PASID directory and one
 * PASID table for each requester (VT-d 9.1 to 9.6).  Our devices send requests
 * without PASID; the context gives those PASID 0, entry 0 of its table. */
#include "iommu/vtd.h"

#include "kernel/compiler.h"
#include "kernel/memory.h"

#include <errno.h>

#define BUSES 256u

static uint64_t *page_at(uint64_t entry)
{
    return (uint64_t *)(uintptr_t)(entry & VTD_ADDRESS);
}

/* The presence of an entry is told in word 0, so that one is written last. */
static void entry_write(const struct vtd_unit *u, uint64_t *entry, const uint64_t *value,
                        unsigned words)
{
    for (unsigned i = words; i-- > 0;)
        store_release(&entry[i], value[i]);
    vtd_write_back(u, entry, words * sizeof *entry);
}

/* The word of the root table that leads to a requester's context. */
static uint64_t *root_word(const struct vtd_unit *u, uint16_t requester)
{
    unsigned half = u->scalable && (requester & 0x80);
    return &u->root[(requester >> 8) * VTD_ROOT_WORDS + half];
}

static uint64_t *context_in(const struct vtd_unit *u, uint64_t root, uint16_t requester)
{
    return u->scalable ? page_at(root) + (requester & 0x7f) * VTD_SM_CONTEXT_WORDS
                       : page_at(root) + (requester & 0xff) * VTD_CONTEXT_WORDS;
}

/* The context entry of a requester, its table made when missing; NULL: no memory. */
static uint64_t *context_of(const struct vtd_unit *u, uint16_t requester)
{
    uint64_t *root = root_word(u, requester);
    if (!(*root & VTD_PRESENT)) {
        void *contexts = vtd_page_new(u);
        if (!contexts)
            return NULL;
        entry_write(u, root, (uint64_t[]){ (uintptr_t)contexts | VTD_PRESENT }, 1);
    }
    return context_in(u, *root, requester);
}

/* VT-d 9.3: second stage, with or without a device TLB. */
static int legacy_set(const struct vtd_unit *u, uint64_t *context, const struct iommu_table *table,
                      uint16_t domain, bool device_tlb)
{
    const uint64_t value[VTD_CONTEXT_WORDS] = {
        (uintptr_t)table->root | (device_tlb ? VTD_CONTEXT_DEVICE_TLB : 0) | VTD_PRESENT,
        FIELD_PUT(VTD_CONTEXT_DID, (uint64_t)domain) |
            FIELD_PUT(VTD_CONTEXT_AW, table->shape.levels - 2ull)
    };
    entry_write(u, context, value, VTD_CONTEXT_WORDS);
    return 0;
}

/* VT-d 9.6 */
static void pasid_entry(const struct vtd_unit *u, uint64_t *value, const struct iommu_table *table,
                        uint16_t domain)
{
    uint64_t root = (uintptr_t)table->root, levels = table->shape.levels;
    value[0] = VTD_PRESENT;
    value[1] = FIELD_PUT(VTD_PASID_DID, (uint64_t)domain) |
               (u->ecap & VTD_ECAP_SMPWC ? VTD_PASID_PWSNP : 0);
    if (table->shape.format == &iommu_first_stage) {
        value[0] |= FIELD_PUT(VTD_PASID_PGTT, VTD_PGTT_FIRST);
        value[2] = root | FIELD_PUT(VTD_PASID_FSPM, levels - 4);
    } else {
        value[0] |=
            root | FIELD_PUT(VTD_PASID_PGTT, VTD_PGTT_SECOND) | FIELD_PUT(VTD_PASID_AW, levels - 2);
    }
}

/* VT-d 9.4, 9.5: the smallest directory there is (PDTS = 0), of which one entry
 * is used. */
static int scalable_set(const struct vtd_unit *u, uint64_t *context,
                        const struct iommu_table *table, uint16_t domain, bool device_tlb)
{
    uint64_t *directory = vtd_page_new(u), *pasids = vtd_page_new(u);
    if (!directory || !pasids) {
        page_free(directory, PAGE_SIZE);
        page_free(pasids, PAGE_SIZE);
        return -ENOMEM;
    }
    uint64_t entry[VTD_PASID_WORDS] = { 0 };
    pasid_entry(u, entry, table, domain);
    entry_write(u, pasids, entry, VTD_PASID_WORDS);
    entry_write(u, directory, (uint64_t[]){ (uintptr_t)pasids | VTD_PRESENT }, 1);
    const uint64_t value[VTD_SM_CONTEXT_WORDS] = { (uintptr_t)directory |
                                                   (device_tlb ? VTD_SM_CONTEXT_DTE : 0) |
                                                   VTD_PRESENT };
    entry_write(u, context, value, VTD_SM_CONTEXT_WORDS);
    return 0;
}

static void scalable_free(uint64_t context)
{
    if (!(context & VTD_PRESENT))
        return;
    page_free(page_at(page_at(context)[0]), PAGE_SIZE);
    page_free(page_at(context), PAGE_SIZE);
}

/* VT-d 6.5.3.3: what a change of a context entry wants forgotten, in this order.  Contexts
 * are forgotten globally, so translations have to be (6.5.2.1, 6.5.2.2): a change is rare. */
static int flush_context(struct vtd_unit *u)
{
    int e = vtd_flush_contexts(u);
    return e ? e : vtd_flush_all(u);
}

int vtd_set_context(struct vtd_unit *u, uint16_t requester, const struct iommu_table *table,
                    uint16_t domain, bool device_tlb)
{
    uint64_t *context = u->failed ? NULL : context_of(u, requester);
    if (!context)
        return u->failed ? -EIO : -ENOMEM;
    int e = u->scalable ? scalable_set(u, context, table, domain, device_tlb)
                        : legacy_set(u, context, table, domain, device_tlb);
    if (e)
        return e;
    e = flush_context(u);
    if (e)
        vtd_clear_context(u, requester);
    return e;
}

int vtd_clear_context(struct vtd_unit *u, uint16_t requester)
{
    uint64_t *root = root_word(u, requester);
    if (!(*root & VTD_PRESENT))
        return 0;
    uint64_t *context = context_in(u, *root, requester);
    uint64_t old = context[0];
    /* Not present first, the rest after it. */
    store_release(&context[0], 0);
    entry_write(u, context, (const uint64_t[VTD_SM_CONTEXT_WORDS]){ 0 },
                u->scalable ? VTD_SM_CONTEXT_WORDS : VTD_CONTEXT_WORDS);
    int e = flush_context(u);
    if (!e && u->scalable)
        scalable_free(old);
    return e;
}

void vtd_free_contexts(struct vtd_unit *u)
{
    for (unsigned i = 0; u->root && i < BUSES * VTD_ROOT_WORDS; i++) {
        uint64_t root = u->root[i];
        if (!(root & VTD_PRESENT))
            continue;
        for (unsigned c = 0; u->scalable && c < 128; c++)
            scalable_free(page_at(root)[c * VTD_SM_CONTEXT_WORDS]);
        page_free(page_at(root), PAGE_SIZE);
    }
}
