/* group.c - sharing buckets among ways (group.h). */
#include "apps/ip/group.h"

#include "apps/forward/job.h"
#include "apps/forward/quiesce.h"
#include "kernel/memory.h"

#include <stdlib.h>

uint32_t group_count;
static struct group *groups, *at; /* all of them; the next one to be looked at */
static uint32_t left;             /* so many are not looked at since the last change */

/* What is whose ------------------------------------------------------------- */

/* Every way's share of the buckets: in proportion, rounded down, and what is left over to those
 * that lost most by that, the first ones first. */
static void shares(const struct group *group, uint32_t ways, uint16_t share[GROUP_WAYS])
{
    uint32_t sum = 0, given = 0, rest[GROUP_WAYS] = { 0 };
    for (unsigned i = 0; i < group->count; i++)
        sum += ways >> i & 1 ? group->weight[i] : 0;
    for (unsigned i = 0; i < group->count; i++) {
        uint32_t wanted = ways >> i & 1 ? group->weight[i] * GROUP_BUCKETS : 0;
        share[i] = (uint16_t)(sum ? wanted / sum : 0);
        rest[i] = sum ? wanted % sum : 0;
        given += share[i];
    }
    for (; sum && given < GROUP_BUCKETS; given++) {
        unsigned most = 0;
        for (unsigned i = 1; i < group->count; i++)
            most = rest[i] > rest[most] ? i : most;
        rest[most] = 0;
        share[most]++;
    }
}

/* The way that lacks most of its share. */
static unsigned neediest(const struct group *group, uint32_t ways, const uint16_t *share,
                         const uint16_t *own)
{
    unsigned found = (unsigned)__builtin_ctz(ways);
    for (unsigned i = 0; i < group->count; i++)
        if ((ways >> i & 1) && share[i] - own[i] > share[found] - own[found])
            found = i;
    return found;
}

static void bucket_give(struct group *group, unsigned bucket, unsigned way, uint16_t *own)
{
    own[group->bucket[bucket]]--;
    own[way]++;
    store_relaxed(&group->bucket[bucket], (uint8_t)way);
}

/* Buckets whose owner is gone go to who lacks most. */
static void hand_out(struct group *group, uint32_t ways, const uint16_t *share, uint16_t *own)
{
    for (unsigned b = 0; b < GROUP_BUCKETS; b++)
        if (!(ways >> group->bucket[b] & 1))
            bucket_give(group, b, neediest(group, ways, share, own), own);
}

static void come_home(struct group *group, uint32_t ways, uint16_t *own)
{
    for (unsigned b = 0; b < GROUP_BUCKETS; b++)
        if (ways >> group->home[b] & 1)
            bucket_give(group, b, group->home[b], own);
}

/* Of those that are not at home, as many as ways that are back lack while others have too many. */
static void even_out(struct group *group, uint32_t back, const uint16_t *share, uint16_t *own)
{
    for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
        unsigned way = neediest(group, back, share, own), is = group->bucket[b];
        if (is != group->home[b] && own[is] > share[is] && own[way] < share[way])
            bucket_give(group, b, way, own);
    }
}

static void share_out(struct group *group, uint32_t ways)
{
    uint16_t share[GROUP_WAYS], own[GROUP_WAYS] = { 0 };
    uint32_t back = ways & ~group->live;
    for (unsigned b = 0; b < GROUP_BUCKETS; b++)
        own[group->bucket[b]]++;
    shares(group, ways, share);
    if (back)
        come_home(group, ways, own);
    hand_out(group, ways, share, own);
    if (back)
        even_out(group, back, share, own);
    group->live = ways;
}

/* When all are live: way after way in turn, so that neighbouring buckets are different ones'. */
static void homes_make(struct group *group)
{
    uint16_t share[GROUP_WAYS], own[GROUP_WAYS] = { 0 };
    uint32_t all = ~0u >> (32 - group->count);
    shares(group, all, share);
    for (unsigned b = 0; b < GROUP_BUCKETS; b++) {
        unsigned way = neediest(group, all, share, own);
        own[way]++;
        group->home[b] = group->bucket[b] = (uint8_t)way;
    }
}

/* What changes around them ---------------------------------------------------- */

/* The live ones, else those that may become so. */
static uint32_t usable_ways(const struct group *group)
{
    uint32_t live = 0, lead = 0;
    for (unsigned i = 0; i < group->count; i++) {
        lead |= (uint32_t)(group->nexthop[i] != 0) << i;
        live |= (uint32_t)group->way[i]->wanted << i;
    }
    return live ? live : lead;
}

static void group_look_again(struct group *group)
{
    uint32_t ways = usable_ways(group);
    if (ways != group->live && ways)
        share_out(group, ways);
}

bool group_refresh(void)
{
    for (unsigned n = 0; left && n < GROUPS_PER_SLICE; n++, left--) {
        group_look_again(at);
        at = at->next ? at->next : groups;
    }
    return left;
}

static void walk_on(struct worker *control, uint64_t now_us)
{
    group_refresh();
}

static bool is_walking(void)
{
    return left;
}

CONTROL_JOB(group_job) = { .every_us = 0, .run = walk_on, .busy = is_walking };

static void adjacency_changed(void)
{
    left = group_count;
    group_refresh();
}

ADJACENCY_WATCHER(group_watcher) = { .changed = adjacency_changed };

/* Groups ---------------------------------------------------------------------- */

struct group *group_make(const uint8_t *weights, unsigned count)
{
    struct group *group = table_calloc(1, sizeof *group);
    if (!group)
        return NULL;
    group->count = (uint8_t)count;
    for (unsigned i = 0; i < count; i++) {
        group->way[i] = adjacency_at(ADJACENCY_NONE);
        group->weight[i] = weights[i];
    }
    homes_make(group);
    group->next = groups;
    groups = group;
    at = at ? at : group;
    store_relaxed(&group_count, group_count + 1);
    return group;
}

void group_free(struct group *group)
{
    struct group **place = &groups;
    for (unsigned i = 0; i < group->count; i++)
        group_set_way(group, i, 0, NULL);
    while (*place != group)
        place = &(*place)->next;
    *place = group->next;
    if (at == group)
        at = group->next ? group->next : groups;
    store_relaxed(&group_count, group_count - 1);
    left = left < group_count ? left : group_count;
    retire(free, group);
}

void group_set_way(struct group *group, unsigned way, uint32_t nexthop, struct adjacency *adjacency)
{
    struct adjacency *none = adjacency_at(ADJACENCY_NONE), *was = group->way[way];
    adjacency = adjacency ? adjacency : none;
    adjacency->watched += adjacency != none;
    was->watched -= was != none;
    group->nexthop[way] = nexthop;
    store_release(&group->way[way], adjacency);
    group_look_again(group);
}

bool group_leads(const struct group *group)
{
    for (unsigned i = 0; i < group->count; i++)
        if (group->nexthop[i])
            return true;
    return false;
}

bool group_is_live(const struct group *group, unsigned way)
{
    return group->live >> way & 1;
}

unsigned group_buckets(const struct group *group, unsigned way)
{
    unsigned n = 0;
    for (unsigned b = 0; b < GROUP_BUCKETS; b++)
        n += group->bucket[b] == way;
    return n;
}

void group_shutdown(void)
{
    while (groups) {
        struct group *group = groups;
        groups = group->next;
        free(group);
    }
    at = NULL;
    left = 0;
    store_relaxed(&group_count, 0);
}
