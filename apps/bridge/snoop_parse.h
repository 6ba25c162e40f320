/* snoop_parse.h - what IGMP and MLD say, as far as a bridge wants to know it: who wants which
 * group's frames, and who asks.
 *
 * Groups are told apart by their MAC: 32 of IPv4's have one.  Sources are not: who wants a group
 * from some sources gets it from all.  unread in this file and snoop_parse.c, but where they are
 * quoted: RFC 2236, 2710, 3376, 3810, 4541. */
#pragma once

#include "nic/ethernet.h"

#include <stdbool.h>
#include <stdint.h>

enum snoop_kind { SNOOP_OTHER, SNOOP_REPORT, SNOOP_QUERY };
enum snoop_family { SNOOP_IPV4, SNOOP_IPV6, SNOOP_FAMILIES };

struct snoop_message {
    enum snoop_kind kind;
    enum snoop_family family;
    /* Of a query: its source can be a router's (read in quotations: RFC 4541 2.1.1, not 0.0.0.0;
     * RFC 2710 3, all of MLD is from link-local addresses). */
    bool from_router;
    bool general; /* likewise: about all groups */
};

/* Of a frame of `length` octets, without a tag, whose headers are there (PACKET_HEADER_MIN).
 * Cheap: asked by workers of every frame for a group. */
bool snoop_is_message(const uint8_t *frame, uint32_t length);

/* Octets of a group's address; IPv4's are the first of them. */
#define SNOOP_ADDRESS 16u

/* The whole frame.  Calls want() for each group that a report is about, with its address;
 * SNOOP_OTHER: it is wrong somewhere, and nothing was called. */
typedef void snoop_want_fn(void *ctx, const uint8_t mac[MAC_LEN], const uint8_t *address,
                           bool wanted);
struct snoop_message snoop_parse(const uint8_t *frame, uint32_t length, snoop_want_fn *want,
                                 void *ctx);
/* Frames for these go to all, whoever wants them: what every host listens to. */
bool snoop_is_for_all(const uint8_t mac[MAC_LEN]);

/* A query of our own, without tag: of all groups, or about one (NULL: all).  Its length; at most
 * SNOOP_QUERY_MAX, and at least FRAME_PADDED. */
#define SNOOP_QUERY_MAX 96u
uint32_t snoop_make_query(uint8_t frame[SNOOP_QUERY_MAX], enum snoop_family family,
                          const uint8_t *group, const uint8_t source[MAC_LEN]);
/* Of which family the groups with that MAC are. */
static inline enum snoop_family snoop_family_of(const uint8_t mac[MAC_LEN])
{
    return mac[0] == 0x33 ? SNOOP_IPV6 : SNOOP_IPV4;
}
