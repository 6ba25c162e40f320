/* icmp6_echo.h - echo requests of ours by ICMPv6 (unread: RFC 4443 4). */
#pragma once

#include "apps/ip/echo.h"

/* As icmp_echo.h says. */
bool icmp6_echo_send(struct worker *control, const struct echo_request *request);
bool icmp6_can_reach(const struct echo_request *request);
