/* route_static.h - static routes: prefixes that lead to a gateway.
 *
 * A route keeps its place in the configuration while its gateway cannot be used, and is out
 * of the forwarding table meanwhile: what lies above it leads on (unread: RFC 1812
 * 5.3.12.3).  When addresses or interfaces change all routes are looked at again, a bounded
 * number at a time: the first ones at once, the rest in the slices that follow.  Those for
 * which there is no memory then are tried again every ROUTES_RETRY_US. */
#pragma once

#include "apps/ip/ip_address.h"

#include <stdbool.h>
#include <stdint.h>

#define ROUTES_PER_SLICE 512u
#define ROUTES_RETRY_US (10 * US_PER_S)

/* Whether a gateway can be used just now, and if not, why. */
enum gateway_state {
    GATEWAY_USABLE,
    GATEWAY_DOWN,      /* its interface, or that is a port in a bridge */
    GATEWAY_NO_PREFIX, /* none leads to it */
    GATEWAY_OURS,
    GATEWAY_BROADCAST,
};
enum gateway_state gateway_state(struct ip_address gateway);

/* 0, -EEXIST, -ENOENT, -ENETUNREACH (gateway on no connected prefix), -EINVAL
 * (gateway is an address of ours or a broadcast address), -ENOSPC, -ENOMEM. */
int route_add_static(struct ip_address prefix, unsigned length, struct ip_address gateway);
int route_delete_static(struct ip_address prefix, unsigned length);
/* How many routes one slice has touched at most, so far; tests clear it. */
extern unsigned route_slice_most;
bool route_refresh_busy(void);   /* a walk is under way */
void route_static_shutdown(void); /* tests */
