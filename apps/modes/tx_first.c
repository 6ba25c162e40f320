/* tx_first.c - frames to begin with, for modes that only pass on what comes (tx_first.h). */
#include "apps/modes/tx_first.h"

#include "apps/forward/forward.h"
#include "apps/modes/test_frame.h"

#include <errno.h>

static bool can_send(const struct port *port)
{
    return port && port->state == PORT_RUNNING && port->link.up && forward_takes_part(port);
}

/* One burst for a port, in front of *list, through packet->user.  False: no packets left. */
static bool make_burst(struct worker *control, const struct port *out, struct packet **list)
{
    struct packet *packets[PORT_BURST];
    uint16_t n = forward_burst();
    if (!test_frames_alloc(&control->cache, packets, n))
        return false;
    for (uint16_t i = 0; i < n; i++) {
        test_frame_build(out, packets[i], &test_flow_first);
        packets[i]->user = (uintptr_t)*list;
        *list = packets[i];
    }
    return true;
}

static struct packet *take(struct packet **list)
{
    struct packet *packet = *list;
    *list = (struct packet *)(uintptr_t)packet->user;
    return packet;
}

/* Out of every port, or out of none. */
static bool send_bursts(struct worker *control)
{
    struct packet *list = NULL;
    bool enough = true;
    for (unsigned i = 0; enough && i < port_count(); i++)
        if (can_send(port_get(i)))
            enough = make_burst(control, port_get(i), &list);
    while (list) {
        struct packet *packet = take(&list);
        if (enough)
            control_originate(control, port_get(packet->port), packet);
        else
            packet_free(&control->cache, packet);
    }
    forward_flush(control);
    return enough;
}

int modes_start_tx_first(uint64_t bursts)
{
    forward_ports_up();
    for (uint64_t i = 0; i < bursts; i++)
        if (!send_bursts(control_worker()))
            return -ENOMEM;
    forward_start();
    return 0;
}
