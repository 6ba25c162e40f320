/* stp.h - the spanning tree of a bridge: rstp.h between members, BPDUs and workers.
 *
 * Off unless told.  While it is on, BPDUs are for the bridge and never forwarded, and a member lets
 * frames through as its state says (TRAITS_CLOSED).  It stands still while a whole-port mode has
 * the frames.  Control task only. */
#pragma once

#include "apps/bridge/member.h"
#include "apps/bridge/rstp.h"

#include <stdbool.h>

int stp_start(struct bridge *bridge); /* 0 or -ENOMEM */
void stp_stop(struct bridge *bridge); /* all members let frames through again */
int stp_join(struct member *member);  /* into a tree, if there is one: 0 or -ENOMEM */
void stp_leave(struct member *member);
/* The bridge's MAC, or which members are up, may have changed. */
void stp_follow(struct bridge *bridge);
void stp_set_edge(struct member *member, bool edge); /* also where there is no tree */

/* For people; NULL: there is no tree. */
const struct rstp *stp_tree(const struct bridge *bridge);
const struct rstp_port *stp_port(const struct member *member);
