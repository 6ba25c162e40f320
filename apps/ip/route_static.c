/* route_static.c - static routes (route_static.h). */
#include "apps/ip/route_static.h"

#include "apps/forward/event.h"
#include "apps/forward/job.h"
#include "apps/ip/address.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/route.h"
#include "kernel/time.h"

#include <errno.h>
#include <stddef.h>

/* The walk: on from `at`, round the end, up to where it was when the last change came. */
static struct {
    bool busy, around, changed, lacks; /* lacks: for some there was no memory */
    bool started, bounded;             /* `at` and `stop` hold a prefix; else the beginning */
    struct route at, stop;
    uint64_t again_us; /* when those are tried again, 0: there are none */
} walk;
unsigned route_slice_most;

void route_static_shutdown(void)
{
    walk.busy = walk.around = walk.changed = walk.started = walk.bounded = walk.lacks = false;
    walk.again_us = 0;
    route_slice_most = 0;
}

bool route_refresh_busy(void)
{
    return walk.busy;
}

enum gateway_state gateway_state(struct ip_address gateway)
{
    const struct address *on = address_configured_for(gateway);
    if (address_configured(gateway))
        return GATEWAY_OURS;
    if (!on)
        return GATEWAY_NO_PREFIX;
    if (!address_is_host(on, gateway))
        return GATEWAY_BROADCAST;
    return address_in_effect(on) && address_interface(on)->up ? GATEWAY_USABLE : GATEWAY_DOWN;
}

/* Its route object, held; 0: it cannot be used, or there is no room for the neighbor. */
static uint32_t gateway_hold(struct ip_address gateway)
{
    if (gateway_state(gateway) != GATEWAY_USABLE)
        return NEXTHOP_NONE;
    return neighbor_hold(gateway, address_interface(address_covering(gateway)));
}

/* A static route inside a connected prefix came or went: whose host routes still hold? */
static void look_again_below(struct ip_address prefix, unsigned length)
{
    const struct address *on = address_covering(prefix);
    if (on && length > on->length)
        neighbor_refresh();
}

int route_add_static(struct ip_address prefix, unsigned length, struct ip_address gateway)
{
    struct route r;
    enum gateway_state state = gateway_state(gateway);
    if (state == GATEWAY_NO_PREFIX)
        return -ENETUNREACH;
    if (state == GATEWAY_OURS || state == GATEWAY_BROADCAST)
        return -EINVAL;
    if (route_get(prefix, length, &r) && route_has(&r, ROUTE_STATIC))
        return -EEXIST;
    uint32_t nexthop = gateway_hold(gateway);
    if (!nexthop && state == GATEWAY_USABLE)
        return neighbor_no_room();
    int e = route_set_static(prefix, length, gateway, nexthop);
    if (e && nexthop)
        neighbor_release(nexthop);
    if (e)
        return e;
    look_again_below(prefix, length);
    return 0;
}

int route_delete_static(struct ip_address prefix, unsigned length)
{
    struct route r;
    if (!route_get(prefix, length, &r) || !route_has(&r, ROUTE_STATIC))
        return -ENOENT;
    route_clear(prefix, length, ROUTE_STATIC);
    if (r.nexthop[ROUTE_STATIC])
        neighbor_release(r.nexthop[ROUTE_STATIC]);
    look_again_below(prefix, length);
    return 0;
}

/* Looking again ----------------------------------------------------------- */

/* The new gateway is held before the old one is let go: they may be one. */
static void route_refresh(const struct route *r)
{
    uint32_t was = r->nexthop[ROUTE_STATIC], is = gateway_hold(r->gateway);
    walk.lacks |= !is && gateway_state(r->gateway) == GATEWAY_USABLE;
    if (is != was && route_set(r->prefix, r->length, ROUTE_STATIC, is)) {
        uint32_t unused = is; /* no memory: as it was */
        walk.lacks = true;
        is = was;
        was = unused;
    }
    walk.changed |= is != was;
    if (was)
        neighbor_release(was);
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

static void walk_end(void)
{
    walk.busy = walk.started = walk.bounded = walk.around = false;
    walk.again_us = walk.lacks ? time_us() + ROUTES_RETRY_US : 0;
    walk.lacks = false;
    if (walk.changed)
        neighbor_refresh();
    walk.changed = false;
}

static void walk_slice(void)
{
    struct route r;
    unsigned n = 0;
    while (walk.busy && n < ROUTES_PER_SLICE) {
        if (!walk_next(&r)) {
            walk_end();
            break;
        }
        n++;
        if (route_has(&r, ROUTE_STATIC))
            route_refresh(&r);
    }
    if (n > route_slice_most)
        route_slice_most = n;
}

/* All of them, from where the walk stands. */
static void walk_begin(void)
{
    walk.bounded = walk.started;
    walk.stop = walk.at;
    walk.around = false;
    walk.busy = true;
    walk_slice();
}

static void walk_on(struct worker *control, uint64_t now_us)
{
    if (walk.busy)
        walk_slice();
    else if (walk.again_us && now_us >= walk.again_us)
        walk_begin();
}

CONTROL_JOB(route_job) = { .every_us = 0, .run = walk_on };

static void heard(const struct event *event)
{
    switch (event->kind) {
    case EVENT_ADDRESS_ADDED:
    case EVENT_ADDRESS_GONE:
    case EVENT_INTERFACE_UP:
    case EVENT_INTERFACE_DOWN:
    case EVENT_INTERFACE_CHANGED:
    case EVENT_INTERFACE_GONE:
        walk_begin();
        break;
    default:
        break;
    }
}

EVENT_LISTENER(route_listener) = { .order = EVENT_ORDER_ROUTE, .heard = heard };
