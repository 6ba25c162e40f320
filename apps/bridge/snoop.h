/* snoop.h - IGMP and MLD snooping: groups' frames go to who wants them (RFC 4541; read in
 * quotations: 2.1.1, reports go to routers only).
 *
 * A group that somebody reported goes to the members where that was, and to those behind which a
 * router asks; one that nobody reported goes to all, as do 224.0.0.0/24 and ff02::1.  Reports go
 * to routers only.  Where nobody asks, the bridge does.  Messages go through the control task;
 * workers look up one list of members a group (snoop_groups.h).  Control task only. */
#pragma once

#include "apps/bridge/member.h"

#include <stdbool.h>
#include <stdint.h>

#define SNOOP_GROUPS_MAX 2048u /* of one bridge; frames for others go to all */

int snoop_start(struct bridge *bridge); /* 0 or -ENOMEM */
void snoop_stop(struct bridge *bridge);
/* Nothing is known of that member any more; of all: NULL, and the bridge asks at once. */
void snoop_forget(struct bridge *bridge, const struct member *member);

struct snoop_counts {
    unsigned groups, routers;
    bool asks; /* the bridge is the querier of one of its VLANs at least */
};
struct snoop_counts snoop_counts(const struct bridge *bridge);
/* The n-th group: false: there are no more. */
struct snoop_row {
    uint8_t mac[MAC_LEN];
    uint16_t fid;
    unsigned ports;
    uint16_t port[8]; /* the first of them */
};
bool snoop_row(const struct bridge *bridge, unsigned n, struct snoop_row *row);
