/* address.h - the IPv4 addresses of the ports.
 *
 * An address brings three kinds of routes: to itself (local), to its prefix
 * (connected), and to the prefix's network and broadcast addresses, which are
 * nobody's.  A port may have several addresses, also in one prefix; prefixes
 * of different ports, or of different length, never overlap.  /31 has two hosts
 * and no broadcast (RFC 3021), /32 is the host alone.  Control core only, but
 * for address_counts. */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

#define ADDRESSES_MAX 256u

struct address {
    uint32_t address;
    uint8_t length;
    uint16_t port;
};

/* How many addresses a port has; workers read it. */
extern uint8_t address_counts[PORT_MAX];

/* 0, or with nothing changed: -EINVAL (no host can have it), -EEXIST (that
 * address is in use), -EADDRINUSE (overlaps), both with *conflict; -ENOSPC,
 * -ENOMEM. */
int address_add(uint16_t port, uint32_t address, unsigned length, struct address *conflict);
int address_delete(uint16_t port, uint32_t address, unsigned length); /* 0 or -ENOENT */
void address_shutdown(void); /* tests: forgets all; routes go with route_shutdown() */

/* Ours, or NULL. */
const struct address *address_find(uint32_t address);
/* The address whose connected prefix holds this host, or NULL. */
const struct address *address_covering(uint32_t host);
/* The n-th address of a port, or NULL: for walks. */
const struct address *address_of_port(uint16_t port, unsigned n);
/* What to call ourselves towards `toward` on this port: the address in the same
 * prefix, else the port's first, else NULL (RFC 1812 4.3.2.4). */
const struct address *address_source(uint16_t port, uint32_t toward);
/* False for a prefix's network and broadcast addresses. */
bool address_is_host(const struct address *prefix, uint32_t host);
