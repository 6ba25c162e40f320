/* route.c - the table of prefixes (route.h). */
#include "apps/ip/route.h"

#include "apps/ip/fib.h"
#include "apps/ip/fib6.h"
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
    uint32_t child[2]; /* numbers; 0: none */
    uint32_t length : 8, reasons : 24;
    uint32_t word[]; /* of the prefix: as many as an address of the family has */
};
#define NODE_V4 (sizeof(struct node) + sizeof(uint32_t))
#define NODE_V6 (sizeof(struct node) + 4 * sizeof(uint32_t))
_Static_assert(NODE_V4 == 16, "a million routes are two million nodes");

/* A prefix as the nodes have it. */
struct key {
    struct trie_of_family *family;
    unsigned length;
    uint32_t word[4];
};

static struct trie_of_family {
    struct pool nodes;
    uint32_t root;
    unsigned words;
} families[IP_FAMILIES] = {
    { .nodes.size = NODE_V4, .words = 1 },
    { .nodes.size = NODE_V6, .words = 4 },
};

/* Why a prefix is there.  Static routes of one target and route object, and of no other source,
 * share theirs: a million routes have few of them. */
struct reasons {
    uint32_t references, next; /* next: in its bucket */
    struct route_target *target;
    uint32_t nexthop[ROUTE_SOURCES];
    uint8_t present;
    bool shared;
};

static struct pool all_reasons = { .size = sizeof(struct reasons) };
static uint32_t *buckets; /* of those that are shared */
static uint32_t bucket_count, shared_count;
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
    for (unsigned i = 0; i < IP_FAMILIES; i++) {
        pool_free(&families[i].nodes);
        families[i].root = 0;
    }
    pool_free(&all_reasons);
    free(buckets);
    buckets = NULL;
    bucket_count = shared_count = 0;
    count = 0;
    memset(source_count, 0, sizeof source_count);
    memset(source_usable, 0, sizeof source_usable);
    fib_shutdown();
    fib6_shutdown();
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
    uint64_t key = (uintptr_t)r->target << 8 ^ r->nexthop[ROUTE_STATIC];
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
    while (number && (reasons_at(number)->target != wanted->target ||
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
    n->reasons = number & 0xffffff;
    reasons_release(was);
    return 0;
}

/* The trie ---------------------------------------------------------------- */

static struct key key_of(struct ip_address prefix, unsigned length)
{
    struct key key = { .family = &families[ip_family(prefix)], .length = length };
    if (ip_is_v4(prefix)) {
        key.word[0] = ip_to_v4(prefix);
    } else {
        key.word[0] = (uint32_t)(prefix.high >> 32);
        key.word[1] = (uint32_t)prefix.high;
        key.word[2] = (uint32_t)(prefix.low >> 32);
        key.word[3] = (uint32_t)prefix.low;
    }
    return key;
}

static struct ip_address prefix_of(const struct key *key, const struct node *n)
{
    if (key->family->words == 1)
        return ip_from_v4(n->word[0]);
    return (struct ip_address){ (uint64_t)n->word[0] << 32 | n->word[1],
                                (uint64_t)n->word[2] << 32 | n->word[3] };
}

static struct node *at(const struct key *key, uint32_t number)
{
    return pool_at(&key->family->nodes, number);
}

static unsigned bit_at(const uint32_t *word, unsigned position)
{
    return word[position / 32] >> (31 - position % 32) & 1;
}

/* How many bits from the first on a node has in common with the key. */
static unsigned common_length(const struct node *n, const struct key *key)
{
    unsigned same = key->family->words * 32;
    for (unsigned i = 0; i < key->family->words; i++)
        if (n->word[i] != key->word[i]) {
            same = 32 * i + (unsigned)__builtin_clz(n->word[i] ^ key->word[i]);
            break;
        }
    same = same < n->length ? same : n->length;
    return same < key->length ? same : key->length;
}

static bool covers(const struct node *n, const struct key *key)
{
    return common_length(n, key) == n->length;
}

/* The child in whose direction the key goes on. */
static uint32_t *child_of(struct node *n, const struct key *key)
{
    return &n->child[bit_at(key->word, n->length)];
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
static void route_fill(struct route *route, const struct key *key, const struct node *n)
{
    const struct reasons *r = reasons_at(n->reasons);
    *route = (struct route){
        .prefix = prefix_of(key, n), .length = n->length, .present = r->present, .target = r->target
    };
    memcpy(route->nexthop, r->nexthop, sizeof route->nexthop);
}

static struct node *node_find(const struct key *key)
{
    uint32_t i = key->family->root;
    while (i && covers(at(key, i), key)) {
        struct node *n = at(key, i);
        if (n->length == key->length)
            return n;
        i = *child_of(n, key);
    }
    return NULL;
}

/* The first `length` bits of the key. */
static uint32_t node_make(const struct key *key, unsigned length)
{
    uint32_t number = pool_take(&key->family->nodes);
    if (!number)
        return 0;
    struct node *n = at(key, number);
    n->length = length & 0xff;
    for (unsigned i = 0; i < key->family->words && 32 * i < length; i++)
        n->word[i] = key->word[i] & (length - 32 * i < 32 ? ~(~0u >> (length - 32 * i)) : ~0u);
    return number;
}

/* The node of this prefix, made if need be; NULL: no memory, nothing changed. */
static struct node *node_get(const struct key *key)
{
    uint32_t *place = &key->family->root;
    while (*place && covers(at(key, *place), key)) {
        if (at(key, *place)->length == key->length)
            return at(key, *place);
        place = child_of(at(key, *place), key);
    }
    uint32_t made = node_make(key, key->length), old = *place;
    if (!made)
        return NULL;
    unsigned same = old ? common_length(at(key, old), key) : key->length;
    if (same == key->length) {
        if (old)
            at(key, made)->child[bit_at(at(key, old)->word, same)] = old;
        *place = made;
        return at(key, made);
    }
    uint32_t fork = node_make(key, same);
    if (!fork) {
        pool_give(&key->family->nodes, made);
        return NULL;
    }
    at(key, fork)->child[bit_at(key->word, same)] = made;
    at(key, fork)->child[bit_at(at(key, old)->word, same)] = old;
    *place = fork;
    return at(key, made);
}

/* Takes out a node that carries nothing and joins nothing. */
static void node_drop(const struct key *key, uint32_t *place)
{
    uint32_t number = *place;
    const struct node *n = number ? at(key, number) : NULL;
    if (!n || n->reasons || (n->child[0] && n->child[1]))
        return;
    *place = n->child[0] ? n->child[0] : n->child[1];
    pool_give(&key->family->nodes, number);
}

/* The prefix has lost its last source: its node goes, and then perhaps the
 * fork above it. */
static void node_prune(const struct key *key)
{
    uint32_t *place = &key->family->root, *above = NULL;
    while (*place && at(key, *place)->length < key->length) {
        above = place;
        place = child_of(at(key, *place), key);
    }
    node_drop(key, place);
    if (above && key->family->nodes.used)
        node_drop(key, above);
}

/* The longest usable prefix above this one. */
static const struct node *cover_find(const struct key *key)
{
    const struct node *best = NULL;
    for (uint32_t i = key->family->root;
         i && at(key, i)->length < key->length && covers(at(key, i), key);
         i = *child_of(at(key, i), key))
        if (node_nexthop(at(key, i)))
            best = at(key, i);
    return best;
}

bool route_is_connected(struct ip_address address, uint16_t interface)
{
    const struct key key = key_of(address, ip_bits(address));
    const struct node *n = cover_find(&key);
    const struct nexthop *leads = n ? nexthop_at(node_nexthop(n)) : NULL;
    return leads && leads->kind == NEXTHOP_CONNECTED && leads->interface == interface;
}

bool route_is_on_link(struct ip_address address, uint16_t interface)
{
    const struct key key = key_of(address, ip_bits(address));
    uint32_t i = key.family->root;
    while (i && covers(at(&key, i), &key)) {
        struct node *n = at(&key, i);
        const struct route_target *target = reasons_at(n->reasons)->target;
        if (target && target->on_link == interface)
            return true;
        if (n->length == key.length)
            break;
        i = *child_of(n, &key);
    }
    return false;
}

bool route_covering(struct ip_address prefix, unsigned length, struct route *route)
{
    const struct key key = key_of(prefix, length);
    const struct node *best = NULL;
    uint32_t i = key.family->root;
    while (i && covers(at(&key, i), &key)) {
        struct node *n = at(&key, i);
        if (n->reasons)
            best = n;
        if (n->length == length)
            break;
        i = *child_of(n, &key);
    }
    if (best)
        route_fill(route, &key, best);
    return best;
}

bool route_get(struct ip_address prefix, unsigned length, struct route *route)
{
    const struct key key = key_of(prefix, length);
    const struct node *n = node_find(&key);
    if (!n || !n->reasons)
        return false;
    route_fill(route, &key, n);
    return true;
}

/* The root of the subtree that holds the first prefix of the family after the key. */
static uint32_t subtree_after(const struct key *key)
{
    uint32_t i = key->family->root, next = 0;
    while (i && covers(at(key, i), key)) {
        struct node *n = at(key, i);
        if (n->length == key->length)
            return n->child[0] ? n->child[0] : n->child[1] ? n->child[1] : next;
        if (!bit_at(key->word, n->length) && n->child[1])
            next = n->child[1];
        i = *child_of(n, key);
    }
    /* Its node is gone: what is there, if anything, hangs where it was or beside it. */
    unsigned same = i ? common_length(at(key, i), key) : 0;
    return i && (same == key->length || bit_at(at(key, i)->word, same)) ? i : next;
}

static bool first_below(const struct key *key, uint32_t i, struct route *route)
{
    while (i && !at(key, i)->reasons) /* a fork: it has both children */
        i = at(key, i)->child[0];
    if (i)
        route_fill(route, key, at(key, i));
    return i;
}

bool route_next(const struct route *after, struct route *route)
{
    if (after) {
        const struct key key = key_of(after->prefix, after->length);
        if (first_below(&key, subtree_after(&key), route))
            return true;
    }
    for (unsigned i = after ? ip_family(after->prefix) + 1 : 0; i < IP_FAMILIES; i++) {
        const struct key key = { .family = &families[i] };
        if (first_below(&key, key.family->root, route))
            return true;
    }
    return false;
}

/* Changes ----------------------------------------------------------------- */

static int fib_publish(const struct key *key, const struct node *n)
{
    uint32_t nexthop = node_nexthop(n);
    const struct node *cover = nexthop ? NULL : cover_find(key);
    unsigned cover_length = cover ? cover->length : 0;
    uint32_t below = cover ? node_nexthop(cover) : 0;
    uint8_t prefix[FIB6_ADDRESS];
    if (key->family->words == 1) {
        if (nexthop)
            return fib_set(key->word[0], key->length, nexthop);
        fib_clear(key->word[0], key->length, cover_length, below);
        return 0;
    }
    ip_store(prefix, prefix_of(key, n));
    if (nexthop)
        return fib6_set(prefix, key->length, nexthop);
    fib6_clear(prefix, key->length, cover_length, below);
    return 0;
}

/* The forwarding table before what is told of it: what it does not name any more may go. */
static int node_change(const struct key *key, struct node *n, const struct reasons *wanted)
{
    uint32_t best = node_nexthop(n);
    struct reasons was = *reasons_at(n->reasons);
    int e = reasons_set(n, wanted);
    if (e || node_nexthop(n) == best)
        return e;
    e = fib_publish(key, n);
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

/* target NULL: as it is. */
static int set(struct ip_address prefix, unsigned length, enum route_source source,
               uint32_t nexthop, struct route_target *target)
{
    const struct key key = key_of(prefix, length);
    if (key.family->words > 1 && fib6_init())
        return -ENOMEM;
    struct node *n = node_get(&key);
    if (!n)
        return -ENOMEM;
    struct reasons wanted = *reasons_at(n->reasons);
    uint8_t present = wanted.present;
    uint32_t was = wanted.nexthop[source];
    wanted.present |= (uint8_t)(1u << source);
    wanted.nexthop[source] = nexthop;
    wanted.target = target ? target : wanted.target;
    int e = node_change(&key, n, &wanted);
    if (!e) {
        count += !present;
        source_count[source] += !(present >> source & 1);
        usable_count(source, was, nexthop);
    }
    if (!n->reasons)
        node_prune(&key);
    return e;
}

int route_set(struct ip_address prefix, unsigned length, enum route_source source, uint32_t nexthop)
{
    return set(prefix, length, source, nexthop, NULL);
}

int route_set_static(struct ip_address prefix, unsigned length, struct route_target *target,
                     uint32_t nexthop)
{
    return set(prefix, length, ROUTE_STATIC, nexthop, target);
}

void route_clear(struct ip_address prefix, unsigned length, enum route_source source)
{
    const struct key key = key_of(prefix, length);
    struct node *n = node_find(&key);
    struct reasons wanted = *reasons_at(n ? n->reasons : 0);
    uint32_t was = wanted.nexthop[source];
    if (!(wanted.present >> source & 1))
        return;
    wanted.present &= (uint8_t) ~(1u << source);
    wanted.nexthop[source] = NEXTHOP_NONE;
    if (source == ROUTE_STATIC)
        wanted.target = NULL;
    node_change(&key, n, &wanted);
    usable_count(source, was, NEXTHOP_NONE);
    source_count[source]--;
    if (wanted.present)
        return;
    count--;
    node_prune(&key);
}
