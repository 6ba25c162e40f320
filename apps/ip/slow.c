/* slow.c - what the control task does with packets that workers passed on (slow.h). */
#include "apps/ip/slow.h"

#include "apps/ip/address.h"
#include "apps/ip/arp_input.h"
#include "apps/ip/fib.h"
#include "apps/ip/flow.h"
#include "apps/ip/icmp.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/output.h"
#include "apps/ip/passage.h"
#include "apps/ip/protocol.h"
#include "apps/ip/reassembly.h"
#include "apps/ip/running.h"

/* RFC 1812 5.2.7.2: out where it came in, source and next hop on one subnet,
 * no source route (those are refused). */
static void redirect_consider(struct worker *control, struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t destination = load_be32(ip + IPV4_DESTINATION), source = load_be32(ip + IPV4_SOURCE);
    struct next_hop hop;
    uint32_t nexthop = nexthop_of_flow(fib_lookup(destination), flow_hash_ipv4(ip));
    if (neighbor_next_hop(nexthop, ip_from_v4(destination), &hop) &&
        hop.interface->number == p->interface) {
        const struct address *near = address_covering(ip_from_v4(source));
        if (near && near == address_covering(hop.address))
            icmp_error(control, p, ICMP_REDIRECT, ICMP_REDIRECT_HOST, ip_to_v4(hop.address));
    }
    forward_consume(control, p);
}

/* Source routes are refused, as RFC 7126 4.3 and 4.4 advise and against RFC 1812
 * 5.3.13.4 (both unread); a strict one that has lost its way is told so. */
static bool options_refused(struct worker *control, struct packet *p)
{
    uint8_t pointer = IPV4_DESTINATION;
    bool to_us =
        fib_lookup(load_be32(p->data + ETHERNET_HEADER + IPV4_DESTINATION)) == NEXTHOP_LOCAL;
    switch (ipv4_options_check(p->data + ETHERNET_HEADER, &pointer)) {
    case IPV4_OPTIONS_FINE:
        return false;
    case IPV4_OPTIONS_STRICT_ROUTE:
        if (to_us)
            break;
        pointer = IPV4_DESTINATION;
        /* fall through */
    case IPV4_OPTIONS_BAD:
        icmp_refuse(control, p, DROP_ip_options, ICMP_PARAMETER_PROBLEM, 0,
                    (uint32_t)pointer << 24);
        return true;
    default:
        break;
    }
    icmp_refuse(control, p, DROP_ip_options, ICMP_UNREACHABLE, ICMP_SOURCE_ROUTE_FAILED, 0);
    return true;
}

static const struct ip_protocol *protocol_find(uint8_t number)
{
    TABLE_FOR_EACH (ip_protocols, struct ip_protocol, protocol)
        if (protocol->number == number)
            return protocol;
    return NULL;
}

/* unread: RFC 1812 5.2.3.  TTL does not matter here (4.2.2.9). */
static void deliver(struct worker *control, struct packet *p)
{
    uint8_t *ip = p->data + ETHERNET_HEADER;
    if (ipv4_header_length(ip) > IPV4_HEADER_MIN)
        ipv4_options_stamp(ip, load_be32(ip + IPV4_DESTINATION), time_us());
    if (load_be16(ip + IPV4_FRAGMENT) & (IPV4_FRAGMENT_OFFSET | IPV4_FRAGMENT_MF)) {
        p = reassembly_join(control, p);
        if (!p)
            return;
        ip = p->data + ETHERNET_HEADER;
    }
    const struct ip_protocol *protocol = protocol_find(ip[IPV4_PROTOCOL]);
    if (protocol)
        protocol->receive(control, p);
    else
        icmp_refuse(control, p, DROP_protocol, ICMP_UNREACHABLE, ICMP_PROTOCOL_UNREACHABLE, 0);
}

enum nexthop_kind slow_verdict(uint32_t nexthop, enum drop_reason *why)
{
    static const uint8_t drops[NEXTHOP_FIXED] = { [NEXTHOP_BLACKHOLE] = DROP_blackhole,
                                                  [NEXTHOP_UNREACHABLE] = DROP_unreachable,
                                                  [NEXTHOP_PROHIBIT] = DROP_prohibited };
    bool is_told = nexthop < NEXTHOP_FIXED && drops[nexthop];
    *why = is_told ? drops[nexthop] : DROP_no_route;
    return is_told ? (enum nexthop_kind)nexthop : NEXTHOP_NONE;
}

/* RFC 1812 5.2.7.1: no route is a network's, whatever a route refuses is one host's. */
static void refuse(struct worker *control, struct packet *p, uint32_t nexthop)
{
    static const uint8_t codes[] = { [NEXTHOP_NONE] = ICMP_NET_UNREACHABLE,
                                     [NEXTHOP_UNREACHABLE] = ICMP_HOST_UNREACHABLE,
                                     [NEXTHOP_PROHIBIT] = ICMP_PROHIBITED };
    enum drop_reason why;
    enum nexthop_kind verdict = slow_verdict(nexthop, &why);
    if (verdict == NEXTHOP_BLACKHOLE)
        forward_drop(control, p->port, why, p);
    else
        icmp_refuse(control, p, why, ICMP_UNREACHABLE, codes[verdict], 0);
}

/* unread: RFC 1812 5.2.1.2, in its order: next hop, time to live, length. */
static void forward_slow(struct worker *control, struct packet *p, uint32_t nexthop)
{
    uint8_t *ip = p->data + ETHERNET_HEADER;
    struct ip_address destination = ip_from_v4(load_be32(ip + IPV4_DESTINATION));
    struct next_hop hop;
    nexthop = nexthop_of_flow(nexthop, flow_hash_ipv4(ip));
    if (!neighbor_next_hop(nexthop, destination, &hop)) {
        refuse(control, p, nexthop);
        return;
    }
    const struct address *us = address_source(hop.interface, hop.address);
    uint16_t mtu = hop.interface->mtu;
    if (!us) {
        forward_drop(control, p->port, DROP_no_route, p);
    } else if (ip[IPV4_TTL] <= 1) {
        icmp_refuse(control, p, DROP_ttl_expired, ICMP_TIME_EXCEEDED, ICMP_TTL_EXCEEDED, 0);
    } else if (load_be16(ip + IPV4_TOTAL_LENGTH) > mtu &&
               (load_be16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_DF)) {
        icmp_refuse(control, p, DROP_too_big, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, mtu);
    } else {
        if (ipv4_header_length(ip) > IPV4_HEADER_MIN)
            ipv4_options_stamp(ip, ip_to_v4(us->address), time_us());
        ipv4_decrement_ttl(ip);
        ip_output_by(control, p, nexthop, destination, mtu);
    }
}

/* The tables may have changed since the worker looked. */
static void receive_slow(struct worker *control, struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t nexthop = fib_lookup(load_be32(ip + IPV4_DESTINATION));
    if (ipv4_header_length(ip) > IPV4_HEADER_MIN && options_refused(control, p))
        return;
    if (nexthop == NEXTHOP_LOCAL)
        deliver(control, p);
    else if (nexthop == NEXTHOP_BROADCAST)
        forward_drop(control, p->port, DROP_broadcast, p);
    else if (!ip_routing())
        forward_drop(control, p->port, DROP_not_routed, p);
    else
        forward_slow(control, p, nexthop);
}

void ip_slow(struct worker *control, const struct note *note)
{
    struct packet *p = note->packet;
    struct interface *in = interface_get(note->interface);
    if (!in || !in->addresses)
        forward_drop(control, p->port, DROP_no_address, p);
    else if (!ip_running())
        forward_drop(control, p->port, DROP_stopped, p);
    else if (note->code == IP_SLOW_RESOLVE)
        arp_receive(control, in, p);
    else if (note->code == IP_SLOW_REDIRECT)
        redirect_consider(control, p);
    else
        receive_slow(control, p);
}
