/* input6.c - IPv6 input on workers, in stages over the burst (input6.h).
 *
 * unread in this file: RFC 4007, RFC 4443. */
#include "apps/ip/input6.h"

#include "apps/ip/address.h"
#include "apps/ip/fib6.h"
#include "apps/ip/flow.h"
#include "apps/ip/icmp6_types.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/passage.h"
#include "apps/ip/slow6.h"

_Static_assert(FIB6_BURST >= PORT_BURST, "a burst is looked up at once");

/* Stage 1: headers --------------------------------------------------------- */

#define FIRST_SOURCE_GROUP (1ull << 48) /* of a frame's first eight octets */
#define TYPE_AND_VERSION 0x0060dd86u    /* as they lie in memory */
#define TYPE_AND_VERSION_MASK 0x00f0ffffu

/* First octets that need a thought: reserved ones, the link's, groups. */
static const bool special[256] = {
    [0x00] = true,
    [0xfe] = true,
    [0xff] = true,
};

static inline bool is_long_enough(const struct packet *p, uint32_t payload, unsigned lead)
{
    uint32_t length = p->frame_length - lead - IPV6_HEADER;
    return payload == length ||
           (payload < length && length <= FRAME_PADDED - ETHERNET_HEADER - IPV6_HEADER);
}

/* An ordinary packet to be passed on: tagged as its interface is, to our MAC, from a station, not
 * longer or shorter than it says, with hops left, no hop-by-hop options, and addresses that mean
 * nothing special. */
static ALWAYS_INLINE bool is_plain(const struct packet *p, uint64_t mac, unsigned lead)
{
    const uint8_t *frame = p->data, *ip = frame + lead;
    uint64_t begin = load_le64(frame), source = load_be64(ip + IPV6_SOURCE + 8);
    uint32_t type = load_le32(ip - TYPE_OCTETS), rest = load_be32(ip + IPV6_PAYLOAD_LENGTH);
    if (((begin ^ mac) & (MAC_WORD | FIRST_SOURCE_GROUP)) ||
        (type & TYPE_AND_VERSION_MASK) != TYPE_AND_VERSION || (rest & 0xff) <= 1 ||
        !(rest & 0xff00) || (p->flags & PACKET_VLAN))
        return false;
    return p->frame_length >= lead + IPV6_HEADER && is_long_enough(p, rest >> 16, lead) &&
           !(special[ip[IPV6_SOURCE]] | special[ip[IPV6_DESTINATION]] |
             address_may_be_ours6(source));
}

static int header_fault(const struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t length = p->frame_length - ETHERNET_HEADER;
    if (length < IPV6_HEADER)
        return DROP_ip_short;
    if (ip[IPV6_VERSION_CLASS] >> 4 != 6)
        return DROP_ip_version;
    return load_be16(ip + IPV6_PAYLOAD_LENGTH) > length - IPV6_HEADER ? DROP_ip_short : FINE;
}

/* What Ethernet padded stays padded; anything longer is not the packet's. */
static void trim(struct passage *way, struct packet *p)
{
    uint32_t length =
        ETHERNET_HEADER + IPV6_HEADER + load_be16(p->data + ETHERNET_HEADER + IPV6_PAYLOAD_LENGTH);
    length = length > FRAME_PADDED ? length : FRAME_PADDED;
    if (unlikely(p->frame_length > length))
        ipv4_packet_trim(&way->worker->cache, p, length);
}

/* Everything else, without its tag.  True: it goes on as number i. */
static __attribute__((noinline)) bool check(struct passage *way, struct packet *p, unsigned i)
{
    passage_untag(way, p);
    int fault = passage_ethernet_fault(way, p);
    if (fault == FINE && !load_relaxed(&way->in->ipv6))
        fault = DROP_ipv6;
    if (fault == FINE)
        fault = header_fault(p);
    if (fault != FINE) {
        forward_drop(way->worker, p->port, (enum drop_reason)fault, p);
        return false;
    }
    trim(way, p);
    way->odd |= 1u << i;
    way->bare |= 1u << i;
    return true;
}

static void take(struct passage *way, struct packet **packets, unsigned n,
                 uint8_t destination[][FIB6_ADDRESS])
{
    uint64_t mac = load_relaxed(&way->in->mac_word);
    bool takes = load_acquire(&way->in->ipv6); /* and there is a table */
    unsigned count = 0, lead = way->lead;
    for (unsigned i = 0; i < n; i++) {
        struct packet *p = packets[i];
        const uint8_t *ip = p->data + lead;
        if (unlikely(!takes) || !is_plain(p, mac, lead)) {
            if (!check(way, p, count))
                continue;
            ip = p->data + ETHERNET_HEADER;
        }
        memcpy(destination[count], ip + IPV6_DESTINATION, FIB6_ADDRESS);
        packets[count++] = p;
    }
    way->count = count;
}

/* Stages 2 and 3: look-ups, output ----------------------------------------- */

/* Of those with several next hops each packet gets its flow's. */
static __attribute__((noinline)) void choose(struct passage *way)
{
    for (unsigned i = 0; i < way->count; i++) {
        const struct group *group = way->nexthop[i]->group;
        if (!group)
            continue;
        uint32_t flow = flow_hash_ipv6(passage_ip(way, i));
        way->adjacency[i] = group_adjacency(group, flow);
        __builtin_prefetch(way->adjacency[i]);
    }
}

static __attribute__((noinline)) void check_sources(struct passage *way)
{
    uint8_t source[PORT_BURST][FIB6_ADDRESS];
    uint32_t value[PORT_BURST];
    for (unsigned i = 0; i < way->count; i++)
        memcpy(source[i], passage_ip(way, i) + IPV6_SOURCE, FIB6_ADDRESS);
    fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS])source, value, way->count);
    passage_check_sources(way, value);
}

static void decrement(uint8_t *ip)
{
    ip[IPV6_HOP_LIMIT]--;
}

/* A message about who is where, which must get through when there is much else. */
static bool is_discovery(const uint8_t *ip)
{
    uint8_t type = ip[IPV6_HEADER];
    return ip[IPV6_NEXT_HEADER] == IPV6_ICMP && ip[IPV6_HOP_LIMIT] == 255 &&
           load_be16(ip + IPV6_PAYLOAD_LENGTH) && type >= ICMP6_ROUTER_SOLICITATION &&
           type <= ICMP6_NEIGHBOR_ADVERTISEMENT;
}

/* Groups that may be ours: all nodes, all routers, solicited nodes that some address has.  No other
 * is listened to, and none is passed on. */
static bool may_be_our_group(struct ip_address a)
{
    return ip_equal(a, IPV6_ALL_NODES) || ip_equal(a, IPV6_ALL_ROUTERS) ||
           (ipv6_is_solicited_node(a) && address_may_be_ours6(a.low));
}

/* RFC 4291 2.5.2, 2.5.3, 2.7; an address of ours is nobody else's source.  The unspecified address
 * looks for duplicates, in groups and of one that is asked for. */
static int source_fault(struct ip_address source, struct ip_address destination)
{
    uint8_t key[FIB6_ADDRESS];
    ip_store(key, source);
    if (ip_is_zero(source))
        return ipv6_is_multicast(destination) ? FINE : DROP_martian_source;
    if (ipv6_is_martian(source) || ipv6_is_multicast(source))
        return DROP_martian_source;
    return address_may_be_ours6(source.low) && fib6_lookup(key) == NEXTHOP_LOCAL
               ? DROP_martian_source
               : FINE;
}

static int address_fault(const uint8_t *frame)
{
    const uint8_t *ip = frame + ETHERNET_HEADER;
    struct ip_address source = ipv6_source(ip), destination = ipv6_destination(ip);
    int fault = source_fault(source, destination);
    if (fault != FINE)
        return fault;
    if (ipv6_is_multicast(destination))
        return may_be_our_group(destination) ? FINE : DROP_multicast;
    if (ipv6_is_martian(destination))
        return DROP_martian_destination;
    return frame[0] & 1 ? DROP_link_broadcast : FINE;
}

/* To us, or link-local: of those no table of routes knows. */
static bool stays_here(const struct passage *way, unsigned i)
{
    struct ip_address destination = ipv6_destination(way->packet[i]->data + ETHERNET_HEADER);
    return ipv6_is_multicast(destination) || ipv6_is_link_local(destination) ||
           way->nexthop[i]->kind == NEXTHOP_LOCAL;
}

/* Routes know of such a source. */
static bool is_routed(struct ip_address source)
{
    return !ipv6_is_link_local(source) && !ip_is_zero(source);
}

/* Whatever is not plain, and in a mode that does not route everything. */
static __attribute__((noinline)) void decide(struct passage *way, unsigned i)
{
    struct packet *p = way->packet[i];
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    int fault = address_fault(p->data);
    bool stays = stays_here(way, i);
    if (fault == FINE && (way->refused >> i & 1) && is_routed(ipv6_source(ip)))
        fault = DROP_reverse_path;
    if (fault == FINE && !stays && !load_relaxed(&passage_routing))
        fault = DROP_not_routed;
    if (fault == FINE && way->nexthop[i]->kind == NEXTHOP_BLACKHOLE)
        fault = DROP_blackhole;
    if (fault != FINE)
        forward_drop(way->worker, p->port, (enum drop_reason)fault, p);
    else if (stays || ip[IPV6_NEXT_HEADER] == IPV6_HOP_BY_HOP || ip[IPV6_HOP_LIMIT] <= 1 ||
             ipv6_is_link_local(ipv6_source(ip)) ||
             !passage_pass_on(way, i, i + 1, ETHERNET_HEADER, decrement, ip6_slow))
        passage_punt(way, p, ip6_slow,
                     stays && is_discovery(ip) ? IP_SLOW_RESOLVE : IP_SLOW_PACKET);
}

void ip6_input(struct worker *worker, struct interface *interface, struct packet **packets,
               uint16_t n)
{
    uint8_t destination[PORT_BURST][FIB6_ADDRESS];
    uint32_t value[PORT_BURST];
    struct passage way;
    passage_begin(&way, worker, interface, packets);
    take(&way, packets, n, destination);
    if (!way.count)
        return;
    if (unlikely(load_relaxed(&interface->reverse_path)))
        check_sources(&way);
    fib6_lookup_burst((const uint8_t(*)[FIB6_ADDRESS])destination, value, way.count);
    passage_resolve(&way, value, choose);
    passage_output(&way, decrement, decide, ip6_slow);
}
