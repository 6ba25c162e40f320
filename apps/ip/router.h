/* router.h - mode l3: IPv4 between the interfaces' addresses (RFC 1812). */
#pragma once

/* Everything of IP back to the beginning, all tables freed: tests. */
void router_reset(void);
