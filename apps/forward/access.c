/* access.c - access ports (access.h). */
#include "apps/forward/access.h"

#include "apps/forward/quiesce.h"

#include <errno.h>

#define OFFLOADS (PORT_OFFLOAD_VLAN_STRIP | PORT_OFFLOAD_VLAN_INSERT)

static void publish(struct port *port, uint16_t vlan)
{
    store_relaxed(&port->vlan, vlan);
    workers_quiesce();
}

/* Workers know first: to take off a tag that the device has left in the frame is always right. */
static int switch_on(struct port *port, uint16_t vlan)
{
    uint16_t old = port->vlan;
    publish(port, vlan);
    int e = port_set_offloads(port, port->limits.offloads & OFFLOADS);
    if (e)
        publish(port, old);
    return e;
}

/* Workers know last, when no burst is left of which the device has taken the tags off; and it
 * puts tags in until nobody leaves that to it. */
static int switch_off(struct port *port)
{
    int e = port_set_offloads(port, port->offloads & ~PORT_OFFLOAD_VLAN_STRIP);
    if (e)
        return e;
    workers_quiesce();
    publish(port, 0);
    port_set_offloads(port, 0);
    return 0;
}

/* A device that filters has one filter fewer to give while it still has the old one. */
static int set_vlan(struct port *port, uint16_t vlan)
{
    uint16_t old = port->vlan;
    int e = port->state == PORT_FAILED ? -EIO : vlan > VLAN_MAX ? -EINVAL : 0;
    if (e || vlan == old)
        return e;
    if (old)
        port_vlan_filter(port, old, false);
    if (vlan)
        e = port_vlan_filter(port, vlan, true);
    if (!e)
        e = vlan ? switch_on(port, vlan) : switch_off(port);
    if (!e)
        return 0;
    if (vlan)
        port_vlan_filter(port, vlan, false);
    if (old)
        port_vlan_filter(port, old, true);
    return e;
}

int access_set_vlan(struct port *port, uint16_t vlan)
{
    int e = port_hold_wait(port);
    if (e)
        return e;
    e = set_vlan(port, vlan);
    port_release(port);
    return e;
}

/* Receive -------------------------------------------------------------------- */

static bool take_tag(struct packet *p, uint16_t vlan)
{
    if (!(p->flags & PACKET_VLAN) && !packet_pop_vlan(p))
        return false;
    p->flags &= (uint8_t)~PACKET_VLAN;
    return (p->vlan & VLAN_TCI_VID) == vlan;
}

static void drop(struct packet_cache *cache, struct port_counters *counters, enum drop_reason why,
                 struct packet *packet)
{
    counter_add(&counters->drops[why], 1);
    packet_free(cache, packet);
}

uint16_t access_receive(struct packet_cache *cache, struct port_counters *counters,
                        const struct port *in, struct packet **packets, uint16_t n)
{
    uint16_t vlan = load_relaxed(&in->vlan), kept = 0;
    for (uint16_t i = 0; i < n; i++) {
        if (likely(take_tag(packets[i], vlan)))
            packets[kept++] = packets[i];
        else
            drop(cache, counters, DROP_vlan, packets[i]);
    }
    return kept;
}

/* Transmit ------------------------------------------------------------------- */

/* 0 or -E...; *packet may be another afterwards.  What lies beside the frame already is an inner
 * tag now. */
static int put_tag(struct packet_cache *cache, const struct port *out, struct packet **packet)
{
    if ((*packet)->flags & PACKET_VLAN) {
        int e = packet_push_vlan(cache, packet);
        if (e)
            return e;
    }
    if ((*packet)->frame_length + VLAN_TAG > port_frame_limit(out))
        return -EMSGSIZE;
    (*packet)->vlan = load_relaxed(&out->vlan);
    (*packet)->flags |= PACKET_VLAN;
    if (load_relaxed(&out->offloads) & PORT_OFFLOAD_VLAN_INSERT)
        return 0;
    return packet_push_vlan(cache, packet);
}

uint16_t access_transmit(struct packet_cache *cache, struct port_counters *counters,
                         const struct port *out, struct packet **packets, uint16_t n)
{
    uint16_t kept = 0;
    for (uint16_t i = 0; i < n; i++) {
        int e = put_tag(cache, out, &packets[i]);
        if (likely(!e))
            packets[kept++] = packets[i];
        else
            drop(cache, counters, e == -ENOBUFS ? DROP_tx_no_buffer : DROP_tx_too_long, packets[i]);
    }
    return kept;
}
