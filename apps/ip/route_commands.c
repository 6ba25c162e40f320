/* route_commands.c - `route add`, `route delete`, and their part of `show config`. */
#include "apps/console/command.h"
#include "apps/ip/argument.h"
#include "apps/ip/flow.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/name.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/route_static.h"
#include "apps/ip/route_words.h"

#include <errno.h>

/* A way that is refused: why, and what would do. */
static int refuse_way(struct command_call *call, const struct target_way *way)
{
    char gateway[IP_TEXT];
    ip_format(way->gateway, gateway);
    if (target_way_state(way) == WAY_NO_PREFIX)
        return command_error(call,
                             "%s is on no connected prefix, expected a gateway within a "
                             "port's prefix, or `interface INTERFACE` behind it",
                             gateway);
    return command_error(call, "%s is ours or a broadcast address, expected another router",
                         gateway);
}

static int add(struct command_call *call, const struct target_words *words)
{
    struct ip_address prefix;
    const char *word = call->arg[0].word;
    unsigned wrong;
    if (ip_argument_prefix(call, 0, &prefix))
        return -EINVAL;
    switch (route_add_static(prefix, call->arg[0].prefix.length, words, &wrong)) {
    case 0:
        return 0;
    case -EINVAL:
        return refuse_way(call, &words->way[wrong]);
    case -EEXIST:
        return command_error(call, "%s has a route already, expected `route delete %s` first", word,
                             word);
    case -ENOSPC:
        return command_error(call, "the neighbor table is full, expected at most %u neighbors",
                             NEIGHBORS_MAX);
    default:
        return command_error(call, "no memory for another route");
    }
}

/* The family of the routes that the prefix is of. */
static int words_begin(struct command_call *call, enum target_kind kind, struct target_words *words)
{
    struct ip_address prefix;
    *words = (struct target_words){ .kind = kind };
    if (ip_argument_prefix(call, 0, &prefix))
        return -EINVAL;
    words->family = ip_family(prefix);
    if (ipv6_is_link_local(prefix) || ipv6_is_multicast(prefix))
        return command_error(call, "%s is never routed, expected a prefix of hosts elsewhere",
                             call->arg[0].word);
    return 0;
}

/* What the rest of a line means is up to its command. */
static bool any(const char *word, struct command_arg *arg)
{
    return true;
}

COMMAND_WORD(word_ways) = { .name = "WAYS",
                            .example = "198.51.100.3 weight 2 via 203.0.113.4 interface 1",
                            .rest = true,
                            .parse = any };

COMMAND(cmd_route_add,
        "route add PREFIX via ADDRESS [interface INTERFACE] [weight NUMBER] [via WAYS]",
        "Add a static route with one next hop or several");
static int cmd_route_add(struct command_call *call)
{
    struct target_words words;
    const struct command_arg *interface = command_option(call, "interface");
    const struct command_arg *weight = command_option(call, "weight");
    const struct command_arg *more = command_option(call, "via");
    if (words_begin(call, TARGET_VIA, &words) ||
        ways_add(call, &words, call->arg[1].word, interface ? interface->interface : NULL,
                 weight ? weight->word : NULL) ||
        (more && ways_parse(call, more->word, &words)))
        return -EINVAL;
    return add(call, &words);
}

COMMAND(cmd_route_add_interface, "route add PREFIX interface INTERFACE",
        "Add a static route to hosts that are neighbors on an interface");
static int cmd_route_add_interface(struct command_call *call)
{
    struct target_words words;
    if (words_begin(call, TARGET_INTERFACE, &words))
        return -EINVAL;
    words.interface = call->arg[1].interface->number;
    return add(call, &words);
}

COMMAND(cmd_route_add_verdict, "route add PREFIX blackhole|unreachable|prohibit",
        "Add a static route that drops, or refuses with an ICMP error");
static int cmd_route_add_verdict(struct command_call *call)
{
    static const enum target_kind kinds[] = { TARGET_BLACKHOLE, TARGET_UNREACHABLE,
                                              TARGET_PROHIBIT };
    struct target_words words;
    if (words_begin(call, kinds[call->arg[1].choice], &words))
        return -EINVAL;
    return add(call, &words);
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

COMMAND(cmd_route_hash, "route hash symmetric on|off",
        "Send both directions of a flow by the same one of several next hops, or not");
static int cmd_route_hash(struct command_call *call)
{
    flow_set_symmetric(!call->arg[0].choice);
    return 0;
}

/* `show config` ------------------------------------------------------------------ */

/* Ways that would be refused when they are fed back are told, and not run again. */
static void print_ways(struct out *out, const char *prefix, const struct target_words *words)
{
    enum way_state state[GROUP_WAYS];
    char text[WAY_TEXT], reason[REASON_TEXT];
    unsigned good = 0;
    for (unsigned i = 0; i < words->count; i++) {
        state[i] = target_way_state(&words->way[i]);
        if (way_is_refused(state[i]))
            continue;
        if (!good++)
            out_printf(out, "route add %s", prefix);
        out_printf(out, " %s", way_words(&words->way[i], text));
    }
    out_text(out, good ? "\n" : "");
    for (unsigned i = 0; i < words->count; i++)
        if (way_is_refused(state[i]))
            out_printf(out, "# not in use: route add %s %s (%s)\n", prefix,
                       way_words(&words->way[i], text),
                       way_reason(&words->way[i], state[i], reason));
}

static void print_target(struct out *out, const char *prefix, const struct target_words *words)
{
    static const char *const verdicts[] = { [TARGET_BLACKHOLE] = "blackhole",
                                            [TARGET_UNREACHABLE] = "unreachable",
                                            [TARGET_PROHIBIT] = "prohibit" };
    char where[INTERFACE_TEXT];
    if (words->kind == TARGET_VIA)
        print_ways(out, prefix, words);
    else if (words->kind == TARGET_INTERFACE)
        out_printf(out, "route add %s interface %s\n", prefix,
                   interface_short(interface_get(words->interface), where));
    else
        out_printf(out, "route add %s %s\n", prefix, verdicts[words->kind]);
}

static void print_config(struct out *out)
{
    struct route r;
    if (flow_settings.symmetric)
        out_text(out, "route hash symmetric on\n");
    for (bool more = route_next(NULL, &r); more; more = route_next(&r, &r)) {
        char prefix[IP_PREFIX_TEXT];
        struct target_words words;
        if (!route_has(&r, ROUTE_STATIC))
            continue;
        target_say(target_of(&r), &words);
        print_target(out, ip_format_prefix(r.prefix, r.length, prefix), &words);
    }
}

CONFIG_PRINTER(route_config) = { .order = CONFIG_ROUTE, .print = print_config };
