/* address.c - the addresses of the interfaces (address.h). */
#include "apps/ip/address.h"

#include "apps/forward/event.h"
#include "apps/forward/job.h"
#include "apps/forward/ports.h"
#include "apps/ip/fib6.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/nexthop.h"
#include "apps/ip/route.h"
#include "kernel/log.h"
#include "kernel/memory.h"
#include "kernel/time.h"

#include <errno.h>
#include <string.h>

static struct address addresses[ADDRESSES_MAX];
static unsigned count;
uint64_t address_filter[ADDRESS_FILTER_BITS / 64];

void address_shutdown(void)
{
    count = 0;
    memset(address_filter, 0, sizeof address_filter);
}

static struct ip_address prefix_of(const struct address *a)
{
    return ip_network(a->address, a->length);
}

static struct ip_address broadcast_of(const struct address *a)
{
    return ip_last(a->address, a->length);
}

static bool in_prefix(const struct address *a, struct ip_address host)
{
    return ip_within(a->address, a->length, host);
}

/* A prefix of one address has no other hosts. */
static bool is_alone(const struct address *a)
{
    return a->length == ip_bits(a->address);
}

/* The prefix's first and last address are nobody's. */
static bool has_broadcasts(const struct address *a)
{
    return ip_is_v4(a->address) && a->length < 31;
}

static bool is_link_local(struct ip_address a)
{
    return ipv6_is_link_local(a);
}

/* The prefix's first address is every router's. */
static bool has_anycast(const struct address *a)
{
    return !ip_is_v4(a->address) && a->length < 127 && !is_link_local(a->address);
}

struct interface *address_interface(const struct address *address)
{
    return interface_get(address->interface);
}

bool address_in_effect(const struct address *address)
{
    const struct interface *interface = address_interface(address);
    return interface && interface_has_ip(interface);
}

bool address_ready(const struct address *address)
{
    return address->state == ADDRESS_READY && address_in_effect(address);
}

const struct address *address_configured(struct ip_address address)
{
    for (unsigned i = 0; i < count && !is_link_local(address); i++)
        if (ip_equal(addresses[i].address, address))
            return &addresses[i];
    return NULL;
}

const struct address *address_configured_for(struct ip_address host)
{
    for (unsigned i = 0; i < count && !is_link_local(host); i++)
        if (!is_alone(&addresses[i]) && in_prefix(&addresses[i], host))
            return &addresses[i];
    return NULL;
}

const struct address *address_find(struct ip_address address)
{
    const struct address *a = address_configured(address);
    return a && address_in_effect(a) ? a : NULL;
}

const struct address *address_covering(struct ip_address host)
{
    const struct address *a = address_configured_for(host);
    return a && address_in_effect(a) ? a : NULL;
}

unsigned address_count(void)
{
    return count;
}

const struct address *address_at(unsigned n)
{
    return n < count ? &addresses[n] : NULL;
}

const struct address *address_of(const struct interface *interface, unsigned n)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].interface == interface->number && n-- == 0)
            return &addresses[i];
    return NULL;
}

const struct address *address_on(const struct interface *interface, struct ip_address address)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].interface == interface->number &&
            ip_equal(addresses[i].address, address) && address_in_effect(&addresses[i]))
            return &addresses[i];
    return NULL;
}

const struct address *address_configured_on(const struct interface *interface,
                                            struct ip_address host)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].interface == interface->number && !is_alone(&addresses[i]) &&
            in_prefix(&addresses[i], host))
            return &addresses[i];
    return NULL;
}

const struct address *address_covering_on(const struct interface *interface, struct ip_address host)
{
    const struct address *a = address_configured_on(interface, host);
    return a && address_in_effect(a) ? a : NULL;
}

bool address_is_ours(const struct interface *interface, struct ip_address address)
{
    return is_link_local(address) ? address_on(interface, address) : address_find(address);
}

/* How good a source is towards an address: its scope before what they have in common. */
static unsigned source_rank(const struct address *a, struct ip_address toward)
{
    bool near = is_link_local(toward), is_near = is_link_local(a->address);
    return (near == is_near ? 512 : near ? 256 : 0) + ip_same_bits(a->address, toward) + 1;
}

static const struct address *source6(const struct interface *interface, struct ip_address toward)
{
    const struct address *best = NULL;
    for (unsigned i = 0; i < count; i++) {
        const struct address *a = &addresses[i];
        if (a->interface == interface->number && !ip_is_v4(a->address) && address_ready(a) &&
            (!best || source_rank(a, toward) > source_rank(best, toward)))
            best = a;
    }
    return best;
}

static const struct address *first_v4(const struct interface *interface)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].interface == interface->number && ip_is_v4(addresses[i].address))
            return &addresses[i];
    return NULL;
}

const struct address *address_source(const struct interface *interface, struct ip_address toward)
{
    if (!ip_is_v4(toward))
        return source6(interface, toward);
    const struct address *first = first_v4(interface);
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].interface == interface->number && in_prefix(&addresses[i], toward))
            return &addresses[i];
    return first && address_in_effect(first) ? first : NULL;
}

bool address_is_host(const struct address *prefix, struct ip_address host)
{
    if (!has_broadcasts(prefix) && !has_anycast(prefix))
        return true;
    return !ip_equal(host, prefix_of(prefix)) &&
           (has_anycast(prefix) || !ip_equal(host, broadcast_of(prefix)));
}

/* The filter -------------------------------------------------------------- */

static void filter_add(uint64_t *filter, struct ip_address address)
{
    uint64_t low = ip_is_v4(address) ? ip_to_v4(address) : address.low ^ address.low >> 32;
    uint32_t bit = ((uint32_t)low * 2654435761u) >> 16;
    filter[bit / 64] |= 1ull << bit % 64;
}

/* Word by word, so that what is ours before and after is so all the time. */
static void filter_refresh(void)
{
    static uint64_t made[ADDRESS_FILTER_BITS / 64];
    memset(made, 0, sizeof made);
    for (unsigned i = 0; i < count; i++) {
        filter_add(made, addresses[i].address);
        if (!ip_is_v4(addresses[i].address)) {
            filter_add(made, ipv6_solicited_node(addresses[i].address));
            filter_add(made, ipv6_solicited_node(prefix_of(&addresses[i])));
        } else if (has_broadcasts(&addresses[i])) {
            filter_add(made, prefix_of(&addresses[i]));
            filter_add(made, broadcast_of(&addresses[i]));
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(made); i++)
        if (made[i] != address_filter[i])
            store_relaxed(&address_filter[i], made[i]);
}

/* Routes that an address brings ------------------------------------------- */

/* Another address in the same prefix keeps the prefix's routes alive. */
static bool prefix_is_shared(const struct address *a)
{
    for (unsigned i = 0; i < count; i++)
        if (!ip_equal(addresses[i].address, a->address) && addresses[i].length == a->length &&
            in_prefix(a, addresses[i].address))
            return true;
    return false;
}

static int broadcasts_set(const struct address *a, uint32_t nexthop)
{
    int e = 0;
    if (has_broadcasts(a)) {
        e = route_set(prefix_of(a), ip_bits(a->address), ROUTE_BROADCAST, nexthop);
        if (!e)
            e = route_set(broadcast_of(a), ip_bits(a->address), ROUTE_BROADCAST, nexthop);
    } else if (has_anycast(a)) {
        e = route_set(prefix_of(a), ip_bits(a->address), ROUTE_BROADCAST,
                      nexthop ? NEXTHOP_LOCAL : NEXTHOP_NONE);
    }
    return e;
}

/* The connected prefix keeps its place in the table while it leads nowhere. */
static int prefix_set(const struct address *a, bool usable)
{
    uint32_t nexthop = usable ? nexthop_connected(a->interface) : NEXTHOP_NONE;
    if (usable && !nexthop)
        return -ENOMEM;
    int e = route_set(prefix_of(a), a->length, ROUTE_CONNECTED, nexthop);
    nexthop_release(nexthop);
    return e ? e : broadcasts_set(a, usable ? NEXTHOP_BROADCAST : NEXTHOP_NONE);
}

/* As its interface is now; once or more.  Static routes may have filled all that tables get. */
static int routes_set(const struct address *a)
{
    bool in_effect = address_in_effect(a);
    if (is_link_local(a->address))
        return 0;
    tables_draw(true);
    int e = route_set(a->address, ip_bits(a->address), ROUTE_LOCAL,
                      address_ready(a) ? NEXTHOP_LOCAL : NEXTHOP_NONE);
    if (!e && !is_alone(a))
        e = prefix_set(a, in_effect && address_interface(a)->up);
    tables_draw(false);
    return e;
}

static void routes_clear(const struct address *a)
{
    unsigned bits = ip_bits(a->address);
    if (is_link_local(a->address))
        return;
    route_clear(a->address, bits, ROUTE_LOCAL);
    if (is_alone(a) || prefix_is_shared(a))
        return;
    route_clear(prefix_of(a), a->length, ROUTE_CONNECTED);
    if (has_broadcasts(a) || has_anycast(a))
        route_clear(prefix_of(a), bits, ROUTE_BROADCAST);
    if (has_broadcasts(a))
        route_clear(broadcast_of(a), bits, ROUTE_BROADCAST);
}

/* Adding and deleting ----------------------------------------------------- */

static bool may_nest(const struct address *a, const struct address *b)
{
    const struct address *host = is_alone(a) ? a : b, *prefix = is_alone(a) ? b : a;
    return a->interface == b->interface && is_alone(host) && address_is_host(prefix, host->address);
}

/* A host can have it.  Link-local ones are those of fe80::/64 (RFC 4291 2.5.6). */
static bool is_possible(const struct address *a)
{
    if (!a->length || !address_is_host(a, a->address))
        return false;
    if (ip_is_v4(a->address))
        return !ipv4_is_martian(ip_to_v4(a->address));
    if (is_link_local(a->address))
        return a->length == 64 && a->address.high == 0xfe80ull << 48 && a->address.low;
    return !ipv6_is_multicast(a->address) && !ipv6_is_martian(a->address);
}

/* One link-local address may be on several interfaces. */
static bool is_apart(const struct address *a, const struct address *b)
{
    return is_link_local(a->address) && a->interface != b->interface;
}

static int address_check(const struct address *a, struct address *conflict)
{
    if (!is_possible(a))
        return -EINVAL;
    for (unsigned i = 0; i < count; i++) {
        const struct address *b = &addresses[i];
        unsigned shorter = a->length < b->length ? a->length : b->length;
        bool overlap = ip_within(a->address, shorter, b->address);
        bool beside = a->interface == b->interface && a->length == b->length;
        *conflict = *b;
        if (is_apart(a, b) || b->automatic)
            continue;
        if (ip_equal(a->address, b->address))
            return -EEXIST;
        if (overlap && !beside && !may_nest(a, b))
            return -EADDRINUSE;
    }
    return count < ADDRESSES_MAX ? 0 : -ENOSPC;
}

static void count_in_effect(struct interface *interface)
{
    uint32_t in_effect = 0, v6 = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct address *a = &addresses[i];
        bool counts = a->interface == interface->number && address_in_effect(a);
        in_effect += counts;
        v6 += counts && !ip_is_v4(a->address);
    }
    bool differs = interface->ipv6 != (v6 > 0);
    store_release(&interface->ipv6, v6 > 0);
    store_relaxed(&interface->addresses, in_effect);
    const struct interface *on = interface->lower ? interface->lower : interface;
    if (differs && on->port && !on->gone)
        forward_refresh_rx_mode(on->port);
}

static void post(enum event_kind kind, const struct address *a)
{
    const struct event event = { .kind = kind, .interface = address_interface(a), .subject = a };
    event_post(&event);
}

static void append(const struct address *a)
{
    addresses[count++] = *a;
    filter_refresh();
    count_in_effect(address_interface(a));
    post(EVENT_ADDRESS_ADDED, a);
}

int address_add(struct interface *interface, struct ip_address address, unsigned length,
                struct address *conflict)
{
    struct address a = { .address = address,
                         .length = (uint8_t)length,
                         .interface = interface->number,
                         .state = ip_is_v4(address) ? ADDRESS_READY : ADDRESS_TENTATIVE };
    int e = address_check(&a, conflict);
    if (!e)
        e = route_init();
    if (!e && !ip_is_v4(address))
        e = fib6_init();
    if (e)
        return e;
    e = routes_set(&a);
    if (e) {
        routes_clear(&a);
        return e;
    }
    append(&a);
    return 0;
}

int address_add_automatic(struct interface *interface, struct ip_address address)
{
    const struct address a = { .address = address,
                               .length = 64,
                               .interface = interface->number,
                               .automatic = true,
                               .state = ADDRESS_TENTATIVE };
    if (count == ADDRESSES_MAX)
        return -ENOSPC;
    append(&a);
    return 0;
}

static void address_remove(unsigned i)
{
    const struct address a = addresses[i];
    struct interface *interface = address_interface(&a);
    memmove(&addresses[i], &addresses[i + 1], (--count - i) * sizeof addresses[0]);
    count_in_effect(interface);
    routes_clear(&a);
    filter_refresh();
    post(EVENT_ADDRESS_GONE, &a);
}

int address_delete(struct interface *interface, struct ip_address address, unsigned length)
{
    for (unsigned i = 0; i < count; i++)
        if (ip_equal(addresses[i].address, address) && addresses[i].length == length &&
            addresses[i].interface == interface->number && !addresses[i].automatic) {
            address_remove(i);
            return 0;
        }
    return -ENOENT;
}

void address_remove_automatic(struct interface *interface)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].interface == interface->number && addresses[i].automatic) {
            address_remove(i);
            return;
        }
}

/* Interfaces -------------------------------------------------------------- */

static void look_again(struct address *a)
{
    bool lacked = a->lacks;
    a->lacks = routes_set(a);
    if (a->lacks && !lacked)
        log_error("interface %s: no memory for the routes of an address",
                  address_interface(a)->name);
}

bool address_set_state(const struct address *address, enum address_state state, uint64_t due_us)
{
    struct address *a = &addresses[address - addresses];
    bool was_ready = a->state == ADDRESS_READY, differs = a->state != state;
    a->state = (uint8_t)state;
    a->due_us = due_us;
    if (differs)
        look_again(a);
    return was_ready != (state == ADDRESS_READY);
}

static void interface_look_again(struct interface *interface)
{
    for (unsigned i = 0; i < count; i++)
        if (addresses[i].interface == interface->number)
            look_again(&addresses[i]);
    count_in_effect(interface);
}

/* Who lies on them hears of it when they are there. */
static void try_again(struct worker *control, uint64_t now_us)
{
    for (unsigned i = 0; i < count; i++) {
        struct event event = { .kind = EVENT_INTERFACE_CHANGED };
        if (!addresses[i].lacks)
            continue;
        look_again(&addresses[i]);
        event.interface = address_interface(&addresses[i]);
        if (!addresses[i].lacks)
            event_post(&event);
    }
}

CONTROL_JOB(address_retries) = { .every_us = US_PER_S, .run = try_again };

static void heard(const struct event *event)
{
    switch (event->kind) {
    case EVENT_INTERFACE_UP:
    case EVENT_INTERFACE_DOWN:
    case EVENT_INTERFACE_CHANGED:
        interface_look_again(event->interface);
        break;
    case EVENT_INTERFACE_GONE:
        for (unsigned i = count; i-- > 0;)
            if (addresses[i].interface == event->interface->number)
                address_remove(i);
        break;
    default:
        break;
    }
}

EVENT_LISTENER(address_listener) = { .order = EVENT_ORDER_ADDRESS, .heard = heard };
