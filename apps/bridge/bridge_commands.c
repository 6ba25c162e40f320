/* bridge_commands.c - making bridges and putting ports into them.
 *
 * A bridge may go while text is printed (kernel/task.h), so each row looks it up anew. */
#include "apps/bridge/bridge.h"
#include "apps/bridge/member_commands.h"
#include "apps/bridge/snoop.h"
#include "apps/bridge/stp.h"
#include "apps/console/command.h"
#include "apps/forward/words.h"
#include "nic/port.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct interface *bridge_interface(unsigned number)
{
    const struct interface *interface = interface_get(number);
    return interface && interface->kind == INTERFACE_BRIDGE && interface->bridge ? interface : NULL;
}

/* In the order of names, from "" on; NULL: no more. */
static const struct interface *bridge_next_by_name(const char *after)
{
    const struct interface *next = NULL;
    for (unsigned i = 0; i < interface_limit(); i++) {
        const struct interface *b = bridge_interface(i);
        if (b && strcmp(b->name, after) > 0 && (!next || strcmp(b->name, next->name) < 0))
            next = b;
    }
    return next;
}

/* BRIDGE --------------------------------------------------------------------------- */

static bool word_parse(const char *word, struct command_arg *arg)
{
    const struct bridge *bridge = bridge_find(word);
    arg->interface = bridge ? bridge->interface : NULL;
    return bridge;
}

static bool word_complete(const char *partial,
                          void (*fn)(void *ctx, const char *word, const char *help), void *ctx)
{
    bool any = false;
    for (const struct interface *b = NULL; (b = bridge_next_by_name(b ? b->name : "")); any = true)
        if (!strncmp(b->name, partial, strlen(partial)))
            fn(ctx, b->name, NULL);
    return any;
}

static void word_expected(char *text, size_t size)
{
    const char *any =
        bridge_next_by_name("") ? "BRIDGE that 'show bridges' lists" : "BRIDGE (there are none)";
    snprintf(text, size, "%s", any);
}

COMMAND_WORD(word_bridge) = { .name = "BRIDGE",
                              .example = "br0",
                              .is_name = true,
                              .parse = word_parse,
                              .complete = word_complete,
                              .expected = word_expected };

/* Making --------------------------------------------------------------------------- */

COMMAND(cmd_bridge_add, "bridge add NAME", "Make a bridge, which is an interface too");
static int cmd_bridge_add(struct command_call *call)
{
    static const char *const before[] = { "bridge", "interface" };
    const char *name = call->arg[0].word;
    for (unsigned i = 0; i < ARRAY_SIZE(before); i++)
        if (command_is_keyword(before[i], name))
            return command_error(call, "'%s' is a word of '%s', expected another name", name,
                                 before[i]);
    int e = bridge_add(name);
    if (e == -EEXIST)
        return command_error(call, "there is an interface '%s' already, expected another name",
                             name);
    return e ? command_error(call, "bridge %s is not made: %s", name, strerror(-e)) : 0;
}

COMMAND(cmd_bridge_delete, "bridge delete BRIDGE",
        "Delete a bridge with its stations; its ports are ports like any again");
static int cmd_bridge_delete(struct command_call *call)
{
    struct bridge *bridge = call->arg[0].interface->bridge;
    unsigned cursor = 0;
    if (bridge->automatic && bridge_next_member(bridge, &cursor))
        return command_error(call, "mode l2 made bridge %s, expected one of 'bridge add'",
                             call->arg[0].word);
    bridge_delete(bridge);
    return 0;
}

COMMAND(cmd_bridge_port, "bridge BRIDGE port PORT", "Put a port into a bridge");
static int cmd_bridge_port(struct command_call *call)
{
    struct bridge *bridge = call->arg[0].interface->bridge;
    struct port *port = call->arg[1].port;
    const struct member *member = member_of(port->number);
    if (member && !member->automatic && member->bridge != bridge)
        return command_error(call,
                             "port %u is in bridge %s, expected a port that is in none "
                             "(bridge %s no port %u)",
                             port->number, member->bridge->interface->name,
                             member->bridge->interface->name, port->number);
    if (bridge->vlans && bridge_tags_conflict(interface_of_port(port)))
        return command_error(call,
                             "port %u has VLANs of its own, and bridge %s is VLAN-aware, expected "
                             "'%s' first",
                             port->number, bridge->interface->name,
                             port->vlan ? "port N vlan 0" : "interface delete N.V");
    int e = bridge_add_port(bridge, port);
    return e ? command_error(call, "port %u is not in the bridge: %s", port->number, strerror(-e))
             : 0;
}

COMMAND(cmd_bridge_no_port, "bridge BRIDGE no port PORT", "Take a port out of a bridge");
static int cmd_bridge_no_port(struct command_call *call)
{
    struct port *port = call->arg[1].port;
    const struct member *member = member_of(port->number);
    if (!member || member->bridge != call->arg[0].interface->bridge)
        return command_error(call, "port %u is not in bridge %s, expected one that is",
                             port->number, call->arg[0].interface->name);
    if (member->automatic)
        return command_error(call,
                             "mode l2 put port %u into bridge %s, expected 'bridge B port %u' to "
                             "put it into another one",
                             port->number, call->arg[0].interface->name, port->number);
    bridge_remove_port(port);
    return 0;
}

/* Looking -------------------------------------------------------------------------- */

#define MEMBERS_TEXT 60u

/* "0,1,2", and "..." where there are more. */
static void members_format(const struct bridge *bridge, char text[MEMBERS_TEXT])
{
    unsigned cursor = 0;
    size_t n = 0;
    strcpy(text, "-");
    for (const struct member *m; (m = bridge_next_member(bridge, &cursor));) {
        if (n + 12 > MEMBERS_TEXT) {
            strcpy(text + n, ",...");
            return;
        }
        n += (size_t)snprintf(text + n, MEMBERS_TEXT - n, "%s%u", n ? "," : "",
                              m->interface->port_number);
    }
}

COMMAND(cmd_show_bridges, "show bridges", "Show the bridges and their members, one a line");
static int cmd_show_bridges(struct command_call *call)
{
    char name[INTERFACE_NAME] = "", mac[MAC_TEXT], text[MEMBERS_TEXT];
    out_printf(call->out, "%-15s  %-5s  %-17s  %5s  %s\n", "bridge", "state", "mac", "mtu",
               "ports");
    for (const struct interface *b; (b = bridge_next_by_name(name));) {
        strcpy(name, b->name);
        members_format(b->bridge, text);
        out_printf(call->out, "%-15s  %-5s  %s  %5u  %s%s\n", name, b->up ? "up" : "down",
                   mac_format(b->mac, mac), b->mtu, text,
                   b->bridge->automatic ? "  (by mode l2)" : "");
    }
    return 0;
}

static void show_member(struct out *out, const struct member *m)
{
    unsigned port = m->interface->port_number;
    out_printf(out, "  port %-8u  %s%s", port, m->interface->up ? "up" : "down",
               m->automatic ? ", by mode l2" : "");
    member_show(out, port);
    out_text(out, "\n");
}

/* "8000.02:00:00:00:00:01" */
static void identifier_format(uint64_t identifier, char text[24])
{
    uint8_t mac[MAC_LEN];
    char address[MAC_TEXT];
    for (unsigned i = 0; i < MAC_LEN; i++)
        mac[i] = (uint8_t)(identifier >> 8 * (MAC_LEN - 1 - i));
    snprintf(text, 24, "%04x.%s", (unsigned)(identifier >> 48), mac_format(mac, address));
}

static void show_tree(struct out *out, const char *name)
{
    const struct bridge *bridge = bridge_find(name);
    const struct rstp *tree = bridge ? stp_tree(bridge) : NULL;
    char root[24];
    if (!tree)
        return;
    const struct rstp copy = *tree;
    identifier_format(copy.root.root, root);
    if (copy.root_port)
        out_printf(out, "  spanning tree  root %s, cost %u by port %u, %" PRIu64 " changes\n", root,
                   copy.root.cost, (copy.root.received_by & 0xfffu) - 1, copy.changes);
    else
        out_printf(out, "  spanning tree  root %s, this bridge, %" PRIu64 " changes\n", root,
                   copy.changes);
}

static void show_group(struct out *out, const struct snoop_row *row)
{
    char mac[MAC_TEXT];
    uint16_t vid = fid_get(row->fid).vid;
    out_printf(out, "  group          %s", mac_format(row->mac, mac));
    if (vid)
        out_printf(out, " in VLAN %u", vid);
    out_text(out, ", ports");
    for (unsigned i = 0; i < row->ports && i < ARRAY_SIZE(row->port); i++)
        out_printf(out, " %u", row->port[i]);
    out_text(out, row->ports > ARRAY_SIZE(row->port) ? " ...\n" : "\n");
}

static void show_groups(struct out *out, const char *name)
{
    const struct bridge *bridge = bridge_find(name);
    struct snoop_row row;
    if (!bridge || !bridge->snoop)
        return;
    const struct snoop_counts c = snoop_counts(bridge);
    out_printf(out, "  snooping       %u groups, %u ports with a router%s\n", c.groups, c.routers,
               c.asks ? ", asks itself" : "");
    for (unsigned n = 0; (bridge = bridge_find(name)) && snoop_row(bridge, n, &row); n++)
        show_group(out, &row);
}

static void show_signs(struct out *out, struct loop_signs loop)
{
    if (loop.moves)
        out_printf(out, "  moves          %" PRIu64 " of stations, last from port %u to port %u\n",
                   loop.moves, loop.from, loop.to);
    if (loop.own)
        out_printf(out,
                   "  loop           %" PRIu64 " frames of its own came back, last by port %u\n",
                   loop.own, loop.back);
}

COMMAND(cmd_show_bridge, "show bridge BRIDGE", "Show one bridge and its members");
static int cmd_show_bridge(struct command_call *call)
{
    const struct interface *b = call->arg[0].interface;
    const struct bridge *bridge;
    const struct member *m;
    char name[INTERFACE_NAME], mac[MAC_TEXT];
    unsigned cursor = 0;
    const struct loop_signs signs = b->bridge->loop;
    strcpy(name, b->name);
    out_printf(call->out, "bridge %s: %s%s%s\n  mac            %s\n  mtu            %u\n", name,
               b->up ? "up" : "down", b->bridge->automatic ? ", by mode l2" : "",
               b->bridge->vlans ? ", VLAN-aware" : "", mac_format(b->mac, mac), b->mtu);
    show_tree(call->out, name);
    show_groups(call->out, name);
    show_signs(call->out, signs);
    while ((bridge = bridge_find(name)) && (m = bridge_next_member(bridge, &cursor)))
        show_member(call->out, m);
    return 0;
}

/* Configuration -------------------------------------------------------------------- */

/* What mode l2 made it makes again, but for one that is left because of an address or a VLAN. */
static bool is_configured(const struct bridge *bridge)
{
    unsigned cursor = 0;
    return !bridge->automatic ||
           (bridge_is_used(bridge->interface) && !bridge_next_member(bridge, &cursor));
}

static void print_bridges(struct out *out)
{
    char name[INTERFACE_NAME] = "", port[PORT_TEXT];
    const struct bridge *bridge;
    const struct member *m;
    for (const struct interface *b; (b = bridge_next_by_name(name));) {
        unsigned cursor = 0;
        strcpy(name, b->name);
        if (!is_configured(b->bridge))
            continue;
        bool aware = b->bridge->vlans, tree = b->bridge->stp, snoop = b->bridge->snoop;
        out_printf(out, "bridge add %s\n", name);
        if (aware)
            out_printf(out, "bridge %s vlan-aware on\n", name);
        if (snoop)
            out_printf(out, "bridge %s snooping on\n", name);
        if (tree)
            out_printf(out, "bridge %s spanning-tree on\n", name);
        while ((bridge = bridge_find(name)) && (m = bridge_next_member(bridge, &cursor))) {
            unsigned number = m->interface->port_number;
            if (m->automatic)
                continue;
            port_format(number, port);
            out_printf(out, "bridge %s port %s\n", name, port);
            member_print_config(out, name, number);
        }
    }
}

/* Whose MAC the bridge will have when these lines are read again; NULL: nobody's. */
static const struct member *mac_giver(const struct bridge *bridge)
{
    const struct member *first = NULL;
    unsigned cursor = 0;
    for (const struct member *m; (m = bridge_next_member(bridge, &cursor));)
        if (!first || (first->automatic && !m->automatic))
            first = m;
    return first;
}

static bool mac_must_be_told(const struct bridge *bridge)
{
    const struct member *giver = mac_giver(bridge);
    if (bridge->mac_chosen || giver)
        return bridge->mac_chosen || !mac_equal(giver->interface->mac, bridge->interface->mac);
    return mac_is_station(bridge->interface->mac);
}

static void print_interfaces(struct out *out)
{
    char name[INTERFACE_NAME] = "", mac[MAC_TEXT];
    for (const struct interface *b; (b = bridge_next_by_name(name));) {
        const struct bridge bridge = *b->bridge;
        bool told = mac_must_be_told(b->bridge);
        strcpy(name, b->name);
        mac_format(b->mac, mac);
        if (told)
            out_printf(out, "interface %s mac %s\n", name, mac);
        if (bridge.mtu)
            out_printf(out, "interface %s mtu %u\n", name, bridge.mtu);
        if (bridge.down)
            out_printf(out, "interface %s down\n", name);
    }
}

CONFIG_PRINTER(bridge_config) = { .order = CONFIG_BRIDGE, .print = print_bridges };
CONFIG_PRINTER(bridge_interface_config) = { .order = CONFIG_INTERFACE, .print = print_interfaces };
