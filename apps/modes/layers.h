/* layers.h - where the network and transport headers of a frame are, for modes that change them.
 *
 * Everything that is told lies within the frame's first segment. */
#pragma once

#include "nic/packet.h"

#include <stdint.h>

#define LAYERS_TCP 6u
#define LAYERS_UDP 17u
#define LAYERS_ICMP 1u
#define LAYERS_IPV6_HEADER 40u

struct layers {
    uint16_t type;       /* EtherType behind all tags */
    uint8_t protocol;    /* of what `l4` is; meaningless without it */
    uint8_t *l3;         /* NULL: neither IPv4 nor IPv6, or cut short */
    uint8_t *l4;         /* NULL: no whole header of TCP, UDP or ICMP, or a fragment's rest */
    uint32_t l4_offset, l4_length; /* in the frame: header and data */
};

void layers_find(const struct packet *packet, struct layers *layers);
