/* link_local.c - every interface that has an IPv6 address has a link-local one (RFC 4291 2.8):
 * one that was configured, else one made of its MAC. */
#include "apps/forward/event.h"
#include "apps/ip/address.h"
#include "apps/ip/ipv6.h"
#include "kernel/log.h"

/* What there is: the automatic one, and whether others ask for it or make it needless. */
struct found {
    const struct address *automatic;
    bool wanted, needless;
};

static struct found look(const struct interface *interface)
{
    struct found found = { 0 };
    const struct address *a;
    for (unsigned i = 0; (a = address_of(interface, i)); i++) {
        if (a->automatic)
            found.automatic = a;
        else if (!ip_is_v4(a->address))
            found.wanted = true;
        found.needless |= !a->automatic && ipv6_is_link_local(a->address);
    }
    return found;
}

static void look_again(struct interface *interface)
{
    struct ip_address made = ipv6_link_local(interface->mac);
    struct found found = look(interface);
    bool wanted = found.wanted && !found.needless;
    if (interface->gone)
        return;
    if (found.automatic && (!wanted || !ip_equal(found.automatic->address, made))) {
        address_remove_automatic(interface);
        found.automatic = NULL;
    }
    if (wanted && !found.automatic && address_add_automatic(interface, made))
        log_error("interface %s: no room for a link-local address", interface->name);
}

static void heard(const struct event *event)
{
    if (event->kind == EVENT_ADDRESS_ADDED || event->kind == EVENT_ADDRESS_GONE ||
        event->kind == EVENT_INTERFACE_CHANGED)
        look_again(event->interface);
}

EVENT_LISTENER(link_local_listener) = { .order = EVENT_ORDER_IP, .heard = heard };
