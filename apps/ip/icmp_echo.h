/* icmp_echo.h - echo requests of ours by ICMP (RFC 792). */
#pragma once

#include "apps/ip/echo.h"

/* Sends one; false: no way there, or no packet. */
bool icmp_echo_send(struct worker *control, const struct echo_request *request);
/* Does a route lead there, from an address of ours? */
bool icmp_can_reach(const struct echo_request *request);
