/* probe.h - what `ping` and `traceroute` have in common. */
#pragma once

#include "apps/console/command.h"
#include "apps/ip/echo.h"

/* Where the command's ADDRESS, and INTERFACE if it is there, lead; 0, or negative after the error
 * line. */
int probe_check(struct command_call *call, const char *name, struct echo_request *request);
/* Sends the next request and waits for its answer, at most so long; false: interrupted. */
bool probe_once(const struct command_call *call, struct echo *echo, uint64_t wait_us, bool *sent);
bool probe_wait_until(const struct command_call *call, uint64_t end_us);

#define MS_TEXT 24u
const char *probe_ms(uint64_t us, char text[MS_TEXT]);
