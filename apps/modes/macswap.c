/* macswap.c - mode macswap: like io, with source and destination exchanged, as
 * testpmd's mode of that name does; the frame leaves by the other port of the pair. */
#include "apps/forward/forward.h"

/* Both addresses are twelve octets: two loads, two stores. */
static void swap_addresses(uint8_t *frame)
{
    uint64_t first = load_le64(frame);
    uint32_t rest = load_le32(frame + 8);
    store_le64(frame, first << 48 | (uint64_t)rest << 16 | first >> 48);
    store_le32(frame + 8, (uint32_t)(first >> 16));
}

static void macswap_burst(struct worker *worker, struct port *in, struct packet **packets,
                          uint16_t n)
{
    struct port *out = forward_peer(in);
    if (!out) {
        forward_drop_burst(worker, in->number, DROP_no_peer, packets, n);
        return;
    }
    for (uint16_t i = 0; i < n; i++)
        swap_addresses(packets[i]->data);
    forward_pass_burst(worker, in, out, packets, n);
}

FORWARD_MODE(macswap_mode) = {
    .name = "macswap",
    .help = "pass frames as io does, with source and destination MAC exchanged",
    .burst = macswap_burst,
};
