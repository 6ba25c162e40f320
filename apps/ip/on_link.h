/* on_link.h - gateways that are neighbors on a link because a route says so, whatever prefixes
 * there are: what clouds hand out with an address of /32.  Control task only. */
#pragma once

#include "apps/ip/ip_address.h"

#include <stdbool.h>

int on_link_add(struct ip_address gateway, uint16_t interface); /* 0 or -ENOMEM */
void on_link_remove(struct ip_address gateway, uint16_t interface); /* as often as it was added */
bool on_link_has(struct ip_address gateway, uint16_t interface);
void on_link_shutdown(void); /* tests */
