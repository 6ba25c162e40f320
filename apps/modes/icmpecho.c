/* icmpecho.c - mode icmpecho: answers ARP requests and IPv4 echo requests of anybody for anybody,
 * by the port that they came in on, as testpmd's mode of that name does; all else is consumed. */
#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/ip/ipv4.h"
#include "apps/modes/layers.h"

#include <string.h>

/* RFC 826; offsets from the packet's first byte, for Ethernet and IPv4. */
#define ARP_OPERATION 6u
#define ARP_SENDER_MAC 8u
#define ARP_SENDER_IP 14u
#define ARP_TARGET_MAC 18u
#define ARP_TARGET_IP 24u
#define ARP_LENGTH 28u
#define ARP_REQUEST 1u
#define ARP_REPLY 2u

#define ICMP_ECHO 8u /* unread: RFC 792 */
#define ICMP_ECHO_REPLY 0u
#define ICMP_CHECKSUM 2u

static const uint8_t arp_kind[] = { 0, 1, 8, 0, 6, 4 }; /* Ethernet, IPv4, their lengths */

/* From our port to who asked. */
static void turn_frame(struct packet *p, uint64_t our_mac)
{
    memcpy(p->data, p->data + MAC_LEN, MAC_LEN);
    mac_store(p->data + MAC_LEN, our_mac);
}

static bool answer_arp(struct packet *p, uint64_t our_mac)
{
    uint8_t *arp = p->data + ETHERNET_HEADER, asked[4];
    if (p->length < ETHERNET_HEADER + ARP_LENGTH || memcmp(arp, arp_kind, sizeof arp_kind) ||
        load_be16(arp + ARP_OPERATION) != ARP_REQUEST)
        return false;
    turn_frame(p, our_mac);
    store_be16(arp + ARP_OPERATION, ARP_REPLY);
    memcpy(asked, arp + ARP_TARGET_IP, sizeof asked);
    memcpy(arp + ARP_TARGET_MAC, arp + ARP_SENDER_MAC, MAC_LEN + 4);
    mac_store(arp + ARP_SENDER_MAC, our_mac);
    memcpy(arp + ARP_SENDER_IP, asked, sizeof asked);
    return true;
}

/* A request for a group is answered as if it had been for the last address in front of groups, for
 * no host may send from a group's: RFC 1122 3.2.1.3. */
static void swap_addresses(uint8_t *ip)
{
    uint32_t source = load_be32(ip + IPV4_SOURCE), destination = load_be32(ip + IPV4_DESTINATION);
    if (ipv4_is_multicast(destination))
        destination = (destination & 0x0fffffff) | 0xd0000000;
    store_be32(ip + IPV4_SOURCE, destination);
    store_be32(ip + IPV4_DESTINATION, source);
    ipv4_checksum_set(ip);
}

static bool answer_echo(struct packet *p, uint64_t our_mac)
{
    struct layers l;
    layers_find(p, &l);
    if (!l.l4 || l.type != ETHERTYPE_IPV4 || l.protocol != LAYERS_ICMP || l.l4[0] != ICMP_ECHO ||
        load_be16(l.l3 + IPV4_FRAGMENT) & IPV4_FRAGMENT_MF)
        return false;
    turn_frame(p, our_mac);
    swap_addresses(l.l3);
    l.l4[0] = ICMP_ECHO_REPLY;
    memset(l.l4 + ICMP_CHECKSUM, 0, 2);
    uint16_t sum = ipv4_packet_checksum(p, l.l4_offset, l.l4_length);
    memcpy(l.l4 + ICMP_CHECKSUM, &sum, sizeof sum);
    return true;
}

static bool answer(struct packet *p, uint64_t our_mac)
{
    return ethernet_type(p->data) == ETHERTYPE_ARP ? answer_arp(p, our_mac)
                                                   : answer_echo(p, our_mac);
}

static void icmpecho_burst(struct worker *worker, struct port *in, struct packet **packets,
                           uint16_t n)
{
    const struct interface *interface = interface_by_port(in->number);
    uint64_t our_mac = interface ? load_relaxed(&interface->mac_word) : 0;
    uint16_t answers = 0;
    for (uint16_t i = 0; i < n; i++) {
        struct packet *p = packets[i];
        if (interface && answer(p, our_mac))
            packets[answers++] = p;
        else
            forward_consume(worker, p);
    }
    if (answers)
        forward_send_burst(worker, in, packets, answers);
}

FORWARD_MODE(icmpecho_mode) = {
    .name = "icmpecho",
    .help = "answer ARP and ping for every address, by the port that they came in on",
    .burst = icmpecho_burst,
};
