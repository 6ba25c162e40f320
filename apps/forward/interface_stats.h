/* interface_stats.h - what went through interfaces: a second view, beside the ports' (stats.h).
 *
 * A port's interface has the port's own counters.  Of another one each worker has a share,
 * which it alone writes: received is what came up to it, sent is what went down through it. */
#pragma once

#include "apps/forward/interface.h"

#include <stdint.h>

struct out;

/* Since the last `clear stats`. */
void interface_totals(const struct interface *interface, struct interface_counters *totals);
void interface_stats_clear(void);

/* All interfaces at one moment, and how `show stats json` prints that; it may be NULL. */
struct interface_snapshot *interface_snapshot_take(void);
void interface_snapshot_print(struct out *out, const struct interface_snapshot *snapshot);
