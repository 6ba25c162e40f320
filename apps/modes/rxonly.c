/* rxonly.c - mode rxonly: takes what comes and keeps none of it. */
#include "apps/forward/forward.h"

static void rxonly_burst(struct worker *worker, struct port *in, struct packet **packets,
                         uint16_t n)
{
    counter_add(&forward_counters(worker, in->number)->consumed, n);
    packet_free_burst(&worker->cache, packets, n);
}

FORWARD_MODE(rxonly_mode) = {
    .name = "rxonly",
    .help = "receive and count frames, and send none",
    .burst = rxonly_burst,
};
