/* route.c - the table of prefixes (route.h) and its commands. */
#include "apps/ip/route.h"

#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/ip/address.h"
#include "apps/ip/fib.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/neighbor.h"

#include <errno.h>
#include <stdlib.h>

/* A node is a prefix with a source, or only the place where two part.  The
 * left child continues with a 0 bit. */
struct node {
    struct route route;
    struct node *child[2];
};

static struct node *root;
static unsigned count;

int route_init(void)
{
    return fib_init();
}

static void nodes_free(struct node *node)
{
    if (!node)
        return;
    nodes_free(node->child[0]);
    nodes_free(node->child[1]);
    free(node);
}

void route_shutdown(void)
{
    nodes_free(root);
    root = NULL;
    count = 0;
    fib_shutdown();
}

unsigned route_count(void)
{
    return count;
}

/* The trie ---------------------------------------------------------------- */

static unsigned bit_at(uint32_t prefix, unsigned position)
{
    return prefix >> (31 - position) & 1;
}

static bool covers(const struct route *r, uint32_t prefix, unsigned length)
{
    return r->length <= length && !((r->prefix ^ prefix) & ipv4_mask(r->length));
}

static bool is_used(const struct route *r)
{
    for (unsigned i = 0; i < ROUTE_SOURCES; i++)
        if (r->adjacency[i])
            return true;
    return r->is_static;
}

uint32_t route_adjacency(const struct route *route)
{
    for (unsigned i = 0; i < ROUTE_SOURCES; i++)
        if (route->adjacency[i])
            return route->adjacency[i];
    return ADJACENCY_NONE;
}

static struct node *node_find(uint32_t prefix, unsigned length)
{
    struct node *n = root;
    while (n && covers(&n->route, prefix, length)) {
        if (n->route.length == length)
            return n;
        n = n->child[bit_at(prefix, n->route.length)];
    }
    return NULL;
}

static struct node *node_make(uint32_t prefix, unsigned length)
{
    struct node *n = calloc(1, sizeof *n);
    if (n) {
        n->route.prefix = prefix;
        n->route.length = (uint8_t)length;
    }
    return n;
}

static unsigned common_length(const struct route *r, uint32_t prefix, unsigned length)
{
    uint32_t differ = r->prefix ^ prefix;
    unsigned same = differ ? (unsigned)__builtin_clz(differ) : 32;
    same = same < r->length ? same : r->length;
    return same < length ? same : length;
}

/* The node of this prefix, made if need be; NULL: no memory, nothing changed. */
static struct node *node_get(uint32_t prefix, unsigned length)
{
    struct node **place = &root;
    while (*place && covers(&(*place)->route, prefix, length)) {
        if ((*place)->route.length == length)
            return *place;
        place = &(*place)->child[bit_at(prefix, (*place)->route.length)];
    }
    struct node *made = node_make(prefix, length), *old = *place;
    if (!made || !old) {
        *place = made ? made : old;
        return made;
    }
    unsigned same = common_length(&old->route, prefix, length);
    if (same == length) {
        made->child[bit_at(old->route.prefix, length)] = old;
        *place = made;
        return made;
    }
    struct node *fork = node_make(prefix & ipv4_mask(same), same);
    if (!fork) {
        free(made);
        return NULL;
    }
    fork->child[bit_at(prefix, same)] = made;
    fork->child[bit_at(old->route.prefix, same)] = old;
    *place = fork;
    return made;
}

/* Takes out a node that carries nothing and joins nothing. */
static void node_drop(struct node **place)
{
    struct node *n = *place;
    if (!n || is_used(&n->route) || (n->child[0] && n->child[1]))
        return;
    *place = n->child[0] ? n->child[0] : n->child[1];
    free(n);
}

/* The prefix has lost its last source: its node goes, and then perhaps the
 * fork above it. */
static void node_prune(uint32_t prefix, unsigned length)
{
    struct node **place = &root, **above = NULL;
    while (*place && (*place)->route.length < length) {
        above = place;
        place = &(*place)->child[bit_at(prefix, (*place)->route.length)];
    }
    node_drop(place);
    if (above)
        node_drop(above);
}

/* The longest usable prefix above this one. */
static const struct route *cover_find(uint32_t prefix, unsigned length)
{
    const struct route *best = NULL;
    for (const struct node *n = root;
         n && n->route.length < length && covers(&n->route, prefix, length);
         n = n->child[bit_at(prefix, n->route.length)])
        if (route_adjacency(&n->route))
            best = &n->route;
    return best;
}

bool route_is_connected(uint32_t address)
{
    const struct route *r = cover_find(address, 32);
    return r && r->adjacency[ROUTE_CONNECTED];
}

/* A static route inside a port's prefix came or went: whose host routes still hold? */
static void look_again_below(uint32_t prefix, unsigned length)
{
    const struct address *on = address_covering(prefix);
    if (on && length > on->length)
        neighbor_refresh();
}

bool route_get(uint32_t prefix, unsigned length, struct route *route)
{
    const struct node *n = node_find(prefix, length);
    if (!n || !is_used(&n->route))
        return false;
    *route = n->route;
    return true;
}

/* The root of the subtree that holds the first prefix after `after`. */
static const struct node *subtree_after(const struct route *after)
{
    const struct node *n = root, *next = NULL;
    while (n && covers(&n->route, after->prefix, after->length)) {
        if (n->route.length == after->length)
            return n->child[0] ? n->child[0] : n->child[1] ? n->child[1] : next;
        unsigned bit = bit_at(after->prefix, n->route.length);
        if (!bit && n->child[1])
            next = n->child[1];
        n = n->child[bit];
    }
    /* After's node is gone: n, if any, hangs where it was or beside it. */
    return n && n->route.prefix >= after->prefix ? n : next;
}

bool route_next(const struct route *after, struct route *route)
{
    const struct node *n = after ? subtree_after(after) : root;
    while (n && !is_used(&n->route)) /* a fork: it has both children */
        n = n->child[0];
    if (n)
        *route = n->route;
    return n != NULL;
}

/* Changes ----------------------------------------------------------------- */

static int fib_publish(const struct route *r)
{
    uint32_t adjacency = route_adjacency(r);
    if (adjacency)
        return fib_set(r->prefix, r->length, adjacency);
    const struct route *cover = cover_find(r->prefix, r->length);
    fib_clear(r->prefix, r->length, cover ? cover->length : 0,
              cover ? route_adjacency(cover) : ADJACENCY_NONE);
    return 0;
}

int route_update(uint32_t prefix, unsigned length, enum route_source source, uint32_t adjacency)
{
    /* One core: control work runs between bursts, so no reader is under way. */
    if (worker_count() <= 1)
        fib_quiescent();
    struct node *n = adjacency ? node_get(prefix, length) : node_find(prefix, length);
    if (!n)
        return adjacency ? -ENOMEM : 0;
    bool used = is_used(&n->route);
    uint32_t best = route_adjacency(&n->route), was = n->route.adjacency[source];
    int e = 0;
    n->route.adjacency[source] = adjacency;
    if (route_adjacency(&n->route) != best)
        e = fib_publish(&n->route);
    if (e)
        n->route.adjacency[source] = was;
    count += is_used(&n->route);
    count -= used;
    if (!is_used(&n->route))
        node_prune(prefix, length);
    return e;
}

/* Static routes ----------------------------------------------------------- */

/* The adjacency of a gateway that a connected prefix leads to, held for the
 * route.  0: none leads there, or the neighbor table is full. */
static uint32_t gateway_hold(uint32_t gateway)
{
    const struct address *on = address_covering(gateway);
    if (!on || !address_is_host(on, gateway) || address_find(gateway))
        return 0;
    return neighbor_hold(gateway, on->port);
}

int route_add_static(uint32_t prefix, unsigned length, uint32_t gateway)
{
    const struct address *on = address_covering(gateway);
    if (!on)
        return -ENETUNREACH;
    if (!address_is_host(on, gateway) || address_find(gateway))
        return -EINVAL;
    struct node *n = node_find(prefix, length);
    if (n && n->route.is_static)
        return -EEXIST;
    uint32_t adjacency = gateway_hold(gateway);
    if (!adjacency)
        return -ENOSPC;
    int e = route_update(prefix, length, ROUTE_STATIC, adjacency);
    if (e) {
        neighbor_release(gateway);
        return e;
    }
    n = node_find(prefix, length);
    n->route.is_static = true;
    n->route.gateway = gateway;
    look_again_below(prefix, length);
    return 0;
}

int route_delete_static(uint32_t prefix, unsigned length)
{
    struct node *n = node_find(prefix, length);
    if (!n || !n->route.is_static)
        return -ENOENT;
    uint32_t gateway = n->route.gateway;
    bool held = n->route.adjacency[ROUTE_STATIC];
    n->route.is_static = false;
    if (held) {
        route_update(prefix, length, ROUTE_STATIC, ADJACENCY_NONE);
        neighbor_release(gateway);
    } else if (!is_used(&n->route)) {
        count--;
        node_prune(prefix, length);
    }
    look_again_below(prefix, length);
    return 0;
}

void route_refresh_static(void)
{
    struct route r;
    bool changed = false;
    for (bool more = route_next(NULL, &r); more; more = route_next(&r, &r)) {
        if (!r.is_static)
            continue;
        uint32_t was = r.adjacency[ROUTE_STATIC], is = gateway_hold(r.gateway);
        changed |= is != was;
        if (is != was && route_update(r.prefix, r.length, ROUTE_STATIC, is) && is) {
            neighbor_release(r.gateway);
            is = was;
        } else if (was) {
            neighbor_release(r.gateway);
        }
    }
    if (changed)
        neighbor_refresh();
}

/* Commands ---------------------------------------------------------------- */

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

/* A prefix of the arguments that may be a route's; negative after the error line. */
static int check_prefix(struct command_call *call, uint32_t *prefix)
{
    const struct prefix *p = &call->arg[0].prefix;
    char text[IPV4_PREFIX_TEXT];
    if (p->ipv6)
        return command_error(call, "IPv6 is not built yet, expected an IPv4 prefix");
    *prefix = load_be32(p->bytes);
    if (*prefix == (*prefix & ipv4_mask(p->length)))
        return 0;
    ipv4_format_prefix(*prefix & ipv4_mask(p->length), p->length, text);
    return command_error(call, "%s has host bits set, expected %s", call->arg[0].word, text);
}

COMMAND(cmd_route_add, "route add PREFIX via ADDRESS", "Add a static route");
static int cmd_route_add(struct command_call *call)
{
    uint32_t prefix = 0;
    int e = check_prefix(call, &prefix);
    if (e)
        return e;
    if (call->arg[1].prefix.ipv6)
        return command_error(call, "IPv6 is not built yet, expected an IPv4 gateway");
    e = route_add_static(prefix, call->arg[0].prefix.length, load_be32(call->arg[1].prefix.bytes));
    return e ? refuse_add(call, e) : 0;
}

COMMAND(cmd_route_delete, "route delete PREFIX", "Delete a static route");
static int cmd_route_delete(struct command_call *call)
{
    uint32_t prefix = 0;
    int e = check_prefix(call, &prefix);
    if (e)
        return e;
    if (route_delete_static(prefix, call->arg[0].prefix.length))
        return command_error(call, "there is no static route %s, expected one of `show routes`",
                             call->arg[0].word);
    return 0;
}

static void print_route(struct out *out, const struct route *r)
{
    char prefix[IPV4_PREFIX_TEXT], gateway[IPV4_TEXT];
    struct next_hop hop;
    ipv4_format_prefix(r->prefix, r->length, prefix);
    ipv4_format(r->gateway, gateway);
    if (r->adjacency[ROUTE_LOCAL])
        out_printf(out, "%-18s  local\n", prefix);
    if (r->adjacency[ROUTE_CONNECTED])
        out_printf(out, "%-18s  connected  port %u\n", prefix,
                   (unsigned)(r->adjacency[ROUTE_CONNECTED] - ADJACENCY_CONNECTED));
    if (r->is_static && neighbor_next_hop(r->adjacency[ROUTE_STATIC], 0, &hop))
        out_printf(out, "%-18s  static     port %u via %s%s\n", prefix, hop.port, gateway,
                   route_adjacency(r) == r->adjacency[ROUTE_STATIC] ? "" : "  (not the best)");
    else if (r->is_static)
        out_printf(out, "%-18s  static     inactive, no prefix leads to %s\n", prefix, gateway);
}

COMMAND(cmd_show_routes, "show routes", "Show the routing table");
static int cmd_show_routes(struct command_call *call)
{
    struct route r;
    unsigned shown = 0;
    for (bool more = route_next(NULL, &r); more; more = route_next(&r, &r)) {
        if (r.adjacency[ROUTE_LOCAL] || r.adjacency[ROUTE_CONNECTED] || r.is_static)
            shown++;
        print_route(call->out, &r);
    }
    out_printf(call->out, "%u prefixes\n", shown);
    return 0;
}

static void print_config(struct out *out)
{
    struct route r;
    for (bool more = route_next(NULL, &r); more; more = route_next(&r, &r)) {
        char prefix[IPV4_PREFIX_TEXT], gateway[IPV4_TEXT];
        ipv4_format_prefix(r.prefix, r.length, prefix);
        ipv4_format(r.gateway, gateway);
        /* Without its gateway's prefix the command would be refused: it is told, and not run again.
         */
        if (r.is_static)
            out_printf(out, "%sroute add %s via %s\n",
                       address_covering(r.gateway) ? "" : "# not in use: ", prefix, gateway);
    }
}

CONFIG_PRINTER(route_config) = { .order = CONFIG_ROUTE, .print = print_config };
