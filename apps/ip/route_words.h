/* route_words.h - static routes in words: what a command said, and why it does not hold. */
#pragma once

#include "apps/console/command.h"
#include "apps/ip/target.h"

#define REASON_TEXT 96u
#define WAY_TEXT 96u

/* `via 192.0.2.2 interface 0 weight 2`, as it is typed. */
const char *way_words(const struct target_way *way, char text[WAY_TEXT]);
/* Why a way in that state cannot be used. */
const char *way_reason(const struct target_way *way, enum way_state state, char text[REASON_TEXT]);
/* Why an interface leads nowhere for a family (ip_family()): `port 2 is down`. */
const char *interface_reason(const struct interface *interface, unsigned family,
                             char text[REASON_TEXT]);

/* Reads further ways, `ADDRESS [interface INTERFACE] [weight NUMBER] [via ...]`.  0, or negative
 * after the error line. */
int ways_parse(struct command_call *call, const char *line, struct target_words *words);
/* The checks of one more way, which goes to the end.  interface NULL: none was named. */
int ways_add(struct command_call *call, struct target_words *words, const char *gateway,
             const struct interface *interface, const char *weight);
