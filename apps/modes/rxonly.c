/* rxonly.c - mode rxonly: takes what comes and keeps none of it. */
#include "apps/forward/forward.h"

static void rxonly_burst(struct core *core, struct port *in, struct packet **packets, uint16_t n)
{
    core->counters[in->number].consumed += n;
    packet_free_burst(&core->cache, packets, n);
}

FORWARD_MODE(rxonly_mode) = {
    .name = "rxonly",
    .help = "receive and count only",
    .burst = rxonly_burst,
};
