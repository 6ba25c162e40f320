/* route_commands.c - `route add`, `route delete`, and what `show` tells of routes. */
#include "apps/console/command.h"
#include "apps/ip/address.h"
#include "apps/ip/argument.h"
#include "apps/ip/name.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/route.h"
#include "apps/ip/route_static.h"

#include <errno.h>
#include <stdio.h>

#define LINES_PER_TURN 64u /* the poll loop goes on while a long table is printed */
#define REASON_TEXT 96u

static int refuse_add(struct command_call *call, int e)
{
    const char *prefix = call->arg[0].word, *gateway = call->arg[1].word;
    switch (e) {
    case -ENETUNREACH:
        return command_error(call,
                             "%s is on no connected prefix, expected a gateway within a "
                             "port's prefix",
                             gateway);
    case -EINVAL:
        return command_error(call, "%s is ours or a broadcast address, expected another router",
                             gateway);
    case -EEXIST:
        return command_error(call, "%s has a route already, expected `route delete %s` first",
                             prefix, prefix);
    case -ENOSPC:
        return command_error(call, "the neighbor table is full, expected at most %u neighbors",
                             NEIGHBORS_MAX);
    default:
        return command_error(call, "no memory for another route");
    }
}

COMMAND(cmd_route_add, "route add PREFIX via ADDRESS", "Add a static route");
static int cmd_route_add(struct command_call *call)
{
    struct ip_address prefix, gateway;
    if (ip_argument_prefix(call, 0, &prefix) || ip_argument(call, 1, &gateway))
        return -EINVAL;
    int e = route_add_static(prefix, call->arg[0].prefix.length, gateway);
    return e ? refuse_add(call, e) : 0;
}

COMMAND(cmd_route_delete, "route delete PREFIX", "Delete a static route");
static int cmd_route_delete(struct command_call *call)
{
    struct ip_address prefix;
    if (ip_argument_prefix(call, 0, &prefix))
        return -EINVAL;
    if (route_delete_static(prefix, call->arg[0].prefix.length))
        return command_error(call, "there is no static route %s, expected one of `show routes`",
                             call->arg[0].word);
    return 0;
}

/* Showing ----------------------------------------------------------------- */

/* An address whose prefix or self this is, NULL: none. */
static const struct address *address_behind(const struct route *r, bool is_local)
{
    const struct address *a;
    for (unsigned i = 0; (a = address_at(i)); i++)
        if (is_local ? ip_equal(a->address, r->prefix)
                     : a->length == r->length && ip_within(r->prefix, r->length, a->address))
            return a;
    return NULL;
}

static const char *interface_reason(const struct interface *interface, char text[REASON_TEXT])
{
    char where[INTERFACE_TEXT];
    bool member = interface && interface->kind == INTERFACE_PORT && interface->bridge;
    snprintf(text, REASON_TEXT, "%s is %s", interface_describe(interface, where),
             member ? "in a bridge" : "down");
    return text;
}

/* Why a gateway cannot be used. */
static const char *gateway_reason(struct ip_address gateway, char text[REASON_TEXT])
{
    char name[IP_TEXT];
    ip_format(gateway, name);
    switch (gateway_state(gateway)) {
    case GATEWAY_DOWN:
        return interface_reason(address_interface(address_configured_for(gateway)), text);
    case GATEWAY_NO_PREFIX:
        snprintf(text, REASON_TEXT, "no prefix leads to %s", name);
        break;
    case GATEWAY_OURS:
        snprintf(text, REASON_TEXT, "%s is our own address", name);
        break;
    case GATEWAY_BROADCAST:
        snprintf(text, REASON_TEXT, "%s is a broadcast address", name);
        break;
    default: /* a walk is on its way to it */
        snprintf(text, REASON_TEXT, "%s is about to be looked at again", name);
        break;
    }
    return text;
}

static void print_own(struct out *out, const struct route *r, const char *prefix, bool is_local)
{
    const struct address *a = address_behind(r, is_local);
    const struct interface *interface = a ? address_interface(a) : NULL;
    char reason[REASON_TEXT], where[INTERFACE_TEXT];
    const char *kind = is_local ? "local    " : "connected";
    if (!r->nexthop[is_local ? ROUTE_LOCAL : ROUTE_CONNECTED])
        out_printf(out, "%-18s  %s  inactive, %s\n", prefix, kind,
                   interface_reason(interface, reason));
    else
        out_printf(out, "%-18s  %s%s%s\n", prefix, is_local ? "local" : kind, is_local ? "" : "  ",
                   is_local ? "" : interface_describe(interface, where));
}

static void print_static(struct out *out, const struct route *r, const char *prefix)
{
    char gateway[IP_TEXT], reason[REASON_TEXT], where[INTERFACE_TEXT];
    struct next_hop hop;
    ip_format(r->gateway, gateway);
    if (neighbor_next_hop(r->nexthop[ROUTE_STATIC], r->prefix, &hop))
        out_printf(out, "%-18s  static     %s via %s%s\n", prefix,
                   interface_describe(hop.interface, where), gateway,
                   route_nexthop(r) == r->nexthop[ROUTE_STATIC] ? "" : "  (not the best)");
    else
        out_printf(out, "%-18s  static     inactive, %s\n", prefix,
                   gateway_reason(r->gateway, reason));
}

static bool is_shown(const struct route *r)
{
    return route_has(r, ROUTE_LOCAL) || route_has(r, ROUTE_CONNECTED) || route_has(r, ROUTE_STATIC);
}

static void print_route(struct out *out, const struct route *r)
{
    char prefix[IP_PREFIX_TEXT];
    ip_format_prefix(r->prefix, r->length, prefix);
    if (route_has(r, ROUTE_LOCAL))
        print_own(out, r, prefix, true);
    if (route_has(r, ROUTE_CONNECTED))
        print_own(out, r, prefix, false);
    if (route_has(r, ROUTE_STATIC))
        print_static(out, r, prefix);
}

COMMAND(cmd_show_routes, "show routes", "Show the routing table");
static int cmd_show_routes(struct command_call *call)
{
    struct route r;
    unsigned shown = 0;
    for (bool more = route_next(NULL, &r); more; more = route_next(&r, &r)) {
        if (!is_shown(&r))
            continue;
        if (++shown % LINES_PER_TURN == 0 && !command_wait(call))
            break;
        print_route(call->out, &r);
    }
    out_printf(call->out, "%u prefixes\n", shown);
    return 0;
}

COMMAND(cmd_show_routes_summary, "show routes summary", "Show how many routes there are");
static int cmd_show_routes_summary(struct command_call *call)
{
    unsigned routes = route_count_of(ROUTE_STATIC), usable = route_usable_of(ROUTE_STATIC);
    out_printf(call->out, "local      %u\n", route_count_of(ROUTE_LOCAL));
    out_printf(call->out, "connected  %u, %u inactive\n", route_count_of(ROUTE_CONNECTED),
               route_count_of(ROUTE_CONNECTED) - route_usable_of(ROUTE_CONNECTED));
    out_printf(call->out, "static     %u, %u inactive\n", routes, routes - usable);
    out_printf(call->out, "neighbors  %u host routes\n", route_count_of(ROUTE_NEIGHBOR));
    return 0;
}

/* What is asked on the way from the longest prefix to the one that is used. */
static void print_way(struct out *out, struct ip_address prefix, unsigned length)
{
    struct route r;
    char text[IP_PREFIX_TEXT], where[INTERFACE_TEXT];
    struct next_hop hop;
    while (route_covering(ip_network(prefix, length), length, &r)) {
        ip_format_prefix(r.prefix, r.length, text);
        print_route(out, &r);
        if (route_has(&r, ROUTE_BROADCAST))
            out_printf(out, "%-18s  broadcast\n", text);
        if (neighbor_next_hop(r.nexthop[ROUTE_NEIGHBOR], prefix, &hop))
            out_printf(out, "%-18s  neighbor   %s\n", text,
                       interface_describe(hop.interface, where));
        if (route_nexthop(&r) || !r.length)
            break;
        length = r.length - 1u;
    }
}

/* All that lies within it; how many. */
static unsigned print_within(struct command_call *call, struct ip_address prefix, unsigned length)
{
    struct route r = { .prefix = prefix, .length = (uint8_t)length };
    unsigned shown = 0;
    bool more = route_get(prefix, length, &r) || route_next(&r, &r);
    for (; more && ip_within(prefix, length, r.prefix); more = route_next(&r, &r)) {
        if (!is_shown(&r))
            continue;
        if (++shown % LINES_PER_TURN == 0 && !command_wait(call))
            break;
        print_route(call->out, &r);
    }
    return shown;
}

COMMAND(cmd_show_route_address, "show route ADDRESS", "Show which routes lead to an address");
static int cmd_show_route_address(struct command_call *call)
{
    struct ip_address address;
    struct route r;
    if (ip_argument(call, 0, &address))
        return -EINVAL;
    if (!route_covering(address, ip_bits(address), &r))
        return command_error(call, "there is no route to %s, expected an address that one leads to",
                             call->arg[0].word);
    print_way(call->out, address, ip_bits(address));
    return 0;
}

COMMAND(cmd_show_route_prefix, "show route PREFIX", "Show the routes within a prefix");
static int cmd_show_route_prefix(struct command_call *call)
{
    struct ip_address prefix;
    if (ip_argument_prefix(call, 0, &prefix))
        return -EINVAL;
    out_printf(call->out, "%u prefixes\n", print_within(call, prefix, call->arg[0].prefix.length));
    return 0;
}

/* What a route's command would be refused for when it is fed back; NULL: nothing. */
static const char *unusable(struct ip_address gateway, char text[REASON_TEXT])
{
    enum gateway_state state = gateway_state(gateway);
    if (state == GATEWAY_USABLE || state == GATEWAY_DOWN)
        return NULL;
    return gateway_reason(gateway, text);
}

static void print_config(struct out *out)
{
    struct route r;
    for (bool more = route_next(NULL, &r); more; more = route_next(&r, &r)) {
        char prefix[IP_PREFIX_TEXT], gateway[IP_TEXT], text[REASON_TEXT];
        if (!route_has(&r, ROUTE_STATIC))
            continue;
        ip_format_prefix(r.prefix, r.length, prefix);
        ip_format(r.gateway, gateway);
        /* A command that would be refused is told, and not run again. */
        const char *reason = unusable(r.gateway, text);
        out_printf(out, "%sroute add %s via %s%s%s%s\n", reason ? "# not in use: " : "", prefix,
                   gateway, reason ? " (" : "", reason ? reason : "", reason ? ")" : "");
    }
}

CONFIG_PRINTER(route_config) = { .order = CONFIG_ROUTE, .print = print_config };
