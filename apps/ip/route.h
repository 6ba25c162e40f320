/* route.h - which prefixes there are, and why (the RIB).
 *
 * Every prefix that somebody asked for, in a path-compressed trie: found
 * exactly, walked in order, and asked for the next shorter one when a prefix
 * goes.  A prefix may have several sources; the best usable one is in the
 * forwarding table (fib.h).  Control core only. */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* What a FIB leaf points to.  Below ADJACENCY_NEIGHBOR nothing is resolved:
 * these are decisions.  From there on it is a next hop (neighbor.h). */
#define ADJACENCY_NONE 0u
#define ADJACENCY_LOCAL 1u      /* an address of the appliance */
#define ADJACENCY_BROADCAST 2u  /* network or broadcast address of a connected prefix */
#define ADJACENCY_CONNECTED 64u /* + port: the destination itself is the next hop */
#define ADJACENCY_NEIGHBOR 128u /* + neighbor */
_Static_assert(ADJACENCY_CONNECTED + PORT_MAX <= ADJACENCY_NEIGHBOR, "a range of its own");

/* Best first. */
enum route_source {
    ROUTE_LOCAL,     /* host route to an own address */
    ROUTE_BROADCAST, /* host route to a connected prefix's broadcast address */
    ROUTE_CONNECTED,
    ROUTE_STATIC,
    ROUTE_NEIGHBOR, /* host route to a resolved neighbor: one lookup forwards */
    ROUTE_SOURCES,
};

struct route {
    uint32_t prefix;
    uint8_t length;
    bool is_static;                    /* configured, active or not */
    uint32_t gateway;                  /* of the static route */
    uint32_t adjacency[ROUTE_SOURCES]; /* 0: this source has nothing usable */
};

int route_init(void);      /* 0 or -ENOMEM; called by whoever needs the tables */
void route_shutdown(void); /* tests: everything freed */

/* One source of one prefix: adjacency 0 takes it away.  0, or -ENOMEM with
 * everything as it was. */
int route_update(uint32_t prefix, unsigned length, enum route_source source, uint32_t adjacency);
bool route_get(uint32_t prefix, unsigned length, struct route *route);
/* The first one after *after in order of address, shorter prefixes first;
 * after NULL: the first.  False: no more.  A copy: safe across output. */
bool route_next(const struct route *after, struct route *route);
uint32_t route_adjacency(const struct route *route); /* the best, 0: inactive */
unsigned route_count(void);

/* Static routes keep their place in the configuration while no connected
 * prefix leads to their gateway.
 * 0, -EEXIST, -ENOENT, -ENETUNREACH (gateway on no connected prefix), -EINVAL
 * (gateway is an address of ours or a broadcast address), -ENOSPC, -ENOMEM. */
int route_add_static(uint32_t prefix, unsigned length, uint32_t gateway);
int route_delete_static(uint32_t prefix, unsigned length);
/* Addresses of ports have changed: every static route is looked at again. */
void route_refresh_static(void);
/* Whether the longest usable prefix above a host's own route is a port's. */
bool route_is_connected(uint32_t address);
