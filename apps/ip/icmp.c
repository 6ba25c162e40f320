/* icmp.c - ICMP (icmp.h): errors about others' packets, answers to ours. */
#include "apps/ip/icmp.h"

#include "apps/ip/address.h"
#include "apps/ip/fib.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/router.h"
#include "kernel/limit.h"

/* Offsets from the ICMP header's first byte (RFC 792). */
#define ICMP_TYPE 0u
#define ICMP_CODE 1u
#define ICMP_CHECKSUM 2u
#define ICMP_REST 4u
#define ICMP_ID 4u
#define ICMP_SEQUENCE 6u

#define ICMP_DATAGRAM_MAX 576u    /* RFC 1812 4.3.2.3 */
#define TOS_NETWORK_CONTROL 0xc0u /* precedence 6, RFC 1812 4.3.2.5 */
#define TOS_BITS 0x1eu

static struct limit all_errors, port_errors[PORT_MAX];
static uint16_t next_id;

void icmp_reset(void)
{
    all_errors = (struct limit){ 0 };
    memset(port_errors, 0, sizeof port_errors);
}

static bool is_error(uint8_t type)
{
    return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
           type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

/* An IPv4 header of 20 octets around an ICMP message of `length` octets; the
 * caller fills the message behind it. */
static struct packet *datagram_make(struct worker *control, uint32_t source, uint32_t destination,
                                    uint8_t tos, uint32_t length)
{
    struct packet *p = packet_alloc(&control->cache);
    if (!p)
        return NULL;
    uint8_t *ip = p->data + ETHERNET_HEADER;
    memset(p->data, 0, ETHERNET_HEADER + IPV4_HEADER_MIN + ICMP_HEADER);
    store_be16(p->data + ETHERNET_TYPE, ETHERTYPE_IPV4);
    ip[IPV4_VERSION_IHL] = 0x45;
    ip[IPV4_TOS] = tos;
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(IPV4_HEADER_MIN + length));
    store_be16(ip + IPV4_ID, next_id++);
    ip[IPV4_TTL] = IPV4_TTL_DEFAULT;
    ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_ICMP;
    store_be32(ip + IPV4_SOURCE, source);
    store_be32(ip + IPV4_DESTINATION, destination);
    p->length = (uint16_t)(ETHERNET_HEADER + IPV4_HEADER_MIN + length);
    p->frame_length = p->length;
    p->port = PORT_NONE;
    return p;
}

static void message_seal(uint8_t *icmp, uint32_t length)
{
    memset(icmp + ICMP_CHECKSUM, 0, 2);
    uint16_t sum = checksum_finish(checksum_add(0, icmp, length));
    memcpy(icmp + ICMP_CHECKSUM, &sum, sizeof sum);
}

/* What to call ourselves towards `destination` (RFC 1812 4.3.2.4), 0: no way. */
static uint32_t source_towards(uint32_t destination)
{
    struct next_hop hop;
    if (!neighbor_next_hop(fib_lookup(destination), destination, &hop))
        return 0;
    const struct address *us = address_source(hop.port, hop.address);
    return us ? us->address : 0;
}

/* Errors ------------------------------------------------------------------ */

/* RFC 1812 4.3.2.7.  What failed the header checks never comes here; errors,
 * and messages we cannot tell from errors, are not answered. */
static bool may_complain(const struct packet *about)
{
    const uint8_t *ip = about->data + ETHERNET_HEADER;
    uint32_t source = load_be32(ip + IPV4_SOURCE), destination = load_be32(ip + IPV4_DESTINATION);
    unsigned header = ipv4_header_length(ip);
    if (load_be16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET)
        return false;
    if ((about->data[0] & 1) || ipv4_is_martian(destination) ||
        fib_lookup(destination) == ADJACENCY_BROADCAST)
        return false;
    if (ipv4_is_martian(source) || fib_lookup(source) < ADJACENCY_CONNECTED)
        return false;
    if (ip[IPV4_PROTOCOL] != IPV4_PROTOCOL_ICMP)
        return true;
    return load_be16(ip + IPV4_TOTAL_LENGTH) > header && !is_error(ip[header + ICMP_TYPE]) &&
           ip[header + ICMP_TYPE] <= 18;
}

static bool take_token(uint16_t port)
{
    uint64_t now_us = time_us();
    struct limit *of_port = &port_errors[port % PORT_MAX];
    if (!limit_allows(&all_errors, now_us, ICMP_ERROR_RATE, ICMP_ERROR_BURST) ||
        !limit_allows(of_port, now_us, ICMP_ERROR_PORT_RATE, ICMP_ERROR_PORT_BURST))
        return false;
    limit_take(&all_errors, now_us, ICMP_ERROR_RATE);
    limit_take(of_port, now_us, ICMP_ERROR_PORT_RATE);
    return true;
}

void icmp_error(struct worker *control, const struct packet *about, uint8_t type, uint8_t code,
                uint32_t rest)
{
    const uint8_t *ip = about->data + ETHERNET_HEADER;
    uint32_t to = load_be32(ip + IPV4_SOURCE);
    uint32_t quote = load_be16(ip + IPV4_TOTAL_LENGTH);
    uint32_t room = ICMP_DATAGRAM_MAX - IPV4_HEADER_MIN - ICMP_HEADER;
    uint32_t from = may_complain(about) ? source_towards(to) : 0;
    if (!from || !take_token(about->port))
        return;
    quote = quote < room ? quote : room;
    struct packet *p = datagram_make(
        control, from, to, TOS_NETWORK_CONTROL | (ip[IPV4_TOS] & TOS_BITS), ICMP_HEADER + quote);
    if (!p)
        return;
    uint8_t *icmp = p->data + ETHERNET_HEADER + IPV4_HEADER_MIN;
    icmp[ICMP_TYPE] = type;
    icmp[ICMP_CODE] = code;
    store_be32(icmp + ICMP_REST, rest);
    if (!packet_read(about, ETHERNET_HEADER, icmp + ICMP_HEADER, quote)) {
        packet_free(&control->cache, p);
        return;
    }
    message_seal(icmp, ICMP_HEADER + quote);
    router_output(control, p);
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
    store_be16(ip + IPV4_ID, next_id++);
    store_be16(ip + IPV4_FRAGMENT, 0);
    ip[IPV4_TTL] = IPV4_TTL_DEFAULT;
    icmp[ICMP_TYPE] = ICMP_ECHO_REPLY;
    memset(icmp + ICMP_CHECKSUM, 0, 2);
    uint16_t sum = ipv4_packet_checksum(p, (uint32_t)(icmp - p->data), length);
    memcpy(icmp + ICMP_CHECKSUM, &sum, sizeof sum);
    p->port = PORT_NONE;
    router_output(control, p);
    forward_consume(control, request);
}

/* A reply or an error, perhaps about a ping of ours. */
static void answer_pass(const uint8_t *ip, uint32_t length)
{
    const uint8_t *icmp = ip + ipv4_header_length(ip);
    struct icmp_answer answer = { .from = load_be32(ip + IPV4_SOURCE),
                                  .type = icmp[ICMP_TYPE],
                                  .code = icmp[ICMP_CODE],
                                  .ttl = ip[IPV4_TTL],
                                  .length = length };
    if (is_error(answer.type)) {
        const uint8_t *quoted = icmp + ICMP_HEADER;
        if (length < 2 * ICMP_HEADER + IPV4_HEADER_MIN || quoted[IPV4_VERSION_IHL] != 0x45 ||
            quoted[IPV4_PROTOCOL] != IPV4_PROTOCOL_ICMP || quoted[IPV4_HEADER_MIN] != ICMP_ECHO)
            return;
        icmp = quoted + IPV4_HEADER_MIN;
    }
    answer.id = load_be16(icmp + ICMP_ID);
    answer.sequence = load_be16(icmp + ICMP_SEQUENCE);
    ping_answered(&answer);
}

void icmp_receive(struct worker *control, struct packet *packet)
{
    const uint8_t *ip = packet->data + ETHERNET_HEADER;
    unsigned header = ipv4_header_length(ip);
    uint32_t length = load_be16(ip + IPV4_TOTAL_LENGTH) - header;
    const uint8_t *icmp = ip + header;
    if (length < ICMP_HEADER || ipv4_packet_checksum(packet, ETHERNET_HEADER + header, length)) {
        forward_drop(control, packet->port, DROP_icmp_invalid, packet);
    } else if (icmp[ICMP_TYPE] == ICMP_ECHO) {
        echo_reply(control, packet);
    } else if (icmp[ICMP_TYPE] == ICMP_ECHO_REPLY || is_error(icmp[ICMP_TYPE])) {
        answer_pass(ip, length);
        forward_consume(control, packet);
    } else {
        /* RFC 1812 4.3.2.1: unknown types are silently discarded. */
        forward_drop(control, packet->port, DROP_protocol, packet);
    }
}

/* Requests of ours -------------------------------------------------------- */

bool icmp_can_reach(uint32_t destination)
{
    return !ipv4_is_martian(destination) && source_towards(destination);
}

bool icmp_echo_send(struct worker *control, uint32_t destination, uint16_t id, uint16_t sequence,
                    uint16_t data_length)
{
    uint32_t from = source_towards(destination);
    struct packet *p =
        from ? datagram_make(control, from, destination, 0, ICMP_HEADER + (uint32_t)data_length)
             : NULL;
    if (!p)
        return false;
    uint8_t *icmp = p->data + ETHERNET_HEADER + IPV4_HEADER_MIN;
    icmp[ICMP_TYPE] = ICMP_ECHO;
    store_be16(icmp + ICMP_ID, id);
    store_be16(icmp + ICMP_SEQUENCE, sequence);
    for (unsigned i = 0; i < data_length; i++)
        icmp[ICMP_HEADER + i] = (uint8_t)i;
    message_seal(icmp, ICMP_HEADER + (uint32_t)data_length);
    router_output(control, p);
    return true;
}
