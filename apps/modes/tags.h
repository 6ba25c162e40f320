/* tags.h - testpmd's VLAN words for a whole port: tags taken off what comes in, a tag put on what
 * goes out, in every mode and on every kind of port.  Control task. */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* 0 or -ENOMEM. */
int tags_set_strip(struct port *port, bool on);
int tags_set_insert(struct port *port, uint16_t vlan); /* 0: none */
bool tags_strip(const struct port *port);
uint16_t tags_insert(const struct port *port);
