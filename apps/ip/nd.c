/* nd.c - neighbor discovery's messages (nd.h). */
#include "apps/ip/nd.h"

#include "apps/ip/transmit.h"

static const uint8_t *option_next(const struct icmp6_message *m, const uint8_t *option)
{
    const uint8_t *end = m->icmp + m->length;
    if (end - option < 8 || !option[1] || end - option < 8 * option[1])
        return NULL;
    return option + 8 * option[1];
}

bool nd_is_valid(const struct icmp6_message *m, uint32_t header)
{
    if (m->hop_limit != ND_HOP_LIMIT || m->pieces || m->icmp[ICMP6_CODE] || m->length < header ||
        !icmp6_is_flat(m))
        return false;
    for (const uint8_t *option = m->icmp + header; option != m->icmp + m->length;) {
        option = option_next(m, option);
        if (!option)
            return false;
    }
    return true;
}

const uint8_t *nd_option_mac(const struct icmp6_message *m, uint32_t header, uint8_t type)
{
    const uint8_t *end = m->icmp + m->length;
    for (const uint8_t *option = m->icmp + header; option != end; option = option_next(m, option))
        if (option[0] == type && option[1] == 1)
            return mac_is_station(option + 2) ? option + 2 : NULL;
    return NULL;
}

uint8_t *nd_put_mac(uint8_t *at, uint8_t type, const uint8_t mac[MAC_LEN])
{
    at[0] = type;
    at[1] = ND_OPTION_MAC_LENGTH / 8;
    memcpy(at + 2, mac, MAC_LEN);
    return at + ND_OPTION_MAC_LENGTH;
}

void nd_send(struct worker *control, struct interface *out, const uint8_t *mac, struct packet *p)
{
    uint8_t *ip = p->data + ETHERNET_HEADER;
    ip[IPV6_HOP_LIMIT] = ND_HOP_LIMIT;
    icmp6_seal(p);
    if (mac)
        memcpy(p->data, mac, MAC_LEN);
    else
        ipv6_group_mac(ipv6_destination(ip), p->data);
    memcpy(p->data + ETHERNET_SOURCE, out->mac, MAC_LEN);
    ip_transmit(control, out, p);
}

void nd_solicit(struct worker *control, struct interface *out, const uint8_t *mac,
                struct ip_address source, struct ip_address target)
{
    bool says_mac = !ip_is_zero(source);
    struct packet *p = icmp6_make(control, source, mac ? target : ipv6_solicited_node(target),
                                  ICMP6_NEIGHBOR_SOLICITATION,
                                  ND_NEIGHBOR_LENGTH + (says_mac ? ND_OPTION_MAC_LENGTH : 0));
    if (!p)
        return;
    ip_store(icmp6_of(p) + ND_TARGET, target);
    if (says_mac)
        nd_put_mac(icmp6_of(p) + ND_NEIGHBOR_LENGTH, ND_OPTION_SOURCE, out->mac);
    nd_send(control, out, mac, p);
}
