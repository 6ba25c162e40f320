/* show_routes.c - what `show` tells of routes. */
#include "apps/console/command.h"
#include "apps/ip/address.h"
#include "apps/ip/argument.h"
#include "apps/ip/flow.h"
#include "apps/ip/name.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/route.h"
#include "apps/ip/route_words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINES_PER_TURN 64u /* the poll loop goes on while a long table is printed */

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

/* Wide enough for every prefix of its family. */
static int column(const struct route *r)
{
    return ip_is_v4(r->prefix) ? (int)strlen("255.255.255.255/32") : (int)IP_PREFIX_TEXT - 1;
}

static void print_own(struct out *out, const struct route *r, const char *prefix, bool is_local)
{
    const struct address *a = address_behind(r, is_local);
    const struct interface *interface = a ? address_interface(a) : NULL;
    char reason[REASON_TEXT], where[INTERFACE_TEXT];
    const char *kind = is_local ? "local    " : "connected";
    if (!r->nexthop[is_local ? ROUTE_LOCAL : ROUTE_CONNECTED])
        out_printf(out, "%-*s  %s  inactive, %s\n", column(r), prefix, kind,
                   interface_reason(interface, ip_family(r->prefix), reason));
    else
        out_printf(out, "%-*s  %s%s%s\n", column(r), prefix, is_local ? "local" : kind,
                   is_local ? "" : "  ", is_local ? "" : interface_describe(interface, where));
}

/* What of a static route is told, taken before anything is printed: it may go meanwhile. */
struct told {
    struct target_words words;
    enum way_state state[GROUP_WAYS];
    bool is_used[GROUP_WAYS];
    unsigned buckets[GROUP_WAYS];
    bool usable, best;
};

static void take_static(const struct route *r, struct told *told)
{
    const struct target *t = target_of(r);
    target_say(t, &told->words);
    told->usable = r->nexthop[ROUTE_STATIC];
    told->best = route_nexthop(r) == r->nexthop[ROUTE_STATIC];
    told->state[0] = t->kind == TARGET_INTERFACE ? target_interface_state(t) : WAY_USABLE;
    for (unsigned i = 0; i < t->count; i++) {
        told->state[i] = target_way_state(&t->way[i].say);
        told->is_used[i] = t->group && group_is_live(t->group, i);
        told->buckets[i] = t->group ? group_buckets(t->group, i) : GROUP_BUCKETS;
    }
}

/* `port 1 via 198.51.100.2`, with what is out of use and why. */
static void print_way_line(struct out *out, const struct told *told, unsigned i)
{
    const struct target_way *way = &told->words.way[i];
    char gateway[IP_TEXT], where[INTERFACE_TEXT], reason[REASON_TEXT];
    bool several = told->words.count > 1;
    ip_format(way->gateway, gateway);
    if (told->state[i] != WAY_USABLE || (!several && !told->usable)) {
        if (several)
            out_printf(out, "via %s weight %u  ", gateway, way->weight);
        out_printf(out, "inactive, %s", way_reason(way, told->state[i], reason));
        return;
    }
    out_printf(out, "%s via %s", interface_describe(target_way_interface(way), where), gateway);
    if (several && !told->is_used[i])
        out_printf(out, " weight %u  left out, it does not answer", way->weight);
    else if (several)
        out_printf(out, " weight %u  %u of %u flows", way->weight, told->buckets[i], GROUP_BUCKETS);
}

static void print_rest(struct out *out, const struct told *told)
{
    static const char *const verdicts[] = { [TARGET_BLACKHOLE] = "blackhole",
                                            [TARGET_UNREACHABLE] = "unreachable",
                                            [TARGET_PROHIBIT] = "prohibit" };
    const struct interface *interface = interface_get(told->words.interface);
    char where[INTERFACE_TEXT], reason[REASON_TEXT];
    if (told->words.kind != TARGET_INTERFACE)
        out_text(out, verdicts[told->words.kind]);
    else if (told->usable)
        out_text(out, interface_describe(interface, where));
    else
        out_printf(out, "inactive, %s", interface_reason(interface, told->words.family, reason));
}

static void print_static(struct out *out, const struct route *r, const char *prefix)
{
    struct told told;
    take_static(r, &told);
    unsigned lines = told.words.kind == TARGET_VIA ? told.words.count : 1;
    for (unsigned i = 0; i < lines; i++) {
        out_printf(out, "%-*s  %-9s  ", column(r), i ? "" : prefix, i ? "" : "static");
        if (told.words.kind == TARGET_VIA)
            print_way_line(out, &told, i);
        else
            print_rest(out, &told);
        out_text(out, told.usable && !told.best ? "  (not the best)\n" : "\n");
    }
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
            out_printf(out, "%-*s  broadcast\n", column(&r), text);
        if (neighbor_next_hop(r.nexthop[ROUTE_NEIGHBOR], prefix, &hop))
            out_printf(out, "%-*s  neighbor   %s\n", column(&r), text,
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

/* The longest prefix in use that covers an address; false: none. */
static bool used_for(struct ip_address address, struct route *r)
{
    unsigned length = ip_bits(address);
    while (route_covering(ip_network(address, length), length, r)) {
        if (route_nexthop(r))
            return true;
        if (!r->length)
            break;
        length = r->length - 1u;
    }
    return false;
}

static void print_why(struct out *out, struct ip_address address)
{
    char text[IP_TEXT], prefix[IP_PREFIX_TEXT];
    struct route r;
    ip_format(address, text);
    if (used_for(address, &r))
        out_printf(out, "%s is the longest prefix in use that covers %s\n",
                   ip_format_prefix(r.prefix, r.length, prefix), text);
    else
        out_printf(out, "no prefix in use covers %s\n", text);
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
    print_why(call->out, address);
    return 0;
}

/* One flow --------------------------------------------------------------------------- */

static void print_flow(struct out *out, struct ip_address to, uint32_t flow)
{
    char gateway[IP_TEXT], where[INTERFACE_TEXT];
    struct next_hop hop;
    struct route r;
    uint32_t nexthop = used_for(to, &r) ? nexthop_of_flow(route_nexthop(&r), flow) : NEXTHOP_NONE;
    if (neighbor_next_hop(nexthop, to, &hop))
        out_printf(out, "%s via %s\n", interface_describe(hop.interface, where),
                   ip_format(hop.address, gateway));
    else
        out_text(out, "no next hop\n");
}

COMMAND(cmd_show_route_flow,
        "show route ADDRESS from ADDRESS [protocol NUMBER] [ports NUMBER NUMBER]",
        "Show which next hop a flow takes: of TCP (6) unless told, and its ports");
static int cmd_show_route_flow(struct command_call *call)
{
    struct ip_address to, from;
    const struct command_arg *protocol = command_option(call, "protocol");
    const struct command_arg *ports = command_option(call, "ports");
    uint64_t number = protocol ? protocol->number : 6;
    if (ip_argument(call, 0, &to) || ip_argument(call, 1, &from))
        return -EINVAL;
    if (ip_family(to) != ip_family(from))
        return command_error(call, "%s and %s are of two families, expected two of one",
                             call->arg[0].word, call->arg[1].word);
    if (number > UINT8_MAX)
        return command_error(call, "protocol '%s' is out of range, expected 0 to 255",
                             protocol->word);
    for (unsigned i = 0; ports && i < 2; i++)
        if (ports[i].number > UINT16_MAX)
            return command_error(call, "port '%s' is out of range, expected 0 to 65535",
                                 ports[i].word);
    print_flow(call->out, to,
               flow_hash(flow_end(from, ports ? (uint16_t)ports[0].number : 0),
                         flow_end(to, ports ? (uint16_t)ports[1].number : 0), (uint8_t)number));
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
