/* advertise_commands.c - `interface I advertise ...` and their part of `show config`. */
#include "apps/forward/interface.h"
#include "apps/ip/advertise.h"
#include "apps/ip/argument.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/name.h"

#include <errno.h>
#include <inttypes.h>

static struct advertiser *advertiser(struct command_call *call)
{
    struct advertiser *a = advertiser_of(call->arg[0].interface, true);
    if (!a)
        command_error(call, "no memory for advertisements");
    return a;
}

COMMAND(cmd_advertise, "interface INTERFACE advertise on|off",
        "Tell hosts that this is a router, and which prefixes are on the link");
static int cmd_advertise(struct command_call *call)
{
    struct advertiser *a = advertiser(call);
    if (!a)
        return -ENOMEM;
    advertise_set(call->arg[0].interface, a, call->arg[1].choice == 0);
    advertise_changed(call->arg[0].interface);
    return 0;
}

/* A prefix that hosts may be told of. */
static int prefix_argument(struct command_call *call, struct ip_address *prefix)
{
    if (ip_argument_prefix(call, 1, prefix))
        return -EINVAL;
    if (ip_is_v4(*prefix) || ipv6_is_link_local(*prefix) || ipv6_is_multicast(*prefix) ||
        !call->arg[1].prefix.length)
        return command_error(call, "%s cannot be advertised, expected a prefix of IPv6 hosts",
                             call->arg[1].word);
    return 0;
}

static unsigned prefix_place(const struct advertiser *a, struct ip_address prefix, unsigned length)
{
    unsigned i = 0;
    while (i < a->prefixes &&
           (!ip_equal(a->prefix[i].address, prefix) || a->prefix[i].length != length))
        i++;
    return i;
}

COMMAND(cmd_advertise_prefix, "interface INTERFACE advertise prefix PREFIX",
        "Advertise this prefix instead of those of the interface; one of 64 bits for "
        "autoconfiguration");
static int cmd_advertise_prefix(struct command_call *call)
{
    struct ip_address prefix;
    struct advertiser *a;
    if (prefix_argument(call, &prefix) || !(a = advertiser(call)))
        return -EINVAL;
    unsigned place = prefix_place(a, prefix, call->arg[1].prefix.length);
    if (place == ADVERTISE_PREFIXES)
        return command_error(call, "there are %u prefixes already, expected no more",
                             ADVERTISE_PREFIXES);
    a->prefix[place].address = prefix;
    a->prefix[place].length = call->arg[1].prefix.length;
    a->prefixes += place == a->prefixes;
    advertise_changed(call->arg[0].interface);
    return 0;
}

COMMAND(cmd_advertise_no_prefix, "interface INTERFACE no advertise prefix PREFIX",
        "Advertise a prefix no more");
static int cmd_advertise_no_prefix(struct command_call *call)
{
    struct ip_address prefix;
    struct advertiser *a;
    if (prefix_argument(call, &prefix) || !(a = advertiser(call)))
        return -EINVAL;
    unsigned place = prefix_place(a, prefix, call->arg[1].prefix.length);
    if (place == a->prefixes)
        return command_error(call, "%s is not advertised, expected one of `show config`",
                             call->arg[1].word);
    a->prefix[place] = a->prefix[--a->prefixes];
    advertise_changed(call->arg[0].interface);
    return 0;
}

static unsigned server_place(const struct advertiser *a, struct ip_address server)
{
    unsigned i = 0;
    while (i < a->servers && !ip_equal(a->server[i], server))
        i++;
    return i;
}

COMMAND(cmd_advertise_dns, "interface INTERFACE advertise dns ADDRESS",
        "Tell hosts of a name server");
static int cmd_advertise_dns(struct command_call *call)
{
    struct ip_address server;
    struct advertiser *a;
    if (ip_argument(call, 1, &server))
        return -EINVAL;
    if (ip_is_v4(server) || ipv6_is_multicast(server) || ipv6_is_martian(server))
        return command_error(call, "%s cannot be told of, expected an IPv6 host's address",
                             call->arg[1].word);
    if (!(a = advertiser(call)))
        return -ENOMEM;
    unsigned place = server_place(a, server);
    if (place == ADVERTISE_SERVERS)
        return command_error(call, "there are %u name servers already, expected no more",
                             ADVERTISE_SERVERS);
    a->server[place] = server;
    a->servers += place == a->servers;
    advertise_changed(call->arg[0].interface);
    return 0;
}

COMMAND(cmd_advertise_no_dns, "interface INTERFACE no advertise dns ADDRESS",
        "Tell hosts of a name server no more");
static int cmd_advertise_no_dns(struct command_call *call)
{
    struct ip_address server;
    struct advertiser *a;
    if (ip_argument(call, 1, &server) || !(a = advertiser(call)))
        return -EINVAL;
    unsigned place = server_place(a, server);
    if (place == a->servers)
        return command_error(call, "%s is not advertised, expected one of `show config`",
                             call->arg[1].word);
    a->server[place] = a->server[--a->servers];
    advertise_changed(call->arg[0].interface);
    return 0;
}

COMMAND(cmd_advertise_lifetime, "interface INTERFACE advertise lifetime NUMBER",
        "How many seconds hosts may use this router as their default; 0: not at all");
static int cmd_advertise_lifetime(struct command_call *call)
{
    uint64_t seconds = call->arg[1].number;
    struct advertiser *a;
    if (seconds && (seconds < ADVERTISE_MAX_US / US_PER_S || seconds > ADVERTISE_LIFETIME_MAX))
        return command_error(call, "lifetime is %" PRIu64 ", expected 0, or %u to %u", seconds,
                             (unsigned)(ADVERTISE_MAX_US / US_PER_S), ADVERTISE_LIFETIME_MAX);
    if (!(a = advertiser(call)))
        return -ENOMEM;
    a->lifetime = (uint16_t)seconds;
    advertise_changed(call->arg[0].interface);
    return 0;
}

static void print_one(struct out *out, const struct advertiser *a, const char *name)
{
    char text[IP_PREFIX_TEXT];
    for (unsigned i = 0; i < a->prefixes; i++)
        out_printf(out, "interface %s advertise prefix %s\n", name,
                   ip_format_prefix(a->prefix[i].address, a->prefix[i].length, text));
    for (unsigned i = 0; i < a->servers; i++)
        out_printf(out, "interface %s advertise dns %s\n", name, ip_format(a->server[i], text));
    if (a->lifetime != ADVERTISE_LIFETIME)
        out_printf(out, "interface %s advertise lifetime %u\n", name, a->lifetime);
    if (a->on)
        out_printf(out, "interface %s advertise on\n", name);
}

static bool is_advertiser(const struct interface *interface)
{
    return advertiser_of(interface, false);
}

static void print_config(struct out *out)
{
    struct interface_walk walk = { 0 };
    for (const struct interface *i; (i = interface_in_order(&walk, is_advertiser));) {
        struct advertiser copy = *advertiser_of(i, false);
        char name[INTERFACE_TEXT];
        interface_short(i, name);
        print_one(out, &copy, name);
    }
}

CONFIG_PRINTER(advertise_config) = { .order = CONFIG_FDB - 1, .print = print_config };
