/* route.h - which prefixes there are, and why (the RIB).
 *
 * Every prefix that somebody asked for, in a path-compressed trie for each family: found
 * exactly, walked in order, and asked for the next shorter one when a prefix
 * goes.  A prefix may have several sources; the best usable one is in the
 * forwarding table (fib.h, fib6.h).  A source that is there and leads nowhere just now
 * keeps its place.  Control task only. */
#pragma once

#include "apps/ip/ip_address.h"

#include <stdbool.h>
#include <stdint.h>

/* Best first. */
enum route_source {
    ROUTE_LOCAL,     /* host route to an own address */
    ROUTE_BROADCAST, /* host route to a connected prefix's broadcast or anycast address */
    ROUTE_CONNECTED,
    ROUTE_STATIC,
    ROUTE_NEIGHBOR, /* host route to a resolved neighbor: one lookup forwards */
    ROUTE_SOURCES,
};

/* What a static route is called by begins with this; the rest is its owner's (target.h). */
struct route_target {
    uint16_t on_link; /* its hosts are neighbors on that interface; INTERFACE_NONE: on none */
};

/* A copy of what the table knows of a prefix. */
struct route {
    struct ip_address prefix;
    uint8_t length;
    uint8_t present;                 /* bit per source */
    struct route_target *target;     /* of the static route; good until something is changed */
    uint32_t nexthop[ROUTE_SOURCES]; /* route objects (nexthop.h); 0: nothing usable */
};

int route_init(void);      /* 0 or -ENOMEM; called by whoever needs the tables */
void route_shutdown(void); /* tests: everything freed */

/* One source of one prefix is there, and leads to that route object, of which the table takes
 * a reference of its own; 0: nowhere just now.  0, or -ENOMEM with everything as it was. */
int route_set(struct ip_address prefix, unsigned length, enum route_source source,
              uint32_t nexthop);
void route_clear(struct ip_address prefix, unsigned length, enum route_source source);
/* The same for a static route, and what it is called by; route_set() leaves that as it is. */
int route_set_static(struct ip_address prefix, unsigned length, struct route_target *target,
                     uint32_t nexthop);

static inline bool route_has(const struct route *route, enum route_source source)
{
    return route->present >> source & 1;
}
bool route_get(struct ip_address prefix, unsigned length, struct route *route);
/* The longest prefix that covers this one, usable or not, itself included; false: none. */
bool route_covering(struct ip_address prefix, unsigned length, struct route *route);
/* The first one after *after in order of address, IPv4 and shorter prefixes first;
 * after NULL: the first.  False: no more.  A copy: safe across output. */
bool route_next(const struct route *after, struct route *route);
uint32_t route_nexthop(const struct route *route); /* the best, 0: inactive */
unsigned route_count(void);                        /* prefixes */
unsigned route_count_of(enum route_source source);
unsigned route_usable_of(enum route_source source); /* of them those that lead somewhere */
/* Whether the longest usable prefix above a host's own route leads to hosts on that interface. */
bool route_is_connected(struct ip_address address, uint16_t interface);
/* Whether some static route above it, usable or not, says that it is a neighbor there. */
bool route_is_on_link(struct ip_address address, uint16_t interface);
