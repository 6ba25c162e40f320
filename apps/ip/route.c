/* route.c - the table of prefixes (route.h). */
#include "apps/ip/route.h"

#include "apps/ip/fib.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/nexthop.h"
#include "kernel/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A node is a prefix with a source, or only the place where two part.  The
 * left child continues with a 0 bit. */
struct node {
    struct route route;
    struct node *child[2];
};

static struct node *root;
static unsigned count, source_count[ROUTE_SOURCES], source_usable[ROUTE_SOURCES];

int route_init(void)
{
    int e = nexthop_init();
    return e ? e : fib_init();
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
    memset(source_count, 0, sizeof source_count);
    memset(source_usable, 0, sizeof source_usable);
    fib_shutdown();
    nexthop_shutdown();
}

unsigned route_count(void)
{
    return count;
}

unsigned route_count_of(enum route_source source)
{
    return source_count[source];
}

unsigned route_usable_of(enum route_source source)
{
    return source_usable[source];
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

uint32_t route_nexthop(const struct route *route)
{
    for (unsigned i = 0; i < ROUTE_SOURCES; i++)
        if (route->nexthop[i])
            return route->nexthop[i];
    return NEXTHOP_NONE;
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
    struct node *n = table_calloc(1, sizeof *n);
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
    if (!n || n->route.present || (n->child[0] && n->child[1]))
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
        if (route_nexthop(&n->route))
            best = &n->route;
    return best;
}

bool route_is_connected(uint32_t address)
{
    const struct route *r = cover_find(address, 32);
    return r && r->nexthop[ROUTE_CONNECTED];
}

bool route_covering(uint32_t prefix, unsigned length, struct route *route)
{
    const struct route *best = NULL;
    for (const struct node *n = root; n && covers(&n->route, prefix, length);
         n = n->child[bit_at(prefix, n->route.length)]) {
        if (n->route.present)
            best = &n->route;
        if (n->route.length == length)
            break;
    }
    if (best)
        *route = *best;
    return best;
}

bool route_get(uint32_t prefix, unsigned length, struct route *route)
{
    const struct node *n = node_find(prefix, length);
    if (!n || !n->route.present)
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
    while (n && !n->route.present) /* a fork: it has both children */
        n = n->child[0];
    if (n)
        *route = n->route;
    return n != NULL;
}

/* Changes ----------------------------------------------------------------- */

static int fib_publish(const struct route *r)
{
    uint32_t nexthop = route_nexthop(r);
    if (nexthop)
        return fib_set(r->prefix, r->length, nexthop);
    const struct route *cover = cover_find(r->prefix, r->length);
    fib_clear(r->prefix, r->length, cover ? cover->length : 0, cover ? route_nexthop(cover) : 0);
    return 0;
}

/* The forwarding table first: what it does not name any more may go. */
static int source_point(struct node *n, enum route_source source, uint32_t nexthop)
{
    uint32_t best = route_nexthop(&n->route), was = n->route.nexthop[source];
    n->route.nexthop[source] = nexthop;
    if (route_nexthop(&n->route) != best && fib_publish(&n->route)) {
        n->route.nexthop[source] = was;
        return -ENOMEM;
    }
    source_usable[source] += !!nexthop;
    source_usable[source] -= !!was;
    nexthop_hold(nexthop);
    nexthop_release(was);
    return 0;
}

int route_set(uint32_t prefix, unsigned length, enum route_source source, uint32_t nexthop)
{
    struct node *n = node_get(prefix, length);
    if (!n)
        return -ENOMEM;
    int e = source_point(n, source, nexthop);
    if (!e && !route_has(&n->route, source)) {
        count += !n->route.present;
        source_count[source]++;
        n->route.present |= (uint8_t)(1u << source);
    }
    if (!n->route.present)
        node_prune(prefix, length);
    return e;
}

void route_clear(uint32_t prefix, unsigned length, enum route_source source)
{
    struct node *n = node_find(prefix, length);
    if (!n || !route_has(&n->route, source))
        return;
    source_point(n, source, NEXTHOP_NONE);
    source_count[source]--;
    n->route.present &= (uint8_t) ~(1u << source);
    if (n->route.present)
        return;
    count--;
    node_prune(prefix, length);
}

void route_set_gateway(uint32_t prefix, unsigned length, uint32_t gateway)
{
    struct node *n = node_find(prefix, length);
    if (n)
        n->route.gateway = gateway;
}
