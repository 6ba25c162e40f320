/* icmp6_echo.c - ICMPv6 echo, answered and sent (icmp6_echo.h; unread in this file: RFC 4443). */
#include "apps/ip/icmp6_echo.h"

#include "apps/ip/address.h"
#include "apps/ip/icmp6_message.h"
#include "apps/ip/output6.h"
#include "apps/ip/udp.h"

/* Messages to us ---------------------------------------------------------- */

/* RFC 4443 4.2: from the address that was asked; a group or an anycast address is none. */
static struct ip_address reply_source(const struct icmp6_message *m)
{
    const struct address *asked = address_on(m->in, m->destination);
    struct interface *near = ipv6_is_link_local(m->source) ? m->in : NULL;
    if (!asked && !ipv6_is_multicast(m->destination))
        asked = address_find(m->destination);
    return asked ? asked->address : ip6_source_towards(m->source, near);
}

/* The whole message goes back, behind a header of ours. */
static struct packet *reply_make(struct worker *control, const struct icmp6_message *m,
                                 struct ip_address source)
{
    struct packet *p = packet_copy(&control->cache, m->packet);
    if (!p)
        return NULL;
    uint32_t more = m->offset - ETHERNET_HEADER - IPV6_HEADER; /* extension headers */
    memmove(p->data + more, p->data, ETHERNET_HEADER);
    p->data += more;
    p->length = (uint16_t)(p->length - more);
    p->frame_length -= more;
    ipv6_make(p->data + ETHERNET_HEADER, source, m->source, IPV6_ICMP, (uint16_t)m->length,
              IPV6_HOP_LIMIT_DEFAULT);
    icmp6_of(p)[ICMP6_TYPE] = ICMP6_ECHO_REPLY;
    p->port = PORT_NONE;
    return p;
}

static void echo_request_taken(struct worker *control, const struct icmp6_message *m)
{
    struct ip_address source = reply_source(m);
    struct packet *p =
        ip_is_zero(source) || ip_is_zero(m->source) ? NULL : reply_make(control, m, source);
    if (!p) {
        forward_drop(control, m->packet->port, DROP_no_buffer, m->packet);
        return;
    }
    uint32_t end = ETHERNET_HEADER + IPV6_HEADER + m->length;
    if (p->frame_length > end) /* what Ethernet padded */
        p->frame_length = p->length = (uint16_t)end;
    icmp6_seal(p);
    ip6_output(control, p, m->in);
    forward_consume(control, m->packet);
}

ICMP6_TAKER(icmp6_requests) = { .type = ICMP6_ECHO, .receive = echo_request_taken };

static void answer_pass(const struct icmp6_message *m, enum echo_outcome outcome,
                        const uint8_t *echo)
{
    const struct echo_answer answer = { .from = m->source,
                                        .outcome = outcome,
                                        .ttl = m->hop_limit,
                                        .id = load_be16(echo + ICMP6_ID),
                                        .sequence = load_be16(echo + ICMP6_SEQUENCE),
                                        .length = m->length };
    echo_answered(&answer);
}

static void reply(struct worker *control, const struct icmp6_message *m)
{
    answer_pass(m, ECHO_REPLY, m->icmp);
    forward_consume(control, m->packet);
}

ICMP6_TAKER(icmp6_replies) = { .type = ICMP6_ECHO_REPLY, .receive = reply };

/* An error, perhaps about an echo request or a datagram of ours, whole or its first piece. */
static void error(struct worker *control, const struct icmp6_message *m)
{
    const uint8_t *quoted = m->icmp + ICMP6_HEADER, *echo = quoted + IPV6_HEADER;
    uint32_t length = ICMP6_HEADER + IPV6_HEADER + IPV6_FRAGMENT_HEADER + ICMP6_HEADER;
    uint8_t next = quoted[IPV6_NEXT_HEADER], type = m->icmp[ICMP6_TYPE];
    if (m->offset + length <= m->packet->length && next == IPV6_FRAGMENT) {
        next = echo[0];
        echo += IPV6_FRAGMENT_HEADER;
    } else {
        length -= IPV6_FRAGMENT_HEADER;
    }
    bool is_there = m->length >= length && m->offset + length <= m->packet->length;
    if (is_there && next == IPV6_ICMP && echo[ICMP6_TYPE] == ICMP6_ECHO)
        answer_pass(m,
                    type == ICMP6_TIME_EXCEEDED ? ECHO_EXCEEDED
                    : type == ICMP6_UNREACHABLE ? ECHO_UNREACHABLE
                                                : ECHO_REFUSED,
                    echo);
    else if (is_there && next == IPV6_UDP && type == ICMP6_UNREACHABLE &&
             m->icmp[ICMP6_CODE] == ICMP6_PORT_UNREACHABLE)
        udp_refused(ipv6_destination(quoted), echo);
    forward_consume(control, m->packet);
}

ICMP6_TAKER(icmp6_unreachables) = { .type = ICMP6_UNREACHABLE, .receive = error };
ICMP6_TAKER(icmp6_too_bigs) = { .type = ICMP6_TOO_BIG, .receive = error };
ICMP6_TAKER(icmp6_exceededs) = { .type = ICMP6_TIME_EXCEEDED, .receive = error };
ICMP6_TAKER(icmp6_problems) = { .type = ICMP6_PROBLEM, .receive = error };

/* Requests of ours -------------------------------------------------------- */

bool icmp6_can_reach(const struct echo_request *request)
{
    bool has_source = !ip_is_zero(ip6_source_on(request->interface, request->to));
    if (ipv6_is_link_local(request->to) || ipv6_is_multicast(request->to))
        return request->interface != INTERFACE_NONE && has_source;
    return !ipv6_is_martian(request->to) && !ip_is_zero(ip6_source_towards(request->to, NULL)) &&
           has_source;
}

bool icmp6_echo_send(struct worker *control, const struct echo_request *request)
{
    uint32_t length = ICMP6_HEADER + (uint32_t)request->size;
    struct ip_address from = ip6_source_on(request->interface, request->to);
    struct packet *p =
        ip_is_zero(from) ? NULL : icmp6_make(control, from, request->to, ICMP6_ECHO, length);
    if (!p)
        return false;
    uint8_t *ip = p->data + ETHERNET_HEADER, *icmp = icmp6_of(p);
    ip[IPV6_HOP_LIMIT] = request->hops ? request->hops : ip[IPV6_HOP_LIMIT];
    store_be16(icmp + ICMP6_ID, request->id);
    store_be16(icmp + ICMP6_SEQUENCE, request->sequence);
    for (unsigned i = 0; i < request->size; i++)
        icmp[ICMP6_HEADER + i] = (uint8_t)i;
    icmp6_seal(p);
    ip6_output(control, p, interface_get(request->interface));
    return true;
}
