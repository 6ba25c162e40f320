/* The DMAR table: the input is the table, its signature and length made right.
 * What is accepted must be what iommu/ relies on. */
#include "iommu/dmar.h"
#include "kernel/compiler.h"
#include "kernel/endian.h"
#include "tests/fuzz/harness.h"

#include <stdlib.h>
#include <string.h>

static void check_scopes(const struct dmar *d, struct dmar_scopes run)
{
    must(run.first + run.count <= d->scopes_used);
    for (unsigned i = 0; i < run.count; i++) {
        const struct dmar_scope *s = &d->scope[run.first + i];
        must(s->path_length && s->path_length <= DMAR_PATH_MAX);
        for (unsigned k = 0; k < s->path_length; k++)
            must(s->path[k].device < 32 && s->path[k].function < 8);
    }
}

static void check(const struct dmar *d)
{
    must(d->units && d->units <= DMAR_UNITS_MAX && d->regions <= DMAR_REGIONS_MAX);
    must(d->ats <= DMAR_REGIONS_MAX && d->scopes_used <= DMAR_SCOPES_MAX);
    for (unsigned i = 0; i < d->units; i++) {
        const struct dmar_unit *u = &d->unit[i];
        must(u->base && !(u->base % PAGE_SIZE) && u->base + u->size > u->base);
        check_scopes(d, u->scopes);
        for (unsigned k = 0; k < i; k++)
            must(u->base >= d->unit[k].base + d->unit[k].size ||
                 d->unit[k].base >= u->base + u->size);
    }
    for (unsigned i = 0; i < d->regions; i++) {
        must(!(d->region[i].base % PAGE_SIZE) && d->region[i].limit > d->region[i].base);
        check_scopes(d, d->region[i].scopes);
    }
    for (unsigned i = 0; i < d->ats; i++)
        check_scopes(d, d->at[i].scopes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dmar dmar;
    const char *why = NULL;
    uint8_t *table = malloc(size ? size : 1); /* exact size: overruns are seen */
    memcpy(table, data, size);
    if (size >= 8) {
        memcpy(table, "DMAR", 4);
        memcpy(table + 4, &(uint32_t){ (uint32_t)size }, 4);
    }
    if (dmar_parse(&dmar, table, size, &why))
        must(why && !dmar.units);
    else
        check(&dmar);
    free(table);
    return 0;
}
