/* address.h - the addresses of the interfaces.
 *
 * An address brings three kinds of routes: to itself (local), to its prefix
 * (connected), and to the prefix's network and broadcast addresses, which are
 * nobody's; of IPv6 to its Subnet-Router anycast address, which is ours (RFC 4291 2.6.1).  An
 * interface may have several addresses, also in one prefix, and host addresses
 * (/32, /128) within its own prefixes; else prefixes never overlap.  /31 has two hosts and no
 * broadcast (RFC 3021), /127 no anycast address (unread: RFC 6164), /32 and /128 are the host
 * alone.
 *
 * Link-local IPv6 addresses are an interface's own affair: they bring no routes, and one may be
 * on several interfaces.  Where there is an IPv6 address and none of them is link-local, one is
 * made of the MAC (link_local.c).
 *
 * An address is in effect unless its interface is a port in a bridge: then it is kept, and
 * lives again when the port leaves.  While an interface is down its addresses are still ours,
 * but their prefixes lead nowhere (unread: RFC 1812 5.3.12.3).
 * Control task only, but for address_may_be_ours(). */
#pragma once

#include "apps/forward/interface.h"
#include "apps/ip/ip_address.h"

#include <stdbool.h>
#include <stdint.h>

#define ADDRESSES_MAX 1024u

struct address {
    struct ip_address address;
    uint8_t length;
    uint16_t interface; /* number */
    bool lacks;         /* memory for its routes; tried again every second */
    bool automatic;     /* nobody configured it */
    uint8_t state;      /* enum address_state: of IPv6 */
    uint64_t due_us;    /* of `state`, for who looks after duplicates */
};

enum address_state {
    ADDRESS_READY,
    ADDRESS_TENTATIVE, /* nobody is to use it before it is known to be nobody else's */
    ADDRESS_DUPLICATE, /* somebody else's */
};

/* 0, or with nothing changed: -EINVAL (no host can have it), -EEXIST (that
 * address is in use), -EADDRINUSE (overlaps), both with *conflict; -ENOSPC,
 * -ENOMEM.  What comes and goes is posted (apps/forward/event.h). */
int address_add(struct interface *interface, struct ip_address address, unsigned length,
                struct address *conflict);
int address_delete(struct interface *interface, struct ip_address address,
                   unsigned length); /* or -ENOENT */
/* A link-local one that nobody configured; 0, -EEXIST or -ENOSPC. */
int address_add_automatic(struct interface *interface, struct ip_address address);
void address_remove_automatic(struct interface *interface); /* if there is one */
/* True: others may call us by it now, or not any more, of which whoever sets it tells them
 * (EVENT_INTERFACE_CHANGED): once for many. */
bool address_set_state(const struct address *address, enum address_state state, uint64_t due_us);
void address_shutdown(void); /* tests: forgets all; routes go with route_shutdown() */

/* Ours and in effect, or NULL.  These four do not know link-local addresses. */
const struct address *address_find(struct ip_address address);
/* The address in effect whose connected prefix holds this host, or NULL. */
const struct address *address_covering(struct ip_address host);
/* The same whether in effect or not: what a configuration may name. */
const struct address *address_configured(struct ip_address address);
const struct address *address_configured_for(struct ip_address host);
/* The same among an interface's own addresses, link-local ones too, in effect. */
const struct address *address_on(const struct interface *interface, struct ip_address address);
const struct address *address_covering_on(const struct interface *interface,
                                          struct ip_address host);
const struct address *address_configured_on(const struct interface *interface,
                                            struct ip_address host); /* in effect or not */
/* Whether it is ours, seen from that interface. */
bool address_is_ours(const struct interface *interface, struct ip_address address);
unsigned address_count(void); /* all; what looks for one looks at so many */
/* The n-th address of all, of an interface, in effect or not; NULL: no more. */
const struct address *address_at(unsigned n);
const struct address *address_of(const struct interface *interface, unsigned n);
bool address_in_effect(const struct address *address);
bool address_ready(const struct address *address); /* in effect, and nobody else's */
struct interface *address_interface(const struct address *address);
/* What to call ourselves towards `toward` on this interface: the address in the same
 * prefix, else the interface's first, else NULL (RFC 1812 4.3.2.4).  Of IPv6 one of the same
 * scope before others, of those the one that has most in common with it (unread: RFC 6724 5,
 * rules 1, 2 and 8). */
const struct address *address_source(const struct interface *interface, struct ip_address toward);
/* False for a prefix's network, broadcast and anycast addresses. */
bool address_is_host(const struct address *prefix, struct ip_address host);

/* For workers: false of an address that is neither ours nor a broadcast address of a
 * connected prefix; true of those, and of one other in some hundred. */
#define ADDRESS_FILTER_BITS 65536u
extern uint64_t address_filter[ADDRESS_FILTER_BITS / 64];
static inline bool address_may_be_ours(uint32_t address)
{
    uint32_t bit = (address * 2654435761u) >> 16;
    return load_relaxed(&address_filter[bit / 64]) >> bit % 64 & 1;
}
/* The same of an IPv6 address, or the group of a solicited node of ours, by its lower half. */
static inline bool address_may_be_ours6(uint64_t low)
{
    return address_may_be_ours((uint32_t)(low ^ low >> 32));
}
