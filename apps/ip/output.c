/* output.c - the control task's IP output (output.h). */
#include "apps/ip/output.h"

#include "apps/ip/fib.h"
#include "apps/ip/flow.h"
#include "apps/ip/fragment.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/transmit.h"

#include <errno.h>

static uint16_t next_id;

/* Of the pieces of a received packet the first stands for the packet and the
 * others are extra; pieces of our own are all extra and counted when sent. */
static void send_fragments(struct worker *control, struct packet *packet, uint32_t nexthop,
                           struct ip_address destination, uint16_t mtu)
{
    struct packet *fragments[FRAGMENTS_MAX];
    int n = fragment_packet(&control->cache, packet, mtu, fragments);
    if (n < 0) {
        ip_drop(control, n == -EOVERFLOW ? DROP_fragment : DROP_no_buffer, packet);
        return;
    }
    if (packet->port != PORT_NONE)
        counter_add(&forward_counters(control, packet->port)->copied, (unsigned)n - 1);
    packet_free(&control->cache, packet);
    for (int i = 0; i < n; i++)
        neighbor_output(control, nexthop, destination, fragments[i]);
}

void ip_output_by(struct worker *control, struct packet *packet, uint32_t nexthop,
                  struct ip_address destination, uint16_t mtu)
{
    if (load_be16(packet->data + ETHERNET_HEADER + IPV4_TOTAL_LENGTH) > mtu)
        send_fragments(control, packet, nexthop, destination, mtu);
    else
        neighbor_output(control, nexthop, destination, packet);
}

/* Of several ways what is our own takes the one of its destination, for which its source was
 * chosen before there was a packet. */
static uint32_t nexthop_towards(uint32_t destination)
{
    return nexthop_of_flow(fib_lookup(destination), flow_hash(0, destination, 0));
}

void ip_output(struct worker *control, struct packet *packet)
{
    uint8_t *ip = packet->data + ETHERNET_HEADER;
    uint32_t to = load_be32(ip + IPV4_DESTINATION), nexthop = nexthop_towards(to);
    struct ip_address destination = ip_from_v4(to);
    struct next_hop hop;
    if (!neighbor_next_hop(nexthop, destination, &hop)) {
        packet_free(&control->cache, packet);
        return;
    }
    packet->interface = INTERFACE_NONE;
    ipv4_checksum_set(ip);
    ip_output_by(control, packet, nexthop, destination, hop.interface->mtu);
}

uint16_t ip_new_id(void)
{
    return next_id++;
}

struct packet *ip_make(struct worker *control, uint32_t source, uint32_t destination,
                       uint8_t protocol, uint32_t length)
{
    struct packet *p = packet_alloc(&control->cache);
    if (!p)
        return NULL;
    uint8_t *ip = p->data + ETHERNET_HEADER;
    memset(p->data, 0, ETHERNET_HEADER + IPV4_HEADER_MIN);
    store_be16(p->data + ETHERNET_TYPE, ETHERTYPE_IPV4);
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(IPV4_HEADER_MIN + length));
    store_be16(ip + IPV4_ID, ip_new_id());
    ip[IPV4_TTL] = IPV4_TTL_DEFAULT;
    ip[IPV4_PROTOCOL] = protocol;
    store_be32(ip + IPV4_SOURCE, source);
    store_be32(ip + IPV4_DESTINATION, destination);
    p->length = (uint16_t)(ETHERNET_HEADER + IPV4_HEADER_MIN + length);
    p->frame_length = p->length;
    p->port = PORT_NONE;
    return p;
}

uint32_t ip_source_towards(uint32_t destination)
{
    struct next_hop hop;
    if (!fib || !neighbor_next_hop(nexthop_towards(destination), ip_from_v4(destination), &hop))
        return 0;
    const struct address *us = address_source(hop.interface, hop.address);
    return us ? ip_to_v4(us->address) : 0;
}

uint32_t ip_source_on(uint16_t interface, uint32_t destination)
{
    const struct interface *on = interface_get(interface);
    const struct address *us = on ? address_source(on, ip_from_v4(destination)) : NULL;
    uint32_t routed = ip_source_towards(destination);
    return interface == INTERFACE_NONE || !routed ? routed : us ? ip_to_v4(us->address) : 0;
}
