/* stats.h - one place that counts, one list of reasons to drop.
 *
 * Conservation, per appliance and at any quiet moment:
 *     rx_packets + originated + copied  ==  tx_packets + consumed + drops + held
 * A frame that came in is forwarded, consumed, held (waiting for ARP), or
 * counted in exactly one drop reason of exactly one port: RX reasons on the
 * port it came in on, TX reasons on the port it was meant to leave by.
 * tests/system asserts this law after floods.
 *
 * unread in this file: IEEE 802.1Q; RFC 1812 was read in quotations (docs/sources.md). */
#pragma once

#include "apps/forward/counters.h"
#include "kernel/compiler.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* A port's totals over all workers and queues, since the last `clear stats`. */
struct port_totals {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t rx_dropped, tx_dropped, rx_errors, rx_missed, tx_errors;
    struct port_counters counters;
};

void stats_port_totals(const struct port *port, struct port_totals *totals);
/* The same since the port is there, whatever was cleared; rx_dropped and tx_dropped are 0. */
void stats_port_all(const struct port *port, struct port_totals *totals);
void stats_clear(void);     /* remembers where everything stands: counters never go back */

/* Over the last whole second; bytes of frames without FCS. */
struct port_rates {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};
void stats_port_rates(const struct port *port, struct port_rates *rates);

struct queue_totals {
    uint64_t packets, bytes, errors;
};
void stats_rx_queue(const struct port *port, unsigned queue, struct queue_totals *totals);
void stats_tx_queue(const struct port *port, unsigned queue, struct queue_totals *totals);

struct worker_totals {
    uint64_t packets, busy_cycles, idle_cycles;
    uint64_t taken;             /* frames that other workers received and passed on to it */
    uint64_t wakeups;           /* rests that ended */
    unsigned busy_percent;      /* over the last whole second */
    bool resting;               /* now */
};
void stats_worker_totals(unsigned worker, struct worker_totals *totals);

