/* router.c - mode l3 (router.h): the checks and the decisions of RFC 1812. */
#include "apps/ip/router.h"

#include "apps/ip/address.h"
#include "apps/ip/fib.h"
#include "apps/ip/fragment.h"
#include "apps/ip/icmp.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/route.h"

#include <errno.h>
#include <string.h>

/* Why a frame is with the control task: struct note's code. */
enum { PUNT_ARP, PUNT_IPV4, PUNT_REDIRECT };

#define FINE (-1) /* beside the drop reasons */

/* Set by the tick when a redirect may be thought about again, cleared by the
 * worker that does: hairpin traffic stays on the fast path. */
static bool redirect_due;

static struct {
    bool on;
    struct {
        bool up;
        uint8_t mac[MAC_LEN];
    } announced[PORT_MAX];
} router;

bool router_running(void)
{
    return router.on && forward_running();
}

/* Checks ------------------------------------------------------------------ */

static int ethernet_fault(const struct port *in, const uint8_t *frame)
{
    if (!(frame[0] & 1) && memcmp(frame, in->mac, MAC_LEN))
        return DROP_not_for_us;
    if (frame[MAC_LEN] & 1)
        return DROP_group_source;
    switch (ethernet_type(frame)) {
    case ETHERTYPE_IPV4:
    case ETHERTYPE_ARP:
        return address_counts[in->number] ? FINE : DROP_no_address;
    case ETHERTYPE_VLAN:
    case ETHERTYPE_SERVICE_VLAN:
        return DROP_vlan;
    case ETHERTYPE_IPV6:
        return DROP_ipv6;
    default:
        return DROP_ethertype;
    }
}

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

/* Addresses no packet may have (RFC 1812 4.2.2.11, 5.3.7), and those that are
 * never forwarded (5.3.4, 5.3.5; RFC 3927 7).  The FIB knows our own addresses
 * and the broadcast addresses of connected prefixes. */
static int address_fault(const uint8_t *frame, uint32_t source, uint32_t destination,
                         uint32_t adjacency)
{
    uint32_t from = fib_lookup(source);
    if (ipv4_is_martian(source) || from == ADJACENCY_LOCAL || from == ADJACENCY_BROADCAST)
        return DROP_martian_source;
    if (destination == IPV4_LIMITED_BROADCAST || adjacency == ADJACENCY_BROADCAST)
        return DROP_broadcast;
    if (ipv4_is_multicast(destination))
        return DROP_multicast;
    if (ipv4_is_martian(destination))
        return DROP_martian_destination;
    if (frame[0] & 1)
        return DROP_link_broadcast;
    if (adjacency == ADJACENCY_LOCAL)
        return FINE;
    if (ipv4_is_link_local(source))
        return DROP_martian_source;
    return ipv4_is_link_local(destination) ? DROP_martian_destination : FINE;
}

/* Workers ----------------------------------------------------------------- */

static void router_note(struct worker *control, const struct note *note);

/* The last quarter of the ring is for ARP: without it a port goes deaf when others are flooded. */
static void punt(struct worker *worker, struct port *in, struct packet *p, uint16_t code)
{
    struct note note = { .handle = router_note, .port = in->number, .code = code, .packet = p };
    bool room =
        code == PUNT_ARP || spsc_fill(&worker->to_control) <= worker->to_control.mask / 4 * 3;
    if (!room || !forward_note(worker, &note))
        forward_drop(worker, in->number, DROP_control_full, p);
}

/* The packet leaves by the port it came in on: its source might have had a
 * shorter way.  The control task gets a copy to think about, so that the flow
 * keeps its order. */
static void redirect_suggest(struct worker *worker, struct port *in, const struct packet *p)
{
    if (!load_relaxed(&redirect_due))
        return;
    store_relaxed(&redirect_due, false);
    struct packet *copy = packet_copy(&worker->cache, p);
    if (!copy)
        return;
    copy->port = in->number;
    counter_add(&forward_counters(worker, in->number)->copied, 1);
    punt(worker, in, copy, PUNT_REDIRECT);
}

/* The ordinary packet to a resolved next hop; false: nothing done. */
static bool forward_fast(struct worker *worker, struct port *in, struct packet *p,
                         uint32_t adjacency)
{
    uint8_t *frame = p->data, *ip = frame + ETHERNET_HEADER;
    uint64_t rewrite = load_acquire(&adjacency_rewrite[adjacency]);
    if (!(rewrite & REWRITE_VALID) || ip[IPV4_VERSION_IHL] != 0x45 || ip[IPV4_TTL] <= 1)
        return false;
    struct port *out = port_get(FIELD_GET(REWRITE_PORT, rewrite));
    if (!out || load_be16(ip + IPV4_TOTAL_LENGTH) > out->mtu)
        return false;
    if (out == in)
        redirect_suggest(worker, in, p);
    if (!load_relaxed(&adjacency_used[adjacency]))
        store_relaxed(&adjacency_used[adjacency], 1);
    memcpy(frame, &rewrite, MAC_LEN);
    memcpy(frame + MAC_LEN, out->mac, MAC_LEN);
    ipv4_decrement_ttl(ip);
    forward_send(worker, out, p);
    return true;
}

static void receive_ipv4(struct worker *worker, struct port *in, struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    int fault = header_fault(p);
    if (fault != FINE) {
        forward_drop(worker, in->number, (enum drop_reason)fault, p);
        return;
    }
    uint32_t destination = load_be32(ip + IPV4_DESTINATION);
    uint32_t adjacency = fib_lookup(destination);
    fault = address_fault(p->data, load_be32(ip + IPV4_SOURCE), destination, adjacency);
    if (fault != FINE) {
        forward_drop(worker, in->number, (enum drop_reason)fault, p);
        return;
    }
    /* What Ethernet padded stays padded; anything longer is not the packet's. */
    uint32_t length = ETHERNET_HEADER + load_be16(ip + IPV4_TOTAL_LENGTH);
    length = length > FRAME_PADDED ? length : FRAME_PADDED;
    if (unlikely(p->frame_length > length))
        ipv4_packet_trim(&worker->cache, p, length);
    if (!forward_fast(worker, in, p, adjacency))
        punt(worker, in, p, PUNT_IPV4);
}

static void router_burst(struct worker *worker, struct port *in, struct packet **packets,
                         uint16_t n)
{
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(packets[i]->data);
    for (unsigned i = 0; i < n; i++) {
        struct packet *p = packets[i];
        int fault = ethernet_fault(in, p->data);
        if (fault != FINE)
            forward_drop(worker, in->number, (enum drop_reason)fault, p);
        else if (ethernet_type(p->data) == ETHERTYPE_IPV4)
            receive_ipv4(worker, in, p);
        else
            punt(worker, in, p, PUNT_ARP);
    }
}

/* Control core: sending --------------------------------------------------- */

void router_refuse(struct worker *control, struct packet *packet, enum drop_reason why,
                   uint8_t type, uint8_t code, uint32_t rest)
{
    if (packet->port == PORT_NONE) {
        packet_free(&control->cache, packet);
        return;
    }
    icmp_error(control, packet, type, code, rest);
    forward_drop(control, packet->port, why, packet);
}

/* Of the pieces of a received packet the first stands for the packet and the
 * others are extra; pieces of our own are all extra and counted when sent. */
static void send_fragments(struct worker *control, struct packet *packet, uint32_t adjacency,
                           uint32_t destination, uint16_t mtu)
{
    struct packet *fragments[FRAGMENTS_MAX];
    int n = fragment_packet(&control->cache, packet, mtu, fragments);
    if (n < 0) {
        if (packet->port == PORT_NONE)
            packet_free(&control->cache, packet);
        else
            forward_drop(control, packet->port, n == -EOVERFLOW ? DROP_fragment : DROP_no_buffer,
                         packet);
        return;
    }
    if (packet->port != PORT_NONE)
        counter_add(&forward_counters(control, packet->port)->copied, (unsigned)n - 1);
    packet_free(&control->cache, packet);
    for (int i = 0; i < n; i++)
        neighbor_output(control, adjacency, destination, fragments[i]);
}

static void send_fitting(struct worker *control, struct packet *packet, uint32_t adjacency,
                         uint32_t destination, uint16_t mtu)
{
    if (load_be16(packet->data + ETHERNET_HEADER + IPV4_TOTAL_LENGTH) > mtu)
        send_fragments(control, packet, adjacency, destination, mtu);
    else
        neighbor_output(control, adjacency, destination, packet);
}

void router_output(struct worker *control, struct packet *packet)
{
    uint8_t *ip = packet->data + ETHERNET_HEADER;
    uint32_t destination = load_be32(ip + IPV4_DESTINATION);
    uint32_t adjacency = fib_lookup(destination);
    struct next_hop hop;
    struct port *out = neighbor_next_hop(adjacency, destination, &hop) ? port_get(hop.port) : NULL;
    if (!out) {
        packet_free(&control->cache, packet);
        return;
    }
    ipv4_checksum_set(ip);
    send_fitting(control, packet, adjacency, destination, out->mtu);
}

/* Control core: what workers passed on ------------------------------------ */

/* RFC 1812 5.2.7.2: out where it came in, source and next hop on one subnet,
 * no source route (those are refused). */
static void redirect_consider(struct worker *control, struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t destination = load_be32(ip + IPV4_DESTINATION), source = load_be32(ip + IPV4_SOURCE);
    struct next_hop hop;
    if (neighbor_next_hop(fib_lookup(destination), destination, &hop) && hop.port == p->port) {
        const struct address *near = address_covering(source);
        if (near && near == address_covering(hop.address))
            icmp_error(control, p, ICMP_REDIRECT, ICMP_REDIRECT_HOST, hop.address);
    }
    forward_consume(control, p);
}

/* Source routes are refused, as RFC 7126 4.3 and 4.4 advise and against RFC
 * 1812 5.3.13.4; a strict one that has lost its way is told so (5.2.2). */
static bool options_refused(struct worker *control, struct packet *p)
{
    uint8_t pointer = IPV4_DESTINATION;
    bool to_us =
        fib_lookup(load_be32(p->data + ETHERNET_HEADER + IPV4_DESTINATION)) == ADJACENCY_LOCAL;
    switch (ipv4_options_check(p->data + ETHERNET_HEADER, &pointer)) {
    case IPV4_OPTIONS_FINE:
        return false;
    case IPV4_OPTIONS_STRICT_ROUTE:
        if (to_us)
            break;
        pointer = IPV4_DESTINATION;
        /* fall through */
    case IPV4_OPTIONS_BAD:
        router_refuse(control, p, DROP_ip_options, ICMP_PARAMETER_PROBLEM, 0,
                      (uint32_t)pointer << 24);
        return true;
    default:
        break;
    }
    router_refuse(control, p, DROP_ip_options, ICMP_UNREACHABLE, ICMP_SOURCE_ROUTE_FAILED, 0);
    return true;
}

/* RFC 1812 5.2.3.  TTL does not matter here (4.2.2.9). */
static void deliver(struct worker *control, struct packet *p)
{
    uint8_t *ip = p->data + ETHERNET_HEADER;
    if (ipv4_header_length(ip) > IPV4_HEADER_MIN)
        ipv4_options_stamp(ip, load_be32(ip + IPV4_DESTINATION), time_us());
    if (load_be16(ip + IPV4_FRAGMENT) & (IPV4_FRAGMENT_OFFSET | IPV4_FRAGMENT_MF)) {
        p = fragment_join(control, p);
        if (!p)
            return;
        ip = p->data + ETHERNET_HEADER;
    }
    if (ip[IPV4_PROTOCOL] == IPV4_PROTOCOL_ICMP)
        icmp_receive(control, p);
    else
        router_refuse(control, p, DROP_protocol, ICMP_UNREACHABLE,
                      ip[IPV4_PROTOCOL] == IPV4_PROTOCOL_UDP ? ICMP_PORT_UNREACHABLE
                                                             : ICMP_PROTOCOL_UNREACHABLE,
                      0);
}

/* RFC 1812 5.2.1.2, in its order: next hop, time to live, length. */
static void forward_slow(struct worker *control, struct packet *p, uint32_t adjacency)
{
    uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t destination = load_be32(ip + IPV4_DESTINATION);
    struct next_hop hop;
    if (!neighbor_next_hop(adjacency, destination, &hop)) {
        router_refuse(control, p, DROP_no_route, ICMP_UNREACHABLE, ICMP_NET_UNREACHABLE, 0);
        return;
    }
    struct port *out = port_get(hop.port);
    const struct address *us = address_source(hop.port, hop.address);
    if (!out || !us) {
        forward_drop(control, p->port, DROP_no_route, p);
    } else if (ip[IPV4_TTL] <= 1) {
        router_refuse(control, p, DROP_ttl_expired, ICMP_TIME_EXCEEDED, ICMP_TTL_EXCEEDED, 0);
    } else if (load_be16(ip + IPV4_TOTAL_LENGTH) > out->mtu &&
               (load_be16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_DF)) {
        router_refuse(control, p, DROP_too_big, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED,
                      out->mtu);
    } else {
        if (ipv4_header_length(ip) > IPV4_HEADER_MIN)
            ipv4_options_stamp(ip, us->address, time_us());
        ipv4_decrement_ttl(ip);
        send_fitting(control, p, adjacency, destination, out->mtu);
    }
}

static void receive_slow(struct worker *control, struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t adjacency = fib_lookup(load_be32(ip + IPV4_DESTINATION));
    if (ipv4_header_length(ip) > IPV4_HEADER_MIN && options_refused(control, p))
        return;
    if (adjacency == ADJACENCY_LOCAL)
        deliver(control, p);
    else if (adjacency == ADJACENCY_BROADCAST) /* since the worker looked */
        forward_drop(control, p->port, DROP_broadcast, p);
    else
        forward_slow(control, p, adjacency);
}

static void router_note(struct worker *control, const struct note *note)
{
    struct packet *p = note->packet;
    struct port *in = port_get(note->port);
    p->port = note->port;
    if (!in)
        forward_drop(control, note->port, DROP_no_address, p);
    else if (note->code == PUNT_ARP)
        neighbor_receive(control, in, p);
    else if (note->code == PUNT_REDIRECT)
        redirect_consider(control, p);
    else
        receive_slow(control, p);
}

/* The mode ---------------------------------------------------------------- */

/* A port that came up, or has a new MAC, tells its neighbors; what was learned
 * behind one that went down is forgotten. */
static void port_watch(struct worker *control, const struct port *port)
{
    bool up = port->state == PORT_RUNNING && port->link.up;
    uint16_t i = port->number;
    if (router.announced[i].up && !up)
        neighbor_flush_port(control, i);
    bool news =
        up && (!router.announced[i].up || memcmp(router.announced[i].mac, port->mac, MAC_LEN));
    router.announced[i].up = up;
    memcpy(router.announced[i].mac, port->mac, MAC_LEN);
    if (news)
        neighbor_announce_port(i);
}

/* A link that is back before the next tick was down all the same. */
static void router_link_changed(struct port *port)
{
    if (port->state == PORT_RUNNING && port->link.up)
        return;
    router.announced[port->number].up = false;
    neighbor_flush_port(control_worker(), port->number);
}

/* With one core the tick runs between bursts, so every worker is quiescent;
 * with more, forward.c must call fib_quiescent() after a round of all. */
static void router_tick(struct worker *control, uint64_t now_us)
{
    if (worker_count() <= 1)
        fib_quiescent();
    for (unsigned i = 0; i < port_count() && router_running(); i++) {
        const struct port *port = port_get(i);
        if (port)
            port_watch(control, port);
    }
    neighbor_tick(control, now_us);
    fragment_tick(control, now_us);
    store_relaxed(&redirect_due, true);
}

static int router_start(void)
{
    int e = route_init();
    if (e)
        return e;
    memset(&router, 0, sizeof router);
    router.on = true;
    return 0;
}

static void router_stop(void)
{
    router.on = false;
    neighbor_stop(control_worker());
    fragment_stop(control_worker());
}

static uint64_t router_held(void)
{
    return neighbor_held() + fragment_held();
}

void router_reset(void)
{
    memset(&router, 0, sizeof router);
    redirect_due = false;
    address_shutdown();
    fragment_reset();
    neighbor_shutdown();
    route_shutdown();
    icmp_reset();
}

FORWARD_MODE(router_mode) = {
    .name = "l3",
    .help = "route IPv4 between the ports' addresses",
    .no_promiscuous = true,
    .start = router_start,
    .stop = router_stop,
    .burst = router_burst,
    .tick = router_tick,
    .link_changed = router_link_changed,
    .held = router_held,
};
