/* member_commands.h - what is set of one member of a bridge, for who shows or prints bridges. */
#pragma once

#include "apps/bridge/member.h"
#include "apps/console/out.h"

/* The rest of its line in `show bridge`.  It may go while it is printed. */
void member_show(struct out *out, unsigned port);
/* Its lines of the configuration, behind that which puts it into the bridge. */
void member_print_config(struct out *out, const char *bridge, unsigned port);
