/* bridge.h - bridges and who is in them.
 *
 * A bridge is an interface too, and is set as one (interface_ops).  A port is in one bridge
 * at most; as long as it is, its frames go to the bridge and its addresses are not in effect.
 * In mode l2 every port that the user put into no bridge is in BRIDGE_DEFAULT, which is made
 * when it is missing; in other modes it is in none.  Control task only. */
#pragma once

#include "apps/bridge/fid.h"
#include "apps/bridge/member.h"

#include <stdbool.h>
#include <stdint.h>

struct bridge *bridge_find(const char *name); /* NULL: none */
bool bridge_is_used(const struct interface *bridge); /* from above: it has addresses or VLANs */

/* By the user.  A BRIDGE_DEFAULT that mode l2 made becomes the user's.
 * 0, -EEXIST (a bridge or an interface has that name), -ENOMEM or -ENOSPC. */
int bridge_add(const char *name);
/* Its members leave; in mode l2 they go to BRIDGE_DEFAULT. */
void bridge_delete(struct bridge *bridge);
/* Takes the port from the bridge that it is in, if any.  0 or -ENOMEM. */
int bridge_add_port(struct bridge *bridge, struct port *port);
void bridge_remove_port(struct port *port);

/* Tags mean VLANs in it, or nothing; with the latter its VLANs are gone.  0 or -ENOMEM. */
int bridge_set_vlan_aware(struct bridge *bridge, bool on);
/* The port's tags are its own already: it cannot be in a VLAN-aware bridge. */
bool bridge_tags_conflict(const struct interface *port);
/* In a VLAN-aware bridge; the member is the user's from now on.  As vlans_add(). */
int bridge_add_vlan(struct member *member, uint16_t vid, bool untagged);

/* The next member from number *cursor on, in the order of port numbers; NULL: no more. */
struct member *bridge_next_member(const struct bridge *bridge, unsigned *cursor);
