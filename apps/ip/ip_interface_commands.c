/* ip_interface_commands.c - what IP does on an interface: `reverse-path`, `proxy-arp`, `redirects`.
 */
#include "apps/console/command.h"
#include "apps/ip/name.h"

static const char *const paths[] = {
    [REVERSE_PATH_OFF] = "off", [REVERSE_PATH_LOOSE] = "loose", [REVERSE_PATH_STRICT] = "strict"
};

static int set_reverse_path(struct interface *interface, unsigned choice)
{
    store_relaxed(&interface->reverse_path, (uint8_t)choice); /* in the words' order */
    return 0;
}

static int set_proxy_arp(struct interface *interface, bool on)
{
    interface->proxy_arp = on;
    return 0;
}

static int set_redirects(struct interface *interface, bool on)
{
    store_relaxed(&interface->no_redirects, !on);
    return 0;
}

COMMAND(cmd_port_reverse_path, "port PORT reverse-path off|loose|strict",
        "Drop what comes from where no route leads back, or none by that port");
static int cmd_port_reverse_path(struct command_call *call)
{
    return set_reverse_path(interface_of_port(call->arg[0].port), call->arg[1].choice);
}

COMMAND(cmd_interface_reverse_path, "interface INTERFACE reverse-path off|loose|strict",
        "The same for any interface");
static int cmd_interface_reverse_path(struct command_call *call)
{
    return set_reverse_path(call->arg[0].interface, call->arg[1].choice);
}

COMMAND(cmd_port_proxy_arp, "port PORT proxy-arp on|off",
        "Answer ARP for hosts that are routed to other links, or not");
static int cmd_port_proxy_arp(struct command_call *call)
{
    return set_proxy_arp(interface_of_port(call->arg[0].port), !call->arg[1].choice);
}

COMMAND(cmd_interface_proxy_arp, "interface INTERFACE proxy-arp on|off",
        "The same for any interface");
static int cmd_interface_proxy_arp(struct command_call *call)
{
    return set_proxy_arp(call->arg[0].interface, !call->arg[1].choice);
}

COMMAND(cmd_port_redirects, "port PORT redirects on|off",
        "Tell hosts of a better gateway on their link (ICMP redirects), or not");
static int cmd_port_redirects(struct command_call *call)
{
    return set_redirects(interface_of_port(call->arg[0].port), !call->arg[1].choice);
}

COMMAND(cmd_interface_redirects, "interface INTERFACE redirects on|off",
        "The same for any interface");
static int cmd_interface_redirects(struct command_call *call)
{
    return set_redirects(call->arg[0].interface, !call->arg[1].choice);
}

/* `show config` ------------------------------------------------------------------ */

static bool is_set(const struct interface *interface)
{
    return interface->reverse_path || interface->proxy_arp || interface->no_redirects;
}

/* Printing may wait, and the interface go. */
static void print_settings(struct out *out, const struct interface *interface)
{
    char where[INTERFACE_TEXT];
    const struct interface copy = *interface;
    interface_words(interface, where);
    if (copy.reverse_path)
        out_printf(out, "%s reverse-path %s\n", where, paths[copy.reverse_path]);
    if (copy.proxy_arp)
        out_printf(out, "%s proxy-arp on\n", where);
    if (copy.no_redirects)
        out_printf(out, "%s redirects off\n", where);
}

static void print_config(struct out *out)
{
    struct interface_walk walk = { 0 };
    for (const struct interface *i; (i = interface_in_order(&walk, is_set));)
        print_settings(out, i);
}

CONFIG_PRINTER(ip_interface_config) = { .order = CONFIG_FDB - 1, .print = print_config };
