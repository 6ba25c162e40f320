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
