/* nd_input.c - neighbor discovery: what others say and ask (RFC 4861 7.1, 7.2). */
#include "apps/ip/nd_input.h"

#include "apps/ip/address.h"
#include "apps/ip/dad.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/running.h"

static void invalid(struct worker *control, const struct icmp6_message *m)
{
    forward_drop(control, m->packet->port, DROP_nd_invalid, m->packet);
}

static bool is_our_own(const struct icmp6_message *m)
{
    return mac_equal(m->packet->data + ETHERNET_SOURCE, m->in->mac);
}

/* The address whose prefix has this anycast address. */
static const struct address *anycast_on(const struct interface *in, struct ip_address target)
{
    const struct address *a = address_covering_on(in, target);
    return a && !ip_is_v4(target) && !address_is_host(a, target) ? a : NULL;
}

/* RFC 4861 7.2.4.  To whoever looks for duplicates the answer goes to all nodes. */
static void answer(struct worker *control, const struct icmp6_message *m, struct ip_address target,
                   bool is_anycast)
{
    bool asks = !ip_is_zero(m->source);
    struct ip_address source = target;
    if (is_anycast)
        source = address_source(m->in, m->source)->address;
    struct packet *p =
        icmp6_make(control, source, asks ? m->source : IPV6_ALL_NODES, ICMP6_NEIGHBOR_ADVERTISEMENT,
                   ND_NEIGHBOR_LENGTH + ND_OPTION_MAC_LENGTH);
    if (!p)
        return;
    icmp6_of(p)[ND_FLAGS] = (uint8_t)((asks ? ND_SOLICITED : 0) | (is_anycast ? 0 : ND_OVERRIDE) |
                                      (ip_routing() ? ND_ROUTER : 0));
    ip_store(icmp6_of(p) + ND_TARGET, target);
    nd_put_mac(icmp6_of(p) + ND_NEIGHBOR_LENGTH, ND_OPTION_TARGET, m->in->mac);
    const uint8_t *mac = nd_option_mac(m, ND_NEIGHBOR_LENGTH, ND_OPTION_SOURCE);
    /* Where the option is left out the frame says it. */
    nd_send(control, m->in, !asks ? NULL : mac ? mac : m->packet->data + ETHERNET_SOURCE, p);
}

void nd_hear_source(struct worker *control, const struct icmp6_message *m, uint32_t header)
{
    const uint8_t *mac = nd_option_mac(m, header, ND_OPTION_SOURCE);
    if (mac && neighbor_may_be(m->source, m->in))
        neighbor_hear(control, m->in, m->source, mac, NEIGHBOR_NEW | NEIGHBOR_OVERRIDE);
}

/* RFC 4861 7.1.1: who has no address yet asks the target's group, and says no MAC. */
static bool is_possible(const struct icmp6_message *m, struct ip_address target)
{
    if (ipv6_is_multicast(target))
        return false;
    return !ip_is_zero(m->source) || (ipv6_is_solicited_node(m->destination) &&
                                      !nd_option_mac(m, ND_NEIGHBOR_LENGTH, ND_OPTION_SOURCE));
}

/* Of a tentative address one thing counts: whether somebody else begins to use it, too. */
static void asked(struct worker *control, const struct icmp6_message *m, const struct address *a,
                  struct ip_address target)
{
    const struct address *any = a ? NULL : anycast_on(m->in, target);
    if (a && a->state == ADDRESS_TENTATIVE && ip_is_zero(m->source))
        dad_conflict(a, m->packet->data + ETHERNET_SOURCE);
    if ((!a || !address_ready(a)) && (!any || !address_source(m->in, m->source)))
        return;
    nd_hear_source(control, m, ND_NEIGHBOR_LENGTH);
    answer(control, m, target, any);
}

static void solicitation(struct worker *control, const struct icmp6_message *m)
{
    if (!nd_is_valid(m, ND_NEIGHBOR_LENGTH) || !is_possible(m, ip_load(m->icmp + ND_TARGET))) {
        invalid(control, m);
        return;
    }
    struct ip_address target = ip_load(m->icmp + ND_TARGET);
    if (!is_our_own(m))
        asked(control, m, address_on(m->in, target), target);
    forward_consume(control, m->packet);
}

ICMP6_TAKER(nd_solicitations) = { .type = ICMP6_NEIGHBOR_SOLICITATION, .receive = solicitation };

/* RFC 4861 7.1.2, 7.2.5 */
static void advertisement(struct worker *control, const struct icmp6_message *m)
{
    struct ip_address target = { 0 };
    bool valid = nd_is_valid(m, ND_NEIGHBOR_LENGTH);
    uint8_t flags = valid ? m->icmp[ND_FLAGS] : 0;
    if (valid)
        target = ip_load(m->icmp + ND_TARGET);
    if (!valid || ipv6_is_multicast(target) ||
        (ipv6_is_multicast(m->destination) && (flags & ND_SOLICITED))) {
        invalid(control, m);
        return;
    }
    const struct address *ours = address_on(m->in, target);
    if (ours && !is_our_own(m) && ours->state != ADDRESS_DUPLICATE)
        dad_conflict(ours, m->packet->data + ETHERNET_SOURCE);
    else if (!ours && !is_our_own(m))
        neighbor_hear(control, m->in, target,
                      nd_option_mac(m, ND_NEIGHBOR_LENGTH, ND_OPTION_TARGET),
                      (flags & ND_SOLICITED ? NEIGHBOR_CONFIRMED : 0) |
                          (flags & ND_OVERRIDE ? NEIGHBOR_OVERRIDE : 0));
    forward_consume(control, m->packet);
}

ICMP6_TAKER(nd_advertisements) = { .type = ICMP6_NEIGHBOR_ADVERTISEMENT, .receive = advertisement };

/* Other routers' advertisements and redirects change nothing in a router (RFC 4861 6.2.7, 8.2). */
static void ignore(struct worker *control, const struct icmp6_message *m)
{
    forward_consume(control, m->packet);
}

ICMP6_TAKER(nd_others_advertisements) = { .type = ICMP6_ROUTER_ADVERTISEMENT, .receive = ignore };
ICMP6_TAKER(nd_others_redirects) = { .type = ICMP6_REDIRECT, .receive = ignore };
