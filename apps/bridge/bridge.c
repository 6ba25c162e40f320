/* bridge.c - makes bridges, and follows their members (bridge.h). */
#include "apps/bridge/bridge.h"

#include "apps/bridge/fdb.h"
#include "apps/bridge/relay.h"
#include "apps/bridge/snoop.h"
#include "apps/bridge/storm.h"
#include "apps/bridge/stp.h"
#include "apps/bridge/vlans.h"
#include "apps/bridge/wire.h"
#include "apps/forward/event.h"
#include "apps/forward/job.h"
#include "apps/forward/quiesce.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

FORWARD_MODE(l2_mode) = {
    .name = "l2",
    .help = "bridge frames; ports that are in no other bridge are in " BRIDGE_DEFAULT,
};

#define MTU_MAX (FRAME_MAX - ETHERNET_HEADER - VLAN_TAG) /* without a member that has less */

static bool tidy_wanted; /* an interface must not go while somebody hears of it */

static bool ports_join(void)
{
    return forward_get_mode() == &l2_mode;
}

/* Looking ------------------------------------------------------------------- */

static struct bridge *bridge_at(unsigned number)
{
    struct interface *interface = interface_get(number);
    return interface && interface->kind == INTERFACE_BRIDGE ? interface->bridge : NULL;
}

struct bridge *bridge_find(const char *name)
{
    struct interface *interface = interface_find(name);
    return interface ? bridge_at(interface->number) : NULL;
}

struct member *bridge_next_member(const struct bridge *bridge, unsigned *cursor)
{
    while (*cursor < members.limit) {
        struct member *member = member_of((*cursor)++);
        if (member && member->bridge == bridge)
            return member;
    }
    return NULL;
}

/* Following the members ------------------------------------------------------- */

static unsigned members_up(const struct bridge *bridge)
{
    unsigned n = 0, cursor = 0;
    for (const struct member *m; (m = bridge_next_member(bridge, &cursor));)
        n += m->interface->up;
    return n;
}

/* Without memory for a list nobody is flooded to until a member changes again. */
static int publish(struct bridge *bridge)
{
    struct flood_list *old = bridge->flood, *list = NULL;
    unsigned n = members_up(bridge), cursor = 0;
    if (n)
        list = malloc(sizeof *list + n * sizeof list->member[0]);
    if (list)
        list->count = 0;
    for (struct member *m; list && (m = bridge_next_member(bridge, &cursor));)
        if (m->interface->up)
            list->member[list->count++] = m;
    store_release(&bridge->flood, list);
    if (old)
        retire(free, old);
    return n && !list ? -ENOMEM : 0;
}

static uint16_t members_mtu(const struct bridge *bridge)
{
    uint16_t mtu = MTU_MAX;
    unsigned cursor = 0;
    for (const struct member *m; (m = bridge_next_member(bridge, &cursor));)
        if (m->interface->mtu < mtu)
            mtu = m->interface->mtu;
    return mtu;
}

static uint16_t mtu_of(const struct bridge *bridge)
{
    unsigned cursor = 0;
    uint16_t most = members_mtu(bridge);
    if (!bridge->mtu && !bridge_next_member(bridge, &cursor))
        return MTU_DEFAULT;
    return bridge->mtu && bridge->mtu < most ? bridge->mtu : most;
}

/* The first member gives its MAC, the first by the user's wish before others. */
static void consider_mac(struct bridge *bridge, uint16_t number, bool automatic)
{
    if (bridge->mac_from != PORT_NONE && (automatic || !bridge->mac_automatic))
        return;
    bridge->mac_from = number;
    bridge->mac_left = false;
    bridge->mac_automatic = automatic;
}

/* One that a member gave by the user's wish stays when that member leaves.  Mode l2's leave no
 * trace: what the bridge has then must not depend on the modes there were before. */
static const uint8_t *mac_of(struct bridge *bridge)
{
    static const uint8_t none[MAC_LEN];
    const struct member *from = bridge->mac_left ? NULL : member_of(bridge->mac_from);
    unsigned cursor = 0;
    if (bridge->mac_chosen || (!from && !bridge->mac_automatic))
        return bridge->interface->mac;
    if (!from)
        from = bridge_next_member(bridge, &cursor);
    bridge->mac_from = from ? from->interface->port_number : PORT_NONE;
    bridge->mac_left = false;
    return from ? from->interface->mac : none;
}

static int follow(struct bridge *bridge)
{
    struct interface_state state = { .up = members_up(bridge) && !bridge->down,
                                     .mtu = mtu_of(bridge) };
    int e = publish(bridge);
    memcpy(state.mac, mac_of(bridge), MAC_LEN);
    interface_update(bridge->interface, &state);
    stp_follow(bridge);
    return e;
}

/* Joining and leaving ---------------------------------------------------------- */

/* Listeners ask interface->bridge; the port hears what a member must, or no longer does. */
static void tell_changed(struct interface *interface)
{
    const struct event event = { .kind = EVENT_INTERFACE_CHANGED, .interface = interface };
    event_post(&event);
    forward_refresh_rx_mode(interface->port);
}

/* Out of everything that workers look at, and only then freed. */
static void detach(struct member *member)
{
    struct interface *interface = member->interface;
    interface_set_input(interface, interface->ip_input);
    store_release(&interface->bridge, NULL);
    member->bridge->mac_left |= member->bridge->mac_from == interface->port_number;
    numbered_clear(&members, interface->port_number);
    fdb_flush_port(interface->port_number);
    stp_leave(member);
    vlans_leave(member);
    snoop_forget(member->bridge, member);
    wires_refresh(interface);
    publish(member->bridge);
    wire_forget(member);
    storm_forget(member);
    retire(free, member);
}

static void leave(struct member *member)
{
    struct interface *interface = member->interface;
    struct bridge *bridge = member->bridge;
    detach(member);
    follow(bridge);
    tell_changed(interface);
}

static int join(struct bridge *bridge, struct interface *interface, bool automatic)
{
    struct member *member = calloc(1, sizeof *member);
    if (!member)
        return -ENOMEM;
    *member = (struct member){
        .port = interface->port, .interface = interface, .bridge = bridge, .automatic = automatic
    };
    if (vlans_join(member) || stp_join(member) ||
        numbered_set(&members, interface->port_number, member)) {
        stp_leave(member);
        vlans_leave(member);
        free(member);
        return -ENOMEM;
    }
    consider_mac(bridge, interface->port_number, automatic);
    wires_refresh(NULL);
    int e = follow(bridge);
    if (e) {
        detach(member);
        return e;
    }
    store_release(&interface->bridge, bridge);
    interface_set_input(interface, bridge_input);
    tell_changed(interface);
    return 0;
}

/* Its interface's settings ----------------------------------------------------- */

static int set_up(struct interface *interface, bool up)
{
    store_relaxed(&interface->bridge->down, !up);
    return follow(interface->bridge);
}

static int set_mtu(struct interface *interface, uint16_t mtu)
{
    interface->bridge->mtu = mtu;
    return follow(interface->bridge);
}

static int set_mac(struct interface *interface, const uint8_t mac[MAC_LEN])
{
    struct interface_state state = { .up = interface->up, .mtu = interface->mtu };
    memcpy(state.mac, mac, MAC_LEN);
    interface->bridge->mac_chosen = true;
    interface_update(interface, &state);
    stp_follow(interface->bridge);
    return 0;
}

/* Not its members': who they are, and what they take, changes after a configuration is read. */
static uint16_t mtu_max(const struct interface *interface)
{
    return MTU_MAX;
}

static const struct interface_ops bridge_ops = {
    .set_up = set_up, .set_mtu = set_mtu, .set_mac = set_mac, .mtu_max = mtu_max
};

/* Making and unmaking ----------------------------------------------------------- */

static struct bridge *create(const char *name, bool automatic)
{
    bool taken = interface_find(name);
    bool room = automatic || memory_spare(sizeof(struct bridge) + sizeof(struct interface));
    struct bridge *bridge = room && !taken ? calloc(1, sizeof *bridge) : NULL;
    if (!bridge) {
        errno = taken ? EEXIST : ENOMEM;
        return NULL;
    }
    *bridge = (struct bridge){ .automatic = automatic, .mac_from = PORT_NONE };
    bridge->fid = fid_take(bridge, 0, !strcmp(name, BRIDGE_DEFAULT));
    if (bridge->fid == FID_NONE) {
        free(bridge);
        errno = ENOMEM;
        return NULL;
    }
    bridge->interface = interface_create(INTERFACE_BRIDGE, name, NULL, bridge_output);
    if (!bridge->interface) {
        fid_give(bridge->fid);
        free(bridge);
        return NULL;
    }
    bridge->interface->ops = &bridge_ops;
    store_release(&bridge->interface->bridge, bridge);
    return bridge;
}

/* Its interface goes: whatever made it go. */
static void release(struct bridge *bridge)
{
    unsigned cursor = 0;
    for (struct member *m; (m = bridge_next_member(bridge, &cursor));) {
        struct interface *interface = m->interface;
        detach(m);
        tell_changed(interface);
    }
    stp_stop(bridge);
    snoop_stop(bridge);
    vlans_end(bridge);
    fid_give(bridge->fid);
    if (bridge->flood)
        retire(free, bridge->flood);
    retire(free, bridge);
}

bool bridge_tags_conflict(const struct interface *interface)
{
    return interface->vlan_count || interface->port->vlan;
}

/* Mode l2's bridge ---------------------------------------------------------------- */

static void join_default(struct interface *interface)
{
    struct bridge *bridge = bridge_find(BRIDGE_DEFAULT);
    if (!bridge)
        bridge = create(BRIDGE_DEFAULT, true);
    if (bridge && bridge->vlans && bridge_tags_conflict(interface))
        return; /* its tags are its own */
    if (!bridge || join(bridge, interface, true))
        log_warning("port %s: no memory for it in bridge " BRIDGE_DEFAULT, interface->name);
}

static void everybody_joins(void)
{
    for (unsigned i = 0; i < interface_limit(); i++) {
        struct interface *interface = interface_get(i);
        if (interface && interface->kind == INTERFACE_PORT && !interface->bridge)
            join_default(interface);
    }
}

static void automatic_members_leave(void)
{
    for (unsigned i = 0; i < members.limit; i++)
        if (member_of(i) && member_of(i)->automatic)
            leave(member_of(i));
}

/* Frames for it that workers have handed on are dropped before another has its number. */
static void destroy(struct bridge *bridge)
{
    interface_destroy(bridge->interface);
    workers_take_notes(UINT32_MAX);
}

bool bridge_is_used(const struct interface *bridge)
{
    return bridge->addresses || bridge->vlan_count;
}

/* What mode l2 made goes with it; with an address or a VLAN it is configuration. */
static void tidy(void)
{
    struct bridge *bridge = bridge_find(BRIDGE_DEFAULT);
    unsigned cursor = 0;
    if (bridge && bridge->automatic && !bridge_is_used(bridge->interface) &&
        !bridge_next_member(bridge, &cursor))
        destroy(bridge);
}

static void gather(void)
{
    if (ports_join())
        everybody_joins();
    else
        automatic_members_leave();
    tidy();
}

static void tidy_work(struct work *w)
{
    gather();
}

static struct work tidying = { .run = tidy_work };

static void tidy_later(struct worker *control, uint64_t now_us)
{
    if (tidy_wanted)
        work_do(&tidying);
    tidy_wanted = false;
}

CONTROL_JOB(bridge_job) = { .every_us = 10 * US_PER_MS, .run = tidy_later };

/* For the user -------------------------------------------------------------------- */

int bridge_add(const char *name)
{
    struct bridge *bridge = bridge_find(name);
    if (bridge && bridge->automatic) {
        bridge->automatic = false;
        return 0;
    }
    return create(name, false) ? 0 : -errno;
}

void bridge_delete(struct bridge *bridge)
{
    uint16_t fid = bridge->fid;
    destroy(bridge);
    gather();
    fdb_forget_static(fid, FDB_ANY);
    fdb_forget_static(FDB_NOBODYS, FDB_ANY);
}

/* Those that the user did not put there go, not he. */
static void conflicting_leave(const struct bridge *bridge)
{
    unsigned cursor = 0;
    for (struct member *m; (m = bridge_next_member(bridge, &cursor));)
        if (m->automatic && bridge_tags_conflict(m->interface))
            leave(m);
}

int bridge_set_vlan_aware(struct bridge *bridge, bool on)
{
    const struct event event = { .kind = EVENT_INTERFACE_CHANGED, .interface = bridge->interface };
    int e = 0;
    bridge->automatic = false;
    if (on == (bridge->vlans != NULL))
        return 0;
    if (on)
        conflicting_leave(bridge);
    if (on)
        e = vlans_begin(bridge);
    else
        vlans_end(bridge);
    event_post(&event); /* its addresses are not in effect, or are again */
    fdb_forget_static(bridge->fid, FDB_ANY);
    fdb_forget_static(FDB_NOBODYS, FDB_ANY);
    return e;
}

int bridge_add_vlan(struct member *member, uint16_t vid, bool untagged)
{
    int e = vlans_add(member, vid, untagged);
    if (!e && member->automatic)
        e = bridge_add_port(member->bridge, member->port);
    return e;
}

int bridge_add_port(struct bridge *bridge, struct port *port)
{
    struct interface *interface = interface_of_port(port);
    struct member *member = member_of(port->number);
    if (!interface)
        return -ENOMEM;
    bridge->automatic = false;
    if (member && member->bridge == bridge) {
        member->automatic = false;
        interface->tags_bridged = member->vlans;
        consider_mac(bridge, port->number, false);
        return follow(bridge);
    }
    uint16_t before = member ? member->bridge->fid : BRIDGE_DEFAULT_FID;
    uint16_t number = port->number, after = bridge->fid;
    if (member)
        leave(member);
    int e = join(bridge, interface, false);
    gather();
    if (before != after)
        fdb_forget_static(FDB_ANY, number);
    return e;
}

void bridge_remove_port(struct port *port)
{
    struct member *member = member_of(port->number);
    uint16_t number = port->number;
    leave(member);
    gather();
    fdb_forget_static(FDB_ANY, number);
}

/* Events --------------------------------------------------------------------------- */

/* Mode l2 puts a port into its bridge unless that is VLAN-aware and the port's tags are its own. */
static void reconsider(struct interface *interface)
{
    struct member *member = member_of(interface->port_number);
    if (member && member->automatic && member->bridge->vlans && bridge_tags_conflict(interface))
        leave(member);
    else if (!member && ports_join())
        tidy_wanted = true; /* not in the middle of somebody's change */
}

static void heard_of_port(const struct event *event)
{
    struct interface *interface = event->interface;
    struct member *member = member_of(interface->port_number);
    if (event->kind == EVENT_INTERFACE_ADDED && ports_join())
        join_default(interface);
    if (event->kind == EVENT_INTERFACE_DOWN)
        fdb_flush_port(interface->port_number);
    if (event->kind == EVENT_INTERFACE_GONE) {
        fdb_forget_begin(FDB_ANY, interface->port_number);
        if (member) {
            struct bridge *bridge = member->bridge;
            detach(member);
            follow(bridge);
        }
    } else {
        if (interface->port->uplink || interface->port->vf_count)
            wires_refresh(NULL);
        if (member)
            follow(member->bridge);
        if (member && event->kind == EVENT_INTERFACE_DOWN)
            snoop_forget(member->bridge, member);
        if (event->kind == EVENT_INTERFACE_CHANGED)
            reconsider(interface);
    }
}

/* One that goes kept mode l2's bridge, or its port out of it. */
static void heard_of_vlan(const struct event *event)
{
    struct interface *lower = event->interface->lower;
    if (event->kind == EVENT_INTERFACE_GONE)
        tidy_wanted = true;
    else if (event->kind == EVENT_INTERFACE_CHANGED && lower && lower->kind == INTERFACE_PORT)
        reconsider(lower);
}

static void heard_of_bridge(const struct event *event)
{
    if (event->kind == EVENT_INTERFACE_GONE && event->interface->bridge)
        release(event->interface->bridge);
    else if (event->kind == EVENT_ADDRESS_GONE)
        tidy_wanted = true;
}

/* Stations may have moved while nobody learned. */
static void heard_of_mode(void)
{
    for (unsigned i = 0; forward_get_mode()->burst && i < members.limit; i++)
        fdb_flush_port((uint16_t)i);
    gather();
}

static void heard(const struct event *event)
{
    if (event->kind == EVENT_MODE_CHANGED)
        heard_of_mode();
    else if (event->interface && event->interface->kind == INTERFACE_PORT)
        heard_of_port(event);
    else if (event->interface && event->interface->kind == INTERFACE_BRIDGE)
        heard_of_bridge(event);
    else if (event->interface && event->interface->kind == INTERFACE_VLAN)
        heard_of_vlan(event);
}

EVENT_LISTENER(bridge_listener) = { .order = EVENT_ORDER_BRIDGE,
                                    .heard = heard,
                                    .more = fdb_forget_slice };
