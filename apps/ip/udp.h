/* udp.h - UDP datagrams to the appliance itself, and from it (unread in this file: RFC 768).
 *
 * Who waits for datagrams has a socket, whose port nobody else has.  Control task only. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/ip/ip_address.h"

#include <stdbool.h>
#include <stdint.h>

/* Offsets from the header's first octet. */
#define UDP_SOURCE 0u
#define UDP_DESTINATION 2u
#define UDP_LENGTH 4u
#define UDP_CHECKSUM 6u
#define UDP_HEADER 8u
#define UDP_DATA_MAX 1472u /* of a datagram of ours: with IPv4 one Ethernet frame */

struct udp_peer {
    struct ip_address address;
    uint16_t port;
    uint16_t interface; /* number: whose address we send from, and of link-local addresses the way;
                         * INTERFACE_NONE: as the routes say */
};

/* Whole, its checksum right. */
struct udp_datagram {
    struct udp_peer from; /* its interface is where it came in */
    const struct packet *packet;
    uint32_t offset, length; /* of the data in the frame, which may be a chain */
};

struct udp_socket {
    struct udp_socket *next;
    uint16_t port; /* ours */
    void (*receive)(struct worker *control, struct udp_socket *socket,
                    const struct udp_datagram *datagram);
    /* ICMP says that nobody takes what we sent to a peer's port; NULL: does not matter. */
    void (*refused)(struct udp_socket *socket, struct ip_address to, uint16_t port);
};

void udp_open(struct udp_socket *socket); /* gives it a port; until udp_close() it is to stay */
void udp_close(struct udp_socket *socket);
/* Of `head` and `body`, UDP_DATA_MAX together at most; false: no way there, or no packet. */
bool udp_send(struct worker *control, const struct udp_socket *socket, const struct udp_peer *to,
              const void *head, uint32_t head_length, const void *body, uint32_t body_length);

/* One to us by IPv6, its header at `offset` of the frame.  Owns the packet. */
void udp6_receive(struct worker *control, struct packet *packet, uint32_t offset);
/* An ICMP error (port unreachable) about a datagram of ours: the first octets of its header. */
void udp_refused(struct ip_address to, const uint8_t *header);
