/* address_commands.c - `port N address`, `interface I address`, and their part of `show config`. */
#include "apps/console/command.h"
#include "apps/forward/interface_addresses.h"
#include "apps/ip/address.h"
#include "apps/ip/argument.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/name.h"

#include <errno.h>

/* Why address_add() takes it for none. */
static int refuse_address6(struct command_call *call)
{
    const char *word = call->arg[1].word;
    struct ip_address a = ip_load(call->arg[1].prefix.bytes);
    if (!call->arg[1].prefix.length)
        return command_error(call, "%s has no network, expected a length of 1 to 128", word);
    if (ipv6_is_multicast(a))
        return command_error(call, "%s is a multicast address, expected one outside ff00::/8",
                             word);
    if (ipv6_is_link_local(a))
        return command_error(call, "%s is link-local, expected fe80::something/64", word);
    if (ipv6_is_martian(a))
        return command_error(call, "%s is reserved, expected one outside ::/8", word);
    return command_error(call,
                         "%s is not the address of a host, expected one that is not the "
                         "prefix's first (every router's)",
                         word);
}

static int refuse_address(struct command_call *call)
{
    const struct prefix *p = &call->arg[1].prefix;
    const char *word = call->arg[1].word;
    uint8_t net = p->bytes[0];
    if (p->ipv6)
        return refuse_address6(call);
    if (!p->length)
        return command_error(call, "%s has no network, expected a length of 1 to 32", word);
    if (net == 127)
        return command_error(call, "%s is a loopback address, expected one outside 127.0.0.0/8",
                             word);
    if (net >= 224)
        return command_error(call, "%s is %s address, expected one below 224.0.0.0", word,
                             net < 240 ? "a multicast" : "a reserved");
    if (!net)
        return command_error(call, "%s is in network 0, expected one outside 0.0.0.0/8", word);
    return command_error(call,
                         "%s is not the address of a host, expected one that is neither "
                         "the network's nor its broadcast address",
                         word);
}

static int refuse(struct command_call *call, int e, const struct address *conflict)
{
    const char *word = call->arg[1].word;
    char other[IP_PREFIX_TEXT], where[INTERFACE_TEXT];
    ip_format_prefix(conflict->address, conflict->length, other);
    interface_describe(interface_get(conflict->interface), where);
    switch (e) {
    case -EINVAL:
        return refuse_address(call);
    case -EEXIST:
        return command_error(call, "%s is taken by %s on %s, expected another address", word, other,
                             where);
    case -EADDRINUSE:
        return command_error(call, "%s overlaps %s on %s, expected a prefix of its own", word,
                             other, where);
    case -ENOSPC:
        return command_error(call, "there are %u addresses already, expected no more",
                             ADDRESSES_MAX);
    default:
        return command_error(call, "no memory for the routes of %s", word);
    }
}

static int add(struct command_call *call, struct interface *interface)
{
    struct address conflict = { .interface = INTERFACE_NONE };
    struct ip_address address;
    if (ip_argument(call, 1, &address))
        return -EINVAL;
    int e = address_add(interface, address, call->arg[1].prefix.length, &conflict);
    return e ? refuse(call, e, &conflict) : 0;
}

static int delete (struct command_call *call, struct interface *interface)
{
    char where[INTERFACE_TEXT];
    struct ip_address address;
    if (ip_argument(call, 1, &address))
        return -EINVAL;
    if (address_delete(interface, address, call->arg[1].prefix.length))
        return command_error(call, "%s does not have %s, expected one of its addresses",
                             interface_describe(interface, where), call->arg[1].word);
    return 0;
}

COMMAND(cmd_port_address, "port PORT address PREFIX", "Give a port an address");
static int cmd_port_address(struct command_call *call)
{
    return add(call, interface_of_port(call->arg[0].port));
}

COMMAND(cmd_port_no_address, "port PORT no address PREFIX", "Take an address off a port");
static int cmd_port_no_address(struct command_call *call)
{
    return delete (call, interface_of_port(call->arg[0].port));
}

COMMAND(cmd_interface_address, "interface INTERFACE address PREFIX",
        "Give a port or a bridge an address");
static int cmd_interface_address(struct command_call *call)
{
    return add(call, call->arg[0].interface);
}

COMMAND(cmd_interface_no_address, "interface INTERFACE no address PREFIX",
        "Take an address off a port or a bridge");
static int cmd_interface_no_address(struct command_call *call)
{
    return delete (call, call->arg[0].interface);
}

static bool get(const struct interface *interface, unsigned n, struct interface_address *address)
{
    const struct address *a = address_of(interface, n);
    if (!a)
        return false;
    ip_format_prefix(a->address, a->length, address->text);
    address->state = !address_in_effect(a)           ? "not in use"
                     : a->state == ADDRESS_TENTATIVE ? "tentative"
                     : a->state == ADDRESS_DUPLICATE ? "duplicate"
                                                     : "";
    return true;
}

INTERFACE_ADDRESSES(ip_addresses) = { .get = get };

static void print_config(struct out *out)
{
    const struct address *a;
    for (unsigned i = 0; (a = address_at(i)); i++) {
        if (a->automatic)
            continue;
        char text[IP_PREFIX_TEXT], where[INTERFACE_TEXT];
        out_printf(out, "%s address %s\n", interface_words(address_interface(a), where),
                   ip_format_prefix(a->address, a->length, text));
    }
}

CONFIG_PRINTER(address_config) = { .order = CONFIG_FDB - 1, .print = print_config };
