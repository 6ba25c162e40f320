/* arp.c - ARP packets (arp.h). */
#include "apps/ip/arp.h"

#include "apps/ip/transmit.h"

#include <string.h>

/* RFC 826, offsets from the frame's first byte. */
#define ARP_HTYPE 14u
#define ARP_HTYPE_ETHERNET 1u
#define ARP_PTYPE 16u
#define ARP_HLEN 18u
#define ARP_PLEN 19u
#define ARP_OP 20u
#define ARP_SENDER_MAC 22u
#define ARP_SENDER_IP 28u
#define ARP_TARGET_MAC 32u
#define ARP_TARGET_IP 38u
#define ARP_LENGTH 42u

bool arp_parse(const struct packet *packet, struct arp *arp)
{
    const uint8_t *d = packet->data;
    if (packet->length < ARP_LENGTH || load_be16(d + ARP_HTYPE) != ARP_HTYPE_ETHERNET ||
        load_be16(d + ARP_PTYPE) != ETHERTYPE_IPV4 || d[ARP_HLEN] != MAC_LEN || d[ARP_PLEN] != 4)
        return false;
    arp->op = load_be16(d + ARP_OP);
    arp->mac = d + ARP_SENDER_MAC;
    arp->sender = load_be32(d + ARP_SENDER_IP);
    arp->target = load_be32(d + ARP_TARGET_IP);
    return (arp->op == ARP_REQUEST || arp->op == ARP_REPLY) && mac_is_station(arp->mac);
}

void arp_send(struct worker *control, struct interface *out, unsigned op, const uint8_t *to,
              uint32_t sender, const uint8_t *target_mac, uint32_t target)
{
    struct packet *p = packet_alloc(&control->cache);
    if (!p)
        return;
    uint8_t *d = p->data;
    memset(d, 0, FRAME_PADDED);
    memcpy(d, to, MAC_LEN);
    memcpy(d + ETHERNET_SOURCE, out->mac, MAC_LEN);
    store_be16(d + ETHERNET_TYPE, ETHERTYPE_ARP);
    store_be16(d + ARP_HTYPE, ARP_HTYPE_ETHERNET);
    store_be16(d + ARP_PTYPE, ETHERTYPE_IPV4);
    d[ARP_HLEN] = MAC_LEN;
    d[ARP_PLEN] = 4;
    store_be16(d + ARP_OP, (uint16_t)op);
    memcpy(d + ARP_SENDER_MAC, out->mac, MAC_LEN);
    store_be32(d + ARP_SENDER_IP, sender);
    memcpy(d + ARP_TARGET_MAC, target_mac, MAC_LEN);
    store_be32(d + ARP_TARGET_IP, target);
    p->length = FRAME_PADDED;
    p->frame_length = FRAME_PADDED;
    p->port = PORT_NONE;
    ip_transmit(control, out, p);
}

void arp_ask(struct worker *control, struct interface *out, const uint8_t *to, uint32_t sender,
             uint32_t target)
{
    static const uint8_t unknown[MAC_LEN];
    arp_send(control, out, ARP_REQUEST, to, sender, unknown, target);
}
