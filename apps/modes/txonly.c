/* txonly.c - mode txonly: sends test frames out of every port, as fast as it
 * takes them.  What comes in meanwhile is consumed. */
#include "apps/forward/forward.h"
#include "apps/modes/test_frame.h"

static void txonly_burst(struct worker *worker, struct port *in, struct packet **packets,
                         uint16_t n)
{
    counter_add(&forward_counters(worker, in->number)->consumed, n);
    packet_free_burst(&worker->cache, packets, n);
}

static void send_burst(struct worker *worker, struct port *out)
{
    struct packet *packets[PORT_BURST];
    if (!packet_alloc_burst(&worker->cache, packets, PORT_BURST))
        return; /* all under way; they come back as they are sent */
    for (unsigned i = 0; i < PORT_BURST; i++)
        test_frame_build(out, packets[i]);
    forward_offer(worker, out, packets, PORT_BURST);
}

static void txonly_turn(struct worker *worker)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *out = port_get(i);
        if (out && forward_sends_itself(worker, out))
            send_burst(worker, out);
    }
}

FORWARD_MODE(txonly_mode) = {
    .name = "txonly",
    .help = "send 64-byte test frames out of every port",
    .burst = txonly_burst,
    .turn = txonly_turn,
};
