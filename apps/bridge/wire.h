/* wire.h - which members are on one wire: a PF and its VFs (relay.h).  Control task only. */
#pragma once

#include "apps/bridge/member.h"

/* Works out anew who speaks for whom; `going`, if not NULL, counts no more. */
void wires_refresh(const struct interface *going);
/* Frees what it knew of a member that workers do not find any more. */
void wire_forget(struct member *member);
