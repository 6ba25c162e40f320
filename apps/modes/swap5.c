/* swap5.c - mode 5tswap: like macswap, with the addresses of IP and the ports of TCP and UDP
 * exchanged too, as testpmd's mode of that name does.  No checksum changes by that. */
#include "apps/forward/forward.h"
#include "apps/ip/ipv4.h"
#include "apps/modes/layers.h"

#include <string.h>

#define IPV6_SOURCE 8u
#define IPV6_ADDRESS 16u

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
    uint8_t keep[IPV6_ADDRESS];
    memcpy(keep, a, n);
    memcpy(a, b, n);
    memcpy(b, keep, n);
}

static void swap_all(struct packet *p)
{
    struct layers l;
    layers_find(p, &l);
    swap(p->data, p->data + MAC_LEN, MAC_LEN);
    if (l.l3 && l.type == ETHERTYPE_IPV4)
        swap(l.l3 + IPV4_SOURCE, l.l3 + IPV4_DESTINATION, 4);
    else if (l.l3)
        swap(l.l3 + IPV6_SOURCE, l.l3 + IPV6_SOURCE + IPV6_ADDRESS, IPV6_ADDRESS);
    if (l.l4 && (l.protocol == LAYERS_TCP || l.protocol == LAYERS_UDP))
        swap(l.l4, l.l4 + 2, 2);
}

static void swap5_burst(struct worker *worker, struct port *in, struct packet **packets, uint16_t n)
{
    struct port *out = forward_peer(in);
    if (!out) {
        forward_drop_burst(worker, in->number, DROP_no_peer, packets, n);
        return;
    }
    for (uint16_t i = 0; i < n; i++)
        swap_all(packets[i]);
    forward_send_burst(worker, out, packets, n);
}

FORWARD_MODE(swap5_mode) = {
    .name = "5tswap",
    .help = "pass frames as macswap does, with IP addresses and TCP and UDP ports exchanged too",
    .burst = swap5_burst,
};
