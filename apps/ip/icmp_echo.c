/* icmp_echo.c - ICMP messages to us, and requests of ours (icmp_echo.h). */
#include "apps/ip/icmp_echo.h"

#include "apps/ip/icmp.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/output.h"
#include "apps/ip/protocol.h"

static void (*answer_taker)(const struct icmp_answer *answer);

void icmp_on_answer(void (*fn)(const struct icmp_answer *answer))
{
    answer_taker = fn;
}

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
    store_be16(ip + IPV4_ID, icmp_id());
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

/* A reply or an error, perhaps about a ping of ours. */
static void answer_pass(const uint8_t *ip, uint32_t length)
{
    const uint8_t *icmp = ip + ipv4_header_length(ip);
    struct icmp_answer answer = { .from = ip_from_v4(load_be32(ip + IPV4_SOURCE)),
                                  .type = icmp[ICMP_TYPE],
                                  .code = icmp[ICMP_CODE],
                                  .ttl = ip[IPV4_TTL],
                                  .length = length };
    if (icmp_is_error(answer.type)) {
        const uint8_t *quoted = icmp + ICMP_HEADER;
        if (length < 2 * ICMP_HEADER + IPV4_HEADER_MIN || quoted[IPV4_VERSION_IHL] != 0x45 ||
            quoted[IPV4_PROTOCOL] != IPV4_PROTOCOL_ICMP || quoted[IPV4_HEADER_MIN] != ICMP_ECHO)
            return;
        icmp = quoted + IPV4_HEADER_MIN;
    }
    answer.id = load_be16(icmp + ICMP_ID);
    answer.sequence = load_be16(icmp + ICMP_SEQUENCE);
    if (answer_taker)
        answer_taker(&answer);
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

bool icmp_can_reach(struct ip_address destination)
{
    uint32_t v4 = ip_to_v4(destination);
    return !ipv4_is_martian(v4) && ip_source_towards(v4);
}

bool icmp_echo_send(struct worker *control, struct ip_address destination, uint16_t id,
                    uint16_t sequence, uint16_t data_length)
{
    uint32_t to = ip_to_v4(destination), from = ip_source_towards(to);
    struct packet *p =
        from ? icmp_make(control, from, to, 0, ICMP_HEADER + (uint32_t)data_length) : NULL;
    if (!p)
        return false;
    uint8_t *icmp = p->data + ETHERNET_HEADER + IPV4_HEADER_MIN;
    icmp[ICMP_TYPE] = ICMP_ECHO;
    store_be16(icmp + ICMP_ID, id);
    store_be16(icmp + ICMP_SEQUENCE, sequence);
    for (unsigned i = 0; i < data_length; i++)
        icmp[ICMP_HEADER + i] = (uint8_t)i;
    icmp_seal(icmp, ICMP_HEADER + (uint32_t)data_length);
    ip_output(control, p);
    return true;
}
