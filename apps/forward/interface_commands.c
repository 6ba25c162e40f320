/* interface_commands.c - interfaces: what they are, and what can be set of any of them.
 *
 * An interface may go while text is printed (kernel/task.h): rows are printed from copies. */
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/forward/interface_addresses.h"
#include "apps/forward/interface_stats.h"
#include "apps/forward/port_commands.h"
#include "apps/forward/words.h"
#include "nic/port.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* INTERFACE -------------------------------------------------------------------- */

static bool interface_parse(const char *word, struct command_arg *arg)
{
    arg->interface = interface_by_word(word);
    return arg->interface;
}

static bool interface_complete(const char *partial,
                               void (*fn)(void *ctx, const char *word, const char *help), void *ctx)
{
    for (unsigned i = 0; i < interface_limit(); i++) {
        const struct interface *interface = interface_get(i);
        if (interface && !strncmp(interface->name, partial, strlen(partial)))
            fn(ctx, interface->name, NULL);
    }
    return interface_limit();
}

static void interface_expected(char *text, size_t size)
{
    snprintf(text, size, "INTERFACE that 'show interfaces' lists");
}

static int interface_check(struct command_call *call, const struct command_arg *arg)
{
    const struct interface *i = arg->interface;
    if (i->kind != INTERFACE_PORT || i->port->state != PORT_FAILED)
        return 0;
    return command_error(call, "port %u has failed: %s", i->port_number,
                         i->port->failure ? i->port->failure : "no reason given");
}

COMMAND_WORD(word_interface) = { .name = "INTERFACE",
                                 .example = "0 or br0",
                                 .is_name = true,
                                 .parse = interface_parse,
                                 .complete = interface_complete,
                                 .expected = interface_expected,
                                 .check = interface_check };

/* Looking ------------------------------------------------------------------------ */

static const char *kind_text(const struct interface *interface)
{
    static const char *const kinds[] = {
        [INTERFACE_PORT] = "port", [INTERFACE_VLAN] = "vlan", [INTERFACE_BRIDGE] = "bridge"
    };
    return kinds[interface->kind];
}

/* The name of the bridge that it is a member of, "-": none. */
static void bridge_format(const struct interface *member, char text[INTERFACE_NAME])
{
    strcpy(text, "-");
    for (unsigned i = 0; member->bridge && i < interface_limit(); i++) {
        const struct interface *interface = interface_get(i);
        if (interface && interface != member && interface->kind == INTERFACE_BRIDGE &&
            interface->bridge == member->bridge)
            strcpy(text, interface->name);
    }
}

/* "192.0.2.1/24, 198.51.100.1/24 (not in use)", "-": none. */
static void show_addresses(struct out *out, unsigned interface)
{
    struct interface_address address;
    unsigned n = 0;
    for (; interface_address(interface, n, &address); n++)
        out_printf(out, *address.state ? "%s%s (%s)" : "%s%s", n ? ", " : "", address.text,
                   address.state);
    out_text(out, n ? "\n" : "-\n");
}

COMMAND(cmd_show_interfaces, "show interfaces", "Show where frames enter and leave, one a line");
static int cmd_show_interfaces(struct command_call *call)
{
    out_printf(call->out, "%-15s  %-6s  %-5s  %-17s  %5s  %-15s  %s\n", "interface", "kind",
               "state", "mac", "mtu", "bridge", "addresses");
    const struct interface *interface;
    for (unsigned cursor = 0; (interface = interface_next(&cursor));) {
        char mac[MAC_TEXT], bridge[INTERFACE_NAME];
        struct interface copy = *interface;
        bridge_format(interface, bridge);
        out_printf(call->out, "%-15s  %-6s  %-5s  %s  %5u  %-15s  ", copy.name, kind_text(&copy),
                   copy.up ? "up" : "down", mac_format(copy.mac, mac), copy.mtu, bridge);
        show_addresses(call->out, copy.number);
    }
    return 0;
}

static void show_count(struct out *out, const char *name, uint64_t value)
{
    out_printf(out, "  %-14s %12" PRIu64 "\n", name, value);
}

/* What IP does there, where it is not as it begins. */
static void show_settings(struct out *out, const struct interface *interface)
{
    if (interface->reverse_path)
        out_printf(out, "  reverse-path   %s\n",
                   interface->reverse_path == REVERSE_PATH_STRICT ? "strict" : "loose");
    if (interface->proxy_arp)
        out_text(out, "  proxy-arp      on\n");
    if (interface->no_redirects)
        out_text(out, "  redirects      off\n");
}

COMMAND(cmd_show_interface, "show interface INTERFACE", "Show all about one interface");
static int cmd_show_interface(struct command_call *call)
{
    struct interface copy = *call->arg[0].interface;
    struct interface_counters c;
    char mac[MAC_TEXT], bridge[INTERFACE_NAME];
    interface_totals(call->arg[0].interface, &c);
    bridge_format(call->arg[0].interface, bridge);
    out_printf(call->out, "interface %s: %s, %s\n", copy.name, kind_text(&copy),
               copy.up ? "up" : "down");
    out_printf(call->out, "  mac            %s\n", mac_format(copy.mac, mac));
    out_printf(call->out, "  mtu            %u\n", copy.mtu);
    if (strcmp(bridge, "-"))
        out_printf(call->out, "  bridge         %s: a member\n", bridge);
    interface_addresses_show(call->out, copy.number);
    show_settings(call->out, &copy);
    show_count(call->out, "rx_packets", c.rx_packets);
    show_count(call->out, "rx_bytes", c.rx_bytes);
    show_count(call->out, "tx_packets", c.tx_packets);
    show_count(call->out, "tx_bytes", c.tx_bytes);
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
        if (c.drops[why])
            out_printf(call->out, "  drop %-19s %12" PRIu64 "  %s\n", drop_names[why], c.drops[why],
                       drop_texts[why]);
    return 0;
}

/* Setting ------------------------------------------------------------------------- */

static int outcome(struct command_call *call, const char *name, int e)
{
    return e ? command_error(call, "interface %s: not changed: %s", name, strerror(-e)) : 0;
}

COMMAND(cmd_interface_up_down, "interface INTERFACE up|down",
        "Let frames through an interface, or not");
static int cmd_interface_up_down(struct command_call *call)
{
    struct interface *interface = call->arg[0].interface;
    if (interface->ops)
        return outcome(call, interface->name,
                       interface->ops->set_up(interface, !call->arg[1].choice));
    call->arg[0].port = interface->port;
    return port_up_down_command(call);
}

COMMAND(cmd_interface_mtu, "interface INTERFACE mtu NUMBER",
        "Set the longest packet an interface sends and accepts");
static int cmd_interface_mtu(struct command_call *call)
{
    struct interface *interface = call->arg[0].interface;
    uint64_t mtu = call->arg[1].number;
    if (!interface->ops) {
        call->arg[0].port = interface->port;
        return port_mtu_command(call);
    }
    unsigned most = interface->ops->mtu_max(interface);
    if (mtu < MTU_MIN || mtu > most)
        return command_error(call, "mtu '%s' is out of range, expected %u to %u", call->arg[1].word,
                             MTU_MIN, most);
    return outcome(call, interface->name, interface->ops->set_mtu(interface, (uint16_t)mtu));
}

COMMAND(cmd_interface_mac, "interface INTERFACE mac MAC", "Set an interface's address");
static int cmd_interface_mac(struct command_call *call)
{
    struct interface *interface = call->arg[0].interface;
    if (!interface->ops) {
        call->arg[0].port = interface->port;
        return port_mac_command(call);
    }
    if (station_check(call, &call->arg[1]))
        return -1;
    int e = interface->ops->set_mac(interface, call->arg[1].mac);
    if (e == -ENOTSUP && interface->lower)
        return command_error(call, "interface %s has the MAC of %s, expected 'interface %s mac'",
                             interface->name, interface->lower->name, interface->lower->name);
    return outcome(call, interface->name, e);
}
