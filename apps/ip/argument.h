/* argument.h - addresses and prefixes among a command's arguments. */
#pragma once

#include "apps/console/command.h"
#include "apps/ip/ip_address.h"

/* An ADDRESS or a PREFIX, with its host bits.  0, or negative after the error line. */
int ip_argument(struct command_call *call, unsigned n, struct ip_address *address);
int ip_of_prefix(struct command_call *call, const struct prefix *prefix,
                 struct ip_address *address);
/* A PREFIX that may have no host bits. */
int ip_argument_prefix(struct command_call *call, unsigned n, struct ip_address *prefix);
