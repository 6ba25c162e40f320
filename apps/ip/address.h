/* address.h - the addresses of the interfaces.
 *
 * An address brings three kinds of routes: to itself (local), to its prefix
 * (connected), and to the prefix's network and broadcast addresses, which are
 * nobody's.  An interface may have several addresses, also in one prefix, and host addresses
 * (/32) within its own prefixes; else prefixes never overlap.  /31 has two hosts and no
 * broadcast (RFC 3021), /32 is the host alone.
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
};

/* 0, or with nothing changed: -EINVAL (no host can have it), -EEXIST (that
 * address is in use), -EADDRINUSE (overlaps), both with *conflict; -ENOSPC,
 * -ENOMEM.  What comes and goes is posted (apps/forward/event.h). */
int address_add(struct interface *interface, struct ip_address address, unsigned length,
                struct address *conflict);
int address_delete(struct interface *interface, struct ip_address address,
                   unsigned length); /* or -ENOENT */
void address_shutdown(void); /* tests: forgets all; routes go with route_shutdown() */

/* Ours and in effect, or NULL. */
const struct address *address_find(struct ip_address address);
/* The address in effect whose connected prefix holds this host, or NULL. */
const struct address *address_covering(struct ip_address host);
/* The same whether in effect or not: what a configuration may name. */
const struct address *address_configured(struct ip_address address);
const struct address *address_configured_for(struct ip_address host);
/* The n-th address of all, of an interface, in effect or not; NULL: no more. */
const struct address *address_at(unsigned n);
const struct address *address_of(const struct interface *interface, unsigned n);
bool address_in_effect(const struct address *address);
struct interface *address_interface(const struct address *address);
/* What to call ourselves towards `toward` on this interface: the address in the same
 * prefix, else the interface's first, else NULL (RFC 1812 4.3.2.4). */
const struct address *address_source(const struct interface *interface, struct ip_address toward);
/* False for a prefix's network and broadcast addresses. */
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
