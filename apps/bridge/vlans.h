/* vlans.h - the VLANs of VLAN-aware bridges, and who is in which (IEEE 802.1Q; unread).
 *
 * A VLAN is there as long as a member is in it.  A member has one VLAN untagged at most, which is
 * its PVID: what comes untagged or with a priority alone belongs to it.  What comes in for a VLAN
 * that the member is not in is dropped (ingress filtering).  Control task only. */
#pragma once

#include "apps/bridge/member.h"

#include <stdbool.h>
#include <stdint.h>

/* From now on tags mean something there: no member is in any VLAN.  0 or -ENOMEM. */
int vlans_begin(struct bridge *bridge);
/* They mean nothing any more, and its VLANs are gone with their stations. */
void vlans_end(struct bridge *bridge);
/* Room for the VLANs of a new member of such a bridge: 0 or -ENOMEM. */
int vlans_join(struct member *member);
void vlans_leave(struct member *member); /* out of all; workers may still look at it */

/* 0, -ENOMEM, -ENOSPC (no filter left), or what the device answers; then nothing changes. */
int vlans_add(struct member *member, uint16_t vid, bool untagged);
void vlans_remove(struct member *member, uint16_t vid); /* nothing, if it is not in that */

static inline struct bridge_vlan *bridge_vlan_of(const struct bridge *bridge, unsigned vid)
{
    const struct numbered *vlans = load_acquire(&bridge->vlans);
    return vlans ? numbered_get(vlans, vid) : NULL;
}
