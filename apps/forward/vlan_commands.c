/* vlan_commands.c - making VLANs' interfaces, and their part of `show config`. */
#include "apps/console/command.h"
#include "apps/forward/port_commands.h"
#include "apps/forward/vlan.h"
#include "apps/forward/words.h"
#include "nic/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VID_TEXT_MAX 4u

/* "0.100": the name in front of the last dot, and the VLAN; false: that is not its form. */
static bool split(const char *word, char name[INTERFACE_NAME], uint16_t *vid)
{
    const char *dot = strrchr(word, '.');
    uint64_t number;
    if (!dot || dot == word || (size_t)(dot - word) >= INTERFACE_NAME ||
        strlen(dot + 1) > VID_TEXT_MAX || dot[1] == '0' || !parse_number(dot + 1, &number) ||
        number > VLAN_MAX)
        return false;
    snprintf(name, INTERFACE_NAME, "%.*s", (int)(dot - word), word);
    *vid = (uint16_t)number;
    return true;
}

static int refuse(struct command_call *call, const struct interface *lower, uint16_t vid)
{
    if (lower->kind == INTERFACE_VLAN)
        return command_error(call, "%s is a VLAN itself, expected one of a port or a bridge",
                             lower->name);
    if (vlan_of(lower, vid))
        return command_error(call, "there is an interface %s.%u already, expected another VLAN",
                             lower->name, vid);
    if (lower->tags_bridged)
        return command_error(call,
                             "port %s is in a VLAN-aware bridge, expected the bridge's VLAN: "
                             "'interface add' BRIDGE.%u",
                             lower->name, vid);
    if (lower->port && lower->port->vlan)
        return command_error(call,
                             "port %s is the access port of VLAN %u, expected 'port %s vlan 0' "
                             "first",
                             lower->name, lower->port->vlan, lower->name);
    return 0;
}

static int refused(struct command_call *call, const char *word, int e)
{
    const char *why = e == ENOSPC   ? "the device has no filter left, or there are too many"
                      : e == ENOMEM ? "there is no memory"
                                    : strerror(e);
    return command_error(call, "interface %s is not made: %s", word, why);
}

COMMAND(cmd_interface_add, "interface add WORD",
        "Make an interface of one VLAN of a port or a bridge: 0.100, br1.10");
static int cmd_interface_add(struct command_call *call)
{
    const char *word = call->arg[0].word;
    char name[INTERFACE_NAME];
    uint16_t vid = 0;
    if (!split(word, name, &vid))
        return command_error(call,
                             "'%s' is no VLAN of an interface, expected PORT.VID or BRIDGE.VID "
                             "such as 0.100, VID 1 to %u",
                             word, VLAN_MAX);
    struct interface *lower = interface_by_word(name);
    if (!lower)
        return command_error(call, "there is no '%s', expected a port's number or a bridge's name",
                             name);
    if (lower->port && lower->port->state == PORT_FAILED)
        return command_error(call, "port %s has failed", lower->name);
    int e = refuse(call, lower, vid);
    if (e)
        return e;
    return vlan_create(lower, vid) ? 0 : refused(call, word, errno);
}

COMMAND(cmd_interface_delete, "interface delete INTERFACE",
        "Delete an interface that 'interface add' made");
static int cmd_interface_delete(struct command_call *call)
{
    struct interface *vlan = call->arg[0].interface;
    if (vlan->kind != INTERFACE_VLAN || vlan->gone)
        return command_error(call, "%s is no VLAN's interface, expected one of 'interface add'",
                             vlan->name);
    vlan_destroy(vlan);
    return 0;
}

/* Configuration -------------------------------------------------------------------- */

static void print_vlan(struct out *out, const struct interface *vlan)
{
    char name[INTERFACE_NAME], mac[MAC_TEXT];
    const struct interface_wish wish = vlan->wish;
    interface_format(vlan, name);
    mac_format(vlan->mac, mac);
    out_printf(out, "interface add %s\n", name);
    if (wish.mac)
        out_printf(out, "interface %s mac %s\n", name, mac);
    if (wish.mtu)
        out_printf(out, "interface %s mtu %u\n", name, wish.mtu);
    if (wish.down)
        out_printf(out, "interface %s down\n", name);
}

/* Its VLANs in their order; it may go while text is printed. */
static void print_vlans_of(struct out *out, const char *name)
{
    const struct interface *lower;
    for (unsigned vid = 1; (lower = interface_find(name)) && lower->vlans && vid <= VLAN_MAX; vid++)
        if (vlan_of(lower, vid))
            print_vlan(out, vlan_of(lower, vid));
}

/* Bridges in the order of their names, from "" on; false: no more. */
static bool next_bridge(char name[INTERFACE_NAME])
{
    const struct interface *next = NULL;
    for (unsigned i = 0; i < interface_limit(); i++) {
        const struct interface *b = interface_get(i);
        if (b && b->kind == INTERFACE_BRIDGE && strcmp(b->name, name) > 0 &&
            (!next || strcmp(b->name, next->name) < 0))
            next = b;
    }
    if (next)
        memcpy(name, next->name, INTERFACE_NAME);
    return next;
}

static void print_config(struct out *out)
{
    char name[INTERFACE_NAME] = "";
    for (unsigned i = 0; i < port_count(); i++)
        if (interface_by_port(i)) {
            snprintf(name, sizeof name, "%u", i);
            print_vlans_of(out, name);
        }
    for (name[0] = 0; next_bridge(name);)
        print_vlans_of(out, name);
}

CONFIG_PRINTER(vlan_config) = { .order = CONFIG_INTERFACE + 1, .print = print_config };
