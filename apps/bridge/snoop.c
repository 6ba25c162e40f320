/* snoop.c - who wants which group, who asks, and what follows (snoop.h).  unread in this file: RFC
 * 2236, 2710, 3376, 3810, 4541. */
#include "apps/bridge/snoop.h"

#include "apps/bridge/fdb.h"
#include "apps/bridge/fid.h"
#include "apps/bridge/relay.h"
#include "apps/bridge/snoop_groups.h"
#include "apps/bridge/snoop_parse.h"
#include "apps/forward/job.h"
#include "apps/forward/quiesce.h"
#include "kernel/memory.h"
#include "kernel/time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TURN_US US_PER_S
#define QUERY_US (125 * US_PER_S)
#define STARTUP_US (QUERY_US / 4)
#define STARTUP_QUERIES 2u
#define ANSWER_US (10 * US_PER_S)
#define WANTED_US (2 * QUERY_US + ANSWER_US)     /* of a report */
#define ROUTER_US (2 * QUERY_US + ANSWER_US / 2) /* of another's query */
#define LEAVING_QUERIES 2u                       /* one with each turn of the job */
/* For others behind that port to speak up: a turn, the turns of the queries, and a second to answer
 * the last one. */
#define LEAVING_US (TURN_US * (LEAVING_QUERIES + 1) + TURN_US / 2)
#define MESSAGE_MAX (FRAME_MAX + PACKET_HEADER_MIN)

/* A port that is wanted for something, until then. */
struct until {
    uint16_t port;
    uint64_t us;
};

struct untils {
    unsigned count;
    struct until *entry;
};

struct group {
    struct snoop_group hot; /* first: workers' part */
    struct untils wanted;
    uint8_t left[SNOOP_ADDRESS]; /* the one that somebody left */
    uint8_t asks;                /* queries about it that are still to come */
};

/* One VLAN of the bridge, or all of it. */
struct asking {
    struct asking *next;
    uint16_t fid;
    struct untils routers;
    struct {
        uint64_t next_us, other_us; /* when we ask; until when somebody else does */
        unsigned asked;
    } family[SNOOP_FAMILIES];
};

struct snoop {
    struct snoop_groups hot; /* workers' part */
    unsigned groups;
    struct asking *asking;
};

static struct group *group_at(struct snoop_group *hot)
{
    return (struct group *)hot;
}

/* Ports with an end ------------------------------------------------------------------------ */

static struct until *until_of(struct untils *u, uint16_t port)
{
    for (unsigned i = 0; i < u->count; i++)
        if (u->entry[i].port == port)
            return &u->entry[i];
    return NULL;
}

/* True: a port more.  Without memory it is as if nobody had spoken. */
static bool until_set(struct untils *u, uint16_t port, uint64_t us)
{
    struct until *entry = until_of(u, port);
    if (entry) {
        entry->us = us;
        return false;
    }
    entry = realloc(u->entry, (u->count + 1) * sizeof *entry);
    if (!entry)
        return false;
    u->entry = entry;
    u->entry[u->count++] = (struct until){ port, us };
    return true;
}

/* Without those that have ended, and without that port.  True: there were some. */
static bool until_end(struct untils *u, uint64_t now_us, uint16_t port)
{
    unsigned left = 0, before = u->count;
    for (unsigned i = 0; i < before; i++)
        if (u->entry[i].us > now_us && u->entry[i].port != port)
            u->entry[left++] = u->entry[i];
    u->count = left;
    return left != before;
}

/* Groups ------------------------------------------------------------------------------------- */

static struct asking *asking_of(struct bridge *bridge, uint16_t fid)
{
    for (struct asking *a = bridge->snoop->asking; a; a = a->next)
        if (a->fid == fid)
            return a;
    struct asking *a = memory_spare(sizeof *a) ? calloc(1, sizeof *a) : NULL;
    if (!a)
        return NULL;
    a->fid = fid;
    a->next = bridge->snoop->asking;
    bridge->snoop->asking = a;
    return a;
}

static void add_members(struct flood_list *list, const struct bridge *bridge,
                        const struct untils *ports)
{
    for (unsigned i = 0; ports && i < ports->count; i++) {
        struct member *m = member_of(ports->entry[i].port);
        bool there = !m || m->bridge != bridge;
        for (unsigned k = 0; !there && k < list->count; k++)
            there = list->member[k] == m;
        if (!there)
            list->member[list->count++] = m;
    }
}

/* To those who want it, and to routers; without memory to all. */
static struct flood_list *list_make(const struct bridge *bridge, const struct untils *wanted,
                                    const struct untils *routers)
{
    unsigned most = (wanted ? wanted->count : 0) + (routers ? routers->count : 0);
    struct flood_list *list = malloc(sizeof *list + most * sizeof list->member[0]);
    if (!list)
        return NULL;
    list->count = 0;
    add_members(list, bridge, wanted);
    add_members(list, bridge, routers);
    return list;
}

static void group_publish(struct bridge *bridge, struct group *g)
{
    struct asking *a = asking_of(bridge, (uint16_t)(g->hot.key >> 48));
    struct flood_list *old = g->hot.list;
    store_release(&g->hot.list, list_make(bridge, &g->wanted, a ? &a->routers : NULL));
    if (old)
        retire(free, old);
}

static struct snoop_group **group_place(struct snoop *snoop, uint64_t key)
{
    struct snoop_group **at = &snoop->hot.bucket[snoop_bucket(key)];
    while (*at && (*at)->key != key)
        at = &(*at)->next;
    return at;
}

static void group_free(void *arg)
{
    struct group *g = arg;
    free(g->hot.list);
    free(g->wanted.entry);
    free(g);
}

/* *at points to the next one then. */
static void group_remove(struct snoop *snoop, struct snoop_group **at)
{
    struct group *g = group_at(*at);
    store_release(at, g->hot.next);
    snoop->groups--;
    retire(group_free, g);
}

static struct group *group_make(struct bridge *bridge, uint64_t key)
{
    struct snoop *snoop = bridge->snoop;
    struct snoop_group **at = group_place(snoop, key);
    struct group *g = group_at(*at);
    if (g || snoop->groups >= SNOOP_GROUPS_MAX || !memory_spare(sizeof *g))
        return g;
    g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->hot.key = key;
    store_release(at, &g->hot);
    snoop->groups++;
    return g;
}

/* All groups of one VLAN, whose routers are others now; FDB_ANY: of all. */
static void publish_all(struct bridge *bridge, uint16_t fid)
{
    for (unsigned i = 0; i < SNOOP_BUCKETS; i++)
        for (struct snoop_group *g = bridge->snoop->hot.bucket[i]; g; g = g->next)
            if (fid == FDB_ANY || g->key >> 48 == fid)
                group_publish(bridge, group_at(g));
}

/* Messages ------------------------------------------------------------------------------------ */

struct hearing {
    struct bridge *bridge;
    uint16_t port, fid;
};

/* RFC 2236 3: who else wants it behind that port says so in time. */
static void lose(struct group *g, struct until *entry, const uint8_t mac[MAC_LEN],
                 const uint8_t *address)
{
    uint64_t end = time_us() + LEAVING_US;
    if (entry->us <= end)
        return; /* it is being asked for */
    entry->us = end;
    memcpy(g->left, address, snoop_family_of(mac) == SNOOP_IPV4 ? 4 : SNOOP_ADDRESS);
    g->asks = LEAVING_QUERIES;
}

static void want(void *ctx, const uint8_t mac[MAC_LEN], const uint8_t *address, bool wanted)
{
    const struct hearing *h = ctx;
    uint64_t now = time_us(), key = fdb_key(h->fid, mac);
    struct group *g =
        wanted ? group_make(h->bridge, key) : group_at(*group_place(h->bridge->snoop, key));
    struct until *entry = g ? until_of(&g->wanted, h->port) : NULL;
    if (wanted && g && (until_set(&g->wanted, h->port, now + WANTED_US) || !g->hot.list))
        group_publish(h->bridge, g);
    else if (!wanted && entry)
        lose(g, entry, mac, address);
}

static void hear_query(const struct hearing *h, const struct snoop_message *m)
{
    struct asking *a = asking_of(h->bridge, h->fid);
    if (!a || !m->from_router)
        return;
    a->family[m->family].other_us = time_us() + ROUTER_US;
    if (until_set(&a->routers, h->port, time_us() + ROUTER_US))
        publish_all(h->bridge, h->fid);
}

/* The frame without its tag, as much of it as there is. */
static uint32_t read_frame(const struct packet *p, uint8_t bytes[MESSAGE_MAX])
{
    uint32_t tag = ethernet_type(p->data) == ETHERTYPE_VLAN ? VLAN_TAG : 0;
    uint32_t length = p->frame_length < MESSAGE_MAX ? p->frame_length : MESSAGE_MAX;
    if (length < ETHERNET_HEADER + tag || !packet_read(p, 0, bytes, 2 * MAC_LEN) ||
        !packet_read(p, 2 * MAC_LEN + tag, bytes + 2 * MAC_LEN, length - tag - 2 * MAC_LEN))
        return 0;
    return length - tag;
}

/* A report goes to routers, everything else to all. */
static void pass_on(struct worker *control, struct member *in, struct packet *p, uint16_t fid,
                    enum snoop_kind kind)
{
    struct asking *a = kind == SNOOP_REPORT ? asking_of(in->bridge, fid) : NULL;
    struct flood_list *list = a ? list_make(in->bridge, NULL, &a->routers) : NULL;
    bridge_spread(control, in, p, fid_get(fid).vid, list);
    free(list);
}

static void take(struct worker *control, const struct note *note)
{
    static uint8_t bytes[MESSAGE_MAX];
    struct member *in = member_of(note->port);
    struct bridge *bridge = in ? in->bridge : NULL;
    if (!bridge || bridge != fid_get(note->code).bridge || !bridge->snoop) {
        forward_drop(control, note->packet->port, DROP_no_peer, note->packet);
        return;
    }
    struct hearing h = { bridge, note->port, note->code };
    struct snoop_message m = snoop_parse(bytes, read_frame(note->packet, bytes), want, &h);
    if (m.kind == SNOOP_QUERY)
        hear_query(&h, &m);
    pass_on(control, in, note->packet, note->code, m.kind);
}

/* Asking --------------------------------------------------------------------------- */

/* About one group, or all (NULL). */
static void ask(struct bridge *bridge, const struct asking *a, enum snoop_family family,
                const uint8_t *group)
{
    struct worker *control = control_worker();
    struct packet *p = packet_alloc(&control->cache);
    if (!p)
        return;
    uint32_t length = snoop_make_query(p->data, family, group, bridge->interface->mac);
    p->length = (uint16_t)length;
    p->frame_length = length;
    p->port = PORT_NONE;
    p->vlan = fid_get(a->fid).vid;
    if (p->vlan && packet_push_vlan(&control->cache, &p))
        packet_free(&control->cache, p);
    else
        bridge->interface->output(control, bridge->interface, &p, 1);
}

/* RFC 2236 3: twice in a while at the beginning, and where nobody else does. */
static void ask_if_due(struct bridge *bridge, struct asking *a, uint64_t now_us)
{
    for (unsigned family = 0; family < SNOOP_FAMILIES; family++) {
        if (now_us < a->family[family].other_us || now_us < a->family[family].next_us)
            continue;
        bool begins = ++a->family[family].asked < STARTUP_QUERIES;
        a->family[family].next_us = now_us + (begins ? STARTUP_US : QUERY_US);
        ask(bridge, a, family, NULL);
    }
}

/* Where another asks, it asks about this, too. */
static void ask_who_is_left(struct bridge *bridge, struct group *g, uint64_t now_us)
{
    uint8_t mac[MAC_LEN];
    mac_store(mac, g->hot.key & MAC_WORD);
    enum snoop_family family = snoop_family_of(mac);
    struct asking *a = asking_of(bridge, (uint16_t)(g->hot.key >> 48));
    g->asks--;
    if (a && bridge->interface->up && now_us >= a->family[family].other_us)
        ask(bridge, a, family, g->left);
}

static bool is_current(const struct bridge *bridge, uint16_t fid)
{
    const struct fid f = fid_get(fid);
    return f.bridge == bridge && !f.vid == !bridge->vlans;
}

static void end_groups(struct bridge *bridge, uint64_t now_us)
{
    for (unsigned i = 0; i < SNOOP_BUCKETS; i++)
        for (struct snoop_group **at = &bridge->snoop->hot.bucket[i]; *at;) {
            struct group *g = group_at(*at);
            bool changed = until_end(&g->wanted, now_us, PORT_NONE);
            if (!g->wanted.count || !is_current(bridge, (uint16_t)(g->hot.key >> 48))) {
                group_remove(bridge->snoop, at);
                continue;
            }
            if (changed)
                group_publish(bridge, g);
            if (g->asks)
                ask_who_is_left(bridge, g, now_us);
            at = &g->hot.next;
        }
}

static void serve(struct bridge *bridge, uint64_t now_us)
{
    for (unsigned vid = 1; bridge->vlans && vid < numbered_limit(bridge->vlans); vid++) {
        const struct bridge_vlan *vlan = numbered_get(bridge->vlans, vid);
        if (vlan)
            asking_of(bridge, vlan->fid);
    }
    if (!bridge->vlans)
        asking_of(bridge, bridge->fid);
    for (struct asking **at = &bridge->snoop->asking; *at;) {
        struct asking *a = *at;
        if (!is_current(bridge, a->fid)) {
            *at = a->next;
            free(a->routers.entry);
            free(a);
            continue;
        }
        if (until_end(&a->routers, now_us, PORT_NONE))
            publish_all(bridge, a->fid);
        if (bridge->interface->up)
            ask_if_due(bridge, a, now_us);
        at = &a->next;
    }
    end_groups(bridge, now_us);
}

static void serve_all(struct worker *control, uint64_t now_us)
{
    bool running = forward_running() && !forward_get_mode()->burst;
    for (unsigned i = 0; running && i < interface_limit(); i++) {
        const struct interface *b = interface_get(i);
        if (b && b->kind == INTERFACE_BRIDGE && b->bridge && b->bridge->snoop)
            serve(b->bridge, now_us);
    }
}

CONTROL_JOB(snoop_job) = { .every_us = TURN_US, .run = serve_all };

/* Beginning and ending ------------------------------------------------------------- */

int snoop_start(struct bridge *bridge)
{
    struct snoop *snoop = memory_spare(sizeof *snoop) ? calloc(1, sizeof *snoop) : NULL;
    if (!snoop)
        return -ENOMEM;
    bridge->snoop = snoop;
    store_relaxed(&bridge->snoop_take, take);
    store_release(&bridge->groups, &snoop->hot);
    return 0;
}

static void snoop_free(void *arg)
{
    struct snoop *snoop = arg;
    for (unsigned i = 0; i < SNOOP_BUCKETS; i++)
        for (struct snoop_group *g = snoop->hot.bucket[i], *next; g; g = next) {
            next = g->next;
            group_free(group_at(g));
        }
    for (struct asking *a = snoop->asking, *next; a; a = next) {
        next = a->next;
        free(a->routers.entry);
        free(a);
    }
    free(snoop);
}

void snoop_stop(struct bridge *bridge)
{
    struct snoop *snoop = bridge->snoop;
    store_release(&bridge->groups, NULL);
    bridge->snoop = NULL;
    if (snoop)
        retire(snoop_free, snoop);
}

static void forget_all(struct bridge *bridge)
{
    for (unsigned i = 0; i < SNOOP_BUCKETS; i++)
        while (bridge->snoop->hot.bucket[i])
            group_remove(bridge->snoop, &bridge->snoop->hot.bucket[i]);
    for (struct asking *a = bridge->snoop->asking; a; a = a->next)
        for (unsigned family = 0; family < SNOOP_FAMILIES; family++)
            a->family[family].next_us = a->family[family].asked = 0;
}

void snoop_forget(struct bridge *bridge, const struct member *member)
{
    if (!bridge->snoop)
        return;
    if (!member) {
        forget_all(bridge);
        return;
    }
    uint16_t port = member->interface->port_number;
    for (struct asking *a = bridge->snoop->asking; a; a = a->next)
        until_end(&a->routers, 0, port);
    for (unsigned i = 0; i < SNOOP_BUCKETS; i++)
        for (struct snoop_group *g = bridge->snoop->hot.bucket[i]; g; g = g->next)
            until_end(&group_at(g)->wanted, 0, port);
    publish_all(bridge, FDB_ANY);
}

/* For people ----------------------------------------------------------------------- */

struct snoop_counts snoop_counts(const struct bridge *bridge)
{
    struct snoop_counts c = { .groups = bridge->snoop->groups };
    for (const struct asking *a = bridge->snoop->asking; a; a = a->next) {
        c.routers += a->routers.count;
        for (unsigned family = 0; family < SNOOP_FAMILIES; family++)
            c.asks |= a->family[family].other_us <= time_us();
    }
    return c;
}

bool snoop_row(const struct bridge *bridge, unsigned n, struct snoop_row *row)
{
    struct snoop_group *at = NULL;
    for (unsigned i = 0; bridge->snoop && i < SNOOP_BUCKETS && !at; i++)
        for (at = bridge->snoop->hot.bucket[i]; at && n; at = at->next)
            n--;
    if (!at)
        return false;
    const struct group *g = group_at(at);
    *row = (struct snoop_row){ .fid = (uint16_t)(g->hot.key >> 48), .ports = g->wanted.count };
    mac_store(row->mac, g->hot.key & MAC_WORD);
    for (unsigned i = 0; i < g->wanted.count && i < 8; i++)
        row->port[i] = g->wanted.entry[i].port;
    return true;
}
