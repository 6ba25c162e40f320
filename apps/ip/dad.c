/* dad.c - duplicate address detection (dad.h).
 *
 * An address is tentative from when it is there and whenever its interface comes up, until one
 * solicitation has gone without an answer for a second.  The delay that RFC 4862 5.4.2 (unread)
 * wants before the first message of an interface is left out: a router boots in milliseconds. */
#include "apps/ip/dad.h"

#include "apps/forward/event.h"
#include "apps/forward/job.h"
#include "apps/ip/name.h"
#include "apps/ip/nd.h"
#include "apps/ip/running.h"
#include "apps/ip/told.h"
#include "kernel/limit.h"
#include "kernel/log.h"
#include "kernel/time.h"

#include <stdlib.h>

#define TICK_US 50000u
#define PER_TICK 64u /* addresses that are asked for, or found to be ours: a bound on its work */

static struct limit complaints;
static struct numbered told; /* told.h */

void dad_reset(void)
{
    complaints = (struct limit){ 0 };
    told_forget_all(&told);
}

/* What others know of its addresses has changed. */
static void tell(struct interface *interface)
{
    const struct event event = { .kind = EVENT_INTERFACE_CHANGED, .interface = interface };
    event_post(&event);
}

void dad_conflict(const struct address *a, const uint8_t mac[MAC_LEN])
{
    char text[IP_TEXT], by[MAC_TEXT], where[INTERFACE_TEXT];
    bool tentative = a->state == ADDRESS_TENTATIVE;
    uint64_t now_us = time_us();
    if (tentative)
        address_set_state(a, ADDRESS_DUPLICATE, 0); /* nobody called us by it before either */
    if (!limit_allows(&complaints, now_us, 1, 10))
        return;
    limit_take(&complaints, now_us, 1);
    log_warning("%s: %s has our address %s%s", interface_describe(address_interface(a), where),
                mac_format(mac, by), ip_format(a->address, text),
                tentative ? ": it is not used" : "");
}

void dad_advertise(struct worker *control, const struct address *a)
{
    struct interface *out = address_interface(a);
    uint64_t *mac = told_of(&told, out);
    if (mac)
        *mac = out->mac_word;
    struct packet *p = icmp6_make(control, a->address, IPV6_ALL_NODES, ICMP6_NEIGHBOR_ADVERTISEMENT,
                                  ND_NEIGHBOR_LENGTH + ND_OPTION_MAC_LENGTH);
    if (!p)
        return;
    icmp6_of(p)[ND_FLAGS] = ND_OVERRIDE | (ip_routing() ? ND_ROUTER : 0);
    ip_store(icmp6_of(p) + ND_TARGET, a->address);
    nd_put_mac(icmp6_of(p) + ND_NEIGHBOR_LENGTH, ND_OPTION_TARGET, out->mac);
    nd_send(control, out, NULL, p);
}

static bool is_due(const struct address *a, uint64_t now_us)
{
    return a->state == ADDRESS_TENTATIVE && address_in_effect(a) && address_interface(a)->up &&
           (!a->due_us || now_us >= a->due_us);
}

/* True: it is in use from now on. */
static bool serve(struct worker *control, const struct address *a, uint64_t now_us)
{
    if (a->due_us) {
        dad_advertise(control, a);
        return address_set_state(a, ADDRESS_READY, 0);
    }
    nd_solicit(control, address_interface(a), NULL, (struct ip_address){ 0 }, a->address);
    address_set_state(a, ADDRESS_TENTATIVE, now_us + DAD_WAIT_US);
    return false;
}

/* Each interface hears once of all that became ready on it. */
static void tick(struct worker *control, uint64_t now_us)
{
    uint16_t changed[PER_TICK];
    unsigned served = 0, n = 0;
    const struct address *a;
    for (unsigned i = 0; ip_running() && served < PER_TICK && (a = address_at(i)); i++) {
        if (!is_due(a, now_us))
            continue;
        served++;
        if (serve(control, a, now_us) && (!n || changed[n - 1] != a->interface))
            changed[n++] = a->interface;
    }
    for (unsigned i = 0; i < n; i++)
        if (interface_get(changed[i]))
            tell(interface_get(changed[i]));
}

CONTROL_JOB(dad_job) = { .every_us = TICK_US, .run = tick };

/* The link may be another one now. */
static void begin_again(struct interface *interface)
{
    const struct address *a;
    bool changed = false;
    for (unsigned i = 0; (a = address_at(i)); i++)
        if (a->interface == interface->number && !ip_is_v4(a->address))
            changed |= address_set_state(a, ADDRESS_TENTATIVE, 0);
    if (changed)
        tell(interface);
}

/* A new MAC is news (RFC 4861 7.2.6); a new MTU is not. */
static void announce_mac(const struct interface *interface)
{
    const uint64_t *mac = numbered_get(&told, interface->number);
    const struct address *a;
    if (!mac || *mac == interface->mac_word)
        return;
    for (unsigned i = 0; ip_running() && interface->up && (a = address_of(interface, i)); i++)
        if (!ip_is_v4(a->address) && address_ready(a))
            dad_advertise(control_worker(), a);
}

static void heard(const struct event *event)
{
    if (event->kind == EVENT_INTERFACE_UP)
        begin_again(event->interface);
    if (event->kind == EVENT_INTERFACE_CHANGED && event->interface->ipv6)
        announce_mac(event->interface);
    if (event->kind == EVENT_INTERFACE_GONE)
        told_forget(&told, event->interface->number);
}

EVENT_LISTENER(dad_listener) = { .order = EVENT_ORDER_IP, .heard = heard };
