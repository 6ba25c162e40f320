/* neighbor.c - the neighbor table (neighbor.h). */
#include "apps/ip/neighbor.h"

#include "apps/forward/event.h"
#include "apps/forward/job.h"
#include "apps/ip/address.h"
#include "apps/ip/adjacency.h"
#include "apps/ip/arp.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/name.h"
#include "apps/ip/nd.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/on_link.h"
#include "apps/ip/route.h"
#include "apps/ip/running.h"
#include "apps/ip/transmit.h"
#include "kernel/limit.h"
#include "kernel/log.h"
#include "kernel/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u
#define EVICT_LOOKS 64u /* entries looked at to find room: a bound on work per frame */
#define RANK_IN_USE 1u
#define IN_USE_US (60 * US_PER_S)
#define TICK_US 10000u
#define TICK_ENTRIES 256u /* served per tick */
#define ADDRESSES_CHEAP \
    64u /* so many may be looked through for an entry; with more slices are shorter */

struct neighbor {
    uint32_t link; /* slots.h */
    uint32_t next; /* in its bucket; number + 1, 0: none */
    struct ip_address address;
    uint32_t adjacency, nexthop;
    uint32_t holds;              /* routes whose gateway this is */
    uint32_t flips;              /* of the interface, when it was last looked at */
    struct interface *interface; /* NULL: it is gone, and a route still holds the entry */
    uint8_t mac[MAC_LEN];
    uint8_t state; /* enum neighbor_state */
    uint8_t tries;
    uint8_t queued;
    bool used;                   /* since it went stale */
    bool served;                 /* ever; used_us says when last */
    struct packet *first, *last; /* frames waiting, linked through packet->user */
    uint64_t expires_us;         /* of the state */
    uint64_t used_us;            /* last time somebody needed it */
};

static struct slots table;
static uint32_t buckets[BUCKETS]; /* number + 1, 0: empty */
static uint32_t hand, cursor;     /* of eviction, of the tick */
static uint32_t in_vain;          /* entries in a row that eviction found in use */
static uint64_t held;             /* received frames in queues */
static uint32_t waiting;          /* all frames in queues */
static struct limit resolve[IP_FAMILIES];
static uint64_t refused; /* entries there was no room for */

const char *const neighbor_state_names[] = {
    [NEIGHBOR_FREE] = "free",
    [NEIGHBOR_IDLE] = "idle",
    [NEIGHBOR_INCOMPLETE] = "incomplete",
    [NEIGHBOR_REACHABLE] = "reachable",
    [NEIGHBOR_STALE] = "stale",
    [NEIGHBOR_DELAY] = "delay",
    [NEIGHBOR_PROBE] = "probe",
    [NEIGHBOR_FAILED] = "failed",
    [NEIGHBOR_STATIC] = "static",
};

/* The table --------------------------------------------------------------- */

static struct neighbor *at(uint32_t number)
{
    return slots_at(&table, number);
}

static uint32_t *bucket_of(struct ip_address address)
{
    return &buckets[ip_hash(address) % BUCKETS];
}

static struct neighbor *neighbor_find(struct ip_address address, const struct interface *interface)
{
    for (uint32_t i = *bucket_of(address); i; i = at(i - 1)->next)
        if (ip_equal(at(i - 1)->address, address) && at(i - 1)->interface == interface)
            return at(i - 1);
    return NULL;
}

/* By address alone, where people ask. */
static struct neighbor *neighbor_named(struct ip_address address)
{
    for (uint32_t i = *bucket_of(address); i; i = at(i - 1)->next)
        if (ip_equal(at(i - 1)->address, address) && at(i - 1)->state != NEIGHBOR_IDLE)
            return at(i - 1);
    return NULL;
}

static uint16_t type_of(const struct neighbor *n)
{
    return ip_is_v4(n->address) ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
}

static bool is_resolved(const struct neighbor *n)
{
    return n->state == NEIGHBOR_REACHABLE || n->state == NEIGHBOR_STALE ||
           n->state == NEIGHBOR_DELAY || n->state == NEIGHBOR_PROBE || n->state == NEIGHBOR_STATIC;
}

/* A route says that it is on that link, as a gateway or as one of its hosts. */
static bool is_said_on(struct ip_address address, const struct interface *interface)
{
    return on_link_has(address, interface->number) || route_is_on_link(address, interface->number);
}

bool neighbor_may_be(struct ip_address address, const struct interface *interface)
{
    const struct address *on = interface ? address_covering_on(interface, address) : NULL;
    if (!interface || address_is_ours(interface, address))
        return false;
    return (on && address_is_host(on, address)) ||
           (is_said_on(address, interface) && address_source(interface, address));
}

/* In effect or not. */
static bool is_our_own(struct ip_address address, const struct interface *interface)
{
    const struct address *a;
    for (unsigned i = 0; ipv6_is_link_local(address) && (a = address_of(interface, i)); i++)
        if (ip_equal(a->address, address))
            return true;
    return address_configured(address);
}

/* What a configuration may say, though it be not in effect. */
static enum neighbor_ground ground_of(struct ip_address address, const struct interface *interface)
{
    if (!interface || is_our_own(address, interface))
        return NEIGHBOR_NO_GROUND;
    if (ipv6_is_link_local(address))
        return address_configured_on(interface, address) ? NEIGHBOR_BY_PREFIX : NEIGHBOR_NO_GROUND;
    const struct address *on = address_configured_for(address);
    if (on && on->interface == interface->number && address_is_host(on, address))
        return NEIGHBOR_BY_PREFIX;
    return is_said_on(address, interface) ? NEIGHBOR_BY_ROUTE : NEIGHBOR_NO_GROUND;
}

/* The host route may be another entry's, of the same address on another interface. */
static void host_route_clear(const struct neighbor *n)
{
    struct route r;
    unsigned bits = ip_bits(n->address);
    if (route_get(n->address, bits, &r) && r.nexthop[ROUTE_NEIGHBOR] == n->nexthop)
        route_clear(n->address, bits, ROUTE_NEIGHBOR);
}

static void withdraw(const struct neighbor *n)
{
    adjacency_unresolve(n->adjacency);
    host_route_clear(n);
}

/* From here on workers forward to it; the host route saves the slow path of the connected
 * prefix, where that is the longest that leads there: what somebody says by ARP outdoes no
 * static route.  If there is no memory for it, frames come round by the control task. */
static void publish(const struct neighbor *n)
{
    if (!n->interface->up) {
        withdraw(n);
        return;
    }
    adjacency_resolve(n->adjacency, n->mac);
    if (ipv6_is_link_local(n->address))
        return;
    if (route_is_connected(n->address, n->interface->number))
        route_set(n->address, ip_bits(n->address), ROUTE_NEIGHBOR, n->nexthop);
    else
        host_route_clear(n);
}

/* Queues ------------------------------------------------------------------ */

static struct packet *queue_pop(struct neighbor *n)
{
    struct packet *p = n->first;
    n->first = (struct packet *)(uintptr_t)p->user;
    n->queued--;
    waiting--;
    held -= p->port != PORT_NONE;
    return p;
}

static void queue_drop(struct worker *control, struct neighbor *n, enum drop_reason why)
{
    while (n->first)
        ip_drop(control, why, queue_pop(n));
}

static uint32_t held_limit(const struct worker *control)
{
    uint32_t quarter = packet_pool_count(control->cache.pool) / 4;
    return quarter < NEIGHBOR_HELD_MAX ? quarter : NEIGHBOR_HELD_MAX;
}

static void queue_append(struct neighbor *n, struct packet *p)
{
    p->user = 0;
    if (n->first)
        n->last->user = (uintptr_t)p;
    else
        n->first = p;
    n->last = p;
    n->queued++;
    waiting++;
    held += p->port != PORT_NONE;
}

static void queue_push(struct worker *control, struct neighbor *n, struct packet *p)
{
    if (n->queued == NEIGHBOR_QUEUE_MAX) /* RFC 1122 2.3.2.2: keep the latest */
        ip_drop(control, DROP_neighbor_queue, queue_pop(n));
    if (waiting >= held_limit(control))
        ip_drop(control, DROP_neighbor_queue, p);
    else
        queue_append(n, p);
}

static bool is_gone(const struct interface *interface)
{
    return !interface || interface->gone;
}

/* Drops those that came in where nothing is any more, keeps the others in their order. */
static void queue_purge(struct worker *control, struct neighbor *n)
{
    for (unsigned left = n->queued; left; left--) {
        struct packet *p = queue_pop(n);
        if ((p->interface != INTERFACE_NONE && is_gone(interface_get(p->interface))) ||
            (p->port != PORT_NONE && is_gone(interface_by_port(p->port))))
            ip_drop(control, DROP_host_unreachable, p);
        else
            queue_append(n, p);
    }
}

static void send(struct worker *control, const struct neighbor *n, struct packet *p)
{
    memcpy(p->data, n->mac, MAC_LEN);
    memcpy(p->data + ETHERNET_SOURCE, n->interface->mac, MAC_LEN);
    store_be16(p->data + ETHERNET_TYPE, type_of(n));
    ip_transmit(control, n->interface, p);
}

/* Entries ----------------------------------------------------------------- */

static void bucket_remove(struct neighbor *n)
{
    uint32_t *place = bucket_of(n->address);
    while (at(*place - 1) != n)
        place = &at(*place - 1)->next;
    *place = n->next;
}

/* Ends what was learned.  The entry goes, unless a route holds it. */
static void neighbor_remove(struct worker *control, struct neighbor *n, enum drop_reason why)
{
    withdraw(n);
    queue_drop(control, n, why);
    n->state = NEIGHBOR_IDLE;
    if (n->holds)
        return;
    uint32_t number = adjacency_at(n->adjacency)->owner;
    bucket_remove(n);
    n->state = NEIGHBOR_FREE;
    adjacency_free(n->adjacency);
    nexthop_release(n->nexthop);
    slots_give(&table, number);
}

/* Frames went there lately.  Who only spoke to us may be one of thousands that are not there. */
static bool is_in_use(const struct neighbor *n, uint64_t now_us)
{
    return load_relaxed(&adjacency_at(n->adjacency)->used) ||
           (n->served && now_us < n->used_us + IN_USE_US);
}

/* How little would be lost: 0 is kept. */
static unsigned evict_rank(const struct neighbor *n, uint64_t now_us)
{
    if (n->holds || n->state == NEIGHBOR_STATIC || n->state == NEIGHBOR_FREE)
        return 0;
    return n->state == NEIGHBOR_FAILED       ? 4
           : n->state == NEIGHBOR_INCOMPLETE ? 3
           : !is_in_use(n, now_us)           ? 2
                                             : RANK_IN_USE;
}

/* The table is full: the least useful of the next few round the clock goes; one in use only when
 * nothing else was seen on a whole round, so that who comes new may find no room, or when it must
 * be.  The place can be had once no worker can hold it any more: perhaps at once, perhaps for the
 * next one. */
static void neighbor_evict(struct worker *control, bool must)
{
    struct neighbor *victim = NULL;
    unsigned best = 0, looks = must ? table.made : EVICT_LOOKS;
    uint64_t now_us = time_us();
    for (unsigned i = 0; i < looks; i++) {
        struct neighbor *n = at(hand++ % table.made);
        unsigned rank = evict_rank(n, now_us);
        if (rank > best) {
            best = rank;
            victim = n;
        }
    }
    in_vain = best > RANK_IN_USE ? 0 : in_vain + looks;
    if (!victim || (best == RANK_IN_USE && in_vain < table.made))
        return;
    in_vain = 0;
    neighbor_remove(control, victim, DROP_neighbor_queue);
}

static uint32_t number_take(struct worker *control, bool must)
{
    if (table.used >= NEIGHBORS_MAX && !table.waiting && !table.resting)
        neighbor_evict(control, must);
    return slots_take(&table);
}

/* Its adjacency and the route object that names it. */
static bool target_make(struct neighbor *n, uint32_t number)
{
    n->adjacency = adjacency_make(n->interface, type_of(n), number);
    n->nexthop = n->adjacency ? nexthop_via(n->interface->number, n->adjacency) : NEXTHOP_NONE;
    if (!n->nexthop && n->adjacency)
        adjacency_free(n->adjacency);
    return n->nexthop;
}

static struct neighbor *make(struct ip_address address, struct interface *interface, bool must)
{
    uint32_t number = number_take(control_worker(), must);
    if (number == SLOTS_NONE)
        return NULL;
    struct neighbor *n = at(number);
    uint32_t *bucket = bucket_of(address);
    n->address = address;
    n->interface = interface;
    n->flips = interface->flips;
    if (!target_make(n, number)) {
        slots_give(&table, number);
        return NULL;
    }
    n->state = NEIGHBOR_IDLE;
    n->used_us = time_us();
    n->next = *bucket;
    *bucket = number + 1;
    return n;
}

/* A new idle entry, or NULL when there is no room.  Where there is no memory for more
 * entries, one makes room for another as in a full table.  must: also for one that is in use. */
static struct neighbor *neighbor_make(struct ip_address address, struct interface *interface,
                                      bool must)
{
    if (nexthop_init() || slots_init(&table, sizeof(struct neighbor), NEIGHBORS_MAX))
        return NULL;
    struct neighbor *n = make(address, interface, must);
    if (!n && table.made && !table.waiting && !table.resting) {
        neighbor_evict(control_worker(), must);
        n = make(address, interface, must);
    }
    refused += !n;
    return n;
}

/* States ------------------------------------------------------------------ */

/* By broadcast; but of one that we know first by unicast. */
static void ask(struct worker *control, struct neighbor *n, uint64_t now_us)
{
    const struct address *us = n->interface ? address_source(n->interface, n->address) : NULL;
    bool alone = n->state == NEIGHBOR_PROBE && n->tries < NEIGHBOR_TRIES;
    n->tries++;
    n->expires_us = now_us + NEIGHBOR_RETRY_US;
    if (us && !ip_is_v4(n->address))
        nd_solicit(control, n->interface, alone ? n->mac : NULL, us->address, n->address);
    else if (us)
        arp_ask(control, n->interface, alone ? n->mac : mac_broadcast, ip_to_v4(us->address),
                ip_to_v4(n->address));
}

static void enter(struct neighbor *n, enum neighbor_state state, uint64_t expires_us)
{
    n->state = (uint8_t)state;
    n->expires_us = expires_us;
    n->tries = 0;
    n->used = false;
}

/* RFC 4861 6.3.2: so that not all are probed at once. */
static uint64_t reachable_us(const struct neighbor *n)
{
    if (ip_is_v4(n->address))
        return NEIGHBOR_REACHABLE_US;
    return NEIGHBOR6_REACHABLE_US / 2 + random_word() % NEIGHBOR6_REACHABLE_US;
}

/* The MAC is known: what waited goes first, so that nothing overtakes it. */
static void neighbor_resolve(struct worker *control, struct neighbor *n, const uint8_t *mac,
                             enum neighbor_state state)
{
    memcpy(n->mac, mac, MAC_LEN);
    enter(n, state, time_us() + reachable_us(n));
    while (n->first)
        send(control, n, queue_pop(n));
    publish(n);
}

static void refuse(struct worker *control, uint16_t type, struct packet *packet)
{
    TABLE_FOR_EACH (neighbor_refusals, struct neighbor_refusal, refusal) {
        if (refusal->type != type)
            continue;
        refusal->refuse(control, packet);
        return;
    }
    ip_drop(control, DROP_host_unreachable, packet);
}

/* unread: RFC 1812 3.3.2: unreachable only now that asking has proved fruitless.  The
 * entry may be evicted by what the errors set in motion: it is left first. */
static void neighbor_fail(struct worker *control, struct neighbor *n, uint64_t now_us)
{
    struct packet *failed[NEIGHBOR_QUEUE_MAX];
    uint16_t type = type_of(n);
    unsigned count = 0;
    while (n->first)
        failed[count++] = queue_pop(n);
    enter(n, NEIGHBOR_FAILED, now_us + NEIGHBOR_FAILED_US);
    for (unsigned i = 0; i < count; i++)
        refuse(control, type, failed[i]);
}

static bool may_ask(struct ip_address address, uint64_t now_us)
{
    return limit_allows(&resolve[ip_family(address)], now_us, NEIGHBOR_RESOLVE_RATE,
                        NEIGHBOR_RESOLVE_BURST);
}

/* Asks for it, if that is allowed just now. */
static bool neighbor_start(struct worker *control, struct neighbor *n)
{
    uint64_t now_us = time_us();
    if (!may_ask(n->address, now_us))
        return false;
    limit_take(&resolve[ip_family(n->address)], now_us, NEIGHBOR_RESOLVE_RATE);
    enter(n, NEIGHBOR_INCOMPLETE, 0);
    ask(control, n, now_us);
    return true;
}

/* The entry whose adjacency a route object names. */
static struct neighbor *behind(const struct nexthop *nexthop)
{
    return at(nexthop->adjacency->owner);
}

bool neighbor_next_hop(uint32_t nexthop, struct ip_address destination, struct next_hop *hop)
{
    const struct nexthop *h = nexthops.made ? nexthop_at(nexthop) : NULL;
    if (h && h->kind == NEXTHOP_CONNECTED)
        *hop = (struct next_hop){ interface_get(h->interface), destination };
    else if (h && h->kind == NEXTHOP_VIA)
        *hop = (struct next_hop){ behind(h)->interface, behind(h)->address };
    else
        return false;
    return hop->interface;
}

/* Nobody gets an entry who may not be asked for: a scan would fill the table with them. */
static struct neighbor *output_neighbor(const struct nexthop *nexthop,
                                        struct ip_address destination)
{
    if (nexthop->kind == NEXTHOP_VIA)
        return behind(nexthop);
    struct interface *interface = interface_get(nexthop->interface);
    struct neighbor *n = interface ? neighbor_find(destination, interface) : NULL;
    if (n || !interface || !may_ask(destination, time_us()))
        return n;
    return neighbor_make(destination, interface, false);
}

void neighbor_output(struct worker *control, uint32_t nexthop, struct ip_address destination,
                     struct packet *packet)
{
    struct neighbor *n = output_neighbor(nexthop_at(nexthop), destination);
    if (!n) {
        ip_drop(control, DROP_neighbor_queue, packet);
        return;
    }
    store_relaxed(&adjacency_at(n->adjacency)->used, 1);
    if (!n->interface || n->state == NEIGHBOR_FAILED)
        refuse(control, type_of(n), packet);
    else if (is_resolved(n))
        send(control, n, packet);
    else if (n->state == NEIGHBOR_INCOMPLETE || neighbor_start(control, n))
        queue_push(control, n, packet);
    else
        ip_drop(control, DROP_neighbor_queue, packet);
}

/* Time -------------------------------------------------------------------- */

static void use_note(struct neighbor *n, uint64_t now_us)
{
    uint8_t *used = &adjacency_at(n->adjacency)->used;
    if (!load_relaxed(used))
        return;
    store_relaxed(used, 0);
    n->used_us = now_us;
    n->used = n->served = true;
}

/* No answer, after all tries. */
static void silence(struct worker *control, struct neighbor *n, uint64_t now_us)
{
    if (n->state == NEIGHBOR_INCOMPLETE)
        neighbor_fail(control, n, now_us);
    else
        neighbor_remove(control, n, DROP_neighbor_queue);
}

static void stale_serve(struct worker *control, struct neighbor *n, uint64_t now_us)
{
    if (n->used && !ip_is_v4(n->address)) {
        enter(n, NEIGHBOR_DELAY, now_us + NEIGHBOR6_DELAY_US);
    } else if (n->used) {
        enter(n, NEIGHBOR_PROBE, 0);
        ask(control, n, now_us);
    } else if (now_us >= n->used_us + NEIGHBOR_UNUSED_US) {
        neighbor_remove(control, n, DROP_neighbor_queue);
    }
}

/* One of several ways that is left out for want of an answer: no packet will ask for it. */
static bool is_sought(const struct neighbor *n)
{
    return n->state == NEIGHBOR_IDLE && adjacency_at(n->adjacency)->watched && ip_running() &&
           n->interface && n->interface->up && neighbor_may_be(n->address, n->interface);
}

static void neighbor_serve(struct worker *control, struct neighbor *n, uint64_t now_us)
{
    unsigned tries = n->state == NEIGHBOR_PROBE ? 2 * NEIGHBOR_TRIES : NEIGHBOR_TRIES;
    bool expired = now_us >= n->expires_us;
    if (n->state == NEIGHBOR_FREE)
        return;
    use_note(n, now_us);
    if (n->state == NEIGHBOR_STALE) {
        stale_serve(control, n, now_us);
        return;
    }
    if (is_sought(n))
        neighbor_start(control, n);
    if (!expired)
        return;
    if (n->state == NEIGHBOR_INCOMPLETE || n->state == NEIGHBOR_PROBE) {
        if (n->tries < tries)
            ask(control, n, now_us);
        else
            silence(control, n, now_us);
    } else if (n->state == NEIGHBOR_DELAY) {
        enter(n, NEIGHBOR_PROBE, 0);
        ask(control, n, now_us);
    } else if (n->state == NEIGHBOR_REACHABLE) {
        enter(n, NEIGHBOR_STALE, 0);
    } else if (n->state == NEIGHBOR_FAILED) {
        neighbor_remove(control, n, DROP_neighbor_queue);
    }
}

static void tick(struct worker *control, uint64_t now_us)
{
    uint32_t made = table.made;
    for (unsigned i = 0; i < made && i < TICK_ENTRIES; i++) {
        cursor = cursor + 1 < made ? cursor + 1 : 0;
        neighbor_serve(control, at(cursor), now_us);
    }
}

uint64_t neighbor_held(void)
{
    return held;
}

CONTROL_JOB(neighbor_job) = { .every_us = TICK_US, .run = tick, .held = neighbor_held };

/* Learning ---------------------------------------------------------------- */

/* Without a word about the MAC, or with one that does not count against what is known (RFC 4861
 * 7.2.5): the entry may be confirmed, or doubted. */
static void hear_again(struct neighbor *n, bool differs, unsigned how)
{
    if (!differs && (how & NEIGHBOR_CONFIRMED))
        enter(n, NEIGHBOR_REACHABLE, time_us() + reachable_us(n));
    else if (differs && n->state == NEIGHBOR_REACHABLE)
        enter(n, NEIGHBOR_STALE, 0);
}

/* RFC 826 "packet reception": a known pair is brought up to date whoever was
 * asked; a new one is learned only when we were.  Whoever speaks is there.  RFC 4861 7.2.3 and
 * 7.2.5 say the same of IPv6, but that a solicitation confirms nothing. */
void neighbor_hear(struct worker *control, struct interface *interface, struct ip_address address,
                   const uint8_t mac[MAC_LEN], unsigned how)
{
    struct neighbor *n = neighbor_find(address, interface);
    if (!n && mac && (how & NEIGHBOR_NEW))
        n = neighbor_make(address, interface, false);
    if (!n || n->state == NEIGHBOR_STATIC || (!mac && !is_resolved(n)))
        return;
    bool same = is_resolved(n) && (!mac || mac_equal(n->mac, mac));
    if (same ? !(how & NEIGHBOR_ALIVE) : is_resolved(n) && !(how & NEIGHBOR_OVERRIDE)) {
        hear_again(n, !same, how);
        return;
    }
    bool sure = (how & NEIGHBOR_CONFIRMED) || (same && (how & NEIGHBOR_ALIVE));
    neighbor_resolve(control, n, mac, sure ? NEIGHBOR_REACHABLE : NEIGHBOR_STALE);
}

/* Gateways ---------------------------------------------------------------- */

uint32_t neighbor_hold(struct ip_address address, struct interface *interface)
{
    struct neighbor *n = neighbor_find(address, interface);
    if (!n)
        n = neighbor_make(address, interface, true);
    if (!n)
        return NEXTHOP_NONE;
    n->holds++;
    return n->nexthop;
}

void neighbor_release(uint32_t nexthop)
{
    struct neighbor *n = behind(nexthop_at(nexthop));
    if (--n->holds == 0 && n->state == NEIGHBOR_IDLE)
        neighbor_remove(control_worker(), n, DROP_neighbor_queue);
}

/* What changes around it -------------------------------------------------- */

/* Another interface has its prefix now: a static entry would come back on the wrong one. */
static bool has_moved(const struct neighbor *n)
{
    const struct address *on = address_configured_for(n->address);
    return on && n->interface && on->interface != n->interface->number &&
           !is_said_on(n->address, n->interface);
}

static void say_removed(const struct neighbor *n)
{
    char text[IP_TEXT], where[INTERFACE_TEXT];
    log_warning("neighbor %s: removed, its address is not on %s any more",
                ip_format(n->address, text), interface_describe(n->interface, where));
}

/* A static entry outlives its prefix, unused, and comes back with it. */
static void refresh(struct worker *control, struct neighbor *n)
{
    bool on = neighbor_may_be(n->address, n->interface), is_static = n->state == NEIGHBOR_STATIC;
    if (on && is_resolved(n)) {
        publish(n);
    } else if (is_static && !on && !has_moved(n)) {
        withdraw(n);
    } else if (!on) {
        if (is_static)
            say_removed(n);
        neighbor_remove(control, n, DROP_neighbor_queue);
    }
}

static void forget(struct worker *control, struct neighbor *n)
{
    queue_drop(control, n, DROP_host_unreachable);
    if (n->state != NEIGHBOR_STATIC)
        neighbor_remove(control, n, DROP_host_unreachable);
}

/* Up again: gateways are asked for at once, and who failed meanwhile is no worse than new. */
static void come_back(struct worker *control, struct neighbor *n)
{
    if (n->state == NEIGHBOR_FAILED)
        neighbor_remove(control, n, DROP_neighbor_queue);
    if (n->state == NEIGHBOR_IDLE && n->holds && neighbor_may_be(n->address, n->interface))
        neighbor_start(control, n);
}

/* It went down, or came back, or both. */
static void follow_flips(struct worker *control, struct neighbor *n)
{
    const struct interface *interface = n->interface;
    uint32_t flips = interface->flips - n->flips;
    n->flips = interface->flips;
    if (!interface->up || flips > 1)
        forget(control, n);
    if (interface->up && n->state != NEIGHBOR_FREE)
        come_back(control, n);
}

static void leave(struct worker *control, struct neighbor *n)
{
    n->state = n->state == NEIGHBOR_STATIC ? NEIGHBOR_IDLE : n->state;
    neighbor_remove(control, n, DROP_host_unreachable);
    if (n->state != NEIGHBOR_FREE)
        n->interface = NULL;
}

/* Frames that were to be routed do not wait on in a mode that does not route; where interfaces
 * get no frames at all, what was learned ages unseen. */
static void follow_mode(struct worker *control, struct neighbor *n)
{
    if (!ip_routing())
        queue_drop(control, n, DROP_stopped);
    if (forward_get_mode()->burst && n->state != NEIGHBOR_STATIC)
        neighbor_remove(control, n, DROP_stopped);
}

/* As all is now, whatever it was that changed. */
static void look_again(struct worker *control, struct neighbor *n)
{
    queue_purge(control, n);
    follow_mode(control, n);
    if (n->state == NEIGHBOR_FREE || !n->interface)
        return;
    if (n->interface->gone) {
        leave(control, n);
        return;
    }
    if (n->flips != n->interface->flips)
        follow_flips(control, n);
    if (n->state == NEIGHBOR_FREE)
        return;
    adjacency_refresh(n->adjacency);
    refresh(control, n);
}

/* The walk: entries that were not looked at since the last change, from `at` on. */
static struct {
    uint32_t at, left;
} walk;
unsigned neighbor_slice_most;

static bool walk_slice(void)
{
    unsigned looked = 0, most = NEIGHBORS_PER_SLICE / (1 + address_count() / ADDRESSES_CHEAP);
    for (; walk.left && looked < most; walk.left--, looked++) {
        walk.at = walk.at + 1 < table.made ? walk.at + 1 : 0;
        if (at(walk.at)->state != NEIGHBOR_FREE)
            look_again(control_worker(), at(walk.at));
    }
    if (looked > neighbor_slice_most)
        neighbor_slice_most = looked;
    return walk.left;
}

void neighbor_refresh(void)
{
    walk.left = table.made;
}

static void walk_on(struct worker *control, uint64_t now_us)
{
    if (walk.left)
        walk_slice();
}

static bool is_walking(void)
{
    return walk.left;
}

CONTROL_JOB(neighbor_walk_job) = { .every_us = 0, .run = walk_on, .busy = is_walking };

static void heard(const struct event *event)
{
    if (event->kind == EVENT_INTERFACE_ADDED)
        return;
    neighbor_refresh();
    walk_slice();
}

EVENT_LISTENER(neighbor_listener) = { .order = EVENT_ORDER_NEIGHBOR,
                                      .heard = heard,
                                      .more = walk_slice };

/* By hand ----------------------------------------------------------------- */

int neighbor_add_static(struct ip_address address, const uint8_t mac[MAC_LEN],
                        struct interface *interface)
{
    if (!mac_is_station(mac) || is_our_own(address, interface))
        return -EINVAL;
    if (!ground_of(address, interface))
        return -ENETUNREACH;
    struct neighbor *n = neighbor_find(address, interface);
    if (n && n->state == NEIGHBOR_STATIC)
        return -EEXIST;
    if (!n)
        n = neighbor_make(address, interface, true);
    if (!n)
        return neighbor_no_room();
    if (neighbor_may_be(address, interface)) {
        neighbor_resolve(control_worker(), n, mac, NEIGHBOR_STATIC);
    } else {
        memcpy(n->mac, mac, MAC_LEN);
        enter(n, NEIGHBOR_STATIC, 0);
    }
    return 0;
}

int neighbor_delete(struct ip_address address, const struct interface *interface)
{
    struct neighbor *n = interface ? neighbor_find(address, interface) : neighbor_named(address);
    if (!n)
        return -ENOENT;
    neighbor_remove(control_worker(), n, DROP_neighbor_queue);
    return 0;
}

bool neighbor_mac(const struct interface *interface, struct ip_address address,
                  uint8_t mac[MAC_LEN])
{
    const struct neighbor *n = neighbor_find(address, interface);
    if (!n || !is_resolved(n))
        return false;
    memcpy(mac, n->mac, MAC_LEN);
    return true;
}

bool neighbor_next(unsigned *place, struct neighbor_info *info)
{
    for (; *place < table.made; ++*place) {
        const struct neighbor *n = at(*place);
        if (n->state == NEIGHBOR_FREE)
            continue;
        *info = (struct neighbor_info){ .address = n->address,
                                        .interface =
                                            n->interface ? n->interface->number : INTERFACE_NONE,
                                        .state = n->state,
                                        .in_use = neighbor_may_be(n->address, n->interface),
                                        .ground = ground_of(n->address, n->interface) };
        memcpy(info->mac, n->mac, MAC_LEN);
        ++*place;
        return true;
    }
    return false;
}

uint64_t neighbor_refused(void)
{
    return refused;
}

int neighbor_no_room(void)
{
    return table.used >= NEIGHBORS_MAX ? -ENOSPC : -ENOMEM;
}

void neighbor_shutdown(void)
{
    refused = 0;
    slots_free(&table);
    memset(buckets, 0, sizeof buckets);
    hand = cursor = waiting = 0;
    walk.at = walk.left = 0;
    neighbor_slice_most = 0;
    held = 0;
    in_vain = 0;
    memset(resolve, 0, sizeof resolve);
}
