/* mac.c - mode mac: like io, with the addresses that the next link expects, as
 * testpmd's mode of that name has them: from the port that sends, to the
 * station taken to be behind it. */
#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/modes/test_frame.h"

#include <string.h>

static void mac_burst(struct worker *worker, struct port *in, struct packet **packets, uint16_t n)
{
    uint8_t addresses[2 * MAC_LEN];
    struct port *out = forward_peer(in);
    const struct interface *interface = out ? interface_by_port(out->number) : NULL;
    if (!interface) {
        forward_drop_burst(worker, in->number, DROP_no_peer, packets, n);
        return;
    }
    mac_store(addresses, test_frame_peer(out));
    mac_store(addresses + MAC_LEN, load_relaxed(&interface->mac_word));
    for (uint16_t i = 0; i < n; i++)
        __builtin_prefetch(packets[i]->data, 1);
    for (uint16_t i = 0; i < n; i++)
        memcpy(packets[i]->data, addresses, sizeof addresses);
    forward_pass_burst(worker, in, out, packets, n);
}

FORWARD_MODE(mac_mode) = {
    .name = "mac",
    .help = "pass frames as io does, with the sending port's MAC as source, to 02:00:00:00:00:PORT",
    .burst = mac_burst,
};
