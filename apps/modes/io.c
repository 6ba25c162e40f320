/* io.c - mode io: what comes in on one port of a pair leaves by the other, as it is. */
#include "apps/forward/forward.h"

static void io_burst(struct worker *worker, struct port *in, struct packet **packets, uint16_t n)
{
    struct port *out = forward_peer(in);
    if (!out) {
        forward_drop_burst(worker, in->number, DROP_no_peer, packets, n);
        return;
    }
    forward_pass_burst(worker, in, out, packets, n);
}

FORWARD_MODE(io_mode) = {
    .name = "io",
    .help = "pass frames between the ports of a pair (0-1, 2-3, ...), unchanged",
    .burst = io_burst,
};
