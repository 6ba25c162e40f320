/* output6.c - the control task's IPv6 output (output6.h). */
#include "apps/ip/output6.h"

#include "apps/ip/address.h"
#include "apps/ip/fib6.h"
#include "apps/ip/flow.h"
#include "apps/ip/fragment6.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/transmit.h"

/* Of several ways what is our own takes the one of its destination. */
static uint32_t nexthop_towards(struct ip_address destination)
{
    uint8_t key[FIB6_ADDRESS];
    ip_store(key, destination);
    uint32_t flow = flow_hash(0, ip_hash(destination), 0);
    return fib6 ? nexthop_of_flow(fib6_lookup(key), flow) : NEXTHOP_NONE;
}

/* A route object with a reference more for what leaves by an interface. */
static uint32_t way_out(struct ip_address destination, struct interface *interface)
{
    uint32_t nexthop;
    if (ipv6_is_link_local(destination))
        return interface && !nexthop_init() ? nexthop_connected(interface->number) : NEXTHOP_NONE;
    nexthop = nexthop_towards(destination);
    nexthop_hold(nexthop);
    return nexthop;
}

static void to_group(struct worker *control, struct packet *p, struct interface *interface)
{
    ipv6_group_mac(ipv6_destination(p->data + ETHERNET_HEADER), p->data);
    memcpy(p->data + ETHERNET_SOURCE, interface->mac, MAC_LEN);
    ip_transmit(control, interface, p);
}

static void send_pieces(struct worker *control, struct packet *p, uint32_t nexthop,
                        struct ip_address destination)
{
    struct packet *pieces[FRAGMENTS6_MAX];
    int n = fragment6_packet(&control->cache, p, pieces);
    packet_free(&control->cache, p);
    for (int i = 0; i < n; i++)
        neighbor_output(control, nexthop, destination, pieces[i]);
}

void ip6_output(struct worker *control, struct packet *p, struct interface *interface)
{
    struct ip_address destination = ipv6_destination(p->data + ETHERNET_HEADER);
    struct next_hop hop;
    p->interface = INTERFACE_NONE;
    if (ipv6_is_multicast(destination)) {
        if (interface)
            to_group(control, p, interface);
        else
            packet_free(&control->cache, p);
        return;
    }
    uint32_t nexthop = way_out(destination, interface);
    if (!neighbor_next_hop(nexthop, destination, &hop))
        packet_free(&control->cache, p);
    else if (p->frame_length > ETHERNET_HEADER + IPV6_MTU_MIN)
        send_pieces(control, p, nexthop, destination);
    else
        neighbor_output(control, nexthop, destination, p);
    nexthop_release(nexthop);
}

/* Where the way out has no address that reaches as far any other of ours serves: a router may
 * call itself by all (unread: RFC 6724 4). */
static const struct address *any_global(struct ip_address destination)
{
    const struct address *best = NULL, *a;
    for (unsigned i = 0; (a = address_at(i)); i++)
        if (!ip_is_v4(a->address) && !ipv6_is_link_local(a->address) && address_ready(a) &&
            (!best ||
             ip_same_bits(a->address, destination) > ip_same_bits(best->address, destination)))
            best = a;
    return best;
}

struct ip_address ip6_source_towards(struct ip_address destination, struct interface *interface)
{
    struct next_hop hop = { .interface = interface };
    const struct address *us = NULL;
    uint32_t nexthop = interface ? NEXTHOP_NONE : nexthop_towards(destination);
    if (interface || neighbor_next_hop(nexthop, destination, &hop))
        us = address_source(hop.interface, destination);
    if (us && ipv6_is_link_local(us->address) && !ipv6_is_link_local(destination) &&
        !ipv6_is_multicast(destination))
        us = any_global(destination);
    return us ? us->address : (struct ip_address){ 0 };
}

struct ip_address ip6_source_on(uint16_t interface, struct ip_address destination)
{
    struct interface *on = interface_get(interface);
    if (!on && interface != INTERFACE_NONE)
        return (struct ip_address){ 0 };
    return ip6_source_towards(destination, on);
}
