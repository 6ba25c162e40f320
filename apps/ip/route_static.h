/* route_static.h - static routes: prefixes that lead to what a command says (target.h).
 *
 * A route keeps its place in the configuration while its target leads nowhere, and is out of the
 * forwarding table meanwhile: what lies above it leads on (unread: RFC 1812 5.3.12.3).  When
 * addresses or interfaces change all targets are looked at again, and after those that changed all
 * routes, a bounded number at a time: the first ones at once, the rest in the slices that follow.
 * Those for which there is no memory then are tried again every ROUTES_RETRY_US.  A route that
 * names an interface goes with it. */
#pragma once

#include "apps/ip/target.h"

#include <stdbool.h>

#define ROUTES_PER_SLICE 512u
#define ROUTES_RETRY_US (10 * US_PER_S)

/* 0, -EEXIST, -EINVAL (the way at *wrong is one that way_is_refused()), -ENOSPC, -ENOMEM. */
int route_add_static(struct ip_address prefix, unsigned length, const struct target_words *words,
                     unsigned *wrong);
int route_delete_static(struct ip_address prefix, unsigned length); /* 0 or -ENOENT */
/* How many routes one slice has touched at most, so far; tests clear it. */
extern unsigned route_slice_most;
bool route_refresh_busy(void);    /* a walk is under way */
void route_static_shutdown(void); /* tests */
