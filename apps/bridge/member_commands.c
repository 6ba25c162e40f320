/* member_commands.c - VLANs and members of bridges (member_commands.h). */
#include "apps/bridge/member_commands.h"

#include "apps/bridge/bridge.h"
#include "apps/bridge/fdb.h"
#include "apps/bridge/snoop.h"
#include "apps/bridge/storm.h"
#include "apps/bridge/stp.h"
#include "apps/bridge/vlans.h"
#include "apps/console/command.h"
#include "apps/forward/words.h"
#include "nic/port.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* VLANs ---------------------------------------------------------------------------- */

/* A member whose tags are its own already; NULL: none. */
static const struct member *conflicting(const struct bridge *bridge)
{
    unsigned cursor = 0;
    for (const struct member *m; (m = bridge_next_member(bridge, &cursor));)
        if (!m->automatic && bridge_tags_conflict(m->interface))
            return m;
    return NULL;
}

COMMAND(cmd_bridge_vlan_aware, "bridge BRIDGE vlan-aware on|off",
        "Let tags mean VLANs in a bridge, or nothing; off: its VLANs are gone");
static int cmd_bridge_vlan_aware(struct command_call *call)
{
    struct bridge *bridge = call->arg[0].interface->bridge;
    bool on = !call->arg[1].choice;
    const struct member *other = on ? conflicting(bridge) : NULL;
    if (other)
        return command_error(call, "port %u has VLANs of its own, expected '%s' first",
                             other->interface->port_number,
                             other->port->vlan ? "port N vlan 0" : "interface delete N.V");
    int e = bridge_set_vlan_aware(bridge, on);
    return e ? command_error(call, "bridge %s is not changed: %s", call->arg[0].word, strerror(-e))
             : 0;
}

/* The member that the first two arguments name; NULL: after the line that says why not. */
static struct member *named_member(struct command_call *call)
{
    struct member *member = member_of(call->arg[1].port->number);
    if (member && member->bridge == call->arg[0].interface->bridge)
        return member;
    command_error(call, "port %u is not in bridge %s, expected one that is",
                  call->arg[1].port->number, call->arg[0].interface->name);
    return NULL;
}

static int vlan_refused(struct command_call *call, const struct member *member)
{
    if (!member->vlans)
        return command_error(call,
                             "bridge %s is not VLAN-aware, expected 'bridge %s vlan-aware on' "
                             "first",
                             call->arg[0].interface->name, call->arg[0].interface->name);
    uint64_t vid = call->arg[2].number;
    if (!vid || vid > VLAN_MAX)
        return command_error(call, "vlan '%s' is out of range, expected 1 to %u", call->arg[2].word,
                             VLAN_MAX);
    return 0;
}

COMMAND(cmd_bridge_port_vlan, "bridge BRIDGE port PORT vlan NUMBER tagged|untagged",
        "Put a member into a VLAN; untagged: its PVID too, instead of the one before");
static int cmd_bridge_port_vlan(struct command_call *call)
{
    struct member *member = named_member(call);
    if (!member || vlan_refused(call, member))
        return -1;
    int e = bridge_add_vlan(member, (uint16_t)call->arg[2].number, call->arg[3].choice);
    const char *why = e == -ENOSPC ? "its device has no filter left" : strerror(-e);
    return e ? command_error(call, "port %u is not in VLAN %s: %s", call->arg[1].port->number,
                             call->arg[2].word, why)
             : 0;
}

COMMAND(cmd_bridge_port_no_vlan, "bridge BRIDGE port PORT no vlan NUMBER",
        "Take a member out of a VLAN, with the stations pinned to it there");
static int cmd_bridge_port_no_vlan(struct command_call *call)
{
    struct member *member = named_member(call);
    if (!member || vlan_refused(call, member))
        return -1;
    if (!vlan_set_has(member->vlans, (unsigned)call->arg[2].number))
        return command_error(call, "port %u is not in VLAN %s, expected one of its VLANs",
                             call->arg[1].port->number, call->arg[2].word);
    vlans_remove(member, (uint16_t)call->arg[2].number);
    return 0;
}

/* Traits --------------------------------------------------------------------------- */

static void set_trait(struct member *member, uint32_t trait, bool on)
{
    uint32_t traits = member->traits & ~trait;
    store_relaxed(&member->traits, traits | (on ? trait : 0));
}

/* What is set of a member that mode l2 put there makes it the user's. */
static int keep(struct command_call *call, struct member *member)
{
    int e = member->automatic ? bridge_add_port(member->bridge, member->port) : 0;
    return e ? command_error(call, "port %u: %s", call->arg[1].port->number, strerror(-e)) : 0;
}

COMMAND(cmd_bridge_port_trait, "bridge BRIDGE port PORT isolated|learning|flood on|off",
        "Keep a member from other isolated ones; learn behind it; flood unknown stations to it");
static int cmd_bridge_port_trait(struct command_call *call)
{
    static const uint32_t traits[] = { TRAIT_ISOLATED, TRAIT_UNLEARNED, TRAIT_UNFLOODED };
    uint32_t trait = traits[call->arg[2].choice];
    bool on = !call->arg[3].choice;
    struct member *member = named_member(call);
    if (!member || keep(call, member))
        return -1;
    set_trait(member, trait, trait == TRAIT_ISOLATED ? on : !on);
    if (trait == TRAIT_UNLEARNED && !on)
        fdb_flush_port(call->arg[1].port->number);
    return 0;
}

COMMAND(cmd_bridge_port_edge, "bridge BRIDGE port PORT edge on|off",
        "Tell the spanning tree that no bridge is behind a member: it need not wait");
static int cmd_bridge_port_edge(struct command_call *call)
{
    struct member *member = named_member(call);
    if (!member || keep(call, member))
        return -1;
    stp_set_edge(member, !call->arg[2].choice);
    return 0;
}

COMMAND(cmd_bridge_spanning_tree, "bridge BRIDGE spanning-tree on|off",
        "Let a bridge agree with others which ports to close, so that there is no loop (RSTP)");
static int cmd_bridge_spanning_tree(struct command_call *call)
{
    struct bridge *bridge = call->arg[0].interface->bridge;
    bool on = !call->arg[1].choice;
    bridge->automatic = false;
    if (on == (bridge->stp != NULL))
        return 0;
    int e = on ? stp_start(bridge) : 0;
    if (!on)
        stp_stop(bridge);
    return e ? command_error(call, "bridge %s is not changed: %s", call->arg[0].word, strerror(-e))
             : 0;
}

COMMAND(cmd_bridge_snooping, "bridge BRIDGE snooping on|off",
        "Send groups' frames only to who wants them (IGMP, MLD), and ask where nobody asks");
static int cmd_bridge_snooping(struct command_call *call)
{
    struct bridge *bridge = call->arg[0].interface->bridge;
    bool on = !call->arg[1].choice;
    bridge->automatic = false;
    if (on == (bridge->snoop != NULL))
        return 0;
    int e = on ? snoop_start(bridge) : 0;
    if (!on)
        snoop_stop(bridge);
    return e ? command_error(call, "bridge %s is not changed: %s", call->arg[0].word, strerror(-e))
             : 0;
}

COMMAND(cmd_bridge_port_limit, "bridge BRIDGE port PORT limit NUMBER",
        "Learn so many stations behind a member at most; 0: as many as there are");
static int cmd_bridge_port_limit(struct command_call *call)
{
    struct member *member = named_member(call);
    uint64_t limit = call->arg[2].number;
    if (limit > UINT32_MAX)
        return command_error(call, "limit '%s' is out of range, expected 0 to %u",
                             call->arg[2].word, UINT32_MAX);
    if (!member || keep(call, member))
        return -1;
    member->limit = (uint32_t)limit;
    member->refused = 0;
    return 0;
}

COMMAND(cmd_bridge_port_storm, "bridge BRIDGE port PORT storm broadcast|multicast|unknown NUMBER",
        "Let so many such frames a second in by a member; 0: as many as come");
static int cmd_bridge_port_storm(struct command_call *call)
{
    struct member *member = named_member(call);
    uint64_t limit = call->arg[3].number;
    if (limit > STORM_MAX)
        return command_error(call, "storm '%s' is out of range, expected 0 to %u frames a second",
                             call->arg[3].word, STORM_MAX);
    if (!member || keep(call, member))
        return -1;
    int e = storm_set(member, call->arg[2].choice, (uint32_t)limit);
    return e ? command_error(call, "port %u: %s", call->arg[1].port->number, strerror(-e)) : 0;
}

/* Looking -------------------------------------------------------------------------- */

/* The next VLAN from `from` on that the port has tagged; 0: no more. */
static unsigned next_tagged(unsigned port, unsigned from)
{
    const struct member *member = member_of(port);
    if (!member || !member->vlans)
        return 0;
    unsigned vid = vlan_set_next(member->vlans, from);
    if (vid == member->vlans->pvid)
        vid = vlan_set_next(member->vlans, vid + 1);
    return vid <= VLAN_MAX ? vid : 0;
}

/* ", tagged 20,30-40" */
static void show_tagged(struct out *out, unsigned port)
{
    const char *before = ", tagged ";
    for (unsigned vid = 0; (vid = next_tagged(port, vid + 1));) {
        unsigned first = vid;
        while (next_tagged(port, vid + 1) == vid + 1)
            vid++;
        out_printf(out, first == vid ? "%s%u" : "%s%u-%u", before, first, vid);
        before = ",";
    }
}

static void show_spanning_tree(struct out *out, unsigned port)
{
    const struct member *member = member_of(port);
    const struct rstp_port *p = member ? stp_port(member) : NULL;
    if (p)
        out_printf(out, ", %s %s%s%s", rstp_roles[p->role], rstp_states[p->state],
                   p->oper_edge ? ", edge" : "", p->send_rstp ? "" : ", STP");
    else if (member && member->edge)
        out_text(out, ", edge");
}

static void show_traits(struct out *out, unsigned port)
{
    const struct member *member = member_of(port);
    const struct member m = member ? *member : (struct member){ 0 };
    const struct storm storm = m.storm ? *m.storm : (struct storm){ 0 };
    show_spanning_tree(out, port);
    if (m.traits & TRAIT_ISOLATED)
        out_text(out, ", isolated");
    if (m.traits & TRAIT_UNLEARNED)
        out_text(out, ", learning off");
    if (m.traits & TRAIT_UNFLOODED)
        out_text(out, ", flood off");
    if (m.limit)
        out_printf(out, ", %u of %u stations (%" PRIu64 " times refused)",
                   fdb_learned_on((uint16_t)port), m.limit, m.refused);
    for (unsigned kind = 0; kind < STORM_KINDS; kind++)
        if (storm.limit[kind])
            out_printf(out, ", storm %s %u", storm_names[kind], storm.limit[kind]);
}

void member_show(struct out *out, unsigned port)
{
    const struct member *member = member_of(port);
    show_traits(out, port);
    if (!member || !member->vlans)
        return;
    if (member->vlans->pvid)
        out_printf(out, ", untagged %u", member->vlans->pvid);
    else if (!next_tagged(port, 1))
        out_text(out, ", in no VLAN");
    show_tagged(out, port);
}

/* Configuration -------------------------------------------------------------------- */

static void print_traits(struct out *out, const char *bridge, const char *name, unsigned port)
{
    const struct member *member = member_of(port);
    const struct member m = member ? *member : (struct member){ 0 };
    const struct storm storm = m.storm ? *m.storm : (struct storm){ 0 };
    if (m.edge)
        out_printf(out, "bridge %s port %s edge on\n", bridge, name);
    if (m.traits & TRAIT_ISOLATED)
        out_printf(out, "bridge %s port %s isolated on\n", bridge, name);
    if (m.traits & TRAIT_UNLEARNED)
        out_printf(out, "bridge %s port %s learning off\n", bridge, name);
    if (m.traits & TRAIT_UNFLOODED)
        out_printf(out, "bridge %s port %s flood off\n", bridge, name);
    if (m.limit)
        out_printf(out, "bridge %s port %s limit %u\n", bridge, name, m.limit);
    for (unsigned kind = 0; kind < STORM_KINDS; kind++)
        if (storm.limit[kind])
            out_printf(out, "bridge %s port %s storm %s %u\n", bridge, name, storm_names[kind],
                       storm.limit[kind]);
}

void member_print_config(struct out *out, const char *bridge, unsigned port)
{
    const struct member *member = member_of(port);
    unsigned pvid = member && member->vlans ? member->vlans->pvid : 0;
    char name[PORT_TEXT];
    port_format(port, name);
    print_traits(out, bridge, name, port);
    if (pvid)
        out_printf(out, "bridge %s port %s vlan %u untagged\n", bridge, name, pvid);
    for (unsigned vid = 0; (vid = next_tagged(port, vid + 1));)
        out_printf(out, "bridge %s port %s vlan %u tagged\n", bridge, name, vid);
}
