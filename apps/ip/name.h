/* name.h - what people call an interface. */
#pragma once

#include "apps/forward/interface.h"

#define INTERFACE_TEXT 40u

/* "port 0", "interface br0"; writes and returns `text`. */
const char *interface_describe(const struct interface *interface, char text[INTERFACE_TEXT]);
/* The same as a configuration says it: a VF's port by its PCI address. */
const char *interface_words(const struct interface *interface, char text[INTERFACE_TEXT]);
/* What stands behind `port` or `interface`. */
const char *interface_short(const struct interface *interface, char text[INTERFACE_TEXT]);

/* Those that `wanted` picks, in an order that depends on what they are called alone: ports by their
 * numbers, then the others by their names.  A walk begins zeroed, and survives changes.  NULL: no
 * more. */
struct interface_walk {
    unsigned port;
    char name[INTERFACE_NAME];
};
const struct interface *interface_in_order(struct interface_walk *walk,
                                           bool (*wanted)(const struct interface *interface));
