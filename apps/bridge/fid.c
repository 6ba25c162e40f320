/* fid.c - who has which filtering identifier (fid.h). */
#include "apps/bridge/fid.h"

#include "apps/forward/job.h"
#include "kernel/numbered.h"

static struct numbered fids;
static struct fid by_default; /* in its place from the first look on */

static int keep_default(void)
{
    return numbered_get(&fids, BRIDGE_DEFAULT_FID)
               ? 0
               : numbered_set(&fids, BRIDGE_DEFAULT_FID, &by_default);
}

uint16_t fid_take(struct bridge *bridge, uint16_t vid, int is_default)
{
    struct fid *fid = is_default ? &by_default : calloc(1, sizeof *fid);
    unsigned number = NUMBERED_MAX;
    if (fid && !keep_default())
        number = is_default ? BRIDGE_DEFAULT_FID : numbered_lowest(&fids);
    if (number == NUMBERED_MAX || numbered_set(&fids, number, fid)) {
        if (!is_default)
            free(fid);
        return FID_NONE;
    }
    *fid = (struct fid){ .bridge = bridge, .vid = vid };
    return (uint16_t)number;
}

void fid_give(uint16_t number)
{
    struct fid *fid = numbered_get(&fids, number);
    if (fid == &by_default) {
        by_default.bridge = NULL;
        return;
    }
    numbered_clear(&fids, number);
    free(fid);
}

struct fid fid_get(uint16_t number)
{
    static const struct fid none;
    const struct fid *fid = numbered_get(&fids, number);
    return fid ? *fid : none;
}

unsigned fid_limit(void)
{
    return fids.limit;
}

static void forget_all(void)
{
    for (unsigned i = 0; i < fids.limit; i++)
        if (numbered_get(&fids, i))
            fid_give((uint16_t)i);
    numbered_free(&fids);
}

CONTROL_JOB(fid_job) = { .free = forget_all };
