/* nexthop.c - route objects (nexthop.h). */
#include "apps/ip/nexthop.h"

#include "apps/ip/adjacency.h"
#include "apps/ip/flow.h"
#include "apps/ip/group.h"
#include "kernel/memory.h"
#include "kernel/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 256u

struct slots nexthops;
static uint32_t *buckets; /* numbers, 0: none */
static uint32_t bucket_count, shared_count;

static struct nexthop *at(uint32_t number)
{
    return slots_at(&nexthops, number);
}

static int fixed_make(void)
{
    for (uint32_t kind = 0; kind < NEXTHOP_FIXED; kind++) {
        if (slots_take(&nexthops) != kind)
            return -ENOMEM;
        *at(kind) =
            (struct nexthop){ .kind = (uint8_t)kind, .adjacency = adjacency_at(ADJACENCY_NONE) };
    }
    return 0;
}

int nexthop_init(void)
{
    int e = adjacency_init();
    if (!e)
        e = slots_init(&nexthops, sizeof(struct nexthop), NEXTHOPS_MAX);
    if (e || buckets)
        return e;
    flow_init();
    if (!nexthops.made && fixed_make())
        return -ENOMEM;
    buckets = calloc(BUCKETS_FIRST, sizeof *buckets);
    bucket_count = buckets ? BUCKETS_FIRST : 0;
    return buckets ? 0 : -ENOMEM;
}

void nexthop_shutdown(void)
{
    slots_free(&nexthops);
    free(buckets);
    buckets = NULL;
    bucket_count = shared_count = 0;
    group_shutdown();
    flow_set_symmetric(false);
    adjacency_shutdown();
}

unsigned nexthop_count(void)
{
    return nexthops.used > NEXTHOP_FIXED ? nexthops.used - NEXTHOP_FIXED : 0;
}

static uint32_t *bucket_of(uint32_t *table, uint32_t count, const struct nexthop *n)
{
    uint64_t key = (uintptr_t)n->adjacency ^ (uintptr_t)n->group;
    return &table[random_mix(key << 8 ^ (uint64_t)n->interface << 4 ^ n->kind) & (count - 1)];
}

/* Twice the buckets; without memory for them the chains grow instead. */
static void buckets_grow(void)
{
    uint32_t *more = table_calloc(2 * bucket_count, sizeof *more);
    if (!more)
        return;
    for (uint32_t i = 0; i < bucket_count; i++)
        for (uint32_t number = buckets[i], next; number; number = next) {
            uint32_t *bucket = bucket_of(more, 2 * bucket_count, at(number));
            next = at(number)->next;
            at(number)->next = *bucket;
            *bucket = number;
        }
    free(buckets);
    buckets = more;
    bucket_count *= 2;
}

static bool is_same(const struct nexthop *a, const struct nexthop *b)
{
    return a->kind == b->kind && a->interface == b->interface && a->adjacency == b->adjacency &&
           a->group == b->group;
}

static uint32_t nexthop_get(const struct nexthop *wanted)
{
    uint32_t *bucket = bucket_of(buckets, bucket_count, wanted);
    for (uint32_t number = *bucket; number; number = at(number)->next)
        if (is_same(at(number), wanted)) {
            at(number)->references++;
            return number;
        }
    uint32_t number = slots_take(&nexthops);
    if (number == SLOTS_NONE)
        return NEXTHOP_NONE;
    *at(number) = *wanted;
    at(number)->references = 1;
    at(number)->next = *bucket;
    *bucket = number;
    if (++shared_count > 2 * bucket_count)
        buckets_grow();
    return number;
}

uint32_t nexthop_connected(uint16_t interface)
{
    const struct nexthop wanted = { .kind = NEXTHOP_CONNECTED,
                                    .interface = interface,
                                    .adjacency = adjacency_at(ADJACENCY_NONE) };
    return nexthop_get(&wanted);
}

uint32_t nexthop_via(uint16_t interface, uint32_t adjacency)
{
    const struct nexthop wanted = { .kind = NEXTHOP_VIA,
                                    .interface = interface,
                                    .adjacency = adjacency_at(adjacency) };
    return nexthop_get(&wanted);
}

uint32_t nexthop_group(struct group *group)
{
    const struct nexthop wanted = { .kind = NEXTHOP_GROUP,
                                    .interface = INTERFACE_NONE,
                                    .adjacency = adjacency_at(ADJACENCY_NONE),
                                    .group = group };
    return nexthop_get(&wanted);
}

uint32_t nexthop_of_flow(uint32_t number, uint32_t flow)
{
    const struct nexthop *n = nexthops.made ? at(number) : NULL;
    return n && n->group ? n->group->nexthop[group_way(n->group, flow)] : number;
}

bool nexthop_leads_elsewhere(uint32_t number, const struct interface *interface)
{
    const struct nexthop *n = at(number);
    for (unsigned i = 0; n->group && i < n->group->count; i++)
        if (n->group->way[i]->interface == interface)
            return false;
    return n->kind >= NEXTHOP_FIXED && (n->group || n->interface != interface->number);
}

void nexthop_hold(uint32_t number)
{
    if (number >= NEXTHOP_FIXED)
        at(number)->references++;
}

void nexthop_release(uint32_t number)
{
    if (number < NEXTHOP_FIXED || --at(number)->references)
        return;
    uint32_t *place = bucket_of(buckets, bucket_count, at(number));
    while (*place != number)
        place = &at(*place)->next;
    *place = at(number)->next;
    shared_count--;
    if (at(number)->group)
        group_free(at(number)->group);
    slots_give(&nexthops, number);
}
