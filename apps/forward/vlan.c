/* vlan.c - interfaces of VLANs: sorting, sending, following (vlan.h).  unread in this file: 802.1Q.
 */
#include "apps/forward/vlan.h"

#include "apps/forward/event.h"
#include "apps/forward/forward.h"
#include "kernel/memory.h"
#include "kernel/numbered.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MTU_MAX (FRAME_MAX - FRAME_LIMIT(0))

struct interface *vlan_of(const struct interface *lower, unsigned vid)
{
    const struct numbered *table = load_acquire(&lower->vlans);
    return table ? numbered_get(table, vid) : NULL;
}

/* Workers ----------------------------------------------------------------------- */

/* The tag of the frame, or what else lies there, as it lies in memory. */
static inline uint32_t tag_word(const struct packet *p)
{
    return load_le32(p->data + ETHERNET_TYPE);
}

/* Whose a frame is that has such a tag; NULL: no VLAN's. */
static struct interface *owner_of(const struct interface *lower, const struct packet *p)
{
    if (ethernet_type(p->data) != ETHERTYPE_VLAN || p->length < ETHERNET_HEADER + VLAN_TAG)
        return NULL;
    unsigned vid = load_be16(p->data + VLAN_TCI) & VLAN_TCI_VID;
    return vid ? vlan_of(lower, vid) : NULL;
}

/* What counts of them, in a burst of which each has the interface's number; `bytes` with tags. */
static void hand_up(struct worker *worker, struct interface *vlan, struct packet **packets,
                    uint16_t n, uint64_t bytes)
{
    interface_add_rx(vlan, worker->number, n, bytes - (uint64_t)n * VLAN_TAG);
    if (unlikely(!load_relaxed(&vlan->up)))
        forward_drop_burst(worker, packets[0]->port, DROP_stopped, packets, n);
    else
        load_acquire (&vlan->input)(worker, vlan, packets, n);
}

static void hand_on(struct worker *worker, struct interface *lower, struct interface *vlan,
                    struct packet **packets, uint16_t n)
{
    const struct interface *to = vlan ? vlan : lower;
    uint16_t number = to->port ? INTERFACE_NONE : to->number;
    uint64_t bytes = 0;
    for (uint16_t i = 0; i < n; i++) {
        bytes += packets[i]->frame_length;
        packets[i]->interface = number;
    }
    if (likely(vlan))
        hand_up(worker, vlan, packets, n, bytes);
    else
        load_acquire (&lower->untagged)(worker, lower, packets, n);
}

/* Those of one interface go on together; each interface's keep their order. */
static __attribute__((noinline)) void sort(struct worker *worker, struct interface *lower,
                                           struct packet **packets, uint16_t n)
{
    struct interface *owner[PORT_BURST];
    struct packet *mine[PORT_BURST];
    for (uint16_t i = 0; i < n; i++)
        owner[i] = owner_of(lower, packets[i]);
    while (n) {
        struct interface *vlan = owner[0];
        uint16_t count = 0, left = 0;
        for (uint16_t i = 0; i < n; i++) {
            if (owner[i] == vlan) {
                mine[count++] = packets[i];
            } else {
                packets[left] = packets[i];
                owner[left++] = owner[i];
            }
        }
        n = left;
        hand_on(worker, lower, vlan, mine, count);
    }
}

#define PRIORITY 0x00f00000u /* in tag_word(), with the bit beside it that is no VID's either */

/* Input of an interface that has VLANs.  All frames of a burst mostly have one tag, or differ in
 * their priorities. */
static void vlan_sort(struct worker *worker, struct interface *lower, struct packet **packets,
                      uint16_t n)
{
    uint32_t differ = 0, missing = 0, word;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(packets[i]->data);
    struct interface *vlan = owner_of(lower, packets[0]);
    uint16_t number = vlan ? vlan->number : INTERFACE_NONE;
    word = tag_word(packets[0]);
    for (unsigned i = 0; i < n; i++) {
        struct packet *p = packets[i];
        uint32_t length = p->frame_length;
        differ |= tag_word(p) ^ word;
        missing |= length - (ETHERNET_HEADER + VLAN_TAG);
        bytes += length;
        p->interface = number;
    }
    if (likely(vlan && !((differ & ~PRIORITY) | missing >> 31))) /* none is too short for a tag */
        hand_up(worker, vlan, packets, n, bytes);
    else
        sort(worker, lower, packets, n);
}

void vlan_output(struct worker *worker, struct interface *vlan, struct packet **packets, uint16_t n)
{
    struct interface *lower = vlan->lower;
    interface_count_tx(vlan, worker->number, packets, n);
    lower->output(worker, lower, packets, n);
}

/* Following ------------------------------------------------------------------------ */

static void follow(struct interface *vlan)
{
    const struct interface *lower = vlan->lower;
    const struct interface_wish *wish = &vlan->wish;
    struct interface_state state = { .up = lower->up && !wish->down, .mtu = lower->mtu };
    if (wish->mtu && wish->mtu < lower->mtu)
        state.mtu = wish->mtu;
    memcpy(state.mac, wish->mac ? vlan->mac : lower->mac, MAC_LEN);
    interface_update(vlan, &state);
}

static void heard(const struct event *event)
{
    const struct interface *lower = event->interface;
    bool state = event->kind == EVENT_INTERFACE_UP || event->kind == EVENT_INTERFACE_DOWN ||
                 event->kind == EVENT_INTERFACE_CHANGED;
    if (!state || !lower)
        return;
    for (unsigned vid = 1; lower->vlans && vid < numbered_limit(lower->vlans); vid++)
        if (vlan_of(lower, vid))
            follow(vlan_of(lower, vid));
}

EVENT_LISTENER(vlan_listener) = { .order = EVENT_ORDER_FORWARD, .heard = heard };

/* Settings ------------------------------------------------------------------------- */

static int set_up(struct interface *vlan, bool up)
{
    vlan->wish.down = !up;
    follow(vlan);
    return 0;
}

static int set_mtu(struct interface *vlan, uint16_t mtu)
{
    vlan->wish.mtu = mtu;
    follow(vlan);
    return 0;
}

/* A bridge takes frames for itself by one address alone. */
static int set_mac(struct interface *vlan, const uint8_t mac[MAC_LEN])
{
    struct interface_state state = { .up = vlan->up, .mtu = vlan->mtu };
    if (!vlan->lower->port)
        return -ENOTSUP;
    memcpy(state.mac, mac, MAC_LEN);
    vlan->lower->vlan_macs = (uint16_t)(vlan->lower->vlan_macs + !vlan->wish.mac);
    vlan->wish.mac = true;
    interface_update(vlan, &state);
    forward_refresh_rx_mode(vlan->lower->port);
    return 0;
}

/* As much as its port's device takes, not what the port has now: that may change afterwards. */
static uint16_t mtu_max(const struct interface *vlan)
{
    const struct port *port = vlan->lower->port;
    return (uint16_t)(port ? port->limits.max_frame - FRAME_LIMIT(0) : MTU_MAX);
}

static const struct interface_ops vlan_ops = {
    .set_up = set_up, .set_mtu = set_mtu, .set_mac = set_mac, .mtu_max = mtu_max
};

/* Making and unmaking --------------------------------------------------------------- */

static bool has_room(void)
{
    uint64_t shares = (worker_count() + 1) * sizeof(struct interface_share);
    return memory_spare(sizeof(struct interface) + sizeof(struct numbered) + shares);
}

static struct interface *create(struct interface *lower, uint16_t vid)
{
    char name[INTERFACE_NAME];
    struct interface *vlan;
    snprintf(name, sizeof name, "%.15s.%u", lower->name, vid);
    errno = ENOMEM;
    vlan = has_room() ? interface_create(INTERFACE_VLAN, name, NULL, vlan_output) : NULL;
    if (!vlan)
        return NULL;
    vlan->ops = &vlan_ops;
    if (!interface_join_vlan(lower, vlan, vid, vlan_sort)) {
        follow(vlan);
        return vlan;
    }
    interface_destroy(vlan);
    errno = ENOMEM;
    return NULL;
}

struct interface *vlan_create(struct interface *lower, uint16_t vid)
{
    struct port *port = lower->port;
    int e = port ? port_vlan_filter(port, vid, true) : 0;
    struct interface *vlan = NULL;
    errno = -e;
    if (!e)
        vlan = create(lower, vid);
    e = errno;
    if (!vlan && port && e != EEXIST && e != ENOSPC)
        port_vlan_filter(port, vid, false);
    errno = e;
    return vlan;
}

/* Frames for it that workers have handed on are dropped before another has its number. */
void vlan_destroy(struct interface *vlan)
{
    struct port *port = vlan->lower->port;
    uint16_t vid = vlan->vid;
    bool mac = vlan->wish.mac;
    vlan->lower->vlan_macs = (uint16_t)(vlan->lower->vlan_macs - mac);
    interface_destroy(vlan);
    workers_take_notes(UINT32_MAX);
    if (port)
        port_vlan_filter(port, vid, false);
    if (port && mac)
        forward_refresh_rx_mode(port);
}
