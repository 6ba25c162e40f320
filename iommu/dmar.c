/* dmar.c - parsing the DMAR table (dmar.h). */
#include "iommu/dmar.h"

#include "kernel/compiler.h"
#include "kernel/endian.h"

#include <errno.h>
#include <string.h>

/* The tables of VT-d 8.1 and 8.3 to 8.8: offsets in a remapping structure. */
#define HEADER_SIZE 48u
#define FLAG_INTERRUPT_REMAPPING 0x01u
#define DRHD_INCLUDE_PCI_ALL 0x01u
#define ATSR_ALL_PORTS 0x01u
#define SCOPE_HEADER 6u

enum { TYPE_DRHD, TYPE_RMRR, TYPE_ATSR, TYPE_RHSA, TYPE_ANDD, TYPE_SATC };

struct parser {
    struct dmar *dmar;
    const char *why;
};

static int refuse(struct parser *p, const char *why)
{
    p->why = why;
    return -EINVAL;
}

static int parse_scope(struct parser *p, const uint8_t *b, size_t length)
{
    struct dmar *d = p->dmar;
    size_t path = (length - SCOPE_HEADER) / 2;
    if (d->scopes_used == DMAR_SCOPES_MAX)
        return refuse(p, "more device scopes than we hold");
    if (length % 2 || !path || path > DMAR_PATH_MAX)
        return refuse(p, "device scope with an impossible path");
    struct dmar_scope *s = &d->scope[d->scopes_used++];
    *s = (struct dmar_scope){ .type = b[0], .start_bus = b[5], .path_length = (uint8_t)path };
    for (size_t i = 0; i < path; i++) {
        s->path[i].device = b[SCOPE_HEADER + 2 * i];
        s->path[i].function = b[SCOPE_HEADER + 2 * i + 1];
        if (s->path[i].device > 31 || s->path[i].function > 7)
            return refuse(p, "device scope with a device or function out of range");
    }
    return 0;
}

/* VT-d 8.3.1: Device Scope structures fill the rest of their parent. */
static int parse_scopes(struct parser *p, const uint8_t *b, size_t length, struct dmar_scopes *run)
{
    run->first = (uint16_t)p->dmar->scopes_used;
    while (length) {
        if (length < SCOPE_HEADER || b[1] < SCOPE_HEADER || b[1] > length)
            return refuse(p, "device scope longer than its structure");
        int e = parse_scope(p, b, b[1]);
        if (e)
            return e;
        length -= b[1];
        b += b[1];
    }
    run->count = (uint16_t)(p->dmar->scopes_used - run->first);
    return 0;
}

static int parse_drhd(struct parser *p, const uint8_t *b, size_t length)
{
    struct dmar *d = p->dmar;
    if (length < 16)
        return refuse(p, "DRHD too short");
    if (d->units == DMAR_UNITS_MAX)
        return refuse(p, "more remapping units than we hold");
    struct dmar_unit *u = &d->unit[d->units];
    *u = (struct dmar_unit){ .base = load_le64(b + 8),
                             .size = (uint64_t)PAGE_SIZE << (b[5] & 0xf),
                             .segment = load_le16(b + 6),
                             .include_all = b[4] & DRHD_INCLUDE_PCI_ALL };
    if (!u->base || u->base % PAGE_SIZE || u->base + u->size < u->base)
        return refuse(p, "DRHD with an impossible register base");
    for (unsigned i = 0; i < d->units; i++) {
        const struct dmar_unit *o = &d->unit[i];
        if (u->base < o->base + o->size && o->base < u->base + u->size)
            return refuse(p, "two DRHDs with overlapping registers");
        if (u->include_all && o->include_all && u->segment == o->segment)
            return refuse(p, "two DRHDs that both take the rest of a segment");
    }
    d->units++;
    return parse_scopes(p, b + 16, length - 16, &u->scopes);
}

static int parse_rmrr(struct parser *p, const uint8_t *b, size_t length)
{
    struct dmar *d = p->dmar;
    if (length < 24)
        return refuse(p, "RMRR too short");
    if (d->regions == DMAR_REGIONS_MAX)
        return refuse(p, "more reserved regions than we hold");
    struct dmar_region *r = &d->region[d->regions++];
    *r = (struct dmar_region){ .base = load_le64(b + 8),
                               .limit = load_le64(b + 16),
                               .segment = load_le16(b + 6) };
    if (r->base % PAGE_SIZE || (r->limit + 1) % PAGE_SIZE || r->limit <= r->base)
        return refuse(p, "RMRR with impossible bounds");
    return parse_scopes(p, b + 24, length - 24, &r->scopes);
}

static int parse_ats(struct parser *p, const uint8_t *b, size_t length, bool integrated)
{
    struct dmar *d = p->dmar;
    if (length < 8)
        return refuse(p, integrated ? "SATC too short" : "ATSR too short");
    if (d->ats == DMAR_REGIONS_MAX)
        return refuse(p, "more ATS rows than we hold");
    struct dmar_ats *a = &d->at[d->ats++];
    *a = (struct dmar_ats){ .segment = load_le16(b + 6),
                            .all_ports = !integrated && (b[4] & ATSR_ALL_PORTS),
                            .integrated = integrated };
    return parse_scopes(p, b + 8, length - 8, &a->scopes);
}

/* ANDD names an ACPI device for scopes of type 5; the name ends inside. */
static int parse_andd(struct parser *p, const uint8_t *b, size_t length)
{
    if (length < 9 || !memchr(b + 8, 0, length - 8))
        return refuse(p, "ANDD without a name");
    p->dmar->names++;
    return 0;
}

static int parse_one(struct parser *p, unsigned type, const uint8_t *b, size_t length)
{
    switch (type) {
    case TYPE_DRHD:
        return parse_drhd(p, b, length);
    case TYPE_RMRR:
        return parse_rmrr(p, b, length);
    case TYPE_ATSR:
        return parse_ats(p, b, length, false);
    case TYPE_RHSA: /* VT-d 8.6: which memory is near; nothing here asks */
        return length < 20 ? refuse(p, "RHSA too short") : 0;
    case TYPE_ANDD:
        return parse_andd(p, b, length);
    case TYPE_SATC:
        return parse_ats(p, b, length, true);
    default:
        return 0; /* VT-d 8.2: unknown types are skipped */
    }
}

static int parse_all(struct parser *p, const uint8_t *b, size_t length)
{
    while (length) {
        size_t one = length < 4 ? 0 : load_le16(b + 2);
        if (one < 4 || one > length)
            return refuse(p, "remapping structure longer than the table");
        int e = parse_one(p, load_le16(b), b, one);
        if (e)
            return e;
        b += one;
        length -= one;
    }
    return p->dmar->units ? 0 : refuse(p, "no remapping unit in it");
}

int dmar_parse(struct dmar *dmar, const void *table, size_t length, const char **why)
{
    const uint8_t *b = table;
    struct parser p = { .dmar = dmar };
    memset(dmar, 0, sizeof *dmar);
    if (length < HEADER_SIZE || memcmp(b, "DMAR", 4) || load_le32(b + 4) != length) {
        *why = "not a whole DMAR table";
        return -EINVAL;
    }
    dmar->address_width = (uint8_t)(b[36] + 1); /* VT-d 8.1: one less is stored */
    dmar->interrupt_remapping = b[37] & FLAG_INTERRUPT_REMAPPING;
    int e = parse_all(&p, b + HEADER_SIZE, length - HEADER_SIZE);
    if (e) {
        memset(dmar, 0, sizeof *dmar);
        *why = p.why;
    }
    return e;
}
