/* words.h - how ports are written in commands: PORT. */
#pragma once

/* What a configuration calls a port: its number or, of a VF, whose number depends on when it
 * was made, its PCI address. */
#define PORT_TEXT 16u
void port_format(unsigned number, char text[PORT_TEXT]);
