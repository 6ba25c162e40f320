/* vlan.h - one VLAN of a port or of a bridge as an interface: 0.100, br1.10 (IEEE 802.1Q; unread).
 *
 * Its frames are tagged below it and untagged above: the tag is taken off where a burst is
 * sorted to the VLANs of what they lie on, and IP puts it in with the header (adjacency.h).
 * A priority's tag (VID 0) makes no VLAN.  An interface without VLANs has no table and its input
 * is its own: the sorting costs those alone that have some.
 *
 * It follows what it lies on: state and MTU, and the MAC until a port's VLAN has its own. */
#pragma once

#include "apps/forward/interface.h"

#include <stdbool.h>
#include <stdint.h>

/* The interface, up if it can be; NULL with errno EEXIST, ENOMEM, ENOSPC (the device has no
 * filter left), or what the port's device answers. */
struct interface *vlan_create(struct interface *lower, uint16_t vid);
void vlan_destroy(struct interface *vlan);
/* The VLAN `vid` of `lower`, if it is an interface; also for workers. */
struct interface *vlan_of(const struct interface *lower, unsigned vid);

/* An interface's output that is a VLAN's: whole frames, tagged already. */
void vlan_output(struct worker *worker, struct interface *vlan, struct packet **packets,
                 uint16_t n);
