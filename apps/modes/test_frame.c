/* test_frame.c - UDP between addresses that are set aside for benchmarks (unread: RFC 2544). */
#include "apps/modes/test_frame.h"

#include "apps/forward/interface.h"
#include "apps/ip/ipv4.h"

#include <string.h>

#define FRAME_LENGTH FRAME_PADDED
#define UDP_LENGTH (FRAME_LENGTH - ETHERNET_HEADER - IPV4_HEADER_MIN)
#define SOURCE 0xc6120001u      /* 198.18.0.1: 198.18.0.0/15 is for benchmarks */
#define DESTINATION 0xc6120002u /* 198.18.0.2 */
#define PORT_DISCARD 9u         /* RFC 863 */

void test_frame_peer_mac(const struct port *port, uint8_t mac[MAC_LEN])
{
    const uint8_t peer[MAC_LEN] = { 0x02, 0, 0, 0, 0, (uint8_t)port->number };
    memcpy(mac, peer, MAC_LEN);
}

/* RFC 791 3.1 */
static void build_ipv4(uint8_t *ip)
{
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, FRAME_LENGTH - ETHERNET_HEADER);
    store_be16(ip + IPV4_FRAGMENT, IPV4_FRAGMENT_DF);
    ip[IPV4_TTL] = IPV4_TTL_DEFAULT;
    ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_UDP;
    store_be32(ip + IPV4_SOURCE, SOURCE);
    store_be32(ip + IPV4_DESTINATION, DESTINATION);
    ipv4_checksum_set(ip);
}

/* RFC 768; its checksum may be 0: not made. */
static void build_udp(uint8_t *udp)
{
    store_be16(udp, PORT_DISCARD);
    store_be16(udp + 2, PORT_DISCARD);
    store_be16(udp + 4, UDP_LENGTH);
}

void test_frame_build(const struct port *out, struct packet *packet)
{
    const struct interface *interface = interface_by_port(out->number); /* NULL: it goes just now */
    uint8_t *frame = packet->data;
    memset(frame, 0, FRAME_LENGTH);
    test_frame_peer_mac(out, frame);
    mac_store(frame + MAC_LEN, interface ? load_relaxed(&interface->mac_word) : 0);
    store_be16(frame + ETHERNET_TYPE, ETHERTYPE_IPV4);
    build_ipv4(frame + ETHERNET_HEADER);
    build_udp(frame + ETHERNET_HEADER + IPV4_HEADER_MIN);
    packet->length = FRAME_LENGTH;
    packet->frame_length = FRAME_LENGTH;
    packet->port = out->number;
}
