/* rstp.c - see rstp.h; each machine is a function that takes one step and says whether it did. */
#include "apps/bridge/rstp.h"

#include "kernel/compiler.h"
#include "kernel/endian.h"

#include <string.h>

#define HELLO 2u
#define MAX_AGE 20u
#define FORWARD_DELAY 15u
#define MIGRATE 3u
#define HOLD 6u        /* BPDUs in a row */
#define STEPS_MAX 512u /* of all machines in one run: a tree of many ports settles in far fewer */

enum { BPDU_CONFIG = 0, BPDU_RST = 2, BPDU_TCN = 0x80 };
#define CONFIG_LENGTH 35u
#define RST_LENGTH 36u
#define TCN_LENGTH 4u

#define FLAG_TC 0x01u
#define FLAG_PROPOSAL 0x02u
#define FLAG_ROLE 0x0cu
#define FLAG_LEARNING 0x10u
#define FLAG_FORWARDING 0x20u
#define FLAG_AGREEMENT 0x40u
#define FLAG_TC_ACK 0x80u
enum { ROLE_UNKNOWN, ROLE_ALTERNATE, ROLE_ROOT, ROLE_DESIGNATED }; /* as FLAG_ROLE has it */

const char *const rstp_roles[] = { "disabled", "alternate", "backup", "root", "designated" };
const char *const rstp_states[] = { "discarding", "learning", "forwarding" };

/* Vectors and times --------------------------------------------------------------- */

/* Below 0: a is better. */
static int compare(const struct rstp_vector *a, const struct rstp_vector *b)
{
    if (a->root != b->root)
        return a->root < b->root ? -1 : 1;
    if (a->cost != b->cost)
        return a->cost < b->cost ? -1 : 1;
    if (a->bridge != b->bridge)
        return a->bridge < b->bridge ? -1 : 1;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    return (a->received_by > b->received_by) - (a->received_by < b->received_by);
}

#define ADDRESS_PART 0xffffffffffffull /* of a bridge's identifier: priorities may change */
#define NUMBER_PART 0x0fffu            /* of a port's */

static bool is_from_same(const struct rstp_vector *a, const struct rstp_vector *b)
{
    return !((a->bridge ^ b->bridge) & ADDRESS_PART) && !((a->port ^ b->port) & NUMBER_PART);
}

static bool times_equal(const struct rstp_times *a, const struct rstp_times *b)
{
    return !memcmp(a, b, sizeof *a);
}

/* Both on the same port, so that the receiving port does not count. */
static bool better_or_same(const struct rstp_port *p, enum rstp_info_is new_info)
{
    const struct rstp_vector *v = new_info == RSTP_INFO_MINE ? &p->designated : &p->message;
    return p->info_is == new_info && compare(v, &p->priority) <= 0;
}

uint64_t rstp_identifier(uint16_t priority, const uint8_t mac[6])
{
    return (uint64_t)priority << 48 | (uint64_t)load_be16(mac) << 32 | load_be32(mac + 2);
}

/* 17.14, table 17-3: 20 000 000 at 1 Mb/s. */
uint32_t rstp_path_cost(uint32_t speed_mbps)
{
    uint32_t cost = 20000000u / (speed_mbps ? speed_mbps : 1000);
    return cost ? cost : 1;
}

/* The tree ------------------------------------------------------------------------ */

static uint16_t delay_of(const struct rstp_port *p)
{
    return p->send_rstp ? HELLO : p->designated_times.forward_delay;
}

static bool all_synced(const struct rstp *tree)
{
    for (const struct rstp_port *p = tree->ports; p; p = p->next)
        if (!p->selected || p->role != p->selected_role || !(p->synced || p->role == RSTP_ROOT))
            return false;
    return true;
}

static bool is_rerooted(const struct rstp_port *self)
{
    for (const struct rstp_port *p = self->tree->ports; p; p = p->next)
        if (p != self && p->rr_while)
            return false;
    return true;
}

static void sync_tree(struct rstp *tree)
{
    for (struct rstp_port *p = tree->ports; p; p = p->next)
        p->sync = true;
}

static void reroot_tree(struct rstp *tree)
{
    for (struct rstp_port *p = tree->ports; p; p = p->next)
        p->reroot = true;
}

static void propagate_change(struct rstp_port *self)
{
    self->tree->changes++;
    for (struct rstp_port *p = self->tree->ports; p; p = p->next)
        if (p != self)
            p->tc_prop = true;
}

static void new_tc_while(struct rstp_port *p)
{
    if (p->tc_while)
        return;
    p->tc_while =
        p->send_rstp ? HELLO + 1 : p->tree->root_times.max_age + p->tree->root_times.forward_delay;
    p->new_info = true;
}

/* Sending ------------------------------------------------------------------------- */

static uint8_t role_flag(const struct rstp_port *p)
{
    unsigned role = p->role == RSTP_ROOT         ? ROLE_ROOT
                    : p->role == RSTP_DESIGNATED ? ROLE_DESIGNATED
                                                 : ROLE_ALTERNATE;
    return (uint8_t)FIELD_PUT(FLAG_ROLE, role);
}

static void put_times(uint8_t *to, const struct rstp_times *times)
{
    store_be16(to, (uint16_t)(times->message_age << 8));
    store_be16(to + 2, (uint16_t)(times->max_age << 8));
    store_be16(to + 4, (uint16_t)(times->hello << 8));
    store_be16(to + 6, (uint16_t)(times->forward_delay << 8));
}

static void send(struct rstp_port *p, uint8_t type, uint8_t flags)
{
    uint8_t bpdu[RSTP_BPDU_MAX] = { 0, 0, type == BPDU_RST ? 2 : 0, type, flags };
    const struct rstp_vector *v = &p->designated;
    unsigned length = type == BPDU_RST ? RST_LENGTH : CONFIG_LENGTH;
    store_be32(bpdu + 5, (uint32_t)(v->root >> 32));
    store_be32(bpdu + 9, (uint32_t)v->root);
    store_be32(bpdu + 13, v->cost);
    store_be32(bpdu + 17, (uint32_t)(v->bridge >> 32));
    store_be32(bpdu + 21, (uint32_t)v->bridge);
    store_be16(bpdu + 25, v->port);
    put_times(bpdu + 27, &p->designated_times);
    p->sent++;
    p->tree->ops->transmit(p, bpdu, type == BPDU_TCN ? TCN_LENGTH : length);
}

static void send_rst(struct rstp_port *p)
{
    uint8_t flags = role_flag(p);
    flags |= p->tc_while ? FLAG_TC : 0;
    flags |= p->proposing ? FLAG_PROPOSAL : 0;
    flags |= p->agree ? FLAG_AGREEMENT : 0;
    flags |= p->state >= RSTP_LEARNING ? FLAG_LEARNING : 0;
    flags |= p->state == RSTP_FORWARDING ? FLAG_FORWARDING : 0;
    send(p, BPDU_RST, flags);
    p->tc_ack = false;
}

static void send_config(struct rstp_port *p)
{
    send(p, BPDU_CONFIG, (p->tc_while ? FLAG_TC : 0) | (p->tc_ack ? FLAG_TC_ACK : 0));
    p->tc_ack = false;
}

/* 17.26 */
static bool transmit(struct rstp_port *p)
{
    if (!p->selected || p->update_info || !p->enabled)
        return false;
    if (!p->hello_when) {
        p->new_info |= p->role == RSTP_DESIGNATED || (p->role == RSTP_ROOT && p->tc_while);
        p->hello_when = HELLO;
        return true;
    }
    if (!p->new_info || p->sent >= HOLD)
        return false;
    p->new_info = false;
    if (p->send_rstp)
        send_rst(p);
    else if (p->role == RSTP_ROOT)
        send(p, BPDU_TCN, 0);
    else if (p->role == RSTP_DESIGNATED)
        send_config(p);
    return true;
}

/* Receiving ----------------------------------------------------------------------- */

static bool is_designated_message(const struct rstp_port *p)
{
    return p->message_type == BPDU_CONFIG ||
           (p->message_type == BPDU_RST &&
            FIELD_GET(FLAG_ROLE, p->message_flags) == ROLE_DESIGNATED);
}

static void record_tc(struct rstp_port *p)
{
    bool flags = p->message_type != BPDU_TCN;
    p->received_tc |= flags && p->message_flags & FLAG_TC;
    p->received_tc_ack |= p->message_type == BPDU_CONFIG && p->message_flags & FLAG_TC_ACK;
    p->received_tcn |= p->message_type == BPDU_TCN;
}

static void record_proposal(struct rstp_port *p)
{
    if (p->message_type == BPDU_RST && p->message_flags & FLAG_PROPOSAL)
        p->proposed = true;
}

static void record_agreement(struct rstp_port *p)
{
    p->agreed = p->message_flags & FLAG_AGREEMENT;
    if (p->agreed)
        p->proposing = false;
}

static void restart_received_while(struct rstp_port *p)
{
    bool young = p->times.message_age + 1u <= p->times.max_age;
    p->received_while = young ? (uint16_t)(3 * p->times.hello) : 0;
}

static void take_superior(struct rstp_port *p)
{
    p->agreed = p->proposing = false;
    record_proposal(p);
    record_tc(p);
    p->agree = p->agree && better_or_same(p, RSTP_INFO_RECEIVED);
    p->priority = p->message;
    p->times = p->message_times;
    restart_received_while(p);
    p->info_is = RSTP_INFO_RECEIVED;
    p->reselect = true;
    p->selected = false;
}

static void take_designated(struct rstp_port *p, int order)
{
    bool same = !order && times_equal(&p->message_times, &p->times);
    bool replaces = is_from_same(&p->message, &p->priority) && p->info_is == RSTP_INFO_RECEIVED;
    if (order < 0 || (replaces && !same) || (!order && !same)) {
        take_superior(p);
    } else if (same && p->info_is == RSTP_INFO_RECEIVED) {
        record_proposal(p);
        record_tc(p);
        restart_received_while(p);
    } else if (p->message_type == BPDU_RST && p->message_flags & FLAG_LEARNING) {
        p->disputed = true; /* inferior, and lets frames through */
        p->agreed = false;
    }
}

/* 17.27 RECEIVE, as 17.21.8 sorts what came. */
static void take_message(struct rstp_port *p)
{
    p->received_message = false;
    if (p->message_type == BPDU_TCN) {
        record_tc(p);
        return;
    }
    int order = compare(&p->message, &p->priority);
    if (is_designated_message(p)) {
        take_designated(p, order);
    } else if (FIELD_GET(FLAG_ROLE, p->message_flags) != ROLE_UNKNOWN && order >= 0) {
        record_agreement(p);
        record_tc(p);
    }
}

/* 17.27 UPDATE */
static void update_priority(struct rstp_port *p)
{
    p->proposing = p->proposed = false;
    p->agreed = p->agreed && better_or_same(p, RSTP_INFO_MINE);
    p->synced = p->synced && p->agreed;
    p->priority = p->designated;
    p->times = p->designated_times;
    p->update_info = false;
    p->info_is = RSTP_INFO_MINE;
    p->new_info = true;
}

/* 17.27 DISABLED */
static void forget_priority(struct rstp_port *p)
{
    p->proposing = p->proposed = p->agree = p->agreed = false;
    p->received_while = 0;
    p->info_is = RSTP_INFO_DISABLED;
}

static bool is_too_old(const struct rstp_port *p)
{
    return p->info_is == RSTP_INFO_RECEIVED && !p->received_while && !p->update_info &&
           !p->received_message;
}

/* 17.27 */
static bool inform(struct rstp_port *p)
{
    if (!p->enabled) {
        p->received_message = false;
        if (p->info_is == RSTP_INFO_DISABLED)
            return false;
        forget_priority(p);
    } else if (p->info_is == RSTP_INFO_DISABLED || is_too_old(p)) {
        p->info_is = RSTP_INFO_AGED;
    } else if (p->selected && p->update_info) {
        update_priority(p);
        return true;
    } else if (p->received_message && !p->update_info) {
        take_message(p);
        return true;
    } else {
        return false;
    }
    p->reselect = true;
    p->selected = false;
    return true;
}

/* Roles --------------------------------------------------------------------------- */

/* The best way to a root: this bridge itself, or by a port. */
static void select_root(struct rstp *tree)
{
    tree->root = (struct rstp_vector){ .root = tree->bridge, .bridge = tree->bridge };
    tree->root_times = (struct rstp_times){ 0, MAX_AGE, HELLO, FORWARD_DELAY };
    tree->root_port = NULL;
    for (const struct rstp_port *p = tree->ports; p; p = p->next) {
        struct rstp_vector way = p->priority;
        way.cost += p->path_cost;
        way.received_by = p->id;
        if (p->info_is != RSTP_INFO_RECEIVED || way.bridge == tree->bridge ||
            compare(&way, &tree->root) >= 0)
            continue;
        tree->root = way;
        tree->root_times = p->times;
        tree->root_times.message_age++;
        tree->root_port = p;
    }
}

static enum rstp_role role_of(const struct rstp_port *p)
{
    if (p->info_is == RSTP_INFO_DISABLED)
        return RSTP_DISABLED;
    if (p == p->tree->root_port)
        return RSTP_ROOT;
    if (p->info_is != RSTP_INFO_RECEIVED || compare(&p->designated, &p->priority) < 0)
        return RSTP_DESIGNATED;
    return p->priority.bridge == p->tree->bridge ? RSTP_BACKUP : RSTP_ALTERNATE;
}

static void select_role(struct rstp_port *p)
{
    const struct rstp *tree = p->tree;
    p->designated = (struct rstp_vector){ .root = tree->root.root,
                                          .cost = tree->root.cost,
                                          .bridge = tree->bridge,
                                          .port = p->id,
                                          .received_by = p->id };
    p->designated_times = tree->root_times;
    p->selected_role = role_of(p);
    bool is_mine = p->info_is == RSTP_INFO_MINE && !compare(&p->priority, &p->designated) &&
                   times_equal(&p->times, &p->designated_times);
    p->update_info = p->selected_role == RSTP_DESIGNATED && !is_mine;
}

/* 17.28 */
static bool select_roles(struct rstp *tree)
{
    bool due = false;
    for (struct rstp_port *p = tree->ports; p; p = p->next) {
        due |= p->reselect;
        p->reselect = false;
    }
    if (!due)
        return false;
    select_root(tree);
    for (struct rstp_port *p = tree->ports; p; p = p->next)
        select_role(p);
    for (struct rstp_port *p = tree->ports; p; p = p->next)
        p->selected = true;
    return true;
}

/* Role transitions ---------------------------------------------------------------- */

static bool to_rest(struct rstp_port *p, uint16_t delay)
{
    if (p->state != RSTP_DISCARDING ||
        (p->fd_while == delay && !p->sync && !p->reroot && p->synced))
        return false;
    p->fd_while = delay;
    p->synced = true;
    p->rr_while = 0;
    p->sync = p->reroot = false;
    return true;
}

/* 17.29.1 and 17.29.4: neither forwards. */
static bool step_blocked(struct rstp_port *p)
{
    if (p->learn || p->forward) {
        p->learn = p->forward = false;
        return true;
    }
    if (p->role == RSTP_DISABLED)
        return to_rest(p, MAX_AGE);
    if (p->proposed && !p->agree) {
        sync_tree(p->tree);
        p->proposed = false;
        return true;
    }
    if ((all_synced(p->tree) && !p->agree) || (p->proposed && p->agree)) {
        p->proposed = false;
        p->agree = true;
        p->new_info = true;
        return true;
    }
    if (p->role == RSTP_BACKUP)
        p->rb_while = 2 * HELLO;
    return to_rest(p, delay_of(p));
}

/* On the way to forwarding, one state further. */
static void open_further(struct rstp_port *p)
{
    if (p->learn) {
        p->forward = true;
        p->fd_while = 0;
    } else {
        p->learn = true;
        p->fd_while = delay_of(p);
    }
}

/* 17.29.2 */
static bool step_root(struct rstp_port *p)
{
    p->rr_while = p->designated_times.forward_delay;
    if (p->proposed && !p->agree) {
        sync_tree(p->tree);
        p->proposed = false;
    } else if ((all_synced(p->tree) && !p->agree) || (p->proposed && p->agree)) {
        p->proposed = p->sync = false;
        p->agree = p->new_info = true;
    } else if (!p->forward && !p->reroot) {
        reroot_tree(p->tree);
    } else if (!p->forward && (!p->fd_while || (is_rerooted(p) && !p->rb_while && p->send_rstp))) {
        open_further(p);
    } else if (p->reroot && p->forward) {
        p->reroot = false;
    } else {
        return false;
    }
    return true;
}

/* 17.29.3 */
static bool step_designated(struct rstp_port *p)
{
    bool closed = p->state == RSTP_DISCARDING;
    if (!p->forward && !p->agreed && !p->proposing && !p->oper_edge) {
        p->proposing = p->new_info = true;
        p->edge_delay = MIGRATE;
    } else if (((closed || p->agreed || p->oper_edge) && !p->synced) || (p->sync && p->synced)) {
        p->rr_while = 0;
        p->synced = true;
        p->sync = false;
    } else if (!p->rr_while && p->reroot) {
        p->reroot = false;
    } else if (((p->sync && !p->synced) || (p->reroot && p->rr_while) || p->disputed) &&
               !p->oper_edge && (p->learn || p->forward)) {
        p->learn = p->forward = p->disputed = false;
        p->fd_while = delay_of(p);
    } else if ((!p->fd_while || p->agreed || p->oper_edge) && (!p->rr_while || !p->reroot) &&
               !p->sync && !p->forward) {
        open_further(p);
        p->agreed = p->forward ? p->send_rstp : p->agreed;
    } else {
        return false;
    }
    return true;
}

static bool step_role(struct rstp_port *p)
{
    if (!p->selected || p->update_info)
        return false;
    if (p->role != p->selected_role) {
        p->role = p->selected_role;
        return true;
    }
    if (p->role == RSTP_ROOT)
        return step_root(p);
    return p->role == RSTP_DESIGNATED ? step_designated(p) : step_blocked(p);
}

/* 17.30 */
static bool step_state(struct rstp_port *p)
{
    enum rstp_state state = p->forward ? RSTP_FORWARDING
                            : p->learn ? RSTP_LEARNING
                                       : RSTP_DISCARDING;
    if (state == p->state)
        return false;
    p->state = state;
    p->tree->ops->set_state(p, state);
    return true;
}

/* Topology changes ---------------------------------------------------------------- */

enum { TOPOLOGY_INACTIVE, TOPOLOGY_LEARNING, TOPOLOGY_ACTIVE };

static bool is_active(const struct rstp_port *p)
{
    return (p->role == RSTP_ROOT || p->role == RSTP_DESIGNATED) && p->forward && !p->oper_edge;
}

static void forget_changes(struct rstp_port *p)
{
    p->received_tc = p->received_tcn = p->received_tc_ack = p->tc_prop = false;
}

static bool notice_changes(struct rstp_port *p)
{
    if (p->received_tc || p->received_tcn) {
        if (p->received_tcn)
            new_tc_while(p);
        if (p->received_tcn && p->role == RSTP_DESIGNATED)
            p->tc_ack = p->new_info = true;
        p->received_tc = p->received_tcn = false;
        propagate_change(p);
    } else if (p->tc_prop) {
        new_tc_while(p);
        p->tree->ops->flush(p);
        p->tc_prop = false;
    } else if (p->received_tc_ack) {
        p->tc_while = 0;
        p->received_tc_ack = false;
    } else {
        return false;
    }
    return true;
}

/* 17.31 */
static bool step_topology(struct rstp_port *p)
{
    uint8_t before = p->topology;
    if (before == TOPOLOGY_ACTIVE && is_active(p))
        return notice_changes(p);
    if (is_active(p)) {
        p->topology = TOPOLOGY_ACTIVE;
        forget_changes(p);
        new_tc_while(p);
        propagate_change(p);
    } else if (p->learn || p->state != RSTP_DISCARDING) {
        p->topology = TOPOLOGY_LEARNING;
        forget_changes(p);
    } else {
        p->topology = TOPOLOGY_INACTIVE;
        forget_changes(p);
        p->tc_while = 0;
        if (before != TOPOLOGY_INACTIVE)
            p->tree->ops->flush(p);
    }
    return p->topology != before;
}

/* Versions and edges -------------------------------------------------------------- */

enum { MIGRATION_CHECKING, MIGRATION_SENSING, MIGRATION_STP };

/* 17.24 */
static bool step_migration(struct rstp_port *p)
{
    uint8_t before = p->migration;
    if (before == MIGRATION_SENSING && p->send_rstp && p->received_stp && p->enabled) {
        p->migration = MIGRATION_STP;
        p->send_rstp = false;
        p->migrate_delay = MIGRATE;
    } else if (before == MIGRATION_SENSING && !p->send_rstp && (p->received_rstp || !p->enabled)) {
        p->migration = MIGRATION_CHECKING;
        p->send_rstp = true;
        p->migrate_delay = MIGRATE;
    } else if (before != MIGRATION_SENSING && !p->migrate_delay) {
        p->migration = MIGRATION_SENSING;
        p->received_rstp = p->received_stp = false;
    }
    return p->migration != before;
}

/* 17.25: what was said, or nobody who speaks our protocol has answered. */
static bool step_edge(struct rstp_port *p)
{
    bool edge = p->oper_edge;
    if (!p->enabled)
        edge = p->admin_edge;
    else if (!p->edge_delay && p->send_rstp && p->proposing)
        edge = true;
    if (edge == p->oper_edge)
        return false;
    p->oper_edge = edge;
    return true;
}

/* All of it ----------------------------------------------------------------------- */

static bool step_port(struct rstp_port *p)
{
    bool moved = step_migration(p);
    moved |= step_edge(p);
    moved |= inform(p);
    return moved;
}

static bool step_selected(struct rstp_port *p)
{
    bool moved = step_role(p);
    moved |= step_state(p);
    moved |= step_topology(p);
    return moved;
}

/* Until nothing moves, and what is to be told then is told. */
static void run(struct rstp *tree)
{
    bool moved = true;
    for (unsigned steps = 0; moved && steps < STEPS_MAX; steps++) {
        moved = false;
        for (struct rstp_port *p = tree->ports; p; p = p->next)
            moved |= step_port(p);
        moved |= select_roles(tree);
        for (struct rstp_port *p = tree->ports; p; p = p->next)
            moved |= step_selected(p);
        for (struct rstp_port *p = tree->ports; !moved && p; p = p->next)
            moved |= transmit(p);
    }
}

static void begin_port(struct rstp_port *p)
{
    p->enabled = false;
    p->oper_edge = p->admin_edge;
    p->role = p->selected_role = RSTP_DISABLED;
    p->info_is = RSTP_INFO_DISABLED;
    p->send_rstp = true;
    p->sync = p->reroot = true;
    p->synced = p->learn = p->forward = false;
    p->fd_while = MAX_AGE;
    p->rr_while = FORWARD_DELAY;
    p->migrate_delay = MIGRATE;
    p->hello_when = HELLO;
    p->reselect = true;
    p->selected = p->update_info = p->new_info = false;
    p->agree = p->agreed = p->proposed = p->proposing = p->disputed = false;
    p->state = RSTP_DISCARDING;
    p->tree->ops->set_state(p, p->state);
}

void rstp_begin(struct rstp *tree, uint64_t bridge, const struct rstp_ops *ops)
{
    tree->bridge = bridge;
    tree->ops = ops;
    for (struct rstp_port *p = tree->ports; p; p = p->next)
        begin_port(p);
    run(tree);
}

void rstp_port_add(struct rstp *tree, struct rstp_port *port, uint16_t number, bool edge)
{
    port->tree = tree;
    port->id = (uint16_t)(RSTP_PRIORITY | ((number + 1u) & 0xfffu));
    port->admin_edge = edge;
    port->next = tree->ports;
    tree->ports = port;
    begin_port(port);
    run(tree);
}

void rstp_port_remove(struct rstp *tree, struct rstp_port *port)
{
    struct rstp_port **at = &tree->ports;
    while (*at && *at != port)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = port->next;
    if (tree->ports)
        tree->ports->reselect = true;
    if (tree->root_port == port)
        tree->root_port = NULL;
    run(tree);
}

void rstp_port_enable(struct rstp_port *port, bool enabled, uint32_t path_cost)
{
    if (port->enabled == enabled && port->path_cost == path_cost)
        return;
    port->reselect |= port->path_cost != path_cost;
    port->path_cost = path_cost;
    if (enabled && !port->enabled) {
        port->edge_delay = port->migrate_delay = MIGRATE;
        port->migration = MIGRATION_CHECKING;
        port->send_rstp = true;
        port->new_info = true;
        port->sent = 0;
    }
    port->enabled = enabled;
    run(port->tree);
}

void rstp_port_set_edge(struct rstp_port *port, bool edge)
{
    port->admin_edge = edge;
    port->oper_edge = edge;
    run(port->tree);
}

/* Octets -------------------------------------------------------------------------- */

static uint64_t take_identifier(const uint8_t *at)
{
    return (uint64_t)load_be32(at) << 32 | load_be32(at + 4);
}

/* Whole seconds, rounded up as an age is. */
static uint16_t take_seconds(const uint8_t *at)
{
    return (uint16_t)((load_be16(at) + 255u) >> 8);
}

static bool take_bpdu(struct rstp_port *p, const uint8_t *bpdu, unsigned type)
{
    const struct rstp_vector message = { .root = take_identifier(bpdu + 5),
                                         .cost = load_be32(bpdu + 13),
                                         .bridge = take_identifier(bpdu + 17),
                                         .port = load_be16(bpdu + 25),
                                         .received_by = p->id };
    const struct rstp_times times = { .message_age = take_seconds(bpdu + 27),
                                      .max_age = take_seconds(bpdu + 29),
                                      .hello = take_seconds(bpdu + 31),
                                      .forward_delay = take_seconds(bpdu + 33) };
    bool own = message.bridge == p->tree->bridge && message.port == p->id;
    if (own || (type == BPDU_CONFIG && times.message_age >= times.max_age))
        return false;
    p->message = message;
    p->message_times = times;
    p->message_times.hello = times.hello ? times.hello : 1;
    p->message_flags = bpdu[4];
    return true;
}

/* 9.3.4 tells a BPDU from what is none. */
static bool is_bpdu(const uint8_t *bpdu, unsigned length)
{
    if (length < TCN_LENGTH || load_be16(bpdu))
        return false;
    return bpdu[3] == BPDU_TCN || (bpdu[3] == BPDU_CONFIG && length >= CONFIG_LENGTH) ||
           (bpdu[3] == BPDU_RST && bpdu[2] >= 2 && length >= RST_LENGTH);
}

bool rstp_receive(struct rstp_port *port, const uint8_t *bpdu, unsigned length)
{
    if (!port->enabled || !is_bpdu(bpdu, length) ||
        (bpdu[3] != BPDU_TCN && !take_bpdu(port, bpdu, bpdu[3])))
        return false;
    port->message_type = bpdu[3];
    port->received_rstp |= bpdu[3] == BPDU_RST;
    port->received_stp |= bpdu[3] != BPDU_RST;
    port->received_message = true;
    port->oper_edge = false;
    port->edge_delay = MIGRATE;
    run(port->tree);
    return true;
}

static void count_down(uint16_t *timer)
{
    *timer = (uint16_t)(*timer - (*timer != 0));
}

/* 17.22 */
void rstp_tick(struct rstp *tree)
{
    for (struct rstp_port *p = tree->ports; p; p = p->next) {
        uint16_t *timers[] = { &p->edge_delay, &p->fd_while,       &p->hello_when,
                               &p->rb_while,   &p->received_while, &p->rr_while,
                               &p->tc_while,   &p->sent,           &p->migrate_delay };
        for (unsigned i = 0; i < sizeof timers / sizeof timers[0]; i++)
            count_down(timers[i]);
    }
    run(tree);
}
