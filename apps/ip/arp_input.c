/* arp_input.c - ARP's answers, conflicts and announcements (arp_input.h). */
#include "apps/ip/arp_input.h"

#include "apps/forward/event.h"
#include "apps/ip/address.h"
#include "apps/ip/arp.h"
#include "apps/ip/fib.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/name.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/running.h"
#include "apps/ip/told.h"
#include "kernel/log.h"
#include "kernel/time.h"

#include <stdlib.h>

#define DEFEND_INTERVAL_US (10 * US_PER_S) /* unread: RFC 5227 1.1 */

static uint64_t defended_us; /* not again before */
static bool was_running;
static struct numbered told; /* told.h */

void arp_reset(void)
{
    told_forget_all(&told);
    defended_us = 0;
    was_running = false;
}

/* Gratuitous ARP (unread: RFC 5227 2.3): neighbors hear of it. */
static void announce(const struct address *address)
{
    struct interface *out = address_interface(address);
    if (ip_is_v4(address->address) && ip_running() && out->up && address_in_effect(address))
        arp_ask(control_worker(), out, mac_broadcast, ip_to_v4(address->address),
                ip_to_v4(address->address));
}

static void announce_all(const struct interface *interface)
{
    const struct address *a;
    for (unsigned i = 0; (a = address_of(interface, i)); i++)
        announce(a);
}

/* Somebody uses an address of ours.  unread: RFC 5227 2.4 (b): say once that it is
 * taken, not more often than DEFEND_INTERVAL, and carry on. */
static void conflict(const struct interface *in, const struct arp *arp)
{
    char text[IP_TEXT], mac[MAC_TEXT], where[INTERFACE_TEXT];
    uint64_t now_us = time_us();
    if (now_us < defended_us)
        return;
    defended_us = now_us + DEFEND_INTERVAL_US;
    log_warning("%s: %s uses our address %s", interface_describe(in, where),
                mac_format(arp->mac, mac), ip_format(ip_from_v4(arp->sender), text));
    announce(address_find(ip_from_v4(arp->sender)));
}

/* Our own word, come back, or heard by another interface on the same LAN: a PF's and its VFs'. */
static bool is_our_own(const struct interface *in, const struct arp *arp)
{
    const struct address *address = address_find(ip_from_v4(arp->sender));
    return mac_equal(arp->mac, in->mac) ||
           (address && mac_equal(arp->mac, address_interface(address)->mac));
}

/* False: a sender that cannot be.  An address of 0 is a probe (unread: RFC 5227 2.1.1):
 * answered, not learned. */
static bool hear_sender(struct worker *control, struct interface *in, const struct arp *arp,
                        bool asked)
{
    struct ip_address sender = ip_from_v4(arp->sender);
    if (is_our_own(in, arp) || !arp->sender)
        return true;
    if (address_find(sender)) {
        conflict(in, arp);
        return true;
    }
    if (!neighbor_may_be(sender, in))
        return false;
    neighbor_hear(control, in, sender, arp->mac,
                  asked ? NEIGHBOR_NEW | NEIGHBOR_OVERRIDE | NEIGHBOR_ALIVE | NEIGHBOR_CONFIRMED
                        : NEIGHBOR_OVERRIDE | NEIGHBOR_ALIVE);
    return true;
}

/* Proxy ARP (unread: RFC 1027; RFC 1812 3.3.2 leaves it to us): for a host that is routed to
 * another link.  Who asks for its own address only wants to know whether somebody else has it. */
static bool answers_for(const struct interface *in, const struct arp *arp)
{
    if (!in->proxy_arp || arp->op != ARP_REQUEST || !ip_routing() || !arp->sender ||
        arp->sender == arp->target || ipv4_is_martian(arp->target))
        return false;
    return nexthop_leads_elsewhere(fib_lookup(arp->target), in);
}

void arp_receive(struct worker *control, struct interface *in, struct packet *packet)
{
    struct arp arp;
    if (!arp_parse(packet, &arp)) {
        forward_drop(control, packet->port, DROP_arp_invalid, packet);
        return;
    }
    const struct address *target = address_find(ip_from_v4(arp.target));
    bool asked = target ? target->interface == in->number : answers_for(in, &arp);
    if (!hear_sender(control, in, &arp, asked)) {
        forward_drop(control, packet->port, DROP_arp_invalid, packet);
        return;
    }
    if (asked && arp.op == ARP_REQUEST && !mac_equal(arp.mac, in->mac))
        arp_send(control, in, ARP_REPLY, arp.mac, arp.target, arp.mac, arp.sender);
    forward_consume(control, packet);
}

/* A new MAC, or addresses that live again, are news; a new MTU is not. */
static void look_again(const struct interface *interface)
{
    uint64_t *mac = told_of(&told, interface), now = interface->addresses ? interface->mac_word : 0;
    if (!mac || *mac == now)
        return;
    *mac = now;
    if (now)
        announce_all(interface);
}

static void address_added(const struct interface *interface, const struct address *address)
{
    uint64_t *mac = told_of(&told, interface);
    if (mac && interface->addresses)
        *mac = interface->mac_word;
    announce(address);
}

/* IP begins to answer: on every interface at once. */
static void mode_changed(void)
{
    bool begins = ip_running() && !was_running;
    was_running = ip_running();
    for (unsigned i = 0; begins && i < interface_limit(); i++)
        if (interface_get(i))
            announce_all(interface_get(i));
}

/* Whether what it sends leaves by that port's interface: its own, a VLAN's, a bridge's with it. */
static bool leaves_by(const struct interface *interface, const struct interface *port)
{
    const struct interface *below = interface->lower ? interface->lower : interface;
    return below == port || (port->bridge && below->bridge == port->bridge);
}

static void announce_by(const struct interface *port)
{
    for (unsigned i = 0; i < interface_limit(); i++)
        if (interface_get(i) && leaves_by(interface_get(i), port))
            announce_all(interface_get(i));
}

static void heard(const struct event *event)
{
    switch (event->kind) {
    case EVENT_ADDRESS_ADDED:
        address_added(event->interface, event->subject);
        break;
    case EVENT_INTERFACE_UP:
        announce_all(event->interface);
        break;
    case EVENT_INTERFACE_MOVED:
        announce_by(event->interface);
        break;
    case EVENT_INTERFACE_CHANGED:
        look_again(event->interface);
        break;
    case EVENT_INTERFACE_GONE:
        told_forget(&told, event->interface->number);
        break;
    case EVENT_MODE_CHANGED:
        mode_changed();
        break;
    default:
        break;
    }
}

EVENT_LISTENER(arp_listener) = { .order = EVENT_ORDER_IP, .heard = heard };
