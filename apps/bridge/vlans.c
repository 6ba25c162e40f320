/* vlans.c - makes VLANs, and puts members into them (vlans.h).  unread in this file: 802.1Q. */
#include "apps/bridge/vlans.h"

#include "apps/bridge/fdb.h"
#include "apps/bridge/fid.h"
#include "apps/forward/quiesce.h"
#include "kernel/memory.h"
#include "nic/port.h"

#include <errno.h>
#include <stdlib.h>

/* A VLAN ---------------------------------------------------------------------- */

static struct bridge_vlan *vlan_make(struct bridge *bridge, uint16_t vid)
{
    struct bridge_vlan *vlan =
        memory_spare(sizeof *vlan + sizeof(struct fid)) ? calloc(1, sizeof *vlan) : NULL;
    if (!vlan)
        return NULL;
    vlan->vid = vid;
    vlan->fid = fid_take(bridge, vid, false);
    if (vlan->fid != FID_NONE && !numbered_set(bridge->vlans, vid, vlan))
        return vlan;
    if (vlan->fid != FID_NONE)
        fid_give(vlan->fid);
    free(vlan);
    return NULL;
}

/* Nobody is in it.  What was learned there is out of date: every member that left was flushed. */
static void vlan_unmake(struct bridge *bridge, struct bridge_vlan *vlan)
{
    numbered_clear(bridge->vlans, vlan->vid);
    fid_give(vlan->fid);
    retire(free, vlan);
}

/* Members ----------------------------------------------------------------------- */

static void set_bit(struct vlan_set *set, unsigned vid, bool on)
{
    uint64_t bit = 1ull << vid % 64, word = set->in[vid / 64];
    store_relaxed(&set->in[vid / 64], on ? word | bit : word & ~bit);
}

static void tell_device(struct member *member, uint16_t vid)
{
    if (!member->interface->gone)
        port_vlan_filter(member->port, vid, false);
}

/* The VLAN, when nobody is in it any more; NULL: it goes on. */
static struct bridge_vlan *take_out(struct member *member, uint16_t vid)
{
    struct bridge_vlan *vlan = bridge_vlan_of(member->bridge, vid);
    set_bit(member->vlans, vid, false);
    if (member->vlans->pvid == vid)
        store_relaxed(&member->vlans->pvid, 0);
    tell_device(member, vid);
    return --vlan->members ? NULL : vlan;
}

int vlans_join(struct member *member)
{
    struct vlan_set *set = member->bridge->vlans ? calloc(1, sizeof *set) : NULL;
    if (member->bridge->vlans && !set)
        return -ENOMEM;
    store_release(&member->vlans, set);
    member->interface->tags_bridged = set && !member->automatic;
    return 0;
}

void vlans_leave(struct member *member)
{
    struct vlan_set *set = member->vlans;
    for (unsigned vid = 0; set && (vid = vlan_set_next(set, vid)) <= VLAN_MAX;) {
        struct bridge_vlan *ended = take_out(member, (uint16_t)vid);
        if (ended)
            vlan_unmake(member->bridge, ended);
    }
    member->interface->tags_bridged = false;
    store_release(&member->vlans, NULL);
    if (set)
        retire(free, set);
}

int vlans_add(struct member *member, uint16_t vid, bool untagged)
{
    struct vlan_set *set = member->vlans;
    struct bridge_vlan *vlan = bridge_vlan_of(member->bridge, vid);
    if (!vlan_set_has(set, vid)) {
        bool new = !vlan;
        if (new && !(vlan = vlan_make(member->bridge, vid)))
            return -ENOMEM;
        int e = port_vlan_filter(member->port, vid, true);
        if (e) {
            if (new)
                vlan_unmake(member->bridge, vlan);
            return e;
        }
        vlan->members++;
    }
    uint16_t before = set->pvid;
    if (untagged)
        store_relaxed(&set->pvid, vid);
    else if (before == vid)
        store_relaxed(&set->pvid, 0);
    set_bit(set, vid, true);
    if (untagged && before && before != vid)
        vlans_remove(member, before);
    return 0;
}

void vlans_remove(struct member *member, uint16_t vid)
{
    uint16_t number = member->interface->port_number;
    if (!vlan_set_has(member->vlans, vid))
        return;
    uint16_t fid = bridge_vlan_of(member->bridge, vid)->fid;
    struct bridge_vlan *ended = take_out(member, vid);
    fdb_flush_port(number);
    if (ended)
        vlan_unmake(member->bridge, ended);
    fdb_forget_static(fid, ended ? FDB_ANY : number);
}

/* Bridges ------------------------------------------------------------------------- */

/* The next of its members; NULL: no more. */
static struct member *next_of(const struct bridge *bridge, unsigned *cursor)
{
    while (*cursor < members.limit) {
        struct member *member = member_of((*cursor)++);
        if (member && member->bridge == bridge)
            return member;
    }
    return NULL;
}

static void leave_all(struct bridge *bridge)
{
    unsigned cursor = 0;
    for (struct member *m; (m = next_of(bridge, &cursor));) {
        vlans_leave(m);
        fdb_flush_port(m->interface->port_number);
    }
}

static void free_table(void *table)
{
    numbered_free(table);
    free(table);
}

int vlans_begin(struct bridge *bridge)
{
    struct numbered *table = memory_spare(sizeof *table) ? calloc(1, sizeof *table) : NULL;
    unsigned cursor = 0;
    int e = table ? 0 : -ENOMEM;
    if (e)
        return e;
    store_release(&bridge->vlans, table);
    bridge->interface->vlans_only = true;
    for (struct member *m; !e && (m = next_of(bridge, &cursor));) {
        e = vlans_join(m);
        fdb_flush_port(m->interface->port_number);
    }
    if (e)
        vlans_end(bridge);
    return e;
}

void vlans_end(struct bridge *bridge)
{
    struct numbered *table = bridge->vlans;
    if (!table)
        return;
    leave_all(bridge);
    bridge->interface->vlans_only = false;
    store_release(&bridge->vlans, NULL);
    retire(free_table, table);
}
