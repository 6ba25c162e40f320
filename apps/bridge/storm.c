/* storm.c - token buckets of members (storm.h). */
#include "apps/bridge/storm.h"

#include "apps/bridge/member.h"
#include "apps/forward/job.h"
#include "apps/forward/quiesce.h"
#include "kernel/time.h"

#include <errno.h>
#include <stdlib.h>

#define FILL_US (10 * US_PER_MS)
#define BURST_PART 10u /* of a second */

const char *const storm_names[STORM_KINDS] = { "broadcast", "multicast", "unknown" };

static uint64_t filled_us;

bool storm_take(struct storm *storm, enum storm_kind kind)
{
    if (!storm || !load_relaxed(&storm->limit[kind]))
        return true;
    return load_relaxed(&storm->left[kind]) > 0 && add_relaxed(&storm->left[kind], -1) > 0;
}

static int32_t most(uint32_t limit)
{
    uint32_t burst = limit / BURST_PART;
    return burst ? (int32_t)burst : 1;
}

static void fill(struct storm *storm, enum storm_kind kind, uint64_t us)
{
    uint64_t more = storm->rest[kind] + storm->limit[kind] * us;
    int32_t left = load_relaxed(&storm->left[kind]), room = most(storm->limit[kind]) - left;
    int32_t frames = (int32_t)min_u64(more / US_PER_S, (uint64_t)(room > 0 ? room : 0));
    storm->rest[kind] = more % US_PER_S;
    if (frames)
        add_relaxed(&storm->left[kind], frames);
}

static void fill_all(struct worker *control, uint64_t now_us)
{
    uint64_t us = min_u64(now_us - filled_us, US_PER_S);
    filled_us = now_us;
    for (unsigned i = 0; i < members.limit; i++) {
        const struct member *member = member_of(i);
        for (unsigned kind = 0; member && member->storm && kind < STORM_KINDS; kind++)
            if (member->storm->limit[kind])
                fill(member->storm, kind, us);
    }
}

CONTROL_JOB(storm_job) = { .every_us = FILL_US, .run = fill_all };

int storm_set(struct member *member, enum storm_kind kind, uint32_t limit)
{
    bool any = limit;
    if (!member->storm && !limit)
        return 0;
    struct storm *storm = member->storm ? member->storm : calloc(1, sizeof *storm);
    if (!storm)
        return -ENOMEM;
    store_release(&member->storm, storm);
    store_relaxed(&storm->limit[kind], limit);
    store_relaxed(&storm->left[kind], most(limit));
    for (unsigned i = 0; i < STORM_KINDS; i++)
        any |= storm->limit[i] != 0;
    uint32_t traits = member->traits & ~(uint32_t)TRAIT_STORM;
    store_release(&member->traits, traits | (any ? TRAIT_STORM : 0));
    return 0;
}

void storm_forget(struct member *member)
{
    if (member->storm)
        retire(free, member->storm);
}
