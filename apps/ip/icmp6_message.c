/* icmp6_message.c - ICMPv6 messages (icmp6_message.h). */
#include "apps/ip/icmp6_message.h"

#include "apps/ip/transmit.h"

struct packet *icmp6_make(struct worker *control, struct ip_address source,
                          struct ip_address destination, uint8_t type, uint32_t length)
{
    struct packet *p = ipv6_make_packet(&control->cache, source, destination, IPV6_ICMP, length);
    if (!p)
        return NULL;
    memset(icmp6_of(p), 0, ICMP6_HEADER);
    icmp6_of(p)[ICMP6_TYPE] = type;
    return p;
}

void icmp6_seal(struct packet *p)
{
    uint32_t offset = ETHERNET_HEADER + IPV6_HEADER;
    memset(icmp6_of(p) + ICMP6_CHECKSUM, 0, 2);
    uint16_t sum = ipv6_checksum(p, IPV6_ICMP, offset, p->frame_length - offset);
    memcpy(icmp6_of(p) + ICMP6_CHECKSUM, &sum, sizeof sum);
}

static const struct icmp6_taker *taker_of(uint8_t type)
{
    TABLE_FOR_EACH (icmp6_takers, struct icmp6_taker, taker)
        if (taker->type == type)
            return taker;
    return NULL;
}

void icmp6_receive(struct worker *control, struct interface *in, struct packet *p,
                   const struct ipv6_walk *walk, bool pieces)
{
    uint32_t offset = ETHERNET_HEADER + walk->at;
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t end = ETHERNET_HEADER + IPV6_HEADER + load_be16(ip + IPV6_PAYLOAD_LENGTH);
    struct icmp6_message message = { .in = in,
                                     .packet = p,
                                     .source = ipv6_source(ip),
                                     .destination = ipv6_destination(ip),
                                     .icmp = p->data + offset,
                                     .offset = offset,
                                     .length = end - offset,
                                     .hop_limit = ip[IPV6_HOP_LIMIT],
                                     .alert = walk->alert,
                                     .pieces = pieces };
    if (offset + ICMP6_HEADER > end || offset + ICMP6_HEADER > p->length ||
        ipv6_checksum(p, IPV6_ICMP, offset, message.length)) {
        ip_drop(control, DROP_icmp_invalid, p);
        return;
    }
    const struct icmp6_taker *taker = taker_of(message.icmp[ICMP6_TYPE]);
    if (taker)
        taker->receive(control, &message);
    else
        ip_drop(control, DROP_protocol, p);
}
