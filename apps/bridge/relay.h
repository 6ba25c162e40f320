/* relay.h - a bridge's data path, by the rules of IEEE 802.1Q clause 8 (unread).
 *
 * Where the bridge is not VLAN-aware, tagged frames are carried like any other.  Where it is, a
 * frame belongs to the VLAN of its tag, or to its port's PVID; it comes in and leaves by ports in
 * that VLAN only, with or without the tag as each port has it, and its stations are learned apart.
 * Seen from above such a bridge is a trunk: every VLAN tagged, and nothing untagged.
 *
 * VFs and their PF are one LAN already: the switch in the NIC connects them with each other and
 * with the wire.  A bridge would close a loop, so while the PF's port runs one member speaks for
 * all that are on its wire: the PF's port if it is in this bridge, else the first VF.  Nothing is
 * forwarded between them, floods leave by the speaker alone, and another one adds only frames
 * for its own address, which the speaker does not get. */
#pragma once

#include "apps/bridge/member.h"
#include "apps/forward/forward.h"
#include "apps/forward/interface.h"

/* A member's interface_burst_fn: what came in. */
void bridge_input(struct worker *worker, struct interface *interface, struct packet **packets,
                  uint16_t n);
/* Control task: floods a group's frame that came in by a member, to these members alone if `list`
 * is not NULL, and to the bridge itself as ever.  vid 0: the bridge is not VLAN-aware. */
void bridge_spread(struct worker *control, struct member *in, struct packet *packet, uint16_t vid,
                   const struct flood_list *list);
/* A bridge's: what IP sends.  It goes to members, never back up. */
void bridge_output(struct worker *worker, struct interface *interface, struct packet **packets,
                   uint16_t n);
