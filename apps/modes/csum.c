/* csum.c - mode csum: like mac, with the checksums of IPv4, TCP and UDP made anew by the CPU, as
 * testpmd's mode of that name does unless it is told to leave them to a device. */
#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/ip/ipv4.h"
#include "apps/modes/layers.h"
#include "apps/modes/settings.h"
#include "apps/modes/test_frame.h"

#include <string.h>

#define TCP_CHECKSUM 16u
#define UDP_CHECKSUM 6u
#define IPV6_SOURCE 8u

static void count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void make_ip(struct mode_port *mp, uint8_t *ip)
{
    if (mp && !ipv4_checksum_ok(ip, ipv4_header_length(ip)))
        count(&mp->bad_ip);
    ipv4_checksum_set(ip);
}

/* RFC 793 3.1, RFC 768; unread: RFC 8200 8.1.  Addresses, length and protocol of the pseudo
 * header, as words that lie in memory. */
static uint64_t pseudo(const struct layers *l)
{
    uint8_t words[4] = { 0, l->protocol };
    store_be16(words + 2, (uint16_t)l->l4_length);
    uint64_t sum = checksum_add(0, words, sizeof words);
    return l->type == ETHERTYPE_IPV4 ? checksum_add(sum, l->l3 + IPV4_SOURCE, 8)
                                     : checksum_add(sum, l->l3 + IPV6_SOURCE, 32);
}

static uint16_t checksum(const struct packet *p, const struct layers *l)
{
    uint16_t body = (uint16_t)~ipv4_packet_checksum(p, l->l4_offset, l->l4_length);
    return checksum_finish(pseudo(l) + body);
}

/* UDP without a checksum stays without (RFC 768); of fragments nobody knows the whole. */
static void make_l4(struct mode_port *mp, const struct packet *p, const struct layers *l)
{
    static const uint8_t none[2];
    bool udp = l->protocol == LAYERS_UDP, tcp = l->protocol == LAYERS_TCP;
    uint8_t *field = l->l4 + (udp ? UDP_CHECKSUM : TCP_CHECKSUM);
    if ((!udp && !tcp) || (udp && !memcmp(field, none, 2)) ||
        (l->type == ETHERTYPE_IPV4 && load_be16(l->l3 + IPV4_FRAGMENT) & IPV4_FRAGMENT_MF))
        return;
    if (mp && checksum(p, l))
        count(&mp->bad_l4);
    memset(field, 0, 2);
    uint16_t sum = checksum(p, l);
    if (udp && !sum)
        sum = 0xffff;
    memcpy(field, &sum, sizeof sum);
}

static void csum_burst(struct worker *worker, struct port *in, struct packet **packets, uint16_t n)
{
    struct port *out = forward_peer(in);
    const struct interface *interface = out ? interface_by_port(out->number) : NULL;
    struct mode_port *mp = mode_port_get(in->number);
    if (!interface) {
        forward_drop_burst(worker, in->number, DROP_no_peer, packets, n);
        return;
    }
    for (uint16_t i = 0; i < n; i++) {
        struct layers l;
        layers_find(packets[i], &l);
        mac_store(packets[i]->data, test_frame_peer(out));
        mac_store(packets[i]->data + MAC_LEN, load_relaxed(&interface->mac_word));
        if (l.l3 && l.type == ETHERTYPE_IPV4)
            make_ip(mp, l.l3);
        if (l.l4)
            make_l4(mp, packets[i], &l);
    }
    forward_send_burst(worker, out, packets, n);
}

FORWARD_MODE(csum_mode) = {
    .name = "csum",
    .help = "pass frames as mac does, with the checksums of IPv4, TCP and UDP made anew",
    .burst = csum_burst,
};
