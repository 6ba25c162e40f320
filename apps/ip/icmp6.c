/* icmp6.c - ICMPv6 errors (icmp6.h). */
#include "apps/ip/icmp6.h"

#include "apps/ip/address.h"
#include "apps/ip/icmp_limit.h"
#include "apps/ip/nd.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/output6.h"
#include "apps/ip/transmit.h"

#define REDIRECT_LENGTH 40u /* RFC 4861 4.5 */
#define REDIRECT_TARGET 8u
#define REDIRECT_DESTINATION 24u

static uint32_t packet_length(const struct packet *p)
{
    return IPV6_HEADER + load_be16(p->data + ETHERNET_HEADER + IPV6_PAYLOAD_LENGTH);
}

/* Whether it is an error or a redirect itself. */
static bool is_error(const struct packet *about)
{
    struct ipv6_walk walk;
    ipv6_walk_begin(&walk, about);
    if (ipv6_walk_headers(&walk) != IPV6_FINE)
        return false; /* nor is it passed on */
    const uint8_t *ip = about->data + ETHERNET_HEADER, *at = ip + walk.at;
    if (walk.next == IPV6_FRAGMENT && walk.at + IPV6_FRAGMENT_HEADER < packet_length(about)) {
        if (load_be16(at + IPV6_FRAGMENT_OFFSET) & ~7u)
            return false; /* errors are short enough to go in one piece */
        walk.next = at[0];
        walk.at += IPV6_FRAGMENT_HEADER;
    }
    if (walk.next != IPV6_ICMP || walk.at >= packet_length(about) ||
        ETHERNET_HEADER + walk.at >= about->length)
        return false;
    return ip[walk.at] < ICMP6_ECHO || ip[walk.at] == ICMP6_REDIRECT;
}

/* unread: RFC 4443 2.4 (e).  Of what was sent to a group only what is too big, or has an option
 * that asks for it, is told. */
static bool may_complain(const struct packet *about, uint8_t type, uint8_t code)
{
    const uint8_t *ip = about->data + ETHERNET_HEADER;
    struct ip_address source = ipv6_source(ip);
    bool of_group =
        type == ICMP6_TOO_BIG || (type == ICMP6_PROBLEM && code == ICMP6_PROBLEM_OPTION);
    if (!of_group && ((about->data[0] & 1) || ipv6_is_multicast(ipv6_destination(ip))))
        return false;
    if (ipv6_is_multicast(source) || ipv6_is_martian(source))
        return false;
    return !is_error(about);
}

/* A message about a packet, which is quoted behind `header` octets as far as IPV6_MTU_MIN goes
 * (unread: RFC 4443 2.4 (c)); NULL: not now. */
static struct packet *quote(struct worker *control, const struct packet *about,
                            struct ip_address from, uint8_t type, uint32_t header,
                            uint32_t multiple)
{
    struct ip_address to = ipv6_source(about->data + ETHERNET_HEADER);
    uint32_t room = IPV6_MTU_MIN - IPV6_HEADER - header, length = packet_length(about);
    length = ALIGN_DOWN(length < room ? length : room, multiple);
    if (ip_is_zero(from) || !icmp_limit_take(about->interface, ip_hash(to)))
        return NULL;
    struct packet *p = icmp6_make(control, from, to, type, header + length);
    if (p && !packet_read(about, ETHERNET_HEADER, icmp6_of(p) + header, length)) {
        packet_free(&control->cache, p);
        return NULL;
    }
    return p;
}

void icmp6_error(struct worker *control, const struct packet *about, uint8_t type, uint8_t code,
                 uint32_t rest)
{
    struct ip_address to = ipv6_source(about->data + ETHERNET_HEADER);
    struct interface *in = interface_get(about->interface);
    struct interface *out = ipv6_is_link_local(to) ? in : NULL;
    if (!may_complain(about, type, code) || (ipv6_is_link_local(to) && !out))
        return;
    struct packet *p = quote(control, about, ip6_source_towards(to, out), type, ICMP6_HEADER, 1);
    if (!p)
        return;
    icmp6_of(p)[ICMP6_CODE] = code;
    store_be32(icmp6_of(p) + ICMP6_REST, rest);
    icmp6_seal(p);
    ip6_output(control, p, out);
}

void icmp6_refuse(struct worker *control, struct packet *packet, enum drop_reason why, uint8_t type,
                  uint8_t code, uint32_t rest)
{
    if (packet->port != PORT_NONE)
        icmp6_error(control, packet, type, code, rest);
    ip_drop(control, why, packet);
}

void icmp6_redirect(struct worker *control, const struct packet *about, struct ip_address target)
{
    struct ip_address to = ipv6_source(about->data + ETHERNET_HEADER);
    struct interface *out = interface_get(about->interface);
    const struct address *us = address_source(out, IPV6_LINK);
    uint8_t mac[MAC_LEN], next[MAC_LEN];
    bool known = neighbor_mac(out, target, next);
    uint32_t header = REDIRECT_LENGTH + (known ? ND_OPTION_MAC_LENGTH : 0) + 8;
    if (!us || !ipv6_is_link_local(us->address) || !neighbor_mac(out, to, mac) ||
        !may_complain(about, ICMP6_REDIRECT, 0))
        return;
    struct packet *p = quote(control, about, us->address, ICMP6_REDIRECT, header, 8);
    if (!p)
        return;
    uint8_t *icmp = icmp6_of(p), *option = icmp + REDIRECT_LENGTH;
    ip_store(icmp + REDIRECT_TARGET, target);
    ip_store(icmp + REDIRECT_DESTINATION, ipv6_destination(about->data + ETHERNET_HEADER));
    if (known)
        option = nd_put_mac(option, ND_OPTION_TARGET, next);
    memset(option, 0, 8);
    option[0] = ND_OPTION_REDIRECTED;
    option[1] =
        (uint8_t)((p->frame_length - ETHERNET_HEADER - IPV6_HEADER - (uint32_t)(option - icmp)) /
                  8);
    nd_send(control, out, mac, p);
}

static void next_hop_is_silent(struct worker *control, struct packet *packet)
{
    icmp6_refuse(control, packet, DROP_host_unreachable, ICMP6_UNREACHABLE,
                 ICMP6_ADDRESS_UNREACHABLE, 0);
}

NEIGHBOR_REFUSAL(icmp6_refusal) = { .type = ETHERTYPE_IPV6, .refuse = next_hop_is_silent };
