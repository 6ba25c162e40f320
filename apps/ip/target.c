/* target.c - what static routes lead to (target.h). */
#include "apps/ip/target.h"

#include "apps/ip/address.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/on_link.h"
#include "kernel/memory.h"
#include "kernel/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_CHEAP \
    64u               /* so many may be looked through for a way; with more slices are shorter */
#define BUCKETS 1024u /* a route's gateway is a neighbor, and of those there are 4096 */

static struct target **buckets;
static unsigned cursor = BUCKETS; /* of the walk: the next bucket */

/* Neighbors that targets have left and routes may still name. */
static struct {
    uint32_t *nexthop;
    unsigned count, room;
} leaving;

/* Ways -------------------------------------------------------------------- */

struct interface *target_way_interface(const struct target_way *way)
{
    const struct address *on = NULL;
    if (way->interface != INTERFACE_NONE)
        return interface_get(way->interface);
    on = address_configured_for(way->gateway);
    return on ? address_interface(on) : NULL;
}

static enum way_state interface_state(const struct interface *interface, struct ip_address toward)
{
    bool is_member = interface->kind == INTERFACE_PORT && interface->bridge;
    if (!interface->up || is_member)
        return WAY_DOWN;
    return address_source(interface, toward) ? WAY_USABLE : WAY_NO_ADDRESS;
}

enum way_state target_way_state(const struct target_way *way)
{
    const struct address *on = address_configured_for(way->gateway);
    const struct interface *interface = target_way_interface(way);
    if (address_configured(way->gateway) || (interface && address_on(interface, way->gateway)))
        return WAY_OURS;
    if (!interface)
        return WAY_NO_PREFIX;
    if (on && on->interface == interface->number && !address_is_host(on, way->gateway))
        return WAY_BROADCAST;
    return interface_state(interface, way->gateway);
}

/* Its route object, held; 0: it cannot be used, or *lacks: there is no room for the neighbor. */
static uint32_t way_hold(const struct target_way *way, bool *lacks)
{
    if (target_way_state(way) != WAY_USABLE)
        return NEXTHOP_NONE;
    uint32_t nexthop = neighbor_hold(way->gateway, target_way_interface(way));
    *lacks |= !nexthop;
    return nexthop;
}

static void way_release(uint32_t nexthop)
{
    if (nexthop)
        neighbor_release(nexthop);
}

/* What a target leads to -------------------------------------------------------- */

static bool leave_later(uint32_t nexthop)
{
    if (leaving.count == leaving.room) {
        unsigned room = leaving.room ? 2 * leaving.room : 16;
        uint32_t *more = table_calloc(room, sizeof *more);
        if (!more)
            return false;
        if (leaving.count)
            memcpy(more, leaving.nexthop, leaving.count * sizeof *more);
        free(leaving.nexthop);
        leaving.nexthop = more;
        leaving.room = room;
    }
    leaving.nexthop[leaving.count++] = nexthop;
    return true;
}

void target_settled(void)
{
    while (leaving.count)
        neighbor_release(leaving.nexthop[--leaving.count]);
    free(leaving.nexthop);
    leaving.nexthop = NULL;
    leaving.room = 0;
}

/* Routes name the one next hop itself: it is held until they do not. */
static void one_way(struct target *t, bool *lacks)
{
    uint32_t is = way_hold(&t->way[0].say, lacks), was = t->nexthop;
    if (is == was) {
        way_release(is);
    } else if (was && !leave_later(was)) {
        *lacks = true;
        way_release(is);
    } else {
        t->nexthop = t->way[0].nexthop = is;
    }
}

/* Of several the group alone knows. */
static void all_ways(struct target *t, bool *lacks)
{
    for (unsigned i = 0; i < t->count; i++) {
        uint32_t is = way_hold(&t->way[i].say, lacks), was = t->way[i].nexthop;
        if (is != was)
            group_set_way(t->group, i, is, is ? nexthop_at(is)->adjacency : NULL);
        t->way[i].nexthop = is;
        way_release(was);
    }
    t->nexthop = group_leads(t->group) ? t->group_nexthop : NEXTHOP_NONE;
}

enum way_state target_interface_state(const struct target *t)
{
    const struct interface *interface = interface_get(t->route.on_link);
    struct ip_address any = t->family ? (struct ip_address){ 0 } : ip_from_v4(0);
    return interface ? interface_state(interface, any) : WAY_DOWN;
}

static void hosts(struct target *t, bool *lacks)
{
    uint32_t was = t->nexthop;
    bool usable = target_interface_state(t) == WAY_USABLE;
    t->nexthop = usable ? nexthop_connected(t->route.on_link) : NEXTHOP_NONE;
    *lacks |= usable && !t->nexthop;
    nexthop_release(was);
}

/* True: it leads elsewhere than before. */
static bool look_again(struct target *t, bool *lacks)
{
    static const uint8_t verdicts[] = { [TARGET_BLACKHOLE] = NEXTHOP_BLACKHOLE,
                                        [TARGET_UNREACHABLE] = NEXTHOP_UNREACHABLE,
                                        [TARGET_PROHIBIT] = NEXTHOP_PROHIBIT };
    uint32_t was = t->nexthop;
    if (t->kind == TARGET_INTERFACE)
        hosts(t, lacks);
    else if (t->kind != TARGET_VIA)
        t->nexthop = verdicts[t->kind];
    else if (t->group)
        all_ways(t, lacks);
    else
        one_way(t, lacks);
    return t->nexthop != was;
}

/* Sharing --------------------------------------------------------------------- */

static bool way_is_same(const struct target_way *a, const struct target_way *b)
{
    return ip_equal(a->gateway, b->gateway) && a->interface == b->interface &&
           a->weight == b->weight;
}

static bool is_said_by(const struct target *t, const struct target_words *words)
{
    if (t->kind != words->kind || t->count != words->count || t->gone ||
        (t->kind == TARGET_INTERFACE &&
         (t->route.on_link != words->interface || t->family != words->family)))
        return false;
    for (unsigned i = 0; i < t->count; i++)
        if (!way_is_same(&t->way[i].say, &words->way[i]))
            return false;
    return true;
}

static struct target **bucket_of(enum target_kind kind, uint16_t on_link, unsigned count,
                                 struct ip_address first)
{
    uint64_t key = (uint64_t)kind << 32 | (uint64_t)count << 16 | on_link;
    return &buckets[random_mix(key ^ ip_hash(first)) % BUCKETS];
}

static struct target **bucket_of_words(const struct target_words *words)
{
    bool hosts = words->kind == TARGET_INTERFACE;
    return bucket_of(words->kind, hosts ? words->interface : INTERFACE_NONE, words->count,
                     words->count ? words->way[0].gateway : (struct ip_address){ 0 });
}

static struct target **bucket_of_target(const struct target *t)
{
    return bucket_of(t->kind, t->route.on_link, t->count,
                     t->count ? t->way[0].say.gateway : (struct ip_address){ 0 });
}

static void gateways_not_on_link(const struct target *t, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (t->way[i].say.interface != INTERFACE_NONE)
            on_link_remove(t->way[i].say.gateway, t->way[i].say.interface);
}

/* Gateways with an interface are neighbors there while the target is. */
static int gateways_on_link(const struct target *t)
{
    for (unsigned i = 0; i < t->count; i++) {
        const struct target_way *way = &t->way[i].say;
        if (way->interface == INTERFACE_NONE || !on_link_add(way->gateway, way->interface))
            continue;
        gateways_not_on_link(t, i);
        return -ENOMEM;
    }
    return 0;
}

static struct group *group_of(const struct target *t)
{
    uint8_t weights[GROUP_WAYS];
    for (unsigned i = 0; i < t->count; i++)
        weights[i] = t->way[i].say.weight;
    return group_make(weights, t->count);
}

/* The group is held by its route object, and that by the target. */
static int ways_make(struct target *t)
{
    int e = gateways_on_link(t);
    if (e || t->count < 2)
        return e;
    t->group = group_of(t);
    t->group_nexthop = t->group ? nexthop_group(t->group) : NEXTHOP_NONE;
    if (t->group_nexthop)
        return 0;
    if (t->group)
        group_free(t->group);
    gateways_not_on_link(t, t->count);
    return -ENOMEM;
}

static struct target *make(const struct target_words *words)
{
    struct target *t = table_calloc(1, sizeof *t + words->count * sizeof t->way[0]);
    if (!t)
        return NULL;
    t->kind = words->kind;
    t->family = words->family;
    t->route.on_link = words->kind == TARGET_INTERFACE ? words->interface : INTERFACE_NONE;
    t->count = words->count;
    for (unsigned i = 0; i < t->count; i++)
        t->way[i].say = words->way[i];
    if (ways_make(t)) {
        free(t);
        return NULL;
    }
    return t;
}

/* The group goes with its route object, and lets go of its ways. */
static void unmake(struct target *t)
{
    if (t->kind == TARGET_INTERFACE)
        nexthop_release(t->nexthop);
    if (t->group)
        nexthop_release(t->group_nexthop);
    for (unsigned i = 0; i < t->count; i++)
        way_release(t->way[i].nexthop);
    gateways_not_on_link(t, t->count);
    free(t);
}

struct target *target_get(const struct target_words *words, int *error)
{
    if (!buckets)
        buckets = calloc(BUCKETS, sizeof *buckets);
    struct target **bucket = buckets ? bucket_of_words(words) : NULL, *t = bucket ? *bucket : NULL;
    bool lacks = false;
    while (t && !is_said_by(t, words))
        t = t->next;
    if (!t && bucket && (t = make(words))) {
        look_again(t, &lacks);
        t->next = *bucket;
        *bucket = t;
    }
    *error = lacks ? neighbor_no_room() : -ENOMEM;
    if (!t)
        return NULL;
    t->references++;
    if (!lacks)
        return t;
    target_release(t);
    return NULL;
}

void target_release(struct target *t)
{
    if (--t->references)
        return;
    struct target **place = bucket_of_target(t);
    while (*place != t)
        place = &(*place)->next;
    *place = t->next;
    unmake(t);
}

void target_say(const struct target *t, struct target_words *words)
{
    words->kind = t->kind;
    words->family = t->family;
    words->interface = t->route.on_link;
    words->count = t->count;
    for (unsigned i = 0; i < t->count; i++)
        words->way[i] = t->way[i].say;
}

bool target_names_interface(const struct target *t)
{
    for (unsigned i = 0; i < t->count; i++)
        if (t->way[i].say.interface != INTERFACE_NONE)
            return true;
    return t->kind == TARGET_INTERFACE;
}

/* What changes around them ---------------------------------------------------- */

void target_refresh(void)
{
    cursor = 0;
}

struct target_walk target_refresh_slice(void)
{
    struct target_walk walk = { 0 };
    unsigned most = TARGETS_PER_SLICE / (1 + address_count() / ADDRESSES_CHEAP);
    for (unsigned n = 0; buckets && cursor < BUCKETS && n < most; cursor++)
        for (struct target *t = buckets[cursor]; t; t = t->next, n++)
            walk.changed |= look_again(t, &walk.lacks) || t->gone;
    walk.more = buckets && cursor < BUCKETS;
    return walk;
}

static bool names(const struct target *t, uint16_t interface)
{
    for (unsigned i = 0; i < t->count; i++)
        if (t->way[i].say.interface == interface)
            return true;
    return t->kind == TARGET_INTERFACE && t->route.on_link == interface;
}

void target_interface_gone(const struct interface *interface)
{
    for (unsigned i = 0; buckets && i < BUCKETS; i++)
        for (struct target *t = buckets[i]; t; t = t->next)
            t->gone |= names(t, interface->number);
}

void target_shutdown(void)
{
    for (unsigned i = 0; buckets && i < BUCKETS; i++)
        while (buckets[i]) {
            struct target *t = buckets[i];
            buckets[i] = t->next;
            free(t);
        }
    free(buckets);
    buckets = NULL;
    cursor = BUCKETS;
    free(leaving.nexthop);
    leaving.nexthop = NULL;
    leaving.count = leaving.room = 0;
    on_link_shutdown();
}
