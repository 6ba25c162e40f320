/* icmp6_message.h - ICMPv6 messages made, and who takes those that come (unread: RFC 4443). */
#pragma once

#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/ip/icmp6_types.h"
#include "apps/ip/ipv6.h"
#include "kernel/table.h"

#include <stdbool.h>
#include <stdint.h>

/* A frame with an IPv6 header in front of a message of `length` octets, which lie in one segment
 * and whose first ICMP6_HEADER are zero; NULL: no packet. */
struct packet *icmp6_make(struct worker *control, struct ip_address source,
                          struct ip_address destination, uint8_t type, uint32_t length);
static inline uint8_t *icmp6_of(struct packet *made)
{
    return made->data + ETHERNET_HEADER + IPV6_HEADER;
}
void icmp6_seal(struct packet *made); /* the checksum, when all else is there */

/* One to us, whole, its checksum right. */
struct icmp6_message {
    struct interface *in;
    struct packet *packet;
    struct ip_address source, destination;
    const uint8_t *icmp; /* ICMP6_HEADER octets at least lie there */
    uint32_t offset;     /* of it in the frame */
    uint32_t length;
    uint8_t hop_limit;
    bool alert;  /* with a router's alert in front */
    bool pieces; /* it had a fragment header */
};

/* Whether it lies in one segment as a whole. */
static inline bool icmp6_is_flat(const struct icmp6_message *message)
{
    return message->offset + message->length <= message->packet->length;
}

/* Owns the packet: consumes or drops it. */
struct icmp6_taker {
    uint8_t type;
    void (*receive)(struct worker *control, const struct icmp6_message *message);
};
TABLE_DECLARE(icmp6_takers, struct icmp6_taker);
/* ICMP6_TAKER(symbol) = { .type = ..., .receive = ... }; */
#define ICMP6_TAKER(symbol) TABLE_ENTRY(icmp6_takers, struct icmp6_taker, symbol)

/* The message that the walk over the packet's headers ended at.  One of another type, or none that
 * can be, is dropped.  Owns the packet. */
void icmp6_receive(struct worker *control, struct interface *in, struct packet *packet,
                   const struct ipv6_walk *walk, bool pieces);
