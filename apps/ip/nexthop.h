/* nexthop.h - route objects: where a route leads, shared by all routes that lead there.
 *
 * A leaf of the forwarding table names one.  An object never changes once it can be found: a
 * route that leads elsewhere names another one.  Those without an interface are there from
 * the beginning, their number is their kind.  The control task counts who refers to the
 * others; workers read them without locks. */
#pragma once

#include "apps/ip/slots.h"
#include "kernel/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum nexthop_kind {
    NEXTHOP_NONE,        /* no route */
    NEXTHOP_LOCAL,       /* an address of the appliance */
    NEXTHOP_BROADCAST,   /* network or broadcast address of a connected prefix */
    NEXTHOP_BLACKHOLE,   /* dropped in silence */
    NEXTHOP_UNREACHABLE, /* refused: there is no such host */
    NEXTHOP_PROHIBIT,    /* refused: nobody may go there */
    NEXTHOP_CONNECTED,   /* the destination itself is the next hop, on `interface` */
    NEXTHOP_VIA,         /* another router or the resolved host: one adjacency */
    NEXTHOP_GROUP,       /* one of several of those, as the flow says (group.h) */
};
#define NEXTHOP_FIXED NEXTHOP_CONNECTED /* below it kind and number are one */

#define NEXTHOPS_MAX (1u << 20)

struct adjacency;
struct group;
struct interface;

struct nexthop {
    uint32_t link; /* slots.h */
    uint8_t kind;
    uint16_t interface;          /* number, of CONNECTED and VIA */
    struct adjacency *adjacency; /* of VIA; of all others one that is never valid */
    struct group *group;         /* of GROUP */
    /* the control task's */
    uint32_t references;
    uint32_t next; /* in its bucket, 0: the last */
};
_Static_assert(CACHE_LINE % sizeof(struct nexthop) == 0, "a route object lies in one cache line");

extern struct slots nexthops;

static inline const struct nexthop *nexthop_at(uint32_t number)
{
    return (const struct nexthop *)nexthops.chunk[number / SLOTS_CHUNK] + number % SLOTS_CHUNK;
}

int nexthop_init(void); /* once or more; 0 or -ENOMEM */
/* The object of that kind, interface and adjacency, with one reference more; 0: no memory. */
uint32_t nexthop_connected(uint16_t interface);
uint32_t nexthop_via(uint16_t interface, uint32_t adjacency);
/* The same for several ways, which are this object's alone and freed with it. */
uint32_t nexthop_group(struct group *group);
/* Where one flow goes (flow.h): the object itself, or of a group the way's; 0: nowhere. */
uint32_t nexthop_of_flow(uint32_t number, uint32_t flow);
/* Whether it leads to other interfaces only. */
bool nexthop_leads_elsewhere(uint32_t number, const struct interface *interface);
void nexthop_hold(uint32_t number);
void nexthop_release(uint32_t number);
unsigned nexthop_count(void); /* that somebody refers to, or that rest */
void nexthop_shutdown(void);  /* tests: everything freed */
