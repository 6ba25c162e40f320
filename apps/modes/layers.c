/* layers.c - finds the headers in a frame (layers.h). */
#include "apps/modes/layers.h"

#include "apps/ip/ipv4.h"

#define TCP_HEADER 20u
#define UDP_HEADER 8u
#define IPV6_PAYLOAD 4u
#define IPV6_NEXT 6u

static uint32_t l4_header(uint8_t protocol)
{
    return protocol == LAYERS_TCP                              ? TCP_HEADER
           : protocol == LAYERS_UDP || protocol == LAYERS_ICMP ? UDP_HEADER
                                                               : UINT32_MAX;
}

/* A transport header at `offset`, of so many bytes with what is behind it. */
static void find_l4(const struct packet *p, struct layers *l, uint32_t offset, uint32_t length)
{
    uint32_t header = l4_header(l->protocol);
    if (header > length || offset + header > p->length || offset + length > p->frame_length)
        return;
    l->l4 = p->data + offset;
    l->l4_offset = offset;
    l->l4_length = length;
}

/* RFC 791 3.1: what is no first fragment has no transport header. */
static void find_ipv4(const struct packet *p, struct layers *l, uint32_t offset)
{
    uint8_t *ip = p->data + offset;
    if (offset + IPV4_HEADER_MIN > p->length || ip[IPV4_VERSION_IHL] >> 4 != 4)
        return;
    uint32_t header = ipv4_header_length(ip), total = load_be16(ip + IPV4_TOTAL_LENGTH);
    if (header < IPV4_HEADER_MIN || offset + header > p->length || total < header)
        return;
    l->l3 = ip;
    l->protocol = ip[IPV4_PROTOCOL];
    if (!(load_be16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET))
        find_l4(p, l, offset + header, total - header);
}

/* unread: RFC 8200 3.  Extension headers are not looked into, as in testpmd. */
static void find_ipv6(const struct packet *p, struct layers *l, uint32_t offset)
{
    uint8_t *ip = p->data + offset;
    if (offset + LAYERS_IPV6_HEADER > p->length || ip[0] >> 4 != 6)
        return;
    l->l3 = ip;
    l->protocol = ip[IPV6_NEXT];
    find_l4(p, l, offset + LAYERS_IPV6_HEADER, load_be16(ip + IPV6_PAYLOAD));
}

void layers_find(const struct packet *p, struct layers *l)
{
    uint32_t offset = ETHERNET_HEADER;
    *l = (struct layers){ .type = ethernet_type(p->data) };
    while ((l->type == ETHERTYPE_VLAN || l->type == ETHERTYPE_SERVICE_VLAN) &&
           offset + VLAN_TAG <= p->length) {
        l->type = load_be16(p->data + offset + 2);
        offset += VLAN_TAG;
    }
    if (l->type == ETHERTYPE_IPV4)
        find_ipv4(p, l, offset);
    else if (l->type == ETHERTYPE_IPV6)
        find_ipv6(p, l, offset);
}
