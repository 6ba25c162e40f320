/* law.h - the law of apps/forward/stats.h by the counters themselves, of a port with one queue each
 * way and a program with one worker: for who looks after every frame, and cannot add up all queues
 * and workers that there might be each time. */
#pragma once

#include "apps/forward/worker.h"

static inline void law_add(const struct port *port, uint64_t *in, uint64_t *out)
{
    const struct port_counters *c = forward_counters(control_worker(), port->number);
    *in += port->rxq[0]->packets + c->originated + c->copied;
    *out += port->txq[0]->packets + port->txq[0]->errors + c->consumed;
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
        *out += c->drops[why];
}
