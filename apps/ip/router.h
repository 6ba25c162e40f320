/* router.h - mode l3: IPv4 and IPv6 between the interfaces' addresses (RFC 1812, RFC 8200). */
#pragma once

/* Everything of IP back to the beginning, all tables freed: tests. */
void router_reset(void);
