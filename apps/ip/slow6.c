/* slow6.c - what the control task does with IPv6 packets that workers passed on (slow6.h). */
#include "apps/ip/slow6.h"

#include "apps/ip/address.h"
#include "apps/ip/fib6.h"
#include "apps/ip/flow.h"
#include "apps/ip/icmp6.h"
#include "apps/ip/icmp6_message.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/passage.h"
#include "apps/ip/reassembly.h"
#include "apps/ip/running.h"
#include "apps/ip/slow.h"
#include "apps/ip/udp.h"

static uint32_t look_up(struct ip_address destination)
{
    uint8_t key[FIB6_ADDRESS];
    ip_store(key, destination);
    return fib6 ? fib6_lookup(key) : NEXTHOP_NONE;
}

static void verdict_carry_out(struct worker *control, struct packet *p,
                              const struct ipv6_walk *walk, enum ipv6_verdict verdict)
{
    if (verdict == IPV6_DISCARD)
        forward_drop(control, p->port, DROP_ip_options, p);
    else
        icmp6_refuse(control, p, DROP_ip_options, ICMP6_PROBLEM, walk->code, walk->pointer);
}

/* To us ------------------------------------------------------------------------ */

static void upper_layer(struct worker *control, struct interface *in, struct packet *p,
                        const struct ipv6_walk *walk, bool pieces)
{
    if (walk->next == IPV6_ICMP)
        icmp6_receive(control, in, p, walk, pieces);
    else if (walk->next == IPV6_NO_NEXT)
        forward_consume(control, p);
    else if (walk->next == IPV6_UDP)
        udp6_receive(control, p, ETHERNET_HEADER + walk->at);
    else
        icmp6_refuse(control, p, DROP_protocol, ICMP6_PROBLEM, ICMP6_PROBLEM_NEXT_HEADER,
                     walk->next_at);
}

/* The headers one after the other, as they stand (RFC 8200 4); a whole packet has no fragment
 * header any more. */
static void deliver(struct worker *control, struct interface *in, struct packet *p, bool whole)
{
    struct ipv6_walk walk;
    ipv6_walk_begin(&walk, p);
    enum ipv6_verdict verdict = ipv6_walk_headers(&walk);
    if (verdict != IPV6_FINE) {
        verdict_carry_out(control, p, &walk, verdict);
        return;
    }
    if (walk.next != IPV6_FRAGMENT) {
        upper_layer(control, in, p, &walk, whole);
        return;
    }
    if (whole) { /* pieces of a piece: nobody makes them */
        forward_drop(control, p->port, DROP_fragment, p);
        return;
    }
    p = reassembly6_join(control, p, &walk);
    if (p)
        deliver(control, in, p, true);
}

/* RFC 4291 2.8: a router's groups; those of its addresses are there while they are tentative. */
static bool is_our_group(const struct interface *in, struct ip_address group)
{
    const struct address *a;
    if (ip_equal(group, IPV6_ALL_NODES) || ip_equal(group, IPV6_ALL_ROUTERS))
        return true;
    for (unsigned i = 0; (a = address_of(in, i)); i++)
        if (!ip_is_v4(a->address) &&
            (ip_equal(group, ipv6_solicited_node(a->address)) ||
             ip_equal(group, ipv6_solicited_node(ip_network(a->address, a->length)))))
            return true;
    return false;
}

/* To be passed on -------------------------------------------------------------- */

/* RFC 4861 8.2: out where it came in, from a neighbor; to a router of which the link-local address
 * is known, or to the destination itself. */
static void redirect_consider(struct worker *control, struct interface *in, struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    struct ip_address destination = ipv6_destination(ip), source = ipv6_source(ip);
    uint32_t nexthop = nexthop_of_flow(look_up(destination), flow_hash_ipv6(ip));
    struct next_hop hop;
    if (neighbor_next_hop(nexthop, destination, &hop) && hop.interface == in &&
        address_covering_on(in, source) &&
        (ipv6_is_link_local(hop.address) || ip_equal(hop.address, destination)))
        icmp6_redirect(control, p, hop.address);
    forward_consume(control, p);
}

/* unread: RFC 4443 3.1 */
static void refuse(struct worker *control, struct packet *p, uint32_t nexthop)
{
    static const uint8_t codes[] = { [NEXTHOP_NONE] = ICMP6_NO_ROUTE,
                                     [NEXTHOP_UNREACHABLE] = ICMP6_REJECTED,
                                     [NEXTHOP_PROHIBIT] = ICMP6_PROHIBITED };
    enum drop_reason why;
    enum nexthop_kind verdict = slow_verdict(nexthop, &why);
    if (verdict == NEXTHOP_BLACKHOLE)
        forward_drop(control, p->port, why, p);
    else
        icmp6_refuse(control, p, why, ICMP6_UNREACHABLE, codes[verdict], 0);
}

static void forward_slow(struct worker *control, struct packet *p, uint32_t nexthop)
{
    uint8_t *ip = p->data + ETHERNET_HEADER;
    struct ip_address destination = ipv6_destination(ip);
    struct next_hop hop;
    nexthop = nexthop_of_flow(nexthop, flow_hash_ipv6(ip));
    if (ip[IPV6_HOP_LIMIT] <= 1) {
        icmp6_refuse(control, p, DROP_ttl_expired, ICMP6_TIME_EXCEEDED, ICMP6_HOP_LIMIT_EXCEEDED,
                     0);
    } else if (!neighbor_next_hop(nexthop, destination, &hop)) {
        refuse(control, p, nexthop);
    } else if (ipv6_is_link_local(ipv6_source(ip))) {
        icmp6_refuse(control, p, DROP_martian_source, ICMP6_UNREACHABLE, ICMP6_BEYOND_SCOPE, 0);
    } else if (p->frame_length > ETHERNET_HEADER + hop.interface->mtu) {
        icmp6_refuse(control, p, DROP_too_big, ICMP6_TOO_BIG, 0, hop.interface->mtu);
    } else {
        ip[IPV6_HOP_LIMIT]--;
        neighbor_output(control, nexthop, destination, p);
    }
}

/* Only hop-by-hop options concern a router (RFC 8200 4). */
static void pass_on(struct worker *control, struct packet *p, uint32_t nexthop)
{
    struct ipv6_walk walk;
    enum ipv6_verdict verdict = IPV6_FINE;
    ipv6_walk_begin(&walk, p);
    if (walk.next == IPV6_HOP_BY_HOP)
        verdict = ipv6_walk_options(&walk);
    if (verdict == IPV6_FINE)
        forward_slow(control, p, nexthop);
    else
        verdict_carry_out(control, p, &walk, verdict);
}

/* The tables may have changed since the worker looked. */
static void receive_slow(struct worker *control, struct interface *in, struct packet *p)
{
    struct ip_address destination = ipv6_destination(p->data + ETHERNET_HEADER);
    bool is_group = ipv6_is_multicast(destination), is_near = ipv6_is_link_local(destination);
    uint32_t nexthop = is_group || is_near ? NEXTHOP_NONE : look_up(destination);
    if (is_group  ? is_our_group(in, destination)
        : is_near ? address_on(in, destination) != NULL
                  : nexthop == NEXTHOP_LOCAL)
        deliver(control, in, p, false);
    else if (is_group)
        forward_drop(control, p->port, DROP_multicast, p);
    else if (is_near)
        forward_drop(control, p->port, DROP_martian_destination, p);
    else if (!ip_routing())
        forward_drop(control, p->port, DROP_not_routed, p);
    else
        pass_on(control, p, nexthop);
}

void ip6_slow(struct worker *control, const struct note *note)
{
    struct packet *p = note->packet;
    struct interface *in = interface_get(note->interface);
    if (!in || !in->ipv6)
        forward_drop(control, p->port, in && in->addresses ? DROP_ipv6 : DROP_no_address, p);
    else if (!ip_running())
        forward_drop(control, p->port, DROP_stopped, p);
    else if (note->code == IP_SLOW_REDIRECT)
        redirect_consider(control, in, p);
    else
        receive_slow(control, in, p);
}
