/* icmp_echo.c - ICMP messages to us, and requests of ours (icmp_echo.h). */
#include "apps/ip/icmp_echo.h"

#include "apps/ip/address.h"
#include "apps/ip/icmp.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/output.h"
#include "apps/ip/protocol.h"
#include "apps/ip/udp.h"

/* Messages to us ---------------------------------------------------------- */

/* RFC 1812 4.3.3.6: everything that came goes back, from the address that was
 * asked, with the TOS and the recorded route of the request (the options were
 * checked and stamped on the way here). */
static void echo_reply(struct worker *control, struct packet *request)
{
    struct packet *p = packet_copy(&control->cache, request);
    if (!p) {
        forward_drop(control, request->port, DROP_no_buffer, request);
        return;
    }
    uint8_t *ip = p->data + ETHERNET_HEADER, *icmp = ip + ipv4_header_length(ip);
    uint32_t length = load_be16(ip + IPV4_TOTAL_LENGTH) - ipv4_header_length(ip);
    uint32_t asked = load_be32(ip + IPV4_DESTINATION);
    store_be32(ip + IPV4_DESTINATION, load_be32(ip + IPV4_SOURCE));
    store_be32(ip + IPV4_SOURCE, asked);
    store_be16(ip + IPV4_ID, ip_new_id());
    store_be16(ip + IPV4_FRAGMENT, 0);
    ip[IPV4_TTL] = IPV4_TTL_DEFAULT;
    icmp[ICMP_TYPE] = ICMP_ECHO_REPLY;
    memset(icmp + ICMP_CHECKSUM, 0, 2);
    uint16_t sum = ipv4_packet_checksum(p, (uint32_t)(icmp - p->data), length);
    memcpy(icmp + ICMP_CHECKSUM, &sum, sizeof sum);
    p->port = PORT_NONE;
    ip_output(control, p);
    forward_consume(control, request);
}

static enum echo_outcome outcome_of(uint8_t type)
{
    return type == ICMP_ECHO_REPLY      ? ECHO_REPLY
           : type == ICMP_TIME_EXCEEDED ? ECHO_EXCEEDED
           : type == ICMP_UNREACHABLE   ? ECHO_UNREACHABLE
                                        : ECHO_REFUSED;
}

static void udp_error(const uint8_t *icmp, const uint8_t *quoted)
{
    if (icmp[ICMP_TYPE] == ICMP_UNREACHABLE && icmp[ICMP_CODE] == ICMP_PORT_UNREACHABLE)
        udp_refused(ip_from_v4(load_be32(quoted + IPV4_DESTINATION)), quoted + IPV4_HEADER_MIN);
}

/* A reply or an error, perhaps about an echo request or a datagram of ours. */
static void answer_pass(const uint8_t *ip, uint32_t length)
{
    const uint8_t *icmp = ip + ipv4_header_length(ip);
    struct echo_answer answer = { .from = ip_from_v4(load_be32(ip + IPV4_SOURCE)),
                                  .outcome = outcome_of(icmp[ICMP_TYPE]),
                                  .ttl = ip[IPV4_TTL],
                                  .length = length };
    if (icmp_is_error(icmp[ICMP_TYPE])) {
        const uint8_t *quoted = icmp + ICMP_HEADER;
        if (length < 2 * ICMP_HEADER + IPV4_HEADER_MIN || quoted[IPV4_VERSION_IHL] != 0x45)
            return;
        if (quoted[IPV4_PROTOCOL] == IPV4_PROTOCOL_UDP)
            udp_error(icmp, quoted);
        if (quoted[IPV4_PROTOCOL] != IPV4_PROTOCOL_ICMP || quoted[IPV4_HEADER_MIN] != ICMP_ECHO)
            return;
        icmp = quoted + IPV4_HEADER_MIN;
    }
    answer.id = load_be16(icmp + ICMP_ID);
    answer.sequence = load_be16(icmp + ICMP_SEQUENCE);
    echo_answered(&answer);
}

static void icmp_receive(struct worker *control, struct packet *packet)
{
    const uint8_t *ip = packet->data + ETHERNET_HEADER;
    unsigned header = ipv4_header_length(ip);
    uint32_t length = load_be16(ip + IPV4_TOTAL_LENGTH) - header;
    const uint8_t *icmp = ip + header;
    if (length < ICMP_HEADER || ipv4_packet_checksum(packet, ETHERNET_HEADER + header, length)) {
        forward_drop(control, packet->port, DROP_icmp_invalid, packet);
    } else if (icmp[ICMP_TYPE] == ICMP_ECHO) {
        echo_reply(control, packet);
    } else if (icmp[ICMP_TYPE] == ICMP_ECHO_REPLY || icmp_is_error(icmp[ICMP_TYPE])) {
        answer_pass(ip, length);
        forward_consume(control, packet);
    } else {
        /* unread: RFC 1812 4.3.2.1: unknown types are silently discarded. */
        forward_drop(control, packet->port, DROP_protocol, packet);
    }
}

IP_PROTOCOL(icmp_protocol) = { .number = IPV4_PROTOCOL_ICMP, .receive = icmp_receive };

/* Requests of ours -------------------------------------------------------- */

bool icmp_can_reach(const struct echo_request *request)
{
    uint32_t to = ip_to_v4(request->to);
    return !ipv4_is_martian(to) && ip_source_on(request->interface, to);
}

bool icmp_echo_send(struct worker *control, const struct echo_request *request)
{
    uint32_t to = ip_to_v4(request->to), from = ip_source_on(request->interface, to);
    struct packet *p =
        from ? icmp_make(control, from, to, 0, ICMP_HEADER + (uint32_t)request->size) : NULL;
    if (!p)
        return false;
    uint8_t *ip = p->data + ETHERNET_HEADER, *icmp = ip + IPV4_HEADER_MIN;
    ip[IPV4_TTL] = request->hops ? request->hops : ip[IPV4_TTL];
    icmp[ICMP_TYPE] = ICMP_ECHO;
    store_be16(icmp + ICMP_ID, request->id);
    store_be16(icmp + ICMP_SEQUENCE, request->sequence);
    for (unsigned i = 0; i < request->size; i++)
        icmp[ICMP_HEADER + i] = (uint8_t)i;
    icmp_seal(icmp, ICMP_HEADER + (uint32_t)request->size);
    ip_output(control, p);
    return true;
}
