/* access.h - access ports: a port whose own traffic is one VLAN's on the wire and untagged in
 * the appliance (`port N vlan V`), on every kind of port.
 *
 * The port takes tags off and puts them in where it declares that it can (nic/port.h); what it
 * cannot is done here.  Frames without the port's tag - another, none, or a priority alone - are
 * not in its VLAN: dropped as `vlan`. */
#pragma once

#include "apps/forward/counters.h"
#include "nic/packet.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Control task: 0 or -E... with the old one still in force; 0: of no VLAN. */
int access_set_vlan(struct port *port, uint16_t vlan);

/* Data path, for ports with a VLAN.  Both keep the frames that go on at the front, say how many,
 * and have dropped and counted the others. */
uint16_t access_receive(struct packet_cache *cache, struct port_counters *counters,
                        const struct port *in, struct packet **packets, uint16_t n);
uint16_t access_transmit(struct packet_cache *cache, struct port_counters *counters,
                         const struct port *out, struct packet **packets, uint16_t n);

/* A tag of VLAN 0 is a priority and no VLAN (unread: 802.1Q 9.6): takes the frame's off, beside it
 * or in it; false: it has none. */
static inline bool access_take_priority(struct packet *p)
{
    bool beside = p->flags & PACKET_VLAN;
    if (beside ? p->vlan & VLAN_TCI_VID
               : p->length < ETHERNET_HEADER + VLAN_TAG ||
                     ethernet_type(p->data) != ETHERTYPE_VLAN ||
                     load_be16(p->data + VLAN_TCI) & VLAN_TCI_VID)
        return false;
    if (!beside)
        packet_pop_vlan(p);
    p->flags &= (uint8_t)~PACKET_VLAN;
    return true;
}
