/* interface_addresses.h - the addresses of an interface as the console tells them, by the rooms
 * that keep them. */
#pragma once

#include "apps/console/out.h"
#include "apps/forward/interface.h"
#include "kernel/table.h"

#include <stdbool.h>

struct interface_address {
    char text[48]; /* "192.0.2.1/24" */
    const char *state; /* "": in use; "not in use": of a port in a bridge; and others */
};

/* A room's: the n-th address of an interface; false: it has no more. */
struct interface_addresses {
    bool (*get)(const struct interface *interface, unsigned n, struct interface_address *address);
};
TABLE_DECLARE(interface_addresses, struct interface_addresses);
#define INTERFACE_ADDRESSES(symbol) \
    TABLE_ENTRY(interface_addresses, struct interface_addresses, symbol)

/* The n-th of all, by the interface's number: it may go while text is printed. */
bool interface_address(unsigned interface, unsigned n, struct interface_address *address);
void interface_addresses_show(struct out *out, unsigned interface); /* a line each */
