/* icmp.c - ICMP messages, and errors about others' packets (icmp.h). */
#include "apps/ip/icmp.h"

#include "apps/forward/interface.h"
#include "apps/ip/fib.h"
#include "apps/ip/icmp_limit.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/output.h"
#include "apps/ip/transmit.h"

#define ICMP_DATAGRAM_MAX 576u    /* RFC 1812 4.3.2.3 */
#define TOS_NETWORK_CONTROL 0xc0u /* precedence 6, unread: RFC 1812 4.3.2.5 */
#define TOS_BITS 0x1eu

bool icmp_is_error(uint8_t type)
{
    return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
           type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

struct packet *icmp_make(struct worker *control, uint32_t source, uint32_t destination, uint8_t tos,
                         uint32_t length)
{
    struct packet *p = ip_make(control, source, destination, IPV4_PROTOCOL_ICMP, length);
    if (!p)
        return NULL;
    p->data[ETHERNET_HEADER + IPV4_TOS] = tos;
    memset(p->data + ETHERNET_HEADER + IPV4_HEADER_MIN, 0, ICMP_HEADER);
    return p;
}

void icmp_seal(uint8_t *icmp, uint32_t length)
{
    memset(icmp + ICMP_CHECKSUM, 0, 2);
    uint16_t sum = checksum_finish(checksum_add(0, icmp, length));
    memcpy(icmp + ICMP_CHECKSUM, &sum, sizeof sum);
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
        fib_lookup(destination) == NEXTHOP_BROADCAST)
        return false;
    if (ipv4_is_martian(source) || fib_lookup(source) < NEXTHOP_FIXED)
        return false;
    if (ip[IPV4_PROTOCOL] != IPV4_PROTOCOL_ICMP)
        return true;
    return load_be16(ip + IPV4_TOTAL_LENGTH) > header && !icmp_is_error(ip[header + ICMP_TYPE]) &&
           ip[header + ICMP_TYPE] <= 18;
}

void icmp_error(struct worker *control, const struct packet *about, uint8_t type, uint8_t code,
                uint32_t rest)
{
    const uint8_t *ip = about->data + ETHERNET_HEADER;
    uint32_t to = load_be32(ip + IPV4_SOURCE);
    uint32_t quote = load_be16(ip + IPV4_TOTAL_LENGTH);
    uint32_t room = ICMP_DATAGRAM_MAX - IPV4_HEADER_MIN - ICMP_HEADER;
    uint32_t from = may_complain(about) ? ip_source_towards(to) : 0;
    if (!from || !icmp_limit_take(about->interface, to))
        return;
    quote = quote < room ? quote : room;
    struct packet *p = icmp_make(control, from, to, TOS_NETWORK_CONTROL | (ip[IPV4_TOS] & TOS_BITS),
                                 ICMP_HEADER + quote);
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
    icmp_seal(icmp, ICMP_HEADER + quote);
    ip_output(control, p);
}

void icmp_refuse(struct worker *control, struct packet *packet, enum drop_reason why, uint8_t type,
                 uint8_t code, uint32_t rest)
{
    if (packet->port != PORT_NONE)
        icmp_error(control, packet, type, code, rest);
    ip_drop(control, why, packet);
}

static void next_hop_is_silent(struct worker *control, struct packet *packet)
{
    icmp_refuse(control, packet, DROP_host_unreachable, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0);
}

NEIGHBOR_REFUSAL(icmp_refusal) = { .type = ETHERTYPE_IPV4, .refuse = next_hop_is_silent };
