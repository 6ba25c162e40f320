/* udp.c - sockets, and the way of a datagram in and out (udp.h). */
#include "apps/ip/udp.h"

#include "apps/ip/icmp.h"
#include "apps/ip/icmp6.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/output.h"
#include "apps/ip/output6.h"
#include "apps/ip/protocol.h"
#include "apps/ip/transmit.h"
#include "kernel/random.h"

/* Dynamic ports (unread: RFC 6335 6). */
#define PORT_FIRST 49152u
#define PORT_COUNT 16384u

static struct udp_socket *sockets;

static struct udp_socket *socket_of(uint16_t port)
{
    struct udp_socket *s = sockets;
    while (s && s->port != port)
        s = s->next;
    return s;
}

/* Somewhere nobody can guess, so that strangers' datagrams do not find it. */
void udp_open(struct udp_socket *s)
{
    do
        s->port = (uint16_t)(PORT_FIRST + random_word() % PORT_COUNT);
    while (socket_of(s->port));
    s->next = sockets;
    sockets = s;
}

void udp_close(struct udp_socket *s)
{
    struct udp_socket **at = &sockets;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
}

/* The sum over the header in front, `length` octets at `offset`, and what of IP's header counts. */
static uint16_t sum4(const struct packet *p, uint32_t offset, uint32_t length)
{
    uint8_t rest[4] = { 0, IPV4_PROTOCOL_UDP, (uint8_t)(length >> 8), (uint8_t)length };
    uint64_t sum = checksum_add(0, p->data + ETHERNET_HEADER + IPV4_SOURCE, 8);
    sum = checksum_add(sum, rest, sizeof rest);
    sum += (uint16_t)~ipv4_packet_checksum(p, offset, length);
    return checksum_finish(sum);
}

/* Receiving --------------------------------------------------------------- */

/* Of `length` octets the datagram may be fewer.  An IPv4 datagram need not have a checksum. */
static bool is_good(const struct packet *p, const uint8_t *header, uint32_t offset, uint32_t length,
                    bool v6)
{
    uint32_t is = load_be16(header + UDP_LENGTH);
    if (is < UDP_HEADER || is > length || offset + is > p->frame_length)
        return false;
    if (v6)
        return load_be16(header + UDP_CHECKSUM) && !ipv6_checksum(p, IPV6_UDP, offset, is);
    return !load_be16(header + UDP_CHECKSUM) || !sum4(p, offset, is);
}

/* DROP_REASON_COUNT: delivered, and the packet is consumed; else why not.  A bad one is dropped in
 * silence, whoever it is for (unread: RFC 1122 4.1.3.4, RFC 8200 8.1). */
static enum drop_reason deliver(struct worker *control, struct packet *p, uint32_t offset,
                                uint32_t length, struct ip_address from)
{
    uint8_t header[UDP_HEADER];
    if (length < UDP_HEADER || !packet_read(p, offset, header, sizeof header) ||
        !is_good(p, header, offset, length, !ip_is_v4(from)))
        return DROP_udp_invalid;
    struct udp_socket *s = socket_of(load_be16(header + UDP_DESTINATION));
    if (!s)
        return DROP_protocol;
    struct udp_datagram d = { .from = { from, load_be16(header + UDP_SOURCE), p->interface },
                              .packet = p,
                              .offset = offset + UDP_HEADER,
                              .length = load_be16(header + UDP_LENGTH) - UDP_HEADER };
    s->receive(control, s, &d);
    forward_consume(control, p);
    return DROP_REASON_COUNT;
}

static void receive(struct worker *control, struct packet *p)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    unsigned header = ipv4_header_length(ip);
    enum drop_reason why =
        deliver(control, p, ETHERNET_HEADER + header, load_be16(ip + IPV4_TOTAL_LENGTH) - header,
                ip_from_v4(load_be32(ip + IPV4_SOURCE)));
    if (why == DROP_protocol)
        icmp_refuse(control, p, why, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0);
    else if (why != DROP_REASON_COUNT)
        ip_drop(control, why, p);
}

IP_PROTOCOL(udp_protocol) = { .number = IPV4_PROTOCOL_UDP, .receive = receive };

void udp6_receive(struct worker *control, struct packet *p, uint32_t offset)
{
    const uint8_t *ip = p->data + ETHERNET_HEADER;
    uint32_t end = ETHERNET_HEADER + IPV6_HEADER + load_be16(ip + IPV6_PAYLOAD_LENGTH);
    enum drop_reason why =
        deliver(control, p, offset, end > offset ? end - offset : 0, ipv6_source(ip));
    if (why == DROP_protocol)
        icmp6_refuse(control, p, why, ICMP6_UNREACHABLE, ICMP6_PORT_UNREACHABLE, 0);
    else if (why != DROP_REASON_COUNT)
        ip_drop(control, why, p);
}

void udp_refused(struct ip_address to, const uint8_t *header)
{
    struct udp_socket *s = socket_of(load_be16(header + UDP_SOURCE));
    if (s && s->refused)
        s->refused(s, to, load_be16(header + UDP_DESTINATION));
}

/* Sending ----------------------------------------------------------------- */

static struct packet *make(struct worker *control, const struct udp_peer *to, uint32_t length)
{
    if (ip_is_v4(to->address)) {
        uint32_t destination = ip_to_v4(to->address);
        uint32_t source = ip_source_on(to->interface, destination);
        return source ? ip_make(control, source, destination, IPV4_PROTOCOL_UDP, length) : NULL;
    }
    struct ip_address source = ip6_source_on(to->interface, to->address);
    if (ip_is_zero(source))
        return NULL;
    return ipv6_make_packet(&control->cache, source, to->address, IPV6_UDP, length);
}

bool udp_send(struct worker *control, const struct udp_socket *socket, const struct udp_peer *to,
              const void *head, uint32_t head_length, const void *body, uint32_t body_length)
{
    bool v4 = ip_is_v4(to->address);
    uint32_t length = UDP_HEADER + head_length + body_length;
    uint32_t offset = ETHERNET_HEADER + (v4 ? IPV4_HEADER_MIN : IPV6_HEADER);
    struct packet *p = make(control, to, length);
    if (!p)
        return false;
    uint8_t *udp = p->data + offset;
    store_be16(udp + UDP_SOURCE, socket->port);
    store_be16(udp + UDP_DESTINATION, to->port);
    store_be16(udp + UDP_LENGTH, (uint16_t)length);
    store_be16(udp + UDP_CHECKSUM, 0);
    memcpy(udp + UDP_HEADER, head, head_length);
    if (body_length)
        memcpy(udp + UDP_HEADER + head_length, body, body_length);
    uint16_t sum = v4 ? sum4(p, offset, length) : ipv6_checksum(p, IPV6_UDP, offset, length);
    sum = sum ? sum : UINT16_MAX; /* 0 says that there is none */
    memcpy(udp + UDP_CHECKSUM, &sum, sizeof sum);
    if (v4)
        ip_output(control, p);
    else
        ip6_output(control, p, interface_get(to->interface));
    return true;
}
