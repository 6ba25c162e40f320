/* neighbor.c - the neighbor table and ARP (neighbor.h). */
#include "apps/ip/neighbor.h"

#include "apps/console/command.h"
#include "apps/forward/words.h"
#include "apps/ip/icmp.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/router.h"
#include "kernel/limit.h"
#include "kernel/log.h"

#include <errno.h>
#include <stdlib.h>

/* ARP for IPv4 over Ethernet (RFC 826), offsets from the frame's first byte. */
#define ARP_HTYPE 14u
#define ARP_HTYPE_ETHERNET 1u
#define ARP_PTYPE 16u
#define ARP_HLEN 18u
#define ARP_PLEN 19u
#define ARP_OP 20u
#define ARP_REQUEST 1u
#define ARP_REPLY 2u
#define ARP_SENDER_MAC 22u
#define ARP_SENDER_IP 28u
#define ARP_TARGET_MAC 32u
#define ARP_TARGET_IP 38u
#define ARP_LENGTH 42u

#define DEFEND_INTERVAL_US (10 * US_PER_S) /* RFC 5227 1.1 */

#define BUCKETS 4096u
#define EVICT_LOOKS 64u /* slots looked at to find room: a bound on work per frame */
#define TICK_SLOTS 256u /* slots served per tick */

struct neighbor {
    uint32_t address;
    uint16_t port;
    uint8_t mac[MAC_LEN];
    uint8_t state; /* enum neighbor_state */
    uint8_t tries;
    bool used; /* since it went stale */
    uint8_t queued;
    uint32_t holds;              /* routes whose gateway this is */
    uint32_t next;               /* in its bucket, or in the free list; +1, 0: none */
    struct packet *first, *last; /* frames waiting, linked through packet->user */
    uint64_t expires_us;         /* of the state */
    uint64_t used_us;            /* last time somebody needed it */
};

struct table {
    struct neighbor slot[NEIGHBORS_MAX];
    uint32_t bucket[BUCKETS];       /* slot + 1, 0: empty */
    uint32_t free_first, free_last; /* oldest first: a slot rests before its next life */
    uint32_t made;                  /* slots that have ever been in use */
    uint32_t hand, cursor;          /* of eviction, of the tick */
    uint64_t held;                  /* received frames in queues */
    uint32_t waiting;               /* all frames in queues */
    struct limit resolve;
    uint64_t defended_us;
};

static struct table *table;
uint64_t adjacency_rewrite[ADJACENCY_COUNT];
uint8_t adjacency_used[ADJACENCY_COUNT];

const char *const neighbor_state_names[] = {
    [NEIGHBOR_FREE] = "free",
    [NEIGHBOR_IDLE] = "idle",
    [NEIGHBOR_INCOMPLETE] = "incomplete",
    [NEIGHBOR_REACHABLE] = "reachable",
    [NEIGHBOR_STALE] = "stale",
    [NEIGHBOR_PROBE] = "probe",
    [NEIGHBOR_FAILED] = "failed",
    [NEIGHBOR_STATIC] = "static",
};

/* The table --------------------------------------------------------------- */

static uint32_t adjacency_of(const struct neighbor *n)
{
    return ADJACENCY_NEIGHBOR + (uint32_t)(n - table->slot);
}

static uint32_t *bucket_of(uint32_t address)
{
    return &table->bucket[(address * 2654435761u) >> 20];
}

static struct neighbor *neighbor_find(uint32_t address)
{
    if (!table)
        return NULL;
    for (uint32_t i = *bucket_of(address); i; i = table->slot[i - 1].next)
        if (table->slot[i - 1].address == address)
            return &table->slot[i - 1];
    return NULL;
}

static bool is_resolved(const struct neighbor *n)
{
    return n->state == NEIGHBOR_REACHABLE || n->state == NEIGHBOR_STALE ||
           n->state == NEIGHBOR_PROBE || n->state == NEIGHBOR_STATIC;
}

/* From here on workers forward to it; the host route saves them a lookup, where its own port's
 * prefix is the longest that leads there: what somebody says by ARP outdoes no static route.  If
 * there is no memory for that, frames come round by the control task. */
static void adjacency_publish(const struct neighbor *n)
{
    uint64_t mac = 0;
    memcpy(&mac, n->mac, MAC_LEN);
    store_release(&adjacency_rewrite[adjacency_of(n)],
                  REWRITE_VALID | FIELD_PUT(REWRITE_PORT, (uint64_t)n->port) | mac);
    route_update(n->address, 32, ROUTE_NEIGHBOR,
                 route_is_connected(n->address) ? adjacency_of(n) : ADJACENCY_NONE);
}

static void adjacency_withdraw(const struct neighbor *n)
{
    store_release(&adjacency_rewrite[adjacency_of(n)], 0);
    route_update(n->address, 32, ROUTE_NEIGHBOR, ADJACENCY_NONE);
}

/* Queues ------------------------------------------------------------------ */

static struct packet *queue_pop(struct neighbor *n)
{
    struct packet *p = n->first;
    n->first = (struct packet *)(uintptr_t)p->user;
    n->queued--;
    table->waiting--;
    table->held -= p->port != PORT_NONE;
    return p;
}

static void packet_refuse(struct worker *control, struct packet *p, enum drop_reason why)
{
    if (p->port == PORT_NONE)
        packet_free(&control->cache, p); /* never counted: it never existed outside */
    else
        forward_drop(control, p->port, why, p);
}

static void queue_drop(struct worker *control, struct neighbor *n, enum drop_reason why)
{
    while (n->first)
        packet_refuse(control, queue_pop(n), why);
}

static void queue_push(struct worker *control, struct neighbor *n, struct packet *p)
{
    if (n->queued == NEIGHBOR_QUEUE_MAX) /* RFC 1122 2.3.2.2: keep the latest */
        packet_refuse(control, queue_pop(n), DROP_neighbor_queue);
    if (table->waiting == NEIGHBOR_HELD_MAX) {
        packet_refuse(control, p, DROP_neighbor_queue);
        return;
    }
    p->user = 0;
    if (n->first)
        n->last->user = (uintptr_t)p;
    else
        n->first = p;
    n->last = p;
    n->queued++;
    table->waiting++;
    table->held += p->port != PORT_NONE;
}

static void transmit(struct worker *control, const struct neighbor *n, struct packet *p)
{
    struct port *out = port_get(n->port);
    if (!out) {
        packet_refuse(control, p, DROP_tx_down);
        return;
    }
    memcpy(p->data, n->mac, MAC_LEN);
    memcpy(p->data + MAC_LEN, out->mac, MAC_LEN);
    if (p->port == PORT_NONE) {
        p->port = out->number;
        control_originate(control, out, p);
    } else {
        control_forward(control, out, p);
    }
}

/* Entries ----------------------------------------------------------------- */

static void bucket_remove(struct neighbor *n)
{
    uint32_t *place = bucket_of(n->address), me = (uint32_t)(n - table->slot) + 1;
    while (*place != me)
        place = &table->slot[*place - 1].next;
    *place = n->next;
}

/* Ends what was learned.  The entry goes, unless a route holds it. */
static void neighbor_remove(struct worker *control, struct neighbor *n)
{
    adjacency_withdraw(n);
    queue_drop(control, n, DROP_neighbor_queue);
    n->state = NEIGHBOR_IDLE;
    if (n->holds)
        return;
    bucket_remove(n);
    n->state = NEIGHBOR_FREE;
    n->next = 0;
    uint32_t me = (uint32_t)(n - table->slot) + 1;
    if (table->free_first)
        table->slot[table->free_last - 1].next = me;
    else
        table->free_first = me;
    table->free_last = me;
}

/* How little would be lost: 0 is kept. */
static unsigned evict_rank(const struct neighbor *n)
{
    if (n->holds || n->state == NEIGHBOR_STATIC || n->state == NEIGHBOR_FREE)
        return 0;
    return n->state == NEIGHBOR_FAILED              ? 4
           : n->state == NEIGHBOR_INCOMPLETE        ? 3
           : n->state == NEIGHBOR_STALE && !n->used ? 2
                                                    : 1;
}

/* The table is full: the least useful of the next few round the clock goes. */
static bool neighbor_evict(struct worker *control)
{
    struct neighbor *victim = NULL;
    unsigned best = 0;
    for (unsigned i = 0; i < EVICT_LOOKS; i++) {
        struct neighbor *n = &table->slot[table->hand++ % NEIGHBORS_MAX];
        if (evict_rank(n) > best) {
            best = evict_rank(n);
            victim = n;
        }
    }
    if (victim)
        neighbor_remove(control, victim);
    return victim;
}

static struct neighbor *slot_take(struct worker *control)
{
    if (table->made < NEIGHBORS_MAX)
        return &table->slot[table->made++];
    if (!table->free_first && !neighbor_evict(control))
        return NULL;
    struct neighbor *n = &table->slot[table->free_first - 1];
    table->free_first = n->next;
    return n;
}

static bool table_init(void)
{
    if (!table)
        table = calloc(1, sizeof *table);
    return table;
}

/* A new idle entry, or NULL when there is no room. */
static struct neighbor *neighbor_make(uint32_t address, uint16_t port)
{
    struct neighbor *n = table_init() ? slot_take(control_worker()) : NULL;
    if (!n)
        return NULL;
    uint32_t *bucket = bucket_of(address);
    *n = (struct neighbor){ .address = address,
                            .port = port,
                            .state = NEIGHBOR_IDLE,
                            .next = *bucket,
                            .used_us = time_us() };
    *bucket = (uint32_t)(n - table->slot) + 1;
    adjacency_used[adjacency_of(n)] = 0;
    return n;
}

/* ARP out ----------------------------------------------------------------- */

static const uint8_t zero_mac[MAC_LEN];

static void arp_send(struct port *out, unsigned op, const uint8_t *ethernet_to, uint32_t sender,
                     const uint8_t *target_mac, uint32_t target)
{
    struct worker *control = control_worker();
    struct packet *p = packet_alloc(&control->cache);
    if (!p)
        return;
    uint8_t *d = p->data;
    memset(d, 0, FRAME_PADDED);
    memcpy(d, ethernet_to, MAC_LEN);
    memcpy(d + MAC_LEN, out->mac, MAC_LEN);
    store_be16(d + ETHERNET_TYPE, ETHERTYPE_ARP);
    store_be16(d + ARP_HTYPE, ARP_HTYPE_ETHERNET);
    store_be16(d + ARP_PTYPE, ETHERTYPE_IPV4);
    d[ARP_HLEN] = MAC_LEN;
    d[ARP_PLEN] = 4;
    store_be16(d + ARP_OP, (uint16_t)op);
    memcpy(d + ARP_SENDER_MAC, out->mac, MAC_LEN);
    store_be32(d + ARP_SENDER_IP, sender);
    memcpy(d + ARP_TARGET_MAC, target_mac, MAC_LEN);
    store_be32(d + ARP_TARGET_IP, target);
    p->length = FRAME_PADDED;
    p->frame_length = FRAME_PADDED;
    p->port = out->number;
    control_originate(control, out, p);
}

/* Asks for a neighbor: everybody, or in a probe only the one we knew. */
static void neighbor_ask(struct neighbor *n, uint64_t now_us)
{
    struct port *out = port_get(n->port);
    const struct address *us = address_source(n->port, n->address);
    n->tries++;
    n->expires_us = now_us + NEIGHBOR_RETRY_US;
    if (out && us)
        arp_send(out, ARP_REQUEST, n->state == NEIGHBOR_PROBE ? n->mac : mac_broadcast, us->address,
                 zero_mac, n->address);
}

void neighbor_announce(const struct address *address)
{
    struct port *out = port_get(address->port);
    if (router_running() && out && out->state == PORT_RUNNING && out->link.up)
        arp_send(out, ARP_REQUEST, mac_broadcast, address->address, zero_mac, address->address);
}

void neighbor_announce_port(uint16_t port)
{
    const struct address *a;
    for (unsigned i = 0; (a = address_of_port(port, i)); i++)
        neighbor_announce(a);
}

bool neighbor_next_hop(uint32_t adjacency, uint32_t destination, struct next_hop *hop)
{
    if (adjacency < ADJACENCY_CONNECTED)
        return false;
    if (adjacency < ADJACENCY_NEIGHBOR)
        *hop = (struct next_hop){ (uint16_t)(adjacency - ADJACENCY_CONNECTED), destination };
    else
        *hop = (struct next_hop){ table->slot[adjacency - ADJACENCY_NEIGHBOR].port,
                                  table->slot[adjacency - ADJACENCY_NEIGHBOR].address };
    return true;
}

/* States ------------------------------------------------------------------ */

static void enter(struct neighbor *n, enum neighbor_state state, uint64_t expires_us)
{
    n->state = (uint8_t)state;
    n->expires_us = expires_us;
    n->tries = 0;
    n->used = false;
}

/* The MAC is known: what waited goes first, so that nothing overtakes it. */
static void neighbor_resolve(struct worker *control, struct neighbor *n, const uint8_t *mac,
                             enum neighbor_state state)
{
    memcpy(n->mac, mac, MAC_LEN);
    enter(n, state, time_us() + NEIGHBOR_REACHABLE_US);
    while (n->first)
        transmit(control, n, queue_pop(n));
    adjacency_publish(n);
}

/* RFC 1812 3.3.2: unreachable only now that asking has proved fruitless.  The
 * entry may be evicted by what the errors set in motion: it is left first. */
static void neighbor_fail(struct worker *control, struct neighbor *n, uint64_t now_us)
{
    struct packet *waiting[NEIGHBOR_QUEUE_MAX];
    unsigned count = 0;
    while (n->first)
        waiting[count++] = queue_pop(n);
    enter(n, NEIGHBOR_FAILED, now_us + NEIGHBOR_FAILED_US);
    for (unsigned i = 0; i < count; i++)
        router_refuse(control, waiting[i], DROP_host_unreachable, ICMP_UNREACHABLE,
                      ICMP_HOST_UNREACHABLE, 0);
}

static bool may_ask(uint64_t now_us)
{
    return limit_allows(&table->resolve, now_us, NEIGHBOR_RESOLVE_RATE, NEIGHBOR_RESOLVE_BURST);
}

static void neighbor_start(struct worker *control, struct neighbor *n, struct packet *p)
{
    uint64_t now_us = time_us();
    if (!may_ask(now_us)) {
        packet_refuse(control, p, DROP_neighbor_queue);
        return;
    }
    limit_take(&table->resolve, now_us, NEIGHBOR_RESOLVE_RATE);
    enter(n, NEIGHBOR_INCOMPLETE, 0);
    queue_push(control, n, p);
    neighbor_ask(n, now_us);
}

/* Nobody gets an entry who may not be asked for: a scan would fill the table with them. */
static struct neighbor *output_neighbor(uint32_t adjacency, uint32_t destination)
{
    if (adjacency >= ADJACENCY_NEIGHBOR)
        return &table->slot[adjacency - ADJACENCY_NEIGHBOR];
    struct neighbor *n = neighbor_find(destination);
    if (n || (table && !may_ask(time_us())))
        return n;
    return neighbor_make(destination, (uint16_t)(adjacency - ADJACENCY_CONNECTED));
}

void neighbor_output(struct worker *control, uint32_t adjacency, uint32_t destination,
                     struct packet *packet)
{
    struct neighbor *n = output_neighbor(adjacency, destination);
    if (!n) {
        packet_refuse(control, packet, DROP_neighbor_queue);
        return;
    }
    adjacency_used[adjacency_of(n)] = 1;
    if (is_resolved(n))
        transmit(control, n, packet);
    else if (n->state == NEIGHBOR_INCOMPLETE)
        queue_push(control, n, packet);
    else if (n->state == NEIGHBOR_FAILED)
        router_refuse(control, packet, DROP_host_unreachable, ICMP_UNREACHABLE,
                      ICMP_HOST_UNREACHABLE, 0);
    else
        neighbor_start(control, n, packet);
}

static void use_note(struct neighbor *n, uint64_t now_us)
{
    uint8_t *used = &adjacency_used[adjacency_of(n)];
    if (!load_relaxed(used))
        return;
    store_relaxed(used, 0);
    n->used_us = now_us;
    n->used = true;
}

static void neighbor_serve(struct worker *control, struct neighbor *n, uint64_t now_us)
{
    bool expired = now_us >= n->expires_us;
    use_note(n, now_us);
    switch (n->state) {
    case NEIGHBOR_INCOMPLETE:
    case NEIGHBOR_PROBE:
        if (expired && n->tries < NEIGHBOR_TRIES)
            neighbor_ask(n, now_us);
        else if (expired && n->state == NEIGHBOR_INCOMPLETE)
            neighbor_fail(control, n, now_us);
        else if (expired)
            neighbor_remove(control, n);
        break;
    case NEIGHBOR_REACHABLE:
        if (expired)
            enter(n, NEIGHBOR_STALE, 0);
        break;
    case NEIGHBOR_STALE:
        if (n->used) {
            enter(n, NEIGHBOR_PROBE, 0);
            neighbor_ask(n, now_us);
        } else if (now_us >= n->used_us + NEIGHBOR_UNUSED_US) {
            neighbor_remove(control, n);
        }
        break;
    case NEIGHBOR_FAILED:
        if (expired)
            neighbor_remove(control, n);
        break;
    default:
        break;
    }
}

void neighbor_tick(struct worker *control, uint64_t now_us)
{
    unsigned slots = table ? table->made : 0;
    for (unsigned i = 0; i < slots && i < TICK_SLOTS; i++) {
        table->cursor = table->cursor + 1 < slots ? table->cursor + 1 : 0;
        neighbor_serve(control, &table->slot[table->cursor], now_us);
    }
}

/* ARP in ------------------------------------------------------------------ */

struct arp {
    unsigned op;
    const uint8_t *mac; /* sender's */
    uint32_t sender, target;
    bool for_us; /* target is an address of the port it came in on */
};

static bool arp_parse(const struct packet *p, struct arp *arp)
{
    const uint8_t *d = p->data;
    if (p->length < ARP_LENGTH || load_be16(d + ARP_HTYPE) != ARP_HTYPE_ETHERNET ||
        load_be16(d + ARP_PTYPE) != ETHERTYPE_IPV4 || d[ARP_HLEN] != MAC_LEN || d[ARP_PLEN] != 4)
        return false;
    arp->op = load_be16(d + ARP_OP);
    arp->mac = d + ARP_SENDER_MAC;
    arp->sender = load_be32(d + ARP_SENDER_IP);
    arp->target = load_be32(d + ARP_TARGET_IP);
    return (arp->op == ARP_REQUEST || arp->op == ARP_REPLY) && mac_is_station(arp->mac);
}

/* Somebody uses an address of ours.  RFC 5227 2.4 (b): say once that it is
 * taken, not more often than DEFEND_INTERVAL, and carry on. */
static void arp_conflict(const struct port *in, const struct arp *arp)
{
    char text[IPV4_TEXT], mac[MAC_TEXT];
    uint64_t now_us = time_us();
    const struct address *ours = address_find(arp->sender);
    if (!table_init() || now_us < table->defended_us)
        return;
    table->defended_us = now_us + DEFEND_INTERVAL_US;
    ipv4_format(arp->sender, text);
    log_warning("port %u: %s uses our address %s", in->number, mac_format(arp->mac, mac), text);
    neighbor_announce(ours);
}

static bool is_ours_elsewhere(const struct arp *arp)
{
    const struct address *address = address_find(arp->sender);
    const struct port *home = address ? port_get(address->port) : NULL;
    return home && !memcmp(arp->mac, home->mac, MAC_LEN);
}

/* RFC 826 "packet reception": a known pair is brought up to date whoever was
 * asked; a new one is learned only when we were. */
static void arp_learn(struct worker *control, struct port *in, const struct arp *arp)
{
    struct neighbor *n = neighbor_find(arp->sender);
    if (!n && arp->for_us)
        n = neighbor_make(arp->sender, in->number);
    if (!n || n->state == NEIGHBOR_STATIC)
        return;
    bool same = is_resolved(n) && !memcmp(n->mac, arp->mac, MAC_LEN);
    if (arp->for_us || !same)
        neighbor_resolve(control, n, arp->mac, arp->for_us ? NEIGHBOR_REACHABLE : NEIGHBOR_STALE);
}

void neighbor_receive(struct worker *control, struct port *in, struct packet *packet)
{
    struct arp arp;
    if (!arp_parse(packet, &arp)) {
        forward_drop(control, in->number, DROP_arp_invalid, packet);
        return;
    }
    const struct address *asked = address_find(arp.target);
    const struct address *on = address_covering(arp.sender);
    arp.for_us = asked && asked->port == in->number;
    if (!memcmp(arp.mac, in->mac, MAC_LEN) || is_ours_elsewhere(&arp)) {
        /* our own, come back, or heard by another port on the same LAN: a PF's and its VFs' */
    } else if (address_find(arp.sender)) {
        arp_conflict(in, &arp);
    } else if (on && on->port == in->number && address_is_host(on, arp.sender)) {
        arp_learn(control, in, &arp);
    } else if (arp.sender) {
        forward_drop(control, in->number, DROP_arp_invalid, packet);
        return;
    }
    /* A sender address of 0 is a probe (RFC 5227 2.1.1): answered, not learned. */
    if (arp.for_us && arp.op == ARP_REQUEST && memcmp(arp.mac, in->mac, MAC_LEN))
        arp_send(in, ARP_REPLY, arp.mac, arp.target, arp.mac, arp.sender);
    forward_consume(control, packet);
}

/* Control ----------------------------------------------------------------- */

uint64_t neighbor_held(void)
{
    return table ? table->held : 0;
}

uint32_t neighbor_hold(uint32_t address, uint16_t port)
{
    struct neighbor *n = neighbor_find(address);
    if (!n)
        n = neighbor_make(address, port);
    if (!n)
        return 0;
    n->holds++;
    return adjacency_of(n);
}

void neighbor_release(uint32_t address)
{
    struct neighbor *n = neighbor_find(address);
    if (n && n->holds && --n->holds == 0 && n->state == NEIGHBOR_IDLE)
        neighbor_remove(control_worker(), n);
}

static bool is_on_prefix(uint32_t address, uint16_t port)
{
    const struct address *on = address_covering(address);
    return on && on->port == port && address_is_host(on, address) && !address_find(address);
}

/* An address is looked up without its port, so the other port's prefix ends the entry. */
static bool has_moved(const struct neighbor *n)
{
    const struct address *on = address_covering(n->address);
    return on && on->port != n->port;
}

static void say_removed(const struct neighbor *n)
{
    char text[IPV4_TEXT];
    ipv4_format(n->address, text);
    log_warning("neighbor %s: removed, its address is not on port %u any more", text, n->port);
}

static void refresh(struct neighbor *n)
{
    bool on = is_on_prefix(n->address, n->port), is_static = n->state == NEIGHBOR_STATIC;
    if (on && is_resolved(n)) {
        adjacency_publish(n);
    } else if (is_static && !on && !has_moved(n)) {
        adjacency_withdraw(n);
    } else if (!on) {
        if (is_static)
            say_removed(n);
        neighbor_remove(control_worker(), n);
    }
}

/* A static entry outlives its prefix, unused, and comes back with it. */
void neighbor_refresh(void)
{
    for (unsigned i = 0; table && i < table->made; i++)
        if (table->slot[i].state != NEIGHBOR_FREE)
            refresh(&table->slot[i]);
}

static void forget(struct worker *control, struct neighbor *n, enum drop_reason why)
{
    queue_drop(control, n, why);
    if (n->state != NEIGHBOR_FREE && n->state != NEIGHBOR_STATIC)
        neighbor_remove(control, n);
}

void neighbor_flush_port(struct worker *control, uint16_t port)
{
    for (unsigned i = 0; table && i < table->made; i++)
        if (table->slot[i].port == port)
            forget(control, &table->slot[i], DROP_host_unreachable);
}

void neighbor_stop(struct worker *control)
{
    for (unsigned i = 0; table && i < table->made; i++)
        forget(control, &table->slot[i], DROP_stopped);
}

int neighbor_add_static(uint32_t address, const uint8_t mac[MAC_LEN], uint16_t port)
{
    const struct address *on = address_covering(address);
    if (!mac_is_station(mac) || address_find(address))
        return -EINVAL;
    if (!on || on->port != port || !address_is_host(on, address))
        return -ENETUNREACH;
    struct neighbor *n = neighbor_find(address);
    if (n && n->state == NEIGHBOR_STATIC)
        return -EEXIST;
    if (!n)
        n = neighbor_make(address, port);
    if (!n)
        return -ENOSPC;
    neighbor_resolve(control_worker(), n, mac, NEIGHBOR_STATIC);
    return 0;
}

int neighbor_delete(uint32_t address)
{
    struct neighbor *n = neighbor_find(address);
    if (!n || n->state == NEIGHBOR_IDLE)
        return -ENOENT;
    neighbor_remove(control_worker(), n);
    return 0;
}

bool neighbor_next(unsigned *place, struct neighbor_info *info)
{
    for (; table && *place < table->made; ++*place) {
        const struct neighbor *n = &table->slot[*place];
        if (n->state == NEIGHBOR_FREE)
            continue;
        *info = (struct neighbor_info){ .address = n->address, .port = n->port, .state = n->state };
        memcpy(info->mac, n->mac, MAC_LEN);
        ++*place;
        return true;
    }
    return false;
}

void neighbor_shutdown(void)
{
    free(table);
    table = NULL;
    memset(adjacency_rewrite, 0, sizeof adjacency_rewrite);
    memset(adjacency_used, 0, sizeof adjacency_used);
}

/* Commands ---------------------------------------------------------------- */

COMMAND(cmd_neighbor_add, "neighbor add ADDRESS MAC port PORT", "Add a static neighbor");
static int cmd_neighbor_add(struct command_call *call)
{
    const struct prefix *p = &call->arg[0].prefix;
    const struct port *port = call->arg[2].port;
    if (p->ipv6)
        return command_error(call, "IPv6 is not built yet, expected an IPv4 address");
    switch (neighbor_add_static(load_be32(p->bytes), call->arg[1].mac, port->number)) {
    case 0:
        return 0;
    case -EINVAL:
        return command_error(call, "%s at %s cannot be, expected a station that is not us",
                             call->arg[0].word, call->arg[1].word);
    case -ENETUNREACH:
        return command_error(call, "%s is no host on port %u, expected one within its prefixes",
                             call->arg[0].word, port->number);
    case -EEXIST:
        return command_error(call,
                             "%s is a static neighbor already, expected `neighbor delete` first",
                             call->arg[0].word);
    default:
        return command_error(call, "the table is full, expected at most %u neighbors",
                             NEIGHBORS_MAX);
    }
}

COMMAND(cmd_neighbor_delete, "neighbor delete ADDRESS", "Forget a neighbor");
static int cmd_neighbor_delete(struct command_call *call)
{
    if (call->arg[0].prefix.ipv6)
        return command_error(call, "IPv6 is not built yet, expected an IPv4 address");
    if (neighbor_delete(load_be32(call->arg[0].prefix.bytes)))
        return command_error(call, "%s is not in the table, expected one of `show neighbors`",
                             call->arg[0].word);
    return 0;
}

COMMAND(cmd_show_neighbors, "show neighbors", "Show who is next on the links");
static int cmd_show_neighbors(struct command_call *call)
{
    struct neighbor_info n;
    unsigned place = 0, shown = 0;
    out_printf(call->out, "%-15s  %-17s  %-4s  %s\n", "address", "mac", "port", "state");
    for (; neighbor_next(&place, &n); shown++) {
        char text[IPV4_TEXT], mac[MAC_TEXT];
        ipv4_format(n.address, text);
        bool known = n.state != NEIGHBOR_IDLE && n.state != NEIGHBOR_INCOMPLETE &&
                     n.state != NEIGHBOR_FAILED;
        out_printf(call->out, "%-15s  %-17s  %-4u  %s\n", text,
                   known ? mac_format(n.mac, mac) : "-", n.port, neighbor_state_names[n.state]);
    }
    out_printf(call->out, "%u neighbors, at most %u\n", shown, NEIGHBORS_MAX);
    return 0;
}

static void print_config(struct out *out)
{
    struct neighbor_info n;
    for (unsigned place = 0; neighbor_next(&place, &n);) {
        char text[IPV4_TEXT], mac[MAC_TEXT], port[PORT_TEXT];
        ipv4_format(n.address, text);
        mac_format(n.mac, mac);
        port_format(n.port, port);
        /* Without its prefix the command would be refused: it is told, and not run again. */
        if (n.state == NEIGHBOR_STATIC)
            out_printf(out, "%sneighbor add %s %s port %s\n",
                       is_on_prefix(n.address, n.port) ? "" : "# not in use: ", text, mac, port);
    }
}

CONFIG_PRINTER(neighbor_config) = { .order = CONFIG_NEIGHBOR, .print = print_config };
