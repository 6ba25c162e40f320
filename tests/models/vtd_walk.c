/* vtd_walk.c - reading VT-d tables by the specification (vtd_walk.h).  Numbers,
 * not the names of iommu/vtd_regs.h: a wrong mask there must show here. */
#include "tests/models/vtd_walk.h"

#include <stddef.h>

#define ADDRESS 0x000ffffffffff000ull

static const uint64_t *at(uint64_t pa)
{
    return (const uint64_t *)(uintptr_t)pa;
}

static uint64_t bits(uint64_t v, unsigned high, unsigned low)
{
    return v >> low & (~0ull >> (63 - (high - low)));
}

/* 11.4.2: SAGAW bit 1 is 39 bits in 3 levels, bit 2 48 in 4, bit 3 57 in 5;
 * the AW fields of 9.3 and 9.6 count the same way. */
static bool width_is_supported(uint64_t cap, uint64_t aw)
{
    return aw >= 1 && aw <= 3 && bits(cap, 12, 8) >> aw & 1;
}

/* 9.1, 9.3 */
static uint8_t walk_legacy(uint64_t rtaddr, uint64_t cap, uint16_t requester,
                           struct walk_context *c)
{
    const uint64_t *root = at(rtaddr & ADDRESS) + (requester >> 8) * 2;
    if (!bits(root[0], 0, 0))
        return WALK_ROOT_ABSENT;
    if (bits(root[0], 11, 1) || root[1])
        return WALK_ROOT_RESERVED;
    const uint64_t *context = at(root[0] & ADDRESS) + (requester & 0xff) * 2;
    if (!bits(context[0], 0, 0))
        return WALK_CONTEXT_ABSENT;
    if (bits(context[0], 11, 4) || bits(context[1], 7, 7) || bits(context[1], 63, 24))
        return WALK_CONTEXT_RESERVED;
    uint64_t type = bits(context[0], 3, 2), aw = bits(context[1], 2, 0);
    if (type > 1 || !width_is_supported(cap, aw))
        return WALK_CONTEXT_INVALID;
    *c = (struct walk_context){ .domain = (uint16_t)bits(context[1], 23, 8),
                                .device_tlb = type == 1,
                                .levels = (uint8_t)(aw + 2),
                                .table = context[0] & ADDRESS };
    return WALK_OK;
}

/* 9.6: the entry of the PASID that stands for requests without one. */
static uint8_t walk_pasid(const uint64_t *e, uint64_t cap, struct walk_context *c)
{
    if (!bits(e[0], 0, 0))
        return WALK_SM_PASID_ABSENT;
    if (bits(e[0], 11, 10) || bits(e[1], 22, 16) || bits(e[2], 6, 6) || bits(e[2], 11, 8) || e[3] ||
        e[4] || e[5] || e[6] || e[7])
        return WALK_SM_PASID_RESERVED;
    c->domain = (uint16_t)bits(e[1], 15, 0);
    c->scalable = true;
    switch (bits(e[0], 8, 6)) {
    case 1: /* first stage: FSPM */
        c->first_stage = true;
        c->levels = (uint8_t)(bits(e[2], 3, 2) + 4);
        c->table = e[2] & ADDRESS;
        return c->levels > 5 || (c->levels == 5 && !bits(cap, 60, 60)) ? WALK_SM_PASID_INVALID
                                                                       : WALK_OK;
    case 2: /* second stage: AW */
        c->levels = (uint8_t)(bits(e[0], 4, 2) + 2);
        c->table = e[0] & ADDRESS;
        return width_is_supported(cap, bits(e[0], 4, 2)) ? WALK_OK : WALK_SM_PASID_INVALID;
    default:
        return WALK_SM_PASID_INVALID;
    }
}

/* 9.2, 9.4, 9.5 */
static uint8_t walk_scalable(uint64_t rtaddr, uint64_t cap, uint16_t requester,
                             struct walk_context *c)
{
    uint64_t root = at(rtaddr & ADDRESS)[(requester >> 8) * 2 + bits(requester, 7, 7)];
    if (!bits(root, 0, 0))
        return WALK_SM_ROOT_ABSENT;
    if (bits(root, 11, 1))
        return WALK_SM_ROOT_RESERVED;
    const uint64_t *context = at(root & ADDRESS) + bits(requester, 6, 0) * 4;
    if (!bits(context[0], 0, 0))
        return WALK_SM_CONTEXT_ABSENT;
    if (bits(context[0], 8, 5) || bits(context[1], 63, 21) || context[2] || context[3])
        return WALK_SM_CONTEXT_RESERVED;
    uint64_t pasid = bits(context[1], 19, 0);
    uint64_t directory = at(context[0] & ADDRESS)[pasid >> 6];
    if (!bits(directory, 0, 0))
        return WALK_SM_DIRECTORY_ABSENT;
    if (bits(directory, 11, 2))
        return WALK_SM_DIRECTORY_RESERVED;
    *c = (struct walk_context){ .device_tlb = bits(context[0], 2, 2) };
    return walk_pasid(at(directory & ADDRESS) + (pasid & 63) * 8, cap, c);
}

uint8_t walk_requester(uint64_t rtaddr, uint64_t cap, uint16_t requester,
                       struct walk_context *context)
{
    *context = (struct walk_context){ 0 };
    return bits(rtaddr, 11, 10) == 1 ? walk_scalable(rtaddr, cap, requester, context)
                                     : walk_legacy(rtaddr, cap, requester, context);
}

/* 9.8; a level above 1 GiB has no pages (bit 7 is reserved there). */
static uint8_t walk_second(const struct walk_context *c, uint64_t cap, uint64_t iova,
                           struct walk_page *page)
{
    uint8_t reserved = c->scalable ? WALK_SM_SS_RESERVED : WALK_PAGE_RESERVED;
    unsigned reach = 12u + 9u * c->levels, mgaw = (unsigned)bits(cap, 21, 16) + 1;
    if (iova >> (reach < mgaw ? reach : mgaw))
        return c->scalable ? WALK_SM_BEYOND : WALK_BEYOND;
    *page = (struct walk_page){ .read = true, .write = true };
    const uint64_t *table = at(c->table);
    for (unsigned shift = 3u + 9u * c->levels;; shift -= 9) {
        uint64_t e = table[iova >> shift & 511];
        page->read &= bits(e, 0, 0);
        page->write &= bits(e, 1, 1);
        page->size = 1ull << shift;
        page->pa = e & ADDRESS;
        if (!bits(e, 1, 0))
            return WALK_OK; /* neither right: the caller tells which was missed */
        bool large = shift > 12 && bits(e, 7, 7);
        if (bits(e, 11, 11) ||
            (large && (shift > 30 || !bits(cap, shift == 30 ? 35 : 34, shift == 30 ? 35 : 34) ||
                       page->pa % page->size)))
            return reserved;
        if (shift == 12 || large)
            return WALK_OK;
        table = at(page->pa);
    }
}

/* 9.7; user requests (3.6.1): every level must allow them. */
static uint8_t walk_first(const struct walk_context *c, uint64_t cap, uint64_t iova,
                          struct walk_page *page)
{
    unsigned width = 12u + 9u * c->levels;
    int64_t sign = (int64_t)(iova << (64 - width)) >> (64 - width);
    if ((uint64_t)sign != iova)
        return WALK_SM_NOT_CANONICAL;
    *page = (struct walk_page){ .read = true, .write = true };
    const uint64_t *table = at(c->table);
    for (unsigned shift = width - 9;; shift -= 9) {
        uint64_t e = table[iova >> shift & 511];
        if (!bits(e, 0, 0))
            return WALK_SM_FS_ABSENT;
        if (!bits(e, 2, 2))
            return WALK_SM_SUPERVISOR;
        page->write &= bits(e, 1, 1);
        page->size = 1ull << shift;
        page->pa = e & ADDRESS;
        bool large = shift > 12 && bits(e, 7, 7);
        if (large && (shift > 30 || (shift == 30 && !bits(cap, 56, 56)) || page->pa % page->size))
            return WALK_SM_FS_RESERVED;
        if (shift == 12 || large)
            return WALK_OK;
        table = at(page->pa);
    }
}

uint8_t walk_table(const struct walk_context *context, uint64_t cap, uint64_t iova,
                   struct walk_page *page)
{
    return context->first_stage ? walk_first(context, cap, iova, page)
                                : walk_second(context, cap, iova, page);
}
