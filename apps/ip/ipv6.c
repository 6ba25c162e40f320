/* ipv6.c - what of IPv6's headers is too long for ipv6.h. */
#include "apps/ip/ipv6.h"

#include "apps/ip/icmp6_types.h"
#include "apps/ip/ipv4.h"
#include "nic/port.h"

/* RFC 8200 4.2 */
#define OPTION_PAD1 0u
#define OPTION_ACTION 0xc0u /* what to do with one that is not known */
#define OPTION_SKIP 0x00u
#define OPTION_DISCARD 0x40u
#define OPTION_TELL 0x80u         /* and tell the source */
#define OPTION_TELL_UNICAST 0xc0u /* likewise, not of a multicast */
#define OPTION_ROUTER_ALERT 5u    /* unread: RFC 2711: nothing of it concerns who passes it on */
#define OPTION_PADN 1u

/* RFC 8200 4.4 */
#define ROUTING_TYPE 2u
#define ROUTING_SEGMENTS_LEFT 3u

void ipv6_group_mac(struct ip_address group, uint8_t mac[MAC_LEN])
{
    store_be16(mac, 0x3333);
    store_be32(mac + 2, (uint32_t)group.low);
}

struct ip_address ipv6_link_local(const uint8_t mac[MAC_LEN])
{
    uint64_t high = (uint64_t)load_be16(mac) << 8 | mac[2], low = load_be32(mac + 2) & 0xffffff;
    return (struct ip_address){ 0xfe80ull << 48,
                                (high << 40 | 0xfffeull << 24 | low) ^ 0x02ull << 56 };
}

void ipv6_make(uint8_t *ip, struct ip_address source, struct ip_address destination, uint8_t next,
               uint16_t payload, uint8_t hop_limit)
{
    store_be32(ip + IPV6_VERSION_CLASS, 6u << 28);
    store_be16(ip + IPV6_PAYLOAD_LENGTH, payload);
    ip[IPV6_NEXT_HEADER] = next;
    ip[IPV6_HOP_LIMIT] = hop_limit;
    ip_store(ip + IPV6_SOURCE, source);
    ip_store(ip + IPV6_DESTINATION, destination);
}

struct packet *ipv6_make_packet(struct packet_cache *cache, struct ip_address source,
                                struct ip_address destination, uint8_t next, uint32_t length)
{
    struct packet *p = packet_alloc(cache);
    if (!p)
        return NULL;
    memset(p->data, 0, ETHERNET_HEADER);
    store_be16(p->data + ETHERNET_TYPE, ETHERTYPE_IPV6);
    ipv6_make(p->data + ETHERNET_HEADER, source, destination, next, (uint16_t)length,
              IPV6_HOP_LIMIT_DEFAULT);
    p->length = (uint16_t)(ETHERNET_HEADER + IPV6_HEADER + length);
    p->frame_length = p->length;
    p->port = PORT_NONE;
    return p;
}

uint16_t ipv6_checksum(const struct packet *packet, uint8_t next, uint32_t offset, uint32_t length)
{
    uint8_t rest[8];
    store_be32(rest, length);
    store_be32(rest + 4, next);
    uint64_t sum = checksum_add(0, packet->data + ETHERNET_HEADER + IPV6_SOURCE, 32);
    sum = checksum_add(sum, rest, sizeof rest);
    sum += (uint16_t)~ipv4_packet_checksum(packet, offset, length);
    return checksum_finish(sum);
}

/* Extension headers ------------------------------------------------------------ */

static enum ipv6_verdict problem(struct ipv6_walk *walk, uint8_t code, uint32_t pointer)
{
    walk->code = code;
    walk->pointer = pointer;
    return IPV6_PROBLEM;
}

static const uint8_t *bytes_at(const struct ipv6_walk *walk, uint32_t at)
{
    return walk->packet->data + ETHERNET_HEADER + at;
}

/* How much of the packet lies in the first segment. */
static uint32_t reach(const struct packet *p)
{
    uint32_t length = IPV6_HEADER + load_be16(p->data + ETHERNET_HEADER + IPV6_PAYLOAD_LENGTH);
    uint32_t here = p->length - ETHERNET_HEADER;
    return here < length ? here : length;
}

void ipv6_walk_begin(struct ipv6_walk *walk, const struct packet *packet)
{
    *walk = (struct ipv6_walk){ .packet = packet,
                                .at = IPV6_HEADER,
                                .next_at = IPV6_NEXT_HEADER,
                                .next = packet->data[ETHERNET_HEADER + IPV6_NEXT_HEADER] };
}

/* Where the header at hand ends; 0: not in what we look at. */
static uint32_t header_end(const struct ipv6_walk *walk)
{
    uint32_t limit = reach(walk->packet);
    if (walk->at + 8 > limit)
        return 0;
    uint32_t end = walk->at + 8 + 8u * bytes_at(walk, walk->at)[1];
    return end <= limit ? end : 0;
}

/* One that ends beyond the packet is nothing to tell of; one that ends beyond what we look at is
 * too long for us. */
static enum ipv6_verdict no_end(struct ipv6_walk *walk)
{
    const struct packet *p = walk->packet;
    uint32_t length = IPV6_HEADER + load_be16(p->data + ETHERNET_HEADER + IPV6_PAYLOAD_LENGTH);
    if (walk->at + 8 > length || reach(p) == length)
        return IPV6_DISCARD;
    return problem(walk, ICMP6_PROBLEM_CHAIN_LONG, walk->at);
}

static void pass(struct ipv6_walk *walk, uint32_t end)
{
    walk->next_at = walk->at;
    walk->next = bytes_at(walk, walk->at)[0];
    walk->at = end;
    walk->headers++;
}

/* RFC 8200 4.2: what the upper two bits of an unknown option's type say. */
static enum ipv6_verdict option_unknown(struct ipv6_walk *walk, uint32_t at)
{
    bool group = ipv6_is_multicast(ipv6_destination(bytes_at(walk, 0)));
    switch (bytes_at(walk, at)[0] & OPTION_ACTION) {
    case OPTION_SKIP:
        return IPV6_FINE;
    case OPTION_TELL_UNICAST:
        if (group)
            return IPV6_DISCARD;
        /* fall through */
    case OPTION_TELL:
        return problem(walk, ICMP6_PROBLEM_OPTION, at);
    default:
        return IPV6_DISCARD;
    }
}

static enum ipv6_verdict options_check(struct ipv6_walk *walk, uint32_t end)
{
    unsigned options = 0;
    for (uint32_t at = walk->at + 2, length; at < end; at += length) {
        const uint8_t *option = bytes_at(walk, at);
        length = option[0] == OPTION_PAD1 ? 1 : at + 1 < end ? 2u + option[1] : 0;
        if (!length || length > end - at)
            return IPV6_DISCARD;
        if (option[0] == OPTION_PAD1 || option[0] == OPTION_PADN)
            continue;
        if (++options > IPV6_OPTIONS_MAX)
            return problem(walk, ICMP6_PROBLEM_MANY_OPTIONS, at);
        bool alert = option[0] == OPTION_ROUTER_ALERT;
        enum ipv6_verdict verdict = alert ? IPV6_FINE : option_unknown(walk, at);
        walk->alert |= alert;
        if (verdict != IPV6_FINE)
            return verdict;
    }
    return IPV6_FINE;
}

enum ipv6_verdict ipv6_walk_options(struct ipv6_walk *walk)
{
    uint32_t end = header_end(walk);
    if (!end)
        return no_end(walk);
    enum ipv6_verdict verdict = options_check(walk, end);
    if (verdict == IPV6_FINE)
        pass(walk, end);
    return verdict;
}

/* No routing type is known here: type 0 is not to be (unread: RFC 5095), and with no segments
 * left all are ignored (RFC 8200 4.4). */
static enum ipv6_verdict walk_routing(struct ipv6_walk *walk)
{
    uint32_t end = header_end(walk);
    if (!end)
        return no_end(walk);
    if (bytes_at(walk, walk->at)[ROUTING_SEGMENTS_LEFT])
        return problem(walk, ICMP6_PROBLEM_FIELD, walk->at + ROUTING_TYPE);
    pass(walk, end);
    return IPV6_FINE;
}

enum ipv6_verdict ipv6_walk_headers(struct ipv6_walk *walk)
{
    for (enum ipv6_verdict verdict = IPV6_FINE; verdict == IPV6_FINE;) {
        if (walk->headers > IPV6_HEADERS_MAX)
            return problem(walk, ICMP6_PROBLEM_MANY_HEADERS, walk->at);
        if (walk->next == IPV6_HOP_BY_HOP && walk->next_at != IPV6_NEXT_HEADER)
            return problem(walk, ICMP6_PROBLEM_NEXT_HEADER, walk->next_at);
        if (walk->next == IPV6_HOP_BY_HOP || walk->next == IPV6_OPTIONS)
            verdict = ipv6_walk_options(walk);
        else if (walk->next == IPV6_ROUTING)
            verdict = walk_routing(walk);
        else
            return IPV6_FINE;
        if (verdict != IPV6_FINE)
            return verdict;
    }
    return IPV6_FINE;
}
