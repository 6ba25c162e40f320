/* target.h - what static routes lead to, as it was configured: shared by all routes that say the
 * same.
 *
 * A target knows the route object (nexthop.h) that it comes to just now.  When addresses or
 * interfaces change targets are looked at, and routes only after those that changed: a million
 * routes have few targets.  Neighbors that a target leaves stay held until no route names them.
 * Control task only. */
#pragma once

#include "apps/forward/interface.h"
#include "apps/ip/group.h"
#include "apps/ip/ip_address.h"
#include "apps/ip/route.h"

#include <stdbool.h>
#include <stdint.h>

enum target_kind {
    TARGET_VIA,         /* one or several next hops */
    TARGET_INTERFACE,   /* the destination is a neighbor there */
    TARGET_BLACKHOLE,   /* dropped in silence */
    TARGET_UNREACHABLE, /* refused: there is no such host */
    TARGET_PROHIBIT,    /* refused: nobody may go there */
};

struct target_way {
    struct ip_address gateway;
    uint16_t interface; /* number; INTERFACE_NONE: the one whose prefix holds the gateway */
    uint8_t weight;     /* 1 to GROUP_WEIGHT_MAX */
};

/* As a command says it. */
struct target_words {
    enum target_kind kind;
    unsigned family;    /* ip_family() of the routes */
    uint16_t interface; /* of INTERFACE */
    unsigned count;     /* of VIA: ways */
    struct target_way way[GROUP_WAYS];
};

struct target {
    struct route_target route; /* first: what the table of prefixes sees */
    enum target_kind kind;
    unsigned family;
    uint32_t references;
    uint32_t nexthop;    /* the route object; 0: nowhere just now */
    bool gone;           /* an interface that it names: its routes go, too */
    struct target *next; /* in its bucket */
    struct group *group; /* of several ways, and their route object, which is held */
    uint32_t group_nexthop;
    unsigned count;
    struct target_next {
        struct target_way say;
        uint32_t nexthop; /* held; 0: cannot be used */
    } way[];
};

static inline struct target *target_of(const struct route *route)
{
    return (struct target *)route->target;
}

/* Whether a way can be used just now, and if not, why. */
enum way_state {
    WAY_USABLE,
    WAY_DOWN,       /* its interface, or that is a port in a bridge */
    WAY_NO_ADDRESS, /* its interface has none, so nobody there can be asked */
    WAY_NO_PREFIX,  /* none leads to the gateway, and no interface is named */
    WAY_OURS,       /* the gateway is our own address */
    WAY_BROADCAST,  /* or nobody's */
};
enum way_state target_way_state(const struct target_way *way);
/* What would be refused were it said anew. */
static inline bool way_is_refused(enum way_state state)
{
    return state >= WAY_NO_PREFIX;
}
/* Where it leads: what the way names, or the prefix; NULL: nowhere. */
struct interface *target_way_interface(const struct target_way *way);
enum way_state target_interface_state(const struct target *target); /* of INTERFACE */

/* One reference more; NULL with *error -ENOSPC (neighbors) or -ENOMEM.  No way is one that is
 * refused: the caller has seen to that. */
struct target *target_get(const struct target_words *words, int *error);
void target_release(struct target *target);
bool target_names_interface(const struct target *target); /* any */
void target_say(const struct target *target, struct target_words *words);

/* Something changed around them: all are looked at again, a bounded number with each call. */
#define TARGETS_PER_SLICE 64u
void target_refresh(void);
struct target_walk {
    bool more;    /* not all were looked at yet */
    bool changed; /* one leads elsewhere, or has lost its interface for good */
    bool lacks;   /* for one there was no memory: it is as it was */
};
struct target_walk target_refresh_slice(void);
void target_interface_gone(const struct interface *interface);
/* No route names what targets led to before. */
void target_settled(void);
void target_shutdown(void); /* tests; the routes have gone */
