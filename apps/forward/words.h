/* words.h - how ports are written in commands: PORT. */
#pragma once

#include "apps/forward/interface.h"

/* What a configuration calls a port: its number or, of a VF, whose number depends on when it
 * was made, its PCI address. */
#define PORT_TEXT 16u
void port_format(unsigned number, char text[PORT_TEXT]);
/* The same of an interface: of a VF's port, or a VLAN of that, by the PCI address. */
void interface_format(const struct interface *interface, char text[INTERFACE_NAME]);
/* By its name or, where there is a port in it, by that port's PCI address; NULL: there is none. */
struct interface *interface_by_word(const char *word);
