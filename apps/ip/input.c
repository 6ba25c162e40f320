/* input.c - IP input on workers, in stages over the burst (input.h). */
#include "apps/ip/input.h"

#include "apps/forward/event.h"
#include "apps/forward/forward.h"
#include "apps/ip/address.h"
#include "apps/ip/fib.h"
#include "apps/ip/flow.h"
#include "apps/ip/group.h"
#include "apps/ip/input6.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/passage.h"
#include "apps/ip/slow.h"

_Static_assert(FIB_BURST >= PORT_BURST, "a burst is looked up at once");

/* Checks ------------------------------------------------------------------ */

/* What the device that received the packet says of its checksum counts; one that says nothing
 * leaves it to us.  Whoever rewrites the header later makes its checksum, and nobody asks again. */
static bool checksum_good(const struct packet *p, const uint8_t *ip, unsigned header)
{
    if (p->flags & PACKET_IP_CHECKSUM_BAD)
        return false;
    return (p->flags & PACKET_IP_CHECKSUM_GOOD) || ipv4_checksum_ok(ip, header);
}

/* RFC 1812 5.2.2: discarded silently.  The first segment holds the header. */
static int header_fault(const struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t length = p->frame_length - ETHERNET_HEADER;
    if (length < IPV4_HEADER_MIN)
        return DROP_ip_short;
    if (ip[IPV4_VERSION_IHL] >> 4 != 4)
        return DROP_ip_version;
    unsigned header = ipv4_header_length(ip);
    if (header < IPV4_HEADER_MIN)
        return DROP_ip_header_length;
    unsigned total = load_be16(ip + IPV4_TOTAL_LENGTH);
    if (total < header || total > length)
        return DROP_ip_short;
    return checksum_good(p, ip, header) ? FINE : DROP_ip_checksum;
}

static bool is_ours_or_broadcast(uint32_t address)
{
    if (!address_may_be_ours(address))
        return false;
    uint32_t nexthop = fib_lookup(address);
    return nexthop == NEXTHOP_LOCAL || nexthop == NEXTHOP_BROADCAST;
}

/* Addresses no packet may have (RFC 1812 4.2.2.11, 5.3.7), and those that are
 * never forwarded (5.3.4, 5.3.5; unread: RFC 3927 7).  The FIB knows our own addresses
 * and the broadcast addresses of connected prefixes. */
static int address_fault(const uint8_t *frame, unsigned nexthop)
{
    const uint8_t *ip = frame + ETHERNET_HEADER;
    uint32_t source = load_be32(ip + IPV4_SOURCE), destination = load_be32(ip + IPV4_DESTINATION);
    if (ipv4_is_martian(source) || is_ours_or_broadcast(source))
        return DROP_martian_source;
    if (destination == IPV4_LIMITED_BROADCAST || nexthop == NEXTHOP_BROADCAST)
        return DROP_broadcast;
    if (ipv4_is_multicast(destination))
        return DROP_multicast;
    if (ipv4_is_martian(destination))
        return DROP_martian_destination;
    if (frame[0] & 1)
        return DROP_link_broadcast;
    if (nexthop == NEXTHOP_LOCAL)
        return FINE;
    if (ipv4_is_link_local(source))
        return DROP_martian_source;
    return ipv4_is_link_local(destination) ? DROP_martian_destination : FINE;
}

/* Stage 1: headers --------------------------------------------------------- */

#define FIRST_SOURCE_GROUP (1ull << 48) /* of a frame's first eight octets */
#define TYPE_AND_VERSION 0x00450008u    /* as they lie in memory: IPv4, and a header of 20 octets */
#define TYPE_AND_VERSION_MASK 0x00ffffffu
#define NOTHING UINT32_MAX /* no type and version */

/* First octets that need a thought: RFC 1812 5.3.7's, and 169 for RFC 3927's. */
static const bool special_net[256] = {
    [0] = true,
    [127] = true,
    [169] = true,
    [224 ... 255] = true,
};

/* Sums of one's complement: what is carried out at the top is added at the bottom. */
static inline uint64_t add_round(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b;
    return sum + (sum < b);
}

/* The sum over a header of 20 octets, which lie in three words: its halves are added up, and the
 * halves of that.  All ones is the 0 of a sum of which something is not 0. */
static inline bool sum_is_right(uint64_t first, uint64_t second, uint32_t third)
{
    uint64_t sum = add_round(add_round(first, second), third);
    uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);
    return (half + (half << 16 | half >> 16)) >> 16 == 0xffff;
}

/* An ordinary packet to be passed on, and that is most of them: tagged as its interface is, to our
 * MAC, from a station, without options, long enough and no longer than it says, its checksum right,
 * no address that means something special.  Every field is loaded once.  False: who knows. */
static ALWAYS_INLINE bool is_plain(const struct packet *p, uint64_t mac, uint32_t type_wanted,
                                   unsigned lead)
{
    const uint8_t *frame = p->data, *ip = frame + lead;
    uint64_t begin = load_le64(frame), first = load_le64(ip), second = load_le64(ip + 8);
    uint32_t type = load_le32(ip - TYPE_OCTETS), third = load_le32(ip + IPV4_DESTINATION);
    uint32_t total = __builtin_bswap16((uint16_t)(first >> 16)), flags = p->flags;
    uint32_t length = p->frame_length - lead;
    uint32_t source = __builtin_bswap32((uint32_t)(second >> 32));
    if (((begin ^ mac) & (MAC_WORD | FIRST_SOURCE_GROUP)) ||
        (type & TYPE_AND_VERSION_MASK) != type_wanted || (uint8_t)second <= 1)
        return false;
    if (total < IPV4_HEADER_MIN ||
        (total != length && (total > length || length > FRAME_PADDED - ETHERNET_HEADER)))
        return false;
    if (flags != PACKET_IP_CHECKSUM_GOOD && (flags || !sum_is_right(first, second, third)))
        return false;
    return !(special_net[source >> 24] | special_net[third & 0xff] | address_may_be_ours(source));
}

/* What Ethernet padded stays padded; anything longer is not the packet's. */
static void trim(struct passage *way, struct packet *p)
{
    uint32_t length = ETHERNET_HEADER + load_be16(p->data + ETHERNET_HEADER + IPV4_TOTAL_LENGTH);
    length = length > FRAME_PADDED ? length : FRAME_PADDED;
    if (unlikely(p->frame_length > length))
        ipv4_packet_trim(&way->worker->cache, p, length);
}

/* Whatever is IPv6, with the tag that its interface has. */
static void set_aside(struct passage *way, struct packet *p)
{
    way->other[way->others++] = p;
}

/* Everything else, without its tag.  True: it goes on as number i. */
static __attribute__((noinline)) bool check(struct passage *way, struct packet *p, unsigned i)
{
    passage_untag(way, p);
    int fault = passage_ethernet_fault(way, p);
    if (fault == FINE && ethernet_type(p->data) == ETHERTYPE_ARP) {
        passage_punt(way, p, ip_slow, IP_SLOW_RESOLVE);
        return false;
    }
    if (fault == FINE && ethernet_type(p->data) == ETHERTYPE_IPV6) { /* behind a priority's tag */
        if (way->in->vid)
            vlan_put_tag(p, way->in->vid);
        set_aside(way, p);
        return false;
    }
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

static void take(struct passage *way, struct packet **packets, unsigned n, uint32_t *destination)
{
    uint64_t mac = load_relaxed(&way->in->mac_word);
    bool takes = load_relaxed(&way->in->addresses);
    uint32_t type = takes ? TYPE_AND_VERSION : NOTHING;
    unsigned count = 0, lead = way->lead;
    for (unsigned i = 0; lead == ETHERNET_HEADER && i < n; i++) /* a VLAN's have been looked at */
        __builtin_prefetch(packets[i]->data);
    for (unsigned i = 0; i < n; i++) {
        struct packet *p = packets[i];
        const uint8_t *ip = p->data + lead;
        if (unlikely(!is_plain(p, mac, type, lead))) {
            if (takes && load_be16(ip - TYPE_OCTETS) == ETHERTYPE_IPV6) {
                set_aside(way, p);
                continue;
            }
            if (!check(way, p, count))
                continue;
            ip = p->data + ETHERNET_HEADER;
        }
        destination[count] = load_be32(ip + IPV4_DESTINATION);
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
        uint32_t flow = flow_hash_ipv4(passage_ip(way, i));
        way->adjacency[i] = group_adjacency(group, flow);
        __builtin_prefetch(way->adjacency[i]);
    }
}

static __attribute__((noinline)) void check_sources(struct passage *way)
{
    uint32_t source[PORT_BURST], value[PORT_BURST];
    for (unsigned i = 0; i < way->count; i++)
        source[i] = load_be32(passage_ip(way, i) + IPV4_SOURCE);
    fib_lookup_burst(source, value, way->count);
    passage_check_sources(way, value);
}

/* Whatever is not plain, and in a mode that does not route everything. */
static __attribute__((noinline)) void decide(struct passage *way, unsigned i)
{
    struct packet *p = way->packet[i];
    unsigned nexthop = way->nexthop[i]->kind;
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    int fault = address_fault(p->data, nexthop);
    if (fault == FINE && (way->refused >> i & 1))
        fault = DROP_reverse_path;
    if (fault == FINE && nexthop != NEXTHOP_LOCAL && !load_relaxed(&passage_routing))
        fault = DROP_not_routed;
    if (fault == FINE && nexthop == NEXTHOP_BLACKHOLE)
        fault = DROP_blackhole;
    if (fault != FINE)
        forward_drop(way->worker, p->port, (enum drop_reason)fault, p);
    else if (ip[IPV4_VERSION_IHL] != 0x45 || ip[IPV4_TTL] <= 1 ||
             !passage_pass_on(way, i, i + 1, ETHERNET_HEADER, ipv4_decrement_ttl, ip_slow))
        passage_punt(way, p, ip_slow, IP_SLOW_PACKET);
}

void ip_input(struct worker *worker, struct interface *interface, struct packet **packets,
              uint16_t n)
{
    uint32_t destination[PORT_BURST], value[PORT_BURST];
    struct packet *other[PORT_BURST];
    struct passage way;
    passage_begin(&way, worker, interface, packets);
    way.other = other;
    way.others = 0;
    take(&way, packets, n, destination);
    if (way.others)
        ip6_input(worker, interface, other, (uint16_t)way.others);
    if (!way.count)
        return;
    if (unlikely(load_relaxed(&interface->reverse_path)))
        check_sources(&way);
    fib_lookup_burst(destination, value, way.count);
    passage_resolve(&way, value, choose);
    passage_output(&way, ipv4_decrement_ttl, decide, ip_slow);
}

static void heard(const struct event *event)
{
    if (event->kind == EVENT_INTERFACE_ADDED) {
        event->interface->ip_input = ip_input;
        interface_set_input(event->interface, ip_input);
    }
}

EVENT_LISTENER(ip_input_listener) = { .order = EVENT_ORDER_IP, .heard = heard };
