/* snoop_groups.h - to whom frames for a group go, as workers see it (snoop.h makes it). */
#pragma once

#include "apps/bridge/member.h"

#include <stdint.h>

#define SNOOP_BUCKETS 256u

struct snoop_group {
    struct snoop_group *next; /* of the bucket */
    uint64_t key;             /* as fdb_key() */
    struct flood_list *list;  /* NULL: to all */
};

struct snoop_groups {
    struct snoop_group *bucket[SNOOP_BUCKETS];
};

static inline unsigned snoop_bucket(uint64_t key)
{
    return (unsigned)((key * 0x9e3779b97f4a7c15ull) >> 56) % SNOOP_BUCKETS;
}

/* NULL: to all. */
static inline const struct flood_list *snoop_list(const struct snoop_groups *groups, uint64_t key)
{
    const struct snoop_group *g = load_acquire(&groups->bucket[snoop_bucket(key)]);
    while (g && g->key != key)
        g = load_acquire(&g->next);
    return g ? load_acquire(&g->list) : NULL;
}
