/* route.c - the table of prefixes (route.h). */
#include "apps/ip/route.h"

#include "apps/ip/fib.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/pool.h"
#include "kernel/memory.h"
#include "kernel/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64u

/* A node is a prefix with reasons, or only the place where two part.  The left child continues
 * with a 0 bit. */
struct node {
    uint32_t prefix;
    uint32_t child[2]; /* numbers; 0: none */
    uint32_t length : 6, reasons : 26;
};
_Static_assert(sizeof(struct node) == 16, "a million routes are two million nodes");

/* Why a prefix is there.  Static routes of one gateway and route object, and of no other source,
 * share theirs: a million routes have few of them. */
struct reasons {
    uint32_t references, next; /* next: in its bucket */
    uint32_t gateway;
    uint32_t nexthop[ROUTE_SOURCES];
    uint8_t present;
    bool shared;
};

static struct pool nodes = { .size = sizeof(struct node) };
static struct pool all_reasons = { .size = sizeof(struct reasons) };
static uint32_t *buckets; /* of those that are shared */
static uint32_t bucket_count, shared_count;
static uint32_t root;
static unsigned count, source_count[ROUTE_SOURCES], source_usable[ROUTE_SOURCES];

int route_init(void)
{
    int e = nexthop_init();
    if (!e)
        e = fib_init();
    if (e || buckets)
        return e;
    buckets = calloc(BUCKETS_FIRST, sizeof *buckets);
    bucket_count = buckets ? BUCKETS_FIRST : 0;
    return buckets ? 0 : -ENOMEM;
}

void route_shutdown(void)
{
    pool_free(&nodes);
    pool_free(&all_reasons);
    free(buckets);
    buckets = NULL;
    root = bucket_count = shared_count = 0;
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

/* Reasons ----------------------------------------------------------------- */

static struct reasons *reasons_at(uint32_t number)
{
    static struct reasons none;
    return number ? pool_at(&all_reasons, number) : &none;
}

static uint32_t *bucket_of(const struct reasons *r)
{
    uint64_t key = (uint64_t)r->gateway << 32 | r->nexthop[ROUTE_STATIC];
    return &buckets[random_mix(key) & (bucket_count - 1)];
}

static bool is_static_only(const struct reasons *r)
{
    return r->present == 1u << ROUTE_STATIC;
}

/* Twice the buckets; without memory for them the chains grow instead. */
static void buckets_grow(void)
{
    uint32_t *old = buckets, *more = table_calloc(2 * bucket_count, sizeof *more);
    if (!more)
        return;
    buckets = more;
    bucket_count *= 2;
    for (uint32_t i = 0; i < bucket_count / 2; i++)
        for (uint32_t number = old[i], next; number; number = next) {
            uint32_t *bucket = bucket_of(reasons_at(number));
            next = reasons_at(number)->next;
            reasons_at(number)->next = *bucket;
            *bucket = number;
        }
    free(old);
}

static void reasons_share(uint32_t number)
{
    struct reasons *r = reasons_at(number);
    uint32_t *bucket = bucket_of(r);
    r->shared = true;
    r->next = *bucket;
    *bucket = number;
    if (++shared_count > 2 * bucket_count)
        buckets_grow();
}

static void reasons_unshare(uint32_t number)
{
    struct reasons *r = reasons_at(number);
    uint32_t *place = bucket_of(r);
    if (!r->shared)
        return;
    while (*place != number)
        place = &reasons_at(*place)->next;
    *place = r->next;
    r->shared = false;
    shared_count--;
}

static uint32_t reasons_find(const struct reasons *wanted)
{
    uint32_t number = is_static_only(wanted) ? *bucket_of(wanted) : 0;
    while (number && (reasons_at(number)->gateway != wanted->gateway ||
                      reasons_at(number)->nexthop[ROUTE_STATIC] != wanted->nexthop[ROUTE_STATIC]))
        number = reasons_at(number)->next;
    return number;
}

static void reasons_release(uint32_t number)
{
    if (!number || --reasons_at(number)->references)
        return;
    reasons_unshare(number);
    pool_give(&all_reasons, number);
}

/* The node's reasons become those wanted.  Only what others share, or what was not there, needs
 * memory: taking a source out does not, and neither does what was there a moment ago. */
static int reasons_set(struct node *n, const struct reasons *wanted)
{
    uint32_t number = reasons_find(wanted), was = n->reasons;
    if (number) {
        reasons_at(number)->references++;
    } else if (wanted->present) {
        bool alone = was && reasons_at(was)->references == 1;
        number = alone ? was : pool_take(&all_reasons);
        if (!number)
            return -ENOMEM;
        reasons_unshare(number);
        *reasons_at(number) = *wanted;
        reasons_at(number)->references = alone ? 2 : 1;
        reasons_at(number)->shared = false;
        if (is_static_only(wanted))
            reasons_share(number);
    }
    n->reasons = number & 0x3ffffff;
    reasons_release(was);
    return 0;
}

/* The trie ---------------------------------------------------------------- */

static struct node *at(uint32_t number)
{
    return pool_at(&nodes, number);
}

static unsigned bit_at(uint32_t prefix, unsigned position)
{
    return prefix >> (31 - position) & 1;
}

static bool covers(const struct node *n, uint32_t prefix, unsigned length)
{
    return n->length <= length && !((n->prefix ^ prefix) & ipv4_mask(n->length));
}

static uint32_t best_of(const uint32_t nexthop[ROUTE_SOURCES])
{
    for (unsigned i = 0; i < ROUTE_SOURCES; i++)
        if (nexthop[i])
            return nexthop[i];
    return NEXTHOP_NONE;
}

uint32_t route_nexthop(const struct route *route)
{
    return best_of(route->nexthop);
}

static uint32_t node_nexthop(const struct node *n)
{
    return best_of(reasons_at(n->reasons)->nexthop);
}

/* What others see of a node. */
static void route_fill(struct route *route, const struct node *n)
{
    const struct reasons *r = reasons_at(n->reasons);
    *route = (struct route){
        .prefix = n->prefix, .length = n->length, .present = r->present, .gateway = r->gateway
    };
    memcpy(route->nexthop, r->nexthop, sizeof route->nexthop);
}

static struct node *node_find(uint32_t prefix, unsigned length)
{
    for (uint32_t i = root; i && covers(at(i), prefix, length);
         i = at(i)->child[bit_at(prefix, at(i)->length)])
        if (at(i)->length == length)
            return at(i);
    return NULL;
}

static uint32_t node_make(uint32_t prefix, unsigned length)
{
    uint32_t number = pool_take(&nodes);
    if (number) {
        at(number)->prefix = prefix;
        at(number)->length = length & 0x3f;
    }
    return number;
}

static unsigned common_length(const struct node *n, uint32_t prefix, unsigned length)
{
    uint32_t differ = n->prefix ^ prefix;
    unsigned same = differ ? (unsigned)__builtin_clz(differ) : 32;
    same = same < n->length ? same : n->length;
    return same < length ? same : length;
}

/* The node of this prefix, made if need be; NULL: no memory, nothing changed. */
static struct node *node_get(uint32_t prefix, unsigned length)
{
    uint32_t *place = &root;
    while (*place && covers(at(*place), prefix, length)) {
        if (at(*place)->length == length)
            return at(*place);
        place = &at(*place)->child[bit_at(prefix, at(*place)->length)];
    }
    uint32_t made = node_make(prefix, length), old = *place;
    if (!made)
        return NULL;
    unsigned same = old ? common_length(at(old), prefix, length) : length;
    if (same == length) {
        if (old)
            at(made)->child[bit_at(at(old)->prefix, length)] = old;
        *place = made;
        return at(made);
    }
    uint32_t fork = node_make(prefix & ipv4_mask(same), same);
    if (!fork) {
        pool_give(&nodes, made);
        return NULL;
    }
    at(fork)->child[bit_at(prefix, same)] = made;
    at(fork)->child[bit_at(at(old)->prefix, same)] = old;
    *place = fork;
    return at(made);
}

/* Takes out a node that carries nothing and joins nothing. */
static void node_drop(uint32_t *place)
{
    uint32_t number = *place;
    if (!number || at(number)->reasons || (at(number)->child[0] && at(number)->child[1]))
        return;
    *place = at(number)->child[0] ? at(number)->child[0] : at(number)->child[1];
    pool_give(&nodes, number);
}

/* The prefix has lost its last source: its node goes, and then perhaps the
 * fork above it. */
static void node_prune(uint32_t prefix, unsigned length)
{
    uint32_t *place = &root, *above = NULL;
    while (*place && at(*place)->length < length) {
        above = place;
        place = &at(*place)->child[bit_at(prefix, at(*place)->length)];
    }
    node_drop(place);
    if (above && nodes.used)
        node_drop(above);
}

/* The longest usable prefix above this one. */
static const struct node *cover_find(uint32_t prefix, unsigned length)
{
    const struct node *best = NULL;
    for (uint32_t i = root; i && at(i)->length < length && covers(at(i), prefix, length);
         i = at(i)->child[bit_at(prefix, at(i)->length)])
        if (node_nexthop(at(i)))
            best = at(i);
    return best;
}

bool route_is_connected(uint32_t address)
{
    const struct node *n = cover_find(address, 32);
    return n && reasons_at(n->reasons)->nexthop[ROUTE_CONNECTED];
}

bool route_covering(uint32_t prefix, unsigned length, struct route *route)
{
    const struct node *best = NULL;
    for (uint32_t i = root; i && covers(at(i), prefix, length);
         i = at(i)->child[bit_at(prefix, at(i)->length)]) {
        if (at(i)->reasons)
            best = at(i);
        if (at(i)->length == length)
            break;
    }
    if (best)
        route_fill(route, best);
    return best;
}

bool route_get(uint32_t prefix, unsigned length, struct route *route)
{
    const struct node *n = node_find(prefix, length);
    if (!n || !n->reasons)
        return false;
    route_fill(route, n);
    return true;
}

/* The root of the subtree that holds the first prefix after `after`. */
static uint32_t subtree_after(const struct route *after)
{
    uint32_t i = root, next = 0;
    while (i && covers(at(i), after->prefix, after->length)) {
        const struct node *n = at(i);
        if (n->length == after->length)
            return n->child[0] ? n->child[0] : n->child[1] ? n->child[1] : next;
        unsigned bit = bit_at(after->prefix, n->length);
        if (!bit && n->child[1])
            next = n->child[1];
        i = n->child[bit];
    }
    /* After's node is gone: what is there, if anything, hangs where it was or beside it. */
    return i && at(i)->prefix >= after->prefix ? i : next;
}

bool route_next(const struct route *after, struct route *route)
{
    uint32_t i = after ? subtree_after(after) : root;
    while (i && !at(i)->reasons) /* a fork: it has both children */
        i = at(i)->child[0];
    if (i)
        route_fill(route, at(i));
    return i;
}

/* Changes ----------------------------------------------------------------- */

static int fib_publish(const struct node *n)
{
    uint32_t nexthop = node_nexthop(n);
    if (nexthop)
        return fib_set(n->prefix, n->length, nexthop);
    const struct node *cover = cover_find(n->prefix, n->length);
    fib_clear(n->prefix, n->length, cover ? cover->length : 0, cover ? node_nexthop(cover) : 0);
    return 0;
}

/* The forwarding table before what is told of it: what it does not name any more may go. */
static int node_change(struct node *n, const struct reasons *wanted)
{
    uint32_t best = node_nexthop(n);
    struct reasons was = *reasons_at(n->reasons);
    int e = reasons_set(n, wanted);
    if (e || node_nexthop(n) == best)
        return e;
    e = fib_publish(n);
    if (e)
        reasons_set(n, &was); /* which needs no memory */
    return e;
}

static void usable_count(enum route_source source, uint32_t was, uint32_t is)
{
    source_usable[source] += !!is;
    source_usable[source] -= !!was;
    nexthop_hold(is);
    nexthop_release(was);
}

/* gateway NULL: as it is. */
static int set(uint32_t prefix, unsigned length, enum route_source source, uint32_t nexthop,
               const uint32_t *gateway)
{
    struct node *n = node_get(prefix, length);
    if (!n)
        return -ENOMEM;
    struct reasons wanted = *reasons_at(n->reasons);
    uint8_t present = wanted.present;
    uint32_t was = wanted.nexthop[source];
    wanted.present |= (uint8_t)(1u << source);
    wanted.nexthop[source] = nexthop;
    wanted.gateway = gateway ? *gateway : wanted.gateway;
    int e = node_change(n, &wanted);
    if (!e) {
        count += !present;
        source_count[source] += !(present >> source & 1);
        usable_count(source, was, nexthop);
    }
    if (!n->reasons)
        node_prune(prefix, length);
    return e;
}

int route_set(uint32_t prefix, unsigned length, enum route_source source, uint32_t nexthop)
{
    return set(prefix, length, source, nexthop, NULL);
}

int route_set_static(uint32_t prefix, unsigned length, uint32_t gateway, uint32_t nexthop)
{
    return set(prefix, length, ROUTE_STATIC, nexthop, &gateway);
}

void route_clear(uint32_t prefix, unsigned length, enum route_source source)
{
    struct node *n = node_find(prefix, length);
    struct reasons wanted = *reasons_at(n ? n->reasons : 0);
    uint32_t was = wanted.nexthop[source];
    if (!(wanted.present >> source & 1))
        return;
    wanted.present &= (uint8_t) ~(1u << source);
    wanted.nexthop[source] = NEXTHOP_NONE;
    if (source == ROUTE_STATIC)
        wanted.gateway = 0;
    node_change(n, &wanted);
    usable_count(source, was, NEXTHOP_NONE);
    source_count[source]--;
    if (wanted.present)
        return;
    count--;
    node_prune(prefix, length);
}
