/* route_static.c - static routes (route_static.h). */
#include "apps/ip/route_static.h"

#include "apps/forward/event.h"
#include "apps/forward/job.h"
#include "apps/ip/address.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/route.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/time.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define LATER_BYTES (128u << 10) /* two pieces of the forwarding table's memory (blocks.h) */
#define LATER_ROUTE_BYTES 8u     /* of a million that are like the Internet's */

/* The walk: on from `at`, round the end, up to where it was when the last change came. */
static struct {
    bool targets, busy;    /* targets, and routes, are still to be looked at */
    bool changed, lacks;   /* lacks: for some there was no memory */
    bool told;             /* that it was so */
    bool around;           /* past the end, on the way to `stop` */
    bool started, bounded; /* `at` and `stop` hold a prefix; else the beginning */
    struct route at, stop;
    uint64_t again_us; /* when those are tried again, 0: there are none */
} walk;
unsigned route_slice_most;

void route_static_shutdown(void)
{
    memset(&walk, 0, sizeof walk);
    route_slice_most = 0;
    target_shutdown();
}

bool route_refresh_busy(void)
{
    return walk.targets || walk.busy;
}

/* It says who is a neighbor, or lies in a connected prefix: whose entries and host routes still
 * hold? */
static void look_again_below(struct ip_address prefix, unsigned length, const struct target *target)
{
    const struct address *on = address_covering(prefix);
    if (target_names_interface(target) || (on && length > on->length))
        neighbor_refresh();
}

/* Those that are out of use, as all are before ports run, come into the forwarding table later:
 * what that takes of memory stays free.  It is more where they are few and far between. */
static bool has_room_later(void)
{
    uint64_t out_of_use = route_count_of(ROUTE_STATIC) - route_usable_of(ROUTE_STATIC);
    return memory_spare(LATER_BYTES + out_of_use * LATER_ROUTE_BYTES);
}

int route_add_static(struct ip_address prefix, unsigned length, const struct target_words *words,
                     unsigned *wrong)
{
    struct route r;
    int e = route_init();
    for (*wrong = 0; *wrong < words->count; ++*wrong)
        if (way_is_refused(target_way_state(&words->way[*wrong])))
            return -EINVAL;
    if (!e && route_get(prefix, length, &r) && route_has(&r, ROUTE_STATIC))
        return -EEXIST;
    struct target *target = e ? NULL : target_get(words, &e);
    if (!target)
        return e;
    e = target->nexthop || has_room_later() ? 0 : -ENOMEM;
    if (!e)
        e = route_set_static(prefix, length, &target->route, target->nexthop);
    if (e)
        target_release(target);
    else
        look_again_below(prefix, length, target);
    return e;
}

static void route_remove(const struct route *r)
{
    struct target *target = target_of(r);
    route_clear(r->prefix, r->length, ROUTE_STATIC);
    look_again_below(r->prefix, r->length, target);
    target_release(target);
}

int route_delete_static(struct ip_address prefix, unsigned length)
{
    struct route r;
    if (!route_get(prefix, length, &r) || !route_has(&r, ROUTE_STATIC))
        return -ENOENT;
    route_remove(&r);
    return 0;
}

/* Looking again ----------------------------------------------------------- */

static void route_refresh(const struct route *r)
{
    uint32_t was = r->nexthop[ROUTE_STATIC], is = target_of(r)->nexthop;
    if (target_of(r)->gone) {
        route_remove(r);
        walk.changed = true;
    } else if (is != was) {
        int e = route_set(r->prefix, r->length, ROUTE_STATIC, is);
        walk.lacks |= e != 0; /* no memory: it is as it was */
        walk.changed |= !e;
    }
}

static bool is_behind(const struct route *r, const struct route *mark)
{
    int order = ip_compare(r->prefix, mark->prefix);
    return order > 0 || (!order && r->length > mark->length);
}

/* The next route of the walk; false: it is over. */
static bool walk_next(struct route *r)
{
    bool more = route_next(walk.started ? &walk.at : NULL, r);
    if (!more && !walk.around && walk.bounded) {
        walk.around = true;
        more = route_next(NULL, r);
    }
    if (!more || (walk.around && is_behind(r, &walk.stop)))
        return false;
    walk.at = *r;
    walk.started = true;
    return true;
}

/* All of them, from where the walk stands. */
static void routes_begin(void)
{
    walk.bounded = walk.started;
    walk.stop = walk.at;
    walk.around = false;
    walk.busy = true;
}

static void routes_slice(void)
{
    struct route r;
    unsigned n = 0;
    for (; walk.busy && n < ROUTES_PER_SLICE; n++) {
        walk.busy = walk_next(&r);
        if (walk.busy && route_has(&r, ROUTE_STATIC))
            route_refresh(&r);
    }
    if (n > route_slice_most)
        route_slice_most = n;
    if (!walk.busy)
        walk.started = walk.bounded = walk.around = false;
}

static void walk_end(void)
{
    walk.again_us = walk.lacks ? time_us() + ROUTES_RETRY_US : 0;
    if (walk.lacks && !walk.told)
        log_error("routes: no memory for all of them: %u of %u are out of use",
                  route_count_of(ROUTE_STATIC) - route_usable_of(ROUTE_STATIC),
                  route_count_of(ROUTE_STATIC));
    walk.told = walk.lacks;
    if (!walk.lacks)
        target_settled();
    if (walk.changed)
        neighbor_refresh();
    walk.lacks = walk.changed = false;
}

/* What routes lead to, and the routes where that has changed. */
static bool walk_slice(void)
{
    if (walk.targets) {
        struct target_walk seen = target_refresh_slice();
        walk.targets = seen.more;
        walk.lacks |= seen.lacks;
        if (seen.changed)
            routes_begin();
    }
    routes_slice();
    if (!route_refresh_busy())
        walk_end();
    return route_refresh_busy();
}

static void walk_begin(void)
{
    target_refresh();
    walk.targets = true;
    if (walk.again_us) /* routes that lack what their targets do not */
        routes_begin();
    walk_slice();
}

static void walk_on(struct worker *control, uint64_t now_us)
{
    if (route_refresh_busy())
        walk_slice();
    else if (walk.again_us && now_us >= walk.again_us)
        walk_begin();
}

CONTROL_JOB(route_job) = { .every_us = 0, .run = walk_on, .busy = route_refresh_busy };

static void heard(const struct event *event)
{
    switch (event->kind) {
    case EVENT_INTERFACE_GONE:
        target_interface_gone(event->interface);
        /* fall through */
    case EVENT_ADDRESS_ADDED:
    case EVENT_ADDRESS_GONE:
    case EVENT_INTERFACE_UP:
    case EVENT_INTERFACE_DOWN:
    case EVENT_INTERFACE_CHANGED:
        walk_begin();
        break;
    default:
        break;
    }
}

EVENT_LISTENER(route_listener) = { .order = EVENT_ORDER_ROUTE, .heard = heard, .more = walk_slice };
