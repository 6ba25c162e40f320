/* test_frame.c - UDP between addresses that are set aside for benchmarks (unread: RFC 2544). */
#include "apps/modes/test_frame.h"

#include "apps/forward/interface.h"
#include "apps/ip/ipv4.h"
#include "apps/modes/settings.h"
#include "kernel/time.h"

#include <string.h>

#define PORT_DISCARD 9u /* RFC 863 */
#define UDP_HEADER 8u
#define HEADERS (ETHERNET_HEADER + IPV4_HEADER_MIN + UDP_HEADER)
#define PACE_BEHIND_US 100000u /* more than that is not caught up with */

_Static_assert(HEADERS == MODE_FRAME_MIN, "what settings.h says");

const struct test_flow test_flow_first = {
    .source = 0xc6120001u,      /* 198.18.0.1: 198.18.0.0/15 is for benchmarks */
    .destination = 0xc6120002u, /* 198.18.0.2 */
    .source_port = PORT_DISCARD,
    .destination_port = PORT_DISCARD,
};

uint64_t test_frame_peer(const struct port *port)
{
    const struct mode_port *mp = mode_port_get(port->number);
    uint64_t peer = mp ? load_relaxed(&mp->peer) : 0;
    const uint8_t first[MAC_LEN] = { 0x02, 0, 0, 0, 0, (uint8_t)port->number };
    return peer ? peer : mac_load(first);
}

/* Allocating ----------------------------------------------------------------- */

/* Behind the first segment; false: what was made is part of it all the same. */
static bool chain(struct packet_cache *cache, struct packet *first, const struct tx_shape *shape)
{
    struct packet *last = first;
    for (unsigned i = 1; i < shape->segments; i++) {
        struct packet *p = packet_alloc(cache);
        if (!p)
            return false;
        memset(p->data, 0, shape->segment[i]);
        p->length = shape->segment[i];
        last->next = p;
        last = p;
    }
    return true;
}

bool test_frames_alloc(struct packet_cache *cache, struct packet **packets, uint16_t n)
{
    const struct tx_shape *shape = mode_tx_shape();
    bool enough = packet_alloc_burst(cache, packets, n);
    if (!enough)
        return false;
    for (uint16_t i = 0; i < n; i++) {
        packets[i]->length = shape->segment[0];
        packets[i]->frame_length = shape->length;
        memset(packets[i]->data, 0, shape->segment[0]);
    }
    for (uint16_t i = 0; enough && shape->segments > 1 && i < n; i++)
        enough = chain(cache, packets[i], shape);
    if (!enough)
        packet_free_burst(cache, packets, n);
    return enough;
}

/* Headers -------------------------------------------------------------------- */

/* RFC 791 3.1 */
static void build_ipv4(uint8_t *ip, uint32_t length, const struct test_flow *flow)
{
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)length);
    store_be16(ip + IPV4_FRAGMENT, IPV4_FRAGMENT_DF);
    ip[IPV4_TTL] = IPV4_TTL_DEFAULT;
    ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_UDP;
    store_be32(ip + IPV4_SOURCE, flow->source);
    store_be32(ip + IPV4_DESTINATION, flow->destination);
    ipv4_checksum_set(ip);
}

/* RFC 768; its checksum may be 0: not made. */
static void build_udp(uint8_t *udp, uint32_t length, const struct test_flow *flow)
{
    store_be16(udp, flow->source_port);
    store_be16(udp + 2, flow->destination_port);
    store_be16(udp + 4, (uint16_t)length);
}

void test_frame_build(const struct port *out, struct packet *packet, const struct test_flow *flow)
{
    const struct interface *interface = interface_by_port(out->number); /* NULL: it goes just now */
    uint8_t *frame = packet->data;
    mac_store(frame, test_frame_peer(out));
    mac_store(frame + MAC_LEN, interface ? load_relaxed(&interface->mac_word) : 0);
    store_be16(frame + ETHERNET_TYPE, ETHERTYPE_IPV4);
    build_ipv4(frame + ETHERNET_HEADER, packet->frame_length - ETHERNET_HEADER, flow);
    build_udp(frame + ETHERNET_HEADER + IPV4_HEADER_MIN,
              packet->frame_length - ETHERNET_HEADER - IPV4_HEADER_MIN, flow);
    packet->port = out->number;
}

/* Pace ----------------------------------------------------------------------- */

uint16_t test_frames_due(struct port *out, unsigned queue, uint16_t most)
{
    uint64_t rate = mode_rate(), now;
    struct mode_port *mp = mode_port_get(out->number);
    if (!rate)
        return most;
    if (queue || !mp)
        return 0;
    now = time_us();
    uint64_t due = (now - mp->pace_from_us) * rate / US_PER_S;
    if (now - mp->pace_from_us > PACE_BEHIND_US && due > mp->pace_sent + rate / 10 + PORT_BURST) {
        mp->pace_from_us = now; /* it begins, or could not keep up */
        mp->pace_sent = 0;
        due = 1;
    }
    uint64_t n = due > mp->pace_sent ? due - mp->pace_sent : 0;
    n = n < most ? n : most;
    mp->pace_sent += n;
    return (uint16_t)n;
}
