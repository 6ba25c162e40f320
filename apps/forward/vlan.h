/* vlan.h - one VLAN of a port or of a bridge as an interface: 0.100, br1.10 (IEEE 802.1Q; unread).
 *
 * Its frames have their tag below it and on both ways through it: a burst is sorted to the VLANs of
 * what they lie on, who takes them reads on behind the tag, and IP puts one in with the header
 * (adjacency.h).  What is for somebody who knows of no tags has it taken off (vlan_take_tag()).
 * A priority's tag (VID 0) makes no VLAN.  An interface without VLANs has no table and its input
 * is its own: the sorting costs those alone that have some.
 *
 * It follows what it lies on: state and MTU, and the MAC until a port's VLAN has its own. */
#pragma once

#include "apps/forward/interface.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The interface, up if it can be; NULL with errno EEXIST, ENOMEM, ENOSPC (the device has no
 * filter left), or what the port's device answers. */
struct interface *vlan_create(struct interface *lower, uint16_t vid);
void vlan_destroy(struct interface *vlan);
/* The VLAN `vid` of `lower`, if it is an interface; also for workers. */
struct interface *vlan_of(const struct interface *lower, unsigned vid);

/* The addresses move up into the tag's place, and back. */
static inline void vlan_take_tag(struct packet *p)
{
    uint64_t begin = load_le64(p->data);
    uint32_t rest = load_le32(p->data + 8);
    p->data += VLAN_TAG;
    store_le64(p->data, begin);
    store_le32(p->data + 8, rest);
    packet_shorten(p, VLAN_TAG);
}

/* Only for a frame that had one: there is room for it. */
static inline void vlan_put_tag(struct packet *p, uint16_t tci)
{
    p->data -= VLAN_TAG;
    memmove(p->data, p->data + VLAN_TAG, 2 * MAC_LEN);
    store_be16(p->data + ETHERNET_TYPE, ETHERTYPE_VLAN);
    store_be16(p->data + VLAN_TCI, tci);
    packet_lengthen(p, VLAN_TAG);
}

/* An interface's output that is a VLAN's: whole frames, tagged already. */
void vlan_output(struct worker *worker, struct interface *vlan, struct packet **packets,
                 uint16_t n);
