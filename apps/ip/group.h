/* group.h - several next hops of one route: which flow takes which.
 *
 * A flow's hash names one of GROUP_BUCKETS buckets, and a bucket is owned by a way, so that a flow
 * stays where it is while nothing changes.  A way is live while its adjacency is resolved and its
 * interface up; the live ones own the buckets, in proportion to their weights.  (Hash buckets are
 * what RFC 2992 and Linux's "resilient" groups have in common; the RFC is unread.)
 *
 * A way that goes gives up its own buckets and nobody else's.  One that comes back takes those
 * that it had at first, and from ways that have more than their share as many as its own share
 * lacks.  While none is live all that lead somewhere count as live: somebody has to ask.
 *
 * Workers read buckets and ways as single words.  Everything else is the control task's. */
#pragma once

#include "apps/ip/adjacency.h"
#include "kernel/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define GROUP_WAYS 32u
#define GROUP_BUCKETS 256u
#define GROUP_WEIGHT_MAX 255u
#define GROUPS_PER_SLICE 16u

struct group {
    uint8_t bucket[GROUP_BUCKETS]; /* the way that owns it */
    struct adjacency *way[GROUP_WAYS];
    uint8_t count;
    /* the control task's */
    uint8_t weight[GROUP_WAYS];
    uint8_t home[GROUP_BUCKETS];  /* who owns it when all are live */
    uint32_t nexthop[GROUP_WAYS]; /* the route object of each way; 0: it leads nowhere just now */
    uint32_t live;                /* bits: ways that own the buckets */
    struct group *next;           /* of all */
};

extern uint32_t group_count; /* workers may ask whether there is any */

/* Which way a flow takes: for workers. */
static inline unsigned group_way(const struct group *group, uint32_t hash)
{
    return load_relaxed(&group->bucket[hash % GROUP_BUCKETS]);
}

static inline struct adjacency *group_adjacency(const struct group *group, uint32_t hash)
{
    return load_acquire(&group->way[group_way(group, hash)]);
}

/* Of so many ways with these weights, none of which leads anywhere yet; NULL: no memory. */
struct group *group_make(const uint8_t *weights, unsigned count);
void group_free(struct group *group); /* when no worker can be at it any more */
/* Where a way leads: a route object that the caller holds, and its adjacency; 0, NULL: nowhere. */
void group_set_way(struct group *group, unsigned way, uint32_t nexthop,
                   struct adjacency *adjacency);
/* An adjacency has changed: the first groups are looked at at once, the rest, a few with each
 * call, in the slices that follow; true: there are more. */
bool group_refresh(void);
bool group_leads(const struct group *group); /* some way leads somewhere */
bool group_is_live(const struct group *group, unsigned way);
unsigned group_buckets(const struct group *group, unsigned way); /* that it owns */
void group_shutdown(void); /* tests: all of them freed */
